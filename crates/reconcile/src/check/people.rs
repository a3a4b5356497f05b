//! Users in rules. A rule can call a user by any name that a manifest can, and live rows have sign-in names.

use std::collections::BTreeSet;

use deskstate_model::{Contract, Holds, Reference, Referent, Rule};
use serde_json::Value as Json;

use crate::live::Live;
use crate::lookup::Match;
use crate::state::Lookup;

/// The users that rules name, so that they are looked up.
pub fn named_users(contracts: &[Contract]) -> Vec<String> {
    let mut found = Vec::new();
    for rule in contracts.iter().flat_map(|contract| &contract.rules) {
        each(&mut rule.clone(), &mut |name| found.push(name.clone()));
    }
    found.sort();
    found.dedup();
    found
}

/// Replaces the names of users that were found by their sign-in names. Returns the names that several users have.
pub(super) fn with_sign_in_names(contract: &mut Contract, live: &Live) -> BTreeSet<String> {
    let mut of_several = BTreeSet::new();
    for rule in &mut contract.rules {
        each(
            rule,
            &mut |name| match live.look_up(&Lookup::User(name.clone())) {
                Match::One(id) | Match::Unfit(id, _) => {
                    if let Some(user) = live.found.users.get(&id) {
                        name.clone_from(&user.name);
                    }
                }
                Match::Several(_) => drop(of_several.insert(name.clone())),
                Match::None | Match::Unknown(_) => {}
            },
        );
    }
    of_several
}

/// Visits the names of users in a rule.
fn each(rule: &mut Rule, visit: &mut dyn FnMut(&mut String)) {
    let fields = rule.resource.kind.fields();
    let holds = |word: &str| {
        let field = fields.iter().find(|field| field.word == word);
        field.map(|field| field.holds)
    };
    let is_set = |word: &str| {
        let to = holds(word);
        matches!(
            to,
            Some(Holds::Set {
                to: Referent::User,
                ..
            })
        )
    };
    for (word, members) in &mut rule.contains {
        for member in members.iter_mut().filter(|_| is_set(word)) {
            let mut name = member.value.as_str().to_owned();
            visit(&mut name);
            member.value = Reference::new(&name);
        }
    }
    for value in rule.locked.iter_mut().chain(&mut rule.preferred) {
        let Some(word) = value.path.first() else {
            continue;
        };
        let is_owner = matches!(holds(word), Some(Holds::Owner));
        match &mut value.value {
            Json::Array(members) if is_set(word) => members.iter_mut().for_each(|member| {
                if let Json::String(name) = member {
                    visit(name);
                }
            }),
            Json::Object(owner) if is_owner => {
                if let Some(Json::String(name)) = owner.get_mut(USER) {
                    visit(name);
                }
            }
            Json::String(name)
                if is_owner && value.path.last().is_some_and(|last| last == USER) =>
            {
                visit(name);
            }
            _ => {}
        }
    }
}

const USER: &str = "user";
