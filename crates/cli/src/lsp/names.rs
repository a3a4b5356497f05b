//! Definitions, references and renames.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use deskstate_model::{
    Diagnostic, Manifests, NameUse, PROJECT_FILE, ResourceKey, Span, State as Declares, Tree,
    YamlEdits,
};
use serde_json::Value as Json;

use super::project::{Project, State, Use};
use crate::output::count;

/// A place in a file.
pub(super) type Place = (String, Range<usize>);

/// The variable at a byte, and the place of its name.
pub(super) fn variable_at(text: &str, byte: usize) -> Option<(String, Range<usize>)> {
    let is_part = |one: char| one.is_alphanumeric() || one == '_' || one == '.';
    let start = text[..byte].trim_end_matches(is_part).len();
    let rest = &text[start..];
    let word = &rest[..rest.find(|one| !is_part(one)).unwrap_or(rest.len())];
    let name = word.strip_prefix("vars.")?;
    let is_open = text[..start].trim_end_matches(' ').ends_with("${{");
    is_open.then(|| (name.to_owned(), start..start + word.len()))
}

/// Where a place is, for people.
pub(super) fn shown_place(state: &State, span: Span) -> String {
    let sources = &state.manifests.sources;
    let (line, _) = sources.line_column(span);
    format!("{}:{line}", sources.path(span.file))
}

/// Where what is named at a byte is declared; on a declaration, what else declares or changes it.
pub(super) fn definition(state: &State, path: &str, text: &str, byte: usize) -> Vec<Place> {
    if let Some((name, _)) = variable_at(text, byte) {
        return of_variable(state, &name);
    }
    if let Some(one) = state.use_at(path, byte) {
        let headers = || {
            let same = |other: &&Use| other.name.key == one.name.key && other.name.is_header;
            state.uses().iter().filter(same)
        };
        let here = |other: &&Use| other.path == path && other.name.place == one.name.place;
        let base = headers().filter(|other| !other.in_overlay && !here(other));
        let mut places: Vec<Place> = base.map(place).collect();
        if places.is_empty() {
            places.extend(headers().filter(|other| !here(other)).map(place));
        }
        if places.is_empty() {
            places.extend(headers().map(place));
        }
        return places;
    }
    environment_at(state, path, byte).unwrap_or_default()
}

fn place(one: &Use) -> Place {
    (one.path.clone(), one.name.place.clone())
}

fn of_variable(state: &State, name: &str) -> Vec<Place> {
    let spec = state.project_file().and_then(|file| file.get("spec"));
    let environments = spec.and_then(|spec| spec.get("environments"));
    let environments = environments.map_or(&[][..], Tree::entries).iter();
    let maps = environments.filter_map(|entry| entry.value.get("variables"));
    spec.and_then(|spec| spec.get("variables"))
        .into_iter()
        .chain(maps)
        .filter_map(|map| map.entry(name))
        .map(|entry| (PROJECT_FILE.to_owned(), entry.key_place.clone()))
        .collect()
}

/// The environment that a document names.
fn environment_at(state: &State, path: &str, byte: usize) -> Option<Vec<Place>> {
    let documents = state.files().get(path)?;
    let named = documents.iter().find_map(|document| {
        let listed = document
            .get("metadata")
            .and_then(|metadata| metadata.get("environments"));
        let open = document.get("spec").and_then(|spec| spec.get("assistants"));
        let items = listed.into_iter().chain(open).flat_map(Tree::items);
        let mut here = items.filter(|item| item.place.start <= byte && byte <= item.place.end);
        here.next()?.as_text()
    })?;
    let environments = state.project_file()?.get("spec")?.get("environments")?;
    let entry = environments.entry(named)?;
    Some(vec![(PROJECT_FILE.to_owned(), entry.key_place.clone())])
}

/// Every place that names what is named at a byte.
pub(super) fn references(
    state: &State,
    path: &str,
    byte: usize,
    with_declarations: bool,
) -> Vec<Place> {
    let Some(one) = state.use_at(path, byte) else {
        return Vec::new();
    };
    let same = state
        .uses()
        .iter()
        .filter(|other| other.name.key == one.name.key);
    same.filter(|other| with_declarations || !other.name.is_header)
        .map(place)
        .collect()
}

