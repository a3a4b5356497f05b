//! What belongs to a revision: links in any order, submodules, and files that no commit contains.

#![cfg(unix)]

use std::os::unix::fs::symlink;

use super::support::{Project, Server, deskstate, git, says};

const AT: [&str; 5] = ["drift", "--env", "server", "--at", "HEAD"];

fn tab(name: &str, title: &str) -> String {
    format!(
        "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {{name: contoso_{name}}}\nspec:\n  displayName: T\n  title: {title}\n  pageType: Search\n"
    )
}

fn patch_title(server: &Server, name: &str, title: &str) {
    let id = server.id(
        "msdyn_applicationtabtemplates",
        "msdyn_applicationtabtemplateid",
        &format!("contoso_{name}"),
    );
    server.patch(
        &format!("msdyn_applicationtabtemplates({id})"),
        &format!("{{\"msdyn_title\":\"{title}\"}}"),
    );
}

#[test]
fn a_link_counts_wherever_it_leads_and_whatever_is_beside_it() {
    let server = Server::plain();
    let project = Project::desk(&server, "", "overlay: overlays/server", &tab("a", "Base"));
    let root = project.path();
    project.write("common/live.yaml", "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: contoso_a}\nspec:\n  title: Live\n");
    project.write("common/deep/tab.yaml", &tab("b", "Linked"));
    for folder in ["overlays/server/common", "manifests/only", "zlink"] {
        std::fs::create_dir_all(root.join(folder)).unwrap();
    }
    // The only entry of its folder; and a link to a link whose name comes later.
    symlink(
        "../../../common/live.yaml",
        root.join("overlays/server/common/live.yaml"),
    )
    .unwrap();
    symlink("../../zlink/tab.yaml", root.join("manifests/only/tab.yaml")).unwrap();
    symlink("../common/deep/tab.yaml", root.join("zlink/tab.yaml")).unwrap();
    // Nothing of this is part of a manifest.
    project.write("notes/readme.txt", "text");
    symlink("../notes", root.join("manifests/notes")).unwrap();
    symlink("manifests/notes", root.join("deep")).unwrap();
    symlink("../deep", root.join("manifests/deeper")).unwrap();
    project.write(".gitignore", "local/\n.deskstate/\n");
    project.write("local/e.md", "text");
    symlink("../local/e.md", root.join("manifests/e.md")).unwrap();
    symlink("../local", root.join("manifests/gen")).unwrap();
    project.apply();
    project.commit_applied();
    project.run(&AT).ended(0);
    patch_title(&server, "a", "By hand");
    patch_title(&server, "b", "By hand");
    let drift = project.run(&AT).ended(2);
    says(&drift.out, &["Live → By hand", "Linked → By hand"]);
    assert!(!drift.out.contains("not applied yet"), "{}", drift.out);
    let apply = project
        .run(&[
            "apply",
            "--env",
            "server",
            "--yes",
            "--only-drift",
            "--at",
            "HEAD",
        ])
        .ended(0);
    says(&apply.out, &["By hand → Live", "By hand → Linked"]);
    project.run(&["drift", "--env", "server"]).ended(0);
}

#[test]
fn the_files_of_a_submodule_belong_to_the_revision() {
    let server = Server::plain();
    let shared = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let done = git(shared.path(), arguments);
        assert!(done.status.success(), "{done:?}");
    };
    run(&["init", "--quiet"]);
    std::fs::write(shared.path().join("extra.yaml"), tab("sub", "Sub")).unwrap();
    run(&["add", "-A"]);
    run(&["commit", "--quiet", "-m", "shared"]);
    let project = Project::desk(&server, "", "", &tab("a", "A"));
    project.git(&["init", "--quiet"]);
    let from = shared.path().to_str().unwrap();
    project.git(&[
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        from,
        "manifests/sub",
    ]);
    project.apply();
    project.commit_applied();
    project.run(&AT).ended(0);
    patch_title(&server, "sub", "By hand");
    let drift = project.run(&AT).ended(2);
    says(&drift.out, &["Sub → By hand"]);
    assert!(!drift.out.contains("not applied yet"), "{}", drift.out);
    // A submodule without manifests may lack the commit; one with manifests may not.
    let broken = |folder: &str| {
        project.git(&[
            "update-index",
            "--add",
            "--cacheinfo",
            &format!("160000,{},{folder}", "1".repeat(40)),
        ]);
        project.git(&["commit", "--quiet", "-m", folder]);
        project.run(&AT)
    };
    std::fs::create_dir_all(project.path().join("theme")).unwrap();
    assert!(
        git(&project.path().join("theme"), &["init", "--quiet"])
            .status
            .success()
    );
    broken("theme").ended(2);
    says(
        &broken("manifests/sub").ended(1).err,
        &["is missing files of revision"],
    );
    project.git(&["reset", "--quiet", "--hard", "HEAD~2"]);
    // The file that was read is in no commit.
    let plan = ["plan", "--env", "server"];
    let clean = project.run(&plan).ended(0);
    assert!(!clean.out.contains("local changes"), "{}", clean.out);
    project.edit("manifests/sub/extra.yaml", "title: Sub", "title: Other");
    says(&project.run(&plan).ended(0).out, &["with local changes"]);
}

