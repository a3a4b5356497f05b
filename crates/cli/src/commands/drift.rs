//! `drift`: what live has that the manifests did not plan. Cannot write: it has a reader only.

use deskstate_dataverse::Reader;

use super::live::{compare, count_transactions, report, stop_on_interrupt};
use crate::args::Global;
use crate::environment::{self, Access};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::output::plan_text::PlanText;
use crate::project::load_environment;
use crate::revision;
use crate::ui::Ui;

/// Says where an environment differs from the manifests. Cannot write
///
/// Exit codes: 0 in sync, 2 drift, 1 if it could not be found out.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The environment
    #[arg(long, short, value_name = "NAME")]
    env: String,
    /// Show tables and columns beside the words of the manifest
    #[arg(long)]
    explain_wire: bool,
    #[command(flatten)]
    access: Access,
}

pub(crate) async fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let loaded = load_environment(global, &args.env, ui)?;
    let environment = loaded.environment()?;
    let stop = stop_on_interrupt();
    let opened = environment::open(&loaded.root, environment, &args.access, &stop).await?;
    let reader = Reader::open(&opened.connection)?;
    let compared = compare(&loaded, environment, &reader).await?;
    let failed = report(&loaded, &compared, ui);
    let revision = revision::describe(&loaded.root);
    ui.print(PlanText {
        plan: &compared.plan,
        sources: &loaded.manifests.sources,
        environment: &environment.name,
        address: &opened.address,
        revision: revision.as_deref(),
        transactions: count_transactions(&compared.plan, &loaded, &opened.answers),
        title: "Drift",
        explain_wire: args.explain_wire,
        reach: &[],
    })?;
    opened.close().await?;
    if failed {
        return Err(Error::failed("not everything could be compared"));
    }
    if compared.plan.is_empty() {
        return Ok(ExitCode::Done);
    }
    ui.hint(format_args!(
        "deskstate apply --env {} puts it back",
        args.env
    ));
    Ok(ExitCode::Differences)
}
