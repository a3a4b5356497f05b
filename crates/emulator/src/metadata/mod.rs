//! Metadata: the service document, `EntityDefinitions`, option sets, relationships, keys (Web API: query metadata).

mod csdl;
mod definitions;
mod query;

use http::StatusCode;
use serde_json::{Map, Value as Json, json};

use self::query::{Shape, shape};
use crate::call::Context;
use crate::call::Reply;
use crate::error::{Outcome, ServiceError, code};
use crate::odata::options::{Options, split_outside};
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
    in_batch: bool,
) -> Outcome<Reply> {
    let schema = &reading.store.schema;
    let switches = context.switches;
    let [first, rest @ ..] = segments else {
        return Err(ServiceError::unknown_segment(""));
    };
    refuse_unsupported(options)?;
    let (body, context_of) = match (first.name.as_str(), first.key.is_some(), rest) {
        ("$metadata", false, []) => {
            return Ok(Reply::text(
                "application/xml",
                csdl::document(schema, options.annotations),
            ));
        }
        ("EntityDefinitions", false, []) => {
            (entities(schema, switches, options)?, "EntityDefinitions")
        }
        ("EntityDefinitions", true, []) => {
            let table = find_table(schema, first)?;
            let options = Options {
                filter: None,
                ..options.clone()
            };
            let shape = Shape::parse(&options)?;
            (
                expanded(schema, switches, table, &shape)?.unwrap_or(Json::Null),
                "EntityDefinitions/$entity",
            )
        }
        ("EntityDefinitions", true, [part, rest @ ..]) => (
            entity_part(
                schema,
                switches,
                find_table(schema, first)?,
                part,
                rest,
                options,
            )?,
            "EntityDefinitions",
        ),
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
                    not_found("relationship", name.as_deref().unwrap_or_default())
                })?;
                (one(found, options)?, "RelationshipDefinitions/$entity")
            } else {
                (list(all, options)?, "RelationshipDefinitions")
            }
        }
        ("GlobalOptionSetDefinitions", keyed, rest) => {
            match rest {
                [] => {}
                [cast] if cast.name == "Microsoft.Dynamics.CRM.OptionSetMetadata" => {}
                [other, ..] => return Err(ServiceError::unknown_segment(&other.name)),
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
                    .ok_or_else(|| not_found("option set", &name))?;
                (one(found, options)?, "GlobalOptionSetDefinitions/$entity")
            } else {
                (list(all, options)?, "GlobalOptionSetDefinitions")
            }
        }
        _ => return Err(ServiceError::unknown_segment(&first.name)),
    };
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
    Ok(Reply::json(StatusCode::OK, &Json::Object(object), in_batch))
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
    let shape = Shape::parse(options)?;
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
    let mut item = entity(table, switches);
    if !shape.passes(&item)? {
        return Ok(None);
    }
    if let Some(object) = item.as_object_mut() {
        for name in shape.expanded() {
            if let Some(items) = expansion(schema, switches, table, name) {
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
        .ok_or_else(|| not_found("entity", name))?;
    let mut item = entity(table, switches);
    for part in [
        "Attributes",
        "Keys",
        "ManyToManyRelationships",
        "OneToManyRelationships",
        "ManyToOneRelationships",
    ] {
        item[part] = expansion(schema, switches, table, part)
            .unwrap_or_default()
            .into();
    }
    Ok(item)
}

fn not_found(what: &str, name: &str) -> ServiceError {
    ServiceError::new(
        StatusCode::NOT_FOUND,
        code::OBJECT_DOES_NOT_EXIST,
        format!("Could not find an {what} with name {name}."),
    )
}

fn list(items: Vec<Json>, options: &Options) -> Outcome<Json> {
    let shape = Shape::parse(options)?;
    let mut shaped = Vec::new();
    for item in items {
        if let Some(item) = shape.apply(item)? {
            shaped.push(item);
        }
    }
    Ok(Json::Array(shaped))
}

fn one(item: Json, options: &Options) -> Outcome<Json> {
    shape(item, options)
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
        .ok_or_else(|| not_found("entity", name.or(by_id).unwrap_or_default().as_str()))
}

fn entity_part(
    schema: &Schema,
    switches: &Switches,
    table: &Table,
    part: &Segment,
    rest: &[Segment],
    options: &Options,
) -> Outcome<Json> {
    let items = match part.name.as_str() {
        "Attributes" => {
            let mut items = attributes(schema, table);
            let (cast, rest) = match rest {
                [cast, rest @ ..] if cast.name.starts_with("Microsoft.Dynamics.CRM.") => {
                    (Some(cast), rest)
                }
                rest => (None, rest),
            };
            let wanted = cast.map(|cast| format!("#{}", cast.name));
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
                let found = items
                    .into_iter()
                    .next()
                    .ok_or_else(|| not_found("attribute", name.as_deref().unwrap_or(key)))?;
                if let Some(cast) = cast.filter(|_| !fits(&found)) {
                    return Err(ServiceError::unknown_segment(&cast.name));
                }
                return property_of(strip_casts(found, cast.is_some()), rest, options);
            }
            if let Some(other) = rest.first() {
                return Err(ServiceError::unknown_segment(&other.name));
            }
            items.retain(fits);
            items
                .into_iter()
                .map(|item| strip_casts(item, cast.is_some()))
                .collect()
        }
        other => {
            let mut items = expansion(schema, switches, table, other)
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
                let found = found.ok_or_else(|| not_found("item", &part.name))?;
                return shape(found, options);
            }
            items
        }
    };
    list(items, options)
}

/// A property of an attribute, such as its option set, or the attribute itself.
fn property_of(item: Json, rest: &[Segment], options: &Options) -> Outcome<Json> {
    let name = match rest {
        [] => return shape(item, options),
        [only] => &only.name,
        [_, other, ..] => return Err(ServiceError::unknown_segment(&other.name)),
    };
    match item.get(name) {
        Some(Json::Object(inner)) => shape(Json::Object(inner.clone()), options),
        Some(value) => Ok(json!({"value": value})),
        None => Err(ServiceError::unknown_segment(name)),
    }
}

/// Parses options inside `$expand=Attributes($select=…;$filter=…)`.
pub(crate) fn expand_items(text: &str) -> Vec<(String, Vec<(String, String)>)> {
    split_outside(text, ',')
        .into_iter()
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(|item| match item.find('(') {
            Some(open) if item.ends_with(')') => {
                let pairs = split_outside(&item[open + 1..item.len() - 1], ';')
                    .into_iter()
                    .filter_map(|part| part.trim().split_once('='))
                    .map(|(name, value)| (name.trim().to_owned(), value.to_owned()))
                    .collect();
                (item[..open].trim().to_owned(), pairs)
            }
            _ => (item.to_owned(), Vec::new()),
        })
        .collect()
}
