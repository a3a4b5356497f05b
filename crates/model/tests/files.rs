//! Every YAML file below a folder of manifests is read, ignored by a rule of the project, or an error.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use deskstate_model::{Diagnostic, Manifests, load, load_texts};
use proptest::prelude::*;
use tempfile::TempDir;

fn tool(name: &str) -> String {
    format!(
        "apiVersion: deskstate/v1\nkind: PaneTool\nmetadata: {{name: contoso_{name}}}\nspec: {{displayName: A, controlName: a}}\n"
    )
}

fn project(spec: &str) -> String {
    format!("apiVersion: deskstate/v1\nkind: Project\nmetadata: {{name: p}}\nspec: {{{spec}}}\n")
}

/// A project in which each file declares one tool, named after the number of the file.
fn folder(spec: &str, paths: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("deskstate.yaml"), project(spec)).unwrap();
    for (number, path) in paths.iter().enumerate() {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, tool(&number.to_string())).unwrap();
    }
    folder
}

fn findings(diagnostics: &[Diagnostic]) -> Vec<String> {
    diagnostics
        .iter()
        .map(|finding| {
            format!(
                "{}[{}]: {}",
                finding.severity.as_str(),
                finding.code,
                finding.message
            )
        })
        .collect()
}

fn loaded(spec: &str, paths: &[&str]) -> (usize, Vec<String>) {
    let folder = folder(spec, paths);
    let (manifests, diagnostics) = load(folder.path(), None);
    (manifests.resources.len(), findings(&diagnostics))
}

#[test]
fn two_stars_match_no_folder_too() {
    let (read, found) = loaded(
        "manifests: ['manifests/**/*.yaml']",
        &[
            "manifests/top.yaml",
            "manifests/sub/a.yaml",
            "manifests/sub/sub/b.YAML",
        ],
    );
    assert_eq!((read, found), (3, vec![]));
}

#[test]
fn a_file_that_no_pattern_matches_is_an_error_with_a_place_and_a_fix() {
    let folder = folder(
        "manifests: ['manifests/*/*.yaml']",
        &[
            "manifests/top.yaml",
            "manifests/sub/a.yaml",
            "manifests/sub/a.yml",
            "elsewhere/b.yaml",
        ],
    );
    let (manifests, diagnostics) = load(folder.path(), None);
    assert_eq!(
        findings(&diagnostics),
        [
            "error[file-not-read]: `manifests/sub/a.yml` is not read",
            "error[file-not-read]: `manifests/top.yaml` is not read",
        ]
    );
    let finding = &diagnostics[1];
    let place = finding.primary.as_ref().unwrap().span;
    assert_eq!(manifests.sources.path(place.file), "manifests/top.yaml");
    assert!(
        finding
            .help
            .as_deref()
            .unwrap()
            .contains("`manifests/top.yaml` to `ignoreFiles`")
    );
}

#[test]
fn what_a_rule_ignores_is_neither_read_nor_reported() {
    let (read, found) = loaded(
        "manifests: ['manifests/*.yaml'], ignoreFiles: [manifests/drafts, 'manifests/**/*.tpl.yaml', manifests/.a.yaml]",
        &[
            "manifests/a.yaml",
            "manifests/drafts/x/b.yaml",
            "manifests/sub/c.tpl.YAML",
            "manifests/d.tpl.yaml",
            "manifests/.a.yaml",
        ],
    );
    assert_eq!((read, found), (1, vec![]));
}

#[test]
fn project_file_contracts_overlays_and_dot_folders_are_no_manifests() {
    let folder = folder(
        "manifests: ['**/*.yaml'], contracts: [desk/c.yaml], environments: {e: {url: https://a.example, overlay: desk/over}}",
        &[
            "desk/a.yaml",
            ".github/workflows/ci.yaml",
            "desk/.git/x.yml",
        ],
    );
    fs::create_dir_all(folder.path().join("desk/over")).unwrap();
    let overlay = tool("0").replace(
        "spec: {displayName: A, controlName: a}",
        "spec: {displayName: B}",
    );
    fs::write(folder.path().join("desk/over/a.yaml"), overlay).unwrap();
    fs::write(
        folder.path().join("desk/c.yaml"),
        "apiVersion: deskstate/v1\nkind: Contract\nmetadata: {name: c}\nspec: {rules: []}\n",
    )
    .unwrap();
    let (manifests, diagnostics) = load(folder.path(), Some("e"));
    assert_eq!(manifests.resources.len(), 1);
    assert!(
        diagnostics
            .iter()
            .all(|finding| finding.code != "duplicate-resource" && finding.code != "file-not-read"),
        "{:?}",
        findings(&diagnostics)
    );
}

