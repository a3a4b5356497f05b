//! `comment` as run by a build. The host is a stand-in that answers as documented for GitHub's API.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use super::support::{self, Project, Run, says};
use serde_json::{Value, json};
use wiremock::matchers::{body_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const COMMENTS: &str = "/repos/contoso/desk/issues/7/comments";
const COMMENT: &str = "/repos/contoso/desk/issues/comments/11";

/// A project with its plan in `plan.md`, and that plan.
fn planned() -> (Project, String) {
    let project = Project::example("tenfold");
    let plan = project
        .run(&["plan", "--env", "local", "--format", "markdown"])
        .ended(0)
        .out;
    project.write("plan.md", &plan);
    (project, plan)
}

/// A host with pull request 7, which has this comment of the build.
async fn host(standing: Option<&str>) -> MockServer {
    let host = MockServer::start().await;
    let list = standing.map(|body| json!({"id": 11, "body": body, "user": {"type": "Bot"}, "author_association": "NONE"}));
    let list: Vec<Value> = list.into_iter().collect();
    Mock::given(method("GET"))
        .and(path(COMMENTS))
        .and(header("authorization", "Bearer letmein"))
        .respond_with(ResponseTemplate::new(200).set_body_json(list))
        .mount(&host)
        .await;
    host
}

/// Runs a command in a build of that pull request.
async fn commented(project: &Project, host: &MockServer, arguments: &[&str]) -> Run {
    let output = tokio::process::Command::from(support::deskstate(project.path()))
        .args(arguments)
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_API_URL", host.uri())
        .env("GITHUB_REPOSITORY", "contoso/desk")
        .env("GITHUB_REF", "refs/pull/7/merge")
        .env("GITHUB_TOKEN", "letmein")
        .output()
        .await
        .unwrap();
    output.into()
}

const TO_HOST: [&str; 4] = ["comment", "--env", "local", "plan.md"];

#[tokio::test(flavor = "multi_thread")]
async fn a_first_plan_is_posted_and_the_same_is_left_alone() {
    let (project, plan) = planned();
    let empty = host(None).await;
    Mock::given(method("POST"))
        .and(path(COMMENTS))
        .and(body_json(json!({ "body": plan })))
        .respond_with(ResponseTemplate::new(201).set_body_json(json!({"id": 11})))
        .expect(1)
        .mount(&empty)
        .await;
    let run = commented(&project, &empty, &TO_HOST).await.ended(0);
    says(&run.err, &["Created the comment for local on GitHub"]);

    // An unchanged comment is neither posted nor edited: the host would answer 404.
    let run = commented(&project, &host(Some(&plan)).await, &TO_HOST)
        .await
        .ended(0);
    says(&run.err, &["Kept the comment for local on GitHub"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_plan_edits_the_comment_that_stands() {
    let (project, plan) = planned();
    let earlier = format!("{plan}\nearlier");
    let host = host(Some(&earlier)).await;
    Mock::given(method("PATCH"))
        .and(path(COMMENT))
        .and(body_json(json!({ "body": plan })))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"id": 11})))
        .expect(1)
        .mount(&host)
        .await;
    let run = commented(&project, &host, &TO_HOST).await.ended(0);
    says(&run.err, &["Updated the comment for local on GitHub"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_comment_of_another_project_stands() {
    let (project, plan) = planned();
    let keyed = plan.replacen("deskstate:plan:local", "deskstate:plan:local:desk", 1);
    let host = host(Some(&plan)).await;
    Mock::given(method("POST"))
        .and(path(COMMENTS))
        .and(body_json(json!({ "body": keyed })))
        .respond_with(ResponseTemplate::new(201).set_body_json(json!({"id": 12})))
        .expect(1)
        .mount(&host)
        .await;
    let to_host = [&TO_HOST[..], &["--key", "desk"]].concat();
    commented(&project, &host, &to_host).await.ended(0);
    let refused = commented(
        &project,
        &host,
        &[&TO_HOST[..], &["--key", "a-->"]].concat(),
    )
    .await;
    says(&refused.err, &["a key has letters, digits"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_plan_of_the_environment_is_not_posted() {
    let (project, _) = planned();
    let host = host(None).await;
    let run = commented(&project, &host, &["comment", "--env", "prod", "plan.md"])
        .await
        .ended(1);
    says(
        &run.err,
        &[
            "plan.md is not a plan for prod in Markdown",
            "deskstate plan --env prod --format markdown",
        ],
    );
    let run = commented(
        &project,
        &host,
        &["comment", "--env", "local", "nothing.md"],
    )
    .await
    .ended(1);
    says(&run.err, &["could not read nothing.md"]);
    // Empty input is not a plan either.
    let run = commented(&project, &host, &["comment", "--env", "local"])
        .await
        .ended(1);
    says(&run.err, &["stdin is not a plan for local in Markdown"]);
    assert_eq!(host.received_requests().await.unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_may_not_comment_is_refused_with_the_permission_that_it_needs() {
    let (project, _) = planned();
    let host = host(None).await;
    Mock::given(method("POST"))
        .respond_with(
            ResponseTemplate::new(403)
                .set_body_json(json!({"message": "Resource not accessible by integration"})),
        )
        .mount(&host)
        .await;
    let run = commented(&project, &host, &TO_HOST).await.ended(1);
    says(
        &run.err,
        &[
            "GitHub rejected the token: status 403: Resource not accessible",
            "pull-requests: write",
        ],
    );
    assert!(!run.err.contains("letmein"), "{}", run.err);
}
