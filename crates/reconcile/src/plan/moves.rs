//! Users who move from one profile to another: a user has one profile per app.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use deskstate_model::{
    Diagnostic, Explanation, Kind, Relationship, ResourceKey, SetMode, Span, State, tables,
};
use uuid::Uuid;

use super::planner::{Declaring, Draft, Listed, Planner};
use super::sets::{Moved, Wanted};
use super::{Difference, FieldChange, Operation, Options};
use crate::apps::live_app;
use crate::live::Live;
use crate::lookup::Match;
use crate::lower::Desired;
use crate::state::{DeclaredResource, DeclaredSet, RowKey, Stored, fold};

pub(crate) const USER_HAS_PROFILE: Explanation = Explanation::new(
    "user-has-profile",
    "A user who is added to a set, or whom a profile takes along to another app, already has another profile there, whose users the project does not declare.",
    "A user has one profile. deskstate does not remove the user from the other profile; its owner has to decide that. A document of the other profile without `users` decides nothing.",
    "Write `moves: allow` in the set, declare the `users` of the other profile, or remove the user from the set.",
);

pub(crate) const USER_HAS_TWO_PROFILES: Explanation = Explanation::new(
    "user-has-two-profiles",
    "A user of a declared profile has another profile of the same app, which the project does not declare or whose users it does not list.",
    "A user has one profile, and no page says which of two an agent gets.",
    "Remove the user from one of the two profiles in the environment, or declare the `users` of both.",
);

pub(crate) const USER_STAYS: Explanation = Explanation::new(
    "user-stays",
    "A user keeps a profile, although the manifests give the user another one. The profile is not deleted, either.",
    "A user has one profile, and needs one. A rule of `ignore` leaves the users of the other profile as they are, or the other profile was not selected, so only half of the move could be written.",
    "Plan both profiles. If a rule of `ignore` accepts one half of the move, remove the rule, or declare the user where the user is now.",
);

/// What the project says of a user who has a profile and gets another one.
pub(super) enum Stance {
    Undeclared,
    /// The profile is declared without `users`.
    Silent,
    /// A rule of `ignore` leaves the users of the profile as they are.
    Accepted,
    /// The profile keeps users whom it does not name, so only another profile can take this one out.
    Keeps,
    /// The user may leave, and no other change takes the user out.
    LetsGo,
    /// The change of that profile takes the user out.
    TakesOut,
}

impl<'a> Planner<'a> {
    /// Removes a user who gets this profile from other profiles of the same app, since a user has one profile per app.
    pub(super) fn leave_others(
        &mut self,
        draft: &mut Draft<'a>,
        set: &DeclaredSet,
        member: &Wanted,
    ) -> Moved {
        let others = self.other_profiles(draft, set.relationship, member.id);
        let others: Vec<(Uuid, String, Stance)> = others
            .into_iter()
            .map(|other| {
                let name = self.live.label(&tables::PROFILE, other);
                let stance = self.stance(other, &name, member.id);
                (other, name, stance)
            })
            .collect();
        let mut kept = others.iter();
        if let Some((_, name, _)) = kept.find(|(_, _, stance)| matches!(stance, Stance::Accepted)) {
            if self.only_compares {
                return Moved::From(format!(
                    "stays in {name}, whose users a rule of `ignore` accepts"
                ));
            }
            let message = format!(
                "`{}` stays in the profile `{name}`, whose users a rule of `ignore` accepts, and does not get this one",
                member.label
            );
            self.findings.blocked(
                set.field.word,
                Diagnostic::warning(USER_STAYS.code, message)
                    .at(member.span, "a user has one profile")
                    .help("remove the rule, or declare the user there"),
            );
            return Moved::Stays;
        }
        let mut from = Vec::new();
        for (other, name, stance) in others {
            // Of profiles whose users the project does not list.
            let (why, help) = match stance {
                Stance::Undeclared => ("is not declared here", "declare that profile"),
                _ => ("is declared without `users`", "declare its `users`"),
            };
            match stance {
                // Its own change shows the removal, and its review counts it.
                Stance::TakesOut => {}
                Stance::LetsGo | Stance::Keeps => self.unlink_from(draft, set, other, member.id),
                // Seen to before.
                Stance::Accepted => {}
                _ if set.moves => self.unlink_from(draft, set, other, member.id),
                _ if self.only_compares => {
                    return Moved::From(format!(
                        "has the profile `{name}`, which {why}, so only a set with `moves: allow` takes the user back"
                    ));
                }
                _ => {
                    let message =
                        format!("`{}` has the profile `{name}`, which {why}", member.label);
                    self.findings.blocked(
                        set.field.word,
                        Diagnostic::error(USER_HAS_PROFILE.code, message)
                            .at(member.span, "a user has one profile")
                            .help(format!(
                                "write `moves: allow` in the set, {help}, or remove the user"
                            )),
                    );
                    return Moved::Stays;
                }
            }
            from.push(name);
        }
        match from.as_slice() {
            [] => Moved::Free,
            from => Moved::From(format!("moves from {}", from.join(", "))),
        }
    }

