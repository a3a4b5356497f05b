//! Roles, their copies in every business unit, and their holders.

use std::collections::BTreeMap;

use serde::Deserialize;
use uuid::Uuid;

use super::{SeedError, blank, id_of, set, table};
use crate::schema::Schema;
use crate::security::{self, Right};
use crate::store::{Row, Transaction};
use crate::value::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Role {
    name: String,
    #[serde(default)]
    everything: bool,
    #[serde(default)]
    managed: bool,
    #[serde(default)]
    unmanaged: bool,
    #[serde(default)]
    users: Vec<String>,
    #[serde(default)]
    teams: Vec<String>,
    /// Tables with all rights.
    #[serde(default)]
    full: Vec<String>,
    /// Tables with only the read right.
    #[serde(default)]
    read: Vec<String>,
    #[serde(default)]
    privileges: Vec<String>,
}

/// Creates roles as Dataverse stores them: one root, and a copy in every business unit. Privileges belong to the root.
pub(super) fn make_roles(tx: &mut Transaction<'_>, roles: &[Role]) -> Result<(), SeedError> {
    let schema = tx.schema();
    let (privileges, role_table, units) = (
        table(&schema, "privilege")?,
        table(&schema, "role")?,
        table(&schema, "businessunit")?,
    );
    let mut known = BTreeMap::new();
    let mut extra: Vec<(String, i64)> = [
        "prvActOnBehalfOfAnotherUser",
        "prvPublishCustomization",
        "prvReadCustomization",
        "prvWriteCustomization",
        "prvAssignRole",
        "prvReadSavedQueryVisualizations",
        "prvWriteEntity",
        "prvWriteAttribute",
        "prvWriteRelationship",
    ]
    .map(|name| (name.to_owned(), 0))
    .to_vec();
    extra.extend(crate::security::privilege_names(&schema));
    for (name, right) in extra {
        let id = id_of("privilege", &name);
        let mut row = blank(tx, privileges, id);
        set(&schema, privileges, &mut row, "name", Value::text(&name));
        set(
            &schema,
            privileges,
            &mut row,
            "accessright",
            Value::Int(right),
        );
        tx.put(privileges, row);
        known.insert(name, id);
    }
    let unit_names = ["Contoso", "Contoso Service", "Contoso Back Office"];
    for role in roles {
        let root = id_of("role", &role.name);
        for unit in unit_names {
            let id = if unit == "Contoso" {
                root
            } else {
                id_of("role", &format!("{}/{unit}", role.name))
            };
            let mut row = blank(tx, role_table, id);
            set(
                &schema,
                role_table,
                &mut row,
                "name",
                Value::text(&role.name),
            );
            set(
                &schema,
                role_table,
                &mut row,
                "businessunitid",
                Value::Lookup(units, id_of("businessunit", unit)),
            );
            set(
                &schema,
                role_table,
                &mut row,
                "parentrootroleid",
                Value::Lookup(role_table, root),
            );
            set(
                &schema,
                role_table,
                &mut row,
                "ismanaged",
                Value::Flag(role.managed || !role.unmanaged),
            );
            if let Some(template) = template_of(tx, &role.name) {
                set(&schema, role_table, &mut row, "roletemplateid", template);
            }
            if unit != "Contoso" {
                set(
                    &schema,
                    role_table,
                    &mut row,
                    "parentroleid",
                    Value::Lookup(role_table, root),
                );
            }
            tx.put(role_table, row);
        }
        for name in granted(role, &known, &schema)? {
            let id = *known
                .get(&name)
                .ok_or_else(|| SeedError(format!("privilege `{name}` is unknown")))?;
            security::grant_privilege(tx, root, id, security::Depth::Global)
                .map_err(|error| SeedError(error.message))?;
        }
        for user in &role.users {
            hold(
                tx,
                "systemuserroles_association",
                "systemuser",
                user,
                &role.name,
            )?;
        }
        for team in &role.teams {
            hold(tx, "teamroles_association", "team", team, &role.name)?;
        }
    }
    Ok(())
}

/// The template of a role that every environment has.
fn template_of(tx: &Transaction<'_>, role: &str) -> Option<Value> {
    let templates = tx.schema().named("roletemplate")?;
    let name = tx.schema().table(templates).position("name")?;
    let mut rows = tx.store().rows(templates);
    let found = rows.find(|row| row.cells[name].as_text() == Some(role))?;
    Some(Value::Lookup(templates, found.id))
}

pub(super) fn granted(
    role: &Role,
    known: &BTreeMap<String, Uuid>,
    schema: &Schema,
) -> Result<Vec<String>, SeedError> {
    if role.everything {
        return Ok(known.keys().cloned().collect());
    }
    let mut names = role.privileges.clone();
    for (tables, rights) in [
        (&role.full, &Right::ALL[..]),
        (&role.read, &[Right::Read][..]),
    ] {
        for name in tables {
            let own = schema.table(table(schema, name)?);
            names.extend(
                rights
                    .iter()
                    .filter_map(|right| crate::security::privilege_name(own, *right)),
            );
        }
    }
    names.sort();
    names.dedup();
    Ok(names)
}

/// A user or team holds the copy of a role in its own business unit.
pub(super) fn hold(
    tx: &mut Transaction<'_>,
    relationship: &str,
    holders: &str,
    holder: &str,
    role: &str,
) -> Result<(), SeedError> {
    let schema = tx.schema();
    let holder_table = table(&schema, holders)?;
    let id = id_of(holders, holder);
    let missing = || SeedError(format!("`{holder}`, who holds `{role}`, is not there"));
    let row = tx.get(holder_table, id).ok_or_else(missing)?;
    let unit = schema
        .table(holder_table)
        .position("businessunitid")
        .and_then(|column| row.cells[column].id())
        .ok_or_else(missing)?;
    let roles = table(&schema, "role")?;
    let (name, of) = (
        schema.table(roles).position("name"),
        schema.table(roles).position("businessunitid"),
    );
    let (Some(name), Some(of)) = (name, of) else {
        return Err(missing());
    };
    let copy = tx
        .store()
        .rows(roles)
        .find(|row| row.cells[name].as_text() == Some(role) && row.cells[of].id() == Some(unit))
        .map(|row| row.id)
        .ok_or_else(missing)?;
    let many = schema
        .many_to_many
        .iter()
        .find(|many| many.schema_name == relationship)
        .ok_or_else(missing)?;
    let mut row = Row::new(
        schema.table(many.intersect),
        Uuid::new_v5(&id, copy.as_bytes()),
    );
    row.cells[many.columns[0]] = Value::Id(id);
    row.cells[many.columns[1]] = Value::Id(copy);
    tx.put(many.intersect, row);
    Ok(())
}
