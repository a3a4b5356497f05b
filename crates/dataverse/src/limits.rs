//! Documented limits of the service, each with its source. Nothing else in the crate writes these numbers down.

/// The most operations in a changeset, and the most requests in a batch.
///
/// Source: <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/execute-batch-operations-using-web-api>
pub const MAX_OPERATIONS: usize = 1000;

/// The most characters in the URL of a request inside a batch. (Outside it is 32,768; this client reads only in batches.)
///
/// Source: <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/compose-http-requests-handle-errors#maximum-url-length>
pub const MAX_URL: usize = 65_536;

/// The most conditions in a query; joins count too. More are refused with `0x8004430C`.
///
/// Source: <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/filter-rows#condition-limits>
pub const MAX_CONDITIONS: usize = 500;

/// The most rows in a page.
///
/// Source: <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/page-results>
pub const MAX_PAGE: u32 = 5000;

/// The most rows that `$expand` gives of a collection, which is not paged.
///
/// Source: <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/join-tables>
pub const MAX_EXPANDED: usize = 5000;

/// The most `$expand` options in a query.
///
/// Source: <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/join-tables>
pub const MAX_EXPANDS: usize = 15;

/// How many characters of [`MAX_URL`] are left to scheme and host, which a query does not know. A host name has at most 253 characters.
const HOST: usize = 300;

/// The most characters in the path and query of a request inside a batch.
pub(crate) const MAX_PATH: usize = MAX_URL - HOST;

/// How many values of one `any_of` go into one request: fewer than [`MAX_CONDITIONS`], since other clients keep to 15 to 40.
pub(crate) const VALUES_PER_REQUEST: usize = 150;
