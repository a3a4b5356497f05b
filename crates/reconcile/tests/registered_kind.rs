//! A kind that is not built in: a single table of plain data is enough to validate, plan, apply and export it.
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

use deskstate_model::{
    Definition, Field, Holds, Kind, Names, Need, RegisterError, RowValue, RowValueIs, Table,
    load_texts,
};
use deskstate_reconcile::export::{Selection, export, write};
use deskstate_reconcile::plan::{Action, Difference, Options};
use deskstate_reconcile::raise;
use serde_json::{Value as Json, json};
use world::{World, declare, settings};

static WORKSTREAM: Table = Table {
    logical: "msdyn_liveworkstream",
    set: "msdyn_liveworkstreams",
    key: "msdyn_liveworkstreamid",
    name: Some("msdyn_name"),
    label: "msdyn_name",
    shown: None,
    component: true,
    level: 3,
};

static NAME: Field = Field::new("name", "msdyn_name", Holds::Text);

static FIELDS: &[Field] = &[
    Field {
        meaning: "The notification of a conversation that comes in.",
        need: Need::Required,
        max_length: Some(200),
        ..Field::new(
            "incoming",
            "msdyn_notificationtemplate_incoming_auth",
            Holds::Text,
        )
    },
    Field {
        meaning: "The notification of a consultation.",
        max_length: Some(200),
        ..Field::new("consult", "msdyn_notificationtemplate_consult", Holds::Text)
    },
];

/// The server requires the channel of a new row.
static CHANNEL: Field = Field {
    is_written: false,
    ..Field::new("channel", "msdyn_streamsource", Holds::Option)
};

static WORKSTREAMS: Definition = Definition {
    word: "Workstream",
    title: "Workstream",
    meaning: "How conversations come in.",
    folder: "workstreams",
    table: &WORKSTREAM,
    name: &NAME,
    names: Names::Free,
    fields: FIELDS,
    rows: &[RowValue {
        field: &CHANNEL,
        is: RowValueIs::Number(192_350_002),
    }],
    ..Definition::NOTHING
};

/// Uses the name of an existing kind.
static OTHER: Definition = Definition {
    word: "AppProfile",
    table: &WORKSTREAM,
    ..Definition::NOTHING
};

fn workstream(spec: &Json) -> Json {
    json!({"apiVersion": "deskstate/v1", "kind": "Workstream", "metadata": {"name": "Contoso night shift"}, "spec": spec})
}

/// The findings about a document, by code and message.
fn found(document: &Json) -> Vec<(String, String)> {
    let project = json!({"apiVersion": "deskstate/v1", "kind": "Project", "metadata": {"name": "desk"}, "spec": {}});
    let texts = [
        ("deskstate.yaml", project),
        ("manifests/all.yaml", document.clone()),
    ];
    let texts = texts.map(|(path, document)| (path.to_owned(), document.to_string()));
    let (_, found) = load_texts(texts.into(), None);
    let errors = found
        .into_iter()
        .filter(deskstate_model::Diagnostic::is_error);
    errors
        .map(|finding| (finding.code.to_owned(), finding.message))
        .collect()
}

#[tokio::test]
async fn a_kind_that_is_registered_is_validated_planned_applied_and_exported() {
    let kind = Kind::register(&WORKSTREAMS).unwrap();
    assert_eq!(Kind::register(&WORKSTREAMS), Ok(kind), "once is enough");
    assert_eq!(
        Kind::register(&OTHER),
        Err(RegisterError::Taken("AppProfile"))
    );
    assert_eq!("Workstream".parse(), Ok(kind));

    // Validated by the same decoder, schema and messages as every other kind.
    assert_eq!(found(&workstream(&json!({"incoming": "contoso_call"}))), []);
    let lacking = found(&workstream(&json!({"consult": "contoso_consult"})));
    assert_eq!(
        lacking,
        [(
            "missing-field".to_owned(),
            "`incoming` is missing".to_owned()
        )]
    );
    let misspelt = found(&workstream(
        &json!({"incoming": "contoso_call", "consul": "x"}),
    ));
    assert_eq!(misspelt.len(), 1, "{misspelt:?}");
    assert_eq!(misspelt[0].0, "unknown-field");

    // Planned and applied.
    let world = World::plain().await;
    let spec = json!({"incoming": "contoso_call", "consult": "contoso_consult"});
    let declared = declare(json!({}), &[workstream(&spec)]);
    let (plan, _) = world.plan(&declared, &Options::default()).await;
    let actions: Vec<(String, Action)> = plan
        .changes
        .iter()
        .map(|change| (change.key.to_string(), change.action))
        .collect();
    assert_eq!(
        actions,
        [("Workstream Contoso night shift".to_owned(), Action::Create)]
    );
    world
        .sync(&declared, &Options::default(), &settings(1000, None))
        .await;

    // A change is reported in the terms of the manifest.
    let spec = json!({"incoming": "contoso_other", "consult": null});
    let changed = declare(json!({}), &[workstream(&spec)]);
    let (plan, _) = world.plan(&changed, &Options::default()).await;
    let fields: Vec<(String, Json, Json)> = plan.changes[0]
        .fields
        .iter()
        .map(|field| match &field.difference {
            Difference::Value { before, after } => {
                (field.path.clone(), before.clone(), after.clone())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        fields,
        [
            (
                "incoming".to_owned(),
                json!("contoso_call"),
                json!("contoso_other")
            ),
            ("consult".to_owned(), json!("contoso_consult"), Json::Null),
        ]
    );

    // Exported into its folder, and the export plans to nothing.
    let live = world.look(&declared.desired).await;
    let exported = export(&live, &Selection::default(), raise::Options::default());
    let document = exported
        .documents
        .iter()
        .find(|document| {
            document.key.kind == kind && document.key.name.as_written() == "Contoso night shift"
        })
        .unwrap();
    assert_eq!(
        deskstate_reconcile::export::file_names([&document.key]),
        ["workstreams/Contoso-night-shift.yaml"]
    );
    let text = write(document);
    assert!(text.contains("kind: Workstream"), "{text}");
    let written: Json = serde_yaml::from_str(&text).unwrap();
    let exported = declare(json!({}), &[written]);
    world.in_sync(&exported, &Options::default()).await;
}
