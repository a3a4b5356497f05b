//! Session templates: what opens when a conversation or call starts. Dataverse: `msdyn_sessiontemplate`.

use super::tables::{SCRIPT, SESSION_SCRIPTS, SESSION_TABS, TAB};
use crate::field::{Field, OWNER, STATUS, Target, choice, flag, json, lookup, set, text};

/// Words of `type`, with the numbers of `msdyn_sessiontype`.
const TYPES: &[(&str, i64)] = &[("Generic", 0), ("Entity", 1)];

/// Numbers of `msdyn_panelstateoptions`; the older choice `msdyn_panestate` has others.
const PANEL_MODES: &[(&str, i64)] = &[
    ("Minimized", 162_450_000),
    ("Hidden", 162_450_001),
    ("Docked", 162_450_002),
];

/// Dataverse keeps the type twice, with opposite defaults; both are always written.
const TYPE_FLAGS: &[(i64, bool)] = &[(0, false), (1, true)];

/// The fields of a session template.
pub static FIELDS: &[Field] = &[
    text("displayName", "msdyn_name")
        .localizable()
        .max(100)
        .required(),
    text("description", "msdyn_description")
        .localizable()
        .max(2000),
    STATUS,
    OWNER,
    choice("type", "msdyn_sessiontype", TYPES)
        .mirrored("msdyn_type", TYPE_FLAGS)
        .required(),
    text("entity", "msdyn_entity").max(100),
    text("title", "msdyn_title").localizable().max(200),
    choice("communicationPanelMode", "msdyn_panelstate", PANEL_MODES),
    lookup("anchorTab", "msdyn_anchortab", Target::Named(&TAB)),
    flag("applySessionTitleToAnchorTab", "msdyn_enabletitlesync"),
    lookup("sessionIcon", "msdyn_sessionicon", Target::WebResource),
    set("additionalTabs", &SESSION_TABS, Target::Named(&TAB)),
    set("scripts", &SESSION_SCRIPTS, Target::Named(&SCRIPT)),
    flag("enableBuildExpression", "msdyn_enablebuildexpression"),
    json("expressionData", "msdyn_expressiondata").max(1_048_576),
];
