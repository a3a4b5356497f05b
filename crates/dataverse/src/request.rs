//! HTTP requests as values, and the escaping that they need.

use std::fmt::Write as _;

use uuid::Uuid;

use crate::limits::MAX_PATH;
use crate::{Comparison, Error, Filter, Literal, Match};

/// The path of the Web API under an origin.
pub const API_PATH: &str = "/api/data/v9.2";

/// One request inside a batch, as `--explain-wire` prints it and as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: &'static str,
    /// Path and query, percent-encoded, starting at the root of the host.
    pub path: String,
    /// Headers of this request in addition to those of the batch.
    pub headers: Vec<(&'static str, String)>,
    /// The JSON body. It contains no raw line breaks.
    pub body: Option<String>,
}

/// The reason for refusing a request that is too long. The values of an `any_of` are then split over more requests.
pub(crate) const TOO_LONG: &str = "it is longer than a URL may be";

impl Request {
    /// Creates a read. Every query is written through this function, so none exceeds the limit.
    pub(crate) fn get(path: String) -> Result<Request, Error> {
        if path.len() > MAX_PATH {
            return Err(Error::InvalidRequest(TOO_LONG.to_owned()));
        }
        Ok(Request {
            method: "GET",
            path,
            headers: vec![("Accept", "application/json".to_owned())],
            body: None,
        })
    }
}

/// Checks that a name is allowed in a URL or as a key: a table, column, set, navigation property or solution.
pub(crate) fn checked_name<'a>(what: &str, name: &'a str) -> Result<&'a str, Error> {
    let first = name.as_bytes().first();
    let fits = first.is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
        && name.len() <= 256
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if fits {
        Ok(name)
    } else {
        Err(Error::InvalidRequest(format!(
            "`{}` is not the name of a {what}",
            name.escape_debug()
        )))
    }
}

/// Checks a column, or a path through lookups to one.
fn checked_path(path: &str) -> Result<&str, Error> {
    for step in path.split('/') {
        checked_name("column", step)?;
    }
    Ok(path)
}

pub(crate) fn joined_names(names: &[String]) -> Result<String, Error> {
    let mut text = String::new();
    for name in names {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(checked_name("column", name)?);
    }
    Ok(text)
}

/// The path of a record under the API's path.
pub(crate) fn record(set: &str, id: Uuid) -> Result<String, Error> {
    Ok(format!("{}({id})", checked_name("set", set)?))
}

/// Percent-encodes characters that are not allowed in a URL or have a special meaning there.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() + text.len() / 4);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b'$'
            | b'\''
            | b'('
            | b')'
            | b'*'
            | b','
            | b';'
            | b':'
            | b'@'
            | b'/' => encoded.push(char::from(byte)),
            other => {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                encoded.push('%');
                encoded.push(char::from(DIGITS[usize::from(other >> 4)]));
                encoded.push(char::from(DIGITS[usize::from(other & 15)]));
            }
        }
    }
    encoded
}

/// The `$filter` text of a condition, before percent-encoding.
pub(crate) fn filter_text(filter: &Filter) -> Result<String, Error> {
    let mut text = String::new();
    write_filter(&mut text, filter, 0)?;
    Ok(text)
}

/// Conditions that are nested more deeply are refused here rather than by the server's parser.
const MAX_DEPTH: usize = 50;

