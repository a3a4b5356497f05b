//! What the caller may see, and what the environment has.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_dataverse::{Depth, privilege_depths};
use uuid::Uuid;

use super::Observed;
use crate::kinds;
use crate::live::Access;
use crate::observe::ask::{columns, guarded_tables, part_of, read_privilege};
use crate::table::Table;

impl Observed {
    /// Columns that deskstate reads and this environment lacks; without metadata, those known to be recent.
    pub(in crate::observe) fn lacking(&self, table: &'static Table) -> Vec<String> {
        let known = self.columns.get(table.logical);
        columns(table)
            .into_iter()
            .filter(|column| {
                let logical = column
                    .strip_prefix('_')
                    .and_then(|rest| rest.strip_suffix("_value"))
                    .unwrap_or(column);
                match known {
                    Some(known) if !known.is_empty() => !known.contains(logical),
                    _ => {
                        recent_columns(table).any(|recent| recent == logical)
                            || logical == "iscustomizable"
                            || logical == "ismanaged"
                    }
                }
            })
            .collect()
    }

    /// The caller's id, if privileges must be asked one by one.
    pub(in crate::observe) fn caller_without_privileges(&mut self) -> Option<Uuid> {
        if self.privileges.iter().any(Option::is_some) || self.privileges_asked_singly {
            return None;
        }
        self.privileges_asked_singly = true;
        self.facts.caller
    }

    /// Privileges of own roles and of teams; one of the two answers alone says less than there is, which is the safe side.
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
        if let Some(refused) = self.refusals.get(table)
            && !self.rows.contains_key(table)
        {
            return if refused.is_unknown_set()
                || (self.definitions_read && !self.columns.contains_key(table.logical))
            {
                Access::Absent
            } else {
                Access::Refused(refused.message.clone())
            };
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
            None => Access::Partial("the caller has no privilege to read it".to_owned()),
        }
    }

    pub(super) fn missing_fields(&self, table: &'static Table) -> BTreeSet<&'static str> {
        let Some(known) = self
            .columns
            .get(table.logical)
            .filter(|known| !known.is_empty())
        else {
            return if self.refusals.contains_key(table) {
                recent_columns(table).collect()
            } else {
                BTreeSet::new()
            };
        };
        let kind = kinds::by_table(table).map_or(&[][..], |kind| kind.fields);
        let part = part_of(table).map_or(&[][..], |part| part.fields);
        let fields = kind.iter().chain(part).filter(|field| field.is_column());
        fields
            .map(|field| field.column)
            .filter(|column| !known.contains(*column))
            .collect()
    }
}

fn recent_columns(table: &'static Table) -> impl Iterator<Item = &'static str> {
    let kind = kinds::by_table(table).map_or(&[][..], |kind| kind.fields);
    let part = part_of(table).map_or(&[][..], |part| part.fields);
    kind.iter()
        .chain(part)
        .filter(|field| field.recent)
        .map(|field| field.column)
}

fn depth_words(depth: Depth) -> &'static str {
    match depth {
        Depth::Basic => "own rows",
        Depth::Local => "the own business unit",
        Depth::Deep => "the own business unit and those below",
        Depth::Global => "the organisation",
    }
}
