//! The JSON Schemas that editors get, and against which documents are checked.

mod contract;
mod project;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::field::FieldInfo;
use crate::kinds::Kind;

/// The version of the language, at the head of every document.
pub(crate) const API_VERSION: &str = "deskstate/v1";

/// Where the schemas say they are from.
const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// The schemas that editors get, by file name.
#[must_use]
pub fn json_schemas() -> Vec<(String, Value)> {
    let kinds = Kind::ALL.iter().map(|&kind| {
        (
            format!("{kind}.json"),
            titled(kind.as_str(), document(kind)),
        )
    });
    let all = [
        (
            "manifest.json".to_owned(),
            titled("Manifest", by_kind(document)),
        ),
        (
            "overlay.json".to_owned(),
            titled("Overlay", by_kind(overlay_document)),
        ),
        ("project.json".to_owned(), titled("Project", project())),
        ("contract.json".to_owned(), titled("Contract", contract())),
    ];
    all.into_iter().chain(kinds).collect()
}

fn titled(title: &str, schema: Value) -> Value {
    let mut titled = Map::new();
    titled.insert("$schema".to_owned(), DRAFT.into());
    titled.insert("title".to_owned(), title.into());
    if let Value::Object(schema) = schema {
        titled.extend(
            schema
                .into_iter()
                .filter(|(key, _)| key != "$schema" && key != "title"),
        );
    }
    Value::Object(titled)
}

/// One schema for documents of any kind: the kind decides.
fn by_kind(document: fn(Kind) -> Value) -> Value {
    let words: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    let branches: Vec<Value> = Kind::ALL
        .iter()
        .map(|&kind| {
            json!({
                "if": {"properties": {"kind": {"const": kind.as_str()}}, "required": ["kind"]},
                "then": document(kind),
            })
        })
        .collect();
    json!({
        "type": "object",
        "properties": {"apiVersion": {"const": API_VERSION}, "kind": {"description": "What the document declares.", "enum": words}},
        "required": ["apiVersion", "kind"],
        "allOf": branches,
    })
}

/// The schema of a document of a kind.
pub(crate) fn document(kind: Kind) -> Value {
    let mut schema = frame(kind, metadata(kind, false));
    let mut required = json!({});
    require(kind.field_infos(), &mut required);
    schema["if"] = json!({
        "properties": {"metadata": {"properties": {"state": {"enum": ["existing", "absent"]}}, "required": ["state"]}},
        "required": ["metadata"],
    });
    schema["else"] = json!({"properties": {"spec": required}, "required": ["spec"]});
    schema
}

/// The schema of a document in an overlay: a part of a document.
fn overlay_document(kind: Kind) -> Value {
    let mut schema = frame(kind, metadata(kind, true));
    demand_nothing(&mut schema["properties"]["spec"]);
    schema
}

/// Mappings of an overlay are laid over those of the base, so they may be partial; items of lists are replaced as a whole.
fn demand_nothing(schema: &mut Value) {
    let Value::Object(object) = schema else {
        return;
    };
    object.remove("required");
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        properties.values_mut().for_each(demand_nothing);
    }
    if let Some(Value::Array(branches)) = object.get_mut("anyOf") {
        branches.iter_mut().for_each(demand_nothing);
    }
}

/// The schema of some fields of a kind.
pub(crate) fn partial_spec(kind: Kind) -> Value {
    json!({
        "type": "object",
        "properties": properties(kind.field_infos()),
        "additionalProperties": false,
    })
}

fn frame(kind: Kind, metadata: Value) -> Value {
    let mut spec = partial_spec(kind);
    spec["description"] = one_paragraph(kind.doc()).into();
    json!({
        "description": one_paragraph(kind.doc()),
        "type": "object",
        "properties": {
            "apiVersion": {"description": "Version of the language.", "const": API_VERSION},
            "kind": {"description": "What the document declares.", "const": kind.as_str()},
            "metadata": metadata,
            "spec": spec,
        },
        "required": ["apiVersion", "kind", "metadata"],
        "additionalProperties": false,
    })
}

fn metadata(kind: Kind, overlay: bool) -> Value {
    let longest = kind.max_name_length();
    let mut properties = json!({
        "name": {
            "description": "The unique name: the identity in every environment. Never changed.",
            "type": "string", "minLength": 1, "maxLength": longest,
        },
        "labels": {
            "description": "For selection; never sent.",
            "type": "object",
            "additionalProperties": {"type": "string", "minLength": 1},
        },
        "state": {
            "description": "`present`, which it is where left out: it is there as written. `existing`: somebody else brings it. `absent`: it is deleted.",
            "enum": ["present", "existing", "absent"],
        },
    });
    let texts = json!({"type": "array", "items": {"type": "string", "minLength": 1}});
    let (word, description) = if overlay {
        (
            "unmanaged",
            "Paths of fields that this environment leaves alone, whatever the base says.",
        )
    } else {
        (
            "environments",
            "The environments in which the document counts; all where left out.",
        )
    };
    let mut list = texts;
    if !overlay {
        list["minItems"] = 1.into();
    }
    list["description"] = description.into();
    properties[word] = list;
    json!({
        "description": "Name, labels, and what is declared about the row.",
        "type": "object",
        "properties": properties,
        "required": ["name"],
        "additionalProperties": false,
    })
}

