//! Determines what is being typed: finds the place in the document even though the document cannot be parsed while a word is missing.
//!
//! A word that nobody would write is inserted at the cursor, as a value and as a key, into the document, into the part up to the cursor,
//! and into only the lines that lead to the cursor. The first variant that can be parsed determines the place.

use std::ops::Range;

use deskstate_model::{PathStep, Tree, TreeValue};

/// A word that nobody would write.
const MARK: &str = "zqxCURSORxqz";

/// The place that is being typed at.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cursor {
    /// The document with the mark in it.
    pub(super) document: Tree,
    /// The path to the typed word.
    pub(super) path: Vec<PathStep>,
    /// What the typed word can be.
    pub(super) is: Typed,
    /// The range that a completion replaces, in bytes of the file.
    pub(super) replaced: Range<usize>,
    /// The range of the scalar around it, which the completion of a name replaces.
    pub(super) scalar: Option<Range<usize>>,
}

/// The role of a word at the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Typed {
    /// A key of the mapping that the path leads to, with or without a colon after it.
    Key { has_colon: bool },
    /// The value that the path leads to.
    Value,
    /// The value, or the first key of a mapping in its place.
    ValueOrKey,
}

/// Determines the place that is being typed at.
pub(super) fn at(text: &str, byte: usize) -> Option<Cursor> {
    let document = document_around(text, byte);
    let (before, after) = (&text[document.start..byte], &text[byte..document.end]);
    let line_rest = after.split(['\n', '\r']).next().unwrap_or_default();
    let closers = closers(before);
    let lines = leading_lines(before);
    let key = format!("{MARK}:");
    let candidates = [
        format!("{before}{MARK}{after}"),
        format!("{before}{key} {after}"),
        format!("{before}{MARK}{line_rest}"),
        format!("{before}{MARK}{closers}"),
        format!("{before}{key} {line_rest}"),
        format!("{before}{key} {closers}"),
        format!("{lines}{MARK}{closers}"),
        format!("{lines}{key} {closers}"),
    ];
    candidates.iter().find_map(|candidate| {
        let (documents, is_whole) = Tree::read(candidate);
        let [tree] = documents.as_slice() else {
            return None;
        };
        if !is_whole {
            return None;
        }
        let mut path = Vec::new();
        let found = find(tree, &mut path)?;
        let scalar = match &found {
            Mark::Value(place) => scalar_around((text, &document, byte), candidate, place),
            Mark::Key => None,
        };
        let is = match found {
            Mark::Key => Typed::Key {
                has_colon: line_rest.trim_start_matches(is_word).starts_with(':'),
            },
            Mark::Value(place) => {
                let line = candidate[..place.start]
                    .rsplit('\n')
                    .next()
                    .unwrap_or_default();
                let is_first = line.chars().all(|one| matches!(one, ' ' | '-'));
                if is_first {
                    Typed::ValueOrKey
                } else {
                    Typed::Value
                }
            }
        };
        Some(Cursor {
            document: tree.clone(),
            path,
            is,
            replaced: word_around(text, byte),
            scalar,
        })
    })
}

/// The range of the document around a byte of a file.
fn document_around(text: &str, byte: usize) -> Range<usize> {
    let is_border = |line: &str| line.trim_end() == "---" || line.starts_with("--- ");
    let mut range = 0..text.len();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if is_border(line) {
            if at + line.len() <= byte {
                range.start = at + line.len();
            } else if at >= byte {
                range.end = at;
                break;
            }
        }
        at += line.len();
    }
    range
}

/// The characters that close the open brackets and quotes in the line of the cursor.
fn closers(before: &str) -> String {
    let line = before.rsplit('\n').next().unwrap_or_default();
    let mut open = Vec::new();
    let mut quote = None;
    for one in line.chars() {
        match (quote, one) {
            (Some(mark), _) if mark == one => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(one),
            (None, '[') => open.push(']'),
            (None, '{') => open.push('}'),
            (None, ']' | '}') => drop(open.pop()),
            (None, _) => {}
        }
    }
    quote.into_iter().chain(open.into_iter().rev()).collect()
}

/// The lines that lead to the last one: those above it with less indentation, and `kind`, which decides what is valid.
fn leading_lines(before: &str) -> String {
    let mut lines: Vec<&str> = before.split('\n').collect();
    let last = lines.pop().unwrap_or_default();
    let space = |line: &str| line.len() - line.trim_start_matches([' ', '-']).len();
    let mut least = space(last);
    let mut kept = vec![last];
    for line in lines.iter().rev() {
        let is_written = !line.trim().is_empty() && !line.trim_start().starts_with('#');
        if is_written && (space(line) < least || line.starts_with("kind:")) {
            least = least.min(space(line));
            kept.push(line);
        }
    }
    kept.reverse();
    kept.join("\n")
}

fn is_word(one: char) -> bool {
    one.is_alphanumeric() || matches!(one, '_' | '-' | '.' | '@' | '$')
}

/// The word around a byte.
fn word_around(text: &str, byte: usize) -> Range<usize> {
    let before = text[..byte].trim_end_matches(is_word).len();
    let after = text[byte..]
        .find(|one| !is_word(one))
        .unwrap_or(text.len() - byte);
    before..byte + after
}

