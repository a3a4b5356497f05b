//! Reads `deskstate.yaml` into a [`Project`].
//!
//! The schema has already reported what does not fit. Everything that fits is accepted, so that the checks see as much as possible.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use uuid::Uuid;

use crate::allow::{Allow, UnknownAllow};
use crate::checks::https_needed::HTTPS_NEEDED;
use crate::checks::unique_name::RESERVED_PREFIX;
use crate::diagnostic::Diagnostic;
use crate::document::{check_version, no_kind, with_known_kind};
use crate::files::PATH_OUTSIDE;
use crate::kinds::Kind;
use crate::name::{NAME_SHAPE, check_name, fold};
use crate::package::{check_used, used_packages};
use crate::project::{
    Acceptance, Allowance, CifV2Loader, Defaults, Environment, IgnoreRule, KindNameGlob, Policy,
    Project, Prune, Removals, Target, Undeclared, Writes,
};
use crate::set::Owner;
use crate::shape::{self, Shape};
use crate::shape_codes::{NOT_A_MANIFEST, UNKNOWN_FIELD, UNKNOWN_KIND, UNKNOWN_VALUE};
use crate::span::Spanned;
use crate::suggest::nearest;
use crate::variables::{Variables, is_variable_name};
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

fn policy(node: Option<&Node>) -> BTreeMap<String, Spanned<Policy>> {
    let entries = node.map_or(&[][..], Node::entries).iter();
    entries
        .filter_map(|entry| {
            let policy = match entry.value.as_text()? {
                "deny" => Policy::Deny,
                "warn" => Policy::Warn,
                "allow" => Policy::Allow,
                _ => return None,
            };
            Some((
                entry.key.to_string(),
                Spanned::new(policy, entry.value.span),
            ))
        })
        .collect()
}

