//! The promises of `SECURITY.md` and `docs/lessons.md`: each names the test that proves it, and commands that read write nothing.

use std::collections::BTreeSet;
use std::path::Path;

use super::support::{self, Project, Server, deskstate, says};
use serde_json::json;

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The names of all tests in the sources and tests of the crates.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![root().join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let after = text.split("[test]").skip(1);
                let after = after.chain(text.split("[tokio::test").skip(1));
                names.extend(
                    after
                        .filter_map(|rest| rest.split_once("fn ")?.1.split_once('('))
                        .map(|(name, _)| name.to_owned()),
                );
            }
        }
    }
    names
}

#[test]
fn every_promise_names_tests_that_are_there() {
    let text = std::fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let (_, promises) = text
        .split_once("## What an attacker can do")
        .expect("the promises");
    let promises = promises.split("\n## ").next().unwrap();
    let known = tests();
    let mut named = 0;
    for line in promises.lines().filter(|line| line.starts_with("- cannot")) {
        let (_, tests) = line
            .rsplit_once(" (shown by ")
            .unwrap_or_else(|| panic!("no test is named: {line}"));
        for test in tests.split('`').skip(1).step_by(2) {
            assert!(known.contains(test), "there is no test `{test}`");
            named += 1;
        }
    }
    assert!(named > 20, "{named} tests are named");
}

/// Checks that the last column of every table in a text names existing tests. Returns the number of rows.
fn rows_with_tests(text: &str, head: &str) -> usize {
    let known = tests();
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| --- "))
        .filter(|line| !line.starts_with(head));
    let mut number = 0;
    for row in rows {
        let tests = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test is named: {row}");
        for test in named {
            assert!(known.contains(test), "there is no test `{test}`");
        }
        number += 1;
    }
    number
}

#[test]
fn every_lesson_names_tests_that_are_there() {
    let text = std::fs::read_to_string(root().join("docs/lessons.md")).unwrap();
    let lessons = rows_with_tests(&text, "| problem ");
    assert!(lessons > 20, "{lessons} lessons");
}

#[test]
fn every_fault_made_on_purpose_names_the_tests_that_caught_it() {
    let text = std::fs::read_to_string(root().join("docs/testing.md")).unwrap();
    let (_, faults) = text.split_once("## Deliberate faults").unwrap();
    let faults = faults.split("\n## ").next().unwrap();
    assert_eq!(rows_with_tests(faults, "| promise "), 12);
}

#[test]
fn commands_that_compare_write_nothing_whatever_they_find() {
    let project = Project::example("tenfold");
    let server = Server::start(&[]);
    project.add_server(&server.url);
    project.answer(true);
    for command in [
        &["plan"][..],
        &["drift"],
        &["check"],
        &["who", "ada@contoso.com"],
        &["doctor"],
        &["export", "--out", "exported"],
    ] {
        let arguments = [command, &["--env", "server"]].concat();
        project.run(&arguments);
        let stats = server.stats();
        assert!(stats["httpRequests"].as_u64() > Some(0), "{command:?} read");
        assert_eq!(stats["writes"], json!({}), "{command:?}");
    }
}

/// A project with committed files that look like a repository, whose configuration names a program to start.
#[cfg(unix)]
#[test]
fn what_is_committed_beside_manifests_starts_no_program() {
    let project = Project::example("tenfold");
    let started = project.path().join("started");
    project.write("HEAD", "ref: refs/heads/main\n");
    project.write("objects/kept", "");
    project.write("refs/kept", "");
    project.write(
        "config",
        &format!(
            "[core]\nrepositoryformatversion = 0\nbare = false\nworktree = .\nfsmonitor = \"touch '{}'; false\"\n",
            started.display()
        ),
    );
    for command in [
        &["validate"][..],
        &["plan", "--env", "local"],
        &["drift", "--env", "local", "--at", "HEAD"],
        &["validate", "--format", "sarif"],
    ] {
        project.run(command);
        assert!(!started.exists(), "{command:?}");
    }
    project.git(&["status"]);
    assert!(started.exists(), "the trap is set");
}

