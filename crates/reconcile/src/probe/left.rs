//! Rows that the questions left behind: those with the reserved word in their names.

use deskstate_dataverse::{Changeset, Error, Filter, Operation, Outcome, Query, Reader, Session};
use deskstate_model::{Table, UNIQUE_NAME, tables};

use super::RESERVED;

/// All tables in which questions use named rows, in the order in which rows can be deleted.
static ASKED: [&Table; 6] = [
    &tables::PROFILE,
    &tables::SESSION,
    &tables::PARAMETER,
    &tables::TAB,
    &tables::NOTIFICATION,
    &tables::NOTIFICATION_FIELD,
];

fn queries() -> Vec<Query> {
    let queries = ASKED.iter().map(|table| {
        Query::rows(table.set)
            .select([table.key, UNIQUE_NAME.column])
            .filter(Filter::contains(UNIQUE_NAME.column, RESERVED))
    });
    queries.collect()
}

/// Returns the remaining rows, and the tables that could not be searched.
pub(super) async fn rows(reader: &Reader) -> Result<(Vec<String>, Vec<String>), Error> {
    let (mut left, mut unseen) = (Vec::new(), Vec::new());
    for (table, answer) in ASKED.iter().zip(reader.read(&queries()).await?) {
        match answer {
            Ok(rows) => left.extend(rows.rows.iter().map(|row| {
                let name = row.text(UNIQUE_NAME.column).unwrap_or_default();
                format!("{} {name}", table.logical)
            })),
            Err(refused) if refused.is_unknown_set() => {}
            Err(refused) => unseen.push(format!("{}: {}", table.logical, refused.message)),
        }
    }
    Ok((left, unseen))
}

/// Deletes the remaining rows and searches again.
pub(super) async fn remove_and_look(
    session: &Session,
) -> Result<(Vec<String>, Vec<String>), Error> {
    remove(session).await?;
    rows(session.reader()).await
}

/// Deletes each row separately, so that a row that cannot be deleted does not prevent the deletion of the others.
async fn remove(session: &Session) -> Result<(), Error> {
    for (table, answer) in ASKED.iter().zip(session.reader().read(&queries()).await?) {
        for id in answer
            .iter()
            .flat_map(|rows| &rows.rows)
            .filter_map(|row| row.uuid(table.key))
        {
            let changeset = Changeset {
                operations: vec![Operation::Delete {
                    set: table.set.to_owned(),
                    id,
                    if_match: None,
                }],
                solution: None,
            };
            // The following search reports rows that still exist.
            if let Outcome::NotAttempted { cause } | Outcome::Unknown { cause } =
                session.commit(&changeset).await
            {
                return Err(cause);
            }
        }
    }
    Ok(())
}
