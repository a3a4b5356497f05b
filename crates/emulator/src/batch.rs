//! `$batch`: changesets that are committed or rolled back as a unit, and independent requests (Web API: execute batch operations).

use http::{Method, StatusCode};
use rayon::prelude::*;
use serde_json::Value as Json;

use crate::call::{Call, Reply};
use crate::engine::Engine;
use crate::error::{Outcome, ServiceError, code};
use crate::faults::Fault;
use crate::multipart::{Item, Request, UNREADABLE, boundary, items};
use crate::odata::path::{self, relative};
use crate::streamed::Sink;
use crate::switches::{BatchStatus, ChangesetFailure};

/// Maximum number of requests in a batch.
const MOST: usize = 1_000;

/// Executes a batch and writes its multipart answer. If the parts cannot affect its status, all but the last piece go to the sink.
pub(crate) fn answer(engine: &Engine, call: &Call, sink: &mut Sink) -> Outcome<Reply> {
    let content_type = call.header("content-type").unwrap_or_default();
    let boundary = boundary(content_type).ok_or_else(|| {
        ServiceError::query(
            "The Content-Type of a batch request must be multipart/mixed with a boundary.",
        )
    })?;
    let items = match items(&call.body, &boundary) {
        Ok(items) => items,
        Err(error) if error.message == UNREADABLE => {
            return Ok(unreadable(engine, call));
        }
        Err(error) => return Err(error),
    };
    let requests: usize = items
        .iter()
        .map(|item| {
            if let Item::Changeset(requests) = item {
                requests.len()
            } else {
                1
            }
        })
        .sum();
    if requests > MOST {
        return Err(ServiceError::query(format!(
            "The batch request contains {requests} operations, which exceeds the limit of {MOST}."
        )));
    }
    if let Some(message) = items.iter().find_map(unusable) {
        return Ok(thrown(&message));
    }
    let continues = call.preferences().continue_on_error;
    let mut writer = Writer {
        text: Vec::new(),
        boundary: format!("batchresponse_{}", engine.request_id()),
    };
    let mut failed = None;
    let mut whole = None;
    let reads: Option<Vec<&Request>> = items.iter().map(Item::read).collect();
    let items = match reads.filter(|_| continues) {
        Some(reads) => {
            together(engine, call, &reads, &mut writer, sink);
            Vec::new()
        }
        None => items,
    };
    for item in items {
        engine
            .stats
            .count_parts(if let Item::Changeset(requests) = &item {
                requests.len()
            } else {
                1
            });
        let failure = match item {
            Item::Request(request) => loose(engine, call, &request, &mut writer),
            Item::Changeset(requests) => changeset(engine, call, requests, &mut writer, &mut whole),
        };
        if let Some(status) = failure {
            failed.get_or_insert(status);
            if !continues {
                break;
            }
        }
    }
    let status = match (failed, continues, engine.switches().batch_status) {
        (Some(_), false, BatchStatus::BadRequest) => StatusCode::BAD_REQUEST,
        (Some(inner), false, BatchStatus::Inner) => inner,
        _ => StatusCode::OK,
    };
    if let Some(reply) = whole {
        return Ok(reply);
    }
    writer.finish();
    Ok(writer.piece(status, continues))
}

/// What the reader of the service refuses in a changeset before anything is executed, in the words of its library.
fn unusable(item: &Item) -> Option<String> {
    let Item::Changeset(requests) = item else {
        return None;
    };
    let mut seen = std::collections::HashSet::new();
    requests.iter().find_map(|request| {
        let is_write = matches!(
            request.method,
            Method::POST | Method::PUT | Method::DELETE | Method::PATCH
        );
        if !is_write {
            return Some(format!(
                "An invalid HTTP method '{}' was detected for a request in a change set. Requests in change sets only support the HTTP methods 'POST', 'PUT', 'DELETE', and 'PATCH'.",
                request.method
            ));
        }
        let id = request.content_id.as_deref()?;
        (!seen.insert(id)).then(|| format!(
            "The content ID '{id}' was found more than once in the same change set or same batch request. Content IDs have to be unique across all operations of a change set for OData V4.0 and have to be unique across all operations in the whole batch request for OData V4.01."
        ))
    })
}

/// The reply to a batch that the service cannot read: an error in another form than those of requests (PSDataverse, sample responses).
fn thrown(message: &str) -> Reply {
    let body = serde_json::json!({
        "Message": message,
        "ExceptionMessage": message,
        "ExceptionType": "Microsoft.OData.ODataException",
        "StackTrace": "   at Microsoft.OData.ODataBatchReader.ReadImplementation()",
        "ErrorCode": "0x0",
    });
    Reply::json(StatusCode::BAD_REQUEST, &body, false)
}

