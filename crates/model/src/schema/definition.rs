//! The shape of definitions of kinds. The doc comments are what editors show and what the reference says.

#![expect(
    dead_code,
    reason = "only the schemas and the descriptions of these types are used; reading keeps places and has types of its own"
)]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::Value;

/// A kind of resources that the program does not come with: which table it is, what identifies a row, and which columns manifests give.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DefinitionDocument {
    /// Always `deskstate/v1`.
    #[schemars(extend("const" = "deskstate/v1"))]
    api_version: String,
    /// Always `KindDefinition`.
    #[schemars(extend("const" = "KindDefinition"))]
    kind: String,
    /// The word that manifests write under `kind`.
    metadata: DefinitionMetadata,
    /// The table and its columns.
    spec: DefinitionSpec,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct DefinitionMetadata {
    /// The word: letters and digits, with a capital first, such as `CapacityProfile`.
    #[schemars(regex(pattern = "^[A-Z][A-Za-z0-9]{1,49}$"))]
    name: String,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct DefinitionSpec {
    /// Version of the definition. A saved plan is applied only under the version that it was made with.
    #[schemars(length(min = 1, max = 63))]
    version: String,
    /// What people call the kind. Default: the word.
    #[schemars(default, length(min = 1, max = 100))]
    title: String,
    /// What the kind is for, in a sentence.
    #[schemars(length(min = 1, max = 1000))]
    description: String,
    /// How well the definition is founded: `seenLive` in an environment, `documented` by Microsoft, taken from generated `typings`, or `unknown`.
    #[schemars(default, extend("enum" = ["seenLive", "documented", "typings", "unknown"]))]
    evidence: String,
    /// Logical name of the table.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,127}$"))]
    table: String,
    /// Entity set of the table: its name in addresses of the Web API.
    #[schemars(regex(pattern = "^[A-Za-z][A-Za-z0-9_]{0,127}$"))]
    entity_set: String,
    /// Primary key of the table. Default: its name with `id`.
    #[schemars(default, regex(pattern = "^[a-z][a-z0-9_]{0,127}$"))]
    primary_key: String,
    /// The column that people see as a row's name. Default: the identity.
    #[schemars(default, regex(pattern = "^[a-z][a-z0-9_]{0,127}$"))]
    primary_name: String,
    /// What finds a row in every environment.
    identity: IdentityForm,
    /// Columns and the value that they have in every row of the kind. Other rows of the table are not looked at, and a new row gets these values.
    #[schemars(default)]
    rows: BTreeMap<String, Value>,
    /// Names of rows that the product needs: nothing changes or deletes them.
    #[schemars(default, inner(length(min = 1)))]
    protected: Vec<String>,
    /// Columns that the server fills in when a row is created. They are not compared; the plan of a new row names them.
    #[schemars(default, inner(length(min = 1)))]
    server_sets: Vec<String>,
    /// Whether documents may create rows. Where it is `false`, documents say `metadata.state: existing`, and other documents may name rows
    /// that no document declares. Default: `true`.
    #[schemars(default)]
    creatable: bool,
    /// Whether rows may be deleted. Default: `false`.
    #[schemars(default)]
    deletable: bool,
    /// Whether `undo` deletes rows that the undone `apply` created, although no plan deletes any. Default: as `deletable`.
    #[schemars(default)]
    undo_deletes: bool,
    /// Whether rows are components of solutions, so that they have `ismanaged` and `iscustomizable`. Default: `false`.
    #[schemars(default)]
    solution_component: bool,
    /// The fields, by the word that manifests write.
    fields: BTreeMap<String, FieldForm>,
    /// Many-to-many sets, by the word that manifests write.
    #[schemars(default)]
    sets: BTreeMap<String, SetForm>,
    /// Rows of other tables that belong to one row of this kind and are written in its document, by the word that manifests write.
    #[schemars(default)]
    parts: BTreeMap<String, PartForm>,
    /// Whom a change of a row reaches. They are counted apart from the users of app profiles.
    #[schemars(default)]
    agents: AgentsForm,
}

#[derive(JsonSchema, Default)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct AgentsForm {
    /// Words of sets of users, and of lookups, sets and texts that name rows whose agents are reached.
    #[schemars(default, inner(length(min = 1)))]
    through: Vec<String>,
    /// Who else is reached and cannot be counted, such as `agents who have the skill`.
    #[schemars(default, length(min = 1, max = 200))]
    others: String,
    /// Who is reached where `through` leads to no row, such as everybody by a quick reply that names no workstream.
    #[schemars(default, length(min = 1, max = 200))]
    otherwise: String,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct IdentityForm {
    /// The text column that holds `metadata.name`. Compared without case, written when the row is created, never changed.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,127}$"))]
    column: String,
    /// Greatest length of a name.
    #[schemars(default, range(min = 1, max = 4000))]
    max_length: u32,
    /// More columns that identify a row together with `column`, by column, with the type `text` or `number`, or with the words and numbers
    /// of a choice. Their values follow in `metadata.name`, with ` / ` between: `Greeting / 1033`. The server must take them when the row
    /// is created.
    #[schemars(default, schema_with = "more_columns")]
    and: BTreeMap<String, Value>,
}

fn more_columns(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "propertyNames": {"pattern": "^[a-z][a-z0-9_]{0,127}$"},
        "additionalProperties": {"anyOf": [
            {"enum": ["text", "number"]},
            {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1},
        ]},
        "maxProperties": 4,
    })
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct FieldForm {
    /// Logical name of the column.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,127}$"))]
    column: String,
    /// What the column holds. `json` is a mapping kept as JSON text, `status` is `statecode` with `statuscode`, `owner` is a user or a team.
    #[schemars(extend("enum" = ["text", "number", "flag", "choice", "lookup", "json", "status", "owner"]))]
    r#type: String,
    /// What the field is for.
    #[schemars(default, length(min = 1, max = 1000))]
    description: String,
    /// Greatest length of a text, in characters.
    #[schemars(default, range(min = 1, max = 1_048_576))]
    max_length: u32,
    /// Smallest number.
    #[schemars(default)]
    minimum: i64,
    /// Greatest number.
    #[schemars(default)]
    maximum: i64,
    /// Options of a choice: word and number.
    #[schemars(default)]
    options: BTreeMap<String, i64>,
    /// What a lookup points to: the word of a kind, `User`, or a table whose rows are found by name and never written.
    #[schemars(default)]
    to: TargetForm,
    /// The word of the kind whose names a text holds, such as the unique name of a session template. The name is checked like a reference.
    #[schemars(default, length(min = 1))]
    names: String,
    /// What a new row has in a flag or choice that nobody gives.
    #[schemars(default)]
    default: Value,
    /// Navigation property of a lookup, in exact case. Default: the column.
    #[schemars(default, regex(pattern = "^[A-Za-z][A-Za-z0-9_]{0,127}$"))]
    navigation: String,
    /// The lookup is read with `$expand`, since the environment shows nothing in its column. Default: `false`.
    #[schemars(default)]
    expanded: bool,
    /// A document that may have to create its row gives the field. Default: `false`.
    #[schemars(default)]
    required: bool,
    /// The server takes the value when the row is created and never again. Default: `false`.
    #[schemars(default)]
    create_only: bool,
    /// The text exists once per language. Default: `false`.
    #[schemars(default)]
    localizable: bool,
}

