//! Executes writes inside a transaction.

use http::{Method, StatusCode};
use serde_json::Value as Json;
use uuid::Uuid;

use super::table_of;
use crate::call::Context;
use crate::call::{Call, Reply};
use crate::error::{Outcome, ServiceError, code};
use crate::odata::options::{self};
use crate::odata::path::{self, Segment};
use crate::odata::read::Reading;
use crate::resolve::{self, Alternate};
use crate::schema::{Navigation, Schema, TableId};
use crate::store::Transaction;
use crate::write;
use crate::writing::{Condition, Writing};
use crate::{actions, links, metadata, removal};

pub(crate) fn write(
    tx: &mut Transaction<'_>,
    context: &Context<'_>,
    call: &Call,
) -> Outcome<Reply> {
    let segments = path::parse(call.path());
    let schema = tx.schema();
    let Some(first) = segments.first() else {
        return Err(ServiceError::wrong_method(&call.method));
    };
    if actions::is_function(first) {
        // Functions can only be called with GET.
        return Err(ServiceError {
            code: None,
            message: format!(
                "No HTTP resource was found that matches the request URI '{}{}'.",
                call.base, call.target
            ),
            ..ServiceError::unknown_segment(&first.name)
        });
    }
    if actions::is_action(&segments) {
        return actions::action(tx, context, &segments, call);
    }
    if metadata::is_metadata(&first.name) {
        return Err(ServiceError::wrong_method(&call.method));
    }
    let table = table_of(&schema, &first.name)?;
    let own = schema.table(table);
    if crate::component_layers::is_virtual(&own.name) {
        return Err(ServiceError::wrong_method(&call.method));
    }
    if own.intersect.is_some() {
        // Links are added and removed through `$ref`; their rows are never written directly.
        let message = match call.method {
            Method::POST => "Create",
            Method::DELETE => "Delete",
            _ => "Update",
        };
        return Err(ServiceError::not_for(message, &own.name));
    }
    match (&call.method, &first.key, &segments[1..]) {
        (&Method::POST, None, []) => create(tx, context, call, table),
        (&Method::PATCH, Some(_), []) => upsert(tx, context, call, table, first),
        (&Method::DELETE, Some(_), []) => {
            let id = resolve::key(tx.store(), context.switches, table, first)?;
            removal::delete(tx, &context.writing(call), table, id, &call.condition())?;
            Ok(Reply::empty())
        }
        (_, Some(_), [property, rest @ ..]) => {
            let id = resolve::key(tx.store(), context.switches, table, first)?;
            write_property(tx, context, call, table, id, property, rest)
        }
        _ => Err(ServiceError::wrong_method(&call.method)),
    }
}

pub(super) fn entity_url(call: &Call, schema: &Schema, table: TableId, id: Uuid) -> String {
    format!("{}{}({id})", call.base, schema.table(table).set)
}

pub(super) fn create(
    tx: &mut Transaction<'_>,
    context: &Context<'_>,
    call: &Call,
    table: TableId,
) -> Outcome<Reply> {
    let id = write::create(tx, &context.writing(call), table, &call.object()?)?;
    if call.preferences().representation {
        return represent(tx, context, call, table, id, StatusCode::CREATED);
    }
    let url = entity_url(call, &tx.schema(), table, id);
    Ok(located(Reply::empty(), call, url))
}

pub(super) fn located(reply: Reply, call: &Call, url: String) -> Reply {
    let reply = if call.in_batch {
        reply.with("Location", url.clone())
    } else {
        reply
    };
    reply.with("OData-EntityId", url)
}

pub(super) fn represent(
    tx: &Transaction<'_>,
    context: &Context<'_>,
    call: &Call,
    table: TableId,
    id: Uuid,
    status: StatusCode,
) -> Outcome<Reply> {
    let preferences = call.preferences();
    let reading = Reading {
        store: tx.store(),
        caller: context.caller,
        switches: context.switches,
        preferences: &preferences,
        base: &call.base,
        now: context.now,
    };
    let mut options = options::parse(call.query())?;
    if call.method == Method::PATCH {
        // As documented, $expand is ignored in the answer to an update.
        options.expand = None;
    }
    let row = tx
        .get(table, id)
        .ok_or_else(|| ServiceError::not_found(&tx.schema().table(table).name, id))?;
    let body = reading.single(table, row, &options)?;
    let tag = crate::odata::json::etag(row.version);
    Ok(Reply::json(status, &Json::Object(body), call.in_batch)
        .with("Preference-Applied", "return=representation")
        .with("ETag", tag))
}

