//! `show`: prints a saved plan, without an environment.

use std::path::PathBuf;

use deskstate_files::Limit;
use deskstate_model::{Diagnostic, Manifests};
use deskstate_reconcile::plan::SyncState;
use deskstate_reconcile::plan_file::{self, PlanFile, RestoreError, Restored, restore};

use super::live::read_file;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::output::format::PlanFormat;
use crate::output::harmless_json;
use crate::output::html::{self, Report};
use crate::output::markdown::{self, PlanMarkdown};
use crate::output::plan_text::{PlanText, Title, texts};
use crate::output::sides::told_apart_in_json;
use crate::paths::{from_here, shown_path};
use crate::project::{Need, load_project_file};
use crate::setting;
use crate::specs::Specs;
use crate::suggest::suggest;
use crate::ui::Ui;
use crate::{explanations, project};

/// Shows a saved plan in any format, without an environment
///
/// A build plans once with `plan --out`, and creates the comment and the page from the file. To show resources of a kind that a project
/// defines, run it in that project.
///
/// Exit codes: 0 shown, 1 something in the plan is unknown.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file that `plan --out` wrote
    file: PathBuf,
    /// How to print it
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    format: PlanFormat,
    /// URL of the complete report, for a comment that is too short for it
    #[arg(long, value_name = "URL")]
    report_url: Option<String>,
    /// Also show the names of tables and columns
    #[arg(long)]
    explain_wire: bool,
}

pub(crate) fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let text = read_file(&args.file, Limit::PLAN)?;
    let file = plan_file::read(&text).map_err(|error| Error::Failed {
        message: format!("{}: {error}", shown_path(&args.file)),
        hint: Some(error.help().to_owned()),
    })?;
    let Restored {
        plan,
        sources,
        reach,
        findings,
    } = restored(&file, global, ui)?;
    let shown = PlanText {
        plan: &plan,
        sources: &sources,
        environment: &file.environment,
        address: &file.report.address,
        revision: file.revision.as_deref(),
        transactions: Some(file.report.transactions),
        title: Title::of_plan(file.report.selection),
        explain_wire: args.explain_wire,
        reach: &reach,
    };
    match args.format {
        PlanFormat::Json => ui.print(told_apart_in_json(harmless_json(&text), texts(&plan)))?,
        PlanFormat::Text => {
            let without_texts: Vec<Diagnostic> = findings
                .iter()
                .map(|finding| placed(finding, &shown))
                .collect();
            ui.findings(&without_texts, &sources);
            ui.page(&if ui.is_quiet() {
                shown.summary()
            } else {
                shown.page()
            })?;
        }
        PlanFormat::Markdown => ui.print(
            PlanMarkdown {
                shown: &shown,
                findings: &findings,
                limit: markdown::limit_of_environment(setting::of),
                report_url: args.report_url.as_deref(),
            }
            .render(),
        )?,
        PlanFormat::Html => ui.print(html::report(&Report {
            shown: &shown,
            manifests: &Manifests::default(),
            live: &Specs::default(),
            findings: &findings,
            next: &format!(
                "Apply it with {}.",
                suggest(
                    "apply",
                    &[
                        "--env",
                        &file.environment,
                        "--reviewed",
                        &from_here(&args.file)
                    ]
                )
            ),
        }))?,
    }
    match plan.state() {
        SyncState::InSync | SyncState::Different => Ok(ExitCode::Done),
        SyncState::Unknown => Err(Error::failed("not everything could be compared")),
    }
}

/// Restores the plan of a file. If it uses an unknown kind, the project may define that kind.
fn restored(file: &PlanFile, global: &Global, ui: &mut Ui) -> Result<Restored, Error> {
    let known = |code: &str| explanations::of_code(code).map(|known| known.code);
    let mut restored = restore(file, &known);
    if matches!(restored, Err(RestoreError::UnknownKind(_))) && project::root(global).is_ok() {
        load_project_file(global, &file.environment, Need::Environment, ui)?;
        restored = restore(file, &known);
    }
    restored.map_err(|error| Error::Failed {
        hint: match error {
            RestoreError::UnknownKind(_) => {
                Some("show it in the project that defines the kind: `--project DIR`".to_owned())
            }
            RestoreError::UnknownWord(_) => None,
        },
        message: error.to_string(),
    })
}

/// Writes the location of a finding into its message, because the text of the files is not available.
fn placed(finding: &Diagnostic, shown: &PlanText<'_>) -> Diagnostic {
    let place = finding.primary.as_ref().map(|label| {
        let (line, _) = shown.sources.line_column(label.span);
        format!(" ({}:{line})", shown.sources.path(label.span.file))
    });
    Diagnostic {
        message: finding.message.clone() + &place.unwrap_or_default(),
        primary: None,
        ..finding.clone()
    }
}
