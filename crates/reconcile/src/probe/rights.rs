//! What apply needs, and what the caller may.

use std::collections::BTreeMap;

use deskstate_dataverse::{Depth, Error, Query, Reader, privilege_depths};
use deskstate_model::{Kind, Table};

/// The rights that apply needs on the tables of the kinds.
pub const WRITE_RIGHTS: [&str; 5] = ["Create", "Write", "Delete", "Append", "AppendTo"];

/// The name of a privilege: `prv`, the right, and the table's schema name, which for these tables is their logical name.
#[must_use]
pub fn privilege(right: &str, table: &Table) -> String {
    format!("prv{right}{}", table.logical)
}

/// How far the caller may create, write, delete, append and append to in the tables of the kinds; `None` if that may not be read.
///
/// # Errors
/// If the environment cannot be asked.
pub async fn privileges_to_write(
    reader: &Reader,
) -> Result<Option<BTreeMap<String, Depth>>, Error> {
    let names =
        Kind::all().flat_map(|kind| WRITE_RIGHTS.map(|right| privilege(right, kind.table())));
    let answers = reader.read(&Query::caller_privileges(names)).await?;
    let rows: Vec<_> = answers.into_iter().filter_map(Result::ok).collect();
    Ok((!rows.is_empty()).then(|| privilege_depths(&rows)))
}
