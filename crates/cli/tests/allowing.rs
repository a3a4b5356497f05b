//! Overrides of plan review in the project file.

use std::fmt::Write;

use super::support::{Project, Run, Server, says};

const REFUSED: i32 = 4;
const PLAN: [&str; 3] = ["plan", "--env", "server"];
const APPLY: [&str; 4] = ["apply", "--env", "server", "--yes"];

fn fields(number: usize) -> String {
    let mut all = String::new();
    for number in 0..number {
        write!(
            all,
            "---\napiVersion: deskstate/v1\nkind: NotificationField\nmetadata: {{name: contoso_field{number}}}\nspec: {{displayName: Field {number}, header: Line {number}, order: 10}}\n"
        )
        .unwrap();
    }
    all
}

fn desk(server: &Server, manifests: &str) -> Project {
    let environment = format!("other: {{url: \"{}\"}}", server.url);
    let project = Project::desk(
        server,
        "owns: {prefixes: [contoso]}\nprune: owned",
        "",
        manifests,
    );
    let lines = format!(
        "    server: {{url: \"{}\"}}\n    {environment}\n",
        server.url
    );
    project.set_environments(&lines);
    project
}

/// Writes these entries to the project file, in place of those that are there.
fn allowing(project: &Project, entries: &[(&str, &str, &str)]) {
    let text = project.read("deskstate.yaml");
    let mut text = text.split("  allow:\n").next().unwrap().to_owned();
    text.push_str("  allow:\n");
    for (change, until, environments) in entries {
        write!(
            text,
            "    - change: {change}\n      reason: the old lines go\n      until: {until}\n{environments}"
        )
        .unwrap();
    }
    project.write("deskstate.yaml", &text);
}

const FOR_SERVER: &str = "      environments: [server]\n";
const DELETES_SIX: (&str, &str, &str) = ("delete=NotificationField:6", "2999-12-31", FOR_SERVER);

/// A project whose next plan deletes 6 of 20 rows.
fn deleting_six() -> (Server, Project, Run) {
    let server = Server::plain();
    let project = desk(&server, &fields(20));
    let made = project.apply();
    project.write("manifests/all.yaml", &fields(14));
    (server, project, made)
}

