//! Sets of links: who comes, who goes, and where a user comes from.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{Diagnostic, SetMode, Span, State};
use uuid::Uuid;

use super::planner::{Draft, Planner};
use super::{Difference, FieldChange, Operation, RowTarget};
use crate::kinds::tables;
use crate::live::Access;
use crate::lookup::Match;
use crate::state::{DeclaredMember, DeclaredSet, Lookup, RowKey, Universe, fold};
use crate::table::Relationship;

/// A member with its id, and where it is written.
struct Wanted {
    id: Uuid,
    label: String,
    span: Span,
    note: Option<String>,
}

impl<'a> Planner<'a> {
    pub(super) fn sets(&mut self, draft: &mut Draft<'a>) {
        for set in &draft.resource.sets {
            self.set(draft, set);
        }
    }

    fn set(&mut self, draft: &mut Draft<'a>, set: &'a DeclaredSet) {
        let links = self.live.links(set.relationship);
        if !links.access.is_whole() {
            self.unseen(draft, set, &links.access);
            return;
        }
        let wanted = self.wanted(set);
        let live: BTreeSet<Uuid> = match draft.row {
            Some(row) => links
                .members(row.id)
                .filter(|id| self.speaks_of(set, *id))
                .collect(),
            None => BTreeSet::new(),
        };
        let wanted_ids: BTreeSet<Uuid> = wanted.iter().map(|member| member.id).collect();
        for member in wanted.iter().filter(|member| !live.contains(&member.id)) {
            self.link(draft, set, member);
        }
        let unwanted: BTreeMap<Uuid, Span> = set
            .without
            .iter()
            .filter_map(|member| Some((self.live.find(&member.key).one()?, member.span)))
            .collect();
        for id in live.iter().filter(|id| !wanted_ids.contains(id)) {
            let span = match set.mode {
                SetMode::Exact => Some(set.span),
                SetMode::AtLeast => unwanted.get(id).copied(),
            };
            if let Some(span) = span {
                self.unlink(draft, set, *id, span);
            }
        }
    }

    /// Whether the set says anything about the link to this member.
    fn speaks_of(&self, set: &DeclaredSet, member: Uuid) -> bool {
        match &set.universe {
            Universe::All => true,
            Universe::Except(key) => self.live.find(key).one() != Some(member),
            Universe::Only(key) => self.live.find(key).one() == Some(member),
        }
    }

    /// Members by id, each once, in the order of the manifest.
    fn wanted(&mut self, set: &'a DeclaredSet) -> Vec<Wanted> {
        let mut wanted: Vec<Wanted> = Vec::new();
        let mut seen = BTreeSet::new();
        for member in &set.members {
            if let Some(found) = self.member(member)
                && seen.insert(found.id)
            {
                wanted.push(found);
            }
        }
        for (team, span) in &set.from_teams {
            for found in self.team_members(team, *span) {
                if seen.insert(found.id) {
                    wanted.push(found);
                }
            }
        }
        wanted
    }

    fn member(&mut self, member: &DeclaredMember) -> Option<Wanted> {
        if let RowKey::Found(Lookup::User(name)) = &member.key
            && let Match::Unfit(_, why) = self.live.find(&member.key)
        {
            self.diagnostics.push(
                Diagnostic::warning("user-skipped", format!("`{name}` is {why} and is skipped"))
                    .at(member.span, "named here")
                    .help("take the user out of the set, or enable the user in the environment"),
            );
            return None;
        }
        let Some((_, id)) = self.id_of(&member.key) else {
            self.report_missing(&member.key, member.span);
            return None;
        };
        let label = match &member.key {
            RowKey::Found(Lookup::User(_)) => self.live.label(&tables::USER, id),
            key => key.label(),
        };
        let note = member
            .implied
            .then(|| "comes with a channel provider".to_owned());
        Some(Wanted {
            id,
            label,
            span: member.span,
            note,
        })
    }

