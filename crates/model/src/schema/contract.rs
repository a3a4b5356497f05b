//! The schema of contracts. The doc comments are shown in editors and in the reference.

#![expect(
    dead_code,
    reason = "only the schemas and the descriptions of these types are used; reading keeps places and has types of its own"
)]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Map, Value};

/// A contract: the requirements of a vendor's guide, as data. Checked against the manifests and against live environments.
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
    /// The requirements of the contract.
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
    /// Display name.
    #[schemars(default, length(min = 1))]
    display_name: String,
    /// The guide and its edition.
    #[schemars(default, length(min = 1))]
    source: String,
    /// Slugs that the vendor's software supplies to templates, without braces.
    #[schemars(default, inner(length(min = 1)))]
    slugs: Vec<String>,
    /// The rules.
    rules: Vec<RuleForm>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct RuleForm {
    /// Identifier shown in every finding. Letters, digits, `-`, `_`, `.`, up to 63.
    #[schemars(length(min = 1, max = 63))]
    id: String,
    /// Which resources the rule applies to: one by name, some by content, or all of a kind.
    resource: ResourceForm,
    /// If no name is given: `each` resource must pass all checks, or at least `some` one. Default: `each`.
    #[schemars(default, rename = "match", extend("enum" = ["each", "some"]))]
    each_or_some: String,
    /// If a name is given: whether the resource must exist under exactly this unique name.
    #[schemars(default)]
    required: bool,
    /// Fields that must have these values. Mappings are compared key by key; of the items of a list, the keys that the rule gives. Omitting
    /// such a field in a manifest is also an error.
    #[schemars(default)]
    locked: Map<String, Value>,
    /// Fields that should have these values. A different value is a warning.
    #[schemars(default)]
    preferred: Map<String, Value>,
    /// Fields whose text must match this pattern: `*` matches any characters except `/`, or any characters at the end of the pattern.
    #[schemars(default, inner(length(min = 1)))]
    matches: BTreeMap<String, String>,
    /// Fields that must have a value or, for sets, a member.
    #[schemars(default, inner(length(min = 1)))]
    set: Vec<String>,
    /// Set fields that must contain at least these members.
    #[schemars(default)]
    contains: BTreeMap<String, Vec<String>>,
    /// The reason for the rule.
    #[schemars(default, length(min = 1))]
    message: String,
    /// What stops working if the rule is broken. Shown with drift.
    #[schemars(default, length(min = 1))]
    breaks: String,
    /// What stops working if one value is broken, by field (`title`, `parameters.url`) or by field and member
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
    /// Fields and the pattern that their text must match.
    #[schemars(default, rename = "where", inner(length(min = 1)))]
    filter: BTreeMap<String, String>,
}

fn kind_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let words: Vec<&str> = crate::kinds::Kind::all()
        .map(|kind| kind.as_str())
        .collect();
    schemars::json_schema!({"enum": words})
}
