//! However an apply or an undo ends, it or the next run reports what was applied, what was not, the undo file and the next step.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use super::support::{Project, Run, Server, deskstate, says, session, tab};

/// Number of transactions of the disturbed apply: a tab with its parameter, another tab, and the session.
const TRANSACTIONS: usize = 3;

/// Three transactions are waiting to be applied.
fn waiting() -> (Project, Server) {
    let server = Server::plain();
    let project = Project::desk(&server, "maxChangeset: 2", "", &session("first"));
    project.apply();
    let all = format!(
        "{}{}{}",
        session("second"),
        tab("contoso_a"),
        tab("contoso_b")
    );
    project.write("manifests/all.yaml", &all);
    (project, server)
}

fn faults(server: &Server, rules: &str) {
    server.request("DELETE", "/__emulator/stats", "", "");
    let script = format!(r#"{{"formatVersion":1,"rules":[{rules}]}}"#);
    server.request("POST", "/__emulator/faults", &script, "");
}

fn on_write(number: usize, fault: &str) -> String {
    format!(r#"{{"when":{{"writes":true,"nth":{number}}},"fault":{fault}}}"#)
}

/// How long a write is delayed: longer than another command takes meanwhile.
const HELD: Duration = Duration::from_millis(if cfg!(windows) { 5000 } else { 1500 });

fn hold() -> String {
    format!(r#"{{"kind":"delay","delayMs":{}}}"#, HELD.as_millis())
}

/// Starts a command in its own console, in which [`interrupt`] presses Ctrl-C.
fn start(project: &Project, arguments: &[&str]) -> Child {
    let mut command = deskstate(project.path());
    #[cfg(windows)]
    std::os::windows::process::CommandExt::creation_flags(&mut command, 0x0800_0000);
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Starts a command and waits until a fault has occurred.
fn begin(project: &Project, server: &Server, arguments: &[&str]) -> Child {
    let child = start(project, arguments);
    while server.get("/__emulator/stats")["faults"] == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

const APPLY: &[&str] = &["apply", "--env", "server", "--yes"];

/// Presses Ctrl-C. On Windows this requires the program of `ci/wine/interrupt.c`, compiled and on the `PATH`.
fn interrupt(child: &Child) {
    let mut command = if cfg!(windows) {
        Command::new("interrupt")
    } else {
        let mut kill = Command::new("kill");
        kill.arg("-INT");
        kill
    };
    let sent = command.arg(child.id().to_string()).status();
    assert!(sent.expect("a program that interrupts").success());
}

fn end(child: Child) -> Run {
    child.wait_with_output().unwrap().into()
}

fn unfinished(project: &Project) -> usize {
    let folder = project.path().join(".deskstate/undo");
    std::fs::read_dir(folder)
        .unwrap()
        .filter(|entry| {
            let path = entry.as_ref().unwrap().path();
            path.extension().is_some_and(|ending| ending == "journal")
        })
        .count()
}

/// The command after `to undo: `.
#[track_caller]
fn to_undo(text: &str) -> Vec<String> {
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("to undo: deskstate "));
    let line = line.unwrap_or_else(|| panic!("nothing says how to undo\n{text}"));
    line.split(' ').map(str::to_owned).collect()
}

/// The same command applies the rest, and then nothing is left to report.
#[track_caller]
fn is_finished_by_running_again(project: &Project, server: &Server) {
    faults(server, "");
    let again = project.run(APPLY).ended(0);
    assert_eq!(unfinished(project), 0, "{again:?}");
    let plan = project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
    assert!(!plan.err.contains("interrupted"), "{plan:?}");
}

/// The suggested command undoes what was applied and restores the environment.
#[track_caller]
fn is_undone_by_what_was_said(project: &Project, server: &Server, text: &str) {
    faults(server, "");
    let mut command = to_undo(text);
    command.push("--yes".to_owned());
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    project.run(&command).ended(0);
    assert_eq!(unfinished(project), 0);
    project.write("manifests/all.yaml", &session("first"));
    let plan = ["plan", "--env", "server", "--detailed-exitcode"];
    project.run(&plan).ended(0);
    let tabs = server.get("/api/data/v9.2/msdyn_applicationtabtemplates?$select=msdyn_uniquename&$filter=startswith(msdyn_uniquename,'contoso_')");
    assert_eq!(tabs["value"].as_array().unwrap().len(), 0, "{tabs}");
}

fn applied_lines(done: usize) -> Vec<String> {
    match done {
        0 => vec!["  applied: nothing\n".to_owned()],
        TRANSACTIONS => vec![format!(
            "  applied: all of it, 3 changes in {TRANSACTIONS} transactions\n"
        )],
        _ => vec![
            format!(
                "  applied: {done} of {TRANSACTIONS} transactions ({} writes); {done} of 3 changes were made, at least in part\n",
                done * 2
            ),
            "  not applied: transaction".to_owned(),
            format!(
                ", with {}",
                if done == 2 {
                    "1 change not"
                } else {
                    "2 changes not"
                }
            ),
        ],
    }
}

#[track_caller]
fn accounts_for(text: &str, done: usize) {
    let lines = applied_lines(done);
    says(text, &lines.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(text.contains("to undo: "), done > 0, "{text}");
}

#[test]
fn a_refused_transaction_ends_with_what_was_applied_and_the_rest_is_finished_by_running_again() {
    for done in 0..TRANSACTIONS {
        let (project, server) = waiting();
        faults(
            &server,
            &on_write(done + 1, r#"{"kind":"refuse","status":400}"#),
        );
        let ended = project.run(APPLY).ended(1);
        accounts_for(&ended.err, done);
        says(
            &ended.err,
            &[
                &format!(
                    "the server refused transaction {} and nothing of it was applied",
                    done + 1
                ),
                "help: look at `deskstate plan --env server` first; then run the same command again: it applies what is left",
            ],
        );
        assert_eq!(unfinished(&project), 0);
        if done == 1 {
            is_undone_by_what_was_said(&project, &server, &ended.err);
        } else {
            is_finished_by_running_again(&project, &server);
        }
    }
}

/// ModSecurity examines replies, and API Management may count requests after it has passed them on: microsoft/terraform-provider-power-platform#692.
#[test]
fn what_a_firewall_answers_to_a_write_says_nothing_of_what_the_environment_did() {
    for status in [302, 401, 403, 404, 429, 499] {
        let (project, server) = waiting();
        let page = format!(r#"{{"kind":"gateway","status":{status},"after":true}}"#);
        faults(&server, &on_write(1, &page));
        let applied = project.run(APPLY).ended(0);
        says(&applied.err, &["no reply says what happened", "Verified"]);
    }
    let (project, server) = waiting();
    faults(&server, &on_write(1, r#"{"kind":"gateway","status":403}"#));
    let ended = project.run(APPLY).ended(1);
    says(
        &ended.err,
        &[
            "error: transaction 1 was not executed",
            "403",
            "applied: nothing",
            "help: something in front of the environment refused the request",
            "; then run the same command again: it applies what is left",
        ],
    );
    is_finished_by_running_again(&project, &server);
}

/// helm/helm#5143, helm/helm#6407: a rollback of what failed in the middle.
#[test]
fn an_apply_that_failed_is_undone_exactly_as_far_as_it_got() {
    let server = Server::start(&[]);
    let project = Project::desk(
        &server,
        "",
        "",
        &format!("{}{}", session("first"), tab("contoso_a")),
    );
    // The server makes the row of a tab's parameter, and its value is written in the second transaction.
    project.answer(true);
    faults(&server, &on_write(2, r#"{"kind":"refuse"}"#));
    let ended = project.run(APPLY).ended(1);
    says(&ended.err, &["applied: 1 of 2 transactions"]);
    faults(&server, "");
    let mut command = to_undo(&ended.err);
    command.push("--yes".to_owned());
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    project.run(&command).ended(0);
    let tabs =
        "/api/data/v9.2/msdyn_applicationtabtemplates?$filter=msdyn_uniquename eq 'contoso_a'";
    assert_eq!(server.get(&tabs.replace(' ', "%20"))["value"], json!([]));
    // Nothing was written, so nothing can be undone: another apply may write the same rows.
    let before = undo_files(&project);
    faults(&server, &on_write(1, r#"{"kind":"refuse"}"#));
    let ended = project.run(APPLY).ended(1);
    says(&ended.err, &["applied: nothing"]);
    assert_eq!(undo_files(&project), before);
}

fn undo_files(project: &Project) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(project.path().join(".deskstate/undo")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn a_killed_apply_is_reported_by_the_next_runs_until_what_it_left_is_applied_or_undone() {
    for done in 0..TRANSACTIONS {
        let (project, server) = waiting();
        faults(&server, &on_write(done + 1, &hold()));
        let mut child = begin(&project, &server, APPLY);
        // Meanwhile another run reports that one is running.
        let plan = project.run(&["plan", "--env", "server"]).ended(0);
        says(
            &plan.err,
            &["warning: another apply in `server` is running"],
        );
        let mut files = undo_files(&project).into_iter();
        let own = files.find(|path| path.extension().is_some_and(|ending| ending == "journal"));
        let own = own.unwrap().with_extension("json");
        let undo = ["undo", "--env", "server", "--yes", own.to_str().unwrap()];
        let undo = project.run(&undo).ended(4);
        says(
            &undo.err,
            &["the run that this file undoes is still going on"],
        );
        child.kill().unwrap();
        child.wait().unwrap();
        std::thread::sleep(HELD + Duration::from_millis(100));
        let expected = [
            "warning: an earlier apply in `server` was interrupted".to_owned(),
            format!("  applied: {done} of 3 transactions\n"),
            format!("  unknown: transaction {} of 3\n", done + 1),
            "  to undo: deskstate undo --env server .deskstate/undo/server-".to_owned(),
            "help: `deskstate apply --env server` applies what is left".to_owned(),
        ];
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        // A plan writes nothing, so the warning appears again.
        for _ in 0..2 {
            let plan = project.run(&["plan", "--env", "server"]).ended(0);
            says(&plan.err, &expected);
        }
        if done == 1 {
            let plan = project.run(&["plan", "--env", "server"]).ended(0);
            is_undone_by_what_was_said(&project, &server, &plan.err);
        } else {
            let apply = project.run(APPLY).ended(0);
            says(&apply.err, &expected);
            is_finished_by_running_again(&project, &server);
        }
    }
}

#[test]
fn after_an_interrupt_the_transaction_is_finished_and_the_end_says_what_was_applied() {
    for sent in 1..=TRANSACTIONS {
        let (project, server) = waiting();
        faults(&server, &on_write(sent, &hold()));
        let child = begin(&project, &server, APPLY);
        interrupt(&child);
        let ended = end(child).ended(1);
        accounts_for(&ended.err, sent);
        let what = if sent == TRANSACTIONS {
            [
                "everything was written, but it could not be read back".to_owned(),
                "help: `deskstate plan --env server` shows any differences".to_owned(),
            ]
        } else {
            [
                format!("stopped before transaction {} was sent", sent + 1),
                "help: run the same command again: it applies what is left".to_owned(),
            ]
        };
        says(&ended.err, &[&what[0], &what[1]]);
        assert_eq!(unfinished(&project), 0);
        is_finished_by_running_again(&project, &server);
    }
}

#[test]
fn where_the_reply_is_lost_and_nobody_waits_the_end_says_that_it_is_unknown_and_names_the_undo_file()
 {
    for done in 0..TRANSACTIONS {
        let (project, server) = waiting();
        faults(&server, &on_write(done + 1, r#"{"kind":"dropBefore"}"#));
        // It reads the rows for three minutes, unless it is interrupted.
        let child = begin(&project, &server, APPLY);
        interrupt(&child);
        let ended = end(child).ended(1);
        says(
            &ended.err,
            &[
                &format!("it is unknown whether transaction {} was applied", done + 1),
                &format!("  unknown: transaction {} of 3\n", done + 1),
                "  to undo: deskstate undo --env server .deskstate/undo/server-",
                "help: look at `deskstate plan --env server` first",
            ],
        );
        is_finished_by_running_again(&project, &server);
    }
}

#[test]
fn an_interrupted_emulator_ends_with_success_and_keeps_its_state() {
    let project = Project::example("tenfold");
    let mut child = start(
        &project,
        &["emulator", "--listen", "127.0.0.1:0", "--state", "s.json"],
    );
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(line.contains("http://127.0.0.1:"), "{line}");
    interrupt(&child);
    end(child).ended(0);
    assert!(project.read("s.json").contains("rows"));
}

/// Limits the size of files that a running process may write.
#[cfg(target_os = "linux")]
fn fill_disk(child: &Child) {
    let limited = Command::new("prlimit")
        .args(["--fsize=1", "--pid", &child.id().to_string()])
        .status();
    assert!(limited.unwrap().success());
}

/// A shell in which a write beyond the limit is an error, rather than the end of the process.
#[cfg(target_os = "linux")]
fn in_shell(project: &Project, script: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("trap '' XFSZ; {script}")])
        .current_dir(project.path())
        .env_clear()
        .env("NO_COLOR", "1")
        .env("DESKSTATE", env!("CARGO_BIN_EXE_deskstate"))
        .envs(std::env::vars_os().filter(|(name, _)| name == "PATH"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_full_disk_nothing_is_sent_that_could_not_be_accounted_for() {
    let (project, server) = waiting();
    faults(&server, "");
    let script = "ulimit -f 0; exec \"$DESKSTATE\" apply --env server --yes";
    let ended: Run = in_shell(&project, script).output().unwrap().into();
    let ended = ended.ended(1);
    says(&ended.err, &["could not write", "nothing was changed"]);
    assert_eq!(
        server.get("/__emulator/stats")["writes"]
            .as_object()
            .map(serde_json::Map::len),
        Some(0)
    );
    assert_eq!(unfinished(&project), 0);
    for done in 1..=TRANSACTIONS {
        let (project, server) = waiting();
        faults(&server, &on_write(done, &hold()));
        let script = "exec \"$DESKSTATE\" apply --env server --yes";
        let child = in_shell(&project, script).spawn().unwrap();
        while server.get("/__emulator/stats")["faults"] == 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        fill_disk(&child);
        let ended = end(child);
        if done == TRANSACTIONS {
            says(
                &ended.ended(0).out,
                &["3 changes applied to server in 3 transactions"],
            );
        } else {
            let ended = ended.ended(1);
            accounts_for(&ended.err, done);
            says(
                &ended.err,
                &[
                    &format!(
                        "the journal could not be written, so transaction {} was not sent",
                        done + 1
                    ),
                    "help: free some disk space, then run the same command again",
                ],
            );
        }
        is_finished_by_running_again(&project, &server);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_full_disk_a_recording_is_not_called_made() {
    let (project, _server) = waiting();
    for command in ["plan", "drift", "doctor", "apply --yes"] {
        let folder = command.split(' ').next().unwrap_or_default();
        let script = format!(
            "ulimit -f 0; exec \"$DESKSTATE\" {command} --env server --record made-{folder}"
        );
        let ended: Run = in_shell(&project, &script).output().unwrap().into();
        says(&ended.ended(1).err, &["an exchange was not recorded"]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_full_disk_init_leaves_no_cut_file() {
    let (project, _server) = waiting();
    let script = "ulimit -f 0; exec \"$DESKSTATE\" init new";
    let ended: Run = in_shell(&project, script).output().unwrap().into();
    says(&ended.ended(1).err, &["could not write"]);
    project.run(&["init", "new"]).ended(0);
    assert!(project.read("new/deskstate.yaml").contains("kind: Project"));
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_full_disk_adopt_changes_no_file_and_does_not_say_that_it_did() {
    let (project, server) = waiting();
    project.write("manifests/all.yaml", &session("second"));
    project.write(
        "manifests/tab.yaml",
        tab("contoso_a").trim_start_matches("---\n"),
    );
    project.apply();
    let id = server.id(
        "msdyn_sessiontemplates",
        "msdyn_sessiontemplateid",
        "contoso_calls",
    );
    server.patch(
        &format!("msdyn_sessiontemplates({id})"),
        r#"{"msdyn_title":"by hand"}"#,
    );
    let before = project.read("manifests/all.yaml");
    let script = "ulimit -f 0; exec \"$DESKSTATE\" adopt --env server";
    let ended: Run = in_shell(&project, script).output().unwrap().into();
    let ended = ended.ended(1);
    says(&ended.err, &["could not write"]);
    assert!(!ended.err.contains("Adopted"), "{ended:?}");
    assert_eq!(project.read("manifests/all.yaml"), before);
    assert_eq!(
        std::fs::read_dir(project.path().join("manifests"))
            .unwrap()
            .count(),
        2
    );
    says(
        &project.run(&["adopt", "--env", "server"]).ended(0).err,
        &["Adopted SessionTemplate contoso_calls title"],
    );
    says(&project.read("manifests/all.yaml"), &["by hand"]);
}

#[cfg(unix)]
#[test]
fn undo_files_and_recordings_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (project, _server) = waiting();
    let recorded = ["apply", "--env", "server", "--yes", "--record", "recorded"];
    let done = project.run(&recorded).ended(0);
    let mode = |path: &str| {
        let path = project.path().join(path);
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode(&Project::undo_file(&done)), 0o600);
    assert_eq!(
        [
            mode(".deskstate"),
            mode(".deskstate/undo"),
            mode("recorded")
        ],
        [0o700; 3]
    );
    for entry in std::fs::read_dir(project.path().join("recorded")).unwrap() {
        let name = entry.unwrap().file_name();
        assert_eq!(mode(&format!("recorded/{}", name.to_str().unwrap())), 0o600);
    }
}

#[test]
fn what_could_not_be_read_back_is_not_called_verified() {
    // Refuses all reads of the table except those of the first trip. A rule does not count requests that the previous rule has handled, so
    // equal rules apply one after the other.
    let after = |first: usize| {
        let nth = first + 1;
        let rule = format!(
            r#"{{"when":{{"part":"%msdyn_sessiontemplates?%","nth":{nth}}},"fault":{{"kind":"refuse"}}}}"#
        );
        vec![rule; 8].join(",")
    };
    let not_read = |project: &Project, server: &Server, command: &[&str]| {
        // The number of reads before the write depends on what the environment lacks.
        let runs = (1..8).map(|first| {
            faults(server, &after(first));
            project.run(command)
        });
        let mut written = runs.skip_while(|run| run.err.contains("nothing was changed"));
        let run = written.next().expect("a run that gets as far as writing");
        assert_eq!(run.code, Some(1), "{}", run.err);
        assert!(!run.err.contains("Verified"), "{}", run.err);
        says(
            &run.err,
            &[
                "everything was written, but not all of it could be read back",
                "error: SessionTemplate contoso_calls could not be read back: ",
            ],
        );
        run
    };
    let (project, server) = waiting();
    let apply = not_read(&project, &server, APPLY);
    server.request("DELETE", "/__emulator/faults", "", "");
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
    let undo = to_undo(&apply.err);
    let mut words: Vec<&str> = undo.iter().map(String::as_str).collect();
    words.push("--yes");
    not_read(&project, &server, &words);
    server.request("DELETE", "/__emulator/faults", "", "");
    project.run(&words).ended(0);
}

#[test]
fn an_undo_that_ends_early_is_accounted_for_like_an_apply() {
    let (project, server) = waiting();
    let file = Project::undo_file(&project.apply());
    let undo = ["undo", "--env", "server", "--yes", file.as_str()];
    faults(&server, &on_write(2, r#"{"kind":"refuse","status":400}"#));
    let ended = project.run(&undo).ended(1);
    says(
        &ended.err,
        &[
            "the server refused transaction 2",
            "  applied: 1 of ",
            "  to undo: deskstate undo --env server .deskstate/undo/server-",
            "help: run the same command again: it undoes what is left",
        ],
    );
    faults(&server, &on_write(1, &hold()));
    let mut child = begin(&project, &server, &undo);
    child.kill().unwrap();
    child.wait().unwrap();
    std::thread::sleep(HELD + Duration::from_millis(100));
    faults(&server, "");
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    says(
        &plan.err,
        &[
            "an earlier undo in `server` was interrupted",
            "help: run the same undo again: it undoes what is left",
        ],
    );
    project.run(&undo).ended(0);
    assert_eq!(unfinished(&project), 0);
    project.write("manifests/all.yaml", &session("first"));
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
}

/// A gateway that repeats a request after a lost reply returns the answer to the second one: a conflict with the first.
#[test]
fn a_write_that_arrives_twice_is_not_called_undone_and_can_be_undone() {
    let (project, server) = waiting();
    faults(&server, &on_write(1, r#"{"kind":"twice"}"#));
    let ended = project.run(APPLY).ended(1);
    says(
        &ended.err,
        &[
            "it is unknown whether transaction 1 was applied",
            "every row is as after it: somebody made the same changes, or its request arrived twice",
        ],
    );
    is_undone_by_what_was_said(&project, &server, &ended.err);
}

/// Kinto/kinto-admin#1174: a roll-back that was not shown as it is.
#[test]
fn an_undo_of_moved_users_shows_each_under_its_profile_and_empties_none() {
    let profile = |name: &str, users: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {{name: contoso_{name}}}\nspec:\n  displayName: {name}\n  app: CustomerServiceApps\n  users: [{users}]\n"
        )
    };
    let desk = |a: &str, b: &str| profile("a", a) + "---\n" + &profile("b", b);
    let server = Server::plain();
    let swapped = desk("ada@contoso.com", "lin@contoso.com");
    let project = Project::desk(&server, "", "", &swapped);
    project.apply();
    for after in [
        desk("lin@contoso.com", "ada@contoso.com"),
        desk("ada@contoso.com, lin@contoso.com", "nora@contoso.com"),
    ] {
        project.write("manifests/all.yaml", &after);
        let file = Project::undo_file(&project.apply());
        let undone = project
            .run(&["undo", "--env", "server", "--yes", &file])
            .ended(0);
        let (a, b) = undone
            .out
            .split_once("~ AppProfile contoso_b")
            .expect("both profiles");
        says(a, &["~ AppProfile contoso_a", "− lin@contoso.com"]);
        says(b, &["+ lin@contoso.com  moves from contoso_a"]);
        assert!(!a.contains("+ lin@contoso.com"), "{a}");
        project.write("manifests/all.yaml", &swapped);
        project
            .run(&["plan", "--env", "server", "--detailed-exitcode"])
            .ended(0);
    }
}

#[test]
fn an_undo_shows_the_users_of_a_profile_that_comes_back_under_that_profile() {
    let profile = |name: &str, spec: &str| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {{name: contoso_{name}}}\nspec: {{displayName: {name}, app: CustomerServiceApps, users: [{spec}]}}\n"
        )
    };
    let server = Server::plain();
    let both = profile("a", "ada@contoso.com") + &profile("b", "lin@contoso.com");
    let project = Project::desk(&server, "", "", &both);
    project.apply();
    let moved =
        "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {name: contoso_b, state: absent}\n"
            .to_owned()
            + &profile("a", "ada@contoso.com, lin@contoso.com");
    project.write("manifests/all.yaml", &moved);
    let file = Project::undo_file(&project.apply());
    let undone = project
        .run(&["undo", "--env", "server", "--yes", &file])
        .ended(0);
    let at = undone
        .out
        .find("+ AppProfile contoso_b")
        .expect("the profile");
    let own = undone.out[at..].split("\n\n").next().unwrap_or_default();
    says(
        own,
        &[
            "+ lin@contoso.com  moves from contoso_a",
            "assigned directly to contoso_b",
        ],
    );
    project.write("manifests/all.yaml", &both);
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
}

#[test]
fn an_undo_takes_no_profile_from_a_user_who_has_nowhere_to_return() {
    let profile = |name: &str, users: &str| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {{name: contoso_{name}}}\nspec: {{displayName: {name}, app: CustomerServiceApps, users: [{users}]}}\n"
        )
    };
    let start = || {
        let server = Server::plain();
        let before =
            profile("a", "ada@contoso.com") + &profile("v", "lin@contoso.com, nora@contoso.com");
        let project = Project::desk(&server, "", "", &before);
        project.apply();
        let after = profile("a", "ada@contoso.com, lin@contoso.com, nora@contoso.com")
            + &profile("v", "dana@contoso.com");
        project.write("manifests/all.yaml", &after);
        let undo = Project::undo_file(&project.apply());
        (server, project, undo)
    };
    let (server, project, undo) = start();
    let gone = server.id(
        "msdyn_appconfigurations",
        "msdyn_appconfigurationid",
        "contoso_v",
    );
    server.delete(&format!("msdyn_appconfigurations({gone})"));
    project
        .run(&["undo", "--env", "server", "--yes", &undo])
        .ended(1);
    let who = project
        .run(&["who", "--env", "server", "lin@contoso.com"])
        .ended(0);
    says(&who.out, &["contoso_a"]);
}

#[test]
fn an_apply_whose_last_line_nobody_could_read_is_reported_by_the_next_run() {
    let (project, server) = waiting();
    faults(&server, &on_write(TRANSACTIONS, &hold()));
    let mut child = begin(&project, &server, APPLY);
    // The reader closes the pipe before the end.
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    let err = String::from_utf8(ended.stderr).unwrap();
    says(
        &err,
        &["3 changes applied to server in 3 transactions; undo with"],
    );
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    says(
        &plan.err,
        &[
            "an earlier apply in `server` wrote everything, but could not report it",
            "  applied: 3 of 3 transactions\n",
            "help: `deskstate plan --env server` shows whether the environment matches the manifests",
            "  to undo: deskstate undo --env server .deskstate/undo/server-",
        ],
    );
}

#[test]
fn two_applies_at_once_in_one_folder_never_take_each_others_files() {
    for _ in 0..4 {
        let (project, server) = waiting();
        let begin = || {
            deskstate(project.path())
                .args(APPLY)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        };
        let runs = [begin(), begin()].map(end);
        for run in &runs {
            // Both make the same rows, so the second one cannot tell the first one's from its own.
            let unknown = run
                .err
                .contains("every row is as after it: somebody made the same");
            assert!(matches!(run.code, Some(0 | 4)) || unknown, "{run:?}");
            assert!(!run.err.contains("could not write"), "{run:?}");
        }
        assert!(runs.iter().any(|run| run.code == Some(0)), "{runs:?}");
        is_finished_by_running_again(&project, &server);
    }
}

/// A project with three lines, one of which changes during the run, behind a server that wraps refusals in this way.
fn three_lines(failure: &str, code: bool) -> (Project, Server) {
    let folder = tempfile::TempDir::new().unwrap();
    let sheet = folder.path().join("answers.json");
    let answers = format!(
        r#"{{"formatVersion":1,"answers":{{"tabMakesParameters":false,"changesetFailure":"{failure}","codeOnStaleInChangesets":{code}}}}}"#
    );
    std::fs::write(&sheet, answers).unwrap();
    let server = Server::start(&["--answers", sheet.to_str().unwrap()]);
    let project = Project::desk(&server, "", "", &lines("contoso", "Before"));
    project.apply();
    (project, server)
}

fn lines(prefix: &str, header: &str) -> String {
    let line = |number: u8| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: NotificationField\nmetadata: {{name: {prefix}_line{number}}}\nspec: {{displayName: Line, header: {header} {number}, order: 10}}\n"
        )
    };
    (1..=3).map(line).collect()
}

/// The output without the parts that differ from run to run.
fn without_ids(text: &str) -> String {
    let is_id = |word: &str| {
        word.len() == 36
            && word
                .bytes()
                .all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
    };
    let end = |char: char| !(char.is_ascii_hexdigit() || char == '-');
    text.split_inclusive(end)
        .map(|word| match is_id(word.trim_end_matches(end)) {
            true => "ID",
            false => word,
        })
        .collect()
}

#[test]
fn a_refusal_is_told_alike_in_each_shape_that_was_recorded() {
    let shapes = ["nested", "bare", "json"];
    let stale = shapes.map(|failure| {
        // The code of a 412 only changes the line that quotes the server.
        let (project, server) = three_lines(failure, failure == "bare");
        project.write("manifests/all.yaml", &lines("contoso", "After"));
        let id = server.found(
            "msdyn_notificationfields",
            "msdyn_notificationfieldid",
            "msdyn_uniquename eq 'contoso_line2'",
        );
        let edit = format!(
            r#"{{"kind":"foreignEdit","set":"msdyn_notificationfields","id":"{id}","body":{{"msdyn_name":"Theirs"}}}}"#
        );
        faults(&server, &on_write(1, &edit));
        let run = project.run(&["apply", "--env", "server", "--yes"]).ended(4);
        says(
            &run.err,
            &[
                "somebody changed the environment since it was read, so the server refused transaction 1 and nothing of it was applied",
                ": update msdyn_notificationfield `contoso_line2`",
                "  applied: nothing",
            ],
        );
        without_ids(&run.err).replace(", code 0x80060882", "")
    });
    assert_eq!(stale[0], stale[1]);
    assert_eq!(stale[0], stale[2]);

    let refused = shapes.map(|failure| {
        let (project, _server) = three_lines(failure, false);
        // One of several writes: only the server knows that it refuses the prefix.
        let added = lines("nobody", "New");
        let first = added.split("---\n").nth(1).unwrap();
        let manifests = format!("{}---\n{first}", lines("contoso", "After"));
        project.write("manifests/all.yaml", &manifests);
        let run = project.run(&["apply", "--env", "server", "--yes"]).ended(1);
        says(
            &run.err,
            &[
                "the server refused transaction 1 and nothing of it was applied",
                "  applied: nothing",
            ],
        );
        without_ids(&run.err)
    });
    assert_eq!(refused[0], refused[1]);
    assert_eq!(refused[0], refused[2]);

    let session = |name: &str| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {{name: {name}}}\nspec: {{displayName: Calls, type: Entity, entity: incident}}\n"
        )
    };
    let profile = |session: &str| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {{name: contoso_agents}}\nspec: {{displayName: Agents, app: CustomerServiceApps, sessionTemplates: {{mode: atLeast, members: [{session}]}}}}\n"
        )
    };
    let nameless = shapes.map(|failure| {
        let (project, server) = three_lines(failure, false);
        let with = |name: &str, header: &str| {
            format!("{}{}{}", lines("contoso", header), session(name), profile(name))
        };
        project.write("manifests/all.yaml", &with("contoso_first", "Before"));
        project.apply();
        // The server accepts one for each table, and does not name the row when it refuses a second one.
        project.write("manifests/all.yaml", &with("contoso_second", "After"));
        let before = server.dump();
        let run = project.run(&["apply", "--env", "server", "--yes"]).ended(1);
        says(
            &run.err,
            &[
                "the server refused transaction 1 and nothing of it was applied; it refused one of these writes: ",
                "create msdyn_sessiontemplate `contoso_second`",
                "The app profile already has an entity session template for 'incident'.",
                "  applied: nothing",
            ],
        );
        assert_eq!(server.dump()["rows"], before["rows"]);
        without_ids(&run.err)
    });
    assert_eq!(nameless[0], nameless[1]);
    assert_eq!(nameless[0], nameless[2]);
}
