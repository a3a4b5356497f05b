//! What the platform rejects: lengths, ranges, options, required columns, managed rows, prefixes, keys.

use http::StatusCode;

use crate::administration;
use crate::body::Body;
use crate::error::{Outcome, ServiceError, code};
use crate::resolve;
use crate::schema::{Kind, Required, Table, TableId};
use crate::store::{IndexKey, Row, Transaction};
use crate::switches::LateWrite;
use crate::value::{Value, fold};
use crate::writing::Writing;

const UNIQUE_NAME: &str = "msdyn_uniquename";

/// Checks a value against its column.
pub(crate) fn check_value(table: &Table, position: usize, value: &Value) -> Outcome<()> {
    let column = &table.columns[position];
    match value {
        Value::Text(text) => {
            if let Some(length) = column.length
                && text.encode_utf16().count() > length
            {
                return Err(ServiceError::bad(
                    code::STRING_TOO_LONG,
                    format!(
                        "A validation error occurred. The length of the '{}' attribute of the '{}' entity exceeded the maximum allowed length of '{length}'.",
                        column.name, table.name
                    ),
                ));
            }
        }
        Value::Int(number) if column.kind.is_choice() => {
            let known = column.options.is_empty() || column.options.contains_key(number);
            return if known {
                Ok(())
            } else {
                Err(not_an_option(table, column, *number))
            };
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "documented ranges end far below 2^53"
        )]
        Value::Int(number) => {
            let number = *number as f64;
            if column.min.is_some_and(|min| number < min)
                || column.max.is_some_and(|max| number > max)
            {
                return Err(out_of_range(code::INTEGER_OUT_OF_RANGE, table, column));
            }
        }
        Value::Number(number)
            if column.min.is_some_and(|min| *number < min)
                || column.max.is_some_and(|max| *number > max) =>
        {
            return Err(out_of_range(code::DECIMAL_OUT_OF_RANGE, table, column));
        }
        Value::Null if column.required == Required::System && column.kind != Kind::Status => {
            return Err(required(table, position));
        }
        _ => {}
    }
    Ok(())
}

fn not_an_option(table: &Table, column: &crate::schema::Column, number: i64) -> ServiceError {
    let accepted = column
        .options
        .keys()
        .map(i64::to_string)
        .collect::<Vec<_>>()
        .join(",");
    ServiceError::bad(
        code::CHOICE_OUT_OF_RANGE,
        format!(
            "A validation error occurred. The value {number} of '{}' on record of type '{}' is outside the valid range. Accepted Values: {accepted}",
            column.name, table.name
        ),
    )
}

fn out_of_range(code: u32, table: &Table, column: &crate::schema::Column) -> ServiceError {
    ServiceError::bad(
        code,
        format!(
            "A validation error occurred. The value of '{}' on record of type '{}' is outside the valid range.",
            column.name, table.name
        ),
    )
}

fn required(table: &Table, position: usize) -> ServiceError {
    ServiceError::bad(
        code::INVALID_ARGUMENT,
        format!(
            "A required field '{}' of the '{}' entity is missing.",
            table.columns[position].name, table.name
        ),
    )
}

/// Checks everything that may prevent a row from being created.
pub(crate) fn before_create(
    tx: &Transaction<'_>,
    writing: &Writing<'_>,
    table: TableId,
    row: &Row,
) -> Outcome<()> {
    let schema = tx.schema();
    let own = schema.table(table);
    administration::before_create(own)?;
    lockdown(tx, writing, own, None)?;
    for (position, column) in own.columns.iter().enumerate() {
        let needed = match column.required {
            Required::System => true,
            Required::Application => writing.switches.application_required_enforced,
            Required::Recommended | Required::None => false,
        };
        if needed && !column.read_only && row.cells[position].is_null() {
            return Err(required(own, position));
        }
    }
    check_states(own, row)?;
    // Tables may have unique names for only some of their rows.
    if let Some(column) = own.position(UNIQUE_NAME)
        && let Some(name) = row.cells[column].as_text()
    {
        check_prefix(tx, writing, own, name)?;
    }
    check_keys(tx, writing, table, row)
}

