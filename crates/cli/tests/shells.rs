//! Completions that load and complete, and a manual page for each command.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use super::support::{Run, deskstate};
use tempfile::TempDir;

fn run(arguments: &[&str]) -> Run {
    deskstate(&std::env::temp_dir())
        .args(arguments)
        .output()
        .unwrap()
        .into()
}

/// Every command, as help lists them.
fn commands() -> Vec<String> {
    let help = run(&["--help"]).ended(0).out;
    let listed = help.split_once("Commands:\n").unwrap().1;
    listed
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn completions_for_every_shell_know_every_command_and_option() {
    let commands = commands();
    assert!(commands.len() > 15, "{commands:?}");
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = run(&["completions", shell]).ended(0).out;
        for command in &commands {
            assert!(script.contains(command.as_str()), "{shell} lacks {command}");
        }
        // PowerShell may decode a program's output in the code page of the console, in which bytes of other characters are quotation marks.
        assert!(script.is_ascii(), "{shell}");
        for option in ["detailed-exitcode", "reviewed", "explain-wire"] {
            assert!(script.contains(option), "{shell} lacks --{option}");
        }
    }
    run(&["completions", "tcsh"]).ended(1);
}

#[cfg(unix)]
#[test]
fn bash_loads_the_completions_and_completes_commands_and_words() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("completions");
    std::fs::write(&file, run(&["completions", "bash"]).ended(0).out).unwrap();
    let complete = |words: &[&str]| {
        let script = format!(
            "source {file:?}; COMP_WORDS=(deskstate {}); COMP_CWORD={}; _deskstate deskstate {:?} {:?}; echo \"${{COMPREPLY[@]}}\"",
            words.join(" "),
            words.len(),
            words.last().unwrap(),
            words.iter().rev().nth(1).unwrap_or(&"deskstate"),
        );
        let output = std::process::Command::new("bash")
            .args(["--norc", "-c", &script])
            .output()
            .unwrap();
        let run = Run::from(output).ended(0);
        assert_eq!(run.err, "");
        run.out.trim().to_owned()
    };
    assert_eq!(complete(&["pl"]), "plan");
    assert_eq!(complete(&["plan", "--det"]), "--detailed-exitcode");
    assert_eq!(complete(&["plan", "--format", "ht"]), "html");
    assert_eq!(complete(&["--color", "al"]), "always");
}

#[test]
fn there_is_a_manual_page_for_deskstate_and_for_each_command() {
    let folder = TempDir::new().unwrap();
    run(&["man", "--out", folder.path().to_str().unwrap()]).ended(0);
    let mut pages: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    let mut expected: Vec<String> = commands()
        .iter()
        .map(|command| format!("deskstate-{command}.1"))
        .collect();
    for below in ["check", "draft", "list"] {
        expected.push(format!("deskstate-kind-{below}.1"));
    }
    for below in [
        "add", "build", "lint", "list", "remove", "solution", "update", "verify",
    ] {
        expected.push(format!("deskstate-package-{below}.1"));
    }
    expected.push("deskstate.1".to_owned());
    expected.sort();
    assert_eq!(pages, expected);
    for page in pages {
        let text = std::fs::read_to_string(folder.path().join(&page)).unwrap();
        for part in [".TH ", ".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION"] {
            assert!(text.contains(part), "{page} has no {part}");
        }
    }
    assert!(
        run(&["man", "plan"])
            .ended(0)
            .out
            .contains("detailed\\-exitcode")
    );
}

/// A program that writes to a pipe writes UTF-8, regardless of the code page of `cmd`; a console gets wide characters.
#[cfg(windows)]
#[test]
fn the_code_page_of_a_console_changes_no_byte_of_the_output() {
    let folder = TempDir::new().unwrap();
    let manifest = "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: contoso_größe}\nspec: {displayName: größe 電話, pageType: Nothing}\n";
    let project = "apiVersion: deskstate/v1\nkind: Project\nmetadata: {name: desk}\nspec: {manifests: [manifests], environments: {local: {emulator: {state: .deskstate/local.json}}}}\n";
    std::fs::create_dir(folder.path().join("manifests")).unwrap();
    std::fs::write(folder.path().join("manifests/größe.yaml"), manifest).unwrap();
    std::fs::write(folder.path().join("deskstate.yaml"), project).unwrap();
    let under = |page: &str| {
        let line = format!(
            "chcp {page} > nul & {} validate",
            env!("CARGO_BIN_EXE_deskstate")
        );
        let output = std::process::Command::new("cmd")
            .args(["/C", &line])
            .current_dir(folder.path())
            .output()
            .unwrap();
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    let usual = under("65001");
    assert!(
        usual.contains("größe.yaml") && usual.contains("größe 電話"),
        "{usual}"
    );
    for page in ["437", "850", "1252", "932"] {
        assert_eq!(under(page), usual, "code page {page}");
    }
}