    fn team_members(&mut self, team: &str, span: Span) -> Vec<Wanted> {
        let (diagnostic, members) = match (
            self.live.look_up(&Lookup::Team(team.to_owned())),
            self.live.found.teams.get(&fold(team)),
        ) {
            (Match::One(_), Some(teams)) if teams.iter().any(|team| team.cut) => (
                Some(format!(
                    "team `{team}` has 5,000 members or more, and the rest is not shown"
                )),
                Vec::new(),
            ),
            (Match::One(_), Some(teams)) => (
                None,
                teams
                    .iter()
                    .flat_map(|team| team.members.iter().copied())
                    .collect(),
            ),
            (Match::Several(_), _) => (
                Some(format!("several teams are called `{team}`")),
                Vec::new(),
            ),
            (Match::Unknown(why), _) => (
                Some(format!("team `{team}` cannot be read: {why}")),
                Vec::new(),
            ),
            _ => (
                Some(format!("the environment has no team `{team}`")),
                Vec::new(),
            ),
        };
        if let Some(message) = diagnostic {
            self.diagnostics
                .push(Diagnostic::error("team-unreadable", message).at(span, "named here"));
            return Vec::new();
        }
        let fit: Vec<Uuid> = members
            .into_iter()
            .filter(|id: &Uuid| {
                self.live
                    .found
                    .users
                    .get(id)
                    .is_some_and(|user| user.unfit().is_none())
            })
            .collect();
        if fit.is_empty() {
            // An empty answer is what a caller without rights gets, too.
            self.diagnostics.push(
                Diagnostic::error(
                    "team-unreadable",
                    format!("team `{team}` has no member that the caller can see"),
                )
                .at(span, "named here")
                .help("add somebody to the team, or let the caller read it and its users"),
            );
        }
        fit.into_iter()
            .map(|id| Wanted {
                id,
                label: self.live.label(&tables::USER, id),
                span,
                note: Some(format!("in team {team}")),
            })
            .collect()
    }

    fn link(&mut self, draft: &mut Draft<'a>, set: &'a DeclaredSet, member: &Wanted) {
        let mut note = member.note.clone();
        if set.relationship == &tables::PROFILE_USERS
            && let Some(moved) = self.leave_others(draft, set, member)
        {
            match moved {
                Ok(from) => note = Some(from),
                Err(diagnostic) => {
                    self.diagnostics.push(*diagnostic);
                    return;
                }
            }
        }
        draft.operations.push(Operation::Link {
            relationship: set.relationship,
            owner: draft.id,
            member: member.id,
        });
        draft.fields.push(FieldChange {
            path: set.field.word.to_owned(),
            difference: match &set.universe {
                Universe::Only(_) => Difference::Value {
                    before: false.into(),
                    after: true.into(),
                },
                Universe::All | Universe::Except(_) => Difference::Added {
                    member: member.label.clone(),
                    note,
                },
            },
            span: Some(member.span),
            wire: set.relationship.schema_name.to_owned(),
        });
    }

    /// One profile per user and app: a user who gets this one leaves any other of the same app.
    fn leave_others(
        &mut self,
        draft: &mut Draft<'a>,
        set: &DeclaredSet,
        member: &Wanted,
    ) -> Option<Result<String, Box<Diagnostic>>> {
        let app = self.app_of(draft);
        let others: Vec<Uuid> = self
            .live
            .links(set.relationship)
            .owners(member.id)
            .iter()
            .copied()
            .filter(|owner| *owner != draft.id && self.same_app(*owner, app.as_deref()))
            .collect();
        let mut from = Vec::new();
        for other in others {
            let name = self.live.label(&tables::PROFILE, other);
            let declared = self.desired.resources.values().any(|resource| {
                resource.state != State::Absent
                    && resource.key.kind == deskstate_model::Kind::AppProfile
                    && resource.key.name.folded() == fold(&name)
            });
            if !declared && !set.moves {
                return Some(Err(Box::new(
                    Diagnostic::error(
                        "user-has-profile",
                        format!("`{}` has the profile `{name}`, which is not declared here", member.label),
                    )
                    .at(member.span, "a user has one profile")
                    .help("write `moves: allow` into the set, declare that profile, or leave the user out"),
                )));
            }
            if self.unlinked.insert((set.relationship, other, member.id)) {
                draft.operations.push(Operation::Unlink {
                    relationship: set.relationship,
                    owner: other,
                    member: member.id,
                });
            }
            from.push(name);
        }
        (!from.is_empty()).then(|| Ok(format!("moves from {}", from.join(", "))))
    }

