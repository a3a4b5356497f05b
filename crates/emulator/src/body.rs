//! Parses request bodies: cells, bound lookups and nested rows.

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::clock::Moment;
use crate::error::{Outcome, ServiceError, code};
use crate::odata::filter::normal_date;
use crate::odata::path::reference;
use crate::resolve;
use crate::schema::{Column, Kind, Navigation, TableId};
use crate::store::Transaction;
use crate::value::Value;
use crate::writing::Writing;

/// The content of a body.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) cells: Vec<(usize, Value)>,
    /// Lookups whose target is nested in the body: column, table, nested body.
    pub(crate) nested_lookups: Vec<(usize, TableId, Map<String, Json>)>,
    pub(crate) children: Vec<Child>,
}

/// A member of a collection that is linked or created along with a new row.
#[derive(Debug)]
pub(crate) enum Child {
    Existing {
        navigation: Navigation,
        target: (TableId, Uuid),
    },
    New {
        navigation: Navigation,
        json: Map<String, Json>,
    },
}

/// Parses a body. `creating` also allows collections, and columns that can only be set on create.
pub(crate) fn read(
    tx: &Transaction<'_>,
    writing: &Writing<'_>,
    table: TableId,
    json: &Map<String, Json>,
    creating: bool,
) -> Outcome<Body> {
    let schema = tx.schema();
    let own = schema.table(table);
    let mut body = Body::default();
    for (name, value) in json {
        if let Some((property, annotation)) = name.split_once('@') {
            if !annotation.contains('.') {
                return Err(ServiceError::payload(
                    &own.name,
                    format!(
                        "Microsoft.OData.ODataException: The name '{annotation}' is an invalid instance annotation name. An instance annotation name must contain a period that is not at the start or end of the name."
                    ),
                ));
            }
            if annotation == "odata.bind" && !property.is_empty() {
                bind(tx, writing, table, property, value, creating, &mut body)?;
            }
            continue;
        }
        if let Some((position, column)) = own.column(name)
            && !column.kind.is_lookup()
        {
            // Read-only columns are silently ignored, as on the platform.
            if !column.read_only {
                body.cells.push((position, cell(&own.name, column, value)?));
            }
            continue;
        }
        match own.navigation.get(name) {
            Some(Navigation::Lookup { column, target }) => match value {
                Json::Null => body.cells.push((*column, Value::Null)),
                Json::Object(_) if !creating => {
                    return Err(ServiceError::query(
                        "Deep update of navigation properties is not allowed.",
                    ));
                }
                Json::Object(inner) => {
                    let target = target.or_else(|| {
                        own.columns[*column]
                            .targets
                            .first()
                            .map(|target| target.table)
                    });
                    let Some(target) = target else {
                        return Err(undeclared(&own.name, name));
                    };
                    body.nested_lookups.push((*column, target, inner.clone()));
                }
                _ => {
                    return Err(ServiceError::payload(
                        &own.name,
                        format!(
                            "A node of type 'PrimitiveValue' was read for the navigation property '{name}'; an object or null is expected."
                        ),
                    ));
                }
            },
            Some(navigation) => match value {
                Json::Array(items) if creating => {
                    for item in items {
                        let Json::Object(inner) = item else {
                            return Err(ServiceError::payload(
                                &own.name,
                                format!("An object is expected in '{name}'."),
                            ));
                        };
                        body.children.push(Child::New {
                            navigation: *navigation,
                            json: inner.clone(),
                        });
                    }
                }
                _ => {
                    return Err(ServiceError::payload(
                        &own.name,
                        format!("The collection '{name}' cannot be set here."),
                    ));
                }
            },
            None if name.starts_with('_')
                && name.ends_with("_value")
                && own.property(name).is_some() =>
            {
                return Err(ServiceError::query(
                    "CRM do not support direct update of Entity Reference properties, Use Navigation properties instead.",
                ));
            }
            None => return Err(undeclared(&own.name, name)),
        }
    }
    Ok(body)
}

fn undeclared(table: &str, name: &str) -> ServiceError {
    ServiceError::payload(
        table,
        format!(
            "Microsoft.Crm.CrmException: Invalid property '{name}' was found in entity 'Microsoft.Dynamics.CRM.{table}'. ---> Microsoft.OData.ODataException: Does not support untyped value in non-open type."
        ),
    )
}

fn bind(
    tx: &Transaction<'_>,
    writing: &Writing<'_>,
    table: TableId,
    name: &str,
    value: &Json,
    creating: bool,
    body: &mut Body,
) -> Outcome<()> {
    let schema = tx.schema();
    let own = schema.table(table);
    let navigation = *own.navigation.get(name).ok_or_else(|| {
        ServiceError::payload(
            &own.name,
            format!("Microsoft.OData.ODataException: An undeclared property '{name}' which only has property annotations in the payload but no property value was found in the payload. In OData, only declared navigation properties and declared named streams can be represented as properties without values."),
        )
    })?;
    match (navigation, value) {
        (Navigation::Lookup { column, .. }, Json::String(url)) => {
            let (target, id) = target_of(tx, writing, url)?;
            rules_for_target(&own.columns[column], navigation, target, &own.name, name)?;
            body.cells.push((column, Value::Lookup(target, id)));
            Ok(())
        }
        (Navigation::Lookup { column, .. }, Json::Null) if writing.switches.bind_null => {
            body.cells.push((column, Value::Null));
            Ok(())
        }
        (_, Json::Array(urls)) if creating && !matches!(navigation, Navigation::Lookup { .. }) => {
            for url in urls {
                let Some(url) = url.as_str() else {
                    return Err(bad_bind(&own.name, name));
                };
                body.children.push(Child::Existing {
                    navigation,
                    target: target_of(tx, writing, url)?,
                });
            }
            Ok(())
        }
        _ => Err(bad_bind(&own.name, name)),
    }
}

