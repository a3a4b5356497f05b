//! `apply`: plans, shows the plan, asks for confirmation, executes exactly that plan, and reads the result back.

use std::path::PathBuf;

use deskstate_dataverse::{Reader, Session};
use deskstate_files::{Limit, Total};
use deskstate_reconcile::blame::writers;
use deskstate_reconcile::live::Live;
use deskstate_reconcile::plan::{Plan, plan};
use deskstate_reconcile::plan_file::{self, PlanFile, Report};
use deskstate_reconcile::writes::writable as writable_of;

use super::carrying::{Carrying, tell_unfinished};
use super::judging::{Judging, refuse_denied};
use super::live::{Compared, Cutting, compare, read_file, report, stop_on_interrupt};
use crate::environment::{self, Access};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::journal::{self, Unfinished};
use crate::output::divergence::{Divergent, NotNeeded};
use crate::output::plain;
use crate::output::plan_text::{PlanText, Title};
use crate::paths::shown_path;
use crate::project::{load_environment, load_revision};
use crate::revision;
use crate::suggest::suggest;
use crate::ui::Ui;

/// Plans, asks for confirmation, executes the plan, and reads the result back
///
/// A transaction succeeds or fails as a whole. To complete an interrupted apply, run it again.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The environment
    #[arg(long, short, value_name = "NAME")]
    env: String,
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
    /// Revert only drift from the last applied manifests, without applying new changes; drift that `ignore` accepts stays
    #[arg(long, requires = "at")]
    only_drift: bool,
    /// Last applied git revision; `{env}` is replaced by the name of the environment, as in `deskstate/{env}`
    #[arg(long, value_name = "REF", requires = "only_drift")]
    at: Option<String>,
    /// Apply only what this saved plan contains; repeat the option to allow the changes of several plans
    #[arg(long, value_name = "PLAN")]
    reviewed: Vec<PathBuf>,
    #[command(flatten)]
    cutting: Cutting,
    #[command(flatten)]
    judging: Judging,
    #[command(flatten)]
    access: Access,
}

pub(crate) async fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let current = load_environment(global, &args.env, ui)?;
    let environment = current.environment()?;
    // The environment settings are current. With `--only-drift`, the declared state is that of the last applied revision.
    let applied = match &args.at {
        Some(at) => {
            let at = at.replace("{env}", &args.env);
            Some(load_revision(&current.root, &at, &args.env)?)
        }
        None => None,
    };
    let loaded = applied.as_ref().unwrap_or(&current);
    let mut reviewed = reviewed_plans(&args.reviewed, &args.env)?;
    let unfinished = tell_unfinished(loaded, &environment.name, ui)?;
    let stop = stop_on_interrupt();
    environment::with(
        &loaded.root,
        environment,
        &args.access,
        &stop,
        async |opened| {
            let session = Session::open(&opened.connection)?;
            let accepting = args.only_drift.then_some(&current.manifests);
            let reader = session.reader();
            let mut compared =
                compare(loaded, environment, reader, &args.judging, accepting, ui).await?;
            if report(loaded, &compared, ui) {
                return Err(Error::failed(
                    "not everything can be applied, so nothing was changed",
                ));
            }
            let revision = match &args.at {
                Some(at) => Some(at.replace("{env}", &args.env)),
                None => revision::describe(&loaded.root, [&loaded.manifests.sources]),
            };
            let writable = writable_of(&compared.plan, &compared.live, environment.writes);
            let reach = compared.reach_in_words();
            let shown = PlanText {
                plan: &compared.plan,
                sources: &loaded.manifests.sources,
                environment: &environment.name,
                address: &opened.address,
                revision: revision.as_deref(),
                transactions: Some(args.cutting.count(&writable, loaded, &opened.answers)),
                title: Title::of_plan(compared.options.only.is_some()),
                explain_wire: false,
                reach: &reach,
            };
            // Whoever has to confirm needs to see the plan, even with `--quiet`.
            ui.page(&if ui.is_quiet() && args.yes {
                shown.summary()
            } else {
                shown.page()
            })?;
            for accepted in &compared.accepted {
                let what = format!("{} {}", accepted.key, accepted.path);
                ui.line(format_args!(
                    "{} stays: accepted until {}: {}",
                    plain(what.trim_end()),
                    accepted.until,
                    plain(&accepted.reason)
                ))?;
            }
            let mut allowed = refuse_denied(&compared.findings);
            if allowed.is_ok() && !args.reviewed.is_empty() {
                let (live, reader) = (&compared.live, session.reader());
                let reviewed = std::mem::take(&mut reviewed);
                let paths = &args.reviewed;
                let plans = (&*writable, &compared.plan);
                allowed = as_reviewed(reviewed, paths, plans, live, &args.env, reader, ui).await;
            }
            if allowed.is_err() || writable.is_empty() {
                allowed?;
                compared.complete()?;
                if compared.plan.is_empty() {
                    forget(args, &unfinished, &compared);
                } else {
                    ui.line(format_args!(
                        "nothing of this may be written to {}",
                        environment.name
                    ))?;
                    ui.hint(BY_SOLUTION);
                }
                if args.only_drift {
                    compared.converged(&current, environment.writes)?;
                }
                return Ok(ExitCode::Done);
            }
            let question = format!("Apply this to {}?", environment.name);
            ui.agree(args.yes, "apply", &question, &stop).await?;
            let (writes, wanted) = (environment.writes, &compared.desired);
            let replan = |live: &Live| {
                let (plan, found) = plan(wanted, live, &compared.options);
                (writable_of(&plan, live, writes).into_owned(), found)
            };
            let carrying = Carrying {
                command: "apply",
                loaded,
                environment,
                answers: opened.answers,
                cutting: args.cutting,
                plan: &writable,
                desired: &compared.desired,
                scope: &compared.scope,
                replan: &replan,
            };
            let carried = carrying
                .run(&mut compared.live, &session, &stop, ui)
                .await?;
            let done = carrying.tell(carried, ui)?;
            forget(args, &unfinished, &compared);
            compared.complete()?;
            if args.only_drift {
                compared.converged(&current, environment.writes)?;
            }
            Ok(done)
        },
    )
    .await
}

