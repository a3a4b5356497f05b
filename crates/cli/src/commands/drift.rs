//! `drift`: reports how the live environment differs from the manifests. Cannot write: it has only a reader.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;
use deskstate_dataverse::{Budget, Reader, Spent, Stop};
use deskstate_files::Limit;
use deskstate_model::{Diagnostic, ResourceKey, SourceMap};
use deskstate_reconcile::check::needs_names;
use deskstate_reconcile::drift::{Applied, Class, Input, Report, owned_extras, owned_prefixes};
use deskstate_reconcile::plan::{Options, SyncState};
use deskstate_reconcile::reach::reach;
use deskstate_reconcile::{Narrow, Scope, blame, drift, lower, observe, plan};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};

use super::choosing::Choosing;
use super::live::stop_on_interrupt;
use super::telling;
use crate::environment::{self, Access, Opened};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::kept::{refuse_input, write_file};
use crate::notify::Channel;
use crate::output::drift_report::{Looked, Outcome, Seen};
use crate::output::{
    drift_json, drift_junit, drift_markdown, drift_metrics, drift_text, html, markdown,
};
use crate::project::{self, Loaded, load_environment};
use crate::revision;
use crate::setting;
use crate::specs::Specs;
use crate::suggest::suggest;
use crate::today;
use crate::ui::Ui;

/// Reports what differs from the manifests, who changed it, and what it breaks. Read-only
///
/// Exit codes: 0 in sync, 2 drift, 1 if something could not be read or compared. It also lists undeclared rows with owned prefixes; with
/// `drift: {undeclared: fail}` in the project file, they count as drift.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The environment
    #[arg(
        long,
        short,
        value_name = "NAME",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    env: Option<String>,
    /// Check every watched environment of the project; a failure does not stop the others
    #[arg(long)]
    all: bool,
    /// Check part I of N of the environments, for parallel jobs; `job/N` in an Indexed Job of Kubernetes
    #[arg(long, value_name = "I/N", requires = "all", value_parser = shard)]
    shard: Option<Shard>,
    /// Maximum number of environments to check at the same time; large ones are checked one by one
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    concurrency: u16,
    /// Last applied git revision; `{env}` is replaced by the name of the environment, as in `deskstate/{env}`
    #[arg(long, value_name = "REF")]
    at: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORM")]
    format: Format,
    /// Write numbers for Prometheus to a file
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// Notify a channel when drift appears, changes, ends or cannot be determined; repeat it for several
    #[arg(long, value_enum, value_name = "CHANNEL")]
    notify: Vec<Channel>,
    /// List all undeclared rows, not only the first few
    #[arg(long)]
    extras: bool,
    /// The date for the rules of `ignore` [default: today, UTC]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = today::day)]
    today: Option<String>,
    /// Also show the names of tables and columns
    #[arg(long)]
    explain_wire: bool,
    #[command(flatten)]
    choosing: Choosing,
    #[command(flatten)]
    access: Access,
}

/// The output format of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people at a terminal.
    Text,
    /// For a comment or an issue.
    Markdown,
    /// For programs.
    Json,
    /// For test reports: a suite for each environment, a case for each resource.
    Junit,
    /// A self-contained page, with the agent's screen as it is and as declared, or a matrix of the environments.
    Html,
}

/// One of N shares of the environments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard {
    number: usize,
    of: usize,
}

fn shard(text: &str) -> Result<Shard, String> {
    /// Set by Kubernetes in each pod of an Indexed Job, starting at 0.
    const INDEX: &str = "JOB_COMPLETION_INDEX";
    let index = || {
        let index: usize = setting::of(INDEX)?.parse().ok()?;
        index.checked_add(1)
    };
    let parts = text.split_once('/').and_then(|(number, of)| {
        let number = if number == "job" {
            index()
        } else {
            number.parse().ok()
        };
        Some((number?, of.parse().ok()?))
    });
    match parts {
        Some((number, of)) if (1..=of).contains(&number) => Ok(Shard { number, of }),
        _ => Err(format!(
            "write it as 2/8: a part from 1, and the number of parts; or job/8 where {INDEX} is set"
        )),
    }
}

impl Shard {
    /// Picks every N-th name, so that equal lists are split the same way everywhere.
    fn of_names(self, names: Vec<String>) -> Vec<String> {
        let mine = |at: &usize| at % self.of == self.number - 1;
        names
            .into_iter()
            .enumerate()
            .filter(|(at, _)| mine(at))
            .map(|(_, name)| name)
            .collect()
    }
}

/// Characters of a Markdown report that are left to the builds of `init --ci`, which add links and a fingerprint to an issue.
const ROOM_FOR_NOTES: usize = 1_000;

