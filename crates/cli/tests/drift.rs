//! Drift with names on it, and the way back: the built binary against emulators in processes of their own.

mod support;

use std::process::Command;

use support::{Server, applied, says};

const API: &str = "/api/data/v9.2";

/// The id of the first row of a set that a filter finds.
fn found(server: &Server, set: &str, key: &str, filter: &str) -> String {
    let rows = server.get(&format!("{API}/{set}?$select={key}&$filter={filter}"));
    rows["value"][0][key]
        .as_str()
        .unwrap_or_else(|| panic!("nothing in {set}"))
        .to_owned()
}

/// Lets Ada do what an administrator may, and gives her id.
fn ada_may_everything(server: &Server) -> String {
    let ada = found(
        server,
        "systemusers",
        "systemuserid",
        "domainname%20eq%20'ada@contoso.com'",
    );
    let role = found(
        server,
        "roles",
        "roleid",
        "name%20eq%20'System%20Administrator'%20and%20_parentroleid_value%20eq%20null",
    );
    let link = format!("{{\"@odata.id\":\"{}{API}/roles({role})\"}}", server.url);
    let reply = server.request(
        "POST",
        &format!("{API}/systemusers({ada})/systemuserroles_association/$ref"),
        &link,
        "",
    );
    assert!(reply.starts_with("HTTP/1.1 204"), "{reply}");
    ada
}

fn auditing(server: &Server, on: bool) {
    let id = found(
        server,
        "organizations",
        "organizationid",
        "languagecode%20gt%200",
    );
    server.patch(
        &format!("organizations({id})"),
        &format!("{{\"isauditenabled\":{on}}}"),
    );
}

/// Somebody hides the communication panel, and takes Lin out of the profile.
fn edit_as(server: &Server, user: &str) {
    let session = server.id(
        "msdyn_sessiontemplates",
        "msdyn_sessiontemplateid",
        "CTI_createSession",
    );
    let header = format!("MSCRMCallerID: {user}\r\n");
    let reply = server.request(
        "PATCH",
        &format!("{API}/msdyn_sessiontemplates({session})"),
        r#"{"msdyn_panelstate":162450001}"#,
        &format!("If-Match: *\r\n{header}"),
    );
    assert!(reply.starts_with("HTTP/1.1 204"), "{reply}");
    let profile = server.id(
        "msdyn_appconfigurations",
        "msdyn_appconfigurationid",
        "tenfold_appProfile",
    );
    let lin = found(
        server,
        "systemusers",
        "systemuserid",
        "domainname%20eq%20'lin@contoso.com'",
    );
    let reply = server.request(
        "DELETE",
        &format!(
            "{API}/msdyn_appconfigurations({profile})/msdyn_appconfiguration_systemuser({lin})/$ref"
        ),
        "",
        &header,
    );
    assert!(reply.starts_with("HTTP/1.1 204"), "{reply}");
}

#[test]
fn with_auditing_each_change_has_its_author_and_without_it_only_the_last_writer_of_a_row_is_known()
{
    let (project, server) = applied();
    let ada = ada_may_everything(&server);
    auditing(&server, true);
    edit_as(&server, &ada);
    let audited = project.run(&["drift", "--env", "server"]).ended(2);
    says(
        &audited.out,
        &[
            "~ SessionTemplate CTI_createSession",
            "communicationPanelMode  Docked → Hidden",
            "edited by hand: auditing names ada@contoso.com",
            "breaks: no session opens when a call comes in (tenfold-cif-v2/session-template)",
            "users                   − lin@contoso.com",
            "auditing is on",
        ],
    );
    assert_eq!(
        audited
            .out
            .matches("edited by hand: auditing names ada@contoso.com")
            .count(),
        2,
        "{}",
        audited.out
    );
    auditing(&server, false);
    let unaudited = project.run(&["drift", "--env", "server"]).ended(2);
    says(
        &unaudited.out,
        &[
            "edited by hand: ada@contoso.com wrote the row last, though maybe of another field; auditing is off",
            "unknown: auditing is off, and nothing else tells who made or removed a link",
        ],
    );
    let json = project
        .run(&["drift", "--env", "server", "--format", "json"])
        .ended(2);
    let report: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(report["formatVersion"], 1);
    assert_eq!(report["environments"][0]["classes"]["editedByHand"], 1);
    assert_eq!(report["environments"][0]["classes"]["unknown"], 1);
}

