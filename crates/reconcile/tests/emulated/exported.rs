//! Files in the formats of Microsoft's exporters are created from the rows of one environment, exported, and applied to another: every
//! value and every link is present again.
//!
//! The writer knows the rows as the emulator stores them and shares no code with the reader. The form is random: layouts, places of rows,
//! attributes or elements, names or ids, truncated link sets, managed copies, any order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use deskstate_model::Kind;
use deskstate_model::tables;
use deskstate_reconcile::export::{Selection, export, write};
use deskstate_reconcile::plan::Options;
use deskstate_reconcile::raise::Options as RaiseOptions;
use deskstate_reconcile::solution;
use serde_json::{Map, Value as Json};
use tempfile::TempDir;

use crate::project::{Chance, project};
use crate::world::{World, declare, nth, of_every_age, on_all_cores, seeds, settings};

/// Columns that are not transferred: stamps, ids, derived values, and the owner of the row.
const NOT_CARRIED: [&str; 16] = [
    "componentidunique",
    "componentstate",
    "createdby",
    "createdon",
    "ismanaged",
    "iscustomizable",
    "modifiedby",
    "modifiedon",
    "overwritetime",
    "ownerid",
    "owningbusinessunit",
    "owningteam",
    "owninguser",
    "solutionid",
    "supportingsolutionid",
    "versionnumber",
];

type Cells = Map<String, Json>;

/// All rows of an environment by table and id.
struct Dump(BTreeMap<String, BTreeMap<String, Cells>>);

impl Dump {
    async fn of(world: &World) -> Self {
        let dump: Json = serde_json::from_str(&world.admin("GET", "dump", "").await).unwrap();
        let tables = dump["rows"].as_object().unwrap().iter();
        let rows = |rows: &Json| {
            let rows = rows.as_object().unwrap().iter();
            rows.map(|(id, row)| (id.clone(), row["c"].as_object().unwrap().clone()))
                .collect()
        };
        Self(
            tables
                .map(|(table, all)| (table.clone(), rows(all)))
                .collect(),
        )
    }

    fn rows(&self, table: &str) -> impl Iterator<Item = (&String, &Cells)> {
        self.0.get(table).into_iter().flatten()
    }

    fn cells(&self, table: &str, id: &str) -> Option<&Cells> {
        self.0.get(table)?.get(id)
    }

    /// The name that identifies a row.
    fn name(&self, table: &str, id: &str) -> String {
        let column = match table {
            "systemuser" => "domainname",
            "workflow" | "role" | "webresource" => "name",
            "msdyn_ciprovider" => "msdyn_name",
            _ => "msdyn_uniquename",
        };
        let name = self.cells(table, id).and_then(|cells| cells.get(column));
        name.and_then(Json::as_str).unwrap_or(id).to_owned()
    }

    /// Our rows without ids, and their links by name.
    fn told(&self, migration: bool) -> BTreeSet<String> {
        let mut told = BTreeSet::new();
        for table in desktop(migration) {
            for (id, cells) in self.rows(table.logical).filter(|(_, cells)| is_ours(cells)) {
                let cells: BTreeMap<&String, String> = cells
                    .iter()
                    .filter(|(column, value)| is_carried(table.key, column) && !value.is_null())
                    .map(|(column, value)| (column, self.value(value)))
                    .collect();
                let named = table.name.map(|_| self.name(table.logical, id));
                told.insert(format!("{} {named:?} {cells:?}", table.logical));
            }
        }
        for relationship in Kind::relationships() {
            if !migration && !relationship.component {
                continue;
            }
            let [owner, member] = [relationship.owner, relationship.member];
            let intersect = relationship.intersect_set.trim_end_matches("set");
            for (_, cells) in self.rows(intersect) {
                let end = |column: &str| cells[column].as_str().unwrap().to_owned();
                let (from, to) = (
                    end(relationship.owner_column),
                    end(relationship.member_column),
                );
                if self.cells(owner.logical, &from).is_some_and(is_ours) {
                    let names = (
                        self.name(owner.logical, &from),
                        self.name(member.logical, &to),
                    );
                    told.insert(format!("{intersect} {names:?}"));
                }
            }
        }
        told
    }

