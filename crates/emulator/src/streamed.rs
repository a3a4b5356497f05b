//! Replies as HTTP responses: complete, or sent while the rest is still written.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use http_body::Frame;
use tokio::sync::mpsc;

use crate::call::Reply;

/// A complete reply.
pub(crate) fn response(reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = reply.status;
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(&value),
        ) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// How many pieces wait for a slow client before the work does.
const WAITING: usize = 2;

/// A piece of a reply. The first one also has the status and the headers.
struct Piece {
    reply: Reply,
    is_last: bool,
}

/// Takes the pieces of a reply in their order.
pub(crate) struct Sink {
    sender: mpsc::Sender<Piece>,
    /// Bytes of all pieces but the last.
    sent: usize,
}

impl Sink {
    /// Sends a piece that others follow, and waits while too many are on their way.
    pub(crate) fn send(&mut self, reply: Reply) {
        self.sent += reply.body.len();
        self.put(reply, false);
    }

    /// The size of a body in several pieces; `None` if this is the only one, whose size the response states.
    pub(crate) fn size_with(&self, last: &Reply) -> Option<usize> {
        (self.sent > 0).then(|| self.sent + last.body.len())
    }

    /// Sends the last piece, which is the complete reply if it is the only one.
    pub(crate) fn close(self, reply: Reply) {
        self.put(reply, true);
    }

    fn put(&self, reply: Reply, is_last: bool) {
        // Nobody receives it if the connection has ended.
        let _ = self.sender.blocking_send(Piece { reply, is_last });
    }
}

/// Where a reply arrives.
pub(crate) struct Pieces(mpsc::Receiver<Piece>);

/// The two ends of a reply.
pub(crate) fn pieces() -> (Sink, Pieces) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Sink { sender, sent: 0 }, Pieces(receiver))
}

impl Pieces {
    /// The response, as soon as its head is known; `None` if the work ended without a reply.
    pub(crate) async fn response(mut self) -> Option<Response> {
        let Piece { mut reply, is_last } = self.0.recv().await?;
        if is_last {
            return Some(response(reply));
        }
        let first = std::mem::take(&mut reply.body).into();
        let mut streamed = response(reply);
        *streamed.body_mut() = Body::new(Rest {
            first: Some(first),
            pieces: self.0,
            is_complete: false,
        });
        Some(streamed)
    }
}

struct Rest {
    first: Option<Bytes>,
    pieces: mpsc::Receiver<Piece>,
    is_complete: bool,
}

impl HttpBody for Rest {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        self.pieces.poll_recv(context).map(|piece| match piece {
            Some(piece) => {
                self.is_complete = piece.is_last;
                Some(Ok(Frame::data(piece.reply.body.into())))
            }
            None if self.is_complete => None,
            // The work panicked. A reply that ends early must not look complete.
            None => Some(Err(io::Error::other("the emulator failed"))),
        })
    }
}
