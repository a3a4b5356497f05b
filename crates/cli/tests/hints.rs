//! Every suggestion in a message works where it is made: the command is taken from the output, pasted into a shell, and has the promised
//! effect.

#![cfg(unix)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::support::{self, Project, Run, Server, applied, deskstate};

/// All suggestions in messages, each with the test that follows it. A new suggestion needs a row, and the row needs a test.
const FOLLOWED: &[(&str, &str)] = &[
    (
        "--allow-provider-loss",
        "a_package_is_installed_upgraded_downgraded_and_removed_on_two_environments",
    ),
    (
        "--commit",
        "archives_and_commits_give_the_same_package_as_the_folder",
    ),
    (
        "--metrics",
        "each_environment_has_a_recording_of_its_own_and_only_what_is_declared_for_it_is_in_sync",
    ),
    (
        "--notify",
        "each_environment_has_a_recording_of_its_own_and_only_what_is_declared_for_it_is_in_sync",
    ),
    (
        "--prefix",
        "rows_with_prefixes_that_a_folder_lacks_are_counted_and_can_be_compared",
    ),
    (
        "--project",
        "init_writes_to_the_folder_that_the_option_for_the_project_names",
    ),
    (
        "--replay",
        "each_environment_has_a_recording_of_its_own_and_only_what_is_declared_for_it_is_in_sync",
    ),
    (
        "--users upn",
        "two_environments_whose_users_were_not_compared_are_not_simply_equal",
    ),
    (
        "--param NAME=VALUE",
        "a_package_is_installed_upgraded_downgraded_and_removed_on_two_environments",
    ),
    (
        "--param {}",
        "conflicts_are_refused_with_both_places_and_nothing_is_written",
    ),
    (
        "--sha256",
        "conflicts_are_refused_with_both_places_and_nothing_is_written",
    ),
    (
        "deskstate explain Package",
        "explain_tells_what_findings_say_that_it_tells",
    ),
    (
        "deskstate package",
        "a_package_is_installed_upgraded_downgraded_and_removed_on_two_environments",
    ),
    (
        "deskstate package add",
        "a_package_is_installed_upgraded_downgraded_and_removed_on_two_environments",
    ),
    (
        "deskstate package build",
        "archives_and_commits_give_the_same_package_as_the_folder",
    ),
    (
        "deskstate package lint",
        "lint_reports_what_a_customer_would_stumble_over",
    ),
    (
        "deskstate package list",
        "archives_and_commits_give_the_same_package_as_the_folder",
    ),
    (
        "deskstate package remove {name}",
        "a_package_is_installed_upgraded_downgraded_and_removed_on_two_environments",
    ),
    (
        "deskstate package update NAME",
        "what_was_changed_by_hand_or_does_not_fit_is_an_error_with_its_place",
    ),
    (
        "deskstate package update {name}",
        "what_was_changed_by_hand_or_does_not_fit_is_an_error_with_its_place",
    ),
    (
        "suggest package",
        "conflicts_are_refused_with_both_places_and_nothing_is_written",
    ),
    (
        "--at REF",
        "a_deleted_row_is_drift_and_the_revision_that_was_applied_tells_what_is_not_applied_yet",
    ),
    (
        "--url",
        "without_a_project_help_is_about_the_address_that_was_given",
    ),
    (
        "deskstate kind check",
        "a_definition_that_is_not_what_the_environment_has_is_found_before_the_first_write",
    ),
    (
        "deskstate explain KindDefinition",
        "explain_tells_what_findings_say_that_it_tells",
    ),
    (
        "deskstate explain \\\"{}\\\" --env NAME",
        "explain_tells_what_findings_say_that_it_tells",
    ),
    (
        "deskstate explain \\\"NAME\\\" --env ENVIRONMENT",
        "explain_tells_what_findings_say_that_it_tells",
    ),
    (
        "suggest explain",
        "explain_tells_what_findings_say_that_it_tells",
    ),
    (
        "--env NAME",
        "explain_tells_what_findings_say_that_it_tells",
    ),
    (
        "deskstate init --ci",
        "init_follows_the_stages_of_a_project_and_keeps_what_people_edited",
    ),
    (
        "deskstate explain denied-table",
        "explain_tells_what_findings_say_that_it_tells",
    ),
    (
        "deskstate kind check --env NAME",
        "a_definition_that_is_not_what_the_environment_has_is_found_before_the_first_write",
    ),
    (
        "suggest export",
        "undeclared_rows_are_listed_and_fail_only_where_the_project_asks",
    ),
    (
        "--ca-file FILE",
        "an_environment_behind_an_authority_of_its_own_is_signed_in_to_as_suggested",
    ),
    (
        "--sign-in",
        "an_environment_behind_an_authority_of_its_own_is_signed_in_to_as_suggested",
    ),
    (
        "--sign-in azure-cli",
        "an_environment_behind_an_authority_of_its_own_is_signed_in_to_as_suggested",
    ),
    (
        "--sign-in browser",
        "an_environment_behind_an_authority_of_its_own_is_signed_in_to_as_suggested",
    ),
    (
        "--sign-in device-code",
        "an_environment_behind_an_authority_of_its_own_is_signed_in_to_as_suggested",
    ),
    ("suggest adopt", "what_drift_suggests_settles_the_drift"),
    (
        "suggest apply",
        "the_apply_that_a_plan_suggests_carries_out_that_plan",
    ),
    (
        "suggest doctor",
        "a_broken_answer_sheet_is_written_anew_as_suggested",
    ),
    (
        "suggest drift",
        "a_page_of_several_environments_suggests_a_page_of_one",
    ),
    (
        "suggest plan",
        "what_was_not_reviewed_is_planned_and_reviewed_as_suggested",
    ),
    (
        "suggest undo",
        "the_undo_that_an_apply_suggests_takes_it_back_from_anywhere",
    ),
    (
        "suggest validate",
        "a_new_project_is_validated_and_planned_as_suggested",
    ),
    (
        "deskstate doctor --env NAME",
        "rights_that_are_missing_are_listed_by_the_doctor_as_suggested",
    ),
    (
        "deskstate drift --env NAME",
        "what_changed_since_an_apply_is_shown_by_drift_and_changed_by_manifests_as_suggested",
    ),
    (
        "deskstate check --env NAME",
        "a_contract_rule_that_nobody_can_judge_is_unknown_in_every_command_and_format",
    ),
    (
        "deskstate validate",
        "where_no_project_is_one_is_started_as_suggested",
    ),
    // An option of git, for partial clones that lack files.
    ("--filter", "a_partial_clone_contacts_nobody"),
    (
        "deskstate explain",
        "explain_tells_what_findings_say_that_it_tells",
    ),
    (
        "deskstate export",
        "a_tool_is_added_to_the_pane_of_somebody_else_as_suggested",
    ),
    (
        "deskstate explain KIND",
        "explain_tells_what_findings_say_that_it_tells",
    ),
    (
        "deskstate explain KIND.field",
        "explain_tells_what_findings_say_that_it_tells",
    ),
    (
        "deskstate explain {kind}",
        "explain_tells_what_findings_say_that_it_tells",
    ),
    (
        "deskstate explain {}",
        "explain_tells_what_findings_say_that_it_tells",
    ),
    (
        "deskstate graph",
        "lists_are_where_messages_say_that_they_are",
    ),
    (
        "deskstate help",
        "lists_are_where_messages_say_that_they_are",
    ),
    (
        "--from-env",
        "what_fails_leaves_nothing_and_what_is_there_stays",
    ),
    (
        "--from-env URL",
        "sets_are_written_as_asked_and_the_default_is_said",
    ),
    (
        "--sets",
        "sets_are_written_as_asked_and_the_default_is_said",
    ),
    (
        "--sets atLeast",
        "sets_are_written_as_asked_and_the_default_is_said",
    ),
    (
        "--users",
        "sets_are_written_as_asked_and_the_default_is_said",
    ),
    (
        "--users exact",
        "sets_are_written_as_asked_and_the_default_is_said",
    ),
    (
        "deskstate export --env NAME --unmanaged --out manifests",
        "what_fails_leaves_nothing_and_what_is_there_stays",
    ),
    (
        "deskstate init",
        "where_no_project_is_one_is_started_as_suggested",
    ),
    (
        "deskstate plan --env ENVIRONMENT --out FILE",
        "what_was_not_reviewed_is_planned_and_reviewed_as_suggested",
    ),
    (
        "deskstate plan --env NAME",
        "what_was_not_reviewed_is_planned_and_reviewed_as_suggested",
    ),
    (
        "--allow address=…",
        "another_address_of_a_widget_is_a_warning_and_a_policy_makes_it_a_refusal",
    ),
    (
        "--allow channel=…",
        "the_first_party_channel_and_the_loader_are_not_taken_away_unasked",
    ),
    (
        "--allow delete=…",
        "deleting_a_large_share_needs_the_printed_override_which_is_as_narrow_as_can_be",
    ),
    (
        "--allow empty=…",
        "taking_agents_out_counts_them_and_an_emptied_set_is_an_override_of_its_own",
    ),
    (
        "--allow loader=…",
        "the_first_party_channel_and_the_loader_are_not_taken_away_unasked",
    ),
    (
        "--allow managed=…",
        "a_managed_row_is_allowed_by_its_name_for_a_change_but_not_for_reverting_drift",
    ),
    (
        "--allow prune=…",
        "pruning_the_last_row_of_a_kind_needs_the_printed_override",
    ),
    (
        "--allow reference=…",
        "a_template_that_a_workstream_names_as_text_is_not_deleted_unasked",
    ),
    (
        "--allow {needed}",
        "deleting_a_large_share_needs_the_printed_override_which_is_as_narrow_as_can_be",
    ),
    (
        "--allow-managed",
        "managed_rows_change_only_when_told_and_the_layer_is_named_with_the_way_to_drop_it",
    ),
    (
        "--env",
        "an_undo_file_of_another_environment_is_used_for_its_own_as_suggested",
    ),
    ("--contract FILE", "check_without_a_rule_says_so"),
    ("--report", "the_report_to_send_names_nobody_and_no_host"),
    (
        "deskstate doctor --env NAME --probe",
        "a_prefix_that_the_environment_was_found_to_refuse_stops_a_plan_before_anything_is_sent",
    ),
    (
        "deskstate doctor --probe",
        "a_prefix_that_the_environment_was_found_to_refuse_stops_a_plan_before_anything_is_sent",
    ),
    ("--force", "an_export_goes_on_as_suggested"),
    ("--out", "an_export_goes_on_as_suggested"),
    (
        "--extras",
        "many_rows_that_nobody_declares_are_folded_for_people_and_whole_for_programs",
    ),
    (
        "--format json",
        "many_rows_that_nobody_declares_are_folded_for_people_and_whole_for_programs",
    ),
    (
        "--from",
        "a_folder_of_manifests_and_an_environment_are_compared_either_way",
    ),
    (
        "--to",
        "a_folder_of_manifests_and_an_environment_are_compared_either_way",
    ),
    (
        "--into base",
        "what_an_overlay_cannot_say_is_adopted_into_the_base_as_suggested",
    ),
    ("--memory", "a_larger_environment_is_read_with_more_memory"),
    (
        "--memory 800",
        "a_larger_environment_is_read_with_more_memory",
    ),
    (
        "--project DIR",
        "where_no_project_is_one_is_started_as_suggested",
    ),
    (
        "--pull-request",
        "a_build_without_a_pull_request_says_how_to_name_one",
    ),
    (
        "--pull-request NUMBER",
        "a_build_without_a_pull_request_says_how_to_name_one",
    ),
    (
        "--reviewed FILE",
        "what_was_not_reviewed_is_planned_and_reviewed_as_suggested",
    ),
    ("--log", "what_cannot_be_put_on_record_is_not_answered"),
    (
        "--record",
        "a_sign_in_that_needs_a_person_is_refused_with_the_next_step",
    ),
    (
        "deskstate adopt",
        "a_patch_that_cannot_be_shown_as_it_is_is_left_to_adopt",
    ),
    (
        "deskstate preview",
        "the_picture_that_an_assistant_cannot_draw_is_drawn_as_suggested",
    ),
    ("--yes", "where_nobody_can_answer_yes_is_an_option"),
];

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

