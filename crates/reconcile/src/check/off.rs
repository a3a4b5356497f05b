//! What is switched off in live rows: it does nothing for agents, so it fulfils no rule.

use std::collections::BTreeMap;

use deskstate_dataverse::Row;
use deskstate_model::{Field, Holds, Kind, PartIdentity, Referent, Written, fold};

use crate::kinds;
use crate::live::{Access, Live, ObservedRow, part_identity};
use crate::raise::Raised;

/// Leaves features out whose row is inactive. No feature is an empty mapping, as a rule writes it.
pub(super) fn only_active_features(
    field: &Field,
    live: &Live,
    row: &ObservedRow,
    raised: &mut Raised,
) {
    let Holds::Parts(part) = field.holds else {
        return;
    };
    let (Written::Features(_), PartIdentity::Number(column)) = (part.written, part.identity) else {
        return;
    };
    let table = live.table(part.table);
    let mut left_out = raised.left_out.iter();
    if table.access != Access::Whole || left_out.any(|one| one.path == field.word) {
        return;
    }
    let empty = || serde_json::Value::Object(serde_json::Map::new());
    let entry = raised.spec.entry(field.word.to_owned());
    let serde_json::Value::Object(features) = entry.or_insert_with(empty) else {
        return;
    };
    for feature in table.children(part, row.id) {
        if kinds::is_inactive(&feature.row)
            && let Some(number) = feature.row.int(column)
        {
            features.remove(&part.feature_name(number));
        }
    }
}

/// By field, what a row refers to and its members, where that is switched off: folded names, and the names as they are.
pub(super) fn off_of(
    kind: Kind,
    live: &Live,
    row: &ObservedRow,
) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut found: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut add = |field: &Field, name: &str| {
        let names = found.entry(field.word.to_owned()).or_default();
        names.insert(fold(name), name.to_owned());
    };
    let behind = |field: &Field, row: &Row| match field.holds {
        Holds::Lookup {
            to: Referent::Named(table),
            ..
        } => Some((table, row.uuid(&field.read_name())?)),
        _ => None,
    };
    for field in kind.fields() {
        match field.holds {
            Holds::Set { relationship, .. } => {
                for id in live.links(relationship).members(row.id) {
                    if live.is_off(relationship.member, id) {
                        add(field, &live.label(relationship.member, id));
                    }
                }
            }
            Holds::Parts(part) => {
                for item in live.table(part.table).children(part, row.id) {
                    let is_off = kinds::is_inactive(&item.row);
                    let referents = part.fields.iter();
                    for (table, id) in referents.filter_map(|field| behind(field, &item.row)) {
                        if is_off || live.is_off(table, id) {
                            add(field, &live.label(table, id));
                        }
                    }
                    if is_off {
                        add(field, &live.label(part.table, item.id));
                        let identity = part_identity(part, &item.row);
                        identity.iter().for_each(|identity| add(field, identity));
                        for of_item in part.fields {
                            if let Holds::Lookup { to, .. } = of_item.holds
                                && let Some(id) = item.row.uuid(&of_item.read_name())
                            {
                                add(field, &live.label(kinds::target_table(to), id));
                            }
                        }
                    }
                }
            }
            _ => {
                if let Some((table, id)) = behind(field, &row.row)
                    && live.is_off(table, id)
                {
                    add(field, &live.label(table, id));
                }
            }
        }
    }
    found
}
