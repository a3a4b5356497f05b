//! The forms of credentials, found in any text.

use std::ops::Range;

use super::holds_the_value;

/// Prefixes that token issuers use to make their tokens recognizable, with the minimum length of the rest.
pub(super) const TOKEN_FORMS: &[(&str, usize)] = &[
    ("AKIA", 16),
    ("ASIA", 16),
    ("ghp_", 30),
    ("gho_", 30),
    ("ghs_", 30),
    ("ghu_", 30),
    ("ghr_", 30),
    ("github_pat_", 30),
    ("glpat-", 16),
    ("xoxb-", 16),
    ("xoxp-", 16),
    ("xoxa-", 16),
    ("xoxs-", 16),
    ("xapp-", 16),
    ("sk_live_", 16),
    ("rk_live_", 16),
    ("sk-", 32),
    ("sk-proj-", 20),
    ("AIza", 30),
    ("SG.", 30),
    ("npm_", 30),
    ("pypi-", 30),
    ("ya29.", 30),
];

/// Hosts and paths of webhooks; the rest of such an address is the credential.
const WEBHOOKS: &[&str] = &[
    ".webhook.office.com/webhookb2/",
    "//webhook.office.com/webhookb2/",
    "//outlook.office.com/webhook/",
    "//hooks.slack.com/",
    "//discord.com/api/webhooks/",
];

/// No token or key is shorter than this.
pub(super) const SHORTEST_TOKEN: usize = 20;

/// Returns the parts of a text that look like credentials, by its form. They are not sorted, and may overlap.
///
/// The check of manifests and everything that masks values use this function. A text that is JSON as a whole is also searched by its keys.
#[must_use]
pub fn credentials(text: &str) -> Vec<Range<usize>> {
    find(text).into_iter().map(|(range, _)| range).collect()
}

pub(super) fn find(text: &str) -> Vec<(Range<usize>, &'static str)> {
    let mut found = Vec::new();
    let mut add = |ranges: Vec<Range<usize>>, reason| {
        found.extend(ranges.into_iter().map(|range| (range, reason)));
    };
    // Most texts are shorter than any recognizable token.
    let may_be_token = text.len() >= SHORTEST_TOKEN;
    if may_be_token && text.contains("-----BEGIN ") {
        add(private_keys(text), "a private key");
    }
    if text.contains(':') {
        let reason = "a password, key or token after its name";
        add(secret_values(text), reason);
        add(user_info(text), "a password in an address");
    }
    if text.contains('=') {
        let reason = "a password, key or signature among its parameters";
        add(secret_parameters(text), reason);
    }
    if may_be_token {
        add(webhooks(text), "the address of a webhook");
        let reason = "it has the form of a token or key";
        add(bearers(text), reason);
        add(tokens(text), reason);
    }
    found
}

/// The range of a part of a text.
fn range_of(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - text.as_ptr().addr();
    start..start + part.len()
}

fn private_keys(text: &str) -> Vec<Range<usize>> {
    const END: &str = "PRIVATE KEY-----";
    let Some((start, _)) = text.match_indices("-----BEGIN ").find(|(at, begin)| {
        let rest = &text[at + begin.len()..];
        let line = rest.split(['\n', '\\']).next().unwrap_or_default();
        line.contains(END)
    }) else {
        return Vec::new();
    };
    let end = match text[start..].rfind("-----END ") {
        Some(end) => text[start + end..]
            .find(END)
            .map_or(text.len(), |at| start + end + at + END.len()),
        None => text.len(),
    };
    std::iter::once(start..end).collect()
}

