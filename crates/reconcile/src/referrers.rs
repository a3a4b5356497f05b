//! References to a row: by a link, by a lookup, or from a part of another row.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use deskstate_model::{Field, Holds, Kind, PartTable, Referent, Relationship, Table};
use uuid::Uuid;

use crate::kinds;
use crate::live::{Live, ObservedRow};
use crate::plan::{Change, Operation};
use crate::state::fold;

/// References that changes remove.
#[derive(Default)]
struct Gone<'a> {
    links: BTreeSet<(&'static Relationship, Uuid, Uuid)>,
    rows: HashSet<Uuid>,
    /// Lookups that get another value: row and navigation property.
    lookups: HashSet<(Uuid, &'a str)>,
}

impl<'a> Gone<'a> {
    fn with(changes: &'a [Change]) -> Self {
        let mut gone = Self::default();
        for operation in changes.iter().flat_map(|change| &change.operations) {
            match operation {
                Operation::Unlink {
                    relationship,
                    owner,
                    member,
                } => {
                    gone.links.insert((relationship, *owner, *member));
                }
                Operation::Delete { row, along, .. } => {
                    gone.rows.insert(row.id);
                    gone.rows.extend(along.iter().map(|part| part.row.id));
                }
                Operation::Update { row, body, .. } => {
                    gone.lookups
                        .extend(body.iter().map(|(name, _)| (row.id, name.as_str())));
                }
                Operation::Create { .. } | Operation::Link { .. } => {}
            }
        }
        gone
    }
}

/// A row that refers to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Referrer {
    /// Its table. A part is represented by its parent.
    pub(crate) table: &'static Table,
    /// Its id.
    pub(crate) id: Uuid,
    /// The manifest field that contains the reference, such as `anchorTab`.
    pub(crate) word: &'static str,
    /// Whether it refers by name in a text, which Dataverse does not protect.
    pub(crate) by_text: bool,
}

/// All references between live rows, by target.
#[derive(Debug, Default)]
pub(crate) struct Referrers {
    by_target: HashMap<Uuid, Vec<Referrer>>,
}

/// A lookup column that refers to rows that deskstate writes.
struct Pointer {
    table: &'static Table,
    column: String,
    navigation: &'static str,
    word: &'static str,
    /// For a part: its table, and the column that refers to its parent.
    part: Option<(&'static PartTable, String)>,
    /// The table of the target.
    to: &'static Table,
    /// For a text that contains a name instead of a lookup: the table of the target.
    names: Option<&'static Table>,
}

impl Pointer {
    fn of(table: &'static Table, field: &'static Field) -> Option<Self> {
        let (navigation, to, names) = match field.holds {
            Holds::Lookup {
                to: Referent::Named(to),
                navigation,
            } => (navigation, to, None),
            _ => (field.column, field.names?, field.names),
        };
        Some(Self {
            table,
            column: field.read_name().into_owned(),
            navigation,
            word: field.word,
            part: None,
            to,
            names,
        })
    }

    /// The rows that keep a reference, with its target.
    fn left_by<'l>(
        &self,
        live: &'l Live,
        gone: &Gone<'_>,
    ) -> impl Iterator<Item = (&'l ObservedRow, Uuid)> {
        let rows = live.table(self.table).rows.values();
        rows.filter_map(|row| Some((row, self.target(live, row)?)))
            .filter(|(row, _)| {
                !gone.rows.contains(&row.id) && !gone.lookups.contains(&(row.id, self.navigation))
            })
    }

    /// The target of a row's reference.
    fn target(&self, live: &Live, row: &ObservedRow) -> Option<Uuid> {
        match self.names {
            None => row.row.uuid(&self.column),
            Some(table) => {
                let name = fold(row.row.text(&self.column)?);
                live.table(table).named(&name).first().copied()
            }
        }
    }
}

impl Referrers {
    /// Finds all live references.
    pub(crate) fn of(live: &Live) -> Self {
        Self::without(live, &Gone::default())
    }

    /// Finds the references that remain after these changes. New references are not included.
    pub(crate) fn left_by(live: &Live, changes: &[Change]) -> Self {
        Self::without(live, &Gone::with(changes))
    }

