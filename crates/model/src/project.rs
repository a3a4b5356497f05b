//! The project: the file `deskstate.yaml` at its root.

use std::collections::BTreeMap;
use std::path::PathBuf;

use uuid::Uuid;

use crate::allow::Allow;
use crate::diagnostic::{Diagnostic, Severity};
use crate::files::is_yaml;
use crate::glob::{PathPattern, matches_name};
use crate::kinds::ResourceKey;
use crate::name::{UniqueName, fold};
use crate::package::UsedPackage;
use crate::set::Owner;
use crate::span::{Span, Spanned};

/// The content of `deskstate.yaml`.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// `metadata.name`.
    pub name: Spanned<String>,
    /// Files, folders and globs of the manifests. Default: `manifests`.
    pub manifests: Vec<Spanned<String>>,
    /// Patterns of YAML files below the folders of manifests and overlays that are ignored.
    pub ignore_files: Vec<Spanned<String>>,
    /// Contract files.
    pub contracts: Vec<Spanned<String>>,
    /// Files with definitions of kinds.
    pub kinds: Vec<Spanned<String>>,
    /// Packages of vendors.
    pub packages: Vec<UsedPackage>,
    /// Prefixes of unique names that belong to the project, in lower case.
    pub owns: Vec<Spanned<String>>,
    /// Unique names under Microsoft's prefix that nevertheless belong to the project, folded. They are never pruned.
    pub owned_names: Vec<Spanned<String>>,
    /// Patterns of resources that are never deleted.
    pub protect: Vec<Spanned<KindNameGlob>>,
    /// What happens to rows under an owned prefix that no document declares.
    pub prune: Prune,
    /// How much a plan may remove before it needs `--allow`.
    pub removals: Removals,
    /// Operations in one transaction; 1 to 1000.
    pub max_changeset: usize,
    /// Values for fields that a document omits.
    pub defaults: Defaults,
    /// How to handle a profile with channel providers but without the loader extension.
    pub cif_v2_loader: CifV2Loader,
    /// The solution for new and changed components.
    pub solution: Option<Spanned<String>>,
    /// Slugs supplied from outside the project.
    pub slugs: Vec<String>,
    /// Severity of the checks of plan review and of warnings about manifests, by code.
    pub policy: BTreeMap<String, Spanned<Policy>>,
    /// Known and accepted warnings.
    pub accept: Vec<Acceptance>,
    /// Overrides of plan review.
    pub allow: Vec<Allowance>,
    /// Known and accepted drift.
    pub ignore: Vec<IgnoreRule>,
    /// How `drift` treats rows under an owned prefix that no document declares.
    pub undeclared: Undeclared,
    /// The environments that `deskstate mcp` may read; empty if omitted.
    pub assistants: Vec<Spanned<String>>,
    /// The environments that a change passes through, in this order. CI plans, applies and checks these and no others.
    pub stages: Vec<Spanned<String>>,
    /// The environments by name.
    pub environments: BTreeMap<String, Environment>,
    /// The range of the document.
    pub span: Span,
}

impl KindNameGlob {
    /// Whether a resource matches the pattern.
    #[must_use]
    pub fn matches(&self, key: &ResourceKey) -> bool {
        matches_name(
            &self.kind.to_ascii_lowercase(),
            &key.kind.as_str().to_ascii_lowercase(),
        ) && matches_name(&fold(&self.name), key.name.folded())
    }
}

impl Project {
    /// Applies the levels of `policy` to warnings about manifests.
    pub(crate) fn leveled(&self, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let level = |finding: &Diagnostic| self.policy.get(finding.code).map(|level| level.value);
        let leveled = found.into_iter().filter_map(|finding| {
            match level(&finding).filter(|_| !finding.is_error()) {
                Some(Policy::Allow) => None,
                Some(Policy::Deny) => Some(Diagnostic {
                    severity: Severity::Error,
                    ..finding
                }),
                Some(Policy::Warn) | None => Some(finding),
            }
        });
        leveled.collect()
    }