/// The suggestions in messages of the sources, and their places.
fn suggested_in_sources() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for folder in ["cli", "model", "reconcile", "dataverse"] {
        for path in rust_files(&crates().join(folder).join("src")) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            // Skips the texts of tests, and pages that only developers generate.
            if ["tests.rs", "hostile.rs", "fuzzing.rs", "reference.rs"].contains(&name.as_str()) {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            let lines = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            let code: String = lines.flat_map(|line| [line.trim(), "\n"]).collect();
            let mut add = |what: String| {
                found.insert(what, path.display().to_string());
            };
            for (at, _) in code.match_indices("`deskstate ") {
                let end = code[at + 1..].find('`').unwrap_or(0);
                let command = code[at + 1..at + 1 + end].replace('\n', " ");
                if command != "deskstate {}" {
                    add(command);
                }
            }
            for (at, _) in code.match_indices("`--") {
                let option = code[at + 1..].split('`').next().unwrap();
                if option.len() > 3 && option.as_bytes()[2].is_ascii_lowercase() {
                    add(option.replace('\n', " "));
                }
            }
            for call in ["suggest(", "line("] {
                for (at, _) in code.match_indices(call) {
                    let rest = code[at + call.len()..].trim_start();
                    if let Some(command) = rest.strip_prefix('"') {
                        let command = command.split('"').next().unwrap();
                        if !command.is_empty()
                            && command.bytes().all(|byte| byte.is_ascii_lowercase())
                        {
                            add(format!("suggest {command}"));
                        }
                    }
                }
            }
        }
    }
    found
}

