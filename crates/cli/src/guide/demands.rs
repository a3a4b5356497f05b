//! The contracts' requirements for the resources of a guide.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{
    Contract, MatchMode, ResourceKey, Rule, Subject, check_subject, fold, selects,
};

use serde_json::Value as Json;

use super::Sentence;

/// How binding a value is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// A contract requires it.
    Fixed,
    /// A contract requires this part of the value.
    FixedPart(String),
    /// A contract requires this form.
    Form(String),
    /// A contract requires some value.
    AnyValue,
    /// A contract recommends it.
    Preferred,
    /// No contract restricts it.
    Free,
}

/// A rule and its contract.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand<'a> {
    contract: &'a Contract,
    rule: &'a Rule,
}

/// The names that rules require as members of sets or as values of fields. Which kind they belong to does not matter: a name that is called
/// fixed although it is not costs nothing.
fn names_in(contracts: &[Contract]) -> BTreeSet<String> {
    fn texts(value: &Json, found: &mut BTreeSet<String>) {
        match value {
            Json::String(text) => drop(found.insert(fold(text))),
            Json::Array(items) => items.iter().for_each(|item| texts(item, found)),
            Json::Object(entries) => entries.values().for_each(|item| texts(item, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    for rule in contracts.iter().flat_map(|contract| &contract.rules) {
        let members = rule.contains.values().flatten();
        found.extend(members.map(|member| member.value.name().folded().to_owned()));
        for value in &rule.locked {
            texts(&value.value, &mut found);
        }
    }
    found
}

/// The rules by the resources they apply to, and the rules that apply to none of them.
pub(super) struct Demands<'a> {
    by_resource: BTreeMap<ResourceKey, Vec<Demand<'a>>>,
    /// Names that rules require in sets and fields of other resources, in lowercase.
    named: BTreeSet<String>,
    pub(super) elsewhere: Vec<String>,
}

impl<'a> Demands<'a> {
    /// Assigns the rules to resources. If only some of several resources must keep a rule, it is assigned to those that do.
    pub(super) fn of(contracts: &'a [Contract], subjects: &[Subject]) -> Self {
        let mut demands = Self {
            by_resource: BTreeMap::new(),
            named: names_in(contracts),
            elsewhere: Vec::new(),
        };
        for contract in contracts {
            for rule in &contract.rules {
                let is_one = |subject: &&Subject| {
                    let some = rule.resource.name.is_none() && rule.each_or_some == MatchMode::Some;
                    let passes = || {
                        let found = check_subject(rule, subject);
                        !found.iter().any(|finding| finding.problem.is_error())
                    };
                    selects(&rule.resource, subject) && (!some || passes())
                };
                let demand = Demand { contract, rule };
                let mut none = true;
                for subject in subjects.iter().filter(is_one) {
                    none = false;
                    let of = demands.by_resource.entry(subject.key.clone());
                    of.or_default().push(demand);
                }
                if none {
                    demands.elsewhere.push(demand.id());
                }
            }
        }
        demands
    }

    pub(super) fn on(&self, key: &ResourceKey) -> &[Demand<'a>] {
        self.by_resource.get(key).map_or(&[], Vec::as_slice)
    }

    /// How binding the unique name is.
    pub(super) fn weight_of_name(&self, key: &ResourceKey) -> Weight {
        let named = self
            .on(key)
            .iter()
            .any(|demand| demand.rule.resource.name.is_some());
        if named || self.named.contains(key.name.folded()) {
            Weight::Fixed
        } else {
            Weight::Free
        }
    }

    /// How binding the value of a field is, or one member of a set.
    pub(super) fn weight(&self, key: &ResourceKey, word: &str, member: Option<&str>) -> Weight {
        let weights = self
            .on(key)
            .iter()
            .flat_map(|demand| weights(demand.rule, word, member));
        weights.min().unwrap_or(Weight::Free)
    }

    /// How binding the value of a box is, in an item of a list.
    pub(super) fn weight_of_box(
        &self,
        key: &ResourceKey,
        word: &str,
        inner: &str,
        value: &Json,
    ) -> Weight {
        let rules = self.on(key).iter().map(|demand| demand.rule);
        let weights = rules
            .filter(|rule| !leaves_open(rule, word, inner, value))
            .flat_map(|rule| weights(rule, word, None));
        weights.min().unwrap_or(Weight::Free)
    }
}

/// Whether a rule locks a list, and gives this value in none of its items: they may have any other value then.
fn leaves_open(rule: &Rule, word: &str, key: &str, value: &Json) -> bool {
    let locked = rule.locked.iter().find(|locked| locked.path == [word]);
    let items = locked.and_then(|locked| locked.value.as_array());
    items.is_some_and(|items| {
        let mut given = items.iter().filter_map(|item| item.get(key));
        !given.any(|given| given == value)
    })
}

fn weights(rule: &Rule, word: &str, member: Option<&str>) -> Vec<Weight> {
    // The part of the value that a path refers to; `None` if the path refers to something else.
    let part = |path: &str| {
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        let (second, inner) = rest.split_once('.').unwrap_or((rest, ""));
        match member {
            _ if first != word => None,
            Some(member) if !rest.is_empty() => {
                (fold(second) == fold(member)).then(|| inner.to_owned())
            }
            _ => Some(rest.to_owned()),
        }
    };
    let mut weights = Vec::new();
    for locked in &rule.locked {
        weights.extend(
            part(&locked.path.join(".")).map(|part| match part.as_str() {
                "" => Weight::Fixed,
                _ => Weight::FixedPart(part),
            }),
        );
    }
    let contained = rule
        .contains
        .iter()
        .filter(|(path, _)| part(path).is_some())
        .flat_map(|(_, members)| members)
        .any(|wanted| member.is_some_and(|member| fold(member) == wanted.value.name().folded()));
    if contained {
        weights.push(Weight::Fixed);
    }
    let forms = rule.matches.iter().filter(|(path, _)| part(path).is_some());
    weights.extend(forms.map(|(_, form)| Weight::Form(form.value.clone())));
    if rule.set.iter().any(|path| part(&path.value).is_some()) {
        weights.push(Weight::AnyValue);
    }
    let mut preferred = rule.preferred.iter();
    if preferred.any(|value| part(&value.path.join(".")).is_some()) {
        weights.push(Weight::Preferred);
    }
    weights
}

impl Demand<'_> {
    /// The ID in the form `contract/rule`.
    fn id(&self) -> String {
        format!("{}/{}", self.contract.name.value, self.rule.id.value)
    }

    /// Explains why the contract has the rule, and what stops working without it.
    pub(super) fn reason(&self) -> Sentence {
        let mut reason = Sentence::of("Rule ").outside(&self.id());
        if let Some(message) = &self.rule.message {
            reason = reason.and(": ").prose(message);
        }
        reason = reason.and(".");
        if let Some(breaks) = &self.rule.breaks {
            reason = reason
                .and(" Without it, this breaks: ")
                .prose(breaks)
                .and(".");
        }
        for (value, breaks) in &self.rule.breaks_by_value {
            reason = reason
                .and(" Without ")
                .outside(value)
                .and(", this breaks: ")
                .prose(&breaks.value)
                .and(".");
        }
        reason
    }
}
