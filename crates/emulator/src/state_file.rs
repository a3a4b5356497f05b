//! The state in a single file: a header line, then one line per transaction.
//!
//! A commit appends its line before it is confirmed, so a killed process loses nothing that it has confirmed. A line that was truncated by
//! the kill belongs to an unconfirmed transaction, and is dropped at the next start. A run that changed something ends with a new, compact
//! file, written next to the old one and renamed.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use crate::schema::{Column, Kind, Schema, TableId};
use crate::store::{Changes, Row, Store};
use crate::value::Value;

const HEADER: &str = "{\"deskstateEmulator\":1}";

/// The open file.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    /// `None` only while the file is replaced, since Windows refuses to replace an open file.
    file: Option<File>,
    /// Number of lines appended since the last rewrite.
    appended: usize,
    /// The version of the store that the file holds in compact form.
    version: u64,
}

/// Number of appended lines after which the file is rewritten.
const COMPACT_AFTER: usize = 200_000;

impl StateFile {
    /// Loads a store from a file if it exists, otherwise writes `fresh` to it.
    pub(crate) fn open(
        path: &Path,
        fresh: impl FnOnce() -> Store,
        schema: &Arc<Schema>,
    ) -> std::io::Result<(StateFile, Store)> {
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            std::fs::create_dir_all(folder)?;
        }
        let (store, file, appended) = match crate::files::open(path) {
            Ok(file) => {
                let (store, lines) = read(file, schema)?;
                let mut file = open_to_append(path)?;
                if !ends_whole(&mut file)? {
                    drop(file);
                    file = write_anew(path, &store)?;
                }
                let rows: usize = schema.ids().map(|table| store.len(table)).sum();
                (store, file, lines.saturating_sub(rows))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let store = fresh();
                let file = write_anew(path, &store)?;
                (store, file, 0)
            }
            Err(error) => return Err(error),
        };
        let file = StateFile {
            path: path.to_owned(),
            file: Some(file),
            appended,
            version: store.version,
        };
        Ok((file, store))
    }

    /// Loads a store from a file if it exists, without changing the file.
    pub(crate) fn peek(
        path: &Path,
        fresh: impl FnOnce() -> Store,
        schema: &Arc<Schema>,
    ) -> std::io::Result<Store> {
        match crate::files::open(path) {
            Ok(file) => read(file, schema).map(|(store, _)| store),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(fresh()),
            Err(error) => Err(error),
        }
    }

    /// Appends one transaction.
    pub(crate) fn append(&mut self, schema: &Schema, changes: &Changes) -> std::io::Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let rows: Vec<Json> = changes
            .iter()
            .map(|(table, id, row)| {
                json!([
                    schema.table(*table).name,
                    id,
                    row.as_deref().map(|row| encode(schema, *table, row))
                ])
            })
            .collect();
        let file = match &mut self.file {
            Some(file) => file,
            // Replacing the file failed, so the old one is still in place.
            None => self.file.insert(open_to_append(&self.path)?),
        };
        let end = file.seek(SeekFrom::End(0))?;
        let line = format!("{}\n", json!({ "rows": rows }));
        if let Err(error) = file.write_all(line.as_bytes()) {
            // A half-written line would make all later lines unreadable.
            file.set_len(end)?;
            return Err(error);
        }
        self.appended += changes.len();
        Ok(())
    }

    /// Whether the file has grown enough to be rewritten.
    pub(crate) fn wants_rewrite(&self) -> bool {
        self.appended > COMPACT_AFTER
    }

    /// Rewrites the file in compact form, unless it is what the store would be written as.
    pub(crate) fn save(&mut self, store: &Store) -> std::io::Result<()> {
        if self.appended == 0 && self.version == store.version {
            return Ok(());
        }
        self.rewrite(store)
    }

    /// Rewrites the file.
    pub(crate) fn rewrite(&mut self, store: &Store) -> std::io::Result<()> {
        self.file = None;
        self.file = Some(write_anew(&self.path, store)?);
        self.appended = 0;
        self.version = store.version;
        Ok(())
    }
}

fn write_anew(path: &Path, store: &Store) -> std::io::Result<File> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    // The file is always created, so that a link planted there is not followed.
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut writer = BufWriter::new(File::create_new(&beside)?);
    writeln!(writer, "{HEADER}")?;
    for table in store.schema.ids() {
        for row in store.rows(table) {
            writeln!(
                writer,
                "{}",
                json!({"rows": [[store.schema.table(table).name, row.id, encode(&store.schema, table, row)]]})
            )?;
        }
    }
    writer.flush()?;
    writer.get_ref().sync_all()?;
    drop(writer);
    std::fs::rename(&beside, path)?;
    open_to_append(path)
}

fn open_to_append(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().append(true).read(true).open(path)
}

/// Whether the last line of a file is complete, so that another one can follow.
fn ends_whole(file: &mut File) -> std::io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

fn invalid(message: impl Into<String>) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, message.into())
}