#[test]
fn every_suggestion_is_followed_by_a_test() {
    let found = suggested_in_sources();
    let followed: BTreeMap<&str, &str> = FOLLOWED.iter().copied().collect();
    let mut missing = Vec::new();
    for (what, path) in &found {
        if !followed.contains_key(what.as_str()) {
            missing.push(format!("`{what}` in {path}"));
        }
    }
    assert!(
        missing.is_empty(),
        "no test follows these suggestions; add one here, and a row to FOLLOWED:\n{}",
        missing.join("\n")
    );
    let stale: Vec<&&str> = followed
        .keys()
        .filter(|what| !found.contains_key(**what))
        .collect();
    assert!(stale.is_empty(), "nothing suggests {stale:?} any more");
    let mut tests = BTreeSet::new();
    for path in rust_files(&crates().join("cli/tests")) {
        let text = std::fs::read_to_string(path).unwrap();
        for rest in text.split("#[test]").skip(1) {
            let name = rest
                .split("fn ")
                .nth(1)
                .and_then(|rest| rest.split('(').next());
            tests.extend(name.map(str::to_owned));
        }
    }
    for (what, test) in FOLLOWED {
        assert!(tests.contains(*test), "`{what}`: there is no test `{test}`");
    }
}

/// Pastes a command into a shell in a folder.
fn paste(folder: &Path, line: &str) -> Run {
    let binary = Path::new(env!("CARGO_BIN_EXE_deskstate")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let done = Command::new("sh")
        .args(["-c", line])
        .current_dir(folder)
        .env_clear()
        .envs(support::line_counts())
        .env("PATH", format!("{}:{path}", binary.display()))
        .env("NO_COLOR", "1")
        .stdin(std::process::Stdio::null())
        .output();
    done.unwrap().into()
}

/// The command with this name that a run suggests: in backticks, or after `next:`.
#[track_caller]
fn suggested(run: &Run, command: &str) -> String {
    let text = format!("{}\n{}", run.err, run.out);
    let start = format!("deskstate {command}");
    let quoted = text
        .split('`')
        .skip(1)
        .step_by(2)
        .find(|part| part.starts_with(&start));
    let next = || {
        let line = text.lines().find_map(|line| line.strip_prefix("next: "))?;
        line.split(", then ").find(|part| part.starts_with(&start))
    };
    let found = quoted.or_else(next);
    found
        .unwrap_or_else(|| panic!("no `{start}` in\n{text}"))
        .to_owned()
}

fn run_in(folder: &Path, arguments: &[&str]) -> Run {
    deskstate(folder).args(arguments).output().unwrap().into()
}

#[test]
fn an_environment_behind_an_authority_of_its_own_is_signed_in_to_as_suggested() {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca.pem");
    let authority = authority.to_str().unwrap();
    let server = Server::start(&["--sign-in", "required", "--tls-ca-out", authority]);
    let project = Project::example("tenfold");
    project.add_server(&server.url);
    let plan = |options: &[&str], client: &str| {
        let mut command = deskstate(project.path());
        command.args(["plan", "--env", "server"]).args(options);
        for (name, value) in [
            ("AZURE_TENANT_ID", "0c0f0000-0000-4000-8000-00000000000a"),
            ("AZURE_CLIENT_ID", client),
            ("AZURE_CLIENT_SECRET", "emulator-secret"),
        ] {
            if !client.is_empty() {
                command.env(name, value);
            }
        }
        command
    };
    let run = |options: &[&str], client: &str| Run::from(plan(options, client).output().unwrap());
    support::says(&run(&[], "").ended(1).err, &["`--ca-file FILE`"]);
    let trusted = ["--ca-file", authority];
    support::says(
        &run(&trusted, "").ended(1).err,
        &[
            "run `az login` and add `--sign-in azure-cli`",
            "`--sign-in device-code`",
            "need `AZURE_CLIENT_ID`",
            "`AZURE_*`",
        ],
    );
    // A build is told what its job lacks, and nothing about people.
    for (build, says) in [
        ("GITHUB_ACTIONS", "`permissions: id-token: write`"),
        ("TF_BUILD", "`AzureCLI@2`"),
    ] {
        let run: Run = plan(&trusted, "")
            .env(build, "true")
            .output()
            .unwrap()
            .into();
        let run = run.ended(1);
        support::says(&run.err, &["no method is chosen", says]);
        assert!(!run.err.contains("browser"), "{}", run.err);
    }
    let with = |method| [&trusted[..], &["--sign-in", method]].concat();
    support::says(
        &run(&with("oidc"), "").ended(1).err,
        &[
            "there is no method `oidc`",
            "the methods are client-secret, ",
        ],
    );
    support::says(
        &run(&with("device-code"), "").ended(1).err,
        &["needs AZURE_CLIENT_ID", "another method with `--sign-in`"],
    );
    run(
        &with("client-secret"),
        "0c0f0000-0000-4000-8000-000000000a02",
    )
    .ended(0);
    // The sign-in page is shown to a person.
    for (method, page) in [("device-code", "/devicelogin"), ("browser", "/authorize?")] {
        let mut waiting = plan(&with(method), "0c0f0000-0000-4000-8000-000000000a03")
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let said = std::io::BufReader::new(waiting.stderr.take().unwrap()).lines();
        let asked = said.map_while(Result::ok).any(|line| line.contains(page));
        waiting.kill().unwrap();
        waiting.wait().unwrap();
        assert!(asked, "nobody was asked to sign in by {method}");
    }
    let mut late = plan(&with("browser"), "0c0f0000-0000-4000-8000-000000000a03");
    let late: Run = late
        .env("DESKSTATE_SIGN_IN_WAIT", "1")
        .output()
        .unwrap()
        .into();
    support::says(
        &late.ended(1).err,
        &[
            "nobody signed in within 1 s",
            "`--sign-in device-code`",
            "`--sign-in azure-cli`",
        ],
    );
    let mut absent = plan(&with("azure-cli"), "");
    let absent: Run = absent.env("PATH", "").output().unwrap().into();
    support::says(
        &absent.ended(1).err,
        &["run `az login`", "`--sign-in browser`"],
    );
}

#[test]
fn the_apply_that_a_plan_suggests_carries_out_that_plan() {
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().join("Ada's desk $(id)");
    let project = Project::example("tenfold");
    let server = Server::plain();
    project.add_server(&server.url);
    project.answer(false);
    support::copy(project.path(), &folder);
    support::copy(
        &project.path().join(".deskstate"),
        &folder.join(".deskstate"),
    );
    let place = folder.to_str().unwrap();
    let choice = ["-C", place, "--env", "server", "-l", "NotificationTemplate"];
    let plan = |choice: &[&str]| {
        run_in(
            outside.path(),
            &[&["plan", "--detailed-exitcode"], choice].concat(),
        )
    };
    let planned = plan(&choice).ended(2);
    let apply = suggested(&planned, "apply");
    paste(outside.path(), &format!("{apply} --yes")).ended(0);
    plan(&choice).ended(0);
    // Resources that were not selected are unchanged.
    plan(&choice[..4]).ended(2);
}

#[test]
fn the_undo_that_an_apply_suggests_takes_it_back_from_anywhere() {
    let (project, _server) = applied();
    project.edit(
        "manifests/templates.yaml",
        "displayName: Tenfold",
        "displayName: Calls",
    );
    let below = project.path().join("manifests");
    let planned = |code| {
        run_in(&below, &["plan", "--env", "server", "--detailed-exitcode"]).ended(code);
    };
    planned(2);
    let applied = run_in(&below, &["apply", "--env", "server", "--yes"]);
    assert_eq!(applied.code, Some(0), "{}", applied.err);
    planned(0);
    let undo = suggested(&applied, "undo");
    paste(&below, &format!("{undo} --yes")).ended(0);
    planned(2);
}

#[test]
fn what_drift_suggests_settles_the_drift() {
    let (project, server) = applied();
    project.commit_applied();
    let drift = |more: &[&str]| project.run(&[&["drift", "--env", "server"], more].concat());
    for command in ["apply", "adopt"] {
        server.patch_session(r#"{"msdyn_name":"Changed by hand"}"#);
        let found = drift(&[]).ended(2);
        let suggested = suggested(&found, command);
        let yes = if command == "apply" { " --yes" } else { "" };
        paste(project.path(), &format!("{suggested}{yes}")).ended(0);
        drift(&[]).ended(0);
    }
    // With `--only-drift`, changes that are not applied yet stay that way.
    project.git(&["checkout", "--quiet", "--", "."]);
    project.apply();
    project.edit(
        "manifests/templates.yaml",
        "displayName: \"CTI: Inbound Call\"",
        "displayName: Call",
    );
    server.patch_session(r#"{"msdyn_name":"Changed by hand"}"#);
    let at = ["--at", "deskstate/{env}"];
    let found = drift(&at).ended(2);
    let back = suggested(&found, "apply");
    paste(project.path(), &format!("{back} --yes")).ended(0);
    let rest = drift(&at);
    assert!(!rest.out.contains("Changed by hand"), "{}", rest.out);
    let plan = ["plan", "--env", "server", "--detailed-exitcode"];
    project.run(&plan).ended(2);
}

#[test]
fn a_page_of_several_environments_suggests_a_page_of_one() {
    let (project, _server) = applied();
    let all = project.run(&["drift", "--all", "--format", "html"]);
    let text = all.out.replace("&quot;", "\"");
    let start = text.find("deskstate drift").expect("a suggestion");
    let line = text[start..]
        .split('<')
        .next()
        .unwrap()
        .replace("NAME", "server");
    let page = paste(project.path(), &line).ended(0);
    assert!(page.out.contains("<html"), "{line}");
}

#[test]
fn a_broken_answer_sheet_is_written_anew_as_suggested() {
    let (project, _server) = applied();
    project.write(".deskstate/answers/server.json", "{");
    let broken = project.run(&["plan", "--env", "server"]).ended(1);
    let doctor = suggested(&broken, "doctor");
    std::fs::remove_file(project.path().join(".deskstate/answers/server.json")).unwrap();
    paste(project.path(), &format!("{doctor} --yes"));
    assert!(
        project
            .read(".deskstate/answers/server.json")
            .contains("answers")
    );
    project.run(&["plan", "--env", "server"]).ended(0);
}

#[test]
fn what_an_overlay_cannot_say_is_adopted_into_the_base_as_suggested() {
    const PROVIDER: &str = "apiVersion: deskstate/v1\nkind: ChannelProvider\nmetadata: {name: contoso_phone}\nspec:\n  displayName: Phone\n  label: Phone\n  channelUrl: https://a.example/\n  channelOrder: 1\n  customParameters: {a: 1, b: 2}\n";
    let server = Server::plain();
    let project = Project::desk(&server, "", "overlay: overlays/dev", PROVIDER);
    std::fs::create_dir_all(project.path().join("overlays/dev")).unwrap();
    project.apply();
    let id = server.id(
        "msdyn_channelproviders",
        "msdyn_channelproviderid",
        "contoso_phone",
    );
    server.patch(
        &format!("msdyn_channelproviders({id})"),
        r#"{"msdyn_customparams": "{\"a\": 1}"}"#,
    );
    let adopt = ["adopt", "--env", "server"];
    let refused = project.run(&adopt).ended(1);
    assert!(refused.err.contains("use `--into base`"), "{}", refused.err);
    assert!(project.read("manifests/all.yaml").contains("b: 2"));
    project
        .run(&[&adopt[..], &["--into", "base"]].concat())
        .ended(0);
    assert!(!project.read("manifests/all.yaml").contains("b: 2"));
    let plan = ["plan", "--env", "server", "--detailed-exitcode"];
    project.run(&plan).ended(0);
}

/// A run in an environment that requires sign-in, with the variables that an application sets.
fn signed_in(project: &Project, client: &str, arguments: &[&str]) -> Run {
    let mut command = deskstate(project.path());
    command.args(arguments).args(["--ca-file", "ca.pem"]).envs([
        ("AZURE_TENANT_ID", "0c0f0000-0000-4000-8000-00000000000a"),
        ("AZURE_CLIENT_ID", client),
        ("AZURE_CLIENT_SECRET", "emulator-secret"),
    ]);
    command.output().unwrap().into()
}

/// Has all rights.
const ADMINISTRATION: &str = "0c0f0000-0000-4000-8000-000000000a02";
/// May manage profiles, but neither channel providers nor role-based assignments of profiles.
const PIPELINE: &str = "5b1f2f64-5c1b-4b6e-9b0e-6a7d7e0a3c11";

#[test]
fn rights_that_are_missing_are_listed_by_the_doctor_as_suggested() {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca.pem");
    let server = Server::start(&[
        "--sign-in",
        "required",
        "--tls-ca-out",
        authority.to_str().unwrap(),
    ]);
    let project = Project::desk(&server, "", "", &support::every_kind());
    std::fs::copy(&authority, project.path().join("ca.pem")).unwrap();
    project.answer(true);
    let run = |client, arguments: &[&str]| signed_in(&project, client, arguments);
    run(ADMINISTRATION, &["apply", "--env", "server", "--yes"]).ended(0);
    let plan = ["plan", "--env", "server"];
    run(ADMINISTRATION, &plan).ended(0);
    let unread = run(PIPELINE, &plan).ended(1);
    let said = "run `deskstate doctor --env NAME`: it lists the rights that the caller lacks";
    assert!(unread.err.contains(said), "{}", unread.err);
    let doctor = suggested(&unread, "doctor").replace("NAME", "server");
    let words: Vec<&str> = doctor.split(' ').skip(1).collect();
    let listed = run(PIPELINE, &words).ended(1);
    let missing = "prvReadmsdyn_ciprovider";
    let shown = listed.out.to_lowercase();
    assert!(shown.contains(&missing.to_lowercase()), "{}", listed.out);
    // An identity that has these rights gets no such finding.
    let complete = run(ADMINISTRATION, &words);
    assert!(
        !complete
            .out
            .to_lowercase()
            .contains(&missing.to_lowercase()),
        "{}",
        complete.out
    );
}

#[test]
fn an_apply_without_the_right_to_write_is_told_which_role_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let (state, authority) = (
        folder.path().join("state.json"),
        folder.path().join("ca.pem"),
    );
    let state = ["--state", state.to_str().unwrap()];
    // The application may read what it may manage otherwise.
    let server = Server::start(&state);
    let role = |name: &str| {
        let filter = format!("name eq '{name}' and _parentroleid_value eq null");
        server.found("roles", "roleid", &filter)
    };
    let user = server.found(
        "systemusers",
        "systemuserid",
        "domainname eq 'pipeline@contoso.com'",
    );
    let held = format!("/api/data/v9.2/systemusers({user})/systemuserroles_association");
    let manager = role("App Profile Manager Administrator");
    let removed = server.request("DELETE", &format!("{held}({manager})/$ref"), "", "");
    assert!(removed.starts_with("HTTP/1.1 204"), "{removed}");
    let reader = format!(
        r#"{{"@odata.id":"{}/api/data/v9.2/roles({})"}}"#,
        server.url,
        role("App Profile User")
    );
    let added = server.request("POST", &format!("{held}/$ref"), &reader, "");
    assert!(added.starts_with("HTTP/1.1 204"), "{added}");
    drop(server);
    let required = ["--sign-in", "required", "--tls-ca-out"];
    let server = Server::start(&[&state[..], &required, &[authority.to_str().unwrap()]].concat());
    let tabs = support::tab("contoso_help");
    let project = Project::desk(&server, "", "", &tabs);
    std::fs::copy(&authority, project.path().join("ca.pem")).unwrap();
    let run = |arguments: &[&str]| signed_in(&project, PIPELINE, arguments);
    run(&["plan", "--env", "server"]).ended(0);
    let refused = run(&["apply", "--env", "server", "--yes"]).ended(1);
    support::says(
        &refused.err,
        &[
            "error: the signed-in identity may not create msdyn_applicationtabtemplate `contoso_help`, for lack of `prvCreatemsdyn_applicationtabtemplate`; transaction 1 was rolled back",
            "  applied: nothing",
            "the security role \"deskstate apply\"",
        ],
    );
    assert!(!refused.err.contains("-->"), "{}", refused.err);
    let doctor = suggested(&refused, "doctor");
    let words: Vec<&str> = doctor.split(' ').skip(1).collect();
    // How to reach the server is part of the suggestion.
    let words: Vec<&str> = words.into_iter().take(3).collect();
    // Tables of other kinds cannot be read either, which no plan of this project needs.
    let listed = run(&words).ended(0);
    support::says(
        &listed.out,
        &[
            "lacks Create at organization level on ",
            "`msdyn_applicationtabtemplate`",
            "lacks Append at organization level on ",
            "`systemuser`",
            "note  `msdyn_panetoolconfiguration` cannot be read",
        ],
    );
}

#[test]
fn an_identity_that_the_environment_or_the_issuer_does_not_know_is_told_where_to_add_it() {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca.pem");
    let server = Server::start(&[
        "--sign-in",
        "required",
        "--tls-ca-out",
        authority.to_str().unwrap(),
    ]);
    let project = Project::desk(&server, "", "", &support::tab("contoso_help"));
    std::fs::copy(&authority, project.path().join("ca.pem")).unwrap();
    let plan = ["plan", "--env", "server"];
    let stranger = signed_in(&project, "0c0f0000-0000-4000-8000-000000000a05", &plan).ended(1);
    support::says(
        &stranger.err,
        &[
            "The user is not a member of the organization.",
            "code 0x80072560",
            "add the application to the environment as an application user",
        ],
    );
    let job: Run = deskstate(project.path())
        .args(plan)
        .args(["--ca-file", "ca.pem"])
        .env("AZURE_CLIENT_ID", PIPELINE)
        .env(
            "ACTIONS_ID_TOKEN_REQUEST_URL",
            format!(
                "{}/github/token?subject=repo:contoso/desk:environment:test",
                server.url
            ),
        )
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "emulator-job-token")
        .output()
        .unwrap()
        .into();
    support::says(
        &job.ended(1).err,
        &[
            "AADSTS700213",
            "with exactly this subject to the application's registration: `repo:contoso/desk:environment:test`",
        ],
    );
}

#[test]
fn what_changed_since_an_apply_is_shown_by_drift_and_changed_by_manifests_as_suggested() {
    let (project, server) = applied();
    let title = |from: &str, to: &str| {
        let (from, to) = (
            format!("displayName: {from}\n"),
            format!("displayName: {to}\n"),
        );
        project.edit("manifests/templates.yaml", &from, &to);
    };
    title("Tenfold", "Calls");
    let applied = project.apply();
    server.patch_session(r#"{"msdyn_name":"Changed by hand"}"#);
    let file = Project::undo_file(&applied);
    let undo = ["undo", "--env", "server", "--yes", &file];
    let refused = project.run(&undo).ended(4);
    let drift = suggested(&refused, "drift").replace("NAME", "server");
    let drifted = paste(project.path(), &drift).ended(2);
    assert!(
        drifted.out.contains("Calls → Changed by hand"),
        "{}",
        drifted.out
    );
    title("Calls", "Tenfold");
    project.apply();
    paste(project.path(), &drift).ended(0);
}

#[test]
fn an_undo_file_of_another_environment_is_used_for_its_own_as_suggested() {
    let (project, _server) = applied();
    project.edit(
        "manifests/templates.yaml",
        "displayName: Tenfold",
        "displayName: Calls",
    );
    let file = Project::undo_file(&project.apply());
    let undo = ["undo", "--env", "local", "--yes", &file];
    let other = project.run(&undo).ended(4);
    let suggested = suggested(&other, "undo");
    paste(project.path(), &format!("{suggested} --yes")).ended(0);
    let plan = ["plan", "--env", "server", "--detailed-exitcode"];
    project.run(&plan).ended(2);
}

/// Every command that the help names, one that a person would type for it, and its output.
const NAMED_BY_HELP: &[(&str, &str, &str)] = &[
    (
        "deskstate help COMMAND",
        "deskstate help apply",
        "--reviewed",
    ),
    (
        "deskstate explain \"Customer Summary\" --env prod",
        "deskstate explain \"Customer Summary\" --env server",
        "msdyn_customersummary",
    ),
    ("deskstate explain", "deskstate explain", "SessionTemplate"),
    (
        "deskstate explain SessionTemplate.anchorTab",
        "deskstate explain SessionTemplate.anchorTab",
        "cannot be closed",
    ),
    (
        "deskstate explain unknown-reference",
        "deskstate explain unknown-reference",
        "To do",
    ),
    (
        "deskstate completions bash > /etc/bash_completion.d/deskstate",
        "deskstate completions bash > deskstate.sh && cat deskstate.sh",
        "complete -F",
    ),
    // The answers that `doctor --probe` wrote. An emulator that accepts them is stopped after a few seconds.
    (
        "deskstate emulator --answers",
        "timeout 5 deskstate emulator --listen 127.0.0.1:0 --answers answers.json || test $? = 124",
        "http://127.0.0.1:",
    ),
];

#[test]
fn every_command_and_option_that_help_names_is_there_and_does_what_help_says() {
    let reference = std::fs::read_to_string("../../docs/reference/command-line.md").unwrap();
    let (project, _server) = applied();
    let probe = project.run(&["doctor", "--env", "server", "--probe"]);
    assert!(probe.code.is_some_and(|code| code < 2), "{}", probe.err);
    project.write(
        "answers.json",
        &project.read(".deskstate/answers/server.json"),
    );
    let spans = |text: &str| -> Vec<String> {
        let spans = text.split('`').skip(1).step_by(2);
        spans.map(str::to_owned).collect()
    };
    let named: BTreeSet<String> = spans(&reference.replace("```text", "").replace("```", ""))
        .into_iter()
        .filter(|span| span.starts_with("deskstate ") && !span.contains('['))
        .collect();
    let known: BTreeSet<String> = NAMED_BY_HELP
        .iter()
        .map(|(named, ..)| (*named).to_owned())
        .collect();
    assert_eq!(named, known, "every command that help names is run here");
    for (named, line, shows) in NAMED_BY_HELP {
        let run = paste(project.path(), line).ended(0);
        assert!(
            format!("{}{}", run.out, run.err).contains(shows),
            "{named}: {}{}",
            run.out,
            run.err
        );
    }
    // An option in a text belongs to the command that the text describes.
    let (_, common) = reference.split_once("## Options of every command").unwrap();
    let common = common.split("\n## ").next().unwrap();
    for section in reference.split("\n## ").skip(3) {
        let heading = section.lines().next().unwrap();
        let rows = section.lines().chain(common.lines());
        let arguments: Vec<&str> = rows.filter_map(|line| line.strip_prefix("| `")).collect();
        let texts = section.lines().map(|line| match line.strip_prefix("| `") {
            Some(row) => row.split_once("` | ").map_or("", |(_, text)| text),
            None => line,
        });
        for span in texts.flat_map(spans).filter(|span| span.starts_with("--")) {
            let option = span.split([' ', '=']).next().unwrap();
            let has = arguments.iter().any(|row| {
                let row = row.split('`').next().unwrap();
                row.split([' ', ',', '[']).any(|word| word == option)
            });
            assert!(has, "{heading} has no `{option}`");
        }
    }
}

#[test]
fn what_was_not_reviewed_is_planned_and_reviewed_as_suggested() {
    let (project, _server) = applied();
    let reviewed = [
        "apply",
        "--env",
        "server",
        "--yes",
        "--reviewed",
        "plan.json",
    ];
    project.write("plan.json", "{}");
    let unreadable = project.run(&reviewed).ended(1);
    let plan = |run: &Run| {
        let command = suggested(run, "plan").replace("ENVIRONMENT", "server");
        paste(project.path(), &command.replace("FILE", "plan.json")).ended(0);
    };
    plan(&unreadable);
    project.edit(
        "manifests/templates.yaml",
        "displayName: Tenfold",
        "displayName: Calls",
    );
    let other = project.run(&reviewed);
    assert_ne!(other.code, Some(0));
    plan(&other);
    project.run(&reviewed).ended(0);
}

#[test]
fn a_new_project_is_validated_and_planned_as_suggested() {
    let folder = tempfile::tempdir().unwrap();
    for name in [None, Some("new desk")] {
        let made = run_in(folder.path(), &[&["init"], name.as_slice()].concat()).ended(0);
        for command in ["validate", "plan"] {
            let line = suggested(&made, command);
            paste(folder.path(), &line).ended(0);
        }
    }
}

#[test]
fn where_no_project_is_one_is_started_as_suggested() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = run_in(folder.path(), &["validate"]);
    assert_ne!(nothing.code, Some(0));
    paste(folder.path(), &suggested(&nothing, "init")).ended(0);
    run_in(folder.path(), &["validate"]).ended(0);
    let elsewhere = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    run_in(elsewhere.path(), &["validate", "--project", place]).ended(0);
}

#[test]
fn explain_tells_what_findings_say_that_it_tells() {
    let project = Project::example("tenfold");
    let place = project.path();
    project.write("manifests/wrong.yaml", "- a\n---\napiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {name: contoso_x}\nspec: {nonsense: 1, displayName: x, communicationPanelMode: Docked, type: Generic}\n");
    let found = project.run(&["validate"]);
    assert_ne!(found.code, Some(0));
    let lists = paste(place, "deskstate explain").ended(0);
    assert!(lists.out.contains("SessionTemplate"), "{}", lists.out);
    let kind = suggested(&found, "explain");
    let kind = if kind == "deskstate explain" {
        "deskstate explain SessionTemplate".to_owned()
    } else {
        kind
    };
    let fields = paste(place, &kind).ended(0);
    assert!(fields.out.contains("anchorTab"), "{}", fields.out);
    let definition = paste(place, "deskstate explain KindDefinition").ended(0);
    assert!(definition.out.contains("identity"), "{}", definition.out);
    let line = "deskstate explain \"Customer Summary\" --env local";
    let row = paste(place, line).ended(0);
    assert!(row.out.contains("msdyn_customersummary"), "{}", row.out);
    let denied = paste(place, "deskstate explain denied-table").ended(0);
    assert!(
        denied.out.contains("No setting removes this"),
        "{}",
        denied.out
    );
    let range = paste(
        place,
        "deskstate explain NotificationTemplate.timeoutSeconds",
    )
    .ended(0);
    assert!(
        range.out.bytes().any(|byte| byte.is_ascii_digit()),
        "{}",
        range.out
    );
}

#[test]
fn lists_are_where_messages_say_that_they_are() {
    let project = Project::example("tenfold");
    let unknown = project.run(&["man", "nonsense"]).ended(1);
    let help = paste(project.path(), &suggested(&unknown, "help")).ended(0);
    assert!(
        help.out.contains("validate") && help.out.contains("apply"),
        "{}",
        help.out
    );
    let graph = paste(project.path(), "deskstate graph").ended(0);
    assert!(graph.out.contains("CTI_createSession"), "{}", graph.out);
}

#[test]
fn an_export_goes_on_as_suggested() {
    let (project, _server) = applied();
    let export = ["export", "--env", "server", "--out", "exported"];
    let first = project.run(&export);
    let again = project.run(&export);
    assert_ne!(again.code, first.code, "{}", again.err);
    assert!(again.err.contains("`--force`"), "{}", again.err);
    let forced = project.run(&[&export[..], &["--force"]].concat());
    assert_eq!(forced.code, first.code, "{}", forced.err);
    let other = project.run(&["export", "--env", "server", "--out", "another"]);
    assert_eq!(other.code, first.code, "{}", other.err);
}

#[test]
fn where_nobody_can_answer_yes_is_an_option() {
    let (project, _server) = applied();
    project.edit(
        "manifests/templates.yaml",
        "displayName: Tenfold",
        "displayName: Calls",
    );
    for command in [
        &["apply", "--env", "server"][..],
        &["doctor", "--env", "server", "--probe=write"],
    ] {
        let asked = project.run(command);
        assert_ne!(asked.code, Some(0), "{command:?}");
        assert!(asked.err.contains("`--yes`"), "{command:?}: {}", asked.err);
        let answered = project.run(&[command, &["--yes"]].concat());
        assert_eq!(answered.code, Some(0), "{command:?}: {}", answered.err);
    }
}

#[test]
fn a_build_without_a_pull_request_says_how_to_name_one() {
    let project = Project::example("tenfold");
    let server = Server::plain();
    project.add_server(&server.url);
    let plan = ["comment", "--env", "server", "plan.md"];
    project.write("plan.md", "x");
    let other = project.run(&plan).ended(1);
    let made = paste(project.path(), &suggested(&other, "plan")).ended(0);
    project.write("plan.md", &made.out);
    let mut command = deskstate(project.path());
    command
        .args(["comment", "--env", "server", "plan.md"])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_REPOSITORY", "a/b")
        .env("GITHUB_REF", "refs/heads/main")
        .env("GITHUB_API_URL", "http://127.0.0.1:1")
        .env("GITHUB_TOKEN", "t");
    let without: Run = command.output().unwrap().into();
    assert!(without.err.contains("--pull-request"), "{}", without.err);
    let with: Run = command
        .args(["--pull-request", "1"])
        .output()
        .unwrap()
        .into();
    // It gets as far as contacting the host, where nothing listens.
    assert!(!with.err.contains("--pull-request"), "{}", with.err);
}