    /// The text of a value; for a lookup, the name of its target.
    fn value(&self, value: &Json) -> String {
        match target(value) {
            Some((table, id)) => format!("{table} {}", self.name(table, id)),
            None => value.to_string(),
        }
    }
}

fn desktop(migration: bool) -> impl Iterator<Item = &'static deskstate_model::Table> {
    let kinds = Kind::all().map(Kind::table);
    let parts = Kind::part_tables().map(|part| part.table);
    let all: BTreeSet<_> = kinds.chain(parts).collect();
    // Providers of the first framework are not solution components.
    all.into_iter()
        .filter(move |table| migration || table.logical != "msdyn_ciprovider")
}

fn is_ours(cells: &Cells) -> bool {
    cells.get("ismanaged") != Some(&Json::Bool(true))
}

fn is_carried(key: &str, column: &str) -> bool {
    column != key && !NOT_CARRIED.contains(&column)
}

/// Table and id of a lookup, which the emulator stores as `table:id`.
fn target(value: &Json) -> Option<(&str, &str)> {
    let (table, id) = value.as_str()?.split_once(':')?;
    let is_id = id.len() == 36
        && id
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    is_id.then_some((table, id))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\n', "&#xA;")
}

fn plain(value: &Json) -> String {
    match value {
        Json::Bool(flag) => u8::from(*flag).to_string(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Returns the items in random order.
fn shuffled<T>(chance: &mut Chance, mut things: Vec<T>) -> Vec<T> {
    for at in (1..things.len()).rev() {
        things.swap(at, chance.below(at + 1));
    }
    things
}

/// A solution that is being written to files.
struct Solution<'a> {
    dump: &'a Dump,
    chance: Chance,
    files: BTreeMap<String, String>,
    sections: Vec<String>,
    /// Macros, roles and web resources that rows refer to.
    named: BTreeSet<(String, String)>,
    unpacked: bool,
}

impl Solution<'_> {
    /// The columns that identify a row, as a path and a value.
    fn reference(&mut self, table: &str, id: &str) -> (String, String) {
        let key = format!("{table}id");
        let braces = if self.chance.yes(50) {
            format!("{{{id}}}")
        } else {
            id.to_owned()
        };
        match table {
            "workflow" | "role" | "webresource" => {
                self.named.insert((table.to_owned(), id.to_owned()));
                (key, braces)
            }
            _ => ("msdyn_uniquename".to_owned(), self.dump.name(table, id)),
        }
    }

    fn row(&mut self, table: &str, key: &str, id: &str, cells: &Cells, by_id: bool) -> String {
        let mut attributes = Vec::new();
        let mut elements = Vec::new();
        let named = cells.contains_key("msdyn_uniquename") && !by_id;
        if !named {
            attributes.push((key.to_owned(), id.to_owned()));
        }
        for (column, value) in cells {
            if !is_carried(key, column) {
                continue;
            }
            if value.is_null() {
                if self.chance.yes(30) {
                    elements.push(format!("<{column} xsi:nil=\"true\"></{column}>"));
                }
                continue;
            }
            if let Some((to, to_id)) = target(value) {
                let (to, to_id) = (to.to_owned(), to_id.to_owned());
                let (of, name) = self.reference(&to, &to_id);
                if self.chance.yes(25) {
                    attributes.push((format!("{column}.{of}"), name));
                } else {
                    elements.push(format!(
                        "<{column}>\n    <{of}>{}</{of}>\n  </{column}>",
                        escaped(&name)
                    ));
                }
                continue;
            }
            let text = plain(value);
            if column == "msdyn_uniquename" && named {
                attributes.push((column.clone(), text));
            } else if [
                "msdyn_name",
                "msdyn_title",
                "msdyn_description",
                "msdyn_label",
            ]
            .contains(&column.as_str())
                && self.chance.yes(50)
            {
                let text = escaped(&text);
                elements.push(format!(
                    "<{column} default=\"{text}\">\n    <label description=\"{text}\" languagecode=\"1033\" />\n  </{column}>"
                ));
            } else if self.chance.yes(10) {
                attributes.push((column.clone(), text));
            } else {
                elements.push(format!(
                    "<{column}>{}</{column}>",
                    escaped(&text).replace("&#xA;", "\n")
                ));
            }
        }
        elements.push("<iscustomizable>1</iscustomizable>".to_owned());
        let attributes = shuffled(&mut self.chance, attributes);
        let elements = shuffled(&mut self.chance, elements);
        let mut text = format!("<{table} xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"");
        for (name, value) in attributes {
            write!(text, " {name}=\"{}\"", escaped(&value)).unwrap();
        }
        text.push_str(">\n");
        for element in elements {
            writeln!(text, "  {element}").unwrap();
        }
        writeln!(text, "</{table}>").unwrap();
        text
    }

    fn rows(&mut self) {
        let copy_alone = self.chance.yes(30);
        for table in desktop(false) {
            let by_id = self.chance.yes(20);
            let place = self.chance.below(3);
            let mut together = Vec::new();
            let dump = self.dump;
            for (id, cells) in dump.rows(table.logical).filter(|(_, cells)| is_ours(cells)) {
                let mut cells = cells.clone();
                if table == &tables::PARAMETER && copy_alone && follows_from_copy(dump, &cells) {
                    continue;
                }
                if table == &tables::TAB && !copy_alone && self.chance.yes(50) {
                    cells.remove("msdyn_templateparameters");
                }
                let text = self.row(table.logical, table.key, id, &cells, by_id);
                let folder = match cells.get("msdyn_uniquename").and_then(Json::as_str) {
                    Some(name) if !by_id => name.replace(['/', '\\', ' ', '&', '<', '>', '"'], "_"),
                    _ => id.clone(),
                };
                if place == 0 {
                    together.push(text);
                    continue;
                }
                let stem = format!("{}/{folder}/{}", table.set, table.logical);
                if self.unpacked && self.chance.yes(10) {
                    let copy = text.replace("<iscustomizable>1", "<iscustomizable>0");
                    self.files.insert(format!("{stem}_managed.xml"), copy);
                }
                self.files.insert(format!("{stem}.xml"), text);
            }
            let set = format!("<{0}>\n{1}</{0}>\n", table.set, together.concat());
            if !together.is_empty() && self.chance.yes(50) {
                self.files.insert(format!("Assets/{}.xml", table.set), set);
            } else if !together.is_empty() {
                self.sections.push(set);
            }
        }
    }

    fn links(&mut self) {
        for relationship in Kind::relationships().filter(|one| one.component) {
            let intersect = relationship.intersect_set.trim_end_matches("set");
            // Names are truncated, at an undocumented length.
            let length = if self.chance.yes(40) {
                24 + self.chance.below(12)
            } else {
                100
            };
            let element: String = intersect.chars().take(length).collect();
            let mut all = Vec::new();
            let dump = self.dump;
            for (_, cells) in dump.rows(intersect) {
                let owner = cells[relationship.owner_column].as_str().unwrap();
                if !dump
                    .cells(relationship.owner.logical, owner)
                    .is_some_and(is_ours)
                {
                    continue;
                }
                let mut ends = Vec::new();
                for (table, column) in [
                    (relationship.owner, relationship.owner_column),
                    (relationship.member, relationship.member_column),
                ] {
                    let id = cells[column].as_str().unwrap();
                    let (of, name) = self.reference(table.logical, id);
                    ends.push(format!(" {column}.{of}=\"{}\"", escaped(&name)));
                }
                let ends = shuffled(&mut self.chance, ends).concat();
                all.push(format!(
                    "<{element}{ends}>\n<iscustomizable>1</iscustomizable>\n</{element}>\n"
                ));
            }
            let all = shuffled(&mut self.chance, all);
            if !all.is_empty() || self.chance.yes(50) {
                self.sections
                    .push(format!("<{element}set>\n{}</{element}set>\n", all.concat()));
            }
        }
    }

    fn names(&mut self) -> [String; 3] {
        let mut sections = [String::new(), String::new(), String::new()];
        for (table, id) in self.named.clone() {
            let name = escaped(&self.dump.name(&table, &id));
            let (at, folder, text) = match table.as_str() {
                "workflow" => (
                    0,
                    "Workflows",
                    format!(
                        "<Workflow WorkflowId=\"{{{id}}}\" Name=\"{name}\">\n<Category>9</Category>\n</Workflow>\n"
                    ),
                ),
                "role" => (
                    1,
                    "Roles",
                    format!(
                        "<Role name=\"{name}\" id=\"{{{id}}}\">\n<RolePrivileges />\n</Role>\n"
                    ),
                ),
                _ => (
                    2,
                    "WebResources",
                    format!(
                        "<WebResource>\n<WebResourceId>{{{id}}}</WebResourceId>\n<Name>{name}</Name>\n</WebResource>\n"
                    ),
                ),
            };
            if self.unpacked {
                let ending = if folder == "Roles" {
                    "xml"
                } else {
                    "x.data.xml"
                };
                self.files.insert(format!("{folder}/{id}.{ending}"), text);
            } else {
                sections[at].push_str(&text);
            }
        }
        sections
    }
}

/// Whether the parameter can be derived from the copy on its tab, which has the format with a separate value for each parameter.
fn follows_from_copy(dump: &Dump, parameter: &Cells) -> bool {
    let Some((table, id)) = parameter
        .get("msdyn_applicationtabtemplateid")
        .and_then(target)
    else {
        return false;
    };
    let Some(tab) = dump.cells(table, id) else {
        return false;
    };
    let copy = tab.get("msdyn_templateparameters").and_then(Json::as_str);
    let copy: Json = copy
        .and_then(|copy| serde_json::from_str(copy).ok())
        .unwrap_or_default();
    let rows = dump.rows("msdyn_templateparameter").filter(|(_, other)| {
        other.get("msdyn_applicationtabtemplateid")
            == parameter.get("msdyn_applicationtabtemplateid")
    });
    rows.into_iter().all(|(_, row)| {
        let said = copy
            .get(row["msdyn_name"].as_str().unwrap())
            .and_then(|said| said.get("value"));
        said.is_some() && said == row.get("msdyn_value")
    })
}

fn customizations(sections: &[String], [workflows, roles, resources]: &[String; 3]) -> String {
    format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<ImportExportXml xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n<Entities><Entity><Name>Account</Name></Entity></Entities>\n<Roles>{roles}</Roles>\n<Workflows>{workflows}</Workflows>\n<optionsets />\n<WebResources>{resources}</WebResources>\n{}<Languages><Language>1033</Language></Languages>\n</ImportExportXml>",
        sections.concat()
    )
}

const MANIFEST: &str = "<ImportExportXml version=\"9.2\" languagecode=\"1033\"><SolutionManifest><UniqueName>Desk</UniqueName><Version>1.0.0.0</Version><Managed>0</Managed><RootComponents /></SolutionManifest></ImportExportXml>";

fn solution_files(dump: &Dump, seed: u64) -> BTreeMap<String, String> {
    let mut chance = Chance::new(seed);
    let layout = chance.below(4);
    let mut solution = Solution {
        dump,
        chance,
        files: BTreeMap::new(),
        sections: Vec::new(),
        named: BTreeSet::new(),
        unpacked: layout > 0,
    };
    solution.rows();
    solution.links();
    let names = solution.names();
    let sections = shuffled(&mut solution.chance, std::mem::take(&mut solution.sections));
    let customizations = customizations(&sections, &names);
    let (folder, manifest, rest) = match layout {
        0 => ("", "solution.xml", "customizations.xml"),
        1 => ("", "Other/Solution.xml", "Other/Customizations.xml"),
        2 => (
            "desk/src/",
            "Other/solution.xml",
            "Other/customizations.xml",
        ),
        _ => ("a/b/", "other/SOLUTION.XML", "other/CUSTOMIZATIONS.XML"),
    };
    solution
        .files
        .insert(manifest.to_owned(), MANIFEST.to_owned());
    solution.files.insert(rest.to_owned(), customizations);
    let files = solution.files.into_iter();
    files
        .map(|(name, text)| (format!("{folder}{name}"), text))
        .collect()
}

/// Writes the same rows as data of the Configuration Migration tool: each row with its id, links by the ids of both ends.
fn migration_files(dump: &Dump, seed: u64) -> BTreeMap<String, String> {
    let mut chance = Chance::new(seed);
    let mut schema = String::from("<entities >\n");
    let mut data = String::from(
        "<entities xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" timestamp=\"2026-01-23T10:30:00Z\">\n",
    );
    let tables: Vec<_> = desktop(true).collect();
    let mut entities = Vec::new();
    for table in shuffled(&mut chance, tables) {
        let mut records = Vec::new();
        let mut columns: BTreeMap<&str, Option<&str>> = BTreeMap::new();
        let mut m2m = String::new();
        for (id, cells) in dump.rows(table.logical).filter(|(_, cells)| is_ours(cells)) {
            let mut fields = Vec::new();
            for (column, value) in cells
                .iter()
                .filter(|(column, value)| is_carried(table.key, column) && !value.is_null())
            {
                let lookup = target(value);
                columns.insert(column, lookup.map(|(to, _)| to));
                let (value, more) = match (value, lookup) {
                    (_, Some((to, to_id))) => {
                        let name = escaped(&dump.name(to, to_id));
                        (
                            to_id.to_owned(),
                            format!(" lookupentity=\"{to}\" lookupentityname=\"{name}\""),
                        )
                    }
                    (Json::Bool(flag), None) => (
                        if *flag { "True" } else { "False" }.to_owned(),
                        String::new(),
                    ),
                    (other, None) => (plain(other), String::new()),
                };
                fields.push(format!(
                    "<field name=\"{column}\" value=\"{}\"{more} />\n",
                    escaped(&value)
                ));
            }
            if chance.yes(50) {
                fields.push(format!("<field name=\"{}\" value=\"{id}\" />\n", table.key));
            }
            let fields = shuffled(&mut chance, fields).concat();
            records.push(format!("<record id=\"{id}\">\n{fields}</record>\n"));
        }
        for relationship in Kind::relationships() {
            let intersect = relationship.intersect_set.trim_end_matches("set");
            // The tool writes links below either of their tables.
            let from_owner = relationship.member == &tables::USER || seed.is_multiple_of(2);
            let (from, from_column, to, to_column) = if from_owner {
                (
                    relationship.owner,
                    relationship.owner_column,
                    relationship.member,
                    relationship.member_column,
                )
            } else {
                (
                    relationship.member,
                    relationship.member_column,
                    relationship.owner,
                    relationship.owner_column,
                )
            };
            if from != table {
                continue;
            }
            for (_, cells) in dump.rows(intersect) {
                let owner = cells[relationship.owner_column].as_str().unwrap();
                if dump
                    .cells(relationship.owner.logical, owner)
                    .is_some_and(is_ours)
                {
                    let (source, target) = (
                        cells[from_column].as_str().unwrap(),
                        cells[to_column].as_str().unwrap(),
                    );
                    write!(m2m, "<m2mrelationship sourceid=\"{source}\" targetentityname=\"{}\" targetentitynameidfield=\"{}\" m2mrelationshipname=\"{intersect}\">\n<targetids>\n<targetid>{target}</targetid>\n</targetids>\n</m2mrelationship>\n", to.logical, to.key).unwrap();
                }
            }
        }
        let fields: String = columns
            .iter()
            .map(|(column, to)| match to {
                Some(to) => format!(
                    "<field name=\"{column}\" type=\"entityreference\" lookupType=\"{to}\" />\n"
                ),
                None => format!("<field name=\"{column}\" type=\"string\" />\n"),
            })
            .collect();
        writeln!(
            schema,
            "<entity name=\"{}\">\n<fields>\n{fields}</fields>\n</entity>",
            table.logical
        )
        .unwrap();
        // Rows of the product that are linked, which a user exports as well.
        if [&tables::PROVIDER, &tables::EXTENSION, &tables::TOOL].contains(&table) {
            for (id, cells) in dump
                .rows(table.logical)
                .filter(|(_, cells)| !is_ours(cells))
            {
                let name = escaped(cells["msdyn_uniquename"].as_str().unwrap());
                records.push(format!("<record id=\"{id}\">\n<field name=\"msdyn_uniquename\" value=\"{name}\" />\n<field name=\"ismanaged\" value=\"True\" />\n</record>\n"));
            }
        }
        entities.push(format!("<entity name=\"{}\" displayname=\"x\">\n<records>\n{}</records>\n<m2mrelationships>\n{m2m}</m2mrelationships>\n</entity>\n", table.logical, records.concat()));
    }
    for (id, cells) in dump.rows("systemuser") {
        let name = escaped(
            cells
                .get("domainname")
                .and_then(Json::as_str)
                .unwrap_or_default(),
        );
        let record = format!(
            "<entity name=\"systemuser\"><records><record id=\"{id}\"><field name=\"domainname\" value=\"{name}\" /></record></records></entity>\n"
        );
        entities.push(record);
    }
    schema.push_str("<entity name=\"systemuser\"><fields><field name=\"domainname\" type=\"string\" /></fields></entity>\n</entities>");
    data.push_str(&shuffled(&mut chance, entities).concat());
    data.push_str("</entities>");
    BTreeMap::from([
        ("data.xml".to_owned(), data),
        ("data_schema.xml".to_owned(), schema),
        ("[Content_Types].xml".to_owned(), "<Types />".to_owned()),
    ])
}

/// Writes the files, as an archive or as a folder.
fn stored(folder: &Path, files: &BTreeMap<String, String>, packed: bool) -> PathBuf {
    if packed {
        let path = folder.join("export.zip");
        let mut archive = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
        for (name, text) in files {
            archive
                .start_file(name.as_str(), zip::write::SimpleFileOptions::default())
                .unwrap();
            std::io::Write::write_all(&mut archive, text.as_bytes()).unwrap();
        }
        archive.finish().unwrap();
        return path;
    }
    let root = folder.join("export");
    for (name, text) in files {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    root
}

/// The normal run covers every form of file; `EXPORT_SEEDS` sets another number.
#[test]
fn what_is_exported_from_a_file_and_applied_is_what_the_file_says() {
    on_all_cores(seeds("EXPORT_SEEDS", 20), async |seeds| {
        let worlds = of_every_age().await;
        for (_, world) in &worlds {
            world.mark().await;
        }
        for seed in seeds {
            let (age, world) = nth(&worlds, seed);
            world.back().await;
            let migration = seed % 4 == 3;
            let settings = settings(1000, Some(false));
            let source = declare(Json::Object(Map::new()), &project(*age, seed));
            world.sync(&source, &Options::default(), &settings).await;
            let before = Dump::of(world).await;
            let told = before.told(migration);

            let files = if migration {
                migration_files(&before, seed)
            } else {
                solution_files(&before, seed)
            };
            let folder = TempDir::new().unwrap();
            let path = stored(folder.path(), &files, seed % 3 > 0);
            let keep = |why: &str| {
                let kept = std::env::temp_dir().join(format!("deskstate-export-{seed}"));
                stored(&kept, &BTreeMap::new(), false);
                let _ = std::fs::remove_dir_all(&kept);
                stored(&kept, &files, false);
                panic!("seed {seed}, files in {}: {why}", kept.display());
            };
            let package = match solution::read(&path) {
                Ok(package) => package,
                Err(error) => return keep(&error.to_string()),
            };
            let options = RaiseOptions {
                from_file: true,
                ..RaiseOptions::default()
            };
            let mut exported = export(&package.live, &Selection::default(), options);
            let manifests = exported.leave_out_refused();
            exported.left_out.extend(package.left_out);
            if exported.loses() {
                return keep(&format!("{:#?}", exported.left_out));
            }
            let (_, findings) = exported.manifests();
            if let Some(error) = findings
                .iter()
                .find(|found| found.is_error() && found.code != "no-manifests")
            {
                return keep(&format!("{}: {}", error.code, error.message));
            }
            world.back().await;
            drop(manifests);
            let documents: Vec<Json> = exported
                .documents
                .iter()
                .map(|document| {
                    let mut document: Json = serde_yaml::from_str(&write(document)).unwrap();
                    // Some users have profiles whose users the file does not list.
                    let is_profile = document["kind"] == "AppProfile";
                    let users = document.pointer_mut("/spec/users").filter(|_| is_profile);
                    if let Some(Json::Object(users)) = users {
                        users.insert("moves".to_owned(), "allow".into());
                    }
                    document
                })
                .collect();
            let again = declare(Json::Object(Map::new()), &documents);
            world.sync(&again, &Options::default(), &settings).await;
            let after = Dump::of(world).await.told(migration);
            let gone: Vec<&String> = told.difference(&after).collect();
            let new: Vec<&String> = after.difference(&told).collect();
            if !gone.is_empty() || !new.is_empty() {
                return keep(&format!(
                    "{:?}\ngone: {gone:#?}\nnew: {new:#?}",
                    package.form
                ));
            }
        }
    });
}
