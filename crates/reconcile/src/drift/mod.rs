//! Drift: where live differs from the manifests, what each difference looks like, and what it breaks.
//!
//! A drift report reads a plan the other way round: what the plan would put back is what somebody changed. Only what manifests
//! manage is compared; rows that nobody declares are listed apart.

mod classify;
mod contracts;
mod ignore;

use std::collections::{BTreeSet, HashSet};

use deskstate_model::{Kind, Manifests, Prune, ResourceKey, Span, State, Undeclared};
use serde_json::Value as Json;
use uuid::Uuid;

pub use ignore::{Expired, Ignored, keep_accepted};

use crate::blame::{Audit, Blame};
use crate::check::{Broken, check};
use crate::extras::{Extra, extras};
use crate::live::{Access, Live};
use crate::lower::Desired;
use crate::plan::{
    self, Action, Change, Elsewhere, FieldChange, Judged, Obstacle, Plan, States, SyncState,
    pruned_to_nothing,
};

/// What a report is made from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The manifests.
    pub manifests: &'a Manifests,
    /// What they declare.
    pub desired: &'a Desired,
    /// What is there.
    pub live: &'a Live,
    /// What would make it as declared.
    pub plan: &'a Plan,
    /// The same for the manifests as they were last applied, where that revision is known.
    pub applied: Option<Applied<'a>>,
    /// Who wrote.
    pub blame: &'a Blame,
    /// The day, as `YYYY-MM-DD`, for rules that expire.
    pub today: &'a str,
    /// Contract rules are reported only where they are about these resources; none for everything.
    pub only: Option<&'a BTreeSet<ResourceKey>>,
}

/// The manifests of a revision, compared with the same live rows.
#[derive(Debug, Clone, Copy)]
pub struct Applied<'a> {
    /// What people call the revision.
    pub revision: &'a str,
    /// What it declares.
    pub desired: &'a Desired,
    /// What would make live as it declares.
    pub plan: &'a Plan,
}

/// The differences of one environment.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Every declared resource that was looked at, by key, and whether live has it as declared, accepted differences aside.
    pub resources: Vec<Judged>,
    /// Those that differ, by key.
    pub drifted: Vec<Drifted>,
    /// Live rows under owned prefixes that no document declares.
    pub extras: Vec<ExtraRow>,
    /// Kinds that may have more such rows, and why they cannot be seen.
    pub unlisted: Vec<(Kind, String)>,
    /// Whether such rows are drift.
    pub undeclared: Undeclared,
    /// Accepted differences.
    pub ignored: Vec<Ignored>,
    /// Rules whose day is over.
    pub expired: Vec<Expired>,
    /// Contract rules that the environment breaks.
    pub broken: Vec<Broken>,
    /// Contract rules that nobody can judge.
    pub elsewhere: Vec<Elsewhere>,
    /// Whether auditing could be asked.
    pub audit: Audit,
    /// Rows whose history was not read.
    pub histories_unread: usize,
}

impl Report {
    /// How many declared resources are in which state.
    pub fn states(&self) -> States {
        States::of(self.resources.iter().map(|judged| judged.state))
    }

    /// Whether live matches the manifests, accepted differences aside.
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

/// One resource that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Drifted {
    /// Which.
    pub key: ResourceKey,
    /// Its row, or the id that it would get.
    pub id: Uuid,
    /// Changed, missing, or there although it should not be.
    pub state: DriftState,
    /// Where it is declared.
    pub declared_at: Option<Span>,
    /// What differs; one entry without a path for a row that is missing or too many.
    pub differences: Vec<Difference>,
}

/// How a resource differs as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriftState {
    /// It is there with other values, parts or links.
    Changed,
    /// It is declared and not there.
    Missing,
    /// It is declared absent and there.
    Unwanted,
}

/// One difference.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The field, such as `title`, `parameters.url`, `users`; empty for the whole row.
    pub path: String,
    /// What the manifests say and what live has.
    pub shift: Shift,
    /// What it looks like.
    pub class: Class,
    /// Why it looks so.
    pub evidence: String,
    /// Who made it, as far as anything tells.
    pub who: Option<String>,
    /// When, as the server says it.
    pub when: Option<String>,
    /// What stops working, by contract.
    pub breaks: Vec<String>,
    /// Where the declared value is written.
    pub span: Option<Span>,
    /// Table and column or relationship.
    pub wire: String,
}

/// What the manifests say against what live has.
#[derive(Debug, Clone, PartialEq)]
pub enum Shift {
    /// Another value; null is none.
    Value {
        /// In the manifests.
        declared: Json,
        /// In the environment.
        live: Json,
    },
    /// The second copy of the fact disagrees.
    Copy {
        /// The column that disagrees.
        column: &'static str,
        /// In the manifests.
        declared: Json,
    },
    /// A declared member is gone.
    Lost {
        /// The member.
        member: String,
    },
    /// A member that nobody declares.
    Gained {
        /// The member.
        member: String,
    },
    /// The row as a whole.
    Row,
}

