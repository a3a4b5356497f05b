//! The shell of the templates in `ci/`, run as a build would: the environment is an emulator, the host a stand-in that remembers.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::support::{self, Run, Server};
use serde_json::json;
use tempfile::TempDir;
use wiremock::matchers::{body_string_contains, method, path, path_regex, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// `gh`, as far as the workflows use it. Pull request, run, tags and issues are files.
const GH: &str = r#"#!/usr/bin/env bash
set -euo pipefail
state="$HOME/gh"
echo "$*" >> "$state/calls"
option() { local name="$1"; shift; while [ "$1" != "$name" ]; do shift; done; echo "$2"; }
case "$1 $2" in
  "api repos/"*"/compare/"*) range="${2##*/compare/}"; git rev-list --reverse "${range/.../..}" ;;
  "api repos/"*"/pulls") commit="${2%/pulls}"; commit="${commit##*/}"; if [ -f "$state/pulls/$commit" ]; then cat "$state/pulls/$commit"; else cat "$state/merged-head"; fi ;;
  "run list") commit="$(option --commit "$@")"; if [ -d "$state/artifacts/$commit" ]; then echo "$commit"; elif [ "$commit" = "$(cat "$state/merged-head")" ]; then echo 7; fi ;;
  "run download") from="$state/artifact"; [ ! -d "$state/artifacts/$3" ] || from="$state/artifacts/$3"; mkdir -p "$(option --dir "$@")" && cp "$from/"* "$(option --dir "$@")/" ;;
  "api --method")
    if [ "$3" = PATCH ]; then ref="refs/${4#*git/refs/}"; git rev-parse --quiet --verify "$ref" > /dev/null; else ref="$(printf '%s\n' "$@" | sed -n 's/^ref=//p')"; fi
    git update-ref "$ref" "$(printf '%s\n' "$@" | sed -n 's/^sha=//p')" ;;
  "label create") ;;
  "issue list") if [ -f "$state/issue.md" ]; then jq -n --rawfile title "$state/issue.title" '[{number: 3, title: ($title | rtrimstr("\n"))}]'; else echo '[]'; fi ;;
  "issue create") option --title "$@" > "$state/issue.title"; cp "$(option --body-file "$@")" "$state/issue.md" ;;
  "issue edit") [ "$3" = 3 ]; cp "$(option --body-file "$@")" "$state/issue.md" ;;
  "issue close") [ "$3" = 3 ]; rm "$state/issue.md" ;;
  *) echo "not known: $*" >&2; exit 9 ;;
