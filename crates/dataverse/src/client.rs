//! Sends the requests of one environment: signs in, numbers them, and retries within the budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use tracing::{Instrument, debug, info_span, warn};
use uuid::Uuid;

use crate::auth::{self, Authenticator, SignInError};
use crate::batch::{Envelope, server_error};
use crate::budget::{Meter, Spent};
use crate::exchanged::{Intake, Outgoing, Reply};
use crate::request::API_PATH;
use crate::retry::{self, Attempts, Kind, Verdict, Wait};
use crate::transport::{CLIENT_REQUEST_ID, Network, Transport, header_value, over_budget};
use crate::{Connection, Error, Exchange, Place, ServiceError, WaitCause, Waiting};

pub(crate) fn batch_path() -> String {
    format!("{API_PATH}/$batch")
}

/// Sends batches to an environment.
#[derive(Debug)]
pub(crate) struct Client {
    connection: Connection,
    origin: String,
    transport: Transport,
    authenticator: Authenticator,
    meter: Arc<Meter>,
    requests: AtomicU64,
}

/// A reply that contains an answer, and the request it belongs to.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) exchange: Exchange,
    pub(crate) reply: Reply,
}

/// Why there is no answer, and whether the server may have made a change.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) done: Done,
}

/// Whether the server made a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    Nothing,
    Unknown,
}

impl Failure {
    pub(crate) fn nothing(error: Error) -> Failure {
        Failure {
            error,
            done: Done::Nothing,
        }
    }

    fn unknown(error: Error) -> Failure {
        Failure {
            error,
            done: Done::Unknown,
        }
    }
}

impl Client {
    pub(crate) fn not_recorded(&self) -> Option<Error> {
        self.transport.not_recorded()
    }

    pub(crate) fn is_replay(&self) -> bool {
        self.connection.replay.is_some()
    }

