//! Metadata: the service document, `EntityDefinitions`, option sets, relationships, keys (Web API: query metadata).

mod csdl;
mod definitions;
mod query;

use http::StatusCode;
use serde_json::{Map, Value as Json, json};

use self::query::{Shape, shape};
use crate::call::{Call, Context, Reply};
use crate::error::{Outcome, ServiceError, code};
use crate::odata::options::{Options, projection};
use crate::odata::path::Segment;
use crate::odata::read::Reading;
use crate::schema::{Schema, Table};
use crate::switches::Switches;
use definitions::*;

/// Whether the first segment of a path addresses metadata.
pub(crate) fn is_metadata(name: &str) -> bool {
    matches!(
        name,
        "EntityDefinitions"
            | "RelationshipDefinitions"
            | "GlobalOptionSetDefinitions"
            | "$metadata"
    )
}

/// Answers `GET /`.
pub(crate) fn service_document(schema: &Schema, base: &str) -> Json {
    let mut sets: Vec<&str> = schema.visible().map(|table| table.set.as_str()).collect();
    sets.sort_unstable();
    let value: Vec<Json> = sets
        .into_iter()
        .map(|set| json!({"name": set, "kind": "EntitySet", "url": set}))
        .collect();
    json!({"@odata.context": format!("{base}$metadata"), "value": value})
}

/// Answers a read of metadata. The result is always a single page.
pub(crate) fn answer(
    reading: &Reading<'_>,
    context: &Context<'_>,
    segments: &[Segment],
    options: &Options,
    call: &Call,
) -> Outcome<Reply> {
    let accepted = call.header("accept").unwrap_or_default();
    let wants_json = accepted.starts_with("application/json") && !accepted.contains("xml");
    let schema = &reading.store.schema;
    let switches = context.switches;
    let [first, rest @ ..] = segments else {
        return Err(ServiceError::unknown_segment(""));
    };
    refuse_unsupported(options)?;
    let body = match (first.name.as_str(), first.key.is_some(), rest) {
        ("$metadata", false, []) => {
            if wants_json {
                return Err(ServiceError::new(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    code::BAD_QUERY,
                    "A supported MIME type could not be found that matches the acceptable MIME types for the request. The supported type(s) 'application/xml, text/xml' do not match any of the acceptable MIME types 'application/json'.",
                ));
            }
            return Ok(Reply::text(
                "application/xml",
                csdl::document(schema, options.annotations),
            ));
        }
        ("EntityDefinitions", false, []) => entities(schema, switches, options)?,
        ("EntityDefinitions", true, []) => {
            let table = find_table(schema, first)?;
            let options = Options {
                filter: None,
                ..options.clone()
            };
            let shape = Shape::parse(&options, "EntityMetadata")?;
            expanded(schema, switches, table, &shape)?.unwrap_or(Json::Null)
        }
        ("EntityDefinitions", true, [part, rest @ ..]) => entity_part(
            schema,
            switches,
            find_table(schema, first)?,
            part,
            rest,
            options,
        )?,
        ("RelationshipDefinitions", keyed, rest) => {
            let wanted = match rest {
                [] => None,
                [cast] => Some(
                    cast.name
                        .trim_start_matches("Microsoft.Dynamics.CRM.")
                        .to_owned(),
                ),
                _ => return Err(ServiceError::unknown_segment(&rest[1].name)),
            };
            let mut all = relationships(schema, wanted.as_deref());
            let of = match wanted.as_deref() {
                None => query::type_of_items("RelationshipDefinitions"),
                Some("ManyToManyRelationshipMetadata") => "ManyToManyRelationshipMetadata",
                Some(_) => "OneToManyRelationshipMetadata",
            };
            if keyed {
                let name = first
                    .pairs()
                    .into_iter()
                    .find(|(name, _)| name == "SchemaName")
                    .map(|(_, value)| value.trim_matches('\'').to_owned());
                all.retain(|item| {
                    name.as_deref()
                        .is_some_and(|name| item["SchemaName"] == name)
                });
                let found = all.into_iter().next().ok_or_else(|| {
                    let name = name.as_deref().unwrap_or_default();
                    not_found("RelationshipMetadataBase", &format!("SchemaName='{name}'"))
                })?;
                shape(found, options, of)?
            } else {
                list(all, options, of)?
            }
        }
        ("GlobalOptionSetDefinitions", keyed, rest) => {
            let of = match rest {
                [] => query::type_of_items("GlobalOptionSetDefinitions"),
                [cast] if cast.name == "Microsoft.Dynamics.CRM.OptionSetMetadata" => {
                    "OptionSetMetadata"
                }
                [other, ..] => return Err(ServiceError::unknown_segment(&other.name)),
            };
            if options.filter.is_some() {
                return Err(ServiceError::query(
                    "The query parameter $filter is not supported on GlobalOptionSetDefinitions",
                ));
            }
            let mut all = global_option_sets(schema);
            if keyed {
                let name = first
                    .pairs()
                    .into_iter()
                    .find(|(name, _)| name == "Name")
                    .map(|(_, value)| value.trim_matches('\'').to_owned())
                    .unwrap_or_default();
                all.retain(|item| item["Name"] == name.as_str());
                let found = all
                    .into_iter()
                    .next()
                    .ok_or_else(|| not_found("OptionSetMetadataBase", &format!("Name='{name}'")))?;
                shape(found, options, of)?
            } else {
                list(all, options, of)?
            }
        }
        _ => return Err(ServiceError::unknown_segment(&first.name)),
    };
    let context_of = context_of(segments, options, &body);
    let mut object = Map::from_iter([(
        "@odata.context".to_owned(),
        json!(format!("{}$metadata#{context_of}", reading.base)),
    )]);
    match body {
        Json::Array(items) => {
            object.insert("value".into(), items.into());
        }
        Json::Object(fields) => object.extend(fields),
        _ => {}
    }
    Ok(Reply::json(
        StatusCode::OK,
        &Json::Object(object),
        call.in_batch,
    ))
}