pub(crate) async fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let root = project::root(global)?;
    telling::check(&args.notify, ui)?;
    let today = args.today.clone().unwrap_or_else(today::utc);
    let revision = revision::describe(&root);
    let stop = stop_on_interrupt();
    let looked = match &args.env {
        Some(name) => match one(args, name, global, &today, &stop, ui).await {
            Ok(seen) => Ok(vec![seen]),
            Err(error) => Err((name.clone(), error)),
        },
        None => Ok(all(args, global, &today, &stop, ui).await?),
    };
    if let Some(path) = &args.metrics {
        refuse_input(path)?;
    }
    let seen = match looked {
        Ok(seen) => seen,
        Err((environment, error)) => {
            let failed = [Seen {
                environment,
                looked: Err(chain(&error)),
            }];
            // Yesterday's numbers would suggest that the environment is still being watched.
            if let Some(path) = &args.metrics {
                write_file(path, &drift_metrics::render(&failed))?;
            }
            tell(args, &root, &failed, ui).await;
            return Err(error);
        }
    };
    // A failed notification does not change the result.
    tell(args, &root, &seen, ui).await;
    // Written first, because the reader of the output may stop reading early.
    if let Some(path) = &args.metrics {
        write_file(path, &drift_metrics::render(&seen))?;
    }
    match args.format {
        Format::Text => ui.page(&drift_text::render(
            &seen,
            revision.as_deref(),
            args.all,
            args.extras,
            args.explain_wire,
        ))?,
        Format::Markdown => ui.print(drift_markdown::render(
            &seen,
            revision.as_deref(),
            markdown::limit_of_environment(setting::of) - ROOM_FOR_NOTES,
        ))?,
        Format::Json => ui.print(drift_json::render(&seen, revision.as_deref()))?,
        Format::Junit => ui.print(drift_junit::render(&seen))?,
        Format::Html => ui.print(html::drift(&seen, revision.as_deref()))?,
    }
    let any = |wanted: Outcome| seen.iter().any(|seen| seen.outcome() == wanted);
    if any(Outcome::Failed) || any(Outcome::Incomplete) {
        return match &args.env {
            Some(_) => Err(Error::failed("not everything could be compared")),
            None => Ok(ExitCode::Failed),
        };
    }
    if any(Outcome::Drift) {
        let is_drifted = |seen: &Seen| {
            let looked = seen.looked.as_ref();
            looked.is_ok_and(|looked| !looked.report.drifted.is_empty())
        };
        if let Some(env) = &args.env
            && seen.iter().any(is_drifted)
        {
            let back = match &args.at {
                // Changes that are not applied yet are not drift, but a full apply would apply them.
                Some(at) => suggest("apply", &["--env", env, "--only-drift", "--at", at]),
                None => suggest("apply", &["--env", env]),
            };
            if args.at.is_some() && nothing_drifted(&seen) {
                let apply = suggest("apply", &["--env", env]);
                ui.hint(format_args!("{apply} applies what is not applied yet"));
            } else {
                ui.hint(format_args!(
                    "{back} reverts it, {} copies it into the manifests, a rule under `ignore` accepts it",
                    suggest("adopt", &["--env", env])
                ));
            }
        }
        return Ok(ExitCode::Differences);
    }
    Ok(ExitCode::Done)
}

/// Notifies the requested channels.
async fn tell(args: &Args, root: &Path, seen: &[Seen], ui: &mut Ui) {
    if args.notify.is_empty() {
        return;
    }
    let (manifests, _) = deskstate_model::load_project(root);
    let project = manifests.project.map(|project| project.name.value);
    telling::tell(&args.notify, root, &project.unwrap_or_default(), seen, ui).await;
}

/// Whether every difference is a change that is not applied yet.
fn nothing_drifted(seen: &[Seen]) -> bool {
    seen.iter()
        .filter_map(|seen| seen.looked.as_ref().ok())
        .flat_map(|looked| &looked.report.drifted)
        .flat_map(|drifted| &drifted.differences)
        .all(|difference| difference.class == Class::NotApplied)
}

