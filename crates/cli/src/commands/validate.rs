//! `validate`: offline checks of every environment's manifests.

use deskstate_model::load;

use crate::args::Global;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::output::{diagnostics, plan_text::count};
use crate::project;
use crate::ui::{GOOD, Ui};

/// Checks the manifests offline: shape, references, product rules, contracts. Sends nothing
///
/// All errors are shown at once, each with its place and a remedy. Exit codes: 0 valid, 3 invalid, 1 if it could not be found out.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only as this environment sees them [default: the base and every environment]
    #[arg(long, short, value_name = "NAME")]
    env: Option<String>,
}

pub(crate) fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let root = project::root(global)?;
    let (manifests, found) = load(&root, args.env.as_deref());
    if let (Some(name), Some(project)) = (&args.env, &manifests.project)
        && !project.environments.contains_key(name)
    {
        let known = project.environments.keys().cloned().collect();
        return Err(Error::NoEnvironment {
            name: name.clone(),
            known,
        });
    }
    if !found.is_empty() {
        ui.say(&diagnostics::render(
            &found,
            &manifests.sources,
            ui.colored(),
        ));
        ui.say(&diagnostics::summary(&found, ui.colored()));
    }
    if found.iter().any(deskstate_model::Diagnostic::is_error) {
        return Err(Error::InvalidManifests);
    }
    let environments = manifests
        .project
        .as_ref()
        .map_or(0, |project| project.environments.len());
    let for_whom = args
        .env
        .clone()
        .unwrap_or_else(|| count(environments, "environment"));
    ui.print(format_args!(
        "{GOOD}valid{GOOD:#}: {} for {for_whom}, {}\n",
        count(manifests.resources.len(), "resource"),
        count(manifests.contracts.len(), "contract"),
    ))?;
    Ok(ExitCode::Done)
}