/// What a difference looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Somebody changed it in the environment.
    EditedByHand,
    /// The manifests changed and were not applied.
    NotApplied,
    /// The product or a solution changed it.
    ProductUpdate,
    /// Nothing tells.
    Unknown,
}

impl Class {
    /// Every class, in the order in which people care.
    pub const ALL: [Self; 4] = [
        Self::EditedByHand,
        Self::NotApplied,
        Self::ProductUpdate,
        Self::Unknown,
    ];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::EditedByHand => "edited by hand",
            Self::NotApplied => "not applied yet",
            Self::ProductUpdate => "product or solution update",
            Self::Unknown => "unknown",
        }
    }

    /// For machines.
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
    /// What nobody declares.
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

/// The project's prefixes, folded.
pub fn owned_prefixes(manifests: &Manifests) -> BTreeSet<String> {
    let owns = manifests.project.iter().flat_map(|project| &project.owns);
    owns.map(|prefix| prefix.value.to_ascii_lowercase())
        .collect()
}

/// Kinds of which rows under the project's prefixes may be hidden, and why.
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
    for change in &input.plan.changes {
        let found = resource(&input, change);
        let key = found.key.clone();
        let (accepted, mut kept): (Vec<Difference>, Vec<Difference>) = found
            .differences
            .into_iter()
            .partition(|difference| rules.accepts(&key, &difference.path));
        // The copy of parts repeats what was accepted of them.
        let is_below = |part: &Difference, copy: &Difference| {
            let rest = part.path.strip_prefix(&copy.path);
            rest.is_some_and(|rest| rest.starts_with('.'))
        };
        let repeats = |copy: &Difference| {
            matches!(copy.shift, Shift::Copy { .. })
                && accepted.iter().any(|part| is_below(part, copy))
        };
        kept.retain(|difference| !repeats(difference));
        if !kept.is_empty() {
            drifted.push(Drifted {
                differences: kept,
                ..found
            });
        }
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
    let resources = judged(input.plan, &drifted);
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
        broken,
        elsewhere,
        audit: input.blame.audit.clone(),
        histories_unread: input.blame.unread,
    }
}

/// That no manifest declares anything, although rows that nobody declares are to be deleted.
fn lost_manifests(input: &Input<'_>) -> Option<Elsewhere> {
    let project = input.manifests.project.as_ref()?;
    let mut declared = input.desired.resources.values();
    if project.prune != Prune::Owned
        || input.only.is_some()
        || declared.any(|resource| resource.state == State::Present)
    {
        return None;
    }
    let rows = owned_extras(input.manifests, input.desired, input.live);
    let diagnostic = pruned_to_nothing(rows.iter().filter(|row| row.may_go()).count())?;
    let obstacle = Obstacle::of(String::new(), SyncState::Unknown, &diagnostic);
    Some(Elsewhere::undeclared(obstacle))
}

/// The states of the plan, without the differences that rules accept.
fn judged(plan: &Plan, drifted: &[Drifted]) -> Vec<Judged> {
    let changing: HashSet<&ResourceKey> = plan.changes.iter().map(|change| &change.key).collect();
    let differing: HashSet<&ResourceKey> = drifted.iter().map(|drifted| &drifted.key).collect();
    let resources = plan.resources.iter().cloned();
    resources
        .map(|judged| {
            if !changing.contains(&judged.key) {
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
    let evidence = match about_member(input, change, field) {
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

/// What is known of a member: its team, for sets that take the members of teams, or whose it is if nobody declares it.
fn about_member<'a>(input: &Input<'_>, change: &Change, field: &'a FieldChange) -> Option<&'a str> {
    let sets = &input.desired.resources.get(&change.key)?.sets;
    let takes = |set: &crate::state::DeclaredSet| {
        set.field.word == field.path && !set.from_teams.is_empty()
    };
    match &field.difference {
        plan::Difference::Added { note, .. } => note.as_deref().filter(|_| sets.iter().any(takes)),
        plan::Difference::Removed { note, .. } => note.as_deref(),
        plan::Difference::Value { .. } | plan::Difference::Copy { .. } => None,
    }
}

fn extra_row(input: &Input<'_>, extra: Extra) -> ExtraRow {
    let row = input.live.row(extra.key.kind.table(), extra.id);
    ExtraRow {
        who: row
            .and_then(|row| row.modified_by())
            .map(|id| input.blame.writer(id).name),
        when: row.and_then(|row| row.modified_on()).map(str::to_owned),
        extra,
    }
}
