//! Notification templates: the toast that announces a conversation or call.
//!
//! A field of a single template is a row of `msdyn_notificationfield`, like a shared field; only the manifests distinguish them.

use super::build::{
    OWNER, choice, flag, links, number, options, position, record, text, unique_name,
};
use super::notification_field::NOTIFICATION_FIELD;
use super::place::{SUPPORT_EXPERIENCE, WORKSPACES, now};
use super::{Brought, Definition, Place, STATUS, Status, UNIQUE_NAME};
use crate::record::{Flag, ListOf, Name, Number, OwnerOf, Record, Text, Viewed};
use crate::table::{Fill, ItemTable, Links, NameOf, Names, NewRow, Referent, Relationship, Table};

/// Notification templates.
pub static NOTIFICATION: Table = Table::desk(
    "msdyn_notificationtemplate",
    "msdyn_notificationtemplates",
    "msdyn_notificationtemplateid",
    1,
);
/// Fields of a notification template.
pub static NOTIFICATION_FIELDS: Relationship = Relationship::many(
    "msdyn_notificationtemplate_notificationfield",
    "msdyn_notificationtemplate_notificationfieldset",
    &NOTIFICATION,
    &NOTIFICATION_FIELD,
);

pub(super) static DEFINITION: Definition = Definition {
    word: "NotificationTemplate",
    title: "Notification template",
    meaning: "A notification template: the toast that announces a conversation or call.",
    folder: "notification-templates",
    place: Place::list(&[
        SUPPORT_EXPERIENCE,
        WORKSPACES,
        now("Notification templates"),
    ]),
    table: &NOTIFICATION,
    name: &UNIQUE_NAME,
    names: Names::Ruled,
    fields: NOTIFICATION_TEMPLATE_FIELDS,
    // The unique name used in the example of `notifyEvent`.
    brings: &[Brought::new(
        "Chat - incoming unauthenticated - default",
        "msdyn_chat_incoming_unauthenticated",
    )],
    ..Definition::NOTHING
};

record! {
    /// The fields of a notification template, as declared in a document.
    NotificationTemplate, NOTIFICATION_TEMPLATE_FIELDS {
        /// Name on the admin pages.
        display_name: Text = text("displayName", "msdyn_name").max(100).localizable().required().label("Name");
        /// Information about the template for administrators.
        description: Text = text("description", "msdyn_description").max(2000).localizable().no_box();
        /// Deactivates the template without deleting it.
        status: Status = STATUS;
        /// Who owns the row.
        owner: OwnerOf = OWNER.label("Owner").hint("The form fills in your name.");
        /// Heading of the toast; can contain slugs such as `{customer}`.
        title: Text = text("title", "msdyn_title").max(100).localizable().required().label("Title");
        /// Icon of the toast; desktop notifications do not show SVG.
        icon: Text = text("icon", "msdyn_icon").max(1024).localizable().form("Path")
            .more("; the form's default is `/webresources/msdyn_chat_icon_zfp.svg`").label("Icon");
        /// Shows the countdown. The timer runs either way.
        show_timeout: Flag = flag("showTimeout", "msdyn_showtimeout").new_has(NewRow::Flag(true)).null_reads_as(true).label("Show timeout").formerly(&["Show countdown"]);
        /// Countdown: seconds until the notification disappears.
        timeout_seconds: Number = number("timeoutSeconds", "msdyn_timeout").range(0, 500).more("; the form's default is 120, and for voice calls it asks for less than 55").label("Countdown (seconds)").formerly(&["Timeout (seconds)"]);
        /// Assigns the work item automatically: Reject is disabled and Accept becomes Open.
        auto_assign_work_items: Flag = flag("autoAssignWorkItems", "msdyn_autoacceptnotification").new_has(NewRow::Flag(false))
            .stored("`msdyn_autoacceptnotification` (by its meaning)").label("Auto-assign work items").formerly(&["Autoassign work items"]);
        /// Accepts calls and chats automatically; requires `autoAssignWorkItems`.
        auto_accept_calls: Flag = flag("autoAcceptCalls", "msdyn_autopopupsession").new_has(NewRow::Flag(false))
            .stored("`msdyn_autopopupsession` (by its meaning)").label("Auto-accept voice/chat calls").hint("Shown only with automatic assignment.").formerly(&["Autoaccept voice/chat calls"]);
        /// Whether the toast has a button to reject.
        show_reject_button: Flag = flag("showRejectButton", "msdyn_showrejectbutton").new_has(NewRow::Flag(true)).label("Show reject button");
        /// Text of the accept button.
        accept_button: Text = text("acceptButton", "msdyn_acceptbuttontext").max(100).localizable().more("; the form's default is Accept").label("Accept button");
        /// Text of the reject button.
        reject_button: Text = text("rejectButton", "msdyn_rejectbuttontext").max(100).localizable().more("; the form's default is Reject").label("Reject button");
        /// When the operating system also shows the notification.
        desktop_notifications: DesktopNotifications = choice("desktopNotifications", "msdyn_desktopnotificationmode").new_has(NewRow::Word("Never")).label("Show desktop notifications");
        /// Colours of the toast; not on Microsoft's page.
        theme: Theme = choice("theme", "msdyn_theme").new_has(NewRow::Word("Dark")).no_box();
        /// The lines below the heading, in the order shown.
        fields: ListOf<FieldItem<'static>> = links("fields", &NOTIFICATION_FIELDS, Referent::Named(&NOTIFICATION_FIELD), Links::Items(&ITEMS))
            .max_items(4).form("List of at most 4: `shared:` with the name of a NotificationField, or a field of this template alone").label("Notification Fields").hint("The section appears once the template is saved.");
    }
}

