//! Orders writes and cuts them into transactions.
//!
//! Within a transaction:
//!
//! ```text
//! 1  creates that hang on no existing row    tabs, fields, scripts, tools, providers      level 0
//!                                            parameters, templates, steps, pane entries   level 1
//!                                            session templates                            level 2
//!                                            profiles                                     level 3
//!                                            role mappings, features, inbox views         level 4
//! 2  updates, each bound to the version that the plan saw; parents before their parts
//! 3  new parts of existing rows
//! 4  unlinks
//! 5  links, users last
//! 6  deletes, leaves first
//! ```
//!
//! Creates go through the levels in ascending order, deletes in descending order. A bound write is never preceded by a write that could
//! change its row's version: a delete of a row whose links are added or removed in the same plan is not bound, but guarded by a reread.
//!
//! No lookup refers to its own level or a higher one, so lookups contain no cycles. Scripts refer to each other through their steps, which
//! are one level higher.
//!
//! A plan that exceeds the maximum size of a transaction is cut between units: a resource with its parts, the links of an owner, a user who
//! moves. Resources come after those they refer to; resources that refer to each other in a cycle form one unit.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use deskstate_dataverse::Value as Wire;
use deskstate_model::{Kind, tables};
use uuid::Uuid;

use super::{Action, Change, Operation, Plan};

/// Writes that are executed together or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Transaction {
    /// The writes, in order.
    pub operations: Vec<Operation>,
    /// Whether the server may add rows of its own after this transaction, so that the environment must be read again before the next.
    pub look_after: bool,
}

/// The settings that the order depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of operations in one transaction.
    pub operations: usize,
    /// Whether the server may automatically create the parts of some rows when those are created.
    pub server_adds_parts: bool,
    /// Whether the server rewrites the parts of some rows when those are changed.
    pub server_rewrites_parts: bool,
}

/// Operations that stay together.
type Unit<'a> = Vec<&'a Operation>;

/// Cuts a plan into transactions: one, unless the server adds rows of its own or the plan exceeds the maximum size.
pub fn transactions(plan: &Plan, limits: Limits) -> Vec<Transaction> {
    let most = limits.operations.max(1);
    let mut transactions = Vec::new();
    let early = rows_before_their_parts(plan, limits);
    let is_early = |operation: &Operation| match operation {
        Operation::Create { row, .. } | Operation::Update { row, .. } => early.contains(&row.id),
        Operation::Delete { .. } | Operation::Link { .. } | Operation::Unlink { .. } => false,
    };
    let all = || plan.changes.iter().flat_map(|change| &change.operations);
    let first: Vec<Unit<'_>> = all()
        .filter(|operation| is_early(operation))
        .map(|operation| vec![operation])
        .collect();
    pack(first, most, true, &mut transactions);
    pack(units(plan, &is_early), most, false, &mut transactions);
    transactions
}

/// Rows to which the server may add the same parts as the plan: new rows, and changed rows that get new parts. Also changed rows whose
/// parts the server rewrites.
fn rows_before_their_parts(plan: &Plan, limits: Limits) -> BTreeSet<Uuid> {
    let parents: BTreeSet<_> = Kind::part_tables()
        .filter(|part| part.server_adds)
        .map(|part| part.parent)
        .collect();
    let operations = || plan.changes.iter().flat_map(|change| &change.operations);
    let growing: BTreeSet<Uuid> = operations()
        .filter_map(|operation| match operation {
            Operation::Create { attaches_to, .. } => *attaches_to,
            _ => None,
        })
        .collect();
    operations()
        .filter_map(|operation| match operation {
            Operation::Create { row, .. } => Some((row, limits.server_adds_parts)),
            Operation::Update { row, .. } => {
                let grows = limits.server_adds_parts && growing.contains(&row.id);
                Some((row, grows || limits.server_rewrites_parts))
            }
            _ => None,
        })
        .filter(|(row, is_early)| *is_early && parents.contains(&row.table))
        .map(|(row, _)| row.id)
        .collect()
}

/// Fills transactions with as many complete units as fit. A unit that is larger than a transaction is cut in the order of the diagram
/// above.
fn pack(units: Vec<Unit<'_>>, most: usize, look_after: bool, transactions: &mut Vec<Transaction>) {
    let mut flush = |mut operations: Unit<'_>| {
        operations.sort_by_cached_key(|operation| rank(operation));
        for chunk in operations.chunks(most) {
            transactions.push(Transaction {
                operations: chunk.iter().copied().cloned().collect(),
                look_after,
            });
        }
    };
    let mut open: Unit<'_> = Vec::new();
    for mut unit in units {
        if open.len() + unit.len() > most {
            flush(std::mem::take(&mut open));
        }
        open.append(&mut unit);
    }
    flush(open);
}

