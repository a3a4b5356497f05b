//! Assembles a snapshot from the contents of files: names and ids are matched, and values get the types of their columns.
//!
//! A file contains few ids. Rows without an id get one that is derived from their name; messages never show it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use deskstate_dataverse::{Cell, Row};
use deskstate_model::{
    Field, Holds, Kind, Links, Referent, Relationship, ResourceKey, RowValue, RowValueIs, Table,
    UniqueName, lookup_read_name, tables,
};
use uuid::Uuid;

use super::gathered::{FileLink, FileRow, FileUser, Gathered, Said, all_tables, as_id};
use super::others;
use crate::kinds::target_table;
use crate::kinds::{self, MICROSOFT_PREFIX};
use crate::live::{Access, Facts, Found, Live, LiveLinks, LiveTable, Role, User};
use crate::quirks::parameters;
use crate::raise::{LeftOut, Loss};
use crate::state::{Lookup, RowKey, fold};

/// Columns that are not settings of the desktop: columns of the platform, columns of imports, and second copies.
const SYSTEM: [&str; 24] = [
    "componentidunique",
    "componentstate",
    "createdby",
    "createdon",
    "createdonbehalfby",
    "importsequencenumber",
    "iscustomizable",
    "ismanaged",
    "modifiedby",
    "modifiedon",
    "modifiedonbehalfby",
    "msdyn_name",
    "msdyn_uniquename",
    "organizationid",
    "overriddencreatedon",
    "overwritetime",
    "owningbusinessunit",
    "owningteam",
    "owninguser",
    "solutionid",
    "statecode",
    "statuscode",
    "timezoneruleversionnumber",
    "utcconversiontimezonecode",
];

/// The snapshot, and what it lacks.
pub(super) struct Assembled {
    pub(super) live: Live,
    pub(super) left_out: Vec<(String, LeftOut)>,
    pub(super) unmodelled: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) referred: Vec<ResourceKey>,
}

/// Assembles the snapshot. Rows of a managed solution are locked wherever it is imported.
pub(super) fn assemble(gathered: Gathered, managed: bool) -> Assembled {
    let Gathered {
        rows,
        links,
        other_rows,
        unknown,
        names,
        users,
        lacks,
        unread,
        ..
    } = gathered;
    let mut assembling = Assembling {
        managed,
        ..Assembling::default()
    };
    if let Some(file) = lacks {
        assembling.leave_out(
            file.to_owned(),
            "",
            "expected this file, found none; links and names that it would hold are missing"
                .to_owned(),
        );
    }
    if let Some(first) = unread.first() {
        let more = match unread.len() {
            1 => String::new(),
            number => format!(" and {} more", number - 1),
        };
        assembling.leave_out(
            format!("{first}{more}"),
            "",
            "not read: expected `data_schema.xml` next to it, found none; copy the schema into its folder and pass that folder"
                .to_owned(),
        );
    }
    assembling.named(names);
    assembling.people(users);
    let rows = assembling.of_kinds(rows);
    let rows: Vec<(Uuid, FileRow)> = assembling.identify(rows);
    for (id, row) in &rows {
        if assembling.is_part_of_foreign(row) {
            continue;
        }
        let cells = assembling.cells(*id, row);
        assembling.rows.entry(row.table).or_default().push(cells);
    }
    assembling.parameters_from_copies();
    let mut pairs: BTreeMap<&'static Relationship, BTreeSet<(Uuid, Uuid)>> = BTreeMap::new();
    for link in &links {
        let owner = assembling.target(link.relationship.owner, &link.owner);
        let member = match link.relationship.member {
            member if member == &tables::USER => user_id(&link.member),
            member => assembling.target(member, &link.member),
        };
        match (owner, member) {
            (Some(owner), _) if assembling.is_foreign(link.relationship.owner, owner) => {
                *assembling
                    .foreign_links
                    .entry(link.relationship.schema_name)
                    .or_default() += 1;
            }
            (Some(owner), Some(member))
                if assembling.is_foreign(link.relationship.member, member) =>
            {
                let why = assembling.told_foreign(link.relationship.member, member);
                assembling.leave_out_link(link.relationship, owner, why);
            }
            (Some(owner), member) if assembling.lacks(link.relationship.owner, owner) => {
                assembling.leave_out_ownerless(link, owner, member);
            }
            (Some(owner), Some(member)) => {
                pairs
                    .entry(link.relationship)
                    .or_default()
                    .insert((owner, member));
            }
            _ => assembling.leave_out(
                format!("link of {}", link.relationship.schema_name),
                "",
                format!(
                    "{} - {}: one of them has neither a name nor an id",
                    told(&link.owner),
                    told(&link.member)
                ),
            ),
        }
    }
    assembling.tell_of_foreign();
    for (element, unknown) in unknown {
        let ends: Vec<&str> = unknown.ends.iter().map(String::as_str).collect();
        let between = if ends.is_empty() {
            String::new()
        } else {
            format!(" ({})", ends.join(", "))
        };
        let links = count(unknown.number, "link");
        let why = format!("{links} not understood{between}");
        if ends.len() > 1 && !ends.iter().any(|end| is_of_desktop(end)) {
            assembling.notes.push(format!(
                "{element}: {links} between tables that deskstate does not manage{between}"
            ));
        } else {
            assembling.leave_out(element, "", why);
        }
    }
    assembling
        .notes
        .extend(others(&other_rows).map(|others| format!("not managed by deskstate: {others}")));
    assembling.finish(pairs)
}

