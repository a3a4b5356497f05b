//! Selection with `-l`, kind and name: the same meaning in every command.

use super::support::{self, Project};

/// Checks that stderr contains a text.
#[track_caller]
fn says(run: &support::Run, part: &str) {
    assert!(run.err.contains(part), "stderr:\n{}", run.err);
}

fn names(manifests: &str) -> Vec<&str> {
    manifests
        .lines()
        .filter_map(|line| line.trim().strip_prefix("name: "))
        .collect()
}

/// Every command that takes a selection, with arguments that make it read only the manifests or the environment `local`.
const COMMANDS: [&[&str]; 9] = [
    &["validate"],
    &["render", "--env", "local"],
    &["graph"],
    &["preview", "--no-open"],
    &["plan", "--env", "local"],
    &["apply", "--env", "local", "--yes"],
    &["drift", "--env", "local"],
    &["adopt", "--env", "local"],
    &["diff", "--from", "local", "--to", "local"],
];

fn run(project: &Project, command: &[&str], selection: &[&str]) -> support::Run {
    project.run(&[command, selection].concat())
}

#[test]
fn every_command_refuses_a_selection_that_chooses_nothing_and_says_what_was_meant() {
    let project = Project::example("tenfold");
    project.run(&["apply", "--env", "local", "--yes"]).ended(0);
    let export: &[&str] = &["export", "--env", "local"];
    for command in COMMANDS.into_iter().chain([export]) {
        let slip = run(&project, command, &["CTI_creatSession"]).ended(1);
        says(&slip, "nothing matches `CTI_creatSession`");
        says(&slip, "did you mean `CTI_createSession`?");
        let label = run(&project, command, &["-l", "vendor=tenfld"]).ended(1);
        says(&label, "did you mean `vendor=tenfold`?");
        let kind = run(&project, command, &["-l", "AppProfil/*"]).ended(1);
        says(
            &kind,
            "no kind is called `AppProfil`; did you mean `AppProfile`?",
        );
    }
}

#[test]
fn what_a_selection_needs_comes_along_in_every_command_and_is_named() {
    // `adopt` only adopts the selected resources.
    for command in COMMANDS.into_iter().filter(|command| command[0] != "adopt") {
        let project = Project::example("tenfold");
        if command[0] == "diff" {
            project.run(&["apply", "--env", "local", "--yes"]).ended(0);
        }
        // A preview of a single resource shows its context; a preview of a kind is narrowed.
        let said = run(&project, command, &["SessionTemplate"]);
        says(
            &said,
            "Also included: ApplicationTab tenfold_customerSummary (required by SessionTemplate CTI_createSession)",
        );
    }
}

#[test]
fn labels_kinds_and_names_choose_the_same_in_manifests_and_live() {
    let project = Project::example("tenfold");
    let of = |command: &[&str], selection: &[&str]| {
        let text = run(&project, command, selection).ended(0).out;
        names(&text).join(" ")
    };
    let render: &[&str] = &["render", "--env", "local"];
    let session = "CTI_createSession tenfold_customerSummary";
    assert_eq!(of(render, &["SessionTemplate/CTI_createSession"]), session);
    assert_eq!(of(render, &["cti_create*"]), session);
    assert_eq!(of(render, &["-l", "sessiontemplate"]), session);
    assert_eq!(
        of(render, &["-l", "NotificationTemplate", "ChannelProvider"]),
        "CTI_inboundCallNotification tenfold_channelProvider"
    );
    project.run(&["apply", "--env", "local", "--yes"]).ended(0);
    let export: &[&str] = &["export", "--env", "local"];
    assert_eq!(of(export, &["SessionTemplate/CTI_createSession"]), session);
    assert_eq!(
        of(export, &["-l", "vendor=tenfold"]),
        of(render, &["-l", "vendor=tenfold"]),
        "live rows have the labels of their manifests"
    );
}

