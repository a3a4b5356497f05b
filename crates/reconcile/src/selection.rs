//! Selects resources by label, kind and name, together with everything they need.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use deskstate_model::{Kind, KindNameGlob, Manifests, ResourceKey, State, fold, nearest};
use thiserror::Error;

use crate::lower::Desired;
use crate::state::{DeclaredResource, RowKey, Stored};

/// A selector: `team=voice`, `SessionTemplate`, `SessionTemplate/CTI_*`, `CTI_*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// By a label's value.
    Label {
        /// Name of the label.
        name: String,
        /// Its value.
        value: String,
    },
    /// By kind and name, with `*` and `?`.
    Glob(KindNameGlob),
}

/// A text that is not a selector.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UnknownSelector {
    /// The text is empty.
    #[error("write `Kind`, `Kind/name`, `name` or `label=value`")]
    Empty,
    /// The part before the slash is not a kind.
    #[error("no kind is called `{word}`{}", did_you_mean(.near.as_deref()))]
    Kind {
        /// The given word.
        word: String,
        /// The kind that may have been intended.
        near: Option<String>,
    },
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

impl FromStr for Selector {
    type Err = UnknownSelector;

    fn from_str(text: &str) -> Result<Self, UnknownSelector> {
        let text = text.trim();
        if text.is_empty() {
            return Err(UnknownSelector::Empty);
        }
        // Unique names do not contain `=`, and labels do not contain `/`.
        if let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.contains('/')) {
            return Ok(Self::Label {
                name: name.to_owned(),
                value: value.to_owned(),
            });
        }
        let glob = |kind: &str, name: &str| {
            Self::Glob(KindNameGlob {
                kind: kind.to_owned(),
                name: name.to_owned(),
            })
        };
        match text.split_once('/') {
            Some((kind, name)) if is_kind(kind) => Ok(glob(kind, name)),
            // The name of a row that several columns identify: `Orders / Messaging`.
            Some((first, _)) if first.ends_with(' ') && !is_kind(first.trim()) => {
                Ok(glob("*", text))
            }
            Some((kind, _)) => Err(UnknownSelector::Kind {
                word: kind.to_owned(),
                near: nearest(kind, kind_names()).map(str::to_owned),
            }),
            None if is_kind(text) => Ok(glob(text, "*")),
            None => Ok(glob("*", text)),
        }
    }
}

fn kind_names() -> impl Iterator<Item = &'static str> {
    Kind::all().map(Kind::as_str)
}

/// Whether a word, which may contain `*` and `?`, matches the name of a kind.
fn is_kind(word: &str) -> bool {
    let any_name = KindNameGlob {
        kind: word.to_owned(),
        name: "*".to_owned(),
    };
    Kind::all().any(|kind| any_name.matches(&ResourceKey::new(kind, "")))
}

impl fmt::Display for Selector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label { name, value } => write!(out, "{name}={value}"),
            Self::Glob(glob) if glob.kind == "*" => out.write_str(&glob.name),
            Self::Glob(glob) if glob.name == "*" => out.write_str(&glob.kind),
            Self::Glob(glob) => write!(out, "{}/{}", glob.kind, glob.name),
        }
    }
}

impl Selector {
    /// Whether it selects a resource with these labels.
    pub fn takes(&self, key: &ResourceKey, labels: &BTreeMap<String, String>) -> bool {
        match self {
            Self::Label { name, value } => labels.get(name) == Some(value),
            Self::Glob(glob) => glob.matches(key),
        }
    }

    /// Whether it is the name of a resource, character by character.
    fn is_exactly(&self, key: &ResourceKey) -> bool {
        match self {
            Self::Label { .. } => false,
            Self::Glob(glob) => glob.matches(key) && fold(&glob.name) == key.name.folded(),
        }
    }

    /// Whether it is a kind without a name.
    fn is_whole_kind(&self) -> bool {
        matches!(self, Self::Glob(glob) if glob.name == "*" && !glob.kind.contains(['*', '?']))
    }

