//! Values in the form in which people enter them: texts to type, options to choose, and rows to look up by name.

use deskstate_model::{
    Field, Holds, Kind, Links, PartTable, Referent, ResourceKey, Shown, Written, spaced,
};
use serde_json::Value as Json;

use super::desk::Desk;
use super::{Row, Sentence, Value};
use crate::specs;

/// How to identify a field in a table of boxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// By its label.
    Screen,
    /// By its label and its column.
    Column,
}

/// The label of a row.
pub(super) fn label(field: &Field, naming: Naming) -> Sentence {
    let mut label = Sentence::default().screen(&field.label());
    if let Shown::Labelled(screen) = field.shown
        && !screen.formerly.is_empty()
    {
        let others = screen.formerly.join(" or ");
        label = label.and(&format!(" (also called {others})"));
    }
    match naming {
        Naming::Screen => label,
        Naming::Column => label.and(" (").outside(field.column).and(")"),
    }
}

/// The rows of one field: a single one, or one for each member of a set.
pub(super) fn rows(
    desk: &Desk<'_>,
    key: &ResourceKey,
    field: &'static Field,
    value: &Json,
    naming: Naming,
) -> Vec<Row> {
    let row = |value: Value, member: Option<&str>| Row {
        label: label(field, naming),
        value,
        weight: desk.demands.weight(key, field.word, member),
    };
    match field.holds {
        Holds::Set {
            links: Links::Items(_),
            ..
        } => Vec::new(),
        Holds::Set {
            links: Links::All | Links::Except(_),
            ..
        } if value.as_array().is_some_and(Vec::is_empty) => {
            vec![row(Value::Said(Sentence::of("none")), None)]
        }
        Holds::Set {
            links: Links::All | Links::Except(_),
            ..
        } => members(value)
            .into_iter()
            .map(|(member, how)| {
                let name = name_of_member(member);
                let shown = how.said(of_member(desk, field, member));
                row(shown, Some(&name))
            })
            .collect(),
        Holds::Parts(part) => match part.written {
            Written::Features(names) => entries(value)
                .map(|(word, on)| {
                    let known = names.iter().find(|known| known.word == word);
                    let named = known.filter(|known| !known.label.is_empty());
                    let name = named.map_or_else(
                        || Sentence::default().outside(word),
                        |known| Sentence::default().screen(&known.label()),
                    );
                    Row {
                        label: name,
                        ..row(Value::Said(yes_or_no(on)), Some(word))
                    }
                })
                .collect(),
            Written::Parameters => entries(value)
                .map(|(name, value)| Row {
                    label: Sentence::default().outside(name),
                    ..row(parameter(name, value), Some(name))
                })
                .collect(),
            Written::Set => members(value)
                .into_iter()
                .filter(|(member, how)| !(matches!(how, How::In) && is_item(part, member)))
                .map(|(member, how)| {
                    let name = name_of_member(member);
                    row(how.said(of_member(desk, field, member)), Some(&name))
                })
                .collect(),
            Written::List => Vec::new(),
        },
        _ => vec![row(one(desk, field, value), None)],
    }
}

/// Converts a single value.
pub(super) fn one(desk: &Desk<'_>, field: &Field, value: &Json) -> Value {
    match (field.holds, value) {
        (Holds::Set { .. }, Json::Null) => Value::Said(Sentence::of("none")),
        (_, Json::Null) => Value::Said(Sentence::of("leave it empty")),
        (_, Json::Bool(_)) => Value::Said(yes_or_no(value)),
        (Holds::Choice(options) | Holds::FlagChoice(options) | Holds::Status(options), value) => {
            let word = value.as_str().unwrap_or_default();
            let known = options.iter().find(|option| option.word == word);
            let label = known.map_or_else(|| spaced(word), deskstate_model::Choice::label);
            Value::Said(Sentence::default().screen(&label))
        }
        (Holds::Lookup { to, .. } | Holds::Set { to, .. }, Json::String(name)) => {
            Value::Said(reference(desk, to, name))
        }
        (Holds::Ids { .. }, names) => {
            let listed = |wanted: How| -> String {
                let members = members(names).into_iter();
                let of_one = members.filter(|(_, how)| *how == wanted);
                let names: Vec<&str> = of_one.filter_map(|(name, _)| name.as_str()).collect();
                names.join(", ")
            };
            let said = match listed(How::In).as_str() {
                "" => Sentence::of("leave it empty"),
                names => Sentence::default().outside(names),
            };
            match listed(How::Out).as_str() {
                "" => Value::Said(said),
                out => Value::Said(said.and(", without ").outside(out)),
            }
        }
        (Holds::Owner, value) => {
            let who = |word: &str| value.get(word).and_then(Json::as_str);
            let (kind, name) = match (who("user"), who("team")) {
                (Some(user), _) => ("the user ", user),
                (None, team) => ("the team ", team.unwrap_or_default()),
            };
            Value::Said(Sentence::of(kind).outside(name))
        }
        (_, Json::String(text)) => Value::Typed(text.clone()),
        (_, Json::Number(number)) => Value::Typed(number.to_string()),
        (_, other) => Value::Typed(other.to_string()),
    }
}