fn write_filter(out: &mut String, filter: &Filter, depth: usize) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Err(Error::InvalidRequest(
            "a condition is nested too deeply".to_owned(),
        ));
    }
    match filter {
        Filter::Compare(column, comparison, value) => {
            write_comparison(out, column, *comparison, value)
        }
        Filter::Matches(column, how, text) => {
            let function = match how {
                Match::Contains => "contains",
                Match::StartsWith => "startswith",
                Match::EndsWith => "endswith",
            };
            out.push_str(function);
            out.push('(');
            out.push_str(checked_path(column)?);
            out.push(',');
            write_quoted(out, &without_wildcards(text));
            out.push(')');
            Ok(())
        }
        Filter::AnyOf(column, values) if values.is_empty() => {
            let column = checked_path(column)?;
            write!(out, "({column} eq null and {column} ne null)").map_err(never)
        }
        Filter::AnyOf(column, values) => write_joined(out, values, " or ", |out, value| {
            write_comparison(out, column, Comparison::Equal, value)
        }),
        Filter::IsCaller(column) => write!(
            out,
            "Microsoft.Dynamics.CRM.EqualUserId(PropertyName='{}')",
            checked_name("column", column)?
        )
        .map_err(never),
        Filter::Exists(navigation, key) => write!(
            out,
            "{}/any(x:x/{} ne null)",
            checked_name("navigation property", navigation)?,
            checked_name("column", key)?
        )
        .map_err(never),
        Filter::All(parts) => write_joined(out, parts, " and ", |out, part| {
            write_filter(out, part, depth + 1)
        }),
        Filter::Any(parts) => write_joined(out, parts, " or ", |out, part| {
            write_filter(out, part, depth + 1)
        }),
        Filter::Not(part) => {
            out.push_str("not (");
            write_filter(out, part, depth + 1)?;
            out.push(')');
            Ok(())
        }
    }
}

fn write_joined<T>(
    out: &mut String,
    parts: &[T],
    word: &str,
    mut write_part: impl FnMut(&mut String, &T) -> Result<(), Error>,
) -> Result<(), Error> {
    if parts.is_empty() {
        return Err(Error::InvalidRequest(
            "a condition joins nothing".to_owned(),
        ));
    }
    out.push('(');
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            out.push_str(word);
        }
        write_part(out, part)?;
    }
    out.push(')');
    Ok(())
}

fn write_comparison(
    out: &mut String,
    column: &str,
    comparison: Comparison,
    value: &Literal,
) -> Result<(), Error> {
    out.push_str(checked_path(column)?);
    out.push_str(match comparison {
        Comparison::Equal => " eq ",
        Comparison::NotEqual => " ne ",
        Comparison::Greater => " gt ",
        Comparison::GreaterOrEqual => " ge ",
        Comparison::Less => " lt ",
        Comparison::LessOrEqual => " le ",
    });
    match value {
        Literal::Null => out.push_str("null"),
        Literal::Text(text) => write_quoted(out, text),
        Literal::Id(id) => write!(out, "{id}").map_err(never)?,
        Literal::Int(number) => write!(out, "{number}").map_err(never)?,
        Literal::Flag(flag) => write!(out, "{flag}").map_err(never)?,
        Literal::Moment(moment) => out.push_str(checked_moment(moment)?),
    }
    Ok(())
}

fn write_quoted(out: &mut String, text: &str) {
    out.push('\'');
    out.push_str(&text.replace('\'', "''"));
    out.push('\'');
}

/// In text functions, the server treats `%`, `_` and `[` as wildcards; inside brackets they are literal.
fn without_wildcards(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '_' | '[') {
            plain.extend(['[', character, ']']);
        } else {
            plain.push(character);
        }
    }
    plain
}

fn checked_moment(moment: &str) -> Result<&str, Error> {
    let starts_with_date = moment.len() >= 10
        && moment.bytes().take(10).enumerate().all(|(index, byte)| {
            if matches!(index, 4 | 7) {
                byte == b'-'
            } else {
                byte.is_ascii_digit()
            }
        });
    let rest_fits = moment.bytes().skip(10).all(|byte| {
        byte.is_ascii_digit() || matches!(byte, b'T' | b'Z' | b':' | b'.' | b'+' | b'-')
    });
    if starts_with_date && rest_fits && moment.len() <= 40 {
        Ok(moment)
    } else {
        Err(Error::InvalidRequest(format!(
            "`{}` is not a date or a point in time",
            moment.escape_debug()
        )))
    }
}

