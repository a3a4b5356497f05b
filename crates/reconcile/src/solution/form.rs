//! Detects the format of an export from the names of its files.

use std::fmt;

use super::SolutionError;
use super::files::Files;

/// The format of an export, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    /// Unique name and version of the solution, if the file states them.
    pub solution: Option<(String, String)>,
    /// Managed, unmanaged, or both copies in one folder.
    pub managed: Option<Managed>,
    /// How the files are laid out.
    pub layout: Layout,
    /// The folder of the export relative to the given path; empty if it is the given path itself.
    pub inside: String,
}

/// Whether a solution locks its components.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Managed {
    /// An unmanaged solution, for those who develop the rows.
    No,
    /// A managed solution, as it is shipped.
    Yes,
    /// A folder from which both can be packed.
    Both,
}

/// How the files of an export are laid out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Layout {
    /// As the maker portal exports it: `solution.xml` next to `customizations.xml`.
    #[default]
    Exported,
    /// As SolutionPackager and `pac solution unpack` write it: `Other/Solution.xml`.
    Unpacked,
    /// Only folders of rows.
    Rows,
    /// As the Configuration Migration tool writes it: `data.xml` next to `data_schema.xml`.
    Migration,
}

impl fmt::Display for Form {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.layout {
            Layout::Exported => formatter.write_str("exported solution")?,
            Layout::Unpacked => formatter.write_str("unpacked solution")?,
            Layout::Rows => formatter.write_str("unpacked solution without Solution.xml")?,
            Layout::Migration => formatter.write_str("data of the Configuration Migration tool")?,
        }
        if let Some((name, version)) = &self.solution {
            write!(formatter, " {name} {version}")?;
        }
        match self.managed {
            Some(Managed::No) => formatter.write_str(", unmanaged")?,
            Some(Managed::Yes) => formatter.write_str(", managed")?,
            Some(Managed::Both) => formatter.write_str(", managed and unmanaged")?,
            None => {}
        }
        if !self.inside.is_empty() {
            write!(formatter, ", in {}", self.inside)?;
        }
        Ok(())
    }
}

/// Splits a path into its folder and its last part.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// The folders of files with this name, in any case.
fn folders<'n>(names: &'n [String], file: &str) -> Vec<&'n str> {
    names
        .iter()
        .map(|name| split(name))
        .filter(|(_, own)| own.eq_ignore_ascii_case(file))
        .map(|(folder, _)| folder)
        .collect()
}

/// Detects the format of the files. `rows` returns whether a path is that of a row's file.
pub(super) fn detect(files: &Files, rows: impl Fn(&str) -> bool) -> Result<Form, SolutionError> {
    // A web resource may have any name.
    let names: Vec<String> = files
        .names
        .iter()
        .filter(|name| !has_folder(name, "webresources"))
        .cloned()
        .collect();
    let names = names.as_slice();
    if let Some(what) = in_yaml(names, &rows) {
        return Err(SolutionError::Unknown(what));
    }
    let mut found: Vec<(Layout, &str)> = Vec::new();
    for folder in folders(names, "solution.xml") {
        let (above, own) = split(folder);
        if own.eq_ignore_ascii_case("other") {
            found.push((Layout::Unpacked, above));
        } else {
            found.push((Layout::Exported, folder));
        }
    }
    let data = folders(names, "data.xml");
    let schemas = folders(names, "data_schema.xml");
    let with_schema = data.iter().filter(|folder| schemas.contains(folder));
    found.extend(with_schema.map(|folder| (Layout::Migration, *folder)));
    match found.as_slice() {
        [(layout, inside)] => {
            return Ok(Form {
                layout: *layout,
                inside: (*inside).to_owned(),
                ..Form::default()
            });
        }
        [] => {}
        several => {
            let places: Vec<&str> = several
                .iter()
                .map(|(_, inside)| if inside.is_empty() { "." } else { inside })
                .collect();
            return Err(SolutionError::Several(places.join(", ")));
        }
    }
    if let Some(folder) = folders(names, "customizations.xml").first() {
        return Err(SolutionError::Incomplete {
            found: join(folder, "customizations.xml"),
            lacks: "solution.xml",
        });
    }
    if let Some(folder) = data.first() {
        return Err(SolutionError::Incomplete {
            found: join(folder, "data.xml"),
            lacks: "data_schema.xml",
        });
    }
    if let Some(folder) = schemas.first() {
        return Err(SolutionError::Incomplete {
            found: join(folder, "data_schema.xml"),
            lacks: "data.xml",
        });
    }
    if names.iter().any(|name| rows(name)) {
        return Ok(Form {
            layout: Layout::Rows,
            ..Form::default()
        });
    }
    Err(SolutionError::Unknown(what_else(names)))
}

/// Data of the Configuration Migration tool without a schema next to it, such as the other languages of a localized package.
pub(super) fn data_without_schema(files: &Files) -> Vec<String> {
    let names = &files.names;
    let schemas = folders(names, "data_schema.xml");
    let data = names.iter().filter(|name| {
        let (folder, own) = split(name);
        own.eq_ignore_ascii_case("data.xml")
            && !has_folder(name, "webresources")
            && !schemas.contains(&folder)
    });
    data.cloned().collect()
}

/// Whether one of the folders in a path has this name.
fn has_folder(path: &str, name: &str) -> bool {
    split(path)
        .0
        .split('/')
        .any(|folder| folder.eq_ignore_ascii_case(name))
}

fn join(folder: &str, file: &str) -> String {
    if folder.is_empty() {
        file.to_owned()
    } else {
        format!("{folder}/{file}")
    }
}

/// Describes the YAML layout of Dataverse git integration, if there is one. It is not read, and what else is there may be a part of it: some
/// components stay XML. Microsoft: Solution YAML source control format.
fn in_yaml(names: &[String], rows: impl Fn(&str) -> bool) -> Option<String> {
    let is_yaml = |name: &str| {
        let stem = name.strip_suffix(".yml").or(name.strip_suffix(".yaml"));
        stem.map(str::to_owned)
    };
    let lower: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
    let is_solution =
        |name: &&String| is_yaml(name).is_some_and(|stem| split(&stem).1 == "solution");
    let has_rows = || {
        lower
            .iter()
            .filter_map(|name| is_yaml(name))
            .any(|stem| rows(&format!("{stem}.xml")))
    };
    let is_in_its_folder = |name: &String| split(split(split(name).0).0).1 == "solutions";
    let solutions: Vec<&String> = lower.iter().filter(is_solution).collect();
    let first = names
        .iter()
        .find(|name| is_solution(&&name.to_ascii_lowercase()))?;
    if !has_rows() && !solutions.iter().any(|name| is_in_its_folder(name)) {
        return None;
    }
    let pack = match solutions.len() {
        1 => {
            "make a zip of it with `pac solution pack --zipfile solution.zip --folder FOLDER`, or "
        }
        _ => "",
    };
    Some(format!(
        "the YAML layout of Dataverse git integration, `{first}`, which is not read; {pack}export the solution as a zip, or pass a folder without it"
    ))
}

/// Describes what was found instead of an export.
fn what_else(names: &[String]) -> String {
    let ends = |ending: &str| {
        names
            .iter()
            .find(|name| name.to_ascii_lowercase().ends_with(ending))
    };
    if let Some(name) = ends(".zip") {
        return format!("an archive inside, `{name}`; extract it and pass that file");
    }
    match (names.first(), names.len()) {
        (None, _) => "no files".to_owned(),
        (Some(first), 1) => format!("one file, `{first}`"),
        (Some(first), number) => format!("{number} files, such as `{first}`"),
    }
}
