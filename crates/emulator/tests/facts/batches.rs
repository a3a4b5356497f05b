//! Section 5 of the facts: `$batch`.

use crate::desk::{changeset, desk, desk_with, part, session};
use crate::faults::stats;
use deskstate_emulator::{ChangesetFailure, Switches};
use serde_json::json;

const ONE: &str = "0c0f0000-0000-4000-8000-0000000000e1";

fn body(name: &str, id: &str) -> String {
    let mut body = session(name);
    body["msdyn_sessiontemplateid"] = id.into();
    body.to_string()
}

const TAB: &str =
    "{\"msdyn_name\":\"t\",\"msdyn_uniquename\":\"contoso_t\",\"msdyn_pagetype\":509180001}";

#[tokio::test]
async fn section_5_a_changeset_links_what_it_makes_by_content_id() {
    let desk = desk().await;
    let body = changeset(&[
        part(
            1,
            "POST /api/data/v9.2/msdyn_sessiontemplates",
            "",
            &body("contoso_s", ONE),
        ),
        part(
            2,
            "POST /api/data/v9.2/msdyn_applicationtabtemplates",
            "",
            TAB,
        ),
        part(3, "PATCH $1", "", "{\"msdyn_anchortab@odata.bind\":\"$2\"}"),
        part(
            4,
            "POST $1/msdyn_sessiontemplate_applicationtab/$ref",
            "",
            "{\"@odata.id\":\"$2\"}",
        ),
    ]);
    let answer = desk.batch(&body, None).await.expect(200);
    assert!(
        answer
            .header("content-type")
            .starts_with("multipart/mixed; boundary=batchresponse_"),
        "{:?}",
        answer.headers
    );
    assert!(
        answer.text.starts_with("--batchresponse_") && answer.text.contains("--changesetresponse_")
    );
    assert_eq!(
        answer.text.matches("HTTP/1.1 204 No Content\r\n").count(),
        4,
        "{}",
        answer.text
    );
    assert!(answer.text.contains("Content-ID: 1\r\n\r\nHTTP/1.1 204"));
    assert!(answer.text.contains(&format!(
        "Location: {}",
        desk.url(&format!("msdyn_sessiontemplates({ONE})"))
    )));
    let links = desk
        .get(&format!(
            "msdyn_sessiontemplates({ONE})/msdyn_sessiontemplate_applicationtab"
        ))
        .await
        .rows();
    assert_eq!(links[0]["msdyn_uniquename"], "contoso_t");
}

#[tokio::test]
async fn section_5_a_failed_changeset_is_taken_back_whole_and_shows_one_error() {
    for shape in [ChangesetFailure::Nested, ChangesetFailure::Bare] {
        let desk = desk_with(Switches {
            changeset_failure: shape,
            ..Switches::default()
        })
        .await;
        let body = changeset(&[
            part(
                1,
                "POST msdyn_sessiontemplates",
                "",
                &body("contoso_s", ONE),
            ),
            part(
                2,
                &format!("PATCH msdyn_sessiontemplates({ONE})"),
                "If-Match: W/\"1\"\n",
                "{\"msdyn_title\":\"x\"}",
            ),
        ]);
        let answer = desk.batch(&body, None).await.expect(400);
        assert_eq!(
            answer.text.matches("HTTP/1.1").count(),
            1,
            "{}",
            answer.text
        );
        assert!(
            answer.text.contains("HTTP/1.1 412 Precondition Failed"),
            "{}",
            answer.text
        );
        let named = answer.text.contains("REQ_ID: ");
        assert_eq!(named, shape == ChangesetFailure::Bare, "{}", answer.text);
        let nested =
            answer.text.contains("changesetresponse_") && answer.text.contains("Content-ID: 2");
        assert_eq!(nested, shape == ChangesetFailure::Nested, "{}", answer.text);
        desk.get(&format!("msdyn_sessiontemplates({ONE})"))
            .await
            .expect(404);
    }
}

