//! Reads the reply to a batch. The content type decides how to parse it, never the outer status: without continue-on-error, a failing part
//! turns the outer status into an error while the body is still multipart.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, de};

use super::multipart::{self, Headers};
use crate::{ErrorCode, without_secrets};

/// A reply to a batch.
#[derive(Debug, PartialEq)]
pub(crate) enum BatchReply<'a> {
    /// The items, in the order of the requests. There are fewer if the server stopped at a failure.
    Items(Vec<Item<'a>>),
    /// The reply is not multipart.
    NotMultipart,
}

/// The answer to one request or to one changeset.
#[derive(Debug, PartialEq)]
pub(crate) enum Item<'a> {
    /// One answer.
    Single(Part<'a>),
    /// The answers to a changeset: all of them, or only the one that failed.
    Changeset(Vec<Part<'a>>),
}

/// One HTTP response inside the reply.
#[derive(Debug, PartialEq)]
pub(crate) struct Part<'a> {
    pub(crate) content_id: Option<&'a str>,
    pub(crate) status: u16,
    headers: Headers<'a>,
    pub(crate) body: &'a [u8],
}

impl<'a> Part<'a> {
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Splits a reply into its items. `most` limits the number of items, and of parts in each changeset.
pub(crate) fn decode<'a>(
    content_type: &str,
    body: &'a [u8],
    most: usize,
) -> Result<BatchReply<'a>, String> {
    let Some(boundary) = multipart::boundary(content_type) else {
        return Ok(BatchReply::NotMultipart);
    };
    let items: Result<Vec<Item<'a>>, String> = multipart::split(body, boundary, most)?
        .into_iter()
        .map(|part| item(part, most))
        .collect();
    items.map(BatchReply::Items)
}

/// Parses one item between two boundaries.
pub(crate) fn item(part: &[u8], most: usize) -> Result<Item<'_>, String> {
    let (headers, body) = multipart::headers(part)?;
    let content_type = headers.get("Content-Type").unwrap_or_default();
    let Some(boundary) = multipart::boundary(content_type) else {
        return Ok(Item::Single(answer(&headers, body)?));
    };
    let answers: Result<Vec<Part<'_>>, String> = multipart::split(body, boundary, most)?
        .into_iter()
        .map(|part| {
            let (headers, body) = multipart::headers(part)?;
            answer(&headers, body)
        })
        .collect();
    answers.map(Item::Changeset)
}

fn answer<'a>(outer: &Headers<'a>, mut body: &'a [u8]) -> Result<Part<'a>, String> {
    while let Some(rest) = body.strip_prefix(b"\n").or(body.strip_prefix(b"\r\n")) {
        body = rest;
    }
    let (line, rest) = multipart::next_line(body);
    let status = status(line).ok_or_else(|| "a part has no status line".to_owned())?;
    let (headers, body) = multipart::headers(rest)?;
    Ok(Part {
        // some services set it on the part, others on the response inside
        content_id: outer.get("Content-ID").or(headers.get("Content-ID")),
        status,
        headers,
        body,
    })
}

/// Parses the status from a line such as `HTTP/1.1 204 No Content`.
fn status(line: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split_ascii_whitespace();
    if !words.next()?.starts_with("HTTP/") {
        return None;
    }
    let status: u16 = words.next()?.parse().ok()?;
    (100..600).contains(&status).then_some(status)
}

/// The server's id of the request that a part belongs to.
pub(crate) fn request_id<'a>(part: &Part<'a>) -> Option<&'a str> {
    ["x-ms-service-request-id", "REQ_ID", "x-ms-request-id"]
        .into_iter()
        .find_map(|name| part.header(name))
}

/// The content of an error body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServerError {
    pub(crate) code: Option<ErrorCode>,
    pub(crate) message: String,
    /// Whether the body has the form of the service. Otherwise something in between answered, such as a proxy.
    pub(crate) is_own: bool,
}

/// Longer messages are truncated, since some contain a stack trace.
const MAX_MESSAGE: usize = 4000;

