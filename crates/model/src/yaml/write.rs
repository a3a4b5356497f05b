//! Writes values as YAML in the layout of the examples: keys in the given order, quotes only where necessary, short lists on one line.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::NodeValue;
use super::scalar::resolve;
use crate::inert::{begins_log_command, escaped, is_hidden, is_inert};
use crate::kinds::Kind;
use crate::manifests::{Declared, State};
use crate::variables::escape_declared;

/// Maximum line width for a list on a single line.
const WIDTH: usize = 110;

/// One document to write.
#[derive(Debug, Clone, PartialEq)]
pub struct OutDocument {
    /// Comment above the document, without `#`; may have several lines.
    pub comment: Option<String>,
    /// The kind.
    pub kind: Kind,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.state`; not written for [`State::Present`].
    pub state: State,
    /// The fields, in the order in which they are written.
    pub spec: Map<String, Value>,
}

impl OutDocument {
    /// Creates a document from a declared resource. Text that looks like a variable was unescaped when it was read, and is escaped again.
    #[must_use]
    pub fn of(declared: &Declared, comment: Option<String>) -> Self {
        let mut spec = Value::Object(declared.spec.to_spec());
        escape_declared(&mut spec);
        let labels = declared.labels.iter().map(|(key, value)| {
            let mut value = Value::from(value.as_str());
            escape_declared(&mut value);
            (key.clone(), value.as_str().unwrap_or_default().to_owned())
        });
        Self {
            comment,
            kind: declared.key.kind,
            name: declared.key.name.as_written().to_owned(),
            labels: labels.collect(),
            state: declared.state,
            spec: match spec {
                Value::Object(spec) => spec,
                _ => Map::new(),
            },
        }
    }
}

/// Writes documents as one file of manifests. The same documents always give the same bytes.
#[must_use]
pub fn write_documents(documents: &[OutDocument]) -> String {
    let mut out = String::new();
    for (at, document) in documents.iter().enumerate() {
        if at > 0 {
            out.push_str("---\n");
        }
        write_document(document, &mut out);
    }
    out
}

fn write_document(document: &OutDocument, out: &mut String) {
    let OutDocument {
        comment,
        kind,
        name,
        labels,
        state,
        spec,
    } = document;
    for line in comment.iter().flat_map(|comment| comment.split('\n')) {
        out.push_str(format!("# {}", escaped(line)).trim_end());
        out.push('\n');
    }
    out.push_str(&format!(
        "apiVersion: deskstate/v1\nkind: {kind}\nmetadata:\n  name: {}\n",
        text(name, false)
    ));
    if !labels.is_empty() {
        let labels: Vec<String> = labels
            .iter()
            .map(|(key, value)| format!("{}: {}", text(key, true), text(value, true)))
            .collect();
        out.push_str(&format!("  labels: {{{}}}\n", labels.join(", ")));
    }
    if *state != State::Present {
        out.push_str(&format!("  state: {}\n", state.as_str()));
    }
    if !spec.is_empty() {
        out.push_str("spec:\n");
        write_entries(spec, 2, out);
    }
}

fn write_entries(entries: &Map<String, Value>, indent: usize, out: &mut String) {
    for (key, value) in entries {
        pad(indent, out);
        write_entry(key, value, indent, out);
    }
}

/// Writes a key and its value in block style, indented and with a line break at the end.
pub(crate) fn entry_lines(key: &str, value: &Value, indent: usize) -> String {
    let mut out = String::new();
    pad(indent, &mut out);
    write_entry(key, value, indent, &mut out);
    out
}

/// Writes list items in block style, indented and with a line break at the end.
pub(super) fn item_lines(items: &[Value], indent: usize) -> String {
    let mut out = String::new();
    write_items(items, indent, &mut out);
    out
}

fn write_entry(key: &str, value: &Value, indent: usize, out: &mut String) {
    let key = text(key, false);
    out.push_str(&key);
    out.push(':');
    match value {
        Value::Object(entries) if is_short(entries) => {
            out.push_str(&format!(" {}\n", flow(value, false)))
        }
        Value::Object(entries) if !entries.is_empty() => {
            out.push('\n');
            write_entries(entries, indent + 2, out);
        }
        Value::Array(items) if !items.is_empty() => {
            match on_one_line(items, indent + key.len() + 2) {
                Some(line) => out.push_str(&format!(" {line}\n")),
                None => {
                    out.push('\n');
                    write_items(items, indent + 2, out);
                }
            }
        }
        Value::String(value) if is_block(value) => write_block(value, indent + 2, out),
        scalar => out.push_str(&format!(" {}\n", flow(scalar, false))),
    }
}

fn write_items(items: &[Value], indent: usize, out: &mut String) {
    for item in items {
        pad(indent, out);
        match item {
            Value::Object(entries) if !entries.is_empty() => {
                out.push_str("- ");
                for (at, (key, value)) in entries.iter().enumerate() {
                    if at > 0 {
                        pad(indent + 2, out);
                    }
                    write_entry(key, value, indent + 2, out);
                }
            }
            Value::String(value) if is_block(value) => {
                out.push('-');
                write_block(value, indent + 2, out);
            }
            Value::Array(items) if on_one_line(items, indent + 2).is_none() => {
                out.push_str("-\n");
                write_items(items, indent + 2, out);
            }
            other => out.push_str(&format!("- {}\n", flow(other, false))),
        }
    }
}

/// A mapping with one scalar, such as `{team: Desktop owners}`.
fn is_short(entries: &Map<String, Value>) -> bool {
    let scalar = |value: &Value| match value {
        Value::String(text) => !text.contains('\n') && text.chars().count() <= WIDTH / 2,
        Value::Array(_) | Value::Object(_) => false,
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    };
    entries.len() == 1 && entries.values().all(scalar)
}

/// A list of scalars on one line, if it fits.
fn on_one_line(items: &[Value], column: usize) -> Option<String> {
    let simple = items
        .iter()
        .all(|item| !matches!(item, Value::Array(_) | Value::Object(_)));
    let line = simple.then(|| flow(&Value::Array(items.to_vec()), false))?;
    (column + line.chars().count() <= WIDTH).then_some(line)
}

/// A value on one line.
pub(super) fn flow(value: &Value, inside: bool) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(value) => text(value, inside),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| flow(item, true)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", text(key, true), flow(value, true)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// Whether a text is written as a literal block: it has several lines, which a block reproduces unchanged.
fn is_block(value: &str) -> bool {
    value.contains('\n')
        && !value.starts_with([' ', '\t', '\n'])
        && !value.ends_with([' ', '\t', '\n'])
        && value.lines().all(|line| !line.ends_with([' ', '\t']))
        && is_inert(value)
}

fn write_block(value: &str, indent: usize, out: &mut String) {
    out.push_str(" |-\n");
    for line in value.split('\n') {
        if !line.is_empty() {
            pad(indent, out);
            out.push_str(line);
        }
        out.push('\n');
    }
}

/// Returns a text as a scalar on one line, with quotes where necessary.
#[must_use]
pub fn scalar(value: &str) -> String {
    text(value, true)
}

/// Writes a text as a scalar on one line.
fn text(value: &str, inside: bool) -> String {
    if plain_is_text(value, inside) {
        value.to_owned()
    } else {
        quoted(value)
    }
}

/// Whether a text without quotes is read back as the same text.
///
/// `inside` means inside `[ ]` and `{ }`, where commas and brackets have a special meaning.
fn plain_is_text(value: &str, inside: bool) -> bool {
    let Some(first) = value.chars().next() else {
        return false;
    };
    let indicator = "-?:,[]{}#&*!|>'\"%@`".contains(first);
    let dash_word = first == '-'
        && value
            .chars()
            .nth(1)
            .is_some_and(|next| next.is_alphanumeric());
    let legacy_flag =
        ["yes", "no", "on", "off", "y", "n"].contains(&value.to_ascii_lowercase().as_str());
    // Parsers read the dash of `[a -]` as a list item.
    let flow_indicator =
        inside && (value.contains([',', '[', ']', '{', '}']) || value.ends_with(" -"));
    (!indicator || dash_word)
        && value.trim() == value
        && !value.contains(": ")
        && !value.ends_with(':')
        && !value.contains(" #")
        && !(inside && colon_before_punctuation(value))
        && !flow_indicator
        && !legacy_flag
        && !["---", "..."].contains(&value)
        && !value.contains(needs_escape)
        && is_inert(value)
        && matches!(resolve(value), Ok(NodeValue::Text(_)))
}

