//! The schema of `deskstate.yaml`. The doc comments are shown in editors and in the reference.

#![expect(
    dead_code,
    reason = "only the schemas and the descriptions of these types are used; reading keeps places and has types of its own"
)]

use std::collections::BTreeMap;

use crate::project::{EMULATOR_AGES, FIXED_CHECKS, MANIFEST_WARNINGS, POLICY_CHECKS};
use schemars::JsonSchema;
use serde_json::{Value, json};

/// The project file `deskstate.yaml`: its manifests, its environments, and the permitted changes.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ProjectDocument {
    /// Always `deskstate/v1`.
    #[schemars(extend("const" = "deskstate/v1"))]
    api_version: String,
    /// Always `Project`.
    #[schemars(extend("const" = "Project"))]
    kind: String,
    /// Name of the project.
    metadata: ProjectMetadata,
    /// The content of the project.
    spec: ProjectSpec,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct ProjectMetadata {
    /// Letters, digits, `-`, `_`, `.`, up to 63.
    #[schemars(length(min = 1, max = 63))]
    name: String,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct ProjectSpec {
    /// Files, folders or globs of the manifests, relative to this file. Default: `[manifests]`.
    #[schemars(default, inner(length(min = 1)))]
    manifests: Vec<String>,
    /// Files, folders or globs of YAML files that are not manifests, although they are below a folder of manifests or an overlay.
    #[schemars(default, inner(length(min = 1)))]
    ignore_files: Vec<String>,
    /// Contract files: requirements of vendors' guides.
    #[schemars(default, inner(length(min = 1)))]
    contracts: Vec<String>,
    /// Packs of definitions that ship with deskstate, such as `contact-centre`.
    #[schemars(default, inner(length(min = 1)))]
    packs: Vec<String>,
    /// Files with definitions of kinds that deskstate does not ship.
    #[schemars(default, inner(length(min = 1)))]
    kinds: Vec<String>,
    /// Packages of vendors, by name. `deskstate package add` writes them.
    #[schemars(default)]
    packages: BTreeMap<String, UsedPackage>,
    /// Ownership of unique names.
    #[schemars(default)]
    owns: Owns,
    /// Patterns `Kind/name` of resources that are never deleted, not even by `state: absent`.
    #[schemars(default, inner(length(min = 1)))]
    protect: Vec<String>,
    /// What happens to rows under an owned prefix that no manifest declares. Default: `never`.
    #[schemars(default, extend("enum" = ["never", "owned"]))]
    prune: String,
    /// How much a plan may remove before it needs `--allow`.
    #[schemars(default)]
    removals: Removals,
    /// Operations in one transaction. Default: 200.
    #[schemars(default, range(min = 1, max = 1000))]
    max_changeset: i64,
    /// Values for fields that a document omits.
    #[schemars(default)]
    defaults: Defaults,
    /// How to handle a profile with channel providers but without the loader extension `msdyn_CIFV2Loader`: `link` adds it, `warn` warns of documents that do not name it, `ignore` does neither. Default: `link`.
    #[schemars(default, extend("enum" = ["link", "warn", "ignore"]))]
    cif_v2_loader: String,
    /// Unique name of the solution for new and changed components.
    #[schemars(default, length(min = 1), regex(pattern = "^[A-Za-z0-9_]+$"))]
    solution: String,
    /// Slugs supplied from outside the project, such as by pre-chat questions or by a provider that is not declared here, without braces.
    #[schemars(default, inner(length(min = 1)))]
    slugs: Vec<String>,
    /// Values for `${{ vars.name }}` in all environments.
    #[schemars(default)]
    variables: BTreeMap<String, Value>,
    /// Severity of plan review checks and of warnings about manifests, by code. `allow` turns one off.
    #[schemars(default, schema_with = "severities")]
    policy: BTreeMap<String, String>,
    /// Warnings that are known and accepted until a given day.
    #[schemars(default)]
    accept: Vec<Accept>,
    /// Changes that `plan` and `apply` refuse and that are allowed, until a day.
    #[schemars(default)]
    allow: Vec<Allow>,
    /// Drift that is known and accepted.
    #[schemars(default)]
    ignore: Vec<Ignore>,
    /// Which differences count as drift.
    #[schemars(default)]
    drift: DriftRules,
    /// Environments that assistants may read through `deskstate mcp`. If omitted, assistants can read none.
    #[schemars(default, inner(length(min = 1)))]
    assistants: Vec<String>,
    /// Environments that a change passes through, in this order. `deskstate init --ci` writes workflows or pipelines that apply a change to
    /// an environment only after it was applied to the previous one and that one has no drift.
    #[schemars(default, inner(length(min = 1)))]
    stages: Vec<String>,
    /// The environments by name.
    #[schemars(default)]
    environments: BTreeMap<String, Environment>,
}

/// A package of a vendor.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct UsedPackage {
    /// Source of the package: a folder or an archive relative to this file, a git repository with a commit, or an https address with a
    /// checksum. Only `deskstate package` reads it; everything else uses the files in `packages/NAME`.
    #[schemars(schema_with = "package_source")]
    from: Value,
    /// Values for the parameters of the package, by name.
    #[schemars(default)]
    parameters: BTreeMap<String, Value>,
}

