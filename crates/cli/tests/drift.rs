//! Drift with the names of its authors, and ways to resolve it: the built binary against emulators in their own processes.

use super::support::{Project, Server, applied, says, session};

#[test]
fn with_auditing_each_change_has_its_author_and_without_it_only_the_last_writer_of_a_row_is_known()
{
    let (project, server) = applied();
    let ada = server.administrator("ada@contoso.com");
    server.auditing(true);
    server.edit_as(&ada);
    let audited = project.run(&["drift", "--env", "server"]).ended(2);
    says(
        &audited.out,
        &[
            "~ SessionTemplate CTI_createSession",
            "communicationPanelMode  Docked → Hidden",
            "edited by hand: the declared value was there until ada@contoso.com changed it",
            "breaks: no session opens when a call comes in (tenfold-cif-v2/session-template)",
            "users                   − lin@contoso.com",
            "edited by hand: auditing recorded that ada@contoso.com removed it",
            "auditing is on",
        ],
    );
    assert_eq!(
        audited
            .out
            .matches(
                "edited by hand: the declared value was there until ada@contoso.com changed it"
            )
            .count(),
        1,
        "{}",
        audited.out
    );
    server.auditing(false);
    let unaudited = project.run(&["drift", "--env", "server"]).ended(2);
    says(
        &unaudited.out,
        &[
            "edited by hand: ada@contoso.com last wrote the row, though maybe of another field; auditing is off",
            "cause unknown: auditing is off, and nothing else shows who made or removed a link",
        ],
    );
    let json = project
        .run(&["drift", "--env", "server", "--format", "json"])
        .ended(2);
    let report: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(report["formatVersion"], 1);
    assert_eq!(report["environments"][0]["classes"]["editedByHand"], 1);
    assert_eq!(report["environments"][0]["classes"]["unknown"], 1);
    let schema = project.run(&["schema", "drift"]).ended(0);
    let schema: serde_json::Value = serde_json::from_str(&schema.out).unwrap();
    let schema = jsonschema::draft7::new(&schema).unwrap();
    let errors: Vec<String> = schema
        .iter_errors(&report)
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    let mut wrong = report;
    wrong["environments"][0]["drifted"][0]["state"] = 1.into();
    assert!(!schema.is_valid(&wrong));
}

/// What differs is known before anybody is asked for authors.
#[test]
fn a_report_whose_authors_cannot_be_read_tells_the_drift_and_why_nobody_is_named() {
    let (project, server) = applied();
    let ada = server.administrator("ada@contoso.com");
    server.auditing(true);
    server.edit_as(&ada);
    let refused = r#"{"formatVersion": 1, "rules": [{"when": {"body": "RetrieveRecordChangeHistory"}, "fault": {"kind": "refuse"}}]}"#;
    server.request("POST", "/__emulator/faults", refused, "");
    let run = project.run(&["drift", "--env", "server"]).ended(2);
    says(
        &run.out,
        &[
            "communicationPanelMode  Docked → Hidden",
            "audit records cannot be read: ",
        ],
    );
    assert!(!run.out.contains("ada@contoso.com"), "{}", run.out);
    let contract = project.run(&["check", "--env", "server"]).ended(2);
    says(&contract.out, &["audit records cannot be read: "]);
    let session = server.id(
        "msdyn_sessiontemplates",
        "msdyn_sessiontemplateid",
        "CTI_createSession",
    );
    let refused = format!(
        r#"{{"formatVersion": 1, "rules": [{{"when": {{"part": "%RetrieveRecordChangeHistory%{session}%"}}, "fault": {{"kind": "refuse"}}}}]}}"#
    );
    server.request("POST", "/__emulator/faults", &refused, "");
    let one = project.run(&["drift", "--env", "server"]).ended(2);
    says(
        &one.out,
        &[
            "auditing recorded that ada@contoso.com removed it",
            "audit records of this row cannot be read",
        ],
    );
}

