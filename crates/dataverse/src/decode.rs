//! Decodes rows directly from the bytes of a reply, without an intermediate tree. Names are stored once.

use std::fmt;
use std::sync::Arc;

use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::budget::Room;
use crate::row::Columns;
use crate::{Cell, Etag};

/// No table has more distinct columns than this.
const MAX_COLUMNS: usize = 4096;

/// The cells of a row, by slot, and the row's version.
pub(crate) type RawRow = (Box<[(u32, Cell)]>, Option<Etag>);

/// Where a reply contains its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// The objects of the array with this name.
    Array(&'static str),
    /// The objects of the array with the second name, inside the object with the first name.
    Nested(&'static str, &'static str),
    /// The complete object is the only row.
    Record,
}

/// The content of a reply other than its rows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// The context URL, which says what the rows are.
    pub(crate) context: Option<String>,
    /// Link to the next page.
    pub(crate) next: Option<String>,
    /// Whether `fetchXml` reports more rows.
    pub(crate) more: bool,
    /// Whether the reply contained the rows.
    found: bool,
}

/// Decodes a reply, adding its rows and interning its columns.
///
/// The first slots belong to `keys`, in order; of those columns, only the keys of the related records are stored.
pub(crate) fn rows(
    body: &[u8],
    layout: Layout,
    keys: &[&str],
    columns: &mut Columns,
    rows: &mut Vec<RawRow>,
    room: &Room,
) -> Result<Page, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let page = match layout {
        Layout::Record => {
            let row = RowSeed {
                keys,
                columns,
                before: None,
                room,
            };
            rows.push(row.deserialize(&mut reader)?);
            Page::default()
        }
        Layout::Array(name) => {
            let page = Object {
                under: None,
                name,
                keys,
                columns,
                rows,
                room,
            }
            .deserialize(&mut reader)?;
            if !page.found {
                return Err(de::Error::custom(format_args!("it has no `{name}`")));
            }
            page
        }
        Layout::Nested(under, name) => {
            let page = Object {
                under: Some(under),
                name,
                keys,
                columns,
                rows,
                room,
            }
            .deserialize(&mut reader)?;
            if !page.found {
                return Err(de::Error::custom(format_args!(
                    "it has no `{under}/{name}`"
                )));
            }
            page
        }
    };
    reader.end()?;
    Ok(page)
}

/// The object of a reply, or one inside it, that contains the array of rows.
struct Object<'a> {
    under: Option<&'static str>,
    name: &'static str,
    keys: &'a [&'a str],
    columns: &'a mut Columns,
    rows: &'a mut Vec<RawRow>,
    room: &'a Room,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = Page;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Page, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Page;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with `{}`", self.under.unwrap_or(self.name))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Page, A::Error> {
        let Object {
            under,
            name,
            keys,
            columns,
            rows,
            room,
        } = self;
        let mut page = Page::default();
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            match (under, key.as_ref()) {
                (Some(under), key) if key == under => {
                    let inner = map.next_value_seed(Object {
                        under: None,
                        name,
                        keys,
                        columns: &mut *columns,
                        rows: &mut *rows,
                        room,
                    })?;
                    page.found |= inner.found;
                }
                (None, key) if key == name => {
                    map.next_value_seed(ArraySeed {
                        keys,
                        columns: &mut *columns,
                        rows: &mut *rows,
                        room,
                    })?;
                    page.found = true;
                }
                (None, "@odata.context") => page.context = map.next_value()?,
                (None, "@odata.nextLink") => page.next = Some(map.next_value()?),
                (None, "@Microsoft.Dynamics.CRM.morerecords") => page.more = map.next_value()?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(page)
    }
}

struct ArraySeed<'a> {
    keys: &'a [&'a str],
    columns: &'a mut Columns,
    rows: &'a mut Vec<RawRow>,
    room: &'a Room,
}

impl<'de> DeserializeSeed<'de> for ArraySeed<'_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ArraySeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let ArraySeed {
            keys,
            columns,
            rows,
            room,
        } = self;
        while let Some(row) = seq.next_element_seed(RowSeed {
            keys,
            columns: &mut *columns,
            before: rows.last(),
            room,
        })? {
            rows.push(row);
        }
        Ok(())
    }
}

