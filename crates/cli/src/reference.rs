//! Generates the reference pages of the command line and of the codes from the program itself. A test keeps `docs/reference/` current:
//! `UPDATE_DOCS=1 cargo test -p deskstate --lib reference`.

use clap::CommandFactory;
use deskstate_model::{Explanation, MANIFEST_CODES};

use crate::commands::explain::paragraphs;

fn command_line() -> String {
    let mut command = crate::args::Args::command();
    command.build();
    let mut page = "# Command-line reference\n\nGenerated from the program; `deskstate help COMMAND` prints the same.\n\n## Exit codes\n\n\
        | code | meaning |\n| --- | --- |\n| 0 | done, or in sync |\n| 1 | failed: the network, sign-in, the server, a file, an argument; with `--all` also if one environment has invalid manifests |\n\
        | 2 | changes, differences or drift exist (`drift`, `diff`, and `plan --detailed-exitcode`) |\n| 3 | the manifests are invalid; nothing was sent |\n\
        | 4 | refused: not part of the reviewed plan, changed meanwhile, above a limit, protected, managed or blocked |\n\n\
        Results go to stdout, everything else to stderr.\n\n## Options of every command\n\n"
        .to_owned();
    let global: Vec<&clap::Arg> = command
        .get_arguments()
        .filter(|arg| arg.is_global_set())
        .collect();
    arguments(&mut page, &global);
    for command in command
        .get_subcommands()
        .filter(|command| !command.is_hide_set() && command.get_name() != "help")
    {
        add_command(&mut page, command, "");
    }
    page
}

/// Adds a command and its subcommands.
fn add_command(page: &mut String, command: &clap::Command, above: &str) {
    let name = format!("{above}{}", command.get_name());
    let about = command
        .get_long_about()
        .or(command.get_about())
        .map(ToString::to_string)
        .unwrap_or_default();
    page.push_str(&format!("\n## {name}\n\n{}\n\n", paragraphs(&about)));
    let usage = command.clone().render_usage().to_string();
    page.push_str(&format!(
        "```text\n{}\n```\n\n",
        usage.trim_start_matches("Usage: ").trim()
    ));
    let own: Vec<&clap::Arg> = command
        .get_arguments()
        .filter(|arg| !arg.is_global_set() && arg.get_id() != "help")
        .collect();
    if !own.is_empty() {
        arguments(page, &own);
    }
    let below = command.get_subcommands();
    for command in below.filter(|command| command.get_name() != "help") {
        add_command(page, command, &format!("{name} "));
    }
}

fn arguments(page: &mut String, arguments: &[&clap::Arg]) {
    page.push_str("| argument | meaning |\n| --- | --- |\n");
    for argument in arguments.iter().filter(|argument| !argument.is_hide_set()) {
        let value = argument
            .get_value_names()
            .filter(|_| argument.get_action().takes_values())
            .and_then(|names| names.first());
        let name = match (argument.get_short(), argument.get_long()) {
            (Some(short), Some(long)) => format!("-{short}, --{long}"),
            (None, Some(long)) => format!("--{long}"),
            (Some(short), None) => format!("-{short}"),
            (None, None) => String::new(),
        };
        let name = [name, value.map(ToString::to_string).unwrap_or_default()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        let help = argument
            .get_long_help()
            .or(argument.get_help())
            .map(ToString::to_string)
            .unwrap_or_default();
        let mut help = paragraphs(&help).replace("\n\n", " ");
        let values = argument.get_possible_values();
        let is_flag = !argument.get_action().takes_values();
        if !is_flag && !values.is_empty() {
            let values: Vec<String> = values
                .iter()
                .filter(|value| !value.is_hide_set())
                .map(|value| format!("`{}`", value.get_name()))
                .collect();
            help.push_str(&format!(" ({})", values.join(", ")));
        }
        page.push_str(&format!("| `{name}` | {} |\n", help.replace('|', "\\|")));
    }
}

#[track_caller]
fn check_current(file: &str, page: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/reference")
        .join(file);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, page).unwrap();
        return;
    }
    if !path.parent().is_some_and(std::path::Path::is_dir) {
        // A published crate has no documents next to it.
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == page,
        "{file} is stale: UPDATE_DOCS=1 cargo test -p deskstate --lib reference"
    );
}

#[test]
fn the_command_line_reference_is_current() {
    check_current("command-line.md", &command_line());
}

fn error_index() -> String {
    let mut page = "# Error index\n\n<!-- Made from the explanations in crates/model and crates/reconcile: change them there. -->\n\n\
        Every finding has a code in brackets. `deskstate explain CODE` prints the same text as this page. Errors of the network, of sign-in and of files have no code; their message says what to do.\n"
        .to_owned();
    let groups = [
        (
            "Findings of manifests",
            "`validate` and all other commands that read manifests report these. They concern files only.",
            MANIFEST_CODES.iter().collect(),
        ),
        (
            "Findings of plans",
            "`plan`, `apply`, `drift` and `undo` report these about an environment. `policy` in the project file sets the level of some.",
            crate::explanations::of_plans(),
        ),
    ];
    for (title, about, group) in groups {
        let links: Vec<String> = group
            .iter()
            .map(|known| format!("[{0}](#{0})", known.code))
            .collect();
        page.push_str(&format!(
            "\n## {title}\n\n{about}\n\n{}\n",
            links.join(" · ")
        ));
        for known in group {
            let Explanation {
                code,
                rule,
                why,
                fix,
            } = known;
            page.push_str(&format!(
                "\n### {code}\n\n{rule}\n\n{why}\n\n**To do:** {fix}\n"
            ));
        }
    }
    page
}

#[test]
fn the_error_index_is_current() {
    check_current("codes.md", &error_index());
}
