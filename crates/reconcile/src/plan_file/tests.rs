use std::collections::BTreeMap;

use deskstate_dataverse::{Cell, Value as Wire};
use deskstate_model::{Kind, ResourceKey, Table};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::fuzzing::NOTHING;
use crate::plan::{
    Action, Change, Difference, FieldChange, Guard, Operation, Reason, RowTarget, Seen,
};
use deskstate_model::tables::{PROFILE, PROFILE_USERS, SESSION, TAB};

fn saved(plan: &Plan) -> String {
    let about = About {
        environment: "prod",
        revision: None,
        sources: &SourceMap::default(),
        reach: None,
        report: &Report::default(),
    };
    write(plan, &NOTHING, &about)
}

fn empty() -> String {
    saved(&Plan::default())
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn row(table: &'static Table, number: u128) -> RowTarget {
    RowTarget {
        table,
        id: id(number),
        label: "x".to_owned(),
    }
}

fn field(path: &str, difference: Difference) -> FieldChange {
    FieldChange {
        path: path.to_owned(),
        difference,
        span: None,
        wire: format!("{path} on the wire"),
    }
}

fn value(path: &str, before: Json, after: Json) -> FieldChange {
    field(path, Difference::Value { before, after })
}

fn change(
    key: (Kind, &str),
    number: u128,
    action: Action,
    fields: Vec<FieldChange>,
    operations: Vec<Operation>,
) -> Change {
    Change {
        key: ResourceKey::new(key.0, key.1),
        id: id(number),
        action,
        reason: Reason::Declared,
        declared_at: None,
        fields,
        operations,
        left_to_server: vec!["status"],
        kept: Vec::new(),
    }
}

fn guard() -> Guard {
    Guard::Look(Seen {
        etag: None,
        modified_on: None,
    })
}

/// A plan with everything that a change can contain.
fn full() -> Plan {
    let created = change(
        (Kind::SESSION_TEMPLATE, "contoso_Café"),
        1,
        Action::Create,
        vec![
            value("displayName", Json::Null, json!("Café \"1\"\n")),
            value("anchorTab", Json::Null, json!("contoso_tab")),
        ],
        vec![Operation::Create {
            row: row(&SESSION, 1),
            body: vec![
                (
                    "msdyn_name".to_owned(),
                    Wire::Cell(Cell::Text("Café".into())),
                ),
                (
                    "msdyn_anchortab".to_owned(),
                    Wire::Bind {
                        set: "tabs".to_owned(),
                        id: id(2),
                    },
                ),
            ],
            attaches_to: None,
        }],
    );
    let updated = change(
        (Kind::APP_PROFILE, "contoso_agents"),
        3,
        Action::Update,
        vec![
            value(
                "settings",
                json!({"b": 1, "a": [true, 2.5]}),
                json!({"url": "https://a.example/?sig=Zm9vYmFyYmF6"}),
            ),
            field(
                "users",
                Difference::Added {
                    member: "ada@contoso.com".to_owned(),
                    note: Some("moves".to_owned()),
                },
            ),
            field(
                "users",
                Difference::Removed {
                    member: "kim@contoso.com".to_owned(),
                    note: None,
                },
            ),
            field(
                "type",
                Difference::Copy {
                    column: "msdyn_second",
                    after: json!(7),
                },
            ),
        ],
        vec![
            Operation::Update {
                row: row(&PROFILE, 3),
                guard: guard(),
                body: vec![("msdyn_second".to_owned(), Wire::Cell(Cell::Null))],
            },
            Operation::Link {
                relationship: &PROFILE_USERS,
                owner: id(3),
                member: id(4),
            },
            Operation::Unlink {
                relationship: &PROFILE_USERS,
                owner: id(3),
                member: id(5),
            },
        ],
    );
    let deleted = change(
        (Kind::APPLICATION_TAB, "contoso_old"),
        6,
        Action::Delete,
        Vec::new(),
        vec![Operation::Delete {
            row: row(&TAB, 6),
            guard: guard(),
            along: Vec::new(),
        }],
    );
    Plan {
        organization: Some(id(9)),
        changes: vec![created, updated, deleted],
        ..Plan::default()
    }
}

#[test]
fn a_written_plan_is_read_back() {
    let file = read(&empty()).expect("our own file");
    assert_eq!(file.environment, "prod");
    assert!(file.changes.is_empty());
    let file = read(&saved(&full())).expect("our own file");
    assert_eq!(compare(&[file], &full(), &NOTHING), Comparison::default());
}

/// The digest that Python computes for the file, according to `docs/plan-file.md`:
///
/// ```python
/// import hashlib, json
/// plan = json.load(open("plan.json"))
/// for change in plan["changes"]:
///     for key in ("reason", "declaredAt", "leftToServer", "reach"):
///         change.pop(key, None)
///     for field in change.setdefault("fields", []):
///         for key in ("note", "wire"):
///             field.pop(key, None)
///     change.setdefault("writes", [])
/// compared = {key: plan[key] for key in ("formatVersion", "organization", "definitions", "changes")}
/// text = json.dumps(compared, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
/// print("sha256:" + hashlib.sha256(text.encode()).hexdigest())
/// ```
#[test]
fn the_digest_is_the_one_that_python_computes() {
    assert_eq!(
        digest(&Plan::default(), &NOTHING).to_string(),
        "sha256:150691bcb2f168c2397e89ca87a1b8d1c0fd2d660b1257cfa270e3e782e2410b"
    );
    assert_eq!(
        digest(&full(), &NOTHING).to_string(),
        "sha256:c483cab332635ddf90befac6d339588fdfca9c3920f9f612230ceea550e1d65b"
    );
    let file = read(&saved(&full())).expect("our own file");
    assert_eq!(file.digest, digest(&full(), &NOTHING).to_string());
}

#[test]
fn an_older_and_a_newer_version_are_refused_with_what_to_do() {
    let of = |version: &str| {
        let text = empty().replace(
            "\"formatVersion\": 2",
            &format!("\"formatVersion\": {version}"),
        );
        read(&text).expect_err("another version")
    };
    let older = of("1");
    assert!(matches!(older, PlanFileError::Older { found: 1 }));
    assert!(
        older
            .to_string()
            .contains("older version of deskstate saved this plan")
    );
    assert!(
        older
            .help()
            .contains("deskstate plan --env ENVIRONMENT --out FILE")
    );
    let newer = of("3");
    assert!(matches!(newer, PlanFileError::Newer { found: 3 }));
    assert!(
        newer
            .help()
            .contains("the version of deskstate that saved it")
    );
    for nothing in ["\"2\"", "null", "-1", "2.5"] {
        assert!(matches!(of(nothing), PlanFileError::Malformed { .. }));
    }
}

#[test]
fn brackets_without_end_are_refused_before_anything_is_built() {
    let text = "[".repeat(1_000_000);
    assert!(matches!(
        read(&text),
        Err(PlanFileError::TooMuch(TooMuch::Deep(_)))
    ));
}

#[test]
fn an_unknown_field_is_refused_where_it_is_compared_and_ignored_in_the_report() {
    let text = saved(&full());
    for (place, unknown) in [
        ("{", "{\"execute\": [],"),
        ("\"kind\":", "\"also\": 1, \"kind\":"),
    ] {
        let refused = read(&text.replacen(place, unknown, 1));
        assert!(matches!(refused, Err(PlanFileError::Malformed { .. })));
    }
    let newer = text.replace("\"report\": {", "\"report\": {\"later\": {\"x\": 1},");
    assert!(newer != text && read(&newer).is_ok());
}

#[test]
fn a_file_whose_digest_does_not_fit_is_refused() {
    let text = saved(&full());
    let at = text.find("sha256:").expect("a digest") + 7;
    let other = if &text[at..=at] == "0" { "1" } else { "0" };
    let altered = format!("{}{other}{}", &text[..at], &text[at + 1..]);
    assert!(matches!(read(&altered), Err(PlanFileError::Altered)));
}

/// Everything that is compared is covered by the digest; what is only shown is not.
#[test]
fn whatever_is_edited_in_a_file_is_noticed_unless_it_is_only_shown() {
    let text = saved(&full());
    let file: Json = serde_json::from_str(&text).expect("our own file");
    let mut edits = Vec::new();
    leaves(&file["changes"], "/changes", &mut edits);
    assert!(edits.len() > 40, "{edits:?}");
    for path in edits {
        let mut edited = file.clone();
        let leaf = edited.pointer_mut(&path).expect("a leaf");
        *leaf = match &*leaf {
            Json::String(text) if Uuid::parse_str(text).is_ok() => id(77).to_string().into(),
            Json::String(text) => format!("{text}x").into(),
            Json::Number(_) => 77.into(),
            Json::Bool(known) => (!*known).into(),
            _ => "x".into(),
        };
        let shown_only = ["reason", "note", "wire"]
            .iter()
            .any(|word| path.ends_with(word))
            || path.contains("leftToServer");
        let read = read(&edited.to_string());
        assert_eq!(read.is_ok(), shown_only, "{path}: {read:?}");
    }
}

fn leaves(value: &Json, path: &str, found: &mut Vec<String>) {
    match value {
        Json::Object(map) => map
            .iter()
            .for_each(|(key, value)| leaves(value, &format!("{path}/{key}"), found)),
        Json::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, value)| leaves(value, &format!("{path}/{index}"), found)),
        _ => found.push(path.to_owned()),
    }
}

