//! `package add`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use deskstate_model::{
    Locked, Manifests, PACKAGES_FOLDER, PROJECT_FILE, Package, PackageFiles, PackageItem,
    ParameterType, load, package_digest,
};
use serde_json::{Map, Value};

use super::AddArgs;
use super::change::{Change, described, edited, source_of};
use super::named;
use crate::door::{GOOD, Page, STRONG};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::output::plain;
use crate::package::source;
use crate::paths::shown_path;
use crate::ui::Ui;
use crate::{project, suggest};

pub(super) async fn add(args: &AddArgs, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let root = project::root(global)?;
    let from = source_of(&args.from, &args.source, &root)?;
    let files = source::fetch(&from, &root).await?;
    let package = described(&files, ui)?;
    let name = package.name.value.clone();
    let (manifests, _) = load(&root, None);
    let used = manifests
        .project
        .iter()
        .flat_map(|project| &project.packages);
    if used.into_iter().any(|used| used.name.value == name) {
        return Err(Error::Refused {
            message: format!("the project already uses the package `{name}`"),
            hint: Some(format!(
                "{} replaces it by another version",
                suggest::suggest("package", &["update", &name, &args.from])
            )),
        });
    }
    let folder = root.join(PACKAGES_FOLDER).join(&name);
    if folder.symlink_metadata().is_ok() && !has_only_hidden(&folder) {
        return Err(Error::Refused {
            message: format!(
                "{} already exists; nothing was written",
                shown_path(&folder)
            ),
            hint: Some("rename or remove it: the files of the package go there".to_owned()),
        });
    }
    let mut entry = Map::new();
    entry.insert("from".to_owned(), from.clone());
    let parameters = parameters(&package, &args.parameters)?;
    if !parameters.is_empty() {
        entry.insert("parameters".to_owned(), Value::Object(parameters));
    }
    let text = edited(&root, |edits| {
        edits.set(0, &["spec", "packages", &name], &Value::Object(entry))
    })?;
    let mut change = Change {
        root,
        name: name.clone(),
        beside: BTreeMap::from([(PROJECT_FILE.to_owned(), text)]),
        before: BTreeMap::new(),
        files: Some(files.clone()),
    };
    let locked = locked(&package, from, &files);
    let after = change.settle(&manifests, Some(locked), ui)?;
    change.write()?;
    ui.verb(GOOD, "Added", named(&package));
    describe(&package, &after, ui)?;
    change.show_plans(&args.showing, ui).await?;
    Ok(ExitCode::Done)
}

pub(super) fn locked(package: &Package, from: Value, files: &PackageFiles) -> Locked {
    Locked {
        version: package.version.value.to_string(),
        from,
        digest: package_digest(files),
        brings: BTreeSet::new(),
    }
}

/// Prints who ships a package, and what it contains.
pub(super) fn describe(package: &Package, after: &Manifests, ui: &mut Ui) -> Result<(), Error> {
    let mut page = Page::new();
    let license = package.license.as_deref().unwrap_or("no license");
    page.line(format_args!(
        "{STRONG}{}{STRONG:#} by {}, {}",
        plain(&named(package)),
        plain(&package.vendor),
        plain(license)
    ));
    if let Some(text) = &package.description {
        page.line(format_args!("{}", plain(text)));
    }
    let brings = after.brings.get(&package.name.value);
    for item in brings.into_iter().flatten() {
        page.line(format_args!("  {}", plain(&shown(item))));
    }
    ui.page(&page)
}

pub(super) fn shown(item: &PackageItem) -> String {
    match &item.member {
        None => format!("{} {}", item.kind, item.name),
        Some((field, member)) => {
            format!("{member} in `{field}` of {} {}", item.kind, item.name)
        }
    }
}

/// Parses parameter values from the command line, by the types that the package declares.
pub(super) fn parameters(
    package: &Package,
    written: &[String],
) -> Result<Map<String, Value>, Error> {
    let mut values = Map::new();
    for pair in written {
        let bad = |why: String| Error::Failed {
            message: format!("`--param {}`: {why}", plain(pair)),
            hint: Some("write `--param NAME=VALUE`".to_owned()),
        };
        let (name, text) = pair
            .split_once('=')
            .ok_or_else(|| bad("there is no `=`".to_owned()))?;
        let known = package.parameters.iter().find(|one| one.name.value == name);
        // An undeclared parameter is reported with the project.
        let holds = known.map_or(ParameterType::Text, |one| one.holds);
        let value = match holds {
            _ if text.starts_with("${{") => Some(text.into()),
            ParameterType::Text => Some(text.into()),
            ParameterType::Number => text.parse::<i64>().ok().map(Value::from),
            ParameterType::Flag => text.parse::<bool>().ok().map(Value::from),
            ParameterType::List => Some(text.split(',').map(str::trim).collect()),
        };
        let value = value.ok_or_else(|| bad(format!("the parameter is a {}", holds.as_str())))?;
        values.insert(name.to_owned(), value);
    }
    Ok(values)
}

/// Whether a folder has nothing but hidden files, which a removed package left.
fn has_only_hidden(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut entries = entries.map(|entry| (entry.file_name(), entry.path()));
    folder.is_dir()
        && !folder.is_symlink()
        && entries
            .all(|(name, path)| name.to_string_lossy().starts_with('.') || has_only_hidden(&path))
}
