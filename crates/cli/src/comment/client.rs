//! Sends the requests for comments. Nothing else in this crate contacts a pull-request host.

use std::time::Duration;

use deskstate_reconcile::bounds;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT,
};
use serde_json::Value;

use super::{CommentError, Host, Request};
use crate::error::Error;
use crate::outbound::{AGENT, Again, MOST_PATIENCE, Outbound};

/// Maximum size of a reply: a page of comments of maximum length.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// A client for pull-request hosts.
#[derive(Debug, Clone)]
pub(crate) struct Client(Outbound);

impl Client {
    pub(crate) fn new(pause: Duration) -> Result<Self, Error> {
        Outbound::new(pause, false).map(Self)
    }

    /// Runs a repeatable action, retrying it as often and as late as the host requests.
    pub(super) async fn patiently<T>(
        &self,
        host: &Host,
        action: impl AsyncFn() -> Result<T, CommentError>,
    ) -> Result<T, CommentError> {
        let again = |error: &CommentError| match error {
            CommentError::RateLimited { wait, .. } => Again::After(*wait),
            CommentError::Unreachable { .. } => Again::Soon,
            CommentError::Refused { status, .. } if *status >= 500 => Again::Soon,
            _ => Again::Never,
        };
        self.0.patiently(host.name(), again, action).await
    }

    /// Sends once and reads the reply as JSON.
    pub(super) async fn send(&self, host: &Host, request: &Request) -> Result<Value, CommentError> {
        let name = host.name();
        let unreachable = |error: reqwest::Error| CommentError::Unreachable {
            host: name,
            source: Box::new(error.without_url()),
        };
        let method = match request.method {
            "POST" => reqwest::Method::POST,
            "PATCH" => reqwest::Method::PATCH,
            _ => reqwest::Method::GET,
        };
        let mut token = HeaderValue::try_from(format!("Bearer {}", host.token()))
            .map_err(|_| CommentError::BrokenToken { host: name })?;
        token.set_sensitive(true);
        let mut sending = self
            .0
            .http
            .request(method, &request.url)
            .header(AUTHORIZATION, token)
            .header(USER_AGENT, AGENT)
            .header(ACCEPT, "application/json");
        if let Some(body) = &request.body {
            sending = sending
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_string());
        }
        let mut reply = sending.send().await.map_err(unreachable)?;
        let status = reply.status().as_u16();
        let headers = reply.headers().clone();
        let mut text = Vec::new();
        while let Some(chunk) = reply.chunk().await.map_err(unreachable)? {
            if text.len() + chunk.len() > MOST_BYTES {
                return Err(CommentError::Unreadable { host: name });
            }
            text.extend_from_slice(&chunk);
        }
        if !bounds::is_small(&text) {
            return Err(CommentError::Unreadable { host: name });
        }
        let json: Option<Value> = serde_json::from_slice(&text).ok();
        match status {
            // Azure DevOps answers 203 with a sign-in page if it does not accept the token.
            200..=202 => json.ok_or(CommentError::Unreadable { host: name }),
            _ => Err(failure(name, status, &headers, json.as_ref())),
        }
    }
}

fn failure(
    host: &'static str,
    status: u16,
    headers: &HeaderMap,
    json: Option<&Value>,
) -> CommentError {
    let message = json.map_or_else(|| "no message".to_owned(), message);
    if let Some(wait) = asked_to_wait(status, headers) {
        return CommentError::RateLimited { host, wait };
    }
    match status {
        // The token is fine, and nobody can comment.
        403 if message.contains("locked") => CommentError::Refused {
            host,
            status,
            message,
        },
        203 | 302 | 401 | 403 => CommentError::Forbidden {
            host,
            status,
            message,
        },
        404 => CommentError::NotFound { host, message },
        _ => CommentError::Refused {
            host,
            status,
            message,
        },
    }
}

/// What a host says about a failure: its message, and on GitHub those of the single errors, which say what "Validation Failed" means.
fn message(json: &Value) -> String {
    let errors = json["errors"].as_array();
    let details = errors
        .into_iter()
        .flatten()
        .filter_map(|error| error["message"].as_str().or(error.as_str()));
    let parts: Vec<&str> = json["message"]
        .as_str()
        .into_iter()
        .chain(details)
        .collect();
    match parts.is_empty() {
        true => "no message".to_owned(),
        false => crate::output::plain(&parts.join(": "))
            .chars()
            .take(300)
            .collect(),
    }
}

/// Rate limits are reported as 429; on GitHub also as 403 with `retry-after`, or with no requests remaining (documented in Rate limits for
/// the REST API).
fn asked_to_wait(status: u16, headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let after = number(RETRY_AFTER.as_str()).map(Duration::from_secs);
    let is_spent = number("x-ratelimit-remaining") == Some(0);
    match status {
        429 => Some(after.or_else(|| until_reset(headers)).unwrap_or_default()),
        403 if after.is_some() => after,
        403 if is_spent => Some(until_reset(headers).unwrap_or(MOST_PATIENCE * 2)),
        _ => None,
    }
}

/// The wait until `x-ratelimit-reset`, a time in UTC seconds since 1970.
fn until_reset(headers: &HeaderMap) -> Option<Duration> {
    let reset = headers
        .get("x-ratelimit-reset")?
        .to_str()
        .ok()?
        .trim()
        .parse::<u64>()
        .ok()?;
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .ok()?;
    Some(Duration::from_secs(reset).saturating_sub(now))
}
