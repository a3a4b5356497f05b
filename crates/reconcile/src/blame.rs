//! Who last wrote live rows, and what auditing recorded about them.
//!
//! Sources: the columns `modifiedon` and `_modifiedby_value` name the last writer of a row, whatever column it was; Retrieve and audit data
//! (`RetrieveRecordChangeHistory`) names each change if auditing is on. Only auditing records who created or removed a link. Somebody may write
//! in the name of another user; `_modifiedonbehalfby_value` and `_callinguserid_value` then name the one who really did.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_dataverse::{Cell, Filter, Query, Reader, Row};
use deskstate_model::{Table, tables};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::extras::Extra;
use crate::live::{Live, ObservedRow};
use crate::plan::{Operation, Plan};

/// Maximum number of rows whose history is read. For further rows, only the last writer is reported.
pub const MOST_HISTORIES: usize = 200;

/// Values of the `action` column of audit rows for links (Retrieve audit data).
const ASSOCIATE: i64 = 33;
const DISASSOCIATE: i64 = 34;
/// Values of the `operation` column of audit rows for creates and deletes.
const CREATE: i64 = 1;
const DELETE: i64 = 3;

/// A user, in enough detail to distinguish people from machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// The user's id.
    pub id: Uuid,
    /// Principal name, otherwise the full name, otherwise the id.
    pub name: String,
    /// Person or machine.
    pub nature: Nature,
    /// Whether deskstate currently uses this identity. The same person may also edit by hand.
    pub is_caller: bool,
}

/// The type of user that wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// The platform itself: solution imports and updates.
    Platform,
    /// An application user.
    Application,
    /// A person.
    Person,
    /// A user who cannot be read.
    Unknown,
}

/// One change that auditing recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Time of the change, as the server states it.
    pub at: String,
    /// The user who made it.
    pub by: Uuid,
    /// The user in whose name it was made, if that is another one.
    pub in_the_name_of: Option<Uuid>,
    /// What it did.
    pub what: What,
    /// The values of the columns afterwards, as far as the record tells.
    pub after: BTreeMap<String, Cell>,
}

/// The effect of a recorded change.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// Created the row with these columns. Columns have the names under which they are read.
    Created(BTreeSet<String>),
    /// Wrote these columns, with their previous values. Columns have the names under which they are read.
    Wrote(BTreeMap<String, Cell>),
    /// Linked or unlinked rows.
    Linked {
        /// Schema name of the relationship.
        relationship: String,
        /// The rows on the other side.
        members: BTreeSet<Uuid>,
        /// Whether they were linked, as opposed to unlinked.
        made: bool,
    },
    /// Deleted the row.
    Deleted,
}

/// Whether audit records are available.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Audit {
    /// They are.
    On,
    /// Auditing is switched off.
    #[default]
    Off,
    /// Auditing is on, but its records cannot be read.
    Refused(String),
}

/// What is known about the writers of rows.
#[derive(Debug, Clone, Default)]
pub struct Blame {
    /// Users who wrote.
    pub writers: BTreeMap<Uuid, Writer>,
    /// Recorded changes by row, newest first.
    pub history: BTreeMap<Uuid, Vec<Recorded>>,
    /// Who last wrote a row in the name of its last writer.
    pub on_behalf: BTreeMap<Uuid, Uuid>,
    /// Whether audit records are available.
    pub audit: Audit,
    /// Number of rows whose history was not read because there are too many.
    pub unread: usize,
    /// Rows whose history was refused, although that of others was read.
    pub hidden: BTreeSet<Uuid>,
}

impl Blame {
    /// Returns what is known about a user.
    pub fn writer(&self, id: Uuid) -> Writer {
        self.writers.get(&id).cloned().unwrap_or_else(|| Writer {
            id,
            name: id.to_string(),
            nature: Nature::Unknown,
            is_caller: false,
        })
    }

    /// Returns who last wrote a row, and in whose name if that is another user.
    pub fn last_writer(&self, row: &ObservedRow) -> Option<(Writer, Option<Writer>)> {
        let said = self.writer(row.modified_by()?);
        Some(match self.on_behalf.get(&row.id) {
            Some(own) if *own != said.id => (self.writer(*own), Some(said)),
            _ => (said, None),
        })
    }

