//! Decodes records from nodes, guided by the tables of their fields.

use std::collections::BTreeMap;

use crate::decoder::Decoder;
use crate::diagnostic::Diagnostic;
use crate::given::Given;
use crate::parameters::Parameters;
use crate::record::{Record, Set, Value};
use crate::set::{Owner, Reference, SetMode};
use crate::span::{Span, Spanned};
use crate::table::{Field, Holds, Links, PartTable, Referent, Written};
use crate::yaml::{Node, NodeValue};

/// Reads the fields of a mapping; rejects keys that the table does not have.
pub(crate) fn record(fields: &'static [Field], node: &Node, decoder: &mut Decoder<'_>) -> Record {
    let mut record = Record::empty(fields);
    for entry in node.entries() {
        let place = fields
            .iter()
            .position(|field| field.word == &*entry.key && field.is_written);
        match place {
            Some(place) => record.put(place, given(&fields[place], &entry.value, decoder)),
            None => decoder.reject(),
        }
    }
    record.shrink();
    record
}

/// Reads one field: `null`, or a value.
fn given(field: &'static Field, node: &Node, decoder: &mut Decoder<'_>) -> Given<Value> {
    match &node.value {
        NodeValue::Unresolved(_) => Given::Absent,
        NodeValue::Null if field.is_clearable() => Given::Clear(node.span),
        _ => match value(field, node, decoder) {
            Some(value) => Given::Value(Spanned::new(value, node.span)),
            None => Given::Absent,
        },
    }
}

/// Reads a value. A value that does not fit the schema of its field is rejected through the decoder, and the schema words the finding.
fn value(field: &'static Field, node: &Node, decoder: &mut Decoder<'_>) -> Option<Value> {
    match field.holds {
        Holds::Text if field.names.is_some() => decoder
            .text(node, field.max_length)
            .map(|name| Value::Name(Reference::new(name))),
        Holds::Text | Holds::UniqueName | Holds::BusinessUnit => {
            text(node, field.max_length, decoder)
        }
        Holds::Json | Holds::JsonOrText => json(field, node, decoder),
        Holds::Number | Holds::Position => {
            let (smallest, greatest) = field.range.unwrap_or((i64::MIN, i64::MAX));
            let number = node
                .as_int()
                .filter(|number| (smallest..=greatest).contains(number));
            decoder.fits(number).map(Value::Number)
        }
        Holds::Flag | Holds::InvertedFlag => decoder.fits(node.as_flag()).map(Value::Flag),
        Holds::Choice(options) | Holds::FlagChoice(options) | Holds::Status(options) => {
            let option = options.iter().find(|option| is_word(node, option.word));
            decoder
                .fits(option)
                .map(|option| Value::Choice(option.word))
        }
        Holds::Lookup { to, .. } => name(to, node, decoder),
        Holds::Ids { to, .. } => {
            let member: ReadMember<'_> = &|node, decoder| name(to, node, decoder);
            set(node, false, field.list_means, [member, member], decoder)
        }
        Holds::Owner => owner(node, decoder),
        Holds::Set { to, links, .. } => match links {
            Links::All | Links::Except(_) => {
                let users = matches!(to, Referent::User);
                let named = |node: &Node, decoder: &mut Decoder<'_>| name(to, node, decoder);
                set(node, users, field.list_means, [&named, &named], decoder)
            }
            Links::Only(_) => decoder.fits(node.as_flag()).map(Value::Flag),
            Links::One => name(to, node, decoder),
            Links::Items(kinds) => {
                let fields = |item: &Node| match kinds.shared.first() {
                    Some(field) if item.get(field.word).is_some() => kinds.shared,
                    _ => kinds.own,
                };
                items(field, node, &fields, decoder)
            }
        },
        Holds::Parts(part) => match part.written {
            Written::List => items(field, node, &|_| part.fields, decoder),
            Written::Set => {
                let member = |node: &Node, decoder: &mut Decoder<'_>| member(part, node, decoder);
                let without = |node: &Node, decoder: &mut Decoder<'_>| told(part, node, decoder);
                set(node, false, field.list_means, [&member, &without], decoder)
            }
            Written::Features(_) => features(part, node, decoder),
            Written::Parameters => Parameters::decode(node, decoder).map(Value::Parameters),
        },
        Holds::ParametersCopy | Holds::Option | Holds::OneOf(_) => decoder.fits(None),
    }
}