struct RowSeed<'a> {
    keys: &'a [&'a str],
    columns: &'a mut Columns,
    before: Option<&'a RawRow>,
    room: &'a Room,
}

impl RowSeed<'_> {
    /// The value of a column in the previous row.
    fn above(before: Option<&RawRow>, slot: u32) -> Option<&Cell> {
        let (cells, _) = before?;
        let at = cells.binary_search_by_key(&slot, |(slot, _)| *slot).ok()?;
        Some(&cells[at].1)
    }
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = RawRow;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<RawRow, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_> {
    type Value = RawRow;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawRow, A::Error> {
        let RowSeed {
            keys,
            columns,
            before,
            room,
        } = self;
        room.row().map_err(de::Error::custom)?;
        let mut cells: Vec<(u32, Cell)> = Vec::with_capacity(columns.len().min(64));
        let mut etag = None;
        let mut next = 0;
        let mut expected = 0;
        while let Some(name) = map.next_key_seed(NameSeed {
            columns: &mut *columns,
            next,
        })? {
            match name {
                Name::Etag => {
                    let text: std::borrow::Cow<'de, str> = map.next_value()?;
                    etag = Etag::new(&text);
                }
                Name::Control => {
                    map.next_value::<IgnoredAny>()?;
                }
                Name::Column(slot) => {
                    next = slot + 1;
                    expected += usize::from(columns.is_expected(slot));
                    if let Some(key) = keys.get(slot as usize) {
                        let related = map.next_value_seed(KeysSeed { key, room })?;
                        if !related.is_empty() {
                            cells.push((slot, Cell::Keys(related.into_boxed_slice())));
                        }
                        continue;
                    }
                    let above = RowSeed::above(before, slot);
                    match map.next_value_seed(CellSeed { above, room })? {
                        Cell::Null => {}
                        cell => {
                            room.cell().map_err(de::Error::custom)?;
                            cells.push((slot, cell));
                        }
                    }
                }
            }
        }
        columns.count_row(expected);
        cells.sort_by_key(|(slot, _)| *slot);
        cells.dedup_by_key(|(slot, _)| *slot);
        Ok((cells.into_boxed_slice(), etag))
    }
}

enum Name {
    Etag,
    /// OData control information: contexts, links, next links of expanded collections (which only repeat).
    Control,
    Column(u32),
}

struct NameSeed<'a> {
    columns: &'a mut Columns,
    /// The slot of the column that comes next in most rows.
    next: u32,
}

impl<'de> DeserializeSeed<'de> for NameSeed<'_> {
    type Value = Name;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed<'_> {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a column")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Name, E> {
        if name == "@odata.etag" {
            return Ok(Name::Etag);
        }
        if name.contains("@odata.") {
            return Ok(Name::Control);
        }
        let slot = self.columns.intern_near(name, self.next);
        if self.columns.len() > MAX_COLUMNS {
            return Err(E::custom(format_args!(
                "it has more than {MAX_COLUMNS} columns"
            )));
        }
        Ok(Name::Column(slot))
    }
}

/// A value, shared with the previous row if both are equal. Owners, managed properties and the dates of an import are equal in most rows.
struct CellSeed<'a> {
    above: Option<&'a Cell>,
    room: &'a Room,
}

