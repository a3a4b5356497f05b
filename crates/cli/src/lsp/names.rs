//! Definitions, references and renames.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use deskstate_model::{
    Allowance, Diagnostic, Manifests, NameUse, PROJECT_FILE, ResourceKey, Span, State as Declares,
    Tree, YamlEdits, fold,
};
use serde_json::Value as Json;

use super::project::{Project, State, Use};
use crate::output::count;

/// A place in a file.
pub(super) type Place = (String, Range<usize>);

/// The variable at a byte, and the range of its name.
pub(super) fn variable_at(text: &str, byte: usize) -> Option<(String, Range<usize>)> {
    let is_part = |one: char| one.is_alphanumeric() || one == '_' || one == '.';
    let start = text.get(..byte)?.trim_end_matches(is_part).len();
    let rest = &text[start..];
    let word = &rest[..rest.find(|one| !is_part(one)).unwrap_or(rest.len())];
    let name = word.strip_prefix("vars.")?;
    let before = text[..start].trim_end_matches(' ').strip_suffix("${{");
    // `$${{` is text.
    let is_open = before.is_some_and(|before| !before.ends_with('$'));
    is_open.then(|| (name.to_owned(), start..start + word.len()))
}

/// A place in a form for people.
pub(super) fn shown_place(state: &State, span: Span) -> String {
    let sources = &state.manifests.sources;
    let (line, _) = sources.line_column(span);
    format!("{}:{line}", sources.path(span.file))
}

/// The declaration of the thing named at a byte. On a declaration, the other documents that declare or change it.
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

/// The mappings in which the project defines variables: for all environments, and for each.
fn variable_maps(state: &State) -> impl Iterator<Item = &Tree> {
    let spec = state.project_file().and_then(|file| file.get("spec"));
    let environments = spec.and_then(|spec| spec.get("environments"));
    let environments = environments.map_or(&[][..], Tree::entries).iter();
    let maps = environments.filter_map(|entry| entry.value.get("variables"));
    spec.and_then(|spec| spec.get("variables"))
        .into_iter()
        .chain(maps)
}

fn of_variable(state: &State, name: &str) -> Vec<Place> {
    variable_maps(state)
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
        let spec = document.get("spec");
        let open = spec.and_then(|spec| spec.get("assistants"));
        let entries = spec.and_then(|spec| spec.get("allow"));
        let entries = entries.map_or(&[][..], Tree::items).iter();
        let allowed = entries.filter_map(|entry| entry.get("environments"));
        let lists = listed.into_iter().chain(open).chain(allowed);
        let items = lists.flat_map(Tree::items);
        let mut here = items.filter(|item| item.place.start <= byte && byte <= item.place.end);
        here.next()?.as_text()
    })?;
    let environments = state.project_file()?.get("spec")?.get("environments")?;
    let entry = environments.entry(named)?;
    Some(vec![(PROJECT_FILE.to_owned(), entry.key_place.clone())])
}

/// All places that name the thing named at a byte.
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

/// The subject of a rename.
#[derive(Debug)]
pub(super) enum Named<'s> {
    Resource(&'s Use),
    /// A variable of the project, and the range of its name.
    Variable(String, Range<usize>),
}

impl Named<'_> {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Resource(one) => one.name.key.name.as_written(),
            Self::Variable(name, _) => name,
        }
    }

    pub(super) fn place(&self) -> &Range<usize> {
        match self {
            Self::Resource(one) => &one.name.place,
            Self::Variable(_, place) => place,
        }
    }
}

/// What can be renamed at a byte, or why it cannot be renamed.
pub(super) fn renamable<'s>(
    state: &'s State,
    path: &str,
    byte: usize,
) -> Result<Named<'s>, String> {
    let text = state.text(path).unwrap_or_default();
    if let Some((name, place)) = variable_at(text, byte) {
        return Ok(Named::Variable(
            name,
            place.start + "vars.".len()..place.end,
        ));
    }
    if path == PROJECT_FILE
        && let Some(entry) = variable_maps(state)
            .flat_map(Tree::entries)
            .find(|entry| entry.key_place.start <= byte && byte <= entry.key_place.end)
    {
        return Ok(Named::Variable(entry.key.clone(), entry.key_place.clone()));
    }
    if is_environment(state, path, byte) {
        return Err("workflows, scripts and saved plans name environments as well, so a rename would not be complete".to_owned());
    }
    renamable_resource(state, path, byte).map(Named::Resource)
}

fn is_environment(state: &State, path: &str, byte: usize) -> bool {
    let spec = state.project_file().and_then(|file| file.get("spec"));
    let environments = spec.and_then(|spec| spec.get("environments"));
    let is_key = environments.is_some_and(|map| {
        let mut places = map.entries().iter().map(|entry| &entry.key_place);
        places.any(|place| place.start <= byte && byte <= place.end)
    });
    (path == PROJECT_FILE && is_key) || environment_at(state, path, byte).is_some()
}

fn renamable_resource<'s>(state: &'s State, path: &str, byte: usize) -> Result<&'s Use, String> {
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

/// Renames a resource or a variable wherever the project names it. Returns the new texts of the files by path.
///
/// Refused unless the project then reads exactly as before in every environment, with the new name in place of the old one.
pub(super) fn rename(
    project: &Project,
    state: &State,
    named: &Named<'_>,
    new: &str,
) -> Result<BTreeMap<String, String>, String> {
    match named {
        Named::Resource(one) => rename_resource(project, state, one, new),
        Named::Variable(name, _) => rename_variable(project, state, name, new),
    }
}

