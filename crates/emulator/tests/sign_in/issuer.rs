//! Section 12: the challenge, client secrets, both versions of the protocol, token expiry, the users of tokens.

use std::time::Duration;

use reqwest::Method;

use crate::office::{
    ADMINISTRATION, PIPELINE, PUBLIC, SECRET, STRANGER, TENANT, access_token, office, office_with,
    send,
};

#[tokio::test]
async fn a_request_without_a_token_is_told_where_to_get_one() {
    let office = office().await;
    for path in [
        "api/data/v9.2/WhoAmI",
        "api/data/v9",
        "api/data/v9.2/$batch",
    ] {
        let answer = office.get(path).await.expect(401);
        let url = office.url();
        assert_eq!(
            answer.challenge,
            format!("Bearer authorization_uri={url}/{TENANT}/oauth2/authorize, resource_id={url}/")
        );
        assert_eq!(answer.json()["error"]["code"], "0x80044302");
    }
}

#[tokio::test]
async fn an_application_with_a_secret_is_its_application_user() {
    let office = office().await;
    let token = office.token_of(PIPELINE).await;
    assert_eq!(office.who(&token).await, "pipeline@contoso.com");
    // its role grants no access to accounts, wherever the request appears
    let denied = office.api("accounts", &token).await.expect(403);
    assert_eq!(denied.json()["error"]["code"], "0x80040220");
    let token = office.token_of(ADMINISTRATION).await;
    office.api("accounts", &token).await.expect(200);
}