/// Checks everything that may prevent a row from being changed.
pub(crate) fn before_update(
    tx: &Transaction<'_>,
    writing: &Writing<'_>,
    table: TableId,
    before: &Row,
    row: &Row,
    body: &Body,
) -> Outcome<()> {
    let schema = tx.schema();
    let own = schema.table(table);
    if is_managed(own, before) && !is_customizable(own, before) {
        return Err(ServiceError::bad(
            code::MANAGED_PROPERTY,
            format!(
                "The evaluation of the current component(name={}, id={}) in the current operation (Update) failed during managed property evaluation of condition: 'Managed Property Name: iscustomizableanddeletable; Component Name: {}; Attribute Name: iscustomizable;'",
                own.schema_name, before.id, own.schema_name
            ),
        ));
    }
    protected(
        writing,
        own,
        before,
        body.cells.iter().map(|(column, _)| *column),
    )?;
    lockdown(tx, writing, own, Some(before))?;
    administration::before_update(tx, own, before, row)?;
    for (position, value) in &body.cells {
        let column = &own.columns[*position];
        if value.is_null()
            && column.required == Required::Application
            && writing.switches.application_required_enforced
            && !before.cells[*position].is_null()
        {
            return Err(required(own, *position));
        }
    }
    check_states(own, row)?;
    if let Some(column) = own.position(UNIQUE_NAME)
        && row.cells[column] != before.cells[column]
    {
        if writing.switches.unique_names_are_immutable {
            return Err(ServiceError::bad(
                code::INVALID_OPERATION,
                format!("The unique name of '{}' cannot be changed.", own.name),
            ));
        }
        check_prefix(
            tx,
            writing,
            own,
            row.cells[column].as_text().unwrap_or_default(),
        )?;
    }
    check_keys(tx, writing, table, row)
}

/// Checks everything that may prevent a row from being deleted.
pub(crate) fn before_delete(
    tx: &Transaction<'_>,
    writing: &Writing<'_>,
    table: TableId,
    row: &Row,
) -> Outcome<()> {
    let schema = tx.schema();
    let own = schema.table(table);
    if is_managed(own, row) {
        return Err(ServiceError::bad(
            code::CANNOT_DELETE_MANAGED,
            format!(
                "The component {} with id {} belongs to a managed solution and cannot be deleted.",
                own.name, row.id
            ),
        ));
    }
    administration::before_delete(tx, own, row)?;
    protected(writing, own, row, std::iter::once(own.key))?;
    lockdown(tx, writing, own, Some(row))
}

/// Whether a new value is ignored, because the column keeps the value that its row was created with.
pub(crate) fn keeps(
    writing: &Writing<'_>,
    table: &Table,
    position: usize,
    before: &Row,
    value: &Value,
) -> Outcome<bool> {
    let column = &table.columns[position];
    if !(column.create_only || column.fixed) || before.cells[position] == *value {
        return Ok(false);
    }
    match writing.switches.late_writes {
        LateWrite::Ignored => Ok(true),
        LateWrite::Refused => Err(ServiceError::bad(
            code::INVALID_OPERATION,
            format!(
                "The value of '{}' on record of type '{}' cannot be changed once the record is created.",
                column.name, table.name
            ),
        )),
    }
}

/// Rows that the product needs cannot be changed, except for some columns.
fn protected(
    writing: &Writing<'_>,
    table: &Table,
    row: &Row,
    mut written: impl Iterator<Item = usize>,
) -> Outcome<()> {
    let Some(protected) = &table.protected else {
        return Ok(());
    };
    let is_one = protected
        .values
        .iter()
        .any(|value| row.cells[protected.column].is_like(value));
    let touched = written.any(|column| !protected.except.contains(&column));
    if !writing.switches.product_rows_protected || !is_one || !touched {
        return Ok(());
    }
    Err(ServiceError::bad(
        code::ISV_ABORTED,
        format!(
            "The {} is provided by the system and can be neither edited nor deleted.",
            table.label
        ),
    ))
}

pub(crate) fn is_managed(table: &Table, row: &Row) -> bool {
    table
        .position("ismanaged")
        .and_then(|column| row.cells[column].flag())
        == Some(true)
}

/// Whether a managed row may be changed.
pub(crate) fn is_customizable(table: &Table, row: &Row) -> bool {
    match table
        .position("iscustomizable")
        .map(|column| &row.cells[column])
    {
        Some(Value::Managed(value, _)) => *value,
        _ => true,
    }
}

/// Customisations are locked while a solution is imported.
pub(crate) fn import_lock(writing: &Writing<'_>, operation: &str) -> Outcome<()> {
    if !writing.switches.solution_import_running {
        return Ok(());
    }
    Err(ServiceError::new(
        StatusCode::TOO_MANY_REQUESTS,
        code::CUSTOMIZATION_LOCK,
        format!(
            "Cannot start the requested operation [{operation}] because there is another [Import] running at this moment. Use Solution History for more details."
        ),
    ))
}

/// With unmanaged customisations blocked, no unmanaged component can be created and no managed one changed.
fn lockdown(
    tx: &Transaction<'_>,
    writing: &Writing<'_>,
    table: &Table,
    before: Option<&Row>,
) -> Outcome<()> {
    if table.component {
        import_lock(writing, "EntityCustomization")?;
    }
    let concerned = table.component && before.is_none_or(|row| is_managed(table, row));
    if !concerned || !writing.switches.lockdown_covers_rows || !is_locked(tx) {
        return Ok(());
    }
    Err(ServiceError::bad(
        code::UNEXPECTED,
        "Unmanaged customizations are blocked in this environment. The setting is IsLockdownOfUnmanagedCustomizationEnabled.",
    ))
}