#[derive(JsonSchema, Default)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct Owns {
    /// Prefixes of unique names, without the underscore. Rows under them may be pruned, and undeclared ones can count as drift.
    #[schemars(default, inner(length(min = 1)))]
    prefixes: Vec<String>,
    /// Single unique names under Microsoft's prefix that belong to the project, as some vendors' guides require. Such rows can be created
    /// and are never pruned.
    #[schemars(default, inner(regex(pattern = "^[Mm][Ss][Dd][Yy][Nn]_.+$")))]
    names: Vec<String>,
}

#[derive(JsonSchema, Default)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct Removals {
    /// Share of the rows of a kind or of the links of a set, counted from 10 of them on. Default: `20%`.
    #[schemars(default, regex(pattern = "^(100|[0-9]{1,2})%$"))]
    max_share: String,
    /// Affected agents. Default: 10.
    #[schemars(default, range(min = 0, max = 4_294_967_295_i64))]
    max_agents: i64,
}

#[derive(JsonSchema, Default)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct Defaults {
    /// Value of `app` in profiles.
    #[schemars(default, length(min = 1, max = 100))]
    app: String,
    /// Value of `owner` in every kind that has one: `{user: ...}` or `{team: ...}`.
    #[schemars(default)]
    owner: OwnerForm,
}

#[derive(JsonSchema, Default)]
#[schemars(rename_all = "camelCase", deny_unknown_fields, extend("minProperties" = 1, "maxProperties" = 1))]
struct OwnerForm {
    /// User principal name, e-mail address or Entra object id.
    #[schemars(default, length(min = 1))]
    user: String,
    /// Name of a team.
    #[schemars(default, length(min = 1))]
    team: String,
}

