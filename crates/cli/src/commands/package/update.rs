//! `package update`: shows the notes, the changes in the files, and the plans.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use deskstate_model::{PACKAGES_FOLDER, PROJECT_FILE, Package, load};
use serde_json::Value;

use super::add::locked;
use super::change::{Change, described, edited, project_text, source_of};
use super::named;
use super::remove::{in_use, tell_loss};
use super::{From, UpdateArgs};
use crate::commands::adopt::patch_of_file;
use crate::door::{DIM, GOOD, Page, STRONG};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::output::plain;
use crate::package::source;
use crate::project;
use crate::ui::Ui;

pub(super) async fn update(
    args: &UpdateArgs,
    global: &Global,
    ui: &mut Ui,
) -> Result<ExitCode, Error> {
    let root = project::root(global)?;
    let (manifests, _) = load(&root, None);
    let used = in_use(&manifests, &args.name)?;
    let from = match &args.from {
        Some(written) => source_of(written, &args.source, &root)?,
        None => used_again(&used, &args.source, &root)?,
    };
    let files = source::fetch(&from, &root).await?;
    let package = described(&files, ui)?;
    if package.name.value != args.name {
        return Err(Error::Refused {
            message: format!(
                "this is the package `{}`, not `{}`; nothing was written",
                plain(&package.name.value),
                plain(&args.name)
            ),
            hint: Some("name the source of the right package".to_owned()),
        });
    }
    let text = match from == used {
        true => project_text(&root)?,
        false => edited(&root, |edits| {
            edits.set(0, &["spec", "packages", &args.name, "from"], &from)
        })?,
    };
    let before = source::folder(&root.join(PACKAGES_FOLDER).join(&args.name)).unwrap_or_default();
    let mut change = Change {
        root,
        name: args.name.clone(),
        files: Some(files.clone()),
        beside: BTreeMap::from([(PROJECT_FILE.to_owned(), text)]),
        before: BTreeMap::new(),
    };
    let old = manifests
        .packages
        .iter()
        .find(|one| one.name.value == args.name);
    let locked = locked(&package, from, &files);
    change.settle(&manifests, Some(locked), ui)?;
    versions(old, &package, ui)?;
    tell_loss(&change, ui);
    let paths: BTreeSet<&String> = before.keys().chain(files.keys()).collect();
    let folder = change.folder();
    let mut patch = String::new();
    for path in paths {
        let (old, new) = (before.get(path), files.get(path));
        if old != new {
            let new = new.map(String::as_str).unwrap_or_default();
            patch.push_str(&patch_of_file(
                &format!("{folder}/{path}"),
                old.map(String::as_str),
                new,
            ));
        }
    }
    ui.print(patch)?;
    if args.dry_run {
        ui.note("nothing was written");
    } else {
        change.write()?;
        ui.verb(GOOD, "Updated", named(&package));
    }
    change.show_plans(&args.showing, ui).await?;
    Ok(ExitCode::Done)
}

/// The source of the project file, with the checksum or commit that the command line names.
fn used_again(used: &Value, given: &From, root: &Path) -> Result<Value, Error> {
    let text = |word: &str| used.get(word).and_then(Value::as_str);
    let (written, kind) = match (text("git"), text("https"), used.as_str()) {
        (Some(git), ..) => (git.to_owned(), "a git repository"),
        (_, Some(https), _) => (https.to_owned(), "an https address"),
        (.., Some(path)) => (root.join(path).to_string_lossy().into_owned(), "a file"),
        _ => return Ok(used.clone()),
    };
    let fits = match (&given.commit, &given.sha256) {
        (None, None) => return Ok(used.clone()),
        (Some(_), _) => text("git").is_some(),
        (None, Some(_)) => text("git").is_none(),
    };
    if !fits {
        return Err(Error::Refused {
            message: format!(
                "the package comes from {kind}, which has no such option; nothing was written"
            ),
            hint: Some(
                "`--commit` is for a git repository, `--sha256` for an archive: name the new source"
                    .to_owned(),
            ),
        });
    }
    let given = From {
        sha256: given.sha256.clone(),
        commit: given.commit.clone(),
        path: given.path.clone().or(text("path").map(str::to_owned)),
    };
    let from = source_of(&written, &given, root)?;
    // The checksum of a file was compared; the project file names the file as before.
    Ok(if used.is_string() { used.clone() } else { from })
}

/// Prints the old and the new version, and the notes of all versions in between.
pub(super) fn versions(old: Option<&Package>, new: &Package, ui: &mut Ui) -> Result<(), Error> {
    let mut page = Page::new();
    let version = &new.version.value;
    let Some(old) = old else {
        return ui.line(format_args!("{}", plain(&named(new))));
    };
    let from = &old.version.value;
    let (word, range, of) = match from.cmp(version) {
        std::cmp::Ordering::Less => ("update", (from, version), new),
        std::cmp::Ordering::Equal => ("same version", (from, version), new),
        std::cmp::Ordering::Greater => ("downgrade", (version, from), old),
    };
    page.line(format_args!(
        "{STRONG}{}{STRONG:#}: {from} -> {version} ({word})",
        plain(&new.name.value)
    ));
    let notes = of
        .notes
        .iter()
        .filter(|(at, _)| **at > *range.0 && **at <= *range.1);
    for (at, note) in notes {
        let prefix = if word == "downgrade" { "without " } else { "" };
        page.line(format_args!("{DIM}{prefix}{at}{DIM:#}"));
        for line in note.lines() {
            page.line(format_args!("  {}", plain(line)));
        }
    }
    ui.page(&page)
}
