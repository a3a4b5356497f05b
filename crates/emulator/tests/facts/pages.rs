//! Web pages cannot use the emulator: requests that browsers send for pages of other origins are rejected, also raw ones, and on every
//! path.

use deskstate_emulator::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::desk::{Desk, desk, desk_of, send};

/// Sends a raw request and returns the status.
async fn raw(desk: &Desk, head: &str, body: &str) -> u16 {
    let address = desk.emulator.url().strip_prefix("http://").expect("http");
    let mut stream = TcpStream::connect(address).await.expect("it connects");
    let host = if head.contains("\nHost:") {
        String::new()
    } else {
        format!("Host: {address}\n")
    };
    let length = if body.is_empty() {
        String::new()
    } else {
        format!("Content-Length: {}\n", body.len())
    };
    let head = format!("{head}\n{host}{length}Connection: close\n\n").replace('\n', "\r\n");
    let sent = [head.as_bytes(), body.as_bytes()].concat();
    stream.write_all(&sent).await.expect("it sends");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(
        !answer.to_ascii_lowercase().contains("access-control-allow"),
        "{answer}"
    );
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    status.unwrap_or_else(|| panic!("{answer}"))
}

async fn dump(desk: &Desk) -> String {
    let url = format!("{}/__emulator/dump", desk.emulator.url());
    send(desk.client.get(url)).await.expect(200).text
}

/// One request of each kind that reads or changes something.
const REQUESTS: &[(&str, &str)] = &[
    ("POST /__emulator/reset HTTP/1.1", ""),
    (
        "POST /__emulator/load HTTP/1.1\nContent-Type: application/json",
        "{}",
    ),
    ("GET /__emulator/dump HTTP/1.1", ""),
    ("DELETE /__emulator/faults HTTP/1.1", ""),
    ("GET /api/data/v9.2/WhoAmI HTTP/1.1", ""),
    (
        "POST /api/data/v9.2/msdyn_sessiontemplates HTTP/1.1\nContent-Type: application/json",
        r#"{"msdyn_uniquename":"contoso_page","msdyn_name":"x"}"#,
    ),
    ("OPTIONS /api/data/v9.2/msdyn_sessiontemplates HTTP/1.1", ""),
    (
        "POST /organizations/oauth2/v2.0/devicecode HTTP/1.1\nContent-Type: application/x-www-form-urlencoded",
        "client_id=x",
    ),
];

#[tokio::test]
async fn what_a_page_of_another_origin_asks_for_is_refused() {
    let desk = desk().await;
    let before = dump(&desk).await;
    for (head, body) in REQUESTS {
        for header in [
            "Origin: https://page.example",
            "Origin: null",
            "Origin: http://127.0.0.1:1",
            "Sec-Fetch-Site: cross-site",
            "Sec-Fetch-Site: same-site",
            "Host: page.example",
            "Host: 127.0.0.1.example:8700",
            "Host: 192.0.2.1",
        ] {
            let status = raw(&desk, &format!("{head}\n{header}"), body).await;
            assert_eq!(status, 403, "{head} {header}");
        }
    }
    assert_eq!(dump(&desk).await, before, "nothing changed");
}

#[tokio::test]
async fn a_body_that_a_page_can_send_unasked_is_refused() {
    let desk = desk().await;
    for kind in [
        "\nContent-Type: text/plain",
        "\nContent-Type: application/x-www-form-urlencoded",
        "\nContent-Type: multipart/form-data; boundary=b",
    ] {
        for target in [
            "POST /__emulator/load",
            "POST /__emulator/switches",
            "POST /api/data/v9.2/msdyn_sessiontemplates",
            "PATCH /api/data/v9.2/msdyn_sessiontemplates(00000000-0000-0000-0000-000000000001)",
            "POST /api/data/v9.2/$batch",
        ] {
            let status = raw(&desk, &format!("{target} HTTP/1.1{kind}"), "{}").await;
            assert_eq!(status, 415, "{target}{kind}");
        }
    }
}

#[tokio::test]
async fn programs_and_pages_of_the_emulator_itself_are_served() {
    let desk = desk().await;
    let own = desk.emulator.url();
    for (head, body) in REQUESTS {
        if head.starts_with("OPTIONS") {
            continue;
        }
        for header in [
            String::new(),
            format!("\nOrigin: {own}\nSec-Fetch-Site: same-origin"),
        ] {
            let status = raw(&desk, &format!("{head}{header}"), body).await;
            assert!(!matches!(status, 403 | 415), "{head}{header}: {status}");
        }
    }
    let untyped = "POST /__emulator/switches HTTP/1.1";
    let sheet = r#"{"formatVersion":1,"answers":{}}"#;
    assert_eq!(raw(&desk, untyped, sheet).await, 204);
    let typed = "GET /__emulator/stats HTTP/1.1\nSec-Fetch-Site: none";
    assert_eq!(raw(&desk, typed, "").await, 200);
    let led_there = "GET /devicelogin HTTP/1.1\nSec-Fetch-Site: cross-site";
    assert_eq!(raw(&desk, led_there, "").await, 200);
}

#[tokio::test]
async fn other_names_and_addresses_are_served_when_asked_for() {
    let desk = desk_of(Config {
        listen: "0.0.0.0:0".parse().expect("an address"),
        hosts: vec!["dataverse".to_owned()],
        ..Config::default()
    })
    .await;
    for (host, expected) in [
        ("dataverse:8700", 200),
        ("192.0.2.7:8700", 200),
        ("localhost", 200),
        ("page.example", 403),
    ] {
        let head = format!("GET /api/data/v9.2/WhoAmI HTTP/1.1\nHost: {host}");
        assert_eq!(raw(&desk, &head, "").await, expected, "{host}");
    }
}
