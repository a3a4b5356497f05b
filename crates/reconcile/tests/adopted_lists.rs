//! Adoption of lists of mappings and of sets: items keep their keys, their order is the live one, and anything that a manifest cannot
//! express is refused, so that the next apply does not remove it.

use std::collections::BTreeMap;

use super::support::{self, PROJECT, Rows, id, live};
use deskstate_model::tables::{
    INBOX, NOTIFICATION, NOTIFICATION_FIELD, NOTIFICATION_FIELDS, PANE, PANE_TAB, PROFILE,
    ROLE_MAPPING, SCRIPT, STEP, TOOL,
};
use deskstate_reconcile::adopt::Adoption;
use serde_json::json;

const FILE: &str = "manifests/desk.yaml";

fn document(kind: &str, name: &str, spec: &str) -> String {
    format!("apiVersion: deskstate/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n{spec}")
}

/// Adopts these rows into one file.
fn adopted(text: &str, rows: &Rows) -> Adoption {
    let texts = BTreeMap::from([
        ("deskstate.yaml".to_owned(), PROJECT.to_owned()),
        (FILE.to_owned(), text.to_owned()),
    ]);
    support::adopted(&texts, &live(rows))
}

/// Asserts that nothing is refused and that the adopted file ends with this text.
#[track_caller]
fn says_last(text: &str, rows: &Rows, last: &str) {
    let adoption = adopted(text, rows);
    assert_eq!(adoption.refused, []);
    let after = &adoption.files[FILE].after;
    assert!(after.ends_with(last), "{after}");
}

/// Field and reason of each refusal. Asserts that the file is unchanged.
#[track_caller]
fn refused(text: &str, rows: &Rows) -> Vec<(String, String)> {
    let adoption = adopted(text, rows);
    assert!(adoption.files.is_empty(), "{:?}", adoption.files);
    let refused = adoption.refused.into_iter();
    refused.map(|refusal| (refusal.path, refusal.why)).collect()
}

fn one(path: &str, why: &str) -> Vec<(String, String)> {
    vec![(path.to_owned(), why.to_owned())]
}

fn profile() -> Rows {
    let mut rows = Rows::default();
    rows.row(
        &PROFILE,
        json!({"msdyn_appconfigurationid": id(100), "msdyn_uniquename": "contoso_agents", "msdyn_name": "Agents",
            "msdyn_appmoduleuniquename": "CustomerServiceApps"}),
    );
    rows
}

fn view(rows: &mut Rows, number: u128, name: &str, label: Option<&str>, visible: Option<bool>) {
    rows.row(
        &INBOX,
        json!({"msdyn_inboxconfigurationid": id(number), "_msdyn_appconfigurationid_value": id(100), "msdyn_uniquename": name,
            "msdyn_name": label, "msdyn_isvisible": visible, "msdyn_configuration": "{\"a\":1}"}),
    );
}

#[test]
fn steps_move_change_and_come_and_keep_their_comments() {
    let script = document(
        "AgentScript",
        "contoso_call",
        "  displayName: Call
  language: 1033
  steps:
    # first of all
    - displayName: Greet # by name
      text: Hello
    - displayName: Ask
      text: Which order?
    - displayName: Close
      text: Goodbye
",
    );
    let mut rows = Rows::default();
    rows.row(
        &SCRIPT,
        json!({"msdyn_productivityagentscriptid": id(100), "msdyn_uniquename": "contoso_call", "msdyn_name": "Call", "msdyn_language": 1033}),
    );
    for (number, name, text) in [
        (1, "Ask", "Which order, please?"),
        (2, "Greet", "Hello"),
        (3, "Thank", "Thank you"),
    ] {
        rows.row(
            &STEP,
            json!({"msdyn_productivityagentscriptstepid": id(number), "_msdyn_agentscriptid_value": id(100), "msdyn_name": name,
                "msdyn_uniquename": format!("contoso_call_{name}"), "msdyn_textinstruction": text, "msdyn_actiontype": 192_350_000,
                "msdyn_order": u64::try_from(number).unwrap_or_default(), "msdyn_description": "for the team"}),
        );
    }
    says_last(
        &script,
        &rows,
        "  steps:
    # first of all
    - displayName: Ask
      text: Which order, please?
    - displayName: Greet # by name
      text: Hello
    - displayName: Thank
      name: contoso_call_Thank
      description: for the team
      text: Thank you
",
    );
}

