//! The contents of an export's files before names and ids are matched: rows, links, and the names of other rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use deskstate_model::{Kind, Relationship, Table, tables};
use uuid::Uuid;

use super::xml::Element;
use crate::state::fold;

/// Maximum number of rows of the agent desktop in one export. More would exceed the memory that a run may use.
pub(super) const MOST_ROWS: usize = 20_000;
/// Maximum size in bytes of what is kept of one export. Until it is written, a document takes several times as much.
const MOST_KEPT: usize = 16 * 1024 * 1024;
/// Estimated overhead of a value in addition to its text.
const VALUE: usize = 64;

/// A column of a row in a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    /// A value, and the number of languages in which it is present.
    Text(String, usize),
    /// A reference to another row, by columns of that row.
    Row(Vec<(String, String)>),
}

/// A row of a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FileRow {
    pub(super) table: &'static Table,
    /// Values by lower-case column name; columns without a value are left out.
    pub(super) columns: BTreeMap<String, Said>,
    /// Its place: the file, and what identifies the row in it.
    pub(super) place: String,
}

/// A link of a file: the relationship, its owner and its member.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FileLink {
    pub(super) relationship: &'static Relationship,
    pub(super) owner: Vec<(String, String)>,
    pub(super) member: Vec<(String, String)>,
}

/// Elements that look like links but cannot be interpreted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Unknown {
    pub(super) number: usize,
    /// Column names that indicate what they link.
    pub(super) ends: BTreeSet<String>,
}

/// A user that a file refers to.
#[derive(Debug, Clone)]
pub(super) struct FileUser {
    pub(super) id: Uuid,
    pub(super) name: String,
    pub(super) full_name: String,
    pub(super) email: String,
    pub(super) object_id: Option<Uuid>,
    pub(super) disabled: bool,
}

/// The contents of all files.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) rows: Vec<FileRow>,
    pub(super) links: Vec<FileLink>,
    /// Rows of tables that deskstate does not manage, by entity set or table.
    pub(super) other_rows: BTreeMap<String, usize>,
    /// Links that cannot be interpreted, by the element that contains them.
    pub(super) unknown: BTreeMap<String, Unknown>,
    /// Names of macros, roles and web resources by table and id.
    pub(super) names: BTreeMap<&'static Table, HashMap<Uuid, String>>,
    /// Users.
    pub(super) users: Vec<FileUser>,
    /// A file that every export should have and that this one lacks.
    pub(super) lacks: Option<&'static str>,
    /// Files with data that are not read.
    pub(super) unread: Vec<String>,
    /// Total size in bytes.
    kept: usize,
}

/// All tables whose rows are exported.
pub(super) fn all_tables() -> impl Iterator<Item = &'static Table> {
    Kind::all()
        .map(|kind| kind.table())
        .chain(Kind::part_tables().map(|part| part.table))
}

/// The table with this logical name.
pub(super) fn table_named(logical: &str) -> Option<&'static Table> {
    all_tables().find(|table| table.logical.eq_ignore_ascii_case(logical))
}

/// The relationship between two tables, whichever of them is the owner.
pub(super) fn between(one: &str, other: &str) -> Option<(&'static Relationship, bool)> {
    let is = |table: &Table, key: &str| {
        table.key.eq_ignore_ascii_case(key) || table.logical.eq_ignore_ascii_case(key)
    };
    Kind::relationships().find_map(|relationship| {
        if is(relationship.owner, one) && is(relationship.member, other) {
            Some((relationship, true))
        } else if is(relationship.owner, other) && is(relationship.member, one) {
            Some((relationship, false))
        } else {
            None
        }
    })
}

/// Whether a relationship may be the product's. One that a customer or a vendor added between the same tables has another publisher's prefix.
pub(super) fn may_be(relationship: &Relationship, name: &str) -> bool {
    let name = fold(name.trim());
    name.is_empty()
        || name == fold(relationship.schema_name)
        || name.starts_with(crate::kinds::MICROSOFT_PREFIX)
        || !name.contains('_')
}

/// Parses an id, with or without braces.
pub(super) fn as_id(text: &str) -> Option<Uuid> {
    Uuid::parse_str(text.trim()).ok()
}