#[tokio::test]
async fn parts_of_a_batch_have_the_rights_of_the_batch_and_no_other() {
    let office = office().await;
    let token = office.token_of(PIPELINE).await;
    let body = "--b\r\nContent-Type: application/http\r\n\r\nGET accounts HTTP/1.1\r\nx-emulator-signed-in-user: 0c0f0000-0000-4000-8000-000000000a01\r\n\r\n\r\n\
                --b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\nPOST accounts HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{\"name\":\"A\"}\r\n--c--\r\n--b--\r\n";
    let answer = send(
        office
            .client
            .request(
                Method::POST,
                format!("{}/api/data/v9.2/$batch", office.url()),
            )
            .bearer_auth(&token)
            .header("Content-Type", "multipart/mixed; boundary=b")
            .header("Prefer", "odata.continue-on-error")
            .body(body),
    )
    .await
    .expect(200);
    assert_eq!(
        answer.text.matches("HTTP/1.1 403").count(),
        2,
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn the_first_version_of_the_protocol_names_a_resource_and_answers_in_texts() {
    let office = office().await;
    let resource = format!("{}/", office.url());
    let answer = office
        .post(
            &format!("{TENANT}/oauth2/token"),
            &[
                ("grant_type", "client_credentials"),
                ("client_id", PIPELINE),
                ("client_secret", SECRET),
                ("resource", &resource),
            ],
        )
        .await
        .expect(200);
    let body = answer.json();
    assert_eq!(body["resource"], resource.as_str());
    assert!(
        body["expires_on"].is_string() && body["expires_in"] == "3599",
        "{body}"
    );
    let token = access_token(&answer);
    assert_eq!(office.who(&token).await, "pipeline@contoso.com");
}

#[tokio::test]
async fn wrong_requests_are_refused_with_the_numbers_that_entra_documents() {
    let office = office().await;
    let good = [
        ("grant_type", "client_credentials"),
        ("client_id", PIPELINE),
        ("client_secret", SECRET),
    ];
    let foreign = "https://contoso.crm.dynamics.com/.default";
    let person = format!("{}/user_impersonation", office.url());
    let other = format!("{}/other", office.url());
    let cases: &[(&str, &str, u64, &str, u16)] = &[
        ("client_secret", "wrong", 7_000_215, "invalid_client", 401),
        ("client_secret", "", 7_000_218, "invalid_client", 401),
        ("client_id", TENANT, 700_016, "unauthorized_client", 400),
        ("client_id", "", 900_144, "invalid_request", 400),
        (
            "grant_type",
            "password",
            70_003,
            "unsupported_grant_type",
            400,
        ),
        ("scope", foreign, 500_011, "invalid_resource", 400),
        ("scope", &person, 1_002_012, "invalid_scope", 400),
        ("scope", &other, 1_002_012, "invalid_scope", 400),
    ];
    for (name, value, number, word, status) in cases {
        let mut fields: Vec<(&str, &str)> = good
            .iter()
            .filter(|(field, _)| field != name)
            .copied()
            .collect();
        fields.push((name, value));
        let answer = office.token(&fields).await.expect(*status);
        assert_eq!(
            answer.refusal(),
            (*number, (*word).to_owned()),
            "{name}={value}"
        );
        assert!(!answer.text.contains(SECRET));
    }
    let answer = office
        .post("fabrikam.onmicrosoft.com/oauth2/v2.0/token", &good)
        .await;
    assert_eq!(answer.expect(400).refusal().0, 90_002);
}

#[tokio::test]
async fn tokens_that_are_not_the_issuers_or_for_another_resource_are_not_taken() {
    let office = office().await;
    let token = office.token_of(PIPELINE).await;
    let mut forged = token.clone();
    forged.replace_range(..1, "f");
    let (head, signature) = token.rsplit_once('.').expect("three parts");
    let mut other = signature.to_owned();
    other.replace_range(..1, if signature.starts_with('A') { "B" } else { "A" });
    for bad in [
        "t",
        &forged,
        &format!("{head}."),
        &format!("{head}.{other}"),
    ] {
        let answer = office.api("WhoAmI", bad).await.expect(401);
        assert!(
            answer
                .challenge
                .starts_with("Bearer error=\"invalid_token\""),
            "{}",
            answer.challenge
        );
        assert!(
            answer.challenge.contains("resource_id=\"https://"),
            "{}",
            answer.challenge
        );
    }
    // another emulator has other keys
    let elsewhere = crate::office::office().await;
    elsewhere.api("WhoAmI", &token).await.expect(401);
    // all names of this machine refer to the same resource
    let port = office.url().rsplit(':').next().expect("a port");
    let url = format!("https://localhost:{port}/api/data/v9.2/WhoAmI");
    send(office.client.get(url).bearer_auth(&token))
        .await
        .expect(200);
}

#[tokio::test]
async fn tokens_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("directory.yaml");
    let text = format!(
        "tenant: {TENANT}\ndomain: contoso.example\ntokenLifetime: 1\napplications:\n- {{id: {PIPELINE}, secrets: [{SECRET}]}}\n"
    );
    std::fs::write(&file, text).expect("it writes");
    let office = office_with(Some(file)).await;
    let token = office.token_of(PIPELINE).await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let answer = office.api("WhoAmI", &token).await.expect(401);
    assert!(
        answer.challenge.contains("The token has expired."),
        "{}",
        answer.challenge
    );
}

#[tokio::test]
async fn revoked_tokens_are_not_taken_and_new_ones_are() {
    let office = office().await;
    let token = office.token_of(PIPELINE).await;
    office.api("WhoAmI", &token).await.expect(200);
    office
        .post("__emulator/sign-in/revoke", &[])
        .await
        .expect(204);
    office.api("WhoAmI", &token).await.expect(401);
    let fresh = office.token_of(PIPELINE).await;
    office.api("WhoAmI", &fresh).await.expect(200);
}

#[tokio::test]
async fn an_application_without_a_user_is_no_member() {
    let office = office().await;
    let token = office.token_of(STRANGER).await;
    let answer = office.api("WhoAmI", &token).await.expect(403);
    assert_eq!(answer.json()["error"]["code"], "0x80072560");
    assert!(
        answer
            .text
            .contains("The user is not a member of the organization.")
    );
}

#[tokio::test]
async fn public_clients_have_no_rights_of_their_own() {
    let office = office().await;
    let answer = office
        .token(&[
            ("grant_type", "client_credentials"),
            ("client_id", PUBLIC),
            ("client_secret", SECRET),
        ])
        .await;
    assert_eq!(answer.expect(401).refusal().0, 7_000_215);
}

#[tokio::test]
async fn issuers_describe_themselves() {
    let office = office().await;
    let url = office.url();
    let described = office
        .get(&format!("{TENANT}/v2.0/.well-known/openid-configuration"))
        .await
        .expect(200)
        .json();
    assert_eq!(described["issuer"], format!("{url}/{TENANT}/v2.0"));
    for issuer in [TENANT, "github", "azure-devops", "kubernetes"] {
        let described = office
            .get(&format!("{issuer}/.well-known/openid-configuration"))
            .await
            .expect(200)
            .json();
        let keys = described["jwks_uri"].as_str().expect("a URL").to_owned();
        let path = keys.strip_prefix(&format!("{url}/")).expect("our own");
        let keys = office.get(path).await.expect(200).json();
        assert_eq!(keys["keys"][0]["crv"], "P-256", "{issuer}");
    }
    office.get("common/discovery/instance").await.expect(200);
    office.get("nothing/here").await.expect(404);
}
