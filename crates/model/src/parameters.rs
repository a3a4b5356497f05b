//! The parameters of an application tab: names and values that depend on its page type.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::decoder::{Decoder, unquoted_brace};
use crate::set::LookedUp;
use crate::span::Spanned;
use crate::yaml::{Entry, Node, NodeValue};

/// The parameters of a tab, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters(pub Vec<(Spanned<String>, Spanned<ParameterValue>)>);

impl Parameters {
    /// Returns the value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Spanned<ParameterValue>> {
        self.0
            .iter()
            .find(|(key, _)| key.value == name)
            .map(|(_, value)| value)
    }
}

/// The value of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum ParameterValue {
    /// Text. Flags and numbers are represented by their stored text (`true`, `0`).
    Text(String),
    /// A view, form or dashboard, stored as its id.
    LookedUp(LookedUp),
    /// A mapping, stored as compact JSON.
    Json(serde_json::Value),
}

/// Parameters that Microsoft documents, with their descriptions.
pub(crate) const DOCUMENTED: &[(&str, &str)] = &[
    (
        "entityName",
        "Logical name of the table. EntityList, EntityRecord: required; Custom.",
    ),
    (
        "viewId",
        "The view: `{name: Active Contacts}` or its id. EntityList.",
    ),
    ("viewType", "Type of the view; undocumented. EntityList."),
    (
        "entityId",
        "Id of the record, or a slug. EntityRecord, an existing record.",
    ),
    (
        "formId",
        "The form: `{name: Contact}` or its id. EntityRecord.",
    ),
    (
        "validateRecord",
        "Opens the form only if the record exists. EntityRecord, an existing record.",
    ),
    (
        "data",
        "EntityRecord, a new record: values of its columns, as a mapping. ThirdPartyWebsite: appended to the address. WebResource: given to the page.",
    ),
    (
        "dashboardId",
        "The dashboard: `{name: My dashboard}` or its id. Dashboard: required.",
    ),
    ("searchText", "What is searched for. Search: required."),
    ("searchType", "`Relevance` or `Categorized`. Search."),
    (
        "url",
        "The address, beginning with `https://`. ThirdPartyWebsite: required.",
    ),
    (
        "webresourceName",
        "Name of the web resource. WebResource: required.",
    ),
    ("name", "Unique name of the custom page. Custom: required."),
    ("recordId", "Id of a record, or a slug. Custom."),
];

/// Parameters whose value is a view, form or dashboard.
const LOOKED_UP: [&str; 3] = ["viewId", "formId", "dashboardId"];

impl Parameters {
    pub(crate) fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        decoder.fits(node.is_map().then_some(()))?;
        let mut parameters = Vec::with_capacity(node.entries().len());
        for entry in node.entries() {
            if let Some(value) = parameter(&entry.key, &entry.value, decoder) {
                let name = Spanned::new(entry.key.to_string(), entry.key_span);
                parameters.push((name, Spanned::new(value, entry.value.span)));
            }
        }
        Some(Self(parameters))
    }

    pub(crate) fn to_json(&self) -> Value {
        let value = |name: &str, value: &ParameterValue| match value {
            ParameterValue::Text(text) => match (name, text.as_str()) {
                ("searchType", "0") => Value::from("Relevance"),
                ("searchType", "1") => Value::from("Categorized"),
                ("validateRecord", "true" | "false") => Value::from(text == "true"),
                _ => Value::from(text.as_str()),
            },
            ParameterValue::LookedUp(LookedUp::Id(id)) => Value::from(id.to_string()),
            ParameterValue::LookedUp(LookedUp::Name { name, table: None }) => json!({"name": name}),
            ParameterValue::LookedUp(LookedUp::Name {
                name,
                table: Some(table),
            }) => json!({"name": name, "table": table}),
            ParameterValue::Json(value) => value.clone(),
        };
        Value::Object(
            self.0
                .iter()
                .map(|(name, given)| (name.value.clone(), value(&name.value, &given.value)))
                .collect(),
        )
    }

    pub(crate) fn schema() -> Value {
        let value = json!({"type": ["string", "boolean", "number", "object"], "minLength": 1});
        let documented: Map<String, Value> = DOCUMENTED
            .iter()
            .map(|(name, meaning)| {
                let mut schema = if LOOKED_UP.contains(name) {
                    looked_up_schema()
                } else {
                    value.clone()
                };
                schema["description"] = Value::from(*meaning);
                ((*name).to_owned(), schema)
            })
            .collect();
        json!({"type": "object", "properties": documented, "additionalProperties": value})
    }
}

