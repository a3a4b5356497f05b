//! Vendor packages in a customer's project: installed, upgraded, downgraded and removed on two environments; and refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::support::{Project, Run, Server, deskstate, says};

const ENVIRONMENTS: [&str; 2] = ["test", "prod"];

/// The vendors' example in its own folder, with a project that uses none of the packages yet.
struct Vendors {
    folder: TempDir,
}

impl Vendors {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/vendors");
        copy(&example, folder.path());
        let vendors = Self { folder };
        std::fs::remove_dir_all(vendors.desk().join("packages")).unwrap();
        std::fs::remove_file(vendors.desk().join("deskstate.lock")).unwrap();
        let project = vendors.read("deskstate.yaml");
        let (project, _) = project.split_once("  packages:").unwrap();
        vendors.write("deskstate.yaml", project);
        vendors
    }

    /// The example with the first package.
    fn with_telvio() -> Self {
        let vendors = Self::new();
        vendors.add("../telvio-1.0.0").ended(0);
        vendors
    }

    fn desk(&self) -> PathBuf {
        self.folder.path().join("desk")
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let output = deskstate(&self.desk()).args(arguments).output().unwrap();
        output.into()
    }

    fn add(&self, from: &str) -> Run {
        let mut arguments = vec!["package", "add", from, "--no-plan"];
        arguments.extend(["--param", "profile=contoso_agents"]);
        if from.contains("telvio") {
            arguments.extend(["--param", "host=${{ vars.telvioHost }}"]);
        }
        self.run(&arguments)
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.desk().join(path)).unwrap()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.desk().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{text}");
        self.write(path, &text.replace(from, to));
    }

    /// All files of the project that git would see.
    fn files(&self) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        let mut open = vec![self.desk()];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.ends_with(".deskstate") {
                    continue;
                }
                if path.is_dir() {
                    open.push(path);
                } else {
                    let name = path.strip_prefix(self.desk()).unwrap();
                    let name = name.to_str().unwrap().replace('\\', "/");
                    let text = std::fs::read(&path).unwrap();
                    files.insert(name, String::from_utf8_lossy(&text).into_owned());
                }
            }
        }
        files
    }

    /// Applies to both environments, and checks that nothing is left to do.
    #[track_caller]
    fn in_sync(&self, allow: &[&str]) {
        for environment in ENVIRONMENTS {
            let mut arguments = vec!["apply", "--env", environment, "--yes"];
            arguments.extend(allow);
            self.run(&arguments).ended(0);
            self.run(&["plan", "--env", environment, "--detailed-exitcode"])
                .ended(0);
        }
    }

    /// The state of an environment, as manifests. deskstate links the loader of channel providers, and never removes it.
    fn live(&self, environment: &str) -> String {
        let arguments = [
            "export",
            "--env",
            environment,
            "--unmanaged",
            "--users",
            "none",
        ];
        let all = self.run(&arguments).ended(0).out;
        let kept = all.lines().filter(|line| !line.contains("  extensions: ["));
        kept.map(|line| format!("{line}\n")).collect()
    }

    /// Checks that a command is refused with these words, and writes nothing.
    #[track_caller]
    fn refused(&self, arguments: &[&str], code: i32, words: &[&str]) {
        let before = self.files();
        let run = self.run(arguments).ended(code);
        for word in words {
            assert!(run.err.contains(word), "no `{word}` in\n{}", run.err);
        }
        assert_eq!(self.files(), before);
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_package_is_installed_upgraded_downgraded_and_removed_on_two_environments() {
    let vendors = Vendors::new();
    let before = vendors.files();
    vendors.in_sync(&[]);
    let live = ENVIRONMENTS.map(|environment| vendors.live(environment));
    vendors.add("../telvio-1.0.0").ended(0);
    vendors.add("../calloop-2.0.0").ended(0);
    let plan = vendors.run(&["plan", "--env", "test"]).ended(0).out;
    assert!(
        plan.contains("+ telvio_softphone  from package telvio"),
        "{plan}"
    );
    vendors.in_sync(&[]);
    // The customer's exact list and the additions of two packages form one set.
    let profile = vendors.run(&["render", "--env", "prod"]).ended(0).out;
    assert!(
        profile.contains("sessionTemplates: [contoso_case, telvio_call, calloop_callback]"),
        "{profile}"
    );
    assert!(
        vendors
            .live("prod")
            .contains("https://contoso.telvio.example/dial")
    );
    assert!(
        vendors
            .live("test")
            .contains("https://test.telvio.example/dial")
    );

    let arguments = ["package", "update", "telvio", "../telvio-1.1.0"];
    let files = vendors.files();
    let shown = vendors
        .run(&[&arguments[..], &["--dry-run"]].concat())
        .ended(0);
    assert_eq!(vendors.files(), files, "a dry run writes nothing");
    for word in [
        "telvio: 1.0.0 -> 1.1.0 (update)",
        "The call history replaces the dial pad",
        "+++ b/packages/telvio/manifests/softphone.yaml",
        "Plan for prod",
        "Plan for test",
        "- ApplicationTab telvio_dial",
        "timeoutSeconds          30 → 45",
    ] {
        assert!(shown.out.contains(word), "no `{word}` in\n{}", shown.out);
    }
    vendors
        .run(&[&arguments[..], &["--no-plan"]].concat())
        .ended(0);
    vendors.in_sync(&[]);
    assert!(!vendors.live("prod").contains("telvio_dial"));

    let down = [
        "package",
        "update",
        "telvio",
        "../telvio-1.0.0",
        "--no-plan",
    ];
    let said = vendors.run(&down).ended(0).out;
    assert!(said.contains("1.1.0 -> 1.0.0 (downgrade)"), "{said}");
    vendors.in_sync(&[]);
    assert!(!vendors.live("prod").contains("telvio_history"));

    vendors.refused(
        &["package", "remove", "telvio", "--no-plan"],
        4,
        &["agents of contoso_agents lose the channel provider telvio_softphone"],
    );
    let remove = [
        "package",
        "remove",
        "telvio",
        "--no-plan",
        "--allow-provider-loss",
    ];
    vendors.run(&remove).ended(0);
    vendors
        .run(&["package", "remove", "calloop", "--no-plan"])
        .ended(0);
    let mut after = vendors.files();
    let lock = after.remove("deskstate.lock").unwrap();
    assert!(
        lock.contains("telvio_history") && lock.contains("calloop_callback"),
        "{lock}"
    );
    assert_eq!(after, before, "the project is as it was");
    vendors.in_sync(&["--allow", "empty=AppProfile.channelProviders:1"]);
    for (environment, live) in ENVIRONMENTS.into_iter().zip(live) {
        assert_eq!(vendors.live(environment), live);
    }
}

#[test]
fn a_removed_package_asks_nothing_of_an_environment_that_never_had_it() {
    let vendors = Vendors::with_telvio();
    vendors.write("manifests/profile.yaml", "");
    vendors
        .run(&[
            "package",
            "remove",
            "telvio",
            "--no-plan",
            "--allow-provider-loss",
        ])
        .ended(0);
    assert!(
        vendors
            .read("deskstate.lock")
            .contains("field: channelProviders")
    );
    vendors
        .run(&["plan", "--env", "test", "--detailed-exitcode"])
        .ended(0);
    std::fs::write(vendors.desk().join("deskstate.lock"), b"\xff\xfe").unwrap();
    vendors.run(&["validate"]).ended(3);
}

#[test]
fn a_member_whose_prefix_nobody_here_owns_is_said_to_belong_to_another_project() {
    let vendors = Vendors::with_telvio();
    let before = vendors.files();
    // A second project's changes: its own session template, on the profile that the customer owns.
    vendors.edit("deskstate.yaml", "[contoso]", "[contoso, ringway]");
    vendors.edit(
        "manifests/profile.yaml",
        "[contoso_case]",
        "[contoso_case, ringway_account]",
    );
    vendors.write(
        "manifests/other.yaml",
        "apiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {name: ringway_account}\nspec: {displayName: Account, type: Entity, entity: account, title: Account}\n",
    );
    vendors.in_sync(&[]);
    std::fs::remove_file(vendors.desk().join("manifests/other.yaml")).unwrap();
    for file in ["deskstate.yaml", "manifests/profile.yaml"] {
        vendors.write(file, &before[file]);
    }
    for (command, code) in [("drift", 2), ("plan", 0)] {
        let run = vendors.run(&[command, "--env", "test"]).ended(code);
        assert!(
            run.out
                .contains("prefix `ringway` is not one of this project"),
            "{}",
            run.out
        );
    }
}

#[test]
fn what_was_changed_by_hand_or_does_not_fit_is_an_error_with_its_place() {
    let vendors = Vendors::with_telvio();
    let good = vendors.files();
    let restore = || {
        for path in vendors.files().keys() {
            std::fs::remove_file(vendors.desk().join(path)).unwrap();
        }
        for (path, text) in &good {
            vendors.write(path, text);
        }
    };
    let changes: [(&str, &str, &str, &str, &str); 8] = [
        (
            "packages/telvio/manifests/softphone.yaml",
            "Dial pad",
            "Dials",
            "package-changed",
            "`packages/telvio/manifests/softphone.yaml` was changed",
        ),
        (
            "packages/telvio/SHA256SUMS",
            "manifests/softphone",
            "manifests/other",
            "package-changed",
            "are not those that are locked",
        ),
        (
            "deskstate.yaml",
            "../telvio-1.0.0",
            "../telvio-1.1.0",
            "package-lock",
            "locked from another source",
        ),
        (
            "deskstate.yaml",
            "profile: contoso_agents",
            "profile: 7",
            "package-parameter",
            "parameter `profile` takes a text",
        ),
        (
            "deskstate.yaml",
            "profile: contoso_agents",
            "profil: contoso_agents",
            "package-parameter",
            "did you mean `profile`?",
        ),
        (
            "deskstate.yaml",
            "../telvio-1.0.0",
            "{https: \"https://u:p@a.example/x.zip\", sha256: \"0000000000000000000000000000000000000000000000000000000000000000\"}",
            "package-source",
            "contains a user or a password",
        ),
        (
            "deskstate.lock",
            "kind: Lock",
            "kind: Look",
            "package-lock",
            "does not have the form",
        ),
        (
            "deskstate.yaml",
            "    telvio:",
            "    telvia:",
            "package-lock",
            "`telvio` is locked, but",
        ),
    ];
    for (path, from, to, code, words) in changes {
        vendors.edit(path, from, to);
        let run = vendors.run(&["validate"]).ended(3);
        assert!(run.err.contains(&format!("error[{code}]")), "{}", run.err);
        assert!(run.err.contains(words), "{}", run.err);
        assert!(run.err.contains("= help: "), "{}", run.err);
        restore();
    }
    let description = vendors
        .desk()
        .join("packages/telvio/deskstate-package.yaml");
    std::fs::write(description, b"\xff\xfe").unwrap();
    vendors.run(&["package", "verify"]).ended(3);
    restore();
    std::fs::remove_file(
        vendors
            .desk()
            .join("packages/telvio/manifests/profile.yaml"),
    )
    .unwrap();
    vendors.write("packages/telvio/more.yaml", "");
    let run = vendors.run(&["package", "verify"]).ended(3);
    assert!(run.err.contains("profile.yaml` is missing"), "{}", run.err);
    assert!(
        run.err
            .contains("more.yaml` does not belong to the package"),
        "{}",
        run.err
    );
    vendors
        .run(&["package", "update", "telvio", "--no-plan"])
        .ended(0);
    assert_eq!(vendors.files(), good, "an update restores the files");
    // Git may convert line endings.
    let path = "packages/telvio/manifests/softphone.yaml";
    vendors.write(path, &vendors.read(path).replace('\n', "\r\n"));
    vendors.run(&["package", "verify"]).ended(0);
}

#[test]
fn conflicts_are_refused_with_both_places_and_nothing_is_written() {
    let vendors = Vendors::with_telvio();
    let package = |name: &str, requires: &str, manifest: &str| {
        let head = format!(
            "apiVersion: deskstate/v1\nkind: Package\nmetadata: {{name: {name}}}\nspec:\n  version: 1.0.0\n  vendor: X\n  requires: {{deskstate: \"{requires}\"}}\n  owns: {{prefixes: [other]}}\n"
        );
        vendors.write(&format!("../{name}/deskstate-package.yaml"), &head);
        vendors.write(&format!("../{name}/manifests/a.yaml"), manifest);
    };
    let of = |kind: &str, name: &str, state: &str, spec: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: {kind}\nmetadata: {{name: {name}, state: {state}}}\nspec: {spec}\n"
        )
    };
    let tab = of(
        "ApplicationTab",
        "telvio_dial",
        "present",
        "{displayName: X, title: X, pageType: Dashboard}",
    );
    package("claims", ">=0.1", &tab);
    let add = |name: &'static str| ["package", "add", name, "--no-plan"];
    let both = [
        "packages/claims/manifests/a.yaml:3",
        "packages/telvio/manifests/softphone.yaml",
    ];
    vendors.refused(
        &add("../claims"),
        3,
        &[&["declared twice"][..], &both].concat(),
    );
    package("future", ">=99", &tab);
    vendors.refused(
        &add("../future"),
        3,
        &[
            "[package-requires]",
            "requires deskstate >=99",
            "deskstate-package.yaml:7",
            "help",
        ],
    );
    let title = of(
        "SessionTemplate",
        "telvio_call",
        "existing",
        "{title: Other}",
    );
    package("title", ">=0.1", &title);
    vendors.refused(
        &add("../title"),
        3,
        &[
            "[package-conflict]",
            "`title` of SessionTemplate telvio_call is declared with two values",
            "packages/title/manifests/a.yaml:4",
            "packages/telvio/manifests/softphone.yaml",
        ],
    );
    let exact = of(
        "AppProfile",
        "contoso_agents",
        "existing",
        "{sessionTemplates: [telvio_call]}",
    );
    package("exact", ">=0.1", &exact);
    vendors.refused(
        &add("../exact"),
        3,
        &[
            "[package-document]",
            "can only add members to `sessionTemplates`",
        ],
    );
    let absent = of("SessionTemplate", "contoso_case", "absent", "{}").replace("spec: {}\n", "");
    package("absent", ">=0.1", &absent);
    vendors.refused(
        &add("../absent"),
        3,
        &["a package cannot delete SessionTemplate contoso_case"],
    );
    let variable = of(
        "SessionTemplate",
        "other_call",
        "present",
        "{displayName: X, type: Generic, title: \"${{ vars.telvioHost }}\"}",
    );
    package("variable", ">=0.1", &variable);
    vendors.refused(
        &add("../variable"),
        3,
        &["cannot use variables of a project"],
    );
    vendors.write("packages/calloop/mine.yaml", "");
    vendors.refused(
        &add("../calloop-2.0.0"),
        4,
        &["packages/calloop already exists"],
    );
    std::fs::remove_dir_all(vendors.desk().join("packages/calloop")).unwrap();
    // Reports who still uses which rows.
    vendors.edit(
        "manifests/profile.yaml",
        "[contoso_case]",
        "[contoso_case, telvio_call]",
    );
    vendors.refused(
        &[
            "package",
            "remove",
            "telvio",
            "--no-plan",
            "--allow-provider-loss",
        ],
        3,
        &[
            "refers to SessionTemplate telvio_call",
            "manifests/profile.yaml:8",
        ],
    );
    vendors.refused(
        &["package", "add", "../telvio-1.0.0", "--no-plan"],
        4,
        &["already uses"],
    );
    vendors.refused(
        &[
            "package",
            "update",
            "telvio",
            "../calloop-2.0.0",
            "--no-plan",
        ],
        4,
        &["this is the package `calloop`"],
    );
    vendors.refused(
        &["package", "add", "https://u:p@a.example/x.zip", "--no-plan"],
        4,
        &["cannot contain a user"],
    );
    vendors.refused(
        &["package", "add", "https://a.example/x.zip", "--no-plan"],
        4,
        &["needs `--sha256`"],
    );
    vendors.refused(
        &[
            "package",
            "add",
            "../telvio-1.0.0",
            "--commit",
            "main",
            "--no-plan",
        ],
        4,
        &["full hash of a commit"],
    );
}

