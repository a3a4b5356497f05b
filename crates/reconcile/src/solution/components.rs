//! The XML of a solution. Rows and links are in `customizations.xml`, in separate files below a folder for each entity set, or in files for
//! a complete set below `Assets`, depending on a setting of the table.

use super::form::Managed;
use super::gathered::{Gathered, all_tables, table_named};
use super::xml::{Element, Step, Visitor};
use deskstate_model::{Kind, tables};

/// The contents of `solution.xml`.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    pub(super) managed: Option<Managed>,
    is_manifest: bool,
}

impl Manifest {
    /// Whether the document was a solution manifest.
    pub(super) fn is_complete(&self) -> bool {
        self.is_manifest && self.name.is_some()
    }
}

impl Visitor for Manifest {
    fn begin(&mut self, inside: &[Element], element: &Element) -> Result<Step, String> {
        Ok(match inside.len() {
            0 if element.is("ImportExportXml") => Step::Enter,
            0 => {
                return Err(format!(
                    "expected `<ImportExportXml>`, found `<{}>`",
                    element.name
                ));
            }
            1 if element.is("SolutionManifest") => {
                self.is_manifest = true;
                Step::Enter
            }
            2 if ["UniqueName", "Version", "Managed"]
                .iter()
                .any(|name| element.is(name)) =>
            {
                Step::Take
            }
            _ => Step::Skip,
        })
    }

    fn take(&mut self, _: &[Element], element: Element) -> Result<(), String> {
        let text = element.text.trim().to_owned();
        if element.is("UniqueName") {
            self.name = Some(text);
        } else if element.is("Version") {
            self.version = Some(text);
        } else {
            self.managed = match text.as_str() {
                "0" => Some(Managed::No),
                "1" => Some(Managed::Yes),
                "2" => Some(Managed::Both),
                other => {
                    return Err(format!(
                        "expected 0, 1 or 2 in `<Managed>`, found `{other}`"
                    ));
                }
            };
        }
        Ok(())
    }
}

/// Reads one file of a solution.
pub(super) struct Components<'g> {
    pub(super) file: &'g str,
    /// Whether the folders of the file name the table and the row.
    pub(super) in_folder: bool,
    pub(super) gathered: &'g mut Gathered,
}

impl Visitor for Components<'_> {
    fn begin(&mut self, inside: &[Element], element: &Element) -> Result<Step, String> {
        Ok(match inside {
            [] if element.is("ImportExportXml") => Step::Enter,
            [] if is_named(element) || table_named(&element.name).is_some() => Step::Take,
            // A file for a complete set, or for a row of a table that deskstate does not manage.
            [] if self.is_of_set(element) => Step::Enter,
            [] => Step::Take,
            [root] if root.is("ImportExportXml") && is_platform(element) => Step::Skip,
            [root] if root.is("ImportExportXml") => Step::Enter,
            _ => Step::Take,
        })
    }

    fn take(&mut self, inside: &[Element], element: Element) -> Result<(), String> {
        let gathered = &mut *self.gathered;
        if element.is("Workflow") {
            let name = element.attribute("Name").or_else(|| element.value("Name"));
            gathered.name(&tables::MACRO, element.value("WorkflowId"), name)
        } else if element.is("Role") {
            gathered.name(&tables::ROLE, element.value("id"), element.value("name"))
        } else if element.is("WebResource") {
            gathered.name(
                &tables::WEB_RESOURCE,
                element.value("WebResourceId"),
                element.value("Name"),
            )
        } else {
            let mut folders = self.file.rsplit('/').skip(1);
            let (folder, set) = (folders.next(), folders.next());
            match inside.last() {
                Some(holder) => gathered.element(self.file, &holder.name, None, &element),
                None if self.in_folder => {
                    gathered.element(self.file, set.unwrap_or(self.file), folder, &element)
                }
                None => gathered.element(self.file, self.file, None, &element),
            }
        }
    }
}

impl Components<'_> {
    /// Whether the root contains rows or links: its file has the same name, or its name is that of a set.
    fn is_of_set(&self, root: &Element) -> bool {
        let stem = self.file.rsplit('/').next().unwrap_or_default();
        let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
        let in_assets = self
            .file
            .rsplit('/')
            .nth(1)
            .is_some_and(|folder| folder.eq_ignore_ascii_case("assets"));
        in_assets || (root.is(stem) && stem.ends_with("set")) || is_set(&root.name)
    }
}

/// Whether an element contains rows of a table that deskstate manages, or links of them.
fn is_set(name: &str) -> bool {
    all_tables().any(|table| table.set.eq_ignore_ascii_case(name))
        || Kind::relationships().any(|links| links.intersect_set.eq_ignore_ascii_case(name))
}

/// Looks at the root element of a file, and stops there.
#[derive(Debug, Default)]
pub(super) struct Root {
    pub(super) is_of_rows: bool,
}

impl Visitor for Root {
    fn begin(&mut self, _: &[Element], element: &Element) -> Result<Step, String> {
        self.is_of_rows = table_named(&element.name).is_some() || is_set(&element.name);
        Err(String::new())
    }

    fn take(&mut self, _: &[Element], _: Element) -> Result<(), String> {
        Ok(())
    }
}

/// Whether an element contains the name of a row that is looked up.
fn is_named(element: &Element) -> bool {
    ["Workflow", "Role", "WebResource"]
        .iter()
        .any(|name| element.is(name))
}

/// Whether a section of `customizations.xml` contains no rows: sections of the platform begin with a capital, those of tables do not.
fn is_platform(element: &Element) -> bool {
    let rows = ["Workflows", "Roles", "WebResources"];
    let capital = element
        .name
        .starts_with(|first: char| first.is_ascii_uppercase());
    (capital && !rows.iter().any(|name| element.is(name))) || element.is("optionsets")
}