    /// Whether it names one row, of one kind or of any kind.
    pub fn names_one(&self) -> bool {
        match self {
            Self::Label { .. } => false,
            Self::Glob(glob) => !glob.name.contains(['*', '?']),
        }
    }
}

/// Interprets command-line arguments: names that follow a kind are names of that kind, `SessionTemplate CTI_a CTI_b`.
pub fn of_words(words: &[Selector]) -> Vec<Selector> {
    let mut chosen: Vec<Selector> = Vec::new();
    let mut kind: Option<(&str, usize)> = None;
    for word in words {
        match (word, kind) {
            (Selector::Glob(glob), Some((of, at))) if glob.kind == "*" && glob.name != "*" => {
                // The kind only qualifies the names that follow; not all of its resources are selected.
                if at + 1 == chosen.len() && chosen[at].is_whole_kind() {
                    chosen.pop();
                }
                chosen.push(Selector::Glob(KindNameGlob {
                    kind: of.to_owned(),
                    name: glob.name.clone(),
                }));
            }
            _ => {
                kind = match word {
                    Selector::Glob(glob) if word.is_whole_kind() => {
                        Some((&glob.kind, chosen.len()))
                    }
                    _ => None,
                };
                chosen.push(word.clone());
            }
        }
    }
    chosen
}

/// A selector that matches nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("nothing matches `{selector}`")]
pub struct NothingChosen {
    /// The given selector.
    pub selector: Selector,
    /// A suggestion, or a list of what exists.
    pub help: String,
}

impl NothingChosen {
    /// Suggests the nearest of the known resources.
    pub fn among<'k>(
        selector: &Selector,
        known: impl IntoIterator<Item = (&'k ResourceKey, &'k BTreeMap<String, String>)>,
    ) -> Self {
        Self {
            selector: selector.clone(),
            help: match selector {
                Selector::Label { name, value } => {
                    label_help(name, value, known.into_iter().map(|(_, labels)| labels))
                }
                Selector::Glob(glob) => name_help(glob, known.into_iter().map(|(key, _)| key)),
            },
        }
    }
}

fn label_help<'k>(
    name: &str,
    value: &str,
    known: impl Iterator<Item = &'k BTreeMap<String, String>>,
) -> String {
    let mut labels: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in known.flatten() {
        labels.entry(name).or_default().insert(value);
    }
    if let Some(values) = labels.get(name) {
        return match nearest(value, values.iter().copied()) {
            Some(near) => format!("did you mean `{name}={near}`?"),
            None => format!("`{name}` is {}", some_of(values)),
        };
    }
    match nearest(name, labels.keys().copied()) {
        Some(near) => format!("did you mean the label `{near}`?"),
        None if labels.is_empty() => "no manifest sets labels under `metadata.labels`".to_owned(),
        None => format!("the labels are {}", some_of(&labels.into_keys().collect())),
    }
}

fn name_help<'k>(glob: &KindNameGlob, known: impl Iterator<Item = &'k ResourceKey>) -> String {
    let of_kind = KindNameGlob {
        kind: glob.kind.clone(),
        name: "*".to_owned(),
    };
    let (same, other): (Vec<&ResourceKey>, Vec<&ResourceKey>) =
        known.partition(|key| of_kind.matches(key));
    let any_kind = KindNameGlob {
        kind: "*".to_owned(),
        name: glob.name.clone(),
    };
    let elsewhere = other.iter().find(|key| any_kind.matches(key));
    if let Some(key) = elsewhere.filter(|_| glob.name != "*") {
        return format!("did you mean `{}/{}`?", key.kind, key.name);
    }
    let names: BTreeSet<&str> = same.iter().map(|key| key.name.as_written()).collect();
    let mut candidates: Vec<&str> = names.iter().copied().collect();
    if glob.kind == "*" {
        kind_names().for_each(|kind| candidates.push(kind));
    }
    let written = fold(glob.name.trim_matches('*'));
    let beginning = names
        .iter()
        .copied()
        .find(|name| !written.is_empty() && fold(name).starts_with(&written));
    match nearest(&glob.name, candidates).or(beginning) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() && glob.kind == "*" => "there is no resource".to_owned(),
        None if names.is_empty() => format!("there is no {}", glob.kind),
        None => format!("there are {}", some_of(&names)),
    }
}

