//! Parameters of application tabs.
//!
//! Dataverse stores them twice: as rows, and as JSON text on the tab. Manifests declare the rows; the text is updated along with them. For
//! third-party sites, older rows have a different text format. The meaning of a value depends on the name of the parameter and on the type
//! of the page.

use std::fmt;

use deskstate_model::{
    ApplicationTab, LookedUp, PageType, ParameterValue, Parameters, PartTable, Record, Span,
    Viewed, id_in, tables, unique_name_of_part,
};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use crate::kinds;
use crate::live::ObservedRow;
use crate::lookup::Match;
use crate::lower::lowering::Lowering;
use crate::raise::raising::Raising;
use crate::raise::text::{self, refused};
use crate::state::{DeclaredColumn, DeclaredRow, Lookup, PartName, RowKey, Stored};
use crate::value::address_in_container;
use crate::value::{Resolved, holds};

/// Lowers the parameters: a row for each, a cleared row for each documented one that is not given, and the copy on the tab.
pub(crate) fn lower(
    lowering: &mut Lowering<'_>,
    part: &'static PartTable,
    given: &Parameters,
    span: Span,
    record: &Record,
) {
    let page_type = ApplicationTab::view(record).page_type().value();
    let entity = given
        .get("entityName")
        .and_then(|value| match &value.value {
            ParameterValue::Text(text) if !text.contains('{') => Some(text.clone()),
            ParameterValue::Text(_) | ParameterValue::LookedUp(_) | ParameterValue::Json(_) => None,
        });
    let mut copy = Map::new();
    let mut ids = Vec::new();
    for (name, value) in &given.0 {
        let name = name.value.as_str();
        let stored = stored(name, &value.value, entity.as_deref());
        match &stored {
            Stored::Text(text) => drop(copy.insert(name.to_owned(), Json::String(text.clone()))),
            Stored::IdOf(key) => {
                copy.insert(name.to_owned(), Json::Null);
                ids.push((format!("/{name}/value"), key.clone()));
            }
            _ => {}
        }
        let mut row = parameter(lowering, part, name, stored, value.span);
        // A live row may have any name.
        row.when_new = names_of_new(lowering, part, name);
        lowering.parts.push(row);
    }
    // Parameters are owned completely: a documented parameter that is not given must be empty if the product created a row for it.
    for name in page_type.map_or(&[][..], PageType::parameters) {
        if given.get(name).is_none() {
            let row = parameter(lowering, part, name, Stored::Null, span);
            lowering.parts.push(DeclaredRow {
                only_if_there: true,
                ..row
            });
        }
    }
    let copy = Json::Object(stored_copy(copy));
    for field in lowering.kind.definition().companions {
        lowering.row.columns.push(DeclaredColumn {
            field,
            value: Stored::JsonWith(Box::new(copy.clone()), ids.clone()),
            span,
        });
    }
}

fn stored(name: &str, value: &ParameterValue, entity: Option<&str>) -> Stored {
    match value {
        ParameterValue::Text(text) => Stored::Text(text.clone()),
        ParameterValue::Json(json) => Stored::Text(json.to_string()),
        ParameterValue::LookedUp(LookedUp::Id(id)) => Stored::Text(id.to_string()),
        ParameterValue::LookedUp(LookedUp::Name { name: row, table }) => {
            let table = table.clone().or_else(|| entity.map(str::to_owned));
            Stored::IdOf(RowKey::Found(looked_up(name, row.clone(), table)))
        }
    }
}

/// The view, form or dashboard that a parameter refers to.
fn looked_up(parameter: &str, name: String, table: Option<String>) -> Lookup {
    match parameter {
        "dashboardId" => Lookup::Dashboard(name),
        "formId" => Lookup::Form { name, table },
        _ => Lookup::View { name, table },
    }
}

fn parameter(
    lowering: &Lowering<'_>,
    part: &'static PartTable,
    name: &str,
    value: Stored,
    span: Span,
) -> DeclaredRow {
    DeclaredRow {
        key: lowering.part_key(part, PartName::Text(name.to_owned())),
        columns: vec![DeclaredColumn {
            field: kinds::parameter_value(),
            value,
            span,
        }],
        when_new: Vec::new(),
        path: format!("parameters.{name}"),
        part: Some(part),
        only_if_there: false,
        span,
    }
}

fn names_of_new(
    lowering: &Lowering<'_>,
    part: &'static PartTable,
    name: &str,
) -> Vec<(&'static deskstate_model::Field, Stored)> {
    let columns = part.fields.iter().filter_map(|field| {
        let text = match field.holds {
            deskstate_model::Holds::UniqueName => {
                unique_name_of_part(part.name, lowering.name, name)?
            }
            _ if part.is_identity(field) => name.to_owned(),
            _ => return None,
        };
        Some((field, Stored::Text(text)))
    });
    let mut columns: Vec<_> = columns.collect();
    columns.shrink_to_fit();
    columns
}

