//! Notification templates: the toast of an incoming call or conversation. Dataverse: `msdyn_notificationtemplate`.
//!
//! A field of one template is a row of `msdyn_notificationfield` like a shared one; only its document tells them apart.

use deskstate_model::{
    FieldItem, Given, NotificationTemplate, PartOf, SetMode, Spanned, UniqueName, shortened,
    unique_name_of_part,
};

use super::tables::{NOTIFICATION_FIELD, NOTIFICATION_FIELDS};
use super::{Lowering, notification_field};
use crate::field::{Field, OWNER, STATUS, Target, choice, flag, number, set, text};
use crate::state::{
    DeclaredColumn, DeclaredMember, DeclaredRow, DeclaredSet, RowKey, Stored, Universe,
};

const DESKTOP_MODES: &[(&str, i64)] = &[
    ("Never", 509_180_000),
    ("WhenInBackground", 509_180_001),
    ("Always", 509_180_002),
];
const THEMES: &[(&str, i64)] = &[("Dark", 509_180_000), ("Light", 509_180_001)];

/// The fields of a notification template.
pub static FIELDS: &[Field] = &[
    text("displayName", "msdyn_name")
        .localizable()
        .max(100)
        .required(),
    text("description", "msdyn_description")
        .localizable()
        .max(2000),
    STATUS,
    OWNER,
    text("title", "msdyn_title")
        .localizable()
        .max(100)
        .required(),
    text("icon", "msdyn_icon").localizable().max(1024),
    // The product reads a missing value as Yes; the countdown runs whatever it says.
    flag("showTimeout", "msdyn_showtimeout").null_reads_as(true),
    number("timeoutSeconds", "msdyn_timeout"),
    flag("autoAssignWorkItems", "msdyn_autoacceptnotification"),
    flag("autoAcceptCalls", "msdyn_autopopupsession"),
    flag("showRejectButton", "msdyn_showrejectbutton"),
    text("acceptButton", "msdyn_acceptbuttontext")
        .localizable()
        .max(100),
    text("rejectButton", "msdyn_rejectbuttontext")
        .localizable()
        .max(100),
    choice(
        "desktopNotifications",
        "msdyn_desktopnotificationmode",
        DESKTOP_MODES,
    ),
    choice("theme", "msdyn_theme", THEMES),
    set(
        "fields",
        &NOTIFICATION_FIELDS,
        Target::Named(&NOTIFICATION_FIELD),
    ),
];

fn part_name(template: &str, header: &str) -> String {
    unique_name_of_part(PartOf::NotificationField { template, header })
}

/// Lowers `fields`: a row for each field of this template alone, a link for each, shared or not.
pub(super) fn lower(template: &NotificationTemplate, lowering: &mut Lowering<'_>) {
    let Given::Value(Spanned { value: items, span }) = &template.fields else {
        return;
    };
    let mut members = Vec::new();
    for (index, item) in items.0.iter().enumerate() {
        let key = match &item.value {
            FieldItem::Shared(name) => RowKey::Named {
                table: &NOTIFICATION_FIELD,
                name: name.value.name().clone(),
            },
            FieldItem::Own(own) => {
                let header = own.header.value.as_str();
                let name = own.name.as_ref().map_or_else(
                    || part_name(lowering.name(), header),
                    |name| name.value.clone(),
                );
                let key = RowKey::Named {
                    table: &NOTIFICATION_FIELD,
                    name: UniqueName::new(&name),
                };
                let column = |word: &str, value: Stored, span| DeclaredColumn {
                    field: super::field(notification_field::FIELDS, word),
                    value,
                    span,
                };
                let display = own.display_name.value().map_or(header, String::as_str);
                let mut columns = vec![column(
                    "header",
                    Stored::Text(header.to_owned()),
                    own.header.span,
                )];
                match &own.value {
                    Given::Absent => {}
                    Given::Clear(span) => columns.push(column("value", Stored::Null, *span)),
                    Given::Value(value) => columns.push(column(
                        "value",
                        Stored::Text(value.value.clone()),
                        value.span,
                    )),
                }
                // Position from 1, unless the item says otherwise.
                let position = i64::try_from(index + 1).unwrap_or(i64::MAX);
                let (order, order_span) = match &own.order {
                    Given::Value(order) => (order.value, order.span),
                    Given::Absent | Given::Clear(_) => (position, item.span),
                };
                columns.push(column("order", Stored::Number(order), order_span));
                let mut when_new = vec![(&super::UNIQUE_NAME, Stored::Text(name.clone()))];
                match &own.display_name {
                    Given::Value(written) => {
                        columns.push(column(
                            "displayName",
                            Stored::Text(display.to_owned()),
                            written.span,
                        ));
                    }
                    Given::Absent | Given::Clear(_) => {
                        when_new.push((&super::NAME, Stored::Text(shortened(display, 100))));
                    }
                }
                lowering.parts.push(DeclaredRow {
                    key: key.clone(),
                    columns,
                    when_new,
                    path: format!("fields.{name}"),
                    part: None,
                    only_if_there: false,
                    span: item.span,
                });
                key
            }
        };
        members.push(DeclaredMember {
            key,
            span: item.span,
            implied: false,
        });
    }
    lowering.sets.push(DeclaredSet {
        field: super::field(FIELDS, "fields"),
        relationship: &NOTIFICATION_FIELDS,
        mode: SetMode::Exact,
        universe: Universe::All,
        members,
        without: Vec::new(),
        from_teams: Vec::new(),
        moves: false,
        members_are_parts: true,
        span: *span,
    });
}
