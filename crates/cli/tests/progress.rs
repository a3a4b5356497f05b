//! The output of an apply while it writes: a bar on a terminal, plain lines in a log.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use super::support::Project;

#[test]
fn a_log_gets_plain_lines_with_right_aligned_verbs_and_nothing_to_redraw() {
    let project = Project::example("tenfold");
    let applied = project.run(&["apply", "--env", "local", "--yes"]).ended(0);
    assert!(
        applied
            .err
            .contains("     Created SessionTemplate CTI_createSession\n"),
        "{}",
        applied.err
    );
    assert!(
        !applied.err.contains(['\r', '\u{1b}']) && !applied.out.contains(['\r', '\u{1b}']),
        "{applied:?}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_gets_a_bar_of_the_writes_which_is_gone_at_the_end() {
    let project = Project::example("tenfold");
    let terminal = |arguments: &str| {
        let line = format!(
            "stty cols 100 rows 30; {} {arguments}",
            env!("CARGO_BIN_EXE_deskstate")
        );
        let output = std::process::Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .current_dir(project.path())
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let shown = terminal("apply --env local --yes");
    assert!(shown.contains("Applying") && shown.contains("/"), "{shown}");
    assert!(
        shown.contains("[===") && shown.contains(" writes, "),
        "{shown}"
    );
    let end = shown.find("    Verified").unwrap();
    assert!(
        shown[..end].contains("Verifying") && !shown[end..].contains("[==="),
        "the bar is still there: {shown}"
    );
    std::fs::remove_file(project.path().join(".deskstate/local.json")).unwrap();
    let quiet = terminal("--quiet apply --env local --yes");
    assert!(!quiet.contains("Applying"), "{quiet}");
}
