//! Routes a request to what answers it.

mod read;
mod write;

use http::Method;

use crate::call::Call;
use crate::caller::Caller;
use crate::clock::Moment;
use crate::error::{Outcome, ServiceError};
use crate::schema::{Schema, TableId};
use crate::switches::Switches;
use crate::write::Writing;

pub(crate) use self::write::write;
pub(crate) use read::read;

/// What a request is carried out with.
pub(crate) struct Context<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) switches: &'a Switches,
    pub(crate) now: Moment,
}

impl<'a> Context<'a> {
    pub(crate) fn writing(&self, call: &Call) -> Writing<'a> {
        Writing {
            caller: self.caller,
            switches: self.switches,
            now: self.now,
            solution: call.header("mscrm.solutionuniquename").map(str::to_owned),
        }
    }
}

/// Whether a request can change rows.
pub(crate) fn is_write(call: &Call) -> bool {
    call.method != Method::GET && call.method != Method::HEAD
        || call.path().starts_with("RemoveActiveCustomizations")
}

/// Whether a request asks for metadata, which no row is part of.
pub(crate) fn reads_metadata(call: &Call) -> bool {
    let path = call.path();
    let first = path.split(['(', '/']).next().unwrap_or(path);
    crate::metadata::is_metadata(first)
}

/// The table of an entity set.
pub(crate) fn table_of(schema: &Schema, set: &str) -> Outcome<TableId> {
    schema
        .with_set(set)
        .ok_or_else(|| ServiceError::unknown_segment(set))
}
