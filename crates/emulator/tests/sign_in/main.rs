//! Signing in: the issuer, the platforms that vouch, and what the environment takes. Facts: Web API, section
//! Authentication ("Use OAuth authentication with Microsoft Dataverse"), and the Microsoft identity platform's pages.

mod assertions;
mod device;
mod issuer;
mod office;
mod tls;
