//! The HTTP side: connections, the root of the Web API, the emulator's own endpoints.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{HttpBody, to_bytes};
use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode};
use uuid::Uuid;

use crate::admin;
use crate::batch;
use crate::call::{Call, Reply};
use crate::engine::Engine;
use crate::error::{ServiceError, code};
use crate::faults::Fault;
use crate::identity::ADMINISTRATOR;
use crate::limits::refusal;
use crate::line::Line;
use crate::pages::{self, Names, plain};
use crate::signin::{self, Desk};
use crate::streamed::{Sink, pieces, response};

/// Maximum size of a request, in bytes.
const LARGEST_BODY: usize = 128 * 1024 * 1024;

/// The id of the server that answers. There is only one server.
const AFFINITY: &str = "0c0f00000000400080000000000000a1";

/// Builds the router with all endpoints.
pub(crate) fn router(engine: Arc<Engine>, desk: Arc<Desk>, names: Names) -> Router {
    Router::new()
        .fallback(handle)
        .with_state(engine)
        .layer(middleware::from_fn_with_state(desk, signin::layer))
        .layer(middleware::from_fn(for_this_machine))
        .layer(middleware::from_fn_with_state(
            Arc::new(names),
            pages::layer,
        ))
}

/// The emulator's own endpoints require no sign-in, so they only answer this machine.
async fn for_this_machine(request: Request, next: Next) -> Response {
    let line = request.extensions().get::<ConnectInfo<Line>>();
    let near = line.is_some_and(|ConnectInfo(line)| line.is_near());
    if request.uri().path().starts_with("/__emulator") && !near {
        return plain(
            StatusCode::FORBIDDEN,
            "/__emulator/ answers to the machine that the emulator runs on",
        );
    }
    next.run(request).await
}

async fn handle(State(engine): State<Arc<Engine>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large");
    };
    let path = parts.uri.path();
    let query = parts
        .uri
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    if let Some(endpoint) = path.strip_prefix("/__emulator") {
        let endpoint = endpoint.trim_matches('/').to_owned();
        return blocking(move || admin::answer(&engine, &parts.method, &endpoint, &body)).await;
    }
    let Some((version, rest)) = api_path(path) else {
        let said = if path.to_ascii_lowercase().starts_with("/xrmservices/") {
            "the emulator has the Web API alone, which begins at /api/data/v9.2/: clients of the Organization Service (SOAP), such as the SDK for .NET, pac and XrmToolBox, cannot use it"
        } else {
            "the Web API begins at /api/data/v9.2/"
        };
        return plain(StatusCode::NOT_FOUND, said);
    };
    let host = parts
        .headers
        .get("host")
        .and_then(|host| host.to_str().ok())
        .unwrap_or("localhost")
        .to_owned();
    let scheme = if parts.extensions.get::<Secure>().is_some() {
        "https"
    } else {
        "http"
    };
    engine.stats.count_request();
    engine.stats.count_request_bytes(body.len() as u64);
    let signed_in = match parts.extensions.get::<SignedIn>() {
        Some(user) => Some(user.0),
        None => named_user(&parts.headers),
    };
    let call = Call {
        method: parts.method,
        target: format!("{rest}{query}"),
        headers: parts.headers,
        body,
        base: format!("{scheme}://{host}/api/data/{version}/"),
        in_batch: false,
        signed_in,
    };
    let line = parts
        .extensions
        .get::<ConnectInfo<Line>>()
        .map(|ConnectInfo(line)| line.clone());
    let reply = serve(Arc::clone(&engine), call, line).await;
    let bytes = reply.body().size_hint().exact().unwrap_or_default();
    engine.stats.count_reply_bytes(bytes);
    reply
}

/// Without sign-in, whom a request says to be from: Dataverse has no such header.
fn named_user(headers: &HeaderMap) -> Option<Uuid> {
    headers.get("emulator-user")?.to_str().ok()?.parse().ok()
}

/// Answers a call, subject to the limits and the fault script.
async fn serve(engine: Arc<Engine>, call: Call, line: Option<Line>) -> Response {
    let secure = call.base.starts_with("https:");
    let user = call.signed_in.unwrap_or(ADMINISTRATOR).to_string();
    if let Err(error) = engine.protection.begin(&user) {
        return response(Reply::error(&error, &call, &engine.request_id()));
    }
    let running = Running {
        engine: Arc::clone(&engine),
        user: user.clone(),
        began: Instant::now(),
    };
    let fault = engine.faults.decide(&call);
    // Parts of a batch get their numbers while the first replies are on their way, so the request gets its own before.
    let id = engine.request_id();
    let mut reply = match fault {
        None => carry_out(&engine, call, Some(running)).await,
        Some(fault) => {
            engine.stats.count_fault();
            strike(&engine, call, fault, line, running).await
        }
    };
    let (requests, seconds) = engine.protection.remaining(&user);
    let affinity = format!(
        "ARRAffinity={AFFINITY}; path=/; {}HttpOnly",
        if secure { "secure; " } else { "" }
    );
    for (name, value) in [
        ("x-ms-service-request-id", id),
        ("x-ms-dop-hint", "4".to_owned()),
        (
            "x-ms-ratelimit-burst-remaining-xrm-requests",
            requests.to_string(),
        ),
        ("x-ms-ratelimit-time-remaining-xrm-requests", seconds),
        ("set-cookie", affinity),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            reply.headers_mut().insert(name, value);
        }
    }
    reply
}

