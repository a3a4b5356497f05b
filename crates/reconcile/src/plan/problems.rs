//! Messages for problems that prevent a change from being planned.

use deskstate_model::{Diagnostic, Explanation, Table};
use uuid::Uuid;

use crate::state::{DeclaredParts, Lookup, RowKey};

pub(crate) const AMBIGUOUS_ROW: Explanation = Explanation::new(
    "ambiguous-row",
    "Several live rows have the name of one manifest.",
    "Names are compared without case, and some tables do not enforce unique names. deskstate cannot know which row you want, and does not guess.",
    "Delete or rename all but one of the rows in the environment. Parts that are for the same role, tool or feature can only be deleted.",
);

pub(crate) const UNREADABLE: Explanation = Explanation::new(
    "unreadable",
    "You may not see all rows of a table, so deskstate creates, deletes and unlinks nothing in it.",
    "An unreadable row is not a missing row: deskstate cannot tell whether it exists.",
    "Get read access to the whole organization. `deskstate doctor --env NAME` lists the missing rights.",
);

pub(super) const READ_ALL: &str = "run `deskstate doctor --env NAME`: it lists the rights that the caller lacks; if none is missing, run the command again";

pub(super) fn ambiguous(key: &RowKey, ids: &[Uuid]) -> Diagnostic {
    let ids: Vec<String> = ids.iter().map(Uuid::to_string).collect();
    let help = match key {
        RowKey::Found(Lookup::Role { .. }) => {
            "name its business unit: `{role: Agent, businessUnit: Berlin}`"
        }
        // Such rows are told apart by what they are for, not by their names.
        RowKey::Part { .. } => "delete all but one in the environment; deskstate never guesses",
        _ => "delete or rename all but one in the environment; deskstate never guesses",
    };
    Diagnostic::error(
        AMBIGUOUS_ROW.code,
        format!("{key} exists more than once: {}", ids.join(", ")),
    )
    .help(help)
}

pub(super) fn unreadable(what: &str, why: &str) -> Diagnostic {
    Diagnostic::error(
        UNREADABLE.code,
        format!("it is unknown whether {what} exists: {why}"),
    )
    .help(READ_ALL)
}

/// Nothing is deleted if a part of it may be hidden.
pub(super) fn unseen_removal(what: &str, table: &Table, why: &str) -> Diagnostic {
    Diagnostic::error(
        UNREADABLE.code,
        format!(
            "{what} is not deleted, because `{}` can be read only in part: {why}",
            table.logical
        ),
    )
    .help(READ_ALL)
}

/// If rows may be hidden, it is unknown what is left of an apply.
pub(crate) fn unseen_undo(what: &str, table: &Table, why: &str) -> Diagnostic {
    Diagnostic::error(
        UNREADABLE.code,
        format!(
            "{what} cannot be restored, because not all of `{}` can be read: {why}",
            table.logical
        ),
    )
    .help(READ_ALL)
}

pub(super) fn unseen_parts(list: &DeclaredParts, why: &str) -> Diagnostic {
    Diagnostic::error(
        UNREADABLE.code,
        format!(
            "nothing is taken out of `{}`, because only part of it can be read: {why}",
            list.field.word
        ),
    )
    .help(READ_ALL)
}
