//! Aggregates: groups of rows with their counts and sums (fetchXml: aggregate data).

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use super::parse::{Aggregate, Attribute, DatePart, Fetch};
use super::{Bound, Joined, position};
use crate::clock::{Moment, Unit};
use crate::error::{Outcome, ServiceError, code};
use crate::odata::eval::cell;
use crate::odata::read::Reading;
use crate::schema::Kind;
use crate::value::Value;

/// The maximum number of rows that the service aggregates.
const MOST_ROWS: usize = 50_000;

struct Shown<'f> {
    at: usize,
    column: usize,
    alias: &'f str,
    attribute: &'f Attribute,
}

/// Returns one row for each group, or one for all rows if there are no groups.
pub(super) fn rows(
    reading: &Reading<'_>,
    bound: &[Bound<'_>],
    fetch: &Fetch,
    joined: &[Joined],
) -> Outcome<Vec<Map<String, Json>>> {
    if joined.len() > MOST_ROWS {
        return Err(ServiceError::bad(
            code::AGGREGATE_LIMIT,
            "The maximum record limit is exceeded. Reduce the number of records.",
        ));
    }
    let shown = shown(reading, bound)?;
    let keys: Vec<&Shown<'_>> = shown
        .iter()
        .filter(|one| one.attribute.group.is_some())
        .collect();
    let mut groups: BTreeMap<Vec<String>, Vec<&Joined>> = BTreeMap::new();
    if keys.is_empty() {
        groups.insert(Vec::new(), joined.iter().collect());
    } else {
        for row in joined {
            let key = keys
                .iter()
                .map(|one| {
                    group_of(one, &value(reading, bound, one, row))
                        .json("")
                        .to_string()
                })
                .collect();
            groups.entry(key).or_default().push(row);
        }
    }
    let mut rows: Vec<BTreeMap<&str, Value>> = Vec::with_capacity(groups.len());
    for group in groups.values() {
        let mut row = BTreeMap::new();
        for one in &shown {
            let values = group
                .iter()
                .map(|joined| value(reading, bound, one, joined));
            let value = match one.attribute.aggregate {
                Some(aggregate) => aggregated(aggregate, one.attribute.distinct, values),
                None => values
                    .take(1)
                    .map(|value| group_of(one, &value))
                    .next()
                    .unwrap_or(Value::Null),
            };
            row.insert(one.alias, value);
        }
        rows.push(row);
    }
    sort(bound, fetch, &mut rows)?;
    let writer = reading.writer();
    let objects = rows.iter().map(|row| {
        let mut object = Map::new();
        for one in &shown {
            let Some(value) = row.get(one.alias) else {
                continue;
            };
            // Counts and sums are formatted as numbers, date parts not at all, and all other values like their column.
            let own = reading.store.schema.table(bound[one.at].table);
            match (one.attribute.aggregate, one.attribute.group, value) {
                (Some(_), _, Value::Int(number)) => {
                    writer.annotate_number(*number, one.alias, &mut object);
                }
                (Some(_), ..) | (None, Some(DatePart::Whole), _) => {
                    writer.annotate(&own.columns[one.column], value, one.alias, &mut object);
                }
                _ => {}
            }
            object.insert(one.alias.to_owned(), value.json(one.alias));
        }
        object
    });
    Ok(objects.collect())
}

fn shown<'f>(reading: &Reading<'_>, bound: &[Bound<'f>]) -> Outcome<Vec<Shown<'f>>> {
    let mut shown = Vec::new();
    for (at, entity) in bound.iter().enumerate() {
        for attribute in &entity.entity.attributes {
            if attribute.aggregate.is_none() && attribute.group.is_none() {
                return Err(ServiceError::query(
                    "An attribute can not be requested when an aggregate operation has been specified and its neither groupby not aggregate.",
                ));
            }
            let alias = attribute.alias.as_deref().ok_or_else(|| {
                ServiceError::query("An attribute of an aggregate query needs an alias.")
            })?;
            let column = position(reading, entity.table, &attribute.name)?;
            let kind = reading.store.schema.table(entity.table).columns[column].kind;
            let number = matches!(
                kind,
                Kind::Integer | Kind::BigInteger | Kind::Decimal | Kind::Double
            );
            if matches!(
                attribute.aggregate,
                Some(Aggregate::Sum | Aggregate::Average)
            ) && !number
            {
                return Err(ServiceError::query(format!(
                    "The attribute '{}' cannot be summed.",
                    attribute.name
                )));
            }
            shown.push(Shown {
                at,
                column,
                alias,
                attribute,
            });
        }
    }
    Ok(shown)
}

fn value(reading: &Reading<'_>, bound: &[Bound<'_>], one: &Shown<'_>, joined: &Joined) -> Value {
    joined[one.at].as_deref().map_or(Value::Null, |row| {
        let language = reading.caller.language;
        cell(
            reading.store,
            bound[one.at].table,
            row,
            one.column,
            language,
        )
    })
}

/// The value that a group is based on: the cell itself, or a part of its date.
fn group_of(one: &Shown<'_>, value: &Value) -> Value {
    let part = match one.attribute.group {
        None | Some(DatePart::Whole) => return value.clone(),
        Some(part) => part,
    };
    let Some(moment) = value.as_text().and_then(Moment::parse) else {
        return Value::Null;
    };
    let (year, month, day) = moment.date();
    let (month, day) = (i64::from(month), i64::from(day));
    Value::Int(match part {
        DatePart::Whole => 0,
        DatePart::Year => i64::from(year),
        DatePart::Quarter => (month - 1) / 3 + 1,
        DatePart::Month => month,
        DatePart::Week => {
            let first = moment.start_of(Unit::Year).start_of(Unit::Week);
            (moment.0 - first.0) / (7 * 86_400) + 1
        }
        DatePart::Day => day,
    })
}

/// Rows without a value only count for `count`.
fn aggregated(aggregate: Aggregate, distinct: bool, values: impl Iterator<Item = Value>) -> Value {
    let all: Vec<Value> = values.collect();
    let count = |number: usize| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
    if aggregate == Aggregate::Count {
        return count(all.len());
    }
    let given: Vec<&Value> = all.iter().filter(|value| !value.is_null()).collect();
    match aggregate {
        Aggregate::Count => Value::Null,
        Aggregate::CountColumn if distinct => {
            let different: BTreeSet<String> = given
                .iter()
                .map(|value| value.json("").to_string())
                .collect();
            count(different.len())
        }
        Aggregate::CountColumn => count(given.len()),
        _ if given.is_empty() => Value::Null,
        Aggregate::Minimum | Aggregate::Maximum => {
            let smaller = |a: &Value, b: &Value| a.order(b) == Ordering::Less;
            let best = given.into_iter().reduce(|best, value| {
                if smaller(value, best) == (aggregate == Aggregate::Minimum) {
                    value
                } else {
                    best
                }
            });
            best.cloned().unwrap_or(Value::Null)
        }
        Aggregate::Sum => match given.iter().map(|value| value.int()).sum::<Option<i64>>() {
            Some(whole) => Value::Int(whole),
            None => Value::Number(given.iter().filter_map(|value| number(value)).sum()),
        },
        Aggregate::Average => {
            let numbers: Vec<f64> = given.iter().filter_map(|value| number(value)).collect();
            let total: f64 = numbers.iter().sum();
            let of = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            Value::Number(total / f64::from(of))
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => Some(*number),
        other => other.int()?.to_string().parse().ok(),
    }
}

/// Orders refer to aliases. Without orders, groups are sorted by their values.
fn sort(bound: &[Bound<'_>], fetch: &Fetch, rows: &mut [BTreeMap<&str, Value>]) -> Outcome<()> {
    let mut orders: Vec<(&str, bool)> = Vec::new();
    for order in bound.iter().flat_map(|entity| &entity.entity.orders) {
        let alias = order
            .alias
            .as_deref()
            .ok_or_else(|| ServiceError::query("An order of an aggregate query names an alias."))?;
        if rows.first().is_some_and(|row| !row.contains_key(alias)) {
            return Err(ServiceError::query(format!(
                "The alias '{alias}' of an order does not exist."
            )));
        }
        orders.push((alias, order.descending));
    }
    let groups: Vec<(&str, bool)> = bound
        .iter()
        .flat_map(|entity| &entity.entity.attributes)
        .filter(|attribute| attribute.group.is_some())
        .filter_map(|attribute| Some((attribute.alias.as_deref()?, false)))
        .collect();
    debug_assert!(fetch.aggregate, "only aggregate queries have groups");
    orders.extend(groups);
    rows.sort_by(|a, b| {
        for (alias, descending) in &orders {
            let ordering = match (a.get(alias), b.get(alias)) {
                (Some(a), Some(b)) => a.order(b),
                _ => Ordering::Equal,
            };
            let ordering = if *descending {
                ordering.reverse()
            } else {
                ordering
            };
            if ordering != Ordering::Equal {
                return ordering;
            }
        }
        Ordering::Equal
    });
    Ok(())
}
