//! Keeps the agent desktop of Dynamics 365 in git: the commands behind `deskstate`.
//!
//! Takes arguments and returns an exit code. The module `output` decides what people see, and `ui` delivers it through the only `door`.

mod answers;
mod args;
mod browser;
mod commands;
mod comment;
mod door;
mod ending;
mod environment;
mod error;
mod exit_code;
mod explanations;
mod git;
mod global;
mod graph;
mod guide;
mod journal;
mod kept;
mod lsp;
mod notify;
mod outbound;
mod output;
mod package;
mod paths;
mod preview;
mod project;
mod proxy;
#[cfg(test)]
mod reference;
mod remedy;
mod revision;
mod setting;
mod specs;
mod suggest;
mod today;
mod ui;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode as ProcessExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, FromArgMatches as _, Parser as _};

use args::{Args, Command};
use error::Error;
use exit_code::ExitCode;
use global::Global;
use ui::Ui;

/// Runs one command line and returns its exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ProcessExitCode {
    door::explain_panics();
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // The command line may name kinds that the project defines.
    let unparsed = Unparsed::of(&arguments);
    if !unparsed.is_package()
        && let Ok(root) = project::root(&unparsed.global())
    {
        deskstate_model::load_kinds(&root);
    }
    let parsed = setting::without_blanks(Args::command())
        .try_get_matches_from(&arguments)
        .and_then(|matches| {
            suggest::remember(Args::command(), &matches);
            Args::from_arg_matches(&matches).map_err(|error| error.format(&mut Args::command()))
        });
    let args = match parsed {
        Ok(args) => args,
        Err(error) => {
            // The error repeats arguments, which a build may have taken from a branch name.
            let shown = arguments
                .iter()
                .map(|argument| door::plain(&argument.to_string_lossy()));
            let error = Args::try_parse_from(shown).err().unwrap_or(error);
            door::usage(&error);
            if lacks_environment(&error) {
                say_environments(&unparsed.global());
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
    if suggest::is_given("replay") {
        ui.note("a recording answers: nothing is read from the environment or sent to it");
    }
    let writes = matches!(args.command, Command::Apply(_) | Command::Undo(_));
    let code = match run(args, &mut ui) {
        Ok(code) => code,
        Err(error) => {
            match writes && error.is_closed_pipe() {
                true => ui.failure(&Error::Failed {
                    message: "the program that reads the output has ended, so the command stopped"
                        .to_owned(),
                    hint: Some(
                        "send the output to a file, or to a program that reads all of it"
                            .to_owned(),
                    ),
                }),
                false => ui.failure(&error),
            }
            error.exit_code()
        }
    };
    ui.finish(code).into()
}

/// Runs a command to its end.
fn run(args: Args, ui: &mut Ui) -> Result<ExitCode, Error> {
    let Args { global, command } = args;
    match command {
        Command::Init(args) => commands::block_on(commands::init::run(&args, &global, ui)),
        Command::Validate(args) => commands::validate::run(&args, &global, ui),
        Command::Plan(args) => commands::block_on(commands::plan::run(&args, &global, ui)),
        Command::Show(args) => commands::show::run(&args, &global, ui),
        Command::Apply(args) => commands::block_on(commands::apply::run(&args, &global, ui)),
        Command::Undo(args) => commands::block_on(commands::undo::run(&args, &global, ui)),
        Command::Who(args) => commands::block_on(commands::who::run(&args, &global, ui)),
        Command::Check(args) => commands::block_on(commands::check::run(&args, &global, ui)),
        Command::Drift(args) => commands::block_on(commands::drift::run(&args, &global, ui)),
        Command::Export(args) => commands::block_on(commands::export::run(&args, &global, ui)),
        Command::Adopt(args) => commands::block_on(commands::adopt::run(&args, &global, ui)),
        Command::Diff(args) => commands::block_on(commands::diff::run(&args, &global, ui)),
        Command::Comment(args) => commands::block_on(commands::comment::run(&args, ui)),
        Command::Doctor(args) => commands::block_on(commands::doctor::run(&args, &global, ui)),
        Command::Render(args) => commands::render::run(&args, &global, ui),
        Command::Explain(args) => commands::block_on(commands::explain::run(&args, &global, ui)),
        Command::Schema(args) => commands::schema::run(&args, ui),
        Command::Kind(args) => commands::block_on(commands::kind::run(&args, &global, ui)),
        Command::Package(args) => commands::block_on(commands::package::run(&args, &global, ui)),
        Command::Completions(args) => commands::shell::completions(&args, Args::command(), ui),
        Command::Man(args) => commands::shell::man(&args, Args::command(), ui),
        Command::Preview(args) => commands::preview::run(&args, &global, ui),
        Command::Graph(args) => commands::graph::run(&args, &global, ui),
        Command::Guide(args) => commands::guide::run(&args, &global, ui),
        Command::Lsp(args) => commands::lsp::run(&args),
        Command::Mcp(args) => commands::mcp::run(&args, &global, ui),
        Command::Demo(args) => commands::demo::run(&args, ui),
        Command::Emulator(args) => {
            let inputs = [&args.faults, &args.directory, &args.state];
            for input in inputs.into_iter().flatten() {
                // The emulator shares no code with this program, so its inputs are not known otherwise.
                deskstate_files::note_read(input);
            }
            if let Some(path) = &args.tls_ca_out {
                kept::refuse_input(path)?;
            }
            if let Some(path) = &args.state {
                kept::refuse_manifest(path)?;
            }
            commands::block_on(async { Ok(emulator_exit(deskstate_emulator::run(args).await)) })
        }
    }
}

/// The short options of all commands that take a value.
fn shorts_with_value(program: &clap::Command, found: &mut BTreeSet<char>) {
    let valued = program.get_arguments();
    let valued = valued.filter(|arg| arg.get_action().takes_values());
    found.extend(valued.filter_map(clap::Arg::get_short));
    for command in program.get_subcommands() {
        shorts_with_value(command, found);
    }
}

/// Converts the emulator's exit code into one of ours.
fn emulator_exit(code: ProcessExitCode) -> ExitCode {
    if code == ProcessExitCode::SUCCESS {
        ExitCode::Done
    } else {
        ExitCode::Failed
    }
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

/// What a command line says before it is parsed: parsing needs the kinds of its project.
#[derive(Debug, Default, PartialEq)]
struct Unparsed {
    /// The project folder that it names.
    project: Option<PathBuf>,
    /// The command.
    command: Option<OsString>,
}

impl Unparsed {
    fn of(arguments: &[OsString]) -> Self {
        let program = Args::command();
        let takes_value = |arg: &&clap::Arg| arg.get_action().takes_values();
        let valued: Vec<&clap::Arg> = program.get_arguments().filter(takes_value).collect();
        let mut others = BTreeSet::new();
        shorts_with_value(&program, &mut others);
        let mut found = Self::default();
        let mut rest = arguments.iter().skip(1);
        while let Some(argument) = rest.next() {
            let text = argument.to_string_lossy();
            if text == "--" {
                break;
            }
            let (option, inline) = if let Some(long) = text.strip_prefix("--") {
                let (name, value) = match long.split_once('=') {
                    Some((name, value)) => (name, Some(value)),
                    None => (long, None),
                };
                let option = valued.iter().find(|arg| arg.get_long() == Some(name));
                (option, value)
            } else if let Some(shorts) = text.strip_prefix('-').filter(|rest| !rest.is_empty()) {
                // Flags may stand in front of the option that takes the rest.
                let of = |letter| valued.iter().find(|arg| arg.get_short() == Some(letter));
                let letters = shorts.char_indices();
                // The rest of an option of a command that takes a value is its value.
                let mut letters = letters
                    .take_while(|(_, letter)| of(*letter).is_some() || !others.contains(letter));
                let at =
                    letters.find_map(|(at, letter)| Some((at + letter.len_utf8(), of(letter)?)));
                let value = at.map_or("", |(end, _)| &shorts[end..]);
                let value = value.strip_prefix('=').unwrap_or(value);
                (
                    at.map(|(_, arg)| arg),
                    Some(value).filter(|value| !value.is_empty()),
                )
            } else {
                found.command.get_or_insert_with(|| argument.clone());
                continue;
            };
            let Some(option) = option else { continue };
            let value = inline.map(OsString::from).or_else(|| rest.next().cloned());
            if option.get_id() == "project" {
                found.project = found.project.or(value.map(PathBuf::from));
            }
        }
        found
    }

    fn global(&self) -> Global {
        Global {
            project: self.project.clone(),
            ..Global::default()
        }
    }

    /// Whether it is about packages. An update may bring kinds with other definitions, and a process can only know one definition of each kind.
    fn is_package(&self) -> bool {
        self.command
            .as_ref()
            .is_some_and(|command| command == "package")
    }
}

/// Lists the environments that `--env` may name, if there is a project.
fn say_environments(global: &Global) {
    if let Ok(names) = project::environments(global) {
        let mut ui = Ui::new(global);
        ui.hint(match names.as_slice() {
            [] => {
                "this project has no environments: add one under `environments` in deskstate.yaml"
                    .to_owned()
            }
            names => error::environments(names),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_project_is_found_and_no_value_is_taken_for_the_command() {
        let of = |line: &str| {
            let words = std::iter::once("deskstate").chain(line.split(' '));
            let words: Vec<OsString> = words.map(OsString::from).collect();
            let found = Unparsed::of(&words);
            let text = |text: Option<OsString>| text.map(|text| text.into_string().unwrap());
            let project = found.project.map(PathBuf::into_os_string);
            (text(project), text(found.command))
        };
        for line in [
            "-C package plan Desk",
            "--project package plan",
            "--project=package plan",
            "-Cpackage plan",
            "-C=package plan",
            "-qC package plan --env local",
            "plan --env local -vCpackage",
            "--memory 300 --color never plan -C package",
        ] {
            let found = (Some("package".to_owned()), Some("plan".to_owned()));
            assert_eq!(of(line), found, "{line}");
        }
        assert_eq!(of("package list"), (None, Some("package".to_owned())));
        assert_eq!(of("plan -eCI Desk"), (None, Some("plan".to_owned())));
        assert_eq!(of("plan -- -C x"), (None, Some("plan".to_owned())));
    }
}
