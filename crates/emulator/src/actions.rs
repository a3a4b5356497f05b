//! Functions and actions (Web API: functions, actions, metadata; bulk operations; audit).

use http::{Method, StatusCode};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use crate::call::{Call, Reply};
use crate::error::{Outcome, ServiceError, code};
use crate::layers;
use crate::odata::options::Options;
use crate::odata::path::{Segment, reference};
use crate::odata::read::{Reading, Source};
use crate::resolve;
use crate::schema::{Schema, TableId};
use crate::security::{self, privilege_name};
use crate::service::{Context, table_of};
use crate::store::{IndexKey, Store, Transaction};
use crate::switches::Switches;
use crate::write::{self, Condition};

const NAMESPACE: &str = "Microsoft.Dynamics.CRM.";

/// Whether a first segment calls a function.
pub(crate) fn is_function(segment: &Segment) -> bool {
    matches!(
        segment.name.as_str(),
        "WhoAmI"
            | "RetrieveCurrentOrganization"
            | "RetrieveRecordChangeHistory"
            | "RetrieveTotalRecordCount"
            | "RetrieveVersion"
    )
}

/// Whether a last segment calls a bound function.
pub(crate) fn is_bound_function(segment: &Segment) -> bool {
    segment.name.starts_with(NAMESPACE)
}

/// Whether a path calls an action.
pub(crate) fn is_action(segments: &[Segment]) -> bool {
    let unbound = matches!(segments, [only] if matches!(
        only.name.as_str(),
        "PublishXml" | "PublishAllXml" | "AddSolutionComponent" | "RemoveSolutionComponent" | "RemoveActiveCustomizations"
    ));
    unbound
        || segments
            .last()
            .is_some_and(|segment| segment.name.starts_with(NAMESPACE))
}

fn context_of(reading: &Reading<'_>, name: &str) -> String {
    format!("{}$metadata#Microsoft.Dynamics.CRM.{name}", reading.base)
}

/// Answers a function.
pub(crate) fn function(
    reading: &Reading<'_>,
    context: &Context<'_>,
    segments: &[Segment],
    options: &Options,
    call: &Call,
) -> Outcome<Reply> {
    let schema = &reading.store.schema;
    let body = match segments {
        [who] if who.name == "WhoAmI" => {
            let body = json!({
                "@odata.context": context_of(reading, "WhoAmIResponse"),
                "BusinessUnitId": reading.caller.business_unit,
                "UserId": reading.caller.user,
                "OrganizationId": organization(reading.store),
            });
            return Ok(Reply::json(StatusCode::OK, &body, call.in_batch).with("x-ms-dop-hint", "4"));
        }
        [version] if version.name == "RetrieveVersion" => {
            json!({"@odata.context": context_of(reading, "RetrieveVersionResponse"), "Version": "9.2.0.0"})
        }
        [current] if current.name == "RetrieveCurrentOrganization" => json!({
            "@odata.context": context_of(reading, "RetrieveCurrentOrganizationResponse"),
            "Detail": {"OrganizationId": organization(reading.store), "OrganizationVersion": "9.2.0.0"},
        }),
        [history] if history.name == "RetrieveRecordChangeHistory" => {
            change_history(reading, history, options)?
        }
        [count] if count.name == "RetrieveTotalRecordCount" => {
            total_count(reading, count, options)?
        }
        [set, function] if function.name == format!("{NAMESPACE}RetrieveUnpublishedMultiple") => {
            let table = table_of(schema, context.switches, &set.name)?;
            Json::Object(reading.collection(
                table,
                &Source::All,
                options,
                call.path(),
                call.query(),
            )?)
        }
        [user, function]
            if user.name == "systemusers"
                && function.name == format!("{NAMESPACE}RetrieveUserPrivilegeByPrivilegeName") =>
        {
            privilege_by_name(reading, user, function)?
        }
        [user, function]
            if user.name == "systemusers"
                && function.name == format!("{NAMESPACE}RetrieveUserPrivileges") =>
        {
            let table = table_of(schema, context.switches, "systemusers")?;
            all_privileges(
                reading,
                resolve::key(reading.store, reading.switches, table, user)?,
            )?
        }
        _ => {
            return Err(ServiceError::unknown_segment(
                segments.last().map_or("", |segment| segment.name.as_str()),
            ));
        }
    };
    Ok(Reply::json(StatusCode::OK, &body, call.in_batch))
}

fn organization(store: &Store) -> Uuid {
    store
        .schema
        .named("organization")
        .and_then(|table| store.rows(table).next())
        .map(|row| row.id)
        .unwrap_or_default()
}

/// A parameter of a function call: inline, or through an alias.
fn parameter(segment: &Segment, options: &Options, name: &str) -> Option<String> {
    let (_, value) = segment
        .pairs()
        .into_iter()
        .find(|(known, _)| known == name)?;
    match value.strip_prefix('@') {
        Some(alias) => options.aliases.get(alias).cloned(),
        None => Some(value),
    }
}

