//! Signing in: a token issuer, platforms that issue assertions, and the verification of incoming tokens.
//!
//! One listener serves both the environment and its issuer. Facts: "Use OAuth authentication with Microsoft Dataverse" and the protocol
//! pages of the Microsoft identity platform; every issuer also supports OpenID Connect discovery.

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

/// Whether the environment requires a sign-in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum SignIn {
    /// Every caller is the seed's system administrator; tokens are ignored.
    #[default]
    Anonymous,
    /// Only tokens from the emulator's own issuer are accepted.
    Required,
}

/// The claim with the number of revocations before the token was created.
const GENERATION: &str = "emulator_generation";

/// The state of all sign-ins.
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

/// One key per issuer, so that none can impersonate another.
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
    /// Creates new keys.
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

    /// Invalidates all tokens that were issued so far.
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

    /// The directory's object id for a user of the environment.
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
