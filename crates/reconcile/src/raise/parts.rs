//! Raises everything that belongs to a row: lists and sets of parts, features, and the lines of a notification.

use deskstate_dataverse::Cell;
use deskstate_model::{
    Field, Fill, Holds, ItemTable, Kind, NameOf, PartIdentity, PartTable, Referent, Relationship,
    ResourceKey, Table, Unlisted, Written, lookup_read_name, of_unit, unique_name_of_part,
};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::raising::{Raising, SetForm, is_others};
use super::text::refused;
use crate::kinds;
use crate::live::{Access, Live, ObservedRow};
use crate::plan::declared_names;
use crate::state::fold;

/// The table behind the items of a list or a set.
struct Rows {
    table: &'static Table,
    fields: &'static [Field],
    name: NameOf,
    part: Option<&'static PartTable>,
}

impl<'a> Raising<'a> {
    pub(super) fn parts(
        &mut self,
        field: &'static Field,
        part: &'static PartTable,
    ) -> Result<Option<Json>, String> {
        let table = self.live.table(part.table);
        match &table.access {
            Access::Whole => {}
            Access::Absent => return Ok(None),
            Access::Partial(why) | Access::Refused(why) => return Err(why.clone()),
        }
        let mut rows: Vec<&'a ObservedRow> = table.children(part, self.row.id).collect();
        rows.sort_by_key(|row| row.id);
        self.report_inactive(field, part, &rows);
        match part.written {
            Written::Parameters => self.parameters(part, &rows),
            Written::Features(_) => self.features(field.word, part, &rows),
            Written::List => self.list(field, part, &rows),
            Written::Set => self.part_set(field, part, &rows),
        }
    }

    /// Reports inactive parts, which a manifest cannot tell from active ones.
    fn report_inactive(&mut self, field: &Field, part: &'static PartTable, rows: &[&ObservedRow]) {
        let mut fields = part.fields.iter();
        let has_status = fields.any(|field| matches!(field.holds, Holds::Status(_)));
        if self.options.as_read || self.options.unchecked || has_status {
            return;
        }
        for row in rows.iter().filter(|row| kinds::is_inactive(&row.row)) {
            let label = self.live.label(part.table, row.id);
            self.warn(
                field.word,
                format!(
                    "the row {label} of {} is inactive; manifests have no state of such rows, so a new one would be active",
                    part.table.logical
                ),
            );
        }
    }

    /// Whether empty live values are written as null.
    fn says_nulls(&self) -> bool {
        !self.options.skip_defaults && !self.options.from_file
    }