/// Parses `{"error":{"code":…,"message":…}}`, or `{"Message":…,"ExceptionMessage":…,"ErrorCode":…}`, which the service uses for requests
/// that it could not read. Of a page, returns the title, and of other JSON its message. Returns `None` for any other body. The code may be
/// empty, but if there is one, it is a number: gateways write words.
pub(crate) fn server_error(body: &[u8]) -> Option<ServerError> {
    #[derive(Deserialize)]
    struct Body {
        #[serde(alias = "Error")]
        error: Option<Inner>,
        #[serde(rename = "ExceptionMessage")]
        exception: Option<String>,
        #[serde(rename = "Message")]
        message: Option<String>,
        #[serde(default, rename = "ErrorCode", deserialize_with = "code")]
        code: Stated,
    }
    #[derive(Deserialize)]
    struct Inner {
        #[serde(default, alias = "Code", deserialize_with = "code")]
        code: Stated,
        #[serde(default, alias = "Message")]
        message: Option<String>,
    }
    let (code, message, is_own) = match serde_json::from_slice(body) {
        Ok(Body {
            error: Some(Inner { code, message }),
            ..
        }) => (code.number, message, !code.is_word),
        Ok(Body {
            exception,
            message,
            code,
            ..
        }) => {
            let exception = exception.filter(|text| !text.is_empty());
            let is_own = exception.is_some() || code.number.is_some();
            let message = exception.or(message).or_else(|| message_of_others(body));
            (code.number, Some(message?), is_own)
        }
        Err(_) => {
            let message = title(body).or_else(|| message_of_others(body));
            (None, Some(message?), false)
        }
    };
    let mut message = message.unwrap_or_default();
    if message.len() > MAX_MESSAGE {
        let end = message.floor_char_boundary(MAX_MESSAGE);
        message.truncate(end);
        message.push('…');
    }
    Some(ServerError {
        code,
        message,
        is_own,
    })
}

/// The message in the JSON of a gateway or a proxy.
fn message_of_others(body: &[u8]) -> Option<String> {
    let object: HashMap<String, serde_json::Value> = serde_json::from_slice(body).ok()?;
    let mut words = ["message", "error_description", "detail", "title", "error"].into_iter();
    words.find_map(|word| object.get(word)?.as_str().map(str::to_owned))
}

/// The code of an error.
#[derive(Default)]
struct Stated {
    number: Option<ErrorCode>,
    /// Whether it is something other than a number.
    is_word: bool,
}