fn ignore_rules(list: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<IgnoreRule> {
    let mut rules = Vec::new();
    for item in list.items() {
        let Some(resources) = pattern(item, diagnostics) else {
            continue;
        };
        let fields = texts(item.get("fields"));
        check_fields(&resources.kind, &fields, diagnostics);
        if let Some((reason, until)) = reason_and_day(item, diagnostics) {
            rules.push(IgnoreRule {
                resources,
                fields,
                reason,
                until,
                span: item.span,
            });
        }
    }
    rules
}

fn acceptances(list: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<Acceptance> {
    let mut accepted = Vec::new();
    for item in list.items() {
        let code = item.get("code").and_then(text);
        let (Some(code), Some(resources)) = (code, pattern(item, diagnostics)) else {
            continue;
        };
        if let Some((reason, until)) = reason_and_day(item, diagnostics) {
            accepted.push(Acceptance {
                code,
                resources,
                reason,
                until,
                span: item.span,
            });
        }
    }
    accepted
}

fn allowances(list: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<Allowance> {
    let mut allowed = Vec::new();
    for item in list.items() {
        let change = item
            .get("change")
            .and_then(text)
            .and_then(|written| override_of(&written, diagnostics));
        let (Some(change), Some((reason, until))) = (change, reason_and_day(item, diagnostics))
        else {
            continue;
        };
        allowed.push(Allowance {
            change,
            environments: texts(item.get("environments")),
            reason,
            until,
            span: item.span,
        });
    }
    allowed
}

fn override_of(written: &Spanned<String>, diagnostics: &mut Vec<Diagnostic>) -> Option<Allow> {
    let read = written.value.parse();
    if read.is_err() {
        diagnostics.push(
            Diagnostic::error(
                UNKNOWN_VALUE.code,
                format!("`{}` is not an override", written.value),
            )
            .at(written.span, "not an override")
            .help(UnknownAllow::HELP),
        );
    }
    read.ok()
}

/// Reads the resources that an entry is about.
fn pattern(item: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<KindNameGlob> {
    let (kind, name) = (item.get("kind").and_then(text)?, word(item, "name")?);
    check_kind_pattern(&kind.value, kind.span, diagnostics);
    Some(KindNameGlob {
        kind: kind.value,
        name: name.to_owned(),
    })
}

/// Reads why something is accepted, and the last day.
fn reason_and_day(item: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<(String, String)> {
    let (reason, until) = (word(item, "reason")?, item.get("until").and_then(text)?);
    if is_date(&until.value) {
        return Some((reason.to_owned(), until.value));
    }
    diagnostics.push(
        Diagnostic::error(
            UNKNOWN_VALUE.code,
            format!("`{}` is not a date", until.value),
        )
        .at(until.span, "no day")
        .help("write year, month and day: `2027-01-31`"),
    );
    None
}

/// Reports fields that no kind of the pattern has, because such a rule accepts nothing.
fn check_fields(pattern: &str, paths: &[Spanned<String>], diagnostics: &mut Vec<Diagnostic>) {
    let words: BTreeSet<&str> = Kind::all()
        .filter(|kind| crate::glob::matches_pattern(pattern, kind.as_str()))
        .flat_map(|kind| kind.fields())
        .map(|field| field.word)
        .collect();
    if words.is_empty() {
        return;
    }
    for path in paths {
        let word = path.value.split('.').next().unwrap_or_default();
        if words.contains(word) {
            continue;
        }
        let diagnostic = Diagnostic::error(
            UNKNOWN_FIELD.code,
            format!("{pattern} has no field `{word}`"),
        )
        .at(path.span, "unknown field");
        diagnostics.push(match nearest(word, words.iter().copied()) {
            Some(near) => diagnostic.meant(near),
            None => diagnostic
                .help("write fields as in a manifest; leave `fields` out to accept everything"),
        });
    }
}

/// Whether a text is a calendar date in the form `YYYY-MM-DD`.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else {
        return false;
    };
    let digits = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|digit| digit.is_ascii_digit())
    };
    if !(digits(year, 4) && digits(month, 2) && digits(day, 2)) {
        return false;
    }
    let (Ok(year), Ok(month), Ok(day)) = (
        year.parse::<u32>(),
        month.parse::<u32>(),
        day.parse::<u32>(),
    ) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// Reports environment names that are not valid file names on every system, because answers and plans are stored under them.
fn no_file_name<'k>(
    name: &Spanned<String>,
    mut known: impl Iterator<Item = &'k str>,
) -> Option<Diagnostic> {
    let why = if deskstate_files::is_device(&name.value) {
        "Windows keeps this name for a device".to_owned()
    } else if name.value.ends_with('.') {
        "Windows drops a dot at the end".to_owned()
    } else if name.value.starts_with('-') {
        "commands read it as an option".to_owned()
    } else {
        let other = known.find(|known| known.eq_ignore_ascii_case(&name.value))?;
        format!("Windows and macOS do not distinguish it from `{other}`")
    };
    Some(
        Diagnostic::error(
            "name-shape",
            format!("`{}` cannot name an environment", name.value),
        )
        .at(name.span, why)
        .help("choose another name"),
    )
}

fn environments(
    map: &Node,
    owned: &[Spanned<String>],
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Environment> {
    let mut environments = BTreeMap::new();
    for entry in map.entries() {
        let name = Spanned::new(entry.key.to_string(), entry.key_span);
        check_name("an environment", &name, diagnostics);
        let known = environments.keys().map(String::as_str);
        diagnostics.extend(no_file_name(&name, known));
        check_variables(entry.value.get("variables"), diagnostics);
        let Some(target) = target(&entry.value, owned, diagnostics) else {
            continue;
        };
        let organization_id = entry
            .value
            .get("organizationId")
            .and_then(text)
            .and_then(|id| {
                let parsed = Uuid::try_parse(&id.value).ok();
                if parsed.is_none() {
                    diagnostics.push(
                        Diagnostic::error(
                            UNKNOWN_VALUE.code,
                            format!("`{}` is not an organization id", id.value),
                        )
                        .at(id.span, "no GUID")
                        .help("take it from the environment's settings, under developer resources"),
                    );
                }
                parsed
            });
        let overlay = match entry.value.get("overlay") {
            Some(list) if !list.items().is_empty() => texts(Some(list)),
            Some(one) => text(one).into_iter().collect(),
            None => Vec::new(),
        };
        environments.insert(
            name.value.clone(),
            Environment {
                name: name.value,
                watched: entry
                    .value
                    .get("watched")
                    .and_then(Node::as_flag)
                    .unwrap_or(matches!(target, Target::Url(_))),
                target,
                organization_id,
                writes: match word(&entry.value, "writes") {
                    Some("assignments") => Writes::Assignments,
                    Some("none") => Writes::None,
                    _ => Writes::All,
                },
                solution: entry.value.get("solution").and_then(text),
                overlay: overlay
                    .into_iter()
                    .map(|path| path.map(PathBuf::from))
                    .collect(),
                span: entry.key_span,
                entry: entry.key_span.to(entry.value.span),
            },
        );
    }
    environments
}

fn target(
    node: &Node,
    owned: &[Spanned<String>],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Target> {
    if let Some(url) = node.get("url").and_then(text) {
        check_url(&url, diagnostics);
        return Some(Target::Url(url));
    }
    let emulator = node.get("emulator")?;
    let tables = match emulator.get("tables") {
        Some(tables) => Some(inside(
            tables,
            "the emulator's tables",
            "tables",
            diagnostics,
        )?),
        None => None,
    };
    let state = emulator.get("state")?;
    Some(Target::Emulator {
        state: inside(
            state,
            "the emulator's state",
            ".deskstate/local.json",
            diagnostics,
        )?,
        age: emulator.get("age").and_then(Node::as_int),
        tables,
        publishers: owned.iter().map(|prefix| prefix.value.clone()).collect(),
    })
}

/// Reads a path that must stay inside the project.
fn inside(
    node: &Node,
    what: &str,
    such_as: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<PathBuf> {
    let path = PathBuf::from(node.as_text()?);
    let climbs = path.components().any(|part| {
        !matches!(
            part,
            std::path::Component::Normal(_) | std::path::Component::CurDir
        )
    });
    if climbs {
        diagnostics.push(
            Diagnostic::error(
                PATH_OUTSIDE.code,
                format!("{what} must lie inside the project"),
            )
            .at(node.span, "leaves the project")
            .help(format!("write a path such as `{such_as}`")),
        );
        return None;
    }
    Some(path)
}

/// Checks an address. Organizations use https, which may be omitted; plain http is allowed only for this machine.
fn check_url(url: &Spanned<String>, diagnostics: &mut Vec<Diagnostic>) {
    let (scheme, rest) = match url.value.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, url.value.as_str()),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let name = if authority.starts_with('[') {
        authority.split_inclusive(']').next().unwrap_or("")
    } else {
        authority.split(':').next().unwrap_or("")
    };
    let name = name.to_ascii_lowercase();
    let is_local = ["127.0.0.1", "localhost", "[::1]"].contains(&name.as_str());
    let is_whole = is_local || name.contains(['.', '[']);
    let is_scheme = |known: &str| scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(known));
    let fits = match scheme {
        None => is_whole,
        Some(_) if is_scheme("https") => !authority.is_empty(),
        Some(_) => is_scheme("http") && is_local,
    };
    if !fits || authority.contains(['@', ' ']) {
        diagnostics.push(
            Diagnostic::error(
                HTTPS_NEEDED.code,
                "the address of an environment must begin with `https://` and contain no credentials",
            )
            .at(url.span, "not such an address")
            .help("write `https://contoso.crm4.dynamics.com`; plain http works only for 127.0.0.1"),
        );
    }
}

/// Checks that variables have valid names and that their values contain no variables.
fn check_variables(map: Option<&Node>, diagnostics: &mut Vec<Diagnostic>) {
    for entry in map.map_or(&[][..], Node::entries) {
        if !is_variable_name(&entry.key) {
            diagnostics.push(
                Diagnostic::error(
                    NAME_SHAPE.code,
                    format!("`{}` cannot name a variable", entry.key),
                )
                .at(entry.key_span, "a letter, then letters, digits and `_`")
                .help("choose another name"),
            );
        }
        crate::variables::refuse_all(&entry.value, diagnostics);
    }
}
