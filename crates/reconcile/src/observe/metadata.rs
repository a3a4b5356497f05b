//! Reads what an environment's own metadata states about tables.

use std::collections::BTreeSet;

use deskstate_dataverse::{Query, Reader, Refused};
use thiserror::Error;
use uuid::Uuid;

use super::ObserveError;
use crate::metadata::{TableMetadata, TableNames, tables as read_tables};

/// Why metadata could not be read.
#[derive(Debug, Error)]
pub enum MetadataError {
    /// The environment could not be queried, or is another organization.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// The environment does not show its metadata.
    #[error("the environment does not show its metadata: {}", .0.message)]
    Refused(Refused),
}

impl From<deskstate_dataverse::Error> for MetadataError {
    fn from(error: deskstate_dataverse::Error) -> Self {
        Self::Observe(error.into())
    }
}

/// Reads the metadata of these tables; those that the environment lacks are left out.
///
/// # Errors
/// If the environment cannot be queried, is another organization than expected, or does not show its metadata.
pub async fn observe_metadata(
    reader: &Reader,
    tables: &[&str],
    organization: Option<Uuid>,
) -> Result<Vec<TableMetadata>, MetadataError> {
    let mut queries = vec![
        Query::who_am_i(),
        Query::definitions(tables.iter().copied()),
    ];
    queries.extend(tables.iter().map(|table| Query::choices(*table)));
    let mut answers = reader.read(&queries).await?.into_iter();
    let caller = answers.next().and_then(Result::ok);
    let found = caller.and_then(|rows| rows.rows.first()?.uuid("OrganizationId"));
    let organization = organization.filter(|_| !reader.is_replay());
    super::is_expected(organization, found)?;
    let rows = match answers.next() {
        Some(Ok(rows)) => rows.rows,
        Some(Err(refused)) => return Err(MetadataError::Refused(refused)),
        None => Vec::new(),
    };
    let mut found = read_tables(&rows);
    for (logical, answer) in tables.iter().zip(answers) {
        // A table that does not exist has no choices.
        let Ok(rows) = answer else { continue };
        if let Some(table) = found.iter_mut().find(|table| table.logical() == *logical) {
            table.take_options(&rows.rows);
        }
    }
    names_of_others(reader, &mut found).await?;
    Ok(found)
}

/// Reads the names of the tables behind relationships and lookups.
async fn names_of_others(
    reader: &Reader,
    found: &mut [TableMetadata],
) -> Result<(), deskstate_dataverse::Error> {
    let names: BTreeSet<&str> = found.iter().flat_map(TableMetadata::others).collect();
    if names.is_empty() {
        return Ok(());
    }
    let answers = reader.read(&[Query::table_names(names)]).await?;
    let rows = answers.into_iter().flatten().flat_map(|rows| rows.rows);
    let names = rows.filter_map(|row| TableNames::of(&row)).collect();
    for table in found {
        table.name_others(&names);
    }
    Ok(())
}
