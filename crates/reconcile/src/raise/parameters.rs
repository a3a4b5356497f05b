//! Parameters of a tab as a mapping.

use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::{Raising, refused, text};
use crate::field::PartTable;
use crate::kinds::{self, application_tab};
use crate::live::ObservedRow;
use crate::lookup::Match;
use crate::state::Lookup;
use crate::value::{Resolved, holds};

impl Raising<'_> {
    pub(super) fn parameters(
        &mut self,
        part: &'static PartTable,
        rows: &[&ObservedRow],
    ) -> Result<Option<Json>, String> {
        let Some(page) = self
            .spec
            .get("pageType")
            .and_then(Json::as_str)
            .map(str::to_owned)
        else {
            return Err("what a page of this type takes is not known".to_owned());
        };
        let mut found: Vec<(String, String)> = Vec::new();
        for row in rows {
            let (Some(name), Some(value)) = (
                row.row.text(kinds::NAME.column),
                row.row.text(application_tab::PARAMETER_FIELDS[0].column),
            ) else {
                continue;
            };
            if value.is_empty() {
                continue;
            }
            if self
                .live
                .table(part.table)
                .parts_of(self.row.id, name)
                .len()
                > 1
            {
                return Err(format!("the parameter {name} is there twice"));
            }
            let why = refused(name).or_else(|| refused(value));
            if let Some(why) = why.filter(|_| !self.options.as_read) {
                return Err(format!("the parameter {name}: {why}"));
            }
            found.push((name.to_owned(), value.to_owned()));
        }
        let documented = application_tab::documented_parameters(&page);
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
            let raised = self.parameter(&page, name, value, entity.as_deref());
            parameters.insert(name.clone(), raised);
        }
        let lacking = required_parameters(&page)
            .iter()
            .find(|needed| !parameters.contains_key(**needed));
        if let Some(needed) = lacking.filter(|_| !self.options.as_read) {
            let why = format!("a page of type {page} needs the parameter `{needed}`");
            self.becomes_existing(why.clone());
            if !self.options.from_file {
                return Err(why);
            }
        }
        if parameters.is_empty() && self.options.from_file {
            return Ok(None);
        }
        let agrees = self.options.unchecked || self.copy_agrees(&page, &found);
        if !agrees && self.options.from_file {
            let mut copy = application_tab::parameters_of_copy(&self.row.row);
            copy.sort();
            found.sort();
            if copy != found {
                self.remark(
                    "parameters",
                    "the second copy of the parameters on the tab's own row says otherwise and is left out",
                );
            }
        } else if !agrees {
            return Err("the parameters and their second copy on the tab disagree; write them down and apply to settle it".to_owned());
        }
        Ok(Some(Json::Object(parameters)))
    }

    /// The text column on the tab says the same as the rows.
    fn copy_agrees(&self, page: &str, found: &[(String, String)]) -> bool {
        let given = found
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        let copy = Json::Object(application_tab::stored_copy(page, given));
        holds(
            &application_tab::PARAMETERS_COPY,
            &Resolved::Json(copy),
            &self.row.row,
        )
    }

    fn parameter(&self, page: &str, name: &str, value: &str, entity: Option<&str>) -> Json {
        match (name, value) {
            ("viewId" | "formId" | "dashboardId", _) => match Uuid::parse_str(value) {
                Ok(id) if value == id.to_string() => self.looked_up(name, id, entity),
                _ => json!(value),
            },
            ("searchType", "0") => json!("Relevance"),
            ("searchType", "1") => json!("Categorized"),
            ("validateRecord", "true") => json!(true),
            ("validateRecord", "false") => json!(false),
            ("data", _) if page == "EntityRecord" => match serde_json::from_str::<Json>(value) {
                Ok(parsed @ Json::Object(_))
                    if serde_json::to_string(&parsed).is_ok_and(|text| text == value)
                        && text::is_plain_json(&parsed) =>
                {
                    parsed
                }
                _ => json!(value),
            },
            _ => json!(value),
        }
    }

    /// A view, form or dashboard by name, if the name leads back to it; else its id.
    fn looked_up(&self, parameter: &str, id: Uuid, entity: Option<&str>) -> Json {
        let Some((name, table)) = self.live.found.pages.get(&id) else {
            return json!(id.to_string());
        };
        if refused(name).is_some() {
            return json!(id.to_string());
        }
        let lookup = |table: Option<&str>| match parameter {
            "dashboardId" => Lookup::Dashboard(name.clone()),
            "formId" => Lookup::Form {
                name: name.clone(),
                table: table.map(str::to_owned),
            },
            _ => Lookup::View {
                name: name.clone(),
                table: table.map(str::to_owned),
            },
        };
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

/// Parameters without which a page of a type shows nothing (Application tab templates, page types).
fn required_parameters(page: &str) -> &'static [&'static str] {
    match page {
        "EntityList" | "EntityRecord" => &["entityName"],
        "Dashboard" => &["dashboardId"],
        "Search" => &["searchText"],
        "ThirdPartyWebsite" => &["url"],
        "WebResource" => &["webresourceName"],
        "Custom" => &["name"],
        _ => &[],
    }
}
