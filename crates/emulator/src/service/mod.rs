//! Routes requests to their handlers.

mod read;
mod write;

use http::{Method, StatusCode};

use crate::call::Call;
use crate::error::{Outcome, ServiceError, code};
use crate::schema::{Schema, TableId};

pub(crate) use self::write::write;
pub(crate) use read::read;

/// Whether a request may change rows.
pub(crate) fn is_write(call: &Call) -> bool {
    call.method != Method::GET && call.method != Method::HEAD
        || call.path().starts_with("RemoveActiveCustomizations")
}

/// Whether a request reads metadata, which is independent of rows.
pub(crate) fn reads_metadata(call: &Call) -> bool {
    let path = call.path();
    let first = path.split(['(', '/']).next().unwrap_or(path);
    crate::metadata::is_metadata(first)
}

/// Maximum length of a URL, outside and inside a batch, in characters (Web API: compose requests, maximum URL length).
const LONGEST_URL: usize = 32_768;
const LONGEST_URL_IN_BATCH: usize = 65_536;
/// Maximum length of a path segment outside a batch, in characters (same page: maximum OData segment length).
const LONGEST_SEGMENT: usize = 260;

/// Rejects a URL that is longer than the service allows.
pub(crate) fn check_url(call: &Call) -> Outcome<()> {
    let longest = if call.in_batch {
        LONGEST_URL_IN_BATCH
    } else {
        LONGEST_URL
    };
    if call.target.len() + call.base.len() > longest {
        return Err(ServiceError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            code::BAD_QUERY,
            "The request URL is too long.",
        ));
    }
    let long = |segment: &str| segment.chars().count() > LONGEST_SEGMENT;
    if !call.in_batch && call.path().split('/').any(long) {
        return Err(ServiceError {
            code: None,
            ..ServiceError::query("Bad Request - Invalid URL")
        });
    }
    Ok(())
}

/// The table of an entity set.
pub(crate) fn table_of(schema: &Schema, set: &str) -> Outcome<TableId> {
    schema
        .with_set(set)
        .ok_or_else(|| ServiceError::unknown_segment(set))
}
