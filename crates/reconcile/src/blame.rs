//! Who wrote live rows last, and what auditing knows of them.
//!
//! Sources: the columns `modifiedon` and `_modifiedby_value` name the last writer of a row, whatever column it was; Retrieve and
//! audit data (`RetrieveRecordChangeHistory`) names each change where auditing is on. Who made or removed a link is known from
//! auditing only.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_dataverse::{Cell, Filter, Query, Reader, Row};
use deskstate_model::{Table, tables};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::extras::Extra;
use crate::live::Live;
use crate::observe::ObserveError;
use crate::plan::{Operation, Plan};

/// Rows whose history is read; of more, only the last writer is told.
pub const MOST_HISTORIES: usize = 200;

/// Numbers of the `action` column of audit rows for links (Retrieve audit data).
const ASSOCIATE: i64 = 33;
const DISASSOCIATE: i64 = 34;
/// Numbers of the `operation` column of audit rows for creates and deletes.
const CREATE: i64 = 1;
const DELETE: i64 = 3;

/// Who somebody is, as far as telling a person from a machine goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// The user's id.
    pub id: Uuid,
    /// Principal name, else full name, else the id.
    pub name: String,
    /// Person or machine.
    pub nature: Nature,
    /// The identity that deskstate uses now. It may be the very person who edits by hand.
    pub is_caller: bool,
}

/// What sort of user wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// The platform itself: solution imports and updates.
    Platform,
    /// An application user.
    Application,
    /// Somebody.
    Person,
    /// A user who cannot be read.
    Unknown,
}

/// One change that auditing recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// When, as the server says it.
    pub at: String,
    /// Who.
    pub by: Uuid,
    /// What.
    pub what: What,
}

/// What a recorded change did.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// Created the row with these columns, by the names under which they are read.
    Created(BTreeSet<String>),
    /// Wrote these columns, by the names under which they are read; with what they held before.
    Wrote(BTreeMap<String, Cell>),
    /// Linked or unlinked rows.
    Linked {
        /// Schema name of the relationship.
        relationship: String,
        /// The rows on the other side.
        members: BTreeSet<Uuid>,
        /// Linked, and not unlinked.
        made: bool,
    },
    /// Deleted the row.
    Deleted,
}

/// Whether auditing could be asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Audit {
    /// It could.
    On,
    /// It is switched off.
    #[default]
    Off,
    /// It is on, but its records cannot be read.
    Refused(String),
}

/// What is known of writers.
#[derive(Debug, Clone, Default)]
pub struct Blame {
    /// Users who wrote.
    pub writers: BTreeMap<Uuid, Writer>,
    /// Recorded changes by row, newest first.
    pub history: BTreeMap<Uuid, Vec<Recorded>>,
    /// Whether auditing could be asked.
    pub audit: Audit,
    /// Rows whose history was not read, since there are too many.
    pub unread: usize,
}

impl Blame {
    /// Who a user is.
    pub fn writer(&self, id: Uuid) -> Writer {
        self.writers.get(&id).cloned().unwrap_or_else(|| Writer {
            id,
            name: id.to_string(),
            nature: Nature::Unknown,
            is_caller: false,
        })
    }

    /// The newest recorded change of a row that fits.
    pub fn newest(&self, row: Uuid, fits: impl Fn(&What) -> bool) -> Option<&Recorded> {
        self.history
            .get(&row)?
            .iter()
            .find(|recorded| fits(&recorded.what))
    }
}

/// Asks who wrote the rows that a plan would change and the extras: two trips at most.
///
/// # Errors
/// If the environment cannot be asked at all. What it refuses stays unknown.
pub async fn blame(
    reader: &Reader,
    live: &Live,
    plan: &Plan,
    extras: &[Extra],
) -> Result<Blame, ObserveError> {
    let rows = rows_of(plan);
    let mut users: BTreeSet<Uuid> = rows
        .iter()
        .filter_map(|(table, id)| live.row(table, *id)?.modified_by())
        .collect();
    users.extend(
        extras
            .iter()
            .filter_map(|extra| live.row(extra.key.kind.table(), extra.id)?.modified_by()),
    );
    histories(reader, live, rows, &users).await
}

