//! What only the first environment has, and a plan would leave there.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{Field, Holds, Kind, ResourceKey, fold, names_of, tables};
use deskstate_reconcile::export::{Document, Export};
use deskstate_reconcile::kinds;
use deskstate_reconcile::live::Live;
use deskstate_reconcile::plan::{Action, Change, Difference, FieldChange, Plan, Reason, SyncState};
use serde_json::Value as Json;

/// Adds the values and members that only the first environment has. A plan leaves some alone: parameters that Microsoft does not document for
/// the page type, values that a manifest cannot empty, and members of rows that belong to somebody else. They are differences.
pub(super) fn only_here(own: &Export, wanted: &Export, live: &Live, plan: &mut Plan) {
    let theirs: BTreeMap<&ResourceKey, &Document> = wanted
        .documents
        .iter()
        .map(|document| (&document.key, document))
        .collect();
    let planned: BTreeMap<ResourceKey, usize> = plan
        .changes
        .iter()
        .enumerate()
        .map(|(at, change)| (change.key.clone(), at))
        .collect();
    let unsaid: BTreeSet<(&str, &str)> = wanted
        .left_out
        .iter()
        .map(|(resource, left_out)| (resource.as_str(), first_word(&left_out.path)))
        .collect();
    let mut differing: BTreeSet<&ResourceKey> = BTreeSet::new();
    for document in &own.documents {
        let Some(other) = theirs.get(&document.key) else {
            continue;
        };
        let label = document.key.to_string();
        let mut fields = Vec::new();
        for (word, here) in &document.spec {
            // The other value is reported as not comparable.
            if !unsaid.contains(&(label.as_str(), word.as_str())) {
                let there = other.spec.get(word).unwrap_or(&Json::Null);
                missing(&document.key, word, here, there, &mut fields);
            }
        }
        let at = planned.get(&document.key);
        if let Some(change) = at.map(|at| &plan.changes[*at]) {
            fields.retain(|field| !change.fields.iter().any(|known| says(known, field)));
        }
        if !fields.is_empty() {
            differing.insert(&document.key);
        }
        let table = document.key.kind.table();
        match (at, live.table(table).named(document.key.name.folded())) {
            _ if fields.is_empty() => {}
            (Some(at), _) => plan.changes[*at].fields.append(&mut fields),
            (None, [id]) => plan.changes.push(Change {
                key: document.key.clone(),
                id: *id,
                action: Action::Update,
                reason: Reason::FieldsDiffer,
                declared_at: None,
                fields,
                operations: Vec::new(),
                left_to_server: Vec::new(),
                kept: Vec::new(),
            }),
            (None, _) => {}
        }
    }
    for judged in &mut plan.resources {
        if differing.contains(&judged.key) {
            judged.state = judged.state.max(SyncState::Different);
        }
    }
}

/// Whether a field of a kind holds a set or a list, whose long form has `members`.
pub(super) fn is_listed(kind: Kind, word: &str) -> bool {
    let holds = field(kind, word).map(|field| &field.holds);
    matches!(holds, Some(Holds::Set { .. } | Holds::Parts(_)))
}

fn field(kind: Kind, word: &str) -> Option<&'static Field> {
    kind.fields().iter().find(|field| field.word == word)
}

fn first_word(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or(path)
}

/// Whether a plan already shows what goes.
fn says(known: &FieldChange, field: &FieldChange) -> bool {
    match (&known.difference, &field.difference) {
        (Difference::Removed { member, .. }, Difference::Removed { member: gone, .. }) => {
            known.path == field.path && fold(member) == fold(gone)
        }
        (_, Difference::Removed { .. }) => false,
        _ => {
            let ends = |path: &str| {
                let (list, rest) = path.split_once('.')?;
                Some((list.to_owned(), rest.rsplit_once('.')?.1.to_owned()))
            };
            let inner = ends(&field.path);
            let whole = field.path.strip_prefix(&known.path);
            whole.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                || inner.is_some() && ends(&known.path) == inner
        }
    }
}

/// What `here` has and `there` has not.
fn missing(
    key: &ResourceKey,
    path: &str,
    here: &Json,
    there: &Json,
    fields: &mut Vec<FieldChange>,
) {
    let (kind, word) = (key.kind, first_word(path));
    let wire = || match field(kind, word).map(|field| (&field.holds, field.column)) {
        _ if word == PARAMETERS => {
            let value = kinds::parameter_value().column;
            format!("{}.{value}", tables::PARAMETERS.table.logical)
        }
        Some((Holds::Set { relationship, .. }, _)) => relationship.schema_name.to_owned(),
        Some((Holds::Parts(part), _)) => part.table.logical.to_owned(),
        Some((_, column)) => column.to_owned(),
        None => String::new(),
    };
    let mut add = |path: &str, difference| {
        fields.push(FieldChange {
            path: path.to_owned(),
            difference,
            span: None,
            wire: wire(),
        });
    };
    match (here, there) {
        (Json::Null, _) => {}
        _ if word == path && is_listed(kind, word) && members(here).is_some() => {
            let parent = key.name.as_written();
            let names = |member: &Json| names_of(field(kind, word), parent, member);
            let others = members(there).into_iter().flatten();
            let others: BTreeMap<String, &Json> = others
                .flat_map(|other| names(other).into_iter().map(move |name| (name, other)))
                .collect();
            // A plan takes out what an exact set or list does not have.
            let is_exact = matches!(there, Json::Array(_));
            for member in members(here).into_iter().flatten() {
                let own = names(member);
                let other = own.iter().find_map(|name| others.get(name));
                match (member, other, own.first(), own.last()) {
                    (Json::Object(member), Some(Json::Object(other)), _, Some(name)) => {
                        let lacks = |word: &String| other.get(word).is_none_or(Json::is_null);
                        let is_name = |value: &Json| {
                            value.as_str().is_some_and(|text| own.contains(&fold(text)))
                        };
                        let values = member.iter().filter(|(word, value)| {
                            !value.is_null() && !is_name(value) && lacks(word)
                        });
                        for (inner, value) in values {
                            let difference = Difference::Value {
                                before: value.clone(),
                                after: Json::Null,
                            };
                            add(&format!("{path}.{name}.{inner}"), difference);
                        }
                    }
                    (_, None, Some(name), _) if !is_exact => {
                        let member = member.as_str().unwrap_or(name).to_owned();
                        add(path, Difference::Removed { member, note: None });
                    }
                    _ => {}
                }
            }
        }
        (Json::Object(here), Json::Object(there)) => {
            let empty = Json::Null;
            for (word, value) in here {
                let other = there.get(word).unwrap_or(&empty);
                missing(key, &format!("{path}.{word}"), value, other, fields);
            }
        }
        (Json::Object(entries), Json::Null) if word == PARAMETERS => {
            for (word, value) in entries {
                missing(key, &format!("{path}.{word}"), value, &Json::Null, fields);
            }
        }
        (_, Json::Null) => add(
            path,
            Difference::Value {
                before: here.clone(),
                after: Json::Null,
            },
        ),
        _ => {}
    }
}

const PARAMETERS: &str = "parameters";

/// The members of a set or list, in either form.
fn members(value: &Json) -> Option<&Vec<Json>> {
    match value {
        Json::Array(members) => Some(members),
        Json::Object(entries) => entries.get("members")?.as_array(),
        _ => None,
    }
}
