//! The authorization code grant: a person confirms the sign-in on a page in a browser (RFC 6749, section 4.1; RFC 7636 for the proof of
//! possession; RFC 8252 for redirects to the person's own machine).

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use ring::digest;
use uuid::Uuid;

use super::device::Granted;
use super::form::Form;
use super::refusal::Refusal;
use crate::call::Reply;

/// Lifetime of a code, in seconds (Microsoft identity platform: about ten minutes).
const LIFETIME: i64 = 600;
/// Maximum number of codes. When it is reached, the oldest is dropped.
const KNOWN: usize = 1_000;
/// The fields of the authorization request that the page sends back.
const FIELDS: [&str; 7] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
];

/// Codes that were issued.
#[derive(Debug, Default)]
pub(super) struct Codes(Mutex<BTreeMap<String, Given>>);

#[derive(Debug, Clone)]
struct Given {
    client: Uuid,
    redirect: String,
    challenge: String,
    granted: Granted,
    ends: i64,
    used: bool,
}

/// A valid authorization request. The answer goes to its redirect.
pub(super) struct Question {
    pub(super) client: Uuid,
    pub(super) redirect: String,
    pub(super) scope: String,
    pub(super) challenge: String,
}

impl Codes {
    // Each change is a single assignment, so a panic never leaves a partial change.
    fn given(&self) -> MutexGuard<'_, BTreeMap<String, Given>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Issues a code after the person has agreed.
    pub(super) fn give(&self, question: &Question, user: &str, now: i64) -> String {
        let code = Uuid::new_v4().simple().to_string();
        let mut given = self.given();
        if given.len() >= KNOWN
            && let Some(oldest) = given
                .iter()
                .min_by_key(|(_, code)| code.ends)
                .map(|(code, _)| code.clone())
        {
            given.remove(&oldest);
        }
        given.insert(
            code.clone(),
            Given {
                client: question.client,
                redirect: question.redirect.clone(),
                challenge: question.challenge.clone(),
                granted: Granted {
                    user: user.trim().to_owned(),
                    scope: question.scope.clone(),
                },
                ends: now + LIFETIME,
                used: false,
            },
        );
        code
    }

    /// Redeems a code. It is valid for one token, for whoever redeems it first.
    pub(super) fn redeem(&self, form: &Form, client: Uuid, now: i64) -> Result<Granted, Refusal> {
        let refused = |number, text: &'static str| Err(Refusal::new("invalid_grant", number, text));
        let code = form.require("code")?;
        let redirect = form.require("redirect_uri")?;
        let mut given = self.given();
        let Some(found) = given.get_mut(code).filter(|found| found.client == client) else {
            return refused(
                70_000,
                "The provided value for the 'code' parameter is not valid.",
            );
        };
        if std::mem::replace(&mut found.used, true) {
            return refused(
                54_005,
                "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
            );
        }
        if now >= found.ends {
            return refused(
                70_008,
                "The provided authorization code or refresh token has expired due to inactivity.",
            );
        }
        if found.redirect != redirect {
            return refused(
                500_112,
                "The reply address does not match the reply address that was given when the code was asked for.",
            );
        }
        let verifier = form.get("code_verifier").unwrap_or_default();
        let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
        if URL_SAFE_NO_PAD.encode(hash) != found.challenge {
            return refused(
                501_481,
                "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
            );
        }
        Ok(found.granted.clone())
    }
}

/// Whether an application may receive answers at this address. `http://localhost` stands for any port (RFC 8252, section 7.3).
pub(super) fn is_registered(redirects: &[String], redirect: &str) -> bool {
    redirects.iter().any(|known| {
        known == redirect
            || known
                .strip_prefix("http://localhost")
                .zip(redirect.strip_prefix("http://localhost"))
                .is_some_and(|(known, rest)| {
                    let rest = rest.strip_prefix(':').map_or(rest, |rest| {
                        rest.trim_start_matches(|digit: char| digit.is_ascii_digit())
                    });
                    known == rest
                })
    })
}

/// Redirects the person's browser to the application.
pub(super) fn redirected(redirect: &str, state: Option<&str>, answer: &[(&str, &str)]) -> Reply {
    let state = state.map(|state| ("state", state));
    let pairs: Vec<String> = answer
        .iter()
        .copied()
        .chain(state)
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect();
    let separator = if redirect.contains('?') { '&' } else { '?' };
    Reply {
        status: StatusCode::FOUND,
        headers: vec![
            (
                "Location",
                format!("{redirect}{separator}{}", pairs.join("&")),
            ),
            ("Cache-Control", "no-store, no-cache".to_owned()),
            ("Referrer-Policy", "no-referrer".to_owned()),
        ],
        body: Vec::new(),
    }
}

fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The page where the person signs in.
pub(super) fn page(form: &Form) -> Reply {
    let escaped = |text: &str| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('"', "&quot;")
    };
    let fields: String = FIELDS
        .iter()
        .filter_map(|name| Some((name, form.get(name)?)))
        .map(|(name, value)| {
            format!(
                "<input type=\"hidden\" name=\"{name}\" value=\"{}\">\n",
                escaped(value)
            )
        })
        .collect();
    let scope = escaped(form.get("scope").unwrap_or_default());
    Reply::text(
        "text/html; charset=utf-8",
        format!(
            "<!doctype html>
<meta charset=\"utf-8\">
<title>Sign in to the emulator</title>
<form method=\"post\">
{fields}<p>An application asks for: {scope}
<p><label>User <input name=\"user\" placeholder=\"ada@contoso.com\" autofocus></label>
<p><button>Accept</button> <button name=\"cancel\" value=\"1\">Cancel</button>
</form>
"
        ),
    )
    .with("Cache-Control", "no-store, no-cache")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: Uuid = Uuid::from_u128(1);
    const REDIRECT: &str = "http://localhost:1234";
    /// The example from RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn given(codes: &Codes) -> String {
        let question = Question {
            client: CLIENT,
            redirect: REDIRECT.to_owned(),
            scope: "scope".to_owned(),
            challenge: CHALLENGE.to_owned(),
        };
        codes.give(&question, "ada", 0)
    }

    fn shown(code: &str, redirect: &str, verifier: &str) -> Form {
        Form::parse(&format!(
            "code={code}&redirect_uri={redirect}&code_verifier={verifier}"
        ))
    }

    #[test]
    fn a_code_is_good_once_for_who_asked_and_for_ten_minutes() {
        let codes = Codes::default();
        let ask = |code: &str, redirect: &str, verifier: &str, client: Uuid, now: i64| {
            codes
                .redeem(&shown(code, redirect, verifier), client, now)
                .map(|granted| granted.user)
                .map_err(|refusal| refusal.number())
        };
        let code = given(&codes);
        assert_eq!(
            ask(&code, REDIRECT, VERIFIER, Uuid::from_u128(2), 0),
            Err(70_000)
        );
        assert_eq!(
            ask(&code, REDIRECT, VERIFIER, CLIENT, 599),
            Ok("ada".to_owned())
        );
        assert_eq!(ask(&code, REDIRECT, VERIFIER, CLIENT, 599), Err(54_005));
        for (redirect, verifier, now, number) in [
            (REDIRECT, VERIFIER, 600, 70_008),
            (REDIRECT, "another", 0, 501_481),
            (REDIRECT, "", 0, 501_481),
            ("http://localhost:1235", VERIFIER, 0, 500_112),
        ] {
            let code = given(&codes);
            assert_eq!(ask(&code, redirect, verifier, CLIENT, now), Err(number));
            // The code has been used, so it is no longer valid.
            assert_eq!(ask(&code, REDIRECT, VERIFIER, CLIENT, 0), Err(54_005));
        }
    }

    #[test]
    fn any_port_of_this_machine_is_registered_and_nothing_that_looks_like_it() {
        let known = ["http://localhost".to_owned()];
        for (redirect, expected) in [
            ("http://localhost", true),
            ("http://localhost:80", true),
            ("http://localhost:65535", true),
            ("http://localhost:80/", false),
            ("http://localhost.example", false),
            ("http://localhost:80@example.com", false),
            ("https://localhost", false),
            ("http://127.0.0.1:80", false),
        ] {
            assert_eq!(is_registered(&known, redirect), expected, "{redirect}");
        }
    }

    #[test]
    fn what_the_question_holds_is_escaped() {
        let page = page(&Form::parse("state=%22%3E%3Cscript%3E&scope=%3Cb%3E"));
        let page = String::from_utf8(page.body).expect("text");
        assert!(
            !page.contains("<script>") && !page.contains("<b>"),
            "{page}"
        );
        assert_eq!(encoded("a b&c"), "a%20b%26c");
    }
}
