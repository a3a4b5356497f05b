//! Tests how many requests an environment of a certain size takes, and that everything arrives.

use deskstate_dataverse::{
    Depth, Expand, Filter, Outcome, Query, Reader, Session, privilege_depths,
};
use deskstate_emulator::{Config, Limits, Scale, Switches};
use uuid::Uuid;

use crate::environment::{connection, rows, start, three_writes};
use crate::variants::{environments, with};

#[tokio::test]
async fn a_large_environment_takes_one_request_for_each_round_of_pages() {
    for switches in environments() {
        pages(&switches).await;
    }
}

async fn pages(switches: &Switches) {
    let scale = Scale {
        agents: 12_000,
        sessions: 1000,
    };
    let emulator = start(Config {
        scale,
        ..with(switches)
    })
    .await;
    let reader = Reader::open(&connection(emulator.url())).expect("a reader opens");
    let answers = reader
        .read(&[
            Query::rows("systemusers").select(["fullname"]),
            Query::rows("msdyn_sessiontemplates").select(["msdyn_uniquename"]),
            Query::rows("msdyn_applicationtabtemplates").select(["msdyn_uniquename"]),
            Query::rows("msdyn_appconfiguration_systemuserset"),
            Query::tables(["msdyn_sessiontemplate", "systemuser"]),
            Query::who_am_i(),
        ])
        .await
        .expect("the emulator answers");
    let counts: Vec<usize> = answers
        .iter()
        .map(|answer| answer.as_ref().map_or(0, |rows| rows.rows.len()))
        .collect();
    assert!(
        counts[0] >= 12_000 && counts[1] >= 1000 && counts[2] >= 1000,
        "{counts:?}"
    );
    assert_eq!(
        reader.requests(),
        3,
        "12,000 users have three pages; all else fits beside them"
    );
    let mut ids: Vec<_> = answers[0]
        .as_ref()
        .expect("users are answered")
        .rows
        .iter()
        .map(|row| row.uuid("systemuserid"))
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), counts[0], "no page repeats or skips a row");
    emulator.stop().await.expect("it stops");
}

#[tokio::test]
async fn users_beyond_one_request_are_looked_up_in_one_trip() {
    for switches in environments() {
        many_users(&switches).await;
    }
}

async fn many_users(switches: &Switches) {
    let scale = Scale {
        agents: 700,
        sessions: 0,
    };
    let emulator = start(Config {
        scale,
        ..with(switches)
    })
    .await;
    let reader = Reader::open(&connection(emulator.url())).expect("a reader opens");
    let all = rows(&reader, Query::rows("systemusers").select(["domainname"])).await;
    let names: Vec<String> = all
        .rows
        .iter()
        .filter_map(|row| row.text("domainname"))
        .map(str::to_uppercase)
        .collect();
    let before = reader.requests();
    let found = rows(
        &reader,
        Query::rows("systemusers")
            .select(["domainname"])
            .filter(Filter::any_of("domainname", names.clone())),
    )
    .await;
    assert_eq!(found.rows.len(), names.len());
    assert_eq!(reader.requests() - before, 1);
    emulator.stop().await.expect("it stops");
}

#[tokio::test]
async fn privileges_are_known_without_knowing_the_caller() {
    for switches in environments() {
        privileges(&switches).await;
    }
}

async fn privileges(switches: &Switches) {
    let emulator = start(with(switches)).await;
    let reader = Reader::open(&connection(emulator.url())).expect("a reader opens");
    let [own, teams] = Query::caller_privileges(["prvReadUser", "prvReadmsdyn_sessiontemplate"]);
    let answers = reader
        .read(&[own, teams, Query::caller_settings()])
        .await
        .expect("the emulator answers");
    let depths = privilege_depths(answers[..2].iter().flatten());
    assert_eq!(depths.get("prvReadUser"), Some(&Depth::Global));
    assert_eq!(depths.len(), 2);
    let settings = answers[2].as_ref().expect("settings are answered");
    assert_eq!(settings.rows[0].int("uilanguageid"), Some(1033));
    assert_eq!(reader.requests(), 1);
    emulator.stop().await.expect("it stops");
}

#[tokio::test]
async fn expanded_links_and_intersect_rows_agree() {
    for switches in environments() {
        agree(&switches).await;
    }
}