/// The first few words, and the number of further ones.
fn some_of(words: &BTreeSet<&str>) -> String {
    const SHOWN: usize = 8;
    let first: Vec<String> = words
        .iter()
        .take(SHOWN)
        .map(|word| format!("`{word}`"))
        .collect();
    match words.len().checked_sub(SHOWN) {
        None | Some(0) => first.join(", "),
        Some(more) => format!("{} and {more} more", first.join(", ")),
    }
}

/// The result of a selection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// The resources that a selector matches.
    pub chosen: BTreeSet<ResourceKey>,
    /// The selected resources and their dependencies.
    pub keys: BTreeSet<ResourceKey>,
    /// Resources that were included because another one requires them, with the requiring resource.
    pub needed: Vec<(ResourceKey, ResourceKey)>,
}

/// Selects the resources that match any selector, and everything that they refer to. Also returns the selectors that match nothing.
pub fn select(
    manifests: &Manifests,
    desired: &Desired,
    selectors: &[Selector],
) -> (Selection, Vec<NothingChosen>) {
    let known = || {
        manifests
            .resources
            .iter()
            .map(|declared| (&declared.key, &declared.labels))
    };
    let mut selection = Selection::default();
    let mut nothing = Vec::new();
    for selector in selectors {
        // A name may contain the characters of patterns.
        let is_name = known().any(|(key, _)| selector.is_exactly(key));
        let mut taken = known()
            .filter(|(key, labels)| match is_name {
                true => selector.is_exactly(key),
                false => selector.takes(key, labels),
            })
            .map(|(key, _)| key.clone())
            .peekable();
        if taken.peek().is_none() {
            nothing.push(NothingChosen::among(selector, known()));
        }
        selection.chosen.extend(taken);
    }
    selection.keys.clone_from(&selection.chosen);
    let parts = owners_of_parts(desired);
    let mut open: Vec<ResourceKey> = selection.keys.iter().cloned().collect();
    while let Some(key) = open.pop() {
        let Some(resource) = desired.resources.get(&key) else {
            continue;
        };
        for needed in needs(resource, desired, &parts) {
            if selection.keys.insert(needed.clone()) {
                selection.needed.push((needed.clone(), key.clone()));
                open.push(needed);
            }
        }
    }
    selection.needed.sort();
    (selection, nothing)
}

/// Maps parts with unique names to their resources: a reference to a part requires the resource.
fn owners_of_parts(desired: &Desired) -> BTreeMap<&RowKey, &ResourceKey> {
    desired
        .resources
        .values()
        .flat_map(|resource| {
            resource
                .parts
                .iter()
                .map(move |part| (&part.key, &resource.key))
        })
        .collect()
}

