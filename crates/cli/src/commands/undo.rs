//! `undo`: reverts an apply, using a plan like any other.

use std::path::{Path, PathBuf};

use deskstate_dataverse::Session;
use deskstate_files::Limit;
use deskstate_model::Diagnostic;
use deskstate_reconcile::live::Live;
use deskstate_reconcile::plan::SyncState;
use deskstate_reconcile::reach::{ChangeReach, Reached};
use deskstate_reconcile::review::{Review, review};
use deskstate_reconcile::writes::{held, writable};
use deskstate_reconcile::{Desired, Scope, reach, undo};

use super::carrying::{Carrying, tell_unfinished};
use super::judging::{self, Allowing, refuse_denied};
use super::live::{Cutting, read, read_file, solution, stop_on_interrupt};
use crate::environment::{self, Access};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::journal::{self, Unfinished};
use crate::output::plan_text::{PlanText, Title};
use crate::paths::from_here;
use crate::project::{self, Need, load_project_file};
use crate::suggest::suggest;
use crate::ui::Ui;

/// Reverts an apply using its undo file
///
/// Reverts the whole apply, and refuses to overwrite later changes by others. The manifests stay unchanged: change them too, or the next apply makes the same changes again.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The environment
    #[arg(long, short, value_name = "NAME")]
    env: String,
    /// The undo file whose path apply printed
    file: PathBuf,
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    cutting: Cutting,
    #[command(flatten)]
    allowing: Allowing,
    #[command(flatten)]
    access: Access,
}

pub(crate) async fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let loaded = load_project_file(global, &args.env, Need::Environment, ui)?;
    let environment = loaded.environment()?;
    let file = undo::read(&read_file(&args.file, Limit::UNDO)?)
        .map_err(|error| Error::failed(error.to_string()))?;
    if file.environment != environment.name {
        return Err(Error::Refused {
            message: format!(
                "the file is of the environment `{}`",
                file.environment.escape_debug()
            ),
            hint: Some(format!(
                "{} undoes that apply",
                suggest(
                    "undo",
                    &["--env", &file.environment, &from_here(&args.file)]
                )
            )),
        });
    }
    let unfinished = tell_unfinished(&loaded, &environment.name, ui)?;
    if unfinished
        .iter()
        .any(|run| run.running && run.is_of(&args.file))
    {
        return Err(Error::Refused {
            message: "the run that this file undoes is still going on".to_owned(),
            hint: Some("stop it with Ctrl-C, or wait for its end".to_owned()),
        });
    }
    // Whoever was killed could not limit the file to what was written.
    let file = match journal::made_by(&args.file) {
        Some(made) => file.only(&made),
        None => file,
    };
    let stop = stop_on_interrupt();
    environment::with(
        &loaded.root,
        environment,
        &args.access,
        &stop,
        async |opened| {
            let session = Session::open(&opened.connection)?;
            let desired = Desired::default();
            let scope = Scope {
                organization: environment.organization_id,
                solution: solution(&loaded, environment),
                // No manifest indicates which names will be shown.
                names: true,
                shown: file.shown(),
                ..Scope::default()
            };
            let mut live = read(session.reader(), &desired, &scope, &environment.name, ui).await?;
            let (mut plan, mut found) = undo::plan(&file, &live);
            let failed = found.iter().any(Diagnostic::is_error);
            let reach = reach(&plan, &desired, &live);
            let mut rules = args.allowing.rules(&loaded, environment)?;
            rules.be_of_an_undo();
            let Review {
                findings,
                unknown,
                accepted,
                unneeded: _,
            } = review(&plan, &desired, &live, &reach, &rules);
            plan.elsewhere.extend(unknown);
            found.extend(judging::diagnostics(&findings));
            if let Some(line) = project::accepted_warnings(accepted) {
                ui.note(line);
            }
            found.extend(loaded.warnings.iter().cloned());
            if !found.is_empty() {
                ui.findings(&found, &loaded.manifests.sources);
            }
            let words: Vec<Option<Reached>> = reach.changes.iter().map(ChangeReach::said).collect();
            let writable = writable(&plan, &live, environment.writes);
            let shown = PlanText {
                plan: &plan,
                sources: &loaded.manifests.sources,
                environment: &environment.name,
                address: &opened.address,
                revision: None,
                transactions: Some(args.cutting.count(&writable, &loaded, &opened.answers)),
                title: Title::Undo,
                explain_wire: false,
                reach: &words,
            };
            // Whoever has to confirm needs to see the plan, even with `--quiet`.
            ui.page(&if ui.is_quiet() && args.yes {
                shown.summary()
            } else {
                shown.page()
            })?;
            for line in &file.not_restored {
                ui.say(format_args!("not restored: {}", crate::output::plain(line)));
            }
            let allowed = if failed {
                Err(Error::Refused {
                    message: "not everything can be reverted, so nothing was changed".to_owned(),
                    hint: None,
                })
            } else if !held(&plan, &live, environment.writes).is_empty() {
                Err(Error::Refused {
                    message: "`writes` of the environment does not allow all of this, so nothing was changed".to_owned(),
                    hint: Some("an undo is made as a whole: change `writes` in deskstate.yaml, or restore the rest with a solution".to_owned()),
                })
            } else {
                refuse_denied(&findings)
            };
            if allowed.is_err() || writable.is_empty() {
                allowed?;
                if plan.is_empty() {
                    if plan.state() != SyncState::InSync {
                        return Err(Error::failed("nothing can be reverted"));
                    }
                    forget(unfinished, &args.file);
                }
                return Ok(ExitCode::Done);
            }
            let question = format!("Apply this to {}?", environment.name);
            ui.agree(args.yes, "undo", &question, &stop).await?;
            let rewrites = opened.answers.rewrites_parameters();
            let replan = |live: &Live| undo::rest(&file, &writable, live, rewrites);
            // An undo can be undone like any other apply.
            let carrying = Carrying {
                command: "undo",
                loaded: &loaded,
                environment,
                answers: opened.answers,
                cutting: args.cutting,
                plan: &writable,
                desired: &desired,
                scope: &scope,
                replan: &replan,
            };
            let carried = carrying.run(&mut live, &session, &stop, ui).await?;
            let done = carrying.tell(carried, ui)?;
            forget(unfinished, &args.file);
            Ok(done)
        },
    )
    .await
}

/// Clears the record of the reverted run, and those of interrupted undos.
fn forget(mut unfinished: Vec<Unfinished>, file: &Path) {
    unfinished.retain(|run| run.begun.command == "undo" || run.is_of(file));
    journal::forget(&unfinished);
}
