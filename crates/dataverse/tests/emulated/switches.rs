//! However an environment behaves where the documentation leaves it open, a refusal means that nothing was stored.

use deskstate_dataverse::{ErrorCode, Operation, Outcome, Place, Query, Reader, Session};
use deskstate_emulator::{BatchStatus, ChangesetFailure, LinkAnswer, Switches};
use uuid::Uuid;

use crate::environment::{
    FIELDS, FIELDS_OF_TEMPLATE, TEMPLATES, connection, rows, stale_update, start, stored,
    three_writes,
};
use crate::variants::{environments, with};

const TEMPLATE: Uuid = Uuid::from_u128(1);
const FIELD: Uuid = Uuid::from_u128(2);

/// The refused operation, which only a nested answer identifies.
fn named(switches: &Switches, operation: usize) -> Option<usize> {
    (switches.changeset_failure == ChangesetFailure::Nested).then_some(operation)
}

#[tokio::test]
async fn each_shape_of_a_failed_changeset_is_a_refusal_of_its_operation() {
    for changeset_failure in [
        ChangesetFailure::Nested,
        ChangesetFailure::Bare,
        ChangesetFailure::Json,
    ] {
        for batch_status in [BatchStatus::BadRequest, BatchStatus::Inner] {
            for codes_on_conditional_errors in [false, true] {
                let switches = Switches {
                    changeset_failure,
                    batch_status,
                    codes_on_conditional_errors,
                    ..Switches::default()
                };
                let emulator = start(with(&switches)).await;
                let session = Session::open(&connection(emulator.url())).expect("a session opens");
                let existing = rows(
                    session.reader(),
                    Query::rows(TEMPLATES).select(["msdyn_name"]).top(1),
                )
                .await;
                let existing = existing.rows[0]
                    .uuid("msdyn_notificationtemplateid")
                    .expect("the seed has a template");
                let mut changeset = three_writes(TEMPLATE, FIELD);
                changeset.operations.insert(1, stale_update(existing));
                let outcome = session.commit(&changeset).await;
                let Outcome::Refused { operation, error } = outcome else {
                    panic!("{outcome:?}");
                };
                assert_eq!(operation, named(&switches, 1));
                assert!(error.is_version_mismatch(), "{error}");
                assert_eq!(
                    error.place,
                    match changeset_failure {
                        ChangesetFailure::Nested => Place::Changeset,
                        ChangesetFailure::Bare => Place::Part,
                        ChangesetFailure::Json => Place::Whole,
                    }
                );
                assert_eq!(
                    error.outer_status,
                    match (changeset_failure, batch_status) {
                        (ChangesetFailure::Json, _) | (_, BatchStatus::Inner) => 412,
                        (_, BatchStatus::BadRequest) => 400,
                    }
                );
                assert!(error.request_id.is_some());
                assert_eq!(stored(session.reader(), TEMPLATE, FIELD).await, 0);
                emulator.stop().await.expect("it stops");
            }
        }
    }
}

/// The error codes of 404 and 412, which the probe finds out, make no difference: with or without them, a row that was changed or deleted
/// is reported in the same way.
#[tokio::test]
async fn a_row_that_changed_or_went_is_told_with_and_without_a_code_in_each_shape() {
    let absent = Operation::Delete {
        set: FIELDS.to_owned(),
        id: Uuid::from_u128(404),
        if_match: None,
    };
    for changeset_failure in [
        ChangesetFailure::Nested,
        ChangesetFailure::Bare,
        ChangesetFailure::Json,
    ] {
        for (status, code) in [
            (412, ErrorCode::VERSION_MISMATCH),
            (404, ErrorCode::OBJECT_DOES_NOT_EXIST),
        ] {
            for shown in [Some(true), Some(false)] {
                let switches = Switches {
                    changeset_failure,
                    code_on_stale_in_changesets: shown,
                    code_on_absent_in_changesets: shown,
                    ..Switches::default()
                };
                let emulator = start(with(&switches)).await;
                let session = Session::open(&connection(emulator.url())).expect("a session opens");
                let mut changeset = three_writes(TEMPLATE, FIELD);
                changeset.operations.push(match status {
                    404 => absent.clone(),
                    _ => stale_update(TEMPLATE),
                });
                let outcome = session.commit(&changeset).await;
                let Outcome::Refused { error, .. } = outcome else {
                    panic!("{outcome:?}");
                };
                let told = format!("{changeset_failure:?}, {status}, {shown:?}: {error}");
                assert_eq!(error.status, status, "{told}");
                assert_eq!(
                    error.code,
                    shown.filter(|shown| *shown).map(|_| code),
                    "{told}"
                );
                assert!(error.is_stale(), "{told}");
                assert_eq!(stored(session.reader(), TEMPLATE, FIELD).await, 0, "{told}");
                emulator.stop().await.expect("it stops");
            }
        }
    }
}

