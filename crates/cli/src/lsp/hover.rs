//! Explains the word at the cursor: its meaning, limits and column, the contracts' requirements, and its value in every environment.

use deskstate_model::{Field, Kind, PROJECT_FILE, PathStep, Rule, Tree, shortened};
use lsp_types::{Hover, HoverContents, MarkupContent, MarkupKind};

use super::complete::{field_at, variables};
use super::cursor::entry_at;
use super::findings::lines;
use super::names::{shown_place, variable_at};
use super::place::Units;
use super::project::{Project, State, Use};
use super::schema;
use crate::output::{count, shown};

/// Maximum length of a shown value.
const LONGEST: usize = 400;

/// The explanation for a byte of a file. It is plain text: it cannot contain links or pictures.
pub(super) fn hover(
    project: &Project,
    state: &State,
    (path, text, byte): (&str, &str, usize),
    units: Units,
) -> Option<Hover> {
    let (value, place) = if let Some((name, place)) = variable_at(text, byte) {
        let variables = variables(state);
        let (_, values) = variables.iter().find(|(known, _)| *known == name)?;
        (format!("variable {name}: {values}"), place)
    } else if let Some(one) = state.use_at(path, byte) {
        (of_name(state, one), one.name.place.clone())
    } else {
        let documents = state.files().get(path)?;
        let document = documents
            .iter()
            .find(|document| document.place.start <= byte && byte <= document.place.end)?;
        let (way, place) = entry_at(document, byte)?;
        (of_place(project, state, path, document, &way)?, place)
    };
    Some(Hover {
        contents: HoverContents::Markup(MarkupContent {
            kind: MarkupKind::PlainText,
            value: lines(&value),
        }),
        range: Some(units.range(text, &place)),
    })
}

fn of_name(state: &State, one: &Use) -> String {
    let key = &one.name.key;
    let mut said = vec![key.to_string()];
    let declared = state.manifests.find(key);
    match declared {
        Some(declared) => {
            let spec = declared.spec.to_spec();
            let title = spec.get(key.kind.definition().caption);
            said.extend(title.map(shown));
            said.push(format!(
                "declared in {} ({})",
                shown_place(state, declared.name_span),
                declared.state.as_str()
            ));
        }
        None => said.push("no document declares it in this environment".to_owned()),
    }
    let others = state
        .uses()
        .iter()
        .filter(|other| other.name.key == *key && !other.name.is_header);
    said.push(format!("named in {}", count(others.count(), "other place")));
    for (contract, rule) in rules_of(state, key.kind, Some(one)) {
        let message = rule
            .message
            .as_deref()
            .map_or_else(String::new, |why| format!(": {why}"));
        said.push(format!(
            "contract {contract}, rule {}{message}",
            rule.id.value
        ));
    }
    said.join("\n")
}

/// The rules about a kind, or about one resource of it.
fn rules_of<'s>(state: &'s State, kind: Kind, named: Option<&Use>) -> Vec<(&'s str, &'s Rule)> {
    let contracts = state.manifests.contracts.iter();
    let rules = contracts.flat_map(|contract| {
        let rules = contract.rules.iter();
        rules.map(|rule| (contract.name.value.as_str(), rule))
    });
    rules
        .filter(|(_, rule)| rule.resource.kind == kind)
        .filter(|(_, rule)| match (named, &rule.resource.name) {
            (Some(one), Some(name)) => *name.value.name() == one.name.key.name,
            (Some(_), None) => false,
            (None, _) => true,
        })
        .collect()
}

fn of_place(
    project: &Project,
    state: &State,
    path: &str,
    document: &Tree,
    way: &[PathStep],
) -> Option<String> {
    let Some((kind, field)) = field_at(document, way) else {
        let doc = schema::allowed(document, path == PROJECT_FILE, way).doc;
        return (!doc.is_empty()).then_some(doc);
    };
    let mut said = vec![field.doc()];
    let header = state.uses().iter().find(|one| {
        one.path == path
            && one.name.is_header
            && document.place.start <= one.name.place.start
            && one.name.place.end <= document.place.end
    });
    if let Some(header) = header {
        said.extend(demands(state, header, kind, way));
        said.extend(values(project, state, header, field, way));
    }
    Some(said.join("\n\n"))
}

/// The contracts' requirements for a field of a resource.
fn demands(state: &State, header: &Use, kind: Kind, way: &[PathStep]) -> Option<String> {
    let word = match way.get(1) {
        Some(PathStep::Key(word)) => word.as_str(),
        _ => return None,
    };
    let mut said = Vec::new();
    for (contract, rule) in rules_of(state, kind, None) {
        let name = rule.resource.name.as_ref();
        if name.is_some_and(|name| *name.value.name() != header.name.key.name) {
            continue;
        }
        let is_here = |path: &str| path.split('.').next() == Some(word);
        let mut demands: Vec<String> = Vec::new();
        for (is, values) in [("must be", &rule.locked), ("should be", &rule.preferred)] {
            for value in values
                .iter()
                .filter(|value| value.path.first().is_some_and(|first| first == word))
            {
                demands.push(format!(
                    "{} {is} {}",
                    value.path.join("."),
                    shown(&value.value)
                ));
            }
        }
        for (path, form) in rule.matches.iter().filter(|(path, _)| is_here(path)) {
            demands.push(format!("{path} must match {}", form.value));
        }
        if rule.set.iter().any(|field| is_here(&field.value)) {
            demands.push(format!("{word} must have a value"));
        }
        for (path, members) in rule.contains.iter().filter(|(path, _)| is_here(path)) {
            let members: Vec<String> = members
                .iter()
                .map(|member| member.value.to_string())
                .collect();
            demands.push(format!("{path} must contain {}", members.join(", ")));
        }
        let breaks = rule.breaks_of_value(word, None).or(rule.breaks.as_deref());
        let breaks = breaks.map_or_else(String::new, |breaks| format!(" (otherwise: {breaks})"));
        said.extend(
            demands
                .iter()
                .map(|demand| format!("contract {contract}: {demand}{breaks}")),
        );
    }
    (!said.is_empty()).then(|| said.join("\n"))
}

/// The value of a field in every environment, with overlays and variables.
fn values(
    project: &Project,
    state: &State,
    header: &Use,
    field: &Field,
    way: &[PathStep],
) -> Option<String> {
    let Some(PathStep::Key(word)) = way.get(1) else {
        return None;
    };
    // A value that looks like a credential is never shown.
    if state
        .findings
        .iter()
        .any(|finding| finding.code == "secret")
        || *word != field.word
    {
        return None;
    }
    let names = state.environment_names();
    let values: Vec<String> = names
        .into_iter()
        .map(|name| {
            let manifests = project.in_environment(state, name);
            let spec = manifests
                .find(&header.name.key)
                .map(|declared| declared.spec.to_spec());
            let value = match spec {
                None => "not declared".to_owned(),
                Some(spec) => spec.get(word).map_or_else(|| "not set".to_owned(), shown),
            };
            format!("{name}: {}", shortened(&value, LONGEST))
        })
        .collect();
    (!values.is_empty()).then(|| values.join("\n"))
}
