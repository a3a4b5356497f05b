//! What an apply or an undo is doing, in a file next to its undo file. It is removed once the end was told, so one that is still there
//! belongs to a run that is still going on, or that ended without a word.
//!
//! A line of JSON for each step: the first says what was begun, the others which transaction is sent and which one was committed. A run
//! that goes on holds a lock, and the system releases the lock of a run that was killed. The lock is on a file of its own: on Windows
//! nobody can read a locked file.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use deskstate_files::{Limit, Links};
use deskstate_reconcile::apply::Event;
use serde::{Deserialize, Serialize};

use crate::door::{HINT, Page, STRONG, WARN};
use crate::error::Error;
use crate::kept;
use crate::output::count;
use crate::paths::from_here;
use crate::suggest::{line, suggest};

/// `formatVersion` of the file.
const VERSION: u32 = 1;
/// What follows the name of the undo file.
const ENDING: &str = "journal";
/// The same for the file that is locked.
const LOCK: &str = "lock";
/// No journal is longer: a line takes less than 40 bytes.
const MAX_BYTES: u64 = 1 << 20;

/// What was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Begun {
    format_version: u32,
    /// Name of the environment.
    pub(crate) environment: String,
    /// `apply` or `undo`.
    pub(crate) command: String,
    /// Transactions, as far as was known.
    pub(crate) transactions: usize,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Step {
    Sending(usize),
    Committed(usize),
}

/// The journal of this run.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    lock: File,
    committed: usize,
}

impl Journal {
    /// Begins the journal that belongs to an undo file.
    pub(crate) fn begin(
        undo: &Path,
        environment: &str,
        command: &str,
        transactions: usize,
    ) -> Result<Self, Error> {
        let path = undo.with_extension(ENDING);
        let begun = Begun {
            format_version: VERSION,
            environment: environment.to_owned(),
            command: command.to_owned(),
            transactions,
        };
        let begin = || {
            let lock = kept::create_private(&undo.with_extension(LOCK))?;
            // Without locks a run that goes on looks like one that was interrupted: no reason not to apply.
            drop(lock.try_lock());
            let mut journal = Self {
                path: path.clone(),
                file: kept::create_private(&path)?,
                lock,
                committed: 0,
            };
            journal.line(&begun)?;
            Ok(journal)
        };
        begin().map_err(|source| Error::File {
            what: "could not write",
            path: path.clone(),
            source,
        })
    }

    /// Writes down a step, before it is taken or right after it.
    pub(crate) fn note(&mut self, event: &Event<'_>) -> io::Result<()> {
        match event {
            Event::Sending { number, .. } => self.line(&Step::Sending(*number)),
            Event::Committed { .. } => {
                self.committed += 1;
                self.line(&Step::Committed(self.committed))
            }
            Event::Looking | Event::Verifying => Ok(()),
        }
    }

    fn line(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        self.file.write_all(text.as_bytes())?;
        self.file.sync_data()
    }

    /// The end was told.
    pub(crate) fn end(self) {
        drop((self.file, self.lock));
        remove(&self.path);
    }
}

/// A run whose end was not told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unfinished {
    /// Its undo file.
    pub(crate) undo: PathBuf,
    /// What it was to do.
    pub(crate) begun: Begun,
    /// Transactions that were committed.
    pub(crate) committed: usize,
    /// A transaction that was sent, and whose outcome was not written down.
    pub(crate) sent: Option<usize>,
    /// It still goes on.
    pub(crate) running: bool,
}

/// Runs on an environment whose end was not told, by name.
pub(crate) fn unfinished(root: &Path, environment: &str) -> Result<Vec<Unfinished>, Error> {
    let folder = kept::path(root, &Path::new(kept::FOLDER).join("undo"))?;
    let Ok(entries) = std::fs::read_dir(&folder) else {
        return Ok(Vec::new());
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == ENDING))
        .filter(|path| path.is_file() && !path.is_symlink())
        .collect();
    paths.sort();
    Ok(paths
        .iter()
        .filter_map(|path| read(path))
        .filter(|found| found.begun.environment == environment)
        .collect())
}

