//! JSON that is too long for its column once it is serialized.

use super::Context;
use crate::decoder::stored_length;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::given::Given;
use crate::record::{Record, Value};
use crate::span::Span;
use crate::table::Field;

pub(crate) const TOO_LONG: Explanation = Explanation::new(
    "too-long",
    "A text is longer than its column.",
    "The server refuses it. Variables are filled in first, and JSON is counted as it is stored.",
    "Shorten it.",
);

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for declared in context.resources {
        in_record(declared.spec.record(), diagnostics);
    }
}

fn in_record(record: &Record, diagnostics: &mut Vec<Diagnostic>) {
    for (field, given) in record.fields() {
        let Given::Value(value) = given else { continue };
        match value.value {
            Value::Json(json) => too_long(field, &json.to_string(), value.span, diagnostics),
            Value::Set(set) => {
                for member in &set.members {
                    if let Value::Item(record) = &member.value {
                        in_record(record, diagnostics);
                    }
                }
            }
            Value::Items(items) => {
                for item in items {
                    in_record(&item.value, diagnostics);
                }
            }
            _ => {}
        }
    }
}

fn too_long(field: &Field, stored: &str, span: Span, diagnostics: &mut Vec<Diagnostic>) {
    let length = stored_length(stored);
    let max = field.max_length.map(|max| max as usize);
    if let Some(max) = max.filter(|max| length > *max) {
        diagnostics.push(
            Diagnostic::error(
                TOO_LONG.code,
                format!(
                    "`{}` has {length} characters as JSON, at most {max} are allowed",
                    field.word
                ),
            )
            .at(span, format!("{} too many", length - max))
            .help("shorten it"),
        );
    }
}
