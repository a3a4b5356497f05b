//! Errors of the communication with a server.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use uuid::Uuid;

use crate::Spent;
use crate::auth::SignInError;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// A Dataverse error code, such as `0x80040217`. It is unrelated to the HTTP status.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrorCode(pub u32);

impl ErrorCode {
    /// The record does not exist.
    pub const OBJECT_DOES_NOT_EXIST: ErrorCode = ErrorCode(0x8004_0217);
    /// The caller lacks a privilege.
    pub const PRIVILEGE_DENIED: ErrorCode = ErrorCode(0x8004_0220);
    /// Other rows still refer to the row to delete.
    pub const CANNOT_DELETE_DUE_TO_ASSOCIATION: ErrorCode = ErrorCode(0x8004_0227);
    /// A key or a link already exists.
    pub const DUPLICATE_RECORD: ErrorCode = ErrorCode(0x8004_0237);
    /// Another row has the same values of an alternate key.
    pub const DUPLICATE_KEY: ErrorCode = ErrorCode(0x8006_0892);
    /// A plug-in or workflow of the environment rejected the request.
    pub const PLUGIN_ABORTED: ErrorCode = ErrorCode(0x8004_0265);
    /// The query names a table that does not exist.
    pub const NO_TABLE: ErrorCode = ErrorCode(0x8004_1102);
    /// The query names a column that does not exist.
    pub const NO_COLUMN: ErrorCode = ErrorCode(0x8004_1103);
    /// The payload names a property that is not declared.
    pub const UNDECLARED_PROPERTY: ErrorCode = ErrorCode(0x8004_8d19);
    /// The row has a version other than the expected one.
    pub const VERSION_MISMATCH: ErrorCode = ErrorCode(0x8006_0882);
    /// The table does not support optimistic concurrency.
    pub const NO_OPTIMISTIC_CONCURRENCY: ErrorCode = ErrorCode(0x8006_088d);
    /// The database failed, for example because of a deadlock; the request itself is valid.
    pub const SQL_ERROR: ErrorCode = ErrorCode(0x8004_4150);
    /// The database timed out; the request itself is valid.
    pub const SQL_TIMEOUT: ErrorCode = ErrorCode(0x8004_4151);
    /// A solution operation is running; customisations are locked until it ends.
    pub const CUSTOMIZATION_LOCKED: ErrorCode = ErrorCode(0x8007_1151);
    /// The user of the token does not exist in the environment.
    pub const NOT_A_MEMBER: ErrorCode = ErrorCode(0x8007_2560);
    /// Too many requests in the time window of service protection.
    pub const TOO_MANY_REQUESTS: ErrorCode = ErrorCode(0x8007_2322);
    /// Too much execution time in the time window of service protection.
    pub const TOO_MUCH_TIME: ErrorCode = ErrorCode(0x8007_2321);
    /// Too many concurrent requests.
    pub const TOO_MANY_AT_ONCE: ErrorCode = ErrorCode(0x8007_2326);

    /// Parses `0x80040217`, or the same number as a signed decimal. Returns `None` for anything else.
    pub fn parse(text: &str) -> Option<ErrorCode> {
        let text = text.trim();
        let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => text.parse::<i32>().ok()?.cast_unsigned(),
        };
        (number != 0).then_some(ErrorCode(number))
    }

    /// Whether service protection rejected the request before it did anything.
    pub fn is_service_protection(self) -> bool {
        matches!(
            self,
            Self::TOO_MANY_REQUESTS | Self::TOO_MUCH_TIME | Self::TOO_MANY_AT_ONCE
        )
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The server's refusal of one query. Other queries of the same trip are unaffected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the server refused `{}`: {message} ({})", shortened(.path), describe(*.status, *.code, .request_id.as_deref()))]
pub struct Refused {
    /// The path of the request, without the host.
    pub path: String,
    /// The HTTP status of the part.
    pub status: u16,
    /// Dataverse's error code, if it gave one.
    pub code: Option<ErrorCode>,
    /// Dataverse's message. It comes from the server: neutralise it before printing.
    pub message: String,
    /// The server's id of the request, for support.
    pub request_id: Option<String>,
}

impl Refused {
    /// Whether a named column or navigation property does not exist in this environment.
    ///
    /// Four reports from live environments and a documentation page show `0x80060888`, `0x80041103` or no code with this message, so the
    /// text is checked as well.
    pub fn is_unknown_column(&self) -> bool {
        self.code == Some(ErrorCode::NO_COLUMN)
            || self.status == 400 && self.message.contains("Could not find a property named")
    }

    /// Whether the entity set does not exist in this environment.
    pub fn is_unknown_set(&self) -> bool {
        self.code == Some(ErrorCode::NO_TABLE)
            || self.status == 404 && self.message.contains("Resource not found for the segment")
    }

    /// Whether the caller lacks permission.
    pub fn is_forbidden(&self) -> bool {
        self.status == 403 || self.code == Some(ErrorCode::PRIVILEGE_DENIED)
    }

    /// Whether the record does not exist.
    pub fn is_absent(&self) -> bool {
        self.code == Some(ErrorCode::OBJECT_DOES_NOT_EXIST)
            || self.status == 404 && !self.is_unknown_set()
    }
}

/// The part of a reply that contains the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Inside the multipart answer to the changeset.
    Changeset,
    /// In a part of its own, in place of the changeset's answer.
    Part,
    /// The complete reply.
    Whole,
}

