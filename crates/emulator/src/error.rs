//! Errors in the form that Dataverse returns: a status, a code, a message.

use http::StatusCode;

/// Error codes of the platform, by their documented names (Web API: compose requests and handle errors; SDK error list).
pub(crate) mod code {
    pub(crate) const UNEXPECTED: u32 = 0x8004_0216;
    pub(crate) const OBJECT_DOES_NOT_EXIST: u32 = 0x8004_0217;
    pub(crate) const PRIVILEGE_DENIED: u32 = 0x8004_0220;
    pub(crate) const CANNOT_DELETE_DUE_TO_ASSOCIATION: u32 = 0x8004_0227;
    pub(crate) const DUPLICATE_RECORD: u32 = 0x8004_0237;
    pub(crate) const INVALID_ARGUMENT: u32 = 0x8004_0203;
    pub(crate) const DATE_OUT_OF_RANGE: u32 = 0x8004_0239;
    pub(crate) const INVALID_OPERATION: u32 = 0x8004_023B;
    pub(crate) const NOT_SUPPORTED: u32 = 0x8004_0315;
    pub(crate) const ISV_ABORTED: u32 = 0x8004_0265;
    pub(crate) const INVALID_PAYLOAD: u32 = 0x8004_8D19;
    /// A query that names an unknown property. [`crate::switches::UnknownColumn`] determines the code that clients see.
    pub(crate) const UNKNOWN_PROPERTY: u32 = 0;
    /// An unknown entity set, function or action. The same switch determines the code that clients see.
    pub(crate) const UNKNOWN_SEGMENT: u32 = 1;
    pub(crate) const PRINCIPAL_MISSING: u32 = 0x8004_8306;
    pub(crate) const LAST_ADMINISTRATOR: u32 = 0x8004_1D2F;
    pub(crate) const UNIT_NEEDED: u32 = 0x8004_1D59;
    pub(crate) const UNIT_NOT_DISABLED: u32 = 0x8004_1D60;
    pub(crate) const UNIT_HAS_CHILDREN: u32 = 0x8004_1D61;
    pub(crate) const DEFAULT_TEAM_DELETED: u32 = 0x8004_8307;
    pub(crate) const DEFAULT_TEAM_NAME: u32 = 0x8004_830A;
    pub(crate) const DEFAULT_TEAM_GAINS: u32 = 0x8004_830B;
    pub(crate) const DEFAULT_TEAM_LOSES: u32 = 0x8004_830C;
    pub(crate) const NOT_FOR_THIS_TABLE: u32 = 0x8004_0800;
    pub(crate) const TOO_MANY_CONDITIONS: u32 = 0x8004_430C;
    pub(crate) const UNKNOWN_COLUMN: u32 = 0x8004_1103;
    pub(crate) const NOT_AUTHENTICATED: u32 = 0x8004_4302;
    pub(crate) const USER_DISABLED: u32 = 0x8004_0225;
    pub(crate) const CHOICE_OUT_OF_RANGE: u32 = 0x8004_431A;
    pub(crate) const INTEGER_OUT_OF_RANGE: u32 = 0x8004_432F;
    pub(crate) const DECIMAL_OUT_OF_RANGE: u32 = 0x8004_4330;
    pub(crate) const STRING_TOO_LONG: u32 = 0x8004_4331;
    pub(crate) const AGGREGATE_LIMIT: u32 = 0x8004_E023;
    pub(crate) const MANAGED_PROPERTY: u32 = 0x8004_F026;
    pub(crate) const CANNOT_DELETE_MANAGED: u32 = 0x8004_F032;
    pub(crate) const CUSTOMIZATION_LOCK: u32 = 0x8007_1151;
    pub(crate) const VERSION_MISMATCH: u32 = 0x8006_0882;
    pub(crate) const OPTIMISTIC_CONCURRENCY_NOT_ENABLED: u32 = 0x8006_088D;
    pub(crate) const BAD_QUERY: u32 = 0x8006_0888;
    pub(crate) const BAD_SEGMENT: u32 = 0x8006_088A;
    pub(crate) const KEY_NOT_FOUND: u32 = 0x8006_0891;
    pub(crate) const DUPLICATE_KEY: u32 = 0x8006_0892;
    pub(crate) const INVALID_PREFIX: u32 = 0x8006_08AD;
}

/// A rejected request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceError {
    pub(crate) status: StatusCode,
    /// `None` is the empty code that some documented replies contain.
    pub(crate) code: Option<u32>,
    pub(crate) message: String,
    pub(crate) retry_after: Option<u64>,
}

/// Result of one step of a request.
pub(crate) type Outcome<T> = Result<T, ServiceError>;

impl ServiceError {
    pub(crate) fn new(status: StatusCode, code: u32, message: impl Into<String>) -> ServiceError {
        ServiceError {
            status,
            code: Some(code),
            message: message.into(),
            retry_after: None,
        }
    }

