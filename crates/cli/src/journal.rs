//! The progress of an apply or an undo, in a file next to its undo file. The file is removed once the end was reported, so a remaining one
//! belongs to a run that is still running or that was interrupted.
//!
//! Each step is a line of JSON: the first describes the run, the others record which transaction is sent, what it writes, and which was
//! committed. A running process holds a lock, which the system releases if the process is killed. The lock is on a separate file, because on
//! Windows nobody can read a locked file.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use deskstate_files::{Limit, Links};
use deskstate_reconcile::apply::Event;
use deskstate_reconcile::undo::{self, Made};
use serde::{Deserialize, Serialize};

use crate::door::{HINT, Page, STRONG, WARN};
use crate::error::Error;
use crate::kept;
use crate::output::count;
use crate::paths::from_here;
use crate::suggest::{line, suggest_whole};

/// `formatVersion` of the file.
const VERSION: u32 = 1;
/// The extension of the journal, next to the undo file.
const ENDING: &str = "journal";
/// The extension of the lock file.
const LOCK: &str = "lock";

/// The first line: the run that began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Begun {
    format_version: u32,
    /// Name of the environment.
    pub(crate) environment: String,
    /// `apply` or `undo`.
    pub(crate) command: String,
    /// Number of transactions, as far as known.
    pub(crate) transactions: usize,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Step {
    /// What the next transaction writes.
    Writes(Made),
    Sending(usize),
    Committed(usize),
}

/// The journal of the current run.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    lock: File,
    committed: usize,
    made: Made,
    sending: Made,
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
            // Without locks, a running apply looks like an interrupted one. That is no reason not to apply.
            drop(lock.try_lock());
            let mut journal = Self {
                path: path.clone(),
                file: kept::create_private(&path)?,
                lock,
                committed: 0,
                made: Made::default(),
                sending: Made::default(),
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

    /// Records a step, before it is executed or right after.
    pub(crate) fn note(&mut self, event: &Event<'_>) -> io::Result<()> {
        match event {
            Event::Sending {
                number,
                transaction,
                ..
            } => {
                let made = Made::by(transaction);
                self.line(&Step::Writes(made.clone()))?;
                self.sending = made;
                self.line(&Step::Sending(*number))
            }
            Event::Committed { .. } => {
                self.committed += 1;
                self.made.add(std::mem::take(&mut self.sending));
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

    /// What the committed transactions wrote, and the last one that was sent if it may have been committed.
    pub(crate) fn made(&self, is_last_unknown: bool) -> Made {
        let mut made = self.made.clone();
        if is_last_unknown {
            made.add(self.sending.clone());
        }
        made
    }

    /// Removes the journal after the end was reported.
    pub(crate) fn end(self) {
        drop((self.file, self.lock));
        remove(&self.path);
    }
}

/// A run whose end was not reported.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unfinished {
    /// Its undo file.
    pub(crate) undo: PathBuf,
    /// The run, as it began.
    pub(crate) begun: Begun,
    /// Number of committed transactions.
    pub(crate) committed: usize,
    /// A transaction that was sent, but whose outcome was not recorded.
    pub(crate) sent: Option<usize>,
    /// What these transactions wrote; `None` if the journal does not tell.
    pub(crate) made: Option<Made>,
    /// Whether it is still running.
    pub(crate) running: bool,
}

impl Unfinished {
    /// Whether this is the undo file of the run.
    pub(crate) fn is_of(&self, undo: &Path) -> bool {
        let path = undo.canonicalize().ok();
        path.is_some() && self.undo.canonicalize().ok() == path
    }
}

/// Finds runs on an environment whose end was not reported, sorted by name.
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

/// What a run wrote that ended without a record, according to the journal next to its undo file.
pub(crate) fn made_by(undo: &Path) -> Option<Made> {
    read(&undo.with_extension(ENDING))
        .filter(|run| !run.running)
        .and_then(|run| run.made)
}

/// Reads a journal. Returns `None` if the file is not a journal.
fn read(path: &Path) -> Option<Unfinished> {
    let file = deskstate_files::open(path, Limit::UNDO, Links::Refuse).ok()?;
    let lock = deskstate_files::open(path.with_extension(LOCK), Limit::STATE, Links::Refuse);
    let running =
        lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)));
    let mut text = String::new();
    // A line may be incomplete if the disk was full or the machine stopped.
    let mut bytes = Vec::new();
    (&file)
        .take(Limit::UNDO.bytes())
        .read_to_end(&mut bytes)
        .ok()?;
    text.push_str(&String::from_utf8_lossy(&bytes));
    let mut lines = text.lines();
    let begun: Begun = serde_json::from_str(lines.next()?).ok()?;
    let mut found = Unfinished {
        undo: path.with_extension("json"),
        begun,
        committed: 0,
        sent: None,
        made: Some(Made::default()),
        running,
    };
    let mut next = None;
    for line in lines {
        match serde_json::from_str(line) {
            Ok(Step::Writes(made)) => next = Some(made),
            Ok(Step::Sending(number)) => {
                found.sent = Some(number);
                found.made = found.made.zip(next.take()).map(|(mut made, next)| {
                    made.add(next);
                    made
                });
            }
            Ok(Step::Committed(number)) => (found.committed, found.sent) = (number, None),
            Err(_) => break,
        }
    }
    Some(found)
}

