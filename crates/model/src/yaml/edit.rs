//! Edits to YAML text that change a value and leave every other byte as it is.

mod lines;
mod pairing;
mod pieces;

use std::collections::{BTreeSet, HashSet};

use serde_json::{Map, Value as Json, json};

use super::PathStep;
use super::layout::{Content, Place, Style, layout};
use pairing::{Pairing, pair};

/// YAML text that is being edited: values change, and every other byte stays as it is.
///
/// ```
/// # fn main() -> Result<(), String> {
/// let mut edits = deskstate_model::YamlEdits::new("a: 'one' # why\nb: 2\n")?;
/// edits.set(0, &["a"], &"two".into()).map_err(|refused| refused.why)?;
/// assert_eq!(edits.finish().as_deref(), Some("a: 'two' # why\nb: 2\n"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct YamlEdits<'a> {
    documents: Vec<Place>,
    editor: Editor<'a>,
    /// The expected value of each document after the edits.
    expected: Vec<Json>,
}

/// The reason why a value cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditRefused {
    /// Offset of the first byte of the obstacle.
    pub at: usize,
    /// The reason, in words.
    pub why: &'static str,
}

impl<'a> YamlEdits<'a> {
    /// Parses a text and records the places of all its values.
    ///
    /// # Errors
    /// Why the text is no YAML, in words.
    pub fn new(text: &'a str) -> Result<Self, String> {
        let documents = layout(text)?;
        Ok(Self {
            expected: documents.iter().map(Place::value).collect(),
            documents,
            editor: Editor {
                text,
                line_break: if text.contains("\r\n") { "\r\n" } else { "\n" },
                edits: Vec::new(),
            },
        })
    }

    /// Returns the documents before the edits.
    pub fn documents(&self) -> impl Iterator<Item = Json> {
        self.documents.iter().map(Place::value)
    }

    /// Returns the document that contains a byte.
    #[must_use]
    pub fn document_at(&self, byte: usize) -> Option<usize> {
        let holds = |document: &Place| document.start <= byte && byte <= document.end;
        self.documents.iter().rposition(holds)
    }

    /// Returns the value under these keys of a document, before the edits.
    #[must_use]
    pub fn get(&self, document: usize, keys: &[&str]) -> Option<Json> {
        let root = self.documents.get(document)?;
        let place = keys.iter().try_fold(root, |place, key| place.get(key))?;
        Some(place.value())
    }

    /// Sets the value under these keys of a document, changing only what differs. Missing keys are added after the last entry of their
    /// mapping. Two values may be set only if neither contains the other.
    ///
    /// # Errors
    /// If something that changes holds a variable or is shared by an alias. Nothing is changed then.
    ///
    /// # Panics
    /// If there is no such document.
    pub fn set(&mut self, document: usize, keys: &[&str], value: &Json) -> Result<(), EditRefused> {
        let mut place = &self.documents[document];
        for (depth, key) in keys.iter().enumerate() {
            let Some(inner) = place.get(key) else {
                let nested = keys[depth + 1..].iter().rev();
                let value = nested.fold(value.clone(), |value, key| json!({*key: value}));
                self.editor.insert(place, key, &value)?;
                *expected_at(&mut self.expected[document], &keys[..=depth]) = value;
                return Ok(());
            };
            place = inner;
        }
        self.editor.set(place, value)?;
        *expected_at(&mut self.expected[document], keys) = value.clone();
        Ok(())
    }

    /// Removes the entry under these keys, and mappings around it that would become empty. Does nothing if the entry does not exist.
    ///
    /// # Errors
    /// If something on the way is shared by an alias. Nothing is changed then.
    ///
    /// # Panics
    /// If there is no such document.
    pub fn remove(&mut self, document: usize, keys: &[&str]) -> Result<(), EditRefused> {
        let mut place = &self.documents[document];
        // The deepest mapping that keeps an entry.
        let mut cut: Option<(&Place, usize, usize)> = None;
        for (depth, key) in keys.iter().enumerate() {
            if place.shared {
                return Err(shared(place));
            }
            let Content::Map(entries) = &place.content else {
                return Ok(());
            };
            let Some(at) = entries.iter().position(|(known, _)| known.key() == *key) else {
                return Ok(());
            };
            if cut.is_none() || entries.len() > 1 {
                cut = Some((place, at, depth));
            }
            place = &entries[at].1;
        }
        let Some((mapping, at, depth)) = cut else {
            return Ok(());
        };
        if let Content::Map(entries) = &mapping.content {
            let gone = BTreeSet::from([at]);
            self.editor.remove_entry(mapping, entries, at, &gone);
            let around = expected_at(&mut self.expected[document], &keys[..depth]);
            if let Json::Object(around) = around {
                around.shift_remove(keys[depth]);
            }
        }
        Ok(())
    }

