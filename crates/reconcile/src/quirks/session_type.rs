//! The required and the forbidden fields of a session template depend on its type. For manifests, a separate check covers this.

use deskstate_model::SessionType;
use serde_json::Value as Json;

use crate::raise::raising::Raising;

/// Generic sessions have an anchor tab and no table; entity sessions have a table and no anchor tab.
pub(crate) fn raise(raising: &mut Raising<'_>) {
    let of_type = raising.spec.get("type").and_then(Json::as_str);
    let (needed, foreign): (_, &[&str]) = if of_type == Some(SessionType::Generic.as_str()) {
        ("anchorTab", &["entity"])
    } else if of_type == Some(SessionType::Entity.as_str()) {
        ("entity", &["anchorTab", "sessionIcon"])
    } else {
        return;
    };
    for word in foreign {
        if let Some(value) = raising.spec.remove(*word)
            && !value.is_null()
        {
            raising.leave_out(*word, "a template of this type has no such field");
        }
    }
    if raising.spec.get(needed).is_none_or(Json::is_null) {
        raising.spec.remove(needed);
        raising.becomes_existing(format!("`{needed}` has no value"));
    }
}
