//! Credentials in live rows: whatever the check of manifests recognizes, no command prints in any format, and no file repeats.

use std::path::Path;

use super::support::{Project, Server, deskstate};
use serde_json::json;

/// Live values that hold a credential, and the credential.
const LIVE: &[(&str, &str)] = &[
    (
        "https://svc:Sup3rS3cretValue@pbx.example/x",
        "Sup3rS3cretValue",
    ),
    (
        "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
        "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
    ),
    (
        "use github_pat_0123456789abcdefghijklmnopqrstuvwxyz please",
        "0123456789abcdefghijklmnopqrstuvwxyz",
    ),
    ("AKIA0123456789ABCDEF", "AKIA0123456789ABCDEF"),
    ("xoxb-0123456789-abcdefghij", "0123456789-abcdefghij"),
    ("sk_live_0123456789abcdefghij", "0123456789abcdefghij"),
    (
        "SG.0123456789abcdefghij.klmnopqrstuvwxyz",
        "SG.0123456789abcdefghij",
    ),
    (
        "npm_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "0123456789ABCDEFGHIJ",
    ),
    (
        "sk-proj-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabc",
        "proj-0123456789ABCDEFGHIJ",
    ),
    (
        "password=eyJhbGciOiJIUzI1NiJ9 eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVPmB92K27uhbUJU1p1r",
        "eyJzdWIiOiIxMjM0In0",
    ),
    (
        "https://a.example/?x=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI5OTk5In0.dBjftJeZ4CVPmB92K27uhbUJU1p1r",
        "eyJzdWIiOiI5OTk5In0",
    ),
    (
        "Xy18Q~aB3dEfGhIjKlMnOpQrStUvWxYz0123456.-_",
        "aB3dEfGhIjKlMnOpQrStUvWxYz",
    ),
    ("client_secret: Zx9KpQ27vvWq", "Zx9KpQ27vvWq"),
    ("password: \"Tr0ub4dor&3xyz!!\"", "Tr0ub4dor&3xyz"),
    ("password=Sup3rS3cret!Value1", "Sup3rS3cret!Value1"),
    ("Kennwort=Geh31mesWort77", "Geh31mesWort77"),
    (
        "{\"name\": \"password\", \"value\": \"hunter2hunter2\"}",
        "hunter2hunter2",
    ),
    (
        "Authorization: Basic aHVudGVyMmh1bnRlcjI=",
        "aHVudGVyMmh1bnRlcjI",
    ),
    (
        "https://x.blob.core.example/c?sv=2024&sig=abcdefgh0123ijklmnop4567%3D",
        "abcdefgh0123ijklmnop4567",
    ),
    (
        "https://x.azurewebsites.net/api/f?code=aB3dEfGhIjKlMnOpQrStUvW8Yz01AzFu01==",
        "aB3dEfGhIjKlMnOpQrStUvW8Yz01AzFu01",
    ),
    (
        "https://hooks.slack.com/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx",
        "abcdefghijklmnopqrstuvwx",
    ),
    (
        "https://c.webhook.office.com/webhookb2/0a1b2c3d/IncomingWebhook/0123456789abcdef0123/x",
        "IncomingWebhook/0123456789abcdef0123",
    ),
    (
        "https://a.example/?key=AIzaSyA0123456789zyxwvutsrqponmlkjihgfe",
        "AIzaSyA0123456789zyxwvutsrqponmlkjihgfe",
    ),
    (
        "k abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN087=",
        "ABCDEFGHIJKLMN087",
    ),
    (
        "-----BEGIN PRIVATE KEY-----MIIEvQIBADANBgkqhkiG9w0-----END PRIVATE KEY-----",
        "MIIEvQIBADANBgkqhkiG9w0",
    ),
];

/// The parameter whose name alone tells that its value is a credential.
const NAMED: &str = "correcthorsebattery";

/// A project with one tab for each of [`LIVE`], whose titles were replaced by hand with these.
pub(crate) fn pasted() -> (Project, Server) {
    let server = Server::plain();
    let documents = LIVE.iter().enumerate().map(|(at, _)| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {{name: contoso_t{at}}}\nspec: {{displayName: Tab, title: Cases, pageType: ThirdPartyWebsite, parameters: {{url: \"https://a.example/\", data: \"{{data}}\", password: \"{{pin}}\"}}}}\n"
        )
    });
    let manifests: String = documents.collect();
    let project = Project::desk(
        &server,
        "owns: {prefixes: [contoso]}\npolicy: {slug: allow}\nassistants: [server]",
        "",
        &manifests,
    );
    project.apply();
    for (at, (value, _)) in LIVE.iter().enumerate() {
        let id = server.id(
            "msdyn_applicationtabtemplates",
            "msdyn_applicationtabtemplateid",
            &format!("contoso_t{at}"),
        );
        let changed = json!({"msdyn_title": value, "msdyn_description": format!("Ask: {value}")});
        server.patch(
            &format!("msdyn_applicationtabtemplates({id})"),
            &changed.to_string(),
        );
    }
    let rows = server.get("/api/data/v9.2/msdyn_templateparameters");
    let rows = rows["value"].as_array().unwrap().clone();
    for row in rows.iter().filter(|row| row["msdyn_value"] == "{pin}") {
        server.patch(
            &format!(
                "msdyn_templateparameters({})",
                row["msdyn_templateparameterid"].as_str().unwrap()
            ),
            &json!({"msdyn_value": NAMED}).to_string(),
        );
    }
    (project, server)
}

/// Checks that a text repeats no credential.
#[track_caller]
pub(crate) fn check(what: &str, text: &str) {
    let found = found(text);
    assert!(found.is_empty(), "{what} repeats {found:#?} in\n{text}");
}

fn found(text: &str) -> Vec<&'static str> {
    let all = LIVE.iter().map(|(_, secret)| *secret).chain([NAMED]);
    // JSON and HTML write these characters in another way.
    let shown = text.replace("\\u0026", "&").replace("&amp;", "&");
    all.filter(|secret| shown.contains(secret)).collect()
}

/// Checks every file below a folder, except undo files, which need the old values.
fn check_files(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("undo") {
            continue;
        }
        if path.is_dir() {
            check_files(&path);
        } else {
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            check(&path.display().to_string(), &text);
        }
    }
}

