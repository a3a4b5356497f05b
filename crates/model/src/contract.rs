//! Contracts: the requirements of a vendor's guide, as data.

mod compare;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

pub(crate) use self::compare::agree;
use self::compare::same;
use crate::glob::matches_pattern;
use crate::kinds::{Kind, ResourceKey};
use crate::name::fold;
use crate::part::unique_name_of_part;
use crate::record::of_unit;
use crate::set::Reference;
use crate::span::{Span, Spanned};
use crate::table::{Field, Holds, Links, NameOf, Unlisted};
use crate::variables::{EnvironmentFacts, each_text};

/// The requirements of a vendor's guide.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    /// `metadata.name`.
    pub name: Spanned<String>,
    /// Display name.
    pub display_name: Option<String>,
    /// The guide and its edition.
    pub source: Option<String>,
    /// Slugs that the vendor's software supplies to templates.
    pub slugs: Vec<String>,
    /// The requirements.
    pub rules: Vec<Rule>,
}

impl Contract {
    /// Returns the contract with `${{ environment.url }}` and similar variables replaced by the known facts of an environment.
    #[must_use]
    pub fn filled(&self, facts: &EnvironmentFacts) -> Self {
        self.with_texts(&|text| facts.fill(text))
    }

    /// Returns a filled contract with the id of the organization, which only the environment itself can supply.
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

/// A requirement of a contract.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Identifier shown in every finding.
    pub id: Spanned<String>,
    /// The resources that the rule applies to.
    pub resource: RuleSubject,
    /// Whether every resource, or at least one, must pass all checks. Has no meaning if `resource` gives a name.
    pub each_or_some: MatchMode,
    /// Whether the named resource must exist.
    pub required: bool,
    /// Required values.
    pub locked: Vec<RuleValue>,
    /// Recommended values.
    pub preferred: Vec<RuleValue>,
    /// Fields and the pattern that their text must match.
    pub matches: BTreeMap<String, Spanned<String>>,
    /// Fields that must have a value or, for sets, a member.
    pub set: Vec<Spanned<String>>,
    /// Set fields and the members that they must contain.
    pub contains: BTreeMap<String, Vec<Spanned<Reference>>>,
    /// The reason given by the contract.
    pub message: Option<String>,
    /// What stops working if the rule is broken.
    pub breaks: Option<String>,
    /// What stops working if one value is broken, by field or by field and member: `extensions[msdyn_CIFV2Loader]`.
    pub breaks_by_value: BTreeMap<String, Spanned<String>>,
    /// The range of the rule.
    pub span: Span,
}

impl Rule {
    /// Returns what a finding stops from working, according to its member, its field or the rule, in this order. A preferred value breaks
    /// nothing unless the contract lists it under `breaksByValue`.
    #[must_use]
    pub fn breaks_of(&self, finding: &Finding) -> Option<&str> {
        let member = match &finding.problem {
            Problem::NotContained { member } | Problem::SwitchedOff { member } => {
                Some(member.as_str())
            }
            _ => None,
        };
        self.breaks_of_value(&finding.path.join("."), member)
            .or_else(|| {
                self.breaks
                    .as_deref()
                    .filter(|_| finding.problem.is_error())
            })
    }

    /// Returns what one value stops from working, if the contract states it for this member of a field or for the field.
    #[must_use]
    pub fn breaks_of_value(&self, path: &str, member: Option<&str>) -> Option<&str> {
        let member = member.and_then(|member| {
            let key = format!("{path}[{member}]");
            self.breaks_by_value.get(&key)
        });
        let of_value = member.or_else(|| self.breaks_by_value.get(path));
        of_value.map(|breaks| breaks.value.as_str())
    }

    /// Returns the values that the rule is about, spelled as in `breaksByValue`.
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

    /// Returns the fields that the rule depends on: those that select its resources and those that it checks.
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

/// The resources that a rule applies to.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSubject {
    /// Their kind.
    pub kind: Kind,
    /// Unique name of the single resource.
    pub name: Option<Spanned<Reference>>,
    /// Fields and the patterns that they must match.
    pub filter: BTreeMap<String, Spanned<String>>,
}

/// Whether every resource or at least one must pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MatchMode {
    /// Every resource.
    #[default]
    Each,
    /// At least one resource.
    Some,
}

/// A value that a rule sets for a field, or for a part of one.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleValue {
    /// Path to the field, by keys: `["customParameters", "screenPop"]`.
    pub path: Vec<String>,
    /// The value, as in a manifest.
    pub value: Value,
    /// Its place in the contract.
    pub span: Span,
}

/// A resource as rules see it, whether declared or live.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// Kind and name of the resource.
    pub key: ResourceKey,
    /// Fields and values as in a manifest; fields without a value are omitted.
    pub spec: Map<String, Value>,
    /// By field, what it refers to, or its members, that is switched off: folded names, and the names as they are.
    pub off: BTreeMap<String, BTreeMap<String, String>>,
}