#[test]
fn archives_and_commits_give_the_same_package_as_the_folder() {
    let vendors = Vendors::with_telvio();
    let digest = |lock: &str| {
        let line = lock.lines().find(|line| line.contains("digest:"));
        line.unwrap().to_owned()
    };
    let of_folder = digest(&vendors.read("deskstate.lock"));
    let build = |out: &str| {
        vendors
            .run(&["package", "build", "../telvio-1.0.0", "-o", out])
            .ended(0)
            .out
    };
    let said = build("../one.zip");
    build("../two.zip");
    let bytes = |name: &str| std::fs::read(vendors.desk().join(name)).unwrap();
    assert_eq!(bytes("../one.zip"), bytes("../two.zip"));
    assert_eq!(said.split_whitespace().next().unwrap().len(), 64);
    vendors
        .run(&["package", "update", "telvio", "../one.zip", "--no-plan"])
        .ended(0);
    let lock = vendors.read("deskstate.lock");
    assert!(lock.contains("from: ../one.zip"), "{lock}");
    assert_eq!(digest(&lock), of_folder);
    let mut broken = bytes("../one.zip");
    let at = broken
        .windows(8)
        .rposition(|text| text == b"Dial pad")
        .unwrap();
    broken[at] = b'd';
    std::fs::write(vendors.desk().join("../broken.zip"), broken).unwrap();
    vendors.refused(
        &["package", "update", "telvio", "../broken.zip", "--no-plan"],
        4,
        &["nothing was written"],
    );

    let repository = vendors.folder.path().join("repository");
    copy(
        &vendors.folder.path().join("telvio-1.0.0"),
        &repository.join("packages/telvio"),
    );
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .current_dir(&repository)
            .args(["-c", "user.name=a", "-c", "user.email=a@b.example"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "1"]);
    let commit = git(&["rev-parse", "HEAD"]);
    let update = [
        "package",
        "update",
        "telvio",
        "../repository",
        "--no-plan",
        "--commit",
        &commit,
        "--path",
        "packages/telvio",
    ];
    vendors.run(&update).ended(0);
    assert_eq!(digest(&vendors.read("deskstate.lock")), of_folder);
    vendors
        .run(&["package", "update", "telvio", "--no-plan"])
        .ended(0);
    vendors.run(&["validate"]).ended(0);
    // A revision of the project includes its packages.
    let of_desk = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command
            .current_dir(vendors.desk())
            .args(["-c", "user.name=a"]);
        command
            .args(["-c", "user.email=a@b.example"])
            .args(arguments);
        assert!(command.output().unwrap().status.success());
    };
    of_desk(&["init", "--quiet"]);
    of_desk(&[
        "add",
        "deskstate.yaml",
        "deskstate.lock",
        "manifests",
        "packages",
    ]);
    of_desk(&["commit", "--quiet", "-m", "1"]);
    vendors.run(&["apply", "--env", "test", "--yes"]).ended(0);
    vendors
        .run(&["drift", "--env", "test", "--at", "HEAD"])
        .ended(0);
    let listed = vendors.run(&["package", "list"]).ended(0).out;
    assert!(listed.contains("telvio 1.0.0 by Telvio"), "{listed}");
    assert!(listed.contains("ringSeconds = 30 (default)"), "{listed}");
}

