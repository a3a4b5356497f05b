//! Values of columns: resolved to ids, compared as the server compares them, shown in the terms of manifests, and written.

use std::collections::BTreeSet;

use deskstate_dataverse::{Cell, Row, Value as Wire};
use deskstate_model::{EnvironmentFacts, Field, Holds, same_but_ids, same_json};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::kinds::target_table;
use crate::live::Live;
use crate::state::{Lookup, RowKey, Stored, fold};

/// A value whose rows have all been found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Resolved {
    /// No value; the column is cleared.
    Null,
    /// Text.
    Text(String),
    /// A number or a choice.
    Number(i64),
    /// A yes/no column.
    Flag(bool),
    /// JSON kept as text.
    Json(Json),
    /// A lookup.
    Row {
        /// The entity set of the row.
        set: &'static str,
        /// The primary key of the row.
        id: Uuid,
        /// The display name.
        label: String,
    },
    /// Ids in one text, with the display names of their rows, in the order of the ids.
    Ids(Vec<(Uuid, String)>),
    /// Ids that one text must contain, and ids that it must not contain.
    IdsAmong {
        /// The required ids with the display names of their rows, in the order of the ids.
        with: Vec<(Uuid, String)>,
        /// The excluded ids.
        without: BTreeSet<Uuid>,
    },
    /// An id that is stored as text.
    IdText {
        /// The id.
        id: Uuid,
        /// The display name of the row.
        label: String,
    },
}

/// Normalizes a text as the server does for comparison: CRLF becomes LF. Any run of CR before LF is removed, so that a normalized text
/// stays unchanged.
pub(crate) fn normal(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        match line.strip_suffix('\n') {
            Some(line) => {
                normal.push_str(line.trim_end_matches('\r'));
                normal.push('\n');
            }
            None => normal.push_str(line),
        }
    }
    normal
}

fn same_text(declared: &str, live: &Cell) -> bool {
    match live {
        Cell::Text(text) if text.contains('\r') || declared.contains('\r') => {
            same_but_ids(&normal(declared), &normal(text))
        }
        Cell::Text(text) => same_but_ids(declared, text),
        _ => false,
    }
}

/// Compares parameters that are flags. They are stored as text, and people and products write them in any case.
fn same_parameter(declared: &str, live: &Cell) -> bool {
    let is_flag = |text: &str| {
        ["true", "false"]
            .iter()
            .any(|flag| text.eq_ignore_ascii_case(flag))
    };
    live.as_text()
        .is_some_and(|live| is_flag(live) && live.eq_ignore_ascii_case(declared))
}

/// Compares texts whose format only the product knows: as JSON, if they are JSON.
fn same_opaque(declared: &str, live: &Cell) -> bool {
    let parse = |text: &str| serde_json::from_str::<Json>(text).ok();
    matches!((parse(declared), live.as_text().and_then(parse)), (Some(left), Some(right)) if same_json(&left, &right))
}

fn is_empty(live: &Cell) -> bool {
    matches!(live, Cell::Null) || live.as_text() == Some("")
}

/// Whether a live row already has the value. Plan, drift and read-back all use this comparison.
pub(crate) fn holds(field: &Field, value: &Resolved, row: &Row) -> bool {
    let read_name = field.read_name();
    let live = row.get(&read_name);
    match (value, field.holds) {
        (Resolved::Null, Holds::ParametersCopy) => true,
        // A missing second copy contradicts nothing; the rows are what counts.
        (_, Holds::ParametersCopy) if is_empty(live) => true,
        (Resolved::Null, _) => is_empty(live),
        (Resolved::Json(declared), _) => holds_json(field, declared, live),
        (Resolved::Text(text), _) => holds_text(field, text, live),
        (Resolved::Number(number), _) => live.as_int() == Some(*number),
        (Resolved::Flag(flag), _) => live.as_flag().or(null_flag(field)) == Some(*flag),
        (Resolved::Row { id, .. }, _) => row.uuid(&read_name) == Some(*id),
        (Resolved::Ids(ids), _) => {
            ids_in(live).is_some_and(|live| live.into_iter().eq(ids.iter().map(|(id, _)| *id)))
        }
        (Resolved::IdsAmong { with, without }, _) => ids_in(live).is_some_and(|live| {
            with.iter().all(|(id, _)| live.contains(id)) && live.is_disjoint(without)
        }),
        (Resolved::IdText { id, .. }, _) => {
            live.as_text()
                .and_then(|text| Uuid::parse_str(text.trim()).ok())
                == Some(*id)
        }
    }
}

