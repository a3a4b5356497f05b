//! Sets of links: which members are added and removed.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{
    Diagnostic, Explanation, Kind, Relationship, ResourceKey, SetMode, Span, tables,
};
use uuid::Uuid;

use super::planner::{Draft, Planner};
use super::{Difference, FieldChange, Operation, RowTarget};
use crate::live::Access;
use crate::lookup::Match;
use crate::plan::problems::{READ_ALL, UNREADABLE};
use crate::quirks::loader::Loader;
use crate::state::{DeclaredMember, DeclaredSet, Lookup, RowKey, Universe, fold};

pub(crate) const MEMBER_TWICE: Explanation = Explanation::new(
    "member-twice",
    "A set names the same row twice, in different words: as two members, or in `members` and in `without`.",
    "Only the environment tells that two names mean one row: a principal name and an object id can mean one user, and a role without a business unit is that of the root business unit. Roles that always see a CIF v1 provider are members without being listed.",
    "Remove one of the two.",
);

pub(crate) const TEAM_UNREADABLE: Explanation = Explanation::new(
    "team-unreadable",
    "deskstate cannot determine the members of a team in a set.",
    "The team does not exist, is not readable, has no visible member, or is too large to be read completely. With half of the members, the others would lose their profile.",
    "Get read access to the team and its users, or list the users.",
);

pub(crate) const USER_SKIPPED: Explanation = Explanation::new(
    "user-skipped",
    "A set contains users who are disabled, deleted, or applications.",
    "They have no desktop, and the server refuses some of them. deskstate skips them.",
    "Remove the user from the set, or enable the user.",
);

/// A member with its id, and where it is written.
pub(super) struct Wanted {
    pub(super) id: Uuid,
    pub(super) label: String,
    pub(super) span: Span,
    note: Option<String>,
}

/// The result of looking up a declared member.
enum Member {
    Wanted(Wanted),
    /// Listed, but not to be linked. An existing link stays.
    Skipped(Uuid),
    /// Implied, and the environment has no such row.
    NotNeeded,
    /// Not found, or ambiguous.
    Unknown,
}

/// The members of a declared set.
struct Members {
    wanted: Vec<Wanted>,
    kept: BTreeSet<Uuid>,
    /// Whether all of them were found.
    complete: bool,
}

/// What happens with a user who gets a profile.
pub(super) enum Moved {
    /// The user has no other profile.
    Free,
    /// The user leaves other profiles, or cannot leave them by this set. In words.
    From(String),
    /// The user does not get the profile; a finding says why.
    Stays,
}

/// Two entries of a set that mean the same row.
pub(super) fn twice(word: &str, label: &str, second: Span, first: Span) -> Diagnostic {
    Diagnostic::error(
        MEMBER_TWICE.code,
        format!("`{word}` names `{label}` twice, in different words"),
    )
    .at(second, "means the same in this environment")
    .also(first, "as this")
    .help("remove one of the two")
}

impl<'a> Planner<'a> {
    pub(super) fn sets(&mut self, draft: &mut Draft<'a>) {
        for set in &draft.resource.sets {
            self.set(draft, set);
        }
    }

    fn set(&mut self, draft: &mut Draft<'a>, set: &'a DeclaredSet) {
        let links = self.live.links(set.relationship);
        match &links.access {
            Access::Whole => {}
            Access::Absent => return self.lacks_links(set),
            Access::Partial(why) | Access::Refused(why) => return self.unseen(draft, set, why),
        }
        let unwanted = self.unwanted(set);
        let Members {
            wanted,
            kept,
            complete,
        } = self.wanted(set, &unwanted);
        let live: BTreeSet<Uuid> = match draft.row {
            Some(row) => links
                .members(row.id)
                .filter(|id| self.speaks_of(set, *id))
                .collect(),
            None => BTreeSet::new(),
        };
        let wanted_ids: BTreeSet<Uuid> = wanted.iter().map(|member| member.id).collect();
        for member in &wanted {
            match live.contains(&member.id) {
                false => self.link(draft, set, member),
                true => self.arrives(draft, set, member),
            }
        }
        // With unresolved members, it is unknown which live members are declared.
        if !complete {
            return;
        }
        for id in live
            .iter()
            .filter(|id| !wanted_ids.contains(id) && !kept.contains(id))
        {
            let span = match set.mode {
                SetMode::Exact => Some(set.span),
                SetMode::AtLeast => unwanted.get(id).copied(),
            };
            if let Some(span) = span
                && !self.keeps_for_another(draft, set, *id, span)
            {
                self.unlink(draft, set, *id, span, unwanted.contains_key(id));
            }
        }
    }

