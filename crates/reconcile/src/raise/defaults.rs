//! What a new row has when its document says nothing, as far as the metadata of the tables tells.

use deskstate_model::Kind;
use serde_json::{Map, Value as Json, json};

/// Leaves out nulls, empty sets and what a new row has anyway.
pub(super) fn skip(kind: Kind, spec: &mut Map<String, Json>) {
    let required: Vec<&str> = kind
        .field_infos()
        .iter()
        .filter(|info| info.rule.required)
        .map(|info| info.word)
        .collect();
    spec.retain(|word, value| {
        required.contains(&word.as_str())
            || !(is_nothing(value) || default(kind, word).as_ref() == Some(value))
    });
}

fn is_nothing(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Array(items) => items.is_empty(),
        Json::Object(entries) => entries.is_empty(),
        Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
    }
}

/// Defaults of the columns, in the words of the manifest.
fn default(kind: Kind, word: &str) -> Option<Json> {
    Some(match (kind, word) {
        (_, "status") => json!("Active"),
        (Kind::AppProfile, "allActiveChannels")
        | (Kind::SessionTemplate, "applySessionTitleToAnchorTab" | "enableBuildExpression")
        | (Kind::NotificationTemplate, "autoAssignWorkItems" | "autoAcceptCalls")
        | (
            Kind::ChannelProvider | Kind::CifProvider,
            "enableOutboundCommunication" | "enableAnalytics",
        )
        | (Kind::PaneTool, "global" | "configurable")
        | (Kind::SmartAssist, "default") => json!(false),
        (Kind::ApplicationTab, "canClose")
        | (Kind::NotificationTemplate, "showTimeout" | "showRejectButton")
        | (Kind::ProductivityPane, "enabled") => json!(true),
        (Kind::SessionTemplate, "communicationPanelMode") => json!("Docked"),
        (Kind::NotificationTemplate, "desktopNotifications") => json!("Never"),
        (Kind::NotificationTemplate, "theme") => json!("Dark"),
        (Kind::ChannelProvider, "apiVersion") => json!("2.0"),
        (Kind::CifProvider, "apiVersion") => json!("1.0"),
        (Kind::ApplicationExtension, "type") => json!("Custom"),
        (Kind::ApplicationExtension, "relationshipCardinality") => json!("Many"),
        (Kind::ProductivityPane, "defaultMode") => json!("Expanded"),
        (Kind::SmartAssist, "controlType") => json!("AdaptiveCard"),
        _ => return None,
    })
}
