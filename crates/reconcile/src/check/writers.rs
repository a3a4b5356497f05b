//! Who wrote the values that break a contract, and when, as far as the environment shows it.

use std::collections::BTreeMap;

use deskstate_model::{Finding, Holds, Problem, ResourceKey, Table, tables};
use uuid::Uuid;

use super::{Broken, RuleCheck};
use crate::blame::{Blame, Recorded, What};
use crate::live::{Access, Live};
use crate::lookup::Match;
use crate::state::{Lookup, RowKey, fold};

/// The last write of a value, a link or a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastWrite {
    /// The writer, as the environment names them.
    pub who: String,
    /// The time, as the server states it.
    pub when: Option<String>,
    /// The evidence for it.
    pub source: Source,
}

/// The evidence for a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Auditing recorded the write of exactly this value or link, or the deletion.
    Auditing,
    /// The user is the last writer of the row, but may have changed another column.
    Row,
}

impl Broken {
    /// The findings to act on. If no resource passes, these are the findings of the nearest one.
    pub fn leaves(&self) -> Vec<&Finding> {
        match &self.finding.problem {
            Problem::NonePasses { nearest } if !nearest.is_empty() => nearest.iter().collect(),
            _ => vec![&self.finding],
        }
    }

    /// The resource of one of [`Self::leaves`].
    pub fn key_of<'a>(&'a self, leaf: &'a Finding) -> Option<&'a ResourceKey> {
        leaf.key.as_ref().or(self.key.as_ref())
    }
}

/// The rows whose history shows who broke these rules.
pub fn rows_to_ask(checked: &[RuleCheck], live: &Live) -> Vec<(&'static Table, Uuid)> {
    let mut rows = BTreeMap::new();
    for rule in checked {
        let leaves = rule.broken.iter().flat_map(|broken| {
            let leaves = broken.leaves().into_iter();
            leaves.filter_map(|leaf| broken.key_of(leaf))
        });
        let others = rule.others.iter().filter_map(|other| other.key.as_ref());
        for key in leaves.chain(others) {
            let (table, id) = row_of(live, key);
            // A table that does not exist has no history.
            if live.table(table).access != Access::Absent {
                rows.insert(id, table);
            }
        }
    }
    rows.into_iter().map(|(id, table)| (table, id)).collect()
}

/// The row of a resource, or the id that deskstate would have assigned to it: the history of a deleted row is preserved.
fn row_of(live: &Live, key: &ResourceKey) -> (&'static Table, Uuid) {
    let table = key.kind.table();
    let id = match live.table(table).named(key.name.folded()) {
        [id] => *id,
        _ => RowKey::Named {
            table,
            name: key.name.clone(),
        }
        .derived_id(),
    };
    (table, id)
}

/// The last write of the subject of a finding, if it is known.
pub fn last_write(
    live: &Live,
    blame: &Blame,
    key: &ResourceKey,
    finding: &Finding,
) -> Option<LastWrite> {
    let (table, id) = row_of(live, key);
    let audited = |recorded: &Recorded| LastWrite {
        who: blame.writer(recorded.by).name,
        when: Some(recorded.at.clone()),
        source: Source::Auditing,
    };
    if matches!(finding.problem, Problem::Missing) {
        let deleted = blame.newest(id, |what| matches!(what, What::Deleted));
        return deleted.map(audited);
    }
    let word = finding.path.first()?;
    let fields = key.kind.fields().iter();
    let field = fields.into_iter().find(|field| field.word == word)?;
    match field.holds {
        Holds::Parts(_) => None,
        Holds::Set { relationship, .. } => {
            let member = match &finding.problem {
                // Who took another member out says nothing about this one.
                Problem::NotContained { member } => {
                    Some(member_of(live, relationship.member, member)?)
                }
                _ => None,
            };
            let unlinked = blame.newest(id, |what| {
                matches!(what, What::Linked { relationship: of, members, made: false }
                    if of == relationship.schema_name
                        && member.is_none_or(|member| members.contains(&member)))
            });
            unlinked.map(audited)
        }
        _ => {
            let wrote = blame.newest(
                id,
                |what| matches!(what, What::Wrote(columns) if columns.contains_key(field.column)),
            );
            if let Some(wrote) = wrote {
                return Some(audited(wrote));
            }
            let row = live.row(table, id)?;
            let name = match blame.last_writer(row)? {
                (own, Some(_)) => Some(own.name),
                (own, None) => {
                    let shown = row.row.formatted("_modifiedby_value");
                    Some(shown.map_or(own.name, str::to_owned))
                }
            };
            Some(LastWrite {
                who: name?,
                when: row.modified_on().map(str::to_owned),
                source: Source::Row,
            })
        }
    }
}

/// The row of a member that a rule names.
fn member_of(live: &Live, table: &'static Table, name: &str) -> Option<Uuid> {
    if table == &tables::USER {
        return match live.look_up(&Lookup::User(name.to_owned())) {
            Match::One(id) | Match::Unfit(id, _) => Some(id),
            _ => None,
        };
    }
    match live.table(table).named(&fold(name)) {
        [id] => Some(*id),
        _ => None,
    }
}
