//! Reads the names of rows that live rows refer to by id, for exporting: views, forms, web resources, macros, owners.
//!
//! A name is useful only if it leads back to the same row, so all rows with the same name are read too.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_dataverse::{Filter, Query, Reader};
use deskstate_model::{Holds, Kind, Referent, Table, lookup_read_name, tables};
use uuid::Uuid;

use super::ObserveError;
use super::ask::{Ask, USER_COLUMNS, looked_up_table, users_by_name};
use super::place::{DASHBOARD_TYPES, Observed};
use crate::kinds;
use crate::live::Live;
use crate::lower::Desired;
use crate::state::{Lookup, fold};
use crate::value::ids_of;

/// Reads the names in two trips: by id, then all other rows with the same name.
///
/// # Errors
/// If the environment cannot be queried. Rows that it refuses to return remain without a name.
pub async fn observe_names(reader: &Reader, live: &mut Live) -> Result<(), ObserveError> {
    let before = reader.requests();
    let wanted = Wanted::of(live);
    let mut observed = Observed::new(&Desired::default(), false);
    std::mem::swap(observed.found_mut(), &mut live.found);
    let answers = by_id(&wanted);
    let (asks, queries): (Vec<Ask>, Vec<Query>) = answers.into_iter().unzip();
    let mut lookups: BTreeSet<Lookup> = BTreeSet::new();
    if !queries.is_empty() {
        let answers = reader.read(&queries).await?;
        for ((ask, query), answer) in asks.into_iter().zip(&queries).zip(answers) {
            if let (Ask::Rows(noun), Ok(rows)) = (&ask, &answer) {
                for row in &rows.rows {
                    lookups.extend(note_page(&mut observed, noun, row));
                }
                continue;
            }
            observed.take(ask, query, answer);
        }
    }
    lookups.extend(names_of(&wanted, &observed));
    let users: Vec<String> = wanted
        .owners
        .iter()
        .chain(&wanted.linked_users)
        .filter_map(|id| observed.found().users.get(id))
        .map(|user| user.name.clone())
        .filter(|name| !name.is_empty())
        .collect();
    for lookup in &lookups {
        observed.found_mut().rows.remove(lookup);
    }
    let mut trip = by_name(&lookups, &observed);
    trip.extend(
        users_by_name(&users)
            .into_iter()
            .map(|query| (Ask::Users, query)),
    );
    trip.extend(observed.take_refused_queries());
    observed.look_for(lookups);
    // Up to two more trips if the environment lacks a column that is read.
    for _ in 0..3 {
        if trip.is_empty() {
            break;
        }
        let (asks, queries): (Vec<Ask>, Vec<Query>) = trip.into_iter().unzip();
        let answers = reader.read(&queries).await?;
        for ((ask, query), answer) in asks.into_iter().zip(&queries).zip(answers) {
            observed.take(ask, query, answer);
        }
        trip = observed.take_refused_queries();
    }
    std::mem::swap(observed.found_mut(), &mut live.found);
    live.requests += reader.requests() - before;
    Ok(())
}

/// Ids of rows whose names are needed.
#[derive(Default)]
struct Wanted {
    web_resources: BTreeSet<Uuid>,
    macros: BTreeSet<Uuid>,
    views: BTreeSet<Uuid>,
    forms: BTreeSet<Uuid>,
    owners: BTreeSet<Uuid>,
    linked_users: BTreeSet<Uuid>,
    /// Rows of tables without a kind.
    others: BTreeMap<&'static Table, BTreeSet<Uuid>>,
}

impl Wanted {
    fn of(live: &Live) -> Self {
        let mut wanted = Self::default();
        for (table, rows) in &live.tables {
            let kind = Kind::of_table(table).map_or(&[][..], |kind| kind.fields());
            let part = kinds::part_of(table).map_or(&[][..], |part| part.fields);
            for field in kind.iter().chain(part) {
                if let Holds::Ids {
                    to: Referent::Row(target),
                    ..
                } = field.holds
                {
                    let texts = rows
                        .rows
                        .values()
                        .filter_map(|row| row.row.text(field.column));
                    let ids = wanted.others.entry(target).or_default();
                    ids.extend(texts.filter_map(ids_of).flatten());
                }
                let into = match (looked_up_table(field), field.holds) {
                    (Some(target), _) if target == &tables::WEB_RESOURCE => {
                        &mut wanted.web_resources
                    }
                    (Some(target), _) if target == &tables::MACRO => &mut wanted.macros,
                    (
                        _,
                        Holds::Lookup {
                            to: Referent::Row(target),
                            ..
                        },
                    ) => wanted.others.entry(target).or_default(),
                    (
                        None,
                        Holds::Owner
                        | Holds::Lookup {
                            to: Referent::User, ..
                        },
                    ) => &mut wanted.owners,
                    _ => continue,
                };
                let column = lookup_read_name(field.column);
                into.extend(rows.rows.values().filter_map(|row| row.row.uuid(&column)));
            }
        }
        for row in live.table(&tables::PARAMETER).rows.values() {
            let value = kinds::parameter_value().column;
            if let Some(id) = row.row.uuid(value) {
                match row.row.text(kinds::parameter_name().column) {
                    Some("viewId") => drop(wanted.views.insert(id)),
                    Some("formId" | "dashboardId") => drop(wanted.forms.insert(id)),
                    _ => {}
                }
            }
        }
        for relationship in Kind::relationships() {
            if relationship.member == &tables::USER {
                let pairs = &live.links(relationship).pairs;
                wanted
                    .linked_users
                    .extend(pairs.iter().map(|(_, user)| *user));
            }
        }
        wanted
    }
}

