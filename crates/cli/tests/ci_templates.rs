//! Runs the shell scripts of the templates in `ci/` as a build would. The environment is an emulator, and the host a stand-in that records
//! calls.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::support::builds::{Ended, Host, Why, World};
use super::support::{self, Run, Server, says};
use serde_json::json;
use tempfile::TempDir;
use wiremock::matchers::{body_string_contains, method, path, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// `gh`, limited to the parts that the drift workflows use. Issues are files.
const GH: &str = r#"#!/usr/bin/env bash
set -euo pipefail
state="$HOME/gh"
echo "$*" >> "$state/calls"
option() { local name="$1"; shift; while [ "$1" != "$name" ]; do shift; done; echo "$2"; }
case "$1 $2" in
  "label create") ;;
  "issue list") if [ -f "$state/issue.md" ]; then jq -n --rawfile title "$state/issue.title" '[{number: 3, title: ($title | rtrimstr("\n"))}]'; else echo '[]'; fi ;;
  "issue create") option --title "$@" > "$state/issue.title"; cp "$(option --body-file "$@")" "$state/issue.md" ;;
  "issue edit") [ "$3" = 3 ]; cp "$(option --body-file "$@")" "$state/issue.md" ;;
  "issue view") [ "$3" = 3 ]; cat "$state/issue.md" ;;
  "issue comment") [ "$3" = 3 ] ;;
  "issue close") [ "$3" = 3 ]; rm "$state/issue.md" ;;
  *) echo "not known: $*" >&2; exit 9 ;;
esac
"#;

/// The manifest of the example that the tests edit.
const MANIFEST: &str = "manifests/desktop.yaml";

