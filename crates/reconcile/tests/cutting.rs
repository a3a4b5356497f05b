//! The order of writes, and where a plan that exceeds the size of a transaction is cut.

use deskstate_dataverse::Value;
use deskstate_model::tables::{
    NOTIFICATION, NOTIFICATION_FIELD, NOTIFICATION_FIELDS, PANE, PARAMETER, PROFILE,
    PROFILE_SESSIONS, PROFILE_USERS, ROLE_MAPPING, SCRIPT, SESSION, SESSION_TABS, STEP, TAB,
};
use deskstate_model::{Kind, ResourceKey};
use deskstate_model::{Relationship, Table};
use deskstate_reconcile::plan::{
    Action, Change, Guard, Limits, Operation, Plan, Reason, RowTarget, Seen, Transaction,
    transactions,
};
use uuid::Uuid;

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn target(table: &'static Table, number: u128) -> RowTarget {
    RowTarget {
        table,
        id: id(number),
        label: number.to_string(),
    }
}

fn guard() -> Guard {
    Guard::Look(Seen {
        etag: None,
        modified_on: None,
    })
}

fn create(table: &'static Table, number: u128) -> Operation {
    Operation::Create {
        row: target(table, number),
        body: Vec::new(),
        attaches_to: None,
    }
}

/// A new row that refers to another.
fn create_with(table: &'static Table, number: u128, other: u128) -> Operation {
    Operation::Create {
        row: target(table, number),
        body: vec![("other".to_owned(), bind(other))],
        attaches_to: None,
    }
}

fn bind(number: u128) -> Value {
    Value::Bind {
        set: "rows".to_owned(),
        id: id(number),
    }
}

/// A new part of an existing row.
fn attach(table: &'static Table, number: u128, parent: u128) -> Operation {
    Operation::Create {
        row: target(table, number),
        body: vec![("parent".to_owned(), bind(parent))],
        attaches_to: Some(id(parent)),
    }
}

fn update(table: &'static Table, number: u128) -> Operation {
    Operation::Update {
        row: target(table, number),
        guard: guard(),
        body: Vec::new(),
    }
}

fn update_with(table: &'static Table, number: u128, other: u128) -> Operation {
    Operation::Update {
        row: target(table, number),
        guard: guard(),
        body: vec![("other".to_owned(), bind(other))],
    }
}

fn delete(table: &'static Table, number: u128) -> Operation {
    Operation::Delete {
        row: target(table, number),
        guard: guard(),
        along: Vec::new(),
    }
}

fn link(relationship: &'static Relationship, owner: u128, member: u128) -> Operation {
    Operation::Link {
        relationship,
        owner: id(owner),
        member: id(member),
    }
}

fn unlink(relationship: &'static Relationship, owner: u128, member: u128) -> Operation {
    Operation::Unlink {
        relationship,
        owner: id(owner),
        member: id(member),
    }
}

fn change(action: Action, number: u128, operations: Vec<Operation>) -> Change {
    Change {
        key: ResourceKey::new(Kind::APPLICATION_TAB, &format!("contoso_{number}")),
        id: id(number),
        action,
        reason: Reason::Declared,
        declared_at: None,
        fields: Vec::new(),
        operations,
        left_to_server: Vec::new(),
        kept: Vec::new(),
    }
}

fn cut(changes: Vec<Change>, operations: usize, server_adds_parts: bool) -> Vec<Transaction> {
    let plan = Plan {
        changes,
        ..Plan::default()
    };
    transactions(
        &plan,
        Limits {
            operations,
            server_adds_parts,
            server_rewrites_parts: false,
        },
    )
}

/// `+ ~ -` and the number of a row, or `owner&member` of a link.
fn word(operation: &Operation) -> String {
    match operation {
        Operation::Create { row, .. } => format!("+{}", row.label),
        Operation::Update { row, .. } => format!("~{}", row.label),
        Operation::Delete { row, .. } => format!("-{}", row.label),
        Operation::Link { owner, member, .. } => {
            format!("+{}&{}", owner.as_u128(), member.as_u128())
        }
        Operation::Unlink { owner, member, .. } => {
            format!("-{}&{}", owner.as_u128(), member.as_u128())
        }
    }
}

