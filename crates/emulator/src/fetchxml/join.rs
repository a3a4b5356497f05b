//! Joins the rows of linked tables.

use std::cmp::Ordering;
use std::sync::Arc;

use uuid::Uuid;

use super::condition::holds;
use super::parse::{Condition, Fetch, Filter};
use super::{Bound, Joined, position};
use crate::error::Outcome;
use crate::odata::read::Reading;
use crate::schema::{Kind, TableId};
use crate::store::{IndexKey, Row};
use crate::value::{Value, fold};

pub(super) fn join(
    reading: &Reading<'_>,
    bound: &[Bound<'_>],
    fetch: &Fetch,
) -> Outcome<Vec<Joined>> {
    reading
        .caller
        .access
        .check_read(&reading.store.schema, bound[0].table)?;
    let mut rows: Vec<Joined> = Vec::new();
    for row in roots(reading, &bound[0]) {
        rows.push(vec![Some(row)]);
    }
    for (at, entity) in bound.iter().enumerate().skip(1) {
        let Some(link) = entity.link else { continue };
        let to = position(reading, bound[entity.parent].table, &link.to)?;
        let from = position(reading, entity.table, &link.from)?;
        let own_filters: Vec<&Filter> = entity.entity.filters.iter().collect();
        let mut next = Vec::with_capacity(rows.len());
        for joined in rows {
            let partners = match &joined[entity.parent] {
                Some(parent) => partners(reading, entity, from, &parent.cells[to], &own_filters)?,
                None => Vec::new(),
            };
            if partners.is_empty() && link.outer {
                let mut joined = joined;
                joined.push(None);
                next.push(joined);
                continue;
            }
            for partner in partners {
                let mut extended = joined.clone();
                extended.push(Some(partner));
                next.push(extended);
            }
        }
        rows = next;
        debug_assert!(
            rows.iter().all(|joined| joined.len() == at + 1),
            "one row per bound entity"
        );
    }
    let mut kept = Vec::with_capacity(rows.len());
    for joined in rows {
        let mut passes = true;
        for filter in &fetch.entity.filters {
            passes &= holds(reading, bound, 0, filter, &joined)? == Some(true);
        }
        if passes {
            kept.push(joined);
        }
    }
    Ok(kept)
}

/// The rows of the root table, from an index if a filter allows it.
pub(super) fn roots(reading: &Reading<'_>, root: &Bound<'_>) -> Vec<Arc<Row>> {
    let readable = |row: &&Arc<Row>| reading.may_read(root.table, row);
    for filter in root.entity.filters.iter().filter(|filter| filter.all) {
        for condition in filter
            .conditions
            .iter()
            .filter(|condition| condition.entity.is_none())
        {
            if let Some(ids) = indexed(reading, root.table, condition) {
                return ids
                    .iter()
                    .filter_map(|id| reading.store.get(root.table, *id))
                    .filter(readable)
                    .cloned()
                    .collect();
            }
        }
    }
    reading
        .store
        .rows(root.table)
        .filter(readable)
        .cloned()
        .collect()
}

pub(super) fn indexed(
    reading: &Reading<'_>,
    table: TableId,
    condition: &Condition,
) -> Option<Vec<Uuid>> {
    let own = reading.store.schema.table(table);
    let (column, described) = own.column(&condition.attribute)?;
    let values: Vec<Value> = match condition.operator.as_str() {
        "eq" | "in" => condition
            .values
            .iter()
            .map(|text| Value::text(text))
            .collect(),
        "eq-userid" => vec![Value::Id(reading.caller.user)],
        _ => return None,
    };
    if described.localizable {
        return None;
    }
    let by_id = described.kind == Kind::Id || described.kind.is_lookup();
    let mut ids = Vec::new();
    for value in values {
        let key = match &value {
            Value::Text(text) if by_id => {
                IndexKey::Id(Uuid::try_parse(text.trim_matches(['{', '}'])).ok()?)
            }
            Value::Text(text) if matches!(described.kind, Kind::Text) => IndexKey::Text(fold(text)),
            Value::Id(id) if by_id => IndexKey::Id(*id),
            _ => return None,
        };
        ids.extend(reading.store.find(table, column, &key)?);
    }
    ids.sort_unstable();
    ids.dedup();
    Some(ids)
}

pub(super) fn partners(
    reading: &Reading<'_>,
    entity: &Bound<'_>,
    from: usize,
    value: &Value,
    filters: &[&Filter],
) -> Outcome<Vec<Arc<Row>>> {
    let Some(key) = IndexKey::of(value) else {
        return Ok(Vec::new());
    };
    let candidates: Vec<Arc<Row>> = match reading.store.find(entity.table, from, &key) {
        Some(ids) => ids
            .iter()
            .filter_map(|id| reading.store.get(entity.table, *id))
            .cloned()
            .collect(),
        None => reading
            .store
            .rows(entity.table)
            .filter(|row| row.cells[from].compare(value) == Some(Ordering::Equal))
            .cloned()
            .collect(),
    };
    let mut kept = Vec::new();
    for row in candidates {
        if !reading.may_read(entity.table, &row) {
            continue;
        }
        let alone = [Some(Arc::clone(&row))];
        let bound = [Bound {
            link: None,
            entity: entity.entity,
            table: entity.table,
            parent: 0,
            alias: String::new(),
        }];
        let mut passes = true;
        for filter in filters {
            passes &= holds(reading, &bound, 0, filter, &alone)? == Some(true);
        }
        if passes {
            kept.push(row);
        }
    }
    Ok(kept)
}
