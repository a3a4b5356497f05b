//! Users of a profile that goes to another app, where they may have a profile already.

use std::collections::BTreeMap;

use deskstate_model::{Diagnostic, Kind, ResourceKey, State, tables};
use uuid::Uuid;

use super::moves::{Stance, USER_HAS_PROFILE, declared_users};
use super::planner::{AppChange, Draft, Planner};
use super::sets::{Moved, Wanted};
use super::{Difference, FieldChange, Operation};
use crate::apps::live_app;
use crate::state::{DeclaredResource, DeclaredSet};

impl<'a> Planner<'a> {
    /// Whether a profile that exists goes to another app.
    fn changes_app(&self, draft: &Draft<'a>) -> bool {
        let is_profile = draft.resource.key.kind == Kind::APP_PROFILE && draft.row.is_some();
        let app = is_profile
            .then(|| self.app_of(draft.resource, None))
            .flatten();
        app.is_some() && live_app(self.live, draft.id) != app
    }

    /// Removes a user whom a profile takes along to another app from the profiles there, like a user who is added.
    pub(super) fn arrives(&mut self, draft: &mut Draft<'a>, set: &DeclaredSet, member: &Wanted) {
        if set.relationship != &tables::PROFILE_USERS {
            return;
        }
        if self.only_compares || !self.changes_app(draft) {
            self.complete_move(draft, set, member);
            return self.report_second_profile(draft, set, member);
        }
        match self.leave_others(draft, set, member) {
            Moved::Stays => return,
            Moved::Free => {}
            Moved::From(from) => draft.fields.push(FieldChange {
                path: set.field.word.to_owned(),
                difference: Difference::Added {
                    member: member.label.clone(),
                    note: Some(format!("goes with the profile, {from}")),
                },
                span: Some(member.span),
                wire: set.relationship.schema_name.to_owned(),
            }),
        }
        self.arrived.insert((draft.id, member.id));
    }

    /// Notes a profile that goes to another app. Who gets a second profile is known when every resource is planned.
    pub(super) fn note_app_change(&mut self, draft: &Draft<'a>) {
        if !self.changes_app(draft) {
            return;
        }
        let operations = draft.operations.iter();
        let goes = operations.filter_map(|operation| match operation {
            Operation::Unlink { owner, member, .. } if *owner == draft.id => Some(*member),
            _ => None,
        });
        self.app_changes.push(AppChange {
            resource: draft.resource,
            id: draft.id,
            goes: goes.collect(),
        });
    }

    /// Reports users whom no set lists and whom a change of `app` would give a second profile: they stay in this one, and keep the one that
    /// they have there.
    pub(super) fn second_by_app(&mut self) {
        for change in std::mem::take(&mut self.app_changes) {
            self.findings.about(Some(&change.resource.key));
            let column = crate::kinds::profile("app");
            let mut columns = change.resource.row.columns.iter();
            let Some(declared) = columns.find(|declared| declared.field.word == column.word) else {
                continue;
            };
            for (other, users) in self.in_both(&change) {
                let mut names: Vec<String> = users
                    .iter()
                    .take(5)
                    .map(|user| format!("`{}`", self.live.label(&tables::USER, *user)))
                    .collect();
                names.sort();
                if users.len() > 5 {
                    names.push(format!("{} more", users.len() - 5));
                }
                let message = format!(
                    "the new app of {} gives a second profile to users of `{other}`: {}",
                    change.resource.key,
                    names.join(", ")
                );
                let (severity, what): (fn(&'static str, String) -> Diagnostic, _) =
                    match self.only_compares {
                        true => (Diagnostic::warning, "an apply of it is refused"),
                        false => (Diagnostic::error, "a user has one profile in each app"),
                    };
                let finding = severity(USER_HAS_PROFILE.code, message)
                    .at(declared.span, what)
                    .help(format!(
                        "take them out of this profile or of `{other}` first, or list them in this one with `moves: allow`"
                    ));
                match self.only_compares {
                    true => self.findings.warn(finding),
                    false => self.findings.blocked(column.word, finding),
                }
            }
        }
    }

    /// Users of a profile that goes to another app who stay in a profile there, by its name.
    fn in_both(&mut self, change: &AppChange<'a>) -> BTreeMap<String, Vec<Uuid>> {
        let live = self.live;
        let app = self.app_of(change.resource, None);
        let mut both: BTreeMap<String, Vec<Uuid>> = BTreeMap::new();
        let taken = |planner: &Self, profile: Uuid, user: Uuid| {
            let link = (&tables::PROFILE_USERS, profile, user);
            planner.unlinked.contains(&link)
        };
        for user in live.links(&tables::PROFILE_USERS).members(change.id) {
            let can_sign_in = |user: &Uuid| {
                let known = live.found.users.get(user);
                known.is_none_or(|known| known.unfit().is_none())
            };
            if change.goes.contains(&user)
                || taken(self, change.id, user)
                || self.arrived.contains(&(change.id, user))
                || self.only_compares && self.lists(change.resource, user)
                || !can_sign_in(&user)
            {
                continue;
            }
            let others = self.others_of(change.id, app.as_deref(), &tables::PROFILE_USERS, user);
            for other in others {
                let name = live.label(&tables::PROFILE, other);
                let key = ResourceKey::new(Kind::APP_PROFILE, &name);
                let is_planned = self.planned.is_none_or(|planned| planned.contains(&key));
                let goes = match self.stance(other, &name, user) {
                    Stance::TakesOut => true,
                    Stance::LetsGo => {
                        is_planned
                            && self.is_absent(&key)
                            && self.left_without(&key, other).is_none()
                    }
                    // Whether an undeclared profile is pruned is not known yet.
                    Stance::Undeclared | Stance::Silent | Stance::Accepted | Stance::Keeps => false,
                };
                if !goes && !taken(self, other, user) {
                    both.entry(name).or_default().push(user);
                }
            }
        }
        both
    }

    fn is_absent(&self, profile: &ResourceKey) -> bool {
        let resource = self.desired.resources.get(profile);
        resource.is_some_and(|resource| resource.state == State::Absent)
    }

    /// Whether a profile itself declares a user.
    fn lists(&self, profile: &DeclaredResource, user: Uuid) -> bool {
        let mut sets = profile.sets.iter();
        sets.any(|set| {
            let users = || declared_users(self.live, set).into_iter();
            set.relationship == &tables::PROFILE_USERS && users().any(|(id, _)| id == user)
        })
    }
}
