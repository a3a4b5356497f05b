//! What a plan contains for rows and their parts, and how it is shown.

use super::support::{Rows, desired, document, errors, id, live, shown, stated, writes};
use deskstate_dataverse::{Cell, Value};
use deskstate_model::Diagnostic;
use deskstate_model::tables::{
    PANE, PANE_TAB, PARAMETER, PROFILE, ROLE_MAPPING, SCRIPT, SESSION, STEP, TAB, TOOL,
};
use deskstate_reconcile::live::{Access, Live};
use deskstate_reconcile::plan::{Guard, Operation, Options, Plan, States};
use serde_json::{Value as Json, json};

fn planned(documents: &[Json], live: &Live) -> (Plan, Vec<Diagnostic>) {
    deskstate_reconcile::plan(&desired(documents), live, &Options::default())
}

/// The plan of documents, all of which can be planned.
fn plan(documents: &[Json], live: &Live) -> Plan {
    let (plan, found) = planned(documents, live);
    assert_eq!(errors(&found), Vec::<String>::new());
    plan
}

fn codes(found: &[Diagnostic]) -> Vec<(&str, bool)> {
    found.iter().map(|one| (one.code, one.is_error())).collect()
}

fn tab(spec: Json) -> Json {
    let mut all = json!({"displayName": "Tab", "pageType": "Control"});
    for (word, value) in spec.as_object().into_iter().flatten() {
        all[word] = value.clone();
    }
    document("ApplicationTab", "contoso_tab", all)
}

fn session(spec: Json) -> Json {
    let mut all = json!({"displayName": "Case", "type": "Entity", "entity": "incident"});
    for (word, value) in spec.as_object().into_iter().flatten() {
        all[word] = value.clone();
    }
    document("SessionTemplate", "contoso_case", all)
}

/// The session of [`session`] as a row, with these additional cells.
fn session_row(more: Json) -> Json {
    let mut row = json!({"msdyn_sessiontemplateid": id(2), "msdyn_uniquename": "contoso_case", "msdyn_name": "Case",
        "msdyn_sessiontype": 1, "msdyn_type": true, "msdyn_entity": "incident"});
    for (column, value) in more.as_object().into_iter().flatten() {
        row[column] = value.clone();
    }
    row
}

