//! Documents that delete a resource that the project protects.

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::manifests::State;

pub(crate) const PROTECTED_ABSENT: Explanation = Explanation::new(
    "protected-absent",
    "A document declares a resource absent that the project protects.",
    "deskstate never deletes protected resources.",
    "Remove the document, or narrow the pattern under `protect`.",
);

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for declared in context
        .resources
        .iter()
        .filter(|declared| declared.state == State::Absent)
    {
        let pattern = context
            .project
            .protect
            .iter()
            .find(|pattern| pattern.value.matches(&declared.key));
        if let Some(pattern) = pattern {
            diagnostics.push(
                Diagnostic::error(
                    PROTECTED_ABSENT.code,
                    format!("{} is declared absent and protected", declared.key),
                )
                .at(declared.name_span, "`state: absent`")
                .also(pattern.span, "never deleted by anything")
                .help("remove the document, or narrow the pattern under `protect`"),
            );
        }
    }
}
