//! The plan: the ordered changes from the live to the desired state. A plain function of its inputs that is unable to write anything.

mod app_change;
pub(crate) mod defined;
mod judged;
mod kept;
pub(crate) mod lacking;
mod meant;
pub(crate) mod moves;
mod names;
mod order;
pub(crate) mod parts;
pub(crate) mod planner;
pub(crate) mod problems;
pub(crate) mod ranks;
pub(crate) mod references;
pub(crate) mod removal;
pub(crate) mod rows;
pub(crate) mod seers;
pub(crate) mod sets;

use std::collections::BTreeSet;

use deskstate_dataverse::{Etag, Value as Wire};
use deskstate_model::{Diagnostic, KindNameGlob, Relationship, ResourceKey, Span, Table, fold};
use serde_json::Value as Json;
use uuid::Uuid;

pub use judged::{Elsewhere, Judged, Obstacle, States, SyncState};
pub use kept::Kept;
pub(crate) use kept::{keep, part_path, server_adds_parts_to};
pub(crate) use names::{declared_names, is_copy, path};
pub use order::{Limits, Transaction, transactions};
pub use planner::plan;
pub(crate) use problems::unseen_undo;
pub(crate) use removal::{nothing_to_compare, pruned_to_nothing};

use crate::live::{LiveTable, ObservedRow};

/// What a plan may do in addition to applying the declarations.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Undeclared rows under these prefixes are deleted; empty if the run does not cover the complete project.
    pub prune: BTreeSet<String>,
    /// Plans only these resources and their dependencies. Nothing is pruned in this case.
    pub only: Option<BTreeSet<ResourceKey>>,
    /// Resources that are never pruned.
    pub protect: Vec<KindNameGlob>,
    /// Resources that other manifests declare, where the plan is made from those of an earlier revision. No plan deletes them.
    pub declared_now: BTreeSet<ResourceKey>,
    /// The environment takes assignments only, so a change of a value is shown and not written.
    pub assigns_only: bool,
    /// Nobody applies the plan. A user who has a profile that the project does not declare is a difference then, not an error.
    pub only_compares: bool,
    /// Profiles whose users rules of `ignore` leave as they are.
    pub users_accepted: Vec<KindNameGlob>,
    /// Whether the differences are to be copied into the manifests.
    pub adopts: bool,
}

/// The ordered changes from the live to the desired state.
#[must_use = "a plan does nothing until it is shown or applied"]
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The organization that was read.
    pub organization: Option<Uuid>,
    /// One entry for each resource that changes, in apply order.
    pub changes: Vec<Change>,
    /// Every declared resource that was compared, by key, and whether the live environment matches it.
    pub resources: Vec<Judged>,
    /// Unknowns that do not concern declared resources: undeclared rows, if they matter to the plan, and rules of contracts.
    pub elsewhere: Vec<Elsewhere>,
    /// Number of HTTP requests for reading.
    pub read_requests: u64,
}

impl Plan {
    /// Whether there is nothing to do. This is not sufficient for [`SyncState::InSync`].
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Number of declared resources by state.
    pub fn states(&self) -> States {
        States::of(self.resources.iter().map(|judged| judged.state))
    }

    /// Whether the live environment is already as the plan would leave it. This, and not the presence of changes, decides what is reported
    /// to people.
    pub fn state(&self) -> SyncState {
        let own = if self.changes.is_empty() {
            SyncState::InSync
        } else {
            SyncState::Different
        };
        let elsewhere = self.elsewhere.iter().map(|one| one.obstacle.state);
        elsewhere.fold(own.max(self.states().together()), Ord::max)
    }

    /// Number of resources that are created, updated and deleted.
    pub fn counts(&self) -> (usize, usize, usize) {
        let of = |action: Action| {
            self.changes
                .iter()
                .filter(|change| change.action == action)
                .count()
        };
        (of(Action::Create), of(Action::Update), of(Action::Delete))
    }
}

/// The change of one resource.
#[derive(Debug, Clone)]
pub struct Change {
    /// The resource.
    pub key: ResourceKey,
    /// Its row.
    pub id: Uuid,
    /// Whether the row is created, updated or deleted.
    pub action: Action,
    /// The reason, for people.
    pub reason: Reason,
    /// Where it is declared.
    pub declared_at: Option<Span>,
    /// The differences, in the terms of the manifest.
    pub fields: Vec<FieldChange>,
    /// The writes.
    pub operations: Vec<Operation>,
    /// Fields of a new row whose values the server determines.
    pub left_to_server: Vec<&'static str>,
    /// Parts that are left unchanged, but that the server may rewrite together with their row.
    pub kept: Vec<Kept>,
}

/// What happens to the resource's own row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// The row is created. There is no previous value.
    Create,
    /// Values, parts or links change; the row stays.
    Update,
    /// The row is deleted. There is no new value.
    Delete,
}

/// The reason for a change. For people, never for logic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The row is declared but does not exist.
    Declared,
    /// The row exists and differs.
    FieldsDiffer,
    /// The row is under an owned prefix and not declared.
    NotDeclared,
    /// The row is declared absent.
    StateAbsent,
}

/// One difference, in the terms of the manifest.
#[derive(Debug, Clone)]
pub struct FieldChange {
    /// The field, such as `title`, `parameters.url`, `users`.
    pub path: String,
    /// The difference.
    pub difference: Difference,
    /// Where the new value is declared.
    pub span: Option<Span>,
    /// Table and column, or relationship, for readers who want to see what is sent.
    pub wire: String,
}

