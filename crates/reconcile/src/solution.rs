//! Reads rows and links from an exported file, without an environment: a solution as the maker portal exports it or as SolutionPackager
//! unpacks it, or data of the Configuration Migration tool.
//!
//! The formats are those of published exports; `tests/fixtures/exports` has one of each, with its source. Nothing in a file is silently
//! skipped: anything that cannot become a row or a link of the snapshot is in [`Package::left_out`].

mod assemble;
mod components;
mod encoding;
mod files;
mod form;
mod gathered;
mod migration;
mod write;
mod xml;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use deskstate_model::ResourceKey;
use thiserror::Error;

use crate::export::Export;
use crate::live::Live;
use crate::raise::LeftOut;
use components::{Components, Manifest};
use files::Files;
use gathered::{Gathered, all_tables, table_named};
use xml::Visitor;

pub use form::{Form, Layout, Managed};
pub use write::{About, Written, write};

/// Why an exported file cannot be read.
#[derive(Debug, Error)]
pub enum SolutionError {
    /// The file or folder cannot be read.
    #[error("could not read {}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The file is not an archive.
    #[error("{} is not a zip archive: {reason}", .path.display())]
    Zip {
        /// The file.
        path: PathBuf,
        /// What is wrong with the archive.
        reason: String,
    },
    /// The archive is malicious, or too large.
    #[error("refused: {0}")]
    Refused(String),
    /// A file in it is not XML of the expected form.
    #[error("`{file}` cannot be read: {reason}")]
    Xml {
        /// The file.
        file: String,
        /// The error.
        reason: String,
    },
    /// It is neither a solution nor data of the Configuration Migration tool.
    #[error(
        "not an export: expected a solution (`solution.xml` and `customizations.xml`, or `Other/Solution.xml`) or configuration data (`data.xml` and `data_schema.xml`), found {0}"
    )]
    Unknown(String),
    /// One of its two files is missing.
    #[error("the export is incomplete: expected `{lacks}` next to `{found}`, found none")]
    Incomplete {
        /// The file that was found.
        found: String,
        /// The missing file.
        lacks: &'static str,
    },
    /// It contains several exports.
    #[error("expected one export, found several, in these folders: {0}; pass one of them")]
    Several(String),
    /// It contains nothing of the agent desktop.
    #[error("the {0} contains no rows and no links of the agent desktop{1}")]
    Empty(String, String),
}

/// An exported file as a snapshot, and what the snapshot lacks.
#[derive(Debug)]
pub struct Package {
    /// The form of the export.
    pub form: Form,
    /// Its rows and links.
    pub live: Live,
    /// Rows, links and values that the snapshot lacks, with the reason.
    pub left_out: Vec<(String, LeftOut)>,
    /// Columns of its rows that no kind models, and texts in further languages.
    pub unmodelled: Vec<String>,
    /// Further remarks, such as rows of other tables.
    pub notes: Vec<String>,
    /// Rows that the file refers to and does not contain. Their documents are `existing`.
    pub referred: Vec<ResourceKey>,
}

impl Package {
    /// Remarks about documents that are written because the file refers to their rows and does not contain them.
    pub fn told_referred<'a>(&'a self, exported: &'a Export) -> impl Iterator<Item = String> + 'a {
        let is_written = |key: &&ResourceKey| {
            exported
                .documents
                .iter()
                .any(|document| document.key == **key)
        };
        self.referred.iter().filter(is_written).map(|key| {
            format!(
                "{key}: written as `existing`, because the file refers to it and does not contain it"
            )
        })
    }
}

/// Reads an exported file, or the folder that it was unpacked to.
///
/// # Errors
/// If it cannot be read, is refused, or contains nothing of the agent desktop.
pub fn read(path: &Path) -> Result<Package, SolutionError> {
    of_files(Files::of(path)?)
}

/// Reads an archive from bytes.
#[cfg(any(test, fuzzing))]
pub(crate) fn of_bytes(bytes: &[u8]) -> Result<Live, SolutionError> {
    let archive = Box::new(std::io::Cursor::new(bytes.to_vec()));
    let files = Files::of_archive(archive, Path::new("solution.zip"))?;
    of_files(files).map(|package| package.live)
}

