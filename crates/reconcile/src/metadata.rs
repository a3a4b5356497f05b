//! What an environment's own metadata states about tables: enough to draft the definition of a kind, and to check one.

mod check;
mod draft;

use std::collections::BTreeMap;

use deskstate_dataverse::Row;
use serde_json::Value as Json;

pub use check::{Mismatch, Weight, check};
pub use draft::draft;

/// The metadata of a table.
#[derive(Debug, Clone, Default)]
pub struct TableMetadata {
    logical: String,
    set: String,
    key: String,
    name: String,
    label: String,
    is_component: bool,
    is_activity: bool,
    /// Whether its rows are stored outside of Dataverse tables proper, as with virtual and elastic tables. Such rows have other keys and no
    /// versions.
    is_foreign: bool,
    columns: Vec<Column>,
    lookups: Vec<Lookup>,
    many: Vec<Many>,
    keys: Vec<Key>,
    /// Options of choices: number and label.
    options: BTreeMap<String, Vec<(i64, String)>>,
}

#[derive(Debug, Clone, Default)]
struct Column {
    logical: String,
    schema: String,
    kind: String,
    label: String,
    description: String,
    required: bool,
    creatable: bool,
    updatable: bool,
    readable: bool,
    secured: bool,
    computed: bool,
    /// Whether it repeats another column, as the text of a lookup does.
    of_another: bool,
    max_length: Option<i64>,
    range: Option<(i64, i64)>,
}

impl TableMetadata {
    /// The logical name.
    #[must_use]
    pub fn logical(&self) -> &str {
        &self.logical
    }

    /// Sets the options of its choice columns.
    pub(crate) fn take_options(&mut self, rows: &[Row]) {
        self.options = rows.iter().filter_map(options).collect();
    }

    /// The tables behind its many-to-many relationships, and those that its lookups refer to.
    pub(crate) fn others(&self) -> impl Iterator<Item = &str> {
        let intersects = self.many.iter().map(|many| many.intersect.as_str());
        intersects.chain(self.lookups.iter().map(|lookup| lookup.target.as_str()))
    }

    /// Sets the names of those tables.
    pub(crate) fn name_others(&mut self, names: &BTreeMap<String, TableNames>) {
        for many in &mut self.many {
            many.intersect_set = names.get(&many.intersect).map(|names| names.set.clone());
        }
        for lookup in &mut self.lookups {
            lookup.names = names.get(&lookup.target).cloned();
        }
    }
}

/// A lookup: its column, its target, and the property that binds it.
#[derive(Debug, Clone)]
struct Lookup {
    column: String,
    target: String,
    navigation: String,
    /// Names of the target, if they were queried.
    names: Option<TableNames>,
}

/// The names for addressing a table, and the column that people see as the name of its rows.
#[derive(Debug, Clone)]
pub(crate) struct TableNames {
    set: String,
    key: String,
    name: String,
}

impl TableNames {
    /// Reads the logical name of a table and its other names from a reply.
    pub(crate) fn of(row: &Row) -> Option<(String, Self)> {
        let text = |property: &str| row.text(property).map(str::to_owned);
        let names = Self {
            set: text("EntitySetName")?,
            key: text("PrimaryIdAttribute")?,
            name: text("PrimaryNameAttribute").unwrap_or_default(),
        };
        Some((text("LogicalName")?, names))
    }
}

/// A many-to-many relationship, with this table's side first.
#[derive(Debug, Clone)]
struct Many {
    schema: String,
    intersect: String,
    intersect_set: Option<String>,
    own_column: String,
    member: String,
    member_column: String,
}

#[derive(Debug, Clone)]
struct Key {
    name: String,
    columns: Vec<String>,
    is_active: bool,
}

/// Reads the tables of a metadata reply, without options and without the entity sets of intersect tables.
pub(crate) fn tables(rows: &[Row]) -> Vec<TableMetadata> {
    rows.iter().filter_map(table).collect()
}

