//! Packages in a project: what they add, what remains after a removal, and what the lock contains.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{
    CHECKSUMS_FILE, Diagnostic, Locked, Manifests, PackageFiles, ResourceKey, Span, State,
    checksums, lint_package, load_texts, package_digest, to_yaml,
};
use proptest::prelude::*;
use serde_json::Value;

type Texts = BTreeMap<String, String>;

const KINDS: [&str; 3] = ["SessionTemplate", "ApplicationTab", "AppProfile"];

fn document(kind: &str, name: &str, state: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: deskstate/v1\nkind: {kind}\nmetadata: {{name: {name}, state: {state}}}\nspec: {spec}\n"
    )
}

fn spec(kind: &str, name: &str, sessions: &str) -> String {
    match kind {
        // A profile can have only one template per entity.
        "SessionTemplate" => format!("{{displayName: S, type: Entity, entity: e_{name}, title: T}}"),
        "ApplicationTab" => {
            "{displayName: T, title: T, pageType: ThirdPartyWebsite, parameters: {url: \"https://a.example/\"}}"
                .to_owned()
        }
        _ => format!("{{displayName: P, app: A, sessionTemplates: {sessions}}}"),
    }
}

fn package(name: &str, manifests: &str) -> PackageFiles {
    let head = format!(
        "apiVersion: deskstate/v1\nkind: Package\nmetadata: {{name: {name}}}\nspec: {{version: 1.0.0, vendor: V, owns: {{prefixes: [{name}]}}}}\n"
    );
    PackageFiles::from([
        ("deskstate-package.yaml".to_owned(), head),
        ("manifests/all.yaml".to_owned(), manifests.to_owned()),
    ])
}

/// A project with these packages, each locked with the items that it brings.
fn project(manifests: &str, packages: &[(&str, &PackageFiles)]) -> Texts {
    let used: Value = packages
        .iter()
        .map(|(name, _)| ((*name).to_owned(), serde_json::json!({"from": "x"})))
        .collect::<serde_json::Map<String, Value>>()
        .into();
    let head = format!(
        "apiVersion: deskstate/v1\nkind: Project\nmetadata: {{name: p}}\nspec: {{packages: {used}}}\n"
    );
    let mut texts = Texts::from([
        ("deskstate.yaml".to_owned(), head),
        ("manifests/all.yaml".to_owned(), manifests.to_owned()),
    ]);
    for (name, files) in packages {
        let all = files
            .iter()
            .map(|(path, text)| (path.clone(), text.clone()));
        let all = all.chain([(CHECKSUMS_FILE.to_owned(), checksums(files))]);
        texts.extend(all.map(|(path, text)| (format!("packages/{name}/{path}"), text)));
    }
    // What each package brings is known only after reading it.
    for brings in [BTreeMap::new(), load_texts(texts.clone(), None).0.brings] {
        let (mut manifests, _) = load_texts(texts.clone(), None);
        for (name, files) in packages {
            let locked = Locked {
                version: "1.0.0".to_owned(),
                from: "x".into(),
                digest: package_digest(files),
                brings: brings.get(*name).cloned().unwrap_or_default(),
            };
            manifests.lock.packages.remove(*name);
            manifests.lock.put(name, Some(locked));
        }
        texts.insert("deskstate.lock".to_owned(), manifests.lock.to_yaml());
    }
    texts
}

/// The project without its packages, as after a removal.
fn removed(texts: &Texts, without: &Texts) -> Texts {
    let (mut manifests, _) = load_texts(texts.clone(), None);
    let names: Vec<String> = manifests.lock.packages.keys().cloned().collect();
    for name in names {
        manifests.lock.put(&name, None);
    }
    let mut left = without.clone();
    left.insert("deskstate.lock".to_owned(), manifests.lock.to_yaml());
    left
}

fn valid(texts: &Texts) -> Manifests {
    let (manifests, found) = load_texts(texts.clone(), None);
    let errors: Vec<&Diagnostic> = found.iter().filter(|one| one.is_error()).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{texts:#?}");
    manifests
}

fn codes(texts: &Texts) -> BTreeSet<&'static str> {
    let (_, found) = load_texts(texts.clone(), None);
    found.iter().map(|one| one.code).collect()
}