    /// Sets the text of a text value or a key. Nothing else changes.
    ///
    /// # Errors
    /// If the place holds a variable, is shared by an alias, or holds no text.
    pub fn set_text(
        &mut self,
        document: usize,
        path: &[PathStep],
        text: &str,
    ) -> Result<(), EditRefused> {
        let nothing = |at| EditRefused {
            at,
            why: "there is no text",
        };
        let mut place = self.documents.get(document).ok_or(nothing(0))?;
        let mut expected = &mut self.expected[document];
        for step in path {
            if place.shared {
                return Err(shared(place));
            }
            let at = place.start;
            let inner = match (step, &place.content) {
                (PathStep::Key(key), _) => place.get(key).zip(expected.get_mut(key)),
                (PathStep::Item(at), Content::List(items)) => {
                    items.get(*at).zip(expected.get_mut(*at))
                }
                (PathStep::InKey(key), Content::Map(entries)) => {
                    let entries = entries.iter();
                    let known = entries
                        .map(|(key, _)| key)
                        .find(|known| known.key() == *key);
                    let known = known.ok_or(nothing(at))?;
                    self.editor.free(known)?;
                    let wanted = Json::from(text);
                    self.editor.replace(known, &wanted, known.in_brackets);
                    let Json::Object(before) = expected else {
                        return Err(nothing(at));
                    };
                    let renamed = std::mem::take(before).into_iter().map(|(known, value)| {
                        let is_it = known == *key;
                        (if is_it { text.to_owned() } else { known }, value)
                    });
                    *before = renamed.collect();
                    return Ok(());
                }
                _ => None,
            };
            (place, expected) = inner.ok_or(nothing(at))?;
        }
        let Content::Scalar(Json::String(_)) = &place.content else {
            return match &place.content {
                Content::Alias(_) => Err(shared(place)),
                _ => Err(nothing(place.start)),
            };
        };
        self.editor.free(place)?;
        let wanted = Json::from(text);
        self.editor.replace(place, &wanted, place.in_brackets);
        *expected = wanted;
        Ok(())
    }

    /// Returns the text with all edits applied; `None` if it would not parse to exactly the expected values.
    #[must_use]
    pub fn finish(self) -> Option<String> {
        let after = self.editor.finish();
        let read = layout(&after).ok()?;
        let is_meant = read.iter().map(Place::value).eq(self.expected);
        is_meant.then_some(after)
    }
}

/// A byte range and its replacement text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Edit {
    start: usize,
    end: usize,
    text: String,
}

/// Collects edits to one text, all based on the original text.
#[derive(Debug)]
struct Editor<'a> {
    text: &'a str,
    line_break: &'static str,
    edits: Vec<Edit>,
}

