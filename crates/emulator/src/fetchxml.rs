//! fetchXml: attributes, filters, nested links, order, top, paging (Web API: queries; fetchXml).

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::error::{Outcome, ServiceError, code};
use crate::fetchxml_parse::{Condition, Entity, Fetch, Filter, Link, Order, parse};
use crate::odata::eval::cell;
use crate::odata::filter::Function;
use crate::odata::page::Cookie;
use crate::odata::read::{LARGEST_PAGE, Reading};
use crate::schema::{Kind, TableId};
use crate::store::{IndexKey, Row};
use crate::value::{Value, fold, like};

/// One combination of rows: the root, then each link in document order (`None`: an outer link without a partner).
type Joined = Vec<Option<Arc<Row>>>;

struct Bound<'f> {
    link: Option<&'f Link>,
    entity: &'f Entity,
    table: TableId,
    /// Position of the parent among the bound entities.
    parent: usize,
    alias: String,
}

/// Runs a fetch that was sent to the set of `table`.
pub(crate) fn answer(
    reading: &Reading<'_>,
    table: TableId,
    xml: &str,
) -> Outcome<Map<String, Json>> {
    let fetch = parse(xml)?;
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
        check_columns(reading, entity)?;
    }
    let mut rows = join(reading, &bound, &fetch)?;
    sort(reading, &bound, &fetch, &mut rows)?;
    let mut shown: Vec<Map<String, Json>> = Vec::new();
    let mut keys: Vec<Uuid> = Vec::new();
    let mut seen = BTreeSet::new();
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
                Json::from(total)
            } else {
                Json::from(-1)
            },
        );
        body.insert(
            "@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded".into(),
            false.into(),
        );
    }
    // Ordering on a linked table leaves only the page number to go by.
    let by_link = bound
        .iter()
        .skip(1)
        .any(|entity| !entity.entity.orders.is_empty());
    if more {
        body.insert("@Microsoft.Dynamics.CRM.morerecords".into(), true.into());
        if !by_link && let (Some(first), Some(last)) = (keys.get(start), keys.get(start + size - 1))
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

fn check_columns(reading: &Reading<'_>, bound: &Bound<'_>) -> Outcome<()> {
    for (name, _) in &bound.entity.attributes {
        position(reading, bound.table, name)?;
    }
    for order in &bound.entity.orders {
        position(reading, bound.table, &order.attribute)?;
    }
    Ok(())
}

fn join(reading: &Reading<'_>, bound: &[Bound<'_>], fetch: &Fetch) -> Outcome<Vec<Joined>> {
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

/// Root rows, by an index where a filter allows.
fn roots(reading: &Reading<'_>, root: &Bound<'_>) -> Vec<Arc<Row>> {
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

fn indexed(reading: &Reading<'_>, table: TableId, condition: &Condition) -> Option<Vec<Uuid>> {
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

fn partners(
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

fn holds(
    reading: &Reading<'_>,
    bound: &[Bound<'_>],
    at: usize,
    filter: &Filter,
    joined: &[Option<Arc<Row>>],
) -> Outcome<Option<bool>> {
    let mut results = Vec::with_capacity(filter.conditions.len() + filter.filters.len());
    for condition in &filter.conditions {
        let at = match &condition.entity {
            None => at,
            Some(name) => bound
                .iter()
                .position(|entity| entity.alias == *name || entity.entity.name == *name)
                .ok_or_else(|| {
                    ServiceError::query(format!(
                        "The link-entity '{name}' of a condition does not exist."
                    ))
                })?,
        };
        results.push(condition_holds(
            reading,
            bound[at].table,
            condition,
            joined[at].as_deref(),
        )?);
    }
    for inner in &filter.filters {
        results.push(holds(reading, bound, at, inner, joined)?);
    }
    Ok(if filter.all {
        if results.contains(&Some(false)) {
            Some(false)
        } else {
            (!results.contains(&None)).then_some(true)
        }
    } else if results.contains(&Some(true)) {
        Some(true)
    } else {
        results.is_empty().then_some(true).or(Some(false))
    })
}

fn condition_holds(
    reading: &Reading<'_>,
    table: TableId,
    condition: &Condition,
    row: Option<&Row>,
) -> Outcome<Option<bool>> {
    let column = position(reading, table, &condition.attribute)?;
    let value = row.map_or(Value::Null, |row| {
        cell(reading.store, table, row, column, reading.caller.language)
    });
    let kind = reading.store.schema.table(table).columns[column].kind;
    let values: Vec<Value> = condition
        .values
        .iter()
        .map(|text| literal(kind, text))
        .collect();
    let compared = |test: fn(Ordering) -> bool| {
        values
            .first()
            .and_then(|other| value.compare(other))
            .map(test)
    };
    let pattern = |pattern: String| value.as_text().map(|text| like(text, &pattern));
    let text = condition.values.first().cloned().unwrap_or_default();
    let function = |function: Function| reading.scope().function(function, &value, &values);
    Ok(match condition.operator.as_str() {
        "null" => Some(value.is_null()),
        "not-null" => Some(!value.is_null()),
        "eq" => compared(Ordering::is_eq),
        "ne" | "neq" => Some(value.is_null() || compared(Ordering::is_ne) == Some(true)),
        "gt" => compared(Ordering::is_gt),
        "ge" => compared(Ordering::is_ge),
        "lt" => compared(Ordering::is_lt),
        "le" => compared(Ordering::is_le),
        "like" => pattern(text),
        "not-like" => pattern(text).map(|found| !found),
        "begins-with" => pattern(format!("{text}%")),
        "not-begin-with" => pattern(format!("{text}%")).map(|found| !found),
        "ends-with" => pattern(format!("%{text}")),
        "not-end-with" => pattern(format!("%{text}")).map(|found| !found),
        "in" => function(Function::In),
        "not-in" => function(Function::NotIn),
        "between" => function(Function::Between),
        "not-between" => function(Function::NotBetween),
        "eq-userid" => function(Function::EqualUserId),
        "ne-userid" => function(Function::NotEqualUserId),
        "eq-userteams" => function(Function::EqualUserTeams),
        "eq-useroruserteams" => function(Function::EqualUserOrUserTeams),
        "eq-businessid" => function(Function::EqualBusinessId),
        "ne-businessid" => function(Function::NotEqualBusinessId),
        "eq-userlanguage" => function(Function::EqualUserLanguage),
        "on" => function(Function::On),
        "on-or-after" => function(Function::OnOrAfter),
        "on-or-before" => function(Function::OnOrBefore),
        "today" => function(Function::Today),
        "yesterday" => function(Function::Yesterday),
        "last-x-days" => function(Function::LastDays),
        "last-x-hours" => function(Function::LastHours),
        "olderthan-x-days" => function(Function::OlderThanDays),
        other => {
            return Err(ServiceError::query(format!(
                "Invalid operator '{other}' in a condition."
            )));
        }
    })
}

fn literal(kind: Kind, text: &str) -> Value {
    match kind {
        Kind::Integer | Kind::BigInteger | Kind::Choice | Kind::State | Kind::Status => {
            text.parse().map_or_else(|_| Value::text(text), Value::Int)
        }
        Kind::Decimal | Kind::Double => text
            .parse()
            .map_or_else(|_| Value::text(text), Value::Number),
        Kind::Flag | Kind::Managed => match text {
            "1" | "true" => Value::Flag(true),
            "0" | "false" => Value::Flag(false),
            _ => Value::text(text),
        },
        _ => Value::text(text),
    }
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
        } in &entity.entity.orders
        {
            orders.push((at, position(reading, entity.table, attribute)?, *descending));
        }
    }
    if orders.is_empty() && fetch.entity.links.is_empty() {
        return Ok(());
    }
    let value = |joined: &Joined, at: usize, column: usize| {
        joined[at].as_deref().map_or(Value::Null, |row| {
            cell(
                reading.store,
                bound[at].table,
                row,
                column,
                reading.caller.language,
            )
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
                .filter(|(_, alias)| alias.is_none())
                .filter_map(|(name, _)| own.position(name))
                .collect()
        };
        if at == 0 {
            // A distinct result has no keys of its own.
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
        for (name, alias) in &entity.entity.attributes {
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
    // Columns of linked rows that hold nothing are left out of the row.
    if value.is_null() {
        return;
    }
    reading
        .writer()
        .annotate(&own.columns[column], &value, property, object);
    object.insert(property.to_owned(), value.json(property));
}
