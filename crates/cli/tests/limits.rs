//! Whatever a server sends or a file contains, a run ends, reports the exceeded limit, and uses less memory than promised.

#![cfg(unix)]

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::support::{Project, Server, deskstate};
use wait4::Wait4 as _;

/// The promised limit in MiB, as stated in `docs/limits.md`.
const PROMISED: u64 = 200;
/// The limit of the program that runs here. What is mapped of it counts as memory, too, and varies: a debug build has 170 MB.
const MOST: u64 = if cfg!(debug_assertions) {
    PROMISED + 30
} else {
    PROMISED
};

/// The input of a process that measures for another one: the folder and arguments of a command, a file for its output, and one for the
/// figures.
const MEASURED: &str = "DESKSTATE_TEST_MEASURED";

/// Runs a command to its end. Returns its output and its peak memory in MiB.
///
/// The system starts counting before a new process runs its own program, so it includes memory of its parent. This process serves attacks,
/// so a small process starts the command.
fn measured(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, u64) {
    let said = tempfile::NamedTempFile::new().unwrap();
    let figures = tempfile::NamedTempFile::new().unwrap();
    let run = serde_json::json!([folder, said.path(), figures.path(), arguments]);
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "limits::one_command_is_measured", "--ignored"])
        .env(MEASURED, run.to_string())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let said = std::fs::read_to_string(said.path()).unwrap();
    let figures = std::fs::read_to_string(figures.path()).unwrap();
    let (code, memory) = serde_json::from_str::<(Option<i32>, u64)>(&figures).unwrap();
    (code, said, memory / (1 << 20))
}

#[test]
#[ignore = "the other tests start it in a process of its own"]
fn one_command_is_measured() {
    let run = std::env::var(MEASURED).unwrap();
    let (folder, said, figures, arguments): (PathBuf, PathBuf, PathBuf, Vec<String>) =
        serde_json::from_str(&run).unwrap();
    let child = deskstate(&folder)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(said).unwrap())
        .spawn()
        .unwrap();
    let used = child.wait4().unwrap();
    let result = serde_json::json!([used.status.code(), used.rusage.maxrss]);
    std::fs::write(figures, result.to_string()).unwrap();
}

#[track_caller]
fn ends(folder: &Path, arguments: &[&str], names: &str) {
    let (code, said, memory) = measured(folder, arguments);
    let start: String = said.chars().take(2000).collect();
    assert_ne!(code, Some(0), "{arguments:?}: {start}");
    assert!(code.is_some(), "{arguments:?} was killed: {start}");
    assert!(
        said.contains(names),
        "{arguments:?}: no `{names}` in {start}"
    );
    assert!(memory < MOST, "{arguments:?} took {memory} MiB");
}

/// The answer of a hostile server to each request of a batch, or to the batch itself.
#[derive(Clone, Copy)]
enum Attack {
    /// Pages of rows of 4 KB, each with a link to the next.
    Pages,
    /// Very many rows with one small value.
    TinyRows,
    /// A list of very many empty lists in one column.
    Nodes,
    /// Brackets that are never closed.
    Brackets,
    /// An error code that is a large list.
    Errors,
    /// A body without an end.
    Endless,
    /// Very many parts.
    Parts,
    /// Very many headers.
    Headers,
    /// Pages that contain only blanks, none of which are kept.
    Blanks,
    /// Empty pages, each with a link to the next.
    EmptyPages,
}

/// Number of bytes sent by [`Attack::Blanks`].
static BLANKS_SENT: AtomicUsize = AtomicUsize::new(0);

fn serve(attack: Attack) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || drop(answer(stream, attack)));
        }
    });
    url
}