/// An error that the server stated, with the details that support will ask for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{method} `{}`: {message} ({})", shortened(.path), describe(*.status, *.code, .request_id.as_deref()))]
pub struct ServiceError {
    /// The method of the request or of the part.
    pub method: &'static str,
    /// The path of the request or of the part, without the host.
    pub path: String,
    /// The HTTP status of the part that failed, or of the complete reply.
    pub status: u16,
    /// The HTTP status of the complete reply.
    pub outer_status: u16,
    /// Where the reply contained the error.
    pub place: Place,
    /// Dataverse's error code, if it gave one.
    pub code: Option<ErrorCode>,
    /// Dataverse's message. It comes from the server: neutralise it before printing.
    pub message: String,
    /// Whether the error has the form of Dataverse. Otherwise something in between answered, such as a proxy or a firewall.
    pub is_own: bool,
    /// The server's id of the request.
    pub request_id: Option<String>,
    /// Our id of the request (`x-ms-client-request-id`).
    pub client_request_id: Uuid,
}

impl ServiceError {
    /// Turns this into an error of the complete batch, for cases where the refused request cannot be identified.
    #[must_use]
    pub fn of_the_batch(self) -> Self {
        Self {
            method: "POST",
            path: crate::client::batch_path(),
            ..self
        }
    }

    /// Whether the row had a version other than the one that the write expected.
    pub fn is_version_mismatch(&self) -> bool {
        match self.code {
            Some(code) => code == ErrorCode::VERSION_MISMATCH,
            None => self.status == 412,
        }
    }

    /// Whether the caller lacks a privilege. A 403 may have other reasons, which the message tells apart.
    pub fn is_forbidden(&self) -> bool {
        self.code == Some(ErrorCode::PRIVILEGE_DENIED)
            || self.status == 403
                && (self.missing_privilege().is_some() || self.message.contains("right(s)"))
    }

    /// The privilege that the message names as missing, such as `prvWriteAccount`.
    pub fn missing_privilege(&self) -> Option<&str> {
        self.message
            .split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
            .find(|word| word.starts_with("prv"))
    }

    /// Whether the environment changed since it was read: a row has another version, or a row or link already exists or is gone.
    pub fn is_stale(&self) -> bool {
        match self.code {
            Some(code) => matches!(
                code,
                ErrorCode::VERSION_MISMATCH
                    | ErrorCode::DUPLICATE_RECORD
                    | ErrorCode::DUPLICATE_KEY
                    | ErrorCode::OBJECT_DOES_NOT_EXIST
            ),
            None => matches!(self.status, 404 | 412),
        }
    }
}

/// Shortens a path. Paths contain filters of many kilobytes, and the start is enough to identify the request.
pub(crate) fn shortened(path: &str) -> Cow<'_, str> {
    const LONGEST: usize = 300;
    if path.len() <= LONGEST {
        return Cow::Borrowed(path);
    }
    Cow::Owned(format!("{}…", &path[..path.floor_char_boundary(LONGEST)]))
}

fn describe(status: u16, code: Option<ErrorCode>, request_id: Option<&str>) -> String {
    let mut text = format!("status {status}");
    if let Some(code) = code {
        text.push_str(&format!(", code {code}"));
    }
    if let Some(id) = request_id {
        text.push_str(&format!(", request {id}"));
    }
    text
}

/// Identifies a request in errors: enough to find it in the server's log, and nothing secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The method.
    pub method: &'static str,
    /// The path without the host.
    pub path: String,
    /// Our id of the request (`x-ms-client-request-id`).
    pub client_request_id: Uuid,
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} `{}` (client request {})",
            self.method,
            shortened(&self.path),
            self.client_request_id
        )
    }
}

