//! Routes a request to what answers it.

use http::{Method, StatusCode};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::call::{Call, Reply};
use crate::caller::Caller;
use crate::clock::Moment;
use crate::error::{Outcome, ServiceError, code};
use crate::odata::eval::related;
use crate::odata::options::{self, Options};
use crate::odata::path::{self, Segment};
use crate::odata::read::{Reading, Source};
use crate::resolve::{self, Alternate};
use crate::schema::{Navigation, Schema, TableId};
use crate::store::{Row, Store, Transaction};
use crate::switches::Switches;
use crate::write::{self, Condition, Writing};
use crate::{actions, fetchxml, links, metadata};

/// What a request is carried out with.
pub(crate) struct Context<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) switches: &'a Switches,
    pub(crate) now: Moment,
}

impl<'a> Context<'a> {
    pub(crate) fn writing(&self, call: &Call) -> Writing<'a> {
        Writing {
            caller: self.caller,
            switches: self.switches,
            now: self.now,
            solution: call.header("mscrm.solutionuniquename").map(str::to_owned),
        }
    }
}

/// Whether a request can change rows.
pub(crate) fn is_write(call: &Call) -> bool {
    call.method != Method::GET && call.method != Method::HEAD
        || call.path().starts_with("RemoveActiveCustomizations")
}

