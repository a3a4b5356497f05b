//! A saved plan: what was reviewed, and all that is needed to show it again. Apply compares it with the plan it just made; a file is
//! never carried out.

mod canonical;
mod compare;
mod restore;
mod v2;

use std::io;

use deskstate_files::Limit;
use deskstate_model::SourceMap;
use serde_json::Value as Json;
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

/// The deepest nesting that is read. Values of fields are JSON of their own, so some is needed.
pub const MAX_DEPTH: usize = 64;

/// What a saved plan says next to its changes.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Name of the environment.
    pub environment: &'a str,
    /// The git revision of the manifests.
    pub revision: Option<&'a str>,
    /// Where the manifests are.
    pub sources: &'a SourceMap,
    /// Whom each change reaches.
    pub reach: Option<&'a Reach>,
    /// What else is shown. Counts of changes, agents and requests are filled in.
    pub report: &'a Report,
}

/// Why a file is no plan that can be compared.
#[derive(Debug, Error)]
pub enum PlanFileError {
    /// The file is larger than any plan.
    #[error("the plan file is not read: {0}")]
    TooMuch(#[from] TooMuch),
    /// An older deskstate wrote it.
    #[error(
        "an older version of deskstate saved this plan (format version {found}; this version reads {})",
        v2::VERSION
    )]
    Older {
        /// What it says.
        found: u64,
    },
    /// A newer deskstate wrote it.
    #[error(
        "a newer version of deskstate saved this plan (format version {found}; this version reads {})",
        v2::VERSION
    )]
    Newer {
        /// What it says.
        found: u64,
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

impl PlanFileError {
    /// What to do next.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Older { .. } => {
                "save and review it again: `deskstate plan --env ENVIRONMENT --out FILE`"
            }
            Self::Newer { .. } => "use the version of deskstate that saved it, or save it again",
            Self::TooMuch(_) | Self::Malformed { .. } | Self::Altered => {
                "save one with `deskstate plan --env ENVIRONMENT --out FILE`"
            }
        }
    }
}

/// A plan as a file: pretty JSON, the same bytes for the same plan, no secrets.
pub fn write(plan: &Plan, live: &Live, about: &About<'_>) -> String {
    let file = v2::PlanFile::of(plan, live, about);
    // Counted first: a text that grows is in memory twice.
    let mut length = Length(0);
    let _ = serde_json::to_writer_pretty(&mut length, &file);
    let mut text = Vec::with_capacity(length.0 + 1);
    let _ = serde_json::to_writer_pretty(&mut text, &file);
    text.push(b'\n');
    String::from_utf8(text).unwrap_or_default()
}

/// Counts what is written.
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

/// Reads a saved plan. The text may come from anybody.
///
/// # Errors
/// If the file is too large or too deep, of an unknown version, malformed, or contradicts its own digest.
pub fn read(text: &str) -> Result<PlanFile, PlanFileError> {
    bounds::check(text, Limit::PLAN, MAX_DEPTH)?;
    let malformed = |error: serde_json::Error| PlanFileError::Malformed {
        reason: error.to_string(),
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

/// A file of this version with the digest that it should have, so that a digest does not hide what is read behind it.
#[cfg(any(test, fuzzing))]
pub(crate) fn sealed(text: &str) -> Option<PlanFile> {
    let mut file: PlanFile = serde_json::from_str(text).ok()?;
    file.format_version = v2::VERSION;
    file.digest = file.own_digest().to_string();
    Some(file)
}

/// All that is read before the version is known.
#[derive(serde::Deserialize)]
struct Header {
    #[serde(rename = "formatVersion")]
    format_version: u64,
}

#[cfg(test)]
mod tests;
