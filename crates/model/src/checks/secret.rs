//! Values that look like credentials. `# deskstate: allow-secret` on the line of the value or its key silences the rule.

mod forms;

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::Value;

pub use self::forms::{credentials, is_secret_key};
use self::forms::{find, is_credential};
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::span::{SourceMap, Span};
use crate::variables::Origins;
use crate::yaml::{Node, NodeValue};

pub(crate) const SECRET: Explanation = Explanation::new(
    "secret",
    "A value looks like a credential.",
    "Manifests are visible in git, plans and reports. Treat a committed credential as known to others.",
    "Remove the value and replace the credential wherever it is valid. If it is not a credential, write `# deskstate: allow-secret` at the end of the line.",
);

const SILENCE: &str = "# deskstate: allow-secret";

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

/// Checks the texts that variables or parameters filled in. What a document holds in its file was checked there. The comment that silences the
/// rule can also stand where the value is written.
pub(crate) fn check_filled(
    before: &Node,
    filled: &Node,
    origins: &Origins,
    sources: &SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let [mut known, mut found] = [Vec::new(), Vec::new()];
    walk(before, None, sources, &mut known);
    walk(filled, None, sources, &mut found);
    let place = |finding: &Diagnostic| finding.primary.as_ref().map(|label| label.span);
    let known: HashSet<Option<Span>> = known.iter().map(place).collect();
    // Of several values in one text, the comment at one of them says nothing of the others.
    let mut single = HashSet::new();
    with_one_variable(before, &mut single);
    found.retain(|finding| {
        let place = place(finding);
        let origin = place.and_then(|place| Some((place, origins.get(&place)?)));
        !known.contains(&place)
            && !origin.is_some_and(|(place, (_, origin))| {
                single.contains(&place) && is_silenced(*origin, None, sources)
            })
    });
    diagnostics.extend(found.into_iter().map(|finding| {
        finding.help(format!(
            "use another value, and replace the credential wherever it is valid; if it is not a credential, write `{SILENCE}` at the end of the line where the variable or parameter gets this value"
        ))
    }));
}

/// The places of texts with one variable or parameter.
fn with_one_variable(node: &Node, found: &mut HashSet<Span>) {
    match &node.value {
        NodeValue::Text(text) if text.matches("${{").count() == 1 => {
            found.insert(node.span);
        }
        NodeValue::List(items) => items.iter().for_each(|item| with_one_variable(item, found)),
        NodeValue::Map(entries) => entries
            .iter()
            .for_each(|entry| with_one_variable(&entry.value, found)),
        _ => {}
    }
}

