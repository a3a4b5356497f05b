//! Order of notification fields: it must increase along every template's list.

use super::{Context, Index};
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::kinds::{FieldItem, Kind, NotificationField, NotificationTemplate, ResourceKey};
use crate::span::Span;

pub(crate) const FIELD_ORDER: Explanation = Explanation::new(
    "field-order",
    "The order of notification fields does not increase along the list of a template.",
    "Dataverse stores the order on the field, not on the link, so a shared field has one order for all templates. By default, the fields of a template count from 1.",
    "Change `order` of one of the two, or their positions in the list.",
);

pub(super) fn check(context: &Context<'_>, index: &Index<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for declared in context.resources {
        let Some(template) = NotificationTemplate::of(&declared.spec) else {
            continue;
        };
        let mut last: Option<(i64, Span)> = None;
        let Some(items) = template.fields().value() else {
            continue;
        };
        for (at, item) in items.iter().enumerate() {
            let Some((order, said)) = order_of(index, item.value, at) else {
                continue;
            };
            if let Some((before, place)) = last.filter(|(before, _)| order <= *before) {
                let mut diagnostic = Diagnostic::error(FIELD_ORDER.code, format!("a field of order {order} cannot follow one of order {before}"))
                    .at(item.span, format!("order {order}"))
                    .also(place, format!("order {before}"))
                    .help("the order is on the field, one for all templates: change it, or the order of the list");
                if let Some(said) = said {
                    diagnostic = diagnostic.also(said, "said here");
                }
                diagnostics.push(diagnostic);
            }
            last = Some((order, item.span));
        }
    }
}

/// Returns the order of an item and, for a shared field, where that order is set; `None` if nothing here sets it.
fn order_of(index: &Index<'_>, item: FieldItem<'_>, at: usize) -> Option<(i64, Option<Span>)> {
    match item {
        FieldItem::Own(field) => {
            let position = i64::try_from(at + 1).unwrap_or(i64::MAX);
            Some((field.order().value().unwrap_or(position), None))
        }
        FieldItem::Shared(item) => {
            let key = ResourceKey {
                kind: Kind::NOTIFICATION_FIELD,
                name: item.shared().value()?.name().clone(),
            };
            let field = NotificationField::of(&index.find(&key)?.spec)?;
            let order = field.order().spanned()?;
            Some((order.value, Some(order.span)))
        }
    }
}
