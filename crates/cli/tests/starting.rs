//! Starting a project, and the built-in reference.

use super::support::{self, deskstate};
use tempfile::TempDir;

fn run(folder: &std::path::Path, arguments: &[&str]) -> support::Run {
    deskstate(folder).args(arguments).output().unwrap().into()
}

#[test]
fn a_folder_whose_name_looks_like_a_number_names_a_valid_project() {
    let folder = TempDir::new().unwrap();
    for name in ["123", "true", "null", "1e3", "0x1F", "no"] {
        run(folder.path(), &["init", name]).ended(0);
        run(&folder.path().join(name), &["validate"]).ended(0);
    }
}

#[test]
fn a_new_project_is_valid_without_a_warning_and_applies_to_the_embedded_emulator() {
    let folder = TempDir::new().unwrap();
    run(
        folder.path(),
        &[
            "init",
            "desk",
            "--url",
            "https://contoso.crm4.dynamics.com",
            "--ci",
            "github",
        ],
    )
    .ended(0);
    let desk = folder.path().join("desk");
    let validated = run(&desk, &["validate"]).ended(0);
    assert_eq!(validated.err, "", "no warnings");
    assert_eq!(
        validated.out,
        "valid: 3 resources for 2 environments, 0 contracts\n"
    );
    run(&desk, &["apply", "--env", "local", "--yes"]).ended(0);
    let planned = run(&desk, &["plan", "--env", "local", "--detailed-exitcode"]).ended(0);
    assert!(
        planned
            .out
            .starts_with("local matches the manifests (3 resources)"),
        "{}",
        planned.out
    );
    let project = std::fs::read_to_string(desk.join("deskstate.yaml")).unwrap();
    assert!(
        project.contains("    prod:\n      url: https://contoso.crm4.dynamics.com\n"),
        "{project}"
    );
    assert!(desk.join(".github/workflows/deskstate-plan.yml").is_file());
}

#[test]
fn init_writes_to_the_folder_that_the_option_for_the_project_names() {
    let folder = TempDir::new().unwrap();
    let made = run(folder.path(), &["--project", "there", "init"]).ended(0);
    assert!(folder.path().join("there/deskstate.yaml").is_file());
    assert!(!folder.path().join("deskstate.yaml").exists());
    assert!(
        made.err.contains("validate --project there"),
        "{}",
        made.err
    );
    let twice = run(folder.path(), &["-C", "there", "init", "other"]).ended(4);
    assert!(twice.err.contains("given twice"), "{}", twice.err);
}

#[test]
fn a_project_file_that_is_called_otherwise_is_named() {
    let folder = TempDir::new().unwrap();
    run(folder.path(), &["init", "desk"]).ended(0);
    let desk = folder.path().join("desk");
    for name in ["deskstate.yml", "deskstate.yaml.txt"] {
        let other = desk.join(name);
        std::fs::rename(desk.join("deskstate.yaml"), &other).unwrap();
        let help = format!("rename `{name}` to `deskstate.yaml`");
        support::says(&run(&desk, &["validate"]).ended(1).err, &[&help]);
        let project = ["validate", "--project", "desk"];
        support::says(&run(folder.path(), &project).ended(1).err, &[&help]);
        std::fs::rename(&other, desk.join("deskstate.yaml")).unwrap();
    }
}

#[test]
fn nobodys_files_are_written_over() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("manifests")).unwrap();
    std::fs::write(folder.path().join("manifests/desktop.yaml"), "mine").unwrap();
    let started = run(folder.path(), &["init", "--name", "desk"]).ended(0);
    assert!(
        started.err.contains("Kept manifests/desktop.yaml"),
        "{}",
        started.err
    );
    assert_eq!(
        std::fs::read_to_string(folder.path().join("manifests/desktop.yaml")).unwrap(),
        "mine"
    );
    let again = run(folder.path(), &["init", "--ci", "azure"]).ended(0);
    assert!(
        again.err.contains("Created azure-pipelines/plan.yml")
            && !again.err.contains("Created deskstate.yaml"),
        "{}",
        again.err
    );
}

#[test]
fn ci_files_of_a_project_below_the_root_of_its_repository_come_with_a_warning() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join(".git")).unwrap();
    for (ci, said) in [("github", "GitHub reads"), ("azure", "the pipelines run")] {
        let below = run(folder.path(), &["init", "desk", "--ci", ci]).ended(0);
        assert!(below.err.contains(said), "{}", below.err);
        assert!(
            below.err.contains("the files apply to prod"),
            "{}",
            below.err
        );
    }
    let at_the_root = run(folder.path(), &["init", "--ci", "github"]).ended(0);
    assert!(!at_the_root.err.contains("warning"), "{}", at_the_root.err);
}

