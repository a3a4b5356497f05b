//! The first steps of every command that reads the live environment: load, open, observe, plan.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use deskstate_dataverse::{Reader, Stop};
use deskstate_files::{Limit, read_text};
use deskstate_model::{
    Diagnostic, Environment, Manifests, ResourceKey, Severity, Undeclared, Writes, load,
};
use deskstate_reconcile::check::{named_users, needs_names};
use deskstate_reconcile::drift::{Ignored, owned_extras, plan_accepting, rows_accepted};
use deskstate_reconcile::extras::Extra;
use deskstate_reconcile::live::Live;
use deskstate_reconcile::plan::{
    Action, Change, Limits, Operation, Options, Reason, SyncState, transactions,
};
use deskstate_reconcile::plan_file::{FileFinding, Report};
use deskstate_reconcile::reach::{ChangeReach, Reached};
use deskstate_reconcile::review::{Finding, Review, review};
use deskstate_reconcile::writes::held;
use deskstate_reconcile::{
    Desired, Narrow, ObserveError, Plan, Reach, Scope, lower, observe, plan, reach,
};

use super::judging::{self, Judging};
use crate::answers::Answers;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::output::count;
use crate::project::{self, Loaded};
use crate::ui::Ui;
use crate::{revision, today};
use deskstate_model::Explanation;

pub(crate) const PRUNED: Explanation = Explanation::new(
    "pruned",
    "A plan deletes a row because no manifest declares it any more.",
    "The finding names the file that used to declare it, as far as git knows. With `prune: owned`, moving, renaming or deleting a file by mistake deletes its rows.",
    "To keep the row, restore the file from the commit that the finding names.",
);

/// Manifests, the live environment, and the difference between them.
pub(super) struct Compared {
    /// The declared state.
    pub(super) desired: Desired,
    /// The live state.
    pub(super) live: Live,
    /// The scope of the read.
    pub(super) scope: Scope,
    /// The options of the plan.
    pub(super) options: Options,
    /// The difference.
    pub(super) plan: Plan,
    /// Who is affected by each change.
    pub(super) reach: Reach,
    /// The findings of the review.
    pub(super) findings: Vec<Finding>,
    /// Everything that cannot be planned, and warnings, including those of the review.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Whether something could not be planned.
    pub(super) unplannable: bool,
    /// Messages about included dependencies, and about links that are not added to the solution.
    pub(super) along: Vec<String>,
    /// Differences that stay because a rule accepts them.
    pub(super) accepted: Vec<Ignored>,
}

impl Compared {
    /// Fails if anything is unknown, because the environment then cannot be reported as in sync.
    pub(super) fn complete(&self) -> Result<(), Error> {
        match self.plan.state() {
            SyncState::InSync | SyncState::Different => Ok(()),
            SyncState::Unknown => Err(Error::failed("not everything could be compared")),
        }
    }

    /// Fails if drift is left that the plan does not revert.
    pub(super) fn converged(&self, loaded: &Loaded, writes: Writes) -> Result<(), Error> {
        let mut obstacles = (self.plan.resources.iter())
            .flat_map(|judged| &judged.obstacles)
            .chain(self.plan.elsewhere.iter().map(|one| &one.obstacle));
        let is_held = !held(&self.plan, &self.live, writes).is_empty();
        let stays = || {
            let operations = (self.plan.changes.iter()).flat_map(|change| &change.operations);
            let deleted: BTreeSet<_> = operations
                .filter_map(|operation| match operation {
                    Operation::Delete { row, .. } => Some(row.id),
                    _ => None,
                })
                .collect();
            let project = loaded.manifests.project.as_ref();
            let counts = project.is_some_and(|one| one.undeclared == Undeclared::Fail);
            let extras = owned_extras(&loaded.manifests, &self.desired, &self.live);
            let accepted = rows_accepted(&loaded.manifests, &today::utc());
            let is_accepted = |key: &ResourceKey| accepted.iter().any(|glob| glob.matches(key));
            let stays = |extra: &Extra| !deleted.contains(&extra.id) && !is_accepted(&extra.key);
            counts && extras.iter().any(stays)
        };
        let is_left = is_held
            || obstacles.any(|obstacle| obstacle.state == SyncState::Different)
            || self.options.only.is_none() && stays();
        match is_left {
            true => Err(Error::failed("some drift was not reverted")),
            false => Ok(()),
        }
    }

    /// Who is affected by each change, in words.
    pub(super) fn reach_in_words(&self) -> Vec<Option<Reached>> {
        self.reach.changes.iter().map(ChangeReach::said).collect()
    }

    /// The part of a plan file that accompanies the changes.
    pub(super) fn report(&self, loaded: &Loaded, address: &str, transactions: usize) -> Report {
        let reviewed = judging::diagnostics(&self.findings);
        let level = |finding: &Diagnostic| match finding.severity {
            Severity::Warning => "warning",
            Severity::Error if reviewed.contains(finding) => "refused",
            Severity::Error => "unplannable",
        };
        Report {
            address: address.to_owned(),
            transactions,
            selection: self.options.only.is_some(),
            findings: findings(loaded, self)
                .iter()
                .map(|finding| FileFinding::of(finding, level(finding), &loaded.manifests.sources))
                .collect(),
            ..Report::default()
        }
    }
}