/// Asks for the history of rows, if auditing is on, and who these users and the writers are: two trips at most.
///
/// # Errors
/// If the environment cannot be asked at all. What it refuses stays unknown.
#[tracing::instrument(level = "info", skip_all, fields(rows = rows.len()))]
pub async fn histories(
    reader: &Reader,
    live: &Live,
    rows: Vec<(&'static Table, Uuid)>,
    users: &BTreeSet<Uuid>,
) -> Result<Blame, ObserveError> {
    let mut blame = Blame::default();
    let asked: Vec<(&'static Table, Uuid)> = if live.facts.auditing {
        blame.audit = Audit::On;
        blame.unread = rows.len().saturating_sub(MOST_HISTORIES);
        rows.into_iter().take(MOST_HISTORIES).collect()
    } else {
        Vec::new()
    };
    let mut queries: Vec<Query> = asked
        .iter()
        .map(|(table, id)| Query::change_history(table.set, *id))
        .collect();
    queries.extend(users_by_id(users));
    if queries.is_empty() {
        return Ok(blame);
    }
    let mut answers = reader.read(&queries).await?.into_iter();
    let mut refused = None;
    for (_, id) in &asked {
        match answers.next() {
            Some(Ok(rows)) => {
                let recorded = rows.rows.iter().filter_map(recorded).collect();
                blame.history.insert(*id, recorded);
            }
            // A row that is gone may have no history left to ask for; that is no refusal of auditing.
            Some(Err(why)) if why.is_absent() => {}
            Some(Err(why)) => refused = Some(why.message),
            None => {}
        }
    }
    if let Some(why) = refused
        && blame.history.is_empty()
    {
        blame.audit = Audit::Refused(why);
    }
    for rows in answers.flatten() {
        rows.rows.iter().for_each(|row| blame.place(row, live));
    }
    let more: BTreeSet<Uuid> = blame
        .history
        .values()
        .flatten()
        .map(|recorded| recorded.by)
        .filter(|id| !users.contains(id))
        .collect();
    if let Some(query) = users_by_id(&more) {
        for rows in reader.read(&[query]).await?.into_iter().flatten() {
            rows.rows.iter().for_each(|row| blame.place(row, live));
        }
    }
    Ok(blame)
}

/// Asks who these users are: one trip.
///
/// # Errors
/// If the environment cannot be asked at all. What it refuses stays unknown.
pub async fn writers(
    reader: &Reader,
    live: &Live,
    ids: &BTreeSet<Uuid>,
) -> Result<Blame, ObserveError> {
    let mut blame = Blame::default();
    if let Some(query) = users_by_id(ids) {
        for rows in reader.read(&[query]).await?.into_iter().flatten() {
            rows.rows.iter().for_each(|row| blame.place(row, live));
        }
    }
    Ok(blame)
}

/// Rows that a plan writes and the owners of links that it makes or takes away, each once, in the order of the plan.
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
    fn place(&mut self, row: &Row, live: &Live) {
        /// Values of `accessmode` for users who are no people: support, non-interactive, delegated administrator.
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
    let by = record
        .get("_userid_value")
        .and_then(Json::as_str)
        .and_then(|id| Uuid::parse_str(id).ok())?;
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
    Some(Recorded { at, by, what })
}

/// Targets are named `id`, or by the key of their table.
fn members(row: &Row) -> BTreeSet<Uuid> {
    row.get("TargetRecords")
        .as_json()
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_object)
        .flatten()
        .filter(|(key, _)| key.as_str() == "id" || key.ends_with("id"))
        .filter_map(|(_, value)| Uuid::parse_str(value.as_str()?).ok())
        .collect()
}

/// Columns in the old or the new value, with the old one: what was empty before has none.
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
