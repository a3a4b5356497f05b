//! `drift --notify` against stand-ins for Teams, Slack and a webhook.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use super::support::{self, Project, Run, Server, applied, says};
use serde_json::Value;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

const ALL: [&str; 9] = [
    "drift", "--env", "server", "--notify", "teams", "--notify", "slack", "--notify", "webhook",
];
/// A part of the address that only the owner of the channel knows.
const SECRET: &str = "sig=s3cr3t";

/// A channel that first gives these answers, then accepts every message.
async fn channel(first: &[ResponseTemplate]) -> MockServer {
    let host = MockServer::start().await;
    for answer in first {
        Mock::given(method("POST"))
            .respond_with(answer.clone())
            .up_to_n_times(1)
            .mount(&host)
            .await;
    }
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(202))
        .mount(&host)
        .await;
    host
}

async fn run(project: &Project, host: &MockServer, arguments: &[&str]) -> Run {
    let address = |of: &str| format!("{}/{of}?{SECRET}", host.uri());
    let output = tokio::process::Command::from(support::deskstate(project.path()))
        .args(arguments)
        .env("DESKSTATE_TEAMS_URL", address("teams"))
        .env("DESKSTATE_SLACK_URL", address("slack"))
        .env("DESKSTATE_WEBHOOK_URL", address("webhook"))
        .env("GITHUB_RUN_ID", "77")
        .env("GITHUB_SERVER_URL", "https://github.com")
        .env("GITHUB_REPOSITORY", "contoso/desk")
        .output()
        .await
        .unwrap();
    let run: Run = output.into();
    assert!(!format!("{}{}", run.out, run.err).contains("s3cr3t"));
    run
}

/// The messages since the last call, by the last part of the path.
async fn took(host: &MockServer) -> Vec<(String, Value)> {
    let requests = host.received_requests().await.unwrap();
    let took = requests.iter().map(|request| {
        let kind = request.headers["content-type"].to_str().unwrap();
        let path = request.url.path().trim_start_matches('/').to_owned();
        let expected = match path.as_str() {
            "webhook" => "application/cloudevents+json; charset=utf-8",
            _ => "application/json; charset=utf-8",
        };
        assert_eq!(kind, expected);
        (path, serde_json::from_slice(&request.body).unwrap())
    });
    let took = took.collect();
    host.reset().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(202))
        .mount(host)
        .await;
    took
}

/// The texts that a card or a message shows, in order.
fn texts(of: &Value, found: &mut Vec<String>) {
    match of {
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(fields) => {
            for (word, value) in fields {
                match value.as_str() {
                    Some(text) if word == "text" => found.push(text.to_owned()),
                    _ => texts(value, found),
                }
            }
        }
        _ => {}
    }
}

fn shown(message: &Value) -> String {
    let mut found = Vec::new();
    texts(message, &mut found);
    found.join("\n")
}