/// Whether a live row has a text or JSON value as it is declared. This is [`holds`] for what refers to no other row, without a copy of the
/// value; false decides nothing.
pub(crate) fn holds_as_declared(field: &Field, value: &Stored, row: &Row) -> bool {
    let live = row.get(&field.read_name());
    match value {
        Stored::Text(text) => holds_text(field, text, live),
        Stored::Json(declared) => holds_json(field, declared, live),
        _ => false,
    }
}

fn holds_json(field: &Field, declared: &Json, live: &Cell) -> bool {
    match field.holds {
        Holds::ParametersCopy => copy_agrees(declared, live),
        _ => live
            .as_text()
            .and_then(|text| serde_json::from_str::<Json>(text).ok())
            .is_some_and(|live| same_json(declared, &live)),
    }
}

fn holds_text(field: &Field, text: &str, live: &Cell) -> bool {
    let is_opaque = || matches!(field.holds, Holds::Json) && same_opaque(text, live);
    let is_same_parameter = || is_parameter(field) && same_parameter(text, live);
    same_text(text, live) || is_opaque() || is_same_parameter()
}

fn is_parameter(field: &Field) -> bool {
    std::ptr::eq(field, crate::kinds::parameter_value())
}

/// The value that the product assumes for a missing flag, in the sense of the column.
fn null_flag(field: &Field) -> Option<bool> {
    field.null_reads_as.map(|flag| {
        if matches!(field.holds, Holds::InvertedFlag) {
            !flag
        } else {
            flag
        }
    })
}

/// Names of the parameters of which the second copy has another value than the declared one; `None` if the copy cannot be read so.
pub(crate) fn differing_in_copy(declared: &Json, live: &Cell) -> Option<Vec<String>> {
    let read: Json = serde_json::from_str(live.as_text()?).ok()?;
    read.as_object()?;
    let names = declared.as_object()?.iter();
    let differs = |(name, value): &(&String, &Json)| {
        let one = Json::Object([((*name).clone(), (*value).clone())].into_iter().collect());
        !copy_agrees(&one, live)
    };
    Some(
        names
            .filter(differs)
            .map(|(name, _)| name.clone())
            .collect(),
    )
}

/// Whether the second copy of the parameters has the same value for each declared one. The product stores more in it, and slashes may be
/// escaped twice. For a website, both forms that the product has written are accepted.
fn copy_agrees(declared: &Json, live: &Cell) -> bool {
    let live = live
        .as_text()
        .and_then(|text| serde_json::from_str::<Json>(text).ok());
    let (Json::Object(declared), Some(Json::Object(live))) = (declared, live) else {
        return false;
    };
    let text = |value: Option<&Json>| {
        value
            .and_then(|value| value.get("value"))
            .and_then(Json::as_str)
            .map(|text| text.replace("\\/", "/"))
            .unwrap_or_default()
    };
    let same = |left: &str, right: &str| {
        same_but_ids(left, right) || same_parameter(left, &Cell::from(right))
    };
    if let Some(address) = address_in_container(&live)
        && declared.contains_key("url")
        && !live.contains_key("url")
    {
        let whole = text(declared.get("url")) + &text(declared.get("data"));
        return same(&whole.replace("%3D", "="), &address.replace("\\/", "/"));
    }
    declared
        .iter()
        .all(|(name, value)| same(&text(Some(value)), &text(live.get(name))))
}

/// Whether a live text is the result of a written one. `copies` states that the column repeats parameters.
pub(crate) fn became(written: &str, live: &Cell, copies: bool, is_json: bool) -> bool {
    if copies {
        let written = serde_json::from_str::<Json>(written).ok();
        return is_empty(live) || written.is_some_and(|written| copy_agrees(&written, live));
    }
    same_text(written, live) || is_json && same_opaque(written, live)
}

/// The value in the terms of manifests.
pub(crate) fn show(field: &Field, value: &Resolved) -> Json {
    match (value, field.holds) {
        (Resolved::Null, _) => Json::Null,
        (Resolved::Text(text), _) => json!(text),
        (Resolved::Number(number), holds) => show_number(holds, *number),
        (Resolved::Flag(flag), holds) => show_flag(holds, *flag),
        (Resolved::Json(value), _) => value.clone(),
        (Resolved::Ids(ids) | Resolved::IdsAmong { with: ids, .. }, holds) => {
            show_ids(holds, ids.iter().map(|(_, label)| label.clone()))
        }
        (Resolved::Row { label, .. } | Resolved::IdText { label, .. }, _) => json!(label),
    }
}

