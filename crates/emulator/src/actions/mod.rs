//! Functions and actions (Web API: functions, actions, metadata; bulk operations; audit).

mod bulk;
mod functions;

use http::{Method, StatusCode};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use crate::call::Context;
use crate::call::{Call, Reply};
use crate::error::{Outcome, ServiceError, code};
use crate::layers;
use crate::odata::path::Segment;
use crate::resolve;
use crate::security::{self};
use crate::service::table_of;
use crate::store::{IndexKey, Transaction};
use crate::{write, writing};
use bulk::bulk;

pub(crate) use functions::function;

const NAMESPACE: &str = "Microsoft.Dynamics.CRM.";

/// Whether the first segment of a path calls a function.
pub(crate) fn is_function(segment: &Segment) -> bool {
    matches!(
        segment.name.as_str(),
        "WhoAmI"
            | "RetrieveCurrentOrganization"
            | "RetrieveRecordChangeHistory"
            | "RetrieveTotalRecordCount"
            | "RetrieveVersion"
            | "RetrieveAvailableLanguages"
            | "RetrieveProvisionedLanguages"
            | "RetrieveEntity"
            | "RetrieveAllEntities"
            | "GetValidManyToMany"
            | "GetValidReferencedEntities"
            | "GetValidReferencingEntities"
    )
}

/// Whether the last segment of a path calls a bound function.
pub(crate) fn is_bound_function(segment: &Segment) -> bool {
    segment.name.starts_with(NAMESPACE)
}

/// Whether a path calls an action.
pub(crate) fn is_action(segments: &[Segment]) -> bool {
    let unbound = matches!(segments, [only] if matches!(
        only.name.as_str(),
        "PublishXml" | "PublishAllXml" | "AddSolutionComponent" | "RemoveSolutionComponent" | "RemoveActiveCustomizations" | "Merge"
    ));
    unbound
        || segments
            .last()
            .is_some_and(|segment| segment.name.starts_with(NAMESPACE))
}

pub(crate) fn action(
    tx: &mut Transaction<'_>,
    context: &Context<'_>,
    segments: &[Segment],
    call: &Call,
) -> Outcome<Reply> {
    match segments {
        [only] if only.name == "RemoveActiveCustomizations" && call.method == Method::GET => {
            remove_active(tx, context, call, only)?;
            Ok(Reply::empty())
        }
        _ if call.method != Method::POST => Err(ServiceError::wrong_method(&call.method)),
        [only] if only.name == "PublishXml" => {
            crate::rules::import_lock(&context.writing(call), "Publish")?;
            let body = call.object()?;
            match body.get("ParameterXml").and_then(Json::as_str) {
                Some(xml) if xml.contains("<importexportxml") => Ok(Reply::empty()),
                _ => Err(ServiceError::bad(
                    code::INVALID_ARGUMENT,
                    "ParameterXml must hold an importexportxml document.",
                )),
            }
        }
        [only] if only.name == "PublishAllXml" => {
            crate::rules::import_lock(&context.writing(call), "PublishAll")?;
            Ok(Reply::empty())
        }
        [only] if only.name == "Merge" => merge(tx, context, call),
        [only] if only.name == "AddSolutionComponent" => add_component(tx, context, call),
        [only] if only.name == "RemoveSolutionComponent" => remove_component(tx, call),
        [role, bound] if role.name == "roles" && role.key.is_some() => {
            role_privileges(tx, context, call, role, bound)
        }
        [set, bound] => bulk(
            tx,
            context,
            call,
            set,
            bound.name.trim_start_matches(NAMESPACE),
        ),
        [.., last] => Err(ServiceError::unknown_segment(&last.name)),
        [] => Err(ServiceError::unknown_segment(call.path())),
    }
}

/// Removes the unmanaged layer of a managed row (solution layers: remove active customizations).
fn remove_active(
    tx: &mut Transaction<'_>,
    context: &Context<'_>,
    call: &Call,
    function: &Segment,
) -> Outcome<()> {
    let of = |name: &str| {
        function
            .pairs()
            .into_iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    };
    let name = of("SolutionComponentName").unwrap_or_default();
    let id = of("ComponentId")
        .and_then(|text| Uuid::try_parse(text.trim_matches(['(', ')', '\''])).ok());
    let schema = tx.schema();
    let table = schema
        .tables
        .iter()
        .find(|table| table.name.eq_ignore_ascii_case(name.trim_matches('\'')));
    let (Some(table), Some(id)) = (table, id) else {
        return Err(ServiceError::bad(
            code::INVALID_ARGUMENT,
            "SolutionComponentName and ComponentId must name a component.",
        ));
    };
    layers::drop_active(tx, &context.writing(call), table.id, id)
}

/// Writes the given values to the target row and deactivates the subordinate row (Web API: merge table rows).
fn merge(tx: &mut Transaction<'_>, context: &Context<'_>, call: &Call) -> Outcome<Reply> {
    let body = call.object()?;
    let schema = tx.schema();
    let named = |parameter: &str| {
        let row = body.get(parameter).and_then(Json::as_object);
        let table = row
            .and_then(|row| row.get("@odata.type")?.as_str())
            .and_then(|name| {
                schema.named(name.trim_start_matches('#').trim_start_matches(NAMESPACE))
            });
        let id = table.and_then(|table| row?.get(schema.table(table).key_name())?.as_str());
        match (table, id.and_then(|text| Uuid::try_parse(text).ok())) {
            (Some(table), Some(id)) => Ok((table, id)),
            _ => Err(ServiceError::bad(
                code::INVALID_ARGUMENT,
                format!("The parameter '{parameter}' must be a row with its type and its key."),
            )),
        }
    };
    let ((table, target), (of, subordinate)) = (named("Target")?, named("Subordinate")?);
    let merged = ["account", "contact", "incident", "lead"];
    if table != of || target == subordinate || !merged.contains(&schema.table(table).name.as_str())
    {
        return Err(ServiceError::not_for("Merge", &schema.table(table).name));
    }
    let writing = context.writing(call);
    let condition = writing::Condition::default();
    writing::find(tx, table, target)?;
    let mut content = match body.get("UpdateContent") {
        Some(Json::Object(content)) => content.clone(),
        _ => Map::new(),
    };
    content.shift_remove(schema.table(table).key_name());
    write::update(tx, &writing, table, target, &content, &condition)?;
    let inactive = Map::from_iter([("statecode".to_owned(), Json::from(1))]);
    write::update(tx, &writing, table, subordinate, &inactive, &condition)?;
    Ok(Reply::empty())
}

