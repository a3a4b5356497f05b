//! The schema of kind definitions. The doc comments are shown in editors and in the reference.

#![expect(
    dead_code,
    reason = "only the schemas and the descriptions of these types are used; reading keeps places and has types of its own"
)]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::Value;

/// A kind that deskstate does not include: its table, the identity of its rows, and the columns that manifests set.
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
    /// Version of the definition. A saved plan can be applied only with the version that it was created with.
    #[schemars(length(min = 1, max = 63))]
    version: String,
    /// Display name of the kind. Default: the word.
    #[schemars(default, length(min = 1, max = 100))]
    title: String,
    /// Purpose of the kind, in one sentence.
    #[schemars(length(min = 1, max = 1000))]
    description: String,
    /// Evidence for the definition: `seenLive` in an environment, `documented` by Microsoft, taken from generated `typings`, or `unknown`.
    #[schemars(default, extend("enum" = ["seenLive", "documented", "typings", "unknown"]))]
    evidence: String,
    /// Logical name of the table.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,127}$"))]
    table: String,
    /// Entity set of the table: its name in Web API URLs.
    #[schemars(regex(pattern = "^[A-Za-z][A-Za-z0-9_]{0,127}$"))]
    entity_set: String,
    /// Primary key of the table. Default: its name with `id`.
    #[schemars(default, regex(pattern = "^[a-z][a-z0-9_]{0,127}$"))]
    primary_key: String,
    /// The column shown as the name of a row. Default: the identity.
    #[schemars(default, regex(pattern = "^[a-z][a-z0-9_]{0,127}$"))]
    primary_name: String,
    /// The columns that identify a row in every environment.
    identity: IdentityForm,
    /// Columns and their fixed values in all rows of the kind. Other rows of the table are ignored, and new rows get these values.
    #[schemars(default)]
    rows: BTreeMap<String, Value>,
    /// Names of rows that the product needs. They are never changed or deleted.
    #[schemars(default, inner(length(min = 1)))]
    protected: Vec<String>,
    /// Columns and the values that mark further protected rows, whatever their names. One of them is enough.
    #[schemars(default)]
    protected_rows: BTreeMap<String, Value>,
    /// Fields that documents may declare of protected rows, too.
    #[schemars(default, inner(length(min = 1)))]
    protected_except: Vec<String>,
    /// Columns that the server fills in when a row is created. They are not compared; the plan lists them for new rows.
    #[schemars(default, inner(length(min = 1)))]
    server_sets: Vec<String>,
    /// Whether documents may create rows. If `false`, documents must use `metadata.state: existing`, and other documents may refer to
    /// undeclared rows. Default: `true`.
    #[schemars(default)]
    creatable: bool,
    /// Whether rows may be deleted. Default: `false`.
    #[schemars(default)]
    deletable: bool,
    /// Whether `undo` deletes rows that the undone `apply` created, even if no plan deletes any. Default: the value of `deletable`.
    #[schemars(default)]
    undo_deletes: bool,
    /// Whether rows are solution components, which have `ismanaged` and `iscustomizable`. Default: `false`.
    #[schemars(default)]
    solution_component: bool,
    /// The fields, by the word that manifests write.
    fields: BTreeMap<String, FieldForm>,
    /// Many-to-many sets, by the word that manifests write.
    #[schemars(default)]
    sets: BTreeMap<String, SetForm>,
    /// Rows of other tables that belong to one row of this kind and are part of its document, by the word that manifests write.
    #[schemars(default)]
    parts: BTreeMap<String, PartForm>,
    /// The agents whom a change of a row affects. They are counted separately from the users of app profiles.
    #[schemars(default)]
    agents: AgentsForm,
}

