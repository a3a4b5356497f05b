//! The global options. The doc comments are the help text.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use clap::{ArgAction, ValueEnum};
use deskstate_files::USUAL_MEMORY;

use crate::revision::WorkingTree;

/// The global options.
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
    #[arg(long, global = true, value_name = "MIB", env = "DESKSTATE_MEMORY", default_value_t = USUAL_MEMORY, value_parser = memory)]
    pub(crate) memory: u32,
    /// Results and errors only; plans are shown as numbers, unless you are asked to confirm one
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Verbose logging (`-vv` for trace)
    #[arg(long, short, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// What git says of the files of the project, as soon as somebody asks.
    #[arg(skip)]
    pub(crate) tree: Arc<Tree>,
}

/// What a run knows about the working tree of its project.
#[derive(Default)]
pub(crate) struct Tree(pub(crate) OnceLock<Option<WorkingTree>>);

impl fmt::Debug for Tree {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Tree")
    }
}

fn memory(text: &str) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|number| *number >= USUAL_MEMORY)
        .ok_or_else(|| format!("takes a number of MiB, at least {USUAL_MEMORY}"))
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
