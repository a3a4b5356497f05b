//! Values that look like credentials. `# deskstate: allow-secret` on the line of the value or its key silences the rule.

use std::ops::Range;

use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::span::{SourceMap, Span};
use crate::yaml::{Node, NodeValue};

pub(crate) const SECRET: Explanation = Explanation::new(
    "secret",
    "A value looks like a credential.",
    "Manifests are visible in git, plans and reports. Treat a committed credential as known to others.",
    "Remove the value and replace the credential wherever it is valid. If it is not a credential, write `# deskstate: allow-secret` at the end of the line.",
);

const SILENCE: &str = "# deskstate: allow-secret";

/// Endings of keys (letters and digits only, in lower case) whose values are credentials.
const SECRET_KEYS: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "accountkey",
    "authkey",
    "subscriptionkey",
    "connectionstring",
    "credential",
    "credentials",
    "authorization",
];

/// Prefixes that token issuers use to make their tokens recognizable, with the minimum length of the rest.
const TOKEN_FORMS: &[(&str, usize)] = &[
    ("AKIA", 16),
    ("ASIA", 16),
    ("ghp_", 30),
    ("gho_", 30),
    ("ghs_", 30),
    ("github_pat_", 30),
    ("glpat-", 16),
    ("xoxb-", 16),
    ("xoxp-", 16),
    ("xoxa-", 16),
    ("sk_live_", 16),
    ("rk_live_", 16),
    ("sk-", 32),
    ("AIza", 30),
    ("SG.", 30),
    ("npm_", 30),
];

/// No token or key is shorter than this.
const SHORTEST_TOKEN: usize = 20;

/// Checks every text of a document as it is in its file; returns the places that must not be shown.
pub(crate) fn check(
    document: &Node,
    sources: &SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Span> {
    let before = diagnostics.len();
    walk(document, None, sources, diagnostics);
    diagnostics[before..]
        .iter()
        .filter_map(|finding| finding.primary.as_ref())
        .map(|label| label.span)
        .collect()
}

/// Checks the content of a file that a manifest names; findings point at the file name in the manifest.
pub(crate) fn check_content(content: &Value, place: Span, diagnostics: &mut Vec<Diagnostic>) {
    if let Some(reason) = in_json(None, content) {
        diagnostics.push(
            Diagnostic::error(
                SECRET.code,
                format!("the file holds a value that looks like a credential: {reason}"),
            )
            .at(place, "in this file")
            .help("remove it from the file, and replace the credential wherever it is valid"),
        );
    }
}

/// Returns the reason why something in a JSON value looks like a credential.
fn in_json(key: Option<&str>, content: &Value) -> Option<&'static str> {
    match content {
        Value::String(text) => reason(key, text),
        Value::Number(number) => reason(key, &number.to_string()),
        Value::Array(items) => items.iter().find_map(|item| in_json(key, item)),
        Value::Object(entries) => entries.iter().find_map(|(key, value)| {
            in_json(Some(key), value).or_else(|| {
                // Few keys do, so the entries of a large mapping are not scanned for each of its keys.
                if !holds_the_value(key) {
                    return None;
                }
                let others = entries.iter().filter(|(other, _)| *other != key);
                let mut names = others.filter_map(|(_, name)| name.as_str());
                names.find_map(|name| in_json(Some(name), value))
            })
        }),
        Value::Null | Value::Bool(_) => None,
    }
}

