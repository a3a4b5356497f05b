//! `plan`: shows the difference between the manifests and the live environment. Cannot write: it has only a reader.

use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};

use deskstate_dataverse::Reader;
use deskstate_reconcile::plan_file::{self, About};
use deskstate_reconcile::writes::writable;
use tokio::task::spawn_blocking;

use super::apply::BY_SOLUTION;
use super::carrying::tell_unfinished;
use super::judging::{Judging, refuse_denied};
use super::live::{Compared, Cutting, compare, findings, report, stop_on_interrupt};
use crate::environment::{self, Access};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::kept::{refuse_input, write_file};
use crate::output::format::PlanFormat;
use crate::output::harmless_json;
use crate::output::html::{self, Report};
use crate::output::markdown::{self, PlanMarkdown};
use crate::output::plan_text::{PlanText, Title, texts};
use crate::output::sides::told_apart_in_json;
use crate::paths::shown_path;
use crate::project::{Loaded, load_environment};
use crate::revision;
use crate::setting;
use crate::specs::Specs;
use crate::suggest::{self, suggest};
use crate::ui::Ui;

/// Shows what apply would change in an environment. Read-only
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The environment
    #[arg(long, short, value_name = "NAME")]
    pub(super) env: String,
    /// Exit with 2 if there are changes
    #[arg(long)]
    detailed_exitcode: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    format: PlanFormat,
    /// URL of the complete report, for a comment that is too short for it
    #[arg(long, value_name = "URL")]
    report_url: Option<String>,
    /// Also show the names of tables and columns
    #[arg(long)]
    explain_wire: bool,
    /// Save the plan, for `apply --reviewed`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    cutting: Cutting,
    #[command(flatten)]
    judging: Judging,
    #[command(flatten)]
    access: Access,
}

pub(crate) async fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    // The manifests are needed until the process ends, so freeing them piece by piece would only take time.
    let loaded = ManuallyDrop::new(load_environment(global, &args.env, ui)?);
    if let Some(path) = &args.out {
        refuse_other_file(path)?;
    }
    let (root, sources) = (loaded.root.clone(), loaded.manifests.sources.clone());
    let revision = spawn_blocking(move || revision::describe(&root, [&sources]));
    let environment = loaded.environment()?;
    tell_unfinished(&loaded, &environment.name, ui)?;
    let stop = stop_on_interrupt();
    environment::with(
        &loaded.root,
        environment,
        &args.access,
        &stop,
        async |opened| {
            let reader = Reader::open(&opened.connection)?;
            let compared = compare(&loaded, environment, &reader, &args.judging, None, ui).await?;
            let compared = ManuallyDrop::new(compared);
            let failed = report(&loaded, &compared, ui);
            let revision = revision.await.ok().flatten();
            let reach = compared.reach_in_words();
            let writable = writable(&compared.plan, &compared.live, environment.writes);
            let shown = PlanText {
                plan: &compared.plan,
                sources: &loaded.manifests.sources,
                environment: &environment.name,
                address: &opened.address,
                revision: revision.as_deref(),
                transactions: Some(args.cutting.count(&writable, &loaded, &opened.answers)),
                title: Title::of_plan(compared.options.only.is_some()),
                explain_wire: args.explain_wire,
                reach: &reach,
            };
            let transactions = shown.transactions.unwrap_or_default();
            let file = || {
                let revision = revision.as_deref();
                as_json(&loaded, &compared, &opened.address, revision, transactions)
            };
            // Saved first, because the reader of the output may stop reading early.
            if let Some(path) = args.out.as_deref().filter(|_| !failed) {
                write_file(path, &file())?;
            }
            match args.format {
                PlanFormat::Json => ui.print(file())?,
                PlanFormat::Text if ui.is_quiet() => ui.page(&shown.summary())?,
                PlanFormat::Text => ui.page(&shown.page())?,
                PlanFormat::Markdown => ui.print(
                    PlanMarkdown {
                        shown: &shown,
                        findings: &findings(&loaded, &compared),
                        limit: markdown::limit_of_environment(setting::of),
                        report_url: args.report_url.as_deref(),
                    }
                    .render(),
                )?,
                PlanFormat::Html => ui.print(html::report(&Report {
                    shown: &shown,
                    manifests: &loaded.manifests,
                    live: &Specs::live(&compared.live),
                    findings: &findings(&loaded, &compared),
                    next: &format!("Apply it with {}.", suggest("apply", &["--env", &args.env])),
                }))?,
            }
            if failed {
                return Err(Error::Failed {
                    message: "not everything could be planned".to_owned(),
                    hint: args.out.as_deref().map(|path| {
                        format!("no plan was saved, so do not apply {}", shown_path(path))
                    }),
                });
            }
            if let Some(path) = &args.out {
                ui.say(format_args!("the plan is in {}", shown_path(path)));
            }
            compared.complete()?;
            refuse_denied(&compared.findings)?;
            if compared.plan.is_empty() {
                return Ok(ExitCode::Done);
            }
            let saved = args.out.as_deref().map(shown_path);
            let reviewed = saved.as_deref().map(|path| ["--reviewed", path]);
            let mut words = vec!["--env", args.env.as_str()];
            words.extend(reviewed.into_iter().flatten());
            if writable.is_empty() {
                ui.hint(BY_SOLUTION);
            } else {
                ui.hint(suggest::line("apply", &words));
            }
            Ok(if args.detailed_exitcode {
                ExitCode::Differences
            } else {
                ExitCode::Done
            })
        },
    )
    .await
}

/// Renders a plan as a file, for review and for programs.
pub(super) fn as_json(
    loaded: &Loaded,
    compared: &Compared,
    address: &str,
    revision: Option<&str>,
    transactions: usize,
) -> String {
    let about = About {
        environment: loaded.manifests.environment.as_deref().unwrap_or_default(),
        revision,
        sources: &loaded.manifests.sources,
        reach: Some(&compared.reach),
        report: &compared.report(loaded, address, transactions),
    };
    let file = plan_file::write(&compared.plan, &compared.live, &about);
    told_apart_in_json(harmless_json(&file), texts(&compared.plan))
}

/// Refuses to replace a file that has content and is no plan, such as a manifest. A plan that is cut or altered begins like one.
fn refuse_other_file(path: &Path) -> Result<(), Error> {
    refuse_input(path)?;
    // A link is replaced, not followed.
    let has_content =
        std::fs::symlink_metadata(path).is_ok_and(|file| file.is_file() && file.len() > 0);
    // Not an input, so it is not read as one.
    let is_plan = || {
        let start = deskstate_files::start(path, 1024);
        let start = String::from_utf8_lossy(&start);
        // One that was cut has no words yet.
        let words = ["\"formatVersion\"", "\"definitions\""];
        start.trim_start().starts_with('{')
            && (start.trim() == "{}"
                || start.trim() == "{"
                || words.iter().all(|word| start.contains(word)))
    };
    if !has_content || is_plan() {
        return Ok(());
    }
    Err(Error::Failed {
        message: format!("{} exists and is not a saved plan", shown_path(path)),
        hint: Some("choose another file for `--out`, or delete it".to_owned()),
    })
}
