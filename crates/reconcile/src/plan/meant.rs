//! Suggestions for names that match no row.

use deskstate_model::{Brought, Kind, Table, nearest};

use super::planner::Planner;
use crate::called::with_label;
use crate::kinds;
use crate::state::{Lookup, fold};

/// Maximum number of suggestions. Searching for the nearest name takes time, and nobody reads that many.
const MOST_SUGGESTIONS: usize = 100;

impl Planner<'_> {
    /// Suggests the row with this display name, or the one with the nearest unique name.
    pub(super) fn meant(&mut self, table: &'static Table, name: &str) -> Option<String> {
        self.suggested += 1;
        if self.suggested > MOST_SUGGESTIONS {
            return None;
        }
        if let Some(said) = unique_name_of(name, &with_label(self.live, table, name)) {
            return Some(said);
        }
        let rows = self.live.table(table).rows.values();
        let names: Vec<_> = rows
            .filter_map(|row| kinds::name_of(table, &row.row))
            .collect();
        // Large tables were read only as far as the project needs them, so the known names of the product are searched as well.
        let brought = Kind::of_table(table).map_or(&[][..], |kind| kind.definition().brings);
        let brought = brought.iter().filter_map(Brought::unique_name);
        let near =
            nearest(name, names.iter().map(AsRef::as_ref)).or_else(|| nearest(name, brought))?;
        Some(format!("did you mean `{near}`?"))
    }

    /// Suggests the name by which a row is looked up, given its display name.
    pub(super) fn shown_as(&self, lookup: &Lookup) -> Option<String> {
        let Lookup::Row { table, name } = lookup else {
            return None;
        };
        let names = self.live.found.shown.get(&(*table, fold(name)))?;
        unique_name_of(name, names)
    }
}

/// Suggests a unique name in place of a display name.
fn unique_name_of(name: &str, unique: &[String]) -> Option<String> {
    match unique {
        [] => None,
        [one] => Some(format!(
            "`{name}` is the display name; write the unique name, `{one}`"
        )),
        [first, second, ..] => Some(format!(
            "`{name}` is the display name of several rows; write the unique name of one, such as `{first}` or `{second}`"
        )),
    }
}
