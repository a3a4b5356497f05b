//! Reads the live environment in one trip, plus a second one for what the first showed to be needed.

mod ask;
mod held_roles;
mod metadata;
mod names;
mod narrow;
mod next;
mod owners;
mod place;

use deskstate_dataverse::{Error, Reader};
use thiserror::Error;

pub use ask::Scope;
pub(crate) use ask::expanded;
use ask::{Ask, first_trip};
pub use held_roles::held_roles;
pub use metadata::{MetadataError, observe_metadata};
pub use names::observe_names;
pub use narrow::Narrow;
use next::next_trip;
pub use owners::observe_owners;
use place::Observed;
pub(crate) use place::with_expanded;

use crate::live::Live;
use crate::lower::Desired;

/// Why the environment could not be read. A single table that is refused is not an error: it counts as unseen.
#[derive(Debug, Error)]
pub enum ObserveError {
    /// The environment could not be queried.
    #[error(transparent)]
    Dataverse(#[from] Error),
    /// Another organization answers at the URL.
    #[error("the environment is organization {found}, the project expects {expected}")]
    OtherOrganization {
        /// `organizationId` from the project file.
        expected: uuid::Uuid,
        /// The id that `WhoAmI` returned.
        found: uuid::Uuid,
    },
    /// The environment does not say which organization it is.
    #[error(
        "the environment does not say which organization it is, the project expects {0}: `WhoAmI` returned no id"
    )]
    NoOrganization(uuid::Uuid),
}

/// Reads the rows that the manifests look up, and every table and set of links that deskstate knows: completely, or as far as `scope`
/// requires. If the environment refuses to return a part of a table, everything is read completely.
///
/// # Errors
/// If the environment cannot be queried, or is another organization than the scope expects.
#[tracing::instrument(level = "info", skip_all)]
pub async fn observe(
    reader: &Reader,
    desired: &Desired,
    scope: &Scope,
) -> Result<Live, ObserveError> {
    reader.start_trip();
    let before = reader.requests();
    let mut observed = look(reader, desired, scope, scope.narrow.as_ref()).await?;
    if observed.is_refused_in_part() {
        observed = look(reader, desired, scope, None).await?;
    }
    let requests = reader.requests() - before;
    tracing::info!(requests, "read everything");
    Ok(observed.finish(requests))
}

/// Compares the organization with the one that the project expects, if it expects one. One that nobody knows may be another.
pub(crate) fn is_expected(
    expected: Option<uuid::Uuid>,
    found: Option<uuid::Uuid>,
) -> Result<(), ObserveError> {
    match (expected, found) {
        (Some(expected), Some(found)) if expected != found => {
            Err(ObserveError::OtherOrganization { expected, found })
        }
        (Some(expected), None) => Err(ObserveError::NoOrganization(expected)),
        _ => Ok(()),
    }
}

/// Reads until nothing is left to query, or a partial read of a table was refused.
async fn look(
    reader: &Reader,
    desired: &Desired,
    scope: &Scope,
    narrow: Option<&Narrow>,
) -> Result<Observed, ObserveError> {
    let mut observed = Observed::new(desired, narrow.is_some());
    let mut trip = first_trip(desired, scope, narrow);
    // A recording hides the id of the organization.
    let organization = scope.organization.filter(|_| !reader.is_replay());
    // The second trip queries what the first showed to be needed. Further trips are made only if the environment lacks a column: one if the
    // metadata does not state which, and one for the names in rows that arrived late.
    for _ in 0..4 {
        if trip.is_empty() {
            break;
        }
        let (asks, queries): (Vec<Ask>, Vec<_>) = trip.into_iter().unzip();
        let answers = reader.read(&queries).await?;
        for ((ask, query), answer) in asks.into_iter().zip(&queries).zip(answers) {
            observed.take(ask, query, answer);
        }
        is_expected(organization, observed.organization())?;
        if observed.is_refused_in_part() {
            break;
        }
        trip = next_trip(&mut observed, desired, scope);
    }
    Ok(observed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organization_that_nobody_knows_is_not_the_expected_one() {
        let [own, other] = [1, 2].map(uuid::Uuid::from_u128);
        assert!(is_expected(None, None).is_ok());
        assert!(is_expected(None, Some(own)).is_ok());
        assert!(is_expected(Some(own), Some(own)).is_ok());
        assert!(is_expected(Some(own), Some(other)).is_err());
        assert!(is_expected(Some(own), None).is_err());
    }
}
