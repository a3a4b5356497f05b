//! Connections that break at various points, and compressed replies.

use std::io::Write as _;

use deskstate_dataverse::{
    Budget, Changeset, Error, Operation, Outcome, Query, Reader, Session, Spent,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use uuid::Uuid;
use wiremock::ResponseTemplate;

use crate::server::{connection, connection_to, page, server};

/// What a server does before it closes a connection.
#[derive(Clone, Copy)]
enum Breaks {
    /// Reads the request and sends nothing.
    AfterTheRequest,
    /// Sends the headers and half of the body.
    InsideTheReply,
}

/// A server that breaks the first connection and answers all others.
async fn breaking(breaks: Breaks, reply: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    tokio::spawn(async move {
        let mut first = true;
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 64 << 10];
            let _ = stream.read(&mut request).await;
            let length = reply.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed; boundary=b\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            );
            let sent = match (std::mem::take(&mut first), breaks) {
                (true, Breaks::AfterTheRequest) => String::new(),
                (true, Breaks::InsideTheReply) => head + &reply[..length / 2],
                (false, _) => head + reply,
            };
            let _ = stream.write_all(sent.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    format!("http://{address}")
}

const ROWS: &str = "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{\"value\":[]}\r\n--b--\r\n";
const DONE: &str = "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n--c--\r\n--b--\r\n";

/// Two answers, the first with a next page. Half of the reply contains the complete first answer.
const TWO: &str = concat!(
    "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    r#"{"value":[{"n":1},{"n":2}],"@odata.nextLink":"https://any.example/api/data/v9.2/a?page=2"}"#,
    "\r\n--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    r#"{"value":[{"n":3},{"n":4},{"n":5},{"n":6},{"n":7},{"n":8},{"n":9}],"a":"a text that makes this answer longer than the first one, so that half of the reply ends inside of it"}"#,
    "\r\n--b--\r\n"
);

#[tokio::test]
async fn what_a_broken_reply_gave_is_dropped_before_it_is_asked_again() {
    let second = TWO.rfind("HTTP/1.1").expect("it has two answers");
    assert!(second < TWO.len() / 2, "the first answer arrives whole");
    let url = breaking(Breaks::InsideTheReply, TWO).await;
    let reader = Reader::open(&connection_to(&url)).expect("a reader opens");
    let error = reader
        .read(&[Query::rows("a"), Query::rows("b")])
        .await
        .expect_err("the next page is answered with a link to itself");
    assert!(
        error.to_string().contains("leads back to itself"),
        "{error}"
    );
    assert_eq!(
        reader.requests(),
        3,
        "the broken one, the same again, the page"
    );

    let url = breaking(Breaks::InsideTheReply, ROWS_OF_TWO).await;
    let reader = Reader::open(&connection_to(&url)).expect("a reader opens");
    let answers = reader
        .read(&[Query::rows("a"), Query::rows("b")])
        .await
        .expect("the second attempt is answered");
    assert_eq!(reader.requests(), 2);
    let counts = answers
        .iter()
        .map(|answer| answer.as_ref().map_or(0, |rows| rows.rows.len()));
    assert_eq!(counts.collect::<Vec<_>>(), [2, 3]);
}

/// Two answers without a next page.
const ROWS_OF_TWO: &str = concat!(
    "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{\"value\":[{\"n\":1},{\"n\":2}]}",
    "\r\n--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{\"value\":[{\"n\":3},{\"n\":4},{\"n\":5}],\"a\":\"a text that makes this one longer\"}",
    "\r\n--b--\r\n"
);

fn one_write() -> Changeset {
    Changeset {
        operations: vec![Operation::Unlink {
            set: "cfg_queues".to_owned(),
            id: Uuid::from_u128(1),
            navigation: "cfg_queue_skill".to_owned(),
            target: Uuid::from_u128(2),
        }],
        solution: None,
    }
}

#[tokio::test]
async fn a_read_whose_answer_is_lost_is_asked_again() {
    for breaks in [Breaks::AfterTheRequest, Breaks::InsideTheReply] {
        let url = breaking(breaks, ROWS).await;
        let reader = Reader::open(&connection_to(&url)).expect("a reader opens");
        let answers = reader
            .read(&[Query::rows("a")])
            .await
            .expect("the second is whole");
        assert!(answers[0].is_ok());
        assert_eq!(reader.requests(), 2);
    }
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_unknown_and_not_sent_again() {
    for breaks in [Breaks::AfterTheRequest, Breaks::InsideTheReply] {
        let url = breaking(breaks, DONE).await;
        let session = Session::open(&connection_to(&url)).expect("a session opens");
        let outcome = session.commit(&one_write()).await;
        let Outcome::Unknown {
            cause: Error::Lost { exchange, .. },
        } = outcome
        else {
            panic!("{outcome:?}");
        };
        assert_eq!(exchange.path, "/api/data/v9.2/$batch");
        assert_eq!(session.reader().requests(), 1);
        // the next transaction is independent of this one
        assert!(matches!(
            session.commit(&one_write()).await,
            Outcome::Committed
        ));
    }
}

fn packed(body: &str) -> ResponseTemplate {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body.as_bytes()).expect("memory");
    ResponseTemplate::new(200)
        .set_body_raw(
            encoder.finish().expect("memory"),
            "multipart/mixed; boundary=batchresponse_1",
        )
        .insert_header("Content-Encoding", "gzip")
}

fn batch(rows: &str) -> String {
    format!(
        "--batchresponse_1\r\n{}\r\n--batchresponse_1--\r\n",
        page(rows, None)
    )
}

#[tokio::test]
async fn packed_replies_are_unpacked() {
    let server = server(vec![packed(&batch(r#"{"cfg_name":"Gold"}"#))]).await;
    let reader = Reader::open(&connection(&server)).expect("a reader opens");
    let answers = reader.read(&[Query::rows("a")]).await.expect("it reads");
    assert_eq!(answers[0].as_ref().map(|rows| rows.rows.len()), Ok(1));
}

#[tokio::test]
async fn a_small_reply_that_unpacks_to_a_large_one_is_refused() {
    let server = server(vec![packed(&batch(&" ".repeat(1 << 20)))]).await;
    let reader = Reader::open(&connection(&server).budget(Budget {
        reply: 64 << 10,
        ..Budget::default()
    }))
    .expect("a reader opens");
    let error = reader
        .read(&[Query::rows("a")])
        .await
        .expect_err("too long");
    let spent = Spent::Reply(64 << 10);
    assert!(
        matches!(&error, Error::OverBudget { spent: found, .. } if *found == spent),
        "{error}"
    );
}
