//! Contracts: what a vendor's guide demands, as data.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::glob::matches_pattern;
use crate::kinds::{Kind, ResourceKey};
use crate::name::fold;
use crate::set::Reference;
use crate::span::{Span, Spanned};
use crate::variables::{EnvironmentFacts, each_text};

/// What a vendor's guide demands.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    /// `metadata.name`.
    pub name: Spanned<String>,
    /// Name for people.
    pub display_name: Option<String>,
    /// Which guide, which edition.
    pub source: Option<String>,
    /// Slugs that the vendor's software supplies to templates.
    pub slugs: Vec<String>,
    /// What it demands.
    pub rules: Vec<Rule>,
}

impl Contract {
    /// The contract with what is known of an environment in place of `${{ environment.url }}` and similar.
    #[must_use]
    pub fn filled(&self, facts: &EnvironmentFacts) -> Self {
        self.with_texts(&|text| facts.fill(text))
    }

    /// A filled contract with the id of the organization, which only the environment itself can say.
    #[must_use]
    pub fn completed(&self, facts: &EnvironmentFacts) -> Self {
        self.with_texts(&|text| facts.complete(text))
    }

    fn with_texts(&self, fill: &dyn Fn(&str) -> Cow<'_, str>) -> Self {
        let mut contract = self.clone();
        for rule in &mut contract.rules {
            for value in rule.locked.iter_mut().chain(&mut rule.preferred) {
                each_text(&mut value.value, fill);
            }
            for form in rule
                .matches
                .values_mut()
                .chain(rule.resource.filter.values_mut())
            {
                form.value = fill(&form.value).into_owned();
            }
        }
        contract
    }
}

/// One demand.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Shown in every finding.
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
    /// The reason that the contract gives.
    pub message: Option<String>,
    /// What stops working if the rule is broken.
    pub breaks: Option<String>,
    /// What stops working if one value is broken, by field, or by field and member: `extensions[msdyn_CIFV2Loader]`.
    pub breaks_by_value: BTreeMap<String, Spanned<String>>,
    /// The rule.
    pub span: Span,
}

impl Rule {
    /// What stops working because of a finding: of its member, of its field, else of the rule. A preferred value breaks nothing
    /// unless the contract says so of this value.
    #[must_use]
    pub fn breaks_of(&self, finding: &Finding) -> Option<&str> {
        let member = match &finding.problem {
            Problem::NotContained { member } => Some(member.as_str()),
            _ => None,
        };
        self.breaks_of_value(&finding.path.join("."), member)
            .or_else(|| {
                self.breaks
                    .as_deref()
                    .filter(|_| finding.problem.is_error())
            })
    }

    /// What stops working because of one value, if the contract says so of this member of a field, or of the field.
    #[must_use]
    pub fn breaks_of_value(&self, path: &str, member: Option<&str>) -> Option<&str> {
        let member = member.and_then(|member| {
            let key = format!("{path}[{member}]");
            self.breaks_by_value.get(&key)
        });
        let of_value = member.or_else(|| self.breaks_by_value.get(path));
        of_value.map(|breaks| breaks.value.as_str())
    }

    /// The values that the rule is about, as `breaksByValue` names them.
    pub(crate) fn values(&self) -> BTreeSet<String> {
        let values = self.locked.iter().chain(&self.preferred);
        let members = self.contains.iter().flat_map(|(field, members)| {
            let member = move |member: &Spanned<Reference>| format!("{field}[{}]", member.value);
            members.iter().map(member)
        });
        values
            .map(|value| value.path.join("."))
            .chain(self.matches.keys().cloned())
            .chain(self.set.iter().map(|field| field.value.clone()))
            .chain(self.contains.keys().cloned())
            .chain(members)
            .collect()
    }