/// Reads the live environment, and shows the wait on a terminal.
pub(super) async fn read(
    reader: &Reader,
    desired: &Desired,
    scope: &Scope,
    environment: &str,
    ui: &mut Ui,
) -> Result<Live, ObserveError> {
    ui.start_waiting("Reading", environment);
    let live = observe(reader, desired, scope).await;
    ui.end_bar();
    is_recorded(reader)?;
    live
}

/// Fails if a recording was wanted and is incomplete.
pub(super) fn is_recorded(reader: &Reader) -> Result<(), ObserveError> {
    match reader.not_recorded() {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

/// Reads the live environment and plans. Drift that the given manifests accept today stays. Cannot write.
pub(super) async fn compare(
    loaded: &Loaded,
    environment: &Environment,
    reader: &Reader,
    judging: &Judging,
    accepting: Option<&Manifests>,
    ui: &mut Ui,
) -> Result<Compared, Error> {
    let mut desired = lower(&loaded.manifests);
    let (mut options, mut along) = judging.options(loaded, &desired)?;
    if let Some(current) = accepting {
        judging::respect(current, &mut desired, &mut options);
    }
    let contracts = &accepting.unwrap_or(&loaded.manifests).contracts;
    let scope = Scope {
        names: needs_names(contracts),
        users: named_users(contracts),
        organization: environment.organization_id,
        solution: solution(loaded, environment),
        // Pruning deletes undeclared rows, so it must see all rows.
        narrow: if options.prune.is_empty() {
            Narrow::of(&desired, contracts, &BTreeSet::new())
        } else {
            None
        },
        ..Scope::default()
    };
    let live = read(reader, &desired, &scope, &environment.name, ui).await?;
    let (planned, accepted) = match accepting {
        Some(rules) => plan_accepting(rules, &today::utc(), &mut desired, &live, &mut options),
        None => (plan(&desired, &live, &options), Vec::new()),
    };
    let (mut plan, mut diagnostics) = planned;
    let unplannable = diagnostics.iter().any(Diagnostic::is_error);
    let reach = reach(&plan, &desired, &live);
    let mut rules = judging.allowing.rules(loaded, environment)?;
    match accepting.map(|current| (current.project.as_ref(), &current.contracts)) {
        Some((Some(current), contracts)) => rules.be_as_strict_as(current, contracts),
        // The overrides of the project file are for its own changes, not for reverting drift.
        Some((None, _)) => {}
        None => rules.committed = judging::committed(loaded, environment),
    }
    let Review {
        mut findings,
        unknown,
        accepted: unsaid,
        unneeded,
    } = review(&plan, &desired, &live, &reach, &rules);
    along.extend(project::accepted_warnings(unsaid));
    plan.elsewhere.extend(unknown);
    // A part of the changes cannot tell which overrides are needed.
    if !unplannable && options.only.is_none() && plan.state() != SyncState::Unknown {
        findings.extend(unneeded);
    }
    diagnostics.extend(judging::diagnostics(&findings));
    diagnostics.extend(pruned(loaded, &plan));
    along.extend(links_without_solution(loaded, environment, &plan));
    Ok(Compared {
        desired,
        live,
        scope,
        options,
        plan,
        reach,
        findings,
        diagnostics,
        unplannable,
        along,
        accepted,
    })
}

/// Reports the links of a plan that are not added to the solution of its rows. (No documentation describes how to add links to a solution.)
fn links_without_solution(
    loaded: &Loaded,
    environment: &Environment,
    plan: &Plan,
) -> Option<String> {
    let solution = solution(loaded, environment)?;
    let operations = plan.changes.iter().flat_map(|change| &change.operations);
    let links = operations
        .filter(|operation| {
            matches!(operation, Operation::Link { relationship, .. } if relationship.component)
        })
        .count();
    (links > 0).then(|| {
        format!(
            "note: deskstate adds no links to the solution `{solution}`: {} of this plan will not travel with it",
            count(links, "link")
        )
    })
}

/// The solution that new and changed components are added to.
pub(super) fn solution(loaded: &Loaded, environment: &Environment) -> Option<String> {
    let project = loaded.manifests.project.as_ref();
    let name = environment
        .solution
        .as_ref()
        .or(project?.solution.as_ref())?;
    Some(name.value.clone())
}

/// Names the file that used to declare each pruned row, as far as git knows.
fn pruned(loaded: &Loaded, plan: &Plan) -> Vec<Diagnostic> {
    let pruned: Vec<&Change> = plan
        .changes
        .iter()
        .filter(|change| change.action == Action::Delete && change.reason == Reason::NotDeclared)
        .collect();
    if pruned.is_empty() {
        return Vec::new();
    }
    let names: Vec<&str> = pruned
        .iter()
        .map(|change| change.key.name.as_written())
        .collect();
    let before = revision::declared_before(&loaded.root, &names);
    let elsewhere = declared_elsewhere(loaded);
    let warning = |change: &&Change| {
        if let Some(path) = elsewhere.get(&change.key) {
            let message = format!(
                "{} will be deleted: `{path}` declares it, but only for other environments",
                change.key
            );
            return Some(Diagnostic::warning(PRUNED.code, message).help(
                "to keep the row, add this environment to `metadata.environments`, or its name to `protect`",
            ));
        }
        let declared = before.get(change.key.name.folded())?;
        let (path, key) = (&declared.path, &change.key);
        let (since, restore) = match &declared.until {
            Some(commit) => (format!("commit {commit}"), format!("{commit}~")),
            None => ("the last commit".to_owned(), "HEAD".to_owned()),
        };
        let message = match &declared.until {
            Some(_) => format!("{key} will be deleted: `{path}` declared it until {since}"),
            None => {
                format!("{key} will be deleted: `{path}` declares it in {since}, but no longer")
            }
        };
        Some(Diagnostic::warning(PRUNED.code, message).help(format!(
            "if that was a mistake, restore it: git checkout {restore} -- {path}"
        )))
    };
    pruned.iter().filter_map(warning).collect()
}

/// The files that declare resources of other environments, by resource.
fn declared_elsewhere(loaded: &Loaded) -> BTreeMap<ResourceKey, String> {
    let project = loaded.manifests.project.iter();
    let names = project.flat_map(|project| project.environments.keys());
    let own = loaded.manifests.environment.as_ref();
    let mut declared = BTreeMap::new();
    for name in names.filter(|name| Some(*name) != own) {
        let manifests = load(&loaded.root, Some(name)).0;
        for resource in &manifests.resources {
            let path = manifests.sources.path(resource.span.file);
            declared
                .entry(resource.key.clone())
                .or_insert_with(|| path.to_owned());
        }
    }
    declared
}

/// Options for splitting a plan into transactions.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(super) struct Cutting {
    /// Maximum number of writes in one transaction, instead of the project's `maxChangeset`
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1000))]
    max_changeset: Option<u16>,
}

