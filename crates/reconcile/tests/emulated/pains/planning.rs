//! Trustworthy plans: existing rows are recognised, differences are shown, and nothing else is.

use deskstate_dataverse::{Cell, Value};
use deskstate_emulator::{Config, Switches};
use deskstate_model::tables;
use deskstate_reconcile::plan::{Action, Operation, Options};
use deskstate_reconcile::{plan, plan_file};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{Wire, by_hand, document, new_row, operations, session, tab};
use crate::world::{World, declare, settings};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_somebody_deleted_is_planned_anew_and_no_error() {
    let world = World::plain().await;
    let settings = settings(200, Some(false));
    let both = declare(
        json!({}),
        &[tab("contoso_a"), session(&["contoso_a"], json!("x"))],
    );
    world.sync(&both, &Options::default(), &settings).await;
    let gone = declare(
        json!({}),
        &[
            tab("contoso_a"),
            json!({"apiVersion": "deskstate/v1", "kind": "SessionTemplate", "metadata": {"name": "contoso_s", "state": "absent"}}),
        ],
    );
    world.sync(&gone, &Options::default(), &settings).await;
    let (plan, _) = world.plan(&both, &Options::default()).await;
    assert_eq!(
        plan.changes
            .iter()
            .map(|change| change.action)
            .collect::<Vec<_>>(),
        [Action::Create]
    );
    world.sync(&both, &Options::default(), &settings).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cleared_text_converges_in_one_run() {
    let world = World::plain().await;
    let settings = settings(200, Some(false));
    for title in [json!("x"), Json::Null, json!("y")] {
        world
            .sync(
                &declare(json!({}), &[session(&[], title)]),
                &Options::default(),
                &settings,
            )
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reviewed_plan_is_refused_once_anything_in_it_changed() {
    let world = World::plain().await;
    let settings = settings(200, Some(false));
    world
        .sync(
            &declare(json!({}), &[session(&[], json!("x"))]),
            &Options::default(),
            &settings,
        )
        .await;
    let wanted = declare(json!({}), &[session(&[], json!("y"))]);
    let (plan, live) = world.plan(&wanted, &Options::default()).await;
    let about = plan_file::About {
        environment: "local",
        revision: None,
        sources: &wanted.sources,
        reach: None,
        report: &plan_file::Report::default(),
    };
    let file = plan_file::read(&plan_file::write(&plan, &live, &about)).unwrap();
    let reviewed = [file];
    assert_eq!(
        plan_file::compare(&reviewed, &plan, &live),
        plan_file::Comparison::default()
    );
    world
        .sync(
            &declare(json!({}), &[session(&[], json!("by hand"))]),
            &Options::default(),
            &settings,
        )
        .await;
    let (now, live) = world.plan(&wanted, &Options::default()).await;
    let differences = plan_file::compare(&reviewed, &now, &live).divergences;
    assert!(
        matches!(&differences[..], [plan_file::Divergence::Different { now, last_write: Some(_), .. }] if now.fields.len() == 1 && now.fields[0].path == "title"),
        "{differences:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_rows_with_one_name_both_ids_are_said_and_none_is_guessed() {
    let world = World::with(Config {
        switches: Switches {
            unique_names_are_unique: false,
            ..Switches::default()
        },
        ..Config::default()
    })
    .await;
    let field = |id: u128, name: &str| {
        let cells = [
            ("msdyn_uniquename", Value::from(name)),
            ("msdyn_name", "Field".into()),
            ("msdyn_title", "Line".into()),
        ];
        new_row(&tables::NOTIFICATION_FIELD, id, &cells)
    };
    by_hand(
        &world,
        vec![field(1, "contoso_twice"), field(2, "Contoso_Twice")],
    )
    .await;
    let named = |name: &str| {
        let spec = json!({"displayName": "Field", "header": "Other", "order": 10});
        declare(json!({}), &[document("NotificationField", name, spec)])
    };
    // A manifest that refers to one of the two gets an error, and nothing is planned for it.
    let declared = named("contoso_twice");
    let live = world.look(&declared.desired).await;
    let (planned, found) = plan(&declared.desired, &live, &Options::default());
    assert!(planned.is_empty(), "{:?}", planned.changes);
    let [error] = &found[..] else {
        panic!("{found:?}");
    };
    assert!(error.is_error() && error.code == "ambiguous-row");
    for id in [1, 2] {
        let id = Uuid::from_u128(id).to_string();
        assert!(error.message.contains(&id), "{}", error.message);
    }
    // Other manifests only get a warning.
    let declared = named("contoso_other");
    let (planned, found) = plan(&declared.desired, &live, &Options::default());
    assert_eq!(planned.changes.len(), 1);
    let codes: Vec<(&str, bool)> = found.iter().map(|one| (one.code, one.is_error())).collect();
    assert_eq!(codes, [("ambiguous-row", false)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_of_equal_names_under_other_parents_are_none_of_them_passed_over() {
    let world = World::plain().await;
    let script = |name: &str, text: &str| {
        let step = |number: u32| json!({"displayName": format!("Step {number}"), "text": text});
        let spec = json!({"displayName": "Script", "language": 1033, "steps": [step(1), step(2)]});
        document("AgentScript", name, spec)
    };
    let of = |text: &str| {
        let mut documents: Vec<Json> = (0..6)
            .map(|n| script(&format!("contoso_s{n}"), text))
            .collect();
        documents.extend((0..6).map(|n| tab(&format!("contoso_t{n}"))));
        declare(json!({}), &documents)
    };
    world
        .sync(&of("one"), &Options::default(), &settings(200, Some(false)))
        .await;
    let (planned, _) = world.plan(&of("two"), &Options::default()).await;
    let updated: Vec<&Operation> = operations(&planned);
    assert_eq!(updated.len(), 12, "{updated:?}");
    world
        .sync(&of("two"), &Options::default(), &settings(200, Some(false)))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_there_already_is_taken_over_without_a_write() {
    let world = World::plain().await;
    let cells = [
        ("msdyn_uniquename", Value::from("contoso_byhand")),
        ("msdyn_name", "By hand".into()),
        ("msdyn_title", "Line".into()),
        ("msdyn_order", 10_i64.into()),
    ];
    by_hand(
        &world,
        vec![new_row(&tables::NOTIFICATION_FIELD, 7, &cells)],
    )
    .await;
    let spec = json!({"displayName": "By hand", "header": "Line", "order": 10});
    let declared = declare(
        json!({}),
        &[document("NotificationField", "contoso_byhand", spec)],
    );
    world.in_sync(&declared, &Options::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn null_is_sent_as_null_and_what_is_left_out_is_not_sent() {
    let world = World::plain().await;
    let settings = settings(200, Some(false));
    let before = declare(json!({}), &[session(&[], json!("x"))]);
    world.sync(&before, &Options::default(), &settings).await;
    let (planned, _) = world
        .plan(
            &declare(json!({}), &[session(&[], Json::Null)]),
            &Options::default(),
        )
        .await;
    let [Operation::Update { body, .. }] = operations(&planned)[..] else {
        panic!("{:?}", planned.changes);
    };
    assert_eq!(
        body[..],
        [("msdyn_title".to_owned(), Value::Cell(Cell::Null))]
    );
    let mut without = session(&[], Json::Null);
    without["spec"].as_object_mut().unwrap().remove("title");
    world
        .in_sync(&declare(json!({}), &[without]), &Options::default())
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn line_ends_the_layout_of_json_and_the_case_of_ids_are_no_difference() {
    let world = World::plain().await;
    let settings = settings(200, Some(false));
    let provider = document(
        "ChannelProvider",
        "contoso_phone",
        json!({"displayName": "Phone", "label": "Phone", "channelUrl": "https://a.example/", "channelOrder": 1,
            "customParameters": {"b": [1, 2], "a": {"deep": true}}}),
    );
    let spec = json!({"displayName": "S", "type": "Entity", "entity": "incident", "description": "one\ntwo"});
    let template = document("SessionTemplate", "contoso_s", spec);
    let page = json!({"displayName": "Contacts", "pageType": "EntityList", "parameters": {"entityName": "contact", "viewId": {"name": "Active Contacts"}}});
    let declared = declare(
        json!({}),
        &[
            provider,
            template,
            document("ApplicationTab", "contoso_contacts", page),
        ],
    );
    world.sync(&declared, &Options::default(), &settings).await;
    let live = world.look(&declared.desired).await;
    let rewrite =
        |table: &'static deskstate_model::Table, cell: &str, to: &dyn Fn(&str) -> String| {
            let rows = live.table(table).rows.values();
            let ours = rows.filter(|row| {
                row.row
                    .text("msdyn_uniquename")
                    .is_some_and(|name| name.starts_with("contoso_"))
            });
            ours.filter_map(|row| {
                Some(Wire::Update {
                    set: table.set.to_owned(),
                    id: row.id,
                    if_match: None,
                    body: vec![(cell.to_owned(), to(row.row.text(cell)?).into())],
                })
            })
            .collect::<Vec<_>>()
        };
    let mut edits = rewrite(&tables::SESSION, "msdyn_description", &|text| {
        text.replace('\n', "\r\n")
    });
    edits.extend(rewrite(&tables::PROVIDER, "msdyn_customparams", &|_| {
        "{ \"a\": {\"deep\": true},\n  \"b\": [1.0, 2] }".to_owned()
    }));
    edits.extend(rewrite(
        &tables::PARAMETER,
        "msdyn_value",
        &|text| match Uuid::parse_str(text) {
            Ok(_) => text.to_uppercase(),
            Err(_) => text.to_owned(),
        },
    ));
    assert!(edits.len() >= 3, "{edits:?}");
    by_hand(&world, edits).await;
    world.in_sync(&declared, &Options::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_default_that_is_written_out_is_the_default() {
    let world = World::plain().await;
    let of = |more: Json| {
        let mut spec = json!({"displayName": "Call", "title": "Call", "fields": []});
        for (word, value) in more.as_object().unwrap() {
            spec[word] = value.clone();
        }
        declare(
            json!({}),
            &[document("NotificationTemplate", "contoso_call", spec)],
        )
    };
    let settings = settings(200, Some(false));
    world
        .sync(&of(json!({})), &Options::default(), &settings)
        .await;
    // The column is null, which the product interprets as yes.
    let live = world.look(&of(json!({})).desired).await;
    let rows = live.table(&tables::NOTIFICATION);
    let id = rows.named("contoso_call")[0];
    by_hand(
        &world,
        vec![Wire::Update {
            set: tables::NOTIFICATION.set.to_owned(),
            id,
            if_match: None,
            body: vec![("msdyn_showtimeout".to_owned(), Value::Cell(Cell::Null))],
        }],
    )
    .await;
    world
        .in_sync(&of(json!({"showTimeout": true})), &Options::default())
        .await;
}
