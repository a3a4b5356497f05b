//! Version 2 of the format. Its types are independent of those of the plan: the plan may change, the format may not.
//!
//! `apply --reviewed` compares the changes, so unknown fields are errors there. `report` contains what renderers show in addition; it is
//! not compared, so readers ignore unknown fields in it.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashSet};

use deskstate_dataverse::Value as Wire;
use deskstate_model::{Diagnostic, Kind, Label, Relationship, SourceMap, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::About;
use super::canonical::Digest;
use crate::live::Live;
use crate::plan::{self, Action, Difference, FieldChange, Operation, Plan, Reason, RowTarget};
use crate::{secret, undo};

/// `formatVersion` of this file.
pub(super) const VERSION: u32 = 2;

/// A plan that was saved by `deskstate plan --out` or printed by `--format json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanFile {
    /// Always 2.
    #[schemars(range(min = 2, max = 2))]
    pub format_version: u32,
    /// Name of the environment.
    pub environment: String,
    /// Id of the organization that was read.
    #[schemars(with = "Option<String>")]
    pub organization: Option<Uuid>,
    /// Git revision of the manifests.
    pub revision: Option<String>,
    /// Versions of the definitions of kinds that were used for planning, by kind. Built-in kinds are not listed.
    #[serde(default)]
    pub definitions: BTreeMap<String, String>,
    /// SHA-256 of the canonical text of everything that is compared, as `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// The changes, in apply order.
    pub changes: Vec<Change>,
    /// Additional information to show. It is not compared.
    pub report: Report,
}

/// The change of one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Change {
    /// Its kind.
    pub kind: String,
    /// Its unique name.
    pub name: String,
    /// Id of its row.
    #[schemars(with = "String")]
    pub id: Uuid,
    /// `create`, `update` or `delete`.
    pub action: String,
    /// `declared`, `fieldsDiffer`, `notDeclared` or `stateAbsent`. Not compared.
    pub reason: String,
    /// Where it is declared. Not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_at: Option<Place>,
    /// The differences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// Fields of a new row whose values the server determines. Not compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_to_server: Vec<String>,
    /// The writes that are required.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<Write>,
    /// Number of agents reached. Not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
}

/// A place in a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// Relative to the project's root.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// A remark about the place.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
}

/// One difference. Exactly one of value, `added`, `removed` and `copy` is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Field {
    /// The field, for example `parameters.url`.
    pub path: String,
    /// The live value. Given together with `after`.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub before: Option<Json>,
    /// The value in the manifest.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub after: Option<Json>,
    /// A new member of a set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added: Option<String>,
    /// A member that is removed from a set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<String>,
    /// The column of a second copy of the value that is written again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<String>,
    /// If a value looks like a secret and is masked: the SHA-256 of the canonical text of the unmasked `[before, after]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masked: Option<String>,
    /// A remark about a member. Not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Table and column, or relationship. Not compared.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub wire: String,
}

/// `null` is a value here; only a missing key means no value.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

/// One write: the row or link, and the rows that it refers to. Values are in the fields.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Write {
    /// `create`, `update`, `delete`, `link` or `unlink`.
    pub action: String,
    /// Logical name of the table, or schema name of the relationship.
    pub table: String,
    /// The row. For a link, the row on the side that declares the set.
    #[schemars(with = "String")]
    pub row: Uuid,
    /// For a link, the row on the other side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub member: Option<Uuid>,
    /// Rows that its lookups refer to, by navigation property.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub refers_to: BTreeMap<String, Uuid>,
    /// For a deleted row: the SHA-256 of the canonical text of its columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// Additional information that renderers show.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Report {
    /// Address of the environment.
    pub address: String,
    /// Number of HTTP requests for reading.
    pub requests: u64,
    /// Number of transactions for applying the plan.
    pub transactions: usize,
    /// Number of agents that all changes together reach; `null` if some change could not be counted.
    pub agents: Option<usize>,
    /// Whether only selected resources were compared.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub selection: bool,
    /// State of everything that the run compared: `inSync`, `different` or `unknown`.
    pub state: String,
    /// Number of resources by state, and of changes by action.
    pub counts: Counts,
    /// Every declared resource that the run compared, and its state.
    pub resources: Vec<ResourceState>,
    /// Unknowns that do not concern declared resources: undeclared rows, and rules of contracts.
    pub elsewhere: Vec<NotPlanned>,
    /// What could not be planned, what review refuses, and warnings.
    pub findings: Vec<Finding>,
}

