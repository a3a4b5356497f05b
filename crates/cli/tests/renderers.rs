//! Snapshots of every renderer: one project, one environment with a bit of everything. Times, requests and hashes are removed.
//! `INSTA_UPDATE=always cargo test -p deskstate --test scenarios renderers::` rewrites them; review the difference before committing.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use super::support::transcript::steady;
use super::support::{Project, Server};

/// A page without its styles and scripts, one element per line.
fn skeleton(page: &str) -> String {
    let mut page = page.to_owned();
    for (open, close) in [("<style>", "</style>"), ("<script>", "</script>")] {
        let start = page.find(open).unwrap() + open.len();
        let end = start + page[start..].find(close).unwrap();
        page.replace_range(start..end, "");
    }
    // The policy contains the hashes of style and script.
    let start = page.find("<meta http-equiv").unwrap();
    let end = start + page[start..].find('>').unwrap() + 1;
    page.replace_range(start..end, "");
    page.replace("><", ">\n<")
}

/// Tenfold, applied; then manifests that create, change and delete, and an environment that was edited by hand.
fn story() -> (Project, Server) {
    let project = Project::example("tenfold");
    let server = Server::with_parameters(project.path(), true);
    project.add_server(&server.url);
    project.answer(true);
    project.run(&["apply", "--env", "server", "--yes"]).ended(0);
    project.edit(
        "manifests/templates.yaml",
        "timeoutSeconds: 10",
        "timeoutSeconds: 12",
    );
    project.edit(
        "manifests/templates.yaml",
        "title: \"{headerText}\"",
        "title: \"{headerText}\"\n  theme: Dark",
    );
    project.edit(
        "manifests/app-profile.yaml",
        "      - lin@contoso.com\n",
        "",
    );
    project.write(
        "manifests/more.yaml",
        "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: tenfold_help}\nspec:\n  displayName: Help\n  title: Help\n  pageType: ThirdPartyWebsite\n  parameters: {url: \"https://help.tenfold.example/{customer}\"}\n",
    );
    server.patch_session(r#"{"msdyn_name": "Calls <b>of</b> @octocat"}"#);
    (project, server)
}

macro_rules! shown {
    ($name:expr, $text:expr) => {
        insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!($name, $text);
        });
    };
}

#[test]
fn plan_drift_and_findings_in_every_form() {
    let (project, server) = story();
    let out =
        |code: i32, arguments: &[&str]| steady(&project.run(arguments).ended(code).out, &[&server]);
    shown!("plan.txt", out(0, &["plan", "--env", "server"]));
    shown!(
        "plan-wire.txt",
        out(0, &["plan", "--env", "server", "--explain-wire"])
    );
    shown!(
        "plan.md",
        out(0, &["plan", "--env", "server", "--format", "markdown"])
    );
    shown!(
        "plan.json",
        out(0, &["plan", "--env", "server", "--format", "json"])
    );
    shown!(
        "plan.html",
        skeleton(&out(0, &["plan", "--env", "server", "--format", "html"]))
    );
    shown!("drift.txt", out(2, &["drift", "--env", "server"]));
    shown!(
        "drift.md",
        out(2, &["drift", "--env", "server", "--format", "markdown"])
    );
    shown!(
        "drift.json",
        out(2, &["drift", "--env", "server", "--format", "json"])
    );
    shown!(
        "drift.junit",
        out(2, &["drift", "--env", "server", "--format", "junit"])
    );
    shown!(
        "drift.html",
        skeleton(&out(2, &["drift", "--env", "server", "--format", "html"]))
    );
    project
        .run(&["drift", "--env", "server", "--metrics", "drift.prom"])
        .ended(2);
    shown!(
        "drift.prom",
        steady(&project.read("drift.prom"), &[&server])
    );
    shown!(
        "who.txt",
        out(0, &["who", "ada@contoso.com", "--env", "server"])
    );
    shown!("doctor.txt", out(0, &["doctor", "--env", "server"]));
    for (form, name) in [
        ("text", "findings.txt"),
        ("json", "findings.json"),
        ("sarif", "findings.sarif"),
        ("github", "findings.github"),
        ("azure", "findings.azure"),
    ] {
        let run = project.run(&["validate", "--format", form]).ended(0);
        shown!(name, steady(&format!("{}{}", run.out, run.err), &[&server]));
    }
}

#[test]
fn graph_preview_and_explanations() {
    let project = Project::example("tenfold");
    let out = |arguments: &[&str]| project.run(arguments).ended(0).out;
    shown!("graph.mermaid", out(&["graph", "--format", "mermaid"]));
    shown!("graph.dot", out(&["graph", "--format", "dot"]));
    shown!(
        "graph.svg",
        out(&["graph", "--format", "svg"]).replace("><", ">\n<")
    );
    project
        .run(&[
            "preview",
            "SessionTemplate",
            "CTI_createSession",
            "--no-open",
            "--out",
            "preview.html",
        ])
        .ended(0);
    shown!("preview.html", skeleton(&project.read("preview.html")));
    shown!("explain.txt", out(&["explain", "set-emptied"]));
    shown!("render.yaml", out(&["render", "--env", "prod"]));
}

#[test]
fn names_in_a_column_are_shown_member_by_member_in_every_form() {
    const PROVIDER: &str = "apiVersion: deskstate/v1\nkind: CifProvider\nmetadata: {name: contoso_cif}\nspec:\n  label: Phone\n  channelUrl: https://cti.contoso.com/desk\n  trustedDomain: https://cti.contoso.com\n  channelOrder: 1\n  roles: [ROLES]\n";
    let server = Server::plain();
    let roles = |roles: &str| PROVIDER.replace("ROLES", roles);
    let (agent, manager) = ("Customer Service Representative", "CSR Manager");
    let project = Project::desk(&server, "", "", &roles(agent));
    let show = |command: &[&str]| project.run(&[command, &["--env", "server"]].concat()).out;
    let created = show(&["plan"]);
    assert!(created.contains(&format!("+ {agent}")), "{created}");
    project.apply();
    project.write("manifests/all.yaml", &roles(manager));
    for (command, gone, come) in [
        (&["plan"][..], "− ", "+ "),
        (
            &["plan", "--format", "markdown"],
            "-     roles: ",
            "+     roles: ",
        ),
        (&["plan", "--format", "html"], "<del>", "<ins>"),
        // The declared value is gone, and the live environment has another one.
        (&["drift"], "+ ", "− "),
        (&["drift", "--format", "markdown"], "+ ", "− "),
        (&["drift", "--format", "html"], "<ins>", "<del>"),
    ] {
        let shown = show(command);
        for line in [format!("{gone}{agent}"), format!("{come}{manager}")] {
            assert!(shown.contains(&line), "{command:?}: no {line:?}:\n{shown}");
        }
        for raw in ["[0]: ", "[\"C", "[&quot;C"] {
            assert!(!shown.contains(raw), "{command:?}:\n{shown}");
        }
    }
}
