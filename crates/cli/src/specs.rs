//! Resources in the form of manifests, declared or live: the data for pictures.

use std::collections::BTreeMap;

use deskstate_model::{Kind, Manifests, ResourceKey, State, fold};
use deskstate_reconcile::live::Live;
use deskstate_reconcile::plan::{Action, Difference, FieldChange, Plan};
use deskstate_reconcile::{raise, secret};
use serde_json::{Map, Value as Json};

/// The fields of one resource, by name.
pub(crate) type Spec = Map<String, Json>;

/// Resources by key.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Specs(BTreeMap<ResourceKey, Spec>);

impl Specs {
    /// The declared resources, without those declared absent.
    pub(crate) fn declared(manifests: &Manifests) -> Self {
        let present = manifests
            .resources
            .iter()
            .filter(|declared| declared.state != State::Absent);
        present
            .map(|declared| (declared.key.clone(), declared.spec.to_spec()))
            .collect()
    }

    /// The live resources of an environment. Names are used as read, because the result is for display and is never written.
    pub(crate) fn live(live: &Live) -> Self {
        let options = raise::Options {
            unchecked: true,
            ..raise::Options::default()
        };
        let (raised, _) = raise::raise_all(live, options);
        raised
            .into_iter()
            .map(|raised| (raised.key, raised.spec))
            .collect()
    }

    /// The resources of an environment after a plan is applied: the live ones, with the planned changes taken from the manifests.
    ///
    /// Fields that the plan considers equal keep their live spelling, so that nothing looks different without being different.
    pub(crate) fn carried_out(&self, declared: &Self, plan: &Plan) -> Self {
        let mut after = self.clone();
        for change in &plan.changes {
            let wanted = declared.0.get(&change.key);
            match (change.action, wanted) {
                (Action::Delete, _) => {
                    after.0.remove(&change.key);
                }
                (Action::Create, Some(wanted)) => {
                    after.0.insert(change.key.clone(), wanted.clone());
                }
                (Action::Update, Some(wanted)) => {
                    let fields = after.0.entry(change.key.clone()).or_default();
                    for word in change.fields.iter().filter_map(changed_word) {
                        if let Some(wanted) = wanted.get(word) {
                            let value = merged(fields.get(word), wanted);
                            fields.insert(word.to_owned(), value);
                        }
                    }
                }
                (Action::Create | Action::Update, None) => {}
            }
        }
        after
    }

    pub(crate) fn get(&self, key: &ResourceKey) -> Option<&Spec> {
        self.0.get(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&ResourceKey, &Spec)> {
        self.0.iter()
    }

    /// The resources of one kind, sorted by name.
    pub(crate) fn of(&self, kind: Kind) -> impl Iterator<Item = (&ResourceKey, &Spec)> {
        self.0.iter().filter(move |(key, _)| key.kind == kind)
    }

    #[cfg(test)]
    pub(crate) fn of_json(resources: &[(Kind, &str, Json)]) -> Self {
        let spec = |value: &Json| value.as_object().cloned().unwrap_or_default();
        resources
            .iter()
            .map(|(kind, name, value)| (ResourceKey::new(*kind, name), spec(value)))
            .collect()
    }
}

/// A plan with one change to one resource.
#[cfg(test)]
pub(crate) fn plan_of(action: Action, kind: Kind, name: &str, changed: &[&str]) -> Plan {
    use deskstate_reconcile::plan::{Change, Reason};
    let field = |path: &&str| FieldChange {
        path: (*path).to_owned(),
        difference: Difference::Value {
            before: Json::Null,
            after: Json::Null,
        },
        span: None,
        wire: String::new(),
    };
    let change = Change {
        key: ResourceKey::new(kind, name),
        id: uuid::Uuid::nil(),
        action,
        reason: Reason::FieldsDiffer,
        declared_at: None,
        fields: changed.iter().map(field).collect(),
        operations: Vec::new(),
        left_to_server: Vec::new(),
        kept: Vec::new(),
    };
    Plan {
        changes: vec![change],
        ..Plan::default()
    }
}

/// Masks everything that looks like a secret, so that it never reaches a picture.
impl FromIterator<(ResourceKey, Spec)> for Specs {
    fn from_iter<I: IntoIterator<Item = (ResourceKey, Spec)>>(resources: I) -> Self {
        let masked = |spec: Spec| match secret::masked(&Json::Object(spec)) {
            Json::Object(spec) => spec,
            _ => Spec::new(),
        };
        Self(
            resources
                .into_iter()
                .map(|(key, spec)| (key, masked(spec)))
                .collect(),
        )
    }
}

/// The field of a difference, if people can see it.
fn changed_word(change: &FieldChange) -> Option<&str> {
    match change.difference {
        Difference::Copy { .. } => None,
        Difference::Value { .. } | Difference::Added { .. } | Difference::Removed { .. } => {
            change.path.split('.').next()
        }
    }
}

/// The wanted value. A partial set is merged into the live one.
fn merged(live: Option<&Json>, wanted: &Json) -> Json {
    if wanted.get("mode").and_then(Json::as_str) != Some("atLeast") {
        return wanted.clone();
    }
    let list = |value: Option<&Json>| value.and_then(Json::as_array).cloned().unwrap_or_default();
    let without: Vec<String> = list(wanted.get("without"))
        .iter()
        .filter_map(Json::as_str)
        .map(fold)
        .collect();
    let mut members: BTreeMap<String, Json> = BTreeMap::new();
    let there = live.map(member_values).unwrap_or_default();
    for member in there.into_iter().chain(list(wanted.get("members"))) {
        let identity = fold(
            &member
                .as_str()
                .map_or_else(|| member.to_string(), str::to_owned),
        );
        if !without.contains(&identity) {
            members.entry(identity).or_insert(member);
        }
    }
    Json::Array(members.into_values().collect())
}

/// The members of a set in its short or long form.
fn member_values(value: &Json) -> Vec<Json> {
    let list = match value {
        Json::Array(list) => Some(list),
        other => other.get("members").and_then(Json::as_array),
    };
    list.cloned().unwrap_or_default()
}

/// A given text; `None` for `null` or a missing field.
pub(crate) fn text<'a>(spec: &'a Spec, word: &str) -> Option<&'a str> {
    spec.get(word).and_then(Json::as_str)
}

