//! `render`: the effective manifests of an environment, after overlays, variables and defaults. Sends nothing.

use deskstate_model::{Declared, Kind, OutDocument, SourceMap, write_documents};

use crate::args::Global;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::project::load_environment;
use crate::ui::Ui;

/// Prints the effective manifests of an environment: overlays merged, variables and defaults filled in
///
/// The result is a valid file of manifests. Each document says where its base stands. Sends nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The environment
    #[arg(long, short, value_name = "NAME")]
    env: String,
    /// Only these: KIND or KIND/NAME
    #[arg(value_name = "KIND[/NAME]")]
    only: Vec<String>,
}

pub(crate) fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let loaded = load_environment(global, &args.env, ui)?;
    let manifests = &loaded.manifests;
    for only in &args.only {
        if !manifests
            .resources
            .iter()
            .any(|declared| is_chosen(declared, only))
        {
            return Err(Error::Failed {
                message: format!(
                    "no manifest of {} is called `{}`",
                    args.env,
                    crate::output::plain(only)
                ),
                hint: Some(format!(
                    "kinds: {}; a name as in `SessionTemplate/contoso_case`",
                    kinds()
                )),
            });
        }
    }
    let documents: Vec<OutDocument> = manifests
        .resources
        .iter()
        .filter(|declared| {
            args.only.is_empty() || args.only.iter().any(|only| is_chosen(declared, only))
        })
        .map(|declared| document(declared, &manifests.sources))
        .collect();
    ui.print(write_documents(&documents))?;
    Ok(ExitCode::Done)
}

fn kinds() -> String {
    Kind::ALL
        .iter()
        .map(|kind| kind.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

fn is_chosen(declared: &Declared, only: &str) -> bool {
    let (kind, name) = only
        .split_once('/')
        .map_or((only, None), |(kind, name)| (kind, Some(name)));
    declared.key.kind.as_str().eq_ignore_ascii_case(kind)
        && name.is_none_or(|name| declared.key.name.folded() == deskstate_model::fold(name))
}

fn document(declared: &Declared, sources: &SourceMap) -> OutDocument {
    let (line, _) = sources.line_column(declared.span);
    OutDocument {
        comment: Some(format!("{}:{line}", sources.path(declared.span.file))),
        kind: declared.key.kind,
        name: declared.key.name.as_written().to_owned(),
        labels: declared.labels.clone(),
        state: declared.state,
        spec: declared.spec.to_spec(),
    }
}
