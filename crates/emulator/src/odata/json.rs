//! Converts rows to JSON, with the annotations that the request asked for.

use serde::Serialize;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::eval::{cell, cell_of};
use crate::clock::Moment;
use crate::schema::{Column, Kind, Table, TableId};
use crate::store::{Row, Store};
use crate::value::Value;

const FORMATTED: &str = "OData.Community.Display.V1.FormattedValue";
const LOOKUP_NAME: &str = "Microsoft.Dynamics.CRM.lookuplogicalname";
const NAVIGATION: &str = "Microsoft.Dynamics.CRM.associatednavigationproperty";

/// The preferences in the `Prefer` header.
#[derive(Debug, Clone, Default)]
pub(crate) struct Preferences {
    annotations: Vec<String>,
    pub(crate) annotations_text: Option<String>,
    pub(crate) page_size: Option<usize>,
    pub(crate) representation: bool,
    pub(crate) continue_on_error: bool,
    pub(crate) track_changes: bool,
}

impl Preferences {
    pub(crate) fn parse<'h>(headers: impl Iterator<Item = &'h str>) -> Preferences {
        let mut preferences = Preferences::default();
        for header in headers {
            for item in split_preferences(header) {
                let (name, value) = item.split_once('=').unwrap_or((item, ""));
                let value = value.trim().trim_matches('"');
                match name.trim() {
                    "odata.include-annotations" => {
                        preferences.annotations = value
                            .split(',')
                            .map(|name| name.trim().to_owned())
                            .collect();
                        preferences.annotations_text = Some(value.to_owned());
                    }
                    "odata.maxpagesize" => {
                        preferences.page_size = value.parse().ok().filter(|size| *size > 0)
                    }
                    "return" => preferences.representation = value == "representation",
                    "odata.continue-on-error" | "continue-on-error" => {
                        preferences.continue_on_error = value != "false"
                    }
                    "odata.track-changes" => preferences.track_changes = true,
                    _ => {}
                }
            }
        }
        preferences
    }

    /// Whether an annotation was requested, by its name or by a pattern that ends in `*`.
    pub(crate) fn wants(&self, annotation: &str) -> bool {
        self.annotations
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => annotation.starts_with(prefix),
                None => pattern == annotation,
            })
    }
}

/// Splits `a="x,y",b=1` at commas outside quotes.
fn split_preferences(header: &str) -> Vec<&str> {
    let (mut quoted, mut start, mut items) = (false, 0, Vec::new());
    for (at, character) in header.char_indices() {
        match character {
            '"' => quoted = !quoted,
            ',' | ';' if !quoted => {
                items.push(header[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    items.push(header[start..].trim());
    items
}

/// The columns in the rows of one answer, each with the text that precedes its value.
pub(crate) struct Layout(Vec<(usize, String)>);

/// Appends JSON to a buffer.
pub(crate) fn write_json<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("memory takes every text, and our keys are texts");
}

/// Writes the rows of one request.
pub(crate) struct Writer<'a> {
    pub(crate) store: &'a Store,
    pub(crate) language: i64,
    pub(crate) preferences: &'a Preferences,
}

impl Writer<'_> {
    /// A row as an object: the etag first, each annotation before its property, and the key always included.
    pub(crate) fn record(
        &self,
        table: TableId,
        row: &Row,
        select: Option<&[usize]>,
    ) -> Map<String, Json> {
        let table = self.store.schema.table(table);
        let mut object = Map::new();
        object.insert("@odata.etag".into(), etag(row.version).into());
        for column in self.columns(table, select) {
            self.property(table, row, column, &mut object);
        }
        object
    }

    /// The columns in the object of a row.
    fn columns(&self, table: &Table, select: Option<&[usize]>) -> Vec<usize> {
        match select {
            Some(columns) => {
                let key = (!columns.contains(&table.key)).then_some(table.key);
                columns.iter().copied().chain(key).collect()
            }
            None => (0..table.columns.len())
                .filter(|column| !table.columns[*column].hidden)
                .collect(),
        }
    }

    /// The columns and their serialized names, if no annotations were requested.
    pub(crate) fn layout(&self, table: TableId, select: Option<&[usize]>) -> Option<Layout> {
        let table = self.store.schema.table(table);
        let named = |position: usize| {
            let name = Json::from(table.columns[position].property());
            (position, format!(",{name}:"))
        };
        (self.preferences.annotations_text.is_none())
            .then(|| Layout(self.columns(table, select).into_iter().map(named).collect()))
    }

    /// Writes the same as [`Writer::record`], without an intermediate tree.
    pub(crate) fn write(&self, table: TableId, row: &Row, layout: &Layout, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"@odata.etag\":\"W/\\\"");
        out.extend_from_slice(row.version.to_string().as_bytes());
        out.extend_from_slice(b"\\\"\"");
        let columns = &self.store.schema.table(table).columns;
        for (position, name) in &layout.0 {
            out.extend_from_slice(name.as_bytes());
            if columns[*position].only_expanded {
                out.extend_from_slice(b"null");
                continue;
            }
            match cell_of(self.store, table, row, *position, self.language).as_ref() {
                Value::Null => out.extend_from_slice(b"null"),
                Value::Id(id) | Value::Lookup(_, id) => {
                    let mut text = Uuid::encode_buffer();
                    out.push(b'"');
                    out.extend_from_slice(id.hyphenated().encode_lower(&mut text).as_bytes());
                    out.push(b'"');
                }
                Value::Text(text) => write_json(text.as_ref(), out),
                other => {
                    let property = columns[*position].property();
                    write_json(&other.json(&property), out);
                }
            }
        }
        out.push(b'}');
    }

    fn property(&self, table: &Table, row: &Row, position: usize, object: &mut Map<String, Json>) {
        let column = &table.columns[position];
        let value = match column.only_expanded {
            true => Value::Null,
            false => cell(self.store, table.id, row, position, self.language),
        };
        let property = column.property();
        self.annotate(column, &value, &property, object);
        object.insert(property.clone(), value.json(&property));
    }

    /// Adds the annotations of one property, under its name in the answer.
    pub(crate) fn annotate(
        &self,
        column: &Column,
        value: &Value,
        property: &str,
        object: &mut Map<String, Json>,
    ) {
        if value.is_null() {
            return;
        }
        if let Value::Lookup(target, _) = value {
            if self.preferences.wants(NAVIGATION)
                && let Some(found) = column
                    .targets
                    .iter()
                    .find(|candidate| candidate.table == *target)
            {
                object.insert(
                    format!("{property}@{NAVIGATION}"),
                    found.navigation.clone().into(),
                );
            }
            if self.preferences.wants(LOOKUP_NAME) {
                object.insert(
                    format!("{property}@{LOOKUP_NAME}"),
                    self.store.schema.table(*target).name.clone().into(),
                );
            }
        }
        if self.preferences.wants(FORMATTED)
            && let Some(text) = self.formatted(column, value)
        {
            object.insert(format!("{property}@{FORMATTED}"), text.into());
        }
    }

    /// Adds the formatted value of a number that belongs to no column.
    pub(crate) fn annotate_number(
        &self,
        number: i64,
        property: &str,
        object: &mut Map<String, Json>,
    ) {
        if self.preferences.wants(FORMATTED) {
            object.insert(format!("{property}@{FORMATTED}"), grouped(number).into());
        }
    }

    fn formatted(&self, column: &Column, value: &Value) -> Option<String> {
        match (column.kind, value) {
            (_, Value::Lookup(table, id)) => {
                let name = self.store.schema.table(*table).primary_name?;
                let row = self.store.get(*table, *id)?;
                cell(self.store, *table, row, name, self.language)
                    .as_text()
                    .map(str::to_owned)
            }
            (Kind::Flag, Value::Flag(flag)) => Some(if *flag {
                column.flag_labels.1.clone()
            } else {
                column.flag_labels.0.clone()
            }),
            (kind, Value::Int(number)) if kind.is_choice() => column.options.get(number).cloned(),
            (_, Value::Int(number)) => Some(grouped(*number)),
            (Kind::DateTime, Value::Text(text)) => {
                Moment::parse(text).map(|moment| spoken(moment, column.date_only))
            }
            _ => None,
        }
    }
}

/// `W/"700123"`.
pub(crate) fn etag(version: u64) -> String {
    format!("W/\"{version}\"")
}

fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("-{text}") } else { text }
}

