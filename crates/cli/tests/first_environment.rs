//! From an environment that was made by hand to a project whose plan is empty.

use std::path::Path;

use super::support::{self, Run, Server, by_hand, deskstate, says};
use serde_json::{Value, json};
use tempfile::TempDir;

fn run(folder: &Path, arguments: &[&str]) -> Run {
    deskstate(folder).args(arguments).output().unwrap().into()
}

/// Everything below a folder, except deskstate's own files.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let relative = path.strip_prefix(folder).unwrap().to_string_lossy();
                found.push(relative.replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

fn plan_is_empty(desk: &Path) {
    let plan = ["plan", "--env", "prod", "--detailed-exitcode"];
    let planned = run(desk, &plan).ended(0);
    says(&planned.out, &["prod matches the manifests"]);
}

/// Changes stored data that the Web API does not allow to change for some columns.
fn store(server: &Server, change: impl FnOnce(&mut Value)) {
    let mut dump = server.dump();
    change(&mut dump);
    let reply = server.request("POST", "/__emulator/load", &dump.to_string(), "");
    assert!(reply.starts_with("HTTP/1.1 20"), "{reply}");
}

#[test]
fn an_environment_becomes_a_project_whose_plan_is_empty_and_a_new_agent_is_drift() {
    let server = Server::plain();
    by_hand::desk(&server);
    let folder = TempDir::new().unwrap();
    let page = format!("{}/main.aspx?appid=7&pagetype=dashboard", server.url);
    let made = run(
        folder.path(),
        &["init", "desk", "--from-env", &page, "--users", "exact"],
    );
    let made = made.ended(0);
    let address = format!("the environment's address is {}", server.url);
    says(
        &made.err,
        &[
            &address,
            "a plan is empty",
            "sets are written as `exact`",
            "deskstate plan --env prod --project desk",
        ],
    );
    says(
        &made.out,
        &["tables readable completely", "alex (3), contoso (2)"],
    );
    let desk = folder.path().join("desk");
    let files = files(&desk);
    for file in [
        ".gitignore",
        ".vscode/extensions.json",
        ".vscode/settings.json",
        "README.md",
        "deskstate.yaml",
        "manifests/app-profiles/contoso_agents.yaml",
        "manifests/session-templates/contoso_case.yaml",
        "schemas/deskstate/manifest.json",
    ] {
        assert!(files.iter().any(|known| known == file), "{file}: {files:?}");
    }
    assert!(
        !files.iter().any(|file| file.contains("desktop.yaml")),
        "no sample"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    plan_is_empty(&desk);
    by_hand::add_agent(&server, "contoso_agents", "lin@contoso.com");
    let drift = run(&desk, &["drift", "--env", "prod"]).ended(2);
    says(&drift.out, &["lin@contoso.com"]);
    run(&desk, &["adopt", "--env", "prod"]).ended(0);
    plan_is_empty(&desk);
    let profile = desk.join("manifests/app-profiles/contoso_agents.yaml");
    says(
        &std::fs::read_to_string(profile).unwrap(),
        &["lin@contoso.com"],
    );
}

#[test]
fn sets_are_written_as_asked_and_the_default_is_said() {
    let server = Server::plain();
    by_hand::desk(&server);
    let folder = TempDir::new().unwrap();
    for (number, (options, users, sessions, said)) in [
        (
            &[][..],
            "mode: atLeast",
            "sessionTemplates: [contoso_case]",
            &[
                "sets of users are written as `atLeast`",
                "all other sets are written as `exact`",
            ][..],
        ),
        (
            &["--users", "exact"],
            "users: [ada@contoso.com]",
            "sessionTemplates: [contoso_case]",
            &["sets are written as `exact`"],
        ),
        (
            &["--sets", "atLeast", "--users", "none"],
            "",
            "sessionTemplates:\n    mode: atLeast",
            &[],
        ),
        (
            &["--sets", "users=exact", "--sets", "sessionTemplates=none"],
            "users: [ada@contoso.com]",
            "",
            &[],
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let desk = format!("desk{number}");
        let made = [&["init", &desk, "--from-env", &server.url], options].concat();
        let made = run(folder.path(), &made).ended(0);
        says(&made.err, said);
        let desk = folder.path().join(desk);
        let profile = desk.join("manifests/app-profiles/contoso_agents.yaml");
        let profile = std::fs::read_to_string(profile).unwrap();
        says(&profile, &[users, sessions]);
        assert_eq!(users.is_empty(), !profile.contains("users:"), "{profile}");
        assert_eq!(
            sessions.is_empty(),
            !profile.contains("sessionTemplates:"),
            "{profile}"
        );
        plan_is_empty(&desk);
    }
    let unknown = run(
        folder.path(),
        &[
            "init",
            "x",
            "--from-env",
            &server.url,
            "--sets",
            "agents=exact",
        ],
    );
    says(
        &unknown.ended(1).err,
        &["the fields with sets are", "sessionTemplates"],
    );
    let without = run(folder.path(), &["init", "x", "--users", "exact"]).ended(4);
    says(&without.err, &["add `--from-env URL`"]);
    assert!(!folder.path().join("x").exists());
}

#[test]
fn five_thousand_rows_of_two_prefixes_and_of_solutions_are_told_apart() {
    let server = Server::plain();
    by_hand::desk(&server);
    let brought = by_hand::session(&server, "voxline_calls");
    by_hand::session(&server, "voxline_unused");
    by_hand::profile(&server, "fabrikam_agents", &brought, "lin@contoso.com");
    let mine = by_hand::session(&server, "fabrikam_case");
    store(&server, |dump| {
        let sessions = dump["rows"]["msdyn_sessiontemplate"]
            .as_object_mut()
            .unwrap();
        let model = sessions[&mine].clone();
        for row in sessions.values_mut() {
            let name = row["c"]["msdyn_uniquename"].as_str().unwrap_or_default();
            if name.starts_with("voxline_") {
                row["c"]["ismanaged"] = json!(true);
            }
        }
        for number in 0..5_000 {
            let mut row = model.clone();
            let id = format!("0c0f0000-0000-4000-9000-{number:012}");
            let managed = number % 2 == 0;
            let prefix = if managed { "voxline" } else { "contoso" };
            row["c"]["msdyn_uniquename"] = json!(format!("{prefix}_row{number:04}"));
            row["c"]["msdyn_sessiontemplateid"] = json!(id);
            row["c"]["ismanaged"] = json!(managed);
            sessions.insert(id, row);
        }
    });
    let folder = TempDir::new().unwrap();
    let made = run(folder.path(), &["init", "desk", "--from-env", &server.url]).ended(0);
    says(
        &made.out,
        &[
            "and 1 to refer to, as `existing`",
            "contoso (2502), alex (3), fabrikam (2)",
        ],
    );
    let desk = folder.path().join("desk");
    plan_is_empty(&desk);
    let project = std::fs::read_to_string(desk.join("deskstate.yaml")).unwrap();
    says(&project, &[r#"prefixes: ["alex", "contoso", "fabrikam"]"#]);
    let files = files(&desk);
    let of_vendor: Vec<&String> = files
        .iter()
        .filter(|file| file.contains("voxline"))
        .collect();
    assert_eq!(
        of_vendor,
        ["manifests/session-templates/voxline_calls.yaml"]
    );
    let text = std::fs::read_to_string(desk.join(of_vendor[0])).unwrap();
    says(&text, &["state: existing"]);
    let wrong = run(&desk, &["export", "--env", "prod", "--prefix", "contosso"]).ended(1);
    says(
        &wrong.err,
        &[
            "nothing in `prod` matches --prefix contosso",
            "contoso (2502)",
            "voxline (2502)",
            "fabrikam (3)",
        ],
    );
}

#[test]
fn a_certificate_authority_may_be_as_windows_exports_it() {
    use base64::Engine as _;
    let folder = TempDir::new().unwrap();
    let authority = folder.path().join("ca.pem");
    let server = Server::start(&[
        "--sign-in",
        "required",
        "--tls-ca-out",
        authority.to_str().unwrap(),
    ]);
    let pem = std::fs::read_to_string(&authority).unwrap();
    let body: String = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let der = base64::engine::general_purpose::STANDARD
        .decode(body)
        .unwrap();
    let files = [
        ("ca.der", der, "bad"),
        ("mark.pem", format!("\u{feff}{pem}").into_bytes(), "bad"),
        (
            "key.pem",
            b"no certificate".to_vec(),
            "holds no certificate",
        ),
        ("cut.der", vec![0x30, 0x82], "neither PEM nor DER"),
    ];
    for (name, bytes, expected) in files {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let run: Run = deskstate(folder.path())
            .args(["init", &format!("desk-{name}"), "--from-env", &server.url])
            .args(["--ca-file", path.to_str().unwrap()])
            .envs([
                ("AZURE_TENANT_ID", "0c0f0000-0000-4000-8000-00000000000a"),
                ("AZURE_CLIENT_ID", "5b1f2f64-5c1b-4b6e-9b0e-6a7d7e0a3c11"),
                ("AZURE_CLIENT_SECRET", "emulator-secret"),
            ])
            .output()
            .unwrap()
            .into();
        let run = run.ended(1);
        assert!(
            (run.out.clone() + &run.err).contains(expected),
            "{name}: {run:?}"
        );
    }
}

#[test]
fn a_reader_who_may_not_see_everything_is_told_and_gets_the_rest() {
    let folder = TempDir::new().unwrap();
    let authority = folder.path().join("ca.pem");
    let authority = authority.to_str().unwrap();
    let server = Server::start(&["--sign-in", "required", "--tls-ca-out", authority]);
    let init = |place: &str, client: &str, secret: &str| -> Run {
        let mut command = deskstate(folder.path());
        command
            .args([
                "init",
                place,
                "--from-env",
                &server.url,
                "--ca-file",
                authority,
            ])
            .envs([
                ("AZURE_TENANT_ID", "0c0f0000-0000-4000-8000-00000000000a"),
                ("AZURE_CLIENT_ID", client),
                ("AZURE_CLIENT_SECRET", secret),
            ]);
        command.output().unwrap().into()
    };
    // May manage profiles, but not read who gets them by role.
    let reader = "5b1f2f64-5c1b-4b6e-9b0e-6a7d7e0a3c11";
    let made = init("desk", reader, "emulator-secret").ended(1);
    says(&made.out, &["bad"]);
    says(
        &made.err,
        &["rows may be missing", "not everything is in the manifests"],
    );
    assert!(folder.path().join("desk/deskstate.yaml").is_file());
    assert!(
        folder
            .path()
            .join("desk/manifests/session-templates/alex_case.yaml")
            .is_file()
    );
    let refused = init("other", reader, "wrong").ended(1);
    says(&refused.err, &["sign-in failed"]);
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        2,
        "the project and the certificate"
    );
}

#[test]
fn what_fails_leaves_nothing_and_what_is_there_stays() {
    let server = Server::plain();
    by_hand::desk(&server);
    let folder = TempDir::new().unwrap();
    let init = ["init", "desk", "--from-env", &server.url];
    let rule = json!({"formatVersion": 1, "rules": [{"when": {"path": "%$batch%"}, "fault": {"kind": "refuse", "status": 403}}]});
    server.request("PUT", "/__emulator/faults", &rule.to_string(), "");
    run(folder.path(), &init).ended(1);
    server.request("DELETE", "/__emulator/faults", "", "");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    // A clone of an empty repository.
    let desk = folder.path().join("desk");
    std::fs::create_dir(&desk).unwrap();
    std::fs::write(desk.join("README.md"), "mine").unwrap();
    let made = run(folder.path(), &init).ended(0);
    says(&made.err, &["Kept README.md", "Created deskstate.yaml"]);
    assert_eq!(
        std::fs::read_to_string(desk.join("README.md")).unwrap(),
        "mine"
    );
    plan_is_empty(&desk);
    let before = files(&desk);
    let again = run(folder.path(), &init).ended(4);
    says(&again.err, &["desk already has a deskstate.yaml"]);
    assert_eq!(files(&desk), before);
    std::fs::remove_file(desk.join("deskstate.yaml")).unwrap();
    let mixed = run(folder.path(), &init).ended(4);
    says(&mixed.err, &["desk/manifests is not empty"]);
    // Nothing listens at this address.
    let silent = ["init", "other", "--from-env", "http://127.0.0.1:9"];
    let silent = run(folder.path(), &silent).ended(1);
    says(&silent.err, &["the address after `--from-env`"]);
    let portal = "https://admin.powerplatform.microsoft.com/environments/1/hub";
    let portal = run(folder.path(), &["init", "other", "--from-env", portal]).ended(1);
    says(&portal.err, &["it is the address of a portal"]);
    assert!(!folder.path().join("other").exists());
}

/// The session of the page, on an environment of the current age.
#[test]
fn the_session_of_the_page_ends_with_a_commit_after_eight_commands() {
    const PAGE: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/recipes/first-environment.md"
    ));
    const ADDRESS: &str = "https://contoso.crm4.dynamics.com";
    let session = PAGE.split("## Ask what").next().unwrap();
    let steps: Vec<&str> = session
        .lines()
        .filter(|line| line.starts_with("$ ") || line.starts_with("<!-- by hand: "))
        .collect();
    let commands: Vec<&&str> = steps.iter().filter(|line| line.starts_with("$ ")).collect();
    assert!((6..=8).contains(&commands.len()), "{commands:?}");
    let server = Server::plain();
    by_hand::desk(&server);
    let folder = TempDir::new().unwrap();
    let mut here = folder.path().to_path_buf();
    let mut did = Vec::new();
    for step in steps {
        if let Some(what) = step.strip_prefix("<!-- by hand: ") {
            let (profile, agent) = what.trim_end_matches(" -->").split_once(" gets ").unwrap();
            by_hand::add_agent(&server, profile, agent);
            continue;
        }
        let step = step.replace(ADDRESS, &server.url);
        let words: Vec<&str> = step.split(' ').skip(1).collect();
        match words.as_slice() {
            ["cd", place] => here.push(place),
            ["git", arguments @ ..] => {
                let done = support::git(&here, arguments);
                assert!(done.status.success(), "{step}: {done:?}");
            }
            ["deskstate", arguments @ ..] => {
                let code = if arguments[0] == "drift" { 2 } else { 0 };
                run(&here, arguments).ended(code);
                did.push(arguments[0].to_owned());
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(did, ["init", "plan", "drift", "adopt"]);
    let status = support::git(&here, &["status", "--porcelain"]);
    assert_eq!(String::from_utf8_lossy(&status.stdout), "");
    let shown = support::git(
        &here,
        &["show", "HEAD:manifests/app-profiles/contoso_agents.yaml"],
    );
    says(
        &String::from_utf8_lossy(&shown.stdout),
        &["lin@contoso.com"],
    );
    plan_is_empty(&here);
}

/// As stated on the page "Hand over to colleagues".
#[test]
fn an_undo_file_of_one_person_works_in_the_clone_of_another() {
    let server = Server::plain();
    by_hand::desk(&server);
    let folder = TempDir::new().unwrap();
    run(
        folder.path(),
        &[
            "init",
            "mine",
            "--from-env",
            &server.url,
            "--users",
            "exact",
        ],
    )
    .ended(0);
    let (mine, theirs) = (
        folder.path().join("mine"),
        folder.path().join("Pat's/clone"),
    );
    support::copy(&mine, &theirs);
    let profile = mine.join("manifests/app-profiles/contoso_agents.yaml");
    let text = std::fs::read_to_string(&profile).unwrap();
    let changed = text
        .replace("displayName: Agents", "displayName: Others")
        .replace("[ada@contoso.com]", "[ada@contoso.com, lin@contoso.com]");
    std::fs::write(&profile, changed).unwrap();
    run(&mine, &["apply", "--env", "prod", "--yes"]).ended(0);
    let kept = mine.join(".deskstate/undo");
    let file = files(&kept)
        .into_iter()
        .find(|file| file.ends_with(".json"))
        .unwrap();
    let undo = std::fs::read_to_string(kept.join(&file)).unwrap();
    let place = folder.path().to_string_lossy();
    assert!(!undo.contains(place.as_ref()), "it names no folder");
    std::fs::write(theirs.join("undo.json"), undo).unwrap();
    run(&theirs, &["undo", "--env", "prod", "undo.json", "--yes"]).ended(0);
    plan_is_empty(&theirs);
}