    /// Whether a user stays, because the profile that declares the user does not get the user in this plan: a rule of `ignore` leaves that
    /// profile as it is, or it is not planned. Taken out here, the user would have none.
    pub(super) fn keeps_for_another(
        &mut self,
        draft: &Draft<'a>,
        set: &DeclaredSet,
        member: Uuid,
        span: Span,
    ) -> bool {
        if set.relationship != &tables::PROFILE_USERS {
            return false;
        }
        let app = self.app_of(draft.resource, draft.row);
        let key = &draft.resource.key;
        let Some((why, help)) = self.stranded(key, draft.id, app.as_deref(), member) else {
            return false;
        };
        let user = self.live.label(&tables::USER, member);
        self.findings.blocked(
            set.field.word,
            Diagnostic::warning(USER_STAYS.code, format!("`{user}` stays in {key}: {why}"))
                .at(span, "a user has one profile")
                .help(help),
        );
        true
    }

    /// Whether a profile stays, because without it users would have none.
    pub(super) fn strands(
        &mut self,
        key: &ResourceKey,
        profile: Uuid,
        declared_at: Option<Span>,
    ) -> bool {
        let Some((user, why, help)) = self.left_without(key, profile) else {
            return false;
        };
        let user = self.live.label(&tables::USER, user);
        let message = format!("{key} is not deleted, because `{user}` stays in it: {why}");
        let finding = Diagnostic::warning(USER_STAYS.code, message).help(help);
        match declared_at {
            Some(span) => {
                let finding = finding.at(span, "declared absent here");
                self.findings.blocked("", finding);
            }
            None => self.findings.warn(finding),
        }
        true
    }

    /// The first user of a profile who would have none without it, and why.
    pub(super) fn left_without(
        &mut self,
        key: &ResourceKey,
        profile: Uuid,
    ) -> Option<(Uuid, String, &'static str)> {
        let app = live_app(self.live, profile);
        let live = self.live;
        let mut users = live.links(&tables::PROFILE_USERS).members(profile);
        users.find_map(|user| {
            let (why, help) = self.stranded(key, profile, app.as_deref(), user)?;
            Some((user, why, help))
        })
    }

