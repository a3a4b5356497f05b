//! The steps: each resource on its page, after everything it refers to.

mod items;

use std::collections::BTreeSet;

use deskstate_model::{
    Declared, Definition, Field, Holds, Kind, Links, NewRow, Place, Referent, ResourceKey,
    RowValueIs, Shown, State, Written,
};
use serde_json::{Map, Value as Json};

use super::desk::{Desk, is_section};
use super::values::{self, Naming, label, one};
use super::{Block, Piece, Row, Sentence, Step, Value, Weight};
use crate::specs::{self, Spec};

/// The noun for a kind: `session template`, but `CIF v1 provider`.
pub(super) fn noun(definition: &Definition) -> String {
    let title = definition.title;
    let mut letters = title.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(title.chars().skip(1)).collect()
        }
        _ => title.to_owned(),
    }
}

/// The name shown in lists.
fn shown_name(key: &ResourceKey, spec: &Spec) -> String {
    let shown = specs::text(spec, "displayName").unwrap_or(key.name.as_written());
    shown.to_owned()
}

pub(super) fn steps(desk: &Desk<'_>) -> Vec<Step> {
    let in_sections = desk.in_sections();
    let mut steps = Vec::new();
    let mut later = Vec::new();
    let mut advised = BTreeSet::new();
    for (declared, spec) in desk.present() {
        let key = &declared.key;
        if in_sections.contains(key) || (declared.state == State::Existing && spec.is_empty()) {
            continue;
        }
        let mut step = Making::of(desk, declared, spec).step();
        let advice = key.kind.definition().advice;
        if !advice.is_empty() && advised.insert(key.kind) {
            step.blocks.insert(0, Block::Note(Sentence::of(advice)));
        }
        steps.push(step);
        later.extend(completing(desk, declared, spec));
    }
    steps.extend(later);
    for (declared, spec) in desk.present() {
        steps.extend(assigning(desk, declared, spec));
    }
    for declared in desk.declared.iter().rev() {
        if declared.state == State::Absent {
            steps.push(removing(&declared.key));
        }
    }
    steps
}

/// A group of boxes: those of the form, or those behind one command, tab or section.
struct Group<'a> {
    /// The command, tab or section that leads to it; empty for the form.
    under: String,
    fields: Vec<(&'static Field, &'a Json)>,
}

/// One resource and the groups of its boxes.
struct Making<'a> {
    desk: &'a Desk<'a>,
    declared: &'a Declared,
    spec: &'a Spec,
    /// In the order in which they appear on the page.
    groups: Vec<Group<'a>>,
    /// Fields without a box in the admin center.
    boxless: Vec<(&'static Field, &'a Json)>,
}

impl<'a> Making<'a> {
    fn of(desk: &'a Desk<'a>, declared: &'a Declared, spec: &'a Spec) -> Self {
        let mut making = Self {
            desk,
            declared,
            spec,
            groups: Vec::new(),
            boxless: Vec::new(),
        };
        let kind = declared.key.kind;
        for field in kind.fields() {
            let Some(value) = spec.get(field.word) else {
                continue;
            };
            match under(field) {
                Some(under) => match making.groups.iter_mut().find(|group| group.under == under) {
                    Some(group) => group.fields.push((field, value)),
                    None => making.groups.push(Group {
                        under,
                        fields: vec![(field, value)],
                    }),
                },
                None => making.boxless.push((field, value)),
            }
        }
        making
    }

