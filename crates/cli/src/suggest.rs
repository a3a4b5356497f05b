//! The commands that messages suggest. Each is complete: it names its subject, quoted for a shell, and carries over the options of the
//! current command that it supports (the project, the selection, how to connect), so that it can be pasted and works as the message states.

use std::sync::OnceLock;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

/// The program, and the options of the current command.
static GIVEN: OnceLock<(Command, Given)> = OnceLock::new();

#[derive(Debug, Default)]
struct Given(Vec<Written>);

/// An option or argument of the current command, as written.
#[derive(Debug)]
struct Written {
    id: String,
    values: Vec<String>,
}

/// Options for the project, its environment, and how to reach it.
const PLACE: &[&str] = &["project", "memory", "env", "sign_in", "ca_file"];
/// Options for the selection.
const CHOICE: &[&str] = &["what", "select"];
/// Options that allow a plan.
const JUDGEMENT: &[&str] = &["allow", "allow_managed", "max_changeset"];

/// Whether a suggested command carries over an option. An undo always covers a complete apply and needs its own override.
fn taken_along(command: &str, id: &str) -> bool {
    PLACE.contains(&id)
        || match command {
            "plan" | "apply" => CHOICE.contains(&id) || JUDGEMENT.contains(&id),
            "adopt" | "drift" => CHOICE.contains(&id),
            "check" => ["url", "contract"].contains(&id),
            _ => false,
        }
}

/// Remembers the program and the options of this run.
pub(crate) fn remember(program: Command, matches: &ArgMatches) {
    // Only the first run of a process is remembered; there is only one.
    let _ = GIVEN.set((program, written(matches)));
}

/// The options and arguments on the command line.
fn written(matches: &ArgMatches) -> Given {
    let mut given = Given::default();
    let mut next = Some(matches);
    while let Some(matches) = next {
        for id in matches.ids().map(clap::Id::as_str) {
            let is_written = matches.value_source(id) == Some(ValueSource::CommandLine);
            if !is_written || given.0.iter().any(|known| known.id == id) {
                continue;
            }
            let Ok(Some(raw)) = matches.try_get_raw(id) else {
                // A group of options.
                continue;
            };
            let values = raw.map(|value| value.to_string_lossy().into_owned());
            given.0.push(Written {
                id: id.to_owned(),
                values: values.collect(),
            });
        }
        next = matches.subcommand().map(|(_, matches)| matches);
    }
    given
}

/// Whether the current command was given an option.
pub(crate) fn is_given(id: &str) -> bool {
    GIVEN
        .get()
        .is_some_and(|(_, given)| given.0.iter().any(|written| written.id == id))
}

/// The value of an option on the command line.
pub(crate) fn value_of(id: &str) -> Option<String> {
    let (_, given) = GIVEN.get()?;
    let written = given.0.iter().find(|written| written.id == id)?;
    written.values.last().cloned()
}

/// A command line in backticks: `deskstate apply --env prod`. It consists of `words` and of the current command's options that the
/// suggested one supports and `words` does not set.
pub(crate) fn suggest(command: &str, words: &[&str]) -> String {
    format!("`{}`", line(command, words))
}

/// The same as [`suggest`], without backticks.
pub(crate) fn line(command: &str, words: &[&str]) -> String {
    composed(command, words, false)
}

/// The same as [`suggest`], for a command that is not about the selection of the current one, and needs overrides of its own.
pub(crate) fn suggest_whole(command: &str, words: &[&str]) -> String {
    format!("`{}`", composed(command, words, true))
}

fn composed(command: &str, words: &[&str], whole: bool) -> String {
    let mut all = vec!["deskstate".to_owned(), command.to_owned()];
    all.extend(words.iter().map(|word| (*word).to_owned()));
    if let Some((program, given)) = GIVEN.get() {
        all.extend(carried(program, command, words, given, whole));
    }
    let all: Vec<String> = all.iter().map(|word| quoted(word)).collect();
    all.join(" ")
}

/// A command line for use elsewhere, without options of the current command.
pub(crate) fn bare(command: &str, words: &[&str]) -> String {
    let all = ["deskstate", command]
        .into_iter()
        .chain(words.iter().copied());
    all.map(quoted).collect::<Vec<_>>().join(" ")
}

