//! Section 12: applications that are identified by a platform or a certificate.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use ring::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value as Json, json};

use crate::office::{
    ADMINISTRATION, JOB_TOKEN, Office, PIPELINE, TENANT, access_token, office, office_with, send,
};

const CONNECTION: &str = "0c0f0000-0000-4000-8000-000000000a04";
/// A self-signed certificate and its key, for these tests only.
const PEM: &[u8] = include_bytes!("certificate.pem");

async fn asked(
    office: &Office,
    method: Method,
    path: &str,
    job: &str,
    body: Json,
) -> crate::office::Answer {
    send(
        office
            .client
            .request(method, format!("{}/{path}", office.url()))
            .bearer_auth(job)
            .header("Content-Type", "application/json")
            .body(body.to_string()),
    )
    .await
}

async fn github(office: &Office, subject: &str, audience: &str) -> String {
    let path = format!("github/token?subject={subject}&audience={audience}");
    let answer = asked(office, Method::GET, &path, JOB_TOKEN, Json::Null).await;
    answer.expect(200).json()["value"]
        .as_str()
        .expect("a token")
        .to_owned()
}

#[tokio::test]
async fn github_actions_vouches_for_the_workflow_that_the_application_trusts() {
    let office = office().await;
    let subject = "repo%3Acontoso%2Fdesk%3Aenvironment%3Aprod";
    let audience = "api%3A%2F%2FAzureADTokenExchange";
    let assertion = github(&office, subject, audience).await;
    let token = access_token(&office.vouched(PIPELINE, &assertion).await.expect(200));
    assert_eq!(office.who(&token).await, "pipeline@contoso.com");

    for (application, subject, audience, number) in [
        (
            PIPELINE,
            "repo%3Acontoso%2Fdesk%3Aref%3Arefs%2Fheads%2Fmain",
            audience,
            700_213,
        ),
        (
            PIPELINE,
            subject,
            "https%3A%2F%2Fgithub.com%2Fcontoso",
            700_212,
        ),
        (ADMINISTRATION, subject, audience, 700_211),
    ] {
        let assertion = github(&office, subject, audience).await;
        let answer = office.vouched(application, &assertion).await.expect(401);
        assert_eq!(answer.refusal(), (number, "invalid_client".to_owned()));
    }
}

#[tokio::test]
async fn azure_devops_vouches_for_a_service_connection() {
    let office = office().await;
    let path = format!("azure-devops/oidctoken?api-version=7.1&serviceConnectionId={CONNECTION}");
    let answer = asked(&office, Method::POST, &path, JOB_TOKEN, Json::Null)
        .await
        .expect(200);
    let assertion = answer.json()["oidcToken"]
        .as_str()
        .expect("a token")
        .to_owned();
    office.vouched(PIPELINE, &assertion).await.expect(200);
}

#[tokio::test]
async fn kubernetes_vouches_for_a_service_account() {
    let office = office().await;
    let path = "kubernetes/api/v1/namespaces/desk/serviceaccounts/deskstate/token";
    let body = json!({"spec": {"audiences": ["api://AzureADTokenExchange"]}});
    let answer = asked(&office, Method::POST, path, JOB_TOKEN, body)
        .await
        .expect(200);
    let assertion = answer.json()["status"]["token"]
        .as_str()
        .expect("a token")
        .to_owned();
    office.vouched(PIPELINE, &assertion).await.expect(200);
}

#[tokio::test]
async fn platforms_want_the_token_of_a_job() {
    let office = office().await;
    let connection = format!("azure-devops/oidctoken?serviceConnectionId={CONNECTION}");
    for (method, path) in [
        (Method::GET, "github/token?subject=a"),
        (Method::POST, connection.as_str()),
        (
            Method::POST,
            "kubernetes/api/v1/namespaces/a/serviceaccounts/b/token",
        ),
    ] {
        asked(&office, method, path, "wrong", Json::Null)
            .await
            .expect(401);
    }
    asked(&office, Method::GET, "github/token", JOB_TOKEN, Json::Null)
        .await
        .expect(400);
}

#[tokio::test]
async fn a_machine_has_an_identity_of_its_own() {
    let office = office().await;
    let resource = office.url().replace(':', "%3A").replace('/', "%2F");
    let ask = |more: &str, secret: &'static str| {
        let path =
            format!("managed-identity/token?api-version=2019-08-01&resource={resource}{more}");
        let request = office
            .client
            .get(format!("{}/{path}", office.url()))
            .header("X-IDENTITY-HEADER", secret);
        send(request)
    };
    for more in [String::new(), format!("&client_id={PIPELINE}")] {
        let answer = ask(&more, JOB_TOKEN).await.expect(200);
        assert_eq!(answer.json()["client_id"], PIPELINE);
        assert_eq!(
            office.who(&access_token(&answer)).await,
            "pipeline@contoso.com"
        );
    }
    ask("", "wrong").await.expect(401);
    let other = ask(&format!("&client_id={ADMINISTRATION}"), JOB_TOKEN).await;
    other.expect(400);
}

