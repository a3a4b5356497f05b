//! Prepares an export for sharing: people and hosts are replaced, each one consistently by the same stand-in.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::export::Export;

/// Stand-ins that are in use.
#[derive(Debug, Default)]
pub struct StandIns {
    people: BTreeMap<String, String>,
    hosts: BTreeMap<String, String>,
    ids: BTreeMap<String, String>,
}

/// Replaces users, e-mail addresses, GUIDs and the hosts of URLs. Names of resources are kept, so that others can compare them.
pub fn sanitize(export: &mut Export) {
    let mut stand_ins = StandIns::default();
    for document in &mut export.documents {
        for (word, value) in &mut document.spec {
            match word.as_str() {
                "users" | "owner" => stand_ins.people(value),
                _ => stand_ins.texts(value),
            }
        }
    }
    for (_, left_out) in &mut export.left_out {
        left_out.why = stand_ins.text(&left_out.why);
    }
}

impl StandIns {
    /// Replaces all texts as people, except for the keywords of the set.
    fn people(&mut self, value: &mut Json) {
        match value {
            Json::String(name) => *name = self.person(name),
            Json::Array(items) => items.iter_mut().for_each(|item| self.people(item)),
            Json::Object(entries) => {
                for (key, value) in entries {
                    if !matches!(key.as_str(), "mode" | "moves" | "fromTeams" | "team") {
                        self.people(value);
                    }
                }
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }

    /// Replaces every text in a value, as [`Self::text`] does.
    pub fn texts(&mut self, value: &mut Json) {
        match value {
            Json::String(text) => *text = self.text(text),
            Json::Array(items) => items.iter_mut().for_each(|item| self.texts(item)),
            Json::Object(entries) => entries.values_mut().for_each(|value| self.texts(value)),
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }

    /// Replaces the host of this address wherever it occurs, even without its scheme.
    pub fn hide(&mut self, address: &str) {
        let host = address.split_once("://").map_or(address, |(_, rest)| rest);
        let host = host.split(['/', ':']).next().unwrap_or(host);
        self.host(host);
    }

    fn host(&mut self, host: &str) -> String {
        stand_in(&mut self.hosts, host, |number| {
            format!("host{number}.example")
        })
    }

    /// Returns the stand-in for a person, given any of their names.
    pub fn person(&mut self, name: &str) -> String {
        stand_in(&mut self.people, name, |number| {
            format!("user{number}@example.com")
        })
    }

    /// Replaces addresses, hosts and ids in a text.
    pub fn text(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(is_word) {
            out.push_str(&rest[..start]);
            rest = &rest[start..];
            let end = rest
                .find(|character| !is_word(character))
                .unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            let after_scheme = ["https://", "http://", "wss://"]
                .iter()
                .any(|scheme| ends_with_ignoring_case(&out, scheme));
            if after_scheme {
                let host = word.rsplit('@').next().unwrap_or(word);
                let host = self.host(host);
                out.push_str(&host);
            } else if is_address(word) {
                let person = self.person(word);
                out.push_str(&person);
            } else if let Some(host) = self.hosts.get(&word.to_lowercase()) {
                out.push_str(host);
            } else if uuid::Uuid::try_parse(word).is_ok() {
                out.push_str(&stand_in(&mut self.ids, word, |number| {
                    uuid::Uuid::from_u128(u128::from(number)).to_string()
                }));
            } else {
                out.push_str(word);
            }
            rest = after;
        }
        out.push_str(rest);
        out
    }
}

fn stand_in(
    given: &mut BTreeMap<String, String>,
    name: &str,
    make: impl Fn(u32) -> String,
) -> String {
    let number = u32::try_from(given.len() + 1).unwrap_or(u32::MAX);
    given
        .entry(name.to_lowercase())
        .or_insert_with(|| make(number))
        .clone()
}

fn ends_with_ignoring_case(text: &str, end: &str) -> bool {
    text.len()
        .checked_sub(end.len())
        .and_then(|start| text.get(start..))
        .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

/// Characters of hosts, addresses and ids.
fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '.' | '-' | '_' | '@' | '+')
}

fn is_address(word: &str) -> bool {
    word.split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
}

#[cfg(test)]
mod tests {
    use deskstate_model::{Kind, ResourceKey, State};
    use serde_json::json;

    use super::*;
    use crate::export::Document;

    #[test]
    fn the_same_person_and_host_get_the_same_stand_in_everywhere() {
        let spec = |value: Json| match value {
            Json::Object(spec) => spec,
            other => panic!("{other} is no mapping"),
        };
        let mut export = Export {
            documents: vec![
                Document {
                    key: ResourceKey::new(Kind::APP_PROFILE, "contoso_agents"),
                    state: State::Present,
                    spec: spec(json!({
                        "users": {"mode": "atLeast", "members": ["ada@contoso.com", "lin"]},
                        "owner": {"user": "Ada@contoso.com"},
                        "description": "ask ada@contoso.com, or see HTTPS://Desk.contoso.com:8443/a?b=c",
                    })),
                },
                Document {
                    key: ResourceKey::new(Kind::APPLICATION_TAB, "contoso_tab"),
                    state: State::Present,
                    spec: spec(json!({"parameters": {
                        "url": "https://desk.contoso.com/{customer}",
                        "viewId": "7d0a3c52-9d4e-4c0f-8f54-2f1b7f7a9c11",
                    }})),
                },
            ],
            ..Export::default()
        };
        sanitize(&mut export);
        assert_eq!(
            Json::Object(export.documents[0].spec.clone()),
            json!({
                "users": {"mode": "atLeast", "members": ["user1@example.com", "user2@example.com"]},
                "owner": {"user": "user1@example.com"},
                "description": "ask user1@example.com, or see HTTPS://host1.example:8443/a?b=c",
            })
        );
        assert_eq!(
            Json::Object(export.documents[1].spec.clone()),
            json!({"parameters": {
                "url": "https://host1.example/{customer}",
                "viewId": "00000000-0000-0000-0000-000000000001",
            }})
        );
    }
}