/// What the answer contains: the path with the keys of all but its last segment, and the projection.
fn context_of(segments: &[Segment], options: &Options, body: &Json) -> String {
    let names: Vec<String> = segments
        .iter()
        .enumerate()
        .map(|(position, segment)| {
            let is_cast = |segment: &Segment| segment.name.starts_with("Microsoft.Dynamics.CRM.");
            let is_last = segments[position + 1..].iter().all(is_cast);
            let key = segment.pairs().into_iter().next().map(|(_, value)| value);
            match key.or_else(|| segment.key.clone()) {
                Some(key) if !is_last => format!("{}('{}')", segment.name, key.trim_matches('\'')),
                _ => segment.name.clone(),
            }
        })
        .collect();
    let path = names.join("/");
    let is_value = body.get("value").is_some() && body.get("MetadataId").is_none();
    if is_value {
        return path;
    }
    let select = options.select.as_deref();
    let select = select.map(|text| text.split(',').map(|name| name.trim().to_owned()).collect());
    let columns = projection(select, options.expand.as_deref());
    match body {
        Json::Array(_) => format!("{path}{columns}"),
        _ => format!("{path}{columns}/$entity"),
    }
}

/// Metadata supports select, filter and expand; all other query options are rejected.
fn refuse_unsupported(options: &Options) -> Outcome<()> {
    let given = [
        ("$top", options.top.is_some()),
        ("$orderby", options.orderby.is_some()),
        ("$skiptoken", options.skiptoken.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((name, _)) => Err(ServiceError::query(format!(
            "The query parameter {name} is not supported"
        ))),
    }
}

fn entities(schema: &Schema, switches: &Switches, options: &Options) -> Outcome<Json> {
    let shape = Shape::parse(options, "EntityMetadata")?;
    let mut shaped = Vec::new();
    for table in schema.visible() {
        shaped.extend(expanded(schema, switches, table, &shape)?);
    }
    Ok(Json::Array(shaped))
}

/// A table with its expanded properties, which are only built if the filter accepts the table.
fn expanded(
    schema: &Schema,
    switches: &Switches,
    table: &Table,
    shape: &Shape,
) -> Outcome<Option<Json>> {
    let mut item = entity(table, switches, Wanted::Of(shape));
    if !shape.passes(&item)? {
        return Ok(None);
    }
    if let Some(object) = item.as_object_mut() {
        for (name, within) in shape.expanded() {
            if let Some(items) = expansion(schema, switches, table, name, Some(within)) {
                object.insert(name.to_owned(), items.into());
            }
        }
    }
    shape.apply(item)
}

/// A table with all expandable properties, as metadata functions return it.
pub(crate) fn whole(schema: &Schema, switches: &Switches, name: &str) -> Outcome<Json> {
    let table = schema
        .named(name)
        .map(|id| schema.table(id))
        .ok_or_else(|| not_found("EntityMetadata", &format!("LogicalName='{name}'")))?;
    let mut item = entity(table, switches, Wanted::All);
    for part in [
        "Attributes",
        "Keys",
        "ManyToManyRelationships",
        "OneToManyRelationships",
        "ManyToOneRelationships",
    ] {
        item[part] = expansion(schema, switches, table, part, None)
            .unwrap_or_default()
            .into();
    }
    Ok(item)
}

fn not_found(what: &str, name: &str) -> ServiceError {
    ServiceError::new(
        StatusCode::NOT_FOUND,
        code::BAD_QUERY,
        format!("{what} With Id = {name} does not exist."),
    )
}

fn list(items: Vec<Json>, options: &Options, of: &'static str) -> Outcome<Json> {
    let shape = Shape::parse(options, of)?;
    let mut shaped = Vec::new();
    for item in items {
        if let Some(item) = shape.apply(item)? {
            shaped.push(item);
        }
    }
    Ok(Json::Array(shaped))
}

fn find_table<'s>(schema: &'s Schema, segment: &Segment) -> Outcome<&'s Table> {
    let by_id = segment.id().map(|id| id.to_string());
    let name = segment
        .pairs()
        .into_iter()
        .find(|(name, _)| name == "LogicalName")
        .map(|(_, value)| value.trim_matches('\'').to_owned());
    schema
        .visible()
        .find(|table| {
            Some(&table.name) == name.as_ref() || by_id.as_ref() == Some(&metadata_id(&table.name))
        })
        .ok_or_else(|| {
            let name = name.map(|name| format!("LogicalName='{name}'"));
            not_found("EntityMetadata", &name.or(by_id).unwrap_or_default())
        })
}

