//! What the product does for application tabs: it creates parameter rows, derives the JSON column from them, and nulls unknown slugs. Each
//! behavior has a switch, since no documentation states whether the Web API triggers it.

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::error::Outcome;
use crate::schema::{Table, TableId};
use crate::store::{IndexKey, Row, Transaction};
use crate::switches::TouchedParameters;
use crate::value::Value;
use crate::writing::{Writing, stamp};

const TAB: &str = "msdyn_applicationtabtemplate";
const PARAMETER: &str = "msdyn_templateparameter";
const THIRD_PARTY: i64 = 509_180_006;

/// Slugs listed in the product's documentation.
const KNOWN_SLUGS: &[&str] = &[
    "customerName",
    "caseId",
    "caseTitle",
    "queueId",
    "visitorLanguage",
    "visitorDevice",
    "entityRoutingLogicalName",
    "entityRoutingRecordId",
    "customerRecordId",
    "customerEntityName",
    "LiveWorkItemId",
];

/// Names of the rows that the form creates for a page type.
fn parameters_of(page_type: i64) -> &'static [&'static str] {
    match page_type {
        509_180_000 => &["entityName", "viewId", "viewType"],
        509_180_001 => &[
            "entityName",
            "entityId",
            "formId",
            "data",
            "createFromEntity",
            "processId",
            "processInstanceId",
            "relationship",
            "selectedStageId",
            "isCrossEntityNavigate",
            "isOfflineSyncError",
        ],
        509_180_002 => &["webresourceName", "data"],
        509_180_003 => &["controlName", "data"],
        509_180_004 => &["dashboardId"],
        509_180_005 => &["searchText", "searchType"],
        THIRD_PARTY => &["url", "data"],
        509_180_007 => &["name", "entityName", "recordId"],
        _ => &[],
    }
}

/// Rows in the sample whose parameters are missing from its JSON.
const NOT_IN_JSON: &[&str] = &["isCrossEntityNavigate", "isOfflineSyncError"];

/// Nulls a third-party URL that contains unknown slugs.
pub(crate) fn before_write(writing: &Writing<'_>, table: &Table, row: &mut Row) {
    if table.name != PARAMETER || !writing.switches.unknown_slugs_nulled {
        return;
    }
    let (Some(name), Some(value)) = (table.position("msdyn_name"), table.position("msdyn_value"))
    else {
        return;
    };
    if row.cells[name].as_text() == Some("url")
        && row.cells[value].as_text().is_some_and(has_unknown_slug)
    {
        row.cells[value] = Value::Null;
    }
}

fn has_unknown_slug(text: &str) -> bool {
    text.split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .any(|(slug, _)| {
            !(slug.starts_with("anchor.")
                || slug.starts_with("$odata.")
                || KNOWN_SLUGS.contains(&slug))
        })
}

/// Creates a row, including all rows that this triggers.
type Create = fn(
    &mut Transaction<'_>,
    &Writing<'_>,
    TableId,
    &serde_json::Map<String, Json>,
) -> Outcome<Uuid>;

/// Creates the parameter rows of a new tab, and updates the JSON column.
pub(crate) fn after_create(
    tx: &mut Transaction<'_>,
    writing: &Writing<'_>,
    table: TableId,
    id: Uuid,
    create: Create,
) -> Outcome<()> {
    let schema = tx.schema();
    let own = schema.table(table);
    match own.name.as_str() {
        TAB if writing.switches.tab_makes_parameters => {
            make_parameters(tx, writing, table, id, create)
        }
        PARAMETER => derive_of_parameter(tx, writing, id),
        _ => Ok(()),
    }
}

