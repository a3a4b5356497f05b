//! The value of a field after adoption: the live value, keeping the existing wording where possible.

mod items;

use std::collections::BTreeSet;

use deskstate_model::{Field, Holds, Links, PartTable, Referent, SetMode, Written, fold};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use crate::live::Live;
use crate::lookup::Match;
use crate::lower::Desired;
use crate::plan::Change;
use crate::quirks::loader::Loader;
use crate::raise::{LeftOut, Options, Raised, Users, refused};
use crate::state::{DeclaredResource, DeclaredSet, Lookup, RowKey, Universe};

/// Why a list is not adopted if its items cannot be matched to what is written.
const NOT_PLAIN: &str = "its members come from a variable or from another file: edit it by hand";

/// The two sides of a comparison.
pub(super) struct Side<'a> {
    pub(super) desired: &'a Desired,
    pub(super) live: &'a Live,
    pub(super) options: Options<'a>,
}

/// Whether the keys of a field are owned one by one.
pub(super) fn is_by_key(field: &Field) -> bool {
    matches!(field.holds, Holds::Parts(part) if matches!(part.written, Written::Parameters | Written::Features(_)))
}

/// The written mapping, with the live values of the keys that differ.
pub(super) fn by_key(
    field: &Field,
    parts: &[&str],
    written: &Json,
    raised: &Raised,
) -> Result<Json, String> {
    let Json::Object(written) = written else {
        return Err("it is not written as a mapping".to_owned());
    };
    let word = field.word;
    let live = match raised.spec.get(word) {
        Some(Json::Object(live)) => live.clone(),
        _ => match raised
            .left_out
            .iter()
            .find(|left_out| left_out.path == word)
        {
            Some(left_out) => return Err(left_out.why.clone()),
            None => Map::new(),
        },
    };
    let mut wanted = written.clone();
    for part in parts {
        let key = written
            .keys()
            .find(|key| same_key(field, key, part))
            .map_or(*part, String::as_str);
        let value = live
            .iter()
            .find(|(name, _)| same_key(field, name, part))
            .map(|(_, value)| value.clone());
        let unsayable = raised.left_out.iter().find(|left_out| {
            let of = left_out.path.strip_prefix(word);
            of.and_then(|of| of.strip_prefix('.'))
                .is_some_and(|of| same_key(field, of, part))
        });
        match (value, unsayable) {
            (Some(value), _) => drop(wanted.insert(key.to_owned(), value)),
            (None, Some(left_out)) => return Err(cannot_say(left_out)),
            (None, None) => drop(wanted.shift_remove(key)),
        }
    }
    Ok(Json::Object(wanted))
}

/// Compares two keys. A feature can be written by name or by number.
fn same_key(field: &Field, left: &str, right: &str) -> bool {
    match field.holds {
        Holds::Parts(part) if matches!(part.written, Written::Features(_)) => {
            part.feature_number(left) == part.feature_number(right)
        }
        _ => left == right,
    }
}

/// The new value of a field that is adopted as one value.
pub(super) fn whole(
    side: &Side<'_>,
    change: &Change,
    field: &'static Field,
    written: &Json,
    raised: &Raised,
) -> Result<Json, String> {
    let word = field.word;
    let Some(resource) = side.desired.resources.get(&change.key) else {
        return Err("it is not declared".to_owned());
    };
    let set = resource
        .sets
        .iter()
        .find(|set| set.field.word == word && !set.members_are_parts);
    let at_least = keeps_others(resource, word).unwrap_or_else(|| is_at_least(written));
    match (field.holds, set) {
        (Holds::Parts(part), _) if part.fields.iter().any(|field| part.is_bare(field)) => {
            bare_parts(
                side,
                resource,
                field,
                part,
                written,
                list(word, at_least, raised)?,
            )
        }
        (Holds::Parts(part), _) if matches!(part.written, Written::List | Written::Set) => {
            let live = list(word, at_least, raised)?;
            items::items(field, change, written, live, at_least)
        }
        (
            Holds::Set {
                links: Links::Items(_),
                ..
            },
            _,
        ) => {
            let live = list(word, at_least, raised)?;
            items::items(field, change, written, live, at_least)
        }
        (
            Holds::Set {
                links: Links::All | Links::Except(_),
                ..
            },
            Some(set),
        ) => members(side, change, set, written, raised),
        _ => {
            let mut others = change.key.kind.fields().iter();
            let other = others.find(|other| {
                other.column == field.column
                    && other.word != word
                    && raised.spec.contains_key(other.word)
            });
            match other {
                Some(other) if !raised.spec.contains_key(word) => Err(format!(
                    "the live value can only be written as `{}`: replace the field by hand",
                    other.word
                )),
                _ => left_out(raised, word),
            }
        }
    }
}

