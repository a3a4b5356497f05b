//! Packages of vendors: their description, the lock of a project, and the digest of their files.

use std::collections::{BTreeMap, BTreeSet};

use semver::{Version, VersionReq};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::kinds::ResourceKey;
use crate::span::{Span, Spanned};
use crate::yaml::Node;

/// The file that describes a package, at its root.
pub const PACKAGE_FILE: &str = "deskstate-package.yaml";
/// The file that locks the packages of a project, next to the project file.
pub const LOCK_FILE: &str = "deskstate.lock";
/// The folder of a project that contains the files of its packages.
pub const PACKAGES_FOLDER: &str = "packages";
/// The file of an archive that lists the checksums of all other files.
pub const CHECKSUMS_FILE: &str = "SHA256SUMS";
pub(crate) const PACKAGE_CHANGED: Explanation = Explanation::new(
    "package-changed",
    "The files of a package differ from those that `deskstate.lock` records.",
    "The next update would overwrite manual changes, and nobody could tell which version is in use.",
    "Restore the files with git, or with `deskstate package update NAME`. Put your own values into parameters or an overlay.",
);

pub(crate) const PACKAGE_DOCUMENT: Explanation = Explanation::new(
    "package-document",
    "A document in a package does something that packages cannot do: it deletes a row, names environments, declares a row outside of its prefixes, or changes more of somebody else's row than its sets.",
    "Many projects use the same package, and other rows belong to somebody else. A package declares its own rows and adds members to the sets of others with `mode: atLeast`.",
    "Correct the document in the package.",
);

pub(crate) const PACKAGE_CONFLICT: Explanation = Explanation::new(
    "package-conflict",
    "Two packages, or a package and the project, declare different values for one row.",
    "The row can have only one value, so the other declaration would silently have no effect.",
    "Change one of the two: a parameter of the package, or your own manifest.",
);

pub(crate) const PACKAGE_LINT: Explanation = Explanation::new(
    "package-lint",
    "A package would cause problems for its customers, or does not describe itself completely.",
    "Customers cannot change the files of a package, so `deskstate package lint` reports problems before they get it.",
    "Correct the package before you ship it.",
);

pub(crate) const PACKAGE_LOCK: Explanation = Explanation::new(
    "package-lock",
    "`deskstate.yaml`, `deskstate.lock` and the folder `packages` do not have the same packages, or a folder is not a package.",
    "Plans use only the files in the repository, and these three places together define them.",
    "Run the command that the finding names.",
);

pub(crate) const PACKAGE_PARAMETER: Explanation = Explanation::new(
    "package-parameter",
    "A parameter of a package is missing, unknown, or has a value of the wrong type.",
    "Otherwise the error would appear in a manifest of the package, which the customer cannot change.",
    "Correct the value under `spec.packages` in `deskstate.yaml`. `deskstate package list` shows the parameters.",
);

pub(crate) const PACKAGE_REQUIRES: Explanation = Explanation::new(
    "package-requires",
    "A package does not support this version of deskstate.",
    "Another version may not understand everything in the package.",
    "Install a version of deskstate that fits, or use another version of the package.",
);

pub(crate) const PACKAGE_SOURCE: Explanation = Explanation::new(
    "package-source",
    "The address of a package contains a user or a password.",
    "Everybody who can read the repository can read the project file.",
    "Remove the user from the address, and let git or the system supply the credentials.",
);

/// The files of a package: text by path, with `/`, relative to the package.
pub type PackageFiles = BTreeMap<String, String>;

/// A package as described by its file.
#[derive(Debug, Clone, PartialEq)]
pub struct Package {
    /// Its name.
    pub name: Spanned<String>,
    /// Its version.
    pub version: Spanned<Version>,
    /// Vendor.
    pub vendor: String,
    /// License.
    pub license: Option<String>,
    /// Purpose.
    pub description: Option<String>,
    /// Supported versions of deskstate.
    pub requires: Option<Spanned<VersionReq>>,
    /// Prefixes of its rows, in lower case.
    pub owns: Vec<Spanned<String>>,
    /// Parameters that customers set.
    pub parameters: Vec<Parameter>,
    /// Manifests.
    pub(crate) manifests: Vec<Spanned<String>>,
    /// Contracts.
    pub(crate) contracts: Vec<Spanned<String>>,
    /// Definitions of kinds.
    pub(crate) kinds: Vec<Spanned<String>>,
    /// Release notes, by version.
    pub notes: BTreeMap<Version, String>,
    /// The range of the document.
    pub(crate) span: Span,
}

