//! A scripted server: sends its replies in order, whatever is requested.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deskstate_dataverse::{Budget, Connection, SignIn};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::any};

/// Answers the n-th request with the n-th reply, and all later requests with the last reply.
struct Script {
    replies: Vec<ResponseTemplate>,
    asked: AtomicUsize,
}

impl Respond for Script {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let at = self.asked.fetch_add(1, Ordering::SeqCst);
        self.replies[at.min(self.replies.len() - 1)].clone()
    }
}

/// Starts a server that sends these replies in order.
pub(crate) async fn server(replies: Vec<ResponseTemplate>) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(Script {
            replies,
            asked: AtomicUsize::new(0),
        })
        .mount(&server)
        .await;
    server
}

/// A connection with minimal waits between attempts.
pub(crate) fn connection(server: &MockServer) -> Connection {
    connection_to(&server.uri())
}

/// Like [`connection`], for any address on loopback.
pub(crate) fn connection_to(url: &str) -> Connection {
    let url = url.parse().expect("loopback may be http");
    Connection::new(url, SignIn::Anonymous).budget(Budget {
        attempts: 4,
        time: Duration::from_secs(20),
        first_delay: Duration::from_millis(1),
        longest_delay: Duration::from_millis(2),
        ..Budget::default()
    })
}

/// A multipart reply of independent parts.
pub(crate) fn parts(status: u16, parts: &[String]) -> ResponseTemplate {
    let mut body = String::new();
    for part in parts {
        body.push_str(&format!("--batchresponse_1\r\n{part}\r\n"));
    }
    body.push_str("--batchresponse_1--\r\n");
    ResponseTemplate::new(status).set_body_raw(body, "multipart/mixed; boundary=batchresponse_1")
}

/// One part with a status and a JSON body.
pub(crate) fn part(status: u16, headers: &str, body: &str) -> String {
    format!(
        "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n{headers}\r\n\
         HTTP/1.1 {status} Said So\r\nContent-Type: application/json; odata.metadata=minimal\r\n\
         REQ_ID: 5f1c1d9e\r\n\r\n{body}"
    )
}

/// One part with rows and, if there is a next page, the link to it.
pub(crate) fn page(rows: &str, next: Option<&str>) -> String {
    let next = next.map_or(String::new(), |link| {
        format!(",\"@odata.nextLink\":\"{link}\"")
    });
    part(200, "", &format!("{{\"value\":[{rows}]{next}}}"))
}

/// One part with an error.
pub(crate) fn error(status: u16, headers: &str, code: &str, message: &str) -> String {
    let body = serde_json::json!({"error": {"code": code, "message": message}});
    part(status, headers, &body.to_string())
}

/// One part with the answer to a changeset.
pub(crate) fn changeset(parts: &[String]) -> String {
    let mut body = "Content-Type: multipart/mixed; boundary=changesetresponse_1\r\n\r\n".to_owned();
    for part in parts {
        body.push_str(&format!("--changesetresponse_1\r\n{part}\r\n"));
    }
    body.push_str("--changesetresponse_1--\r\n");
    body
}

/// The bodies that the server received, in order.
pub(crate) async fn bodies(server: &MockServer) -> Vec<String> {
    server
        .received_requests()
        .await
        .expect("requests are recorded")
        .into_iter()
        .map(|request| String::from_utf8(request.body).expect("batches are text"))
        .collect()
}