/// The options of the current command that the suggested one supports too; with `whole`, those alone that say where to look.
fn carried(
    program: &Command,
    command: &str,
    words: &[&str],
    given: &Given,
    whole: bool,
) -> Vec<String> {
    let Some(target) = program.find_subcommand(command) else {
        return Vec::new();
    };
    let known = |id: &str| {
        target
            .get_arguments()
            .chain(program.get_arguments().filter(|arg| arg.is_global_set()))
            .find(|arg| arg.get_id() == id)
    };
    let mut all = Vec::new();
    let mut positional = Vec::new();
    // `explain` only contacts an environment if the suggestion names one.
    let explains = command == "explain" && !words.contains(&"--env");
    for Written { id, values } in &given.0 {
        let is_taken = match whole {
            true => PLACE.contains(&id.as_str()),
            false => taken_along(command, id),
        };
        let Some(argument) = known(id).filter(|_| is_taken) else {
            continue;
        };
        if explains && !argument.is_global_set() {
            continue;
        }
        let Some(long) = argument.get_long() else {
            positional.extend(values.iter().cloned());
            continue;
        };
        let long = format!("--{long}");
        if words.contains(&long.as_str()) {
            continue;
        }
        if !argument.get_action().takes_values() {
            all.push(long);
            continue;
        }
        for value in values {
            if value.starts_with('-') {
                all.push(format!("{long}={value}"));
            } else {
                all.extend([long.clone(), value.clone()]);
            }
        }
    }
    all.extend(positional);
    all
}

/// Quotes a word for the shells of this system.
pub(crate) fn quoted(word: &str) -> String {
    if cfg!(windows) {
        for_windows(word)
    } else {
        for_posix(word)
    }
}

fn is_plain(word: &str, marks: &[u8]) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || marks.contains(&byte);
    !word.is_empty() && word.bytes().all(plain)
}

fn for_posix(word: &str) -> String {
    if is_plain(word, b"_-./:=@%+,") {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Uses double quotes, which cmd and PowerShell interpret alike, unless the word contains a character that is special within them. In that
/// case, uses PowerShell's single quotes.
fn for_windows(word: &str) -> String {
    if is_plain(word, br"_-./\:=+") {
        word.to_owned()
    } else if word.contains(['"', '$', '`', '%', '!']) {
        format!("'{}'", word.replace('\'', "''"))
    } else if word.ends_with('\\') {
        // A single backslash would escape the quotation mark.
        format!("\"{word}\\\"")
    } else {
        format!("\"{word}\"")
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Args;

    fn carried_to(command: &str, words: &[&str], run: &[&str]) -> Vec<String> {
        let arguments = std::iter::once("deskstate").chain(run.iter().copied());
        let matches = Args::command().get_matches_from(arguments);
        let given = written(&matches);
        carried(&Args::command(), command, words, &given, false)
    }

    #[test]
    fn a_suggested_command_is_about_the_same_project_and_selection() {
        let run = [
            "plan",
            "-C",
            "my desk",
            "--env",
            "prod",
            "-l",
            "team=voice",
            "--ca-file",
            "ca.pem",
            "--allow-managed",
            "--format",
            "json",
            "--out",
            "plan.json",
            "CTI_*",
        ];
        let about = |command: &str, words: &[&str]| {
            let mut all = carried_to(command, words, &run);
            all.sort();
            all.join(" ")
        };
        assert_eq!(
            about("apply", &[]),
            "--allow-managed --ca-file --env --project --select CTI_* ca.pem my desk prod team=voice"
        );
        assert_eq!(
            about("undo", &["--env", "test", "file.json"]),
            "--ca-file --project ca.pem my desk"
        );
        assert_eq!(about("explain", &[]), "--project my desk");
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        for (word, written) in [
            ("prod", "prod"),
            (".deskstate/undo/a-1.json", ".deskstate/undo/a-1.json"),
            ("my desk", "'my desk'"),
            ("a'b", r"'a'\''b'"),
            ("$(id)", "'$(id)'"),
            ("é", "'é'"),
            ("", "''"),
        ] {
            assert_eq!(for_posix(word), written);
        }
    }

    #[test]
    fn words_are_quoted_for_cmd_and_powershell() {
        for (word, written) in [
            ("prod", "prod"),
            (r"C:\desk\plan.json", r"C:\desk\plan.json"),
            (r"C:\my desk\", r#""C:\my desk\\""#),
            ("my desk", r#""my desk""#),
            ("a'b", r#""a'b""#),
            ("a,b", r#""a,b""#),
            ("CTI_*", r#""CTI_*""#),
            ("$(id)", "'$(id)'"),
            ("it's 100%", "'it''s 100%'"),
            ("é", "\"é\""),
            ("", "\"\""),
        ] {
            assert_eq!(for_windows(word), written);
        }
    }
}
