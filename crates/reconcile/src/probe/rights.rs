//! Rights that apply needs, and rights that the caller has.

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

/// The depth of the caller's rights to create, write, delete, append and append to in the tables of the kinds; `None` if it may not be
/// read.
///
/// # Errors
/// If the environment cannot be queried.
pub async fn privileges_to_write(
    reader: &Reader,
) -> Result<Option<BTreeMap<String, Depth>>, Error> {
    let names =
        Kind::all().flat_map(|kind| WRITE_RIGHTS.map(|right| privilege(right, kind.table())));
    let answers = reader.read(&Query::caller_privileges(names)).await?;
    let rows: Vec<_> = answers.into_iter().filter_map(Result::ok).collect();
    Ok((!rows.is_empty()).then(|| privilege_depths(&rows)))
}
