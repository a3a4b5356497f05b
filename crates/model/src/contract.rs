//! Contracts: what a vendor's guide demands, as data.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::kinds::{Kind, ResourceKey};
use crate::set::Reference;
use crate::span::{Span, Spanned};

/// What a vendor's guide demands.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    /// `metadata.name`.
    pub name: Spanned<String>,
    /// Name for people.
    pub display_name: Option<String>,
    /// Which guide, which edition.
    pub source: Option<String>,
    /// What it demands.
    pub rules: Vec<Rule>,
}

/// One demand.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Stands in every finding.
    pub id: Spanned<String>,
    /// Which resources it is about.
    pub resource: RuleSubject,
    /// Every one, or at least one that passes all checks. Without meaning where `resource` gives a name.
    pub each_or_some: MatchMode,
    /// The named resource must be there.
    pub required: bool,
    /// Values that must be these.
    pub locked: Vec<RuleValue>,
    /// Values that should be these.
    pub preferred: Vec<RuleValue>,
    /// Fields and the form that their text must have.
    pub matches: BTreeMap<String, Spanned<String>>,
    /// Fields that must have some value, some member.
    pub set: Vec<Spanned<String>>,
    /// Set fields and members that they must have at least.
    pub contains: BTreeMap<String, Vec<Spanned<Reference>>>,
    /// Why.
    pub message: Option<String>,
    /// What stops working.
    pub breaks: Option<String>,
    /// The rule.
    pub span: Span,
}

/// Which resources a rule is about.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSubject {
    /// Their kind.
    pub kind: Kind,
    /// The one with this unique name.
    pub name: Option<Spanned<Reference>>,
    /// The ones whose fields have these forms.
    pub filter: BTreeMap<String, Spanned<String>>,
}

/// Every one, or at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MatchMode {
    /// Every one.
    #[default]
    Each,
    /// At least one.
    Some,
}

/// A value that a rule gives for a field, or for a part of one.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleValue {
    /// The way to it, by keys: `["customParameters", "screenPop"]`.
    pub path: Vec<String>,
    /// The value in the form of a manifest.
    pub value: Value,
    /// Its place in the contract.
    pub span: Span,
}

/// A resource as rules see it, declared or live.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// Which one.
    pub key: ResourceKey,
    /// Field words and values in the form of a manifest; a field that is not given is left out.
    pub spec: Map<String, Value>,
}

/// What a rule found wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The resource; `None` where the rule asks for one that is not there.
    pub key: Option<ResourceKey>,
    /// The way to the field, by keys; empty where it is about the whole resource.
    pub path: Vec<String>,
    /// What is wrong.
    pub problem: Problem,
}

/// How a resource breaks a rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Problem {
    /// A resource with this name, or at least one that passes, must be there.
    Missing,
    /// A locked value is another one.
    NotLocked {
        /// What the rule demands.
        expected: Value,
        /// What is there; `None` where nothing is given.
        actual: Option<Value>,
    },
    /// A preferred value is another one.
    NotPreferred {
        /// What the rule prefers.
        expected: Value,
        /// What is there.
        actual: Value,
    },
    /// A text has not the form that the rule demands.
    NoMatch {
        /// The form.
        pattern: String,
        /// What is there; `None` where nothing is given.
        actual: Option<String>,
    },
    /// A field has no value, a set no member.
    NotSet,
    /// A set lacks a member.
    NotContained {
        /// The member.
        member: String,
    },
}
