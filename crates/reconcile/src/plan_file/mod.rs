//! A saved plan: what was reviewed. Apply compares it with the plan it just made; a file is never carried out.

mod canonical;
mod compare;
mod v1;

use deskstate_model::SourceMap;
use serde_json::Value as Json;
use thiserror::Error;

pub use canonical::{Digest, digest};
pub use compare::{Divergence, LastWrite, compare};
pub use v1::{Change as FileChange, Field as FileField, Place, PlanFile};

use crate::plan::Plan;

/// The largest file that is read, in bytes.
pub const MAX_BYTES: usize = 64 << 20;
/// The deepest nesting that is read. Values of fields are JSON of their own, so some is needed.
pub const MAX_DEPTH: usize = 64;

/// What a saved plan says beside its changes.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Name of the environment.
    pub environment: &'a str,
    /// The git revision of the manifests.
    pub revision: Option<&'a str>,
    /// Where the manifests are.
    pub sources: &'a SourceMap,
}

/// Why a file is no plan that can be compared.
#[derive(Debug, Error)]
pub enum PlanFileError {
    /// The file is larger than any plan.
    #[error("the plan file has {size} bytes; {MAX_BYTES} are read at most")]
    TooLarge {
        /// Its size.
        size: usize,
    },
    /// The file is nested deeper than any plan.
    #[error("the plan file is nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
    /// The file is of another version of the format.
    #[error("the plan file has format version {found}; this version of deskstate reads 1")]
    UnknownVersion {
        /// What it says.
        found: String,
    },
    /// The file is no plan.
    #[error("the file is not a saved plan: {reason}")]
    Malformed {
        /// What is wrong, with line and column.
        reason: String,
    },
    /// The file contradicts itself.
    #[error("the plan file was altered: its digest does not fit its changes")]
    Altered,
}

/// A plan as a file: pretty JSON, the same bytes for the same plan, no secrets.
pub fn write(plan: &Plan, about: &About<'_>) -> String {
    let mut text = serde_json::to_string_pretty(&v1::PlanFile::of(plan, about)).unwrap_or_default();
    text.push('\n');
    text
}

/// Reads a saved plan. The text may come from anybody.
///
/// # Errors
/// If the file is too large or too deep, of an unknown version, malformed, or contradicts its own digest.
pub fn read(text: &str) -> Result<PlanFile, PlanFileError> {
    if text.len() > MAX_BYTES {
        return Err(PlanFileError::TooLarge { size: text.len() });
    }
    if nesting(text) > MAX_DEPTH {
        return Err(PlanFileError::TooDeep);
    }
    let malformed = |error: serde_json::Error| PlanFileError::Malformed {
        reason: error.to_string(),
    };
    let header: Header = serde_json::from_str(text).map_err(malformed)?;
    if header.format_version != v1::VERSION {
        return Err(PlanFileError::UnknownVersion {
            found: header.format_version.to_string().chars().take(40).collect(),
        });
    }
    let file: PlanFile = serde_json::from_str(text).map_err(malformed)?;
    if file.digest != file.own_digest().to_string() {
        return Err(PlanFileError::Altered);
    }
    Ok(file)
}

/// A file of this version with the digest that it should have, so that a digest does not hide what is read behind it.
#[cfg(any(test, fuzzing))]
pub(crate) fn sealed(text: &str) -> Option<PlanFile> {
    let mut file: PlanFile = serde_json::from_str(text).ok()?;
    file.format_version = v1::VERSION;
    file.digest = file.own_digest().to_string();
    Some(file)
}

/// All that is read before the version is known.
#[derive(serde::Deserialize)]
struct Header {
    #[serde(rename = "formatVersion")]
    format_version: Json,
}

/// The deepest nesting of brackets outside texts, without building anything.
pub(crate) fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0usize);
    let (mut in_text, mut escaped) = (false, false);
    for byte in text.bytes() {
        if in_text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> String {
        let sources = SourceMap::default();
        let about = About {
            environment: "prod",
            revision: None,
            sources: &sources,
        };
        write(&Plan::default(), &about)
    }

    #[test]
    fn a_written_plan_is_read_back() {
        let file = read(&empty()).expect("our own file");
        assert_eq!(file.environment, "prod");
        assert!(file.changes.is_empty());
    }

    #[test]
    fn an_unknown_version_is_named() {
        let text = empty().replace("\"formatVersion\": 1", "\"formatVersion\": 7");
        let error = read(&text).expect_err("version 7");
        assert!(matches!(error, PlanFileError::UnknownVersion { found } if found == "7"));
    }

    #[test]
    fn brackets_without_end_are_refused_before_anything_is_built() {
        let text = "[".repeat(1_000_000);
        assert!(matches!(read(&text), Err(PlanFileError::TooDeep)));
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let text = empty().replacen("{", "{\"execute\": [],", 1);
        assert!(matches!(read(&text), Err(PlanFileError::Malformed { .. })));
    }

    #[test]
    fn a_file_whose_digest_does_not_fit_is_refused() {
        let text = empty();
        let at = text.find("sha256:").expect("a digest") + 7;
        let other = if &text[at..=at] == "0" { "1" } else { "0" };
        let altered = format!("{}{other}{}", &text[..at], &text[at + 1..]);
        assert!(matches!(read(&altered), Err(PlanFileError::Altered)));
    }
}
