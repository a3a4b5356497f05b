//! Determines whose token a request carries, or returns the challenge that names the issuer.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value as Json;
use uuid::Uuid;

use super::asked::{Asked, bearer};
use super::jwt::{Skew, Token};
use super::routes;
use super::{Desk, GENERATION, SignIn};
use crate::call::Reply;
use crate::clock::Moment;
use crate::error::{ServiceError, code};
use crate::http_server::{Secure, SignedIn};
use crate::identity::not_a_member;
use crate::store::{IndexKey, Row};
use crate::streamed::response;

/// Maximum size of a request to an issuer.
const LARGEST_BODY: usize = 1 << 20;

/// Answers requests to the issuers, and passes requests to the environment on once the caller is known.
pub(crate) async fn layer(
    State(desk): State<Arc<Desk>>,
    mut request: Request,
    next: Next,
) -> Response {
    if desk.secure {
        request.extensions_mut().insert(Secure);
    }
    let path = request.uri().path();
    if routes::is_ours(path) {
        let (parts, body) = request.into_parts();
        let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
            let mut reply = Reply::text("text/plain", "the request is too large".into());
            reply.status = StatusCode::PAYLOAD_TOO_LARGE;
            return response(reply);
        };
        let answered = routes::answer(
            &desk,
            &Asked {
                method: &parts.method,
                path: parts.uri.path(),
                query: parts.uri.query().unwrap_or_default(),
                headers: &parts.headers,
                body: &body,
                place: desk.place(&parts.headers),
            },
        );
        return match answered {
            Some(reply) => response(reply),
            None => next.run(Request::from_parts(parts, Body::from(body))).await,
        };
    }
    if path.starts_with("/api/") && desk.mode == SignIn::Required {
        match desk.caller(request.headers()) {
            Ok(user) => {
                request.extensions_mut().insert(SignedIn(user));
            }
            Err(reply) => return response(*reply),
        }
    }
    let challenge = desk.www_authenticate(request.headers(), Some("The token has expired."));
    let mut response = next.run(request).await;
    // a token that a fault script expires gets the same challenge as any other; a page is not from the service
    let is_page = |value: &HeaderValue| value == "text/html";
    if response.status() == StatusCode::UNAUTHORIZED
        && !response.headers().get(CONTENT_TYPE).is_some_and(is_page)
        && !response.headers().contains_key(WWW_AUTHENTICATE)
        && let Ok(value) = HeaderValue::from_str(&challenge)
    {
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
    response
}

impl Desk {
    /// The user of the environment that the token of a request belongs to.
    fn caller(&self, headers: &HeaderMap) -> Result<Uuid, Box<Reply>> {
        let Some(text) = bearer(headers) else {
            return Err(self.challenge(headers, None));
        };
        let refused = |why| Err(self.challenge(headers, Some(why)));
        let Some(token) = Token::parse(text) else {
            return refused("The token is not well formed.");
        };
        if !self.keys.entra.made(&token) {
            return refused("The signature of the token is not valid.");
        }
        if !token.holds(Moment::now().0, Skew::None) {
            return refused("The token has expired.");
        }
        if token.claims.get(GENERATION).and_then(Json::as_u64) != Some(self.generation()) {
            return refused("The token was revoked.");
        }
        if !self.place(headers).is_resource(token.text("aud")) {
            return refused("The audience of the token is another resource.");
        }
        self.user_of(&token).map_err(|error| {
            let mut reply = Reply::json(error.status, &error.body(false), false);
            reply.headers.push(("REQ_ID", self.engine.request_id()));
            Box::new(reply)
        })
    }

    /// Applications are identified by their id, people by their object id or their name.
    fn user_of(&self, token: &Token<'_>) -> Result<Uuid, ServiceError> {
        let id = |claim: &str| Uuid::try_parse(token.text(claim)).unwrap_or_default();
        let row = if token.text("idtyp") == "app" {
            self.row_with("applicationid", id("appid"))
        } else {
            self.row_with("azureactivedirectoryobjectid", id("oid"))
                .or_else(|| self.row_named(token.text("upn")))
        };
        let row = row.ok_or_else(|| not_a_member(id("oid")))?;
        let store = self.engine.store();
        let disabled = store
            .schema
            .named("systemuser")
            .and_then(|table| store.schema.table(table).position("isdisabled"))
            .is_some_and(|column| row.cells[column] == crate::value::Value::Flag(true));
        if disabled {
            return Err(ServiceError::new(
                StatusCode::FORBIDDEN,
                code::USER_DISABLED,
                format!(
                    "The specified user(Id = {}) is disabled. Consider enabling this user.",
                    row.id
                ),
            ));
        }
        Ok(row.id)
    }

    fn row_with(&self, column: &str, id: Uuid) -> Option<Arc<Row>> {
        let store = self.engine.store();
        let table = store.schema.named("systemuser")?;
        let position = store.schema.table(table).position(column)?;
        let found = store.find(table, position, &IndexKey::Id(id))?;
        found.first().and_then(|id| store.get(table, *id)).cloned()
    }

    fn row_named(&self, user: &str) -> Option<Arc<Row>> {
        let store = self.engine.store();
        let table = store.schema.named("systemuser")?;
        store.find_text(table, "domainname", user).cloned()
    }

    /// A `401` that names the issuer.
    fn challenge(&self, headers: &HeaderMap, error: Option<&str>) -> Box<Reply> {
        let refusal = ServiceError::new(
            StatusCode::UNAUTHORIZED,
            code::NOT_AUTHENTICATED,
            error.unwrap_or("The request is not authenticated."),
        );
        let mut reply = Reply::json(refusal.status, &refusal.body(false), false);
        let challenge = self.www_authenticate(headers, error);
        reply.headers.push(("WWW-Authenticate", challenge));
        reply.headers.push(("REQ_ID", self.engine.request_id()));
        Box::new(reply)
    }

    /// The challenge (Use OAuth with Dataverse). Values are quoted if there is an error to report.
    fn www_authenticate(&self, headers: &HeaderMap, error: Option<&str>) -> String {
        let origin = self.place(headers).origin();
        let authorization = format!("{origin}/{}/oauth2/authorize", self.directory.tenant);
        match error {
            None => format!("Bearer authorization_uri={authorization}, resource_id={origin}/"),
            Some(error) => format!(
                "Bearer error=\"invalid_token\", error_description=\"{error}\", authorization_uri=\"{authorization}\", resource_id=\"{origin}/\""
            ),
        }
    }
}
