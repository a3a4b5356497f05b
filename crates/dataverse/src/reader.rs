//! Reading, and nothing else.

use crate::{Connection, Error, Query, Refused, Rows};

/// The answer to one query: its rows, or the server's refusal of that query.
pub type Answer = Result<Rows, Refused>;

/// Reads an environment. Has no way to write, and cannot become a [`Session`](crate::Session).
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
}

impl Reader {
    /// A reader; the network is first touched by [`Reader::read`].
    pub fn open(connection: &Connection) -> Result<Reader, Error> {
        Ok(Reader {
            connection: connection.clone(),
        })
    }

    /// Answers all queries in as few trips as possible: one for all of them, then one per round of pages.
    ///
    /// The answers stand in the order of the queries. A query that the server refuses is a [`Refused`] in its
    /// place; an error is one of the trip.
    pub async fn read(&self, queries: &[Query]) -> Result<Vec<Answer>, Error> {
        Err(Error::InvalidRequest(format!(
            "{} queries to {} cannot be sent yet",
            queries.len(),
            self.connection.url
        )))
    }

    /// The HTTP requests sent so far, those to sign in left out.
    pub fn requests(&self) -> u64 {
        0
    }
}
