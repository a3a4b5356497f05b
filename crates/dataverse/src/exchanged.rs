//! The two sides of an exchange: the outgoing request and the reply.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use url::Url;

use crate::{Error, Exchange};

/// A request that is ready to send.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) exchange: Exchange,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    pub(crate) limit: Duration,
}

/// A reply that was read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// Empty if an intake consumed it.
    pub(crate) body: Bytes,
    /// Length of the body.
    pub(crate) length: usize,
}

/// Consumes a multipart reply as it arrives, so that the complete body is never in memory.
pub(crate) trait Intake: Send {
    /// Called before a request is sent. Discards the results of any earlier attempt.
    fn begin(&mut self);

    /// Takes the next piece of the body.
    fn take(&mut self, exchange: &Exchange, head: Head<'_>, bytes: &[u8]) -> Result<(), Error>;
}

/// What is known of a reply before its body arrives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) status: u16,
    /// The boundary of its parts.
    pub(crate) boundary: &'a str,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