/// The JSON that the product stores on the tab: each parameter as an object with a single `value`.
pub(crate) fn stored_copy(parameters: Map<String, Json>) -> Map<String, Json> {
    parameters
        .into_iter()
        .map(|(name, value)| (name, json!({ "value": value })))
        .collect()
}

/// The parameters in the second copy on a tab's row.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct SecondCopy {
    /// Names and values.
    pub(crate) found: Vec<(String, String)>,
    /// What is not understood: the parameter, empty for the complete text, and the reason.
    pub(crate) lost: Vec<(String, String)>,
}

/// The entries of a JSON object in their order, including repeated keys, of which a map keeps only the last.
struct Entries(Vec<(String, Json)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Entries;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a mapping of parameters")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Entries, M::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Visit)
    }
}

/// Reads the second copy on a tab's row: the inverse of [`stored_copy`]. Microsoft documents only that it is JSON, so a form other than the
/// one that the product writes is not interpreted.
pub(crate) fn second_copy(tab: &deskstate_dataverse::Row) -> SecondCopy {
    let mut copy = SecondCopy::default();
    let text = tab.text(tables::PARAMETERS_COPY[0].column).unwrap_or("");
    if text.trim().is_empty() || text.trim() == "null" {
        return copy;
    }
    let Ok(Entries(entries)) = serde_json::from_str(text) else {
        let why =
            "the text of the parameters is not JSON of the form {\"name\": {\"value\": \"…\"}}";
        copy.lost.push((String::new(), why.to_owned()));
        return copy;
    };
    let map: Map<String, Json> = entries.iter().cloned().collect();
    let address = address_in_container(&map);
    if let Some(address) = &address {
        copy.found.push(("url".to_owned(), address.clone()));
    }
    for (at, (name, value)) in entries.iter().enumerate() {
        if address.is_some() && ["webresourceName", "data"].contains(&name.as_str()) {
            continue;
        }
        let is_same = |other: &&(String, Json)| other.0 == *name;
        if let Some((_, first)) = entries[..at].iter().find(is_same) {
            if first != value {
                copy.found.retain(|(known, _)| known != name);
                let why = "the text of the parameters has it twice, with different values";
                copy.lost.push((name.clone(), why.to_owned()));
            }
            continue;
        }
        match value_in_copy(value) {
            Ok(Some(value)) => copy.found.push((name.clone(), value)),
            Ok(None) => {}
            Err(why) => copy.lost.push((name.clone(), why)),
        }
    }
    copy
}

