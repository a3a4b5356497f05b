//! fetchXml: attributes, filters, nested links, order, top, paging, aggregates (Web API: queries; fetchXml).

mod aggregate;
mod condition;
mod join;
mod parse;

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use self::parse::{Attribute, Entity, Fetch, Link, Order, parse};
use crate::error::{Outcome, ServiceError, code};
use crate::odata::eval::cell;
use crate::odata::filter::check_conditions;
use crate::odata::page::Cookie;
use crate::odata::read::{LARGEST_COUNT, LARGEST_PAGE, Reading};
use crate::schema::TableId;
use crate::store::Row;
use crate::value::Value;
use join::join;

/// One combination of rows: the root, then each link in document order (`None`: an outer link without a match).
type Joined = Vec<Option<Arc<Row>>>;

struct Bound<'f> {
    link: Option<&'f Link>,
    entity: &'f Entity,
    table: TableId,
    /// Position of the parent among the bound entities.
    parent: usize,
    alias: String,
}

/// Executes a fetch that was sent to the entity set of `table`.
pub(crate) fn answer(
    reading: &Reading<'_>,
    table: TableId,
    xml: &str,
) -> Outcome<Map<String, Json>> {
    let fetch = parse(xml)?;
    check_conditions(fetch.entity.conditions())?;
    let schema = &reading.store.schema;
    let own = schema.table(table);
    if fetch.entity.name != own.name {
        return Err(ServiceError::query(format!(
            "The fetchXml asks for '{}' but was sent to '{}'.",
            fetch.entity.name, own.set
        )));
    }
    let mut bound = vec![Bound {
        link: None,
        entity: &fetch.entity,
        table,
        parent: 0,
        alias: String::new(),
    }];
    bind(reading, &fetch.entity, 0, &mut bound)?;
    for entity in &bound {
        check_columns(reading, entity, fetch.aggregate)?;
    }
    // A condition may be wrong although there is no row that it is checked against.
    let nothing = vec![None; bound.len()];
    for (at, entity) in bound.iter().enumerate() {
        for filter in &entity.entity.filters {
            condition::holds(reading, &bound, at, filter, &nothing)?;
        }
    }
    let mut rows = join(reading, &bound, &fetch)?;
    let mut shown: Vec<Map<String, Json>> = Vec::new();
    let mut keys: Vec<Uuid> = Vec::new();
    let mut seen = BTreeSet::new();
    if fetch.aggregate {
        shown = aggregate::rows(reading, &bound, &fetch, &rows)?;
        rows.clear();
    }
    sort(reading, &bound, &fetch, &mut rows)?;
    for joined in &rows {
        let object = show(reading, &bound, joined, &fetch);
        if fetch.distinct && !seen.insert(Json::Object(object.clone()).to_string()) {
            continue;
        }
        keys.push(joined[0].as_ref().map(|row| row.id).unwrap_or_default());
        shown.push(object);
    }
    let size = fetch
        .top
        .or(fetch.count)
        .unwrap_or(reading.page_size())
        .min(LARGEST_PAGE);
    let page = if fetch.top.is_some() { 1 } else { fetch.page };
    let start = (page - 1).saturating_mul(size);
    let more = fetch.top.is_none() && shown.len() > start.saturating_add(size);
    let total = shown.len();
    let values: Vec<Json> = shown
        .into_iter()
        .skip(start)
        .take(size)
        .map(Json::Object)
        .collect();
    let mut body = Map::new();
    body.insert(
        "@odata.context".into(),
        format!("{}$metadata#{}", reading.base, own.set).into(),
    );
    if reading
        .preferences
        .wants("Microsoft.Dynamics.CRM.totalrecordcount")
    {
        body.insert(
            "@Microsoft.Dynamics.CRM.totalrecordcount".into(),
            if fetch.count_all {
                Json::from(total.min(LARGEST_COUNT))
            } else {
                Json::from(-1)
            },
        );
        body.insert(
            "@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded".into(),
            (fetch.count_all && total > LARGEST_COUNT).into(),
        );
    }
    // If a linked table determines the order, paging can only use the page number.
    let by_link = bound
        .iter()
        .skip(1)
        .any(|entity| !entity.entity.orders.is_empty());
    let wants = |name: &str| {
        reading
            .preferences
            .wants(&format!("Microsoft.Dynamics.CRM.{name}"))
    };
    if more {
        if wants("morerecords") {
            body.insert("@Microsoft.Dynamics.CRM.morerecords".into(), true.into());
        }
        if wants("fetchxmlpagingcookie")
            && !by_link
            && let (Some(first), Some(last)) = (keys.get(start), keys.get(start + size - 1))
        {
            let cookie = Cookie {
                page: page + 1,
                first: *first,
                last: *last,
            };
            body.insert(
                "@Microsoft.Dynamics.CRM.fetchxmlpagingcookie".into(),
                cookie.outer(own.key_name()).into(),
            );
        }
    }
    body.insert("value".into(), values.into());
    Ok(body)
}

fn bind<'f>(
    reading: &Reading<'_>,
    entity: &'f Entity,
    parent: usize,
    bound: &mut Vec<Bound<'f>>,
) -> Outcome<()> {
    for link in &entity.links {
        let table = reading
            .store
            .schema
            .named(&link.entity.name)
            .ok_or_else(|| {
                ServiceError::bad(
                    0x8004_1102,
                    format!(
                        "The entity with a name = '{}' was not found.",
                        link.entity.name
                    ),
                )
            })?;
        reading
            .caller
            .access
            .check_read(&reading.store.schema, table)?;
        let alias = link
            .alias
            .clone()
            .unwrap_or_else(|| format!("{}{}", link.entity.name, bound.len()));
        bound.push(Bound {
            link: Some(link),
            entity: &link.entity,
            table,
            parent,
            alias,
        });
        let position = bound.len() - 1;
        bind(reading, &link.entity, position, bound)?;
    }
    Ok(())
}