/// Returns the declaration of a resource as YAML.
fn said(manifests: &Manifests, kind: &str, name: &str) -> String {
    let key = ResourceKey::new(kind.parse().unwrap(), name);
    manifests.find(&key).map(to_yaml).unwrap_or_default()
}

#[test]
fn a_set_of_the_customer_and_what_packages_add_are_one_set() {
    let of = |name: &str, member: &str| {
        let session = document(
            "SessionTemplate",
            member,
            "present",
            &spec("SessionTemplate", member, ""),
        );
        let adds = format!("{{sessionTemplates: {{mode: atLeast, members: [{member}]}}}}");
        package(
            name,
            &(session + &document("AppProfile", "own_p", "existing", &adds)),
        )
    };
    let (one, two) = (of("one", "one_s"), of("two", "two_s"));
    let packages = [("one", &one), ("two", &two)];
    let mine = document(
        "SessionTemplate",
        "own_s",
        "present",
        &spec("SessionTemplate", "own_s", ""),
    );
    for (written, means) in [
        ("[own_s]", "sessionTemplates: [own_s, one_s, two_s]"),
        ("[own_s, ONE_s]", "sessionTemplates: [own_s, ONE_s, two_s]"),
        ("[]", "sessionTemplates: [one_s, two_s]"),
        (
            "{mode: atLeast, members: [own_s]}",
            "members: [own_s, one_s, two_s]",
        ),
    ] {
        let profile = document(
            "AppProfile",
            "own_p",
            "present",
            &spec("AppProfile", "own_p", written),
        );
        let manifests = valid(&project(&(mine.clone() + &profile), &packages));
        let shown = said(&manifests, "AppProfile", "own_p");
        assert!(shown.contains(means), "{written}: {shown}");
        assert_eq!(
            manifests
                .find(&ResourceKey::new("AppProfile".parse().unwrap(), "own_p"))
                .unwrap()
                .state,
            State::Present
        );
    }
    // Nobody else declares the profile.
    let alone = valid(&project(&mine, &packages));
    let shown = said(&alone, "AppProfile", "own_p");
    assert!(
        shown.contains("state: existing") && shown.contains("members: [one_s, two_s]"),
        "{shown}"
    );
    // The customer excludes one of them.
    let out = spec(
        "AppProfile",
        "own_p",
        "{mode: atLeast, members: [own_s], without: [one_s]}",
    );
    let texts = project(
        &(mine + &document("AppProfile", "own_p", "present", &out)),
        &packages,
    );
    assert!(codes(&texts).contains("set-members"));
}

#[test]
fn two_values_for_one_field_are_a_finding_with_both_places() {
    let says = |name: &str, title: &str| {
        package(
            name,
            &document(
                "SessionTemplate",
                "own_s",
                "existing",
                &format!("{{title: {title}}}"),
            ),
        )
    };
    let (one, two) = (says("one", "A"), says("two", "B"));
    let texts = project("", &[("one", &one), ("two", &two)]);
    let (manifests, found) = load_texts(texts, None);
    let conflict = found
        .iter()
        .find(|one| one.code == "package-conflict")
        .unwrap();
    let path = |span: Span| manifests.sources.path(span.file).to_owned();
    assert_eq!(
        path(conflict.primary.as_ref().unwrap().span),
        "packages/two/manifests/all.yaml"
    );
    assert_eq!(
        path(conflict.secondary[0].span),
        "packages/one/manifests/all.yaml"
    );
    let same = says("two", "A");
    let same = codes(&project("", &[("one", &one), ("two", &same)]));
    assert!(!same.contains("package-conflict"));
    // The row is not theirs, so they may only add to its sets.
    assert!(same.contains("package-document"));
}

