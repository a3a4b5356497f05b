//! Puts schema violations into words.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;

use super::labels::{self, Meant};
use super::{Found, Shape};
use crate::decoder::{stored_length, unquoted_brace};
use crate::diagnostic::Diagnostic;
use crate::kinds::Kind;
use crate::offer::Offer;
use crate::span::Span;
use crate::suggest::{nearest, one_of};
use crate::yaml::{Node, NodeValue, yaml_scalar};

pub(super) fn finding(
    kind: &ValidationErrorKind,
    found: &Found<'_>,
    shape: Shape,
    place: Span,
) -> Diagnostic {
    let word = found.word.unwrap_or("the document");
    let span = found.node.span;
    match kind {
        ValidationErrorKind::Type { kind } => {
            let types: Vec<&str> = match kind {
                TypeKind::Single(name) => vec![type_name(name.as_str())],
                TypeKind::Multiple(names) => {
                    names.iter().map(|name| type_name(name.as_str())).collect()
                }
            };
            wrong_type(&types, found)
        }
        ValidationErrorKind::Required { property } => {
            missing(property.as_str().unwrap_or_default(), found, place)
        }
        ValidationErrorKind::Enum { options } => unknown_value(options, found, shape),
        ValidationErrorKind::Constant { expected_value } => {
            let expected = plain(expected_value);
            Diagnostic::error("unknown-value", format!("`{word}` must be `{expected}`"))
                .at(span, "another value")
                .help(format!("write `{word}: {expected}`"))
                .offering(Offer::value(expected_value))
        }
        ValidationErrorKind::MaxLength { limit } => {
            let length = found.node.as_text().map_or(0, stored_length);
            Diagnostic::error(
                "too-long",
                format!("`{word}` has {length} characters, and at most {limit} fit"),
            )
            .at(
                span,
                format!(
                    "{} too many",
                    length.saturating_sub(usize::try_from(*limit).unwrap_or(usize::MAX))
                ),
            )
            .help("shorten it")
        }
        ValidationErrorKind::MinLength { .. } => Diagnostic::error(
            "empty-text",
            format!("`{word}` is an empty text"),
        )
        .at(span, "empty")
        .help(match found.within {
            Some("parameters") => format!(
                "remove `{word}`, which clears it if Microsoft documents it for the page type"
            ),
            _ => format!("write `{word}: null` to clear it, if it may be empty, or remove the key"),
        }),
        ValidationErrorKind::Minimum { limit } => {
            Diagnostic::error("out-of-range", format!("`{word}` must be at least {limit}"))
                .at(span, "too small")
                .help(format!("write `{limit}` or more"))
        }
        ValidationErrorKind::Maximum { limit } => {
            Diagnostic::error("out-of-range", format!("`{word}` must be at most {limit}"))
                .at(span, "too large")
                .help(format!("write `{limit}` or less"))
        }
        ValidationErrorKind::MinItems { .. } => {
            Diagnostic::error("empty-list", format!("`{word}` is an empty list"))
                .at(span, "nothing in it")
                .help(format!(
                    "remove `{word}` to include everything, or add an entry"
                ))
        }
        ValidationErrorKind::MaxItems { limit } => Diagnostic::error(
            "too-many",
            format!(
                "`{word}` has {} items, and at most {limit} are allowed",
                found.node.items().len()
            ),
        )
        .at(
            found
                .node
                .items()
                .get(usize::try_from(*limit).unwrap_or(usize::MAX))
                .map_or(span, |item| item.span),
            "one too many",
        )
        .help("remove some"),
        ValidationErrorKind::MinProperties { .. } | ValidationErrorKind::MaxProperties { .. } => {
            Diagnostic::error("one-of", format!("`{word}` needs exactly one key"))
                .at(span, "none or several")
                .help(match word {
                    "owner" => "write `{user: ...}` or `{team: ...}`",
                    _ => "write one of the keys that `deskstate explain` lists",
                })
        }
        ValidationErrorKind::OneOfNotValid { .. }
        | ValidationErrorKind::OneOfMultipleValid { .. } => one_action(found),
        ValidationErrorKind::Not { .. } | ValidationErrorKind::FalseSchema => {
            Diagnostic::error("unknown-field", format!("`{word}` is not allowed here"))
                .at(span, "not allowed")
                .help(format!("remove `{word}`"))
        }
        ValidationErrorKind::Pattern { .. } => {
            let diagnostic = Diagnostic::error(
                "unknown-value",
                format!("`{word}` does not have the required form"),
            )
            .at(span, "other form");
            match word {
                "maxShare" => diagnostic.help("write whole percents: `20%`"),
                _ => diagnostic.help(COMPARE),
            }
        }
        other => Diagnostic::error(
            "wrong-type",
            format!("`{word}` does not fit: {}", other.keyword()),
        )
        .at(span, "")
        .help(COMPARE),
    }
}

