//! The order of writes, and how they are cut into transactions.
//!
//! Inside a transaction:
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
//! Creates walk down the levels, deletes walk up. Nothing precedes a bound update that could move its row's version.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{Operation, Plan};
use crate::kinds::tables;

/// Writes that happen together or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Transaction {
    /// In this order.
    pub operations: Vec<Operation>,
    /// The server may add rows of its own after this one, so live must be read again before the next.
    pub look_after: bool,
}

/// What the order depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most operations in one transaction.
    pub operations: usize,
    /// The server may make the parts of some rows by itself when they are created.
    pub server_adds_parts: bool,
}

/// Cuts a plan into transactions: one, unless the server adds rows of its own or the plan is larger than one may be.
pub fn transactions(plan: &Plan, limits: Limits) -> Vec<Transaction> {
    let mut operations: Vec<&Operation> = plan
        .changes
        .iter()
        .flat_map(|change| &change.operations)
        .collect();
    operations.sort_by_key(|operation| rank(operation));
    let mut transactions = Vec::new();
    if limits.server_adds_parts {
        let early = rows_that_get_parts(&operations);
        if !early.is_empty() {
            let (first, rest): (Vec<&Operation>, Vec<&Operation>) =
                operations.into_iter().partition(|operation| matches!(operation, Operation::Create { row, .. } if early.contains(&row.id)));
            cut(first, limits.operations, true, &mut transactions);
            operations = rest;
        }
    }
    cut(operations, limits.operations, false, &mut transactions);
    transactions
}

/// New rows to which the server may add the very parts that the plan adds.
fn rows_that_get_parts(operations: &[&Operation]) -> BTreeSet<Uuid> {
    let created: BTreeSet<Uuid> = operations
        .iter()
        .filter_map(|operation| match operation {
            Operation::Create { row, .. } => Some(row.id),
            _ => None,
        })
        .collect();
    let parents: BTreeSet<_> = crate::kinds::part_tables()
        .filter(|part| part.server_adds)
        .map(|part| part.parent)
        .collect();
    operations
        .iter()
        .filter_map(|operation| match operation {
            Operation::Create { row, .. }
                if created.contains(&row.id) && parents.contains(&row.table) =>
            {
                Some(row.id)
            }
            _ => None,
        })
        .collect()
}

fn cut(
    operations: Vec<&Operation>,
    most: usize,
    look_after: bool,
    transactions: &mut Vec<Transaction>,
) {
    let most = most.max(1);
    let mut rest = operations.as_slice();
    while !rest.is_empty() {
        let mut end = rest.len().min(most);
        // A row and its parts stay together, as far as they fit.
        while end < rest.len()
            && end > 1
            && group(rest[end]).is_some()
            && group(rest[end]) == group(rest[end - 1])
        {
            end -= 1;
        }
        if end <= 1 {
            end = rest.len().min(most);
        }
        let (now, later) = rest.split_at(end);
        transactions.push(Transaction {
            operations: now.iter().map(|operation| (*operation).clone()).collect(),
            look_after,
        });
        rest = later;
    }
}

/// The row that an operation belongs to.
fn group(operation: &Operation) -> Option<Uuid> {
    match operation {
        Operation::Create {
            attaches_to: Some(parent),
            ..
        } => Some(*parent),
        Operation::Create { row, .. }
        | Operation::Update { row, .. }
        | Operation::Delete { row, .. } => Some(row.id),
        Operation::Link { .. } | Operation::Unlink { .. } => None,
    }
}

/// Place in the drawing above; operations of equal rank are ordered by table, name and id.
fn rank(operation: &Operation) -> (u8, i16, &'static str, String, Uuid, Uuid) {
    match operation {
        Operation::Create {
            row,
            attaches_to: None,
            ..
        } => (
            1,
            i16::from(row.table.level),
            row.table.logical,
            row.label.clone(),
            row.id,
            Uuid::nil(),
        ),
        Operation::Update { row, .. } => (
            2,
            i16::from(row.table.level),
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
            i16::from(row.table.level),
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
            -i16::from(row.table.level),
            row.table.logical,
            row.label.clone(),
            row.id,
            Uuid::nil(),
        ),
    }
}
