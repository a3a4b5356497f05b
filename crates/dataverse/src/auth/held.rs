//! The secrets that this process holds. A server or a proxy may repeat what it was sent, so no text from outside is shown with them.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

use secrecy::{ExposeSecret, SecretString};

static HELD: RwLock<Vec<SecretString>> = RwLock::new(Vec::new());

/// Shorter texts are no secret worth the name, and would be found in ordinary words.
const SHORTEST: usize = 8;

/// Remembers a secret that is about to be sent, also as it looks in JSON and in a form.
pub(crate) fn hold(secret: &str) {
    if secret.len() < SHORTEST {
        return;
    }
    let in_json = serde_json::Value::from(secret).to_string();
    let in_form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let mut held = HELD.write().unwrap_or_else(PoisonError::into_inner);
    for form in [secret, &in_json[1..in_json.len() - 1], &in_form] {
        if held.iter().all(|known| known.expose_secret() != form) {
            held.push(form.to_owned().into());
        }
    }
}

/// Returns a text in which `[secret]` stands for every token and client secret that this process has sent. Servers and proxies may repeat what
/// they get; pass their words through this before you show them.
#[must_use]
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    let held = HELD.read().unwrap_or_else(PoisonError::into_inner);
    let mut safe = Cow::Borrowed(text);
    for secret in held.iter().map(ExposeSecret::expose_secret) {
        if safe.contains(secret) {
            safe = Cow::Owned(safe.replace(secret, "[secret]"));
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_not_shown_again() {
        hold("correct horse battery");
        hold("short");
        assert_eq!(
            without_secrets("body was secret=correct horse battery&x, short"),
            "body was secret=[secret]&x, short"
        );
        hold("quote\" and/slash");
        for seen in [
            "quote\" and/slash",
            "quote\\\" and/slash",
            "quote%22+and%2Fslash",
        ] {
            assert_eq!(without_secrets(&format!("<{seen}>")), "<[secret]>");
        }
        assert!(matches!(without_secrets("nothing"), Cow::Borrowed(_)));
    }
}