impl Editor<'_> {
    fn finish(mut self) -> String {
        self.edits.sort_by_key(|edit| (edit.start, edit.end));
        let mut out = String::with_capacity(self.text.len());
        let mut at = 0;
        for edit in &self.edits {
            // Ranges never overlap: a value is not edited together with something inside it.
            out.push_str(self.text.get(at..edit.start.max(at)).unwrap_or_default());
            out.push_str(&edit.text);
            at = edit.end.max(at);
        }
        out.push_str(self.text.get(at..).unwrap_or_default());
        out
    }

    fn set(&mut self, place: &Place, wanted: &Json) -> Result<(), EditRefused> {
        let before = self.edits.len();
        let result = self.change(place, wanted, place.in_brackets);
        if result.is_err() {
            self.edits.truncate(before);
        }
        result
    }

    /// Adds an entry after the last one of a mapping.
    fn insert(&mut self, mapping: &Place, key: &str, value: &Json) -> Result<(), EditRefused> {
        if matches!(mapping.style, Style::Alias) || mapping.shared {
            return Err(shared(mapping));
        }
        let last = match &mapping.content {
            Content::Map(entries) => entries.last(),
            Content::List(_) | Content::Scalar(_) | Content::Alias(_) => None,
        };
        self.insert_entry(mapping, last, key, value);
        Ok(())
    }

    fn change(&mut self, place: &Place, wanted: &Json, inside: bool) -> Result<(), EditRefused> {
        if place.value() == *wanted {
            return Ok(());
        }
        if place.shared {
            return Err(shared(place));
        }
        let inside = inside || matches!(place.style, Style::Flow);
        match (&place.content, wanted) {
            (Content::Map(entries), Json::Object(object))
                if !object.is_empty() && !entries.is_empty() =>
            {
                self.change_map(place, entries, object, inside)
            }
            (Content::List(items), Json::Array(wanted))
                if !wanted.is_empty() && !items.is_empty() =>
            {
                self.change_list(place, items, wanted, inside)
            }
            _ => {
                self.free(place)?;
                self.replace(place, wanted, inside);
                Ok(())
            }
        }
    }

    fn change_map(
        &mut self,
        mapping: &Place,
        entries: &[(Place, Place)],
        wanted: &Map<String, Json>,
        inside: bool,
    ) -> Result<(), EditRefused> {
        let mut gone = BTreeSet::new();
        for (at, (key, value)) in entries.iter().enumerate() {
            match wanted.get(&key.key()) {
                Some(wanted) => self.change(value, wanted, inside)?,
                None => {
                    self.free(value)?;
                    gone.insert(at);
                }
            }
        }
        let Some(last_kept) = (0..entries.len()).rev().find(|at| !gone.contains(at)) else {
            // No line remains as an anchor.
            self.replace(mapping, &Json::Object(wanted.clone()), inside);
            return Ok(());
        };
        for at in &gone {
            self.remove_entry(mapping, entries, *at, &gone);
        }
        let known: HashSet<String> = entries.iter().map(|(key, _)| key.key()).collect();
        for (key, value) in wanted {
            if !known.contains(key) {
                self.insert_entry(mapping, Some(&entries[last_kept]), key, value);
            }
        }
        Ok(())
    }

    /// Checks that nothing in a value comes from a variable or is shared by an alias.
    fn free(&self, place: &Place) -> Result<(), EditRefused> {
        if place.shared {
            return Err(shared(place));
        }
        match &place.content {
            Content::Alias(_) => Ok(()),
            Content::Scalar(_) => {
                let text = self.slice(place.start, place.end);
                if holds_variable(text) {
                    return Err(EditRefused {
                        at: place.start,
                        why: "the value comes from a variable",
                    });
                }
                Ok(())
            }
            Content::List(items) => items.iter().try_for_each(|item| self.free(item)),
            Content::Map(entries) => entries.iter().try_for_each(|(_, value)| self.free(value)),
        }
    }

    /// Unchanged items keep their lines; other items are removed, edited or inserted.
    fn change_list(
        &mut self,
        list: &Place,
        items: &[Place],
        wanted: &[Json],
        inside: bool,
    ) -> Result<(), EditRefused> {
        let values: Vec<Json> = items.iter().map(Place::value).collect();
        let pairs = pair(&values, wanted);
        let mut last: Option<usize> = None;
        let mut fresh: Vec<Json> = Vec::new();
        let mut gone = BTreeSet::new();
        let mut kept = 0;
        let mut insertions: Vec<(Option<usize>, Vec<Json>)> = Vec::new();
        for pairing in pairs {
            match pairing {
                Pairing::Both(at, to) => {
                    if !fresh.is_empty() {
                        insertions.push((last, std::mem::take(&mut fresh)));
                    }
                    self.change(&items[at], &wanted[to], inside)?;
                    kept += 1;
                    last = Some(at);
                }
                Pairing::Gone(at) => {
                    self.free(&items[at])?;
                    gone.insert(at);
                }
                Pairing::New(to) => fresh.push(wanted[to].clone()),
            }
        }
        if !fresh.is_empty() {
            insertions.push((last, fresh));
        }
        if kept == 0 {
            // No line remains as an anchor.
            self.replace(list, &Json::Array(wanted.to_vec()), inside);
            return Ok(());
        }
        for at in &gone {
            self.remove_item(list, items, *at, &gone);
        }
        for (behind, fresh) in insertions {
            self.insert_items(list, items, behind, &fresh);
        }
        Ok(())
    }
}

/// Returns the place of a value in a document. Values that block the path are replaced with mappings, which the final check then detects.
fn expected_at<'j>(document: &'j mut Json, keys: &[&str]) -> &'j mut Json {
    keys.iter().fold(document, |value, key| {
        if !value.is_object() {
            *value = json!({});
        }
        &mut value[*key]
    })
}

fn shared(place: &Place) -> EditRefused {
    EditRefused {
        at: place.start,
        why: "an alias repeats the same value elsewhere",
    }
}

/// Whether a text contains a variable; `$${{` is not one.
fn holds_variable(text: &str) -> bool {
    text.match_indices("${{")
        .any(|(at, _)| !text[..at].ends_with('$'))
}