/// What can be renamed at a byte: its name and place, or why it cannot.
pub(super) fn renamable<'s>(state: &'s State, path: &str, byte: usize) -> Result<&'s Use, String> {
    let one = state
        .use_at(path, byte)
        .ok_or("there is no unique name here")?;
    let key = &one.name.key;
    let declared = state.manifests.find(key).ok_or_else(|| {
        format!("no document of this project declares {key}, so you cannot rename it")
    })?;
    if declared.state == Declares::Existing {
        return Err(format!(
            "{key} is declared as `existing`: somebody else decides its name"
        ));
    }
    if key.kind.definition().is_protected(key.name.as_written())
        || key.name.prefix() == Some("msdyn")
    {
        return Err(format!("{key} belongs to Microsoft"));
    }
    Ok(one)
}

/// Another name for a resource, wherever the project names it: the new texts of the files, by path.
///
/// It is refused unless the project then reads exactly as before, with the one name in place of the other, in every environment.
pub(super) fn rename(
    project: &Project,
    state: &State,
    one: &Use,
    new: &str,
) -> Result<BTreeMap<String, String>, String> {
    let old = &one.name.key;
    let key = ResourceKey::new(old.kind, new);
    if new.trim() != new || new.is_empty() || new.contains("${{") {
        return Err(format!("`{new}` is not a unique name"));
    }
    let is_taken = state.uses().iter().any(|other| other.name.key == key);
    if key.name != old.name && is_taken {
        return Err(format!("the project already names {key}"));
    }
    readable(state, old)?;
    unchanged_rules(state, old, &key)?;
    let uses: Vec<&Use> = state
        .uses()
        .iter()
        .filter(|other| other.name.key == *old)
        .collect();
    let paths: BTreeSet<&str> = uses.iter().map(|one| one.path.as_str()).collect();
    let mut changed = BTreeMap::new();
    for path in paths {
        let text = state.text(path).unwrap_or_default();
        let names = uses
            .iter()
            .filter(|one| one.path == path)
            .map(|one| &one.name);
        let after = renamed(text, names, new).map_err(|why| format!("`{path}`: {why}"))?;
        changed.insert(path.to_owned(), after);
    }
    certain(project, state, old, &key, &changed)?;
    Ok(changed)
}

/// Refuses a project in which a part that cannot be read may hold the name.
fn readable(state: &State, old: &ResourceKey) -> Result<(), String> {
    let mut texts = state.texts();
    let broken = texts.find(|(_, text)| {
        text.to_ascii_lowercase().contains(old.name.folded()) && !Tree::read(text).1
    });
    match broken {
        Some((path, _)) => Err(format!(
            "a part of `{path}` cannot be read, and may name {old}"
        )),
        None => Ok(()),
    }
}

/// Refuses a name that patterns of the project file treat in another way.
fn unchanged_rules(state: &State, old: &ResourceKey, new: &ResourceKey) -> Result<(), String> {
    let Some(project) = &state.manifests.project else {
        return Err("`deskstate.yaml` cannot be read".to_owned());
    };
    let is_exact = |name: &str| !name.contains(['*', '?']);
    let pattern = project
        .protect
        .iter()
        .map(|pattern| ("protect", &pattern.value))
        .chain(
            project
                .ignore
                .iter()
                .map(|rule| ("ignore", &rule.resources)),
        )
        .find(|(_, pattern)| {
            !is_exact(&pattern.name) && pattern.matches(old) != pattern.matches(new)
        });
    match pattern {
        Some((list, pattern)) => Err(format!(
            "the pattern `{}/{}` under `{list}` in `deskstate.yaml` matches only one of the two names",
            pattern.kind, pattern.name
        )),
        None => Ok(()),
    }
}

