//! Signs in at an issuer over TLS. Facts: OAuth with Dataverse; the client credentials and device code grants.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use deskstate_dataverse::{
    Browser, DeviceCode, Error, Method, Prompt, Query, Reader, SignIn, SignInError, Stop, Timeouts,
};

use url::Url;

use crate::tls::{Asked, Reply, TENANT, TlsServer};

const SECRET: &str = "hush-hush";

fn challenge(address: SocketAddr) -> Reply {
    let port = address.port();
    Reply {
        status: 401,
        headers: format!(
            "WWW-Authenticate: Bearer authorization_uri=https://localhost:{port}/{TENANT}/oauth2/authorize, resource_id=https://localhost:{port}/\r\n"
        ),
        body: String::new(),
    }
}

fn token(token: &str, seconds: u64) -> Reply {
    Reply::json(
        200,
        &format!(
            r#"{{"token_type":"Bearer","expires_in":{seconds},"ext_expires_in":{seconds},"access_token":"{token}"}}"#
        ),
    )
}

fn me() -> Reply {
    let body = "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{\"UserId\":\"u\"}\r\n--b--\r\n";
    Reply {
        status: 200,
        headers: "Content-Type: multipart/mixed; boundary=b\r\n".to_owned(),
        body: body.to_owned(),
    }
}

/// An environment that accepts any token, and an issuer that numbers its tokens.
async fn environment() -> TlsServer {
    TlsServer::start(|asked, before, address| {
        if asked.line.contains("/oauth2/v2.0/token") {
            token(&format!("issued-{before}"), 3600)
        } else if asked.authorization.is_some() {
            me()
        } else {
            challenge(address)
        }
    })
    .await
}

fn by_secret() -> SignIn {
    SignIn::ClientSecret {
        tenant: None,
        client_id: "app".to_owned(),
        secret: SECRET.into(),
    }
}

async fn who(reader: &Reader) -> Result<(), Error> {
    let answers = reader.read(&[Query::who_am_i()]).await?;
    assert_eq!(answers[0].as_ref().map(|rows| rows.rows.len()), Ok(1));
    Ok(())
}

fn form(asked: &Asked) -> Vec<(String, String)> {
    url::form_urlencoded::parse(asked.body.as_bytes())
        .into_owned()
        .collect()
}

fn field(asked: &Asked, name: &str) -> String {
    form(asked)
        .into_iter()
        .find_map(|(key, value)| (key == name).then_some(value))
        .unwrap_or_default()
}

#[tokio::test]
async fn tenant_and_authority_come_from_the_challenge_and_the_token_serves_many_requests() {
    let server = environment().await;
    let reader = Reader::open(&server.connection(by_secret())).expect("a reader opens");
    who(&reader).await.expect("signed in");
    who(&reader).await.expect("still signed in");
    let asked = server.asked();
    let lines: Vec<&str> = asked.iter().map(|asked| asked.line.as_str()).collect();
    assert_eq!(
        lines,
        [
            "GET /api/data/v9.2/WhoAmI HTTP/1.1",
            &format!("POST /{TENANT}/oauth2/v2.0/token HTTP/1.1"),
            "POST /api/data/v9.2/$batch HTTP/1.1",
            "POST /api/data/v9.2/$batch HTTP/1.1",
        ]
    );
    assert_eq!(
        field(&asked[1], "scope"),
        format!("{}/.default", server.url())
    );
    assert_eq!(field(&asked[1], "client_secret"), SECRET);
    assert_eq!(asked[3].authorization.as_deref(), Some("Bearer issued-1"));
    assert_eq!(reader.requests(), 2, "signing in is not counted");
}

