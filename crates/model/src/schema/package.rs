//! The schema of `deskstate-package.yaml`. The doc comments are shown in editors and in the reference.

#![expect(
    dead_code,
    reason = "only the schemas and the descriptions of these types are used; reading keeps places and has types of its own"
)]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::Value;

/// A package: manifests, contracts and kinds that a vendor ships to many customers, with a version and parameters.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PackageDocument {
    /// Always `deskstate/v1`.
    #[schemars(extend("const" = "deskstate/v1"))]
    api_version: String,
    /// Always `Package`.
    #[schemars(extend("const" = "Package"))]
    kind: String,
    /// Name of the package.
    metadata: PackageMetadata,
    /// The content and the requirements of the package.
    spec: PackageSpec,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct PackageMetadata {
    /// Lowercase letters, digits and `-`, up to 63. Customers keep the files in `packages/NAME`.
    #[schemars(regex(pattern = "^[a-z][a-z0-9-]{0,62}$"))]
    name: String,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct PackageSpec {
    /// Version of the package by the rules of semver, such as `1.2.0`.
    #[schemars(length(min = 1))]
    version: String,
    /// The company that ships the package.
    #[schemars(length(min = 1))]
    vendor: String,
    /// License of the package, preferably an SPDX identifier such as `MIT`.
    #[schemars(default, length(min = 1))]
    license: String,
    /// Purpose of the package, in one sentence.
    #[schemars(default, length(min = 1))]
    description: String,
    /// Requirements for customers.
    #[schemars(default)]
    requires: Requires,
    /// Ownership of unique names.
    owns: PackageOwns,
    /// Values that customers set, by name. Manifests and contracts use them as `${{ params.NAME }}`.
    #[schemars(default)]
    parameters: BTreeMap<String, ParameterForm>,
    /// Files, folders or globs of the manifests, relative to this file. Default: `[manifests]`.
    #[schemars(default, inner(length(min = 1)))]
    manifests: Vec<String>,
    /// Contract files, relative to this file.
    #[schemars(default, inner(length(min = 1)))]
    contracts: Vec<String>,
    /// Files with definitions of kinds, relative to this file.
    #[schemars(default, inner(length(min = 1)))]
    kinds: Vec<String>,
    /// Release notes, by version. Customers see them when they update.
    #[schemars(default)]
    notes: BTreeMap<String, String>,
}

#[derive(JsonSchema, Default)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct Requires {
    /// Versions of deskstate that the package works with, such as `>=0.1`.
    #[schemars(length(min = 1))]
    deskstate: String,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct PackageOwns {
    /// Prefixes of the unique names of the package's rows, without the underscore.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    prefixes: Vec<String>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct ParameterForm {
    /// Purpose of the value.
    #[schemars(length(min = 1))]
    meaning: String,
    /// Type of the value: `text`, `number` (a whole number), `flag` or `list` (of texts).
    #[schemars(rename = "type", extend("enum" = ["text", "number", "flag", "list"]))]
    holds: String,
    /// Default value. A parameter without a default is required.
    #[schemars(default)]
    default: Value,
}
