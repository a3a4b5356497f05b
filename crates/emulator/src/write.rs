//! Creates, updates and deletes rows inside a transaction.

use http::StatusCode;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::body::{self, Body, Child};
use crate::error::{Outcome, ServiceError, code};
use crate::schema::{CompletedBy, Kind, Navigation, Ownership, TableId};
use crate::security::{Right, base_language};
use crate::store::{Row, Transaction};
use crate::switches::Switches;
use crate::value::Value;
use crate::writing::{Condition, KEYS, Writing, find, new_key, stamp};
use crate::{links, rules, tabs};

/// Creates a row with all rows nested in its body, and returns its key.
pub(crate) fn create(
    tx: &mut Transaction<'_>,
    writing: &Writing<'_>,
    table: TableId,
    json: &Map<String, Json>,
) -> Outcome<Uuid> {
    create_with(tx, writing, table, json, None)
}

/// Creates a row. The URL may specify its key.
pub(crate) fn create_with(
    tx: &mut Transaction<'_>,
    writing: &Writing<'_>,
    table: TableId,
    json: &Map<String, Json>,
    key: Option<Uuid>,
) -> Outcome<Uuid> {
    let schema = tx.schema();
    let own = schema.table(table);
    writing.caller.access.check(own, Right::Create)?;
    let mut body = body::read(tx, writing, table, json, true)?;
    nest_lookups(tx, writing, &mut body)?;
    let given = body
        .cells
        .iter()
        .find(|(column, _)| *column == own.key)
        .and_then(|(_, value)| value.id());
    if given.is_some() && key.is_none() && !writing.switches.own_keys {
        return Err(ServiceError::bad(
            code::INVALID_ARGUMENT,
            format!("The key of '{}' cannot be set on create.", own.name),
        ));
    }
    let id = key.or(given).unwrap_or_else(|| new_key(tx, table));
    if tx.get(table, id).is_some() {
        return Err(duplicate());
    }
    let mut row = Row::new(own, id);
    set_defaults(tx, writing, table, &mut row);
    let base = base_language(tx.store());
    for (column, value) in &body.cells {
        if *column != own.key {
            rules::check_value(own, *column, value)?;
            assign(
                own,
                &mut row,
                *column,
                value.clone(),
                writing.caller.language,
                base,
                true,
            );
        }
    }
    settle_state(own, &mut row, &body);
    settle_owner(tx, table, &mut row);
    rules::before_create(tx, writing, table, &row)?;
    tabs::before_write(writing, own, &mut row);
    name_person(own, &mut row);
    backdate(own, &mut row, writing);
    tx.put(table, row);
    crate::audit::created(tx, writing, table, id);
    crate::layers::written(tx, writing, table, id, None)?;
    for child in body.children {
        nest_child(tx, writing, table, id, child)?;
    }
    tabs::after_create(tx, writing, table, id, create)?;
    complete(tx, writing, table, id)?;
    Ok(id)
}

/// Fills in the values that the product adds. This does not count as an edit by the caller, so the row's timestamps stay unchanged.
fn complete(
    tx: &mut Transaction<'_>,
    writing: &Writing<'_>,
    table: TableId,
    id: Uuid,
) -> Outcome<()> {
    let schema = tx.schema();
    if !writing.switches.new_rows_completed {
        return Ok(());
    }
    for completion in &schema.table(table).completes {
        let mut row = Row::clone(&find(tx, table, id)?);
        let applies = completion
            .when
            .iter()
            .all(|(column, value)| row.cells[*column].is_like(value));
        if !applies || !row.cells[completion.column].is_null() {
            continue;
        }
        row.cells[completion.column] = match &completion.by {
            CompletedBy::Text(text) => Value::text(text),
            CompletedBy::NewRow(of, texts) => {
                let key = new_key(tx, *of);
                let mut made = Row::new(schema.table(*of), key);
                set_defaults(tx, writing, *of, &mut made);
                settle_state(schema.table(*of), &mut made, &Body::default());
                for (name, text) in texts {
                    if let Some(column) = schema.table(*of).position(name) {
                        made.cells[column] = Value::text(&text.replace("{id}", &id.to_string()));
                    }
                }
                tx.put(*of, made);
                Value::Lookup(*of, key)
            }
        };
        tx.put(table, row);
    }
    Ok(())
}

pub(crate) fn duplicate() -> ServiceError {
    ServiceError::new(
        StatusCode::PRECONDITION_FAILED,
        code::DUPLICATE_RECORD,
        "A record with matching key values already exists.",
    )
}