/// Returns the value, unless it is empty or contains an empty field and a manifest cannot express that.
pub(super) fn sayable(field: &Field, value: Json) -> Result<Json, String> {
    if value.is_null() && !field.is_clearable() {
        let or = if field.is_needed() {
            ""
        } else {
            ", or remove the field"
        };
        return Err(format!(
            "the live field is empty, which a manifest cannot express: apply it{or}"
        ));
    }
    for item in listed(&value, "members").into_iter().flatten() {
        let empty = field
            .items()
            .find(|field| !field.is_clearable() && item.get(field.word).is_some_and(Json::is_null));
        if let Some(field) = empty {
            return Err(lost(field.word, item));
        }
    }
    Ok(value)
}

/// Why a list is not adopted if one of its items has lost a value.
fn lost(key: &str, item: &Json) -> String {
    let name = ["name", "tool", "shared", "displayName", "header"]
        .iter()
        .find_map(|word| item.get(word)?.as_str())
        .unwrap_or("an item");
    format!(
        "the environment has no `{key}` for {name}, which a manifest cannot express: apply it, or remove the key"
    )
}

fn cannot_say(left_out: &LeftOut) -> String {
    format!("a manifest cannot express the live value: {}", left_out.why)
}

/// Returns the raised value, or the reason why it was left out.
fn left_out(raised: &Raised, word: &str) -> Result<Json, String> {
    if let Some(value) = raised.spec.get(word) {
        return Ok(value.clone());
    }
    match raised.left_out.iter().find(|left_out| {
        left_out.path == word || left_out.path.is_empty() && left_out.why.contains(word)
    }) {
        Some(left_out) => Err(cannot_say(left_out)),
        None => Ok(Json::Null),
    }
}

/// Returns the raised list. An exact list has to name everything that is live: the next apply would remove anything it does not name.
fn list(word: &str, at_least: bool, raised: &Raised) -> Result<Json, String> {
    let unnamed = raised
        .left_out
        .iter()
        .find(|left_out| left_out.path == word);
    match unnamed {
        Some(left_out) if !at_least => Err(cannot_say(left_out)),
        _ => left_out(raised, word),
    }
}

/// Whether a list leaves alone what it does not name. An overlay can take the mode from its base.
fn keeps_others(resource: &DeclaredResource, word: &str) -> Option<bool> {
    let lists = resource.part_lists.iter();
    let lists = lists.map(|list| (list.field.word, list.mode));
    let sets = resource.sets.iter().map(|set| (set.field.word, set.mode));
    let mode = lists.chain(sets).find(|(of, _)| *of == word)?.1;
    Some(mode == SetMode::AtLeast)
}

fn is_at_least(written: &Json) -> bool {
    written.get("mode").and_then(Json::as_str) == Some("atLeast")
}

/// The listed items of a set, in its short or long form.
fn listed<'a>(written: &'a Json, word: &str) -> Option<&'a Vec<Json>> {
    match written {
        Json::Array(items) => Some(items),
        Json::Object(set) => set.get(word).and_then(Json::as_array),
        _ => None,
    }
}

/// Returns the set in its original form, with new members and exclusions.
fn with_lists(written: &Json, members: Vec<Json>, without: Option<Vec<Json>>) -> Json {
    match written {
        Json::Object(set) => {
            let mut set = set.clone();
            if set.contains_key("members") || !members.is_empty() {
                set.insert("members".to_owned(), Json::Array(members));
            }
            if let Some(without) = without
                && set.contains_key("without")
            {
                set.insert("without".to_owned(), Json::Array(without));
            }
            Json::Object(set)
        }
        _ => Json::Array(members),
    }
}

