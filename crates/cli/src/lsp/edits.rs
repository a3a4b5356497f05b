//! Converts new texts of files into edits of the lines that differ.

use std::collections::HashMap;

use lsp_types::{Range, TextEdit, Uri, WorkspaceEdit};
use similar::{DiffOp, TextDiff};

use super::paths::uri_of;
use super::place::Units;
use super::project::{Project, State};

/// The edit that gives the files these texts.
#[expect(
    clippy::mutable_key_type,
    reason = "the type of the protocol; an address does not change"
)]
pub(super) fn workspace_edit<'t>(
    project: &Project,
    state: &State,
    texts: impl Iterator<Item = (&'t String, &'t String)>,
    units: Units,
) -> WorkspaceEdit {
    let mut changes: HashMap<Uri, Vec<TextEdit>> = HashMap::new();
    for (path, after) in texts {
        let before = state.text(path).unwrap_or_default();
        if let Some(uri) = uri_of(project.root(), path) {
            changes.insert(uri, edits(before, after, units));
        }
    }
    WorkspaceEdit::new(changes)
}

fn edits(before: &str, after: &str, units: Units) -> Vec<TextEdit> {
    let diff = TextDiff::from_lines(before, after);
    let old: Vec<&str> = before.split_inclusive('\n').collect();
    let new: Vec<&str> = after.split_inclusive('\n').collect();
    let start = |at: usize| old[..at].iter().map(|line| line.len()).sum::<usize>();
    diff.ops()
        .iter()
        .filter(|op| !matches!(op, DiffOp::Equal { .. }))
        .map(|op| {
            let bytes = start(op.old_range().start)..start(op.old_range().end);
            let range: Range = units.range(before, &bytes);
            TextEdit::new(range, new[op.new_range()].concat())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_that_differ_are_edited() {
        let before = "a: 1\r\nb: 2\r\nc: 3\r\n";
        let found = edits(before, "a: 1\r\nb: 9\r\nc: 3\r\n", Units::Utf16);
        let [edit] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!(edit.new_text, "b: 9\r\n");
        assert_eq!((edit.range.start.line, edit.range.end.line), (1, 2));
    }
}
