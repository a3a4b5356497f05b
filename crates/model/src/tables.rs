//! The platform tables that the kinds depend on, and re-exports of all tables and relationships of the kinds.
//!
//! Source: Microsoft's generated entity reference for Dynamics 365, compared with metadata of live organizations.

pub use crate::kinds::tables::*;
pub use crate::table::USER;
use crate::table::{Field, Table};

/// Model-driven apps; manifests refer to them by unique name.
pub static APP: Table = Table {
    shown: Some("name"),
    ..Table::platform("appmodule", "appmodules", "appmoduleid", "uniquename")
};
/// The organization itself: a single row.
pub static ORGANIZATION: Table =
    Table::platform("organization", "organizations", "organizationid", "name");
/// Teams.
pub static TEAM: Table = Table::platform("team", "teams", "teamid", "name");
/// Security roles.
pub static ROLE: Table = Table::platform("role", "roles", "roleid", "name");
/// Business units.
pub static BUSINESS_UNIT: Table =
    Table::platform("businessunit", "businessunits", "businessunitid", "name");
/// Web resources.
pub static WEB_RESOURCE: Table =
    Table::platform("webresource", "webresourceset", "webresourceid", "name");
/// System views.
pub static VIEW: Table = Table::platform("savedquery", "savedqueries", "savedqueryid", "name");
/// Forms and dashboards.
pub static FORM: Table = Table::platform("systemform", "systemforms", "formid", "name");
/// Processes; macros are rows of this table.
pub static MACRO: Table = Table::platform("workflow", "workflows", "workflowid", "name");
/// Workstreams, which refer to templates by name, as text.
pub static WORKSTREAM: Table = Table::platform(
    "msdyn_liveworkstream",
    "msdyn_liveworkstreams",
    "msdyn_liveworkstreamid",
    "msdyn_name",
);

/// The workstream column with the unique name of a session template, as text. With the next list, all columns that name templates.
pub static WORKSTREAM_SESSION_COLUMNS: &[&str] = &["msdyn_sessiontemplate_default"];
/// The workstream columns with unique names of notification templates.
pub static WORKSTREAM_NOTIFICATION_COLUMNS: &[&str] = &[
    "msdyn_notificationtemplate_incoming_auth",
    "msdyn_notificationtemplate_incoming_unauth",
    "msdyn_notificationtemplate_consult",
    "msdyn_notificationtemplate_transfer",
    "msdyn_notificationtemplate_supervisorassign",
    "msdyn_notificationtemplate_callback_previewdialing",
    "msdyn_notificationtemplate_agent_dial",
    "msdyn_notificationtemplate_agent_reservation",
    "msdyn_notificationtemplate_pre_dial",
    "msdyn_notificationtemplate_returning_conv_assig",
];

/// Security roles held directly by users: an intersect whose entity set ends in `collection`.
pub const USER_ROLES: &str = "systemuserrolescollection";
/// Security roles held by teams.
pub const TEAM_ROLES: &str = "teamrolescollection";
/// The members of a team: a navigation property of teams.
pub const TEAM_MEMBERSHIP: &str = "teammembership_association";
/// Users who belong to teams.
pub const TEAM_MEMBERS: &str = "teammemberships";

/// The owner of a row.
pub static OWNER: Field = crate::kinds::build::OWNER.meaning("Who owns the row.");
/// Whether a row is active.
pub static STATUS: Field = crate::kinds::STATUS.meaning("Whether the row is in use.");
