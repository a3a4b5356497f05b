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
    "attribute",
    "attributemap",
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
    "customapi",
    "customapirequestparameter",
    "customapiresponseproperty",
    "customcontrol",
    "customeraddress",
    "dependency",
    "duplicaterule",
    "emailserverprofile",
    "entity",
    "entitymap",
    "environmentvariabledefinition",
    "environmentvariablevalue",
    "feedback",
    "fieldpermission",
    "fieldsecurityprofile",
    "incident",
    "invoice",
    "invoicedetail",
    "keyvaultreference",
    "lead",
    "leadaddress",
    "mailbox",
    "managedidentity",
    "msdyn_analytics",
    "msdyn_conversationdata",
    "msdyn_customerasset",
    "msdyn_transcript",
    "msdyn_workorder",
    "opportunity",
    "optionset",
    "organization",
    "plugin",
    "pluginassembly",
    "pluginpackage",
    "plugintype",
    "position",
    "principalobjectaccess",
    "principalobjectattributeaccess",
    "privilege",
    "processsession",
    "publisher",
    "queueitem",
    "quote",
    "quotedetail",
    "relationship",
    "role",
    "roleprivileges",
    "roletemplate",
    "salesorder",
    "salesorderdetail",
    "savedquery",
    "sdkmessage",
    "sdkmessagefilter",
    "sdkmessageprocessingstep",
    "sdkmessageprocessingstepimage",
    "secureconfig",
    "serviceendpoint",
    "sitemap",
    "socialprofile",
    "solution",
    "solutioncomponent",
    "systemform",
    "systemuser",
    "systemuserprofiles",
    "systemuserroles",
    "team",
    "teammembership",
    "teamprofiles",
    "teamroles",
    "teamtemplate",
    "userform",
    "userquery",
    "usersettings",
    "webhook",
    "webresource",
    "workflow",
];

/// Activities are customer data.
const ACTIVITIES: &[&str] = &[
    "activitymimeattachment",
    "activityparty",
    "activitypointer",
    "appointment",
    "campaignactivity",
    "campaignresponse",
    "email",
    "fax",
    "incidentresolution",
    "letter",
    "msdyn_ocliveworkitem",
    "msdyn_ocsession",
    "phonecall",
    "recurringappointmentmaster",
    "serviceappointment",
    "socialactivity",
    "task",
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
    if TABLES.contains(&table) {
        return Some("access, code, solutions or data of customers");
    }
    if ACTIVITIES.contains(&table) {
        return Some("activities, which are data of customers");
    }
    None
}
