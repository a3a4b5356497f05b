//! Connections that can be cut on purpose: immediately, or in the middle of a reply's body.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What may still be written to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allowance {
    Everything,
    /// The head of the next reply, and a number of bytes of its body.
    HeadAnd {
        matched: usize,
        body: usize,
    },
    Body(usize),
    Nothing,
}

/// A handle through which a request can cut its own connection.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    allowance: Arc<Mutex<Allowance>>,
    peer: IpAddr,
}

impl Line {
    fn new(peer: IpAddr) -> Line {
        Line {
            allowance: Arc::new(Mutex::new(Allowance::Everything)),
            peer,
        }
    }

    /// Whether the other end is on this machine.
    pub(crate) fn is_near(&self) -> bool {
        self.peer.to_canonical().is_loopback()
    }

    /// Drops the connection; no byte of a reply is sent.
    pub(crate) fn cut(&self) {
        self.set(Allowance::Nothing);
    }

    /// Drops the connection after the head of the next reply and a number of bytes of its body.
    pub(crate) fn cut_after(&self, body: usize) {
        self.set(Allowance::HeadAnd { matched: 0, body });
    }

    fn set(&self, allowance: Allowance) {
        *self
            .allowance
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = allowance;
    }

    /// The number of these bytes that may be written now.
    fn allowed(&self, bytes: &[u8]) -> usize {
        match *self
            .allowance
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
        {
            Allowance::Everything => bytes.len(),
            Allowance::Nothing => 0,
            Allowance::Body(left) => left.min(bytes.len()),
            Allowance::HeadAnd { matched, body } => match end_of_head(matched, bytes) {
                Ok(end) => bytes.len().min(end + body),
                Err(_) => bytes.len(),
            },
        }
    }

    fn written(&self, bytes: &[u8]) {
        let mut allowance = self
            .allowance
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *allowance = match *allowance {
            Allowance::Body(left) => Allowance::Body(left.saturating_sub(bytes.len())),
            Allowance::HeadAnd { matched, body } => match end_of_head(matched, bytes) {
                Ok(end) => Allowance::Body(body.saturating_sub(bytes.len() - end)),
                Err(matched) => Allowance::HeadAnd { matched, body },
            },
            other => other,
        };
    }
}

/// The position after the blank line, or the number of its bytes that were matched.
fn end_of_head(mut matched: usize, bytes: &[u8]) -> Result<usize, usize> {
    const BLANK: &[u8] = b"\r\n\r\n";
    for (at, byte) in bytes.iter().enumerate() {
        matched = if *byte == BLANK[matched] {
            matched + 1
        } else {
            usize::from(*byte == b'\r')
        };
        if matched == BLANK.len() {
            return Ok(at + 1);
        }
    }
    Err(matched)
}

/// A stream controlled by its [`Line`].
#[derive(Debug)]
pub(crate) struct Guarded<S> {
    stream: S,
    line: Line,
}

fn broken() -> io::Error {
    io::Error::new(
        io::ErrorKind::ConnectionReset,
        "the connection was cut on purpose",
    )
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let allowed = self.line.allowed(bytes);
        if allowed == 0 && !bytes.is_empty() {
            return Poll::Ready(Err(broken()));
        }
        let result = Pin::new(&mut self.stream).poll_write(context, &bytes[..allowed]);
        if let Poll::Ready(Ok(written)) = &result {
            self.line.written(&bytes[..*written]);
        }
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A listener that adds a [`Line`] to every connection of another listener.
#[derive(Debug)]
pub(crate) struct Guard<L>(pub(crate) L);

impl<L: Listener<Addr = SocketAddr>> Listener for Guard<L> {
    type Io = Guarded<L::Io>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        let (stream, address) = self.0.accept().await;
        (
            Guarded {
                stream,
                line: Line::new(address.ip()),
            },
            address,
        )
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl<L: Listener<Addr = SocketAddr>> Connected<IncomingStream<'_, Guard<L>>> for Line {
    fn connect_info(stream: IncomingStream<'_, Guard<L>>) -> Line {
        stream.io().line.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_near() {
        for (peer, near) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.0.0.7", false),
            ("2001:db8::1", false),
        ] {
            let line = Line::new(peer.parse().expect("an address"));
            assert_eq!(line.is_near(), near, "{peer}");
        }
    }

    #[test]
    fn a_cut_body_lets_the_head_out_and_counts_bytes_over_several_writes() {
        let line = Line::new(IpAddr::from([127, 0, 0, 1]));
        line.cut_after(3);
        for piece in ["HTTP/1.1 200 OK\r\nA: b\r\n", "\r"] {
            assert_eq!(line.allowed(piece.as_bytes()), piece.len());
            line.written(piece.as_bytes());
        }
        assert_eq!(line.allowed(b"\nabcdef"), 4);
        line.written(b"\nabc");
        assert_eq!(line.allowed(b"def"), 0);
    }
}