    /// The fields that decide about the rule: those that choose its resources, and those that it checks.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        let values = self.locked.iter().chain(&self.preferred);
        let paths = self
            .resource
            .filter
            .keys()
            .chain(self.matches.keys())
            .chain(self.set.iter().map(|field| &field.value))
            .chain(self.contains.keys());
        let words = paths.map(|path| path.split('.').next().unwrap_or(path));
        values
            .filter_map(|value| value.path.first().map(String::as_str))
            .chain(words)
    }
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
    /// The resource with this name must be there.
    Missing,
    /// At least one resource must pass all checks, and none does.
    NonePasses {
        /// What the one that comes nearest breaks; empty where there is none at all.
        nearest: Vec<Finding>,
    },
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

/// Checks one rule against resources, declared or live.
///
/// Subjects of other kinds are passed over. Findings come in the order of the subjects.
#[must_use]
pub fn evaluate(rule: &Rule, subjects: &[Subject]) -> Vec<Finding> {
    let selected: Vec<&Subject> = subjects
        .iter()
        .filter(|subject| selects(&rule.resource, subject))
        .collect();
    if rule.resource.name.is_some() {
        return match selected.as_slice() {
            [] if rule.required => vec![Finding {
                key: None,
                path: Vec::new(),
                problem: Problem::Missing,
            }],
            selected => selected
                .iter()
                .flat_map(|subject| check(rule, subject))
                .collect(),
        };
    }
    match rule.each_or_some {
        MatchMode::Each => selected
            .iter()
            .flat_map(|subject| check(rule, subject))
            .collect(),
        MatchMode::Some => {
            let mut nearest: Option<Vec<Finding>> = None;
            for subject in selected {
                let errors: Vec<Finding> = check(rule, subject)
                    .into_iter()
                    .filter(|finding| finding.problem.is_error())
                    .collect();
                if errors.is_empty() {
                    return Vec::new();
                }
                if nearest
                    .as_ref()
                    .is_none_or(|known| errors.len() < known.len())
                {
                    nearest = Some(errors);
                }
            }
            let problem = Problem::NonePasses {
                nearest: nearest.unwrap_or_default(),
            };
            vec![Finding {
                key: None,
                path: Vec::new(),
                problem,
            }]
        }
    }
}

/// Whether a rule is about a resource.
#[must_use]
pub fn selects(wanted: &RuleSubject, subject: &Subject) -> bool {
    subject.key.kind == wanted.kind
        && wanted
            .name
            .as_ref()
            .is_none_or(|name| *name.value.name() == subject.key.name)
        && wanted.filter.iter().all(|(path, pattern)| {
            text_at(subject, path).is_some_and(|text| matches_pattern(&pattern.value, &text))
        })
}

/// What one resource, which the rule is about, does not keep of it.
#[must_use]
pub fn check(rule: &Rule, subject: &Subject) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |path: Vec<String>, problem: Problem| {
        findings.push(Finding {
            key: Some(subject.key.clone()),
            path,
            problem,
        });
    };
    for locked in &rule.locked {
        let actual = value_at(&subject.spec, &locked.path);
        if !actual
            .is_some_and(|actual| same(rule.resource.kind, &locked.path, actual, &locked.value))
        {
            let problem = Problem::NotLocked {
                expected: locked.value.clone(),
                actual: actual.cloned(),
            };
            find(locked.path.clone(), problem);
        }
    }
    for preferred in &rule.preferred {
        if let Some(actual) = value_at(&subject.spec, &preferred.path)
            && !same(
                rule.resource.kind,
                &preferred.path,
                actual,
                &preferred.value,
            )
        {
            let problem = Problem::NotPreferred {
                expected: preferred.value.clone(),
                actual: actual.clone(),
            };
            find(preferred.path.clone(), problem);
        }
    }
    for (path, pattern) in &rule.matches {
        let actual = text_at(subject, path);
        if !actual
            .as_ref()
            .is_some_and(|text| matches_pattern(&pattern.value, text))
        {
            find(
                keys(path),
                Problem::NoMatch {
                    pattern: pattern.value.clone(),
                    actual,
                },
            );
        }
    }
    for field in &rule.set {
        if value_at(&subject.spec, &keys(&field.value)).is_none_or(is_empty) {
            find(keys(&field.value), Problem::NotSet);
        }
    }
    for (path, wanted) in &rule.contains {
        let members = value_at(&subject.spec, &keys(path))
            .map(members)
            .unwrap_or_default();
        let known: BTreeSet<String> = members.iter().map(|member| fold(member)).collect();
        for member in wanted
            .iter()
            .filter(|member| !known.contains(member.value.name().folded()))
        {
            find(
                keys(path),
                Problem::NotContained {
                    member: member.value.to_string(),
                },
            );
        }
    }
    findings
}

