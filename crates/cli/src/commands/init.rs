//! `init`: creates a project with one example, or from an environment, with schema settings for editors and CI on request.

mod ci;
mod from_env;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use deskstate_dataverse::EnvironmentUrl;
use deskstate_files::Limit;
use deskstate_model::{PROJECT_FILE, Target, json_schemas, load_project, yaml_scalar};

use super::exporting::Writing;
use crate::door::{DIM, GOOD};
use crate::environment::Access;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::paths::with_slashes;
use crate::suggest;
use crate::ui::Ui;

/// Creates a project with a small example, or from an environment
///
/// `--from-env` signs in, checks the environment as `doctor` does, and exports all rows that come neither from Microsoft nor from a managed
/// solution. A plan is empty afterwards. If anything cannot be exported, it is listed, everything else is written, and the exit code is 1.
///
/// Existing files are left unchanged. In a folder that already has a project, `init` adds only the schemas and what `--ci` asks for;
/// it refuses `--name` and `--url` there. `--ci` follows `stages` of the project, and replaces its own workflows and pipelines unless
/// somebody edited them.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder [default: here]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Name of the project [default: the folder's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Add an environment `prod` with this URL, next to `local`
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Export this environment and call it `prod`: its URL, or any address of it from the browser
    #[arg(long, value_name = "URL", conflicts_with = "url")]
    from_env: Option<String>,
    #[command(flatten)]
    writing: Writing,
    /// Also write workflows or pipelines, for the environments in `stages`
    #[arg(long, value_enum, value_name = "WHERE")]
    ci: Option<Ci>,
    #[command(flatten)]
    access: Access,
}

/// The build host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Ci {
    /// GitHub Actions.
    Github,
    /// Azure Pipelines.
    Azure,
}

/// A file to write: its path, with `/`, and its text.
type NewFile = (String, String);

pub(crate) async fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let folder = match (&args.folder, &global.project) {
        (Some(_), Some(_)) => {
            return Err(Error::Refused {
                message: "the folder of the project is given twice, and nothing was written"
                    .to_owned(),
                hint: Some("leave out `--project`".to_owned()),
            });
        }
        (Some(folder), None) | (None, Some(folder)) => folder.clone(),
        (None, None) => PathBuf::from("."),
    };
    if let Some(url) = &args.from_env {
        return from_env::run(args, &folder, url, ui).await;
    }
    if args.writing.is_given() {
        return Err(Error::Refused {
            message: "`--users` and `--sets` say how an environment is exported".to_owned(),
            hint: Some("add `--from-env URL`, or leave them out".to_owned()),
        });
    }
    let is_new = !folder.join(PROJECT_FILE).exists();
    let stages = if is_new {
        vec![ci::DEFAULT_STAGE.to_owned()]
    } else {
        refuse_to_change(args, &folder)?;
        match args.ci {
            Some(ci) => {
                let stages = ci::stages_of(&folder)?;
                ci::refuse_plan_stage(ci, &stages)?;
                stages
            }
            None => Vec::new(),
        }
    };
    std::fs::create_dir_all(&folder).map_err(|source| Error::File {
        what: "could not make",
        path: folder.clone(),
        source,
    })?;
    let mut files = Vec::new();
    if is_new {
        files.extend(project(args, &folder, ui)?);
        files.extend(surroundings());
    }
    files.extend(schemas()?);
    for (path, text) in files {
        write_new(&folder, &path, &text, ui)?;
    }
    for (path, text) in args.ci.map(|ci| ci::files(ci, &stages)).unwrap_or_default() {
        ci::write(&folder, &path, &text, ui)?;
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
    if let Some(ci) = args.ci {
        ci::explain(ci, &folder, &stages, ui);
    }
    Ok(ExitCode::Done)
}

/// An existing project file is not edited, so options that only apply to a new one are refused, unless the project already has their
/// values.
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

/// Normalizes the address of an environment, and prints the result if it differs from the given one.
fn address(written: &str, ui: &mut Ui) -> Result<String, Error> {
    let url: EnvironmentUrl = written.parse()?;
    let origin = url.origin();
    if written.trim().trim_end_matches('/') != origin {
        ui.note(format_args!("the environment's address is {origin}"));
    }
    Ok(origin)
}

