//! Application extensions: scripts loaded for a profile. Dataverse: `msdyn_applicationextension`.

use crate::field::{Field, OWNER, STATUS, choice, text};

const TYPES: &[(&str, i64)] = &[("System", 387_300_000), ("Custom", 387_300_001)];
const CARDINALITIES: &[(&str, i64)] = &[("One", 387_300_000), ("Many", 387_300_001)];

/// The fields of an application extension.
pub static FIELDS: &[Field] = &[
    text("displayName", "msdyn_name").max(100).required(),
    STATUS,
    OWNER,
    choice("type", "msdyn_type", TYPES),
    text("webResourceUrl", "msdyn_webresource_url")
        .max(256)
        .required(),
    text("relationshipName", "msdyn_appconfig_relationshipname").max(100),
    choice(
        "relationshipCardinality",
        "msdyn_relationship_cardinality",
        CARDINALITIES,
    ),
];
