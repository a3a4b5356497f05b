//! Ensures that only one process at a time uses a state file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

/// How long a second process waits for the first one.
const PATIENCE: Duration = Duration::from_secs(20);

/// Held while the state file is in use. The system releases it when the process ends, for any reason.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock file next to a state file. The state file itself is replaced when it is written, so it cannot be locked.
    pub(crate) async fn wait_for(state: &Path) -> io::Result<Lock> {
        if let Some(folder) = state
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            std::fs::create_dir_all(folder)?;
        }
        let path = lock_path(state);
        if path.is_symlink() {
            return Err(io::Error::other(format!("{} is a link", path.display())));
        }
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if started.elapsed() >= PATIENCE => {
                    return Err(io::Error::new(
                        io::ErrorKind::WouldBlock,
                        "another process is using it; stop that process, or use the address of its emulator",
                    ));
                }
                Err(TryLockError::WouldBlock) => {
                    tokio::time::sleep(Duration::from_millis(25)).await
                }
            }
        }
    }
}

fn lock_path(state: &Path) -> PathBuf {
    let mut name = state.file_name().unwrap_or_default().to_os_string();
    name.push(".lock");
    state.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_process_waits_until_the_first_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state.json");
        let first = Lock::wait_for(&state).await.unwrap();
        let second = tokio::spawn({
            let state = state.clone();
            async move { Lock::wait_for(&state).await.is_ok() }
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!second.is_finished());
        drop(first);
        assert!(second.await.unwrap());
    }
}
