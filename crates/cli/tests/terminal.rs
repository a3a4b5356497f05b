//! The command's behavior at a terminal, in a pipe and with a full disk.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::support::{self, Project, deskstate};

/// Runs the command at a terminal with this number of columns. Returns the visible output of both streams, followed by the exit code.
fn at_terminal(folder: &Path, columns: u16, arguments: &str) -> String {
    let line = format!(
        "stty cols {columns} rows 30; {} {arguments}; echo \"ended $?\"",
        env!("CARGO_BIN_EXE_deskstate")
    );
    let output = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .current_dir(folder)
        .env("TERM", "xterm-256color")
        .env_remove("NO_COLOR")
        .env_remove("COLUMNS")
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n")
}

/// magmax/python-inquirer#50: a question that ignores Ctrl-C.
#[test]
fn an_interrupt_at_a_question_ends_the_command_at_once() {
    let project = Project::example("tenfold");
    // Without a trap, the signal ends the shell too if the command is quick to end.
    let line = format!(
        "trap : INT; {} apply --env local; echo \"ended $?\"",
        env!("CARGO_BIN_EXE_deskstate")
    );
    let mut child = Command::new("script")
        .args(["-qefc", &line, "/dev/null"])
        .current_dir(project.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut shown = String::new();
    let mut until = |words: &str| {
        while !shown.contains(words) {
            let mut some = [0; 1024];
            let read = output.read(&mut some).unwrap();
            assert_ne!(read, 0, "{shown}");
            shown.push_str(&String::from_utf8_lossy(&some[..read]));
        }
    };
    until("to continue: ");
    input.write_all(b"\x03").unwrap();
    input.flush().unwrap();
    until("cancelled; nothing was changed");
    until("ended 4");
    drop(input);
    child.wait().unwrap();
}

/// Width of a line in columns, without its escape sequences.
fn columns(line: &str) -> usize {
    let mut rest = line;
    let mut seen = 0;
    while let Some(first) = rest.chars().next() {
        let length = if first == '\u{1b}' {
            rest.find(|letter: char| letter.is_ascii_alphabetic())
                .map_or(rest.len(), |end| end + 1)
        } else {
            seen += 1;
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    seen
}

#[test]
fn a_terminal_gets_colour_and_a_pipe_gets_none() {
    let project = Project::example("tenfold");
    let shown = at_terminal(project.path(), 100, "plan --env local");
    assert!(
        shown.contains("\u{1b}[32m") && shown.contains("ended 0"),
        "{shown}"
    );
    let piped = deskstate(project.path())
        .env_remove("NO_COLOR")
        .args(["plan", "--env", "local"])
        .output()
        .unwrap();
    assert!(!piped.stdout.contains(&0x1b) && !piped.stderr.contains(&0x1b));
    for (wish, is_coloured) in [("1", true), ("0", false), ("", false)] {
        let piped = deskstate(project.path())
            .env_remove("NO_COLOR")
            .env("CLICOLOR_FORCE", wish)
            .args(["plan", "--env", "local"])
            .output()
            .unwrap();
        assert_eq!(piped.stdout.contains(&0x1b), is_coloured, "{wish:?}");
    }
}

#[test]
fn no_color_in_the_environment_takes_colour_away_from_a_terminal() {
    let project = Project::example("tenfold");
    for arguments in [
        "--color never plan --env local 2>/dev/null",
        "plan --env local --color=never 2>/dev/null",
    ] {
        let shown = at_terminal(project.path(), 100, arguments);
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
    }
    let line = format!(
        "NO_COLOR=1 {} plan --env local 2>/dev/null",
        env!("CARGO_BIN_EXE_deskstate")
    );
    let output = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .current_dir(project.path())
        .env("TERM", "xterm-256color")
        .output()
        .unwrap();
    assert!(
        output.stdout.len() > 100 && !output.stdout.contains(&0x1b),
        "{output:?}"
    );
}

#[test]
fn color_always_colours_a_pipe_even_where_no_color_is_set() {
    let project = Project::example("tenfold");
    let run = project
        .run(&["plan", "--env", "local", "--color", "always"])
        .ended(0);
    assert!(run.out.contains("\u{1b}[32m"), "{}", run.out);
    project.edit(
        "manifests/templates.yaml",
        "communicationPanelMode: Docked",
        "communicationPanelMode: Hidden",
    );
    let run = project.run(&["validate", "--color", "always"]).ended(3);
    assert!(run.err.contains('\u{1b}'), "{}", run.err);
    assert!(!project.run(&["validate"]).ended(3).err.contains('\u{1b}'));
}

#[test]
fn quiet_leaves_results_and_errors_and_verbose_tells_of_each_request() {
    let project = Project::example("tenfold");
    let loud = project.run(&["plan", "--env", "local"]).ended(0);
    assert!(loud.err.contains("next: "), "{}", loud.err);
    let quiet = project.run(&["plan", "--env", "local", "--quiet"]).ended(0);
    let numbers = "local: 5 to create, 0 to update, 0 to delete\n";
    assert_eq!((quiet.out.as_str(), quiet.err.as_str()), (numbers, ""));
    let verbose = project
        .run(&["plan", "--env", "local", "--verbose"])
        .ended(0);
    for told in [
        "deskstate_dataverse",
        "observe:",
        "read everything requests=1",
        "plan{resources=5}: deskstate_reconcile::plan::planner: planned changes=5",
        "review{changes=5}: deskstate_reconcile::review: reviewed",
    ] {
        assert!(verbose.err.contains(told), "{told} in {}", verbose.err);
    }
    assert!(verbose.err.len() > loud.err.len());
    let most = project.run(&["plan", "--env", "local", "-vv"]).ended(0);
    assert!(most.err.contains("deskstate_dataverse"));
    project.edit(
        "manifests/templates.yaml",
        "communicationPanelMode: Docked",
        "communicationPanelMode: Hidden",
    );
    let wrong = project.run(&["plan", "--env", "local", "--quiet"]).ended(3);
    assert!(wrong.err.contains("error[locked-value]"), "{}", wrong.err);
}

#[test]
fn quiet_leaves_warnings_out() {
    let project = Project::example("tenfold");
    project.edit(
        "manifests/templates.yaml",
        "timeoutSeconds: 10",
        "timeoutSeconds: 12",
    );
    let loud = project.run(&["plan", "--env", "local"]).ended(0);
    assert!(
        loud.err.contains("warning[preferred-value]"),
        "{}",
        loud.err
    );
    let quiet = project.run(&["--quiet", "plan", "--env", "local"]).ended(0);
    assert_eq!(quiet.err, "");
}

#[test]
fn lines_fit_the_terminal_and_nothing_is_left_out() {
    let project = Project::example("tenfold");
    let wide = project.run(&["plan", "--env", "local"]).ended(0).out;
    let narrow = at_terminal(
        project.path(),
        60,
        "--color never plan --env local 2>/dev/null",
    );
    for line in narrow.lines() {
        assert!(columns(line) <= 60, "{} columns: {line:?}", columns(line));
    }
    let letters = |text: &str| -> String { text.split_whitespace().collect() };
    assert_eq!(letters(&narrow), letters(&wide) + "ended0");
    let middle = at_terminal(
        project.path(),
        84,
        "--color never plan --env local 2>/dev/null",
    );
    let heading = middle.lines().find(|line| line.starts_with("+ AppProfile"));
    assert_eq!(
        heading.map(columns),
        Some(84),
        "the place stays at the right: {middle}"
    );
    let coloured = at_terminal(project.path(), 60, "plan --env local 2>/dev/null");
    assert!(coloured.contains("\u{1b}[32m"));
    for line in coloured.lines() {
        assert!(columns(line) <= 60, "{} columns: {line:?}", columns(line));
    }
}

#[test]
fn findings_and_explanations_fit_the_terminal_too() {
    let project = Project::example("tenfold");
    project.edit(
        "manifests/templates.yaml",
        "communicationPanelMode: Docked",
        "communicationPanelMode: Hidden",
    );
    for arguments in [
        "validate",
        "explain locked-value",
        "explain SessionTemplate",
        "--help",
        "plan --help",
    ] {
        let shown = at_terminal(project.path(), 70, arguments);
        for line in shown.lines() {
            assert!(
                columns(line) <= 70,
                "{arguments}: {} columns: {line:?}",
                columns(line)
            );
        }
    }
}

#[test]
fn columns_in_the_environment_win_and_what_programs_read_is_never_broken() {
    let project = Project::example("tenfold");
    let run = |arguments: &[&str]| {
        let output = deskstate(project.path())
            .env("COLUMNS", "50")
            .args(arguments)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(
        run(&["plan", "--env", "local"])
            .lines()
            .all(|line| columns(line) <= 50)
    );
    for arguments in [
        &["plan", "--env", "local", "--format", "json"][..],
        &["plan", "--env", "local", "--format", "markdown"],
        &["render", "--env", "local"],
        &["graph"],
    ] {
        assert_eq!(
            run(arguments),
            project.run(arguments).ended(0).out,
            "{arguments:?}"
        );
    }
}

#[test]
fn a_reader_that_goes_away_is_no_panic_and_no_message() {
    let project = Project::example("tenfold");
    for arguments in [
        &["explain", "SessionTemplate"][..],
        &["plan", "--env", "local"],
        &["schema", "SessionTemplate"],
        &["completions", "bash"],
        &["--help"],
    ] {
        let mut child = deskstate(project.path())
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Closed before anything is printed, so that every write fails.
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !said.contains("panicked") && !said.contains("error"),
            "{arguments:?}: {said}"
        );
        assert!(
            matches!(output.status.code(), Some(0 | 1)),
            "{arguments:?}: {:?}",
            output.status
        );
    }
}

#[test]
fn head_reads_one_line_of_a_plan_and_the_saved_plan_is_whole() {
    let project = Project::example("tenfold");
    let output = Command::new("bash")
        .args([
            "-c",
            &format!(
                "{} plan --env local --out plan.json | head -1",
                env!("CARGO_BIN_EXE_deskstate")
            ),
        ])
        .current_dir(project.path())
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("Plan for local"));
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
    let saved: serde_json::Value = serde_json::from_str(&project.read("plan.json")).unwrap();
    assert_eq!(saved["formatVersion"], 2);
}

#[test]
fn an_apply_whose_output_nobody_reads_says_that_it_stopped() {
    let project = Project::example("tenfold");
    let many: String = (0..600)
        .map(|number| format!("---\napiVersion: deskstate/v1\nkind: NotificationField\nmetadata: {{name: tenfold_field_with_a_long_name_{number}}}\nspec: {{displayName: Line, header: Line, order: 10}}\n"))
        .collect();
    project.write("manifests/many.yaml", &many);
    let output = Command::new("bash")
        .args([
            "-c",
            &format!(
                "{} apply --env local --yes | true; exit ${{PIPESTATUS[0]}}",
                env!("CARGO_BIN_EXE_deskstate")
            ),
        ])
        .current_dir(project.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("the program that reads the output has ended, so the command stopped"),
        "{said}"
    );
}

#[test]
fn a_saved_plan_replaces_no_other_file() {
    let project = Project::example("tenfold");
    let before = project.read("deskstate.yaml");
    let plan = |file: &str| project.run(&["plan", "--env", "local", "--out", file]);
    project.write("notes.md", "# Notes\n");
    for (file, why) in [
        (
            "deskstate.yaml",
            "is a file of a deskstate project, so it is not overwritten",
        ),
        ("notes.md", "exists and is not a saved plan"),
    ] {
        let refused = plan(file).ended(1);
        assert!(
            refused.err.contains(&format!("{file} {why}")),
            "{}",
            refused.err
        );
    }
    assert_eq!(project.read("deskstate.yaml"), before);
    assert_eq!(project.read("notes.md"), "# Notes\n");
    project.write("plan.json", "");
    plan("plan.json").ended(0);
    plan("plan.json").ended(0);
}

#[test]
fn a_full_disk_is_an_error_with_exit_code_1() {
    let project = Project::example("tenfold");
    for arguments in [
        &["plan", "--env", "local"][..],
        &["explain"],
        &["graph"],
        &["completions", "zsh"],
        &["validate", "--format", "json"],
    ] {
        let output = deskstate(project.path())
            .args(arguments)
            .stdout(File::options().write(true).open("/dev/full").unwrap())
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(
            said.contains("error: ") && said.contains("No space left"),
            "{arguments:?}: {said}"
        );
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn an_error_stream_that_cannot_be_written_changes_nothing() {
    let project = Project::example("tenfold");
    let output = deskstate(project.path())
        .args(["plan", "--env", "local"])
        .stderr(File::options().write(true).open("/dev/full").unwrap())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(!output.stdout.is_empty());
}

#[test]
fn control_c_stops_an_emulator_which_is_done_then() {
    let mut child = deskstate(&std::env::temp_dir())
        .args(["emulator", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(line.contains("http://"), "{line}");
    interrupt(child.id());
    let status = child.wait().unwrap();
    assert_eq!(
        status.code(),
        Some(0),
        "an emulator that is stopped is done"
    );
}

#[test]
fn control_c_twice_ends_a_command_whose_server_never_answers() {
    // Accepts connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let project = Project::example("tenfold");
    project.add_server(&format!("http://{}", silent.local_addr().unwrap()));
    let child = deskstate(project.path())
        .args(["plan", "--env", "server"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut connection, _) = silent.accept().unwrap();
    let mut first = [0; 16];
    connection.read_exact(&mut first).unwrap();
    let began = std::time::Instant::now();
    interrupt(child.id());
    std::thread::sleep(Duration::from_millis(300));
    interrupt(child.id());
    let output = child.wait_with_output().unwrap();
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(matches!(output.status.code(), Some(1 | 130)), "{output:?}");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
}

#[test]
fn a_typed_no_cancels_and_changes_nothing() {
    let project = Project::example("tenfold");
    let line = format!(
        "{} apply --env local; echo \"ended $?\"",
        env!("CARGO_BIN_EXE_deskstate")
    );
    let mut asked = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .current_dir(project.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = asked.stdin.take().unwrap();
    stdin.write_all(b"no\n").unwrap();
    let output = asked.wait_with_output().unwrap();
    drop(stdin);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    support::says(&shown, &["cancelled; nothing was changed", "ended 4"]);
    assert!(!shown.contains("help"), "{shown}");
}

#[test]
fn a_wait_is_shown_on_a_terminal_and_gone_when_it_is_over() {
    let project = Project::example("tenfold");
    let shown = at_terminal(project.path(), 80, "plan --env local");
    let reading = shown
        .find("Reading")
        .expect("a terminal sees that something is read");
    let plan = shown.find("Plan for").unwrap();
    assert!(
        reading < plan && !shown[plan..].contains("Reading"),
        "{shown:?}"
    );
    for quiet in [
        at_terminal(project.path(), 80, "--quiet plan --env local"),
        project.run(&["plan", "--env", "local"]).ended(0).err,
    ] {
        assert!(!quiet.contains("Reading"), "{quiet:?}");
    }
}

fn interrupt(id: u32) {
    assert!(
        Command::new("kill")
            .args(["-INT", &id.to_string()])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn a_person_at_a_terminal_gets_a_browser_and_nobody_else_does() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca.pem");
    let server = support::Server::start(&[
        "--sign-in",
        "required",
        "--tls-ca-out",
        authority.to_str().unwrap(),
    ]);
    let project = Project::desk(&server, "", "", "");
    let opener = folder.path().join("xdg-open");
    std::fs::write(&opener, "#!/bin/sh\necho \"$1\" > \"$0.opened\"\n").unwrap();
    std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).unwrap();
    let opened = || std::fs::read_to_string(folder.path().join("xdg-open.opened"));
    let command = format!(
        "{} doctor --env server --ca-file {}",
        env!("CARGO_BIN_EXE_deskstate"),
        authority.display()
    );
    let path = format!(
        "{}:{}",
        folder.path().display(),
        std::env::var("PATH").unwrap()
    );
    let person = |program: &str, arguments: &[&str], ssh: &str| {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(project.path())
            .env("PATH", &path)
            .env("AZURE_CLIENT_ID", "0c0f0000-0000-4000-8000-000000000a03")
            .env("DESKSTATE_SIGN_IN_WAIT", "1")
            .env("SSH_CONNECTION", ssh)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    // Without a terminal nobody is asked, and no browser is opened even if that method is chosen.
    let piped = person("sh", &["-c", &command], "");
    support::says(&piped, &["no method is chosen"]);
    let chosen = person("sh", &["-c", &format!("{command} --sign-in browser")], "");
    support::says(&chosen, &["open https://", "nobody signed in within 1 s"]);
    assert!(opened().is_err(), "nothing was opened");
    let seen = person("script", &["-qec", &command, "/dev/null"], "");
    support::says(
        &seen,
        &["sign in with your browser", "nobody signed in within 1 s"],
    );
    let page = opened().unwrap();
    assert!(page.starts_with(&format!("{}/", server.url)), "{page}");
    assert!(page.contains("code_challenge_method=S256"), "{page}");
    // A browser on another machine cannot deliver the answer to this one.
    let remote = format!("timeout 3 {command}");
    let seen = person(
        "script",
        &["-qec", &remote, "/dev/null"],
        "10.0.0.1 1 10.0.0.2 22",
    );
    support::says(&seen, &["/devicelogin"]);
}
