//! `init`: a project with one example that validates and applies to the embedded emulator, editors told of the schemas, CI on request.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use deskstate_dataverse::EnvironmentUrl;
use deskstate_model::{PROJECT_FILE, Target, json_schemas, load_project};

use crate::door::{DIM, GOOD};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::paths::with_slashes;
use crate::suggest;
use crate::ui::Ui;

/// Starts a project: one example that validates and applies, editors told of the schemas, CI on request
///
/// Existing files are left unchanged. In a folder that already has a project, `init` adds only the schemas and what `--ci` asks for;
/// it refuses `--name` and `--url` there.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder [default: here]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Name of the project [default: the folder's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// An environment `prod` behind this URL, beside `local`
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Workflows or pipelines too
    #[arg(long, value_enum, value_name = "WHERE")]
    ci: Option<Ci>,
}

/// Where builds run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Ci {
    /// GitHub Actions.
    Github,
    /// Azure Pipelines.
    Azure,
}

/// A file to be written: its path, with `/`, and its text.
type NewFile = (String, String);

/// The same files as `ci/github/workflows`.
const GITHUB: &[(&str, &str)] = &[
    (
        "deskstate-plan.yml",
        include_str!("../../assets/ci/github/deskstate-plan.yml"),
    ),
    (
        "deskstate-apply.yml",
        include_str!("../../assets/ci/github/deskstate-apply.yml"),
    ),
    (
        "deskstate-drift.yml",
        include_str!("../../assets/ci/github/deskstate-drift.yml"),
    ),
];

/// The same files as `ci/azure-pipelines`, and the installers from `ci`.
const AZURE: &[(&str, &str)] = &[
    (
        "install.yml",
        include_str!("../../assets/ci/azure-pipelines/install.yml"),
    ),
    ("install.sh", include_str!("../../assets/ci/install.sh")),
    ("install.ps1", include_str!("../../assets/ci/install.ps1")),
    (
        "plan.yml",
        include_str!("../../assets/ci/azure-pipelines/plan.yml"),
    ),
    (
        "apply.yml",
        include_str!("../../assets/ci/azure-pipelines/apply.yml"),
    ),
    (
        "drift.yml",
        include_str!("../../assets/ci/azure-pipelines/drift.yml"),
    ),
];

pub(crate) fn run(args: &Args, ui: &mut Ui) -> Result<ExitCode, Error> {
    let folder = args.folder.clone().unwrap_or_else(|| PathBuf::from("."));
    let is_new = !folder.join(PROJECT_FILE).exists();
    if !is_new {
        refuse_to_change(args, &folder)?;
    }
    std::fs::create_dir_all(&folder).map_err(|source| Error::File {
        what: "could not make",
        path: folder.clone(),
        source,
    })?;
    let mut files = Vec::new();
    if is_new {
        files.extend(project(args, &folder)?);
    }
    for (name, schema) in json_schemas() {
        if matches!(
            name.as_str(),
            "manifest.json" | "overlay.json" | "project.json" | "contract.json"
        ) {
            files.push((
                format!("schemas/deskstate/{name}"),
                super::schema::text(&schema)?,
            ));
        }
    }
    files.extend(args.ci.map(templates).unwrap_or_default());
    for (path, text) in files {
        write_new(&folder, &path, &text, ui)?;
    }
    if is_new {
        let place = match &args.folder {
            Some(folder) => vec!["--project".to_owned(), with_slashes(folder)],
            None => Vec::new(),
        };
        let place: Vec<&str> = place.iter().map(String::as_str).collect();
        ui.hint(format_args!(
            "{}, then {}",
            suggest::line("validate", &place),
            suggest::line("plan", &[&["--env", "local"][..], &place].concat())
        ));
    } else {
        ui.note(format_args!(
            "{DIM}{PROJECT_FILE} already exists; left unchanged{DIM:#}"
        ));
    }
    if args.ci.is_some() {
        ui.hint("read the head of each file: it says what to set up first");
    }
    Ok(ExitCode::Done)
}

/// A project file that exists is not edited, so what only a new one can take is refused, unless the project has it already.
fn refuse_to_change(args: &Args, folder: &Path) -> Result<(), Error> {
    let (manifests, _) = load_project(folder);
    let known = manifests.project.as_ref();
    let refused = |option: &str, hint: String| {
        Err(Error::Refused {
            message: format!("{PROJECT_FILE} already exists, and `{option}` is for a new project"),
            hint: Some(hint),
        })
    };
    if let Some(url) = &args.url {
        let url: EnvironmentUrl = url.parse()?;
        let mut environments = known
            .iter()
            .flat_map(|project| project.environments.values());
        let is_known = environments.any(|environment| match &environment.target {
            Target::Url(known) => known
                .value
                .parse::<EnvironmentUrl>()
                .is_ok_and(|known| known == url),
            Target::Emulator { .. } => false,
        });
        if !is_known {
            let origin = url.origin();
            return refused(
                "--url",
                format!(
                    "add `prod: {{url: {origin}}}` under `spec.environments` of {PROJECT_FILE}"
                ),
            );
        }
    }
    match &args.name {
        Some(name) if known.is_none_or(|project| project.name.value != *name) => refused(
            "--name",
            format!("change `metadata.name` in {PROJECT_FILE}"),
        ),
        _ => Ok(()),
    }
}