fn walk(
    node: &Node,
    key: Option<(&str, Span)>,
    sources: &SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) {
    match &node.value {
        NodeValue::Text(text) => {
            if let Some(reason) = reason(key.map(|(key, _)| key), text)
                && !is_silenced(node.span, key.map(|(_, span)| span), sources)
            {
                diagnostics.push(
                    Diagnostic::error(SECRET.code, format!("a value looks like a credential: {reason}"))
                        .at(node.span, "must not be in a manifest")
                        .help(format!("remove it, and replace the credential wherever it is valid; if it is not a credential, write `{SILENCE}` at the end of the line")),
                );
            }
        }
        NodeValue::List(items) => items
            .iter()
            .for_each(|item| walk(item, key, sources, diagnostics)),
        NodeValue::Map(entries) => {
            for entry in entries {
                let others = match holds_the_value(&entry.key) {
                    true => &entries[..],
                    false => &[],
                };
                let mut names = others.iter().filter(|other| other.key != entry.key);
                let name = names.find_map(|other| match &other.value.value {
                    NodeValue::Text(name) if is_secret_key(name) => Some(&**name),
                    _ => None,
                });
                walk(
                    &entry.value,
                    Some((name.unwrap_or(&entry.key), entry.key_span)),
                    sources,
                    diagnostics,
                );
            }
        }
        _ => {}
    }
}

/// Whether a key holds the value in a list of names and values, as in `{"name": "password", "value": "…"}`.
fn holds_the_value(key: &str) -> bool {
    ["value", "val"]
        .iter()
        .any(|word| key.eq_ignore_ascii_case(word))
}

fn is_silenced(value: Span, key: Option<Span>, sources: &SourceMap) -> bool {
    [Some(value), key].into_iter().flatten().any(|span| {
        let (line, _) = sources.line_column(span);
        sources.line(span.file, line).trim_end().ends_with(SILENCE)
    })
}

/// Returns the reason why a text looks like a credential.
pub(crate) fn reason(key: Option<&str>, text: &str) -> Option<&'static str> {
    if text.len() < 6 {
        return None;
    }
    // Most texts are shorter than any recognizable token.
    let may_be_token = text.len() >= SHORTEST_TOKEN;
    if may_be_token && text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----") {
        return Some("a private key");
    }
    if key.is_some_and(|key| is_secret_key(key) && is_credential(key, text)) {
        return Some("its key names one");
    }
    if text.contains(':') && !secret_values(text).is_empty() {
        return Some("a password, key or token in JSON or in a header");
    }
    if text.trim_start().starts_with(['{', '['])
        && let Ok(json) = serde_json::from_str(text)
        && let Some(reason) = in_json(None, &json)
    {
        return Some(reason);
    }
    if text.contains(':') && has_user_info(text) {
        return Some("a password in an address");
    }
    if text.contains('=') && has_secret_parameter(text) {
        return Some("a password, key or signature among its parameters");
    }
    if may_be_token && (has_bearer(text) || words(text).any(is_token)) {
        return Some("it has the form of a token or key");
    }
    None
}

/// Returns the parts of a text that may be tokens: long enough, and made only of characters that tokens contain.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| {
        !(character.is_ascii_alphanumeric()
            || matches!(character, '_' | '-' | '.' | '+' | '/' | '='))
    })
    .filter(|word| word.len() >= SHORTEST_TOKEN)
}

/// Returns the ranges of secret values in a text that holds headers or JSON, complete or not: `"password": "…"`, `Authorization: …`.
#[must_use]
pub fn secret_values(text: &str) -> Vec<Range<usize>> {
    let mut values = Vec::new();
    for (at, _) in text.match_indices(':') {
        let before = text[..at].trim_end();
        let name = before.trim_end_matches(['"', '\'']).trim_end_matches('\\');
        let is_quoted = name.len() < before.len();
        let key = name
            .rsplit(|letter: char| !(letter.is_ascii_alphanumeric() || "_-.".contains(letter)))
            .next()
            .unwrap_or_default();
        let is_header = key.contains('-') || key.eq_ignore_ascii_case("authorization");
        if !(is_quoted || is_header) || !is_secret_key(key) {
            continue;
        }
        let rest = text[at + 1..].trim_start();
        let opened = rest.trim_start_matches('\\');
        let value = match opened.chars().next() {
            Some(quote @ ('"' | '\'')) => opened[1..]
                .split(quote)
                .next()
                .unwrap_or_default()
                .trim_end_matches('\\'),
            _ => rest
                .split([',', '}', ']', '\r', '\n', '"', '\''])
                .next()
                .unwrap_or_default()
                .trim_end(),
        };
        let is_word = matches!(value, "null" | "true" | "false");
        if !is_word && value.len() >= 6 && is_credential(key, value) {
            let start = value.as_ptr().addr() - text.as_ptr().addr();
            values.push(start..start + value.len());
        }
    }
    values
}