/// Reads the files of an unpacked solution, given by path.
#[cfg(any(test, fuzzing))]
pub(crate) fn of_texts(texts: Vec<(String, String)>) -> Result<Live, SolutionError> {
    of_files(Files::of_texts(texts)).map(|package| package.live)
}

fn of_files(mut files: Files) -> Result<Package, SolutionError> {
    let mut form = form::detect(&files, |path| role_of(path) == Some(Role::Components))?;
    let budget = Cell::new(deskstate_files::Limit::SOLUTION.bytes());
    let mut gathered = Gathered::default();
    gathered.unread = form::data_without_schema(&files);
    match form.layout {
        Layout::Migration => read_migration(&mut files, &form, &budget, &mut gathered)?,
        Layout::Exported | Layout::Unpacked | Layout::Rows => {
            read_components(&mut files, &mut form, &budget, &mut gathered)?;
        }
    }
    let managed = form.managed == Some(Managed::Yes);
    let nothing =
        gathered.rows.is_empty() && gathered.links.is_empty() && gathered.unknown.is_empty();
    if nothing {
        let others = others(&gathered.other_rows);
        return Err(SolutionError::Empty(
            form.to_string(),
            others.map_or_else(String::new, |others| format!("; it has {others}")),
        ));
    }
    let assembled = assemble::assemble(gathered, managed);
    Ok(Package {
        form,
        live: assembled.live,
        left_out: assembled.left_out,
        unmodelled: assembled.unmodelled,
        notes: assembled.notes,
        referred: assembled.referred,
    })
}

/// Describes rows of tables that deskstate does not manage.
fn others(rows: &BTreeMap<String, usize>) -> Option<String> {
    let number: usize = rows.values().sum();
    let tables: Vec<String> = rows
        .iter()
        .map(|(table, number)| format!("{table} {number}"))
        .collect();
    (number > 0).then(|| format!("rows of other tables ({})", tables.join(", ")))
}

/// The purpose of a file in a solution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Manifest,
    Components,
    /// A row of a table that deskstate does not manage.
    Other,
}

/// Determines the role of a file from its path below the solution's folder.
fn role_of(path: &str) -> Option<Role> {
    let lower = path.to_ascii_lowercase();
    let parts: Vec<&str> = lower.split('/').collect();
    let stem = parts
        .last()?
        .strip_suffix(".xml")
        .filter(|stem| !stem.is_empty())?;
    match (parts.as_slice(), stem) {
        (["other" | "solution.xml", ..], "solution") => Some(Role::Manifest),
        (["other" | "customizations.xml", ..], "customizations") => Some(Role::Components),
        (["assets", _] | ["roles", _], _) => Some(Role::Components),
        (["workflows" | "webresources", .., _], _) => {
            stem.ends_with(".data").then_some(Role::Components)
        }
        ([.., set, _, _], _) => {
            let stem = stem.strip_suffix("_managed").unwrap_or(stem);
            let known = all_tables().any(|table| table.set.eq_ignore_ascii_case(set));
            if known || set.ends_with("set") || table_named(stem).is_some() {
                Some(Role::Components)
            } else if parts.len() == 3
                && path.starts_with(|first: char| first.is_ascii_lowercase())
                && set.len() > stem.len()
                && set.starts_with(singular(stem))
            {
                Some(Role::Other)
            } else {
                None
            }
        }
        _ => None,
    }
}

/// The part of a table's name that its plural shares.
fn singular(name: &str) -> &str {
    name.strip_suffix('y').unwrap_or(name)
}

/// Paths below the folder of the export, with their indexes.
fn below(files: &Files, inside: &str) -> Vec<(usize, String)> {
    files
        .names
        .iter()
        .enumerate()
        .filter_map(|(at, name)| {
            let rest = match inside {
                "" => name.as_str(),
                inside => name.strip_prefix(inside)?.strip_prefix('/')?,
            };
            Some((at, rest.to_owned()))
        })
        .collect()
}

