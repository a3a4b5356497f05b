//! Writes rows and links of manifests as an unmanaged solution, in the format of published exports. Whatever has no place in a solution is
//! listed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use deskstate_model::{Field, Holds, State, Table};
use quick_xml::escape::escape;

use crate::lower::Desired;
use crate::state::{DeclaredResource, DeclaredRow, DeclaredSet, RowKey, Stored};

/// The identity of a solution.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Its unique name.
    pub name: &'a str,
    /// Its version, in four numbers.
    pub version: &'a str,
    /// The prefix of its publisher.
    pub prefix: &'a str,
}

/// The files of a solution.
#[derive(Debug, Default)]
pub struct Written {
    /// Texts by path.
    pub files: BTreeMap<String, String>,
    /// What a solution cannot contain: the resource, and the part of it with the reason.
    pub left_out: Vec<(String, String)>,
}

/// Writes everything that an unmanaged solution can contain.
pub fn write(desired: &Desired, about: About<'_>) -> Written {
    let mut written = Written::default();
    let mut links: BTreeMap<&str, String> = BTreeMap::new();
    for resource in desired.resources.values() {
        let mut one = One {
            resource,
            written: &mut written,
            links: &mut links,
        };
        one.write();
    }
    let mut customizations = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<ImportExportXml xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n",
    );
    for platform in [
        "Entities",
        "Roles",
        "Workflows",
        "FieldSecurityProfiles",
        "Templates",
        "EntityMaps",
        "EntityRelationships",
        "OrganizationSettings",
        "optionsets",
        "CustomControls",
        "EntityDataProviders",
    ] {
        customizations.push_str(&format!("  <{platform} />\n"));
    }
    for (set, elements) in links {
        customizations.push_str(&format!("  <{set}>\n{elements}  </{set}>\n"));
    }
    customizations.push_str("</ImportExportXml>\n");
    let files = [
        ("customizations.xml", customizations),
        ("solution.xml", manifest(about)),
        (
            "[Content_Types].xml",
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"xml\" ContentType=\"application/octet-stream\" /></Types>".to_owned(),
        ),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text));
    written.files.extend(files);
    written
}

fn manifest(about: About<'_>) -> String {
    let About {
        name,
        version,
        prefix,
    } = about;
    let (name, prefix) = (escape(name), escape(prefix));
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<ImportExportXml version=\"9.2\" SolutionPackageVersion=\"9.2\" languagecode=\"1033\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n  <SolutionManifest>\n    <UniqueName>{name}</UniqueName>\n    <LocalizedNames>\n      <LocalizedName description=\"{name}\" languagecode=\"1033\" />\n    </LocalizedNames>\n    <Descriptions />\n    <Version>{version}</Version>\n    <Managed>0</Managed>\n    <Publisher>\n      <UniqueName>{prefix}</UniqueName>\n      <CustomizationPrefix>{prefix}</CustomizationPrefix>\n    </Publisher>\n    <RootComponents />\n    <MissingDependencies />\n  </SolutionManifest>\n</ImportExportXml>\n"
    )
}

struct One<'a> {
    resource: &'a DeclaredResource,
    written: &'a mut Written,
    links: &'a mut BTreeMap<&'static str, String>,
}