/// Whether the value under a secret name is a literal credential. The value of `Authorization` begins with a scheme.
fn is_credential(key: &str, value: &str) -> bool {
    let mut letters = key.bytes().rev().filter(u8::is_ascii_alphanumeric);
    let is_header = b"authorization".iter().rev().all(|wanted| {
        letters
            .next()
            .is_some_and(|letter| letter.eq_ignore_ascii_case(wanted))
    });
    let bare = match value.trim().split_once(' ') {
        Some((_, credential)) if is_header => credential.trim(),
        _ => value,
    };
    bare.len() >= 6 && is_literal(bare)
}

/// Whether a name, such as a JSON key, denotes a secret.
#[must_use]
pub fn is_secret_key(key: &str) -> bool {
    SECRET_KEYS.iter().any(|word| {
        let mut letters = key.bytes().rev().filter(u8::is_ascii_alphanumeric);
        word.bytes().rev().all(|wanted| {
            letters
                .next()
                .is_some_and(|letter| letter.to_ascii_lowercase() == wanted)
        })
    })
}

/// Whether a text is a literal, and not a slug or a variable.
fn is_literal(text: &str) -> bool {
    !text.contains('{') && !text.contains(' ')
}

/// `scheme://user:password@host`
fn has_user_info(text: &str) -> bool {
    text.match_indices("://").any(|(at, separator)| {
        let rest = &text[at + separator.len()..];
        let authority = rest.split(['/', '?', '#', ' ']).next().unwrap_or("");
        authority
            .rsplit_once('@')
            .and_then(|(user, _)| user.split_once(':'))
            .is_some_and(|(_, password)| !password.is_empty() && is_literal(password))
    })
}

/// `…;Password=…`, `?api_key=…`, `&sig=…`
fn has_secret_parameter(text: &str) -> bool {
    text.split(['?', '&', ';', '#', ' ', '\n'])
        .filter_map(|part| part.split_once('='))
        .any(|(key, value)| {
            let signature = key == "sig" && value.len() >= 20;
            (signature || is_secret_key(key)) && value.len() >= 6 && is_literal(value)
        })
}

/// `Bearer` followed by a token.
fn has_bearer(text: &str) -> bool {
    let mut before = "";
    text.split_whitespace().any(|word| {
        let is_bearer = before.eq_ignore_ascii_case("bearer");
        before = word.trim_matches(['"', '\'']);
        is_bearer
            && word.len() >= 16
            && is_literal(word)
            && word.bytes().any(|byte| byte.is_ascii_digit())
    })
}

fn is_token(word: &str) -> bool {
    let known = TOKEN_FORMS.iter().any(|(start, rest)| {
        word.strip_prefix(start).is_some_and(|tail| {
            tail.len() >= *rest
                && tail
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        })
    });
    known || is_web_token(word) || is_encoded_key(word)
}

/// Three parts of base64, the first two of which begin like JSON.
fn is_web_token(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    parts.len() == 3
        && parts[0].starts_with("eyJ")
        && parts[1].starts_with("eyJ")
        && parts[2].len() >= 16
}

