//! The places of all values in a file, for edits that leave the rest as it is.

use saphyr_parser::{Event, Parser, ScalarStyle, Span as ParserSpan, StrInput};
use serde_json::{Map, Value};

use super::NodeValue;
use super::scalar::resolve;

/// Maximum nesting of lists and mappings.
const MAX_DEPTH: usize = 64;

/// A value of a file, and how it is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    /// Offset of the first byte; for a block scalar, of the first byte of its text rather than its header.
    pub(super) start: usize,
    /// Offset after the last byte, without trailing line breaks.
    pub(super) end: usize,
    /// How it is written.
    pub(super) style: Style,
    /// Whether it is anchored and an alias refers to it.
    pub(super) shared: bool,
    /// Whether it is inside the brackets of a list or mapping.
    pub(super) in_brackets: bool,
    /// The content of the value.
    pub(super) content: Content,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Without quotes.
    Plain,
    /// `'text'`
    Single,
    /// `"text"`
    Double,
    /// A block scalar: `|` or `>`.
    Block,
    /// A list or mapping that spans its own lines.
    Lines,
    /// A list or mapping in brackets.
    Flow,
    /// `*name`
    Alias,
}

/// The content of a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    /// Text, number, flag or null.
    Scalar(Value),
    /// Items.
    List(Vec<Place>),
    /// Keys and values in the order of the file.
    Map(Vec<(Place, Place)>),
    /// The value of the alias's target.
    Alias(Value),
}

impl Place {
    /// Returns the value without places.
    pub(super) fn value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) | Content::Alias(value) => value.clone(),
            Content::List(items) => Value::Array(items.iter().map(Place::value).collect()),
            Content::Map(entries) => {
                let mut object = Map::new();
                for (key, value) in entries {
                    object.insert(key.key(), value.value());
                }
                Value::Object(object)
            }
        }
    }

    /// Returns the text of a key.
    pub(super) fn key(&self) -> String {
        match &self.content {
            Content::Scalar(Value::String(text)) => text.clone(),
            Content::Scalar(other) => other.to_string(),
            Content::List(_) | Content::Map(_) | Content::Alias(_) => String::new(),
        }
    }

    /// Returns the value under a key of a mapping.
    pub(super) fn get(&self, key: &str) -> Option<&Place> {
        match &self.content {
            Content::Map(entries) => entries
                .iter()
                .find(|(name, _)| name.key() == key)
                .map(|(_, value)| value),
            Content::Scalar(_) | Content::List(_) | Content::Alias(_) => None,
        }
    }
}

/// A list or mapping that is not closed yet.
struct Open {
    start: usize,
    flow: bool,
    anchor: usize,
    is_map: bool,
    children: Vec<Place>,
}