    /// Rows in ascending order of a number. If the order is ambiguous, the rows cannot be written as a list.
    fn in_order<'r>(
        &self,
        rows: &[&'r ObservedRow],
        column: &str,
    ) -> Result<Vec<&'r ObservedRow>, String> {
        let mut numbered: Vec<(Option<i64>, &ObservedRow)> =
            rows.iter().map(|row| (row.row.int(column), *row)).collect();
        numbered.sort_by_key(|(number, row)| (*number, row.id));
        let told = numbered.iter().all(|(number, _)| number.is_some())
            && numbered.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if told {
            Ok(numbered.into_iter().map(|(_, row)| row).collect())
        } else {
            Err("their order is unknown: a number is missing or used twice".to_owned())
        }
    }

    /// A list of parts that is numbered from 1 when it is applied.
    fn list(
        &mut self,
        field: &Field,
        part: &'static PartTable,
        rows: &[&ObservedRow],
    ) -> Result<Option<Json>, String> {
        // Parts that are switched off are not listed.
        let is_on = |row: &&&ObservedRow| match part.unlisted {
            Unlisted::SwitchOff(column) => row.row.flag(column) == Some(true),
            Unlisted::Delete | Unlisted::Leave => true,
        };
        let listed: Vec<&ObservedRow> = rows.iter().filter(is_on).copied().collect();
        let ordered = match position(part.fields) {
            Some(position) => self.in_order(&listed, position.column)?,
            None => listed,
        };
        let from_one = (1_i64..).zip(&ordered).all(|(at, row)| {
            let number = at * part.name.step();
            position(part.fields)
                .is_none_or(|position| row.row.int(position.column) == Some(number))
        });
        if self.options.from_file && !from_one {
            self.remark(field.word, "they keep their order and get new numbers");
        }
        let mut items = Vec::new();
        for (at, row) in (1_i64..).zip(ordered) {
            let (_, item) = self.item(&Rows::of(part), row, at)?;
            items.push(Json::Object(item));
        }
        if items.is_empty() && (self.existing || self.options.from_file) {
            return Ok(None);
        }
        Ok(Some(Json::Array(items)))
    }

    /// A set of parts, from which some may be left out.
    fn part_set(
        &mut self,
        field: &Field,
        part: &'static PartTable,
        rows: &[&ObservedRow],
    ) -> Result<Option<Json>, String> {
        let form = self.options.form_of(field.word, false);
        if form == SetForm::None {
            return Ok(None);
        }
        let mut members: Vec<(String, Json)> = Vec::new();
        let mut whole = form == SetForm::Exact;
        for row in rows {
            match self.item(&Rows::of(part), row, 0) {
                Ok((label, _)) if members.iter().any(|(known, _)| *known == label) => {
                    return Err(format!("{label} occurs twice"));
                }
                Ok((label, item)) => {
                    let mut bare = part.fields.iter().filter(|field| part.is_bare(field));
                    let bare = bare.find_map(|field| item.get(field.word)).cloned();
                    let member = match bare {
                        Some(name) if item.len() == 1 => name,
                        _ => Json::Object(item),
                    };
                    members.push((label, member));
                }
                Err(why) => {
                    whole = false;
                    let id = identity(part, row).unwrap_or(row.id);
                    self.leave_out_member(field.word, id, why);
                }
            }
        }
        if form == SetForm::Exact && !whole && !members.is_empty() {
            self.is_in_part(field.word);
        }
        members.sort_by_key(|(label, _)| (fold(label), label.clone()));
        let members = members.into_iter().map(|(_, member)| member).collect();
        Ok(self.written_set(field, members, whole, &[]))
    }

    /// One row as an item, and what people call it.
    fn item(
        &mut self,
        rows: &Rows,
        row: &ObservedRow,
        place: i64,
    ) -> Result<(String, Map<String, Json>), String> {
        let noun = rows.table.logical;
        let mut label = match rows.part {
            Some(part) if part.identity != PartIdentity::UniqueName => {
                self.live.label(rows.table, row.id)
            }
            _ => self.part_name(rows.table, row)?,
        };
        let mut item = Map::new();
        let leftover = self.leftover(rows, row, &label)?;
        let unit = unit_of(self.live, rows, row);
        for field in rows.fields {
            let lacking = &self.live.table(rows.table).missing_columns;
            if lacking.contains(field.column) || leftover.contains(&field.word) {
                continue;
            }
            let is_identity = rows.part.is_some_and(|part| part.is_identity(field));
            let value = match field.holds {
                Holds::UniqueName => {
                    let text = |word: &str| item.get(word)?.as_str();
                    let derived = match rows.name {
                        NameOf::Behind(word) | NameOf::PaneTab(word) => text(word).and_then(|of| {
                            unique_name_of_part(rows.name, &self.name, &of_unit(of, unit))
                        }),
                        NameOf::Given => None,
                    };
                    let name = match rows.name {
                        // Scripts of vendors find their entries by these names.
                        NameOf::PaneTab(_) => row.row.text(field.column),
                        _ => (rows.part.is_none() || is_identity).then_some(label.as_str()),
                    };
                    name.filter(|name| derived.as_deref() != Some(*name))
                        .map(|name| json!(name))
                }
                Holds::Position => {
                    let number = row.row.int(field.column);
                    number
                        .filter(|number| *number != place || self.options.as_read)
                        .map(|number| json!(number))
                }
                Holds::OneOf(words) => {
                    let number = row.row.int(field.column);
                    let word = words.iter().find(|word| Some(word.number) == number);
                    let mut said = words
                        .iter()
                        .filter(|word| item.get(word.word).is_some_and(|value| !value.is_null()));
                    if said.next() != word || word.is_none() || said.next().is_some() {
                        let all: Vec<&str> = words.iter().map(|word| word.word).collect();
                        return Err(format!(
                            "{label} does not say which of {} it is",
                            all.join(", ")
                        ));
                    }
                    continue;
                }
                Holds::Lookup { to, .. } => match row.row.uuid(&field.read_name()) {
                    Some(id) => {
                        let name = self.reference_of(to, id, unit)?;
                        if is_identity {
                            label = of_unit(&name, unit);
                            self.is_once(rows, to, id, &name)?;
                        }
                        Some(json!(name))
                    }
                    None if is_identity => {
                        return Err(format!("the row {label} of {noun} names no {}", field.word));
                    }
                    None => Some(Json::Null),
                },
                Holds::BusinessUnit => unit.map(|unit| json!(unit)),
                // A file has no users.
                Holds::Owner if self.options.from_file => continue,
                Holds::Owner => match self.owner(field, row) {
                    // Names of owners are read for files only.
                    Err(_) if self.options.as_read => continue,
                    owner => owner?,
                },
                _ if !field.is_written => continue,
                // A listed part is on.
                _ if field.fill == Fill::Yes => continue,
                _ => super::column(self.live, field, row, self.options)
                    .map_err(|why| format!("{label}: `{}`: {why}", field.word))?,
            };
            if let Some(value) = value
                .as_ref()
                .filter(|value| is_identity && !value.is_null())
                && rows.part.is_some_and(told_by_value)
            {
                label = match value.as_str() {
                    Some(text) => text.to_owned(),
                    None => value.to_string(),
                };
                let parts = self.live.table(rows.table);
                if parts.parts_of(self.row.id, &label).len() != 1 {
                    return Err(format!("{label} occurs twice"));
                }
            }
            let Some(value) = value.filter(|_| field.is_written) else {
                continue;
            };
            if value.is_null() && field.is_required() {
                return Err(format!("{label} has no `{}`", field.word));
            }
            let filled = match field.fill {
                _ if self.options.as_read => false,
                Fill::TextOf(word) => value.is_null() || item.get(word) == Some(&value),
                Fill::NameOf(_) => value.is_null(),
                _ => value.is_null() && !(field.is_clearable() && self.says_nulls()),
            };
            if !filled {
                item.insert(field.word.to_owned(), value);
            }
        }
        Ok((label, item))
    }

    /// The alternatives that a row does not use and that still have a value. The product follows the number of the alternative, and its form
    /// only hides the other values. A manifest cannot contain them, so a plan would clear those of an environment.
    fn leftover(
        &mut self,
        rows: &Rows,
        row: &ObservedRow,
        label: &str,
    ) -> Result<Vec<&'static str>, String> {
        let is_filled = |word: &str| {
            let field = rows.fields.iter().find(|field| field.word == word);
            field.is_some_and(|field| match row.row.get(&field.read_name()) {
                Cell::Null => false,
                Cell::Text(text) => !text.is_empty(),
                _ => true,
            })
        };
        for field in rows.fields {
            let Holds::OneOf(words) = field.holds else {
                continue;
            };
            let number = row.row.int(field.column);
            let used = words.iter().find(|word| Some(word.number) == number);
            let Some(used) = used.filter(|used| is_filled(used.word)) else {
                continue;
            };
            let others = words
                .iter()
                .filter(|word| word.word != used.word && is_filled(word.word));
            let others: Vec<&'static str> = others.map(|word| word.word).collect();
            let told = others.join("` and `");
            if others.is_empty() {
                continue;
            }
            if !self.options.from_file {
                return Err(format!(
                    "{label} is a step of the action `{}` and still has a value of `{told}`",
                    used.word
                ));
            }
            self.remark(
                "",
                format!(
                    "{label} is a step of the action `{}`; its value of `{told}` has no effect and is left out",
                    used.word
                ),
            );
            return Ok(others);
        }
        Ok(Vec::new())
    }

    /// Checks that a part that is identified by another row exists only once.
    fn is_once(&self, rows: &Rows, to: Referent, id: Uuid, name: &str) -> Result<(), String> {
        let parts = self.live.table(rows.table);
        match to {
            // Two rows for one role are told by their labels.
            Referent::Role => Ok(()),
            _ if parts.parts_of(self.row.id, &id.to_string()).len() == 1 => Ok(()),
            _ => Err(format!("{name} occurs twice")),
        }
    }

    /// The unique name of a part that is identified by it.
    fn part_name(&self, table: &'static Table, row: &ObservedRow) -> Result<String, String> {
        let noun = table.logical;
        let name = table
            .name
            .and_then(|column| row.row.text(column))
            .filter(|name| refused(name).is_none())
            .ok_or_else(|| {
                let label = self.live.label(table, row.id);
                format!("{noun} {label} has no unique name that can be written")
            })?;
        match self.live.table(table).named(&fold(name)) {
            [_] => Ok(name.to_owned()),
            _ => Err(format!("several rows of {noun} are called {name}")),
        }
    }

    fn features(
        &mut self,
        word: &'static str,
        part: &'static PartTable,
        rows: &[&ObservedRow],
    ) -> Result<Option<Json>, String> {
        let PartIdentity::Number(column) = part.identity else {
            return Ok(None);
        };
        let mut switches = part.fields.iter();
        let Some(switch) = switches.find(|field| matches!(field.holds, Holds::Flag)) else {
            return Ok(None);
        };
        let mut features: Vec<(i64, bool)> = Vec::new();
        for row in rows {
            // An empty flag has no meaning of its own: the product interprets it in one of two ways.
            let on = row.row.flag(switch.column).or(switch.null_reads_as);
            let (Some(number), Some(on)) = (row.row.int(column), on) else {
                let why = "the row of a feature has no number or no value".to_owned();
                self.leave_out_member(word, row.id, why);
                continue;
            };
            let live = self.live.table(part.table);
            if live.parts_of(self.row.id, &number.to_string()).len() > 1 {
                let name = part.feature_name(number);
                let why = "it occurs twice".to_owned();
                self.leave_out_member(format!("{word}.{name}"), row.id, why);
                continue;
            }
            features.push((number, on));
        }
        features.sort_unstable();
        let written: Map<String, Json> = features
            .into_iter()
            .map(|(number, on)| (part.feature_name(number), json!(on)))
            .collect();
        // Features are owned one by one, so the field is left out if there are none.
        Ok((!written.is_empty()).then_some(Json::Object(written)))
    }

    /// A list of rows that several resources may share.
    pub(super) fn shared_list(
        &mut self,
        field: &Field,
        relationship: &'static Relationship,
        items: &'static ItemTable,
        members: Vec<Uuid>,
    ) -> Result<Option<Json>, String> {
        let table = relationship.member;
        let rows: Result<Vec<&'a ObservedRow>, String> = members
            .iter()
            .map(|id| {
                let row = self.live.row(table, *id);
                row.ok_or_else(|| format!("its field {id} cannot be read"))
            })
            .collect();
        let mut rows = rows?;
        if field
            .max_items
            .is_some_and(|most| rows.len() > most as usize)
        {
            return Err(format!(
                "{} fields are more than a manifest takes",
                rows.len()
            ));
        }
        if let Some(position) = position(items.own) {
            let is_numbered = |row: &&ObservedRow| row.row.int(position.column).is_some();
            let (numbered, mut others): (Vec<_>, Vec<_>) = rows.into_iter().partition(is_numbered);
            if self.options.from_file && others.len() > 1 {
                self.remark(
                    field.word,
                    "the file gives no order of the fields; they are in the order of their names",
                );
            }
            others.sort_by_key(|row| fold(&self.live.label(table, row.id)));
            rows = self.in_order(&numbered, position.column)?;
            rows.append(&mut others);
        }
        let mut written = Vec::new();
        for (at, row) in (1_i64..).zip(rows) {
            match self.own_item(relationship, items, row, at)? {
                Some(mut item) => {
                    self.holds.insert(row.id);
                    // A rule can be about the line or about the row.
                    if self.options.as_read
                        && let Json::Object(item) = &mut item
                    {
                        let name = self.live.label(table, row.id);
                        let shared = items.shared.iter();
                        item.extend(shared.map(|field| (field.word.to_owned(), json!(name))));
                    }
                    written.push(item);
                }
                None => {
                    let name = self.named(table, row.id)?;
                    let shared = items.shared.iter().map(|field| (field.word, name.as_str()));
                    written.push(shared.collect());
                }
            }
        }
        if written.is_empty() && (self.existing || self.options.from_file) {
            return Ok(None);
        }
        Ok(Some(Json::Array(written)))
    }

    /// The item of a row that only this resource links to, if an item can express all of it.
    fn own_item(
        &mut self,
        relationship: &'static Relationship,
        items: &'static ItemTable,
        row: &ObservedRow,
        place: i64,
    ) -> Result<Option<Json>, String> {
        let table = relationship.member;
        let name = self.live.label(table, row.id);
        let owners = self.live.links(relationship).owners(row.id);
        let alone = owners == [self.row.id]
            && !self.existing
            && !row.is_managed()
            && row.is_customizable()
            && !is_others(table, &name, self.options.owned)
            && !self.has_document(table, &name)
            && row.row.int("statecode").unwrap_or(0) == 0;
        if !alone && !self.options.as_read {
            return Ok(None);
        }
        let rows = Rows {
            table,
            fields: items.own,
            name: items.name,
            part: None,
        };
        match self.item(&rows, row, place) {
            Ok((_, item)) => Ok(Some(Json::Object(item))),
            Err(why) if self.is_item(table, &name) => Err(why),
            Err(_) => Ok(None),
        }
    }

    /// Whether the project declares a row as an item of another resource.
    fn is_item(&self, table: &'static Table, name: &str) -> bool {
        let declared = self.options.project.map(declared_names);
        declared.is_some_and(|declared| declared.contains(&(table, fold(name).as_str())))
    }

    fn has_document(&self, table: &'static Table, name: &str) -> bool {
        let key = Kind::of_table(table).map(|kind| ResourceKey::new(kind, name));
        let resources = self.options.project.map(|project| &project.resources);
        resources
            .zip(key)
            .is_some_and(|(resources, key)| resources.contains_key(&key))
    }
}

/// Whether parts are identified by a text or a number.
fn told_by_value(part: &'static PartTable) -> bool {
    matches!(
        part.identity,
        PartIdentity::Text(_) | PartIdentity::Number(_)
    )
}

impl Rows {
    fn of(part: &'static PartTable) -> Self {
        Self {
            table: part.table,
            fields: part.fields,
            name: part.name,
            part: Some(part),
        }
    }
}

/// The business unit of the security role of a part, if it is not the root business unit.
fn unit_of<'l>(live: &'l Live, rows: &Rows, row: &ObservedRow) -> Option<&'l str> {
    let mut fields = rows.fields.iter();
    let field = fields.find(|field| matches!(field.holds, Holds::BusinessUnit))?;
    live.unit_of_copy(row.row.uuid(&lookup_read_name(field.column))?)
}

/// The column that numbers the items of a list.
fn position(fields: &'static [Field]) -> Option<&'static Field> {
    fields
        .iter()
        .find(|field| matches!(field.holds, Holds::Position))
}

/// The row that a part refers to.
fn identity(part: &PartTable, row: &ObservedRow) -> Option<Uuid> {
    match part.identity {
        PartIdentity::Lookup(column) => row.row.uuid(&lookup_read_name(column)),
        _ => None,
    }
}
