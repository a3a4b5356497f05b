//! Signing in: an issuer of tokens, platforms that vouch for applications, and the check of what comes in.
//!
//! One listener is both the environment and its issuer. Facts: "Use OAuth authentication with Microsoft Dataverse" and
//! the Microsoft identity platform's pages on its protocols; every issuer also answers OpenID Connect discovery.

mod asked;
mod assertion;
mod certificate;
mod code;
mod device;
mod directory;
mod form;
mod guard;
mod jwt;
mod place;
mod platform;
mod refusal;
mod routes;
mod token;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderMap;
use ring::error::Unspecified;
use uuid::Uuid;

use crate::engine::Engine;
use code::Codes;
use device::Devices;
use directory::Platform;
use jwt::SigningKey;
use place::Place;

pub(crate) use directory::Directory;
pub use directory::DirectoryError;
pub(crate) use guard::layer;
pub(crate) use routes::{is_form, is_ours};

/// Whether the environment asks who calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum SignIn {
    /// Everybody is the seed's system administrator; tokens are not looked at.
    #[default]
    Anonymous,
    /// Only tokens of the emulator's own issuer are taken.
    Required,
}

/// The claim that says after which revocation a token was made.
const GENERATION: &str = "emulator_generation";

/// Everything about signing in.
pub(crate) struct Desk {
    engine: Arc<Engine>,
    mode: SignIn,
    directory: Directory,
    keys: Keys,
    devices: Devices,
    codes: Codes,
    generation: AtomicU64,
    secure: bool,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk")
            .field("mode", &self.mode)
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

/// One key per issuer, so that none can speak for another.
struct Keys {
    entra: SigningKey,
    renewal: SigningKey,
    github: SigningKey,
    azure_devops: SigningKey,
    kubernetes: SigningKey,
}

impl Keys {
    fn generate() -> Result<Keys, Unspecified> {
        Ok(Keys {
            entra: SigningKey::generate()?,
            renewal: SigningKey::generate()?,
            github: SigningKey::generate()?,
            azure_devops: SigningKey::generate()?,
            kubernetes: SigningKey::generate()?,
        })
    }

    fn of_platform(&self, platform: Platform) -> &SigningKey {
        match platform {
            Platform::Github => &self.github,
            Platform::AzureDevops => &self.azure_devops,
            Platform::Kubernetes => &self.kubernetes,
        }
    }
}

impl Desk {
    /// Makes new keys.
    pub(crate) fn new(
        engine: Arc<Engine>,
        mode: SignIn,
        directory: Directory,
        secure: bool,
    ) -> Result<Desk, Unspecified> {
        Ok(Desk {
            engine,
            mode,
            directory,
            keys: Keys::generate()?,
            devices: Devices::default(),
            codes: Codes::default(),
            generation: AtomicU64::new(0),
            secure,
        })
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// From now on no token made before is taken.
    fn revoke(&self) {
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    fn place(&self, headers: &HeaderMap) -> Place {
        Place {
            scheme: if self.secure { "https" } else { "http" },
            host: headers
                .get("host")
                .and_then(|host| host.to_str().ok())
                .unwrap_or("localhost")
                .to_owned(),
        }
    }

    /// The directory's id of a user of the environment.
    fn object_id_of(&self, user: &str) -> Option<Uuid> {
        let store = self.engine.store();
        let table = store.schema.named("systemuser")?;
        let position = store
            .schema
            .table(table)
            .position("azureactivedirectoryobjectid")?;
        store.find_text(table, "domainname", user)?.cells[position].id()
    }
}