#[test]
fn an_overlay_that_contains_the_manifests_is_refused() {
    let (read, found) = loaded(
        "manifests: [desk/base], environments: {e: {url: https://a.example, overlay: desk}}",
        &["desk/base/a.yaml"],
    );
    assert_eq!(read, 1);
    assert_eq!(
        found,
        ["error[overlay]: the overlay folder `desk` contains the manifests"]
    );
}

#[test]
fn hidden_files_and_names_that_differ_in_case_are_reported() {
    let (read, found) = loaded("", &["manifests/.draft.yaml", "manifests/a.yaml"]);
    assert_eq!(read, 1);
    assert_eq!(
        found,
        ["error[file-not-read]: `manifests/.draft.yaml` is not read"]
    );
    let texts = BTreeMap::from([
        ("deskstate.yaml".to_owned(), project("")),
        ("manifests/A.yaml".to_owned(), tool("a")),
        ("manifests/a.yaml".to_owned(), tool("b")),
    ]);
    let (_, diagnostics) = load_texts(texts, None);
    assert_eq!(
        findings(&diagnostics),
        ["error[file-not-read]: `manifests/A.yaml` and `manifests/a.yaml` differ only in case"]
    );
}

#[test]
fn names_that_windows_cannot_have_are_warned_of() {
    let texts = BTreeMap::from([
        ("deskstate.yaml".to_owned(), project("")),
        ("manifests/aux.yaml".to_owned(), tool("a")),
        ("manifests/team /b.yaml".to_owned(), tool("b")),
        ("manifests/why?.yaml".to_owned(), tool("c")),
        ("manifests/Größe (1).yaml".to_owned(), tool("d")),
    ]);
    let (manifests, diagnostics) = load_texts(texts, None);
    assert_eq!(manifests.resources.len(), 4);
    let why = [
        "`manifests/aux.yaml` is the name of a device on Windows",
        "`manifests/team /b.yaml` ends with a dot or a space, which Windows drops",
        "`manifests/why?.yaml` contains a character that Windows does not take",
    ];
    assert_eq!(
        findings(&diagnostics),
        why.map(|why| format!("warning[file-not-read]: the name of {why}"))
    );
}

#[test]
fn patterns_that_mean_something_else_elsewhere_are_refused_with_what_to_write() {
    for (pattern, code, help) in [
        (
            r"manifests\*.yaml",
            "file-pattern",
            "write `manifests/*.yaml`",
        ),
        (
            "!manifests/x.yaml",
            "file-pattern",
            "add `manifests/x.yaml` to `ignoreFiles`",
        ),
        ("manifests/[a", "file-pattern", "use `*`"),
        ("../manifests", "path-outside", "without `..`"),
        ("/manifests", "path-outside", "without `..`"),
        ("C:/manifests", "path-outside", "without `..`"),
        ("nowhere", "unreadable-file", "correct the path"),
        ("nowhere/*.yaml", "unreadable-file", "correct the path"),
    ] {
        for word in ["manifests", "ignoreFiles"] {
            if word == "ignoreFiles" && code == "unreadable-file" {
                continue;
            }
            let folder = folder(&format!("{word}: ['{pattern}']"), &["manifests/a.yaml"]);
            let (_, diagnostics) = load(folder.path(), None);
            let finding = diagnostics.iter().find(|finding| finding.code == code);
            let finding =
                finding.unwrap_or_else(|| panic!("{pattern}: {:?}", findings(&diagnostics)));
            assert!(finding.is_error());
            assert!(
                finding.help.as_deref().unwrap().contains(help),
                "{:?}",
                finding.help
            );
        }
    }
}

#[test]
fn a_path_in_another_spelling_is_an_error_on_every_system() {
    let folder = folder("manifests: [Manifests]", &["manifests/a.yaml"]);
    let (_, diagnostics) = load(folder.path(), None);
    let finding = diagnostics
        .iter()
        .find(|finding| finding.code == "unreadable-file")
        .unwrap_or_else(|| panic!("{:?}", findings(&diagnostics)));
    assert!(finding.is_error());
    let ignores_case = folder.path().join("MANIFESTS").exists();
    let spelled = finding.message.contains("it is spelled `manifests`");
    assert_eq!(spelled, ignores_case, "{}", finding.message);
}

