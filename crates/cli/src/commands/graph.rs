//! `graph`: draws which resources refer to which.

use std::path::PathBuf;

use clap::ValueEnum;

use super::choosing::Choosing;
use crate::door::GOOD;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::graph::{Embedding, dot, graph, mermaid, svg};
use crate::kept::write_file;
use crate::paths::shown_path;
use crate::project::load_for_reading;
use crate::ui::Ui;

/// Draws the references between resources. Contacts nobody
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Use the overlays and variables of this environment [default: the base, without overlays]
    #[arg(long, short, value_name = "NAME")]
    env: Option<String>,
    /// How to draw it
    #[arg(long, value_enum, default_value_t = Format::Mermaid, value_name = "FORMAT")]
    format: Format,
    /// Write it here [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    choosing: Choosing,
}

/// How to draw the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A Mermaid flowchart, for Markdown.
    Mermaid,
    /// DOT, for Graphviz.
    Dot,
    /// A picture.
    Svg,
}

pub(crate) fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let mut loaded = load_for_reading(global, args.env.as_deref(), ui)?;
    args.choosing.narrow(&mut loaded.manifests, ui)?;
    let graph = graph(&loaded.manifests, None);
    let drawn = match args.format {
        Format::Mermaid => mermaid(&graph),
        Format::Dot => dot(&graph),
        Format::Svg => format!("{}\n", svg(&graph, Embedding::File)),
    };
    match &args.out {
        None => ui.print(drawn)?,
        Some(path) => {
            write_file(path, &drawn)?;
            ui.verb(GOOD, "Wrote", shown_path(path));
        }
    }
    Ok(ExitCode::Done)
}
