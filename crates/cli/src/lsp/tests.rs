//! Invariants of the server, tested without a process: an editor sees the findings of `validate`, no matter what was typed before.

use std::collections::BTreeMap;
use std::path::Path;

use deskstate_model::{Diagnostic, Manifests, PROJECT_FILE, load};
use lsp_types::{DiagnosticSeverity, NumberOrString};
use tempfile::TempDir;

use super::findings::by_file;
use super::paths::real;
use super::place::Units;
use super::project::Project;
use super::{actions, complete, names};
use crate::door::plain;

const PROJECT: &str = "apiVersion: deskstate/v1\nkind: Project\nmetadata: {name: test}\nspec:\n  owns: {prefixes: [contoso]}\n  contracts: [contracts/vendor.yaml]\n  protect: [ApplicationTab/contoso_notes]\n  variables: {host: a.example}\n  environments:\n    dev: {url: 'https://dev.example'}\n    prod: {url: 'https://prod.example', overlay: overlays/prod}\n";
const TAB: &str = "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata:\n  name: 'contoso_notes' # ours\nspec:\n  displayName: Notes\n  title: Notes\n  pageType: ThirdPartyWebsite\n  parameters: {url: 'https://${{ vars.host }}/'}\n";
const SESSION: &str = "# Größe 😀\r\napiVersion: deskstate/v1\r\nkind: SessionTemplate\r\nmetadata: {name: contoso_call}\r\nspec:\r\n  displayName: Call\r\n  type: Generic\r\n  anchorTab: contoso_notes   # first\r\n";
const OVERLAY: &str = "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: contoso_notes}\nspec: {title: Notes in prod}\n";
const CONTRACT: &str = "apiVersion: deskstate/v1\nkind: Contract\nmetadata: {name: vendor}\nspec:\n  rules:\n    - id: tab\n      resource: {kind: SessionTemplate, name: contoso_call}\n      locked:\n        anchorTab: contoso_notes # why\n";

fn folder(files: &BTreeMap<String, String>) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (path, text) in files {
        let file = folder.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    folder
}

fn desk() -> BTreeMap<String, String> {
    [
        (PROJECT_FILE, PROJECT),
        ("manifests/tab.yaml", TAB),
        ("manifests/session.yaml", SESSION),
        ("overlays/prod/tab.yaml", OVERLAY),
        ("contracts/vendor.yaml", CONTRACT),
    ]
    .map(|(path, text)| (path.to_owned(), text.to_owned()))
    .into()
}

/// The cases of the model's tests: a single file, or files below lines such as `#! deskstate.yaml`.
fn cases() -> Vec<BTreeMap<String, String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/manifests/invalid");
    let files = std::fs::read_dir(folder).unwrap();
    let paths = files.map(|entry| entry.unwrap().path());
    let cases = paths.filter(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    let read = |path| {
        let text = std::fs::read_to_string(path).unwrap();
        let mut texts: BTreeMap<String, String> = desk();
        let mut name = "manifests/case.yaml".to_owned();
        for line in text.split_inclusive('\n') {
            match line.strip_prefix("#! ") {
                Some(path) => {
                    name = path.trim().to_owned();
                    texts.insert(name.clone(), String::new());
                }
                None => texts.entry(name.clone()).or_default().push_str(line),
            }
        }
        texts
    };
    cases.map(read).collect()
}

/// The findings of `validate`, in the words of an editor.
fn validated((manifests, found): &(Manifests, Vec<Diagnostic>)) -> Vec<String> {
    let sources = &manifests.sources;
    let mut said: Vec<String> = found
        .iter()
        .map(|finding| {
            let place = finding.primary.as_ref().map(|label| label.span);
            let (path, line) = place.map_or((PROJECT_FILE, 1), |span| {
                (sources.path(span.file), sources.line_column(span).0)
            });
            let help = finding.help.as_deref().unwrap_or_default();
            format!(
                "{path}:{line} {} {} {} {} {}",
                finding.code,
                finding.is_error(),
                plain(&finding.message),
                finding.environments.join(", "),
                plain(help),
            )
        })
        .collect();
    said.sort();
    said
}

