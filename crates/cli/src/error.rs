//! The errors of commands, apart from diagnostics about manifests and plans.

use std::path::{Path, PathBuf};

use deskstate_dataverse::{Error as DataverseError, Spent};
use deskstate_model::nearest;
use deskstate_reconcile::ObserveError;
use thiserror::Error;

use crate::comment::CommentError;
use crate::ending::Ended;
use crate::exit_code::ExitCode;
use crate::notify::NotifyError;
use crate::paths::shown_path;
use crate::remedy;

/// Why a command failed.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("no `deskstate.yaml` here or in a folder above ({})", shown_path(.0))]
    NoProject(PathBuf),
    /// The folder that the command line names has no project.
    #[error("{}", no_project_in(.0))]
    NoProjectIn(PathBuf),
    #[error("the project has no environment `{name}`")]
    NoEnvironment { name: String, known: Vec<String> },
    #[error("the manifests are invalid")]
    InvalidManifests,
    #[error("{message}")]
    Refused {
        message: String,
        hint: Option<String>,
    },
    #[error("{message}")]
    Failed {
        message: String,
        hint: Option<String>,
    },
    #[error("{what} {}", shown_path(.path))]
    File {
        what: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    /// The undo file or the journal could not be written.
    #[error("could not write {}, so nothing was changed", shown_path(.path))]
    NotBegun {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the embedded emulator did not start")]
    Emulator(#[from] deskstate_emulator::StartError),
    #[error("the embedded emulator did not save its state")]
    EmulatorStop(#[from] deskstate_emulator::StopError),
    #[error(transparent)]
    Dataverse(#[from] DataverseError),
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// An apply or an undo that had started.
    #[error(transparent)]
    Ended(Box<Ended>),
    #[error(transparent)]
    Probe(#[from] deskstate_reconcile::probe::ProbeError),
    #[error(transparent)]
    Comment(#[from] CommentError),
    #[error(transparent)]
    Notify(#[from] NotifyError),
    #[error("output could not be written")]
    Output(#[from] std::io::Error),
}

fn no_project_in(folder: &Path) -> String {
    let shown = shown_path(folder);
    if folder.is_dir() {
        format!("no `deskstate.yaml` in {shown}")
    } else if folder.exists() {
        format!("{shown} is not a folder")
    } else {
        format!("the folder {shown} does not exist")
    }
}

/// What to do with a file that is almost called like a project file.
fn other_project_file(folder: &Path) -> Option<String> {
    let names = std::fs::read_dir(folder).ok()?.flatten();
    let mut names: Vec<String> = names
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| {
            let name = name.to_ascii_lowercase();
            ["deskstate.yaml", "deskstate.yml", "deskstate.yaml.txt"].contains(&name.as_str())
        })
        .collect();
    names.sort();
    let name = names.first()?;
    Some(format!(
        "rename `{name}` to `deskstate.yaml`: that is the only name of a project file"
    ))
}

/// The environments of a project, the first few of many.
pub(crate) fn environments(names: &[String]) -> String {
    const LISTED: usize = 10;
    let mut listed = names.iter().take(LISTED).cloned().collect::<Vec<_>>();
    if names.len() > LISTED {
        listed.push(format!("and {} more", names.len() - LISTED));
    }
    if listed.is_empty() {
        listed.push("none".to_owned());
    }
    format!("this project has: {}", listed.join(", "))
}

impl Error {
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed {
            message: message.into(),
            hint: None,
        }
    }

    /// Converts a file error, for a file that must be written before anything starts.
    pub(crate) fn nothing_changed(self) -> Self {
        match self {
            Self::File { path, source, .. } => Self::NotBegun { path, source },
            other => other,
        }
    }

    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::InvalidManifests => ExitCode::InvalidManifests,
            Self::Refused { .. }
            | Self::Observe(
                ObserveError::OtherOrganization { .. } | ObserveError::NoOrganization(_),
            ) => ExitCode::Refused,
            Self::Ended(ended) if ended.is_stale() => ExitCode::Refused,
            Self::Ended(_)
            | Self::NoProject(_)
            | Self::NoProjectIn(_)
            | Self::NoEnvironment { .. }
            | Self::Failed { .. }
            | Self::File { .. }
            | Self::NotBegun { .. }
            | Self::Emulator(_)
            | Self::EmulatorStop(_)
            | Self::Dataverse(_)
            | Self::Observe(_)
            | Self::Probe(_)
            | Self::Comment(_)
            | Self::Notify(_)
            | Self::Output(_) => ExitCode::Failed,
        }
    }

    /// Suggests the next step.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::NoProject(folder) => Some(other_project_file(folder).unwrap_or_else(|| {
                "`deskstate init` starts a project; `--project DIR` names one elsewhere".to_owned()
            })),
            Self::NoProjectIn(folder) if !folder.is_dir() => {
                Some("name the folder that has `deskstate.yaml`".to_owned())
            }
            Self::NoProjectIn(folder) => Some(
                other_project_file(folder)
                    .unwrap_or_else(|| "`deskstate init` starts a project".to_owned()),
            ),
            Self::NoEnvironment { name, known } => {
                let near = nearest(name, known.iter().map(String::as_str));
                let near = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
                Some(format!("{near}{}", environments(known)))
            }
            Self::Refused { hint, .. } | Self::Failed { hint, .. } => hint.clone(),
            Self::Ended(ended) => Some(ended.next()),
            Self::Observe(ObserveError::OtherOrganization { .. }) => Some(
                "correct `url` or `organizationId` of the environment in deskstate.yaml".to_owned(),
            ),
            Self::Observe(ObserveError::NoOrganization(_)) => Some(
                "correct `url` of the environment in deskstate.yaml, or give the caller a security role there"
                    .to_owned(),
            ),
            Self::Comment(error) => error.hint(),
            Self::Notify(error) => Some(error.hint().to_owned()),
            _ if self.spent().is_some_and(Spent::is_about_memory) => Some(
                "if the environment really is that large, allow more memory, for example `--memory 800`"
                    .to_owned(),
            ),
            Self::Dataverse(error) | Self::Observe(ObserveError::Dataverse(error)) => {
                remedy::of(error)
            }
            Self::InvalidManifests
            | Self::Probe(_)
            | Self::File { .. }
            | Self::NotBegun { .. }
            | Self::Emulator(_)
            | Self::EmulatorStop(_)
            | Self::Output(_) => None,
        }
    }

    /// What was done before the error, as labeled lines.
    pub(crate) fn account(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Ended(ended) => ended.account(),
            _ => Vec::new(),
        }
    }

    /// The exhausted part of a trip's budget.
    pub(crate) fn spent(&self) -> Option<Spent> {
        let error = match self {
            Self::Dataverse(error) | Self::Observe(ObserveError::Dataverse(error)) => error,
            _ => return None,
        };
        match error {
            DataverseError::OverBudget { spent, .. } => Some(*spent),
            _ => None,
        }
    }

    /// Whether the reader of our output closed the pipe.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe)
    }
}
