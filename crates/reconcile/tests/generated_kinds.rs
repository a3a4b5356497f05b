//! The laws of plans also hold for arbitrary kinds: definitions, tables, rows and changes are generated.
//!
//! The registry is global to a process, so this is a separate test binary.

#![expect(
    clippy::unwrap_used,
    reason = "a mistake in a test's own input is a failed test"
)]

#[path = "emulated/world.rs"]
#[allow(
    dead_code,
    clippy::allow_attributes,
    reason = "this test uses a part of it"
)]
mod world;

use std::path::Path;

use deskstate_emulator::{Config, Switches};
use deskstate_model::{Kind, load_texts};
use deskstate_reconcile::export::{Selection, export, write};
use deskstate_reconcile::plan::Options;
use deskstate_reconcile::raise;
use serde_json::{Map, Value as Json, json};
use tempfile::TempDir;
use world::{World, declare, same, seeds, settings};

/// Pseudorandom numbers, the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn is(&mut self, one_in: u64) -> bool {
        self.roll(one_in) == 0
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Holds {
    Text,
    Number,
    Flag,
    Choice,
    Json,
    Lookup,
}

const ALL: [Holds; 6] = [
    Holds::Text,
    Holds::Number,
    Holds::Flag,
    Holds::Choice,
    Holds::Json,
    Holds::Lookup,
];

struct FieldSpec {
    word: String,
    holds: Holds,
    required: bool,
    create_only: bool,
}

/// A generated kind: its definition, its tables, and the fields that documents may contain.
struct Made {
    word: String,
    fields: Vec<FieldSpec>,
    parts: Vec<FieldSpec>,
    part_by_text: bool,
    has_parts: bool,
    has_set: bool,
    by_two: bool,
    definition: Json,
}

fn column(word: &str) -> String {
    format!("gen_{}", word.to_lowercase())
}

fn make_field(dice: &mut Dice, number: usize, of_part: bool) -> FieldSpec {
    let holds = ALL[usize::try_from(dice.roll(if of_part { 4 } else { 6 })).unwrap()];
    FieldSpec {
        word: format!("{}{number}", if of_part { "inner" } else { "field" }),
        holds,
        required: dice.is(4),
        create_only: !of_part && dice.is(5),
    }
}

fn field_definition(field: &FieldSpec) -> Json {
    let mut said = json!({"column": column(&field.word), "required": field.required, "createOnly": field.create_only});
    let more = match field.holds {
        Holds::Text => json!({"type": "text", "maxLength": 100}),
        Holds::Number => json!({"type": "number", "minimum": -5, "maximum": 1000}),
        Holds::Flag => json!({"type": "flag"}),
        Holds::Choice => {
            json!({"type": "choice", "options": {"Small": 7, "Large": 9, "Very large": 11}})
        }
        Holds::Json => json!({"type": "json", "maxLength": 2000}),
        Holds::Lookup => {
            json!({"type": "lookup", "to": "PaneTool", "navigation": format!("Gen_{}", field.word)})
        }
    };
    said.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    said
}

fn column_of_table(field: &FieldSpec) -> Json {
    let mut said = json!({"name": column(&field.word), "label": field.word});
    let more = match field.holds {
        Holds::Text => json!({"type": "string", "length": 100}),
        Holds::Number => json!({"type": "integer", "min": -5, "max": 1000}),
        Holds::Flag => json!({"type": "boolean", "options": {"true": "Yes", "false": "No"}}),
        Holds::Choice => {
            json!({"type": "choice", "options": {"7": "Small", "9": "Large", "11": "Very large"}})
        }
        Holds::Json => json!({"type": "memo", "length": 2000}),
        Holds::Lookup => {
            json!({"type": "lookup", "to": ["msdyn_panetoolconfiguration"], "nav": format!("Gen_{}", field.word)})
        }
    };
    said.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    said
}

