//! Agent scripts: steps that guide an agent through a conversation.
//!
//! Scripts may refer to each other in circles, so the rows of all scripts are created before any step.

use super::build::{OWNER, hidden, name, named, number, parts, record, text, unique_name};
use super::place::{
    ADMIN_CENTER, PRODUCTIVITY, PRODUCTIVITY_ADMINISTRATOR, PageName, SUPPORT_EXPERIENCE,
};
use super::{Definition, Place, STATUS, Status, UNIQUE_NAME};
use crate::record::{Hidden, ListOf, Name, Named, Number, OwnerOf, Text};
use crate::table::{
    Choice, Holds, NameOf, Names, PartIdentity, PartTable, Referent, Table, Unlisted, Written,
};

/// Agent scripts.
pub static SCRIPT: Table = Table::desk(
    "msdyn_productivityagentscript",
    "msdyn_productivityagentscripts",
    "msdyn_productivityagentscriptid",
    0,
);
/// Steps of agent scripts.
pub static STEP: Table = Table::desk(
    "msdyn_productivityagentscriptstep",
    "msdyn_productivityagentscriptsteps",
    "msdyn_productivityagentscriptstepid",
    1,
);

pub(super) static DEFINITION: Definition = Definition {
    word: "AgentScript",
    title: "Agent script",
    meaning: "An agent script: steps that guide an agent through a conversation.",
    folder: "agent-scripts",
    place: Place::Page {
        app: ADMIN_CENTER,
        way: &[
            SUPPORT_EXPERIENCE,
            PRODUCTIVITY,
            PageName {
                name: "Scripts",
                formerly: &["Agent scripts"],
            },
        ],
        role: PRODUCTIVITY_ADMINISTRATOR,
    },
    table: &SCRIPT,
    name: &UNIQUE_NAME,
    names: Names::Ruled,
    fields: SCRIPT_FIELDS,
    ..Definition::NOTHING
};

record! {
    /// The fields of an agent script, as declared in a document.
    AgentScript, SCRIPT_FIELDS {
        /// Name on the admin pages and for agents.
        display_name: Text = text("displayName", "msdyn_name").max(100).localizable().required().label("Name");
        /// Purpose of the script.
        description: Text = text("description", "msdyn_description").max(100).localizable().label("Description");
        /// Deactivates the script without deleting it.
        status: Status = STATUS;
        /// Who owns the row.
        owner: OwnerOf = OWNER;
        /// The language of the script. By older code of the product, agents see only the scripts in their own language.
        language: Number = number("language", "msdyn_language").range(0, 2_147_483_647).required()
            .form("Number of a language (LCID) such as 1033").label("Language").hint("The list has the names of languages; 1033 is English.");
        /// The steps, numbered from 1 in this order.
        steps: ListOf<ScriptStep<'static>> = parts("steps", &STEPS).form("List of steps")
            .stored("rows of `msdyn_productivityagentscriptstep` (`msdyn_agentscriptid`, `msdyn_order`, `msdyn_actiontype`, `msdyn_uniquename`)").label("Script steps").hint("The section appears once the script is saved.");
    }
}

/// Steps of a script.
pub(crate) static STEPS: PartTable = PartTable {
    table: &STEP,
    parent_column: "msdyn_agentscriptid",
    parent_navigation: "msdyn_agentscriptid",
    parent: &SCRIPT,
    identity: PartIdentity::UniqueName,
    written: Written::List,
    fields: STEP_FIELDS,
    name: NameOf::Behind("displayName"),
    unlisted: Unlisted::Delete,
    server_adds: false,
    goes_with_parent: true,
    supplies_slugs: false,
    makes_up_row: true,
    names: Names::Ruled,
};

/// The actions of a step: the field that sets each, and the number in `msdyn_actiontype`.
const ACTIONS: &[Choice] = &[
    action("text", "Text", 192_350_000, "Text instruction"),
    action("macro", "Macro", 192_350_001, "Macro"),
    action("script", "Script", 192_350_002, "Script"),
];

const fn action(
    word: &'static str,
    meaning: &'static str,
    number: i64,
    label: &'static str,
) -> Choice {
    Choice {
        word,
        number,
        meaning,
        label,
    }
}

/// The reference text of three fields, of which a step sets exactly one.
const ONE_OF_THREE: &str = "; exactly one of `text`, `macro` and `script`";

record! {
    /// The fields of a script step, as declared in a document.
    ScriptStep, STEP_FIELDS {
        /// Heading of the step; can contain slugs such as `${anchor.title}`.
        display_name: Text = text("displayName", "msdyn_name").max(100).localizable().required().label("Name");
        /// Unique name of the step. Set it to keep the row when the heading changes.
        name: Text = unique_name("name").max(128).more(". Default: derived from script and heading").label("Unique name");
        /// Purpose of the step.
        description: Text = text("description", "msdyn_description").max(2000).localizable().label("Description");
        /// Shows a text; can contain slugs such as `${anchor.title}`. A page of Microsoft of 2023 says that in Customer Service workspace only those of the anchor, `${anchor.<column>}`, work in scripts; a page of 2025 about macros lists more. deskstate accepts both.
        text: Text = text("text", "msdyn_textinstruction").max(2000).localizable().never_null().more(ONE_OF_THREE).label("Text instruction");
        /// Runs a macro.
        r#macro: Named = named("macro", "msdyn_macroactionid", Referent::Macro).never_null().form("Name of its process").more(ONE_OF_THREE).label("Target macro");
        /// Continues with another script.
        script: Name = name("script", "msdyn_routeactionid", &SCRIPT).never_null().more(ONE_OF_THREE).label("Target script");
        /// Action of the step.
        action: Hidden = hidden("action", "msdyn_actiontype", Holds::OneOf(ACTIONS)).required().label("Action Type");
        /// Position of the step.
        order: Hidden = hidden("order", "msdyn_order", Holds::Position).required().label("Order");
    }
}
