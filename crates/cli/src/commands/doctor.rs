//! `doctor`: checks sign-in, permissions, language and tables of an environment. Read-only, unless told to probe.

mod builds;
pub(crate) mod findings;
mod report;

use std::collections::BTreeSet;
use std::path::PathBuf;

use deskstate_dataverse::{Reader, Session};
use deskstate_model::{Environment, Manifests, Prune, Table, Writes};
use deskstate_reconcile::probe::{Answers, Questions, privileges_to_write, probe};
use deskstate_reconcile::{Desired, Scope, lower};

use self::findings::{Finding, State};
use super::live::{read, solution, stop_on_interrupt};
use crate::door::{BAD, GOOD, STRONG, WARN};
use crate::environment::{self, Access};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::kept::{refuse_input, write_file};
use crate::output::count;
use crate::output::plain;
use crate::paths::shown_path;
use crate::project::load_if_valid;
use crate::ui::Ui;

/// Checks sign-in, permissions, language and tables of an environment. Read-only
///
/// Exit codes: 0 no problems, 1 a plan would fail.
///
/// `--probe` also asks the environment questions that documentation leaves open. It sends transactions whose last operation must fail, so
/// nothing is stored, and writes the answers to `.deskstate/answers/<environment>.json`, which `deskstate emulator --answers` also reads.
/// The answers name no people and no environment. `--probe=write` also asks questions that need stored rows: it
/// creates two scratch rows with `deskstateProbe` in their names, and deletes them again. Both check afterwards whether anything is left.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The environment
    #[arg(long, short, value_name = "NAME")]
    env: String,
    /// Ask the environment questions that documentation leaves open; stores nothing, or temporarily two scratch rows with `=write`
    #[arg(long, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "rollback")]
    probe: Option<How>,
    /// Write what the environment lacks, and the answers of `--probe`, to a file that you can attach to an issue: it names no host, id, person or row
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Do not ask before `--probe=write`
    #[arg(long, short, requires = "probe")]
    yes: bool,
    #[command(flatten)]
    access: Access,
}

/// How to probe an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum How {
    /// By transactions that must fail: nothing is stored
    Rollback,
    /// Also by two scratch rows, which are deleted again
    Write,
}

pub(crate) async fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let (loaded, broken) = load_if_valid(global, &args.env, ui)?;
    let environment = loaded.environment()?;
    if let Some(file) = &args.report {
        refuse_input(file)?;
    }
    let stop = stop_on_interrupt();
    if let Some(how) = args.probe {
        allowed(environment, how)?;
        if how == How::Write {
            let question = format!(
                "Store two scratch rows in {} and delete them again?",
                environment.name
            );
            ui.agree(args.yes, "doctor --probe=write", &question, &stop)
                .await?;
        }
    }
    environment::with(&loaded.root, environment, &args.access, &stop, async |opened| {
    let reader = Reader::open(&opened.connection)?;
    let desired = lower(&loaded.manifests);
    let scope = Scope {
        organization: environment.organization_id,
        solution: solution(&loaded, environment),
        ..Scope::default()
    };
    let live = read(&reader, &desired, &scope, &environment.name, ui).await?;
    let privileges = privileges_to_write(&reader).await?;
    let probed = match args.probe {
        Some(how) => {
            let questions = match how {
                How::Rollback => Questions::RolledBack,
                How::Write => Questions::Stored,
            };
            let session = Session::open(&opened.connection)?;
            Some(probe(&session, &live, questions).await?)
        }
        None => None,
    };
    let address = opened.address.clone();
    let mut findings = vec![Finding::good(format!(
        "signed in, and {address} answers: {} to read it",
        requests(live.requests)
    ))];
    if broken > 0 {
        findings.push(
            Finding::worth(
                format!(
                    "the manifests have {}, so the users, roles and rows that they name were not looked up",
                    count(broken, "error")
                ),
                "`deskstate validate` shows them",
            ),
        );
    }
    let needed = needed(&loaded.manifests, &desired, broken);
    findings.extend(findings::of_live(
        &live,
        needed.as_ref(),
        privileges.as_ref(),
        environment.writes,
    ));
    findings.extend(probed.iter().flat_map(findings::what_is_left));
    if let Some(project) = &loaded.manifests.project {
        findings.extend(builds::of_project(&loaded.root, project, &environment.name));
    }
    let worst = say(&environment.name, &address, &findings, ui)?;
    if let Some(file) = &args.report {
        let answers = probed.as_ref().map(|probed| probed.answers.clone());
        let answers = answers.unwrap_or_else(|| Answers::of(&live));
        write_file(file, &report::text(args.probe, &answers)?)?;
        ui.note(format_args!(
            "report in {}; read it, then attach it to an issue",
            shown_path(file)
        ));
    }
    if let Some(probed) = probed {
        keep(&loaded.root, &environment.name, &probed.answers, ui)?;
    }
    Ok(if worst == State::Bad {
        ExitCode::Failed
    } else {
        ExitCode::Done
    })
    })
    .await
}

