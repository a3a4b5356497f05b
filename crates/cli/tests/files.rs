//! No file is ignored: a file that is not read is an error before anything is deleted, and a deletion names its file.

use super::support::{Project, Server, says};

fn tool(name: &str) -> String {
    format!(
        "apiVersion: deskstate/v1\nkind: PaneTool\nmetadata: {{name: contoso_{name}}}\nspec: {{displayName: {name}, controlName: {name}}}\n"
    )
}

/// Seven applied tools, six of them in a subfolder, and everything committed.
fn applied(folder: &std::path::Path) -> (Project, Server) {
    let server = Server::with_parameters(folder, false);
    let project = Project::desk(
        &server,
        "owns: {prefixes: [contoso]}\nprune: owned\nremovals: {maxShare: 100%, maxAgents: 1000}",
        "",
        &tool("top"),
    );
    for number in 0..6 {
        project.write(
            &format!("manifests/sub/{number}.yaml"),
            &tool(&format!("t{number}")),
        );
    }
    project.apply();
    project.commit_applied();
    (project, server)
}

#[test]
fn a_glob_or_a_new_ending_never_deletes_the_rows_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let (project, _server) = applied(folder.path());
    project.edit(
        "deskstate.yaml",
        "spec:\n",
        "spec:\n  manifests: ['manifests/**/*.yaml']\n",
    );
    says(
        &project.run(&["plan", "--env", "server"]).ended(0).out,
        &["matches"],
    );
    // Renamed in two steps: on a case-insensitive file system, a single step may have no effect.
    let at = |name: &str| project.path().join("manifests").join(name);
    std::fs::rename(at("all.yaml"), at("all.away")).unwrap();
    std::fs::rename(at("all.away"), at("all.YAML")).unwrap();
    says(
        &project.run(&["plan", "--env", "server"]).ended(0).out,
        &["matches"],
    );
    project.edit(
        "deskstate.yaml",
        "**/*.yaml",
        "sub/*.yaml', 'manifests/*/*.yml",
    );
    let refused = project.run(&["apply", "--env", "server", "--yes"]).ended(3);
    says(
        &refused.err,
        &[
            "error[file-not-read]: `manifests/all.YAML` is not read",
            "ignoreFiles",
        ],
    );
}

#[test]
fn a_row_that_is_deleted_since_nobody_declares_it_names_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let (project, _server) = applied(folder.path());
    std::fs::remove_file(project.path().join("manifests/sub/0.yaml")).unwrap();
    let plan = project.run(&["plan", "--env", "server"]);
    says(
        &plan.err,
        &[
            "warning[pruned]: PaneTool contoso_t0 will be deleted: `manifests/sub/0.yaml` declares it in the last commit",
            "git checkout HEAD -- manifests/sub/0.yaml",
        ],
    );
    project.git(&["add", "-A"]);
    project.git(&["commit", "--quiet", "-m", "gone"]);
    let commit = project.git(&["rev-parse", "--short", "HEAD"]);
    let plan = project.run(&["plan", "--env", "server", "--format", "markdown"]);
    let (commit, all) = (commit.trim(), plan.out + &plan.err);
    says(&all, &["manifests/sub/0.yaml", commit]);
    project.git(&[
        "checkout",
        &format!("{commit}~"),
        "--",
        "manifests/sub/0.yaml",
    ]);
    says(
        &project.run(&["plan", "--env", "server"]).ended(0).out,
        &["matches"],
    );
}

#[cfg(unix)]
#[test]
fn an_earlier_revision_has_the_same_files_links_and_endings_as_today() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::with_parameters(folder.path(), false);
    let project = Project::desk(&server, "owns: {prefixes: [contoso]}", "", &tool("top"));
    project.write("shared/a.YML", &tool("shared"));
    std::os::unix::fs::symlink("../shared", project.path().join("manifests/shared")).unwrap();
    project.apply();
    project.commit_applied();
    let drift = project.run(&["drift", "--env", "server", "--at", "HEAD"]);
    assert_eq!(drift.code, Some(0), "{}{}", drift.out, drift.err);
    assert!(!drift.out.contains("contoso_shared"), "{}", drift.out);
}

