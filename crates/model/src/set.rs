//! Modes of sets, and the things that manifests refer to by name.

use std::fmt;

use uuid::Uuid;

use crate::name::UniqueName;

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

/// Who owns a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// A user: user principal name, e-mail address or Entra object id.
    User(String),
    /// A team by name.
    Team(String),
}
