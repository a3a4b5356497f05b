//! Requests to an issuer, and its replies.

use http::{HeaderMap, Method, StatusCode};
use serde_json::Value as Json;

use super::form::Form;
use super::place::Place;
use crate::call::Reply;

/// A request to an issuer.
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    pub(super) place: Place,
}

impl Asked<'_> {
    pub(super) fn query(&self) -> Form {
        Form::parse(self.query)
    }

    pub(super) fn form(&self) -> Form {
        Form::parse(&String::from_utf8_lossy(self.body))
    }
}

pub(super) fn json_reply(status: StatusCode, body: &Json) -> Reply {
    Reply {
        status,
        headers: vec![("Content-Type", "application/json; charset=utf-8".into())],
        body: body.to_string().into_bytes(),
    }
}

/// The token of an `Authorization: Bearer` header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get("authorization")?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim())
        .filter(|token| !token.is_empty())
}
