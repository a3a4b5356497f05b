//! The seed for an age of the app: leaves out rows about tables, columns and options that the age lacks.

use std::sync::Arc;

use crate::age;
use crate::schema::Schema;
use crate::security::privilege_names;
use crate::store::{IndexKey, Store};
use crate::switches::Switches;

/// Applies the tables and privileges of an environment. A missing table has no privileges either; if it reappears, so do the seed's
/// privileges.
pub(crate) fn apply(full: &Arc<Schema>, switches: &Switches, store: &mut Store, seed: &Store) {
    store.schema = age::schema(full, switches);
    describe(store, seed);
    let (Some(privileges), Some(links)) = (full.named("privilege"), full.named("roleprivileges"))
    else {
        return;
    };
    let (Some(name), Some(of)) = (
        full.table(privileges).position("name"),
        full.table(links).position("privilegeid"),
    ) else {
        return;
    };
    let known = privilege_names(&store.schema);
    let mut gone = privilege_names(full);
    gone.retain(|name, _| !known.contains_key(name));
    for row in seed.rows(privileges) {
        let wanted = !row.cells[name]
            .as_text()
            .is_some_and(|name| gone.contains_key(name));
        let there = store.get(privileges, row.id).is_some();
        let key = IndexKey::Id(row.id);
        if wanted && !there {
            store.restore(privileges, row.id, Some(Arc::clone(row)));
            for id in seed.find(links, of, &key).unwrap_or_default() {
                store.restore(links, id, seed.get(links, id).cloned());
            }
        } else if !wanted && there {
            store.restore(privileges, row.id, None);
            for id in store.find(links, of, &key).unwrap_or_default() {
                store.restore(links, id, None);
            }
        }
    }
}

/// Only keeps messages and labels of existing tables and options.
fn describe(store: &mut Store, seed: &Store) {
    for (name, of, column, option) in [
        ("sdkmessagefilter", "primaryobjecttypecode", None, None),
        (
            "stringmap",
            "objecttypecode",
            Some("attributename"),
            Some("attributevalue"),
        ),
    ] {
        let Some(table) = store.schema.named(name) else {
            continue;
        };
        let schema = Arc::clone(&store.schema);
        let own = schema.table(table);
        for row in seed.rows(table) {
            let text = |name: &str| own.position(name).and_then(|at| row.cells[at].as_text());
            let described = text(of).and_then(|name| schema.named(name));
            let option = option.and_then(|name| row.cells[own.position(name)?].int());
            let gone = super::describes_nothing(
                described.map(|id| schema.table(id)),
                column.and_then(text),
                option.unwrap_or_default(),
            );
            match (gone, store.get(table, row.id).is_some()) {
                (true, true) => store.restore(table, row.id, None),
                (false, false) => store.restore(table, row.id, Some(Arc::clone(row))),
                _ => {}
            }
        }
    }
}
