//! Handles columns that an environment lacks: a query that was refused because of one is repeated without it.

use std::collections::BTreeSet;

use deskstate_dataverse::{Query, Refused, Rows};
use deskstate_model::tables;
use serde_json::Value as Json;

use super::Observed;
use crate::observe::ask::{self, Ask};

/// A query that was refused because it names a column that does not exist.
pub(super) struct Refusal {
    ask: Ask,
    query: Query,
    refused: Refused,
}

/// The column of a reply's property: lookups are read as `_x_value`.
pub(super) fn logical(property: &str) -> &str {
    property
        .strip_prefix('_')
        .and_then(|rest| rest.strip_suffix("_value"))
        .unwrap_or(property)
}

/// The entity set behind a navigation property that is expanded with more columns than the ids.
fn set_behind(navigation: &str) -> Option<&'static str> {
    (navigation == tables::TEAM_MEMBERSHIP).then_some(tables::USER.set)
}

impl Observed {
    /// Keeps a refusal that may be resolved by leaving out a column; returns any other refusal.
    pub(super) fn keep_refusal(
        &mut self,
        ask: Ask,
        query: &Query,
        refused: Refused,
    ) -> Option<(Ask, Refused)> {
        let names_columns = match ask {
            Ask::Column(..)
            | Ask::Links(_)
            | Ask::ExpandedLinks(_)
            | Ask::Linked(_)
            | Ask::MannedTeams
            | Ask::Definitions => false,
            _ => query.set().is_some() && !query.selected().is_empty(),
        };
        if !refused.is_unknown_column() || !names_columns {
            return Some((ask, refused));
        }
        self.refused_queries.push(Refusal {
            ask,
            query: query.clone(),
            refused,
        });
        None
    }

    /// Returns the refused queries without the columns that the environment lacks. If the columns are not known yet, they are first queried
    /// one by one.
    pub(in crate::observe) fn take_refused_queries(&mut self) -> Vec<(Ask, Query)> {
        let mut trip = Vec::new();
        for refusal in std::mem::take(&mut self.refused_queries) {
            let unknown = self.unknown_sets(&refusal.query);
            if unknown.is_empty() {
                self.ask_again(refusal, &mut trip);
                continue;
            }
            for (set, columns) in unknown {
                for column in columns {
                    let query = Query::rows(&set).select([&column]).top(1);
                    trip.push((Ask::Column(set.clone(), column), query));
                }
                self.asked_columns.insert(set);
            }
            self.refused_queries.push(refusal);
        }
        trip
    }

    /// Entity sets whose columns are not known yet, with the columns that the query names.
    fn unknown_sets(&self, query: &Query) -> Vec<(String, BTreeSet<String>)> {
        let own = query.selected().iter().map(String::as_str);
        let own: BTreeSet<String> = own.chain(query.conditions()).map(str::to_owned).collect();
        let behind = query.expanded().filter_map(|(navigation, columns)| {
            Some((set_behind(navigation)?, columns.iter().cloned().collect()))
        });
        let sets = query.set().map(|set| (set, own)).into_iter().chain(behind);
        let explained = self.lacks_any(query);
        sets.filter(|(set, _)| {
            // If the metadata does not explain the refusal, the table itself is queried.
            !self.columns.contains_key(*set) || !explained && !self.asked_columns.contains(*set)
        })
        .map(|(set, columns)| (set.to_owned(), columns))
        .collect()
    }

    fn lacks_any(&self, query: &Query) -> bool {
        let own = query.selected().iter().map(String::as_str);
        let set = query.set().unwrap_or_default();
        own.chain(query.conditions())
            .any(|column| self.lacks(set, column))
            || query.expanded().any(|(navigation, columns)| {
                set_behind(navigation)
                    .is_some_and(|set| columns.iter().any(|column| self.lacks(set, column)))
            })
    }

    /// Whether the columns of an entity set are known and this one is not among them.
    pub(super) fn lacks(&self, set: &str, property: &str) -> bool {
        self.columns
            .get(set)
            .is_some_and(|known| !known.contains(logical(property)))
    }

    fn ask_again(&mut self, refusal: Refusal, trip: &mut Vec<(Ask, Query)>) {
        let Refusal {
            ask,
            mut query,
            refused,
        } = refusal;
        if !self.lacks_any(&query) {
            return self.place(ask, Err(refused));
        }
        let set = query.set().unwrap_or_default().to_owned();
        if query
            .conditions()
            .iter()
            .any(|column| self.lacks(&set, column))
        {
            // No row has a value in a column that does not exist.
            return self.place(ask, Ok(Rows::default()));
        }
        let expanded: Vec<(String, Vec<String>)> = query
            .expanded()
            .filter_map(|(navigation, columns)| {
                let set = set_behind(navigation)?;
                let lacking = columns.iter().filter(|column| self.lacks(set, column));
                Some((navigation.to_owned(), lacking.cloned().collect()))
            })
            .collect();
        for (navigation, lacking) in expanded {
            query = query.without_expanded_columns(&navigation, &lacking);
        }
        if let Ask::Table(table) = &ask {
            for (field, navigation, _) in ask::expanded(table) {
                if self.lacks(&set, &field.read_name()) {
                    query = query.without_expand(navigation);
                }
            }
        }
        let lacking: Vec<String> = query
            .selected()
            .iter()
            .filter(|column| self.lacks(&set, column))
            .cloned()
            .collect();
        trip.push((ask, query.without_columns(&lacking)));
    }

    /// Records whether an entity set has a column, according to the entity set itself. A refusal for another reason does not prove that the
    /// column is missing.
    pub(super) fn place_column(&mut self, set: String, column: &str, refused: Option<&Refused>) {
        let first = self.sets_asked.insert(set.clone());
        let known = self.columns.entry(set).or_default();
        if first {
            known.clear();
        }
        if !refused.is_some_and(Refused::is_unknown_column) {
            known.insert(logical(column).to_owned());
        }
    }

    /// Treats the remaining refusals as final.
    pub(super) fn give_up(&mut self) {
        for Refusal { ask, refused, .. } in std::mem::take(&mut self.refused_queries) {
            self.place(ask, Err(refused));
        }
    }

    /// Stores the options of the choice columns of a table, both local and global ones.
    pub(super) fn place_options(&mut self, table: &'static deskstate_model::Table, rows: &Rows) {
        for row in &rows.rows {
            let Some(column) = row.text("LogicalName") else {
                continue;
            };
            let sets = ["OptionSet", "GlobalOptionSet"].map(|name| row.get(name).as_json());
            for options in sets
                .into_iter()
                .flatten()
                .filter_map(|set| set.get("Options")?.as_array())
            {
                let numbers = options
                    .iter()
                    .filter_map(|option| option.get("Value").and_then(Json::as_i64));
                let of_table = self.options.entry(table).or_default();
                of_table
                    .entry(column.to_owned())
                    .or_default()
                    .extend(numbers);
            }
        }
    }
}