/// Number of resources and changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Counts {
    /// Declared resources.
    pub declared: usize,
    /// Declared resources that need no changes.
    pub in_sync: usize,
    /// Declared resources that differ.
    pub different: usize,
    /// Declared resources that could not be compared completely.
    pub unknown: usize,
    /// Resources to create.
    pub create: usize,
    /// Resources to update.
    pub update: usize,
    /// Resources to delete.
    pub delete: usize,
}

/// The state of one declared resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceState {
    /// Its kind.
    pub kind: String,
    /// Its unique name.
    pub name: String,
    /// `inSync`, `different` or `unknown`.
    pub state: String,
    /// Where it is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_at: Option<Place>,
    /// What could not be planned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_planned: Vec<NotPlanned>,
}

/// Something that could not be planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotPlanned {
    /// The subject. Omitted if it is the resource that contains this entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// The field; empty for the complete resource.
    pub field: String,
    /// `unknown` if it is not known whether it differs, `different` if it is known to differ.
    pub state: String,
    /// Stable name of the rule.
    pub code: String,
    /// The reason.
    pub reason: String,
}

impl NotPlanned {
    fn of(obstacle: &plan::Obstacle) -> Self {
        Self {
            about: None,
            field: obstacle.path.clone(),
            state: obstacle.state.code().to_owned(),
            code: obstacle.code.to_owned(),
            reason: obstacle.reason.clone(),
        }
    }
}

/// Number of agents that a change reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reach {
    /// Number of agents; `null` if it is unknown.
    pub agents: Option<usize>,
    /// Number of agents reached other than through a profile, for example members of a queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<usize>,
    /// How they were counted, for example `assigned directly to contoso_voice`.
    pub basis: String,
    /// Agents that were not counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uncounted: Vec<String>,
}

/// A finding to consider before a plan is executed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Stable name of the rule. `deskstate explain CODE` explains it.
    pub code: String,
    /// `unplannable` (could not be planned), `refused` (by review) or `warning`.
    pub level: String,
    /// The problem.
    pub message: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The place of the problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Related places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Place>,
}

impl Finding {
    /// Converts a diagnostic to a finding of this level.
    pub fn of(diagnostic: &Diagnostic, level: &str, sources: &SourceMap) -> Self {
        let place = |label: &Label| Place::of(label.span, &label.text, sources);
        Self {
            code: diagnostic.code.to_owned(),
            level: level.to_owned(),
            message: diagnostic.message.clone(),
            help: diagnostic.help.clone(),
            place: diagnostic.primary.as_ref().map(place),
            related: diagnostic.secondary.iter().map(place).collect(),
        }
    }
}

impl Place {
    fn of(span: Span, label: &str, sources: &SourceMap) -> Self {
        let (line, column) = sources.line_column(span);
        Self {
            file: sources.path(span.file).to_owned(),
            line,
            column: Some(column),
            label: label.to_owned(),
        }
    }
}

impl PlanFile {
    /// Creates the file of a plan.
    pub(super) fn of(plan: &Plan, live: &Live, about: &About<'_>) -> Self {
        let mut file = Self {
            format_version: VERSION,
            environment: about.environment.to_owned(),
            organization: plan.organization,
            revision: about.revision.map(str::to_owned),
            definitions: definitions(),
            digest: String::new(),
            changes: plan
                .changes
                .iter()
                .enumerate()
                .map(|(index, change)| Change {
                    reach: about.reach.and_then(|reach| {
                        let reach = reach.changes.get(index)?;
                        Some(Reach {
                            agents: reach.agents,
                            members: reach.members,
                            basis: reach.basis.clone(),
                            uncounted: reach.uncounted.clone(),
                        })
                    }),
                    ..Change::of(change, live, Some(about.sources))
                })
                .collect(),
            report: about.report.clone(),
        };
        let (create, update, delete) = plan.counts();
        file.report.requests = plan.read_requests;
        file.report.agents = about.reach.and_then(|reach| reach.agents);
        let counts = &mut file.report.counts;
        (counts.create, counts.update, counts.delete) = (create, update, delete);
        let states = plan.states();
        counts.declared = states.total();
        counts.in_sync = states.in_sync;
        counts.different = states.different;
        counts.unknown = states.unknown;
        file.report.resources = plan
            .resources
            .iter()
            .map(|judged| ResourceState {
                kind: judged.key.kind.as_str().to_owned(),
                name: judged.key.name.as_written().to_owned(),
                state: judged.state.code().to_owned(),
                declared_at: place(judged.declared_at, Some(about.sources)),
                not_planned: judged.obstacles.iter().map(NotPlanned::of).collect(),
            })
            .collect();
        file.report.elsewhere = plan
            .elsewhere
            .iter()
            .map(|one| NotPlanned {
                about: Some(one.about.clone()),
                ..NotPlanned::of(&one.obstacle)
            })
            .collect();
        plan.state().code().clone_into(&mut file.report.state);
        file.digest = file.own_digest().to_string();
        file
    }