/// Returns the ranges of secret values in a text that holds headers, JSON or YAML, complete or not: `"password": "…"`, `Authorization: …`.
fn secret_values(text: &str) -> Vec<Range<usize>> {
    let mut values: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.match_indices(':') {
        // What is in a value that was found is found.
        if values.last().is_some_and(|found| at < found.end) {
            continue;
        }
        let before = text[..at].trim_end();
        let name = before.trim_end_matches(['"', '\'']).trim_end_matches('\\');
        let is_quoted = name.len() < before.len();
        let key = name
            .rsplit(|letter: char| !(letter.is_ascii_alphanumeric() || "_-.".contains(letter)))
            .next()
            .unwrap_or_default();
        let key = match is_quoted && holds_the_value(key) {
            true => name_beside(text, at).unwrap_or(key),
            false => key,
        };
        if !is_secret_key(key) {
            continue;
        }
        let is_header = key.contains('-') || key.eq_ignore_ascii_case("authorization");
        let rest = text[at + 1..].trim_start();
        let opened = rest.trim_start_matches('\\');
        let value = match opened.chars().next() {
            Some(quote @ ('"' | '\'')) => opened[1..]
                .split(quote)
                .next()
                .unwrap_or_default()
                .trim_end_matches('\\'),
            _ if is_quoted || is_header => rest
                .split([',', '}', ']', '\r', '\n', '"', '\''])
                .next()
                .unwrap_or_default()
                .trim_end(),
            _ => rest.split_whitespace().next().unwrap_or_default(),
        };
        let is_word = matches!(value, "null" | "true" | "false");
        // In prose, a word may follow: `Reset the password: ask the customer`.
        let is_prose = !(is_quoted || is_header || is_random(value));
        if !is_word && !is_prose && value.len() >= 6 && is_credential(key, value) {
            values.push(range_of(text, value));
        }
    }
    values
}

/// How far from a value its name may be, in bytes.
const NEAR: usize = 1024;

/// The secret name in the braces around a position, as in `{"name": "password", "value": "…"}`.
fn name_beside(text: &str, at: usize) -> Option<&str> {
    let (before, after) = text.split_at(at);
    // Looking further would take time with the square of the text.
    let from = text.floor_char_boundary(at.saturating_sub(NEAR));
    let to = text.floor_char_boundary(at + NEAR);
    let start = from + before[from..].rfind('{')?;
    let after = after[..to - at].split('}').next().unwrap_or_default();
    // The first two pieces are the colon and the value itself.
    let words = before[start..].split(['"', '\'']);
    let words = words.chain(after.split(['"', '\'']).skip(2));
    let mut words = words.map(|word| word.trim_end_matches('\\'));
    words.find(|word| is_secret_key(word) && !word.contains([':', ' ']))
}

/// Whether a text has letters and digits, is not short, and is not an address.
fn is_random(text: &str) -> bool {
    text.len() >= 8
        && !text.contains("://")
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Whether the value under a secret name is a literal credential. The value of `Authorization` begins with a scheme.
pub(super) fn is_credential(key: &str, value: &str) -> bool {
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

/// `scheme://user:password@host`
fn user_info(text: &str) -> Vec<Range<usize>> {
    let addresses = text.match_indices("://");
    let passwords = addresses.filter_map(|(at, separator)| {
        let rest = &text[at + separator.len()..];
        let end =
            rest.find(|letter: char| matches!(letter, '/' | '?' | '#') || letter.is_whitespace());
        let (user, _) = rest[..end.unwrap_or(rest.len())].rsplit_once('@')?;
        let (_, password) = user.split_once(':')?;
        (!password.is_empty() && is_literal(password)).then(|| range_of(text, password))
    });
    passwords.collect()
}

/// `…;Password=…`, `?api_key=…`, `&sig=…`, and the `code` of a function in Azure.
fn secret_parameters(text: &str) -> Vec<Range<usize>> {
    let is_function = text.contains(".azurewebsites.net");
    text.split(['?', '&', ';', '#', ' ', '\n'])
        .filter_map(|part| part.split_once('='))
        .filter(|(key, value)| {
            // A function may be behind a host of its own.
            let is_key = |value: &str| value.len() >= 40 && is_random(value);
            let signature = *key == "sig" || (*key == "code" && (is_function || is_key(value)));
            (signature && value.len() >= 20 || is_secret_key(key))
                && value.len() >= 6
                && is_literal(value)
        })
        .map(|(_, value)| range_of(text, value))
        .collect()
}

/// What follows the fixed part of a webhook's address.
fn webhooks(text: &str) -> Vec<Range<usize>> {
    let starts = WEBHOOKS.iter().flat_map(|start| text.match_indices(start));
    let paths = starts.map(|(at, start)| {
        let rest = &text[at + start.len()..];
        let is_end = |letter: char| letter.is_whitespace() || "\"'<>)".contains(letter);
        rest.split(is_end).next().unwrap_or_default()
    });
    paths
        .filter(|path| path.len() >= 20 && is_literal(path))
        .map(|path| range_of(text, path))
        .collect()
}

/// `Bearer` followed by a token.
fn bearers(text: &str) -> Vec<Range<usize>> {
    let mut before = "";
    text.split_whitespace()
        .filter(|word| {
            let is_bearer = before.eq_ignore_ascii_case("bearer");
            before = word.trim_matches(['"', '\'']);
            is_bearer
                && word.len() >= 12
                && is_literal(word)
                && word.bytes().any(|byte| byte.is_ascii_digit())
        })
        .map(|word| range_of(text, word))
        .collect()
}

/// Tokens that are recognized by their form, anywhere in a text.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at + SHORTEST_TOKEN <= bytes.len() {
        if !is_token_byte(bytes[at]) {
            at += 1;
            continue;
        }
        let run = bytes[at..].iter().take_while(|byte| is_token_byte(**byte));
        let end = at + run.count();
        // Only ASCII, so any byte is the start of a character.
        let word = &text[at..end];
        if word.len() >= SHORTEST_TOKEN {
            found.extend(in_word(word).map(|range| at + range.start..at + range.end));
        }
        at = end;
    }
    found.extend(encoded_keys(text));
    found
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.~".contains(&byte)
}

