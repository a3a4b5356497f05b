//! Carrying out a plan: transactions in order, and a look at what came of them.

use std::collections::BTreeSet;
use std::time::Duration;

use deskstate_dataverse::{
    Changeset, Error, Operation as Wire, Outcome as Commit, Query, Reader, ServiceError, Session,
};
use deskstate_model::ResourceKey;
use thiserror::Error;
use tokio::time::Instant;
use uuid::Uuid;

use crate::live::Live;
use crate::lower::Desired;
use crate::observe::{ObserveError, Scope, observe};
use crate::plan::{
    self, Difference, FieldChange, Limits, Operation, Options, Plan, Transaction, transactions,
};

/// How a plan is carried out.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The most operations in one transaction.
    pub max_changeset: usize,
    /// Whether the server makes the parts of some rows by itself; unknown counts as yes.
    pub server_adds_parts: Option<bool>,
    /// The unmanaged solution that new and changed components land in.
    pub solution: Option<String>,
    /// How long to look for the effect of a write whose outcome is unknown.
    pub patience: Duration,
}

impl Settings {
    fn limits(&self) -> Limits {
        Limits {
            operations: self.max_changeset,
            server_adds_parts: self.server_adds_parts != Some(false),
        }
    }
}

/// A plan, and what it was made from and with: what is planned anew must be planned alike.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What it makes true.
    pub desired: &'a Desired,
    /// How it was planned.
    pub options: &'a Options,
    /// How it is carried out.
    pub settings: &'a Settings,
    /// How much is read.
    pub scope: &'a Scope,
}

/// What happens while a plan is carried out, for whoever shows it.
#[derive(Debug)]
pub enum Event<'a> {
    /// A transaction is about to be sent.
    Sending {
        /// Which one, from 1.
        number: usize,
        /// Of how many, as far as is known.
        of: usize,
        /// The writes in it.
        operations: usize,
    },
    /// A transaction was carried out.
    Committed {
        /// Its writes.
        transaction: &'a Transaction,
    },
    /// The reply was lost; the rows are looked at until it is clear what happened.
    Looking,
    /// What was written is read back.
    Verifying,
}

/// How it ended.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// The server refused a transaction: nothing of it happened.
    #[error("{}", refused(*.transactions_before, .operation.as_deref()))]
    Refused {
        /// Transactions that were carried out before.
        transactions_before: usize,
        /// What the refused operation was to do.
        operation: Option<Box<Operation>>,
        /// What the server said.
        #[source]
        error: Box<ServiceError>,
    },
    /// A transaction could not be sent: nothing of it happened.
    #[error("transaction {} was not sent", transactions_before + 1)]
    NotSent {
        /// Transactions that were carried out before.
        transactions_before: usize,
        /// Why.
        #[source]
        error: Box<Error>,
    },
    /// The reply was lost and looking did not settle it.
    #[error("it is unknown whether transaction {} happened; nothing more was changed: {}", transactions_before + 1, states.join("; "))]
    Unknown {
        /// Transactions that were carried out before.
        transactions_before: usize,
        /// What the rows look like now, row by row.
        states: Vec<String>,
        /// Why the reply was lost.
        #[source]
        error: Box<Error>,
    },
    /// Live could not be read.
    #[error("live could not be read")]
    Observe(#[from] Box<ObserveError>),
    /// Somebody changed the environment between two transactions.
    #[error(
        "somebody changed {key} meanwhile ({path}); {transactions_before} transactions were carried out, the rest was not"
    )]
    Moved {
        /// Transactions that were carried out before.
        transactions_before: usize,
        /// The resource.
        key: ResourceKey,
        /// The field.
        path: String,
    },
    /// Apply was asked to stop between two transactions.
    #[error("stopped after {transactions_before} transactions; run it again to carry out the rest")]
    Stopped {
        /// Transactions that were carried out before.
        transactions_before: usize,
    },
}