/// Reads a store, and the number of lines after the header.
fn read(file: File, schema: &Arc<Schema>) -> std::io::Result<(Store, usize)> {
    let mut store = Store::new(Arc::clone(schema));
    let mut lines = BufReader::new(file).split(b'\n');
    match lines.next().transpose()? {
        Some(header) if header.trim_ascii() == HEADER.as_bytes() => {}
        _ => return Err(invalid("the file is not a state file of this emulator")),
    }
    let mut lines = lines.peekable();
    let mut number = 1;
    while let Some(line) = lines.next() {
        let line = line?;
        number += 1;
        if line.is_empty() {
            continue;
        }
        match serde_json::from_slice::<Json>(&line) {
            Ok(json) => apply(&mut store, &json)
                .map_err(|message| invalid(format!("line {number}: {message}")))?,
            // Only the last line can be truncated.
            Err(_) if lines.peek().is_none() => {}
            Err(error) => return Err(invalid(format!("line {number}: {error}"))),
        }
    }
    Ok((store, number - 1))
}

fn apply(store: &mut Store, line: &Json) -> Result<(), String> {
    let rows = line
        .get("rows")
        .and_then(Json::as_array)
        .ok_or("`rows` is missing")?;
    for entry in rows {
        let (Some(table), Some(id)) = (
            entry.get(0).and_then(Json::as_str),
            entry.get(1).and_then(Json::as_str),
        ) else {
            return Err("a row needs its table and its id".into());
        };
        let id = Uuid::try_parse(id).map_err(|error| error.to_string())?;
        // Rows of a table that no longer has a table file are dropped.
        let Some(table) = store.schema.named(table) else {
            continue;
        };
        let row = match entry.get(2) {
            None | Some(Json::Null) => None,
            Some(json) => Some(Arc::new(decode(&store.schema, table, id, json)?)),
        };
        store.restore(table, id, row);
    }
    Ok(())
}

/// A row as plain JSON: `{"v": version, "c": {column: value}, "t": [[column, language, text]]}`.
pub(crate) fn encode(schema: &Schema, table: TableId, row: &Row) -> Json {
    let own = schema.table(table);
    let mut cells = Map::new();
    for (column, value) in own.columns.iter().zip(&row.cells) {
        if !value.is_null() {
            cells.insert(
                column.name.clone(),
                encode_cell(schema, &column.name, value),
            );
        }
    }
    let mut object = Map::from_iter([
        ("v".to_owned(), json!(row.version)),
        ("c".to_owned(), cells.into()),
    ]);
    if !row.translations.is_empty() {
        let translations: Vec<Json> = row
            .translations
            .iter()
            .map(|(column, language, text)| json!([own.columns[*column].name, language, text]))
            .collect();
        object.insert("t".into(), translations.into());
    }
    if !row.below.is_empty() {
        let below: Vec<Json> = row
            .below
            .iter()
            .map(|(column, value)| {
                json!([
                    own.columns[*column].name,
                    encode_cell(schema, &own.columns[*column].name, value)
                ])
            })
            .collect();
        object.insert("b".into(), below.into());
    }
    object.into()
}

fn encode_cell(schema: &Schema, name: &str, value: &Value) -> Json {
    match value {
        Value::Lookup(target, id) => json!(format!("{}:{id}", schema.table(*target).name)),
        Value::Managed(value, changeable) => json!([value, changeable]),
        other => other.json(name),
    }
}

/// Decodes a row from [`encode`]. Columns that no longer exist are ignored.
pub(crate) fn decode(
    schema: &Schema,
    table: TableId,
    id: Uuid,
    json: &Json,
) -> Result<Row, String> {
    let own = schema.table(table);
    let mut row = Row::new(own, id);
    row.version = json.get("v").and_then(Json::as_u64).unwrap_or(0);
    let cells = json
        .get("c")
        .and_then(Json::as_object)
        .ok_or("`c` is missing")?;
    for (name, value) in cells {
        if let Some((position, column)) = own.column(name) {
            row.cells[position] = decode_cell(schema, column, value)
                .ok_or_else(|| format!("`{name}` does not fit its column: {value}"))?;
        }
    }
    for entry in json.get("t").and_then(Json::as_array).into_iter().flatten() {
        let (Some(name), Some(language), Some(text)) = (
            entry.get(0).and_then(Json::as_str),
            entry.get(1).and_then(Json::as_i64),
            entry.get(2).and_then(Json::as_str),
        ) else {
            return Err("a translation needs its column, language and text".into());
        };
        if let Some(column) = own.position(name) {
            row.translations.push((column, language, text.into()));
        }
    }
    for entry in json.get("b").and_then(Json::as_array).into_iter().flatten() {
        let name = entry
            .get(0)
            .and_then(Json::as_str)
            .ok_or("a value below the Active layer needs its column")?;
        if let (Some((position, column)), Some(value)) = (own.column(name), entry.get(1)) {
            let value = if value.is_null() {
                Some(Value::Null)
            } else {
                decode_cell(schema, column, value)
            };
            row.below.push((
                position,
                value.ok_or_else(|| format!("`{name}` does not fit its column"))?,
            ));
        }
    }
    row.cells[own.key] = Value::Id(id);
    Ok(row)
}

