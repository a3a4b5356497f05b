//! Functions: who the caller is, what a user may do, how a record changed.

use http::StatusCode;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::NAMESPACE;
use crate::call::{Call, Reply};
use crate::error::{Outcome, ServiceError, code};
use crate::metadata;
use crate::odata::options::Options;
use crate::odata::path::{Segment, reference};
use crate::odata::read::{Reading, Source};
use crate::resolve;
use crate::schema::{Schema, TableId};
use crate::security::{self};
use crate::service::table_of;
use crate::store::{IndexKey, Store};

pub(super) fn context_of(reading: &Reading<'_>, name: &str) -> String {
    format!("{}$metadata#Microsoft.Dynamics.CRM.{name}", reading.base)
}

pub(crate) fn function(
    reading: &Reading<'_>,
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
            return Ok(Reply::json(StatusCode::OK, &body, call.in_batch));
        }
        [version] if version.name == "RetrieveVersion" => {
            json!({"@odata.context": context_of(reading, "RetrieveVersionResponse"), "Version": "9.2.0.0"})
        }
        [current] if current.name == "RetrieveCurrentOrganization" => json!({
            "@odata.context": context_of(reading, "RetrieveCurrentOrganizationResponse"),
            "Detail": detail(reading),
        }),
        [languages] if languages.name == "RetrieveAvailableLanguages" => {
            json!({"@odata.context": context_of(reading, "RetrieveAvailableLanguagesResponse"), "LocaleIds": languages_of(reading.store)})
        }
        [languages] if languages.name == "RetrieveProvisionedLanguages" => {
            json!({"@odata.context": context_of(reading, "RetrieveProvisionedLanguagesResponse"), "RetrieveProvisionedLanguages": languages_of(reading.store)})
        }
        [entity] if entity.name == "RetrieveEntity" => {
            let name = parameter(entity, options, "LogicalName").unwrap_or_default();
            json!({
                "@odata.context": context_of(reading, "RetrieveEntityResponse"),
                "EntityMetadata": metadata::whole(schema, reading.switches, name.trim_matches('\''))?,
            })
        }
        [all] if all.name == "RetrieveAllEntities" => {
            let entities = schema
                .visible()
                .map(|table| metadata::whole(schema, reading.switches, &table.name))
                .collect::<Outcome<Vec<Json>>>()?;
            json!({"@odata.context": context_of(reading, "RetrieveAllEntitiesResponse"), "Timestamp": "700000", "EntityMetadata": entities})
        }
        [valid]
            if matches!(
                valid.name.as_str(),
                "GetValidManyToMany" | "GetValidReferencedEntities" | "GetValidReferencingEntities"
            ) =>
        {
            let names: Vec<&str> = schema
                .visible()
                .filter(|table| table.intersect.is_none())
                .map(|table| table.name.as_str())
                .collect();
            json!({"@odata.context": context_of(reading, &format!("{}Response", valid.name)), "EntityNames": names})
        }
        [history] if history.name == "RetrieveRecordChangeHistory" => {
            change_history(reading, history, options)?
        }
        [count] if count.name == "RetrieveTotalRecordCount" => {
            total_count(reading, count, options)?
        }
        [set, function] if function.name == format!("{NAMESPACE}RetrieveUnpublishedMultiple") => {
            let table = table_of(schema, &set.name)?;
            let rows =
                reading.collection(table, &Source::All, options, call.path(), call.query())?;
            return Ok(Reply::written(StatusCode::OK, rows, call.in_batch));
        }
        [user, function]
            if user.name == "systemusers"
                && function.name == format!("{NAMESPACE}RetrieveUserPrivilegeByPrivilegeName") =>
        {
            privilege_by_name(reading, user, function, options)?
        }
        [user, function]
            if user.name == "systemusers"
                && function.name == format!("{NAMESPACE}RetrieveUserPrivileges") =>
        {
            let table = table_of(schema, "systemusers")?;
            all_privileges(
                reading,
                resolve::key(reading.store, reading.switches, table, user)?,
            )?
        }
        _ => {
            let last = segments.last();
            return Err(ServiceError::unknown_segment(
                last.map_or("", |segment| segment.name.as_str()),
            ));
        }
    };
    Ok(Reply::json(StatusCode::OK, &body, call.in_batch))
}