#[test]
fn a_project_without_manifests_is_valid_and_says_so() {
    let empty = folder("", &[]);
    for make in [false, true] {
        if make {
            fs::create_dir(empty.path().join("manifests")).unwrap();
        }
        let (manifests, diagnostics) = load(empty.path(), None);
        assert!(manifests.project.is_some());
        assert_eq!(
            findings(&diagnostics),
            ["warning[no-manifests]: `manifests` contains no YAML files"]
        );
    }
}

#[cfg(unix)]
#[test]
fn what_cannot_be_looked_at_is_an_error() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = folder("", &["manifests/a.yaml", "manifests/back\\slash.yaml"]);
    let manifests = folder.path().join("manifests");
    fs::write(
        manifests.join(OsStr::from_bytes(b"gr\xf6\xdfe.yaml")),
        tool("b"),
    )
    .unwrap();
    fs::create_dir(manifests.join(OsStr::from_bytes(b"gr\xf6\xdfe"))).unwrap();
    fs::write(manifests.join(OsStr::from_bytes(b"gr\xf6\xdfe.txt")), "").unwrap();
    let deep = manifests.join("d/".repeat(40));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("c.yaml"), tool("c")).unwrap();
    let (loaded, diagnostics) = load(folder.path(), None);
    assert_eq!(loaded.resources.len(), 1);
    let mut codes: Vec<_> = diagnostics.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    assert_eq!(
        codes,
        [
            "unreadable-file",
            "unreadable-file",
            "unreadable-file",
            "yaml-limits"
        ],
        "{:?}",
        findings(&diagnostics)
    );
}

#[cfg(unix)]
#[test]
fn a_folder_is_read_under_its_own_path_and_a_link_leads_to_what_is_new() {
    use std::os::unix::fs::symlink;
    let folder = folder(
        "manifests: ['manifests/**/*.yaml']",
        &["manifests/zone/a.yaml", "shared/b.yaml"],
    );
    let manifests = folder.path().join("manifests");
    symlink("zone", manifests.join("again")).unwrap();
    symlink("../shared", manifests.join("shared")).unwrap();
    symlink("..", manifests.join("zone/up")).unwrap();
    let (loaded, diagnostics) = load(folder.path(), None);
    assert_eq!(findings(&diagnostics), [] as [&str; 0]);
    let paths = paths(&loaded);
    assert_eq!(
        paths,
        ["manifests/shared/b.yaml", "manifests/zone/a.yaml"]
            .map(str::to_owned)
            .into()
    );
}

fn paths(manifests: &Manifests) -> BTreeSet<String> {
    let sources = &manifests.sources;
    let path = |span: deskstate_model::Span| sources.path(span.file).to_owned();
    manifests
        .resources
        .iter()
        .map(|declared| path(declared.span))
        .collect()
}

/// A second implementation of the pattern language, folder by folder and letter by letter.
fn matches(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((&"**", [])), rest) => rest.is_some(),
        (Some((&"**", more)), _) => (0..=path.len()).any(|skipped| matches(more, &path[skipped..])),
        (Some((part, more)), Some((name, rest))) => {
            letters(part.as_bytes(), name.as_bytes()) && matches(more, rest)
        }
        _ => false,
    }
}

fn letters(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', more)) => (0..=name.len()).any(|taken| letters(more, &name[taken..])),
        Some((letter, more)) => name.split_first().is_some_and(|(first, rest)| {
            (*letter == b'?' || letter.eq_ignore_ascii_case(first)) && letters(more, rest)
        }),
    }
}

/// Whether a pattern matches a path or a folder above it.
fn takes(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    (1..=path.len()).any(|length| matches(&pattern, &path[..length]))
}

fn path() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec!["a", "b", "ab", "B", ".d", "a[b]", "{a,b}"]);
    let ending = prop::sample::select(vec![
        ".yaml",
        ".yml",
        ".YAML",
        ".Yml",
        ".json",
        ".yaml.bak",
        "",
    ]);
    (prop::collection::vec(part, 1..4), ending)
        .prop_map(|(parts, ending)| format!("m/{}{ending}", parts.join("/")))
}

