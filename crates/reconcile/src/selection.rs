//! Choosing resources: by label, kind and name, together with everything they need.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use deskstate_model::{KindNameGlob, Manifests, ResourceKey, State};
use thiserror::Error;

use crate::kinds;
use crate::lower::Desired;
use crate::review::glob_matches;
use crate::state::{DeclaredResource, RowKey, Stored};

/// One choice: `team=voice`, `SessionTemplate`, `SessionTemplate/CTI_*`, `*/CTI_*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// By a label's value.
    Label {
        /// The label.
        name: String,
        /// Its value.
        value: String,
    },
    /// By kind and name, with `*` and `?`.
    Glob(KindNameGlob),
}

/// A text that chooses nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` chooses nothing: write `label=value`, `Kind` or `Kind/name`")]
pub struct UnknownSelector(String);

impl FromStr for Selector {
    type Err = UnknownSelector;

    fn from_str(text: &str) -> Result<Self, UnknownSelector> {
        let text = text.trim();
        if text.is_empty() {
            return Err(UnknownSelector(text.to_owned()));
        }
        // Unique names hold no `=`, labels no `/`.
        if let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.contains('/')) {
            return Ok(Self::Label {
                name: name.to_owned(),
                value: value.to_owned(),
            });
        }
        let (kind, name) = text.split_once('/').unwrap_or((text, "*"));
        Ok(Self::Glob(KindNameGlob {
            kind: kind.to_owned(),
            name: name.to_owned(),
        }))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label { name, value } => write!(out, "{name}={value}"),
            Self::Glob(glob) => write!(out, "{}/{}", glob.kind, glob.name),
        }
    }
}

/// What was chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// The chosen resources and what they need.
    pub keys: BTreeSet<ResourceKey>,
    /// What came along, and the resource that needs it.
    pub needed: Vec<(ResourceKey, ResourceKey)>,
    /// Selectors that chose nothing, as written.
    pub nothing: Vec<String>,
}

/// Chooses the resources for which any selector holds, and everything that they refer to.
pub fn select(manifests: &Manifests, desired: &Desired, selectors: &[Selector]) -> Selection {
    let mut selection = Selection::default();
    for selector in selectors {
        let chosen: Vec<&ResourceKey> = manifests
            .resources
            .iter()
            .filter(|declared| match selector {
                Selector::Label { name, value } => declared.labels.get(name) == Some(value),
                Selector::Glob(glob) => glob_matches(glob, &declared.key),
            })
            .map(|declared| &declared.key)
            .collect();
        if chosen.is_empty() {
            selection.nothing.push(selector.to_string());
        }
        selection.keys.extend(chosen.into_iter().cloned());
    }
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
    selection
}

/// Resources by the parts that have names of their own: what refers to the part needs the resource.
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
    for row in std::iter::once(&resource.row).chain(&resource.parts) {
        let values = row
            .columns
            .iter()
            .map(|column| &column.value)
            .chain(row.when_new.iter().map(|(_, value)| value));
        for value in values {
            match value {
                Stored::Row(key) | Stored::IdOf(key) => keys.push(key),
                Stored::JsonWith(_, ids) => keys.extend(ids.iter().map(|(_, key)| key)),
                Stored::Null
                | Stored::Text(_)
                | Stored::Number(_)
                | Stored::Flag(_)
                | Stored::Json(_) => {}
            }
        }
    }
    keys.extend(
        resource
            .sets
            .iter()
            .flat_map(|set| &set.members)
            .map(|member| &member.key),
    );
    keys.into_iter()
        .filter_map(|key| {
            let own = match key {
                RowKey::Named { table, name } => kinds::by_table(table).map(|kind| ResourceKey {
                    kind: kind.kind,
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

    #[test]
    fn a_selector_is_a_label_a_kind_or_a_kind_and_a_name() {
        let glob = |kind: &str, name: &str| {
            Selector::Glob(KindNameGlob {
                kind: kind.to_owned(),
                name: name.to_owned(),
            })
        };
        assert_eq!(
            "team=voice".parse(),
            Ok(Selector::Label {
                name: "team".to_owned(),
                value: "voice".to_owned()
            })
        );
        assert_eq!("AppProfile".parse(), Ok(glob("AppProfile", "*")));
        assert_eq!("*/CTI_*".parse(), Ok(glob("*", "CTI_*")));
        assert!(" ".parse::<Selector>().is_err());
    }
}