#[test]
fn a_tool_that_is_off_stays_and_what_an_item_does_not_say_stays_unsaid() {
    let pane = document(
        "ProductivityPane",
        "contoso_pane",
        "  displayName: Pane
  tools:
    - tool: msdyn_agentscript # the script
      tooltip: Script
    - {tool: msdyn_assist, enabled: false}
",
    );
    let mut rows = Rows::default();
    rows.row(
        &PANE,
        json!({"msdyn_paneconfigurationid": id(100), "msdyn_uniquename": "contoso_pane", "msdyn_name": "Pane"}),
    );
    for (number, name, order) in [
        (1, "msdyn_agentscript", 1),
        (2, "msdyn_assist", 3),
        (3, "msdyn_search", 2),
    ] {
        rows.row(
            &TOOL,
            json!({"msdyn_panetoolconfigurationid": id(100 + number), "msdyn_uniquename": name, "msdyn_name": name}),
        );
        rows.row(
            &PANE_TAB,
            json!({"msdyn_panetabconfigurationid": id(number), "_msdyn_productivitypaneid_value": id(100), "_msdyn_toolid_value": id(100 + number),
                "msdyn_uniquename": format!("{name}_contoso_pane"), "msdyn_name": name, "msdyn_tooltip": "The script", "msdyn_iconpath": "icon.svg",
                "msdyn_order": order, "msdyn_isenabled": name != "msdyn_assist"}),
        );
    }
    says_last(
        &pane,
        &rows,
        "  tools:
    - tool: msdyn_agentscript # the script
      tooltip: The script
    - {tool: msdyn_assist, enabled: false}
    - tool: msdyn_search
      name: msdyn_search_contoso_pane
      displayName: msdyn_search
      tooltip: The script
      iconPath: icon.svg
",
    );
}

