//! `apply`: plans, shows, asks, carries out the plan it just made, and reads back what was written.

use std::path::{Path, PathBuf};
use std::time::Duration;

use deskstate_dataverse::{Reader, Session};
use deskstate_model::{Diagnostic, Environment};
use deskstate_reconcile::apply::{Applied, ApplyError, Job, Settings};
use deskstate_reconcile::blame::writers;
use deskstate_reconcile::live::Live;
use deskstate_reconcile::plan::{Change, Difference, Plan};
use deskstate_reconcile::writes::writable;
use deskstate_reconcile::{observe_owners, plan_file, undo};

use super::judging::{Judging, refuse_denied};
use super::live::{Cutting, compare, read_file, report, stop_on_interrupt};
use super::progress::Progress;
use crate::args::Global;
use crate::environment::{self, Access};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::kept::{self, write_file};
use crate::output::divergence::{Divergent, NotNeeded};
use crate::output::plan_text::{PlanText, count};
use crate::output::sides::sides;
use crate::output::{plain, shown};
use crate::project::{Loaded, load_environment, load_revision};
use crate::revision;
use crate::ui::{BAD, GOOD, Ui};

/// Plans, shows the plan, asks, carries it out and reads it back
///
/// A transaction happens as a whole or not at all. What was interrupted is finished by running apply again.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The environment
    #[arg(long, short, value_name = "NAME")]
    env: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Put back what drifted from the manifests that were applied last, and nothing that is not applied yet; what `ignore` accepts stays
    #[arg(long, requires = "at")]
    only_drift: bool,
    /// The git revision that was applied last; `{env}` stands for the name of the environment, as in `deskstate/{env}`
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
    // The environment is today's; what it is to hold is what was applied last, where only drift is put back.
    let applied = match &args.at {
        Some(at) => {
            let at = at.replace("{env}", &args.env);
            Some(load_revision(&current.root, &at, &args.env)?)
        }
        None => None,
    };
    let loaded = applied.as_ref().unwrap_or(&current);
    let stop = stop_on_interrupt();
    let opened = environment::open(&loaded.root, environment, &args.access, &stop).await?;
    let session = Session::open(&opened.connection)?;
    let accepting = args.only_drift.then_some(&current.manifests);
    let reader = session.reader();
    let mut compared = compare(loaded, environment, reader, &args.judging, accepting, ui).await?;
    if report(loaded, &compared, ui) {
        opened.close().await?;
        return Err(Error::failed(
            "not everything can be carried out, so nothing was changed",
        ));
    }
    let revision = match &args.at {
        Some(at) => Some(at.replace("{env}", &args.env)),
        None => revision::describe(&loaded.root),
    };
    let writable = writable(&compared.plan, environment.writes);
    let reach = compared.reach_in_words();
    ui.page(PlanText {
        plan: &compared.plan,
        sources: &loaded.manifests.sources,
        environment: &environment.name,
        address: &opened.address,
        revision: revision.as_deref(),
        transactions: Some(args.cutting.count(&writable, loaded, &opened.answers)),
        title: "Plan",
        explain_wire: false,
        reach: &reach,
    })?;
    for accepted in &compared.accepted {
        let what = format!("{} {}", accepted.key, accepted.path);
        ui.page(format_args!(
            "{} stays: accepted until {}: {}\n",
            plain(what.trim_end()),
            accepted.until,
            plain(&accepted.reason)
        ))?;
    }
    let mut allowed = refuse_denied(&compared.findings);
    if allowed.is_ok() && !args.reviewed.is_empty() {
        let (live, reader) = (&compared.live, session.reader());
        allowed = as_reviewed(&args.reviewed, &writable, live, &args.env, reader, ui).await;
    }
    if allowed.is_err() || writable.is_empty() {
        opened.close().await?;
        return allowed.map(|()| ExitCode::Done);
    }
    let plan = &writable;
    if !args.yes && !agreed(&environment.name, ui)? {
        opened.close().await?;
        return Err(Error::Refused {
            message: "nothing was changed".to_owned(),
            hint: Some("`--yes` carries the plan out without asking".to_owned()),
        });
    }
    let settings = Settings {
        max_changeset: args.cutting.most(loaded),
        server_adds_parts: opened.answers.tab_makes_parameters,
        heeds_versions: opened.answers.if_match_in_changesets,
        solution: solution(loaded, environment),
        patience: Duration::from_secs(180),
    };
    observe_owners(session.reader(), plan, &mut compared.live).await?;
    let undo = undo_path(&loaded.root, plan, &compared.live, &environment.name)?;
    let record = undo::record(plan, &compared.live, &environment.name);
    if let Err(error) = write_file(&undo, &undo::write(&record)) {
        opened.close().await?;
        return Err(error);
    }
    let mut progress = Progress::new(plan, ui);
    let applied = deskstate_reconcile::apply(
        &Job {
            plan,
            desired: &compared.desired,
            options: &compared.options,
            settings: &settings,
            scope: &compared.scope,
        },
        &session,
        &|| stop.is_stopped(),
        &mut |event| progress.show(&event),
    )
    .await;
    progress.end();
    opened.close().await?;
    if let Err(error) = &applied {
        show_refused(error, plan, loaded, ui);
    }
    let applied = applied?;
    show_mismatches(&applied, ui)?;
    let rows = plan.changes.len();
    ui.verb(
        GOOD,
        "Verified",
        format_args!("{} read back as written", count(rows, "resource")),
    );
    ui.page(format_args!(
        "{} applied to {} in {}; undo with `deskstate undo --env {} {}`\nagents get this when they next sign in or reload\n",
        count(rows, "change"),
        environment.name,
        count(applied.transactions, "transaction"),
        environment.name,
        undo.strip_prefix(&loaded.root).unwrap_or(&undo).display(),
    ))?;
    Ok(ExitCode::Done)
}

