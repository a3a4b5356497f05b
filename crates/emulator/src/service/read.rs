//! Answers reads.

use http::StatusCode;
use serde_json::Value as Json;

use super::table_of;
use crate::call::Context;
use crate::call::{Call, Reply};
use crate::error::{Outcome, ServiceError, code};
use crate::odata::eval::related;
use crate::odata::options::{self, Options};
use crate::odata::path::{self, Segment};
use crate::odata::read::{Reading, Source};
use crate::resolve::{self};
use crate::schema::{Navigation, TableId};
use crate::store::{Row, Store};
use crate::{actions, fetchxml, metadata};

pub(crate) fn read(store: &Store, context: &Context<'_>, call: &Call) -> Outcome<Reply> {
    let preferences = call.preferences();
    let reading = Reading {
        store,
        caller: context.caller,
        switches: context.switches,
        preferences: &preferences,
        base: &call.base,
        now: context.now,
    };
    let segments = path::parse(call.path());
    let options = options::parse(call.query())?;
    let body = match segments.as_slice() {
        [] => metadata::service_document(&store.schema, &call.base),
        [first, ..] if metadata::is_metadata(&first.name) => {
            return metadata::answer(&reading, context, &segments, &options, call);
        }
        [first, ..]
            if actions::is_function(first)
                || segments.last().is_some_and(actions::is_bound_function) =>
        {
            return actions::function(&reading, &segments, &options, call);
        }
        [first, rest @ ..] => {
            let table = table_of(&store.schema, &first.name)?;
            return read_table(&reading, context, call, table, first, rest, &options);
        }
    };
    Ok(finish(
        Reply::json(StatusCode::OK, &body, call.in_batch),
        &reading,
    ))
}

pub(crate) fn finish(reply: Reply, reading: &Reading<'_>) -> Reply {
    let mut applied = Vec::new();
    if let Some(annotations) = &reading.preferences.annotations_text {
        applied.push(format!("odata.include-annotations=\"{annotations}\""));
    }
    if let Some(size) = reading.preferences.page_size {
        applied.push(format!("odata.maxpagesize={size}"));
    }
    if applied.is_empty() {
        reply
    } else {
        reply.with("Preference-Applied", applied.join(","))
    }
}

pub(super) fn read_table(
    reading: &Reading<'_>,
    context: &Context<'_>,
    call: &Call,
    table: TableId,
    first: &Segment,
    rest: &[Segment],
    options: &Options,
) -> Outcome<Reply> {
    let schema = &reading.store.schema;
    if schema.table(table).intersect.is_some()
        && schema.table(table).name.starts_with("msdyn_")
        && !context.switches.intersect_sets_readable
    {
        return Err(ServiceError::new(
            StatusCode::FORBIDDEN,
            code::PRIVILEGE_DENIED,
            format!(
                "The entity '{}' cannot be read directly.",
                schema.table(table).name
            ),
        ));
    }
    if reading.preferences.track_changes {
        return Err(ServiceError::query(format!(
            "Change tracking is not enabled for the entity '{}'.",
            schema.table(table).name
        )));
    }
    if let Some(fetch) = &options.fetch_xml {
        let body = fetchxml::answer(reading, table, fetch)?;
        return Ok(finish(
            Reply::json(StatusCode::OK, &Json::Object(body), call.in_batch),
            reading,
        ));
    }
    let body = match (&first.key, rest) {
        (None, []) if schema.table(table).name == "msdyn_componentlayer" => {
            let body = crate::component_layers::answer(reading, context.switches, table, options)?;
            Json::Object(body).to_string().into_bytes()
        }
        (None, []) => {
            reading.collection(table, &Source::All, options, call.path(), call.query())?
        }
        (None, [count]) if count.name == "$count" => return count_text(reading, table, options),
        (None, _) => {
            return Err(ServiceError::unknown_segment(
                rest.first().map_or("", |segment| segment.name.as_str()),
            ));
        }
        (Some(_), rest) => {
            let row = find_row(reading, table, first)?;
            return read_row(reading, call, table, &row, rest, options);
        }
    };
    Ok(finish(
        Reply::written(StatusCode::OK, body, call.in_batch),
        reading,
    ))
}

pub(super) fn count_text(
    reading: &Reading<'_>,
    table: TableId,
    options: &Options,
) -> Outcome<Reply> {
    let options = Options {
        count: true,
        ..options.clone()
    };
    let page = reading.rows(table, &Source::All, &options, 1)?;
    Ok(Reply::text(
        "text/plain",
        page.count.unwrap_or_default().to_string(),
    ))
}

pub(super) fn find_row(reading: &Reading<'_>, table: TableId, segment: &Segment) -> Outcome<Row> {
    reading
        .caller
        .access
        .check_read(&reading.store.schema, table)?;
    let id = resolve::key(reading.store, reading.switches, table, segment)?;
    reading
        .store
        .get(table, id)
        .map(|row| Row::clone(row))
        .ok_or_else(|| ServiceError::not_found(&reading.store.schema.table(table).name, id))
        .and_then(|row| {
            // A single row that the caller may not read is an error; in a list, such rows are dropped.
            reading.caller.access.check_row(
                reading.store,
                reading.caller,
                table,
                &row,
                crate::security::Right::Read,
            )?;
            Ok(row)
        })
}