async fn one(
    args: &Args,
    name: &str,
    global: &Global,
    today: &str,
    stop: &Stop,
    ui: &mut Ui,
) -> Result<Seen, Error> {
    let loaded = load_environment(global, name, ui)?;
    let applied = applied(args, &loaded, name)?;
    args.choosing.keys(&loaded.manifests, ui)?;
    let only = only(&args.choosing, &loaded, applied.as_ref());
    ui.start_waiting("Reading", name);
    let how = How {
        access: &args.access,
        today,
        stop,
        draws: args.format == Format::Html,
        budget: Budget::of_process(),
    };
    let looked = look(&loaded, applied.as_ref(), only.as_ref(), &how).await;
    ui.end_bar();
    let looked = looked?;
    let mut findings = loaded.warnings.clone();
    findings.extend(looked.findings.iter().cloned());
    deskstate_model::sort_diagnostics(&mut findings);
    if !findings.is_empty() {
        ui.findings(&findings, &loaded.manifests.sources);
    }
    Ok(Seen {
        environment: name.to_owned(),
        looked: Ok(looked),
    })
}

/// Checks every environment, several at a time. Failures become part of the result.
async fn all(
    args: &Args,
    global: &Global,
    today: &str,
    stop: &Stop,
    ui: &mut Ui,
) -> Result<Vec<Seen>, Error> {
    if !args.choosing.is_everything() {
        let base = project::load_for_reading(global, None, ui)?;
        args.choosing.keys(&base.manifests, ui)?;
    }
    let fleet = project::fleet(global)?;
    if !fleet.unwatched.is_empty() {
        ui.note(format_args!(
            "not watched: {} (`watched: true` in the project file changes that)",
            fleet.unwatched.join(", ")
        ));
    }
    let names = fleet.watched;
    if names.is_empty() {
        return Err(Error::failed(
            "the project has no environment that is watched",
        ));
    }
    let names = match args.shard {
        Some(shard) => shard.of_names(names),
        None => names,
    };
    let side_by_side = SideBySide::new(args.concurrency, names.len(), fleet.bytes);
    let whole = Budget::of_process().part(2);
    let budget = whole.part(side_by_side.number.into());
    let turns = Arc::new(Semaphore::new(usize::from(side_by_side.number)));
    let mut running: JoinSet<(String, Result<Looked, Error>)> = JoinSet::new();
    let mut kept = Kept::default();
    for name in names {
        // Manifests are loaded only when it is their turn, so that no more of them are in memory than environments are being checked.
        let Ok(mut turn) = Arc::clone(&turns).acquire_owned().await else {
            break;
        };
        // A result takes less memory than a finished task.
        while let Some(done) = running.try_join_next() {
            kept.done(done)?;
        }
        let (applied, loaded) = match ready(args, global, &name, ui) {
            Ok(ready) => ready,
            Err(error) => {
                kept.fail(name, chain(&error));
                continue;
            }
        };
        let then = applied.as_ref().map_or(0, |(_, then)| size(then));
        if !side_by_side.fits(size(&loaded).saturating_add(then))
            && let Ok(others) = Arc::clone(&turns)
                .acquire_many_owned(u32::from(side_by_side.number) - 1)
                .await
        {
            turn.merge(others);
        }
        let only = only(&args.choosing, &loaded, applied.as_ref());
        let (access, today, stop) = (args.access.clone(), today.to_owned(), stop.clone());
        running.spawn(async move {
            let how = How {
                access: &access,
                today: &today,
                stop: &stop,
                draws: false,
                budget,
            };
            let looked = look(&loaded, applied.as_ref(), only.as_ref(), &how).await;
            drop((loaded, applied));
            drop(turn);
            (name, looked)
        });
    }
    ui.start_bar("Reading", running.len(), "environments");
    while let Some(done) = running.join_next().await {
        ui.advance_bar(1);
        kept.done(done)?;
    }
    // These environments exceeded their share of the memory. Checked one by one, each can use all of it.
    for name in std::mem::take(&mut kept.larger) {
        let how = How {
            access: &args.access,
            today,
            stop,
            draws: false,
            budget: whole,
        };
        match ready(args, global, &name, ui) {
            Ok((applied, loaded)) => {
                let only = only(&args.choosing, &loaded, applied.as_ref());
                let looked = look(&loaded, applied.as_ref(), only.as_ref(), &how).await;
                kept.keep(name, looked);
            }
            Err(error) => kept.fail(name, chain(&error)),
        }
    }
    ui.end_bar();
    let mut seen = kept.seen;
    seen.sort_by(|left, right| left.environment.cmp(&right.environment));
    Ok(seen)
}

/// The number of environments to check at a time, so that all of them fit into the memory limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SideBySide {
    number: u16,
}

impl SideBySide {
    /// Uses the requested number, unless the project is so large that several copies of its manifests would not fit.
    fn new(wanted: u16, environments: usize, bytes: u64) -> Self {
        let most = u16::try_from(environments).unwrap_or(u16::MAX).max(1);
        let wanted = Self {
            number: wanted.min(most),
        };
        if wanted.fits(bytes) {
            wanted
        } else {
            Self { number: 1 }
        }
    }