/// Writing to a `String` never fails, although the signature allows it.
fn never(error: std::fmt::Error) -> Error {
    Error::InvalidRequest(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(filter: Filter, expected: &str) {
        assert_eq!(filter_text(&filter).expect(expected), expected);
    }

    #[test]
    fn filters_are_written_as_documented() {
        // Filter rows (Web API)
        let id = Uuid::from_u128(0x0c0f_0000_0000_4000_8000_0000_0000_0001);
        check(Filter::eq("name", "O'Hara"), "name eq 'O''Hara'");
        check(
            Filter::eq("cfg_queueid", id),
            "cfg_queueid eq 0c0f0000-0000-4000-8000-000000000001",
        );
        check(Filter::ne("statecode", 1), "statecode ne 1");
        check(Filter::eq("ismanaged", true), "ismanaged eq true");
        check(Filter::is_null("_parent_value"), "_parent_value eq null");
        check(
            Filter::ge(
                "createdon",
                Literal::Moment("2026-05-01T08:00:00Z".to_owned()),
            ),
            "createdon ge 2026-05-01T08:00:00Z",
        );
        check(
            Filter::eq("owner/fullname", "Ada"),
            "owner/fullname eq 'Ada'",
        );
        check(
            Filter::starts_with("name", "50%_[x]'"),
            "startswith(name,'50[%][_][[]x]''')",
        );
        check(Filter::contains("name", "a"), "contains(name,'a')");
        check(Filter::ends_with("name", "a"), "endswith(name,'a')");
        check(
            Filter::is_caller("systemuserid"),
            "Microsoft.Dynamics.CRM.EqualUserId(PropertyName='systemuserid')",
        );
        check(Filter::any_of("n", ["a", "b"]), "(n eq 'a' or n eq 'b')");
        check(
            Filter::any_of("n", Vec::<String>::new()),
            "(n eq null and n ne null)",
        );
    }

    #[test]
    fn joined_conditions_keep_their_grouping() {
        check(
            Filter::eq("a", 1)
                .or(Filter::eq("b", 2))
                .and(Filter::eq("c", 3)),
            "((a eq 1 or b eq 2) and c eq 3)",
        );
        check(
            !Filter::eq("a", 1)
                .and(Filter::eq("b", 2))
                .and(Filter::eq("c", 3)),
            "not ((a eq 1 and b eq 2 and c eq 3))",
        );
    }

    #[test]
    fn what_is_no_name_or_date_is_refused() {
        let names = [
            "",
            "a b",
            "a'",
            "a eq 1 or b",
            "1a",
            "a/",
            "/a",
            "a//b",
            "é",
            "a\n",
        ];
        for name in names {
            assert!(filter_text(&Filter::eq(name, 1)).is_err(), "{name:?}");
        }
        for moment in ["", "today", "2026-05-01 or 1 eq 1", "2026-05-01'"] {
            let filter = Filter::eq("a", Literal::Moment(moment.to_owned()));
            assert!(filter_text(&filter).is_err(), "{moment:?}");
        }
        assert!(filter_text(&Filter::All(Vec::new())).is_err());
    }

    #[test]
    fn conditions_nested_without_end_are_refused_and_not_followed() {
        let deep = (0..10_000).fold(Filter::eq("a", 1), |inner, _| !inner);
        assert!(filter_text(&deep).is_err());
        // the default drop would recurse through all levels
        std::mem::forget(deep);
    }

    fn decoded(text: &str) -> String {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let [first, tail @ ..] = rest {
            rest = tail;
            if *first == b'%' {
                let digits = std::str::from_utf8(&tail[..2]).expect("two digits");
                bytes.push(u8::from_str_radix(digits, 16).expect("two digits"));
                rest = &tail[2..];
            } else {
                bytes.push(*first);
            }
        }
        String::from_utf8(bytes).expect("it was text")
    }

    proptest! {
        #[test]
        fn any_text_survives_quoting_and_encoding(text in any::<String>()) {
            let written = filter_text(&Filter::eq("a", text.as_str())).expect("any text is a value");
            let literal = written.strip_prefix("a eq '").and_then(|rest| rest.strip_suffix('\''));
            prop_assert_eq!(literal.map(|literal| literal.replace("''", "'")), Some(text));
            let encoded = encode(&written);
            prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert!(!encoded.contains(['&', '#', '+', '?', '"', '=']));
            prop_assert_eq!(decoded(&encoded), written);
        }

        #[test]
        fn a_quote_in_a_value_never_ends_the_literal(text in "['a ]{0,12}") {
            let written = filter_text(&Filter::eq("a", text)).expect("any text is a value");
            let quotes = written.matches('\'').count();
            prop_assert_eq!(quotes % 2, 0);
        }
    }
}