#[test]
fn a_commit_is_named_without_a_remark_only_if_it_has_every_file_that_was_read() {
    let server = Server::plain();
    let project = Project::desk(&server, "", "", &tab("a", "A"));
    let root = project.path();
    project.write(".gitignore", "local/\n.deskstate/\n");
    project.write("shared/b.yaml", &tab("b", "B"));
    symlink("../shared", root.join("manifests/shared")).unwrap();
    project.apply();
    project.commit_applied();
    patch_title(&server, "b", "By hand");
    let plan = ["plan", "--env", "server"];
    let is_clean = || {
        let plan = project.run(&plan).ended(0);
        says(&plan.out, &["manifests at "]);
        !plan.out.contains("local changes")
    };
    assert!(is_clean());
    project.write("node_modules/x/y.yaml", "a: 1");
    std::fs::remove_dir_all(root.join("node_modules")).unwrap();
    project.write("manifests/local/c.yaml", &tab("c", "C"));
    assert!(!is_clean(), "an ignored folder");
    std::fs::remove_dir_all(root.join("manifests/local")).unwrap();
    project.write("manifests/nest/c.yaml", &tab("c", "C"));
    let nest = root.join("manifests/nest");
    for arguments in [
        &["init", "--quiet"][..],
        &["add", "-A"],
        &["commit", "--quiet", "-m", "n"],
    ] {
        assert!(git(&nest, arguments).status.success());
    }
    assert!(!is_clean(), "another repository");
    std::fs::remove_dir_all(nest).unwrap();
    assert!(is_clean());
    project.git(&["update-index", "--skip-worktree", "manifests/all.yaml"]);
    project.edit("manifests/all.yaml", "title: A", "title: Z");
    assert!(!is_clean(), "a file that git does not look at");
}

#[test]
fn a_submodule_that_patterns_or_links_reach_may_not_lack_its_commit() {
    let server = Server::plain();
    let project = Project::desk(
        &server,
        "manifests: [\"manifests/**/*.yaml\", \"team-*/*.yaml\"]\n",
        "",
        &tab("a", "A"),
    );
    project.git(&["init", "--quiet"]);
    project.apply();
    project.commit_applied();
    let lacking = |folder: &str, is_there: bool| {
        if is_there {
            let place = project.path().join(folder);
            std::fs::create_dir_all(&place).unwrap();
            assert!(git(&place, &["init", "--quiet"]).status.success());
        }
        let object = format!("160000,{},{folder}", "1".repeat(40));
        project.git(&["update-index", "--add", "--cacheinfo", &object]);
        project.git(&["commit", "--quiet", "-m", folder]);
        if !is_there {
            project.git(&["rm", "--quiet", "--cached", folder]);
        }
        let run = project.run(&AT);
        project.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
        run
    };
    lacking("other", true).ended(0);
    let missing = ["is missing files of revision"];
    says(&lacking("team-a", true).ended(1).err, &missing);
    // One that was moved since is not there to read from.
    says(
        &lacking("team-b", false).ended(1).err,
        &["`team-b` was a submodule in revision `HEAD` but is not one now"],
    );
    symlink("../ext", project.path().join("manifests/theme")).unwrap();
    project.git(&["add", "manifests"]);
    project.git(&["commit", "--quiet", "-m", "link"]);
    says(&lacking("ext", true).ended(1).err, &missing);
    symlink("../between", project.path().join("manifests/far")).unwrap();
    symlink("other", project.path().join("between")).unwrap();
    project.git(&["add", "manifests", "between"]);
    project.git(&["commit", "--quiet", "-m", "links"]);
    says(&lacking("other", true).ended(1).err, &missing);
}