    /// The members that the set keeps out, and where.
    fn unwanted(&mut self, set: &DeclaredSet) -> BTreeMap<Uuid, Span> {
        let mut unwanted = BTreeMap::new();
        for member in &set.without {
            if let Some(id) = self.look_for_unwanted(&member.key, set.field.word, member.span) {
                unwanted.insert(id, member.span);
            }
        }
        unwanted
    }

    /// Whether the set covers the link to this member.
    fn speaks_of(&self, set: &DeclaredSet, member: Uuid) -> bool {
        match &set.universe {
            Universe::All => true,
            Universe::Except(key) => self.live.find(key).one() != Some(member),
            Universe::Only(key) => self.live.find(key).one() == Some(member),
        }
    }

    /// The members with their ids, without duplicates, in the order of the manifest.
    fn wanted(&mut self, set: &'a DeclaredSet, unwanted: &BTreeMap<Uuid, Span>) -> Members {
        let mut members = Members {
            wanted: Vec::new(),
            kept: BTreeSet::new(),
            complete: true,
        };
        let mut seen = BTreeMap::new();
        for member in &set.members {
            let is_written = !member.implied && member.package.is_none();
            match self.member(set, member) {
                Member::Wanted(found) if let Some(out) = unwanted.get(&found.id) => {
                    members.complete = false;
                    self.findings.blocked(
                        set.field.word,
                        twice(set.field.word, &found.label, found.span, *out),
                    );
                }
                Member::Wanted(found) => match seen.insert(found.id, (found.span, is_written)) {
                    None => members.wanted.push(found),
                    Some((first, true)) if is_written => {
                        members.complete = false;
                        self.findings.blocked(
                            set.field.word,
                            twice(set.field.word, &found.label, found.span, first),
                        );
                    }
                    Some(_) => {}
                },
                Member::Skipped(id) => drop(members.kept.insert(id)),
                Member::NotNeeded => {}
                Member::Unknown => members.complete = false,
            }
        }
        for (team, span) in &set.from_teams {
            // Members who cannot sign in keep what they have, like users who are named.
            let teams = self.live.found.teams.get(&fold(team)).into_iter().flatten();
            let unfit = teams.flat_map(|team| &team.members).filter(|id| {
                let user = self.live.found.users.get(*id);
                user.is_some_and(|user| user.unfit().is_some()) && !unwanted.contains_key(*id)
            });
            members.kept.extend(unfit);
            let found = self.team_members(set, team, *span);
            members.complete &= !found.is_empty();
            for found in found {
                let is_new = seen.insert(found.id, (found.span, false)).is_none();
                if !unwanted.contains_key(&found.id) && is_new {
                    members.wanted.push(found);
                }
            }
        }
        members
    }

    fn member(&mut self, set: &DeclaredSet, member: &DeclaredMember) -> Member {
        if let RowKey::Found(Lookup::User(name)) = &member.key
            && let Match::Unfit(id, why) = self.live.find(&member.key)
        {
            self.findings.warn(
                Diagnostic::warning(
                    USER_SKIPPED.code,
                    format!("`{name}` is {why} and is skipped"),
                )
                .at(member.span, "named here")
                .help("remove the user from the set, or enable the user in the environment"),
            );
            return Member::Skipped(id);
        }
        let loader = Loader::named(&member.key.label()).filter(|_| member.implied);
        if loader.is_some_and(|loader| loader.is_done_without(self.live)) {
            return Member::NotNeeded;
        }
        let Some((_, id)) = self.id_of(&member.key) else {
            self.report_missing(&member.key, set.field.word, member.span);
            return Member::Unknown;
        };
        let label = match &member.key {
            RowKey::Found(Lookup::User(_)) => self.live.label(&tables::USER, id),
            key => key.label(),
        };
        let of_package = || {
            let package = member.package.as_ref()?;
            Some(format!("from package {package}"))
        };
        let note = loader
            .map(|loader| format!("comes with {}", loader.noun))
            .or_else(of_package);
        Member::Wanted(Wanted {
            id,
            label,
            span: member.span,
            note,
        })
    }

