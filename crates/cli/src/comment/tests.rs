//! Both hosts against a local stub: create, update, unchanged, too long, forbidden, rate limited, an interrupted reply.

use std::collections::BTreeMap;

use serde_json::json;
use wiremock::matchers::{body_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

const BODY: &str = "<!-- deskstate:plan:prod -->\n### Plan for `prod`: no changes\n";

fn host(pairs: &[(&str, &str)]) -> Result<Host, CommentError> {
    let variables: BTreeMap<String, String> = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Host::of_environment(&|name| variables.get(name).cloned(), None)
}

fn github(server: &MockServer) -> Host {
    host(&[
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_API_URL", &server.uri()),
        ("GITHUB_REPOSITORY", "contoso/desk"),
        ("GITHUB_REF", "refs/pull/12/merge"),
        ("GITHUB_TOKEN", "secret-token"),
    ])
    .unwrap()
}

fn azure(server: &MockServer) -> Host {
    host(&[
        ("TF_BUILD", "True"),
        (
            "SYSTEM_COLLECTIONURI",
            &format!("{}/contoso/", server.uri()),
        ),
        ("SYSTEM_TEAMPROJECT", "Agent Desk"),
        (
            "BUILD_REPOSITORY_ID",
            "7d0a3c52-9d4e-4c0f-8f54-2f1b7f7a9c11",
        ),
        ("SYSTEM_PULLREQUEST_PULLREQUESTID", "12"),
        ("SYSTEM_ACCESSTOKEN", "secret-token"),
    ])
    .unwrap()
}

const GITHUB_COMMENTS: &str = "/repos/contoso/desk/issues/12/comments";
const AZURE_THREADS: &str = "/contoso/Agent%20Desk/_apis/git/repositories/7d0a3c52-9d4e-4c0f-8f54-2f1b7f7a9c11/pullRequests/12/threads";

async fn answer(server: &MockServer, verb: &str, at: &str, reply: ResponseTemplate) {
    Mock::given(method(verb))
        .and(path(at))
        .respond_with(reply)
        .expect(1..)
        .mount(server)
        .await;
}

async fn posted(host: &Host) -> Result<Posted, CommentError> {
    post(host, &Client::new(Duration::from_millis(1)).unwrap(), BODY).await
}

fn ours(id: u64, body: &str) -> serde_json::Value {
    json!({"id": id, "body": body, "user": {"type": "Bot", "login": "github-actions[bot]"}, "author_association": "NONE"})
}

#[tokio::test]
async fn github_gets_a_comment_where_none_stands() {
    let server = MockServer::start().await;
    answer(
        &server,
        "GET",
        GITHUB_COMMENTS,
        ResponseTemplate::new(200).set_body_json(json!([])),
    )
    .await;
    Mock::given(method("POST"))
        .and(path(GITHUB_COMMENTS))
        .and(header("authorization", "Bearer secret-token"))
        .and(body_json(json!({"body": BODY})))
        .respond_with(ResponseTemplate::new(201).set_body_json(json!({"id": 1})))
        .expect(1)
        .mount(&server)
        .await;
    // 201 is a success too.
    assert_eq!(posted(&github(&server)).await.unwrap(), Posted::Created);
}

#[tokio::test]
async fn github_gets_its_own_comment_edited_on_whatever_page_it_stands() {
    let server = MockServer::start().await;
    let full: Vec<_> = (0..100).map(|id| ours(id, "something else")).collect();
    for (page, comments) in [
        ("1", json!(full)),
        (
            "2",
            json!([ours(777, "<!-- deskstate:plan:prod -->\r\nold")]),
        ),
    ] {
        Mock::given(method("GET"))
            .and(path(GITHUB_COMMENTS))
            .and(query_param("page", page))
            .respond_with(ResponseTemplate::new(200).set_body_json(comments))
            .expect(1)
            .mount(&server)
            .await;
    }
    answer(
        &server,
        "PATCH",
        "/repos/contoso/desk/issues/comments/777",
        ResponseTemplate::new(200).set_body_json(json!({})),
    )
    .await;
    assert_eq!(posted(&github(&server)).await.unwrap(), Posted::Updated);
}

#[tokio::test]
async fn a_comment_that_says_the_same_is_left_alone() {
    let server = MockServer::start().await;
    let comments = json!([ours(1, &BODY.replace('\n', "\r\n"))]);
    answer(
        &server,
        "GET",
        GITHUB_COMMENTS,
        ResponseTemplate::new(200).set_body_json(comments),
    )
    .await;
    assert_eq!(posted(&github(&server)).await.unwrap(), Posted::Unchanged);
}

#[tokio::test]
async fn a_strangers_comment_with_our_marker_is_not_taken_over() {
    let server = MockServer::start().await;
    let stranger =
        json!([{"id": 5, "body": BODY, "user": {"type": "User"}, "author_association": "NONE"}]);
    answer(
        &server,
        "GET",
        GITHUB_COMMENTS,
        ResponseTemplate::new(200).set_body_json(stranger),
    )
    .await;
    answer(
        &server,
        "POST",
        GITHUB_COMMENTS,
        ResponseTemplate::new(201).set_body_json(json!({"id": 6})),
    )
    .await;
    assert_eq!(posted(&github(&server)).await.unwrap(), Posted::Created);
}

#[tokio::test]
async fn azure_devops_gets_a_closed_thread_where_none_stands() {
    let server = MockServer::start().await;
    answer(
        &server,
        "GET",
        AZURE_THREADS,
        ResponseTemplate::new(200).set_body_json(json!({"count": 0, "value": []})),
    )
    .await;
    Mock::given(method("POST"))
        .and(path(AZURE_THREADS))
        .and(query_param("api-version", "7.1"))
        .and(body_json(json!({"comments": [{"parentCommentId": 0, "content": BODY, "commentType": "text"}], "status": "closed"})))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"id": 1})))
        .expect(1)
        .mount(&server)
        .await;
    assert_eq!(posted(&azure(&server)).await.unwrap(), Posted::Created);
}

