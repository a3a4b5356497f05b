//! Parses multipart bodies of `$batch`, with the leniency that real clients need (Web API: what real clients send): LF or CRLF, quoted or
//! unquoted boundaries, preambles, padding, missing blank lines.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::error::{Outcome, ServiceError};

/// The error of a body whose last line is not ended.
pub(crate) const UNREADABLE: &str = "Stream was not readable.";

/// One item of a batch.
#[derive(Debug)]
pub(crate) enum Item {
    Request(Request),
    Changeset(Vec<Request>),
}

impl Item {
    /// The request, if the item is one that only reads.
    pub(crate) fn read(&self) -> Option<&Request> {
        match self {
            Item::Request(request) if request.method == Method::GET => Some(request),
            Item::Request(_) | Item::Changeset(_) => None,
        }
    }
}

/// A request inside a batch.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) content_id: Option<String>,
}

fn unusable(message: &str) -> ServiceError {
    ServiceError::query(message.to_owned())
}

/// The boundary of a `multipart/mixed` content type.
pub(crate) fn boundary(content_type: &str) -> Option<String> {
    let mut pieces = content_type.split(';').map(str::trim);
    if !pieces.next()?.eq_ignore_ascii_case("multipart/mixed") {
        return None;
    }
    pieces.find_map(|piece| {
        let (name, value) = piece.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (name.trim().eq_ignore_ascii_case("boundary") && !value.is_empty())
            .then(|| value.to_owned())
    })
}

/// Parses the items of a batch body.
pub(crate) fn items(body: &[u8], boundary: &str) -> Outcome<Vec<Item>> {
    let text = std::str::from_utf8(body).map_err(|_| unusable("The batch body is not UTF-8."))?;
    let parts = parts(text, boundary, Closing::MayBeMissing)?;
    let mut items = Vec::with_capacity(parts.len());
    for part in parts {
        let (headers, rest) = part_headers(part);
        let content_type = header(&headers, "content-type").unwrap_or_default();
        match self::boundary(content_type) {
            Some(inner) => {
                let mut requests = Vec::new();
                for part in self::parts(rest, &inner, Closing::Needed)? {
                    let (headers, rest) = part_headers(part);
                    if self::boundary(header(&headers, "content-type").unwrap_or_default())
                        .is_some()
                    {
                        return Err(unusable(
                            "A changeset cannot contain another batch or changeset.",
                        ));
                    }
                    requests.push(request(&headers, rest)?);
                }
                items.push(Item::Changeset(requests));
            }
            None => items.push(Item::Request(request(&headers, rest)?)),
        }
    }
    // The service's reader waits for the end of a body's last line.
    let has_body = |item: &Item| matches!(item, Item::Request(request) if !request.body.is_empty());
    if !text.ends_with('\n') && items.last().is_some_and(has_body) {
        return Err(unusable(UNREADABLE));
    }
    Ok(items)
}

/// Whether the closing boundary, `--boundary--`, is optional.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Closing {
    /// In a batch: a published library omits it, and gets an answer.
    MayBeMissing,
    /// In a changeset: the real behavior is unknown, and a truncated changeset must never be executed.
    Needed,
}

/// The text between the lines that start with the boundary.
fn parts<'t>(text: &'t str, boundary: &str, closing: Closing) -> Outcome<Vec<&'t str>> {
    let mark = format!("--{boundary}");
    let mut parts = Vec::new();
    let (mut start, mut at) = (None, 0);
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        let is_end = trimmed.strip_prefix(&mark) == Some("--");
        if trimmed == mark || is_end {
            if let Some(start) = start {
                parts.push(&text[start..at]);
            }
            if is_end {
                return Ok(parts);
            }
            start = Some(at + line.len());
        }
        at += line.len();
    }
    match start {
        Some(start) if closing == Closing::MayBeMissing => {
            parts.push(&text[start..]);
            Ok(parts)
        }
        Some(_) => Err(unusable(&format!(
            "The batch body ends before the closing boundary '{mark}--'."
        ))),
        None => Err(unusable(&format!(
            "The boundary '{mark}' was not found in the batch body."
        ))),
    }
}

type Headers = Vec<(String, String)>;

/// Parses the MIME headers of a part, up to a blank line or the request line.
fn part_headers(part: &str) -> (Headers, &str) {
    let mut headers = Vec::new();
    let mut at = 0;
    for line in part.split_inclusive('\n') {
        let trimmed = line.trim();
        if trimmed.is_empty() {
            at += line.len();
            if headers.is_empty() {
                continue;
            }
            break;
        }
        match trimmed.split_once(':') {
            Some((name, value)) if !name.contains(' ') && !trimmed.starts_with("--") => {
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()))
            }
            _ => break,
        }
        at += line.len();
    }
    (headers, &part[at..])
}