/// The tables that a plan of the project depends on, if they are known: not with broken manifests, and not all with `prune`.
fn needed(
    manifests: &Manifests,
    desired: &Desired,
    broken: usize,
) -> Option<BTreeSet<&'static Table>> {
    let project = manifests.project.as_ref();
    let prunes = project.is_some_and(|project| project.prune == Prune::Owned);
    if broken > 0 || prunes {
        return None;
    }
    desired.tables_of_plan(&manifests.contracts)
}

/// Prints the findings and returns the worst severity.
pub(super) fn say(
    environment: &str,
    address: &str,
    findings: &[Finding],
    ui: &mut Ui,
) -> Result<State, Error> {
    ui.line(format_args!(
        "{STRONG}{environment}{STRONG:#} ({address}), deskstate {}",
        env!("CARGO_PKG_VERSION")
    ))?;
    for finding in findings {
        let style = match finding.state {
            State::Good => GOOD,
            State::Worth => WARN,
            State::Bad => BAD,
        };
        let mark = finding.state.mark();
        ui.line(format_args!("{style}{mark:>6}{style:#}  {}", finding.what))?;
        if let Some(help) = &finding.help {
            ui.line(format_args!("        {help}"))?;
        }
    }
    let states = findings.iter().map(|finding| finding.state);
    Ok(states.max().unwrap_or(State::Good))
}

/// Refuses a writing probe of an environment that must not be written to.
fn allowed(environment: &Environment, how: How) -> Result<(), Error> {
    let writes = match (environment.writes, how) {
        (Writes::None, _) => "none",
        (Writes::Assignments, How::Write) => "assignments",
        (Writes::Assignments, How::Rollback) | (Writes::All, _) => return Ok(()),
    };
    Err(Error::Refused {
        message: format!(
            "{} has `writes: {writes}`, so the probe writes nothing to it",
            environment.name
        ),
        hint: Some(
            "probe a writable environment of the same version, such as a sandbox".to_owned(),
        ),
    })
}

/// Writes the answers into the answer sheet, next to the existing ones, and prints them.
fn keep(
    root: &std::path::Path,
    environment: &str,
    answers: &Answers,
    ui: &mut Ui,
) -> Result<(), Error> {
    ui.line(format_args!("{STRONG}asked{STRONG:#}"))?;
    for (word, answer) in &answers.settled {
        ui.line(format_args!(
            "{GOOD}{:>6}{GOOD:#}  {word}: {}",
            "ok",
            crate::output::shown(answer)
        ))?;
    }
    for (word, why) in &answers.open {
        ui.line(format_args!(
            "{WARN}{:>6}{WARN:#}  {word} is undecided: {}",
            "note",
            plain(why)
        ))?;
    }
    let path = crate::answers::write(root, environment, answers)?;
    ui.note(format_args!("answers in {}", shown_path(&path)));
    Ok(())
}

fn requests(number: u64) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), "request")
}
