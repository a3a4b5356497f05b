//! A cell of a row, and how two cells compare.

use std::cmp::Ordering;

use serde_json::Value as Json;
use uuid::Uuid;

use crate::schema::TableId;

/// What one column of one row holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Flag(bool),
    Int(i64),
    Number(f64),
    /// Text, and dates in their fixed-width ISO form, which sorts by time.
    Text(Box<str>),
    Id(Uuid),
    Lookup(TableId, Uuid),
    /// A managed property: its value, and whether it may be changed.
    Managed(bool, bool),
}

impl Value {
    pub(crate) fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The id, of an id or a lookup.
    pub(crate) fn id(&self) -> Option<Uuid> {
        match self {
            Value::Id(id) | Value::Lookup(_, id) => Some(*id),
            _ => None,
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn int(&self) -> Option<i64> {
        match self {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn flag(&self) -> Option<bool> {
        match self {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    /// The JSON that the Web API shows for the cell.
    pub(crate) fn json(&self, property: &str) -> Json {
        match self {
            Value::Null => Json::Null,
            Value::Flag(flag) => Json::Bool(*flag),
            Value::Int(number) => Json::from(*number),
            Value::Number(number) => Json::from(*number),
            Value::Text(text) => Json::from(text.as_ref()),
            Value::Id(id) | Value::Lookup(_, id) => Json::from(id.to_string()),
            Value::Managed(value, can_be_changed) => serde_json::json!({
                "Value": value,
                "CanBeChanged": can_be_changed,
                "ManagedPropertyLogicalName": property,
            }),
        }
    }

    /// How two cells compare: text without case and outer blanks at the end, ids as ids; `None` when they cannot be compared.
    pub(crate) fn compare(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::Null, _) | (_, Value::Null) => None,
            (Value::Flag(a), Value::Flag(b)) => Some(a.cmp(b)),
            (Value::Flag(a), Value::Int(b)) => Some(i64::from(*a).cmp(b)),
            (Value::Int(a), Value::Flag(b)) => Some(a.cmp(&i64::from(*b))),
            (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
            (Value::Number(a), Value::Number(b)) => a.partial_cmp(b),
            #[expect(
                clippy::cast_precision_loss,
                reason = "numbers of records stay far below 2^53"
            )]
            (Value::Number(a), Value::Int(b)) => a.partial_cmp(&(*b as f64)),
            #[expect(
                clippy::cast_precision_loss,
                reason = "numbers of records stay far below 2^53"
            )]
            (Value::Int(a), Value::Number(b)) => (*a as f64).partial_cmp(b),
            (Value::Text(a), Value::Text(b)) => Some(compare_folded(a, b)),
            (Value::Managed(a, _), Value::Flag(b)) => Some(a.cmp(b)),
            (Value::Text(a), b) | (b, Value::Text(a)) if b.id().is_some() => {
                let parsed = Uuid::try_parse(a.trim_matches(['{', '}'])).ok()?;
                let ordering = parsed.cmp(&b.id()?);
                Some(if matches!(self, Value::Text(_)) {
                    ordering
                } else {
                    ordering.reverse()
                })
            }
            (a, b) => Some(a.id()?.cmp(&b.id()?)),
        }
    }

    /// Order for `$orderby`: null first, as SQL Server sorts.
    pub(crate) fn order(&self, other: &Value) -> Ordering {
        match (self.is_null(), other.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.compare(other).unwrap_or(Ordering::Equal),
        }
    }
}

/// Text folded for comparison: lower case, without blanks at the end.
pub(crate) fn fold(text: &str) -> String {
    text.trim_end().to_lowercase()
}

fn compare_folded(a: &str, b: &str) -> Ordering {
    let lower = |text: &str| {
        text.trim_end()
            .chars()
            .flat_map(char::to_lowercase)
            .collect::<Vec<_>>()
    };
    if a.is_ascii() && b.is_ascii() {
        let fold = |text: &str| {
            text.trim_end()
                .bytes()
                .map(|byte| byte.to_ascii_lowercase())
                .collect::<Vec<_>>()
        };
        return a
            .trim_end()
            .bytes()
            .map(|byte| byte.to_ascii_lowercase())
            .cmp(fold(b));
    }
    lower(a).cmp(&lower(b))
}

/// Whether text matches a `LIKE` pattern: `%` any run, `_` one character, `[..]` a set; without case.
pub(crate) fn like(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let tokens = like_tokens(&pattern.to_lowercase());
    // The set of token positions reachable after each character keeps the match linear in text times pattern.
    let mut states = vec![false; tokens.len() + 1];
    states[0] = true;
    close_over_runs(&tokens, &mut states);
    for character in text {
        let mut next = vec![false; tokens.len() + 1];
        for (position, token) in tokens.iter().enumerate() {
            if !states[position] {
                continue;
            }
            match token {
                LikeToken::Run => next[position] = true,
                LikeToken::One => next[position + 1] = true,
                LikeToken::Char(expected) if *expected == character => next[position + 1] = true,
                LikeToken::Set(negated, members)
                    if members
                        .iter()
                        .any(|(from, to)| (*from..=*to).contains(&character))
                        != *negated =>
                {
                    next[position + 1] = true;
                }
                LikeToken::Char(_) | LikeToken::Set(..) => {}
            }
        }
        close_over_runs(&tokens, &mut next);
        states = next;
    }
    states[tokens.len()]
}

enum LikeToken {
    Run,
    One,
    Char(char),
    Set(bool, Vec<(char, char)>),
}

fn like_tokens(pattern: &str) -> Vec<LikeToken> {
    let characters: Vec<char> = pattern.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        match characters[at] {
            '%' => tokens.push(LikeToken::Run),
            '_' => tokens.push(LikeToken::One),
            '[' => match characters[at + 1..]
                .iter()
                .position(|character| *character == ']')
            {
                Some(length) if length > 0 => {
                    tokens.push(like_set(&characters[at + 1..at + 1 + length]));
                    at += length + 1;
                }
                _ => tokens.push(LikeToken::Char('[')),
            },
            other => tokens.push(LikeToken::Char(other)),
        }
        at += 1;
    }
    tokens
}

fn like_set(members: &[char]) -> LikeToken {
    let (negated, members) = match members {
        ['^', rest @ ..] if !rest.is_empty() => (true, rest),
        all => (false, all),
    };
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < members.len() {
        if at + 2 < members.len() && members[at + 1] == '-' {
            ranges.push((members[at], members[at + 2]));
            at += 3;
        } else {
            ranges.push((members[at], members[at]));
            at += 1;
        }
    }
    LikeToken::Set(negated, ranges)
}

fn close_over_runs(tokens: &[LikeToken], states: &mut [bool]) {
    for (position, token) in tokens.iter().enumerate() {
        if states[position] && matches!(token, LikeToken::Run) {
            states[position + 1] = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_compares_without_case_and_trailing_blanks() {
        assert_eq!(
            Value::text("CTI_x ").compare(&Value::text("cti_X")),
            Some(Ordering::Equal)
        );
        assert_eq!(
            Value::text("Ärger").compare(&Value::text("ärger")),
            Some(Ordering::Equal)
        );
    }

    #[test]
    fn like_patterns_know_runs_single_characters_and_sets() {
        assert!(like("contoso_tab", "contoso%"));
        assert!(like("contosoXtab", "contoso_tab"));
        assert!(like("a1", "[a-c][0-9]"));
        assert!(!like("d1", "[a-c][0-9]"));
        assert!(like("d1", "[^a-c]_"));
        assert!(like("50%", "50[%]"));
        assert!(!like("501", "50[%]"));
    }
}
