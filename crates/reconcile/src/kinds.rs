//! Applies the definitions of the kinds to the rows of Dataverse tables.

use std::borrow::Cow;

use deskstate_dataverse::{Cell, Row};
use deskstate_model::{
    BETWEEN, Field, Holds, Kind, Links, PartIdentity, PartTable, Referent, Relationship, RowValue,
    RowValueIs, Table, tables,
};

use crate::state::fold;

/// The prefix of Microsoft's unique names.
pub const MICROSOFT_PREFIX: &str = "msdyn_";

/// The part table whose rows are in this table.
pub fn part_of(table: &Table) -> Option<&'static PartTable> {
    Kind::part_tables().find(|part| part.table == table)
}

/// Whether the rows of a table are those of a built-in kind, or parts of them.
pub fn is_of_built_in(table: &Table) -> bool {
    let owner = part_of(table).map_or(table, |part| part.parent);
    Kind::of_table(owner).is_some_and(Kind::is_built_in)
}

/// Columns of built-in kinds that have no field, as the coverage page says with the reasons.
pub const WITHOUT_A_FIELD: [&str; 1] = ["msdyn_productivitypaneuniquename"];

/// Whether a part is inactive, as far as its state was read.
pub fn is_inactive(row: &Row) -> bool {
    row.int(tables::STATUS.column)
        .is_some_and(|state| state != 0)
}

/// All fields that are stored in the rows of a table, whether manifests or deskstate write them, including sets and lists of parts.
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
        .chain(marks(table).iter().map(|mark| mark.field))
}

/// The columns, with their values, that mark protected rows of a table.
pub fn marks(table: &Table) -> &'static [RowValue] {
    Kind::of_table(table).map_or(&[][..], |kind| kind.definition().protected_rows)
}

/// Whether the definition of its kind protects a row, by its name or by its values.
pub fn is_protected(table: &Table, row: &Row) -> bool {
    let by_name = || {
        let kind = Kind::of_table(table)?.definition();
        Some(kind.is_protected(&name_of(table, row)?))
    };
    marks(table).iter().any(|mark| match mark.is {
        RowValueIs::Text(text) => row
            .text(mark.field.column)
            .is_some_and(|live| fold(live) == fold(text)),
        RowValueIs::Number(number) => row.int(mark.field.column) == Some(number),
        RowValueIs::Flag(flag) => row.flag(mark.field.column) == Some(flag),
    }) || by_name() == Some(true)
}

/// The values that distinguish the rows of the kind of a table from other rows of the table.
pub fn row_values(table: &Table) -> &'static [RowValue] {
    Kind::of_table(table).map_or(&[][..], |kind| kind.definition().rows)
}

/// Relationships of a kind to rows that are items of its lists, such as the lines of a notification.
pub fn item_links(kind: Kind) -> impl Iterator<Item = &'static Relationship> {
    kind.fields().iter().filter_map(|field| match field.holds {
        Holds::Set {
            relationship,
            links: Links::Items(_),
            ..
        } => Some(relationship),
        _ => None,
    })
}

/// Sentence that says which rows of a table are of its kind.
pub fn condition(table: &'static Table) -> String {
    let values = row_values(table).iter().map(|value| {
        let is = match value.is {
            RowValueIs::Text(text) => text.to_owned(),
            RowValueIs::Number(number) => number.to_string(),
            RowValueIs::Flag(flag) => flag.to_string(),
        };
        format!("`{}` `{is}`", value.field.column)
    });
    let values: Vec<String> = values.collect();
    format!("a {} has {}", noun(table), values.join(" and "))
}

/// The name of a row: the text of its name column, plus the values of the other columns that identify it.
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

/// The table that contains the rows of a target.
pub fn target_table(to: Referent) -> &'static Table {
    match to {
        Referent::Named(table) | Referent::Row(table) => table,
        Referent::User => &tables::USER,
        Referent::WebResource => &tables::WEB_RESOURCE,
        Referent::Macro => &tables::MACRO,
        Referent::Role => &tables::ROLE,
    }
}

/// Finds a field of a kind by its name in manifests.
pub fn named(kind: Kind, word: &str) -> Option<&'static Field> {
    kind.fields().iter().find(|field| field.word == word)
}

/// Finds a field of app profiles by its name.
pub fn profile(word: &str) -> &'static Field {
    field(Kind::APP_PROFILE.fields(), word)
}

/// What people call the rows of a table: the kind, or the logical name of the table.
pub fn noun(table: &'static Table) -> &'static str {
    Kind::of_table(table).map_or(table.logical, Kind::as_str)
}

/// Finds a field by its name. The names are constants of this crate.
///
/// # Panics
/// If there is no such field. That is a mistake in this crate, which any test that reaches it detects.
pub fn field(fields: &'static [Field], word: &str) -> &'static Field {
    fields
        .iter()
        .find(|field| field.word == word)
        .unwrap_or_else(|| panic!("no field `{word}` in this table"))
}

/// Whether a row of a table with this name is one of Microsoft's, judging by the prefix, or because it is a documented name without the
/// prefix.
pub fn is_microsofts(table: &Table, name: &str) -> bool {
    crate::state::fold(name).starts_with(MICROSOFT_PREFIX)
        || Kind::of_table(table).is_some_and(|kind| kind.brings(name))
}

/// The lookup from a role mapping to its role.
pub fn mapped_role() -> &'static str {
    match tables::ROLES.identity {
        PartIdentity::Lookup(column) => column,
        _ => "",
    }
}

/// The value of a parameter.
pub fn parameter_value() -> &'static Field {
    &tables::PARAMETERS.fields[0]
}

/// The name of a parameter.
pub fn parameter_name() -> &'static Field {
    &tables::PARAMETERS.fields[1]
}
