//! Reads rows again before a write that cannot be bound to a version.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use deskstate_dataverse::{Expand, Filter, Query, Reader};
use deskstate_model::{Table, tables};
use uuid::Uuid;

use super::{ApplyError, Settings, has_parts_of_the_server, unread};
use crate::kinds::part_of;
use crate::live::Live;
use crate::plan::{Guard, Operation, Plan, RowTarget, Seen, Transaction};

/// Rows by table, with their state at planning time.
type Guarded<'a> = BTreeMap<&'static Table, Vec<(&'a RowTarget, &'a Seen)>>;

/// Effects of this apply on rows that it has yet to write.
#[derive(Debug)]
pub(super) struct Own {
    /// Whether a link changes the versions of both of its rows.
    links_move_versions: bool,
    /// Whether a row's version changes when a row that it refers to is deleted.
    deletes_move_versions: bool,
    /// Rows whose version this apply may have changed. They were checked before.
    moved: BTreeSet<Uuid>,
    /// Rows that were read again after a write that may have changed their versions.
    seen: BTreeMap<Uuid, Seen>,
    /// The rows of parts that the server may rewrite, with the row that they belong to.
    parents: HashMap<Uuid, Uuid>,
}

/// Rows that a transaction does not write, but whose versions it may change.
enum Stirred {
    /// Parts of these rows, which the server may rewrite.
    PartsOf(HashSet<Uuid>),
    /// Any row: a delete clears lookups to the row and removes its links.
    Any,
}

impl Own {
    pub(super) fn new(settings: &Settings, plan: &Plan) -> Self {
        Self {
            parents: parents(plan),
            links_move_versions: settings.links_move_versions != Some(false),
            deletes_move_versions: settings.emptied_lookups_move_versions != Some(false),
            moved: BTreeSet::new(),
            seen: BTreeMap::new(),
        }
    }

    /// Starts over after the environment was read completely and the rest was replanned.
    pub(super) fn start_over(&mut self, rest: &Plan) {
        self.moved.clear();
        self.seen.clear();
        self.parents = parents(rest);
    }

    /// Records a committed transaction.
    ///
    /// # Errors
    /// If the rows that have yet to be written cannot be read again.
    pub(super) async fn carried_out(
        &mut self,
        transaction: &Transaction,
        ahead: &VecDeque<Transaction>,
        reader: &Reader,
        done: usize,
    ) -> Result<(), ApplyError> {
        self.moved.extend(self.moves(transaction));
        let guarded = self.stirred_ahead(transaction, ahead);
        for (_, rows) in read(&guarded, reader, done).await? {
            self.seen.extend(rows);
        }
        Ok(())
    }

    fn stirred(&self, transaction: &Transaction) -> Stirred {
        let mut changed = HashSet::new();
        for operation in &transaction.operations {
            match operation {
                Operation::Delete { .. }
                    if self.deletes_move_versions || self.links_move_versions =>
                {
                    return Stirred::Any;
                }
                Operation::Update { row, .. } if has_parts_of_the_server(row.table) => {
                    changed.insert(row.id);
                }
                Operation::Create { .. }
                | Operation::Update { .. }
                | Operation::Delete { .. }
                | Operation::Link { .. }
                | Operation::Unlink { .. } => {}
            }
        }
        Stirred::PartsOf(changed)
    }

