//! Authenticates an application with its certificate, by means of an assertion that is signed here.
//!
//! The format is documented in "Microsoft identity platform application authentication certificate credentials".

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use azure_core::http::ClientMethodOptions;
use azure_core::{Error, error::ErrorKind};
use azure_identity::ClientAssertion;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use uuid::Uuid;

/// Lifetime of an assertion.
const LIFETIME: Duration = Duration::from_secs(600);

/// Signs assertions with the private key of a certificate.
pub(super) struct CertificateAssertion {
    key: RsaKeyPair,
    thumbprint: String,
    client_id: String,
    audience: String,
}

impl fmt::Debug for CertificateAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAssertion")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl CertificateAssertion {
    /// Reads a PEM file with a certificate and its RSA private key. `audience` is the token endpoint.
    pub(super) fn new(
        pem: &[u8],
        client_id: String,
        audience: String,
    ) -> Result<CertificateAssertion, String> {
        let certificate = CertificateDer::from_pem_slice(pem)
            .map_err(|_| "there is no CERTIFICATE in the PEM file".to_owned())?;
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| {
            "there is no unencrypted PRIVATE KEY in the PEM file \
             (from PFX: openssl pkcs12 -in app.pfx -out app.pem -nodes)"
                .to_owned()
        })?;
        let key = match &key {
            PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
            _ => return Err("the private key is not an RSA key".to_owned()),
        }
        .map_err(|error| {
            format!("the private key is not an RSA key of 2048 to 4096 bits ({error})")
        })?;
        let thumbprint = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &certificate);
        Ok(CertificateAssertion {
            key,
            thumbprint: URL_SAFE_NO_PAD.encode(thumbprint),
            client_id,
            audience,
        })
    }

    /// Returns the assertion as a signed JWT.
    fn statement(&self, now: SystemTime) -> Result<String, String> {
        let header = serde_json::json!({"alg": "RS256", "typ": "JWT", "x5t": self.thumbprint});
        let seconds = now
            .duration_since(UNIX_EPOCH)
            .map_err(|_| "the clock is before 1970".to_owned())?
            .as_secs();
        let claims = serde_json::json!({
            "aud": self.audience,
            "iss": self.client_id,
            "sub": self.client_id,
            "jti": Uuid::new_v4().to_string(),
            "nbf": seconds,
            "exp": seconds + LIFETIME.as_secs(),
        });
        let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .map_err(|_| "the certificate's key does not sign".to_owned())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[async_trait::async_trait]
impl ClientAssertion for CertificateAssertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        self.statement(SystemTime::now())
            .map_err(|reason| Error::with_message(ErrorKind::Credential, reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    /// A self-signed certificate and its key, made for these tests.
    const PEM: &[u8] = include_bytes!("../../tests/scripted/certificate.pem");

    fn assertion() -> CertificateAssertion {
        CertificateAssertion::new(PEM, "app".to_owned(), "https://issuer/t/token".to_owned())
            .expect("a good file")
    }

    fn decoded(part: &str) -> serde_json::Value {
        let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64url");
        serde_json::from_slice(&bytes).expect("JSON")
    }

    #[test]
    fn a_statement_names_the_certificate_and_the_application_and_verifies() {
        let assertion = assertion();
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        let statement = assertion.statement(now).expect("it signs");
        let parts: Vec<&str> = statement.split('.').collect();
        let [header, claims, signature] = parts.as_slice() else {
            panic!("{parts:?}");
        };
        let header = decoded(header);
        assert_eq!(header["alg"], "RS256");
        let certificate = CertificateDer::from_pem_slice(PEM).expect("a certificate");
        let thumbprint = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &certificate);
        assert_eq!(header["x5t"], URL_SAFE_NO_PAD.encode(thumbprint));
        let claims = decoded(claims);
        assert_eq!(
            (&claims["iss"], &claims["sub"]),
            (&"app".into(), &"app".into())
        );
        assert_eq!(claims["aud"], "https://issuer/t/token");
        assert_eq!(
            (&claims["nbf"], &claims["exp"]),
            (&1000.into(), &1600.into())
        );

        let signed = statement.rsplit_once('.').expect("three parts").0;
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, assertion.key.public().as_ref())
            .verify(signed.as_bytes(), &signature)
            .expect("the signature is the key's");
    }

    #[test]
    fn two_statements_are_never_the_same() {
        let assertion = assertion();
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        assert_ne!(assertion.statement(now), assertion.statement(now));
    }

    #[test]
    fn files_that_lack_something_say_what() {
        let refused = |pem: &[u8]| {
            CertificateAssertion::new(pem, String::new(), String::new())
                .err()
                .unwrap_or_default()
        };
        assert!(refused(b"").contains("CERTIFICATE"));
        let text = String::from_utf8_lossy(PEM);
        let start = text.find("-----BEGIN CERTIFICATE").expect("a certificate");
        let end_mark = "-----END CERTIFICATE-----";
        let end = text.find(end_mark).expect("its end") + end_mark.len();
        assert!(refused(text[start..end].as_bytes()).contains("PRIVATE KEY"));
    }

    #[test]
    fn the_key_is_not_printed() {
        assert_eq!(
            format!("{:?}", assertion()),
            "CertificateAssertion { client_id: \"app\", .. }"
        );
    }
}
