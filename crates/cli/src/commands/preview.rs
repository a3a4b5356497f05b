//! `preview`: draws the agent's desktop from the manifests only.

use std::path::{Path, PathBuf};

use deskstate_model::ResourceKey;
use deskstate_reconcile::lower;
use deskstate_reconcile::selection::Selection;

use super::choosing::{self, Choosing};
use crate::browser;
use crate::door::GOOD;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::kept::{self, write_file};
use crate::output::html;
use crate::paths::{for_programs, shown_path};
use crate::project::load_for_reading;
use crate::ui::Ui;

/// Draws the agent's desktop from the manifests and opens it in a browser. Contacts nobody
///
/// The page is one self-contained file. Slugs have sample values, which you can edit on the page.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Use the overlays and variables of this environment [default: the base, without overlays]
    #[arg(long, short, value_name = "NAME")]
    env: Option<String>,
    /// Write the page here [default: .deskstate/preview.html in the project]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write the page without opening it
    #[arg(long)]
    no_open: bool,
    #[command(flatten)]
    choosing: Choosing,
}

pub(crate) fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let mut loaded = load_for_reading(global, args.env.as_deref(), ui)?;
    let selection = args
        .choosing
        .of(&loaded.manifests, &lower(&loaded.manifests))?;
    let focus = selection.as_ref().and_then(only_one);
    if let Some(selection) = &selection {
        choosing::say_along(&selection.needed, ui);
        // A single resource is drawn in the context of what it belongs to.
        if focus.is_none() {
            loaded.manifests = loaded.manifests.only(&selection.keys);
        }
    }
    let manifests = &loaded.manifests;
    let page = html::preview(
        manifests,
        focus.as_ref(),
        !args.no_open || args.out.is_none(),
    )
    .ok_or_else(|| Error::Failed {
        message: match &focus {
            Some(key) => format!("{key} shows on no desktop"),
            None => html::NOTHING_TO_DRAW.to_owned(),
        },
        hint: Some("`deskstate graph` shows the references between resources".to_owned()),
    })?;
    let path = match &args.out {
        Some(path) => path.clone(),
        None => kept::path(&loaded.root, &Path::new(kept::FOLDER).join("preview.html"))?,
    };
    write_file(&path, &page)?;
    ui.verb(GOOD, "Wrote", shown_path(&path));
    if !args.no_open && !for_programs(&path).is_ok_and(browser::open) {
        ui.note("no browser could be started; open the file yourself");
    }
    Ok(ExitCode::Done)
}

/// The selected resource, if there is exactly one.
fn only_one(selection: &Selection) -> Option<ResourceKey> {
    let mut chosen = selection.chosen.iter();
    let first = chosen.next()?;
    chosen.next().is_none().then(|| first.clone())
}
