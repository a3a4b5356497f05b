//! Session templates: what opens when a conversation, a call or a record starts a session.

use crate::field::{FieldRule, choice, kind};
use crate::kinds::Status;
use crate::set::{JsonOrText, Owner, Reference, SetOf, WebResource};

const ANY: FieldRule = FieldRule::ANY;

kind! {
    /// A session template: what opens when a conversation, a call or a record starts a session.
    ///
    /// Dataverse: `msdyn_sessiontemplate`.
    SessionTemplate {
        /// Name on the admin pages; agents do not see it.
        ///
        /// Text of at most 100 characters, required. Dataverse: `msdyn_name`, localizable.
        "displayName" display_name: String = ANY.required().max_length(100);
        /// What administrators should know about the template.
        ///
        /// Text of at most 2000 characters. Dataverse: `msdyn_description`, localizable.
        "description" description: String = ANY.max_length(2000);
        /// Deactivates the template without deleting it.
        ///
        /// `Active` or `Inactive`; a new row is `Active`. Dataverse: `statecode` with `statuscode`.
        "status" status: Status = ANY;
        /// Who owns the row.
        ///
        /// `{user: ...}` or `{team: ...}`; a new row belongs to the caller, or to the project's `defaults.owner`. Dataverse: `ownerid`.
        "owner" owner: Owner = ANY;
        /// Generic for calls, conversations and workstreams; Entity for records.
        ///
        /// `Generic` or `Entity`, required. Dataverse: `msdyn_sessiontype` and its second copy `msdyn_type`, always written together.
        "type" r#type: SessionType = ANY.required();
        /// The table whose records open with the template.
        ///
        /// Logical name of at most 100 characters, required for type Entity, not allowed for Generic. Dataverse: `msdyn_entity`.
        "entity" entity: String = ANY.max_length(100);
        /// Title of the session; may hold slugs such as `{customer}`.
        ///
        /// Text of at most 200 characters. Dataverse: `msdyn_title`, localizable.
        "title" title: String = ANY.max_length(200);
        /// Where the conversation or call widget stands when the session opens.
        ///
        /// `Docked`, `Minimized` or `Hidden`; a new row is `Docked`. Dataverse: `msdyn_panelstate`.
        "communicationPanelMode" communication_panel_mode: CommunicationPanelMode = ANY;
        /// The tab that opens first and cannot be closed.
        ///
        /// Name of an ApplicationTab, required for type Generic, not allowed for Entity. Dataverse: `msdyn_anchortab`.
        "anchorTab" anchor_tab: Reference = ANY;
        /// Shows the session's title on the anchor tab too.
        ///
        /// Flag; a new row has `false`. Missing in older environments. Dataverse: `msdyn_enabletitlesync`.
        "applySessionTitleToAnchorTab" apply_session_title_to_anchor_tab: bool = ANY;
        /// Icon of the session, for type Generic only; no GIF, no slugs.
        ///
        /// Name of a web resource. Dataverse: `msdyn_sessionicon`.
        "sessionIcon" session_icon: WebResource = ANY;
        /// Tabs that open beside the anchor tab; Dataverse stores no order.
        ///
        /// Set of ApplicationTab, without the anchor tab. Dataverse: N:N `msdyn_sessiontemplate_applicationtab`.
        "additionalTabs" additional_tabs: SetOf<Reference> = ANY;
        /// Scripts that guide the agent through the session.
        ///
        /// Set of AgentScript. Dataverse: N:N `msdyn_msdyn_prod_agentscript_msdyn_sessiontemplat`.
        "scripts" scripts: SetOf<Reference> = ANY;
        /// Whether an expression chooses the default script.
        ///
        /// Flag; a new row has `false`. Dataverse: `msdyn_enablebuildexpression`.
        "enableBuildExpression" enable_build_expression: bool = ANY;
        /// The expression that chooses the default script, as the expression builder wrote it.
        ///
        /// JSON of at most 1048576 characters, of undocumented form: take it from an export. Dataverse: `msdyn_expressiondata`.
        "expressionData" expression_data: JsonOrText = ANY.max_length(1_048_576).or_file();
    }
}

choice! {
    /// What starts a session of the template.
    SessionType {
        /// A call, a conversation or a workstream.
        Generic = "Generic",
        /// A record of a table.
        Entity = "Entity",
    }
}

choice! {
    /// Where the communication panel stands when the session opens.
    CommunicationPanelMode {
        /// Open at the side.
        Docked = "Docked",
        /// Reduced to a bar.
        Minimized = "Minimized",
        /// Not shown.
        Hidden = "Hidden",
    }
}

impl SessionType {
    /// Whether sessions of this type hide the communication panel, whatever the template says.
    #[must_use]
    pub fn hides_communication_panel(self) -> bool {
        self == Self::Entity
    }
}
