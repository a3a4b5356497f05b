//! The plan: the ordered changes from live to desired. A plain function of its inputs; it has nothing to write with.

pub(crate) mod defined;
mod judged;
mod kept;
pub(crate) mod lacking;
mod meant;
mod order;
pub(crate) mod parts;
pub(crate) mod planner;
pub(crate) mod problems;
pub(crate) mod ranks;
pub(crate) mod removal;
pub(crate) mod sets;

use std::collections::BTreeSet;

use deskstate_dataverse::{Etag, Value as Wire};
use deskstate_model::{Diagnostic, KindNameGlob, Relationship, ResourceKey, Span, Table, fold};
use serde_json::Value as Json;
use uuid::Uuid;

pub use judged::{Elsewhere, Judged, Obstacle, States, SyncState};
pub use kept::Kept;
pub(crate) use kept::{keep, part_path, server_adds_parts_to};
pub use order::{Limits, Transaction, transactions};
pub use planner::plan;
pub(crate) use planner::{declared_names, is_copy, path};
pub(crate) use problems::unseen_undo;
pub(crate) use removal::pruned_to_nothing;

use crate::live::{LiveTable, ObservedRow};

/// What a plan may do next to making the declared true.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Rows under these prefixes that nobody declares go; none where the run does not see the whole project.
    pub prune: BTreeSet<String>,
    /// Only these resources, and what they need. Nothing is pruned then.
    pub only: Option<BTreeSet<ResourceKey>>,
    /// Never pruned.
    pub protect: Vec<KindNameGlob>,
}

/// The ordered changes from live to desired.
#[must_use = "a plan does nothing until it is shown or applied"]
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The organization that was read.
    pub organization: Option<Uuid>,
    /// One entry for each resource that changes, in apply order.
    pub changes: Vec<Change>,
    /// Every declared resource that was looked at, by key, and whether live has it as declared.
    pub resources: Vec<Judged>,
    /// What is unknown next to the declared resources: rows that nobody declares, where the plan has to know, and rules of contracts.
    pub elsewhere: Vec<Elsewhere>,
    /// HTTP requests that reading took.
    pub read_requests: u64,
}

impl Plan {
    /// Nothing to do. That alone does not make it [`SyncState::InSync`].
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// How many declared resources are in which state.
    pub fn states(&self) -> States {
        States::of(self.resources.iter().map(|judged| judged.state))
    }

    /// Whether live is as the plan would leave it. This, and not whether there are changes, decides what people are told.
    pub fn state(&self) -> SyncState {
        let own = if self.changes.is_empty() {
            SyncState::InSync
        } else {
            SyncState::Different
        };
        let elsewhere = self.elsewhere.iter().map(|one| one.obstacle.state);
        elsewhere.fold(own.max(self.states().together()), Ord::max)
    }

    /// How many resources are created, updated and deleted.
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

/// What happens to one resource.
#[derive(Debug, Clone)]
pub struct Change {
    /// Which resource.
    pub key: ResourceKey,
    /// Its row.
    pub id: Uuid,
    /// Created, updated or deleted.
    pub action: Action,
    /// Why, for people.
    pub reason: Reason,
    /// Where it is declared.
    pub declared_at: Option<Span>,
    /// What differs, in the words of the manifest.
    pub fields: Vec<FieldChange>,
    /// What is written.
    pub operations: Vec<Operation>,
    /// Fields that a new row takes from the server.
    pub left_to_server: Vec<&'static str>,
    /// Parts that it leaves alone, and that the server may write again with the row they belong to.
    pub kept: Vec<Kept>,
}

/// What happens to a resource's own row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// A new row; before: nothing.
    Create,
    /// Other values, parts or links; the row stays.
    Update,
    /// The row goes; after: nothing.
    Delete,
}

/// Why a change is planned. For people, never for logic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is declared and not there.
    Declared,
    /// It is there and differs.
    FieldsDiffer,
    /// It is under an owned prefix and nobody declares it.
    NotDeclared,
    /// It is declared absent.
    StateAbsent,
}

/// One difference, in the words of the manifest.
#[derive(Debug, Clone)]
pub struct FieldChange {
    /// The field, such as `title`, `parameters.url`, `users`.
    pub path: String,
    /// What is different.
    pub difference: Difference,
    /// Where the wanted value is written.
    pub span: Option<Span>,
    /// Table and column or relationship, for those who want to see the wire.
    pub wire: String,
}

