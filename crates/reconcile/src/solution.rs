//! Rows of a solution file, zipped or unpacked, read without asking anybody.
//!
//! Form, as Microsoft's sample solutions have it: a folder for each entity set, in it a folder for each unique name, in it
//! `<logical name>.xml`. Lookups are written by the unique name of the row they point to, yes and no as 1 and 0, localizable texts
//! with a label for each language. The file comes from somebody else: sizes are bounded, paths that lead elsewhere and XML
//! entities are refused.

mod xml;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use deskstate_dataverse::{Cell, Row};
use deskstate_model::UniqueName;
use thiserror::Error;
use uuid::Uuid;

use crate::field::{Field, Holds, Target, lookup_read_name};
use crate::kinds::{self, tables};
use crate::live::{Access, Facts, Found, Live, LiveLinks, LiveTable};
use crate::state::{Lookup, RowKey};
use crate::table::{Relationship, Table};
use crate::value::target_table;
use xml::Element;

/// Files in an archive or folder.
const MOST_FILES: usize = 50_000;
/// Bytes of one file, unpacked.
const MOST_BYTES: u64 = 8 * 1024 * 1024;
/// Bytes of all files that are read, unpacked.
const MOST_BYTES_TOGETHER: u64 = 128 * 1024 * 1024;

/// Why a solution file is not read.
#[derive(Debug, Error)]
pub enum SolutionError {
    /// The file or folder cannot be read.
    #[error("could not read {}: {source}", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no archive.
    #[error("{} is no zip archive: {reason}", .path.display())]
    Zip {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// It is built to do harm, or too large.
    #[error("refused: {0}")]
    Refused(String),
    /// A file in it is no XML of the expected form.
    #[error("`{file}` in the solution: {reason}")]
    Xml {
        /// Which.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// It holds nothing of the agent desktop.
    #[error("the solution holds no rows of the agent desktop")]
    Empty,
}

/// Reads a solution file or the folder that it was unpacked to. Tables that it has no rows of count as absent.
///
/// # Errors
/// If it cannot be read, is refused, or holds nothing of the agent desktop.
pub fn read(path: &Path) -> Result<Live, SolutionError> {
    let io = |source| SolutionError::Io {
        path: path.to_path_buf(),
        source,
    };
    let files = if std::fs::metadata(path).map_err(io)?.is_dir() {
        of_folder(path)?
    } else {
        of_archive(std::fs::File::open(path).map_err(io)?, path)?
    };
    of_files(files)
}

fn of_files(files: Vec<(String, Vec<u8>)>) -> Result<Live, SolutionError> {
    let mut parsed = Vec::new();
    for (name, bytes) in files {
        let Some((set, unique)) = place(&name) else {
            continue;
        };
        let element = xml::parse(&bytes).map_err(|reason| SolutionError::Xml {
            file: name.clone(),
            reason,
        })?;
        parsed.push((set, unique, element));
    }
    if parsed.is_empty() {
        return Err(SolutionError::Empty);
    }
    Ok(assemble(&parsed))
}

/// Entity sets that are read, by name.
fn sets() -> BTreeSet<&'static str> {
    all_tables()
        .map(|table| table.set)
        .chain(
            tables::RELATIONSHIPS
                .iter()
                .map(|relationship| relationship.intersect_set),
        )
        .collect()
}

fn all_tables() -> impl Iterator<Item = &'static Table> {
    kinds::all()
        .iter()
        .map(|kind| kind.table)
        .chain(kinds::part_tables().map(|part| part.table))
}

/// Entity set and unique name of a file, from the last folders of its path.
fn place(path: &str) -> Option<(&'static str, String)> {
    let mut parts = path.rsplit('/');
    let (file, unique, set) = (parts.next()?, parts.next()?, parts.next()?);
    let set = sets()
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(set))?;
    let is_xml = file
        .rsplit_once('.')
        .is_some_and(|(name, ending)| !name.is_empty() && ending.eq_ignore_ascii_case("xml"));
    is_xml.then(|| (set, unique.to_owned()))
}

/// A path inside the archive that stays inside.
fn is_safe(name: &str) -> bool {
    !name.starts_with('/')
        && !name.contains(['\\', ':', '\0'])
        && name.split('/').all(|part| part != "..")
}

/// Bytes of an archive.
#[cfg(any(test, fuzzing))]
pub(crate) fn of_bytes(bytes: &[u8]) -> Result<Live, SolutionError> {
    of_files(of_archive(
        std::io::Cursor::new(bytes),
        Path::new("solution.zip"),
    )?)
}

/// Files of an unpacked solution, by path.
#[cfg(any(test, fuzzing))]
pub(crate) fn of_texts(texts: Vec<(String, String)>) -> Result<Live, SolutionError> {
    let files = texts
        .into_iter()
        .map(|(name, text)| (name, text.into_bytes()));
    of_files(files.collect())
}