fn is_locked(tx: &Transaction<'_>) -> bool {
    let schema = tx.schema();
    let Some(table) = schema.named("organization") else {
        return false;
    };
    let Some(column) = schema.table(table).position("orgdborgsettings") else {
        return false;
    };
    let text = tx
        .store()
        .rows(table)
        .next()
        .and_then(|row| row.cells[column].as_text().map(str::to_ascii_lowercase));
    text.is_some_and(|text| text.contains("<islockdownofunmanagedcustomizationenabled>true<"))
}

/// Checks that the status reason belongs to the state.
fn check_states(table: &Table, row: &Row) -> Outcome<()> {
    let (Some(state), Some((status, column))) =
        (table.position("statecode"), table.column("statuscode"))
    else {
        return Ok(());
    };
    let (Some(state), Some(reason)) = (row.cells[state].int(), row.cells[status].int()) else {
        return Ok(());
    };
    match column.states.get(&reason) {
        Some(of) if *of != state => Err(ServiceError::bad(
            code::INVALID_ARGUMENT,
            format!(
                "{reason} is not a valid status code for state code {state} on {}.",
                table.name
            ),
        )),
        _ => Ok(()),
    }
}

fn check_prefix(
    tx: &Transaction<'_>,
    writing: &Writing<'_>,
    table: &Table,
    name: &str,
) -> Outcome<()> {
    let switches = writing.switches;
    if !switches.prefix_needs_publisher && !switches.foreign_prefixes_refused {
        return Ok(());
    }
    let prefix = name
        .split_once('_')
        .map(|(prefix, _)| prefix)
        .unwrap_or_default();
    let publisher = publisher_of(tx, prefix);
    let refused = match publisher {
        Some(publisher) => switches.foreign_prefixes_refused && is_foreign(tx, publisher),
        None => switches.prefix_needs_publisher,
    };
    if !refused {
        return Ok(());
    }
    Err(ServiceError::bad(
        code::INVALID_PREFIX,
        format!(
            "Export key attribute {UNIQUE_NAME} for component {} must start with a valid customization prefix.",
            table.name
        ),
    ))
}

pub(crate) fn publisher_of(tx: &Transaction<'_>, prefix: &str) -> Option<uuid::Uuid> {
    let publishers = tx.schema().named("publisher")?;
    let column = tx
        .schema()
        .table(publishers)
        .position("customizationprefix")?;
    let mut rows = tx.store().rows(publishers);
    let found = rows.find(|row| {
        row.cells[column]
            .as_text()
            .is_some_and(|known| fold(known) == fold(prefix))
    })?;
    Some(found.id)
}

/// Whether a publisher has a managed solution in this environment, so that its prefix belongs to another vendor.
fn is_foreign(tx: &Transaction<'_>, publisher: uuid::Uuid) -> bool {
    let schema = tx.schema();
    let Some(solutions) = schema.named("solution") else {
        return false;
    };
    let own = schema.table(solutions);
    let Some(column) = own.position("publisherid") else {
        return false;
    };
    tx.store()
        .rows(solutions)
        .any(|row| row.cells[column].id() == Some(publisher) && is_managed(own, row))
}

/// Checks that alternate keys and unique names are unique.
fn check_keys(
    tx: &Transaction<'_>,
    writing: &Writing<'_>,
    table: TableId,
    row: &Row,
) -> Outcome<()> {
    let schema = tx.schema();
    let own = schema.table(table);
    for key in &own.alternate_keys {
        let values: Vec<(usize, Value)> = key
            .columns
            .iter()
            .map(|column| (*column, row.cells[*column].clone()))
            .collect();
        if values.iter().any(|(_, value)| value.is_null()) {
            continue;
        }
        if resolve::find(tx.store(), table, &values).is_some_and(|found| found != row.id) {
            return Err(ServiceError::new(
                StatusCode::PRECONDITION_FAILED,
                code::DUPLICATE_KEY,
                format!(
                    "Entity Key {} violated. A record with the same value for {} already exists. A duplicate record cannot be created. Select one or more unique values and try again.",
                    key.name,
                    names(own, &key.columns)
                ),
            ));
        }
    }
    if writing.switches.unique_names_are_unique
        && let Some(column) = own.position(UNIQUE_NAME)
        && let Some(key) = IndexKey::of(&row.cells[column])
        && let Some(alike) = tx.store().find(table, column, &key)
        && alike.iter().any(|id| {
            *id != row.id
                && (writing.switches.unique_names_ignore_case
                    || tx.get(table, *id).is_some_and(|other| {
                        other.cells[column].as_text() == row.cells[column].as_text()
                    }))
        })
    {
        return Err(ServiceError::new(
            StatusCode::PRECONDITION_FAILED,
            code::DUPLICATE_RECORD,
            format!(
                "Cannot insert duplicate key. A '{}' with this unique name exists.",
                own.name
            ),
        ));
    }
    Ok(())
}

fn names(table: &Table, columns: &[usize]) -> String {
    columns
        .iter()
        .map(|column| table.columns[*column].label.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}
