//! Users, teams and security roles, and their assignments.

use std::collections::BTreeSet;

use deskstate_dataverse::{Cell, Row};
use deskstate_model::{lookup_read_name, tables};
use serde_json::Value as Json;
use uuid::Uuid;

use super::Observed;
use crate::live::{Role, RoleHolders, Team, User};
use crate::lower::Desired;
use crate::observe::ask::Scope;
use crate::state::{Lookup, PartName, RowKey, fold};

impl Observed {
    pub(super) fn place_user(&mut self, row: &Row) {
        let text = |column: &str| row.text(column).unwrap_or_default().to_owned();
        let Some(id) = row.uuid("systemuserid") else {
            return;
        };
        let user = User {
            id,
            name: row
                .text("domainname")
                .or_else(|| row.text("internalemailaddress"))
                .or_else(|| row.text("fullname"))
                .unwrap_or_default()
                .to_owned(),
            full_name: text("fullname"),
            email: text("internalemailaddress"),
            object_id: row.uuid("azureactivedirectoryobjectid"),
            disabled: row.flag("isdisabled") == Some(true),
            application: row.uuid("applicationid").is_some(),
            deleted: row.int("deletedstate") == Some(1),
        };
        self.add_user(user);
    }

    fn add_user(&mut self, user: User) {
        if self.found.users.contains_key(&user.id) {
            return;
        }
        let mut names: BTreeSet<String> = [fold(&user.name), fold(&user.email)].into();
        names.extend(user.object_id.map(|id| id.to_string()));
        names.remove("");
        for name in names {
            self.found
                .users_by_name
                .entry(name)
                .or_default()
                .push(user.id);
        }
        self.found.users.insert(user.id, user);
    }

    pub(super) fn place_team(&mut self, row: &Row) {
        let (Some(id), Some(name)) = (row.uuid("teamid"), row.text("name")) else {
            return;
        };
        let mut members = Vec::new();
        for member in row.expanded(tables::TEAM_MEMBERSHIP) {
            let cells = member
                .iter()
                .filter(|(_, value)| !value.is_object() && !value.is_array());
            let member = Row::from_cells(
                cells.map(|(name, value)| (name.as_str(), json_cell(value))),
                None,
            );
            members.extend(member.uuid("systemuserid"));
            self.place_user(&member);
        }
        let cut = row.expanded_may_be_cut(tables::TEAM_MEMBERSHIP);
        self.found.labels.insert(id, name.to_owned());
        let teams = self.found.teams.entry(fold(name)).or_default();
        teams.retain(|team| team.id != id);
        teams.push(Team { id, members, cut });
    }

    /// Roles that assign a profile of the manifests to users, including all known copies. Adds an entry for each root role, without holders
    /// until the answer arrives.
    pub(in crate::observe) fn mapped_roles(
        &mut self,
        desired: &Desired,
        scope: &Scope,
    ) -> BTreeSet<Uuid> {
        use deskstate_model::tables::ROLES;
        let declared = self.declared_rows(ROLES.parent, desired);
        let profile = lookup_read_name(ROLES.parent_column);
        let role = lookup_read_name(crate::kinds::mapped_role());
        let mut roots: BTreeSet<Uuid> = self
            .rows
            .get(ROLES.table)
            .into_iter()
            .flatten()
            .filter(|row| {
                scope.names || row.uuid(&profile).is_some_and(|id| declared.contains(&id))
            })
            .filter_map(|row| row.uuid(&role))
            .map(|id| self.found.roles.get(id).map_or(id, |role| role.root))
            .collect();
        let parts = desired
            .resources
            .values()
            .flat_map(|resource| &resource.parts);
        for part in parts {
            if let RowKey::Part {
                table,
                part: PartName::Row(key),
                ..
            } = &part.key
                && *table == ROLES.table
                && let RowKey::Found(Lookup::Role { name, .. }) = &**key
            {
                roots.extend(self.found.roles.named(name).map(|role| role.root));
            }
        }
        for root in &roots {
            let copies_known = self.found.roles.get(*root).is_some();
            // Users who hold the role only through a team are excluded: role mapping does not apply to teams.
            let holders = RoleHolders {
                users: BTreeSet::new(),
                uncounted: (!copies_known).then(|| "in another business unit".to_owned()),
            };
            self.asked_roles.insert(*root, holders);
        }
        let copies = self
            .found
            .roles
            .all()
            .filter(|role| roots.contains(&role.root))
            .map(|role| role.id);
        copies.chain(roots.iter().copied()).collect()
    }

    /// Whether there are roles whose holders have not been queried.
    pub(in crate::observe) fn asks_anew(&mut self, roles: &BTreeSet<Uuid>) -> bool {
        let new = !roles.is_subset(&self.roles_asked);
        self.roles_asked.extend(roles);
        new
    }

    pub(super) fn place_role_holders(&mut self, rows: &[Row]) {
        self.found.role_holders = std::mem::take(&mut self.asked_roles);
        for row in rows {
            if let (Some(user), Some(role)) = (row.uuid("systemuserid"), row.uuid("roleid")) {
                let root = self.found.roles.get(role).map_or(role, |role| role.root);
                self.found
                    .role_holders
                    .entry(root)
                    .or_default()
                    .users
                    .insert(user);
            }
        }
    }

    pub(super) fn place_role(&mut self, row: &Row) {
        let (Some(id), Some(name)) = (row.uuid("roleid"), row.text("name")) else {
            return;
        };
        let root = row.uuid("_parentrootroleid_value").unwrap_or(id);
        let business_unit = row.uuid("_businessunitid_value");
        self.found.roles.insert(Role {
            id,
            name: name.to_owned(),
            business_unit,
            root,
        });
    }
}

fn json_cell(value: &Json) -> Cell {
    match value {
        Json::Bool(flag) => Cell::Flag(*flag),
        Json::Number(number) => number.as_i64().map_or(Cell::Null, Cell::Int),
        Json::String(text) => Cell::Text(text.as_str().into()),
        Json::Null | Json::Array(_) | Json::Object(_) => Cell::Null,
    }
}
