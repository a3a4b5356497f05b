//! Something that an environment lacks stops a plan only if a manifest needs it, and is reported once.
//!
//! The cases are generated from the tables of the crate. The expected results are in `lacking/expected.txt`, which was written by hand.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::Kind;
use deskstate_model::tables;
use deskstate_model::{Relationship, Table};
use deskstate_reconcile::Desired;
use deskstate_reconcile::kinds;
use deskstate_reconcile::plan::Options;
use deskstate_reconcile::state::Stored;
use serde_json::{Value as Json, json};

use crate::world::{Declared, World, declare, settings};

/// Something that is missing, in the notation of the emulator's answers sheet.
type Thing = String;

fn everything() -> Declared {
    let text = include_str!("lacking/everything.yaml");
    let documents: Vec<Json> = text
        .split("\n---\n")
        .map(|document| serde_yaml::from_str(document).unwrap())
        .collect();
    declare(json!({}), &documents)
}

fn written_tables() -> Vec<&'static Table> {
    let parts = Kind::part_tables().map(|part| part.table);
    Kind::all().map(Kind::table).chain(parts).collect()
}

/// Everything that the crate reads or writes and that an environment may lack.
fn things(desired: &Desired) -> BTreeSet<Thing> {
    let mut things = BTreeSet::new();
    for table in written_tables() {
        things.insert(table.logical.to_owned());
        let mut columns: BTreeSet<&str> = BTreeSet::new();
        for field in kinds::row_fields(table).filter(|field| field.is_column()) {
            columns.insert(field.column);
            columns.extend(field.mirror.as_ref().map(|mirror| mirror.column));
        }
        columns.extend(["modifiedon", "modifiedby"]);
        columns.extend(kinds::part_of(table).map(|part| part.parent_column));
        if table.component {
            columns.extend(["ismanaged", "iscustomizable"]);
        }
        things.extend(
            columns
                .iter()
                .map(|column| format!("{}.{column}", table.logical)),
        );
    }
    things.extend(Kind::relationships().map(|relationship| {
        relationship
            .intersect_set
            .trim_end_matches("set")
            .to_owned()
    }));
    for resource in desired.resources.values() {
        for row in std::iter::once(&resource.row).chain(&resource.parts) {
            let table = row.key.table().unwrap();
            let columns = row
                .columns
                .iter()
                .map(|column| (column.field, &column.value));
            let new = row.when_new.iter().map(|(field, value)| (*field, value));
            for (field, value) in columns.chain(new) {
                if let (true, Stored::Number(number)) = (field.is_choice(), value) {
                    things.insert(format!("{}.{}={number}", table.logical, field.column));
                }
            }
        }
    }
    things
}

/// The hand-written list.
fn expected() -> BTreeMap<Thing, Vec<String>> {
    let text = include_str!("lacking/expected.txt");
    let listed = |thing: &str| {
        text.lines()
            .any(|line| line.split(' ').next() == Some(thing))
    };
    let mut list = BTreeMap::new();
    let mut add = |thing: String, words: &str| {
        // `type: Generic` is one word, `a b` are two.
        let words = match words {
            "-" => Vec::new(),
            words if words.contains(": ") => vec![words.to_owned()],
            words => words.split(' ').map(str::to_owned).collect(),
        };
        assert!(list.insert(thing, words).is_none());
    };
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (thing, words) = line.split_once(' ').unwrap();
        match thing.strip_prefix('*') {
            None => add(thing.to_owned(), words.trim()),
            Some(column) => {
                for table in written_tables() {
                    let of_components = ["ismanaged", "iscustomizable"].contains(&&column[1..]);
                    let named = column != ".msdyn_uniquename"
                        || table.name == Some(tables::PROFILE.name.unwrap());
                    let thing = format!("{}{column}", table.logical);
                    if (table.component || !of_components) && named && !listed(&thing) {
                        add(format!("{}{column}", table.logical), words.trim());
                    }
                }
            }
        }
    }
    list
}

/// Tables whose rows are written inside the documents of another table. Maintained by hand.
const PARTS: [(&str, &str); 7] = [
    ("msdyn_templateparameter", "msdyn_applicationtabtemplate"),
    (
        "msdyn_productivityagentscriptstep",
        "msdyn_productivityagentscript",
    ),
    ("msdyn_panetabconfiguration", "msdyn_paneconfiguration"),
    ("msdyn_appprofilerolemapping", "msdyn_appconfiguration"),
    ("msdyn_appcopilotconfiguration", "msdyn_appconfiguration"),
    ("msdyn_chtprofileconfiguration", "msdyn_appconfiguration"),
    ("msdyn_inboxconfiguration", "msdyn_appconfiguration"),
];

