//! Queues incoming messages, so that a request can be cancelled before its turn.

use std::collections::VecDeque;
use std::sync::mpsc::Receiver;

use lsp_server::{Message, RequestId};
use lsp_types::CancelParams;
use lsp_types::NumberOrString;
use lsp_types::notification::{Cancel, Notification as _};

use super::wire::Incoming;

/// Number of messages that are read ahead of their turn.
const AHEAD: usize = 256;

pub(super) struct Inbox {
    stream: Receiver<Incoming>,
    waiting: VecDeque<Incoming>,
}

impl Inbox {
    pub(super) fn new(stream: Receiver<Incoming>) -> Self {
        Self {
            stream,
            waiting: VecDeque::new(),
        }
    }

    /// Queues all messages that have arrived. Returns the requests that were cancelled and need no further work.
    pub(super) fn take_in(&mut self) -> Vec<RequestId> {
        let mut cancelled = Vec::new();
        while self.waiting.len() < AHEAD {
            let Ok(message) = self.stream.try_recv() else {
                break;
            };
            match cancels(&message) {
                Some(id) => cancelled.extend(self.remove(id)),
                None => self.waiting.push_back(message),
            }
        }
        cancelled
    }

    fn remove(&mut self, id: RequestId) -> Option<RequestId> {
        let is_it = |one: &Incoming| matches!(one, Incoming::Message(Message::Request(request)) if request.id == id);
        let at = self.waiting.iter().position(is_it)?;
        self.waiting.remove(at);
        Some(id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Returns the next message; `None` when the client is gone.
    pub(super) fn next(&mut self) -> Option<Incoming> {
        self.waiting.pop_front().or_else(|| self.stream.recv().ok())
    }
}

/// The request that a message cancels.
fn cancels(message: &Incoming) -> Option<RequestId> {
    let Incoming::Message(Message::Notification(note)) = message else {
        return None;
    };
    if note.method != Cancel::METHOD {
        return None;
    }
    let params: CancelParams = serde_json::from_value(note.params.clone()).ok()?;
    Some(match params.id {
        NumberOrString::Number(number) => number.into(),
        NumberOrString::String(text) => text.into(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use lsp_server::{Notification, Request};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_that_waits_can_be_cancelled_and_others_stay() {
        let (sender, stream) = channel();
        let mut inbox = Inbox::new(stream);
        let request = |id: RequestId| Request::new(id, "x".to_owned(), json!({})).into();
        let cancel = |id| Notification::new(Cancel::METHOD.to_owned(), json!({ "id": id })).into();
        let messages: [Message; 5] = [
            request(1.into()),
            request("two".to_owned().into()),
            cancel(json!("two")),
            cancel(json!(3)),
            request(3.into()),
        ];
        for message in messages {
            sender.send(Incoming::Message(message)).unwrap();
        }
        assert_eq!(inbox.take_in(), [RequestId::from("two".to_owned())]);
        let mut left = Vec::new();
        while !inbox.is_empty() {
            if let Some(Incoming::Message(Message::Request(request))) = inbox.next() {
                left.push(request.id);
            }
        }
        assert_eq!(left, [RequestId::from(1), RequestId::from(3)]);
        drop(sender);
        assert!(inbox.next().is_none());
    }
}