/// What a journal says; none for what is no journal.
fn read(path: &Path) -> Option<Unfinished> {
    let file = deskstate_files::open(path, Limit::STATE, Links::Refuse).ok()?;
    let lock = deskstate_files::open(path.with_extension(LOCK), Limit::STATE, Links::Refuse);
    let running =
        lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)));
    let mut text = String::new();
    // A line may be cut where the disk was full or the machine stopped.
    let mut bytes = Vec::new();
    (&file).take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    text.push_str(&String::from_utf8_lossy(&bytes));
    let mut lines = text.lines();
    let begun: Begun = serde_json::from_str(lines.next()?).ok()?;
    let mut found = Unfinished {
        undo: path.with_extension("json"),
        begun,
        committed: 0,
        sent: None,
        running,
    };
    for line in lines {
        match serde_json::from_str(line) {
            Ok(Step::Sending(number)) => found.sent = Some(number),
            Ok(Step::Committed(number)) => (found.committed, found.sent) = (number, None),
            Err(_) => break,
        }
    }
    Some(found)
}

/// Forgets runs that ended without a word: what they left undone is done.
pub(crate) fn forget(unfinished: &[Unfinished]) {
    for run in unfinished.iter().filter(|run| !run.running) {
        remove(&run.undo.with_extension(ENDING));
    }
}

/// Removes a journal and its lock. What cannot be removed is told once more: a nuisance, and no loss.
fn remove(journal: &Path) {
    for path in [journal, &journal.with_extension(LOCK)] {
        drop(std::fs::remove_file(path));
    }
}

/// A run whose end nobody was told, as a warning.
pub(crate) fn told(run: &Unfinished) -> Page {
    let environment = &run.begun.environment;
    let command = match run.begun.command.as_str() {
        "undo" => "undo",
        _ => "apply",
    };
    let what = format!("{WARN}warning{WARN:#}{STRONG}");
    if run.running {
        return Page::of(format_args!(
            "{what}: another {command} in `{environment}` is running{STRONG:#}"
        ));
    }
    let (done, of) = (run.committed, run.begun.transactions);
    let mut page = Page::of(format_args!(
        "{what}: an earlier {command} in `{environment}` was interrupted{STRONG:#}"
    ));
    page.line(format_args!(
        "  applied: {done} of {}",
        count(of, "transaction")
    ));
    if let Some(sent) = run.sent {
        page.line(format_args!("  unknown: transaction {sent} of {of}"));
    }
    let may_have_written = done > 0 || run.sent.is_some();
    if may_have_written && run.undo.is_file() {
        let undo = line("undo", &["--env", environment, &from_here(&run.undo)]);
        page.line(format_args!("  to undo: {undo}"));
    }
    let next = match command {
        "undo" => "run the same undo again: it undoes what is left".to_owned(),
        _ => format!(
            "{} applies what is left",
            suggest("apply", &["--env", environment])
        ),
    };
    page.line(format_args!("  {HINT}help{HINT:#}: {next}"));
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(root: &Path, name: &str) -> Journal {
        let undo = root.join(".deskstate/undo").join(name);
        std::fs::create_dir_all(undo.parent().unwrap()).unwrap();
        Journal::begin(&undo, "prod", "apply", 3).unwrap()
    }

    fn only(root: &Path) -> Unfinished {
        let mut found = unfinished(root, "prod").unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    fn sending(number: usize) -> Event<'static> {
        Event::Sending {
            number,
            of: 3,
            operations: 1,
        }
    }

    #[test]
    fn what_a_killed_run_had_done_is_read_from_its_journal_even_if_the_last_line_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let mut journal = begin(root, "prod-1.json");
        assert!(only(root).running);
        journal.note(&sending(1)).unwrap();
        journal.line(&Step::Committed(1)).unwrap();
        journal.note(&sending(2)).unwrap();
        drop(journal);
        let found = only(root);
        assert_eq!(
            (found.committed, found.sent, found.running),
            (1, Some(2), false)
        );
        assert_eq!(found.undo, root.join(".deskstate/undo/prod-1.json"));
        let path = found.undo.with_extension("journal");
        let text = std::fs::read_to_string(&path).unwrap();
        let first = text.find('\n').unwrap() + 1;
        for end in first..text.len() {
            std::fs::write(&path, &text[..end]).unwrap();
            let cut = only(root);
            assert!(cut.committed <= 1 && cut.sent.is_none_or(|sent| sent <= 2));
        }
        forget(&[only(root)]);
        assert_eq!(unfinished(root, "prod").unwrap(), []);
        let left = std::fs::read_dir(root.join(".deskstate/undo")).unwrap();
        assert_eq!(left.count(), 0);
    }

    #[test]
    fn a_journal_of_another_environment_and_one_whose_end_was_told_are_not_found() {
        let folder = tempfile::tempdir().unwrap();
        let journal = begin(folder.path(), "prod-1.json");
        assert_eq!(unfinished(folder.path(), "test").unwrap(), []);
        journal.end();
        assert_eq!(unfinished(folder.path(), "prod").unwrap(), []);
    }
}