    pub(crate) fn open(connection: &Connection) -> Result<Client, Error> {
        let network = Network::new(connection)?;
        Ok(Client {
            origin: connection.url.origin(),
            authenticator: Authenticator::new(connection, network.clone()),
            meter: network.meter(),
            transport: Transport::new(connection, network)?,
            requests: AtomicU64::new(0),
            connection: connection.clone(),
        })
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The trip's usage of its budget.
    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Sends a batch until it has an answer, the budget is exhausted, or the outcome of a write is unknown.
    pub(crate) async fn send(
        &self,
        id: Uuid,
        envelope: Envelope,
        kind: Kind,
        intake: Option<&mut dyn Intake>,
        attempts: &mut Attempts,
        started: Instant,
    ) -> Result<Answered, Failure> {
        let exchange = Exchange {
            method: "POST",
            path: batch_path(),
            client_request_id: id,
        };
        let span = info_span!(
            "batch",
            kind = ?kind,
            client_request_id = %id,
            bytes = envelope.body.len()
        );
        self.send_with_retries(exchange, envelope, kind, intake, attempts, started)
            .instrument(span)
            .await
    }

    async fn send_with_retries(
        &self,
        exchange: Exchange,
        envelope: Envelope,
        kind: Kind,
        mut intake: Option<&mut dyn Intake>,
        attempts: &mut Attempts,
        started: Instant,
    ) -> Result<Answered, Failure> {
        let mut outgoing = self
            .outgoing(exchange, envelope, kind)
            .map_err(Failure::nothing)?;
        let mut signed_in_again = false;
        loop {
            let (verdict, result) = match self.authorize(&mut outgoing).await {
                Ok(()) => self.attempt(&outgoing, kind, &mut intake).await,
                // finding out how to sign in changes nothing, whatever kind of request waits for it
                Err(error) => (retry::judge_error(Kind::Read, &error), Err(error)),
            };
            let exchange = &outgoing.exchange;
            match verdict {
                Verdict::Answer => {
                    return result
                        .map(|reply| Answered {
                            exchange: exchange.clone(),
                            reply,
                        })
                        .map_err(Failure::unknown);
                }
                Verdict::Unknown => return Err(Failure::unknown(reason(exchange, result))),
                Verdict::Refused => return Err(Failure::nothing(reason(exchange, result))),
                Verdict::SignInAgain if !signed_in_again && self.authenticator.is_renewable() => {
                    debug!("the token was not accepted; signing in again");
                    signed_in_again = true;
                    self.authenticator.forget().await;
                }
                Verdict::SignInAgain => {
                    let error = match result {
                        Ok(reply) if outgoing.headers.contains_key(AUTHORIZATION) => {
                            SignInError::NotAccepted {
                                method: self.authenticator.method(),
                                message: not_accepted(&reply),
                            }
                        }
                        _ => SignInError::Required,
                    };
                    return Err(Failure::nothing(error.into()));
                }
                Verdict::Again(named) => {
                    let error = reason(exchange, result);
                    self.wait(attempts, Wait::Fault(named), started, (&error).into())
                        .await
                        .map_err(|stopped| Failure::nothing(stopped.unwrap_or(error)))?;
                }
            }
        }
    }

    /// Adds the token to a request, if the server requires one.
    async fn authorize(&self, outgoing: &mut Outgoing) -> Result<(), Error> {
        if self.connection.stop.is_stopped() {
            return Err(Error::Stopped);
        }
        let began = Instant::now();
        let authorization = tokio::select! {
            authorization = self.authenticator.authorization() => authorization,
            () = self.connection.stop.stopped() => Err(Error::Stopped),
        };
        // a person may have signed in meanwhile, and signing in has its own limits
        self.meter.excuse(began.elapsed());
        let authorization = authorization?;
        match authorization {
            Some(value) => outgoing.headers.insert(AUTHORIZATION, value),
            None => outgoing.headers.remove(AUTHORIZATION),
        };
        Ok(())
    }

    /// Waits before another attempt. Returns `Err(None)` if the budget does not allow one.
    pub(crate) async fn wait(
        &self,
        attempts: &mut Attempts,
        wait: Wait,
        started: Instant,
        cause: WaitCause,
    ) -> Result<(), Option<Error>> {
        let Some(time) = attempts.next_wait(wait, started.elapsed(), retry::jitter()) else {
            return Err(None);
        };
        if self.meter.time_left().is_ok_and(|left| left < time) {
            return Err(None);
        }
        warn!(%cause, ?time, "waiting before another attempt");
        self.connection.on_wait.tell(Waiting { cause, time });
        if self.connection.stop.sleep(time).await {
            Ok(())
        } else {
            Err(Some(Error::Stopped))
        }
    }

    async fn attempt(
        &self,
        outgoing: &Outgoing,
        kind: Kind,
        intake: &mut Option<&mut dyn Intake>,
    ) -> (Verdict, Result<Reply, Error>) {
        // reborrow with a shorter lifetime
        let mut intake = intake
            .as_mut()
            .map(|intake| &mut **intake as &mut dyn Intake);
        if let Some(intake) = &mut intake {
            intake.begin();
        }
        let send = self.transport.send(outgoing, intake);
        let result = match kind {
            // a write in flight is never interrupted
            Kind::Write => send.await,
            Kind::Read => tokio::select! {
                result = self.in_time(outgoing, send) => result,
                () = self.connection.stop.stopped() => Err(Error::Stopped),
            },
        };
        let verdict = match &result {
            Err(error) => retry::judge_error(kind, error),
            Ok(reply) if is_multipart(reply) => Verdict::Answer,
            Ok(reply) => {
                let is_bare_limit = reply.status == 429 && reply.body.is_empty();
                let is_own =
                    is_bare_limit || crate::batch::stated(reply.status, &reply.body).is_own;
                retry::judge_reply(
                    kind,
                    reply.status,
                    is_own,
                    &reply.headers,
                    SystemTime::now(),
                )
            }
        };
        if verdict != Verdict::SignInAgain {
            self.requests.fetch_add(1, Ordering::Relaxed);
        }
        match &result {
            Ok(reply) => debug!(
                status = reply.status,
                bytes = reply.length,
                request_id = request_id(reply),
                "answered"
            ),
            Err(error) => debug!(error = %error, "not answered"),
        }
        (verdict, result)
    }

    /// Awaits a read for as long as the trip has time left.
    async fn in_time(
        &self,
        outgoing: &Outgoing,
        send: impl Future<Output = Result<Reply, Error>>,
    ) -> Result<Reply, Error> {
        let over = |spent| over_budget(&outgoing.exchange, spent);
        let left = self.meter.time_left().map_err(over)?;
        match tokio::time::timeout(left, send).await {
            Ok(result) => result,
            Err(_) => Err(over(Spent::Time(self.meter.budget().trip))),
        }
    }

    fn outgoing(
        &self,
        exchange: Exchange,
        envelope: Envelope,
        kind: Kind,
    ) -> Result<Outgoing, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, header_value(&envelope.content_type)?);
        for (name, value) in [
            ("accept-encoding", "gzip"),
            ("odata-version", "4.0"),
            ("odata-maxversion", "4.0"),
        ] {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        if kind == Kind::Read {
            for (name, value) in [
                ("prefer", "odata.continue-on-error"),
                ("if-none-match", "null"),
            ] {
                headers.insert(
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                );
            }
        }
        headers.insert(
            HeaderName::from_static(CLIENT_REQUEST_ID),
            header_value(&exchange.client_request_id.to_string())?,
        );
        Ok(Outgoing {
            url: self.connection.url.join(&exchange.path)?,
            exchange,
            headers,
            body: Some(Bytes::from(envelope.body)),
            limit: match kind {
                Kind::Read => self.connection.timeouts.read,
                Kind::Write => self.connection.timeouts.write,
            },
        })
    }
}

