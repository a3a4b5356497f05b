//! Sets with a stated mode, and the things that manifests refer to by name.

use std::fmt;

use uuid::Uuid;

use crate::name::UniqueName;
use crate::span::{Span, Spanned};

/// Whether a set says everything or a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SetMode {
    /// These members and no others.
    Exact,
    /// These members are there; others are left alone.
    AtLeast,
}

impl SetMode {
    /// The word in a manifest.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SetMode::Exact => "exact",
            SetMode::AtLeast => "atLeast",
        }
    }
}

/// A set of members: the order means nothing. A plain list is an exact set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetOf<T> {
    /// Exact or at least.
    pub mode: SetMode,
    /// What must be there.
    pub members: Vec<Spanned<T>>,
    /// What must not be there; with `atLeast` only.
    pub without: Vec<Spanned<T>>,
    /// Users only: names of Dataverse teams whose members belong to the set.
    pub from_teams: Vec<Spanned<String>>,
    /// Users only: whether somebody may leave a profile that is not declared here.
    pub moves: bool,
    /// The whole value.
    pub span: Span,
}

impl<T> SetOf<T> {
    /// An exact set.
    #[must_use]
    pub fn exact(members: Vec<Spanned<T>>, span: Span) -> Self {
        Self {
            mode: SetMode::Exact,
            members,
            without: Vec::new(),
            from_teams: Vec::new(),
            moves: false,
            span,
        }
    }

    /// Whether an exact set names nobody and nothing.
    #[must_use]
    pub fn empties(&self) -> bool {
        self.mode == SetMode::Exact && self.members.is_empty() && self.from_teams.is_empty()
    }
}

/// The unique name of another resource, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference(UniqueName);

impl Reference {
    /// Takes a name as somebody wrote it.
    #[must_use]
    pub fn new(written: &str) -> Self {
        Self(UniqueName::new(written))
    }

    /// The name with the letters and blanks that somebody wrote.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_written()
    }

    /// The name as an identity.
    #[must_use]
    pub fn name(&self) -> &UniqueName {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// The name of a web resource (`webresource.name`): looked up, never created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebResource(pub String);

/// A user: user principal name, e-mail address or Entra object id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRef(pub String);

/// A security role by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRef {
    /// The role's name.
    pub name: String,
    /// The business unit whose copy is meant; `None` is the root business unit's.
    pub business_unit: Option<String>,
}

impl fmt::Display for RoleRef {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.business_unit {
            None => out.write_str(&self.name),
            Some(unit) => write!(out, "{} of {unit}", self.name),
        }
    }
}

/// A view, form or dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookedUp {
    /// Its id.
    Id(Uuid),
    /// Its name, looked up in every environment.
    Name {
        /// The name as shown in the product.
        name: String,
        /// The table it belongs to, where the tab's `entityName` does not say.
        table: Option<String>,
    },
}

/// What a text column holds that is written as JSON or as plain text.
#[derive(Debug, Clone, PartialEq)]
pub enum JsonOrText {
    /// Written as YAML, stored as compact JSON with the key order of the file.
    Json(serde_json::Value),
    /// Stored as it stands.
    Text(String),
}

impl JsonOrText {
    /// The text that the column holds.
    #[must_use]
    pub fn stored(&self) -> String {
        match self {
            JsonOrText::Json(value) => value.to_string(),
            JsonOrText::Text(text) => text.clone(),
        }
    }
}

/// Who owns a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// A user: user principal name, e-mail address or Entra object id.
    User(String),
    /// A team by name.
    Team(String),
}