impl Cutting {
    /// Maximum number of operations in one transaction.
    pub(super) fn most(self, loaded: &Loaded) -> usize {
        let project = loaded.manifests.project.as_ref();
        let of_project = project.map_or(200, |project| project.max_changeset);
        self.max_changeset.map_or(of_project, usize::from)
    }

    /// Number of transactions that a plan takes.
    pub(super) fn count(self, plan: &Plan, loaded: &Loaded, answers: &Answers) -> usize {
        let limits = Limits {
            operations: self.most(loaded),
            server_adds_parts: answers.tab_makes_parameters != Some(false),
            server_rewrites_parts: answers.rewrites_parameters(),
        };
        transactions(plan, limits).len()
    }
}

/// Collects warnings and everything that could not be planned, sorted by location.
pub(super) fn findings(loaded: &Loaded, compared: &Compared) -> Vec<Diagnostic> {
    let mut all = loaded.warnings.clone();
    all.extend(compared.diagnostics.iter().cloned());
    deskstate_model::sort_diagnostics(&mut all);
    all
}

/// Shows warnings and everything that could not be planned. Returns whether something could not be planned.
pub(super) fn report(loaded: &Loaded, compared: &Compared, ui: &mut Ui) -> bool {
    let all = findings(loaded, compared);
    if !all.is_empty() {
        ui.findings(&all, &loaded.manifests.sources);
    }
    for line in &compared.along {
        ui.say(format_args!("{line}"));
    }
    compared.unplannable
}

/// Reads a file that the user named.
pub(super) fn read_file(path: &Path, limit: Limit) -> Result<String, Error> {
    read_text(path, limit).map_err(|problem| Error::File {
        what: "could not read",
        path: path.to_owned(),
        source: problem.into(),
    })
}

/// Stops cleanly on the first Ctrl-C or SIGTERM (on Windows Ctrl-Break, a closed window or a shutdown): between requests, never inside a
/// transaction. The second signal ends the process as usual.
pub(super) fn stop_on_interrupt() -> Stop {
    let stop = Stop::new();
    let signal = stop.clone();
    tokio::spawn(async move {
        interrupted().await;
        signal.stop();
        interrupted().await;
        std::process::exit(ExitCode::Interrupted.number().into());
    });
    stop
}

#[cfg(unix)]
pub(super) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    // Without a handler for SIGTERM, only Ctrl-C is handled.
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

#[cfg(windows)]
pub(super) async fn interrupted() {
    use tokio::signal::windows::{ctrl_break, ctrl_close, ctrl_shutdown};
    // Build agents send Ctrl-C or Ctrl-Break. After a window is closed, Windows waits a few seconds before it ends the process.
    match (ctrl_break(), ctrl_close(), ctrl_shutdown()) {
        (Ok(mut halt), Ok(mut close), Ok(mut shutdown)) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = halt.recv() => {}
                _ = close.recv() => {}
                _ = shutdown.recv() => {}
            }
        }
        _ => drop(tokio::signal::ctrl_c().await),
    }
}
