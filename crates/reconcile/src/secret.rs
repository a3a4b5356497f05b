//! Masks values that look like secrets, so that they never appear in a plan, a log or a file.
//!
//! Secrets do not belong in these tables, but people paste them into URLs and custom parameters. Anything that looks like a secret is
//! masked wherever it would be shown; the digest of a plan still covers it.

use deskstate_model::{is_secret_key, secret_values};
use serde_json::Value as Json;

/// The text that replaces a secret.
pub const MASK: &str = "[looks like a secret, not shown]";

/// Names of values that are secrets, in addition to those that manifests must not contain.
const NAMES: [&str; 2] = ["sig", "signature"];

/// Masks everything in a value that looks like a secret.
pub fn masked(value: &Json) -> Json {
    match value {
        Json::String(text) => Json::String(masked_text(text)),
        Json::Array(items) => Json::Array(items.iter().map(masked).collect()),
        Json::Object(map) => Json::Object(
            map.iter()
                .map(|(name, value)| {
                    let value = match value {
                        Json::String(text) if is_secret_name(name) && !is_placeholder(text) => {
                            MASK.into()
                        }
                        other => masked(other),
                    };
                    (name.clone(), value)
                })
                .collect(),
        ),
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
    let mut shown = text.to_owned();
    for value in secret_values(text).into_iter().rev() {
        // A header and a JSON pair may overlap.
        if shown.is_char_boundary(value.end) && value.end <= shown.len() {
            shown.replace_range(value, MASK);
        }
    }
    if !shown.contains('=') {
        return shown;
    }
    // `name=value` pairs of URLs, connection strings and custom parameters.
    let mut out = String::with_capacity(shown.len());
    for piece in shown.split_inclusive(['&', ';', '?', '#', ' ', '\n', ',']) {
        let (body, end) = match piece.char_indices().next_back() {
            Some((at, last)) if "&;?# \n,".contains(last) => piece.split_at(at),
            _ => (piece, ""),
        };
        match body.split_once('=') {
            Some((name, value)) if is_secret_name(name) && !is_placeholder(value) => {
                out.push_str(name);
                out.push('=');
                out.push_str(MASK);
            }
            _ => out.push_str(body),
        }
        out.push_str(end);
    }
    out
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

/// Whether a text has the form of a token: a signed web token, a private key, a bearer header.
fn is_bare_secret(text: &str) -> bool {
    let text = text.trim();
    let web_token = text.starts_with("eyJ")
        && text.len() > 40
        && text.bytes().filter(|byte| *byte == b'.').count() >= 2
        && !text.contains(' ');
    web_token
        || text.contains("PRIVATE KEY-----")
        || text.to_ascii_lowercase().starts_with("bearer ")
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
}
