//! Runs builds like GitHub Actions and Azure Pipelines: the jobs in the order of the files, each in its own checkout, over a stand-in for
//! the host that supports pull requests, runs and artifacts. Environments are emulators.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use serde_yaml::Value as Yaml;
use tempfile::TempDir;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::{Run, Server};

/// `gh`, limited to the parts that the workflows use.
const GH: &str = r#"#!/usr/bin/env bash
set -euo pipefail
option() { local name="$1"; shift; while [ "$1" != "$name" ]; do shift; done; echo "$2"; }
ask() { curl --fail --silent --show-error "$HOST/gh/$1"; }
case "$1 $2" in
  "api repos/"*"/pulls") commit="${2%/pulls}"; ask "pulls/${commit##*/}" ;;
  "run list") ask "list/$(option --workflow "$@")/$(option --event "$@")/$(option --commit "$@")" ;;
  "run view") ask "view/$3" ;;
  "run download") from="$HOME/runs/$3/$(option --name "$@")"; [ -d "$from" ]; mkdir -p "$(option --dir "$@")"; cp -r "$from/." "$(option --dir "$@")/" ;;
  "api --method")
    if [ "$3" = PATCH ]; then ref="refs/${4#*git/refs/}"; git -C "$REPO" rev-parse --quiet --verify "$ref" > /dev/null; else ref="$(printf '%s\n' "$@" | sed -n 's/^ref=//p')"; fi
    git -C "$REPO" update-ref "$ref" "$(printf '%s\n' "$@" | sed -n 's/^sha=//p')" ;;
  *) echo "not known: $*" >&2; exit 9 ;;
esac
"#;

/// The build host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Host {
    GitHub,
    Azure,
}

/// What triggers a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    PullRequest(u64),
    MergeQueue,
    Push,
    ByHand,
}

/// The result of a job or a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Well,
    Failed,
    Cancelled,
    Skipped,
}

#[derive(Debug, Clone)]
struct Pull {
    number: u64,
    head: String,
    fork: bool,
    landed: Option<String>,
}

#[derive(Debug, Default)]
struct Known {
    pulls: Vec<Pull>,
    runs: Vec<Build>,
    comments: BTreeMap<u64, Vec<String>>,
}

/// A run of a workflow or pipeline.
#[derive(Debug, Clone)]
pub(crate) struct Build {
    pub(crate) id: u64,
    plans: bool,
    why: Why,
    /// The commit that is checked out.
    commit: String,
    /// The ID of the run whose plans are applied.
    plan_run: Option<u64>,
    attempt: u32,
    /// The result of each job, in the order in which they ran.
    pub(crate) jobs: Vec<(String, Ended)>,
    pub(crate) log: String,
}

impl Build {
    /// The result of a job.
    #[track_caller]
    pub(crate) fn job(&self, id: &str) -> Ended {
        let found = self.jobs.iter().find(|(job, _)| job == id);
        found
            .unwrap_or_else(|| panic!("no job {id} in {:?}", self.jobs))
            .1
    }

    pub(crate) fn is_good(&self) -> bool {
        let good = |(_, ended): &(String, Ended)| matches!(ended, Ended::Well | Ended::Skipped);
        self.jobs.iter().all(good)
    }

    /// The jobs that did not succeed, in the form `job Failed`.
    pub(crate) fn trouble(&self) -> Vec<String> {
        self.jobs
            .iter()
            .filter(|(_, ended)| *ended != Ended::Well)
            .map(|(job, ended)| format!("{job} {ended:?}"))
            .collect()
    }
}

/// A job of a file, ready to run.
#[derive(Debug)]
struct Job {
    id: String,
    /// The name by which other jobs need it.
    base: String,
    needs: Vec<String>,
    condition: Option<String>,
    steps: Vec<Yaml>,
    /// Values of expressions.
    values: BTreeMap<String, String>,
}

/// A repository with a project of several environments.
pub(crate) struct World {
    folder: TempDir,
    pub(crate) servers: Vec<Server>,
    pub(crate) stages: Vec<String>,
    host: Host,
    service: MockServer,
    known: Arc<Mutex<Known>>,
}

