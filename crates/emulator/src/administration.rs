//! Rules of the platform about its own rows: business units, users, teams and the organization.
//!
//! Texts and codes are those of Microsoft's list of web service error codes.

use uuid::Uuid;

use crate::error::{Outcome, ServiceError, code};
use crate::schema::{Schema, Table, TableId};
use crate::store::{IndexKey, Row, Transaction};

const ADMINISTRATORS: &str = "System Administrator";

/// Checks whether the platform lets a row be created.
pub(crate) fn before_create(table: &Table) -> Outcome<()> {
    match table.name.as_str() {
        "organization" => Err(ServiceError::not_for("Create", &table.name)),
        _ => Ok(()),
    }
}

/// Checks whether the platform lets a row be changed.
pub(crate) fn before_update(
    tx: &Transaction<'_>,
    table: &Table,
    before: &Row,
    after: &Row,
) -> Outcome<()> {
    let becomes_disabled = flag(table, after, "isdisabled") && !flag(table, before, "isdisabled");
    match table.name.as_str() {
        "businessunit" if becomes_disabled && is_root(table, before) => Err(ServiceError::bad(
            code::UNIT_NEEDED,
            "Root Business unit cannot be disabled.",
        )),
        "systemuser" if becomes_disabled && is_last_administrator(tx, before.id) => {
            Err(ServiceError::bad(
                code::LAST_ADMINISTRATOR,
                "A user cannot be disabled if they are the only user that has the System Administrator Role.",
            ))
        }
        "team" if flag(table, before, "isdefault") && differs(table, before, after, "name") => {
            Err(ServiceError::bad(
                code::DEFAULT_TEAM_NAME,
                "The name of the default business unit team can't be updated.",
            ))
        }
        _ => Ok(()),
    }
}

/// Checks whether the platform lets a row be deleted.
pub(crate) fn before_delete(tx: &Transaction<'_>, table: &Table, row: &Row) -> Outcome<()> {
    match table.name.as_str() {
        "businessunit" if !flag(table, row, "isdisabled") => Err(ServiceError::bad(
            code::UNIT_NOT_DISABLED,
            "Not disabled business unit cannot be deleted.",
        )),
        "businessunit" if has_units(tx, table, row.id) => Err(ServiceError::bad(
            code::UNIT_HAS_CHILDREN,
            "Business unit has a child business unit and cannot be deleted.",
        )),
        "organization" => Err(ServiceError::not_for("Delete", &table.name)),
        // A user is removed in Microsoft Entra first, which disables the row.
        "systemuser" if !flag(table, row, "isdisabled") => {
            Err(ServiceError::not_for("Delete", &table.name))
        }
        "team" if flag(table, row, "isdefault") => Err(ServiceError::bad(
            code::DEFAULT_TEAM_DELETED,
            "The default business unit team can't be deleted.",
        )),
        _ => Ok(()),
    }
}

/// The members of a default team are the users of its business unit. `adds` says whether one is to be added or removed.
pub(crate) fn before_membership(
    tx: &Transaction<'_>,
    relation: usize,
    (first, second): (Uuid, Uuid),
    adds: bool,
) -> Outcome<()> {
    let schema = tx.schema();
    let many = &schema.many_to_many[relation];
    if many.schema_name != "teammembership_association" {
        return Ok(());
    }
    for (table, id) in many.tables.into_iter().zip([first, second]) {
        let own = schema.table(table);
        let is_default = own.name == "team"
            && tx
                .get(table, id)
                .is_some_and(|row| flag(own, row, "isdefault"));
        if is_default {
            let (code, what) = match adds {
                true => (code::DEFAULT_TEAM_GAINS, "add members to"),
                false => (code::DEFAULT_TEAM_LOSES, "remove members from"),
            };
            return Err(ServiceError::bad(
                code,
                format!("Can't {what} the default business unit team (TeamId = {id})."),
            ));
        }
    }
    Ok(())
}

fn flag(table: &Table, row: &Row, column: &str) -> bool {
    let column = table.position(column);
    column.and_then(|column| row.cells[column].flag()) == Some(true)
}

fn differs(table: &Table, before: &Row, after: &Row, column: &str) -> bool {
    let column = table.position(column);
    column.is_some_and(|column| before.cells[column] != after.cells[column])
}

fn is_root(table: &Table, unit: &Row) -> bool {
    let parent = table.position("parentbusinessunitid");
    parent.is_some_and(|parent| unit.cells[parent].is_null())
}

fn has_units(tx: &Transaction<'_>, table: &Table, unit: Uuid) -> bool {
    let parent = table.position("parentbusinessunitid");
    let children = parent.and_then(|parent| tx.store().find(table.id, parent, &IndexKey::Id(unit)));
    children.is_some_and(|children| !children.is_empty())
}

/// Whether nobody else who is enabled, applications aside, holds the role of administrators.
fn is_last_administrator(tx: &Transaction<'_>, user: Uuid) -> bool {
    let schema = tx.schema();
    let holders = administrators(tx, schema.as_ref()).unwrap_or_default();
    holders == [user]
}

fn administrators(tx: &Transaction<'_>, schema: &Schema) -> Option<Vec<Uuid>> {
    let (roles, users): (TableId, TableId) = (schema.named("role")?, schema.named("systemuser")?);
    let links = schema
        .many_to_many
        .iter()
        .find(|many| many.schema_name == "systemuserroles_association")?;
    let side = links.tables.iter().position(|table| *table == users)?;
    let (role_name, own) = (schema.table(roles).position("name")?, schema.table(users));
    let application = own.position("applicationid")?;
    let mut found = Vec::new();
    for link in tx.store().rows(links.intersect) {
        let role = link.cells[links.columns[1 - side]].id()?;
        let holder = link.cells[links.columns[side]].id()?;
        let is_theirs = tx
            .get(roles, role)
            .is_some_and(|role| role.cells[role_name].as_text() == Some(ADMINISTRATORS));
        let is_person = tx
            .get(users, holder)
            .is_some_and(|row| row.cells[application].is_null() && !flag(own, row, "isdisabled"));
        if is_theirs && is_person {
            found.push(holder);
        }
    }
    found.sort();
    found.dedup();
    Some(found)
}
