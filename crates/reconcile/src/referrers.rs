//! Who refers to a row: by a link, by a lookup, or as the parent of a part that does.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use crate::field::{Field, Holds, PartTable, Target};
use crate::kinds::{self, tables};
use crate::live::Live;
use crate::table::Table;

/// A row that refers to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Referrer {
    /// Its table; never that of a part, whose parent stands here in its place.
    pub table: &'static Table,
    /// Its id.
    pub id: Uuid,
    /// The field of the manifest that refers, such as `anchorTab`.
    pub word: &'static str,
}

/// Every reference between live rows, by the row that is referred to.
#[derive(Debug, Default)]
pub struct Referrers {
    by_target: HashMap<Uuid, Vec<Referrer>>,
}

/// A lookup column that points to rows deskstate writes.
struct Pointer {
    table: &'static Table,
    column: String,
    word: &'static str,
    /// Where the row is a part: the column that names its parent.
    part: Option<(&'static PartTable, String)>,
}

impl Referrers {
    /// Reads every link and lookup once.
    pub fn of(live: &Live) -> Self {
        let mut by_target: HashMap<Uuid, Vec<Referrer>> = HashMap::new();
        for relationship in tables::RELATIONSHIPS {
            let word = set_word(relationship.schema_name);
            for (owner, member) in &live.links(relationship).pairs {
                by_target.entry(*member).or_default().push(Referrer {
                    table: relationship.owner,
                    id: *owner,
                    word,
                });
            }
        }
        for pointer in pointers() {
            for row in live.table(pointer.table).rows.values() {
                let Some(target) = row.row.uuid(&pointer.column) else {
                    continue;
                };
                let from = match &pointer.part {
                    None => Some((pointer.table, row.id)),
                    Some((part, column)) => row.row.uuid(column).map(|id| (part.parent, id)),
                };
                if let Some((table, id)) = from
                    && id != target
                {
                    by_target.entry(target).or_default().push(Referrer {
                        table,
                        id,
                        word: pointer.word,
                    });
                }
            }
        }
        for found in by_target.values_mut() {
            found.sort();
            found.dedup();
        }
        Self { by_target }
    }

    /// Rows that refer to this one, each way once.
    pub fn to(&self, id: Uuid) -> &[Referrer] {
        self.by_target.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Adds a reference that a plan makes.
    pub(crate) fn add(&mut self, target: Uuid, referrer: Referrer) {
        let found = self.by_target.entry(target).or_default();
        if !found.contains(&referrer) {
            found.push(referrer);
        }
    }
}

impl Referrer {
    /// `SessionTemplate CTI_createSession (anchorTab)`.
    pub fn describe(&self, live: &Live) -> String {
        let kind =
            kinds::by_table(self.table).map_or(self.table.logical, |kind| kind.kind.as_str());
        format!("{kind} {} ({})", live.label(self.table, self.id), self.word)
    }
}

/// The word of the field that a relationship stores.
pub(crate) fn set_word(schema_name: &str) -> &'static str {
    kinds::all()
        .iter()
        .flat_map(|kind| kind.fields)
        .filter(|field| matches!(field.holds, Holds::Set { .. }) && field.column == schema_name)
        .map(|field| field.word)
        // The toggle shares its relationship with the set of channel providers.
        .next_back()
        .unwrap_or_default()
}

fn pointers() -> Vec<Pointer> {
    let named = |field: &Field| {
        matches!(
            field.holds,
            Holds::Lookup {
                to: Target::Named(_),
                ..
            }
        )
    };
    let mut found = Vec::new();
    for kind in kinds::all() {
        for field in kind.fields {
            if named(field) {
                found.push(Pointer {
                    table: kind.table,
                    column: field.read_name(),
                    word: field.word,
                    part: None,
                });
            }
            let Holds::Parts(part) = field.holds else {
                continue;
            };
            let extra = kinds::part_extra_fields(part).iter().copied();
            for lookup in part.fields.iter().chain(extra).filter(|field| named(field)) {
                found.push(Pointer {
                    table: part.table,
                    column: lookup.read_name(),
                    word: field.word,
                    part: Some((part, crate::field::lookup_read_name(part.parent_column))),
                });
            }
        }
    }
    found
}

/// Parents by part: which row a part's row belongs to.
pub(crate) fn parents(live: &Live) -> BTreeMap<Uuid, (&'static Table, Uuid)> {
    let mut parents = BTreeMap::new();
    for part in kinds::part_tables() {
        let column = crate::field::lookup_read_name(part.parent_column);
        for row in live.table(part.table).rows.values() {
            if let Some(parent) = row.row.uuid(&column) {
                parents.insert(row.id, (part.parent, parent));
            }
        }
    }
    parents
}