/// Returns the columns of a row or link. A column is an attribute or a child element; a lookup is a dotted attribute or an element with
/// children. Exporters write the columns of a key as attributes.
pub(super) fn columns_of(element: &Element) -> BTreeMap<String, Said> {
    let mut columns: BTreeMap<String, Said> = BTreeMap::new();
    for (name, value) in &element.attributes {
        let name = name.to_ascii_lowercase();
        match name.split_once('.') {
            None => {
                columns.insert(name, Said::Text(value.clone(), 1));
            }
            Some((column, of)) => add_target(&mut columns, column, of, value),
        }
    }
    for child in &element.children {
        let name = child.name.to_ascii_lowercase();
        if let Some((column, of)) = name.split_once('.') {
            add_target(&mut columns, column, of, child.text.trim());
            continue;
        }
        let nil = child
            .attribute("nil")
            .is_some_and(|nil| matches!(nil.trim(), "true" | "1"));
        if nil {
            continue;
        }
        if let Some(said) = said(child) {
            columns.insert(name, said);
        }
    }
    columns
}

fn add_target(columns: &mut BTreeMap<String, Said>, column: &str, of: &str, value: &str) {
    let target = columns
        .entry(column.to_owned())
        .or_insert_with(|| Said::Row(Vec::new()));
    if let Said::Row(parts) = target {
        parts.push((of.to_owned(), value.to_owned()));
    }
}

fn said(element: &Element) -> Option<Said> {
    let labels: Vec<&Element> = element
        .children
        .iter()
        .filter(|child| child.is("label"))
        .collect();
    if let Some(default) = element.attribute("default") {
        return Some(Said::Text(default.to_owned(), labels.len().max(1)));
    }
    if let Some(first) = labels.first() {
        let text = first.attribute("description").unwrap_or(&first.text);
        return Some(Said::Text(text.to_owned(), labels.len()));
    }
    if !element.children.is_empty() {
        return Some(Said::Row(leaves(element, "")));
    }
    if element.text.trim().is_empty() && element.attribute("value").is_none() {
        // A lookup may have the columns of its target as attributes.
        let target: Vec<(String, String)> = element
            .attributes
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .filter(|(name, value)| !value.is_empty() && identifies(name))
            .collect();
        if !target.is_empty() {
            return Some(Said::Row(target));
        }
    }
    // The value of a choice may be in an attribute next to its label.
    let text = match element.attribute("value") {
        Some(value) if element.text.trim().is_empty() => value,
        _ => &element.text,
    };
    (!text.is_empty()).then(|| Said::Text(text.to_owned(), 1))
}

/// Whether a column identifies rows of a table that deskstate manages or looks up.
fn identifies(column: &str) -> bool {
    let looked_up = [&tables::MACRO, &tables::ROLE, &tables::WEB_RESOURCE];
    all_tables()
        .chain(looked_up)
        .any(|table| table.key == column || table.name == Some(column))
}

/// The columns of a lookup's target. A key that is a lookup itself is represented by a path.
fn leaves(element: &Element, path: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for child in &element.children {
        let name = format!("{path}{}", child.name.to_ascii_lowercase());
        if child.children.is_empty() {
            let value = child.text.trim();
            if !value.is_empty() {
                all.push((name, value.to_owned()));
            }
        } else {
            all.extend(leaves(child, &format!("{name}.")));
        }
    }
    all
}