#[test]
fn keys_that_follow_from_live_are_set_and_not_taken_for_lost() {
    let pane = document(
        "ProductivityPane",
        "contoso_pane",
        "  displayName: Pane\n  tools:\n    - {tool: msdyn_assist, enabled: false}\n",
    );
    let mut rows = Rows::default();
    rows.row(
        &PANE,
        json!({"msdyn_paneconfigurationid": id(100), "msdyn_uniquename": "contoso_pane", "msdyn_name": "Pane"}),
    );
    rows.row(
        &TOOL,
        json!({"msdyn_panetoolconfigurationid": id(101), "msdyn_uniquename": "msdyn_assist", "msdyn_name": "Assist"}),
    );
    rows.row(
        &PANE_TAB,
        json!({"msdyn_panetabconfigurationid": id(1), "_msdyn_productivitypaneid_value": id(100), "_msdyn_toolid_value": id(101),
            "msdyn_uniquename": "msdyn_assist_contoso_pane", "msdyn_name": "Assist", "msdyn_order": 1, "msdyn_isenabled": true}),
    );
    says_last(&pane, &rows, "    - {tool: msdyn_assist, enabled: true}\n");

    let toast = document(
        "NotificationTemplate",
        "contoso_toast",
        "  displayName: Toast
  title: Call
  fields:
    - {header: From, value: \"{caller}\", name: contoso_from, order: 7, displayName: Caller}
",
    );
    let mut rows = Rows::default();
    rows.row(
        &NOTIFICATION,
        json!({"msdyn_notificationtemplateid": id(1), "msdyn_uniquename": "contoso_toast", "msdyn_name": "Toast", "msdyn_title": "Call"}),
    );
    rows.row(
        &NOTIFICATION_FIELD,
        json!({"msdyn_notificationfieldid": id(2), "msdyn_uniquename": "contoso_from", "msdyn_name": "From",
            "msdyn_title": "From", "msdyn_value": "{caller}", "msdyn_order": 1}),
    );
    rows.link(&NOTIFICATION_FIELDS, id(1), id(2));
    says_last(
        &toast,
        &rows,
        "    - {header: From, value: \"{caller}\", name: contoso_from, order: 1, displayName: From}\n",
    );
}

#[test]
fn roles_that_are_mapped_now_are_named_and_others_go() {
    let text = document(
        "AppProfile",
        "contoso_agents",
        "  displayName: Agents\n  app: CustomerServiceApps\n  roles: [Agent]\n",
    );
    let mut rows = profile();
    rows.row(
        &ROLE_MAPPING,
        json!({"msdyn_appprofilerolemappingid": id(1), "_msdyn_appprofileid_value": id(100), "msdyn_uniquename": "x", "_msdyn_securityroleid_value": id(41)}),
    );
    says_last(&text, &rows, "  roles: [Supervisor]\n");
}

#[test]
fn a_list_without_a_view_that_cannot_be_said_is_refused() {
    let spec = "  displayName: Agents\n  app: CustomerServiceApps\n  inboxViews:\n    - {name: contoso_mine, displayName: Mine, configuration: {a: 1}}\n";
    let text = document("AppProfile", "contoso_agents", spec);
    let mut rows = profile();
    view(&mut rows, 1, "contoso_mine", Some("Mine"), None);
    view(&mut rows, 2, "contoso_all", None, None);
    assert_eq!(
        refused(&text, &rows),
        one(
            "inboxViews",
            "a manifest cannot express the live value: contoso_all has no `displayName` (00000000-0000-0000-0000-000000000002)"
        )
    );
}

#[test]
fn a_value_that_is_empty_and_cannot_be_said_to_be_is_refused() {
    let spec = "  displayName: Agents\n  app: CustomerServiceApps\n  inboxViews:\n    - {name: contoso_mine, displayName: Mine, visible: false, configuration: {a: 1}}\n";
    let text = document("AppProfile", "contoso_agents", spec);
    let mut rows = profile();
    view(&mut rows, 1, "contoso_mine", Some("Mine"), None);
    assert_eq!(
        refused(&text, &rows),
        one(
            "inboxViews",
            "the environment has no `visible` for contoso_mine, which a manifest cannot express: apply it, or remove the key"
        )
    );

    // A field without a declared display name may have the same name as its header, or no name.
    let toast = document(
        "NotificationTemplate",
        "contoso_toast",
        "  displayName: Toast\n  title: Call\n  fields:\n    - {header: From, name: contoso_from, displayName: Caller}\n",
    );
    let mut rows = Rows::default();
    rows.row(
        &NOTIFICATION,
        json!({"msdyn_notificationtemplateid": id(1), "msdyn_uniquename": "contoso_toast", "msdyn_name": "Toast", "msdyn_title": "Call"}),
    );
    rows.row(
        &NOTIFICATION_FIELD,
        json!({"msdyn_notificationfieldid": id(2), "msdyn_uniquename": "contoso_from", "msdyn_title": "From", "msdyn_order": 1}),
    );
    rows.link(&NOTIFICATION_FIELDS, id(1), id(2));
    assert_eq!(
        refused(&toast, &rows),
        one(
            "fields",
            "the environment has no `displayName` for contoso_from, which a manifest cannot express: apply it, or remove the key"
        )
    );

    let toast = document(
        "NotificationTemplate",
        "contoso_toast",
        "  displayName: Toast\n  title: Call\n  showRejectButton: true\n",
    );
    let mut rows = Rows::default();
    rows.row(
        &NOTIFICATION,
        json!({"msdyn_notificationtemplateid": id(1), "msdyn_uniquename": "contoso_toast", "msdyn_name": "Toast", "msdyn_title": "Call"}),
    );
    assert_eq!(
        refused(&toast, &rows),
        one(
            "showRejectButton",
            "the live field is empty, which a manifest cannot express: apply it, or remove the field"
        )
    );
}