impl Package {
    /// Whether the package defines its own kinds.
    #[must_use]
    pub fn defines_kinds(&self) -> bool {
        !self.kinds.is_empty()
    }
}

/// A value that a customer sets.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: Spanned<String>,
    /// Purpose.
    pub meaning: String,
    /// Its type.
    pub holds: ParameterType,
    /// Value for customers who set none.
    pub(crate) default: Option<Node>,
}

impl Parameter {
    /// Returns the value for customers who set none.
    #[must_use]
    pub fn default_value(&self) -> Option<Value> {
        self.default.as_ref().map(Node::to_json)
    }
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterType {
    /// Text.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Flag,
    /// List of texts.
    List,
}

/// A sample text for testing a package. It may be any part of a value.
pub(crate) const SAMPLE: &str = "sample";

impl ParameterType {
    pub(crate) fn of(word: &str) -> Option<Self> {
        [Self::Text, Self::Number, Self::Flag, Self::List]
            .into_iter()
            .find(|holds| holds.as_str() == word)
    }

    /// The word in a package file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Flag => "flag",
            Self::List => "list",
        }
    }

    /// Whether a value has this type. A text with a variable is accepted, because its value is only known later.
    pub(crate) fn takes(self, node: &Node) -> bool {
        if node.as_text().is_some_and(|text| text.contains("${{")) {
            return true;
        }
        match self {
            Self::Text => node.as_text().is_some_and(|text| !text.is_empty()),
            Self::Number => node.as_int().is_some(),
            Self::Flag => node.as_flag().is_some(),
            Self::List => node.is_list() && node.items().iter().all(|item| Self::Text.takes(item)),
        }
    }

    /// A sample value for testing a package.
    pub(crate) fn sample(self) -> Value {
        match self {
            Self::Text => SAMPLE.into(),
            Self::Number => 1.into(),
            Self::Flag => true.into(),
            Self::List => json!([SAMPLE]),
        }
    }
}

/// A package that a project uses.
#[derive(Debug, Clone, PartialEq)]
pub struct UsedPackage {
    /// Its name.
    pub name: Spanned<String>,
    /// Source of the package, as written.
    pub from: Spanned<Value>,
    pub(crate) parameters: Vec<(Spanned<String>, Node)>,
}

impl UsedPackage {
    /// Returns the project's value for a parameter.
    #[must_use]
    pub fn value(&self, parameter: &str) -> Option<Value> {
        let mut given = self.parameters.iter();
        let (_, value) = given.find(|(name, _)| name.value == parameter)?;
        Some(value.to_json())
    }
}

/// Reads `spec.packages`.
pub(crate) fn used_packages(spec: Option<&Node>) -> Vec<UsedPackage> {
    let entries = spec.and_then(|spec| spec.get("packages"));
    let entries = entries.map_or(&[][..], Node::entries).iter();
    entries
        .filter_map(|entry| {
            let from = entry.value.get("from")?;
            let parameters = entry.value.get("parameters");
            let parameters = parameters.map_or(&[][..], Node::entries).iter();
            Some(UsedPackage {
                name: Spanned::new(entry.key.to_string(), entry.key_span),
                from: Spanned::new(from.to_json(), from.span),
                parameters: parameters
                    .map(|entry| {
                        let name = Spanned::new(entry.key.to_string(), entry.key_span);
                        (name, entry.value.clone())
                    })
                    .collect(),
            })
        })
        .collect()
}

/// Reports invalid package names and addresses with credentials.
pub(crate) fn check_used(used: &[UsedPackage], diagnostics: &mut Vec<Diagnostic>) {
    for package in used {
        if !is_package_name(&package.name.value) {
            diagnostics.push(no_package_name(&package.name));
        }
        let from = &package.from.value;
        let address = from.get("https").or_else(|| from.get("git"));
        let address = address.and_then(Value::as_str).unwrap_or_default();
        if has_credentials(address) {
            diagnostics.push(
                Diagnostic::error(
                    PACKAGE_SOURCE.code,
                    "the address of a package contains a user or a password",
                )
                .at(package.from.span, "in this address")
                .help("remove it, and let git or the system supply the credentials"),
            );
        }
    }
}

/// Whether an address contains credentials. Over SSH, a user is part of the address, but a password is not.
#[must_use]
pub fn has_credentials(address: &str) -> bool {
    let Some((scheme, rest)) = address.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    match authority.rsplit_once('@') {
        None => false,
        Some((user, _)) => !scheme.eq_ignore_ascii_case("ssh") || user.contains(':'),
    }
}

