//! Drift: where the live environment differs from the manifests, how each difference is classified, and what it breaks.
//!
//! A drift report reads a plan in reverse: what the plan would restore is what somebody changed. Only what manifests manage is compared;
//! undeclared rows are listed separately.

mod classify;
mod contracts;
mod ignore;

use std::collections::{BTreeSet, HashSet};

use deskstate_model::{Kind, Manifests, Prune, ResourceKey, Span, State, Undeclared};
use serde_json::Value as Json;
use uuid::Uuid;

pub use ignore::{Expired, Ignored, plan_accepting, rows_accepted, users_accepted};

use crate::blame::{Audit, Blame};
use crate::check::{Broken, check};
use crate::extras::{Extra, extras};
use crate::live::{Access, Live};
use crate::lower::Desired;
use crate::plan::references::LOOKUP_MISSING;
use crate::plan::{
    self, Action, Change, Elsewhere, FieldChange, Judged, Obstacle, Plan, States, SyncState,
    nothing_to_compare, pruned_to_nothing,
};
use crate::state::DeclaredResource;
use crate::value::differing_in_copy;

/// The input of a report.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The manifests.
    pub manifests: &'a Manifests,
    /// The resources that they declare.
    pub desired: &'a Desired,
    /// The live environment.
    pub live: &'a Live,
    /// The plan that would restore the declared state.
    pub plan: &'a Plan,
    /// The same for the manifests as they were last applied, if that revision is known.
    pub applied: Option<Applied<'a>>,
    /// What is known about writers.
    pub blame: &'a Blame,
    /// Today, as `YYYY-MM-DD`, for rules that expire.
    pub today: &'a str,
    /// Restricts contract rules to those about these resources; `None` reports all of them.
    pub only: Option<&'a BTreeSet<ResourceKey>>,
}

/// The manifests of a revision, compared with the same live rows.
#[derive(Debug, Clone, Copy)]
pub struct Applied<'a> {
    /// Name of the revision, for people.
    pub revision: &'a str,
    /// The resources that it declares.
    pub desired: &'a Desired,
    /// The plan that would apply it to the live environment.
    pub plan: &'a Plan,
}

/// The drift of one environment.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Every declared resource that was compared, by key, and whether the live row matches it, accepted differences aside.
    pub resources: Vec<Judged>,
    /// The resources that differ, by key.
    pub drifted: Vec<Drifted>,
    /// Live rows under owned prefixes that no document declares.
    pub extras: Vec<ExtraRow>,
    /// Kinds that may have more such rows, and why those cannot be seen.
    pub unlisted: Vec<(Kind, String)>,
    /// Whether such rows count as drift.
    pub undeclared: Undeclared,
    /// Accepted differences.
    pub ignored: Vec<Ignored>,
    /// Accepted differences that no plan can change: their findings say nothing new.
    pub accepted_obstacles: Vec<Obstacle>,
    /// Expired rules.
    pub expired: Vec<Expired>,
    /// Contract rules that the environment breaks.
    pub broken: Vec<Broken>,
    /// Contract rules for which it is unknown whether they are kept.
    pub elsewhere: Vec<Elsewhere>,
    /// Whether audit records are available.
    pub audit: Audit,
    /// Number of rows whose history was not read.
    pub histories_unread: usize,
}

impl Report {
    /// Number of declared resources by state.
    pub fn states(&self) -> States {
        States::of(self.resources.iter().map(|judged| judged.state))
    }

    /// Whether the live environment matches the manifests, accepted differences aside.
    pub fn state(&self) -> SyncState {
        let extras = match self.undeclared {
            Undeclared::Report => SyncState::InSync,
            Undeclared::Fail if !self.unlisted.is_empty() => SyncState::Unknown,
            Undeclared::Fail if !self.extras.is_empty() => SyncState::Different,
            Undeclared::Fail => SyncState::InSync,
        };
        let elsewhere = self.elsewhere.iter().map(|one| one.obstacle.state);
        elsewhere.fold(self.states().together().max(extras), Ord::max)
    }

    /// Differences of a class.
    pub fn count(&self, class: Class) -> usize {
        self.drifted
            .iter()
            .flat_map(|drifted| &drifted.differences)
            .filter(|difference| difference.class == class)
            .count()
    }
}

/// A resource that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Drifted {
    /// The resource.
    pub key: ResourceKey,
    /// The id of its row, or the id that it would get.
    pub id: Uuid,
    /// Whether it was changed, is missing, or exists although it should not.
    pub state: DriftState,
    /// Where it is declared.
    pub declared_at: Option<Span>,
    /// The differences. For a row that is missing or should not exist, a single entry without a path.
    pub differences: Vec<Difference>,
}