    fn team_members(&mut self, set: &DeclaredSet, team: &str, span: Span) -> Vec<Wanted> {
        const READ: &str = "get read access to the team and its users, or list the users";
        let looked_up = self.live.look_up(&Lookup::Team(team.to_owned()));
        let found = self.live.found.teams.get(&fold(team));
        let members: Result<Vec<Uuid>, (String, &str)> = match (looked_up, found) {
            (Match::One(_), Some(teams)) if teams.iter().any(|team| team.cut) => Err((
                format!("team `{team}` has 5,000 members or more, and the rest is not shown"),
                "list the users, or name smaller teams",
            )),
            (Match::One(_), Some(teams)) => Ok(teams
                .iter()
                .flat_map(|team| team.members.iter().copied())
                .collect()),
            (Match::Several(_), _) => Err((
                format!("several teams are called `{team}`"),
                "rename one of them in the environment, or list the users",
            )),
            (Match::Unknown(why), _) => Err((format!("team `{team}` cannot be read: {why}"), READ)),
            _ => Err((
                format!("the environment has no team `{team}`"),
                "correct the name, or create the team in the environment first",
            )),
        };
        let members = match members {
            Ok(members) => members,
            Err((message, help)) => {
                let finding = Diagnostic::error(TEAM_UNREADABLE.code, message).help(help);
                self.findings
                    .unknown(set.field.word, finding.at(span, "named here"));
                return Vec::new();
            }
        };
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
            // A caller without rights also gets an empty answer.
            self.findings.unknown(
                set.field.word,
                Diagnostic::error(
                    TEAM_UNREADABLE.code,
                    format!("team `{team}` has no member that the caller can see"),
                )
                .at(span, "named here")
                .help(
                    "add a member to the team, or give the caller read access to it and its users",
                ),
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
        if set.relationship == &tables::PROFILE_USERS {
            match self.leave_others(draft, set, member) {
                Moved::Free => {}
                Moved::From(from) => {
                    note = Some(match note {
                        Some(note) => format!("{note}, {from}"),
                        None => from,
                    });
                }
                Moved::Stays => return,
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

    fn unlink(
        &mut self,
        draft: &mut Draft<'a>,
        set: &'a DeclaredSet,
        member: Uuid,
        span: Span,
        is_unwanted: bool,
    ) {
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
            let guard = self.guard(set.relationship.member, row);
            draft.operations.push(Operation::Delete {
                row: target,
                guard,
                along: Vec::new(),
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
                    note: match set.from_teams.as_slice() {
                        _ if gone => Some("deleted with its link".to_owned()),
                        [] => self.foreign_prefix(set.relationship, member),
                        _ if is_unwanted => Some("kept out by `without`".to_owned()),
                        [(team, _)] => Some(format!("not in team {team}")),
                        teams => {
                            let names: Vec<&str> = teams.iter().map(|(team, _)| &**team).collect();
                            Some(format!("in none of the teams {}", names.join(", ")))
                        }
                    },
                },
            },
            span: Some(span),
            wire: set.relationship.schema_name.to_owned(),
        });
    }

    /// A remark if the prefix of a member belongs neither to the project nor to one of its packages.
    fn foreign_prefix(&self, relationship: &'static Relationship, member: Uuid) -> Option<String> {
        let own = &self.desired.own_prefixes;
        let row = self.live.row(relationship.member, member)?;
        let name = row.row.text(relationship.member.name?)?;
        let (prefix, _) = name.split_once('_')?;
        let prefix = fold(prefix);
        let is_foreign = !own.is_empty() && !own.contains(&prefix) && prefix != "msdyn";
        is_foreign.then(|| format!("prefix `{prefix}` is not one of this project"))
    }

    /// Whether the row has no other links, is not declared and belongs to nobody else.
    pub(super) fn is_orphan(
        &self,
        relationship: &'static Relationship,
        owner: Uuid,
        member: Uuid,
    ) -> bool {
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
        let named = self.named.contains(&(relationship.member, name.as_str()));
        let whole = self.live.table(relationship.member).access.is_whole();
        let key = Kind::of_table(relationship.member).map(|kind| ResourceKey::new(kind, &name));
        let declared_now = key.is_some_and(|key| self.options.declared_now.contains(&key));
        whole
            && !declared_now
            && !others
            && !named
            && !row.is_managed()
            && !name.starts_with(crate::kinds::MICROSOFT_PREFIX)
    }

    /// Reports a set whose links can be read only partially. Its links are neither added nor removed.
    fn unseen(&mut self, draft: &Draft<'a>, set: &DeclaredSet, why: &str) {
        self.findings.unknown(
            set.field.word,
            Diagnostic::error(
                UNREADABLE.code,
                format!(
                    "it is unknown which `{}` {} has: {why}",
                    set.field.word, draft.resource.key
                ),
            )
            .at(set.span, "cannot be planned")
            .help(READ_ALL),
        );
    }
}
