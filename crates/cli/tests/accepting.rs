//! Warnings that a project accepts until a certain day, and those that a revision already has.

use super::support::{self, Project, Server, says};

/// A notification with a slug that nobody supplies, which causes a warning.
fn notification(name: &str) -> String {
    format!(
        "---\napiVersion: deskstate/v1\nkind: NotificationTemplate\nmetadata: {{name: {name}}}\nspec: {{displayName: {name}, title: \"Call {{custmerName}}\"}}\n"
    )
}

fn project(manifests: &str, accept: &str) -> Project {
    let project = Project::example("tenfold");
    project.write("manifests/calls.yaml", manifests);
    accepting(&project, accept);
    project
}

/// Replaces the accepted entries in the project file.
fn accepting(project: &Project, entries: &str) {
    let text = project.read("deskstate.yaml");
    let text = text.split("  accept:\n").next().unwrap();
    project.write(
        "deskstate.yaml",
        &format!("{}\n  accept:\n{entries}", text.trim_end()),
    );
}

fn entry(code: &str, name: &str, until: &str) -> String {
    format!(
        "    - {{code: {code}, kind: NotificationTemplate, name: {name}, reason: The switch sets it, until: {until}}}\n"
    )
}

#[test]
fn an_accepted_warning_is_counted_until_its_last_day_and_others_are_shown() {
    let manifests = notification("contoso_one")
        + &notification("contoso_two").replace("custmerName", "caseTitel");
    let project = project(&manifests, &entry("slug", "contoso_o*", "2999-12-31"));
    for command in [&["validate"][..], &["plan", "--env", "local"]] {
        let run = project.run(command).ended(0);
        says(
            &run.err,
            &["1 warning is not shown, because `accept` in `deskstate.yaml` accepts it"],
        );
        assert_eq!(run.err.matches("warning[slug]").count(), 1, "{}", run.err);
        says(&run.err, &["{caseTitel}"]);
    }

    accepting(&project, &entry("slug", "contoso_*", "2020-02-29"));
    let run = project.run(&["validate"]).ended(0);
    assert_eq!(run.err.matches("warning[slug]").count(), 2, "{}", run.err);
    says(
        &run.err,
        &[
            "warning[acceptance-ended]: `slug` of NotificationTemplate/contoso_* was accepted until 2020-02-29",
            "because: The switch sets it",
        ],
    );

    // A warning that a policy turns into an error stays an error, even if it is accepted.
    accepting(
        &project,
        &(entry("slug", "contoso_*", "2999-12-31") + "  policy: {slug: deny}\n"),
    );
    let run = project.run(&["validate"]).ended(3);
    assert_eq!(run.err.matches("error[slug]").count(), 2, "{}", run.err);
}

#[test]
fn a_finding_in_an_overlay_is_about_the_resource_that_it_changes() {
    let plain = notification("contoso_one").replace("Call {{custmerName}}", "Call");
    let project = project(&plain, &entry("slug", "contoso_one", "2999-12-31"));
    project.write(
        "overlays/prod/calls.yaml",
        "apiVersion: deskstate/v1\nkind: NotificationTemplate\nmetadata: {name: contoso_one}\nspec: {title: \"Call {{custmerName}}\"}\n",
    );
    let run = project.run(&["validate"]).ended(0);
    says(&run.err, &["1 warning is not shown"]);
    assert!(!run.err.contains("[slug]"), "{}", run.err);
}

#[test]
fn an_entry_that_accepts_nothing_or_cannot_be_read_is_said() {
    let project = project(
        &notification("contoso_one"),
        &entry("slug", "contoso_other", "2999-12-31"),
    );
    let run = project.run(&["validate"]).ended(0);
    says(
        &run.err,
        &[
            "warning[slug]",
            "warning[accepts-nothing]: there is no `slug` of NotificationTemplate/contoso_other to accept",
            "deskstate.yaml:",
        ],
    );
    // Checking only one environment or some resources is not a complete check.
    let part = project.run(&["validate", "--env", "local"]).ended(0);
    assert!(!part.err.contains("accepts-nothing"), "{}", part.err);
    project.write("manifests/broken.yaml", "kind: [\n");
    let broken = project.run(&["validate"]).ended(3);
    assert!(!broken.err.contains("accepts-nothing"), "{}", broken.err);
    std::fs::remove_file(project.path().join("manifests/broken.yaml")).unwrap();

    for (entry, said) in [
        (
            entry("slgu", "x", "2999-12-31"),
            "error[unknown-value]: `code` cannot be `slgu`",
        ),
        (
            entry("slug", "x", "2999-02-30"),
            "error[unknown-value]: `2999-02-30` is not a date",
        ),
        (
            entry("protected", "x", "2999-12-31"),
            "error[unknown-value]: `code` cannot be `protected`",
        ),
        (
            "    - {code: slug, kind: NotificationTemplate, name: x, until: 2999-12-31}\n"
                .to_owned(),
            "error[missing-field]: `reason` is missing",
        ),
    ] {
        accepting(&project, &entry);
        says(
            &project.run(&["validate"]).ended(3).err,
            &[said, "deskstate.yaml:"],
        );
    }
}