fn nest_lookups(tx: &mut Transaction<'_>, writing: &Writing<'_>, body: &mut Body) -> Outcome<()> {
    for (column, target, json) in std::mem::take(&mut body.nested_lookups) {
        let id = create(tx, writing, target, &json)?;
        body.cells.push((column, Value::Lookup(target, id)));
    }
    Ok(())
}

fn nest_child(
    tx: &mut Transaction<'_>,
    writing: &Writing<'_>,
    table: TableId,
    id: Uuid,
    child: Child,
) -> Outcome<()> {
    match child {
        Child::Existing { navigation, target } => {
            links::associate(tx, writing, table, id, navigation, target)
        }
        Child::New { navigation, json } => {
            let schema = tx.schema();
            let of = match navigation {
                Navigation::Children { table, .. } => table,
                Navigation::Many { relation, side } => {
                    schema.many_to_many[relation].tables[1 - side]
                }
                Navigation::Lookup { .. } => return Ok(()),
            };
            if let Navigation::Children { table: of, column } = navigation {
                // The lookup must be set before required columns are checked.
                let mut json = json;
                let target = schema.table(of).columns[column]
                    .targets
                    .iter()
                    .find(|target| target.table == table);
                if let Some(target) = target {
                    json.insert(
                        format!("{}@odata.bind", target.navigation),
                        format!("/{}({id})", schema.table(table).set).into(),
                    );
                }
                create(tx, writing, of, &json)?;
                return Ok(());
            }
            let other = create(tx, writing, of, &json)?;
            links::associate(tx, writing, table, id, navigation, (of, other))
        }
    }
}

/// Sets a cell. The text of a localizable column is set in the caller's language.
pub(crate) fn assign(
    own: &crate::schema::Table,
    row: &mut Row,
    column: usize,
    value: Value,
    language: i64,
    base: i64,
    creating: bool,
) {
    if !own.columns[column].localizable || language == base {
        row.cells[column] = value;
        return;
    }
    row.translations.retain(|(translated, in_language, _)| {
        !(*translated == column && *in_language == language)
    });
    if let Value::Text(text) = &value {
        row.translations.push((column, language, text.clone()));
    }
    // A new row also gets the text in the organization's language, since otherwise nobody else could read it.
    if creating {
        row.cells[column] = value;
    }
}

fn set_defaults(tx: &Transaction<'_>, writing: &Writing<'_>, table: TableId, row: &mut Row) {
    let schema = tx.schema();
    let own = schema.table(table);
    let users = schema.named("systemuser");
    for (position, column) in own.columns.iter().enumerate() {
        if position == own.key || column.inherited {
            continue;
        }
        let value = match column.name.as_str() {
            "createdon" | "modifiedon" => Value::text(&writing.now.iso()),
            "createdby" | "modifiedby" | "ownerid" => match users {
                Some(users) if column.kind.is_lookup() => Value::Lookup(users, writing.caller.user),
                _ => Value::Null,
            },
            "createdonbehalfby" | "modifiedonbehalfby" => {
                match (users, writing.caller.on_behalf_by) {
                    (Some(users), Some(user)) => Value::Lookup(users, user),
                    _ => Value::Null,
                }
            }
            "organizationid" if column.kind.is_lookup() => match schema
                .named("organization")
                .and_then(|table| Some((table, tx.store().rows(table).next()?.id)))
            {
                Some((table, id)) => Value::Lookup(table, id),
                None => Value::Null,
            },
            "overwritetime" => Value::text("1900-01-01T00:00:00Z"),
            "solutionid" if column.kind == Kind::Id => Value::Id(crate::layers::ACTIVE_SOLUTION),
            "componentidunique" => Value::Id(Uuid::new_v5(&KEYS, row.id.as_bytes())),
            "componentstate" => Value::Int(0),
            _ => match (&column.default, column.kind) {
                (Some(default), _) => default.clone(),
                (None, Kind::Managed) => Value::Managed(true, true),
                (None, Kind::State) => {
                    Value::Int(column.options.keys().next().copied().unwrap_or(0))
                }
                (None, _) => Value::Null,
            },
        };
        row.cells[position] = value;
    }
}

/// Setting a state without a status reason selects the state's first reason, and vice versa.
fn settle_state(own: &crate::schema::Table, row: &mut Row, body: &Body) {
    let (Some((state, _)), Some((status, reasons))) =
        (own.column("statecode"), own.column("statuscode"))
    else {
        return;
    };
    let given = |column: usize| {
        body.cells
            .iter()
            .any(|(given, value)| *given == column && !value.is_null())
    };
    if given(status) && !given(state) {
        if let Some(of) = row.cells[status]
            .int()
            .and_then(|reason| reasons.states.get(&reason))
        {
            row.cells[state] = Value::Int(*of);
        }
    } else if (given(state) && !given(status)) || row.cells[status].is_null() {
        let now = row.cells[state].int().unwrap_or(0);
        if let Some((reason, _)) = reasons.states.iter().find(|(_, state)| **state == now) {
            row.cells[status] = Value::Int(*reason);
        }
    }
}