/// How a resource differs as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriftState {
    /// It exists, with other values, parts or links.
    Changed,
    /// It is declared but does not exist.
    Missing,
    /// It is declared absent but exists.
    Unwanted,
}

/// One difference.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The field, such as `title`, `parameters.url`, `users`; empty for the complete row.
    pub path: String,
    /// The declared and the live value.
    pub shift: Shift,
    /// Its classification.
    pub class: Class,
    /// The evidence for the classification.
    pub evidence: String,
    /// Who made the change, if known.
    pub who: Option<String>,
    /// When it was made, as the server states it.
    pub when: Option<String>,
    /// What stops working, by contract.
    pub breaks: Vec<String>,
    /// Where the declared value is written.
    pub span: Option<Span>,
    /// Table and column, or relationship.
    pub wire: String,
}

/// A declared value compared with the live one.
#[derive(Debug, Clone, PartialEq)]
pub enum Shift {
    /// Another value; null stands for no value.
    Value {
        /// The declared value.
        declared: Json,
        /// The live value.
        live: Json,
    },
    /// A second copy of the value disagrees with it.
    Copy {
        /// The column that disagrees.
        column: &'static str,
        /// The declared value.
        declared: Json,
    },
    /// A declared member was removed.
    Lost {
        /// The member.
        member: String,
    },
    /// An undeclared member was added.
    Gained {
        /// The member.
        member: String,
    },
    /// The complete row.
    Row,
}

/// The classification of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Somebody changed it manually in the environment.
    EditedByHand,
    /// The manifests changed and were not applied.
    NotApplied,
    /// The product or a solution changed it.
    ProductUpdate,
    /// The cause is unknown.
    Unknown,
}

impl Class {
    /// All classes, most important first.
    pub const ALL: [Self; 4] = [
        Self::EditedByHand,
        Self::NotApplied,
        Self::ProductUpdate,
        Self::Unknown,
    ];

    /// The name for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::EditedByHand => "edited by hand",
            Self::NotApplied => "not applied yet",
            Self::ProductUpdate => "product or solution update",
            Self::Unknown => "cause unknown",
        }
    }

    /// The name for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::EditedByHand => "editedByHand",
            Self::NotApplied => "notApplied",
            Self::ProductUpdate => "productUpdate",
            Self::Unknown => "unknown",
        }
    }
}

/// A row that no document declares.
#[derive(Debug, Clone)]
pub struct ExtraRow {
    /// The row.
    pub extra: Extra,
    /// Its last writer.
    pub who: Option<String>,
    /// When it was last written.
    pub when: Option<String>,
}

/// Rows under the project's prefixes that no document declares.
pub fn owned_extras(manifests: &Manifests, desired: &Desired, live: &Live) -> Vec<Extra> {
    extras(desired, live, &owned_prefixes(manifests))
}

/// The project's prefixes, in lowercase.
pub fn owned_prefixes(manifests: &Manifests) -> BTreeSet<String> {
    let owns = manifests.project.iter().flat_map(|project| &project.owns);
    owns.map(|prefix| prefix.value.to_ascii_lowercase())
        .collect()
}

/// Kinds whose rows under the project's prefixes may be hidden, and why.
fn unlisted(manifests: &Manifests, live: &Live) -> Vec<(Kind, String)> {
    let owns = manifests
        .project
        .iter()
        .any(|project| !project.owns.is_empty());
    let hidden = Kind::all().filter_map(|kind| match &live.table(kind.table()).access {
        Access::Whole | Access::Absent => None,
        Access::Partial(why) | Access::Refused(why) => Some((kind, why.clone())),
    });
    if owns { hidden.collect() } else { Vec::new() }
}

