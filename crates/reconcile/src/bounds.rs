//! Limits for JSON from outside. A text is checked before anything is parsed, because two bytes of it can take a hundred bytes of memory.

use deskstate_files::{Limit, scaled};

/// Maximum number of values of a plan file or undo file on a machine with the usual memory. A plan of 10,000 new resources has 0.4 million.
const MOST_VALUES: u64 = 800_000;

/// The limit that a text exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    /// Too long.
    #[error("it is larger than {0}")]
    Long(Limit),
    /// Nested too deep.
    #[error("it is nested more than {0} levels deep")]
    Deep(usize),
    /// Too many values.
    #[error("it holds more than {0} values")]
    Many(u64),
}

/// Checks a text without parsing it.
pub(crate) fn check(text: &str, limit: Limit, most_depth: usize) -> Result<(), TooMuch> {
    if text.len() as u64 > limit.bytes() {
        return Err(TooMuch::Long(limit));
    }
    let shape = shape(text);
    if shape.depth > most_depth {
        return Err(TooMuch::Deep(most_depth));
    }
    let most = scaled(MOST_VALUES);
    if shape.values > most {
        return Err(TooMuch::Many(most));
    }
    Ok(())
}

/// Whether a JSON text has few enough values to be parsed.
pub fn is_small(text: &[u8]) -> bool {
    let values = text.iter().filter(|byte| b",[{".contains(byte)).count();
    values as u64 <= scaled(MOST_VALUES)
}

/// Rough measures of a JSON text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The deepest nesting of brackets.
    pub(crate) depth: usize,
    /// An upper bound of the number of values.
    pub(crate) values: u64,
}

/// Counts brackets and commas outside of strings.
pub(crate) fn shape(text: &str) -> Shape {
    let (mut depth, mut deepest) = (0usize, 0usize);
    let mut values = 1;
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
            b',' => values += 1,
            b'{' | b'[' => {
                values += 1;
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Shape {
        depth: deepest,
        values,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_and_commas_count_outside_of_texts_only() {
        for (text, depth, values) in [
            ("1", 0, 1),
            ("[1,2,[3]]", 2, 5),
            (r#"{"a,[":"\\\"[,","b":{}}"#, 2, 4),
            ("", 0, 1),
        ] {
            assert_eq!(shape(text), Shape { depth, values }, "{text}");
        }
    }

    #[test]
    fn a_text_of_very_many_small_values_is_refused() {
        let small = Limit::new("a test", 4 << 20);
        let text = format!("[{}0]", "0,".repeat(900_000));
        assert_eq!(check(&text, small, 8), Err(TooMuch::Many(800_000)));
        assert_eq!(check("[[]]", small, 1), Err(TooMuch::Deep(1)));
        assert_eq!(
            check(&" ".repeat(5 << 20), small, 1),
            Err(TooMuch::Long(small))
        );
    }
}