/// Parsers disagree on a colon before punctuation inside brackets; they all read addresses (`https://…`) the same way.
fn colon_before_punctuation(value: &str) -> bool {
    value
        .split(':')
        .skip(1)
        .any(|rest| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '/'))
}

/// Whether a character is invisible or looks like another one: line breaks, and the blank that looks like an ordinary one.
fn needs_escape(character: char) -> bool {
    character == '\u{a0}' || is_hidden(character)
}

/// Returns the double-quoted form, which is always inert and therefore cannot begin a line with `::`.
fn quoted(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for (at, character) in value.char_indices() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other if needs_escape(other) || begins_log_command(&value[at..]) => {
                out.push_str(&match u32::from(other) {
                    number @ ..=0xffff => format!("\\u{number:04X}"),
                    number => format!("\\U{number:08X}"),
                });
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn document(spec: Value) -> OutDocument {
        let Value::Object(spec) = spec else {
            panic!("a spec is an object")
        };
        OutDocument {
            comment: None,
            kind: Kind::SESSION_TEMPLATE,
            name: "CTI_createSession".into(),
            labels: BTreeMap::from([("team".into(), "voice".into())]),
            state: State::Present,
            spec,
        }
    }

    #[test]
    fn a_document_has_the_layout_of_the_examples() {
        let mut first = document(json!({
            "displayName": "CTI: Inbound Call",
            "title": "{customer}",
            "canClose": true,
            "text": "one\n- two",
            "tabs": ["contoso_a", "contoso_b"],
            "users": {"mode": "atLeast", "members": ["ada@contoso.com"], "without": []},
            "steps": [{"displayName": "Greet", "text": "Good day, am I speaking to ${customerName}?"}],
            "flagLike": "yes",
            "numberLike": "012",
            "nothing": null,
        }));
        first.comment = Some("Step 5.".into());
        let second = OutDocument {
            state: State::Existing,
            labels: BTreeMap::new(),
            ..document(json!({}))
        };
        insta::assert_snapshot!(write_documents(&[first, second]), @r#"
        # Step 5.
        apiVersion: deskstate/v1
        kind: SessionTemplate
        metadata:
          name: CTI_createSession
          labels: {team: voice}
        spec:
          displayName: "CTI: Inbound Call"
          title: "{customer}"
          canClose: true
          text: |-
            one
            - two
          tabs: [contoso_a, contoso_b]
          users:
            mode: atLeast
            members: [ada@contoso.com]
            without: []
          steps:
            - displayName: Greet
              text: Good day, am I speaking to ${customerName}?
          flagLike: "yes"
          numberLike: "012"
          nothing: null
        ---
        apiVersion: deskstate/v1
        kind: SessionTemplate
        metadata:
          name: CTI_createSession
          state: existing
        "#);
    }

    /// Text that deceives a terminal, a build or a reader. Control characters are rejected when a manifest is read.
    const ACTIVE: &[&str] = &[
        "##[group]",
        "##vso[task.setvariable]",
        "::add-mask::x",
        "\n",
        "\r\n",
        "\t",
        " ",
        "a",
        "\u{202e}",
        "\u{2066}",
        "\u{200b}",
        "\u{200d}",
        "\u{2028}",
        "\u{a0}",
        "\u{feff}",
        "\u{e0001}",
        "\u{e0100}",
        "\u{3164}",
        "#",
        "##",
        "[",
        ":",
        "::",
        "${{ vars.a }}",
    ];

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[ -~äö\n\t]{0,12}".prop_map(Value::from),
            prop::collection::vec(prop::sample::select(ACTIVE), 0..5)
                .prop_map(|pieces| Value::from(pieces.concat())),
            "[-?:,{}#&*!|>'\"%@` a0-]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map(
                    prop_oneof![
                        "[a-z:{ #0-9-]{1,5}",
                        prop::collection::vec(prop::sample::select(ACTIVE), 1..3)
                            .prop_map(|pieces| pieces.concat()),
                    ],
                    inner,
                    0..4
                )
                .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_inert_and_read_back(
            value in json_value(),
            comment in prop::collection::vec(prop::sample::select(ACTIVE), 0..4).prop_map(|pieces| pieces.concat()),
        ) {
            use crate::span::SourceMap;
            use crate::yaml::{Budget, read};
            let mut first = document(json!({"value": value}));
            first.comment = Some(comment);
            let out = write_documents(&[first]);
            prop_assert!(is_inert(&out), "{out}");
            let mut sources = SourceMap::default();
            let file = sources.add("out.yaml", out.as_str());
            let mut diagnostics = Vec::new();
            let stream = read(&sources, file, &Budget::default(), &mut diagnostics);
            prop_assert!(diagnostics.is_empty(), "{out}\n{diagnostics:?}");
            let read_back = stream.documents[0].get("spec").and_then(|spec| spec.get("value")).unwrap().to_json();
            prop_assert_eq!(&read_back, &value, "{}", out);
            // A different YAML parser reads the same value.
            let other: Value = serde_yaml::from_str(&out).unwrap();
            prop_assert_eq!(&other["spec"]["value"], &value, "{}", out);
        }
    }
}
