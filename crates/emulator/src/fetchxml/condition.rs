//! Conditions of filters.

use std::cmp::Ordering;
use std::sync::Arc;

use uuid::Uuid;

use super::parse::{Condition, Filter};
use super::{Bound, position};
use crate::error::{Outcome, ServiceError, code};
use crate::like::like;
use crate::odata::eval::cell;
use crate::odata::functions;
use crate::odata::read::Reading;
use crate::schema::{Kind, TableId};
use crate::store::Row;
use crate::value::Value;

pub(super) fn holds(
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

pub(super) fn condition_holds(
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
    let is_compared = matches!(
        condition.operator.as_str(),
        "eq" | "ne" | "neq" | "gt" | "ge" | "lt" | "le" | "in" | "not-in"
    );
    let needed = match condition.operator.as_str() {
        "null" | "not-null" => Some(0),
        _ if is_compared && !matches!(condition.operator.as_str(), "in" | "not-in") => Some(1),
        "like" | "not-like" => Some(1),
        _ => None,
    };
    if let Some(needed) = needed.filter(|needed| *needed != values.len()) {
        return Err(ServiceError::bad(
            code::INVALID_ARGUMENT,
            format!(
                "The ConditonOperator.{} requires {needed} value/s, not {}. Parameter Name: {}",
                condition.operator,
                values.len(),
                condition.attribute
            ),
        ));
    }
    if is_compared && let Some(text) = condition.values.iter().find(|text| !fits(kind, text)) {
        let own = reading.store.schema.table(table);
        return Err(ServiceError::bad(
            code::INVALID_ARGUMENT,
            format!(
                "Condition for attribute '{}.{}': cannot convert input value '{text}' to the type of the attribute.",
                own.name, own.columns[column].name
            ),
        ));
    }
    let compared = |test: fn(Ordering) -> bool| {
        values
            .first()
            .and_then(|other| value.compare(other))
            .map(test)
    };
    let pattern = |pattern: String| value.as_text().map(|text| like(text, &pattern));
    let text = condition.values.first().cloned().unwrap_or_default();
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
        other => {
            let known = functions::operator(other).ok_or_else(|| {
                if other.contains("fiscal") {
                    return ServiceError::not_emulated(format_args!(
                        "the operator '{other}' of fetchXml"
                    ));
                }
                ServiceError::query(format!("Invalid operator '{other}' in a condition."))
            })?;
            let at = (table, column);
            let function = functions::check(&reading.store.schema, known, at, &values)?;
            reading.scope().function(function, at, &value, &values)
        }
    })
}

/// Whether a value can be one of a column.
fn fits(kind: Kind, text: &str) -> bool {
    match kind {
        Kind::Integer | Kind::BigInteger | Kind::Choice | Kind::State | Kind::Status => {
            text.trim().parse::<i64>().is_ok()
        }
        Kind::Decimal | Kind::Double => text.trim().parse::<f64>().is_ok(),
        Kind::Id | Kind::Lookup | Kind::Owner => Uuid::try_parse(text.trim()).is_ok(),
        _ => true,
    }
}

pub(super) fn literal(kind: Kind, text: &str) -> Value {
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
