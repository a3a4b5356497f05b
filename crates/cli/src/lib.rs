//! Keeps the agent desktop of Dynamics 365 in git: the commands behind `deskstate`.
//!
//! Arguments come in, an exit code goes out; what people see is decided in `output`, how it reaches them in `ui`, through the one `door`.

mod answers;
mod args;
mod commands;
mod comment;
mod door;
mod environment;
mod error;
mod exit_code;
mod explanations;
mod graph;
mod kept;
mod output;
mod preview;
mod project;
#[cfg(test)]
mod reference;
mod revision;
mod specs;
mod today;
mod ui;

use std::ffi::OsString;
use std::process::ExitCode as ProcessExitCode;

use clap::Parser;

use args::Args;
use exit_code::ExitCode;
use ui::Ui;

/// Runs one command line and says how it ended.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ProcessExitCode {
    door::explain_panics();
    let args = match Args::try_parse_from(arguments) {
        Ok(args) => args,
        Err(error) => {
            door::usage(&error);
            let code = if error.use_stderr() {
                ExitCode::Failed
            } else {
                ExitCode::Done
            };
            return code.into();
        }
    };
    let mut ui = Ui::new(&args.global);
    ui.start_log();
    let code = match commands::run(args, &mut ui) {
        Ok(code) => code,
        Err(error) => {
            ui.failure(&error);
            error.exit_code()
        }
    };
    ui.finish(code).into()
}
