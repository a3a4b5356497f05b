//! Names and ids: which row one of them means.

use std::collections::{BTreeMap, HashMap};

use deskstate_dataverse::{Cell, Row};
use deskstate_model::{Kind, Referent, ResourceKey, Table, tables};
use uuid::Uuid;

use super::super::gathered::{FileRow, FileUser, Said, as_id};
use super::{Assembling, derived};
use crate::kinds::{MICROSOFT_PREFIX, target_table};
use crate::live::{Role, User};
use crate::state::{Lookup, fold};

impl Assembling {
    pub(super) fn named(&mut self, names: BTreeMap<&'static Table, HashMap<Uuid, String>>) {
        for (table, names) in names {
            let sorted: BTreeMap<Uuid, String> = names.into_iter().collect();
            for (id, name) in sorted {
                self.looked_up(table, id, &name);
            }
        }
    }

    /// Adds a row that is looked up but never written.
    fn looked_up(&mut self, table: &Table, id: Uuid, name: &str) {
        let lookup = if table == &tables::ROLE {
            self.found.roles.insert(Role {
                id,
                name: name.to_owned(),
                business_unit: None,
                root: id,
            });
            return;
        } else if table == &tables::MACRO {
            Lookup::Macro(name.to_owned())
        } else {
            Lookup::WebResource(name.to_owned())
        };
        self.found.labels.insert(id, name.to_owned());
        let ids = self.found.rows.entry(lookup).or_default();
        if !ids.contains(&id) {
            ids.push(id);
        }
    }

    pub(super) fn people(&mut self, users: Vec<FileUser>) {
        for user in users {
            for name in [&user.name, &user.email] {
                if !name.is_empty() {
                    let ids = self.found.users_by_name.entry(fold(name)).or_default();
                    if !ids.contains(&user.id) {
                        ids.push(user.id);
                    }
                }
            }
            if let Some(object_id) = user.object_id {
                let ids = self
                    .found
                    .users_by_name
                    .entry(object_id.to_string())
                    .or_default();
                ids.push(user.id);
            }
            let user = User {
                id: user.id,
                name: user.name,
                full_name: user.full_name,
                email: user.email,
                object_id: user.object_id,
                disabled: user.disabled,
                application: false,
                deleted: false,
            };
            self.found.users.insert(user.id, user);
        }
    }

    /// Assigns an id to every row. Identical copies of a row are merged; different rows that share a name or an id remain separate.
    pub(super) fn identify(&mut self, rows: Vec<FileRow>) -> Vec<(Uuid, FileRow)> {
        let mut identified: Vec<(Uuid, FileRow)> = Vec::new();
        let mut places: HashMap<(&'static Table, Uuid), usize> = HashMap::new();
        for row in rows {
            let text = |column: &str| match row.columns.get(column) {
                Some(Said::Text(text, _)) if !text.trim().is_empty() => Some(text.as_str()),
                _ => None,
            };
            let name = row.table.name.and_then(text);
            let mut id = text(row.table.key)
                .and_then(as_id)
                .unwrap_or_else(|| derived(row.table, name.unwrap_or(&row.place)));
            if let Some(at) = places.get(&(row.table, id)) {
                if identified[*at].1.columns == row.columns {
                    continue;
                }
                id = derived(row.table, &format!("{}\n{}", row.place, identified.len()));
            }
            if let Some(name) = name {
                self.by_name.entry((row.table, fold(name))).or_insert(id);
            } else {
                self.found.labels.insert(id, row.place.clone());
            }
            self.ids.entry(row.table).or_default().insert(id);
            places.insert((row.table, id), identified.len());
            identified.push((id, row));
        }
        identified
    }

    /// Finds the row that these columns identify. A row that the file refers to but does not contain belongs to somebody else.
    pub(super) fn target(
        &mut self,
        table: &'static Table,
        columns: &[(String, String)],
    ) -> Option<Uuid> {
        let of = |column: &str| {
            columns
                .iter()
                .find(|(own, value)| own.eq_ignore_ascii_case(column) && !value.trim().is_empty())
                .map(|(_, value)| value.trim())
        };
        let by_id = of(table.key).and_then(as_id);
        if let Some(id) = by_id.filter(|id| self.ids.get(table).is_some_and(|ids| ids.contains(id)))
        {
            return Some(id);
        }
        let name = table.name.and_then(of).or_else(|| match columns {
            [(_, only)] if as_id(only).is_none() && !only.trim().is_empty() => Some(only.trim()),
            _ => None,
        });
        let Some(name) = name else {
            return by_id.or_else(|| columns.iter().find_map(|(_, value)| as_id(value)));
        };
        if let Some(id) = self.by_name.get(&(table, fold(name))) {
            return Some(*id);
        }
        if let Some(id) = self.foreign.named(table, name) {
            return Some(id);
        }
        let id = by_id.unwrap_or_else(|| derived(table, name));
        self.by_name.insert((table, fold(name)), id);
        self.ids.entry(table).or_default().insert(id);
        let mut cells = vec![(table.key, Cell::from(id))];
        if let Some(column) = table.name {
            cells.push((column, Cell::from(name.to_owned())));
        }
        cells.push(("ismanaged", Cell::Flag(true)));
        self.rows
            .entry(table)
            .or_default()
            .push(Row::from_cells(cells, None));
        if let Some(kind) = Kind::of_table(table)
            && !fold(name).starts_with(MICROSOFT_PREFIX)
        {
            self.referred.push(ResourceKey::new(kind, name));
        }
        Some(id)
    }

    /// Finds the target of a lookup. If the file has no name for an id, the id is returned.
    pub(super) fn lookup(&mut self, to: Referent, said: &Said) -> Option<Uuid> {
        let single;
        let columns = match said {
            Said::Row(columns) => columns,
            Said::Text(text, _) => {
                single = vec![(String::new(), text.clone())];
                &single
            }
        };
        if let Referent::Named(table) = to {
            return self.target(table, columns);
        }
        let id = columns.iter().find_map(|(_, value)| as_id(value));
        if id.is_some() || matches!(to, Referent::User) {
            return id;
        }
        let name = columns.first().map(|(_, value)| value.trim().to_owned())?;
        let table = target_table(to);
        let known = match to {
            Referent::Role => self.found.roles.named(&name).next().map(|role| role.id),
            Referent::Macro => self
                .found
                .rows
                .get(&Lookup::Macro(name.clone()))
                .and_then(|ids| ids.first().copied()),
            Referent::WebResource => self
                .found
                .rows
                .get(&Lookup::WebResource(name.clone()))
                .and_then(|ids| ids.first().copied()),
            Referent::Named(_) | Referent::User | Referent::Row(_) => None,
        };
        let id = known.unwrap_or_else(|| derived(table, &name));
        self.looked_up(table, id, &name);
        Some(id)
    }
}
