//! Converts new texts of files into edits of what differs.

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
    let old: Vec<&str> = before.split_inclusive('\n').collect();
    let new: Vec<&str> = after.split_inclusive('\n').collect();
    let diff = TextDiff::from_slices(&old, &new);
    let starts: Vec<usize> = std::iter::once(0)
        .chain(old.iter().scan(0, |end, line| {
            *end += line.len();
            Some(*end)
        }))
        .collect();
    let mut edits = Vec::new();
    let mut edit = |start: usize, from: &str, to: &str| {
        let (start, from, to) = without_ends(start, from, to);
        let range: Range = units.range(before, &(start..start + from.len()));
        edits.push(TextEdit::new(range, to.to_owned()));
    };
    for op in diff.ops() {
        let (lines, others) = (op.old_range(), op.new_range());
        match op {
            DiffOp::Equal { .. } => {}
            // Line by line, so that an editor keeps its marks and folds.
            DiffOp::Replace { .. } if lines.len() == others.len() => {
                for (line, other) in lines.zip(others) {
                    edit(starts[line], old[line], new[other]);
                }
            }
            _ => edit(
                starts[lines.start],
                &old[lines].concat(),
                &new[others].concat(),
            ),
        }
    }
    edits
}

/// The words of a text that another text changes, without what both begin and end with.
fn without_ends<'t>(start: usize, from: &'t str, to: &'t str) -> (usize, &'t str, &'t str) {
    let same = |pairs: &mut dyn Iterator<Item = (char, char)>| -> usize {
        pairs
            .take_while(|(one, other)| one == other)
            .map(|(one, _)| one.len_utf8())
            .sum()
    };
    let is_word = |sign: char| sign.is_alphanumeric() || sign == '_';
    let before = same(&mut from.chars().zip(to.chars()));
    let before = from[..before].trim_end_matches(is_word).len();
    let (from, to) = (&from[before..], &to[before..]);
    let after = same(&mut from.chars().rev().zip(to.chars().rev()));
    let ends = &from[from.len() - after..];
    let after = ends.trim_start_matches(is_word).len();
    (
        start + before,
        &from[..from.len() - after],
        &to[..to.len() - after],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_edited() {
        let before = "a: 1\r\nb: 2\r\nc: 3\r\n";
        let found = edits(before, "a: 1\r\nb: 9\r\nc: 3\r\n", Units::Utf16);
        let [edit] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!(edit.new_text, "9");
        let (start, end) = (edit.range.start, edit.range.end);
        assert_eq!((start.line, start.character), (1, 3));
        assert_eq!((end.line, end.character), (1, 4));
    }

    /// almide/almide#927: positions in a text with a single carriage return.
    #[test]
    fn a_carriage_return_of_its_own_moves_no_edit() {
        for before in [
            "# a\r# b\nname: old\n",
            "# a\r\r\nname: old\r\r\n",
            "# a\rname: old",
        ] {
            let after = before.replace("old", "new");
            let found = edits(before, &after, Units::Utf8);
            let [edit] = found.as_slice() else {
                panic!("{before:?}: {found:?}");
            };
            assert_eq!(edit.new_text, "new", "{before:?}");
            let lines: Vec<&str> = before.split_inclusive(['\r', '\n']).collect();
            let line = lines
                .iter()
                .position(|line| line.contains("name"))
                .expect("the line");
            let skipped = before.matches("\r\n").count().min(1);
            assert_eq!(edit.range.start.line as usize, line - skipped, "{before:?}");
            assert_eq!(edit.range.start.character, 6, "{before:?}");
        }
    }
}
