//! `package update`: shows the notes, the changes in the files, and the plans.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{PACKAGES_FOLDER, PROJECT_FILE, Package, load};

use super::UpdateArgs;
use super::add::locked;
use super::change::{Change, described, edited, project_text, source_of};
use super::named;
use super::remove::{in_use, tell_loss};
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
        None => used.clone(),
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
    };
    let old = manifests
        .packages
        .iter()
        .find(|one| one.name.value == args.name);
    let locked = locked(&package, from, &files);
    change.settle(&manifests.lock, Some(locked), ui)?;
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
