//! Two documents of the same kind and name.

use std::collections::HashMap;

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;

pub(crate) const DUPLICATE_RESOURCE: Explanation = Explanation::new(
    "duplicate-resource",
    "A resource is declared twice for one environment, or a contract, a rule id or an overlay document exists twice.",
    "Names are compared without case and surrounding spaces, as in the database.",
    "Remove or rename one of the two documents, or limit each to different environments with `metadata.environments`.",
);

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let mut seen = HashMap::with_capacity(context.resources.len());
    for declared in context.resources {
        let Some(first) = seen.insert(&declared.key, declared) else {
            continue;
        };
        let (first, second) = if first.name_span < declared.name_span {
            (first, declared)
        } else {
            (declared, first)
        };
        seen.insert(&first.key, first);
        let spelling = if first.key.name.as_written() == second.key.name.as_written() {
            String::new()
        } else {
            format!(
                ", written `{}` and `{}`: names are compared without case",
                first.key.name, second.key.name
            )
        };
        diagnostics.push(
            Diagnostic::error(
                DUPLICATE_RESOURCE.code,
                format!("{} is declared twice{spelling}", second.key),
            )
            .at(second.name_span, "again")
            .also(first.name_span, "first here")
            .help("remove one of the two documents, or rename one"),
        );
    }
}
