//! Display names where the logical name of a table is needed.

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::given::Given;
use crate::offer::Offer;
use crate::parameters::ParameterValue;
use crate::record::Value;
use crate::span::Span;

pub(crate) const LOGICAL_NAME: Explanation = Explanation::new(
    "logical-name",
    "A table is written by its display name.",
    "Dataverse knows tables by their logical names, which are lower case: cases are `incident`. With another name, the session or tab does not open.",
    "Write the logical name. Power Apps shows it in the properties of the table.",
);

/// What Microsoft calls its tables, and their logical names.
const CALLED: &[(&str, &str)] = &[
    ("account", "account"),
    ("case", "incident"),
    ("contact", "contact"),
    ("phone call", "phonecall"),
];

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for declared in context.resources {
        for (field, given) in declared.spec.record().fields() {
            let Given::Value(value) = given else { continue };
            match value.value {
                Value::Text(text) if field.words.form == "Logical name" => {
                    diagnostics.extend(display_name(field.word, text, value.span));
                }
                Value::Parameters(parameters) => {
                    if let Some(table) = parameters.get("entityName")
                        && let ParameterValue::Text(text) = &table.value
                    {
                        diagnostics.extend(display_name("entityName", text, table.span));
                    }
                }
                _ => {}
            }
        }
    }
}

fn display_name(word: &str, written: &str, span: Span) -> Option<Diagnostic> {
    let folded = written.trim().to_lowercase();
    let singular = folded.strip_suffix('s').unwrap_or(&folded);
    let called = CALLED
        .iter()
        .find(|(name, _)| *name == folded || *name == singular);
    let is_name = written == written.trim() && !written.contains(' ');
    let known = called.map(|(_, logical)| (*logical).to_owned());
    let known = known.or_else(|| is_name.then(|| folded.clone()));
    // A slug is replaced when the tab opens.
    if written.contains('{') || known.as_deref() == Some(written) {
        return None;
    }
    let diagnostic = Diagnostic::warning(
        LOGICAL_NAME.code,
        format!("`{written}` is not the logical name of a table"),
    )
    .at(span, format!("in `{word}`"));
    Some(match known {
        Some(known) => diagnostic
            .help(format!("did you mean `{known}`?"))
            .offering(Offer::Whole(known)),
        None => diagnostic
            .help("write the logical name, which is lower case, such as `incident` for cases"),
    })
}
