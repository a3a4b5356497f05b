//! The client that writes, one transaction at a time.

use std::time::Instant;

use tracing::{info, warn};
use uuid::Uuid;

use crate::batch::{self, BatchReply, Item, Part};
use crate::client::{Answered, Client, Done, Failure, content_type, stated};
use crate::request::Request;
use crate::retry::{Attempts, Kind, Wait};
use crate::{
    Changeset, Connection, Error, ErrorCode, Outcome, Place, Reader, ServiceError, WaitCause,
};

/// Reads and writes an environment.
#[derive(Debug)]
pub struct Session {
    reader: Reader,
}

impl Session {
    /// Creates a session. The network is not used before the first request.
    pub fn open(connection: &Connection) -> Result<Session, Error> {
        Ok(Session {
            reader: Reader::open(connection)?,
        })
    }

    /// The reader of this session.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Executes a changeset, completely or not at all.
    ///
    /// The changeset is sent again only if the server certainly did nothing; a write whose outcome is unknown is never repeated. Await the
    /// future to its end: if it is dropped early, the outcome of the changeset is lost. To interrupt it, use the signal of
    /// [`Connection::stop_on`].
    #[tracing::instrument(level = "info", skip_all, fields(operations = changeset.operations.len()))]
    pub async fn commit(&self, changeset: &Changeset) -> Outcome {
        let client = self.reader.client();
        // data that was read before the transaction does not count towards the new trip
        client.meter().start_trip();
        let requests = match changeset.requests(client.origin()) {
            Ok(requests) => requests,
            Err(cause) => return Outcome::NotAttempted { cause },
        };
        let started = Instant::now();
        let mut attempts = Attempts::new(client.connection().budget);
        loop {
            let outcome = send(client, &requests, &mut attempts, started).await;
            let Outcome::Refused { error, .. } = &outcome else {
                return outcome;
            };
            if is_doubtful(error, &attempts) {
                return Outcome::Unknown {
                    cause: Error::Service(error.clone()),
                };
            }
            // the complete transaction was rolled back, and some causes are temporary
            let Some(wait) = passing(error) else {
                return outcome;
            };
            let cause = WaitCause::stated(error.status, error.code);
            if let Err(stopped) = client.wait(&mut attempts, wait, started, cause).await {
                return match stopped {
                    Some(cause) => Outcome::NotAttempted { cause },
                    None => outcome,
                };
            }
        }
    }
}

async fn send(
    client: &Client,
    requests: &[Request],
    attempts: &mut Attempts,
    started: Instant,
) -> Outcome {
    let id = Uuid::new_v4();
    let envelope = batch::changeset(id, client.origin(), requests);
    let outcome = match client
        .send(id, envelope, Kind::Write, None, attempts, started)
        .await
    {
        Ok(answered) => judge(&answered, requests),
        Err(Failure {
            error: cause,
            done: Done::Nothing,
        }) => Outcome::NotAttempted { cause },
        Err(Failure {
            error: cause,
            done: Done::Unknown,
        }) => Outcome::Unknown { cause },
    };
    match &outcome {
        Outcome::Committed => info!(operations = requests.len(), "committed"),
        Outcome::Refused { operation, error } => {
            warn!(?operation, %error, "refused; nothing was changed");
        }
        Outcome::NotAttempted { cause } => warn!(%cause, "nothing was changed"),
        Outcome::Unknown { cause } => warn!(%cause, "the outcome is unknown"),
    }
    outcome
}

/// Whether a refusal leaves open if the transaction was executed: the database gave up, or the row that is in the way may be the work of an
/// earlier attempt.
fn is_doubtful(error: &ServiceError, attempts: &Attempts) -> bool {
    matches!(
        error.code,
        Some(ErrorCode::SQL_TIMEOUT | ErrorCode::SQL_ERROR)
    ) || attempts.is_repeated() && error.is_stale()
}

/// The wait for errors that are temporary: a solution operation is running, or service protection applies.
fn passing(error: &ServiceError) -> Option<Wait> {
    match error.code {
        Some(ErrorCode::CUSTOMIZATION_LOCKED) => Some(Wait::Others),
        Some(code) if code.is_service_protection() => Some(Wait::Fault(None)),
        _ => (error.status == 429).then_some(Wait::Fault(None)),
    }
}

/// Determines the outcome of a changeset from a reply.
///
/// A failed changeset is rolled back completely, so any stated failure means that nothing was changed. The failure may be in the
/// changeset's multipart, as the only part or after the successful ones, or be a part of its own. The changeset counts as committed only if
/// every operation is answered.
fn judge(answered: &Answered, requests: &[Request]) -> Outcome {
    let reply = &answered.reply;
    let unknown = |reason: String| Outcome::Unknown {
        cause: Error::Malformed {
            exchange: answered.exchange.clone(),
            status: reply.status,
            reason,
        },
    };
    // one more than expected, to detect surplus answers
    let items = match batch::decode(content_type(reply), &reply.body, requests.len() + 1) {
        Ok(BatchReply::Items(items)) => items,
        Ok(BatchReply::NotMultipart) => return judge_whole(answered, requests),
        Err(reason) => return unknown(reason),
    };
    let mut items = items.into_iter();
    let (Some(item), None) = (items.next(), items.next()) else {
        return unknown("one changeset has not one answer".to_owned());
    };
    let (parts, place) = match item {
        Item::Changeset(parts) => (parts, Place::Changeset),
        Item::Single(part) if !part.is_success() => (vec![part], Place::Part),
        Item::Single(_) => {
            return unknown("a changeset was answered with one part that is no failure".to_owned());
        }
    };
    if let Some(at) = parts.iter().position(|part| !part.is_success()) {
        let operation = failed_operation(&parts, at, requests.len());
        return Outcome::Refused {
            operation,
            error: Box::new(part_error(answered, &parts[at], place, operation, requests)),
        };
    }
    if parts.len() == requests.len() {
        Outcome::Committed
    } else {
        unknown(format!(
            "{} operations have {} answers",
            requests.len(),
            parts.len()
        ))
    }
}