    /// Why a user who leaves a profile would have none: another profile of the app declares the user, and does not get the user in this plan.
    fn stranded(
        &mut self,
        own: &ResourceKey,
        profile: Uuid,
        app: Option<&str>,
        member: Uuid,
    ) -> Option<(String, &'static str)> {
        if self.only_compares {
            return None;
        }
        let (desired, live) = (self.desired, self.live);
        let declaring = self
            .declaring
            .get_or_insert_with(|| declaring_users(desired, live));
        let others = declaring.get(&member).cloned().unwrap_or_default();
        let others: Vec<Declaring<'_>> = others
            .into_iter()
            .filter(|other| {
                let id = live.find(&other.profile.row.key).one();
                let is_in_app = match (id, app, self.app_of(other.profile, None)) {
                    (Some(id), ..) => self.same_app(id, app),
                    (None, Some(app), Some(other)) => *app == other,
                    (None, ..) => true,
                };
                let is_held = self.comes_by_solution(other.profile, app);
                other.profile.key != *own && (is_in_app || is_held)
            })
            .collect();
        let is_planned = |other: &Declaring<'_>| {
            let planned = self.planned;
            let planned = planned.is_none_or(|planned| planned.contains(&other.profile.key));
            planned && !other.is_accepted && !self.comes_by_solution(other.profile, app)
        };
        // Who gets another profile, or keeps one, loses nothing here.
        let other = others.first()?;
        if others.iter().any(is_planned) || self.keeps_another(profile, app, member) {
            return None;
        }
        let key = &other.profile.key;
        Some(match other.is_accepted {
            true => (
                format!("a rule of `ignore` accepts that {key} lacks the user"),
                "remove the rule, or declare the user here",
            ),
            false if self.comes_by_solution(other.profile, app) => (
                format!("{key} declares the user, and is still in another app"),
                "import the solution that changes the app, and apply again",
            ),
            false => (
                format!("{key} declares the user, and is not part of this plan"),
                "plan both profiles, so that the user moves",
            ),
        })
    }

    /// Whether a profile is declared for an app to which only a solution can take it, because the environment takes nothing but assignments.
    fn comes_by_solution(&self, profile: &DeclaredResource, app: Option<&str>) -> bool {
        let declared = declared_app(profile);
        self.options.assigns_only
            && declared.is_some()
            && declared.as_deref() == app
            && self.app_of(profile, None) != declared
    }

    /// Whether an undeclared row may be pruned in this plan.
    fn may_prune(&self, key: &ResourceKey) -> bool {
        let options = self.options;
        let prefix = crate::extras::prefix(key.name.as_written());
        options.only.is_none()
            && prefix.is_some_and(|prefix| options.prune.contains(&prefix))
            && !options.protect.iter().any(|glob| glob.matches(key))
            && !options.declared_now.contains(key)
    }

    /// Whether a user has another profile of the app that neither goes nor takes the user out. If all of them would, the first one keeps the
    /// user.
    fn keeps_another(&mut self, profile: Uuid, app: Option<&str>, member: Uuid) -> bool {
        let others = self.others_of(profile, app, &tables::PROFILE_USERS, member);
        others.into_iter().any(|other| {
            let name = self.live.label(&tables::PROFILE, other);
            let key = ResourceKey::new(Kind::APP_PROFILE, &name);
            if self.planned.is_some_and(|planned| !planned.contains(&key)) {
                return true;
            }
            match self.stance(other, &name, member) {
                Stance::TakesOut | Stance::LetsGo => other < profile,
                Stance::Undeclared => !self.may_prune(&key) || other < profile,
                Stance::Silent | Stance::Accepted | Stance::Keeps => true,
            }
        })
    }

    fn unlink_from(
        &mut self,
        draft: &mut Draft<'a>,
        set: &DeclaredSet,
        profile: Uuid,
        member: Uuid,
    ) {
        if self.unlinked.insert((set.relationship, profile, member)) {
            draft.operations.push(Operation::Unlink {
                relationship: set.relationship,
                owner: profile,
                member,
            });
        }
    }

    /// Completes a move of which somebody made one half by hand: the user has this profile, and still the one that the user would leave if
    /// this plan added the user here. Nobody moves to a profile that is switched off, or whose app or the other one's is unknown.
    pub(super) fn complete_move(
        &mut self,
        draft: &mut Draft<'a>,
        set: &DeclaredSet,
        member: &Wanted,
    ) {
        for other in self.other_profiles(draft, set.relationship, member.id) {
            let name = self.live.label(&tables::PROFILE, other);
            let stance = self.stance(other, &name, member.id);
            if !self.is_left(draft, set, other, &stance) {
                continue;
            }
            self.unlink_from(draft, set, other, member.id);
            draft.fields.push(FieldChange {
                path: set.field.word.to_owned(),
                difference: Difference::Removed {
                    member: in_profile(&member.label, &name),
                    note: Some("a user has one profile".to_owned()),
                },
                span: Some(member.span),
                wire: set.relationship.schema_name.to_owned(),
            });
        }
    }

    /// Whether a user of this profile leaves another one. No manifest can say that a user has two, so nothing of it is adopted.
    fn is_left(&self, draft: &Draft<'a>, set: &DeclaredSet, other: Uuid, stance: &Stance) -> bool {
        set.lets_leave(stance)
            && self.app_of(draft.resource, draft.row).is_some()
            && live_app(self.live, other).is_some()
            && !stays_off(draft)
            && !self.options.adopts
    }

    /// Reports a user who has this profile and another one that keeps the user.
    pub(super) fn report_second_profile(
        &mut self,
        draft: &Draft<'a>,
        set: &DeclaredSet,
        member: &Wanted,
    ) {
        for other in self.other_profiles(draft, set.relationship, member.id) {
            let name = self.live.label(&tables::PROFILE, other);
            let stance = self.stance(other, &name, member.id);
            if let Stance::Undeclared | Stance::Silent | Stance::Accepted | Stance::Keeps = stance
                && !self.is_left(draft, set, other, &stance)
            {
                let message = format!(
                    "`{}` has the profile `{name}`, too, so it is unknown which desktop the user gets",
                    member.label
                );
                self.findings.warn(
                    Diagnostic::warning(USER_HAS_TWO_PROFILES.code, message)
                        .at(member.span, "a user has one profile")
                        .help("remove the user from one of the two profiles in the environment"),
                );
            }
        }
    }

    /// The other profiles of the same app that a user has.
    pub(super) fn other_profiles(
        &self,
        draft: &Draft<'a>,
        relationship: &'static Relationship,
        member: Uuid,
    ) -> Vec<Uuid> {
        let app = self.app_of(draft.resource, draft.row);
        self.others_of(draft.id, app.as_deref(), relationship, member)
    }

    pub(super) fn others_of(
        &self,
        profile: Uuid,
        app: Option<&str>,
        relationship: &'static Relationship,
        member: Uuid,
    ) -> Vec<Uuid> {
        let links = self.live.links(relationship);
        let owners = links.owners(member).iter().copied();
        owners
            .filter(|owner| *owner != profile && self.same_app(*owner, app))
            .collect()
    }

    /// What the project says of a user who has this profile.
    pub(super) fn stance(&mut self, profile: Uuid, name: &str, member: Uuid) -> Stance {
        let key = ResourceKey::new(Kind::APP_PROFILE, name);
        let mut accepted = self.options.users_accepted.iter();
        let is_accepted = accepted.any(|glob| glob.matches(&key));
        match self.own_stance(profile, &key, member) {
            Stance::Undeclared | Stance::Silent | Stance::Keeps if is_accepted => Stance::Accepted,
            stance => stance,
        }
    }

    fn own_stance(&mut self, profile: Uuid, key: &ResourceKey, member: Uuid) -> Stance {
        let desired = self.desired;
        let Some(resource) = desired.resources.get(key) else {
            return Stance::Undeclared;
        };
        if resource.state == State::Absent {
            return Stance::LetsGo;
        }
        let is_planned = self.planned.is_none_or(|planned| planned.contains(key));
        let mut accepted = resource.accepted.iter();
        let mut stance = match accepted.any(|set| set.relationship == &tables::PROFILE_USERS) {
            true => Stance::Accepted,
            false => Stance::Silent,
        };
        for set in &resource.sets {
            if set.relationship != &tables::PROFILE_USERS {
                continue;
            }
            let listed = self.listed.entry(profile).or_insert_with(|| {
                let live = self.live;
                let fit = |key: &RowKey| fit(live, key);
                Listed {
                    users: declared_users(live, set)
                        .into_iter()
                        .map(|(id, _)| id)
                        .collect(),
                    without: set
                        .without
                        .iter()
                        .filter_map(|member| fit(&member.key))
                        .collect(),
                    is_complete: set.members.iter().all(|member| fit(&member.key).is_some())
                        && set.from_teams.iter().all(|(team, _)| {
                            let found = live.found.teams.get(&fold(team));
                            found.is_some_and(|teams| {
                                !teams.is_empty() && teams.iter().all(|team| !team.cut)
                            })
                        }),
                }
            });
            if listed.users.contains(&member) {
                // Reported as a user in two profiles.
                return Stance::LetsGo;
            }
            let takes_out = set.mode == SetMode::Exact || listed.without.contains(&member);
            stance = match (takes_out, listed.is_complete && is_planned) {
                (true, true) => Stance::TakesOut,
                (true, false) => Stance::LetsGo,
                (false, _) => Stance::Keeps,
            };
        }
        stance
    }

    pub(super) fn app_of(
        &self,
        resource: &DeclaredResource,
        row: Option<&crate::live::ObservedRow>,
    ) -> Option<String> {
        // Where only assignments are written, a profile stays in its app.
        if self.options.assigns_only
            && let Some(id) = self.live.find(&resource.row.key).one()
        {
            return live_app(self.live, id);
        }
        let column = crate::kinds::profile("app").column;
        declared_app(resource).or_else(|| row.and_then(|row| row.row.text(column)).map(fold))
    }

    /// Reports a user who is listed in two profiles of one app, since they would move back and forth with every run. Names are not enough
    /// to detect this: a team may contain the user, and a user has several names.
    pub(super) fn double_assignments(&mut self, options: &Options) {
        let desired = self.desired;
        let profiles = desired
            .resources
            .values()
            .filter(|resource| resource.key.kind == Kind::APP_PROFILE);
        let mut wanted: BTreeMap<(Uuid, Option<String>), (&ResourceKey, Span)> = BTreeMap::new();
        for resource in profiles {
            let row = self
                .live
                .find(&resource.row.key)
                .one()
                .and_then(|id| self.live.row(&tables::PROFILE, id));
            let app = self.app_of(resource, row);
            let sets = resource
                .sets
                .iter()
                .filter(|set| set.relationship == &tables::PROFILE_USERS);
            for set in sets {
                for (user, span) in declared_users(self.live, set) {
                    let entry = wanted.entry((user, app.clone()));
                    let (first, place) = *entry.or_insert((&resource.key, span));
                    if first == &resource.key {
                        continue;
                    }
                    let name = self.live.label(&tables::USER, user);
                    let diagnostic = Diagnostic::error(
                        "user-in-two-profiles",
                        format!("`{name}` would get both {first} and {}", resource.key),
                    )
                    .at(span, "wanted here")
                    .also(place, "and here")
                    .help("a user has one profile: remove the user from one of the two");
                    for key in [first, &resource.key] {
                        let looked_at = options.includes(key).then_some(key);
                        self.findings.about(looked_at);
                        self.findings.blocked(set.field.word, diagnostic.clone());
                    }
                }
            }
        }
    }

    pub(super) fn same_app(&self, profile: Uuid, app: Option<&str>) -> bool {
        let name = self.live.label(&tables::PROFILE, profile);
        let key = ResourceKey::new(Kind::APP_PROFILE, &name);
        // A profile that changes its app in this plan belongs to the new one.
        let is_planned = self.planned.is_none_or(|planned| planned.contains(&key));
        let declared = self.desired.resources.get(&key).filter(|_| is_planned);
        let declared = declared.and_then(|resource| self.app_of(resource, None));
        match (app, declared.or_else(|| live_app(self.live, profile))) {
            (Some(app), Some(other)) => app == other,
            // Unknown counts as the same app: two profiles of one app are worse than one refusal.
            _ => true,
        }
    }
}