/// Limits the undo file of a run that failed to what it wrote, or removes the file if it wrote nothing. Returns whether that succeeded;
/// otherwise the file needs the journal, for example because the disk is full.
#[must_use]
pub(crate) fn keep_only(made: &Made, path: &Path) -> bool {
    if made.is_empty() {
        return std::fs::remove_file(path).is_ok() || !path.exists();
    }
    let text = deskstate_files::read(path, Limit::UNDO).ok();
    let text = text.and_then(|text| String::from_utf8(text).ok());
    let file = text.and_then(|text| undo::read(&text).ok());
    file.is_none_or(|file| kept::replace_private(path, &undo::write(&file.only(made))).is_ok())
}

/// Removes the journals of interrupted runs, because their work is now complete. Their undo files are limited to what the journals tell.
pub(crate) fn forget(unfinished: &[Unfinished]) {
    for run in unfinished.iter().filter(|run| !run.running) {
        if let Some(made) = &run.made
            && !keep_only(made, &run.undo)
        {
            continue;
        }
        remove(&run.undo.with_extension(ENDING));
    }
}

/// Removes a journal and its lock. If that fails, the run is reported again: a nuisance, but no loss.
fn remove(journal: &Path) {
    for path in [journal, &journal.with_extension(LOCK)] {
        drop(std::fs::remove_file(path));
    }
}

/// The warning about a run whose end was not reported.
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
    let is_done = done == of && run.sent.is_none();
    let ended = if is_done {
        "wrote everything, but could not report it"
    } else {
        "was interrupted"
    };
    let mut page = Page::of(format_args!(
        "{what}: an earlier {command} in `{environment}` {ended}{STRONG:#}"
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
        if let Some(sent) = run.sent {
            page.line(format_args!(
                "  caution: the undo takes back transaction {sent}, too, even if another run or a person made its changes"
            ));
        }
    }
    let next = match command {
        _ if is_done => format!(
            "{} shows whether the environment matches the manifests",
            suggest_whole("plan", &["--env", environment])
        ),
        "undo" => "run the same undo again: it undoes what is left".to_owned(),
        _ => format!(
            "{} applies what is left",
            suggest_whole("apply", &["--env", environment])
        ),
    };
    page.line(format_args!("  {HINT}help{HINT:#}: {next}"));
    page
}

#[cfg(test)]
mod tests {
    use deskstate_reconcile::plan::Transaction;

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
        static NOTHING: Transaction = Transaction {
            operations: Vec::new(),
            look_after: false,
        };
        Event::Sending {
            number,
            of: 3,
            transaction: &NOTHING,
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
    fn a_journal_that_goes_leaves_an_undo_file_of_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let row = |number: u128| {
            let id = uuid::Uuid::from_u128(number);
            serde_json::json!({"table": "msdyn_sessiontemplate", "id": id, "label": "a", "columns": {}})
        };
        let change = |number: u128| serde_json::json!({"kind": "SessionTemplate", "name": "a", "id": uuid::Uuid::from_u128(number), "created": [row(number)]});
        let file = serde_json::json!({
            "formatVersion": 1, "environment": "prod", "organization": null, "plan": "sha256:0", "changes": [change(1), change(2)],
        });
        let kept = |writes: &[u128]| {
            let mut journal = begin(root, "prod-1.json");
            let undo = root.join(".deskstate/undo/prod-1.json");
            std::fs::write(&undo, file.to_string()).unwrap();
            let made = serde_json::json!({"rows": writes.iter().map(|id| uuid::Uuid::from_u128(*id)).collect::<Vec<_>>(), "links": []});
            journal
                .line(&Step::Writes(serde_json::from_value(made).unwrap()))
                .unwrap();
            journal.line(&Step::Sending(1)).unwrap();
            drop(journal);
            forget(&[only(root)]);
            let text = std::fs::read_to_string(&undo).ok()?;
            let names = undo::read(&text).unwrap().changes;
            Some(
                names
                    .iter()
                    .map(|change| change.id.as_u128())
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(kept(&[2]), Some(vec![2]));
        assert_eq!(kept(&[]), None);
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
