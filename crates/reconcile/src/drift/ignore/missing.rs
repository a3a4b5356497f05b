//! What follows from rows that may be missing: references to them, and new rows and parts that cannot be without them.

use std::collections::BTreeSet;

use deskstate_model::{Holds, Links, ResourceKey, State, UniqueName};

use super::{Rules, is_there};
use crate::drift::{Difference, Drifted, Shift};
use crate::live::Live;
use crate::lower::Desired;
use crate::plan::{path, repeats};
use crate::state::{
    DeclaredColumn, DeclaredResource, DeclaredRow, DeclaredSet, PartName, RowKey, Stored,
};

/// The first new row that refers, in a column of its own, to a row that stays missing: without the reference, it would be another row.
fn next_dependent(
    desired: &Desired,
    live: &Live,
    missing: &BTreeSet<RowKey>,
    known: &BTreeSet<ResourceKey>,
) -> Option<ResourceKey> {
    let mut resources = desired.resources.values();
    let resource = resources.find(|resource| {
        let mut columns = resource.row.columns.iter();
        resource.state == State::Present
            && columns.any(|column| refers_to(column, missing))
            && !known.contains(&resource.key)
            && !is_there(live, &resource.row)
    });
    resource.map(|resource| resource.key.clone())
}

/// Removes references to rows that stay missing. A new row, or part, that refers to one in a column of its own stays missing, too.
pub(super) fn leave_missing(
    rules: &mut Rules<'_>,
    mut missing: BTreeSet<RowKey>,
    desired: &mut Desired,
    live: &Live,
) {
    if missing.is_empty() {
        return;
    }
    while let Some(key) = next_dependent(desired, live, &missing, &BTreeSet::new())
        && let Some(resource) = desired.resources.remove(&key)
    {
        if let Some(cause) = cause_in(&resource.row, &missing) {
            rules.accept_with(&key, "", &cause);
        }
        missing.insert(resource.row.key.clone());
        desired.stays_missing.push(*resource);
    }
    for resource in desired.resources.values_mut() {
        for part in &mut resource.parts {
            if let Some(cause) = cause_in(part, &missing)
                && !is_there(live, part)
            {
                rules.accept_with(&resource.key, &part.path, &cause);
                part.only_if_there = true;
            }
        }
        forget(resource, &missing);
    }
}

/// Of the differences that remain, accepts those that only follow from rows that may be missing. Returns the fields that refer to one, with
/// its name.
pub(in crate::drift) fn accept_consequences(
    rules: &mut Rules<'_>,
    (desired, live): (&Desired, &Live),
    mut missing: BTreeSet<RowKey>,
    drifted: &mut Vec<Drifted>,
) -> BTreeSet<(ResourceKey, String, String)> {
    let mut follow = BTreeSet::new();
    if missing.is_empty() {
        return follow;
    }
    let mut dependents = BTreeSet::new();
    while let Some(key) = next_dependent(desired, live, &missing, &dependents) {
        if let Some(resource) = desired.resources.get(&key) {
            if let Some(cause) = cause_in(&resource.row, &missing) {
                rules.accept_with(&key, "", &cause);
            }
            missing.insert(resource.row.key.clone());
        }
        drifted.retain(|one| one.key != key);
        dependents.insert(key);
    }
    for one in drifted.iter_mut() {
        let Some(resource) = desired.resources.get(&one.key) else {
            continue;
        };
        one.differences.retain(|difference| {
            let cause = follows_from(resource, live, &missing, difference);
            if let Some(cause) = &cause {
                rules.accept_with(&one.key, &difference.path, cause);
            }
            cause.is_none()
        });
    }
    drifted.retain(|one| !one.differences.is_empty());
    for resource in desired.resources.values() {
        let rows = std::iter::once(&resource.row).chain(&resource.parts);
        let columns = rows.flat_map(|row| row.columns.iter().map(move |column| (row, column)));
        let of_columns = columns.filter_map(|(row, column)| {
            let cause = named_by(column, &missing)?;
            Some((path(&row.path, column.field), cause.label()))
        });
        let of_parts = resource
            .parts
            .iter()
            .filter(|part| names_missing(part, &missing));
        let of_parts = of_parts.map(|part| (part.path.clone(), part.key.label()));
        let of_sets = resource.sets.iter().flat_map(|set| {
            let members = set.members.iter();
            let members = members.filter(|member| missing.contains(&member.key));
            members.map(|member| (set.field.word.to_owned(), member.key.label()))
        });
        let paths = of_columns.chain(of_parts).chain(of_sets);
        follow.extend(paths.map(|(path, label)| (resource.key.clone(), path, label)));
    }
    follow
}

