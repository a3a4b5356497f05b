//! Applies a plan: executes its transactions in order and verifies the result.

mod locate;
mod look;
mod rest;
mod settle;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use deskstate_dataverse::{
    Changeset, Error, Operation as Wire, Outcome as Commit, ServiceError, Session,
};
use deskstate_model::{Kind, ResourceKey, Table};
pub use rest::written_along;
use thiserror::Error;
use tokio::time::Instant;
use uuid::Uuid;

use crate::live::{Live, ObservedRow};
use crate::lower::Desired;
use crate::observe::{ObserveError, Scope, observe};
use crate::plan::{
    FieldChange, Guard, Limits, Operation, Plan, Planned, SyncState, Transaction,
    server_adds_parts_to, transactions,
};

/// Settings for executing a plan.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Maximum number of operations in one transaction.
    pub max_changeset: usize,
    /// Whether the server automatically creates the parts of some rows; unknown counts as yes.
    pub server_adds_parts: Option<bool>,
    /// Whether the server respects the version that a write in a transaction names; unknown counts as yes, as documented.
    pub heeds_versions: Option<bool>,
    /// Whether the server rewrites the parts of some rows, or changes their versions, when it writes such a row; unknown counts as yes.
    pub server_touches_parts: Option<bool>,
    /// Whether the server is known to store other values in the parts of some rows when it writes such a row. If so, the row is written
    /// first, and its parts are corrected in a transaction of their own.
    pub server_rewrites_parts: bool,
    /// Whether a link changes the versions of both of its rows; unknown counts as yes. If it does not, an edit by somebody else is also
    /// detected in rows that an earlier transaction linked.
    pub links_move_versions: Option<bool>,
    /// Whether a row's version changes when a row that it refers to is deleted; unknown counts as yes.
    pub emptied_lookups_move_versions: Option<bool>,
    /// The unmanaged solution that new and changed components are added to.
    pub solution: Option<String>,
    /// How long to watch for the effect of a write whose outcome is unknown.
    pub patience: Duration,
}

impl Settings {
    fn limits(&self) -> Limits {
        Limits {
            operations: self.max_changeset,
            server_adds_parts: self.server_adds_parts != Some(false),
            server_rewrites_parts: self.server_rewrites_parts,
        }
    }

    /// Cuts a plan into transactions. Where versions are not respected, or an earlier write changes them, a row is read again just before
    /// it is written.
    fn cut(&self, plan: &Plan, limits: Limits) -> VecDeque<Transaction> {
        let mut cut = transactions(plan, limits);
        let unheeded = self.heeds_versions == Some(false);
        let touched = if self.server_touches_parts == Some(false) {
            BTreeSet::new()
        } else {
            touched_parts(plan)
        };
        let operations = cut.iter_mut().flat_map(|one| &mut one.operations);
        operations
            .filter(|operation| {
                let row = operation.changed_row().map(|row| &row.id);
                unheeded || row.is_some_and(|id| touched.contains(id))
            })
            .for_each(Operation::look_first);
        cut.into()
    }
}

/// Progress of an apply.
#[derive(Debug)]
pub enum Event<'a> {
    /// A transaction is about to be sent.
    Sending {
        /// Its number, from 1.
        number: usize,
        /// Number of transactions, as far as it is known.
        of: usize,
        /// The transaction.
        transaction: &'a Transaction,
    },
    /// A transaction was committed.
    Committed {
        /// The transaction.
        transaction: &'a Transaction,
    },
    /// A reply was lost, or something else than the service replied. The rows are read until it is clear whether the transaction was committed.
    Looking,
    /// The written rows are read back.
    Verifying,
}

