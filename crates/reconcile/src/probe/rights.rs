//! Rights that apply needs, and rights that the caller has.

use std::collections::BTreeMap;

use deskstate_dataverse::{Depth, Error, Query, Reader, privilege_depths};
use deskstate_model::{Kind, Table, tables};

/// The rights that apply needs on the tables of the kinds.
const WRITE_RIGHTS: [&str; 5] = ["Create", "Write", "Delete", "Append", "AppendTo"];

/// The rights that links and lookups need on other tables.
const LINK_RIGHTS: [(&Table, &[&str]); 4] = [
    (&tables::USER, &["Append", "AppendTo"]),
    (&tables::ROLE, &["AppendTo"]),
    (&tables::WEB_RESOURCE, &["AppendTo"]),
    (&tables::MACRO, &["AppendTo"]),
];

/// The rights that apply needs, with their tables.
pub fn rights_to_write() -> impl Iterator<Item = (&'static str, &'static Table)> {
    let own = Kind::all().flat_map(|kind| WRITE_RIGHTS.map(|right| (right, kind.table())));
    let others = LINK_RIGHTS
        .into_iter()
        .flat_map(|(table, rights)| rights.iter().map(move |right| (*right, table)));
    own.chain(others)
}

/// The name of a privilege: `prv`, the right, and the table's schema name, which for these tables is their logical name, but for users.
#[must_use]
pub fn privilege(right: &str, table: &Table) -> String {
    let name = match table == &tables::USER {
        true => "User",
        false => table.logical,
    };
    format!("prv{right}{name}")
}

/// The depth of the caller's rights to create, write, delete, append and append to in the tables of the kinds; `None` if it may not be
/// read.
///
/// # Errors
/// If the environment cannot be queried.
pub async fn privileges_to_write(
    reader: &Reader,
) -> Result<Option<BTreeMap<String, Depth>>, Error> {
    let names = rights_to_write().map(|(right, table)| privilege(right, table));
    let answers = reader.read(&Query::caller_privileges(names)).await?;
    let rows: Vec<_> = answers.into_iter().filter_map(Result::ok).collect();
    Ok((!rows.is_empty()).then(|| privilege_depths(&rows)))
}
