//! Whatever a server sends, a trip ends within its budget and reports the limit that was exceeded.

use std::time::{Duration, Instant};

use deskstate_dataverse::{
    Budget, Changeset, Error, Operation, Outcome, Query, Reader, Session, Spent,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use uuid::Uuid;
use wiremock::ResponseTemplate;

use crate::server::{connection, connection_to, page, parts, server};

const BUDGET: Budget = Budget {
    attempts: 3,
    time: Duration::from_secs(20),
    first_delay: Duration::from_millis(1),
    longest_delay: Duration::from_millis(2),
    reply: 1 << 20,
    bytes: 1 << 20,
    memory: 1 << 20,
    rows: 1000,
    pages: 10,
    trip: Duration::from_secs(20),
};

const NEXT: &str = "/api/data/v9.2/a?page=";

fn reply(rows: usize, text: usize, next: usize) -> ResponseTemplate {
    let row = format!(r#"{{"cfg_name":"{}"}}"#, "x".repeat(text));
    let link = format!("{NEXT}{next}");
    parts(200, &[page(&vec![row; rows].join(","), Some(&link))])
}

async fn spent_by(replies: Vec<ResponseTemplate>, budget: Budget) -> Spent {
    let server = server(replies).await;
    let reader = Reader::open(&connection(&server).budget(budget)).expect("a reader opens");
    let queries = [Query::rows("a")];
    match reader.read(&queries).await {
        Err(Error::OverBudget { spent, .. }) => spent,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn pages_without_end_are_given_up_by_whatever_is_used_up_first() {
    let small = |n| reply(1, 1, n);
    let many = |n| reply(300, 1, n);
    // each page has a different text, so that no value is shared
    let large = |n: usize| reply(1, 200_000 + n, n);
    let pages = BUDGET;
    assert_eq!(
        spent_by((1..20).map(small).collect(), pages).await,
        Spent::Pages(10)
    );
    assert_eq!(
        spent_by((1..20).map(many).collect(), pages).await,
        Spent::Rows(1000)
    );
    assert_eq!(
        spent_by((1..20).map(large).collect(), pages).await,
        Spent::Bytes(1 << 20)
    );
    let memory = Budget {
        bytes: 1 << 30,
        ..BUDGET
    };
    assert_eq!(
        spent_by((1..20).map(large).collect(), memory).await,
        Spent::Memory(1 << 20)
    );
}

#[tokio::test]
async fn reads_share_a_budget_until_a_trip_begins() {
    let replies = (0..4)
        .map(|_| parts(200, &[page(&" ".repeat(400_000), None)]))
        .collect();
    let server = server(replies).await;
    let reader = Reader::open(&connection(&server).budget(BUDGET)).expect("a reader opens");
    let queries = [Query::rows("a")];
    for _ in 0..2 {
        reader.read(&queries).await.expect("it fits");
    }
    let error = reader.read(&queries).await.expect_err("too much in all");
    let text = error.to_string();
    assert!(
        text.ends_with(
            "was given up: the replies together are larger than 1 MiB, the budget of a trip"
        ),
        "{text}"
    );
    reader.start_trip();
    reader.read(&queries).await.expect("it fits again");
}

#[tokio::test]
async fn attempts_share_a_budget() {
    let busy = ResponseTemplate::new(503).set_body_string(" ".repeat(600_000));
    let spent = spent_by(vec![busy.clone(), busy.clone(), busy], BUDGET).await;
    assert_eq!(spent, Spent::Bytes(1 << 20));
}

#[tokio::test]
async fn parts_and_headers_without_end_are_refused() {
    let empty = "Content-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n\r\n".to_owned();
    let headers = format!("HTTP/1.1 200 OK\r\n{}\r\n{{}}", "a: b\r\n".repeat(10_000));
    for reply in [
        parts(200, &vec![empty; 5_000]),
        parts(
            200,
            &[format!("Content-Type: application/http\r\n\r\n{headers}")],
        ),
    ] {
        let server = server(vec![reply]).await;
        let reader = Reader::open(&connection(&server).budget(BUDGET)).expect("a reader opens");
        let error = reader
            .read(&[Query::rows("a")])
            .await
            .expect_err("too many");
        assert!(matches!(error, Error::Malformed { .. }), "{error}");
    }
}

/// A server that sends the head of a reply, and then one byte at a time.
async fn dripping() -> String {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let head = "HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
                let _ = stream.write_all(head.as_bytes()).await;
                while stream.write_all(b" ").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
        }
    });
    url
}

#[tokio::test]
async fn a_reply_that_drips_ends_with_the_time_of_the_trip() {
    let budget = Budget {
        trip: Duration::from_millis(300),
        ..BUDGET
    };
    let url = dripping().await;
    let reader = Reader::open(&connection_to(&url).budget(budget)).expect("a reader opens");
    let began = Instant::now();
    let error = reader
        .read(&[Query::rows("a")])
        .await
        .expect_err("it drips");
    assert!(
        matches!(
            &error,
            Error::OverBudget {
                spent: Spent::Time(_),
                ..
            }
        ),
        "{error}"
    );
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_write_whose_answer_is_too_long_is_unknown_and_not_sent_again() {
    let server = server(vec![parts(200, &[page(&" ".repeat(2 << 20), None)])]).await;
    let session = Session::open(&connection(&server).budget(BUDGET)).expect("a session opens");
    let unlink = Operation::Unlink {
        set: "cfg_queues".to_owned(),
        id: Uuid::from_u128(1),
        navigation: "cfg_queue_skill".to_owned(),
        target: Uuid::from_u128(2),
    };
    let outcome = session
        .commit(&Changeset {
            operations: vec![unlink],
            solution: None,
        })
        .await;
    assert!(
        matches!(
            &outcome,
            Outcome::Unknown {
                cause: Error::OverBudget { .. }
            }
        ),
        "{outcome:?}"
    );
    assert_eq!(session.reader().requests(), 1);
}