fn members(
    side: &Side<'_>,
    change: &Change,
    set: &DeclaredSet,
    written: &Json,
    raised: &Raised,
) -> Result<Json, String> {
    let word = set.field.word;
    let mut of_packages = set.members.iter().filter_map(|member| {
        let package = member.package.as_ref()?;
        let id = side.live.find(&member.key).one();
        let mut live = side.live.links(set.relationship).members(change.id);
        let is_gone = id.is_none_or(|id| !live.any(|member| member == id));
        is_gone.then(|| (member.key.label(), package))
    });
    if let Some((member, package)) = of_packages.next() {
        return Err(format!(
            "`{member}` comes from the package {package}, which adds it: apply it, or take the package out of the project"
        ));
    }
    if written.is_null() {
        // If nothing is written, only an implied member can differ.
        return left_out(raised, word);
    }
    let live: Vec<Uuid> = side
        .live
        .links(set.relationship)
        .members(change.id)
        .filter(|id| match &set.universe {
            Universe::All => true,
            Universe::Except(key) => side.live.find(key).one() != Some(*id),
            Universe::Only(key) => side.live.find(key).one() == Some(*id),
        })
        .collect();
    let declared: Vec<&RowKey> = set
        .members
        .iter()
        .filter(|member| !member.implied && member.package.is_none())
        .map(|member| &member.key)
        .collect();
    let empty = Vec::new();
    let items = listed(written, "members").unwrap_or(&empty);
    if items.len() != declared.len() {
        return Err(NOT_PLAIN.to_owned());
    }
    // Members that follow from others, or that packages add, are in no list of the project.
    let unwritten = set.members.iter();
    let unwritten = unwritten.filter(|member| member.implied || member.package.is_some());
    let mut known: Vec<Uuid> = unwritten
        .filter_map(|member| side.live.find(&member.key).one())
        .collect();
    let mut kept = Vec::new();
    for (item, key) in items.iter().zip(declared) {
        match side.live.find(key) {
            Match::One(id) if !live.contains(&id) => {}
            // A member that cannot be identified stays: this does not prove that it is gone.
            Match::One(id) | Match::Unfit(id, _) => {
                known.push(id);
                kept.push(item.clone());
            }
            Match::None | Match::Several(_) | Match::Unknown(_) => kept.push(item.clone()),
        }
    }
    let from_teams: Vec<Uuid> = set
        .from_teams
        .iter()
        .filter_map(|(team, _)| side.live.found.teams.get(&fold(team)))
        .flatten()
        .flat_map(|team| team.members.iter().copied())
        .collect();
    let kept_out: Vec<Uuid> = set
        .without
        .iter()
        .filter_map(|member| side.live.find(&member.key).one())
        .collect();
    let missing: BTreeSet<Uuid> = from_teams
        .iter()
        .copied()
        .filter(|id| !live.contains(id) && !kept_out.contains(id))
        .filter(|id| {
            let user = side.live.found.users.get(id);
            user.is_some_and(|user| user.unfit().is_none())
        })
        .collect();
    if set.mode == SetMode::Exact && !missing.is_empty() {
        return Err(
            "some members of a team that it names are missing; an exact set cannot express that"
                .to_owned(),
        );
    }
    if set.mode == SetMode::Exact {
        let others = live
            .iter()
            .filter(|id| !known.contains(id) && !from_teams.contains(id));
        let mut nameless = Vec::new();
        for id in others {
            match name_of(side, set, *id) {
                Ok(name) => kept.push(json!(name)),
                Err(why) => nameless.push(why),
            }
        }
        // Report all of them, so that people need not find them one by one.
        if !nameless.is_empty() {
            return Err(nameless.join("; "));
        }
    }
    let excluded = listed(written, "without").map(|items| {
        items
            .iter()
            .zip(&set.without)
            .filter(|(_, member)| {
                side.live
                    .find(&member.key)
                    .one()
                    .is_none_or(|id| !live.contains(&id))
            })
            .map(|(item, _)| item.clone())
            .collect()
    });
    let mut adopted = with_lists(written, kept, excluded);
    // A member of a team who is gone can only be excluded.
    if !missing.is_empty()
        && let Json::Object(adopted) = &mut adopted
    {
        let mut without = listed(&Json::Object(adopted.clone()), "without")
            .cloned()
            .unwrap_or_default();
        for id in missing {
            without.push(json!(name_of(side, set, id)?));
        }
        adopted.insert("without".to_owned(), Json::Array(without));
    }
    // An implied member that is gone can only be excluded.
    let implied = set.members.iter().filter(|member| member.implied);
    let gone: Vec<String> = implied
        .filter(|member| {
            let id = side.live.find(&member.key).one();
            id.is_none_or(|id| !live.contains(&id))
        })
        .map(|member| member.key.label())
        .filter(|name| Loader::named(name).is_none_or(|loader| !loader.is_done_without(side.live)))
        .collect();
    if !gone.is_empty() {
        let members = listed(&adopted, "members").cloned().unwrap_or_default();
        let mut without = match &adopted {
            Json::Object(_) => listed(&adopted, "without").cloned().unwrap_or_default(),
            _ => Vec::new(),
        };
        without.extend(gone.into_iter().map(Json::from));
        adopted = json!({"mode": "atLeast", "members": members, "without": without});
    }
    Ok(adopted)
}

