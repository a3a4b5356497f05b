//! Checks a package from its customers' point of view.

use serde_json::{Map, Value};

use super::packages::package_files;
use super::{Loader, PROJECT_FILE, start_of};
use crate::diagnostic::Diagnostic;
use crate::files::Root;
use crate::manifests::Manifests;
use crate::package::{LOCK_FILE, PACKAGE_LINT, Package, PackageFiles};
use crate::read_project::project;
use crate::span::Span;
use crate::yaml::{Node, NodeValue};

/// Prefixes found in every environment. Rows of customers may begin with them, too.
const COMMON_PREFIXES: [&str; 3] = ["new", "cr", "msdyn"];

/// A project without anything except a package, with one environment, whose address the package may use.
const ALONE: &str = "apiVersion: deskstate/v1\nkind: Project\nmetadata: {name: package}\nspec: {manifests: [], environments: {customer: {url: https://customer.crm.dynamics.com}}}\n";

/// Loads a package on its own, with these values of its parameters, and returns all findings. A parameter without a value and without a
/// default gets a sample.
#[must_use]
pub fn lint_package(
    files: PackageFiles,
    parameters: &Map<String, Value>,
) -> (Manifests, Vec<Diagnostic>) {
    alone(files, parameters, Some(CUSTOMER))
}

/// Loads a package on its own, for no environment: values of an environment stay variables. [`lint_package`] has the findings.
#[must_use]
pub fn package_for_everybody(files: PackageFiles, parameters: &Map<String, Value>) -> Manifests {
    alone(files, parameters, None).0
}

/// The environment of the project that has the package.
const CUSTOMER: &str = "customer";

fn alone(
    files: PackageFiles,
    parameters: &Map<String, Value>,
    environment: Option<&str>,
) -> (Manifests, Vec<Diagnostic>) {
    let mut loader = Loader::default();
    let mut manifests = Manifests::default();
    let mut diagnostics = Vec::new();
    let own = files
        .keys()
        .filter(|path| [PROJECT_FILE, LOCK_FILE].contains(&path.as_str()));
    for path in own {
        diagnostics.push(
            Diagnostic::error(
                PACKAGE_LINT.code,
                format!("a package contains no project, but there is `{path}`"),
            )
            .help("move the project to a folder next to the package"),
        );
    }
    let mut files = Root::of_texts(files);
    let texts = package_files(&mut files, "").unwrap_or_default();
    let file = loader.sources.add("a project that has this package", ALONE);
    let parsed = loader.parse(file, &mut diagnostics);
    let described = loader.described("", &texts, None, &mut diagnostics);
    if let (Some(node), Some(mut in_use)) = (parsed.first(), described) {
        in_use.give(parameters);
        let package = in_use.package.clone();
        loader.packages.push(in_use);
        loader.kinds(&mut files, node, &mut diagnostics);
        if let Some(mut project) = project(node, &mut diagnostics) {
            loader.own_prefixes(&mut project);
            let written = loader.package_nodes(0, &mut files, &mut Vec::new());
            loader.finish(
                &mut files,
                node,
                project,
                environment,
                &mut manifests,
                &mut diagnostics,
            );
            described_well(&package, &mut diagnostics);
            for parameter in loader.unused_parameters(0) {
                diagnostics.push(
                    lint(format!(
                        "parameter `{}` is never used",
                        parameter.name.value
                    ))
                    .at(parameter.name.span, "not used")
                    .help("remove it, or use it as `${{ params.NAME }}`"),
                );
            }
            for node in &written {
                of_one_environment(node, &mut diagnostics);
            }
        }
    }
    loader.ended(manifests, diagnostics)
}

fn lint(message: String) -> Diagnostic {
    Diagnostic::warning(PACKAGE_LINT.code, message)
}

/// Reports what the description lacks.
fn described_well(package: &Package, diagnostics: &mut Vec<Diagnostic>) {
    let start = start_of(package.span.file);
    if package.license.is_none() {
        diagnostics.push(
            lint("the package has no license".to_owned())
                .at(package.name.span, "this package")
                .help("add `license`, preferably an SPDX identifier such as `MIT`"),
        );
    }
    if !package.notes.contains_key(&package.version.value) {
        diagnostics.push(
            lint(format!(
                "there are no notes for version {}",
                package.version.value
            ))
            .at(package.version.span, "this version")
            .help(format!(
                "add `\"{}\"` under `notes`: customers read them before they update",
                package.version.value
            )),
        );
    }
    if package.requires.is_none() {
        diagnostics.push(
            lint("the package does not say which versions of deskstate it needs".to_owned())
                .at(package.name.span, "this package")
                .help("add `requires: {deskstate: \">=…\"}` with the version that you test with"),
        );
    }
    for prefix in &package.owns {
        if COMMON_PREFIXES.contains(&prefix.value.as_str()) {
            diagnostics.push(
                lint(format!(
                    "names of customers' rows also begin with `{}_`",
                    prefix.value
                ))
                .at(prefix.span, "a common prefix")
                .also(start, "in this package")
                .help("use the prefix of your own publisher"),
            );
        }
    }
}

/// Reports ids, users and addresses, which exist in one environment only.
fn of_one_environment(node: &Node, diagnostics: &mut Vec<Diagnostic>) {
    match &node.value {
        NodeValue::Text(text) => {
            let what = if text.to_ascii_lowercase().contains(".dynamics.com") {
                "the address of an environment"
            } else if is_id(text) {
                "an id"
            } else if is_user(text) {
                "a user"
            } else {
                return;
            };
            diagnostics.push(of_one(what, node.span));
        }
        NodeValue::List(items) => items
            .iter()
            .for_each(|item| of_one_environment(item, diagnostics)),
        NodeValue::Map(entries) => entries
            .iter()
            .for_each(|entry| of_one_environment(&entry.value, diagnostics)),
        _ => {}
    }
}

fn of_one(what: &str, span: Span) -> Diagnostic {
    Diagnostic::error(
        PACKAGE_LINT.code,
        format!("the package contains {what} that no other customer has"),
    )
    .at(span, "of one environment")
    .help("declare a parameter, or use `${{ environment.url }}`")
}

fn is_id(text: &str) -> bool {
    uuid::Uuid::try_parse(text.trim()).is_ok()
}

/// Whether a text is `name@host.domain`.
fn is_user(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| {
        let is_word = |text: &str| {
            !text.is_empty()
                && !text.contains(|at: char| at.is_whitespace() || "/@:{}".contains(at))
        };
        is_word(name) && is_word(host) && host.contains('.')
    })
}