fn table(folder: &Path, name: &str, columns: Vec<Json>) {
    let mut all = vec![
        json!({"name": format!("{name}id"), "type": "id", "required": "system"}),
        json!({"name": "gen_name", "type": "string", "length": 200}),
    ];
    all.extend(columns);
    let file = json!({
        "table": name, "set": format!("{name}set"), "label": name, "plural": name, "ownership": "user", "key": format!("{name}id"),
        "name": "gen_name", "with": ["owner", "state", "stamps"], "columns": all,
    });
    std::fs::write(folder.join(format!("{name}.yaml")), file.to_string()).unwrap();
}

fn make(dice: &mut Dice, number: u64, folder: &Path) -> Made {
    let word = format!("Gen{number}");
    let own = format!("gen_table{number}");
    let part = format!("gen_part{number}");
    let fields: Vec<FieldSpec> = (0..=usize::try_from(dice.roll(5)).unwrap())
        .map(|number| make_field(dice, number, false))
        .collect();
    let parts: Vec<FieldSpec> = (0..usize::try_from(dice.roll(3)).unwrap())
        .map(|number| make_field(dice, number, true))
        .collect();
    let (part_by_text, has_parts, has_set, by_two, has_rows) =
        (dice.is(2), dice.is(2), dice.is(2), dice.is(3), dice.is(2));
    let mut columns: Vec<Json> = fields.iter().map(column_of_table).collect();
    columns.push(json!({"name": "gen_also", "type": "integer", "min": 0, "max": 9999}));
    columns.push(
        json!({"name": "gen_sort", "type": "boolean", "options": {"true": "Yes", "false": "No"}}),
    );
    table(folder, &own, columns);
    let mut identity = json!({"column": "gen_name", "maxLength": 200});
    if by_two {
        identity["and"] = json!({"gen_also": "number"});
    }
    let said: Map<String, Json> = fields
        .iter()
        .map(|field| (field.word.clone(), field_definition(field)))
        .collect();
    let mut spec = json!({
        "version": "1", "description": "Made up.", "table": own, "entitySet": format!("{own}set"), "identity": identity, "deletable": true,
        "fields": said,
    });
    if has_rows {
        spec["rows"] = json!({"gen_sort": dice.is(2)});
    }
    let mut relationships = Vec::new();
    if has_set {
        let intersect = format!("gen_links{number}");
        relationships.push(json!({
            "schema": intersect, "tables": [own, "msdyn_applicationtabtemplate"], "navs": [intersect, intersect], "intersect": intersect,
            "columns": [format!("{own}id"), "msdyn_applicationtabtemplateid"],
        }));
        spec["sets"] = json!({"links": {"relationship": intersect, "intersectSet": format!("{intersect}set"), "to": "ApplicationTab"}});
    }
    if has_parts {
        let place = match part_by_text {
            true => json!({"name": "gen_place", "type": "string", "length": 50}),
            false => json!({"name": "gen_place", "type": "integer", "min": 0, "max": 100}),
        };
        let mut columns: Vec<Json> = parts.iter().map(column_of_table).collect();
        columns.push(place);
        columns.push(json!({
            "name": "gen_of", "type": "lookup", "to": [own], "nav": "Gen_Of",
            "relation": {"schema": format!("{part}_of"), "collection": format!("{part}_of"), "delete": "cascade"},
        }));
        table(folder, &part, columns);
        let mut said: Map<String, Json> = parts
            .iter()
            .map(|field| (field.word.clone(), field_definition(field)))
            .collect();
        let place = if part_by_text {
            json!({"column": "gen_place", "type": "text", "maxLength": 50})
        } else {
            json!({"column": "gen_place", "type": "number"})
        };
        said.insert("place".to_owned(), place);
        spec["parts"] = json!({"inside": {
            "table": part, "entitySet": format!("{part}set"), "primaryName": "gen_name", "parent": {"column": "gen_of", "navigation": "Gen_Of"},
            "identity": "place", "deletable": true, "fields": said,
        }});
    }
    std::fs::write(
        folder.join("_relationships.yaml"),
        Json::from(relationships).to_string(),
    )
    .unwrap();
    let definition = json!({"apiVersion": "deskstate/v1", "kind": "KindDefinition", "metadata": {"name": word}, "spec": spec});
    Made {
        word,
        fields,
        parts,
        part_by_text,
        has_parts,
        has_set,
        by_two,
        definition,
    }
}

