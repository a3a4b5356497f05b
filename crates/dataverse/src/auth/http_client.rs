//! Adapts our HTTP client to `azure_core`, so that signing in uses the same TLS, roots and proxies.

use std::collections::HashMap;

use async_trait::async_trait;
use azure_core::http::headers::{HeaderName, HeaderValue, Headers};
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Method, Request};
use azure_core::{Bytes, Error, error::ErrorKind};

use crate::transport::Network;

/// Issuers send small replies.
pub(super) const MAX_REPLY: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct IssuerClient(pub(super) Network);

#[async_trait]
impl HttpClient for IssuerClient {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let body = match request.body() {
            Body::Bytes(bytes) => bytes.clone(),
            _ => {
                return Err(Error::with_message(
                    ErrorKind::Other,
                    "requests to issuers have no streams",
                ));
            }
        };
        let headers = request
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.as_str().to_owned()));
        let (status, headers, body) = self
            .0
            .small_request(
                method(request.method())?,
                request.url().clone(),
                headers,
                body,
                MAX_REPLY,
            )
            .await
            .map_err(|error| {
                let kind = match error {
                    crate::Error::Unreachable { .. } => ErrorKind::Connection,
                    crate::Error::Lost { .. } | crate::Error::TimedOut { .. } => ErrorKind::Io,
                    _ => ErrorKind::Other,
                };
                let text = super::challenge::with_sources(&error);
                Error::with_message(kind, text)
            })?;
        let headers: HashMap<HeaderName, HeaderValue> = headers
            .iter()
            .filter_map(|(name, value)| {
                Some((
                    HeaderName::from(name.as_str().to_owned()),
                    HeaderValue::from(value.to_str().ok()?.to_owned()),
                ))
            })
            .collect();
        Ok(AsyncRawResponse::from_bytes(
            status.into(),
            Headers::from(headers),
            Bytes::from(body),
        ))
    }
}

/// Token requests use only these two methods.
fn method(method: Method) -> azure_core::Result<&'static str> {
    match method {
        Method::Get => Ok("GET"),
        Method::Post => Ok("POST"),
        other => Err(Error::with_message(
            ErrorKind::Other,
            format!("issuers are not asked by {other}"),
        )),
    }
}
