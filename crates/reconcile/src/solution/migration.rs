//! The XML of the Configuration Migration tool: `data.xml` with rows by table, each with its id, and links by the ids of both ends;
//! `data_schema.xml` with the tables and their columns.

use std::collections::BTreeMap;

use deskstate_model::{Kind, Table, tables};

use super::gathered::{
    FileLink, FileRow, FileUser, Gathered, Said, as_id, between, may_be, table_named,
};
use super::xml::{Element, Step, Visitor};

/// The tables in `data_schema.xml`.
#[derive(Debug, Default)]
pub(super) struct Schema {
    /// The lookup columns of each table, with the tables that they refer to.
    pub(super) tables: BTreeMap<String, BTreeMap<String, String>>,
}

impl Visitor for Schema {
    fn begin(&mut self, inside: &[Element], element: &Element) -> Result<Step, String> {
        Ok(match inside.len() {
            0 if element.is("entities") => Step::Enter,
            0 => return Err(expected_entities(element)),
            1 if element.is("entity") => {
                let name = element.attribute("name").unwrap_or_default();
                self.tables.entry(name.to_ascii_lowercase()).or_default();
                Step::Enter
            }
            2 if element.is("fields") => Step::Enter,
            3 if element.is("field") => Step::Take,
            _ => Step::Skip,
        })
    }

    fn take(&mut self, inside: &[Element], element: Element) -> Result<(), String> {
        let table = inside.get(1).and_then(|entity| entity.attribute("name"));
        if let (Some(table), Some(column), Some(to)) = (
            table,
            element.attribute("name"),
            element.attribute("lookupType"),
        ) {
            self.tables
                .entry(table.to_ascii_lowercase())
                .or_default()
                .insert(column.to_ascii_lowercase(), to.to_ascii_lowercase());
        }
        Ok(())
    }
}

fn expected_entities(element: &Element) -> String {
    format!("expected `<entities>`, found `<{}>`", element.name)
}

/// Reads `data.xml`.
pub(super) struct Data<'g> {
    pub(super) file: &'g str,
    pub(super) schema: &'g Schema,
    pub(super) gathered: &'g mut Gathered,
}

impl Visitor for Data<'_> {
    fn begin(&mut self, inside: &[Element], element: &Element) -> Result<Step, String> {
        Ok(match inside.len() {
            0 if element.is("entities") => Step::Enter,
            0 => return Err(expected_entities(element)),
            1 if element.is("entity") => {
                let name = element.attribute("name").unwrap_or_default();
                if !self.schema.tables.contains_key(&name.to_ascii_lowercase()) {
                    return Err(format!(
                        "expected tables of `data_schema.xml`, found `{name}`, which it does not have"
                    ));
                }
                Step::Enter
            }
            2 if element.is("records") || element.is("m2mrelationships") => Step::Enter,
            2 => Step::Take,
            3 if element.is("record") && !self.is_read(inside) => {
                let name = entity(inside).to_owned();
                self.gathered.other(&name)?;
                Step::Skip
            }
            3 => Step::Take,
            _ => Step::Skip,
        })
    }

    fn take(&mut self, inside: &[Element], element: Element) -> Result<(), String> {
        let table = entity(inside);
        if element.is("record") {
            self.record(table, &element)
        } else if element.is("m2mrelationship") {
            self.links(table, &element)
        } else if element.children.is_empty() {
            Ok(())
        } else {
            let name = format!("<{}> of {table}", element.name);
            let number = element.children.len();
            self.gathered.not_understood(&name, number, [])
        }
    }
}

fn entity(inside: &[Element]) -> &str {
    inside
        .get(1)
        .and_then(|entity| entity.attribute("name"))
        .unwrap_or_default()
}

/// Tables whose rows are looked up by name.
const LOOKED_UP: [&Table; 3] = [&tables::MACRO, &tables::ROLE, &tables::WEB_RESOURCE];

fn looked_up(logical: &str) -> Option<&'static Table> {
    LOOKED_UP
        .into_iter()
        .find(|table| table.logical.eq_ignore_ascii_case(logical))
}

/// The column that identifies the rows of a kind, if people see it as their name: the file has that name beside each reference.
fn named_by_label(logical: &str) -> Option<&'static str> {
    let table = table_named(logical)?;
    let kind = Kind::of_table(table)?.definition();
    table
        .name
        .filter(|name| *name == table.label && kind.also.is_empty())
}

