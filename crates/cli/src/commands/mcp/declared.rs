//! Tools that only read the project: no environment is contacted.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{
    Declared, Diagnostic, Manifests, PROJECT_FILE, ResourceKey, SourceMap, Target, load_project,
    load_with,
};
use serde_json::{Map, Value as Json, json};

use super::answer::{Answer, Failure, From};
use super::asked::{Explain, Given, List, Preview, Schema, Validate};
use super::desk::{Desk, failure, findings, told};
use crate::commands::choosing::Choosing;
use crate::commands::explain;
use crate::commands::schema;
use crate::output::places::Places;
use crate::output::{count, diagnostics_json};
use crate::preview::{Desktop, Preview as Drawn, Session, Tab, Toast};
use crate::project::{self, load_whole};
use crate::revision::{WorkingTree, not_checked_out};
use crate::specs::Specs;
use crate::ui::Ui;

/// Lists declared resources with their locations, and the environments of the project. Without an environment, lists the base.
pub(super) fn list(desk: &Desk, asked: &List, ui: &mut Ui) -> Result<Answer, Failure> {
    let loaded = loaded(desk, asked.environment.as_deref(), ui)?;
    let manifests = &loaded.manifests;
    let chosen = chosen(manifests, &asked.what, ui)?;
    let mut items = Vec::new();
    if let Some(project) = manifests.project.as_ref().filter(|_| asked.what.is_empty()) {
        for (name, environment) in &project.environments {
            let place = match &environment.target {
                Target::Url(url) => url.value.clone(),
                Target::Emulator { .. } => "embedded emulator".to_owned(),
            };
            items.push(json!({
                "type": "environment",
                "name": name,
                "address": place,
                "open": desk.is_open(project, name),
            }));
        }
    }
    let environments = items.len();
    let resources = manifests.resources.iter();
    let resources = resources.filter(|declared| {
        let chosen = chosen.as_ref();
        chosen.is_none_or(|keys| keys.contains(&declared.key))
    });
    items.extend(resources.map(|declared| resource(declared, &manifests.sources)));
    let resources = items.len() - environments;
    Ok(Answer {
        summary: format!(
            "{} declared{}.",
            count(resources, "resource"),
            asked.environment.as_deref().map_or_else(String::new, |name| format!(" for {name}")),
        ),
        state: "ok",
        items,
        next: vec![
            "`validate` checks the manifests; `plan` compares them with an environment that is open".to_owned(),
        ],
        from: From::Manifests,
        ..Answer::default()
    })
}

fn resource(declared: &Declared, sources: &SourceMap) -> Json {
    let (line, column) = sources.line_column(declared.span);
    json!({
        "type": "resource",
        "kind": declared.key.kind.as_str(),
        "name": declared.key.name.as_written(),
        "state": declared.state.as_str(),
        "labels": declared.labels,
        "file": sources.path(declared.span.file),
        "line": line,
        "column": column,
    })
}

/// Loads valid manifests: those of an open environment, or the base of all.
fn loaded(desk: &Desk, environment: Option<&str>, ui: &mut Ui) -> Result<project::Loaded, Failure> {
    match environment {
        Some(name) => desk.load(name, ui),
        None => project::load_for_reading(&desk.global(), None, ui)
            .map_err(|error| failure(&error, ui, None)),
    }
}

fn chosen(
    manifests: &Manifests,
    what: &[String],
    ui: &mut Ui,
) -> Result<Option<BTreeSet<ResourceKey>>, Failure> {
    let choosing = Choosing::of_words(what).map_err(|error| failure(&error, ui, None))?;
    choosing
        .keys(manifests, ui)
        .map_err(|error| failure(&error, ui, None))
}

