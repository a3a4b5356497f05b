//! What goes over the wire in one exchange.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use url::Url;

use crate::{Error, Exchange};

/// A request as it goes out.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) exchange: Exchange,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    pub(crate) limit: Duration,
}

/// A reply, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// Empty where an intake took it.
    pub(crate) body: Bytes,
    /// How long the body was.
    pub(crate) length: usize,
}

/// Takes a multipart reply as it arrives, so that it is never in memory whole.
pub(crate) trait Intake: Send {
    /// A request goes out. What came of an attempt before it counts for nothing.
    fn begin(&mut self);

    /// More of the body.
    fn take(&mut self, exchange: &Exchange, head: Head<'_>, bytes: &[u8]) -> Result<(), Error>;
}

/// What is known of a reply before its body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) status: u16,
    /// The boundary of its parts.
    pub(crate) boundary: &'a str,
}

impl Reply {
    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
