//! Tables that definitions must not use.

use crate::kinds::Kind;
use crate::table::Holds;

/// Denied tables by name: access, code, solutions, secrets and customer data.
const TABLES: &[&str] = &[
    "account",
    "annotation",
    "applicationuser",
    "appmodule",
    "appmodulecomponent",
    "asyncoperation",
    "audit",
    "bot",
    "botcomponent",
    "businessunit",
    "canvasapp",
    "connection",
    "connectionreference",
    "contact",
    "contract",
    "contractdetail",
    "credential",
    "customcontrol",
    "customeraddress",
    "customeropportunityrole",
    "dependency",
    "emailserverprofile",
    "entity",
    "entitymap",
    "feedback",
    "import",
    "importdata",
    "importfile",
    "importjob",
    "importlog",
    "incident",
    "keyvaultreference",
    "mailbox",
    "managedidentity",
    "msdyn_analytics",
    "msdyn_conversationdata",
    "msdyn_customerasset",
    "msdyn_liveconversation",
    "msdyn_transcript",
    "msdyn_workorder",
    "optionset",
    "organization",
    "position",
    "post",
    "postcomment",
    "postfollow",
    "postlike",
    "postregarding",
    "postrole",
    "publisher",
    "queueitem",
    "relationship",
    "role",
    "roleprivileges",
    "roletemplate",
    "secureconfig",
    "serviceendpoint",
    "sitemap",
    "socialprofile",
    "systemform",
    "team",
    "teammembership",
    "teamprofiles",
    "teamroles",
    "teamtemplate",
    "userform",
    "usersettings",
    "webhook",
    "webresource",
];

/// The first letters of families of the platform's own tables. Tables of a publisher begin with a prefix and an underscore.
const FAMILIES: &[&str] = &[
    "attribute",
    "customapi",
    "desktopflow",
    "duplicaterule",
    "environmentvariable",
    "field",
    "flow",
    "invoice",
    "lead",
    "opportunity",
    "plugin",
    "principalobject",
    "privilege",
    "process",
    "quote",
    "ribbon",
    "salesorder",
    "savedquery",
    "sdkmessage",
    "solution",
    "stringmap",
    "systemuser",
    "userquery",
    "workflow",
];

/// Activities are customer data.
const ACTIVITIES: &[&str] = &[
    "activitymimeattachment",
    "activityparty",
    "activitypointer",
    "appointment",
    "bulkoperation",
    "campaignactivity",
    "campaignresponse",
    "chat",
    "email",
    "fax",
    "incidentresolution",
    "letter",
    "msdyn_ocliveworkitem",
    "msdyn_ocsession",
    "opportunityclose",
    "orderclose",
    "phonecall",
    "quoteclose",
    "recurringappointmentmaster",
    "serviceappointment",
    "socialactivity",
    "task",
    "untrackedemail",
];

/// Returns what a table belongs to if a project must not define a kind for it.
#[must_use]
pub fn why(table: &str) -> Option<&'static str> {
    if let Some(kind) = Kind::all().find(|kind| kind.table().logical == table && kind.is_built_in())
    {
        return Some(kind.as_str());
    }
    let built_in = Kind::all().filter(|kind| kind.is_built_in());
    let parts = built_in
        .flat_map(Kind::fields)
        .filter_map(|field| match field.holds {
            Holds::Parts(part) => Some(part),
            _ => None,
        });
    if parts
        .map(|part| part.table.logical)
        .any(|part| part == table)
    {
        return Some("a kind that is built into deskstate");
    }
    let is_of_family = FAMILIES.iter().any(|family| table.starts_with(family));
    if ACTIVITIES.contains(&table) {
        return Some("activities, which are data of customers");
    }
    if TABLES.contains(&table) || is_of_family && !table.contains('_') {
        return Some("access, code, solutions or data of customers");
    }
    None
}