    fn without(live: &Live, gone: &Gone<'_>) -> Self {
        let mut by_target: HashMap<Uuid, Vec<Referrer>> = HashMap::new();
        for relationship in Kind::relationships() {
            let word = set_word(relationship.schema_name);
            for (owner, member) in &live.links(relationship).pairs {
                if gone.links.contains(&(relationship, *owner, *member))
                    || gone.rows.contains(owner)
                {
                    continue;
                }
                by_target.entry(*member).or_default().push(Referrer {
                    table: relationship.owner,
                    id: *owner,
                    word,
                    by_text: false,
                });
            }
        }
        for pointer in pointers() {
            for (row, target) in pointer.left_by(live, gone) {
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
                        by_text: pointer.names.is_some(),
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

    /// Rows that refer to this one, once for each way.
    pub(crate) fn to(&self, id: Uuid) -> &[Referrer] {
        self.by_target.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Adds a reference that a plan creates.
    pub(crate) fn add(&mut self, target: Uuid, referrer: Referrer) {
        let found = self.by_target.entry(target).or_default();
        if !found.contains(&referrer) {
            found.push(referrer);
        }
    }
}

impl Referrer {
    /// For example `SessionTemplate CTI_createSession (anchorTab)`.
    pub(crate) fn describe(&self, live: &Live) -> String {
        let kind = kinds::noun(self.table);
        format!("{kind} {} ({})", live.label(self.table, self.id), self.word)
    }
}

/// Tables with lookups to a table. Rows of them that nobody can see may refer to any of its rows.
pub(crate) fn looking_up(table: &'static Table) -> Vec<&'static Table> {
    let pointers = pointers().into_iter();
    let pointing = pointers.filter(|pointer| pointer.names.is_none() && pointer.to == table);
    pointing.map(|pointer| pointer.table).collect()
}

/// A lookup of a row that stays, to a row that changes delete. Dataverse empties it, or deletes the row that has it.
pub(crate) struct Emptied<'l> {
    pub(crate) table: &'static Table,
    pub(crate) row: &'l ObservedRow,
    /// The navigation property of the lookup.
    pub(crate) navigation: &'static str,
    /// For a part: the table and id of the row that it belongs to.
    pub(crate) part_of: Option<(&'static Table, Uuid)>,
}

/// The lookups that changes empty without writing them.
pub(crate) fn emptied<'l>(live: &'l Live, changes: &[Change]) -> Vec<Emptied<'l>> {
    let gone = Gone::with(changes);
    if gone.rows.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for pointer in pointers().iter().filter(|pointer| pointer.names.is_none()) {
        for (row, target) in pointer.left_by(live, &gone) {
            if !gone.rows.contains(&target) {
                continue;
            }
            let part = pointer.part.as_ref();
            let part_of =
                part.and_then(|(part, column)| Some((part.parent, row.row.uuid(column)?)));
            found.push(Emptied {
                table: pointer.table,
                row,
                navigation: pointer.navigation,
                part_of,
            });
        }
    }
    found
}

/// The name of the field that a relationship stores.
pub(crate) fn set_word(schema_name: &str) -> &'static str {
    Kind::all()
        .flat_map(|kind| kind.fields())
        .filter(|field| matches!(field.holds, Holds::Set { .. }) && field.column == schema_name)
        .map(|field| field.word)
        // The toggle shares its relationship with the set of channel providers.
        .next_back()
        .unwrap_or_default()
}

fn pointers() -> Vec<Pointer> {
    let mut found = Vec::new();
    for kind in Kind::all() {
        for field in kind.fields() {
            found.extend(Pointer::of(kind.table(), field));
            let Holds::Parts(part) = field.holds else {
                continue;
            };
            let inner = part.fields.iter();
            let inner = inner.filter_map(|lookup| Pointer::of(part.table, lookup));
            found.extend(inner.map(|pointer| Pointer {
                word: field.word,
                part: Some((part, deskstate_model::lookup_read_name(part.parent_column))),
                ..pointer
            }));
        }
    }
    found
}

/// Maps parts to the rows that they belong to.
pub(crate) fn parents(live: &Live) -> BTreeMap<Uuid, (&'static Table, Uuid)> {
    let mut parents = BTreeMap::new();
    for part in Kind::part_tables() {
        let column = deskstate_model::lookup_read_name(part.parent_column);
        for row in live.table(part.table).rows.values() {
            if let Some(parent) = row.row.uuid(&column) {
                parents.insert(row.id, (part.parent, parent));
            }
        }
    }
    parents
}