async fn agree(switches: &Switches) {
    let emulator = start(with(switches)).await;
    let session = Session::open(&connection(emulator.url())).expect("a session opens");
    let linked = three_writes(Uuid::from_u128(1), Uuid::from_u128(2));
    assert!(matches!(session.commit(&linked).await, Outcome::Committed));
    let reader = session.reader();
    let relationship = "msdyn_notificationtemplate_notificationfield";
    let expanded = rows(
        reader,
        Query::rows("msdyn_notificationtemplates")
            .select(["msdyn_uniquename"])
            .expand(Expand::new(relationship).select(["msdyn_notificationfieldid"])),
    )
    .await;
    let mut by_expand = Vec::new();
    for row in &expanded {
        assert!(!row.expanded_may_be_cut(relationship));
        for field in row.expanded(relationship) {
            let field = field["msdyn_notificationfieldid"]
                .as_str()
                .unwrap_or_default();
            let template = row.text("msdyn_notificationtemplateid").unwrap_or_default();
            by_expand.push((template.to_owned(), field.to_owned()));
        }
    }
    let intersect = Query::rows(format!("{relationship}set"));
    if !switches.intersect_sets_readable {
        let answers = reader.read(&[intersect]).await;
        let answers = answers.expect("the emulator answers");
        assert!(!by_expand.is_empty() && answers[0].is_err());
        return;
    }
    let intersect = rows(reader, intersect).await;
    let mut by_intersect: Vec<(String, String)> = intersect
        .rows
        .iter()
        .map(|row| {
            let id = |column| row.text(column).unwrap_or_default().to_owned();
            (
                id("msdyn_notificationtemplateid"),
                id("msdyn_notificationfieldid"),
            )
        })
        .collect();
    by_expand.sort();
    by_intersect.sort();
    assert!(!by_expand.is_empty());
    assert_eq!(by_expand, by_intersect);
    emulator.stop().await.expect("it stops");
}

#[tokio::test]
async fn more_queries_than_a_batch_holds_take_another() {
    for switches in environments() {
        many_queries(&switches).await;
    }
}

async fn many_queries(switches: &Switches) {
    let emulator = start(with(switches)).await;
    let reader = Reader::open(&connection(emulator.url())).expect("a reader opens");
    let answers = reader
        .read(&vec![Query::who_am_i(); 1001])
        .await
        .expect("the emulator answers");
    assert_eq!(answers.len(), 1001);
    assert!(
        answers
            .iter()
            .all(|answer| answer == &answers[0] && answer.is_ok())
    );
    assert_eq!(reader.requests(), 2);
    emulator.stop().await.expect("it stops");
}

#[tokio::test]
async fn annotations_say_what_people_see() {
    for switches in environments() {
        annotated(&switches).await;
    }
}

async fn annotated(switches: &Switches) {
    let emulator = start(with(switches)).await;
    let reader = Reader::open(&connection(emulator.url())).expect("a reader opens");
    let query = Query::rows("msdyn_sessiontemplates")
        .select(["msdyn_name", "_ownerid_value", "statecode"])
        .top(1);
    let plain = rows(&reader, query.clone()).await;
    assert_eq!(plain.rows[0].formatted("statecode"), None);
    let annotated = rows(&reader, query.annotations()).await;
    let row = &annotated.rows[0];
    assert_eq!(row.formatted("statecode"), Some("Active"));
    assert!(row.formatted("_ownerid_value").is_some());
    assert_eq!(row.lookup_table("_ownerid_value"), Some("systemuser"));
    emulator.stop().await.expect("it stops");
}

#[tokio::test]
async fn service_protection_is_waited_out_as_long_as_it_says() {
    for switches in environments() {
        waited_out(&switches).await;
    }
}

async fn waited_out(switches: &Switches) {
    let limits = Limits {
        requests: 2,
        window_seconds: 1,
        ..Limits::default()
    };
    let emulator = start(Config {
        limits: Some(limits),
        ..with(switches)
    })
    .await;
    let reader = Reader::open(&connection(emulator.url())).expect("a reader opens");
    for _ in 0..5 {
        rows(&reader, Query::who_am_i()).await;
    }
    assert!(reader.requests() > 5, "some were turned away at first");
    emulator.stop().await.expect("it stops");
}
