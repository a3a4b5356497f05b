//! Rows that Microsoft ships, with the names that its pages use.

use super::Kind;
use crate::name::fold;

/// A row that the product ships to every environment, with its display name and its unique name. Either is empty if no public page or row
/// shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brought {
    /// Display name.
    pub label: &'static str,
    /// Unique name.
    pub name: &'static str,
}

impl Brought {
    pub(super) const fn new(label: &'static str, name: &'static str) -> Self {
        Self { label, name }
    }

    /// Whether this is its display name or its unique name, ignoring case.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let name = fold(name);
        [self.label, self.name]
            .iter()
            .any(|own| !own.is_empty() && fold(own) == name)
    }

    /// Returns the unique name, if it is documented.
    #[must_use]
    pub fn unique_name(&self) -> Option<&'static str> {
        (!self.name.is_empty()).then_some(self.name)
    }
}

impl Kind {
    /// Returns the product's row of this kind with this display name, ignoring case.
    #[must_use]
    pub fn brought_as(self, label: &str) -> Option<&'static Brought> {
        let label = fold(label);
        self.definition()
            .brings
            .iter()
            .find(|row| !row.label.is_empty() && fold(row.label) == label)
    }

    /// Whether this is the documented unique name of one of the product's rows.
    #[must_use]
    pub fn brings(self, name: &str) -> bool {
        let name = fold(name);
        self.definition()
            .brings
            .iter()
            .any(|row| !row.name.is_empty() && fold(row.name) == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_product_are_found_by_either_name() {
        let case = Kind::SESSION_TEMPLATE.brought_as("case entity session - Default template");
        assert_eq!(
            case.and_then(Brought::unique_name),
            Some("case_entity_session_default_template")
        );
        assert!(Kind::SESSION_TEMPLATE.brings("Case_Entity_Session_Default_Template"));
        let summary = Kind::APPLICATION_TAB.brought_as("Customer Summary");
        assert_eq!(summary.map(Brought::unique_name), Some(None));
        for kind in Kind::all() {
            assert!(!kind.brings(""), "{kind}");
            assert_eq!(kind.brought_as(""), None, "{kind}");
        }
    }

    #[test]
    fn no_two_rows_of_a_kind_have_the_same_name() {
        for kind in Kind::all() {
            let rows = kind.definition().brings;
            for (at, row) in rows.iter().enumerate() {
                for other in &rows[..at] {
                    let clash =
                        |left: &str, right: &str| !left.is_empty() && fold(left) == fold(right);
                    assert!(!clash(row.label, other.label), "{kind} {}", row.label);
                    assert!(!clash(row.name, other.name), "{kind} {}", row.name);
                }
            }
        }
    }
}
