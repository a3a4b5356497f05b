//! Masks values that look like secrets, so that they never appear in a plan, a log or a file.
//!
//! Secrets do not belong in these tables, but people paste them into URLs and custom parameters. Anything that looks like a secret is
//! masked wherever it would be shown; the digest of a plan still covers it.

use std::ops::Range;

use deskstate_model::{credentials, holds_the_value, is_secret_key};
use serde_json::Value as Json;

/// The text that replaces a secret.
pub const MASK: &str = "[looks like a secret, not shown]";

/// Names of values that are secrets, in addition to those that manifests must not contain.
const NAMES: [&str; 2] = ["sig", "signature"];

/// Masks everything in a value that looks like a secret. Masking a masked value changes nothing.
pub fn masked(value: &Json) -> Json {
    masked_under(None, value)
}

/// Masks the two values of a field whose path names a secret.
pub fn masked_pair(path: &str, before: &Json, after: &Json) -> Option<(Json, Json)> {
    secret_name(path)?;
    let (old, new) = (masked_at(path, before), masked_at(path, after));
    match (&old, &new) {
        _ if &old == before && &new == after => None,
        (Json::String(text), _) if old == new && before != after => {
            let another = format!("{text} (another value)");
            Some((old, another.into()))
        }
        _ => Some((old, new)),
    }
}

/// Masks a value of a field, by its path and by its form.
pub fn masked_at(path: &str, value: &Json) -> Json {
    masked_under(secret_name(path), value)
}

/// The part of a path that names a secret, as in `parameters.password`.
fn secret_name(path: &str) -> Option<&str> {
    path.split('.').find(|name| is_secret_name(name))
}

