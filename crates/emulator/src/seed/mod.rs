//! The initial rows of an environment, and generators for large environments.

mod aged;
mod described;
mod roles;

use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::body::cell as cell_of;
use crate::identity::ADMINISTRATOR;
use crate::layers::ACTIVE_SOLUTION;
use crate::rules::publisher_of;
use crate::schema::{Kind, Schema, TableId};
use crate::store::{Row, Store, Transaction};
use crate::value::Value;
pub(crate) use aged::apply;
pub(crate) use described::describes_nothing;
use roles::{Role, make_roles};

const ORGANIZATION: &str = include_str!("../../seed/organization.yaml");

const PRODUCT: &str = include_str!("../../seed/product.yaml");

const DATA: &str = include_str!("../../seed/organization_data.yaml");

const ROLES: &str = include_str!("../../seed/roles.yaml");

/// Namespace for the seed's ids: the id of a row is derived from its table and its key in the seed.
const IDS: Uuid = Uuid::from_u128(0x9b3a_27e1_0f4c_4a5d_8a57_3d6b_1c5e_2f70);

const MADE_ON: &str = "2025-01-15T08:00:00Z";

/// Number of generated rows to add.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scale {
    /// Additional users without a profile.
    pub agents: usize,
    /// Additional session templates, each with an application tab.
    pub sessions: usize,
}

/// An error in the seed.
#[derive(Debug, thiserror::Error)]
#[error("the seed is not valid: {0}")]
pub struct SeedError(String);

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Rows(Rows),
    Links(Links),
}

#[derive(Deserialize)]
struct Rows {
    table: String,
    #[serde(default)]
    managed: bool,
    #[serde(default)]
    customizable: bool,
    solution: Option<String>,
    rows: Vec<Map<String, Json>>,
}

#[derive(Deserialize)]
struct Links {
    links: String,
    pairs: Vec<(String, String)>,
}

/// The id of a row in the seed.
pub(crate) fn id_of(table: &str, key: &str) -> Uuid {
    match (table, key) {
        ("systemuser", "admin@contoso.com") => ADMINISTRATOR,
        ("solution", "Active") => ACTIVE_SOLUTION,
        ("solution", "Default") => crate::layers::DEFAULT_SOLUTION,
        _ => Uuid::new_v5(&IDS, format!("{table}/{key}").as_bytes()),
    }
}

/// Returns a store with the seed's rows. The store of the built-in tables is created once per process.
pub(crate) fn store(schema: &Arc<Schema>, scale: Scale) -> Result<Store, SeedError> {
    static MADE: OnceLock<Store> = OnceLock::new();
    if scale != Scale::default() {
        return make(schema, scale);
    }
    match MADE.get() {
        Some(made) if Arc::ptr_eq(&made.schema, schema) => Ok(made.clone()),
        _ => {
            let made = make(schema, scale)?;
            let built_in =
                crate::tables::schema(None).is_ok_and(|built_in| Arc::ptr_eq(&built_in, schema));
            if built_in {
                // another thread may have stored the same rows first
                let _ = MADE.set(made.clone());
            }
            Ok(made)
        }
    }
}

fn make(schema: &Arc<Schema>, scale: Scale) -> Result<Store, SeedError> {
    let mut store = Store::new(Arc::clone(schema));
    let mut tx = store.begin();
    let roles: Vec<Role> =
        serde_yaml::from_str(ROLES).map_err(|error| SeedError(error.to_string()))?;
    entries(&mut tx, ORGANIZATION)?;
    make_roles(&mut tx, &roles)?;
    entries(&mut tx, PRODUCT)?;
    entries(&mut tx, DATA)?;
    settings(&mut tx)?;
    described::describe(&mut tx)?;
    generate(&mut tx, scale)?;
    tx.commit();
    Ok(store)
}