#[test]
fn what_only_a_new_project_can_take_is_refused_where_one_exists() {
    let folder = TempDir::new().unwrap();
    let url = "https://contoso.crm4.dynamics.com";
    run(folder.path(), &["init", "--name", "desk"]).ended(0);
    let file = || std::fs::read_to_string(folder.path().join("deskstate.yaml")).unwrap();
    let before = file();
    for (option, value, said) in [
        (
            "--url",
            url,
            "add `prod: {url: https://contoso.crm4.dynamics.com}`",
        ),
        ("--name", "other", "change `metadata.name`"),
    ] {
        let refused = run(folder.path(), &["init", option, value, "--ci", "azure"]).ended(4);
        assert!(refused.err.contains(said), "{}", refused.err);
        assert!(!folder.path().join("azure-pipelines").exists());
    }
    assert_eq!(file(), before);
    run(folder.path(), &["init", "--url", "nowhere"]).ended(1);
    // After the suggested edit, the options are accepted.
    let environment = format!("  environments:\n    prod: {{url: {url}}}\n");
    let changed = before.replace("  environments:\n", &environment);
    std::fs::write(folder.path().join("deskstate.yaml"), changed).unwrap();
    let again = [
        "init",
        "--name",
        "desk",
        "--url",
        "HTTPS://Contoso.crm4.dynamics.com/main.aspx",
    ];
    run(folder.path(), &again).ended(0);
}

#[test]
fn what_render_prints_is_a_file_of_manifests_with_variables_and_overlays_filled_in() {
    let project = support::Project::example("tenfold");
    let rendered = project.run(&["render", "--env", "prod"]).ended(0);
    assert!(!rendered.out.contains("${{"), "{}", rendered.out);
    let folder = TempDir::new().unwrap();
    run(folder.path(), &["init", "--name", "copy"]).ended(0);
    std::fs::write(folder.path().join("manifests/desktop.yaml"), &rendered.out).unwrap();
    run(folder.path(), &["validate"]).ended(0);
    let tab = support::tab("contoso_tab").replace(
        "https://a.example/",
        "https://a.example/?o=${{ environment.organizationId }}&$${{x}}",
    );
    assert!(tab.contains("organizationId"), "{tab}");
    std::fs::write(folder.path().join("manifests/tab.yaml"), &tab).unwrap();
    let waits = run(folder.path(), &["render", "--env", "local", "contoso_tab"]).ended(0);
    assert!(
        waits
            .out
            .contains("?o=${{ environment.organizationId }}&$${{x}}"),
        "{}",
        waits.out
    );
    let guide = run(folder.path(), &["guide", "--env", "local", "contoso_tab"]).ended(0);
    assert!(
        guide.err.contains("type the id of the organization for"),
        "{}",
        guide.err
    );
    let one = project
        .run(&[
            "render",
            "--env",
            "prod",
            "sessiontemplate/cti_createsession",
        ])
        .ended(0);
    assert!(
        one.out.contains("name: CTI_createSession") && one.out.matches("apiVersion").count() == 2,
        "{}",
        one.out
    );
    assert!(
        one.err
            .contains("Also included: ApplicationTab tenfold_customerSummary"),
        "{}",
        one.err
    );
    let none = project
        .run(&["render", "--env", "prod", "SessionTemplate", "nothing"])
        .ended(1);
    assert!(
        none.err
            .contains("nothing matches `SessionTemplate/nothing`"),
        "{}",
        none.err
    );
}

/// cachix/devenv#1046: files that nobody may commit, in a repository that has a list of such files.
#[test]
fn a_list_of_ignored_files_gets_the_folder_of_undo_files() {
    let folder = TempDir::new().unwrap();
    let list = folder.path().join(".gitignore");
    std::fs::write(&list, "node_modules").unwrap();
    let made = run(folder.path(), &["init"]).ended(0);
    assert!(made.err.contains("Extended .gitignore"), "{}", made.err);
    let expected = "node_modules\n.deskstate/\n";
    assert_eq!(std::fs::read_to_string(&list).unwrap(), expected);
    std::fs::remove_file(folder.path().join("deskstate.yaml")).unwrap();
    let again = run(folder.path(), &["init"]).ended(0);
    assert!(again.err.contains("Kept .gitignore"), "{}", again.err);
    assert_eq!(std::fs::read_to_string(&list).unwrap(), expected);
    // The last rule of such a list decides.
    std::fs::write(&list, "/.deskstate\r\n!.deskstate/\r\n").unwrap();
    std::fs::remove_file(folder.path().join("deskstate.yaml")).unwrap();
    run(folder.path(), &["init"]).ended(0);
    let expected = "/.deskstate\r\n!.deskstate/\r\n.deskstate/\r\n";
    assert_eq!(std::fs::read_to_string(&list).unwrap(), expected);
}

#[test]
fn a_schema_is_printed_by_name_or_all_are_written() {
    let folder = TempDir::new().unwrap();
    let schema = run(folder.path(), &["schema", "SessionTemplate"]).ended(0);
    let schema: serde_json::Value = serde_json::from_str(&schema.out).unwrap();
    assert_eq!(schema["title"], "SessionTemplate");
    run(folder.path(), &["schema", "--out", "schemas"]).ended(0);
    assert!(folder.path().join("schemas/manifest.json").is_file());
    let wrong = run(folder.path(), &["schema", "nothing"]).ended(1);
    assert!(
        wrong.err.contains("there are: manifest, overlay"),
        "{}",
        wrong.err
    );
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let folder = TempDir::new().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let completions = run(folder.path(), &["completions", shell]).ended(0);
        assert!(
            completions.out.contains("validate") && completions.out.contains("drift"),
            "{shell}"
        );
    }
    let page = run(folder.path(), &["man"]).ended(0);
    assert!(
        page.out.starts_with(".ie") && page.out.contains("deskstate\\-plan"),
        "{}",
        page.out
    );
    run(folder.path(), &["man", "--out", "pages"]).ended(0);
    assert!(folder.path().join("pages/deskstate-apply.1").is_file());
}

