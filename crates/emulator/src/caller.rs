//! Who asks: resolved once per request from its headers.

use std::collections::BTreeSet;

use uuid::Uuid;

/// The user on whose behalf a request runs.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) user: Uuid,
    pub(crate) business_unit: Uuid,
    /// Language in which localizable columns are read and written.
    pub(crate) language: i64,
    pub(crate) teams: BTreeSet<Uuid>,
    /// Who really called, if the request impersonates.
    pub(crate) on_behalf_by: Option<Uuid>,
    pub(crate) access: crate::security::Access,
}