/// Why an apply ended early or could not be verified.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// The server refused a transaction and applied none of its writes.
    #[error("{}", refused(*.transactions_before, .suspects, *.operations, .error))]
    Refused {
        /// Number of transactions that were committed before.
        transactions_before: usize,
        /// The writes that may have caused the refusal.
        suspects: Vec<Operation>,
        /// Number of writes in the transaction.
        operations: usize,
        /// The server's error.
        #[source]
        error: Box<ServiceError>,
    },
    /// A transaction could not be sent, or showed no effect within [`Settings::patience`].
    #[error("transaction {} was not executed", transactions_before + 1)]
    NotSent {
        /// Number of transactions that were committed before.
        transactions_before: usize,
        /// The error of the request that failed.
        #[source]
        error: Box<Error>,
    },
    /// The reply was lost, and the rows do not show whether the transaction was committed.
    #[error("it is unknown whether transaction {} was applied; nothing else was changed: {}", transactions_before + 1, states.join("; "))]
    Unknown {
        /// Number of transactions that were committed before.
        transactions_before: usize,
        /// The current state of the rows, row by row.
        states: Vec<String>,
        /// Why the reply was lost.
        #[source]
        error: Box<Error>,
    },
    /// The environment could not be read before a transaction, so the transaction was not sent.
    #[error("the environment could not be read, so transaction {} was not sent", transactions_before + 1)]
    NotRead {
        /// Number of transactions that were committed before.
        transactions_before: usize,
        /// The error of the request that failed.
        #[source]
        error: Box<ObserveError>,
    },
    /// Everything was executed, but the result could not be read back.
    #[error("everything was written, but it could not be read back")]
    NotVerified {
        /// Number of transactions that were committed.
        transactions: usize,
        /// The error of the request that failed.
        #[source]
        error: Box<ObserveError>,
    },
    /// Somebody changed rows that cannot be bound to a version, so the transaction was not sent.
    #[error("somebody changed {} since it was read; transaction {} was not sent", rows.join(", "), transactions_before + 1)]
    Changed {
        /// Number of transactions that were committed before.
        transactions_before: usize,
        /// The rows, for people.
        rows: Vec<String>,
    },
    /// Somebody changed the environment between two transactions.
    #[error(
        "{key} ({path}) changed while this ran; transaction {} was not sent", transactions_before + 1
    )]
    Moved {
        /// Number of transactions that were committed before.
        transactions_before: usize,
        /// The resource.
        key: ResourceKey,
        /// The field.
        path: String,
    },
    /// Apply was asked to stop between two transactions.
    #[error("stopped before transaction {} was sent", transactions_before + 1)]
    Stopped {
        /// Number of transactions that were committed before.
        transactions_before: usize,
    },
}

impl ApplyError {
    /// Whether somebody else changed the environment since it was read, so that the plan is out of date.
    pub fn is_stale(&self) -> bool {
        match self {
            Self::Refused { error, .. } => error.is_stale(),
            Self::Changed { .. } | Self::Moved { .. } => true,
            Self::NotSent { error, .. } => error.is_stale(),
            Self::Unknown { .. }
            | Self::NotRead { .. }
            | Self::NotVerified { .. }
            | Self::Stopped { .. } => false,
        }
    }

    /// Whether the signed-in identity lacks a privilege for a write.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Refused { error, .. } if error.is_forbidden())
    }

    /// Number of transactions that were certainly committed.
    pub fn transactions(&self) -> usize {
        match self {
            Self::Refused {
                transactions_before: done,
                ..
            }
            | Self::NotSent {
                transactions_before: done,
                ..
            }
            | Self::Unknown {
                transactions_before: done,
                ..
            }
            | Self::NotRead {
                transactions_before: done,
                ..
            }
            | Self::NotVerified {
                transactions: done, ..
            }
            | Self::Changed {
                transactions_before: done,
                ..
            }
            | Self::Moved {
                transactions_before: done,
                ..
            }
            | Self::Stopped {
                transactions_before: done,
            } => *done,
        }
    }
}

fn refused(
    before: usize,
    suspects: &[Operation],
    operations: usize,
    error: &ServiceError,
) -> String {
    /// Maximum number of writes to list.
    const LISTED: usize = 5;
    let because = if error.is_stale() {
        "somebody changed the environment since it was read, so "
    } else {
        ""
    };
    let listed = || suspects.iter().map(describe).collect::<Vec<_>>().join("; ");
    if error.is_forbidden() {
        let what = match suspects.len() {
            1 => listed(),
            number if number <= LISTED => format!("make one of these writes: {}", listed()),
            number => format!("make one of {number} writes of {operations}"),
        };
        let lacks = error
            .missing_privilege()
            .map(|privilege| format!(", for lack of `{privilege}`"))
            .unwrap_or_default();
        return format!(
            "the signed-in identity may not {what}{lacks}; transaction {} was rolled back, so nothing of it was applied",
            before + 1
        );
    }
    let what = match suspects.len() {
        1 => format!(": {}", listed()),
        number if number <= LISTED => format!("; it refused one of these writes: {}", listed()),
        number => format!("; it refused one of {number} writes of {operations}"),
    };
    format!(
        "{because}the server refused transaction {} and nothing of it was applied{what}",
        before + 1
    )
}