/// A violation of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The resource; `None` if the rule requires a resource that does not exist.
    pub key: Option<ResourceKey>,
    /// Path to the field, by keys; empty if the finding is about the complete resource.
    pub path: Vec<String>,
    /// The problem.
    pub problem: Problem,
}

/// How a resource breaks a rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Problem {
    /// The resource with this name does not exist.
    Missing,
    /// At least one resource must pass all checks, but none does.
    NonePasses {
        /// Findings of the resource that comes closest; empty if there is no resource.
        nearest: Vec<Finding>,
    },
    /// A locked value differs.
    NotLocked {
        /// The value that the rule requires.
        expected: Value,
        /// The actual value; `None` if there is none.
        actual: Option<Value>,
    },
    /// A preferred value differs.
    NotPreferred {
        /// The value that the rule prefers.
        expected: Value,
        /// The actual value.
        actual: Value,
    },
    /// A text does not match the pattern that the rule requires.
    NoMatch {
        /// The pattern.
        pattern: String,
        /// The actual value; `None` if there is none.
        actual: Option<String>,
    },
    /// A field has no value, or a set has no member.
    NotSet,
    /// A set lacks a member.
    NotContained {
        /// The member.
        member: String,
    },
    /// What the field refers to, or a member of it, is there, but switched off.
    SwitchedOff {
        /// The member.
        member: String,
    },
}

/// Checks one rule against resources, whether declared or live.
///
/// Ignores subjects of other kinds. Findings have the same order as the subjects.
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

/// Whether a rule applies to a resource.
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

/// The field with the status of a row, and its values.
const STATUS_WORD: &str = "status";
const ACTIVE: &str = "Active";
const INACTIVE: &str = "Inactive";