/// Formats as `5/1/2026 8:00 AM`, the format of the base language.
fn spoken(moment: Moment, date_only: bool) -> String {
    let iso = moment.iso();
    let number = |range: std::ops::Range<usize>| iso[range].parse::<u32>().unwrap_or_default();
    let (hour, minute) = (number(11..13), number(14..16));
    let day = format!("{}/{}/{}", number(5..7), number(8..10), number(0..4));
    if date_only {
        return day;
    }
    let half = if hour < 12 { "AM" } else { "PM" };
    let twelve = if hour % 12 == 0 { 12 } else { hour % 12 };
    format!("{day} {twelve}:{minute:02} {half}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_without_a_tree_is_what_the_tree_says() {
        let store = Store::new(std::sync::Arc::new(
            crate::tables::load(None).expect("tables"),
        ));
        let table = store.schema.named("msdyn_sessiontemplate").expect("table");
        let own = store.schema.table(table);
        let mut row = Row::new(own, Uuid::from_u128(7));
        row.version = 700_001;
        for (position, column) in own.columns.iter().enumerate() {
            row.cells[position] = match column.kind {
                Kind::Text | Kind::Memo => Value::text("a \"quoted\"\n\u{1}ü"),
                Kind::Flag => Value::Flag(true),
                Kind::Lookup => Value::Lookup(table, Uuid::from_u128(8)),
                Kind::Managed => Value::Managed(true, false),
                Kind::Double | Kind::Decimal => Value::Number(1.5),
                Kind::Integer | Kind::Choice => Value::Int(-3),
                _ => row.cells[position].clone(),
            };
        }
        let preferences = Preferences::default();
        let writer = Writer {
            store: &store,
            language: 1033,
            preferences: &preferences,
        };
        for select in [None, Some(&[2_usize, 3][..])] {
            let layout = writer.layout(table, select).expect("no annotations");
            let mut text = Vec::new();
            writer.write(table, &row, &layout, &mut text);
            let tree = Json::Object(writer.record(table, &row, select));
            assert_eq!(String::from_utf8(text).expect("text"), tree.to_string());
        }
    }

    #[test]
    fn several_preferences_in_one_header_are_told_apart() {
        let preferences = Preferences::parse(
            ["odata.include-annotations=\"Microsoft.Dynamics.CRM.*,OData.Community.Display.V1.FormattedValue\",odata.maxpagesize=3", "return=representation"].into_iter(),
        );
        assert!(
            preferences.wants(LOOKUP_NAME)
                && preferences.wants(FORMATTED)
                && preferences.representation
        );
        assert!(!preferences.wants("OData.Other"));
        assert_eq!(preferences.page_size, Some(3));
    }

    #[test]
    fn numbers_and_moments_are_formatted_as_people_read_them() {
        assert_eq!(grouped(-1_234_567), "-1,234,567");
        assert_eq!(
            spoken(
                Moment::parse("2026-05-01T12:05:00Z").expect("moment"),
                false
            ),
            "5/1/2026 12:05 PM"
        );
    }
}