fn bad_bind(table: &str, name: &str) -> ServiceError {
    ServiceError::payload(
        table,
        format!("The 'odata.bind' annotation of '{name}' must have a non-null string value."),
    )
}

fn rules_for_target(
    column: &Column,
    navigation: Navigation,
    target: TableId,
    table: &str,
    name: &str,
) -> Outcome<()> {
    let allowed = match navigation {
        Navigation::Lookup {
            target: Some(only), ..
        } => only == target,
        _ => column
            .targets
            .iter()
            .any(|candidate| candidate.table == target),
    };
    if allowed {
        Ok(())
    } else {
        Err(ServiceError::payload(
            table,
            format!("The resource that '{name}' is bound to is of another type."),
        ))
    }
}

/// The row that a URL in a body refers to. It must exist.
pub(crate) fn target_of(
    tx: &Transaction<'_>,
    writing: &Writing<'_>,
    url: &str,
) -> Outcome<(TableId, Uuid)> {
    let segment = reference(url).ok_or_else(|| {
        ServiceError::query(format!("The resource identifier '{url}' is not valid."))
    })?;
    let schema = tx.schema();
    let table = schema
        .with_set(&segment.name)
        .ok_or_else(|| {
            ServiceError::payload(
                "",
                format!(
                    "Microsoft.OData.UriParser.ODataUnrecognizedPathException: Resource not found for the segment '{}'.",
                    segment.name
                ),
            )
        })?;
    let id = resolve::key(tx.store(), writing.switches, table, &segment)?;
    let row = tx
        .get(table, id)
        .ok_or_else(|| ServiceError::not_found(&schema.table(table).name, id))?;
    if !writing
        .caller
        .access
        .reads(tx.store(), writing.caller, table, row)
    {
        return Err(ServiceError::not_found(&schema.table(table).name, id));
    }
    Ok((table, id))
}

/// The first moment of 1753, the earliest that the platform stores.
const EARLIEST: Moment = Moment(-6_847_804_800);

/// Converts a JSON value to a cell of a column.
pub(crate) fn cell(table: &str, column: &Column, json: &Json) -> Outcome<Value> {
    let wrong = || {
        ServiceError::payload(
            table,
            format!(
                "Microsoft.OData.ODataException: Cannot convert the literal '{json}' to the expected type of '{}'.",
                column.name
            ),
        )
    };
    if json.is_null() {
        return Ok(Value::Null);
    }
    Ok(match column.kind {
        Kind::Text | Kind::Memo | Kind::EntityName => match json.as_str().ok_or_else(wrong)? {
            // The platform does not store empty strings.
            "" => Value::Null,
            text => Value::text(text),
        },
        Kind::Integer | Kind::BigInteger | Kind::Choice | Kind::State | Kind::Status => {
            let number = json.as_i64().ok_or_else(wrong)?;
            if column.kind != Kind::BigInteger && i32::try_from(number).is_err() {
                return Err(wrong());
            }
            Value::Int(number)
        }
        Kind::Decimal | Kind::Double => Value::Number(json.as_f64().ok_or_else(wrong)?),
        Kind::Flag => Value::Flag(json.as_bool().ok_or_else(wrong)?),
        Kind::Id => Value::Id(
            json.as_str()
                .and_then(|text| Uuid::try_parse(text).ok())
                .ok_or_else(wrong)?,
        ),
        Kind::DateTime => {
            let text = json.as_str().ok_or_else(wrong)?;
            if column.date_only && text.contains('T') {
                return Err(wrong());
            }
            let moment = Moment::parse(&normal_date(text)).ok_or_else(wrong)?;
            if moment < EARLIEST {
                return Err(ServiceError::bad(
                    code::DATE_OUT_OF_RANGE,
                    format!(
                        "DateTime is less than minumum value supported by CrmDateTime. Actual value: {text}, Minimum value supported: 01/01/1753 00:00:00"
                    ),
                ));
            }
            let moment = moment.iso();
            Value::text(if column.date_only {
                &moment[..10]
            } else {
                &moment
            })
        }
        Kind::Managed => {
            let value = json
                .get("Value")
                .and_then(Json::as_bool)
                .ok_or_else(wrong)?;
            Value::Managed(
                value,
                json.get("CanBeChanged")
                    .and_then(Json::as_bool)
                    .unwrap_or(true),
            )
        }
        Kind::Lookup | Kind::Owner => {
            return Err(ServiceError::bad(
                code::INVALID_PAYLOAD,
                format!(
                    "The lookup '{}' is written by its navigation property.",
                    column.name
                ),
            ));
        }
    })
}