/// The findings that an editor is sent.
fn told(project: &mut Project) -> Vec<String> {
    let state = project.state();
    let mut said = Vec::new();
    for (path, found) in by_file(project, &state, Units::Utf16) {
        for one in found {
            let Some(NumberOrString::String(code)) = one.code else {
                panic!("{path}: a finding without a code");
            };
            let (head, help) = one
                .message
                .split_once("\nhelp: ")
                .unwrap_or((&one.message, ""));
            let (message, environments) = match head
                .strip_suffix(')')
                .and_then(|head| head.rsplit_once(" (in "))
            {
                Some(split) => split,
                None => (head, ""),
            };
            let is_error = one.severity == Some(DiagnosticSeverity::ERROR);
            let line = one.range.start.line + 1;
            said.push(format!(
                "{path}:{line} {code} {is_error} {message} {environments} {help}"
            ));
        }
    }
    said.sort();
    said
}

#[test]
fn an_editor_is_told_what_validate_says_of_every_invalid_case() {
    let cases = cases();
    assert!(cases.len() > 20);
    let mut findings = 0;
    for files in cases {
        let folder = folder(&files);
        let root = real(folder.path());
        let mut project = Project::new(&root);
        let told = told(&mut project);
        assert_eq!(told, validated(&load(&root, None)));
        findings += told.len();
    }
    assert!(findings > 200, "{findings}");
}

#[test]
fn after_any_edits_an_editor_is_told_what_a_fresh_load_says() {
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = move |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % below as u64).unwrap()
    };
    let typed = [
        "",
        "a",
        "\n",
        ": ",
        "- ",
        "{",
        "]",
        "\"",
        "\r\n  é😀: x\n",
        "contoso_notes",
        "---\n",
    ];
    let mut files = desk();
    let folder = folder(&files);
    let root = real(folder.path());
    let mut project = Project::new(&root);
    for step in 0..120 {
        let paths: Vec<String> = files.keys().cloned().collect();
        let path = &paths[next(paths.len())];
        let text = files.get_mut(path).unwrap();
        let ends: Vec<usize> = (0..=text.len())
            .filter(|at| text.is_char_boundary(*at))
            .collect();
        let start = next(ends.len());
        let end = (start + next(6)).min(ends.len() - 1);
        text.replace_range(ends[start]..ends[end], typed[next(typed.len())]);
        if step % 10 == 9 {
            // A text that is broken again and again tests less and less.
            *text = desk()[path].clone();
        }
        match next(3) {
            0 => {
                std::fs::write(root.join(path), &*text).unwrap();
                project.workspace.close(path);
            }
            _ => project.workspace.open(path, text.clone()),
        }
        project.changed();
        let fresh = super::tests::folder(&files);
        assert_eq!(
            told(&mut project),
            validated(&load(fresh.path(), None)),
            "step {step}"
        );
    }
}

/// The project, and the byte offset of a word in one of its files.
fn at(
    project: &mut Project,
    path: &str,
    word: &str,
) -> (std::rc::Rc<super::project::State>, usize) {
    let state = project.state();
    let byte = state.text(path).unwrap().find(word).unwrap() + 1;
    (state, byte)
}

#[test]
fn a_rename_reaches_overlays_contracts_and_the_project_file_and_changes_nothing_else() {
    let files = desk();
    let folder = folder(&files);
    let root = real(folder.path());
    let mut project = Project::new(&root);
    let (state, byte) = at(&mut project, "manifests/session.yaml", "contoso_notes");
    assert_eq!(validated(&load(&root, None)), Vec::<String>::new());
    let one = names::renamable(&state, "manifests/session.yaml", byte).unwrap();
    let texts = names::rename(&project, &state, &one, "contoso_pad").unwrap();
    let expected: BTreeMap<String, String> = files
        .iter()
        .map(|(path, text)| (path.clone(), text.replace("contoso_notes", "contoso_pad")))
        .collect();
    assert_eq!(texts.len(), 5, "{:?}", texts.keys());
    assert_eq!(texts, expected);
}