/// The type of a difference.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// Another value; null stands for no value.
    Value {
        /// The live value.
        before: Json,
        /// The declared value.
        after: Json,
    },
    /// Both values look the same, but a second copy of the value disagrees.
    Copy {
        /// The column that disagrees.
        column: &'static str,
        /// The value that is written again.
        after: Json,
    },
    /// A new member.
    Added {
        /// The member.
        member: String,
        /// A remark.
        note: Option<String>,
    },
    /// A member to remove.
    Removed {
        /// The member.
        member: String,
        /// A remark.
        note: Option<String>,
    },
}

/// The target row of an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct RowTarget {
    /// Its table.
    pub table: &'static Table,
    /// Its id.
    pub id: Uuid,
    /// The display name.
    pub label: String,
}

/// Protects a write against overwriting somebody else's change.
#[derive(Debug, Clone, PartialEq)]
pub enum Guard {
    /// The server refuses the write unless the row still has this version.
    Version(Etag),
    /// The row is read again just before the write, because it cannot be bound to a version: its table has none, or an earlier write of the
    /// same transaction may change it.
    Look(Seen),
}

impl Guard {
    /// The version, or a reread if the table has no versions.
    pub(crate) fn of(table: &LiveTable, row: &ObservedRow) -> Self {
        match row.etag() {
            Some(etag) if table.optimistic_concurrency != Some(false) => {
                Self::Version(etag.clone())
            }
            _ => Self::Look(Seen::of(row)),
        }
    }
}

/// The state of a row at planning time, for comparison with a later read.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Its version, if it has one.
    pub etag: Option<Etag>,
    /// Time of the last write, as the server states it.
    pub modified_on: Option<String>,
}

impl Seen {
    /// The state of a row.
    pub fn of(row: &ObservedRow) -> Self {
        Self {
            etag: row.etag().cloned(),
            modified_on: row.modified_on().map(str::to_owned),
        }
    }
}

/// A part that is deleted along with its parent.
#[derive(Debug, Clone, PartialEq)]
pub struct Along {
    /// The part.
    pub row: RowTarget,
    /// Its state at planning time.
    pub seen: Seen,
}

/// One write. Each variant contains exactly what it needs.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Creates a row.
    Create {
        /// The row to create, with the id that is derived from its name.
        row: RowTarget,
        /// Its columns.
        body: Vec<(String, Wire)>,
        /// The existing row that it belongs to, whose version the write may change.
        attaches_to: Option<Uuid>,
    },
    /// Changes values of an existing row.
    Update {
        /// The row to change.
        row: RowTarget,
        /// Protection against overwriting somebody else's change.
        guard: Guard,
        /// The columns to change.
        body: Vec<(String, Wire)>,
    },
    /// Deletes a row.
    Delete {
        /// The row to delete.
        row: RowTarget,
        /// Protection against deleting somebody else's change.
        guard: Guard,
        /// Parts that the server deletes along with it.
        along: Vec<Along>,
    },
    /// Adds a link.
    Link {
        /// The relationship.
        relationship: &'static Relationship,
        /// The side that declares the set.
        owner: Uuid,
        /// The other side.
        member: Uuid,
    },
    /// Removes a link.
    Unlink {
        /// The relationship.
        relationship: &'static Relationship,
        /// The side that declares the set.
        owner: Uuid,
        /// The other side.
        member: Uuid,
    },
}

impl Operation {
    /// The existing row that the write changes or deletes.
    pub(crate) fn changed_row(&self) -> Option<&RowTarget> {
        match self {
            Self::Update { row, .. } | Self::Delete { row, .. } => Some(row),
            Self::Create { .. } | Self::Link { .. } | Self::Unlink { .. } => None,
        }
    }

    /// Guards the write by reading the row again instead of relying on the server to respect versions.
    pub(crate) fn look_first(&mut self) {
        if let Self::Update { guard, .. } | Self::Delete { guard, .. } = self
            && let Guard::Version(etag) = guard
        {
            *guard = Guard::Look(Seen {
                etag: Some(etag.clone()),
                modified_on: None,
            });
        }
    }
}

/// A plan, and the findings about it.
pub type Planned = (Plan, Vec<Diagnostic>);

/// Sorts changes into apply order: referenced rows are created first and deleted last.
pub(crate) fn sort_changes(changes: &mut [Change]) {
    changes.sort_by_cached_key(|change| {
        let level = i16::from(change.key.kind.table().level);
        let (deletes, level) = match change.action {
            Action::Create | Action::Update => (false, level),
            Action::Delete => (true, -level),
        };
        (deletes, level, change.key.kind, change.key.name.clone())
    });
    removal::loosen_after_links(changes);
    for change in changes {
        sort_removed(&mut change.fields);
    }
}

/// Whether the copy at a path repeats the value, or the list of values, at another path.
pub fn repeats(copy: &str, path: &str) -> bool {
    path.strip_prefix(copy)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Sorts the removed members of each set by name, after the added ones.
fn sort_removed(fields: &mut [FieldChange]) {
    let member = |field: &FieldChange| match &field.difference {
        Difference::Added { .. } => Some(None),
        Difference::Removed { member, .. } => Some(Some(fold(member))),
        Difference::Value { .. } | Difference::Copy { .. } => None,
    };
    let of_one_set = |left: &FieldChange, right: &FieldChange| {
        left.path == right.path && member(left).is_some() == member(right).is_some()
    };
    for run in fields.chunk_by_mut(of_one_set) {
        run.sort_by_cached_key(member);
    }
}
