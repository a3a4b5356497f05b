//! What an undo says about a file that does not fit the environment as it is now.

mod support;

use std::collections::BTreeSet;

use deskstate_reconcile::undo;
use serde_json::json;
use support::{Rows, id, live};

#[test]
fn an_undo_names_a_foreign_organisation_and_a_link_whose_row_is_gone() {
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