#[tokio::test]
async fn no_issuer_is_asked_where_the_server_asks_for_no_sign_in() {
    let server = TlsServer::start(|asked, _, _| {
        if asked.line.contains("WhoAmI") {
            Reply::json(200, "{}")
        } else {
            me()
        }
    })
    .await;
    let reader = Reader::open(&server.connection(by_secret())).expect("a reader opens");
    who(&reader).await.expect("no sign-in is needed");
    assert!(
        server
            .asked()
            .iter()
            .all(|asked| asked.authorization.is_none())
    );
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_token_that_is_no_longer_accepted_is_renewed_once() {
    let server = TlsServer::start(|asked, before, address| {
        if asked.line.contains("/token") {
            token(&format!("issued-{before}"), 3600)
        } else {
            match asked.authorization.as_deref() {
                None => challenge(address),
                Some("Bearer issued-1") => Reply::json(401, ""),
                Some(_) => me(),
            }
        }
    })
    .await;
    let reader = Reader::open(&server.connection(by_secret())).expect("a reader opens");
    who(&reader).await.expect("the second token is accepted");
    assert_eq!(server.asked().len(), 5);
}

#[tokio::test]
async fn a_server_that_accepts_no_token_is_not_asked_for_ever() {
    let server = TlsServer::start(|asked, _, address| {
        if asked.line.contains("/token") {
            token("issued", 3600)
        } else if asked.authorization.is_some() {
            Reply::json(
                401,
                r#"{"error":{"code":"0x80044302","message":"not a member"}}"#,
            )
        } else {
            challenge(address)
        }
    })
    .await;
    let reader = Reader::open(&server.connection(by_secret())).expect("a reader opens");
    let error = who(&reader).await.expect_err("never accepted");
    let Error::SignIn(SignInError::NotAccepted { method, message }) = error else {
        panic!("{error}");
    };
    assert_eq!(
        (method, message.as_str()),
        ("client-secret", "not a member")
    );
    assert_eq!(server.asked().len(), 5);
}

#[tokio::test]
async fn a_token_that_soon_ends_is_renewed_before_it_does() {
    let server = TlsServer::start(|asked, before, address| {
        if asked.line.contains("/token") {
            token(&format!("issued-{before}"), 200)
        } else if asked.authorization.is_some() {
            me()
        } else {
            challenge(address)
        }
    })
    .await;
    let reader = Reader::open(&server.connection(by_secret())).expect("a reader opens");
    who(&reader).await.expect("signed in");
    who(&reader).await.expect("signed in again");
    let tokens = server
        .asked()
        .iter()
        .filter(|asked| asked.line.contains("/token"))
        .count();
    assert_eq!(tokens, 2);
}

#[tokio::test]
async fn a_refusal_of_the_issuer_says_what_was_tried_and_keeps_the_secret() {
    let server = TlsServer::start(|asked, _, address| {
        if asked.line.contains("/token") {
            Reply::json(
                401,
                r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.","error_codes":[7000215]}"#,
            )
        } else {
            challenge(address)
        }
    })
    .await;
    let reader = Reader::open(&server.connection(by_secret())).expect("a reader opens");
    let error = who(&reader).await.expect_err("refused");
    let printed = format!(
        "{error} {error:?} {:?}",
        std::error::Error::source(&error).map(ToString::to_string)
    );
    for word in ["client-secret", TENANT, &server.url(), "AADSTS7000215"] {
        assert!(printed.contains(word), "{word} in {printed}");
    }
    assert!(!printed.contains(SECRET));
}

#[tokio::test]
async fn a_certificate_vouches_with_a_signed_statement() {
    let server = environment().await;
    let sign_in = SignIn::ClientCertificate {
        tenant: Some("contoso.example".to_owned()),
        client_id: "app".to_owned(),
        pem: include_str!("certificate.pem").into(),
    };
    let reader = Reader::open(&server.connection(sign_in)).expect("a reader opens");
    who(&reader).await.expect("signed in");
    let asked = server.asked();
    assert!(
        asked[1]
            .line
            .starts_with("POST /contoso.example/oauth2/v2.0/token")
    );
    assert_eq!(
        field(&asked[1], "client_assertion_type"),
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );
    assert_eq!(field(&asked[1], "client_assertion").split('.').count(), 3);
}

#[tokio::test]
async fn a_platform_vouches_with_a_token_in_a_file() {
    let server = environment().await;
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "platform-token").expect("written");
    let sign_in = SignIn::WorkloadIdentity {
        tenant: None,
        client_id: "app".to_owned(),
        token_file: file.path().to_owned(),
    };
    let reader = Reader::open(&server.connection(sign_in)).expect("a reader opens");
    who(&reader).await.expect("signed in");
    assert_eq!(
        field(&server.asked()[1], "client_assertion"),
        "platform-token"
    );
}

