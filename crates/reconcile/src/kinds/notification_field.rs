//! Notification fields: the lines of a notification that several templates can share. Dataverse: `msdyn_notificationfield`.

use crate::field::{Field, OWNER, STATUS, number, text};

/// The fields of a notification field. The order is on the field, so it is one for all templates.
pub static FIELDS: &[Field] = &[
    text("displayName", "msdyn_name")
        .localizable()
        .max(100)
        .required(),
    STATUS,
    OWNER,
    text("header", "msdyn_title")
        .localizable()
        .max(200)
        .required(),
    text("value", "msdyn_value").localizable().max(1028),
    number("order", "msdyn_order"),
];
