//! The command line. Doc comments are the help, so help and docs cannot disagree.

use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};
use deskstate_files::USUAL_MEMORY;

use crate::commands;

/// Keeps the agent desktop of Dynamics 365 Customer Service in git
///
/// Manifests in YAML say which app profiles, session templates, application tabs, notification templates and channel providers an
/// environment has, and who gets them. `plan` shows what would change, `apply` carries out exactly that, `drift` says what somebody
/// changed by hand.
#[derive(Debug, Parser)]
#[command(name = "deskstate", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The project's folder: the one with `deskstate.yaml` [default: here or the nearest above]
    #[arg(long, short = 'C', global = true, value_name = "DIR")]
    pub(crate) project: Option<PathBuf>,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN", hide_possible_values = true)]
    pub(crate) color: Color,
    /// Memory that deskstate may use; larger projects and environments need more
    #[arg(long, global = true, value_name = "MIB", env = "DESKSTATE_MEMORY", default_value_t = USUAL_MEMORY, value_parser = clap::value_parser!(u32).range(i64::from(USUAL_MEMORY)..))]
    pub(crate) memory: u32,
    /// Results and errors only; plans are shown as numbers, unless you are asked to confirm one
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Say more on stderr; twice for everything
    #[arg(long, short, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(commands::init::Args),
    Validate(commands::validate::Args),
    Plan(commands::plan::Args),
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
    Preview(commands::preview::Args),
    Graph(commands::graph::Args),
    Demo(commands::demo::Args),
    /// Runs a Dataverse Web API on loopback, for trying things out
    Emulator(deskstate_emulator::Args),
    Completions(commands::shell::CompletionsArgs),
    Man(commands::shell::ManArgs),
}