esac
"#;

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
        std::fs::create_dir_all(new.home().join("gh/artifact")).unwrap();
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
            .env("GITHUB_OUTPUT", self.home().join("output"))
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

    fn commit(&self, message: &str) -> String {
        let run = self
            .shell(
                "git add manifests; git commit -qm \"$MESSAGE\" --allow-empty; git rev-parse HEAD",
                &[("MESSAGE", message)],
            )
            .ended(0);
        run.out.trim().to_owned()
    }

    fn edit(&self, old: &str, new: &str) {
        let file = self.desk().join("manifests/desktop.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(old), "{text}");
        std::fs::write(file, text.replace(old, new)).unwrap();
    }

    /// Somebody renames the session template in the admin pages.
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

    fn tag(&self) -> String {
        self.shell(
            "git rev-parse --quiet --verify refs/tags/deskstate/prod || true",
            &[],
        )
        .out
        .trim()
        .to_owned()
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

const PLAN: &str = ".github/workflows/deskstate-plan.yml";
const APPLY: &str = ".github/workflows/deskstate-apply.yml";
const DRIFT: &str = ".github/workflows/deskstate-drift.yml";

/// Plans as the pull request does, and keeps the artifact and the head.
fn plan_on_github(repository: &Repository, head: &str) {
    repository.shell("rm -rf plan", &[]).ended(0);
    repository
        .step(
            PLAN,
            "Plan",
            &[("RUN_URL", "https://github.com/contoso/desk/actions/runs/7")],
        )
        .ended(0);
    repository
        .shell("cp plan/* \"$HOME/gh/artifact/\"", &[])
        .ended(0);
    std::fs::write(repository.home().join("gh/merged-head"), head).unwrap();
}

fn drift_on_github(repository: &Repository) -> String {
    std::fs::write(repository.home().join("output"), "").unwrap();
    repository.step(DRIFT, "Look for drift", &[]).ended(0);
    let output = std::fs::read_to_string(repository.home().join("output")).unwrap();
    let code = output.trim().strip_prefix("code=").unwrap().to_owned();
    repository
        .step(DRIFT, "Keep the issue", &[("CODE", &code)])
        .ended(0);
    code
}

#[test]
fn on_github_a_pull_request_is_validated_drawn_and_planned_and_its_merge_applies_that_plan() {
    let repository = Repository::new("github");
    repository.step(PLAN, "Validate", &[]).ended(0);
    repository.step(PLAN, "Draw the desktop", &[]).ended(0);
    assert!(repository.desk().join("preview.html").is_file());
    let head = repository.commit("Head of the pull request");
    plan_on_github(&repository, &head);
    let plan = repository.desk().join("plan/prod.md");
    assert!(
        !std::fs::read_to_string(plan)
            .unwrap()
            .contains("with local changes"),
        "what a build writes beside the manifests is no change of them"
    );
    let comment = std::fs::read_to_string(repository.desk().join("plan/prod.md")).unwrap();
    assert!(
        comment.starts_with("<!-- deskstate:plan:prod -->\n### Plan for `prod`: **3** to create"),
        "{comment}"
    );
    assert_eq!(
        std::fs::read_to_string(repository.home().join("summary.md")).unwrap(),
        comment
    );
    assert!(
        std::fs::read_to_string(repository.desk().join("plan/prod.html"))
            .unwrap()
            .starts_with("<!doctype html>")
    );

    let merge = repository.commit("Merge");
    repository
        .step(APPLY, "Fetch the reviewed plan", &[("GITHUB_SHA", &merge)])
        .ended(0);
    let applied = repository
        .step(APPLY, "Apply", &[("EVENT", "push")])
        .ended(0);
    assert!(
        applied.out.contains("3 changes applied to prod"),
        "{}",
        applied.out
    );
    assert!(repository.desk().join(".deskstate/undo").is_dir());
    repository
        .step(APPLY, "Mark what was applied", &[("GITHUB_SHA", &merge)])
        .ended(0);
    assert_eq!(repository.tag(), merge);

    repository.edit("title: Case", "title: A case");
    let second = repository.commit("Second");
    plan_on_github(&repository, &second);
    repository
        .step(APPLY, "Fetch the reviewed plan", &[("GITHUB_SHA", &second)])
        .ended(0);
    repository
        .step(APPLY, "Apply", &[("EVENT", "push")])
        .ended(0);
    repository
        .step(APPLY, "Mark what was applied", &[("GITHUB_SHA", &second)])
        .ended(0);
    assert_eq!(repository.tag(), second, "the tag moves");
}

#[test]
fn on_github_a_run_applies_what_all_pull_requests_since_the_last_apply_were_reviewed_for() {
    let repository = Repository::new("github");
    let start = repository.commit("Start");
    repository
        .step(APPLY, "Apply", &[("EVENT", "workflow_dispatch")])
        .ended(0);
    repository
        .step(APPLY, "Mark what was applied", &[("GITHUB_SHA", &start)])
        .ended(0);
    // Two pull requests, each planned without the other one.
    let edits = [
        ("title: Case", "title: A case"),
        ("displayName: Contoso agents", "displayName: All agents"),
    ];
    let heads = edits.map(|(old, new)| {
        repository.edit(old, new);
        let head = repository.commit(new);
        plan_on_github(&repository, &head);
        let keep = format!("mkdir -p \"$HOME/gh/artifacts/{head}\" \"$HOME/gh/pulls\"; mv \"$HOME/gh/artifact/\"* \"$HOME/gh/artifacts/{head}/\"");
        repository.shell(&keep, &[]).ended(0);
        repository.edit(new, old);
        head
    });
    repository
        .shell("git reset -q --hard deskstate/prod", &[])
        .ended(0);
    std::fs::write(repository.home().join("gh/merged-head"), "").unwrap();
    let mut merged = String::new();
    for ((old, new), head) in edits.iter().zip(&heads) {
        repository.edit(old, new);
        merged = repository.commit(&format!("Merge {head}"));
        std::fs::write(repository.home().join("gh/pulls").join(&merged), head).unwrap();
    }
    // The run of the first merge was cancelled while it waited; the second one applies both.
    let fetched = repository
        .step(APPLY, "Fetch the reviewed plan", &[("GITHUB_SHA", &merged)])
        .ended(0);
    let plans = repository.shell("ls -d reviewed/*/prod.json", &[]);
    assert_eq!(plans.out.lines().count(), 2, "{plans:?} {fetched:?}");
    let applied = repository
        .step(APPLY, "Apply", &[("EVENT", "push")])
        .ended(0);
    assert!(
        applied.out.contains("2 changes applied to prod"),
        "{}",
        applied.out
    );
}

#[test]
fn on_github_anything_but_the_reviewed_plan_is_refused() {
    let repository = Repository::new("github");
    let head = repository.commit("Head");
    plan_on_github(&repository, &head);
    repository
        .step(APPLY, "Fetch the reviewed plan", &[("GITHUB_SHA", &head)])
        .ended(0);
    repository.edit("title: Case", "title: Something else");
    let refused = repository
        .step(APPLY, "Apply", &[("EVENT", "push")])
        .ended(4);
    assert!(refused.err.contains("Something else"), "{}", refused.err);
    assert_eq!(repository.server.stats()["writes"].as_u64().unwrap_or(0), 0);

    std::fs::write(repository.home().join("gh/merged-head"), "").unwrap();
    let lost = repository
        .step(APPLY, "Fetch the reviewed plan", &[("GITHUB_SHA", &head)])
        .ended(1);
    assert!(
        lost.out.starts_with("::error::") && lost.out.contains("was not merged by a pull request"),
        "{}",
        lost.out
    );
    // Started by hand, after the reviewers of the environment agreed.
    repository
        .step(APPLY, "Apply", &[("EVENT", "workflow_dispatch")])
        .ended(0);
}

#[test]
fn on_github_drift_opens_one_issue_keeps_it_current_and_closes_it() {
    let repository = Repository::new("github");
    repository
        .step(APPLY, "Apply", &[("EVENT", "workflow_dispatch")])
        .ended(0);
    let applied = repository.commit("Applied");
    repository
        .step(APPLY, "Mark what was applied", &[("GITHUB_SHA", &applied)])
        .ended(0);
    assert_eq!(
        (drift_on_github(&repository).as_str(), repository.issue()),
        ("0", None)
    );

    repository.rename("Edited by hand");
    assert_eq!(drift_on_github(&repository), "2");
    let opened = repository.issue().unwrap();
    assert!(opened.contains("Edited by hand"), "{opened}");
    repository.rename("Edited again");
    assert_eq!(drift_on_github(&repository), "2");
    let updated = repository.issue().unwrap();
    assert!(
        updated.contains("Edited again") && !updated.contains("Edited by hand"),
        "{updated}"
    );
    let calls = std::fs::read_to_string(repository.home().join("gh/calls")).unwrap();
    let count = |what: &str| calls.lines().filter(|call| call.starts_with(what)).count();
    assert_eq!(
        (
            count("issue create"),
            count("issue edit"),
            count("issue close")
        ),
        (1, 1, 0),
        "{calls}"
    );

    repository.rename("Case");
    assert_eq!(
        (drift_on_github(&repository).as_str(), repository.issue()),
        ("0", None)
    );
}

#[test]
fn a_fork_gets_neither_credentials_nor_a_plan() {
    let repository = Repository::new("github");
    let text = std::fs::read_to_string(repository.desk().join(PLAN)).unwrap();
    let (before, after) = text.split_once("\n  plan:\n").unwrap();
    let validate = before.split_once("\n  validate:\n").unwrap().1;
    assert!(
        !validate.contains("id-token") && !validate.contains("environment:"),
        "{validate}"
    );
    assert!(validate.contains("deskstate validate") && validate.contains("deskstate preview"));
    let (plan, comment) = after.split_once("\n  comment:\n").unwrap();
    assert!(
        plan.contains("if: github.event.pull_request.head.repo.full_name == github.repository"),
        "{plan}"
    );
    assert!(
        comment.contains("needs: plan") && comment.contains("needs.plan.result != 'skipped'"),
        "{comment}"
    );
    assert!(
        !comment.contains("id-token") && !comment.contains("actions/checkout"),
        "{comment}"
    );
    assert!(text.contains("\npermissions: {}\n") && !text.contains("pull_request_target"));
}

/// Azure DevOps, as far as the pipelines use it.
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

    /// Completed pull requests, each with the artifact of its build; pull request 14 is open still, and no other one was planned.
    async fn publish(&self, plans: &[(u64, Vec<u8>)]) {
        let get = |at: String| Mock::given(method("GET")).and(path(format!("/desk/_apis/{at}")));
        let json = |body: serde_json::Value| ResponseTemplate::new(200).set_body_json(body);
        for (request, zip) in plans {
            let build = 100 + request;
            get("build/builds".to_owned())
                .and(query_param(
                    "branchName",
                    format!("refs/pull/{request}/merge"),
                ))
                .and(query_param("definitions", "4"))
                .respond_with(json(json!({"value": [{"id": build}]})))
                .mount(&self.host)
                .await;
            let url = format!("{}/{build}.zip", self.host.uri());
            get(format!("build/builds/{build}/artifacts"))
                .and(query_param("artifactName", "deskstate-plan-prod"))
                .respond_with(json(json!({"resource": {"downloadUrl": url}})))
                .mount(&self.host)
                .await;
            Mock::given(method("GET"))
                .and(path(format!("/{build}.zip")))
                .respond_with(ResponseTemplate::new(200).set_body_bytes(zip.clone()))
                .mount(&self.host)
                .await;
        }
        get("build/builds".to_owned())
            .respond_with(json(json!({"value": []})))
            .mount(&self.host)
            .await;
        get("git/pullrequests/14".to_owned())
            .respond_with(json(json!({"status": "active"})))
            .mount(&self.host)
            .await;
        Mock::given(method("GET"))
            .and(path_regex("^/desk/_apis/git/pullrequests/[0-9]+$"))
            .respond_with(json(json!({"status": "completed"})))
            .mount(&self.host)
            .await;
    }

    /// Whether a work item on drift is open.
    async fn has_work_item(&self, open: bool) {
        self.host.reset().await;
        let found = if open { json!([{"id": 9}]) } else { json!([]) };
        Mock::given(method("POST"))
            .and(path("/desk/_apis/wit/wiql"))
            .and(body_string_contains("[System.Title] = 'Drift in prod'"))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({"workItems": found})))
            .mount(&self.host)
            .await;
        Mock::given(path_regex("^/desk/_apis/wit/workitems/"))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({"id": 9})))
            .mount(&self.host)
            .await;
    }

    /// What was written to work items: method, path and body.
    async fn written(&self) -> Vec<String> {
        let requests = self.host.received_requests().await.unwrap();
        requests
            .iter()
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

/// The plan that the step `Plan` left, as the artifact of a build.
fn zipped_plan(repository: &Repository) -> Vec<u8> {
    let zip = "mkdir deskstate-plan-prod; mv plan/* deskstate-plan-prod/; python3 -m zipfile -c \"$HOME/a.zip\" deskstate-plan-prod; rm -r deskstate-plan-prod";
    repository.shell(zip, &[]).ended(0);
    std::fs::read(repository.home().join("a.zip")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn on_azure_devops_a_run_applies_what_all_pull_requests_since_the_last_apply_were_reviewed_for()
 {
    const PLAN: &str = "azure-pipelines/plan.yml";
    const APPLY: &str = "azure-pipelines/apply.yml";
    let repository = Repository::new("azure");
    let host = AzureDevOps::start().await;
    let origin =
        "git init -q --bare \"$HOME/origin.git\"; git remote add origin \"$HOME/origin.git\"";
    repository.shell(origin, &[]).ended(0);
    repository.step(APPLY, "Apply", &[]).ended(0);
    repository
        .step(APPLY, "Mark what was applied", &[])
        .ended(0);
    // Two pull requests, each planned without the other one.
    let edits = [
        ("title: Case", "title: A case"),
        ("displayName: Contoso agents", "displayName: All agents"),
    ];
    let mut plans = Vec::new();
    for (request, (old, new)) in (20..).zip(edits) {
        repository.edit(old, new);
        let url = [("RUN_URL", "https://dev.azure.com/contoso/desk")];
        repository.step(PLAN, "Plan", &url).ended(0);
        plans.push((request, zipped_plan(&repository)));
        repository.edit(new, old);
    }
    host.publish(&plans).await;
    // The run of the first merge failed; the second one applies both.
    for ((request, _), (old, new)) in plans.iter().zip(edits) {
        repository.edit(old, new);
        repository.commit(&format!("Merged PR {request}: {new}"));
    }
    let collection = host.collection();
    let variables = [
        ("COLLECTION", collection.as_str()),
        ("PROJECT", "desk"),
        ("PIPELINE", "4"),
        ("SYSTEM_ACCESSTOKEN", "token"),
    ];
    repository
        .step(APPLY, "Fetch the reviewed plan", &variables)
        .ended(0);
    let applied = repository.step(APPLY, "Apply", &[]).ended(0);
    assert!(
        applied.out.contains("2 changes applied to prod"),
        "{}",
        applied.out
    );
    // What none of them planned is refused.
    repository.edit("title: A case", "title: Something else");
    repository.step(APPLY, "Apply", &[]).ended(4);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_azure_devops_a_merge_applies_the_plan_of_its_pull_request_and_moves_the_tag() {
    const PLAN: &str = "azure-pipelines/plan.yml";
    const APPLY: &str = "azure-pipelines/apply.yml";
    let repository = Repository::new("azure");
    let host = AzureDevOps::start().await;
    repository
        .shell(
            "git init -q --bare \"$HOME/origin.git\"; git remote add origin \"$HOME/origin.git\"",
            &[],
        )
        .ended(0);
    repository.step(PLAN, "Validate", &[]).ended(0);
    repository
        .step(
            PLAN,
            "Plan",
            &[(
                "RUN_URL",
                "https://dev.azure.com/contoso/desk/_build/results?buildId=5",
            )],
        )
        .ended(0);
    let plan = zipped_plan(&repository);
    host.publish(&[(12, plan.clone()), (14, plan)]).await;
    let collection = host.collection();
    let variables = [
        ("COLLECTION", collection.as_str()),
        ("PROJECT", "desk"),
        ("PIPELINE", "4"),
        ("SYSTEM_ACCESSTOKEN", "token"),
    ];

    repository.commit("a commit of nobody's");
    let lost = repository
        .step(APPLY, "Fetch the reviewed plan", &variables)
        .ended(1);
    let error = "##vso[task.logissue type=error]nothing since the last apply was merged by a pull request whose plan succeeded";
    assert!(lost.out.contains(error), "{}", lost.out);
    // One without a plan, and one that a message alone calls merged.
    for request in ["13", "14"] {
        repository.commit(&format!("Merged PR {request}: another one"));
        let lost = repository
            .step(APPLY, "Fetch the reviewed plan", &variables)
            .ended(1);
        let why = format!("pull request {request} is not completed or no plan of it succeeded");
        assert!(lost.out.contains(&why), "{}", lost.out);
        assert!(lost.out.contains(error), "{}", lost.out);
    }

    let merged = repository.commit("Merged PR 12: Start the desktop");
    repository
        .step(APPLY, "Fetch the reviewed plan", &variables)
        .ended(0);
    repository.edit("title: Case", "title: Something else");
    repository.step(APPLY, "Apply", &[]).ended(4);
    repository.edit("title: Something else", "title: Case");
    repository.step(APPLY, "Apply", &[]).ended(0);
    let kept = repository.step(APPLY, "Keep the undo file", &[]).ended(0);
    assert!(
        kept.out
            .starts_with("##vso[artifact.upload artifactname=deskstate-undo-prod]"),
        "{}",
        kept.out
    );
    repository
        .step(APPLY, "Mark what was applied", &[])
        .ended(0);
    let pushed = repository
        .shell(
            "git --git-dir \"$HOME/origin.git\" rev-parse refs/tags/deskstate/prod",
            &[],
        )
        .ended(0);
    assert_eq!(pushed.out.trim(), merged);
    repository.commit("Merged PR 12: again");
    repository
        .step(APPLY, "Mark what was applied", &[])
        .ended(0);
    let moved = repository
        .shell(
            "git --git-dir \"$HOME/origin.git\" rev-parse refs/tags/deskstate/prod",
            &[],
        )
        .ended(0);
    assert_ne!(moved.out.trim(), merged, "the tag moves");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_azure_devops_drift_opens_one_work_item_keeps_it_current_and_closes_it() {
    const DRIFT: &str = "azure-pipelines/drift.yml";
    let repository = Repository::new("azure");
    let host = AzureDevOps::start().await;
    let collection = host.collection();
    repository
        .step("azure-pipelines/apply.yml", "Apply", &[])
        .ended(0);
    repository.shell("git tag deskstate/prod", &[]).ended(0);
    let keep = |code: &str| {
        let variables = [
            ("COLLECTION", collection.as_str()),
            ("PROJECT", "desk"),
            ("TYPE", "Issue"),
            ("CLOSED", "Done"),
            ("DRIFT_CODE", code),
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
    host.has_work_item(false).await;
    keep("0");
    assert_eq!(host.written().await, Vec::<String>::new());

    repository.rename("Edited by hand");
    look("2");
    keep("2");
    let written = host.written().await;
    assert!(
        written.len() == 1
            && written[0].starts_with("POST /desk/_apis/wit/workitems/$Issue")
            && written[0].contains("Edited by hand"),
        "{written:?}"
    );

    host.has_work_item(true).await;
    keep("2");
    let written = host.written().await;
    assert!(
        written.len() == 1 && written[0].starts_with("PATCH /desk/_apis/wit/workitems/9"),
        "{written:?}"
    );

    repository.rename("Case");
    look("0");
    host.has_work_item(true).await;
    keep("0");
    let written = host.written().await;
    assert!(
        written.len() == 1
            && written[0].contains("/fields/System.State")
            && written[0].contains("Done"),
        "{written:?}"
    );
}