/// Checks the project, with the assistant's versions of new or changed files.
pub(super) fn validate(desk: &Desk, asked: &Validate) -> Result<Answer, Failure> {
    if let Some(name) = &asked.environment {
        desk.admit(name)?;
    }
    let changed = given(desk, &asked.files)?;
    let given = changed.len();
    let (manifests, found) = checked(desk, asked.environment.as_deref(), changed);
    let errors = found.iter().filter(|finding| finding.is_error()).count();
    let read: BTreeSet<&str> = {
        let files = manifests.sources.files();
        files.map(|file| manifests.sources.path(file)).collect()
    };
    let mut items = Vec::new();
    for file in &asked.files {
        if !read.contains(file.path.as_str()) {
            items.push(json!({
                "type": "note",
                "text": format!("`{}` is not read: no pattern of the project matches it, so nothing of it was checked", file.path),
            }));
        }
    }
    let not_read = items.len();
    items.extend(as_items(&found, &manifests.sources));
    Ok(Answer {
        summary: match errors {
            0 if not_read == 0 => format!(
                "Valid: {}, {}.",
                count(manifests.resources.len(), "resource"),
                count(found.len(), "warning")
            ),
            0 => "No errors, but not every file that was given is read by the project.".to_owned(),
            errors => format!(
                "Invalid: {}, {}.",
                count(errors, "error"),
                count(found.len() - errors, "warning")
            ),
        },
        state: match errors {
            0 if not_read == 0 => "valid",
            0 => "unknown",
            _ => "invalid",
        },
        details: Map::from_iter([
            ("errors".to_owned(), errors.into()),
            ("warnings".to_owned(), (found.len() - errors).into()),
            ("filesGiven".to_owned(), given.into()),
        ]),
        items,
        next: match errors {
            0 => Vec::new(),
            _ => vec![
                "`explain` with the code of a finding says more; `propose` with `change: fix` corrects misspelt words".to_owned(),
            ],
        },
        from: From::Manifests,
    })
}

/// Loads the project with these files, for one environment or for all.
pub(super) fn checked(
    desk: &Desk,
    environment: Option<&str>,
    changed: BTreeMap<String, String>,
) -> (Manifests, Vec<Diagnostic>) {
    if changed.is_empty() {
        return load_whole(desk.root(), environment, &desk.global().tree);
    }
    let (manifests, mut found) = load_with(desk.root(), environment, changed);
    if let Some(project) = &manifests.project
        && let Some(tree) = WorkingTree::look(desk.root(), project)
    {
        found.extend(not_checked_out(&tree, project, environment));
    }
    (manifests, found)
}

/// Findings with their locations, as items.
pub(super) fn as_items(found: &[Diagnostic], sources: &SourceMap) -> Vec<Json> {
    let places = Places {
        sources,
        prefix: "",
    };
    findings(&diagnostics_json::render(found, &places).unwrap_or_default())
}

/// The given files by path, each once and inside the project.
fn given(desk: &Desk, files: &[Given]) -> Result<BTreeMap<String, String>, Failure> {
    let mut changed = BTreeMap::new();
    for file in files {
        check_path(&file.path)?;
        refuse_settings(desk, &file.path)?;
        if changed
            .insert(file.path.clone(), file.text.clone())
            .is_some()
        {
            let message = format!("`{}` is given twice", file.path);
            return Err(Failure::new("invalid-arguments", message));
        }
    }
    Ok(changed)
}

/// Refuses changes to the files that define which environments are open and which of their tables are read.
pub(super) fn refuse_settings(desk: &Desk, path: &str) -> Result<(), Failure> {
    let plain = |path: &str| {
        let parts = path.split(['/', '\\']);
        let parts: Vec<&str> = parts.filter(|part| !["", "."].contains(part)).collect();
        parts.join("/").to_lowercase()
    };
    let (manifests, _) = load_project(desk.root());
    let kinds = manifests.project.map(|project| project.kinds);
    let mut kinds = kinds.iter().flatten();
    if plain(path) == PROJECT_FILE || kinds.any(|file| plain(&file.value) == plain(path)) {
        return Err(Failure::new(
            "invalid-arguments",
            format!(
                "`{path}` is not taken from an assistant, since it decides what assistants can read"
            ),
        )
        .next("ask a person to edit the file"));
    }
    Ok(())
}

