//! Tools of the productivity pane. Dataverse: `msdyn_panetoolconfiguration`.

use crate::field::{Field, STATUS, Target, choice, flag, json_or_text, lookup, text};

const TYPES: &[(&str, i64)] = &[("Control", 0), ("CustomPage", 1)];
const CATEGORIES: &[(&str, i64)] = &[
    ("Uncategorized", 100_000_000),
    ("AgentGuidance", 100_000_001),
    ("Reference", 100_000_002),
    ("Collaboration", 100_000_003),
    ("AutomatedAction", 100_000_004),
];

/// The fields of a tool.
pub static FIELDS: &[Field] = &[
    text("displayName", "msdyn_name")
        .localizable()
        .max(100)
        .required(),
    text("description", "msdyn_description")
        .localizable()
        .max(256),
    STATUS,
    choice("type", "msdyn_type", TYPES),
    text("controlName", "msdyn_controlname").max(100).required(),
    choice("category", "msdyn_category", CATEGORIES),
    json_or_text("data", "msdyn_data").max(1000),
    lookup("icon", "msdyn_icon", Target::WebResource),
    text("defaultIcon", "msdyn_defaulticon").max(100),
    flag("global", "msdyn_isglobal"),
    flag("configurable", "msdyn_isconfigurable"),
    text("configurationEntity", "msdyn_toolconfigurationentity").max(100),
    text("learnMoreLink", "msdyn_learnmorelink").max(100),
];