/// The explanation of a 401 from its body or its challenge.
fn not_accepted(reply: &Reply) -> String {
    let stated = server_error(&reply.body).map(|error| error.message);
    stated
        .filter(|message| !message.is_empty())
        .or_else(|| auth::described(&reply.headers))
        .unwrap_or_default()
}

pub(crate) fn content_type(reply: &Reply) -> &str {
    reply.header("content-type").unwrap_or_default()
}

fn is_multipart(reply: &Reply) -> bool {
    content_type(reply)
        .get(..10)
        .is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/"))
}

/// The server's id of a request.
pub(crate) fn request_id(reply: &Reply) -> Option<&str> {
    ["x-ms-service-request-id", "req_id", "x-ms-request-id"]
        .into_iter()
        .find_map(|name| reply.header(name))
}

/// The error that a complete reply states.
pub(crate) fn stated(exchange: &Exchange, reply: &Reply) -> Error {
    let error = crate::batch::stated(reply.status, &reply.body);
    Error::Service(Box::new(ServiceError {
        method: exchange.method,
        path: exchange.path.clone(),
        status: reply.status,
        outer_status: reply.status,
        place: Place::Whole,
        code: error.code,
        message: error.message,
        is_own: error.is_own,
        request_id: request_id(reply).map(str::to_owned),
        client_request_id: exchange.client_request_id,
    }))
}

/// The reason why a request has no usable answer.
fn reason(exchange: &Exchange, result: Result<Reply, Error>) -> Error {
    match result {
        Ok(reply) if (300..400).contains(&reply.status) => Error::Redirected {
            exchange: exchange.clone(),
            // the query may contain a token
            location: reply
                .header("location")
                .and_then(|location| location.split(['?', '#']).next())
                .unwrap_or_default()
                .to_owned(),
        },
        Ok(reply) => stated(exchange, &reply),
        Err(error) => error,
    }
}
