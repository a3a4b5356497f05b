//! The arguments of the tools. The doc comments are their descriptions.

use deskstate_files::EXPORTED_AT_ONCE;
use schemars::JsonSchema;
use serde::Deserialize;

/// Lists declared resources with their places, and the environments of the project.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct List {
    /// Resolve the manifests for this environment. It must be open to assistants.
    #[serde(default)]
    pub(super) environment: Option<String>,
    /// Only these and their dependencies: KIND, KIND/NAME, NAME or LABEL=VALUE; `*` and `?` stand for any characters.
    #[serde(default)]
    pub(super) what: Vec<String>,
    /// `nextCursor` of the previous page.
    #[serde(default)]
    pub(super) cursor: Option<String>,
}

/// Checks the manifests offline. With `files`, checks as if these files had these texts: nothing is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Validate {
    /// Check the manifests of this environment; if omitted, those of every environment. It must be open to assistants.
    #[serde(default)]
    pub(super) environment: Option<String>,
    /// Files to check instead of, or in addition to, those of the project.
    #[serde(default)]
    pub(super) files: Vec<Given>,
    /// `nextCursor` of the previous page.
    #[serde(default)]
    pub(super) cursor: Option<String>,
}

/// A file with the text that the assistant proposes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Given {
    /// Relative to deskstate.yaml, with `/`.
    pub(super) path: String,
    /// The complete text.
    pub(super) text: String,
}

/// Explains a kind, a field or the code of a finding. With `environment`, finds rows by their display name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Explain {
    /// KIND, KIND.field, a code such as `unknown-reference`, or a display name. If omitted, the kinds are listed.
    #[serde(default)]
    pub(super) subject: Option<String>,
    /// Look for rows with this name in this environment. It must be open to assistants.
    #[serde(default)]
    pub(super) environment: Option<String>,
    /// `nextCursor` of the previous page.
    #[serde(default)]
    pub(super) cursor: Option<String>,
}

/// Returns the JSON Schema of a kind, of the project file or of contracts, or lists the schemas.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Schema {
    /// A kind such as SessionTemplate, or manifest, overlay, project, contract, plan. If omitted, the names are listed.
    #[serde(default)]
    pub(super) name: Option<String>,
    /// A part of the schema, as a JSON Pointer such as `/properties/spec`.
    #[serde(default)]
    pub(super) pointer: Option<String>,
    /// `nextCursor` of the previous page.
    #[serde(default)]
    pub(super) cursor: Option<String>,
}

/// Shows what apply would change in an environment. Changes nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Plan {
    /// The environment. It must be open to assistants.
    pub(super) environment: String,
    /// Only these and their dependencies: KIND, KIND/NAME, NAME or LABEL=VALUE; `*` and `?` stand for any characters.
    #[serde(default)]
    pub(super) what: Vec<String>,
    /// `nextCursor` of the previous page.
    #[serde(default)]
    pub(super) cursor: Option<String>,
}

/// Reports what changed in an environment outside the manifests, who changed it, and what it breaks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Drift {
    /// The environment. It must be open to assistants.
    pub(super) environment: String,
    /// Only these: KIND, KIND/NAME, NAME or LABEL=VALUE; `*` and `?` stand for any characters.
    #[serde(default)]
    pub(super) what: Vec<String>,
    /// `nextCursor` of the previous page.
    #[serde(default)]
    pub(super) cursor: Option<String>,
}

/// Shows which app profile an agent gets, why, and the resulting desktop.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Who {
    /// The environment. It must be open to assistants.
    pub(super) environment: String,
    /// The agent: user principal name, e-mail address or Entra object id.
    pub(super) user: String,
    /// `nextCursor` of the previous page.
    #[serde(default)]
    pub(super) cursor: Option<String>,
}

/// Shows the changes that would make one environment match another. Changes neither.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Diff {
    /// The environment that would change. It must be open to assistants.
    pub(super) from: String,
    /// The environment that it is compared with. It must be open to assistants.
    pub(super) to: String,
    /// Only these: KIND, KIND/NAME, NAME or LABEL=VALUE; `*` and `?` stand for any characters.
    #[serde(default)]
    pub(super) what: Vec<String>,
    /// Only rows under these prefixes.
    #[serde(default)]
    pub(super) prefixes: Vec<String>,
    /// `nextCursor` of the previous page.
    #[serde(default)]
    pub(super) cursor: Option<String>,
}

/// Checks an environment against the contracts of the project.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Check {
    /// The environment. It must be open to assistants.
    pub(super) environment: String,
    /// `nextCursor` of the previous page.
    #[serde(default)]
    pub(super) cursor: Option<String>,
}

/// Returns single rows of an environment as manifests. Writes no file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Export {
    /// The environment. It must be open to assistants.
    pub(super) environment: String,
    /// The rows: KIND/NAME or NAME; their dependencies are included.
    #[schemars(length(min = 1, max = EXPORTED_AT_ONCE))]
    pub(super) what: Vec<String>,
    /// `nextCursor` of the previous page.
    #[serde(default)]
    pub(super) cursor: Option<String>,
}

/// Describes what agents would see: desktops, sessions, tabs and notifications.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Preview {
    /// Resolve the manifests for this environment. It must be open to assistants.
    #[serde(default)]
    pub(super) environment: Option<String>,
    /// Only what is related to these: KIND, KIND/NAME, NAME or LABEL=VALUE.
    #[serde(default)]
    pub(super) what: Vec<String>,
    /// `nextCursor` of the previous page.
    #[serde(default)]
    pub(super) cursor: Option<String>,
}

/// Returns a patch for a person to apply: live values for the manifests, a fix of findings, or a new manifest. Writes nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Propose {
    /// The type of proposal.
    pub(super) change: Change,
    /// For `adopt`: the environment. It must be open to assistants.
    #[serde(default)]
    pub(super) environment: Option<String>,
    /// For `adopt`: only these resources; a row that no manifest declares becomes a new file if named KIND/NAME.
    #[serde(default)]
    pub(super) what: Vec<String>,
    /// For `adopt`: change the base for all environments, instead of the overlay of this one.
    #[serde(default)]
    pub(super) into_base: bool,
    /// For `fix`: only findings of this code.
    #[serde(default)]
    pub(super) code: Option<String>,
    /// For `manifest`: the file, relative to deskstate.yaml. For `fix`: only findings in this file.
    #[serde(default)]
    pub(super) path: Option<String>,
    /// For `fix`: only findings on this line.
    #[serde(default)]
    pub(super) line: Option<u32>,
    /// For `manifest`: the complete text of the file.
    #[serde(default)]
    pub(super) text: Option<String>,
    /// `nextCursor` of the previous page.
    #[serde(default)]
    pub(super) cursor: Option<String>,
}

/// The source of a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum Change {
    /// Live values.
    Adopt,
    /// Findings with an unambiguous fix: misspelt words.
    Fix,
    /// The text of a manifest.
    Manifest,
}