/// The types of the events. Checks that every channel got the same number.
fn events(took: &[(String, Value)]) -> Vec<String> {
    let of = |channel: &str| took.iter().filter(|(path, _)| path == channel).count();
    let events: Vec<String> = took
        .iter()
        .filter(|(path, _)| path == "webhook")
        .map(|(_, event)| event["type"].as_str().unwrap().to_owned())
        .collect();
    let messages = usize::from(!events.is_empty());
    assert_eq!([of("teams"), of("slack")], [messages, messages]);
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_are_told_when_drift_appears_changes_ends_or_cannot_be_determined() {
    let (project, server) = applied();
    let host = channel(&[]).await;
    // In sync, and never reported otherwise: there is no news.
    run(&project, &host, &ALL).await.ended(0);
    assert!(took(&host).await.is_empty());

    server
        .patch_session(r#"{"msdyn_title": "By hand <!channel> [x](https://evil.example) & more"}"#);
    let first = run(&project, &host, &ALL).await.ended(2);
    says(
        &first.err,
        &[
            "Notified Teams: drift appeared in server",
            "Notified Slack: drift appeared in server",
            "Notified the webhook: drift appeared in server",
        ],
    );
    let news = took(&host).await;
    assert_eq!(events(&news), ["com.github.deskstate.drift.appeared"]);
    for (path, message) in &news {
        if path == "webhook" {
            continue;
        }
        says(
            &shown(message),
            &[
                "server: drift appeared (1 resource differs)",
                "SessionTemplate",
                "title",
                "deskstate drift --env server",
                "deskstate adopt --env server",
            ],
        );
        says(
            &message.to_string(),
            &["https://github.com/contoso/desk/actions/runs/77"],
        );
        // Values stay in the report.
        assert!(!message.to_string().contains("By hand"), "{message}");
    }
    let event = &news.iter().find(|(path, _)| path == "webhook").unwrap().1;
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["subject"], "server");
    assert_eq!(event["data"]["drifted"], 1);
    assert_eq!(event["data"]["state"], "drift");

    // The same drift is not news.
    run(&project, &host, &ALL).await.ended(2);
    assert!(took(&host).await.is_empty());
    server.patch_session(r#"{"msdyn_title": "By hand, again"}"#);
    run(&project, &host, &ALL).await.ended(2);
    assert_eq!(
        events(&took(&host).await),
        ["com.github.deskstate.drift.changed"]
    );

    project.run(&["apply", "--env", "server", "--yes"]).ended(0);
    run(&project, &host, &ALL).await.ended(0);
    assert_eq!(
        events(&took(&host).await),
        ["com.github.deskstate.drift.ended"]
    );

    project.write("manifests/broken.yaml", "kind: Nothing\n");
    run(&project, &host, &ALL).await.ended(3);
    assert_eq!(
        events(&took(&host).await),
        ["com.github.deskstate.drift.unknown"]
    );
    project.write("manifests/broken.yaml", "kind: Nobody\n");
    run(&project, &host, &ALL).await.ended(3);
    // It is as unknown as before, so nothing is sent.
    assert!(took(&host).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_not_taken_is_sent_again_and_other_channels_have_theirs() {
    let (project, server) = applied();
    server.patch_session(r#"{"msdyn_title": "By hand"}"#);
    let slack = ["drift", "--env", "server", "--notify", "slack"];

    // Slack first requests a wait, then fails; the third attempt succeeds.
    let host = channel(&[
        ResponseTemplate::new(429).insert_header("retry-after", "0"),
        ResponseTemplate::new(503),
    ])
    .await;
    run(&project, &host, &slack).await.ended(2);
    assert_eq!(took(&host).await.len(), 3);

    let host = channel(&[ResponseTemplate::new(410)]).await;
    let both = [
        "drift", "--env", "server", "--notify", "teams", "--notify", "webhook",
    ];
    let failed = run(&project, &host, &both).await.ended(2);
    says(
        &failed.err,
        &[
            "Teams rejected the message: status 410",
            "its address is wrong",
            "Notified the webhook: drift appeared in server",
        ],
    );
    // The report is shown nevertheless.
    says(&failed.out, &["By hand"]);
    took(&host).await;
    run(&project, &host, &both).await.ended(2);
    let again: Vec<String> = took(&host)
        .await
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    assert_eq!(again, ["teams"]);

    let long = channel(&[ResponseTemplate::new(429).insert_header("retry-after", "3600")]).await;
    server.patch_session(r#"{"msdyn_title": "By hand, again"}"#);
    let failed = run(&project, &long, &slack).await.ended(2);
    says(
        &failed.err,
        &["Slack asks for a longer wait than a build allows: 3600 seconds"],
    );

    for (address, said) in [
        (None, "`DESKSTATE_SLACK_URL` is not set"),
        (
            Some("http://hooks.example/s3cr3t"),
            "is not an address to post to",
        ),
        (Some("s3cr3t"), "is not an address to post to"),
    ] {
        let mut command = support::deskstate(project.path());
        if let Some(address) = address {
            command.env("DESKSTATE_SLACK_URL", address);
        }
        // Nothing is read, because nobody would hear of it.
        let run = Run::from(command.args(slack).output().unwrap()).ended(1);
        says(&run.err, &[said]);
        assert!(run.out.is_empty(), "{}", run.out);
        assert!(!run.err.contains("s3cr3t"), "{}", run.err);
    }
    // Every channel that failed is named.
    let output = support::deskstate(project.path()).args(both).output();
    let none = Run::from(output.unwrap()).ended(1);
    says(
        &none.err,
        &[
            "`DESKSTATE_TEAMS_URL` is not set",
            "`DESKSTATE_WEBHOOK_URL` is not set",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn very_much_news_fits_what_the_channels_take() {
    let server = Server::plain();
    let names: Vec<String> = (0..60).map(|number| format!("env{number:02}")).collect();
    let environments: String = names
        .iter()
        .map(|name| format!("    {name}:\n      url: \"{}\"\n", server.url))
        .collect();
    let manifests: String = (0..40)
        .map(|number| {
            format!(
                "---\napiVersion: deskstate/v1\nkind: PaneTool\nmetadata: {{name: contoso_{}{number}}}\nspec: {{displayName: T, controlName: t}}\n",
                "x".repeat(70)
            )
        })
        .collect();
    let project = Project::desk(&server, "", "", &manifests);
    project.set_environments(&environments);
    let host = channel(&[]).await;
    run(
        &project,
        &host,
        &["drift", "--all", "--notify", "teams", "--notify", "slack"],
    )
    .await
    .ended(2);
    let news = took(&host).await;
    let of = |channel: &str| &news.iter().find(|(path, _)| path == channel).unwrap().1;
    assert!(of("teams").to_string().len() < 28_000);
    let blocks = of("slack")["blocks"].as_array().unwrap();
    assert!(blocks.len() <= 50);
    for message in [of("teams"), of("slack")] {
        let text = shown(message);
        says(
            &text,
            &["Drift: 60 environments have news", "and 30 more", "more"],
        );
        says(&text, &["env00: drift appeared (40 resources differ)"]);
        assert!(
            text.lines()
                .any(|line| line.starts_with("and ") && line.ends_with(" environments more")),
            "{text}"
        );
    }
}

/// A user among the `users` who left the company.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_compared_hides_no_drift() {
    let (project, server) = applied();
    let host = channel(&[]).await;
    project.edit(
        "manifests/app-profile.yaml",
        "      - lin@contoso.com\n",
        "      - lin@contoso.com\n      - left@contoso.com\n",
    );
    let unknown = ["com.github.deskstate.drift.unknown"];
    run(&project, &host, &ALL).await.ended(1);
    assert_eq!(events(&took(&host).await), unknown);
    run(&project, &host, &ALL).await.ended(1);
    assert!(took(&host).await.is_empty());
    for title in ["By hand", "By hand, again"] {
        server.patch_session(&format!("{{\"msdyn_title\": \"{title}\"}}"));
        run(&project, &host, &ALL).await.ended(1);
        let news = took(&host).await;
        assert_eq!(events(&news), unknown);
        for (path, message) in news.iter().filter(|(path, _)| path != "webhook") {
            says(
                &shown(message),
                &["SessionTemplate", "deskstate drift --env server"],
            );
            assert!(!path.is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_breaks_twice_is_news_twice() {
    let (project, _server) = applied();
    let host = channel(&[]).await;
    let all = [
        "drift", "--all", "--notify", "teams", "--notify", "slack", "--notify", "webhook",
    ];
    let whole = project.read("deskstate.yaml");
    for _ in 0..2 {
        project.write("deskstate.yaml", &format!("{whole}\n  x: ["));
        run(&project, &host, &all).await.ended(3);
        assert_eq!(
            events(&took(&host).await),
            ["com.github.deskstate.drift.unknown"]
        );
        project.write("deskstate.yaml", &whole);
        run(&project, &host, &all).await;
        took(&host).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_may_have_a_certificate_of_the_authority_that_an_option_names() {
    let (project, server) = applied();
    let authority = project.path().join("ca.pem");
    let authority = authority.to_str().unwrap();
    let other = Server::start(&["--tls-ca-out", authority]);
    let send = |more: &[&str]| -> Run {
        support::deskstate(project.path())
            .args(["drift", "--env", "server", "--notify", "webhook"])
            .args(more)
            .env("DESKSTATE_WEBHOOK_URL", format!("{}/hook", other.url))
            .output()
            .unwrap()
            .into()
    };
    let _first = send(&[]);
    server.patch_session(r#"{"msdyn_title": "By hand"}"#);
    says(&send(&[]).ended(2).err, &["could not be reached"]);
    // The emulator is no webhook, but it was reached.
    let run = send(&["--ca-file", authority]).ended(2);
    says(&run.err, &["the webhook rejected the message: status 4"]);
    // A proxy that a pipeline does not define is no proxy.
    let run: Run = support::deskstate(project.path())
        .args(["drift", "--env", "server", "--notify", "webhook"])
        .env("DESKSTATE_WEBHOOK_URL", "https://127.0.0.2:9/hook")
        .env("HTTPS_PROXY", "$(PROXY)")
        .output()
        .unwrap()
        .into();
    says(&run.err, &["it counts as not set", "Connection refused"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_somebody_stops_tells_nobody_and_ends_at_once() {
    let (project, _server) = applied();
    let host = channel(&[]).await;
    // An environment that takes the connection and does not answer.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    project.set_environments(&format!(
        "    server:\n      url: \"http://{address}\"\n      variables: {{widgetOrigin: \"https://widget.tenfold.example\"}}\n"
    ));
    let mut child = tokio::process::Command::from(support::deskstate(project.path()))
        .args([
            "drift",
            "--env",
            "server",
            "--notify",
            "webhook",
            "--metrics",
            "m.prom",
        ])
        .env("DESKSTATE_WEBHOOK_URL", format!("{}/webhook", host.uri()))
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let patience = std::time::Duration::from_secs(20);
    let asked = tokio::time::timeout(patience, silent.accept()).await;
    let id = child.id().unwrap().to_string();
    std::process::Command::new("kill")
        .args(["-TERM", &id])
        .status()
        .unwrap();
    assert_eq!(child.wait().await.unwrap().code(), Some(1));
    drop(asked.unwrap());
    assert_eq!(took(&host).await, []);
    assert!(!project.path().join("m.prom").exists());
}