fn header<'h>(headers: &'h Headers, name: &str) -> Option<&'h str> {
    headers
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.as_str())
}

fn request(part: &Headers, text: &str) -> Outcome<Request> {
    let text = text.trim_start();
    let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
    // Published clients do not encode spaces, so the URL reaches to the last one (Microsoft.OData.Core, ParseRequestLine).
    let (method, target) = line.trim().split_once(' ').unwrap_or((line, ""));
    let url = match target.rsplit_once(' ') {
        Some((url, version)) if version.starts_with("HTTP/") => url.trim(),
        _ => target.trim(),
    };
    let method = Method::from_bytes(method.trim().as_bytes());
    let (Ok(method), false) = (method, url.is_empty()) else {
        return Err(unusable(&format!(
            "The request line '{}' of a batch part is not valid.",
            line.trim()
        )));
    };
    let mut headers = HeaderMap::new();
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        let trimmed = line.trim();
        if trimmed.is_empty() {
            at += line.len();
            break;
        }
        let Some((name, value)) = trimmed.split_once(':') else {
            break;
        };
        let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.trim().as_bytes()),
            HeaderValue::from_str(value.trim()),
        ) else {
            break;
        };
        headers.append(name, value);
        at += line.len();
    }
    let body = rest[at..].trim();
    let content_id = header(part, "content-id").map(str::to_owned).or_else(|| {
        let inner = headers
            .get("content-id")
            .and_then(|value| value.to_str().ok());
        inner.map(str::to_owned)
    });
    Ok(Request {
        method,
        url: url.to_owned(),
        headers,
        body: Bytes::copy_from_slice(body.as_bytes()),
        content_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCH: &str = "\n--b\nContent-Type: multipart/mixed;boundary=\"c\"\n\n--c\nContent-Type: application/http\nContent-Transfer-Encoding:binary\nContent-ID: 1\n\nPOST /api/data/v9.2/xs HTTP/1.1\nContent-Type: application/json\n\n{\"a\":1}\n\n\n--c--\n--b\nContent-Type: application/http\n\nGET http://h/api/data/v9.2/xs HTTP/1.1\nAccept: application/json\n--b--\n";

    fn check(body: &str) {
        let items = items(body.as_bytes(), "b").expect("items");
        let [Item::Changeset(requests), Item::Request(get)] = items.as_slice() else {
            panic!("a changeset and a request")
        };
        assert_eq!(requests[0].content_id.as_deref(), Some("1"));
        assert_eq!(&requests[0].body[..], b"{\"a\":1}");
        assert_eq!(get.method, Method::GET);
        assert_eq!(get.headers["accept"], "application/json");
    }

    #[test]
    fn line_feeds_alone_serve_as_well_as_carriage_returns() {
        check(BATCH);
        check(&BATCH.replace('\n', "\r\n"));
    }

    #[test]
    fn a_cut_body_is_unusable() {
        let refused = |body: &str| items(body.as_bytes(), "b").expect_err("refused").message;
        let post = "--b\nContent-Type: application/http\n\nPOST roles HTTP/1.1\n\n{}\n--b--";
        assert_eq!(refused(post), "Stream was not readable.");
        assert!(refused(&BATCH.replace("--c--", "")).contains("--c--"));
        assert!(refused("nothing\n").contains("--b"));
    }

    #[test]
    fn the_last_boundary_of_a_batch_may_be_missing() {
        check(&BATCH.replace("--b--", ""));
    }

    #[test]
    fn boundaries_may_be_quoted() {
        assert_eq!(
            boundary("multipart/mixed; boundary=\"batch_7\"").as_deref(),
            Some("batch_7")
        );
        assert_eq!(boundary("multipart/mixed;boundary=x").as_deref(), Some("x"));
        assert_eq!(boundary("application/json"), None);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn any_body_is_read_or_refused_without_a_panic(
            pieces in proptest::collection::vec(
                proptest::prop_oneof![
                    proptest::strategy::Just("--b\n".to_owned()), proptest::strategy::Just("--b--\n".to_owned()), proptest::strategy::Just("--c\r\n".to_owned()),
                    proptest::strategy::Just("Content-Type: multipart/mixed; boundary=c\n".to_owned()), proptest::strategy::Just("\r\n".to_owned()),
                    proptest::strategy::Just("GET x HTTP/1.1\n".to_owned()), proptest::prelude::any::<String>(),
                ],
                0..20,
            ),
        ) {
            let _ = items(pieces.concat().as_bytes(), "b");
        }
    }
}
