//! Problems with other tools, each as a scenario in which deskstate avoids them.

mod deleting;
mod people;
mod planning;
mod sets;

use deskstate_dataverse::{Changeset, Operation as Wire, Outcome, Value};
use deskstate_model::Table;
use deskstate_reconcile::plan::{Operation, Options, Plan};
use deskstate_reconcile::reach;
use deskstate_reconcile::review::{Finding, ReviewRules, review};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::world::{Declared, World};

fn document(kind: &str, name: &str, spec: Json) -> Json {
    json!({"apiVersion": "deskstate/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn absent(kind: &str, name: &str) -> Json {
    json!({"apiVersion": "deskstate/v1", "kind": kind, "metadata": {"name": name, "state": "absent"}})
}

fn tab(name: &str) -> Json {
    document(
        "ApplicationTab",
        name,
        json!({"displayName": "Tab", "pageType": "ThirdPartyWebsite", "parameters": {"url": "https://a.example/"}}),
    )
}

fn session(tabs: &[&str], title: Json) -> Json {
    document(
        "SessionTemplate",
        "contoso_s",
        json!({"displayName": "S", "type": "Entity", "entity": "incident", "title": title, "additionalTabs": tabs}),
    )
}

fn profile(name: &str, spec: Json) -> Json {
    let mut all = json!({"displayName": "Agents", "app": "CustomerServiceApps", "rank": 3});
    for (word, value) in spec.as_object().unwrap() {
        all[word] = value.clone();
    }
    document("AppProfile", name, all)
}

fn operations(plan: &Plan) -> Vec<&Operation> {
    let changes = plan.changes.iter();
    changes.flat_map(|change| &change.operations).collect()
}

async fn judged(
    world: &World,
    declared: &Declared,
    options: &Options,
    rules: &ReviewRules,
) -> Vec<Finding> {
    let (plan, live) = world.plan(declared, options).await;
    let reach = reach(&plan, &declared.desired, &live);
    review(&plan, &declared.desired, &live, &reach, rules).findings
}

fn codes(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.code).collect()
}

/// Somebody changes the environment directly, bypassing the manifests.
async fn by_hand(world: &World, operations: Vec<Wire>) {
    let changeset = Changeset {
        operations,
        solution: None,
    };
    let outcome = world.session.commit(&changeset).await;
    assert!(matches!(outcome, Outcome::Committed), "{outcome:?}");
}

fn new_row(table: &Table, id: u128, cells: &[(&str, Value)]) -> Wire {
    let cells = cells.iter();
    Wire::Create {
        set: table.set.to_owned(),
        key_column: table.key.to_owned(),
        id: Uuid::from_u128(id),
        body: cells
            .map(|(column, value)| ((*column).to_owned(), value.clone()))
            .collect(),
    }
}
