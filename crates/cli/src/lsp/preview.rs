//! The agent's desktop for an editor: the page of `deskstate preview`, drawn from the current texts in the editor.

use deskstate_model::{Diagnostic, Manifests};
use lsp_types::{TextDocumentIdentifier, Uri};
use serde::{Deserialize, Serialize};

use super::desk::Here;
use super::findings::lines;
use super::paths::uri_of;
use super::project::{Project, State};
use crate::output::{count, html};

/// `deskstate/preview`: the picture of a project.
pub(super) const PREVIEW: &str = "deskstate/preview";
/// `deskstate/previewChanged`: a project changed after its picture was drawn.
pub(super) const PREVIEW_CHANGED: &str = "deskstate/previewChanged";
/// `deskstate/projects`: the open projects.
pub(super) const PROJECTS: &str = "deskstate/projects";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PreviewParams {
    /// A file of the project.
    pub(super) text_document: TextDocumentIdentifier,
    /// The environment to resolve the manifests for; the base if omitted.
    #[serde(default)]
    pub(super) environment: Option<String>,
}

/// A page, or the reason why there is none.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Picture {
    pub(super) html: Option<String>,
    pub(super) problem: Option<String>,
}

pub(super) fn picture(here: &Here<'_>, environment: Option<&str>) -> Picture {
    let drawn = match environment {
        None => page(&here.state.manifests, &here.state.findings),
        Some(_) => {
            let (manifests, found) = here.project.workspace.load(environment);
            page(&manifests, &found)
        }
    };
    match drawn {
        Ok(html) => Picture {
            html: Some(html),
            problem: None,
        },
        Err(problem) => Picture {
            html: None,
            problem: Some(lines(&problem)),
        },
    }
}

fn page(manifests: &Manifests, found: &[Diagnostic]) -> Result<String, String> {
    let errors: Vec<&Diagnostic> = found.iter().filter(|one| one.is_error()).collect();
    if let Some(first) = errors.first() {
        let place = first.primary.as_ref().map_or_else(String::new, |label| {
            let (line, _) = manifests.sources.line_column(label.span);
            format!(" in {}:{line}", manifests.sources.path(label.span.file))
        });
        let number = count(errors.len(), "error");
        return Err(format!("{number}{place}: {}", first.message));
    }
    html::preview(manifests, None, true).ok_or_else(|| html::NOTHING_TO_DRAW.to_owned())
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProjectsParams {
    /// The file that the user is viewing.
    #[serde(default)]
    pub(super) text_document: Option<TextDocumentIdentifier>,
}

/// The open projects, and the one that a file belongs to.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Projects {
    pub(super) projects: Vec<OpenProject>,
    pub(super) current: Option<Uri>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OpenProject {
    root: Uri,
    name: String,
    environments: Vec<String>,
}

pub(super) fn open_project((project, state): (&Project, &State)) -> Option<OpenProject> {
    let known = state.manifests.project.as_ref();
    Some(OpenProject {
        root: uri_of(project.root(), "")?,
        name: lines(known.map_or("", |project| &project.name.value)),
        environments: state.environment_names().into_iter().map(lines).collect(),
    })
}