impl Gathered {
    /// Adds the size of these texts and checks the limit.
    fn keep<'t>(&mut self, texts: impl IntoIterator<Item = &'t str>) -> Result<(), String> {
        let bytes: usize = texts.into_iter().map(|text| text.len() + VALUE).sum();
        self.kept += bytes;
        if self.kept > MOST_KEPT {
            return Err(format!(
                "expected at most {} MiB of rows, links and names, found more",
                MOST_KEPT / 1024 / 1024
            ));
        }
        Ok(())
    }

    /// Counts a row of a table that deskstate does not manage.
    pub(super) fn other(&mut self, holder: &str) -> Result<(), String> {
        if let Some(number) = self.other_rows.get_mut(holder) {
            *number += 1;
            return Ok(());
        }
        self.keep([holder])?;
        self.other_rows.insert(holder.to_owned(), 1);
        Ok(())
    }

    /// Counts links that cannot be interpreted, and records where they seem to lead.
    pub(super) fn not_understood(
        &mut self,
        holder: &str,
        number: usize,
        ends: impl IntoIterator<Item = String>,
    ) -> Result<(), String> {
        if !self.unknown.contains_key(holder) {
            self.keep([holder])?;
        }
        let mut unknown = self.unknown.remove(holder).unwrap_or_default();
        unknown.number += number;
        for end in ends {
            if !unknown.ends.contains(&end) {
                self.keep([end.as_str()])?;
                unknown.ends.insert(end);
            }
        }
        self.unknown.insert(holder.to_owned(), unknown);
        Ok(())
    }

    /// Adds a user.
    pub(super) fn user(&mut self, user: FileUser) -> Result<(), String> {
        self.keep([user.name.as_str(), &user.full_name, &user.email])?;
        self.users.push(user);
        Ok(())
    }

    /// Adds a row of a known table.
    pub(super) fn row(&mut self, row: FileRow) -> Result<(), String> {
        if self.rows.len() == MOST_ROWS {
            return Err(format!(
                "expected at most {MOST_ROWS} rows of the agent desktop, found more"
            ));
        }
        self.keep([row.place.as_str()])?;
        for (column, said) in &row.columns {
            match said {
                Said::Text(text, _) => self.keep([column.as_str(), text])?,
                Said::Row(parts) => {
                    let texts = parts.iter().flat_map(|(of, value)| [of.as_str(), value]);
                    self.keep(texts)?;
                }
            }
        }
        self.rows.push(row);
        Ok(())
    }

    /// Adds a link.
    pub(super) fn link(&mut self, link: FileLink) -> Result<(), String> {
        let texts = link.owner.iter().chain(&link.member);
        let texts: Vec<&str> = texts
            .flat_map(|(of, value)| [of.as_str(), value.as_str()])
            .collect();
        self.keep(texts)?;
        self.links.push(link);
        Ok(())
    }

    /// Adds the name of a macro, a role or a web resource.
    pub(super) fn name(
        &mut self,
        table: &'static Table,
        id: Option<&str>,
        name: Option<&str>,
    ) -> Result<(), String> {
        if let (Some(id), Some(name)) = (id.and_then(as_id), name)
            && !name.is_empty()
        {
            self.keep([name])?;
            self.names
                .entry(table)
                .or_default()
                .insert(id, name.to_owned());
        }
        Ok(())
    }

    /// Interprets an element of a solution: a row, a link, or neither. `holder` is the element or folder that contains it; `folder` is the
    /// folder named after it.
    pub(super) fn element(
        &mut self,
        file: &str,
        holder: &str,
        folder: Option<&str>,
        element: &Element,
    ) -> Result<(), String> {
        let columns = columns_of(element);
        let targets: Vec<(String, Vec<(String, String)>)> = columns
            .iter()
            .filter_map(|(column, said)| match said {
                Said::Row(parts) => Some((column.clone(), parts.clone())),
                Said::Text(text, _) if as_id(text).is_some() && is_key(column) => {
                    Some((column.clone(), vec![(column.clone(), text.clone())]))
                }
                Said::Text(..) => None,
            })
            .collect();
        // A truncated name may equal that of a table, so keys are checked first: a row never identifies itself by two keys.
        if let [(one, first), (other, second)] = targets.as_slice()
            && let Some((relationship, owner_first)) = between(one, other)
            && may_be(relationship, &element.name)
        {
            let (owner, member) = if owner_first {
                (first.clone(), second.clone())
            } else {
                (second.clone(), first.clone())
            };
            return self.link(FileLink {
                relationship,
                owner,
                member,
            });
        }
        if let Some(table) = table_named(&element.name) {
            let mut columns = columns;
            let place = format!("{file}: {}", tag(element));
            if let Some(folder) = folder
                && !columns.contains_key(table.key)
            {
                let column = if as_id(folder).is_some() {
                    table.key
                } else {
                    table.name.unwrap_or(table.key)
                };
                columns
                    .entry(column.to_owned())
                    .or_insert_with(|| Said::Text(folder.to_owned(), 1));
            }
            return self.row(FileRow {
                table,
                columns,
                place,
            });
        }
        let dotted = element
            .attributes
            .iter()
            .filter(|(name, _)| name.contains('.'))
            .count();
        // Entity sets of intersect tables end in `set`; those of other tables end in `s`.
        let looks_like_links = dotted > 1 || holder.to_ascii_lowercase().ends_with("set");
        if looks_like_links {
            let ends = targets.into_iter().map(|(column, _)| column);
            self.not_understood(holder, 1, ends)
        } else {
            self.other(holder)
        }
    }
}

/// Whether a column is the key of a table that deskstate manages or links.
fn is_key(column: &str) -> bool {
    Kind::relationships().any(|relationship| {
        [relationship.owner_column, relationship.member_column]
            .iter()
            .any(|key| key.eq_ignore_ascii_case(column))
    })
}

/// The opening tag of an element, in the form in which people find it in the file.
fn tag(element: &Element) -> String {
    /// Maximum number of characters of a tag in a message.
    const LONGEST: usize = 160;
    let mut tag = format!("<{}", element.name);
    for (name, value) in &element.attributes {
        tag.push_str(&format!(" {name}=\"{value}\""));
    }
    tag.push('>');
    if tag.chars().count() > LONGEST {
        tag = tag.chars().take(LONGEST).collect();
        tag.push('…');
    }
    tag
}
