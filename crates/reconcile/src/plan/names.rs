//! Names: those of rows that documents declare or include, and paths of fields.

use crate::lower::Desired;
use crate::state::RowKey;
use deskstate_model::{Field, Holds, Table};
use std::collections::HashSet;

/// Tables and unique names of the rows that documents declare.
pub(crate) fn declared_names(desired: &Desired) -> HashSet<(&'static Table, &str)> {
    let rows = desired
        .declared()
        .flat_map(|resource| std::iter::once(&resource.row).chain(&resource.parts));
    let mut names = HashSet::with_capacity(desired.resources.len());
    names.extend(rows.filter_map(|row| named_row(&row.key)));
    names
}

/// Tables and unique names of the rows that documents declare or include in sets.
pub(super) fn named(desired: &Desired) -> HashSet<(&'static Table, &str)> {
    let sets =
        (desired.declared()).flat_map(|resource| resource.sets.iter().chain(&resource.accepted));
    let members = sets.flat_map(|set| &set.members);
    let mut names = declared_names(desired);
    names.extend(members.filter_map(|member| named_row(&member.key)));
    names
}

fn named_row(key: &RowKey) -> Option<(&'static Table, &str)> {
    match key {
        RowKey::Named { table, name } => Some((*table, name.folded())),
        RowKey::Part { .. } | RowKey::Found(_) => None,
    }
}

/// Whether a column repeats the values of parts.
pub(crate) fn is_copy(field: &Field) -> bool {
    matches!(field.holds, Holds::ParametersCopy)
}

/// The path of a field; for a field of a part, below the path of the part.
pub(crate) fn path(prefix: &str, field: &Field) -> String {
    match (prefix, field.word) {
        ("", word) => word.to_owned(),
        (prefix, "") => prefix.to_owned(),
        (prefix, word) => format!("{prefix}.{word}"),
    }
}

pub(super) fn wire(table: &Table, field: &Field) -> String {
    format!("{}.{}", table.logical, field.column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_path_joins_the_list_the_part_and_the_field() {
        let field = Field::new("text", "x", Holds::Text);
        let unnamed = Field::new("", "x", Holds::Text);
        assert_eq!(path("", &field), "text");
        assert_eq!(path("steps.a_b", &field), "steps.a_b.text");
        assert_eq!(path("parameters.url", &unnamed), "parameters.url");
    }
}
