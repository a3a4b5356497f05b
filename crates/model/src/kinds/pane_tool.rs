//! Pane tools: what a productivity pane offers.

use crate::field::{FieldRule, choice, kind};
use crate::kinds::Status;
use crate::set::{JsonOrText, WebResource};

const ANY: FieldRule = FieldRule::ANY;

kind! {
    /// A tool of productivity panes.
    ///
    /// Dataverse: `msdyn_panetoolconfiguration`.
    PaneTool {
        /// Name on the admin pages.
        ///
        /// Text of at most 100 characters, required. Dataverse: `msdyn_name`, localizable.
        "displayName" display_name: String = ANY.required().max_length(100);
        /// What administrators should know about the tool.
        ///
        /// Text of at most 256 characters. Dataverse: `msdyn_description`, localizable.
        "description" description: String = ANY.max_length(256);
        /// Deactivates the tool without deleting it.
        ///
        /// `Active` or `Inactive`; a new row is `Active`. Dataverse: `statecode` with `statuscode`.
        "status" status: Status = ANY;
        /// What the tool is made of.
        ///
        /// `Control` or `CustomPage`. Dataverse: `msdyn_type`.
        "type" r#type: ToolType = ANY;
        /// Control Name; for a custom page its unique name, as far as known.
        ///
        /// Text of at most 100 characters, required. Dataverse: `msdyn_controlname`.
        "controlName" control_name: String = ANY.required().max_length(100);
        /// The group under which the tool is offered.
        ///
        /// Dataverse: `msdyn_category`.
        "category" category: ToolCategory = ANY;
        /// What the tool is given.
        ///
        /// A mapping, stored as JSON, or text; at most 1000 characters. Dataverse: `msdyn_data`.
        "data" data: JsonOrText = ANY.max_length(1000);
        /// Icon of the tool.
        ///
        /// Name of a web resource. Dataverse: `msdyn_icon`.
        "icon" icon: WebResource = ANY;
        /// Icon that is shown where there is no other.
        ///
        /// Path of at most 100 characters. Dataverse: `msdyn_defaulticon`.
        "defaultIcon" default_icon: String = ANY.max_length(100);
        /// Whether the tool stays when the agent changes the session.
        ///
        /// Flag; a new row has `false`. Dataverse: `msdyn_isglobal`.
        "global" global: bool = ANY;
        /// Whether the tool has settings of its own.
        ///
        /// Flag; a new row has `false`. Dataverse: `msdyn_isConfigurable`.
        "configurable" configurable: bool = ANY;
        /// Tool Configuration Entity: the table that holds the tool's settings.
        ///
        /// Text of at most 100 characters. Dataverse: `msdyn_toolConfigurationEntity`.
        "configurationEntity" configuration_entity: String = ANY.max_length(100);
        /// Where administrators read more.
        ///
        /// Text of at most 100 characters. Dataverse: `msdyn_learnmorelink`.
        "learnMoreLink" learn_more_link: String = ANY.max_length(100);
    }
}

choice! {
    /// What a tool is made of.
    ToolType {
        /// A code component.
        Control = "Control",
        /// A custom page.
        CustomPage = "CustomPage",
    }
}

choice! {
    /// The group under which a tool is offered.
    ToolCategory {
        /// None.
        Uncategorized = "Uncategorized",
        /// Agent guidance.
        AgentGuidance = "AgentGuidance",
        /// Reference.
        Reference = "Reference",
        /// Collaboration (the option's label in Dataverse is misspelt).
        Collaboration = "Collaboration",
        /// Automated action.
        AutomatedAction = "AutomatedAction",
    }
}
