//! Every table and relationship that deskstate reads or writes, by Dataverse's own names.
//!
//! Source: Microsoft's generated entity reference for Dynamics 365, compared with metadata of live organisations.

use crate::table::{Relationship, Table};

const fn table(logical: &'static str, set: &'static str, key: &'static str, level: u8) -> Table {
    Table {
        logical,
        set,
        key,
        name: Some("msdyn_uniquename"),
        label: "msdyn_name",
        component: true,
        level,
    }
}

/// Application tabs.
pub static TAB: Table = table(
    "msdyn_applicationtabtemplate",
    "msdyn_applicationtabtemplates",
    "msdyn_applicationtabtemplateid",
    0,
);
/// Parameters of application tabs.
pub static PARAMETER: Table = table(
    "msdyn_templateparameter",
    "msdyn_templateparameters",
    "msdyn_templateparameterid",
    1,
);
/// Notification fields.
pub static NOTIFICATION_FIELD: Table = table(
    "msdyn_notificationfield",
    "msdyn_notificationfields",
    "msdyn_notificationfieldid",
    0,
);
/// Notification templates.
pub static NOTIFICATION: Table = table(
    "msdyn_notificationtemplate",
    "msdyn_notificationtemplates",
    "msdyn_notificationtemplateid",
    1,
);
/// Agent scripts.
pub static SCRIPT: Table = table(
    "msdyn_productivityagentscript",
    "msdyn_productivityagentscripts",
    "msdyn_productivityagentscriptid",
    0,
);
/// Steps of agent scripts.
pub static STEP: Table = table(
    "msdyn_productivityagentscriptstep",
    "msdyn_productivityagentscriptsteps",
    "msdyn_productivityagentscriptstepid",
    1,
);
/// Session templates.
pub static SESSION: Table = table(
    "msdyn_sessiontemplate",
    "msdyn_sessiontemplates",
    "msdyn_sessiontemplateid",
    2,
);
/// Channel providers (CIF v2).
pub static PROVIDER: Table = table(
    "msdyn_channelprovider",
    "msdyn_channelproviders",
    "msdyn_channelproviderid",
    0,
);
/// Channel providers of the first Channel Integration Framework; they have no unique name.
pub static CIF_PROVIDER: Table = Table {
    logical: "msdyn_ciprovider",
    set: "msdyn_ciproviders",
    key: "msdyn_ciproviderid",
    name: Some("msdyn_name"),
    label: "msdyn_name",
    component: false,
    level: 0,
};
/// Application extensions.
pub static EXTENSION: Table = table(
    "msdyn_applicationextension",
    "msdyn_applicationextensions",
    "msdyn_applicationextensionid",
    0,
);
/// Productivity panes.
pub static PANE: Table = table(
    "msdyn_paneconfiguration",
    "msdyn_paneconfigurations",
    "msdyn_paneconfigurationid",
    0,
);
/// Tools of productivity panes.
pub static TOOL: Table = table(
    "msdyn_panetoolconfiguration",
    "msdyn_panetoolconfigurations",
    "msdyn_panetoolconfigurationid",
    0,
);
/// Entries of productivity panes: which tool is in which pane.
pub static PANE_TAB: Table = table(
    "msdyn_panetabconfiguration",
    "msdyn_panetabconfigurations",
    "msdyn_panetabconfigurationid",
    1,
);
/// Smart assist configurations.
pub static SMART_ASSIST: Table = table(
    "msdyn_smartassistconfig",
    "msdyn_smartassistconfigs",
    "msdyn_smartassistconfigid",
    0,
);
/// App profiles.
pub static PROFILE: Table = table(
    "msdyn_appconfiguration",
    "msdyn_appconfigurations",
    "msdyn_appconfigurationid",
    3,
);
/// Which security role gets which profile.
pub static ROLE_MAPPING: Table = table(
    "msdyn_appprofilerolemapping",
    "msdyn_appprofilerolemappings",
    "msdyn_appprofilerolemappingid",
    4,
);
/// Inbox views of profiles.
pub static INBOX: Table = table(
    "msdyn_inboxconfiguration",
    "msdyn_inboxconfigurations",
    "msdyn_inboxconfigurationid",
    4,
);
/// Copilot features of profiles; the rows have no unique name.
pub static COPILOT: Table = Table {
    name: None,
    ..table(
        "msdyn_appcopilotconfiguration",
        "msdyn_appcopilotconfigurations",
        "msdyn_appcopilotconfigurationid",
        4,
    )
};
/// CHT features of profiles; the table is missing in older environments.
pub static CHT: Table = Table {
    name: None,
    ..table(
        "msdyn_chtprofileconfiguration",
        "msdyn_chtprofileconfigurations",
        "msdyn_chtprofileconfigurationid",
        4,
    )
};

const fn platform(
    logical: &'static str,
    set: &'static str,
    key: &'static str,
    name: &'static str,
) -> Table {
    Table {
        logical,
        set,
        key,
        name: Some(name),
        label: name,
        component: false,
        level: 0,
    }
}

/// Users.
pub static USER: Table = platform("systemuser", "systemusers", "systemuserid", "domainname");
/// Teams.
pub static TEAM: Table = platform("team", "teams", "teamid", "name");
/// Security roles.
pub static ROLE: Table = platform("role", "roles", "roleid", "name");
/// Business units.
pub static BUSINESS_UNIT: Table =
    platform("businessunit", "businessunits", "businessunitid", "name");
