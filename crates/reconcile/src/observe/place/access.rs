//! What the caller may see, and what exists in the environment.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_dataverse::{Depth, privilege_depths};
use deskstate_model::Table;
use uuid::Uuid;

use super::Observed;
use super::lacking::logical;
use crate::kinds;
use crate::live::Access;
use crate::observe::ask::{guarded_tables, read_privilege, structural_columns};

impl Observed {
    /// The caller's id, if privileges must be queried one by one.
    pub(in crate::observe) fn caller_without_privileges(&mut self) -> Option<Uuid> {
        if self.privileges.iter().any(Option::is_some) || self.privileges_asked_singly {
            return None;
        }
        self.privileges_asked_singly = true;
        self.facts.caller
    }

    /// Privileges from the caller's own roles and from teams. If only one of the two answers is available, some privileges are missing,
    /// which is the safe side.
    pub(super) fn privileges(&self) -> Option<BTreeMap<String, Depth>> {
        if self.privileges.iter().any(Option::is_some) {
            return Some(
                privilege_depths(self.privileges.iter().flatten())
                    .into_iter()
                    .map(|(name, depth)| (name.to_ascii_lowercase(), depth))
                    .collect(),
            );
        }
        if self.single_privileges.is_empty() {
            return None;
        }
        let known = self.single_privileges.iter();
        Some(
            known
                .filter_map(|(name, depth)| Some((name.to_ascii_lowercase(), (*depth)?)))
                .collect(),
        )
    }

    pub(super) fn access(&self, table: &'static Table) -> Access {
        if let Some(refused) = self.refusals.get(table) {
            let undefined = self.definitions_read && !self.defined.contains(table.logical);
            return if refused.is_unknown_set() || undefined {
                Access::Absent
            } else {
                Access::Refused(refused.message.clone())
            };
        }
        if let Some(column) = self.lacks_structure(table) {
            return Access::Refused(format!(
                "`{}` has no column `{}`, which distinguishes its rows",
                table.logical,
                logical(&column)
            ));
        }
        let Some(privileges) = &self.facts.privileges else {
            return Access::Partial("the caller's privileges could not be read".to_owned());
        };
        if !guarded_tables().contains(&table) {
            return Access::Whole;
        }
        match privileges.get(&read_privilege(table).to_ascii_lowercase()) {
            Some(Depth::Global) => Access::Whole,
            Some(depth) => Access::Partial(format!(
                "the caller may read it only as far as {}",
                depth_words(*depth)
            )),
            None if self.facts.more_privileges => Access::Partial(
                "the privileges that could be read do not include one to read it".to_owned(),
            ),
            None => Access::Partial("the caller has no privilege to read it".to_owned()),
        }
    }

    /// A column that identifies rows and that the environment lacks.
    pub(super) fn lacks_structure(&self, table: &'static Table) -> Option<String> {
        structural_columns(table)
            .into_iter()
            .find(|column| self.lacks(table.set, column))
    }

    /// Columns of fields that the environment lacks.
    pub(super) fn missing_columns(&self, table: &'static Table) -> BTreeSet<&'static str> {
        kinds::row_fields(table)
            .filter(|field| field.is_column())
            .flat_map(|field| {
                let mirror = field.mirror.as_ref().map(|mirror| mirror.column);
                std::iter::once(field.column).chain(mirror)
            })
            .filter(|column| self.lacks(table.set, column))
            .collect()
    }
}

fn depth_words(depth: Depth) -> &'static str {
    match depth {
        Depth::Basic => "own rows",
        Depth::Local => "the own business unit",
        Depth::Deep => "the own business unit and those below",
        Depth::Global => "the organization",
    }
}
