//! Notification templates: the toast that announces a conversation or call.

use serde_json::{Map, Value, json};

use crate::decode::Decoder;
use crate::field::{FieldInfo, FieldRule, FieldType, choice, kind, put};
use crate::given::Given;
use crate::kinds::Status;
use crate::schema::items_schema;
use crate::set::{Owner, Reference};
use crate::span::Spanned;
use crate::yaml::Node;

const ANY: FieldRule = FieldRule::ANY;

kind! {
    /// A notification template: the toast that announces a conversation or call.
    ///
    /// Dataverse: `msdyn_notificationtemplate`.
    NotificationTemplate {
        /// Name on the admin pages.
        ///
        /// Text of at most 100 characters, required. Dataverse: `msdyn_name`, localizable.
        "displayName" display_name: String = ANY.required().max_length(100);
        /// What administrators should know about the template.
        ///
        /// Text of at most 2000 characters. Dataverse: `msdyn_description`, localizable.
        "description" description: String = ANY.max_length(2000);
        /// Deactivates the template without deleting it.
        ///
        /// `Active` or `Inactive`; a new row is `Active`. Dataverse: `statecode` with `statuscode`.
        "status" status: Status = ANY;
        /// Who owns the row.
        ///
        /// `{user: ...}` or `{team: ...}`; a new row belongs to the caller, or to the project's `defaults.owner`. Dataverse: `ownerid`.
        "owner" owner: Owner = ANY;
        /// Heading of the toast; may hold slugs such as `{customer}`.
        ///
        /// Text of at most 100 characters, required. Dataverse: `msdyn_title`, localizable.
        "title" title: String = ANY.required().max_length(100);
        /// Icon of the toast; SVG does not show in desktop notifications.
        ///
        /// Path of at most 1024 characters; the form's default is `/webresources/msdyn_chat_icon_zfp.svg`. Dataverse: `msdyn_icon`, localizable.
        "icon" icon: String = ANY.max_length(1024);
        /// Shows the countdown; the timer runs anyway.
        ///
        /// Flag; a new row has `true`, and an empty column counts as `true`. Dataverse: `msdyn_showtimeout`.
        "showTimeout" show_timeout: bool = ANY;
        /// Countdown: seconds until the notification goes away.
        ///
        /// 0 to 500; the form's default is 120. Dataverse: `msdyn_timeout`.
        "timeoutSeconds" timeout_seconds: i64 = ANY.range(0, 500);
        /// Assigns the work item without asking: Reject is disabled and Accept becomes Open.
        ///
        /// Flag; a new row has `false`. Dataverse: `msdyn_autoacceptnotification` (by its meaning).
        "autoAssignWorkItems" auto_assign_work_items: bool = ANY;
        /// Accepts calls and chats by itself; only together with `autoAssignWorkItems`.
        ///
        /// Flag; a new row has `false`. Dataverse: `msdyn_autopopupsession` (by its meaning).
        "autoAcceptCalls" auto_accept_calls: bool = ANY;
        /// Whether there is a button to reject.
        ///
        /// Flag; a new row has `true`. Dataverse: `msdyn_showrejectbutton`.
        "showRejectButton" show_reject_button: bool = ANY;
        /// Text on the button that accepts.
        ///
        /// Text of at most 100 characters; the form's default is Accept. Dataverse: `msdyn_acceptbuttontext`, localizable.
        "acceptButton" accept_button: String = ANY.max_length(100);
        /// Text on the button that rejects.
        ///
        /// Text of at most 100 characters; the form's default is Reject. Dataverse: `msdyn_rejectbuttontext`, localizable.
        "rejectButton" reject_button: String = ANY.max_length(100);
        /// When the operating system shows the notification too.
        ///
        /// `Never`, `WhenInBackground` or `Always`; a new row has `Never`. Dataverse: `msdyn_desktopnotificationmode`.
        "desktopNotifications" desktop_notifications: DesktopNotifications = ANY;
        /// Colours of the toast; not on Microsoft's page.
        ///
        /// `Dark` or `Light`; a new row has `Dark`. Dataverse: `msdyn_theme`.
        "theme" theme: Theme = ANY;
        /// The lines below the heading, in the order shown.
        ///
        /// List of at most 4: `shared:` with the name of a NotificationField, or a field of this template alone. Dataverse:
        /// N:N `msdyn_notificationtemplate_notificationfield`.
        "fields" fields: FieldItems = ANY.max_items(4);
    }
}

choice! {
    /// When the operating system shows the notification too.
    DesktopNotifications {
        /// Not at all.
        Never = "Never",
        /// While another window is in front.
        WhenInBackground = "WhenInBackground",
        /// Every time.
        Always = "Always",
    }
}

choice! {
    /// Colours of the toast.
    Theme {
        /// Light on dark.
        Dark = "Dark",
        /// Dark on light.
        Light = "Light",
    }
}

/// The lines of a notification, in the order shown.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldItems(pub Vec<Spanned<FieldItem>>);

