//! What keeps a change from being planned, in words.

use deskstate_model::{Diagnostic, Explanation, Table};
use uuid::Uuid;

use crate::state::{DeclaredParts, RowKey};

pub(crate) const AMBIGUOUS_ROW: Explanation = Explanation::new(
    "ambiguous-row",
    "One live row has the identity that a manifest names.",
    "There are several: names are compared without case, and some tables do not keep them unique. Which one is meant cannot be told, and nothing is guessed.",
    "Delete or rename all but one in the environment.",
);

pub(crate) const UNREADABLE: Explanation = Explanation::new(
    "unreadable",
    "Where the caller may not see all rows, nothing is created, deleted or unlinked.",
    "Unreadable is not absent: nobody can say whether a row is there.",
    "Give the caller read access to the whole organisation; `deskstate doctor --env NAME` lists what is missing.",
);

pub(super) const READ_ALL: &str = "give the caller read access to the whole organisation (`deskstate doctor --env NAME` lists what is missing)";

pub(super) fn ambiguous(key: &RowKey, ids: &[Uuid]) -> Diagnostic {
    let ids: Vec<String> = ids.iter().map(Uuid::to_string).collect();
    Diagnostic::error(
        AMBIGUOUS_ROW.code,
        format!("{key} is there more than once: {}", ids.join(", ")),
    )
    .help("delete or rename all but one in the environment; deskstate never guesses")
}

pub(super) fn unreadable(what: &str, why: &str) -> Diagnostic {
    Diagnostic::error(
        UNREADABLE.code,
        format!("nobody can say whether {what} is there: {why}"),
    )
    .help(READ_ALL)
}

/// Nothing is taken away where something may be hidden.
pub(super) fn unseen_removal(what: &str, table: &Table, why: &str) -> Diagnostic {
    Diagnostic::error(
        UNREADABLE.code,
        format!(
            "{what} is not deleted, since `{}` is not seen as a whole: {why}",
            table.logical
        ),
    )
    .help(READ_ALL)
}

/// Nobody can tell what is left of an apply where something may be hidden.
pub(crate) fn unseen_undo(what: &str, table: &Table, why: &str) -> Diagnostic {
    Diagnostic::error(
        UNREADABLE.code,
        format!(
            "{what} cannot be put back, because not all of `{}` can be read: {why}",
            table.logical
        ),
    )
    .help(READ_ALL)
}

pub(super) fn unseen_parts(list: &DeclaredParts, why: &str) -> Diagnostic {
    Diagnostic::error(
        UNREADABLE.code,
        format!(
            "nothing is taken out of `{}`, since it is not seen as a whole: {why}",
            list.field.word
        ),
    )
    .help(READ_ALL)
}