/// Answers a read.
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
    let limit = if call.in_batch { 65_536 } else { 32_768 };
    if call.target.len() + call.base.len() > limit {
        return Err(ServiceError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            code::BAD_QUERY,
            "The request URL is too long.",
        ));
    }
    let body = match segments.as_slice() {
        [] => metadata::service_document(&store.schema, context.switches, &call.base),
        [first, ..] if metadata::is_metadata(&first.name) => {
            return metadata::answer(&reading, context, &segments, &options, call.in_batch);
        }
        [first, ..]
            if actions::is_function(first)
                || segments.last().is_some_and(actions::is_bound_function) =>
        {
            return actions::function(&reading, context, &segments, &options, call);
        }
        [first, rest @ ..] => {
            let table = table_of(&store.schema, context.switches, &first.name)?;
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

/// The table of an entity set, unless the environment lacks it.
pub(crate) fn table_of(schema: &Schema, switches: &Switches, set: &str) -> Outcome<TableId> {
    schema
        .with_set(set)
        .filter(|table| !switches.missing_tables.contains(&schema.table(*table).name))
        .ok_or_else(|| ServiceError::unknown_segment(set))
}

fn read_table(
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
    refuse_missing_columns(schema, context.switches, table, options)?;
    if let Some(fetch) = &options.fetch_xml {
        let body = fetchxml::answer(reading, table, fetch)?;
        return Ok(finish(
            Reply::json(StatusCode::OK, &Json::Object(body), call.in_batch),
            reading,
        ));
    }
    let body = match (&first.key, rest) {
        (None, []) if schema.table(table).name == "msdyn_componentlayer" => {
            crate::component_layers::answer(reading, context.switches, table, options)?
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
        Reply::json(StatusCode::OK, &Json::Object(body), call.in_batch),
        reading,
    ))
}

fn refuse_missing_columns(
    schema: &Schema,
    switches: &Switches,
    table: TableId,
    options: &Options,
) -> Outcome<()> {
    let own = schema.table(table);
    let text = [&options.select, &options.filter, &options.orderby]
        .into_iter()
        .flatten();
    for text in text {
        for word in text.split(|character: char| !(character.is_alphanumeric() || character == '_'))
        {
            let column = word
                .strip_prefix('_')
                .and_then(|rest| rest.strip_suffix("_value"))
                .unwrap_or(word);
            if !switches.missing_columns.is_empty()
                && switches
                    .missing_columns
                    .contains(&format!("{}.{column}", own.name))
            {
                return Err(crate::odata::filter::unknown_property(schema, table, word));
            }
        }
    }
    Ok(())
}

fn count_text(reading: &Reading<'_>, table: TableId, options: &Options) -> Outcome<Reply> {
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

fn find_row(reading: &Reading<'_>, table: TableId, segment: &Segment) -> Outcome<Row> {
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
            // One row beyond reach is refused, unlike rows of a list, which are dropped.
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

fn read_row(
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
                Reply::json(StatusCode::OK, &Json::Object(body), call.in_batch),
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

/// Carries out a write inside a transaction.
pub(crate) fn write(
    tx: &mut Transaction<'_>,
    context: &Context<'_>,
    call: &Call,
) -> Outcome<Reply> {
    let segments = path::parse(call.path());
    let schema = tx.schema();
    let Some(first) = segments.first() else {
        return Err(ServiceError::wrong_method(&call.method, "/"));
    };
    if actions::is_action(&segments) {
        return actions::action(tx, context, &segments, call);
    }
    if metadata::is_metadata(&first.name) {
        return Err(ServiceError::wrong_method(&call.method, &first.name));
    }
    let table = table_of(&schema, context.switches, &first.name)?;
    let own = schema.table(table);
    if crate::component_layers::is_virtual(&own.name) || own.intersect.is_some() {
        // Links are made and taken away by `$ref`; these rows are never written themselves.
        return Err(ServiceError::wrong_method(&call.method, &first.name));
    }
    match (&call.method, &first.key, &segments[1..]) {
        (&Method::POST, None, []) => create(tx, context, call, table),
        (&Method::PATCH, Some(_), []) => upsert(tx, context, call, table, first),
        (&Method::DELETE, Some(_), []) => {
            let id = resolve::key(tx.store(), context.switches, table, first)?;
            write::delete(tx, &context.writing(call), table, id, &call.condition())?;
            Ok(Reply::empty())
        }
        (_, Some(_), [property, rest @ ..]) => {
            let id = resolve::key(tx.store(), context.switches, table, first)?;
            write_property(tx, context, call, table, id, property, rest)
        }
        _ => Err(ServiceError::wrong_method(&call.method, call.path())),
    }
}

fn entity_url(call: &Call, schema: &Schema, table: TableId, id: Uuid) -> String {
    format!("{}{}({id})", call.base, schema.table(table).set)
}

fn create(
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

fn located(reply: Reply, call: &Call, url: String) -> Reply {
    let reply = if call.in_batch {
        reply.with("Location", url.clone())
    } else {
        reply
    };
    reply.with("OData-EntityId", url)
}

fn represent(
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
        // Documented: $expand is ignored in the answer to an update.
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

fn upsert(
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
        return Err(write::duplicate());
    }
    let representation = call.preferences().representation;
    if let (true, Some(id)) = (exists, id) {
        if segment.id().is_none() {
            // Values of the key's columns are ignored when the key found a row.
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
        let id = id.unwrap_or_default();
        let error = ServiceError::not_found(&own.name, id);
        return Err(ServiceError {
            code: error
                .code
                .filter(|_| context.switches.codes_on_conditional_errors),
            ..error
        });
    }
    for (column, value) in absent_values {
        let name = own.columns[column].property();
        if !json.contains_key(&name) && !own.columns[column].kind.is_lookup() {
            json.insert(name.clone(), value.json(&name));
        }
    }
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

fn write_property(
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
            _ => return Err(ServiceError::wrong_method(&call.method, call.path())),
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
        return Err(ServiceError::wrong_method(&call.method, call.path()));
    }
    let value = match call.method {
        Method::PUT => call
            .object()?
            .shift_remove("value")
            .ok_or_else(|| ServiceError::payload(&own.name, "The property 'value' is expected."))?,
        Method::DELETE => Json::Null,
        _ => return Err(ServiceError::wrong_method(&call.method, call.path())),
    };
    let body = serde_json::Map::from_iter([(property.name.clone(), value)]);
    let condition = Condition {
        none_may_match: false,
        ..call.condition()
    };
    write::update(tx, &writing, table, id, &body, &condition)?;
    Ok(Reply::empty())
}

fn reference_in(
    tx: &Transaction<'_>,
    writing: &Writing<'_>,
    call: &Call,
) -> Outcome<(TableId, Uuid)> {
    let body = call.object()?;
    let url = body
        .get("@odata.id")
        .and_then(Json::as_str)
        .ok_or_else(|| ServiceError::payload("", "The property '@odata.id' is expected."))?;
    // A target that does not exist is answered with the query error that names it.
    crate::body::target_of(tx, writing, url).map_err(|error| match error.code {
        Some(code::OBJECT_DOES_NOT_EXIST) => ServiceError {
            code: Some(code::BAD_QUERY),
            status: StatusCode::BAD_REQUEST,
            ..error
        },
        _ => error,
    })
}

/// The row that a DELETE of a link names: by the key of the segment, or by `$id`.
fn unlinked(
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
            let target = table_of(&schema, writing.switches, &segment.name)?;
            Ok(Some((
                target,
                resolve::key(tx.store(), writing.switches, target, &segment)?,
            )))
        }
        None => Ok(None),
    }
}
