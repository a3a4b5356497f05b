//! Tests each sign-in method against the emulator's issuer over TLS, which checks assertions as Entra documents it.

use deskstate_dataverse::{Connection, Error, Prompt, Query, Reader, Session, SignIn, SignInError};
use deskstate_emulator::{Config, Emulator, Switches, Tls};
use reqwest::{Certificate, Client};

use crate::environment::connection;
use crate::variants::{environments, with};

const PIPELINE: &str = "5b1f2f64-5c1b-4b6e-9b0e-6a7d7e0a3c11";
const PUBLIC: &str = "0c0f0000-0000-4000-8000-000000000a03";
const STRANGER: &str = "0c0f0000-0000-4000-8000-000000000a05";
const SECRET: &str = "emulator-secret";
const JOB_TOKEN: &str = "emulator-job-token";

/// A directory for these tests: it trusts a certificate, and codes can be polled without a delay.
const DIRECTORY: &str = r#"
tenant: 0c0f0000-0000-4000-8000-00000000000a
domain: contoso.onmicrosoft.com
deviceCode: {interval: 0, lifetime: 60}
applications:
- id: 5b1f2f64-5c1b-4b6e-9b0e-6a7d7e0a3c11
  secrets: [emulator-secret]
  certificates: [certificate.pem]
  federated:
  - {by: github, subject: "repo:contoso/desk:environment:prod"}
  - {by: kubernetes, subject: "system:serviceaccount:desk:deskstate"}
- {id: 0c0f0000-0000-4000-8000-000000000a03, public: true}
- {id: 0c0f0000-0000-4000-8000-000000000a05, secrets: [emulator-secret]}
"#;

struct Office {
    emulator: Emulator,
    client: Client,
    _directory: tempfile::TempDir,
}

async fn office(switches: &Switches) -> Office {
    // another test of the process may have installed a provider already
    let _ = rustls::crypto::ring::default_provider().install_default();
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("directory.yaml");
    std::fs::write(&file, DIRECTORY).expect("written");
    let pem = include_str!("../scripted/certificate.pem");
    std::fs::write(directory.path().join("certificate.pem"), pem).expect("written");
    let emulator = Emulator::start(Config {
        sign_in: deskstate_emulator::SignIn::Required,
        tls: Tls::Generated {
            authority_out: None,
        },
        directory: Some(file),
        ..with(switches)
    })
    .await
    .expect("the emulator starts");
    let authority = Certificate::from_pem(authority(&emulator).as_bytes()).expect("PEM");
    let client = Client::builder()
        .tls_certs_only([authority])
        .build()
        .expect("a client");
    Office {
        emulator,
        client,
        _directory: directory,
    }
}

fn authority(emulator: &Emulator) -> String {
    emulator
        .authority()
        .expect("TLS has an authority")
        .to_owned()
}

impl Office {
    fn connection(&self, sign_in: SignIn) -> Connection {
        let url = self.emulator.url().trim_end_matches('/');
        let limits = connection(url);
        Connection::new(limits.url().clone(), sign_in).extra_roots(authority(&self.emulator))
    }

    /// Signs in and returns who is signed in.
    async fn who(&self, sign_in: SignIn) -> Result<String, Error> {
        let reader = Reader::open(&self.connection(sign_in))?;
        who(&reader).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.emulator.url().trim_end_matches('/'))
    }
}

async fn who(reader: &Reader) -> Result<String, Error> {
    let answers = reader.read(&[Query::who_am_i()]).await?;
    let me = answers[0].as_ref().expect("everybody may ask who they are");
    let id = me.rows[0].uuid("UserId").expect("an id");
    let user = Query::record("systemusers", id).select(["domainname"]);
    let answers = reader.read(&[user]).await?;
    let user = answers[0].as_ref().expect("everybody may see themselves");
    Ok(user.rows[0]
        .text("domainname")
        .unwrap_or_default()
        .to_owned())
}

fn by_secret(client_id: &str, secret: &str) -> SignIn {
    SignIn::ClientSecret {
        tenant: None,
        client_id: client_id.to_owned(),
        secret: secret.into(),
    }
}