/// 32 or 64 bytes in base64, like the keys of storage accounts and service buses.
fn is_encoded_key(word: &str) -> bool {
    let padding = word.len() - word.trim_end_matches('=').len();
    let fits = (word.len() == 44 && padding == 1) || (word.len() == 88 && padding == 2);
    fits && word.bytes().any(|byte| byte.is_ascii_digit())
        && word.bytes().any(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::reason;

    #[test]
    fn credentials_are_recognised() {
        for (key, text) in [
            (Some("password"), "hunter22"),
            (Some("client_secret"), "abcdef123456"),
            (None, "https://agent:s3cret@widget.example/panel"),
            (
                None,
                "https://widget.example/panel?api_key=0123456789abcdef",
            ),
            (None, "Server=x;Database=y;Password=correcthorse"),
            (
                None,
                "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=Zm9vYmFyZm9vYmFyZm9v",
            ),
            (
                None,
                "https://x.blob.core.example/c?sv=2024-01-01&sig=abcdefghijklmnopqrstuvwxyz%3D",
            ),
            (None, "ghp_0123456789abcdefghijklmnopqrstuvwxyz"),
            (
                None,
                "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVPmB92K27uhbUJU1p1r",
            ),
            (None, "-----BEGIN RSA PRIVATE KEY-----\nMIIE"),
            (None, r#"{"password":"hunter2hunter2"}"#),
            (None, r#"{"a": 1e999, "password" : "hunter2hunter2"}"#),
            (None, r#"{"a": {"b": [{"clientSecret": "hunter22"}]}"#),
            (None, r#"{"a": "{\"password\": \"hunter22\"}"}"#),
            (None, r#"{"pass\u0077ord": "hunter2hunter2"}"#),
            (None, r#"{"password": 12345678}"#),
            (None, r#"[{"name": "password", "value": "hunter22"}]"#),
            (None, r#"{"Key": "X-Api-Key", "Value": "0123456789"}"#),
            (None, "{'password': 'hunter22'}"),
            (None, "Authorization: Bearer hunter2hunter2"),
            (None, "X-Api-Key: 0123456789"),
            (None, "GET /\nOcp-Apim-Subscription-Key: 0123456789abcdef\n"),
            (Some("Authorization"), "Bearer hunter2hunter2"),
            (Some("Authorization"), "Basic aHVudGVyMg=="),
            (
                None,
                r#"{"headers": {"Proxy-Authorization": "Basic aHVudGVyMg=="}}"#,
            ),
            (None, "Bearer 0123456789abcdefghij"),
        ] {
            assert!(reason(key, text).is_some(), "{key:?} {text}");
        }
    }

    #[test]
    fn no_token_is_as_short_as_what_is_not_looked_at() {
        let shortest = super::TOKEN_FORMS
            .iter()
            .map(|(start, rest)| start.len() + rest);
        assert_eq!(shortest.min(), Some(super::SHORTEST_TOKEN));
    }

    #[test]
    fn ordinary_values_are_left_alone() {
        for (key, text) in [
            (Some("token"), "{visitorToken}"),
            (Some("token"), "${{ vars.token }}"),
            (Some("title"), "Reset the password of the customer"),
            (Some("tokenUrl"), "https://login.example/token"),
            (
                None,
                "https://widget.example/dynamics/panel?mode=live&customer={customer}",
            ),
            (None, "tenant=contoso;mode=preview"),
            (None, "7d0a3c52-9d4e-4c0f-8f54-2f1b7f7a9c11"),
            (None, "Ask for the last order number, then the postcode"),
            (None, "contoso_Contoso.WarmTransfer"),
            (None, r#"{"token": "{visitorToken}", "password": ""}"#),
            (
                None,
                r#"{"Authorization": "Bearer {token}", "apiKey": null}"#,
            ),
            (None, r#"[{"name": "password", "value": "{password}"}]"#),
            (None, r#"[{"name": "mode", "value": "password"}]"#),
            (None, "Reset the password: ask the customer first"),
            (None, "Bearer of good news, on 24-hour duty everywhere"),
            (
                None,
                r#"{"tokenUrl": "https://login.example/token", "mode": "token"}"#,
            ),
        ] {
            assert_eq!(reason(key, text), None, "{key:?} {text}");
        }
    }
}