/// The next step where `writes` of the environment leaves nothing to apply.
pub(super) const BY_SOLUTION: &str = "`writes` of the environment allows none of this: import the solution that contains the resources, or change `writes`";

/// Clears the records of interrupted runs if this run covered all resources of the current manifests.
fn forget(args: &Args, unfinished: &[Unfinished], compared: &Compared) {
    if compared.options.only.is_none() && !args.only_drift {
        journal::forget(unfinished);
    }
}

/// Reads the reviewed plans of an environment, before anything is sent.
fn reviewed_plans(paths: &[PathBuf], environment: &str) -> Result<Vec<PlanFile>, Error> {
    let mut reviewed = Vec::new();
    let mut total = Total::new(Limit::PLAN);
    for path in paths {
        let text = read_file(path, Limit::PLAN)?;
        total
            .count(text.len())
            .map_err(|problem| Error::failed(format!("the reviewed plans together: {problem}")))?;
        let mut file = plan_file::read(&text).map_err(|error| Error::Failed {
            message: format!("{}: {error}", shown_path(path)),
            hint: Some(error.help().to_owned()),
        })?;
        if file.environment != environment {
            return Err(Error::Refused {
                message: format!(
                    "{} is a plan for {}, not for {environment}",
                    shown_path(path),
                    plain(&file.environment)
                ),
                hint: Some(format!(
                    "save a plan with {}",
                    suggest("plan", &["--env", environment, "--out", "FILE"])
                )),
            });
        }
        // Only the changes are compared.
        file.report = Report::default();
        reviewed.push(file);
    }
    Ok(reviewed)
}

/// Refuses what is to be written, unless reviewed plans contain all of it, and shows the rest. The whole plan also has what only a solution may
/// write.
async fn as_reviewed(
    reviewed: Vec<PlanFile>,
    paths: &[PathBuf],
    (writable, whole): (&Plan, &Plan),
    live: &Live,
    environment: &str,
    reader: &Reader,
    ui: &mut Ui,
) -> Result<(), Error> {
    let mut compared = plan_file::compare(&reviewed, writable, live);
    // What only a solution may write is still needed.
    if !std::ptr::eq(writable, whole) {
        compared.not_needed = plan_file::compare(&reviewed, whole, live).not_needed;
    }
    drop(reviewed);
    ui.say_page(&NotNeeded(&compared.not_needed).page());
    if compared.divergences.is_empty() {
        return Ok(());
    }
    let ids = compared
        .divergences
        .iter()
        .filter_map(|divergence| divergence.last_write()?.by)
        .collect();
    let blame = writers(reader, live, &ids).await;
    for divergence in &compared.divergences {
        let shown = Divergent {
            divergence,
            plans: paths,
            blame: &blame,
        };
        ui.say_page(&shown.page());
    }
    let plans = match paths {
        [_] => "the reviewed plan does not contain",
        _ => "none of the reviewed plans contains",
    };
    Err(Error::Refused {
        message: format!("{plans} all of these changes, so nothing was changed"),
        hint: Some(format!(
            "save a new plan with {}, review it, and add `--reviewed FILE`",
            suggest("plan", &["--env", environment, "--out", "FILE"])
        )),
    })
}