impl One<'_> {
    fn leave_out(&mut self, what: impl Into<String>) {
        let key = self.resource.key.to_string();
        self.written.left_out.push((key, what.into()));
    }

    fn write(&mut self) {
        let resource = self.resource;
        match resource.state {
            State::Present => {
                self.row(&resource.row);
                for part in resource.parts.iter().filter(|part| !part.only_if_there) {
                    self.row(part);
                }
            }
            State::Existing if !resource.row.columns.is_empty() || !resource.parts.is_empty() => {
                self.leave_out("values of a row that somebody else brings");
            }
            State::Existing => {}
            State::Absent => return self.leave_out("a solution deletes nothing"),
        }
        for set in &resource.sets {
            self.set(set);
        }
    }

    fn row(&mut self, row: &DeclaredRow) {
        let shown = match row.path.as_str() {
            "" => "the row".to_owned(),
            path => format!("`{path}`"),
        };
        let Some(table) = row.key.table() else { return };
        if !table.component {
            return self.leave_out(format!(
                "{shown}: rows of {} are no components",
                table.logical
            ));
        }
        let columns = row
            .columns
            .iter()
            .map(|column| (column.field, &column.value));
        let when_new = row.when_new.iter().map(|(field, value)| (*field, value));
        let columns: Vec<(&Field, &Stored)> = when_new.chain(columns).collect();
        let named = columns
            .iter()
            .find_map(|(field, value)| match (field.holds, value) {
                (Holds::UniqueName, Stored::Text(name)) => Some((field.column, name.as_str())),
                _ => None,
            });
        let own = match &row.key {
            RowKey::Named { name, .. } => table.name.map(|column| (column, name.as_written())),
            _ => None,
        };
        let Some((column, name)) = own.or(named) else {
            return self.leave_out(format!("{shown}: it has no unique name"));
        };
        let logical = table.logical;
        let mut xml = format!(
            "<{logical} {column}=\"{}\">\n  <iscustomizable>1</iscustomizable>\n",
            escape(name)
        );
        if let Some(part) = row.part {
            // Steps and views have unique names, so their keys do not name the row that they belong to.
            let of = match &row.key {
                RowKey::Part { of, .. } => of,
                _ => &self.resource.row.key,
            };
            match reference(of) {
                Some(target) => element(&mut xml, part.parent_column, &target),
                None => return self.leave_out(format!("{shown}: its row has no unique name")),
            }
        }
        for (field, value) in columns
            .into_iter()
            .filter(|(field, _)| field.column != column)
        {
            match self.value(field, value) {
                Ok(Some(text)) => {
                    element(&mut xml, field.column, &text);
                    if let (Some(mirror), Stored::Number(number)) = (&field.mirror, value)
                        && let Some((_, flag)) = mirror.flags.iter().find(|(of, _)| of == number)
                    {
                        element(&mut xml, mirror.column, &u8::from(*flag).to_string());
                    }
                    if let (Holds::Status(_), Stored::Number(number)) = (field.holds, value) {
                        element(&mut xml, "statuscode", &(number + 1).to_string());
                    }
                }
                Ok(None) => {}
                Err(why) if row.path.is_empty() => {
                    self.leave_out(format!("`{}`: {why}", field.word));
                }
                // An incomplete part is worse than none.
                Err(why) => return self.leave_out(format!("{shown}: {why}")),
            }
        }
        xml.push_str(&format!("</{logical}>\n"));
        // The name of a row may contain any character, so it is adapted to file systems. Two names may then be alike.
        let folder: String = name
            .chars()
            .map(|one| match one {
                one if one.is_alphanumeric() || "_-.".contains(one) => one,
                _ => '_',
            })
            .collect();
        let mut path = format!("{}/{folder}/{logical}.xml", table.set);
        let mut number = 1_u32;
        while self.written.files.contains_key(&path) {
            number += 1;
            path = format!("{}/{folder}-{number}/{logical}.xml", table.set);
        }
        self.written.files.insert(path, xml);
    }

    /// A value as XML; `None` if the column is empty. The error states why it cannot be written.
    fn value(&self, field: &Field, value: &Stored) -> Result<Option<String>, String> {
        match field.holds {
            Holds::Owner => return Err("owners are not part of a solution".to_owned()),
            // The rows of the parameters contain the same values.
            Holds::ParametersCopy => return Ok(None),
            _ => {}
        }
        Ok(Some(match value {
            Stored::Null => return Ok(None),
            Stored::Text(text) if text.contains("${{ environment.") => {
                return Err("values of an environment differ by environment".to_owned());
            }
            Stored::Json(json) if json.to_string().contains("${{ environment.") => {
                return Err("values of an environment differ by environment".to_owned());
            }
            Stored::Text(text) => escape(text.as_str()).into_owned(),
            Stored::Number(number) => number.to_string(),
            Stored::Flag(flag) => u8::from(*flag).to_string(),
            Stored::Json(json) => escape(json.to_string()).into_owned(),
            Stored::Row(key) => reference(key)
                .ok_or_else(|| format!("{key} has another id in every environment"))?,
            Stored::JsonWith(..) | Stored::IdOf(_) | Stored::IdsOf(_) | Stored::IdsAmong { .. } => {
                return Err("ids of rows differ by environment".to_owned());
            }
            Stored::WithOrganization(_) => {
                return Err("the id of the organization differs by environment".to_owned());
            }
        }))
    }

    fn set(&mut self, set: &DeclaredSet) {
        let word = set.field.word;
        let relationship = set.relationship;
        if !relationship.component {
            if !set.members.is_empty() || !set.from_teams.is_empty() {
                self.leave_out(format!("`{word}`: these links are no components"));
            }
            return;
        }
        let owner = self.resource.row.key.clone();
        let holder = relationship.intersect_set;
        let name = holder.strip_suffix("set").unwrap_or(holder);
        for member in &set.members {
            let ends = [
                (relationship.owner, relationship.owner_column, &owner),
                (relationship.member, relationship.member_column, &member.key),
            ];
            let ends: Option<Vec<String>> = ends
                .into_iter()
                .map(|(table, column, key)| attribute(table, column, key))
                .collect();
            match ends {
                Some(ends) => {
                    let holder = self.links.entry(holder).or_default();
                    // Writing to a text cannot fail.
                    let _ = writeln!(
                        holder,
                        "    <{name} {}>\n      <iscustomizable>1</iscustomizable>\n    </{name}>",
                        ends.join(" ")
                    );
                }
                None => self.leave_out(format!("`{word}`: {} has no unique name", member.key)),
            }
        }
    }
}

fn element(xml: &mut String, name: &str, text: &str) {
    xml.push_str(&format!("  <{name}>{text}</{name}>\n"));
}

/// The value of a lookup: the row by its unique name.
fn reference(key: &RowKey) -> Option<String> {
    let RowKey::Named { table, name } = key else {
        return None;
    };
    let column = table.name?;
    Some(format!(
        "<{column}>{}</{column}>",
        escape(name.as_written())
    ))
}

fn attribute(table: &Table, column: &str, key: &RowKey) -> Option<String> {
    let RowKey::Named { name, .. } = key else {
        return None;
    };
    let by = table.name?;
    Some(format!("{column}.{by}=\"{}\"", escape(name.as_written())))
}
