//! Live environments built by hand.

#![expect(
    clippy::expect_used,
    reason = "a mistake in a test's own input is a failed test"
)]

use std::collections::{BTreeMap, BTreeSet};

use deskstate_dataverse::{Cell, Etag, Row};
use deskstate_model::tables;
use deskstate_model::{Diagnostic, Holds, Kind, PartIdentity, Relationship, Table, load_texts};
use deskstate_reconcile::adopt::{Adoption, Into, Request, adopt};
use deskstate_reconcile::export::Export;
use deskstate_reconcile::live::{Access, Facts, Found, Live, LiveLinks, LiveTable, Role, User};
use deskstate_reconcile::plan::{Difference, Operation, Options as PlanOptions, Plan};
use deskstate_reconcile::raise::Options;
use deskstate_reconcile::state::Lookup;
use deskstate_reconcile::{Desired, lower, plan};
use proptest::sample::Index;
use serde_json::{Value as Json, json};
use uuid::Uuid;

/// An id for tests: short, and sorted by number.
pub(crate) fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// Rows and links.
#[derive(Clone, Default)]
pub(crate) struct Rows {
    rows: Vec<(&'static Table, Json)>,
    links: BTreeSet<(&'static Relationship, Uuid, Uuid)>,
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (table, cells) in &self.rows {
            writeln!(formatter, "{} {cells}", table.logical)?;
        }
        for (relationship, owner, member) in &self.links {
            writeln!(formatter, "{} {owner} {member}", relationship.schema_name)?;
        }
        Ok(())
    }
}

impl Rows {
    pub(crate) fn row(&mut self, table: &'static Table, cells: Json) {
        self.rows.push((table, cells));
    }

    pub(crate) fn link(&mut self, relationship: &'static Relationship, owner: Uuid, member: Uuid) {
        self.links.insert((relationship, owner, member));
    }

    pub(crate) fn reverse(&mut self) {
        self.rows.reverse();
    }

    fn ids(&self, table: &Table) -> Vec<Uuid> {
        self.rows
            .iter()
            .filter(|(of, _)| *of == table)
            .filter_map(|(_, cells)| Uuid::parse_str(cells.get(table.key)?.as_str()?).ok())
            .collect()
    }

