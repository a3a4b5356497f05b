//! Section 12: the device code flow, and renewal without user interaction.

use serde_json::Value as Json;

use crate::office::{Office, PIPELINE, PUBLIC, TENANT, access_token, office};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

async fn begun(office: &Office) -> Json {
    let scope = format!("{}/user_impersonation offline_access openid", office.url());
    let fields = [("client_id", PUBLIC), ("scope", scope.as_str())];
    let path = format!("{TENANT}/oauth2/v2.0/devicecode");
    office.post(&path, &fields).await.expect(200).json()
}

async fn asked(office: &Office, begun: &Json) -> crate::office::Answer {
    let code = begun["device_code"].as_str().expect("a code");
    let path = "common/oauth2/v2.0/token";
    let fields = [
        ("grant_type", GRANT),
        ("client_id", PUBLIC),
        ("device_code", code),
    ];
    office.post(path, &fields).await
}

async fn signed_in(office: &Office, user: &str) -> Json {
    let begun = begun(office).await;
    let code = begun["user_code"].as_str().expect("a code");
    let fields = [("user_code", code), ("user", user)];
    office.post("devicelogin", &fields).await.expect(200);
    asked(office, &begun).await.expect(200).json()
}

#[tokio::test]
async fn a_person_types_a_code_and_becomes_a_user() {
    let office = office().await;
    let page = office.get("devicelogin").await.expect(200);
    assert!(page.text.contains("user_code"));
    let begun = begun(&office).await;
    let waiting = asked(&office, &begun).await.expect(400);
    assert_eq!(
        waiting.refusal(),
        (70_016, "authorization_pending".to_owned())
    );
    office
        .post("devicelogin", &[("user_code", "NONE"), ("user", "a")])
        .await
        .expect(400);
    let issued = signed_in(&office, "Admin@contoso.com").await;
    let token = issued["access_token"].as_str().expect("a token");
    assert_eq!(office.who(token).await, "admin@contoso.com");
    assert!(issued["id_token"].is_string());
}

#[tokio::test]
async fn a_user_is_known_by_object_id_too() {
    let office = office().await;
    let issued = signed_in(&office, "sofia.lind@contoso.com").await;
    let token = issued["access_token"].as_str().expect("a token");
    let answer = office.api("WhoAmI", token).await.expect(200);
    assert!(answer.json()["UserId"].is_string());
}

#[tokio::test]
async fn who_is_disabled_or_unknown_is_refused() {
    let office = office().await;
    for (user, code) in [
        ("gone@contoso.com", "0x80040225"),
        ("nobody@fabrikam.com", "0x80072560"),
    ] {
        let issued = signed_in(&office, user).await;
        let token = issued["access_token"].as_str().expect("a token");
        let answer = office.api("WhoAmI", token).await.expect(403);
        assert_eq!(answer.json()["error"]["code"], code, "{user}");
    }
}

#[tokio::test]
async fn a_renewed_token_is_the_same_users_and_only_its_own_clients() {
    let office = office().await;
    let issued = signed_in(&office, "admin@contoso.com").await;
    let renewal = issued["refresh_token"].as_str().expect("a refresh token");
    let scope = format!("{}/user_impersonation offline_access", office.url());
    let fields = |client| {
        [
            ("grant_type", "refresh_token"),
            ("client_id", client),
            ("refresh_token", renewal),
            ("scope", scope.as_str()),
        ]
    };
    let answer = office.token(&fields(PUBLIC)).await.expect(200);
    assert_eq!(
        office.who(&access_token(&answer)).await,
        "admin@contoso.com"
    );
    assert!(answer.json()["refresh_token"].is_string());
    office.token(&fields(PIPELINE)).await.expect(401);
    // an access token cannot be used for renewal, and a refresh token gives no access
    let access = access_token(&answer);
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", PUBLIC),
        ("refresh_token", access.as_str()),
    ];
    assert_eq!(office.token(&fields).await.expect(400).refusal().0, 70_000);
    office.api("WhoAmI", renewal).await.expect(401);
}
