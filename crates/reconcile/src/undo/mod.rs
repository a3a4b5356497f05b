//! Rollback of an apply: the rows that it is about to change are recorded before the first request, and are restored like any other plan.
//!
//! An undo file contains complete rows that are deleted, with parts and links; columns before and after the change for updated rows; and
//! new rows and links; [`UndoFile::only`] limits it to what was written. [`plan`] turns it into changes, which go through review and apply like those of manifests. A row that somebody has
//! changed since is refused.

mod made;
mod record;
pub(crate) mod reverse;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use deskstate_files::Limit;
use deskstate_model::{Kind, Table, tables};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use serde_json::error::Category;
use thiserror::Error;
use uuid::Uuid;

pub use made::Made;
pub(crate) use record::columns_of;
pub use record::record;
pub use reverse::{plan, rest};

use crate::bounds::{self, TooMuch};
use crate::columns::{self, Column};

/// `formatVersion` of the file.
const VERSION: u32 = 1;
/// Maximum nesting depth of a file.
const MAX_DEPTH: usize = 16;

/// The changes that an apply was about to make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UndoFile {
    /// Always 1.
    pub format_version: u32,
    /// Name of the environment.
    pub environment: String,
    /// The organization.
    pub organization: Option<Uuid>,
    /// The digest of the plan that was executed.
    pub plan: String,
    /// One entry for each change of the plan, in its order, and one for each further row with a lookup that a delete empties.
    pub changes: Vec<Recorded>,
    /// What cannot be restored, for people.
    #[serde(default)]
    pub not_restored: Vec<String>,
}

impl UndoFile {
    /// Rows that an undo shows by name, even if no live row refers to them any longer.
    pub fn shown(&self) -> BTreeMap<&'static Table, BTreeSet<Uuid>> {
        const NAMED: [&Table; 4] = [
            &tables::USER,
            &tables::ROLE,
            &tables::WEB_RESOURCE,
            &tables::MACRO,
        ];
        let of_link = |link: &SavedLink| {
            let member = columns::relationship(&link.relationship)?.member;
            (member == &tables::USER).then_some((member, link.member))
        };
        let of_column = |value: &Json| {
            let (set, id) = (value.get("set")?.as_str()?, value.get("id")?.as_str()?);
            let table = NAMED.into_iter().find(|table| table.set == set)?;
            Some((table, id.parse().ok()?))
        };
        let mut shown: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for recorded in &self.changes {
            let rows = recorded.deleted.iter().map(|row| &row.columns);
            let rows = rows.chain(recorded.updated.iter().map(|update| &update.before));
            let named = rows.flat_map(BTreeMap::values).filter_map(of_column);
            for (table, id) in named.chain(recorded.unlinked.iter().filter_map(of_link)) {
                shown.entry(table).or_default().insert(id);
            }
        }
        shown
    }
}

/// The changes that an apply was about to make to one resource.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Recorded {
    /// Its kind.
    pub kind: String,
    /// Its unique name.
    pub name: String,
    /// Its row.
    pub id: Uuid,
    /// New rows, as they were written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub created: Vec<SavedRow>,
    /// Changed rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub updated: Vec<SavedUpdate>,
    /// Deleted rows with their previous values, parents before their parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<SavedRow>,
    /// New links.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub linked: Vec<SavedLink>,
    /// Links that were removed, or deleted along with a row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unlinked: Vec<SavedLink>,
}

/// A row with its columns in the form in which they are written: a lookup is `{"set": …, "id": …}` under its navigation property.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SavedRow {
    /// Logical name of the table.
    pub table: String,
    /// Its id.
    pub id: Uuid,
    /// The display name.
    pub label: String,
    /// Columns that a client may write and that have a value.
    pub columns: BTreeMap<String, Json>,
}

/// Columns of a row before and after the change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SavedUpdate {
    /// Logical name of the table.
    pub table: String,
    /// The primary key of the row.
    pub id: Uuid,
    /// The display name.
    pub label: String,
    /// The previous values.
    pub before: BTreeMap<String, Json>,
    /// The new values.
    pub after: BTreeMap<String, Json>,
}