    /// Whether this many copies of the manifests fit.
    fn fits(self, bytes: u64) -> bool {
        bytes.saturating_mul(self.number.into()) <= Limit::COPIES.bytes()
    }
}

/// The results of the environments so far.
#[derive(Default)]
struct Kept {
    seen: Vec<Seen>,
    /// Environments that need more memory than their share.
    larger: Vec<String>,
    /// The manifests. They are the same for all environments unless a file changed meanwhile.
    sources: Option<SourceMap>,
    bytes: u64,
}

impl Kept {
    fn done(
        &mut self,
        done: Result<(String, Result<Looked, Error>), JoinError>,
    ) -> Result<(), Error> {
        let (name, looked) = done
            .map_err(|error| Error::failed(format!("reading an environment stopped: {error}")))?;
        let spent = looked.as_ref().err().and_then(Error::spent);
        if spent.is_some_and(Spent::is_about_memory) {
            self.larger.push(name);
        } else {
            self.keep(name, looked);
        }
        Ok(())
    }

    fn fail(&mut self, environment: String, why: String) {
        self.seen.push(Seen {
            environment,
            looked: Err(why),
        });
    }

    fn keep(&mut self, environment: String, looked: Result<Looked, Error>) {
        let mut looked = match looked {
            Ok(looked) => looked,
            Err(error) => return self.fail(environment, chain(&error)),
        };
        let sources = self.sources.get_or_insert_with(|| looked.sources.clone());
        if looked.sources == *sources {
            looked.sources = sources.clone();
        } else {
            self.bytes = self.bytes.saturating_add(looked.sources.bytes());
        }
        let seen = Seen {
            environment,
            looked: Ok(looked),
        };
        // The report needs about as much memory as its text.
        let length = drift_json::render(std::slice::from_ref(&seen), None).len();
        let bytes = self.bytes.saturating_add(length as u64);
        if bytes > Limit::REPORTS.bytes() {
            let one = suggest("drift", &["--env", &seen.environment]);
            let why = format!(
                "its report was dropped, because all reports together would exceed {}; {one} shows it alone",
                Limit::REPORTS
            );
            self.fail(seen.environment, why);
        } else {
            self.bytes = bytes;
            self.seen.push(seen);
        }
    }
}

/// Loads the manifests of one environment, and the last applied ones.
fn ready(
    args: &Args,
    global: &Global,
    name: &str,
    ui: &mut Ui,
) -> Result<(Option<(String, Loaded)>, Loaded), Error> {
    let loaded = load_environment(global, name, ui)?;
    Ok((applied(args, &loaded, name)?, loaded))
}

fn size(loaded: &Loaded) -> u64 {
    loaded.manifests.sources.bytes()
}

/// Formats an error with its causes on one line.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        let more = source.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = source.source();
    }
    text
}

/// Loads the manifests of the last applied revision, if one was given.
fn applied(
    args: &Args,
    loaded: &Loaded,
    environment: &str,
) -> Result<Option<(String, Loaded)>, Error> {
    let Some(named) = &args.at else {
        return Ok(None);
    };
    let named = named.replace("{env}", environment);
    let at_revision = project::load_revision(&loaded.root, &named, environment)?;
    Ok(Some((named, at_revision)))
}

/// The resources to check in one environment, selected from the current and the last applied manifests; `None` for everything.
pub(super) fn only(
    choosing: &Choosing,
    loaded: &Loaded,
    applied: Option<&(String, Loaded)>,
) -> Option<BTreeSet<ResourceKey>> {
    (!choosing.is_everything()).then(|| {
        let then = applied.map(|(_, then)| &then.manifests);
        std::iter::once(&loaded.manifests)
            .chain(then)
            .flat_map(|manifests| choosing.keys_of_some(manifests))
            .collect()
    })
}

/// How to check environments.
struct How<'a> {
    access: &'a Access,
    today: &'a str,
    stop: &'a Stop,
    /// Whether the agent's screen is drawn.
    draws: bool,
    /// The budget for requests to an environment.
    budget: Budget,
}

/// Reads one environment and reports.
async fn look(
    loaded: &Loaded,
    applied: Option<&(String, Loaded)>,
    only: Option<&BTreeSet<ResourceKey>>,
    how: &How<'_>,
) -> Result<Looked, Error> {
    let work = async |opened: Opened| {
        let reader = Reader::open(&opened.connection.budget(how.budget))?;
        let address = opened.address;
        look_with(
            &reader, address, loaded, applied, only, how.today, how.draws,
        )
        .await
    };
    let environment = loaded.environment()?;
    environment::with(&loaded.root, environment, how.access, how.stop, work).await
}