#[tokio::test]
async fn azure_devops_gets_its_comment_edited_and_deleted_ones_are_passed_over() {
    let server = MockServer::start().await;
    let old = "<!-- deskstate:plan:prod -->\nold";
    let threads = json!({"value": [
        {"id": 1, "isDeleted": true, "comments": [{"id": 1, "content": old}]},
        {"id": 2, "comments": [{"id": 1, "content": old, "isDeleted": true}]},
        {"id": 3, "comments": [{"id": 1, "content": "a word on this"}]},
        {"id": 4, "comments": [{"id": 1, "content": old}]},
    ]});
    answer(
        &server,
        "GET",
        AZURE_THREADS,
        ResponseTemplate::new(200).set_body_json(threads),
    )
    .await;
    Mock::given(method("PATCH"))
        .and(path(format!("{AZURE_THREADS}/4/comments/1")))
        .and(body_json(json!({"content": BODY})))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({})))
        .expect(1)
        .mount(&server)
        .await;
    assert_eq!(posted(&azure(&server)).await.unwrap(), Posted::Updated);
}

#[tokio::test]
async fn a_comment_that_another_member_wrote_with_our_marker_does_not_keep_ours_from_being_posted()
{
    for ours_stands in [true, false] {
        let server = MockServer::start().await;
        let old = "<!-- deskstate:plan:prod -->\nold";
        let mut threads = vec![json!({"id": 3, "comments": [{"id": 1, "content": old}]})];
        threads
            .extend(ours_stands.then(|| json!({"id": 4, "comments": [{"id": 1, "content": old}]})));
        let reply = ResponseTemplate::new(200).set_body_json(json!({"value": threads}));
        answer(&server, "GET", AZURE_THREADS, reply).await;
        let refused = ResponseTemplate::new(403)
            .set_body_json(json!({"message": "another person wrote this comment"}));
        let theirs = format!("{AZURE_THREADS}/3/comments/1");
        answer(&server, "PATCH", &theirs, refused).await;
        let written = match ours_stands {
            true => ("PATCH", format!("{AZURE_THREADS}/4/comments/1")),
            false => ("POST", AZURE_THREADS.to_owned()),
        };
        let done = ResponseTemplate::new(200).set_body_json(json!({"id": 5}));
        answer(&server, written.0, &written.1, done).await;
        let expected = if ours_stands {
            Posted::Updated
        } else {
            Posted::Created
        };
        assert_eq!(posted(&azure(&server)).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_token_without_the_right_is_said_to_be_refused_and_not_tried_again() {
    let server = MockServer::start().await;
    let reply = ResponseTemplate::new(403)
        .set_body_json(json!({"message": "Resource not accessible by integration"}));
    Mock::given(method("GET"))
        .and(path(GITHUB_COMMENTS))
        .respond_with(reply)
        .expect(1)
        .mount(&server)
        .await;
    let error = posted(&github(&server)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "GitHub rejected the token: status 403: Resource not accessible by integration"
    );
    assert!(!format!("{error:?} {:?}", github(&server)).contains("secret-token"));
}

#[tokio::test]
async fn azure_devops_sends_a_page_for_signing_in_and_that_is_a_refusal() {
    let server = MockServer::start().await;
    let reply = ResponseTemplate::new(203).set_body_string("<html>Sign in</html>");
    Mock::given(method("GET"))
        .and(path(AZURE_THREADS))
        .respond_with(reply)
        .expect(1)
        .mount(&server)
        .await;
    assert!(matches!(
        posted(&azure(&server)).await,
        Err(CommentError::Forbidden { status: 203, .. })
    ));
}

#[tokio::test]
async fn a_comment_that_the_host_finds_too_long_is_refused_with_its_words() {
    let server = MockServer::start().await;
    answer(
        &server,
        "GET",
        GITHUB_COMMENTS,
        ResponseTemplate::new(200).set_body_json(json!([])),
    )
    .await;
    let reply = ResponseTemplate::new(422)
        .set_body_json(json!({"message": "Validation Failed", "errors": [
            {"resource": "IssueComment", "code": "unprocessable", "field": "data", "message": "Body is too long (maximum is 65536 characters)"},
            "and more",
        ]}));
    answer(&server, "POST", GITHUB_COMMENTS, reply).await;
    let error = posted(&github(&server)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "GitHub rejected the comment: status 422: Validation Failed: Body is too long (maximum is 65536 characters): and more"
    );
}

#[tokio::test]
async fn a_host_that_asks_to_wait_is_waited_for() {
    for limited in [
        ResponseTemplate::new(429).insert_header("retry-after", "0"),
        ResponseTemplate::new(403).insert_header("retry-after", "0"),
        ResponseTemplate::new(403)
            .insert_header("x-ratelimit-remaining", "0")
            .insert_header("x-ratelimit-reset", "1"),
        ResponseTemplate::new(502),
    ] {
        let server = MockServer::start().await;
        Mock::given(method("GET"))
            .and(path(GITHUB_COMMENTS))
            .respond_with(limited)
            .up_to_n_times(2)
            .expect(2)
            .mount(&server)
            .await;
        answer(
            &server,
            "GET",
            GITHUB_COMMENTS,
            ResponseTemplate::new(200).set_body_json(json!([])),
        )
        .await;
        answer(
            &server,
            "POST",
            GITHUB_COMMENTS,
            ResponseTemplate::new(201).set_body_json(json!({})),
        )
        .await;
        assert_eq!(posted(&github(&server)).await.unwrap(), Posted::Created);
    }
}

#[tokio::test]
async fn a_host_that_asks_for_an_hour_is_not_waited_for() {
    let server = MockServer::start().await;
    let reply = ResponseTemplate::new(429).insert_header("retry-after", "3600");
    Mock::given(method("GET"))
        .and(path(GITHUB_COMMENTS))
        .respond_with(reply)
        .expect(1)
        .mount(&server)
        .await;
    let error = posted(&github(&server)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "GitHub asks for a longer wait than a build allows: 3600 seconds"
    );
}

#[tokio::test]
async fn a_comment_whose_reply_was_lost_is_found_and_not_written_twice() {
    let server = MockServer::start().await;
    let empty = ResponseTemplate::new(200).set_body_json(json!([]));
    Mock::given(method("GET"))
        .and(path(GITHUB_COMMENTS))
        .respond_with(empty)
        .up_to_n_times(1)
        .expect(1)
        .mount(&server)
        .await;
    let stands = ResponseTemplate::new(200).set_body_json(json!([ours(9, BODY)]));
    answer(&server, "GET", GITHUB_COMMENTS, stands).await;
    Mock::given(method("POST"))
        .and(path(GITHUB_COMMENTS))
        .respond_with(ResponseTemplate::new(504))
        .expect(1)
        .mount(&server)
        .await;
    assert_eq!(posted(&github(&server)).await.unwrap(), Posted::Unchanged);
}

#[tokio::test]
async fn a_reply_that_is_no_list_is_an_error() {
    let server = MockServer::start().await;
    answer(
        &server,
        "GET",
        GITHUB_COMMENTS,
        ResponseTemplate::new(200).set_body_string("<html>"),
    )
    .await;
    assert!(matches!(
        posted(&github(&server)).await,
        Err(CommentError::Unreadable { .. })
    ));
}

#[tokio::test]
async fn a_locked_conversation_is_not_blamed_on_the_token() {
    let server = MockServer::start().await;
    let none = ResponseTemplate::new(200).set_body_json(json!([]));
    answer(&server, "GET", GITHUB_COMMENTS, none).await;
    let words = "Unable to create comment because issue is locked.";
    let locked = ResponseTemplate::new(403).set_body_json(json!({"message": words}));
    answer(&server, "POST", GITHUB_COMMENTS, locked).await;
    let error = posted(&github(&server)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("GitHub rejected the comment: status 403: {words}")
    );
}

#[test]
fn the_event_names_the_pull_request_where_the_ref_is_that_of_a_branch() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("event.json");
    for (event, number) in [
        (json!({"pull_request": {"number": 5}}), Some("/5/")),
        (
            json!({"issue": {"number": 6, "pull_request": {}}}),
            Some("/6/"),
        ),
        (
            json!({"workflow_run": {"pull_requests": [{"number": 8}]}}),
            Some("/8/"),
        ),
        (json!({"issue": {"number": 7}}), None),
        (json!({"workflow_run": {"pull_requests": []}}), None),
    ] {
        std::fs::write(&file, event.to_string()).unwrap();
        let found = host(&[
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_REPOSITORY", "a/b"),
            ("GITHUB_REF", "refs/heads/main"),
            ("GITHUB_TOKEN", "t"),
            ("GITHUB_EVENT_PATH", file.to_str().unwrap()),
        ]);
        match number {
            Some(number) => assert!(found.unwrap().list(1).url.contains(number), "{event}"),
            None => assert!(matches!(
                found,
                Err(CommentError::Missing("--pull-request"))
            )),
        }
    }
}

#[test]
fn what_a_build_does_not_say_is_named() {
    assert!(matches!(host(&[]), Err(CommentError::Nowhere)));
    let actions = ("GITHUB_ACTIONS", "true");
    assert!(matches!(
        host(&[actions]),
        Err(CommentError::Missing("GITHUB_REPOSITORY"))
    ));
    let branch = [
        actions,
        ("GITHUB_REPOSITORY", "a/b"),
        ("GITHUB_REF", "refs/heads/main"),
        ("GITHUB_TOKEN", "x"),
    ];
    assert!(matches!(
        host(&branch),
        Err(CommentError::Missing("--pull-request"))
    ));
}

#[test]
fn a_token_goes_over_https_or_to_this_machine_only() {
    for (url, is_safe) in [
        ("https://api.github.com", true),
        ("http://127.0.0.1:8080/", true),
        ("http://github.example", false),
        ("http://127.0.0.1@evil.example", false),
        ("http://localhost.evil.example", false),
        ("https://user@evil.example", false),
        ("ftp://x", false),
    ] {
        assert_eq!(safe_base(url).is_ok(), is_safe, "{url}");
    }
}
