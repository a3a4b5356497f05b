//! Reading typed values from nodes.
//!
//! A document is either taken as it is, or rejected: then the JSON Schema that editors get is asked what is wrong, so that there is one
//! place for the words. What a schema cannot say is reported from here at once.

use crate::diagnostic::Diagnostic;
use crate::field::{FieldInfo, FieldType, decode};
use crate::given::Given;
use crate::span::{Span, Spanned};
use crate::yaml::{Entry, Node, NodeValue};

/// What reading one document finds.
pub(crate) struct Decoder<'a> {
    rejected: bool,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(diagnostics: &'a mut Vec<Diagnostic>) -> Self {
        Self {
            rejected: false,
            diagnostics,
        }
    }

    /// The document does not fit its schema.
    pub(crate) fn reject(&mut self) {
        self.rejected = true;
    }

    /// Whether the document fits its schema.
    pub(crate) fn is_rejected(&self) -> bool {
        self.rejected
    }

    /// Rejects the document where there is no value.
    pub(crate) fn fits<T>(&mut self, value: Option<T>) -> Option<T> {
        self.rejected |= value.is_none();
        value
    }

    /// Says what a schema cannot say.
    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// A text that is not empty and not longer than allowed. Blanks at its ends are reported.
    pub(crate) fn text<'n>(&mut self, node: &'n Node, max_length: Option<u32>) -> Option<&'n str> {
        if matches!(node.value, NodeValue::Unresolved(_)) {
            return None;
        }
        let text = node.as_text().filter(|text| !text.is_empty());
        let text = text.filter(|text| {
            max_length.is_none_or(|max| {
                text.len() <= max as usize || text.chars().count() <= max as usize
            })
        });
        let text = self.fits(text)?;
        if text.trim() != text {
            self.report_blanks(text, node.span);
        }
        Some(text)
    }

    fn report_blanks(&mut self, text: &str, span: Span) {
        let help = if text.ends_with('\n') {
            "begin the text with `|-` in place of `|`, which keeps no line break at the end"
        } else {
            "remove them"
        };
        self.report(
            Diagnostic::error(
                "text-blanks",
                "a text begins or ends with blanks or line breaks",
            )
            .at(span, "blanks at the ends")
            .help(help),
        );
    }

    /// Opens a mapping whose keys are known; anything else is rejected.
    pub(crate) fn record<'n>(
        &mut self,
        node: &'n Node,
        fields: &'static [FieldInfo],
    ) -> Option<Record<'n>> {
        if matches!(node.value, NodeValue::Unresolved(_)) {
            return None;
        }
        self.fits(node.is_map().then_some(()))?;
        let known = |entry: &Entry| fields.iter().any(|field| field.word == &*entry.key);
        self.rejected |= !node.entries().iter().all(known);
        Some(Record { node, fields })
    }

    /// The items of a list; anything else is rejected.
    pub(crate) fn list<'n>(&mut self, node: &'n Node) -> Option<&'n [Node]> {
        match &node.value {
            NodeValue::List(items) => Some(items),
            NodeValue::Unresolved(_) => None,
            _ => self.fits(None),
        }
    }
}

/// A mapping with known keys.
#[derive(Clone, Copy)]
pub(crate) struct Record<'n> {
    node: &'n Node,
    fields: &'static [FieldInfo],
}

impl<'n> Record<'n> {
    /// An optional field.
    pub(crate) fn given<T: FieldType>(&self, word: &str, decoder: &mut Decoder<'_>) -> Given<T> {
        match self.node.get(word) {
            Some(node) => decode(node, self.rule(word), decoder),
            None => Given::Absent,
        }
    }

    /// A field that may be left out but not be cleared.
    pub(crate) fn optional<T: FieldType>(
        &self,
        word: &str,
        decoder: &mut Decoder<'_>,
    ) -> Option<Spanned<T>> {
        let node = self.node.get(word)?;
        T::decode(node, self.rule(word), decoder).map(|value| Spanned::new(value, node.span))
    }

    /// A field that must be there.
    pub(crate) fn required<T: FieldType>(
        &self,
        word: &str,
        decoder: &mut Decoder<'_>,
    ) -> Option<Spanned<T>> {
        match self.node.get(word) {
            Some(_) => self.optional(word, decoder),
            None => decoder.fits(None),
        }
    }

    fn rule(&self, word: &str) -> crate::field::FieldRule {
        self.fields
            .iter()
            .find(|field| field.word == word)
            .map_or(crate::field::FieldRule::ANY, |field| field.rule)
    }
}