/// Web resources.
pub static WEB_RESOURCE: Table = platform("webresource", "webresourceset", "webresourceid", "name");
/// System views.
pub static VIEW: Table = platform("savedquery", "savedqueries", "savedqueryid", "name");
/// Forms and dashboards.
pub static FORM: Table = platform("systemform", "systemforms", "formid", "name");
/// Processes; macros are rows of it.
pub static MACRO: Table = platform("workflow", "workflows", "workflowid", "name");
/// Workstreams, which name templates as text.
pub static WORKSTREAM: Table = platform(
    "msdyn_liveworkstream",
    "msdyn_liveworkstreams",
    "msdyn_liveworkstreamid",
    "msdyn_name",
);

/// The eight columns in which a workstream names a template by its unique name, as text.
pub static WORKSTREAM_SESSION_COLUMNS: &[&str] = &["msdyn_sessiontemplate_default"];
/// Those that name notification templates.
pub static WORKSTREAM_NOTIFICATION_COLUMNS: &[&str] = &[
    "msdyn_notificationtemplate_incoming_auth",
    "msdyn_notificationtemplate_incoming_unauth",
    "msdyn_notificationtemplate_consult",
    "msdyn_notificationtemplate_transfer",
    "msdyn_notificationtemplate_supervisorassign",
    "msdyn_notificationtemplate_callback_previewdialing",
    "msdyn_notificationtemplate_returning_conv_assig",
];

/// Who holds which security role directly: an intersect whose entity set ends in `collection`.
pub const USER_ROLES: &str = "systemuserrolescollection";
/// Which team holds which security role.
pub const TEAM_ROLES: &str = "teamrolescollection";
/// The members of a team: a navigation property of teams.
pub const TEAM_MEMBERSHIP: &str = "teammembership_association";
/// Who is in which team.
pub const TEAM_MEMBERS: &str = "teammemberships";

/// The extension that loads the Channel Integration Framework for a profile.
pub const CIF_V2_LOADER: &str = "msdyn_CIFV2Loader";
/// The first-party channel provider.
pub const FIRST_PARTY_CHANNEL: &str = "msdyn_omnichannel";

const fn many(
    schema_name: &'static str,
    intersect_set: &'static str,
    owner: &'static Table,
    member: &'static Table,
) -> Relationship {
    Relationship {
        schema_name,
        intersect_set,
        owner,
        owner_column: owner.key,
        member,
        member_column: member.key,
        component: true,
    }
}

/// Session templates of a profile.
pub static PROFILE_SESSIONS: Relationship = many(
    "msdyn_appconfiguration_sessiontemplate",
    "msdyn_appconfiguration_sessiontemplateset",
    &PROFILE,
    &SESSION,
);
/// Users assigned to a profile.
pub static PROFILE_USERS: Relationship = Relationship {
    component: false,
    ..many(
        "msdyn_appconfiguration_systemuser",
        "msdyn_appconfiguration_systemuserset",
        &PROFILE,
        &USER,
    )
};
/// Channel providers of a profile.
pub static PROFILE_PROVIDERS: Relationship = many(
    "msdyn_appconfig_msdyn_channelprovider",
    "msdyn_appconfig_msdyn_channelproviderset",
    &PROFILE,
    &PROVIDER,
);
/// Application extensions of a profile.
pub static PROFILE_EXTENSIONS: Relationship = many(
    "msdyn_appconfiguration_applicationextension",
    "msdyn_appconfiguration_applicationextensionset",
    &PROFILE,
    &EXTENSION,
);
/// The productivity pane of a profile.
pub static PROFILE_PANE: Relationship = many(
    "msdyn_msdyn_paneconfig_msdyn_appconfig",
    "msdyn_msdyn_paneconfig_msdyn_appconfigset",
    &PROFILE,
    &PANE,
);
/// Smart assist configurations of a profile.
pub static PROFILE_SMART_ASSIST: Relationship = many(
    "msdyn_smartassistconfig_msdyn_appconfig",
    "msdyn_smartassistconfig_msdyn_appconfigset",
    &PROFILE,
    &SMART_ASSIST,
);
/// Additional tabs of a session template; the order is not stored.
pub static SESSION_TABS: Relationship = many(
    "msdyn_sessiontemplate_applicationtab",
    "msdyn_sessiontemplate_applicationtabset",
    &SESSION,
    &TAB,
);
/// Scripts of a session template. The relationship ends in `sessiontemplat`, its intersect table in `sessiontempl`.
pub static SESSION_SCRIPTS: Relationship = many(
    "msdyn_msdyn_prod_agentscript_msdyn_sessiontemplat",
    "msdyn_msdyn_prod_agentscript_msdyn_sessiontemplset",
    &SESSION,
    &SCRIPT,
);
/// Fields of a notification template.
pub static NOTIFICATION_FIELDS: Relationship = many(
    "msdyn_notificationtemplate_notificationfield",
    "msdyn_notificationtemplate_notificationfieldset",
    &NOTIFICATION,
    &NOTIFICATION_FIELD,
);
/// Users of a CIF v1 provider. The intersect table is named differently from the relationship.
pub static CIF_USERS: Relationship = Relationship {
    component: false,
    ..many(
        "msdyn_ciprovider_systemuser_membership",
        "msdyn_ciprovider_systemuserset",
        &CIF_PROVIDER,
        &USER,
    )
};

/// Every relationship, in the order of their names.
pub static RELATIONSHIPS: &[&Relationship] = &[
    &PROFILE_PROVIDERS,
    &PROFILE_EXTENSIONS,
    &PROFILE_SESSIONS,
    &PROFILE_USERS,
    &CIF_USERS,
    &PROFILE_PANE,
    &SESSION_SCRIPTS,
    &NOTIFICATION_FIELDS,
    &SESSION_TABS,
    &PROFILE_SMART_ASSIST,
];