    /// An error that a fault script demands.
    pub(crate) fn scripted(status: u16) -> ServiceError {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN);
        let code = match status {
            StatusCode::FORBIDDEN => code::PRIVILEGE_DENIED,
            StatusCode::NOT_FOUND => code::OBJECT_DOES_NOT_EXIST,
            _ => code::UNEXPECTED,
        };
        ServiceError::new(status, code, "The fault script refuses this request.")
    }

    pub(crate) fn bad(code: u32, message: impl Into<String>) -> ServiceError {
        ServiceError::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// An invalid query.
    pub(crate) fn query(message: impl Into<String>) -> ServiceError {
        ServiceError::bad(code::BAD_QUERY, message)
    }

    /// An invalid body.
    pub(crate) fn payload(table: &str, message: impl std::fmt::Display) -> ServiceError {
        ServiceError::bad(
            code::INVALID_PAYLOAD,
            format!(
                "Error identified in Payload provided by the user for Entity :'{table}', For more information on this error please follow this help link https://go.microsoft.com/fwlink/?linkid=2195293  ---->  InnerException : {message}"
            ),
        )
    }

    /// A feature that Dataverse supports and the emulator does not. The message must not suggest that the request is wrong.
    pub(crate) fn not_emulated(what: impl std::fmt::Display) -> ServiceError {
        ServiceError::new(
            StatusCode::NOT_IMPLEMENTED,
            code::NOT_SUPPORTED,
            format!(
                "The emulator does not support {what}. Dataverse does; docs/emulator.md lists what the emulator has."
            ),
        )
    }

    pub(crate) fn not_found(table: &str, id: uuid::Uuid) -> ServiceError {
        ServiceError::new(
            StatusCode::NOT_FOUND,
            code::OBJECT_DOES_NOT_EXIST,
            format!("{table} With Id = {id} Does Not Exist"),
        )
    }

    /// The error of a name that is neither an entity set nor an operation. Operations of Dataverse are not emulated instead.
    pub(crate) fn unknown_segment(segment: &str) -> ServiceError {
        const OTHERS: &str = include_str!("../metadata/operations.txt");
        let segment = segment.trim_start_matches("Microsoft.Dynamics.CRM.");
        let mut lines = OTHERS.lines().filter(|line| !line.starts_with('#'));
        if lines.any(|line| line.split(' ').any(|other| other == segment)) {
            return ServiceError::not_emulated(format_args!("the operation '{segment}'"));
        }
        ServiceError::new(
            StatusCode::NOT_FOUND,
            code::UNKNOWN_SEGMENT,
            format!("Resource not found for the segment '{segment}'."),
        )
    }

    /// A message that the platform does not support for a table, such as creating a row of an intersect table.
    pub(crate) fn not_for(message: &str, table: &str) -> ServiceError {
        ServiceError::bad(
            code::NOT_FOR_THIS_TABLE,
            format!(
                "The '{message}' method does not support entities of type '{table}'. MessageProcessorCache returned MessageProcessor.Empty."
            ),
        )
    }

    pub(crate) fn wrong_method(method: &http::Method) -> ServiceError {
        ServiceError {
            status: StatusCode::METHOD_NOT_ALLOWED,
            code: None,
            message: format!("The requested resource does not support http method '{method}'."),
            retry_after: None,
        }
    }

    /// The code as `0x80040217`, or an empty string.
    pub(crate) fn code_text(&self) -> String {
        self.code
            .map(|code| match code {
                code::UNKNOWN_PROPERTY => "0x0".to_owned(),
                code => format!("0x{code:08x}"),
            })
            .unwrap_or_default()
    }

    /// The JSON body, with annotations if the caller requested all of them.
    pub(crate) fn body(&self, annotated: bool) -> serde_json::Value {
        let mut error = serde_json::json!({"code": self.code_text(), "message": self.message});
        if annotated && let Some(fields) = error.as_object_mut() {
            fields.insert(
                "@Microsoft.PowerApps.CDS.ErrorDetails.OperationStatus".into(),
                "0".into(),
            );
            fields.insert(
                "@Microsoft.PowerApps.CDS.ErrorDetails.SubErrorCode".into(),
                self.code
                    .unwrap_or_default()
                    .cast_signed()
                    .to_string()
                    .into(),
            );
            fields.insert(
                "@Microsoft.PowerApps.CDS.HelpLink".into(),
                format!("http://go.microsoft.com/fwlink/?LinkID=398563&error=Microsoft.Crm.CrmException%3a{:x}&client=platform", self.code.unwrap_or_default()).into(),
            );
            fields.insert("@Microsoft.PowerApps.CDS.TraceText".into(), "".into());
            fields.insert(
                "@Microsoft.PowerApps.CDS.InnerError.Message".into(),
                self.message.clone().into(),
            );
        }
        serde_json::json!({ "error": error })
    }
}
