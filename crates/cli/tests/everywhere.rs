//! Behavior that must be the same on every system: each command once in a folder with a long or non-ASCII name, with files as on Windows.

use std::path::{Path, PathBuf};

use super::support::{Run, Server, deskstate, says};
use tempfile::TempDir;

/// Runs a command in a folder.
fn run(folder: &Path, arguments: &[&str]) -> Run {
    deskstate(folder).args(arguments).output().unwrap().into()
}

const MANIFEST: &str = "manifests/desktop.yaml";

/// A project in a folder with a name that a person may have, and the temporary folder around it.
fn started(name: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    run(folder.path(), &["init", name, "--name", "desk"]).ended(0);
    let desk = folder.path().join(name);
    (folder, desk)
}

fn edit(desk: &Path, old: &str, new: &str) {
    let path = desk.join(MANIFEST);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(old), "no `{old}` in\n{text}");
    std::fs::write(path, text.replace(old, new)).unwrap();
}

#[test]
fn each_command_works_where_a_home_folder_is_not_ascii() {
    let (_folder, desk) = started("José Müller 用户");
    let here = |arguments: &[&str]| run(&desk, arguments);
    says(&here(&["validate"]).ended(0).out, &["valid: 3 resources"]);
    here(&["plan", "--env", "local", "--detailed-exitcode"]).ended(2);
    here(&["plan", "--env", "local", "--out", "plan.json"]).ended(0);
    here(&["apply", "--env", "local", "--yes"]).ended(0);
    here(&["drift", "--env", "local"]).ended(0);
    here(&["doctor", "--env", "local"]).ended(0);
    here(&["check", "--env", "local"]);
    here(&["graph", "--out", "graph.svg", "--format", "svg"]).ended(0);

    // The live environment has a different title than the file, whose line endings are those of Windows.
    edit(&desk, "title: All cases", "title: By hand");
    let applied = here(&["apply", "--env", "local", "--yes"]).ended(0);
    edit(&desk, "title: By hand", "title: All cases");
    edit(&desk, "\n", "\r\n");
    here(&["drift", "--env", "local"]).ended(2);
    says(
        &here(&["adopt", "--env", "local"]).ended(0).err,
        &["Adopted ApplicationTab contoso_allCases title"],
    );
    let adopted = std::fs::read_to_string(desk.join(MANIFEST)).unwrap();
    assert!(adopted.contains("title: By hand\r\n"), "{adopted}");
    assert_eq!(
        adopted.matches('\n').count(),
        adopted.matches("\r\n").count()
    );
    here(&["drift", "--env", "local"]).ended(0);

    here(&["export", "--env", "local", "--out", "exported"]).ended(0);
    assert!(
        desk.join("exported/application-tabs/contoso_allCases.yaml")
            .is_file()
    );
    let preview = here(&["preview", "--no-open"]).ended(0);
    says(&preview.err, &["/preview.html"]);
    assert!(desk.join(".deskstate/preview.html").is_file());

    // The command that the apply printed, word by word.
    let undo = applied
        .out
        .split("undo with `deskstate ")
        .nth(1)
        .unwrap_or_else(|| panic!("{}", applied.out));
    let undo: Vec<&str> = undo.split('`').next().unwrap().split(' ').collect();
    assert!(undo.iter().all(|word| !word.contains('\\')), "{undo:?}");
    let undone = here(&[&undo[..], &["--yes"]].concat());
    assert_eq!(undone.code, Some(0), "{}", undone.err);
    here(&["plan", "--env", "local", "--detailed-exitcode"]).ended(2);
}

#[test]
fn the_demo_runs_to_its_end() {
    let folder = TempDir::new().unwrap();
    let told = run(folder.path(), &["demo", "--dir", "démo"]).ended(0);
    says(&told.out, &["drift"]);
    assert!(folder.path().join("démo/deskstate.yaml").is_file());
}

#[test]
fn a_project_may_lie_deeper_than_windows_once_allowed() {
    let folder = TempDir::new().unwrap();
    let deep: PathBuf = std::iter::repeat_n("a-folder-with-a-long-name", 12).collect();
    let desk = folder.path().join(deep).join("desk");
    let desk = desk.to_str().unwrap();
    let here = |arguments: &[&str]| run(folder.path(), arguments).ended(0);
    here(&["init", desk]);
    here(&["validate", "--project", desk]);
    here(&["apply", "--env", "local", "--yes", "--project", desk]);
    here(&["drift", "--env", "local", "--project", desk]);
    here(&[
        "export",
        "--env",
        "local",
        "--project",
        desk,
        "--out",
        &format!("{desk}/exported"),
    ]);
}

