//! Channel providers of the first Channel Integration Framework, for single-session apps. Dataverse: `msdyn_ciprovider`.
//!
//! The table has no unique name: the name is the identity.

use deskstate_model::{CifProvider, Given, Spanned};

use super::Lowering;
use super::tables::CIF_USERS;
use crate::field::{Field, STATUS, Target, choice, flag, json_or_text, lookup, number, set, text};

const API_VERSIONS: &[(&str, i64)] = &[("1.0", 0), ("2.0", 1)];

/// The fields of a v1 channel provider.
pub static FIELDS: &[Field] = &[
    STATUS,
    text("label", "msdyn_label").max(100).required(),
    text("channelUrl", "msdyn_landingurl").max(1024).required(),
    flag("enableOutboundCommunication", "msdyn_clicktoact"),
    number("channelOrder", "msdyn_sortorder").required(),
    choice("apiVersion", "msdyn_ciproviderapiversion", API_VERSIONS),
    text("trustedDomain", "msdyn_trusteddomain").max(2000),
    json_or_text("customParameters", "msdyn_customparams").max(2000),
    flag("enableAnalytics", "msdyn_enableanalytics"),
    text("sandboxConfiguration", "msdyn_sandboxconfiguration").max(2000),
    text("roleSelector", "msdyn_roleselector")
        .max(4000)
        .required(),
    text("appSelector", "msdyn_appselector").max(4000),
    set("users", &CIF_USERS, Target::User),
    lookup(
        "channelProviderIcon",
        "msdyn_channelprovidericon",
        Target::WebResource,
    ),
    text("cifSolutionVersion", "msdyn_cifsolversion").max(2000),
];

/// Lowers the users.
pub(super) fn lower(provider: &CifProvider, lowering: &mut Lowering<'_>) {
    let Given::Value(Spanned { value: users, span }) = &provider.users else {
        return;
    };
    lowering.sets.push(super::user_set(
        super::field(FIELDS, "users"),
        &CIF_USERS,
        users,
        *span,
    ));
}
