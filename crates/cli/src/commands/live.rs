//! What every command that looks at live does first: load, open, observe, plan.

use deskstate_dataverse::{Reader, Stop};
use deskstate_model::{Diagnostic, Environment};
use deskstate_reconcile::live::Live;
use deskstate_reconcile::plan::{Limits, Options, transactions};
use deskstate_reconcile::{Desired, Plan, Scope, lower, observe, plan};

use crate::answers::Answers;
use crate::error::Error;
use crate::output::diagnostics;
use crate::project::Loaded;
use crate::ui::Ui;

/// Manifests beside live, and the difference.
pub(super) struct Compared {
    /// What the manifests declare.
    pub(super) desired: Desired,
    /// What the environment has.
    pub(super) live: Live,
    /// How much was read.
    pub(super) scope: Scope,
    /// How it was planned.
    pub(super) options: Options,
    /// The difference.
    pub(super) plan: Plan,
    /// What cannot be planned, and warnings.
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// Reads live and plans. There is nothing here to write with.
pub(super) async fn compare(
    loaded: &Loaded,
    environment: &Environment,
    reader: &Reader,
) -> Result<Compared, Error> {
    let desired = lower(&loaded.manifests);
    let scope = Scope {
        organization: environment.organization_id,
        ..Scope::default()
    };
    let live = observe(reader, &desired, &scope).await?;
    let options = Options::default();
    let (plan, diagnostics) = plan(&desired, &live, &options);
    Ok(Compared {
        desired,
        live,
        scope,
        options,
        plan,
        diagnostics,
    })
}

/// How many transactions a plan takes.
pub(super) fn count_transactions(plan: &Plan, loaded: &Loaded, answers: &Answers) -> usize {
    let limits = Limits {
        operations: max_changeset(loaded),
        server_adds_parts: answers.tab_makes_parameters != Some(false),
    };
    transactions(plan, limits).len()
}

/// The most operations in one transaction.
pub(super) fn max_changeset(loaded: &Loaded) -> usize {
    loaded
        .manifests
        .project
        .as_ref()
        .map_or(200, |project| project.max_changeset)
}

/// Warnings and what could not be planned, by place.
pub(super) fn findings(loaded: &Loaded, compared: &Compared) -> Vec<Diagnostic> {
    let mut all = loaded.warnings.clone();
    all.extend(compared.diagnostics.iter().cloned());
    deskstate_model::sort_diagnostics(&mut all);
    all
}

/// Shows warnings and what could not be planned; true if something could not.
pub(super) fn report(loaded: &Loaded, compared: &Compared, ui: &mut Ui) -> bool {
    let all = findings(loaded, compared);
    if !all.is_empty() {
        ui.say(&diagnostics::render(
            &all,
            &loaded.manifests.sources,
            ui.colored(),
        ));
    }
    all.iter().any(Diagnostic::is_error)
}

/// The first Ctrl-C or SIGTERM stops where stopping is clean: between requests, never inside a transaction. The second ends the
/// process as usual.
pub(super) fn stop_on_interrupt() -> Stop {
    let stop = Stop::new();
    let signal = stop.clone();
    tokio::spawn(async move {
        interrupted().await;
        signal.stop();
        interrupted().await;
        std::process::exit(130);
    });
    stop
}

#[cfg(unix)]
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    // Without a handler for SIGTERM, Ctrl-C alone is heard.
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

#[cfg(not(unix))]
async fn interrupted() {
    drop(tokio::signal::ctrl_c().await);
}