fn needs(
    resource: &DeclaredResource,
    desired: &Desired,
    parts: &BTreeMap<&RowKey, &ResourceKey>,
) -> BTreeSet<ResourceKey> {
    let mut keys: Vec<&RowKey> = Vec::new();
    let named: Vec<RowKey> = resource.named_in_texts().collect();
    for row in std::iter::once(&resource.row).chain(&resource.parts) {
        let values = row
            .columns
            .iter()
            .map(|column| &column.value)
            .chain(row.when_new.iter().map(|(_, value)| value));
        keys.extend(values.flat_map(Stored::keys));
    }
    keys.extend(
        resource
            .sets
            .iter()
            .flat_map(|set| &set.members)
            .map(|member| &member.key),
    );
    keys.extend(&named);
    keys.into_iter()
        .filter_map(|key| {
            let own = match key {
                RowKey::Named { table, name } => Kind::of_table(table).map(|kind| ResourceKey {
                    kind,
                    name: name.clone(),
                }),
                RowKey::Part { .. } | RowKey::Found(_) => None,
            };
            own.filter(|key| {
                desired
                    .resources
                    .get(key)
                    .is_some_and(|resource| resource.state != State::Absent)
            })
            .or_else(|| parts.get(key).map(|key| (*key).clone()))
        })
        .filter(|key| key != &resource.key)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(kind: &str, name: &str) -> Selector {
        Selector::Glob(KindNameGlob {
            kind: kind.to_owned(),
            name: name.to_owned(),
        })
    }

    #[test]
    fn names_that_follow_a_kind_are_names_of_that_kind() {
        let words = |text: &str| -> Vec<String> {
            let words: Vec<Selector> = text
                .split(' ')
                .map(|word| word.parse().expect("a selector"))
                .collect();
            of_words(&words).iter().map(Selector::to_string).collect()
        };
        assert_eq!(
            words("SessionTemplate CTI_a CTI_b"),
            ["SessionTemplate/CTI_a", "SessionTemplate/CTI_b"]
        );
        assert_eq!(
            words("CTI_a SessionTemplate AppProfile CTI_b"),
            ["CTI_a", "SessionTemplate", "AppProfile/CTI_b"]
        );
        assert_eq!(
            words("SessionTemplate team=voice CTI_a"),
            ["SessionTemplate", "team=voice", "CTI_a"]
        );
        assert_eq!(words("*Template CTI_a"), ["*Template", "CTI_a"]);
    }

    #[test]
    fn a_name_with_the_characters_of_patterns_is_that_name() {
        let key = |name: &str| ResourceKey::new(Kind::CIF_PROVIDER, name);
        let selector = glob("CifProvider", "vip* phone");
        assert!(selector.is_exactly(&key("VIP* phone")));
        assert!(!selector.is_exactly(&key("VIP 2 phone")));
        assert!(selector.takes(&key("VIP 2 phone"), &BTreeMap::new()));
    }

    #[test]
    fn a_selector_is_a_label_a_kind_a_name_or_both() {
        assert_eq!(
            "team=voice".parse(),
            Ok(Selector::Label {
                name: "team".to_owned(),
                value: "voice".to_owned()
            })
        );
        assert_eq!("AppProfile".parse(), Ok(glob("AppProfile", "*")));
        assert_eq!("appprofile".parse(), Ok(glob("appprofile", "*")));
        assert_eq!("*Template".parse(), Ok(glob("*Template", "*")));
        assert_eq!("CTI_*".parse(), Ok(glob("*", "CTI_*")));
        assert_eq!("*/CTI_*".parse(), Ok(glob("*", "CTI_*")));
        assert_eq!(
            "CifProvider/a=b".parse(),
            Ok(glob("CifProvider", "a=b")),
            "a name may hold `=` after its kind"
        );
        assert_eq!(
            "Orders / Messaging".parse(),
            Ok(glob("*", "Orders / Messaging"))
        );
        assert!(" ".parse::<Selector>().is_err());
        assert_eq!(
            "AppProfil/x".parse::<Selector>().unwrap_err().to_string(),
            "no kind is called `AppProfil`; did you mean `AppProfile`?"
        );
    }

    #[test]
    fn what_chooses_nothing_is_told_what_was_meant() {
        let tab = ResourceKey::new(Kind::APPLICATION_TAB, "contoso_orders");
        let session = ResourceKey::new(Kind::SESSION_TEMPLATE, "contoso_case");
        let voice = BTreeMap::from([("team".to_owned(), "voice".to_owned())]);
        let none = BTreeMap::new();
        let help = |selector: &str| {
            let known = [(&tab, &voice), (&session, &none)];
            NothingChosen::among(&selector.parse().unwrap(), known).help
        };
        assert_eq!(help("contoso_order"), "did you mean `contoso_orders`?");
        assert_eq!(help("SessonTemplate"), "did you mean `SessionTemplate`?");
        assert_eq!(
            help("SessionTemplate/contoso_orders"),
            "did you mean `ApplicationTab/contoso_orders`?"
        );
        assert_eq!(help("AppProfile"), "there is no AppProfile");
        assert_eq!(help("team=voise"), "did you mean `team=voice`?");
        assert_eq!(help("teams=voice"), "did you mean the label `team`?");
        assert_eq!(help("team=sales"), "`team` is `voice`");
        assert_eq!(help("zzz"), "there are `contoso_case`, `contoso_orders`");
    }
}