#[test]
fn a_warning_of_review_is_accepted_for_its_resource_and_a_refusal_never() {
    let server = Server::plain();
    let provider = |domain: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: ChannelProvider\nmetadata: {{name: contoso_phone}}\nspec: {{displayName: Phone, channelUrl: \"https://{domain}.example/\", label: Phone, channelOrder: 1}}\n"
        )
    };
    let project = Project::desk(&server, "", "", &provider("a"));
    project.run(&["apply", "--env", "server", "--yes"]).ended(0);
    project.write("manifests/all.yaml", &provider("b"));
    let plan = ["plan", "--env", "server"];
    says(
        &project.run(&plan).ended(0).err,
        &["warning[address-changed]"],
    );
    let accept = |name: &str| {
        format!(
            "    - {{code: address-changed, kind: ChannelProvider, name: {name}, reason: It moves, until: 2999-12-31}}\n"
        )
    };
    accepting(&project, &accept("contoso_other"));
    says(
        &project.run(&plan).ended(0).err,
        &["warning[address-changed]"],
    );
    accepting(&project, &accept("contoso_phone"));
    let run = project.run(&plan).ended(0);
    assert!(!run.err.contains("address-changed"), "{}", run.err);
    says(&run.err, &["1 warning is not shown"]);
    accepting(
        &project,
        &(accept("contoso_phone") + "  policy: {address-changed: deny}\n"),
    );
    says(
        &project.run(&plan).ended(4).err,
        &["error[address-changed]"],
    );
}

#[test]
fn of_warnings_only_those_that_a_revision_lacks_are_shown_on_a_line_each() {
    let project = Project::example("tenfold");
    project.write("manifests/calls.yaml", &notification("contoso_one"));
    project.git(&["init", "--quiet"]);
    project.git(&["add", "."]);
    project.git(&["commit", "--quiet", "-m", "Before"]);
    // The old warning is on other lines now.
    let moved = format!(
        "{}\n\n{}",
        notification("contoso_two").replace("custmerName", "caseTitel"),
        notification("contoso_one")
    );
    project.write("manifests/calls.yaml", &moved);
    let run = project.run(&["validate", "--baseline", "HEAD"]).ended(0);
    says(&run.err, &["1 warning not shown, because HEAD has it too"]);
    let lines: Vec<&str> = run
        .err
        .lines()
        .filter(|line| line.contains("[slug]"))
        .collect();
    assert_eq!(lines.len(), 1, "{}", run.err);
    assert!(lines[0].contains("manifests/calls.yaml:"), "{}", run.err);
    assert!(!run.err.contains("-->"), "{}", run.err);

    // An error is shown whether or not it is new.
    project.write(
        "manifests/calls.yaml",
        &notification("contoso_one").replace("title", "titel"),
    );
    project.git(&["commit", "--quiet", "-a", "-m", "Broken"]);
    project.run(&["validate", "--baseline", "HEAD"]).ended(3);
    // A hook has the variables of the repository that it runs in.
    let other = tempfile::tempdir().unwrap();
    support::git(other.path(), &["init", "--quiet"]);
    let hook: support::Run = support::deskstate(project.path())
        .env("GIT_DIR", other.path().join(".git"))
        .env("GIT_WORK_TREE", other.path())
        .env("GIT_INDEX_FILE", other.path().join("index"))
        .args(["validate", "--baseline", "HEAD"])
        .output()
        .unwrap()
        .into();
    hook.ended(3);
    says(
        &project
            .run(&["validate", "--baseline", "nowhere"])
            .ended(1)
            .err,
        &["git has no revision `nowhere` of this folder"],
    );
}
