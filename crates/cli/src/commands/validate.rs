//! `validate`: offline checks of every environment's manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use deskstate_model::{Declared, Diagnostic, FileId, Manifests, ResourceKey, Span, load};

use super::choosing::Choosing;
use crate::door::GOOD;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::output::format::FindingsFormat;
use crate::output::places::Places;
use crate::output::{annotations, count, diagnostics_json, sarif};
use crate::project;
use crate::revision;
use crate::setting;
use crate::ui::Ui;

/// Checks the manifests offline: shape, references, product rules, contracts
///
/// Reports all errors at once, each with its location and a fix. Exit codes: 0 valid, 3 invalid, 1 if the project could not be read.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Check only this environment [default: the base and every environment]
    #[arg(long, short, value_name = "NAME")]
    env: Option<String>,
    /// How to print the findings [default: github or azure in their builds, else text]
    #[arg(long, value_enum, value_name = "FORM")]
    format: Option<FindingsFormat>,
    /// Omit warnings that this git revision has too
    #[arg(long, value_name = "REVISION")]
    baseline: Option<String>,
    #[command(flatten)]
    choosing: Choosing,
}

pub(crate) fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let root = project::root(global)?;
    let (mut manifests, mut found) = project::load_whole(&root, args.env.as_deref(), &global.tree);
    if let (Some(name), Some(project)) = (&args.env, &manifests.project)
        && !project.environments.contains_key(name)
    {
        let known = project.environments.keys().cloned().collect();
        return Err(Error::NoEnvironment {
            name: name.clone(),
            known,
        });
    }
    let chosen = args.choosing.keys(&manifests, ui)?;
    // An accepted warning may be in a file that could not be read.
    let is_read = !found.iter().any(Diagnostic::is_error);
    let is_whole = args.env.is_none() && chosen.is_none() && is_read;
    let aside = project::set_aside(&manifests, found, is_whole);
    found = aside.left;
    if let Some(line) = project::accepted_warnings(aside.accepted) {
        ui.note(line);
    }
    if let Some(keys) = chosen {
        let others = leave_out_others(&manifests, &keys, &mut found);
        if others > 0 {
            ui.note(format_args!(
                "{} about other resources not shown",
                count(others, "finding")
            ));
        }
        manifests
            .resources
            .retain(|declared| keys.contains(&declared.key));
    }
    if let Some(revision) = &args.baseline {
        let (then, known) = load_then(&root, revision, args.env.as_deref())?;
        let old = leave_out_known(&manifests, &mut found, &then, &known);
        if old > 0 {
            ui.note(format_args!(
                "{} not shown, because {revision} has {} too",
                count(old, "warning"),
                if old == 1 { "it" } else { "them" },
            ));
        }
    }
    let format = args
        .format
        .unwrap_or_else(|| FindingsFormat::of_environment(setting::of));
    if format != FindingsFormat::Text {
        let prefix = revision::folder_in_repository(&root).unwrap_or_default();
        let places = Places {
            sources: &manifests.sources,
            prefix: &prefix,
        };
        report(&found, format, &places, ui)?;
    }
    let for_programs = matches!(format, FindingsFormat::Json | FindingsFormat::Sarif);
    if !found.is_empty() && !for_programs {
        ui.findings(&found, &manifests.sources);
        ui.count_findings(&found);
    }
    if found.iter().any(Diagnostic::is_error) {
        return Err(Error::InvalidManifests);
    }
    if format != FindingsFormat::Text {
        return Ok(ExitCode::Done);
    }
    let environments = manifests
        .project
        .as_ref()
        .map_or(0, |project| project.environments.len());
    let for_whom = args
        .env
        .clone()
        .unwrap_or_else(|| count(environments, "environment"));
    ui.print(format_args!(
        "{GOOD}valid{GOOD:#}: {} for {for_whom}, {}\n",
        count(manifests.resources.len(), "resource"),
        count(manifests.contracts.len(), "contract"),
    ))?;
    Ok(ExitCode::Done)
}

/// Removes findings that are only about documents of other resources, and returns their number.
fn leave_out_others(
    manifests: &Manifests,
    keys: &BTreeSet<ResourceKey>,
    found: &mut Vec<Diagnostic>,
) -> usize {
    let documents: BTreeMap<(FileId, u32), &Declared> = manifests
        .resources
        .iter()
        .map(|declared| ((declared.span.file, declared.span.start), declared))
        .collect();
    let is_chosen = |place: Span| {
        let before = documents.range(..=(place.file, place.start));
        let (_, declared) = before.last().filter(|(_, it)| place.is_within(it.span))?;
        Some(keys.contains(&declared.key))
    };
    let before = found.len();
    found.retain(|finding| {
        let mut labels = finding.primary.iter().chain(&finding.secondary);
        // A finding outside all documents, such as unreadable text, may be about anything.
        let about_another = labels.next().and_then(|label| is_chosen(label.span)) == Some(false);
        !about_another || labels.any(|label| is_chosen(label.span) == Some(true))
    });
    before - found.len()
}

/// Loads the manifests at a revision, with their findings.
fn load_then(
    root: &Path,
    revision: &str,
    environment: Option<&str>,
) -> Result<(Manifests, Vec<Diagnostic>), Error> {
    let checkout = revision::checkout(root, revision)?;
    let (manifests, found) = load(checkout.path(), environment);
    // What the project accepted then was not shown then.
    let shown = project::set_aside(&manifests, found, false).left;
    Ok((manifests, shown))
}

/// Removes warnings that already existed, regardless of their line, and returns their number. The remaining ones are shown on one line
/// each.
fn leave_out_known(
    manifests: &Manifests,
    found: &mut Vec<Diagnostic>,
    then: &Manifests,
    known: &[Diagnostic],
) -> usize {
    let key = |finding: &Diagnostic, of: &Manifests| {
        let primary = finding.primary.as_ref();
        let file = primary.map(|label| of.sources.path(label.span.file).to_owned());
        let environments = finding.environments.clone();
        (finding.code, file, finding.message.clone(), environments)
    };
    let mut times: BTreeMap<_, usize> = BTreeMap::new();
    for finding in known.iter().filter(|finding| !finding.is_error()) {
        *times.entry(key(finding, then)).or_default() += 1;
    }
    let before = found.len();
    found.retain_mut(|finding| {
        if finding.is_error() {
            return true;
        }
        if let Some(left) = times
            .get_mut(&key(finding, manifests))
            .filter(|left| **left > 0)
        {
            *left -= 1;
            return false;
        }
        finding.on_one_line = true;
        true
    });
    before - found.len()
}

/// Prints the findings in a format for programs. The caller prints text.
fn report(
    found: &[Diagnostic],
    format: FindingsFormat,
    places: &Places<'_>,
    ui: &mut Ui,
) -> Result<(), Error> {
    let json = |json: Result<String, serde_json::Error>| json.map_err(std::io::Error::from);
    match format {
        FindingsFormat::Text => Ok(()),
        FindingsFormat::Json => ui.print(json(diagnostics_json::render(found, places))?),
        FindingsFormat::Sarif => ui.print(json(sarif::render(found, places))?),
        FindingsFormat::Github => ui.command_log(&annotations::github(found, places)),
        FindingsFormat::Azure => ui.command_log(&annotations::azure(found, places)),
    }
}
