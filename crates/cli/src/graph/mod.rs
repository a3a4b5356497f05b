//! The references between resources as a graph, and the graph as a picture.

mod dot;
mod layout;
mod mermaid;
mod svg;

use std::collections::BTreeMap;

use deskstate_model::{Field, Holds, Kind, Manifests, Referent, ResourceKey, State};
use deskstate_reconcile::plan::{Action, Plan};
use serde_json::Value as Json;

pub(crate) use dot::dot;
pub(crate) use mermaid::mermaid;
pub(crate) use svg::{Embedding, svg};

use crate::specs::{self, Spec, Specs};

/// Resources and their references.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Graph {
    /// Sorted by key.
    pub(crate) nodes: Vec<Node>,
    /// Sorted by their ends.
    pub(crate) edges: Vec<Edge>,
}

/// One resource.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Its key.
    pub(crate) key: ResourceKey,
    /// Where it comes from.
    pub(crate) standing: Standing,
    /// The action of a plan on it.
    pub(crate) mark: Option<Action>,
    /// A summary of everything except references, such as `2 users, 1 role`.
    pub(crate) note: Option<String>,
}

/// Where a resource comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Declared here.
    Declared,
    /// Declared as existing: it is created elsewhere.
    Existing,
    /// Declared to be absent.
    Absent,
    /// Not declared, but referred to.
    Elsewhere,
}

/// One reference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    /// Index of the referring node.
    pub(crate) from: usize,
    /// Index of the node it refers to.
    pub(crate) to: usize,
    /// The field.
    pub(crate) word: &'static str,
}

/// Builds the graph of the declared resources, with the actions of a plan marked.
pub(crate) fn graph(manifests: &Manifests, plan: Option<&Plan>) -> Graph {
    let standing = manifests.resources.iter().map(|declared| {
        let standing = match declared.state {
            State::Present => Standing::Declared,
            State::Existing => Standing::Existing,
            State::Absent => Standing::Absent,
        };
        (declared.key.clone(), standing)
    });
    let marks = plan
        .into_iter()
        .flat_map(|plan| &plan.changes)
        .map(|change| (change.key.clone(), change.action));
    build(
        &Specs::declared(manifests),
        standing.collect(),
        &marks.collect(),
    )
}

