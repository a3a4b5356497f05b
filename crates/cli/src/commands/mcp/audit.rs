//! The record of calls: who asked what of which environment, and what came of it.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use deskstate_reconcile::secret::masked;
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use crate::door::{harmless_json, plain};
use crate::today;

/// The longest argument that is on record as it was given; of a longer one the length and the digest are.
const LONGEST_ARGUMENT: usize = 200;

/// Where calls are recorded.
pub(super) struct Audit {
    /// None for a line of the log on stderr.
    file: Option<Mutex<Box<dyn Write + Send>>>,
}

/// One call.
pub(super) struct Entry<'a> {
    /// The program that asks, as it calls itself.
    pub(super) client: &'a str,
    /// The tool.
    pub(super) tool: &'a str,
    /// As they were given.
    pub(super) arguments: &'a Map<String, Json>,
    /// `ok`, or the code of the error.
    pub(super) outcome: &'a str,
    /// The bytes of the answer.
    pub(super) bytes: usize,
    /// How long it took.
    pub(super) took: Duration,
}

impl Audit {
    /// Lines of the log.
    pub(super) fn traced() -> Self {
        Self { file: None }
    }

    /// Lines of JSON.
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

/// An argument as it is on record: short ones as they are, of long ones the length and the digest.
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