pub(super) fn upsert(
    tx: &mut Transaction<'_>,
    context: &Context<'_>,
    call: &Call,
    table: TableId,
    segment: &Segment,
) -> Outcome<Reply> {
    let schema = tx.schema();
    let writing = context.writing(call);
    let condition = call.condition();
    let mut json = call.object()?;
    let (id, absent_values) = match segment.id() {
        Some(id) => (Some(id), Vec::new()),
        None => match resolve::alternate(tx.store(), context.switches, table, segment)? {
            Alternate::Id(id) => (Some(id), Vec::new()),
            Alternate::Absent(values) => (None, values),
        },
    };
    let own = schema.table(table);
    let exists = id.is_some_and(|id| tx.get(table, id).is_some());
    if exists && condition.none_may_match {
        let error = write::duplicate();
        return Err(ServiceError {
            code: error
                .code
                .filter(|_| context.switches.codes_on_conditional_errors),
            ..error
        });
    }
    let representation = call.preferences().representation;
    if let (true, Some(id)) = (exists, id) {
        if segment.id().is_none() {
            // Values of the key's columns are ignored if the key matches a row.
            for (name, _) in segment.pairs() {
                json.shift_remove(&name);
            }
        }
        write::update(tx, &writing, table, id, &json, &condition)?;
        if representation {
            return represent(tx, context, call, table, id, StatusCode::OK);
        }
        return Ok(located(
            Reply::empty(),
            call,
            format!("{}{}", call.base, call.path()),
        ));
    }
    if condition.if_match.is_some() {
        return Err(write::absent(
            context.switches,
            &own.name,
            id.unwrap_or_default(),
        ));
    }
    resolve::fill_in(own, absent_values, &mut json)?;
    let id = write::create_with(tx, &writing, table, &json, id)?;
    if representation {
        return represent(tx, context, call, table, id, StatusCode::CREATED);
    }
    Ok(located(
        Reply::empty(),
        call,
        format!("{}{}", call.base, call.path()),
    ))
}

pub(super) fn write_property(
    tx: &mut Transaction<'_>,
    context: &Context<'_>,
    call: &Call,
    table: TableId,
    id: Uuid,
    property: &Segment,
    rest: &[Segment],
) -> Outcome<Reply> {
    let schema = tx.schema();
    let own = schema.table(table);
    let writing = context.writing(call);
    let reference = matches!(rest, [only] if only.name == "$ref");
    if let Some(navigation) = own.navigation.get(&property.name).copied() {
        let lookup = matches!(navigation, Navigation::Lookup { .. });
        match (&call.method, reference) {
            (&Method::POST, true) if !lookup => {
                let target = reference_in(tx, &writing, call)?;
                links::associate(tx, &writing, table, id, navigation, target)?;
                return Ok(Reply::empty());
            }
            (&Method::PUT, true) if lookup => {
                let target = reference_in(tx, &writing, call)?;
                links::associate(tx, &writing, table, id, navigation, target)?;
                return Ok(Reply::empty());
            }
            (&Method::DELETE, true) => {
                let target = unlinked(tx, &writing, call, table, navigation, property)?;
                links::disassociate(tx, &writing, table, id, navigation, target)?;
                return Ok(Reply::empty());
            }
            _ => return Err(ServiceError::wrong_method(&call.method)),
        }
    }
    if reference {
        return Err(ServiceError::bad(
            code::BAD_SEGMENT,
            format!(
                "The URI segment '$ref' is invalid after the segment '{}'.",
                property.name
            ),
        ));
    }
    let column = own
        .property(&property.name)
        .ok_or_else(|| ServiceError::unknown_segment(&property.name))?;
    if own.columns[column].kind.is_lookup() || !rest.is_empty() {
        return Err(ServiceError::wrong_method(&call.method));
    }
    let value = match call.method {
        Method::PUT => call
            .object()?
            .shift_remove("value")
            .ok_or_else(|| ServiceError::payload(&own.name, "The property 'value' is expected."))?,
        Method::DELETE => Json::Null,
        _ => return Err(ServiceError::wrong_method(&call.method)),
    };
    let body = serde_json::Map::from_iter([(property.name.clone(), value)]);
    let condition = Condition {
        none_may_match: false,
        ..call.condition()
    };
    write::update(tx, &writing, table, id, &body, &condition)?;
    Ok(Reply::empty())
}

pub(super) fn reference_in(
    tx: &Transaction<'_>,
    writing: &Writing<'_>,
    call: &Call,
) -> Outcome<(TableId, Uuid)> {
    let body = call.object()?;
    let url = body
        .get("@odata.id")
        .and_then(Json::as_str)
        .ok_or_else(|| ServiceError::payload("", "The property '@odata.id' is expected."))?;
    // If the target does not exist, the error is a query error that names it.
    crate::body::target_of(tx, writing, url).map_err(|error| match error.code {
        Some(code::OBJECT_DOES_NOT_EXIST) => ServiceError {
            code: Some(code::BAD_QUERY),
            status: StatusCode::BAD_REQUEST,
            ..error
        },
        _ => error,
    })
}

/// The row that a DELETE of a link refers to, by the key of the segment or by `$id`.
pub(super) fn unlinked(
    tx: &Transaction<'_>,
    writing: &Writing<'_>,
    call: &Call,
    table: TableId,
    navigation: Navigation,
    segment: &Segment,
) -> Outcome<Option<(TableId, Uuid)>> {
    let schema = tx.schema();
    let of = match navigation {
        Navigation::Children { table, .. } => table,
        Navigation::Many { relation, side } => schema.many_to_many[relation].tables[1 - side],
        Navigation::Lookup { .. } => table,
    };
    if segment.key.is_some() {
        return Ok(Some((
            of,
            resolve::key(tx.store(), writing.switches, of, segment)?,
        )));
    }
    match options::parse(call.query())?.id {
        Some(url) => {
            let segment = path::reference(&url).ok_or_else(|| {
                ServiceError::query(format!("The resource identifier '{url}' is not valid."))
            })?;
            let target = table_of(&schema, &segment.name)?;
            Ok(Some((
                target,
                resolve::key(tx.store(), writing.switches, target, &segment)?,
            )))
        }
        None => Ok(None),
    }
}
