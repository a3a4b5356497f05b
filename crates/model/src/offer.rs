//! Replacements that an editor can offer at the place of a finding. Only a person knows whether they are right.

use serde_json::Value;

use crate::yaml::yaml_scalar as scalar;

/// A replacement for the place of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer {
    /// Replaces the complete text.
    Whole(String),
    /// Replaces one word of the text.
    Word {
        /// The written word.
        written: String,
        /// The nearest known word.
        near: String,
    },
    /// Puts the text in quotes.
    Quoted,
    /// Removes the blanks after its first quote and before its last one.
    Trimmed,
}

impl Offer {
    /// A value of a field.
    pub(crate) fn value(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Whole(scalar(text))),
            Value::Bool(_) | Value::Number(_) => Some(Self::Whole(value.to_string())),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// Returns the new text of a place; `None` if the text does not contain the word exactly once or cannot be changed this way.
    #[must_use]
    pub fn applied(&self, text: &str) -> Option<String> {
        match self {
            Self::Whole(whole) => Some(whole.clone()),
            Self::Quoted => (!text.contains(['\n', '"', '\\'])).then(|| format!("\"{text}\"")),
            Self::Trimmed => {
                let mark = text
                    .chars()
                    .next()
                    .filter(|one| ['"', '\''].contains(one))?;
                let inside = text.strip_prefix(mark)?.strip_suffix(mark)?;
                (!inside.contains('\n')).then(|| format!("{mark}{}{mark}", inside.trim()))
            }
            Self::Word { written, near } => {
                let is_part = |one: char| one.is_alphanumeric() || one == '_';
                let mut places = text.match_indices(written.as_str()).filter(|(at, found)| {
                    !text[..*at].ends_with(is_part)
                        && !text[at + found.len()..].starts_with(is_part)
                });
                let (at, found) = places.next()?;
                if places.next().is_some() || found.is_empty() {
                    return None;
                }
                Some(format!(
                    "{}{near}{}",
                    &text[..at],
                    &text[at + found.len()..]
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_replaced_where_it_is_the_only_one_of_its_kind() {
        let offer = Offer::Word {
            written: "hots".to_owned(),
            near: "host".to_owned(),
        };
        assert_eq!(
            offer.applied("'https://${{ vars.hots }}/'").as_deref(),
            Some("'https://${{ vars.host }}/'")
        );
        assert_eq!(offer.applied("hots_2 hots").as_deref(), Some("hots_2 host"));
        assert_eq!(offer.applied("hots hots"), None);
        assert_eq!(offer.applied("shots"), None);
    }

    #[test]
    fn what_needs_quotes_gets_them() {
        let written = |value: Value| Offer::value(&value).and_then(|offer| offer.applied("x"));
        assert_eq!(written("yes".into()).as_deref(), Some("\"yes\""));
        assert_eq!(written("Docked".into()).as_deref(), Some("Docked"));
        assert_eq!(written(true.into()).as_deref(), Some("true"));
        assert_eq!(written(Value::Array(Vec::new())), None);
        assert_eq!(Offer::Quoted.applied("{x}").as_deref(), Some("\"{x}\""));
        assert_eq!(Offer::Quoted.applied("{\"x\"}"), None);
        assert_eq!(Offer::Trimmed.applied("' x '").as_deref(), Some("'x'"));
        assert_eq!(Offer::Trimmed.applied("|\n  x"), None);
    }
}
