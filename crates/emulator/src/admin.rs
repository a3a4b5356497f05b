//! `/__emulator/…`: the endpoints that tests use to control the emulator itself.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use crate::call::Reply;
use crate::engine::Engine;
use crate::faults::{self, Script};
use crate::schema::{Schema, Table};
use crate::state_file::{decode, encode};
use crate::store::{Row, Store};

fn refused(status: StatusCode, message: impl Into<String>) -> Reply {
    Reply::json(status, &json!({ "error": message.into() }), false)
}

fn done() -> Reply {
    Reply {
        status: StatusCode::NO_CONTENT,
        headers: Vec::new(),
        body: Vec::new(),
    }
}

fn shown(value: serde_json::Result<Json>) -> Reply {
    match value {
        Ok(value) => Reply::json(StatusCode::OK, &value, false),
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

pub(crate) fn answer(engine: &Engine, method: &Method, endpoint: &str, body: &[u8]) -> Reply {
    match (method.as_str(), endpoint) {
        ("GET", "stats") => shown(serde_json::to_value(engine.stats.shown())),
        ("POST" | "DELETE", "stats") => {
            engine.stats.reset();
            done()
        }
        ("GET", "dump") => Reply::json(StatusCode::OK, &dump(&engine.store()), false),
        ("POST" | "PUT", "load") => match serde_json::from_slice(body)
            .map_err(|error| error.to_string())
            .and_then(|json: Json| load(engine, &json))
        {
            Ok(()) => done(),
            Err(message) => refused(StatusCode::BAD_REQUEST, message),
        },
        ("POST", "reset") => match engine.replace(engine.fresh()) {
            Ok(()) => {
                engine.stats.reset();
                done()
            }
            Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        },
        ("POST", "mark") => {
            engine.mark();
            done()
        }
        ("POST", "back") => match engine.replace(engine.marked()) {
            Ok(()) => done(),
            Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        },
        ("GET", "changes") => Reply::json(
            StatusCode::OK,
            &changes(&engine.marked(), &engine.store()),
            false,
        ),
        ("GET", "switches") => match serde_json::to_value(&*engine.switches()) {
            Ok(answers) => Reply::json(
                StatusCode::OK,
                &json!({"formatVersion": 1, "answers": answers}),
                false,
            ),
            Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        },
        ("POST" | "PUT", "switches") => match crate::switches::parse(body, engine.started_as) {
            Ok(switches) => {
                engine.set_switches(switches);
                done()
            }
            Err(message) => refused(StatusCode::BAD_REQUEST, message),
        },
        ("GET", "faults") => shown(serde_json::to_value(engine.faults.script())),
        ("POST" | "PUT", "faults") => match faults::parse(body) {
            Ok(script) => {
                engine.faults.set(script);
                done()
            }
            Err(message) => refused(StatusCode::BAD_REQUEST, message),
        },
        ("DELETE", "faults") => {
            engine.faults.set(Script::default());
            done()
        }
        ("GET", "limits") => shown(serde_json::to_value(engine.protection.limits())),
        ("POST" | "PUT", "limits") => match serde_json::from_slice(body) {
            Ok(limits) => {
                engine.protection.set(Some(limits));
                done()
            }
            Err(error) => refused(StatusCode::BAD_REQUEST, error.to_string()),
        },
        ("DELETE", "limits") => {
            engine.protection.set(None);
            done()
        }
        _ => refused(
            StatusCode::NOT_FOUND,
            format!("unknown endpoint `{method} {endpoint}`; docs/emulator.md lists them"),
        ),
    }
}

/// Returns every visible row of the environment, by table and id.
pub(crate) fn dump(store: &Store) -> Json {
    let mut tables = std::collections::BTreeMap::new();
    for table in store.schema.visible() {
        let rows: Map<String, Json> = store
            .rows(table.id)
            .map(|row| (row.id.to_string(), shown_row(&store.schema, table, row)))
            .collect();
        if !rows.is_empty() {
            tables.insert(table.name.clone(), rows);
        }
    }
    json!({"formatVersion": 1, "rows": tables})
}

/// A row without the columns that the environment lacks.
fn shown_row(schema: &Schema, table: &Table, row: &Row) -> Json {
    let mut json = encode(schema, table.id, row);
    if let Some(cells) = json.get_mut("c").and_then(Json::as_object_mut) {
        cells.retain(|name, _| table.column(name).is_some());
    }
    json
}

/// Returns the rows that changed, by table and id; deleted rows are null.
fn changes(before: &Store, now: &Store) -> Json {
    let mut tables = std::collections::BTreeMap::new();
    for table in now.schema.visible() {
        let mut rows = Map::new();
        for row in before
            .rows(table.id)
            .filter(|row| now.get(table.id, row.id).is_none())
        {
            rows.insert(row.id.to_string(), Json::Null);
        }
        for row in now.rows(table.id) {
            let same = before
                .get(table.id, row.id)
                .is_some_and(|known| Arc::ptr_eq(known, row));
            if !same {
                rows.insert(row.id.to_string(), shown_row(&now.schema, table, row));
            }
        }
        if !rows.is_empty() {
            tables.insert(table.name.clone(), rows);
        }
    }
    json!({"formatVersion": 1, "rows": tables})
}

fn load(engine: &Engine, dump: &Json) -> Result<(), String> {
    let schema = Arc::clone(&engine.store().schema);
    let mut store = Store::new(Arc::clone(&schema));
    let tables = dump
        .get("rows")
        .and_then(Json::as_object)
        .ok_or("`rows` is missing")?;
    for (name, rows) in tables {
        let table = schema
            .named(name)
            .ok_or_else(|| format!("the table `{name}` is unknown"))?;
        for (id, row) in rows
            .as_object()
            .ok_or_else(|| format!("the rows of `{name}` are not an object"))?
        {
            let id = Uuid::try_parse(id).map_err(|error| format!("`{id}`: {error}"))?;
            store.restore(table, id, Some(Arc::new(decode(&schema, table, id, row)?)));
        }
    }
    engine.replace(store).map_err(|error| error.to_string())
}