/// The token in a word of letters, digits and `_-.~`.
fn in_word(word: &str) -> Option<Range<usize>> {
    let known = TOKEN_FORMS.iter().any(|(start, rest)| {
        word.strip_prefix(start).is_some_and(|tail| {
            // `sk` is also a language, so a path may begin with it.
            let is_told = *start != "sk-"
                || tail.bytes().any(|byte| byte.is_ascii_digit())
                    && tail.bytes().any(|byte| byte.is_ascii_uppercase());
            tail.len() >= *rest && !tail.contains('~') && is_told
        })
    });
    if known || is_web_token(word) {
        return Some(0..word.len());
    }
    client_secret(word)
}

/// A client secret of Microsoft Entra ID: three characters, a digit, `Q~`, and 31 to 34 characters.
pub(super) fn client_secret(word: &str) -> Option<Range<usize>> {
    let mut marks = word.match_indices("Q~").map(|(at, _)| at);
    let at = marks.find(|at| {
        *at >= 4 && word.as_bytes()[at - 1].is_ascii_digit() && word.len() - at >= 2 + 31
    })?;
    Some(at - 4..word.len())
}

/// Base64 in three or more parts, the first of which begins like JSON: signed and encrypted web tokens.
fn is_web_token(word: &str) -> bool {
    word.starts_with("eyJ")
        && word.len() > 40
        && word.bytes().filter(|byte| *byte == b'.').count() >= 2
}

/// 32 or 64 bytes in base64, like the keys of storage accounts and service buses.
fn encoded_keys(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
    let starts = text
        .match_indices('=')
        .filter(|(at, _)| *at > 0 && bytes[at - 1] != b'=');
    let keys = starts.filter_map(|(at, _)| {
        let padding = bytes[at..].iter().take_while(|byte| **byte == b'=').count();
        let length = match padding {
            1 => 43,
            2 => 86,
            _ => return None,
        };
        let start = at.checked_sub(length)?;
        let key = &bytes[start..at];
        let goes_on = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'+';
        let is_part = (start > 0 && goes_on(&bytes[start - 1]))
            || bytes.get(at + padding).is_some_and(goes_on);
        let fits = key.iter().all(is_base64)
            && key.iter().any(u8::is_ascii_digit)
            && key.iter().any(u8::is_ascii_uppercase);
        (fits && !is_part).then_some(start..at + padding)
    });
    keys.collect()
}

/// Whether a text is a literal, and not a slug or a variable.
fn is_literal(text: &str) -> bool {
    !text.contains('{') && !text.contains(' ')
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

/// Endings of keys (letters and digits only, in lower case) whose values are credentials.
const SECRET_KEYS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passwort",
    "kennwort",
    "motdepasse",
    "pwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "accountkey",
    "authkey",
    "subscriptionkey",
    "functionskey",
    "connectionstring",
    "credential",
    "credentials",
    "authorization",
];

#[cfg(test)]
mod tests {
    use super::{SHORTEST_TOKEN, TOKEN_FORMS};

    #[test]
    fn no_token_is_as_short_as_what_is_not_looked_at() {
        let shortest = TOKEN_FORMS.iter().map(|(start, rest)| start.len() + rest);
        assert_eq!(shortest.min(), Some(SHORTEST_TOKEN));
    }
}
