//! The token endpoint (Microsoft identity platform: client credentials, device authorization grant, refresh; RFC 6749).

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::Desk;
use super::assertion;
use super::code;
use super::directory::Application;
use super::form::Form;
use super::jwt::{Skew, Token, text};
use super::place::Place;
use super::refusal::Refusal;
use crate::call::Reply;
use crate::clock::Moment;

const BY_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const BY_DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Lifetime of a refresh token, in seconds: one day, as for single-page applications.
const RENEWABLE: i64 = 86_400;

/// The two versions of the token protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// `oauth2/token`, with a resource.
    One,
    /// `oauth2/v2.0/token`, with scopes.
    Two,
}

/// The subject of a token.
pub(super) enum Subject {
    Application(Uuid),
    /// A person, by name, who uses an application.
    Person {
        user: String,
        client: Uuid,
    },
}

/// A token request.
pub(super) struct Request<'a> {
    pub(super) version: Version,
    pub(super) place: &'a Place,
    /// The tenant in the path.
    pub(super) tenant: &'a str,
    pub(super) form: &'a Form,
}

/// Returns the issued token, or the reason why none was issued.
pub(super) fn answer(desk: &Desk, request: &Request<'_>) -> Result<Json, Refusal> {
    if !desk.directory.is_tenant(request.tenant) {
        return Err(Refusal::new(
            "invalid_request",
            90_002,
            format!(
                "Tenant '{}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.",
                request.tenant
            ),
        ));
    }
    let form = request.form;
    match form.require("grant_type")? {
        "client_credentials" => for_application(desk, request),
        BY_DEVICE_CODE | "device_code" => for_device(desk, request),
        "authorization_code" => for_code(desk, request),
        "refresh_token" => renewed(desk, request),
        other => Err(Refusal::new(
            "unsupported_grant_type",
            70_003,
            format!("The app requested an unsupported grant type '{other}'."),
        )),
    }
}

/// Starts the device code flow.
pub(super) fn begin_device(desk: &Desk, request: &Request<'_>) -> Result<Json, Refusal> {
    let client = public(desk, request.form)?;
    let scope = wanted(request)?;
    resource_of(request.place, &scope)?;
    Ok(desk.devices.begin(
        request.place,
        client.id,
        &scope,
        desk.directory.device_code,
        Moment::now().0,
    ))
}

/// Issues a token for the managed identity of the machine (App Service: managed identities, REST endpoint reference).
pub(super) fn for_machine(desk: &Desk, place: &Place, query: &Form) -> Result<Json, Refusal> {
    let request = Request {
        version: Version::One,
        place,
        tenant: &desk.directory.domain,
        form: query,
    };
    let application = desk
        .directory
        .managed_identity(query.get("client_id"))
        .ok_or_else(|| {
            Refusal::new(
                "invalid_request",
                700_016,
                "No managed identity was found for the specified parameters.",
            )
        })?;
    let scope = wanted(&request)?;
    let resource = resource_of(place, &scope)?;
    let subject = Subject::Application(application.id);
    let mut reply = issued(desk, &request, &subject, &resource, &scope)?;
    if let Some(fields) = reply.as_object_mut() {
        fields.insert("client_id".to_owned(), application.id.to_string().into());
    }
    Ok(reply)
}

fn for_application(desk: &Desk, request: &Request<'_>) -> Result<Json, Refusal> {
    let form = request.form;
    let application = known(desk, form)?;
    match (form.get("client_secret"), form.get("client_assertion")) {
        (Some(secret), _) => by_secret(application, secret)?,
        (None, Some(assertion)) => {
            if form.require("client_assertion_type")? != BY_ASSERTION {
                return Err(Refusal::new(
                    "invalid_request",
                    900_144,
                    format!("The client_assertion_type must be '{BY_ASSERTION}'."),
                ));
            }
            assertion::check(desk, request.place, application, assertion)?;
        }
        (None, None) => {
            return Err(Refusal::new(
                "invalid_client",
                7_000_218,
                "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
            ));
        }
    }
    let scope = wanted(request)?;
    if request.version == Version::Two && !scope.ends_with("/.default") {
        return Err(Refusal::new(
            "invalid_scope",
            1_002_012,
            format!(
                "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."
            ),
        ));
    }
    let resource = resource_of(request.place, &scope)?;
    issued(
        desk,
        request,
        &Subject::Application(application.id),
        &resource,
        &scope,
    )
}

fn for_device(desk: &Desk, request: &Request<'_>) -> Result<Json, Refusal> {
    let form = request.form;
    let client = public(desk, form)?;
    let code = match form.get("device_code").or_else(|| form.get("code")) {
        Some(code) => code,
        None => return Err(Refusal::missing("device_code")),
    };
    let granted =
        desk.devices
            .redeem(code, client.id, desk.directory.device_code, Moment::now().0)?;
    let resource = resource_of(request.place, &granted.scope)?;
    let subject = Subject::Person {
        user: granted.user,
        client: client.id,
    };
    issued(desk, request, &subject, &resource, &granted.scope)
}