#[test]
fn adopt_writes_nothing_that_would_make_the_project_invalid() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::with_parameters(folder.path(), false);
    let profile = |name: &str, user: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {{name: contoso_{name}}}\nspec: {{displayName: {name}, users: [{user}]}}\n"
        )
    };
    let manifests = profile("a", "ada@contoso.com") + "---\n" + &profile("b", "lin@contoso.com");
    let project = Project::desk(
        &server,
        "defaults: {app: CustomerServiceApps}",
        "",
        &manifests,
    );
    project.apply();
    let (b, ada) = (
        server.id(
            "msdyn_appconfigurations",
            "msdyn_appconfigurationid",
            "contoso_b",
        ),
        server.found(
            "systemusers",
            "systemuserid",
            "domainname eq 'ada@contoso.com'",
        ),
    );
    let body = format!(
        "{{\"@odata.id\": \"{}/api/data/v9.2/systemusers({ada})\"}}",
        server.url
    );
    let links = format!(
        "/api/data/v9.2/msdyn_appconfigurations({b})/msdyn_appconfiguration_systemuser/$ref"
    );
    let reply = server.request("POST", &links, &body, "");
    assert!(reply.starts_with("HTTP/1.1 204"), "{reply}");
    let before = project.read("manifests/all.yaml");
    for check in [&["--check"][..], &[]] {
        let adopt = project
            .run(&[&["adopt", "--env", "server"], check].concat())
            .ended(4);
        says(
            &adopt.err,
            &["error[user-in-two-profiles]", "nothing was written"],
        );
        assert_eq!(project.read("manifests/all.yaml"), before);
    }
    project.run(&["validate"]).ended(0);
}

#[test]
fn adopt_puts_a_new_file_where_the_project_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let (project, _server) = applied(folder.path());
    std::fs::remove_file(project.path().join("manifests/sub/0.yaml")).unwrap();
    project.edit(
        "deskstate.yaml",
        "spec:\n",
        "spec:\n  manifests: [manifests/all.yaml, 'manifests/sub/**']\n",
    );
    project
        .run(&["adopt", "--env", "server", "PaneTool/contoso_t0"])
        .ended(0);
    assert!(
        project
            .path()
            .join("manifests/sub/pane-tools/contoso_t0.yaml")
            .exists()
    );
    project.edit("deskstate.yaml", "manifests/sub/**", "manifests/sub/?.yaml");
    std::fs::remove_dir_all(project.path().join("manifests/sub/pane-tools")).unwrap();
    let refused = project
        .run(&["adopt", "--env", "server", "PaneTool/contoso_t0"])
        .ended(4);
    says(&refused.err, &["no pattern under `manifests` reads"]);
    assert!(!project.path().join("manifests/pane-tools").exists());
}

#[test]
fn an_output_never_replaces_an_input() {
    let project = Project::example("tenfold");
    let manifest = "manifests/templates.yaml";
    let before = project.read(manifest);
    project.write("data.json", "{}");
    project.run(&["apply", "--env", "local", "--yes"]).ended(0);
    for command in [
        &["preview", "--no-open", "--out"][..],
        &["guide", "--out"],
        &["guide", "--format", "html", "--out"],
        &["graph", "--out"],
        &["doctor", "--env", "local", "--report"],
        &["drift", "--env", "local", "--metrics"],
        &["plan", "--env", "local", "--out"],
        &["emulator", "--listen", "127.0.0.1:0", "--tls-ca-out"],
        &["emulator", "--listen", "127.0.0.1:0", "--state"],
        &["mcp", "--log"],
    ] {
        for file in [
            manifest,
            "./manifests/../manifests/templates.yaml",
            "deskstate.yaml",
        ] {
            let project_file = project.read("deskstate.yaml");
            let run = project.run(&[command, &[file]].concat());
            let what = format!("{command:?} {file}");
            assert_ne!(run.code, Some(0), "{what}");
            assert!(run.err.contains("not overwritten"), "{what}: {}", run.err);
            assert!(
                run.err.contains("choose another file"),
                "{what}: {}",
                run.err
            );
            assert!(project.read(manifest) == before, "{what}");
            assert!(project.read("deskstate.yaml") == project_file, "{what}");
        }
    }
    assert!(
        !project
            .path()
            .join("manifests/templates.yaml.lock")
            .exists()
    );
    // Inputs that are no manifests, too.
    let faults = [
        "emulator",
        "--listen",
        "127.0.0.1:0",
        "--faults",
        "data.json",
    ];
    let run = project.run(&[&faults[..], &["--tls-ca-out", "data.json"]].concat());
    assert!(run.err.contains("not overwritten"), "{}", run.err);
    let run = project.run(&["mcp", "--log", "data.json"]).ended(4);
    assert!(run.err.contains("is not a log"), "{}", run.err);
    assert_eq!(project.read("data.json"), "{}");
    // An older output is replaced.
    for command in [
        &["guide", "--out", "guide.md"][..],
        &["graph", "--out", "graph.mmd"],
        &["preview", "--no-open", "--out", "preview.html"],
        &["preview", "--no-open"],
        &["drift", "--env", "local", "--metrics", "m.prom"],
        &["doctor", "--env", "local", "--report", "report.json"],
        &["plan", "--env", "local", "--out", "plan.json"],
        &[
            "diff",
            "--from",
            ".",
            "--to",
            "local",
            "--as-overlay",
            "overlay",
        ],
        &["mcp", "--log", "log.jsonl"],
    ] {
        for _ in 0..2 {
            let run = project.run(command);
            assert!(matches!(run.code, Some(0 | 2)), "{command:?}: {}", run.err);
        }
    }
}

