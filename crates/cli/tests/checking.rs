//! `check`: any environment against a contract, without manifests or a project.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use super::support::{self, Project, Run, Server, applied, says};
use serde_json::Value;
use tempfile::TempDir;

const CONTRACT: &str = "../../examples/tenfold/contracts/tenfold-cif-v2.yaml";

/// A folder without a project, and the Tenfold contract.
struct Desk {
    folder: TempDir,
    url: String,
}

impl Desk {
    fn new(server: &Server) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::copy(CONTRACT, folder.path().join("tenfold.yaml")).unwrap();
        Self {
            folder,
            url: server.url.clone(),
        }
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder.path().join(file), text).unwrap();
    }

    fn check(&self, contract: &str, more: &[&str]) -> Run {
        let mut arguments = vec!["check", "--url", &self.url, "--contract", contract];
        arguments.extend(more);
        support::deskstate(self.folder.path())
            .args(arguments)
            .output()
            .unwrap()
            .into()
    }

    /// The report of the Tenfold contract.
    #[track_caller]
    fn json(&self, code: i32, more: &[&str]) -> Value {
        let mut arguments = vec!["--format", "json"];
        arguments.extend(more);
        let run = self.check("tenfold.yaml", &arguments).ended(code);
        serde_json::from_str(&run.out).unwrap()
    }
}

fn state(report: &Value, rule: &str) -> String {
    let rules = report["rules"].as_array().unwrap();
    let rule = rules.iter().find(|known| known["rule"] == rule).unwrap();
    rule["state"].as_str().unwrap().to_owned()
}

/// All faults of the resources that Tenfold uses: rule, field, actual value.
fn faults(report: &Value) -> Vec<(String, String, Value)> {
    let rules = report["rules"].as_array().unwrap();
    let faults = rules.iter().flat_map(|rule| {
        let faults = rule["faults"].as_array().unwrap().iter();
        let faults = faults.filter(|fault| {
            fault["among"] == "all" || fault["resource"] == "AppProfile tenfold_appProfile"
        });
        faults.map(|fault| {
            (
                rule["rule"].as_str().unwrap().to_owned(),
                fault["field"].as_str().unwrap().to_owned(),
                fault["actual"].clone(),
            )
        })
    });
    faults.collect()
}

fn row(server: &Server, set: &str, name: &str) -> String {
    let key = set.trim_end_matches('s').to_owned() + "id";
    format!("{set}({})", server.id(set, &key, name))
}

/// Changes one thing that the contract requires.
type Seed = fn(&Server);

