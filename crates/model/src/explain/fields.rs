//! Every kind and field, from the doc comments of the types.

use std::fmt::Write;

use crate::field::FieldInfo;
use crate::kinds::Kind;
use crate::schema::{self, one_paragraph};

/// What a kind or a field means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldExplanation {
    /// The path, as `SessionTemplate.title`.
    pub path: String,
    /// The doc comment: meaning, limits, default, Dataverse column.
    pub text: String,
    /// Whether a document that may have to create the row must give it.
    pub required: bool,
    /// The fields below it: those of a kind, or of the items of a list.
    pub fields: Vec<FieldExplanation>,
}

/// What `SessionTemplate`, `SessionTemplate.title`, `AgentScript.steps.text`, `Project.prune` or `Contract.rules.locked` means.
///
/// Kinds and words are taken without case. `None` where the language has nothing of that name.
#[must_use]
pub fn explain_field(path: &str) -> Option<FieldExplanation> {
    let mut words = path.split('.');
    let first = words.next()?;
    if let Some(kind) = Kind::ALL
        .iter()
        .find(|kind| kind.as_str().eq_ignore_ascii_case(first))
    {
        return of_kind(*kind, words);
    }
    let (name, schema) = match first.to_ascii_lowercase().as_str() {
        "project" => ("Project", schema::project()),
        "contract" => ("Contract", schema::contract()),
        _ => return None,
    };
    of_schema(name, &schema, words)
}

fn of_kind<'w>(kind: Kind, words: impl Iterator<Item = &'w str>) -> Option<FieldExplanation> {
    let mut path = kind.to_string();
    let mut fields = kind.field_infos();
    let mut found: Option<&FieldInfo> = None;
    for word in words {
        let field = fields
            .iter()
            .find(|field| field.word.eq_ignore_ascii_case(word))?;
        let _ = write!(path, ".{}", field.word);
        fields = field.items;
        found = Some(field);
    }
    Some(match found {
        Some(field) => of_field(path, field),
        None => FieldExplanation {
            text: one_paragraph(kind.doc()),
            required: false,
            fields: kind
                .field_infos()
                .iter()
                .map(|field| of_field(format!("{path}.{}", field.word), field))
                .collect(),
            path,
        },
    })
}

fn of_field(path: String, field: &FieldInfo) -> FieldExplanation {
    FieldExplanation {
        text: one_paragraph(field.doc),
        required: field.rule.required || field.rule.has_default,
        fields: field
            .items
            .iter()
            .map(|item| of_field(format!("{path}.{}", item.word), item))
            .collect(),
        path,
    }
}

fn of_schema<'w>(
    name: &str,
    schema: &serde_json::Value,
    words: impl Iterator<Item = &'w str>,
) -> Option<FieldExplanation> {
    // People leave out `spec`, under which everything of interest stands.
    let mut path = name.to_owned();
    let mut schema = schema.clone();
    let mut at_root = true;
    let mut required = false;
    for word in words {
        if at_root && !word.eq_ignore_ascii_case("spec") && !word.eq_ignore_ascii_case("metadata") {
            schema = below(&schema, "spec").map(|(_, found, _)| found)?;
        }
        at_root = false;
        let (key, found, is_required) = below(&schema, word)?;
        let _ = write!(path, ".{key}");
        required = is_required;
        schema = found;
    }
    let shown = if at_root {
        below(&schema, "spec").map_or(schema.clone(), |(_, spec, _)| spec)
    } else {
        schema.clone()
    };
    let description = |schema: &serde_json::Value| {
        schema["description"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let fields = properties(&shown).map(|(key, child, required)| FieldExplanation {
        path: format!("{path}.{key}"),
        text: description(child),
        required,
        fields: Vec::new(),
    });
    Some(FieldExplanation {
        text: description(&schema),
        required,
        fields: fields.collect(),
        path: path.clone(),
    })
}

/// The schema of a key below a mapping, a list of mappings, or a mapping with free keys.
fn below(schema: &serde_json::Value, word: &str) -> Option<(String, serde_json::Value, bool)> {
    properties(schema)
        .find(|(key, ..)| key.eq_ignore_ascii_case(word))
        .map(|(key, found, required)| (key.to_owned(), found.clone(), required))
}

fn properties(
    schema: &serde_json::Value,
) -> impl Iterator<Item = (&str, &serde_json::Value, bool)> {
    let holder = [schema, &schema["items"], &schema["additionalProperties"]]
        .into_iter()
        .find(|schema| schema["properties"].is_object());
    let required = holder.map_or(&serde_json::Value::Null, |holder| &holder["required"]);
    let is_required = move |key: &str| {
        required
            .as_array()
            .is_some_and(|list| list.iter().any(|word| word == key))
    };
    let entries = holder
        .and_then(|holder| holder["properties"].as_object())
        .into_iter()
        .flatten();
    entries.map(move |(key, schema)| (key.as_str(), schema, is_required(key)))
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    #[test]
    fn kinds_fields_and_items_are_found_by_path() {
        let title = explain_field("sessiontemplate.TITLE").unwrap();
        assert_eq!(title.path, "SessionTemplate.title");
        assert!(title.text.contains("Dataverse: `msdyn_title`"));
        assert!(explain_field("SessionTemplate.type").unwrap().required);
        assert_eq!(
            explain_field("AgentScript.steps.macro").unwrap().path,
            "AgentScript.steps.macro"
        );
        assert_eq!(
            explain_field("AppProfile").unwrap().fields.len(),
            Kind::from_str("AppProfile").unwrap().field_infos().len()
        );
        assert_eq!(explain_field("AppProfile.nothing"), None);
    }

    #[test]
    fn the_project_and_contracts_are_explained_too() {
        assert!(
            explain_field("Project.prune")
                .unwrap()
                .text
                .contains("owned prefix")
        );
        assert!(
            explain_field("Project.environments.writes")
                .unwrap()
                .text
                .contains("assignments")
        );
        assert!(
            explain_field("contract.rules.locked")
                .unwrap()
                .text
                .contains("deep")
        );
        assert!(
            explain_field("Contract")
                .unwrap()
                .fields
                .iter()
                .any(|field| field.path == "Contract.rules" && field.required)
        );
    }
}