/// The transactions, each as text.
fn words(cut: &[Transaction]) -> Vec<String> {
    cut.iter()
        .map(|transaction| {
            let words: Vec<String> = transaction.operations.iter().map(word).collect();
            words.join(" ")
        })
        .collect()
}

#[test]
fn a_transaction_creates_what_hangs_on_nothing_updates_attaches_unlinks_links_and_deletes_last() {
    let everything = vec![
        delete(&TAB, 90),
        delete(&PROFILE, 93),
        delete(&SESSION, 92),
        link(&PROFILE_USERS, 40, 70),
        link(&SESSION_TABS, 42, 71),
        unlink(&PROFILE_USERS, 41, 70),
        attach(&ROLE_MAPPING, 31, 40),
        attach(&PARAMETER, 30, 20),
        update(&PROFILE, 40),
        update(&TAB, 20),
        create(&PROFILE, 13),
        create(&PARAMETER, 11),
        create(&SESSION, 12),
        create(&TAB, 10),
    ];
    let cut = cut(vec![change(Action::Update, 1, everything)], 100, false);
    assert_eq!(
        words(&cut),
        ["+10 +11 +12 +13 ~20 ~40 +30 +31 -41&70 +42&71 +40&70 -93 -92 -90"]
    );
    assert!(!cut[0].look_after);
}

#[test]
fn users_are_linked_after_everything_else_whatever_the_relationships_are_called() {
    let links = vec![
        link(&PROFILE_USERS, 1, 9),
        link(&SESSION_TABS, 1, 9),
        link(&PROFILE_SESSIONS, 1, 9),
    ];
    let cut = cut(vec![change(Action::Update, 1, links)], 100, false);
    let names: Vec<&str> = cut[0]
        .operations
        .iter()
        .filter_map(|operation| match operation {
            Operation::Link { relationship, .. } => Some(relationship.schema_name),
            _ => None,
        })
        .collect();
    assert_eq!(
        names,
        [
            PROFILE_SESSIONS.schema_name,
            SESSION_TABS.schema_name,
            PROFILE_USERS.schema_name
        ]
    );
}

/// Tabs with two parameters each, distinguished by their numbers: 10 with 11 and 12, 20 with 21 and 22, …
fn tabs(count: u128) -> Vec<Change> {
    (1..=count)
        .map(|tab| tab * 10)
        .map(|tab| {
            let operations = vec![
                create(&TAB, tab),
                create_with(&PARAMETER, tab + 1, tab),
                create_with(&PARAMETER, tab + 2, tab),
            ];
            change(Action::Create, tab, operations)
        })
        .collect()
}

#[test]
fn a_resource_and_its_parts_stay_together_and_a_transaction_takes_as_many_as_fit() {
    for (most, expected) in [
        (9, vec!["+10 +20 +30 +11 +12 +21 +22 +31 +32"]),
        (8, vec!["+10 +20 +11 +12 +21 +22", "+30 +31 +32"]),
        (6, vec!["+10 +20 +11 +12 +21 +22", "+30 +31 +32"]),
        (5, vec!["+10 +11 +12", "+20 +21 +22", "+30 +31 +32"]),
        (3, vec!["+10 +11 +12", "+20 +21 +22", "+30 +31 +32"]),
    ] {
        assert_eq!(words(&cut(tabs(3), most, false)), expected, "{most}");
    }
}

#[test]
fn a_resource_that_fits_in_no_transaction_is_cut_in_the_order_of_writes_and_shares_none() {
    let mut changes = vec![change(Action::Update, 1, vec![update(&PANE, 1)])];
    changes.extend(tabs(1));
    changes.push(change(Action::Update, 2, vec![update(&PANE, 2)]));
    assert_eq!(
        words(&cut(changes, 2, false)),
        ["~1", "+10 +11", "+12", "~2"]
    );
    assert_eq!(words(&cut(tabs(1), 0, false)), ["+10", "+11", "+12"]);
}

