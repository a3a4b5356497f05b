//! Platforms that issue assertions for the workloads they run: GitHub Actions, Azure Pipelines, Kubernetes.
//!
//! Each platform has its own key and its own response format, so that tests run the client's actual code for it.

use http::StatusCode;
use serde_json::{Value as Json, json};

use super::Desk;
use super::asked::{Asked, bearer, json_reply};
use super::directory::Platform;
use super::place::Place;
use super::refusal::Refusal;
use crate::call::Reply;
use crate::clock::Moment;

/// The token that a job presents to its platform, set as `ACTIONS_ID_TOKEN_REQUEST_TOKEN` or `SYSTEM_ACCESSTOKEN`.
pub(super) const JOB_TOKEN: &str = "emulator-job-token";

/// The audience that Entra expects in an assertion from another issuer.
pub(super) const AUDIENCE: &str = "api://AzureADTokenExchange";

/// Lifetime of an assertion, in seconds.
const LIFETIME: i64 = 300;

/// Answers a request to a platform, or returns `None` if it is not one.
pub(super) fn answer(desk: &Desk, asked: &Asked<'_>, segments: &[&str]) -> Option<Reply> {
    let (first, rest) = segments.split_first()?;
    let platform = Platform::ALL
        .into_iter()
        .find(|platform| platform.segment() == *first)?;
    let place = &asked.place;
    let query = asked.query();
    let job = bearer(asked.headers) == Some(JOB_TOKEN);
    let reply = match (platform, asked.method.as_str(), rest) {
        (_, "GET", [".well-known", "openid-configuration"]) => json_reply(
            StatusCode::OK,
            &json!({
                "issuer": issuer(place, platform),
                "jwks_uri": format!("{}/keys", issuer(place, platform)),
                "subject_types_supported": ["public"],
                "response_types_supported": ["id_token"],
                "id_token_signing_alg_values_supported": ["ES256"],
            }),
        ),
        (_, "GET", ["keys"]) => {
            json_reply(StatusCode::OK, &desk.keys.of_platform(platform).key_set())
        }
        (Platform::Github, "GET", ["token"])
        | (Platform::AzureDevops, "POST", ["oidctoken"])
        | (
            Platform::Kubernetes,
            "POST",
            ["api", "v1", "namespaces", _, "serviceaccounts", _, "token"],
        ) if !job => json_reply(
            StatusCode::UNAUTHORIZED,
            &json!({"message": "the job's token is missing or wrong"}),
        ),
        // OpenID Connect reference of GitHub Actions: requesting the token
        (Platform::Github, "GET", ["token"]) => {
            let Some(subject) = query.get("subject") else {
                return Some(asks_for("subject"));
            };
            let audience = query
                .get("audience")
                .unwrap_or("https://github.com/contoso");
            stated(
                desk,
                place,
                platform,
                subject,
                audience,
                |token| json!({"count": token.len(), "value": token}),
            )
        }
        // Azure DevOps REST API: Oidctoken, Create
        (Platform::AzureDevops, "POST", ["oidctoken"]) => {
            let Some(connection) = query.get("serviceConnectionId") else {
                return Some(asks_for("serviceConnectionId"));
            };
            let subject = format!("sc://contoso/desk/{connection}");
            stated(
                desk,
                place,
                platform,
                &subject,
                AUDIENCE,
                |token| json!({"oidcToken": token}),
            )
        }
        // Kubernetes API: TokenRequest
        (
            Platform::Kubernetes,
            "POST",
            [
                "api",
                "v1",
                "namespaces",
                space,
                "serviceaccounts",
                name,
                "token",
            ],
        ) => {
            let wanted: Json = serde_json::from_slice(asked.body).unwrap_or_default();
            let audience = wanted["spec"]["audiences"][0].as_str().unwrap_or(AUDIENCE);
            let subject = format!("system:serviceaccount:{space}:{name}");
            stated(
                desk,
                place,
                platform,
                &subject,
                audience,
                |token| json!({"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "status": {"token": token}}),
            )
        }
        _ => return None,
    };
    Some(reply)
}

/// The issuer of a platform's assertions.
pub(super) fn issuer(place: &Place, platform: Platform) -> String {
    format!("{}/{}", place.origin(), platform.segment())
}

fn asks_for(parameter: &str) -> Reply {
    json_reply(
        StatusCode::BAD_REQUEST,
        &json!({"message": format!("the parameter `{parameter}` is missing")}),
    )
}

fn stated(
    desk: &Desk,
    place: &Place,
    platform: Platform,
    subject: &str,
    audience: &str,
    wrapped: impl Fn(String) -> Json,
) -> Reply {
    let now = Moment::now().0;
    let claims = json!({
        "iss": issuer(place, platform),
        "sub": subject,
        "aud": audience,
        "jti": uuid::Uuid::new_v4(),
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME,
    });
    match desk.keys.of_platform(platform).sign(&claims) {
        Ok(token) => json_reply(StatusCode::OK, &wrapped(token)),
        Err(_) => Refusal::unsigned().reply(&desk.engine.request_id()),
    }
}
