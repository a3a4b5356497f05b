//! Determines what is valid at a place, from the schemas that other editors check manifests against.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use deskstate_model::{Kind, PathStep, Tree, json_schemas};
use serde_json::Value as Json;

/// The schemas by name. Kinds may be added while the program runs.
fn all() -> Arc<BTreeMap<String, Json>> {
    type Known = (usize, Arc<BTreeMap<String, Json>>);
    static KNOWN: Mutex<Option<Known>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let kinds = Kind::all().count();
    match &*known {
        Some((count, schemas)) if *count == kinds => Arc::clone(schemas),
        _ => {
            let schemas: Arc<BTreeMap<String, Json>> =
                Arc::new(json_schemas().into_iter().collect());
            *known = Some((kinds, Arc::clone(&schemas)));
            schemas
        }
    }
}

/// What is valid at a place of a document.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Allowed {
    /// Keys of a mapping, each with its description.
    pub(super) keys: Vec<(String, String)>,
    /// Words of a value, each with its description.
    pub(super) words: Vec<(String, String)>,
    /// Description of the value.
    pub(super) doc: String,
}

/// What the schema of a document allows at a place.
pub(super) fn allowed(document: &Tree, is_project: bool, path: &[PathStep]) -> Allowed {
    let schemas = all();
    let word = document.get("kind").and_then(Tree::as_text);
    let name = match word {
        Some("Project") => "project",
        _ if is_project => "project",
        Some("Contract") => "contract",
        Some("KindDefinition") => "kind-definition",
        Some("Package") => "package",
        Some(word) if schemas.contains_key(&format!("{word}.json")) => word,
        _ => "manifest",
    };
    let whole = schemas.get(&format!("{name}.json"));
    let by_rule = rule_kind(document, path).and_then(|(kind, depth)| {
        let schema = schemas.get(&format!("{kind}.json"))?;
        Some((schema, schema.pointer("/properties/spec")?, &path[depth..]))
    });
    let Some((root, start, path)) = by_rule.or(whole.map(|whole| (whole, whole, path))) else {
        return Allowed::default();
    };
    let mut here = Vec::new();
    flat(root, start, &mut here, 0);
    for step in path {
        let mut next = Vec::new();
        for schema in here {
            let inner = match step {
                PathStep::Key(key) => schema
                    .get("properties")
                    .and_then(|properties| properties.get(key))
                    .or_else(|| {
                        schema
                            .get("additionalProperties")
                            .filter(|it| it.is_object())
                    }),
                PathStep::Item(_) => schema.get("items"),
                PathStep::InKey(_) => None,
            };
            if let Some(inner) = inner {
                flat(root, inner, &mut next, 0);
            }
        }
        here = next;
    }
    gather(&here)
}

/// The kind whose fields a contract rule lists at a path, and the length of the path that leads there.
fn rule_kind(document: &Tree, path: &[PathStep]) -> Option<(String, usize)> {
    let [
        PathStep::Key(spec),
        PathStep::Key(rules),
        PathStep::Item(at),
        PathStep::Key(part),
        ..,
    ] = path
    else {
        return None;
    };
    let is_rule =
        document.get("kind")?.as_text()? == "Contract" && spec == "spec" && rules == "rules";
    let has_fields = ["locked", "preferred", "contains"].contains(&part.as_str());
    let rule = document.get("spec")?.get("rules")?.items().get(*at)?;
    let kind = rule.get("resource")?.get("kind")?.as_text()?;
    (is_rule && has_fields).then(|| (kind.to_owned(), 4))
}

/// Collects a schema and all schemas that it consists of.
fn flat<'s>(root: &'s Json, schema: &'s Json, out: &mut Vec<&'s Json>, depth: usize) {
    if depth > 16 {
        return;
    }
    if let Some(pointer) = schema.get("$ref").and_then(Json::as_str)
        && let Some(target) = root.pointer(pointer.trim_start_matches('#'))
    {
        flat(root, target, out, depth + 1);
    }
    out.push(schema);
    for part in ["anyOf", "oneOf", "allOf"] {
        let branches = schema.get(part).and_then(Json::as_array);
        for branch in branches.into_iter().flatten() {
            flat(root, branch, out, depth + 1);
        }
    }
}

fn gather(schemas: &[&Json]) -> Allowed {
    let mut allowed = Allowed::default();
    for schema in schemas {
        let doc = |schema: &Json| {
            let doc = schema.get("description").and_then(Json::as_str);
            doc.unwrap_or_default().to_owned()
        };
        if allowed.doc.is_empty() {
            allowed.doc = doc(schema);
        }
        let properties = schema.get("properties").and_then(Json::as_object);
        for (key, inner) in properties.into_iter().flatten() {
            if !allowed.keys.iter().any(|(known, _)| known == key) {
                allowed.keys.push((key.clone(), doc(inner)));
            }
        }
        let word = |value: &Json| match value {
            Json::String(text) => Some(text.clone()),
            Json::Bool(_) | Json::Number(_) => Some(value.to_string()),
            _ => None,
        };
        let words = schema.get("enum").and_then(Json::as_array);
        let one = schema.get("const");
        let flags = [Json::Bool(true), Json::Bool(false)];
        let is_flag = schema.get("type").is_some_and(|of| {
            of == "boolean"
                || of
                    .as_array()
                    .is_some_and(|types| types.contains(&"boolean".into()))
        });
        let flags = is_flag.then_some(&flags).into_iter().flatten();
        for value in words.into_iter().flatten().chain(one).chain(flags) {
            if let Some(word) = word(value)
                && !allowed.words.iter().any(|(known, _)| *known == word)
            {
                allowed.words.push((word, doc(schema)));
            }
        }
    }
    allowed
}