fn is_flag(text: &str) -> bool {
    text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")
}

fn looked_up_schema() -> Value {
    json!({"anyOf": [
        {"type": "string", "minLength": 1},
        {
            "type": "object",
            "properties": {"name": {"type": "string", "minLength": 1}, "table": {"type": "string", "minLength": 1}},
            "required": ["name"],
            "additionalProperties": false,
        },
    ]})
}

fn parameter(name: &str, node: &Node, decoder: &mut Decoder<'_>) -> Option<ParameterValue> {
    let looked_up = LOOKED_UP.contains(&name);
    match &node.value {
        NodeValue::Text(_) => {
            let text = decoder.text(node, None)?;
            decoder.report_json_text(text, node.span);
            Some(match (name, Uuid::try_parse(text)) {
                (_, Ok(id)) if looked_up => ParameterValue::LookedUp(LookedUp::Id(id)),
                // Microsoft's own guides write `True`.
                ("validateRecord", _) if is_flag(text) => {
                    ParameterValue::Text(text.to_ascii_lowercase())
                }
                ("searchType", _) if text == "Relevance" => ParameterValue::Text("0".to_owned()),
                ("searchType", _) if text == "Categorized" => ParameterValue::Text("1".to_owned()),
                _ => ParameterValue::Text(text.to_owned()),
            })
        }
        NodeValue::Map(_) if looked_up => {
            let mut text = |word: &str| {
                let text = decoder.text(node.get(word)?, None)?;
                Some(text.to_owned())
            };
            let (name, table) = (text("name"), text("table"));
            let known = |entry: &Entry| matches!(&*entry.key, "name" | "table");
            if node.get("name").is_none() || !node.entries().iter().all(known) {
                decoder.reject();
            }
            Some(ParameterValue::LookedUp(LookedUp::Name {
                name: name?,
                table,
            }))
        }
        NodeValue::Flag(flag) if !looked_up => Some(ParameterValue::Text(flag.to_string())),
        NodeValue::Float(number) if !looked_up => Some(ParameterValue::Text(
            serde_json::Value::from(*number).to_string(),
        )),
        NodeValue::Int(_) if !looked_up => decoder
            .fits(node.as_int())
            .map(|number| ParameterValue::Text(number.to_string())),
        NodeValue::Map(_) if node.is_brace_value() => {
            decoder.report(unquoted_brace(name, node));
            // Treated as the intended slug, so that nothing is reported as missing.
            let keys: Vec<&str> = node.entries().iter().map(|entry| &*entry.key).collect();
            Some(ParameterValue::Text(format!("{{{}}}", keys.join(", "))))
        }
        NodeValue::Map(_) => {
            decoder.report_spellings(node);
            decoder.report_curly_quotes_within(node);
            Some(ParameterValue::Json(node.to_json()))
        }
        NodeValue::Spelled(spelled) if !looked_up => {
            decoder.report_spellings(node);
            let text = spelled.text.to_string();
            Some(ParameterValue::Text(
                if name == "validateRecord" && is_flag(&text) {
                    text.to_ascii_lowercase()
                } else {
                    text
                },
            ))
        }
        NodeValue::Unresolved(_) => None,
        _ => decoder.fits(None),
    }
}