fn rename_variable(
    project: &Project,
    state: &State,
    old: &str,
    new: &str,
) -> Result<BTreeMap<String, String>, String> {
    let is_name = new.starts_with(|first: char| first.is_ascii_alphabetic())
        && new
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || one == '_');
    if !is_name {
        return Err(format!(
            "`{new}` is not a name of a variable: use letters, digits and underscores"
        ));
    }
    if !of_variable(state, new).is_empty() {
        return Err(format!("the project already has a variable `{new}`"));
    }
    let mut places: BTreeMap<&str, BTreeSet<(usize, usize)>> = BTreeMap::new();
    let declared = of_variable(state, old);
    for (_, place) in &declared {
        let of_file = places.entry(PROJECT_FILE).or_default();
        of_file.insert((place.start, place.end));
    }
    for (path, text) in state.texts() {
        for (at, found) in text.match_indices("vars.") {
            let start = at + found.len();
            if let Some((name, place)) = variable_at(text, start)
                && name == old
            {
                places.entry(path).or_default().insert((start, place.end));
            }
        }
    }
    let mut changed = BTreeMap::new();
    for (path, of_file) in places {
        let mut text = state.text(path).unwrap_or_default().to_owned();
        for (start, end) in of_file.into_iter().rev() {
            text.replace_range(start..end, new);
        }
        changed.insert(path.to_owned(), text);
    }
    certain(project, state, &format!("variable `{old}`"), None, &changed)?;
    Ok(changed)
}

fn rename_resource(
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
    certain(
        project,
        state,
        &old.to_string(),
        Some((old, &key)),
        &changed,
    )?;
    Ok(changed)
}

/// Refuses the rename if an unreadable part of the project may contain the name.
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

/// Refuses a name that patterns in the project file match differently.
fn unchanged_rules(state: &State, old: &ResourceKey, new: &ResourceKey) -> Result<(), String> {
    let Some(project) = &state.manifests.project else {
        return Err("`deskstate.yaml` cannot be read".to_owned());
    };
    let is_exact = |name: &str| !name.contains(['*', '?']);
    if !is_exact(new.name.as_written()) {
        return Err("`*` and `?` in a name would be patterns in `deskstate.yaml`".to_owned());
    }
    let own = format!("{}/{}", old.kind, old.name.as_written()).to_lowercase();
    let allows = |allowed: &Allowance| allowed.change.to_string().to_lowercase().contains(&own);
    if project.allow.iter().any(allows) {
        return Err(format!(
            "an entry under `allow` in `deskstate.yaml` names {old}: change or remove it first"
        ));
    }
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
        .chain(
            project
                .accept
                .iter()
                .map(|rule| ("accept", &rule.resources)),
        )
        .find(|(_, pattern)| {
            // What is written out is renamed, too.
            let is_pattern = !is_exact(&pattern.name) || !is_exact(&pattern.kind);
            is_pattern && pattern.matches(old) != pattern.matches(new)
        });
    let names_member = |path: &str| path.split('.').any(|word| fold(word) == old.name.folded());
    let mut fields = project.ignore.iter().flat_map(|rule| &rule.fields);
    if let Some(field) = fields.find(|field| names_member(&field.value)) {
        return Err(format!(
            "the field `{}` under `ignore` in `deskstate.yaml` names it: change or remove it first",
            field.value
        ));
    }
    match pattern {
        Some((list, pattern)) => Err(format!(
            "the pattern `{}/{}` under `{list}` in `deskstate.yaml` matches only one of the two names",
            pattern.kind, pattern.name
        )),
        None => Ok(()),
    }
}

/// Replaces the name at these places of a text.
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

/// Checks that the project reads as before, except for the name.
fn certain(
    project: &Project,
    state: &State,
    what: &str,
    names: Option<(&ResourceKey, &ResourceKey)>,
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
        let left = said(&after, names) != said(&before, names);
        if left {
            let place = environment.map_or("the base".to_owned(), |name| format!("`{name}`"));
            return Err(format!(
                "{what} is also named in a way that cannot be changed safely, such as by a variable or a file: {place} would read differently"
            ));
        }
    }
    Ok(())
}

/// The contents of all resources and contracts, with the new name in place of the old one.
fn said(manifests: &Manifests, names: Option<(&ResourceKey, &ResourceKey)>) -> BTreeSet<String> {
    let now = |kind: deskstate_model::Kind, name: &str| {
        let key = ResourceKey::new(kind, name);
        match names {
            Some((old, new)) if key == *old => new.to_string(),
            _ => key.to_string(),
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
        if let Some((old, new)) = names {
            without(&mut spec, &[old.name.as_written(), new.name.as_written()]);
        }
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

/// Removes both names, so that either one compares as equal.
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

/// Describes the effect of a rename on environments.
pub(super) fn consequence(
    old: &ResourceKey,
    new: &str,
    changed: &BTreeMap<String, String>,
) -> String {
    let effect = if fold(old.name.as_written()) == fold(new) {
        "Environments keep the row: case does not matter in names.".to_owned()
    } else {
        format!("Environments keep the old row until it is deleted: the next plan creates {new}.")
    };
    let files = count(changed.len(), "file");
    format!("Renamed {old} to {new} in {files}. {effect}")
}
