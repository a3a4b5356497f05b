//! Settings that libraries read from environment variables (sign-in methods, proxies). Each test runs in a process of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc;

use deskstate_dataverse::{Budget, Connection, Query, Reader, SignIn};
use deskstate_emulator::{Config, Emulator, SignIn as Mode, Tls};

use crate::variants::{environments, with};

const PIPELINE: &str = "5b1f2f64-5c1b-4b6e-9b0e-6a7d7e0a3c11";
const CONNECTION: &str = "0c0f0000-0000-4000-8000-000000000a04";
const JOB_TOKEN: &str = "emulator-job-token";

/// The environment's URL. Set in the process that signs in.
const URL: &str = "DESKSTATE_TEST_URL";
/// The certificate to trust, as PEM. Set in the process that signs in.
const AUTHORITY: &str = "DESKSTATE_TEST_AUTHORITY";

/// Runs one test again for each environment, in a process with these variables. `{url}` in a value is replaced by the environment's URL.
async fn in_a_process_with(test: &str, variables: &[(&str, &str)]) {
    for switches in environments() {
        let emulator = Emulator::start(Config {
            sign_in: Mode::Required,
            tls: Tls::Generated {
                authority_out: None,
            },
            ..with(&switches)
        })
        .await
        .expect("the emulator starts");
        let url = emulator.url().to_owned();
        let mut all: Vec<(&str, String)> = variables
            .iter()
            .map(|(name, value)| (*name, value.replace("{url}", &url)))
            .collect();
        all.push((URL, url.clone()));
        all.push((
            AUTHORITY,
            emulator.authority().expect("TLS has one").to_owned(),
        ));
        again(test, all).await;
    }
}

/// Runs one test again in a process with these variables.
async fn again(test: &str, variables: Vec<(&str, String)>) {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command
        .args(["--exact", test, "--nocapture"])
        .envs(variables);
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("it is waited for")
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Signs in and reads who is signed in. Runs in the process with the variables.
async fn signs_in(url: &str, sign_in: SignIn) {
    let authority = std::env::var(AUTHORITY).expect("it is set with the URL");
    let url = url.parse().expect("an URL");
    let reader = Reader::open(&Connection::new(url, sign_in).extra_roots(authority))
        .expect("a reader opens");
    let pipeline = Query::rows("systemusers").filter(deskstate_dataverse::Filter::eq(
        "domainname",
        "pipeline@contoso.com",
    ));
    let answers = reader
        .read(&[Query::who_am_i(), pipeline.select(["systemuserid"])])
        .await
        .expect("signed in");
    let id = |answer: usize, column: &str| {
        let rows = answers[answer].as_ref().expect("it is answered");
        rows.rows[0].uuid(column).expect("an id")
    };
    assert_eq!(id(0, "UserId"), id(1, "systemuserid"));
}

#[tokio::test]
async fn a_service_connection_of_azure_pipelines_signs_an_application_in() {
    if let Ok(url) = std::env::var(URL) {
        let sign_in = SignIn::AzurePipelines {
            tenant: None,
            client_id: PIPELINE.to_owned(),
            service_connection: CONNECTION.to_owned(),
            access_token: JOB_TOKEN.into(),
        };
        return signs_in(&url, sign_in).await;
    }
    in_a_process_with(
        "by_variables::a_service_connection_of_azure_pipelines_signs_an_application_in",
        &[("SYSTEM_OIDCREQUESTURI", "{url}/azure-devops/oidctoken")],
    )
    .await;
}

#[tokio::test]
async fn the_identity_of_an_app_service_signs_an_application_in() {
    if let Ok(url) = std::env::var(URL) {
        return signs_in(&url, SignIn::ManagedIdentity { client_id: None }).await;
    }
    in_a_process_with(
        "by_variables::the_identity_of_an_app_service_signs_an_application_in",
        &[
            ("IDENTITY_ENDPOINT", "{url}/managed-identity/token"),
            ("IDENTITY_HEADER", JOB_TOKEN),
        ],
    )
    .await;
}

/// A proxy that rejects every request, and reports what was requested.
fn refusing_proxy() -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = BufReader::new(stream);
            let mut asked = String::new();
            let mut line = String::new();
            while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
                asked.push_str(&std::mem::take(&mut line));
            }
            let _ = stream
                .get_mut()
                .write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
            let _ = tell.send(asked.lines().next().unwrap_or_default().to_owned());
        }
    });
    (url, told)
}

#[tokio::test]
async fn the_proxy_of_the_usual_variables_is_asked_but_not_for_what_they_leave_out() {
    if let Ok(urls) = std::env::var(URL) {
        for url in urls.split(' ') {
            let connection = Connection::new(url.parse().expect("an URL"), SignIn::Anonymous);
            let connection = connection.budget(Budget {
                attempts: 1,
                ..Budget::default()
            });
            let reader = Reader::open(&connection).expect("a reader opens");
            let refusal = reader.read(&[Query::who_am_i()]).await;
            assert!(refusal.is_err(), "nobody is there");
        }
        return;
    }
    let (proxy, told) = refusing_proxy();
    let variables = vec![
        ("HTTPS_PROXY", proxy.clone()),
        ("HTTP_PROXY", proxy),
        ("NO_PROXY", "excluded.invalid".to_owned()),
        (
            URL,
            "https://desk.invalid https://excluded.invalid http://127.0.0.1:9".to_owned(),
        ),
    ];
    again(
        "by_variables::the_proxy_of_the_usual_variables_is_asked_but_not_for_what_they_leave_out",
        variables,
    )
    .await;
    let asked: Vec<String> = told.try_iter().collect();
    assert_eq!(asked, ["CONNECT desk.invalid:443 HTTP/1.1"]);
}