#[test]
fn a_read_only_manifest_is_not_adopted_into_and_its_message_says_why() {
    let (_folder, desk) = started("desk");
    edit(&desk, "title: All cases", "title: By hand");
    run(&desk, &["apply", "--env", "local", "--yes"]).ended(0);
    edit(&desk, "title: By hand", "title: All cases");
    let path = desk.join(MANIFEST);
    let before = std::fs::read(&path).unwrap();
    let writable = std::fs::metadata(&path).unwrap().permissions();
    let mut read_only = writable.clone();
    read_only.set_readonly(true);
    std::fs::set_permissions(&path, read_only).unwrap();
    let refused = run(&desk, &["adopt", "--env", "local"]).ended(1);
    says(&refused.err, &["could not write", "the file is read-only"]);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    std::fs::set_permissions(&path, writable).unwrap();
    run(&desk, &["adopt", "--env", "local"]).ended(0);
}

#[test]
fn a_second_process_on_a_state_file_is_told_that_another_one_uses_it() {
    let (_folder, desk) = started("desk");
    let state = desk.join(".deskstate/local.json");
    let state = state.to_str().unwrap();
    let server = Server::start(&["--state", state]);
    let second = std::thread::scope(|scope| {
        let emulator = scope.spawn(|| {
            run(
                &desk,
                &["emulator", "--listen", "127.0.0.1:0", "--state", state],
            )
        });
        let plan = run(&desk, &["plan", "--env", "local"]).ended(1);
        says(&plan.err, &["local.json", "another process is using it"]);
        emulator.join().unwrap()
    });
    says(&second.ended(1).err, &["another process is using it"]);
    drop(server);
    run(&desk, &["plan", "--env", "local"]).ended(0);
}

#[test]
fn a_state_file_keeps_what_was_written_to_it() {
    let (_folder, desk) = started("desk");
    let state = desk.join("état.json");
    let project = desk.join("deskstate.yaml");
    let set_url = |url: &str| {
        let text = std::fs::read_to_string(&project).unwrap();
        let line = text
            .lines()
            .find(|line| line.contains("emulator:") || line.contains("url:"));
        let text = text.replace(line.unwrap(), &format!("      url: \"{url}\""));
        std::fs::write(&project, text).unwrap();
    };
    let server = Server::start(&["--state", state.to_str().unwrap()]);
    set_url(&server.url);
    run(&desk, &["apply", "--env", "local", "--yes"]).ended(0);
    drop(server);
    let server = Server::start(&["--state", state.to_str().unwrap()]);
    set_url(&server.url);
    says(
        &run(&desk, &["plan", "--env", "local"]).ended(0).out,
        &["local matches the manifests"],
    );
}

/// Dataverse empties the lookups of other rows to a deleted one, and no plan writes these rows.
#[test]
fn an_undo_fills_the_lookups_that_a_delete_emptied() {
    let (_folder, desk) = started("desk");
    let extra = desk.join("manifests/extra.yaml");
    let tab = "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: contoso_anchor}\nspec: {displayName: Anchor, title: Anchor, pageType: EntityList, parameters: {entityName: account}}\n";
    let session = |name: &str| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {{name: {name}}}\nspec: {{displayName: A, title: A, type: Generic, anchorTab: contoso_anchor}}\n"
        )
    };
    let all = format!("{tab}{}{}", session("contoso_a"), session("contoso_b"));
    std::fs::write(&extra, &all).unwrap();
    let apply = ["apply", "--env", "local", "--yes"];
    run(&desk, &apply).ended(0);
    // One of the two sessions is changed by the same apply.
    let changed = session("contoso_b").replace(
        "title: A, type: Generic, anchorTab: contoso_anchor",
        "title: B",
    );
    std::fs::write(
        &extra,
        format!("apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {{name: contoso_anchor, state: absent}}\n{}", changed.replace("metadata: {name: contoso_b}", "metadata: {name: contoso_b, state: existing}")),
    )
    .unwrap();
    let applied = run(&desk, &apply).ended(0);
    says(&applied.err, &["still used by SessionTemplate contoso_a"]);
    let file = applied
        .out
        .split('`')
        .find_map(|word| word.strip_prefix("deskstate undo --env local "))
        .unwrap();
    let undone = run(&desk, &["undo", "--env", "local", file, "--yes"]).ended(0);
    says(&undone.out, &["SessionTemplate contoso_a", "anchorTab"]);
    std::fs::write(&extra, &all).unwrap();
    let plan = ["plan", "--env", "local", "--detailed-exitcode"];
    says(
        &run(&desk, &plan).ended(0).out,
        &["local matches the manifests"],
    );
}

