//! `comment`: posts a plan as the one comment of its environment on a pull request, or edits the one that stands.

use std::path::{Path, PathBuf};
use std::time::Duration;

use deskstate_files::Limit;

use crate::comment::{self, Client, CommentError, Host, Posted};
use crate::door::GOOD;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::output::markdown::{self, marker};
use crate::paths::shown_path;
use crate::suggest::suggest;
use crate::ui::Ui;

/// Posts a plan on the pull request that a build is about, or edits the comment that stands
///
/// Reads what `plan --format markdown` wrote. Needs neither the manifests nor access to an environment. On GitHub Actions it takes
/// GITHUB_TOKEN (permission `pull-requests: write`), on Azure Pipelines SYSTEM_ACCESSTOKEN (the build service's right to contribute
/// to pull requests).
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The environment that the plan is for
    #[arg(long, short, value_name = "NAME")]
    env: String,
    /// The pull request [default: the build's]
    #[arg(long, value_name = "NUMBER")]
    pull_request: Option<u64>,
    /// The plan; `-` for stdin
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
}

pub(crate) async fn run(args: &Args, ui: &mut Ui) -> Result<ExitCode, Error> {
    let body = read(&args.file)?;
    if body.lines().next() != Some(marker(&args.env).as_str()) {
        let file = if is_stdin(&args.file) {
            "stdin".to_owned()
        } else {
            shown_path(&args.file)
        };
        return Err(Error::Failed {
            message: format!(
                "{file} is no plan for {} as Markdown",
                crate::output::plain(&args.env)
            ),
            hint: Some(format!(
                "save one with {}",
                suggest("plan", &["--env", &args.env, "--format", "markdown"])
            )),
        });
    }
    let host = Host::of_environment(&|name| std::env::var(name).ok(), args.pull_request)?;
    let body = markdown::fit(&body, host.limit());
    let client =
        Client::new(Duration::from_secs(2)).map_err(|error| CommentError::Unreachable {
            host: host.name(),
            source: Box::new(error),
        })?;
    let verb = match comment::post(&host, &client, &body).await? {
        Posted::Created => "Created",
        Posted::Updated => "Updated",
        Posted::Unchanged => "Kept",
    };
    ui.verb(
        GOOD,
        verb,
        format_args!(
            "the comment for {} on {}",
            crate::output::plain(&args.env),
            host.name()
        ),
    );
    Ok(ExitCode::Done)
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