/// The title of an HTML page, such as that of a firewall.
fn title(body: &[u8]) -> Option<String> {
    let page = str::from_utf8(&body[..body.len().min(MAX_MESSAGE)]).ok()?;
    let folded = page.to_ascii_lowercase();
    let start = folded.find("<title")?;
    let start = start + folded[start..].find('>')? + 1;
    let end = start + folded[start..].find("</title")?;
    let words: Vec<&str> = page[start..end].split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// What an answer states, or else the meaning of its status.
pub(crate) fn stated(status: u16, body: &[u8]) -> ServerError {
    let mut error = server_error(body).unwrap_or_default();
    if let Cow::Owned(safe) = without_secrets(&error.message) {
        error.message = safe;
    }
    if error.message.is_empty() {
        error.message = http::StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or("no reason given")
            .to_owned();
    }
    error
}

/// A code is a string or a number. Anything else is skipped without storing it.
fn code<'de, D: de::Deserializer<'de>>(deserializer: D) -> Result<Stated, D::Error> {
    struct Code;
    impl<'de> de::Visitor<'de> for Code {
        type Value = Stated;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a code")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            let number = ErrorCode::parse(text);
            let digits = text.trim_start_matches("0x");
            let is_word = number.is_none() && digits.bytes().any(|byte| byte != b'0');
            Ok(Stated { number, is_word })
        }

        fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
            self.visit_str(&number.to_string())
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
            self.visit_str(&number.to_string())
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok(Stated::default())
        }

        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Stated::default())
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Stated::default())
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<de::IgnoredAny>()?.is_some() {}
            Ok(Stated::default())
        }

        fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map
                .next_entry::<de::IgnoredAny, de::IgnoredAny>()?
                .is_some()
            {}
            Ok(Stated::default())
        }
    }
    deserializer.deserialize_any(Code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TYPE: &str = "multipart/mixed; boundary=batchresponse_1";

    fn items(body: &str) -> Vec<Item<'_>> {
        match decode(TYPE, body.as_bytes(), 100) {
            Ok(BatchReply::Items(items)) => items,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_documented_reply_is_taken_apart() {
        // Execute batch operations using the Web API: a changeset, then a read
        let body = "--batchresponse_1\r\nContent-Type: multipart/mixed; boundary=changesetresponse_2\r\n\r\n\
            --changesetresponse_2\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\
            Content-ID: 1\r\n\r\nHTTP/1.1 204 No Content\r\nOData-Version: 4.0\r\n\r\n\r\n\
            --changesetresponse_2--\r\n--batchresponse_1\r\nContent-Type: application/http\r\n\
            Content-Transfer-Encoding: binary\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n\
            {\"value\":[]}\r\n--batchresponse_1--\r\n";
        let items = items(body);
        let [Item::Changeset(writes), Item::Single(read)] = items.as_slice() else {
            panic!("{items:?}");
        };
        assert_eq!(writes.len(), 1);
        assert_eq!((writes[0].status, writes[0].content_id), (204, Some("1")));
        assert_eq!(writes[0].header("odata-version"), Some("4.0"));
        assert_eq!(
            (read.status, read.body),
            (200, b"{\"value\":[]}".as_slice())
        );
    }

    #[test]
    fn line_feeds_missing_blank_lines_and_quoted_boundaries_are_read() {
        let body = "--batchresponse_1\nContent-Type: application/http\n\n\nHTTP/1.1 404 Not Found\n\
            REQ_ID: 7\n--batchresponse_1--";
        let items = items(body);
        let [Item::Single(part)] = items.as_slice() else {
            panic!("{items:?}");
        };
        assert_eq!(
            (part.status, part.header("req_id"), part.body),
            (404, Some("7"), b"".as_slice())
        );
    }

    #[test]
    fn a_json_reply_is_no_multipart_whatever_its_status() {
        assert_eq!(
            decode("application/json", b"{}", 10),
            Ok(BatchReply::NotMultipart)
        );
    }

    #[test]
    fn a_part_without_a_status_is_an_error() {
        for inner in [
            "",
            "200 OK",
            "HTTP/1.1 x",
            "HTTP/1.1 99 No",
            "HTTP/1.1 700 No",
        ] {
            let body = format!("--batchresponse_1\r\n\r\n{inner}\r\n--batchresponse_1--");
            assert!(decode(TYPE, body.as_bytes(), 10).is_err(), "{inner}");
        }
    }

    #[test]
    fn error_bodies_are_read_with_empty_missing_or_numeric_codes() {
        let read = |body: &str| server_error(body.as_bytes());
        assert_eq!(
            read(r#"{"error":{"code":"0x80040217","message":"gone"}}"#),
            Some(ServerError {
                code: Some(ErrorCode::OBJECT_DOES_NOT_EXIST),
                message: "gone".to_owned(),
                is_own: true,
            })
        );
        assert_eq!(
            read(r#"{"error":{"code":"-2147220969","message":null}}"#),
            Some(ServerError {
                code: Some(ErrorCode::OBJECT_DOES_NOT_EXIST),
                message: String::new(),
                is_own: true,
            })
        );
        let number = read(r#"{"Error":{"Code":-2147220969,"Message":"gone"}}"#);
        assert_eq!(
            number.and_then(|error| error.code),
            Some(ErrorCode::OBJECT_DOES_NOT_EXIST)
        );
        for body in [
            r#"{"error":{"code":"","message":""}}"#,
            r#"{"error":{}}"#,
            r#"{"error":{"code":[[1],{"a":null}]}}"#,
            r#"{"error":{"code":{"a":1.5}}}"#,
        ] {
            let empty = ServerError {
                is_own: true,
                ..ServerError::default()
            };
            assert_eq!(read(body), Some(empty), "{body}");
        }
        let other = r#"{"Message":"a","ExceptionMessage":"too deep","ExceptionType":"E","StackTrace":"at","ErrorCode":"0x8004023e"}"#;
        assert_eq!(
            read(other),
            Some(ServerError {
                code: ErrorCode::parse("0x8004023e"),
                message: "too deep".to_owned(),
                is_own: true,
            })
        );
        let bare = read(r#"{"Message":"a","ErrorCode":"0x0"}"#);
        assert_eq!(
            bare.map(|error| (error.code, error.message)),
            Some((None, "a".to_owned()))
        );
        let page = read("<!DOCTYPE html><html><head><TITLE lang=en>\n Not from here </TITLE>");
        assert_eq!(
            page.map(|error| error.message),
            Some("Not from here".to_owned())
        );
        assert_eq!(stated(404, b"<html>").message, "Not Found");
        assert_eq!(
            stated(500, br#"{"error":{"code":""}}"#).message,
            "Internal Server Error"
        );
        assert_eq!(stated(799, b"").message, "no reason given");
        for (gateway, message) in [
            (
                r#"{"statusCode":403,"message":"Forbidden by policy"}"#,
                "Forbidden by policy",
            ),
            (
                r#"{"error":{"code":"AuthorizationFailed","message":"no"}}"#,
                "no",
            ),
            (r#"{"error":"invalid_request"}"#, "invalid_request"),
        ] {
            let error = read(gateway).unwrap();
            assert_eq!((error.message.as_str(), error.is_own), (message, false));
        }
        assert_eq!(read("<html>"), None);
        assert_eq!(read("{}"), None);
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let message = "é".repeat(MAX_MESSAGE);
        let body = serde_json::json!({"error": {"message": message}}).to_string();
        let error = server_error(body.as_bytes()).map(|error| error.message.len());
        assert!(error.is_some_and(|length| length <= MAX_MESSAGE + 3));
        let longest = "x".repeat(MAX_MESSAGE);
        let body = serde_json::json!({"error": {"message": longest}}).to_string();
        assert_eq!(
            server_error(body.as_bytes()).map(|error| error.message),
            Some(longest)
        );
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_an_answer(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(TYPE, &body, 10);
            let _ = server_error(&body);
        }

        #[test]
        fn nearly_right_bytes_end_in_an_answer(
            body in "(--batchresponse_1(--)?\r\n|--c(--)?\n|Content-Type: multipart/mixed; boundary=c\r\n|HTTP/1.1 2|\r\n|x){0,30}"
        ) {
            let _ = decode(TYPE, body.as_bytes(), 10);
        }
    }
}