#[test]
fn an_override_in_the_project_file_lets_the_plan_and_its_reviewed_apply_pass() {
    let (server, project, _) = deleting_six();
    let refused = project.run(&[&PLAN[..], &["--format", "markdown"]].concat());
    let refused = refused.ended(REFUSED);
    let ways = "allow it for this run: `--allow delete=NotificationField:6`, or until a day: `allow` in `deskstate.yaml`";
    says(&refused.err, &["error[removals]", ways]);
    says(&refused.out, &["**error** `removals`", ways]);

    let narrow = ("delete=NotificationField:5", "2999-12-31", "");
    allowing(&project, &[narrow]);
    let refused = project.run(&PLAN).ended(REFUSED);
    says(
        &refused.err,
        &[
            "error[removals]",
            "warning[allows-nothing]: this plan does not need `delete=NotificationField:5` under `allow`",
            "deskstate.yaml:",
        ],
    );

    allowing(&project, &[DELETES_SIX]);
    let written = project.read("deskstate.yaml");
    let other = project.run(&["plan", "--env", "other"]).ended(REFUSED);
    assert!(!other.err.contains("allows-nothing"), "{}", other.err);
    project.write("manifests/all.yaml", &fields(13));
    project.run(&PLAN).ended(REFUSED);
    project.write("manifests/all.yaml", &fields(14));
    let out = [&PLAN[..], &["--out", "plan.json"]].concat();
    let planned = project.run(&out).ended(0);
    let allowed = "allowed by `allow` in `deskstate.yaml` until 2999-12-31: the old lines go";
    says(&planned.err, &["warning[removals]", allowed]);
    assert!(!planned.err.contains("allows-nothing"), "{}", planned.err);
    let comment = project.run(&["show", "plan.json", "--format", "markdown"]);
    says(&comment.ended(0).out, &[allowed]);

    let reviewed = [&APPLY[..], &["--reviewed", "plan.json"]].concat();
    let done = project.run(&reviewed).ended(0);
    says(&done.err, &[allowed]);

    // What is applied is not needed any more, which stops nothing and cannot be told from a part.
    let unneeded = "warning[allows-nothing]: this plan does not need `delete=NotificationField:6`";
    let in_sync = [&PLAN[..], &["--detailed-exitcode"]].concat();
    says(&project.run(&in_sync).ended(0).err, &[unneeded]);
    let part = [&PLAN[..], &["--select", "contoso_field1"]].concat();
    let part = project.run(&part).ended(0);
    assert!(!part.err.contains("allows-nothing"), "{}", part.err);
    for command in [&["validate"][..], &["drift", "--env", "server"]] {
        let run = project.run(command).ended(0);
        assert!(!run.err.contains("[allow"), "{}", run.err);
    }

    let ada = server.administrator("ada@contoso.com");
    let field = server.id(
        "msdyn_notificationfields",
        "msdyn_notificationfieldid",
        "contoso_field1",
    );
    let row = format!("msdyn_notificationfields({field})");
    server.patch_as(&ada, &row, r#"{"msdyn_order":20}"#);
    project.run(&["adopt", "--env", "server"]).ended(0);
    assert_eq!(project.read("deskstate.yaml"), written);
}

#[test]
fn an_override_that_has_ended_has_no_effect_and_is_reported_at_its_place() {
    let (_server, project, _) = deleting_six();
    allowing(
        &project,
        &[("delete=NotificationField:6", "2020-02-29", FOR_SERVER)],
    );
    let ended =
        "warning[allowance-ended]: `delete=NotificationField:6` was allowed until 2020-02-29";
    for (command, code) in [(&PLAN[..], REFUSED), (&APPLY, REFUSED), (&["validate"], 0)] {
        let run = project.run(command).ended(code);
        says(
            &run.err,
            &[ended, "because: the old lines go", "deskstate.yaml:"],
        );
        assert!(!run.err.contains("allows-nothing"), "{}", run.err);
    }
}

#[test]
fn an_undo_is_not_allowed_by_the_project_file() {
    let (_server, project, made) = deleting_six();
    project.write("manifests/all.yaml", &fields(20));
    let file = Project::undo_file(&made);
    let undo = ["undo", "--env", "server", "--yes", &file];
    let allow = ("delete=NotificationField:20", "2999-12-31", "");
    allowing(&project, &[allow]);
    let refused = project.run(&undo).ended(REFUSED);
    says(
        &refused.err,
        &["allow it for this run: `--allow delete=NotificationField:20`"],
    );
    assert!(!refused.err.contains("until a day"), "{}", refused.err);
}

/// Levels of the policy are about changes of managed rows.
#[test]
fn no_policy_lets_a_managed_row_be_deleted() {
    let server = Server::plain();
    let absent = "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: fabrikam_warrantyTab, state: absent}\n";
    for level in ["deny", "warn", "allow"] {
        let policy = format!("policy: {{managed-row: {level}}}");
        let project = Project::desk(&server, &policy, "", absent);
        for more in [&[][..], &["--allow-managed"]] {
            let refused = project.run(&[&PLAN[..], more].concat()).ended(REFUSED);
            says(&refused.err, &["error[managed-row]", "would be deleted"]);
        }
    }
}

#[test]
fn a_managed_row_is_allowed_by_its_name_for_a_change_but_not_for_reverting_drift() {
    let server = Server::plain();
    let of = |kind: &str, name: &str, spec: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: {kind}\nmetadata: {{name: {name}, state: existing}}\nspec: {spec}\n"
        )
    };
    let name = "fabrikam_warrantyTab";
    let project = desk(&server, &of("ApplicationTab", name, "{title: Guarantee}"));
    let refused = project.run(&PLAN).ended(REFUSED);
    let change = "managed=ApplicationTab/fabrikam_warrantyTab:1";
    says(
        &refused.err,
        &["error[managed-row]", &format!("`--allow {change}`")],
    );
    let once = [&PLAN[..], &["--allow", change]].concat();
    says(
        &project.run(&once).ended(0).err,
        &["warning[managed-row]", "allowed for this run by"],
    );
    allowing(&project, &[(change, "2999-12-31", "")]);
    says(&project.apply().err, &["warning[managed-row]"]);
    project.commit_applied();
    let ada = server.administrator("ada@contoso.com");
    let tab = server.id(
        "msdyn_applicationtabtemplates",
        "msdyn_applicationtabtemplateid",
        name,
    );
    let row = format!("msdyn_applicationtabtemplates({tab})");
    server.patch_as(&ada, &row, r#"{"msdyn_title":"by hand"}"#);
    let revert = [&APPLY[..], &["--only-drift", "--at", "deskstate/{env}"]].concat();
    let refused = project.run(&revert).ended(REFUSED);
    says(&refused.err, &["error[managed-row]"]);
    assert!(!refused.err.contains("until a day"), "{}", refused.err);
    project
        .run(&[&revert[..], &["--allow", change]].concat())
        .ended(0);

    // No override lets the server accept what its publisher locked.
    let profile = "msdyn_workspace_defaultprofile";
    project.write(
        "manifests/all.yaml",
        &of("AppProfile", profile, "{description: ours}"),
    );
    let change = format!("managed=AppProfile/{profile}:1");
    allowing(&project, &[(&change, "2999-12-31", "")]);
    let refused = project.run(&PLAN).ended(REFUSED);
    says(&refused.err, &["error[not-customizable]"]);
}

#[test]
fn a_package_and_an_overlay_cannot_allow_anything() {
    let (_server, project, _) = deleting_six();
    let entry = "allow: [{change: \"delete=NotificationField:6\", reason: x, until: 2999-12-31}]";
    project.write(
        "overlays/deskstate.yaml",
        &format!(
            "apiVersion: deskstate/v1\nkind: Project\nmetadata: {{name: x}}\nspec: {{{entry}}}\n"
        ),
    );
    project.edit(
        "deskstate.yaml",
        "    server: {",
        "    server: {overlay: overlays, ",
    );
    project.run(&PLAN).ended(3);
    project.write(
        "package/deskstate-package.yaml",
        &format!("apiVersion: deskstate/v1\nkind: Package\nmetadata: {{name: x, version: 1.0.0}}\nspec: {{{entry}}}\n"),
    );
    let package = project.run(&["package", "lint", "package"]).ended(3);
    says(&package.err, &["`allow`"]);
}
