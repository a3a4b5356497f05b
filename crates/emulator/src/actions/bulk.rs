//! `CreateMultiple`, `UpdateMultiple`, `UpsertMultiple` (bulk operations).

use http::StatusCode;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::NAMESPACE;
use crate::call::Context;
use crate::call::{Call, Reply};
use crate::error::{Outcome, ServiceError, code};
use crate::odata::path::{Segment, reference};
use crate::resolve::{self, Alternate};
use crate::schema::TableId;
use crate::service::table_of;
use crate::store::Transaction;
use crate::switches::Switches;
use crate::write;
use crate::writing::Condition;

/// Executes `CreateMultiple`, `UpdateMultiple` and `UpsertMultiple`: one table, one transaction.
pub(super) fn bulk(
    tx: &mut Transaction<'_>,
    context: &Context<'_>,
    call: &Call,
    set: &Segment,
    name: &str,
) -> Outcome<Reply> {
    let schema = tx.schema();
    let table = table_of(&schema, &set.name)?;
    let own = schema.table(table);
    // "DeleteMultiple has not yet been implemented" for standard tables (bulk-operations.md).
    if name == "DeleteMultiple" {
        return Err(ServiceError::bad(
            code::NOT_SUPPORTED,
            "DeleteMultiple has not yet been implemented.",
        ));
    }
    if !matches!(name, "CreateMultiple" | "UpdateMultiple" | "UpsertMultiple") {
        return Err(ServiceError::unknown_segment(name));
    }
    let body = call.object()?;
    let targets = body
        .get("Targets")
        .and_then(Json::as_array)
        .ok_or_else(|| ServiceError::payload(&own.name, "The parameter 'Targets' is missing."))?;
    let writing = context.writing(call);
    let mut ids = Vec::with_capacity(targets.len());
    for target in targets {
        let Json::Object(target) = target else {
            return Err(ServiceError::payload(
                &own.name,
                "A target must be an object.",
            ));
        };
        let kind = target
            .get("@odata.type")
            .and_then(Json::as_str)
            .map(|kind| kind.trim_start_matches(['#']).trim_start_matches(NAMESPACE));
        if kind != Some(own.name.as_str()) {
            return Err(ServiceError::payload(
                &own.name,
                "Every target must have an '@odata.type' that names the table that the action is bound to.",
            ));
        }
        let key = bulk_key(tx, context.switches, table, target)?;
        match (name, key) {
            ("CreateMultiple", _) => ids.push(write::create(tx, &writing, table, target)?),
            ("UpsertMultiple", None) => {
                write::create(tx, &writing, table, target)?;
            }
            ("UpsertMultiple", Some(Alternate::Absent(values))) => {
                let repeats = |(column, _): &(usize, _)| {
                    let column: usize = *column;
                    target.contains_key(&own.columns[column].property())
                };
                if values.iter().any(repeats) {
                    return Err(ServiceError::bad(
                        code::UNEXPECTED,
                        "An unexpected error occurred.",
                    ));
                }
                let mut target = target.clone();
                resolve::fill_in(own, values, &mut target)?;
                write::create(tx, &writing, table, &target)?;
            }
            ("UpsertMultiple", Some(Alternate::Id(key))) if tx.get(table, key).is_none() => {
                write::create_with(tx, &writing, table, target, Some(key))?;
            }
            (_, Some(Alternate::Id(key))) if tx.get(table, key).is_none() => {
                let error = ServiceError::not_found(&own.name, key);
                return Err(ServiceError {
                    message: format!("{} With Ids = {key} Do Not Exist", own.label),
                    ..error
                });
            }
            (_, Some(Alternate::Id(key))) => {
                write::update(tx, &writing, table, key, target, &Condition::default())?
            }
            (_, Some(Alternate::Absent(_))) => {
                return Err(resolve::key_not_found(&own.name));
            }
            (_, None) => {
                return Err(ServiceError::payload(
                    &own.name,
                    format!("Every target needs its key '{}'.", own.key_name()),
                ));
            }
        }
    }
    if name == "CreateMultiple" {
        let body = json!({"@odata.context": format!("{}$metadata#{NAMESPACE}CreateMultipleResponse", call.base), "Ids": ids});
        return Ok(Reply::json(StatusCode::OK, &body, call.in_batch));
    }
    Ok(Reply::empty())
}

/// The row that a target names, if any, by its key column or by `@odata.id`.
fn bulk_key(
    tx: &Transaction<'_>,
    switches: &Switches,
    table: TableId,
    target: &Map<String, Json>,
) -> Outcome<Option<Alternate>> {
    let schema = tx.schema();
    let own = schema.table(table);
    if let Some(text) = target.get(own.key_name()).and_then(Json::as_str) {
        return Uuid::try_parse(text)
            .map(|id| Some(Alternate::Id(id)))
            .map_err(|_| ServiceError::payload(&own.name, "The key is not an id."));
    }
    let Some(url) = target.get("@odata.id").and_then(Json::as_str) else {
        return Ok(None);
    };
    let segment = reference(url)
        .ok_or_else(|| ServiceError::payload(&own.name, format!("'{url}' names no record.")))?;
    if let Some(id) = segment.id() {
        return Ok(Some(Alternate::Id(id)));
    }
    resolve::alternate(tx.store(), switches, table, &segment).map(Some)
}