#[test]
fn settings_of_the_organization_that_cannot_be_read_are_unknown_and_not_off() {
    let (project, server) = applied();
    server.auditing(true);
    server.patch_session(r#"{"msdyn_title": "By hand"}"#);
    let refused = r#"{"formatVersion": 1, "rules": [{"when": {"part": "%organizations%"}, "fault": {"kind": "refuse"}}]}"#;
    server.request("POST", "/__emulator/faults", refused, "");
    let drift = project.run(&["drift", "--env", "server"]);
    says(&drift.out, &["whether auditing is on could not be read"]);
    assert!(!drift.out.contains("auditing is off"), "{}", drift.out);
    assert!(!drift.out.contains("in another language"), "{}", drift.out);
    let doctor = project.run(&["doctor", "--env", "server"]);
    says(
        &doctor.out,
        &[
            "it could not be read whether unmanaged customizations are blocked",
            "it could not be read whether auditing is on",
        ],
    );
    assert!(!doctor.out.contains("not blocked"), "{}", doctor.out);
}

#[test]
fn a_message_about_a_part_of_an_environment_is_not_sent() {
    let (project, _server) = applied();
    for option in ["--notify", "--metrics"] {
        let run = project
            .run(&["drift", "--env", "server", "AppProfile", option, "webhook"])
            .ended(4);
        says(&run.err, &[option, "a part of one was selected"]);
    }
    for (format, said) in [
        ("text", "server matches the selected manifests ("),
        ("markdown", "| `server` (selection) |"),
        ("junit", "<testsuite name=\"server (selection)\""),
        ("json", "\"selection\": true"),
        ("html", "Drift of a selection of server"),
    ] {
        let run = project.run(&["drift", "--env", "server", "AppProfile", "--format", format]);
        says(&run.ended(0).out, &[said]);
    }
}

#[test]
fn a_secret_in_a_live_value_is_masked_in_every_format() {
    let (project, server) = applied();
    let key = "LEAKME0123456789AbCdEf0123456789";
    let body = format!(r#"{{"msdyn_description":"https://x.example/?api_key={key}&q=1"}}"#);
    let profile = server.id(
        "msdyn_appconfigurations",
        "msdyn_appconfigurationid",
        "tenfold_appProfile",
    );
    let row = format!("/api/data/v9.2/msdyn_appconfigurations({profile})");
    let reply = server.request("PATCH", &row, &body, "");
    assert!(reply.starts_with("HTTP/1.1 204"), "{reply}");
    for format in ["text", "json", "markdown", "junit", "html"] {
        let run = project
            .run(&["drift", "--env", "server", "--format", format])
            .ended(2);
        assert!(!run.out.contains(key), "{format}: {}", run.out);
        assert!(
            run.out.contains("looks like a secret"),
            "{format}: {}",
            run.out
        );
    }
}

/// `UPDATE_SCHEMAS=1 cargo test -p deskstate --test scenarios drift::the_schema` rewrites it.
#[test]
fn the_schema_of_reports_in_the_repository_is_current() {
    let project = super::support::Project::example("tenfold");
    let schema = project.run(&["schema", "drift"]).ended(0).out;
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/drift.json");
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(&path, &schema).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == schema,
        "schemas/drift.json is not current: run with UPDATE_SCHEMAS=1"
    );
}

#[test]
fn a_deleted_row_is_drift_and_the_revision_that_was_applied_tells_what_is_not_applied_yet() {
    let (project, server) = applied();
    project.commit_applied();
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
    server.delete(&format!("msdyn_notificationtemplates({toast})"));
    let drift = project
        .run(&["drift", "--env", "server", "--at", "deskstate/{env}"])
        .ended(2);
    says(
        &drift.out,
        &[
            "− NotificationTemplate CTI_inboundCallNotification is missing",
            "description             Other words → Agents who take calls with Tenfold",
            "not applied yet: live is as deskstate/server says",
        ],
    );
    project.revert_drift().ended(0);
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
    // Where there is no repository, no revision is to blame.
    // On Windows, files of git are read-only, so the folder is renamed, not removed.
    let of_git = project.path().join(".git");
    std::fs::rename(of_git, project.path().join("git")).unwrap();
    for arguments in [
        &["drift", "--env", "server", "--at", "HEAD"][..],
        &["validate", "--baseline", "HEAD"],
    ] {
        let outside = project.run(arguments).ended(1);
        says(&outside.err, &[" is not in a git repository\n"]);
        assert!(!outside.err.contains("shallow"), "{}", outside.err);
    }
    // Here git refuses whatever it is asked.
    project.write(".git/HEAD", "");
    let refused = project.run(&["validate", "--baseline", "HEAD"]).ended(1);
    says(&refused.err, &["git does not read the repository of "]);
}

/// The tag is behind: somebody applied by hand, or the step that moves it failed.
#[test]
fn reverting_drift_deletes_nothing_that_is_declared_or_protected_today() {
    let server = Server::plain();
    let tab = |name: &str, state: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {{name: contoso_{name}{state}}}\n{}",
            if state.is_empty() {
                "spec: {displayName: T, title: T, pageType: ThirdPartyWebsite, parameters: {url: 'https://a.example'}}\n---\n"
            } else {
                "---\n"
            }
        )
    };
    let spec = "owns: {prefixes: [contoso]}\nprune: owned";
    let first = format!("{}{}", tab("a", ""), tab("back", ", state: absent"));
    let project = Project::desk(&server, spec, "", &first);
    project.apply();
    project.commit_applied();
    let now = format!("{}{}{}", tab("a", ""), tab("new", ""), tab("back", ""));
    project.write("manifests/all.yaml", &now);
    project.edit(
        "deskstate.yaml",
        "prune: owned",
        "prune: owned\n  protect: [\"ApplicationTab/contoso_hand\"]",
    );
    let both = format!("{now}{}", tab("hand", ""));
    let by_hand = Project::desk(&server, "", "", &both);
    by_hand.apply();
    let run = project.revert_drift().ended(0);
    assert!(!run.out.contains("Deleted"), "{}", run.out);
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
}