#[tokio::test]
async fn github_vouches_for_a_job() {
    let server = TlsServer::start(|asked, _, address| {
        if asked
            .line
            .starts_with("GET /github?run=1&audience=api%3A%2F%2FAzureADTokenExchange ")
        {
            assert_eq!(asked.authorization.as_deref(), Some("Bearer job-token"));
            Reply::json(200, r#"{"value":"github-token"}"#)
        } else if asked.line.contains("/token") {
            token("issued", 3600)
        } else if asked.authorization.is_some() {
            me()
        } else {
            challenge(address)
        }
    })
    .await;
    let sign_in = SignIn::GitHubActions {
        tenant: None,
        client_id: "app".to_owned(),
        request_url: format!("{}/github?run=1", server.url()),
        request_token: "job-token".into(),
    };
    let reader = Reader::open(&server.connection(sign_in)).expect("a reader opens");
    who(&reader).await.expect("signed in");
    let asked = server.asked();
    assert_eq!(field(&asked[2], "client_assertion"), "github-token");
}

#[tokio::test]
async fn a_job_without_the_permission_is_told_so() {
    let server = TlsServer::start(|asked, _, address| {
        if asked.line.starts_with("GET /github") {
            Reply::json(403, "{}")
        } else {
            challenge(address)
        }
    })
    .await;
    let sign_in = SignIn::GitHubActions {
        tenant: None,
        client_id: "app".to_owned(),
        request_url: format!("{}/github", server.url()),
        request_token: "job-token".into(),
    };
    let reader = Reader::open(&server.connection(sign_in)).expect("a reader opens");
    let text = who(&reader)
        .await
        .map_err(|error| format!("{error:?}"))
        .expect_err("refused");
    assert!(
        text.contains("GitHub gave no identity token: status 403"),
        "{text}"
    );
    assert!(!text.contains("job-token"));
}

/// An issuer of device codes: the first poll is pending, the second gets a token; renewals use their own grant.
async fn device_issuer() -> TlsServer {
    let polls = Mutex::new(0);
    TlsServer::start(move |asked, before, address| {
        if asked.line.contains("/devicecode") {
            return Reply::json(
                200,
                r#"{"device_code":"dc","user_code":"ABC123","verification_uri":"https://issuer/device","expires_in":60,"interval":0,"message":"m"}"#,
            );
        }
        if asked.line.contains("/token") {
            let mut polls = polls.lock().expect("no panics");
            *polls += 1;
            if *polls == 1 {
                return Reply::json(400, r#"{"error":"authorization_pending","error_description":"wait"}"#);
            }
            return Reply::json(
                200,
                &format!(r#"{{"token_type":"Bearer","expires_in":100,"access_token":"issued-{before}","refresh_token":"renew-{before}"}}"#),
            );
        }
        if asked.authorization.is_some() { me() } else { challenge(address) }
    })
    .await
}

#[tokio::test]
async fn a_person_is_asked_once_and_the_token_renewed_without_asking() {
    let server = device_issuer().await;
    let shown: Arc<Mutex<Vec<DeviceCode>>> = Arc::default();
    let sign_in = SignIn::DeviceCode {
        tenant: None,
        client_id: "app".to_owned(),
        prompt: Prompt::new({
            let shown = Arc::clone(&shown);
            move |code| shown.lock().expect("no panics").push(code.clone())
        }),
    };
    let reader = Reader::open(&server.connection(sign_in)).expect("a reader opens");
    who(&reader).await.expect("signed in");
    who(&reader)
        .await
        .expect("renewed, as the token held for less than five minutes");
    let shown = shown.lock().expect("no panics");
    assert_eq!(shown.len(), 1);
    assert_eq!(
        (shown[0].code.as_str(), shown[0].page.as_str()),
        ("ABC123", "https://issuer/device")
    );
    let asked = server.asked();
    let grants: Vec<String> = asked
        .iter()
        .filter(|asked| asked.line.contains("/token"))
        .map(|asked| field(asked, "grant_type"))
        .collect();
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    assert_eq!(grants, [device, device, "refresh_token"]);
    assert!(field(&asked[1], "scope").ends_with("/user_impersonation offline_access"));
}

/// Brings a query to the redirect address of a page, as a local browser would, and returns the reply.
fn brought(page: &str, query: &str) -> String {
    use std::io::{Read as _, Write as _};
    let page = Url::parse(page).expect("an address");
    let value = |name: &str| {
        let mut pairs = page.query_pairs();
        let pair = pairs.find(|(key, _)| key == name);
        pair.map(|(_, value)| value.into_owned())
            .expect("it is there")
    };
    let redirect = Url::parse(&value("redirect_uri")).expect("an address");
    let query = query.replace("{state}", &value("state"));
    let port = redirect.port().expect("a port");
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    write!(
        stream,
        "GET /?{query} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n"
    )
    .expect("it reads");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("it answers");
    reply
}

#[tokio::test]
async fn a_person_signs_in_with_a_browser_and_the_token_is_renewed_without_asking() {
    let server = device_issuer().await;
    let replies: Arc<Mutex<Vec<String>>> = Arc::default();
    let browser = Browser::new({
        let replies = Arc::clone(&replies);
        move |page| {
            let (page, replies) = (page.to_owned(), Arc::clone(&replies));
            std::thread::spawn(move || {
                // Any page can send a forged answer before the real one.
                for query in [
                    "code=forged&state=forged",
                    "error=access_denied&state=",
                    "code=given&state={state}",
                ] {
                    let reply = brought(&page, query);
                    replies.lock().expect("no panics").push(reply);
                }
            });
        }
    });
    let sign_in = SignIn::Browser {
        tenant: None,
        client_id: "app".to_owned(),
        browser,
    };
    let reader = Reader::open(&server.connection(sign_in)).expect("a reader opens");
    // This issuer always refuses the first token request.
    let refused = format!("{:?}", who(&reader).await.expect_err("refused"));
    assert!(
        refused.contains("browser") && refused.contains("wait"),
        "{refused}"
    );
    who(&reader).await.expect("asked again, and signed in");
    who(&reader)
        .await
        .expect("renewed, as the token held for less than five minutes");
    // The browser may still be reading its last answer while the token is already in use.
    for _ in 0..200 {
        if replies.lock().expect("no panics").len() == 6 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let replies = replies.lock().expect("no panics").clone();
    let statuses: Vec<&str> = replies.iter().map(|reply| &reply[9..12]).collect();
    assert_eq!(statuses, ["400", "400", "200", "400", "400", "200"]);
    let asked = server.asked();
    let tokens: Vec<&Asked> = asked
        .iter()
        .filter(|asked| asked.line.contains("/token"))
        .collect();
    let grants: Vec<String> = tokens
        .iter()
        .map(|asked| field(asked, "grant_type"))
        .collect();
    assert_eq!(
        grants,
        ["authorization_code", "authorization_code", "refresh_token"]
    );
    assert_eq!(field(tokens[0], "code"), "given");
    assert_eq!(field(tokens[0], "client_id"), "app");
    assert!(field(tokens[0], "code_verifier").len() >= 43);
    assert_ne!(
        field(tokens[0], "code_verifier"),
        field(tokens[1], "code_verifier")
    );
}

#[tokio::test]
async fn a_person_who_refuses_or_never_comes_is_told_apart() {
    let server = device_issuer().await;
    let sign_in = |browser| SignIn::Browser {
        tenant: None,
        client_id: "app".to_owned(),
        browser,
    };
    let refusing = Browser::new(|page| {
        let page = page.to_owned();
        std::thread::spawn(move || {
            brought(
                &page,
                "error=access_denied&error_description=AADSTS65004&state={state}",
            )
        });
    });
    let absent = Browser::new(|_| {}).wait(Duration::from_millis(50));
    for (browser, why) in [
        (refusing, "AADSTS65004"),
        (absent, "nobody signed in within"),
    ] {
        let reader = Reader::open(&server.connection(sign_in(browser))).expect("a reader opens");
        let error = format!("{:?}", who(&reader).await.expect_err("no token"));
        assert!(error.contains(why), "{error}");
    }
    let stop = Stop::new();
    let stopping = Browser::new({
        let stop = stop.clone();
        move |_| stop.stop()
    });
    let connection = server.connection(sign_in(stopping)).stop_on(stop);
    let reader = Reader::open(&connection).expect("a reader opens");
    let error = who(&reader).await.expect_err("stopped");
    assert!(
        matches!(error, Error::Stopped | Error::SignIn(SignInError::Stopped)),
        "{error}"
    );
}

#[tokio::test]
async fn waiting_for_a_person_ends_when_asked_to_stop() {
    let server = TlsServer::start(|asked, _, address| {
        if asked.line.contains("/devicecode") {
            Reply::json(
                200,
                r#"{"device_code":"dc","user_code":"ABC123","verification_uri":"https://issuer/device","expires_in":600,"interval":60}"#,
            )
        } else {
            challenge(address)
        }
    })
    .await;
    let stop = Stop::new();
    let sign_in = SignIn::DeviceCode {
        tenant: None,
        client_id: "app".to_owned(),
        prompt: Prompt::new({
            let stop = stop.clone();
            move |_| stop.stop()
        }),
    };
    let reader = Reader::open(&server.connection(sign_in).stop_on(stop)).expect("a reader opens");
    let begun = Instant::now();
    let error = who(&reader).await.expect_err("stopped");
    assert!(
        matches!(error, Error::Stopped | Error::SignIn(SignInError::Stopped)),
        "{error}"
    );
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn an_environment_that_is_busy_is_asked_again_how_to_sign_in() {
    let server = TlsServer::start(|asked, before, address| {
        if before == 0 {
            Reply::json(503, "")
        } else if asked.line.contains("/token") {
            token("issued", 3600)
        } else if asked.authorization.is_some() {
            me()
        } else {
            challenge(address)
        }
    })
    .await;
    let reader = Reader::open(&server.connection(by_secret())).expect("a reader opens");
    who(&reader).await.expect("the second time it says how");
}

#[tokio::test]
async fn a_server_that_is_no_environment_is_told_apart() {
    let server = TlsServer::start(|_, _, _| Reply::json(404, "")).await;
    let reader = Reader::open(&server.connection(by_secret())).expect("a reader opens");
    let error = who(&reader)
        .await
        .map_err(|error| format!("{error:?}"))
        .expect_err("no environment");
    assert!(
        error.contains("is this the URL of an environment?"),
        "{error}"
    );
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_given_token_that_is_not_accepted_is_not_sent_twice() {
    let server = TlsServer::start(|_, _, _| Reply::json(401, "")).await;
    let sign_in = SignIn::Token("given".into());
    let reader = Reader::open(&server.connection(sign_in)).expect("a reader opens");
    let error = who(&reader).await.expect_err("not accepted");
    assert!(
        matches!(error, Error::SignIn(SignInError::NotAccepted { .. })),
        "{error}"
    );
    assert_eq!(server.asked().len(), 1);
}

/// Gateways that are being debugged repeat the request in their errors.
#[tokio::test]
async fn a_token_that_the_server_repeats_is_in_no_error() {
    const TOKEN: &str = "eyJ0eXAi.a-token-of-some.length";
    let server = TlsServer::start(|_, _, _| {
        Reply::json(
            403,
            &format!(
                r#"{{"error": {{"code": "0x80040220", "message": "refused: Bearer {TOKEN}"}}}}"#
            ),
        )
    })
    .await;
    let sign_in = SignIn::Token(TOKEN.into());
    let reader = Reader::open(&server.connection(sign_in)).expect("a reader opens");
    let error = who(&reader)
        .await
        .map_err(|error| format!("{error} {error:?}"));
    let error = error.expect_err("refused");
    assert!(error.contains("refused: Bearer [secret]"), "{error}");
    assert!(!error.contains(TOKEN), "{error}");
    let page = TlsServer::start(|_, _, _| Reply::json(503, &format!("busy: {TOKEN}"))).await;
    let folder = tempfile::TempDir::new().expect("a folder");
    let connection = page.connection(SignIn::Token(TOKEN.into()));
    let connection = connection.record_to(folder.path(), str::to_owned);
    let reader = Reader::open(&connection).expect("a reader opens");
    who(&reader).await.map(|_| ()).expect_err("busy");
    let files = std::fs::read_dir(folder.path()).expect("a folder");
    let texts: Vec<String> = files
        .map(|file| std::fs::read_to_string(file.expect("a file").path()).expect("a text"))
        .collect();
    assert!(
        texts.iter().any(|text| text.contains("busy: ")),
        "{texts:?}"
    );
    assert!(texts.iter().all(|text| !text.contains(TOKEN)), "{texts:?}");
}

/// Runs in a process of its own, with the variables of a platform.
#[tokio::test]
#[ignore = "started by the tests of methods that read variables"]
async fn child_process() {
    let variable = |name: &str| std::env::var(name).ok();
    let method: Method = variable("TEST_METHOD")
        .expect("set")
        .parse()
        .expect("a method");
    assert_eq!(Method::found(&variable), method);
    let sign_in =
        SignIn::from_variables(method, &variable, Prompt::new(|_| {}), Browser::new(|_| {}))
            .expect("all is set");
    let url = variable("TEST_URL").expect("set").parse().expect("a URL");
    let roots = std::fs::read(variable("TEST_ROOTS").expect("set")).expect("a file");
    let connection = deskstate_dataverse::Connection::new(url, sign_in).extra_roots(roots);
    let reader = Reader::open(&connection).expect("a reader opens");
    who(&reader).await.expect("signed in");
}

async fn run_child(server: &TlsServer, method: Method, variables: &[(&str, &str)]) {
    let roots = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(roots.path(), &server.certificate).expect("written");
    let output = tokio::process::Command::new(std::env::current_exe().expect("this test"))
        .args([
            "--exact",
            "signing_in::child_process",
            "--ignored",
            "--nocapture",
        ])
        .env_clear()
        // Collects coverage from the child process, for `just coverage`.
        .envs(std::env::var_os("LLVM_PROFILE_FILE").map(|file| ("LLVM_PROFILE_FILE", file)))
        .env("TEST_METHOD", method.as_str())
        .env("TEST_URL", server.url())
        .env("TEST_ROOTS", roots.path())
        .envs(variables.iter().copied())
        .output()
        .await
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test]
async fn azure_pipelines_vouches_for_a_job() {
    let server = TlsServer::start(|asked, _, address| {
        if asked.line.starts_with("POST /oidc?") {
            assert_eq!(asked.authorization.as_deref(), Some("Bearer job-token"));
            assert!(
                asked.line.contains("serviceConnectionId=connection"),
                "{}",
                asked.line
            );
            Reply::json(200, r#"{"oidcToken":"pipelines-token"}"#)
        } else if asked.line.contains("/token") {
            token("issued", 3600)
        } else if asked.authorization.is_some() {
            me()
        } else {
            challenge(address)
        }
    })
    .await;
    let oidc = format!("{}/oidc", server.url());
    run_child(
        &server,
        Method::AzurePipelines,
        &[
            ("SYSTEM_OIDCREQUESTURI", &oidc),
            ("SYSTEM_ACCESSTOKEN", "job-token"),
            ("AZURESUBSCRIPTION_CLIENT_ID", "app"),
            ("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "connection"),
        ],
    )
    .await;
    let asked = server.asked();
    let exchange = asked
        .iter()
        .find(|asked| asked.line.contains("/oauth2/"))
        .expect("it asked the issuer");
    assert_eq!(field(exchange, "client_assertion"), "pipelines-token");
    assert!(exchange.line.contains(TENANT));
}

#[tokio::test]
async fn the_identity_of_an_app_service_signs_in() {
    let server = TlsServer::start(|asked, _, address| {
        if asked.line.starts_with("GET /identity?") {
            let end = std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |now| now.as_secs() + 3600);
            Reply::json(
                200,
                &format!(r#"{{"access_token":"issued","expires_on":"{end}","resource":"r","token_type":"Bearer"}}"#),
            )
        } else if asked.authorization.is_some() {
            me()
        } else {
            challenge(address)
        }
    })
    .await;
    let endpoint = format!("{}/identity", server.url());
    run_child(
        &server,
        Method::ManagedIdentity,
        &[
            ("IDENTITY_ENDPOINT", &endpoint),
            ("IDENTITY_HEADER", "header"),
        ],
    )
    .await;
    assert!(
        server
            .asked()
            .iter()
            .any(|asked| asked.line.starts_with("GET /identity?"))
    );
}

#[cfg(unix)]
#[tokio::test]
async fn whoever_is_signed_in_to_the_azure_cli_signs_in() {
    use std::os::unix::fs::PermissionsExt;
    let server = environment().await;
    let directory = tempfile::tempdir().expect("a directory");
    let az = directory.path().join("az");
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *'--tenant {TENANT}'*) echo '{{\"accessToken\":\"issued\",\"expires_on\":4102444800,\"tokenType\":\"Bearer\"}}';; *) exit 1;; esac\n"
    );
    std::fs::write(&az, script).expect("written");
    std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let path = format!("{}:/usr/bin:/bin", directory.path().display());
    run_child(&server, Method::AzureCli, &[("PATH", &path)]).await;
    assert!(
        server
            .asked()
            .iter()
            .any(|asked| asked.authorization.as_deref() == Some("Bearer issued"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_does_not_answer_in_time_is_not_awaited() {
    let server = TlsServer::start(|asked, _, address| {
        if asked.line.contains("/oauth2/v2.0/token") {
            std::thread::sleep(Duration::from_secs(1));
            token("issued", 3600)
        } else {
            challenge(address)
        }
    })
    .await;
    let connection = server.connection(by_secret()).timeouts(Timeouts {
        sign_in: Duration::ZERO,
        ..Timeouts::default()
    });
    let reader = Reader::open(&connection).expect("a reader opens");
    let Err(Error::SignIn(error)) = who(&reader).await else {
        panic!("too slow");
    };
    let error = error.to_string();
    assert!(
        error.contains("`client-secret` got no token") && error.contains("no answer within 0 s"),
        "{error}"
    );
}

#[tokio::test]
async fn waiting_for_an_issuer_ends_when_asked_to_stop() {
    let stop = Stop::new();
    let given = stop.clone();
    let server = TlsServer::start(move |asked, _, address| {
        if asked.line.contains("/oauth2/v2.0/token") {
            given.stop();
            token("issued", 3600)
        } else {
            challenge(address)
        }
    })
    .await;
    let connection = server.connection(by_secret()).stop_on(stop);
    let reader = Reader::open(&connection).expect("a reader opens");
    let error = who(&reader).await.expect_err("stopped");
    // whichever of the two waiters is notified first
    assert!(
        matches!(error, Error::SignIn(SignInError::Stopped) | Error::Stopped),
        "{error}"
    );
    assert_eq!(server.asked().len(), 2, "the challenge and the token");
}

#[tokio::test]
async fn a_challenge_to_a_foreign_issuer_is_not_followed() {
    let server = TlsServer::start(|_, _, _| Reply {
        status: 401,
        headers: "WWW-Authenticate: Bearer authorization_uri=https://login.example/t/oauth2/authorize\r\n".to_owned(),
        body: String::new(),
    })
    .await;
    let reader = Reader::open(&server.connection(by_secret())).expect("a reader opens");
    let error = who(&reader).await.expect_err("not followed");
    assert!(
        matches!(error, Error::SignIn(SignInError::Challenge { .. })),
        "{error}"
    );
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn an_issuer_cannot_send_the_secret_elsewhere() {
    for status in [301, 302, 303, 307, 308] {
        let server = TlsServer::start(move |asked, _, address| {
            if asked.line.contains("/oauth2/v2.0/token") {
                Reply {
                    status,
                    headers: format!(
                        "Location: https://localhost:{}/elsewhere\r\n",
                        address.port()
                    ),
                    body: String::new(),
                }
            } else {
                challenge(address)
            }
        })
        .await;
        let reader = Reader::open(&server.connection(by_secret())).expect("a reader opens");
        who(&reader).await.expect_err("no token was issued");
        let asked = server.asked();
        assert!(asked.iter().any(|asked| asked.body.contains(SECRET)));
        assert!(
            asked.iter().all(|asked| !asked.line.contains("elsewhere")),
            "{status} was followed"
        );
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let server = environment().await;
    let url = server.url().parse().expect("https");
    let connection = deskstate_dataverse::Connection::new(url, SignIn::Anonymous);
    let reader = Reader::open(&connection).expect("a reader opens");
    let begun = Instant::now();
    let error = who(&reader).await.expect_err("nobody knows it");
    assert!(matches!(error, Error::Untrusted { .. }), "{error:?}");
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "trying again would not help"
    );
    assert!(server.asked().is_empty());
}

/// Collects the log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panics").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn nothing_secret_is_logged_at_the_finest_level() {
    // With only one subscriber, tracing asks the thread that first reaches a callsite whether it is enabled. The threads of other tests
    // have no subscriber, so the callsite would stay disabled for all. With two subscribers, tracing asks each of them.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer({
            let log = log.clone();
            move || log.clone()
        })
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = environment().await;
    let reader = Reader::open(&server.connection(by_secret())).expect("a reader opens");
    who(&reader).await.expect("signed in");
    let text = String::from_utf8_lossy(&log.0.lock().expect("no panics")).into_owned();
    assert!(
        text.contains("signed in"),
        "what this crate says is in the log"
    );
    for secret in [SECRET, "issued-1"] {
        let at = text.find(secret);
        assert_eq!(
            at.map(|at| &text[at.saturating_sub(200)..at]),
            None,
            "{secret}"
        );
    }
}
