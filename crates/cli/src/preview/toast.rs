//! The toast that announces a conversation or call.

use deskstate_model::{Kind, ResourceKey};
use serde_json::Value as Json;

use super::{Words, display_name};
use crate::specs::{self, Spec, Specs};

/// A notification as it pops up.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Toast {
    /// Its template.
    pub(crate) key: ResourceKey,
    /// Its name for administrators.
    pub(crate) name: String,
    /// The heading.
    pub(crate) title: Words,
    /// Headers and values, in order.
    pub(crate) fields: Vec<(String, Words)>,
    /// The fields among them that several templates share.
    pub(crate) shared: Vec<ResourceKey>,
    /// The label of the accept button.
    pub(crate) accept: String,
    /// The label of the reject button; `None` if the toast cannot be rejected.
    pub(crate) reject: Option<String>,
    /// When it disappears automatically.
    pub(crate) timeout_seconds: u32,
    /// Whether the countdown is visible. It runs in any case.
    pub(crate) shows_timeout: bool,
    /// Whether the work is assigned before an agent accepts.
    pub(crate) auto_assign: bool,
    /// When the operating system shows it too.
    pub(crate) desktop: String,
    /// Whether the letters are light on a dark background.
    pub(crate) dark: bool,
    /// Fields without a given value, drawn with the product's defaults.
    pub(crate) assumed: Vec<&'static str>,
}

/// The form's default countdown (Manage notification templates).
const FORM_TIMEOUT: u32 = 120;
/// The longest countdown that the column can store.
const LONGEST_TIMEOUT: u32 = 500;

impl Toast {
    pub(super) fn of(specs: &Specs, key: &ResourceKey, spec: &Spec) -> Self {
        let mut assumed = Vec::new();
        let name = display_name(key, Some(spec));
        let auto_assign = specs::flag(spec, "autoAssignWorkItems") == Some(true);
        let timeout =
            specs::number(spec, "timeoutSeconds").and_then(|seconds| u32::try_from(seconds).ok());
        if timeout.is_none() {
            assumed.push("timeoutSeconds");
        }
        if !spec.contains_key("showRejectButton") && !auto_assign {
            assumed.push("showRejectButton");
        }
        // With auto-assignment, Reject is disabled and Accept becomes Open (Manage notification templates).
        let rejects = !auto_assign && specs::flag(spec, "showRejectButton") != Some(false);
        let button = |word, usual: &str| specs::text(spec, word).unwrap_or(usual).to_owned();
        let (fields, shared) = fields(specs, specs::items(spec, "fields"));
        Self {
            key: key.clone(),
            title: Words::parse(specs::text(spec, "title").unwrap_or(&name)),
            name,
            fields,
            shared,
            accept: button("acceptButton", if auto_assign { "Open" } else { "Accept" }),
            reject: rejects.then(|| button("rejectButton", "Reject")),
            timeout_seconds: timeout.unwrap_or(FORM_TIMEOUT).min(LONGEST_TIMEOUT),
            shows_timeout: specs::flag(spec, "showTimeout") != Some(false),
            auto_assign,
            desktop: specs::text(spec, "desktopNotifications")
                .unwrap_or("Never")
                .to_owned(),
            dark: specs::text(spec, "theme") != Some("Light"),
            assumed,
        }
    }
}

fn fields(specs: &Specs, items: &[Json]) -> (Vec<(String, Words)>, Vec<ResourceKey>) {
    let mut fields = Vec::new();
    let mut shared = Vec::new();
    for item in items {
        let own = |word| item.get(word).and_then(Json::as_str);
        if let Some(name) = own("shared") {
            let key = ResourceKey::new(Kind::NOTIFICATION_FIELD, name);
            let spec = specs.get(&key);
            let given = |word| spec.and_then(|spec| specs::text(spec, word));
            fields.push((
                given("header").unwrap_or(name).to_owned(),
                Words::parse(given("value").unwrap_or_default()),
            ));
            shared.push(key);
        } else if let Some(header) = own("header") {
            fields.push((
                header.to_owned(),
                Words::parse(own("value").unwrap_or_default()),
            ));
        }
    }
    (fields, shared)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Preview;
    use super::super::tests::contoso;
    use super::*;

    fn toast(spec: Json) -> Toast {
        let specs = Specs::of_json(&[(Kind::NOTIFICATION_TEMPLATE, "contoso_call", spec)]);
        Preview::of(&specs).toasts.remove(0)
    }

    #[test]
    fn own_and_shared_fields_stand_in_the_order_of_the_list() {
        let toast = Preview::of(&contoso()).toasts.remove(0);
        let fields: Vec<_> = toast
            .fields
            .iter()
            .map(|(header, value)| (header.as_str(), value.written()))
            .collect();
        assert_eq!(
            fields,
            [
                ("Number", "{number}".to_owned()),
                ("Priority", "{priority}".to_owned())
            ]
        );
    }

    #[test]
    fn auto_assignment_takes_reject_away_and_accept_opens() {
        // Manage notification templates: auto-assign disables Reject, Accept becomes Open.
        let toast = toast(json!({"autoAssignWorkItems": true, "showRejectButton": true}));
        assert_eq!((toast.accept.as_str(), toast.reject), ("Open", None));
    }

    #[test]
    fn what_nobody_gives_is_drawn_as_the_form_would_and_said_to_be_assumed() {
        let toast = toast(json!({"title": "x"}));
        assert_eq!(
            (toast.timeout_seconds, toast.shows_timeout, toast.dark),
            (120, true, true)
        );
        assert_eq!(toast.assumed, ["timeoutSeconds", "showRejectButton"]);
    }

    #[test]
    fn a_countdown_beyond_the_column_is_cut() {
        assert_eq!(
            toast(json!({"timeoutSeconds": 9_999_999_999_i64})).timeout_seconds,
            120
        );
        assert_eq!(
            toast(json!({"timeoutSeconds": 4_000_000})).timeout_seconds,
            500
        );
        assert_eq!(toast(json!({"timeoutSeconds": -1})).timeout_seconds, 120);
    }
}
