//! Rows that are deleted because they are not declared, and reasons to keep them.

use std::collections::BTreeSet;

use super::support::{self, Rows, desired, document, id, live, writes};
use deskstate_model::KindNameGlob;
use deskstate_model::tables::{
    NOTIFICATION, NOTIFICATION_FIELD, NOTIFICATION_FIELDS, PROFILE, PROFILE_SESSIONS, SESSION,
    SESSION_TABS, TAB, TOOL,
};
use deskstate_reconcile::live::{Access, Live, Mention};
use deskstate_reconcile::plan::{Guard, Operation, Options};
use serde_json::{Value as Json, json};

fn owning(prefix: &str) -> Options {
    Options {
        prune: BTreeSet::from([prefix.to_owned()]),
        ..Options::default()
    }
}

fn row(
    rows: &mut Rows,
    table: &'static deskstate_model::Table,
    number: u128,
    name: &str,
    more: Json,
) {
    let mut cells = json!({"msdyn_uniquename": name, "msdyn_name": name});
    cells[table.key] = json!(id(number));
    for (column, value) in more.as_object().into_iter().flatten() {
        cells[column] = value.clone();
    }
    rows.row(table, cells);
}

/// The only resource that all these tests declare, as a document and as a row.
fn tool() -> Json {
    document(
        "PaneTool",
        "contoso_tool",
        json!({"displayName": "contoso_tool", "type": "CustomPage", "controlName": "contoso_page"}),
    )
}

fn rows() -> Rows {
    let mut rows = Rows::default();
    row(
        &mut rows,
        &TOOL,
        1,
        "contoso_tool",
        json!({"msdyn_type": 0, "msdyn_controlname": "contoso_page"}),
    );
    rows
}

/// The rows that are deleted if these documents are declared in addition to the tool.
fn deleted(documents: &[Json], live: &Live, options: &Options) -> Vec<String> {
    let mut all = vec![tool()];
    all.extend_from_slice(documents);
    let (plan, _) = deskstate_reconcile::plan(&desired(&all), live, options);
    writes(&plan)
        .into_iter()
        .filter(|write| write.starts_with('-'))
        .collect()
}

const NOTHING: [&str; 0] = [];

/// In addition to the tool: an unused tab, session template and notification template, and a tab of somebody else.
fn idle() -> Live {
    let mut rows = rows();
    row(&mut rows, &TAB, 10, "contoso_tab", json!({}));
    row(&mut rows, &SESSION, 11, "contoso_case", json!({}));
    row(&mut rows, &NOTIFICATION, 12, "contoso_call", json!({}));
    row(&mut rows, &TAB, 13, "fabrikam_tab", json!({}));
    live(&rows)
}

#[test]
fn rows_under_an_owned_prefix_go_and_only_where_the_whole_project_is_seen() {
    let live = idle();
    let all = ["-contoso_case", "-contoso_call", "-contoso_tab"];
    assert_eq!(deleted(&[], &live, &owning("contoso")), all);
    assert_eq!(deleted(&[], &live, &Options::default()), NOTHING);
    let chosen = Options {
        only: Some(desired(&[tool()]).resources.keys().cloned().collect()),
        ..owning("contoso")
    };
    assert_eq!(deleted(&[], &live, &chosen), NOTHING);
    let missing = support::stated(
        document(
            "ApplicationTab",
            "contoso_missing",
            json!({"displayName": "T", "pageType": "Search"}),
        ),
        "existing",
    );
    assert_eq!(
        deleted(&[missing], &live, &owning("contoso")),
        NOTHING,
        "after an error nobody knows what is meant"
    );
    let existing = support::stated(tool(), "existing");
    let (plan, _) = deskstate_reconcile::plan(&desired(&[existing]), &live, &owning("contoso"));
    assert_eq!(plan.counts().2, 0, "nothing is declared that is ours");
}

#[test]
fn what_is_declared_absent_is_deleted_once() {
    let absent = support::stated(
        document("ApplicationTab", "contoso_tab", json!({})),
        "absent",
    );
    assert_eq!(
        deleted(&[absent], &idle(), &owning("contoso")),
        ["-contoso_case", "-contoso_call", "-contoso_tab"]
    );
}

#[test]
fn a_field_that_goes_with_its_link_is_deleted_once() {
    let mut rows = rows();
    let titled = json!({"msdyn_title": "contoso_call"});
    row(&mut rows, &NOTIFICATION, 12, "contoso_call", titled);
    row(
        &mut rows,
        &NOTIFICATION_FIELD,
        14,
        "contoso_line",
        json!({}),
    );
    row(
        &mut rows,
        &NOTIFICATION_FIELD,
        15,
        "contoso_idle",
        json!({}),
    );
    rows.link(&NOTIFICATION_FIELDS, id(12), id(14));
    let spec = json!({"displayName": "contoso_call", "title": "contoso_call", "fields": []});
    let call = document("NotificationTemplate", "contoso_call", spec);
    assert_eq!(
        deleted(&[call], &live(&rows), &owning("contoso")),
        ["-12&14", "-contoso_line", "-contoso_idle"]
    );
}