#[test]
fn what_refers_to_new_rows_comes_after_them_when_a_plan_is_cut() {
    let changes = vec![
        change(Action::Create, 1, vec![create_with(&SESSION, 1, 3)]),
        change(Action::Update, 2, vec![update_with(&PROFILE, 2, 4)]),
        change(Action::Create, 3, vec![create(&TAB, 3)]),
        change(Action::Create, 4, vec![create(&TAB, 4)]),
    ];
    assert_eq!(words(&cut(changes, 1, false)), ["+3", "+1", "+4", "~2"]);
}

#[test]
fn scripts_that_lead_to_each_other_are_created_together() {
    let script = |script: u128, next: u128| {
        let operations = vec![
            create(&SCRIPT, script),
            create_with(&STEP, script + 1, next),
        ];
        change(Action::Create, script, operations)
    };
    let changes = vec![script(10, 20), script(20, 10), script(30, 30)];
    assert_eq!(
        words(&cut(changes, 4, false)),
        ["+10 +20 +11 +21", "+30 +31"]
    );
}

#[test]
fn a_user_who_moves_is_never_between_two_profiles_when_a_plan_is_cut() {
    let profile =
        |profile: u128, operations: Vec<Operation>| change(Action::Update, profile, operations);
    let changes = vec![
        profile(
            1,
            vec![
                unlink(&PROFILE_USERS, 2, 70),
                link(&PROFILE_USERS, 1, 70),
                unlink(&PROFILE_USERS, 1, 71),
                link(&PROFILE_SESSIONS, 1, 60),
                unlink(&PROFILE_SESSIONS, 1, 61),
            ],
        ),
        profile(2, vec![link(&PROFILE_USERS, 2, 71)]),
    ];
    assert_eq!(
        words(&cut(changes, 2, false)),
        ["-1&61 +1&60", "-2&70 +1&70", "-1&71 +2&71"]
    );
}

#[test]
fn a_member_that_is_deleted_with_its_link_goes_in_the_same_transaction() {
    let template = vec![
        update(&NOTIFICATION, 1),
        unlink(&NOTIFICATION_FIELDS, 1, 50),
        delete(&NOTIFICATION_FIELD, 50),
    ];
    let gone = vec![delete(&PANE, 9)];
    let changes = vec![
        change(Action::Update, 1, template),
        change(Action::Delete, 9, gone),
    ];
    assert_eq!(words(&cut(changes, 2, false)), ["~1", "-1&50 -50", "-9"]);
}

#[test]
fn resources_that_go_are_deleted_after_all_others_are_written_and_unlinked() {
    let changes = vec![
        change(Action::Delete, 1, vec![delete(&PANE, 1), delete(&PANE, 11)]),
        change(Action::Update, 2, vec![link(&SESSION_TABS, 2, 60)]),
        change(Action::Update, 3, vec![update(&PANE, 3)]),
    ];
    assert_eq!(words(&cut(changes, 2, false)), ["~3 +2&60", "-1 -11"]);
}

#[test]
fn where_the_server_adds_parts_the_rows_that_get_them_go_first_and_are_looked_at() {
    let changes = || {
        vec![
            change(
                Action::Create,
                10,
                vec![create(&TAB, 10), create_with(&PARAMETER, 11, 10)],
            ),
            change(
                Action::Update,
                20,
                vec![update(&TAB, 20), attach(&PARAMETER, 21, 20)],
            ),
            change(Action::Update, 30, vec![update(&TAB, 30)]),
            change(Action::Create, 40, vec![create(&SESSION, 40)]),
            change(
                Action::Update,
                50,
                vec![update(&PROFILE, 50), attach(&ROLE_MAPPING, 51, 50)],
            ),
        ]
    };
    let early = cut(changes(), 100, true);
    assert_eq!(words(&early), ["+10 ~20", "+11 +40 ~30 ~50 +21 +51"]);
    assert_eq!(
        early.iter().map(|one| one.look_after).collect::<Vec<_>>(),
        [true, false]
    );
    let plain = cut(changes(), 100, false);
    assert_eq!(words(&plain), ["+10 +11 +40 ~20 ~30 ~50 +21 +51"]);
    // Rows without parts need not stay together, so they fill transactions completely.
    let small = cut(changes(), 1, true);
    assert_eq!(words(&small)[..2], ["+10", "~20"]);
}

#[test]
fn a_plan_of_nothing_is_no_transaction() {
    assert_eq!(cut(Vec::new(), 10, true), []);
}