/// The addresses of several people in one text, as a mail program separates them.
fn addresses(text: &str) -> Option<Vec<&str>> {
    let pieces = text.split([';', ',', ' ', '\n']).map(str::trim);
    let all: Vec<&str> = pieces.filter(|piece| !piece.is_empty()).collect();
    let is_plain = |piece: &&str| {
        let fits = |sign: char| sign.is_ascii_alphanumeric() || "@.-_+".contains(sign);
        piece.contains('@') && !piece.starts_with(['@', '-']) && piece.chars().all(fits)
    };
    (all.len() > 1 && all.iter().all(is_plain)).then_some(all)
}

/// Steps must have exactly one action, and environments exactly one target.
fn one_action(found: &Found<'_>) -> Diagnostic {
    if found.word == Some("steps") {
        Diagnostic::error(
            "one-of",
            "a step needs exactly one of `text`, `macro` and `script`",
        )
        .at(found.node.span, "none or several")
        .help("use one of the three")
    } else {
        Diagnostic::error(
            "one-of",
            "an environment needs exactly one of `url` and `emulator`",
        )
        .at(found.key_span.unwrap_or(found.node.span), "none or both")
        .help("write `url: https://…` or `emulator: {state: .deskstate/local.json}`")
    }
}

/// The message about a missing field.
pub(super) fn is_missing(property: &str) -> String {
    format!("`{property}` is missing")
}

fn missing(property: &str, found: &Found<'_>, place: Span) -> Diagnostic {
    let at = match found.word {
        Some("spec") | None => place,
        Some(_) => found.node.span,
    };
    let owner = match found.word {
        Some("spec") | None => "the document".to_owned(),
        Some(word) => format!("`{word}`"),
    };
    let diagnostic = Diagnostic::error("missing-field", is_missing(property))
        .at(at, format!("{owner} needs `{property}`"));
    match property {
        "spec" => diagnostic
            .help("add `spec:` with the fields of the kind, or `metadata.state: existing`"),
        "mode" => diagnostic
            .help("write `mode: atLeast` to ignore other members, or `mode: exact` to remove them"),
        _ => diagnostic.help(format!("add `{property}:`")),
    }
}

pub(super) fn unknown_field(
    word: &str,
    known: &[&str],
    found: &Found<'_>,
    shape: Shape,
    at: Span,
) -> Diagnostic {
    if word == "localized" {
        return Diagnostic::error(
            "not-supported-yet",
            "`localized` is reserved for texts in other languages, which cannot be declared yet",
        )
        .at(at, "")
        .help("write texts in the organization's base language");
    }
    if word == "unmanaged" && found.word == Some("metadata") {
        return Diagnostic::error("unknown-field", "`unmanaged` belongs in overlays")
            .at(at, "not in a base document")
            .help("remove the field here; an overlay can exclude it in one environment");
    }
    let owner = match (found.word, shape) {
        (Some("spec"), Shape::Document(kind)) | (None, Shape::Partial(kind)) => kind.to_string(),
        (Some(word), _) => format!("`{word}`"),
        (None, _) => "a document".to_owned(),
    };
    let diagnostic = Diagnostic::error("unknown-field", format!("{owner} has no field `{word}`"))
        .at(at, "unknown field");
    let is_field = |kind: Kind| kind.fields().iter().any(|field| field.word == word);
    let label = labels::field(word, &labels::fields_of(found, shape));
    let same = |known: &&&str| known.eq_ignore_ascii_case(word);
    let near = match label {
        Some(Meant::Exactly(field)) => Some(field),
        Some(Meant::Surely(field)) if known.iter().find(same).is_none() => Some(field),
        _ => nearest(word, known.iter().copied()),
    };
    match near.filter(|near| known.contains(near)) {
        Some(near) => diagnostic.meant(near),
        None if found.word.is_none()
            && matches!(shape, Shape::Document(kind) if is_field(kind)) =>
        {
            diagnostic.help(format!("move `{word}` below `spec:`, indented"))
        }
        None if found.word == Some("metadata") && is_name_of(shape, word) => {
            diagnostic.meant("name")
        }
        None if found.word == Some("spec") && is_name_of(shape, word) => {
            diagnostic.help(format!("write `{word}` as `name` under `metadata`"))
        }
        None => match label {
            Some(Meant::Perhaps(field)) if known.contains(&field) => {
                diagnostic.perhaps(word, field)
            }
            _ if known.is_empty() => diagnostic.help(format!("remove `{word}`")),
            _ => diagnostic.help(format!("known here: {}", known.join(", "))),
        },
    }
}

