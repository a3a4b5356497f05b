//! The command line. The doc comments are the help text, so help and docs cannot disagree.

use clap::{Parser, Subcommand};

use crate::commands;
use crate::global::Global;

/// Keeps the agent desktop of Dynamics 365 Customer Service in git
///
/// Manifests in YAML define which app profiles, session templates, application tabs, notification templates and channel providers an
/// environment has, and who gets them. `plan` shows what would change, `apply` makes exactly those changes, `drift` reports manual changes.
#[derive(Debug, Parser)]
#[command(name = "deskstate", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The command to run.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(commands::init::Args),
    Validate(commands::validate::Args),
    Plan(commands::plan::Args),
    Show(commands::show::Args),
    Apply(commands::apply::Args),
    Undo(commands::undo::Args),
    Who(commands::who::Args),
    Drift(commands::drift::Args),
    Check(commands::check::Args),
    Export(commands::export::Args),
    Adopt(commands::adopt::Args),
    Diff(commands::diff::Args),
    Comment(commands::comment::Args),
    Doctor(commands::doctor::Args),
    Render(commands::render::Args),
    Explain(commands::explain::Args),
    Schema(commands::schema::Args),
    Kind(commands::kind::Args),
    Package(commands::package::Args),
    Preview(commands::preview::Args),
    Graph(commands::graph::Args),
    Guide(commands::guide::Args),
    Lsp(commands::lsp::Args),
    Mcp(commands::mcp::Args),
    Demo(commands::demo::Args),
    /// Runs a Dataverse Web API on loopback, for trials and tests
    Emulator(deskstate_emulator::Args),
    Completions(commands::shell::CompletionsArgs),
    Man(commands::shell::ManArgs),
}