/// Creates new rows if the page type changed, and updates the JSON if a parameter changed.
pub(crate) fn after_update(
    tx: &mut Transaction<'_>,
    writing: &Writing<'_>,
    table: TableId,
    id: Uuid,
    before: &Row,
    create: Create,
) -> Outcome<()> {
    let schema = tx.schema();
    let own = schema.table(table);
    match own.name.as_str() {
        TAB => {
            touch_parameters(tx, writing, id, before);
            let Some(column) = own.position("msdyn_pagetype") else {
                return Ok(());
            };
            let changed = tx
                .get(table, id)
                .is_some_and(|row| row.cells[column] != before.cells[column]);
            if changed && writing.switches.tab_makes_parameters {
                make_parameters(tx, writing, table, id, create)
            } else {
                Ok(())
            }
        }
        PARAMETER => derive_of_parameter(tx, writing, id),
        _ => Ok(()),
    }
}

/// Applies the effect of a write to the tab's own row on its parameter rows.
fn touch_parameters(tx: &mut Transaction<'_>, writing: &Writing<'_>, tab: Uuid, before: &Row) {
    let touched = writing.switches.tab_write_touches_parameters;
    let schema = tx.schema();
    let (false, Some(table), Some(parameters)) = (
        touched == TouchedParameters::Nothing,
        schema.named(TAB),
        schema.named(PARAMETER),
    ) else {
        return;
    };
    let own = schema.table(parameters);
    let (Some(by), Some(name), Some(value)) = (
        own.position("msdyn_applicationtabtemplateid"),
        own.position("msdyn_name"),
        own.position("msdyn_value"),
    ) else {
        return;
    };
    let column = schema.table(table).position("msdyn_templateparameters");
    let json: Json = column
        .and_then(|column| serde_json::from_str(before.cells[column].as_text()?).ok())
        .unwrap_or_default();
    // A server that does this only knows the older form of the column, which has no parameters for a website.
    let page = schema.table(table).position("msdyn_pagetype");
    let is_named = page.is_none_or(|page| before.cells[page].int() != Some(THIRD_PARTY));
    let ids = tx
        .store()
        .find(parameters, by, &IndexKey::Id(tab))
        .unwrap_or_default();
    for id in ids {
        let Some(mut row) = tx.get(parameters, id).map(|row| Row::clone(row)) else {
            continue;
        };
        if touched == TouchedParameters::Values {
            let said = row.cells[name]
                .as_text()
                .filter(|_| is_named)
                .and_then(|name| json.get(name)?.get("value")?.as_str());
            row.cells[value] = said.map_or(Value::Null, Value::text);
        }
        tx.put(parameters, row);
    }
    if touched == TouchedParameters::Values {
        derive(tx, writing, tab);
    }
}

/// Removes a deleted parameter from the JSON.
pub(crate) fn after_delete(
    tx: &mut Transaction<'_>,
    writing: &Writing<'_>,
    table: TableId,
    before: &Row,
) -> Outcome<()> {
    let schema = tx.schema();
    let own = schema.table(table);
    if own.name != PARAMETER {
        return Ok(());
    }
    let tab = own
        .position("msdyn_applicationtabtemplateid")
        .and_then(|column| before.cells[column].id());
    if let Some(tab) = tab {
        derive(tx, writing, tab);
    }
    Ok(())
}