/// The places that must not be shown because of values that were filled in, which these findings name beside their places.
pub(crate) fn places(diagnostics: &[Diagnostic]) -> Vec<Span> {
    let secrets = diagnostics
        .iter()
        .filter(|finding| finding.code == SECRET.code && !finding.secondary.is_empty());
    let labels = secrets.flat_map(|finding| finding.primary.iter().chain(&finding.secondary));
    labels.map(|label| label.span).collect()
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
fn in_json(above: Option<&str>, content: &Value) -> Option<&'static str> {
    match content {
        Value::String(text) => reason(above, text),
        Value::Number(number) => reason(above, &number.to_string()),
        Value::Array(items) => items.iter().find_map(|item| in_json(above, item)),
        Value::Object(entries) => entries.iter().find_map(|(key, value)| {
            in_json(Some(key), value).or_else(|| {
                // Few keys do, so the entries of a large mapping are not scanned for each of its keys.
                if !holds_the_value(key) {
                    return None;
                }
                let others = entries.iter().filter(|(other, _)| *other != key);
                let others = others.filter_map(|(_, name)| name.as_str());
                // `{"password": {"value": "…"}}`
                let mut names = others.chain(above);
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
        NodeValue::Text(_) | NodeValue::Int(_) | NodeValue::Float(_) | NodeValue::Spelled(_) => {
            let text = match &node.value {
                NodeValue::Text(text) => Cow::Borrowed(&**text),
                NodeValue::Int(number) => Cow::Owned(number.to_string()),
                NodeValue::Float(number) => Cow::Owned(number.to_string()),
                NodeValue::Spelled(spelled) => Cow::Borrowed(&*spelled.text),
                _ => return,
            };
            if let Some(reason) = reason(key.map(|(key, _)| key), &text)
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
                // `password: {value: …}`
                let above = key.filter(|_| holds_the_value(&entry.key));
                let name = name.or(above.map(|(above, _)| above));
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
#[must_use]
pub fn holds_the_value(key: &str) -> bool {
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
    if key.is_some_and(|key| is_secret_key(key) && is_credential(key, text)) {
        return Some("its key names one");
    }
    if text.trim_start().starts_with(['{', '['])
        && let Ok(json) = serde_json::from_str(text)
        && let Some(reason) = in_json(None, &json)
    {
        return Some(reason);
    }
    find(text).into_iter().next().map(|(_, reason)| reason)
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
            (None, r#"{"password": {"value": "hunter2hunter2"}}"#),
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
            (
                None,
                r#"Ask: {"name": "password", "value": "hunter2hunter2"}"#,
            ),
            (None, "Xy18Q~aB3dEfGhIjKlMnOpQrStUvWxYz0123456.-_"),
            (
                None,
                "secret is Xy18Q~aB3dEfGhIjKlMnOpQrStUvWxYz0123456.-_, use it",
            ),
            (
                None,
                "client_secret: Xy18Q~aB3dEfGhIjKlMnOpQrStUvWxYz0123456.-_",
            ),
            (None, "password: \"Tr0ub4dor&3xyz!!\""),
            (None, "password: Tr0ub4dor3xyzABC9"),
            (None, "apiKey: Zq8vAbCdEfGh"),
            (None, "{apiKey:'Zq8vAbCdEfGh'}"),
            (None, "Kennwort=Tr0ub4dor3xyz"),
            (None, "Passwort: Tr0ub4dor3xyz"),
            (
                None,
                "https://x.azurewebsites.net/api/f?code=aB3dEfGhIjKlMnOpQrStUvWxYz0123456aB3dEfGhIjKlMnOpAzFu01==",
            ),
            (
                None,
                "https://cti.contoso.com/api/f?code=aB3dEfGhIjKlMnOpQrStUvWxYz0123456aB3dEfGhIjKlMnOpAzFu01==",
            ),
            (None, "Bearer Zebra99tok.abc"),
            (None, "sk-proj-aB3dEfGhIjKlMnOpQrSt"),
            (
                None,
                "https://contoso.webhook.office.com/webhookb2/7d0a3c52-9d4e-4c0f-8f54-2f1b7f7a9c11/IncomingWebhook/0123456789abcdef/x",
            ),
            (
                None,
                "https://hooks.slack.com/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx",
            ),
            (
                None,
                "https://a.example/?key=AIzaSyA0123456789abcdefghijklmnopqrstuv",
            ),
            (
                None,
                "https://a.example/?x=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVPmB92K27uhbUJU1p1r",
            ),
            (
                None,
                "https://a.example/?k=abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO01=",
            ),
            (None, "see/ghp_0123456789abcdefghijklmnopqrstuvwxyz."),
        ] {
            assert!(reason(key, text).is_some(), "{key:?} {text}");
        }
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
            (None, "Password: at least 8 characters, 1 digit"),
            (None, "Token: https://login.example/oauth2/v2.0/token"),
            (None, "password: {password1}"),
            (
                None,
                "https://a.example/sk-a-page-in-the-language-of-slovakia-2026",
            ),
            (None, "https://a.example/callback?code=0123456789abcdefghij"),
            (None, "https://hooks.slack.com/"),
            (
                None,
                "https://a.example/FAQ~contents-of-the-whole-manual-in-pages",
            ),
            (
                None,
                "https://a.example/?id=7d0a3c52-9d4e-4c0f-8f54-2f1b7f7a9c11&session={anchor._incident.incidentid}",
            ),
            (None, "msdyn_Contoso.SG.Overview"),
            (
                None,
                r#"Ask: {"name": "mode", "value": "dark-mode"} {"name": "password"}"#,
            ),
            (
                None,
                r#"{"tokenUrl": "https://login.example/token", "mode": "token"}"#,
            ),
        ] {
            assert_eq!(reason(key, text), None, "{key:?} {text}");
        }
    }
}