    fn key(&self) -> &'a ResourceKey {
        &self.declared.key
    }

    fn step(&self) -> Step {
        let definition = self.key().kind.definition();
        let name = shown_name(self.key(), self.spec);
        let is_new = self.declared.state == State::Present;
        let verb = if is_new {
            "Create the "
        } else {
            "Adjust the existing "
        };
        let title = Sentence::of(verb)
            .prose(&noun(definition))
            .and(" ")
            .outside(&name);
        let mut blocks = Vec::new();
        match definition.place {
            Place::Page { .. } => {
                blocks.push(Block::Do(way(definition.place)));
                blocks.push(Block::Do(if is_new {
                    Sentence::of("Select `New`, and fill in:")
                } else {
                    opening(self.key(), self.spec).and(", and set:")
                }));
                self.form(is_new, &mut blocks);
                let later =
                    |group: &&Group<'_>| !group.under.is_empty() && !is_later(self.key(), group);
                for group in self.groups.iter().filter(later) {
                    self.group(group, &mut blocks);
                }
                self.without_boxes(&self.boxless, &mut blocks);
            }
            Place::Unsaid | Place::Nowhere | Place::Section(_) => {
                let about = match definition.place {
                    Place::Unsaid => "deskstate does not know its page in the admin center",
                    Place::Section(_) => "No page of the admin center makes one on its own",
                    _ => "Microsoft documents no page that makes one",
                };
                let text = Sentence::of(about)
                    .and(". In Power Apps, it is a row of the table ")
                    .outside(definition.table.logical)
                    .and(". Columns are in brackets:");
                blocks.push(Block::Do(text));
                let all = self.spec_fields();
                let mut rows = self.identity();
                rows.extend(self.rows(&all, Naming::Column));
                blocks.push(Block::Boxes(rows));
                for (field, value) in &all {
                    self.items(field, value, Naming::Column, &mut blocks);
                }
            }
        }
        for demand in self.desk.demands.on(self.key()) {
            blocks.push(Block::Note(demand.reason()));
        }
        Step {
            title,
            makes: Some(self.key().clone()),
            blocks,
        }
    }

    fn spec_fields(&self) -> Vec<(&'static Field, &'a Json)> {
        let fields = self.key().kind.fields().iter();
        fields
            .filter_map(|field| Some((field, self.spec.get(field.word)?)))
            .collect()
    }

    fn unique_name(&self, naming: Naming) -> Row {
        let name = self.key().kind.definition().name;
        Row {
            label: label(name, naming),
            value: Value::Typed(self.key().name.as_written().to_owned()),
            weight: self.desk.demands.weight_of_name(self.key()),
        }
    }

    /// All columns that distinguish the row from others of its table.
    fn identity(&self) -> Vec<Row> {
        let definition = self.key().kind.definition();
        let name = self.key().name.as_written();
        let mut rows = vec![self.unique_name(Naming::Column)];
        if let Some(values) = self.key().kind.values_of(name) {
            let fields = std::iter::once(definition.name).chain(definition.also);
            rows = fields
                .zip(values)
                .map(|(field, value)| Row {
                    label: label(field, Naming::Column),
                    value: Value::Typed(value.to_owned()),
                    weight: self.desk.demands.weight_of_name(self.key()),
                })
                .collect();
        }
        rows.extend(definition.rows.iter().map(|fixed| Row {
            label: label(fixed.field, Naming::Column),
            value: match fixed.is {
                RowValueIs::Text(text) => Value::Typed(text.to_owned()),
                RowValueIs::Number(number) => Value::Typed(number.to_string()),
                RowValueIs::Flag(flag) => one(self.desk, fixed.field, &Json::from(flag)),
            },
            weight: Weight::Free,
        }));
        rows
    }

    fn rows(&self, fields: &[(&'static Field, &Json)], naming: Naming) -> Vec<Row> {
        let rows = fields.iter().flat_map(|(field, value)| {
            match self
                .in_section(field, value)
                .filter(|_| naming == Naming::Screen)
            {
                Some(section) => section.own_rows(),
                None => values::rows(self.desk, self.key(), field, value, naming),
            }
        });
        rows.collect()
    }

    /// A resource that the page creates together with this one, which refers to it.
    fn in_section(&self, field: &Field, value: &Json) -> Option<Making<'a>> {
        let kind = field.refers_to().filter(|kind| is_section(*kind))?;
        let key = ResourceKey::new(kind, value.as_str()?);
        let declared = self.desk.manifests.find(&key)?;
        let spec = self.desk.spec(&key)?;
        Some(Making::of(self.desk, declared, spec))
    }

    /// The boxes of a section. The page initially switches it off, so the defaults of a new row must be set too.
    fn own_rows(&self) -> Vec<Row> {
        let fields = self.key().kind.fields().iter();
        let labelled = fields.filter(|field| under(field).is_some());
        let rows = labelled.flat_map(|field| {
            let given = self.spec.get(field.word).cloned();
            let usual = || match field.new_row? {
                NewRow::Flag(flag) => Some(Json::from(flag)),
                NewRow::Word(word) => Some(Json::from(word)),
            };
            let value = given.or_else(usual);
            value.map_or_else(Vec::new, |value| {
                self.rows(&[(field, &value)], Naming::Screen)
            })
        });
        rows.collect()
    }

    /// Adds the boxes of the form, and those to leave unchanged.
    fn form(&self, is_new: bool, blocks: &mut Vec<Block>) {
        let form = self.groups.iter().find(|group| group.under.is_empty());
        let given = form.map_or(&[][..], |group| &group.fields);
        let mut rows = self.rows(given, Naming::Screen);
        if is_new {
            // People look for it below the name.
            let place = usize::from(
                given
                    .first()
                    .is_some_and(|(field, _)| field.word == "displayName"),
            );
            rows.insert(place, self.unique_name(Naming::Screen));
        }
        if !rows.is_empty() {
            blocks.push(Block::Boxes(rows));
        }
        hints(given.iter().map(|(field, _)| *field), blocks);
        let is_left = |field: &&Field| {
            !self.spec.contains_key(field.word)
                && under(field).is_some_and(|under| under.is_empty())
        };
        let left: Vec<&Field> = self.key().kind.fields().iter().filter(is_left).collect();
        if is_new && !left.is_empty() {
            let labels = left.iter().map(|field| Piece::Screen(field.label()));
            blocks.push(Block::Do(
                Sentence::of("You need not fill in the other boxes: ")
                    .list(labels, "and")
                    .and("."),
            ));
            let owner = left
                .into_iter()
                .filter(|field| matches!(field.holds, Holds::Owner));
            hints(owner, blocks);
        }
        blocks.push(Block::Do(Sentence::of(if is_new {
            "Select `Save`, or `Create` in a dialog."
        } else {
            "Select `Save`."
        })));
    }

    /// Adds the boxes behind one command, tab or section.
    fn group(&self, group: &Group<'_>, blocks: &mut Vec<Block>) {
        let is_set = |field: &Field| match field.holds {
            Holds::Set { links, .. } => !matches!(links, Links::Only(_)),
            Holds::Parts(part) => matches!(part.written, Written::Set),
            _ => false,
        };
        let adds = group.fields.iter().all(|(field, _)| is_set(field));
        let lead = Sentence::of("In ").screen(&group.under);
        let lead = lead.and(if adds { ", add:" } else { ", set:" });
        let rows = self.rows(&group.fields, Naming::Screen);
        if rows.is_empty() {
            blocks.push(Block::Do(
                Sentence::of("Go to ").screen(&group.under).and("."),
            ));
        } else {
            blocks.push(Block::Do(lead));
            blocks.push(Block::Boxes(rows));
        }
        hints(group.fields.iter().map(|(field, _)| *field), blocks);
        for (field, value) in &group.fields {
            self.items(field, value, Naming::Screen, blocks);
            self.warn_of_kind(field, value, blocks);
            if is_exact(value) && matches!(field.holds, Holds::Set { .. } | Holds::Parts(_)) {
                let note = Sentence::of("Leave nothing else in ")
                    .screen(&field.label())
                    .and(".");
                blocks.push(Block::Note(note));
            }
        }
        blocks.push(Block::Do(Sentence::of("Select `Save`.")));
    }

    /// Warns that a page may offer only some templates, and not the one that the contract requires.
    fn warn_of_kind(&self, field: &Field, value: &Json, blocks: &mut Vec<Block>) {
        if field.refers_to() != Some(Kind::SESSION_TEMPLATE) {
            return;
        }
        let names = specs::members(
            &Map::from_iter([(field.word.to_owned(), value.clone())]),
            field.word,
        );
        for name in names {
            let key = ResourceKey::new(Kind::SESSION_TEMPLATE, &name);
            let is_generic = self
                .desk
                .spec(&key)
                .is_some_and(|spec| specs::text(spec, "type") == Some("Generic"));
            if is_generic {
                blocks.push(Block::Note(
                    Sentence::default()
                        .outside(&name)
                        .and(" is of type `Generic`. If the page does not offer it, add it in Power Apps: the relationship is ")
                        .outside(field.column)
                        .and("."),
                ));
            }
        }
    }

    fn row(&self, list: &Field, field: &'static Field, value: &Json, naming: Naming) -> Row {
        Row {
            label: label(field, naming),
            value: one(self.desk, field, value),
            weight: self
                .desk
                .demands
                .weight_of_box(self.key(), list.word, field.word, value),
        }
    }

    /// Adds the fields of a resource that the page creates together with the one referring to it.
    fn section(&self, blocks: &mut Vec<Block>) {
        for (field, value) in self.groups.iter().flat_map(|group| &group.fields) {
            self.items(field, value, Naming::Screen, blocks);
        }
        self.without_boxes(&self.boxless, blocks);
        let chosen = Sentence::of("The page chooses the unique name; the manifests have ");
        blocks.push(Block::Note(
            chosen.outside(self.key().name.as_written()).and("."),
        ));
    }

    /// Adds the fields that the page has a command for, and those it offers nothing for.
    fn without_boxes(&self, fields: &[(&'static Field, &Json)], blocks: &mut Vec<Block>) {
        let (commands, columns): (Vec<_>, Vec<_>) =
            fields.iter().copied().partition(|(field, _)| {
                let is_command = matches!(field.holds, Holds::Owner | Holds::Status(_));
                is_command && !instead(field).is_empty()
            });
        for (field, value) in commands {
            let mut command = Sentence::default().screen(&field.label()).and(": ");
            command.0.extend(match one(self.desk, field, value) {
                Value::Said(said) => said.0,
                Value::Typed(text) => vec![Piece::Outside(text)],
            });
            blocks.push(Block::Do(command.and(". ").and(instead(field))));
        }
        if columns.is_empty() {
            return;
        }
        blocks.push(Block::Do(Sentence::of(
            "These fields have no documented place in the admin center. In Power Apps, they are the columns and relationships in brackets:",
        )));
        blocks.push(Block::Boxes(self.rows(&columns, Naming::Column)));
        for (field, value) in &columns {
            self.items(field, value, Naming::Column, blocks);
            if !instead(field).is_empty() {
                let note = Sentence::default().screen(&field.label());
                blocks.push(Block::Note(note.and(": ").and(instead(field))));
            }
        }
    }
}

/// What people do instead if there is no box.
fn instead(field: &Field) -> &'static str {
    match field.shown {
        Shown::Nowhere { instead } => instead,
        Shown::Unsaid | Shown::Labelled(_) => "",
    }
}

/// The command, tab or section that leads to the box of a field: empty if it is on the form, `None` if it has no box.
fn under(field: &Field) -> Option<String> {
    let Shown::Labelled(screen) = field.shown else {
        return None;
    };
    let is_section = match field.holds {
        Holds::Set { links, .. } => !matches!(links, Links::Only(_)),
        Holds::Parts(_) => true,
        _ => false,
    };
    Some(match screen.under {
        "" if is_section => screen.label.to_owned(),
        under => under.to_owned(),
    })
}

fn is_people(field: &Field) -> bool {
    let is_role = |field: &Field| {
        matches!(
            field.holds,
            Holds::Lookup {
                to: Referent::Role,
                ..
            }
        )
    };
    match field.holds {
        Holds::Set { to, .. } => to == Referent::User,
        Holds::Parts(part) => part.fields.iter().any(is_role),
        _ => false,
    }
}

/// Whether a group waits until everything is created: people, and rows that may refer to any other row of the kind.
fn is_later(key: &ResourceKey, group: &Group<'_>) -> bool {
    is_for_people(key.kind, &group.under) || leads_to_itself(key.kind, group)
}

/// Whether the command or section assigns people.
fn is_for_people(kind: Kind, section: &str) -> bool {
    let mut fields = kind.fields().iter();
    fields.any(|field| is_people(field) && under(field).as_deref() == Some(section))
}

fn leads_to_itself(kind: Kind, group: &Group<'_>) -> bool {
    let mut inner = group.fields.iter().flat_map(|(field, _)| field.items());
    inner.any(|field| field.refers_to() == Some(kind))
}

/// Adds the parts of a resource that need all resources of its kind to exist.
fn completing(desk: &Desk<'_>, declared: &Declared, spec: &Spec) -> Option<Step> {
    let making = Making::of(desk, declared, spec);
    let kind = declared.key.kind;
    let groups = making.groups.iter();
    let groups: Vec<_> = groups
        .filter(|group| leads_to_itself(kind, group))
        .collect();
    making.later(&groups, "Complete the ")
}

/// Assigns people to a resource, as the last step.
fn assigning(desk: &Desk<'_>, declared: &Declared, spec: &Spec) -> Option<Step> {
    let making = Making::of(desk, declared, spec);
    let groups = making.groups.iter();
    let kind = declared.key.kind;
    let groups: Vec<_> = groups
        .filter(|group| is_for_people(kind, &group.under))
        .collect();
    making.later(&groups, "Assign people to the ")
}

impl Making<'_> {
    fn later(&self, groups: &[&Group<'_>], verb: &str) -> Option<Step> {
        if groups.is_empty() {
            return None;
        }
        let definition = self.key().kind.definition();
        let name = shown_name(self.key(), self.spec);
        let mut blocks = vec![Block::Do(way(definition.place))];
        blocks.push(Block::Do(opening(self.key(), self.spec).and(".")));
        for group in groups {
            self.group(group, &mut blocks);
        }
        let title = Sentence::of(verb).prose(&noun(definition)).and(" ");
        Some(Step {
            title: title.outside(&name),
            makes: None,
            blocks,
        })
    }
}

fn removing(key: &ResourceKey) -> Step {
    let definition = key.kind.definition();
    let name = key.name.as_written();
    let title = Sentence::of("Delete the ")
        .prose(&noun(definition))
        .and(" ")
        .outside(name);
    let mut blocks = Vec::new();
    if matches!(definition.place, Place::Page { .. }) {
        blocks.push(Block::Do(way(definition.place)));
    }
    blocks.push(Block::Do(
        Sentence::of("If there is one with the unique name ")
            .outside(name)
            .and(", select it, and select `Delete`."),
    ));
    Step {
        title,
        makes: None,
        blocks,
    }
}

/// Describes how to get to a page.
fn way(place: Place) -> Sentence {
    let Place::Page { app, way, .. } = place else {
        return Sentence::default();
    };
    let open = Sentence::of("In the app ").screen(app.name);
    match way {
        [group, area, list] => open
            .and(", select ")
            .screen(area.name)
            .and(" in ")
            .screen(group.name)
            .and(", then `Manage` for ")
            .screen(list.name)
            .and("."),
        _ => open.and(", open the list."),
    }
}

fn opening(key: &ResourceKey, spec: &Spec) -> Sentence {
    let shown = shown_name(key, spec);
    let name = key.name.as_written();
    let open = Sentence::of("Open ").outside(&shown);
    if shown == name {
        return open;
    }
    open.and(" (").outside(name).and(")")
}

/// Adds the hints for boxes.
fn hints(fields: impl IntoIterator<Item = &'static Field>, blocks: &mut Vec<Block>) {
    for field in fields {
        if let Shown::Labelled(screen) = field.shown
            && !screen.hint.is_empty()
        {
            let hint = Sentence::default()
                .screen(screen.label)
                .and(": ")
                .and(screen.hint);
            blocks.push(Block::Note(hint));
        }
    }
}

fn is_exact(value: &Json) -> bool {
    match value {
        Json::Array(_) => true,
        other => other.get("mode").and_then(Json::as_str) == Some("exact"),
    }
}