/// A text in which these places have another name.
fn renamed<'n>(
    text: &str,
    names: impl Iterator<Item = &'n NameUse>,
    new: &str,
) -> Result<String, String> {
    let mut edits = YamlEdits::new(text)?;
    for name in names {
        let document = edits
            .document_at(name.place.start)
            .ok_or("the document is not found")?;
        edits
            .set_text(document, &name.path, &name.written_as(new))
            .map_err(|refused| refused.why.to_owned())?;
    }
    edits
        .finish()
        .ok_or_else(|| "the text could not be edited safely".to_owned())
}

/// Whether the project reads as before, but for the name.
fn certain(
    project: &Project,
    state: &State,
    old: &ResourceKey,
    new: &ResourceKey,
    changed: &BTreeMap<String, String>,
) -> Result<(), String> {
    let (_, found) = project.workspace.load_with(None, changed.clone());
    let codes = |found: &[Diagnostic]| {
        let mut codes: BTreeMap<&'static str, usize> = BTreeMap::new();
        for finding in found {
            *codes.entry(finding.code).or_default() += 1;
        }
        codes
    };
    let before = codes(&state.findings);
    for (code, number) in codes(&found) {
        if number > before.get(code).copied().unwrap_or_default() {
            let first = found.iter().find(|finding| finding.code == code);
            let message = first.map_or("", |finding| finding.message.as_str());
            return Err(format!(
                "the project would have another finding, {code}: {message}"
            ));
        }
    }
    let environments = state.environment_names();
    let all = environments.iter().map(|name| Some(*name)).chain([None]);
    for environment in all {
        let before = match environment {
            Some(name) => project.in_environment(state, name).as_ref().clone(),
            None => state.manifests.clone(),
        };
        let (after, _) = project.workspace.load_with(environment, changed.clone());
        let left = said(&after, old, new) != said(&before, old, new);
        if left {
            let place = environment.map_or("the base".to_owned(), |name| format!("`{name}`"));
            return Err(format!(
                "{old} is also named in a way that cannot be changed safely, such as by a variable or a file: {place} would read differently"
            ));
        }
    }
    Ok(())
}

/// Everything that resources and contracts say, with the new name in place of the old one.
fn said(manifests: &Manifests, old: &ResourceKey, new: &ResourceKey) -> BTreeSet<String> {
    let now = |kind: deskstate_model::Kind, name: &str| {
        let key = ResourceKey::new(kind, name);
        if key == *old {
            new.to_string()
        } else {
            key.to_string()
        }
    };
    let resources = manifests.resources.iter().map(|declared| {
        let mut spec = Json::Object(declared.spec.to_spec());
        let references: Vec<String> = declared
            .spec
            .references()
            .iter()
            .map(|reference| {
                format!(
                    "{} {}",
                    reference.field,
                    now(reference.kind, reference.name.as_str())
                )
            })
            .collect();
        without(&mut spec, &[old.name.as_written(), new.name.as_written()]);
        format!(
            "{} {references:?} {spec}",
            now(declared.key.kind, declared.key.name.as_written())
        )
    });
    let contracts = manifests.contracts.iter().flat_map(|contract| {
        contract.rules.iter().map(|rule| {
            let name = rule
                .resource
                .name
                .as_ref()
                .map(|name| now(rule.resource.kind, name.value.as_str()));
            format!("{} {} {name:?}", contract.name.value, rule.id.value)
        })
    });
    resources.chain(contracts).collect()
}

/// Either name reads the same.
fn without(value: &mut Json, names: &[&str]) {
    match value {
        Json::String(text) => {
            if names.iter().any(|name| text.eq_ignore_ascii_case(name)) {
                text.clear();
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| without(item, names)),
        Json::Object(entries) => entries.values_mut().for_each(|item| without(item, names)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// What a rename means for environments.
pub(super) fn consequence(
    old: &ResourceKey,
    new: &str,
    changed: &BTreeMap<String, String>,
) -> String {
    format!(
        "Renamed {old} to {new} in {}. Environments keep the old row until it is deleted: the next plan creates {new}.",
        count(changed.len(), "file")
    )
}