/// Describes an operation for people.
pub fn describe(operation: &Operation) -> String {
    match operation {
        Operation::Create { row, .. } => format!("create {} `{}`", row.table.logical, row.label),
        Operation::Update { row, .. } => format!("update {} `{}`", row.table.logical, row.label),
        Operation::Delete { row, .. } => format!("delete {} `{}`", row.table.logical, row.label),
        Operation::Link {
            relationship,
            owner,
            member,
        } => format!("link {member} to {owner} ({})", relationship.schema_name),
        Operation::Unlink {
            relationship,
            owner,
            member,
        } => format!(
            "unlink {member} from {owner} ({})",
            relationship.schema_name
        ),
    }
}

/// A plan that was executed and read back.
#[derive(Debug)]
pub struct Applied {
    /// Number of transactions that were committed.
    pub transactions: usize,
    /// Number of writes in them.
    pub operations: usize,
    /// Fields that the server stored differently, with both values.
    pub mismatches: Vec<(ResourceKey, FieldChange)>,
    /// Resources that still differ and are left alone because somebody changed them meanwhile or because of another obstacle, and why.
    pub left: Vec<(ResourceKey, String)>,
    /// Resources that were written but could not be compared with the stored values, and why.
    pub unseen: Vec<(ResourceKey, String)>,
    /// Number of HTTP requests for reading back.
    pub read_requests: u64,
}

/// Whether the server automatically writes parts of such rows.
fn has_parts_of_the_server(table: &Table) -> bool {
    server_adds_parts_to(table).next().is_some()
}

/// Parts whose rows the server may touch automatically because the plan changes the row that they belong to.
fn touched_parts(plan: &Plan) -> BTreeSet<Uuid> {
    let mut touched = BTreeSet::new();
    for part in Kind::part_tables().filter(|part| part.server_adds) {
        for change in &plan.changes {
            let rows = || change.operations.iter().filter_map(Operation::changed_row);
            if rows().any(|row| row.table == part.parent) {
                let parts = rows().filter(|row| row.table == part.table);
                touched.extend(parts.map(|row| row.id));
            }
        }
    }
    touched
}

/// A plan, and a way to replan from a newer snapshot of the live environment.
pub struct Work<'a> {
    /// The plan to execute.
    pub plan: &'a Plan,
    /// The declared state. It determines which rows are read.
    pub desired: &'a Desired,
    /// How it is executed.
    pub settings: &'a Settings,
    /// How much of the environment is read.
    pub scope: &'a Scope,
    /// The environment for which the plan was made.
    pub live: &'a Live,
    /// Replans. At the end, the new plan has to be empty.
    pub replan: &'a dyn Fn(&Live) -> Planned,
}

impl Applied {
    /// Whether everything was read back as planned.
    pub fn is_verified(&self) -> bool {
        self.mismatches.is_empty() && self.left.is_empty() && self.unseen.is_empty()
    }
}

impl Work<'_> {
    /// The remaining changes, including the parts that the server rewrote.
    fn rest(&self, live: &Live) -> Plan {
        let (mut rest, _) = (self.replan)(live);
        rest::put_back(self.plan, &mut rest, live);
        rest
    }
}