/// The range of a scalar around a byte, with its quotation marks, if it is in one line and can be replaced as a whole. `place` is where it
/// is in the candidate, which has a mark at the byte.
fn scalar_around(
    (text, document, byte): (&str, &Range<usize>, usize),
    candidate: &str,
    place: &Range<usize>,
) -> Option<Range<usize>> {
    let (before, after) = (&text[document.start..byte], &text[byte..document.end]);
    let rest = candidate.strip_prefix(before)?.strip_prefix(MARK)?;
    let start = (place.start <= before.len()).then_some(document.start + place.start)?;
    let tail = place.end.saturating_sub(before.len() + MARK.len());
    let tail = rest.get(..tail).filter(|tail| after.starts_with(tail));
    let end = byte + tail.map_or(0, str::len);
    let above = text[..start].trim_end_matches(' ');
    let above = above.strip_suffix('\n').map(str::trim_end);
    let is_block = above.is_some_and(|above| {
        let header = above.trim_end_matches(['-', '+']);
        header.ends_with(['|', '>'])
    });
    let scalar = text.get(start..end)?;
    let is_whole = !is_block && !scalar.contains('\n') && !scalar.starts_with(['&', '!', '*']);
    is_whole.then_some(start..end)
}

enum Mark {
    Key,
    Value(Range<usize>),
}

fn find(tree: &Tree, path: &mut Vec<PathStep>) -> Option<Mark> {
    match &tree.value {
        TreeValue::Null => None,
        TreeValue::Scalar(text) => text.contains(MARK).then(|| Mark::Value(tree.place.clone())),
        TreeValue::List(items) => items.iter().enumerate().find_map(|(at, item)| {
            path.push(PathStep::Item(at));
            let found = find(item, path);
            if found.is_none() {
                path.pop();
            }
            found
        }),
        TreeValue::Map(entries) => entries.iter().find_map(|entry| {
            if entry.key.contains(MARK) {
                return Some(Mark::Key);
            }
            path.push(PathStep::Key(entry.key.clone()));
            let found = find(&entry.value, path);
            if found.is_none() {
                path.pop();
            }
            found
        }),
    }
}

/// The value that a path leads to.
pub(super) fn value_at<'t>(document: &'t Tree, path: &[PathStep]) -> Option<&'t Tree> {
    path.iter().try_fold(document, |tree, step| match step {
        PathStep::Key(key) => tree.get(key),
        PathStep::Item(at) => tree.items().get(*at),
        PathStep::InKey(_) => None,
    })
}

/// The path to the innermost entry whose key or value is at a byte of a document, and the range of its key.
pub(super) fn entry_at(document: &Tree, byte: usize) -> Option<(Vec<PathStep>, Range<usize>)> {
    let mut path = Vec::new();
    let mut place = None;
    let mut tree = document;
    loop {
        let next = match &tree.value {
            TreeValue::Map(entries) => entries.iter().find_map(|entry| {
                let is_here = entry.key_place.start <= byte
                    && byte <= entry.value.place.end.max(entry.key_place.end);
                is_here.then(|| {
                    place = Some(entry.key_place.clone());
                    (PathStep::Key(entry.key.clone()), &entry.value)
                })
            }),
            TreeValue::List(items) => items.iter().enumerate().find_map(|(at, item)| {
                let is_here = item.place.start <= byte && byte <= item.place.end;
                is_here.then_some((PathStep::Item(at), item))
            }),
            TreeValue::Null | TreeValue::Scalar(_) => None,
        };
        let Some((step, inner)) = next else { break };
        path.push(step);
        tree = inner;
    }
    Some((path, place?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Option<(String, Typed)> {
        let byte = text.find('|').unwrap();
        let text = text.replacen('|', "", 1);
        let cursor = at(&text, byte)?;
        let path: Vec<String> = cursor
            .path
            .iter()
            .map(|step| match step {
                PathStep::Key(key) | PathStep::InKey(key) => key.clone(),
                PathStep::Item(at) => at.to_string(),
            })
            .collect();
        Some((path.join("."), cursor.is))
    }

    #[test]
    fn the_place_of_a_word_is_known_before_it_is_written() {
        let head = "kind: SessionTemplate\nmetadata: {name: a}\nspec:\n";
        for (rest, path, is) in [
            ("  anch|", "spec", Typed::ValueOrKey),
            ("  |\n  title: x\n", "spec", Typed::Key { has_colon: false }),
            ("  anch|: x\n", "spec", Typed::Key { has_colon: true }),
            (
                "  anchorTab: |\n  title: x\n",
                "spec.anchorTab",
                Typed::Value,
            ),
            (
                "  anchorTab: con|toso\r\n  title: x\r\n",
                "spec.anchorTab",
                Typed::Value,
            ),
            ("  |", "spec", Typed::ValueOrKey),
            (
                "  additionalTabs: [a, |\n  title: x\n",
                "spec.additionalTabs.1",
                Typed::Value,
            ),
            (
                "  additionalTabs:\n    - a\n    - |\n",
                "spec.additionalTabs.1",
                Typed::ValueOrKey,
            ),
            ("  anchorTab: \"|\n", "spec.anchorTab", Typed::Value),
            (
                "  a: [\n  anchorTab: |\n  b: }\n",
                "spec.anchorTab",
                Typed::Value,
            ),
            (
                "  title: x\n---\nkind: |\n---\nkind: B\n",
                "kind",
                Typed::Value,
            ),
        ] {
            let found = typed(&format!("{head}{rest}"));
            let is = if rest == "  |" { Typed::ValueOrKey } else { is };
            assert_eq!(found, Some((path.to_owned(), is)), "{rest}");
        }
    }
}