/// A repository that came with the project, whose configuration names programs for all of git's operations.
#[cfg(unix)]
#[test]
fn a_repository_that_came_with_the_project_starts_no_program() {
    let (project, _server) = support::applied();
    project.write(
        ".gitattributes",
        "*.yaml filter=x diff=x\n*.YAML filter=a=b\n",
    );
    project.commit_applied();
    project.write("manifests/other.yaml", "# another\n");
    project.git(&["add", "."]);
    project.git(&["commit", "--quiet", "-m", "more"]);
    project.write("manifests/other.yaml", "# a change\n");
    let started = project.path().join("started");
    let touch = format!("touch '{}'; cat", started.display());
    let hook = project.path().join("hooks/post-index-change");
    project.write("hooks/post-index-change", &format!("#!/bin/sh\n{touch}\n"));
    std::process::Command::new("chmod")
        .arg("+x")
        .arg(&hook)
        .status()
        .unwrap();
    let mut config = project.read(".git/config");
    config.push_str(&format!(
        "[core]\n\tfsmonitor = \"{touch}\"\n\thooksPath = hooks\n\tpager = \"{touch}\"\n\tsshCommand = \"{touch}\"\n\talternateRefsCommand = \"{touch}\"\n\
         [filter \"x\"]\n\tclean = \"{touch}\"\n\tsmudge = \"{touch}\"\n\trequired = true\n\
         [filter \"a=b\"]\n\tprocess = \"{touch}\"\n\
         [diff]\n\texternal = \"{touch}\"\n[diff \"x\"]\n\ttextconv = \"{touch}\"\n\tcommand = \"{touch}\"\n\
         [gpg]\n\tprogram = \"{touch}\"\n[log]\n\tshowSignature = true\n[credential]\n\thelper = \"!{touch}\"\n"
    ));
    project.write(".git/config", &config);
    for command in [
        &["validate", "--format", "sarif"][..],
        &["plan", "--env", "server"],
        &["plan", "--env", "server", "--format", "markdown"],
        &["drift", "--env", "server", "--at", "HEAD"],
        &["apply", "--env", "server", "--yes"],
    ] {
        project.run(command);
        assert!(!started.exists(), "{command:?}");
    }
    project.git(&["status"]);
    assert!(started.exists(), "the trap is set");
}

/// A partial clone fetches missing files on demand, with the program that its configuration names.
#[cfg(unix)]
#[test]
fn a_partial_clone_contacts_nobody() {
    let (project, _server) = support::applied();
    project.write("manifests/old.yaml", "# old\n");
    project.commit_applied();
    project.write("manifests/old.yaml", "# new\n");
    project.git(&["add", "."]);
    project.git(&["commit", "--quiet", "-m", "new"]);
    project.git(&["config", "uploadpack.allowFilter", "true"]);
    let started = project.path().join("started");
    let pack = project.path().join("pack.sh");
    project.write(
        "pack.sh",
        &format!(
            "#!/bin/sh\ntouch '{}'\nexec git-upload-pack \"$@\"\n",
            started.display()
        ),
    );
    std::process::Command::new("chmod")
        .arg("+x")
        .arg(&pack)
        .status()
        .unwrap();
    let parent = tempfile::tempdir().unwrap();
    let clone = parent.path().join("clone");
    let from = format!("file://{}", project.path().display());
    project.git(&[
        "clone",
        "--quiet",
        "--filter=blob:none",
        &from,
        clone.to_str().unwrap(),
    ]);
    std::fs::copy(
        project.path().join("deskstate.yaml"),
        clone.join("deskstate.yaml"),
    )
    .unwrap();
    let git = |arguments: &[&str]| {
        let done = std::process::Command::new("git")
            .args(arguments)
            .current_dir(&clone)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        String::from_utf8_lossy(&done.stdout).into_owned()
    };
    git(&["config", "remote.origin.uploadpack", pack.to_str().unwrap()]);
    let run = |arguments: &[&str]| -> support::Run {
        deskstate(&clone).args(arguments).output().unwrap().into()
    };
    let begun = std::time::Instant::now();
    run(&["plan", "--env", "server"]).ended(0);
    run(&["drift", "--env", "server", "--at", "HEAD"]).ended(0);
    let old = run(&["drift", "--env", "server", "--at", "HEAD~1"]).ended(1);
    says(
        &old.err,
        &[
            "this clone is missing files of revision `HEAD~1`",
            "--filter",
        ],
    );
    assert!(!started.exists(), "nobody was contacted");
    // A clone without `--filter` has the files, as the error says.
    let whole = parent.path().join("whole");
    project.git(&["clone", "--quiet", &from, whole.to_str().unwrap()]);
    std::fs::copy(
        project.path().join("deskstate.yaml"),
        whole.join("deskstate.yaml"),
    )
    .unwrap();
    let drift = ["drift", "--env", "server", "--at", "HEAD~1"];
    let drift: support::Run = deskstate(&whole).args(drift).output().unwrap().into();
    drift.ended(0);
    assert!(begun.elapsed() < std::time::Duration::from_secs(60));
    git(&["cat-file", "blob", "HEAD~1:manifests/old.yaml"]);
    assert!(started.exists(), "the trap is set");
}