fn with(rows: &[(&'static deskstate_model::Table, Json)]) -> Live {
    let mut all = Rows::default();
    for (table, cells) in rows {
        all.row(table, cells.clone());
    }
    live(&all)
}

#[test]
fn a_new_row_shows_what_it_gets_and_neither_copies_nor_what_stays_empty() {
    let new = tab(json!({"title": null, "pageType": "Search", "parameters": {"searchText": "x"}}));
    let plan = plan(&[new], &live(&Rows::default()));
    assert_eq!(
        shown(&plan),
        [
            "displayName null -> \"Tab\"",
            "pageType null -> \"Search\"",
            "parameters.searchText null -> \"x\""
        ]
    );
    assert_eq!(
        plan.states(),
        States {
            different: 1,
            ..States::default()
        }
    );
    assert_eq!(plan.counts(), (1, 0, 0));
}

#[test]
fn a_new_part_without_a_value_of_its_own_is_shown_as_a_member_of_its_list() {
    let profile = document(
        "AppProfile",
        "contoso_agents",
        json!({"displayName": "Agents", "app": "Desk", "roles": ["Agent"]}),
    );
    let plan = plan(&[profile], &live(&Rows::default()));
    assert_eq!(shown(&plan)[2..], ["roles + Agent"], "{:?}", shown(&plan));
}

#[test]
fn a_second_copy_of_a_fact_that_disagrees_is_shown_by_its_column() {
    let rows = [
        (
            &TAB,
            json!({"msdyn_applicationtabtemplateid": id(1), "msdyn_uniquename": "contoso_tab", "msdyn_name": "Tab",
            "msdyn_pagetype": 509_180_005, "msdyn_templateparameters": r#"{"searchText":{"value":"old"}}"#}),
        ),
        (
            &PARAMETER,
            json!({"msdyn_templateparameterid": id(11), "msdyn_name": "searchText", "msdyn_value": "x",
            "_msdyn_applicationtabtemplateid_value": id(1)}),
        ),
        (&SESSION, session_row(json!({"msdyn_type": false}))),
    ];
    let documents = [
        tab(json!({"pageType": "Search", "parameters": {"searchText": "x"}})),
        session(json!({})),
    ];
    assert_eq!(
        shown(&plan(&documents, &with(&rows))),
        ["parameters in msdyn_templateparameters"],
        "the product's own page writes rows whose two types disagree; the first one decides"
    );
    // If both copies of a value differ, the old and the new value are shown.
    let other = [(
        &SESSION,
        session_row(json!({"msdyn_sessiontype": 0, "msdyn_type": false})),
    )];
    assert_eq!(
        shown(&plan(&documents[1..], &with(&other))),
        ["type \"Generic\" -> \"Entity\""]
    );
}

#[test]
fn each_difference_names_its_place_on_the_wire() {
    let new = tab(json!({"pageType": "Search", "parameters": {"searchText": "x"}}));
    let agents = profile(json!(["Agent"]));
    let plan = plan(&[new, agents], &live(&Rows::default()));
    let fields = plan.changes.iter().flat_map(|change| &change.fields);
    let wires: Vec<&str> = fields.map(|field| field.wire.as_str()).collect();
    assert_eq!(
        wires,
        [
            "msdyn_applicationtabtemplate.msdyn_name",
            "msdyn_applicationtabtemplate.msdyn_pagetype",
            "msdyn_templateparameter.msdyn_value",
            "msdyn_appconfiguration.msdyn_name",
            "msdyn_appconfiguration.msdyn_appmoduleuniquename",
            "msdyn_appprofilerolemapping",
        ]
    );
}

#[test]
fn rows_that_are_looked_up_are_bound_by_the_names_of_their_sets() {
    let owner = json!({"team": "Desktop owners"});
    let spec = json!({"displayName": "Case", "type": "Generic", "anchorTab": "contoso_tab", "owner": owner, "sessionIcon": "contoso_icon.png"});
    let case = document("SessionTemplate", "contoso_case", spec);
    let plan = plan(&[case, tab(json!({}))], &live(&Rows::default()));
    let [_, session] = &plan.changes[..] else {
        panic!("{:?}", plan.changes);
    };
    let [Operation::Create { body, .. }] = &session.operations[..] else {
        panic!("{:?}", plan.changes);
    };
    let bound: Vec<_> = body
        .iter()
        .filter_map(|(_, value)| match value {
            Value::Bind { set, id } => Some((set.as_str(), *id)),
            Value::Cell(_) | Value::Unbind => None,
        })
        .collect();
    let tab = plan.changes[0].id;
    assert_eq!(
        bound,
        [
            ("teams", id(30)),
            ("msdyn_applicationtabtemplates", tab),
            ("webresourceset", id(1)),
        ]
    );
}

#[test]
fn only_what_was_chosen_is_planned() {
    let desired = desired(&[session(json!({})), tab(json!({}))]);
    let chosen = desired
        .resources
        .keys()
        .find(|key| key.name.as_written() == "contoso_tab");
    let options = Options {
        only: Some(chosen.cloned().into_iter().collect()),
        ..Options::default()
    };
    let (plan, _) = deskstate_reconcile::plan(&desired, &live(&Rows::default()), &options);
    assert_eq!(
        (writes(&plan), plan.resources.len()),
        (vec!["+contoso_tab".to_owned()], 1)
    );
}

#[test]
fn a_new_part_says_whether_it_hangs_on_a_row_whose_version_it_may_move() {
    let attaches = |live: &Live| -> Vec<Option<uuid::Uuid>> {
        let new = tab(json!({"pageType": "Search", "parameters": {"searchText": "x"}}));
        let plan = plan(&[new], live);
        let operations = plan.changes.iter().flat_map(|change| &change.operations);
        operations
            .filter_map(|operation| match operation {
                Operation::Create {
                    row, attaches_to, ..
                } if row.table == &PARAMETER => Some(*attaches_to),
                _ => None,
            })
            .collect()
    };
    let there = [(
        &TAB,
        json!({"msdyn_applicationtabtemplateid": id(1), "msdyn_uniquename": "contoso_tab", "msdyn_name": "Tab", "msdyn_pagetype": 509_180_005}),
    )];
    assert_eq!(attaches(&live(&Rows::default())), [None]);
    assert_eq!(attaches(&with(&there)), [Some(id(1))]);
}

#[test]
fn a_part_that_may_be_hidden_is_neither_created_nor_taken_for_missing() {
    let mut live = with(&[(
        &TAB,
        json!({"msdyn_applicationtabtemplateid": id(1), "msdyn_uniquename": "contoso_tab", "msdyn_name": "Tab", "msdyn_pagetype": 509_180_005}),
    )]);
    live.tables.get_mut(&PARAMETER).expect("there").access =
        Access::Partial("own rows only".to_owned());
    let new = tab(json!({"pageType": "Search", "parameters": {"searchText": "x"}}));
    let (plan, found) = planned(&[new], &live);
    assert!(plan.is_empty(), "{:?}", plan.changes);
    // `searchType` is not given, so it only has to be empty if it exists.
    assert_eq!(
        errors(&found),
        [
            "unreadable: it is unknown whether msdyn_templateparameter `searchText` of msdyn_applicationtabtemplate `contoso_tab` exists: own rows only"
        ]
    );
}

#[test]
fn a_new_row_whose_id_belongs_to_another_is_not_planned() {
    let case = session(json!({}));
    let declared = desired(std::slice::from_ref(&case));
    let taken = declared.resources.values().map(|resource| {
        let id = resource.row.key.derived_id();
        (
            &SESSION,
            session_row(json!({"msdyn_sessiontemplateid": id, "msdyn_uniquename": "renamed"})),
        )
    });
    let (plan, found) = planned(&[case], &with(&taken.collect::<Vec<_>>()));
    assert_eq!(codes(&found), [("id-taken", true)]);
    let said = &found[0].message;
    assert!(
        said.contains("contoso_case") && said.contains("renamed"),
        "{said}"
    );
    assert_eq!(writes(&plan), Vec::<String>::new());
}

#[test]
fn what_is_alike_is_counted_and_not_written() {
    let rows = [(&SESSION, session_row(json!({})))];
    let documents = [session(json!({})), tab(json!({}))];
    let plan = plan(&documents, &with(&rows));
    assert_eq!(writes(&plan), ["+contoso_tab"]);
    assert_eq!(
        plan.states(),
        States {
            in_sync: 1,
            different: 1,
            unknown: 0
        }
    );
    let gone = stated(session(json!({})), "absent");
    let plan = self::plan(&[gone], &with(&rows));
    assert_eq!((plan.counts(), plan.is_empty()), ((0, 0, 1), false));
}

#[test]
fn in_another_language_texts_are_left_alone_and_no_row_with_texts_is_made() {
    let mut foreign = with(&[(
        &SESSION,
        session_row(json!({"msdyn_title": "Fall", "msdyn_panelstate": 162_450_001})),
    )]);
    foreign.facts.caller_language = Some(1031);
    let case = session(json!({"title": "Case", "communicationPanelMode": "Docked"}));
    assert_eq!(
        shown(&plan(std::slice::from_ref(&case), &foreign)),
        ["communicationPanelMode \"Hidden\" -> \"Docked\""]
    );
    let mut empty = live(&Rows::default());
    empty.facts.caller_language = Some(1031);
    let (nothing, found) = planned(std::slice::from_ref(&case), &empty);
    assert!(nothing.is_empty());
    assert_eq!(codes(&found), [("foreign-language", true)]);
    // The texts of a pane exist once, whatever the language.
    let pane = document(
        "ProductivityPane",
        "contoso_pane",
        json!({"displayName": "Pane"}),
    );
    assert_eq!(writes(&plan(&[pane], &empty)), ["+contoso_pane"]);
    // A caller without a language of their own reads the base language.
    empty.facts.caller_language = Some(0);
    assert_eq!(writes(&plan(&[case], &empty)), ["+contoso_case"]);
}

#[test]
fn a_write_is_bound_to_the_version_that_was_seen_where_the_table_heeds_versions() {
    let guard = |etag: &str, heeds: Option<bool>| {
        let cells = json!({"@odata.etag": etag, "msdyn_title": "Old", "modifiedon": "T1"});
        let mut live = with(&[(&SESSION, session_row(cells))]);
        let table = live.tables.get_mut(&SESSION).expect("every table is there");
        table.optimistic_concurrency = heeds;
        let plan = plan(&[session(json!({"title": "New"}))], &live);
        match &plan.changes[0].operations[..] {
            [Operation::Update { guard, .. }] => guard.clone(),
            other => panic!("{other:?}"),
        }
    };
    for heeds in [None, Some(true)] {
        assert!(
            matches!(guard("W/\"7\"", heeds), Guard::Version(etag) if etag.as_str() == "W/\"7\""),
            "{heeds:?}"
        );
    }
    for (etag, heeds) in [("W/\"7\"", Some(false)), ("", None)] {
        let Guard::Look(seen) = guard(etag, heeds) else {
            panic!("{etag} {heeds:?} binds to a version");
        };
        assert_eq!(seen.modified_on.as_deref(), Some("T1"));
    }
}

#[test]
fn what_somebody_else_is_to_bring_cannot_be_referred_to_before_it_is_there() {
    let elsewhere = stated(tab(json!({})), "existing");
    let documents = [
        session(json!({"additionalTabs": ["contoso_tab"]})),
        elsewhere,
    ];
    let (plan, found) = planned(&documents, &with(&[(&SESSION, session_row(json!({})))]));
    assert_eq!(writes(&plan), Vec::<String>::new());
    let mut codes = codes(&found);
    codes.sort_unstable();
    assert_eq!(
        codes,
        [("existing-missing", true), ("lookup-missing", true)]
    );
}

#[test]
fn of_several_names_that_are_there_twice_each_is_said() {
    let twice = |name: &str, number: u128| {
        [number, number + 1].map(|at| {
            (&TAB, json!({"msdyn_applicationtabtemplateid": id(at), "msdyn_uniquename": name, "msdyn_name": "Tab", "msdyn_pagetype": 509_180_005}))
        })
    };
    let mut rows = twice("contoso_tab", 1).to_vec();
    rows.extend(twice("contoso_other", 5));
    rows.extend(twice("contoso_third", 7));
    let live = with(&rows);
    let (nothing, found) = planned(&[tab(json!({}))], &live);
    assert!(nothing.is_empty());
    assert_eq!(
        codes(&found),
        [
            ("ambiguous-row", true),
            ("ambiguous-row", false),
            ("ambiguous-row", false)
        ]
    );
    // With a selection, only findings about the selected part of the project are reported.
    let desired = desired(&[tab(json!({}))]);
    let options = Options {
        only: Some(desired.resources.keys().cloned().collect()),
        ..Options::default()
    };
    let (_, found) = deskstate_reconcile::plan(&desired, &live, &options);
    assert_eq!(codes(&found), [("ambiguous-row", true)]);
}

/// A pane with an entry for each tool, each switched on or off.
fn pane(entries: &[(&str, u128, bool)]) -> Live {
    let mut rows = vec![(
        &PANE,
        json!({"msdyn_paneconfigurationid": id(1), "msdyn_uniquename": "contoso_pane", "msdyn_name": "Pane"}),
    )];
    for (at, (tool, number, on)) in (1..).zip(entries) {
        rows.push((&TOOL, json!({"msdyn_panetoolconfigurationid": id(*number), "msdyn_uniquename": tool, "msdyn_name": tool})));
        rows.push((&PANE_TAB, json!({"msdyn_panetabconfigurationid": id(number + 100), "msdyn_isenabled": on, "msdyn_order": at,
            "_msdyn_productivitypaneid_value": id(1), "_msdyn_toolid_value": id(*number)})));
    }
    with(&rows)
}

fn pane_document(tools: &[&str]) -> Json {
    let tools: Vec<Json> = tools.iter().map(|tool| json!({"tool": tool})).collect();
    document(
        "ProductivityPane",
        "contoso_pane",
        json!({"displayName": "Pane", "tools": tools}),
    )
}

#[test]
fn a_tool_that_is_left_out_of_a_pane_is_switched_off_and_one_that_is_off_is_left() {
    let live = pane(&[
        ("msdyn_kept", 10, true),
        ("msdyn_gone", 11, true),
        ("msdyn_off", 12, false),
    ]);
    let plan = plan(&[pane_document(&["msdyn_kept"])], &live);
    assert_eq!(shown(&plan), ["tools - msdyn_gone (switched off)"]);
    match &plan.changes[0].operations[..] {
        [Operation::Update { row, body, .. }] => {
            let off = ("msdyn_isenabled".to_owned(), Value::Cell(Cell::Flag(false)));
            assert_eq!((row.id, &body[..]), (id(111), &[off][..]));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_environment_without_the_table_of_a_part_says_so_whether_or_not_its_parent_is_there() {
    for (there, expected) in [(false, vec!["+contoso_pane"]), (true, vec![])] {
        let mut rows = vec![(
            &TOOL,
            json!({"msdyn_panetoolconfigurationid": id(10), "msdyn_uniquename": "msdyn_kept", "msdyn_name": "Kept"}),
        )];
        if there {
            rows.push((
                &PANE,
                json!({"msdyn_paneconfigurationid": id(1), "msdyn_uniquename": "contoso_pane", "msdyn_name": "Pane"}),
            ));
        }
        let mut without = with(&rows);
        without.tables.get_mut(&PANE_TAB).expect("there").access = Access::Absent;
        let (plan, found) = planned(&[pane_document(&["msdyn_kept"])], &without);
        assert_eq!(writes(&plan), expected);
        assert_eq!(codes(&found), [("table-missing", true)]);
    }
}

fn profile(roles: Json) -> Json {
    document(
        "AppProfile",
        "contoso_agents",
        json!({"displayName": "Agents", "app": "Desk", "roles": roles}),
    )
}

/// A profile that is mapped to the roles 40 and 41.
fn mapped() -> Live {
    let mapping = |number: u128, role: u128| {
        (
            &ROLE_MAPPING,
            json!({"msdyn_appprofilerolemappingid": id(number), "msdyn_uniquename": format!("contoso_map{number}"),
            "_msdyn_appprofileid_value": id(1), "_msdyn_securityroleid_value": id(role)}),
        )
    };
    with(&[
        (
            &PROFILE,
            json!({"msdyn_appconfigurationid": id(1), "msdyn_uniquename": "contoso_agents", "msdyn_name": "Agents", "msdyn_appmoduleuniquename": "Desk"}),
        ),
        mapping(50, 40),
        mapping(51, 41),
    ])
}

#[test]
fn an_exact_list_takes_parts_away_and_one_of_at_least_leaves_them() {
    let exact = plan(&[profile(json!(["Agent"]))], &mapped());
    assert_eq!(shown(&exact), ["roles - Supervisor"]);
    assert_eq!(writes(&exact), ["-Supervisor"]);
    let some = json!({"mode": "atLeast", "members": ["Agent"]});
    assert!(plan(&[profile(some)], &mapped()).is_empty());
}

#[test]
fn a_mapping_to_a_copy_of_a_role_is_not_a_mapping_to_the_role() {
    let live = with(&[
        (
            &PROFILE,
            json!({"msdyn_appconfigurationid": id(1), "msdyn_uniquename": "contoso_agents", "msdyn_name": "Agents", "msdyn_appmoduleuniquename": "Desk"}),
        ),
        (
            &ROLE_MAPPING,
            json!({"msdyn_appprofilerolemappingid": id(50), "msdyn_uniquename": "contoso_map", "_msdyn_appprofileid_value": id(1),
            "_msdyn_securityroleid_value": id(42)}),
        ),
    ]);
    let exact = plan(&[profile(json!(["Agent"]))], &live);
    assert_eq!(shown(&exact), ["roles + Agent", "roles - Agent of Hamburg"]);
    assert_eq!(writes(&exact), ["+Agent", "-Agent of Hamburg"]);
    let copy = json!([{"role": "Agent", "businessUnit": "Hamburg"}]);
    assert!(plan(&[profile(copy)], &live).is_empty());
}

#[test]
fn nothing_is_taken_out_of_a_list_that_is_seen_in_part() {
    for access in [
        Access::Partial("own rows only".to_owned()),
        Access::Refused("no privilege".to_owned()),
    ] {
        let mut live = mapped();
        live.tables.get_mut(&ROLE_MAPPING).expect("there").access = access;
        let (plan, found) = planned(&[profile(json!(["Agent"]))], &live);
        assert!(plan.is_empty(), "{:?}", plan.changes);
        assert_eq!(codes(&found), [("unreadable", true)]);
        // A list that removes nothing need not be visible.
        let some = json!({"mode": "atLeast", "members": ["Agent"]});
        assert!(self::plan(&[profile(some)], &live).is_empty());
    }
}

#[test]
fn a_step_that_hangs_on_another_script_is_named_with_it_and_left_there() {
    let script = |name: &str| {
        let steps = json!([{"name": "contoso_greet", "displayName": "Greet", "text": "hello"}]);
        document(
            "AgentScript",
            name,
            json!({"displayName": "Script", "language": 1033, "steps": steps}),
        )
    };
    let live = with(&[
        (
            &SCRIPT,
            json!({"msdyn_productivityagentscriptid": id(1), "msdyn_uniquename": "contoso_a", "msdyn_name": "Script", "msdyn_language": 1033}),
        ),
        (
            &SCRIPT,
            json!({"msdyn_productivityagentscriptid": id(2), "msdyn_uniquename": "contoso_b", "msdyn_name": "Script", "msdyn_language": 1033}),
        ),
        (
            &STEP,
            json!({"msdyn_productivityagentscriptstepid": id(11), "msdyn_uniquename": "contoso_greet", "msdyn_name": "Greet", "msdyn_order": 1,
            "msdyn_actiontype": 192_350_000, "msdyn_textinstruction": "hello", "_msdyn_agentscriptid_value": id(1)}),
        ),
    ]);
    assert!(plan(&[script("contoso_a")], &live).is_empty());
    let (plan, found) = planned(&[script("contoso_b")], &live);
    assert!(plan.is_empty());
    assert_eq!(
        errors(&found),
        ["part-elsewhere: `contoso_greet` belongs to `contoso_a`, not to AgentScript contoso_b"]
    );
}

#[test]
fn a_row_is_deleted_with_its_parts_if_all_of_it_is_seen() {
    let gone = [stated(profile(json!([])), "absent")];
    let whole = plan(&gone, &mapped());
    // Mappings would remain without their profile, so each is deleted separately.
    assert_eq!(writes(&whole), ["-Agent", "-Supervisor", "-contoso_agents"]);
    for (table, blocks) in [
        (&PROFILE, true),
        (&ROLE_MAPPING, true),
        (&STEP, false),
        (&TAB, false),
    ] {
        let mut live = mapped();
        live.tables.get_mut(table).expect("there").access =
            Access::Partial("own rows only".to_owned());
        let (plan, found) = planned(&gone, &live);
        assert_eq!(plan.is_empty(), blocks, "{}", table.logical);
        assert_eq!(codes(&found) == [("unreadable", true)], blocks, "{found:?}");
    }
}

#[test]
fn parts_that_the_server_deletes_with_their_row_are_listed_with_it() {
    let live = with(&[
        (
            &TAB,
            json!({"msdyn_applicationtabtemplateid": id(1), "msdyn_uniquename": "contoso_tab", "msdyn_name": "Tab", "msdyn_pagetype": 509_180_005}),
        ),
        (
            &PARAMETER,
            json!({"msdyn_templateparameterid": id(11), "msdyn_name": "searchText", "msdyn_value": "x", "modifiedon": "T1",
            "_msdyn_applicationtabtemplateid_value": id(1)}),
        ),
        (
            &PARAMETER,
            json!({"msdyn_templateparameterid": id(12), "msdyn_name": "searchText", "_msdyn_applicationtabtemplateid_value": id(9)}),
        ),
    ]);
    let plan = plan(&[stated(tab(json!({})), "absent")], &live);
    match &plan.changes[0].operations[..] {
        [Operation::Delete { row, along, .. }] => {
            assert_eq!(row.id, id(1));
            let parts: Vec<_> = along
                .iter()
                .map(|part| (part.row.label.as_str(), part.seen.modified_on.as_deref()))
                .collect();
            assert_eq!(parts, [("searchText", Some("T1"))]);
        }
        other => panic!("{other:?}"),
    }
}
