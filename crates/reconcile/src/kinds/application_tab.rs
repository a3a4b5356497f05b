//! Application tabs and their parameters. Dataverse: `msdyn_applicationtabtemplate`, `msdyn_templateparameter`.
//!
//! Dataverse keeps the parameters twice: as rows, and as JSON text on the tab. The rows are what manifests declare; the text is
//! kept right along with them. For third-party sites the two differ in content.

use deskstate_model::{
    ApplicationTab, Given, LookedUp, ParameterValue, PartOf, SetMode, Span, Spanned,
    unique_name_of_part,
};
use serde_json::{Map, Value as Json, json};

use super::Lowering;
use super::tables::{PARAMETER, TAB};
use crate::field::{
    Field, OWNER, PartIdentity, PartTable, STATUS, Unlisted, choice, inverted_flag, parts, text,
};
use crate::state::{DeclaredColumn, DeclaredParts, DeclaredRow, Lookup, PartName, RowKey, Stored};

/// Numbers of `msdyn_applicationtype`.
const PAGE_TYPES: &[(&str, i64)] = &[
    ("EntityList", 509_180_000),
    ("EntityRecord", 509_180_001),
    ("WebResource", 509_180_002),
    ("Control", 509_180_003),
    ("Dashboard", 509_180_004),
    ("Search", 509_180_005),
    ("ThirdPartyWebsite", 509_180_006),
    ("Custom", 509_180_007),
];

/// The fields of a tab.
pub static FIELDS: &[Field] = &[
    text("displayName", "msdyn_name")
        .localizable()
        .max(100)
        .required(),
    text("description", "msdyn_description")
        .localizable()
        .max(2000),
    STATUS,
    OWNER,
    text("title", "msdyn_title").localizable().max(200),
    choice("pageType", "msdyn_pagetype", PAGE_TYPES).required(),
    parts("parameters", &PARAMETERS),
    // `msdyn_pinned` is labelled Can close and means the opposite.
    inverted_flag("canClose", "msdyn_pinned"),
];

/// One field: the value. A parameter's row is known by its tab and its name.
pub static PARAMETER_FIELDS: &[Field] = &[text("", "msdyn_value").max(2048)];

/// Parameters of a tab. The product adds rows of its own, so what is not listed is left alone.
pub static PARAMETERS: PartTable = PartTable {
    table: &PARAMETER,
    parent_column: "msdyn_applicationtabtemplateid",
    parent_navigation: "msdyn_applicationtabtemplateid",
    parent: &TAB,
    identity: PartIdentity::Text("msdyn_name"),
    fields: PARAMETER_FIELDS,
    unlisted: Unlisted::Leave,
    server_adds: true,
    goes_with_parent: true,
};

/// The text column that repeats the parameters.
pub static PARAMETERS_COPY: Field =
    crate::field::parameters_copy("parameters", "msdyn_templateparameters").max(2048);

/// The parameters that Microsoft documents for each page type: the ones that a manifest owns as a whole.
pub fn documented_parameters(page_type: &str) -> &'static [&'static str] {
    match page_type {
        "EntityList" => &["entityName", "viewId"],
        "EntityRecord" => &["entityName", "entityId", "formId", "validateRecord", "data"],
        "Dashboard" => &["dashboardId"],
        "Search" => &["searchText", "searchType"],
        "ThirdPartyWebsite" => &["url", "data"],
        "WebResource" => &["webresourceName", "data"],
        "Custom" => &["name", "entityName", "recordId"],
        _ => &[],
    }
}