#[test]
fn a_rename_that_is_not_certain_is_refused_with_the_reason() {
    let cases: [(&str, &str, &str, &str); 5] = [
        (
            "manifests/session.yaml",
            "anchorTab: contoso_notes",
            "anchorTab: ${{ vars.tab }}",
            "locked-value",
        ),
        (
            PROJECT_FILE,
            "ApplicationTab/contoso_notes",
            "ApplicationTab/contoso_n*",
            "only one of the two",
        ),
        (
            "manifests/tab.yaml",
            "spec:",
            "  state: existing\nspec:",
            "existing",
        ),
        (
            "overlays/prod/tab.yaml",
            "spec: {",
            "spec: {]",
            "cannot be read",
        ),
        (
            "manifests/tab.yaml",
            "'contoso_notes'",
            "&n contoso_notes\n  labels: {a: *n}",
            "alias",
        ),
    ];
    for (path, before, after, why) in cases {
        let mut files = desk();
        let text = files.get_mut(path).unwrap();
        assert!(text.contains(before), "{path}");
        *text = text.replace(before, after);
        let project_file = files.get_mut(PROJECT_FILE).unwrap();
        *project_file =
            project_file.replace("host: a.example", "host: a.example, tab: contoso_notes");
        let folder = folder(&files);
        let mut project = Project::new(&real(folder.path()));
        let (state, byte) = at(&mut project, "contracts/vendor.yaml", "contoso_notes");
        let refused = names::renamable(&state, "contracts/vendor.yaml", byte)
            .and_then(|one| names::rename(&project, &state, &one, "contoso_pad"));
        let said = refused.expect_err(after);
        assert!(said.contains(why), "{after}: {said}");
    }
}

#[test]
fn names_stay_known_while_their_file_is_broken_and_fixes_are_certain() {
    let folder = folder(&desk());
    let root = real(folder.path());
    let mut project = Project::new(&root);
    project.state();
    project
        .workspace
        .open("manifests/tab.yaml", format!("{TAB}  : ["));
    let typing = SESSION
        .replace("contoso_notes   # first", "")
        .replace("Generic", "Genric");
    project
        .workspace
        .open("manifests/session.yaml", typing.clone());
    project.changed();
    let state = project.state();
    let byte = typing.find("anchorTab: ").unwrap() + "anchorTab: ".len();
    let path = "manifests/session.yaml";
    let found = complete::complete(&project, &state, (path, &typing, byte), Units::Utf16);
    let words: Vec<&str> = found.iter().map(|item| item.label.as_str()).collect();
    assert!(words.contains(&"contoso_notes"), "{words:?}");
    let fixes = actions::fixes(&project, &state, path, (0, typing.len()));
    let [fix] = fixes.as_slice() else {
        panic!("{} fixes", fixes.len());
    };
    assert_eq!(fix.after, typing.replace("Genric", "Generic"));
}

