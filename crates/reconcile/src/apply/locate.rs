//! Finds the write that made the server refuse a transaction, if the reply does not state it, by reading the rows.

use std::collections::BTreeSet;

use deskstate_dataverse::{
    Answer, Cell, Error, ErrorCode, Filter, Query, Reader, ServiceError, Value,
};
use deskstate_model::{Relationship, Table, UNIQUE_NAME};
use uuid::Uuid;

use crate::plan::{Guard, Operation, RowTarget, Transaction};

/// A refusal whose cause the rows can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    /// A row or a link does not exist.
    Absent,
    /// A row or a link exists already.
    Exists,
    /// A row has another version, or exists already: a reply without a code does not distinguish the two.
    Precondition,
}

impl Wrong {
    fn of(error: &ServiceError) -> Option<Self> {
        match error.code {
            Some(ErrorCode::OBJECT_DOES_NOT_EXIST) => Some(Self::Absent),
            Some(ErrorCode::DUPLICATE_RECORD | ErrorCode::DUPLICATE_KEY) => Some(Self::Exists),
            Some(ErrorCode::VERSION_MISMATCH) => Some(Self::Precondition),
            Some(_) => None,
            None => match error.status {
                404 => Some(Self::Absent),
                412 => Some(Self::Precondition),
                _ => None,
            },
        }
    }
}

/// The writes that may have caused the refusal, judging by the current rows or by the names in the message.
///
/// Some replies state which write was refused, others do not. If neither rows nor message show it, all writes are suspects, so that a
/// refusal is reported in the same way whatever the reply looks like. An explicit statement in the reply takes precedence over rows and
/// message. Nothing is written here: the transaction was rolled back, so the rows are as they were before it.
pub(super) async fn suspects(
    transaction: &Transaction,
    stated: Option<usize>,
    error: &ServiceError,
    reader: &Reader,
) -> Vec<usize> {
    let by_rows = match Wrong::of(error) {
        Some(wrong) => match locate(transaction, wrong, reader).await {
            Ok(found) => found,
            // Without an answer, only the reply is left.
            Err(_) => stated,
        },
        None => None,
    };
    let found = match by_rows {
        Some(index) => vec![index],
        None => named(transaction, &error.message),
    };
    match stated {
        Some(stated) if !found.contains(&stated) => vec![stated],
        _ => found,
    }
}

/// The first write that the current rows make impossible for the stated reason; `None` if they do not show it.
async fn locate(
    transaction: &Transaction,
    wrong: Wrong,
    reader: &Reader,
) -> Result<Option<usize>, Error> {
    let asked: Vec<Vec<Query>> = transaction.operations.iter().map(queries).collect();
    let answers = reader.read(&asked.concat()).await?;
    let mut answers = answers.iter();
    let created: BTreeSet<Uuid> = transaction
        .operations
        .iter()
        .filter_map(|operation| match operation {
            Operation::Create { row, .. } => Some(row.id),
            _ => None,
        })
        .collect();
    for (index, (operation, queries)) in transaction.operations.iter().zip(&asked).enumerate() {
        let answers: Vec<&Answer> = answers.by_ref().take(queries.len()).collect();
        match ruled_out(operation, &answers, wrong, &created) {
            Some(true) => return Ok(Some(index)),
            Some(false) => {}
            // It may be this one, but nothing proves it.
            None => return Ok(None),
        }
    }
    Ok(None)
}

/// The writes that a message may be about: those that touch the rows that it names, need the privilege, set the column to the value, or
/// write to the table. A hint that fits no write is ignored. A column name is not enough, because a write may be refused for a column that
/// it lacks.
fn named(transaction: &Transaction, message: &str) -> Vec<usize> {
    let end = |char: char| !(char.is_alphanumeric() || matches!(char, '_' | '-'));
    let words: BTreeSet<String> = message
        .split(end)
        .map(str::to_lowercase)
        .filter(|word| !word.is_empty())
        .collect();
    let operations = &transaction.operations;
    // A label that is one plain word, such as `url`, may be an ordinary word of the sentence.
    let rows = operations.iter().filter_map(own_row);
    let rows: BTreeSet<Uuid> = rows
        .filter(|row| row.label.contains('_') && words.contains(&row.label.to_lowercase()))
        .map(|row| row.id)
        .collect();
    let touches = |operation: &Operation| {
        let is_named = |id: &Uuid| rows.contains(id) || words.contains(&id.to_string());
        touched(operation).iter().any(is_named)
    };
    let hints: [&dyn Fn(&Operation) -> bool; 4] = [
        &touches,
        &|operation| needs_privilege(operation, &words),
        &|operation| sets_value(operation, &words),
        &|operation| is_of_table(operation, &words),
    ];
    let mut left: Vec<usize> = (0..operations.len()).collect();
    for hint in hints {
        if left.iter().any(|index| hint(&operations[*index])) {
            left.retain(|index| hint(&operations[*index]));
        }
    }
    left
}