/// Executes a plan and reads back what was written.
///
/// Changes nothing beyond the plan: if the environment must be read again between two transactions, the rest is replanned and has to be
/// part of the plan. `stop` is called before every transaction, once more after its [`Event::Sending`], and during every wait.
///
/// # Errors
/// If a transaction is refused, cannot be sent or has an unknown outcome. Each transaction was executed completely or not at all.
#[tracing::instrument(level = "info", skip_all, name = "apply", fields(changes = work.plan.changes.len()))]
pub async fn carry_out(
    work: &Work<'_>,
    session: &Session,
    stop: &(dyn Fn() -> bool + Sync),
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<Applied, ApplyError> {
    let settings = work.settings;
    let mut queue = settings.cut(work.plan, settings.limits());
    let mut done = 0;
    let mut operations = 0;
    let mut own = look::Own::new(settings, work.plan);
    let mut looks = 0;
    while let Some(transaction) = queue.pop_front() {
        let stopped = ApplyError::Stopped {
            transactions_before: done,
        };
        if stop() {
            return Err(stopped);
        }
        look::unchanged(&transaction, &queue, &own, session.reader(), done)
            .await
            .map_err(|error| not_read(error, stop))?;
        look::nobody_joined(&transaction, work.live, session.reader(), done)
            .await
            .map_err(|error| not_read(error, stop))?;
        on_event(Event::Sending {
            number: done + 1,
            of: done + 1 + queue.len(),
            transaction: &transaction,
        });
        if stop() {
            return Err(stopped);
        }
        commit(&transaction, session, settings, done, stop, on_event).await?;
        done += 1;
        operations += transaction.operations.len();
        tracing::info!(transaction = done, operations, "committed");
        on_event(Event::Committed {
            transaction: &transaction,
        });
        own.carried_out(&transaction, &queue, session.reader(), done)
            .await
            .map_err(|error| not_read(error, stop))?;
        if transaction.look_after && !queue.front().is_some_and(|next| next.look_after) {
            let live = observe(session.reader(), work.desired, work.scope)
                .await
                .map_err(|error| not_read(unread(error, done), stop))?;
            let rest = work.rest(&live);
            if let Some((key, path)) =
                rest::beyond(&rest, work.plan, settings.server_rewrites_parts)
            {
                return Err(ApplyError::Moved {
                    transactions_before: done,
                    key,
                    path,
                });
            }
            looks += 1;
            let limits = Limits {
                server_adds_parts: false,
                // A new row may be changed once more, to update its copy of the values of its parts.
                server_rewrites_parts: settings.server_rewrites_parts && looks < 2,
                ..settings.limits()
            };
            queue = settings.cut(&rest, limits);
            own.start_over(&rest);
        }
    }
    on_event(Event::Verifying);
    let mut pauses = PAUSES.into_iter();
    loop {
        let live = observe(session.reader(), work.desired, work.scope)
            .await
            .map_err(|error| ApplyError::NotVerified {
                transactions: done,
                error: Box::new(error),
            })?;
        let rest = work.rest(&live);
        let applied = Applied {
            transactions: done,
            operations,
            mismatches: rest::left_over(work.plan, &rest),
            left: rest::obstructed(work.plan, &rest, SyncState::Different)
                .into_iter()
                .chain(rest::second_profiles(work.plan, &live))
                .collect(),
            unseen: rest::obstructed(work.plan, &rest, SyncState::Unknown),
            read_requests: live.requests,
        };
        match pauses.next() {
            Some(pause)
                if !applied.mismatches.is_empty() && is_earlier(work.plan, &live) && !stop() =>
            {
                tokio::time::sleep(pause).await;
            }
            _ => return Ok(applied),
        }
    }
}

/// How long to wait before reading back again what is still as it was before the writes, which were all confirmed.
const PAUSES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// Whether a row was read as it was before the plan wrote it, for example from a copy of the database that lags.
fn is_earlier(plan: &Plan, live: &Live) -> bool {
    let mut operations = plan.changes.iter().flat_map(|change| &change.operations);
    operations.any(|operation| match operation {
        Operation::Create { row, .. } => live.row(row.table, row.id).is_none(),
        Operation::Update { row, guard, .. } | Operation::Delete { row, guard, .. } => {
            let now = live.row(row.table, row.id).and_then(ObservedRow::etag);
            matches!(guard, Guard::Version(before) if now == Some(before))
        }
        Operation::Link { .. } | Operation::Unlink { .. } => false,
    })
}

fn unread(error: impl Into<ObserveError>, done: usize) -> ApplyError {
    ApplyError::NotRead {
        transactions_before: done,
        error: Box::new(error.into()),
    }
}

/// After a request to stop, nothing more is read. That is a regular end, not a failure of the environment.
fn not_read(error: ApplyError, stop: &(dyn Fn() -> bool + Sync)) -> ApplyError {
    match error {
        ApplyError::NotRead {
            transactions_before,
            ..
        } if stop() => ApplyError::Stopped {
            transactions_before,
        },
        other => other,
    }
}

/// How long to watch for the effect of a write that something else than the service answered. It was passed on before, or never.
const AFTER_AN_ANSWER: Duration = Duration::from_secs(5);

async fn commit(
    transaction: &Transaction,
    session: &Session,
    settings: &Settings,
    done: usize,
    stop: &(dyn Fn() -> bool + Sync),
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<(), ApplyError> {
    let changeset = Changeset {
        operations: transaction.operations.iter().map(to_wire).collect(),
        solution: settings.solution.clone(),
    };
    let sent = Instant::now();
    match session.commit(&changeset).await {
        Commit::Committed => Ok(()),
        Commit::Refused { error, .. }
            if error.is_stale() && settle::is_done(transaction, session.reader()).await =>
        {
            Err(ApplyError::Unknown {
                transactions_before: done,
                states: vec!["every row is as after it: somebody made the same changes, or its request arrived twice".to_owned()],
                error: Box::new(Error::Service(error)),
            })
        }
        Commit::Refused { operation, error } => {
            let suspects = locate::suspects(transaction, operation, &error, session.reader()).await;
            // However the server wraps the refusal, it concerns this write, or one of several.
            let mut error = error.of_the_batch();
            if let ([index], Ok(mut requests)) = (suspects.as_slice(), changeset.requests(""))
                && *index < requests.len()
            {
                let request = requests.swap_remove(*index);
                error.method = request.method;
                error.path = request.path;
            }
            let suspects = suspects.into_iter();
            Err(ApplyError::Refused {
                transactions_before: done,
                suspects: suspects
                    .filter_map(|index| transaction.operations.get(index).cloned())
                    .collect(),
                operations: transaction.operations.len(),
                error: Box::new(error),
            })
        }
        Commit::NotAttempted { cause } => Err(ApplyError::NotSent {
            transactions_before: done,
            error: Box::new(cause),
        }),
        Commit::Unknown { cause } => {
            on_event(Event::Looking);
            let patience = if cause.has_ended() {
                settings.patience.min(AFTER_AN_ANSWER)
            } else {
                settings.patience
            };
            settle::settle(
                transaction,
                session.reader(),
                settle::Until {
                    sent,
                    patience,
                    stop,
                },
                done,
                cause,
            )
            .await
        }
    }
}

fn to_wire(operation: &Operation) -> Wire {
    match operation {
        Operation::Create { row, body, .. } => Wire::Create {
            set: row.table.set.to_owned(),
            key_column: row.table.key.to_owned(),
            id: row.id,
            body: body.clone(),
        },
        Operation::Update { row, guard, body } => Wire::Update {
            set: row.table.set.to_owned(),
            id: row.id,
            if_match: if_match(guard),
            body: body.clone(),
        },
        Operation::Delete { row, guard, .. } => Wire::Delete {
            set: row.table.set.to_owned(),
            id: row.id,
            if_match: if_match(guard),
        },
        Operation::Link {
            relationship,
            owner,
            member,
        } => Wire::Link {
            set: relationship.owner.set.to_owned(),
            id: *owner,
            navigation: relationship.schema_name.to_owned(),
            target_set: relationship.member.set.to_owned(),
            target: *member,
        },
        Operation::Unlink {
            relationship,
            owner,
            member,
        } => Wire::Unlink {
            set: relationship.owner.set.to_owned(),
            id: *owner,
            navigation: relationship.schema_name.to_owned(),
            target: *member,
        },
    }
}

fn if_match(guard: &Guard) -> Option<deskstate_dataverse::Etag> {
    match guard {
        Guard::Version(etag) => Some(etag.clone()),
        Guard::Look(_) => None,
    }
}
