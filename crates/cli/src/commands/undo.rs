//! `undo`: takes an apply back, as a plan like any other.

use std::path::PathBuf;
use std::time::Duration;

use deskstate_dataverse::Session;
use deskstate_model::Diagnostic;
use deskstate_reconcile::apply::{Settings, Work, carry_out};
use deskstate_reconcile::live::Live;
use deskstate_reconcile::reach::{ChangeReach, Reached};
use deskstate_reconcile::writes::writable;
use deskstate_reconcile::{Desired, Scope, observe_owners, reach, undo};

use super::apply::{agreed, show_mismatches, solution};
use super::judging::{self, Judging, refuse_denied};
use super::live::{Cutting, read, read_file, stop_on_interrupt};
use super::progress::Progress;
use crate::args::Global;
use crate::environment::{self, Access};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::kept::write_file;
use crate::output::plan_text::{PlanText, count};
use crate::project::load_project_file;
use crate::ui::Ui;

/// Takes an apply back by the file that it left
///
/// What somebody changed since is refused. The manifests stay as they are: change them too, or the next apply does it again.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The environment
    #[arg(long, short, value_name = "NAME")]
    env: String,
    /// The file that apply named
    file: PathBuf,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    cutting: Cutting,
    #[command(flatten)]
    judging: Judging,
    #[command(flatten)]
    access: Access,
}

pub(crate) async fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let loaded = load_project_file(global, &args.env, ui)?;
    let environment = loaded.environment()?;
    let file =
        undo::read(&read_file(&args.file)?).map_err(|error| Error::failed(error.to_string()))?;
    if file.environment != environment.name {
        return Err(Error::Refused {
            message: format!(
                "the file is of the environment `{}`",
                file.environment.escape_debug()
            ),
            hint: None,
        });
    }
    let stop = stop_on_interrupt();
    let opened = environment::open(&loaded.root, environment, &args.access, &stop).await?;
    let session = Session::open(&opened.connection)?;
    let desired = Desired::default();
    let scope = Scope {
        organization: environment.organization_id,
        // No manifest says whose names will be shown.
        names: true,
        ..Scope::default()
    };
    let mut live = read(session.reader(), &desired, &scope, &environment.name, ui).await?;
    let (plan, mut found) = undo::plan(&file, &live);
    let failed = found.iter().any(Diagnostic::is_error);
    let reach = reach(&plan, &desired, &live);
    let findings = args
        .judging
        .review(&loaded, environment, &plan, &desired, &live, &reach);
    found.extend(judging::diagnostics(&findings));
    if !found.is_empty() {
        ui.findings(&found, &loaded.manifests.sources);
    }
    let words: Vec<Option<Reached>> = reach.changes.iter().map(ChangeReach::said).collect();
    let writable = writable(&plan, environment.writes);
    ui.page(PlanText {
        plan: &plan,
        sources: &loaded.manifests.sources,
        environment: &environment.name,
        address: &opened.address,
        revision: None,
        transactions: Some(args.cutting.count(&writable, &loaded, &opened.answers)),
        title: "Undo",
        explain_wire: false,
        reach: &words,
    })?;
    for line in &file.not_restored {
        ui.say(&format!("not restored: {}\n", crate::output::plain(line)));
    }
    let allowed = if failed {
        Err(Error::Refused {
            message: "not everything can be taken back, so nothing was changed".to_owned(),
            hint: None,
        })
    } else {
        refuse_denied(&findings)
    };
    if allowed.is_err() || writable.is_empty() {
        opened.close().await?;
        return allowed.map(|()| ExitCode::Done);
    }
    if !args.yes && !agreed(&environment.name, ui)? {
        opened.close().await?;
        return Err(Error::Refused {
            message: "nothing was changed".to_owned(),
            hint: Some("`--yes` carries it out without asking".to_owned()),
        });
    }
    let plan = writable;
    // An undo can be taken back like any other apply.
    observe_owners(session.reader(), &plan, &mut live).await?;
    let record = undo::record(&plan, &live, &environment.name);
    let again = args.file.with_extension("redo.json");
    if let Err(error) = write_file(&again, &undo::write(&record)) {
        opened.close().await?;
        return Err(error);
    }
    let settings = Settings {
        max_changeset: args.cutting.most(&loaded),
        server_adds_parts: opened.answers.tab_makes_parameters,
        heeds_versions: opened.answers.if_match_in_changesets,
        solution: solution(&loaded, environment),
        patience: Duration::from_secs(180),
    };
    let replan = |live: &Live| undo::plan(&file, live);
    let work = Work {
        plan: &plan,
        desired: &desired,
        settings: &settings,
        scope: &scope,
        replan: &replan,
    };
    let mut progress = Progress::new(&plan, ui);
    let undone = carry_out(&work, &session, &|| stop.is_stopped(), &mut |event| {
        progress.show(&event)
    })
    .await;
    progress.end();
    opened.close().await?;
    let undone = undone?;
    show_mismatches(&undone, ui)?;
    ui.page(format_args!(
        "{} taken back in {} in {}\nagents get this when they next sign in or reload\n",
        count(plan.changes.len(), "change"),
        environment.name,
        count(undone.transactions, "transaction"),
    ))?;
    Ok(ExitCode::Done)
}
