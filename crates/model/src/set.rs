//! Modes of sets, and the things that manifests refer to by name.

use std::fmt;

use uuid::Uuid;

use crate::name::UniqueName;

/// Whether a set lists all members or only some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SetMode {
    /// Exactly these members.
    Exact,
    /// At least these members; others are left alone.
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
    /// Creates a reference from a name as written.
    #[must_use]
    pub fn new(written: &str) -> Self {
        Self(UniqueName::new(written))
    }

    /// Returns the name as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_written()
    }

    /// Returns the name for comparison.
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
    /// Its name, which is looked up in every environment.
    Name {
        /// Name shown in the product.
        name: String,
        /// The table it belongs to, if the tab's `entityName` does not give it.
        table: Option<String>,
    },
}

/// The owner of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// A user: user principal name, e-mail address or Entra object id.
    User(String),
    /// A team by name.
    Team(String),
}