/// Lowers the parameters: a row for each, a cleared row for each documented one that is not given, and the copy on the tab.
pub(super) fn lower(tab: &ApplicationTab, lowering: &mut Lowering<'_>) {
    let Given::Value(Spanned { value: given, span }) = &tab.parameters else {
        return;
    };
    let page_type = tab
        .page_type
        .value()
        .map_or("", |page_type| page_type.as_str());
    let entity = given
        .get("entityName")
        .and_then(|value| match &value.value {
            ParameterValue::Text(text) if !text.contains('{') => Some(text.clone()),
            ParameterValue::Text(_) | ParameterValue::LookedUp(_) | ParameterValue::Json(_) => None,
        });
    let mut copy = Map::new();
    let mut ids = Vec::new();
    for (name, value) in &given.0 {
        let stored = match &value.value {
            ParameterValue::Text(text) => Stored::Text(text.clone()),
            ParameterValue::Json(json) => Stored::Text(json.to_string()),
            ParameterValue::LookedUp(LookedUp::Id(id)) => Stored::Text(id.to_string()),
            ParameterValue::LookedUp(LookedUp::Name { name: row, table }) => {
                let table = table.clone().or_else(|| entity.clone());
                Stored::IdOf(RowKey::Found(match name.value.as_str() {
                    "dashboardId" => Lookup::Dashboard(row.clone()),
                    "formId" => Lookup::Form {
                        name: row.clone(),
                        table,
                    },
                    _ => Lookup::View {
                        name: row.clone(),
                        table,
                    },
                }))
            }
        };
        match &stored {
            Stored::Text(text) => drop(copy.insert(name.value.clone(), Json::String(text.clone()))),
            Stored::IdOf(key) => {
                copy.insert(name.value.clone(), Json::Null);
                ids.push((format!("/{}/value", name.value), key.clone()));
            }
            _ => {}
        }
        lowering.parts.push(DeclaredRow {
            when_new: names_of_new(lowering, &name.value),
            ..parameter(lowering, &name.value, stored, value.span)
        });
    }
    // Owned as a whole: a documented parameter that is not given must be empty where the product made a row for it.
    for name in documented_parameters(page_type) {
        if given.get(name).is_none() {
            lowering.parts.push(DeclaredRow {
                only_if_there: true,
                ..parameter(lowering, name, Stored::Null, *span)
            });
        }
    }
    lowering.part_lists.push(DeclaredParts {
        field: super::field(FIELDS, "parameters"),
        part: &PARAMETERS,
        mode: SetMode::Exact,
        span: *span,
    });
    lowering.row.columns.push(DeclaredColumn {
        field: &PARAMETERS_COPY,
        value: Stored::JsonWith(Box::new(Json::Object(stored_copy(page_type, copy))), ids),
        span: *span,
    });
}

fn parameter(lowering: &Lowering<'_>, name: &str, value: Stored, span: Span) -> DeclaredRow {
    DeclaredRow {
        key: RowKey::Part {
            table: &PARAMETER,
            of: Box::new(lowering.row.key.clone()),
            part: PartName::Text(name.to_owned()),
        },
        columns: vec![DeclaredColumn {
            field: &PARAMETER_FIELDS[0],
            value,
            span,
        }],
        when_new: Vec::new(),
        path: format!("parameters.{name}"),
        part: Some(&PARAMETERS),
        only_if_there: false,
        span,
    }
}

/// What a new parameter is called; a live one may call itself what it likes.
fn names_of_new(lowering: &Lowering<'_>, name: &str) -> Vec<(&'static Field, Stored)> {
    vec![
        (&super::NAME, Stored::Text(name.to_owned())),
        (
            &super::UNIQUE_NAME,
            Stored::Text(part_name(lowering.name(), name)),
        ),
    ]
}

fn part_name(tab: &str, parameter: &str) -> String {
    unique_name_of_part(PartOf::Parameter { tab, parameter })
}

/// The page that shows a third-party site, and what stands before the site's address in its data.
const CONTAINER_PAGE: &str = "msdyn_CECExternalWebPageContainer.html";
const CONTAINER_DATA: &str = "cif_thirdpartyurl";

/// The JSON that the product keeps on the tab: each parameter as an object with one `value`. A third-party site is shown in a
/// container page, which gets the address with `=` written as `%3D`.
pub(crate) fn stored_copy(page_type: &str, parameters: Map<String, Json>) -> Map<String, Json> {
    if page_type == "ThirdPartyWebsite" {
        let part = |name: &str| {
            parameters
                .get(name)
                .and_then(Json::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let address = (part("url") + &part("data")).replace('=', "%3D");
        let mut container = Map::new();
        container.insert(
            "webresourceName".to_owned(),
            json!({ "value": CONTAINER_PAGE }),
        );
        container.insert(
            "data".to_owned(),
            json!({"value": format!("{CONTAINER_DATA}{address}")}),
        );
        return container;
    }
    parameters
        .into_iter()
        .map(|(name, value)| (name, json!({ "value": value })))
        .collect()
}

/// The parameters that the second copy of a tab's row holds: the inverse of [`stored_copy`].
pub(crate) fn parameters_of_copy(tab: &deskstate_dataverse::Row) -> Vec<(String, String)> {
    let Some(Ok(Json::Object(copy))) = tab
        .text(PARAMETERS_COPY.column)
        .map(serde_json::from_str::<Json>)
    else {
        return Vec::new();
    };
    let given = |name: &str| {
        let value = copy.get(name)?.get("value")?;
        Some(match value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        })
    };
    if given("webresourceName").as_deref() == Some(CONTAINER_PAGE)
        && let Some(data) = given("data")
        && let Some(address) = data.strip_prefix(CONTAINER_DATA)
    {
        return vec![("url".to_owned(), address.replace("%3D", "="))];
    }
    copy.keys()
        .filter_map(|name| Some((name.clone(), given(name)?)))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}