fn decode_cell(schema: &Schema, column: &Column, json: &Json) -> Option<Value> {
    Some(match column.kind {
        Kind::Text | Kind::Memo | Kind::DateTime | Kind::EntityName => Value::text(json.as_str()?),
        Kind::Integer | Kind::BigInteger | Kind::Choice | Kind::State | Kind::Status => {
            Value::Int(json.as_i64()?)
        }
        Kind::Decimal | Kind::Double => Value::Number(json.as_f64()?),
        Kind::Flag => Value::Flag(json.as_bool()?),
        Kind::Id => Value::Id(Uuid::try_parse(json.as_str()?).ok()?),
        Kind::Managed => Value::Managed(json.get(0)?.as_bool()?, json.get(1)?.as_bool()?),
        Kind::Lookup | Kind::Owner => {
            let (table, id) = json.as_str()?.split_once(':')?;
            Value::Lookup(schema.named(table)?, Uuid::try_parse(id).ok()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Arc<Schema> {
        Arc::new(crate::tables::load(None).expect("tables"))
    }

    fn commit(file: &mut StateFile, store: &mut Store, number: u128, name: &str) {
        let table = store.schema.named("publisher").expect("table");
        let own = Arc::clone(&store.schema);
        let own = own.table(table);
        let mut row = Row::new(own, Uuid::from_u128(number));
        row.cells[own.position("friendlyname").expect("column")] = Value::text(name);
        let mut tx = store.begin();
        tx.put(table, row);
        file.append(&tx.schema(), &tx.changes()).expect("appended");
        tx.commit();
    }

    #[test]
    fn committed_transactions_survive_and_a_cut_line_does_not() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("state/local.json");
        let schema = schema();
        let (mut file, mut store) =
            StateFile::open(&path, || Store::new(Arc::clone(&schema)), &schema).expect("opened");
        commit(&mut file, &mut store, 1, "one");
        commit(&mut file, &mut store, 2, "two");
        drop(file);
        let mut text = std::fs::read_to_string(&path).expect("read");
        text.push_str("{\"rows\":[[\"publisher\",\"0000");
        std::fs::write(&path, text).expect("written");
        let (_, again) = StateFile::open(&path, || Store::new(Arc::clone(&schema)), &schema)
            .expect("opened again");
        let table = schema.named("publisher").expect("table");
        assert_eq!(again.len(table), 2);
        assert_eq!(again.version, store.version);
    }

    #[test]
    fn a_run_that_changes_nothing_leaves_the_file_as_it_is() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("local.json");
        let schema = schema();
        let open = || StateFile::open(&path, || Store::new(Arc::clone(&schema)), &schema);
        let text = || std::fs::read_to_string(&path).expect("read");
        let (mut file, mut store) = open().expect("opened");
        commit(&mut file, &mut store, 1, "one");
        commit(&mut file, &mut store, 1, "another");
        assert_eq!(text().lines().count(), 3, "a header and two commits");
        drop(file);
        // Killed before it could save: the next run that saves does.
        let (mut file, store) = open().expect("opened");
        assert_eq!(text().lines().count(), 3);
        file.save(&store).expect("saved");
        let saved = text();
        assert_eq!(saved.lines().count(), 2);
        drop(file);
        let beside = folder.path().join("local.json.new");
        std::fs::create_dir(&beside).expect("nothing can be written anew");
        let (mut file, store) = open().expect("opened");
        file.save(&store).expect("nothing to save");
        assert_eq!(text(), saved);
    }

    #[test]
    fn a_last_line_without_its_end_is_kept_and_another_one_can_follow() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("local.json");
        let schema = schema();
        let open = || StateFile::open(&path, || Store::new(Arc::clone(&schema)), &schema);
        let (mut file, mut store) = open().expect("opened");
        commit(&mut file, &mut store, 1, "one");
        drop(file);
        let text = std::fs::read_to_string(&path).expect("read");
        std::fs::write(&path, text.trim_end()).expect("written");
        let (mut file, mut store) = open().expect("opened");
        commit(&mut file, &mut store, 2, "two");
        drop(file);
        let (_, store) = open().expect("opened");
        let table = schema.named("publisher").expect("table");
        assert_eq!(store.len(table), 2);
    }

    #[test]
    fn another_file_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("x.json");
        std::fs::write(&path, "{\"mine\":true}\n").expect("written");
        let schema = schema();
        assert!(StateFile::open(&path, || Store::new(Arc::clone(&schema)), &schema).is_err());
        assert_eq!(
            std::fs::read_to_string(&path).expect("read"),
            "{\"mine\":true}\n"
        );
    }
}