fn entries(tx: &mut Transaction<'_>, text: &str) -> Result<(), SeedError> {
    let entries: Vec<Entry> =
        serde_yaml::from_str(text).map_err(|error| SeedError(error.to_string()))?;
    for entry in entries {
        match entry {
            Entry::Rows(rows) => {
                for row in &rows.rows {
                    put(tx, &rows, row)?;
                }
            }
            Entry::Links(links) => {
                for (first, second) in &links.pairs {
                    link(tx, &links.links, first, second)?;
                }
            }
        }
    }
    Ok(())
}

/// Creates a publisher for each prefix that has none.
pub(crate) fn publishers(store: &mut Store, prefixes: &[String]) -> Result<(), SeedError> {
    let mut tx = store.begin();
    let rows = Rows {
        table: "publisher".to_owned(),
        managed: false,
        customizable: false,
        solution: None,
        rows: Vec::new(),
    };
    for prefix in prefixes {
        if publisher_of(&tx, prefix).is_none() {
            let fields = ["key", "uniquename", "friendlyname", "customizationprefix"]
                .map(|column| (column.to_owned(), Json::from(prefix.as_str())))
                .into_iter()
                .chain([("customizationoptionvalueprefix".to_owned(), 10_900.into())])
                .collect();
            put(&mut tx, &rows, &fields)?;
        }
    }
    tx.commit();
    Ok(())
}

fn table(schema: &Schema, name: &str) -> Result<TableId, SeedError> {
    schema
        .named(name)
        .ok_or_else(|| SeedError(format!("table `{name}` is unknown")))
}

fn put(tx: &mut Transaction<'_>, rows: &Rows, fields: &Map<String, Json>) -> Result<(), SeedError> {
    let schema = tx.schema();
    let id = table(&schema, &rows.table)?;
    let own = schema.table(id);
    let wrong = |message: String| SeedError(format!("{}: {message}", rows.table));
    let key = fields
        .get("key")
        .and_then(Json::as_str)
        .ok_or_else(|| wrong("a row needs its `key`".into()))?;
    let row_id = match fields.get("id").and_then(Json::as_str) {
        Some(text) => Uuid::try_parse(text).map_err(|error| wrong(error.to_string()))?,
        None => id_of(&rows.table, key),
    };
    let mut row = blank(tx, id, row_id);
    for (name, json) in fields
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "key" | "id"))
    {
        let (position, column) = own
            .column(name)
            .ok_or_else(|| wrong(format!("column `{name}` is unknown")))?;
        row.cells[position] = match (
            column.kind.is_lookup(),
            json.as_str(),
            column.targets.first(),
        ) {
            (true, Some(target), Some(found)) => {
                Value::Lookup(found.table, id_of(&schema.table(found.table).name, target))
            }
            _ => cell_of(&own.name, column, json).map_err(|error| wrong(error.message))?,
        };
    }
    if rows.managed {
        for (name, value) in [
            ("ismanaged", Value::Flag(true)),
            ("iscustomizable", Value::Managed(rows.customizable, true)),
            (
                "solutionid",
                Value::Id(id_of(
                    "solution",
                    rows.solution
                        .as_deref()
                        .unwrap_or("msdyn_AppProfileManager"),
                )),
            ),
        ] {
            if let Some(column) = own.position(name) {
                row.cells[column] = value;
            }
        }
    }
    if own.name == "systemuser" {
        let full = fields.get("fullname").and_then(Json::as_str).unwrap_or(key);
        let (first, last) = full.split_once(' ').unwrap_or(("", full));
        for (name, text) in [("firstname", first), ("lastname", last)] {
            if let (Some(column), false) = (own.position(name), text.is_empty()) {
                row.cells[column] = Value::text(text);
            }
        }
        for (name, value) in [
            ("domainname", Value::text(key)),
            ("internalemailaddress", Value::text(key)),
            (
                "azureactivedirectoryobjectid",
                Value::Id(id_of("entra", key)),
            ),
            ("islicensed", Value::Flag(true)),
        ] {
            if let Some(column) = own
                .position(name)
                .filter(|column| matches!(row.cells[*column], Value::Null | Value::Flag(false)))
            {
                row.cells[column] = value;
            }
        }
    }
    tx.put(id, row);
    Ok(())
}

