//! Which write of a refused transaction the server refused, where its reply does not say: what the rows themselves show.

use std::collections::BTreeSet;

use deskstate_dataverse::{
    Answer, Cell, Error, ErrorCode, Filter, Query, Reader, ServiceError, Value,
};
use uuid::Uuid;

use crate::kinds::UNIQUE_NAME;
use crate::plan::{Guard, Operation, RowTarget, Transaction};
use crate::table::Relationship;

/// What the server said is wrong, where rows can show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    /// A row or a link is not there.
    Absent,
    /// A row or a link is there already.
    Exists,
    /// A row has another version, or is there already: a reply without a code does not tell the two apart.
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

/// The first write that the rows, as they are now, rule out in the way that the server stated; none where they do not tell.
///
/// The transaction was rolled back, so the rows are as they were before it. Nothing is written.
///
/// # Errors
/// If the rows cannot be read.
pub(super) async fn locate(
    transaction: &Transaction,
    error: &ServiceError,
    reader: &Reader,
) -> Result<Option<usize>, Error> {
    let Some(wrong) = Wrong::of(error) else {
        return Ok(named(transaction, &error.message));
    };
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
            // It may be this one: nobody can say.
            None => return Ok(None),
        }
    }
    Ok(None)
}

/// The only write whose row the server's message names, by its unique name or its id.
fn named(transaction: &Transaction, message: &str) -> Option<usize> {
    let names = |row: &RowTarget| {
        let end = |char: char| !(char.is_alphanumeric() || matches!(char, '_' | '-'));
        let id = row.id.to_string();
        message
            .split(end)
            .any(|word| word.eq_ignore_ascii_case(&row.label) || word.eq_ignore_ascii_case(&id))
    };
    let operations = transaction.operations.iter().enumerate();
    let mut found = operations.filter(|(_, operation)| match operation {
        Operation::Create { row, .. }
        | Operation::Update { row, .. }
        | Operation::Delete { row, .. } => names(row),
        Operation::Link { .. } | Operation::Unlink { .. } => false,
    });
    let (index, _) = found.next()?;
    found.next().is_none().then_some(index)
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

fn end(table: &crate::table::Table, id: Uuid) -> Query {
    Query::rows(table.set)
        .select([table.key])
        .filter(Filter::eq(table.key, id))
}

/// The link between two rows.
pub(super) fn pair(relationship: &Relationship, owner: Uuid, member: Uuid) -> Query {
    Query::rows(relationship.intersect_set)
        .select([relationship.owner_column, relationship.member_column])
        .filter(
            Filter::eq(relationship.owner_column, owner)
                .and(Filter::eq(relationship.member_column, member)),
        )
}

/// Whether the rows rule an operation out; `None` where they could not be read.
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
