//! Signing in: an issuer of tokens, platforms that vouch for applications, and the check of what comes in.
//!
//! One listener is both the environment and its issuer. Facts: "Use OAuth authentication with Microsoft Dataverse" and
//! the Microsoft identity platform's pages on its protocols; every issuer also answers OpenID Connect discovery.

mod certificate;
mod device;
mod directory;
mod form;
mod guard;
mod jwt;
mod place;
mod platform;
mod refusal;
mod token;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, Method, StatusCode};
use ring::error::Unspecified;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::call::Reply;
use crate::clock::Moment;
use crate::engine::Engine;
use device::Devices;
use directory::Platform;
use form::Form;
use jwt::SigningKey;
use place::Place;
use refusal::Refusal;
use token::Request;

pub(crate) use directory::Directory;
pub use directory::DirectoryError;
pub(crate) use guard::layer;

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

/// The two forms of the token protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// `oauth2/token`, with a resource.
    One,
    /// `oauth2/v2.0/token`, with scopes.
    Two,
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

    /// Whether a path belongs to the issuers, and not to the environment.
    fn owns(path: &str) -> bool {
        path == "/__emulator/sign-in/revoke"
            || !(path == "/api"
                || path.starts_with("/api/")
                || path == "/__emulator"
                || path.starts_with("/__emulator/"))
    }

    /// Answers what is asked of an issuer.
    fn answer(
        &self,
        method: &Method,
        path: &str,
        query: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Option<Reply> {
        let place = self.place(headers);
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let form = || Form::parse(&String::from_utf8_lossy(body));
        let (tenant, version, form, begins) = match (method.as_str(), segments.as_slice()) {
            ("POST", [tenant, "oauth2", "v2.0", "token"]) => (*tenant, Version::Two, form(), false),
            ("POST", [tenant, "oauth2", "token"]) => (*tenant, Version::One, form(), false),
            ("POST", [tenant, "oauth2", "v2.0", "devicecode"]) => {
                (*tenant, Version::Two, form(), true)
            }
            ("POST", [tenant, "oauth2", "devicecode"]) => (*tenant, Version::One, form(), true),
            _ => {
                return self
                    .page(method, &segments, body)
                    .or_else(|| self.discovery(method, &segments, &place))
                    .or_else(|| self.machine(method, &segments, &place, (headers, query)))
                    .or_else(|| {
                        platform::answer(self, &place, method, &segments, (headers, query, body))
                    });
            }
        };
        let request = Request {
            version,
            place: &place,
            tenant,
            form: &form,
        };
        let result = if begins {
            token::begin_device(self, &request)
        } else {
            token::answer(self, &request)
        };
        Some(self.issued(result))
    }

    fn issued(&self, result: Result<Json, Refusal>) -> Reply {
        match result {
            Ok(body) => json_reply(StatusCode::OK, &body)
                .with("Cache-Control", "no-store, no-cache")
                .with("Pragma", "no-cache"),
            Err(refusal) => refusal.reply(&self.engine.request_id()),
        }
    }

    /// The machine's own identity, for those who know its secret (App Service: `IDENTITY_ENDPOINT`).
    fn machine(
        &self,
        method: &Method,
        segments: &[&str],
        place: &Place,
        (headers, query): (&HeaderMap, &str),
    ) -> Option<Reply> {
        if (method.as_str(), segments) != ("GET", &["managed-identity", "token"]) {
            return None;
        }
        let shown = headers.get("x-identity-header");
        if shown.is_none_or(|shown| shown.as_bytes() != platform::JOB_TOKEN.as_bytes()) {
            return Some(json_reply(
                StatusCode::UNAUTHORIZED,
                &json!({"statusCode": 401, "message": "the identity header is missing or wrong"}),
            ));
        }
        Some(self.issued(token::for_machine(self, place, &Form::parse(query))))
    }

    /// What is for people and tests.
    fn page(&self, method: &Method, segments: &[&str], body: &[u8]) -> Option<Reply> {
        match (method.as_str(), segments) {
            ("POST", ["__emulator", "sign-in", "revoke"]) => {
                self.revoke();
                Some(Reply {
                    status: StatusCode::NO_CONTENT,
                    headers: Vec::new(),
                    body: Vec::new(),
                })
            }
            ("GET", ["devicelogin"]) => {
                Some(Reply::text("text/html; charset=utf-8", device::PAGE.into()))
            }
            ("POST", ["devicelogin"]) => {
                let form = Form::parse(&String::from_utf8_lossy(body));
                let mut reply = Reply::text(
                    "text/plain; charset=utf-8",
                    "Done. You may close this page.\n".into(),
                );
                if !self.devices.answer(&form, Moment::now().0) {
                    reply = Reply::text(
                        "text/plain; charset=utf-8",
                        "This code is not known, or has ended.\n".into(),
                    );
                    reply.status = StatusCode::BAD_REQUEST;
                }
                Some(reply)
            }
            _ => None,
        }
    }

    /// OpenID Connect discovery, and the instance discovery that Microsoft's own libraries begin with.
    fn discovery(&self, method: &Method, segments: &[&str], place: &Place) -> Option<Reply> {
        if method != Method::GET {
            return None;
        }
        let origin = place.origin();
        let body = match segments {
            ["common", "discovery", "instance"] => json!({
                "tenant_discovery_endpoint":
                    format!("{origin}/{}/v2.0/.well-known/openid-configuration", self.directory.tenant),
                "api-version": "1.1",
                "metadata": [{
                    "preferred_network": place.host, "preferred_cache": place.host, "aliases": [place.host],
                }],
            }),
            [tenant, "v2.0", ".well-known", "openid-configuration"]
            | [tenant, ".well-known", "openid-configuration"]
                if self.directory.is_tenant(tenant) =>
            {
                let root = format!("{origin}/{}", self.directory.tenant);
                json!({
                    "issuer": format!("{root}/v2.0"),
                    "authorization_endpoint": format!("{root}/oauth2/v2.0/authorize"),
                    "token_endpoint": format!("{root}/oauth2/v2.0/token"),
                    "device_authorization_endpoint": format!("{root}/oauth2/v2.0/devicecode"),
                    "jwks_uri": format!("{root}/discovery/v2.0/keys"),
                    "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
                    "subject_types_supported": ["pairwise"],
                    "response_types_supported": ["id_token"],
                    "id_token_signing_alg_values_supported": ["ES256"],
                    "scopes_supported": ["openid", "profile", "email", "offline_access"],
                })
            }
            [tenant, "discovery", "v2.0", "keys"] | [tenant, "discovery", "keys"]
                if self.directory.is_tenant(tenant) =>
            {
                self.keys.entra.key_set()
            }
            _ => return None,
        };
        Some(json_reply(StatusCode::OK, &body))
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

fn json_reply(status: StatusCode, body: &Json) -> Reply {
    Reply {
        status,
        headers: vec![("Content-Type", "application/json; charset=utf-8".into())],
        body: body.to_string().into_bytes(),
    }
}

/// The token of an `Authorization: Bearer` header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get("authorization")?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim())
        .filter(|token| !token.is_empty())
}