#[tokio::test(flavor = "multi_thread")]
async fn on_github_a_change_goes_through_dev_test_and_prod_in_this_order() {
    a_change_goes_through_dev_test_and_prod_in_this_order(Host::GitHub).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_azure_devops_a_change_goes_through_dev_test_and_prod_in_this_order() {
    a_change_goes_through_dev_test_and_prod_in_this_order(Host::Azure).await;
}

async fn a_change_goes_through_dev_test_and_prod_in_this_order(host: Host) {
    let world = World::new(host, &["dev", "test", "prod"], "maxChangeset: 200").await;
    // Changes that no pull request has planned are planned manually, then applied from that plan.
    let unplanned = world.apply(|_, _| false);
    assert!(
        unplanned.log.contains("there is no reviewed plan"),
        "{}",
        unplanned.log
    );
    assert_eq!(world.titles(), ["-", "-", "-"]);
    let start = world.plan_by_hand();
    assert!(start.is_good(), "{}", start.log);
    let applied = world.apply_by_hand(&start);
    assert!(applied.is_good(), "{}", applied.log);
    assert_eq!(world.titles(), ["Case", "Case", "Case"]);
    assert_eq!(world.tag("prod"), Some(world.main()));

    let (number, build) = world.propose(MANIFEST, "title: Case", "title: First", false);
    assert!(
        build.is_good() && build.job("validate") == Ended::Well,
        "{}",
        build.log
    );
    let comments = world.comments(number);
    let [comment] = comments.as_slice() else {
        panic!("one comment: {comments:?} {}", build.log);
    };
    let sections: Vec<&str> = comment
        .lines()
        .filter(|line| line.starts_with("### "))
        .collect();
    assert_eq!(
        sections,
        ["dev", "test", "prod"].map(|stage| format!(
            "### Plan for `{stage}`: **0** to create, **1** to update, **0** to delete"
        ))
    );
    world.merge(number, "squash");
    let mut order = Vec::new();
    let applied = world.apply(|job, step| {
        if ["Apply", "Check for drift", "Mark what was applied"].contains(&step) {
            order.push(job.to_owned());
        }
        false
    });
    assert!(applied.is_good(), "{}", applied.log);
    let expected: Vec<String> = ["stage_1_dev", "stage_2_test", "stage_3_prod"]
        .iter()
        .flat_map(|stage| ["apply", "check", "mark"].map(|job| format!("{stage}/{job}")))
        .collect();
    assert_eq!(order, expected);
    assert_eq!(world.titles(), ["First", "First", "First"]);
    assert_eq!(world.tag("prod"), Some(world.main()));
    assert_eq!(
        world.artifact(&applied, "deskstate-undo-prod-1").len(),
        1,
        "{}",
        applied.log
    );

    // A page does not change the desktop. A fork gets no plan, so its changes are refused.
    std::fs::write(world.desk().join("README.md"), "A desk\n").unwrap();
    std::fs::create_dir_all(world.desk().join("plan")).unwrap();
    std::fs::write(world.desk().join("plan/prod.md"), "FORGED\n").unwrap();
    let (number, build) = world.propose("README.md", "A desk", "Our desk", false);
    assert!(build.is_good(), "{}", build.log);
    assert!(!world.comments(number).concat().contains("FORGED"));
    world.merge(number, "merge");
    let applied = world.apply(|_, _| false);
    assert!(applied.is_good(), "{}", applied.log);
    assert_eq!(world.tag("prod"), Some(world.main()));
    // A committed plan is not a plan that a build made.
    let manifest = world.desk().join(MANIFEST);
    let declared = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(
        &manifest,
        declared.replace("title: First", "title: Foreign"),
    )
    .unwrap();
    std::fs::create_dir_all(world.desk().join("reviewed/forged")).unwrap();
    for stage in ["dev", "test", "prod"] {
        let file = format!("desk/reviewed/forged/{stage}.json");
        let plan = ["--project", "desk", "plan", "--env", stage, "--out", &file];
        world.deskstate(&plan).ended(0);
    }
    std::fs::write(&manifest, declared).unwrap();
    let (number, build) = world.propose(MANIFEST, "title: First", "title: Foreign", true);
    assert!(
        build.is_good() && build.job("validate") == Ended::Well,
        "{}",
        build.log
    );
    assert_eq!(world.comments(number).len(), 0);
    world.merge(number, "merge");
    let refused = world.apply(|_, _| false);
    assert_eq!(refused.job("stage_1_dev/apply"), Ended::Failed);
    assert!(
        refused.log.contains("there is no reviewed plan"),
        "{}",
        refused.log
    );
    assert_eq!(world.titles(), ["First", "First", "First"]);
    if host == Host::GitHub {
        let queue = world.build(true, Why::MergeQueue, &world.main(), None, |_, _| false);
        assert_eq!(
            queue.trouble(),
            [
                "plan/dev Skipped",
                "plan/test Skipped",
                "plan/prod Skipped",
                "comment Skipped"
            ]
        );
        assert_eq!(queue.job("done"), Ended::Well);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_github_a_run_that_fails_or_is_cancelled_leaves_its_changes_to_the_next_and_its_rerun() {
    a_run_that_fails_or_is_cancelled_leaves_its_changes(Host::GitHub).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_azure_devops_a_run_that_fails_or_is_cancelled_leaves_its_changes_to_the_next_and_its_rerun()
 {
    a_run_that_fails_or_is_cancelled_leaves_its_changes(Host::Azure).await;
}

async fn a_run_that_fails_or_is_cancelled_leaves_its_changes(host: Host) {
    let world = World::new(host, &["dev", "prod"], "maxChangeset: 1").await;
    let start = world.plan_by_hand();
    // The second of three transactions fails in prod, where each is one row.
    let fault = r#"{"formatVersion":1,"rules":[{"when":{"writes":true,"nth":2},"fault":{"kind":"refuse","status":400}}]}"#;
    world.servers[1].request("DELETE", "/__emulator/stats", "", "");
    world.servers[1].request("POST", "/__emulator/faults", fault, "");
    let partly = world.apply_by_hand(&start);
    assert_eq!(
        partly.trouble(),
        [
            "stage_2_prod/apply Failed",
            "stage_2_prod/check Skipped",
            "stage_2_prod/mark Skipped"
        ],
        "{}",
        partly.log
    );
    assert_eq!(world.tag("prod"), None);
    world.servers[1].request("DELETE", "/__emulator/faults", "", "");
    let completed = world.rerun(&partly);
    assert!(completed.is_good(), "{}", completed.log);
    assert_eq!(world.titles(), ["Case", "Case"]);
    // Each attempt keeps its own undo file.
    for attempt in ["deskstate-undo-prod-1", "deskstate-undo-prod-2"] {
        assert!(!world.artifact(&completed, attempt).is_empty(), "{attempt}");
    }

    // Two merges in quick succession: the run of the first is cancelled before prod, and the second applies both there.
    let (first, one) = world.propose(MANIFEST, "title: Case", "title: First", false);
    let (second, two) = world.propose(
        MANIFEST,
        "displayName: Contoso agents",
        "displayName: All agents",
        false,
    );
    assert!(one.is_good() && two.is_good(), "{} {}", one.log, two.log);
    world.merge(first, "rebase");
    let cancelled = world.apply(|job, step| job == "stage_2_prod/apply" && step == "Apply");
    assert_eq!(
        cancelled.trouble(),
        [
            "stage_2_prod/apply Cancelled",
            "stage_2_prod/check Skipped",
            "stage_2_prod/mark Skipped"
        ],
        "{}",
        cancelled.log
    );
    assert_eq!(world.titles(), ["First", "Case"]);
    world.merge(second, "squash");
    let both = world.apply(|_, _| false);
    assert!(both.is_good(), "{}", both.log);
    assert_eq!(world.titles(), ["First", "First"]);
    assert_eq!(world.tag("prod"), Some(world.main()));
    // The cancelled run cannot revert the second change.
    let late = world.rerun(&cancelled);
    assert_eq!(late.job("stage_2_prod/apply"), Ended::Failed);
    assert!(
        late.log
            .contains("a newer commit was already applied to prod"),
        "{}",
        late.log
    );
    assert_eq!(world.tag("prod"), Some(world.main()));

    // Somebody edits dev after its apply: prod waits until dev is in sync again.
    let (third, _) = world.propose(MANIFEST, "title: First", "title: Third", false);
    world.merge(third, "squash");
    let mut edited = false;
    let blocked = world.apply(|job, step| {
        if job == "stage_1_dev/check"
            && step == "Check for drift"
            && !std::mem::replace(&mut edited, true)
        {
            world.retitle(0, "By hand");
        }
        false
    });
    assert_eq!(
        blocked.job("stage_1_dev/check"),
        Ended::Failed,
        "{}",
        blocked.log
    );
    assert_eq!(blocked.job("stage_2_prod/apply"), Ended::Skipped);
    assert_eq!(world.titles(), ["By hand", "First"]);
    world.retitle(0, "Third");
    let freed = world.rerun(&blocked);
    assert!(freed.is_good(), "{}", freed.log);
    assert_eq!(world.titles(), ["Third", "Third"]);

    // Drift in prod that nobody reviewed is not overwritten.
    let (fourth, _) = world.propose(MANIFEST, "title: Third", "title: Fourth", false);
    world.retitle(1, "By hand");
    world.merge(fourth, "merge");
    let refused = world.apply(|_, _| false);
    assert_eq!(refused.job("stage_1_dev/mark"), Ended::Well);
    assert_eq!(refused.job("stage_2_prod/apply"), Ended::Failed);
    assert_eq!(world.titles(), ["Fourth", "By hand"]);
    // Only a manually started run of the main branch counts as reviewed there.
    let wrong = world.apply_by_hand(&one);
    assert!(
        wrong.log.contains("is not a successful run"),
        "{}",
        wrong.log
    );
    let review = world.plan_by_hand();
    let applied = world.apply_by_hand(&review);
    assert!(applied.is_good(), "{}", applied.log);
    assert_eq!(world.titles(), ["Fourth", "Fourth"]);
}

#[test]
fn init_follows_the_stages_of_a_project_and_keeps_what_people_edited() {
    let folder = TempDir::new().unwrap();
    let init = || {
        let started = support::deskstate(folder.path())
            .args(["init", ".", "--ci", "github"])
            .output();
        Run::from(started.unwrap())
    };
    let project = |text: &str| {
        let whole = format!(
            "apiVersion: deskstate/v1\nkind: Project\nmetadata: {{name: desk}}\nspec:\n{text}"
        );
        std::fs::write(folder.path().join("deskstate.yaml"), whole).unwrap();
    };
    let apply = folder.path().join(".github/workflows/deskstate-apply.yml");
    let read = || std::fs::read_to_string(&apply).unwrap();
    let environments = "  environments:\n    dev: {url: \"https://a.crm.dynamics.com\"}\n    prod: {url: \"https://b.crm.dynamics.com\"}\n";
    project(environments);
    let refused = init().ended(4);
    assert!(
        refused
            .err
            .contains("2 environments with an address, and no `stages`"),
        "{}",
        refused.err
    );
    assert!(!apply.exists());
    project(&format!("  stages: [dev, dev]\n{environments}"));
    assert!(init().ended(4).err.contains("has errors"));
    project(&format!("  stages: [prod]\n{environments}"));
    init().ended(0);
    assert!(read().contains("stage_1_prod:") && !read().contains("dev"));
    project(&format!("  stages: [dev, prod]\n{environments}"));
    let updated = init().ended(0);
    assert!(
        updated
            .err
            .contains("Updated .github/workflows/deskstate-apply.yml"),
        "{}",
        updated.err
    );
    assert!(read().contains("needs: stage_1_dev\n"));
    std::fs::write(&apply, read().replace("[main]", "[trunk]")).unwrap();
    project(&format!("  stages: [prod]\n{environments}"));
    let kept = init().ended(0);
    assert!(
        kept.err
            .contains(".github/workflows/deskstate-apply.yml was edited, so it stays as it is"),
        "{}",
        kept.err
    );
    assert!(read().contains("[trunk]") && read().contains("stage_1_dev:"));
    assert!(
        kept.err
            .contains("Updated .github/workflows/deskstate-plan.yml"),
        "{}",
        kept.err
    );
}

#[test]
fn the_subjects_in_the_docs_are_those_of_the_jobs_that_sign_in_and_no_job_has_two_kinds_of_rights()
{
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/ci.md")).unwrap();
    let mut subjects = BTreeSet::new();
    for name in ["plan", "stage", "drift"] {
        let text =
            std::fs::read_to_string(root.join(format!("ci/github/workflows/deskstate-{name}.yml")))
                .unwrap();
        let workflow: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        assert!(
            workflow["permissions"]
                .as_mapping()
                .is_some_and(serde_yaml::Mapping::is_empty)
        );
        assert!(!text.contains("pull_request_target"));
        for (id, job) in workflow["jobs"].as_mapping().unwrap() {
            let may = |right: &str| job["permissions"].get(right).is_some();
            let writes = job["permissions"]
                .as_mapping()
                .into_iter()
                .flatten()
                .any(|(name, level)| level == "write" && name != "id-token");
            assert!(
                !(may("id-token") && writes),
                "{name}/{id:?} may sign in and write"
            );
            assert!(
                job["environment"].is_null() != may("id-token"),
                "{name}/{id:?}"
            );
            if let Some(environment) = job["environment"].as_str() {
                for stage in ["dev", "test", "prod"] {
                    let environment = ["matrix", "inputs"]
                        .iter()
                        .fold(environment.to_owned(), |text, of| {
                            text.replace(&format!("${{{{ {of}.environment }}}}"), stage)
                        });
                    subjects.insert(format!("repo:contoso/desk:environment:{environment}"));
                }
            }
        }
    }
    let mut connections = BTreeSet::new();
    for name in ["plan-environment", "stage", "drift-environment"] {
        let text =
            std::fs::read_to_string(root.join(format!("ci/azure-pipelines/{name}.yml"))).unwrap();
        for line in text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("azureSubscription: "))
        {
            for stage in ["dev", "test", "prod"] {
                connections.insert(format!(
                    "sc://contoso/desk/{}",
                    line.replace("${{ parameters.environment }}", stage)
                ));
            }
        }
    }
    assert_eq!((subjects.len(), connections.len()), (6, 6));
    let listed = |prefix: &str| -> BTreeSet<String> {
        page.split('`')
            .filter(|word| word.starts_with(prefix))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(listed("repo:"), subjects);
    assert_eq!(listed("sc://"), connections);
}

/// A repository with a project that `init --ci` wrote, whose environment `prod` is an emulator.
struct Repository {
    folder: TempDir,
    server: Server,
}

impl Repository {
    fn new(ci: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let server = Server::start(&[]);
        let new = Self { folder, server };
        let started = support::deskstate(new.folder.path())
            .args(["init", "desk", "--ci", ci, "--url", &new.server.url])
            .output()
            .unwrap();
        Run::from(started).ended(0);
        std::fs::create_dir_all(new.home().join("gh")).unwrap();
        std::fs::create_dir_all(new.home().join("bin")).unwrap();
        let gh = new.home().join("bin/gh");
        std::fs::write(&gh, GH).unwrap();
        std::fs::set_permissions(&gh, std::fs::Permissions::from_mode(0o755)).unwrap();
        new.shell("git init -q -b main; git config user.name Ada; git config user.email ada@contoso.com; git add -A; git commit -qm 'Start the desktop'", &[])
            .ended(0);
        new
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn desk(&self) -> PathBuf {
        self.folder.path().join("desk")
    }

    /// Runs a script as GitHub Actions does, in the repository.
    fn shell(&self, script: &str, variables: &[(&str, &str)]) -> Run {
        let binary = Path::new(env!("CARGO_BIN_EXE_deskstate")).parent().unwrap();
        let path = std::env::join_paths(
            [self.home().join("bin"), binary.to_path_buf()]
                .into_iter()
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        std::fs::create_dir_all(self.home()).unwrap();
        let file = self.home().join("step.sh");
        std::fs::write(&file, script).unwrap();
        Command::new("bash")
            .arg("-e")
            .arg(&file)
            .current_dir(self.desk())
            .env_clear()
            .envs(support::line_counts())
            .env("PATH", path.unwrap())
            .env("HOME", self.home())
            .env("ENVIRONMENT", "prod")
            .env("GITHUB_REPOSITORY", "contoso/desk")
            .env("GITHUB_STEP_SUMMARY", self.home().join("summary.md"))
            .envs(variables.iter().copied())
            .output()
            .unwrap()
            .into()
    }

    /// Runs the script of a step.
    fn step(&self, file: &str, name: &str, variables: &[(&str, &str)]) -> Run {
        let text = std::fs::read_to_string(self.desk().join(file)).unwrap();
        let script = script(&text, name).unwrap_or_else(|| panic!("{file} has no step `{name}`"));
        self.shell(&script, variables)
    }

    /// Applies the project and marks it as applied.
    fn apply(&self) {
        let script = "deskstate apply --env prod --yes; git tag deskstate/prod";
        self.shell(script, &[]).ended(0);
    }

    /// Renames the session template, as by hand in the admin pages.
    fn rename(&self, name: &str) {
        let id = self.server.id(
            "msdyn_sessiontemplates",
            "msdyn_sessiontemplateid",
            "contoso_case",
        );
        self.server.patch(
            &format!("msdyn_sessiontemplates({id})"),
            &json!({"msdyn_name": name}).to_string(),
        );
    }

    fn issue(&self) -> Option<String> {
        std::fs::read_to_string(self.home().join("gh/issue.md")).ok()
    }
}

/// The script of the step with this name or display name.
fn script(text: &str, step: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let named = lines.iter().position(|line| {
        let line = line.trim_start().trim_start_matches("- ");
        line == format!("name: {step}") || line == format!("displayName: {step}")
    })?;
    let begins = |line: &&str| line.trim_start().starts_with("- ");
    let is_item = lines[named].trim_start().starts_with("- ");
    let start = if is_item {
        named
    } else {
        let indent = lines[named].len() - lines[named].trim_start().len();
        (0..named).rev().find(|at| {
            begins(&lines[*at]) && lines[*at].len() - lines[*at].trim_start().len() + 2 == indent
        })?
    };
    let at = (start..lines.len()).find(|at| {
        let line = lines[*at].trim_start().trim_start_matches("- ");
        ["run:", "bash:", "inlineScript:"]
            .iter()
            .any(|key| line.starts_with(key))
    })?;
    let (_, value) = lines[at].split_once(": ")?;
    if value != "|" {
        return Some(value.to_owned());
    }
    let indent = lines[at + 1].len() - lines[at + 1].trim_start().len();
    let mut script = String::new();
    for line in &lines[at + 1..] {
        if !line.is_empty() && line.len() - line.trim_start().len() < indent {
            break;
        }
        writeln!(script, "{}", line.get(indent..).unwrap_or_default()).unwrap();
    }
    Some(script)
}

const DRIFT: &str = ".github/workflows/deskstate-drift.yml";

fn drift_on_github(repository: &Repository) -> String {
    repository.step(DRIFT, "Look for drift", &[]).ended(0);
    let code = std::fs::read_to_string(repository.desk().join("found/code")).unwrap();
    let run = ("RUN", "https://github.com/contoso/desk/actions/runs/77");
    repository.step(DRIFT, "Keep the issue", &[run]).ended(0);
    code.trim().to_owned()
}

#[test]
fn on_github_drift_opens_one_issue_keeps_it_current_and_closes_it() {
    let repository = Repository::new("github");
    repository.apply();
    assert_eq!(
        (drift_on_github(&repository).as_str(), repository.issue()),
        ("0", None)
    );
    let calls = || {
        let calls = std::fs::read_to_string(repository.home().join("gh/calls")).unwrap();
        let count = |what: &str| calls.lines().filter(|call| call.starts_with(what)).count();
        ["create", "edit", "comment", "close"].map(|what| count(&format!("issue {what}")))
    };

    repository.rename("Edited by hand");
    assert_eq!(drift_on_github(&repository), "2");
    says(
        &repository.issue().unwrap(),
        &[
            "Edited by hand",
            "[Latest run](https://github.com/contoso/desk/actions/runs/77)",
            "Next: take over what was edited by hand with deskstate adopt --env prod",
        ],
    );
    // The same drift on another commit of the manifests is not reported again, even if lines have moved.
    repository
        .shell(
            "sed -i '1i # A comment' manifests/desktop.yaml; git commit -q -a -m 'Another'",
            &[],
        )
        .ended(0);
    assert_eq!(drift_on_github(&repository), "2");
    assert_eq!(calls(), [1, 1, 0, 0]);
    repository.rename("Edited again");
    assert_eq!(drift_on_github(&repository), "2");
    let updated = repository.issue().unwrap();
    assert!(
        updated.contains("Edited again") && !updated.contains("Edited by hand"),
        "{updated}"
    );
    assert_eq!(calls(), [1, 2, 1, 0]);
    let failing = "Fail if drift could not be determined";
    repository.step(DRIFT, failing, &[]).ended(0);

    // The state becomes unknown: the issue states this, and the run fails.
    let project = std::fs::read_to_string(repository.desk().join("deskstate.yaml")).unwrap();
    std::fs::write(repository.desk().join("deskstate.yaml"), "kind: Nothing\n").unwrap();
    assert_eq!(drift_on_github(&repository), "3");
    says(
        &repository.issue().unwrap(),
        &["Drift of prod could not be determined (exit code 3)"],
    );
    assert_eq!(calls(), [1, 3, 2, 0]);
    repository.step(DRIFT, failing, &[]).ended(1);
    std::fs::write(repository.desk().join("deskstate.yaml"), project).unwrap();

    repository.rename("Case");
    assert_eq!(
        (drift_on_github(&repository).as_str(), repository.issue()),
        ("0", None)
    );
    assert_eq!(calls(), [1, 3, 2, 1]);
}

/// Azure DevOps, limited to the parts that the pipelines use.
struct AzureDevOps {
    host: MockServer,
}

impl AzureDevOps {
    async fn start() -> Self {
        Self {
            host: MockServer::start().await,
        }
    }

    fn collection(&self) -> String {
        format!("{}/", self.host.uri())
    }

    /// Sets whether a work item about drift is open.
    async fn has_work_item(&self, description: Option<&str>) {
        self.host.reset().await;
        let found = match description {
            Some(_) => json!([{"id": 9}]),
            None => json!([]),
        };
        let item = json!({"id": 9, "fields": {"System.Description": description}});
        Mock::given(method("POST"))
            .and(path("/desk/_apis/wit/wiql"))
            .and(body_string_contains("[System.Title] = 'Drift in prod'"))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({"workItems": found})))
            .mount(&self.host)
            .await;
        Mock::given(path_regex("^/desk/_apis/wit/workitems/"))
            .respond_with(ResponseTemplate::new(200).set_body_json(item))
            .mount(&self.host)
            .await;
    }

    /// The requests that wrote to work items: method, path and body.
    async fn written(&self) -> Vec<String> {
        let requests = self.host.received_requests().await.unwrap();
        requests
            .iter()
            .filter(|request| request.method.as_str() != "GET")
            .filter(|request| request.url.path().contains("/workitems/"))
            .map(|request| {
                format!(
                    "{} {} {}",
                    request.method,
                    request.url.path(),
                    String::from_utf8_lossy(&request.body)
                )
            })
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_azure_devops_drift_opens_one_work_item_keeps_it_current_and_closes_it() {
    const DRIFT: &str = "azure-pipelines/drift-environment.yml";
    let repository = Repository::new("azure");
    let host = AzureDevOps::start().await;
    let collection = host.collection();
    repository.apply();
    let keep = |code: &str| {
        let variables = [
            ("COLLECTION", collection.as_str()),
            ("PROJECT", "desk"),
            ("TYPE", "Issue"),
            ("CLOSED", "Done"),
            ("DRIFT_CODE", code),
            (
                "RUN",
                "https://dev.azure.com/contoso/desk/_build/results?buildId=5",
            ),
            ("SYSTEM_ACCESSTOKEN", "token"),
        ];
        repository
            .step(DRIFT, "Keep the work item", &variables)
            .ended(0);
    };
    let look = |code: &str| {
        let looked = repository.step(DRIFT, "Look for drift", &[]).ended(0);
        assert!(
            looked.out.contains(&format!(
                "##vso[task.setvariable variable=DRIFT_CODE]{code}\n"
            )),
            "{}",
            looked.out
        );
    };

    look("0");
    host.has_work_item(None).await;
    keep("0");
    assert_eq!(host.written().await, Vec::<String>::new());

    repository.rename("Edited by hand");
    look("2");
    keep("2");
    let written = host.written().await;
    assert_eq!(written.len(), 1, "{written:?}");
    says(
        &written[0],
        &[
            "POST /desk/_apis/wit/workitems/$Issue",
            "Edited by hand",
            "[Latest run](https://dev.azure.com/contoso/desk/_build/results?buildId=5)",
        ],
    );
    let description = |written: &str| {
        let (_, body) = written.split_at(written.find('[').unwrap());
        let operations: Vec<serde_json::Value> = serde_json::from_str(body).unwrap();
        let description = operations
            .iter()
            .find(|operation| operation["path"] == "/fields/System.Description");
        description.unwrap()["value"].as_str().unwrap().to_owned()
    };
    let first = description(&written[0]);
    let history = "/fields/System.History";

    host.has_work_item(Some(&first)).await;
    keep("2");
    let written = host.written().await;
    assert!(
        written.len() == 1
            && written[0].starts_with("PATCH /desk/_apis/wit/workitems/9")
            && !written[0].contains(history),
        "{written:?}"
    );

    repository.rename("Edited again");
    look("2");
    host.has_work_item(Some(&first)).await;
    keep("2");
    let written = host.written().await;
    assert_eq!(written.len(), 1, "{written:?}");
    says(
        &written[0],
        &["Edited again", history, "Something has changed"],
    );

    host.has_work_item(Some(&first)).await;
    keep("1");
    let written = host.written().await;
    says(
        &written[0],
        &[
            history,
            "Drift of prod could not be determined (exit code 1)",
        ],
    );
    let failing = "Fail if drift could not be determined";
    repository
        .step(DRIFT, failing, &[("DRIFT_CODE", "1")])
        .ended(1);

    repository.rename("Case");
    look("0");
    host.has_work_item(Some(&first)).await;
    keep("0");
    let written = host.written().await;
    assert_eq!(written.len(), 1, "{written:?}");
    says(
        &written[0],
        &[
            "/fields/System.State",
            "Done",
            "matches the manifests again",
        ],
    );
}
