//! Smart assist configurations: suggestions for agents, next to a record.

use super::build::{choice, flag, number, options, record, text};
use super::{Definition, Place, STATUS, Status, UNIQUE_NAME};
use crate::record::{Flag, Number, Text};
use crate::table::{Names, NewRow, Table};

/// Smart assist configurations.
pub static SMART_ASSIST: Table = Table::desk(
    "msdyn_smartassistconfig",
    "msdyn_smartassistconfigs",
    "msdyn_smartassistconfigid",
    0,
);

pub(super) static DEFINITION: Definition = Definition {
    word: "SmartAssist",
    title: "Smart assist",
    meaning: "A smart assist configuration: suggestions for agents, next to a record.",
    folder: "smart-assist",
    place: Place::Nowhere,
    table: &SMART_ASSIST,
    name: &UNIQUE_NAME,
    names: Names::Ruled,
    fields: SMART_ASSIST_FIELDS,
    ..Definition::NOTHING
};

record! {
    /// The fields of a smart assist configuration, as declared in a document.
    SmartAssist, SMART_ASSIST_FIELDS {
        /// Name on the admin pages.
        display_name: Text = text("displayName", "msdyn_name").max(100).required();
        /// Deactivates the configuration without deleting it.
        status: Status = STATUS;
        /// The table whose records get suggestions.
        source_entity: Text = text("sourceEntity", "msdyn_sourceentityname").max(100).required().form("Logical name").stored("`msdyn_SourceEntityName`");
        /// Type of the suggestions.
        suggestion_type: SuggestionType = choice("suggestionType", "msdyn_suggestiontype").required().stored("`msdyn_Suggestiontype`");
        /// How suggestions are displayed.
        control_type: ControlType = choice("controlType", "msdyn_suggestioncontroltype").new_has(NewRow::Word("AdaptiveCard"))
            .stored("`msdyn_Suggestioncontroltype`");
        /// Unique name of the control's configuration.
        control_config: Text = text("controlConfig", "msdyn_suggestioncontrolconfiguniquename").max(100).required()
            .stored("`msdyn_SuggestionControlConfigUniquename`");
        /// Provider of the suggestions.
        provider: Text = text("provider", "msdyn_suggestionprovider").max(100).stored("`msdyn_SuggestionProvider`");
        /// The script that generates the suggestions.
        web_resource_url: Text = text("webResourceUrl", "msdyn_suggestionwebresourceurl").max(256).stored("`msdyn_SuggestionWebresourceURL`");
        /// Icon of a suggestion.
        icon_url: Text = text("iconUrl", "msdyn_iconurl").max(256).stored("`msdyn_IconURL`");
        /// Suggestion panel title.
        panel_title: Text = text("panelTitle", "msdyn_suggestioncontainertitle").max(100).localizable().stored("`msdyn_Suggestioncontainertitle`");
        /// Maximum number of suggestions to show.
        max_suggestions: Number = number("maxSuggestions", "msdyn_maxsuggestioncount").range(-2_147_483_648, 2_147_483_647);
        /// Position among the suggestions.
        order: Number = number("order", "msdyn_order").range(-2_147_483_648, 2_147_483_647).stored("`msdyn_Order`");
        /// Makes this the default configuration.
        default: Flag = flag("default", "msdyn_isdefault").new_has(NewRow::Flag(false)).stored("`msdyn_isDefault`");
    }
}

options! {
    /// Type of suggestions.
    SuggestionType {
        /// Knowledge articles.
        KnowledgeArticle = "KnowledgeArticle", 192_360_000;
        /// Similar cases.
        SimilarCase = "SimilarCase", 192_360_001;
        /// Results of a bot.
        Bot = "Bot", 192_360_002;
    }
}

options! {
    /// Rendering of a suggestion.
    ControlType {
        /// An adaptive card.
        AdaptiveCard = "AdaptiveCard", 192_360_000;
    }
}
