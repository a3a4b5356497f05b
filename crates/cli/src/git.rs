//! Runs git in a folder whose contents are not trusted. Every call goes through here.
//!
//! A `.git` that came with a project is as untrusted as the rest of it, and its configuration can name programs. None of them is started:
//! filters, hooks, monitors and external diffs are switched off, and nothing is fetched. A call that takes too long is ended.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use deskstate_files::{Limit, Problem, read_stream};

/// Why git returned no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitError {
    #[error("git did not start")]
    NotStarted(#[source] std::io::Error),
    #[error("git took longer than {} s and was stopped", .0.as_secs())]
    TookTooLong(Duration),
    #[error("git printed too much: {0}")]
    TooMuch(Problem),
    #[error("git refused")]
    Refused,
}

/// Variables that make git use another repository than that of its folder. Git sets them for the hooks that it runs.
const OF_ANOTHER_REPOSITORY: [&str; 8] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
];

/// Git, in one folder.
pub(crate) struct Git<'f> {
    folder: &'f Path,
    limit: Duration,
    /// Settings that override the repository's configuration.
    off: Vec<(String, &'static str)>,
}

impl<'f> Git<'f> {
    /// Prepares git for a folder, with a time limit for each call. Asks git which filters are configured; this does not start any.
    pub(crate) fn new(folder: &'f Path, limit: Duration) -> Result<Self, GitError> {
        let mut git = Self {
            folder,
            limit,
            off: Vec::new(),
        };
        let names = git.run(&["config", "--list", "--name-only", "-z"])?;
        let names = String::from_utf8_lossy(&names);
        let mut filters: Vec<&str> = names
            .split('\0')
            .filter(|name| name.len() > 7 && name[..7].eq_ignore_ascii_case("filter."))
            .filter_map(|name| Some(name.rsplit_once('.')?.0))
            .collect();
        filters.dedup();
        for filter in filters {
            for (word, value) in [
                ("clean", ""),
                ("smudge", ""),
                ("process", ""),
                ("required", "false"),
            ] {
                git.off.push((format!("{filter}.{word}"), value));
            }
        }
        Ok(git)
    }

    /// Returns git's output.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Vec<u8>, GitError> {
        self.run_with(arguments, Vec::new())
    }

    /// Fetches one commit of another repository, without a checkout. The only call that uses a network.
    pub(crate) fn fetch(&self, address: &str, commit: &str) -> Result<(), GitError> {
        let mut command = self.command(&[
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-recurse-submodules",
            "--depth=1",
            "--",
            address,
            commit,
        ]);
        command.env("GIT_ALLOW_PROTOCOL", "https:ssh:file");
        self.ended(command, Vec::new()).map(drop)
    }

    /// Returns git's output as one line of text.
    pub(crate) fn line(&self, arguments: &[&str]) -> Result<String, GitError> {
        let output = String::from_utf8(self.run(arguments)?).map_err(|_| GitError::Refused)?;
        Ok(output.trim_end_matches(['\n', '\r']).to_owned())
    }

    /// Returns git's output for a given input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: Vec<u8>) -> Result<Vec<u8>, GitError> {
        self.ended(self.command(arguments), input)
    }

    fn ended(&self, mut command: Command, input: Vec<u8>) -> Result<Vec<u8>, GitError> {
        let mut child = command.spawn().map_err(GitError::NotStarted)?;
        let ended = self.output(&mut child, input);
        if ended.is_err() {
            // A process that has already ended cannot be killed, which does no harm.
            drop(child.kill());
        }
        let status = child.wait().map_err(GitError::NotStarted)?;
        let output = ended?;
        if status.success() {
            Ok(output)
        } else {
            Err(GitError::Refused)
        }
    }

    fn output(&self, child: &mut Child, input: Vec<u8>) -> Result<Vec<u8>, GitError> {
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(GitError::Refused);
        };
        // Neither thread is joined, because programs started by git may hold its pipes open.
        thread::spawn(move || drop(stdin.write_all(&input)));
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            drop(sender.send(read_stream(stdout, Limit::GIT)));
        });
        match receiver.recv_timeout(self.limit) {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(problem @ Problem::TooLarge(_))) => Err(GitError::TooMuch(problem)),
            Ok(Err(problem)) => Err(GitError::NotStarted(problem.into())),
            Err(_) => Err(GitError::TookTooLong(self.limit)),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let settings = [
            // Committed files can look like a repository without a working tree.
            ("safe.bareRepository", "explicit"),
            ("core.fsmonitor", "false"),
            ("core.hooksPath", "/dev/null"),
            ("log.showSignature", "false"),
        ];
        let off = self.off.iter().map(|(name, value)| (name.as_str(), *value));
        let (plain, odd): (Vec<_>, Vec<_>) = settings
            .into_iter()
            .chain(off)
            .partition(|(name, _)| !name.contains('='));
        let mut command = Command::new("git");
        command.args(["--no-pager", "--no-optional-locks"]);
        for (name, value) in plain {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command
            .arg("-C")
            .arg(self.folder)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // No missing objects of a partial clone are fetched. Git before 2.45 supports only the second variable.
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_ALLOW_PROTOCOL", "none")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env_remove("GIT_EXTERNAL_DIFF");
        // Hooks inherit these from the git that runs them, which may be that of another repository or working tree.
        for name in OF_ANOTHER_REPOSITORY {
            command.env_remove(name);
        }
        // A name with `=` cannot be passed as an argument. The caller's own variables are kept.
        let given = std::env::var("GIT_CONFIG_COUNT")
            .ok()
            .and_then(|count| count.parse::<usize>().ok())
            .unwrap_or(0);
        for (at, (name, value)) in odd.iter().enumerate() {
            command
                .env(format!("GIT_CONFIG_KEY_{}", given + at), name)
                .env(format!("GIT_CONFIG_VALUE_{}", given + at), value);
        }
        if !odd.is_empty() {
            command.env("GIT_CONFIG_COUNT", (given + odd.len()).to_string());
        }
        command
    }
}