    /// Whether assistants may read an environment.
    #[must_use]
    pub fn opens_to_assistants(&self, environment: &str) -> bool {
        self.environments.contains_key(environment)
            && self.assistants.iter().any(|open| open.value == environment)
    }

    /// Whether a resource must never be deleted.
    #[must_use]
    pub fn protects(&self, key: &ResourceKey) -> bool {
        self.protect
            .iter()
            .any(|pattern| pattern.value.matches(key))
    }

    /// Whether the project, or one environment of it, would read a file with this path.
    #[must_use]
    pub fn reads_file(&self, environment: Option<&str>, path: &str) -> bool {
        let takes = |written: &str| PathPattern::new(written).is_ok_and(|one| one.takes(path));
        is_yaml(path)
            && !self.leaves_out(path)
            && self.patterns(environment).any(|pattern| takes(&pattern))
    }

    /// Whether the project, or one environment of it, may read a file below a folder.
    #[must_use]
    pub fn may_read_below(&self, environment: Option<&str>, folder: &str) -> bool {
        // Only a pattern for whatever is in the folder leaves it out.
        let anything = ["~", "~/~"].map(|name| format!("{folder}/{name}"));
        !anything.iter().all(|path| self.leaves_out(path))
            && self
                .patterns(environment)
                .any(|pattern| may_match_below(&pattern, folder))
    }

    /// What the project, or one environment of it, reads.
    fn patterns(&self, environment: Option<&str>) -> impl Iterator<Item = String> {
        let lists = [&self.manifests, &self.contracts, &self.kinds];
        let own = lists.into_iter().flatten();
        let own = own.map(|pattern| pattern.value.clone());
        let read = self.environments.values();
        let read = read.filter(move |one| environment.is_none_or(|name| one.name == name));
        let overlays = read.flat_map(|environment| &environment.overlay);
        own.chain(overlays.map(|path| path.value.to_string_lossy().replace('\\', "/")))
    }

    /// Whether a path is ignored, or hidden.
    fn leaves_out(&self, path: &str) -> bool {
        let takes = |written: &str| PathPattern::new(written).is_ok_and(|one| one.takes(path));
        let mut folders = path
            .rsplit_once('/')
            .map_or("", |(folders, _)| folders)
            .split('/');
        folders.any(|folder| folder.starts_with('.'))
            || self
                .ignore_files
                .iter()
                .any(|pattern| takes(&pattern.value))
    }

    /// Returns a folder in which the project would read new files as manifests, relative to its root; `None` if no pattern matches such
    /// files.
    #[must_use]
    pub fn folder_for_new_files(&self) -> Option<String> {
        self.manifests.iter().find_map(|written| {
            let pattern = PathPattern::new(&written.value).ok()?;
            let folder = pattern.folder();
            let below = if folder.is_empty() {
                String::new()
            } else {
                format!("{folder}/")
            };
            let takes = pattern.takes(&format!("{below}kind/name.yaml")) && !is_yaml(folder);
            takes.then(|| folder.to_owned())
        })
    }

    /// Returns the names under Microsoft's prefix that the project may create rows with, folded.
    #[must_use]
    pub fn folded_owned_names(&self) -> Vec<String> {
        let names = self.owned_names.iter();
        names.map(|name| name.value.clone()).collect()
    }

    /// Whether the project may create a row with this name under Microsoft's prefix.
    #[must_use]
    pub fn owns_name(&self, name: &UniqueName) -> bool {
        self.owned_names
            .iter()
            .any(|owned| owned.value == name.folded())
    }

    /// Whether a unique name has a prefix that belongs to the project.
    #[must_use]
    pub fn owns(&self, name: &UniqueName) -> bool {
        name.prefix()
            .is_some_and(|prefix| self.owns.iter().any(|owned| owned.value == prefix))
    }
}

