//! The tables of the kinds and Dataverse's own columns match: a forgotten column fails here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use deskstate_model::{Field, Holds, Kind};
use serde::Deserialize;

/// Columns that no manifest contains. The reasons are in `docs/coverage.md`.
const WITHOUT_A_FIELD: &[(&str, &[&str])] = &[
    // Second copies that are updated along with the field.
    ("msdyn_sessiontemplate", &["msdyn_type"]),
    (
        "msdyn_applicationtabtemplate",
        &["msdyn_templateparameters"],
    ),
    // Its use is unknown; the pane is linked.
    (
        "msdyn_appconfiguration",
        &["msdyn_productivitypaneuniquename"],
    ),
];

/// Columns of every table that are not settings.
const NO_SETTINGS: &[&str] = &[
    "statuscode",
    "iscustomizable",
    "overriddencreatedon",
    "importsequencenumber",
    "timezoneruleversionnumber",
    "utcconversiontimezonecode",
];

/// Columns of parts that follow from their parent.
const OF_PARTS: &[&str] = &["ownerid", "statecode"];

#[derive(Deserialize)]
struct TableFile {
    table: String,
    key: String,
    #[serde(default)]
    with: Vec<String>,
    columns: Vec<Column>,
}

#[derive(Deserialize)]
struct Column {
    name: String,
    #[serde(default)]
    read_only: bool,
}

fn table_files() -> Option<BTreeMap<String, (String, BTreeSet<String>)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../emulator/tables");
    if !folder.is_dir() {
        // A published crate does not come with the emulator.
        return None;
    }
    let groups: BTreeMap<String, Vec<Column>> =
        serde_yaml::from_str(&std::fs::read_to_string(folder.join("_groups.yaml")).unwrap())
            .unwrap();
    let writable = |columns: &[Column]| -> Vec<String> {
        columns
            .iter()
            .filter(|column| !column.read_only)
            .map(|column| column.name.clone())
            .collect()
    };
    let mut tables = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('_'))
        {
            continue;
        }
        let file: TableFile =
            serde_yaml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let mut columns: BTreeSet<String> = writable(&file.columns).into_iter().collect();
        for group in &file.with {
            columns.extend(writable(&groups[group]));
        }
        columns.remove(&file.key);
        tables.insert(file.table, (file.key, columns));
    }
    Some(tables)
}

fn known_columns<'a>(fields: impl IntoIterator<Item = &'a Field>) -> BTreeSet<&'static str> {
    let mut known = BTreeSet::new();
    for field in fields {
        if field.is_column() {
            known.insert(field.column);
        }
        known.extend(field.mirror.as_ref().map(|mirror| mirror.column));
    }
    known
}

#[test]
fn every_writable_column_has_a_field_or_a_reason() {
    let Some(tables) = table_files() else { return };
    let exempt: BTreeMap<&str, &[&str]> = WITHOUT_A_FIELD.iter().copied().collect();
    let mut forgotten = Vec::new();
    for kind in Kind::all() {
        let (_, columns) = &tables[kind.table().logical];
        let mut known = known_columns(kind.fields());
        known.extend(kind.table().name);
        known.extend(NO_SETTINGS);
        known.extend(
            exempt
                .get(kind.table().logical)
                .copied()
                .unwrap_or_default(),
        );
        forgotten.extend(
            columns
                .iter()
                .filter(|column| !known.contains(column.as_str()))
                .map(|column| format!("{}.{column}", kind.table().logical)),
        );
    }
    for part in Kind::part_tables() {
        let (_, columns) = &tables[part.table.logical];
        let mut known = known_columns(part.fields);
        known.extend(part.table.name);
        known.insert(part.table.label);
        known.insert(part.parent_column);
        known.extend(NO_SETTINGS);
        known.extend(OF_PARTS);
        forgotten.extend(
            columns
                .iter()
                .filter(|column| !known.contains(column.as_str()))
                .map(|column| format!("{}.{column}", part.table.logical)),
        );
    }
    assert_eq!(
        forgotten,
        Vec::<String>::new(),
        "add a field to the kind, or a reason to docs/coverage.md and here"
    );
}

#[test]
fn every_field_names_a_column_that_dataverse_has() {
    let Some(tables) = table_files() else { return };
    for kind in Kind::all() {
        let (key, columns) = &tables[kind.table().logical];
        assert_eq!(key, kind.table().key);
        for column in known_columns(kind.fields()) {
            assert!(
                columns.contains(column),
                "{}.{column}",
                kind.table().logical
            );
        }
    }
    for part in Kind::part_tables() {
        let (key, columns) = &tables[part.table.logical];
        assert_eq!(key, part.table.key);
        for column in known_columns(part.fields) {
            assert!(columns.contains(column), "{}.{column}", part.table.logical);
        }
    }
}

#[test]
fn every_reason_for_leaving_a_column_out_is_about_a_column_that_is_there() {
    let Some(tables) = table_files() else { return };
    for (table, columns) in WITHOUT_A_FIELD {
        for column in *columns {
            assert!(tables[*table].1.contains(*column), "{table}.{column}");
        }
    }
}

#[test]
fn a_set_is_stored_by_links_of_the_kind_that_declares_it() {
    for kind in Kind::all() {
        for field in kind.fields() {
            if let Holds::Set { relationship, .. } = field.holds {
                assert_eq!(relationship.owner, kind.table(), "{}.{}", kind, field.word);
            }
        }
    }
}