fn make_parameters(
    tx: &mut Transaction<'_>,
    writing: &Writing<'_>,
    table: TableId,
    id: Uuid,
    create: Create,
) -> Outcome<()> {
    let schema = tx.schema();
    let (own, Some(parameters)) = (schema.table(table), schema.named(PARAMETER)) else {
        return Ok(());
    };
    let Some(row) = tx.get(table, id) else {
        return Ok(());
    };
    let text = |name: &str| {
        own.position(name)
            .map(|column| row.cells[column].clone())
            .unwrap_or(Value::Null)
    };
    let (page_type, unique_name) = (
        text("msdyn_pagetype").int().unwrap_or(-1),
        text("msdyn_uniquename"),
    );
    let unique_name = unique_name.as_text().unwrap_or_default().to_owned();
    let present: Vec<String> = rows_of(tx, parameters, id)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    for name in parameters_of(page_type)
        .iter()
        .filter(|name| !present.iter().any(|known| known == *name))
    {
        let body = serde_json::json!({
            "msdyn_name": name,
            "msdyn_uniquename": format!("{unique_name}_{name}"),
            "msdyn_applicationtabtemplateid@odata.bind": format!("/{}({id})", own.set),
        });
        if let Json::Object(body) = body {
            // The name may be taken by a row that lost its tab. The product leaves that row alone.
            let column = schema.table(parameters).position("msdyn_uniquename");
            let taken = column.is_some_and(|column| {
                tx.store()
                    .find(
                        parameters,
                        column,
                        &IndexKey::Text(crate::value::fold(&format!("{unique_name}_{name}"))),
                    )
                    .is_some_and(|ids| !ids.is_empty())
            });
            if !taken {
                create(tx, writing, parameters, &body)?;
            }
        }
    }
    Ok(())
}

fn rows_of(tx: &Transaction<'_>, parameters: TableId, tab: Uuid) -> Vec<(String, Value)> {
    let schema = tx.schema();
    let own = schema.table(parameters);
    let (Some(by), Some(name), Some(value)) = (
        own.position("msdyn_applicationtabtemplateid"),
        own.position("msdyn_name"),
        own.position("msdyn_value"),
    ) else {
        return Vec::new();
    };
    let ids = tx
        .store()
        .find(parameters, by, &IndexKey::Id(tab))
        .unwrap_or_default();
    let mut rows: Vec<(String, Value)> = ids
        .iter()
        .filter_map(|id| tx.get(parameters, *id))
        .map(|row| {
            (
                row.cells[name].as_text().unwrap_or_default().to_owned(),
                row.cells[value].clone(),
            )
        })
        .collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows
}

fn derive_of_parameter(tx: &mut Transaction<'_>, writing: &Writing<'_>, id: Uuid) -> Outcome<()> {
    let schema = tx.schema();
    let Some(parameters) = schema.named(PARAMETER) else {
        return Ok(());
    };
    let column = schema
        .table(parameters)
        .position("msdyn_applicationtabtemplateid");
    let tab = column.and_then(|column| tx.get(parameters, id)?.cells[column].id());
    if let Some(tab) = tab {
        derive(tx, writing, tab);
    }
    Ok(())
}

/// Derives the JSON column: an object whose keys are parameter names and whose values contain `value`. A website row that the product wrote
/// in 2023 also has this form, with escaped slashes. The form of older rows, a container page with the address as its data, is not
/// reproduced.
fn derive(tx: &mut Transaction<'_>, writing: &Writing<'_>, tab: Uuid) {
    let schema = tx.schema();
    let (true, Some(table), Some(parameters)) = (
        writing.switches.tab_json_derived,
        schema.named(TAB),
        schema.named(PARAMETER),
    ) else {
        return;
    };
    let own = schema.table(table);
    let Some(json) = own.position("msdyn_templateparameters") else {
        return;
    };
    let Some(mut row) = tx.get(table, tab).map(|row| Row::clone(row)) else {
        return;
    };
    let rows = rows_of(tx, parameters, tab);
    let text = object(&rows);
    // The column holds 2048 characters; longer content is not written.
    let value = if text.encode_utf16().count() > 2_048 {
        Value::Null
    } else {
        Value::text(&text)
    };
    if row.cells[json] != value {
        row.cells[json] = value;
        stamp(tx, writing, table, &mut row);
        tx.put(table, row);
    }
}

fn object(rows: &[(String, Value)]) -> String {
    let mut all = Map::new();
    for (name, value) in rows
        .iter()
        .filter(|(name, _)| !NOT_IN_JSON.contains(&name.as_str()))
    {
        all.insert(
            name.clone(),
            serde_json::json!({ "value": value.as_text() }),
        );
    }
    Json::Object(all).to_string().replace('/', "\\/")
}
