//! Environments named by documents and people, and findings that occur in some environments.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::document::Document;
use crate::explanation::Explanation;
use crate::project::{Environment, Project, Target};
use crate::span::Span;
use crate::suggest::nearest;
use crate::variables::origin;
use crate::yaml::Node;

pub(crate) const UNKNOWN_ENVIRONMENT: Explanation = Explanation::new(
    "unknown-environment",
    "`deskstate.yaml` has no environment with this name.",
    "With a wrong name, a document or an override would silently have no effect, an assistant would see nothing, or a stage would have no environment.",
    "Correct the name, or add the environment.",
);

pub(crate) const DUPLICATE_STAGE: Explanation = Explanation::new(
    "duplicate-stage",
    "`stages` lists an environment twice.",
    "A change goes through the environments in one order, so each has one place in it.",
    "Remove one of the two.",
);

pub(crate) const SAME_ENVIRONMENT: Explanation = Explanation::new(
    "same-environment",
    "Two environments of the project have the same address, or the same file of the emulator.",
    "Where their overlays or variables differ, each apply would undo the other, and drift in one would be reported in both.",
    "Correct the address. If two names for one environment are wanted, set `policy: {same-environment: allow}`.",
);

pub(super) fn unknown_environment(
    name: &str,
    place: Option<Span>,
    project: &Project,
) -> Diagnostic {
    let names = || project.environments.keys().map(String::as_str);
    let mut diagnostic = Diagnostic::error(
        UNKNOWN_ENVIRONMENT.code,
        format!("no environment is called `{name}`"),
    );
    if let Some(place) = place {
        diagnostic = diagnostic.at(place, "not in `deskstate.yaml`");
    }
    match nearest(name, names()) {
        Some(near) => diagnostic.meant(near),
        None if project.environments.is_empty() => {
            diagnostic.help("add it under `spec.environments` of `deskstate.yaml`")
        }
        None => diagnostic.help(format!(
            "the project has {}",
            crate::suggest::one_of(names())
        )),
    }
}

/// Reports names under `assistants` and `allow` that are not environments.
pub(super) fn check_listed(project: &Project, diagnostics: &mut Vec<Diagnostic>) {
    let allowed = project.allow.iter().flat_map(|entry| &entry.environments);
    for name in project.assistants.iter().chain(allowed) {
        if !project.environments.contains_key(&name.value) {
            diagnostics.push(unknown_environment(&name.value, Some(name.span), project));
        }
    }
}

/// The origin of an address, whichever way the host and the usual port are written.
fn place_of(url: &str) -> String {
    let origin = origin(url);
    let usual = match origin.starts_with("http://") {
        true => ":80",
        false => ":443",
    };
    let origin = origin.strip_suffix(usual).unwrap_or(&origin);
    origin.trim_end_matches([':', '.']).to_owned()
}

/// Reports environments that are the same one under two names.
pub(super) fn check_same(project: &Project, diagnostics: &mut Vec<Diagnostic>) {
    let mut first: BTreeMap<String, &Environment> = BTreeMap::new();
    let mut in_order: Vec<&Environment> = project.environments.values().collect();
    in_order.sort_by_key(|environment| environment.span);
    for environment in in_order {
        let (what, place) = match &environment.target {
            Target::Url(url) => ("address", place_of(&url.value)),
            Target::Emulator { state, .. } => {
                let parts = state.components();
                let parts = parts.filter(|part| !matches!(part, std::path::Component::CurDir));
                let state: std::path::PathBuf = parts.collect();
                ("state file", state.display().to_string())
            }
        };
        let Some(other) = first.get(&place) else {
            first.insert(place, environment);
            continue;
        };
        diagnostics.push(
            Diagnostic::warning(
                SAME_ENVIRONMENT.code,
                format!(
                    "`{}` and `{}` are the same environment",
                    other.name, environment.name
                ),
            )
            .at(environment.span, format!("has the same {what}"))
            .also(other.span, "first")
            .help(format!("correct the {what} of one of them")),
        );
    }
}

/// Reports stages that are not environments or are listed twice.
pub(super) fn check_stages(project: &Project, diagnostics: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for stage in &project.stages {
        if !project.environments.contains_key(&stage.value) {
            diagnostics.push(unknown_environment(&stage.value, Some(stage.span), project));
        }
        if let Some(first) = seen.get(stage.value.as_str()) {
            diagnostics.push(
                Diagnostic::error(
                    DUPLICATE_STAGE.code,
                    format!("`{}` is listed twice in `stages`", stage.value),
                )
                .at(stage.span, "listed again")
                .also(*first, "first listed")
                .help("remove one of them"),
            );
        } else {
            seen.insert(&stage.value, stage.span);
        }
    }
}

pub(super) fn check_environments(
    document: &Document,
    project: &Project,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let list = document
        .node
        .get("metadata")
        .and_then(|metadata| metadata.get("environments"));
    for item in list.map_or(&[][..], Node::items) {
        if let Some(name) = item
            .as_text()
            .filter(|name| !project.environments.contains_key(*name))
        {
            diagnostics.push(unknown_environment(name, Some(item.span), project));
        }
    }
}

/// Merges equal findings of several environments. A finding that occurs in all of them names no environment.
pub(super) fn merge_findings<'e>(
    found: impl Iterator<Item = (&'e str, Vec<Diagnostic>)>,
    environments: usize,
) -> Vec<Diagnostic> {
    let mut merged: Vec<Diagnostic> = Vec::new();
    let mut places: BTreeMap<(Option<Span>, &'static str, String), Vec<usize>> = BTreeMap::new();
    for (environment, findings) in found {
        for finding in findings {
            let key = (
                finding.primary.as_ref().map(|label| label.span),
                finding.code,
                finding.message.clone(),
            );
            let candidates = places.entry(key).or_default();
            let same = candidates.iter().copied().find(|&at| {
                let known = &merged[at];
                known.primary == finding.primary
                    && known.secondary == finding.secondary
                    && known.help == finding.help
                    && known.severity == finding.severity
            });
            match same {
                Some(at)
                    if merged[at]
                        .environments
                        .last()
                        .is_some_and(|last| last == environment) => {}
                Some(at) => merged[at].environments.push(environment.to_owned()),
                None => {
                    candidates.push(merged.len());
                    merged.push(Diagnostic {
                        environments: vec![environment.to_owned()],
                        ..finding
                    });
                }
            }
        }
    }
    for finding in &mut merged {
        if finding.environments.len() == environments {
            finding.environments.clear();
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::place_of;

    #[test]
    fn an_address_has_one_place() {
        for other in [
            "https://Contoso.crm.dynamics.com:443/x",
            "https://contoso.crm.dynamics.com.",
        ] {
            assert_eq!(place_of(other), "https://contoso.crm.dynamics.com");
        }
        assert_eq!(place_of("https://a.example:8443"), "https://a.example:8443");
        assert_eq!(place_of("http://127.0.0.1:443"), "http://127.0.0.1:443");
        assert_eq!(place_of("http://127.0.0.1:80"), "http://127.0.0.1");
    }
}