/// One line of a notification.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldItem {
    /// A NotificationField that several templates may share.
    Shared(Spanned<Reference>),
    /// A field of this template alone.
    Own(OwnField),
}

/// A notification field that belongs to one template.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnField {
    /// Its unique name; derived from template and header where left out. Dataverse: `msdyn_uniquename`.
    pub name: Option<Spanned<String>>,
    /// The header, also the key by which values are replaced. Dataverse: `msdyn_title`, localizable.
    pub header: Spanned<String>,
    /// What stands beside the header; may hold slugs. Dataverse: `msdyn_value`, localizable.
    pub value: Given<String>,
    /// Its place; the position in the list, from 1, where left out. Dataverse: `msdyn_order`.
    pub order: Given<i64>,
    /// Name on the admin pages; the header where left out. Dataverse: `msdyn_name`, localizable.
    pub display_name: Given<String>,
}

const OWN_ITEMS: &[FieldInfo] = &[
    FieldInfo::of::<String>(
        "header",
        "The header, also the key by which values are replaced.\n\nText of at most 200 characters, required. Dataverse: `msdyn_title`, localizable.",
        ANY.required().max_length(200),
    ),
    FieldInfo::of::<String>(
        "value",
        "What stands beside the header; may hold slugs such as `{customer}`.\n\nText of at most 1028 characters. Dataverse: `msdyn_value`, localizable.",
        ANY.max_length(1028),
    ),
    FieldInfo::of::<i64>(
        "order",
        "Its place: must rise along the list.\n\n0 to 2147483647; the position in the list, from 1, where left out. Dataverse: `msdyn_order`.",
        ANY.range(0, 2_147_483_647),
    ),
    FieldInfo::of::<String>(
        "name",
        "Its unique name; give it to keep the row when the header changes.\n\nText of at most 128 characters; derived from template and header where left out. Dataverse: `msdyn_uniquename`.",
        ANY.max_length(128),
    ),
    FieldInfo::of::<String>(
        "displayName",
        "Name on the admin pages.\n\nText of at most 100 characters; the header where left out. Dataverse: `msdyn_name`, localizable.",
        ANY.max_length(100),
    ),
];

const SHARED_ITEMS: &[FieldInfo] = &[FieldInfo::of::<Reference>(
    "shared",
    "A NotificationField that several templates may share.\n\nIts unique name. Dataverse: N:N `msdyn_notificationtemplate_notificationfield`.",
    ANY.required(),
)];

/// Every key that an item of `fields` may have.
const ITEM_KEYS: &[FieldInfo] = &[
    SHARED_ITEMS[0],
    OWN_ITEMS[0],
    OWN_ITEMS[1],
    OWN_ITEMS[2],
    OWN_ITEMS[3],
    OWN_ITEMS[4],
];

impl FieldType for FieldItems {
    const ITEMS: &'static [FieldInfo] = ITEM_KEYS;

    fn decode(node: &Node, rule: FieldRule, decoder: &mut Decoder<'_>) -> Option<Self> {
        let items = decoder.list(node)?;
        if rule.max_items.is_some_and(|max| items.len() > max as usize) {
            decoder.reject();
        }
        let decoded = items
            .iter()
            .filter_map(|item| Some(Spanned::new(field_item(item, decoder)?, item.span)));
        Some(Self(decoded.collect()))
    }

    fn to_json(&self) -> Value {
        let item = |item: &FieldItem| match item {
            FieldItem::Shared(name) => json!({"shared": name.value.as_str()}),
            FieldItem::Own(OwnField {
                name,
                header,
                value,
                order,
                display_name,
            }) => {
                let mut field = Map::new();
                field.insert("header".to_owned(), header.value.as_str().into());
                put("value", value, &mut field);
                put("order", order, &mut field);
                if let Some(name) = name {
                    field.insert("name".to_owned(), name.value.as_str().into());
                }
                put("displayName", display_name, &mut field);
                Value::Object(field)
            }
        };
        Value::from_iter(self.0.iter().map(|given| item(&given.value)))
    }

    fn schema(rule: FieldRule) -> Value {
        let mut schema = json!({"type": "array", "items": {"anyOf": [items_schema(OWN_ITEMS), items_schema(SHARED_ITEMS)]}});
        if let Some(items) = rule.max_items {
            schema["maxItems"] = items.into();
        }
        schema
    }
}

fn field_item(node: &Node, decoder: &mut Decoder<'_>) -> Option<FieldItem> {
    if node.get("shared").is_some() {
        let record = decoder.record(node, SHARED_ITEMS)?;
        return record.required("shared", decoder).map(FieldItem::Shared);
    }
    let record = decoder.record(node, OWN_ITEMS)?;
    let name = record.given("name", decoder);
    let header = record.required("header", decoder);
    let value = record.given("value", decoder);
    let order = record.given("order", decoder);
    let display_name = record.given("displayName", decoder);
    Some(FieldItem::Own(OwnField {
        name: name.into_value(),
        header: header?,
        value,
        order,
        display_name,
    }))
}
