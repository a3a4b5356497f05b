//! `package list` and `package verify`.

use deskstate_model::{Diagnostic, Package, load};
use serde_json::Value;

use super::add::shown;
use super::{named, refuse_errors, shown_findings};
use crate::door::{DIM, GOOD, Page, STRONG, WARN};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::output::{count, plain};
use crate::project;
use crate::ui::Ui;

pub(super) fn list(global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let root = project::root(global)?;
    let (manifests, _) = load(&root, None);
    let project = manifests.project.as_ref().ok_or(Error::InvalidManifests)?;
    let mut page = Page::new();
    for used in &project.packages {
        let known = |one: &&Package| one.name.value == used.name.value;
        let from = match &used.from.value {
            Value::String(path) => path.clone(),
            other => other.to_string(),
        };
        let Some(package) = manifests.packages.iter().find(known) else {
            page.line(format_args!(
                "{STRONG}{}{STRONG:#}  {WARN}its files are missing{WARN:#}  {DIM}{}{DIM:#}",
                plain(&used.name.value),
                plain(&from)
            ));
            continue;
        };
        page.line(format_args!(
            "{STRONG}{}{STRONG:#} by {}  {DIM}{}{DIM:#}",
            plain(&named(package)),
            plain(&package.vendor),
            plain(&from)
        ));
        for parameter in &package.parameters {
            let given = used.value(&parameter.name.value);
            let value = match (given, parameter.default_value()) {
                (Some(value), _) => value.to_string(),
                (None, Some(value)) => format!("{value} (default)"),
                (None, None) => "no value".to_owned(),
            };
            page.line(format_args!(
                "  {} = {}  {DIM}{}: {}{DIM:#}",
                parameter.name.value,
                plain(&value),
                parameter.holds.as_str(),
                plain(&parameter.meaning)
            ));
        }
        for item in manifests.brings.get(&used.name.value).into_iter().flatten() {
            page.line(format_args!("  {}", plain(&shown(item))));
        }
    }
    for (name, items) in &manifests.lock.removed {
        page.line(format_args!(
            "{DIM}{}: {} no longer in the package, to be deleted{DIM:#}",
            plain(name),
            count(items.len(), "item")
        ));
    }
    ui.page(&page)?;
    if project.packages.is_empty() {
        ui.note("this project uses no packages");
    }
    Ok(ExitCode::Done)
}

pub(super) fn verify(global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let root = project::root(global)?;
    let (manifests, found) = load(&root, None);
    let project = manifests.project.as_ref().ok_or(Error::InvalidManifests)?;
    // If a package cannot be read, its findings may have any code.
    let all_read = manifests.packages.len() == project.packages.len();
    let is_about = |finding: &Diagnostic| !all_read || finding.code.starts_with("package-");
    let found: Vec<Diagnostic> = found.into_iter().filter(is_about).collect();
    shown_findings(&found, &manifests, ui);
    refuse_errors(&found)?;
    ui.line(format_args!(
        "{GOOD}unchanged{GOOD:#}: {}",
        count(project.packages.len(), "package")
    ))?;
    Ok(ExitCode::Done)
}