/// Masks a value below a name.
fn masked_under(name: Option<&str>, value: &Json) -> Json {
    let is_secret = name.is_some_and(is_secret_name);
    match value {
        Json::String(text) if is_secret && !is_placeholder(text) => MASK.into(),
        Json::Number(number) if is_secret && number.to_string().len() >= 6 => MASK.into(),
        Json::String(text) => Json::String(masked_text(text)),
        Json::Array(items) => {
            let items = items.iter().map(|item| masked_under(name, item));
            Json::Array(items.collect())
        }
        Json::Object(map) => {
            // `{"name": "password", "value": "…"}`
            let named = || {
                let mut names = map.iter().filter(|(key, _)| !holds_the_value(key));
                names.find_map(|(_, name)| name.as_str().filter(|name| is_secret_name(name)))
            };
            let below = |key: &str, value| {
                // `{"password": {"value": "…"}}`
                let named = match holds_the_value(key) {
                    true => named().or(name),
                    false => None,
                };
                (masked_text(key), masked_under(named.or(Some(key)), value))
            };
            Json::Object(map.iter().map(|(key, value)| below(key, value)).collect())
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => value.clone(),
    }
}

/// Masks everything in a text that looks like a secret.
pub fn masked_text(text: &str) -> String {
    if is_bare_secret(text) {
        return MASK.to_owned();
    }
    if text.trim_start().starts_with(['{', '['])
        && let Ok(json) = serde_json::from_str::<Json>(text)
    {
        let masked = masked(&json);
        return if masked == json {
            text.to_owned()
        } else {
            masked.to_string()
        };
    }
    let mut secrets = credentials(text);
    secrets.extend(parameters(text));
    if secrets.is_empty() {
        return text.to_owned();
    }
    let known = text.match_indices(MASK);
    let known: Vec<Range<usize>> = known.map(|(at, mask)| at..at + mask.len()).collect();
    let is_new = |secret: &Range<usize>| {
        let next = known.partition_point(|mask| mask.end <= secret.start);
        known.get(next).is_none_or(|mask| secret.end <= mask.start)
    };
    secrets.retain(is_new);
    secrets.sort_by_key(|secret| secret.start);
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    for secret in secrets {
        if secret.start >= at {
            shown.push_str(&text[at..secret.start]);
            shown.push_str(MASK);
        }
        at = at.max(secret.end);
    }
    shown + &text[at..]
}

/// The values of `name=value` pairs of addresses, connection strings and custom parameters, however short.
fn parameters(text: &str) -> Vec<Range<usize>> {
    if !text.contains('=') {
        return Vec::new();
    }
    let mut start = 0;
    let mut values = Vec::new();
    for piece in text.split(['&', ';', '?', '#', ' ', '\n', ',']) {
        if let Some((name, value)) = piece.split_once('=')
            && is_secret_name(name)
            && !is_placeholder(value)
        {
            let end = start + piece.len();
            values.push(end - value.len()..end);
        }
        start += piece.len() + 1;
    }
    values
}

fn is_secret_name(name: &str) -> bool {
    let plain: String = name
        .trim()
        .chars()
        .filter(|letter| !matches!(letter, '-' | '_' | '"' | '\''))
        .flat_map(char::to_lowercase)
        .collect();
    NAMES.contains(&plain.as_str()) || is_secret_key(&plain)
}

/// Whether a value is empty, or a slug that the product fills in.
fn is_placeholder(value: &str) -> bool {
    let value = value.trim();
    value.is_empty() || (value.starts_with('{') || value.starts_with("${")) && value.ends_with('}')
}

/// Whether a text is a secret as a whole: it holds a private key, or begins like a bearer header.
fn is_bare_secret(text: &str) -> bool {
    text.contains("PRIVATE KEY-----") || text.trim().to_ascii_lowercase().starts_with("bearer ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_an_address_is_masked_and_the_rest_of_it_stays() {
        assert_eq!(
            masked_text("https://x.example/a?tenant=7&api_key=abc123&mode=dark"),
            format!("https://x.example/a?tenant=7&api_key={MASK}&mode=dark")
        );
    }

    #[test]
    fn a_slug_is_no_secret() {
        for text in [
            "https://x.example/?token={token}",
            "a=b",
            "{customer}",
            "Secret santa",
            "token=",
        ] {
            assert_eq!(masked_text(text), text);
        }
    }

    #[test]
    fn a_secret_inside_json_is_masked_by_its_name() {
        let value = serde_json::json!({"clientSecret": "abc", "screenPop": true, "deep": [{"password": "x"}]});
        assert_eq!(
            masked(&value),
            serde_json::json!({"clientSecret": MASK, "screenPop": true, "deep": [{"password": MASK}]})
        );
    }

    #[test]
    fn json_and_headers_in_a_text_are_looked_into() {
        for (text, shown) in [
            (
                r#"{"password":"hunter22","a":1}"#,
                format!(r#"{{"password":"{MASK}","a":1}}"#),
            ),
            (
                r#"{"a":1e999,"password":"hunter22"}"#,
                format!(r#"{{"a":1e999,"password":"{MASK}"}}"#),
            ),
            (
                "Authorization: Bearer hunter2hunter2",
                format!("Authorization: {MASK}"),
            ),
        ] {
            assert_eq!(masked_text(text), shown);
        }
        let harmless = r#"{ "mode" : "dark" }"#;
        assert_eq!(masked_text(harmless), harmless);
    }

    #[test]
    fn a_web_token_is_masked_by_its_form() {
        let token = format!(
            "eyJ{}.{}.{}",
            "a".repeat(20),
            "b".repeat(20),
            "c".repeat(20)
        );
        assert_eq!(masked_text(&token), MASK);
    }

    #[test]
    fn a_masked_value_is_masked_to_itself() {
        for text in [
            "https://svc:Sup3rS3cretValue@pbx.example/x?password=abc&mode=dark",
            "Authorization: Bearer hunter2hunter2",
            "password: Tr0ub4dor3xyz, sig=abc",
            r#"{"password": {"value": "hunter22"}, "token": 123456}"#,
            r#"Ask: {"name": "password", "value": "hunter22"}"#,
        ] {
            let shown = masked_text(text);
            assert!(shown.contains(MASK), "{shown}");
            assert_eq!(masked_text(&shown), shown);
        }
    }

    #[test]
    fn a_path_that_names_a_secret_masks_both_sides_and_tells_that_they_differ() {
        let pair =
            |path, before: &str, after: &str| masked_pair(path, &before.into(), &after.into());
        let another = format!("{MASK} (another value)");
        assert_eq!(
            pair("parameters.password", "hunter22", "hunter23"),
            Some((MASK.into(), another.into()))
        );
        assert_eq!(
            pair("parameters.password", "hunter22", "{pin}"),
            Some((MASK.into(), "{pin}".into()))
        );
        assert_eq!(pair("parameters.url", "a", "b"), None);
    }
}