#[test]
fn a_package_as_a_solution_exports_as_the_package() {
    let vendors = Vendors::new();
    let solution = ["package", "solution", "../telvio-1.0.0", "-o", "s.zip"];
    let run = vendors.run(&solution).ended(1);
    assert!(run.err.contains("`profile` has no value"), "{}", run.err);
    let values = [
        "--param",
        "profile=contoso_agents",
        "--param",
        "host=a.example",
    ];
    let run = vendors.run(&[&solution[..], &values].concat()).ended(0);
    assert_eq!(run.out, "", "everything fits");
    let first = std::fs::read(vendors.desk().join("s.zip")).unwrap();
    vendors.run(&[&solution[..], &values].concat()).ended(0);
    assert_eq!(std::fs::read(vendors.desk().join("s.zip")).unwrap(), first);
    // The address of an environment belongs to none of the customers who import the solution.
    let tab = "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: telvio_env}\nspec: {displayName: Env, title: '${{ environment.host }}', pageType: ThirdPartyWebsite, parameters: {url: '${{ environment.url }}/x'}}\n";
    let own = vendors.desk().join("../telvio-1.0.0/manifests/env.yaml");
    std::fs::write(&own, tab).unwrap();
    let run = vendors.run(&[&solution[..], &values].concat()).ended(0);
    for word in ["title", "parameters.url"] {
        let said = format!(
            "ApplicationTab telvio_env `{word}`: values of an environment differ by environment"
        );
        assert!(run.out.contains(&said), "{}", run.out);
    }
    std::fs::remove_file(&own).unwrap();
    vendors.run(&[&solution[..], &values].concat()).ended(0);
    let exported = vendors.run(&["export", "--solution", "s.zip"]).ended(0);
    assert!(
        exported
            .err
            .contains("exported solution telvio 1.0.0.0, unmanaged"),
        "{}",
        exported.err
    );
    for words in [
        "name: telvio_softphone",
        "channelUrl: https://a.example/dynamics",
        "anchorTab: telvio_dial",
        "parameters: {url: https://a.example/dial}",
        "timeoutSeconds: 30",
        "members: [telvio_softphone]",
    ] {
        assert!(
            exported.out.contains(words),
            "no `{words}` in\n{}",
            exported.out
        );
    }
}

