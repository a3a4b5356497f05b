//! Channel providers of the Channel Integration Framework 2. Dataverse: `msdyn_channelprovider`.

use crate::field::{Field, OWNER, STATUS, choice, flag, json_or_text, number, text};

/// The only version that the column knows.
const API_VERSIONS: &[(&str, i64)] = &[("2.0", 162_450_000)];

/// The fields of a channel provider.
pub static FIELDS: &[Field] = &[
    text("displayName", "msdyn_name").max(100).required(),
    STATUS,
    OWNER,
    text("label", "msdyn_label")
        .localizable()
        .max(100)
        .required(),
    text("channelUrl", "msdyn_channelurl").max(1024).required(),
    flag("enableOutboundCommunication", "msdyn_enableoutbound"),
    number("channelOrder", "msdyn_sortorder").required(),
    choice("apiVersion", "msdyn_apiversion", API_VERSIONS),
    text("trustedDomain", "msdyn_trusteddomain").max(2000),
    json_or_text("customParameters", "msdyn_customparams").max(2000),
    flag("enableAnalytics", "msdyn_enableanalytics"),
    text("sandboxConfiguration", "msdyn_sandboxconfiguration").max(2000),
];