    /// Returns the newest recorded change of a row that matches.
    pub fn newest(&self, row: Uuid, fits: impl Fn(&What) -> bool) -> Option<&Recorded> {
        self.history
            .get(&row)?
            .iter()
            .find(|recorded| fits(&recorded.what))
    }
}

/// Queries who wrote the extras and the rows that a plan would change, in at most two trips. Whatever cannot be read remains unknown: what differs
/// is known without it.
pub async fn blame(reader: &Reader, live: &Live, plan: &Plan, extras: &[Extra]) -> Blame {
    let rows = rows_of(plan);
    let extra_rows = extras
        .iter()
        .map(|extra| (extra.key.kind.table(), extra.id));
    let shown: Vec<(&'static Table, Uuid)> = rows.iter().copied().chain(extra_rows).collect();
    let mut users: BTreeSet<Uuid> = rows
        .iter()
        .filter_map(|(table, id)| live.row(table, *id)?.modified_by())
        .collect();
    users.extend(
        extras
            .iter()
            .filter_map(|extra| live.row(extra.key.kind.table(), extra.id)?.modified_by()),
    );
    histories(reader, live, rows, &shown, &users).await
}

/// Queries the history of rows, if auditing is on, in whose name the shown rows were written, and details of these users and the writers, in at
/// most two trips. Whatever cannot be read remains unknown.
#[tracing::instrument(level = "info", skip_all, fields(rows = rows.len()))]
pub async fn histories(
    reader: &Reader,
    live: &Live,
    rows: Vec<(&'static Table, Uuid)>,
    shown: &[(&'static Table, Uuid)],
    users: &BTreeSet<Uuid>,
) -> Blame {
    let mut blame = Blame::default();
    let asked: Vec<(&'static Table, Uuid)> = match live.facts.auditing {
        Some(true) => {
            blame.audit = Audit::On;
            blame.unread = rows.len().saturating_sub(MOST_HISTORIES);
            rows.into_iter().take(MOST_HISTORIES).collect()
        }
        Some(false) => Vec::new(),
        None => {
            let why = "whether auditing is on could not be read";
            blame.audit = Audit::Refused(why.to_owned());
            Vec::new()
        }
    };
    let mut queries: Vec<Query> = asked
        .iter()
        .map(|(table, id)| Query::change_history(table.set, *id))
        .collect();
    let by_table = by_table(live, shown);
    queries.extend(by_table.iter().map(|(table, ids)| {
        Query::rows(table.set)
            .select([table.key, ON_BEHALF])
            .filter(Filter::any_of(table.key, ids.iter().copied()))
    }));
    queries.extend(users_by_id(users));
    if queries.is_empty() {
        return blame;
    }
    let mut answers = match reader.read(&queries).await {
        Ok(answers) => answers.into_iter(),
        Err(error) => {
            blame.audit = Audit::Refused(error.to_string());
            return blame;
        }
    };
    let mut refused = None;
    for (_, id) in &asked {
        match answers.next() {
            Some(Ok(rows)) => {
                let recorded = rows.rows.iter().filter_map(recorded).collect();
                blame.history.insert(*id, recorded);
            }
            // A row that no longer exists may have no history left; that does not mean that auditing refused.
            Some(Err(why)) if why.is_absent() => {}
            Some(Err(why)) => {
                blame.hidden.insert(*id);
                refused = Some(why.message);
            }
            None => {}
        }
    }
    if let Some(why) = refused
        && blame.history.is_empty()
    {
        blame.audit = Audit::Refused(why);
    }
    // A table without the column refuses its query, and nothing is known.
    for ((table, _), rows) in by_table.iter().zip(answers.by_ref()) {
        let rows = rows.iter().flat_map(|rows| &rows.rows);
        let known = rows.filter_map(|row| Some((row.uuid(table.key)?, row.uuid(ON_BEHALF)?)));
        blame.on_behalf.extend(known);
    }
    for rows in answers.flatten() {
        rows.rows.iter().for_each(|row| blame.place(row, live));
    }
    let recorded = blame.history.values().flatten();
    let more: BTreeSet<Uuid> = recorded
        .flat_map(|recorded| std::iter::once(recorded.by).chain(recorded.in_the_name_of))
        .chain(blame.on_behalf.values().copied())
        .filter(|id| !users.contains(id))
        .collect();
    blame.name(reader, live, &more).await;
    blame
}

/// Queries details of these users, in one trip. Whatever cannot be read remains unknown.
pub async fn writers(reader: &Reader, live: &Live, ids: &BTreeSet<Uuid>) -> Blame {
    let mut blame = Blame::default();
    blame.name(reader, live, ids).await;
    blame
}

/// Rows that a plan writes, and owners of the links that it creates or removes: each once, in the order of the plan.
fn rows_of(plan: &Plan) -> Vec<(&'static Table, Uuid)> {
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    for operation in plan.changes.iter().flat_map(|change| &change.operations) {
        let row = match operation {
            Operation::Create { row, .. }
            | Operation::Update { row, .. }
            | Operation::Delete { row, .. } => (row.table, row.id),
            Operation::Link {
                relationship,
                owner,
                ..
            }
            | Operation::Unlink {
                relationship,
                owner,
                ..
            } => (relationship.owner, *owner),
        };
        if seen.insert(row) {
            rows.push(row);
        }
    }
    rows
}

/// The rows that exist, by table.
fn by_table(live: &Live, rows: &[(&'static Table, Uuid)]) -> Vec<(&'static Table, BTreeSet<Uuid>)> {
    let mut by_table: BTreeMap<&Table, (&'static Table, BTreeSet<Uuid>)> = BTreeMap::new();
    for (table, id) in rows.iter().take(MOST_HISTORIES) {
        if live.row(table, *id).is_some() {
            let entry = by_table.entry(table);
            let (_, ids) = entry.or_insert((table, BTreeSet::new()));
            ids.insert(*id);
        }
    }
    by_table.into_values().collect()
}

/// Who wrote a row in the name of its last writer.
const ON_BEHALF: &str = "_modifiedonbehalfby_value";

fn users_by_id(ids: &BTreeSet<Uuid>) -> Option<Query> {
    let query = Query::rows(tables::USER.set).select([
        "systemuserid",
        "domainname",
        "fullname",
        "internalemailaddress",
        "applicationid",
        "accessmode",
    ]);
    (!ids.is_empty()).then(|| query.filter(Filter::any_of("systemuserid", ids.iter().copied())))
}

impl Blame {
    async fn name(&mut self, reader: &Reader, live: &Live, ids: &BTreeSet<Uuid>) {
        let Some(query) = users_by_id(ids) else {
            return;
        };
        let answers = reader.read(&[query]).await.unwrap_or_default();
        for rows in answers.into_iter().flatten() {
            rows.rows.iter().for_each(|row| self.place(row, live));
        }
    }

    fn place(&mut self, row: &Row, live: &Live) {
        /// Values of `accessmode` for users who are not people: support, non-interactive, delegated administrator.
        const MACHINES: [i64; 3] = [3, 4, 5];
        let Some(id) = row.uuid("systemuserid") else {
            return;
        };
        let full_name = row.text("fullname").unwrap_or_default();
        let name = ["domainname", "internalemailaddress"]
            .iter()
            .filter_map(|column| row.text(column))
            .find(|name| !name.is_empty())
            .unwrap_or(full_name);
        let machine = row
            .int("accessmode")
            .is_some_and(|mode| MACHINES.contains(&mode));
        let nature = if ["SYSTEM", "INTEGRATION"].contains(&full_name) {
            Nature::Platform
        } else if row.uuid("applicationid").is_some() || machine {
            Nature::Application
        } else {
            Nature::Person
        };
        let name = if name.is_empty() {
            id.to_string()
        } else {
            name.to_owned()
        };
        let is_caller = live.facts.caller == Some(id);
        let writer = Writer {
            id,
            name,
            nature,
            is_caller,
        };
        self.writers.insert(id, writer);
    }
}

/// One item of `AuditDetails`.
fn recorded(row: &Row) -> Option<Recorded> {
    let record = row.get("AuditRecord").as_json()?;
    let at = record.get("createdon")?.as_str()?.to_owned();
    let user = |column: &str| {
        let id = record.get(column).and_then(Json::as_str);
        id.and_then(|id| Uuid::parse_str(id).ok())
            .filter(|id| !id.is_nil())
    };
    let said = user("_userid_value")?;
    let by = user("_callinguserid_value").unwrap_or(said);
    let action = record.get("action").and_then(Json::as_i64);
    let operation = record.get("operation").and_then(Json::as_i64);
    let what = match (action, operation) {
        (Some(action @ (ASSOCIATE | DISASSOCIATE)), _) => What::Linked {
            relationship: row.text("RelationshipName")?.to_owned(),
            members: members(row),
            made: action == ASSOCIATE,
        },
        (_, Some(DELETE)) => What::Deleted,
        (_, Some(CREATE)) => What::Created(columns(row).into_keys().collect()),
        _ => What::Wrote(columns(row)),
    };
    Some(Recorded {
        at,
        by,
        in_the_name_of: (by != said).then_some(said),
        what,
        after: after(row),
    })
}

/// Columns with their new values. Of a column that was emptied, only the old value is recorded.
fn after(row: &Row) -> BTreeMap<String, Cell> {
    let value = |side: &str| row.get(side).as_json().and_then(Json::as_object);
    let names = columns(row).into_keys();
    names
        .map(|name| {
            let after = value("NewValue").and_then(|values| values.get(&name));
            let after = after.cloned().map_or(Cell::Null, Cell::from);
            (name, after)
        })
        .collect()
}

/// A target has the property `id`, or a property with the name of the table's key.
fn members(row: &Row) -> BTreeSet<Uuid> {
    row.get("TargetRecords")
        .as_json()
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_object)
        .flatten()
        .filter(|(key, _)| key.to_ascii_lowercase().ends_with("id"))
        .filter_map(|(_, value)| Uuid::parse_str(value.as_str()?).ok())
        .collect()
}

/// Columns of the old or the new value, with their old values. A column that was empty before is only in the new value.
fn columns(row: &Row) -> BTreeMap<String, Cell> {
    let values = |side: &str| row.get(side).as_json().and_then(Json::as_object);
    let names = ["NewValue", "OldValue"]
        .into_iter()
        .filter_map(values)
        .flat_map(|values| values.keys());
    names
        .filter(|name| !name.contains('@'))
        .map(|name| {
            let before = values("OldValue").and_then(|values| values.get(name));
            let before = before.cloned().map_or(Cell::Null, Cell::from);
            (name.clone(), before)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn detail(cells: Json) -> Row {
        let Json::Object(cells) = cells else {
            panic!("a detail is an object")
        };
        Row::from_cells(
            cells
                .into_iter()
                .map(|(name, value)| (name, Cell::from(value))),
            None,
        )
    }

    /// Retrieve audit data: AttributeAuditDetail and RelationshipAuditDetail.
    #[test]
    fn audit_details_say_who_wrote_which_column_and_who_made_which_link() {
        let by = Uuid::from_u128(7);
        let record = |action: i64, operation: i64| json!({"createdon": "2026-11-02T08:00:00Z", "_userid_value": by, "action": action, "operation": operation});
        let wrote = recorded(&detail(json!({
            "AuditRecord": record(2, 2),
            "OldValue": {"@odata.type": "#x", "msdyn_title": "a", "_msdyn_anchortab_value": null},
            "NewValue": {"@odata.type": "#x", "msdyn_title": "b"},
        })));
        let columns = BTreeMap::from([
            ("_msdyn_anchortab_value".to_owned(), Cell::Null),
            ("msdyn_title".to_owned(), Cell::from("a")),
        ]);
        assert_eq!(wrote.map(|wrote| wrote.what), Some(What::Wrote(columns)));
        let member = Uuid::from_u128(9);
        let linked = recorded(&detail(json!({
            "AuditRecord": record(34, 2),
            "RelationshipName": "msdyn_appconfiguration_systemuser",
            "TargetRecords": [{"@odata.type": "#x", "systemuserid": member}],
        })));
        assert_eq!(
            linked,
            Some(Recorded {
                at: "2026-11-02T08:00:00Z".to_owned(),
                by,
                what: What::Linked {
                    relationship: "msdyn_appconfiguration_systemuser".to_owned(),
                    members: [member].into(),
                    made: false
                },
                in_the_name_of: None,
                after: BTreeMap::new(),
            })
        );
        let deleted = recorded(&detail(
            json!({"AuditRecord": record(3, 3), "OldValue": {}, "NewValue": {}}),
        ));
        assert_eq!(deleted.map(|deleted| deleted.what), Some(What::Deleted));
        assert_eq!(
            recorded(&detail(json!({"AuditRecord": {"action": 2}}))),
            None
        );
    }
}