/// The word of a kind, `User`, or a table.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum TargetForm {
    /// The word of a kind, or `User`.
    Word(#[schemars(length(min = 1))] String),
    /// A table whose rows are found by name.
    Table(TableForm),
}

impl Default for TargetForm {
    fn default() -> Self {
        Self::Word(String::new())
    }
}

/// A table whose rows are found by name.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct TableForm {
    /// Logical name.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,127}$"))]
    table: String,
    /// Entity set.
    #[schemars(regex(pattern = "^[A-Za-z][A-Za-z0-9_]{0,127}$"))]
    entity_set: String,
    /// Primary key. Default: the table's name with `id`.
    #[schemars(default, regex(pattern = "^[a-z][a-z0-9_]{0,127}$"))]
    primary_key: String,
    /// The column with the name by which a row is found.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,127}$"))]
    name: String,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct PartForm {
    /// What the rows are for.
    #[schemars(default, length(min = 1, max = 1000))]
    description: String,
    /// Logical name of their table.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,127}$"))]
    table: String,
    /// Entity set of their table.
    #[schemars(regex(pattern = "^[A-Za-z][A-Za-z0-9_]{0,127}$"))]
    entity_set: String,
    /// Primary key of their table. Default: its name with `id`.
    #[schemars(default, regex(pattern = "^[a-z][a-z0-9_]{0,127}$"))]
    primary_key: String,
    /// The column that people see as a row's name.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,127}$"))]
    primary_name: String,
    /// The lookup to the row of the kind.
    parent: ParentForm,
    /// The word of the field that tells the parts of one row apart: a text, a number or a lookup. It is required and never changes.
    #[schemars(length(min = 1))]
    identity: String,
    /// Whether parts that a list does not name are deleted. Where it is `false`, a list says what must be there and others stay. Default: `false`.
    #[schemars(default)]
    deletable: bool,
    /// Whether parts are components of solutions, so that they have `ismanaged` and `iscustomizable`. Default: `false`.
    #[schemars(default)]
    solution_component: bool,
    /// Whether the server deletes the parts with their row. Default: `true`.
    #[schemars(default)]
    deleted_with_row: bool,
    /// The fields of a part, by the word that manifests write.
    fields: BTreeMap<String, FieldForm>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct ParentForm {
    /// Logical name of the column.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,127}$"))]
    column: String,
    /// Navigation property, in exact case. Default: the column.
    #[schemars(default, regex(pattern = "^[A-Za-z][A-Za-z0-9_]{0,127}$"))]
    navigation: String,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct SetForm {
    /// What the set is for.
    #[schemars(default, length(min = 1, max = 1000))]
    description: String,
    /// Schema name of the relationship, which is the navigation property on both sides.
    #[schemars(regex(pattern = "^[A-Za-z][A-Za-z0-9_]{0,127}$"))]
    relationship: String,
    /// Entity set of the intersect table, where links are read as rows.
    #[schemars(regex(pattern = "^[A-Za-z][A-Za-z0-9_]{0,127}$"))]
    intersect_set: String,
    /// The word of the kind that the members are of, or `User`.
    #[schemars(length(min = 1))]
    to: String,
    /// Column of the intersect table with the id of this kind's row. Default: the primary key.
    #[schemars(default, regex(pattern = "^[a-z][a-z0-9_]{0,127}$"))]
    own_column: String,
    /// Column of the intersect table with the id of the member. Default: the primary key of the members' table.
    #[schemars(default, regex(pattern = "^[a-z][a-z0-9_]{0,127}$"))]
    member_column: String,
}
