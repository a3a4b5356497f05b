//! Rows straight from the bytes of a reply: no tree in between, names kept once.

use std::fmt;

use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::row::Columns;
use crate::{Cell, Etag};

/// More distinct columns than this are not one table's.
const MAX_COLUMNS: usize = 4096;

/// The cells of a row, by slot, and its version.
pub(crate) type RawRow = (Box<[(u32, Cell)]>, Option<Etag>);

/// Where in a reply the rows stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// The objects of the array under this name.
    Array(&'static str),
    /// The objects of the array under the second name, in the object under the first.
    Nested(&'static str, &'static str),
    /// The whole object is the one row.
    Record,
}

/// What a reply says besides its rows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// Where the next page is.
    pub(crate) next: Option<String>,
    /// Whether `fetchXml` says there is more.
    pub(crate) more: bool,
    /// Whether the rows were found at all.
    found: bool,
}

/// Decodes a reply, adding its rows and interning its columns.
pub(crate) fn rows(
    body: &[u8],
    layout: Layout,
    columns: &mut Columns,
    rows: &mut Vec<RawRow>,
) -> Result<Page, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let page = match layout {
        Layout::Record => {
            rows.push(RowSeed { columns }.deserialize(&mut reader)?);
            Page::default()
        }
        Layout::Array(name) => {
            let page = Object {
                under: None,
                name,
                columns,
                rows,
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
                columns,
                rows,
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

/// The object of a reply, or one inside it, that holds the array of rows.
struct Object<'a> {
    under: Option<&'static str>,
    name: &'static str,
    columns: &'a mut Columns,
    rows: &'a mut Vec<RawRow>,
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
            columns,
            rows,
        } = self;
        let mut page = Page::default();
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            match (under, key.as_ref()) {
                (Some(under), key) if key == under => {
                    let inner = map.next_value_seed(Object {
                        under: None,
                        name,
                        columns: &mut *columns,
                        rows: &mut *rows,
                    })?;
                    page.found |= inner.found;
                }
                (None, key) if key == name => {
                    map.next_value_seed(ArraySeed {
                        columns: &mut *columns,
                        rows: &mut *rows,
                    })?;
                    page.found = true;
                }
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
    columns: &'a mut Columns,
    rows: &'a mut Vec<RawRow>,
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
        let ArraySeed { columns, rows } = self;
        while let Some(row) = seq.next_element_seed(RowSeed {
            columns: &mut *columns,
        })? {
            rows.push(row);
        }
        Ok(())
    }
}

struct RowSeed<'a> {
    columns: &'a mut Columns,
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
        let columns = self.columns;
        let mut cells: Vec<(u32, Cell)> = Vec::with_capacity(columns.len().min(64));
        let mut etag = None;
        while let Some(name) = map.next_key_seed(NameSeed {
            columns: &mut *columns,
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
                    let cell = map.next_value_seed(CellSeed)?;
                    if !cell.is_null() {
                        cells.push((slot, cell));
                    }
                }
            }
        }
        cells.sort_by_key(|(slot, _)| *slot);
        cells.dedup_by_key(|(slot, _)| *slot);
        Ok((cells.into_boxed_slice(), etag))
    }
}

enum Name {
    Etag,
    /// What OData says about itself: contexts, links, next links of expanded collections (which only repeat).
    Control,
    Column(u32),
}

struct NameSeed<'a> {
    columns: &'a mut Columns,
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
        let slot = self.columns.intern(name);
        if self.columns.len() > MAX_COLUMNS {
            return Err(E::custom(format_args!(
                "it has more than {MAX_COLUMNS} columns"
            )));
        }
        Ok(Name::Column(slot))
    }
}

struct CellSeed;

impl<'de> DeserializeSeed<'de> for CellSeed {
    type Value = Cell;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Cell, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for CellSeed {
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

    fn visit_str<E>(self, text: &str) -> Result<Cell, E> {
        Ok(Cell::Text(text.into()))
    }

    fn visit_string<E>(self, text: String) -> Result<Cell, E> {
        Ok(Cell::Text(text.into_boxed_str()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Cell, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element::<serde_json::Value>()? {
            values.push(value);
        }
        Ok(Cell::Json(Box::new(serde_json::Value::Array(values))))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cell, A::Error> {
        let mut fields = serde_json::Map::new();
        while let Some((name, value)) = map.next_entry::<String, serde_json::Value>()? {
            fields.insert(name, value);
        }
        Ok(Cell::Json(Box::new(serde_json::Value::Object(fields))))
    }
}