#[test]
fn a_deleted_row_is_drift_and_the_revision_that_was_applied_tells_what_is_not_applied_yet() {
    let (project, server) = applied();
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
        let done = Command::new("git")
            .args(identity)
            .args(arguments)
            .current_dir(project.path())
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
    };
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "applied"]);
    git(&["tag", "deskstate/server"]);
    project.edit(
        "manifests/app-profile.yaml",
        "Agents who take calls with Tenfold",
        "Other words",
    );
    let toast = server.id(
        "msdyn_notificationtemplates",
        "msdyn_notificationtemplateid",
        "CTI_inboundCallNotification",
    );
    let reply = server.request(
        "DELETE",
        &format!("{API}/msdyn_notificationtemplates({toast})"),
        "",
        "",
    );
    assert!(reply.starts_with("HTTP/1.1 204"), "{reply}");
    let drift = project
        .run(&["drift", "--env", "server", "--at", "deskstate/{env}"])
        .ended(2);
    says(
        &drift.out,
        &[
            "− NotificationTemplate CTI_inboundCallNotification is not there",
            "description             Other words → Agents who take calls with Tenfold",
            "not applied yet: live is as deskstate/server says",
        ],
    );
    project
        .run(&[
            "apply",
            "--env",
            "server",
            "--yes",
            "--only-drift",
            "--at",
            "deskstate/{env}",
        ])
        .ended(0);
    let left = project
        .run(&["drift", "--env", "server", "--at", "deskstate/{env}"])
        .ended(2);
    assert!(
        !left.out.contains("CTI_inboundCallNotification") && left.out.contains("Other words"),
        "only drift was put back:\n{}",
        left.out
    );
    let wrong = project
        .run(&["drift", "--env", "server", "--at", "nothing"])
        .ended(1);
    says(&wrong.err, &["git has no revision `nothing`"]);
}

#[test]
fn accepted_drift_is_told_apart_until_its_day_is_over() {
    let (project, server) = applied();
    let session = server.id(
        "msdyn_sessiontemplates",
        "msdyn_sessiontemplateid",
        "CTI_createSession",
    );
    server.patch(
        &format!("msdyn_sessiontemplates({session})"),
        r#"{"msdyn_panelstate":162450001}"#,
    );
    project.edit(
        "deskstate.yaml",
        "  environments:\n",
        "  ignore:\n    - kind: SessionTemplate\n      name: CTI_*\n      fields: [communicationPanelMode]\n      reason: trying it out\n      until: 2027-01-31\n  environments:\n",
    );
    let accepted = project
        .run(&["drift", "--env", "server", "--today", "2027-01-31"])
        .ended(0);
    says(
        &accepted.out,
        &[
            "1 difference accepted by rules under `ignore`",
            "until 2027-01-31: trying it out",
        ],
    );
    let over = project
        .run(&["drift", "--env", "server", "--today", "2027-02-01"])
        .ended(2);
    says(
        &over.out,
        &[
            "communicationPanelMode  Docked → Hidden",
            "accepts nothing since 2027-01-31",
        ],
    );
}

#[test]
fn adopt_edits_what_drifted_and_nothing_else() {
    let (project, server) = applied();
    let admin = found(
        &server,
        "systemusers",
        "systemuserid",
        "domainname%20eq%20'admin@contoso.com'",
    );
    edit_as(&server, &admin);
    let before = project.read("manifests/app-profile.yaml");
    let check = project
        .run(&["adopt", "--env", "server", "tenfold_appProfile", "--check"])
        .ended(2);
    says(
        &check.out,
        &[
            "--- a/manifests/app-profile.yaml",
            "-      - lin@contoso.com",
        ],
    );
    assert_eq!(
        project.read("manifests/app-profile.yaml"),
        before,
        "--check writes nothing"
    );
    project
        .run(&["adopt", "--env", "server", "tenfold_appProfile"])
        .ended(0);
    assert_eq!(
        project.read("manifests/app-profile.yaml"),
        before.replace("      - lin@contoso.com\n", "")
    );
    // The session template, which the profile needs, was not chosen: its contract forbids what live has.
    let left = project.run(&["drift", "--env", "server"]).ended(2);
    says(&left.out, &["communicationPanelMode  Docked → Hidden"]);
    assert!(!left.out.contains("lin@contoso.com"), "{}", left.out);
}