impl SavedUpdate {
    /// The previous row, if it is a part that was recorded with all its values.
    fn as_row(&self) -> Option<SavedRow> {
        let mut parts = Kind::part_tables();
        let part = parts.find(|part| part.table.logical == self.table)?;
        let before = self.before.iter().filter(|(_, value)| !value.is_null());
        self.before
            .contains_key(part.parent_navigation)
            .then(|| SavedRow {
                table: self.table.clone(),
                id: self.id,
                label: self.label.clone(),
                columns: before
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect(),
            })
    }
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SavedLink {
    /// Schema name of the relationship.
    pub relationship: String,
    /// The side that declares the set.
    pub owner: Uuid,
    /// The other side.
    pub member: Uuid,
}

/// Why a file is not a valid undo file.
#[derive(Debug, Error)]
pub enum UndoFileError {
    /// It is larger or deeper than any undo file.
    #[error("the undo file is not read: {0}")]
    TooMuch(#[from] TooMuch),
    /// A row or link is listed twice.
    #[error("the undo file lists {0} more than once")]
    Twice(String),
    /// It has another version of the format.
    #[error("the undo file has format version {0}; this version of deskstate reads 1")]
    UnknownVersion(u32),
    /// It is not an undo file.
    #[error("the file is not an undo file ({0})")]
    Malformed(String),
    /// The file ends too early.
    #[error("the undo file is incomplete")]
    Incomplete,
}

/// Serializes the file as pretty-printed JSON.
pub fn write(file: &UndoFile) -> String {
    let mut text = serde_json::to_string_pretty(file).unwrap_or_default();
    text.push('\n');
    text
}

/// Parses an undo file. It can only contain tables, columns and relationships that deskstate writes.
///
/// # Errors
/// If the text is too large, has another version, is malformed, or refers to something that deskstate does not write.
pub fn read(text: &str) -> Result<UndoFile, UndoFileError> {
    bounds::check(text, Limit::UNDO, MAX_DEPTH)?;
    let file: UndoFile = serde_json::from_str(text).map_err(|error| match error.classify() {
        Category::Eof => UndoFileError::Incomplete,
        Category::Syntax => UndoFileError::Malformed("not JSON".to_owned()),
        Category::Data | Category::Io => UndoFileError::Malformed(error.to_string()),
    })?;
    if file.format_version != VERSION {
        return Err(UndoFileError::UnknownVersion(file.format_version));
    }
    names_only_what_is_written(&file).map_err(UndoFileError::Malformed)?;
    each_once(&file)?;
    Ok(file)
}

/// An apply changes each row or link once. A file with duplicates was not written by an apply, and its counts would be meaningless.
fn each_once(file: &UndoFile) -> Result<(), UndoFileError> {
    let mut rows = HashSet::new();
    let mut links = HashSet::new();
    for change in &file.changes {
        let saved = change.created.iter().chain(&change.deleted);
        let saved = saved.map(|row| (&row.table, row.id, &row.label));
        let updated = change.updated.iter();
        for (table, id, label) in saved.chain(updated.map(|row| (&row.table, row.id, &row.label))) {
            if !rows.insert((table, id)) {
                return Err(UndoFileError::Twice(format!("the row `{label}` ({id})")));
            }
        }
        for link in change.linked.iter().chain(&change.unlinked) {
            if !links.insert((&link.relationship, link.owner, link.member)) {
                return Err(UndoFileError::Twice(format!(
                    "the link of {} to {}",
                    link.owner, link.member
                )));
            }
        }
    }
    Ok(())
}

/// The name of a saved row.
fn name(saved: &SavedRow) -> String {
    let column = columns::table(&saved.table).and_then(|table| table.name);
    let name = column.and_then(|column| saved.columns.get(column)?.as_str());
    name.unwrap_or(&saved.label).to_owned()
}

/// Checks that a file refers only to what deskstate writes.
fn names_only_what_is_written(file: &UndoFile) -> Result<(), String> {
    for change in &file.changes {
        change
            .kind
            .parse::<Kind>()
            .map_err(|error| error.to_string())?;
        let rows = change
            .created
            .iter()
            .chain(&change.deleted)
            .map(|row| (&row.table, vec![&row.columns]));
        let updates = change
            .updated
            .iter()
            .map(|row| (&row.table, vec![&row.before, &row.after]));
        for (logical, maps) in rows.chain(updates) {
            let table = columns::table(logical)
                .ok_or_else(|| format!("`{logical}` is not a table that deskstate writes"))?;
            let known: BTreeMap<String, Column> = columns::of(table)
                .into_iter()
                .map(|column| (column.name.clone(), column))
                .collect();
            for (name, value) in maps.into_iter().flatten() {
                let column = known.get(name).ok_or_else(|| {
                    format!("`{logical}.{name}` is not a column that deskstate writes")
                })?;
                let fits = match column.set {
                    Some(own) => {
                        value.is_null()
                            || columns::bound(value).is_some_and(|(set, _)| match own {
                                "" => set == tables::USER.set || set == tables::TEAM.set,
                                own => set == own,
                            })
                    }
                    None => !value.is_object() && !value.is_array(),
                };
                if !fits {
                    return Err(format!(
                        "`{logical}.{name}` has a value that no such column has"
                    ));
                }
            }
        }
        for link in change.linked.iter().chain(&change.unlinked) {
            columns::relationship(&link.relationship).ok_or_else(|| {
                format!(
                    "`{}` is not a relationship that deskstate writes",
                    link.relationship
                )
            })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(change: &Json) -> String {
        let file = json!({
            "formatVersion": 1, "environment": "prod", "organization": null, "plan": "sha256:0", "changes": [change],
        });
        read(&file.to_string()).unwrap_err().to_string()
    }

    #[test]
    fn an_undo_file_names_only_what_deskstate_writes() {
        let change = |what: &str, row: Json| {
            refused(&json!({"kind": "AppProfile", "name": "a", "id": Uuid::nil(), what: [row]}))
        };
        let row = |table: &str, columns: Json| json!({"table": table, "id": Uuid::nil(), "label": "a", "columns": columns});
        for (what, row, why) in [
            ("deleted", row("systemuser", json!({})), "not a table"),
            ("created", row("role", json!({})), "not a table"),
            (
                "deleted",
                row(
                    "msdyn_appconfiguration",
                    json!({"ownerid@odata.bind": "/x"}),
                ),
                "not a column",
            ),
            (
                "deleted",
                row(
                    "msdyn_appconfiguration",
                    json!({"msdyn_name": {"set": "x"}}),
                ),
                "a value that no such column has",
            ),
            (
                "unlinked",
                json!({"relationship": "systemuserroles_association", "owner": Uuid::nil(), "member": Uuid::nil()}),
                "not a relationship",
            ),
            ("executed", json!({}), "unknown field"),
        ] {
            let said = change(what, row);
            assert!(said.contains(why), "{said}");
        }
        assert!(refused(&json!({"kind": "Role", "name": "a", "id": Uuid::nil()})).contains("Role"));
    }

    #[test]
    fn brackets_without_end_are_no_undo_file() {
        assert!(matches!(
            read(&"[".repeat(1_000_000)),
            Err(UndoFileError::TooMuch(TooMuch::Deep(_)))
        ));
    }

    #[test]
    fn an_undo_file_lists_each_row_and_each_link_once() {
        let row = json!({"table": "msdyn_appconfiguration", "id": Uuid::nil(), "label": "a", "columns": {}});
        let update = json!({"table": "msdyn_appconfiguration", "id": Uuid::nil(), "label": "a", "before": {}, "after": {}});
        let link = json!({"relationship": "msdyn_sessiontemplate_applicationtab", "owner": Uuid::nil(), "member": Uuid::nil()});
        for lists in [
            json!({"created": [row, row]}),
            json!({"deleted": [row], "updated": [update]}),
            json!({"linked": [link], "unlinked": [link]}),
        ] {
            let mut change = json!({"kind": "AppProfile", "name": "a", "id": Uuid::nil()});
            change
                .as_object_mut()
                .unwrap()
                .extend(lists.as_object().unwrap().clone());
            let said = refused(&change);
            assert!(said.contains("more than once"), "{said}");
        }
    }
}