#[test]
fn too_little_memory_is_refused_with_the_least_that_is_needed() {
    let folder = TempDir::new().unwrap();
    for given in ["1", "much", "-5"] {
        let memory = format!("--memory={given}");
        let refused = run(folder.path(), &["validate", &memory]).ended(1);
        support::says(&refused.err, &["takes a number of MiB, at least 200"]);
    }
}

#[test]
fn variables_that_a_build_sets_to_nothing_count_as_not_set() {
    let folder = TempDir::new().unwrap();
    run(folder.path(), &["init", "."]).ended(0);
    let plan = |value: &str| -> support::Run {
        let mut command = support::deskstate(folder.path());
        for name in [
            "DESKSTATE_MEMORY",
            "DESKSTATE_CA_FILE",
            "DESKSTATE_SIGN_IN",
            "DESKSTATE_SIGN_IN_PORT",
            "AZURE_CLIENT_SECRET",
            "HTTPS_PROXY",
        ] {
            command.env(name, value);
        }
        command
            .args(["plan", "--env", "local"])
            .output()
            .unwrap()
            .into()
    };
    for value in ["", " "] {
        let run = plan(value).ended(0);
        assert!(!run.err.contains("note:"), "{}", run.err);
    }
    let run = plan("$(NOT_THERE)").ended(0);
    let note = "note: `DESKSTATE_MEMORY` is `$(NOT_THERE)`, a variable that the pipeline does not define; it counts as not set";
    assert_eq!(run.err.matches(note).count(), 1, "{}", run.err);
}

#[test]
fn a_proxy_that_cannot_be_used_is_an_error_and_its_password_is_not_shown() {
    let folder = TempDir::new().unwrap();
    let run: support::Run = support::deskstate(folder.path())
        .env("HTTPS_PROXY", "socks5://ada:geheim@proxy:1080")
        .args([
            "init",
            "--from-env",
            "https://contoso.crm4.dynamics.com",
            "desk",
        ])
        .output()
        .unwrap()
        .into();
    let run = run.ended(1);
    support::says(
        &run.err,
        &[
            "`HTTPS_PROXY` is not the address of a proxy",
            "socks5",
            "http://proxy.example.com:8080",
        ],
    );
    assert!(!run.err.contains("geheim"), "{}", run.err);
}

#[test]
fn explain_says_what_it_does_not_know() {
    let folder = TempDir::new().unwrap();
    let run = run(folder.path(), &["explain", "nothing"]).ended(1);
    assert!(
        run.err.contains("unknown kind, field or code `nothing`")
            && run.err.contains("lists the kinds"),
        "{}",
        run.err
    );
}

#[test]
fn a_build_gets_annotations_on_stdout_and_people_the_same_on_stderr() {
    let project = support::Project::example("tenfold");
    project.edit(
        "manifests/templates.yaml",
        "communicationPanelMode: Docked",
        "communicationPanelMode: Floating",
    );
    let github = deskstate(project.path())
        .arg("validate")
        .env("GITHUB_ACTIONS", "true")
        .output()
        .unwrap();
    let github = support::Run::from(github).ended(3);
    assert!(
        github
            .out
            .starts_with("::error file=manifests/templates.yaml,line="),
        "{}",
        github.out
    );
    assert!(github.err.contains("Floating"), "{}", github.err);
    let azure = project.run(&["validate", "--format", "azure"]).ended(3);
    assert!(
        azure.out.starts_with(
            "##vso[task.logissue type=error;sourcepath=manifests/templates.yaml;linenumber="
        ),
        "{}",
        azure.out
    );
    let json = project.run(&["validate", "--format", "json"]).ended(3);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(
        (json["formatVersion"].as_u64(), json["valid"].as_bool()),
        (Some(1), Some(false))
    );
    let sarif = project.run(&["validate", "--format", "sarif"]).ended(3);
    let sarif: serde_json::Value = serde_json::from_str(&sarif.out).unwrap();
    assert_eq!(
        sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        "manifests/templates.yaml"
    );
}

#[test]
fn a_plan_as_a_comment_carries_its_marker_first() {
    let project = support::Project::example("tenfold");
    let plan = project
        .run(&["plan", "--env", "local", "--format", "markdown"])
        .ended(0);
    assert!(
        plan.out
            .starts_with("<!-- deskstate:plan:local -->\n### Plan for `local`: **"),
        "{}",
        plan.out
    );
    assert!(
        plan.out
            .contains("+ SessionTemplate CTI_createSession    manifests/templates.yaml:"),
        "{}",
        plan.out
    );
}