#[tokio::test]
async fn a_secret_signs_an_application_in_and_a_revoked_token_is_renewed() {
    for switches in environments() {
        let office = office(&switches).await;
        let session = Session::open(&office.connection(by_secret(PIPELINE, SECRET)))
            .expect("a session opens");
        assert_eq!(
            who(session.reader()).await.expect("signed in"),
            "pipeline@contoso.com"
        );
        let revoke = office.client.post(office.url("__emulator/sign-in/revoke"));
        assert!(
            revoke
                .send()
                .await
                .expect("an answer")
                .status()
                .is_success()
        );
        assert_eq!(
            who(session.reader()).await.expect("signed in again"),
            "pipeline@contoso.com"
        );
        office.emulator.stop().await.expect("it stops");
    }
}

#[tokio::test]
async fn a_wrong_secret_and_a_stranger_are_told_apart() {
    for switches in environments() {
        let office = office(&switches).await;
        let error = office
            .who(by_secret(PIPELINE, "wrong"))
            .await
            .expect_err("refused");
        let Error::SignIn(SignInError::Failed { method, reason, .. }) = error else {
            panic!("{error:?}")
        };
        assert_eq!(method, "client-secret");
        assert!(
            reason.contains("AADSTS7000215") && !reason.contains("wrong"),
            "{reason}"
        );

        let error = office
            .who(by_secret(STRANGER, SECRET))
            .await
            .expect_err("no user of the environment");
        let Error::Service(error) = error else {
            panic!("{error:?}")
        };
        assert_eq!(error.status, 403);
        office.emulator.stop().await.expect("it stops");
    }
}

#[tokio::test]
async fn a_certificate_signs_an_application_in() {
    for switches in environments() {
        let office = office(&switches).await;
        let sign_in = SignIn::ClientCertificate {
            tenant: None,
            client_id: PIPELINE.to_owned(),
            pem: include_str!("../scripted/certificate.pem").into(),
        };
        assert_eq!(
            office.who(sign_in).await.expect("signed in"),
            "pipeline@contoso.com"
        );
        office.emulator.stop().await.expect("it stops");
    }
}

#[tokio::test]
async fn github_and_kubernetes_sign_an_application_in() {
    for switches in environments() {
        let office = office(&switches).await;
        let github = |subject: &str| SignIn::GitHubActions {
            tenant: None,
            client_id: PIPELINE.to_owned(),
            request_url: office.url(&format!("github/token?subject={subject}")),
            request_token: JOB_TOKEN.into(),
        };
        let job = office
            .who(github("repo:contoso/desk:environment:prod"))
            .await;
        assert_eq!(job.expect("signed in"), "pipeline@contoso.com");
        let error = office
            .who(github("repo:contoso/desk:pull_request"))
            .await
            .expect_err("another subject");
        let error = format!("{error:?}");
        assert!(
            error.contains("AADSTS700213") && !error.contains(JOB_TOKEN),
            "{error}"
        );

        let path = "kubernetes/api/v1/namespaces/desk/serviceaccounts/deskstate/token";
        let answer = office
            .client
            .post(office.url(path))
            .bearer_auth(JOB_TOKEN)
            .body(r#"{"spec":{"audiences":["api://AzureADTokenExchange"]}}"#)
            .send()
            .await
            .expect("an answer");
        let answer: serde_json::Value =
            serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
        let token = answer["status"]["token"].as_str().expect("a token");
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), token).expect("written");
        let sign_in = SignIn::WorkloadIdentity {
            tenant: None,
            client_id: PIPELINE.to_owned(),
            token_file: file.path().to_owned(),
        };
        assert_eq!(
            office.who(sign_in).await.expect("signed in"),
            "pipeline@contoso.com"
        );
        office.emulator.stop().await.expect("it stops");
    }
}

#[tokio::test]
async fn a_person_signs_in_on_the_page_that_is_shown() {
    for switches in environments() {
        let office = office(&switches).await;
        let (client, page) = (office.client.clone(), office.url("devicelogin"));
        let prompt = Prompt::new(move |code| {
            assert!(code.page.ends_with("/devicelogin"), "{}", code.page);
            let (client, page, code) = (client.clone(), page.clone(), code.code.clone());
            tokio::spawn(async move {
                let form = format!("user_code={code}&user=admin%40contoso.com");
                let sent = client
                    .post(page)
                    .header("Content-Type", "application/x-www-form-urlencoded")
                    .body(form)
                    .send()
                    .await;
                assert!(sent.is_ok_and(|answer| answer.status().is_success()));
            });
        });
        let sign_in = SignIn::DeviceCode {
            tenant: None,
            client_id: PUBLIC.to_owned(),
            prompt,
        };
        assert_eq!(
            office.who(sign_in).await.expect("signed in"),
            "admin@contoso.com"
        );
        office.emulator.stop().await.expect("it stops");
    }
}