fn keys(path: &str) -> Vec<String> {
    path.split('.').map(str::to_owned).collect()
}

fn value_at<'v>(spec: &'v Map<String, Value>, path: &[String]) -> Option<&'v Value> {
    let (first, rest) = path.split_first()?;
    rest.iter()
        .try_fold(spec.get(first)?, |value, key| value.get(key))
}

fn text_at(subject: &Subject, path: &str) -> Option<String> {
    match value_at(&subject.spec, &keys(path))? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The members of a set in its short or its long form, as texts.
fn members(value: &Value) -> Vec<&str> {
    let list = match value {
        Value::Array(list) => Some(list),
        other => other.get("members").and_then(Value::as_array),
    };
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(entries) => match entries.get("mode") {
            Some(_) => {
                let none = |key: &str| {
                    entries
                        .get(key)
                        .and_then(Value::as_array)
                        .is_none_or(Vec::is_empty)
                };
                none("members") && none("fromTeams")
            }
            None => entries.is_empty(),
        },
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Equal as the product would see it: line ends do not count, names have no case, members of sets no order, JSON no spelling.
fn same(kind: Kind, path: &[String], actual: &Value, expected: &Value) -> bool {
    let field = path
        .first()
        .and_then(|word| kind.fields().iter().find(|field| field.word == word));
    let is_name = field.is_some_and(crate::table::Field::is_name);
    let json = match expected {
        Value::String(text) if path.len() == 1 => field.and_then(|field| field.json_in(text)),
        _ => None,
    };
    let expected = json.as_ref().unwrap_or(expected);
    match (actual, expected) {
        (Value::String(actual), Value::String(expected)) if is_name => {
            fold(actual) == fold(expected)
        }
        (Value::String(actual), Value::String(expected)) => {
            actual.replace("\r\n", "\n") == expected.replace("\r\n", "\n")
        }
        (Value::Array(actual), Value::Array(expected)) if is_name => {
            let folded = |list: &[Value]| {
                list.iter()
                    .map(|item| item.as_str().map(fold))
                    .collect::<BTreeSet<_>>()
            };
            folded(actual) == folded(expected)
        }
        _ => actual == expected,
    }
}

impl Finding {
    /// What is wrong, without saying with which resource.
    #[must_use]
    pub fn words(&self) -> String {
        let path = self.path.join(".");
        let shown = |value: &Value| match value {
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        };
        match &self.problem {
            Problem::NotLocked { expected, .. } | Problem::NotPreferred { expected, .. } => {
                format!("`{path}` is not {}", shown(expected))
            }
            Problem::NoMatch { pattern, .. } => format!("`{path}` does not match `{pattern}`"),
            Problem::NotSet => format!("`{path}` is not set"),
            Problem::NotContained { member } => format!("`{path}` does not contain `{member}`"),
            Problem::Missing => "it is missing".to_owned(),
            Problem::NonePasses { .. } => "no resource fulfils the rule".to_owned(),
        }
    }
}

impl Problem {
    /// Whether the rule is broken; a preferred value that is another one is only worth a warning.
    #[must_use]
    pub fn is_error(&self) -> bool {
        !matches!(self, Problem::NotPreferred { .. })
    }
}