/// Whether the admin center shows the name of a row under this label.
fn is_name_of(shape: Shape, word: &str) -> bool {
    matches!(shape, Shape::Document(kind) if labels::is_name(word, kind))
}

fn unknown_value(options: &Value, found: &Found<'_>, shape: Shape) -> Diagnostic {
    let word = found.word.unwrap_or("the value");
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    let words: Vec<&str> = options.iter().filter_map(Value::as_str).collect();
    let actual = plain(&found.node.to_json());
    let diagnostic = Diagnostic::error("unknown-value", format!("`{word}` cannot be `{actual}`"))
        .at(found.node.span, "unknown value");
    if found.node.is_null() {
        return not_clearable(found);
    }
    // A schema lists `"2.0"` and `2.0`.
    let mut spelled: Vec<String> = options.iter().map(plain).collect();
    spelled.dedup();
    let label = labels::option(&actual, word, shape);
    let near = match label {
        Some(Meant::Exactly(option) | Meant::Surely(option)) => Some(option),
        _ => nearest(&actual, words.iter().copied()),
    };
    match (near, label) {
        (Some(near), _) => diagnostic.meant(near),
        (None, Some(Meant::Perhaps(option))) => diagnostic.perhaps(&actual, option),
        _ => diagnostic.help(format!("write {}", one_of(spelled))),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn not_clearable(found: &Found<'_>) -> Diagnostic {
    let word = found.word.unwrap_or("the value");
    Diagnostic::error("not-clearable", format!("`{word}` cannot be cleared"))
        .at(
            if found.node.span.start == found.node.span.end {
                found.key_span.unwrap_or(found.node.span)
            } else {
                found.node.span
            },
            "no value",
        )
        .help(match found.within {
            // Unlisted parameters that the page type has are cleared.
            Some("parameters") => format!("write a value, or remove `{word}`, which clears it if Microsoft documents it for the page type"),
            _ => format!(
                "write a value, or remove `{word}` if it is not required, which leaves it as it is in the environment"
            ),
        })
}

pub(super) fn wrong_type(types: &[&str], found: &Found<'_>) -> Diagnostic {
    let word = found.word.unwrap_or("the document");
    let node = found.node;
    let mut wanted: Vec<&str> = Vec::new();
    for name in types {
        if !wanted.contains(name) {
            wanted.push(name);
        }
    }
    let wants = |name: &str| wanted.contains(&name);
    if node.is_null() {
        let list = wants("a list");
        let diagnostic = not_clearable(found);
        return if list {
            diagnostic.help(format!(
                "write `{word}: []` for no members, or remove the key"
            ))
        } else {
            diagnostic
        };
    }
    if wants("text") && node.is_brace_value() {
        return unquoted_brace(word, node);
    }
    let wanted_words: Vec<&str> = wanted
        .iter()
        .copied()
        .filter(|name| *name != "null")
        .collect();
    let diagnostic = Diagnostic::error(
        "wrong-type",
        format!(
            "`{word}` must be {}, not {}",
            alternatives(&wanted_words),
            describe(node)
        ),
    )
    .at(node.span, describe(node));
    match node.plain() {
        NodeValue::Text(text) if wants(FLAG) => match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "y" | "ja" | "oui" => flag(diagnostic, word, true),
            "no" | "off" | "n" | "nein" | "non" => flag(diagnostic, word, false),
            other if ["true", "false"].contains(&other) => diagnostic
                .help("write it without quotes")
                .offering(Offer::Whole(other.to_owned())),
            _ => diagnostic.help(format!("write `{word}: true` or `{word}: false`")),
        },
        NodeValue::Text(text) if wants("a whole number") && text.parse::<i64>().is_ok() => {
            diagnostic
                .help(format!("remove the quotes: `{word}: {text}`"))
                .offering(Offer::Whole(text.to_string()))
        }
        NodeValue::Int(number) if word == "maxShare" => diagnostic
            .help(format!("write whole percents: `{number}%`"))
            .offering(Offer::Whole(format!("{number}%"))),
        NodeValue::Flag(_) | NodeValue::Int(_) | NodeValue::Float(_) if wants("text") => diagnostic
            .help("put it into quotes to make it text")
            .offering(Offer::Quoted),
        NodeValue::Map(entries) if wants("text") => match entries.as_slice() {
            [only] if only.value.as_text().is_some() => diagnostic.help(format!(
                "write the text alone: `{}`",
                only.value.as_text().unwrap_or_default()
            )),
            _ => diagnostic.help("write the text on the same line, and quote it if it begins with a brace"),
        },
        NodeValue::Text(text) if wants("a list") && text.starts_with('-') => {
            diagnostic.help("write a space after the `-` of each item")
        }
        NodeValue::Text(text) if wants("a list") && text.starts_with(['•', '–', '—', '*']) => {
            diagnostic.help("write `- ` before each item")
        }
        NodeValue::Text(text) if wants("a list") && addresses(text).is_some() => {
            let all = addresses(text).unwrap_or_default().join(", ");
            diagnostic
                .help(format!("write `{word}: [{all}]`"))
                .offering(Offer::Whole(format!("[{all}]")))
        }
        NodeValue::Text(text) if wants("a list") => diagnostic
            .help(format!("write `{word}: [{text}]`"))
            .offering(Offer::Whole(format!("[{}]", yaml_scalar(text)))),
        _ => match wanted_words.first() {
            Some(&"a list") => diagnostic.help("write each item on a line of its own, after `- `"),
            Some(&"a mapping") => diagnostic.help(format!(
                "write its fields as `name: value` below `{word}:`, indented, with a space after each colon"
            )),
            Some(&"text") => diagnostic.help(format!("write the text after `{word}:`, on the same line")),
            Some(&FLAG) => diagnostic.help(format!("write `{word}: true` or `{word}: false`")),
            Some(&("a whole number" | "a number")) => {
                diagnostic.help("write a number, with digits and without quotes")
            }
            _ => diagnostic.help(COMPARE),
        },
    }
}

/// How booleans are called, because nobody who writes manifests knows another word for them.
const FLAG: &str = "`true` or `false`";
const COMPARE: &str = "`deskstate explain` shows the form of each field";

fn describe(node: &Node) -> &'static str {
    match node.plain() {
        NodeValue::Null => "null",
        NodeValue::Flag(true) => "`true`",
        NodeValue::Flag(false) => "`false`",
        NodeValue::Int(_) | NodeValue::Float(_) => "a number",
        NodeValue::Text(_) | NodeValue::Unresolved(_) | NodeValue::Spelled(_) => "text",
        NodeValue::List(_) => "a list",
        NodeValue::Map(_) => "a mapping",
        NodeValue::Opaque(_) => "the content of a file",
    }
}

fn alternatives(types: &[&str]) -> String {
    match types {
        [] => "something else".to_owned(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

pub(super) fn type_name(name: &str) -> &'static str {
    match name {
        "string" => "text",
        "boolean" => FLAG,
        "integer" => "a whole number",
        "number" => "a number",
        "array" => "a list",
        "object" => "a mapping",
        _ => "null",
    }
}

/// Suggests `true` or `false` for a word of older YAML.
fn flag(diagnostic: Diagnostic, word: &str, is_on: bool) -> Diagnostic {
    diagnostic
        .help(format!("write `{word}: {is_on}`"))
        .offering(Offer::Whole(is_on.to_string()))
}