fn project(args: &Args, folder: &Path) -> Result<Vec<NewFile>, Error> {
    let name = match &args.name {
        Some(name) if is_name(name) => name.clone(),
        Some(name) => {
            return Err(Error::Failed {
                message: format!("`{}` is no name for a project", crate::output::plain(name)),
                hint: Some("letters, digits, `-`, `_`, `.`, up to 63".to_owned()),
            });
        }
        None => name_of(folder),
    };
    let environments = match &args.url {
        None => "    # prod:\n    #   url: https://contoso.crm.dynamics.com".to_owned(),
        Some(url) => {
            let url: EnvironmentUrl = url.parse()?;
            format!("    prod:\n      url: {}", url.origin())
        }
    };
    let project = include_str!("../../assets/init/deskstate.yaml")
        .replace("{name}", &name)
        .replace("{environments}", &environments);
    Ok(vec![
        (PROJECT_FILE.to_owned(), project),
        ("manifests/desktop.yaml".to_owned(), include_str!("../../assets/init/manifests.yaml").to_owned()),
        (".gitignore".to_owned(), "# Local state, undo files and answers; none of it belongs to the project.\n.deskstate/\n".to_owned()),
        (".vscode/settings.json".to_owned(), include_str!("../../assets/init/vscode-settings.json").to_owned()),
    ])
}

fn templates(ci: Ci) -> Vec<NewFile> {
    let (folder, files) = match ci {
        Ci::Github => (".github/workflows", GITHUB),
        Ci::Azure => ("azure-pipelines", AZURE),
    };
    // Set in release builds.
    let commit = option_env!("DESKSTATE_COMMIT").filter(|commit| !commit.is_empty());
    files
        .iter()
        .map(|(name, text)| (format!("{folder}/{name}"), pinned(text, commit)))
        .collect()
}

/// Our own action at the commit of this release: a tag can be moved.
fn pinned(text: &str, commit: Option<&str>) -> String {
    let tag = concat!("deskstate/deskstate/ci/github@v", env!("CARGO_PKG_VERSION"));
    match commit {
        Some(commit) => {
            let (action, version) = tag.split_once('@').unwrap_or((tag, ""));
            text.replace(tag, &format!("{action}@{commit} # {version}"))
        }
        None => text.to_owned(),
    }
}

/// The rule for names of projects.
fn is_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// The folder's name, as far as a project may be called so.
fn name_of(folder: &Path) -> String {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    let name: String = folder
        .file_name()
        .map(|name| {
            name.to_string_lossy()
                .chars()
                .filter(|character| is_name(&character.to_string()))
                .take(63)
                .collect()
        })
        .unwrap_or_default();
    if name.is_empty() {
        "desk".to_owned()
    } else {
        name
    }
}

/// Writes a file that is not there. Nobody's files are written over.
fn write_new(folder: &Path, path: &str, text: &str, ui: &mut Ui) -> Result<(), Error> {
    let target = folder.join(path);
    let file = |source| Error::File {
        what: "could not write",
        path: target.clone(),
        source,
    };
    if let Some(parent) = target.parent() {
        std::fs::create_dir_all(parent).map_err(file)?;
    }
    let opened = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&target);
    match opened {
        Ok(mut opened) => {
            std::io::Write::write_all(&mut opened, text.as_bytes()).map_err(file)?;
            ui.verb(GOOD, "Created", path);
            Ok(())
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            ui.verb(DIM, "Kept", path);
            Ok(())
        }
        Err(error) => Err(file(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_those_of_the_repository() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ci");
        if !root.is_dir() {
            // A published crate has no templates beside it.
            return;
        }
        for (folder, files) in [("github/workflows", GITHUB), ("azure-pipelines", AZURE)] {
            for (name, text) in files {
                let place = match *name {
                    "install.sh" | "install.ps1" => root.join(name),
                    _ => root.join(folder).join(name),
                };
                let file = std::fs::read_to_string(place).unwrap_or_default();
                assert_eq!(
                    file, *text,
                    "copy ci/{folder}/{name} to crates/cli/assets/ci"
                );
            }
        }
    }

    #[test]
    fn our_own_action_is_pinned_to_a_release_and_never_to_a_branch() {
        let uses: Vec<&str> = GITHUB
            .iter()
            .flat_map(|(_, text)| text.lines())
            .filter(|line| line.contains("deskstate/deskstate/"))
            .collect();
        assert!(!uses.is_empty());
        let commit = "0123456789012345678901234567890123456789";
        for line in uses {
            let tag = format!("@v{}", env!("CARGO_PKG_VERSION"));
            assert!(line.ends_with(&tag), "{line}");
            let pin = format!("@{commit} # v{}", env!("CARGO_PKG_VERSION"));
            assert!(pinned(line, Some(commit)).ends_with(&pin), "{line}");
        }
        let version = format!("default: {}\n", env!("CARGO_PKG_VERSION"));
        assert!(
            AZURE
                .iter()
                .any(|(name, text)| *name == "install.yml" && text.contains(&version))
        );
    }

    #[test]
    fn a_project_is_called_like_its_folder_as_far_as_it_may() {
        assert_eq!(
            name_of(Path::new("/nowhere/Contoso Desk (1)")),
            "ContosoDesk1"
        );
        assert_eq!(name_of(Path::new("/")), "desk");
        assert!(!is_name("a b") && !is_name("") && is_name("contoso-desk"));
    }
}