fn answer(mut stream: TcpStream, attack: Attack) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut request = Vec::new();
    let mut chunk = [0; 1 << 16];
    let body = loop {
        let read = stream.read(&mut chunk)?;
        if read == 0 {
            return Ok(());
        }
        request.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let head = head.to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1);
        let length: usize = length
            .and_then(|rest| rest.lines().next()?.trim().parse().ok())
            .unwrap_or(0);
        if body.len() >= length {
            break body.to_owned();
        }
    };
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed; boundary=b\r\nConnection: close\r\n";
    match attack {
        Attack::Headers => {
            stream.write_all(head.as_bytes())?;
            return stream.write_all("a: b\r\n".repeat(1_000_000).as_bytes());
        }
        Attack::Endless => {
            write!(stream, "{head}\r\n")?;
            loop {
                stream.write_all(&chunk)?;
            }
        }
        _ => write!(stream, "{head}\r\n")?,
    }
    if let Attack::Parts = attack {
        let part = "--b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n\r\n";
        return stream.write_all(part.repeat(900_000).as_bytes());
    }
    let requests = body.lines().filter(|line| line.starts_with("GET "));
    for (at, _) in requests.enumerate() {
        let status = if matches!(attack, Attack::Errors) {
            400
        } else {
            200
        };
        let part = format!(
            "--b\r\n\r\nHTTP/1.1 {status} x\r\n\r\n{}\r\n",
            rows(attack, at)
        );
        stream.write_all(part.as_bytes())?;
    }
    stream.write_all(b"--b--\r\n")
}

