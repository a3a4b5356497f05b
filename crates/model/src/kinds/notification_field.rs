//! Notification fields that several notification templates share. The order is stored in the field, so it is the same for all templates.

use super::build::{OWNER, number, record, text};
use super::place::now;
use super::{Definition, Place, STATUS, Status, UNIQUE_NAME};
use crate::record::{Number, OwnerOf, Text};
use crate::table::{Names, Table};

/// Notification fields.
pub static NOTIFICATION_FIELD: Table = Table::desk(
    "msdyn_notificationfield",
    "msdyn_notificationfields",
    "msdyn_notificationfieldid",
    0,
);

pub(super) static DEFINITION: Definition = Definition {
    word: "NotificationField",
    title: "Notification field",
    meaning: "A notification field that several notification templates share.",
    note: "A field of one template alone is written in its `fields`.",
    folder: "notification-fields",
    place: Place::Section(now("Notification Fields")),
    table: &NOTIFICATION_FIELD,
    name: &UNIQUE_NAME,
    names: Names::Ruled,
    fields: NOTIFICATION_FIELD_FIELDS,
    ..Definition::NOTHING
};

record! {
    /// The fields of a notification field, as declared in a document.
    NotificationField, NOTIFICATION_FIELD_FIELDS {
        /// Name on the admin pages.
        display_name: Text = text("displayName", "msdyn_name").max(100).localizable().required().label("Name");
        /// Deactivates the field without deleting it.
        status: Status = STATUS;
        /// Who owns the row.
        owner: OwnerOf = OWNER;
        /// The header, which is also the key for replacing values.
        header: Text = text("header", "msdyn_title").max(200).localizable().required().label("Field header");
        /// The value next to the header; can contain slugs such as `{priority}`.
        value: Text = text("value", "msdyn_value").max(1028).localizable().label("Value");
        /// Position in every template that shows the field: must increase from one field to the next in every template. Rows created on the
        /// admin pages have none.
        order: Number = number("order", "msdyn_order").range(0, 2_147_483_647).stored("`msdyn_order`, one for all templates").no_box();
    }
}