fn id_in(body: &Map<String, Json>, name: &str) -> Outcome<Uuid> {
    body.get(name)
        .and_then(Json::as_str)
        .and_then(|text| Uuid::try_parse(text).ok())
        .ok_or_else(|| {
            ServiceError::bad(
                code::INVALID_ARGUMENT,
                format!("The parameter '{name}' must be an id."),
            )
        })
}

fn text_in<'b>(body: &'b Map<String, Json>, name: &str) -> Outcome<&'b str> {
    body.get(name).and_then(Json::as_str).ok_or_else(|| {
        ServiceError::bad(
            code::INVALID_ARGUMENT,
            format!("The parameter '{name}' must be text."),
        )
    })
}

fn add_component(tx: &mut Transaction<'_>, context: &Context<'_>, call: &Call) -> Outcome<Reply> {
    let body = call.object()?;
    let id = id_in(&body, "ComponentId")?;
    let kind = body
        .get("ComponentType")
        .and_then(Json::as_i64)
        .ok_or_else(|| {
            ServiceError::bad(
                code::INVALID_ARGUMENT,
                "The parameter 'ComponentType' must be a number.",
            )
        })?;
    let solution = layers::solution_named(tx, text_in(&body, "SolutionUniqueName")?)?;
    let key = layers::add(tx, &context.writing(call), kind, id, solution);
    let body = json!({"@odata.context": format!("{}$metadata#{NAMESPACE}AddSolutionComponentResponse", call.base), "id": key});
    Ok(Reply::json(StatusCode::OK, &body, call.in_batch))
}

fn remove_component(tx: &mut Transaction<'_>, call: &Call) -> Outcome<Reply> {
    let body = call.object()?;
    let component = body
        .get("SolutionComponent")
        .and_then(|component| component.get("solutioncomponentid"))
        .and_then(Json::as_str);
    let id = component
        .and_then(|text| Uuid::try_parse(text).ok())
        .ok_or_else(|| {
            ServiceError::bad(code::INVALID_ARGUMENT, "SolutionComponent must be named.")
        })?;
    let solution = layers::solution_named(tx, text_in(&body, "SolutionUniqueName")?)?;
    let schema = tx.schema();
    let Some(table) = schema.named("solutioncomponent") else {
        return Err(ServiceError::unknown_segment("solutioncomponents"));
    };
    let own = schema.table(table);
    let (Some(object), Some(member)) = (own.position("objectid"), own.position("solutionid"))
    else {
        return Ok(Reply::empty());
    };
    for key in tx
        .store()
        .find(table, object, &IndexKey::Id(id))
        .unwrap_or_default()
    {
        if tx
            .get(table, key)
            .is_some_and(|row| row.cells[member].id() == Some(solution))
        {
            tx.remove(table, key);
        }
    }
    let body = json!({"@odata.context": format!("{}$metadata#{NAMESPACE}RemoveSolutionComponentResponse", call.base), "id": id});
    Ok(Reply::json(StatusCode::OK, &body, call.in_batch))
}

/// Executes `AddPrivilegesRole` and `RemovePrivilegeRole`, bound to a role.
fn role_privileges(
    tx: &mut Transaction<'_>,
    context: &Context<'_>,
    call: &Call,
    role: &Segment,
    bound: &Segment,
) -> Outcome<Reply> {
    let schema = tx.schema();
    let table = table_of(&schema, &role.name)?;
    let id = resolve::key(tx.store(), context.switches, table, role)?;
    let row = writing::find(tx, table, id)?;
    context
        .caller
        .access
        .check(schema.table(table), security::Right::Write)?;
    let root = schema
        .table(table)
        .position("parentrootroleid")
        .and_then(|column| row.cells[column].id())
        .unwrap_or(id);
    let body = call.object()?;
    match bound.name.trim_start_matches(NAMESPACE) {
        "AddPrivilegesRole" => {
            let wrong = || {
                ServiceError::bad(
                    code::INVALID_ARGUMENT,
                    "'Privileges' must be a list of privileges with their depth.",
                )
            };
            for privilege in body
                .get("Privileges")
                .and_then(Json::as_array)
                .ok_or_else(wrong)?
            {
                let id = privilege
                    .get("PrivilegeId")
                    .and_then(Json::as_str)
                    .and_then(|text| Uuid::try_parse(text).ok())
                    .ok_or_else(wrong)?;
                let depth = privilege
                    .get("Depth")
                    .and_then(Json::as_str)
                    .and_then(security::Depth::named)
                    .ok_or_else(wrong)?;
                security::grant_privilege(tx, root, id, depth)?;
            }
        }
        "RemovePrivilegeRole" => security::revoke_privilege(tx, root, id_in(&body, "PrivilegeId")?),
        other => return Err(ServiceError::unknown_segment(other)),
    }
    Ok(Reply::empty())
}
