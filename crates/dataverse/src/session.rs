//! Writing, one transaction at a time.

use crate::{Changeset, Connection, Error, Outcome, Reader};

/// Writes to an environment, and reads it.
#[derive(Debug)]
pub struct Session {
    reader: Reader,
}

impl Session {
    /// A session; the network is first touched by a request.
    pub fn open(connection: &Connection) -> Result<Session, Error> {
        Ok(Session {
            reader: Reader::open(connection)?,
        })
    }

    /// The reading half.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Carries out a changeset, all of it or nothing.
    ///
    /// Sent again only where the server surely did nothing; a write whose outcome is unknown is never repeated.
    pub async fn commit(&self, changeset: &Changeset) -> Outcome {
        Outcome::NotAttempted {
            cause: Error::InvalidRequest(format!(
                "{} operations cannot be sent yet",
                changeset.operations.len()
            )),
        }
    }
}