fn text(node: &Node, max_length: Option<u32>, decoder: &mut Decoder<'_>) -> Option<Value> {
    decoder
        .text(node, max_length)
        .map(|text| Value::Text(text.to_owned()))
}

fn name(to: Referent, node: &Node, decoder: &mut Decoder<'_>) -> Option<Value> {
    match to {
        Referent::Named(_) => decoder
            .text(node, None)
            .map(|name| Value::Name(Reference::new(name))),
        Referent::User
        | Referent::WebResource
        | Referent::Macro
        | Referent::Role
        | Referent::Row(_) => text(node, None, decoder),
    }
}

fn json(field: &Field, node: &Node, decoder: &mut Decoder<'_>) -> Option<Value> {
    match &node.value {
        NodeValue::Text(written) => {
            decoder.report_json_text(written, node.span);
            if matches!(field.holds, Holds::Json) {
                decoder.report_no_json(field.word, written, node.span);
            }
            text(node, field.max_length, decoder)
        }
        NodeValue::Map(_) | NodeValue::List(_) => {
            decoder.report_spellings(node);
            decoder.report_curly_quotes_within(node);
            Some(Value::Json(Box::new(node.to_json())))
        }
        NodeValue::Opaque(value) => Some(Value::Json(value.clone())),
        NodeValue::Null
        | NodeValue::Flag(_)
        | NodeValue::Int(_)
        | NodeValue::Float(_)
        | NodeValue::Spelled(_)
        | NodeValue::Unresolved(_) => decoder.fits(None),
    }
}

/// Whether a value is the word of an option. A word that looks like a number, such as `2.0`, may be written as one.
fn is_word(node: &Node, word: &str) -> bool {
    match *node.plain() {
        NodeValue::Text(ref text) => **text == *word,
        NodeValue::Int(_) | NodeValue::Float(_) => {
            let number = match *node.plain() {
                NodeValue::Float(number) => Some(number),
                _ => node
                    .as_int()
                    .and_then(|number| i32::try_from(number).ok())
                    .map(f64::from),
            };
            number.is_some() && word.parse::<f64>().ok() == number
        }
        _ => false,
    }
}

fn owner(node: &Node, decoder: &mut Decoder<'_>) -> Option<Value> {
    decoder.fits(node.is_map().then_some(()))?;
    let [entry] = node.entries() else {
        return decoder.fits(None);
    };
    let owner: fn(String) -> Owner = match &*entry.key {
        "user" => Owner::User,
        "team" => Owner::Team,
        _ => return decoder.fits(None),
    };
    let name = decoder.text(&entry.value, None)?;
    Some(Value::Owner(owner(name.to_owned())))
}

