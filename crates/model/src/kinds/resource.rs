//! A resource: a kind, and the values that a document gives for its fields.

use serde_json::{Map, Value as Json};

use super::Kind;
use crate::decode;
use crate::decoder::Decoder;
use crate::given::Given;
use crate::record::{self, Record, Set, Value};
use crate::set::Reference;
use crate::span::{Span, Spanned};
use crate::table::Field;
use crate::yaml::Node;

/// The content of a document's `spec`.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    kind: Kind,
    record: Record,
}

/// A reference to another resource, and where it is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReferenceView<'a> {
    /// The field that contains it.
    pub field: &'static str,
    /// The kind of the referenced resource.
    pub kind: Kind,
    /// The name.
    pub name: &'a Reference,
    /// Its place.
    pub span: Span,
    /// Whether the reference excludes a link (`without`).
    pub excluded: bool,
}

impl Resource {
    /// Creates a resource of a kind, without values.
    #[must_use]
    pub fn empty(kind: Kind) -> Self {
        Self {
            kind,
            record: Record::empty(kind.fields()),
        }
    }

    /// Reads the `spec` of a document.
    pub(crate) fn decode(kind: Kind, node: &Node, decoder: &mut Decoder<'_>) -> Self {
        Self {
            kind,
            record: decode::record(kind.fields(), node, decoder),
        }
    }

    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the values of its fields.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Returns the fields that have a value, as in a manifest and in the order of the reference.
    #[must_use]
    pub fn to_spec(&self) -> Map<String, Json> {
        record::to_json(&self.record)
    }

    /// Returns the place of a field, if the document sets it.
    #[must_use]
    pub fn span_of(&self, word: &str) -> Option<Span> {
        let mut fields = self.record.fields();
        fields.find(|(field, _)| field.word == word)?.1.span()
    }

    /// Sets a field that the document does not set.
    pub(crate) fn fill(&mut self, which: impl Fn(&Field) -> bool, value: Spanned<Value>) {
        if let Some(place) = self.kind.fields().iter().position(which)
            && self.record.at(place).is_absent()
        {
            self.record.put(place, Given::Value(value));
        }
    }

    /// Returns all references to other resources, in the order of the fields.
    #[must_use]
    pub fn references(&self) -> Vec<ReferenceView<'_>> {
        let mut found = Vec::new();
        for (field, given) in self.record.fields() {
            let Given::Value(value) = given else { continue };
            match value.value {
                Value::Set(set) => in_set(field, set, &mut found),
                Value::Items(items) => {
                    for item in items {
                        in_item(field, &item.value, false, &mut found);
                    }
                }
                _ => one(field, field, value, false, &mut found),
            }
        }
        found
    }
}

fn in_set<'a>(field: &'static Field, set: &'a Set, found: &mut Vec<ReferenceView<'a>>) {
    for (members, excluded) in [(&set.members, false), (&set.without, true)] {
        for member in members {
            if let Value::Item(item) = &member.value {
                in_item(field, item, excluded, found);
                continue;
            }
            let value = Spanned::new(&member.value, member.span);
            one(field, field, value, excluded, found);
        }
    }
}

/// References of an item that has its own fields.
fn in_item<'a>(
    field: &'static Field,
    item: &'a Record,
    excluded: bool,
    found: &mut Vec<ReferenceView<'a>>,
) {
    for (inner, given) in item.fields() {
        if let Given::Value(value) = given {
            one(field, inner, value, excluded, found);
        }
    }
}

fn one<'a>(
    field: &'static Field,
    inner: &'static Field,
    value: Spanned<&'a Value>,
    excluded: bool,
    found: &mut Vec<ReferenceView<'a>>,
) {
    if let (Some(kind), Value::Name(name)) = (inner.refers_to(), value.value) {
        found.push(ReferenceView {
            field: field.word,
            kind,
            name,
            span: value.span,
            excluded,
        });
    }
}