pub(super) fn read_row(
    reading: &Reading<'_>,
    call: &Call,
    table: TableId,
    row: &Row,
    rest: &[Segment],
    options: &Options,
) -> Outcome<Reply> {
    let schema = &reading.store.schema;
    let own = schema.table(table);
    let (segment, further) = match rest {
        [] => {
            let tag = crate::odata::json::etag(row.version);
            if call.header("if-none-match") == Some(tag.as_str())
                && options.expand.is_none()
                && reading.preferences.annotations_text.is_none()
            {
                return Ok(Reply {
                    status: StatusCode::NOT_MODIFIED,
                    headers: vec![("ETag", tag), ("OData-Version", "4.0".into())],
                    body: Vec::new(),
                });
            }
            let body = reading.single(table, row, options)?;
            return Ok(finish(
                Reply::json(StatusCode::OK, &Json::Object(body), call.in_batch),
                reading,
            )
            .with("ETag", tag));
        }
        [segment, further @ ..] => (segment, further),
    };
    let reference = matches!(further, [only] if only.name == "$ref");
    let count = matches!(further, [only] if only.name == "$count");
    match own.navigation.get(&segment.name) {
        // A lookup of several tables has a property for each: only that of the table it refers to has a value.
        Some(Navigation::Lookup {
            column,
            target: Some(only),
        }) if matches!(row.cells[*column], crate::value::Value::Lookup(target, _) if target != *only) => {
            Ok(Reply::empty())
        }
        Some(Navigation::Lookup { column, .. }) => match row.cells[*column] {
            crate::value::Value::Lookup(target, id) if further.is_empty() || reference => {
                match reading.store.get(target, id) {
                    Some(_) if reference => {
                        let set = &schema.table(target).set;
                        let body = serde_json::json!({"@odata.context": format!("{}$metadata#$ref", reading.base), "@odata.id": format!("{}{set}({id})", reading.base)});
                        Ok(Reply::json(StatusCode::OK, &body, call.in_batch))
                    }
                    Some(found) => {
                        let body = reading.single(target, found, options)?;
                        Ok(finish(
                            Reply::json(StatusCode::OK, &Json::Object(body), call.in_batch),
                            reading,
                        ))
                    }
                    None => Ok(Reply::empty()),
                }
            }
            crate::value::Value::Lookup(target, id) => {
                let found = reading.store.get(target, id).map(|row| Row::clone(row));
                match found {
                    Some(found) => read_row(reading, call, target, &found, further, options),
                    None => Ok(Reply::empty()),
                }
            }
            _ => Ok(Reply::empty()),
        },
        Some(navigation) => {
            let target = match navigation {
                Navigation::Children { table, .. } => *table,
                Navigation::Many { relation, side } => {
                    schema.many_to_many[*relation].tables[1 - side]
                }
                Navigation::Lookup { .. } => table,
            };
            let ids = related(reading.store, *navigation, row.id);
            if segment.key.is_some() {
                let id = resolve::key(reading.store, reading.switches, target, segment)?;
                let member = reading.store.get(target, id).filter(|_| ids.contains(&id));
                let Some(member) = member.map(|row| Row::clone(row)) else {
                    return Err(ServiceError::not_found(&schema.table(target).name, id));
                };
                if !reference {
                    return read_row(reading, call, target, &member, further, options);
                }
                let set = &schema.table(target).set;
                let body = serde_json::json!({"@odata.context": format!("{}$metadata#$ref", reading.base), "@odata.id": format!("{}{set}({id})", reading.base)});
                return Ok(Reply::json(StatusCode::OK, &body, call.in_batch));
            }
            if reference {
                let set = &schema.table(target).set;
                let value: Vec<Json> = ids.iter().map(|id| serde_json::json!({"@odata.id": format!("{}{set}({id})", reading.base)})).collect();
                let body = serde_json::json!({"@odata.context": format!("{}$metadata#Collection($ref)", reading.base), "value": value});
                return Ok(Reply::json(StatusCode::OK, &body, call.in_batch));
            }
            if count {
                return Ok(Reply::text("text/plain", ids.len().to_string()));
            }
            if !further.is_empty() {
                return Err(ServiceError::unknown_segment(&further[0].name));
            }
            let body = reading.collection(
                target,
                &Source::Ids(ids),
                options,
                call.path(),
                call.query(),
            )?;
            Ok(finish(
                Reply::written(StatusCode::OK, body, call.in_batch),
                reading,
            ))
        }
        None => {
            let column = own
                .property(&segment.name)
                .ok_or_else(|| ServiceError::unknown_segment(&segment.name))?;
            let value = crate::odata::eval::cell(
                reading.store,
                table,
                row,
                column,
                reading.caller.language,
            );
            if value.is_null() {
                return Ok(Reply::empty());
            }
            let json = value.json(&segment.name);
            if matches!(further, [only] if only.name == "$value") {
                return Ok(Reply::text(
                    "text/plain",
                    json.as_str()
                        .map_or_else(|| json.to_string(), str::to_owned),
                ));
            }
            let body = serde_json::json!({
                "@odata.context": format!("{}$metadata#{}({})/{}", reading.base, own.set, row.id, segment.name),
                "value": json,
            });
            Ok(Reply::json(StatusCode::OK, &body, call.in_batch))
        }
    }
}