pub(crate) fn is_package_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !deskstate_files::is_device(name)
}

pub(crate) fn no_package_name(name: &Spanned<String>) -> Diagnostic {
    Diagnostic::error(
        PACKAGE_LOCK.code,
        format!("`{}` cannot name a package", name.value),
    )
    .at(name.span, "not a package name")
    .help("use lowercase letters, digits and `-`, up to 63")
}

pub(crate) fn wrong_parameter(name: &str, holds: ParameterType, span: Span) -> Diagnostic {
    let what = match holds {
        ParameterType::Text => "a text",
        ParameterType::Number => "a whole number",
        ParameterType::Flag => "`true` or `false`",
        ParameterType::List => "a list of texts",
    };
    Diagnostic::error(
        PACKAGE_PARAMETER.code,
        format!("parameter `{name}` takes {what}"),
    )
    .at(span, "another type")
    .help(format!("write {what}"))
}

/// The version of deskstate that package requirements are checked against.
pub(crate) fn own_version() -> Version {
    Version::parse(env!("CARGO_PKG_VERSION")).expect("Cargo takes nothing else")
}

/// Normalizes a text for packages: no byte order mark and LF line endings, because git may convert line endings.
#[must_use]
pub fn package_text(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.replace("\r\n", "\n")
}

/// Returns the checksums of the files, in the format of `sha256sum -c`.
#[must_use]
pub fn checksums(files: &PackageFiles) -> String {
    let lines = files
        .iter()
        .filter(|(path, _)| *path != CHECKSUMS_FILE)
        .map(|(path, text)| format!("{}  {path}\n", sha256(package_text(text).as_bytes())));
    lines.collect()
}

/// Returns the digest of the files: the SHA-256 of their checksums.
#[must_use]
pub fn package_digest(files: &PackageFiles) -> String {
    digest_of(&checksums(files))
}

pub(crate) fn digest_of(checksums: &str) -> String {
    format!("sha256:{}", sha256(checksums.as_bytes()))
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The content of `deskstate.lock`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lock {
    /// The packages in use, by name.
    pub packages: BTreeMap<String, Locked>,
    /// Items that packages used to bring and no longer bring, by package. They are deleted unless somebody declares them.
    pub removed: BTreeMap<String, BTreeSet<PackageItem>>,
    /// Where each removed item is listed.
    pub(crate) places: BTreeMap<PackageItem, Span>,
    /// Where each package is locked.
    pub(crate) spans: BTreeMap<String, Span>,
    /// Whether the file exists and could not be read in full, so that it is unknown what else is locked or removed.
    pub is_unread: bool,
}

/// A package in use.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Locked {
    /// Its version.
    pub version: String,
    /// Source of the package.
    pub from: Value,
    /// Digest of its files.
    pub digest: String,
    /// Items that it brings.
    pub brings: BTreeSet<PackageItem>,
}

/// An item that a package brings: a row, or a member of a set in a row that somebody else owns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackageItem {
    /// Kind of the row.
    pub kind: String,
    /// Name of the row.
    pub name: String,
    /// Field and member; `None` for a row.
    pub member: Option<(String, String)>,
}

impl PackageItem {
    /// Returns the key of the row; `None` if the kind is no longer known.
    #[must_use]
    pub fn key(&self) -> Option<ResourceKey> {
        Some(ResourceKey::new(self.kind.parse().ok()?, &self.name))
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut entries = Map::new();
        entries.insert("kind".to_owned(), self.kind.as_str().into());
        entries.insert("name".to_owned(), self.name.as_str().into());
        if let Some((field, member)) = &self.member {
            entries.insert("field".to_owned(), field.as_str().into());
            entries.insert("member".to_owned(), member.as_str().into());
        }
        Value::Object(entries)
    }
}

impl Lock {
    /// Whether the lock has no content.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty() && self.removed.is_empty()
    }

    /// Records what a package now brings. Items that it no longer brings are recorded for deletion.
    pub fn put(&mut self, name: &str, locked: Option<Locked>) {
        let before = self.packages.remove(name);
        let mut gone = self.removed.remove(name).unwrap_or_default();
        gone.extend(before.into_iter().flat_map(|before| before.brings));
        if let Some(locked) = locked {
            gone.retain(|brought| !locked.brings.contains(brought));
            self.packages.insert(name.to_owned(), locked);
        }
        if !gone.is_empty() {
            self.removed.insert(name.to_owned(), gone);
        }
    }
}