/// Whether a table cannot have rows: either it is missing, or the table of the parent documents is.
fn is_gone(table: &str, missing: &[&Thing]) -> bool {
    let gone = |table: &str| missing.iter().any(|thing| *thing == table);
    gone(table)
        || PARTS
            .iter()
            .any(|(part, parent)| *part == table && gone(parent))
}

fn relationship_of(intersect: &str) -> Option<&'static Relationship> {
    Kind::relationships()
        .find(|relationship| relationship.intersect_set.trim_end_matches("set") == intersect)
}

/// The expected messages if these are missing: one for each table, column, relationship or option, and each field that needs it. Also
/// returns the missing columns without which rows cannot be identified.
fn outcome(
    list: &BTreeMap<Thing, Vec<String>>,
    missing: &[&Thing],
) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut said, mut blind) = (BTreeSet::new(), BTreeSet::new());
    let mut say = |what: String, word: &str| {
        said.insert(format!(
            "the environment lacks {what}, which `{word}` needs"
        ));
    };
    for thing in missing {
        let (table, rest) = thing.split_once('.').unwrap_or((thing, ""));
        for word in &list[*thing] {
            if let Some((column, word)) = word.split_once('>') {
                let (table, column) = column.split_once('.').unwrap();
                if is_gone(table, missing) {
                } else if word == "rows" {
                    blind.insert(format!("`{table}` has no column `{column}`"));
                } else {
                    say(format!("the column `{column}` of `{table}`"), word);
                }
                continue;
            }
            if let Some(relationship) = relationship_of(table) {
                let sides = [relationship.owner.logical, relationship.member.logical];
                if !sides.iter().any(|side| is_gone(side, missing)) {
                    let [owner, member] = sides;
                    let name = relationship.schema_name;
                    say(
                        format!("the relationship `{name}` between `{owner}` and `{member}`"),
                        word,
                    );
                }
                continue;
            }
            let (owner, word) = word.split_once('/').unwrap_or(("", word));
            let parent = PARTS.iter().find(|(part, _)| *part == table);
            let parent_gone = parent.is_some_and(|(_, parent)| is_gone(parent, missing));
            if parent_gone || is_gone(owner, missing) || !rest.is_empty() && is_gone(table, missing)
            {
                continue;
            }
            match rest.split_once('=') {
                _ if word == "rows" => {
                    blind.insert(format!("`{table}` has no column `{rest}`"));
                }
                // A missing column includes its options.
                Some((column, _))
                    if missing
                        .iter()
                        .any(|thing| **thing == format!("{table}.{column}")) => {}
                Some((column, number)) => {
                    say(format!("option {number} of `{column}` in `{table}`"), word);
                }
                None if rest.is_empty() => say(format!("the table `{table}`"), word),
                None => say(format!("the column `{rest}` of `{table}`"), word),
            }
        }
    }
    (said, blind)
}

async fn lack(world: &World, missing: &[&Thing]) {
    let of = |fits: fn(&str) -> bool| -> Vec<&&Thing> {
        missing.iter().filter(|thing| fits(thing)).collect()
    };
    let sheet = json!({"formatVersion": 1, "answers": {
        "tabMakesParameters": false,
        "missingTables": of(|thing| !thing.contains('.')),
        "missingColumns": of(|thing| thing.contains('.') && !thing.contains('=')),
        "missingOptions": of(|thing| thing.contains('=')),
    }});
    world.admin("PUT", "switches", &sheet.to_string()).await;
}

/// The errors of a plan, and how often each is reported.
async fn said(world: &World, declared: &Declared) -> BTreeMap<(&'static str, String), usize> {
    let live = world.look(&declared.desired).await;
    let (_, found) = deskstate_reconcile::plan(&declared.desired, &live, &Options::default());
    let mut said = BTreeMap::new();
    for found in found.into_iter().filter(|found| found.is_error()) {
        *said.entry((found.code, found.message)).or_default() += 1;
    }
    said
}

/// Compares the reported errors with the expected ones.
async fn check(
    world: &World,
    declared: &Declared,
    missing: &[&Thing],
    (expected, blind): (BTreeSet<String>, BTreeSet<String>),
) {
    lack(world, missing).await;
    let (blinded, lacking): (Vec<_>, Vec<_>) = said(world, declared)
        .await
        .into_iter()
        .partition(|((_, message), _)| blind.iter().any(|why| message.contains(why)));
    for why in &blind {
        let told = blinded
            .iter()
            .any(|((_, message), _)| message.contains(why));
        assert!(told, "{missing:?}: {why}");
    }
    let messages: BTreeSet<String> = lacking
        .iter()
        .map(|((_, message), _)| message.clone())
        .collect();
    // Nothing that depends on unidentified rows is checked further.
    if blind.is_empty() {
        assert_eq!(messages, expected, "{missing:?}");
    }
    for ((code, message), times) in lacking {
        assert_eq!(times, 1, "{missing:?}: {message}");
        let codes = [
            "table-missing",
            "column-missing",
            "option-missing",
            "relationship-missing",
        ];
        assert!(
            codes.contains(&code) || !blind.is_empty(),
            "{missing:?}: {message}"
        );
    }
}

