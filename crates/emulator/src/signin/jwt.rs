//! Signed tokens (RFC 7515, RFC 7519): created, parsed, verified.
//!
//! All tokens are signed with ES256. The keys are created at start, so the sources contain no private key, and tokens from one run are
//! worthless in the next.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::error::Unspecified;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    UnparsedPublicKey,
};
use serde_json::{Map, Value as Json, json};

/// Tolerated clock difference in seconds (Entra documents five minutes).
const SKEW: i64 = 300;

/// The signing key of one issuer.
pub(super) struct SigningKey {
    pair: EcdsaKeyPair,
    id: String,
}

impl SigningKey {
    pub(super) fn generate() -> Result<SigningKey, Unspecified> {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)?;
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random)
                .map_err(|_| Unspecified)?;
        let digest = ring::digest::digest(&ring::digest::SHA256, pair.public_key().as_ref());
        let id = URL_SAFE_NO_PAD.encode(&digest.as_ref()[..20]);
        Ok(SigningKey { pair, id })
    }

    /// Signs the claims and returns the token.
    pub(super) fn sign(&self, claims: &Json) -> Result<String, Unspecified> {
        let header = json!({"typ": "JWT", "alg": "ES256", "kid": self.id});
        let signed = format!("{}.{}", encoded(&header), encoded(claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes())?;
        Ok(format!(
            "{signed}.{}",
            URL_SAFE_NO_PAD.encode(signature.as_ref())
        ))
    }

    /// Whether this key signed the token.
    pub(super) fn made(&self, token: &Token<'_>) -> bool {
        token.header.get("alg").and_then(Json::as_str) == Some("ES256")
            && UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key().as_ref())
                .verify(token.signed.as_bytes(), &token.signature)
                .is_ok()
    }

    /// The public key as a key set (RFC 7517).
    pub(super) fn key_set(&self) -> Json {
        // an uncompressed point: 4, then both coordinates
        let point = self.pair.public_key().as_ref();
        let (x, y) = point[1..].split_at((point.len() - 1) / 2);
        json!({"keys": [{
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        }]})
    }
}

fn encoded(value: &Json) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A parsed token. Its content must not be trusted until the signature is verified.
pub(super) struct Token<'a> {
    pub(super) header: Map<String, Json>,
    pub(super) claims: Map<String, Json>,
    pub(super) signed: &'a str,
    pub(super) signature: Vec<u8>,
}

impl<'a> Token<'a> {
    /// Parses a token.
    pub(super) fn parse(text: &'a str) -> Option<Token<'a>> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let object = |part: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
            serde_json::from_slice::<Map<String, Json>>(&bytes).ok()
        };
        Some(Token {
            header: object(header)?,
            claims: object(claims)?,
            signed,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    pub(super) fn text(&self, claim: &str) -> &str {
        text(&self.claims, claim)
    }

    /// Whether the token is valid at a time, in seconds since 1970. A token without an expiry is never valid.
    pub(super) fn holds(&self, now: i64, skew: Skew) -> bool {
        let skew = match skew {
            Skew::None => 0,
            Skew::Tolerated => SKEW,
        };
        let second = |claim: &str| self.claims.get(claim).and_then(Json::as_i64);
        let begun = second("nbf").is_none_or(|begin| begin <= now.saturating_add(SKEW));
        let goes_on = second("exp").is_some_and(|end| now < end.saturating_add(skew));
        begun && goes_on
    }
}

/// Whether the expiry of a token is checked with a tolerance for clock differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skew {
    /// For tokens issued here, which use the same clock, so that tests can observe their expiry.
    None,
    /// For assertions of others.
    Tolerated,
}

/// A string claim; empty if it is missing.
pub(super) fn text<'a>(claims: &'a Map<String, Json>, claim: &str) -> &'a str {
    claims.get(claim).and_then(Json::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::generate().expect("randomness")
    }

    #[test]
    fn a_token_is_known_by_its_own_key_alone_and_not_after_a_change() {
        let (own, other) = (key(), key());
        let text = own.sign(&json!({"sub": "ada"})).expect("it signs");
        let token = Token::parse(&text).expect("a token");
        assert!(own.made(&token));
        assert!(!other.made(&token));
        let forged = format!(
            "{}.{}.{}",
            text.split('.').next().unwrap_or_default(),
            encoded(&json!({"sub": "kim"})),
            text.rsplit('.').next().unwrap_or_default()
        );
        assert!(!own.made(&Token::parse(&forged).expect("a token")));
    }

    #[test]
    fn a_token_without_a_signature_is_not_believed() {
        let own = key();
        let claims = encoded(&json!({"sub": "ada"}));
        for algorithm in ["none", "HS256", "ES256"] {
            let text = format!("{}.{claims}.", encoded(&json!({"alg": algorithm})));
            assert!(!own.made(&Token::parse(&text).expect("a token")));
        }
        assert!(Token::parse("t").is_none());
        assert!(Token::parse("a.b.c").is_none());
    }

    #[test]
    fn tokens_hold_until_the_second_they_end() {
        let own = key();
        let text = own
            .sign(&json!({"nbf": 1_000, "exp": 2_000}))
            .expect("it signs");
        let token = Token::parse(&text).expect("a token");
        for (now, skew, holds) in [
            (600, Skew::None, false),
            (700, Skew::None, true),
            (1_999, Skew::None, true),
            (2_000, Skew::None, false),
            (2_299, Skew::Tolerated, true),
            (2_300, Skew::Tolerated, false),
        ] {
            assert_eq!(token.holds(now, skew), holds, "{now} {skew:?}");
        }
        let endless = own.sign(&json!({})).expect("it signs");
        assert!(
            !Token::parse(&endless)
                .expect("a token")
                .holds(0, Skew::None)
        );
    }

    #[test]
    fn the_key_set_names_the_key_that_signs() {
        let own = key();
        let set = own.key_set();
        let text = own.sign(&json!({})).expect("it signs");
        let token = Token::parse(&text).expect("a token");
        assert_eq!(set["keys"][0]["kid"], token.header["kid"]);
        let coordinate = |name: &str| {
            let text = set["keys"][0][name].as_str().unwrap_or_default();
            URL_SAFE_NO_PAD.decode(text).expect("base64url").len()
        };
        assert_eq!((coordinate("x"), coordinate("y")), (32, 32));
    }
}