fn of_archive(
    file: impl Read + Seek,
    path: &Path,
) -> Result<Vec<(String, Vec<u8>)>, SolutionError> {
    let bad = |reason: String| SolutionError::Zip {
        path: path.to_path_buf(),
        reason,
    };
    let mut archive = zip::ZipArchive::new(std::io::BufReader::new(file))
        .map_err(|error| bad(error.to_string()))?;
    if archive.len() > MOST_FILES {
        return Err(SolutionError::Refused(format!(
            "the archive holds more than {MOST_FILES} files"
        )));
    }
    let mut budget = MOST_BYTES_TOGETHER;
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let entry = archive
            .by_index(index)
            .map_err(|error| bad(error.to_string()))?;
        let name = entry
            .name()
            .map_err(|error| bad(error.to_string()))?
            .into_owned();
        if !is_safe(&name) {
            return Err(SolutionError::Refused(format!(
                "the archive holds the path `{}`, which leads out of it",
                name.escape_default()
            )));
        }
        if !entry.is_file() || place(&name).is_none() {
            continue;
        }
        // What the archive says of sizes is not believed: reading stops at the bound.
        files.push((name.clone(), bounded(entry, &name, &mut budget)?));
    }
    files.sort();
    Ok(files)
}

fn bounded(reader: impl Read, name: &str, budget: &mut u64) -> Result<Vec<u8>, SolutionError> {
    let most = MOST_BYTES.min(*budget);
    let mut bytes = Vec::new();
    reader
        .take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| SolutionError::Io {
            path: PathBuf::from(name),
            source,
        })?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if length > most {
        return Err(SolutionError::Refused(format!(
            "`{name}` unpacks to more than is allowed ({MOST_BYTES} bytes for a file, {MOST_BYTES_TOGETHER} for all)"
        )));
    }
    *budget -= length;
    Ok(bytes)
}