fn no_column(name: &str, table: &str) -> ServiceError {
    ServiceError::bad(
        code::UNKNOWN_COLUMN,
        format!("'{table}' entity doesn't contain attribute with Name = '{name}'."),
    )
}

fn position(reading: &Reading<'_>, table: TableId, name: &str) -> Outcome<usize> {
    let own = reading.store.schema.table(table);
    own.column(name)
        .filter(|(_, column)| !column.hidden)
        .map(|(position, _)| position)
        .ok_or_else(|| no_column(name, &own.name))
}

fn check_columns(reading: &Reading<'_>, bound: &Bound<'_>, aggregate: bool) -> Outcome<()> {
    for attribute in &bound.entity.attributes {
        position(reading, bound.table, &attribute.name)?;
    }
    for order in bound.entity.orders.iter().filter(|_| !aggregate) {
        position(reading, bound.table, &order.attribute)?;
    }
    Ok(())
}

fn sort(
    reading: &Reading<'_>,
    bound: &[Bound<'_>],
    fetch: &Fetch,
    rows: &mut [Joined],
) -> Outcome<()> {
    let mut orders: Vec<(usize, usize, bool)> = Vec::new();
    for (at, entity) in bound.iter().enumerate() {
        for Order {
            attribute,
            descending,
            ..
        } in entity.entity.orders.iter().filter(|_| !fetch.aggregate)
        {
            orders.push((at, position(reading, entity.table, attribute)?, *descending));
        }
    }
    if orders.is_empty() && fetch.entity.links.is_empty() {
        return Ok(());
    }
    let value = |joined: &Joined, at: usize, column: usize| {
        joined[at].as_deref().map_or(Value::Null, |row| {
            shown_as(reading, bound[at].table, row, column)
        })
    };
    rows.sort_by(|a, b| {
        for (at, column, descending) in &orders {
            let ordering = value(a, *at, *column).order(&value(b, *at, *column));
            let ordering = if *descending {
                ordering.reverse()
            } else {
                ordering
            };
            if ordering != Ordering::Equal {
                return ordering;
            }
        }
        let ids = |joined: &Joined| {
            joined
                .iter()
                .map(|row| row.as_ref().map(|row| row.id))
                .collect::<Vec<_>>()
        };
        ids(a).cmp(&ids(b))
    });
    Ok(())
}

/// The value by which a column is sorted: the name of the row that a lookup refers to, the label of a choice, otherwise the value itself.
fn shown_as(reading: &Reading<'_>, table: TableId, row: &Row, column: usize) -> Value {
    let value = cell(reading.store, table, row, column, reading.caller.language);
    let options = &reading.store.schema.table(table).columns[column].options;
    match value.int().and_then(|number| options.get(&number)) {
        Some(label) => Value::text(label),
        None => reading.scope().name_or_value(value),
    }
}

fn show(
    reading: &Reading<'_>,
    bound: &[Bound<'_>],
    joined: &[Option<Arc<Row>>],
    fetch: &Fetch,
) -> Map<String, Json> {
    let writer = reading.writer();
    let mut object = Map::new();
    for (at, entity) in bound.iter().enumerate() {
        let own = reading.store.schema.table(entity.table);
        let Some(row) = joined[at].as_deref() else {
            continue;
        };
        let plain: Vec<usize> = if entity.entity.all_attributes {
            (0..own.columns.len())
                .filter(|column| !own.columns[*column].hidden)
                .collect()
        } else {
            entity
                .entity
                .attributes
                .iter()
                .filter(|attribute| attribute.alias.is_none())
                .filter_map(|attribute| own.position(&attribute.name))
                .collect()
        };
        if at == 0 {
            // A distinct result has no key, unless the key was selected.
            if fetch.distinct {
                let mut record = writer.record(entity.table, row, Some(&plain));
                record.shift_remove("@odata.etag");
                if !plain.contains(&own.key) {
                    record.shift_remove(own.key_name());
                }
                object.extend(record);
            } else {
                object.extend(
                    writer.record(
                        entity.table,
                        row,
                        (!plain.is_empty() || !entity.entity.attributes.is_empty())
                            .then_some(plain.as_slice()),
                    ),
                );
            }
        } else {
            for column in plain {
                put(
                    reading,
                    &mut object,
                    own,
                    row,
                    column,
                    &format!("{}.{}", entity.alias, own.columns[column].name),
                );
            }
        }
        for Attribute { name, alias, .. } in &entity.entity.attributes {
            if let (Some(alias), Some(column)) = (alias, own.position(name)) {
                put(reading, &mut object, own, row, column, alias);
            }
        }
    }
    object
}

fn put(
    reading: &Reading<'_>,
    object: &mut Map<String, Json>,
    own: &crate::schema::Table,
    row: &Row,
    column: usize,
    property: &str,
) {
    let value = cell(reading.store, own.id, row, column, reading.caller.language);
    // Empty columns of linked rows are omitted.
    if value.is_null() {
        return;
    }
    reading
        .writer()
        .annotate(&own.columns[column], &value, property, object);
    object.insert(property.to_owned(), value.json(property));
}