/// Dataverse deletes the tab of a tool with the tool (delete behaviour of `msdyn_msdyn_toolconfig_msdyn_tabconfig`), and empties the target of a
/// step.
#[test]
fn an_undo_restores_the_parts_that_a_delete_emptied_or_took_along() {
    let (_folder, desk) = started("desk");
    let extra = desk.join("manifests/extra.yaml");
    let document = |kind: &str, name: &str, rest: &str| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: {kind}\nmetadata: {{name: {name}, state: {rest}\n"
        )
    };
    let tool = |rest| document("PaneTool", "contoso_tool", rest);
    let script = |name, rest| document("AgentScript", name, rest);
    let pane = |tools: &str| {
        document(
            "ProductivityPane",
            "contoso_pp",
            &format!("present}}\nspec: {{displayName: A, tools: [{tools}]}}"),
        )
    };
    let write = |all: &[String]| std::fs::write(&extra, all.concat()).unwrap();
    let calls = "present}\nspec: {displayName: Calls, language: 1033, steps: [{displayName: Go on, script: contoso_next}]}";
    let first = "present}\nspec: {displayName: Next, language: 1033, steps: [{displayName: Say it, text: Hello}]}";
    let made = "present}\nspec: {displayName: T, controlName: contoso_control}";
    let both = "{tool: contoso_tool, tooltip: Mine}, {tool: msdyn_callscript_tool_config}";
    let whole = [
        tool(made),
        pane(both),
        script("contoso_next", first),
        script("contoso_calls", calls),
    ];
    write(&whole);
    let here = |arguments: &[&str]| run(&desk, arguments);
    let apply = ["apply", "--env", "local", "--yes"];
    here(&apply).ended(0);
    let gone = "absent}";
    for leaves in [true, false] {
        let rest = match leaves {
            true => pane("{tool: msdyn_callscript_tool_config}"),
            false => document("ProductivityPane", "contoso_pp", "existing}"),
        };
        write(&[
            tool(gone),
            rest,
            script("contoso_next", gone),
            script("contoso_calls", "existing}"),
        ]);
        let applied = here(&apply).ended(0);
        let said = "− contoso_tool  deleted along";
        assert_eq!(applied.out.contains(said), leaves, "{}", applied.out);
        let file = applied
            .out
            .split('`')
            .find_map(|word| word.strip_prefix("deskstate undo --env local "))
            .unwrap();
        here(&["undo", "--env", "local", file, "--yes"]).ended(0);
        write(&whole);
        let plan = here(&["plan", "--env", "local", "--detailed-exitcode"]).ended(0);
        says(&plan.out, &["local matches the manifests"]);
    }
}

#[test]
fn an_undo_deletes_no_row_that_later_got_a_link_or_a_part() {
    let (_folder, desk) = started("desk");
    let extra = desk.join("manifests/extra.yaml");
    let apply = || {
        let applied = run(&desk, &["apply", "--env", "local", "--yes"]).ended(0);
        let file = applied
            .out
            .split('`')
            .find_map(|word| word.strip_prefix("deskstate undo --env local "));
        file.unwrap().to_owned()
    };
    for (kind, first, later, said) in [
        (
            "AppProfile",
            "displayName: A, app: CustomerServiceApps, rank: 9",
            ", roles: [CSR Manager]",
            "msdyn_appprofilerolemapping",
        ),
        (
            "AppProfile",
            "displayName: A, app: CustomerServiceApps, rank: 9",
            ", users: [lin@contoso.com]",
            "`lin@contoso.com` in `users`",
        ),
        (
            "NotificationTemplate",
            "displayName: A, title: A",
            ", fields: [{header: A, value: B}]",
            "in `fields`",
        ),
    ] {
        let declare = |rest: &str| {
            let text = format!(
                "apiVersion: deskstate/v1\nkind: {kind}\nmetadata: {{name: contoso_later}}\nspec: {{{first}{rest}}}\n"
            );
            std::fs::write(&extra, text).unwrap();
        };
        declare("");
        let created = apply();
        declare(later);
        let changed = apply();
        let undo = |file: &str| run(&desk, &["undo", "--env", "local", file, "--yes"]);
        let refused = undo(&created).ended(4);
        says(
            &refused.err,
            &["error[undo-changed]", "is not deleted: it got", said],
        );
        let (field, _) = later[2..].split_once(':').unwrap();
        let allow = format!("empty={kind}.{field}:1");
        let newest = [
            "undo", "--env", "local", &changed, "--yes", "--allow", &allow,
        ];
        run(&desk, &newest).ended(0);
        undo(&created).ended(0);
    }
}