/// For example `1 link`, `2 links`.
fn count(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

fn told(target: &[(String, String)]) -> String {
    let columns: Vec<String> = target
        .iter()
        .map(|(column, value)| format!("{column} `{value}`"))
        .collect();
    columns.join(", ")
}

/// Whether a column refers to a table of the desktop.
fn is_of_desktop(column: &str) -> bool {
    all_tables().any(|table| table.key.eq_ignore_ascii_case(column))
}

fn user_id(target: &[(String, String)]) -> Option<Uuid> {
    target.iter().find_map(|(_, value)| as_id(value))
}

#[derive(Default)]
struct Assembling {
    managed: bool,
    found: Found,
    /// Rows by table and lowercase name; the first one if several share a name.
    by_name: HashMap<(&'static Table, String), Uuid>,
    ids: HashMap<&'static Table, BTreeSet<Uuid>>,
    rows: BTreeMap<&'static Table, Vec<Row>>,
    left_out: Vec<(String, LeftOut)>,
    notes: Vec<String>,
    /// Rows that the file refers to and does not contain.
    referred: Vec<ResourceKey>,
    /// Columns that no kind models, with the number of rows.
    unmodelled: BTreeMap<(&'static str, String), usize>,
    /// Number of texts in more than one language.
    languages: BTreeMap<&'static str, usize>,
    /// Rows of a kind's table that are not of the kind, such as certifications in the table of skills.
    foreign: HashMap<(&'static Table, Uuid), String>,
    foreign_names: HashMap<(&'static Table, String), Uuid>,
    /// Number of parts of such rows by table, and of links by relationship.
    foreign_parts: BTreeMap<&'static str, usize>,
    foreign_links: BTreeMap<&'static str, usize>,
}

/// Whether a row of a kind's table is of the kind.
enum OfKind {
    Yes,
    No,
    /// No row of the file has this column, which tells them apart.
    Unknown(&'static str),
}

impl Assembling {
    fn leave_out(&mut self, resource: String, path: &str, why: String) {
        let path = path.to_owned();
        let loss = Loss::Lost;
        self.left_out.push((resource, LeftOut { path, why, loss }));
    }

    fn named(&mut self, names: BTreeMap<&'static Table, HashMap<Uuid, String>>) {
        for (table, names) in names {
            let sorted: BTreeMap<Uuid, String> = names.into_iter().collect();
            for (id, name) in sorted {
                self.looked_up(table, id, &name);
            }
        }
    }

    /// Adds a row that is looked up but never written.
    fn looked_up(&mut self, table: &Table, id: Uuid, name: &str) {
        let lookup = if table == &tables::ROLE {
            self.found.roles.insert(Role {
                id,
                name: name.to_owned(),
                business_unit: None,
                root: id,
            });
            return;
        } else if table == &tables::MACRO {
            Lookup::Macro(name.to_owned())
        } else {
            Lookup::WebResource(name.to_owned())
        };
        self.found.labels.insert(id, name.to_owned());
        let ids = self.found.rows.entry(lookup).or_default();
        if !ids.contains(&id) {
            ids.push(id);
        }
    }

    fn people(&mut self, users: Vec<FileUser>) {
        for user in users {
            for name in [&user.name, &user.email] {
                if !name.is_empty() {
                    let ids = self.found.users_by_name.entry(fold(name)).or_default();
                    if !ids.contains(&user.id) {
                        ids.push(user.id);
                    }
                }
            }
            if let Some(object_id) = user.object_id {
                let ids = self
                    .found
                    .users_by_name
                    .entry(object_id.to_string())
                    .or_default();
                ids.push(user.id);
            }
            let user = User {
                id: user.id,
                name: user.name,
                full_name: user.full_name,
                email: user.email,
                object_id: user.object_id,
                disabled: user.disabled,
                application: false,
                deleted: false,
            };
            self.found.users.insert(user.id, user);
        }
    }

    /// Returns the rows that are of their table's kind. A definition may take only some rows of its table, such as the skills among the
    /// characteristics; writing another row as one of the kind would turn it into one.
    fn of_kinds(&mut self, rows: Vec<FileRow>) -> Vec<FileRow> {
        let columns: BTreeSet<(&'static Table, &'static str)> = rows
            .iter()
            .flat_map(|row| {
                let values = kinds::row_values(row.table).iter();
                values
                    .map(|value| value.field.column)
                    .filter(|column| row.columns.contains_key(*column))
                    .map(|column| (row.table, column))
            })
            .collect();
        let mut numbers: BTreeMap<&'static Table, usize> = BTreeMap::new();
        let mut own = Vec::with_capacity(rows.len());
        for row in rows {
            match of_kind(&row, &columns) {
                OfKind::Yes => own.push(row),
                OfKind::No => {
                    *numbers.entry(row.table).or_default() += 1;
                    self.keep_foreign(&row);
                }
                OfKind::Unknown(column) => {
                    let noun = kinds::noun(row.table);
                    self.leave_out(
                        label(&row),
                        "",
                        format!(
                            "left out: whether it is a {noun} is in the column `{column}`, which the file does not have; export the column too"
                        ),
                    );
                    self.keep_foreign(&row);
                }
            }
        }
        for (table, number) in numbers {
            let conditions: Vec<String> = kinds::row_values(table)
                .iter()
                .map(|value| format!("`{}` {}", value.field.column, told_value(value.is)))
                .collect();
            self.notes.push(format!(
                "not managed by deskstate: {} of {}; a {} has {}",
                count(number, "row"),
                table.logical,
                kinds::noun(table),
                conditions.join(" and ")
            ));
        }
        own
    }

    /// Remembers a row that is not of its table's kind, so that references to it can be explained.
    fn keep_foreign(&mut self, row: &FileRow) {
        let text = |column: &str| match row.columns.get(column) {
            Some(Said::Text(text, _)) if !text.trim().is_empty() => Some(text.trim()),
            _ => None,
        };
        let id = text(row.table.key)
            .and_then(as_id)
            .unwrap_or_else(|| derived(row.table, &row.place));
        let name = row.table.name.and_then(text);
        if let Some(name) = name {
            self.foreign_names
                .entry((row.table, fold(name)))
                .or_insert(id);
        }
        let shown = name.map_or_else(|| row.place.clone(), str::to_owned);
        self.foreign.insert((row.table, id), shown);
    }

    fn is_foreign(&self, table: &'static Table, id: Uuid) -> bool {
        self.foreign.contains_key(&(table, id))
    }

    /// Why a reference to such a row cannot be written.
    fn told_foreign(&self, table: &'static Table, id: Uuid) -> String {
        let shown = self.foreign.get(&(table, id)).map_or("", String::as_str);
        format!("`{shown}` is not a {}", kinds::noun(table))
    }

    /// Notes the parts and links of such rows.
    fn tell_of_foreign(&mut self) {
        let parts = std::mem::take(&mut self.foreign_parts);
        let links = std::mem::take(&mut self.foreign_links);
        let told: Vec<String> = parts
            .into_iter()
            .chain(links)
            .map(|(name, number)| format!("{name} {number}"))
            .collect();
        if !told.is_empty() {
            self.notes.push(format!(
                "not managed by deskstate: parts and links of such rows ({})",
                told.join(", ")
            ));
        }
    }

    /// Whether the file does not contain a row.
    fn lacks(&self, table: &'static Table, id: Uuid) -> bool {
        self.ids.get(table).is_none_or(|ids| !ids.contains(&id))
    }

    /// Reports a link whose owner, in whose manifest it would be, is not in the file.
    fn leave_out_ownerless(&mut self, link: &FileLink, owner: Uuid, member: Option<Uuid>) {
        let noun = kinds::noun(link.relationship.owner);
        let member = match member {
            Some(member) => self.label_of(link.relationship.member, member),
            None => told(&link.member),
        };
        let why = format!("the {noun} is not in the file; it is linked to {member}");
        self.leave_out_link(link.relationship, owner, why);
    }

    /// Reports a link as missing from its owner.
    fn leave_out_link(&mut self, relationship: &'static Relationship, owner: Uuid, why: String) {
        let resource = self.label_of(relationship.owner, owner);
        self.leave_out(resource, word_of(relationship), why);
    }

    /// The kind and the name of a row, or its id if the file does not contain it.
    fn label_of(&self, table: &'static Table, id: Uuid) -> String {
        let mut rows = self.rows.get(table).into_iter().flatten();
        let row = rows.find(|row| row.uuid(table.key) == Some(id));
        let name = row.and_then(|row| kinds::name_of(table, row));
        let name = name.filter(|name| !name.trim().is_empty());
        let name = name.map_or_else(|| id.to_string(), |name| name.trim().to_owned());
        format!("{} {name}", kinds::noun(table))
    }

    /// Whether a row is a part of a row that is not of its table's kind. If so, it is counted.
    fn is_part_of_foreign(&mut self, row: &FileRow) -> bool {
        let Some(part) = kinds::part_of(row.table) else {
            return false;
        };
        let Some(said) = row.columns.get(part.parent_column) else {
            return false;
        };
        let is_foreign = !self.foreign.is_empty()
            && self
                .lookup(Referent::Named(part.parent), said)
                .is_some_and(|parent| self.is_foreign(part.parent, parent));
        if is_foreign {
            *self.foreign_parts.entry(row.table.logical).or_default() += 1;
        }
        is_foreign
    }

    /// Assigns an id to every row. Identical copies of a row are merged; different rows that share a name or an id remain separate.
    fn identify(&mut self, rows: Vec<FileRow>) -> Vec<(Uuid, FileRow)> {
        let mut identified: Vec<(Uuid, FileRow)> = Vec::new();
        let mut places: HashMap<(&'static Table, Uuid), usize> = HashMap::new();
        for row in rows {
            let text = |column: &str| match row.columns.get(column) {
                Some(Said::Text(text, _)) if !text.trim().is_empty() => Some(text.as_str()),
                _ => None,
            };
            let name = row.table.name.and_then(text);
            let mut id = text(row.table.key)
                .and_then(as_id)
                .unwrap_or_else(|| derived(row.table, name.unwrap_or(&row.place)));
            if let Some(at) = places.get(&(row.table, id)) {
                if identified[*at].1.columns == row.columns {
                    continue;
                }
                id = derived(row.table, &format!("{}\n{}", row.place, identified.len()));
            }
            if let Some(name) = name {
                self.by_name.entry((row.table, fold(name))).or_insert(id);
            } else {
                self.found.labels.insert(id, row.place.clone());
            }
            self.ids.entry(row.table).or_default().insert(id);
            places.insert((row.table, id), identified.len());
            identified.push((id, row));
        }
        identified
    }

    /// Finds the row that these columns identify. A row that the file refers to but does not contain belongs to somebody else.
    fn target(&mut self, table: &'static Table, columns: &[(String, String)]) -> Option<Uuid> {
        let of = |column: &str| {
            columns
                .iter()
                .find(|(own, value)| own.eq_ignore_ascii_case(column) && !value.trim().is_empty())
                .map(|(_, value)| value.trim())
        };
        let by_id = of(table.key).and_then(as_id);
        if let Some(id) = by_id.filter(|id| self.ids.get(table).is_some_and(|ids| ids.contains(id)))
        {
            return Some(id);
        }
        let name = table.name.and_then(of).or_else(|| match columns {
            [(_, only)] if as_id(only).is_none() && !only.trim().is_empty() => Some(only.trim()),
            _ => None,
        });
        let Some(name) = name else {
            return by_id.or_else(|| columns.iter().find_map(|(_, value)| as_id(value)));
        };
        if let Some(id) = self.by_name.get(&(table, fold(name))) {
            return Some(*id);
        }
        if let Some(id) = self.foreign_names.get(&(table, fold(name))) {
            return Some(*id);
        }
        let id = by_id.unwrap_or_else(|| derived(table, name));
        self.by_name.insert((table, fold(name)), id);
        self.ids.entry(table).or_default().insert(id);
        let mut cells = vec![(table.key, Cell::from(id))];
        if let Some(column) = table.name {
            cells.push((column, Cell::from(name.to_owned())));
        }
        cells.push(("ismanaged", Cell::Flag(true)));
        self.rows
            .entry(table)
            .or_default()
            .push(Row::from_cells(cells, None));
        if let Some(kind) = Kind::of_table(table)
            && !fold(name).starts_with(MICROSOFT_PREFIX)
        {
            self.referred.push(ResourceKey::new(kind, name));
        }
        Some(id)
    }

    /// Finds the target of a lookup. If the file has no name for an id, the id is returned.
    fn lookup(&mut self, to: Referent, said: &Said) -> Option<Uuid> {
        let single;
        let columns = match said {
            Said::Row(columns) => columns,
            Said::Text(text, _) => {
                single = vec![(String::new(), text.clone())];
                &single
            }
        };
        if let Referent::Named(table) = to {
            return self.target(table, columns);
        }
        let id = columns.iter().find_map(|(_, value)| as_id(value));
        if id.is_some() || matches!(to, Referent::User) {
            return id;
        }
        let name = columns.first().map(|(_, value)| value.trim().to_owned())?;
        let table = target_table(to);
        let known = match to {
            Referent::Role => self.found.roles.named(&name).next().map(|role| role.id),
            Referent::Macro => self
                .found
                .rows
                .get(&Lookup::Macro(name.clone()))
                .and_then(|ids| ids.first().copied()),
            Referent::WebResource => self
                .found
                .rows
                .get(&Lookup::WebResource(name.clone()))
                .and_then(|ids| ids.first().copied()),
            Referent::Named(_) | Referent::User | Referent::Row(_) => None,
        };
        let id = known.unwrap_or_else(|| derived(table, &name));
        self.looked_up(table, id, &name);
        Some(id)
    }

    /// Returns the columns of a row as the Web API would return them.
    fn cells(&mut self, id: Uuid, row: &FileRow) -> Row {
        let table = row.table;
        let label = label(row);
        let mut cells: Vec<(String, Cell)> = vec![(table.key.to_owned(), Cell::from(id))];
        if let Some(column) = table.name
            && let Some(Said::Text(name, _)) = row.columns.get(column)
        {
            cells.push((column.to_owned(), Cell::from(name.clone())));
        }
        let locked = matches!(row.columns.get("iscustomizable"), Some(Said::Text(text, _)) if flag(text) == Some(false));
        let managed = matches!(row.columns.get("ismanaged"), Some(Said::Text(text, _)) if flag(text) == Some(true));
        if self.managed || managed {
            cells.push(("ismanaged".to_owned(), Cell::Flag(true)));
        }
        if locked {
            cells.push(("iscustomizable".to_owned(), Cell::Flag(false)));
        }
        let mut modelled: BTreeSet<&str> = BTreeSet::from([table.key]);
        for field in kinds::row_fields(table).filter(|field| field.is_column()) {
            modelled.insert(field.column);
            if let Some(mirror) = &field.mirror {
                modelled.insert(mirror.column);
            }
            if Some(field.column) == table.name {
                continue;
            }
            let mirrored = mirrored(field, row);
            let Some(said) = row.columns.get(field.column).or(mirrored.as_ref()) else {
                continue;
            };
            if let Said::Text(_, languages) = said
                && *languages > 1
            {
                *self.languages.entry(table.logical).or_default() += languages - 1;
            }
            let trimmed = self.without_blanks(field, said, &label);
            match self.cell(field, trimmed.as_ref().unwrap_or(said)) {
                Ok(Some(cell)) => cells.push((field.read_name().into_owned(), cell)),
                Ok(None) => {}
                Err(why) => self.leave_out(label.clone(), field.word, why),
            }
            if let Some(mirror) = &field.mirror
                && let Some(Said::Text(text, _)) = row.columns.get(mirror.column)
                && let Some(flag) = flag(text)
            {
                cells.push((mirror.column.to_owned(), Cell::Flag(flag)));
            }
        }
        let part = kinds::part_of(table);
        if let Some(part) = part {
            modelled.insert(part.parent_column);
            let status = tables::STATUS.column;
            if let Some(Said::Text(text, _)) = row.columns.get(status) {
                match text.trim().parse::<i64>() {
                    Ok(state) => cells.push((status.to_owned(), Cell::Int(state))),
                    Err(_) => self.leave_out(
                        label.clone(),
                        status,
                        format!("expected a whole number, found `{text}`"),
                    ),
                }
            }
            match row.columns.get(part.parent_column) {
                Some(said) => {
                    if let Some(parent) = self.lookup(Referent::Named(part.parent), said) {
                        if self.lacks(part.parent, parent) {
                            let noun = Kind::of_table(part.parent)
                                .map_or(part.parent.logical, |kind| kind.as_str());
                            self.leave_out(
                                label.clone(),
                                "",
                                format!(
                                    "the {noun} {parent} that it belongs to is not in the file"
                                ),
                            );
                        }
                        cells.push((lookup_read_name(part.parent_column), Cell::from(parent)));
                    } else {
                        self.leave_out(
                            label.clone(),
                            "",
                            format!(
                                "what it belongs to, in `{}`, has neither a name nor an id",
                                part.parent_column
                            ),
                        );
                    }
                }
                None => self.leave_out(
                    label.clone(),
                    "",
                    format!(
                        "it does not say what it belongs to: `{}` is missing",
                        part.parent_column
                    ),
                ),
            }
        }
        for column in row.columns.keys() {
            let is_owner = column == "ownerid";
            if !modelled.contains(column.as_str())
                && !SYSTEM.contains(&column.as_str())
                && !is_owner
            {
                *self
                    .unmodelled
                    .entry((table.logical, column.clone()))
                    .or_default() += 1;
            }
        }
        Row::from_cells(cells, None)
    }

    /// The text of a row without the blanks at its ends, if it has any. A manifest cannot contain them.
    fn without_blanks(&mut self, field: &Field, said: &Said, label: &str) -> Option<Said> {
        let Said::Text(text, languages) = said else {
            return None;
        };
        let is_text = matches!(field.holds, Holds::Text | Holds::Json | Holds::JsonOrText);
        if !is_text || text.trim() == text {
            return None;
        }
        self.remark_blanks(label.to_owned(), field.word);
        Some(Said::Text(text.trim().to_owned(), *languages))
    }

    fn remark_blanks(&mut self, resource: String, path: &str) {
        self.left_out.push((
            resource,
            LeftOut {
                path: path.to_owned(),
                why: "spaces and line breaks at its ends are left out".to_owned(),
                loss: Loss::None,
            },
        ));
    }

    fn cell(&mut self, field: &'static Field, said: &Said) -> Result<Option<Cell>, String> {
        if let Holds::Lookup { to, .. } = field.holds {
            return match self.lookup(to, said) {
                Some(id) if self.is_foreign(target_table(to), id) => {
                    Err(self.told_foreign(target_table(to), id))
                }
                Some(id) => Ok(Some(Cell::from(id))),
                None => Err("it names nothing".to_owned()),
            };
        }
        let Said::Text(text, _) = said else {
            return match field.holds {
                // Owners differ by environment.
                Holds::Owner => Ok(None),
                _ => Err("expected a value, found another row".to_owned()),
            };
        };
        if let Some(table) = field.names {
            self.target(table, &[(String::new(), text.clone())]);
        }
        let bad = |what: &str| format!("expected {what}, found `{text}`");
        if text.is_empty() {
            return Ok(None);
        }
        Ok(Some(match field.holds {
            Holds::Text
            | Holds::Ids { .. }
            | Holds::UniqueName
            | Holds::Json
            | Holds::JsonOrText
            | Holds::ParametersCopy => Cell::from(text.clone()),
            Holds::Number
            | Holds::Position
            | Holds::Option
            | Holds::Choice(_)
            | Holds::OneOf(_)
            | Holds::Status(_) => {
                Cell::Int(text.trim().parse().map_err(|_| bad("a whole number"))?)
            }
            Holds::Flag | Holds::InvertedFlag | Holds::FlagChoice(_) => {
                Cell::Flag(flag(text).ok_or_else(|| bad("1 or 0"))?)
            }
            Holds::Owner
            | Holds::Set { .. }
            | Holds::Parts(_)
            | Holds::Lookup { .. }
            | Holds::BusinessUnit => {
                return Ok(None);
            }
        }))
    }

    /// A tab stores its parameters twice. If the file contains only the second copy, the rows are derived from it.
    fn parameters_from_copies(&mut self) {
        let part = &tables::PARAMETERS;
        let parent = lookup_read_name(part.parent_column);
        let with_rows: BTreeSet<Uuid> = self
            .rows
            .get(part.table)
            .into_iter()
            .flatten()
            .filter_map(|row| row.uuid(&parent))
            .collect();
        let (mut made, mut lost, mut blanks) = (Vec::new(), Vec::new(), Vec::new());
        for tab in self.rows.get(part.parent).into_iter().flatten() {
            let Some(id) = tab
                .uuid(part.parent.key)
                .filter(|id| !with_rows.contains(id))
            else {
                continue;
            };
            let copy = parameters::second_copy(tab);
            for (name, why) in copy.lost {
                let path = match name.as_str() {
                    "" => "parameters".to_owned(),
                    name => format!("parameters.{name}"),
                };
                lost.push((id, path, why));
            }
            for (name, value) in copy.found {
                if value.trim() != value {
                    blanks.push((id, format!("parameters.{name}")));
                }
                let value = value.trim().to_owned();
                let key = derived(part.table, &format!("{id}/{name}"));
                let cells = [
                    (part.table.key.to_owned(), Cell::from(key)),
                    (parent.clone(), Cell::from(id)),
                    (kinds::parameter_name().column.to_owned(), Cell::from(name)),
                    (
                        kinds::parameter_value().column.to_owned(),
                        Cell::from(value),
                    ),
                ];
                made.push(Row::from_cells(cells, None));
            }
        }
        self.rows.entry(part.table).or_default().extend(made);
        for (tab, path) in blanks {
            self.remark_blanks(self.label_of(part.parent, tab), &path);
        }
        for (tab, path, why) in lost {
            self.leave_out(self.label_of(part.parent, tab), &path, why);
        }
    }

    fn finish(
        mut self,
        mut pairs: BTreeMap<&'static Relationship, BTreeSet<(Uuid, Uuid)>>,
    ) -> Assembled {
        let mut unmodelled = Vec::new();
        for ((table, column), number) in std::mem::take(&mut self.unmodelled) {
            let rows = count(number, "row");
            unmodelled.push(format!(
                "`{column}` of {table} is not managed by deskstate ({rows})"
            ));
        }
        for (table, number) in std::mem::take(&mut self.languages) {
            let texts = count(number, "text");
            unmodelled.push(format!(
                "{texts} of {table} in other languages: manifests hold the base language alone"
            ));
        }
        let mut live_tables = BTreeMap::new();
        for table in all_tables() {
            let rows = self.rows.remove(table).unwrap_or_default();
            let access = if rows.is_empty() {
                Access::Absent
            } else {
                Access::Whole
            };
            let part = kinds::part_of(table);
            let roots = self.found.roles.roots();
            live_tables.insert(table, LiveTable::index(table, part, rows, access, &roots));
        }
        let links = Kind::relationships()
            .map(|relationship| {
                let pairs = pairs.remove(relationship).unwrap_or_default();
                let access = if pairs.is_empty() {
                    Access::Absent
                } else {
                    Access::Whole
                };
                (relationship, LiveLinks::new(pairs, access))
            })
            .collect();
        let live = Live {
            tables: live_tables,
            links,
            found: self.found,
            facts: Facts {
                // Texts are in the solution's own language.
                base_language: Some(0),
                caller_language: Some(0),
                ..Facts::default()
            },
            mentions: BTreeMap::new(),
            mentions_unread: Some("a file has no workstreams".to_owned()),
            metadata: None,
            requests: 0,
        };
        self.left_out.sort();
        Assembled {
            live,
            left_out: self.left_out,
            unmodelled,
            notes: self.notes,
            referred: self.referred,
        }
    }
}

/// The field for the links of a relationship, and not the one for a single link of it.
fn word_of(relationship: &'static Relationship) -> &'static str {
    let fields = Kind::of_table(relationship.owner).map_or(&[][..], Kind::fields);
    let field = fields.iter().find(|field| match field.holds {
        Holds::Set {
            relationship: own,
            links,
            ..
        } => own == relationship && !matches!(links, Links::Only(_)),
        _ => false,
    });
    field.map_or(relationship.schema_name, |field| field.word)
}

/// The value of a field by its second column, for files that have only that: older environments lack the first one.
fn mirrored(field: &Field, row: &FileRow) -> Option<Said> {
    let mirror = field.mirror.as_ref()?;
    let Some(Said::Text(text, _)) = row.columns.get(mirror.column) else {
        return None;
    };
    let second = flag(text)?;
    let (number, _) = mirror.flags.iter().find(|(_, flag)| *flag == second)?;
    Some(Said::Text(number.to_string(), 1))
}

/// Whether a row is of its table's kind. `columns` are the columns that any row of the file has.
fn of_kind(row: &FileRow, columns: &BTreeSet<(&'static Table, &'static str)>) -> OfKind {
    for RowValue { field, is } in kinds::row_values(row.table) {
        let text = match row.columns.get(field.column) {
            Some(Said::Text(text, _)) => text.trim(),
            Some(Said::Row(_)) => return OfKind::No,
            None if columns.contains(&(row.table, field.column)) => return OfKind::No,
            None => return OfKind::Unknown(field.column),
        };
        let fits = match is {
            RowValueIs::Text(value) => fold(value) == fold(text),
            RowValueIs::Number(value) => text.parse() == Ok(*value),
            RowValueIs::Flag(value) => flag(text) == Some(*value),
        };
        if !fits {
            return OfKind::No;
        }
    }
    OfKind::Yes
}

fn told_value(value: RowValueIs) -> String {
    match value {
        RowValueIs::Text(text) => format!("`{text}`"),
        RowValueIs::Number(number) => format!("`{number}`"),
        RowValueIs::Flag(flag) => format!("`{flag}`"),
    }
}

/// The derived id of a row without an id in the file.
fn derived(table: &'static Table, name: &str) -> Uuid {
    RowKey::Named {
        table,
        name: UniqueName::new(name),
    }
    .derived_id()
}

/// The label of a row in messages.
fn label(row: &FileRow) -> String {
    let name = match row.table.name.and_then(|column| row.columns.get(column)) {
        Some(Said::Text(name, _)) if !name.trim().is_empty() => name.trim(),
        _ => return row.place.clone(),
    };
    match Kind::of_table(row.table) {
        Some(kind) => format!("{} {name}", kind),
        None => format!("{} {name}", row.table.logical),
    }
}

fn flag(text: &str) -> Option<bool> {
    let text = text.trim();
    match text {
        "1" => Some(true),
        "0" => Some(false),
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}
