//! Items of lists: the boxes of each, with those that its document leaves to us.

use deskstate_model::{
    Field, Fill, Holds, Kind, Links, NameOf, PartTable, ResourceKey, Shown, State, Written, fold,
    unique_name_of_part,
};
use serde_json::{Map, Value as Json};

use super::Making;
use crate::guide::desk::Desk;
use crate::guide::values::{self, Naming, label};
use crate::guide::{Block, Row, Sentence, Value, Weight};

impl Making<'_> {
    /// Adds a table for each item of a list, and for everything created in a section.
    pub(super) fn items(
        &self,
        field: &'static Field,
        value: &Json,
        naming: Naming,
        blocks: &mut Vec<Block>,
    ) {
        if let Some(section) = self
            .in_section(field, value)
            .filter(|_| naming == Naming::Screen)
        {
            section.section(blocks);
        }
        let members = value.get("members").unwrap_or(value);
        let items = members.as_array().map_or(&[][..], Vec::as_slice);
        let fields: Vec<&'static Field> = field.items().collect();
        let parts = match field.holds {
            Holds::Parts(part) if matches!(part.written, Written::List | Written::Set) => {
                Some(part)
            }
            Holds::Set {
                links: Links::Items(_),
                ..
            } => None,
            _ => return,
        };
        let items: Vec<&Json> = items
            .iter()
            .filter(|item| parts.is_none_or(|part| values::is_item(part, item)))
            .collect();
        for (at, item) in items.iter().enumerate() {
            let lead = Sentence::of(&format!("Add number {} of {} to ", at + 1, items.len()));
            if let Some(name) = made_before(self.desk, self.key(), field, item) {
                let lead = lead
                    .screen(&field.label())
                    .and(": the existing one with the unique name ");
                blocks.push(Block::Do(lead.outside(name).and(".")));
                continue;
            }
            blocks.push(Block::Do(lead.screen(&field.label()).and(":")));
            let mut rows = Vec::new();
            let mut boxless = Vec::new();
            let given = shared(self.desk, item).unwrap_or_else(|| {
                let given = fields.iter().map(|field| (*field, item.get(field.word)));
                let given = given.filter_map(|(field, value)| Some((field, value?.clone())));
                given.chain(self.filled_in(field, item)).collect()
            });
            for (inner, value) in given {
                match inner.shown {
                    Shown::Nowhere { .. } | Shown::Unsaid if naming == Naming::Screen => {
                        boxless.push((inner, value));
                    }
                    _ => rows.push(self.row(field, inner, &value, naming)),
                }
            }
            rows.extend(
                parts
                    .into_iter()
                    .flat_map(|part| derived(part, at, item, naming)),
            );
            if !rows.is_empty() {
                blocks.push(Block::Boxes(rows));
            }
            let boxless: Vec<(&'static Field, &Json)> = boxless
                .iter()
                .map(|(field, value)| (*field, value))
                .collect();
            self.without_boxes(&boxless, blocks);
        }
    }

    /// Boxes of an item that its document leaves to us: without these names, the row would be another one.
    fn filled_in(&self, list: &'static Field, item: &Json) -> Vec<(&'static Field, Json)> {
        let name_of = match list.holds {
            Holds::Parts(part) => part.name,
            Holds::Set {
                links: Links::Items(items),
                ..
            } => items.name,
            _ => NameOf::Given,
        };
        let text = |word: &str| item.get(word)?.as_str();
        let parent = self.key().name.as_written();
        let left_out = list.items().filter(|field| {
            matches!(field.shown, Shown::Labelled(_)) && item.get(field.word).is_none()
        });
        let filled = left_out.filter_map(|field| {
            let value = match (field.holds, field.fill, name_of) {
                (Holds::UniqueName, _, NameOf::Behind(word)) => {
                    unique_name_of_part(name_of, parent, text(word)?)?
                }
                (_, Fill::TextOf(word), _) => text(word)?.to_owned(),
                _ => return None,
            };
            Some((field, Json::from(value)))
        });
        filled.collect()
    }
}

/// The fields of a row that several resources share, if it is declared here.
fn shared(desk: &Desk<'_>, item: &Json) -> Option<Vec<(&'static Field, Json)>> {
    let name = item.get("shared")?.as_str()?;
    let key = ResourceKey::new(Kind::NOTIFICATION_FIELD, name);
    let spec = desk.spec(&key)?;
    let mut given = vec![(key.kind.definition().name, Json::from(name))];
    let fields = key.kind.fields().iter();
    given.extend(fields.filter_map(|field| Some((field, spec.get(field.word)?.clone()))));
    Some(given)
}

/// The name of a shared row that an earlier page with the same list made, or that somebody else makes.
fn made_before<'i>(
    desk: &Desk<'_>,
    key: &ResourceKey,
    field: &Field,
    item: &'i Json,
) -> Option<&'i str> {
    let name = item.get("shared")?.as_str()?;
    let shared = ResourceKey::new(Kind::NOTIFICATION_FIELD, name);
    let mut all = desk.present();
    // One with values of its own is adjusted on the first page that has it.
    if all.any(|(declared, spec)| {
        declared.key == shared && declared.state == State::Existing && spec.is_empty()
    }) {
        return Some(name);
    }
    let lists = |spec: &Map<String, Json>| {
        let list = spec.get(field.word);
        let items = list.and_then(|list| list.get("members").unwrap_or(list).as_array());
        items.into_iter().flatten().any(|item| {
            let other = item.get("shared").and_then(Json::as_str);
            other.is_some_and(|other| fold(other) == fold(name))
        })
    };
    let mut pages = desk.present();
    let first = pages.find(|(declared, spec)| declared.key.kind == key.kind && lists(spec));
    first.and_then(|(first, _)| (first.key != *key).then_some(name))
}

/// Boxes of an item whose value follows from the item's position or from the action that it fills in.
fn derived(part: &'static PartTable, at: usize, item: &Json, naming: Naming) -> Vec<Row> {
    let hidden = part.fields.iter().filter(|field| !field.is_written);
    let labelled = hidden
        .filter(|field| matches!(field.shown, Shown::Labelled(_)) || naming == Naming::Column);
    let rows = labelled.filter_map(|field| {
        let value = match field.holds {
            Holds::Position => Value::Typed((at + 1).to_string()),
            Holds::OneOf(actions) => {
                let action = actions
                    .iter()
                    .find(|action| item.get(action.word).is_some())?;
                Value::Said(Sentence::default().screen(&action.label()))
            }
            _ => return None,
        };
        Some(Row {
            label: label(field, naming),
            value,
            weight: Weight::Free,
        })
    });
    rows.collect()
}