/// Whether a part is for one of these rows.
fn names_missing(part: &DeclaredRow, missing: &BTreeSet<RowKey>) -> bool {
    match &part.key {
        RowKey::Part {
            part: PartName::Row(row),
            ..
        } => missing.contains(row.as_ref()),
        _ => false,
    }
}

/// The row that may be missing and that a difference refers to.
fn follows_from(
    resource: &DeclaredResource,
    live: &Live,
    missing: &BTreeSet<RowKey>,
    difference: &Difference,
) -> Option<RowKey> {
    let member = match &difference.shift {
        Shift::Lost { member } => Some(member),
        Shift::Gained { .. } | Shift::Value { .. } => None,
        Shift::Copy { .. } | Shift::Row => return None,
    };
    let mut sets = resource
        .sets
        .iter()
        .filter(|set| set.field.word == difference.path);
    let of_set = sets.find_map(|set| {
        let mut members = set.members.iter();
        let named = members.find(|one| {
            // A profile has one pane: what it has in place of a missing one stays.
            let is_it = member.map_or(is_single(set), |member| one.key.label() == *member);
            is_it && missing.contains(&one.key)
        });
        named.map(|named| named.key.clone())
    });
    let whole = member.map(|member| format!("{}.{member}", difference.path));
    let mut parts = resource.parts.iter().filter(|part| {
        let path = whole.as_ref().unwrap_or(&difference.path);
        repeats(&part.path, path)
    });
    // A new part that cannot be without the row stays missing.
    let of_part = || {
        parts.find_map(|part| match &part.key {
            RowKey::Part {
                part: PartName::Row(row),
                ..
            } if missing.contains(row.as_ref()) => Some(RowKey::clone(row)),
            _ if !is_there(live, part) => cause_in(part, missing),
            _ => None,
        })
    };
    let of_column = || {
        let rows = std::iter::once(&resource.row).chain(&resource.parts);
        let mut columns = rows.flat_map(|row| row.columns.iter().map(move |column| (row, column)));
        columns.find_map(|(row, column)| {
            let is_it = path(&row.path, column.field) == difference.path && member.is_none();
            named_by(column, missing).filter(|_| is_it)
        })
    };
    of_set.or_else(of_part).or_else(of_column)
}

/// Whether a set has one member at most.
fn is_single(set: &DeclaredSet) -> bool {
    matches!(
        set.field.holds,
        Holds::Set {
            links: Links::One,
            ..
        }
    )
}

/// The row that may be missing and that a column of a row names.
fn cause_in(row: &DeclaredRow, missing: &BTreeSet<RowKey>) -> Option<RowKey> {
    row.columns
        .iter()
        .find_map(|column| named_by(column, missing))
}

/// The first of these rows that the value of a column names.
fn named_by(column: &DeclaredColumn, rows: &BTreeSet<RowKey>) -> Option<RowKey> {
    let by_text = match (column.field.names, &column.value) {
        (Some(table), Stored::Text(name)) => Some(RowKey::Named {
            table,
            name: UniqueName::new(name),
        }),
        _ => None,
    };
    let keys = column.value.keys().into_iter().cloned();
    by_text
        .into_iter()
        .chain(keys)
        .find(|key| rows.contains(key))
}

fn refers_to(column: &DeclaredColumn, rows: &BTreeSet<RowKey>) -> bool {
    named_by(column, rows).is_some()
}

fn forget(resource: &mut DeclaredResource, missing: &BTreeSet<RowKey>) {
    let rows = std::iter::once(&mut resource.row).chain(&mut resource.parts);
    for row in rows {
        row.columns.retain(|column| !refers_to(column, missing));
    }
    resource.parts.retain(|part| !names_missing(part, missing));
    let lacks = |set: &DeclaredSet| set.members.iter().any(|one| missing.contains(&one.key));
    let (single, sets) = std::mem::take(&mut resource.sets)
        .into_iter()
        .partition(|set| is_single(set) && lacks(set));
    let single: Vec<DeclaredSet> = single;
    resource.accepted.extend(single);
    resource.sets = sets;
    for set in &mut resource.sets {
        set.members.retain(|member| !missing.contains(&member.key));
    }
}