    /// The digest of everything that is compared.
    pub(super) fn own_digest(&self) -> Digest {
        digest(self.organization, &self.definitions, self.changes.iter())
    }
}

/// Versions of the definitions that are data. Each includes a digest, which distinguishes two texts that claim to be the same version.
pub(super) fn definitions() -> BTreeMap<String, String> {
    let defined = Kind::all().filter_map(|kind| {
        let definition = kind.definition();
        let digest = Digest::of(&Json::from(definition.source?));
        let version = format!("{} {digest}", definition.version);
        Some((kind.as_str().to_owned(), version))
    });
    defined.collect()
}

/// The digest of everything that is compared in a plan. Changes are consumed one by one, so that a large plan is not in memory twice.
pub(super) fn digest<C: Borrow<Change>>(
    organization: Option<Uuid>,
    definitions: &BTreeMap<String, String>,
    changes: impl Iterator<Item = C>,
) -> Digest {
    let others = BTreeMap::from([
        ("definitions", json!(definitions)),
        ("formatVersion", json!(VERSION)),
        ("organization", json!(organization)),
    ]);
    let changes = changes.map(|change| change.borrow().compared());
    Digest::with_list("changes", changes, &others)
}

impl Change {
    pub(super) fn of(change: &plan::Change, live: &Live, sources: Option<&SourceMap>) -> Self {
        Self {
            kind: change.key.kind.as_str().to_owned(),
            name: change.key.name.as_written().to_owned(),
            id: change.id,
            action: action(change.action).to_owned(),
            reason: reason(change.reason).to_owned(),
            declared_at: place(change.declared_at, sources),
            fields: change.fields.iter().map(Field::of).collect(),
            left_to_server: change
                .left_to_server
                .iter()
                .map(|word| (*word).to_owned())
                .collect(),
            writes: Write::all(change, live),
            reach: None,
        }
    }

    /// The part of it that is compared.
    fn compared(&self) -> Json {
        let Self {
            kind,
            name,
            id,
            action,
            reason: _,
            declared_at: _,
            fields,
            left_to_server: _,
            writes,
            reach: _,
        } = self;
        let fields: Vec<Json> = fields.iter().map(Field::compared).collect();
        json!({"kind": kind, "name": name, "id": id, "action": action, "fields": fields, "writes": writes})
    }
}