#[derive(JsonSchema, Default)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct AgentsForm {
    /// Words of sets of users, and of lookups, sets and texts that refer to rows whose agents are affected.
    #[schemars(default, inner(length(min = 1)))]
    through: Vec<String>,
    /// Other affected people, who cannot be counted, such as `agents who have the skill`.
    #[schemars(default, length(min = 1, max = 200))]
    others: String,
    /// The people affected if `through` leads to no row, such as everybody for a quick reply without a workstream.
    #[schemars(default, length(min = 1, max = 200))]
    otherwise: String,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct IdentityForm {
    /// The text column that holds `metadata.name`. It is compared ignoring case, written when the row is created, and never changed.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,127}$"))]
    column: String,
    /// Maximum length of a name.
    #[schemars(default, range(min = 1, max = 4000))]
    max_length: u32,
    /// Further columns that identify a row together with `column`: by column, with the type `text` or `number`, or with the words and
    /// numbers of a choice. Their values follow in `metadata.name`, separated by ` / `: `Greeting / 1033`. The server must accept them when
    /// the row is created.
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
    /// Type of the column's value. `json` is a mapping stored as JSON text, `status` is `statecode` with `statuscode`, `owner` is a user or
    /// a team.
    #[schemars(extend("enum" = ["text", "number", "flag", "choice", "lookup", "json", "status", "owner"]))]
    r#type: String,
    /// Purpose of the field.
    #[schemars(default, length(min = 1, max = 1000))]
    description: String,
    /// Maximum length of a text, in characters.
    #[schemars(default, range(min = 1, max = 1_048_576))]
    max_length: u32,
    /// Minimum of a number.
    #[schemars(default)]
    minimum: i64,
    /// Maximum of a number.
    #[schemars(default)]
    maximum: i64,
    /// Options of a choice: words and their numbers.
    #[schemars(default)]
    options: BTreeMap<String, i64>,
    /// Target of a lookup: the word of a kind, `User`, or a table whose rows are found by name and never written.
    #[schemars(default)]
    to: TargetForm,
    /// The word of the kind that a text refers to by name, such as the unique name of a session template. The name is checked like a
    /// reference.
    #[schemars(default, length(min = 1))]
    names: String,
    /// Default of a flag or choice in a new row.
    #[schemars(default)]
    default: Value,
    /// Navigation property of a lookup, in exact case. Default: the column.
    #[schemars(default, regex(pattern = "^[A-Za-z][A-Za-z0-9_]{0,127}$"))]
    navigation: String,
    /// Whether the lookup is read with `$expand`, because its column reads as empty. Default: `false`.
    #[schemars(default)]
    expanded: bool,
    /// Whether a document that may have to create its row must set the field. Default: `false`.
    #[schemars(default)]
    required: bool,
    /// Whether the server accepts the value only when the row is created. Default: `false`.
    #[schemars(default)]
    create_only: bool,
    /// Whether the text exists once per language. Default: `false`.
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
    /// The column with the name that identifies a row.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,127}$"))]
    name: String,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct PartForm {
    /// Purpose of the rows.
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
    /// The column shown as the name of a row.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,127}$"))]
    primary_name: String,
    /// The lookup to the row of the kind.
    parent: ParentForm,
    /// The word of the field that distinguishes the parts of one row: a text, a number or a lookup. It is required and never changes.
    #[schemars(length(min = 1))]
    identity: String,
    /// Whether parts that a list does not contain are deleted. If `false`, a list states which parts must exist, and others stay. Default:
    /// `false`.
    #[schemars(default)]
    deletable: bool,
    /// Whether parts are solution components, which have `ismanaged` and `iscustomizable`. Default: `false`.
    #[schemars(default)]
    solution_component: bool,
    /// Whether the server deletes the parts with their row. Default: `true`.
    #[schemars(default)]
    deleted_with_row: bool,
    /// Whether templates may use the names of the parts as slugs: `{name}`. Default: `false`.
    #[schemars(default)]
    supplies_slugs: bool,
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
    /// Purpose of the set.
    #[schemars(default, length(min = 1, max = 1000))]
    description: String,
    /// Schema name of the relationship, which is the navigation property on both sides.
    #[schemars(regex(pattern = "^[A-Za-z][A-Za-z0-9_]{0,127}$"))]
    relationship: String,
    /// Entity set of the intersect table, through which links are read as rows.
    #[schemars(regex(pattern = "^[A-Za-z][A-Za-z0-9_]{0,127}$"))]
    intersect_set: String,
    /// The word of the kind of the members, or `User`.
    #[schemars(length(min = 1))]
    to: String,
    /// Column of the intersect table with the id of this kind's row. Default: the primary key.
    #[schemars(default, regex(pattern = "^[a-z][a-z0-9_]{0,127}$"))]
    own_column: String,
    /// Column of the intersect table with the id of the member. Default: the primary key of the members' table.
    #[schemars(default, regex(pattern = "^[a-z][a-z0-9_]{0,127}$"))]
    member_column: String,
}
