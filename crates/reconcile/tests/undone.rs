//! What an undo reports about a file that does not match the current environment.

use std::collections::BTreeSet;

use super::support::{Rows, id, live};
use deskstate_model::tables;
use deskstate_reconcile::plan::{Operation, Plan};
use deskstate_reconcile::undo;
use serde_json::{Value as Json, json};

#[test]
fn an_undo_names_a_foreign_organization_and_a_link_whose_row_is_gone() {
    let link = json!({"relationship": "msdyn_sessiontemplate_applicationtab", "owner": id(1), "member": id(2)});
    let change = json!({"kind": "SessionTemplate", "name": "contoso_session", "id": id(1), "unlinked": [link]});
    let file = json!({
        "formatVersion": 1, "environment": "prod", "organization": id(9), "plan": "sha256:0", "changes": [change],
    });
    let file = undo::read(&file.to_string()).unwrap();
    let (plan, found) = undo::plan(&file, &live(&Rows::default()));
    assert!(plan.changes.is_empty());
    let codes: BTreeSet<&str> = found.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, BTreeSet::from(["undo-elsewhere", "undo-link"]));
}

/// The apply moved a user from one profile to another. Whoever moved the user on decides, since a user has one profile.
#[test]
fn an_undo_gives_no_user_a_second_profile() {
    let link = |profile| json!({"relationship": "msdyn_appconfiguration_systemuser", "owner": id(profile), "member": id(9)});
    let change = |name: &str, profile, what: &str| json!({"kind": "AppProfile", "name": name, "id": id(profile), what: [link(profile)]});
    let file = json!({
        "formatVersion": 1, "environment": "prod", "organization": null, "plan": "sha256:0",
        "changes": [change("contoso_before", 1, "unlinked"), change("contoso_after", 2, "linked")],
    });
    let file = undo::read(&file.to_string()).unwrap();
    let undone = |now: u128| {
        let mut rows = Rows::default();
        for (profile, name) in [
            (1, "contoso_before"),
            (2, "contoso_after"),
            (3, "contoso_other"),
        ] {
            let cells = json!({"msdyn_appconfigurationid": id(profile), "msdyn_uniquename": name});
            rows.row(&tables::PROFILE, cells);
        }
        rows.link(&tables::PROFILE_USERS, id(now), id(9));
        let (plan, found) = undo::plan(&file, &live(&rows));
        let codes: Vec<&str> = found.iter().map(|finding| finding.code).collect();
        let operations = plan.changes.iter().map(|change| change.operations.len());
        (codes, operations.sum::<usize>())
    };
    assert_eq!(undone(2), (vec![], 2));
    assert_eq!(undone(3), (vec!["undo-changed"], 0));
    assert_eq!(undone(1), (vec![], 0));
}

/// A tab with its title, and with or without its `url`.
fn tab(title: &str, url: Option<Json>) -> Rows {
    let mut rows = Rows::default();
    rows.row(
        &tables::TAB,
        json!({"msdyn_applicationtabtemplateid": id(1), "msdyn_uniquename": "contoso_tab", "msdyn_title": title}),
    );
    if let Some(value) = url {
        rows.row(
            &tables::PARAMETER,
            json!({
                "msdyn_templateparameterid": id(2), "msdyn_name": "url", "msdyn_value": value,
                "_msdyn_applicationtabtemplateid_value": id(1),
            }),
        );
    }
    rows
}

fn deleted(plan: &Plan) -> usize {
    let operations = plan.changes.iter().flat_map(|change| &change.operations);
    operations
        .filter(|operation| matches!(operation, Operation::Delete { .. }))
        .count()
}

/// The apply changed a tab and created its `url`. The undo writes the tab first, and such an environment then rewrites the `url`.
#[test]
fn a_part_that_the_apply_made_goes_though_the_environment_wrote_it_again_with_its_row() {
    let before = json!({"msdyn_title": "before"});
    let after = json!({"msdyn_title": "after"});
    let update = json!({
        "table": "msdyn_applicationtabtemplate", "id": id(1), "label": "contoso_tab", "before": before, "after": after,
    });
    let made = json!({
        "table": "msdyn_templateparameter", "id": id(2), "label": "url",
        "columns": {"msdyn_name": "url", "msdyn_value": "https://a.example/"},
    });
    let change = json!({"kind": "ApplicationTab", "name": "contoso_tab", "id": id(1), "updated": [update], "created": [made]});
    let file = json!({
        "formatVersion": 1, "environment": "prod", "organization": null, "plan": "sha256:0", "changes": [change],
    });
    let file = undo::read(&file.to_string()).unwrap();
    let url = json!("https://a.example/");
    let (plan, found) = undo::plan(&file, &live(&tab("after", Some(url))));
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(deleted(&plan), 1);

    let halfway = live(&tab("before", Some(Json::Null)));
    let (rest, found) = undo::rest(&file, &plan, &halfway, true);
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(deleted(&rest), 1);
    // In other environments, somebody else must have changed it.
    let (rest, found) = undo::rest(&file, &plan, &halfway, false);
    assert_eq!(found[0].code, "undo-changed");
    assert_eq!(deleted(&rest), 0);
    // Whoever changed it, an undo that starts now does not delete it.
    let (plan, found) = undo::plan(&file, &halfway);
    assert_eq!(found[0].code, "undo-changed");
    assert!(plan.is_empty());
}
