//! The digest of a plan: one text for one meaning, hashed.

use std::fmt;

use deskstate_dataverse::Value as Wire;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::plan::{Action, Change, Difference, Operation, Plan};

/// What a plan does to which organisation, as a hash. Versions of rows, places in files and reasons are no part of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// The digest of a plan: organisation, rows, fields, before, after, links.
pub fn digest(plan: &Plan) -> Digest {
    let changes: Vec<String> = plan
        .changes
        .iter()
        .map(|change| of_change(change).to_string())
        .collect();
    of_parts(plan.organization, changes.iter().map(String::as_str))
}

/// The digest over the digests of the changes.
pub(super) fn of_parts<'a>(
    organization: Option<Uuid>,
    changes: impl Iterator<Item = &'a str>,
) -> Digest {
    let mut hash = Hash::new("deskstate plan v1");
    hash.text(&organization.map_or_else(String::new, |id| id.to_string()));
    for change in changes {
        hash.text(change);
    }
    hash.finish()
}

/// The digest of one change.
pub(super) fn of_change(change: &Change) -> Digest {
    let mut hash = Hash::new("deskstate change v1");
    hash.text(change.key.kind.as_str());
    hash.text(change.key.name.folded());
    hash.text(&change.id.to_string());
    hash.text(action(change.action));
    for field in &change.fields {
        hash.text(&field.path);
        match &field.difference {
            Difference::Value { before, after } => {
                hash.text("value");
                hash.json(before);
                hash.json(after);
            }
            Difference::Copy { column, after } => {
                hash.text("copy");
                hash.text(column);
                hash.json(after);
            }
            Difference::Added { member, .. } => {
                hash.text("added");
                hash.text(member);
            }
            Difference::Removed { member, .. } => {
                hash.text("removed");
                hash.text(member);
            }
        }
    }
    let mut operations: Vec<Digest> = change.operations.iter().map(of_operation).collect();
    operations.sort();
    for operation in operations {
        hash.text(&operation.to_string());
    }
    hash.finish()
}

fn of_operation(operation: &Operation) -> Digest {
    let mut hash = Hash::new("deskstate operation v1");
    match operation {
        Operation::Create { row, body, .. } => {
            hash.row("create", row.table.logical, row.id);
            hash.body(body);
        }
        Operation::Update { row, body, .. } => {
            hash.row("update", row.table.logical, row.id);
            hash.body(body);
        }
        Operation::Delete { row, .. } => hash.row("delete", row.table.logical, row.id),
        Operation::Link {
            relationship,
            owner,
            member,
        } => {
            hash.row("link", relationship.schema_name, *owner);
            hash.text(&member.to_string());
        }
        Operation::Unlink {
            relationship,
            owner,
            member,
        } => {
            hash.row("unlink", relationship.schema_name, *owner);
            hash.text(&member.to_string());
        }
    }
    hash.finish()
}

/// The word of an action.
pub(super) fn action(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Delete => "delete",
    }
}

/// A hash of texts that cannot run into each other: each goes in with its length.
struct Hash(Sha256);

impl Hash {
    fn new(domain: &str) -> Self {
        let mut hash = Self(Sha256::new());
        hash.text(domain);
        hash
    }

    fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
    }

    /// Key order means nothing.
    fn json(&mut self, value: &Json) {
        match value {
            Json::Object(map) => {
                let mut keys: Vec<&String> = map.keys().collect();
                keys.sort();
                self.text(&format!("object {}", keys.len()));
                for key in keys {
                    self.text(key);
                    self.json(&map[key]);
                }
            }
            Json::Array(items) => {
                self.text(&format!("array {}", items.len()));
                items.iter().for_each(|item| self.json(item));
            }
            Json::String(text) => {
                self.text("text");
                self.text(text);
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => self.text(&value.to_string()),
        }
    }

    fn row(&mut self, what: &str, name: &str, id: Uuid) {
        self.text(what);
        self.text(name);
        self.text(&id.to_string());
    }

    fn body(&mut self, body: &[(String, Wire)]) {
        for (name, value) in body {
            self.text(name);
            match value {
                Wire::Cell(cell) => {
                    self.text("cell");
                    self.text(&format!("{cell:?}"));
                }
                Wire::Bind { set, id } => {
                    self.text("bind");
                    self.text(set);
                    self.text(&id.to_string());
                }
                Wire::Unbind => self.text("unbind"),
            }
        }
    }

    fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}