/// The value of a parameter in the second copy; `None` if it is empty.
fn value_in_copy(value: &Json) -> Result<Option<String>, String> {
    let shown = |what: &str, value: &Json| {
        let text: String = value.to_string().chars().take(80).collect();
        format!("expected {what} in the text of the parameters, found `{text}`")
    };
    match value {
        Json::Null => Ok(None),
        Json::Object(entries) if entries.is_empty() => Ok(None),
        Json::Object(entries) => match entries.get("value") {
            Some(_) if entries.len() > 1 => Err(shown("`value` alone", value)),
            Some(Json::Null) => Ok(None),
            Some(Json::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(other) => Ok(Some(other.to_string())),
            None => Err(shown("{\"value\": \"…\"}", value)),
        },
        _ => Err(shown("{\"value\": \"…\"}", value)),
    }
}

impl Raising<'_> {
    pub(crate) fn parameters(
        &mut self,
        part: &'static PartTable,
        rows: &[&ObservedRow],
    ) -> Result<Option<Json>, String> {
        let page = self.spec.get("pageType").and_then(Json::as_str);
        let Some(page) = page.and_then(PageType::of) else {
            return Err("the parameters of this page type are unknown".to_owned());
        };
        let mut found: Vec<(String, String)> = Vec::new();
        for row in rows {
            let value = row.row.text(kinds::parameter_value().column);
            let Some(value) = value.filter(|value| !value.is_empty()) else {
                continue;
            };
            let name = row.row.text(kinds::parameter_name().column);
            let Some(name) = name.filter(|name| !name.is_empty()) else {
                if !self.options.as_read {
                    let why = "a row of a parameter has a value and no name";
                    self.leave_out_member("parameters", row.id, why.to_owned());
                }
                continue;
            };
            if self
                .live
                .table(part.table)
                .parts_of(self.row.id, name)
                .len()
                > 1
            {
                return Err(format!("the parameter {name} occurs twice"));
            }
            let why = refused(name).or_else(|| refused(value));
            if let Some(why) = why.filter(|_| !self.options.as_read) {
                return Err(format!("the parameter {name}: {why}"));
            }
            found.push((name.to_owned(), value.to_owned()));
        }
        let documented = page.parameters();
        found.sort_by_key(|(name, _)| {
            let place = documented.iter().position(|known| known == name);
            (place.unwrap_or(documented.len()), name.clone())
        });
        let entity = found
            .iter()
            .find(|(name, value)| name == "entityName" && !value.contains('{'))
            .map(|(_, value)| value.clone());
        let mut parameters = Map::new();
        for (name, value) in &found {
            let raised = self.parameter(page, name, value, entity.as_deref());
            self.report_id(name, &raised);
            parameters.insert(name.clone(), raised);
        }
        let agrees = self.options.unchecked || self.copy_agrees(&found);
        if self.options.from_file {
            let mut copy = second_copy(&self.row.row);
            copy.found.sort();
            found.sort();
            let has_more = copy
                .found
                .iter()
                .any(|(name, _)| !found.iter().any(|(known, _)| known == name));
            if has_more || (!agrees && copy.found != found) {
                self.remark(
                    "parameters",
                    "the second copy of the parameters on the tab's own row differs and is omitted",
                );
            }
            if parameters.is_empty() {
                return Ok(None);
            }
        } else if !agrees {
            return Err("the parameters and their second copy on the tab disagree; declare and apply them to resolve this".to_owned());
        }
        Ok(Some(Json::Object(parameters)))
    }

    /// Reports an id in a parameter of a file. It may be that of a row that other environments do not have.
    fn report_id(&mut self, name: &str, value: &Json) {
        let id = Some(value).filter(|_| self.options.from_file);
        let Some(id) = id.and_then(|value| id_in(&value.to_string())) else {
            return;
        };
        let check = format!(
            "it contains the id {id}, for which the file has no name; check that it is the same in your environments"
        );
        // Views and forms that come with Dataverse have the same ids everywhere.
        let is_product = id.to_string().starts_with("00000000-0000-0000-00aa-");
        match name {
            "viewId" | "formId" | "dashboardId" | "entityId" | "recordId" if !is_product => {
                self.warn(&format!("parameters.{name}"), check);
            }
            _ => self.remark(format!("parameters.{name}"), check),
        }
    }

    /// Whether the text column of the tab agrees with the rows.
    fn copy_agrees(&self, found: &[(String, String)]) -> bool {
        let given = found
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        let copy = Json::Object(stored_copy(given));
        holds(
            &tables::PARAMETERS_COPY[0],
            &Resolved::Json(copy),
            &self.row.row,
        )
    }

    fn parameter(&self, page: PageType, name: &str, value: &str, entity: Option<&str>) -> Json {
        match (name, value) {
            ("viewId" | "formId" | "dashboardId", _) => match Uuid::parse_str(value) {
                Ok(id) if value.eq_ignore_ascii_case(&id.to_string()) => {
                    self.looked_up(name, id, entity)
                }
                _ => json!(value),
            },
            ("searchType", "0") => json!("Relevance"),
            ("searchType", "1") => json!("Categorized"),
            ("validateRecord", _) if value.eq_ignore_ascii_case("true") => json!(true),
            ("validateRecord", _) if value.eq_ignore_ascii_case("false") => json!(false),
            ("data", _) if page == PageType::EntityRecord => {
                match serde_json::from_str::<Json>(value) {
                    Ok(parsed @ Json::Object(_))
                        if serde_json::to_string(&parsed).is_ok_and(|text| text == value)
                            && text::is_plain_json(&parsed) =>
                    {
                        parsed
                    }
                    _ => json!(value),
                }
            }
            _ => json!(value),
        }
    }

    /// The name of a view, form or dashboard, if it leads back to the same row; otherwise its id.
    fn looked_up(&self, parameter: &str, id: Uuid, entity: Option<&str>) -> Json {
        let Some((name, table)) = self.live.found.pages.get(&id) else {
            return json!(id.to_string());
        };
        if refused(name).is_some() {
            return json!(id.to_string());
        }
        let lookup =
            |table: Option<&str>| looked_up(parameter, name.clone(), table.map(str::to_owned));
        let leads_back = |table: Option<&str>| self.live.look_up(&lookup(table)) == Match::One(id);
        if entity.is_some() || parameter == "dashboardId" {
            if leads_back(entity) {
                return json!({ "name": name });
            }
        } else if let Some(table) = table
            && leads_back(Some(table))
        {
            return json!({ "name": name, "table": table });
        }
        json!(id.to_string())
    }
}
