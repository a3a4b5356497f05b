//! Parses XML of exported files piece by piece: a document of any length takes no more memory than its largest piece. Document types and
//! entities are refused; depth, elements and bytes are bounded.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::encoding::Decoded;

/// Maximum nesting depth. Forms of tables have the deepest nesting.
const MAX_DEPTH: usize = 200;
/// Maximum number of elements in one piece. A row has one for each column, a text one for each language.
const MAX_ELEMENTS: usize = 20_000;
/// Maximum size of one tag or text, in bytes.
const MAX_TEXT: u64 = 4 * 1024 * 1024;

/// An element with its text.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    /// The first child with this name. Case is ignored, since schema names have capitals.
    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.is(name))
    }

    /// Whether the element has this name.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The text of a child, or an attribute with the same name.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let child = self.child(name).map(|child| child.text.trim());
        child.or_else(|| self.attribute(name).map(str::trim))
    }
}

/// How to process an element that begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Visit its children one by one.
    Enter,
    /// Take it with its complete content.
    Take,
    /// Skip it.
    Skip,
}

/// Processes the elements of a document.
pub(super) trait Visitor {
    /// Called when an element begins. `inside` contains the entered elements around it. It has no text and no children yet.
    fn begin(&mut self, inside: &[Element], element: &Element) -> Result<Step, String>;
    /// Called with an element that was taken, once it is complete.
    fn take(&mut self, inside: &[Element], element: Element) -> Result<(), String>;
}

/// Reads one document. Its bytes count towards the budget, which several documents share.
pub(super) fn walk(
    mut source: impl Read,
    budget: &Cell<u64>,
    visitor: &mut dyn Visitor,
) -> Result<(), String> {
    let decoded = Decoded::new(&mut source).map_err(|error| error.to_string())?;
    let mut reader = Reader::from_reader(Bounded {
        inner: BufReader::new(decoded),
        left: MAX_TEXT,
        budget,
    });
    let mut walk = Walk {
        visitor,
        inside: Vec::new(),
        open: Vec::new(),
        skipped: 0,
        elements: 0,
        rooted: false,
    };
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        reader.get_mut().left = MAX_TEXT;
        match reader.read_event_into(&mut buffer) {
            Ok(Event::Eof) => break,
            Ok(event) => walk.event(event)?,
            Err(quick_xml::Error::Io(error)) => return Err(error.to_string()),
            Err(error) => return Err(error.to_string()),
        }
    }
    if walk.rooted && walk.inside.is_empty() && walk.open.is_empty() && walk.skipped == 0 {
        Ok(())
    } else if walk.rooted {
        Err("it ends before its root element does; the file may be truncated".to_owned())
    } else {
        Err("expected an XML element, found none".to_owned())
    }
}

struct Walk<'v> {
    visitor: &'v mut dyn Visitor,
    /// The elements that were entered.
    inside: Vec<Element>,
    /// The open elements of the piece that is being taken, outermost first.
    open: Vec<Element>,
    /// Depth below a skipped element.
    skipped: usize,
    /// Number of elements in the piece.
    elements: usize,
    rooted: bool,
}

impl Walk<'_> {
    fn event(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::Start(start) => self.start(&start, false),
            Event::Empty(start) => self.start(&start, true),
            Event::End(_) => self.end(),
            Event::Text(text) => {
                self.text(&text);
                Ok(())
            }
            Event::CData(text) => {
                self.text(&text);
                Ok(())
            }
            Event::GeneralRef(reference) => {
                let character = referred(&reference)?;
                self.text(character.encode_utf8(&mut [0; 4]));
                Ok(())
            }
            Event::DocType(_) => Err(
                "expected plain XML, found a document type (`<!DOCTYPE`), which is refused"
                    .to_owned(),
            ),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::Eof => Ok(()),
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(element) = self.open.last_mut() {
            element.text.push_str(text);
        }
    }

    fn start(&mut self, start: &BytesStart<'_>, empty: bool) -> Result<(), String> {
        self.rooted = true;
        if self.inside.len() + self.open.len() + self.skipped >= MAX_DEPTH {
            return Err(format!(
                "its elements are nested more than {MAX_DEPTH} deep"
            ));
        }
        if self.skipped > 0 {
            self.skipped += usize::from(!empty);
            return Ok(());
        }
        let element = begun(start)?;
        if !self.open.is_empty() {
            self.elements += 1;
            if self.elements > MAX_ELEMENTS {
                return Err(format!(
                    "one row of it has more than {MAX_ELEMENTS} elements"
                ));
            }
            self.open.push(element);
        } else {
            match self.visitor.begin(&self.inside, &element)? {
                Step::Enter if empty => return Ok(()),
                Step::Enter => {
                    self.inside.push(element);
                    return Ok(());
                }
                Step::Skip => {
                    self.skipped = usize::from(!empty);
                    return Ok(());
                }
                Step::Take => {
                    self.elements = 0;
                    self.open.push(element);
                }
            }
        }
        if empty { self.end() } else { Ok(()) }
    }

    fn end(&mut self) -> Result<(), String> {
        if self.skipped > 0 {
            self.skipped -= 1;
            return Ok(());
        }
        let Some(mut element) = self.open.pop() else {
            self.inside.pop();
            return Ok(());
        };
        if !element.children.is_empty() {
            element.text.clear();
        }
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.visitor.take(&self.inside, element)?,
        }
        Ok(())
    }
}

/// A source that returns no more bytes than the limits allow for one tag or text, and for all documents together.
struct Bounded<'b, R> {
    inner: BufReader<R>,
    left: u64,
    budget: &'b Cell<u64>,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let from = self.fill_buf()?;
        let length = from.len().min(into.len());
        into[..length].copy_from_slice(&from[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl<R: Read> BufRead for Bounded<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            let most = MAX_TEXT / 1024 / 1024;
            return Err(io::Error::other(format!(
                "a tag or a text of it is longer than {most} MiB"
            )));
        }
        if self.budget.get() == 0 {
            return Err(io::Error::other(super::files::too_much()));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, length: usize) {
        let taken = length as u64;
        self.left = self.left.saturating_sub(taken);
        self.budget.set(self.budget.get().saturating_sub(taken));
        self.inner.consume(length);
    }
}

fn begun(start: &BytesStart<'_>) -> Result<Element, String> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        // Namespaces, and what XML Schema says of an element, are no columns; `xsi:nil` says that a column is empty.
        let prefix = attribute.key.prefix();
        let prefix = prefix.as_ref().map(|prefix| prefix.as_ref());
        let local = attribute.key.local_name();
        if attribute.key.as_namespace_binding().is_some()
            || prefix == Some("xml")
            || (prefix == Some("xsi") && local.as_ref() != "nil")
        {
            continue;
        }
        let key = attribute.key.local_name().as_ref().to_owned();
        attributes.push((key, unescaped(&attribute.value)?));
    }
    Ok(Element {
        name: start.local_name().as_ref().to_owned(),
        attributes,
        ..Element::default()
    })
}

/// The text of an attribute with its references resolved.
fn unescaped(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (name, after) = after
            .split_once(';')
            .ok_or_else(|| "a reference that begins with `&` has no `;`".to_owned())?;
        out.push(referred(name)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Resolves the five predefined XML references, and characters by number.
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
            .ok_or_else(|| format!("`&{name};` is not a character")),
        _ => Err(format!(
            "expected plain XML, found the entity `&{name};`, which is refused"
        )),
    }
}