/// Determines the outcome from a reply without parts. (Statuses that leave the outcome unknown were handled before.)
fn judge_whole(answered: &Answered, requests: &[Request]) -> Outcome {
    let reply = &answered.reply;
    match stated(&answered.exchange, reply) {
        Error::Service(error) if !(200..300).contains(&reply.status) => Outcome::Refused {
            operation: (requests.len() == 1).then_some(0),
            error,
        },
        _ => Outcome::Unknown {
            cause: Error::Malformed {
                exchange: answered.exchange.clone(),
                status: reply.status,
                reason: format!(
                    "a batch was answered with `{}`",
                    content_type(reply).escape_debug()
                ),
            },
        },
    }
}

/// The index of the failed operation: the one with its `Content-ID`, or the only one, or the one after those listed as successful.
fn failed_operation(parts: &[Part<'_>], at: usize, operations: usize) -> Option<usize> {
    let by_id = match parts[at].content_id {
        Some(id) => id.trim().parse::<usize>().ok()?.checked_sub(1),
        None if operations == 1 => Some(0),
        None if at > 0 => Some(at),
        None => None,
    };
    by_id.filter(|index| *index < operations)
}

fn part_error(
    answered: &Answered,
    part: &Part<'_>,
    place: Place,
    operation: Option<usize>,
    requests: &[Request],
) -> ServiceError {
    let error = batch::stated(part.status, part.body);
    let request = operation.and_then(|index| requests.get(index));
    ServiceError {
        method: request.map_or(answered.exchange.method, |request| request.method),
        path: request.map_or_else(
            || answered.exchange.path.clone(),
            |request| request.path.clone(),
        ),
        status: part.status,
        outer_status: answered.reply.status,
        place,
        code: error.code,
        message: error.message,
        is_own: error.is_own,
        request_id: batch::request_id(part)
            .or(crate::client::request_id(&answered.reply))
            .map(str::to_owned),
        client_request_id: answered.exchange.client_request_id,
    }
}

/// The outcome of a changeset of two operations, according to a reply.
#[cfg(any(test, fuzzing))]
pub(crate) fn outcome_of_two(status: u16, content_type: &str, body: &[u8]) -> Outcome {
    let mut headers = http::HeaderMap::new();
    if let Ok(content_type) = content_type.parse() {
        headers.insert(http::header::CONTENT_TYPE, content_type);
    }
    let answered = Answered {
        exchange: crate::Exchange {
            method: "POST",
            path: "/api/data/v9.2/$batch".to_owned(),
            client_request_id: Uuid::nil(),
        },
        reply: crate::exchanged::Reply {
            status,
            headers,
            body: bytes::Bytes::copy_from_slice(body),
            length: body.len(),
        },
    };
    let request = Request {
        method: "DELETE",
        path: "/api/data/v9.2/a".to_owned(),
        headers: Vec::new(),
        body: None,
    };
    judge(&answered, &[request.clone(), request])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DONE: &str = "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n\
        --c\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n\
        --c\r\nContent-Type: application/http\r\nContent-ID: 2\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n\
        --c--\r\n--b--\r\n";

    fn outcome(status: u16, body: &[u8]) -> Outcome {
        outcome_of_two(status, "multipart/mixed; boundary=b", body)
    }

    #[test]
    fn a_reply_cut_anywhere_proves_nothing() {
        assert!(matches!(outcome(200, DONE.as_bytes()), Outcome::Committed));
        let end = DONE.len() - "--\r\n".len();
        for cut in 0..end {
            let outcome = outcome(200, &DONE.as_bytes()[..cut]);
            assert!(
                matches!(outcome, Outcome::Unknown { .. }),
                "{cut}: {outcome:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_reply_with_pieces_missing_is_never_taken_for_success(
            from in 0..DONE.len(), length in 1..80usize, status in 200..600u16
        ) {
            let to = (from + length).min(DONE.len());
            let body = [&DONE.as_bytes()[..from], &DONE.as_bytes()[to..]].concat();
            let whole = String::from_utf8_lossy(&body).matches(" 204").count() == 2;
            if matches!(outcome(status, &body), Outcome::Committed) {
                prop_assert!(whole, "{}", String::from_utf8_lossy(&body));
            }
        }

        #[test]
        fn any_bytes_end_in_an_outcome(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = outcome(200, &body);
        }
    }
}
