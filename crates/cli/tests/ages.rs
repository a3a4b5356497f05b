//! An environment of 2022 lacks tables and columns; only what a manifest needs of them stops a plan.

#![expect(
    clippy::duplicate_mod,
    reason = "the same scenarios run on each age, which they tell by their module"
)]

mod support;
#[path = "ages/y2022.rs"]
mod y2022;
#[path = "ages/y2024.rs"]
mod y2024;

use deskstate_emulator::Age;
use deskstate_model::EMULATOR_AGES;
use support::{Project, Server, says};

#[test]
fn a_project_that_sets_nothing_the_age_lacks_plans_applies_and_is_in_sync() {
    let server = Server::start(&["--age", "2022"]);
    let project = Project::example("tenfold");
    project.add_server(&server.url);
    project.run(&["plan", "--env", "server"]).ended(0);
    project.run(&["apply", "--env", "server", "--yes"]).ended(0);
    let plan = ["plan", "--env", "server", "--detailed-exitcode"];
    project.run(&plan).ended(0);
}

#[test]
fn what_the_age_lacks_is_named_once_and_an_overlay_leaves_it_out() {
    let server = Server::start(&["--age", "2022"]);
    let project = Project::example("contoso");
    project.edit(
        "deskstate.yaml",
        "https://contoso-dev.crm4.dynamics.com",
        &server.url,
    );
    let refused = project.run(&["plan", "--env", "dev"]).ended(1);
    for (what, field) in [
        ("table `msdyn_appprofilerolemapping`", "roles"),
        ("table `msdyn_appcopilotconfiguration`", "copilotFeatures"),
        ("table `msdyn_inboxconfiguration`", "inboxViews"),
        (
            "column `msdyn_profileorder` of `msdyn_appconfiguration`",
            "rank",
        ),
        (
            "column `msdyn_enabletitlesync` of `msdyn_sessiontemplate`",
            "applySessionTitleToAnchorTab",
        ),
        (
            "column `msdyn_sessionicon` of `msdyn_sessiontemplate`",
            "sessionIcon",
        ),
        (
            "column `msdyn_type` of `msdyn_panetoolconfiguration`",
            "type",
        ),
        (
            "column `msdyn_isglobal` of `msdyn_panetoolconfiguration`",
            "global",
        ),
        (
            "column `msdyn_icon` of `msdyn_panetoolconfiguration`",
            "icon",
        ),
    ] {
        let said = format!("the environment lacks the {what}, which `{field}` needs");
        assert_eq!(
            refused.err.matches(&said).count(),
            1,
            "{said}\n{}",
            refused.err
        );
    }
    assert_eq!(
        refused.err.matches("the environment lacks").count(),
        9,
        "{}",
        refused.err
    );

    let document = |(kind, name, fields): &(&str, &str, &str)| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: {kind}\nmetadata: {{name: {name}, unmanaged: [{fields}]}}\n"
        )
    };
    let left_out = [
        (
            "AppProfile",
            "contoso_supervisors",
            "rank, roles, copilotFeatures, inboxViews",
        ),
        (
            "AppProfile",
            "contoso_agents",
            "rank, roles, copilotFeatures, inboxViews",
        ),
        (
            "AppProfile",
            "contoso_backOffice",
            "rank, roles, copilotFeatures",
        ),
        (
            "SessionTemplate",
            "voxline_callSession",
            "applySessionTitleToAnchorTab, sessionIcon",
        ),
        ("PaneTool", "contoso_orderTool", "type, global"),
        ("PaneTool", "contoso_transferTool", "type, icon"),
    ];
    let overlay: String = left_out.iter().map(document).collect();
    project.write("overlays/y2022/all.yaml", &overlay);
    project.edit(
        "deskstate.yaml",
        "overlays/dev]",
        "overlays/dev, overlays/y2022]",
    );
    project.run(&["apply", "--env", "dev", "--yes"]).ended(0);
    let plan = ["plan", "--env", "dev", "--detailed-exitcode"];
    let same = project.run(&plan).ended(0);
    says(&same.out, &["dev matches the manifests"]);
}

#[test]
fn an_environment_inside_deskstate_can_be_of_an_older_year() {
    let years: Vec<i64> = Age::ALL.iter().map(|age| age.year().into()).collect();
    assert_eq!(years, EMULATOR_AGES, "the schema knows every age");

    let project = Project::example("contoso");
    project.run(&["plan", "--env", "local"]).ended(0);
    project.edit("deskstate.yaml", "local.json}", "local.json, age: 2022}");
    let refused = project.run(&["plan", "--env", "local"]).ended(1);
    let lacks =
        "the environment lacks the table `msdyn_inboxconfiguration`, which `inboxViews` needs";
    says(&refused.err, &[lacks]);
    says(&refused.out, &["local (embedded emulator of 2022)"]);

    project.edit("deskstate.yaml", "age: 2022", "age: 2023");
    let unknown = project.run(&["validate"]).ended(3);
    says(&unknown.err, &["write `2022`, `2024` or `2026`"]);
}
