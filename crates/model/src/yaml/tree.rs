//! The words of a file and where they are, for editors.

use std::ops::Range;

use super::{Budget, Node, NodeValue, read};
use crate::span::{SourceMap, Span};

/// A value of a YAML file and its place in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// Where it is.
    pub place: Range<usize>,
    /// What it is.
    pub value: TreeValue,
}

/// What a value of a YAML file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeValue {
    /// Nothing is written, or `null`.
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
    /// Where the key is.
    pub key_place: Range<usize>,
    /// The value.
    pub value: Tree,
}

/// A step from a value to one inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathStep {
    /// Under a key of a mapping.
    Key(String),
    /// At a place of a list, from 0.
    Item(usize),
    /// The key of a mapping itself; the last step.
    InKey(String),
}

impl Tree {
    /// The documents of a file that can be read, and whether that is all of them.
    #[must_use]
    pub fn read(text: &str) -> (Vec<Tree>, bool) {
        let mut sources = SourceMap::default();
        let file = sources.add("", text);
        let mut diagnostics = Vec::new();
        let stream = read(&sources, file, &Budget::default(), &mut diagnostics);
        let is_whole = stream.unread.is_empty();
        (stream.documents.iter().map(tree).collect(), is_whole)
    }

    /// The entries of a mapping; none for anything else.
    #[must_use]
    pub fn entries(&self) -> &[TreeEntry] {
        match &self.value {
            TreeValue::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none for anything else.
    #[must_use]
    pub fn items(&self) -> &[Tree] {
        match &self.value {
            TreeValue::List(items) => items,
            _ => &[],
        }
    }

    /// The entry under a key.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&TreeEntry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value under a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Tree> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The text of a scalar.
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
