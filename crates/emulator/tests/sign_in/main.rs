//! Signing in: the issuer, the platforms that issue assertions, and the tokens that the environment accepts. Facts: Web API, section
//! Authentication ("Use OAuth authentication with Microsoft Dataverse"), and the Microsoft identity platform's documentation.

mod assertions;
mod device;
mod issuer;
mod office;
mod tls;