/// What a plan shows of a user who leaves a profile by the change of another one.
pub(crate) fn in_profile(user: &str, profile: &str) -> String {
    format!("{user} in {profile}")
}

/// Whether a profile is switched off after the plan.
fn stays_off(draft: &Draft<'_>) -> bool {
    let column = crate::kinds::profile("status").column;
    let mut columns = draft.resource.row.columns.iter();
    match columns.find(|declared| declared.field.column == column) {
        Some(declared) => declared.value != Stored::Number(0),
        None => draft
            .row
            .is_some_and(|row| crate::kinds::is_inactive(&row.row)),
    }
}

impl DeclaredSet {
    /// Whether a user of this set leaves another profile, of which the project says this, by the change of this one.
    fn lets_leave(&self, stance: &Stance) -> bool {
        match stance {
            Stance::Keeps => true,
            Stance::Undeclared | Stance::Silent => self.moves,
            Stance::Accepted | Stance::LetsGo | Stance::TakesOut => false,
        }
    }
}

/// The app that a document gives a profile.
fn declared_app(profile: &DeclaredResource) -> Option<String> {
    let column = crate::kinds::profile("app");
    let mut columns = profile.row.columns.iter();
    let declared = columns.find(|declared| declared.field.word == column.word)?;
    match &declared.value {
        Stored::Text(app) => Some(fold(app)),
        _ => None,
    }
}

