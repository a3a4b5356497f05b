//! Pane tools: the contents of productivity panes.

use super::build::{choice, flag, json_or_text, named, options, record, text};
use super::place::{
    ADMIN_CENTER, PRODUCTIVITY, PRODUCTIVITY_ADMINISTRATOR, PageName, SUPPORT_EXPERIENCE,
};
use super::{Brought, Definition, Place, STATUS, Status, UNIQUE_NAME};
use crate::record::{Flag, JsonValue, Named, Text};
use crate::table::{Names, NewRow, Referent, Table};

/// Tools of productivity panes.
pub static TOOL: Table = Table::desk(
    "msdyn_panetoolconfiguration",
    "msdyn_panetoolconfigurations",
    "msdyn_panetoolconfigurationid",
    0,
);

pub(super) static DEFINITION: Definition = Definition {
    word: "PaneTool",
    title: "Pane tool",
    meaning: "A tool of productivity panes.",
    folder: "pane-tools",
    place: Place::Page {
        app: ADMIN_CENTER,
        way: &[
            SUPPORT_EXPERIENCE,
            PRODUCTIVITY,
            PageName {
                name: "Productivity tools",
                formerly: &["Productivity tools (preview)"],
            },
        ],
        role: PRODUCTIVITY_ADMINISTRATOR,
    },
    advice: "A tool does not know the session in which it is shown. Its users need the security role Productivity tools user.",
    table: &TOOL,
    name: &UNIQUE_NAME,
    names: Names::Ruled,
    fields: TOOL_FIELDS,
    brings: BROUGHT,
    ..Definition::NOTHING
};

/// The unique names used by the product's own pane loader (`ProductivityPaneLoader.ToolUniqueNames`).
const BROUGHT: &[Brought] = &[
    Brought::new("Smart assist", "msdyn_smartassist_tool_config"),
    Brought::new("Scripts", "msdyn_callscript_tool_config"),
    Brought::new("Knowledge search", "msdyn_knowledgesearch_tool_config"),
    Brought::new("Microsoft Teams", "msdyn_teamscollab_tool_config"),
    Brought::new("Copilot help pane", ""),
];

record! {
    /// The fields of a productivity pane tool, as declared in a document.
    PaneTool, TOOL_FIELDS {
        /// Name on the admin pages.
        display_name: Text = text("displayName", "msdyn_name").max(100).localizable().required().label("Name");
        /// Information about the tool for administrators.
        description: Text = text("description", "msdyn_description").max(256).localizable().label("Description");
        /// Deactivates the tool without deleting it.
        status: Status = STATUS;
        /// Component type of the tool.
        r#type: ToolType = choice("type", "msdyn_type").label("Type");
        /// Name of the code component. For a custom page, this is its unique name, as far as known.
        control_name: Text = text("controlName", "msdyn_controlname").max(100).required().label("Control Name").formerly(&["Custom Page Name"]);
        /// The group under which the tool is offered.
        category: ToolCategory = choice("category", "msdyn_category").no_box();
        /// Data passed to the tool.
        data: JsonValue = json_or_text("data", "msdyn_data").max(1000).no_box();
        /// Icon of the tool.
        icon: Named = named("icon", "msdyn_icon", Referent::WebResource).label("Icon");
        /// Icon to show if there is no other.
        default_icon: Text = text("defaultIcon", "msdyn_defaulticon").max(100).form("Path").no_box();
        /// Offers the tool in every session, also in the home session, and keeps it open when the agent switches sessions.
        global: Flag = flag("global", "msdyn_isglobal").new_has(NewRow::Flag(false)).label("Global");
        /// Whether the tool has its own settings.
        configurable: Flag = flag("configurable", "msdyn_isconfigurable").new_has(NewRow::Flag(false)).stored("`msdyn_isConfigurable`").no_box();
        /// Tool Configuration Entity: the table that holds the tool's settings.
        configuration_entity: Text = text("configurationEntity", "msdyn_toolconfigurationentity").max(100).stored("`msdyn_toolConfigurationEntity`").no_box();
        /// Link to more information for administrators.
        learn_more_link: Text = text("learnMoreLink", "msdyn_learnmorelink").max(100).label("Learn More Link");
    }
}

options! {
    /// Component type of a tool.
    ToolType {
        /// A code component.
        Control = "Control", 0;
        /// A custom page.
        CustomPage = "CustomPage", 1, "Custom Page";
    }
}

options! {
    /// The group under which a tool is offered.
    ToolCategory {
        /// None.
        Uncategorized = "Uncategorized", 100_000_000;
        /// Agent guidance.
        AgentGuidance = "AgentGuidance", 100_000_001;
        /// Reference.
        Reference = "Reference", 100_000_002;
        /// Collaboration (the option's label in Dataverse is misspelt).
        Collaboration = "Collaboration", 100_000_003;
        /// Automated action.
        AutomatedAction = "AutomatedAction", 100_000_004;
    }
}
