//! Restores a saved plan, to show it. Its writes are not restored, since files are never executed.

use std::collections::BTreeMap;

use deskstate_model::{Diagnostic, Kind, Label, ResourceKey, Severity, SourceMap, Span};
use thiserror::Error;

use super::v2::{self, Change, Field, NotPlanned, Place, PlanFile};
use crate::kinds;
use crate::plan::{
    self, Action, Difference, Elsewhere, FieldChange, Judged, Obstacle, Plan, Reason, SyncState,
};
use crate::reach::{ChangeReach, Reached};

/// Maximum number of lines in all files together for which places are restored. A file may contain any line number.
const MOST_LINES: usize = 4 << 20;

/// Why a saved plan cannot be shown.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The kind is not defined.
    #[error("the plan has a resource of the kind `{}`, which is not defined here", .0.escape_debug())]
    UnknownKind(String),
    /// A word that is not part of any version of the format.
    #[error("the plan file has the unknown word `{}`", .0.escape_debug())]
    UnknownWord(String),
}

/// A saved plan in the form that renderers take.
#[derive(Debug)]
pub struct Restored {
    /// The plan, without its writes.
    pub plan: Plan,
    /// Files and lines of its places, without their texts.
    pub sources: SourceMap,
    /// Agents reached by each change, for people.
    pub reach: Vec<Option<Reached>>,
    /// What could not be planned, what review refused, and warnings.
    pub findings: Vec<Diagnostic>,
}

/// Restores a saved plan. `known` returns the code of a finding if this version knows it.
///
/// # Errors
/// If the plan has a resource of a kind that is not defined here.
pub fn restore(
    file: &PlanFile,
    known: &dyn Fn(&str) -> Option<&'static str>,
) -> Result<Restored, RestoreError> {
    let places = Places::of(file);
    let restoring = Restoring { places, known };
    let changes = file.changes.iter().map(|change| restoring.change(change));
    let changes: Vec<plan::Change> = changes.collect::<Result<_, _>>()?;
    let resources = file.report.resources.iter();
    let resources = resources.map(|resource| restoring.resource(resource));
    let elsewhere = file.report.elsewhere.iter().map(|one| {
        Ok(Elsewhere {
            about: one.about.clone().unwrap_or_default(),
            obstacle: restoring.obstacle(one, None)?,
        })
    });
    let reach = file.changes.iter().map(|change| {
        let reach = change.reach.as_ref()?;
        let reach = ChangeReach {
            agents: reach.agents,
            basis: reach.basis.clone(),
            uncounted: reach.uncounted.clone(),
            ..ChangeReach::default()
        };
        reach.said()
    });
    Ok(Restored {
        reach: reach.collect(),
        findings: restoring.findings(file),
        plan: Plan {
            organization: file.organization,
            resources: resources.collect::<Result<_, _>>()?,
            elsewhere: elsewhere.collect::<Result<_, _>>()?,
            read_requests: file.report.requests,
            changes,
        },
        sources: restoring.places.sources,
    })
}

/// Files whose texts are not known. Empty lines replace their texts.
struct Places {
    sources: SourceMap,
    files: BTreeMap<String, deskstate_model::FileId>,
}

impl Places {
    fn of(file: &PlanFile) -> Self {
        let changes = file
            .changes
            .iter()
            .filter_map(|change| change.declared_at.as_ref());
        let resources = file.report.resources.iter();
        let resources = resources.filter_map(|resource| resource.declared_at.as_ref());
        let findings = file
            .report
            .findings
            .iter()
            .filter_map(|finding| finding.place.as_ref());
        let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
        for place in changes.chain(resources).chain(findings) {
            let line = usize::try_from(place.line).unwrap_or(usize::MAX);
            let last = lines.entry(&place.file).or_default();
            *last = line.max(*last);
        }
        let mut left = MOST_LINES;
        let mut places = Self {
            sources: SourceMap::default(),
            files: BTreeMap::new(),
        };
        for (path, lines) in lines {
            if let Some(rest) = left.checked_sub(lines) {
                left = rest;
                let file = places.sources.add(path, "\n".repeat(lines));
                places.files.insert(path.to_owned(), file);
            }
        }
        places
    }

    /// Each line is a single character, so its offset follows from its number.
    fn span(&self, place: &Place) -> Option<Span> {
        let file = *self.files.get(&place.file)?;
        let start = place.line.checked_sub(1)?;
        Some(Span {
            file,
            start,
            end: start,
        })
    }
}

struct Restoring<'a> {
    places: Places,
    known: &'a dyn Fn(&str) -> Option<&'static str>,
}