fn value(dice: &mut Dice, holds: Holds) -> Json {
    match holds {
        Holds::Text => json!(
            [
                "plain",
                "0",
                "true",
                "é \u{202e}x",
                "a: b # c",
                "{x}",
                "null"
            ][usize::try_from(dice.roll(7)).unwrap()]
        ),
        Holds::Number => json!(i64::try_from(dice.roll(1000)).unwrap() - 5),
        Holds::Flag => json!(dice.is(2)),
        Holds::Choice => {
            json!(["Small", "Large", "Very large"][usize::try_from(dice.roll(3)).unwrap()])
        }
        Holds::Json => json!({"a": dice.roll(9), "b": [1, {"c": null}], "d": "x\ny"}),
        Holds::Lookup => {
            json!(["contoso_toolA", "contoso_toolB"][usize::try_from(dice.roll(2)).unwrap()])
        }
    }
}

/// The spec of a document. If there was an earlier one, values that cannot change are kept.
fn spec(dice: &mut Dice, made: &Made, before: Option<&Json>) -> Json {
    let mut said = Map::new();
    for field in &made.fields {
        let kept = before
            .filter(|_| field.create_only)
            .map(|before| before.get(&field.word).cloned());
        let given = match kept {
            Some(kept) => kept,
            None if !field.required && dice.is(3) => None,
            None if !field.required
                && before.is_some()
                && !matches!(field.holds, Holds::Flag | Holds::Choice)
                && dice.is(4) =>
            {
                Some(Json::Null)
            }
            None => Some(value(dice, field.holds)),
        };
        said.extend(given.map(|given| (field.word.clone(), given)));
    }
    if made.has_set {
        let members: Vec<&str> = ["contoso_tabA", "contoso_tabB", "contoso_tabC"]
            .into_iter()
            .filter(|_| dice.is(2))
            .collect();
        said.insert(
            "links".to_owned(),
            json!({"mode": "exact", "members": members}),
        );
    }
    if made.has_parts {
        let mut places: Vec<u64> = (0..4).filter(|_| dice.is(2)).collect();
        if dice.is(2) {
            places.reverse();
        }
        let items: Vec<Json> = places
            .into_iter()
            .map(|place| {
                let mut item = Map::new();
                let place = if made.part_by_text {
                    json!(format!("place {place}"))
                } else {
                    json!(place)
                };
                item.insert("place".to_owned(), place);
                for field in &made.parts {
                    if field.required || dice.is(2) {
                        item.insert(field.word.clone(), value(dice, field.holds));
                    }
                }
                Json::Object(item)
            })
            .collect();
        said.insert("inside".to_owned(), items.into());
    }
    Json::Object(said)
}

fn document(made: &Made, number: usize, spec: &Json) -> Json {
    let name = if made.by_two {
        format!("row / {} / {number}", number % 2)
    } else {
        format!("row {number}")
    };
    let mut document =
        json!({"apiVersion": "deskstate/v1", "kind": made.word, "metadata": {"name": name}});
    if spec.as_object().is_some_and(|spec| !spec.is_empty()) {
        document["spec"] = spec.clone();
    }
    document
}

