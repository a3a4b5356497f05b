//! Errors of the token endpoint (Microsoft identity platform: error codes; RFC 6749, section 5.2).

use http::StatusCode;
use serde_json::json;

use crate::call::Reply;
use crate::clock::Moment;

/// A rejected token request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    /// The OAuth error code.
    error: &'static str,
    /// Entra's error number.
    number: u32,
    text: String,
}

impl Refusal {
    pub(super) fn new(error: &'static str, number: u32, text: impl Into<String>) -> Refusal {
        Refusal {
            status: if error == "invalid_client" {
                StatusCode::UNAUTHORIZED
            } else {
                StatusCode::BAD_REQUEST
            },
            error,
            number,
            text: text.into(),
        }
    }

    pub(super) fn missing(parameter: &str) -> Refusal {
        Refusal::new(
            "invalid_request",
            900_144,
            format!("The request body must contain the following parameter: '{parameter}'."),
        )
    }

    /// The random source failed. This is not expected to happen.
    pub(super) fn unsigned() -> Refusal {
        Refusal {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            error: "server_error",
            number: 90_033,
            text: "A transient error has occurred. Please try again.".to_owned(),
        }
    }

    pub(super) fn reply(&self, request_id: &str) -> Reply {
        let now = Moment::now().iso().replace('T', " ");
        let body = json!({
            "error": self.error,
            "error_description": format!(
                "AADSTS{}: {} Trace ID: {request_id} Correlation ID: {request_id} Timestamp: {now}",
                self.number, self.text
            ),
            "error_codes": [self.number],
            "timestamp": now,
            "trace_id": request_id,
            "correlation_id": request_id,
        });
        Reply {
            status: self.status,
            headers: vec![
                ("Content-Type", "application/json; charset=utf-8".into()),
                ("Cache-Control", "no-store, no-cache".into()),
            ],
            body: body.to_string().into_bytes(),
        }
    }

    /// The OAuth error code.
    pub(super) fn error(&self) -> &'static str {
        self.error
    }

    /// The message, with Entra's error number.
    pub(super) fn text(&self) -> String {
        format!("AADSTS{}: {}", self.number, self.text)
    }

    #[cfg(test)]
    pub(super) fn number(&self) -> u32 {
        self.number
    }
}