options! {
    /// When the operating system also shows the notification.
    DesktopNotifications {
        /// Never.
        Never = "Never", 509_180_000;
        /// While another window is in the foreground.
        WhenInBackground = "WhenInBackground", 509_180_001, "When app is in background";
        /// Always.
        Always = "Always", 509_180_002;
    }
}

options! {
    /// Colours of the toast.
    Theme {
        /// Light text on a dark background.
        Dark = "Dark", 509_180_000;
        /// Dark text on a light background.
        Light = "Light", 509_180_001;
    }
}

static ITEMS: ItemTable = ItemTable {
    own: OWN_FIELDS,
    shared: SHARED_FIELDS,
    name: NameOf::Behind("header"),
    names: Names::Ruled,
};

record! {
    /// A line that belongs to one template, as declared in a document.
    OwnField, OWN_FIELDS {
        /// The header, which is also the key for replacing values.
        header: Text = text("header", "msdyn_title").max(200).localizable().required().label("Field header");
        /// The value next to the header; may contain slugs such as `{customer}`.
        value: Text = text("value", "msdyn_value").max(1028).localizable().label("Value");
        /// Position of the line: must increase along the list.
        order: Number = position("order", "msdyn_order").range(0, 2_147_483_647).more(". Default: the position in the list, from 1").no_box();
        /// Unique name of the line. Set it to keep the row when the header changes.
        name: Text = unique_name("name").max(128).more(". Default: derived from template and header").label("Unique name");
        /// Name on the admin pages.
        display_name: Text = text("displayName", "msdyn_name").max(100).localizable().fill(Fill::TextOf("header")).more(". Default: the header").label("Name");
    }
}

record! {
    /// A line that several templates may share.
    SharedField, SHARED_FIELDS {
        /// A NotificationField that several templates may share.
        shared: Name = links("shared", &NOTIFICATION_FIELDS, Referent::Named(&NOTIFICATION_FIELD), Links::One).required().form("Its unique name").label("Notification Fields");
    }
}

/// One line of a notification.
#[derive(Debug, Clone, Copy)]
pub enum FieldItem<'a> {
    /// A NotificationField that several templates may share.
    Shared(SharedField<'a>),
    /// A field that only this template has.
    Own(OwnField<'a>),
}

impl Viewed for FieldItem<'_> {
    type View<'a> = FieldItem<'a>;

    fn view(record: &Record) -> FieldItem<'_> {
        if std::ptr::eq(record.table(), SHARED_FIELDS) {
            FieldItem::Shared(SharedField::view(record))
        } else {
            FieldItem::Own(OwnField::view(record))
        }
    }
}
