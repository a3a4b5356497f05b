//! Reads from a scripted server. Facts: Execute batch operations, Page results, Service protection API limits.

use crate::server::{bodies, connection, error, page, part, parts, server};
use deskstate_dataverse::{Budget, Cell, Error, ErrorCode, Expand, Filter, Query, Reader, Spent};
use wiremock::ResponseTemplate;

fn reader(server: &wiremock::MockServer) -> Reader {
    Reader::open(&connection(server)).expect("a reader opens without a network")
}

fn name(row: &deskstate_dataverse::Row) -> &str {
    row.text("cfg_name").expect("each row has a name")
}

#[tokio::test]
async fn a_query_is_repeated_after_an_unexpected_error_and_gets_it_as_its_answer_in_the_end() {
    let failed = || error(500, "", "0x80040216", "An unexpected error occurred.");
    let good = || page(r#"{"cfg_name":"Gold"}"#, None);
    let answers = vec![
        parts(200, &[good(), failed()]),
        parts(200, &[good()]),
        parts(200, &[failed()]),
        parts(200, &[failed()]),
        parts(200, &[failed()]),
    ];
    let server = server(answers).await;
    let reader = reader(&server);
    let queries = ["cfg_queues", "cfg_desks"].map(Query::rows);
    let answers = reader.read(&queries).await.expect("one is repeated");
    for answer in &answers {
        assert_eq!(
            name(&answer.as_ref().expect("it is answered").rows[0]),
            "Gold"
        );
    }
    let answers = reader.read(&queries[1..]).await.expect("it is answered");
    let refused = answers[0].as_ref().expect_err("it failed three times");
    assert_eq!(
        (
            refused.status,
            server.received_requests().await.map(|all| all.len())
        ),
        (500, Some(5))
    );
}

#[tokio::test]
async fn a_selected_column_that_an_answer_lacks_is_not_an_empty_one() {
    let answers = vec![
        parts(
            200,
            &[page(
                r#"{"cfg_name":"Gold","_cfg_deskid_value":null}"#,
                None,
            )],
        ),
        parts(200, &[page(r#"{"cfg_name":"Gold"}"#, None)]),
        parts(
            200,
            &[page(
                r#"{"cfg_name":"Gold","_cfg_deskid_value":null},{"cfg_name":"Red"}"#,
                None,
            )],
        ),
    ];
    let server = server(answers).await;
    let reader = reader(&server);
    for (select, lacks) in [
        (["cfg_name", "cfg_deskid"], None),
        (
            ["cfg_name", "_cfg_deskid_value"],
            Some("the answer has no column `_cfg_deskid_value`"),
        ),
        (
            ["cfg_name", "_cfg_deskid_value"],
            Some("the answer lacks columns in some rows"),
        ),
    ] {
        let query = Query::rows("cfg_queues").select(select);
        let answers = reader.read(&[query]).await.expect("the trip succeeds");
        let refused = answers[0]
            .as_ref()
            .err()
            .map(|refused| refused.message.as_str());
        assert_eq!(refused, lacks);
    }
}

#[tokio::test]
async fn answers_in_another_order_are_not_taken_for_each_other() {
    let of = |set: &str| {
        let context = format!("https://x/api/data/v9.2/$metadata#{set}(cfg_name)");
        part(
            200,
            "",
            &format!(r#"{{"@odata.context":"{context}","value":[]}}"#),
        )
    };
    let queries = ["cfg_queues", "cfg_desks"].map(|set| Query::rows(set).select(["cfg_name"]));
    let answers = vec![
        parts(200, &[of("cfg_queues"), of("cfg_desks")]),
        parts(200, &[of("cfg_desks"), of("cfg_queues")]),
    ];
    let server = server(answers).await;
    let reader = reader(&server);
    reader.read(&queries).await.expect("each gets its own");
    let error = reader.read(&queries).await.expect_err("they are swapped");
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
    let told = error.to_string();
    assert!(told.contains("contains rows of `cfg_desks`"), "{told}");
}

#[tokio::test]
async fn many_queries_travel_in_one_request_and_answer_in_order() {
    let id = "0c0f0000-0000-4000-8000-000000000001";
    let server = server(vec![parts(
        200,
        &[
            page(
                &format!(
                    r#"{{"@odata.etag":"W/\"7\"","cfg_queueid":"{id}","cfg_name":"Gold","statecode":0,
                       "cfg_open":true,"cfg_rate":1.5,"cfg_none":null,"iscustomizable":{{"Value":true}}}}"#
                ),
                None,
            ),
            error(400, "", "0x80041103", "no such column"),
            part(200, "", &format!(r#"{{"@odata.context":"x","UserId":"{id}"}}"#)),
        ],
    )])
    .await;
    let reader = reader(&server);
    let answers = reader
        .read(&[
            Query::rows("cfg_queues").select(["cfg_name"]),
            Query::rows("cfg_queues").select(["cfg_newer"]),
            Query::who_am_i(),
        ])
        .await
        .expect("the trip succeeds");

    let rows = answers[0].as_ref().expect("the first is answered");
    let row = &rows.rows[0];
    assert_eq!(name(row), "Gold");
    assert_eq!(row.etag().map(|etag| etag.as_str()), Some("W/\"7\""));
    assert_eq!(
        row.uuid("cfg_queueid").map(|id| id.to_string()).as_deref(),
        Some(id)
    );
    assert_eq!(row.int("statecode"), Some(0));
    assert_eq!(row.flag("cfg_open"), Some(true));
    assert_eq!(row.get("cfg_rate"), &Cell::Decimal(1.5));
    assert_eq!(row.get("cfg_none"), &Cell::Null);
    assert_eq!(
        row.get("iscustomizable")
            .as_json()
            .map(|json| &json["Value"]),
        Some(&true.into())
    );

    let refused = answers[1].as_ref().expect_err("the second is refused");
    assert!(refused.is_unknown_column());
    assert_eq!(refused.code, Some(ErrorCode::NO_COLUMN));
    assert_eq!(refused.request_id.as_deref(), Some("5f1c1d9e"));
    assert_eq!(refused.path, "/api/data/v9.2/cfg_queues?$select=cfg_newer");

    let me = answers[2].as_ref().expect("the third is answered");
    assert_eq!(me.rows[0].text("UserId"), Some(id));

    assert_eq!(reader.requests(), 1);
    let sent = bodies(&server).await;
    assert_eq!(sent.len(), 1);
    assert!(sent[0].contains(&format!(
        "GET {}/api/data/v9.2/cfg_queues?$select=cfg_name HTTP/1.1\r\nAccept: application/json\r\nPrefer: odata.maxpagesize=5000\r\n",
        server.uri()
    )), "{}", sent[0]);
}

#[tokio::test]
async fn each_request_names_itself_and_asks_to_go_on_after_errors() {
    let server = server(vec![parts(200, &[page("", None)])]).await;
    reader(&server)
        .read(&[Query::rows("cfg_queues")])
        .await
        .expect("the trip succeeds");
    let requests = server
        .received_requests()
        .await
        .expect("requests are recorded");
    let header = |name: &str| {
        requests[0]
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    assert_eq!(header("prefer"), "odata.continue-on-error");
    assert_eq!(header("odata-version"), "4.0");
    assert_eq!(header("if-none-match"), "null");
    assert!(uuid::Uuid::try_parse(header("x-ms-client-request-id")).is_ok());
    assert!(header("authorization").is_empty());
}

#[tokio::test]
async fn the_pages_of_all_queries_are_followed_together() {
    let next = |set: &str, page: u32| {
        format!("https://elsewhere.example/api/data/v9.2/{set}?$skiptoken={page}")
    };
    let server = server(vec![
        parts(
            200,
            &[
                page(r#"{"cfg_name":"a1"}"#, Some(&next("a", 2))),
                page(r#"{"cfg_name":"b1"}"#, None),
                page(r#"{"cfg_name":"c1"}"#, Some(&next("c", 2))),
            ],
        ),
        parts(
            200,
            &[
                page(r#"{"cfg_name":"a2"}"#, Some(&next("a", 3))),
                page(r#"{"cfg_name":"c2"}"#, None),
            ],
        ),
        parts(200, &[page(r#"{"cfg_name":"a3"}"#, None)]),
    ])
    .await;
    let reader = reader(&server);
    let answers = reader
        .read(&[Query::rows("a"), Query::rows("b"), Query::rows("c")])
        .await
        .expect("the trip succeeds");
    let names: Vec<Vec<&str>> = answers
        .iter()
        .map(|answer| {
            answer
                .as_ref()
                .expect("answered")
                .rows
                .iter()
                .map(name)
                .collect()
        })
        .collect();
    assert_eq!(
        names,
        [vec!["a1", "a2", "a3"], vec!["b1"], vec!["c1", "c2"]]
    );
    assert_eq!(reader.requests(), 3);
    let sent = bodies(&server).await;
    assert!(sent[1].contains(&format!(
        "GET {}/api/data/v9.2/a?$skiptoken=2 HTTP/1.1",
        server.uri()
    )));
    assert_eq!(sent[1].matches("Prefer: odata.maxpagesize=5000").count(), 2);
    assert!(
        !sent[1].contains("elsewhere"),
        "a link never leads to another host"
    );
}

#[tokio::test]
async fn a_next_link_that_leads_back_is_an_error() {
    let link = "https://x.example/api/data/v9.2/a?$skiptoken=2";
    let server = server(vec![parts(200, &[page("", Some(link))])]).await;
    let error = reader(&server)
        .read(&[Query::rows("a")])
        .await
        .expect_err("it never ends");
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
    assert_eq!(bodies(&server).await.len(), 2);
}

#[tokio::test]
async fn a_next_link_outside_the_api_is_an_error() {
    for link in [
        "https://x.example/other",
        "javascript:alert(1)",
        "/api/data/v9.2/../x",
    ] {
        let server = server(vec![parts(200, &[page("", Some(link))])]).await;
        let error = reader(&server)
            .read(&[Query::rows("a")])
            .await
            .expect_err("a bad link");
        assert!(matches!(error, Error::Malformed { .. }), "{link}: {error}");
    }
}

#[tokio::test]
async fn what_service_protection_turns_away_is_asked_again() {
    let server = server(vec![
        ResponseTemplate::new(429).insert_header("Retry-After", "0"),
        ResponseTemplate::new(503),
        parts(200, &[page(r#"{"cfg_name":"a"}"#, None)]),
    ])
    .await;
    let reader = reader(&server);
    let answers = reader
        .read(&[Query::rows("a")])
        .await
        .expect("the third attempt succeeds");
    assert_eq!(answers[0].as_ref().map(|rows| rows.rows.len()), Ok(1));
    assert_eq!(reader.requests(), 3);
}

#[tokio::test]
async fn only_the_parts_that_were_turned_away_are_asked_again() {
    let server = server(vec![
        parts(
            200,
            &[
                page(r#"{"cfg_name":"a"}"#, None),
                error(
                    429,
                    "",
                    "0x80072322",
                    "Number of requests exceeded the limit",
                ),
            ],
        ),
        parts(200, &[page(r#"{"cfg_name":"b"}"#, None)]),
    ])
    .await;
    let answers = reader(&server)
        .read(&[Query::rows("a"), Query::rows("b")])
        .await
        .expect("the trip succeeds");
    assert!(
        answers
            .iter()
            .all(|answer| answer.as_ref().is_ok_and(|rows| rows.rows.len() == 1))
    );
    let sent = bodies(&server).await;
    assert!(!sent[1].contains("v9.2/a") && sent[1].contains("v9.2/b"));
}

#[tokio::test]
async fn a_server_that_stops_at_a_failure_is_asked_for_the_rest() {
    // without continue-on-error the outer status is an error and the body ends with the failing part
    let server = server(vec![
        parts(
            404,
            &[
                page(r#"{"cfg_name":"a"}"#, None),
                error(404, "", "", "gone"),
            ],
        ),
        parts(200, &[page(r#"{"cfg_name":"c"}"#, None)]),
    ])
    .await;
    let answers = reader(&server)
        .read(&[Query::rows("a"), Query::rows("b"), Query::rows("c")])
        .await
        .expect("the trip succeeds");
    let shape: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(shape, [true, false, true]);
}

#[tokio::test]
async fn a_budget_that_is_used_up_ends_in_the_last_error() {
    let server = server(vec![ResponseTemplate::new(429).set_body_raw(
        r#"{"error":{"code":"0x80072322","message":"Number of requests exceeded the limit of 6000"}}"#,
        "application/json",
    )])
    .await;
    let error = reader(&server)
        .read(&[Query::rows("a")])
        .await
        .expect_err("it never relents");
    let Error::Service(error) = error else {
        panic!("{error}")
    };
    assert_eq!(
        (error.status, error.code),
        (429, Some(ErrorCode::TOO_MANY_REQUESTS))
    );
    assert_eq!(bodies(&server).await.len(), 4);
}

#[tokio::test]
async fn a_wait_longer_than_the_budget_is_not_begun() {
    let server = server(vec![
        ResponseTemplate::new(429).insert_header("Retry-After", "3600"),
    ])
    .await;
    let error = reader(&server)
        .read(&[Query::rows("a")])
        .await
        .expect_err("an hour is too long");
    assert!(matches!(error, Error::Service(_)));
    assert_eq!(bodies(&server).await.len(), 1);
}

#[tokio::test]
async fn redirects_are_reported_and_not_followed() {
    let server =
        server(vec![ResponseTemplate::new(302).insert_header(
            "Location",
            "https://elsewhere.example/login?secret=1",
        )])
        .await;
    let error = reader(&server)
        .read(&[Query::rows("a")])
        .await
        .expect_err("not followed");
    let Error::Redirected { location, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(location, "https://elsewhere.example/login");
}

#[tokio::test]
async fn replies_longer_than_allowed_are_refused() {
    let server = server(vec![parts(200, &[page(&" ".repeat(5000), None)])]).await;
    let reader = Reader::open(&connection(&server).budget(Budget {
        reply: 1000,
        ..Budget::default()
    }))
    .expect("a reader opens");
    let error = reader
        .read(&[Query::rows("a")])
        .await
        .expect_err("too long");
    assert!(
        matches!(
            error,
            Error::OverBudget {
                spent: Spent::Reply(1000),
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn many_answers_may_be_longer_together_than_one_may_be() {
    let answers = [0; 9].map(|_| page(&" ".repeat(800), None));
    let server = server(vec![parts(200, &answers)]).await;
    let reader = Reader::open(&connection(&server).budget(Budget {
        reply: 1000,
        ..Budget::default()
    }))
    .expect("a reader opens");
    let queries = [0; 9].map(|_| Query::rows("a"));
    let answers = reader.read(&queries).await.expect("each is short enough");
    assert!(answers.iter().all(Result::is_ok));
}

#[tokio::test]
async fn of_related_records_only_keys_are_kept_where_only_those_were_asked_for() {
    let [first, second] = [1, 2].map(uuid::Uuid::from_u128);
    let rows = format!(
        r#"{{"cfg_name":"both","cfg_tabs":[{{"@odata.etag":"W/\"1\"","cfg_tabid":"{first}"}},{{"cfg_tabid":"{second}"}}],"cfg_tabs@odata.nextLink":"https://x"}},
           {{"cfg_name":"none","cfg_tabs":[]}},{{"cfg_name":"hidden"}},{{"cfg_tabs":{{"cfg_tabid":"{second}"}}}}"#
    );
    let without_key = r#"{"cfg_tabs":[{"cfg_otherid":"1"}]}"#;
    let server = server(vec![
        parts(200, &[page(&rows, None)]),
        parts(200, &[page(without_key, None)]),
    ])
    .await;
    let query = Query::rows("cfg_sessions").expand(Expand::keys("cfg_tabs", "cfg_tabid"));
    let reader = reader(&server);
    let answers = reader.read(std::slice::from_ref(&query)).await;
    let answers = answers.expect("it is answered");
    let rows = &answers[0].as_ref().expect("no refusal").rows;
    let related = rows.iter().map(|row| row.related("cfg_tabs").to_vec());
    assert_eq!(
        related.collect::<Vec<_>>(),
        [vec![first, second], vec![], vec![], vec![second]]
    );
    let error = reader
        .read(&[query])
        .await
        .expect_err("a record has no key");
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
}

#[tokio::test]
async fn values_too_many_for_one_request_are_split_and_joined() {
    let reply = parts(
        200,
        &(0..7)
            .map(|n| page(&format!(r#"{{"cfg_name":"{n}"}}"#), None))
            .collect::<Vec<_>>(),
    );
    let server = server(vec![reply]).await;
    let reader = reader(&server);
    let query = Query::rows("a").filter(Filter::any_of("cfg_number", 0..1000i64));
    let answers = reader.read(&[query]).await.expect("the trip succeeds");
    let names: Vec<&str> = answers[0]
        .as_ref()
        .expect("answered")
        .rows
        .iter()
        .map(name)
        .collect();
    assert_eq!(names, ["0", "1", "2", "3", "4", "5", "6"]);
    assert_eq!(reader.requests(), 1);
}

#[tokio::test]
async fn a_filter_that_nothing_meets_is_answered_without_a_request() {
    let server = server(vec![ResponseTemplate::new(500)]).await;
    let reader = reader(&server);
    let query = Query::rows("a").filter(Filter::any_of("cfg_name", Vec::<String>::new()));
    let answers = reader.read(&[query]).await.expect("no trip is needed");
    assert_eq!(answers, [Ok(deskstate_dataverse::Rows::default())]);
    assert_eq!(reader.requests(), 0);
}

#[tokio::test]
async fn a_whole_error_keeps_what_support_asks_for() {
    let server = server(vec![
        ResponseTemplate::new(403)
            .insert_header("x-ms-service-request-id", "abc")
            .set_body_raw(r#"{"error":{"code":"0x80072560","message":"The user is not a member of the organization."}}"#, "application/json"),
    ])
    .await;
    let error = reader(&server)
        .read(&[Query::rows("a")])
        .await
        .expect_err("forbidden");
    let text = error.to_string();
    for word in [
        "POST",
        "/api/data/v9.2/$batch",
        "403",
        "0x80072560",
        "abc",
        "not a member",
    ] {
        assert!(text.contains(word), "{word} in {text}");
    }
}

#[tokio::test]
async fn a_server_that_asks_for_a_sign_in_is_told_apart() {
    let server = server(vec![ResponseTemplate::new(401)]).await;
    let error = reader(&server)
        .read(&[Query::rows("a")])
        .await
        .expect_err("nobody signed in");
    assert!(matches!(error, Error::SignIn(_)), "{error}");
}