/// What is different about a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// Another value; null is none.
    Value {
        /// What live has.
        before: Json,
        /// What the manifest says.
        after: Json,
    },
    /// Both show alike, but a second copy of the fact disagrees.
    Copy {
        /// The column that disagrees.
        column: &'static str,
        /// What is written again.
        after: Json,
    },
    /// A new member.
    Added {
        /// The member.
        member: String,
        /// What else there is to say.
        note: Option<String>,
    },
    /// A member that goes.
    Removed {
        /// The member.
        member: String,
        /// What else there is to say.
        note: Option<String>,
    },
}

/// A row that an operation writes.
#[derive(Debug, Clone, PartialEq)]
pub struct RowTarget {
    /// Its table.
    pub table: &'static Table,
    /// Its id.
    pub id: Uuid,
    /// What people call it.
    pub label: String,
}

/// What keeps a write from undoing somebody else's.
#[derive(Debug, Clone, PartialEq)]
pub enum Guard {
    /// The server refuses it unless the row still has this version.
    Version(Etag),
    /// The row is read again just before, since it cannot be bound to a version: its table has none, or an earlier write of the same
    /// transaction may move it.
    Look(Seen),
}

impl Guard {
    /// The version, or another look where the table has none to bind to.
    pub(crate) fn of(table: &LiveTable, row: &ObservedRow) -> Self {
        match row.etag() {
            Some(etag) if table.optimistic_concurrency != Some(false) => {
                Self::Version(etag.clone())
            }
            _ => Self::Look(Seen::of(row)),
        }
    }
}

/// What the plan saw of a row, for another look.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Its version, where it has one.
    pub etag: Option<Etag>,
    /// When it was last written, as the server says it.
    pub modified_on: Option<String>,
}

impl Seen {
    /// What is seen of a row.
    pub fn of(row: &ObservedRow) -> Self {
        Self {
            etag: row.etag().cloned(),
            modified_on: row.modified_on().map(str::to_owned),
        }
    }
}

/// A part that goes with its parent.
#[derive(Debug, Clone, PartialEq)]
pub struct Along {
    /// The part.
    pub row: RowTarget,
    /// What the plan saw of it.
    pub seen: Seen,
}

/// One write. A variant holds exactly what it needs.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// A new row; nothing is there before.
    Create {
        /// The row to make, with the id that follows from its name.
        row: RowTarget,
        /// Its columns.
        body: Vec<(String, Wire)>,
        /// The existing row it hangs on, whose version it may move.
        attaches_to: Option<Uuid>,
    },
    /// Other values in an existing row.
    Update {
        /// The row to change, at the version that was read.
        row: RowTarget,
        /// What keeps it from undoing somebody else's write.
        guard: Guard,
        /// The columns that change.
        body: Vec<(String, Wire)>,
    },
    /// The row goes.
    Delete {
        /// The row to delete, at the version that was read.
        row: RowTarget,
        /// What keeps it from taking away what somebody else wrote.
        guard: Guard,
        /// Parts that the server deletes along with it.
        along: Vec<Along>,
    },
    /// A new link.
    Link {
        /// Which relationship.
        relationship: &'static Relationship,
        /// The side that declares the set.
        owner: Uuid,
        /// The other side.
        member: Uuid,
    },
    /// A link that goes.
    Unlink {
        /// Which relationship.
        relationship: &'static Relationship,
        /// The side that declares the set.
        owner: Uuid,
        /// The other side.
        member: Uuid,
    },
}

impl Operation {
    /// The existing row that the write changes or takes away.
    pub(crate) fn changed_row(&self) -> Option<&RowTarget> {
        match self {
            Self::Update { row, .. } | Self::Delete { row, .. } => Some(row),
            Self::Create { .. } | Self::Link { .. } | Self::Unlink { .. } => None,
        }
    }

    /// Binds the write to another look at the row in place of a version that the server respects.
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

/// A plan, and what is wrong with making it come true.
pub type Planned = (Plan, Vec<Diagnostic>);

/// Puts changes into apply order: what others refer to comes first and goes last.
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

/// Puts the removed members of each set in the order of their names, after those that are added.
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