#[tokio::test]
async fn a_row_lives_through_every_operation() {
    for switches in environments() {
        lives(&switches).await;
    }
}

async fn lives(switches: &Switches) {
    let emulator = start(with(switches)).await;
    let session = Session::open(&connection(emulator.url())).expect("a session opens");
    let reader = session.reader();
    let changeset = three_writes(TEMPLATE, FIELD);
    assert!(matches!(
        session.commit(&changeset).await,
        Outcome::Committed
    ));
    assert_eq!(stored(reader, TEMPLATE, FIELD).await, 3);

    // the same keys a second time
    let outcome = session.commit(&changeset).await;
    let Outcome::Refused { operation, error } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(operation, named(switches, 0));
    assert_eq!(error.code, Some(ErrorCode::DUPLICATE_RECORD));

    let row = rows(reader, Query::record(TEMPLATES, TEMPLATE))
        .await
        .rows
        .remove(0);
    let title = row.text("msdyn_title").unwrap_or_default();
    assert!(
        title.contains("it's \"quoted\" --batch_ {slug}") && title.ends_with('\u{1F600}'),
        "{title:?}"
    );
    let etag = row.etag().cloned();
    assert!(etag.is_some());

    let update = Operation::Update {
        set: TEMPLATES.to_owned(),
        id: TEMPLATE,
        if_match: etag,
        body: vec![("msdyn_name".to_owned(), "renamed".into())],
    };
    let unlink = Operation::Unlink {
        set: TEMPLATES.to_owned(),
        id: TEMPLATE,
        navigation: FIELDS_OF_TEMPLATE.to_owned(),
        target: FIELD,
    };
    let delete = Operation::Delete {
        set: FIELDS.to_owned(),
        id: FIELD,
        if_match: None,
    };
    let mut second = changeset.clone();
    second.operations = vec![update, unlink, delete];
    let outcome = session.commit(&second).await;
    assert!(matches!(outcome, Outcome::Committed), "{outcome:?}");
    assert_eq!(stored(reader, TEMPLATE, FIELD).await, 1);
    let row = rows(reader, Query::record(TEMPLATES, TEMPLATE))
        .await
        .rows
        .remove(0);
    assert_eq!(row.text("msdyn_name"), Some("renamed"));
    emulator.stop().await.expect("it stops");
}

#[tokio::test]
async fn what_a_link_that_exists_means_is_told_by_the_code() {
    for switches in environments() {
        let answer = switches.associate_again;
        let emulator = start(with(&switches)).await;
        let session = Session::open(&connection(emulator.url())).expect("a session opens");
        let mut changeset = three_writes(TEMPLATE, FIELD);
        assert!(matches!(
            session.commit(&changeset).await,
            Outcome::Committed
        ));
        changeset.operations.drain(..2);
        let outcome = session.commit(&changeset).await;
        match (answer, outcome) {
            (LinkAnswer::Accepted, Outcome::Committed) => {}
            (LinkAnswer::Refused, Outcome::Refused { operation, error }) => {
                // the changeset's only operation
                assert_eq!(operation, Some(0));
                assert_eq!(error.code, Some(ErrorCode::DUPLICATE_RECORD));
            }
            (_, other) => panic!("{answer:?}: {other:?}"),
        }
        emulator.stop().await.expect("it stops");
    }
}

#[tokio::test]
async fn what_an_environment_lacks_is_told_apart() {
    for switches in environments() {
        told_apart(switches).await;
    }
}

async fn told_apart(switches: Switches) {
    let switches = Switches {
        missing_tables: ["msdyn_chtprofileconfiguration".to_owned()].into(),
        missing_columns: ["msdyn_sessiontemplate.msdyn_sessionicon".to_owned()].into(),
        ..switches
    };
    let emulator = start(with(&switches)).await;
    let reader = Reader::open(&connection(emulator.url())).expect("a reader opens");
    let sessions =
        Query::rows("msdyn_sessiontemplates").select(["msdyn_name", "msdyn_sessionicon"]);
    let answers = reader
        .read(&[
            sessions.clone(),
            Query::rows("msdyn_chtprofileconfigurations"),
            Query::record("msdyn_sessiontemplates", TEMPLATE),
            sessions.without_columns(&["msdyn_sessionicon"]),
        ])
        .await
        .expect("the emulator answers");
    let refused = |at: usize| answers[at].as_ref().expect_err("it is refused");
    assert!(refused(0).is_unknown_column(), "{}", refused(0));
    assert!(refused(1).is_unknown_set(), "{}", refused(1));
    assert!(refused(2).is_absent(), "{}", refused(2));
    assert!(answers[3].as_ref().is_ok_and(|rows| !rows.rows.is_empty()));
    assert_eq!(reader.requests(), 1);
    emulator.stop().await.expect("it stops");
}