/// Returns the documents of a file, with empty ones as null.
///
/// # Errors
/// Why the file is no YAML, in words.
pub(super) fn layout(text: &str) -> Result<Vec<Place>, String> {
    let offsets: Vec<usize> = text
        .char_indices()
        .map(|(at, _)| at)
        .chain([text.len()])
        .collect();
    let bytes = |span: ParserSpan| {
        let at = |index: usize| offsets.get(index).copied().unwrap_or(text.len());
        (at(span.start.index()), at(span.end.index()))
    };
    let mut anchors: Vec<(usize, Value)> = Vec::new();
    let mut aliased: Vec<usize> = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut documents: Vec<(Place, Vec<usize>)> = Vec::new();
    let mut root: Option<Place> = None;
    let mut anchored: Vec<(usize, usize)> = Vec::new();
    for event in Parser::new(StrInput::new(text)) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        let (start, end) = bytes(span);
        let is_anchored = matches!(
            event,
            Event::Scalar(_, _, 1.., _)
                | Event::SequenceStart(1.., _)
                | Event::MappingStart(1.., _)
        );
        let start = if is_anchored {
            behind_anchor(text, start)
        } else {
            start
        };
        let (place, anchor) = match event {
            Event::Scalar(value, style, anchor, _) => {
                let start = match style {
                    ScalarStyle::Literal | ScalarStyle::Folded if anchor > 0 => {
                        behind_header(text, start)
                    }
                    _ => start,
                };
                let end = end_of_scalar(text, style, start, end);
                (scalar(&value, style, start, end), anchor)
            }
            Event::Alias(anchor) => {
                aliased.push(anchor);
                let value = anchors
                    .iter()
                    .rev()
                    .find(|(id, _)| *id == anchor)
                    .map_or(Value::Null, |(_, value)| value.clone());
                let place = Place {
                    start,
                    end: start + text[start..end].trim_end().len(),
                    style: Style::Alias,
                    shared: false,
                    in_brackets: false,
                    content: Content::Alias(value),
                };
                (place, 0)
            }
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                if open.len() == MAX_DEPTH {
                    return Err(format!("nested more than {MAX_DEPTH} levels deep"));
                }
                let flow = text[start..].starts_with(['[', '{']);
                let is_map = matches!(event, Event::MappingStart(..));
                open.push(Open {
                    start,
                    flow,
                    anchor,
                    is_map,
                    children: Vec::new(),
                });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(closed) = open.pop() else { continue };
                let anchor = closed.anchor;
                (closed.close(end, text), anchor)
            }
            Event::DocumentEnd => {
                documents.extend(root.take().map(|root| (root, std::mem::take(&mut aliased))));
                anchors.clear();
                continue;
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {
                continue;
            }
        };
        if anchor > 0 {
            anchors.push((anchor, place.value()));
            anchored.push((anchor, place.start));
        }
        match open.last_mut() {
            Some(parent) => parent.children.push(place),
            None => root = Some(place),
        }
    }
    Ok(documents
        .into_iter()
        .map(|(mut root, aliased)| {
            let shared: Vec<usize> = anchored
                .iter()
                .filter(|(anchor, _)| aliased.contains(anchor))
                .map(|(_, start)| *start)
                .collect();
            mark(&mut root, &shared, false);
            root
        })
        .collect())
}

impl Open {
    fn close(mut self, end: usize, text: &str) -> Place {
        // The parser reports a list that is indented like its key as beginning at its first item, which may be in brackets.
        let begins_inside = self
            .children
            .first()
            .is_some_and(|first| first.start == self.start);
        self.flow &= !begins_inside;
        if let (false, false, Some(first)) = (self.is_map, self.flow, self.children.first()) {
            self.start = dash_before(text, first.start).unwrap_or(self.start);
        }
        let mut last = self.children.last().map_or(self.start, |last| last.end);
        let content = if self.is_map {
            let mut children = self.children.into_iter();
            let mut entries = Vec::new();
            while let (Some(key), Some(mut value)) = (children.next(), children.next()) {
                if value.start == value.end && value.style == Style::Plain {
                    // An omitted value is placed after the colon of its key.
                    let behind = text[key.end..].trim_start_matches([' ', '\t']);
                    let at = match behind.strip_prefix(':') {
                        Some(rest) => text.len() - rest.len(),
                        None => key.end,
                    };
                    (value.start, value.end) = (at, at);
                }
                last = value.end.max(key.end);
                entries.push((key, value));
            }
            Content::Map(entries)
        } else {
            Content::List(self.children)
        };
        Place {
            start: self.start,
            end: if self.flow {
                behind_bracket(text, last).unwrap_or(end)
            } else {
                last
            },
            style: if self.flow { Style::Flow } else { Style::Lines },
            shared: false,
            in_brackets: false,
            content,
        }
    }
}

/// Returns the position after the closing bracket, searching from the last value inside. The parser may report the end after a comment that
/// follows.
fn behind_bracket(text: &str, last: usize) -> Option<usize> {
    let mut comment = false;
    for (at, character) in text.get(last..)?.char_indices() {
        match character {
            '#' => comment = true,
            '\n' => comment = false,
            ']' | '}' if !comment => return Some(last + at + 1),
            _ => {}
        }
    }
    None
}

fn scalar(text: &str, style: ScalarStyle, start: usize, end: usize) -> Place {
    let (style, value) = match style {
        ScalarStyle::Plain => (Style::Plain, plain(text)),
        ScalarStyle::SingleQuoted => (Style::Single, Value::from(text)),
        ScalarStyle::DoubleQuoted => (Style::Double, Value::from(text)),
        ScalarStyle::Literal | ScalarStyle::Folded => (Style::Block, Value::from(text)),
    };
    Place {
        start,
        end,
        style,
        shared: false,
        in_brackets: false,
        content: Content::Scalar(value),
    }
}