fn for_code(desk: &Desk, request: &Request<'_>) -> Result<Json, Refusal> {
    let client = public(desk, request.form)?;
    let granted = desk
        .codes
        .redeem(request.form, client.id, Moment::now().0)?;
    let resource = resource_of(request.place, &granted.scope)?;
    let subject = Subject::Person {
        user: granted.user,
        client: client.id,
    };
    issued(desk, request, &subject, &resource, &granted.scope)
}

/// Handles the authorization request of a person's browser, and the person's answer. Nobody is redirected without an application and one of
/// its registered redirects.
pub(super) fn authorize(
    desk: &Desk,
    request: &Request<'_>,
    answered: bool,
) -> Result<Reply, Refusal> {
    let form = request.form;
    let client = public(desk, form)?;
    let redirect = form.require("redirect_uri")?;
    if !code::is_registered(&client.redirects, redirect) {
        return Err(Refusal::new(
            "invalid_request",
            50_011,
            format!(
                "The redirect URI '{redirect}' specified in the request does not match the redirect URIs configured for the application '{}'.",
                client.id
            ),
        ));
    }
    let state = form.get("state");
    let refused = |error: &str, why: &str| {
        Ok(code::redirected(
            redirect,
            state,
            &[("error", error), ("error_description", why)],
        ))
    };
    if form.get("response_type") != Some("code") {
        return refused(
            "unsupported_response_type",
            "AADSTS700054: response_type is not enabled for the application.",
        );
    }
    let challenge = form.get("code_challenge").unwrap_or_default();
    if challenge.len() != 43 || form.get("code_challenge_method") != Some("S256") {
        return refused(
            "invalid_request",
            "AADSTS501491: the application must prove by S256 that it asked.",
        );
    }
    let scope = wanted(request)?;
    if let Err(refusal) = resource_of(request.place, &scope) {
        return refused(refusal.error(), &refusal.text());
    }
    if !answered {
        return Ok(code::page(form));
    }
    let question = code::Question {
        client: client.id,
        redirect: redirect.to_owned(),
        scope,
        challenge: challenge.to_owned(),
    };
    match form.get("user") {
        Some(user) if form.get("cancel").is_none() => {
            let code = desk.codes.give(&question, user, Moment::now().0);
            Ok(code::redirected(redirect, state, &[("code", &code)]))
        }
        _ => refused(
            "access_denied",
            "AADSTS65004: User declined to consent to access the app.",
        ),
    }
}

fn renewed(desk: &Desk, request: &Request<'_>) -> Result<Json, Refusal> {
    let form = request.form;
    let client = public(desk, form)?;
    let refused = || {
        Refusal::new(
            "invalid_grant",
            70_000,
            "Provided grant is invalid or malformed.",
        )
    };
    let token = Token::parse(form.require("refresh_token")?).ok_or_else(refused)?;
    if !desk.keys.renewal.made(&token) || token.text("client") != client.id.to_string() {
        return Err(refused());
    }
    if !token.holds(Moment::now().0, Skew::None) {
        return Err(Refusal::new(
            "invalid_grant",
            700_082,
            "The refresh token has expired due to inactivity.",
        ));
    }
    let scope = match form.get("scope").or_else(|| form.get("resource")) {
        Some(_) => wanted(request)?,
        None => token.text("scope").to_owned(),
    };
    let resource = resource_of(request.place, &scope)?;
    let subject = Subject::Person {
        user: token.text("user").to_owned(),
        client: client.id,
    };
    issued(desk, request, &subject, &resource, &scope)
}

fn known<'a>(desk: &'a Desk, form: &Form) -> Result<&'a Application, Refusal> {
    let id = form.require("client_id")?;
    desk.directory.application(id).ok_or_else(|| {
        Refusal::new(
            "unauthorized_client",
            700_016,
            format!(
                "Application with identifier '{id}' was not found in the directory '{}'.",
                desk.directory.domain
            ),
        )
    })
}

fn public<'a>(desk: &'a Desk, form: &Form) -> Result<&'a Application, Refusal> {
    let application = known(desk, form)?;
    if application.public {
        Ok(application)
    } else {
        Err(Refusal::new(
            "invalid_client",
            7_000_218,
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        ))
    }
}

fn by_secret(application: &Application, secret: &str) -> Result<(), Refusal> {
    if application.secrets.iter().any(|known| known == secret) {
        return Ok(());
    }
    Err(Refusal::new(
        "invalid_client",
        7_000_215,
        format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{}'.",
            application.id
        ),
    ))
}

