//! Sends a message. The address is a secret, so it never appears in errors or logs.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use thiserror::Error;

use super::Channel;
use super::payload::Body;
use crate::outbound::{AGENT, Again, Outbound};

/// Why a message could not be sent.
#[derive(Debug, Error)]
pub(crate) enum NotifyError {
    #[error("`{0}` is not set, so nobody can be notified")]
    Missing(&'static str),
    #[error("`{0}` is not an address to post to: use https, or this machine")]
    Unsafe(&'static str),
    #[error("{channel} rejected the message: status {status}")]
    Refused { channel: &'static str, status: u16 },
    #[error("{channel} asks for a longer wait than a build allows: {} seconds", .wait.as_secs())]
    RateLimited {
        channel: &'static str,
        wait: Duration,
    },
    #[error("{channel} could not be reached")]
    Unreachable {
        channel: &'static str,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl NotifyError {
    /// Suggests the next step.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Missing(_) | Self::Unsafe(_) => {
                "set the variable to the address of the webhook, from a secret of the build"
            }
            Self::Refused {
                status: 401 | 403 | 404 | 410,
                ..
            } => "the webhook was removed or its address is wrong; create a new one",
            Self::Refused { .. } | Self::RateLimited { .. } | Self::Unreachable { .. } => {
                "the next run sends it again"
            }
        }
    }
}

/// A destination for messages.
pub(crate) struct Sender {
    channel: Channel,
    address: reqwest::Url,
    client: Outbound,
}

impl Sender {
    pub(crate) fn new(
        channel: Channel,
        address: &str,
        pause: Duration,
    ) -> Result<Self, NotifyError> {
        let unsafe_address = || NotifyError::Unsafe(channel.variable());
        let address = reqwest::Url::parse(address.trim()).map_err(|_| unsafe_address())?;
        let is_here = matches!(
            address.host_str(),
            Some("127.0.0.1" | "localhost" | "[::1]")
        );
        if !(address.scheme() == "https" || address.scheme() == "http" && is_here) {
            return Err(unsafe_address());
        }
        let client = Outbound::new(pause, is_here).map_err(|error| NotifyError::Unreachable {
            channel: channel.name(),
            source: Box::new(error),
        })?;
        Ok(Self {
            channel,
            address,
            client,
        })
    }

    /// Sends a message, and retries if the channel requests it or is temporarily unavailable.
    pub(crate) async fn send(&self, body: &Body) -> Result<(), NotifyError> {
        let again = |error: &NotifyError| match error {
            NotifyError::RateLimited { wait, .. } => Again::After(*wait),
            NotifyError::Unreachable { .. } => Again::Soon,
            NotifyError::Refused { status, .. } if *status >= 500 => Again::Soon,
            NotifyError::Missing(_) | NotifyError::Unsafe(_) | NotifyError::Refused { .. } => {
                Again::Never
            }
        };
        let once = async || self.once(body).await;
        self.client
            .patiently(self.channel.name(), again, once)
            .await
    }

    async fn once(&self, body: &Body) -> Result<(), NotifyError> {
        let sent = self
            .client
            .http
            .post(self.address.clone())
            .header(USER_AGENT, AGENT)
            .header(CONTENT_TYPE, body.content_type)
            .body(body.text.clone())
            .send();
        // The body of the reply is not read, because nobody needs it.
        let reply = sent
            .await
            .map_err(|error| unreachable(self.channel, error))?;
        let status = reply.status().as_u16();
        let channel = self.channel.name();
        match status {
            200..=299 => Ok(()),
            429 => {
                let after = reply.headers().get(RETRY_AFTER);
                let seconds = after.and_then(|after| after.to_str().ok()?.trim().parse().ok());
                let wait = seconds.map_or(Duration::ZERO, Duration::from_secs);
                Err(NotifyError::RateLimited { channel, wait })
            }
            _ => Err(NotifyError::Refused { channel, status }),
        }
    }
}

fn unreachable(channel: Channel, error: reqwest::Error) -> NotifyError {
    NotifyError::Unreachable {
        channel: channel.name(),
        source: Box::new(error.without_url()),
    }
}
