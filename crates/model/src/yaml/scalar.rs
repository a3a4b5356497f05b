//! Plain scalars according to the core schema of YAML 1.2 (section 10.3.2): `no`, `on` and `12:30` are text, `012` is twelve.

use super::{NodeValue, Spelled};

/// A plain scalar with a value that JSON cannot represent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotJson {
    /// `.inf`, `.nan` and similar.
    NotFinite,
    /// A whole number beyond 64 bits.
    TooLarge,
}

/// Returns the value of a plain scalar.
pub(super) fn resolve(plain: &str) -> Result<NodeValue, NotJson> {
    match plain {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(NodeValue::Null),
        "true" | "True" | "TRUE" => return Ok(NodeValue::Flag(true)),
        "false" | "False" | "FALSE" => return Ok(NodeValue::Flag(false)),
        ".nan" | ".NaN" | ".NAN" => return Err(NotJson::NotFinite),
        _ => {}
    }
    let first = plain.as_bytes()[0];
    if !(first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.')) {
        return Ok(NodeValue::Text(plain.into()));
    }
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(plain);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Err(NotJson::NotFinite);
    }
    if let Some(octal) = plain
        .strip_prefix("0o")
        .filter(|digits| all(digits, |digit| matches!(digit, b'0'..=b'7')))
    {
        return i64::from_str_radix(octal, 8)
            .map(NodeValue::Int)
            .map_err(|_| NotJson::TooLarge);
    }
    if let Some(hex) = plain
        .strip_prefix("0x")
        .filter(|digits| all(digits, |digit| digit.is_ascii_hexdigit()))
    {
        return i64::from_str_radix(hex, 16)
            .map(NodeValue::Int)
            .map_err(|_| NotJson::TooLarge);
    }
    if all(unsigned, |digit| digit.is_ascii_digit()) {
        return plain
            .parse()
            .map(NodeValue::Int)
            .map_err(|_| NotJson::TooLarge);
    }
    if is_float(unsigned) {
        return match plain.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(NodeValue::Float(number)),
            Ok(_) => Err(NotJson::TooLarge),
            Err(_) => Ok(NodeValue::Text(plain.into())),
        };
    }
    Ok(NodeValue::Text(plain.into()))
}

/// Adds the spelling to a value that does not determine it.
pub(super) fn with_spelling(plain: &str, value: NodeValue) -> NodeValue {
    let canonical = match &value {
        NodeValue::Flag(flag) => flag.to_string(),
        NodeValue::Int(number) => number.to_string(),
        NodeValue::Float(number) => serde_json::Value::from(*number).to_string(),
        _ => return value,
    };
    if canonical == plain {
        return value;
    }
    NodeValue::Spelled(Box::new(Spelled {
        text: plain.into(),
        value,
    }))
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits_or_none = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => all(fraction, |digit| digit.is_ascii_digit()),
        Some((whole, fraction)) => digits_or_none(whole) && digits_or_none(fraction),
        None => all(mantissa, |digit| digit.is_ascii_digit()),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        all(
            exponent.strip_prefix(['+', '-']).unwrap_or(exponent),
            |digit| digit.is_ascii_digit(),
        )
    });
    mantissa_fits && exponent_fits
}

fn all(text: &str, fits: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_no_on_and_times_are_text() {
        for text in [
            "yes", "No", "on", "off", "y", "12:30", "1_000", "0b11", "1.2.3", "+", "-", ".", "e3",
            "1e", "tRue", "-0x1",
        ] {
            assert_eq!(resolve(text), Ok(NodeValue::Text(text.into())), "{text}");
        }
    }

    #[test]
    fn numbers_follow_the_core_schema() {
        for (plain, number) in [
            ("012", 12),
            ("0o14", 12),
            ("0xC", 12),
            ("+12", 12),
            ("-0", 0),
            ("9223372036854775807", i64::MAX),
        ] {
            assert_eq!(resolve(plain), Ok(NodeValue::Int(number)), "{plain}");
        }
        for (plain, number) in [
            ("1e3", 1000.0),
            ("2.0", 2.0),
            (".5", 0.5),
            ("1.", 1.0),
            ("-1.5E-1", -0.15),
        ] {
            assert_eq!(resolve(plain), Ok(NodeValue::Float(number)), "{plain}");
        }
    }

    #[test]
    fn what_json_cannot_hold_is_refused() {
        for plain in [".inf", "-.Inf", ".nan"] {
            assert_eq!(resolve(plain), Err(NotJson::NotFinite), "{plain}");
        }
        for plain in ["9223372036854775808", "1e999", "0xFFFFFFFFFFFFFFFFF"] {
            assert_eq!(resolve(plain), Err(NotJson::TooLarge), "{plain}");
        }
    }

    #[test]
    fn null_and_flags_have_three_spellings_each() {
        for plain in ["", "~", "null", "Null", "NULL"] {
            assert_eq!(resolve(plain), Ok(NodeValue::Null), "{plain}");
        }
        assert_eq!(resolve("True"), Ok(NodeValue::Flag(true)));
        assert_eq!(resolve("FALSE"), Ok(NodeValue::Flag(false)));
    }
}
