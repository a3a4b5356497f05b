//! `render`: prints the effective manifests of an environment, after overlays, variables and defaults. Sends nothing.

use deskstate_model::inert::escaped;
use deskstate_model::{Declared, Manifests, OutDocument, SourceMap, write_documents};

use super::choosing::Choosing;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::project::load_environment;
use crate::ui::Ui;

/// Prints the effective manifests of an environment: overlays merged, variables and defaults filled in
///
/// Prints valid manifests, with the location of each document's base. Contacts nobody, so the id of the organization stays a variable unless
/// deskstate.yaml contains it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The environment
    #[arg(long, short, value_name = "NAME")]
    env: String,
    #[command(flatten)]
    choosing: Choosing,
}

pub(crate) fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let mut loaded = load_environment(global, &args.env, ui)?;
    args.choosing.narrow(&mut loaded.manifests, ui)?;
    let Manifests {
        resources, sources, ..
    } = &loaded.manifests;
    let documents: Vec<OutDocument> = resources
        .iter()
        .map(|declared| document(declared, sources))
        .collect();
    ui.print(write_documents(&documents))?;
    Ok(ExitCode::Done)
}

fn document(declared: &Declared, sources: &SourceMap) -> OutDocument {
    let (line, _) = sources.line_column(declared.span);
    // A file name may contain line feeds, which would end the comment.
    let path = escaped(sources.path(declared.span.file));
    OutDocument::of(declared, Some(format!("{path}:{line}")))
}