fn by_id(wanted: &Wanted) -> Vec<(Ask, Query)> {
    let mut trip = Vec::new();
    let mut ask = |ask: Ask, table: &Table, ids: &BTreeSet<Uuid>, more: &[&str]| {
        if !ids.is_empty() {
            let columns = [table.key, table.label]
                .into_iter()
                .chain(more.iter().copied());
            let query = Query::rows(table.set)
                .select(columns)
                .filter(Filter::any_of(table.key, ids.iter().copied()));
            trip.push((ask, query));
        }
    };
    ask(
        Ask::Labels(&tables::WEB_RESOURCE),
        &tables::WEB_RESOURCE,
        &wanted.web_resources,
        &[],
    );
    ask(
        Ask::Labels(&tables::MACRO),
        &tables::MACRO,
        &wanted.macros,
        &[],
    );
    for (table, ids) in &wanted.others {
        ask(Ask::Labels(table), table, ids, &[]);
    }
    ask(
        Ask::Rows("view"),
        &tables::VIEW,
        &wanted.views,
        &["returnedtypecode"],
    );
    ask(
        Ask::Rows("form"),
        &tables::FORM,
        &wanted.forms,
        &["objecttypecode", "type"],
    );
    ask(
        Ask::Labels(&tables::TEAM),
        &tables::TEAM,
        &wanted.owners,
        &[],
    );
    ask(
        Ask::Users,
        &tables::USER,
        &wanted.owners,
        &USER_COLUMNS[2..],
    );
    trip
}

/// Stores the name of a view, form or dashboard, and returns the lookup that finds it.
fn note_page(
    observed: &mut Observed,
    noun: &str,
    row: &deskstate_dataverse::Row,
) -> Option<Lookup> {
    let (table, of) = if noun == "view" {
        (&tables::VIEW, "returnedtypecode")
    } else {
        (&tables::FORM, "objecttypecode")
    };
    let id = row.uuid(table.key)?;
    let name = row.text(table.label)?.to_owned();
    let shows = row.text(of).map(str::to_owned);
    observed
        .found_mut()
        .pages
        .insert(id, (name.clone(), shows.clone()));
    let dashboard = row
        .int("type")
        .is_some_and(|number| DASHBOARD_TYPES.contains(&number));
    Some(match noun {
        "view" => Lookup::View { name, table: shows },
        _ if dashboard => Lookup::Dashboard(name),
        _ => Lookup::Form { name, table: shows },
    })
}

fn names_of(wanted: &Wanted, observed: &Observed) -> Vec<Lookup> {
    let label = |id: &Uuid| observed.found().labels.get(id).cloned();
    let resources = wanted.web_resources.iter().filter_map(label);
    let macros = wanted.macros.iter().filter_map(label);
    let teams = wanted
        .owners
        .iter()
        .filter(|id| !observed.found().users.contains_key(id))
        .filter_map(label);
    let others = wanted.others.iter().flat_map(|(table, ids)| {
        let names = ids.iter().filter_map(label);
        names.map(|name| Lookup::Row { table, name })
    });
    others
        .chain(resources.map(Lookup::WebResource))
        .chain(macros.map(Lookup::Macro))
        .chain(teams.map(Lookup::Team))
        .collect()
}

fn by_name(lookups: &BTreeSet<Lookup>, observed: &Observed) -> Vec<(Ask, Query)> {
    let names = |fits: fn(&Lookup) -> bool| -> Vec<String> {
        let names: BTreeSet<String> = lookups
            .iter()
            .filter(|lookup| fits(lookup))
            .map(|lookup| lookup.name().trim().to_owned())
            .collect();
        names.into_iter().collect()
    };
    let mut trip = Vec::new();
    let mut ask = |ask: Ask, table: &Table, names: Vec<String>, more: &[&str]| {
        if !names.is_empty() {
            let columns = [table.key, table.label]
                .into_iter()
                .chain(more.iter().copied());
            let query = Query::rows(table.set)
                .select(columns)
                .filter(Filter::any_of(table.label, names));
            trip.push((ask, query));
        }
    };
    ask(
        Ask::Rows("web resource"),
        &tables::WEB_RESOURCE,
        names(|lookup| matches!(lookup, Lookup::WebResource(_))),
        &[],
    );
    ask(
        Ask::Rows("macro"),
        &tables::MACRO,
        names(|lookup| matches!(lookup, Lookup::Macro(_))),
        &["category", "type"],
    );
    ask(
        Ask::Rows("view"),
        &tables::VIEW,
        names(|lookup| matches!(lookup, Lookup::View { .. })),
        &["returnedtypecode", "querytype"],
    );
    ask(
        Ask::Rows("form"),
        &tables::FORM,
        names(|lookup| matches!(lookup, Lookup::Form { .. } | Lookup::Dashboard(_))),
        &["objecttypecode", "type"],
    );
    let mut others: BTreeMap<&'static Table, Vec<String>> = BTreeMap::new();
    for lookup in lookups {
        if let Lookup::Row { table, name } = lookup {
            others
                .entry(table)
                .or_default()
                .push(name.trim().to_owned());
        }
    }
    for (table, names) in others {
        ask(Ask::Rows(table.logical), table, names, &[]);
    }
    let mut teams = names(|lookup| matches!(lookup, Lookup::Team(_)));
    teams.retain(|name| !observed.found().teams.contains_key(&fold(name)));
    ask(Ask::Teams, &tables::TEAM, teams, &[]);
    trip
}
