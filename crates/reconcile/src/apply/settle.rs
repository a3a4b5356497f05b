//! Finds out from the rows whether a write whose reply was lost was executed.

use std::time::Duration;

use deskstate_dataverse::{Error, Query, Reader};
use deskstate_model::{Kind, Table};
use tokio::time::Instant;
use uuid::Uuid;

use super::{ApplyError, describe};
use crate::kinds;
use crate::observe::{expanded, with_expanded};
use crate::plan::{Operation, Transaction, is_copy};
use crate::value::became;

/// What the rows of a transaction show about it.
enum Trace {
    /// Everything visible is as after the transaction.
    After,
    /// Everything visible is as before the transaction.
    Before,
    /// Some of both; the states of the rows, for people.
    Mixed(Vec<String>),
}

/// How long to watch the rows.
pub(super) struct Until<'a> {
    /// When the transaction was sent.
    pub(super) sent: Instant,
    /// How long after that its effect may appear.
    pub(super) patience: Duration,
    /// Whether the user no longer wants to wait.
    pub(super) stop: &'a (dyn Fn() -> bool + Sync),
}

/// Watches the rows until they show that the transaction was committed, or the time is up. Never sends it again.
pub(super) async fn settle(
    transaction: &Transaction,
    reader: &Reader,
    until: Until<'_>,
    done: usize,
    cause: Error,
) -> Result<(), ApplyError> {
    let patience = until.patience;
    let mut pause = Duration::from_millis(200);
    loop {
        let trace = match trace(transaction, reader).await {
            Ok(Trace::After) => return Ok(()),
            Ok(trace) => Some(trace),
            Err(_) => None,
        };
        let elapsed = until.sent.elapsed();
        let unknown = |states, cause| {
            Err(ApplyError::Unknown {
                transactions_before: done,
                states,
                error: Box::new(cause),
            })
        };
        if (until.stop)() {
            let states = vec!["stopped before the outcome was clear".to_owned()];
            return unknown(states, cause);
        }
        if elapsed >= patience {
            return match trace {
                Some(Trace::Before) => Err(ApplyError::NotSent {
                    transactions_before: done,
                    error: Box::new(cause),
                }),
                Some(Trace::Mixed(states)) => unknown(states, cause),
                Some(Trace::After) | None => {
                    unknown(vec!["the environment does not answer".to_owned()], cause)
                }
            };
        }
        tokio::time::sleep(pause.min(patience.saturating_sub(elapsed))).await;
        pause = (pause * 2).min(Duration::from_secs(10));
    }
}

/// Whether everything is as after a transaction that the server refused as a conflict: its request may have arrived twice.
pub(super) async fn is_done(transaction: &Transaction, reader: &Reader) -> bool {
    matches!(trace(transaction, reader).await, Ok(Trace::After))
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
            Operation::Update {
                row: target, body, ..
            } => with_expanded(target.table, rows.to_vec())
                .first()
                .is_some_and(|row| body_holds(target.table, body, row)),
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
    use deskstate_dataverse::{Expand, Filter};
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
            let mut query = Query::rows(row.table.set)
                .select(columns)
                .filter(Filter::eq(row.table.key, row.id));
            for (_, navigation, key) in expanded(row.table) {
                if body.iter().any(|(name, _)| name == navigation) {
                    query = query.expand(Expand::new(navigation).select([key]));
                }
            }
            query
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
        } => super::locate::pair(relationship, *owner, *member),
    }
}

/// Whether a column repeats the values of the row's parts.
fn repeats_parts(table: &Table, column: &str) -> bool {
    Kind::of_table(table).is_some_and(|kind| {
        let mut companions = kind.definition().companions.iter();
        companions.any(|field| field.column == column && is_copy(field))
    })
}

fn read_name(name: &str, value: &deskstate_dataverse::Value) -> String {
    use deskstate_dataverse::Value;
    match value {
        Value::Cell(_) => name.to_owned(),
        Value::Bind { .. } | Value::Unbind => format!("_{}_value", name.to_ascii_lowercase()),
    }
}

/// Compares in the same way as plan and read-back. A copy of the parts' values is no evidence if there are other columns: the server may
/// write it automatically, from parts that are written later.
fn body_holds(
    table: &Table,
    body: &[(String, deskstate_dataverse::Value)],
    row: &deskstate_dataverse::Row,
) -> bool {
    use deskstate_dataverse::{Cell, Value};
    let holds = |name: &str, value: &Value, copies: bool| {
        let live = row.get(&read_name(name, value));
        match value {
            Value::Cell(Cell::Null) | Value::Unbind => live.is_null() || live.as_text() == Some(""),
            Value::Cell(Cell::Text(text)) => {
                let mut fields = kinds::row_fields(table);
                let is_json = fields.any(|field| field.column == name && field.is_json());
                became(text, live, copies, is_json)
            }
            Value::Cell(cell) => live == cell,
            Value::Bind { id, .. } => {
                live.as_text().and_then(|text| Uuid::parse_str(text).ok()) == Some(*id)
            }
        }
    };
    let (copies, own): (Vec<_>, Vec<_>) = body
        .iter()
        .partition(|(name, _)| repeats_parts(table, name));
    match own.as_slice() {
        [] => copies.iter().all(|(name, value)| holds(name, value, true)),
        own => own.iter().all(|(name, value)| holds(name, value, false)),
    }
}
