//! Writes to a scripted server: the meaning of each reply. Facts: Execute batch operations using the Web API.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::server::{bodies, changeset, connection, connection_to, error, part, parts, server};
use deskstate_dataverse::{
    Budget, Changeset, Error, ErrorCode, Etag, Operation, Outcome, Place, Session, Stop, Timeouts,
    Value, WaitCause, Waiting,
};
use uuid::Uuid;
use wiremock::{MockServer, ResponseTemplate};

const GOLD: Uuid = Uuid::from_u128(1);
const CALLS: Uuid = Uuid::from_u128(2);

fn session(server: &MockServer) -> Session {
    Session::open(&connection(server)).expect("a session opens without a network")
}

fn two_writes() -> Changeset {
    Changeset {
        operations: vec![
            Operation::Create {
                set: "cfg_queues".to_owned(),
                key_column: "cfg_queueid".to_owned(),
                id: GOLD,
                body: vec![
                    ("cfg_name".to_owned(), Value::from("Gold\r\n--batch_")),
                    (
                        "cfg_Parent".to_owned(),
                        Value::Bind {
                            set: "cfg_queues".to_owned(),
                            id: CALLS,
                        },
                    ),
                ],
            },
            Operation::Update {
                set: "cfg_queues".to_owned(),
                id: CALLS,
                if_match: Etag::new("W/\"7\""),
                body: vec![("cfg_Parent".to_owned(), Value::Unbind)],
            },
        ],
        solution: Some("ContosoDesk".to_owned()),
    }
}

fn done() -> ResponseTemplate {
    parts(
        200,
        &[changeset(&[
            part(204, "Content-ID: 1\r\n", ""),
            part(204, "Content-ID: 2\r\n", ""),
        ])],
    )
}

#[tokio::test]
async fn a_changeset_is_one_request_and_committed_when_every_operation_is_answered() {
    let server = server(vec![done()]).await;
    let outcome = session(&server).commit(&two_writes()).await;
    assert!(matches!(outcome, Outcome::Committed), "{outcome:?}");
    let sent = bodies(&server).await;
    assert_eq!(sent.len(), 1);
    let origin = server.uri();
    for piece in [
        format!(
            "POST {origin}/api/data/v9.2/cfg_queues HTTP/1.1\r\nContent-Type: application/json; type=entry\r\nMSCRM.SolutionUniqueName: ContosoDesk\r\n\r\n{{\"cfg_queueid\":\"{GOLD}\",\"cfg_name\":\"Gold\\r\\n--batch_\",\"cfg_Parent@odata.bind\":\"/cfg_queues({CALLS})\"}}\r\n"
        ),
        format!("PATCH {origin}/api/data/v9.2/cfg_queues({CALLS}) HTTP/1.1\r\n"),
        "If-Match: W/\"7\"\r\n".to_owned(),
        "{\"cfg_Parent\":null}".to_owned(),
        "Content-ID: 2\r\n".to_owned(),
    ] {
        assert!(sent[0].contains(&piece), "{piece}\nin\n{}", sent[0]);
    }
    let requests = server
        .received_requests()
        .await
        .expect("requests are recorded");
    assert!(
        !requests[0].headers.contains_key("prefer"),
        "a failure must stop the changeset"
    );
}

#[tokio::test]
async fn a_refusal_names_the_operation_in_each_documented_shape() {
    let stale = |headers: &str| error(412, headers, "0x80060882", "The version does not match");
    for (reply, operation, place) in [
        (
            parts(412, &[changeset(&[stale("Content-ID: 2\r\n")])]),
            Some(1),
            Place::Changeset,
        ),
        (
            parts(200, &[changeset(&[stale("Content-ID: 2\r\n")])]),
            Some(1),
            Place::Changeset,
        ),
        (
            parts(400, &[stale("Content-ID: 2\r\n")]),
            Some(1),
            Place::Part,
        ),
        (parts(400, &[stale("")]), None, Place::Part),
        (
            parts(400, &[changeset(&[stale("")])]),
            None,
            Place::Changeset,
        ),
        (
            parts(400, &[changeset(&[part(204, "", ""), stale("")])]),
            Some(1),
            Place::Changeset,
        ),
        (parts(400, &[stale("Content-ID: 9\r\n")]), None, Place::Part),
        (parts(400, &[stale("Content-ID: x\r\n")]), None, Place::Part),
    ] {
        let server = server(vec![reply]).await;
        let outcome = session(&server).commit(&two_writes()).await;
        let Outcome::Refused {
            operation: named,
            error,
        } = outcome
        else {
            panic!("{outcome:?}")
        };
        assert_eq!((named, error.place), (operation, place));
        assert!(error.is_version_mismatch());
        assert_eq!(error.status, 412);
        assert_eq!(error.request_id.as_deref(), Some("5f1c1d9e"));
        if operation.is_some() {
            assert_eq!(error.method, "PATCH");
            assert!(error.path.ends_with(&format!("cfg_queues({CALLS})")));
        }
        assert_eq!(bodies(&server).await.len(), 1, "a refusal is not repeated");
    }
}