/// Rows and additions by number, so that packages and projects often overlap.
fn declared() -> impl Strategy<Value = Vec<(usize, usize)>> {
    proptest::collection::btree_set((0..KINDS.len(), 0..3_usize), 0..5)
        .prop_map(|all| all.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// After a removal, nothing of the package remains, and nothing else has changed.
    #[test]
    fn a_removal_takes_away_what_the_package_brought_and_nothing_else(
        own in declared(),
        brought in declared(),
        exact in any::<bool>(),
        adds in proptest::collection::btree_set(0..3_usize, 0..3),
        taken_over in proptest::option::of(0..8_usize),
    ) {
        let name = |prefix: &str, at: usize| format!("{prefix}_{at}");
        let sessions: Vec<String> = own
            .iter()
            .filter(|(kind, _)| *kind == 0)
            .map(|(_, at)| name("own", *at))
            .collect();
        let list = format!("[{}]", sessions.join(", "));
        let list = if exact { list } else { format!("{{mode: atLeast, members: {list}}}") };
        let mine: String = own
            .iter()
            .map(|(kind, at)| document(KINDS[*kind], &name("own", *at), "present", &spec(KINDS[*kind], &name("own", *at), &list)))
            .collect();
        let bring: Vec<String> = brought
            .iter()
            .filter(|(kind, _)| *kind == 0)
            .map(|(_, at)| name("pkg", *at))
            .collect();
        let theirs: String = brought
            .iter()
            .map(|(kind, at)| document(KINDS[*kind], &name("pkg", *at), "present", &spec(KINDS[*kind], &name("pkg", *at), "[]")))
            .chain(adds.iter().filter(|at| own.contains(&(2, **at))).map(|at| {
                let members = bring.join(", ");
                let set = format!("{{sessionTemplates: {{mode: atLeast, members: [{members}]}}}}");
                document("AppProfile", &name("own", *at), "existing", &set)
            }))
            .collect();
        let files = package("pkg", &theirs);
        let before = project(&mine, &[]);
        let with = project(&mine, &[("pkg", &files)]);
        let manifests = valid(&with);
        prop_assert_eq!(manifests.resources.len(), own.len() + brought.len());
        // The customer may keep a row of the package.
        let kept = taken_over.and_then(|at| brought.get(at));
        let mut left = removed(&with, &before);
        if let Some((kind, at)) = kept {
            let again = document(KINDS[*kind], &name("pkg", *at), "present", &spec(KINDS[*kind], &name("pkg", *at), "[]"));
            left.insert("manifests/kept.yaml".to_owned(), again);
        }
        let after = valid(&left);
        let lock = after.lock.clone();
        let gone: BTreeSet<(String, String)> = after
            .resources
            .iter()
            .filter(|one| one.state == State::Absent)
            .map(|one| (one.key.kind.to_string(), one.key.name.as_written().to_owned()))
            .collect();
        let expected: BTreeSet<(String, String)> = brought
            .iter()
            .filter(|one| Some(*one) != kept)
            .map(|(kind, at)| (KINDS[*kind].to_owned(), name("pkg", *at)))
            .collect();
        prop_assert_eq!(gone, expected);
        let known = valid(&before);
        for one in &known.resources {
            let now = said(&after, one.key.kind.as_str(), one.key.name.as_written());
            let now: String = now
                .lines()
                .filter(|line| !line.contains("without: [pkg_"))
                .map(|line| format!("{line}\n"))
                .collect();
            prop_assert_eq!(now, to_yaml(one));
        }
        // The same lock gives the same bytes, and is read back as the same lock.
        prop_assert_eq!(left.get("deskstate.lock").unwrap(), &lock.to_yaml());
        // After reinstalling, there is nothing to delete.
        let mut again = with;
        let (read, _) = load_texts(again.clone(), None);
        let mut lock = lock;
        lock.put("pkg", read.lock.packages.get("pkg").cloned());
        prop_assert!(lock.removed.is_empty());
        again.insert("deskstate.lock".to_owned(), lock.to_yaml());
        prop_assert_eq!(valid(&again).resources, read.resources);
    }

    /// Any text in place of a package or a lock loads without a panic.
    #[test]
    fn any_description_and_any_lock_load(text in "[ -~\n]{0,200}", lock in "[ -~\n]{0,200}") {
        let files = package("pkg", "");
        let mut texts = project("", &[("pkg", &files)]);
        texts.insert("packages/pkg/deskstate-package.yaml".to_owned(), text.clone());
        texts.insert("deskstate.lock".to_owned(), lock);
        let (_, found) = load_texts(texts, None);
        prop_assert!(found.iter().any(Diagnostic::is_error));
        let mut files = files;
        files.insert("deskstate-package.yaml".to_owned(), text);
        let (_, found) = lint_package(files, &serde_json::Map::new());
        prop_assert!(found.iter().any(Diagnostic::is_error));
    }
}