/// The divergences after `alter` changed a reviewed plan.
#[track_caller]
fn unreviewed(alter: impl FnOnce(&mut Plan)) -> Vec<Divergence> {
    let file = read(&saved(&full())).expect("our own file");
    let mut now = full();
    alter(&mut now);
    compare(&[file], &now, &NOTHING).divergences
}

#[test]
fn whatever_differs_from_the_reviewed_plan_is_refused() {
    type Alter = fn(&mut Plan);
    let cases: [(&str, Alter); 9] = [
        ("organization", |plan| plan.organization = Some(id(8))),
        ("another row", |plan| plan.changes[0].id = id(77)),
        ("a new resource", |plan| {
            plan.changes[2].key = ResourceKey::new(Kind::APPLICATION_TAB, "contoso_other");
        }),
        ("before", |plan| {
            plan.changes[0].fields[0] = value("displayName", json!("x"), json!("Café \"1\"\n"));
        }),
        ("after", |plan| {
            plan.changes[0].fields[0] = value("displayName", Json::Null, json!("Cafe"));
        }),
        ("a masked value", |plan| {
            plan.changes[1].fields[0] = value(
                "settings",
                json!({"b": 1, "a": [true, 2.5]}),
                json!({"url": "https://a.example/?sig=Zm9wYmFyYmF6"}),
            );
        }),
        ("a member under the same name", |plan| {
            plan.changes[1].operations[1] = Operation::Link {
                relationship: &PROFILE_USERS,
                owner: id(3),
                member: id(77),
            };
        }),
        ("a lookup to another row", |plan| {
            if let Operation::Create { body, .. } = &mut plan.changes[0].operations[0] {
                body[1].1 = Wire::Bind {
                    set: "tabs".to_owned(),
                    id: id(77),
                };
            }
        }),
        ("another action", |plan| {
            plan.changes[2].action = Action::Update
        }),
    ];
    for (what, alter) in cases {
        assert!(!unreviewed(alter).is_empty(), "{what}");
    }
    assert_eq!(unreviewed(|_| {}), []);
}

