//! `ci/install.sh`, which the templates use: it installs only what it can verify, and otherwise leaves nothing behind.

#![cfg(target_os = "linux")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::support::Run;
use tempfile::TempDir;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const TARGET: &str = "x86_64-unknown-linux-musl";

/// Releases behind a web server, and a machine that installs one.
struct Machine {
    folder: TempDir,
    server: MockServer,
}

impl Machine {
    async fn new() -> Self {
        let machine = Self {
            folder: TempDir::new().unwrap(),
            server: MockServer::start().await,
        };
        machine.program(
            "uname",
            "#!/bin/sh\ncase $1 in -s) echo Linux ;; -m) echo x86_64 ;; esac\n",
        );
        machine
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Adds a program that takes precedence over those of this machine.
    fn program(&self, name: &str, text: &str) {
        let file = self.at("path").join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// An archive as built by `scripts/dist`, with a script as the program.
    fn archive(&self, program: &str) -> Vec<u8> {
        let name = format!("deskstate-0.1.0-{TARGET}");
        let inside = self.at("made").join(&name);
        std::fs::create_dir_all(&inside).unwrap();
        std::fs::write(inside.join("deskstate"), program).unwrap();
        let packed = Command::new("tar")
            .args(["-czf", "-", &name])
            .current_dir(self.at("made"))
            .output()
            .unwrap();
        assert!(packed.status.success());
        packed.stdout
    }

    async fn serves(&self, name: &str, body: Vec<u8>) {
        Mock::given(method("GET"))
            .and(path(format!("/v0.1.0/{name}")))
            .respond_with(ResponseTemplate::new(200).set_body_bytes(body))
            .mount(&self.server)
            .await;
    }

    async fn serves_release(&self, archive: &[u8], listed: &str) {
        let name = format!("deskstate-0.1.0-{TARGET}.tar.gz");
        self.serves(&name, archive.to_vec()).await;
        self.serves("SHA256SUMS", format!("{listed}  {name}\n").into_bytes())
            .await;
    }

    fn install(&self, arguments: &[&str]) -> Run {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ci/install.sh");
        let path = std::env::join_paths(
            std::iter::once(self.at("path"))
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        Command::new("bash")
            .arg(script)
            .args(arguments)
            .env_clear()
            .env("PATH", path.unwrap())
            .env("HOME", self.folder.path())
            .env("TMPDIR", self.temporary())
            .env("DESKSTATE_RELEASES", self.server.uri())
            .output()
            .unwrap()
            .into()
    }

    fn temporary(&self) -> PathBuf {
        let folder = self.at("tmp");
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// Checks that the installation fails and leaves nothing behind.
    #[track_caller]
    fn fails(&self, arguments: &[&str], code: i32, message: &str) {
        let target = self.at("tools");
        let target = target.to_str().unwrap();
        let mut all = vec![arguments[0], target];
        all.extend(&arguments[1..]);
        let run = self.install(&all).ended(code);
        assert!(run.err.contains(message), "{}", run.err);
        assert!(run.err.contains("error: "), "{}", run.err);
        assert!(!self.at("tools").exists(), "something was installed");
        assert_eq!(std::fs::read_dir(self.temporary()).unwrap().count(), 0);
    }
}

const PROGRAM: &str = "#!/bin/sh\necho deskstate 0.1.0\n";

fn sha256(bytes: &[u8]) -> String {
    use std::io::Write;
    let mut child = Command::new("sha256sum")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

#[tokio::test]
async fn a_release_with_the_listed_checksum_is_installed() {
    let machine = Machine::new().await;
    let archive = machine.archive(PROGRAM);
    machine.serves_release(&archive, &sha256(&archive)).await;
    let tools = machine.at("tools");
    let run = machine
        .install(&["0.1.0", tools.to_str().unwrap()])
        .ended(0);
    assert_eq!(run.out, "deskstate 0.1.0\n");
    assert!(tools.join("bin/deskstate").is_file());
    assert_eq!(std::fs::read_dir(machine.temporary()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_checksum_that_the_project_pins_decides_alone() {
    let machine = Machine::new().await;
    let archive = machine.archive(PROGRAM);
    // Whoever replaces an archive can also replace the list.
    machine.serves_release(&archive, &sha256(&archive)).await;
    machine.fails(&["0.1.0", &"a".repeat(64)], 1, "was expected");
    let tools = machine.at("tools");
    let upper = sha256(&archive).to_uppercase();
    machine
        .install(&["0.1.0", tools.to_str().unwrap(), &upper])
        .ended(0);
}

#[tokio::test]
async fn a_wrong_checksum_is_refused() {
    let machine = Machine::new().await;
    let archive = machine.archive(PROGRAM);
    machine.serves_release(&archive, &sha256(b"another")).await;
    machine.fails(&["0.1.0"], 1, "was expected");
}

#[tokio::test]
async fn a_truncated_archive_is_refused_also_where_its_checksum_is_listed() {
    let machine = Machine::new().await;
    let archive = machine.archive(PROGRAM);
    let half = &archive[..archive.len() / 2];
    machine.serves_release(half, &sha256(half)).await;
    machine.fails(&["0.1.0"], 1, "cannot be unpacked");
}

#[tokio::test]
async fn an_archive_whose_program_does_not_start_is_refused() {
    let machine = Machine::new().await;
    let archive = machine.archive("#!/bin/sh\nexit 1\n");
    machine.serves_release(&archive, &sha256(&archive)).await;
    machine.fails(&["0.1.0"], 1, "does not start");
}

#[tokio::test]
async fn a_release_without_checksums_is_refused() {
    let machine = Machine::new().await;
    let name = format!("deskstate-0.1.0-{TARGET}.tar.gz");
    machine.serves(&name, machine.archive(PROGRAM)).await;
    machine.fails(&["0.1.0"], 1, "has no SHA256SUMS");
    machine
        .serves("SHA256SUMS", b"00  other.tar.gz\n".to_vec())
        .await;
    machine.fails(&["0.1.0"], 1, "does not list");
}

#[tokio::test]
async fn where_there_is_nothing_to_download_the_caller_can_compile() {
    let machine = Machine::new().await;
    machine.fails(&["0.1.0"], 3, "has no archive");
    machine.program("uname", "#!/bin/sh\necho Plan9\n");
    machine.fails(&["0.1.0"], 3, "there is no release for Plan9");
}

#[tokio::test]
async fn a_server_that_fails_is_no_missing_release() {
    let machine = Machine::new().await;
    // `curl` retries after this answer, which takes seconds.
    machine.program(
        "curl",
        "#!/bin/sh\nfor word; do case $word in --output) next=1 ;; *) ;; esac; done\nprintf 503\n",
    );
    machine.fails(&["0.1.0"], 1, "answered with status 503");
    machine.program("curl", "#!/bin/sh\nexit 7\n");
    machine.fails(&["0.1.0"], 1, "could not download");
    machine.fails(&["latest"], 1, "is not a version");
}