/// Refuses a path that leaves the project or that is not valid on every system.
pub(super) fn check_path(path: &str) -> Result<(), Failure> {
    let usual = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part
                .chars()
                .all(|character| !character.is_control() && !"\\:*?\"<>|".contains(character))
            && !deskstate_files::is_device(part)
    };
    if path.len() <= 512 && path.split('/').all(usual) {
        return Ok(());
    }
    Err(
        Failure::new("invalid-arguments", format!("`{path}` is not a path inside the project"))
            .next("write it relative to deskstate.yaml, with `/`, such as manifests/AppProfile/contoso_voice.yaml"),
    )
}

/// Explains kinds, fields and codes.
pub(super) fn explain(asked: &Explain) -> Result<Answer, Failure> {
    let page = match &asked.subject {
        None => explain::overview(),
        Some(subject) => explain::explain(subject).ok_or_else(|| {
            let mut ui = Ui::listening();
            failure(&explain::unknown(subject), &mut ui, None)
        })?,
    };
    Ok(Answer {
        summary: match &asked.subject {
            None => "The kinds.".to_owned(),
            Some(subject) => format!("About {subject}."),
        },
        state: "ok",
        items: vec![json!({"type": "text", "text": page.uncolored()})],
        from: From::Deskstate,
        ..Answer::default()
    })
}

/// Returns a JSON Schema, or a part of it.
pub(super) fn schema(asked: &Schema) -> Result<Answer, Failure> {
    let schemas = schema::all();
    let names: Vec<&str> = schemas
        .iter()
        .map(|(file, _)| file.trim_end_matches(".json"))
        .collect();
    let Some(name) = &asked.name else {
        return Ok(Answer {
            summary: "The names of the schemas.".to_owned(),
            state: "ok",
            items: names
                .iter()
                .map(|name| json!({"type": "schema", "name": name}))
                .collect(),
            next: vec!["call `schema` again with `name`".to_owned()],
            ..Answer::default()
        });
    };
    let found = names
        .iter()
        .position(|known| known.eq_ignore_ascii_case(name));
    let Some(found) = found else {
        return Err(
            Failure::new("unknown-schema", format!("there is no schema `{name}`"))
                .next(format!("there are: {}", names.join(", "))),
        );
    };
    let (name, pointer) = (names[found], asked.pointer.as_deref().unwrap_or_default());
    let Some(part) = schemas[found].1.pointer(pointer) else {
        return Err(Failure::new(
            "unknown-pointer",
            format!("the schema `{name}` has nothing at `{pointer}`"),
        )
        .next("call again without `pointer`"));
    };
    let text = format!("{part:#}");
    if text.len() <= deskstate_files::ANSWER_PAGE * 3 / 4 {
        return Ok(Answer {
            summary: format!("The schema `{name}`{}.", at(pointer)),
            state: "ok",
            items: vec![
                json!({"type": "schema", "name": name, "pointer": pointer, "schema": part}),
            ],
            ..Answer::default()
        });
    }
    let parts = match part {
        Json::Object(fields) => fields
            .iter()
            .map(|(field, value)| (field.clone(), value))
            .collect(),
        Json::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, value)| (at.to_string(), value))
            .collect(),
        _ => Vec::new(),
    };
    let parts = parts.into_iter().map(|(field, value)| {
        let escaped = field.replace('~', "~0").replace('/', "~1");
        json!({
            "type": "part",
            "pointer": format!("{pointer}/{escaped}"),
            "bytes": value.to_string().len(),
            "description": value["description"],
        })
    });
    Ok(Answer {
        summary: format!(
            "The schema `{name}`{} is larger than a page; these are its parts.",
            at(pointer)
        ),
        state: "parts",
        items: parts.collect(),
        next: vec!["call `schema` again with the `pointer` of a part".to_owned()],
        ..Answer::default()
    })
}