/// Reads one file with a visitor.
fn visit(
    files: &mut Files,
    at: usize,
    budget: &Cell<u64>,
    visitor: &mut dyn Visitor,
) -> Result<(), SolutionError> {
    files.read(at, |source: &mut dyn Read| {
        xml::walk(source, budget, visitor)
    })
}

fn read_components(
    files: &mut Files,
    form: &mut Form,
    budget: &Cell<u64>,
    gathered: &mut Gathered,
) -> Result<(), SolutionError> {
    let paths = below(files, &form.inside);
    let is_there = |name: &str| {
        paths
            .iter()
            .any(|(_, path)| path.eq_ignore_ascii_case(name))
    };
    if form.layout == Layout::Exported && !is_there("customizations.xml") {
        if !paths
            .iter()
            .any(|(_, path)| role_of(path) == Some(Role::Components))
        {
            return Err(SolutionError::Incomplete {
                found: "solution.xml".to_owned(),
                lacks: "customizations.xml",
            });
        }
        gathered.lacks = Some("customizations.xml");
    }
    for (at, path) in &paths {
        match role_of(path) {
            Some(Role::Manifest) => {
                let mut manifest = Manifest::default();
                visit(files, *at, budget, &mut manifest)?;
                if manifest.is_complete() {
                    form.managed = manifest.managed;
                    form.solution = manifest
                        .name
                        .map(|name| (name, manifest.version.unwrap_or_default()));
                }
            }
            Some(Role::Components) if !is_copy(path, is_there) => {
                let mut components = Components {
                    file: path,
                    in_folder: true,
                    gathered: &mut *gathered,
                };
                visit(files, *at, budget, &mut components)?;
            }
            // A mapping file of SolutionPackager may move a file anywhere.
            None if !is_copy(path, is_there) && has_rows(files, *at, path, budget) => {
                let mut components = Components {
                    file: path,
                    in_folder: false,
                    gathered: &mut *gathered,
                };
                visit(files, *at, budget, &mut components)?;
            }
            Some(Role::Other) if !is_copy(path, is_there) => {
                let set = path.split('/').next().unwrap_or_default().to_owned();
                gathered.other(&set).map_err(SolutionError::Refused)?;
            }
            Some(Role::Components | Role::Other) | None => {}
        }
    }
    Ok(())
}

/// Whether the root element of a file is a row, or contains rows or links, of a table that deskstate manages. A file of something else may
/// be of any form.
fn has_rows(files: &mut Files, at: usize, path: &str, budget: &Cell<u64>) -> bool {
    let path = path.to_ascii_lowercase();
    if !path.ends_with(".xml") || path.split('/').any(|folder| folder == "webresources") {
        return false;
    }
    let mut root = components::Root::default();
    // The visitor stops at the root element.
    let _ = visit(files, at, budget, &mut root);
    root.is_of_rows
}

/// Whether a file is the managed copy of an existing file: SolutionPackager writes both if both solutions are packed from one folder.
fn is_copy(path: &str, is_there: impl Fn(&str) -> bool) -> bool {
    const SUFFIX: &str = "_managed.xml";
    let at = path.len().checked_sub(SUFFIX.len());
    at.and_then(|at| Some((path.get(..at)?, path.get(at..)?)))
        .is_some_and(|(before, suffix)| {
            suffix.eq_ignore_ascii_case(SUFFIX) && is_there(&format!("{before}.xml"))
        })
}

fn read_migration(
    files: &mut Files,
    form: &Form,
    budget: &Cell<u64>,
    gathered: &mut Gathered,
) -> Result<(), SolutionError> {
    let paths = below(files, &form.inside);
    let place = |name: &str| {
        let found = paths
            .iter()
            .find(|(_, path)| path.eq_ignore_ascii_case(name));
        found.cloned().ok_or(SolutionError::Incomplete {
            found: "data.xml".to_owned(),
            lacks: "data_schema.xml",
        })
    };
    let (schema_at, _) = place("data_schema.xml")?;
    let (data_at, file) = place("data.xml")?;
    let mut schema = migration::Schema::default();
    visit(files, schema_at, budget, &mut schema)?;
    let mut data = migration::Data {
        file: &file,
        schema: &schema,
        gathered,
    };
    visit(files, data_at, budget, &mut data)
}