fn entity_part(
    schema: &Schema,
    switches: &Switches,
    table: &Table,
    part: &Segment,
    rest: &[Segment],
    options: &Options,
) -> Outcome<Json> {
    match part.name.as_str() {
        "Attributes" => {
            let mut items = attributes(schema, table, Wanted::All);
            let (cast, rest) = match rest {
                [cast, rest @ ..] if cast.name.starts_with("Microsoft.Dynamics.CRM.") => {
                    (Some(cast), rest)
                }
                rest => (None, rest),
            };
            if let Some(cast) = cast
                && is_abstract(&cast.name)
            {
                return Err(ServiceError::unknown_segment(&cast.name));
            }
            let wanted = cast.map(|cast| format!("#{}", cast.name));
            let of = match cast {
                None => query::type_of_items("Attributes"),
                Some(_) => "AttributeMetadata",
            };
            let fits = |item: &Json| {
                let mut wanted = wanted.iter();
                wanted.all(|wanted| item["@odata.type"] == wanted.as_str())
            };
            if let Some(key) = &part.key {
                let name = part
                    .pairs()
                    .into_iter()
                    .find(|(name, _)| name == "LogicalName")
                    .map(|(_, value)| value.trim_matches('\'').to_owned());
                items.retain(|item| {
                    name.as_deref()
                        .is_some_and(|name| item["LogicalName"] == name)
                        || item["MetadataId"] == key.as_str()
                });
                let found = items.into_iter().next().ok_or_else(|| {
                    let name = name.map(|name| format!("LogicalName='{name}'"));
                    not_found("AttributeMetadata", name.as_deref().unwrap_or(key))
                })?;
                if let Some(cast) = cast.filter(|_| !fits(&found)) {
                    return Err(ServiceError::unknown_segment(&cast.name));
                }
                return property_of(strip_casts(found, cast.is_some()), rest, options, of);
            }
            if let Some(other) = rest.first() {
                return Err(ServiceError::unknown_segment(&other.name));
            }
            items.retain(fits);
            let items = items.into_iter();
            let items = items.map(|item| strip_casts(item, cast.is_some()));
            list(items.collect(), options, of)
        }
        other => {
            let mut items = expansion(schema, switches, table, other, None)
                .ok_or_else(|| ServiceError::unknown_segment(other))?;
            if let Some(segment) = rest.first() {
                return Err(ServiceError::unknown_segment(&segment.name));
            }
            if part.key.is_some() {
                let pairs = part.pairs();
                items.retain(|item| {
                    let mut pairs = pairs.iter();
                    pairs.all(|(name, value)| item[name] == value.trim_matches('\''))
                });
                let found = items.into_iter().next();
                let found = found.ok_or_else(|| {
                    not_found(
                        query::type_of_items(&part.name),
                        part.key.as_deref().unwrap_or_default(),
                    )
                })?;
                return shape(found, options, query::type_of_items(other));
            }
            list(items, options, query::type_of_items(other))
        }
    }
}

/// Whether no attribute is of this type itself, so that attributes cannot be cast to it.
fn is_abstract(cast: &str) -> bool {
    cast.ends_with(".EnumAttributeMetadata") || cast.ends_with(".AttributeMetadata")
}

/// A property of an attribute, such as its option set, or the attribute itself.
fn property_of(item: Json, rest: &[Segment], options: &Options, of: &'static str) -> Outcome<Json> {
    let name = match rest {
        [] => return shape(item, options, of),
        [only] => &only.name,
        [_, other, ..] => return Err(ServiceError::unknown_segment(&other.name)),
    };
    match item.get(name) {
        Some(Json::Object(inner)) => {
            shape(Json::Object(inner.clone()), options, "OptionSetMetadata")
        }
        Some(value) => Ok(json!({"value": value})),
        None => Err(ServiceError::unknown_segment(name)),
    }
}