#[test]
fn a_protected_row_stays() {
    let options = Options {
        protect: vec![KindNameGlob {
            kind: "SessionTemplate".to_owned(),
            name: "contoso_*".to_owned(),
        }],
        ..owning("contoso")
    };
    assert_eq!(
        deleted(&[], &idle(), &options),
        ["-contoso_call", "-contoso_tab"]
    );
}

#[test]
fn a_template_that_a_workstream_names_stays_and_all_do_where_workstreams_cannot_be_read() {
    for (table, name, kept) in [
        (
            &SESSION,
            "contoso_case",
            vec!["-contoso_call", "-contoso_tab"],
        ),
        (
            &NOTIFICATION,
            "contoso_call",
            vec!["-contoso_case", "-contoso_tab"],
        ),
        // Workstreams refer only to templates; a tab with the same name is unrelated.
        (
            &TAB,
            "contoso_tab",
            vec!["-contoso_case", "-contoso_call", "-contoso_tab"],
        ),
    ] {
        let mut live = idle();
        let mention = Mention {
            id: None,
            workstream: "Voice".to_owned(),
            column: "msdyn_sessiontemplate_default",
        };
        live.mentions
            .insert((table, name.to_owned()), vec![mention]);
        assert_eq!(deleted(&[], &live, &owning("contoso")), kept, "{name}");
    }
    let mut live = idle();
    live.mentions_unread = Some("no privilege".to_owned());
    assert_eq!(deleted(&[], &live, &owning("contoso")), ["-contoso_tab"]);
}

#[test]
fn a_row_that_is_managed_or_has_hidden_links_stays() {
    let mut rows = rows();
    row(
        &mut rows,
        &TAB,
        10,
        "contoso_managed",
        json!({"ismanaged": true}),
    );
    row(
        &mut rows,
        &TAB,
        11,
        "contoso_locked",
        json!({"iscustomizable": {"Value": false}}),
    );
    row(
        &mut rows,
        &TAB,
        13,
        "contoso_fixed",
        json!({"iscustomizable": false}),
    );
    row(
        &mut rows,
        &TAB,
        12,
        "contoso_free",
        json!({"ismanaged": false, "iscustomizable": {"Value": true}}),
    );
    let mut live = live(&rows);
    // Learn, Managed properties: they only affect managed components.
    assert_eq!(
        deleted(&[], &live, &owning("contoso")),
        ["-contoso_fixed", "-contoso_free", "-contoso_locked"]
    );
    live.links
        .get_mut(&&PROFILE_SESSIONS)
        .expect("there")
        .access = Access::Partial("own rows only".to_owned());
    assert_eq!(
        deleted(&[], &live, &owning("contoso")),
        ["-contoso_fixed", "-contoso_free", "-contoso_locked"]
    );
    live.links.get_mut(&&SESSION_TABS).expect("there").access =
        Access::Partial("own rows only".to_owned());
    assert_eq!(deleted(&[], &live, &owning("contoso")), NOTHING);
}

#[test]
fn what_stays_keeps_all_that_it_needs_and_what_goes_takes_along_what_only_it_needs() {
    let chain = |last: &str| {
        let mut rows = rows();
        row(
            &mut rows,
            &PROFILE,
            20,
            last,
            json!({"msdyn_appmoduleuniquename": "Desk"}),
        );
        row(&mut rows, &SESSION, 21, "contoso_case", json!({}));
        row(&mut rows, &TAB, 22, "contoso_tab", json!({}));
        row(&mut rows, &TAB, 23, "contoso_idle", json!({}));
        rows.link(&PROFILE_SESSIONS, id(20), id(21));
        rows.link(&SESSION_TABS, id(21), id(22));
        live(&rows)
    };
    assert_eq!(
        deleted(&[], &chain("contoso_agents"), &owning("contoso")),
        [
            "-contoso_agents",
            "-contoso_case",
            "-contoso_idle",
            "-contoso_tab"
        ]
    );
    assert_eq!(
        deleted(&[], &chain("fabrikam_agents"), &owning("contoso")),
        ["-contoso_idle"]
    );
}

#[test]
fn a_delete_is_bound_to_a_version_unless_links_of_the_same_plan_may_move_it() {
    let mut rows = rows();
    let version = json!({"@odata.etag": "W/\"7\""});
    row(&mut rows, &TAB, 10, "contoso_linked", version.clone());
    row(&mut rows, &TAB, 11, "contoso_loose", version);
    row(
        &mut rows,
        &SESSION,
        12,
        "contoso_case",
        json!({"msdyn_sessiontype": 1, "msdyn_type": true, "msdyn_entity": "incident"}),
    );
    rows.link(&SESSION_TABS, id(12), id(10));
    let case = json!({"displayName": "contoso_case", "type": "Entity", "entity": "incident", "additionalTabs": []});
    let documents = [tool(), document("SessionTemplate", "contoso_case", case)];
    let (plan, _) =
        deskstate_reconcile::plan(&desired(&documents), &live(&rows), &owning("contoso"));
    let guards: Vec<(&str, bool)> = plan
        .changes
        .iter()
        .flat_map(|change| &change.operations)
        .filter_map(|operation| match operation {
            Operation::Delete { row, guard, .. } => {
                Some((row.label.as_str(), matches!(guard, Guard::Version(_))))
            }
            _ => None,
        })
        .collect();
    assert_eq!(guards, [("contoso_linked", false), ("contoso_loose", true)]);
}