/// The reply to a batch whose last line is not ended: a single part (Microsoft, "Web API client errors").
fn unreadable(engine: &Engine, call: &Call) -> Reply {
    let mut writer = Writer {
        text: Vec::new(),
        boundary: format!("batchresponse_{}", engine.request_id()),
    };
    let error = ServiceError::payload("", format_args!("System.ArgumentException: {UNREADABLE}"));
    writer.part(&Reply::error(&error, call, &engine.request_id()));
    writer.finish();
    writer.piece(StatusCode::BAD_REQUEST, false)
}

struct Writer {
    text: Vec<u8>,
    boundary: String,
}

impl Writer {
    fn part(&mut self, reply: &Reply) {
        let boundary = self.boundary.clone();
        write_part(&mut self.text, &boundary, None, reply);
    }

    fn changeset(&mut self, id: &str, replies: &[(Option<String>, Reply)]) {
        let inner = format!("changesetresponse_{id}");
        let head = format!(
            "--{}\r\nContent-Type: multipart/mixed; boundary={inner}\r\n\r\n",
            self.boundary
        );
        self.text.extend_from_slice(head.as_bytes());
        for (content_id, reply) in replies {
            write_part(&mut self.text, &inner, content_id.as_deref(), reply);
        }
        self.text
            .extend_from_slice(format!("--{inner}--\r\n").as_bytes());
    }

    fn finish(&mut self) {
        let end = format!("--{}--\r\n", self.boundary);
        self.text.extend_from_slice(end.as_bytes());
    }

    /// What was written since the last piece.
    fn piece(&mut self, status: StatusCode, continues: bool) -> Reply {
        let content_type = format!("multipart/mixed; boundary={}", self.boundary);
        let mut reply = Reply::text(&content_type, String::new());
        reply.body = std::mem::take(&mut self.text);
        reply.status = status;
        if continues {
            reply = reply.with("Preference-Applied", "odata.continue-on-error");
        }
        reply
    }
}

fn write_part(text: &mut Vec<u8>, boundary: &str, content_id: Option<&str>, reply: &Reply) {
    let mut head = format!(
        "--{boundary}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
    );
    if let Some(id) = content_id {
        head.push_str(&format!("Content-ID: {id}\r\n"));
    }
    let reason = reply.status.canonical_reason().unwrap_or("Unknown");
    head.push_str(&format!(
        "\r\nHTTP/1.1 {} {reason}\r\n",
        reply.status.as_u16()
    ));
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    text.extend_from_slice(head.as_bytes());
    text.extend_from_slice(&reply.body);
    text.extend_from_slice(b"\r\n");
}

fn part_call(outer: &Call, request: &Request) -> Call {
    let mut headers = request.headers.clone();
    // The caller, the impersonated user and the solution of the batch apply to each part that does not set its own.
    for name in [
        "mscrmcallerid",
        "callerobjectid",
        "mscrm.solutionuniquename",
    ] {
        if let (None, Some(value)) = (headers.get(name), outer.headers.get(name)) {
            headers.insert(name, value.clone());
        }
    }
    Call {
        method: request.method.clone(),
        target: relative(&request.url).to_owned(),
        headers,
        body: request.body.clone(),
        base: outer.base.clone(),
        in_batch: true,
        signed_in: outer.signed_in,
    }
}

/// How many reads are answered before their replies are sent as a piece: enough to occupy the processors.
const READS_AT_ONCE: usize = 16;

/// Answers reads on all processors. Faults and the numbers of errors depend on the order of requests, so both are assigned in that order.
fn together(
    engine: &Engine,
    outer: &Call,
    requests: &[&Request],
    writer: &mut Writer,
    sink: &mut Sink,
) {
    engine.stats.count_parts(requests.len());
    for (at, requests) in requests.chunks(READS_AT_ONCE).enumerate() {
        if at > 0 {
            sink.send(writer.piece(StatusCode::OK, true));
        }
        let reads: Vec<(Call, Option<ServiceError>)> = requests
            .iter()
            .map(|request| {
                let call = part_call(outer, request);
                let refused = refused(engine, &call, &request.url);
                (call, refused)
            })
            .collect();
        let results: Vec<Outcome<Reply>> = reads
            .par_iter()
            .map(|(call, refused)| match refused {
                Some(error) => Err(error.clone()),
                None => engine.attempt(call),
            })
            .collect();
        for ((call, refused), result) in reads.iter().zip(results) {
            let reply = match refused {
                Some(error) => Reply::error(error, call, &engine.request_id()),
                None => engine.concluded(call, result),
            };
            writer.part(&reply);
        }
    }
}

/// The reason why a part is not executed.
fn refused(engine: &Engine, call: &Call, url: &str) -> Option<ServiceError> {
    if let Some(error) = path::unknown_version(url) {
        return Some(error);
    }
    if call.path().trim_matches('/') == "$batch" {
        return Some(ServiceError::query("A batch cannot contain another batch."));
    }
    let Some(Fault::Refuse { status }) = engine.faults.decide(call) else {
        return None;
    };
    engine.stats.count_fault();
    Some(ServiceError::scripted(status))
}