impl Data<'_> {
    fn is_read(&self, inside: &[Element]) -> bool {
        let name = entity(inside);
        table_named(name).is_some()
            || looked_up(name).is_some()
            || name.eq_ignore_ascii_case(tables::USER.logical)
    }

    fn record(&mut self, table: &str, record: &Element) -> Result<(), String> {
        let id = record.attribute("id").unwrap_or_default();
        let value = |name: &str| {
            record
                .children
                .iter()
                .find(|field| {
                    field
                        .attribute("name")
                        .is_some_and(|own| own.eq_ignore_ascii_case(name))
                })
                .and_then(|field| field.attribute("value"))
        };
        if table.eq_ignore_ascii_case(tables::USER.logical) {
            if let Some(id) = as_id(id) {
                self.gathered.user(FileUser {
                    id,
                    name: value("domainname").unwrap_or_default().to_owned(),
                    full_name: value("fullname").unwrap_or_default().to_owned(),
                    email: value("internalemailaddress").unwrap_or_default().to_owned(),
                    object_id: value("azureactivedirectoryobjectid").and_then(as_id),
                    disabled: value("isdisabled")
                        .is_some_and(|flag| flag.eq_ignore_ascii_case("true")),
                })?;
            }
            return Ok(());
        }
        if let Some(named) = looked_up(table) {
            let name = named.name.and_then(value);
            return self.gathered.name(named, Some(id), name);
        }
        let Some(known) = table_named(table) else {
            return Ok(());
        };
        let lookups = self.schema.tables.get(&table.to_ascii_lowercase());
        let mut columns = BTreeMap::new();
        for field in &record.children {
            let Some(name) = field.attribute("name").map(str::to_ascii_lowercase) else {
                return Err(format!("a field of the record {id} of {table} has no name"));
            };
            let text = field.attribute("value").unwrap_or(&field.text);
            if text.is_empty() {
                continue;
            }
            let to = field
                .attribute("lookupentity")
                .map(str::to_ascii_lowercase)
                .filter(|to| !to.is_empty())
                .or_else(|| lookups.and_then(|lookups| lookups.get(&name).cloned()));
            let said = match to {
                Some(to) => {
                    if let Some(named) = looked_up(&to) {
                        // Processes, roles and web resources are identified by name.
                        self.gathered.name(
                            named,
                            Some(text),
                            field.attribute("lookupentityname"),
                        )?;
                    }
                    let mut columns = vec![(format!("{to}id"), text.to_owned())];
                    let name = field.attribute("lookupentityname").unwrap_or_default();
                    columns.extend(
                        named_by_label(&to).map(|column| (column.to_owned(), name.to_owned())),
                    );
                    Said::Row(columns)
                }
                None => Said::Text(text.to_owned(), 1),
            };
            columns.insert(name, said);
        }
        columns
            .entry(known.key.to_owned())
            .or_insert_with(|| Said::Text(id.to_owned(), 1));
        self.gathered.row(FileRow {
            table: known,
            columns,
            place: format!("{}: record {id} of {table}", self.file),
        })
    }

    fn links(&mut self, table: &str, element: &Element) -> Result<(), String> {
        let to = element.attribute("targetentityname").unwrap_or_default();
        let source = element.attribute("sourceid").unwrap_or_default();
        let targets: Vec<&str> = element
            .child("targetids")
            .map(|ids| ids.children.iter().map(|id| id.text.trim()).collect())
            .unwrap_or_default();
        let name = element.attribute("m2mrelationshipname");
        let known = between(table, to)
            .filter(|(relationship, _)| name.is_none_or(|name| may_be(relationship, name)));
        let Some((relationship, owner_first)) = known else {
            let name = name.unwrap_or("m2mrelationship");
            let ends = [format!("{table}id"), format!("{to}id")];
            return self.gathered.not_understood(name, targets.len(), ends);
        };
        for target in targets {
            let key = |table: &Table, id: &str| vec![(table.key.to_owned(), id.to_owned())];
            let (owner, member) = if owner_first {
                (source, target)
            } else {
                (target, source)
            };
            self.gathered.link(FileLink {
                relationship,
                owner: key(relationship.owner, owner),
                member: key(relationship.member, member),
            })?;
        }
        Ok(())
    }
}
