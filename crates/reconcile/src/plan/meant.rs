//! What somebody may have meant whose name leads to no row.

use deskstate_model::{Brought, Kind, Table, nearest};

use super::planner::Planner;
use crate::called::with_label;
use crate::kinds;

/// Findings that get a suggestion; looking for the nearest name takes time, and nobody reads so many.
const MOST_SUGGESTIONS: usize = 100;

impl Planner<'_> {
    /// The row that people call so, or the one with the nearest unique name.
    pub(super) fn meant(&mut self, table: &'static Table, name: &str) -> Option<String> {
        self.suggested += 1;
        if self.suggested > MOST_SUGGESTIONS {
            return None;
        }
        match with_label(self.live, table, name).as_slice() {
            [] => {}
            [one] => {
                return Some(format!(
                    "`{name}` is the display name; write the unique name, `{one}`"
                ));
            }
            [first, second, ..] => {
                return Some(format!(
                    "`{name}` is the display name of several rows; write the unique name of one, such as `{first}` or `{second}`"
                ));
            }
        }
        let rows = self.live.table(table).rows.values();
        let names: Vec<_> = rows
            .filter_map(|row| kinds::name_of(table, &row.row))
            .collect();
        // Of a large table only those rows were read that the project is about.
        let brought = Kind::of_table(table).map_or(&[][..], |kind| kind.definition().brings);
        let brought = brought.iter().filter_map(Brought::unique_name);
        let near =
            nearest(name, names.iter().map(AsRef::as_ref)).or_else(|| nearest(name, brought))?;
        Some(format!("did you mean `{near}`?"))
    }
}
