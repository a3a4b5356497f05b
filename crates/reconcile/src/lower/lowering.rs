//! A resource that is being lowered to rows and links.

use std::collections::BTreeMap;

use deskstate_model::{
    Field, Holds, Kind, Links, PartTable, Referent, ResourceKey, SetMode, Span, State, UniqueName,
};

use crate::state::{
    DeclaredMember, DeclaredParts, DeclaredRow, DeclaredSet, Lookup, PartName, RowKey, Universe,
};

/// What lowering a document needs to know about the other documents.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    /// Display names of declared resources that parts are named after.
    pub display_names: BTreeMap<ResourceKey, &'a str>,
    /// Whether a profile with a channel provider also gets the loader extension.
    pub links_loader: bool,
}

/// A resource that is being lowered to rows and links.
pub(crate) struct Lowering<'a> {
    pub(crate) context: &'a Context<'a>,
    pub(crate) kind: Kind,
    pub(crate) state: State,
    /// The unique name of the resource, as written.
    pub(crate) name: &'a str,
    pub(crate) row: DeclaredRow,
    pub(crate) parts: Vec<DeclaredRow>,
    pub(crate) part_lists: Vec<DeclaredParts>,
    pub(crate) sets: Vec<DeclaredSet>,
}

impl Lowering<'_> {
    pub(crate) fn part_key(&self, part: &'static PartTable, name: PartName) -> RowKey {
        RowKey::Part {
            table: part.table,
            of: Box::new(self.row.key.clone()),
            part: name,
        }
    }
}

/// The key of a row that a lookup or a link refers to.
pub(crate) fn target_key(to: Referent, name: &str) -> RowKey {
    match to {
        Referent::Named(table) => RowKey::Named {
            table,
            name: UniqueName::new(name),
        },
        Referent::User => RowKey::Found(Lookup::User(name.to_owned())),
        Referent::Row(table) => RowKey::Found(Lookup::Row {
            table,
            name: name.to_owned(),
        }),
        Referent::WebResource => RowKey::Found(Lookup::WebResource(name.to_owned())),
        Referent::Macro => RowKey::Found(Lookup::Macro(name.to_owned())),
        Referent::Role => RowKey::Found(Lookup::Role {
            name: name.to_owned(),
            business_unit: None,
        }),
    }
}

impl DeclaredSet {
    /// Creates the set of a field; `None` if the field does not consist of links.
    pub(crate) fn new(
        field: &'static Field,
        mode: SetMode,
        members: Vec<DeclaredMember>,
        span: Span,
    ) -> Option<Self> {
        let Holds::Set {
            relationship,
            to,
            links,
        } = field.holds
        else {
            return None;
        };
        let universe = match links {
            Links::All | Links::One | Links::Items(_) => Universe::All,
            Links::Except(name) => Universe::Except(target_key(to, name)),
            Links::Only(name) => Universe::Only(target_key(to, name)),
        };
        Some(Self {
            field,
            relationship,
            mode,
            universe,
            members,
            without: Vec::new(),
            from_teams: Vec::new(),
            moves: false,
            members_are_parts: matches!(links, Links::Items(_)),
            span,
        })
    }
}
