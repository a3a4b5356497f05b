//! An emulator over TLS that requires a sign-in, and a client that trusts it.

use deskstate_emulator::{Config, Emulator, SignIn, Tls};
use reqwest::{Certificate, Client, Method, RequestBuilder};
use serde_json::Value as Json;

pub(crate) const TENANT: &str = "0c0f0000-0000-4000-8000-00000000000a";
pub(crate) const PIPELINE: &str = "5b1f2f64-5c1b-4b6e-9b0e-6a7d7e0a3c11";
pub(crate) const ADMINISTRATION: &str = "0c0f0000-0000-4000-8000-000000000a02";
pub(crate) const PUBLIC: &str = "0c0f0000-0000-4000-8000-000000000a03";
pub(crate) const STRANGER: &str = "0c0f0000-0000-4000-8000-000000000a05";
pub(crate) const SECRET: &str = "emulator-secret";
pub(crate) const JOB_TOKEN: &str = "emulator-job-token";
pub(crate) const BY_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) challenge: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// Entra's error number, and the OAuth error code.
    pub(crate) fn refusal(&self) -> (u64, String) {
        let body = self.json();
        let number = body["error_codes"][0].as_u64().unwrap_or_default();
        let text = body["error_description"].as_str().unwrap_or_default();
        assert!(text.starts_with(&format!("AADSTS{number}: ")), "{text}");
        (
            number,
            body["error"].as_str().unwrap_or_default().to_owned(),
        )
    }
}

pub(crate) struct Office {
    pub(crate) emulator: Emulator,
    pub(crate) client: Client,
}

pub(crate) async fn office() -> Office {
    office_with(None).await
}

/// Starts the emulator with the given directory.
pub(crate) async fn office_with(directory: Option<std::path::PathBuf>) -> Office {
    // Another test of the process may have installed a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let emulator = Emulator::start(Config {
        sign_in: SignIn::Required,
        tls: Tls::Generated {
            authority_out: None,
        },
        directory,
        ..Config::default()
    })
    .await
    .expect("started");
    let authority = emulator.authority().expect("TLS has an authority");
    let client = Client::builder()
        .tls_certs_only([Certificate::from_pem(authority.as_bytes()).expect("a certificate")])
        .build()
        .expect("a client");
    Office { emulator, client }
}

pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    Answer {
        status: response.status().as_u16(),
        challenge: response
            .headers()
            .get("www-authenticate")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned(),
        text: response.text().await.expect("text"),
    }
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

impl Office {
    pub(crate) fn url(&self) -> &str {
        self.emulator.url()
    }

    /// Sends a form.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        send(
            self.client
                .post(format!("{}/{path}", self.url()))
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(body.join("&")),
        )
        .await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.client.get(format!("{}/{path}", self.url()))).await
    }

    /// Requests a token for the environment from the v2.0 endpoint.
    pub(crate) async fn token(&self, fields: &[(&str, &str)]) -> Answer {
        let scope = format!("{}/.default", self.url());
        let mut all = vec![("scope", scope.as_str())];
        all.extend(fields.iter().filter(|(name, _)| *name != "scope"));
        if let Some(own) = fields.iter().find(|(name, _)| *name == "scope") {
            all[0] = *own;
        }
        self.post(&format!("{TENANT}/oauth2/v2.0/token"), &all)
            .await
    }

    /// Returns a token for an application with a secret.
    pub(crate) async fn token_of(&self, application: &str) -> String {
        let answer = self
            .token(&[
                ("grant_type", "client_credentials"),
                ("client_id", application),
                ("client_secret", SECRET),
            ])
            .await
            .expect(200);
        access_token(&answer)
    }

    /// Requests a token with an assertion instead of a secret.
    pub(crate) async fn vouched(&self, application: &str, assertion: &str) -> Answer {
        self.token(&[
            ("grant_type", "client_credentials"),
            ("client_id", application),
            ("client_assertion_type", BY_ASSERTION),
            ("client_assertion", assertion),
        ])
        .await
    }

    /// Sends a request to the environment with a token.
    pub(crate) async fn api(&self, path: &str, token: &str) -> Answer {
        send(
            self.client
                .request(Method::GET, format!("{}/api/data/v9.2/{path}", self.url()))
                .bearer_auth(token),
        )
        .await
    }

    /// Returns the name of the user that a token belongs to.
    pub(crate) async fn who(&self, token: &str) -> String {
        let me = self.api("WhoAmI", token).await.expect(200).json();
        let id = me["UserId"].as_str().expect("an id").to_owned();
        let user = self
            .api(&format!("systemusers({id})?$select=domainname"), token)
            .await
            .expect(200)
            .json();
        user["domainname"].as_str().expect("a name").to_owned()
    }
}

#[track_caller]
pub(crate) fn access_token(answer: &Answer) -> String {
    let body = answer.json();
    let token = body["access_token"].as_str();
    token
        .unwrap_or_else(|| panic!("{}", answer.text))
        .to_owned()
}