impl<'de> DeserializeSeed<'de> for CellSeed<'_> {
    type Value = Cell;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Cell, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for CellSeed<'_> {
    type Value = Cell;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Cell, E> {
        Ok(Cell::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Cell, E> {
        Ok(Cell::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Cell, E> {
        Ok(Cell::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Cell, E> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "no column holds a whole number beyond i64"
        )]
        Ok(i64::try_from(number).map_or(Cell::Decimal(number as f64), Cell::Int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Cell, E> {
        Ok(Cell::Decimal(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Cell, E> {
        Ok(Cell::Text(match self.above {
            Some(Cell::Text(above)) if **above == *text => Arc::clone(above),
            _ => {
                self.room.text(text.len()).map_err(E::custom)?;
                text.into()
            }
        }))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Cell, A::Error> {
        let value = JsonSeed { room: self.room }.visit_seq(seq)?;
        Ok(Cell::Json(Arc::new(value)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Cell, A::Error> {
        let mark = self.room.mark();
        let value = JsonSeed { room: self.room }.visit_map(map)?;
        Ok(Cell::Json(match self.above {
            Some(Cell::Json(above)) if **above == value => {
                self.room.back_to(mark);
                Arc::clone(above)
            }
            _ => Arc::new(value),
        }))
    }
}

/// The primary keys of the records of a collection, or of the one record of a lookup.
struct KeysSeed<'a> {
    key: &'a str,
    room: &'a Room,
}

impl<'de> DeserializeSeed<'de> for KeysSeed<'_> {
    type Value = Vec<Uuid>;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Uuid>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for KeysSeed<'_> {
    type Value = Vec<Uuid>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "records with `{}`", self.key)
    }

    fn visit_unit<E>(self) -> Result<Vec<Uuid>, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Uuid>, A::Error> {
        let KeysSeed { key, room } = self;
        let mut found = Vec::new();
        while let Some(keys) = seq.next_element_seed(KeysSeed { key, room })? {
            found.extend(keys);
        }
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<Uuid>, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if name == self.key {
                found = Some(map.next_value::<Uuid>()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        self.room.cell().map_err(de::Error::custom)?;
        let found = found.ok_or_else(|| {
            de::Error::custom(format_args!("a related record has no `{}`", self.key))
        })?;
        Ok(vec![found])
    }
}

/// A JSON value whose parts are counted before they are stored, because two bytes of text can take a hundred bytes of memory.
#[derive(Clone, Copy)]
struct JsonSeed<'a> {
    room: &'a Room,
}

impl<'de> DeserializeSeed<'de> for JsonSeed<'_> {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.room.node().map_err(de::Error::custom)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for JsonSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        self.room.text(text.len()).map_err(E::custom)?;
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            self.room.key(name.len()).map_err(de::Error::custom)?;
            fields.insert(name, map.next_value_seed(self)?);
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Decoded = (Columns, Vec<RawRow>, Page);

    fn decoded(body: &str, layout: Layout) -> Result<Decoded, serde_json::Error> {
        let mut columns = Columns::default();
        let mut found = Vec::new();
        let page = rows(
            body.as_bytes(),
            layout,
            &[],
            &mut columns,
            &mut found,
            &Room::whole(),
        )?;
        Ok((columns, found, page))
    }

    #[test]
    fn rows_share_a_text_that_is_the_same() {
        let body = r#"{"value":[{"p":"x","q":"x"},{"p":"x","q":"y"},{"p":"z"}]}"#;
        let (_, rows, _) = decoded(body, Layout::Array("value")).expect("good rows");
        let text = |row: usize, cell: usize| match &rows[row].0[cell].1 {
            Cell::Text(text) => text,
            other => panic!("{other:?}"),
        };
        assert!(Arc::ptr_eq(text(0, 0), text(1, 0)));
        assert!(!Arc::ptr_eq(text(0, 0), text(0, 1)));
        assert_eq!((&**text(1, 1), &**text(2, 0)), ("y", "z"));
    }

    #[test]
    fn rows_share_a_nested_value_that_is_the_same() {
        let body = r#"{"value":[{"p":{"Value":true}},{"p":{"Value":true}},{"p":{"Value":false}}]}"#;
        let (_, rows, _) = decoded(body, Layout::Array("value")).expect("good rows");
        let property = |row: usize| match &rows[row].0[0].1 {
            Cell::Json(value) => value,
            other => panic!("{other:?}"),
        };
        assert!(Arc::ptr_eq(property(0), property(1)));
        assert!(!Arc::ptr_eq(property(1), property(2)));
        assert_eq!(property(2)["Value"], false);
    }

    #[test]
    fn names_are_kept_once_and_nulls_not_at_all() {
        let body = r#"{"@odata.context":"c","value":[
            {"@odata.etag":"W/\"1\"","a":1,"b":null},
            {"b":"x","a":2,"n@odata.nextLink":"https://repeats","n":[{"c":1}]}]}"#;
        let (columns, rows, page) = decoded(body, Layout::Array("value")).expect("good rows");
        assert_eq!(columns.len(), 3);
        assert_eq!(rows[0].0.len(), 1);
        assert_eq!(rows[0].1.as_ref().map(Etag::as_str), Some("W/\"1\""));
        assert_eq!(rows[1].0.len(), 3);
        assert_eq!(
            page.next, None,
            "next links of expanded collections only repeat"
        );
    }

    #[test]
    fn rows_are_found_where_functions_put_them() {
        let history = r#"{"AuditDetailCollection":{"MoreRecords":false,"AuditDetails":[{"OldValue":{"a":1}}]}}"#;
        let layout = Layout::Nested("AuditDetailCollection", "AuditDetails");
        assert_eq!(decoded(history, layout).expect("audit").1.len(), 1);
        let privileges = r#"{"@odata.context":"c","RolePrivileges":[{"Depth":"Global"}]}"#;
        let layout = Layout::Array("RolePrivileges");
        assert_eq!(decoded(privileges, layout).expect("privileges").1.len(), 1);
        let (_, record, _) = decoded(r#"{"UserId":"x"}"#, Layout::Record).expect("a record");
        assert_eq!(record.len(), 1);
    }

    #[test]
    fn a_reply_without_rows_is_an_error_and_not_an_empty_table() {
        for body in [
            "{}",
            r#"{"error":{}}"#,
            r#"{"value":{}}"#,
            r#"{"value":[1]}"#,
            r#"{"value":[]"#,
            r#"{"value":[]} x"#,
            "",
            "[]",
        ] {
            assert!(decoded(body, Layout::Array("value")).is_err(), "{body}");
        }
    }

    #[test]
    fn columns_without_end_are_refused() {
        let row: Vec<String> = (0..5000).map(|n| format!("\"c{n}\":1")).collect();
        let body = format!("{{\"value\":[{{{}}}]}}", row.join(","));
        assert!(decoded(&body, Layout::Array("value")).is_err());
    }

    #[test]
    fn values_that_take_far_more_memory_than_text_are_counted_as_what_they_take() {
        let few = r#"{"value":[{"a":[1,1,1]}]}"#;
        assert!(decoded(few, Layout::Array("value")).is_ok());
        for (many, unit) in [("1", 1), ("{}", 1), ("[]", 1), (r#"{"":0}"#, 2)] {
            let count = 72 * (1 << 20) / (160 * unit) + 1;
            let body = format!(
                r#"{{"value":[{{"a":[{}0]}}]}}"#,
                format!("{many},").repeat(count)
            );
            let error = decoded(&body, Layout::Array("value")).expect_err(many);
            assert!(error.to_string().contains("budget"), "{error}");
        }
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let body = format!("{{\"value\":[{{\"a\":{}", "[".repeat(100_000));
        assert!(decoded(&body, Layout::Array("value")).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_an_answer(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut columns = Columns::default();
            for layout in [Layout::Array("value"), Layout::Record] {
                let _ = rows(&body, layout, &[], &mut columns, &mut Vec::new(), &Room::whole());
            }
        }

        #[test]
        fn a_row_keeps_what_it_is_given(
            text in any::<String>(), number in any::<i64>(), flag in any::<bool>(), name in "[a-z]{1,8}"
        ) {
            let body = serde_json::json!({"value": [
                {"0": text, "1": number, "2": flag, "3": {"n": text}, (name): null}
            ]});
            let (columns, rows, _) =
                decoded(&body.to_string(), Layout::Array("value")).expect("good rows");
            let cell = |column: &str| {
                let slot = columns.slot(column).expect("it was named");
                rows[0].0.iter().find(|(at, _)| *at == slot).map(|(_, cell)| cell.clone())
            };
            prop_assert_eq!(cell("0"), Some(Cell::Text(text.as_str().into())));
            prop_assert_eq!(cell("1"), Some(Cell::Int(number)));
            prop_assert_eq!(cell("2"), Some(Cell::Flag(flag)));
            prop_assert_eq!(cell("3").map(|cell| cell.to_json()), Some(serde_json::json!({"n": text})));
        }
    }
}
