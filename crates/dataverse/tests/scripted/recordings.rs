//! Recordings contain no people and no tokens, and replay the server's answers.

use deskstate_dataverse::{
    Changeset, Connection, Error, Filter, Operation, Outcome, Query, Reader, Rows, Session, SignIn,
};
use uuid::Uuid;
use wiremock::ResponseTemplate;

use crate::server::{changeset, connection, page, part, parts, server};

const ADA: &str = "0c0f0000-0000-4000-8000-0000000000ad";

fn queries() -> [Query; 2] {
    [
        Query::rows("systemusers")
            .select(["fullname", "domainname"])
            .filter(Filter::any_of("domainname", ["ada@contoso.com"])),
        Query::rows("cfg_queues"),
    ]
}

async fn recorded(directory: &std::path::Path) -> wiremock::MockServer {
    let user = format!(
        r#"{{"systemuserid":"{ADA}","fullname":"Ada Lovelace","domainname":"ada@contoso.com"}}"#
    );
    let queue = format!(r#"{{"cfg_name":"Gold","_ownerid_value":"{ADA}"}}"#);
    let server = server(vec![
        ResponseTemplate::new(503).insert_header("Retry-After", "0"),
        parts(200, &[page(&user, None), page(&queue, None)]),
        parts(200, &[changeset(&[part(204, "Content-ID: 1\r\n", "")])]),
    ])
    .await;
    let session = Session::open(&connection(&server).record_to(directory, str::to_owned))
        .expect("a session opens");
    session.reader().read(&queries()).await.expect("it reads");
    assert!(matches!(
        session.commit(&one_write()).await,
        Outcome::Committed
    ));
    server
}

fn one_write() -> Changeset {
    Changeset {
        operations: vec![Operation::Delete {
            set: "cfg_queues".to_owned(),
            id: Uuid::from_u128(1),
            if_match: None,
        }],
        solution: None,
    }
}

fn replaying(directory: &std::path::Path) -> Connection {
    let url = "https://contoso.crm.dynamics.com".parse().expect("a URL");
    Connection::new(url, SignIn::Token("never-sent".into())).replay_from(directory)
}

#[tokio::test]
async fn a_recording_names_nobody_and_answers_as_the_server_did() {
    let directory = tempfile::tempdir().expect("a directory");
    let _server = recorded(directory.path()).await;
    let mut files: Vec<_> = std::fs::read_dir(directory.path())
        .expect("it is there")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    assert_eq!(files.len(), 3, "one file for each request, failed ones too");
    for file in &files {
        let text = std::fs::read_to_string(file).expect("text");
        for gone in ["Ada", "ada@", "Lovelace", ADA, "contoso.com"] {
            assert!(!text.contains(gone), "{gone} in {text}");
        }
    }

    let session = Session::open(&replaying(directory.path())).expect("a session opens");
    let answers = session
        .reader()
        .read(&queries())
        .await
        .expect("as recorded");
    let [Ok(Rows { rows: users }), Ok(Rows { rows: queues })] = answers.as_slice() else {
        panic!("{answers:?}");
    };
    assert_eq!(queues[0].text("cfg_name"), Some("Gold"));
    assert_eq!(
        queues[0].uuid("_ownerid_value"),
        users[0].uuid("systemuserid"),
        "links hold"
    );
    assert!(
        users[0]
            .text("domainname")
            .is_some_and(|name| name.ends_with("@example.com"))
    );
    assert_eq!(session.reader().requests(), 2);
    assert!(matches!(
        session.commit(&one_write()).await,
        Outcome::Committed
    ));

    let end = session
        .reader()
        .read(&queries())
        .await
        .expect_err("the recording has ended");
    assert!(matches!(end, Error::Recording { .. }), "{end}");
}

#[tokio::test]
async fn a_replay_of_something_else_says_what_differs() {
    let directory = tempfile::tempdir().expect("a directory");
    let _server = recorded(directory.path()).await;
    let reader = Reader::open(&replaying(directory.path())).expect("a reader opens");
    let error = reader
        .read(&[Query::rows("systemusers"), Query::rows("cfg_queues")])
        .await
        .expect_err("another query");
    assert!(error.to_string().contains("asked `GET "), "{error}");
}

#[tokio::test]
async fn a_recording_is_not_written_over() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = recorded(directory.path()).await;
    let again = Reader::open(&connection(&server).record_to(directory.path(), str::to_owned));
    assert!(matches!(again, Err(Error::Recording { .. })));
}

#[tokio::test]
async fn an_empty_directory_is_no_recording() {
    let directory = tempfile::tempdir().expect("a directory");
    assert!(matches!(
        Reader::open(&replaying(directory.path())),
        Err(Error::Recording { .. })
    ));
}
