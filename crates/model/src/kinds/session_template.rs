//! Session templates: what opens when a conversation, a call or a record starts a session.

use super::agent_script::SCRIPT;
use super::application_tab::TAB;
use super::build::{OWNER, choice, flag, json, name, named, options, record, set, text};
use super::place::{SUPPORT_EXPERIENCE, WORKSPACES, now};
use super::{Brought, Definition, Place, Quirk, STATUS, Status, UNIQUE_NAME};
use crate::record::{Flag, JsonValue, Name, Named, OwnerOf, SetOf, Text};
use crate::table::{Names, NewRow, Referent, Relationship, Table};

/// Session templates.
pub static SESSION: Table = Table::desk(
    "msdyn_sessiontemplate",
    "msdyn_sessiontemplates",
    "msdyn_sessiontemplateid",
    2,
);
/// Additional tabs of a session template; their order is not stored.
pub static SESSION_TABS: Relationship = Relationship::many(
    "msdyn_sessiontemplate_applicationtab",
    "msdyn_sessiontemplate_applicationtabset",
    &SESSION,
    &TAB,
);
/// Scripts of a session template. The relationship ends in `sessiontemplat`, its intersect table in `sessiontempl`.
pub static SESSION_SCRIPTS: Relationship = Relationship::many(
    "msdyn_msdyn_prod_agentscript_msdyn_sessiontemplat",
    "msdyn_msdyn_prod_agentscript_msdyn_sessiontemplset",
    &SESSION,
    &SCRIPT,
);

pub(super) static DEFINITION: Definition = Definition {
    word: "SessionTemplate",
    title: "Session template",
    meaning: "A session template: what opens when a conversation, a call or a record starts a session.",
    caption: "entity",
    folder: "session-templates",
    place: Place::list(&[SUPPORT_EXPERIENCE, WORKSPACES, now("Session templates")]),
    table: &SESSION,
    name: &UNIQUE_NAME,
    names: Names::Ruled,
    fields: SESSION_FIELDS,
    quirks: &[Quirk::SessionType, Quirk::ScriptsByName],
    brings: BROUGHT,
    ..Definition::NOTHING
};

/// The names on Microsoft's page on session templates. The unique names come from the examples of `createSession` (for the agent desktop,
/// and for CIF v2), and from a live environment for custom messaging.
const BROUGHT: &[Brought] = &[
    Brought::new(
        "Case entity session - default template",
        "case_entity_session_default_template",
    ),
    Brought::new("Chat session - default", "msdyn_chat_session"),
    Brought::new(
        "Custom messaging session - default",
        "msdyn_custommessaging_session",
    ),
    Brought::new("Voice call session - default", ""),
    Brought::new("Entity records session - default", ""),
    Brought::new("Facebook session - default", ""),
    Brought::new("LINE session - default", ""),
    Brought::new("SMS session - default", ""),
    Brought::new("Teams session - default", ""),
    Brought::new("Twitter session - default", ""),
    Brought::new("WeChat session - default", ""),
    Brought::new("WhatsApp session - default", ""),
];

/// Whether this is the unique name of one of Microsoft's templates of type Generic. On its page, only those of type Entity have the word in
/// their names.
#[must_use]
pub(crate) fn is_generic_of_product(name: &str) -> bool {
    let mut brought = BROUGHT.iter().filter(|row| row.unique_name().is_some());
    brought.any(|row| row.is_called(name) && !row.label.to_lowercase().contains("entity"))
}

record! {
    /// The fields of a session template, as declared in a document.
    SessionTemplate, SESSION_FIELDS {
        /// Name on the admin pages; agents do not see it.
        display_name: Text = text("displayName", "msdyn_name").max(100).localizable().required().label("Name");
        /// Information about the template for administrators.
        description: Text = text("description", "msdyn_description").max(2000).localizable().label("Description");
        /// Deactivates the template without deleting it.
        status: Status = STATUS;
        /// Who owns the row.
        owner: OwnerOf = OWNER.label("Owner").hint("The form fills in your name.");
        /// Generic for calls, conversations and workstreams; Entity for records.
        // Dataverse stores the type twice, with opposite defaults. The product's own page writes rows in which the two disagree.
        r#type: SessionType = choice("type", "msdyn_sessiontype").required().mirrored("msdyn_type", &[(0, false), (1, true)])
            .stored("`msdyn_sessiontype` takes precedence; deskstate also writes `msdyn_type`").label("Type");
        /// The table whose records open with the template.
        entity: Text = text("entity", "msdyn_entity").max(100).form("Logical name").more(", required for type Entity, not allowed for Generic").label("Entity");
        /// Title of the session; can contain slugs such as `{customer}`.
        title: Text = text("title", "msdyn_title").max(200).localizable().label("Title");
        /// Position of the conversation or call widget when the session opens.
        communication_panel_mode: CommunicationPanelMode = choice("communicationPanelMode", "msdyn_panelstate").new_is("Docked").label("Communication panel mode");
        /// The tab that opens first and cannot be closed.
        anchor_tab: Name = name("anchorTab", "msdyn_anchortab", &TAB).more(", required for type Generic, not allowed for Entity").label("Anchor tab").hint("Shown for type Generic only; the form cannot be saved without one.");
        /// Also shows the session's title on the anchor tab.
        apply_session_title_to_anchor_tab: Flag = flag("applySessionTitleToAnchorTab", "msdyn_enabletitlesync").new_has(NewRow::Flag(false))
            .note("Missing in older environments.").label("Apply session title to anchor tab");
        /// Icon of the session, for type Generic only; no GIF and no slugs.
        session_icon: Named = named("sessionIcon", "msdyn_sessionicon", Referent::WebResource).label("Session Icon").hint("The web resource must be in the environment.");
        /// Tabs that open next to the anchor tab; Dataverse stores no order.
        additional_tabs: SetOf<Name> = set("additionalTabs", &SESSION_TABS, Referent::Named(&TAB)).more(", without the anchor tab").label("Additional Tab");
        /// Scripts that guide the agent through the session.
        scripts: SetOf<Name> = set("scripts", &SESSION_SCRIPTS, Referent::Named(&SCRIPT)).label("Scripts");
        /// Whether an expression chooses the default script.
        enable_build_expression: Flag = flag("enableBuildExpression", "msdyn_enablebuildexpression").new_has(NewRow::Flag(false)).label("Enable build expression").under("Scripts");
        /// The expression that chooses the default script, as generated by the expression builder.
        expression_data: JsonValue = json("expressionData", "msdyn_expressiondata").max(1_048_576).or_file()
            .more(", of undocumented form: take it from an export. A script in it is `callscriptId: {name: contoso_callScript}`")
            .instead("Select `Build Expression`: the builder writes this text.");
    }
}

options! {
    /// What starts a session of the template.
    SessionType {
        /// A call, a conversation or a workstream.
        Generic = "Generic", 0;
        /// A record of a table.
        Entity = "Entity", 1;
    }
}

options! {
    /// Position of the communication panel when the session opens. The older choice `msdyn_panestate` has other numbers.
    CommunicationPanelMode {
        /// Open at the side.
        Docked = "Docked", 162_450_002;
        /// Minimized to a bar.
        Minimized = "Minimized", 162_450_000;
        /// Hidden.
        Hidden = "Hidden", 162_450_001;
    }
}

impl SessionType {
    /// Whether sessions of this type always hide the communication panel, regardless of the template.
    #[must_use]
    pub fn hides_communication_panel(self) -> bool {
        self == Self::Entity
    }
}
