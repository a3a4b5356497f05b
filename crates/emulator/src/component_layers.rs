//! `msdyn_componentlayers`: the layers of one component, derived from whether it is managed and who changed it.

use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use crate::error::{Outcome, ServiceError};
use crate::odata::expr::{Expr, Operand, Operator};
use crate::odata::filter::parse;
use crate::odata::options::Options;
use crate::odata::read::Reading;
use crate::rules::is_managed;
use crate::schema::{Table, TableId};
use crate::store::Row;
use crate::switches::{QuotedIds, Switches};
use crate::value::Value;

/// The unmanaged layer.
const ACTIVE: &str = "Active";

/// Tables whose rows are computed, or written only by the platform.
pub(crate) fn is_virtual(table: &str) -> bool {
    matches!(
        table,
        "msdyn_componentlayer" | "audit" | "solutioncomponent"
    )
}

/// Answers a filtered read. The filter must specify the component and its type.
pub(crate) fn answer(
    reading: &Reading<'_>,
    switches: &Switches,
    table: TableId,
    options: &Options,
) -> Outcome<Map<String, Json>> {
    let filter = options
        .filter
        .as_deref()
        .map(|text| {
            // Component ids are stored as text.
            let quoted_ids = QuotedIds::Accepted;
            parse(
                &reading.store.schema,
                table,
                text,
                &options.aliases,
                quoted_ids,
            )
        })
        .transpose()?;
    let mut equal = Vec::new();
    if let Some(filter) = &filter {
        collect(filter, &mut equal);
    }
    let own = reading.store.schema.table(table);
    let of = |name: &str| {
        let column = own.position(name)?;
        equal
            .iter()
            .find(|(position, _)| *position == column)
            .and_then(|(_, value)| value.as_text().map(str::to_owned))
    };
    let (Some(id), Some(name)) = (of("msdyn_componentid"), of("msdyn_solutioncomponentname"))
    else {
        return Err(ServiceError::query(
            "msdyn_componentlayers needs a filter on msdyn_componentid and msdyn_solutioncomponentname.",
        ));
    };
    let select = reading
        .select(table, options.select.as_deref())?
        .filter(|_| !switches.layers_ignore_select);
    let mut body = Map::new();
    body.insert(
        "@odata.context".into(),
        format!("{}$metadata#{}", reading.base, own.set).into(),
    );
    let mut values = Vec::new();
    for layer in layers(reading, &id, &name) {
        let shown: Map<String, Json> = match &select {
            None => layer,
            Some(columns) => layer
                .into_iter()
                .filter(|(property, _)| {
                    property == own.key_name()
                        || columns
                            .iter()
                            .any(|column| own.columns[*column].name == *property)
                })
                .collect(),
        };
        values.push(Json::Object(shown));
    }
    body.insert("value".into(), values.into());
    Ok(body)
}

fn collect(expr: &Expr, equal: &mut Vec<(usize, Value)>) {
    match expr {
        Expr::And(a, b) => {
            collect(a, equal);
            collect(b, equal);
        }
        Expr::Compare(Operator::Eq, Operand::Column(path), Operand::Literal(value)) => {
            equal.push((path.column, value.clone()))
        }
        _ => {}
    }
}

fn layers(reading: &Reading<'_>, id: &str, name: &str) -> Vec<Map<String, Json>> {
    let schema = &reading.store.schema;
    let found = Uuid::try_parse(id.trim_matches(['{', '}']))
        .ok()
        .and_then(|id| {
            let table = schema.visible().find(|table| {
                table.name.eq_ignore_ascii_case(name)
                    || table.schema_name.eq_ignore_ascii_case(name)
            })?;
            reading.store.get(table.id, id).map(|row| (table.id, row))
        });
    let Some((table, row)) = found else {
        return Vec::new();
    };
    let own = schema.table(table);
    let mut layers = Vec::new();
    let every: Vec<usize> = (0..own.columns.len()).collect();
    if is_managed(own, row) {
        let solution = solution_of(reading, own, row);
        let mut base = Row::clone(row);
        for (column, value) in std::mem::take(&mut base.below) {
            base.cells[column] = value;
        }
        layers.push(layer(reading, table, &base, name, &solution, &every, 1));
        if !row.below.is_empty() {
            let changed: Vec<usize> = row.below.iter().map(|(column, _)| *column).collect();
            layers.push(layer(reading, table, row, name, ACTIVE, &changed, 2));
        }
    } else {
        layers.push(layer(reading, table, row, name, ACTIVE, &every, 1));
    }
    layers
}

/// The unique name of the managed solution that installed a row.
fn solution_of(reading: &Reading<'_>, own: &Table, row: &Row) -> String {
    let schema = &reading.store.schema;
    let found = schema.named("solution").and_then(|table| {
        let id = row.cells[own.position("solutionid")?].id()?;
        let name = schema.table(table).position("uniquename")?;
        reading.store.get(table, id)?.cells[name]
            .as_text()
            .map(str::to_owned)
    });
    found.unwrap_or_else(|| "System".to_owned())
}

fn layer(
    reading: &Reading<'_>,
    table: TableId,
    row: &Row,
    name: &str,
    solution: &str,
    columns: &[usize],
    order: i64,
) -> Map<String, Json> {
    let own = reading.store.schema.table(table);
    let attributes = |columns: &mut dyn Iterator<Item = usize>| {
        let pairs: Vec<Json> = columns
            .filter(|column| !own.columns[*column].hidden)
            .map(|column| json!({"Key": own.columns[column].name, "Value": row.cells[column].json(&own.columns[column].name)}))
            .collect();
        json!({ "Attributes": pairs }).to_string()
    };
    let whole = attributes(&mut (0..own.columns.len()));
    let changes = attributes(&mut columns.iter().copied());
    let publisher = if solution == ACTIVE {
        "Default Publisher"
    } else {
        "Dynamics 365"
    };
    let key = Uuid::new_v5(&row.id, solution.as_bytes());
    let shown_name = own
        .primary_name
        .and_then(|column| row.cells[column].as_text())
        .unwrap_or_default();
    let fields = json!({
        "msdyn_componentlayerid": key,
        "msdyn_name": shown_name,
        "msdyn_componentid": row.id,
        "msdyn_solutioncomponentname": name,
        "msdyn_solutionname": solution,
        "msdyn_publishername": publisher,
        "msdyn_order": order,
        "msdyn_componentjson": whole,
        "msdyn_changes": changes,
        "msdyn_children": null,
        "msdyn_overwritetime": "1900-01-01T00:00:00Z",
    });
    match fields {
        Json::Object(object) => object,
        _ => Map::new(),
    }
}