/// The users whom profiles declare. A document of a row that is to be deleted declares nobody.
fn declaring_users<'a>(desired: &'a Desired, live: &Live) -> HashMap<Uuid, Vec<Declaring<'a>>> {
    let mut found: HashMap<Uuid, Vec<Declaring<'a>>> = HashMap::new();
    let mut add = |profile: &'a DeclaredResource, sets: &[DeclaredSet], is_accepted: bool| {
        let sets = sets
            .iter()
            .filter(|set| set.relationship == &tables::PROFILE_USERS);
        for (user, _) in sets.flat_map(|set| declared_users(live, set)) {
            found.entry(user).or_default().push(Declaring {
                profile,
                is_accepted,
            });
        }
    };
    let present = desired.resources.values();
    for profile in present.filter(|profile| profile.state != State::Absent) {
        add(profile, &profile.sets, false);
        add(profile, &profile.accepted, true);
    }
    for profile in &desired.stays_missing {
        add(profile, &profile.sets, true);
        add(profile, &profile.accepted, true);
    }
    found
}

/// The user with a key, also one who can no longer sign in.
fn fit(live: &Live, key: &RowKey) -> Option<Uuid> {
    match live.find(key) {
        Match::One(id) | Match::Unfit(id, _) => Some(id),
        _ => None,
    }
}

/// Users in a set, listed directly or through teams, but for those whom it keeps out.
pub(super) fn declared_users(live: &Live, set: &DeclaredSet) -> Vec<(Uuid, Span)> {
    let without: BTreeSet<Uuid> = set
        .without
        .iter()
        .filter_map(|member| fit(live, &member.key))
        .collect();
    let named = set
        .members
        .iter()
        .filter_map(|member| Some((live.find(&member.key).one()?, member.span)));
    let from_teams = set.from_teams.iter().flat_map(|(team, span)| {
        let teams = live.found.teams.get(&fold(team));
        teams
            .into_iter()
            .flatten()
            .flat_map(|team| &team.members)
            .filter(|id| {
                live.found
                    .users
                    .get(id)
                    .is_some_and(|user| user.unfit().is_none())
            })
            .map(move |id| (*id, *span))
    });
    let wanted = named.chain(from_teams);
    let mut users: Vec<(Uuid, Span)> = wanted.filter(|(id, _)| !without.contains(id)).collect();
    users.sort();
    users.dedup_by_key(|(id, _)| *id);
    users
}