fn privilege_by_name(reading: &Reading<'_>, user: &Segment, function: &Segment) -> Outcome<Json> {
    let table = reading
        .store
        .schema
        .with_set("systemusers")
        .ok_or_else(|| ServiceError::unknown_segment("systemusers"))?;
    let id = resolve::key(reading.store, reading.switches, table, user)?;
    let name = parameter(function, &Options::default(), "PrivilegeName").unwrap_or_default();
    let name = name.trim_matches('\'');
    let privileges = reading.store.schema.named("privilege");
    let privilege = privileges
        .and_then(|table| reading.store.find_text(table, "name", name))
        .ok_or_else(|| {
            ServiceError::bad(
                code::INVALID_ARGUMENT,
                format!("The privilege '{name}' does not exist."),
            )
        })?;
    let caller = security::resolve(reading.store, id, None)
        .ok_or_else(|| ServiceError::not_found("systemuser", id))?;
    let held: Vec<Json> = caller
        .access
        .depth(name)
        .map(|depth| privilege_json(privilege.id, name, depth, caller.business_unit))
        .into_iter()
        .collect();
    Ok(
        json!({"@odata.context": context_of(reading, "RetrieveUserPrivilegeByPrivilegeNameResponse"), "RolePrivileges": held}),
    )
}

fn privilege_json(id: Uuid, name: &str, depth: security::Depth, unit: Uuid) -> Json {
    json!({"Depth": depth.word(), "PrivilegeId": id, "BusinessUnitId": unit, "PrivilegeName": name})
}

fn all_privileges(reading: &Reading<'_>, user: Uuid) -> Outcome<Json> {
    let caller = security::resolve(reading.store, user, None)
        .ok_or_else(|| ServiceError::not_found("systemuser", user))?;
    let Some(table) = reading.store.schema.named("privilege") else {
        return Err(ServiceError::unknown_segment("privileges"));
    };
    let name = reading.store.schema.table(table).position("name");
    let mut held = Vec::new();
    for row in reading.store.rows(table) {
        let Some(text) = name.and_then(|column| row.cells[column].as_text()) else {
            continue;
        };
        if let Some(depth) = caller.access.depth(text) {
            held.push(privilege_json(row.id, text, depth, caller.business_unit));
        }
    }
    Ok(
        json!({"@odata.context": context_of(reading, "RetrieveUserPrivilegesResponse"), "RolePrivileges": held}),
    )
}

fn total_count(reading: &Reading<'_>, function: &Segment, options: &Options) -> Outcome<Json> {
    let names = parameter(function, options, "EntityNames").unwrap_or_default();
    let names: Vec<String> = serde_json::from_str(&names.replace('\'', "\""))
        .map_err(|_| ServiceError::query("EntityNames must be a list of names."))?;
    let mut counts = Vec::new();
    for name in &names {
        let table = reading.store.schema.named(name).ok_or_else(|| {
            ServiceError::bad(
                0x8004_1102,
                format!("The entity with a name = '{name}' was not found."),
            )
        })?;
        counts.push(reading.store.len(table));
    }
    Ok(json!({
        "@odata.context": context_of(reading, "RetrieveTotalRecordCountResponse"),
        "EntityRecordCountCollection": {"Count": names.len(), "IsReadOnly": false, "Keys": names, "Values": counts},
    }))
}

/// Old and new values of a record's changes, newest first.
fn change_history(reading: &Reading<'_>, function: &Segment, options: &Options) -> Outcome<Json> {
    let store = reading.store;
    let schema = &store.schema;
    let target = parameter(function, options, "Target")
        .unwrap_or_default()
        .replace('\'', "\"");
    let target: Json = serde_json::from_str(&target)
        .map_err(|_| ServiceError::query("Target must name a record by @odata.id."))?;
    let url = target
        .get("@odata.id")
        .and_then(Json::as_str)
        .unwrap_or_default();
    let segment = reference(url)
        .ok_or_else(|| ServiceError::query("Target must name a record by @odata.id."))?;
    let table = schema
        .with_set(&segment.name)
        .ok_or_else(|| ServiceError::unknown_segment(&segment.name))?;
    let id = resolve::key(store, reading.switches, table, &segment)?;
    let audits = schema
        .named("audit")
        .ok_or_else(|| ServiceError::unknown_segment("audits"))?;
    reading.caller.access.check_read(schema, audits)?;
    let own = schema.table(audits);
    let at = |name: &str| {
        own.position(name)
            .ok_or_else(|| ServiceError::unknown_segment(name))
    };
    let (object, detail, action) = (at("objectid")?, at("changedata")?, at("action")?);
    let mut rows: Vec<_> = store
        .find(audits, object, &IndexKey::Id(id))
        .unwrap_or_default()
        .into_iter()
        .filter_map(|key| store.get(audits, key))
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.version));
    let paging: Json = parameter(function, options, "PagingInfo")
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let number = |name: &str| {
        paging
            .get(name)
            .and_then(Json::as_u64)
            .and_then(|number| usize::try_from(number).ok())
    };
    let (page, count) = (
        number("PageNumber").unwrap_or(1).max(1),
        number("Count").unwrap_or(5_000).clamp(1, 5_000),
    );
    let total = rows.len();
    let mut details = Vec::new();
    for row in rows
        .into_iter()
        .skip((page - 1).saturating_mul(count))
        .take(count)
    {
        let mut record = reading.writer().record(audits, row, None);
        record.shift_remove("@odata.etag");
        let stored: Json = row.cells[detail]
            .as_text()
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        let links = matches!(row.cells[action].int(), Some(33 | 34));
        let kind = if links {
            "RelationshipAuditDetail"
        } else {
            "AttributeAuditDetail"
        };
        let mut entry = Map::from_iter([
            (
                "@odata.type".to_owned(),
                json!(format!("#{NAMESPACE}{kind}")),
            ),
            ("AuditRecord".to_owned(), record.into()),
        ]);
        if links {
            entry.insert(
                "RelationshipName".into(),
                stored["new"]["RelationshipName"].clone(),
            );
            entry.insert(
                "TargetRecords".into(),
                json!([stored["new"]["TargetRecord"]]),
            );
        } else {
            entry.insert("OldValue".into(), typed(&stored["old"], schema, table));
            entry.insert("NewValue".into(), typed(&stored["new"], schema, table));
        }
        details.push(Json::Object(entry));
    }
    Ok(json!({
        "@odata.context": context_of(reading, "RetrieveRecordChangeHistoryResponse"),
        "AuditDetailCollection": {
            "MoreRecords": total > page.saturating_mul(count),
            "PagingCookie": "",
            "TotalRecordCount": total,
            "AuditDetails": details,
        },
    }))
}