fn yes_or_no(value: &Json) -> Sentence {
    let yes = value.as_bool() == Some(true);
    Sentence::default().screen(if yes { "Yes" } else { "No" })
}

/// A row to look up: its display name and its unique name.
fn reference(desk: &Desk<'_>, to: Referent, name: &str) -> Sentence {
    let shown = match to {
        Referent::Named(table) => Kind::of_table(table).and_then(|kind| {
            let spec = desk.spec(&ResourceKey::new(kind, name))?;
            specs::text(spec, "displayName")
        }),
        _ => None,
    };
    match shown {
        Some(shown) => Sentence::default()
            .outside(shown)
            .and(" (")
            .outside(name)
            .and(")"),
        None => Sentence::default().outside(name),
    }
}

/// How a member belongs to a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    In,
    Out,
    Team,
}

impl How {
    fn said(self, member: Sentence) -> Value {
        let before = match self {
            How::In => return Value::Said(member),
            How::Out => "remove ",
            How::Team => "the members of the team ",
        };
        let mut said = Sentence::of(before);
        said.0.extend(member.0);
        Value::Said(said)
    }
}

/// The members of a set in its short or long form.
fn members(value: &Json) -> Vec<(&Json, How)> {
    match value {
        Json::Object(long) => [
            ("members", How::In),
            ("fromTeams", How::Team),
            ("without", How::Out),
        ]
        .into_iter()
        .flat_map(|(word, how)| all(long.get(word), how))
        .collect(),
        short => all(Some(short), How::In),
    }
}

fn all(list: Option<&Json>, how: How) -> Vec<(&Json, How)> {
    let members = list.and_then(Json::as_array).into_iter().flatten();
    members.map(|member| (member, how)).collect()
}

fn of_member(desk: &Desk<'_>, field: &Field, member: &Json) -> Sentence {
    let to = match field.holds {
        Holds::Set { to, .. } => to,
        _ => Referent::Role,
    };
    match member {
        Json::Object(item) => {
            let text = |word: &str| item.get(word).and_then(Json::as_str);
            let said = Sentence::default().outside(text("role").unwrap_or_default());
            match text("businessUnit") {
                Some(unit) => said.and(" of the business unit ").outside(unit),
                None => said,
            }
        }
        member => reference(desk, to, member.as_str().unwrap_or_default()),
    }
}

/// Whether a member of a list or set of parts has its own boxes. A role with its business unit is a single name.
pub(super) fn is_item(part: &PartTable, member: &Json) -> bool {
    let is_role = |field: &Field| {
        matches!(
            field.holds,
            Holds::Lookup {
                to: Referent::Role,
                ..
            }
        )
    };
    member.is_object() && !part.fields.iter().any(is_role)
}

fn name_of_member(member: &Json) -> String {
    let role = member.get("role").unwrap_or(member);
    role.as_str().unwrap_or_default().to_owned()
}

fn entries(value: &Json) -> impl Iterator<Item = (&str, &Json)> {
    let entries = value.as_object().into_iter().flatten();
    entries.map(|(name, value)| (name.as_str(), value))
}

/// The value of a parameter, in the form the page accepts.
fn parameter(name: &str, value: &Json) -> Value {
    match (name, value) {
        ("searchType", Json::String(word)) => {
            let number = if word == "Categorized" { "1" } else { "0" };
            Value::Typed(number.to_owned())
        }
        (_, Json::String(text)) => Value::Typed(text.clone()),
        (_, Json::Object(found)) if matches!(name, "viewId" | "formId" | "dashboardId") => {
            let text = |word: &str| found.get(word).and_then(Json::as_str);
            let mut said = Sentence::of("the id of ").outside(text("name").unwrap_or_default());
            if let Some(table) = text("table") {
                said = said.and(" of the table ").outside(table);
            }
            Value::Said(said)
        }
        (_, other) => Value::Typed(other.to_string()),
    }
}