impl World {
    /// A project with these stages, as `init --ci` writes it, not yet applied anywhere.
    pub(crate) async fn new(host: Host, stages: &[&str], spec: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let world = Self {
            servers: stages.iter().map(|_| Server::start(&[])).collect(),
            stages: stages.iter().map(|stage| (*stage).to_owned()).collect(),
            host,
            service: MockServer::start().await,
            known: Arc::default(),
            folder,
        };
        let known = Arc::clone(&world.known);
        let (runs, uri) = (world.home().join("runs"), world.service.uri());
        Mock::given(any())
            .respond_with(move |request: &Request| {
                answer(request, &mut known.lock().unwrap(), &runs, &uri)
            })
            .mount(&world.service)
            .await;
        std::fs::create_dir_all(world.home().join("bin")).unwrap();
        let gh = world.home().join("bin/gh");
        std::fs::write(&gh, GH).unwrap();
        std::fs::set_permissions(&gh, std::fs::Permissions::from_mode(0o755)).unwrap();
        world.deskstate(&["init", "desk"]).ended(0);
        let environments: String = world
            .stages
            .iter()
            .zip(&world.servers)
            .map(|(name, server)| format!("    {name}: {{url: \"{}\"}}\n", server.url))
            .collect();
        let project = format!(
            "apiVersion: deskstate/v1\nkind: Project\nmetadata: {{name: desk}}\nspec:\n  owns: {{prefixes: [contoso]}}\n  defaults: {{app: CustomerServiceApps}}\n  {spec}\n  stages: [{}]\n  environments:\n{environments}",
            stages.join(", ")
        );
        std::fs::write(world.desk().join("deskstate.yaml"), project).unwrap();
        let ci = match host {
            Host::GitHub => "github",
            Host::Azure => "azure",
        };
        world.deskstate(&["init", "desk", "--ci", ci]).ended(0);
        world.git("init -q -b main");
        for setting in [
            "user.name Ada",
            "user.email ada@contoso.com",
            "uploadpack.allowAnySHA1InWant true",
            "receive.denyCurrentBranch ignore",
        ] {
            world.git(&format!("config {setting}"));
        }
        world.git("add -A");
        world.git("commit -q -m Start");
        world
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub(crate) fn desk(&self) -> PathBuf {
        self.folder.path().join("desk")
    }

    pub(crate) fn deskstate(&self, arguments: &[&str]) -> Run {
        let output = super::deskstate(self.folder.path())
            .args(arguments)
            .output();
        output.unwrap().into()
    }

    pub(crate) fn git(&self, words: &str) -> String {
        let words: Vec<&str> = words.split(' ').collect();
        let output = super::git(&self.desk(), &words);
        assert!(output.status.success(), "{words:?} {output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub(crate) fn main(&self) -> String {
        self.git("rev-parse main")
    }

    /// The commit that is marked as applied.
    pub(crate) fn tag(&self, stage: &str) -> Option<String> {
        let found = self.git(&format!("tag --list deskstate/{stage}"));
        (!found.is_empty())
            .then(|| self.git(&format!("rev-parse refs/tags/deskstate/{stage}^{{commit}}")))
    }

    /// The title of the session template in each environment.
    pub(crate) fn titles(&self) -> Vec<String> {
        let title = |server: &Server| {
            let rows = server.get("/api/data/v9.2/msdyn_sessiontemplates?$select=msdyn_title&$filter=msdyn_uniquename eq 'contoso_case'".replace(' ', "%20").as_str());
            rows["value"][0]["msdyn_title"]
                .as_str()
                .unwrap_or("-")
                .to_owned()
        };
        self.servers.iter().map(title).collect()
    }

    /// Changes the title as by hand in the admin pages of an environment.
    pub(crate) fn retitle(&self, stage: usize, title: &str) {
        let id = self.servers[stage].id(
            "msdyn_sessiontemplates",
            "msdyn_sessiontemplateid",
            "contoso_case",
        );
        let body = json!({"msdyn_title": title}).to_string();
        self.servers[stage].patch(&format!("msdyn_sessiontemplates({id})"), &body);
    }

    fn edit(&self, file: &str, old: &str, new: &str) {
        let file = self.desk().join(file);
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(text.contains(old), "{text}");
        std::fs::write(file, text.replace(old, new)).unwrap();
    }

    /// Opens a pull request and runs its build.
    pub(crate) fn propose(&self, file: &str, old: &str, new: &str, fork: bool) -> (u64, Build) {
        let number = 1 + u64::try_from(self.known.lock().unwrap().pulls.len()).unwrap();
        self.git(&format!("checkout -q -b change{number}"));
        self.edit(file, old, new);
        self.git("add -A");
        self.git("commit -q -m Change");
        let head = self.git("rev-parse HEAD");
        self.known.lock().unwrap().pulls.push(Pull {
            number,
            head,
            fork,
            landed: None,
        });
        self.git("checkout -q --detach main");
        self.git(&format!("merge -q --no-ff -m Merge change{number}"));
        let merge = self.git("rev-parse HEAD");
        self.git("checkout -q main");
        let build = self.build(true, Why::PullRequest(number), &merge, None, |_, _| false);
        (number, build)
    }

    /// Merges a pull request: with a merge commit, squashed with another message, or rebased.
    pub(crate) fn merge(&self, number: u64, how: &str) -> String {
        let branch = format!("change{number}");
        match how {
            "merge" => self.git(&format!("merge -q --no-ff -m Merge {branch}")),
            "squash" => {
                self.git(&format!("merge -q --squash {branch}"));
                self.git("commit -q -m anything")
            }
            _ => self.git(&format!("cherry-pick main..{branch}")),
        };
        let landed = self.main();
        let mut known = self.known.lock().unwrap();
        let pull = known
            .pulls
            .iter_mut()
            .find(|pull| pull.number == number)
            .unwrap();
        pull.landed = Some(landed.clone());
        landed
    }

    /// The comments on a pull request.
    pub(crate) fn comments(&self, number: u64) -> Vec<String> {
        self.known
            .lock()
            .unwrap()
            .comments
            .get(&number)
            .cloned()
            .unwrap_or_default()
    }

    /// The files of an artifact.
    pub(crate) fn artifact(&self, build: &Build, name: &str) -> Vec<String> {
        let Ok(files) = std::fs::read_dir(self.home().join(format!("runs/{}/{name}", build.id)))
        else {
            return Vec::new();
        };
        let mut names: Vec<String> = files
            .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Plans the main branch manually.
    pub(crate) fn plan_by_hand(&self) -> Build {
        self.build(true, Why::ByHand, &self.main(), None, |_, _| false)
    }

    /// Applies the plans of a run that was started manually.
    pub(crate) fn apply_by_hand(&self, plan: &Build) -> Build {
        self.build(false, Why::ByHand, &self.main(), Some(plan.id), |_, _| {
            false
        })
    }

    /// Runs the build that a merge starts. `before` is called before each step, and cancels the run by returning true.
    pub(crate) fn apply(&self, before: impl FnMut(&str, &str) -> bool) -> Build {
        self.build(false, Why::Push, &self.main(), None, before)
    }

    pub(crate) fn build(
        &self,
        plans: bool,
        why: Why,
        commit: &str,
        plan_run: Option<u64>,
        before: impl FnMut(&str, &str) -> bool,
    ) -> Build {
        let id = 1_000 + u64::try_from(self.known.lock().unwrap().runs.len()).unwrap();
        let build = Build {
            id,
            plans,
            why,
            commit: commit.to_owned(),
            plan_run,
            attempt: 0,
            jobs: Vec::new(),
            log: String::new(),
        };
        self.known.lock().unwrap().runs.push(build.clone());
        self.run(build, before)
    }

    /// Runs the jobs again that did not succeed.
    pub(crate) fn rerun(&self, build: &Build) -> Build {
        let mut build = build.clone();
        build.jobs.retain(|(_, ended)| *ended == Ended::Well);
        self.run(build, |_, _| false)
    }

    fn run(&self, mut build: Build, mut before: impl FnMut(&str, &str) -> bool) -> Build {
        build.attempt += 1;
        build.log.clear();
        let jobs = match self.host {
            Host::GitHub => self.github(&build),
            Host::Azure => self.azure(&build),
        };
        let mut outputs = BTreeMap::new();
        let mut done: BTreeMap<String, Vec<Ended>> = BTreeMap::new();
        let mut is_cancelled = false;
        for job in jobs {
            let before_it = job.needs.iter().flat_map(|need| {
                done.get(need)
                    .unwrap_or_else(|| panic!("{} needs {need}, which did not run before", job.id))
                    .clone()
            });
            let needs: Vec<Ended> = before_it.collect();
            let known = build
                .jobs
                .iter()
                .find(|(id, _)| *id == job.id)
                .map(|(_, ended)| *ended);
            let ended = match known {
                Some(ended) => ended,
                None if !self.holds(&job, &needs, &build, is_cancelled, &outputs) => Ended::Skipped,
                None => self.job(&job, &mut build, &needs, &mut before, &mut outputs),
            };
            is_cancelled |= ended == Ended::Cancelled;
            if known.is_none() {
                build.jobs.push((job.id.clone(), ended));
            }
            for name in [job.base, job.id] {
                done.entry(name).or_default().push(ended);
            }
        }
        let mut known = self.known.lock().unwrap();
        let kept = known
            .runs
            .iter_mut()
            .find(|run| run.id == build.id)
            .unwrap();
        *kept = build.clone();
        build
    }

    /// Whether a job runs, according to the conditions in the templates. An unknown condition is a bug in this file.
    fn holds(
        &self,
        job: &Job,
        needs: &[Ended],
        build: &Build,
        is_cancelled: bool,
        outputs: &BTreeMap<String, String>,
    ) -> bool {
        let succeeded = !is_cancelled && needs.iter().all(|ended| *ended == Ended::Well);
        let fork = match build.why {
            Why::PullRequest(number) => self.pull(number).fork,
            _ => false,
        };
        let is_pull_request = matches!(build.why, Why::PullRequest(_));
        match job.condition.as_deref() {
            None => succeeded,
            Some("${{ always() }}") => true,
            Some(
                "github.ref == 'refs/heads/main'"
                | "and(succeeded(), eq(variables['Build.SourceBranch'], 'refs/heads/main'))",
            ) => succeeded && !is_pull_request,
            Some(
                "needs.validate.outputs.plan == 'true' && (github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name == github.repository)",
            ) => succeeded && outputs.get("plan").is_some_and(|plan| plan == "true") && !fork,
            Some(
                "${{ !cancelled() && needs.plan.result != 'skipped' && github.event_name == 'pull_request' }}",
            ) => {
                !is_cancelled
                    && needs.iter().any(|ended| *ended != Ended::Skipped)
                    && is_pull_request
            }
            Some("and(succeeded(), ne(variables['System.PullRequest.IsFork'], 'True'))") => {
                succeeded && !fork
            }
            Some(
                "and(not(canceled()), eq(variables['Build.Reason'], 'PullRequest'), ne(variables['System.PullRequest.IsFork'], 'True'))",
            ) => !is_cancelled && is_pull_request && !fork,
            Some(other) => panic!("unknown condition of {}: {other}", job.id),
        }
    }

    fn pull(&self, number: u64) -> Pull {
        let known = self.known.lock().unwrap();
        known
            .pulls
            .iter()
            .find(|pull| pull.number == number)
            .unwrap()
            .clone()
    }

    /// Runs the steps of a job in its own folder.
    fn job(
        &self,
        job: &Job,
        build: &mut Build,
        needs: &[Ended],
        before: &mut impl FnMut(&str, &str) -> bool,
        outputs: &mut BTreeMap<String, String>,
    ) -> Ended {
        let place = TempDir::new_in(self.folder.path()).unwrap();
        let work = place.path().join("work");
        std::fs::create_dir(&work).unwrap();
        let output = place.path().join("output");
        std::fs::write(&output, "").unwrap();
        let mut ended = Ended::Well;
        let results: Vec<&str> = needs
            .iter()
            .map(|ended| match ended {
                Ended::Well => "success",
                Ended::Failed => "failure",
                Ended::Cancelled => "cancelled",
                Ended::Skipped => "skipped",
            })
            .collect();
        let mut values = job.values.clone();
        values.insert("join(needs.*.result, ' ')".to_owned(), results.join(" "));
        let filled = |text: &str| fill(text, &values);
        for step in &job.steps {
            let name = text(step, "name")
                .or_else(|| text(step, "displayName"))
                .unwrap_or_default();
            let condition = text(step, "if").or_else(|| text(step, "condition"));
            let runs = match condition.as_deref() {
                None => ended == Ended::Well,
                Some("${{ always() }}" | "always()") => true,
                Some("${{ !cancelled() }}" | "succeededOrFailed()") => ended != Ended::Cancelled,
                Some(other) => panic!("unknown condition of a step: {other}"),
            };
            if !runs {
                continue;
            }
            if before(&job.id, &name) {
                ended = Ended::Cancelled;
                continue;
            }
            let script = ["run", "bash"]
                .iter()
                .find_map(|key| text(step, key))
                .or_else(|| text(&step["inputs"], "inlineScript"));
            let uses = text(step, "uses").unwrap_or_default();
            if let Some(script) = script {
                let mut variables = vec![
                    ("GITHUB_OUTPUT".to_owned(), output.display().to_string()),
                    ("GITHUB_SHA".to_owned(), build.commit.clone()),
                    (
                        "PIPELINE_WORKSPACE".to_owned(),
                        place.path().display().to_string(),
                    ),
                ];
                match (self.host, build.why) {
                    (Host::GitHub, Why::PullRequest(number)) => variables.extend([
                        ("GITHUB_ACTIONS".to_owned(), "true".to_owned()),
                        (
                            "GITHUB_API_URL".to_owned(),
                            format!("{}/github", self.service.uri()),
                        ),
                        ("GITHUB_REF".to_owned(), format!("refs/pull/{number}/merge")),
                    ]),
                    (Host::Azure, Why::PullRequest(number)) => variables.extend([
                        ("TF_BUILD".to_owned(), "True".to_owned()),
                        (
                            "SYSTEM_COLLECTIONURI".to_owned(),
                            format!("{}/", self.service.uri()),
                        ),
                        ("SYSTEM_TEAMPROJECT".to_owned(), "desk".to_owned()),
                        ("BUILD_REASON".to_owned(), "PullRequest".to_owned()),
                        ("BUILD_REPOSITORY_ID".to_owned(), "repo".to_owned()),
                        (
                            "SYSTEM_PULLREQUEST_PULLREQUESTID".to_owned(),
                            number.to_string(),
                        ),
                    ]),
                    _ => {}
                }
                for env in [&step["job-env"], &step["env"]] {
                    for (key, value) in env.as_mapping().into_iter().flatten() {
                        variables.push((key.as_str().unwrap().to_owned(), filled(&scalar(value))));
                    }
                }
                let run = self.shell(&work, &filled(&script), &variables);
                build
                    .log
                    .push_str(&format!("== {} {name}\n{}{}", job.id, run.out, run.err));
                for upload in run
                    .out
                    .lines()
                    .filter_map(|line| line.strip_prefix("##vso[artifact.upload artifactname="))
                {
                    let (artifact, path) = upload.split_once(']').unwrap();
                    self.keep(build, artifact, Path::new(path), false);
                }
                if run.code != Some(0) && ended == Ended::Well {
                    ended = Ended::Failed;
                }
            } else if uses.starts_with("actions/checkout@") || !step["checkout"].is_null() {
                self.check_out(step, &work, &build.commit);
            } else if uses.starts_with("actions/upload-artifact@") {
                let (name, path) = (
                    text(&step["with"], "name").unwrap(),
                    text(&step["with"], "path").unwrap(),
                );
                self.keep(
                    build,
                    &filled(&name),
                    &work.join(path),
                    step["with"]["overwrite"] == true,
                );
            } else if let Some(path) = text(step, "publish") {
                self.keep(
                    build,
                    &filled(&text(step, "artifact").unwrap()),
                    &work.join(path),
                    false,
                );
            } else if uses.starts_with("actions/download-artifact@") {
                self.give(build, |_| work.join("plan"));
            } else if !step["download"].is_null() {
                self.give(build, |artifact| place.path().join(artifact));
            } else {
                assert!(
                    uses.starts_with("deskstate/deskstate/ci/github@")
                        || text(step, "template").as_deref() == Some("install.yml"),
                    "unknown step {step:?}"
                );
            }
        }
        for line in std::fs::read_to_string(output).unwrap().lines() {
            let (key, value) = line.split_once('=').unwrap();
            outputs.insert(key.to_owned(), value.to_owned());
        }
        ended
    }

    /// Checks out what a job may see: without `fetch-depth: 0` no history or tags, and without `persist-credentials` no way to push.
    fn check_out(&self, step: &Yaml, work: &Path, commit: &str) {
        let depth = ["fetch-depth", "fetchDepth"]
            .iter()
            .find_map(|key| text(&step["with"], key).or_else(|| text(step, key)));
        let keeps = ["persist-credentials", "persistCredentials"]
            .iter()
            .find_map(|key| text(&step["with"], key).or_else(|| text(step, key)));
        let depth = depth.unwrap_or_else(|| "1".to_owned());
        let fetch = match depth.as_str() {
            "0" => "git fetch -q --tags origin".to_owned(),
            depth => format!("git fetch -q --no-tags --depth {depth} origin {commit}"),
        };
        let forget = if keeps.as_deref() == Some("true") {
            ""
        } else {
            "; git remote remove origin"
        };
        let script = format!(
            "set -e; git init -q .; git remote add origin \"file://$REPO\"; {fetch}; git checkout -q --detach {commit}{forget}"
        );
        self.shell(work, &script, &[]).ended(0);
    }

    fn keep(&self, build: &Build, name: &str, from: &Path, replaces: bool) {
        let to = self.home().join(format!("runs/{}/{name}", build.id));
        if !from.exists() {
            return;
        }
        if to.exists() {
            assert!(
                replaces,
                "there is an artifact {name} of run {} already",
                build.id
            );
            std::fs::remove_dir_all(&to).unwrap();
        }
        std::fs::create_dir_all(&to).unwrap();
        if from.is_dir() {
            super::copy(from, &to);
        } else {
            std::fs::copy(from, to.join(from.file_name().unwrap())).unwrap();
        }
    }

    /// Copies the plans of its run to a job.
    fn give(&self, build: &Build, to: impl Fn(&str) -> PathBuf) {
        let Ok(artifacts) = std::fs::read_dir(self.home().join(format!("runs/{}", build.id)))
        else {
            return;
        };
        for artifact in artifacts.map(|artifact| artifact.unwrap()) {
            let name = artifact.file_name().to_string_lossy().into_owned();
            if name.starts_with("deskstate-plan-") {
                std::fs::create_dir_all(to(&name)).unwrap();
                super::copy(&artifact.path(), &to(&name));
            }
        }
    }

    fn shell(&self, folder: &Path, script: &str, variables: &[(String, String)]) -> Run {
        let binary = Path::new(env!("CARGO_BIN_EXE_deskstate")).parent().unwrap();
        let path = std::env::join_paths(
            [self.home().join("bin"), binary.to_path_buf()]
                .into_iter()
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        let file = self.home().join("step.sh");
        std::fs::write(&file, script).unwrap();
        Command::new("bash")
            .arg("-e")
            .arg(&file)
            .current_dir(folder)
            .env_clear()
            .envs(super::line_counts())
            .env("PATH", path.unwrap())
            .env("HOME", self.home())
            .env("HOST", self.service.uri())
            .env("REPO", self.desk())
            .env("GITHUB_REPOSITORY", "contoso/desk")
            .env("GITHUB_STEP_SUMMARY", self.home().join("summary.md"))
            .envs(variables.iter().cloned())
            .output()
            .unwrap()
            .into()
    }

    fn read(&self, file: &str) -> Yaml {
        let text = std::fs::read_to_string(self.desk().join(file)).unwrap();
        serde_yaml::from_str(&text).unwrap()
    }

    /// The jobs of a workflow. The jobs of a reusable workflow replace the job that calls it.
    fn github(&self, build: &Build) -> Vec<Job> {
        let name = if build.plans { "plan" } else { "apply" };
        let event = match build.why {
            Why::PullRequest(_) => "pull_request",
            Why::MergeQueue => "merge_group",
            Why::Push => "push",
            Why::ByHand => "workflow_dispatch",
        };
        let plan_run = build
            .plan_run
            .map(|run| run.to_string())
            .unwrap_or_default();
        let values = [
            ("github.event_name", event),
            ("github.event.inputs.plan-run", &plan_run),
            ("github.token", "token"),
            ("github.run_attempt", &build.attempt.to_string()),
            ("github.run_id", &build.id.to_string()),
            ("github.repository", "contoso/desk"),
            ("github.server_url", "https://github.com"),
            ("vars.AZURE_CLIENT_ID", ""),
        ];
        let values: BTreeMap<String, String> = values
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let mut jobs = Vec::new();
        let workflow = self.read(&format!(".github/workflows/deskstate-{name}.yml"));
        assert!(
            workflow["on"].get(event).is_some(),
            "{event} does not start {name}"
        );
        for (id, job) in mapping(&workflow["jobs"]) {
            let needs = names(&job["needs"]);
            if let Some(called) = text(&job, "uses") {
                let called = self.read(called.trim_start_matches("./"));
                for (inner, part) in mapping(&called["jobs"]) {
                    let mut values = values.clone();
                    for (key, value) in mapping(&job["with"]) {
                        let value = fill(&scalar(&value), &values);
                        values.insert(format!("inputs.{key}"), value);
                    }
                    let own: Vec<String> = names(&part["needs"])
                        .iter()
                        .map(|need| format!("{id}/{need}"))
                        .collect();
                    let needs = if own.is_empty() { needs.clone() } else { own };
                    jobs.push(Job {
                        id: format!("{id}/{inner}"),
                        base: id.clone(),
                        needs,
                        ..self.github_job(&part, values)
                    });
                }
            } else {
                let matrix = names(&job["strategy"]["matrix"]["environment"]);
                if matrix.is_empty() {
                    jobs.push(Job {
                        id: id.clone(),
                        base: id.clone(),
                        needs: needs.clone(),
                        ..self.github_job(&job, values.clone())
                    });
                }
                for environment in matrix {
                    let mut values = values.clone();
                    values.insert("matrix.environment".to_owned(), environment.clone());
                    jobs.push(Job {
                        id: format!("{id}/{environment}"),
                        base: id.clone(),
                        needs: needs.clone(),
                        ..self.github_job(&job, values)
                    });
                }
            }
        }
        jobs
    }

    fn github_job(&self, job: &Yaml, values: BTreeMap<String, String>) -> Job {
        let steps = job["steps"]
            .as_sequence()
            .unwrap()
            .iter()
            .cloned()
            .map(|mut step| {
                step["job-env"] = job["env"].clone();
                step
            });
        Job {
            id: String::new(),
            base: String::new(),
            needs: Vec::new(),
            condition: text(job, "if"),
            steps: steps.collect(),
            values,
        }
    }

    /// The jobs of a pipeline. The jobs of a template replace the template.
    fn azure(&self, build: &Build) -> Vec<Job> {
        let mut values = BTreeMap::new();
        for (name, value) in [
            ("System.CollectionUri", format!("{}/", self.service.uri())),
            ("System.TeamProjectId", "desk".to_owned()),
            ("System.AccessToken", "token".to_owned()),
            ("System.JobAttempt", build.attempt.to_string()),
            ("Build.Repository.ID", "repo".to_owned()),
            ("Build.BuildId", build.id.to_string()),
        ] {
            values.insert(name.to_owned(), value);
        }
        let file = if build.plans { "plan" } else { "apply" };
        let pipeline = self.read(&format!("azure-pipelines/{file}.yml"));
        for parameter in pipeline["parameters"].as_sequence().into_iter().flatten() {
            let name = text(parameter, "name").unwrap();
            let given = build
                .plan_run
                .filter(|_| name == "planBuild")
                .map(|run| run.to_string());
            values.insert(
                format!("parameters.{name}"),
                given.unwrap_or_else(|| scalar(&parameter["default"])),
            );
        }
        let mut jobs = Vec::new();
        for job in pipeline["jobs"].as_sequence().into_iter().flatten() {
            let id = text(job, "job").unwrap();
            jobs.push(Job {
                base: id.clone(),
                id,
                needs: names(&job["dependsOn"]),
                condition: text(job, "condition"),
                ..self.azure_job(job, values.clone())
            });
        }
        for stage in pipeline["stages"].as_sequence().into_iter().flatten() {
            let id = text(stage, "stage").unwrap();
            let (values, template) = self.template(&stage["jobs"][0], &values);
            for job in template["jobs"].as_sequence().unwrap() {
                let inner = text(job, "job")
                    .or_else(|| text(job, "deployment"))
                    .unwrap();
                let own: Vec<String> = names(&job["dependsOn"])
                    .iter()
                    .map(|need| format!("{id}/{need}"))
                    .collect();
                let (needs, condition) = if own.is_empty() {
                    (names(&stage["dependsOn"]), text(stage, "condition"))
                } else {
                    (own, None)
                };
                jobs.push(Job {
                    id: format!("{id}/{inner}"),
                    base: id.clone(),
                    needs,
                    condition,
                    ..self.azure_job(job, values.clone())
                });
            }
        }
        jobs
    }

    /// A template, and the values of its parameters.
    fn template(
        &self,
        call: &Yaml,
        values: &BTreeMap<String, String>,
    ) -> (BTreeMap<String, String>, Yaml) {
        let mut inner = values.clone();
        for (key, value) in mapping(&call["parameters"]) {
            inner.insert(format!("parameters.{key}"), fill(&scalar(&value), values));
        }
        (
            inner,
            self.read(&format!(
                "azure-pipelines/{}",
                text(call, "template").unwrap()
            )),
        )
    }

    fn azure_job(&self, job: &Yaml, values: BTreeMap<String, String>) -> Job {
        let steps = if job["steps"].is_null() {
            &job["strategy"]["runOnce"]["deploy"]["steps"]
        } else {
            &job["steps"]
        };
        let called = text(&steps[0], "template").filter(|template| template != "install.yml");
        let (values, steps) = match called {
            Some(_) => {
                let (values, template) = self.template(&steps[0], &values);
                (values, template["steps"].clone())
            }
            None => (values, steps.clone()),
        };
        Job {
            id: String::new(),
            base: String::new(),
            needs: Vec::new(),
            condition: None,
            steps: steps.as_sequence().unwrap().clone(),
            values,
        }
    }
}

/// The answers of the stand-in for a host.
fn answer(request: &Request, known: &mut Known, runs: &Path, uri: &str) -> ResponseTemplate {
    let path = request.url.path().to_owned();
    let query: BTreeMap<String, String> = request.url.query_pairs().into_owned().collect();
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let found = |value: Value| ResponseTemplate::new(200).set_body_json(value);
    let say = |text: String| ResponseTemplate::new(200).set_body_string(text);
    let body = || serde_json::from_slice::<Value>(&request.body).unwrap();
    let run = |id: &str| known.runs.iter().find(|run| run.id.to_string() == id);
    match parts.as_slice() {
        ["gh", "pulls", commit] => {
            let landed = known
                .pulls
                .iter()
                .filter(|pull| pull.landed.as_deref() == Some(*commit));
            found(landed.map(|pull| {
                let repository = if pull.fork { "stranger/desk" } else { "contoso/desk" };
                json!({"merged_at": "2027-01-01", "base": {"ref": "main"}, "head": {"sha": pull.head, "repo": {"full_name": repository}}})
            }).collect())
        }
        ["gh", "list", "deskstate-plan.yml", "pull_request", head] => {
            let of_head = |run: &&Build| match run.why {
                Why::PullRequest(number) => known
                    .pulls
                    .iter()
                    .any(|pull| pull.number == number && pull.head == *head),
                _ => false,
            };
            let last = known
                .runs
                .iter()
                .rev()
                .find(|run| run.plans && run.is_good() && of_head(run));
            say(last.map(|run| run.id.to_string()).unwrap_or_default())
        }
        ["gh", "view", id] => match run(id) {
            Some(run) if run.plans && run.why == Why::ByHand && run.is_good() => say(format!(
                "deskstate plan/main/workflow_dispatch/success/{}",
                run.commit
            )),
            Some(run) => say(format!(
                "deskstate plan/change1/pull_request/success/{}",
                run.commit
            )),
            None => ResponseTemplate::new(404),
        },
        [
            "github",
            "repos",
            "contoso",
            "desk",
            "issues",
            number,
            "comments",
        ]
        | [
            "desk",
            "_apis",
            "git",
            "repositories",
            "repo",
            "pullRequests",
            number,
            "threads",
        ] => {
            let is_azure = parts[0] == "desk";
            let comments = known.comments.entry(number.parse().unwrap()).or_default();
            if request.method.as_str() == "GET" {
                return found(if is_azure {
                    json!({"value": []})
                } else {
                    json!([])
                });
            }
            let body = body();
            let text = if is_azure {
                &body["comments"][0]["content"]
            } else {
                &body["body"]
            };
            comments.push(text.as_str().unwrap().to_owned());
            found(json!({"id": 1}))
        }
        ["desk", "_apis", "build", "definitions"] => {
            assert_eq!(query["name"], "deskstate plan");
            found(json!({"value": [{"id": 4}]}))
        }
        ["desk", "_apis", "build", "builds"] => {
            assert_eq!(
                (
                    query["definitions"].as_str(),
                    query["resultFilter"].as_str()
                ),
                ("4", "succeeded")
            );
            let of_branch = |run: &&Build| matches!(run.why, Why::PullRequest(number) if query["branchName"] == format!("refs/pull/{number}/merge"));
            let last = known
                .runs
                .iter()
                .rev()
                .find(|run| run.plans && run.is_good() && of_branch(run));
            found(
                json!({"value": last.map(|run| json!({"id": run.id})).into_iter().collect::<Vec<_>>()}),
            )
        }
        ["desk", "_apis", "build", "builds", id] => match run(id) {
            Some(run) => {
                let by_hand = run.why == Why::ByHand;
                found(json!({
                    "definition": {"id": if run.plans { 4 } else { 5 }},
                    "sourceBranch": if by_hand { "refs/heads/main" } else { "refs/pull/1/merge" },
                    "reason": if by_hand { "manual" } else { "pullRequest" },
                    "result": if run.is_good() { "succeeded" } else { "failed" },
                }))
            }
            None => ResponseTemplate::new(404),
        },
        ["desk", "_apis", "build", "builds", id, "artifacts"] => {
            let names = std::fs::read_dir(runs.join(id))
                .into_iter()
                .flatten()
                .map(|one| one.unwrap().file_name().to_string_lossy().into_owned());
            found(
                json!({"value": names.map(|name| json!({"name": name, "resource": {"downloadUrl": format!("{uri}/zip/{id}/{name}")}})).collect::<Vec<_>>()}),
            )
        }
        ["zip", id, name] => {
            let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
            for file in std::fs::read_dir(runs.join(id).join(name))
                .unwrap()
                .map(|file| file.unwrap())
            {
                let inside = format!("{name}/{}", file.file_name().to_string_lossy());
                zip.start_file(inside, zip::write::SimpleFileOptions::default())
                    .unwrap();
                zip.write_all(&std::fs::read(file.path()).unwrap()).unwrap();
            }
            ResponseTemplate::new(200).set_body_bytes(zip.finish().unwrap().into_inner())
        }
        [
            "desk",
            "_apis",
            "git",
            "repositories",
            "repo",
            "pullrequestquery",
        ] => {
            let queries = body()["queries"].as_array().unwrap().clone();
            let results = queries.iter().map(|query| {
                let merged = query["type"] == "lastMergeCommit";
                let entries = query["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter_map(|item| {
                        let item = item.as_str()?;
                        let pulls: Vec<Value> = known
                            .pulls
                            .iter()
                            .filter(|pull| merged && pull.landed.as_deref() == Some(item))
                            .map(|pull| json!({"pullRequestId": pull.number}))
                            .collect();
                        (!pulls.is_empty()).then(|| (item.to_owned(), Value::Array(pulls)))
                    });
                Value::Object(entries.collect())
            });
            found(json!({"results": results.collect::<Vec<_>>()}))
        }
        ["desk", "_apis", "git", "pullrequests", number] => {
            let pull = known
                .pulls
                .iter()
                .find(|pull| pull.number.to_string() == *number)
                .unwrap();
            let status = if pull.landed.is_some() {
                "completed"
            } else {
                "active"
            };
            let mut answer = json!({"status": status, "targetRefName": "refs/heads/main"});
            if pull.fork {
                answer["forkSource"] = json!({"name": "refs/heads/change"});
            }
            found(answer)
        }
        _ => ResponseTemplate::new(500).set_body_string(format!("not known: {path}")),
    }
}

/// Fills in the expressions and variables of a text. An unknown variable stays for the shell; an unknown expression is an error.
fn fill(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${{ ") {
        let (expression, after) = after.split_once(" }}").unwrap();
        let value = values
            .get(expression)
            .unwrap_or_else(|| panic!("unknown expression {expression}"));
        filled.push_str(before);
        filled.push_str(value);
        rest = after;
    }
    filled.push_str(rest);
    for (name, value) in values
        .iter()
        .filter(|(name, _)| name.starts_with("System.") || name.starts_with("Build."))
    {
        filled = filled.replace(&format!("$({name})"), value);
    }
    filled
}

fn scalar(value: &Yaml) -> String {
    match value {
        Yaml::String(text) => text.clone(),
        Yaml::Number(number) => number.to_string(),
        Yaml::Bool(flag) => flag.to_string(),
        other => panic!("no scalar: {other:?}"),
    }
}

fn text(node: &Yaml, key: &str) -> Option<String> {
    node.get(key).filter(|value| !value.is_null()).map(scalar)
}

/// A single name, or several.
fn names(node: &Yaml) -> Vec<String> {
    match node {
        Yaml::Null => Vec::new(),
        Yaml::Sequence(items) => items.iter().map(scalar).collect(),
        one => vec![scalar(one)],
    }
}

fn mapping(node: &Yaml) -> Vec<(String, Yaml)> {
    let entries = node.as_mapping().into_iter().flatten();
    entries
        .map(|(key, value)| (scalar(key), value.clone()))
        .collect()
}
