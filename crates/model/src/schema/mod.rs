//! The JSON Schemas that editors use, and against which documents are checked.

mod contract;
mod definition;
mod package;
mod project;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::kinds::Kind;
use crate::parameters::Parameters;
use crate::table::{Choice, Field, Holds, Links, PartTable, Referent, Written};

/// Version of the language, as given at the head of every document.
pub(crate) const API_VERSION: &str = "deskstate/v1";

/// The JSON Schema draft that the schemas use.
const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// Returns the schemas for editors, by file name.
#[must_use]
pub fn json_schemas() -> Vec<(String, Value)> {
    let kinds = Kind::all().map(|kind| {
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
        (
            "kind-definition.json".to_owned(),
            titled("KindDefinition", definition()),
        ),
        ("package.json".to_owned(), titled("Package", package())),
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

/// Builds one schema for documents of any kind, which branches on the kind.
fn by_kind(document: fn(Kind) -> Value) -> Value {
    let words: Vec<&str> = Kind::all().map(Kind::as_str).collect();
    let branches: Vec<Value> = Kind::all()
        .map(|kind| {
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

/// Returns the schema of a document of a kind.
pub(crate) fn document(kind: Kind) -> Value {
    let mut schema = frame(kind, metadata(kind, false));
    let mut required = json!({});
    require(kind.fields(), &mut required);
    schema["if"] = json!({
        "properties": {"metadata": {"properties": {"state": {"enum": ["existing", "absent"]}}, "required": ["state"]}},
        "required": ["metadata"],
    });
    schema["else"] = json!({"properties": {"spec": required}});
    if kind.needs_spec() {
        schema["else"]["required"] = json!(["spec"]);
    }
    schema
}

/// Returns the schema of an overlay document, which is only part of a document.
fn overlay_document(kind: Kind) -> Value {
    let mut schema = frame(kind, metadata(kind, true));
    demand_nothing(&mut schema["properties"]["spec"]);
    schema
}

/// Removes required fields from a schema. Mappings of an overlay are merged into those of the base, so they may be partial; list items are
/// replaced completely.
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

/// Returns the schema of some fields of a kind.
pub(crate) fn partial_spec(kind: Kind) -> Value {
    json!({
        "type": "object",
        "properties": properties(kind.fields()),
        "additionalProperties": false,
    })
}

fn frame(kind: Kind, metadata: Value) -> Value {
    let mut spec = partial_spec(kind);
    spec["description"] = one_paragraph(&kind.doc()).into();
    json!({
        "description": one_paragraph(&kind.doc()),
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
            "description": "The unique name, which identifies the row in every environment. It never changes.",
            "type": "string", "minLength": 1, "maxLength": longest,
        },
        "labels": {
            "description": "For selections; never sent.",
            "type": "object",
            "additionalProperties": {"type": "string", "minLength": 1},
        },
        "state": {
            "description": "`present` (default): the row exists as written. `existing`: somebody else creates it. `absent`: it is deleted.",
            "enum": ["present", "existing", "absent"],
        },
    });
    let texts = json!({"type": "array", "items": {"type": "string", "minLength": 1}});
    let (word, description) = if overlay {
        (
            "unmanaged",
            "Paths of fields that deskstate ignores in this environment, even if the base sets them.",
        )
    } else {
        (
            "environments",
            "The environments that the document applies to. Default: all.",
        )
    };
    let mut list = texts;
    if !overlay {
        list["minItems"] = 1.into();
    }
    list["description"] = description.into();
    properties[word] = list;
    if kind.definition().supplies_slugs {
        properties["slugs"] = json!({
            "description": "Slugs that the provider supplies to templates, without braces; never sent.",
            "type": "array", "items": {"type": "string", "minLength": 1},
        });
    }
    json!({
        "description": "Name, labels, and other statements about the row.",
        "type": "object",
        "properties": properties,
        "required": ["name"],
        "additionalProperties": false,
    })
}

/// Returns the schema of `deskstate.yaml`.
pub(crate) fn project() -> Value {
    generated::<project::ProjectDocument>()
}

/// Returns the schema of a kind definition.
pub(crate) fn definition() -> Value {
    generated::<definition::DefinitionDocument>()
}

/// Returns the schema of `deskstate-package.yaml`.
pub(crate) fn package() -> Value {
    generated::<package::PackageDocument>()
}

/// Returns the schema of a contract.
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

/// Removes line breaks of the source from descriptions, and removes defaults, because omitted values are not sent.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.remove("default");
            object.remove("format");
            if let Some(Value::String(description)) = object.get_mut("description") {
                *description = one_paragraph(description);
            }
            for (key, value) in object {
                match value {
                    // The keys here are words of manifests, and `default` may be one of them.
                    Value::Object(words) if key == "properties" => {
                        words.values_mut().for_each(tidy);
                    }
                    value => tidy(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// Pattern of a variable in place of a value that is not text.
const VARIABLE: &str = r"^\$\{\{ *(vars|params)\.[A-Za-z][A-Za-z0-9_]* *\}\}$";

/// Returns the schema of a variable that stands for a complete value.
pub(crate) fn variable_schema() -> Value {
    json!({"type": "string", "pattern": VARIABLE})
}

/// Whether a schema's pattern is the one for variables.
pub(crate) fn is_variable_pattern(pattern: &str) -> bool {
    pattern == VARIABLE
}

/// Also allows a variable if the value is not text.
pub(crate) fn with_variable(schema: Value) -> Value {
    if takes_any_text(&schema) {
        schema
    } else {
        any_of(schema, variable_schema())
    }
}

/// Whether the schema accepts every text, including variables.
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

/// Returns the schema of one field, with its description. Allows `null` if the field can be cleared, and a variable.
pub(crate) fn field_schema(field: &Field) -> Value {
    let mut schema = value_schema(field);
    if field.is_clearable() {
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
    described.insert("description".to_owned(), one_paragraph(&field.doc()).into());
    if let Value::Object(schema) = schema {
        described.extend(schema);
    }
    Value::Object(described)
}

/// Returns the schema of exactly the values accepted for a field, without `null` and variables.
fn value_schema(field: &Field) -> Value {
    match field.holds {
        Holds::Text | Holds::UniqueName | Holds::BusinessUnit => text_schema(field.max_length),
        Holds::Json | Holds::JsonOrText => {
            let mut schema = text_schema(field.max_length);
            schema["type"] = json!(["object", "array", "string"]);
            schema
        }
        Holds::Number | Holds::Position => match field.range {
            Some((smallest, greatest)) => {
                json!({"type": "integer", "minimum": smallest, "maximum": greatest})
            }
            None => json!({"type": "integer"}),
        },
        Holds::Flag | Holds::InvertedFlag => json!({"type": "boolean"}),
        Holds::Choice(options) | Holds::FlagChoice(options) | Holds::Status(options) => {
            choice_schema(options)
        }
        Holds::Lookup { .. } => text_schema(None),
        Holds::Ids { .. } => set_schema(&text_schema(None), &text_schema(None), false),
        Holds::Owner => json!({
            "type": "object",
            "properties": {
                "user": {"description": "User principal name, e-mail address or Entra object id.", "type": "string", "minLength": 1},
                "team": {"description": "Name of a team.", "type": "string", "minLength": 1},
            },
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        }),
        Holds::Set { to, links, .. } => match links {
            Links::All | Links::Except(_) => {
                let name = text_schema(None);
                set_schema(&name, &name, matches!(to, Referent::User))
            }
            Links::Only(_) => json!({"type": "boolean"}),
            Links::One => text_schema(None),
            Links::Items(items) => {
                let either = [items_schema(items.own), items_schema(items.shared)];
                list_schema(json!({ "anyOf": either }), field.max_items)
            }
        },
        Holds::Parts(part) => parts_schema(part, field.max_items),
        Holds::ParametersCopy | Holds::Option | Holds::OneOf(_) => Value::Bool(false),
    }
}

fn text_schema(max_length: Option<u32>) -> Value {
    let mut schema = json!({"type": "string", "minLength": 1});
    if let Some(characters) = max_length {
        schema["maxLength"] = characters.into();
    }
    schema
}

/// Returns the schema of a choice, with the meaning of each option.
fn choice_schema(options: &[Choice]) -> Value {
    let words = options.iter().map(|option| Value::from(option.word));
    let numbers = options
        .iter()
        .filter_map(|option| option.word.parse::<f64>().ok())
        .map(Value::from);
    let meanings: Vec<&str> = options.iter().map(|option| option.meaning.trim()).collect();
    json!({"enum": words.chain(numbers).collect::<Vec<_>>(), "enumDescriptions": meanings})
}

fn list_schema(items: Value, max_items: Option<u32>) -> Value {
    let mut schema = json!({"type": "array", "items": items});
    if let Some(items) = max_items {
        schema["maxItems"] = items.into();
    }
    schema
}

fn parts_schema(part: &PartTable, max_items: Option<u32>) -> Value {
    let mut item = items_schema(part.fields);
    for field in part.fields {
        if let Holds::OneOf(words) = field.holds {
            let one = |choice: &Choice| json!({"required": [choice.word]});
            item["oneOf"] = words.iter().map(one).collect();
        }
    }
    match part.written {
        Written::List => list_schema(item, max_items),
        // The value that identifies a role may be written on its own.
        Written::Set => {
            let identity = part.fields.iter().find(|field| part.is_identity(field));
            let mut told = item.clone();
            told["required"] = identity.map(|field| field.word).into_iter().collect();
            let alone = identity.map_or(Value::Bool(false), value_schema);
            let without = json!({"anyOf": [alone, told]});
            let item = match part.fields.iter().any(|field| part.is_bare(field)) {
                true => json!({"anyOf": [text_schema(None), item]}),
                false => item,
            };
            set_schema(&item, &without, false)
        }
        Written::Features(names) => {
            let flag = with_variable(json!({"type": "boolean"}));
            let named: Map<String, Value> = names
                .iter()
                .map(|name| (name.word.to_owned(), flag.clone()))
                .collect();
            json!({
                "type": "object",
                "properties": named,
                "patternProperties": {"^[0-9]{1,18}$": flag},
                "additionalProperties": false,
            })
        }
        Written::Parameters => Parameters::schema(),
    }
}

fn set_schema(member: &Value, without: &Value, users: bool) -> Value {
    let list = json!({"type": "array", "items": member});
    let without = json!({"type": "array", "items": without});
    let mut long = json!({
        "type": "object",
        "properties": {
            "mode": {
                "description": "`exact`: only these. `atLeast`: these, and others are ignored.",
                "enum": ["exact", "atLeast"],
            },
            "members": {"description": "Members that must exist.", "anyOf": [list.clone(), variable_schema()]},
            "without": {"description": "Members that must not exist; only with `atLeast`.", "anyOf": [without, variable_schema()]},
        },
        "required": ["mode"],
        "additionalProperties": false,
    });
    if users {
        let teams = json!({"type": "array", "items": {"type": "string", "minLength": 1}});
        long["properties"]["fromTeams"] = json!({
            "description": "Dataverse teams whose members belong to the set.",
            "anyOf": [teams, variable_schema()],
        });
        long["properties"]["moves"] = json!({
            "description": "Whether users may move from a profile that is not declared here. Default: `refuse`.",
            "enum": ["allow", "refuse"],
        });
    }
    json!({"anyOf": [list, long]})
}

/// Converts a doc comment to text for editors: each paragraph on one line.
pub(crate) fn one_paragraph(doc: &str) -> String {
    let paragraphs: Vec<String> = doc
        .split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    paragraphs.join("\n\n").trim().to_owned()
}

/// Returns the schema of a mapping with known keys.
pub(crate) fn items_schema(fields: &[Field]) -> Value {
    let mut schema = json!({
        "type": "object",
        "properties": properties(fields),
        "additionalProperties": false,
    });
    require(fields, &mut schema);
    schema
}

/// Adds the required fields. A field that may be in a file is required in one of its two forms.
pub(crate) fn require(fields: &[Field], schema: &mut Value) {
    let (in_file, here): (Vec<&Field>, Vec<&Field>) = fields
        .iter()
        .filter(|field| field.is_required() && field.is_written)
        .partition(|field| field.from_file);
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

/// Returns the word under which a field takes a path.
pub(crate) fn file_word(word: &str) -> String {
    format!("{word}File")
}

/// Returns the properties of a mapping, including `<word>File` for each field that may be in a file.
pub(crate) fn properties(fields: &[Field]) -> Map<String, Value> {
    let mut properties = Map::new();
    for field in fields.iter().filter(|field| field.is_written) {
        properties.insert(field.word.to_owned(), field_schema(field));
        if field.from_file {
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