/// Shows what the server stored in another way than it was written.
pub(super) fn show_mismatches(applied: &Applied, ui: &mut Ui) -> Result<(), Error> {
    if !applied.mismatches.is_empty() {
        for (key, field) in &applied.mismatches {
            let (stored, wanted) = match &field.difference {
                Difference::Value { before, after } => sides(before, after),
                Difference::Copy { after, .. } => ("something else".to_owned(), shown(after)),
                Difference::Added { member, .. } => ("not linked".to_owned(), plain(member)),
                Difference::Removed { member, .. } => ("still linked".to_owned(), plain(member)),
            };
            ui.say(&format!(
                "{BAD}error{BAD:#}: {key} {}: wrote {wanted}, the server stored {stored}\n",
                field.path
            ));
        }
        return Err(Error::failed(
            "the server did not store everything as it was written",
        ));
    }
    Ok(())
}

/// Shows which resource the server refused, and where it is declared.
fn show_refused(error: &ApplyError, plan: &Plan, loaded: &Loaded, ui: &mut Ui) {
    let ApplyError::Refused {
        operation: Some(operation),
        ..
    } = error
    else {
        return;
    };
    let refused = |change: &&Change| change.operations.contains(operation);
    if let Some(change) = plan.changes.iter().find(refused) {
        let message = format!("the server refused {}", change.key);
        let mut finding = Diagnostic::error("server-refused", message);
        if let Some(span) = change.declared_at {
            finding = finding.at(span, "declared here");
        }
        ui.findings(&[finding], &loaded.manifests.sources);
    }
}

/// Refuses a plan that does anything that no reviewed plan contains, and shows it.
async fn as_reviewed(
    paths: &[PathBuf],
    plan: &Plan,
    live: &Live,
    environment: &str,
    reader: &Reader,
    ui: &mut Ui,
) -> Result<(), Error> {
    let mut reviewed = Vec::new();
    for path in paths {
        reviewed.push(
            plan_file::read(&read_file(path)?).map_err(|error| Error::Failed {
                message: format!("{}: {error}", plain(&path.display().to_string())),
                hint: Some(error.help().to_owned()),
            })?,
        );
    }
    let compared = plan_file::compare(&reviewed, plan, live);
    ui.say(&NotNeeded(&compared.not_needed).to_string());
    if compared.divergences.is_empty() {
        return Ok(());
    }
    let ids = compared
        .divergences
        .iter()
        .filter_map(|divergence| divergence.last_write()?.by)
        .collect();
    let blame = writers(reader, live, &ids).await?;
    for divergence in &compared.divergences {
        let shown = Divergent {
            divergence,
            plans: paths,
            blame: &blame,
        };
        ui.say(&shown.to_string());
    }
    let plans = match paths {
        [_] => "the reviewed plan does not contain",
        _ => "none of the reviewed plans contains",
    };
    Err(Error::Refused {
        message: format!("{plans} all of these changes, so nothing was changed"),
        hint: Some(format!(
            "save a new plan with `deskstate plan --env {environment} --out FILE`, review it, and add `--reviewed FILE`"
        )),
    })
}

/// The solution in which new and changed components land.
pub(super) fn solution(loaded: &Loaded, environment: &Environment) -> Option<String> {
    let project = loaded.manifests.project.as_ref();
    let name = environment
        .solution
        .as_ref()
        .or(project?.solution.as_ref())?;
    Some(name.value.clone())
}

/// One file for each plan: the same plan again finds the same rows before it.
fn undo_path(root: &Path, plan: &Plan, live: &Live, environment: &str) -> Result<PathBuf, Error> {
    let digest = plan_file::digest(plan, live).to_string();
    let short: String = digest.chars().skip("sha256:".len()).take(12).collect();
    let folder = kept::path(root, &Path::new(kept::FOLDER).join("undo"))?;
    let free = |number: u32| {
        let number = if number == 1 {
            String::new()
        } else {
            format!("-{number}")
        };
        folder.join(format!("{environment}-{short}{number}.json"))
    };
    // A plan that was begun twice has two states before it; neither file may replace the other.
    Ok((1..)
        .map(free)
        .find(|path| !path.exists())
        .unwrap_or_else(|| free(1)))
}

pub(super) fn agreed(environment: &str, ui: &mut Ui) -> Result<bool, Error> {
    if !ui.is_interactive() {
        return Ok(false);
    }
    ui.confirm(&format!("Carry this out in {environment}?"))
}
