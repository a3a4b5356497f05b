//! Ages of environments: which parts of `tables/` older environments lack, and how their servers phrased refusals.
//!
//! The sheets are `ages/*.yaml`. Rows keep a cell for every column, so the age can change while the emulator runs: whatever an age lacks is
//! hidden, and reappears with a newer age.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::schema::{Column, Navigation, Required, Schema, Table};
use crate::switches::Switches;

/// The year whose environments are emulated.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    clap::ValueEnum,
    Deserialize,
    Serialize,
)]
pub enum Age {
    /// Environments as of April 2022.
    #[value(name = "2022")]
    #[serde(rename = "2022")]
    Y2022,
    /// Environments as of December 2024.
    #[value(name = "2024")]
    #[serde(rename = "2024")]
    Y2024,
    /// Environments as of 2026.
    #[default]
    #[value(name = "2026")]
    #[serde(rename = "2026")]
    Y2026,
}

impl Age {
    /// All ages, oldest first.
    pub const ALL: [Age; 3] = [Age::Y2022, Age::Y2024, Age::Y2026];

    /// The year.
    pub fn year(self) -> u16 {
        match self {
            Age::Y2022 => 2022,
            Age::Y2024 => 2024,
            Age::Y2026 => 2026,
        }
    }

    /// The default switches of an environment of this age.
    ///
    /// # Panics
    /// If a built-in sheet is wrong, which a test rules out.
    pub fn switches(self) -> Switches {
        self.overridden(Map::new())
            .expect("the built-in sheets name known switches")
    }

    /// The switches of this age, overridden by the given ones.
    pub(crate) fn overridden(self, given: Map<String, Json>) -> Result<Switches, String> {
        let mut answers = self.sheet().answers;
        answers.extend(given);
        answers.insert(
            "age".into(),
            serde_json::to_value(self).map_err(|error| error.to_string())?,
        );
        serde_json::from_value(answers.into()).map_err(|error| error.to_string())
    }

