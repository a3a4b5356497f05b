//! Routes requests for sign-in: the token protocol, pages, discovery, platforms.

use http::{Method, StatusCode};
use serde_json::{Value as Json, json};

use super::asked::{Asked, json_reply};
use super::refusal::Refusal;
use super::token::{Request, Version};
use super::{Desk, device, platform, token};
use crate::call::Reply;
use crate::clock::Moment;

/// Whether a path belongs to the issuers, not to the environment or the tests.
pub(crate) fn is_ours(path: &str) -> bool {
    let within = |root: &str| {
        path.strip_prefix(root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    within("/__emulator/sign-in") || !(within("/api") || within("/__emulator"))
}

/// Whether requests to a path have form bodies: the token protocol and the pages for people.
pub(crate) fn is_form(path: &str) -> bool {
    is_ours(path) && !path.starts_with("/__emulator")
}

/// Answers a request to an issuer, or returns `None` for an unknown path.
pub(super) fn answer(desk: &Desk, asked: &Asked<'_>) -> Option<Reply> {
    let segments: Vec<&str> = asked.path.trim_matches('/').split('/').collect();
    protocol(desk, asked, &segments)
        .or_else(|| page(desk, asked, &segments))
        .or_else(|| discovery(desk, asked, &segments))
        .or_else(|| machine(desk, asked, &segments))
        .or_else(|| platform::answer(desk, asked, &segments))
}

/// Tokens and device codes, in both protocol versions.
fn protocol(desk: &Desk, asked: &Asked<'_>, segments: &[&str]) -> Option<Reply> {
    let (tenant, version, endpoint) = match segments {
        [tenant, "oauth2", "v2.0", endpoint] => (*tenant, Version::Two, *endpoint),
        [tenant, "oauth2", endpoint] => (*tenant, Version::One, *endpoint),
        _ => return None,
    };
    let form = match *asked.method {
        Method::POST => asked.form(),
        Method::GET if endpoint == "authorize" => asked.query(),
        _ => return None,
    };
    let request = Request {
        version,
        place: &asked.place,
        tenant,
        form: &form,
    };
    let result = match endpoint {
        "authorize" if version == Version::Two && desk.directory.is_tenant(tenant) => {
            let answered = asked.method == Method::POST;
            let reply = token::authorize(desk, &request, answered);
            return Some(reply.unwrap_or_else(|refusal| refusal.reply(&desk.engine.request_id())));
        }
        "token" => token::answer(desk, &request),
        "devicecode" => token::begin_device(desk, &request),
        _ => return None,
    };
    Some(issued(desk, result))
}

/// Pages for people, and endpoints for tests.
fn page(desk: &Desk, asked: &Asked<'_>, segments: &[&str]) -> Option<Reply> {
    let text = |text: &str| Reply::text("text/plain; charset=utf-8", text.to_owned());
    match (asked.method.as_str(), segments) {
        ("POST", ["__emulator", "sign-in", "revoke"]) => {
            desk.revoke();
            Some(Reply {
                status: StatusCode::NO_CONTENT,
                headers: Vec::new(),
                body: Vec::new(),
            })
        }
        ("GET", ["devicelogin"]) => {
            Some(Reply::text("text/html; charset=utf-8", device::PAGE.into()))
        }
        ("POST", ["devicelogin"]) => {
            if desk.devices.answer(&asked.form(), Moment::now().0) {
                return Some(text("Done. You may close this page.\n"));
            }
            let mut reply = text("This code is not known, or has ended.\n");
            reply.status = StatusCode::BAD_REQUEST;
            Some(reply)
        }
        _ => None,
    }
}

/// OpenID Connect discovery, and the instance discovery that Microsoft's own libraries start with.
fn discovery(desk: &Desk, asked: &Asked<'_>, segments: &[&str]) -> Option<Reply> {
    if asked.method != Method::GET {
        return None;
    }
    let tenant = desk.directory.tenant;
    let (origin, host) = (asked.place.origin(), &asked.place.host);
    let body = match segments {
        ["common", "discovery", "instance"] => json!({
            "tenant_discovery_endpoint": format!("{origin}/{tenant}/v2.0/.well-known/openid-configuration"),
            "api-version": "1.1",
            "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
        }),
        [named, "v2.0", ".well-known", "openid-configuration"]
        | [named, ".well-known", "openid-configuration"]
            if desk.directory.is_tenant(named) =>
        {
            let root = format!("{origin}/{tenant}");
            json!({
                "issuer": format!("{root}/v2.0"),
                "authorization_endpoint": format!("{root}/oauth2/v2.0/authorize"),
                "token_endpoint": format!("{root}/oauth2/v2.0/token"),
                "device_authorization_endpoint": format!("{root}/oauth2/v2.0/devicecode"),
                "jwks_uri": format!("{root}/discovery/v2.0/keys"),
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
                "subject_types_supported": ["pairwise"],
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
            })
        }
        [named, "discovery", "v2.0", "keys"] | [named, "discovery", "keys"]
            if desk.directory.is_tenant(named) =>
        {
            desk.keys.entra.key_set()
        }
        _ => return None,
    };
    Some(json_reply(StatusCode::OK, &body))
}

/// The managed identity of the machine, for callers that know its secret (App Service: `IDENTITY_ENDPOINT`).
fn machine(desk: &Desk, asked: &Asked<'_>, segments: &[&str]) -> Option<Reply> {
    if asked.method != Method::GET || *segments != ["managed-identity", "token"] {
        return None;
    }
    let shown = asked.headers.get("x-identity-header");
    if shown.is_none_or(|shown| shown.as_bytes() != platform::JOB_TOKEN.as_bytes()) {
        return Some(json_reply(
            StatusCode::UNAUTHORIZED,
            &json!({"statusCode": 401, "message": "the identity header is missing or wrong"}),
        ));
    }
    let result = token::for_machine(desk, &asked.place, &asked.query());
    Some(issued(desk, result))
}

/// Tokens must not be cached on the way.
fn issued(desk: &Desk, result: Result<Json, Refusal>) -> Reply {
    match result {
        Ok(body) => json_reply(StatusCode::OK, &body)
            .with("Cache-Control", "no-store, no-cache")
            .with("Pragma", "no-cache"),
        Err(refusal) => refusal.reply(&desk.engine.request_id()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_and_the_tests_endpoints_are_not_the_issuers() {
        for (path, ours) in [
            ("/api", false),
            ("/api/data/v9.2/WhoAmI", false),
            ("/__emulator/stats", false),
            ("/__emulator/sign-in/revoke", true),
            ("/apis", true),
            ("/contoso.onmicrosoft.com/oauth2/v2.0/token", true),
            ("/", true),
        ] {
            assert_eq!(is_ours(path), ours, "{path}");
        }
    }
}