/// Reports the drift of one environment.
#[tracing::instrument(level = "info", skip_all)]
pub fn drift(input: Input<'_>) -> Report {
    let mut rules = ignore::Rules::new(input.manifests, input.today);
    let mut drifted = Vec::new();
    let mut missing = BTreeSet::new();
    for change in &input.plan.changes {
        let found = resource(&input, change);
        let key = found.key.clone();
        let (accepted, mut kept): (Vec<Difference>, Vec<Difference>) =
            found.differences.into_iter().partition(|difference| {
                let item = match &difference.shift {
                    Shift::Lost { member } => ignore::path_of_item(&key, &difference.path, member),
                    _ => None,
                };
                let resource = input.desired.resources.get(&key).map(Box::as_ref);
                let is_of_missing = |resource: &DeclaredResource| {
                    let path = &difference.path;
                    ignore::is_of_missing_part(&rules, resource, input.live, path)
                };
                if change.action == Action::Update && resource.is_some_and(is_of_missing) {
                    return false;
                }
                rules.accepts(&key, &difference.path)
                    || item.is_some_and(|item| rules.accepts(&key, &item))
            });
        // A copy that differs only in parts is reported, or accepted, together with those parts.
        let parts = accepted.iter().chain(&kept);
        let parts = parts.filter(|part| !matches!(part.shift, Shift::Copy { .. }));
        let parts: Vec<String> = parts.map(|part| part.path.clone()).collect();
        let row = input.live.row(key.kind.table(), change.id);
        kept.retain(|copy| {
            let Shift::Copy { column, declared } = &copy.shift else {
                return true;
            };
            let repeated: Vec<&str> = parts
                .iter()
                .filter(|part| plan::repeats(&copy.path, part))
                .map(String::as_str)
                .collect();
            let differing = row.and_then(|row| differing_in_copy(declared, row.row.get(column)));
            let is_of_parts = |name: &String| {
                let path = format!("{}.{name}", copy.path);
                repeated
                    .iter()
                    .any(|part| *part == path || **part == copy.path)
            };
            match differing {
                Some(differing) => !differing.iter().all(is_of_parts),
                None => repeated.is_empty(),
            }
        });
        if kept.is_empty() && change.action == Action::Create {
            let resource = input.desired.resources.get(&key);
            missing.extend(resource.map(|resource| resource.row.key.clone()));
        }
        if !kept.is_empty() {
            drifted.push(Drifted {
                differences: kept,
                ..found
            });
        }
    }
    let mut accepted_obstacles = Vec::new();
    for judged in &input.plan.resources {
        for obstacle in judged
            .obstacles
            .iter()
            .filter(|one| ignore::is_acceptable(one))
        {
            if !rules.accepts(&judged.key, &obstacle.path) {
                continue;
            }
            if obstacle.path.is_empty() {
                let resource = input.desired.resources.get(&judged.key);
                missing.extend(resource.map(|resource| resource.row.key.clone()));
            }
            accepted_obstacles.push(obstacle.clone());
        }
    }
    let of_all = (input.desired, input.live);
    let follow = ignore::accept_consequences(&mut rules, of_all, missing, &mut drifted);
    for judged in &input.plan.resources {
        let lacking = judged.obstacles.iter();
        let lacking = lacking.filter(|one| one.code == LOOKUP_MISSING.code);
        // A list can lack another row, too.
        let follows = |one: &&Obstacle| {
            let mut known = follow.iter();
            known.any(|(key, path, name)| {
                *key == judged.key && *path == one.path && one.reason.contains(&format!("`{name}`"))
            })
        };
        accepted_obstacles.extend(lacking.filter(follows).cloned());
    }
    let extras = owned_extras(input.manifests, input.desired, input.live)
        .into_iter()
        .filter(|extra| !rules.accepts(&extra.key, ""))
        .map(|extra| extra_row(&input, extra))
        .collect();
    let checked = check(&input.manifests.contracts, input.live);
    let is_chosen = |key: Option<&ResourceKey>| {
        let chosen = |only: &BTreeSet<ResourceKey>| key.is_some_and(|key| only.contains(key));
        input.only.is_none_or(chosen)
    };
    let unknown = checked
        .iter()
        .filter_map(|rule| rule.unknown(|doubt| is_chosen(doubt.key.as_ref())));
    let elsewhere = unknown.chain(lost_manifests(&input)).collect();
    let mut broken: Vec<Broken> = checked.into_iter().flat_map(|rule| rule.broken).collect();
    broken.retain(|broken| is_chosen(broken.key.as_ref()));
    for drifted in &mut drifted {
        contracts::attach(&broken, &drifted.key, &mut drifted.differences);
    }
    drifted.sort_by(|left, right| left.key.cmp(&right.key));
    let resources = judged(input.plan, &drifted, &accepted_obstacles);
    let (ignored, expired) = rules.finish();
    Report {
        resources,
        drifted,
        extras,
        unlisted: unlisted(input.manifests, input.live),
        undeclared: input
            .manifests
            .project
            .as_ref()
            .map_or_else(Undeclared::default, |project| project.undeclared),
        ignored,
        expired,
        accepted_obstacles,
        broken,
        elsewhere,
        audit: input.blame.audit.clone(),
        histories_unread: input.blame.unread,
    }
}