impl Restoring<'_> {
    fn span(&self, place: Option<&Place>) -> Option<Span> {
        self.places.span(place?)
    }

    fn code(&self, code: &str) -> &'static str {
        (self.known)(code).unwrap_or("unknown-code")
    }

    fn change(&self, change: &Change) -> Result<plan::Change, RestoreError> {
        let key = key(&change.kind, &change.name)?;
        let fields = key.kind.fields();
        let left_to_server = change.left_to_server.iter().filter_map(|word| {
            let mut fields = fields.iter();
            fields
                .find(|field| field.word == word)
                .map(|field| field.word)
        });
        Ok(plan::Change {
            id: change.id,
            action: action(&change.action)?,
            reason: reason(&change.reason)?,
            declared_at: self.span(change.declared_at.as_ref()),
            fields: change
                .fields
                .iter()
                .map(|field| restored(field, key.kind))
                .collect(),
            operations: Vec::new(),
            left_to_server: left_to_server.collect(),
            kept: Vec::new(),
            key,
        })
    }

    fn resource(&self, resource: &v2::ResourceState) -> Result<Judged, RestoreError> {
        let declared_at = self.span(resource.declared_at.as_ref());
        let obstacles = resource.not_planned.iter();
        let obstacles = obstacles.map(|one| self.obstacle(one, declared_at));
        Ok(Judged {
            key: key(&resource.kind, &resource.name)?,
            declared_at,
            state: state(&resource.state)?,
            obstacles: obstacles.collect::<Result<_, _>>()?,
        })
    }

    fn obstacle(&self, one: &NotPlanned, span: Option<Span>) -> Result<Obstacle, RestoreError> {
        Ok(Obstacle {
            path: one.field.clone(),
            state: state(&one.state)?,
            code: self.code(&one.code),
            reason: one.reason.clone(),
            span,
        })
    }

    fn findings(&self, file: &PlanFile) -> Vec<Diagnostic> {
        let findings = file.report.findings.iter().map(|finding| {
            let label = |place: &Place| {
                Some(Label {
                    span: self.places.span(place)?,
                    text: place.label.clone(),
                })
            };
            Diagnostic {
                severity: match finding.level.as_str() {
                    "warning" => Severity::Warning,
                    _ => Severity::Error,
                },
                primary: finding.place.as_ref().and_then(label),
                help: finding.help.clone(),
                ..Diagnostic::error(self.code(&finding.code), finding.message.clone())
            }
        });
        findings.collect()
    }
}

fn key(kind: &str, name: &str) -> Result<ResourceKey, RestoreError> {
    let parsed: Kind = kind
        .parse()
        .map_err(|_| RestoreError::UnknownKind(kind.to_owned()))?;
    Ok(ResourceKey::new(parsed, name))
}

fn restored(field: &Field, kind: Kind) -> FieldChange {
    let value = |value: &Option<serde_json::Value>| value.clone().unwrap_or_default();
    let difference = if let Some(member) = &field.added {
        Difference::Added {
            member: member.clone(),
            note: field.note.clone(),
        }
    } else if let Some(member) = &field.removed {
        Difference::Removed {
            member: member.clone(),
            note: field.note.clone(),
        }
    } else if let Some(column) = &field.copy {
        let mut columns = kinds::tables_of(kind)
            .flat_map(kinds::row_fields)
            .flat_map(|field| {
                [
                    Some(field.column),
                    field.mirror.as_ref().map(|copy| copy.column),
                ]
            })
            .flatten();
        Difference::Copy {
            column: columns
                .find(|known| known == column)
                .unwrap_or("another column"),
            after: value(&field.after),
        }
    } else {
        Difference::Value {
            before: value(&field.before),
            after: value(&field.after),
        }
    };
    FieldChange {
        path: field.path.clone(),
        difference,
        span: None,
        wire: field.wire.clone(),
    }
}

fn action(word: &str) -> Result<Action, RestoreError> {
    let all = [Action::Create, Action::Update, Action::Delete];
    let mut all = all.into_iter();
    all.find(|action| v2::action(*action) == word)
        .ok_or_else(|| RestoreError::UnknownWord(word.to_owned()))
}

fn reason(word: &str) -> Result<Reason, RestoreError> {
    let mut all = [
        Reason::Declared,
        Reason::FieldsDiffer,
        Reason::NotDeclared,
        Reason::StateAbsent,
    ]
    .into_iter();
    all.find(|reason| v2::reason(*reason) == word)
        .ok_or_else(|| RestoreError::UnknownWord(word.to_owned()))
}

fn state(word: &str) -> Result<SyncState, RestoreError> {
    let mut all = SyncState::ALL.into_iter();
    all.find(|state| state.code() == word)
        .ok_or_else(|| RestoreError::UnknownWord(word.to_owned()))
}
