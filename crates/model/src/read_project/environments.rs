//! The environments of the project file, and where they are.

use std::collections::BTreeMap;
use std::path::PathBuf;

use uuid::Uuid;

use super::{text, texts, word};
use crate::checks::https_needed::HTTPS_NEEDED;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::files::PATH_OUTSIDE;
use crate::name::{NAME_SHAPE, check_name};
use crate::project::{Environment, Target, Writes};
use crate::shape_codes::UNKNOWN_VALUE;
use crate::span::Spanned;
use crate::variables::{UNKNOWN_VARIABLE, is_variable_name};
use crate::yaml::{Node, NodeValue};

pub(super) fn environments(
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

pub(super) fn target(
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
pub(super) fn inside(
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
pub(crate) const PORTAL_ADDRESS: Explanation = Explanation::new(
    "portal-address",
    "The `url` of an environment is the address of a portal.",
    "A portal shows many environments, and has no rows of any. Its address often contains the id of the environment, so it is copied by mistake.",
    "Copy the environment URL from the environment's settings in the Power Platform admin center, for example `https://contoso.crm4.dynamics.com`.",
);

/// Sites whose addresses contain the id of an environment, and which people copy instead of its own address.
const PORTALS: [&str; 7] = [
    "admin.powerplatform.com",
    "admin.powerplatform.microsoft.com",
    "copilotstudio.microsoft.com",
    "home.dynamics.com",
    "make.powerapps.com",
    "make.powerautomate.com",
    "portal.azure.com",
];

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
    if PORTALS.contains(&name.as_str()) {
        diagnostics.push(
            Diagnostic::error(
                PORTAL_ADDRESS.code,
                format!("{name} is a portal, not an environment"),
            )
            .at(url.span, "the address of a portal")
            .help("copy the environment URL from the environment's settings in the Power Platform admin center"),
        );
        return;
    }
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
pub(super) fn check_variables(map: Option<&Node>, diagnostics: &mut Vec<Diagnostic>) {
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
        if entry.value.value == NodeValue::Null {
            diagnostics.push(
                Diagnostic::error(
                    UNKNOWN_VARIABLE.code,
                    format!("variable `{}` has no value", entry.key),
                )
                .at(entry.key_span, "empty")
                .help("write its value; to clear a field in one environment, write `null` in an overlay"),
            );
        }
        crate::variables::refuse_all(&entry.value, diagnostics);
    }
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
    } else if name.value.starts_with('.')
        || name.value.contains("..")
        || name.value.to_ascii_lowercase().ends_with(".lock")
    {
        "git has no tag of this name, which builds use to mark what is applied".to_owned()
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
