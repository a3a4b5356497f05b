//! Rules of the product about links. Each has a switch.

use uuid::Uuid;

use crate::administration;
use crate::error::{Outcome, ServiceError, code};
use crate::rules::{is_customizable, is_managed};
use crate::schema::TableId;
use crate::store::{IndexKey, Transaction};
use crate::value::fold;
use crate::writing::Writing;

/// Checks the product's rules about links. Each has a switch.
pub(crate) fn before_link(
    tx: &Transaction<'_>,
    writing: &Writing<'_>,
    relation: usize,
    side: usize,
    from: Uuid,
    to: Uuid,
) -> Outcome<()> {
    let schema = tx.schema();
    let many = &schema.many_to_many[relation];
    let (first, second) = if side == 0 { (from, to) } else { (to, from) };
    administration::before_membership(tx, relation, (first, second), true)?;
    let linked = |side: usize, id: Uuid| {
        tx.store()
            .find(many.intersect, many.columns[side], &IndexKey::Id(id))
            .unwrap_or_default()
    };
    match many.schema_name.as_str() {
        "msdyn_appconfiguration_systemuser"
            if writing.switches.one_profile_per_user && !linked(1, second).is_empty() =>
        {
            Err(ServiceError::bad(
                code::ISV_ABORTED,
                "The user is already assigned to another app profile.",
            ))
        }
        "msdyn_notificationtemplate_notificationfield"
            if writing.switches.four_notification_fields && linked(0, first).len() >= 4 =>
        {
            Err(ServiceError::bad(
                code::ISV_ABORTED,
                "A notification template takes at most four notification fields.",
            ))
        }
        "msdyn_appconfiguration_sessiontemplate"
            if writing.switches.one_entity_template_per_table =>
        {
            entity_template_once(
                tx,
                many.tables[1],
                second,
                &linked(0, first),
                many.columns[1],
                many.intersect,
            )
        }
        _ => Ok(()),
    }
}

pub(crate) fn entity_template_once(
    tx: &Transaction<'_>,
    templates: TableId,
    template: Uuid,
    links: &[Uuid],
    column: usize,
    intersect: TableId,
) -> Outcome<()> {
    let schema = tx.schema();
    let own = schema.table(templates);
    let (Some(kind), Some(entity)) = (
        own.position("msdyn_sessiontype"),
        own.position("msdyn_entity"),
    ) else {
        return Ok(());
    };
    let entity_of = |id: Uuid| {
        let row = tx.get(templates, id)?;
        (row.cells[kind].int() == Some(1)).then(|| row.cells[entity].as_text().map(fold))?
    };
    let Some(wanted) = entity_of(template) else {
        return Ok(());
    };
    let taken = links
        .iter()
        .filter_map(|link| tx.get(intersect, *link)?.cells[column].id())
        .any(|other| other != template && entity_of(other).as_ref() == Some(&wanted));
    if taken {
        return Err(ServiceError::bad(
            code::ISV_ABORTED,
            format!("The app profile already has an entity session template for '{wanted}'."),
        ));
    }
    Ok(())
}

/// Links of managed rows from solutions cannot be removed if the rows are not customisable.
pub(crate) fn before_unlink(
    tx: &Transaction<'_>,
    _writing: &Writing<'_>,
    relation: usize,
    side: usize,
    from: Uuid,
    to: Uuid,
) -> Outcome<()> {
    let schema = tx.schema();
    let many = &schema.many_to_many[relation];
    let ends = if side == 0 { (from, to) } else { (to, from) };
    administration::before_membership(tx, relation, ends, false)?;
    if !many.component {
        return Ok(());
    }
    let ends = [(many.tables[side], from), (many.tables[1 - side], to)];
    let locked = ends.iter().all(|(table, id)| {
        tx.get(*table, *id).is_some_and(|row| {
            is_managed(schema.table(*table), row) && !is_customizable(schema.table(*table), row)
        })
    });
    if locked {
        return Err(ServiceError::bad(
            code::CANNOT_DELETE_MANAGED,
            "The link belongs to a managed solution and cannot be taken away.",
        ));
    }
    Ok(())
}
