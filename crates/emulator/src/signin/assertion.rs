//! Assertions that replace a secret: signed by the application itself, or by a platform that it trusts.

use super::Desk;
use super::certificate::{self, Flaw};
use super::directory::{Application, Platform};
use super::jwt::{Skew, Token};
use super::place::Place;
use super::platform::{self, AUDIENCE};
use super::refusal::Refusal;
use crate::clock::Moment;

/// Checks whether the application accepts an assertion in place of a secret.
pub(super) fn check(
    desk: &Desk,
    place: &Place,
    application: &Application,
    assertion: &str,
) -> Result<(), Refusal> {
    let token = Token::parse(assertion).ok_or_else(|| {
        Refusal::new(
            "invalid_request",
            50_027,
            "JWT token is invalid or malformed.",
        )
    })?;
    let id = application.id.to_string();
    if token.text("iss").eq_ignore_ascii_case(&id) {
        signed_itself(desk, place, application, &token)?;
    } else {
        let platform = author(desk, place, &token)?;
        trusted(application, platform, &token)?;
    }
    if token.holds(Moment::now().0, Skew::Tolerated) {
        Ok(())
    } else {
        Err(refused(
            700_024,
            "Client assertion is not within its valid time range.",
        ))
    }
}

fn refused(number: u32, text: impl Into<String>) -> Refusal {
    Refusal::new("invalid_client", number, text)
}

/// Checks an assertion that the application signed with its own certificate (certificate credentials).
fn signed_itself(
    desk: &Desk,
    place: &Place,
    application: &Application,
    token: &Token<'_>,
) -> Result<(), Refusal> {
    certificate::check(token, &application.trusted).map_err(|flaw| {
        let text = match flaw {
            Flaw::Unregistered => {
                "The certificate with identifier used to sign the client assertion is not registered on application."
            }
            Flaw::Signature => "Client assertion contains an invalid signature.",
        };
        refused(700_027, text)
    })?;
    if !token
        .text("sub")
        .eq_ignore_ascii_case(&application.id.to_string())
    {
        return Err(refused(
            700_021,
            "Client assertion application identifier doesn't match 'client_id' parameter.",
        ));
    }
    let audience = token.text("aud");
    if !is_endpoint(desk, place, audience) {
        return Err(refused(
            700_023,
            format!("Client assertion audience claim does not match Realm issuer: '{audience}'."),
        ));
    }
    Ok(())
}

/// Finds the platform whose key signed an assertion.
fn author(desk: &Desk, place: &Place, token: &Token<'_>) -> Result<Platform, Refusal> {
    let signed = |platform: &Platform| desk.keys.of_platform(*platform).made(token);
    if let Some(platform) = Platform::ALL.into_iter().find(signed) {
        return Ok(platform);
    }
    let claimed = |platform| token.text("iss") == platform::issuer(place, platform);
    Err(if Platform::ALL.into_iter().any(claimed) {
        refused(50_013, "Assertion failed signature validation.")
    } else {
        unmatched(700_211, "issuer", token.text("iss"))
    })
}

fn unmatched(number: u32, what: &str, value: &str) -> Refusal {
    refused(
        number,
        format!(
            "No matching federated identity record found for presented assertion {what} '{value}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion."
        ),
    )
}

/// Whether the application trusts a platform's assertion (workload identity federation: issuer, audience, subject).
fn trusted(
    application: &Application,
    platform: Platform,
    token: &Token<'_>,
) -> Result<(), Refusal> {
    let (audience, subject) = (token.text("aud"), token.text("sub"));
    let mut credentials = application
        .federated
        .iter()
        .filter(|federated| federated.by == platform)
        .peekable();
    if credentials.peek().is_none() {
        return Err(unmatched(700_211, "issuer", token.text("iss")));
    }
    if audience != AUDIENCE {
        return Err(unmatched(700_212, "audience", audience));
    }
    if credentials.any(|federated| federated.subject == subject) {
        Ok(())
    } else {
        Err(unmatched(700_213, "subject", subject))
    }
}

/// Whether an audience is a token endpoint or the issuer of this tenant.
fn is_endpoint(desk: &Desk, place: &Place, audience: &str) -> bool {
    let mut parts = audience.splitn(4, '/');
    let (Some(scheme), Some(""), Some(host), Some(path)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    place.is_resource(&format!("{scheme}//{host}"))
        && path
            .split('/')
            .next()
            .is_some_and(|tenant| desk.directory.is_tenant(tenant))
}