    /// Adds random lookups, links and parts between the rows.
    pub(crate) fn connect(
        &mut self,
        choices: &[Index],
        texts: &[Json],
        numbers: &[Json],
        flags: &[Json],
    ) {
        let mut choices = choices.iter().cycle();
        let mut texts = texts.iter().cycle();
        let mut numbers = numbers.iter().cycle();
        let mut flags = flags.iter().cycle();
        let mut number = 1000_u128;
        let before = self.clone();
        for at in 0..self.rows.len() {
            let table = self.rows[at].0;
            let Some(kind) = Kind::of_table(table) else {
                continue;
            };
            for field in kind.fields() {
                let targets = match field.holds {
                    Holds::Lookup {
                        to: deskstate_model::Referent::Named(target),
                        ..
                    } => before.ids(target),
                    Holds::Lookup { .. } => vec![id(1), id(2)],
                    Holds::Owner => vec![id(20), id(21), id(22), id(30)],
                    _ => continue,
                };
                let choice = choices.next().expect("endless").index(targets.len() + 1);
                if let (Some(target), Some(cells)) =
                    (targets.get(choice), self.rows[at].1.as_object_mut())
                {
                    cells.insert(field.read_name().into_owned(), json!(target));
                }
            }
        }
        for relationship in Kind::relationships() {
            let members = if relationship.member == &tables::USER {
                vec![id(20), id(21), id(22)]
            } else {
                before.ids(relationship.member)
            };
            for owner in before.ids(relationship.owner) {
                for _ in 0..2 {
                    let choice = choices.next().expect("endless").index(members.len() + 2);
                    if let Some(member) = members.get(choice) {
                        self.link(relationship, owner, *member);
                    }
                }
            }
        }
        for part in Kind::part_tables() {
            for parent in before.ids(part.parent) {
                for _ in 0..choices.next().expect("endless").index(4) {
                    number += 1;
                    let mut cells = serde_json::Map::new();
                    cells.insert(part.table.key.to_owned(), json!(id(number)));
                    cells.insert(format!("_{}_value", part.parent_column), json!(parent));
                    if part.table.name.is_some() {
                        let unique = choices.next().expect("endless").index(30);
                        cells.insert(
                            "msdyn_uniquename".to_owned(),
                            json!(format!("contoso_part{unique}")),
                        );
                    }
                    for field in part.fields {
                        let value = match field.holds {
                            Holds::Text => texts.next().expect("endless").clone(),
                            Holds::Json => json!("{\"a\": 1}"),
                            Holds::Number | Holds::Position | Holds::Option => {
                                numbers.next().expect("endless").clone()
                            }
                            Holds::Flag => flags.next().expect("endless").clone(),
                            Holds::Choice(options) | Holds::OneOf(options) => {
                                let at = choices.next().expect("endless").index(options.len());
                                json!(options[at].number)
                            }
                            Holds::Lookup { .. } => continue,
                            _ => continue,
                        };
                        cells.insert(field.column.to_owned(), value);
                    }
                    match part.identity {
                        PartIdentity::Text(column) => {
                            let names = [
                                "entityName",
                                "viewId",
                                "url",
                                "data",
                                "custom",
                                "searchType",
                                "validateRecord",
                            ];
                            cells.insert(
                                column.to_owned(),
                                json!(names[choices.next().expect("endless").index(names.len())]),
                            );
                        }
                        PartIdentity::Number(column) => {
                            let feature =
                                829_050_000 + choices.next().expect("endless").index(15) as i64;
                            cells.insert(column.to_owned(), json!(feature));
                        }
                        PartIdentity::Lookup(column) => {
                            let targets = if part.table == &tables::PANE_TAB {
                                before.ids(&tables::TOOL)
                            } else {
                                vec![id(40), id(41), id(42)]
                            };
                            let choice = choices.next().expect("endless").index(targets.len());
                            cells.insert(format!("_{column}_value"), json!(targets[choice]));
                        }
                        PartIdentity::UniqueName => {}
                    }
                    self.row(part.table, Json::Object(cells));
                }
            }
        }
    }
}

/// A completely readable environment with these rows. Users 20 (Ada), 21 (disabled), 22 (no name), team 30, roles 40 to 42 (the last a copy
/// of the first), web resources and macros 1 and 2 (with the same name).
pub(crate) fn live(rows: &Rows) -> Live {
    let found = found();
    let mut all: BTreeMap<&'static Table, LiveTable> = BTreeMap::new();
    let part_tables = Kind::part_tables().map(|part| part.table);
    for table in Kind::all().map(Kind::table).chain(part_tables) {
        let part = Kind::part_tables().find(|part| part.table == table);
        let own = rows
            .rows
            .iter()
            .filter(|(of, _)| *of == table)
            .map(|(_, cells)| row(cells))
            .collect();
        let index = LiveTable::index(table, part, own, Access::Whole);
        all.insert(table, index);
    }
    let links = Kind::relationships()
        .map(|relationship| {
            let own = rows.links.iter().filter(|(of, ..)| *of == relationship);
            let pairs = own.map(|(_, owner, member)| (*owner, *member)).collect();
            (relationship, LiveLinks::new(pairs, Access::Whole))
        })
        .collect();
    Live {
        tables: all,
        links,
        found,
        facts: Facts {
            base_language: Some(1033),
            caller_language: Some(1033),
            ..Facts::default()
        },
        mentions: BTreeMap::new(),
        mentions_unread: None,
        metadata: None,
        requests: 0,
    }
}

fn found() -> Found {
    let mut found = Found::default();
    for (number, name, disabled) in [
        (20, "ada@contoso.com", false),
        (21, "kim@contoso.com", true),
        (22, "", false),
    ] {
        let user = User {
            id: id(number),
            name: name.to_owned(),
            full_name: "Somebody".to_owned(),
            email: String::new(),
            object_id: None,
            disabled,
            application: false,
            deleted: false,
        };
        if !name.is_empty() {
            found.users_by_name.insert(name.to_owned(), vec![user.id]);
        }
        found.users.insert(user.id, user);
    }
    for (number, name, root) in [(40, "Agent", 40), (41, "Supervisor", 41), (42, "Agent", 40)] {
        let role = Role {
            id: id(number),
            name: name.to_owned(),
            business_unit: Some(id(if number == root { 8 } else { 9 })),
            root: id(root),
        };
        found.roles.insert(role);
    }
    found.business_units = [
        (id(8), ("Contoso".to_owned(), true)),
        (id(9), ("Hamburg".to_owned(), false)),
    ]
    .into();
    found.labels.insert(id(1), "contoso_icon.png".to_owned());
    found.labels.insert(id(2), "Twice".to_owned());
    found.labels.insert(id(30), "Desktop owners".to_owned());
    found.teams.insert(
        "desktop owners".to_owned(),
        vec![deskstate_reconcile::live::Team {
            id: id(30),
            members: Vec::new(),
            cut: false,
        }],
    );
    found.rows.insert(
        Lookup::WebResource("contoso_icon.png".to_owned()),
        vec![id(1)],
    );
    found
        .rows
        .insert(Lookup::Macro("contoso_icon.png".to_owned()), vec![id(1)]);
    found
        .rows
        .insert(Lookup::WebResource("Twice".to_owned()), vec![id(2), id(3)]);
    found
        .rows
        .insert(Lookup::Macro("Twice".to_owned()), vec![id(2), id(3)]);
    found
}

/// A row with these cells; `@odata.etag` is its version.
fn row(cells: &Json) -> Row {
    let cells = cells.as_object().expect("a row is an object");
    let etag = cells.get("@odata.etag").and_then(Json::as_str);
    let told = cells.contains_key("ismanaged");
    let unmanaged = (!told).then_some(("ismanaged", Cell::Flag(false)));
    Row::from_cells(
        cells
            .iter()
            .map(|(name, value)| (name.as_str(), Cell::from(value.clone())))
            .chain(unmanaged),
        etag.and_then(Etag::new),
    )
}

/// A document: kind, name and spec.
pub(crate) fn document(kind: &str, name: &str, spec: Json) -> Json {
    json!({"apiVersion": "deskstate/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

/// The same document with another state.
pub(crate) fn stated(mut document: Json, state: &str) -> Json {
    document["metadata"]["state"] = json!(state);
    if state == "absent" {
        document.as_object_mut().expect("an object").remove("spec");
    }
    document
}

/// Rows and links of documents that load without an error.
pub(crate) fn desired(documents: &[Json]) -> Desired {
    let text: Vec<String> = documents
        .iter()
        .map(|document| format!("---\n{document}\n"))
        .collect();
    let texts = BTreeMap::from([
        ("deskstate.yaml".to_owned(), PROJECT.to_owned()),
        ("manifests/all.yaml".to_owned(), text.concat()),
    ]);
    let (manifests, found) = load_texts(texts, Some("local"));
    assert_eq!(errors(&found), Vec::<String>::new());
    lower(&manifests)
}

/// A project with a single environment, `local`.
pub(crate) const PROJECT: &str = "apiVersion: deskstate/v1\nkind: Project\nmetadata: {name: desk}\nspec:\n  environments:\n    local: {emulator: {state: local.json}}\n";

/// Adopts the live environment into the manifests among these texts, which load without errors.
pub(crate) fn adopted(texts: &BTreeMap<String, String>, live: &Live) -> Adoption {
    let (manifests, found) = load_texts(texts.clone(), Some("local"));
    let broken = errors(&found);
    assert!(
        broken.iter().all(|error| error.starts_with("no-manifests")),
        "{broken:?}"
    );
    let desired = lower(&manifests);
    let (plan, _) = plan(&desired, live, &PlanOptions::default());
    adopt(&Request {
        manifests: &manifests,
        desired: &desired,
        live,
        plan: &plan,
        accepted: &[],
        new: &Export::default(),
        into: Into::Base,
        overlays: &[],
        folder: "manifests",
        options: Options::default(),
        reads: &|_| true,
        unfit: &std::collections::BTreeMap::new(),
    })
}

/// `code: message` of each error.
pub(crate) fn errors(found: &[Diagnostic]) -> Vec<String> {
    found
        .iter()
        .filter(|found| found.is_error())
        .map(|found| format!("{}: {}", found.code, found.message))
        .collect()
}

/// The differences of a plan, one line for each.
pub(crate) fn shown(plan: &Plan) -> Vec<String> {
    let fields = plan.changes.iter().flat_map(|change| &change.fields);
    fields
        .map(|field| {
            let said = |note: &Option<String>| {
                note.as_ref()
                    .map(|note| format!(" ({note})"))
                    .unwrap_or_default()
            };
            match &field.difference {
                Difference::Value { before, after } => {
                    format!("{} {before} -> {after}", field.path)
                }
                Difference::Copy { column, .. } => format!("{} in {column}", field.path),
                Difference::Added { member, note } => {
                    format!("{} + {member}{}", field.path, said(note))
                }
                Difference::Removed { member, note } => {
                    format!("{} - {member}{}", field.path, said(note))
                }
            }
        })
        .collect()
}

/// Writes of a plan as `+ ~ -` and the name of the row, or `+ -` and `owner&member` of a link.
pub(crate) fn writes(plan: &Plan) -> Vec<String> {
    let operations = plan.changes.iter().flat_map(|change| &change.operations);
    operations
        .map(|operation| match operation {
            Operation::Create { row, .. } => format!("+{}", row.label),
            Operation::Update { row, .. } => format!("~{}", row.label),
            Operation::Delete { row, .. } => format!("-{}", row.label),
            Operation::Link { owner, member, .. } => {
                format!("+{}&{}", owner.as_u128(), member.as_u128())
            }
            Operation::Unlink { owner, member, .. } => {
                format!("-{}&{}", owner.as_u128(), member.as_u128())
            }
        })
        .collect()
}