    /// Guarded rows of later transactions whose versions a transaction may change.
    fn stirred_ahead<'a>(
        &'a self,
        transaction: &Transaction,
        ahead: &'a VecDeque<Transaction>,
    ) -> Guarded<'a> {
        let stirred = self.stirred(transaction);
        self.guarded(ahead.iter(), |row| match &stirred {
            Stirred::Any => true,
            Stirred::PartsOf(changed) if changed.is_empty() => false,
            Stirred::PartsOf(changed) => {
                let parent = self.parents.get(&row.id);
                parent.map_or(is_part_of_the_server(row.table), |parent| {
                    changed.contains(parent)
                })
            }
        })
    }

    /// Rows whose version a transaction may have changed.
    fn moves(&self, transaction: &Transaction) -> BTreeSet<Uuid> {
        let moves = |operation: &Operation| match operation {
            Operation::Link { .. } | Operation::Unlink { .. } if !self.links_move_versions => {
                Vec::new()
            }
            Operation::Link { owner, member, .. } | Operation::Unlink { owner, member, .. } => {
                vec![*owner, *member]
            }
            Operation::Create {
                row, attaches_to, ..
            } => attaches_to.iter().copied().chain([row.id]).collect(),
            Operation::Update { row, .. } | Operation::Delete { row, .. } => vec![row.id],
        };
        transaction.operations.iter().flat_map(moves).collect()
    }

    /// Those rows of transactions that are read again before they are written, and that concern the caller.
    fn guarded<'a>(
        &'a self,
        transactions: impl Iterator<Item = &'a Transaction>,
        concerns: impl Fn(&RowTarget) -> bool,
    ) -> Guarded<'a> {
        let mut guarded = Guarded::new();
        for (row, seen) in transactions
            .flat_map(|transaction| &transaction.operations)
            .flat_map(looks)
        {
            if !self.moved.contains(&row.id) && concerns(row) {
                let seen = self.seen.get(&row.id).unwrap_or(seen);
                guarded.entry(row.table).or_default().push((row, seen));
            }
        }
        guarded
    }
}

/// The rows of parts that the server writes automatically, with the row of their resource.
fn parents(plan: &Plan) -> HashMap<Uuid, Uuid> {
    let rows = plan.changes.iter().flat_map(|change| {
        let rows = change.operations.iter().filter_map(Operation::changed_row);
        rows.map(|row| (row, change.id))
    });
    let parts = rows.filter(|(row, _)| is_part_of_the_server(row.table));
    parts.map(|(row, parent)| (row.id, parent)).collect()
}

fn is_part_of_the_server(table: &'static Table) -> bool {
    part_of(table).is_some_and(|part| part.server_adds)
}