fn loose(
    engine: &Engine,
    outer: &Call,
    request: &Request,
    writer: &mut Writer,
) -> Option<StatusCode> {
    let call = part_call(outer, request);
    let refused = refused(engine, &call, &request.url);
    let reply = match &refused {
        Some(error) => Reply::error(error, &call, &engine.request_id()),
        None => engine.respond(&call),
    };
    writer.part(&reply);
    let failed = reply.status.is_client_error() || reply.status.is_server_error();
    failed.then_some(reply.status)
}

fn changeset(
    engine: &Engine,
    outer: &Call,
    requests: Vec<Request>,
    writer: &mut Writer,
    whole: &mut Option<Reply>,
) -> Option<StatusCode> {
    let result = prepare(engine, outer, requests).and_then(|calls| {
        let ids: Vec<Option<String>> = calls.iter().map(|(id, _)| id.clone()).collect();
        let replies = engine.commit(&calls)?;
        Ok(ids.into_iter().zip(replies).collect::<Vec<_>>())
    });
    match result {
        Ok(replies) => {
            writer.changeset(&engine.request_id(), &replies);
            None
        }
        Err(failure) => {
            let switches = engine.switches();
            let error = switches.phrase_in_changeset(failure.error);
            let mut reply = Reply::error(&error, outer, &engine.request_id());
            let status = reply.status;
            match switches.changeset_failure {
                ChangesetFailure::Nested => {
                    reply.headers.retain(|(name, _)| *name != "REQ_ID");
                    writer.changeset(&engine.request_id(), &[(failure.content_id, reply)]);
                }
                ChangesetFailure::Bare => writer.part(&reply),
                ChangesetFailure::Json => {
                    whole.get_or_insert(reply);
                }
            }
            Some(status)
        }
    }
}

/// The reason why a changeset was rolled back, and the request that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) content_id: Option<String>,
    pub(crate) error: ServiceError,
}

fn prepare(
    engine: &Engine,
    outer: &Call,
    requests: Vec<Request>,
) -> Result<Vec<(Option<String>, Call)>, Failure> {
    let mut calls: Vec<(Option<String>, Call)> = Vec::with_capacity(requests.len());
    for request in requests {
        let mut call = part_call(outer, &request);
        if !engine.switches().if_match_in_changesets && call.header("if-match").is_some() {
            call.headers
                .insert("if-match", http::HeaderValue::from_static("*"));
        }
        let fail = |error| {
            Err(Failure {
                content_id: request.content_id.clone(),
                error,
            })
        };
        if let Err(error) = crate::service::check_url(&call) {
            return fail(error);
        }
        if let Some(error) = path::unknown_version(&request.url) {
            return fail(error);
        }
        if request.content_id.is_none() && engine.switches().content_id_required {
            return fail(ServiceError::query("Content-ID header not present"));
        }
        calls.push((request.content_id, call));
    }
    Ok(calls)
}

/// Replaces `$1` with the URL of the row that an earlier part of the same changeset created.
pub(crate) fn resolve_references(call: &mut Call, urls: &[(String, String)]) -> Outcome<()> {
    if let Some(rest) = call.target.strip_prefix('$')
        && rest.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !rest.starts_with("batch")
        && !rest.starts_with("metadata")
    {
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let url = find(urls, &rest[..end])?;
        call.target = format!("{}{}", relative(url), &rest[end..]);
    }
    if call.body.contains(&b'$')
        && let Ok(mut json) = serde_json::from_slice::<Json>(&call.body)
        && replace_in(&mut json, urls)?
    {
        call.body = json.to_string().into();
    }
    Ok(())
}

fn find<'u>(urls: &'u [(String, String)], id: &str) -> Outcome<&'u str> {
    urls.iter()
        .find(|(known, _)| known == id)
        .map(|(_, url)| url.as_str())
        .ok_or_else(|| {
            ServiceError::bad(
                code::BAD_QUERY,
                format!("Content-ID Reference: '${id}' does not exist in the batch context."),
            )
        })
}

fn replace_in(json: &mut Json, urls: &[(String, String)]) -> Outcome<bool> {
    let mut changed = false;
    match json {
        Json::Object(object) => {
            for (name, value) in object {
                let names_a_row = name == "@odata.id" || name.ends_with("@odata.bind");
                match value {
                    Json::String(text) if names_a_row => changed |= replace_text(text, urls)?,
                    Json::Array(items) if names_a_row => {
                        for item in items {
                            if let Json::String(text) = item {
                                changed |= replace_text(text, urls)?;
                            }
                        }
                    }
                    other => changed |= replace_in(other, urls)?,
                }
            }
        }
        Json::Array(items) => {
            for item in items {
                changed |= replace_in(item, urls)?;
            }
        }
        _ => {}
    }
    Ok(changed)
}

fn replace_text(text: &mut String, urls: &[(String, String)]) -> Outcome<bool> {
    let Some(id) = text.trim_start_matches('/').strip_prefix('$') else {
        return Ok(false);
    };
    *text = find(urls, id)?.to_owned();
    Ok(true)
}