#[test]
fn a_package_is_not_written_over_its_own_source() {
    let project = Project::example("vendors");
    let source = "telvio-1.0.0/deskstate-package.yaml";
    let before = project.read(source);
    let values = [
        "--param",
        "profile=contoso_agents",
        "--param",
        "host=x.example",
    ];
    for (command, more) in [("build", &[][..]), ("solution", &values)] {
        let run = project.run(
            &[
                &["package", command, "telvio-1.0.0", "-o", source][..],
                more,
            ]
            .concat(),
        );
        assert!(
            run.err.contains("not overwritten"),
            "{command}: {}",
            run.err
        );
        assert!(project.read(source) == before, "{command}");
    }
}

#[test]
fn an_overlay_leaves_alone_a_field_that_the_base_takes_from_a_file() {
    let server = Server::plain();
    let session = "apiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {name: contoso_s}\nspec:\n  displayName: S\n  title: S\n  type: Generic\n  anchorTab: contoso_t\n  enableBuildExpression: true\n  expressionDataFile: expression.json\n---\napiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: contoso_t}\nspec: {displayName: T, title: T, pageType: ThirdPartyWebsite, parameters: {url: 'https://a.example'}}\n";
    let project = Project::desk(&server, "", "overlay: overlays/prod\n", session);
    project.write("manifests/expression.json", "{\"scriptFlows\": []}");
    let rendered = |overlay: &str| {
        project.write(
            "overlays/prod/p.yaml",
            &format!("apiVersion: deskstate/v1\nkind: SessionTemplate\n{overlay}"),
        );
        project.run(&["render", "--env", "server"]).ended(0).out
    };
    let out = rendered("metadata: {name: contoso_s}\nspec: {title: Over}\n");
    assert!(out.contains("expressionData"), "{out}");
    let out = rendered("metadata: {name: contoso_s, unmanaged: [expressionData]}\n");
    assert!(!out.contains("expressionData"), "{out}");
    let out = rendered(
        "metadata: {name: contoso_s}\nspec: {expressionData: {scriptFlows: [], other: 1}}\n",
    );
    assert!(out.contains("other: 1"), "{out}");
}

#[test]
fn an_overlay_finds_a_feature_by_its_name_and_by_its_number() {
    let server = Server::plain();
    let profile = |features: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {{name: contoso_a}}\nspec: {{displayName: A, app: CustomerServiceApps, rank: 70, copilotFeatures: {{{features}}}}}\n"
        )
    };
    let project = Project::desk(
        &server,
        "",
        "overlay: overlays/prod\n",
        &profile("\"829050003\": false, askAQuestion: true"),
    );
    let named = project
        .run(&["explain", "AppProfile.copilotFeatures"])
        .ended(0);
    let name = ["caseSummary", "conversationSummary", "writeAnEmail"]
        .into_iter()
        .find(|name| {
            named
                .out
                .lines()
                .any(|line| line.contains(name) && line.contains("829050003"))
        })
        .unwrap_or("caseSummary");
    let rendered = |overlay: &str| {
        project.write(
            "overlays/prod/p.yaml",
            &format!("apiVersion: deskstate/v1\nkind: AppProfile\n{overlay}"),
        );
        project.run(&["render", "--env", "server"]).ended(0).out
    };
    let out = rendered(&format!(
        "metadata: {{name: contoso_a, unmanaged: [copilotFeatures.{name}]}}\n"
    ));
    assert!(!out.contains("false"), "{out}");
    let out = rendered(&format!(
        "metadata: {{name: contoso_a}}\nspec: {{copilotFeatures: {{{name}: true}}}}\n"
    ));
    assert!(!out.contains("false"), "{out}");
}

#[test]
fn a_number_in_a_text_keeps_its_spelling() {
    let server = Server::plain();
    let tab = "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: contoso_t}\nspec: {displayName: T, title: T, pageType: ThirdPartyWebsite, parameters: {url: \"https://a.example/v${{ vars.version }}/x\", data: 3.0}}\n";
    let project = Project::desk(&server, "", "variables: {version: 2.0}\n", tab);
    let out = project.run(&["render", "--env", "server"]).ended(0).out;
    says(&out, &["https://a.example/v2.0/x", "data: \"3.0\""]);
}