#[test]
fn the_rest_of_a_reviewed_plan_is_reviewed_and_what_is_done_is_not_needed() {
    let file = read(&saved(&full())).expect("our own file");
    let mut rest = full();
    // The row exists but one of its fields is missing; one member is linked; the tab is deleted.
    rest.changes.truncate(2);
    rest.changes[0].action = Action::Update;
    rest.changes[0].fields.remove(0);
    rest.changes[0].operations = vec![Operation::Update {
        row: row(&SESSION, 1),
        guard: guard(),
        body: vec![(
            "msdyn_anchortab".to_owned(),
            Wire::Bind {
                set: "tabs".to_owned(),
                id: id(2),
            },
        )],
    }];
    rest.changes[1].fields.remove(1);
    rest.changes[1].operations.remove(1);
    let compared = compare(&[file], &rest, &NOTHING);
    assert_eq!(compared.divergences, []);
    let done: Vec<(&str, Vec<&str>)> = compared
        .not_needed
        .iter()
        .map(|change| {
            let paths = change.fields.iter().map(|field| field.path.as_str());
            (change.name.as_str(), paths.collect())
        })
        .collect();
    assert_eq!(
        done,
        [
            ("contoso_agents", vec!["users"]),
            ("contoso_old", vec![]),
            ("contoso_Café", vec!["displayName"]),
        ]
    );
}

#[test]
fn changes_of_several_plans_are_reviewed_together() {
    let part = |keep: usize| {
        let mut plan = full();
        plan.changes = vec![plan.changes.remove(keep)];
        read(&saved(&plan)).expect("our own file")
    };
    let files = [part(0), part(1), part(2)];
    assert_eq!(compare(&files, &full(), &NOTHING), Comparison::default());
    let some = compare(&files[..2], &full(), &NOTHING);
    assert!(
        matches!(&some.divergences[..], [Divergence::New { change, .. }] if change.name == "contoso_old"),
        "{some:?}"
    );
}

#[test]
fn a_plan_made_with_another_definition_of_a_kind_counts_as_none() {
    let mut file = read(&saved(&full())).expect("our own file");
    file.definitions = BTreeMap::from([("AppProfile".to_owned(), "7".to_owned())]);
    let compared = compare(&[file], &full(), &NOTHING);
    assert!(
        matches!(&compared.divergences[..], [Divergence::New { change, .. }] if change.kind == "AppProfile"),
        "{compared:?}"
    );
}

#[test]
fn the_schema_accepts_what_is_written() {
    let schema = schema();
    assert_eq!(schema["title"], "Plan");
    assert_eq!(schema["additionalProperties"], false);
}