/// All calls of git go through one module, which overrides the repository's configuration.
#[test]
fn git_is_started_in_one_place() {
    fn named(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                named(&path, found);
            } else if std::fs::read_to_string(&path)
                .unwrap()
                .contains("Command::new(\"git\")")
            {
                found.push(path.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
    }
    let mut found = Vec::new();
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for name in [
        "cli",
        "model",
        "reconcile",
        "dataverse",
        "emulator",
        "files",
    ] {
        named(&crates.join(name).join("src"), &mut found);
    }
    assert_eq!(found, ["git.rs"]);
}

/// Git can return untrusted trees: one with `..` as the name of a folder.
#[cfg(unix)]
#[test]
fn an_earlier_revision_is_unpacked_nowhere_else() {
    let project = Project::example("tenfold");
    project.git(&["init", "--quiet"]);
    project.write("escaped", "escaped");
    let object = |kind: &str, file: &str| {
        let arguments = ["hash-object", "-w", "--literally", "-t", kind, file];
        project.git(&arguments).trim().to_owned()
    };
    let tree = |entry: &str, id: &str| {
        let byte = |at: usize| u8::from_str_radix(&id[at..at + 2], 16).unwrap();
        let id: Vec<u8> = (0..id.len()).step_by(2).map(byte).collect();
        let bytes = [entry.as_bytes(), b"\0", &id].concat();
        std::fs::write(project.path().join("tree"), bytes).unwrap();
        object("tree", "tree")
    };
    let inner = tree("100644 escaped.yaml", &object("blob", "escaped"));
    let outer = tree("40000 ..", &inner);
    let commit = project.git(&["commit-tree", "-m", "hostile", &outer]);
    let listed = project.git(&["ls-tree", "-r", "--name-only", commit.trim()]);
    assert_eq!(listed, "../escaped.yaml\n", "the trap is set");
    let temporary = project.path().join("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let done = deskstate(project.path())
        .args(["drift", "--env", "local", "--at", commit.trim()])
        .env("TMPDIR", &temporary)
        .output()
        .unwrap();
    assert!(!done.status.success());
    let left = std::fs::read_dir(&temporary).unwrap().count();
    assert_eq!(left, 0, "nothing was written beside the folder");
}

#[cfg(unix)]
#[test]
fn a_link_that_came_with_the_project_is_written_through_by_no_command() {
    use std::os::unix::fs::symlink;
    let elsewhere = tempfile::tempdir().unwrap();
    let mine = elsewhere.path().join("mine");
    for (link, command, code) in [
        (".deskstate/preview.html", &["preview", "--no-open"][..], 4),
        (".deskstate/local.json", &["plan", "--env", "local"], 4),
        (".deskstate/local.json.new", &["plan", "--env", "local"], 0),
        (".deskstate/local.json.lock", &["plan", "--env", "local"], 1),
        (
            "plan.json",
            &["plan", "--env", "local", "--out", "plan.json"],
            0,
        ),
        (
            "plan.json.part",
            &["plan", "--env", "local", "--out", "plan.json"],
            0,
        ),
        (
            "desk.svg",
            &["graph", "--format", "svg", "--out", "desk.svg"],
            0,
        ),
    ] {
        let project = Project::example("tenfold");
        std::fs::write(&mine, "mine").unwrap();
        std::fs::create_dir_all(project.path().join(".deskstate")).unwrap();
        symlink(&mine, project.path().join(link)).unwrap();
        project.run(command).ended(code);
        assert_eq!(std::fs::read_to_string(&mine).unwrap(), "mine", "{link}");
    }
}

#[cfg(unix)]
#[test]
fn what_is_kept_in_a_project_stays_there() {
    use std::os::unix::fs::symlink;
    let elsewhere = tempfile::tempdir().unwrap();
    for (link, command) in [
        (".deskstate", &["plan", "--env", "local"][..]),
        (".deskstate", &["preview", "--no-open"]),
        (".deskstate/undo", &["apply", "--env", "local", "--yes"]),
        (".deskstate/answers", &["plan", "--env", "server"]),
        (
            ".deskstate/answers/server.json",
            &["plan", "--env", "server"],
        ),
    ] {
        let project = Project::example("tenfold");
        project.add_server("http://127.0.0.1:9");
        let link = project.path().join(link);
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(elsewhere.path(), &link).unwrap();
        let run = project.run(command).ended(4);
        assert!(run.err.contains("is a link"), "{}", run.err);
        let written = std::fs::read_dir(elsewhere.path()).unwrap().count();
        assert_eq!(written, 0, "{command:?}");
    }
}

/// The crates named in a table of a page, or in a list of a manifest.
fn crates_of_the_page() -> BTreeSet<String> {
    let page = std::fs::read_to_string(root().join("docs/dependencies.md")).unwrap();
    let (tables, _) = page.split_once("## Regular review").unwrap();
    tables
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .filter(|names| !matches!(*names, "crate" | "---") && !names.ends_with("(npm)"))
        .flat_map(|names| names.split(", "))
        .map(|name| name.split(" (").next().unwrap().to_owned())
        .collect()
}

#[test]
fn every_dependency_has_its_reason_in_the_page_and_is_used_by_a_crate() {
    let workspace = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, declared) = workspace.split_once("[workspace.dependencies]").unwrap();
    let declared: BTreeSet<String> = declared
        .lines()
        .take_while(|line| !line.starts_with("[workspace.lints"))
        .filter_map(|line| Some(line.split_once(" = ")?.0.to_owned()))
        .filter(|name| !name.starts_with(['#', '[']))
        .collect();
    let mut used = BTreeSet::new();
    for folder in std::fs::read_dir(root().join("crates")).unwrap() {
        let manifest = folder.unwrap().path().join("Cargo.toml");
        let manifest = std::fs::read_to_string(manifest).unwrap();
        let package = manifest.split_once("[dependencies]").unwrap().1;
        used.extend(
            package
                .lines()
                .filter_map(|line| Some(line.split_once(".workspace")?.0.to_owned())),
        );
    }
    assert_eq!(declared, used, "declared for all, and used by one");
    let others: BTreeSet<String> = used
        .into_iter()
        .filter(|name| !name.starts_with("deskstate-"))
        .collect();
    assert_eq!(others, crates_of_the_page(), "used, and on the page");
}

#[test]
fn the_oldest_rust_is_the_same_wherever_it_is_said() {
    let read = |file: &str| std::fs::read_to_string(root().join(file)).unwrap();
    let workspace = read("Cargo.toml");
    let (_, version) = workspace.split_once("rust-version = \"").unwrap();
    let version = version.split('"').next().unwrap();
    for (file, text) in [
        ("ci/Dockerfile", format!("/rust:{version}-alpine ")),
        ("docs/installation.md", format!("Rust {version} or later")),
    ] {
        assert!(read(file).contains(&text), "{file} has no `{text}`");
    }
}
