//! Live values exported to files, and comparisons of two sides: the built binary against emulators in their own processes.

use super::support::by_hand::make;
use super::support::{self, Project, Server, applied, deskstate, says};
use serde_json::json;

/// A project in its own folder with only the exported manifests.
fn exported(project: &Project, server: &Server, code: i32) -> (tempfile::TempDir, support::Run) {
    let copy = tempfile::TempDir::new().unwrap();
    let manifests = copy.path().join("manifests");
    let run = project
        .run(&[
            "export",
            "--env",
            "server",
            "--out",
            manifests.to_str().unwrap(),
        ])
        .ended(code);
    std::fs::write(
        copy.path().join("deskstate.yaml"),
        format!("apiVersion: deskstate/v1\nkind: Project\nmetadata: {{name: copy}}\nspec:\n  environments:\n    server: {{url: \"{}\"}}\n", server.url),
    )
    .unwrap();
    (copy, run)
}

fn run_in(folder: &tempfile::TempDir, arguments: &[&str]) -> support::Run {
    deskstate(folder.path())
        .args(arguments)
        .output()
        .unwrap()
        .into()
}

#[test]
fn an_export_of_everything_is_valid_and_plans_to_nothing() {
    let (project, server) = applied();
    let (copy, _) = exported(&project, &server, 0);
    let manifests = copy.path().join("manifests");
    let out = manifests.to_str().unwrap();
    run_in(&copy, &["validate"]).ended(0);
    let plan = run_in(&copy, &["plan", "--env", "server", "--detailed-exitcode"]).ended(0);
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
fn an_export_that_finds_nothing_says_what_it_looked_for() {
    let (project, _server) = applied();
    let out = project.path().join("nothing");
    let export = |options: &[&str]| {
        let place = ["export", "--env", "server", "--out", out.to_str().unwrap()];
        project.run(&[&place[..], options].concat())
    };
    for (options, said) in [
        (
            &["--prefix", "nix"][..],
            "nothing in `server` matches --prefix nix",
        ),
        (
            &["--prefix", "nix", "--kind", "PaneTool"],
            "nothing in `server` matches --prefix nix, --kind PaneTool",
        ),
        (
            &["SessionTemplate", "--prefix", "nix"],
            "nothing in `server` matches --prefix nix, the selection",
        ),
    ] {
        let run = export(options).ended(1);
        says(&run.err, &[said]);
        assert!(!run.err.contains("Exported"), "{}", run.err);
        assert!(!out.exists());
    }
    // One of the two prefixes exists.
    let run = export(&["--prefix", "tenfold", "--prefix", "nix"]).ended(0);
    says(
        &run.err,
        &["nothing in `server` matches --prefix nix", "Exported"],
    );
}

#[test]
fn a_live_row_of_any_kind_is_adopted_as_a_document_that_is_valid_and_plans_to_nothing() {
    let manifests = support::every_kind();
    let server = Server::plain();
    let made = Project::desk(&server, "", "", &manifests);
    made.apply();
    let keys: Vec<String> = manifests
        .split("\n---\n")
        .map(|document| {
            let after = |word: &str| {
                document
                    .split(word)
                    .nth(1)
                    .unwrap()
                    .split(['\n', '}', ','])
                    .next()
                    .unwrap()
                    .trim()
            };
            format!("{}/{}", after("kind: "), after("name: "))
        })
        .collect();
    let kinds: std::collections::BTreeSet<&str> = keys
        .iter()
        .map(|key| key.split('/').next().unwrap())
        .collect();
    assert_eq!(kinds.len(), 12, "{kinds:?}");
    let tab = server.id(
        "msdyn_applicationtabtemplates",
        "msdyn_applicationtabtemplateid",
        "contoso_tab",
    );
    server.patch(
        &format!("msdyn_applicationtabtemplates({tab})"),
        r#"{"msdyn_title":"password=hunter2-hunter2-hunter2"}"#,
    );
    for key in keys {
        let project = Project::desk(&server, "", "", "");
        let adopted = project.run(&["adopt", "--env", "server", &key]);
        // A title that no manifest may contain is a loss, even for an included tab.
        let code = i32::from(adopted.err.contains("left out"));
        let adopted = adopted.ended(code);
        if key == "ApplicationTab/contoso_tab" {
            says(
                &adopted.err,
                &[
                    "ApplicationTab contoso_tab: `title` left out: `validate` would refuse it (secret)",
                ],
            );
            assert!(!adopted.err.contains("hunter2"), "{}", adopted.err);
        }
        project.run(&["validate"]).ended(0);
        let plan = project
            .run(&["plan", "--env", "server", "--detailed-exitcode"])
            .ended(0);
        says(&plan.out, &["server matches the manifests"]);
        assert!(
            !plan.out.contains("(0 resources)"),
            "{key}: {}",
            adopted.err
        );
    }
    let nothing =
        Project::desk(&server, "", "", "").run(&["adopt", "--env", "server", "contoso_nobody"]);
    says(&nothing.ended(1).err, &["nothing matches `contoso_nobody`"]);
}

#[test]
fn what_validate_would_refuse_is_left_out_of_an_export_with_the_rule_that_refuses_it() {
    let (project, server) = applied();
    let tab = server.id(
        "msdyn_applicationtabtemplates",
        "msdyn_applicationtabtemplateid",
        "tenfold_customerSummary",
    );
    server.patch(
        &format!("msdyn_applicationtabtemplates({tab})"),
        r#"{"msdyn_title":"password=hunter2-hunter2-hunter2"}"#,
    );
    let (copy, run) = exported(&project, &server, 1);
    says(
        &run.err,
        &[
            "ApplicationTab tenfold_customerSummary: `title` left out: `validate` would refuse it (secret)",
        ],
    );
    assert!(!run.err.contains("hunter2"), "{}", run.err);
    let text = std::fs::read_to_string(
        copy.path()
            .join("manifests/application-tabs/tenfold_customerSummary.yaml"),
    )
    .unwrap();
    assert!(
        !text.contains("\n  title:") && text.contains("\n  pageType:"),
        "{text}"
    );
    run_in(&copy, &["validate"]).ended(0);
    let plan = run_in(&copy, &["plan", "--env", "server", "--detailed-exitcode"]).ended(0);
    says(&plan.out, &["server matches the manifests"]);
}

#[test]
fn a_custom_column_is_reported_and_fails_an_export_only_if_it_is_strict() {
    let folder = tempfile::TempDir::new().unwrap();
    let table = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../emulator/tables/msdyn_sessiontemplate.yaml");
    let text = std::fs::read_to_string(table).unwrap();
    let text = format!(
        "{text}- {{name: contoso_note, type: string, label: Note, length: 100}}\n- {{name: msdyn_newest, type: boolean, label: Newest}}\n"
    );
    std::fs::write(folder.path().join("msdyn_sessiontemplate.yaml"), text).unwrap();
    let server = Server::start(&["--tables", folder.path().to_str().unwrap()]);
    let project = Project::desk(&server, "", "", "");
    // A column that Microsoft added later, too.
    let note =
        "`contoso_note`, `msdyn_newest` of msdyn_sessiontemplate are not managed by deskstate";
    let export = ["export", "--env", "server", "--kind"];
    let sessions = [&export[..], &["SessionTemplate"]].concat();
    let run = project.run(&sessions).ended(0);
    says(&run.err, &[note]);
    assert_eq!(run.err.matches("not managed").count(), 1, "{}", run.err);
    let run = project
        .run(&[&sessions[..], &["--strict"]].concat())
        .ended(1);
    says(&run.err, &[note]);
    assert!(run.out.contains("kind: SessionTemplate"), "{}", run.out);
    // Another table has no such column.
    let run = project
        .run(&[&export[..], &["PaneTool", "--strict"]].concat())
        .ended(0);
    assert!(!run.err.contains("not managed"), "{}", run.err);
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
    server.patch_session(r#"{"msdyn_title":"{customer} calls"}"#);
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
fn a_folder_of_manifests_and_an_environment_are_compared_either_way() {
    let (project, server) = applied();
    let folder = project.path().join("before");
    let folder = folder.to_str().unwrap();
    project
        .run(&[
            "export", "--env", "server", "--prefix", "tenfold", "--prefix", "CTI", "--out", folder,
        ])
        .ended(0);
    let alike = project
        .run(&["diff", "--from", "server", "--to", folder])
        .ended(0);
    says(&alike.out, &["are equal (5 resources)"]);
    let of_project = project
        .run(&["diff", "--from", ".", "--to", "server"])
        .ended(0);
    says(&of_project.out, &[". and server are equal (5 resources)"]);
    server.patch_session(r#"{"msdyn_title":"{customer} calls"}"#);
    project.write(
        "before/notification-templates/CTI_inboundCallNotification.yaml",
        "apiVersion: deskstate/v1\nkind: NotificationTemplate\nmetadata: {name: CTI_other}\nspec: {displayName: Other, title: Call}\n",
    );
    let to_folder = project
        .run(&["diff", "--from", "server", "--to", folder])
        .ended(2);
    says(
        &to_folder.out,
        &[
            "~ SessionTemplate CTI_createSession",
            "session-templates/CTI_createSession.yaml:1",
            "{customer} calls → {customer}",
            "+ NotificationTemplate CTI_other",
            "only in server: NotificationTemplate CTI_inboundCallNotification",
        ],
    );
    let to_environment = project
        .run(&[
            "diff",
            "--from",
            folder,
            "--to",
            "server",
            "--as-overlay",
            "overlays/live",
        ])
        .ended(2);
    says(
        &to_environment.out,
        &[
            "{customer} → {customer} calls",
            "- NotificationTemplate CTI_other",
            "+ NotificationTemplate CTI_inboundCallNotification",
            "1 to create, 1 to update, 1 to delete",
        ],
    );
    let overlay = project.read("overlays/live/session-templates/CTI_createSession.yaml");
    assert_eq!(
        overlay,
        "apiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata:\n  name: CTI_createSession\nspec:\n  title: \"{customer} calls\"\n"
    );
    let both = project
        .run(&["diff", "--from", ".", "--to", folder])
        .ended(1);
    says(&both.err, &["one of the two must be an environment"]);
    let nowhere = project
        .run(&["diff", "--from", "server", "--to", "nowhere"])
        .ended(1);
    says(&nowhere.err, &["no environment `nowhere`"]);
}

#[test]
fn views_and_dashboards_are_exported_by_name_while_the_name_leads_back_to_them() {
    let server = Server::plain();
    let project = Project::desk(
        &server,
        "",
        "",
        "apiVersion: deskstate/v1
kind: ApplicationTab
metadata: {name: contoso_contacts}
spec:
  displayName: Contacts
  pageType: EntityList
  parameters: {entityName: contact, viewId: {name: Active Contacts}}
---
apiVersion: deskstate/v1
kind: ApplicationTab
metadata: {name: contoso_overview}
spec:
  displayName: Overview
  pageType: Dashboard
  parameters: {dashboardId: {name: Contoso cases}}
",
    );
    project.apply();
    let tabs = || {
        let (copy, _) = exported(&project, &server, 0);
        let plan = run_in(&copy, &["plan", "--env", "server", "--detailed-exitcode"]).ended(0);
        says(&plan.out, &["server matches the manifests"]);
        let read = |name: &str| {
            let path = format!("manifests/application-tabs/{name}.yaml");
            std::fs::read_to_string(copy.path().join(path)).unwrap()
        };
        (read("contoso_contacts"), read("contoso_overview"))
    };
    let (contacts, overview) = tabs();
    says(&contacts, &["viewId:", "name: Active Contacts"]);
    says(&overview, &["dashboardId:", "name: Contoso cases"]);

    // If two views have the same name, it identifies neither of them.
    let named = "name eq 'Active Contacts'";
    let view = server.found("savedqueries", "savedqueryid", named);
    let second = r#"{"name": "Active Contacts", "returnedtypecode": "contact", "querytype": 0}"#;
    let reply = server.request("POST", "/api/data/v9.2/savedqueries", second, "");
    assert!(reply.starts_with("HTTP/1.1 204"), "{reply}");
    let (contacts, overview) = tabs();
    says(&contacts, &[&format!("viewId: {view}")]);
    says(&overview, &["name: Contoso cases"]);
}

/// `docs/drift.md` shows this command for a row that no manifest declares. What it needs may be declared.
#[test]
fn an_export_into_the_manifests_declares_nothing_twice() {
    let server = Server::plain();
    let project = Project::desk(&server, "", "", &support::tab("contoso_tab"));
    project.apply();
    let tab = server.found(
        "msdyn_applicationtabtemplates",
        "msdyn_applicationtabtemplateid",
        "msdyn_uniquename eq 'contoso_tab'",
    );
    let hand = support::by_hand::session(&server, "contoso_hand");
    support::by_hand::link(
        &server,
        &format!("msdyn_sessiontemplates({hand})"),
        "msdyn_sessiontemplate_applicationtab",
        &format!("msdyn_applicationtabtemplates({tab})"),
    );
    let export = [
        "export",
        "--env",
        "server",
        "SessionTemplate",
        "contoso_hand",
    ];
    let exported = project
        .run(&[&export[..], &["--out", "manifests"]].concat())
        .ended(0);
    says(
        &exported.err,
        &[
            "Kept 1 document that is declared already, such as ApplicationTab contoso_tab in manifests/all.yaml",
        ],
    );
    project.run(&["validate"]).ended(0);
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
    // A file of its own is not overwritten for a row that needs it, either.
    let own = project
        .path()
        .join("manifests/application-tabs/contoso_tab.yaml");
    std::fs::create_dir_all(own.parent().unwrap()).unwrap();
    std::fs::rename(project.path().join("manifests/all.yaml"), &own).unwrap();
    let before = std::fs::read(&own).unwrap();
    for out in ["manifests", "elsewhere/../manifests"] {
        std::fs::create_dir_all(project.path().join("elsewhere")).unwrap();
        let again = ["--out", out, "--force"];
        let exported = project.run(&[&export[..], &again].concat()).ended(0);
        says(&exported.err, &["Kept 1 document", "Exported 1 document"]);
        assert_eq!(std::fs::read(&own).unwrap(), before);
    }
    project.edit(
        "deskstate.yaml",
        "spec:\n",
        "spec:\n  manifests: [.]\n  ignoreFiles: [answers.json]\n",
    );
    let again = ["--out", "more"];
    let exported = project.run(&[&export[..], &again].concat()).ended(0);
    says(&exported.err, &["Kept 2 documents"]);
    project.edit(
        "deskstate.yaml",
        "  manifests: [.]\n",
        "  manifests: [manifests]\n",
    );
    // A file that declares something else, too.
    project.write(
        "manifests/session-templates/contoso_hand.yaml",
        &format!(
            "{}---\n{}",
            project.read("manifests/session-templates/contoso_hand.yaml"),
            support::tab("contoso_more")
        ),
    );
    let again = ["--out", "manifests", "--force"];
    let refused = project.run(&[&export[..], &again].concat()).ended(4);
    says(
        &refused.err,
        &["declares ApplicationTab contoso_more, and would be overwritten"],
    );
    // Elsewhere, an export is complete.
    project
        .run(&[&export[..], &["--out", "elsewhere"]].concat())
        .ended(0);
    assert!(
        project
            .path()
            .join("elsewhere/application-tabs/contoso_tab.yaml")
            .is_file()
    );
}

/// Microsoft's page "Create a session template" suggests the unique name `msdyn_chat_custom`. Such a row belongs to no managed solution.
#[test]
fn rows_that_only_their_prefix_makes_microsofts_are_named() {
    let server = Server::plain();
    make(
        &server,
        "msdyn_sessiontemplates",
        &json!({
            "msdyn_uniquename": "msdyn_chat_custom", "msdyn_name": "Chat", "msdyn_entity": "incident", "msdyn_sessiontype": 1,
            "msdyn_type": false, "msdyn_title": "Chat", "msdyn_panelstate": 162_450_001,
        }),
    );
    let named = "SessionTemplate msdyn_chat_custom";
    let project = Project::desk(&server, "", "", "");
    let export = ["export", "--env", "server", "--kind", "SessionTemplate"];
    let unmanaged = [&export[..], &["--unmanaged"]].concat();
    for arguments in [&export[..], &unmanaged] {
        let exported = project.run(arguments).ended(0);
        says(
            &exported.err,
            &["from no managed solution", named, "`owns.names`"],
        );
        // Rows that a managed solution brought, or that Microsoft documents, are not in question.
        assert_eq!(
            exported.err.matches("msdyn_").count(),
            1,
            "{}",
            exported.err
        );
    }
    let url = &server.url;
    let made = project.run(&["init", "made", "--from-env", url]).ended(0);
    says(&made.err, &[named]);

    project.edit(
        "deskstate.yaml",
        "spec:\n",
        "spec:\n  owns: {names: [msdyn_chat_custom]}\n",
    );
    let exported = project.run(&unmanaged).ended(0);
    says(&exported.out, &["name: msdyn_chat_custom", "title: Chat"]);
    assert!(!exported.err.contains("msdyn_"), "{}", exported.err);
}

/// The product makes parameters that Microsoft does not document for a page type, and a plan leaves such parameters alone.
#[test]
fn a_parameter_that_one_environment_alone_has_is_a_difference_in_both_directions() {
    let tab = "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: contoso_tab}\nspec: {displayName: Tab, title: Tab, pageType: ThirdPartyWebsite, parameters: {url: https://a.example/}}\n";
    let [one, other] = [(); 2].map(|()| Server::plain());
    let project = Project::desk(&one, "", "", tab);
    project.edit(
        "deskstate.yaml",
        "  environments:\n",
        &format!("  environments:\n    other: {{url: \"{}\"}}\n", other.url),
    );
    for environment in ["server", "other"] {
        project
            .run(&["apply", "--env", environment, "--yes"])
            .ended(0);
    }
    let between = |from: &str, to: &str, code: i32| {
        project
            .run(&["diff", "--from", from, "--to", to])
            .ended(code)
    };
    between("server", "other", 0);
    let id = one.id(
        "msdyn_applicationtabtemplates",
        "msdyn_applicationtabtemplateid",
        "contoso_tab",
    );
    make(
        &one,
        "msdyn_templateparameters",
        &json!({
            "msdyn_name": "relationship", "msdyn_uniquename": "contoso_tab_relationship", "msdyn_value": "x",
            "msdyn_applicationtabtemplateid@odata.bind": format!("/msdyn_applicationtabtemplates({id})"),
        }),
    );
    says(
        &between("server", "other", 2).out,
        &["~ ApplicationTab contoso_tab", "parameters.relationship"],
    );
    says(
        &between("other", "server", 2).out,
        &["parameters.relationship"],
    );
}

/// A vendor's script looks its entry up by the unique name, and makes another one if it finds none.
#[test]
fn a_tool_of_a_pane_keeps_the_unique_name_that_a_script_gave_it() {
    let document = |kind: &str, name: &str, spec: &str| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"
        )
    };
    let tool = |name: &str| document("PaneTool", name, "{displayName: T, controlName: contoso_c}");
    let pane = "{displayName: P, tools: [{tool: contoso_tool, name: contoso_tool_config_pane_tab}, {tool: contoso_other}]}";
    let manifests = tool("contoso_tool")
        + &tool("contoso_other")
        + &document("ProductivityPane", "contoso_pane", pane);
    let server = Server::plain();
    let project = Project::desk(&server, "", "", &manifests);
    project.apply();
    let names = |server: &Server| {
        let rows = server.get("/api/data/v9.2/msdyn_panetabconfigurations?$filter=startswith(msdyn_uniquename,'contoso')&$orderby=msdyn_order");
        let rows = rows["value"].as_array().unwrap().clone();
        let names = rows.iter().map(|row| row["msdyn_uniquename"].clone());
        names.collect::<Vec<_>>()
    };
    let expected = [
        "contoso_tool_config_pane_tab",
        "contoso_other_contoso_pane_pane_tab",
    ];
    assert_eq!(names(&server), expected);
    let export = [
        "export",
        "--env",
        "server",
        "--kind",
        "ProductivityPane",
        "--out",
        "out",
    ];
    project.run(&export).ended(0);
    let written = project.read("out/productivity-panes/contoso_pane.yaml");
    assert!(
        written.contains("name: contoso_tool_config_pane_tab"),
        "{written}"
    );
    assert!(!written.contains("contoso_other_contoso_pane"), "{written}");
}
