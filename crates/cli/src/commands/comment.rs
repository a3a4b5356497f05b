//! `comment`: posts plans as one comment on a pull request, or edits the existing comment.

use std::path::{Path, PathBuf};
use std::time::Duration;

use deskstate_files::Limit;

use super::live::stop_on_interrupt;
use crate::comment::{self, Client, Host, Posted, Section};
use crate::door::GOOD;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::output::markdown::marker;
use crate::paths::shown_path;
use crate::setting;
use crate::suggest::suggest;
use crate::ui::Ui;

/// Posts plans as one comment on the pull request of a build, or updates the existing comment
///
/// Reads what `plan --format markdown` wrote. With several `--env`, the comment has a section for each, in that order. Needs neither the
/// manifests nor access to an environment. On GitHub Actions it takes GITHUB_TOKEN (permission `pull-requests: write`), on Azure Pipelines
/// SYSTEM_ACCESSTOKEN (the build service's right to contribute to pull requests).
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The environment that the plan is for; repeat the option for a comment with several sections
    #[arg(long, short, value_name = "NAME", required = true)]
    env: Vec<String>,
    /// The pull request [default: the build's]
    #[arg(long, value_name = "NUMBER")]
    pull_request: Option<u64>,
    /// Tells the comments of several projects in one repository apart, such as the project's name
    #[arg(long, value_name = "KEY", value_parser = key)]
    key: Option<String>,
    /// A file with further certificate authorities to trust, PEM
    #[arg(long, env = "DESKSTATE_CA_FILE", value_name = "FILE")]
    // `outbound` takes it from the command line, as for every command.
    ca_file: Option<PathBuf>,
    /// The plan; `-` for stdin, or a folder with a file `NAME.md` for each environment
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
}

pub(crate) async fn run(args: &Args, ui: &mut Ui) -> Result<ExitCode, Error> {
    let sections = sections(args)?;
    crate::proxy::check()?;
    let host = Host::of_environment(&setting::of, args.pull_request)?;
    let body = comment::body(&sections, args.key.as_deref(), host.limit());
    let client = Client::new(Duration::from_secs(2))?;
    let stop = stop_on_interrupt();
    let posted = tokio::select! {
        posted = comment::post(&host, &client, &body) => posted?,
        () = stop.stopped() => return Err(Error::Failed {
            message: "stopped: the comment may have been posted".to_owned(),
            hint: Some("run the command again: it updates the comment that is there".to_owned()),
        }),
    };
    let verb = match posted {
        Posted::Created => "Created",
        Posted::Updated => "Updated",
        Posted::Unchanged => "Kept",
    };
    let names: Vec<&str> = args.env.iter().map(String::as_str).collect();
    ui.verb(
        GOOD,
        verb,
        format_args!(
            "the comment for {} on {}",
            crate::output::plain(&names.join(", ")),
            host.name()
        ),
    );
    Ok(ExitCode::Done)
}

fn key(text: &str) -> Result<String, String> {
    let fits = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    match !text.is_empty() && text.chars().all(fits) {
        true => Ok(text.to_owned()),
        false => Err("a key has letters, digits, `-`, `_` and `.`".to_owned()),
    }
}

/// Reads the plan of each environment. In a folder, a plan may be missing or empty: its job failed before it could plan.
fn sections(args: &Args) -> Result<Vec<Section<'_>>, Error> {
    let is_folder = args.file.is_dir();
    if !is_folder && args.env.len() > 1 {
        return Err(Error::Refused {
            message: format!(
                "{} is not a folder, and several environments have several plans",
                shown_path(&args.file)
            ),
            hint: Some(
                "give the folder that holds a file `NAME.md` for each environment".to_owned(),
            ),
        });
    }
    let mut sections = Vec::new();
    for environment in &args.env {
        let plan = if is_folder {
            let file = args.file.join(format!("{environment}.md"));
            let is_there = std::fs::metadata(&file).is_ok_and(|found| found.len() > 0);
            is_there.then(|| plan_in(&file, environment)).transpose()?
        } else {
            Some(plan_in(&args.file, environment)?)
        };
        sections.push(Section { environment, plan });
    }
    Ok(sections)
}

/// Reads a file and checks that it contains a plan for the environment.
fn plan_in(file: &Path, environment: &str) -> Result<String, Error> {
    let body = read(file)?;
    if body.lines().next() == Some(marker(environment).as_str()) {
        return Ok(body);
    }
    let file = if is_stdin(file) {
        "stdin".to_owned()
    } else {
        shown_path(file)
    };
    Err(Error::Failed {
        message: format!(
            "{file} is not a plan for {} in Markdown",
            crate::output::plain(environment)
        ),
        hint: Some(format!(
            "save one with {}",
            suggest("plan", &["--env", environment, "--format", "markdown"])
        )),
    })
}

fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == "-"
}

fn read(file: &Path) -> Result<String, Error> {
    let read = if is_stdin(file) {
        deskstate_files::read_stream_text(std::io::stdin().lock(), Limit::COMMENT)
    } else {
        deskstate_files::read_text(file, Limit::COMMENT)
    };
    read.map_err(|problem| Error::File {
        what: "could not read",
        path: file.to_path_buf(),
        source: problem.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_without_a_plan_keeps_no_other_from_its_section() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let plan = marker("dev") + "\n### Plan\n";
        std::fs::write(folder.path().join("dev.md"), &plan).expect("a file");
        // When a command fails, the shell leaves an empty output file.
        std::fs::write(folder.path().join("test.md"), "").expect("a file");
        let mut args = Args {
            env: ["dev", "test", "prod"].map(str::to_owned).to_vec(),
            pull_request: None,
            key: None,
            ca_file: None,
            file: folder.path().to_path_buf(),
        };
        let found = sections(&args).expect("sections");
        let plans: Vec<Option<&str>> = found.iter().map(|one| one.plan.as_deref()).collect();
        assert_eq!(plans, [Some(plan.as_str()), None, None]);
        std::fs::write(folder.path().join("test.md"), &plan).expect("a file");
        assert!(sections(&args).is_err(), "the plan of another environment");
        args.file = folder.path().join("dev.md");
        assert!(sections(&args).is_err(), "one file for three environments");
    }
}