fn at(pointer: &str) -> String {
    match pointer {
        "" => String::new(),
        pointer => format!(" at `{pointer}`"),
    }
}

/// Describes in words what agents would see.
pub(super) fn preview(desk: &Desk, asked: &Preview, ui: &mut Ui) -> Result<Answer, Failure> {
    let loaded = loaded(desk, asked.environment.as_deref(), ui)?;
    let chosen = chosen(&loaded.manifests, &asked.what, ui)?;
    let mut drawn = Drawn::of(&Specs::declared(&loaded.manifests));
    if let Some(keys) = chosen {
        drawn = drawn.about(&keys);
    }
    let mut items: Vec<Json> = Vec::new();
    for desktop in &drawn.desktops {
        items.push(self::desktop(desktop));
        let profile = desktop.profile.as_ref().map(ToString::to_string);
        items.extend(
            desktop
                .sessions
                .iter()
                .map(|session| self::session(session, profile.as_deref())),
        );
    }
    items.extend(drawn.toasts.iter().map(toast));
    if items.is_empty() {
        return Err(
            Failure::new("nothing-to-show", "nothing of this shows on a desktop")
                .next("`list` shows what is declared; app profiles, session templates and notification templates can be shown"),
        );
    }
    items.extend(told(ui));
    Ok(Answer {
        summary: format!(
            "{}, {}.",
            count(drawn.desktops.len(), "desktop"),
            count(drawn.toasts.len(), "notification")
        ),
        state: "ok",
        items,
        next: vec!["a person sees the picture with `deskstate preview`".to_owned()],
        from: From::Manifests,
        ..Answer::default()
    })
}

fn desktop(desktop: &Desktop) -> Json {
    json!({
        "type": "desktop",
        "profile": desktop.profile.as_ref().map(ToString::to_string),
        "name": desktop.name,
        "allActiveChannels": desktop.all_active_channels,
        "widgets": desktop.widgets.iter().map(|widget| json!({
            "name": widget.name,
            "label": widget.label,
            "host": widget.host,
        })).collect::<Vec<_>>(),
        "pane": desktop.pane.as_ref().map(|pane| json!({
            "name": pane.name,
            "expanded": pane.expanded,
            "tools": pane.tools.iter().map(|(name, label)| json!({"name": name, "label": label})).collect::<Vec<_>>(),
        })),
    })
}

fn session(session: &Session, profile: Option<&str>) -> Json {
    json!({
        "type": "session",
        "profile": profile,
        "resource": session.key.to_string(),
        "known": session.known,
        "name": session.name,
        "entity": session.entity,
        "title": session.title.written(),
        "communicationPanel": session.panel.as_str(),
        "tabs": session.tabs.iter().map(tab).collect::<Vec<_>>(),
        "scripts": session.scripts,
        "assumed": session.assumed,
    })
}

fn tab(tab: &Tab) -> Json {
    let parameters = tab.parameters.iter();
    json!({
        "name": tab.name,
        "title": tab.title.written(),
        "pageType": tab.page_type,
        "anchor": tab.anchor,
        "canClose": tab.can_close,
        "parameters": parameters.map(|(name, value)| (name.clone(), value.written().into())).collect::<Map<String, Json>>(),
    })
}

fn toast(toast: &Toast) -> Json {
    let fields = toast.fields.iter();
    json!({
        "type": "notification",
        "resource": toast.key.to_string(),
        "name": toast.name,
        "title": toast.title.written(),
        "fields": fields.map(|(header, value)| json!({"header": header, "value": value.written()})).collect::<Vec<_>>(),
        "accept": toast.accept,
        "reject": toast.reject,
        "timeoutSeconds": toast.timeout_seconds,
        "assumed": toast.assumed,
    })
}
