//! Signing in.

use secrecy::SecretString;

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
}