fn show_number(holds: Holds, number: i64) -> Json {
    match holds {
        Holds::Choice(options) | Holds::Status(options) | Holds::OneOf(options) => {
            match (options.iter().find(|choice| choice.number == number), holds) {
                // The action of an item follows from its other fields, so manifests have no word for it.
                (Some(choice), Holds::OneOf(_)) => json!(choice.meaning),
                (Some(choice), _) => json!(choice.word),
                (None, _) => json!(number),
            }
        }
        _ => json!(number),
    }
}

fn show_flag(holds: Holds, flag: bool) -> Json {
    match holds {
        Holds::InvertedFlag => json!(!flag),
        Holds::FlagChoice(options) => {
            match options.iter().find(|choice| (choice.number == 1) == flag) {
                Some(choice) => json!(choice.word),
                None => json!(flag),
            }
        }
        _ => json!(flag),
    }
}

/// A live column in the terms of manifests: the counterpart of [`show`].
pub(crate) fn show_live(field: &Field, row: &Row, live: &Live) -> Json {
    let read_name = field.read_name();
    let cell = row.get(&read_name);
    match (field.holds, cell) {
        (Holds::Lookup { to, .. }, _) => match row.uuid(&read_name) {
            Some(id) => json!(live.label(target_table(to), id)),
            None => Json::Null,
        },
        (Holds::Ids { to, .. }, Cell::Text(text)) => match ids_in(cell).and(ids_of(text)) {
            Some(ids) => {
                let names = ids.into_iter().map(|id| live.label(target_table(to), id));
                show_ids(field.holds, names)
            }
            None => json!(&**text),
        },
        (Holds::Owner, _) => match row.uuid(&read_name) {
            Some(id) => json!(live.label(&deskstate_model::tables::USER, id)),
            None => Json::Null,
        },
        (_, Cell::Null) => match null_flag(field) {
            Some(flag) => show_flag(field.holds, flag),
            None => Json::Null,
        },
        (Holds::Json | Holds::JsonOrText | Holds::ParametersCopy, Cell::Text(text)) => {
            match serde_json::from_str::<Json>(text) {
                Ok(value @ (Json::Object(_) | Json::Array(_))) => value,
                _ => json!(&**text),
            }
        }
        (_, Cell::Text(text)) if text.is_empty() => Json::Null,
        (_, Cell::Text(text)) => json!(normal(text)),
        (holds, Cell::Int(number)) => show_number(holds, *number),
        (holds, Cell::Flag(flag)) => show_flag(holds, *flag),
        (_, Cell::Decimal(number)) => json!(number),
        (_, Cell::Json(_) | Cell::Keys(_)) => cell.to_json(),
    }
}

/// Parses a text that consists only of ids separated by semicolons.
pub(crate) fn ids_of(text: &str) -> Option<BTreeSet<Uuid>> {
    let ids = text.split(';').map(str::trim).filter(|id| !id.is_empty());
    ids.map(|id| Uuid::parse_str(id).ok()).collect()
}

/// Whether the product finds every id of such a text: it looks for an id with its hyphens.
fn are_found(text: &str) -> bool {
    let mut ids = text.split(';').map(str::trim).filter(|id| !id.is_empty());
    ids.all(|id| id.contains('-'))
}

/// The value with the names that the environment has, where a manifest writes them in another case.
pub(crate) fn named_as_live(field: &Field, value: Resolved, live: &Live) -> Resolved {
    let (Holds::Ids { to, .. }, Resolved::Ids(ids)) = (field.holds, &value) else {
        return value;
    };
    let ids = ids.iter().map(|(id, label)| {
        let known = live.label(target_table(to), *id);
        let is_same = fold(&known) == fold(label);
        (*id, if is_same { known } else { label.clone() })
    });
    Resolved::Ids(ids.collect())
}

/// The ids in a column that may be empty: Dataverse keeps an empty text as none.
fn ids_in(cell: &Cell) -> Option<BTreeSet<Uuid>> {
    match cell {
        Cell::Null => Some(BTreeSet::new()),
        cell => ids_of(cell.as_text().filter(|text| are_found(text))?),
    }
}

/// Whether a row is always in such a column.
pub(crate) fn is_always(holds: Holds, label: &str) -> bool {
    matches!(holds, Holds::Ids { always, .. } if always.contains(&label))
}

