//! Smart assist configurations: suggestions that agents get beside a record.

use crate::field::{FieldRule, choice, kind};
use crate::kinds::Status;

const ANY: FieldRule = FieldRule::ANY;

kind! {
    /// A smart assist configuration: suggestions that agents get beside a record.
    ///
    /// Dataverse: `msdyn_smartassistconfig`.
    SmartAssist {
        /// Name on the admin pages.
        ///
        /// Text of at most 100 characters, required. Dataverse: `msdyn_name`.
        "displayName" display_name: String = ANY.required().max_length(100);
        /// Deactivates the configuration without deleting it.
        ///
        /// `Active` or `Inactive`; a new row is `Active`. Dataverse: `statecode` with `statuscode`.
        "status" status: Status = ANY;
        /// The table whose records get suggestions.
        ///
        /// Logical name of at most 100 characters, required. Dataverse: `msdyn_SourceEntityName`.
        "sourceEntity" source_entity: String = ANY.required().max_length(100);
        /// What is suggested.
        ///
        /// `KnowledgeArticle`, `SimilarCase` or `Bot`, required. Dataverse: `msdyn_Suggestiontype`.
        "suggestionType" suggestion_type: SuggestionType = ANY.required();
        /// How a suggestion is drawn.
        ///
        /// `AdaptiveCard`, the only value. Dataverse: `msdyn_Suggestioncontroltype`.
        "controlType" control_type: ControlType = ANY;
        /// Unique name of the control's configuration.
        ///
        /// Text of at most 100 characters, required. Dataverse: `msdyn_SuggestionControlConfigUniquename`.
        "controlConfig" control_config: String = ANY.required().max_length(100);
        /// Who makes the suggestions.
        ///
        /// Text of at most 100 characters. Dataverse: `msdyn_SuggestionProvider`.
        "provider" provider: String = ANY.max_length(100);
        /// The script that makes the suggestions.
        ///
        /// Text of at most 256 characters. Dataverse: `msdyn_SuggestionWebresourceURL`.
        "webResourceUrl" web_resource_url: String = ANY.max_length(256);
        /// Icon of a suggestion.
        ///
        /// Text of at most 256 characters. Dataverse: `msdyn_IconURL`.
        "iconUrl" icon_url: String = ANY.max_length(256);
        /// Suggestion panel title.
        ///
        /// Text of at most 100 characters. Dataverse: `msdyn_Suggestioncontainertitle`, localizable.
        "panelTitle" panel_title: String = ANY.max_length(100);
        /// How many suggestions are shown at most.
        ///
        /// Whole number. Dataverse: `msdyn_maxsuggestioncount`.
        "maxSuggestions" max_suggestions: i64 = ANY.range(-2_147_483_648, 2_147_483_647);
        /// Its place among the suggestions.
        ///
        /// Whole number. Dataverse: `msdyn_Order`.
        "order" order: i64 = ANY.range(-2_147_483_648, 2_147_483_647);
        /// Whether it is the configuration that is used where nothing else says so.
        ///
        /// Flag; a new row has `false`. Dataverse: `msdyn_isDefault`.
        "default" default: bool = ANY;
    }
}

choice! {
    /// What is suggested.
    SuggestionType {
        /// Knowledge articles.
        KnowledgeArticle = "KnowledgeArticle",
        /// Cases like this one.
        SimilarCase = "SimilarCase",
        /// What a bot finds.
        Bot = "Bot",
    }
}

choice! {
    /// How a suggestion is drawn.
    ControlType {
        /// An adaptive card.
        AdaptiveCard = "AdaptiveCard",
    }
}
