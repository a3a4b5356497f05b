//! Requests and replies, in the same form for single requests and for parts of a batch.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::clock::Moment;
use crate::error::ServiceError;
use crate::odata::json::Preferences;
use crate::security::Caller;
use crate::switches::Switches;
use crate::writing::{Condition, Writing};

/// One request, with the URL relative to the root of the Web API.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Path and query, not decoded: `cfg_queues(…)?$select=…`.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// `http://host/api/data/v9.2/`.
    pub(crate) base: String,
    pub(crate) in_batch: bool,
    /// The user whose token was accepted; `None` if no sign-in is required. A part of a batch has the user of the batch.
    pub(crate) signed_in: Option<Uuid>,
}

impl Call {
    pub(crate) fn path(&self) -> &str {
        self.target
            .split_once('?')
            .map_or(self.target.as_str(), |(path, _)| path)
    }

    pub(crate) fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
    }

    pub(crate) fn preferences(&self) -> Preferences {
        Preferences::parse(
            self.headers
                .get_all("prefer")
                .iter()
                .filter_map(|value| value.to_str().ok()),
        )
    }

    /// The literal value `null` in `If-None-Match` means that the condition is absent, for every method.
    pub(crate) fn condition(&self) -> Condition {
        Condition {
            if_match: self.header("if-match").map(str::to_owned),
            none_may_match: self
                .header("if-none-match")
                .is_some_and(|value| value == "*"),
        }
    }

    pub(crate) fn json(&self) -> Result<Json, ServiceError> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Err(ServiceError::payload("", "The request body is empty."));
        }
        let text =
            std::str::from_utf8(&self.body).map_err(|error| ServiceError::payload("", error))?;
        serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|error| ServiceError::payload("", error))
    }

    pub(crate) fn object(&self) -> Result<serde_json::Map<String, Json>, ServiceError> {
        match self.json()? {
            Json::Object(object) => Ok(object),
            _ => Err(ServiceError::payload(
                "",
                "An unexpected node was found when reading from the JSON reader. A 'StartObject' node was expected.",
            )),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// An empty `204` reply.
    pub(crate) fn empty() -> Reply {
        Reply {
            status: StatusCode::NO_CONTENT,
            headers: vec![("OData-Version", "4.0".into())],
            body: Vec::new(),
        }
    }

    pub(crate) fn json(status: StatusCode, body: &Json, in_batch: bool) -> Reply {
        Reply::written(status, body.to_string().into_bytes(), in_batch)
    }

    /// A reply from JSON that is already serialized.
    pub(crate) fn written(status: StatusCode, body: Vec<u8>, in_batch: bool) -> Reply {
        let content_type = if in_batch {
            "application/json; odata.metadata=minimal; odata.streaming=true"
        } else {
            "application/json; odata.metadata=minimal"
        };
        Reply {
            status,
            headers: vec![
                ("Content-Type", content_type.into()),
                ("OData-Version", "4.0".into()),
            ],
            body,
        }
    }

    pub(crate) fn text(content_type: &str, body: String) -> Reply {
        Reply {
            status: StatusCode::OK,
            headers: vec![
                ("Content-Type", content_type.into()),
                ("OData-Version", "4.0".into()),
            ],
            body: body.into_bytes(),
        }
    }

    /// The reply to a rejected request.
    pub(crate) fn error(error: &ServiceError, call: &Call, request_id: &str) -> Reply {
        let annotated = call
            .preferences()
            .wants("Microsoft.PowerApps.CDS.ErrorDetails.OperationStatus");
        let mut reply = Reply::json(error.status, &error.body(annotated), false);
        reply.headers.push(("REQ_ID", request_id.to_owned()));
        if let Some(seconds) = error.retry_after {
            reply.headers.push(("Retry-After", seconds.to_string()));
        }
        reply
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }
}

/// The context in which a request is executed.
pub(crate) struct Context<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) switches: &'a Switches,
    pub(crate) now: Moment,
}

impl<'a> Context<'a> {
    pub(crate) fn writing(&self, call: &Call) -> Writing<'a> {
        Writing {
            caller: self.caller,
            switches: self.switches,
            now: self.now,
            solution: call.header("mscrm.solutionuniquename").map(str::to_owned),
        }
    }
}
