//! Documented limits of the service, each with its source. All other modules use these constants.

/// The maximum number of operations in a changeset, and of requests in a batch.
///
/// Source: <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/execute-batch-operations-using-web-api>
pub const MAX_OPERATIONS: usize = 1000;

/// The maximum length of the URL of a request inside a batch, in characters. (Outside a batch, it is 32,768; this client reads only in
/// batches.)
///
/// Source: <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/compose-http-requests-handle-errors#maximum-url-length>
pub const MAX_URL: usize = 65_536;

/// The maximum number of conditions in a query, including joins. The server rejects more with `0x8004430C`.
///
/// Source: <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/filter-rows#condition-limits>
pub const MAX_CONDITIONS: usize = 500;

/// The maximum number of rows in a page.
///
/// Source: <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/page-results>
pub const MAX_PAGE: u32 = 5000;

/// The maximum number of rows that `$expand` returns for a collection. Expanded collections are not paged.
///
/// Source: <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/join-tables>
pub const MAX_EXPANDED: usize = 5000;

/// The maximum number of `$expand` options in a query.
///
/// Source: <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/join-tables>
pub const MAX_EXPANDS: usize = 15;

/// The number of characters of [`MAX_URL`] reserved for scheme and host, which a query does not know. A host name has at most 253
/// characters.
const HOST: usize = 300;

/// The maximum length of the path and query of a request inside a batch, in characters.
pub(crate) const MAX_PATH: usize = MAX_URL - HOST;

/// The number of values of an `any_of` that one request contains. It is less than [`MAX_CONDITIONS`], since other clients use only 15 to
/// 40.
pub(crate) const VALUES_PER_REQUEST: usize = 150;