type ReadMember<'a> = &'a dyn Fn(&Node, &mut Decoder<'_>) -> Option<Value>;

fn set(
    node: &Node,
    users: bool,
    list_means: SetMode,
    [member, without]: [ReadMember<'_>; 2],
    decoder: &mut Decoder<'_>,
) -> Option<Value> {
    let set = |set| Some(Value::Set(Box::new(set)));
    if let NodeValue::List(items) = &node.value {
        return set(Set {
            mode: list_means,
            ..Set::exact(members(items, member, decoder), node.span)
        });
    }
    decoder.fits(node.is_map().then_some(()))?;
    let mut found = Set::exact(Vec::new(), node.span);
    let mut mode = None;
    for entry in node.entries() {
        let value = &entry.value;
        let listed = |member: ReadMember<'_>, decoder: &mut Decoder<'_>| {
            let items = decoder.list(value).unwrap_or_default();
            members(items, member, decoder)
        };
        match &*entry.key {
            "mode" => {
                mode = [SetMode::Exact, SetMode::AtLeast]
                    .into_iter()
                    .find(|mode| value.as_text() == Some(mode.as_str()));
                decoder.fits(mode);
            }
            "members" => found.members = listed(member, decoder),
            "without" => found.without = listed(without, decoder),
            "fromTeams" if users => {
                let teams = listed(&|node, decoder| text(node, None, decoder), decoder);
                let name = |team: Spanned<Value>| {
                    Some(Spanned::new(team.value.as_text()?.to_owned(), team.span))
                };
                found.from_teams = teams.into_iter().filter_map(name).collect();
            }
            "moves" if users => {
                let word = value
                    .as_text()
                    .filter(|word| ["allow", "refuse"].contains(word));
                found.moves = decoder.fits(word) == Some("allow");
            }
            _ => decoder.reject(),
        }
    }
    if node.get("mode").is_none() {
        decoder.reject();
    }
    found.mode = mode?;
    set(found)
}

fn members(
    items: &[Node],
    member: ReadMember<'_>,
    decoder: &mut Decoder<'_>,
) -> Vec<Spanned<Value>> {
    items
        .iter()
        .filter_map(|item| Some(Spanned::new(member(item, decoder)?, item.span)))
        .collect()
}

/// Reads a member of a set of parts: either only the value that identifies it, or a mapping.
fn member(part: &'static PartTable, node: &Node, decoder: &mut Decoder<'_>) -> Option<Value> {
    let identity = part.fields.iter().position(|field| part.is_bare(field));
    match identity {
        Some(place) if !node.is_map() => {
            let mut record = Record::empty(part.fields);
            let value = value(&part.fields[place], node, decoder)?;
            record.put(place, Given::Value(Spanned::new(value, node.span)));
            record.shrink();
            Some(Value::Item(record))
        }
        _ => item(part.fields, node, decoder).map(Value::Item),
    }
}

/// Reads a part that must not exist: the value that identifies it, alone or in a mapping.
fn told(part: &'static PartTable, node: &Node, decoder: &mut Decoder<'_>) -> Option<Value> {
    let place = part.fields.iter().position(|field| part.is_identity(field));
    let (Some(place), false) = (place, node.is_map()) else {
        let record = record(part.fields, node, decoder);
        let identity = part.fields.iter().find(|field| part.is_identity(field))?;
        decoder.fits(node.get(identity.word))?;
        return Some(Value::Item(record));
    };
    let mut record = Record::empty(part.fields);
    let value = value(&part.fields[place], node, decoder)?;
    record.put(place, Given::Value(Spanned::new(value, node.span)));
    record.shrink();
    Some(Value::Item(record))
}

fn items(
    field: &Field,
    node: &Node,
    fields: &dyn Fn(&Node) -> &'static [Field],
    decoder: &mut Decoder<'_>,
) -> Option<Value> {
    let items = decoder.list(node)?;
    if field
        .max_items
        .is_some_and(|max| items.len() > max as usize)
    {
        decoder.reject();
    }
    let items = items
        .iter()
        .filter_map(|node| Some(Spanned::new(item(fields(node), node, decoder)?, node.span)));
    Some(Value::Items(items.collect()))
}

/// Reads one item; `None` if it lacks its essential field.
fn item(fields: &'static [Field], node: &Node, decoder: &mut Decoder<'_>) -> Option<Record> {
    if matches!(node.value, NodeValue::Unresolved(_)) {
        return None;
    }
    decoder.fits(node.is_map().then_some(()))?;
    let record = record(fields, node, decoder);
    let mut is_whole = true;
    for field in fields {
        if field.is_required() && field.is_written {
            is_whole &= record.get(field).value().is_some();
            decoder.fits(node.get(field.word));
        }
        if let Holds::OneOf(words) = field.holds {
            let written = words.iter().filter(|one| node.get(one.word).is_some());
            decoder.fits((written.count() == 1).then_some(()))?;
            is_whole &= words
                .iter()
                .filter_map(|one| fields.iter().find(|field| field.word == one.word))
                .any(|field| record.get(field).value().is_some());
        }
    }
    is_whole.then_some(record)
}

fn features(part: &PartTable, node: &Node, decoder: &mut Decoder<'_>) -> Option<Value> {
    decoder.fits(node.is_map().then_some(()))?;
    let mut features: Vec<(Spanned<i64>, Spanned<bool>)> = Vec::new();
    let mut seen: BTreeMap<i64, Span> = BTreeMap::new();
    for entry in node.entries() {
        let Some(number) = decoder.fits(part.feature_number(&entry.key)) else {
            continue;
        };
        if matches!(entry.value.value, NodeValue::Unresolved(_)) {
            continue;
        }
        let Some(enabled) = decoder.fits(entry.value.as_flag()) else {
            continue;
        };
        if let Some(first) = seen.insert(number, entry.key_span) {
            decoder.report(
                Diagnostic::error(
                    "duplicate-key",
                    format!("feature {number} is set by name and by number"),
                )
                .at(entry.key_span, "again")
                .also(first, "first here")
                .help("remove one of the two"),
            );
            continue;
        }
        features.push((
            Spanned::new(number, entry.key_span),
            Spanned::new(enabled, entry.value.span),
        ));
    }
    Some(Value::Features(features))
}
