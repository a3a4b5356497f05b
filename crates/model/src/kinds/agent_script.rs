//! Agent scripts: steps that guide an agent through a conversation.

use crate::field::{FieldRule, kind, typed};
use crate::given::Given;
use crate::kinds::Status;
use crate::set::{Owner, Reference};
use crate::span::Spanned;

const ANY: FieldRule = FieldRule::ANY;

kind! {
    /// An agent script: steps that guide an agent through a conversation.
    ///
    /// Dataverse: `msdyn_productivityagentscript`.
    AgentScript {
        /// Name on the admin pages and for agents.
        ///
        /// Text of at most 100 characters, required. Dataverse: `msdyn_name`, localizable.
        "displayName" display_name: String = ANY.required().max_length(100);
        /// What the script is for.
        ///
        /// Text of at most 100 characters. Dataverse: `msdyn_description`, localizable.
        "description" description: String = ANY.max_length(100);
        /// Deactivates the script without deleting it.
        ///
        /// `Active` or `Inactive`; a new row is `Active`. Dataverse: `statecode` with `statuscode`.
        "status" status: Status = ANY;
        /// Who owns the row.
        ///
        /// `{user: ...}` or `{team: ...}`; a new row belongs to the caller, or to the project's `defaults.owner`. Dataverse: `ownerid`.
        "owner" owner: Owner = ANY;
        /// The language of the script.
        ///
        /// Number of a language (LCID) such as 1033, required. Dataverse: `msdyn_language`.
        "language" language: i64 = ANY.required().range(0, 2_147_483_647);
        /// The steps, numbered from 1 in this order.
        ///
        /// List of steps. Dataverse: rows of `msdyn_productivityagentscriptstep` (`msdyn_agentscriptid`, `msdyn_order`,
        /// `msdyn_actiontype`, `msdyn_uniquename`).
        "steps" steps: ScriptSteps = ANY;
    }
}

/// The steps of a script, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptSteps(pub Vec<Spanned<ScriptStep>>);

/// One step of a script.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptStep {
    /// Its unique name; derived from script and display name where left out. Dataverse: `msdyn_uniquename`.
    pub name: Option<Spanned<String>>,
    /// Heading of the step; may hold slugs. Dataverse: `msdyn_name`, localizable.
    pub display_name: Spanned<String>,
    /// What the step is for. Dataverse: `msdyn_description`, localizable.
    pub description: Given<String>,
    /// What the step does. Dataverse: `msdyn_actiontype` and the column of the action.
    pub action: Spanned<StepAction>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum StepAction {
    /// Shows a text. Dataverse: `msdyn_textinstruction`, localizable.
    Text(String),
    /// Runs a macro, by the name of its process. Dataverse: `msdyn_macroactionid`.
    Macro(String),
    /// Leads to another script. Dataverse: `msdyn_routeactionid`.
    Script(Reference),
}

typed!(ScriptSteps);
