//! Writes batches.

use uuid::Uuid;

use crate::request::Request;

/// A batch that is ready to send: its content type and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) content_type: String,
    pub(crate) body: String,
}

/// Writes a batch of independent requests.
///
/// Bodies are JSON without raw line breaks, so no boundary can occur at the start of a line in them.
pub(crate) fn reads<'a>(
    id: Uuid,
    origin: &str,
    requests: impl IntoIterator<Item = &'a Request>,
) -> Envelope {
    let boundary = format!("batch_{id}");
    let mut body = String::new();
    for request in requests {
        push_line(&mut body, &["--", &boundary]);
        push_request(&mut body, origin, request, None);
    }
    push_line(&mut body, &["--", &boundary, "--"]);
    Envelope {
        content_type: format!("multipart/mixed; boundary=\"{boundary}\""),
        body,
    }
}

/// Writes a batch of one changeset. The `Content-ID` of each operation is its position, starting at 1.
pub(crate) fn changeset(id: Uuid, origin: &str, requests: &[Request]) -> Envelope {
    let outer = format!("batch_{id}");
    let inner = format!("changeset_{id}");
    let mut body = String::new();
    push_line(&mut body, &["--", &outer]);
    push_line(
        &mut body,
        &["Content-Type: multipart/mixed; boundary=\"", &inner, "\""],
    );
    push_line(&mut body, &[]);
    for (index, request) in requests.iter().enumerate() {
        push_line(&mut body, &["--", &inner]);
        push_request(&mut body, origin, request, Some(index + 1));
    }
    push_line(&mut body, &["--", &inner, "--"]);
    push_line(&mut body, &["--", &outer, "--"]);
    Envelope {
        content_type: format!("multipart/mixed; boundary=\"{outer}\""),
        body,
    }
}

fn push_request(body: &mut String, origin: &str, request: &Request, content_id: Option<usize>) {
    push_line(body, &["Content-Type: application/http"]);
    push_line(body, &["Content-Transfer-Encoding: binary"]);
    if let Some(id) = content_id {
        push_line(body, &["Content-ID: ", &id.to_string()]);
    }
    push_line(body, &[]);
    push_line(
        body,
        &[request.method, " ", origin, &request.path, " HTTP/1.1"],
    );
    if request.body.is_some() {
        push_line(body, &["Content-Type: application/json; type=entry"]);
    }
    for (name, value) in &request.headers {
        push_line(body, &[name, ": ", value]);
    }
    push_line(body, &[]);
    push_line(body, &[request.body.as_deref().unwrap_or_default()]);
}

fn push_line(body: &mut String, pieces: &[&str]) {
    for piece in pieces {
        body.push_str(piece);
    }
    body.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::super::{BatchReply, Item, decode};
    use super::*;
    use proptest::prelude::*;

    fn request(method: &'static str, body: Option<String>) -> Request {
        Request {
            method,
            path: "/api/data/v9.2/a".to_owned(),
            headers: vec![("Accept", "application/json".to_owned())],
            body,
        }
    }

    #[test]
    fn a_changeset_is_written_as_documented() {
        // Execute batch operations using the Web API: change sets
        let requests = [
            request("POST", Some("{}".to_owned())),
            request("DELETE", None),
        ];
        let Envelope { content_type, body } = changeset(Uuid::nil(), "https://x", &requests);
        let id = Uuid::nil();
        assert_eq!(
            content_type,
            format!("multipart/mixed; boundary=\"batch_{id}\"")
        );
        let expected = format!(
            "--batch_{id}\r\nContent-Type: multipart/mixed; boundary=\"changeset_{id}\"\r\n\r\n\
             --changeset_{id}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\
             Content-ID: 1\r\n\r\nPOST https://x/api/data/v9.2/a HTTP/1.1\r\n\
             Content-Type: application/json; type=entry\r\nAccept: application/json\r\n\r\n{{}}\r\n\
             --changeset_{id}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\
             Content-ID: 2\r\n\r\nDELETE https://x/api/data/v9.2/a HTTP/1.1\r\n\
             Accept: application/json\r\n\r\n\r\n\
             --changeset_{id}--\r\n--batch_{id}--\r\n"
        );
        assert_eq!(body, expected);
    }

    proptest! {
        /// A written batch splits into the same parts again, whatever the bodies contain.
        #[test]
        fn parts_survive_the_way_there(texts in proptest::collection::vec(any::<String>(), 1..6)) {
            let bodies: Vec<String> =
                texts.iter().map(|text| serde_json::json!({"t": text}).to_string()).collect();
            let requests: Vec<Request> =
                bodies.iter().map(|body| request("POST", Some(body.clone()))).collect();
            let written = changeset(Uuid::nil(), "https://x", &requests);
            // a batch differs from a reply only in its request lines, which replace the status lines
            let reply = written.body.replace("POST https://x/api/data/v9.2/a HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n");
            let Ok(BatchReply::Items(items)) = decode(&written.content_type, reply.as_bytes(), 10) else {
                panic!("{reply}");
            };
            let [Item::Changeset(parts)] = items.as_slice() else { panic!("{items:?}") };
            let back: Vec<&[u8]> = parts.iter().map(|part| part.body).collect();
            let sent: Vec<&[u8]> = bodies.iter().map(String::as_bytes).collect();
            prop_assert_eq!(back, sent);
            let ids: Vec<Option<&str>> = parts.iter().map(|part| part.content_id).collect();
            let expected: Vec<String> = (1..=parts.len()).map(|n| n.to_string()).collect();
            prop_assert_eq!(ids, expected.iter().map(|id| Some(id.as_str())).collect::<Vec<_>>());
        }
    }
}