/// The reason why a request failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL of the environment is invalid.
    #[error("`{url}` is not the URL of an environment: {reason}")]
    InvalidUrl {
        /// The URL as given.
        url: String,
        /// The reason.
        reason: &'static str,
    },
    /// A query or changeset cannot be written as a request.
    #[error("the request cannot be written: {0}")]
    InvalidRequest(String),
    /// An option of the connection is invalid.
    #[error("the connection cannot be set up: {what}")]
    Setup {
        /// The option.
        what: String,
        /// The HTTP client's error.
        #[source]
        source: Option<Source>,
    },
    /// Signing in failed.
    #[error("sign-in failed")]
    SignIn(
        #[from]
        #[source]
        SignInError,
    ),
    /// The server could not be reached; nothing was changed.
    #[error("could not reach `{host}`, so {exchange} was not sent")]
    Unreachable {
        /// The host, and its port if it is not the usual one.
        host: Box<str>,
        /// The request.
        exchange: Exchange,
        /// The HTTP client's error.
        #[source]
        source: Source,
    },
    /// The host name is unknown; nothing was sent.
    #[error("the host name `{host}` is unknown, so {exchange} was not sent")]
    UnknownHost {
        /// The host, and its port if it is not the usual one.
        host: Box<str>,
        /// The request.
        exchange: Exchange,
        /// The HTTP client's error.
        #[source]
        source: Source,
    },
    /// The server's certificate is not trusted; nothing was sent.
    #[error(
        "{exchange} was not sent: the certificate of the server is not trusted; \
         if a certificate authority of your own signs it, name that authority"
    )]
    Untrusted {
        /// The request.
        exchange: Exchange,
        /// The HTTP client's error.
        #[source]
        source: Source,
    },
    /// The request was sent, but no complete answer came back.
    #[error("{exchange} was sent and the answer was lost")]
    Lost {
        /// The request.
        exchange: Exchange,
        /// The HTTP client's error.
        #[source]
        source: Source,
    },
    /// No answer arrived within the time limit.
    #[error("{exchange} had no answer within {limit:?}")]
    TimedOut {
        /// The request.
        exchange: Exchange,
        /// The time limit.
        limit: Duration,
    },
    /// The server stated an error for the complete request.
    #[error(transparent)]
    Service(Box<ServiceError>),
    /// The answer violates the protocol.
    #[error("{exchange} was answered with status {status} in a way that cannot be read: {reason}")]
    Malformed {
        /// The request.
        exchange: Exchange,
        /// The status of the complete reply.
        status: u16,
        /// The part that cannot be read.
        reason: String,
    },
    /// The server sent more, or took longer, than the budget of a trip allows.
    #[error("{exchange} was given up: {spent}")]
    OverBudget {
        /// The request that exceeded the budget.
        exchange: Exchange,
        /// The limit that was exceeded.
        spent: Spent,
    },
    /// The server redirected the request. Redirects are not followed, so that no token leaves the host.
    #[error("{exchange} was redirected to `{location}`, which is not followed")]
    Redirected {
        /// The request.
        exchange: Exchange,
        /// The target, without its query.
        location: String,
    },
    /// [`Stop`](crate::Stop) stopped the work.
    #[error("stopped")]
    Stopped,
    /// A recording could not be read or written.
    #[error("recording `{path}`: {reason}")]
    Recording {
        /// The file.
        path: String,
        /// The reason.
        reason: String,
    },
}

impl Error {
    /// Whether a request has come to an end, though it is not known which: something answered, instead of giving up waiting.
    pub fn has_ended(&self) -> bool {
        match self {
            Self::Redirected { .. } => true,
            Self::Service(error) if error.place != Place::Whole => true,
            Self::Service(error) => error.status < 500 && !matches!(error.status, 408 | 499),
            _ => false,
        }
    }

    /// Whether this is a refusal because the environment changed since it was read.
    pub fn is_stale(&self) -> bool {
        matches!(self, Self::Service(error) if error.is_own && error.is_stale())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_in_hexadecimal_and_signed() {
        for (text, expected) in [
            ("0x80040217", Some(ErrorCode::OBJECT_DOES_NOT_EXIST)),
            ("0X80040217", Some(ErrorCode::OBJECT_DOES_NOT_EXIST)),
            ("-2147088254", Some(ErrorCode::VERSION_MISMATCH)),
            ("", None),
            ("0x0", None),
            ("0x", None),
            ("0x1234567890", None),
            ("Http_InvalidRequest", None),
        ] {
            assert_eq!(ErrorCode::parse(text), expected, "{text}");
        }
        assert_eq!(ErrorCode::NO_COLUMN.to_string(), "0x80041103");
    }

    fn refused(status: u16, code: Option<ErrorCode>, message: &str) -> Refused {
        Refused {
            path: "/api/data/v9.2/a".to_owned(),
            status,
            code,
            message: message.to_owned(),
            request_id: None,
        }
    }

    #[test]
    fn refusals_tell_what_is_missing() {
        let column = "Could not find a property named 'x' on type 'Microsoft.Dynamics.CRM.a'.";
        assert!(refused(400, None, column).is_unknown_column());
        assert!(refused(400, Some(ErrorCode::NO_COLUMN), "").is_unknown_column());
        let set = "Resource not found for the segment 'a'.";
        assert!(refused(404, None, set).is_unknown_set());
        assert!(!refused(404, None, set).is_absent());
        assert!(refused(404, None, "a With Id = 1 Does Not Exist").is_absent());
        assert!(refused(403, None, "").is_forbidden());
        assert!(!refused(400, None, "").is_unknown_column());
    }

    #[test]
    fn long_paths_are_shortened_for_people_and_kept_for_programs() {
        let mut refusal = refused(400, None, "m");
        refusal.path = "/é".repeat(1000);
        assert!(refusal.to_string().len() < 500);
        assert_eq!(refusal.path.len(), 3000);
    }
}