/// Creates a row with defaults, timestamps and an owner.
fn blank(tx: &Transaction<'_>, table: TableId, id: Uuid) -> Row {
    let schema = tx.schema();
    let own = schema.table(table);
    let mut row = Row::new(own, id);
    let users = schema.named("systemuser");
    let units = schema.named("businessunit");
    for (position, column) in own
        .columns
        .iter()
        .enumerate()
        .filter(|(position, column)| *position != own.key && !column.inherited)
    {
        row.cells[position] = match column.name.as_str() {
            "createdon" | "modifiedon" | "installedon" | "lastmodifiedtime"
                if column.kind == Kind::DateTime =>
            {
                Value::text(MADE_ON)
            }
            "overwritetime" => Value::text("1900-01-01T00:00:00Z"),
            "createdby" | "modifiedby" | "ownerid" | "owninguser" if column.kind.is_lookup() => {
                users.map_or(Value::Null, |users| Value::Lookup(users, ADMINISTRATOR))
            }
            "owningbusinessunit" => units.map_or(Value::Null, |units| {
                Value::Lookup(units, id_of("businessunit", "Contoso"))
            }),
            "organizationid" if column.kind.is_lookup() => {
                let organizations = schema
                    .named("organization")
                    .and_then(|table| Some((table, tx.store().rows(table).next()?.id)));
                organizations.map_or(Value::Null, |(table, id)| Value::Lookup(table, id))
            }
            "solutionid" if column.kind == Kind::Id => Value::Id(ACTIVE_SOLUTION),
            "componentidunique" => Value::Id(Uuid::new_v5(&IDS, id.as_bytes())),
            "componentstate" => Value::Int(0),
            _ => match (&column.default, column.kind) {
                (Some(default), _) => default.clone(),
                (None, Kind::Managed) => Value::Managed(true, true),
                (None, Kind::State) => Value::Int(0),
                (None, Kind::Status) => column
                    .states
                    .keys()
                    .next()
                    .map_or(Value::Null, |reason| Value::Int(*reason)),
                (None, _) => Value::Null,
            },
        };
    }
    row
}

fn link(tx: &mut Transaction<'_>, name: &str, first: &str, second: &str) -> Result<(), SeedError> {
    let schema = tx.schema();
    let many = schema
        .many_to_many
        .iter()
        .find(|many| many.schema_name == name)
        .ok_or_else(|| SeedError(format!("relationship `{name}` is unknown")))?;
    let ends = [(many.tables[0], first), (many.tables[1], second)]
        .map(|(table, key)| id_of(&schema.table(table).name, key));
    for (table, id) in many.tables.into_iter().zip(ends) {
        if tx.get(table, id).is_none() {
            return Err(SeedError(format!(
                "`{name}` links `{first}` and `{second}`, and one of them does not exist"
            )));
        }
    }
    let intersect = schema.table(many.intersect);
    let mut row = Row::new(
        intersect,
        Uuid::new_v5(&IDS, format!("{name}/{}/{}", ends[0], ends[1]).as_bytes()),
    );
    row.cells[many.columns[0]] = Value::Id(ends[0]);
    row.cells[many.columns[1]] = Value::Id(ends[1]);
    tx.put(many.intersect, row);
    Ok(())
}

fn set(schema: &Schema, table: TableId, row: &mut Row, column: &str, value: Value) {
    if let Some(position) = schema.table(table).position(column) {
        row.cells[position] = value;
    }
}

