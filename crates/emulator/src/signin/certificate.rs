//! Assertions that an application signs with its certificate (Microsoft identity platform: certificate credentials).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use serde_json::Value as Json;

use super::jwt::Token;

/// The reason why an assertion is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// No registered certificate has the thumbprint in the assertion.
    Unregistered,
    /// The signature was not made with that certificate.
    Signature,
}

/// Checks whether one of the certificates signed an assertion.
pub(super) fn check(token: &Token<'_>, trusted: &[CertificateDer<'_>]) -> Result<(), Flaw> {
    let certificate = trusted
        .iter()
        .find(|certificate| is_named(token, certificate))
        .ok_or(Flaw::Unregistered)?;
    let algorithm: &dyn SignatureVerificationAlgorithm =
        match token.header.get("alg").and_then(Json::as_str) {
            Some("RS256") => webpki::ring::RSA_PKCS1_2048_8192_SHA256,
            Some("PS256") => webpki::ring::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
            _ => return Err(Flaw::Signature),
        };
    webpki::EndEntityCert::try_from(certificate)
        .and_then(|certificate| {
            certificate.verify_signature(algorithm, token.signed.as_bytes(), &token.signature)
        })
        .map_err(|_| Flaw::Signature)
}

/// An assertion identifies its certificate by thumbprint: SHA-1 in `x5t`, SHA-256 in `x5t#S256`.
fn is_named(token: &Token<'_>, certificate: &CertificateDer<'_>) -> bool {
    [
        ("x5t", &digest::SHA1_FOR_LEGACY_USE_ONLY),
        ("x5t#S256", &digest::SHA256),
    ]
    .into_iter()
    .any(|(name, algorithm)| {
        let thumbprint = URL_SAFE_NO_PAD.encode(digest::digest(algorithm, certificate));
        token.header.get(name).and_then(Json::as_str) == Some(thumbprint.as_str())
    })
}
