//! Productivity panes that several profiles use.

use std::collections::HashMap;

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::kinds::AppProfile;
use crate::manifests::State;

pub(crate) const SHARED_PANE: Explanation = Explanation::new(
    "shared-pane",
    "Two profiles have the same productivity pane.",
    "The admin page creates one pane per profile. A change of the pane may affect both profiles.",
    "Give each profile its own pane, unless you want this.",
);

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let mut used = HashMap::new();
    for declared in context
        .resources
        .iter()
        .filter(|declared| declared.state != State::Absent)
    {
        let Some(profile) = AppProfile::of(&declared.spec) else {
            continue;
        };
        let Some(pane) = profile.productivity_pane().spanned() else {
            continue;
        };
        if let Some((first, place)) = used.insert(
            pane.value.name().folded().to_owned(),
            (&declared.key.name, pane.span),
        ) {
            diagnostics.push(
                Diagnostic::warning(SHARED_PANE.code, format!("{first} and {} share the pane `{}`", declared.key.name, pane.value))
                    .at(pane.span, "here too")
                    .also(place, "first here")
                    .help("the admin page makes one pane per profile, and a change there may reach both: give each its own"),
            );
        }
    }
}
