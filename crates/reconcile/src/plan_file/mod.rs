//! Saved plans: what was reviewed, and everything needed to show it again. Apply compares a saved plan with the plan that it just computed;
//! it never executes a file.

mod canonical;
mod compare;
mod restore;
mod v2;

use std::io;

use deskstate_files::Limit;
use deskstate_model::SourceMap;
use serde_json::Value as Json;
use serde_json::error::Category;
use thiserror::Error;

pub use canonical::Digest;
pub use compare::{Comparison, Divergence, LastWrite, compare};
pub use restore::{RestoreError, Restored, restore};
pub use v2::{
    Change as FileChange, Counts, Field as FileField, Finding as FileFinding, NotPlanned, Place,
    PlanFile, Report, ResourceState,
};

use crate::bounds::{self, TooMuch};
use crate::live::Live;
use crate::plan::Plan;
use crate::reach::Reach;

/// Maximum nesting depth of a file. Values of fields contain JSON of their own, so some nesting is needed.
pub const MAX_DEPTH: usize = 64;

/// Additional information for a saved plan.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Name of the environment.
    pub environment: &'a str,
    /// The git revision of the manifests.
    pub revision: Option<&'a str>,
    /// The manifests' sources.
    pub sources: &'a SourceMap,
    /// The agents that each change reaches.
    pub reach: Option<&'a Reach>,
    /// Further information to show. Counts of changes, agents and requests are filled in.
    pub report: &'a Report,
}

/// Why a file cannot be compared.
#[derive(Debug, Error)]
pub enum PlanFileError {
    /// The file is larger than any plan.
    #[error("the plan file is not read: {0}")]
    TooMuch(#[from] TooMuch),
    /// The file was written by an older version of deskstate.
    #[error(
        "an older version of deskstate saved this plan (format version {found}; this version reads {})",
        v2::VERSION
    )]
    Older {
        /// The format version in the file.
        found: u64,
    },
    /// The file was written by a newer version of deskstate.
    #[error(
        "a newer version of deskstate saved this plan (format version {found}; this version reads {})",
        v2::VERSION
    )]
    Newer {
        /// The format version in the file.
        found: u64,
    },
    /// The file is not a plan.
    #[error("not a plan file ({reason})")]
    Malformed {
        /// The error, with line and column if the file is JSON.
        reason: String,
    },
    /// The file ends before the plan does.
    #[error("the plan file is incomplete")]
    Incomplete,
    /// The digest in the file does not match its changes.
    #[error("the plan file was altered: its digest does not fit its changes")]
    Altered,
}

impl PlanFileError {
    /// What to do next.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Older { .. } => {
                "save and review it again: `deskstate plan --env ENVIRONMENT --out FILE`"
            }
            Self::Newer { .. } => "use the version of deskstate that saved it, or save it again",
            Self::TooMuch(_) | Self::Malformed { .. } | Self::Incomplete | Self::Altered => {
                "save one with `deskstate plan --env ENVIRONMENT --out FILE`"
            }
        }
    }
}

/// Serializes a plan: pretty-printed JSON, identical bytes for the same plan, no secrets.
pub fn write(plan: &Plan, live: &Live, about: &About<'_>) -> String {
    let file = v2::PlanFile::of(plan, live, about);
    // The length is counted first, because a growing buffer temporarily needs twice the memory.
    let mut length = Length(0);
    let _ = serde_json::to_writer_pretty(&mut length, &file);
    let mut text = Vec::with_capacity(length.0 + 1);
    let _ = serde_json::to_writer_pretty(&mut text, &file);
    text.push(b'\n');
    String::from_utf8(text).unwrap_or_default()
}

/// Counts the bytes that are written.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The digest of a plan: organization, definitions, rows, fields, before, after, links.
pub fn digest(plan: &Plan, live: &Live) -> Digest {
    let changes = plan.changes.iter();
    let changes = changes.map(|change| FileChange::of(change, live, None));
    v2::digest(plan.organization, &v2::definitions(), changes)
}

/// The JSON Schema of the file.
pub fn schema() -> Json {
    let settings = schemars::generate::SchemaSettings::draft07();
    let schema = settings.into_generator().into_root_schema_for::<PlanFile>();
    let mut schema = schema.to_value();
    schema["title"] = "Plan".into();
    schema
}

/// Parses a saved plan. The text is not trusted.
///
/// # Errors
/// If the file is too large or too deep, of an unknown version, malformed, or contradicts its own digest.
pub fn read(text: &str) -> Result<PlanFile, PlanFileError> {
    bounds::check(text, Limit::PLAN, MAX_DEPTH)?;
    let malformed = |error: serde_json::Error| match error.classify() {
        Category::Eof => PlanFileError::Incomplete,
        Category::Syntax => PlanFileError::Malformed {
            reason: "not JSON".to_owned(),
        },
        Category::Data | Category::Io => PlanFileError::Malformed {
            reason: error.to_string(),
        },
    };
    let header: Header = serde_json::from_str(text).map_err(malformed)?;
    match header.format_version {
        found if found == u64::from(v2::VERSION) => {}
        found if found < u64::from(v2::VERSION) => return Err(PlanFileError::Older { found }),
        found => return Err(PlanFileError::Newer { found }),
    }
    let file: PlanFile = serde_json::from_str(text).map_err(malformed)?;
    if file.digest != file.own_digest().to_string() {
        return Err(PlanFileError::Altered);
    }
    Ok(file)
}

/// Parses a file and gives it the current version and the correct digest, so that fuzzing and tests get past those checks.
#[cfg(any(test, fuzzing))]
pub(crate) fn sealed(text: &str) -> Option<PlanFile> {
    let mut file: PlanFile = serde_json::from_str(text).ok()?;
    file.format_version = v2::VERSION;
    file.digest = file.own_digest().to_string();
    Some(file)
}

/// The part that is read before the version is known.
#[derive(serde::Deserialize)]
struct Header {
    #[serde(rename = "formatVersion")]
    format_version: u64,
}

#[cfg(test)]
mod tests;