/// Whether a pattern may match a file below a folder.
fn may_match_below(pattern: &str, folder: &str) -> bool {
    let parts = |path: &str| {
        path.split('/')
            .filter(|part| !matches!(*part, "" | "."))
            .count()
    };
    let wildcard = pattern.find(['*', '?', '[', '{']);
    // Without `**`, a pattern matches as many folders as it has parts, and everything below a folder that it matches.
    if wildcard.is_some() && !pattern.contains("**") && parts(pattern) <= parts(folder) {
        return PathPattern::new(pattern).is_ok_and(|pattern| pattern.takes(folder));
    }
    let folder = format!("{folder}/");
    let pattern = pattern.trim_start_matches("./");
    // A wildcard may stand for the rest of a name.
    let start = match pattern.split_once(['*', '?', '[', '{']) {
        Some((start, _)) => start.to_owned(),
        None => format!("{}/", pattern.trim_end_matches('/')),
    };
    start == "./" || start == "/" || folder.starts_with(&start) || start.starts_with(&folder)
}

impl Environment {
    /// Whether a file would be read as a part of an overlay of the environment.
    #[must_use]
    pub fn overlay_reads(&self, path: &str) -> bool {
        let mut patterns = self.overlay.iter();
        patterns.any(|written| {
            let pattern = PathPattern::new(&written.value.to_string_lossy());
            pattern.is_ok_and(|pattern| pattern.takes(path))
        })
    }
}

/// What happens to rows under an owned prefix that no document declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Prune {
    /// They stay.
    #[default]
    Never,
    /// They are deleted.
    Owned,
}

/// How `drift` treats rows under an owned prefix that no document declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Undeclared {
    /// They are listed.
    #[default]
    Report,
    /// They are drift.
    Fail,
}

/// How much a plan may remove before it needs `--allow`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removals {
    /// Share of the existing rows, in percent.
    pub max_share_percent: u8,
    /// Number of affected agents.
    pub max_agents: u32,
}

impl Default for Removals {
    fn default() -> Self {
        Self {
            max_share_percent: 20,
            max_agents: 10,
        }
    }
}

/// Values for fields that a document omits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Defaults {
    /// Value of `app` in profiles.
    pub app: Option<Spanned<String>>,
    /// Value of `owner` in every kind that has one.
    pub owner: Option<Spanned<Owner>>,
}

/// How to handle a profile with channel providers but without the loader extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CifV2Loader {
    /// Link the extension.
    #[default]
    Link,
    /// Report it.
    Warn,
    /// Do nothing.
    Ignore,
}

/// Level of a check in plan review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Block the plan.
    Deny,
    /// Warn about the plan.
    Warn,
    /// Report nothing.
    Allow,
}

/// The checks of plan review whose level `policy` may set. They are described where plans are reviewed.
pub const POLICY_CHECKS: [&str; 18] = [
    "address-changed",
    "contract-broken",
    "contract-stays-broken",
    "contract-unknown",
    "first-party-channel",
    "foreign-language",
    "loader-removed",
    "managed-row",
    "many-agents",
    "prune-to-empty",
    "removals",
    "set-emptied",
    "ships-by-solution",
    "still-referenced",
    "unknown-prefix",
    "user-moves",
    "workstream-names",
    "workstreams-unread",
];

/// The codes of warnings about manifests whose level `policy` may also set. Errors with the same code stay errors.
pub const MANIFEST_WARNINGS: [&str; 29] = [
    "auto-accept",
    "curly-quotes",
    "exact-on-existing",
    "generic-template",
    "https-needed",
    "icon",
    "id-in-manifest",
    "json-text",
    "loader-extension",
    "logical-name",
    "look-alike",
    "missing-apps",
    "missing-parameter",
    "no-manifests",
    "placeholder",
    "preferred-value",
    "profile-rank",
    "provider-overlap",
    "same-environment",
    "sandbox",
    "session-type",
    "shared-pane",
    "slug",
    "tab-limit",
    "tab-parameters",
    "undocumented-parameter",
    "unique-name",
    "user-in-two-profiles",
    "workstream-reference",
];