/// Like [`look`], but for an environment that is already open.
pub(super) async fn look_with(
    reader: &Reader,
    address: String,
    loaded: &Loaded,
    applied: Option<&(String, Loaded)>,
    only: Option<&BTreeSet<ResourceKey>>,
    today: &str,
    draws: bool,
) -> Result<Looked, Error> {
    let organization = loaded.environment()?.organization_id;
    let (report, findings, reaches, requests, picture) =
        read(loaded, applied, only, reader, organization, today, draws).await?;
    let points_nowhere = report.state() == SyncState::InSync
        && report.ignored.is_empty()
        && report.expired.is_empty()
        && findings.is_empty();
    Ok(Looked {
        address,
        // In a fleet, sources are kept only if a report points into them.
        sources: if points_nowhere {
            deskstate_model::SourceMap::default()
        } else {
            loaded.manifests.sources.clone()
        },
        report,
        findings,
        reaches,
        requests,
        picture,
    })
}

type Read = (
    Report,
    Vec<Diagnostic>,
    Vec<(ResourceKey, String)>,
    u64,
    Option<html::Picture>,
);

async fn read(
    loaded: &Loaded,
    applied: Option<&(String, Loaded)>,
    only: Option<&BTreeSet<ResourceKey>>,
    reader: &Reader,
    organization: Option<uuid::Uuid>,
    today: &str,
    draws: bool,
) -> Result<Read, Error> {
    let desired = lower(&loaded.manifests);
    let then = applied.map(|(revision, loaded)| (revision.as_str(), lower(&loaded.manifests)));
    // References of the earlier manifests are resolved too, so that both plans compare with the same live rows.
    let mut everything = desired.clone();
    if let Some((_, then)) = &then {
        for (key, resource) in &then.resources {
            everything
                .resources
                .entry(key.clone())
                .or_insert_with(|| resource.clone());
        }
    }
    let scope = Scope {
        names: needs_names(&loaded.manifests.contracts),
        organization,
        narrow: Narrow::of(
            &everything,
            &loaded.manifests.contracts,
            &owned_prefixes(&loaded.manifests),
        ),
        ..Scope::default()
    };
    let live = observe(reader, &everything, &scope).await?;
    let options = Options {
        only: only.cloned(),
        ..Options::default()
    };
    let (plan_now, findings) = plan(&desired, &live, &options);
    let before = then
        .as_ref()
        .map(|(revision, then)| (*revision, then, plan(then, &live, &options).0));
    let manifests = match only {
        Some(only) => Cow::Owned(loaded.manifests.only(only)),
        None => Cow::Borrowed(&loaded.manifests),
    };
    let extras = owned_extras(&manifests, &desired, &live);
    let blame = blame(reader, &live, &plan_now, &extras).await?;
    let report = drift(Input {
        manifests: &manifests,
        desired: &desired,
        live: &live,
        plan: &plan_now,
        applied: before.as_ref().map(|(revision, desired, plan)| Applied {
            revision,
            desired,
            plan,
        }),
        blame: &blame,
        today,
        only,
    });
    let reached = reach(&plan_now, &desired, &live);
    let reaches = plan_now
        .changes
        .iter()
        .zip(&reached.changes)
        .filter_map(|(change, reach)| Some((change.key.clone(), reach.words()?)))
        .collect();
    let picture =
        draws.then(|| html::Picture::of_drift(&manifests, &Specs::live(&live), &plan_now));
    Ok((report, findings, reaches, reader.requests(), picture))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_together_are_everything_and_no_environment_is_in_two() {
        let names: Vec<String> = (0..11).map(|number| format!("env{number}")).collect();
        let mut all: Vec<String> = (1..=4)
            .flat_map(|number| Shard { number, of: 4 }.of_names(names.clone()))
            .collect();
        all.sort_by_key(|name| names.iter().position(|known| known == name));
        assert_eq!(all, names);
        assert!(shard("0/4").is_err() && shard("5/4").is_err() && shard("x").is_err());
        assert_eq!(shard("2/8"), Ok(Shard { number: 2, of: 8 }));
    }

    #[test]
    fn large_projects_are_looked_at_one_environment_at_a_time() {
        let number = |environments, bytes| SideBySide::new(4, environments, bytes).number;
        assert_eq!(number(40, 100_000), 4);
        assert_eq!(number(2, 100_000), 2);
        assert_eq!(number(40, 10 << 20), 1);
        assert_eq!(number(0, 0), 1);
    }
}
