//! The device authorization grant (RFC 8628): a person enters a code on a page, and chooses a user.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::directory::DeviceCodes;
use super::form::Form;
use super::place::Place;
use super::refusal::Refusal;

/// Maximum number of pending codes. When it is reached, the oldest is dropped.
const WAITING: usize = 1_000;

/// Codes that were issued.
#[derive(Debug, Default)]
pub(super) struct Devices(Mutex<BTreeMap<String, Waiting>>);

/// A sign-in that waits for a person.
#[derive(Debug, Clone)]
struct Waiting {
    user_code: String,
    client: Uuid,
    scope: String,
    ends: i64,
    asked: Option<i64>,
    answer: Answer,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    None,
    Declined,
    /// The user's name.
    Accepted(String),
}

/// The user and the scope that a person granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Granted {
    pub(super) user: String,
    pub(super) scope: String,
}

impl Devices {
    // Each change is a single assignment, so a panic never leaves a partial change.
    fn waiting(&self) -> MutexGuard<'_, BTreeMap<String, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Issues a code.
    pub(super) fn begin(
        &self,
        place: &Place,
        client: Uuid,
        scope: &str,
        rules: DeviceCodes,
        now: i64,
    ) -> Json {
        let device_code = Uuid::new_v4().simple().to_string();
        let user_code = Uuid::new_v4().simple().to_string()[..9].to_ascii_uppercase();
        let page = format!("{}/devicelogin", place.origin());
        let message = format!(
            "To sign in, use a web browser to open the page {page} and enter the code {user_code} to authenticate."
        );
        let mut waiting = self.waiting();
        waiting.retain(|_, waiting| waiting.ends + rules.lifetime > now);
        if waiting.len() >= WAITING
            && let Some(oldest) = waiting
                .iter()
                .min_by_key(|(_, waiting)| waiting.ends)
                .map(|(code, _)| code.clone())
        {
            waiting.remove(&oldest);
        }
        waiting.insert(
            device_code.clone(),
            Waiting {
                user_code: user_code.clone(),
                client,
                scope: scope.to_owned(),
                ends: now + rules.lifetime,
                asked: None,
                answer: Answer::None,
            },
        );
        json!({
            "device_code": device_code,
            "user_code": user_code,
            "verification_uri": page,
            "expires_in": rules.lifetime,
            "interval": rules.interval,
            "message": message,
        })
    }

    /// Records a person's answer on the page. Returns `false` if the code is unknown or has expired.
    pub(super) fn answer(&self, form: &Form, now: i64) -> bool {
        let code = form.get("user_code").unwrap_or_default().trim();
        let mut waiting = self.waiting();
        let Some(found) = waiting
            .values_mut()
            .find(|waiting| waiting.user_code.eq_ignore_ascii_case(code) && now < waiting.ends)
        else {
            return false;
        };
        found.answer = match form.get("user") {
            Some(user) if form.get("decline").is_none() => Answer::Accepted(user.trim().to_owned()),
            _ => Answer::Declined,
        };
        true
    }

    /// Handles a client's poll for the person's answer. A code is valid for one token.
    pub(super) fn redeem(
        &self,
        code: &str,
        client: Uuid,
        rules: DeviceCodes,
        now: i64,
    ) -> Result<Granted, Refusal> {
        let mut waiting = self.waiting();
        let Some(found) = waiting
            .get_mut(code)
            .filter(|waiting| waiting.client == client)
        else {
            return Err(Refusal::new(
                "bad_verification_code",
                70_019,
                "Verification code expired or unknown. Have the user retry the sign-in.",
            ));
        };
        if now >= found.ends {
            return Err(Refusal::new(
                "expired_token",
                70_020,
                "The provided value for the input parameter 'device_code' is not valid: this device code has expired.",
            ));
        }
        let early = found
            .asked
            .is_some_and(|asked| now < asked.saturating_add(rules.interval));
        found.asked = Some(now);
        match &found.answer {
            Answer::Accepted(user) => {
                let granted = Granted {
                    user: user.clone(),
                    scope: found.scope.clone(),
                };
                waiting.remove(code);
                Ok(granted)
            }
            Answer::Declined => {
                waiting.remove(code);
                Err(Refusal::new(
                    "authorization_declined",
                    70_018,
                    "The user declined the request.",
                ))
            }
            Answer::None if early => Err(Refusal::new(
                "slow_down",
                70_016,
                "The client polls too often.",
            )),
            Answer::None => Err(Refusal::new(
                "authorization_pending",
                70_016,
                "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
            )),
        }
    }
}

