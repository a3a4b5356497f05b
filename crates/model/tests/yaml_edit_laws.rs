//! Laws of editing YAML as people write it: after an edit only the intended value differs, other entries keep every byte, and no comment
//! next to a remaining value is lost.

#![expect(
    clippy::expect_used,
    reason = "a broken text of a test is a failed test"
)]

use deskstate_model::YamlEdits;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value as Json, json};

/// A path inside a value: keys of mappings, indexes of lists.
type Path = Vec<Step>;

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Key(String),
    Item(usize),
}

/// A file under construction, with its comments and the values they belong to.
struct Writing<'a> {
    text: String,
    dice: &'a [u8],
    at: usize,
    comments: Vec<(String, Path)>,
    anchors: Vec<(String, Path)>,
}

impl Writing<'_> {
    fn dice(&mut self, sides: u8) -> u8 {
        self.at += 1;
        self.dice[self.at % self.dice.len()]
            .wrapping_add(u8::try_from(self.at / self.dice.len()).expect("few"))
            % sides
    }

    fn comment(&mut self, path: &Path) -> String {
        let comment = format!("# c{}.", self.comments.len());
        self.comments.push((comment.clone(), path.clone()));
        comment
    }

    fn comment_above(&mut self, pad: &str, path: &Path) {
        if self.dice(4) == 0 {
            let comment = self.comment(path);
            let blank = if self.dice(3) == 0 { "\n" } else { "" };
            self.text.push_str(&format!("{blank}{pad}{comment}\n"));
        }
    }

    /// Ends a line, sometimes with a comment.
    fn end_line(&mut self, path: &Path) {
        if self.dice(4) == 0 {
            let comment = self.comment(path);
            self.text.push_str(&format!("  {comment}"));
        }
        self.text.push('\n');
    }

    fn anchor(&mut self, path: &Path) -> String {
        if self.dice(6) != 0 {
            return String::new();
        }
        let name = format!("a{}", self.anchors.len());
        self.anchors.push((name.clone(), path.clone()));
        format!("&{name} ")
    }

    /// Writes the value after a key or a dash, including the end of its last line.
    fn value(&mut self, value: &Json, indent: usize, path: &Path) {
        match value {
            Json::Object(entries) if !entries.is_empty() && self.dice(3) > 0 => {
                let anchor = self.anchor(path);
                self.text.push_str(format!(" {anchor}").trim_end());
                self.end_line(path);
                self.entries(entries, indent, path);
            }
            Json::Array(items) if !items.is_empty() && self.dice(3) > 0 => {
                self.end_line(path);
                self.items(items, indent, path);
            }
            Json::String(text) => self.string(text, indent, path),
            Json::Null if self.dice(2) == 0 => {
                let null = ["", " ~", " null"][usize::from(self.dice(3))];
                self.text.push_str(null);
                self.end_line(path);
            }
            other => {
                let anchor = self.anchor(path);
                self.text
                    .push_str(&format!(" {anchor}{}", in_brackets(other)));
                self.end_line(path);
            }
        }
    }

    fn entries(&mut self, entries: &serde_json::Map<String, Json>, indent: usize, path: &Path) {
        let pad = " ".repeat(indent);
        for (key, value) in entries {
            let path = [path.as_slice(), &[Step::Key(key.clone())]].concat();
            self.comment_above(&pad, &path);
            let quoted = if self.dice(5) == 0 {
                format!("\"{key}\"")
            } else {
                key.clone()
            };
            self.text.push_str(&format!("{pad}{quoted}:"));
            self.value(value, indent + 2, &path);
        }
    }

    fn items(&mut self, items: &[Json], indent: usize, path: &Path) {
        // A list may be indented like its key.
        let indent = if self.dice(3) == 0 {
            indent - 2
        } else {
            indent
        };
        let pad = " ".repeat(indent);
        for (at, item) in items.iter().enumerate() {
            let path = [path.as_slice(), &[Step::Item(at)]].concat();
            self.comment_above(&pad, &path);
            self.text.push_str(&format!("{pad}-"));
            match item {
                Json::Object(entries) if !entries.is_empty() && self.dice(2) == 0 => {
                    let start = self.text.len();
                    self.entries(entries, indent + 2, &path);
                    // The first entry follows the dash.
                    let lines = self.text.split_off(start);
                    if lines.trim_start().starts_with('#') {
                        self.text.push_str(&format!("\n{lines}"));
                    } else {
                        self.text.push_str(&format!(" {}", lines.trim_start()));
                    }
                }
                Json::Object(_) | Json::Array(_) => {
                    let flow = in_brackets(item);
                    self.text.push_str(&format!(" {flow}"));
                    self.end_line(&path);
                }
                scalar => self.value(scalar, indent + 2, &path),
            }
        }
        if self.dice(5) == 0 {
            let comment = self.comment(path);
            self.text.push_str(&format!("{pad}{comment}\n"));
        }
    }

    fn string(&mut self, text: &str, indent: usize, path: &Path) {
        let pad = " ".repeat(indent);
        let lines: Vec<&str> = text
            .strip_suffix('\n')
            .unwrap_or(text)
            .split('\n')
            .collect();
        let fits_a_block = lines
            .iter()
            .all(|line| !line.is_empty() && line.trim() == *line);
        let anchor = self.anchor(path);
        match self.dice(5) {
            0 if !text.contains('\n') => self
                .text
                .push_str(&format!(" {anchor}'{}'", text.replace('\'', "''"))),
            1 => self.text.push_str(&format!(" {anchor}{}", json!(text))),
            2 if fits_a_block => {
                let chomp = if text.ends_with('\n') { "" } else { "-" };
                let body = lines.join(&format!("\n{pad}"));
                self.text
                    .push_str(&format!(" {anchor}|{chomp}\n{pad}{body}\n"));
                return;
            }
            3 if fits_a_block && lines.len() == 1 && text.contains(' ') && !text.contains("  ") => {
                let chomp = if text.ends_with('\n') { "" } else { "-" };
                let body = lines[0].replacen(' ', &format!("\n{pad}"), 1);
                self.text
                    .push_str(&format!(" {anchor}>{chomp}\n{pad}{body}\n"));
                return;
            }
            _ => self
                .text
                .push_str(&format!(" {anchor}{}", in_brackets(&json!(text)))),
        }
        self.end_line(path);
    }
}

