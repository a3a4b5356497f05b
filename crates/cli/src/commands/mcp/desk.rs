//! State shared by the tools: the project, and which of its environments are open.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use deskstate_dataverse::Stop;
use deskstate_model::{Environment, Manifests, Project, Target, load_project};
use serde_json::{Value as Json, json};

use super::answer::{Failure, From};
use crate::environment::{self, Access, Readable};
use crate::error::Error;
use crate::global::Global;
use crate::output::diagnostics_json;
use crate::output::places::Places;
use crate::project::{self, Loaded};
use crate::ui::Ui;

/// The project that a server serves.
pub(super) struct Desk {
    root: PathBuf,
    access: Access,
    /// Ends every call when the server ends.
    stop: Stop,
    /// The environments that were open when the server started, with their addresses. An assistant that can edit files can neither open
    /// another environment nor point a name to another address until a person restarts the server.
    opened: BTreeMap<String, Target>,
}

impl Desk {
    pub(super) fn new(root: PathBuf, access: Access, stop: Stop) -> Self {
        let (manifests, _) = load_project(&root);
        let project = manifests.project;
        let opened = project.into_iter().flat_map(|project| {
            let open = |name: &String| project.opens_to_assistants(name);
            let environments = project.environments.iter();
            environments
                .filter(|(name, _)| open(name))
                .map(|(name, environment)| (name.clone(), environment.target.clone()))
                .collect::<Vec<_>>()
        });
        Self {
            opened: opened.collect(),
            root,
            access,
            stop,
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Global options, as for a command in this project.
    pub(super) fn global(&self) -> Global {
        Global {
            project: Some(self.root.clone()),
            ..Global::default()
        }
    }

    /// Whether an environment is open, both in the project file now and when the server started.
    pub(super) fn is_open(&self, project: &Project, name: &str) -> bool {
        let now = project.environments.get(name).map(|known| &known.target);
        project.opens_to_assistants(name)
            && now.is_some_and(|now| self.opened.get(name) == Some(now))
    }

    /// Refuses an environment that is not open.
    pub(super) fn admit(&self, name: &str) -> Result<(), Failure> {
        let (Manifests { project, .. }, _) = load_project(&self.root);
        let Some(project) = project else {
            return Err(
                Failure::new("invalid-project", "deskstate.yaml cannot be read")
                    .next("call `validate` to see what is wrong"),
            );
        };
        if self.is_open(&project, name) {
            return Ok(());
        }
        Err(
            Failure::new("not-opened", format!("the environment `{name}` is not open to assistants")).next(
                if project.opens_to_assistants(name) {
                    "`assistants` or the environment changed since this server started; a person has to start it again"
                } else {
                    "a person can open it: list it under `spec.assistants` in deskstate.yaml, and start the server again; `list` shows what is open"
                },
            ),
        )
    }

    /// Loads the effective manifests of an open environment.
    pub(super) fn load(&self, name: &str, ui: &mut Ui) -> Result<Loaded, Failure> {
        self.admit(name)?;
        let loaded = project::load_environment(&self.global(), name, ui);
        loaded.map_err(|error| failure(&error, ui, None))
    }

    /// Opens an environment for reading, runs the work and closes it.
    pub(super) async fn read<T>(
        &self,
        environment: &Environment,
        stop: &Stop,
        work: impl AsyncFnOnce(Readable) -> Result<T, Error>,
    ) -> Result<T, Error> {
        environment::read(&self.root, environment, &self.access, stop, work).await
    }
}

/// Converts an error, its causes and related findings into a failure for a client.
pub(super) fn failure(error: &Error, ui: &mut Ui, environment: Option<&str>) -> Failure {
    let code = match error {
        Error::InvalidManifests => "invalid-manifests",
        Error::NoEnvironment { .. } => "no-environment",
        Error::NoProject(_) | Error::NoProjectIn(_) => "no-project",
        Error::Refused { .. } => "refused",
        _ => "failed",
    };
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        let text = source.to_string();
        if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        cause = source.source();
    }
    let mut failure = Failure::new(code, message);
    failure.next = error.hint();
    failure.items = told(ui);
    failure.from = match environment {
        Some(name) => From::Live(vec![name.to_owned()]),
        None => From::Manifests,
    };
    failure
}

/// Everything that was printed next to a result: findings with their locations, then the other lines.
pub(super) fn told(ui: &mut Ui) -> Vec<Json> {
    let told = ui.told();
    let mut items = Vec::new();
    for (found, sources) in &told.findings {
        let places = Places {
            sources,
            prefix: "",
        };
        items.extend(findings(
            &diagnostics_json::render(found, &places).unwrap_or_default(),
        ));
    }
    let lines = told
        .lines
        .into_iter()
        .filter(|line| !line.trim().is_empty());
    items.extend(lines.map(|line| json!({"type": "note", "text": line})));
    items
}

/// The findings of a report as items.
pub(super) fn findings(report: &str) -> Vec<Json> {
    let mut report: Json = serde_json::from_str(report).unwrap_or_default();
    items("finding", report["findings"].take())
}

/// The entries of a list, each with its type.
pub(super) fn items(of_type: &str, list: Json) -> Vec<Json> {
    let Json::Array(list) = list else {
        return Vec::new();
    };
    let typed = |item: Json| match item {
        Json::Object(fields) => {
            let mut typed = serde_json::Map::from_iter([("type".to_owned(), Json::from(of_type))]);
            typed.extend(fields);
            Json::Object(typed)
        }
        other => json!({"type": of_type, "value": other}),
    };
    list.into_iter().map(typed).collect()
}
