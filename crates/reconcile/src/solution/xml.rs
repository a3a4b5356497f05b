//! XML of a solution file as a small tree. Document types and entities are refused, depth and size are bounded.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Deepest nesting: a column, a lookup, its name.
const MAX_DEPTH: usize = 16;
/// Elements of one file.
const MAX_ELEMENTS: usize = 100_000;

/// An element with its text.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    /// The first child of this name; names compare without case, since schema names have capitals.
    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.children
            .iter()
            .find(|child| child.name.eq_ignore_ascii_case(name))
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The text, or that of the default language where there is a label for each.
    pub(super) fn localized(&self) -> &str {
        if let Some(default) = self.attribute("default") {
            return default;
        }
        self.child("label")
            .and_then(|label| label.attribute("description"))
            .unwrap_or(&self.text)
    }
}

/// Reads one document.
pub(super) fn parse(bytes: &[u8]) -> Result<Element, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut elements = 0;
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        match event {
            Event::Start(start) => {
                elements += 1;
                if open.len() == MAX_DEPTH || elements > MAX_ELEMENTS {
                    return Err("it is nested too deeply or has too many elements".to_owned());
                }
                open.push(begun(&start)?);
            }
            Event::Empty(start) => {
                elements += 1;
                if elements > MAX_ELEMENTS {
                    return Err("it has too many elements".to_owned());
                }
                close(begun(&start)?, &mut open, &mut root);
            }
            Event::End(_) => {
                if let Some(element) = open.pop() {
                    close(element, &mut open, &mut root);
                }
            }
            Event::Text(text) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text);
                }
            }
            Event::CData(text) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text);
                }
            }
            Event::GeneralRef(reference) => {
                let character = referred(&reference)?;
                if let Some(element) = open.last_mut() {
                    element.text.push(character);
                }
            }
            Event::DocType(_) => return Err("document types are refused".to_owned()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    root.filter(|_| open.is_empty())
        .ok_or_else(|| "it ends before its root element does".to_owned())
}

fn close(mut element: Element, open: &mut [Element], root: &mut Option<Element>) {
    if !element.children.is_empty() {
        element.text.clear();
    }
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None => *root = Some(element),
    }
}

fn begun(start: &BytesStart<'_>) -> Result<Element, String> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let key = attribute.key.local_name().as_ref().to_owned();
        attributes.push((key, unescaped(&attribute.value)?));
    }
    Ok(Element {
        name: start.local_name().as_ref().to_owned(),
        attributes,
        ..Element::default()
    })
}

/// Text of an attribute with its references resolved.
fn unescaped(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (name, after) = after
            .split_once(';')
            .ok_or_else(|| "a reference is not closed".to_owned())?;
        out.push(referred(name)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// The five references that XML itself has, and characters by number.
fn referred(name: &str) -> Result<char, String> {
    let number = name
        .strip_prefix('#')
        .map(|number| match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => number.parse().ok(),
        });
    match (name, number) {
        ("lt", _) => Ok('<'),
        ("gt", _) => Ok('>'),
        ("amp", _) => Ok('&'),
        ("apos", _) => Ok('\''),
        ("quot", _) => Ok('"'),
        (_, Some(number)) => number
            .and_then(char::from_u32)
            .ok_or_else(|| format!("`&{name};` is no character")),
        _ => Err(format!("the entity `&{name};` is refused")),
    }
}
