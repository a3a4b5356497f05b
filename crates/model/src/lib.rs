//! Typed manifests for the Dynamics 365 agent desktop: loading with source positions, checks, contracts and JSON Schema.
//!
//! ```no_run
//! use deskstate_model::load;
//!
//! let (manifests, findings) = load(std::path::Path::new("."), Some("prod"));
//! for finding in &findings {
//!     println!("{}[{}]: {}", finding.severity.as_str(), finding.code, finding.message);
//! }
//! for declared in &manifests.resources {
//!     println!("{}", declared.key);
//! }
//! ```
//!
//! [`load`] turns files into resources: `files` finds and reads them, `yaml` parses text into nodes that keep their positions, `document`
//! reads headers, `assemble` merges overlays into base documents, replaces variables and reads typed values, and `checks` holds the rules,
//! one file each. A document that does not fit its type is validated against its JSON Schema (`schema`, `shape`), which words the findings;
//! [`json_schemas`] provides the same schemas to editors. This crate does not depend on HTTP, terminals, clocks or the process environment.

mod accept;
mod alike;
mod allow;
mod assemble;
mod checks;
mod codes;
mod contract;
mod contribution;
mod decode;
mod decoder;
mod definition;
mod describe;
mod diagnostic;
mod document;
mod explanation;
mod file_texts;
mod files;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod given;
mod glob;
pub mod inert;
mod json_text;
mod kinds;
mod load;
mod manifests;
mod name;
mod name_uses;
mod offer;
mod overlay;
mod package;
mod parallel;
mod parameters;
mod part;
mod project;
mod read_contract;
mod read_package;
mod read_project;
mod record;
mod render;
mod schema;
mod set;
mod shape;
mod shape_codes;
mod span;
mod suggest;
mod table;
pub mod tables;
mod variables;
mod workspace;
mod yaml;

pub use accept::SetAside;
pub use alike::{same_but_ids, same_json};
pub use allow::{Allow, UnknownAllow};
pub use checks::secret::{credentials, holds_the_value, is_secret_key};
pub use checks::slug::DOCUMENTED_SLUGS;
pub use codes::MANIFEST_CODES;
pub use contract::{
    Contract, Finding, MatchMode, Problem, Rule, RuleSubject, RuleValue, Subject,
    check as check_subject, evaluate, fulfils, names_of, selects,
};
pub use decoder::shortened;
pub use definition::denied_table;
pub use diagnostic::{Diagnostic, Label, Severity, sort_diagnostics};
pub use explanation::Explanation;
pub use files::is_yaml;
pub use given::Given;
pub use glob::matches_pattern;
pub use kinds::*;
pub use load::lint::{lint_package, package_for_everybody};
pub use load::packages::{is_left_out, read_package_folder};
pub use load::{
    PROJECT_FILE, load, load_contracts, load_folder, load_kinds, load_project, load_replacing,
    load_texts, load_with,
};
pub use manifests::{Declared, Manifests, State, subject_of};
pub use name::{UniqueName, fold};
pub use name_uses::NameUse;
pub use offer::Offer;
pub use package::{
    CHECKSUMS_FILE, LOCK_FILE, Lock, Locked, PACKAGE_FILE, PACKAGES_FOLDER, Package, PackageFiles,
    PackageItem, Parameter, ParameterType, UsedPackage, checksums, has_credentials, package_digest,
    package_text,
};
pub use parameters::{ParameterValue, Parameters};
pub use part::{MAX_UNIQUE_NAME, unique_name_of_part};
pub use project::{
    Acceptance, Allowance, CifV2Loader, Defaults, EMULATOR_AGES, Environment, FIXED_CHECKS,
    IgnoreRule, KindNameGlob, MANIFEST_WARNINGS, POLICY_CHECKS, Policy, Project, Prune, Removals,
    Target, Undeclared, Writes,
};
pub use read_project::{DEFAULT_FOLDER, is_date};
pub use record::{Items as RecordItems, Record, Set, SetView, Value, Viewed, of_unit};
pub use render::{render, to_yaml};
pub use schema::json_schemas;
pub use set::{LookedUp, Owner, Reference, SetMode};
pub use span::{FileId, SourceMap, Span, Spanned};
pub use suggest::nearest;
pub use table::*;
pub use variables::{EnvironmentFacts, ORGANIZATION_ID, escape_variables};
pub use workspace::Workspace;
pub use yaml::{
    EditRefused, OutDocument, PathStep, Tree, TreeEntry, TreeValue, YamlEdits, write_documents,
    yaml_scalar,
};
