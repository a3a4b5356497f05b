//! Keeps the agent desktop of Dynamics 365 in git: the commands behind `deskstate`.
//!
//! Arguments come in, an exit code goes out; what people see is decided in `output`, how it reaches them in `ui`, through the one `door`.

mod answers;
mod args;
mod commands;
mod comment;
mod door;
mod ending;
mod environment;
mod error;
mod exit_code;
mod explanations;
mod git;
mod graph;
mod journal;
mod kept;
mod output;
mod paths;
mod preview;
mod project;
#[cfg(test)]
mod reference;
mod remedy;
mod revision;
mod specs;
mod suggest;
mod today;
mod ui;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode as ProcessExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, FromArgMatches as _, Parser as _};

use args::{Args, Global};
use exit_code::ExitCode;
use ui::Ui;

/// Runs one command line and says how it ended.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ProcessExitCode {
    door::explain_panics();
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let parsed = Args::command()
        .try_get_matches_from(&arguments)
        .and_then(|matches| {
            suggest::remember(&matches);
            Args::from_arg_matches(&matches).map_err(|error| error.format(&mut Args::command()))
        });
    let args = match parsed {
        Ok(args) => args,
        Err(error) => {
            // What is wrong repeats arguments; a build may have taken them from the name of a branch.
            let shown = arguments
                .iter()
                .map(|argument| door::plain(&argument.to_string_lossy()));
            let error = Args::try_parse_from(shown).err().unwrap_or(error);
            door::usage(&error);
            if lacks_environment(&error) {
                say_environments(&arguments);
            }
            let code = if error.use_stderr() {
                ExitCode::Failed
            } else {
                ExitCode::Done
            };
            return code.into();
        }
    };
    deskstate_files::allow_memory(args.global.memory);
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

fn lacks_environment(error: &clap::Error) -> bool {
    let named = |value: &ContextValue| match value {
        ContextValue::Strings(names) => names.iter().any(|name| name.starts_with("--env")),
        ContextValue::String(name) => name.starts_with("--env"),
        _ => false,
    };
    error.kind() == ErrorKind::MissingRequiredArgument
        && error.get(ContextKind::InvalidArg).is_some_and(named)
}

/// Says which environments `--env` may name, if there is a project.
fn say_environments(arguments: &[OsString]) {
    let given = arguments.windows(2).find_map(|pair| {
        let is_option = pair[0] == "-C" || pair[0] == "--project";
        is_option.then(|| PathBuf::from(&pair[1]))
    });
    let global = Global {
        project: given,
        ..Global::default()
    };
    if let Ok(names) = project::environments(&global) {
        let mut ui = Ui::new(&global);
        ui.hint(match names.as_slice() {
            [] => {
                "this project has no environments: add one under `environments` in deskstate.yaml"
                    .to_owned()
            }
            names => format!("this project has: {}", names.join(", ")),
        });
    }
}
