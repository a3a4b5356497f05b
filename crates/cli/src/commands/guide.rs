//! `guide`: the manifests as step-by-step instructions for the admin center.

use std::path::PathBuf;

use clap::ValueEnum;
use deskstate_model::ORGANIZATION_ID;

use super::choosing::Choosing;
use crate::door::GOOD;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::guide::guide;
use crate::kept::write_file;
use crate::output::{guide_markdown, html};
use crate::paths::shown_path;
use crate::project::load_for_reading;
use crate::ui::Ui;

/// Writes a step-by-step guide for setting everything up in the admin center. Contacts nobody
///
/// The guide uses the names of pages and boxes in the admin center, in an order that works. It marks values that the project's contracts
/// forbid to change. The HTML page is one self-contained file with pictures.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Use the overlays and variables of this environment [default: the base, without overlays]
    #[arg(long, short, value_name = "NAME")]
    env: Option<String>,
    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Markdown, value_name = "FORMAT")]
    format: Format,
    /// Write it here [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    choosing: Choosing,
}

/// How to write the guide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a repository or a wiki.
    #[value(alias = "md")]
    Markdown,
    /// A page with pictures.
    Html,
}

pub(crate) fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let mut loaded = load_for_reading(global, args.env.as_deref(), ui)?;
    args.choosing.narrow(&mut loaded.manifests, ui)?;
    let guide = guide(&loaded.manifests).ok_or_else(|| Error::Failed {
        message: "the manifests declare nothing to set up".to_owned(),
        hint: Some("declare resources, or select others".to_owned()),
    })?;
    let written = match args.format {
        Format::Markdown => guide_markdown::render(&guide),
        Format::Html => html::guide(&guide, &loaded.manifests),
    };
    if args.env.is_some() && written.contains(ORGANIZATION_ID) {
        ui.note(format_args!(
            "type the id of the organization for `{ORGANIZATION_ID}`, or add it to the environment in deskstate.yaml as `organizationId`"
        ));
    }
    match &args.out {
        None => ui.print(written)?,
        Some(path) => {
            write_file(path, &written)?;
            ui.verb(GOOD, "Wrote", shown_path(path));
        }
    }
    Ok(ExitCode::Done)
}