#[test]
fn validate_shows_what_is_wrong_with_the_selection_and_counts_the_rest() {
    let project = Project::example("tenfold");
    project.edit(
        "manifests/templates.yaml",
        "pageType: EntityRecord",
        "pageType: EntityRecrd",
    );
    let needs_it = project.run(&["validate", "AppProfile"]).ended(3);
    says(&needs_it, "did you mean `EntityRecord`?");
    let apart = project.run(&["validate", "ChannelProvider"]).ended(0);
    says(&apart, "1 finding about other resources not shown");
    project.write("manifests/broken.yaml", "kind: [\n");
    let unread = project.run(&["validate", "ChannelProvider"]).ended(3);
    says(&unread, "manifests/broken.yaml");
}

#[test]
fn a_selection_is_applied_alone_and_nothing_is_pruned_or_called_extra() {
    let project = Project::example("tenfold");
    project.edit("deskstate.yaml", "prune: never", "prune: owned");
    project.edit(
        "deskstate.yaml",
        "  protect: [SessionTemplate/CTI_*, NotificationTemplate/CTI_*]\n",
        "",
    );
    project.run(&["apply", "--env", "local", "--yes"]).ended(0);
    let file = "manifests/channel-provider.yaml";
    project.edit(file, "channelOrder: 0", "channelOrder: 3");
    let profile = project.read("manifests/app-profile.yaml");
    project.write("manifests/app-profile.yaml", "");
    project.write("contracts/tenfold-cif-v2.yaml", "");
    project.edit(
        "deskstate.yaml",
        "  contracts: [contracts/tenfold-cif-v2.yaml]\n",
        "",
    );
    project.edit("deskstate.yaml", "      overlay: overlays/prod\n", "");
    assert!(!profile.is_empty());
    let all = project.run(&["drift", "--env", "local"]).ended(2);
    assert!(all.out.contains("tenfold_appProfile"), "{}", all.out);
    let part = project
        .run(&["drift", "--env", "local", "ChannelProvider"])
        .ended(2);
    assert!(part.out.contains("channelOrder"), "{}", part.out);
    assert!(!part.out.contains("tenfold_appProfile"), "{}", part.out);
    project
        .run(&["drift", "--env", "local", "SessionTemplate"])
        .ended(0);
    let planned = project
        .run(&["plan", "--env", "local", "ChannelProvider"])
        .ended(0);
    assert!(
        planned
            .out
            .contains("0 to create, 1 to update, 0 to delete"),
        "{}",
        planned.out
    );
}

#[test]
fn drift_of_all_environments_takes_a_selection_that_some_of_them_have() {
    let project = Project::example("tenfold");
    project.edit(
        "deskstate.yaml",
        "    prod:\n      url: https://contoso.crm.dynamics.com\n",
        "    prod:\n      emulator: {state: .deskstate/prod.json}\n      watched: true\n",
    );
    project.edit(
        "deskstate.yaml",
        "      emulator: {state: .deskstate/local.json}\n",
        "      emulator: {state: .deskstate/local.json}\n      watched: true\n",
    );
    project.edit(
        "manifests/channel-provider.yaml",
        "  labels: {vendor: tenfold}",
        "  labels: {vendor: tenfold}\n  environments: [local, prod]",
    );
    for environment in ["local", "prod"] {
        project
            .run(&["apply", "--env", environment, "--yes"])
            .ended(0);
    }
    project.run(&["drift", "--all", "ChannelProvider"]).ended(0);
    let slip = project.run(&["drift", "--all", "ChanelProvider"]).ended(1);
    says(&slip, "did you mean `ChannelProvider`?");
}

#[test]
fn a_row_that_was_named_and_that_nobody_declares_is_adopted_and_a_pattern_is_not_guessed_at() {
    let project = Project::example("tenfold");
    project.run(&["apply", "--env", "local", "--yes"]).ended(0);
    let nobody = project
        .run(&["adopt", "--env", "local", "--check", "tenfold_nobody"])
        .ended(1);
    says(&nobody, "nothing matches `tenfold_nobody`");
    let pattern = project
        .run(&["adopt", "--env", "local", "--check", "tenfold_no*"])
        .ended(1);
    says(&pattern, "nothing matches `tenfold_no*`");
    let same = project
        .run(&[
            "adopt",
            "--env",
            "local",
            "--check",
            "tenfold_customerSummary",
        ])
        .ended(0);
    says(&same, "nothing differs");
}
