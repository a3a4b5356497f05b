//! Parameters of tabs that only the first environment has.

use std::collections::BTreeMap;

use deskstate_model::{Kind, ResourceKey, tables};
use deskstate_reconcile::export::{Document, Export};
use deskstate_reconcile::kinds;
use deskstate_reconcile::live::Live;
use deskstate_reconcile::plan::{Action, Change, Difference, FieldChange, Plan, Reason};
use serde_json::Value as Json;

/// Adds the parameters of tabs that only the first environment has. A plan leaves those alone that Microsoft does not document for the page
/// type, since the product makes some, but they are differences.
pub(super) fn only_here(own: &Export, wanted: &Export, live: &Live, plan: &mut Plan) {
    const WORD: &str = "parameters";
    let value = kinds::parameter_value().column;
    let wire = format!("{}.{value}", tables::PARAMETERS.table.logical);
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
    let tabs = own.documents.iter();
    for document in tabs.filter(|document| document.key.kind == Kind::APPLICATION_TAB) {
        let Some(other) = theirs.get(&document.key) else {
            continue;
        };
        let here = document.spec.get(WORD).and_then(Json::as_object);
        let there = other.spec.get(WORD).and_then(Json::as_object);
        let only_here = here.into_iter().flatten().filter(|(name, value)| {
            !value.is_null() && there.is_none_or(|there| !there.contains_key(*name))
        });
        let mut fields: Vec<FieldChange> = only_here
            .map(|(name, value)| FieldChange {
                path: format!("{WORD}.{name}"),
                difference: Difference::Value {
                    before: value.clone(),
                    after: Json::Null,
                },
                span: None,
                wire: wire.clone(),
            })
            .collect();
        let at = planned.get(&document.key);
        if let Some(change) = at.map(|at| &plan.changes[*at]) {
            fields.retain(|field| change.fields.iter().all(|known| known.path != field.path));
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
}
