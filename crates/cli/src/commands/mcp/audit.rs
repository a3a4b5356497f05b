//! The record of calls: who requested what from which environment, and the outcome.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use deskstate_reconcile::secret::masked;
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use crate::door::{harmless_json, plain};
use crate::today;

/// The longest argument that is recorded as given. For a longer one, the length and the digest are recorded.
const LONGEST_ARGUMENT: usize = 200;

/// The destination of the records.
pub(super) struct Audit {
    /// `None` for lines in the log on stderr.
    file: Option<Mutex<Box<dyn Write + Send>>>,
}

/// One call.
pub(super) struct Entry<'a> {
    /// The calling program, by the name it reports.
    pub(super) client: &'a str,
    /// The tool.
    pub(super) tool: &'a str,
    /// The arguments, as given.
    pub(super) arguments: &'a Map<String, Json>,
    /// `ok`, or the code of the error.
    pub(super) outcome: &'a str,
    /// Size of the answer in bytes.
    pub(super) bytes: usize,
    /// Duration of the call.
    pub(super) took: Duration,
}

impl Audit {
    /// Records calls as lines of the log.
    pub(super) fn traced() -> Self {
        Self { file: None }
    }

    /// Records calls as lines of JSON.
    pub(super) fn to(file: Box<dyn Write + Send>) -> Self {
        Self {
            file: Some(Mutex::new(file)),
        }
    }

    /// Records a call.
    pub(super) fn record(&self, entry: &Entry<'_>) -> io::Result<()> {
        let arguments: Map<String, Json> = entry
            .arguments
            .iter()
            .map(|(name, value)| (brief_text(name), brief(&masked(value))))
            .collect();
        let milliseconds = u64::try_from(entry.took.as_millis()).unwrap_or(u64::MAX);
        let (client, tool) = (brief_text(entry.client), brief_text(entry.tool));
        match &self.file {
            None => {
                tracing::info!(
                    target: "deskstate::audit",
                    client,
                    tool,
                    arguments = %Json::Object(arguments),
                    outcome = entry.outcome,
                    bytes = entry.bytes,
                    milliseconds,
                    "call"
                );
                Ok(())
            }
            Some(file) => {
                let line = json!({
                    "time": today::moment(),
                    "client": client,
                    "tool": tool,
                    "arguments": arguments,
                    "outcome": entry.outcome,
                    "bytes": entry.bytes,
                    "milliseconds": milliseconds,
                });
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.write_all(format!("{}\n", harmless_json(&line.to_string())).as_bytes())?;
                file.flush()
            }
        }
    }
}

/// An argument for the record: short ones as they are, long ones as length and digest.
fn brief(value: &Json) -> Json {
    match value {
        Json::String(text) => brief_text(text).into(),
        Json::Array(items) => items.iter().take(20).map(brief).collect(),
        Json::Object(map) => map
            .iter()
            .take(20)
            .map(|(name, value)| (brief_text(name), brief(value)))
            .collect(),
        other => other.clone(),
    }
}

fn brief_text(text: &str) -> String {
    if text.len() <= LONGEST_ARGUMENT {
        return plain(text);
    }
    let digest = Sha256::digest(text.as_bytes());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{} bytes, sha256 {digest}", text.len())
}