#[test]
fn an_overlay_of_a_row_that_a_package_no_longer_brings_is_an_error() {
    let vendors = Vendors::new();
    vendors.add("../telvio-1.0.0").ended(0);
    vendors.edit(
        "deskstate.yaml",
        "    test:\n",
        "    test:\n      overlay: ov\n",
    );
    vendors.write(
        "ov/dial.yaml",
        "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: telvio_dial}\nspec: {title: Our dial pad}\n",
    );
    vendors.run(&["apply", "--env", "test", "--yes"]).ended(0);
    let update = [
        "package",
        "update",
        "telvio",
        "../telvio-1.1.0",
        "--no-plan",
    ];
    let before = vendors.files();
    let refused = vendors.run(&update).ended(3);
    says(
        &refused.err,
        &[
            "error[overlay]: no package brings ApplicationTab telvio_dial any more",
            "ov/dial.yaml",
            "nothing was written",
        ],
    );
    assert_eq!(vendors.files(), before);
    std::fs::remove_file(vendors.desk().join("ov/dial.yaml")).unwrap();
    vendors.run(&update).ended(0);
    vendors.run(&["validate"]).ended(0);
}

/// Steps and inbox views have unique names of their own, and still belong to a row.
#[test]
fn parts_with_names_say_in_a_solution_what_they_belong_to() {
    let vendors = Vendors::new();
    let rows = "apiVersion: deskstate/v1\nkind: AgentScript\nmetadata: {name: telvio_script}\nspec: {displayName: Script, language: 1033, steps: [{displayName: Greet, text: Hello}]}\n---\napiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {name: telvio_profile}\nspec: {displayName: Profile, app: CustomerServiceApps, inboxViews: [{name: telvio_inbox, displayName: Mine, configuration: {a: 1}}]}\n";
    std::fs::write(
        vendors.desk().join("../telvio-1.0.0/manifests/more.yaml"),
        rows,
    )
    .unwrap();
    let solution = [
        "package",
        "solution",
        "../telvio-1.0.0",
        "-o",
        "s.zip",
        "--param",
        "profile=contoso_agents",
        "--param",
        "host=a.example",
    ];
    vendors.run(&solution).ended(0);
    let exported = vendors.run(&["export", "--solution", "s.zip"]).ended(0);
    for words in ["displayName: Greet", "name: telvio_inbox"] {
        assert!(
            exported.out.contains(words),
            "no `{words}` in\n{}",
            exported.out
        );
    }
}

