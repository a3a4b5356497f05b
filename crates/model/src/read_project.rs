//! Reads `deskstate.yaml` into a [`Project`].
//!
//! The schema has already reported what does not fit. Everything that fits is accepted, so that the checks see as much as possible.

pub(crate) mod environments;
mod rules;

use std::collections::BTreeMap;

use self::environments::{check_variables, environments};
pub use self::rules::is_date;
use self::rules::{acceptances, allowances, ignore_rules, policy};
use crate::checks::unique_name::RESERVED_PREFIX;
use crate::diagnostic::Diagnostic;
use crate::document::{check_version, no_kind, with_known_kind};
use crate::kinds::Kind;
use crate::name::{NAME_SHAPE, check_name, fold};
use crate::package::{check_used, used_packages};
use crate::project::{CifV2Loader, Defaults, KindNameGlob, Project, Prune, Removals, Undeclared};
use crate::set::Owner;
use crate::shape::{self, Shape};
use crate::shape_codes::{NOT_A_MANIFEST, UNKNOWN_KIND};
use crate::span::Spanned;
use crate::variables::{Variables, refuse_in_project};
use crate::yaml::{Node, NodeValue};

/// Default folder of manifests. Git does not keep empty folders, so it may be missing.
pub const DEFAULT_FOLDER: &str = "manifests";

/// Maximum number of operations in one Dataverse transaction (documented in Web API: Execute batch operations).
const MAX_CHANGESET: usize = 1000;

/// Reads the project; `None` if the document is not a project.
pub(crate) fn project(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Project> {
    if !node.is_map() {
        diagnostics.push(
            Diagnostic::error(NOT_A_MANIFEST.code, "`deskstate.yaml` must be a mapping with `apiVersion`, `kind`, `metadata` and `spec`")
                .at(node.span, "no mapping")
                .help("`deskstate init` writes one to start from"),
        );
        return None;
    }
    let place = crate::document::first_line(node);
    if !shape::check(Shape::Project, node, place, diagnostics) {
        check_version(node, diagnostics);
    }
    let empty = Node {
        value: NodeValue::Map(Vec::new()),
        span: node.span,
    };
    let spec = node.get("spec").unwrap_or(&empty);
    let name = node
        .get("metadata")
        .and_then(|metadata| metadata.get("name"))
        .and_then(text);
    let name = name.unwrap_or_else(|| Spanned::new("project".to_owned(), place));
    check_name("a project", &name, diagnostics);
    refuse_in_project(spec, diagnostics);
    let manifests = spec.get("manifests").map_or_else(
        || vec![Spanned::new(DEFAULT_FOLDER.to_owned(), place)],
        |list| list.items().iter().filter_map(text).collect(),
    );
    check_variables(spec.get("variables"), diagnostics);
    let packages = used_packages(Some(spec));
    check_used(&packages, diagnostics);
    Some(Project {
        name,
        manifests,
        ignore_files: texts(spec.get("ignoreFiles")),
        contracts: texts(spec.get("contracts")),
        kinds: texts(spec.get("kinds")),
        packages,
        owns: owned_prefixes(spec, diagnostics),
        owned_names: texts(spec.get("owns").and_then(|owns| owns.get("names")))
            .into_iter()
            .map(|name| name.map(|name| fold(&name)))
            .collect(),
        protect: globs(spec.get("protect"), diagnostics),
        prune: if word(spec, "prune") == Some("owned") {
            Prune::Owned
        } else {
            Prune::Never
        },
        removals: removals(spec.get("removals")),
        max_changeset: spec
            .get("maxChangeset")
            .and_then(Node::as_int)
            .and_then(|number| usize::try_from(number).ok())
            .filter(|number| (1..=MAX_CHANGESET).contains(number))
            .unwrap_or(200),
        defaults: defaults(spec.get("defaults")),
        cif_v2_loader: match word(spec, "cifV2Loader") {
            Some("warn") => CifV2Loader::Warn,
            Some("ignore") => CifV2Loader::Ignore,
            _ => CifV2Loader::Link,
        },
        solution: spec.get("solution").and_then(text),
        slugs: texts(spec.get("slugs"))
            .into_iter()
            .map(|slug| slug.value)
            .collect(),
        policy: policy(spec.get("policy")),
        accept: spec
            .get("accept")
            .map_or_else(Vec::new, |list| acceptances(list, diagnostics)),
        allow: spec
            .get("allow")
            .map_or_else(Vec::new, |list| allowances(list, diagnostics)),
        ignore: spec
            .get("ignore")
            .map_or_else(Vec::new, |list| ignore_rules(list, diagnostics)),
        undeclared: match spec
            .get("drift")
            .and_then(|drift| word(drift, "undeclared"))
        {
            Some("fail") => Undeclared::Fail,
            _ => Undeclared::Report,
        },
        assistants: texts(spec.get("assistants")),
        stages: texts(spec.get("stages")),
        environments: spec.get("environments").map_or_else(BTreeMap::new, |map| {
            environments(map, &owned(spec), diagnostics)
        }),
        span: node.span,
    })
}

/// Returns the variables of an environment. Its own override those of the project.
pub(crate) fn variables<'p>(project: Option<&'p Node>, environment: Option<&str>) -> Variables<'p> {
    let spec = project.and_then(|project| project.get("spec"));
    let mut variables = Variables::new();
    let own = environment.and_then(|name| spec?.get("environments")?.get(name)?.get("variables"));
    for map in [spec.and_then(|spec| spec.get("variables")), own]
        .into_iter()
        .flatten()
    {
        variables.extend(
            map.entries()
                .iter()
                .map(|entry| (&*entry.key, &entry.value)),
        );
    }
    variables
}

