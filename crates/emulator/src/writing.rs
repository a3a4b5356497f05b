//! Functions shared by all writes: the request, its conditions, new keys, and the user who changed a row.

use http::StatusCode;
use uuid::Uuid;

use crate::clock::Moment;
use crate::error::{Outcome, ServiceError, code};
use crate::schema::TableId;
use crate::security::Caller;
use crate::store::{Row, Transaction};
use crate::switches::Switches;
use crate::value::Value;

/// The information about a request that every write needs.
pub(crate) struct Writing<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) switches: &'a Switches,
    pub(crate) now: Moment,
    /// The unmanaged solution that the component is added to (`MSCRM.SolutionUniqueName`).
    pub(crate) solution: Option<String>,
}

/// `If-Match` and `If-None-Match`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) if_match: Option<String>,
    pub(crate) none_may_match: bool,
}

impl Condition {
    pub(crate) fn check(&self, writing: &Writing<'_>, table: &str, row: &Row) -> Outcome<()> {
        let Some(wanted) = self.if_match.as_deref().filter(|wanted| *wanted != "*") else {
            return Ok(());
        };
        if writing.switches.no_optimistic_concurrency.contains(table) {
            return Err(ServiceError::bad(
                code::OPTIMISTIC_CONCURRENCY_NOT_ENABLED,
                format!(
                    "Optimistic concurrency isn't enabled for entity type {table}. The IfVersionMatches value of ConcurrencyBehavior can only be used if optimistic concurrency is enabled."
                ),
            ));
        }
        if wanted == crate::odata::json::etag(row.version) {
            return Ok(());
        }
        Err(ServiceError {
            status: StatusCode::PRECONDITION_FAILED,
            code: writing
                .switches
                .codes_on_conditional_errors
                .then_some(code::VERSION_MISMATCH),
            message:
                "The version of the existing record doesn't match the RowVersion property provided."
                    .into(),
            retry_after: None,
        })
    }
}

/// Namespace for keys that the emulator chooses.
pub(crate) const KEYS: Uuid = Uuid::from_u128(0x6f1d_21c4_9a57_4c1b_8d0e_54e2_7a9b_3c10);

/// Returns an unused key. It is derived from the next version number, so that the same history gives the same keys.
pub(crate) fn new_key(tx: &Transaction<'_>, table: TableId) -> Uuid {
    let store = tx.store();
    let mut number = store.version;
    loop {
        let key = Uuid::new_v5(&KEYS, format!("{}/{number}", table.0).as_bytes());
        if store.get(table, key).is_none() {
            return key;
        }
        number += 1;
    }
}

/// Records who changed a row, and when.
pub(crate) fn stamp(tx: &Transaction<'_>, writing: &Writing<'_>, table: TableId, row: &mut Row) {
    let schema = tx.schema();
    let own = schema.table(table);
    if let Some(column) = own.position("modifiedon") {
        row.cells[column] = Value::text(&writing.now.iso());
    }
    let Some(users) = schema.named("systemuser") else {
        return;
    };
    if let Some(column) = own.position("modifiedby") {
        row.cells[column] = Value::Lookup(users, writing.caller.user);
    }
    if let Some(column) = own.position("modifiedonbehalfby") {
        row.cells[column] = writing
            .caller
            .on_behalf_by
            .map_or(Value::Null, |user| Value::Lookup(users, user));
    }
}

/// Returns the row that a write refers to, or `404`.
pub(crate) fn find(tx: &Transaction<'_>, table: TableId, id: Uuid) -> Outcome<Row> {
    match tx.get(table, id) {
        Some(row) => Ok(Row::clone(row)),
        None => Err(ServiceError::not_found(&tx.schema().table(table).name, id)),
    }
}