/// Creates one settings row per user.
fn settings(tx: &mut Transaction<'_>) -> Result<(), SeedError> {
    let schema = tx.schema();
    let (users, settings) = (
        table(&schema, "systemuser")?,
        table(&schema, "usersettings")?,
    );
    let unit = schema.table(users).position("businessunitid");
    let all: Vec<(Uuid, Value)> = tx
        .store()
        .rows(users)
        .map(|row| {
            (
                row.id,
                unit.and_then(|column| row.cells[column].id())
                    .map_or(Value::Null, Value::Id),
            )
        })
        .collect();
    for (id, unit) in all {
        let mut row = blank(tx, settings, id);
        set(
            &schema,
            settings,
            &mut row,
            "uilanguageid",
            Value::Int(1033),
        );
        set(&schema, settings, &mut row, "localeid", Value::Int(1033));
        set(
            &schema,
            settings,
            &mut row,
            "helplanguageid",
            Value::Int(1033),
        );
        set(&schema, settings, &mut row, "businessunitid", unit);
        tx.put(settings, row);
    }
    Ok(())
}

/// Creates thousands of rows, for benchmarks.
fn generate(tx: &mut Transaction<'_>, scale: Scale) -> Result<(), SeedError> {
    let rows = |table: &str| Rows {
        table: table.to_owned(),
        managed: false,
        customizable: true,
        solution: None,
        rows: Vec::new(),
    };
    let users = rows("systemuser");
    for number in 1..=scale.agents {
        let key = format!("agent{number:05}@contoso.com");
        let fields = serde_json::json!({"key": key, "fullname": format!("Agent {number:05}"), "businessunitid": "Contoso Service"});
        put(tx, &users, fields.as_object().unwrap_or(&Map::new()))?;
    }
    let (tabs, sessions) = (
        rows("msdyn_applicationtabtemplate"),
        rows("msdyn_sessiontemplate"),
    );
    for number in 1..=scale.sessions {
        let (tab, session) = (
            format!("scale_tab{number:05}"),
            format!("scale_session{number:05}"),
        );
        let fields = serde_json::json!({"key": tab, "msdyn_uniquename": tab, "msdyn_name": format!("Tab {number}"), "msdyn_pagetype": 509_180_001});
        put(tx, &tabs, fields.as_object().unwrap_or(&Map::new()))?;
        let fields = serde_json::json!({
            "key": session, "msdyn_uniquename": session, "msdyn_name": format!("Session {number}"), "msdyn_title": "{customerName}",
            "msdyn_sessiontype": 0, "msdyn_type": false, "msdyn_anchortab": tab,
        });
        put(tx, &sessions, fields.as_object().unwrap_or(&Map::new()))?;
        link(tx, "msdyn_sessiontemplate_applicationtab", &session, &tab)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeded() -> Store {
        let schema = Arc::new(crate::tables::load(None).expect("tables"));
        store(
            &schema,
            Scale {
                agents: 2,
                sessions: 1,
            },
        )
        .expect("seed")
    }

    #[test]
    fn what_example_projects_look_up_is_there() {
        let store = seeded();
        for (table, column, wanted) in [
            ("systemuser", "domainname", "ada@contoso.com"),
            ("team", "name", "Desktop owners"),
            ("role", "name", "Contoso Back Office"),
            ("webresource", "name", "contoso_/icons/phone.png"),
            ("systemform", "name", "Contoso cases"),
            ("savedquery", "name", "Active Contacts"),
            ("workflow", "name", "Contoso - create case from call"),
            (
                "msdyn_applicationtabtemplate",
                "msdyn_uniquename",
                "fabrikam_warrantyTab",
            ),
            ("msdyn_appconfiguration", "msdyn_uniquename", "alex_inbox"),
            ("solution", "uniquename", "ContosoDesk"),
            ("publisher", "customizationprefix", "CTI"),
        ] {
            let table = store.schema.named(table).expect("table");
            assert!(store.find_text(table, column, wanted).is_some(), "{wanted}");
        }
    }

    #[test]
    fn the_seed_is_the_same_every_time() {
        let (one, two) = (crate::admin::dump(&seeded()), crate::admin::dump(&seeded()));
        assert_eq!(one, two);
    }
}
