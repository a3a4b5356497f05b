//! The shape of contracts. The doc comments are what editors show and what the reference says.

#![expect(
    dead_code,
    reason = "only the schemas and the descriptions of these types are used; reading keeps places and has types of its own"
)]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Map, Value};

/// A contract: what a vendor's guide demands, as data. Checked against the manifests and against live environments.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ContractDocument {
    /// Always `deskstate/v1`.
    #[schemars(extend("const" = "deskstate/v1"))]
    api_version: String,
    /// Always `Contract`.
    #[schemars(extend("const" = "Contract"))]
    kind: String,
    /// Name of the contract.
    metadata: ContractMetadata,
    /// What is demanded.
    spec: ContractSpec,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct ContractMetadata {
    /// Letters, digits, `-`, `_`, `.`, up to 63.
    #[schemars(length(min = 1, max = 63))]
    name: String,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct ContractSpec {
    /// Name for people.
    #[schemars(default, length(min = 1))]
    display_name: String,
    /// Which guide, which edition.
    #[schemars(default, length(min = 1))]
    source: String,
    /// Slugs that the vendor's software supplies to templates, without braces.
    #[schemars(default, inner(length(min = 1)))]
    slugs: Vec<String>,
    /// The demands.
    rules: Vec<RuleForm>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct RuleForm {
    /// Shown in every finding. Letters, digits, `-`, `_`, `.`, up to 63.
    #[schemars(length(min = 1, max = 63))]
    id: String,
    /// Which resources the rule is about: one by name, some by content, or all of a kind.
    resource: ResourceForm,
    /// Without a name: `each` resource must pass all checks, or at least `some` one. Default: `each`.
    #[schemars(default, rename = "match", extend("enum" = ["each", "some"]))]
    each_or_some: String,
    /// With a name: must be there under exactly this unique name.
    #[schemars(default)]
    required: bool,
    /// Fields that must have these values, deep, lists exactly. A field that the manifest leaves out is an error too.
    #[schemars(default)]
    locked: Map<String, Value>,
    /// Fields that should have these values: a warning.
    #[schemars(default)]
    preferred: Map<String, Value>,
    /// Fields whose text must have this form: `*` is any characters but `/`, at the end any characters.
    #[schemars(default, inner(length(min = 1)))]
    matches: BTreeMap<String, String>,
    /// Fields that must have some value, or some member.
    #[schemars(default, inner(length(min = 1)))]
    set: Vec<String>,
    /// Set fields that must have at least these members.
    #[schemars(default)]
    contains: BTreeMap<String, Vec<String>>,
    /// Why.
    #[schemars(default, length(min = 1))]
    message: String,
    /// What stops working otherwise; shown with drift.
    #[schemars(default, length(min = 1))]
    breaks: String,
    /// What stops working because of one value, by field (`title`, `parameters.url`) or by field and member
    /// (`extensions[msdyn_CIFV2Loader]`). Shown instead of `breaks`.
    #[schemars(default, inner(length(min = 1)))]
    breaks_by_value: BTreeMap<String, String>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct ResourceForm {
    /// The kind.
    #[schemars(schema_with = "kind_schema")]
    kind: String,
    /// The unique name.
    #[schemars(default, length(min = 1))]
    name: String,
    /// Fields and the form that their text must have.
    #[schemars(default, rename = "where", inner(length(min = 1)))]
    filter: BTreeMap<String, String>,
}

fn kind_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let words: Vec<&str> = crate::kinds::Kind::all()
        .map(|kind| kind.as_str())
        .collect();
    schemars::json_schema!({"enum": words})
}
