//! Random faults at every point of a write, many times over: the reported outcome must match what the server did.
//!
//! The server counts how often it executed the changeset. For each seed, committed means once, refused and not attempted mean never,
//! unknown means at most once, and nothing is ever executed twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use deskstate_dataverse::{Changeset, Operation, Outcome, Session};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

use crate::dice::Dice;
use crate::server::connection_to;

const SEEDS: u64 = 400;

fn multipart(status: u16, item: &str) -> String {
    reply(
        status,
        "Content-Type: multipart/mixed; boundary=b\r\n",
        &format!("--b\r\n{item}\r\n--b--\r\n"),
    )
}

fn reply(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} Said So\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
}

const DONE: &str = "Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n--c--";

fn refusal(code: &str) -> String {
    format!(
        "Content-Type: application/http\r\nContent-ID: 1\r\n\r\nHTTP/1.1 412 No\r\n\r\n{{\"error\":{{\"code\":\"{code}\",\"message\":\"no\"}}}}"
    )
}

/// Answers one request. Returns `false` to close the connection.
async fn serve(stream: &mut BufReader<TcpStream>, dice: &Dice, carried_out: &AtomicU32) -> bool {
    if dice.roll(12) == 0 {
        return false;
    }
    if read_request(stream).await.is_none() {
        return false;
    }
    let carry_out = || carried_out.fetch_add(1, Ordering::SeqCst);
    let perhaps = || {
        if dice.roll(2) == 0 {
            carry_out();
        }
    };
    let text = match dice.roll(19) {
        0 | 1 => {
            carry_out();
            multipart(200, DONE)
        }
        2 => {
            perhaps();
            return false;
        }
        3 => {
            carry_out();
            let whole = multipart(200, DONE);
            let end = usize::try_from(dice.roll(whole.len() as u64)).unwrap_or_default();
            let _ = stream.write_all(&whole.as_bytes()[..end]).await;
            return false;
        }
        4 if dice.roll(2) == 0 => {
            // A gateway may count a request after it has passed it on.
            perhaps();
            reply([429, 403, 404, 302][dice.roll(4) as usize], "", "<html>")
        }
        4 | 14 | 15 => reply(429, "Retry-After: 0\r\n", ""),
        5 | 16..=18 => reply(
            429,
            "",
            r#"{"error":{"code":"0x80072322","message":"slow down"}}"#,
        ),
        6 => {
            perhaps();
            reply(503, "Retry-After: 0\r\n", "")
        }
        7 => {
            perhaps();
            reply(503, "", "")
        }
        8 => {
            perhaps();
            reply([500, 502, 504, 408][dice.roll(4) as usize], "", "<html>")
        }
        9 => multipart(400, &refusal("0x80060882")),
        10 => multipart(
            200,
            &format!(
                "Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n{}\r\n--c--",
                refusal("")
            ),
        ),
        11 => multipart(400, &refusal("0x80071151")),
        12 => {
            perhaps();
            reply(200, "Content-Type: text/html\r\n", "<html>")
        }
        _ => {
            // the header claims that the body is compressed, but it is not
            perhaps();
            multipart(200, DONE).replacen("\r\n", "\r\nContent-Encoding: gzip\r\n", 1)
        }
    };
    stream.write_all(text.as_bytes()).await.is_ok()
        && stream.flush().await.is_ok()
        && dice.roll(3) > 0
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> Option<()> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream
            .read_line(&mut line)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(())
}

async fn server(dice: Arc<Dice>, carried_out: Arc<AtomicU32>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            while serve(&mut stream, &dice, &carried_out).await {}
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn the_reported_outcome_always_fits_what_the_server_did() {
    let changeset = Changeset {
        operations: vec![Operation::Delete {
            set: "cfg_queues".to_owned(),
            id: Uuid::from_u128(1),
            if_match: None,
        }],
        solution: None,
    };
    let mut seen = [0; 4];
    for seed in 0..SEEDS {
        let carried_out = Arc::new(AtomicU32::new(0));
        let dice = Arc::new(Dice::new(seed));
        let url = server(dice, Arc::clone(&carried_out)).await;
        let session = Session::open(&connection_to(&url)).expect("a session opens");
        let outcome = session.commit(&changeset).await;
        let times = carried_out.load(Ordering::SeqCst);
        let (kind, fits) = match &outcome {
            Outcome::Committed => (0, times == 1),
            Outcome::Refused { .. } => (1, times == 0),
            Outcome::NotAttempted { .. } => (2, times == 0),
            Outcome::Unknown { .. } => (3, times <= 1),
        };
        assert!(
            fits,
            "seed {seed}: carried out {times} times, reported {outcome:?}"
        );
        seen[kind] += 1;
    }
    let [committed, refused, not_attempted, unknown] = seen;
    assert!(
        committed > 20 && refused > 20 && not_attempted > 0 && unknown > 20,
        "the schedule reaches every outcome: {seen:?}"
    );
}
