//! Documents that ask for the deletion of something that the project protects.

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::manifests::State;

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
                    "protected-absent",
                    format!("{} is declared absent and protected", declared.key),
                )
                .at(declared.name_span, "`state: absent`")
                .also(pattern.span, "never deleted by anything")
                .help("remove the document, or narrow the pattern under `protect`"),
            );
        }
    }
}