/// The name of a new project.
fn project_name(args: &Args, folder: &Path) -> Result<String, Error> {
    match &args.name {
        Some(name) if is_name(name) => Ok(name.clone()),
        Some(name) => Err(Error::Failed {
            message: format!("`{}` cannot name a project", crate::output::plain(name)),
            hint: Some("letters, digits, `-`, `_`, `.`, up to 63".to_owned()),
        }),
        None => Ok(name_of(folder)),
    }
}

fn project(args: &Args, folder: &Path, ui: &mut Ui) -> Result<Vec<NewFile>, Error> {
    let name = project_name(args, folder)?;
    let environments = match &args.url {
        None => "    # prod:\n    #   url: https://contoso.crm.dynamics.com".to_owned(),
        Some(url) => format!("    prod:\n      url: {}", address(url, ui)?),
    };
    let project = include_str!("../../assets/init/deskstate.yaml")
        .replace("{name}", &yaml_scalar(&name))
        .replace("{environments}", &environments);
    Ok(vec![
        (PROJECT_FILE.to_owned(), project),
        (
            "manifests/desktop.yaml".to_owned(),
            include_str!("../../assets/init/manifests.yaml").to_owned(),
        ),
    ])
}

/// The files in every new project that configure git and editors.
fn surroundings() -> Vec<NewFile> {
    let files = [
        (
            IGNORED,
            "# Local state, undo files and answers; none of it belongs to the project.\n.deskstate/\n",
        ),
        (
            ".vscode/settings.json",
            include_str!("../../assets/init/vscode-settings.json"),
        ),
        (
            ".vscode/extensions.json",
            include_str!("../../assets/init/vscode-extensions.json"),
        ),
    ];
    files
        .map(|(path, text)| (path.to_owned(), text.to_owned()))
        .into()
}

/// The schemas that editors use to check manifests.
fn schemas() -> Result<Vec<NewFile>, Error> {
    const FOR_EDITORS: [&str; 5] = [
        "manifest.json",
        "overlay.json",
        "project.json",
        "contract.json",
        "package.json",
    ];
    json_schemas()
        .into_iter()
        .filter(|(name, _)| FOR_EDITORS.contains(&name.as_str()))
        .map(|(name, schema)| {
            let text = super::schema::text(&schema)?;
            Ok((format!("schemas/deskstate/{name}"), text))
        })
        .collect()
}

/// Whether a text is a valid project name.
fn is_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Derives a valid project name from the folder's name.
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

/// Git's list of files that nobody commits.
const IGNORED: &str = ".gitignore";

/// Adds deskstate's own folder to an existing list: undo files contain values as they were. Returns whether it was added.
fn ignore_own_folder(list: &Path, ui: &mut Ui) -> Result<bool, Error> {
    let own = format!("{}/", crate::kept::FOLDER);
    let text = (!list.is_symlink()).then(|| deskstate_files::read_text(list, Limit::MANIFEST));
    let Some(Ok(before)) = text else {
        ui.note(format_args!(
            "add `{own}` to {IGNORED}: undo files must not be committed"
        ));
        return Ok(false);
    };
    // The last line that is about the folder decides.
    let rule = |line: &str| {
        let line = line.trim();
        let is_own = |rule: &str| rule.trim_matches('/') == crate::kept::FOLDER;
        is_own(line.trim_start_matches('!')).then(|| !line.starts_with('!'))
    };
    if before.lines().filter_map(rule).next_back() == Some(true) {
        return Ok(false);
    }
    let line_end = if before.contains("\r\n") {
        "\r\n"
    } else {
        "\n"
    };
    let end = match before.ends_with('\n') || before.is_empty() {
        true => "",
        false => line_end,
    };
    crate::kept::write_files(&[(list.to_path_buf(), format!("{before}{end}{own}{line_end}"))])?;
    Ok(true)
}

/// Writes a file if it does not exist. Existing files are never overwritten.
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
            if let Err(error) = std::io::Write::write_all(&mut opened, text.as_bytes()) {
                drop(opened);
                // A cut file would be kept by the next run.
                drop(std::fs::remove_file(&target));
                return Err(file(error));
            }
            ui.verb(GOOD, "Created", path);
            Ok(())
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            if path == IGNORED && ignore_own_folder(&target, ui)? {
                ui.verb(GOOD, "Extended", path);
            } else {
                ui.verb(DIM, "Kept", path);
            }
            Ok(())
        }
        Err(error) => Err(file(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