#[test]
fn every_thing_that_can_be_missing_is_in_the_list_and_nothing_else() {
    let things = things(&everything().desired);
    let list = expected();
    let looked_up = |thing: &Thing| {
        let table = thing.split('.').next().unwrap();
        [
            "systemuser",
            "workflow",
            "organization",
            "publisher",
            "msdyn_liveworkstream",
        ]
        .contains(&table)
    };
    let listed: BTreeSet<Thing> = list
        .keys()
        .filter(|thing| !looked_up(thing))
        .cloned()
        .collect();
    assert_eq!(
        things.difference(&listed).collect::<Vec<_>>(),
        Vec::<&Thing>::new(),
        "these are not in the list"
    );
    assert_eq!(
        listed.difference(&things).collect::<Vec<_>>(),
        Vec::<&Thing>::new(),
        "nobody reads or writes these"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_manifest_needs_and_the_environment_lacks_is_said_once() {
    let list = expected();
    let everything = everything();
    let world = World::plain().await;
    for thing in list.keys() {
        check(&world, &everything, &[thing], outcome(&list, &[thing])).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_needs_stops_no_plan() {
    let list = expected();
    let one = json!({"apiVersion": "deskstate/v1", "kind": "SessionTemplate", "metadata": {"name": "contoso_entity"},
        "spec": {"displayName": "Entity", "type": "Entity", "entity": "incident", "title": null}});
    let few = declare(json!({}), &[one]);
    let needed = [
        "SessionTemplate",
        "displayName",
        "type",
        "entity",
        "type: Entity",
        "rows",
    ];
    let world = World::plain().await;
    for thing in list.keys().step_by(2) {
        let mut narrow = list.clone();
        let of_session = thing.split('.').next() == Some("msdyn_sessiontemplate");
        narrow
            .get_mut(thing)
            .unwrap()
            .retain(|word| of_session && needed.contains(&word.as_str()));
        check(&world, &few, &[thing], outcome(&narrow, &[thing])).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_set_needs_no_relationship_and_an_absent_document_no_table() {
    let of = |kind: &str, name: &str, more: Json| {
        let mut document =
            json!({"apiVersion": "deskstate/v1", "kind": kind, "metadata": {"name": name}});
        for (word, value) in more.as_object().unwrap() {
            document[word] = value.clone();
        }
        document
    };
    let spec = json!({"displayName": "S", "type": "Entity", "entity": "incident", "scripts": [], "additionalTabs": {"mode": "atLeast", "members": []}});
    let gone = json!({"metadata": {"name": "contoso_gone", "state": "absent"}});
    let documents = [
        of("SessionTemplate", "contoso_s", json!({"spec": spec})),
        of("AgentScript", "contoso_gone", gone),
    ];
    let declared = declare(json!({}), &documents);
    let world = World::plain().await;
    for missing in [
        &[
            "msdyn_sessiontemplate_applicationtab".to_owned(),
            "msdyn_msdyn_prod_agentscript_msdyn_sessiontempl".to_owned(),
        ][..],
        &[
            "msdyn_applicationtabtemplate".to_owned(),
            "msdyn_productivityagentscript".to_owned(),
        ][..],
    ] {
        let missing: Vec<&Thing> = missing.iter().collect();
        lack(&world, &missing).await;
        assert_eq!(
            said(&world, &declared).await,
            BTreeMap::new(),
            "{missing:?}"
        );
        world
            .sync(&declared, &Options::default(), &settings(200, Some(false)))
            .await;
        lack(&world, &[]).await;
        world.admin("POST", "reset", "").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_things_that_are_missing_are_both_said() {
    let list = expected();
    let everything = everything();
    let world = World::plain().await;
    let things: Vec<&Thing> = list.keys().collect();
    // Neighbours belong to the same table; the others are as far apart as the two tables of a relationship.
    for stride in [1, 61] {
        for at in (0..things.len()).step_by(5) {
            let pair = [things[at], things[(at + stride) % things.len()]];
            check(&world, &everything, &pair, outcome(&list, &pair)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_are_there_already_need_their_columns_as_new_ones_do() {
    let list = expected();
    let everything = everything();
    let world = World::plain().await;
    world
        .sync(
            &everything,
            &Options::default(),
            &settings(200, Some(false)),
        )
        .await;
    for thing in list.keys().filter(|thing| !thing.contains('=')).step_by(5) {
        check(&world, &everything, &[thing], outcome(&list, &[thing])).await;
    }
    // An option that a row already has need not be written.
    for thing in list.keys().filter(|thing| thing.contains('=')) {
        check(&world, &everything, &[thing], Default::default()).await;
    }
}
