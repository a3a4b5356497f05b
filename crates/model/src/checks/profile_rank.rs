//! Ranks of profiles: they must differ, and be set where roles decide.

use std::collections::BTreeMap;

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::kinds::{AppProfile, Status};
use crate::manifests::State;

pub(crate) const PROFILE_RANK: Explanation = Explanation::new(
    "profile-rank",
    "Two profiles have the same rank, or a profile with roles has none.",
    "The lower rank decides which profile a person with several roles gets. The admin page refuses the same rank twice.",
    "Give each profile a different rank from 0 to 100.",
);

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let mut ranks = BTreeMap::new();
    for declared in context
        .resources
        .iter()
        .filter(|declared| declared.state != State::Absent)
    {
        let Some(profile) = AppProfile::of(&declared.spec) else {
            continue;
        };
        // Nobody gets an inactive profile.
        if profile.status().value() == Some(Status::Inactive) {
            continue;
        }
        if let Some(rank) = profile.rank().spanned() {
            if let Some((first, place)) = ranks.insert(rank.value, (&declared.key.name, rank.span))
            {
                diagnostics.push(
                    Diagnostic::error(
                        PROFILE_RANK.code,
                        format!(
                            "{first} and {} have the same rank {}",
                            declared.key.name, rank.value
                        ),
                    )
                    .at(rank.span, "again")
                    .also(place, "first here")
                    .help("give each profile a different rank; the lower one wins"),
                );
            }
            continue;
        }
        let roles = profile.roles().spanned();
        let roles = roles.filter(|roles| roles.value.members().next().is_some());
        if let Some(roles) = roles.filter(|_| declared.state == State::Present) {
            diagnostics.push(
                Diagnostic::warning(PROFILE_RANK.code, format!("{} is given by roles and has no `rank`", declared.key.name))
                    .at(roles.span, "roles without a rank")
                    .help("add `rank`, 0 to 100: it decides which profile a person with several roles gets"),
            );
        }
    }
}