/// Writes a value on one line, with quotes only if a text contains more than letters.
fn in_brackets(value: &Json) -> String {
    let joined = |parts: Vec<String>| parts.join(", ");
    match value {
        Json::String(text) if is_plain(text) => text.clone(),
        Json::Array(items) => format!("[{}]", joined(items.iter().map(in_brackets).collect())),
        Json::Object(entries) => {
            let entries = entries.iter();
            let entries = entries.map(|(key, value)| format!("{key}: {}", in_brackets(value)));
            format!("{{{}}}", joined(entries.collect()))
        }
        other => other.to_string(),
    }
}

/// Words of one or two letters are read as written; `null` and the flags are longer.
fn is_plain(text: &str) -> bool {
    let mut words = text.split(' ');
    words.all(|word| {
        (1..3).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase())
    })
}

fn scalar() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (0_i64..100).prop_map(Json::from),
        "[a-zü{}#:',& \"*!|>%@-]{0,8}".prop_map(Json::from),
        "[a-z]{1,3} [a-z]{1,3}\n?".prop_map(Json::from),
        "[a-z]{1,3}\n[a-z#:-]{1,3}\n?".prop_map(Json::from),
    ]
}

/// Lists have no equal items, because it would be unclear which one a comment belongs to.
fn value() -> impl Strategy<Value = Json> {
    scalar().prop_recursive(3, 16, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| {
                let mut distinct: Vec<Json> = Vec::new();
                for item in items {
                    if !distinct.contains(&item) {
                        distinct.push(item);
                    }
                }
                Json::Array(distinct)
            }),
            prop::collection::btree_map("[a-e]|name", inner, 0..5)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

/// Changes one thing inside a value and appends the path of the change to `path`.
fn change(value: &mut Json, new: &Json, dice: &[u8], path: &mut Path) {
    let die = usize::from(dice.first().copied().unwrap_or(0));
    let rest = dice.get(1..).unwrap_or_default();
    match value {
        Json::Object(entries) if !entries.is_empty() && die % 5 > 0 => {
            let key = entries
                .keys()
                .nth(die / 5 % entries.len())
                .expect("a key")
                .clone();
            match die % 5 {
                1 => {
                    entries.shift_remove(&key);
                    path.push(Step::Key(key));
                }
                2 => {
                    entries.insert("new".to_owned(), new.clone());
                    path.push(Step::Key("new".to_owned()));
                }
                _ => {
                    path.push(Step::Key(key.clone()));
                    change(&mut entries[&key], new, rest, path);
                }
            }
        }
        Json::Array(items) if !items.is_empty() && die % 5 > 0 => {
            let at = die / 5 % items.len();
            match die % 5 {
                1 => {
                    items.remove(at);
                    path.push(Step::Item(at));
                }
                2 if !items.contains(new) => {
                    items.insert(at, new.clone());
                    path.push(Step::Key("new".to_owned()));
                }
                _ => {
                    path.push(Step::Item(at));
                    change(&mut items[at], new, rest, path);
                }
            }
        }
        _ => *value = new.clone(),
    }
}

/// Returns the path up to the first list item, because a changed item may be rewritten.
fn exempt(path: &Path) -> &[Step] {
    let first = path.iter().position(|step| matches!(step, Step::Item(_)));
    first.map_or(path, |at| &path[..=at])
}

proptest! {
    // The cases are always the same; set `PROPTEST_CASES` to try more.
    #![proptest_config(ProptestConfig {
        cases: 1500, failure_persistence: None, rng_seed: RngSeed::Fixed(20_261_127), ..ProptestConfig::default()
    })]

    #[test]
    fn one_change_touches_one_place_and_loses_no_comment_of_another(
        values in prop::collection::vec(value(), 3),
        new in value(),
        which in 0_usize..3,
        dice in prop::collection::vec(any::<u8>(), 60),
        where_to in prop::collection::vec(any::<u8>(), 6),
        crlf in any::<bool>(),
    ) {
        let mut writing = Writing { text: String::from("# a file\nfirst: 1\n"), dice: &dice, at: 0, comments: Vec::new(), anchors: Vec::new() };
        let mut regions = Vec::new();
        for (number, value) in values.iter().enumerate() {
            let key = format!("k{number}");
            let path = vec![Step::Key(key.clone())];
            writing.comment_above("", &path);
            let start = writing.text.len();
            writing.text.push_str(&format!("{key}:"));
            writing.value(value, 2, &path);
            regions.push((start, writing.text.len()));
        }
        // Some anchors are used at the end of the file.
        let used: Vec<(String, Path)> = writing.anchors.iter().filter(|_| dice[0] % 2 == 0).cloned().collect();
        writing.text.push_str("last: # end\n  - 1\n");
        for (name, _) in &used {
            writing.text.push_str(&format!("  - *{name}\n"));
        }
        let Writing { text, comments, .. } = writing;
        let (start, end) = regions[which];
        let (mut head, mut tail) = (text[..start].to_owned(), text[end..].to_owned());
        let mut text = text;
        if crlf {
            for part in [&mut head, &mut tail, &mut text] {
                *part = part.replace('\n', "\r\n");
            }
        }
        let mut edits = YamlEdits::new(&text).map_err(|why| TestCaseError::fail(format!("{why} in\n{text}")))?;
        let mut expected = edits.get(0, &[]).expect("a document");
        for (number, value) in values.iter().enumerate() {
            prop_assert_eq!(&expected[format!("k{number}")], value, "the test writes what it means:\n{}", text);
        }
        let key = format!("k{which}");
        let mut wanted = values[which].clone();
        let mut path = vec![Step::Key(key.clone())];
        change(&mut wanted, &new, &where_to, &mut path);
        expected[&key] = wanted.clone();
        let done = edits.set(0, &[&key], &wanted);
        let after = edits.finish();
        prop_assert!(after.is_some(), "not exactly edited:\n{}", text);
        let after = after.expect("checked above");
        if let Err(refused) = done {
            prop_assert_eq!(after, text, "a refusal changes nothing");
            prop_assert!(used.iter().any(|(_, anchored)| anchored[0] == path[0]), "refused without an alias: {}", refused.why);
            return Ok(());
        }
        let read = YamlEdits::new(&after).ok().and_then(|read| read.get(0, &[]));
        prop_assert_eq!(read.as_ref(), Some(&expected), "from\n{}\nto\n{}", text, after);
        prop_assert!(after.starts_with(&head) && after.ends_with(&tail), "more than {} changed from\n{}\nto\n{}", key, text, after);
        if crlf {
            prop_assert_eq!(after.matches('\n').count(), after.matches("\r\n").count(), "mixed line ends in\n{}", after);
        }
        let mut rest = after.as_str();
        for (comment, of) in comments.iter().filter(|(_, of)| !of.starts_with(exempt(&path))) {
            let Some(at) = rest.find(comment.as_str()) else {
                return Err(TestCaseError::fail(format!("`{comment}` of {of:?} is lost or moved by a change of {path:?}, from\n{text}\nto\n{after}")));
            };
            rest = &rest[at + comment.len()..];
        }
    }
}
