//! The keys and values of a file with their places, for editors.

use std::ops::Range;

use super::{Budget, Node, NodeValue, read};
use crate::span::{SourceMap, Span};

/// A value of a YAML file and its place in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// The place of the value.
    pub place: Range<usize>,
    /// The content of the value.
    pub value: TreeValue,
}

/// The content of a value of a YAML file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeValue {
    /// Nothing, or `null`.
    Null,
    /// Text, a number or a flag, as text.
    Scalar(String),
    /// A list.
    List(Vec<Tree>),
    /// A mapping.
    Map(Vec<TreeEntry>),
}

/// An entry of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// The key.
    pub key: String,
    /// The place of the key.
    pub key_place: Range<usize>,
    /// The value.
    pub value: Tree,
}

/// A step from a value to one inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathStep {
    /// To the value under a key of a mapping.
    Key(String),
    /// To an item of a list, counted from 0.
    Item(usize),
    /// To a key of a mapping itself; always the last step.
    InKey(String),
}

impl Tree {
    /// Returns the readable documents of a file, and whether these are all of its documents.
    #[must_use]
    pub fn read(text: &str) -> (Vec<Tree>, bool) {
        let mut sources = SourceMap::default();
        let file = sources.add("", text);
        let mut diagnostics = Vec::new();
        let stream = read(&sources, file, &Budget::default(), &mut diagnostics);
        let is_whole = stream.unread.is_empty();
        (stream.documents.iter().map(tree).collect(), is_whole)
    }

    /// Returns the entries of a mapping; empty for any other value.
    #[must_use]
    pub fn entries(&self) -> &[TreeEntry] {
        match &self.value {
            TreeValue::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the items of a list; empty for any other value.
    #[must_use]
    pub fn items(&self) -> &[Tree] {
        match &self.value {
            TreeValue::List(items) => items,
            _ => &[],
        }
    }

    /// Returns the entry under a key.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&TreeEntry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// Returns the value under a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Tree> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// Returns the text of a scalar.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            TreeValue::Scalar(text) => Some(text),
            _ => None,
        }
    }
}

fn place(span: Span) -> Range<usize> {
    span.start as usize..span.end as usize
}

fn tree(node: &Node) -> Tree {
    let value = match &node.value {
        NodeValue::Null => TreeValue::Null,
        NodeValue::Flag(flag) => TreeValue::Scalar(flag.to_string()),
        NodeValue::Int(number) => TreeValue::Scalar(number.to_string()),
        NodeValue::Float(number) => TreeValue::Scalar(number.to_string()),
        NodeValue::Text(text) | NodeValue::Unresolved(text) => TreeValue::Scalar(text.to_string()),
        NodeValue::Spelled(spelled) => TreeValue::Scalar(spelled.text.to_string()),
        NodeValue::Opaque(value) => TreeValue::Scalar(value.to_string()),
        NodeValue::List(items) => TreeValue::List(items.iter().map(tree).collect()),
        NodeValue::Map(entries) => TreeValue::Map(
            entries
                .iter()
                .map(|entry| TreeEntry {
                    key: entry.key.to_string(),
                    key_place: place(entry.key_span),
                    value: tree(&entry.value),
                })
                .collect(),
        ),
    };
    Tree {
        place: place(node.span),
        value,
    }
}