fn text(node: &Node) -> Option<Spanned<String>> {
    node.as_text()
        .map(|text| Spanned::new(text.to_owned(), node.span))
}

/// Returns the texts of a list.
pub(crate) fn texts(node: Option<&Node>) -> Vec<Spanned<String>> {
    node.map_or_else(Vec::new, |list| {
        list.items().iter().filter_map(text).collect()
    })
}

fn word<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.get(key).and_then(Node::as_text)
}

fn owned(spec: &Node) -> Vec<Spanned<String>> {
    texts(spec.get("owns").and_then(|owns| owns.get("prefixes")))
}

/// Returns the prefixes that a project or a package owns, in lower case.
pub(crate) fn owned_prefixes(
    spec: &Node,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Spanned<String>> {
    let prefixes = owned(spec);
    for prefix in &prefixes {
        let letters = prefix
            .value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric());
        if prefix.value.eq_ignore_ascii_case("msdyn") {
            diagnostics.push(
                Diagnostic::error(
                    RESERVED_PREFIX.code,
                    "`msdyn` is Microsoft's prefix and cannot be owned",
                )
                .at(prefix.span, "Microsoft's")
                .help("remove it; a row of your own with such a name goes under `owns.names`"),
            );
        } else if !letters || prefix.value.is_empty() {
            diagnostics.push(
                Diagnostic::error(
                    NAME_SHAPE.code,
                    format!("`{}` is not a prefix", prefix.value),
                )
                .at(prefix.span, "letters and digits only")
                .help("write the part before the first underscore, without the underscore"),
            );
        }
    }
    prefixes
        .into_iter()
        .map(|prefix| prefix.map(|prefix| prefix.to_ascii_lowercase()))
        .collect()
}

fn globs(node: Option<&Node>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Spanned<KindNameGlob>> {
    let mut globs = Vec::new();
    for pattern in texts(node) {
        match pattern.value.split_once('/') {
            Some((kind, name)) if !kind.is_empty() && !name.is_empty() => {
                check_kind_pattern(kind, pattern.span, diagnostics);
                let glob = KindNameGlob {
                    kind: kind.to_owned(),
                    name: name.to_owned(),
                };
                globs.push(Spanned::new(glob, pattern.span));
            }
            _ => diagnostics.push(
                Diagnostic::error(
                    NAME_SHAPE.code,
                    format!("`{}` is not a pattern for resources", pattern.value),
                )
                .at(pattern.span, "no `Kind/name`")
                .help("write kind and name with a slash between: `SessionTemplate/CTI_*`"),
            ),
        }
    }
    globs
}

/// Reports a pattern that matches no kind, because it protects nothing.
fn check_kind_pattern(pattern: &str, span: crate::span::Span, diagnostics: &mut Vec<Diagnostic>) {
    if Kind::all().any(|kind| crate::glob::matches_pattern(pattern, kind.as_str())) {
        return;
    }
    let diagnostic =
        Diagnostic::error(UNKNOWN_KIND.code, no_kind(pattern)).at(span, "no kind fits");
    diagnostics.push(if pattern.contains('*') {
        diagnostic.help("write a kind, or `*` for all")
    } else {
        with_known_kind(diagnostic, pattern)
    });
}

fn removals(node: Option<&Node>) -> Removals {
    let mut removals = Removals::default();
    let Some(node) = node else { return removals };
    if let Some(percent) =
        word(node, "maxShare").and_then(|share| share.strip_suffix('%')?.parse().ok())
    {
        removals.max_share_percent = percent;
    }
    if let Some(agents) = node
        .get("maxAgents")
        .and_then(Node::as_int)
        .and_then(|agents| u32::try_from(agents).ok())
    {
        removals.max_agents = agents;
    }
    removals
}

fn defaults(node: Option<&Node>) -> Defaults {
    let Some(node) = node else {
        return Defaults::default();
    };
    let owner = node.get("owner").and_then(|owner| {
        let [entry] = owner.entries() else {
            return None;
        };
        let name = entry.value.as_text()?.to_owned();
        let value = match &*entry.key {
            "user" => Owner::User(name),
            "team" => Owner::Team(name),
            _ => return None,
        };
        Some(Spanned::new(value, owner.span))
    });
    Defaults {
        app: node.get("app").and_then(text),
        owner,
    }
}