/// An admitted request. Dropping it records its end and its time.
struct Running {
    engine: Arc<Engine>,
    user: String,
    began: Instant,
}

impl Drop for Running {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        self.engine.protection.end(&self.user, took);
    }
}

/// Executes a call. The request ends before the last piece of its reply is sent, so a client that has the reply can rely on it.
async fn carry_out(engine: &Arc<Engine>, call: Call, running: Option<Running>) -> Response {
    let engine = Arc::clone(engine);
    let (mut sink, pieces) = pieces();
    let work = tokio::task::spawn_blocking(move || {
        let last = answer(&engine, &call, &mut sink);
        if let Some(size) = sink.size_with(&last) {
            engine.stats.count_reply_bytes(size as u64);
        }
        drop(running);
        sink.close(last);
    });
    match pieces.response().await {
        Some(response) => response,
        None => panicked(work.await.err()),
    }
}

async fn strike(
    engine: &Arc<Engine>,
    call: Call,
    fault: Fault,
    line: Option<Line>,
    running: Running,
) -> Response {
    let running = Some(running);
    let cut = || {
        if let Some(line) = &line {
            line.cut();
        }
    };
    match fault {
        Fault::Throttle { limit, retry_after } => response(Reply::error(
            &refusal(limit, retry_after),
            &call,
            &engine.request_id(),
        )),
        Fault::Gateway {
            status,
            retry_after,
            after,
        } => {
            if after {
                carry_out(engine, call, running).await;
            }
            gateway(status, retry_after)
        }
        Fault::ExpiredToken => response(expired()),
        Fault::Refuse { status } => response(Reply::error(
            &ServiceError::scripted(status),
            &call,
            &engine.request_id(),
        )),
        Fault::Delay { delay_ms } => {
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
            carry_out(engine, call, running).await
        }
        Fault::DropBefore => {
            cut();
            plain(StatusCode::BAD_GATEWAY, "dropped")
        }
        Fault::DropAfter => {
            let reply = carry_out(engine, call, running).await;
            cut();
            reply
        }
        Fault::Twice => {
            carry_out(engine, call.clone(), None).await;
            carry_out(engine, call, running).await
        }
        Fault::LateCommit { delay_ms } => {
            let engine = Arc::clone(engine);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(delay_ms)).await;
                carry_out(&engine, call, None).await
            });
            cut();
            plain(StatusCode::BAD_GATEWAY, "dropped")
        }
        Fault::CutBody { bytes } => {
            let reply = carry_out(engine, call, running).await;
            if let Some(line) = &line {
                line.cut_after(bytes);
            }
            reply
        }
        Fault::ForeignEdit { set, id, body } => {
            let edited = Arc::clone(engine);
            let result =
                tokio::task::spawn_blocking(move || edited.foreign_edit(&set, id, &body)).await;
            if let Ok(Err(error)) = result {
                tracing::warn!(
                    message = error.message,
                    "the foreign edit of the fault script failed"
                );
            }
            carry_out(engine, call, running).await
        }
    }
}

/// The reply to an expired token. The challenge is added later.
fn expired() -> Reply {
    let error = ServiceError::new(
        StatusCode::UNAUTHORIZED,
        code::NOT_AUTHENTICATED,
        "The token has expired.",
    );
    Reply::json(error.status, &error.body(false), false)
}

fn gateway(status: u16, retry_after: Option<u64>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let reason = status.canonical_reason().unwrap_or("Error");
    let page = format!(
        "<!DOCTYPE html>\n<html><head><title>{reason}</title></head><body><h1>{reason}</h1><p>The service is not available.</p></body></html>\n"
    );
    let mut reply = Reply {
        status,
        headers: vec![("Content-Type", "text/html".into())],
        body: page.into_bytes(),
    };
    if let Some(seconds) = retry_after {
        reply = reply.with("Retry-After", seconds.to_string());
    }
    response(reply)
}

/// The user whose token the sign-in layer accepted. Stored in the request's extensions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SignedIn(pub(crate) uuid::Uuid);

/// Marks requests that arrived over TLS.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Secure;

/// Splits `/api/data/v9.2/rest` into version and rest.
fn api_path(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/api/data/")?;
    let (version, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let known = version
        .strip_prefix('v')
        .is_some_and(|number| ["8.0", "8.1", "8.2", "9.0", "9.1", "9.2"].contains(&number));
    known.then_some((version, rest))
}

/// Answers a request to the Web API. Returns the reply, or its last piece if others were sent before.
fn answer(engine: &Engine, call: &Call, sink: &mut Sink) -> Reply {
    let is_batch = call.path().trim_matches('/').eq_ignore_ascii_case("$batch");
    if !is_batch {
        return engine.respond(call);
    }
    let result = if call.method == http::Method::POST {
        batch::answer(engine, call, sink)
    } else {
        Err(ServiceError::wrong_method(&call.method))
    };
    result.unwrap_or_else(|error| Reply::error(&error, call, &engine.request_id()))
}

async fn blocking(work: impl FnOnce() -> Reply + Send + 'static) -> Response {
    match tokio::task::spawn_blocking(work).await {
        Ok(reply) => response(reply),
        Err(error) => panicked(Some(error)),
    }
}

fn panicked(error: Option<tokio::task::JoinError>) -> Response {
    tracing::error!(?error, "a request panicked");
    plain(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the emulator failed; its log says why",
    )
}