fn refused(before: usize, operation: Option<&Operation>) -> String {
    let what = operation.map_or_else(String::new, |operation| {
        format!(": {}", describe(operation))
    });
    format!(
        "the server refused transaction {} and nothing of it happened{what}",
        before + 1
    )
}

/// An operation in words.
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

/// A plan that was carried out and read back.
#[derive(Debug)]
pub struct Applied {
    /// Transactions that were carried out.
    pub transactions: usize,
    /// Writes in them.
    pub operations: usize,
    /// What the server stored differently: resource, field with both values.
    pub mismatches: Vec<(ResourceKey, FieldChange)>,
    /// HTTP requests that reading back took.
    pub read_requests: u64,
}

/// Carries out a plan and reads back what was written.
///
/// Nothing but what the plan says is changed: where live must be read again between two transactions, the rest is planned anew and
/// must be part of the plan. `stop` is asked before every transaction.
///
/// # Errors
/// If a transaction is refused, cannot be sent or has an unknown outcome. All or nothing of each transaction happened.
pub async fn apply(
    job: &Job<'_>,
    session: &Session,
    stop: &(dyn Fn() -> bool + Sync),
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<Applied, ApplyError> {
    let Job {
        plan,
        desired,
        options,
        settings,
        scope,
    } = *job;
    let mut queue = transactions(plan, settings.limits());
    let mut done = 0;
    let mut operations = 0;
    while !queue.is_empty() {
        if stop() {
            return Err(ApplyError::Stopped {
                transactions_before: done,
            });
        }
        let transaction = queue.remove(0);
        on_event(Event::Sending {
            number: done + 1,
            of: done + 1 + queue.len(),
            operations: transaction.operations.len(),
        });
        commit(&transaction, session, settings, done, on_event).await?;
        done += 1;
        operations += transaction.operations.len();
        on_event(Event::Committed {
            transaction: &transaction,
        });
        if transaction.look_after && !queue.first().is_some_and(|next| next.look_after) {
            let live = observe(session.reader(), desired, scope)
                .await
                .map_err(Box::new)?;
            let (rest, _) = plan::plan(desired, &live, options);
            is_part_of(&rest, plan, done)?;
            let limits = Limits {
                server_adds_parts: false,
                ..settings.limits()
            };
            queue = transactions(&rest, limits);
        }
    }
    on_event(Event::Verifying);
    let live = observe(session.reader(), desired, scope)
        .await
        .map_err(Box::new)?;
    Ok(Applied {
        transactions: done,
        operations,
        mismatches: mismatches(plan, desired, &live, options),
        read_requests: live.requests,
    })
}

/// What still differs among what the plan wrote.
pub fn mismatches(
    plan: &Plan,
    desired: &Desired,
    live: &Live,
    options: &Options,
) -> Vec<(ResourceKey, FieldChange)> {
    let (rest, _) = plan::plan(desired, live, options);
    let written: BTreeSet<(&ResourceKey, &str)> = plan
        .changes
        .iter()
        .flat_map(|change| {
            change
                .fields
                .iter()
                .map(move |field| (&change.key, field.path.as_str()))
        })
        .collect();
    rest.changes
        .into_iter()
        .flat_map(|change| {
            change
                .fields
                .into_iter()
                .map(move |field| (change.key.clone(), field))
        })
        .filter(|(key, field)| {
            let written = written.contains(&(key, field.path.as_str()));
            written && !matches!(field.difference, Difference::Copy { .. })
        })
        .collect()
}

/// The rest of a plan may only hold what the plan held: the same fields with the same values after.
fn is_part_of(rest: &Plan, plan: &Plan, done: usize) -> Result<(), ApplyError> {
    let planned: BTreeSet<(&ResourceKey, &str, String)> = plan
        .changes
        .iter()
        .flat_map(|change| {
            change
                .fields
                .iter()
                .map(move |field| (&change.key, field.path.as_str(), after(&field.difference)))
        })
        .collect();
    for change in &rest.changes {
        for field in &change.fields {
            let same =
                planned.contains(&(&change.key, field.path.as_str(), after(&field.difference)));
            // A row that the server made for a parameter that is not given is emptied; the copy follows from the rest.
            let implied = matches!(field.difference, Difference::Copy { .. })
                || matches!(&field.difference, Difference::Value { after, .. } if after.is_null());
            if !same && !implied {
                return Err(ApplyError::Moved {
                    transactions_before: done,
                    key: change.key.clone(),
                    path: field.path.clone(),
                });
            }
        }
    }
    Ok(())
}

fn after(difference: &Difference) -> String {
    match difference {
        Difference::Value { after, .. } => format!("={after}"),
        Difference::Copy { after, .. } => format!("copy={after}"),
        Difference::Added { member, .. } => format!("+{member}"),
        Difference::Removed { member, .. } => format!("-{member}"),
    }
}

async fn commit(
    transaction: &Transaction,
    session: &Session,
    settings: &Settings,
    done: usize,
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<(), ApplyError> {
    let changeset = Changeset {
        operations: transaction.operations.iter().map(to_wire).collect(),
        solution: settings.solution.clone(),
    };
    let sent = Instant::now();
    match session.commit(&changeset).await {
        Commit::Committed => Ok(()),
        Commit::Refused { operation, error } => Err(ApplyError::Refused {
            transactions_before: done,
            operation: operation
                .and_then(|index| transaction.operations.get(index))
                .cloned()
                .map(Box::new),
            error,
        }),
        Commit::NotAttempted { cause } => Err(ApplyError::NotSent {
            transactions_before: done,
            error: Box::new(cause),
        }),
        Commit::Unknown { cause } => {
            on_event(Event::Looking);
            settle(
                transaction,
                session.reader(),
                settings.patience,
                sent,
                done,
                cause,
            )
            .await
        }
    }
}

/// What the rows of a transaction show of it.
enum Trace {
    /// All that can be seen is as after it.
    After,
    /// All that can be seen is as before it.
    Before,
    /// Some of both.
    Mixed(Vec<String>),
}

/// Looks until an effect shows that the transaction happened, or the patience is over. Never sends it again.
async fn settle(
    transaction: &Transaction,
    reader: &Reader,
    patience: Duration,
    sent: Instant,
    done: usize,
    cause: Error,
) -> Result<(), ApplyError> {
    let mut pause = Duration::from_millis(200);
    loop {
        let trace = match trace(transaction, reader).await {
            Ok(Trace::After) => return Ok(()),
            Ok(trace) => Some(trace),
            Err(_) => None,
        };
        let elapsed = sent.elapsed();
        if elapsed >= patience {
            return match trace {
                Some(Trace::Before) => Err(ApplyError::NotSent {
                    transactions_before: done,
                    error: Box::new(cause),
                }),
                Some(Trace::Mixed(states)) => Err(ApplyError::Unknown {
                    transactions_before: done,
                    states,
                    error: Box::new(cause),
                }),
                Some(Trace::After) | None => {
                    let states = vec!["the environment does not answer".to_owned()];
                    Err(ApplyError::Unknown {
                        transactions_before: done,
                        states,
                        error: Box::new(cause),
                    })
                }
            };
        }
        tokio::time::sleep(pause.min(patience.saturating_sub(elapsed))).await;
        pause = (pause * 2).min(Duration::from_secs(10));
    }
}

/// Reads the rows and links that a transaction touches, in one trip.
async fn trace(transaction: &Transaction, reader: &Reader) -> Result<Trace, Error> {
    let queries: Vec<Query> = transaction.operations.iter().map(trace_query).collect();
    let answers = reader.read(&queries).await?;
    let mut after = 0;
    let mut states = Vec::new();
    for (operation, answer) in transaction.operations.iter().zip(answers) {
        let rows = match &answer {
            Ok(rows) => rows.rows.as_slice(),
            Err(refused) if refused.is_absent() => &[],
            Err(refused) => {
                states.push(format!("{}: {}", describe(operation), refused.message));
                continue;
            }
        };
        let happened = match operation {
            Operation::Create { .. } => !rows.is_empty(),
            Operation::Delete { .. } => rows.is_empty(),
            Operation::Update { body, .. } => rows.first().is_some_and(|row| body_holds(body, row)),
            Operation::Link {
                member,
                relationship,
                ..
            } => rows
                .iter()
                .any(|row| row.uuid(relationship.member_column) == Some(*member)),
            Operation::Unlink {
                member,
                relationship,
                ..
            } => !rows
                .iter()
                .any(|row| row.uuid(relationship.member_column) == Some(*member)),
        };
        after += usize::from(happened);
        states.push(format!(
            "{}: {}",
            describe(operation),
            if happened { "done" } else { "not done" }
        ));
    }
    Ok(if after == transaction.operations.len() {
        Trace::After
    } else if after == 0 {
        Trace::Before
    } else {
        Trace::Mixed(states)
    })
}

fn trace_query(operation: &Operation) -> Query {
    use deskstate_dataverse::Filter;
    match operation {
        Operation::Create { row, .. } | Operation::Delete { row, .. } => Query::rows(row.table.set)
            .select([row.table.key])
            .filter(Filter::eq(row.table.key, row.id)),
        Operation::Update { row, body, .. } => {
            let mut columns: Vec<String> = body
                .iter()
                .map(|(name, value)| read_name(name, value))
                .collect();
            columns.push(row.table.key.to_owned());
            Query::rows(row.table.set)
                .select(columns)
                .filter(Filter::eq(row.table.key, row.id))
        }
        Operation::Link {
            relationship,
            owner,
            member,
        }
        | Operation::Unlink {
            relationship,
            owner,
            member,
        } => {
            let filter = Filter::eq(relationship.owner_column, *owner)
                .and(Filter::eq(relationship.member_column, *member));
            Query::rows(relationship.intersect_set)
                .select([relationship.owner_column, relationship.member_column])
                .filter(filter)
        }
    }
}

fn read_name(name: &str, value: &deskstate_dataverse::Value) -> String {
    use deskstate_dataverse::Value;
    match value {
        Value::Cell(_) => name.to_owned(),
        Value::Bind { .. } | Value::Unbind => format!("_{}_value", name.to_ascii_lowercase()),
    }
}

fn body_holds(
    body: &[(String, deskstate_dataverse::Value)],
    row: &deskstate_dataverse::Row,
) -> bool {
    use deskstate_dataverse::{Cell, Value};
    body.iter().all(|(name, value)| {
        let live = row.get(&read_name(name, value));
        match value {
            Value::Cell(Cell::Null) | Value::Unbind => live.is_null() || live.as_text() == Some(""),
            Value::Cell(Cell::Text(text)) => live
                .as_text()
                .is_some_and(|live| live.replace("\r\n", "\n") == text.replace("\r\n", "\n")),
            Value::Cell(cell) => live == cell,
            Value::Bind { id, .. } => {
                live.as_text().and_then(|text| Uuid::parse_str(text).ok()) == Some(*id)
            }
        }
    })
}

fn to_wire(operation: &Operation) -> Wire {
    match operation {
        Operation::Create { row, body, .. } => Wire::Create {
            set: row.table.set.to_owned(),
            key_column: row.table.key.to_owned(),
            id: row.id,
            body: body.clone(),
        },
        Operation::Update { row, version, body } => Wire::Update {
            set: row.table.set.to_owned(),
            id: row.id,
            if_match: version.clone(),
            body: body.clone(),
        },
        Operation::Delete { row, version } => Wire::Delete {
            set: row.table.set.to_owned(),
            id: row.id,
            if_match: version.clone(),
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
