//! Measures reading 10,000 rows of 12 columns from a local server that has them ready.
//!
//! `cargo bench -p deskstate-dataverse` prints the median of several runs: transfer, splitting the batch, decoding.
#![expect(
    clippy::disallowed_macros,
    reason = "figures for the person who measures"
)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use deskstate_dataverse::{Connection, Query, Reader, SignIn};

const ROWS: usize = 10_000;
const RUNS: usize = 21;

fn reply() -> Vec<u8> {
    let rows: Vec<String> = (0..ROWS)
        .map(|n| {
            format!(
                r#"{{"@odata.etag":"W/\"{n}\"","cfg_queueid":"0c0f0000-0000-4000-8000-{n:012}","cfg_uniquename":"contoso_queue_{n}","cfg_name":"Queue {n}","cfg_title":"{{customer}} of queue {n}","statecode":0,"statuscode":1,"cfg_mode":192360001,"cfg_pinned":true,"modifiedon":"2026-05-01T08:00:00Z","_modifiedby_value":"0c0f0000-0000-4000-8000-{n:012}","cfg_icon":null,"ismanaged":false}}"#
            )
        })
        .collect();
    let body = format!(
        "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{{\"value\":[{}]}}\r\n--b--\r\n",
        rows.join(",")
    );
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed; boundary=b\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body.into_bytes()].concat()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?).parse()?;
    let reply = reply();
    let bytes = reply.len();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(&reply);
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let reader = Reader::open(&Connection::new(url, SignIn::Anonymous))?;
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..RUNS {
        let begun = Instant::now();
        let answers = runtime.block_on(reader.read(&[Query::rows("cfg_queues")]))?;
        times.push(begun.elapsed());
        let rows = answers
            .into_iter()
            .flatten()
            .next()
            .map_or(0, |rows| rows.rows.len());
        assert_eq!(rows, ROWS);
    }
    times.sort();
    println!(
        "{ROWS} rows of 12 columns, {bytes} bytes: median {:?}, slowest {:?}",
        times[RUNS / 2],
        times[RUNS - 1]
    );
    Ok(())
}