    fn sheet(self) -> Sheet {
        let text = match self {
            Age::Y2022 => include_str!("../ages/2022.yaml"),
            Age::Y2024 => include_str!("../ages/2024.yaml"),
            Age::Y2026 => include_str!("../ages/2026.yaml"),
        };
        serde_yaml::from_str::<Option<Sheet>>(text)
            .expect("the built-in sheets have this form")
            .unwrap_or_default()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Sheet {
    lacks: Lacks,
    /// Labels of options that have changed since, by `table.column` and option.
    labels: BTreeMap<String, BTreeMap<i64, String>>,
    answers: Map<String, Json>,
}

/// The tables, columns and options that an environment lacks.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Lacks {
    tables: BTreeSet<String>,
    /// `table.column`.
    columns: BTreeSet<String>,
    /// `table.column=option`.
    options: BTreeSet<String>,
}

/// What this age lacks, plus what the switches remove.
pub(crate) fn schema(full: &Arc<Schema>, switches: &Switches) -> Arc<Schema> {
    let Sheet {
        mut lacks, labels, ..
    } = switches.age.sheet();
    lacks.tables.extend(switches.missing_tables.iter().cloned());
    lacks
        .columns
        .extend(switches.missing_columns.iter().cloned());
    lacks
        .options
        .extend(switches.missing_options.iter().cloned());
    let nothing = lacks.tables.is_empty() && lacks.columns.is_empty() && lacks.options.is_empty();
    if nothing && labels.is_empty() && switches.lookups_only_expanded {
        return Arc::clone(full);
    }
    let mut schema = Schema::clone(full);
    hide_tables(&mut schema, &lacks);
    for at in 0..schema.tables.len() {
        hide_columns(&mut schema, at, &lacks);
        relabel(&mut schema.tables[at], &labels);
        for column in &mut schema.tables[at].columns {
            column.only_expanded &= switches.lookups_only_expanded;
        }
    }
    hide_navigation(&mut schema);
    Arc::new(schema)
}

/// A relationship disappears with either of its tables, and its intersect table disappears with it.
fn hide_tables(schema: &mut Schema, lacks: &Lacks) {
    for table in &mut schema.tables {
        table.absent = lacks.tables.contains(&table.name);
    }
    for many in &schema.many_to_many {
        let gone = many
            .tables
            .iter()
            .any(|table| schema.tables[usize::from(table.0)].absent);
        schema.tables[usize::from(many.intersect.0)].absent |= gone;
    }
    let tables = &schema.tables;
    let there = |id: &crate::schema::TableId| !tables[usize::from(id.0)].absent;
    schema.by_name.retain(|_, id| there(id));
    schema.by_set.retain(|_, id| there(id));
}

fn hide_columns(schema: &mut Schema, at: usize, lacks: &Lacks) {
    let absent: BTreeSet<_> = schema
        .tables
        .iter()
        .filter(|table| table.absent)
        .map(|table| table.id)
        .collect();
    let table = &mut schema.tables[at];
    let mut gone = BTreeSet::new();
    for (position, column) in table.columns.iter_mut().enumerate() {
        let name = format!("{}.{}", table.name, column.name);
        column
            .options
            .retain(|option, _| !lacks.options.contains(&format!("{name}={option}")));
        let targets = column.targets.len();
        column
            .targets
            .retain(|target| !absent.contains(&target.table));
        let points_nowhere = targets > 0 && column.targets.is_empty();
        if position != table.key && (points_nowhere || lacks.columns.contains(&name)) {
            hide(column);
            gone.insert(position);
        }
    }
    table
        .column_by_name
        .retain(|_, position| !gone.contains(position));
    table.primary_name = table
        .primary_name
        .filter(|position| !gone.contains(position));
    table
        .alternate_keys
        .retain(|key| !key.columns.iter().any(|position| gone.contains(position)));
}

fn hide(column: &mut Column) {
    column.hidden = true;
    column.required = Required::None;
    column.default = None;
}

fn relabel(table: &mut Table, labels: &BTreeMap<String, BTreeMap<i64, String>>) {
    for column in &mut table.columns {
        for (option, label) in labels
            .get(&format!("{}.{}", table.name, column.name))
            .into_iter()
            .flatten()
        {
            if let Some(known) = column.options.get_mut(option) {
                known.clone_from(label);
            }
        }
    }
}

/// Hides navigation properties to missing tables and columns, from both ends.
fn hide_navigation(schema: &mut Schema) {
    let shown = |table: crate::schema::TableId, column: usize| {
        let table = &schema.tables[usize::from(table.0)];
        !table.absent
            && table
                .column_by_name
                .contains_key(&table.columns[column].name)
    };
    let mut kept = Vec::with_capacity(schema.tables.len());
    for table in &schema.tables {
        let navigation: BTreeMap<String, Navigation> = table
            .navigation
            .iter()
            .filter(|(_, navigation)| match **navigation {
                Navigation::Lookup { column, target } => {
                    shown(table.id, column)
                        && target.is_none_or(|target| !schema.tables[usize::from(target.0)].absent)
                }
                Navigation::Children { table, column } => shown(table, column),
                Navigation::Many { relation, .. } => {
                    let intersect = schema.many_to_many[relation].intersect;
                    !schema.tables[usize::from(intersect.0)].absent
                }
            })
            .map(|(name, navigation)| (name.clone(), *navigation))
            .collect();
        let mut referenced_by = table.referenced_by.clone();
        referenced_by.retain(|(table, column, _)| shown(*table, *column));
        kept.push((navigation, referenced_by));
    }
    for (table, (navigation, referenced_by)) in schema.tables.iter_mut().zip(kept) {
        table.navigation = navigation;
        table.referenced_by = referenced_by;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sheet_names_things_of_the_table_files_and_known_switches() {
        let full = crate::tables::load(None).expect("tables");
        for age in Age::ALL {
            let sheet = age.sheet();
            assert_eq!(age.switches().age, age);
            for table in &sheet.lacks.tables {
                assert!(full.named(table).is_some(), "{age:?}: {table}");
            }
            let column = |path: &str| {
                let (table, column) = path.split_once('.').expect("table.column");
                let table = full
                    .named(table)
                    .unwrap_or_else(|| panic!("{age:?}: {path}"));
                let (_, column) = full
                    .table(table)
                    .column(column)
                    .unwrap_or_else(|| panic!("{age:?}: {path}"));
                column
            };
            for path in &sheet.lacks.columns {
                column(path);
            }
            for path in &sheet.lacks.options {
                let (path, option) = path.split_once('=').expect("table.column=option");
                let option: i64 = option.parse().expect("a number");
                assert!(
                    column(path).options.contains_key(&option),
                    "{age:?}: {path}"
                );
            }
            for (path, labels) in &sheet.labels {
                for option in labels.keys() {
                    assert!(column(path).options.contains_key(option), "{age:?}: {path}");
                }
            }
        }
    }
}