/// With `prune: owned`, what they declare would be deleted.
#[test]
fn manifests_of_the_commit_that_are_not_checked_out_are_an_error() {
    let local = ["-c", "protocol.file.allow=always", "submodule", "--quiet"];
    let repository = |name: &str, submodule: Option<&std::path::Path>| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(format!("{name}.yaml")), tab(name, "T")).unwrap();
        assert!(git(folder.path(), &["init", "-q"]).status.success());
        if let Some(submodule) = submodule {
            let words = [&local[..], &["add", submodule.to_str().unwrap(), "inner"]];
            assert!(git(folder.path(), &words.concat()).status.success());
        }
        for words in [&["add", "-A"][..], &["commit", "-q", "-m", "a"]] {
            assert!(git(folder.path(), words).status.success());
        }
        folder
    };
    let inner = repository("w", None);
    let vendor = repository("v", Some(inner.path()));
    let server = Server::plain();
    let spec = "owns: {prefixes: [contoso]}\nprune: owned";
    let project = Project::desk(&server, spec, "", &tab("a", "T"));
    project.write("manifests/team-b/t.yaml", &tab("b", "T"));
    project.write("common/c.yaml", &tab("c", "T"));
    symlink("../common", project.path().join("manifests/common")).unwrap();
    project.git(&["init", "-q"]);
    let from = vendor.path().to_str().unwrap();
    project.git(&[&local[..], &["add", from, "manifests/vendor"]].concat());
    project.git(&[&local[..], &["update", "--init", "--recursive"]].concat());
    project.git(&["add", "-A"]);
    project.git(&["commit", "-q", "-m", "all"]);
    project.apply();

    let clone = |settings: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("clone");
        let words = [
            &["clone", "-q"],
            settings,
            &[project.path().to_str().unwrap(), place.to_str().unwrap()],
        ];
        assert!(git(folder.path(), &words.concat()).status.success());
        folder
    };
    let refused = |folder: &tempfile::TempDir, said: &str| {
        let place = folder.path().join("clone");
        for command in [
            &["validate"][..],
            &["plan", "--env", "server"],
            &["apply", "--env", "server", "--yes"],
            &["drift", "--env", "server"],
        ] {
            let words = [&["--project", place.to_str().unwrap()], command].concat();
            let run = project.run(&words).ended(3);
            says(&run.err, &["error[unreadable-file]", said]);
        }
    };
    let without = clone(&[]);
    refused(
        &without,
        "`manifests/vendor` is a submodule that is not checked out",
    );
    let place = without.path().join("clone");
    let run = deskstate(&place)
        .args(["validate"])
        .env("PATH", "/nowhere")
        .output()
        .unwrap();
    // Without git, too.
    let told = String::from_utf8_lossy(&run.stderr).into_owned();
    says(
        &told,
        &["`manifests/vendor` is a submodule that is not checked out"],
    );
    let update = [&local[..], &["update", "--init"]].concat();
    assert!(git(&place, &update).status.success());
    refused(
        &without,
        "`manifests/vendor/inner` is a submodule that is not checked out",
    );
    let update = [&local[..], &["update", "--init", "--recursive"]].concat();
    assert!(git(&place, &update).status.success());
    let plan = [
        "--project",
        place.to_str().unwrap(),
        "plan",
        "--env",
        "server",
        "--detailed-exitcode",
    ];
    project.run(&plan).ended(0);
    let cone = ["sparse-checkout", "set", "common"];
    assert!(git(&place, &cone).status.success());
    refused(
        &without,
        "`manifests/all.yaml` is not checked out, although the commit has it, and 2 more like it",
    );
    let flat = clone(&["-c", "core.symlinks=false"]);
    std::fs::create_dir_all(flat.path().join("clone/manifests/vendor")).unwrap();
    std::fs::write(
        flat.path().join("clone/manifests/vendor/v.yaml"),
        tab("v", "T"),
    )
    .unwrap();
    refused(
        &flat,
        "`manifests/common` is a link that git wrote as a file",
    );
}