/// The units of a plan: resources with their parts, links, deletes.
fn units<'a>(plan: &'a Plan, is_early: &dyn Fn(&Operation) -> bool) -> Vec<Unit<'a>> {
    let mut rows: Vec<Unit<'a>> = Vec::new();
    let mut links: BTreeMap<(u8, Uuid), Unit<'a>> = BTreeMap::new();
    let mut deletes: Vec<Unit<'a>> = Vec::new();
    for change in &plan.changes {
        let leaving = leaving_members(change);
        let mut own: Unit<'a> = Vec::new();
        for operation in change
            .operations
            .iter()
            .filter(|operation| !is_early(operation))
        {
            match operation {
                Operation::Link {
                    relationship,
                    owner,
                    member,
                }
                | Operation::Unlink {
                    relationship,
                    owner,
                    member,
                } => {
                    // A user's moves are kept together; for other links, the links of an owner are.
                    let key = if *relationship == &tables::PROFILE_USERS {
                        (1, *member)
                    } else {
                        (0, *owner)
                    };
                    links.entry(key).or_default().push(operation);
                }
                Operation::Delete { row, .. } if leaving.contains(&row.id) => {
                    links.entry((0, change.id)).or_default().push(operation);
                }
                Operation::Create { .. } | Operation::Update { .. } | Operation::Delete { .. } => {
                    own.push(operation);
                }
            }
        }
        if change.action == Action::Delete {
            deletes.push(own);
        } else {
            rows.push(own);
        }
    }
    let mut units = dependencies_first(rows);
    units.extend(links.into_values());
    units.extend(deletes);
    units
}

/// Members that a change unlinks. If one of them is also deleted, its deletion stays together with its link.
fn leaving_members(change: &Change) -> BTreeSet<Uuid> {
    change
        .operations
        .iter()
        .filter_map(|operation| match operation {
            Operation::Unlink { member, .. } => Some(*member),
            _ => None,
        })
        .collect()
}

