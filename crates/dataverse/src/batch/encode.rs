//! Writing a batch.

use uuid::Uuid;

use crate::request::Request;

/// A batch ready to be sent: its content type and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) content_type: String,
    pub(crate) body: String,
}

/// A batch of loose requests.
///
/// Bodies are JSON without raw line breaks, so no boundary can occur in them at the start of a line.
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

/// A batch of one changeset. Each operation carries its position, from 1, as `Content-ID`.
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