fn typed(values: &Json, schema: &Schema, table: TableId) -> Json {
    let mut object = Map::from_iter([(
        "@odata.type".to_owned(),
        json!(format!("#{NAMESPACE}{}", schema.table(table).name)),
    )]);
    if let Some(values) = values.as_object() {
        object.extend(values.clone());
    }
    object.into()
}

/// Carries out an action.
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
        _ if call.method != Method::POST => {
            Err(ServiceError::wrong_method(&call.method, call.path()))
        }
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
        _ => Err(ServiceError::unknown_segment(call.path())),
    }
}

/// Takes the unmanaged layer of a managed row away (solution layers: remove active customizations).
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

/// `AddPrivilegesRole` and `RemovePrivilegeRole`, bound to a role.
fn role_privileges(
    tx: &mut Transaction<'_>,
    context: &Context<'_>,
    call: &Call,
    role: &Segment,
    bound: &Segment,
) -> Outcome<Reply> {
    let schema = tx.schema();
    let table = table_of(&schema, context.switches, &role.name)?;
    let id = resolve::key(tx.store(), context.switches, table, role)?;
    let row = write::find(tx, &context.writing(call), table, id)?;
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

/// `CreateMultiple`, `UpdateMultiple`, `UpsertMultiple`: one table, one transaction.
fn bulk(
    tx: &mut Transaction<'_>,
    context: &Context<'_>,
    call: &Call,
    set: &Segment,
    name: &str,
) -> Outcome<Reply> {
    let schema = tx.schema();
    let table = table_of(&schema, context.switches, &set.name)?;
    let own = schema.table(table);
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
        if kind.is_some_and(|kind| kind != own.name) {
            return Err(ServiceError::payload(
                &own.name,
                "Every target must be of the table that the action is bound to.",
            ));
        }
        let key = bulk_key(tx, context.switches, table, target)?;
        let exists = key.is_some_and(|key| tx.get(table, key).is_some());
        match (name, key) {
            ("CreateMultiple", _) => ids.push(write::create(tx, &writing, table, target)?),
            ("UpsertMultiple", _) if !exists => {
                ids.push(write::create_with(tx, &writing, table, target, key)?)
            }
            (_, Some(key)) => {
                write::update(tx, &writing, table, key, target, &Condition::default())?
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

fn bulk_key(
    tx: &Transaction<'_>,
    switches: &Switches,
    table: TableId,
    target: &Map<String, Json>,
) -> Outcome<Option<Uuid>> {
    let schema = tx.schema();
    let own = schema.table(table);
    if let Some(text) = target.get(own.key_name()).and_then(Json::as_str) {
        return Uuid::try_parse(text)
            .map(Some)
            .map_err(|_| ServiceError::payload(&own.name, "The key is not an id."));
    }
    let Some(url) = target.get("@odata.id").and_then(Json::as_str) else {
        return Ok(None);
    };
    let segment = reference(url)
        .ok_or_else(|| ServiceError::payload(&own.name, format!("'{url}' names no record.")))?;
    if let Some(id) = segment.id() {
        return Ok(Some(id));
    }
    match resolve::alternate(tx.store(), switches, table, &segment)? {
        resolve::Alternate::Id(id) => Ok(Some(id)),
        resolve::Alternate::Absent(_) => Ok(None),
    }
}

/// Every privilege name that the tables need, with its access right, for the seed.
pub(crate) fn privilege_names(schema: &Schema) -> std::collections::BTreeMap<String, i64> {
    let mut names = std::collections::BTreeMap::new();
    for table in &schema.tables {
        for right in security::Right::ALL {
            if let Some(name) = privilege_name(table, right) {
                names.insert(name, right.mask());
            }
        }
    }
    names
}
