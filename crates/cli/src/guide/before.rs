//! The prerequisites of the first step.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{
    ADMIN_CENTER, Field, Holds, Kind, PageName, Place, Referent, ResourceKey, State,
};
use serde_json::Value as Json;

use super::desk::Desk;
use super::steps::noun;
use super::{Piece, Sentence};

pub(super) fn sentences(desk: &Desk<'_>) -> Vec<Sentence> {
    let kinds: BTreeSet<Kind> = desk
        .declared
        .iter()
        .map(|declared| declared.key.kind)
        .collect();
    let mut before: Vec<Sentence> = roles(&kinds).into_iter().collect();
    before.extend(names(&kinds));
    before.extend(unique_names(desk));
    before.extend(resources(desk));
    before.extend(others(desk));
    before
}

fn roles(kinds: &BTreeSet<Kind>) -> Option<Sentence> {
    let mut roles: BTreeSet<&str> = BTreeSet::new();
    for kind in kinds {
        if let Place::Page { role, .. } = kind.definition().place {
            roles.insert(role);
        }
    }
    if roles.is_empty() {
        return None;
    }
    let roles: Vec<&str> = roles.into_iter().chain(["Basic User"]).collect();
    let names = roles.iter().map(|role| Piece::Screen((*role).to_owned()));
    let sentence = Sentence::of("You need these security roles: ").list(names, "and");
    let tabs = if kinds.contains(&Kind::APPLICATION_TAB) {
        " Microsoft's page on application tabs asks for `System Administrator`."
    } else {
        ""
    };
    Some(sentence.and(".").and(tabs))
}

/// The earlier names of renamed pages.
fn names(kinds: &BTreeSet<Kind>) -> Option<Sentence> {
    let mut renamed: Vec<PageName> = vec![ADMIN_CENTER];
    for kind in kinds {
        if let Place::Page { way, .. } = kind.definition().place {
            renamed.extend(way.iter().filter(|page| !page.formerly.is_empty()));
        }
    }
    let mut seen = BTreeSet::new();
    renamed.retain(|page| seen.insert(page.name));
    let mut sentence = Sentence::of(
        "Microsoft renamed some pages. If you do not find a name, look for the earlier one. ",
    );
    for (at, page) in renamed.iter().enumerate() {
        let earlier = page
            .formerly
            .iter()
            .map(|name| Piece::Screen((*name).to_owned()));
        sentence = sentence
            .and(if at > 0 { "; " } else { "" })
            .screen(page.name)
            .and(": ")
            .list(earlier, "or");
    }
    Some(sentence.and("."))
}

/// The rule for unique names, and the publishers they may need.
fn unique_names(desk: &Desk<'_>) -> Option<Sentence> {
    let mut prefixes: BTreeMap<String, String> = BTreeMap::new();
    for declared in &desk.declared {
        if declared.state == State::Present
            && let Some((prefix, _)) = declared.key.name.as_written().trim().split_once('_')
        {
            prefixes
                .entry(prefix.to_lowercase())
                .or_insert_with(|| prefix.to_owned());
        }
    }
    if prefixes.is_empty() {
        return None;
    }
    let prefixes = prefixes.into_values().map(Piece::Outside);
    Some(
        Sentence::of("A unique name is a prefix of 3 to 8 letters and digits, one underscore, and a name. Dataverse may refuse a prefix that belongs to no publisher of the environment. The names in this guide need ")
            .list(prefixes, "and")
            .and(": if one is refused, make a publisher with that prefix, or import the vendor's solution that brings it."),
    )
}

/// Resources that must already exist.
fn resources(desk: &Desk<'_>) -> Vec<Sentence> {
    let mut needed: BTreeSet<ResourceKey> = BTreeSet::new();
    for (declared, spec) in desk.present() {
        if declared.state == State::Existing {
            needed.insert(declared.key.clone());
        }
        let kind = declared.key.kind;
        for field in kind.fields() {
            if let (Some(to), Some(value)) = (field.refers_to(), spec.get(field.word)) {
                let names = names_in(value);
                needed.extend(names.map(|name| ResourceKey::new(to, name)));
            }
            for inner in field.items() {
                let items = spec.get(field.word).and_then(Json::as_array);
                for item in items.into_iter().flatten() {
                    if let (Some(to), Some(Json::String(name))) =
                        (inner.refers_to(), item.get(inner.word))
                    {
                        needed.insert(ResourceKey::new(to, name));
                    }
                }
            }
        }
    }
    let is_made = |key: &ResourceKey| {
        let declared = desk.manifests.find(key);
        declared.is_some_and(|declared| declared.state == State::Present)
    };
    let needed = needed.into_iter().filter(|key| !is_made(key));
    needed
        .map(|key| {
            Sentence::of("The ")
                .prose(&noun(key.kind.definition()))
                .and(" ")
                .outside(key.name.as_written())
                .and(" must exist. This guide does not make it.")
        })
        .collect()
}

/// The members of a set, or the single name.
fn names_in(value: &Json) -> impl Iterator<Item = &str> {
    let list = value.get("members").unwrap_or(value).as_array();
    let members = list.into_iter().flatten().filter_map(Json::as_str);
    value.as_str().into_iter().chain(members)
}

/// Web resources, macros, roles and users.
fn others(desk: &Desk<'_>) -> Vec<Sentence> {
    let mut found: BTreeSet<(&'static str, String)> = BTreeSet::new();
    for (declared, spec) in desk.present() {
        let mut walk = |field: &Field, value: Option<&Json>| {
            if let (Some(what), Some(Json::String(name))) = (looked_up(field), value) {
                found.insert((what, name.clone()));
            }
        };
        for field in declared.key.kind.fields() {
            walk(field, spec.get(field.word));
            let items = spec.get(field.word).and_then(Json::as_array);
            for item in items.into_iter().flatten() {
                for inner in field.items() {
                    walk(inner, item.get(inner.word));
                }
            }
        }
    }
    let found = found.into_iter();
    found
        .map(|(what, name)| {
            let sentence = Sentence::of("The ").and(what).and(" ").outside(&name);
            sentence.and(" must exist.")
        })
        .collect()
}

fn looked_up(field: &Field) -> Option<&'static str> {
    match field.holds {
        Holds::Lookup { to, .. } => match to {
            Referent::WebResource => Some("web resource"),
            Referent::Macro => Some("macro"),
            Referent::Row(table) => Some(table.logical),
            Referent::Role | Referent::User | Referent::Named(_) => None,
        },
        _ => None,
    }
}