#[test]
fn lint_reports_what_a_customer_would_stumble_over() {
    let vendors = Vendors::new();
    let path = "../telvio-1.0.0/deskstate-package.yaml";
    vendors.edit(path, "  license: MIT\n", "");
    vendors.edit(path, "    1.0.0: First release.", "    0.9.0: Before.");
    vendors.edit(path, "prefixes: [telvio]", "prefixes: [telvio, new]");
    vendors.edit(
        path,
        "  parameters:\n",
        "  parameters:\n    unused: {meaning: Nothing, type: flag, default: true}\n",
    );
    let manifest = "../telvio-1.0.0/manifests/softphone.yaml";
    vendors.edit(manifest, "name: telvio_dial\n", "name: other_dial\n");
    vendors.edit(manifest, "anchorTab: telvio_dial", "anchorTab: other_dial");
    vendors.edit(
        manifest,
        "title: Dial pad",
        "title: https://contoso.crm4.dynamics.com/${{ params.hots }}",
    );
    vendors.write("../telvio-1.0.0/deskstate.yaml", "");
    let run = vendors
        .run(&["package", "lint", "../telvio-1.0.0"])
        .ended(3);
    for words in [
        "[package-lint]",
        "the package has no license",
        "there are no notes for version 1.0.0",
        "names of customers' rows also begin with `new_`",
        "parameter `unused` is never used",
        "ApplicationTab other_dial does not have a prefix of the package",
        "the address of an environment",
        "declares no parameter `hots`",
        "a package contains no project",
    ] {
        assert!(run.err.contains(words), "no `{words}` in\n{}", run.err);
    }
    let out = "../never.zip";
    vendors
        .run(&["package", "build", "../telvio-1.0.0", "-o", out])
        .ended(3);
    assert!(!vendors.desk().join(out).exists());
}

