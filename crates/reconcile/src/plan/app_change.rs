//! Users of a profile that goes to another app, where they may have a profile already.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{Diagnostic, Kind, ResourceKey, State, tables};
use uuid::Uuid;

use super::Operation;
use super::moves::{Stance, USER_HAS_PROFILE};
use super::planner::{Draft, Planner};
use crate::apps::live_app;

impl<'a> Planner<'a> {
    /// Reports users whom a change of `app` would give a second profile: they come along, and keep the one that they have there.
    pub(super) fn second_by_app(&mut self, draft: &Draft<'a>) {
        if draft.resource.key.kind != Kind::APP_PROFILE || self.only_compares {
            return;
        }
        let live = self.live;
        let column = crate::kinds::profile("app");
        let mut columns = draft.resource.row.columns.iter();
        let Some(declared) = columns.find(|declared| declared.field.word == column.word) else {
            return;
        };
        let app = self.app_of(draft.resource, None);
        if draft.row.is_none() || live_app(live, draft.id) == app {
            return;
        }
        let goes: BTreeSet<Uuid> = draft
            .operations
            .iter()
            .filter_map(|operation| match operation {
                Operation::Unlink { owner, member, .. } if *owner == draft.id => Some(*member),
                _ => None,
            })
            .collect();
        let mut both: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for user in live.links(&tables::PROFILE_USERS).members(draft.id) {
            if goes.contains(&user)
                || (self.unlinked).contains(&(&tables::PROFILE_USERS, draft.id, user))
            {
                continue;
            }
            for other in self.other_profiles(draft, &tables::PROFILE_USERS, user) {
                let name = live.label(&tables::PROFILE, other);
                let stays = match self.stance(other, &name, user) {
                    Stance::TakesOut => false,
                    // Listed by both: reported as a user in two profiles. Or the profile is deleted.
                    Stance::LetsGo => !self.is_absent(&name) && !self.lists(draft, user),
                    _ => true,
                };
                if stays {
                    let users = both.entry(name).or_default();
                    users.push(live.label(&tables::USER, user));
                }
            }
        }
        for (other, mut users) in both {
            users.sort();
            let more = users.len().saturating_sub(5);
            users.truncate(5);
            let mut names: Vec<String> = users.iter().map(|user| format!("`{user}`")).collect();
            if more > 0 {
                names.push(format!("{more} more"));
            }
            let message = format!(
                "the new app of {} gives a second profile to users of `{other}`: {}",
                draft.resource.key,
                names.join(", ")
            );
            self.findings.blocked(
                column.word,
                Diagnostic::error(USER_HAS_PROFILE.code, message)
                    .at(declared.span, "a user has one profile in each app")
                    .help(format!(
                        "take them out of this profile or of `{other}` first"
                    )),
            );
        }
    }

    fn is_absent(&self, profile: &str) -> bool {
        let key = ResourceKey::new(Kind::APP_PROFILE, profile);
        let resource = self.desired.resources.get(&key);
        resource.is_some_and(|resource| resource.state == State::Absent)
            && self.planned.is_none_or(|planned| planned.contains(&key))
    }

    /// Whether the profile itself declares a user.
    fn lists(&self, draft: &Draft<'a>, user: Uuid) -> bool {
        let mut sets = draft.resource.sets.iter();
        sets.any(|set| {
            set.relationship == &tables::PROFILE_USERS
                && super::moves::declared_users(self.live, set)
                    .iter()
                    .any(|(id, _)| *id == user)
        })
    }
}