/// Reads the rows again, in one trip, and compares them with their state at planning time. If there are no such rows, sends nothing.
///
/// Rows of later transactions whose versions this one may change are compared as well.
pub(super) async fn unchanged(
    transaction: &Transaction,
    ahead: &VecDeque<Transaction>,
    own: &Own,
    reader: &Reader,
    done: usize,
) -> Result<(), ApplyError> {
    let mut guarded = own.stirred_ahead(transaction, ahead);
    for (table, rows) in own.guarded(std::iter::once(transaction), |_| true) {
        guarded.entry(table).or_default().extend(rows);
    }
    let found = read(&guarded, reader, done).await?;
    let mut changed = Vec::new();
    for (table, rows) in guarded {
        for (row, seen) in rows {
            let same = found
                .get(table)
                .and_then(|rows| rows.get(&row.id))
                .is_some_and(|now| match (&seen.etag, &now.etag) {
                    (Some(before), Some(now)) => before == now,
                    _ => seen.modified_on == now.modified_on,
                });
            if !same {
                changed.push(format!("{} `{}`", table.logical, row.label));
            }
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    Err(ApplyError::Changed {
        transactions_before: done,
        rows: changed,
    })
}

/// Reads the users of the profiles that a transaction deletes. Somebody who got such a profile after it was read would have none, and a link
/// does not raise the version of its rows everywhere.
pub(super) async fn nobody_joined(
    transaction: &Transaction,
    live: &Live,
    reader: &Reader,
    done: usize,
) -> Result<(), ApplyError> {
    let deleted = transaction
        .operations
        .iter()
        .filter_map(|operation| match operation {
            Operation::Delete { row, .. } if row.table == &tables::PROFILE => Some(row),
            _ => None,
        });
    let deleted: Vec<&RowTarget> = deleted.collect();
    if deleted.is_empty() {
        return Ok(());
    }
    let ids = || deleted.iter().map(|row| row.id);
    let users = &tables::PROFILE_USERS;
    let (owner, member) = (users.owner, users.member);
    // Not every environment answers both.
    let queries = [
        Query::rows(users.intersect_set)
            .select([users.owner_column, users.member_column])
            .filter(Filter::any_of(users.owner_column, ids())),
        Query::rows(owner.set)
            .select([owner.key])
            .expand(Expand::keys(users.schema_name, member.key))
            .filter(Filter::any_of(owner.key, ids())),
    ];
    let answers = reader
        .read(&queries)
        .await
        .map_err(|error| unread(error, done))?;
    let is_read = answers.iter().any(Result::is_ok);
    let rows = answers.iter().flatten().flat_map(|rows| &rows.rows);
    let now: BTreeSet<(Uuid, Uuid)> = rows
        .flat_map(|row| {
            let linked = row
                .uuid(users.owner_column)
                .zip(row.uuid(users.member_column));
            let profile = row.uuid(owner.key);
            let expanded = row.related(users.schema_name).iter();
            let expanded = expanded.filter_map(move |user| Some((profile?, *user)));
            linked.into_iter().chain(expanded).collect::<Vec<_>>()
        })
        .collect();
    let known = &live.links(users).pairs;
    let joined = |profile: Uuid| {
        let mut now = now.range((profile, Uuid::nil())..=(profile, Uuid::max()));
        now.any(|link| !known.contains(link))
    };
    let joined = deleted.iter().filter(|row| !is_read || joined(row.id));
    let rows: Vec<String> = joined
        .map(|row| format!("the users of {} `{}`", row.table.logical, row.label))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    Err(ApplyError::Changed {
        transactions_before: done,
        rows,
    })
}

async fn read(
    guarded: &Guarded<'_>,
    reader: &Reader,
    done: usize,
) -> Result<BTreeMap<&'static Table, BTreeMap<Uuid, Seen>>, ApplyError> {
    if guarded.is_empty() {
        return Ok(BTreeMap::new());
    }
    let queries: Vec<Query> = guarded
        .iter()
        .map(|(table, rows)| {
            // If the environment lacks the column, no time of change was read, and rows are compared by version.
            let dated = rows.iter().any(|(_, seen)| seen.modified_on.is_some());
            Query::rows(table.set)
                .select([table.key].into_iter().chain(dated.then_some("modifiedon")))
                .filter(Filter::any_of(
                    table.key,
                    rows.iter().map(|(row, _)| row.id),
                ))
        })
        .collect();
    let answers = reader
        .read(&queries)
        .await
        .map_err(|error| unread(error, done))?;
    Ok(guarded
        .keys()
        .zip(answers)
        .map(|(table, answer)| {
            let rows = answer.iter().flat_map(|rows| &rows.rows).filter_map(|row| {
                let seen = Seen {
                    etag: row.etag().cloned(),
                    modified_on: row.text("modifiedon").map(str::to_owned),
                };
                Some((row.uuid(table.key)?, seen))
            });
            (*table, rows.collect())
        })
        .collect())
}

/// Rows that an operation changes or deletes without being bound to their version.
fn looks(operation: &Operation) -> Vec<(&RowTarget, &Seen)> {
    match operation {
        Operation::Update {
            row,
            guard: Guard::Look(seen),
            ..
        } => vec![(row, seen)],
        Operation::Delete { row, guard, along } => {
            let own = match guard {
                Guard::Look(seen) => Some((row, seen)),
                Guard::Version(_) => None,
            };
            own.into_iter()
                .chain(along.iter().map(|part| (&part.row, &part.seen)))
                .collect()
        }
        Operation::Update { .. }
        | Operation::Create { .. }
        | Operation::Link { .. }
        | Operation::Unlink { .. } => Vec::new(),
    }
}