/// The page that a person opens.
pub(super) const PAGE: &str = "<!doctype html>
<meta charset=\"utf-8\">
<title>Sign in to the emulator</title>
<form method=\"post\">
<p><label>Code <input name=\"user_code\" required autofocus></label>
<p><label>User <input name=\"user\" placeholder=\"ada@contoso.com\"></label>
<p><button>Sign in</button> <button name=\"decline\" value=\"1\">Decline</button>
</form>
";

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: Uuid = Uuid::from_u128(1);

    fn rules() -> DeviceCodes {
        DeviceCodes::default()
    }

    fn begun(devices: &Devices) -> (String, String) {
        let place = Place {
            scheme: "https",
            host: "localhost".to_owned(),
        };
        let begun = devices.begin(&place, CLIENT, "scope", rules(), 0);
        let text = |name: &str| begun[name].as_str().expect(name).to_owned();
        assert!(text("message").contains("https://localhost/devicelogin"));
        (text("device_code"), text("user_code"))
    }

    fn ask(devices: &Devices, code: &str, now: i64) -> Result<Granted, u32> {
        devices
            .redeem(code, CLIENT, rules(), now)
            .map_err(|refusal| refusal.number())
    }

    #[test]
    fn a_code_waits_for_the_person_and_is_good_once() {
        let devices = Devices::default();
        let (device, user) = begun(&devices);
        assert_eq!(ask(&devices, &device, 0), Err(70_016));
        assert!(!devices.answer(&Form::parse("user_code=OTHER&user=ada"), 1));
        let form = Form::parse(&format!("user_code={}&user=ada", user.to_ascii_lowercase()));
        assert!(devices.answer(&form, 1));
        let granted = ask(&devices, &device, 5).expect("granted");
        assert_eq!(
            (granted.user.as_str(), granted.scope.as_str()),
            ("ada", "scope")
        );
        assert_eq!(ask(&devices, &device, 10), Err(70_019));
    }

    #[test]
    fn clients_that_ask_too_often_are_told_so() {
        let devices = Devices::default();
        let (device, _) = begun(&devices);
        let word = |now| match devices.redeem(&device, CLIENT, rules(), now) {
            Err(refusal) => refusal.reply("r").body,
            Ok(_) => Vec::new(),
        };
        for (now, expected) in [
            (0, "authorization_pending"),
            (4, "slow_down"),
            (9, "authorization_pending"),
        ] {
            let body = String::from_utf8(word(now)).expect("text");
            assert!(body.contains(expected), "{now}: {body}");
        }
    }

    #[test]
    fn declined_ended_and_foreign_codes_are_refused() {
        let devices = Devices::default();
        let (device, user) = begun(&devices);
        assert!(
            devices
                .redeem(&device, Uuid::from_u128(2), rules(), 0)
                .is_err()
        );
        assert!(devices.answer(
            &Form::parse(&format!("user_code={user}&user=ada&decline=1")),
            1
        ));
        assert_eq!(ask(&devices, &device, 5), Err(70_018));
        let (device, user) = begun(&devices);
        assert_eq!(ask(&devices, &device, 900), Err(70_020));
        assert!(!devices.answer(&Form::parse(&format!("user_code={user}&user=ada")), 900));
    }
}
