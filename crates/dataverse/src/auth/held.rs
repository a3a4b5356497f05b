//! The secrets that this process holds. A server or a proxy may repeat what it was sent, so no text from outside is shown with them.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

use secrecy::{ExposeSecret, SecretString};

static HELD: RwLock<Vec<SecretString>> = RwLock::new(Vec::new());

/// Shorter texts are no secret worth the name, and would be found in ordinary words.
const SHORTEST: usize = 8;

/// Remembers a secret that is about to be sent.
pub(crate) fn hold(secret: &str) {
    let mut held = HELD.write().unwrap_or_else(PoisonError::into_inner);
    let is_known = held.iter().any(|known| known.expose_secret() == secret);
    if secret.len() >= SHORTEST && !is_known {
        held.push(secret.to_owned().into());
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
        assert!(matches!(without_secrets("nothing"), Cow::Borrowed(_)));
    }
}