#[test]
fn a_part_whose_parent_is_gone_keeps_no_undo_from_the_rest() {
    let (_folder, desk) = started("desk");
    let extra = desk.join("manifests/extra.yaml");
    let script = |name: &str, state: &str, steps: &str| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: AgentScript\nmetadata: {{name: {name}, state: {state}}}\n{steps}"
        )
    };
    let steps = |rest: &str| {
        format!(
            "spec: {{displayName: A, language: 1033, steps: [{{displayName: One, name: contoso_one_{rest}}}]}}\n"
        )
    };
    let next = script("contoso_next", "present", &steps("a, text: Hello"));
    let calls = script(
        "contoso_calls",
        "present",
        &steps("b, script: contoso_next"),
    );
    let apply = |text: String| {
        std::fs::write(&extra, text).unwrap();
        run(&desk, &["apply", "--env", "local", "--yes"]).ended(0)
    };
    apply(format!("{next}{calls}"));
    let gone = script("contoso_next", "absent", "");
    let deleted = apply(format!("{gone}{}", script("contoso_calls", "existing", "")));
    apply(format!("{gone}{}", script("contoso_calls", "absent", "")));
    let file = deleted
        .out
        .split('`')
        .find_map(|word| word.strip_prefix("deskstate undo --env local "))
        .unwrap();
    let undone = run(&desk, &["undo", "--env", "local", file, "--yes"]).ended(0);
    says(
        &undone.err,
        &["warning[undo-link]", "what it belonged to no longer exists"],
    );
    std::fs::write(&extra, next).unwrap();
    run(&desk, &["plan", "--env", "local", "--detailed-exitcode"]).ended(0);
}

/// The server may make the rows of parameters itself, under other ids than the ones that the undo file names.
#[test]
fn an_undo_deletes_no_row_with_changed_parameters_or_that_others_use() {
    let (_folder, desk) = started("desk");
    let extra = desk.join("manifests/extra.yaml");
    let document = |kind: &str, name: &str, spec: &str| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {{displayName: A, {spec}}}\n"
        )
    };
    let apply = |all: &str| {
        std::fs::write(&extra, all).unwrap();
        let applied = run(&desk, &["apply", "--env", "local", "--yes"]).ended(0);
        let file = applied
            .out
            .split('`')
            .find_map(|word| word.strip_prefix("deskstate undo --env local "));
        file.unwrap().to_owned()
    };
    let tab = |table: &str| {
        let spec = format!("title: A, pageType: EntityList, parameters: {{entityName: {table}}}");
        document("ApplicationTab", "contoso_later", &spec)
    };
    let session = document(
        "SessionTemplate",
        "contoso_used",
        "title: A, type: Entity, entity: account",
    );
    let profile = document(
        "AppProfile",
        "contoso_user",
        "app: CustomerServiceApps, rank: 9, sessionTemplates: [contoso_used]",
    );
    let both = |table: &str| format!("{}{session}", tab(table));
    let created = apply(&both("account"));
    let changed = apply(&both("incident"));
    let linked = apply(&format!("{}{profile}", both("incident")));
    let undo = |file: &str| run(&desk, &["undo", "--env", "local", file, "--yes"]);
    says(
        &undo(&created).ended(4).err,
        &[
            "msdyn_templateparameter `entityName` was changed since the apply",
            "is not deleted: it got a place in `sessionTemplates` of `contoso_user` since",
        ],
    );
    for file in [linked, changed, created] {
        undo(&file).ended(0);
    }
}

#[test]
fn a_file_in_place_of_the_folder_for_undo_files_ends_an_apply() {
    let (_folder, desk) = started("desk");
    std::fs::create_dir_all(desk.join(".deskstate")).unwrap();
    std::fs::write(desk.join(".deskstate/undo"), "").unwrap();
    let applied = run(&desk, &["apply", "--env", "local", "--yes"]).ended(1);
    says(&applied.err, &["could not write", "not a directory"]);
}

#[test]
fn names_that_differ_only_in_case_are_one_file_or_an_error() {
    let (_folder, desk) = started("desk");
    let text = std::fs::read_to_string(desk.join(MANIFEST)).unwrap();
    std::fs::write(desk.join("manifests/Desktop.yaml"), text).unwrap();
    let validated = run(&desk, &["validate"]);
    if std::fs::read_dir(desk.join("manifests")).unwrap().count() == 1 {
        validated.ended(0);
    } else {
        says(
            &validated.ended(3).err,
            &["`manifests/Desktop.yaml` and `manifests/desktop.yaml` differ only in case"],
        );
    }
}

#[test]
fn colours_are_written_when_asked_for_and_never_into_a_pipe_unasked() {
    let (_folder, desk) = started("desk");
    let plan = |arguments: &[&str]| {
        let mut command = deskstate(&desk);
        command.env_remove("NO_COLOR");
        let plan = ["plan", "--env", "local"];
        Run::from(command.args(plan).args(arguments).output().unwrap())
            .ended(0)
            .out
    };
    assert!(plan(&["--color", "always"]).contains('\u{1b}'));
    for arguments in [&[][..], &["--color", "never"]] {
        assert!(!plan(arguments).contains('\u{1b}'));
    }
}
