//! Lowers one document to rows and links, as the tables of its kind describe it, except for quirks.

use deskstate_model::{
    Declared, Field, Fill, Given, Holds, Kind, Links, NameOf, ORGANIZATION_ID, Owner, PartIdentity,
    PartTable, Quirk, Record, Referent, ResourceKey, RowValueIs, Set, SetMode, Span, Spanned,
    Table, UniqueName, Value, shortened, unique_name_of_part,
};

use serde_json::Value as Json;

use super::lowering::{Context, Lowering, target_key};
use crate::quirks::{loader, parameters, scripts};
use crate::state::{
    DeclaredColumn, DeclaredMember, DeclaredParts, DeclaredResource, DeclaredRow, DeclaredSet,
    Lookup, PartName, RowKey, Stored,
};

/// Lowers a document.
pub(crate) fn lower(declared: &Declared, context: &Context<'_>) -> DeclaredResource {
    let kind = declared.key.kind;
    let mut lowering = Lowering {
        context,
        kind,
        state: declared.state,
        name: declared.key.name.as_written(),
        row: own_row(declared),
        parts: Vec::new(),
        part_lists: Vec::new(),
        sets: Vec::new(),
    };
    let record = declared.spec.record();
    let mut left_out = Vec::new();
    for (field, given) in record.fields() {
        match given {
            Given::Absent => left_out.push(field),
            Given::Clear(span) => lowering.clear(field, span),
            Given::Value(value) => lowering.value(field, value, record),
        }
    }
    for quirk in kind.definition().quirks {
        match quirk {
            Quirk::Loaders => loader::lower(&mut lowering),
            Quirk::ScriptsByName => scripts::lower(&mut lowering),
            // The constraints of a type are checked when manifests are read.
            Quirk::SessionType => {}
        }
    }
    let Lowering {
        mut row,
        mut parts,
        mut part_lists,
        mut sets,
        ..
    } = lowering;
    // A set with an implied member is not left out.
    left_out.retain(|field| sets.iter().all(|set| set.field.word != field.word));
    for row in std::iter::once(&mut row).chain(&mut parts) {
        let columns = row.columns.iter_mut().map(|column| &mut column.value);
        let of_new = row.when_new.iter_mut().map(|(_, value)| value);
        columns.chain(of_new).for_each(with_organization);
    }
    // Two fields may be two forms of the same column.
    left_out.retain(|field| {
        let is_other = |column: &DeclaredColumn| column.field.column == field.column;
        !field.is_column() || !row.columns.iter().any(is_other)
    });
    // Thousands of these are kept until the end of a run, and spare capacity is half of their size.
    row.columns.shrink_to_fit();
    row.when_new.shrink_to_fit();
    parts.shrink_to_fit();
    part_lists.shrink_to_fit();
    sets.shrink_to_fit();
    left_out.shrink_to_fit();
    DeclaredResource {
        key: declared.key.clone(),
        state: declared.state,
        span: declared.span,
        name_span: declared.name_span,
        row,
        parts,
        part_lists,
        sets,
        left_out,
        accepted: Vec::new(),
    }
}

/// Marks a value that contains the id of the organization, which is known only once the environment is read.
fn with_organization(value: &mut Stored) {
    let holds = match value {
        Stored::Text(text) => text.contains(ORGANIZATION_ID),
        Stored::Json(json) | Stored::JsonWith(json, _) => holds_organization(json),
        _ => false,
    };
    if holds {
        let own = std::mem::replace(value, Stored::Null);
        *value = Stored::WithOrganization(Box::new(own));
    }
}