/// A given flag.
pub(crate) fn flag(spec: &Spec, word: &str) -> Option<bool> {
    spec.get(word).and_then(Json::as_bool)
}

/// A given number.
pub(crate) fn number(spec: &Spec, word: &str) -> Option<i64> {
    spec.get(word).and_then(Json::as_i64)
}

/// A given list.
pub(crate) fn items<'a>(spec: &'a Spec, word: &str) -> &'a [Json] {
    spec.get(word)
        .and_then(Json::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The names of the members of a set, in either form.
pub(crate) fn members(spec: &Spec, word: &str) -> Vec<String> {
    let name = |member: &Json| match member {
        Json::String(name) => Some(name.clone()),
        other => other.get("role").and_then(Json::as_str).map(str::to_owned),
    };
    spec.get(word)
        .map(member_values)
        .unwrap_or_default()
        .iter()
        .filter_map(name)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const AGENTS: &str = "contoso_agents";

    fn agents(spec: Json) -> Specs {
        Specs::of_json(&[(Kind::APP_PROFILE, AGENTS, spec)])
    }

    /// The live profile after a plan that changes these fields is applied.
    fn after(live: Json, declared: Json, changed: &[&str]) -> Json {
        let plan = plan_of(Action::Update, Kind::APP_PROFILE, AGENTS, changed);
        let after = agents(live).carried_out(&agents(declared), &plan);
        after
            .get(&ResourceKey::new(Kind::APP_PROFILE, AGENTS))
            .cloned()
            .map_or(Json::Null, Json::Object)
    }

    #[test]
    fn a_set_that_says_a_part_is_added_to_what_is_there() {
        let live = json!({"sessionTemplates": ["contoso_a", "contoso_b"]});
        let declared = json!({"sessionTemplates":
            {"mode": "atLeast", "members": ["CONTOSO_A", "contoso_c"], "without": ["contoso_B"]}});
        assert_eq!(
            after(live, declared, &["sessionTemplates"]),
            json!({"sessionTemplates": ["contoso_a", "contoso_c"]})
        );
    }

    #[test]
    fn what_looks_like_a_secret_gets_no_further() {
        let specs = agents(json!({"description": "https://x.example/?api_key=abc123&mode=dark"}));
        let (_, spec) = specs.iter().next().expect("there is one");
        let shown = text(spec, "description").unwrap_or_default();
        assert!(
            !shown.contains("abc123") && shown.contains("mode=dark"),
            "{shown}"
        );
    }

    #[test]
    fn only_what_the_plan_changes_looks_different() {
        let live = json!({"rank": 1, "displayName": "Old", "users": ["3f0c"]});
        let declared = json!({"displayName": "New", "users": ["ada@contoso.com"]});
        assert_eq!(
            after(live, declared, &["displayName"]),
            json!({"rank": 1, "displayName": "New", "users": ["3f0c"]})
        );
    }

    #[test]
    fn what_is_deleted_is_gone_and_what_is_created_is_there() {
        let (live, none) = (agents(json!({})), Specs::default());
        let delete = plan_of(Action::Delete, Kind::APP_PROFILE, AGENTS, &[]);
        assert_eq!(live.carried_out(&none, &delete), none);
        let create = plan_of(Action::Create, Kind::APP_PROFILE, AGENTS, &["displayName"]);
        assert_eq!(none.carried_out(&live, &create), live);
    }
}
