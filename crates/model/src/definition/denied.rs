//! Tables that definitions must not use.

use crate::kinds::Kind;
use crate::table::Holds;

/// Denied tables by name: access, code, solutions, secrets and customer data.
const TABLES: &[&str] = &[
    "account",
    "asyncoperation",
    "attributemap",
    "audit",
    "bot",
    "botcomponent",
    "businessunit",
    "canvasapp",
    "connectionreference",
    "contact",
    "customapi",
    "customapirequestparameter",
    "customapiresponseproperty",
    "dependency",
    "duplicaterule",
    "entity",
    "attribute",
    "entitymap",
    "environmentvariabledefinition",
    "environmentvariablevalue",
    "fieldpermission",
    "fieldsecurityprofile",
    "incident",
    "keyvaultreference",
    "lead",
    "managedidentity",
    "msdyn_analytics",
    "opportunity",
    "optionset",
    "organization",
    "plugin",
    "pluginassembly",
    "pluginpackage",
    "plugintype",
    "principalobjectaccess",
    "principalobjectattributeaccess",
    "privilege",
    "processsession",
    "publisher",
    "queueitem",
    "relationship",
    "role",
    "roleprivileges",
    "roletemplate",
    "sdkmessage",
    "sdkmessagefilter",
    "sdkmessageprocessingstep",
    "sdkmessageprocessingstepimage",
    "secureconfig",
    "serviceendpoint",
    "solution",
    "solutioncomponent",
    "systemuser",
    "systemuserprofiles",
    "systemuserroles",
    "team",
    "teammembership",
    "teamprofiles",
    "teamroles",
    "teamtemplate",
    "usersettings",
    "webresource",
    "webhook",
    "workflow",
];

/// Activities are customer data.
const ACTIVITIES: &[&str] = &[
    "activityparty",
    "activitypointer",
    "appointment",
    "campaignactivity",
    "campaignresponse",
    "email",
    "fax",
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
