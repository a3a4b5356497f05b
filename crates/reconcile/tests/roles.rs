//! The security roles in `deploy/roles` are sufficient for deskstate and grant nothing more.

use std::collections::BTreeSet;
use std::path::Path;

use deskstate_model::Kind;
use deskstate_model::tables;
use deskstate_reconcile::probe::{privilege, rights_to_write};

/// The privileges of a role. Asserts that each has organization depth.
fn privileges(role: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/roles/customizations.xml");
    let text = std::fs::read_to_string(path).expect("the roles");
    let start = text
        .find(&format!("name=\"{role}\" isinherited"))
        .expect("the role");
    let end = start + text[start..].find("</Role>").expect("its end");
    text[start..end]
        .lines()
        .filter_map(|line| line.trim().strip_prefix("<RolePrivilege name=\""))
        .map(|rest| {
            rest.strip_suffix("\" level=\"Global\" />")
                .expect("a privilege of the organization")
                .to_owned()
        })
        .collect()
}

fn written() -> BTreeSet<&'static str> {
    Kind::all()
        .map(Kind::table)
        .chain(Kind::part_tables().map(|part| part.table))
        .map(|table| table.logical)
        .collect()
}

fn on_written_tables(rights: &[&str]) -> BTreeSet<String> {
    let right_on = |right: &&str, logical: &&'static str| format!("prv{right}{logical}");
    written()
        .iter()
        .flat_map(|logical| rights.iter().map(move |right| right_on(right, logical)))
        .collect()
}

#[test]
fn the_role_for_plans_reads_every_table_of_the_desktop_and_writes_none() {
    let plan = privileges("deskstate plan");
    let missing: Vec<_> = on_written_tables(&["Read"])
        .difference(&plan)
        .cloned()
        .collect();
    assert_eq!(missing, Vec::<String>::new());
    assert!(plan.contains(&privilege("Read", &tables::WORKSTREAM)));
    // Without these two, drift cannot tell who changed something (Microsoft: retrieve the history of audited data changes).
    for audit in ["prvReadAuditSummary", "prvReadRecordAuditHistory"] {
        assert!(plan.contains(audit), "{audit}");
    }
    let writing: Vec<_> = plan
        .iter()
        .filter(|name| !name.starts_with("prvRead"))
        .collect();
    assert_eq!(writing, Vec::<&String>::new());
}

#[test]
fn the_role_for_applies_adds_writing_to_tables_of_the_desktop_and_links_to_what_they_name() {
    let (plan, apply) = (privileges("deskstate plan"), privileges("deskstate apply"));
    assert!(plan.is_subset(&apply));
    let mut added: BTreeSet<String> = apply.difference(&plan).cloned().collect();
    for name in on_written_tables(&["Create", "Write", "Delete", "Append", "AppendTo"]) {
        assert!(added.remove(&name), "{name} is missing");
    }
    let links = [
        "prvAppendToRole",
        "prvAppendToUser",
        "prvAppendToWebResource",
        "prvAppendToWorkflow",
        "prvAppendUser",
        "prvWriteSolution",
    ];
    assert_eq!(added.into_iter().collect::<Vec<_>>(), links);
    // What `doctor` asks for is in the role.
    let apply: BTreeSet<String> = apply.iter().map(|name| name.to_ascii_lowercase()).collect();
    for (right, table) in rights_to_write() {
        let name = privilege(right, table).to_ascii_lowercase();
        assert!(apply.contains(&name), "{name}");
    }
}