/// The requested permissions, as a scope of version 2.0.
fn wanted(request: &Request<'_>) -> Result<String, Refusal> {
    match request.version {
        Version::One => {
            let resource = request.form.require("resource")?;
            Ok(format!("{}/.default", resource.trim_end_matches('/')))
        }
        Version::Two => request.form.require("scope").map(str::to_owned),
    }
}

/// The resource in the scopes. Dataverse offers a single permission, `user_impersonation` (Use OAuth with Dataverse).
fn resource_of(place: &Place, scope: &str) -> Result<String, Refusal> {
    let mut resource = None;
    for scope in scope.split_whitespace() {
        if matches!(scope, "openid" | "profile" | "email" | "offline_access") {
            continue;
        }
        let named = scope
            .strip_suffix("/.default")
            .or_else(|| scope.strip_suffix("/user_impersonation"))
            .ok_or_else(|| {
                Refusal::new(
                    "invalid_scope",
                    70_011,
                    format!("The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid."),
                )
            })?;
        let named = named.trim_end_matches('/');
        if !place.is_resource(named) {
            return Err(Refusal::new(
                "invalid_resource",
                500_011,
                format!("The resource principal named {named} was not found in the tenant."),
            ));
        }
        resource = Some(named.to_owned());
    }
    resource.ok_or_else(|| {
        Refusal::new(
            "invalid_scope",
            70_011,
            "The provided request must include a 'scope' input parameter that names a resource.",
        )
    })
}

fn issued(
    desk: &Desk,
    request: &Request<'_>,
    subject: &Subject,
    resource: &str,
    scope: &str,
) -> Result<Json, Refusal> {
    let now = Moment::now().0;
    let lifetime = desk.directory.token_lifetime;
    let tenant = desk.directory.tenant;
    let issuer = format!("{}/{tenant}/v2.0", request.place.origin());
    let mut claims = json!({
        "aud": resource,
        "iss": issuer,
        "iat": now,
        "nbf": now,
        "exp": now + lifetime,
        "tid": tenant,
        "uti": Uuid::new_v4().simple().to_string(),
        "ver": "1.0",
        super::GENERATION: desk.generation(),
    });
    let (own, client) = match subject {
        Subject::Application(id) => (
            json!({"idtyp": "app", "oid": object_id(&id.to_string()), "sub": object_id(&id.to_string())}),
            *id,
        ),
        Subject::Person { user, client } => {
            let oid = desk.object_id_of(user).unwrap_or_else(|| object_id(user));
            (
                json!({"oid": oid, "sub": oid, "upn": user, "unique_name": user, "scp": "user_impersonation"}),
                *client,
            )
        }
    };
    let unsigned = |_| Refusal::unsigned();
    if let (Some(claims), Json::Object(own)) = (claims.as_object_mut(), own) {
        claims.extend(own);
        claims.insert("appid".to_owned(), client.to_string().into());
    }
    let access_token = desk.keys.entra.sign(&claims).map_err(unsigned)?;
    let mut reply = match request.version {
        Version::Two => json!({
            "token_type": "Bearer",
            "expires_in": lifetime,
            "ext_expires_in": lifetime,
            "access_token": access_token,
        }),
        // version 1 writes numbers as strings
        Version::One => json!({
            "token_type": "Bearer",
            "expires_in": lifetime.to_string(),
            "ext_expires_in": lifetime.to_string(),
            "expires_on": (now + lifetime).to_string(),
            "not_before": now.to_string(),
            "resource": request.form.get("resource").unwrap_or(resource),
            "access_token": access_token,
        }),
    };
    if let (Subject::Person { user, .. }, Some(reply)) = (subject, reply.as_object_mut()) {
        reply.insert(
            "scope".to_owned(),
            format!("{resource}/user_impersonation").into(),
        );
        let asks = |word: &str| scope.split_whitespace().any(|scope| scope == word);
        if asks("offline_access") || request.version == Version::One {
            let renewal = json!({"client": client.to_string(), "user": user, "scope": scope, "exp": now + RENEWABLE});
            let token = desk.keys.renewal.sign(&renewal).map_err(unsigned)?;
            reply.insert("refresh_token".to_owned(), token.into());
        }
        if asks("openid") {
            let claims = claims.as_object().map(|claims| text(claims, "oid"));
            let identity = json!({
                "aud": client, "iss": issuer, "iat": now, "nbf": now, "exp": now + lifetime,
                "oid": claims, "sub": claims, "tid": tenant, "preferred_username": user, "ver": "2.0",
            });
            let token = desk.keys.entra.sign(&identity).map_err(unsigned)?;
            reply.insert("id_token".to_owned(), token.into());
        }
    }
    Ok(reply)
}

/// An id derived from a name, for objects that have none. The same name always gives the same id.
fn object_id(name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, name.to_ascii_lowercase().as_bytes())
}
