//! Drift with names on it, and the way back: the built binary against emulators in processes of their own.

mod support;

use std::net::TcpListener;
use std::process::Command;

use support::{Project, Server, deskstate};

const API: &str = "/api/data/v9.2";

/// A Tenfold project that is applied to a server of its own.
fn applied() -> (Project, Server) {
    let project = Project::example("tenfold");
    let server = Server::with_parameters(project.path(), false);
    project.add_server(&server.url);
    project.answer(false);
    project.run(&["apply", "--env", "server", "--yes"]).ended(0);
    (project, server)
}

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

#[track_caller]
fn says(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.contains(line), "`{line}` is not in\n{text}");
    }
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
fn an_export_of_everything_is_valid_and_plans_to_nothing() {
    let (project, server) = applied();
    let copy = tempfile::TempDir::new().unwrap();
    let manifests = copy.path().join("manifests");
    let out = manifests.to_str().unwrap();
    project
        .run(&["export", "--env", "server", "--out", out])
        .ended(0);
    std::fs::write(
        copy.path().join("deskstate.yaml"),
        format!("apiVersion: deskstate/v1\nkind: Project\nmetadata: {{name: copy}}\nspec:\n  environments:\n    server: {{url: \"{}\"}}\n", server.url),
    )
    .unwrap();
    let run = |arguments: &[&str]| -> support::Run {
        deskstate(copy.path())
            .args(arguments)
            .output()
            .unwrap()
            .into()
    };
    run(&["validate"]).ended(0);
    let plan = run(&["plan", "--env", "server", "--detailed-exitcode"]).ended(0);
    says(&plan.out, &["server matches the manifests"]);
    let again = project
        .run(&["export", "--env", "server", "--out", out])
        .ended(4);
    says(&again.err, &["nothing was written"]);
    let few = project
        .run(&[
            "export",
            "--env",
            "server",
            "CTI_createSession",
            "--users",
            "none",
            "--skip-defaults",
        ])
        .ended(0);
    says(
        &few.out,
        &["name: CTI_createSession", "name: tenfold_customerSummary"],
    );
    assert!(
        !few.out.contains("kind: AppProfile") && !few.out.contains("owner:"),
        "{}",
        few.out
    );
    project
        .run(&["export", "--env", "server", "nothing_here"])
        .ended(1);
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
    let left = project.run(&["drift", "--env", "server"]).ended(2);
    says(&left.out, &["communicationPanelMode  Docked → Hidden"]);
    assert!(!left.out.contains("lin@contoso.com"), "{}", left.out);
}

#[test]
fn two_environments_are_compared_and_the_difference_can_be_an_overlay() {
    let (project, server) = applied();
    let other = Server::with_parameters(project.path(), false);
    project.edit("deskstate.yaml", "  environments:\n", &format!("  environments:\n    other:\n      url: \"{}\"\n      variables: {{widgetOrigin: \"https://widget.tenfold.example\"}}\n", other.url));
    project.run(&["apply", "--env", "other", "--yes"]).ended(0);
    project
        .run(&["diff", "--from", "other", "--to", "server"])
        .ended(0);
    let session = server.id(
        "msdyn_sessiontemplates",
        "msdyn_sessiontemplateid",
        "CTI_createSession",
    );
    server.patch(
        &format!("msdyn_sessiontemplates({session})"),
        r#"{"msdyn_title":"{customer} calls"}"#,
    );
    let diff = project
        .run(&[
            "diff",
            "--from",
            "other",
            "--to",
            "server",
            "--as-overlay",
            "overlays/like-server",
        ])
        .ended(2);
    says(
        &diff.out,
        &[
            "~ SessionTemplate CTI_createSession",
            "{customer} → {customer} calls",
        ],
    );
    let overlay = project.read("overlays/like-server/session-templates/CTI_createSession.yaml");
    says(
        &overlay,
        &["name: CTI_createSession", "title: \"{customer} calls\""],
    );
}

#[test]
fn of_a_fleet_of_fifty_the_broken_five_are_named_and_the_others_are_reported() {
    let (project, server) = applied();
    let second = Server::with_parameters(project.path(), false);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = silent.local_addr().unwrap();
    drop(silent);
    let mut environments = String::new();
    for number in 0..45 {
        let url = if number % 9 == 0 {
            &second.url
        } else {
            &server.url
        };
        environments.push_str(&format!("    env{number:02}:\n      url: \"{url}\"\n      variables: {{widgetOrigin: \"https://widget.tenfold.example\"}}\n"));
    }
    let variables = "      variables: {widgetOrigin: \"https://widget.tenfold.example\"}\n";
    environments.push_str(&format!(
        "    bad0:\n      url: \"http://{dead}\"\n{variables}"
    ));
    environments.push_str(&format!(
        "    bad1:\n      url: \"http://{dead}\"\n{variables}"
    ));
    environments.push_str(&format!("    bad2:\n      url: \"{}\"\n      organizationId: 0c0f0000-0000-4000-8000-0000000000f1\n{variables}", server.url));
    environments.push_str(&format!("    bad3:\n      url: \"{}\"\n      organizationId: 0c0f0000-0000-4000-8000-0000000000f2\n{variables}", server.url));
    environments.push_str(&format!(
        "    bad4:\n      url: \"http://{dead}\"\n{variables}"
    ));
    project.edit(
        "deskstate.yaml",
        "  environments:\n",
        &format!("  environments:\n{environments}"),
    );
    let metrics = project.path().join("drift.prom");
    let fleet = |arguments: &[&str]| -> support::Run {
        let mut command = deskstate(project.path());
        command
            .args(["drift", "--all", "--concurrency", "8"])
            .args(arguments);
        command.output().unwrap().into()
    };
    let report = fleet(&["--format", "json", "--metrics", metrics.to_str().unwrap()]).ended(1);
    let json: serde_json::Value = serde_json::from_str(&report.out).unwrap();
    let status = |wanted: &str| {
        let all = json["environments"].as_array().unwrap().iter();
        all.filter(|one| {
            one["environment"] != "server"
                && one["environment"] != "local"
                && one["environment"] != "prod"
                && one["status"] == wanted
        })
        .count()
    };
    assert_eq!(status("inSync"), 40, "{}", report.out);
    assert_eq!(status("drift"), 5, "the second server has nothing yet");
    let broken: Vec<&str> = json["environments"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["status"] == "failed")
        .filter_map(|one| one["environment"].as_str())
        .filter(|name| name.starts_with("bad"))
        .collect();
    assert_eq!(broken, ["bad0", "bad1", "bad2", "bad3", "bad4"]);
    let numbers = std::fs::read_to_string(metrics).unwrap();
    says(
        &numbers,
        &[
            "# TYPE deskstate_drift_up gauge",
            "deskstate_drift_up{environment=\"bad2\"} 0",
            "deskstate_drift_up{environment=\"env01\"} 1",
        ],
    );
    let shard = fleet(&["--shard", "1/10"]);
    says(&shard.out, &["environment", "result"]);
}
