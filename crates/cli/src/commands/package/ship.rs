//! The vendor's commands: checking, building and exporting a package as a solution.

use deskstate_model::{lint_package, package_for_everybody};
use deskstate_reconcile::lower;
use deskstate_reconcile::solution::{About, write};
use serde_json::Map;

use super::add::parameters;
use super::change::described;
use super::{BuildArgs, LintArgs, SolutionArgs, named, refuse_errors, shown_findings};
use crate::door::{GOOD, WARN};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::output::{count, plain};
use crate::package::{archive, source};
use crate::paths::shown_path;
use crate::ui::Ui;

pub(super) fn build(args: &BuildArgs, ui: &mut Ui) -> Result<ExitCode, Error> {
    let files = source::folder(&args.folder)?;
    let (manifests, found) = lint_package(files.clone(), &Map::new());
    shown_findings(&found, &manifests, ui);
    refuse_errors(&found)?;
    let package = manifests.packages.first().ok_or(Error::InvalidManifests)?;
    let default = || format!("{}-{}.zip", package.name.value, package.version.value).into();
    let out = args.out.clone().unwrap_or_else(default);
    let bytes = archive::pack(&files)?;
    crate::kept::write_bytes(&out, &bytes)?;
    ui.verb(
        GOOD,
        "Wrote",
        format_args!("{} ({})", shown_path(&out), count(files.len() + 1, "file")),
    );
    ui.line(format_args!(
        "{}  {}",
        source::sha256(&bytes),
        shown_path(&out)
    ))?;
    Ok(ExitCode::Done)
}

pub(super) fn solution(args: &SolutionArgs, ui: &mut Ui) -> Result<ExitCode, Error> {
    let files = source::folder(&args.folder)?;
    let package = described(&files, ui)?;
    let values = parameters(&package, &args.parameters)?;
    let is_given = |name: &str| values.contains_key(name);
    let without = package
        .parameters
        .iter()
        .find(|one| one.default_value().is_none() && !is_given(&one.name.value));
    if let Some(parameter) = without {
        return Err(Error::Failed {
            message: format!("the parameter `{}` has no value", parameter.name.value),
            hint: Some("add `--param NAME=VALUE`".to_owned()),
        });
    }
    let (manifests, found) = lint_package(files.clone(), &values);
    shown_findings(&found, &manifests, ui);
    refuse_errors(&found)?;
    let manifests = package_for_everybody(files, &values);
    let name = package.name.value.replace('-', "_");
    let version = &package.version.value;
    let prefix = package.owns.first();
    let about = About {
        name: &name,
        version: &format!("{}.{}.{}.0", version.major, version.minor, version.patch),
        prefix: prefix.map_or(&name, |prefix| &prefix.value),
    };
    let written = write(&lower(&manifests), about);
    let texts = written.files.iter();
    let bytes = archive::zipped(texts.map(|(path, text)| (path.as_str(), text.clone())))?;
    let default = || format!("{}-{version}-solution.zip", package.name.value).into();
    let out = args.out.clone().unwrap_or_else(default);
    crate::kept::write_bytes(&out, &bytes)?;
    ui.verb(GOOD, "Wrote", shown_path(&out));
    for (key, what) in &written.left_out {
        ui.line(format_args!(
            "{WARN}not in the solution{WARN:#}: {} {}",
            plain(key),
            plain(what)
        ))?;
    }
    Ok(ExitCode::Done)
}

pub(super) fn lint(args: &LintArgs, ui: &mut Ui) -> Result<ExitCode, Error> {
    let files = source::folder(&args.folder)?;
    let (manifests, found) = lint_package(files, &Map::new());
    shown_findings(&found, &manifests, ui);
    refuse_errors(&found)?;
    let package = manifests.packages.first();
    ui.line(format_args!(
        "{GOOD}ok{GOOD:#}: {}, {}",
        package.map_or_else(String::new, named),
        count(manifests.resources.len(), "resource")
    ))?;
    Ok(ExitCode::Done)
}