/// The schema of `deskstate.yaml`.
pub(crate) fn project() -> Value {
    generated::<project::ProjectDocument>()
}

/// The schema of a contract.
pub(crate) fn contract() -> Value {
    generated::<contract::ContractDocument>()
}

fn generated<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft07();
    settings.inline_subschemas = true;
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value();
    tidy(&mut schema);
    schema
}

/// Descriptions without line breaks of the source, and no defaults: what is left out is not sent.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.remove("default");
            object.remove("format");
            if let Some(Value::String(description)) = object.get_mut("description") {
                *description = one_paragraph(description);
            }
            object.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// What a variable looks like, for places where a value of another type stands.
const VARIABLE: &str = r"^\$\{\{ *vars\.[A-Za-z][A-Za-z0-9_]* *\}\}$";

/// The schema of a variable that stands for a whole value.
pub(crate) fn variable_schema() -> Value {
    json!({"type": "string", "pattern": VARIABLE})
}

/// Whether a pattern of a schema is the one of variables.
pub(crate) fn is_variable_pattern(pattern: &str) -> bool {
    pattern == VARIABLE
}

/// Allows a variable beside a value that is no text.
pub(crate) fn with_variable(schema: Value) -> Value {
    if takes_any_text(&schema) {
        schema
    } else {
        any_of(schema, variable_schema())
    }
}

/// Whether every text fits, a variable among them.
fn takes_any_text(schema: &Value) -> bool {
    let is_string = |name: &Value| name == "string";
    match &schema["type"] {
        Value::String(name) => name == "string",
        Value::Array(names) => names.iter().any(is_string),
        _ => false,
    }
}

fn any_of(schema: Value, other: Value) -> Value {
    match schema {
        Value::Object(mut object) if object.keys().eq(["anyOf"]) => {
            if let Some(Value::Array(branches)) = object.get_mut("anyOf") {
                branches.push(other);
            }
            Value::Object(object)
        }
        schema => json!({"anyOf": [schema, other]}),
    }
}

/// The schema of one field with its description, `null` where it may be cleared, and a variable.
pub(crate) fn field_schema(field: &FieldInfo) -> Value {
    let mut schema = (field.schema)(field.rule);
    if field.clearable {
        schema = match schema {
            Value::Object(mut object) if takes_any_text(&Value::Object(object.clone())) => {
                let names = match object.remove("type") {
                    Some(Value::Array(names)) => names,
                    Some(name) => vec![name],
                    None => Vec::new(),
                };
                let names: Vec<Value> = names.into_iter().chain([Value::from("null")]).collect();
                object.insert("type".to_owned(), names.into());
                Value::Object(object)
            }
            other => any_of(other, json!({"type": "null"})),
        };
    }
    let schema = with_variable(schema);
    let mut described = Map::new();
    described.insert("description".to_owned(), one_paragraph(field.doc).into());
    if let Value::Object(schema) = schema {
        described.extend(schema);
    }
    Value::Object(described)
}

/// A doc comment as text for editors: paragraphs without line breaks of their own.
pub(crate) fn one_paragraph(doc: &str) -> String {
    let paragraphs: Vec<String> = doc
        .split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    paragraphs.join("\n\n").trim().to_owned()
}

/// The schema of a mapping with known keys.
pub(crate) fn items_schema(fields: &[FieldInfo]) -> Value {
    let mut schema = json!({
        "type": "object",
        "properties": properties(fields),
        "additionalProperties": false,
    });
    require(fields, &mut schema);
    schema
}

/// Demands the required fields; one that may stand in a file is demanded in one of its two forms.
pub(crate) fn require(fields: &[FieldInfo], schema: &mut Value) {
    let (in_file, here): (Vec<&FieldInfo>, Vec<&FieldInfo>) = fields
        .iter()
        .filter(|field| field.rule.required)
        .partition(|field| field.rule.from_file);
    let words: Vec<&str> = here.iter().map(|field| field.word).collect();
    schema["required"] = words.into();
    let either: Vec<Value> = in_file
        .iter()
        .map(|field| json!({"anyOf": [{"required": [field.word]}, {"required": [file_word(field.word)]}]}))
        .collect();
    if !either.is_empty() {
        schema["allOf"] = either.into();
    }
}

/// The word under which a field takes a path.
pub(crate) fn file_word(word: &str) -> String {
    format!("{word}File")
}

/// The properties of a mapping, with `<word>File` beside a field that may stand in a file.
pub(crate) fn properties(fields: &[FieldInfo]) -> Map<String, Value> {
    let mut properties = Map::new();
    for field in fields {
        properties.insert(field.word.to_owned(), field_schema(field));
        if field.rule.from_file {
            let description = format!(
                "A file with the value of `{}`; its path, relative to this manifest.",
                field.word
            );
            properties.insert(
                file_word(field.word),
                json!({"description": description, "type": "string", "minLength": 1}),
            );
        }
    }
    properties
}