fn build(
    specs: &Specs,
    mut standing: BTreeMap<ResourceKey, Standing>,
    marks: &BTreeMap<ResourceKey, Action>,
) -> Graph {
    let mut references: Vec<(ResourceKey, ResourceKey, &'static str)> = Vec::new();
    for (key, spec) in specs.iter() {
        standing.entry(key.clone()).or_insert(Standing::Declared);
        references.extend(
            references_of(key.kind, spec)
                .into_iter()
                .map(|(word, to)| (key.clone(), to, word)),
        );
    }
    for key in marks.keys().chain(references.iter().map(|(_, to, _)| to)) {
        standing.entry(key.clone()).or_insert(Standing::Elsewhere);
    }
    let place: BTreeMap<&ResourceKey, usize> = standing
        .keys()
        .enumerate()
        .map(|(at, key)| (key, at))
        .collect();
    let mut edges: Vec<Edge> = references
        .iter()
        .map(|(from, to, word)| Edge {
            from: place[from],
            to: place[to],
            word,
        })
        .collect();
    edges.sort();
    edges.dedup();
    let nodes = standing
        .iter()
        .map(|(key, standing)| Node {
            key: key.clone(),
            standing: *standing,
            mark: marks.get(key).copied(),
            note: specs.get(key).and_then(|spec| note(key.kind, spec)),
        })
        .collect();
    Graph { nodes, edges }
}

/// The references of a resource, field by field.
fn references_of(kind: Kind, spec: &Spec) -> Vec<(&'static str, ResourceKey)> {
    let mut found = Vec::new();
    for field in kind.fields() {
        if let Some(to) = field.refers_to() {
            let one = specs::text(spec, field.word).map(str::to_owned);
            let all = specs::members(spec, field.word);
            let names = one.into_iter().chain(all);
            found.extend(names.map(|name| (field.word, ResourceKey::new(to, &name))));
        }
        for inner in field.items() {
            let Some(to) = inner.refers_to() else {
                continue;
            };
            let items = specs::items(spec, field.word).iter();
            let names = items.filter_map(|item| item.get(inner.word).and_then(Json::as_str));
            found.extend(names.map(|name| (field.word, ResourceKey::new(to, name))));
        }
    }
    found
}

/// Summarizes everything that a resource has except references.
fn note(kind: Kind, spec: &Spec) -> Option<String> {
    let caption = specs::text(spec, kind.definition().caption).map(str::to_owned);
    let people = kind.fields().iter().filter_map(|field| {
        let count = specs::members(spec, field.word).len();
        let noun = match field.holds {
            Holds::Set {
                to: Referent::User, ..
            } => "user",
            Holds::Parts(part) if part.fields.iter().any(is_role) => "role",
            _ => return None,
        };
        (count > 0).then(|| crate::output::count(count, noun))
    });
    let notes: Vec<String> = caption.into_iter().chain(people).collect();
    (!notes.is_empty()).then(|| notes.join(", "))
}

fn is_role(field: &Field) -> bool {
    matches!(
        field.holds,
        Holds::Lookup {
            to: Referent::Role,
            ..
        }
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    pub(crate) fn of(specs: &Specs) -> Graph {
        build(specs, BTreeMap::new(), &BTreeMap::new())
    }

    pub(crate) fn contoso() -> Graph {
        of(&crate::preview::tests::contoso())
    }

    #[test]
    fn every_reference_is_an_edge_and_every_end_a_node() {
        let graph = contoso();
        let edges: Vec<String> = graph
            .edges
            .iter()
            .map(|edge| {
                format!(
                    "{} {} {}",
                    graph.nodes[edge.from].key.name, edge.word, graph.nodes[edge.to].key.name
                )
            })
            .collect();
        insta::assert_snapshot!(edges.join("\n"), @r"
        contoso_agents sessionTemplates contoso_caseSession
        contoso_agents sessionTemplates msdyn_chat_session
        contoso_agents sessionTemplates voxline_callSession
        contoso_agents channelProviders voxline_provider
        contoso_agents productivityPane contoso_agentPane
        voxline_callSession anchorTab contoso_customerTab
        voxline_callSession additionalTabs contoso_orderTab
        voxline_callSession scripts contoso_greeting
        voxline_incomingCall fields contoso_priorityField
        contoso_agentPane tools contoso_offTool
        contoso_agentPane tools contoso_orderTool
        contoso_complaint steps contoso_greeting
        contoso_greeting steps contoso_complaint
        ");
    }

    #[test]
    fn what_is_only_referred_to_stands_elsewhere() {
        let graph = contoso();
        let elsewhere: Vec<&str> = graph
            .nodes
            .iter()
            .filter(|node| node.standing == Standing::Elsewhere)
            .map(|node| node.key.name.as_written())
            .collect();
        assert_eq!(elsewhere, ["msdyn_chat_session", "contoso_offTool"]);
    }

    #[test]
    fn a_reference_in_other_letters_is_the_same_node() {
        let graph = of(&Specs::of_json(&[
            (
                Kind::SESSION_TEMPLATE,
                "contoso_a",
                json!({"anchorTab": "CONTOSO_tab"}),
            ),
            (Kind::APPLICATION_TAB, "contoso_tab", json!({})),
        ]));
        assert_eq!((graph.nodes.len(), graph.edges.len()), (2, 1));
    }

    #[test]
    fn a_profile_says_how_many_users_and_roles_it_has() {
        assert_eq!(contoso().nodes[0].note.as_deref(), Some("2 users, 1 role"));
    }
}