/// Returns how a resource that the rule applies to violates it.
#[must_use]
pub fn check(rule: &Rule, subject: &Subject) -> Vec<Finding> {
    let mut findings = Vec::new();
    let of = (subject.key.kind, subject.key.name.as_written());
    let mut find = |path: Vec<String>, problem: Problem| {
        let finding = Finding {
            key: Some(subject.key.clone()),
            path,
            problem,
        };
        // A field and its members can both be required.
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    };
    for locked in &rule.locked {
        let actual = value_at(&subject.spec, &locked.path);
        if !actual.is_some_and(|actual| same(of, &locked.path, actual, &locked.value)) {
            let problem = Problem::NotLocked {
                expected: locked.value.clone(),
                actual: actual.cloned(),
            };
            find(locked.path.clone(), problem);
        } else if let Some(member) = actual.and_then(|actual| {
            let on = wanted_on(of, &locked.path, actual, &locked.value);
            off_in(subject, &locked.path, &on)
        }) {
            find(locked.path.clone(), Problem::SwitchedOff { member });
        }
    }
    // A row that is switched off fulfils nothing, unless the rule is about that.
    let status = vec![STATUS_WORD.to_owned()];
    let mut values = rule.locked.iter().chain(&rule.preferred);
    if !values.any(|value| value.path == status)
        && let Some(Value::String(word)) = subject.spec.get(STATUS_WORD)
        && word == INACTIVE
    {
        let problem = Problem::NotLocked {
            expected: Value::String(ACTIVE.to_owned()),
            actual: Some(Value::String(word.clone())),
        };
        find(status, problem);
    }
    for preferred in &rule.preferred {
        if let Some(actual) = value_at(&subject.spec, &preferred.path)
            && !same(of, &preferred.path, actual, &preferred.value)
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
        let path = keys(&field.value);
        let value = value_at(&subject.spec, &path);
        match value.filter(|value| !is_empty(value)) {
            None => find(path, Problem::NotSet),
            Some(value) if !any_is_on(subject, &path, value) => {
                if let Some(member) = off_in(subject, &path, value) {
                    find(path, Problem::SwitchedOff { member });
                }
            }
            Some(_) => {}
        }
    }
    for (path, wanted) in &rule.contains {
        let word = path.split('.').next().unwrap_or(path);
        let mut fields = rule.resource.kind.fields().iter();
        let field = fields.find(|field| field.word == word);
        let parent = subject.key.name.as_written();
        let known = value_at(&subject.spec, &keys(path))
            .map(|value| members(field, parent, value))
            .unwrap_or_default();
        let off = subject.off.get(word);
        for wanted in wanted {
            let name = wanted.value.name().folded();
            let member = wanted.value.to_string();
            if !known.contains(name) {
                find(keys(path), Problem::NotContained { member });
            } else if off.is_some_and(|off| off.contains_key(name)) {
                find(keys(path), Problem::SwitchedOff { member });
            }
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

/// Returns the names of the members of a set or list, in its short or long form.
fn members(field: Option<&Field>, parent: &str, value: &Value) -> BTreeSet<String> {
    let list = match value {
        Value::Array(list) => Some(list),
        other => other.get("members").and_then(Value::as_array),
    };
    let items = list.into_iter().flatten();
    items
        .flat_map(|value| names_of(field, parent, value))
        .collect()
}

/// The names in a value that lists members or refers to one.
fn names_in(subject: &Subject, path: &[String], value: &Value) -> BTreeSet<String> {
    let kind = subject.key.kind;
    let mut fields = kind.fields().iter();
    // A set can be written with the key `members`.
    let of_members =
        |field: &&Field| path.len() == 2 && path[0] == field.word && path[1] == "members";
    let field = fields.find(|field| path == [field.word] || of_members(field));
    match (field, value) {
        (Some(_), Value::String(text)) => BTreeSet::from([fold(text)]),
        (Some(_), _) => members(field, subject.key.name.as_written(), value),
        (None, _) => BTreeSet::new(),
    }
}

/// The members of a list, but for those that a rule wants off: its items may say that they are.
fn wanted_on(
    (kind, parent): (Kind, &str),
    path: &[String],
    actual: &Value,
    expected: &Value,
) -> Value {
    let word = path.first().map_or("", String::as_str);
    let field = kind.fields().iter().find(|field| field.word == word);
    let (Some(Holds::Parts(part)), Some(items), Some(wanted)) = (
        field.map(|one| one.holds),
        actual.as_array(),
        expected.as_array(),
    ) else {
        return actual.clone();
    };
    let is_off = |item: &&Value| {
        part.fields.iter().any(|field| {
            let said = item.get(field.word);
            match (part.unlisted, field.holds) {
                (Unlisted::SwitchOff(column), _) if field.column == column => {
                    said == Some(&Value::Bool(false))
                }
                (_, Holds::Status(_)) => said.and_then(Value::as_str) == Some(INACTIVE),
                _ => false,
            }
        })
    };
    let names = |item| names_of(field, parent, item);
    let off: BTreeSet<String> = wanted.iter().filter(is_off).flat_map(names).collect();
    let on = items
        .iter()
        .filter(|item| names(item).iter().all(|name| !off.contains(name)));
    Value::Array(on.cloned().collect())
}

/// Whether a value fulfils a locked one.
#[must_use]
pub fn fulfils(key: &ResourceKey, path: &[String], actual: &Value, expected: &Value) -> bool {
    same((key.kind, key.name.as_written()), path, actual, expected)
}

/// Something that a value names and that is switched off.
fn off_in(subject: &Subject, path: &[String], value: &Value) -> Option<String> {
    let off = subject.off.get(path.first()?)?;
    let names = names_in(subject, path, value);
    let name = names.iter().find(|name| off.contains_key(*name))?;
    off.get(name).cloned()
}

fn any_is_on(subject: &Subject, path: &[String], value: &Value) -> bool {
    let Some(off) = path.first().and_then(|word| subject.off.get(word)) else {
        return true;
    };
    let names = names_in(subject, path, value);
    names.iter().any(|name| !off.contains_key(name))
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

/// Returns the names by which a rule can call a member, folded: its text, or in a mapping the name of the row, given or derived, or what it refers
/// to, with its business unit.
#[must_use]
pub fn names_of(field: Option<&Field>, parent: &str, value: &Value) -> Vec<String> {
    if let Some(text) = value.as_str() {
        return vec![fold(text)];
    }
    let (fields, name): (Vec<&Field>, NameOf) = match field.map(|field| field.holds) {
        Some(Holds::Parts(part)) => (part.fields.iter().collect(), part.name),
        Some(Holds::Set {
            links: Links::Items(items),
            ..
        }) => (items.own.iter().chain(items.shared).collect(), items.name),
        _ => return Vec::new(),
    };
    let text = |word: &str| value.get(word)?.as_str();
    let unit = fields
        .iter()
        .find(|field| matches!(field.holds, Holds::BusinessUnit));
    let unit = unit.and_then(|field| text(field.word));
    let is_name = |inner: &&&Field| {
        let identifies = match field.map(|field| field.holds) {
            Some(Holds::Parts(part)) => part.is_identity(inner),
            _ => true,
        };
        identifies || matches!(inner.holds, Holds::UniqueName)
    };
    let given = fields.iter().filter(is_name);
    let given = given.filter_map(|field| Some(of_unit(text(field.word)?, unit)));
    let derived = match name {
        NameOf::Behind(word) | NameOf::PaneTab(word) => {
            text(word).and_then(|text| unique_name_of_part(name, parent, text))
        }
        NameOf::Given => None,
    };
    let mut names: Vec<String> = given.chain(derived).map(|name| fold(&name)).collect();
    names.dedup();
    names
}

impl Finding {
    /// Describes the problem without naming the resource.
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
            Problem::SwitchedOff { member } => {
                format!("`{member}` in `{path}` is switched off")
            }
            Problem::Missing => "it is missing".to_owned(),
            Problem::NonePasses { .. } => "no resource fulfils the rule".to_owned(),
        }
    }
}

impl Problem {
    /// Whether the problem is an error. A preferred value that differs is only a warning.
    #[must_use]
    pub fn is_error(&self) -> bool {
        !matches!(self, Problem::NotPreferred { .. })
    }
}
