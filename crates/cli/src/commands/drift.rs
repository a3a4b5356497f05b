//! `drift`: reports how the live environment differs from the manifests. Cannot write: it has only a reader.

mod all;
mod look;
mod shard;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use deskstate_dataverse::{Budget, Stop};

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
use crate::output::drift_next;
use crate::output::drift_report::{Outcome, Seen};
use crate::output::{
    drift_json, drift_junit, drift_markdown, drift_metrics, drift_text, html, markdown,
};
use crate::project::{self, load_environment};
use crate::revision;
use crate::setting;
use crate::suggest;
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
    #[arg(long, value_name = "I/N", requires = "all", conflicts_with = "env", value_parser = shard)]
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
    let informs = !args.notify.is_empty() || args.metrics.is_some();
    if informs && suggest::is_given("replay") {
        return Err(Error::Refused {
            message:
                "a recording does not show the current state of an environment, so notifications and metrics cannot use it"
                    .to_owned(),
            hint: Some("leave out `--notify` and `--metrics`, or `--replay`".to_owned()),
        });
    }
    let today = args.today.clone().unwrap_or_else(today::utc);
    let stop = stop_on_interrupt();
    let can_tell = telling::check(&args.notify, ui);
    let tells = can_tell.is_ok();
    let looked = match (can_tell, &args.env) {
        (Err(error), _) => Err(error),
        (Ok(()), Some(name)) => one(args, name, global, &today, &stop, ui)
            .await
            .map(|seen| vec![seen]),
        (Ok(()), None) => all(args, global, &today, &stop, ui).await,
    };
    if let Some(path) = &args.metrics {
        refuse_input(path)?;
    }
    let seen = match looked {
        Ok(seen) => seen,
        // Whoever stopped a run knows, and nothing was found out.
        Err(error) if stop.is_stopped() => return Err(error),
        Err(error) => {
            let failed = [Seen {
                environment: args.env.clone().unwrap_or_else(|| telling::ALL.to_owned()),
                looked: Err(chain(&error)),
            }];
            // Yesterday's numbers would suggest that the environment is still being watched.
            if let Some(path) = &args.metrics {
                write_file(path, &drift_metrics::render(&failed))?;
            }
            if tells {
                tell(args, &root, &failed, ui).await;
            }
            return Err(error);
        }
    };
    // The files of another revision are those of its commit.
    let looked = seen.iter().filter_map(|seen| seen.looked.as_ref().ok());
    let read = looked.filter(|_| args.at.is_none());
    let revision = revision::describe(&root, read.map(|looked| &looked.sources));
    if !args.choosing.is_everything() {
        ui.note(format_args!("only what was selected was compared"));
    }
    // A failed notification does not change the result.
    tokio::select! {
        () = tell(args, &root, &seen, ui) => {}
        () = stop.stopped() => {}
    }
    if stop.is_stopped() && !args.notify.is_empty() {
        return Err(Error::Failed {
            message: "stopped while notifications were being sent".to_owned(),
            hint: Some("the next run sends those that were not accepted".to_owned()),
        });
    }
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
        if let Some(env) = &args.env {
            let looked = seen.iter().filter_map(|seen| seen.looked.as_ref().ok());
            for next in looked.filter_map(|looked| drift_next::next(env, looked)) {
                ui.hint(next);
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

/// Notifies the requested channels.
async fn tell(args: &Args, root: &Path, seen: &[Seen], ui: &mut Ui) {
    if args.notify.is_empty() {
        return;
    }
    let (manifests, _) = deskstate_model::load_project(root);
    let project = manifests.project.map(|project| project.name.value);
    telling::tell(&args.notify, root, &project.unwrap_or_default(), seen, ui).await;
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