fn pattern() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec!["a", "b", "**", "*", "a*", "?", "*b", "a?"]);
    let last = prop::sample::select(vec![
        "**", "*", "*.yaml", "*.y*ml", "a.yaml", "?.yml", "a", "*a*",
    ]);
    (prop::collection::vec(part, 0..3), last).prop_map(|(mut parts, last)| {
        parts.push(last);
        format!("m/{}", parts.join("/"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_file_is_read_ignored_or_an_error(
        paths_below in prop::collection::btree_set(path(), 1..12),
        patterns in prop::collection::vec(pattern(), 1..4),
        ignored in prop::collection::vec(pattern(), 0..2),
    ) {
        let quoted = |list: &[String]| serde_json::to_string(list).unwrap();
        let spec = format!("manifests: {}, ignoreFiles: {}", quoted(&patterns), quoted(&ignored));
        let mut texts = BTreeMap::from([("deskstate.yaml".to_owned(), project(&spec))]);
        for (number, path) in paths_below.iter().enumerate() {
            texts.insert(path.clone(), tool(&number.to_string()));
        }
        let on_disk = tempfile::tempdir().unwrap();
        let mut usable = true;
        for (path, text) in &texts {
            let path = on_disk.path().join(path);
            // A file and a folder cannot have the same name.
            usable &= fs::create_dir_all(path.parent().unwrap()).is_ok() && fs::write(&path, text).is_ok();
        }
        prop_assume!(usable);
        if cfg!(windows) {
            // On Windows, two names that differ only in case are the same file.
            let mut spelled = BTreeMap::new();
            let prefixes = paths_below.iter().flat_map(|path| {
                let ends = path.match_indices('/').map(|(at, _)| at);
                ends.chain([path.len()]).map(|end| &path[..end])
            });
            for path in prefixes {
                prop_assume!(*spelled.entry(path.to_lowercase()).or_insert(path) == path);
            }
        }
        let (manifests, diagnostics) = load(on_disk.path(), None);
        let from_texts = load_texts(texts.clone(), None);
        let read = paths(&manifests);
        // Following the suggestions of the findings must resolve them.
        let suggested = diagnostics.iter().filter(|finding| finding.code == "file-not-read").filter_map(|finding| {
            Some(finding.help.as_deref()?.split_once("or add `")?.1.split('`').next()?.to_owned())
        });
        let more: Vec<String> = ignored.iter().cloned().chain(suggested).collect();
        let spec = format!("manifests: {}, ignoreFiles: {}", quoted(&patterns), quoted(&more));
        let mut advised = texts.clone();
        advised.insert("deskstate.yaml".to_owned(), project(&spec));
        let still: Vec<Diagnostic> = load_texts(advised, None)
            .1
            .into_iter()
            .filter(|finding| finding.code == "file-not-read" && finding.help.as_deref() != Some("rename one of them"))
            .collect();
        prop_assert!(still.is_empty(), "{:?}", findings(&still));
        prop_assert_eq!(&paths(&from_texts.0), &read);
        for path in &paths_below {
            let is_yaml = [".yaml", ".yml"].iter().any(|end| path.to_lowercase().ends_with(end));
            let (folders, name) = path.rsplit_once('/').unwrap();
            // The folder before the first wildcard, or the complete pattern if it has none.
            let covers = |pattern: &String| {
                let fixed = match pattern.find(['*', '?']) {
                    Some(at) => pattern[..at].rsplit_once('/').unwrap().0,
                    None => pattern.as_str(),
                };
                path == pattern || path.starts_with(&format!("{fixed}/"))
            };
            let is_root = patterns.iter().any(covers);
            let excepted = folders.split('/').any(|folder| folder.starts_with('.'));
            let is_ignored = ignored.iter().any(|pattern| takes(pattern, path));
            let named = patterns.iter().any(|pattern| pattern == path);
            let wanted = patterns.iter().any(|pattern| covers(pattern) && takes(pattern, path))
                && (!name.starts_with('.') || named);
            let is_read = read.contains(path);
            let says = diagnostics.iter().any(|finding| {
                finding.is_error() && finding.message.contains(&format!("`{path}`"))
            });
            if named && !is_ignored {
                prop_assert!(is_read, "{path} is named and not read");
            } else if !is_yaml || !is_root || excepted || is_ignored {
                prop_assert!(!is_read, "{path} is read, {patterns:?}");
            } else if wanted {
                prop_assert!(is_read, "{path} is not read, {patterns:?}");
            } else {
                prop_assert!(!is_read && says, "{path} is passed over, {patterns:?}");
            }
        }
    }
}
