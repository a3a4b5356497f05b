//! `preview`: the agent's desktop drawn from manifests alone.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use deskstate_model::{Kind, ResourceKey};

use crate::args::Global;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::output::html;
use crate::project::load_for_reading;
use crate::ui::{GOOD, Ui};

/// Draws the agent's desktop from the manifests and opens it in a browser. Sends nothing
///
/// The page is one file that needs nothing else. Slugs are filled with sample values, which can be edited on the page.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Kind of the one resource to draw, such as SessionTemplate [default: everything]
    #[arg(requires = "name")]
    kind: Option<String>,
    /// Its unique name
    name: Option<String>,
    /// As this environment sees them [default: the base, before overlays]
    #[arg(long, short, value_name = "NAME")]
    env: Option<String>,
    /// Write the page here [default: .deskstate/preview.html in the project]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write the page and do not open it
    #[arg(long)]
    no_open: bool,
}

pub(crate) fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let loaded = load_for_reading(global, args.env.as_deref(), ui)?;
    let manifests = &loaded.manifests;
    let focus = match (&args.kind, &args.name) {
        (Some(kind), Some(name)) => Some(declared(manifests, kind, name)?),
        _ => None,
    };
    let project = manifests
        .project
        .as_ref()
        .map_or("deskstate", |project| project.name.value.as_str());
    let page = html::preview(manifests, project, focus.as_ref()).ok_or_else(|| Error::Failed {
        message: match &focus {
            Some(key) => format!("{key} shows on no desktop"),
            None => {
                "no app profile, session template or notification template is declared".to_owned()
            }
        },
        hint: Some("`deskstate graph` shows how resources hang together".to_owned()),
    })?;
    let path = args
        .out
        .clone()
        .unwrap_or_else(|| loaded.root.join(".deskstate").join("preview.html"));
    write(&path, &page)?;
    ui.verb(GOOD, "Wrote", path.display());
    if !args.no_open && !open(&path) {
        ui.note("no browser could be started: open the file by hand");
    }
    Ok(ExitCode::Done)
}

/// The declared resource that is meant; the nearest names if there is none.
fn declared(
    manifests: &deskstate_model::Manifests,
    kind: &str,
    name: &str,
) -> Result<ResourceKey, Error> {
    let known = Kind::ALL
        .iter()
        .find(|known| known.as_str().eq_ignore_ascii_case(kind))
        .ok_or_else(|| Error::Failed {
            message: format!("there is no kind `{kind}`"),
            hint: Some(format!(
                "the kinds are: {}",
                Kind::ALL
                    .iter()
                    .map(|kind| kind.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
        })?;
    let key = ResourceKey::new(*known, name);
    if let Some(found) = manifests.find(&key) {
        return Ok(found.key.clone());
    }
    let others: Vec<&str> = manifests
        .resources
        .iter()
        .filter(|declared| declared.key.kind == *known)
        .map(|declared| declared.key.name.as_written())
        .collect();
    let hint = if others.is_empty() {
        format!("no {known} is declared")
    } else {
        format!("declared are: {}", others.join(", "))
    };
    Err(Error::Failed {
        message: format!("{key} is not declared"),
        hint: Some(hint),
    })
}

/// Writes a file, with the folders that it needs.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Error> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let written = folder
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(path, text));
    written.map_err(|source| Error::File {
        what: "could not write",
        path: path.to_path_buf(),
        source,
    })
}

/// Hands the file to whatever opens pages here; false if there is nothing.
fn open(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else {
        return false;
    };
    let program = if cfg!(target_os = "macos") {
        "open"
    } else if cfg!(windows) {
        "explorer"
    } else {
        "xdg-open"
    };
    let child = Command::new(program)
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    child.is_ok()
}