impl Field {
    fn of(change: &FieldChange) -> Self {
        let mut field = Self {
            path: change.path.clone(),
            before: None,
            after: None,
            added: None,
            removed: None,
            copy: None,
            masked: None,
            note: None,
            wire: change.wire.clone(),
        };
        match &change.difference {
            Difference::Value { before, after } => {
                field.before = Some(secret::masked_at(&change.path, before));
                field.after = Some(secret::masked_at(&change.path, after));
                if field.before.as_ref() != Some(before) || field.after.as_ref() != Some(after) {
                    field.masked = Some(Digest::of(&json!([before, after])).to_string());
                }
            }
            Difference::Copy { column, after } => {
                field.copy = Some((*column).to_owned());
                field.after = Some(secret::masked_at(&change.path, after));
                if field.after.as_ref() != Some(after) {
                    field.masked = Some(Digest::of(&json!([null, after])).to_string());
                }
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

    /// The part of it that is compared.
    pub(super) fn compared(&self) -> Json {
        let compared = Self {
            note: None,
            wire: String::new(),
            ..self.clone()
        };
        json!(compared)
    }
}

impl Write {
    /// The writes of a change. Links that go with a deleted row become writes as well: whoever gets the row later was not reviewed.
    fn all(change: &plan::Change, live: &Live) -> Vec<Self> {
        let operations = change.operations.iter();
        let mut writes: Vec<Self> = operations
            .flat_map(|operation| Self::of(operation, live))
            .collect();
        let known: HashSet<Self> = writes.iter().cloned().collect();
        let deleted = change
            .operations
            .iter()
            .filter_map(|operation| match operation {
                Operation::Delete { row, .. } => Some(row),
                _ => None,
            });
        let along = deleted.flat_map(|row| links_of(row, live));
        let along = along.map(|(relationship, owner, member)| Self {
            action: "unlink".to_owned(),
            table: relationship.schema_name.to_owned(),
            row: owner,
            member: Some(member),
            refers_to: BTreeMap::new(),
            content: None,
        });
        writes.extend(along.filter(|write| !known.contains(write)));
        writes
    }

    /// Converts an operation to writes. Parts that are deleted along with a row become writes as well.
    fn of(operation: &Operation, live: &Live) -> Vec<Self> {
        let row = |action: &str, row: &RowTarget| Self {
            action: action.to_owned(),
            table: row.table.logical.to_owned(),
            row: row.id,
            member: None,
            refers_to: BTreeMap::new(),
            content: None,
        };
        let link = |action: &str, schema_name: &str, owner: Uuid, member: Uuid| Self {
            action: action.to_owned(),
            table: schema_name.to_owned(),
            row: owner,
            member: Some(member),
            refers_to: BTreeMap::new(),
            content: None,
        };
        match operation {
            Operation::Create {
                row: target, body, ..
            } => vec![Self {
                refers_to: lookups(body),
                ..row("create", target)
            }],
            Operation::Update {
                row: target, body, ..
            } => vec![Self {
                refers_to: lookups(body),
                ..row("update", target)
            }],
            Operation::Delete {
                row: target, along, ..
            } => std::iter::once(target)
                .chain(along.iter().map(|part| &part.row))
                .map(|target| Self {
                    content: undo::columns_of(target, live)
                        .map(|columns| Digest::of(&json!(columns)).to_string()),
                    ..row("delete", target)
                })
                .collect(),
            Operation::Link {
                relationship,
                owner,
                member,
            } => vec![link("link", relationship.schema_name, *owner, *member)],
            Operation::Unlink {
                relationship,
                owner,
                member,
            } => vec![link("unlink", relationship.schema_name, *owner, *member)],
        }
    }
}

/// The links of a row.
fn links_of(
    row: &RowTarget,
    live: &Live,
) -> impl Iterator<Item = (&'static Relationship, Uuid, Uuid)> {
    let (table, id) = (row.table, row.id);
    Kind::relationships().flat_map(move |relationship| {
        let links = live.links(relationship);
        let members = links
            .members(id)
            .filter(move |_| relationship.owner == table)
            .map(move |member| (relationship, id, member));
        let owners = links
            .owners(id)
            .iter()
            .filter(move |_| relationship.member == table)
            .map(move |owner| (relationship, *owner, id));
        members.chain(owners)
    })
}

fn lookups(body: &[(String, Wire)]) -> BTreeMap<String, Uuid> {
    body.iter()
        .filter_map(|(name, value)| match value {
            Wire::Bind { id, .. } => Some((name.clone(), *id)),
            Wire::Cell(_) | Wire::Unbind => None,
        })
        .collect()
}

fn place(span: Option<Span>, sources: Option<&SourceMap>) -> Option<Place> {
    let place = Place::of(span?, "", sources?);
    Some(Place {
        column: None,
        ..place
    })
}

/// The word for an action.
pub(super) fn action(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Delete => "delete",
    }
}

/// The word for a reason.
pub(super) fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Declared => "declared",
        Reason::FieldsDiffer => "fieldsDiffer",
        Reason::NotDeclared => "notDeclared",
        Reason::StateAbsent => "stateAbsent",
    }
}