/// The declared names that a column has among its last ids, where the page that writes it puts those that are always there.
pub(crate) fn out_of_place(field: &Field, value: &Resolved, row: &Row) -> Vec<String> {
    let (Resolved::Ids(ids) | Resolved::IdsAmong { with: ids, .. }) = value else {
        return Vec::new();
    };
    let Holds::Ids { always, .. } = field.holds else {
        return Vec::new();
    };
    let text = row.text(&field.read_name()).unwrap_or_default();
    let parts = text
        .rsplit(';')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    let last: Vec<Uuid> = parts
        .take(always.len())
        .filter_map(|part| Uuid::parse_str(part).ok())
        .collect();
    ids.iter()
        .filter(|(id, label)| last.contains(id) && !is_always(field.holds, label))
        .map(|(_, label)| label.clone())
        .collect()
}

/// The names of a live and of a wanted list of ids with those that are always there, for a list that lacks one of them.
pub(crate) fn show_every_id(
    field: &Field,
    row: &Row,
    live: &Live,
    wanted: &Resolved,
) -> (Json, Json) {
    let Holds::Ids { to, .. } = field.holds else {
        return (Json::Null, Json::Null);
    };
    let plain = Holds::Ids { to, always: &[] };
    let there = row.text(field.column).and_then(ids_of).unwrap_or_default();
    let there = there.into_iter().map(|id| live.label(target_table(to), id));
    let wanted = match wanted {
        Resolved::Ids(ids) | Resolved::IdsAmong { with: ids, .. } => ids.as_slice(),
        _ => &[],
    };
    let wanted = wanted.iter().map(|(_, label)| label.clone());
    (show_ids(plain, there), show_ids(plain, wanted))
}

/// The names that a manifest would contain.
fn show_ids(holds: Holds, names: impl Iterator<Item = String>) -> Json {
    let always = match holds {
        Holds::Ids { always, .. } => always,
        _ => &[],
    };
    let mut names: Vec<String> = names
        .filter(|name| !always.iter().any(|known| fold(known) == fold(name)))
        .collect();
    names.sort_by_key(|name| fold(name));
    json!(names)
}

/// The columns and navigation properties that write the value. A new row also gets plain nulls, since the server may have a default; only
/// lookups are always empty initially.
pub(crate) fn write(field: &Field, value: &Resolved, new: bool) -> Vec<(String, Wire)> {
    let column = field.column.to_owned();
    let mut written = match (value, field.holds) {
        (Resolved::Null, Holds::Lookup { .. } | Holds::Owner | Holds::ParametersCopy) if new => {
            Vec::new()
        }
        (Resolved::Null, Holds::Lookup { navigation, .. }) => {
            vec![(navigation.to_owned(), Wire::Unbind)]
        }
        (Resolved::Null, _) => vec![(column, Wire::Cell(Cell::Null))],
        (Resolved::Text(text), _) => vec![(column, Wire::Cell(Cell::Text(text.as_str().into())))],
        // The status reason follows the status.
        (Resolved::Number(number), Holds::Status(_)) => {
            vec![
                (column, Wire::Cell(Cell::Int(*number))),
                ("statuscode".to_owned(), Wire::Cell(Cell::Int(*number + 1))),
            ]
        }
        (Resolved::Number(number), _) => vec![(column, Wire::Cell(Cell::Int(*number)))],
        (Resolved::Flag(flag), _) => vec![(column, Wire::Cell(Cell::Flag(*flag)))],
        (Resolved::Json(value), _) => {
            vec![(column, Wire::Cell(Cell::Text(value.to_string().into())))]
        }
        (Resolved::Row { set, id, .. }, Holds::Lookup { navigation, .. }) => {
            vec![(
                navigation.to_owned(),
                Wire::Bind {
                    set: (*set).to_owned(),
                    id: *id,
                },
            )]
        }
        (Resolved::Row { set, id, .. }, _) => vec![(
            column,
            Wire::Bind {
                set: (*set).to_owned(),
                id: *id,
            },
        )],
        (Resolved::Ids(ids) | Resolved::IdsAmong { with: ids, .. }, holds) => {
            let (last, first): (Vec<_>, Vec<_>) =
                ids.iter().partition(|(_, label)| is_always(holds, label));
            let in_order = first.into_iter().chain(last);
            let ids: Vec<String> = in_order.map(|(id, _)| id.to_string()).collect();
            let cell = match ids.as_slice() {
                [] => Cell::Null,
                ids => Cell::Text(ids.join(";").into()),
            };
            vec![(column, Wire::Cell(cell))]
        }
        (Resolved::IdText { id, .. }, _) => {
            vec![(column, Wire::Cell(Cell::Text(id.to_string().into())))]
        }
    };
    if let (Some(mirror), Resolved::Number(number)) = (&field.mirror, value)
        && let Some((_, flag)) = mirror.flags.iter().find(|(of, _)| of == number)
    {
        written.push((mirror.column.to_owned(), Wire::Cell(Cell::Flag(*flag))));
    }
    written
}