fn own_row(operation: &Operation) -> Option<&RowTarget> {
    match operation {
        Operation::Create { row, .. }
        | Operation::Update { row, .. }
        | Operation::Delete { row, .. } => Some(row),
        Operation::Link { .. } | Operation::Unlink { .. } => None,
    }
}

/// The rows that a write is about, and those that it refers to.
fn touched(operation: &Operation) -> Vec<Uuid> {
    match operation {
        Operation::Link { owner, member, .. } | Operation::Unlink { owner, member, .. } => {
            vec![*owner, *member]
        }
        _ => {
            let bound = body(operation).iter().filter_map(|(_, value)| match value {
                Value::Bind { id, .. } => Some(*id),
                Value::Cell(_) | Value::Unbind => None,
            });
            own_row(operation)
                .map(|row| row.id)
                .into_iter()
                .chain(bound)
                .collect()
        }
    }
}

fn needs_privilege(operation: &Operation, words: &BTreeSet<String>) -> bool {
    let rights: &[&str] = match operation {
        Operation::Create { .. } => &["create", "append", "appendto", "assign"],
        Operation::Update { .. } => &["write", "append", "appendto", "assign"],
        Operation::Delete { .. } => &["delete"],
        Operation::Link { .. } | Operation::Unlink { .. } => &["append", "appendto"],
    };
    let tables = tables(operation);
    rights.iter().any(|right| {
        let mut tables = tables.iter();
        tables.any(|table| words.contains(&format!("prv{right}{}", table.logical)))
    })
}

fn sets_value(operation: &Operation, words: &BTreeSet<String>) -> bool {
    body(operation).iter().any(|(column, value)| {
        words.contains(&column.to_lowercase())
            && match value {
                Value::Cell(Cell::Int(number)) => words.contains(&number.to_string()),
                Value::Cell(Cell::Text(text)) => words.contains(&text.to_lowercase()),
                Value::Cell(_) | Value::Bind { .. } | Value::Unbind => false,
            }
    })
}

fn is_of_table(operation: &Operation, words: &BTreeSet<String>) -> bool {
    let of_table = |table: &&Table| words.contains(table.logical) || words.contains(table.set);
    let relationship = match operation {
        Operation::Link { relationship, .. } | Operation::Unlink { relationship, .. } => {
            words.contains(&relationship.schema_name.to_lowercase())
        }
        _ => false,
    };
    relationship || tables(operation).iter().any(of_table)
}

fn body(operation: &Operation) -> &[(String, Value)] {
    match operation {
        Operation::Create { body, .. } | Operation::Update { body, .. } => body,
        Operation::Delete { .. } | Operation::Link { .. } | Operation::Unlink { .. } => &[],
    }
}

fn tables(operation: &Operation) -> Vec<&'static Table> {
    match operation {
        Operation::Link { relationship, .. } | Operation::Unlink { relationship, .. } => {
            vec![relationship.owner, relationship.member]
        }
        _ => own_row(operation)
            .map(|row| row.table)
            .into_iter()
            .collect(),
    }
}

fn queries(operation: &Operation) -> Vec<Query> {
    match operation {
        Operation::Create { row, body, .. } => {
            let mut same = Filter::eq(row.table.key, row.id);
            for (column, value) in body {
                if let (true, Value::Cell(Cell::Text(name))) = (column == UNIQUE_NAME.column, value)
                {
                    same = same.or(Filter::eq(column.as_str(), name.to_string()));
                }
            }
            vec![
                Query::rows(row.table.set)
                    .select([row.table.key])
                    .filter(same),
            ]
        }
        Operation::Update { row, .. } | Operation::Delete { row, .. } => vec![by_key(row)],
        Operation::Link {
            relationship,
            owner,
            member,
        } => vec![
            pair(relationship, *owner, *member),
            end(relationship.owner, *owner),
            end(relationship.member, *member),
        ],
        Operation::Unlink {
            relationship,
            owner,
            member,
        } => vec![pair(relationship, *owner, *member)],
    }
}