    fn app_of(&self, draft: &Draft<'a>) -> Option<String> {
        let column = crate::kinds::field(crate::kinds::app_profile::FIELDS, "app");
        let declared = draft
            .resource
            .row
            .columns
            .iter()
            .find(|declared| declared.field.word == column.word);
        match declared.map(|declared| &declared.value) {
            Some(crate::state::Stored::Text(app)) => Some(fold(app)),
            _ => draft
                .row
                .and_then(|row| row.row.text(column.column))
                .map(fold),
        }
    }

    fn same_app(&self, profile: Uuid, app: Option<&str>) -> bool {
        let column = crate::kinds::field(crate::kinds::app_profile::FIELDS, "app").column;
        let other = self
            .live
            .row(&tables::PROFILE, profile)
            .and_then(|row| row.row.text(column))
            .map(fold);
        match (app, other) {
            (Some(app), Some(other)) => app == other,
            // Nobody can say, and two profiles of one app are worse than one refusal.
            _ => true,
        }
    }

    fn unlink(&mut self, draft: &mut Draft<'a>, set: &'a DeclaredSet, member: Uuid, span: Span) {
        if !self.unlinked.insert((set.relationship, draft.id, member)) {
            return;
        }
        let label = self.live.label(set.relationship.member, member);
        draft.operations.push(Operation::Unlink {
            relationship: set.relationship,
            owner: draft.id,
            member,
        });
        let gone = set.members_are_parts && self.is_orphan(set.relationship, draft.id, member);
        if gone && let Some(row) = self.live.row(set.relationship.member, member) {
            let target = RowTarget {
                table: set.relationship.member,
                id: member,
                label: label.clone(),
            };
            let version = self.version(set.relationship.member, row);
            draft.operations.push(Operation::Delete {
                row: target,
                version,
            });
        }
        draft.fields.push(FieldChange {
            path: set.field.word.to_owned(),
            difference: match &set.universe {
                Universe::Only(_) => Difference::Value {
                    before: true.into(),
                    after: false.into(),
                },
                Universe::All | Universe::Except(_) => Difference::Removed {
                    member: label,
                    note: gone.then(|| "deleted with its link".to_owned()),
                },
            },
            span: Some(span),
            wire: set.relationship.schema_name.to_owned(),
        });
    }

    /// Nobody else links to the row, nobody declares it, and it is not somebody else's.
    fn is_orphan(&self, relationship: &'static Relationship, owner: Uuid, member: Uuid) -> bool {
        let Some(row) = self.live.row(relationship.member, member) else {
            return false;
        };
        let name = relationship
            .member
            .name
            .and_then(|column| row.row.text(column))
            .map(fold)
            .unwrap_or_default();
        let others = self
            .live
            .links(relationship)
            .owners(member)
            .iter()
            .any(|other| *other != owner);
        let declared = self.desired.resources.values().flat_map(|resource| {
            std::iter::once(&resource.row.key)
                .chain(resource.parts.iter().map(|part| &part.key))
                .chain(
                    resource
                        .sets
                        .iter()
                        .flat_map(|set| set.members.iter().map(|member| &member.key)),
                )
        });
        let named = declared
            .filter_map(|key| match key {
                RowKey::Named { table, name } if *table == relationship.member => {
                    Some(name.folded())
                }
                _ => None,
            })
            .any(|declared| declared == name);
        !others && !named && !row.is_managed() && !name.starts_with("msdyn_")
    }

    /// Links that cannot be seen as a whole are neither made nor taken away.
    fn unseen(&mut self, draft: &Draft<'a>, set: &DeclaredSet, access: &Access) {
        let why = match access {
            Access::Whole => return,
            Access::Partial(why) | Access::Refused(why) => why.clone(),
            Access::Absent => "the environment has no such table".to_owned(),
        };
        self.diagnostics.push(
            Diagnostic::error("unreadable", format!("nobody can say which `{}` {} has: {why}", set.field.word, draft.resource.key))
                .at(set.span, "cannot be planned")
                .help("give the caller read access to the whole organisation (`deskstate doctor` lists what is missing)"),
        );
    }
}
