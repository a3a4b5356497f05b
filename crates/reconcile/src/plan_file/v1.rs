//! The first version of the file. Its types are its own: the plan may change, the file may not.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use super::About;
use super::canonical::{self, Digest};
use crate::plan::{self, Difference, FieldChange, Plan, Reason};
use crate::secret;

/// `formatVersion` of this file.
pub(super) const VERSION: u32 = 1;

/// A saved plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanFile {
    /// 1.
    pub format_version: u32,
    /// Name of the environment.
    pub environment: String,
    /// The organisation that was read.
    pub organization: Option<Uuid>,
    /// The git revision of the manifests.
    pub revision: Option<String>,
    /// The digest of organisation and changes, as `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// In apply order.
    pub changes: Vec<Change>,
}

/// What happens to one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Change {
    /// Its kind.
    pub kind: String,
    /// Its unique name.
    pub name: String,
    /// Its row.
    pub id: Uuid,
    /// `create`, `update`, `delete`.
    pub action: String,
    /// `declared`, `fieldsDiffer`, `notDeclared`, `stateAbsent`.
    pub reason: String,
    /// Where it is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_at: Option<Place>,
    /// What differs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// Fields that a new row takes from the server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_to_server: Vec<String>,
    /// Writes it takes.
    pub writes: usize,
    /// The digest of the change, over the values as they are.
    pub digest: String,
}

/// A place in a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Place {
    /// Relative to the project's root.
    pub file: String,
    /// From 1.
    pub line: u32,
}

/// One difference. Exactly one of value, `added`, `removed` and `copy` is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Field {
    /// The field, such as `parameters.url`.
    pub path: String,
    /// What live has; with `after`.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub before: Option<Json>,
    /// What the manifest says.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub after: Option<Json>,
    /// A new member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added: Option<String>,
    /// A member that goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<String>,
    /// The column of a second copy that is written again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<String>,
    /// What else there is to say of a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// `null` is a value here; only a missing key is none.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

impl PlanFile {
    /// The file of a plan.
    pub(super) fn of(plan: &Plan, about: &About<'_>) -> Self {
        let mut file = Self {
            format_version: VERSION,
            environment: about.environment.to_owned(),
            organization: plan.organization,
            revision: about.revision.map(str::to_owned),
            digest: String::new(),
            changes: plan
                .changes
                .iter()
                .map(|change| Change::of(change, Some(about)))
                .collect(),
        };
        file.digest = file.own_digest().to_string();
        file
    }

    /// The digest that the changes have together.
    pub(super) fn own_digest(&self) -> Digest {
        canonical::of_parts(
            self.organization,
            self.changes.iter().map(|change| change.digest.as_str()),
        )
    }
}

impl Change {
    pub(super) fn of(change: &plan::Change, about: Option<&About<'_>>) -> Self {
        let place = |span: deskstate_model::Span| {
            let about = about?;
            Some(Place {
                file: about.sources.path(span.file).to_owned(),
                line: about.sources.line_column(span).0,
            })
        };
        Self {
            kind: change.key.kind.as_str().to_owned(),
            name: change.key.name.as_written().to_owned(),
            id: change.id,
            action: canonical::action(change.action).to_owned(),
            reason: reason(change.reason).to_owned(),
            declared_at: change.declared_at.and_then(place),
            fields: change.fields.iter().map(Field::of).collect(),
            left_to_server: change
                .left_to_server
                .iter()
                .map(|word| (*word).to_owned())
                .collect(),
            writes: change.operations.len(),
            digest: canonical::of_change(change).to_string(),
        }
    }
}

impl Field {
    pub(super) fn of(change: &FieldChange) -> Self {
        let mut field = Self {
            path: change.path.clone(),
            before: None,
            after: None,
            added: None,
            removed: None,
            copy: None,
            note: None,
        };
        match &change.difference {
            Difference::Value { before, after } => {
                field.before = Some(secret::masked(before));
                field.after = Some(secret::masked(after));
            }
            Difference::Copy { column, after } => {
                field.copy = Some((*column).to_owned());
                field.after = Some(secret::masked(after));
            }
            Difference::Added { member, note } => {
                field.added = Some(member.clone());
                field.note.clone_from(note);
            }
            Difference::Removed { member, note } => {
                field.removed = Some(member.clone());
                field.note.clone_from(note);
            }
        }
        field
    }
}

fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Declared => "declared",
        Reason::FieldsDiffer => "fieldsDiffer",
        Reason::NotDeclared => "notDeclared",
        Reason::StateAbsent => "stateAbsent",
    }
}