fn by_key(row: &RowTarget) -> Query {
    end(row.table, row.id)
}

fn end(table: &deskstate_model::Table, id: Uuid) -> Query {
    Query::rows(table.set)
        .select([table.key])
        .filter(Filter::eq(table.key, id))
}

/// Query for the link between two rows.
pub(super) fn pair(relationship: &Relationship, owner: Uuid, member: Uuid) -> Query {
    Query::rows(relationship.intersect_set)
        .select([relationship.owner_column, relationship.member_column])
        .filter(
            Filter::eq(relationship.owner_column, owner)
                .and(Filter::eq(relationship.member_column, member)),
        )
}

/// Whether the rows make an operation impossible; `None` if they could not be read.
fn ruled_out(
    operation: &Operation,
    answers: &[&Answer],
    wrong: Wrong,
    created: &BTreeSet<Uuid>,
) -> Option<bool> {
    let is_there = |at: usize| {
        answers
            .get(at)?
            .as_ref()
            .ok()
            .map(|rows| !rows.rows.is_empty())
    };
    let made_here = |id: &Uuid| created.contains(id);
    Some(match (operation, wrong) {
        (Operation::Create { .. }, Wrong::Exists | Wrong::Precondition) => is_there(0)?,
        (Operation::Create { .. }, Wrong::Absent) => false,
        (Operation::Update { row, .. } | Operation::Delete { row, .. }, _)
            if made_here(&row.id) =>
        {
            false
        }
        (Operation::Update { .. } | Operation::Delete { .. }, Wrong::Absent) => !is_there(0)?,
        (
            Operation::Update {
                guard: Guard::Version(version),
                ..
            }
            | Operation::Delete {
                guard: Guard::Version(version),
                ..
            },
            Wrong::Precondition,
        ) => {
            let rows = answers.first()?.as_ref().ok()?;
            rows.rows.first().and_then(|row| row.etag()) != Some(version)
        }
        (Operation::Update { .. } | Operation::Delete { .. }, _) => false,
        (Operation::Link { .. }, Wrong::Exists | Wrong::Precondition) => is_there(0)?,
        (Operation::Link { owner, member, .. }, Wrong::Absent) => {
            !(made_here(owner) || is_there(1)?) || !(made_here(member) || is_there(2)?)
        }
        (Operation::Unlink { .. }, Wrong::Absent) => !is_there(0)?,
        (Operation::Unlink { .. }, _) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskstate_model::tables::{NOTIFICATION_FIELD, PROFILE_USERS, SESSION};

    #[test]
    fn a_message_leaves_the_writes_that_it_can_be_about() {
        let row = |table, number, label: &str| RowTarget {
            table,
            id: Uuid::from_u128(number),
            label: label.to_owned(),
        };
        let order = |number| vec![("msdyn_order".to_owned(), Value::Cell(Cell::Int(number)))];
        let create = |row, body| Operation::Create {
            row,
            body,
            attaches_to: None,
        };
        let transaction = Transaction {
            operations: vec![
                create(row(&NOTIFICATION_FIELD, 1, "contoso_a"), order(100)),
                create(row(&NOTIFICATION_FIELD, 2, "contoso_b"), order(7)),
                create(row(&SESSION, 3, "contoso_session"), Vec::new()),
                Operation::Link {
                    relationship: &PROFILE_USERS,
                    owner: Uuid::from_u128(4),
                    member: Uuid::from_u128(5),
                },
            ],
            look_after: false,
        };
        let cases: [(&str, &[usize]); 8] = [
            ("The row contoso_B is not allowed.", &[1]),
            ("No row 00000000-0000-0000-0000-000000000005.", &[3]),
            ("missing prvCreatemsdyn_sessiontemplate privilege", &[2]),
            ("The value 7 of 'msdyn_order' is out of range.", &[1]),
            // A length is not a value of the column.
            ("'msdyn_name' has at most 100 characters", &[0, 1, 2, 3]),
            // A write may be refused for a column that it lacks.
            (
                "'msdyn_order' of 'msdyn_notificationfield' is needed",
                &[0, 1],
            ),
            ("msdyn_appconfiguration_systemuser is full", &[3]),
            ("A plug-in says no.", &[0, 1, 2, 3]),
        ];
        for (message, wanted) in cases {
            assert_eq!(named(&transaction, message), wanted, "{message}");
        }
    }
}