#[tokio::test]
async fn section_5_reads_are_not_allowed_in_a_changeset_and_content_ids_must_resolve() {
    let desk = desk().await;
    let answer = desk
        .batch(
            &changeset(&[part(1, "GET msdyn_sessiontemplates", "", "")]),
            None,
        )
        .await
        .expect(400);
    // rezanid/PSDataverse, SampleResponses.
    assert_eq!(answer.json()["ErrorCode"], "0x0");
    assert_eq!(
        answer.json()["ExceptionMessage"],
        "An invalid HTTP method 'GET' was detected for a request in a change set. Requests in change sets only support the HTTP methods 'POST', 'PUT', 'DELETE', and 'PATCH'."
    );
    let twice = changeset(&[part(1, "PATCH a", "", "{}"), part(1, "PATCH b", "", "{}")]);
    let twice = desk.batch(&twice, None).await.expect(400).json();
    let message = twice["Message"].as_str().unwrap_or_default();
    assert!(message.starts_with("The content ID '1' was found more than once in the same change set or same batch request."), "{message}");
    let answer = desk
        .batch(&changeset(&[part(1, "PATCH $7", "", "{}")]), None)
        .await
        .expect(400);
    assert!(
        answer
            .text
            .contains("Content-ID Reference: '$7' does not exist in the batch context."),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn section_5_processing_stops_at_the_first_failure_unless_told_to_continue() {
    let desk = desk().await;
    let get = |set: &str| {
        format!(
            "--b\nContent-Type: application/http\nContent-Transfer-Encoding: binary\n\nGET /api/data/v9.2/{set} HTTP/1.1\nAccept: application/json\n\n"
        )
    };
    let body = format!(
        "{}{}{}--b--\n",
        get("solutions?$select=uniquename"),
        get("nowhere"),
        get("publishers?$select=uniquename")
    );
    let stopped = desk.batch(&body, None).await.expect(400);
    assert_eq!(
        stopped.text.matches("HTTP/1.1").count(),
        2,
        "{}",
        stopped.text
    );
    let all = desk
        .batch(&body, Some("odata.continue-on-error"))
        .await
        .expect(200);
    assert_eq!(all.text.matches("HTTP/1.1 200 OK").count(), 2);
    assert_eq!(all.text.matches("HTTP/1.1 404 Not Found").count(), 1);
    assert!(all.text.contains("odata.streaming=true"));
}

/// The emulator answers reads on all processors, and sends the replies in pieces.
#[tokio::test]
async fn a_long_batch_of_reads_is_answered_in_order_and_the_same_way_every_time() {
    let set = |number: usize| match number % 5 {
        4 => format!("nowhere{number}"),
        _ => format!("solutions?$select=uniquename&$top={}", number + 1),
    };
    let part = |number| {
        let line = format!("GET /api/data/v9.2/{} HTTP/1.1", set(number));
        format!(
            "--b\nContent-Type: application/http\nContent-Transfer-Encoding: binary\n\n{line}\nAccept: application/json\n\n"
        )
    };
    let body = format!("{}--b--\n", (0..100).map(part).collect::<String>());
    let mut answers = Vec::new();
    for _ in 0..2 {
        let desk = desk().await;
        let answer = desk.batch(&body, Some("odata.continue-on-error")).await;
        let answer = answer.expect(200);
        assert_eq!(
            answer.header("preference-applied"),
            "odata.continue-on-error"
        );
        let statuses = answer
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("HTTP/1.1 "));
        let failed: Vec<bool> = statuses.map(|status| status.starts_with("404")).collect();
        let expected: Vec<bool> = (0..100).map(|number| number % 5 == 4).collect();
        assert_eq!(failed, expected);
        assert!(answer.text.ends_with("--\r\n"), "{}", answer.text);
        let shown = stats(&desk).await;
        assert_eq!(shown["batchParts"], json!(100));
        assert_eq!(shown["replyBytes"], json!(answer.text.len()));
        answers.push(answer.text.replace(desk.emulator.url(), ""));
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn section_5_an_unusable_batch_is_a_plain_json_error() {
    let desk = desk().await;
    let answer = desk
        .batch("nothing that a batch looks like", None)
        .await
        .expect(400);
    assert!(
        answer
            .header("content-type")
            .starts_with("application/json")
    );
    assert_eq!(answer.code(), "0x80060888");
}

#[tokio::test]
async fn section_5_more_than_a_thousand_requests_are_refused() {
    let desk = desk().await;
    let parts: Vec<String> = (1..=1001)
        .map(|number| part(number, "POST msdyn_sessiontemplates", "", "{}"))
        .collect();
    desk.batch(&changeset(&parts), None).await.expect(400);
}

/// Published clients (dataverse-webapi, xrm-webapi) neither encode spaces nor end the last line.
#[tokio::test]
async fn a_url_of_a_batch_reaches_to_the_last_space_and_the_last_line_may_be_open() {
    let desk = desk().await;
    let names = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with('{'));
        let bodies =
            lines.map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
        let rows = bodies.flat_map(|body| body["value"].as_array().cloned().expect("rows"));
        rows.map(|row| row["name"].as_str().expect("name").to_owned())
            .collect()
    };
    let get = |query: &str| {
        format!(
            "--b\nContent-Type: application/http\nContent-Transfer-Encoding: binary\n\nGET roles?$select=name&{query} HTTP/1.1\nAccept: application/json\n\n\n--b--"
        )
    };
    let ask = async |query: &str| desk.batch(&get(query), None).await.expect(200).text;
    let up = names(&ask("$orderby=name asc").await);
    let mut down = names(&ask("$orderby=name desc").await);
    down.reverse();
    assert!(up.len() > 2 && up == down, "{up:?} {down:?}");
    let first = format!("$filter=name ne '{}'", up[0]);
    let others = names(&ask(&first).await);
    assert!(!others.is_empty() && !others.contains(&up[0]), "{others:?}");
}
