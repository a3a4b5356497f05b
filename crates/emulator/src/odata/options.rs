//! Decoded system query options.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Outcome, ServiceError};

/// The options of a request, as strings.
#[derive(Debug, Default, Clone)]
pub(crate) struct Options {
    pub(crate) select: Option<String>,
    pub(crate) filter: Option<String>,
    pub(crate) orderby: Option<String>,
    pub(crate) expand: Option<String>,
    pub(crate) top: Option<usize>,
    pub(crate) count: bool,
    pub(crate) skiptoken: Option<String>,
    pub(crate) fetch_xml: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) annotations: bool,
    /// Values of parameter aliases such as `@p1`, by name without the `@`.
    pub(crate) aliases: BTreeMap<String, String>,
}

/// Parameters of other services, or for labels in other languages.
const IGNORED: [&str; 3] = ["api-version", "LabelLanguages", "versionid"];

/// Parses the part of a URL after the `?`.
pub(crate) fn parse(query: &str) -> Outcome<Options> {
    from_pairs(
        query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(name), decode(value))
            }),
    )
}

/// Parses options that are already decoded.
pub(crate) fn from_pairs(pairs: impl Iterator<Item = (String, String)>) -> Outcome<Options> {
    let mut options = Options::default();
    let mut seen = BTreeSet::new();
    for (name, value) in pairs {
        if name.starts_with('$') && !seen.insert(name.clone()) {
            return Err(ServiceError::query(format!(
                "Query option '{name}' was specified more than once, but it must be specified at most once."
            )));
        }
        match name.as_str() {
            "$select" => options.select = Some(value),
            "$filter" => options.filter = Some(value),
            "$orderby" => options.orderby = Some(value),
            "$expand" => options.expand = Some(value),
            "$top" => {
                let top = value.trim().parse().map_err(|_| {
                    ServiceError::query(format!(
                        "Invalid value '{value}' for $top query option found."
                    ))
                })?;
                options.top = Some(top);
            }
            "$count" => {
                options.count = match value.trim() {
                    "true" => true,
                    "false" => false,
                    _ => {
                        return Err(ServiceError::query(format!(
                            "Invalid value '{value}' for $count query option found."
                        )));
                    }
                }
            }
            "$skiptoken" => options.skiptoken = Some(value),
            "$id" => options.id = Some(value),
            "$skip" => return Err(ServiceError::query("Skip Clause is not supported in CRM")),
            "$apply" | "$deltatoken" | "savedQuery" | "userQuery" | "sql" | "tag"
            | "partitionId" => {
                return Err(ServiceError::not_emulated(format_args!(
                    "the query option '{name}'"
                )));
            }
            "$search" | "$format" | "$compute" => {
                return Err(ServiceError::query(format!(
                    "The query option '{name}' is not supported."
                )));
            }
            "fetchXml" => options.fetch_xml = Some(value),
            "annotations" => options.annotations = value == "true",
            other => {
                if let Some(alias) = other.strip_prefix('@') {
                    options.aliases.insert(alias.to_owned(), value);
                } else if !IGNORED.contains(&other) {
                    return Err(ServiceError::query(format!(
                        "The query parameter {other} is not supported"
                    )));
                }
            }
        }
    }
    Ok(options)
}

/// Decodes percent-encoding and plus signs, as clients write them in queries.
pub(crate) fn decode(text: &str) -> String {
    decode_percent(&text.replace('+', " "))
}

/// Decodes percent-encoding only, as used in paths.
pub(crate) fn decode_percent(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |byte: u8| {
            char::from(byte)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        };
        if bytes[at] == b'%'
            && let (Some(high), Some(low)) = (
                bytes.get(at + 1).copied().and_then(hex),
                bytes.get(at + 2).copied().and_then(hex),
            )
        {
            decoded.push(high * 16 + low);
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// Encodes all characters that are not allowed in a query value.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Splits at a separator, unless it is inside quotes or brackets.
pub(crate) fn split_outside(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut quoted, mut start) = (0_usize, false, 0);
    for (at, character) in text.char_indices() {
        match character {
            '\'' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth = depth.saturating_sub(1),
            other if other == separator && !quoted && depth == 0 => {
                parts.push(&text[start..at]);
                start = at + other.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Parses options inside `$expand=Attributes($select=…;$filter=…)`.
pub(crate) fn expand_items(text: &str) -> Vec<(String, Vec<(String, String)>)> {
    split_outside(text, ',')
        .into_iter()
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(|item| match item.find('(') {
            Some(open) if item.ends_with(')') => {
                let pairs = split_outside(&item[open + 1..item.len() - 1], ';')
                    .into_iter()
                    .filter_map(|part| part.trim().split_once('='))
                    .map(|(name, value)| (name.trim().to_owned(), value.to_owned()))
                    .collect();
                (item[..open].trim().to_owned(), pairs)
            }
            _ => (item.to_owned(), Vec::new()),
        })
        .collect()
}

/// The columns and expanded properties of an answer, as its context lists them: `(name,primarycontactid(fullname))`. Empty if the answer has
/// all columns and nothing is expanded.
pub(crate) fn projection(select: Option<Vec<String>>, expand: Option<&str>) -> String {
    let mut names = select.unwrap_or_default();
    for (name, pairs) in expand.map(expand_items).unwrap_or_default() {
        if let Some(property) = name.strip_suffix("/$ref") {
            names.push(property.to_owned());
            names.push(format!("{name}()"));
            continue;
        }
        let option = |wanted: &str| {
            let mut pairs = pairs.iter();
            let (_, value) = pairs.find(|(name, _)| name == wanted)?;
            Some(value.as_str())
        };
        let columns = option("$select");
        let columns =
            columns.map(|text| text.split(',').map(|name| name.trim().to_owned()).collect());
        let inner = projection(columns, option("$expand"));
        let inner = if inner.is_empty() { "()" } else { &inner };
        names.push(format!("{name}{inner}"));
    }
    match names.is_empty() {
        true => String::new(),
        false => format!("({})", names.join(",")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_dollars_and_plus_signs_are_understood() {
        let options = parse("%24select=name%2caccountid&%24filter=name+eq+%27a%2Bb%27&@p1='x'")
            .expect("options");
        assert_eq!(options.select.as_deref(), Some("name,accountid"));
        assert_eq!(options.filter.as_deref(), Some("name eq 'a+b'"));
        assert_eq!(options.aliases["p1"], "'x'");
    }

    #[test]
    fn skip_is_refused_as_documented() {
        assert_eq!(
            parse("$skip=5").expect_err("refused").code,
            Some(crate::error::code::BAD_QUERY)
        );
    }
}