#[tokio::test]
async fn an_unusable_batch_is_refused_whole() {
    let server = server(vec![ResponseTemplate::new(400).set_body_raw(
        r#"{"error":{"code":"","message":"Invalid multipart"}}"#,
        "application/json",
    )])
    .await;
    let outcome = session(&server).commit(&two_writes()).await;
    let Outcome::Refused {
        operation: None,
        error,
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    assert_eq!(
        (error.place, error.status, error.message.as_str()),
        (Place::Whole, 400, "Invalid multipart")
    );
}

#[tokio::test]
async fn an_answer_that_proves_nothing_leaves_the_outcome_unknown_and_is_not_repeated() {
    let cut = "--batchresponse_1\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n";
    for (what, reply) in [
        ("502", ResponseTemplate::new(502)),
        ("504", ResponseTemplate::new(504)),
        ("500", ResponseTemplate::new(500)),
        ("503 without a time", ResponseTemplate::new(503)),
        (
            "503 with a time",
            ResponseTemplate::new(503).insert_header("Retry-After", "0"),
        ),
        ("408", ResponseTemplate::new(408)),
        (
            "a page",
            ResponseTemplate::new(200).set_body_raw("<html>", "text/html"),
        ),
        (
            "a cut reply",
            ResponseTemplate::new(200)
                .set_body_raw(cut, "multipart/mixed; boundary=batchresponse_1"),
        ),
        (
            "too few answers",
            parts(200, &[changeset(&[part(204, "", "")])]),
        ),
        (
            "too many answers",
            parts(
                200,
                &[changeset(&[
                    part(204, "", ""),
                    part(204, "", ""),
                    part(204, "", ""),
                ])],
            ),
        ),
        ("an empty changeset", parts(200, &[changeset(&[])])),
        ("no answer", parts(200, &[])),
        (
            "two answers",
            parts(
                200,
                &[
                    changeset(&[part(204, "", ""), part(204, "", "")]),
                    part(200, "", "{}"),
                ],
            ),
        ),
        ("a lone success", parts(200, &[part(204, "", "")])),
    ] {
        let server = server(vec![reply, done()]).await;
        let outcome = session(&server).commit(&two_writes()).await;
        assert!(
            matches!(outcome, Outcome::Unknown { .. }),
            "{what}: {outcome:?}"
        );
        assert_eq!(bodies(&server).await.len(), 1, "{what}");
    }
}

#[tokio::test]
async fn what_was_turned_away_at_the_door_is_sent_again() {
    let server = server(vec![
        ResponseTemplate::new(429).insert_header("Retry-After", "0"),
        ResponseTemplate::new(429),
        done(),
    ])
    .await;
    let outcome = session(&server).commit(&two_writes()).await;
    assert!(matches!(outcome, Outcome::Committed), "{outcome:?}");
    assert_eq!(bodies(&server).await.len(), 3);
}

#[tokio::test]
async fn a_running_solution_operation_is_waited_for() {
    let locked = error(
        400,
        "Content-ID: 1\r\n",
        "0x80071151",
        "Cannot start the requested operation because there is another one running",
    );
    let server = server(vec![
        parts(400, &[changeset(std::slice::from_ref(&locked))]),
        done(),
    ])
    .await;
    let outcome = session(&server).commit(&two_writes()).await;
    assert!(matches!(outcome, Outcome::Committed), "{outcome:?}");

    let server = crate::server::server(vec![parts(400, &[changeset(&[locked])])]).await;
    let connection = connection(&server).budget(Budget {
        attempts: 1,
        time: Duration::from_millis(100),
        first_delay: Duration::from_millis(1),
        longest_delay: Duration::from_millis(5),
        ..Budget::default()
    });
    let session = Session::open(&connection).expect("a session opens");
    let outcome = session.commit(&two_writes()).await;
    let Outcome::Refused { error, .. } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(error.code, Some(ErrorCode::CUSTOMIZATION_LOCKED));
    let sent = bodies(&server).await.len();
    assert!(
        (2..100).contains(&sent),
        "the time is kept, whatever the attempts: {sent}"
    );
}

#[tokio::test]
async fn a_time_out_leaves_the_outcome_unknown() {
    let server = server(vec![done().set_delay(Duration::from_secs(5))]).await;
    let connection = connection(&server).timeouts(Timeouts {
        write: Duration::from_millis(50),
        ..Timeouts::default()
    });
    let session = Session::open(&connection).expect("a session opens");
    let outcome = session.commit(&two_writes()).await;
    let Outcome::Unknown {
        cause: Error::TimedOut { .. },
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    assert_eq!(bodies(&server).await.len(), 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_carried_out_nothing() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    // a port that was just released refuses connections
    drop(listener);
    let connection = connection_to(&format!("http://{address}"));
    let session = Session::open(&connection).expect("a session opens");
    let outcome = session.commit(&two_writes()).await;
    let Outcome::NotAttempted { cause } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(matches!(cause, Error::Unreachable { .. }), "{cause}");
}

#[tokio::test]
async fn after_the_stop_signal_nothing_is_sent() {
    let server = server(vec![done()]).await;
    let stop = Stop::new();
    let session =
        Session::open(&connection(&server).stop_on(stop.clone())).expect("a session opens");
    stop.stop();
    let outcome = session.commit(&two_writes()).await;
    assert!(
        matches!(
            outcome,
            Outcome::NotAttempted {
                cause: Error::Stopped
            }
        ),
        "{outcome:?}"
    );
    assert_eq!(bodies(&server).await.len(), 0);
}

#[tokio::test]
async fn a_write_on_its_way_is_awaited_in_spite_of_the_stop_signal() {
    let server = server(vec![done().set_delay(Duration::from_millis(200))]).await;
    let stop = Stop::new();
    let session =
        Session::open(&connection(&server).stop_on(stop.clone())).expect("a session opens");
    let changeset = two_writes();
    let (outcome, ()) = tokio::join!(session.commit(&changeset), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.stop();
    });
    assert!(matches!(outcome, Outcome::Committed), "{outcome:?}");
}

#[tokio::test]
async fn a_changeset_that_cannot_be_written_is_not_attempted() {
    let server = server(vec![done()]).await;
    let empty = Changeset::default();
    let bad_name = Changeset {
        operations: vec![Operation::Delete {
            set: "cfg_queues(1)/x".to_owned(),
            id: GOLD,
            if_match: None,
        }],
        solution: None,
    };
    for changeset in [empty, bad_name] {
        let outcome = session(&server).commit(&changeset).await;
        assert!(
            matches!(
                outcome,
                Outcome::NotAttempted {
                    cause: Error::InvalidRequest(_)
                }
            ),
            "{outcome:?}"
        );
    }
    assert_eq!(bodies(&server).await.len(), 0);
}

#[tokio::test]
async fn a_long_wait_ends_at_once_when_asked_to_stop() {
    let server = server(vec![
        ResponseTemplate::new(429).insert_header("Retry-After", "15"),
    ])
    .await;
    let stop = Stop::new();
    let session =
        Session::open(&connection(&server).stop_on(stop.clone())).expect("a session opens");
    let changeset = two_writes();
    let begun = std::time::Instant::now();
    let (outcome, ()) = tokio::join!(session.commit(&changeset), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.stop();
    });
    assert!(
        matches!(
            outcome,
            Outcome::NotAttempted {
                cause: Error::Stopped
            }
        ),
        "{outcome:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn each_wait_is_told_with_its_cause() {
    let locked = error(
        400,
        "Content-ID: 1\r\n",
        "0x80071151",
        "another one running",
    );
    let server = server(vec![
        ResponseTemplate::new(429).insert_header("Retry-After", "0"),
        parts(400, &[changeset(&[locked])]),
        done(),
    ])
    .await;
    let told: Arc<Mutex<Vec<WaitCause>>> = Arc::default();
    let connection = connection(&server).on_wait({
        let told = Arc::clone(&told);
        move |waiting: Waiting| told.lock().expect("no panics").push(waiting.cause)
    });
    let session = Session::open(&connection).expect("a session opens");
    assert!(matches!(
        session.commit(&two_writes()).await,
        Outcome::Committed
    ));
    assert_eq!(
        *told.lock().expect("no panics"),
        [WaitCause::ServiceProtection, WaitCause::SolutionOperation]
    );
}