#[derive(JsonSchema, Default)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct DriftRules {
    /// Rows under an owned prefix that no document declares: `report` lists them, `fail` makes them drift. Default: `report`.
    #[schemars(default, extend("enum" = ["report", "fail"]))]
    undeclared: String,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct Accept {
    /// The code of the warning.
    #[schemars(schema_with = "codes_of_warnings")]
    code: String,
    /// Pattern of the kind.
    #[schemars(length(min = 1))]
    kind: String,
    /// Pattern of the unique name.
    #[schemars(length(min = 1))]
    name: String,
    /// Reason for accepting it.
    #[schemars(length(min = 1))]
    reason: String,
    /// Last day of the acceptance, such as `2027-01-31`.
    #[schemars(length(min = 1))]
    until: String,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct Allow {
    /// The value that the refusal prints after `--allow`, such as `unlink=AppProfile.users:12`.
    #[schemars(length(min = 1))]
    change: String,
    /// Environments in which it is allowed. Default: all.
    #[schemars(default, length(min = 1), inner(length(min = 1)))]
    environments: Vec<String>,
    /// Why it is allowed.
    #[schemars(length(min = 1))]
    reason: String,
    /// The last day on which it is, as `2027-01-31`.
    #[schemars(length(min = 1))]
    until: String,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct Ignore {
    /// Pattern of the kind.
    #[schemars(length(min = 1))]
    kind: String,
    /// Pattern of the unique name.
    #[schemars(length(min = 1))]
    name: String,
    /// Fields. Default: all.
    #[schemars(default, length(min = 1), inner(length(min = 1)))]
    fields: Vec<String>,
    /// Reason for accepting it.
    #[schemars(length(min = 1))]
    reason: String,
    /// Last day of the acceptance, such as `2027-01-31`.
    #[schemars(length(min = 1))]
    until: String,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields, extend("oneOf" = [{"required": ["url"]}, {"required": ["emulator"]}]))]
struct Environment {
    /// Address of the organization, such as `https://contoso.crm4.dynamics.com`.
    #[schemars(default, length(min = 1))]
    url: String,
    /// The embedded emulator in place of an organization.
    #[schemars(default)]
    emulator: EmulatorForm,
    /// Id of the organization. If the address leads to another one, it is rejected.
    #[schemars(default, length(min = 1))]
    organization_id: String,
    /// Permitted writes: `all` (default), `assignments` (only users of profiles), or `none`.
    #[schemars(default, extend("enum" = ["all", "assignments", "none"]))]
    writes: String,
    /// Unique name of the solution, instead of the project's.
    #[schemars(default, length(min = 1), regex(pattern = "^[A-Za-z0-9_]+$"))]
    solution: String,
    /// Values for `${{ vars.name }}`. They override those of the project.
    #[schemars(default)]
    variables: BTreeMap<String, Value>,
    /// Whether `drift --all` includes the environment. Default: `true` for an address, `false` for the embedded emulator.
    #[schemars(default)]
    watched: bool,
    /// A folder of partial documents, or several that are applied in order.
    #[schemars(default, schema_with = "one_or_many")]
    overlay: Vec<String>,
}

#[derive(JsonSchema, Default)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct EmulatorForm {
    /// The file for its state, relative to this file.
    #[schemars(length(min = 1))]
    state: String,
    /// The year to imitate: older environments lack tables, columns and options. Default: the newest.
    #[schemars(default, extend("enum" = EMULATOR_AGES))]
    age: i64,
    /// A folder of table files, relative to this file, with tables that the emulator does not include.
    #[schemars(default, length(min = 1))]
    tables: String,
}

fn one_or_many(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "array", "items": {"type": "string", "minLength": 1}},
    ]})
}

fn package_source(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "description": "Where the package is from: a folder or an archive relative to this file, `{git, commit, path}` or `{https, sha256}`.",
        "anyOf": [
            {"type": "string", "minLength": 1},
            {
                "type": "object",
                "properties": {
                    "git": {"description": "Address of the repository, without a password.", "type": "string", "minLength": 1},
                    "commit": {"description": "Full hash of the commit.", "type": "string", "pattern": "^([0-9a-f]{40}|[0-9a-f]{64})$"},
                    "path": {"description": "Folder of the package in the repository. Default: the root.", "type": "string", "minLength": 1},
                    "https": {"description": "Address of the archive, without a password.", "type": "string", "pattern": "^https://"},
                    "sha256": {"description": "SHA-256 of the archive.", "type": "string", "pattern": "^[0-9a-f]{64}$"},
                },
                "oneOf": [{"required": ["git", "commit"]}, {"required": ["https", "sha256"]}],
                "additionalProperties": false,
            },
        ],
    })
}

/// Every check whose level `policy` may set may also be accepted when it warns.
fn codes_of_warnings(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let mut codes: Vec<&str> = [&POLICY_CHECKS[..], &MANIFEST_WARNINGS[..]].concat();
    codes.sort_unstable();
    schemars::json_schema!({"type": "string", "enum": codes})
}

fn severities(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let levels = |checks: &[&str], levels: &[&str]| {
        checks
            .iter()
            .map(|check| ((*check).to_owned(), json!({"enum": levels})))
            .collect::<Vec<_>>()
    };
    let properties: serde_json::Map<String, Value> =
        levels(&POLICY_CHECKS, &["deny", "warn", "allow"])
            .into_iter()
            .chain(levels(&MANIFEST_WARNINGS, &["deny", "warn", "allow"]))
            .chain(levels(&FIXED_CHECKS, &["deny"]))
            .collect();
    schemars::json_schema!({"type": "object", "properties": properties, "additionalProperties": false})
}
