//! The protocol on the standard streams: each message is a header with its length, followed by JSON.

use std::io::{self, BufRead, BufReader, Read as _};
use std::sync::mpsc;

use lsp_server::{ErrorCode, Message, RequestId, Response};
use serde_json::Value as Json;

use crate::door::{self, Protocol};

/// Maximum size of a message: a file of the maximum size in which every character is escaped.
const LONGEST: usize = 96 * 1024 * 1024;

/// Number of messages that may wait to be read.
const WAITING: usize = 64;

/// Input from a client.
pub(super) enum Incoming {
    /// A message.
    Message(Message),
    /// JSON that is not a message, with its ID if it has one.
    Malformed(Option<RequestId>),
}

/// The messages of the client, read by a thread. They end when the stream ends or can no longer be parsed.
pub(super) fn incoming() -> mpsc::Receiver<Incoming> {
    let (sender, receiver) = mpsc::sync_channel(WAITING);
    std::thread::spawn(move || {
        let mut stream = BufReader::new(io::stdin());
        while let Ok(Some(body)) = frame(&mut stream) {
            if sender.send(message(&body)).is_err() {
                return;
            }
        }
    });
    receiver
}

fn message(body: &[u8]) -> Incoming {
    match serde_json::from_slice(body) {
        Ok(message) => Incoming::Message(message),
        Err(_) => {
            let id = serde_json::from_slice::<Json>(body)
                .ok()
                .and_then(|json| serde_json::from_value(json.get("id")?.clone()).ok());
            Incoming::Malformed(id)
        }
    }
}

/// Reads the body of the next message; `None` at the end of the stream.
fn frame(stream: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut length = None;
    loop {
        let mut line = Vec::new();
        if stream.by_ref().take(1024).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse::<usize>().ok();
        }
    }
    let length = length.filter(|length| *length <= LONGEST);
    let length = length.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    let mut body = Vec::new();
    stream.take(length as u64).read_to_end(&mut body)?;
    Ok((body.len() == length).then_some(body))
}

/// The channel for messages to the client.
pub(super) struct Outgoing(Protocol);

impl Outgoing {
    pub(super) fn new() -> Self {
        Self(door::protocol())
    }

    pub(super) fn send(&mut self, message: impl Into<Message>) -> io::Result<()> {
        let mut json = serde_json::to_value(message.into())?;
        json["jsonrpc"] = "2.0".into();
        self.0.framed(&json.to_string())
    }

    pub(super) fn refuse(
        &mut self,
        id: RequestId,
        code: ErrorCode,
        message: impl Into<String>,
    ) -> io::Result<()> {
        self.send(Response::new_err(id, code as i32, message.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_whole_and_within_a_limit() {
        let mut stream =
            "Content-Length: 2\r\nContent-Type: x\r\n\r\n{}content-length:3\r\n\r\n[1]".as_bytes();
        assert_eq!(frame(&mut stream).unwrap().unwrap(), b"{}");
        assert_eq!(frame(&mut stream).unwrap().unwrap(), b"[1]");
        assert!(frame(&mut stream).unwrap().is_none());
        for broken in [
            "Content-Length: 99999999999\r\n\r\n{}",
            "Content-Length: x\r\n\r\n",
            "\r\n",
        ] {
            assert!(frame(&mut broken.as_bytes()).is_err(), "{broken}");
        }
        assert!(
            frame(&mut "Content-Length: 9\r\n\r\n{}".as_bytes())
                .unwrap()
                .is_none()
        );
    }
}
