//! The protocol on the standard streams: each message is a line of JSON.
//!
//! Threads read and write the lines, so neither a silent client nor one that does not read blocks anything else. A line that is too long,
//! is not JSON or is not a message is answered with an error, and the connection stays open.

use std::io::{self, BufRead as _, BufReader, Read};

use deskstate_files::Limit;
use rmcp::RoleServer;
use rmcp::model::{ErrorData, RequestId};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde_json::Value as Json;
use tokio::sync::{mpsc, oneshot};

use crate::door;

/// Number of lines that may wait to be read or written. The faster side waits.
const WAITING: usize = 16;

/// A line from a client.
enum Line {
    Whole(Vec<u8>),
    /// Longer than a message may be. Its text is discarded.
    TooLong,
}

/// The connection to one client.
pub(super) struct Wire {
    incoming: mpsc::Receiver<Line>,
    outgoing: Option<mpsc::Sender<String>>,
    /// Whether the client has begun a session.
    is_open: bool,
}

impl Wire {
    /// Opens the standard streams. The future completes once everything is written.
    pub(super) fn of_streams() -> (Self, impl Future<Output = ()>) {
        let (lines, incoming) = mpsc::channel(WAITING);
        std::thread::spawn(move || read(io::stdin(), &lines));
        let (outgoing, texts) = mpsc::channel(WAITING);
        let (done, written) = oneshot::channel();
        std::thread::spawn(move || {
            write(texts);
            // The process may have ended without waiting.
            let _ = done.send(());
        });
        let wire = Self {
            incoming,
            outgoing: Some(outgoing),
            is_open: false,
        };
        (wire, async move { drop(written.await) })
    }

    /// Answers a line that is not a message, or a message that is not a valid request.
    async fn refuse(&mut self, error: ErrorData, id: Option<RequestId>) {
        let answer = TxJsonRpcMessage::<RoleServer>::error(error, id);
        // Reading ends automatically when the client is gone.
        drop(self.send(answer).await);
    }
}

/// What is wrong with the parameters of a call of a tool. Without this, the call would look like one of a method that does not exist.
fn wrong_in_call(message: &Json) -> Option<&'static str> {
    if message["method"] != "tools/call" {
        return None;
    }
    let parameters = &message["params"];
    match (&parameters["name"], &parameters["arguments"]) {
        (Json::String(_), Json::Object(_) | Json::Null) => None,
        (Json::String(_), _) => Some("`params.arguments` must be an object"),
        _ => Some("`params.name` must be the name of a tool, as text"),
    }
}

fn read(stream: impl Read, lines: &mpsc::Sender<Line>) {
    let most = Limit::MESSAGE.bytes();
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        let ended = match stream.by_ref().take(most + 1).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => line.ends_with(b"\n"),
        };
        let line = if ended {
            Line::Whole(line)
        } else if line.len() as u64 > most {
            drop(line);
            if !skip_line(&mut stream) {
                return;
            }
            Line::TooLong
        } else {
            // The last line may lack its end. If the stream was cut within it, it is no message.
            Line::Whole(line)
        };
        if lines.blocking_send(line).is_err() {
            return;
        }
    }
}

/// Skips the rest of a line. Returns false at the end of the stream.
fn skip_line(stream: &mut BufReader<impl Read>) -> bool {
    loop {
        let (length, ended) = match stream.fill_buf() {
            Ok([]) | Err(_) => return false,
            Ok(held) => match held.iter().position(|byte| *byte == b'\n') {
                Some(at) => (at + 1, true),
                None => (held.len(), false),
            },
        };
        stream.consume(length);
        if ended {
            return true;
        }
    }
}

fn write(mut texts: mpsc::Receiver<String>) {
    let mut stream = door::protocol();
    while let Some(text) = texts.blocking_recv() {
        if stream.message(&text).is_err() {
            return;
        }
    }
}

impl Transport<RoleServer> for Wire {
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), io::Error>> + Send + 'static {
        let outgoing = self.outgoing.clone();
        async move {
            let text = serde_json::to_string(&item)?;
            let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
            outgoing
                .ok_or_else(closed)?
                .send(text)
                .await
                .map_err(|_| closed())
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            let line = match self.incoming.recv().await? {
                Line::Whole(line) => line,
                Line::TooLong => {
                    let message = format!("the message is longer than {}", Limit::MESSAGE);
                    self.refuse(ErrorData::invalid_request(message, None), None)
                        .await;
                    continue;
                }
            };
            let line = line.trim_ascii();
            let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
            if line.is_empty() {
                continue;
            }
            let json: Json = match serde_json::from_slice(line) {
                Ok(json) => json,
                Err(error) => {
                    // Describes the error without quoting the message.
                    let message = format!(
                        "not JSON: {:?} at column {}",
                        error.classify(),
                        error.column()
                    );
                    self.refuse(ErrorData::parse_error(message, None), None)
                        .await;
                    continue;
                }
            };
            self.is_open |= json["method"] == "initialize";
            let is_notification = json["method"].is_string() && json.get("id").is_none();
            if is_notification && !self.is_open {
                tracing::debug!("a notification before the session began was ignored");
                continue;
            }
            let id = json.get("id").cloned();
            let id = id.and_then(|id| serde_json::from_value(id).ok());
            if let Some(message) = wrong_in_call(&json) {
                self.refuse(ErrorData::invalid_params(message, None), id)
                    .await;
                continue;
            }
            match serde_json::from_value(json) {
                Ok(message) => return Some(message),
                Err(_) => {
                    let error = ErrorData::invalid_request("not a message of this protocol", None);
                    self.refuse(error, id).await;
                }
            }
        }
    }

    async fn close(&mut self) -> Result<(), io::Error> {
        self.outgoing = None;
        Ok(())
    }
}