/// The checks of plan review that always block.
pub const FIXED_CHECKS: [&str; 6] = [
    "customizations-blocked",
    "managed-link",
    "no-solution",
    "not-customizable",
    "protected",
    "protected-row",
];

/// A pattern such as `SessionTemplate/CTI_*`; both halves may contain `*` and `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindNameGlob {
    /// Pattern of the kind.
    pub kind: String,
    /// Pattern of the unique name, compared ignoring case.
    pub name: String,
}

/// A warning that is known and accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// The code of the warning.
    pub code: Spanned<String>,
    /// Pattern of the kind and name of the resource.
    pub resources: KindNameGlob,
    /// Reason for accepting it.
    pub reason: String,
    /// Last day of the acceptance, as `YYYY-MM-DD`.
    pub until: String,
    /// The range of the entry.
    pub span: Span,
}

/// An override of plan review, as `--allow` gives it for one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// The override.
    pub change: Allow,
    /// Names of environments; empty means all.
    pub environments: Vec<Spanned<String>>,
    /// Reason for allowing it.
    pub reason: String,
    /// Last day on which it is allowed, as `YYYY-MM-DD`.
    pub until: String,
    /// The range of the entry.
    pub span: Span,
}

/// Drift that is known and accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoreRule {
    /// Pattern of kind and name.
    pub resources: KindNameGlob,
    /// Fields; empty means all.
    pub fields: Vec<Spanned<String>>,
    /// Reason for accepting it.
    pub reason: String,
    /// Last day of the acceptance, as `YYYY-MM-DD`.
    pub until: String,
    /// The range of the rule.
    pub span: Span,
}

/// One environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// Where the environment is.
    pub target: Target,
    /// The expected id of the organization; any other organization is rejected.
    pub organization_id: Option<Uuid>,
    /// The permitted writes.
    pub writes: Writes,
    /// The solution for new and changed components; defaults to that of the project.
    pub solution: Option<Spanned<String>>,
    /// Whether `drift --all` includes the environment.
    pub watched: bool,
    /// Folders of partial documents, relative to the root, applied in order.
    pub overlay: Vec<Spanned<PathBuf>>,
    /// The place of the name in the project file.
    pub span: Span,
    /// The range of the environment's entry in the project file.
    pub entry: Span,
}

/// The generations of environments that the embedded emulator can imitate, by year.
pub const EMULATOR_AGES: [i64; 3] = [2022, 2024, 2026];

/// Location of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A Dataverse organization.
    Url(Spanned<String>),
    /// The embedded emulator, with its state in a file below the project's root.
    Emulator {
        /// The file, relative to the root.
        state: PathBuf,
        /// The year to imitate; if omitted, the newest that the emulator knows.
        age: Option<i64>,
        /// A folder of table files, relative to the root.
        tables: Option<PathBuf>,
        /// Prefixes that have a publisher there: the ones that the project owns.
        publishers: Vec<String>,
    },
}

/// Permitted writes to an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Writes {
    /// Everything.
    #[default]
    All,
    /// Only users of profiles; everything else ships in solutions.
    Assignments,
    /// Nothing.
    None,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Kind;

    #[test]
    fn patterns_match_without_case_and_with_wildcards() {
        let key = ResourceKey::new(Kind::SESSION_TEMPLATE, "CTI_createSession");
        let glob = |kind: &str, name: &str| KindNameGlob {
            kind: kind.to_owned(),
            name: name.to_owned(),
        };
        for (kind, name) in [
            ("SessionTemplate", "cti_*"),
            ("*", "CTI_createSession"),
            ("Session*", "*?ession"),
            ("*", "*"),
            ("sessiontemplate", "CTI_*"),
        ] {
            assert!(glob(kind, name).matches(&key), "{kind}/{name}");
        }
        for (kind, name) in [
            ("AppProfile", "CTI_*"),
            ("*", "CTI_"),
            ("*", "?"),
            ("*", ""),
        ] {
            assert!(!glob(kind, name).matches(&key), "{kind}/{name}");
        }
    }
}