#[test]
fn a_credential_in_a_live_row_is_in_no_output_and_no_file() {
    let (project, server) = pasted();
    let commands: &[&[&str]] = &[
        &["plan", "--env", "server", "--out", "plan.json"],
        &["plan", "--env", "server", "--explain-wire"],
        &["plan", "--env", "server", "--format", "json"],
        &["plan", "--env", "server", "--format", "markdown"],
        &["plan", "--env", "server", "--format", "html"],
        &["-vv", "plan", "--env", "server"],
        &["plan", "--env", "server", "--record", "recorded"],
        &["show", "plan.json"],
        &["show", "plan.json", "--format", "json"],
        &["show", "plan.json", "--format", "markdown"],
        &["show", "plan.json", "--format", "html"],
        &["drift", "--env", "server", "--metrics", "m.prom"],
        &["drift", "--env", "server", "--format", "json"],
        &["drift", "--env", "server", "--format", "markdown"],
        &["drift", "--env", "server", "--format", "junit"],
        &["drift", "--env", "server", "--format", "html"],
        &["diff", "--from", "server", "--to", "."],
        &["diff", "--from", ".", "--to", "server"],
        &[
            "diff",
            "--from",
            ".",
            "--to",
            "server",
            "--as-overlay",
            "overlay",
        ],
        &["export", "--env", "server"],
        &["export", "--env", "server", "--out", "exported"],
        &["who", "ada@contoso.com", "--env", "server"],
        &["guide", "--env", "server"],
        &["adopt", "--env", "server", "--check"],
        &["adopt", "--env", "server"],
        &["doctor", "--env", "server", "--report", "report.json"],
    ];
    let mut told = Vec::new();
    for command in commands {
        let run = project.run(command);
        let what = format!("`{}`", command.join(" "));
        assert!(!run.err.contains("Usage:"), "{what}: {}", run.err);
        let found = found(&format!("{}{}", run.out, run.err));
        if !found.is_empty() {
            told.push(format!("{what} repeats {found:?}"));
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
    let plan = project.run(&["show", "plan.json"]).ended(0).out;
    assert!(plan.contains("not shown] (another value)") || plan.contains("not shown] →"));
    check_files(project.path());
    // The old values come back with the undo file, and no word of it shows them.
    project.git(&["init", "-q"]);
    let reviewed = ["apply", "--env", "server", "--yes", "--reviewed"];
    project.run(&["plan", "--env", "server", "--out", "plan.json"]);
    let applied = project.run(&[&reviewed[..], &["plan.json"]].concat());
    let applied = applied.ended(0);
    check("apply", &format!("{}{}", applied.out, applied.err));
    let undo = Project::undo_file(&applied);
    let undone = project.run(&["undo", &undo, "--env", "server", "--yes"]);
    let undone = undone.ended(0);
    check("undo", &format!("{}{}", undone.out, undone.err));
    let titles = server.get("/api/data/v9.2/msdyn_applicationtabtemplates?$select=msdyn_title");
    for (value, _) in LIVE {
        assert!(
            titles["value"]
                .as_array()
                .unwrap()
                .iter()
                .any(|row| row["msdyn_title"] == *value),
            "{value} is back"
        );
    }
    check_files(project.path());
}

#[test]
fn a_recording_without_credentials_is_replayed() {
    let (project, server) = pasted();
    // A recording hides the id, so a replay cannot compare it.
    let who = server.get("/api/data/v9.2/WhoAmI");
    let organization = who["OrganizationId"].as_str().unwrap();
    project.edit(
        "deskstate.yaml",
        "      url:",
        &format!("      organizationId: {organization}\n      url:"),
    );
    let record = ["plan", "--env", "server", "--record", "recorded"];
    let recorded = project.run(&record).ended(0);
    let mut replay = deskstate(project.path());
    let replay = ["plan", "--env", "server", "--replay", "recorded"]
        .iter()
        .fold(&mut replay, |replay, argument| replay.arg(argument));
    let replayed = replay.output().unwrap();
    assert!(
        replayed.status.success(),
        "{}\n{}",
        recorded.out,
        String::from_utf8_lossy(&replayed.stderr)
    );
}