/// Files three levels deep below folders of known sets; symbolic links are not followed.
fn of_folder(root: &Path) -> Result<Vec<(String, Vec<u8>)>, SolutionError> {
    /// How deep below the given folder the folders of sets may stand.
    const DEPTH: usize = 6;
    let mut budget = MOST_BYTES_TOGETHER;
    let mut files = Vec::new();
    let mut seen = 0;
    let mut open = vec![(root.to_path_buf(), String::new(), 0)];
    while let Some((folder, name, depth)) = open.pop() {
        let io = |source| SolutionError::Io {
            path: folder.clone(),
            source,
        };
        for entry in std::fs::read_dir(&folder).map_err(io)? {
            let entry = entry.map_err(io)?;
            seen += 1;
            if seen > MOST_FILES {
                return Err(SolutionError::Refused(format!(
                    "the folder holds more than {MOST_FILES} files"
                )));
            }
            let kind = entry.file_type().map_err(io)?;
            let own = entry.file_name().to_string_lossy().into_owned();
            let path = if name.is_empty() {
                own
            } else {
                format!("{name}/{own}")
            };
            if kind.is_dir() && depth < DEPTH {
                open.push((entry.path(), path, depth + 1));
            } else if kind.is_file() && place(&path).is_some() {
                let file = std::fs::File::open(entry.path()).map_err(io)?;
                files.push((path.clone(), bounded(file, &path, &mut budget)?));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The id of a row of the file: derived from its name, since the file knows no ids.
fn id_of(table: &'static Table, name: &str) -> Uuid {
    RowKey::Named {
        table,
        name: UniqueName::new(name),
    }
    .derived_id()
}

fn assemble(files: &[(&'static str, String, Element)]) -> Live {
    let mut found = Found::default();
    let mut live_tables = BTreeMap::new();
    for table in all_tables() {
        let mut rows = Vec::new();
        for (_, unique, element) in files.iter().filter(|(set, ..)| *set == table.set) {
            rows.push(row(table, unique, element, &mut found));
        }
        let access = if rows.is_empty() {
            Access::Absent
        } else {
            Access::Whole
        };
        let part = kinds::part_tables().find(|part| part.table == table);
        live_tables.insert(
            table,
            LiveTable::index(table, part, rows, access, &HashMap::new()),
        );
    }
    let links = tables::RELATIONSHIPS
        .iter()
        .map(|relationship| (*relationship, links_of(relationship, files)))
        .collect();
    Live {
        tables: live_tables,
        links,
        found,
        facts: Facts {
            // Texts are those of the solution's own language.
            base_language: Some(0),
            caller_language: Some(0),
            ..Facts::default()
        },
        mentions: BTreeMap::new(),
        mentions_unread: Some("a solution file has no workstreams".to_owned()),
        requests: 0,
    }
}

fn row(table: &'static Table, folder: &str, element: &Element, found: &mut Found) -> Row {
    let own_name = table
        .name
        .and_then(|column| {
            element
                .child(column)
                .map(|child| child.text.clone())
                .or_else(|| element.attribute(column).map(str::to_owned))
        })
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| folder.to_owned());
    let mut cells: Vec<(String, Cell)> =
        vec![(table.key.to_owned(), Cell::from(id_of(table, &own_name)))];
    if let Some(column) = table.name {
        cells.push((column.to_owned(), Cell::from(own_name)));
    }
    let kind = kinds::by_table(table).map_or(&[][..], |kind| kind.fields);
    let companions =
        kinds::by_table(table).map_or(&[][..], |kind| kinds::companion_fields(kind.kind));
    let part = kinds::part_tables().find(|part| part.table == table);
    let fields = kind
        .iter()
        .chain(companions.iter().copied())
        .chain(part.map_or(&[][..], |part| part.fields))
        .chain(
            part.map_or(&[][..], kinds::part_extra_fields)
                .iter()
                .copied(),
        );
    for field in fields.filter(|field| field.is_column()) {
        if Some(field.column) == table.name {
            continue;
        }
        if let Some(child) = element.child(field.column) {
            cells.extend(cell(field, child, found));
        }
        if let Some(mirror) = &field.mirror
            && let Some(child) = element.child(mirror.column)
        {
            cells
                .extend(flag(&child.text).map(|flag| (mirror.column.to_owned(), Cell::Flag(flag))));
        }
    }
    if let Some(part) = part
        && let Some(name) = element.child(part.parent_column).and_then(target_name)
    {
        let parent = id_of(part.parent, name);
        cells.push((lookup_read_name(part.parent_column), Cell::from(parent)));
    }
    Row::from_cells(cells, None)
}

/// A column as the Web API would give it.
fn cell(field: &'static Field, element: &Element, found: &mut Found) -> Option<(String, Cell)> {
    let text = element.localized();
    let value = match field.holds {
        Holds::Text | Holds::Json | Holds::JsonOrText | Holds::ParametersCopy => {
            Cell::from(text.to_owned())
        }
        Holds::Number | Holds::Choice(_) | Holds::Status => Cell::Int(text.trim().parse().ok()?),
        Holds::Flag | Holds::InvertedFlag | Holds::FlagChoice(_) => Cell::Flag(flag(text)?),
        Holds::Lookup { to, .. } => {
            let name = target_name(element)?;
            return Some((field.read_name(), Cell::from(looked_up(to, name, found))));
        }
        Holds::Owner | Holds::Set { .. } | Holds::Parts(_) => return None,
    };
    Some((field.column.to_owned(), value))
}

/// The row that a lookup names; what is no row of the file is known by its name alone.
fn looked_up(to: Target, name: &str, found: &mut Found) -> Uuid {
    let lookup = match to {
        Target::Named(table) => return id_of(table, name),
        Target::WebResource => Lookup::WebResource(name.to_owned()),
        Target::Macro => Lookup::Macro(name.to_owned()),
        Target::User => Lookup::User(name.to_owned()),
        Target::Role => Lookup::Role {
            name: name.to_owned(),
            business_unit: None,
        },
    };
    let id = id_of(target_table(to), name);
    found.labels.insert(id, name.to_owned());
    found.rows.insert(lookup, vec![id]);
    id
}

/// The name in a lookup: the text of its one child, whatever column that is.
fn target_name(element: &Element) -> Option<&str> {
    let name = match element.children.as_slice() {
        [only] => only.text.trim(),
        [] => element.text.trim(),
        _ => element.child(crate::kinds::UNIQUE_NAME.column)?.text.trim(),
    };
    (!name.is_empty()).then_some(name)
}

fn flag(text: &str) -> Option<bool> {
    match text.trim() {
        "1" | "true" | "True" => Some(true),
        "0" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// Links, where the file has the relationship at all.
fn links_of(
    relationship: &'static Relationship,
    files: &[(&'static str, String, Element)],
) -> LiveLinks {
    let mut pairs = BTreeSet::new();
    let mut there = false;
    for (_, _, element) in files
        .iter()
        .filter(|(set, ..)| *set == relationship.intersect_set)
    {
        there = true;
        let side = |column: &str, table: &'static Table| {
            let name = element.child(column).and_then(target_name)?;
            Some(id_of(table, name))
        };
        pairs.extend(
            side(relationship.owner_column, relationship.owner)
                .zip(side(relationship.member_column, relationship.member)),
        );
    }
    let access = if there { Access::Whole } else { Access::Absent };
    LiveLinks::new(pairs, access)
}