fn rows(attack: Attack, at: usize) -> String {
    match attack {
        Attack::Pages => {
            let mut rows = String::new();
            for row in 0..100 {
                let _ = write!(rows, r#"{{"msdyn_name":"{row}{}"}},"#, "x".repeat(4000));
            }
            format!(
                r#"{{"value":[{rows}{{}}],"@odata.nextLink":"/api/data/v9.2/a?page={}"}}"#,
                uuid::Uuid::new_v4()
            )
        }
        Attack::EmptyPages => {
            let next = uuid::Uuid::new_v4();
            format!(r#"{{"value":[],"@odata.nextLink":"/api/data/v9.2/a?page={next}"}}"#)
        }
        _ if at > 0 => r#"{"value":[]}"#.to_owned(),
        Attack::Blanks => {
            let (blanks, next) = (" ".repeat(4 << 20), uuid::Uuid::new_v4());
            BLANKS_SENT.fetch_add(blanks.len(), Ordering::Relaxed);
            format!(r#"{{"value":[],{blanks}"@odata.nextLink":"/api/data/v9.2/a?page={next}"}}"#)
        }
        Attack::TinyRows => format!(r#"{{"value":[{}{{}}]}}"#, r#"{"a":1},"#.repeat(210_000)),
        Attack::Nodes => format!(r#"{{"value":[{{"a":[{}0]}}]}}"#, "[],".repeat(8_000_000)),
        Attack::Brackets => format!(r#"{{"value":[{{"a":{}"#, "[".repeat(20_000_000)),
        Attack::Errors => {
            let code = "0,".repeat(12_000_000);
            format!(r#"{{"error":{{"code":[{code}0],"message":"broken on purpose"}}}}"#)
        }
        Attack::Endless | Attack::Parts | Attack::Headers => String::new(),
    }
}

#[test]
fn whatever_a_server_sends_memory_is_bounded_and_the_budget_is_named() {
    for (attack, names) in [
        (Attack::Pages, "of memory, the budget of a trip"),
        (Attack::TinyRows, "200000 rows, the budget of a trip"),
        (Attack::Nodes, "of memory, the budget of a trip"),
        (Attack::Brackets, "cannot be read"),
        (Attack::Endless, "32 MiB, the budget of a reply"),
        (Attack::Blanks, "128 MiB, the budget of a trip"),
        (
            Attack::EmptyPages,
            "2000 further pages, the budget of a trip",
        ),
        (Attack::Parts, "cannot be read"),
        (Attack::Headers, "the answer was lost"),
    ] {
        let project = Project::example("tenfold");
        project.add_server(&serve(attack));
        ends(project.path(), &["plan", "--env", "server"], names);
    }
    let sent = BLANKS_SENT.load(Ordering::Relaxed) >> 20;
    assert!((128..160).contains(&sent), "{sent} MiB were taken");
    let project = Project::example("tenfold");
    project.add_server(&serve(Attack::Errors));
    let (_, said, memory) = measured(project.path(), &["drift", "--env", "server"]);
    assert!(memory < MOST, "{memory} MiB: {said}");
}

#[test]
fn a_larger_environment_is_read_with_more_memory() {
    let project = Project::example("tenfold");
    project.add_server(&serve(Attack::TinyRows));
    let plan = ["plan", "--env", "server"];
    let refused = project.run(&plan);
    assert!(refused.err.contains("budget of a trip"), "{}", refused.err);
    let option = refused
        .err
        .split('`')
        .find(|part| part.starts_with("--memory"));
    let option: Vec<&str> = option.expect("a way out").split(' ').collect();
    let read = project.run(&[&plan[..], &option].concat());
    assert!(!read.err.contains("budget of a trip"), "{}", read.err);
}

/// A project with this number of resources: four tenths tabs, four tenths session templates with two tabs each, two tenths notifications.
fn many_resources(project: &Project, number: usize, title: &str) {
    let mut text = String::new();
    let head = |kind: &str, name: &str| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: {kind}\nmetadata: {{name: contoso_{name}}}\nspec:\n"
        )
    };
    let tabs = number * 4 / 10;
    for at in 0..tabs {
        text += &head("ApplicationTab", &format!("tab{at}"));
        let _ = writeln!(
            text,
            "  displayName: Tab {at}\n  title: {title} {at}\n  pageType: Search\n  parameters: {{searchText: order {at}}}"
        );
        text += &head("SessionTemplate", &format!("session{at}"));
        // A smaller number creates a subset of the same resources.
        let next = at ^ 1;
        let _ = writeln!(
            text,
            "  displayName: Session {at}\n  type: Generic\n  title: \"{{customerName}}\"\n  communicationPanelMode: Docked\n  anchorTab: contoso_tab{at}\n  additionalTabs: [contoso_tab{next}]"
        );
    }
    for at in 0..number - 2 * tabs {
        text += &head("NotificationTemplate", &format!("toast{at}"));
        let _ = writeln!(
            text,
            "  displayName: Toast {at}\n  title: Call {at}\n  timeoutSeconds: 30\n  acceptButton: Accept"
        );
    }
    project.write("manifests/all.yaml", &text);
}

/// A legitimate run succeeds within the limits.
#[track_caller]
fn fits(project: &Project, arguments: &[&str]) {
    let (code, said, memory) = measured(project.path(), arguments);
    let end: Vec<&str> = said.lines().rev().take(5).collect();
    assert_eq!(code, Some(0), "{arguments:?}: {end:?}");
    assert!(memory < MOST, "{arguments:?} took {memory} MiB");
}

#[test]
fn ten_thousand_resources_fit_the_memory_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::with_parameters(folder.path(), false);
    let project = Project::desk(&server, "maxChangeset: 1000", "", "");
    project.answer(false);
    let environments: String = ["server", "second", "third", "fourth"]
        .iter()
        .fold(String::new(), |text, name| {
            format!("{text}    {name}: {{url: \"{}\"}}\n", server.url)
        });
    project.set_environments(&environments);
    many_resources(&project, 10_000, "Found");
    let plan = ["plan", "--env", "server", "--out", "plan.json"];
    let apply = [
        "apply",
        "--env",
        "server",
        "--yes",
        "--reviewed",
        "plan.json",
    ];
    fits(&project, &plan);
    fits(&project, &apply);
    fits(&project, &["drift", "--all"]);
    // Its documents contain more YAML values than the default limit allows. With a higher limit they still fit.
    let export = ["export", "--env", "server", "--out", "exported"];
    fits(&project, &[&export[..], &["--memory", "400"]].concat());
    // A small project with large environments.
    many_resources(&project, 10, "Found");
    fits(&project, &["drift", "--all"]);
    let all = project
        .run(&["drift", "--all", "--format", "json"])
        .ended(0);
    assert_eq!(all.out.matches(r#""status": "inSync""#).count(), 4);
}

#[test]
fn environments_that_are_looked_at_at_once_share_the_memory_of_a_run() {
    for attack in [Attack::Pages, Attack::TinyRows, Attack::Nodes] {
        let project = Project::example("tenfold");
        let url = serve(attack);
        let environments = (0..6).fold(String::new(), |text, at| {
            format!("{text}    server{at}: {{url: \"{url}\", variables: {{widgetOrigin: \"https://widget.tenfold.example\"}}}}\n")
        });
        project.set_environments(&environments);
        let (code, said, memory) = measured(project.path(), &["drift", "--all"]);
        assert_eq!(code, Some(1), "{said}");
        assert!(memory < MOST, "{memory} MiB");
        let text = project.run(&["drift", "--all"]).ended(1).out;
        for at in 0..6 {
            let failed = format!("server{at} could not be read: ");
            assert!(text.contains(&failed), "{text}");
        }
        assert!(text.contains("the budget of a "), "{text}");
    }
}

/// A project with these texts as its manifests.
fn project_of(texts: &[String]) -> Project {
    let project = Project::example("tenfold");
    for (number, text) in texts.iter().enumerate() {
        project.write(&format!("manifests/x{number}.yaml"), text);
    }
    project
}

#[test]
fn whatever_manifests_hold_memory_is_bounded_and_the_limit_is_named() {
    let document = "---\napiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {name: \"a b\"}\nspec: {x: 1}\n";
    for (texts, names) in [
        (
            vec!["#".repeat(17 << 20)],
            "16 MiB, the limit for a file of a project",
        ),
        (
            vec![format!("# {}", "x".repeat(15 << 20)); 3],
            "32 MiB, the limit for all files of a project together",
        ),
        (vec!["- a\n".repeat(300_000)], "too many values"),
        (vec!["---\na\n".repeat(300_000)], "too many errors"),
        (vec![document.repeat(30_000)], "too many errors"),
        (vec![format!("a: [{}]", ",".repeat(1 << 20))], "broken-yaml"),
    ] {
        let project = project_of(&texts);
        ends(project.path(), &["validate"], names);
    }
}

#[test]
fn whatever_other_files_hold_memory_is_bounded_and_the_limit_is_named() {
    let project = Project::example("tenfold");
    project.add_server("http://127.0.0.1:1");
    let undo = |text: String, names: &str| {
        project.write("undo.json", &text);
        ends(
            project.path(),
            &["undo", "--env", "server", "--yes", "undo.json"],
            names,
        );
    };
    undo(" ".repeat(30 << 20), "24 MiB, the limit for an undo file");
    undo(format!("[{}0]", "0,".repeat(8 << 20)), "800000 values");
    let row = r#"{"table":"msdyn_appconfiguration","id":"00000000-0000-0000-0000-000000000000","label":"a","columns":{}}"#;
    let rows = vec![row; 3_000].join(",");
    undo(
        format!(
            r#"{{"formatVersion":1,"environment":"server","organization":null,"plan":"x","changes":[{{"kind":"AppProfile","name":"a","id":"00000000-0000-0000-0000-000000000000","deleted":[{rows}]}}]}}"#
        ),
        "more than once",
    );
    project.write(".deskstate/answers/server.json", &" ".repeat(5 << 20));
    let plan = ["plan", "--env", "server"];
    ends(
        project.path(),
        &plan,
        "4 MiB, the limit for a file that deskstate keeps",
    );
    std::fs::remove_file(project.path().join(".deskstate/answers/server.json")).unwrap();
    for file in ["/dev/zero", "."] {
        ends(
            project.path(),
            &[&plan[..], &["--ca-file", file]].concat(),
            "not a regular file",
        );
    }
}

#[test]
fn a_recording_is_read_within_limits_and_no_link_of_it_is_followed() {
    let project = Project::example("tenfold");
    project.add_server("http://127.0.0.1:1");
    let folder = project.path().join("recording");
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("0001.json");
    let replay = |names: &str| {
        let arguments = ["plan", "--env", "server", "--replay", "recording"];
        ends(project.path(), &arguments, names);
        std::fs::remove_file(&file).unwrap();
    };
    std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
    replay("a symbolic link");
    let made = std::process::Command::new("mkfifo").arg(&file).status();
    assert!(made.unwrap().success());
    replay("a named pipe");
    std::fs::write(&file, " ".repeat(49 << 20)).unwrap();
    replay("48 MiB, the limit for a file of a recording");
    let headers: String = (0..200_000).fold(String::new(), |mut text, number| {
        let _ = write!(text, r#""{number}":"","#);
        text
    });
    let answer = format!(
        r#"{{"formatVersion":1,"method":"","path":"","request":"","answer":{{"status":1,"body":"","headers":{{{headers}"x":""}}}}}}"#
    );
    std::fs::write(&file, answer).unwrap();
    replay("headers");
}

/// All other ways of reading a file are unlimited.
#[test]
fn files_are_read_by_the_one_function_that_keeps_the_limits() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let ways = [
        "fs::read(",
        "fs::read_to_string(",
        "File::open(",
        "stdin().read_to",
        ".output()",
    ];
    let mut open: Vec<PathBuf> = ["model", "dataverse", "reconcile", "cli"]
        .iter()
        .map(|name| crates.join(name).join("src"))
        .collect();
    let mut found = Vec::new();
    let mut seen = 0;
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            // Tests read files that they wrote themselves.
            if ["tests.rs", "fuzzing.rs", "reference.rs"].contains(&name.as_str()) {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text
                .split("#[cfg(test)]")
                .next()
                .and_then(|text| text.split("#[cfg(all(test").next())
                .unwrap();
            seen += 1;
            for way in ways {
                if code.contains(way) {
                    found.push(format!("{way}…) in {}", path.display()));
                }
            }
        }
    }
    assert!(seen > 100, "{seen} files");
    assert!(
        found.is_empty(),
        "use `deskstate_files`, which keeps the limits:\n{}",
        found.join("\n")
    );
}

#[test]
fn the_page_states_the_limits_that_are_kept() {
    use deskstate_dataverse::Budget;
    use deskstate_files::Limit;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/limits.md")).unwrap();
    let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
    let budget = Budget::default();
    for (what, number) in [
        ("one reply", mib(budget.reply)),
        ("all replies together", mib(budget.bytes)),
        ("rows in memory", mib(budget.memory)),
        ("rows", "200,000".to_owned()),
        ("further pages", "2,000".to_owned()),
        (
            "time of all requests",
            format!("{} minutes", budget.trip.as_secs() / 60),
        ),
        (
            "a manifest, an overlay, a contract, `deskstate.yaml`",
            mib(Limit::MANIFEST.bytes()),
        ),
        ("all files of a project", mib(Limit::PROJECT.bytes())),
        ("a plan file", mib(Limit::PLAN.bytes())),
        ("an undo file", mib(Limit::UNDO.bytes())),
        ("a file of a recording", mib(Limit::EXCHANGE.bytes())),
        ("a solution archive", mib(Limit::ARCHIVE.bytes())),
        (
            "an answer file of `doctor --probe`",
            mib(Limit::STATE.bytes()),
        ),
        ("a comment", mib(Limit::COMMENT.bytes())),
        ("output of git", mib(Limit::GIT.bytes())),
        ("a message to `deskstate mcp`", mib(Limit::MESSAGE.bytes())),
        (
            "a certificate, a token, a secret",
            mib(Limit::CREDENTIAL.bytes()),
        ),
    ] {
        let row = format!("| {what} | {number} |");
        assert!(page.contains(&row), "docs/limits.md lacks `{row}`");
    }
    assert_eq!((budget.rows, budget.pages), (200_000, 2_000));
    assert!(page.contains(&format!("{} MiB", deskstate_files::USUAL_MEMORY)));
}

#[test]
fn a_pod_has_the_memory_that_a_run_may_take() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/kubernetes");
    for name in ["cronjob.yaml", "indexed-job.yaml"] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let mut limits = 0;
        for rest in text.split("limits: {memory: ").skip(1) {
            let memory: u64 = rest.split("Mi}").next().unwrap().parse().unwrap();
            assert!(memory >= PROMISED + PROMISED / 5, "{name}: {memory} MiB");
            limits += 1;
        }
        assert!(limits > 0, "{name}");
    }
}
