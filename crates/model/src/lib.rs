//! Typed manifests for the Dynamics 365 agent desktop: load with positions, checks, contracts, JSON Schema.

mod contract;
mod diagnostic;
mod field;
mod given;
mod kinds;
mod manifests;
mod name;
mod part;
mod project;
mod set;
mod span;
mod yaml;

pub use contract::{Contract, Finding, MatchMode, Problem, Rule, RuleSubject, RuleValue, Subject};
pub use diagnostic::{Diagnostic, Label, Severity, sort_diagnostics};
pub use field::{FieldInfo, FieldRule, FieldView, ValueView};
pub use given::Given;
pub use kinds::*;
pub use manifests::{Declared, Manifests, State};
pub use name::{UniqueName, fold};
pub use part::{MAX_UNIQUE_NAME, PartOf, unique_name_of_part};
pub use project::{
    CifV2Loader, Defaults, Environment, IgnoreRule, KindNameGlob, Policy, Project, Prune, Removals,
    Target, Writes,
};
pub use set::{
    JsonOrText, LookedUp, Owner, Reference, RoleRef, SetMode, SetOf, UserRef, WebResource,
};
pub use span::{FileId, SourceMap, Span, Spanned};
pub use yaml::{OutDocument, write_documents};