/// Names of folders in a solution are adapted to file systems, so two names can become alike.
#[test]
fn rows_whose_names_differ_in_a_blank_only_are_both_in_the_solution() {
    let server = Server::plain();
    let project = Project::desk(&server, "", "", "");
    project.write(
        "vend/deskstate-package.yaml",
        "apiVersion: deskstate/v1\nkind: Package\nmetadata: {name: vend}\nspec: {version: 1.0.0, vendor: Vend, owns: {prefixes: [vend]}, manifests: [m.yaml]}\n",
    );
    let tab = |name: &str, url: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {{name: {name}}}\nspec: {{displayName: T, title: T, pageType: ThirdPartyWebsite, parameters: {{url: 'https://{url}.example'}}}}\n"
        )
    };
    project.write(
        "vend/m.yaml",
        &format!(
            "{}---\n{}",
            tab("vend_dial a", "x"),
            tab("vend_dial_a", "y")
        ),
    );
    let run = project
        .run(&["package", "solution", "vend", "--out", "sol.zip"])
        .ended(0);
    assert!(!run.err.contains("almost the same"), "{}", run.err);
    // The checksum of an archive that somebody downloaded is compared, too.
    project
        .run(&["package", "build", "vend", "--out", "vend.zip"])
        .ended(0);
    let add =
        |sum: &str| project.run(&["package", "add", "vend.zip", "--sha256", sum, "--no-plan"]);
    says(&add("zz").ended(4).err, &["64 hexadecimal digits"]);
    let other = add(&"0".repeat(64)).ended(4);
    says(&other.err, &["has the SHA-256", "nothing was written"]);
    let sum = other.err.split("has the SHA-256 ").nth(1).unwrap();
    let sum = sum.split(',').next().unwrap();
    let folder = ["package", "add", "vend", "--sha256", sum, "--no-plan"];
    says(&project.run(&folder).ended(4).err, &["a folder has none"]);
    add(&sum.to_uppercase()).ended(0);
    // An update takes the source of the project file, and compares as well.
    let update =
        |more: &[&str]| project.run(&[&["package", "update", "vend", "--no-plan"], more].concat());
    says(
        &update(&["--sha256", "zz"]).ended(4).err,
        &["64 hexadecimal digits"],
    );
    let other = update(&["--sha256", &"0".repeat(64)]).ended(4);
    says(&other.err, &["has the SHA-256", "nothing was written"]);
    let commit = update(&["--commit", &"0".repeat(40)]).ended(4);
    says(
        &commit.err,
        &["comes from a file, which has no such option"],
    );
    update(&["--sha256", sum]).ended(0);
    let got = project.run(&["export", "--solution", "sol.zip"]).ended(0);
    says(
        &got.out,
        &[
            "name: vend_dial a",
            "https://x.example",
            "name: vend_dial_a",
            "https://y.example",
        ],
    );
}