/// The rows that generated rows refer to.
fn others() -> Vec<Json> {
    let tool = |name: &str| json!({"apiVersion": "deskstate/v1", "kind": "PaneTool", "metadata": {"name": name}, "spec": {"displayName": name, "controlName": "x"}});
    let tab = |name: &str| json!({"apiVersion": "deskstate/v1", "kind": "ApplicationTab", "metadata": {"name": name}, "spec": {"displayName": name, "pageType": "ThirdPartyWebsite", "parameters": {"url": "https://a.example/"}}});
    ["contoso_toolA", "contoso_toolB"]
        .map(tool)
        .into_iter()
        .chain(["contoso_tabA", "contoso_tabB", "contoso_tabC"].map(tab))
        .collect()
}

#[tokio::test]
async fn apply_ends_in_sync_exports_plan_to_nothing_and_undo_restores_for_any_definition() {
    for number in 0..seeds("DESKSTATE_KINDS", 12) {
        let dice = &mut Dice(number * 7919 + 17);
        let folder = TempDir::new().unwrap();
        let made = make(dice, number, folder.path());
        let project = json!({"apiVersion": "deskstate/v1", "kind": "Project", "metadata": {"name": "desk"}, "spec": {"kinds": ["kinds/made.yaml"]}});
        let texts = [
            ("deskstate.yaml", project.to_string()),
            ("kinds/made.yaml", made.definition.to_string()),
        ];
        let texts = texts.map(|(path, text)| (path.to_owned(), text));
        let (_, found) = load_texts(texts.into(), None);
        let told = format!("definition {number}: {:#}", made.definition);
        assert!(
            found.iter().all(|finding| !finding.is_error()),
            "{told}\n{found:#?}"
        );
        let kind: Kind = made.word.parse().unwrap();

        let world = World::with(Config {
            tables: Some(folder.path().to_path_buf()),
            switches: Switches {
                tab_makes_parameters: false,
                ..Switches::default()
            },
            ..Config::default()
        })
        .await;
        let options = Options::default();
        let count = usize::try_from(1 + dice.roll(4)).unwrap();
        let specs: Vec<Json> = (0..count).map(|_| spec(dice, &made, None)).collect();
        let all = |specs: &[Json]| -> Vec<Json> {
            let rows = specs
                .iter()
                .enumerate()
                .map(|(number, spec)| document(&made, number, spec));
            others().into_iter().chain(rows).collect()
        };
        let empty = world.mark().await;
        let first = declare(json!({}), &all(&specs));
        let undo_first = world.sync(&first, &options, &settings(1000, None)).await;

        let live = world.look(&first.desired).await;
        let selection = Selection {
            kinds: [kind].into(),
            ..Selection::default()
        };
        let unowned = raise::Options {
            users: raise::Users::None,
            ..raise::Options::default()
        };
        let exported = export(&live, &selection, unowned);
        // Owners are not looked up here.
        let lost: Vec<_> = exported
            .left_out
            .iter()
            .filter(|(_, what)| what.path != "owner")
            .collect();
        assert!(
            lost.is_empty() && exported.not_found.is_empty(),
            "{told}\n{lost:#?}"
        );
        let own = exported
            .documents
            .iter()
            .filter(|document| document.key.kind == kind)
            .count();
        assert_eq!(own, count, "{told}");
        let written: Vec<Json> = exported
            .documents
            .iter()
            .map(|document| serde_yaml::from_str(&write(document)).unwrap())
            .collect();
        let again = declare(json!({}), &written);
        world.in_sync(&again, &options).await;

        let mark = world.mark().await;
        let changed: Vec<Json> = specs
            .iter()
            .map(|before| spec(dice, &made, Some(before)))
            .collect();
        let second = declare(json!({}), &all(&changed));
        let undo_second = world.sync(&second, &options, &settings(1000, None)).await;
        world
            .undo(&second, &undo_second, &settings(1000, None))
            .await;
        same(&Default::default(), &world.since(&mark).await, &told);
        world.undo(&first, &undo_first, &settings(1000, None)).await;
        let _ = empty;
        let gone = world.look(&first.desired).await;
        assert!(gone.table(kind.table()).rows.is_empty(), "{told}");
    }
}