#[test]
fn a_variable_is_renamed_wherever_it_is_given_or_used_and_text_stays() {
    let mut files = desk();
    let tab = files.get_mut("manifests/tab.yaml").unwrap();
    *tab = tab.replace(
        "title: Notes",
        "title: 'on ${{vars.host}} $${{ vars.host }}'",
    );
    let file = files.get_mut(PROJECT_FILE).unwrap();
    *file = file.replace(
        "overlay: overlays/prod}",
        "overlay: overlays/prod, variables: {host: b.example}}",
    );
    let folder = folder(&files);
    let mut project = Project::new(&real(folder.path()));
    for (path, word) in [("manifests/tab.yaml", "vars.host"), (PROJECT_FILE, "host:")] {
        let (state, byte) = at(&mut project, path, word);
        let named = names::renamable(&state, path, byte).unwrap();
        assert_eq!(named.name(), "host");
        let texts = names::rename(&project, &state, &named, "server").unwrap();
        let tab = files["manifests/tab.yaml"].replace("${{vars.host", "${{vars.server");
        let tab = tab.replace("/${{ vars.host", "/${{ vars.server");
        assert_eq!(texts["manifests/tab.yaml"], tab);
        assert_eq!(
            texts[PROJECT_FILE],
            files[PROJECT_FILE].replace("host:", "server:")
        );
        assert_eq!(texts.len(), 2);
        for (new, why) in [("1x", "letters, digits"), ("host", "already has")] {
            let refused = names::rename(&project, &state, &named, new).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }
    let (state, byte) = at(&mut project, PROJECT_FILE, "dev:");
    let refused = names::renamable(&state, PROJECT_FILE, byte).unwrap_err();
    assert!(refused.contains("workflows"), "{refused}");
}

#[test]
fn a_fix_is_offered_for_what_is_nearly_known_or_demanded() {
    let cases = [
        (
            "manifests/session.yaml",
            "anchorTab: contoso_notes",
            "anchorTab: contoso_ntoes",
        ),
        (
            "manifests/session.yaml",
            "anchorTab: contoso_notes",
            "anchorTab: Notes",
        ),
        ("manifests/tab.yaml", "vars.host", "vars.hots"),
        ("manifests/tab.yaml", "{url:", "{ulr:"),
        ("manifests/tab.yaml", "v1\nkind", "v2\nkind"),
        (
            "manifests/tab.yaml",
            "title: \"{customerName}\"",
            "title: {customerName}",
        ),
        (
            "manifests/tab.yaml",
            "title: \"{customerName}\"",
            "title: \"{custmerName}\"",
        ),
        ("manifests/tab.yaml", "canClose: false", "canClose: no"),
        (
            "manifests/tab.yaml",
            "title: \"{customerName}\"",
            "title: \" {customerName}\"",
        ),
        (
            PROJECT_FILE,
            "ignoreFiles: [notes/a.yaml]",
            "ignoreFiles: ['notes\\a.yaml']",
        ),
        (
            "overlays/prod/tab.yaml",
            "{name: contoso_notes}",
            "{name: contoso_note}",
        ),
        (
            "contracts/vendor.yaml",
            "anchorTab: contoso",
            "anchorTb: contoso",
        ),
        (
            "contracts/vendor.yaml",
            "name: contoso_call",
            "name: contoso_call",
        ),
    ];
    for (path, right, wrong) in cases {
        let mut files = desk();
        let tab = files.get_mut("manifests/tab.yaml").unwrap();
        *tab = tab.replace(
            "title: Notes\n",
            "title: \"{customerName}\"\n  canClose: false\n",
        );
        let file = files.get_mut(PROJECT_FILE).unwrap();
        *file = file.replace("spec:\n", "spec:\n  ignoreFiles: [notes/a.yaml]\n");
        let text = files.get_mut(path).unwrap();
        assert!(text.contains(right), "{right}");
        let meant = text.clone();
        *text = text.replace(right, wrong);
        let folder = folder(&files);
        let mut project = Project::new(&real(folder.path()));
        let state = project.state();
        let fixes = actions::fixes(&project, &state, path, (0, files[path].len()));
        if right == wrong {
            assert!(fixes.is_empty(), "{right}");
            continue;
        }
        let [fix] = fixes.as_slice() else {
            panic!(
                "{wrong}: {} fixes, {:#?}",
                fixes.len(),
                validated(&load(folder.path(), None))
            );
        };
        assert_eq!(fix.after, meant, "{wrong}");
    }
}

/// A name can be any text: `Sales #2` would end before its comment.
#[test]
fn a_name_is_completed_as_yaml_writes_it_and_in_place_of_all_that_was_typed() {
    let mut files = desk();
    let profile = |roles: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {{name: contoso_p}}\nspec:\n  displayName: P\n  app: CustomerServiceApps\n  roles:\n{roles}"
        )
    };
    files.insert(
        "manifests/one.yaml".to_owned(),
        profile("    - \"Sales #2 agent\"\n").replace("contoso_p", "contoso_one"),
    );
    let path = "manifests/two.yaml";
    files.insert(path.to_owned(), profile("    - x\n"));
    let folder = folder(&files);
    let mut project = Project::new(&real(folder.path()));
    for (typed, wanted) in [
        ("    - |", "    - \"Sales #2 agent\""),
        ("    - Sal|", "    - \"Sales #2 agent\""),
        ("    - Sal|es team", "    - \"Sales #2 agent\""),
        ("    - \"Sales #2|", "    - \"Sales #2 agent\""),
        ("    - \"Sal|es\"", "    - \"Sales #2 agent\""),
        ("    - {role: Sal|}", "    - {role: \"Sales #2 agent\"}"),
        (
            "    - {\"role\": \"Sal|\"}",
            "    - {\"role\": \"Sales #2 agent\"}",
        ),
        ("    - 'Agent''s |'", "    - \"Sales #2 agent\""),
    ] {
        let (before, after) = typed.split_once('|').unwrap();
        let text = profile(&format!("{before}{after}\n"));
        project.workspace.open(path, text.clone());
        project.changed();
        let state = project.state();
        let byte = text.len() - 1 - after.len();
        let found = complete::complete(&project, &state, (path, &text, byte), Units::Utf16);
        let item = found.iter().find(|item| item.label == "Sales #2 agent");
        let Some(lsp_types::CompletionTextEdit::Edit(edit)) =
            item.and_then(|item| item.text_edit.clone())
        else {
            panic!("{typed}: {found:?}");
        };
        let line = format!("{before}{after}");
        let [start, end] = [edit.range.start, edit.range.end].map(|at| at.character as usize);
        let edited = format!("{}{}{}", &line[..start], edit.new_text, &line[end..]);
        assert_eq!(edited, wanted, "{typed}");
    }
}