fn name_of(side: &Side<'_>, set: &DeclaredSet, id: Uuid) -> Result<String, String> {
    let is_user = matches!(
        set.field.holds,
        Holds::Set {
            to: Referent::User,
            ..
        }
    );
    if is_user {
        let user = side
            .live
            .found
            .users
            .get(&id)
            .ok_or_else(|| format!("the user {id} cannot be read"))?;
        return match (side.options.users, user.object_id) {
            (Users::ObjectId, Some(id)) => Ok(id.to_string()),
            _ if user.name.is_empty() => Err(format!("the user {id} has no name to write")),
            _ => match side.live.look_up(&Lookup::User(user.name.clone())) {
                Match::Several(_) => Err(format!("several users are called {} ({id})", user.name)),
                _ => Ok(user.name.clone()),
            },
        };
    }
    let table = set.relationship.member;
    let row = side
        .live
        .row(table, id)
        .ok_or_else(|| format!("{id} cannot be read"))?;
    let name = crate::kinds::name_of(table, &row.row).unwrap_or_default();
    let name = name.trim();
    if name.is_empty() {
        return Err(format!("the row {id} that it links to has no unique name"));
    }
    if let Some(why) = refused(name) {
        return Err(format!("the unique name of {id} cannot be written: {why}"));
    }
    match side.live.table(table).named(&fold(name)) {
        [_] => Ok(name.to_owned()),
        _ => Err(format!("several rows have the unique name of {id}")),
    }
}

/// What people call a part that is written as a plain name or, if that does not say all, as a mapping.
fn told_as(part: &'static PartTable, item: &Json) -> Option<String> {
    let field = |which: &dyn Fn(&Field) -> bool| {
        let field = part.fields.iter().find(|field| which(field))?;
        item.get(field.word)?.as_str()
    };
    let name = item
        .as_str()
        .or_else(|| field(&|field| part.is_bare(field)))?;
    let unit = field(&|field| matches!(field.holds, Holds::BusinessUnit));
    Some(deskstate_model::of_unit(name, unit))
}

/// Parts that are written as plain names, such as roles. Existing ones stay as they are written; others are added by name.
fn bare_parts(
    side: &Side<'_>,
    resource: &DeclaredResource,
    field: &Field,
    part: &'static PartTable,
    written: &Json,
    raised: Json,
) -> Result<Json, String> {
    let empty = Vec::new();
    let items = listed(written, "members").unwrap_or(&empty);
    let declared: Vec<&RowKey> = resource
        .parts
        .iter()
        .map(|part| &part.key)
        .filter(|key| key.table() == Some(part.table))
        .collect();
    if items.len() != declared.len() {
        return Err(NOT_PLAIN.to_owned());
    }
    let exact = resource
        .part_lists
        .iter()
        .any(|list| list.field.word == field.word && list.mode == SetMode::Exact);
    let mut kept = Vec::new();
    let mut names = Vec::new();
    for (item, key) in items.iter().zip(declared) {
        if !matches!(side.live.find(key), Match::None) {
            kept.push(item.clone());
            names.push(fold(&key.label()));
        }
    }
    if exact {
        let added = listed(&raised, "members").into_iter().flatten();
        let is_new =
            |item: &&Json| told_as(part, item).is_some_and(|name| !names.contains(&fold(&name)));
        kept.extend(added.filter(is_new).cloned());
    }
    let excluded = listed(written, "without").map(|items| {
        let lists = resource.part_lists.iter();
        let lists = lists.filter(|list| list.field.word == field.word);
        let keys = lists.flat_map(|list| &list.without);
        let absent = items.iter().zip(keys).filter(|(_, key)| {
            // One that cannot be identified stays excluded.
            !matches!(side.live.find(key), Match::One(_))
        });
        absent.map(|(item, _)| item.clone()).collect()
    });
    Ok(with_lists(written, kept, excluded))
}