/// Resolves the rows that a value refers to.
///
/// # Errors
/// Returns the key that could not be found.
pub(crate) fn resolve(
    value: &Stored,
    find: &mut dyn FnMut(&RowKey) -> Option<(&'static str, Uuid)>,
) -> Result<Resolved, RowKey> {
    Ok(match value {
        Stored::Null => Resolved::Null,
        Stored::Text(text) => Resolved::Text(text.clone()),
        Stored::Number(number) => Resolved::Number(*number),
        Stored::Flag(flag) => Resolved::Flag(*flag),
        Stored::Json(value) => Resolved::Json(value.as_ref().clone()),
        Stored::JsonWith(value, ids) => {
            let mut value = value.as_ref().clone();
            for (pointer, key) in ids {
                let (_, id) = find(key).ok_or_else(|| key.clone())?;
                if let Some(place) = value.pointer_mut(pointer) {
                    *place = json!(id.to_string());
                }
            }
            Resolved::Json(value)
        }
        Stored::Row(key) => {
            let (set, id) = find(key).ok_or_else(|| key.clone())?;
            Resolved::Row {
                set,
                id,
                label: key.label(),
            }
        }
        Stored::IdOf(key) => {
            let (_, id) = find(key).ok_or_else(|| key.clone())?;
            Resolved::IdText {
                id,
                label: key.label(),
            }
        }
        Stored::IdsOf(keys) => Resolved::Ids(found(keys, find)?),
        Stored::IdsAmong { with, without } => {
            let without = found(without, find)?;
            Resolved::IdsAmong {
                with: found(with, find)?,
                without: without.into_iter().map(|(id, _)| id).collect(),
            }
        }
        Stored::WithOrganization(value) => {
            let organization = RowKey::Found(Lookup::Organization);
            let Some((_, id)) = find(&organization) else {
                return Err(organization);
            };
            let facts = EnvironmentFacts::of_organization(Some(id));
            match resolve(value, find)? {
                Resolved::Text(text) => Resolved::Text(facts.complete(&text).into_owned()),
                Resolved::Json(mut value) => {
                    facts.complete_json(&mut value);
                    Resolved::Json(value)
                }
                other => other,
            }
        }
    })
}

/// The ids of rows with their display names, in the order of the ids.
fn found(
    keys: &[RowKey],
    find: &mut dyn FnMut(&RowKey) -> Option<(&'static str, Uuid)>,
) -> Result<Vec<(Uuid, String)>, RowKey> {
    let mut ids = Vec::with_capacity(keys.len());
    for key in keys {
        let (_, id) = find(key).ok_or_else(|| key.clone())?;
        ids.push((id, key.label()));
    }
    ids.sort();
    ids.dedup_by_key(|(id, _)| *id);
    Ok(ids)
}

/// The ids of a row after adding the required ids and removing the excluded ones. `None` if the row's text contains anything other than
/// ids.
pub(crate) fn among(
    field: &Field,
    with: Vec<(Uuid, String)>,
    without: &BTreeSet<Uuid>,
    row: &Row,
    live: &Live,
) -> Option<Resolved> {
    let there = ids_in(row.get(&field.read_name()))?;
    let Holds::Ids { to, .. } = field.holds else {
        return None;
    };
    let mut ids = with;
    for id in there {
        if !without.contains(&id) && !ids.iter().any(|(known, _)| *known == id) {
            ids.push((id, live.label(target_table(to), id)));
        }
    }
    ids.sort();
    Some(Resolved::Ids(ids))
}

/// The page that shows a third-party site, and the text that precedes the site's address in its data.
const CONTAINER_PAGE: &str = "msdyn_CECExternalWebPageContainer.html";
const CONTAINER_DATA: &str = "cif_thirdpartyurl";

/// The address of a website in the format that the product wrote before 2023: the site is shown in a container page, which gets the address
/// as data, with `=` encoded as `%3D`.
pub(crate) fn address_in_container(copy: &serde_json::Map<String, Json>) -> Option<String> {
    let text = |name: &str| copy.get(name)?.get("value")?.as_str();
    if text("webresourceName") != Some(CONTAINER_PAGE) {
        return None;
    }
    let address = text("data")?.strip_prefix(CONTAINER_DATA)?;
    Some(address.replace("%3D", "="))
}