#[tokio::test]
async fn statements_that_nobody_made_are_refused() {
    let office = office().await;
    let encode = |value: Json| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = |issuer: &str| {
        let header = encode(json!({"alg": "none"}));
        let claims = encode(
            json!({"iss": issuer, "sub": "repo:contoso/desk:environment:prod", "aud": "api://AzureADTokenExchange", "exp": 9_999_999_999_i64}),
        );
        format!("{header}.{claims}.")
    };
    let own = format!("{}/github", office.url());
    for (assertion, status, number) in [
        (unsigned(&own), 401, 50_013),
        (
            unsigned("https://token.actions.githubusercontent.com"),
            401,
            700_211,
        ),
        (unsigned(PIPELINE), 401, 700_027),
        ("nonsense".to_owned(), 400, 50_027),
    ] {
        let answer = office.vouched(PIPELINE, &assertion).await.expect(status);
        assert_eq!(answer.refusal().0, number);
    }
}

/// An assertion as MSAL creates it, signed with the tests' certificate.
fn statement(algorithm: &str, claims: &Json) -> String {
    let certificate = CertificateDer::from_pem_slice(PEM).expect("a certificate");
    let PrivateKeyDer::Pkcs8(key) = PrivateKeyDer::from_pem_slice(PEM).expect("a key") else {
        panic!("the key is PKCS #8");
    };
    let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).expect("an RSA key");
    let (name, digest, padding): (_, _, &dyn RsaEncoding) = match algorithm {
        "PS256" => ("x5t#S256", &ring::digest::SHA256, &RSA_PSS_SHA256),
        _ => (
            "x5t",
            &ring::digest::SHA1_FOR_LEGACY_USE_ONLY,
            &RSA_PKCS1_SHA256,
        ),
    };
    let thumbprint = URL_SAFE_NO_PAD.encode(ring::digest::digest(digest, &certificate));
    let encode = |value: &Json| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = encode(&json!({"alg": algorithm, "typ": "JWT", name: thumbprint}));
    let signed = format!("{header}.{}", encode(claims));
    let mut signature = vec![0; key.public().modulus_len()];
    let random = ring::rand::SystemRandom::new();
    key.sign(padding, &random, signed.as_bytes(), &mut signature)
        .expect("it signs");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test]
async fn an_application_vouches_for_itself_with_a_registered_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("app.pem"), PEM).expect("it writes");
    let file = folder.path().join("directory.yaml");
    let text = format!(
        "tenant: {TENANT}\ndomain: contoso.example\napplications:\n- {{id: {PIPELINE}, certificates: [app.pem]}}\n- {{id: {ADMINISTRATION}}}\n"
    );
    std::fs::write(&file, text).expect("it writes");
    let office = office_with(Some(file)).await;
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let endpoint = format!("{}/{TENANT}/oauth2/v2.0/token", office.url());
    let claims = |changed: Json| {
        let mut claims = json!({"iss": PIPELINE, "sub": PIPELINE, "aud": endpoint, "nbf": now, "exp": now + 600, "jti": "1"});
        if let (Some(claims), Json::Object(changed)) = (claims.as_object_mut(), changed) {
            claims.extend(changed);
        }
        claims
    };
    for algorithm in ["RS256", "PS256"] {
        let assertion = statement(algorithm, &claims(json!({})));
        let token = access_token(&office.vouched(PIPELINE, &assertion).await.expect(200));
        assert_eq!(office.who(&token).await, "pipeline@contoso.com");
    }
    let other = "https://login.microsoftonline.com/common/oauth2/v2.0/token";
    for (changed, number) in [
        (json!({"aud": other}), 700_023),
        (json!({"sub": ADMINISTRATION}), 700_021),
        (json!({"nbf": now - 2_000, "exp": now - 1_000}), 700_024),
    ] {
        let assertion = statement("RS256", &claims(changed));
        let answer = office.vouched(PIPELINE, &assertion).await.expect(401);
        assert_eq!(answer.refusal().0, number);
    }
    // an application without this certificate
    let own = claims(json!({"iss": ADMINISTRATION, "sub": ADMINISTRATION}));
    let answer = office
        .vouched(ADMINISTRATION, &statement("RS256", &own))
        .await
        .expect(401);
    assert_eq!(answer.refusal().0, 700_027);
    // a signature over different content
    let (head, _) = statement("RS256", &claims(json!({})))
        .rsplit_once('.')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .expect("three parts");
    let (_, foreign) = statement("RS256", &own)
        .rsplit_once('.')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .expect("three parts");
    let answer = office
        .vouched(PIPELINE, &format!("{head}.{foreign}"))
        .await
        .expect(401);
    assert_eq!(answer.refusal().0, 700_027);
}