/// Every requirement of the contract: the reported rule and field, and a change that makes the environment violate it.
const DEVIATIONS: [(&str, &str, Seed); 9] = [
    ("session-template", "title", |server| {
        server.patch_session(r#"{"msdyn_title":"{caller}"}"#);
    }),
    ("session-template", "type", |server| {
        server.patch_session(r#"{"msdyn_sessiontype":1,"msdyn_type":true}"#);
    }),
    ("session-template", "communicationPanelMode", |server| {
        server.patch_session(r#"{"msdyn_panelstate":162450001}"#);
    }),
    ("session-template", "anchorTab", |server| {
        let session = row(server, "msdyn_sessiontemplates", "CTI_createSession");
        server.delete(&format!("{session}/msdyn_anchortab/$ref"));
    }),
    ("inbound-call-notification", "title", |server| {
        let row = row(
            server,
            "msdyn_notificationtemplates",
            "CTI_inboundCallNotification",
        );
        server.patch(&row, r#"{"msdyn_title":"{headertext}"}"#);
    }),
    ("profile", "sessionTemplates", |server| {
        let session = row(server, "msdyn_sessiontemplates", "CTI_createSession");
        unlink(server, "msdyn_appconfiguration_sessiontemplate", &session);
    }),
    ("profile", "extensions", |server| {
        let loader = row(server, "msdyn_applicationextensions", "msdyn_CIFV2Loader");
        unlink(
            server,
            "msdyn_appconfiguration_applicationextension",
            &loader,
        );
    }),
    ("profile", "channelProviders", |server| {
        let provider = row(server, "msdyn_channelproviders", "tenfold_channelProvider");
        unlink(server, "msdyn_appconfig_msdyn_channelprovider", &provider);
    }),
    ("inbound-call-notification", "", |server| {
        server.delete(&row(
            server,
            "msdyn_notificationtemplates",
            "CTI_inboundCallNotification",
        ));
    }),
];

fn unlink(server: &Server, relationship: &str, member: &str) {
    let profile = row(server, "msdyn_appconfigurations", "tenfold_appProfile");
    let id = member.split(['(', ')']).nth(1).unwrap();
    server.delete(&format!("{profile}/{relationship}({id})/$ref"));
}

#[test]
fn an_environment_that_keeps_a_contract_takes_one_request_and_no_project() {
    let (_project, server) = applied();
    let desk = Desk::new(&server);
    let before = server.stats()["httpRequests"].as_u64().unwrap();
    let report = desk.json(0, &[]);
    assert_eq!(report["requests"], 1);
    assert_eq!(server.stats()["httpRequests"].as_u64().unwrap() - before, 1);
    assert_eq!(
        (&report["state"], &report["kept"]),
        (&Value::from("kept"), &Value::from(3))
    );
    assert!(std::fs::read_dir(desk.folder.path()).unwrap().count() == 1);
}

#[test]
fn each_deviation_is_found_alone_in_one_request() {
    for (rule, field, seed) in DEVIATIONS {
        let (_project, server) = applied();
        let desk = Desk::new(&server);
        seed(&server);
        let report = desk.json(2, &["--no-history"]);
        assert_eq!(report["requests"], 1, "{rule} {field}");
        let found = faults(&report);
        assert_eq!(found.len(), 1, "{rule} {field}: {found:?}");
        assert_eq!((found[0].0.as_str(), found[0].1.as_str()), (rule, field));
        assert_eq!(state(&report, rule), "broken");
        assert_eq!(report["broken"], 1, "{report:#}");
    }
}

#[test]
fn all_deviations_are_found_together() {
    let (_project, server) = applied();
    let desk = Desk::new(&server);
    for (_, _, seed) in DEVIATIONS {
        seed(&server);
    }
    let report = desk.json(2, &[]);
    assert_eq!(report["broken"], 3, "{report:#}");
    let found = faults(&report);
    // The notification template is missing, so no other fault of it is reported.
    for (rule, field, _) in DEVIATIONS
        .iter()
        .filter(|(rule, field, _)| !(*rule == "inbound-call-notification" && *field == "title"))
    {
        assert!(
            found.iter().any(|(of, at, _)| of == rule && at == field),
            "{rule} {field} is not in {found:?}"
        );
    }
    assert_eq!(found.len(), DEVIATIONS.len() - 1);
}

#[test]
fn auditing_names_who_changed_a_value_and_who_removed_a_link() {
    let (_project, server) = applied();
    server.auditing(true);
    let ada = server.administrator("ada@contoso.com");
    let lin = server.administrator("lin@contoso.com");
    let session = row(&server, "msdyn_sessiontemplates", "CTI_createSession");
    server.patch_as(&ada, &session, r#"{"msdyn_title":"Call"}"#);
    // A later write to another column is not the write that broke the title.
    server.patch_as(&lin, &session, r#"{"msdyn_description":"Calls"}"#);
    let desk = Desk::new(&server);
    let report = desk.json(2, &[]);
    let written = &report["rules"][1]["faults"][0]["written"];
    assert_eq!(written["who"], "ada@contoso.com", "{report:#}");
    assert_eq!(written["source"], "auditing");
    assert!(
        written["when"].as_str().unwrap().ends_with('Z'),
        "{written}"
    );
    // Without audit records, the row's last writer is named, and described as such.
    let report = desk.json(2, &["--no-history"]);
    let written = &report["rules"][1]["faults"][0]["written"];
    assert_eq!(written["source"], "lastWriteOfRow", "{report:#}");
    assert!(
        written["who"].as_str().unwrap().contains("Lin"),
        "{written}"
    );
}

#[test]
fn a_preferred_value_is_a_remark_and_breaks_nothing() {
    let (_project, server) = applied();
    let row = row(
        &server,
        "msdyn_notificationtemplates",
        "CTI_inboundCallNotification",
    );
    server.patch(&row, r#"{"msdyn_timeout":30}"#);
    let desk = Desk::new(&server);
    let report = desk.json(0, &[]);
    let found = faults(&report);
    assert_eq!(found.len(), 1, "{report:#}");
    assert_eq!(found[0].1, "timeoutSeconds");
    assert_eq!(report["rules"][2]["faults"][0]["severity"], "preferred");
    assert_eq!(report["rules"][2]["faults"][0]["breaks"], Value::Null);
    let junit = desk.check("tenfold.yaml", &["--format", "junit"]).ended(0);
    says(
        &junit.out,
        &["failures=\"0\" errors=\"0\"", "timeoutSeconds"],
    );
}

#[test]
fn what_breaks_is_said_of_one_value_or_one_member_and_of_the_rule_otherwise() {
    let (_project, server) = applied();
    for (_, _, seed) in &DEVIATIONS[..8] {
        seed(&server);
    }
    let desk = Desk::new(&server);
    desk.write(
        "own.yaml",
        "apiVersion: deskstate/v1\nkind: Contract\nmetadata: {name: own}\nspec:\n  rules:\n    - id: session\n      resource: {kind: SessionTemplate, name: CTI_createSession}\n      locked: {title: \"{customer}\", communicationPanelMode: Docked}\n      breaks: calls\n      breaksByValue: {title: the tab has no name}\n    - id: profile\n      resource: {kind: AppProfile, name: tenfold_appProfile}\n      contains: {sessionTemplates: [CTI_createSession], extensions: [msdyn_CIFV2Loader]}\n      breaks: the desktop\n      breaksByValue: {'extensions[msdyn_CIFV2Loader]': the widget}\n",
    );
    let run = desk.check("own.yaml", &["--format", "json"]).ended(2);
    let report: Value = serde_json::from_str(&run.out).unwrap();
    let breaks: Vec<(&str, &str)> = report["rules"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|rule| rule["faults"].as_array().unwrap())
        .map(|fault| {
            (
                fault["field"].as_str().unwrap(),
                fault["breaks"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        breaks,
        [
            ("title", "the tab has no name"),
            ("communicationPanelMode", "calls"),
            ("extensions", "the widget"),
            ("sessionTemplates", "the desktop"),
        ]
    );
    // A consequence of a field that the rule does not check would never be shown.
    let text = std::fs::read_to_string(desk.folder.path().join("own.yaml")).unwrap();
    desk.write(
        "own.yaml",
        &text.replace("{title: the tab", "{titel: the tab"),
    );
    let run = desk.check("own.yaml", &[]).ended(3);
    says(
        &run.err,
        &[
            "rule `session` does not check `titel`",
            "did you mean `title`?",
        ],
    );
}

#[test]
fn what_cannot_be_judged_is_unknown_and_ends_with_1_even_beside_what_is_broken() {
    let (_project, server) = applied();
    // The caller reads texts in English, and the base language is German.
    server.patch_organization(r#"{"languagecode":1031}"#);
    let (_, _, remove_the_loader) = DEVIATIONS[6];
    remove_the_loader(&server);
    server.patch_session(r#"{"msdyn_panelstate":162450001}"#);
    let desk = Desk::new(&server);
    let report = desk.json(1, &[]);
    assert_eq!(state(&report, "profile"), "broken", "{report:#}");
    assert_eq!(state(&report, "session-template"), "unknown");
    assert_eq!(state(&report, "inbound-call-notification"), "unknown");
    assert_eq!(report["state"], "unknown");
    // Known faults of the rule are still reported.
    assert_eq!(faults(&report)[1].1, "communicationPanelMode");
    for (format, says_so) in [
        ("text", "3 rules: 0 kept, 1 broken, 2 unknown"),
        ("markdown", "**unknown**"),
        ("html", ">unknown<"),
        ("sarif", "is unknown"),
        ("junit", "failures=\"1\" errors=\"2\""),
    ] {
        let run = desk.check("tenfold.yaml", &["--format", format]).ended(1);
        says(&run.out, &[says_so]);
        says(&run.err, &["2 of 3 rules could not be judged"]);
    }
}

#[test]
fn the_report_to_send_names_nobody_and_no_host() {
    let (_project, server) = applied();
    server.auditing(true);
    let ada = server.administrator("ada@contoso.com");
    let session = row(&server, "msdyn_sessiontemplates", "CTI_createSession");
    server.patch_as(
        &ada,
        &session,
        r#"{"msdyn_title":"ask eve@wingtip.example at https://intranet.wingtip.example/?sig=abcdefghijklmnop"}"#,
    );
    let desk = Desk::new(&server);
    desk.check("tenfold.yaml", &["--report", "bundle"]).ended(2);
    let folder = desk.folder.path().join("bundle");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "doctor.txt",
            "report.html",
            "report.json",
            "report.md",
            "versions.json"
        ]
    );
    for name in &names {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        assert!(!text.is_empty());
        for secret in [
            "ada@contoso.com",
            "Ada",
            "eve@",
            "wingtip",
            "abcdefghijklmnop",
            "127.0.0.1",
            ada.as_str(),
        ] {
            assert!(!text.contains(secret), "{secret} in {name}:\n{text}");
        }
    }
    let json = std::fs::read_to_string(folder.join("report.json")).unwrap();
    says(
        &json,
        &["user1@example.com", "\"field\": \"title\"", "{customer}"],
    );
    let versions: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("versions.json")).unwrap())
            .unwrap();
    assert_eq!(versions["deskstate"], env!("CARGO_PKG_VERSION"));
    assert_eq!(
        versions["contracts"][0]["sha256"].as_str().unwrap().len(),
        64
    );
    // An existing folder is refused, so no unrelated files are included.
    let taken = desk.check("tenfold.yaml", &["--report", "bundle"]).ended(4);
    says(&taken.err, &["choose a folder that does not exist yet"]);
    desk.check("tenfold.yaml", &["--report", "another"])
        .ended(2);
}

#[test]
fn a_project_gives_its_environment_and_its_contracts_and_needs_no_valid_manifest() {
    let (project, _server) = applied();
    project.write("manifests/broken.yaml", "kind: [");
    let run = project.run(&["check", "--env", "server"]).ended(0);
    says(&run.out, &["3 rules: 3 kept, 0 broken, 0 unknown"]);
    // A contract that cannot be read cannot be reported as kept.
    project.edit(
        "contracts/tenfold-cif-v2.yaml",
        "match: some",
        "match: most",
    );
    project.run(&["check", "--env", "server"]).ended(3);
}

#[test]
fn check_without_a_rule_says_so() {
    let server = Server::plain();
    let project = Project::desk(&server, "", "", "");
    let run = project.run(&["check", "--env", "server"]).ended(1);
    says(&run.err, &["there is no rule to check", "--contract FILE"]);
    let contract = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(CONTRACT);
    let contract = contract.to_str().unwrap();
    let run = project.run(&["check", "--env", "server", "--contract", contract]);
    says(&run.out, &["3 rules"]);
}

/// Texts that control a terminal, a build, Markdown, HTML or XML.
const HOSTILE: &str = "\u{1b}[2J<b>x</b> ]]> ::error::x\n##vso[task.complete result=Failed]\n@octocat `x` | [a](http://b) \u{202e}";

#[test]
fn hostile_live_texts_and_hostile_contracts_steer_no_format() {
    let (_project, server) = applied();
    let title = serde_json::json!({"msdyn_title": HOSTILE}).to_string();
    server.patch_session(&title);
    let desk = Desk::new(&server);
    let text = serde_json::to_string(HOSTILE).unwrap();
    desk.write(
        "hostile.yaml",
        &format!("apiVersion: deskstate/v1\nkind: Contract\nmetadata: {{name: hostile}}\nspec:\n  source: {text}\n  rules:\n    - id: session\n      resource: {{kind: SessionTemplate, name: CTI_createSession}}\n      locked: {{title: {text}, description: {text}}}\n      matches: {{title: {text}}}\n      message: {text}\n      breaks: {text}\n      breaksByValue: {{title: {text}}}\n"),
    );
    for (contract, code) in [("tenfold.yaml", 2), ("hostile.yaml", 2)] {
        for format in ["text", "markdown", "html", "json", "sarif", "junit"] {
            let run = desk.check(contract, &["--format", format]);
            // A contract with control characters may be refused entirely.
            assert!(
                run.code == Some(code) || run.code == Some(3),
                "{contract} {format}: {run:?}"
            );
            for stream in [&run.out, &run.err] {
                assert!(!stream.contains('\u{1b}'), "{format}: {stream:?}");
                assert!(!stream.contains('\u{202e}'), "{format}: {stream:?}");
                let steers = stream.lines().map(str::trim_start).any(|line| {
                    line.starts_with("::")
                        || line.starts_with("##vso")
                        || line.contains("##vso[task") && line.starts_with('#')
                });
                assert!(!steers, "{format}: {stream}");
            }
            if format == "html" || format == "junit" {
                assert!(!run.out.contains("<b>x"), "{format}: {}", run.out);
            }
            if run.code == Some(2) && matches!(format, "json" | "sarif") {
                serde_json::from_str::<Value>(&run.out).unwrap();
            }
        }
    }
}

#[test]
fn without_a_project_help_is_about_the_address_that_was_given() {
    let folder = TempDir::new().unwrap();
    std::fs::copy(CONTRACT, folder.path().join("tenfold.yaml")).unwrap();
    let check = |arguments: &[&str]| -> Run {
        let mut command = support::deskstate(folder.path());
        command.arg("check").args(arguments);
        Run::from(command.output().unwrap()).ended(1)
    };
    let run = check(&["--url", "http://127.0.0.1:9", "--contract", "tenfold.yaml"]);
    says(&run.err, &["the address after `--url`"]);
    assert!(!run.err.contains("deskstate.yaml"), "{}", run.err);
    for address in [
        "",
        "contoso",
        "ftp://contoso.crm.dynamics.com",
        "http://contoso.crm.dynamics.com",
    ] {
        let run = check(&["--url", address, "--contract", "tenfold.yaml"]);
        assert!(
            !run.err.contains("deskstate.yaml"),
            "{address}: {}",
            run.err
        );
    }
}

#[test]
fn a_contract_that_demands_nothing_is_not_passed_over() {
    let server = Server::plain();
    let desk = Desk::new(&server);
    desk.write("blank.yaml", "# to be written\n");
    desk.write(
        "empty.yaml",
        "apiVersion: deskstate/v1\nkind: Contract\nmetadata: {name: vendor}\nspec: {rules: []}\n",
    );
    let run = desk
        .check("blank.yaml", &["--contract", "tenfold.yaml"])
        .ended(3);
    says(
        &run.err,
        &["a contract file contains no contract", "blank.yaml"],
    );
    let run = desk
        .check("empty.yaml", &["--contract", "tenfold.yaml"])
        .ended(2);
    says(&run.err, &["contract `vendor` has no rule"]);
    let run = desk.check("empty.yaml", &[]).ended(1);
    says(
        &run.err,
        &["there is no rule to check", "add rules under `spec.rules`"],
    );
}

#[test]
fn a_table_that_the_environment_lacks_has_no_history_to_ask_for() {
    let server = Server::plain();
    let project = Project::example("own-kind");
    project.set_environments(&format!("    server:\n      url: \"{}\"\n", server.url));
    project.write(
        "floor.yaml",
        "apiVersion: deskstate/v1\nkind: Contract\nmetadata: {name: floor}\nspec:\n  rules:\n    - id: desk\n      resource: {kind: Desk, name: Front desk}\n      required: true\n",
    );
    let run = project
        .run(&["check", "--env", "server", "--contract", "floor.yaml"])
        .ended(2);
    says(
        &run.out,
        &[
            "Desk Front desk is missing",
            "this environment has no table for it",
            "; auditing is on",
        ],
    );
}

#[test]
fn what_is_switched_off_keeps_no_rule_and_no_feature_is_an_empty_mapping() {
    let server = Server::plain();
    let project = Project::desk(
        &server,
        "",
        "",
        "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {name: contoso_a}\nspec:\n  displayName: A\n  rank: 71\n  app: CustomerServiceApps\n  productivityPane: contoso_pane\n  copilotFeatures: {}\n---\napiVersion: deskstate/v1\nkind: ProductivityPane\nmetadata: {name: contoso_pane}\nspec: {displayName: P, enabled: false, tools: [{tool: contoso_tool, tooltip: T}]}\n---\napiVersion: deskstate/v1\nkind: PaneTool\nmetadata: {name: contoso_tool}\nspec: {displayName: T, status: Inactive, controlName: contoso_control}\n",
    );
    project.apply();
    project.write(
        "rules.yaml",
        "apiVersion: deskstate/v1\nkind: Contract\nmetadata: {name: vendor}\nspec:\n  rules:\n    - {id: pane, resource: {kind: AppProfile, name: contoso_a}, set: [productivityPane]}\n    - {id: tool, resource: {kind: ProductivityPane, name: contoso_pane}, contains: {tools: [contoso_tool]}, locked: {enabled: false}}\n    - {id: features, resource: {kind: AppProfile, name: contoso_a}, locked: {copilotFeatures: {}}}\n",
    );
    let check = ["check", "--env", "server", "--contract", "rules.yaml"];
    let run = project.run(&check).ended(2);
    says(
        &run.out,
        &[
            "AppProfile contoso_a: productivityPane has contoso_pane, which is switched off",
            "ProductivityPane contoso_pane: tools has contoso_tool, which is switched off",
            "3 rules: 1 kept, 2 broken, 0 unknown",
        ],
    );
    // The same rules for manifests.
    project.edit(
        "deskstate.yaml",
        "spec:\n",
        "spec:\n  contracts: [rules.yaml]\n",
    );
    let run = project.run(&["validate"]).ended(3);
    says(
        &run.err,
        &[
            "`contoso_pane` in `productivityPane` must be switched on by contract `vendor`",
            "`contoso_tool` in `tools` must be switched on by contract `vendor`",
            "2 errors",
        ],
    );
}

#[test]
fn a_locked_list_is_kept_by_the_items_that_a_manifest_writes_like_the_rule() {
    let server = Server::plain();
    let tools = |enabled: &str, status: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: ProductivityPane\nmetadata: {{name: contoso_pane}}\nspec: {{displayName: P, tools: [{{tool: contoso_tool{enabled}}}]}}\n---\napiVersion: deskstate/v1\nkind: PaneTool\nmetadata: {{name: contoso_tool}}\nspec: {{displayName: T, status: {status}, controlName: contoso_control}}\n---\napiVersion: deskstate/v1\nkind: NotificationTemplate\nmetadata: {{name: contoso_n}}\nspec: {{displayName: N, title: N, fields: [{{header: Call, value: x}}, {{shared: contoso_queue}}]}}\n---\napiVersion: deskstate/v1\nkind: NotificationField\nmetadata: {{name: contoso_queue}}\nspec: {{displayName: Queue, header: Queue, value: q}}\n"
        )
    };
    let project = Project::desk(
        &server,
        "contracts: [rules.yaml]",
        "",
        &tools(", enabled: true", "Active"),
    );
    let rules = |header: &str| {
        project.write(
            "rules.yaml",
            &format!("apiVersion: deskstate/v1\nkind: Contract\nmetadata: {{name: vendor}}\nspec:\n  rules:\n    - {{id: pane, resource: {{kind: ProductivityPane, name: contoso_pane}}, locked: {{tools: [{{tool: contoso_tool, enabled: true}}]}}}}\n    - {{id: fields, resource: {{kind: NotificationTemplate, name: contoso_n}}, locked: {{fields: [{{header: {header}, value: x}}, {{shared: contoso_queue}}]}}}}\n"),
        );
    };
    rules("Call");
    project.apply();
    let check = ["check", "--env", "server"];
    says(&project.run(&check).ended(0).out, &["2 rules: 2 kept"]);
    rules("Other");
    says(&project.run(&check).ended(2).out, &["1 kept, 1 broken"]);
    rules("Call");
    project.write("manifests/all.yaml", &tools(", enabled: true", "Inactive"));
    let run = project.run(&["validate"]).ended(3);
    says(&run.err, &["`contoso_tool` in `tools` must be switched on"]);
}

#[test]
fn a_locked_set_in_its_long_form_wants_its_members_on() {
    let server = Server::plain();
    let manifests = "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {name: contoso_a}\nspec:\n  displayName: A\n  rank: 71\n  app: CustomerServiceApps\n  channelProviders: {mode: atLeast, members: [contoso_p]}\n---\napiVersion: deskstate/v1\nkind: ChannelProvider\nmetadata: {name: contoso_p}\nspec: {displayName: P, label: P, status: Inactive, channelUrl: 'https://a.example/x', trustedDomain: 'https://a.example', channelOrder: 1}\n";
    let project = Project::desk(&server, "contracts: [rules.yaml]", "", manifests);
    project.write(
        "rules.yaml",
        "apiVersion: deskstate/v1\nkind: Contract\nmetadata: {name: vendor}\nspec:\n  rules:\n    - {id: a, resource: {kind: AppProfile, name: contoso_a}, locked: {channelProviders: {mode: atLeast, members: [contoso_p]}}}\n",
    );
    let run = project.run(&["validate"]).ended(3);
    says(
        &run.err,
        &["`contoso_p` in `channelProviders.members` must be switched on"],
    );
}
