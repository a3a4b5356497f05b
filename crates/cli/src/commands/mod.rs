//! The commands: one file each, arguments and one function.

pub(crate) mod adopt;
pub(crate) mod apply;
pub(crate) mod carrying;
pub(crate) mod check;
mod choosing;
pub(crate) mod comment;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod drift;
pub(crate) mod explain;
pub(crate) mod export;
mod exporting;
pub(crate) mod graph;
pub(crate) mod init;
mod judging;
pub(crate) mod live;
pub(crate) mod plan;
pub(crate) mod preview;
mod progress;
pub(crate) mod render;
pub(crate) mod schema;
pub(crate) mod shell;
pub(crate) mod undo;
pub(crate) mod validate;
pub(crate) mod who;

use crate::args::{Args, Command};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::ui::Ui;

/// Runs a command to its end.
pub(crate) fn run(args: Args, ui: &mut Ui) -> Result<ExitCode, Error> {
    let Args { global, command } = args;
    match command {
        Command::Init(args) => init::run(&args, ui),
        Command::Validate(args) => validate::run(&args, &global, ui),
        Command::Plan(args) => block_on(plan::run(&args, &global, ui)),
        Command::Apply(args) => block_on(apply::run(&args, &global, ui)),
        Command::Undo(args) => block_on(undo::run(&args, &global, ui)),
        Command::Who(args) => block_on(who::run(&args, &global, ui)),
        Command::Check(args) => block_on(check::run(&args, &global, ui)),
        Command::Drift(args) => block_on(drift::run(&args, &global, ui)),
        Command::Export(args) => block_on(export::run(&args, &global, ui)),
        Command::Adopt(args) => block_on(adopt::run(&args, &global, ui)),
        Command::Diff(args) => block_on(diff::run(&args, &global, ui)),
        Command::Comment(args) => block_on(comment::run(&args, ui)),
        Command::Doctor(args) => block_on(doctor::run(&args, &global, ui)),
        Command::Render(args) => render::run(&args, &global, ui),
        Command::Explain(args) => explain::run(&args, ui),
        Command::Schema(args) => schema::run(&args, ui),
        Command::Completions(args) => shell::completions(&args, ui),
        Command::Man(args) => shell::man(&args, ui),
        Command::Preview(args) => preview::run(&args, &global, ui),
        Command::Graph(args) => graph::run(&args, &global, ui),
        Command::Demo(args) => demo::run(&args, ui),
        Command::Emulator(args) => {
            block_on(async { Ok(emulator_exit(deskstate_emulator::run(args).await)) })
        }
    }
}

/// The emulator's own exit code, as one of ours.
fn emulator_exit(code: std::process::ExitCode) -> ExitCode {
    if code == std::process::ExitCode::SUCCESS {
        ExitCode::Done
    } else {
        ExitCode::Failed
    }
}

/// Commands that talk to somebody run on two threads: one for them, one for an embedded emulator.
fn block_on<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(future)
}