/// The lock lists what removed packages brought, which nothing else knows.
#[test]
fn a_lock_that_cannot_be_read_is_not_written_anew() {
    let vendors = Vendors::with_telvio();
    vendors.add("../calloop-2.0.0").ended(0);
    let remove = [
        "package",
        "remove",
        "calloop",
        "--no-plan",
        "--allow-provider-loss",
    ];
    vendors.run(&remove).ended(0);
    vendors.edit(
        "deskstate.lock",
        "version: 1.0.0",
        "<<<<<<< HEAD\n    version: 1.0.0\n=======\n    version: 1.1.0\n>>>>>>> other",
    );
    let before = vendors.files();
    for command in [
        &["package", "update", "telvio", "--no-plan"][..],
        &["package", "remove", "telvio", "--no-plan"],
    ] {
        vendors.refused(
            command,
            4,
            &["`deskstate.lock` cannot be read", "nothing was written"],
        );
    }
    let add = vendors.add("../calloop-2.0.0").ended(4);
    says(&add.err, &["`deskstate.lock` cannot be read"]);
    assert_eq!(vendors.files(), before);
    let validate = vendors.run(&["validate"]).ended(3);
    assert!(!validate.err.contains("package update"), "{}", validate.err);
}

#[test]
fn files_of_a_package_that_somebody_changed_are_not_deleted() {
    let vendors = Vendors::with_telvio();
    let path = "packages/telvio/manifests/softphone.yaml";
    let text = vendors.read(path);
    vendors.write(path, &format!("{text}# my own remark\n"));
    let remove = [
        "package",
        "remove",
        "telvio",
        "--no-plan",
        "--allow-provider-loss",
    ];
    vendors.refused(&remove, 4, &["was changed", "nothing was written"]);
    vendors.write(path, &text);
    vendors.run(&remove).ended(0);
}

#[test]
fn hidden_files_in_the_folder_of_a_package_are_kept() {
    let vendors = Vendors::with_telvio();
    vendors.write("packages/telvio/.editorconfig", "root = true\n");
    vendors.write("packages/telvio/manifests/.notes", "ours\n");
    let update = [
        "package",
        "update",
        "telvio",
        "../telvio-1.1.0",
        "--no-plan",
    ];
    vendors.run(&update).ended(0);
    assert_eq!(
        vendors.read("packages/telvio/.editorconfig"),
        "root = true\n"
    );
    vendors
        .run(&[
            "package",
            "remove",
            "telvio",
            "--no-plan",
            "--allow-provider-loss",
        ])
        .ended(0);
    assert_eq!(vendors.read("packages/telvio/manifests/.notes"), "ours\n");
    assert!(!vendors.desk().join("packages/telvio/package.yaml").exists());
}
