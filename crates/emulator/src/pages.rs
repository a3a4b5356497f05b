//! Keeps web pages out. Any page that a person opens can make the browser send requests to this machine. A request is therefore rejected if
//! its headers show that it comes from a page of another origin, or if it addresses this machine by an unknown name (a page can point its
//! own domain at loopback). Programs other than browsers send none of these headers and are not affected.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, ORIGIN, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::signin;

/// The names of this machine.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    listen: IpAddr,
    others: Vec<String>,
}

impl Names {
    /// Loopback, the listening address, and the given names.
    pub(crate) fn new(listen: IpAddr, others: Vec<String>) -> Names {
        Names { listen, others }
    }

    /// Whether a `Host` header names this machine. All addresses are accepted, since a page can only be reached under its own name.
    fn has(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let address = name
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(name);
        if let Ok(address) = address.parse::<IpAddr>() {
            return address.is_loopback() || !self.listen.is_loopback() || address == self.listen;
        }
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        name == "localhost"
            || name.ends_with(".localhost")
            || self
                .others
                .iter()
                .any(|other| other.eq_ignore_ascii_case(&name))
    }
}

/// Rejects requests that come from pages of other origins.
pub(crate) async fn layer(
    State(names): State<Arc<Names>>,
    request: Request,
    next: Next,
) -> Response {
    match refusal(&names, &request) {
        Some((status, text)) => plain(status, text),
        None => next.run(request).await,
    }
}

fn refusal(names: &Names, request: &Request) -> Option<(StatusCode, &'static str)> {
    let path = request.uri().path();
    let headers = request.headers();
    let absolute = request
        .uri()
        .authority()
        .map(|authority| authority.as_str());
    let called = texts(headers, HOST.as_str()).chain(absolute.map(Some));
    if !called
        .into_iter()
        .all(|host| host.is_some_and(|host| names.has(host)))
    {
        return Some((
            StatusCode::FORBIDDEN,
            "the host is not a name of this emulator; start it with --host NAME to accept another name",
        ));
    }
    // any page may link to the pages for signing in
    let for_people = request.method() == Method::GET && signin::is_ours(path);
    if !for_people && !same_origin(headers) {
        return Some((
            StatusCode::FORBIDDEN,
            "web pages of other origins cannot use this emulator",
        ));
    }
    (!signin::is_form(path) && has_body(headers) && !is_json(headers, path)).then_some((
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "the body must be application/json, or multipart/mixed for $batch",
    ))
}

/// The values of a header; `None` for values that are not text.
fn texts<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = Option<&'a str>> {
    headers
        .get_all(name)
        .into_iter()
        .map(|value| value.to_str().ok())
}

/// Whether no header names another origin. Browsers set both headers, and pages cannot change them.
fn same_origin(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let own = |origin: &str| {
        origin.split_once("://").is_some_and(|(_, authority)| {
            host.is_some_and(|host| host.eq_ignore_ascii_case(authority))
        })
    };
    texts(headers, ORIGIN.as_str()).all(|origin| origin.is_some_and(own))
        && texts(headers, "sec-fetch-site").all(|site| matches!(site, Some("same-origin" | "none")))
}

fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
        || texts(headers, CONTENT_LENGTH.as_str()).any(|length| length != Some("0"))
}

/// Whether the body has a type that a page cannot send to another origin without a preflight request. Programs may omit the type; a page
/// that does so is recognized by its origin.
fn is_json(headers: &HeaderMap, path: &str) -> bool {
    let batch = path
        .trim_end_matches('/')
        .to_ascii_lowercase()
        .ends_with("/$batch");
    let wanted = if batch {
        "multipart/mixed"
    } else {
        "application/json"
    };
    texts(headers, CONTENT_TYPE.as_str()).all(|kind| {
        kind.and_then(|kind| kind.split(';').next())
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case(wanted))
    })
}

pub(crate) fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("text/plain"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_called_by_loopback_the_address_listened_on_and_given_names() {
        let near = Names::new([127, 0, 0, 1].into(), vec!["dataverse".to_owned()]);
        let open = Names::new([0, 0, 0, 0].into(), Vec::new());
        for (host, near_has, open_has) in [
            ("127.0.0.1:8700", true, true),
            ("127.0.0.2", true, true),
            ("[::1]:8700", true, true),
            ("localhost:8700", true, true),
            ("LocalHost.", true, true),
            ("org.localhost:1", true, true),
            ("192.0.2.1:8700", false, true),
            ("[2001:db8::1]:8700", false, true),
            ("Dataverse:8700", true, false),
            ("dataverse.example", false, false),
            ("localhost.example:8700", false, false),
            ("127.0.0.1.example", false, false),
            ("", false, false),
        ] {
            assert_eq!(near.has(host), near_has, "{host}");
            assert_eq!(open.has(host), open_has, "{host}");
        }
    }
}