fn settle_owner(tx: &Transaction<'_>, table: TableId, row: &mut Row) {
    let schema = tx.schema();
    let own = schema.table(table);
    let (Ownership::User, Some(owner), Some(unit)) = (
        own.ownership,
        own.position("ownerid"),
        own.position("owningbusinessunit"),
    ) else {
        return;
    };
    let Value::Lookup(of, id) = row.cells[owner] else {
        return;
    };
    let found = tx
        .get(of, id)
        .and_then(|found| Some(found.cells[schema.table(of).position("businessunitid")?].clone()));
    row.cells[unit] = found.unwrap_or(Value::Null);
    for (column, table) in [("owninguser", "systemuser"), ("owningteam", "team")] {
        if let Some(position) = own.position(column) {
            row.cells[position] = if schema.table(of).name == table {
                Value::Lookup(of, id)
            } else {
                Value::Null
            };
        }
    }
}

/// Contacts and users are called by their first and last names.
fn name_person(own: &crate::schema::Table, row: &mut Row) {
    if !matches!(own.name.as_str(), "contact" | "systemuser") {
        return;
    }
    let part = |name: &str| {
        own.position(name)
            .and_then(|column| row.cells[column].as_text())
            .unwrap_or_default()
            .to_owned()
    };
    let full = format!("{} {}", part("firstname"), part("lastname"));
    match (own.position("fullname"), full.trim()) {
        (Some(column), full) if !full.is_empty() || own.name == "contact" => {
            row.cells[column] = Value::text(full);
        }
        // Applications have a name and no parts of it.
        _ => {}
    }
}

/// A row of the past is created on the given day, and keeps the day on which it was written.
fn backdate(own: &crate::schema::Table, row: &mut Row, writing: &Writing<'_>) {
    let (Some(given), Some(created)) = (
        own.position("overriddencreatedon"),
        own.position("createdon"),
    ) else {
        return;
    };
    let now = writing.now.iso();
    if row.cells[given]
        .as_text()
        .is_some_and(|given| *given < *now)
    {
        row.cells.swap(given, created);
        row.cells[given] = Value::text(&now);
    }
}

/// Updates an existing row.
pub(crate) fn update(
    tx: &mut Transaction<'_>,
    writing: &Writing<'_>,
    table: TableId,
    id: Uuid,
    json: &Map<String, Json>,
    condition: &Condition,
) -> Outcome<()> {
    let schema = tx.schema();
    let own = schema.table(table);
    let before = find(tx, table, id)?;
    writing
        .caller
        .access
        .check_row(tx.store(), writing.caller, table, &before, Right::Write)?;
    condition.check(writing, &own.name, &before)?;
    let mut body = body::read(tx, writing, table, json, false)?;
    nest_lookups(tx, writing, &mut body)?;
    let mut row = Row::clone(&before);
    let base = base_language(tx.store());
    let mut kept = Vec::new();
    for (column, value) in &body.cells {
        if rules::keeps(writing, own, *column, &before, value)? {
            kept.push(*column);
        }
    }
    body.cells.retain(|(column, _)| !kept.contains(column));
    for (column, value) in &body.cells {
        if *column == own.key {
            continue;
        }
        rules::check_value(own, *column, value)?;
        assign(
            own,
            &mut row,
            *column,
            value.clone(),
            writing.caller.language,
            base,
            false,
        );
    }
    settle_state(own, &mut row, &body);
    settle_owner(tx, table, &mut row);
    crate::layers::cover(
        own,
        &before,
        &mut row,
        body.cells
            .iter()
            .map(|(column, _)| *column)
            .filter(|column| *column != own.key),
    );
    rules::before_update(tx, writing, table, &before, &row, &body)?;
    tabs::before_write(writing, own, &mut row);
    name_person(own, &mut row);
    stamp(tx, writing, table, &mut row);
    tx.put(table, row);
    crate::audit::updated(tx, writing, table, &before, &body);
    crate::layers::written(tx, writing, table, id, Some(&before))?;
    tabs::after_update(tx, writing, table, id, &before, create)
}

/// The error of a conditional PATCH whose row does not exist. It is documented without a code.
pub(crate) fn absent(switches: &Switches, table: &str, id: Uuid) -> ServiceError {
    let error = ServiceError::not_found(table, id);
    ServiceError {
        code: error.code.filter(|_| switches.codes_on_conditional_errors),
        ..error
    }
}
