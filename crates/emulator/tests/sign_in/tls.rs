//! TLS: which certificates are trusted, and how invalid connections are handled.

use std::time::Duration;

use deskstate_emulator::{Config, Emulator, StartError, Tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use reqwest::{Certificate, Client};

use crate::office::{PIPELINE, office};

#[tokio::test]
async fn the_authority_is_written_for_clients_and_trusted_by_nobody_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ca.pem");
    let emulator = Emulator::start(Config {
        tls: Tls::Generated {
            authority_out: Some(file.clone()),
        },
        ..Config::default()
    })
    .await
    .expect("started");
    let written = std::fs::read_to_string(&file).expect("it is there");
    assert_eq!(Some(written.as_str()), emulator.authority());
    assert!(!written.contains("PRIVATE KEY"));

    let other = office().await;
    let refused = other.client.get(emulator.url()).send().await;
    assert!(refused.is_err(), "another run's authority is not trusted");
}

/// The certificate names every address of this machine that a client connects to.
#[tokio::test]
async fn the_certificate_covers_every_address_listened_on() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    for listen in ["127.0.0.2:0", "0.0.0.0:0", "[::1]:0", "[::]:0"] {
        let Ok(emulator) = Emulator::start(Config {
            listen: listen.parse().expect("an address"),
            hosts: vec!["dataverse.test".to_owned()],
            tls: Tls::Generated {
                authority_out: None,
            },
            ..Config::default()
        })
        .await
        else {
            // a machine without IPv6
            assert!(listen.starts_with('['), "{listen}");
            continue;
        };
        let port = emulator
            .url()
            .rsplit(':')
            .next()
            .expect("a port")
            .to_owned();
        let authority = Certificate::from_pem(emulator.authority().expect("TLS").as_bytes());
        let client = Client::builder()
            .tls_certs_only([authority.expect("PEM")])
            .no_proxy()
            .resolve(
                "dataverse.test",
                format!("127.0.0.1:{port}").parse().expect("an address"),
            )
            .build()
            .expect("a client");
        let mut called = vec![emulator.url().to_owned()];
        // On Windows, a socket that listens on all IPv6 addresses accepts no IPv4 connections.
        let has_ipv4 = !(listen.starts_with("[::1]") || cfg!(windows) && listen.starts_with('['));
        if has_ipv4 {
            called.push(format!("https://127.0.0.2:{port}"));
        }
        if has_ipv4 && !listen.starts_with("127") {
            called.push(format!("https://127.0.0.3:{port}"));
            called.push(format!("https://localhost:{port}"));
            called.push(format!("https://dataverse.test:{port}"));
        }
        for url in called {
            let answer = client.get(format!("{url}/__emulator/stats")).send().await;
            let status = answer.unwrap_or_else(|error| panic!("{listen} {url}: {error:?}"));
            assert_eq!(status.status(), 200, "{listen} {url}");
        }
    }
}

#[tokio::test]
async fn an_authority_that_cannot_be_written_keeps_the_emulator_from_starting() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = Emulator::start(Config {
        tls: Tls::Generated {
            authority_out: Some(folder.path().join("none").join("ca.pem")),
        },
        ..Config::default()
    })
    .await
    .expect_err("there is no such folder");
    assert!(matches!(error, StartError::Tls(_)), "{error}");
}

#[tokio::test]
async fn a_client_that_never_finishes_its_handshake_keeps_nobody_waiting() {
    let office = office().await;
    let address = office.url().strip_prefix("https://").expect("TLS");
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(
            tokio::net::TcpStream::connect(address)
                .await
                .expect("it connects"),
        );
    }
    let mut plain = tokio::net::TcpStream::connect(address)
        .await
        .expect("it connects");
    plain
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .expect("it sends");
    let mut answer = Vec::new();
    // closed with an alert, or without one
    let _ = plain.read_to_end(&mut answer).await;
    assert!(
        !answer.starts_with(b"HTTP/"),
        "nothing is answered in the open"
    );
    let token = tokio::time::timeout(Duration::from_secs(5), office.token_of(PIPELINE));
    assert!(!token.await.expect("served meanwhile").is_empty());
    drop(silent);
}

#[tokio::test]
async fn everything_the_environment_says_of_itself_is_https() {
    let office = office().await;
    let token = office.token_of(crate::office::ADMINISTRATION).await;
    let answer = office.api("accounts?$top=1", &token).await.expect(200);
    let context = answer.json()["@odata.context"]
        .as_str()
        .expect("text")
        .to_owned();
    assert!(
        context.starts_with(&format!("{}/api/data/v9.2/", office.url())),
        "{context}"
    );
}
