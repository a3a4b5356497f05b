//! JSON that is longer than its column once it is written as text.

use super::Context;
use crate::decode::stored_length;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::field::{FieldInfo, FieldView, ValueView};
use crate::kinds::Resource;
use crate::set::JsonOrText;
use crate::span::{Span, Spanned};

pub(crate) const TOO_LONG: Explanation = Explanation::new(
    "too-long",
    "A text fits its column, after variables are filled in; JSON as it is stored.",
    "The server refuses longer ones.",
    "Shorten it.",
);

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for declared in context.resources {
        let infos = declared.key.kind.field_infos();
        if !infos.iter().any(|info| {
            info.rule.max_length.is_some_and(|max| max < 1_000_000)
                || info.rule.from_file
                || !info.items.is_empty()
        }) {
            continue;
        }
        for ((word, view), info) in declared.spec.fields().into_iter().zip(infos) {
            if let FieldView::Value(ValueView::Json(value), span) = view {
                too_long(word, &value.to_string(), info, span, diagnostics);
            }
        }
        if let Resource::AppProfile(profile) = &declared.spec {
            for view in profile
                .inbox_views
                .value()
                .map_or(&[][..], |views| &views.members)
            {
                inbox_text(
                    "configuration",
                    view.value.configuration.spanned(),
                    diagnostics,
                );
                inbox_text(
                    "defaultSort",
                    view.value.default_sort.spanned(),
                    diagnostics,
                );
            }
        }
    }
}

fn inbox_text(word: &str, value: Option<&Spanned<JsonOrText>>, diagnostics: &mut Vec<Diagnostic>) {
    let infos = crate::kinds::Kind::AppProfile
        .field_infos()
        .iter()
        .flat_map(|field| field.items);
    if let (Some(value), Some(info)) = (value, infos.clone().find(|info| info.word == word)) {
        too_long(word, &value.value.stored(), info, value.span, diagnostics);
    }
}

fn too_long(
    word: &str,
    stored: &str,
    info: &FieldInfo,
    span: Span,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let length = stored_length(stored);
    if let Some(max) = info
        .rule
        .max_length
        .map(|max| max as usize)
        .filter(|max| length > *max)
    {
        diagnostics.push(
            Diagnostic::error(
                TOO_LONG.code,
                format!("`{word}` has {length} characters as JSON, and at most {max} fit"),
            )
            .at(span, format!("{} too many", length - max))
            .help("shorten it"),
        );
    }
}