#[test]
fn accepted_drift_is_told_apart_until_its_day_is_over() {
    let (project, server) = applied();
    server.patch_session(r#"{"msdyn_panelstate":162450001}"#);
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
            "accepts nothing after 2027-01-31",
        ],
    );
    let page = |today: &str, code| {
        let arguments = [
            "drift", "--env", "server", "--format", "html", "--today", today,
        ];
        project.run(&arguments).ended(code).out
    };
    says(
        &page("2027-01-31", 0),
        &[
            "Everything matches the manifests.",
            "SessionTemplate CTI_createSession communicationPanelMode until 2027-01-31: trying it out",
        ],
    );
    says(
        &page("2027-02-01", 2),
        &["SessionTemplate/CTI_* accepted until 2027-01-31: trying it out"],
    );
}

#[test]
fn many_rows_that_nobody_declares_are_folded_for_people_and_whole_for_programs() {
    let (project, server) = applied();
    let ada = server.administrator("ada@contoso.com");
    for number in 1..=7 {
        server.makes_notification(&ada, &format!("tenfold_extra{number}"), "Extra");
    }
    server.makes_notification(&ada, "ringway_call", "Not ours");
    let drift = |more: &[&str]| {
        let arguments = [&["drift", "--env", "server"], more].concat();
        project.run(&arguments).ended(0).out
    };
    let listed = |text: &str| text.matches("NotificationTemplate tenfold_extra").count();
    let text = drift(&[]);
    says(
        &text,
        &[
            "server matches the manifests (5 resources)",
            "7 rows under owned prefixes that no manifest declares",
            "  + NotificationTemplate tenfold_extra1   written by ada@contoso.com (",
            "  … and 2 more (`--extras` lists them)",
        ],
    );
    assert_eq!(listed(&text), 5, "{text}");
    let all = drift(&["--extras"]);
    assert_eq!(listed(&all), 7, "{all}");
    assert!(!all.contains("more ("), "{all}");
    let markdown = drift(&["--format", "markdown"]);
    let (open, folded) = markdown
        .split_once("<details><summary>7 rows that no manifest declares</summary>")
        .unwrap();
    says(open, &["| `server` | 5 | 0 | 0 | 0 | 0 | 7 | in sync |"]);
    assert_eq!((listed(open), listed(folded)), (0, 7), "{markdown}");
    says(
        folded,
        &[
            "`NotificationTemplate tenfold_extra7`, written by `ada@contoso.com` (`",
            "</details>",
        ],
    );
    let page = drift(&["--format", "html"]);
    says(
        &page,
        &[
            "Other findings",
            "NotificationTemplate tenfold_extra7, written by ada@contoso.com (",
        ],
    );
    assert_eq!(listed(&page), 7, "{page}");
    let json = drift(&["--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    let extras = report["environments"][0]["extras"].as_array().unwrap();
    assert_eq!(extras.len(), 7);
    assert_eq!(extras[0]["name"], "tenfold_extra1");
    assert_eq!(extras[0]["who"], "ada@contoso.com");
    assert!(!json.contains("ringway_call"), "{json}");
}

/// argoproj/argo-cd#6521: a difference that is ignored by one command and not by another.
#[test]
fn what_a_rule_accepts_is_not_adopted() {
    let (project, server) = applied();
    server.patch_session(r#"{"msdyn_title": "By hand", "msdyn_name": "Renamed"}"#);
    project.edit(
        "deskstate.yaml",
        "spec:\n",
        "spec:\n  ignore: [{kind: SessionTemplate, name: CTI_*, fields: [title], reason: tried out, until: 2099-01-31}]\n",
    );
    let check = project
        .run(&["adopt", "--env", "server", "--check"])
        .ended(2);
    says(&check.out, &["displayName: Renamed"]);
    assert!(!check.out.contains("By hand"), "{}", check.out);
    says(
        &check.err,
        &["1 difference not adopted: rules under `ignore` accept it"],
    );
    let wrong = project
        .run(&["drift", "--env", "server", "--today", "2026-02-30"])
        .ended(1);
    says(&wrong.err, &["write a date as"]);
}

#[test]
fn only_drift_that_no_valid_rule_accepts_is_put_back() {
    let (project, server) = applied();
    project.commit_applied();
    let ada = server.administrator("ada@contoso.com");
    server.edit_as(&ada);
    let toast = server.id(
        "msdyn_notificationtemplates",
        "msdyn_notificationtemplateid",
        "CTI_inboundCallNotification",
    );
    server.delete(&format!("msdyn_notificationtemplates({toast})"));
    let tab = server.id(
        "msdyn_applicationtabtemplates",
        "msdyn_applicationtabtemplateid",
        "tenfold_customerSummary",
    );
    let parameter = |name: &str| {
        let id = server.found(
            "msdyn_templateparameters",
            "msdyn_templateparameterid",
            &format!("msdyn_name eq '{name}' and _msdyn_applicationtabtemplateid_value eq {tab}"),
        );
        format!("msdyn_templateparameters({id})")
    };
    server.patch(&parameter("entityId"), r#"{"msdyn_value":"{other}"}"#);
    server.patch(&parameter("entityName"), r#"{"msdyn_value":"account"}"#);
    project.edit(
        "deskstate.yaml",
        "  environments:\n",
        "  ignore:
    - {kind: SessionTemplate, name: CTI_*, fields: [communicationPanelMode], reason: trying it out, until: 2999-12-31}
    - {kind: ApplicationTab, name: tenfold_*, fields: [parameters.entityId], reason: a test, until: 2999-12-31}
    - {kind: NotificationTemplate, name: '*', reason: no toasts, until: 2999-12-31}
    - {kind: AppProfile, name: '*', fields: [users], reason: Lin is away, until: 2020-01-31}
  environments:
",
    );
    let run = project.revert_drift().ended(0);
    says(
        &run.out,
        &[
            "SessionTemplate CTI_createSession communicationPanelMode stays: accepted until 2999-12-31: trying it out",
            "ApplicationTab tenfold_customerSummary parameters.entityId stays: accepted until 2999-12-31: a test",
            "NotificationTemplate CTI_inboundCallNotification stays: accepted until 2999-12-31: no toasts",
            "parameters.entityName   account → contact",
            "users                   + lin@contoso.com",
            "2 changes applied",
        ],
    );
    let left = project.run(&["drift", "--env", "server"]).ended(0);
    says(
        &left.out,
        &["3 differences accepted", "accepts nothing after 2020-01-31"],
    );
    let again = project.revert_drift();
    says(&again.ended(0).out, &["server matches the manifests"]);
}

#[test]
fn adopt_edits_what_drifted_and_nothing_else() {
    let (project, server) = applied();
    let admin = server.found(
        "systemusers",
        "systemuserid",
        "domainname eq 'admin@contoso.com'",
    );
    server.edit_as(&admin);
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
    // The session template, which the profile needs, was not selected: its contract forbids the live value.
    let left = project.run(&["drift", "--env", "server"]).ended(2);
    says(&left.out, &["communicationPanelMode  Docked → Hidden"]);
    assert!(!left.out.contains("lin@contoso.com"), "{}", left.out);
}

/// argoproj-labs/argocd-image-updater#561: a value of one environment written into a file that all share.
#[test]
fn what_is_adopted_goes_into_an_overlay_of_this_environment_alone() {
    let server = Server::plain();
    let project = Project::desk(&server, "", "", &session("first"));
    let environments = |of_server: &str| {
        format!(
            "    server:\n      url: \"{}\"\n      overlay: {of_server}\n    other:\n      emulator: {{state: .deskstate/other.json}}\n      overlay: ./overlays/shared/\n",
            server.url
        )
    };
    let overlay = |title: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {{name: contoso_calls}}\nspec: {{title: {title}}}\n"
        )
    };
    std::fs::create_dir_all(project.path().join("overlays/own")).unwrap();
    project.write("overlays/shared/a.yaml", &overlay("Shared"));
    let by_hand = |title: &str| {
        let id = server.id(
            "msdyn_sessiontemplates",
            "msdyn_sessiontemplateid",
            "contoso_calls",
        );
        server.patch(
            &format!("msdyn_sessiontemplates({id})"),
            &format!(r#"{{"msdyn_title":"{title}"}}"#),
        );
    };
    project.set_environments(&environments("[overlays/shared, overlays/own]"));
    project.apply();
    by_hand("Hand");
    let adopt = ["adopt", "--env", "server"];
    let own = project.run(&adopt).ended(0);
    says(&own.err, &["Wrote overlays/own/"]);
    assert!(!own.err.contains("also read for"), "{}", own.err);
    assert_eq!(project.read("overlays/shared/a.yaml"), overlay("Shared"));
    let plan = ["plan", "--env", "server", "--detailed-exitcode"];
    project.run(&plan).ended(0);
    // There is no other place, so that is said.
    project.set_environments(&environments("overlays/shared"));
    by_hand("Again");
    let shared = project.run(&adopt).ended(0);
    says(
        &shared.err,
        &["Wrote overlays/shared/a.yaml, also read for other"],
    );
    project.run(&plan).ended(0);
}

#[cfg(unix)]
#[test]
fn adopt_keeps_the_mark_the_line_ends_the_link_and_the_permissions_of_a_file() {
    use std::os::unix::fs::PermissionsExt;

    let (project, server) = applied();
    server.edit_as(&server.administrator("ada@contoso.com"));
    let text = project.read("manifests/app-profile.yaml");
    let marked = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    project.write("profiles/app-profile.yaml", &marked);
    let (file, link) = (
        project.path().join("profiles/app-profile.yaml"),
        project.path().join("manifests/app-profile.yaml"),
    );
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("../profiles/app-profile.yaml", &link).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    project
        .run(&["adopt", "--env", "server", "tenfold_appProfile"])
        .ended(0);
    assert_eq!(
        project.read("profiles/app-profile.yaml"),
        marked.replace("      - lin@contoso.com\r\n", "")
    );
    assert!(link.is_symlink());
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_value_that_looks_like_the_declared_one_is_told_apart_by_every_command_and_format() {
    let (project, server) = applied();
    let declared = project.read("manifests/templates.yaml");
    assert!(declared.contains("displayName: Tenfold\n"), "{declared}");
    // The second letter is Cyrillic.
    server.patch_session("{\"msdyn_name\":\"T\u{435}nfold\"}");
    let env = ["--env", "server"];
    let commands: [&[&str]; 10] = [
        &["plan"],
        &["plan", "--format", "markdown"],
        &["plan", "--format", "html"],
        &["plan", "--format", "json"],
        &["drift"],
        &["drift", "--format", "markdown"],
        &["drift", "--format", "html"],
        &["drift", "--format", "json"],
        &["drift", "--format", "junit"],
        &["adopt", "--check"],
    ];
    let mut patch = String::new();
    for command in commands {
        let run = project.run(&[command, &env].concat());
        let told = ["\\u{435}", "\\u0435"];
        assert!(
            told.iter().any(|told| run.out.contains(told)),
            "{command:?}\n{}",
            run.out
        );
        if command.contains(&"json") {
            let parsed: serde_json::Value = serde_json::from_str(&run.out).unwrap();
            assert!(parsed.to_string().contains("T\u{435}nfold"), "{parsed}");
        }
        patch = run.out;
    }
    let diff = ["diff", "--from", "server", "--to", "."];
    let differs = project.run(&diff).ended(2);
    assert!(differs.out.contains("\\u{435}"), "{}", differs.out);
    // Tools that apply the patch skip the lines that explain the lookalikes.
    project.git(&["init", "--quiet"]);
    project.write("adopt.patch", &patch);
    project.git(&["apply", "adopt.patch"]);
    let patched = project.read("manifests/templates.yaml");
    assert!(patched.contains("displayName: T\u{435}nfold"), "{patched}");
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
}

#[test]
fn a_list_that_adopt_cannot_change_is_not_called_adopted() {
    let (project, server) = applied();
    let tab = |name: &str| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {{name: {name}}}\nspec: {{displayName: D, title: T, pageType: ThirdPartyWebsite, parameters: {{url: \"https://a.example/x\"}}}}\n"
        )
    };
    let session = "apiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {name: tenfold_case}\nspec:\n  displayName: Case\n  type: Entity\n  entity: incident\n  title: Case\n  additionalTabs: [tenfold_one, tenfold_two]\n";
    let all = format!("{session}{}{}", tab("tenfold_one"), tab("tenfold_two"));
    project.write("manifests/case.yaml", &all);
    project.run(&["apply", "--env", "server", "--yes"]).ended(0);
    let two = server.id(
        "msdyn_applicationtabtemplates",
        "msdyn_applicationtabtemplateid",
        "tenfold_two",
    );
    server.delete(&format!("msdyn_applicationtabtemplates({two})"));
    let adopt = project.run(&["adopt", "--env", "server"]).ended(1);
    assert!(!adopt.err.contains("Adopted"), "{}", adopt.err);
    says(
        &adopt.err,
        &[
            "not adopted: SessionTemplate tenfold_case additionalTabs: a row that it names does not exist",
            "not adopted: ApplicationTab tenfold_two: the row does not exist",
        ],
    );
    assert_eq!(project.read("manifests/case.yaml"), all);
}