/// Orders units so that each comes after those whose new rows it refers to. A cycle becomes one unit.
///
/// Tarjan's strongly connected components, without recursion: a component is complete once everything that it reaches is complete.
fn dependencies_first(units: Vec<Unit<'_>>) -> Vec<Unit<'_>> {
    let needs = needs(&units);
    let mut search = Search::new(units.len());
    for unit in 0..units.len() {
        search.visit(unit, &needs);
    }
    let mut units: Vec<Option<Unit<'_>>> = units.into_iter().map(Some).collect();
    search
        .components
        .into_iter()
        .map(|mut members| {
            members.sort_unstable();
            members
                .into_iter()
                .filter_map(|unit| units[unit].take())
                .flatten()
                .collect()
        })
        .collect()
}

/// For each unit, the units whose new rows it refers to.
fn needs(units: &[Unit<'_>]) -> Vec<Vec<usize>> {
    let mut made_by: HashMap<Uuid, usize> = HashMap::new();
    for (index, unit) in units.iter().enumerate() {
        for operation in unit {
            if let Operation::Create { row, .. } = operation {
                made_by.insert(row.id, index);
            }
        }
    }
    let bound = |operation: &Operation| -> Vec<Uuid> {
        match operation {
            Operation::Create { body, .. } | Operation::Update { body, .. } => body
                .iter()
                .filter_map(|(_, value)| match value {
                    Wire::Bind { id, .. } => Some(*id),
                    Wire::Cell(_) | Wire::Unbind => None,
                })
                .collect(),
            Operation::Delete { .. } | Operation::Link { .. } | Operation::Unlink { .. } => {
                Vec::new()
            }
        }
    };
    units
        .iter()
        .enumerate()
        .map(|(index, unit)| {
            let others: BTreeSet<usize> = unit
                .iter()
                .flat_map(|operation| bound(operation))
                .filter_map(|id| made_by.get(&id).copied())
                .filter(|other| *other != index)
                .collect();
            others.into_iter().collect()
        })
        .collect()
}

/// The state of Tarjan's search.
struct Search {
    /// When a unit was first visited, from 1; 0 means never.
    seen: Vec<usize>,
    low: Vec<usize>,
    on_path: Vec<bool>,
    path: Vec<usize>,
    count: usize,
    components: Vec<Vec<usize>>,
}

impl Search {
    fn new(units: usize) -> Self {
        Self {
            seen: vec![0; units],
            low: vec![0; units],
            on_path: vec![false; units],
            path: Vec::new(),
            count: 0,
            components: Vec::new(),
        }
    }

    fn enter(&mut self, unit: usize) {
        self.count += 1;
        self.seen[unit] = self.count;
        self.low[unit] = self.count;
        self.on_path[unit] = true;
        self.path.push(unit);
    }

    fn visit(&mut self, start: usize, needs: &[Vec<usize>]) {
        if self.seen[start] != 0 {
            return;
        }
        self.enter(start);
        let mut calls = vec![(start, 0)];
        while let Some((unit, next)) = calls.last_mut() {
            let unit = *unit;
            if let Some(other) = needs[unit].get(*next).copied() {
                *next += 1;
                if self.seen[other] == 0 {
                    self.enter(other);
                    calls.push((other, 0));
                } else if self.on_path[other] {
                    self.low[unit] = self.low[unit].min(self.seen[other]);
                }
                continue;
            }
            calls.pop();
            if let Some((caller, _)) = calls.last() {
                self.low[*caller] = self.low[*caller].min(self.low[unit]);
            }
            if self.low[unit] == self.seen[unit] {
                self.finish(unit);
            }
        }
    }

    fn finish(&mut self, root: usize) {
        let mut members = Vec::new();
        while let Some(unit) = self.path.pop() {
            self.on_path[unit] = false;
            members.push(unit);
            if unit == root {
                break;
            }
        }
        self.components.push(members);
    }
}

/// Position in the diagram above; operations of equal rank are ordered by table, name and id.
fn rank(operation: &Operation) -> (u8, i16, &'static str, String, Uuid, Uuid) {
    let level = |row: &super::RowTarget| i16::from(row.table.level);
    match operation {
        Operation::Create {
            row,
            attaches_to: None,
            ..
        } => (
            1,
            level(row),
            row.table.logical,
            row.label.clone(),
            row.id,
            Uuid::nil(),
        ),
        Operation::Update { row, .. } => (
            2,
            level(row),
            row.table.logical,
            row.label.clone(),
            row.id,
            Uuid::nil(),
        ),
        Operation::Create {
            row,
            attaches_to: Some(parent),
            ..
        } => (
            3,
            level(row),
            row.table.logical,
            row.label.clone(),
            *parent,
            row.id,
        ),
        Operation::Unlink {
            relationship,
            owner,
            member,
        } => (
            4,
            0,
            relationship.schema_name,
            String::new(),
            *owner,
            *member,
        ),
        Operation::Link {
            relationship,
            owner,
            member,
        } => {
            let users_last = i16::from(*relationship == &tables::PROFILE_USERS);
            (
                5,
                users_last,
                relationship.schema_name,
                String::new(),
                *owner,
                *member,
            )
        }
        Operation::Delete { row, .. } => (
            6,
            -level(row),
            row.table.logical,
            row.label.clone(),
            row.id,
            Uuid::nil(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use deskstate_model::Holds;

    #[test]
    fn no_lookup_points_to_its_own_level_or_a_higher_one_so_rows_cannot_form_a_circle() {
        let mut looked_at = 0;
        let mut check = |table: &deskstate_model::Table, field: &deskstate_model::Field| {
            if let Holds::Lookup {
                to: deskstate_model::Referent::Named(to),
                ..
            } = field.holds
            {
                assert!(
                    to.level < table.level,
                    "{}.{} points to {}",
                    table.logical,
                    field.column,
                    to.logical
                );
                looked_at += 1;
            }
        };
        for kind in Kind::all() {
            kind.fields()
                .iter()
                .for_each(|field| check(kind.table(), field));
        }
        for part in Kind::part_tables() {
            assert!(
                part.parent.level < part.table.level,
                "{} hangs on {}",
                part.table.logical,
                part.parent.logical
            );
            part.fields
                .iter()
                .for_each(|field| check(part.table, field));
        }
        assert!(looked_at >= 3, "anchor tabs, routes and tools at least");
    }

    #[test]
    fn units_that_need_each_other_become_one_and_stand_after_what_they_need() {
        let mut search = Search::new(5);
        // 0 and 1 need each other, 1 needs 3, 2 needs 0; 4 is independent.
        let needs = vec![vec![1], vec![0, 3], vec![0], vec![], vec![]];
        for unit in 0..5 {
            search.visit(unit, &needs);
        }
        let components: Vec<Vec<usize>> = search
            .components
            .into_iter()
            .map(|mut members| {
                members.sort_unstable();
                members
            })
            .collect();
        assert_eq!(components, vec![vec![3], vec![0, 1], vec![2], vec![4]]);
    }
}
