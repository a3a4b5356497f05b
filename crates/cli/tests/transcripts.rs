//! The output of each command about drift, and of each way back into git, with auditing on and off. `INSTA_UPDATE=always cargo test -p
//! deskstate --test scenarios transcripts::` rewrites it; review the difference before committing.

use super::support::transcript::Transcript;
use super::support::{Project, Server, applied};

/// A command, whether auditing affects its output, and the typed lines.
const COMMANDS: &[(&str, bool, &[&str])] = &[
    (
        "drift",
        true,
        &[
            "drift --env server",
            "drift --env server --format markdown",
            "drift --env server --format junit SessionTemplate",
        ],
    ),
    (
        "drift-at",
        true,
        &["drift --env server --at deskstate/{env}"],
    ),
    (
        "drift-all",
        true,
        &["drift --all", "drift --all --shard 2/2"],
    ),
    (
        "diff",
        false,
        &[
            "diff --from other --to server",
            "diff --from other --to server --users upn",
            "diff --from server --to other --users upn",
            "diff --from . --to server",
            "diff --from server --to .",
            "diff --from other --to server --as-overlay overlays/server",
            "cat overlays/server/session-templates/CTI_createSession.yaml",
        ],
    ),
    (
        "export",
        false,
        &[
            "export --env server --prefix tenfold --prefix CTI",
            "export --env server CTI_createSession --skip-defaults",
            "export --env server AppProfile/tenfold_appProfile --skip-defaults --users none",
            "export --env server AppProfile/tenfold_appProfile --skip-defaults --users objectid",
            "export --env server --kind ChannelProvider --prefix tenfold --skip-defaults --sanitize",
            "export --env server --kind NotificationTemplate --prefix tenfold --out exported",
            "export --env server --kind NotificationTemplate --prefix tenfold --out exported",
        ],
    ),
    (
        "export-solution",
        false,
        &[
            "export --solution solution --skip-defaults",
            "export --solution solution --sanitize --skip-defaults",
        ],
    ),
    (
        "adopt",
        false,
        &[
            "adopt --env server --check",
            "adopt --env server tenfold_appProfile tenfold_chat --check",
            "adopt --env server tenfold_appProfile tenfold_chat",
            "git diff --no-color",
            "git status --short --untracked-files=all manifests",
            "adopt --env server tenfold_appProfile tenfold_chat",
            "plan --env server tenfold_chat",
        ],
    ),
    (
        "apply-only-drift",
        false,
        &[
            "apply --env server --only-drift --at deskstate/{env}",
            "apply --env server --only-drift --at deskstate/{env} --yes",
            "plan --env server",
        ],
    ),
];

/// Two environments that were equal. In one, Ada hid the communication panel, removed Lin from the profile and created a notification; the
/// manifests have changed since; and a third environment cannot be reached.
fn edited(auditing: bool) -> (Project, Server, Server) {
    let (project, server) = applied();
    let other = Server::with_parameters(project.path(), false);
    let variables = "variables: {widgetOrigin: \"https://widget.tenfold.example\"}";
    project.set_environments(&format!(
        "    other: {{url: \"{url}\", {variables}}}\n    server: {{url: \"{}\", {variables}}}\n    unset: {{url: \"https://unset.crm4.dynamics.com\"}}\n",
        server.url,
        url = other.url
    ));
    project.run(&["apply", "--env", "other", "--yes"]).ended(0);
    for (file, text) in SOLUTION {
        project.write(&format!("solution/{file}"), text);
    }
    project.commit_applied();
    server.auditing(auditing);
    let ada = server.administrator("ada@contoso.com");
    server.edit_as(&ada);
    server.makes_notification(&ada, "tenfold_chat", "A chat");
    project.edit(
        "manifests/templates.yaml",
        "rejectButton: Reject",
        "rejectButton: Decline",
    );
    (project, server, other)
}

const SOLUTION: [(&str, &str); 3] = [
    ("solution.xml", "<ImportExportXml/>"),
    ("customizations.xml", "<ImportExportXml/>"),
    (
        "msdyn_channelproviders/ringway_phone/msdyn_channelprovider.xml",
        r#"<msdyn_channelprovider msdyn_uniquename="ringway_phone">
  <msdyn_name default="Ringway"><label description="Ringway" languagecode="1033" /></msdyn_name>
  <msdyn_label default="Phone"><label description="Phone" languagecode="1033" /></msdyn_label>
  <msdyn_channelurl>https://phone.ringway.example/desk</msdyn_channelurl>
  <msdyn_trusteddomain>https://phone.ringway.example</msdyn_trusteddomain>
  <msdyn_sortorder>0</msdyn_sortorder>
  <statecode>0</statecode>
</msdyn_channelprovider>"#,
    ),
];

fn transcripts(auditing: bool) -> Vec<String> {
    let (project, server, other) = edited(auditing);
    let servers = [("server", &server), ("other", &other)];
    let commands = COMMANDS.iter().map(|(_, _, typed)| {
        let begun = Transcript::new(&project, &servers);
        let typed = typed.iter().fold(begun, |text, line| text.typed(line));
        typed.text()
    });
    commands.collect()
}

fn shown(name: &str, text: &str) {
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "snapshots/transcripts"}, {
        insta::assert_snapshot!(name, text);
    });
}

#[test]
fn auditing_changes_what_is_known_of_authors_and_nothing_else_that_is_printed() {
    let (with, without) = (transcripts(true), transcripts(false));
    for (((name, is_told, _), on), off) in COMMANDS.iter().zip(&with).zip(&without) {
        if *is_told {
            shown(&format!("{name}-audited"), on);
            shown(&format!("{name}-unaudited"), off);
        } else {
            shown(name, on);
            assert!(on == off, "without auditing {name} prints:\n{off}");
        }
    }
}