fn holds_organization(value: &Json) -> bool {
    match value {
        Json::String(text) => text.contains(ORGANIZATION_ID),
        Json::Array(items) => items.iter().any(holds_organization),
        Json::Object(entries) => entries.values().any(holds_organization),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

fn own_row(declared: &Declared) -> DeclaredRow {
    let kind = declared.key.kind.definition();
    let name = declared.key.name.as_written().trim().to_owned();
    let fixed = kind.rows.iter().map(|row| {
        let value = match row.is {
            RowValueIs::Text(text) => Stored::Text(text.to_owned()),
            RowValueIs::Number(number) => Stored::Number(number),
            RowValueIs::Flag(flag) => Stored::Flag(flag),
        };
        (row.field, value)
    });
    let values = declared.key.kind.values_of(&name);
    let (name, others) = match values.as_deref() {
        Some([name, others @ ..]) => ((*name).to_owned(), others),
        _ => (name.clone(), &[][..]),
    };
    let also = kind.also.iter().zip(others).map(|(field, value)| {
        let number = match field.holds {
            Holds::Option => value.parse().ok(),
            Holds::Choice(_) => field
                .option(value)
                .map(|option| option.number)
                .or_else(|| value.parse().ok()),
            _ => None,
        };
        let value = match number {
            Some(number) => Stored::Number(number),
            None => Stored::Text((*value).to_owned()),
        };
        (field, value)
    });
    let named = std::iter::once((kind.name, Stored::Text(name))).chain(also);
    DeclaredRow {
        key: RowKey::Named {
            table: kind.table,
            name: declared.key.name.clone(),
        },
        columns: Vec::new(),
        when_new: named.chain(fixed).collect(),
        path: String::new(),
        part: None,
        only_if_there: false,
        span: declared.span,
    }
}

impl Lowering<'_> {
    fn clear(&mut self, field: &'static Field, span: Span) {
        if field.is_column() {
            let value = Stored::Null;
            self.row.columns.push(DeclaredColumn { field, value, span });
        } else {
            self.sets
                .extend(DeclaredSet::new(field, SetMode::Exact, Vec::new(), span));
        }
    }

    fn value(&mut self, field: &'static Field, value: Spanned<&Value>, record: &Record) {
        let span = value.span;
        match (field.holds, value.value) {
            (Holds::Set { links, to, .. }, value) => self.set(field, links, to, value, span),
            (Holds::Parts(part), value) => self.parts(field, part, value, span, record),
            (_, value) => {
                if let Some(value) = stored(field, value) {
                    self.row.columns.push(DeclaredColumn { field, value, span });
                }
            }
        }
    }

    fn set(
        &mut self,
        field: &'static Field,
        links: Links,
        to: Referent,
        value: &Value,
        span: Span,
    ) {
        let member = |value: &Value, span| {
            Some(DeclaredMember {
                key: target_key(to, value.as_text()?),
                span,
                implied: false,
                package: None,
            })
        };
        let members = match (links, value) {
            (_, Value::Set(set)) => {
                let all = |values: &[Spanned<Value>]| -> Vec<DeclaredMember> {
                    let named = |value: &Spanned<Value>| member(&value.value, value.span);
                    values.iter().filter_map(named).collect()
                };
                let lowered = DeclaredSet::new(field, set.mode, all(&set.members), span);
                self.sets.extend(lowered.map(|lowered| DeclaredSet {
                    without: all(&set.without),
                    from_teams: from_teams(set),
                    moves: set.moves,
                    ..lowered
                }));
                return;
            }
            (Links::Only(name), Value::Flag(linked)) => {
                let key = target_key(to, name);
                let member = linked.then_some(DeclaredMember {
                    key,
                    span,
                    implied: false,
                    package: None,
                });
                member.into_iter().collect()
            }
            (Links::Items(items), Value::Items(values)) => {
                let Referent::Named(table) = to else { return };
                let list = List {
                    word: field.word,
                    table,
                    part: None,
                    name: items.name,
                };
                let mut members = Vec::new();
                for (index, item) in values.iter().enumerate() {
                    let mut named = item.value.fields();
                    let shared = items.shared.first().and_then(|shared| {
                        let (_, given) = named.find(|(field, _)| field.word == shared.word)?;
                        member(given.value()?, item.span)
                    });
                    members.extend(shared.or_else(|| {
                        let row = self.item(&list, item, index)?;
                        let (key, span) = (row.key.clone(), item.span);
                        self.parts.push(row);
                        Some(DeclaredMember {
                            key,
                            span,
                            implied: false,
                            package: None,
                        })
                    }));
                }
                members
            }
            (_, value) => member(value, span).into_iter().collect(),
        };
        self.sets
            .extend(DeclaredSet::new(field, SetMode::Exact, members, span));
    }

    fn parts(
        &mut self,
        field: &'static Field,
        part: &'static PartTable,
        value: &Value,
        span: Span,
        record: &Record,
    ) {
        let list = List {
            word: field.word,
            table: part.table,
            part: Some(part),
            name: part.name,
        };
        let mut without = Vec::new();
        let mode = match value {
            Value::Items(items) => {
                for (index, item) in items.iter().enumerate() {
                    let row = self.item(&list, item, index);
                    self.parts.extend(row);
                }
                SetMode::Exact
            }
            Value::Set(set) => {
                for (index, member) in set.members.iter().enumerate() {
                    if let Value::Item(item) = &member.value {
                        let item = Spanned::new(item.clone(), member.span);
                        let row = self.item(&list, &item, index);
                        self.parts.extend(row);
                    }
                }
                for (index, member) in set.without.iter().enumerate() {
                    if let Value::Item(item) = &member.value {
                        let item = Spanned::new(item.clone(), member.span);
                        without.extend(self.item(&list, &item, index).map(|row| row.key));
                    }
                }
                set.mode
            }
            Value::Features(features) => {
                for (number, on) in features {
                    let row = self.feature(field, part, *number, *on);
                    self.parts.push(row);
                }
                SetMode::AtLeast
            }
            Value::Parameters(given) => {
                parameters::lower(self, part, given, span, record);
                SetMode::Exact
            }
            _ => return,
        };
        self.part_lists.push(DeclaredParts {
            field,
            part,
            mode,
            without,
            span,
        });
    }

    /// Creates the row of an item of a list or a set.
    fn item(&self, list: &List, item: &Spanned<Record>, index: usize) -> Option<DeclaredRow> {
        let record = &item.value;
        let source = list.name.source(record);
        let given = record
            .columns()
            .find_map(|(field, given)| match field.holds {
                Holds::UniqueName => given.value()?.as_text().map(str::to_owned),
                _ => None,
            });
        let derived = || unique_name_of_part(list.name, self.name, &source.as_ref()?.value);
        let target = list.part.and_then(|part| target_of(part, record));
        let place = list.part.and_then(|part| place_of(part, record));
        let named = || match (&target, &place) {
            (Some((label, _)), _) => Some(label.clone()),
            (None, place) => place.as_ref().map(PartName::label),
        };
        let unique_name = given.or_else(derived).or_else(named)?;
        let key = match (&target, place, list.part) {
            (Some((_, key)), _, Some(part)) => {
                self.part_key(part, PartName::Row(Box::new(key.clone())))
            }
            (None, Some(place), Some(part)) => self.part_key(part, place),
            _ => RowKey::Named {
                table: list.table,
                name: UniqueName::new(&unique_name),
            },
        };
        let path = match &target {
            Some((label, _)) => format!("{}.{label}", list.word),
            None => format!("{}.{unique_name}", list.word),
        };
        let mut row = DeclaredRow {
            key,
            columns: Vec::new(),
            when_new: Vec::new(),
            path,
            part: list.part,
            only_if_there: false,
            span: item.span,
        };
        for (field, given) in record.columns() {
            let is_identity = list.part.is_some_and(|part| part.is_identity(field));
            match (field.holds, &target) {
                (Holds::UniqueName, _) => {
                    let name = Stored::Text(unique_name.clone());
                    row.when_new.push((field, name));
                }
                (Holds::Text | Holds::Number, _) if is_identity => {
                    let value = given.value().and_then(|value| stored(field, value));
                    row.when_new.extend(value.map(|value| (field, value)));
                }
                (Holds::Lookup { .. }, Some((_, key))) if is_identity => {
                    row.when_new.push((field, Stored::Row(key.clone())));
                }
                _ => self.item_column(list, (field, given), item, index, &unique_name, &mut row),
            }
        }
        Some(row)
    }

    fn item_column(
        &self,
        list: &List,
        (field, given): (&'static Field, Given<&Value>),
        item: &Spanned<Record>,
        index: usize,
        unique_name: &str,
        row: &mut DeclaredRow,
    ) {
        let mut column = |value, span| row.columns.push(DeclaredColumn { field, value, span });
        match (field.holds, given) {
            (Holds::BusinessUnit, _) => {}
            (Holds::Position, given) => {
                let position = i64::try_from(index + 1).unwrap_or(i64::MAX);
                let position = position.saturating_mul(list.name.step());
                match given {
                    Given::Value(Spanned {
                        value: Value::Number(order),
                        span,
                    }) => column(Stored::Number(*order), span),
                    _ => column(Stored::Number(position), item.span),
                }
            }
            (Holds::OneOf(words), _) => {
                if let Some((number, span)) = chosen(words, &item.value) {
                    column(Stored::Number(number), span);
                }
            }
            (_, Given::Value(value)) => {
                if let Some(stored) = stored(field, value.value) {
                    column(stored, value.span);
                }
            }
            (_, Given::Clear(_)) if matches!(field.fill, Fill::TextOf(_)) => {
                self.fill(field, item, unique_name, row);
            }
            (_, Given::Clear(span)) => column(Stored::Null, span),
            (_, Given::Absent) => self.fill(field, item, unique_name, row),
        }
    }

    /// Adds the value of a field that an item leaves out.
    fn fill(
        &self,
        field: &'static Field,
        item: &Spanned<Record>,
        unique_name: &str,
        row: &mut DeclaredRow,
    ) {
        let said = |word: &str| {
            let mut fields = item.value.fields();
            let (_, given) = fields.find(|(field, _)| field.word == word)?;
            given.spanned()
        };
        let longest = field.max_length.map_or(100, |max| max as usize);
        let text = match field.fill {
            Fill::Nothing => {
                // The fields of the other actions are cleared, so that nothing is left behind when a step changes.
                if let Some(span) = one_of_several(field, &item.value) {
                    let value = Stored::Null;
                    row.columns.push(DeclaredColumn { field, value, span });
                }
                return;
            }
            Fill::Yes => {
                let mut given = item.value.fields().filter_map(|(_, given)| given.span());
                let span = given.next().unwrap_or(item.span);
                let value = Stored::Flag(true);
                row.columns.push(DeclaredColumn { field, value, span });
                return;
            }
            Fill::TextOf(word) => said(word)
                .and_then(|text| text.value.as_text())
                .map(str::to_owned),
            Fill::NameOf(word) => {
                said(word).and_then(|name| self.display_name(item, word, name.value))
            }
            Fill::UniqueName | Fill::Key { .. } => Some(unique_name.to_owned()),
        };
        if let Some(text) = text {
            row.when_new
                .push((field, Stored::Text(shortened(&text, longest))));
        }
    }

    /// The display name of a resource that an item refers to, if it is declared; otherwise its unique name.
    fn display_name(&self, item: &Spanned<Record>, word: &str, name: &Value) -> Option<String> {
        let name = name.as_text()?;
        let (field, _) = item.value.fields().find(|(field, _)| field.word == word)?;
        let Holds::Lookup {
            to: Referent::Named(table),
            ..
        } = field.holds
        else {
            return None;
        };
        let key = ResourceKey::new(Kind::of_table(table)?, name);
        let known = self.context.display_names.get(&key).copied();
        Some(known.unwrap_or(name).to_owned())
    }

    fn feature(
        &self,
        field: &Field,
        part: &'static PartTable,
        number: Spanned<i64>,
        on: Spanned<bool>,
    ) -> DeclaredRow {
        let name = part.feature_name(number.value);
        let mut row = DeclaredRow {
            key: self.part_key(part, PartName::Number(number.value)),
            columns: Vec::new(),
            when_new: Vec::new(),
            path: format!("{}.{name}", field.word),
            part: Some(part),
            only_if_there: false,
            span: number.span,
        };
        for column in part.fields {
            match (column.holds, column.fill) {
                (Holds::Flag, _) => row.columns.push(DeclaredColumn {
                    field: column,
                    value: Stored::Flag(on.value),
                    span: on.span,
                }),
                (Holds::Option, _) => row.when_new.push((column, Stored::Number(number.value))),
                (_, Fill::Key { .. }) => {
                    let label = shortened(&format!("{}_{name}", self.name), 100);
                    row.when_new.push((column, Stored::Text(label)));
                }
                _ => {}
            }
        }
        row
    }
}

/// The destination of the items of a list or a set.
struct List {
    word: &'static str,
    table: &'static Table,
    part: Option<&'static PartTable>,
    name: NameOf,
}

/// The row that identifies a part, and what people call it.
fn target_of(part: &PartTable, record: &Record) -> Option<(String, RowKey)> {
    let PartIdentity::Lookup(_) = part.identity else {
        return None;
    };
    let mut columns = record.columns();
    let (field, given) = columns.find(|(field, _)| part.is_identity(field))?;
    let Holds::Lookup { to, .. } = field.holds else {
        return None;
    };
    let label = given.value()?.as_text()?.to_owned();
    let key = match target_key(to, &label) {
        RowKey::Found(Lookup::Role { name, .. }) => {
            let unit = record
                .columns()
                .find_map(|(field, given)| match field.holds {
                    Holds::BusinessUnit => given.value()?.as_text().map(str::to_owned),
                    _ => None,
                });
            RowKey::Found(Lookup::Role {
                name,
                business_unit: unit,
            })
        }
        key => key,
    };
    let label = match &key {
        RowKey::Found(Lookup::Role { .. }) => key.label(),
        _ => label,
    };
    Some((label, key))
}

/// The text or number that identifies a part.
fn place_of(part: &PartTable, record: &Record) -> Option<PartName> {
    let mut columns = record.columns();
    let (_, given) = columns.find(|(field, _)| part.is_identity(field))?;
    match (part.identity, given.value()?) {
        (PartIdentity::Text(_), Value::Text(text)) => Some(PartName::Text(text.clone())),
        (PartIdentity::Number(_), Value::Number(number)) => Some(PartName::Number(*number)),
        _ => None,
    }
}

/// The number of the alternative that an item uses, and its position.
fn chosen(words: &[deskstate_model::Choice], record: &Record) -> Option<(i64, Span)> {
    record.fields().find_map(|(field, given)| {
        let word = words.iter().find(|word| word.word == field.word)?;
        Some((word.number, given.spanned()?.span))
    })
}

/// The position of the alternative that an item uses, if this field is one of the alternatives.
fn one_of_several(field: &Field, record: &Record) -> Option<Span> {
    record.columns().find_map(|(other, _)| match other.holds {
        Holds::OneOf(words) if words.iter().any(|word| word.word == field.word) => {
            chosen(words, record).map(|(_, span)| span)
        }
        _ => None,
    })
}

fn from_teams(set: &Set) -> Vec<(String, Span)> {
    let teams = set.from_teams.iter();
    teams.map(|team| (team.value.clone(), team.span)).collect()
}

/// A scalar or a single reference in the form in which its column stores it.
fn stored(field: &'static Field, value: &Value) -> Option<Stored> {
    Some(match (value, field.holds) {
        (Value::Text(name), Holds::Lookup { to, .. }) => Stored::Row(target_key(to, name)),
        (Value::Name(name), Holds::Lookup { to, .. }) => Stored::Row(target_key(to, name.as_str())),
        (Value::Name(name), _) => Stored::Text(name.as_str().to_owned()),
        (Value::Set(set), Holds::Ids { to, always }) => {
            let keys = |always: &[&str], members: &[Spanned<Value>]| -> Vec<RowKey> {
                let named = members.iter().filter_map(|member| member.value.as_text());
                let names = always.iter().copied().chain(named);
                names.map(|name| target_key(to, name)).collect()
            };
            let with = keys(always, &set.members);
            match set.mode {
                SetMode::Exact => Stored::IdsOf(with),
                SetMode::AtLeast => Stored::IdsAmong {
                    with,
                    without: keys(&[], &set.without),
                },
            }
        }
        (Value::Text(text), _) => Stored::Text(text.clone()),
        (Value::Number(number), _) => Stored::Number(*number),
        (Value::Flag(flag), Holds::InvertedFlag) => Stored::Flag(!flag),
        (Value::Flag(flag), _) => Stored::Flag(*flag),
        (Value::Choice(word), holds) => {
            let option = field.options().iter().find(|option| option.word == *word)?;
            match holds {
                Holds::FlagChoice(_) => Stored::Flag(option.number == 1),
                _ => Stored::Number(option.number),
            }
        }
        (Value::Json(json), _) => Stored::Json(json.clone()),
        (Value::Owner(Owner::User(name)), _) => {
            Stored::Row(RowKey::Found(Lookup::User(name.clone())))
        }
        (Value::Owner(Owner::Team(name)), _) => {
            Stored::Row(RowKey::Found(Lookup::Team(name.clone())))
        }
        _ => return None,
    })
}
