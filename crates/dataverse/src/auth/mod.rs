//! Signing in.

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::Connection;

/// How to sign in. What is secret in it cannot be printed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SignIn {
    /// Not at all: the server must not ask for it.
    Anonymous,
    /// A token that somebody else acquired.
    Token(SecretString),
}

/// Why no token could be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// The server asks for a sign-in and none was chosen.
    #[error("the server asks for a sign-in and none is chosen")]
    Required,
    /// A token that cannot stand in a header.
    #[error("the token cannot stand in a header")]
    InvalidToken,
}

/// Keeps the token of an environment.
#[derive(Debug)]
pub(crate) struct Authenticator {
    sign_in: SignIn,
}

impl Authenticator {
    pub(crate) fn new(connection: &Connection) -> Authenticator {
        Authenticator {
            sign_in: connection.sign_in.clone(),
        }
    }

    /// The header to send, if the server asks for one.
    pub(crate) async fn authorization(&self) -> Result<Option<HeaderValue>, SignInError> {
        match &self.sign_in {
            SignIn::Anonymous => Ok(None),
            SignIn::Token(token) => bearer(token).map(Some),
        }
    }

    /// Drops the token, so that the next request asks for another.
    pub(crate) async fn forget(&self) {}
}

fn bearer(token: &SecretString) -> Result<HeaderValue, SignInError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
        .map_err(|_| SignInError::InvalidToken)?;
    value.set_sensitive(true);
    Ok(value)
}