fn table(row: &Row) -> Option<TableMetadata> {
    let logical = row.text("LogicalName")?.to_owned();
    let text = |property: &str| row.text(property).unwrap_or_default().to_owned();
    let mut columns: Vec<Column> = list(row, "Attributes").filter_map(column).collect();
    columns.sort_by(|one, other| one.logical.cmp(&other.logical));
    let mut lookups: Vec<Lookup> = list(row, "ManyToOneRelationships")
        .filter_map(|item| {
            Some(Lookup {
                column: string(item, "ReferencingAttribute")?,
                target: string(item, "ReferencedEntity")?,
                navigation: string(item, "ReferencingEntityNavigationPropertyName")?,
                names: None,
            })
        })
        .collect();
    lookups.sort_by(|one, other| (&one.column, &one.target).cmp(&(&other.column, &other.target)));
    let mut many: Vec<Many> = list(row, "ManyToManyRelationships")
        .filter_map(|item| many(&logical, item))
        .collect();
    many.sort_by(|one, other| one.schema.cmp(&other.schema));
    let keys = list(row, "Keys").filter_map(|item| {
        let columns = item.get("KeyAttributes")?.as_array()?.iter();
        Some(Key {
            name: string(item, "LogicalName")?,
            columns: columns
                .filter_map(|column| column.as_str().map(str::to_owned))
                .collect(),
            is_active: string(item, "EntityKeyIndexStatus").as_deref() == Some("Active"),
        })
    });
    Some(TableMetadata {
        set: text("EntitySetName"),
        key: text("PrimaryIdAttribute"),
        name: text("PrimaryNameAttribute"),
        label: label(row.get("DisplayName").as_json()),
        is_component: row.flag("IsSolutionAware") == Some(true),
        is_activity: row.flag("IsActivity") == Some(true),
        is_foreign: row.text("DataProviderId").is_some(),
        keys: keys.collect(),
        options: BTreeMap::new(),
        logical,
        columns,
        lookups,
        many,
    })
}

fn many(own: &str, item: &Json) -> Option<Many> {
    let side = |number: u8| {
        Some((
            string(item, &format!("Entity{number}LogicalName"))?,
            string(item, &format!("Entity{number}IntersectAttribute"))?,
        ))
    };
    let (first, second) = (side(1)?, side(2)?);
    let (mine, other) = if first.0 == own {
        (first, second)
    } else {
        (second, first)
    };
    Some(Many {
        schema: string(item, "SchemaName")?,
        intersect: string(item, "IntersectEntityName")?,
        intersect_set: None,
        own_column: mine.1,
        member: other.0,
        member_column: other.1,
    })
}

fn column(item: &Json) -> Option<Column> {
    let flag = |property: &str| item.get(property).and_then(Json::as_bool);
    // Some columns return numbers as 0.0.
    let number = |property: &str| {
        let value = item.get(property)?;
        value
            .as_i64()
            .or_else(|| format!("{:.0}", value.as_f64()?).parse().ok())
    };
    let level = item
        .get("RequiredLevel")
        .and_then(|level| level.get("Value"))
        .and_then(Json::as_str);
    Some(Column {
        logical: string(item, "LogicalName")?,
        schema: string(item, "SchemaName").unwrap_or_default(),
        kind: string(item, "AttributeType")?,
        label: label(item.get("DisplayName")),
        description: label(item.get("Description")),
        required: matches!(level, Some("ApplicationRequired" | "SystemRequired")),
        creatable: flag("IsValidForCreate") != Some(false),
        updatable: flag("IsValidForUpdate") != Some(false),
        readable: flag("IsValidForRead") != Some(false),
        secured: flag("IsSecured") == Some(true),
        computed: number("SourceType").is_some_and(|source| source != 0),
        of_another: string(item, "AttributeOf").is_some(),
        max_length: number("MaxLength"),
        range: number("MinValue").zip(number("MaxValue")),
    })
}

fn options(row: &Row) -> Option<(String, Vec<(i64, String)>)> {
    let column = row.text("LogicalName")?.to_owned();
    let sets = ["OptionSet", "GlobalOptionSet"].into_iter();
    let set = sets
        .filter_map(|property| row.get(property).as_json())
        .find(|set| set.get("Options").is_some())?;
    let options = set.get("Options")?.as_array()?.iter();
    let options = options
        .filter_map(|option| Some((option.get("Value")?.as_i64()?, label(option.get("Label")))));
    Some((column, options.collect()))
}

fn list<'r>(row: &'r Row, property: &str) -> impl Iterator<Item = &'r Json> + use<'r> {
    let items = row.get(property).as_json().and_then(Json::as_array);
    items.into_iter().flatten()
}

fn string(item: &Json, property: &str) -> Option<String> {
    item.get(property)?.as_str().map(str::to_owned)
}

/// A text in the language of the caller.
fn label(label: Option<&Json>) -> String {
    let own = label.and_then(|label| label.get("UserLocalizedLabel"));
    let text = own.and_then(|own| own.get("Label")).and_then(Json::as_str);
    text.unwrap_or_default().to_owned()
}
