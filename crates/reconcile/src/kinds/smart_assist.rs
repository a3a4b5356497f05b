//! Smart assist configurations: suggestions shown to agents. Dataverse: `msdyn_smartassistconfig`.

use crate::field::{Field, STATUS, choice, flag, number, text};

const SUGGESTIONS: &[(&str, i64)] = &[
    ("KnowledgeArticle", 192_360_000),
    ("SimilarCase", 192_360_001),
    ("Bot", 192_360_002),
];
const CONTROLS: &[(&str, i64)] = &[("AdaptiveCard", 192_360_000)];

/// The fields of a smart assist configuration.
pub static FIELDS: &[Field] = &[
    text("displayName", "msdyn_name").max(100).required(),
    STATUS,
    text("sourceEntity", "msdyn_sourceentityname")
        .max(100)
        .required(),
    choice("suggestionType", "msdyn_suggestiontype", SUGGESTIONS).required(),
    choice("controlType", "msdyn_suggestioncontroltype", CONTROLS),
    text("controlConfig", "msdyn_suggestioncontrolconfiguniquename")
        .max(100)
        .required(),
    text("provider", "msdyn_suggestionprovider").max(100),
    text("webResourceUrl", "msdyn_suggestionwebresourceurl").max(256),
    text("iconUrl", "msdyn_iconurl").max(256),
    text("panelTitle", "msdyn_suggestioncontainertitle")
        .localizable()
        .max(100),
    number("maxSuggestions", "msdyn_maxsuggestioncount"),
    number("order", "msdyn_order"),
    flag("default", "msdyn_isdefault"),
];
