//! Live environments built by hand.

#![expect(
    clippy::expect_used,
    reason = "a mistake in a test's own input is a failed test"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use deskstate_dataverse::{Cell, Row};
use deskstate_reconcile::kinds::{self, tables};
use deskstate_reconcile::live::{Access, Facts, Found, Live, LiveLinks, LiveTable};
use deskstate_reconcile::table::Table;
use serde_json::Value as Json;
use uuid::Uuid;

/// An id for tests: short, and sorted by its number.
pub(crate) fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// An environment that can be read as a whole, with these rows.
pub(crate) fn live(rows: &[(&'static Table, Json)]) -> Live {
    let mut all: BTreeMap<&'static Table, LiveTable> = BTreeMap::new();
    let part_tables = kinds::part_tables().map(|part| part.table);
    for table in kinds::all()
        .iter()
        .map(|kind| kind.table)
        .chain(part_tables)
    {
        let part = kinds::part_tables().find(|part| part.table == table);
        let own = rows
            .iter()
            .filter(|(of, _)| *of == table)
            .map(|(_, cells)| row(cells))
            .collect();
        let index = LiveTable::index(table, part, own, Access::Whole, &HashMap::new());
        all.insert(table, index);
    }
    let links = tables::RELATIONSHIPS
        .iter()
        .map(|relationship| {
            (
                *relationship,
                LiveLinks::new(BTreeSet::new(), Access::Whole),
            )
        })
        .collect();
    Live {
        tables: all,
        links,
        found: Found::default(),
        facts: Facts {
            base_language: Some(1033),
            caller_language: Some(1033),
            ..Facts::default()
        },
        mentions: BTreeMap::new(),
        mentions_unread: None,
        requests: 0,
    }
}

fn row(cells: &Json) -> Row {
    let cells = cells.as_object().expect("a row is an object");
    Row::from_cells(
        cells
            .iter()
            .map(|(name, value)| (name.as_str(), Cell::from(value.clone()))),
        None,
    )
}
