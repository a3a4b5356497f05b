//! `drift`: reports how the live environment differs from the manifests. Cannot write: it has only a reader.

mod all;
mod look;
mod shard;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use deskstate_dataverse::{Budget, Stop};
use deskstate_model::Writes;
use deskstate_reconcile::drift::{Class, DriftState, Drifted};

use self::all::all;
use self::all::chain;
use self::look::{How, applied, look};
pub(super) use self::look::{look_with, only};
use self::shard::{Shard, shard};
use super::choosing::Choosing;
use super::live::stop_on_interrupt;
use super::telling;
use crate::environment::Access;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::kept::{refuse_input, write_file};
use crate::notify::Channel;
use crate::output::drift_report::{Outcome, Seen};
use crate::output::{
    drift_json, drift_junit, drift_markdown, drift_metrics, drift_text, html, markdown,
};
use crate::project::{self, load_environment};
use crate::revision;
use crate::setting;
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

/// Characters of a Markdown report that are left to the builds of `init --ci`, which add links and a fingerprint to an issue.
const ROOM_FOR_NOTES: usize = 1_000;

pub(crate) async fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let root = project::root(global)?;
    if !args.choosing.is_everything() {
        refuse_for_a_part(args)?;
    }
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
    if !args.choosing.is_everything() {
        ui.note(format_args!("only what was selected was compared"));
    }
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
                let part = match writes_of(&root, env) {
                    Writes::All => "",
                    Writes::Assignments => " as far as `writes` of the environment allows",
                    Writes::None => " once `writes` of the environment allows it",
                };
                let adopt = match adoptable(&seen) {
                    Some(names) => {
                        let names = names.iter().map(String::as_str);
                        let arguments: Vec<&str> =
                            ["--env", env.as_str()].into_iter().chain(names).collect();
                        format!(
                            " {} copies it into the manifests,",
                            suggest("adopt", &arguments)
                        )
                    }
                    None => String::new(),
                };
                ui.hint(format_args!(
                    "{back} reverts it{part},{adopt} a rule under `ignore` accepts it"
                ));
            }
        }
        return Ok(ExitCode::Differences);
    }
    Ok(ExitCode::Done)
}

/// Receivers of messages and numbers take them for the whole environment: "in sync again" after a look at one profile would be untrue.
fn refuse_for_a_part(args: &Args) -> Result<(), Error> {
    let option = match (&args.notify[..], &args.metrics) {
        ([], None) => return Ok(()),
        ([], Some(_)) => "--metrics",
        _ => "--notify",
    };
    Err(Error::Refused {
        message: format!(
            "`{option}` tells about whole environments, and a part of one was selected"
        ),
        hint: Some(format!("leave out the selection, or `{option}`")),
    })
}

/// What may be written to an environment.
fn writes_of(root: &Path, environment: &str) -> Writes {
    let (manifests, _) = deskstate_model::load_project(root);
    let project = manifests.project.as_ref();
    project
        .and_then(|project| project.environments.get(environment))
        .map_or(Writes::All, |environment| environment.writes)
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

/// The resources that can be adopted, empty for all. `adopt` copies every difference of a resource, so those with changes that are not
/// applied yet are none; neither are rows that are missing or unwanted. `None` if no resource is left.
fn adoptable(seen: &[Seen]) -> Option<Vec<String>> {
    const NAMED: usize = 5;
    let looked = seen.iter().filter_map(|seen| seen.looked.as_ref().ok());
    let drifted: Vec<&Drifted> = looked.flat_map(|looked| &looked.report.drifted).collect();
    let can = |drifted: &&&Drifted| {
        let mut differences = drifted.differences.iter();
        drifted.state == DriftState::Changed
            && differences.all(|difference| difference.class != Class::NotApplied)
    };
    let names: Vec<String> = drifted
        .iter()
        .filter(can)
        .map(|drifted| format!("{}/{}", drifted.key.kind, drifted.key.name.as_written()))
        .collect();
    let pending = |drifted: &&Drifted| {
        let mut differences = drifted.differences.iter();
        differences.any(|difference| difference.class == Class::NotApplied)
    };
    match names.len() {
        0 => None,
        _ if !drifted.iter().any(pending) => Some(Vec::new()),
        1..=NAMED => Some(names),
        _ => None,
    }
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
