//! The tenant: the applications that may sign in, and their credentials.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use uuid::Uuid;

const BUILT_IN: &str = include_str!("../../seed/directory.yaml");

/// A tenant with its applications.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Directory {
    pub(super) tenant: Uuid,
    /// Domain name of the tenant.
    pub(super) domain: String,
    #[serde(default)]
    pub(super) applications: Vec<Application>,
    /// Lifetime of an access token, in seconds.
    #[serde(default = "an_hour")]
    pub(super) token_lifetime: i64,
    #[serde(default)]
    pub(super) device_code: DeviceCodes,
}

/// One registered application.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Application {
    pub(super) id: Uuid,
    #[serde(default)]
    pub(super) secrets: Vec<String>,
    /// PEM files, relative to the directory file.
    #[serde(default)]
    certificates: Vec<PathBuf>,
    /// The content of the certificates, as DER.
    #[serde(skip)]
    pub(super) trusted: Vec<rustls::pki_types::CertificateDer<'static>>,
    #[serde(default)]
    pub(super) federated: Vec<Federated>,
    /// Whether this is the identity of the machine. Programs that run on it need no secret.
    #[serde(default)]
    pub(super) managed_identity: bool,
    /// Whether people may sign in through this application, without a secret.
    #[serde(default)]
    pub(super) public: bool,
    /// Addresses where a browser may deliver the answer to a sign-in. `http://localhost` stands for any port.
    #[serde(default)]
    pub(super) redirects: Vec<String>,
}

// Secrets are never printed, not even public ones.
impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application")
            .field("id", &self.id)
            .field("federated", &self.federated)
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

/// A federated credential: a platform, and the subject whose assertions replace a secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Federated {
    pub(super) by: Platform,
    pub(super) subject: String,
}

/// A platform that issues assertions for the workloads it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Platform {
    Github,
    AzureDevops,
    Kubernetes,
}

impl Platform {
    pub(super) const ALL: [Platform; 3] = [
        Platform::Github,
        Platform::AzureDevops,
        Platform::Kubernetes,
    ];

    /// The first segment of the issuer's path.
    pub(super) fn segment(self) -> &'static str {
        match self {
            Platform::Github => "github",
            Platform::AzureDevops => "azure-devops",
            Platform::Kubernetes => "kubernetes",
        }
    }
}

/// Settings of the device code flow, in seconds.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DeviceCodes {
    /// Minimum interval between polls of a client.
    pub(super) interval: i64,
    pub(super) lifetime: i64,
}

impl Default for DeviceCodes {
    fn default() -> DeviceCodes {
        DeviceCodes {
            interval: 5,
            lifetime: 900,
        }
    }
}

fn an_hour() -> i64 {
    3_599
}

/// The reason why a directory is invalid.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// A file cannot be read.
    #[error("cannot read `{}`", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// The content of the directory is invalid.
    #[error("the directory is not valid: {0}")]
    Shape(String),
    /// A file contains no certificate.
    #[error("there is no certificate in `{}`", .0.display())]
    Certificate(PathBuf),
}

impl Directory {
    /// Loads the directory from a file, or the built-in one.
    pub(crate) fn load(path: Option<&Path>) -> Result<Directory, DirectoryError> {
        let read = |path: &Path| {
            crate::files::read(path).map_err(|source| DirectoryError::Read {
                path: path.to_owned(),
                source,
            })
        };
        let text = match path {
            Some(path) => String::from_utf8_lossy(&read(path)?).into_owned(),
            None => BUILT_IN.to_owned(),
        };
        let mut directory: Directory = serde_yaml::from_str(&text)
            .map_err(|error| DirectoryError::Shape(error.to_string()))?;
        let beside = path.and_then(Path::parent).unwrap_or(Path::new(""));
        for application in &mut directory.applications {
            for certificate in &application.certificates {
                use rustls::pki_types::pem::PemObject as _;
                let file = beside.join(certificate);
                let pem = read(&file)?;
                let der = rustls::pki_types::CertificateDer::from_pem_slice(&pem)
                    .map_err(|_| DirectoryError::Certificate(file))?;
                application.trusted.push(der);
            }
        }
        Ok(directory)
    }

    pub(super) fn application(&self, id: &str) -> Option<&Application> {
        let id = Uuid::try_parse(id).ok()?;
        self.applications
            .iter()
            .find(|application| application.id == id)
    }

    /// The identity of the machine: the requested one, or the first in the directory.
    pub(super) fn managed_identity(&self, id: Option<&str>) -> Option<&Application> {
        let fits = |application: &&Application| application.managed_identity;
        match id {
            Some(id) => self.application(id).filter(fits),
            None => self.applications.iter().find(fits),
        }
    }

    /// Whether the tenant in a path is this one: by id or domain, or by a name for any tenant (for people).
    pub(super) fn is_tenant(&self, segment: &str) -> bool {
        Uuid::try_parse(segment).is_ok_and(|id| id == self.tenant)
            || segment.eq_ignore_ascii_case(&self.domain)
            || matches!(segment, "common" | "organizations")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_directory_is_valid_and_prints_no_secret() {
        let directory = Directory::load(None).expect("it loads");
        assert_eq!(directory.applications.len(), 4);
        assert!(!format!("{directory:?}").contains("emulator-secret"));
    }

    #[test]
    fn files_that_cannot_be_used_say_why() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("directory.yaml");
        let failure = |text: &str| {
            std::fs::write(&file, text).expect("it writes");
            Directory::load(Some(&file)).expect_err(text).to_string()
        };
        let head = "tenant: 0c0f0000-0000-4000-8000-00000000000a\ndomain: contoso.example\n";
        assert!(failure("tenant: x").contains("directory is not valid"));
        assert!(failure(&format!("{head}aplications: []\n")).contains("aplications"));
        let certificate = |name: &str| {
            format!(
                "{head}applications:\n- {{id: 0c0f0000-0000-4000-8000-000000000a02, certificates: [{name}]}}\n"
            )
        };
        assert!(failure(&certificate("none.pem")).contains("cannot read"));
        assert!(failure(&certificate("directory.yaml")).contains("no certificate"));
    }
}
