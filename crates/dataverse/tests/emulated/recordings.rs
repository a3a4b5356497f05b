//! A recording of a complete environment contains none of its people, and can be replayed.

use deskstate_dataverse::{Query, Reader};
use deskstate_emulator::Switches;

use crate::environment::{connection, start};
use crate::variants::{environments, with};

#[tokio::test]
async fn a_recording_of_an_environment_names_none_of_its_people() {
    for switches in environments() {
        names_nobody(&switches).await;
    }
}

async fn names_nobody(switches: &Switches) {
    let emulator = start(with(switches)).await;
    let directory = tempfile::tempdir().expect("a directory");
    let queries = [
        Query::rows("systemusers").annotations(),
        Query::rows("systemuserrolescollection"),
        Query::rows("msdyn_appconfiguration_systemuserset"),
        Query::rows("msdyn_sessiontemplates").annotations(),
        Query::rows("msdyn_channelproviders").annotations(),
        Query::rows("audits").annotations(),
        Query::who_am_i(),
    ];
    let recording = connection(emulator.url()).record_to(directory.path(), str::to_owned);
    let answers = Reader::open(&recording)
        .expect("a reader opens")
        .read(&queries)
        .await
        .expect("the emulator answers");
    let users = answers[0].as_ref().expect("users are answered");
    let mut personal: Vec<&str> = Vec::new();
    for user in users {
        let columns = [
            "fullname",
            "domainname",
            "internalemailaddress",
            "systemuserid",
        ];
        personal.extend(columns.into_iter().filter_map(|column| user.text(column)));
    }
    assert!(personal.len() > 20, "the seed has people");
    let mut text = String::new();
    for entry in std::fs::read_dir(directory.path()).expect("it is there") {
        let path = entry.expect("a file").path();
        text.push_str(&std::fs::read_to_string(path).expect("text"));
    }
    for value in personal {
        assert!(!text.contains(value), "`{value}` is in the recording");
    }

    let replay = connection("http://127.0.0.1:1").replay_from(directory.path());
    let replayed = Reader::open(&replay)
        .expect("a reader opens")
        .read(&queries)
        .await
        .expect("as recorded");
    for (replayed, answer) in replayed.iter().zip(&answers) {
        match (replayed, answer) {
            (Ok(replayed), Ok(answer)) => assert_eq!(replayed.rows.len(), answer.rows.len()),
            (Err(replayed), Err(answer)) => assert_eq!(replayed.code, answer.code),
            _ => panic!("{replayed:?} for {answer:?}"),
        }
    }
    emulator.stop().await.expect("it stops");
}
