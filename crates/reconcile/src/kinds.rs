//! What the tables of the kinds say about the rows of Dataverse tables.

use std::borrow::Cow;

use deskstate_dataverse::{Cell, Row};
use deskstate_model::{
    BETWEEN, Field, Holds, Kind, PartIdentity, PartTable, Referent, Table, tables,
};

/// The beginning of unique names that are Microsoft's.
pub const MICROSOFT_PREFIX: &str = "msdyn_";

/// The part table whose rows are in this table.
pub fn part_of(table: &Table) -> Option<&'static PartTable> {
    Kind::part_tables().find(|part| part.table == table)
}

/// Every field that is kept in the rows of a table, whether a manifest writes it or deskstate does: sets and lists of parts among them.
pub fn row_fields(table: &Table) -> impl Iterator<Item = &'static Field> {
    let kind = Kind::of_table(table).map(Kind::definition);
    let own = kind.into_iter().flat_map(|kind| {
        let name = std::iter::once(kind.name);
        let own = kind.fields.iter().chain(kind.companions);
        let told = kind
            .also
            .iter()
            .chain(kind.rows.iter().map(|row| row.field));
        own.chain(name).chain(told)
    });
    own.chain(part_of(table).map_or(&[][..], |part| part.fields))
}

/// The name of a row: the text of its name column, and the values of the columns that identify it too.
pub fn name_of<'r>(table: &Table, row: &'r Row) -> Option<Cow<'r, str>> {
    let name = row.text(table.name?)?;
    let also = Kind::of_table(table).map_or(&[][..], |kind| kind.definition().also);
    if also.is_empty() {
        return Some(Cow::Borrowed(name));
    }
    let mut whole = name.trim().to_owned();
    for field in also {
        whole.push_str(BETWEEN);
        match row.get(field.column) {
            Cell::Text(text) => whole.push_str(text.trim()),
            Cell::Int(number) => {
                let mut options = field.options().iter();
                match options.find(|option| option.number == *number) {
                    Some(option) => whole.push_str(option.word),
                    None => whole.push_str(&number.to_string()),
                }
            }
            _ => {}
        }
    }
    Some(Cow::Owned(whole))
}

/// The tables of a kind: its own, and those of its parts.
pub fn tables_of(kind: Kind) -> impl Iterator<Item = &'static Table> {
    let parts = kind.fields().iter().filter_map(|field| match field.holds {
        Holds::Parts(part) => Some(part.table),
        _ => None,
    });
    std::iter::once(kind.table()).chain(parts)
}

/// The table that a target's rows are in.
pub fn target_table(to: Referent) -> &'static Table {
    match to {
        Referent::Named(table) | Referent::Row(table) => table,
        Referent::User => &tables::USER,
        Referent::WebResource => &tables::WEB_RESOURCE,
        Referent::Macro => &tables::MACRO,
        Referent::Role => &tables::ROLE,
    }
}

/// The field of a kind by its word in a manifest.
pub fn named(kind: Kind, word: &str) -> Option<&'static Field> {
    kind.fields().iter().find(|field| field.word == word)
}

/// A field of app profiles by its word.
pub fn profile(word: &str) -> &'static Field {
    field(Kind::APP_PROFILE.fields(), word)
}

/// What people call the rows of a table: the kind, or the table's own name.
pub fn noun(table: &'static Table) -> &'static str {
    Kind::of_table(table).map_or(table.logical, Kind::as_str)
}

/// The field of a table by its word. The words are constants of this crate.
///
/// # Panics
/// If the table has no such word: a mistake in this crate, caught by any test that gets there.
pub fn field(fields: &'static [Field], word: &str) -> &'static Field {
    fields
        .iter()
        .find(|field| field.word == word)
        .unwrap_or_else(|| panic!("no field `{word}` in this table"))
}

/// Whether a row of a table with this name is one of Microsoft's: by the prefix, or by a documented name without it.
pub fn is_microsofts(table: &Table, name: &str) -> bool {
    crate::state::fold(name).starts_with(MICROSOFT_PREFIX)
        || Kind::of_table(table).is_some_and(|kind| kind.brings(name))
}

/// The lookup of a mapping to its role.
pub fn mapped_role() -> &'static str {
    match tables::ROLES.identity {
        PartIdentity::Lookup(column) => column,
        _ => "",
    }
}

/// The text that a parameter holds.
pub fn parameter_value() -> &'static Field {
    &tables::PARAMETERS.fields[0]
}

/// The name of a parameter.
pub fn parameter_name() -> &'static Field {
    &tables::PARAMETERS.fields[1]
}