/// The details of an organization, as Microsoft's sample for functions and actions shows them.
fn detail(reading: &Reading<'_>) -> Json {
    const NOWHERE: Uuid = Uuid::from_u128(0x0c0f_0000_0000_4000_8000_0000_0000_00d0);
    let organization = organization(reading.store);
    let name = reading
        .store
        .schema
        .named("organization")
        .and_then(|table| {
            let column = reading.store.schema.table(table).position("name")?;
            let row = reading.store.get(table, organization)?;
            Some(row.cells[column].as_text()?.to_owned())
        });
    let name = name.unwrap_or_default();
    let (home, _) = reading
        .base
        .split_once("api/data/")
        .unwrap_or((reading.base, ""));
    let services = [
        "",
        "XRMServices/2011/Organization.svc",
        "XRMServices/2011/OrganizationData.svc",
    ];
    json!({
        "OrganizationId": organization,
        "FriendlyName": name,
        "OrganizationVersion": "9.2.0.0",
        "EnvironmentId": organization.to_string(),
        "DatacenterId": NOWHERE,
        "Geo": "EMEA",
        "TenantId": "0c0f0000-0000-4000-8000-00000000000a",
        "UrlName": name.to_lowercase(),
        "UniqueName": name.to_lowercase(),
        "State": "Enabled",
        "Endpoints": {
            "Count": services.len(),
            "IsReadOnly": false,
            "Keys": ["WebApplication", "OrganizationService", "OrganizationDataService"],
            "Values": services.map(|service| format!("{home}{service}")),
        },
    })
}

/// The languages that users have set, and the organization's.
fn languages_of(store: &Store) -> std::collections::BTreeSet<i64> {
    let mut languages = std::collections::BTreeSet::from([security::base_language(store)]);
    if let Some(table) = store.schema.named("usersettings")
        && let Some(column) = store.schema.table(table).position("uilanguageid")
    {
        languages.extend(store.rows(table).filter_map(|row| row.cells[column].int()));
    }
    languages
}

pub(super) fn organization(store: &Store) -> Uuid {
    store
        .schema
        .named("organization")
        .and_then(|table| store.rows(table).next())
        .map(|row| row.id)
        .unwrap_or_default()
}

/// A parameter of a function call, given inline or through an alias.
pub(super) fn parameter(segment: &Segment, options: &Options, name: &str) -> Option<String> {
    let (_, value) = segment
        .pairs()
        .into_iter()
        .find(|(known, _)| known == name)?;
    match value.strip_prefix('@') {
        Some(alias) => options.aliases.get(alias).cloned(),
        None => Some(value),
    }
}

pub(super) fn privilege_by_name(
    reading: &Reading<'_>,
    user: &Segment,
    function: &Segment,
    options: &Options,
) -> Outcome<Json> {
    let table = reading
        .store
        .schema
        .with_set("systemusers")
        .ok_or_else(|| ServiceError::unknown_segment("systemusers"))?;
    let id = resolve::key(reading.store, reading.switches, table, user)?;
    let name = parameter(function, options, "PrivilegeName").unwrap_or_default();
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

pub(super) fn privilege_json(id: Uuid, name: &str, depth: security::Depth, unit: Uuid) -> Json {
    json!({
        "Depth": depth.word(), "PrivilegeId": id, "BusinessUnitId": unit, "PrivilegeName": name,
        "RecordFilterId": Uuid::nil(), "RecordFilterUniqueName": "",
    })
}

pub(super) fn all_privileges(reading: &Reading<'_>, user: Uuid) -> Outcome<Json> {
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

pub(super) fn total_count(
    reading: &Reading<'_>,
    function: &Segment,
    options: &Options,
) -> Outcome<Json> {
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

/// Returns old and new values of a record's changes, newest first.
pub(super) fn change_history(
    reading: &Reading<'_>,
    function: &Segment,
    options: &Options,
) -> Outcome<Json> {
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

pub(super) fn typed(values: &Json, schema: &Schema, table: TableId) -> Json {
    let mut object = Map::from_iter([(
        "@odata.type".to_owned(),
        json!(format!("#{NAMESPACE}{}", schema.table(table).name)),
    )]);
    if let Some(values) = values.as_object() {
        object.extend(values.clone());
    }
    object.into()
}