/// A project that declares nothing for the environment: either its manifests are lost, or nothing was compared.
fn lost_manifests(input: &Input<'_>) -> Option<Elsewhere> {
    let project = input.manifests.project.as_ref()?;
    let resources = &input.desired.resources;
    if input.only.is_some() || resources.values().any(|one| one.state == State::Present) {
        return None;
    }
    let owned = || {
        let rows = owned_extras(input.manifests, input.desired, input.live);
        pruned_to_nothing(rows.iter().filter(|row| row.may_go()).count())
    };
    let is_empty = resources.is_empty()
        && project.undeclared != Undeclared::Fail
        && input.manifests.contracts.is_empty();
    let obstacle = |diagnostic| Obstacle::of(String::new(), SyncState::Unknown, &diagnostic);
    let pruned = (project.prune == Prune::Owned).then(owned).flatten();
    if let Some(diagnostic) = pruned {
        return Some(Elsewhere::undeclared(obstacle(diagnostic)));
    }
    is_empty.then(|| Elsewhere {
        about: "the environment".to_owned(),
        obstacle: obstacle(nothing_to_compare()),
    })
}

/// The states of the plan's resources, disregarding accepted differences.
fn judged(plan: &Plan, drifted: &[Drifted], accepted: &[Obstacle]) -> Vec<Judged> {
    let changing: HashSet<&ResourceKey> = plan.changes.iter().map(|change| &change.key).collect();
    let differing: HashSet<&ResourceKey> = drifted.iter().map(|drifted| &drifted.key).collect();
    let resources = plan.resources.iter().cloned();
    resources
        .map(|mut judged| {
            let obstacles = judged.obstacles.len();
            judged
                .obstacles
                .retain(|obstacle| !accepted.contains(obstacle));
            if !changing.contains(&judged.key) && judged.obstacles.len() == obstacles {
                return judged;
            }
            let differs = differing.contains(&judged.key);
            Judged::new(judged.key, judged.declared_at, differs, judged.obstacles)
        })
        .collect()
}

fn resource(input: &Input<'_>, change: &Change) -> Drifted {
    let state = match change.action {
        Action::Update => DriftState::Changed,
        Action::Create => DriftState::Missing,
        Action::Delete => DriftState::Unwanted,
    };
    let differences = match change.action {
        Action::Update => change
            .fields
            .iter()
            .map(|field| difference(input, change, field))
            .collect(),
        Action::Create | Action::Delete => vec![classify::whole_row(input, change)],
    };
    Drifted {
        key: change.key.clone(),
        id: change.id,
        state,
        declared_at: change.declared_at,
        differences,
    }
}

fn difference(input: &Input<'_>, change: &Change, field: &FieldChange) -> Difference {
    let shift = match &field.difference {
        plan::Difference::Value { before, after } => Shift::Value {
            declared: after.clone(),
            live: before.clone(),
        },
        plan::Difference::Copy { column, after } => Shift::Copy {
            column,
            declared: after.clone(),
        },
        plan::Difference::Added { member, .. } => Shift::Lost {
            member: member.clone(),
        },
        plan::Difference::Removed { member, .. } => Shift::Gained {
            member: member.clone(),
        },
    };
    let verdict = classify::field(input, change, field);
    let evidence = match about_member(field) {
        Some(note) => format!("{note}; {}", verdict.evidence),
        None => verdict.evidence,
    };
    Difference {
        path: field.path.clone(),
        shift,
        class: verdict.class,
        evidence,
        who: verdict.who,
        when: verdict.when,
        breaks: Vec::new(),
        span: field.span,
        wire: field.wire.clone(),
    }
}

/// A remark about a member: the team that it comes from, the undeclared profile that a user has, or the owner of its prefix if it is
/// undeclared.
fn about_member(field: &FieldChange) -> Option<&str> {
    match &field.difference {
        // The other profile shows where the user is now.
        plan::Difference::Added { note, .. } => note
            .as_deref()
            .filter(|note| !note.starts_with("moves from ")),
        plan::Difference::Removed { note, .. } => note.as_deref(),
        plan::Difference::Value { .. } | plan::Difference::Copy { .. } => None,
    }
}

fn extra_row(input: &Input<'_>, extra: Extra) -> ExtraRow {
    let row = input.live.row(extra.key.kind.table(), extra.id);
    ExtraRow {
        who: row
            .and_then(|row| input.blame.last_writer(row))
            .map(|(writer, _)| writer.name),
        when: row.and_then(|row| row.modified_on()).map(str::to_owned),
        extra,
    }
}