/// Returns the dash of the item whose value begins at `start`: the last dash at the beginning of its line, or of a line above.
pub(super) fn dash_before(text: &str, start: usize) -> Option<usize> {
    let mut end = start;
    loop {
        let line = text[..end].rfind('\n').map_or(0, |found| found + 1);
        let mut dash = None;
        for (at, byte) in text.bytes().enumerate().take(end).skip(line) {
            let begins_item = byte == b'-'
                && text
                    .as_bytes()
                    .get(at + 1)
                    .is_none_or(u8::is_ascii_whitespace);
            if begins_item {
                dash = Some(at);
            } else if byte != b' ' {
                break;
            }
        }
        if dash.is_some() || line == 0 {
            return dash;
        }
        end = line - 1;
    }
}

/// Returns the first byte of a value that begins with an anchor according to the parser.
fn behind_anchor(text: &str, start: usize) -> usize {
    let mut rest = &text[start..];
    if !rest.starts_with('&') {
        return start;
    }
    rest = rest.trim_start_matches(|character: char| !character.is_whitespace());
    loop {
        rest = rest.trim_start();
        match rest.strip_prefix('#') {
            Some(comment) => rest = comment.trim_start_matches(|character| character != '\n'),
            None => return text.len() - rest.len(),
        }
    }
}

/// Returns the position after a scalar, whose end according to the parser may be at the next token.
fn end_of_scalar(text: &str, style: ScalarStyle, start: usize, end: usize) -> usize {
    let slice = &text[start..end.max(start)];
    match style {
        ScalarStyle::Plain => {
            let comment = slice
                .char_indices()
                .zip(slice.chars().skip(1))
                .find(|((_, before), next)| before.is_whitespace() && *next == '#')
                .map_or(slice.len(), |((at, _), _)| at);
            start + slice[..comment].trim_end().len()
        }
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
            let quote = if matches!(style, ScalarStyle::SingleQuoted) {
                b'\''
            } else {
                b'"'
            };
            let bytes = text.as_bytes();
            let mut at = start + 1;
            while let Some(byte) = bytes.get(at) {
                let escaped = *byte == b'\\' && quote == b'"';
                let doubled = *byte == quote && quote == b'\'' && bytes.get(at + 1) == Some(&quote);
                if escaped || doubled {
                    at += 2;
                } else if *byte == quote {
                    return at + 1;
                } else {
                    at += 1;
                }
            }
            end
        }
        ScalarStyle::Literal | ScalarStyle::Folded => start + end_of_block(text, start, slice),
    }
}

/// Returns the first byte of the text of a block whose header begins at `start`.
fn behind_header(text: &str, start: usize) -> usize {
    let body = text[start..]
        .find('\n')
        .map_or("", |at| &text[start + at..]);
    text.len() - body.trim_start().len()
}

/// Returns the length of a block without the comments after it, which are indented less than its first line.
fn end_of_block(text: &str, start: usize, slice: &str) -> usize {
    let column = start - text[..start].rfind('\n').map_or(0, |found| found + 1);
    let mut kept = slice.trim_end();
    while let Some((before, last)) = kept.rsplit_once('\n') {
        let code = last.trim_start();
        if !code.starts_with('#') || last.len() - code.len() >= column {
            break;
        }
        kept = before.trim_end();
    }
    kept.len()
}

fn plain(text: &str) -> Value {
    match resolve(text) {
        Ok(NodeValue::Null) => Value::Null,
        Ok(NodeValue::Flag(flag)) => Value::from(flag),
        Ok(NodeValue::Int(number)) => Value::from(number),
        Ok(NodeValue::Float(number)) => Value::from(number),
        _ => Value::from(text),
    }
}

/// Records what is not known when a value is read: whether aliases refer to it, and whether it is inside brackets.
fn mark(place: &mut Place, shared: &[usize], in_brackets: bool) {
    place.shared = shared.contains(&place.start);
    place.in_brackets = in_brackets;
    let inside = in_brackets || place.style == Style::Flow;
    match &mut place.content {
        Content::List(items) => items.iter_mut().for_each(|item| mark(item, shared, inside)),
        Content::Map(entries) => entries
            .iter_mut()
            .for_each(|(_, value)| mark(value, shared, inside)),
        Content::Scalar(_) | Content::Alias(_) => {}
    }
}
