//! Links: those that come back, and those that go.

use deskstate_model::tables::PROFILE_USERS;
use deskstate_model::{Diagnostic, Relationship, Table, tables};
use uuid::Uuid;

use super::super::SavedLink;
use super::{UNDO_CHANGED, UNDO_LATER_FIRST, UNDO_LINK, Undoing};
use crate::apps::live_app;
use crate::columns::{self};
use crate::live::User;
use crate::plan::{Change, Difference, FieldChange, Operation};
use crate::referrers::set_word;

impl Undoing<'_> {
    pub(super) fn unlink(&mut self, saved: &SavedLink, change: &mut Change) {
        if let Some(relationship) = columns::relationship(&saved.relationship)
            && (!self.has_nowhere_to_return(relationship, saved)
                || self.other_profile(relationship, saved).is_some())
            && self
                .live
                .links(relationship)
                .pairs
                .contains(&(saved.owner, saved.member))
        {
            self.show_link(relationship, saved, false, change);
            change.operations.push(Operation::Unlink {
                relationship,
                owner: saved.owner,
                member: saved.member,
            });
        }
    }

    pub(super) fn link(&mut self, saved: &SavedLink, change: &mut Change) {
        let Some(relationship) = columns::relationship(&saved.relationship) else {
            return;
        };
        if self
            .live
            .links(relationship)
            .pairs
            .contains(&(saved.owner, saved.member))
        {
            return;
        }
        if !self.is_there(relationship.owner, saved.owner)
            || !self.is_there(relationship.member, saved.member)
        {
            let name = format!(
                "`{}` of `{}`",
                self.label(relationship.member, saved.member),
                self.label(relationship.owner, saved.owner)
            );
            if self.leaves_none(relationship, saved.owner) {
                let word = set_word(relationship.schema_name);
                let owner = self.label(relationship.owner, saved.owner);
                let message = format!(
                    "`{owner}` would be left without `{word}`: the link to {name} cannot be restored, because one of its rows no longer exists"
                );
                let finding = Diagnostic::error(UNDO_CHANGED.code, message);
                self.diagnostics.push(finding.help(UNDO_LATER_FIRST));
                return;
            }
            self.diagnostics.push(Diagnostic::warning(
                UNDO_LINK.code,
                format!("the link to {name} cannot be restored: one of its rows no longer exists"),
            ));
            return;
        }
        if let Some(profile) = self.other_profile(relationship, saved) {
            if self.completed.contains(saved) {
                let user = self.label(relationship.member, saved.member);
                let own = self.label(relationship.owner, saved.owner);
                let message = format!(
                    "the link to `{user}` of `{own}` is not restored: a user has one profile, and keeps `{profile}`"
                );
                let finding = Diagnostic::warning(UNDO_LINK.code, message);
                self.diagnostics.push(finding);
                return;
            }
            let user = self.label(relationship.member, saved.member);
            let own = self.label(relationship.owner, saved.owner);
            self.diagnostics.push(
                Diagnostic::error(
                    UNDO_CHANGED.code,
                    format!(
                        "`{user}` does not get the profile `{own}` back: a user has one profile, and this one has `{profile}`"
                    ),
                )
                .help(format!("take the user out of `{profile}`, or keep it and do not undo")),
            );
            return;
        }
        self.show_link(relationship, saved, true, change);
        change.operations.push(Operation::Link {
            relationship,
            owner: saved.owner,
            member: saved.member,
        });
    }

    /// Reports users whom a profile takes along to its old app, where they have another profile by now.
    pub(super) fn second_by_app(&mut self, profile: Uuid) {
        let (live, now) = (self.live, live_app(self.live, profile));
        let restored = self.apps.get(&profile);
        if now.is_none() || restored.is_none() || now.as_ref() == restored {
            return;
        }
        for user in live.links(&PROFILE_USERS).members(profile) {
            let link = SavedLink {
                relationship: PROFILE_USERS.schema_name.to_owned(),
                owner: profile,
                member: user,
            };
            if self.linked.contains(&link) {
                continue;
            }
            if let Some(other) = self.other_profile(&PROFILE_USERS, &link) {
                let (user, own) = (
                    self.label(&tables::USER, user),
                    self.label(&tables::PROFILE, profile),
                );
                self.diagnostics.push(
                    Diagnostic::error(
                        UNDO_CHANGED.code,
                        format!(
                            "the old app of `{own}` does not come back: `{user}` would have two profiles there, this one and `{other}`"
                        ),
                    )
                    .help(format!("take the user out of `{other}`, or keep the new app and do not undo")),
                );
            }
        }
    }

    /// Whether a row exists, or comes back. Users are not read as a whole, so none counts as gone.
    pub(super) fn is_there(&self, table: &'static Table, id: Uuid) -> bool {
        table == &tables::USER
            || self.live.row(table, id).is_some()
            || self.coming.contains_key(&id)
    }

    /// Whether this undo would take the last members out of a set, or bring back a profile without them to which users return from one that
    /// works.
    fn leaves_none(&self, relationship: &'static Relationship, owner: Uuid) -> bool {
        let of_owner =
            |link: &SavedLink| link.relationship == relationship.schema_name && link.owner == owner;
        let goes = |member: Uuid| {
            let mut made = self.linked.iter();
            made.any(|link| of_owner(link) && link.member == member) || self.going.contains(&member)
        };
        let mut stay = self.live.links(relationship).members(owner).peekable();
        let has_some = stay.peek().is_some();
        let mut back = self.left.iter().filter(|link| of_owner(link));
        let none_back = !back.any(|link| self.is_there(relationship.member, link.member));
        none_back
            && match self.coming.contains_key(&owner) {
                true => self.users_return(owner),
                false => has_some && stay.all(goes),
            }
    }

    /// Whether users come back to a profile from one that the apply gave them.
    fn users_return(&self, profile: Uuid) -> bool {
        let users = PROFILE_USERS.schema_name;
        let mut back = self.left.iter();
        back.any(|link| {
            let has_another = |profile: &Uuid| {
                let link = SavedLink {
                    owner: *profile,
                    ..(*link).clone()
                };
                self.linked.contains(&link)
            };
            let mut now = self.live.links(&PROFILE_USERS).owners(link.member).iter();
            link.relationship == users && link.owner == profile && now.any(has_another)
        })
    }

    /// A user who moved to a profile from others that are gone, and would have none without it.
    pub(super) fn stranded(&self, profile: Uuid) -> Option<Uuid> {
        let mut users = self.live.links(&PROFILE_USERS).members(profile);
        users.find(|user| {
            let link = SavedLink {
                relationship: PROFILE_USERS.schema_name.to_owned(),
                owner: profile,
                member: *user,
            };
            let is_unfit = self
                .live
                .found
                .users
                .get(user)
                .and_then(User::unfit)
                .is_some();
            !is_unfit
                && self.has_nowhere_to_return(&PROFILE_USERS, &link)
                && self.other_profile(&PROFILE_USERS, &link).is_none()
        })
    }

    /// Whether a user moved here from profiles that are gone: without this one, the user would have none.
    fn has_nowhere_to_return(
        &self,
        relationship: &'static Relationship,
        saved: &SavedLink,
    ) -> bool {
        let mut before = self.left.iter().filter(|link| {
            link.relationship == saved.relationship
                && link.member == saved.member
                && self.may_be_one_app(link.owner, saved.owner)
        });
        let is_gone = |link: &&SavedLink| !self.is_there(relationship.owner, link.owner);
        relationship.schema_name == PROFILE_USERS.schema_name
            && before.clone().next().is_some()
            && before.all(is_gone)
    }

    /// The app of a profile that exists or comes back, as the undo leaves it.
    fn app(&self, profile: Uuid) -> Option<String> {
        let restored = self.apps.get(&profile).cloned();
        restored.or_else(|| live_app(self.live, profile))
    }

    /// Whether two profiles may be for one app. Unknown counts as one: a user with two profiles is worse than an undo that is refused.
    fn may_be_one_app(&self, left: Uuid, right: Uuid) -> bool {
        let apps = self.app(left).zip(self.app(right));
        apps.is_none_or(|(left, right)| left == right)
    }

    /// Another profile of a user for the same app, unless this undo takes the user out of it.
    fn other_profile(
        &self,
        relationship: &'static Relationship,
        saved: &SavedLink,
    ) -> Option<String> {
        if relationship.schema_name != PROFILE_USERS.schema_name {
            return None;
        }
        let profiles = self.live.links(relationship).owners(saved.member).iter();
        let mut profiles = profiles
            .filter(|owner| **owner != saved.owner && self.may_be_one_app(**owner, saved.owner));
        let other = profiles.find(|owner| {
            let link = SavedLink {
                owner: **owner,
                ..saved.clone()
            };
            !self.linked.contains(&link) && !self.going.contains(*owner)
        })?;
        Some(self.label(relationship.owner, *other))
    }

    /// Shows a link, unless its row is shown already.
    fn show_link(
        &self,
        relationship: &'static Relationship,
        saved: &SavedLink,
        comes: bool,
        change: &mut Change,
    ) {
        let link = self.linked(relationship, saved, comes);
        let is_shown = change
            .fields
            .iter()
            .any(|field| field.path == link.path && field.difference == link.difference);
        if !is_shown {
            change.fields.push(link);
        }
    }

    fn linked(
        &self,
        relationship: &'static Relationship,
        saved: &SavedLink,
        comes: bool,
    ) -> FieldChange {
        let member = self.label(relationship.member, saved.member);
        let left = self.live.links(relationship).owners(saved.member).iter();
        let left = left.filter(|owner| {
            relationship.schema_name == PROFILE_USERS.schema_name
                && comes
                && **owner != saved.owner
                && self.may_be_one_app(**owner, saved.owner)
        });
        let left: Vec<String> = left
            .map(|owner| self.label(relationship.owner, *owner))
            .collect();
        let note = (!left.is_empty()).then(|| format!("moves from {}", left.join(", ")));
        FieldChange {
            path: set_word(relationship.schema_name).to_owned(),
            difference: if comes {
                Difference::Added { member, note }
            } else {
                Difference::Removed { member, note }
            },
            span: None,
            wire: relationship.schema_name.to_owned(),
        }
    }
}
