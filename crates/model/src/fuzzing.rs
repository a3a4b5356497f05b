//! Loading and editing, as called by the fuzz targets. Compiled for `cargo fuzz` and for the test that replays the saved inputs.

use std::collections::BTreeMap;

use crate::{
    Diagnostic, Manifests, NameUse, PROJECT_FILE, Tree, Workspace, YamlEdits, load_texts,
    load_with, render,
};

const PROJECT: &str = "apiVersion: deskstate/v1\nkind: Project\nmetadata: {name: fuzz}\nspec:\n  contracts: [contracts/a.yaml]\n  variables: {a: b, n: 1, l: [x]}\n  environments:\n    e: {emulator: {state: s.json}, overlay: overlays/e}\n";
const BARE_PROJECT: &str =
    "apiVersion: deskstate/v1\nkind: Project\nmetadata: {name: fuzz}\nspec: {variables: {}}\n";
const MANIFESTS: &str = "manifests/case.yaml";
/// Possible paths of a file.
const PATHS: [&str; 4] = [
    PROJECT_FILE,
    MANIFESTS,
    "contracts/a.yaml",
    "overlays/e/case.yaml",
];

/// Loads a project. Places must be inside their files, and manifests without errors must read back the same after `render`.
pub fn load(bytes: &[u8]) {
    let texts = project(&String::from_utf8_lossy(bytes));
    for environment in [None, Some("e")] {
        let (manifests, found) = load_texts(texts.clone(), environment);
        places_lie_in_their_files(&manifests, &found);
        let rendered = render(&manifests);
        if environment.is_some() && !found.iter().any(Diagnostic::is_error) {
            is_read_back(&rendered);
        }
    }
}

/// Edits a YAML file. The first line holds the wanted value as JSON. A refused edit must change nothing.
pub fn edits(text: &str) {
    let (wanted, text) = text.split_once('\n').unwrap_or_default();
    let Ok(wanted) = serde_json::from_str(wanted) else {
        return;
    };
    for keys in [&[][..], &["new"]] {
        let Ok(mut edits) = YamlEdits::new(text) else {
            return;
        };
        let Some(last) = edits.documents().count().checked_sub(1) else {
            return;
        };
        if edits.set(last, keys, &wanted).is_err() {
            assert_eq!(edits.finish().as_deref(), Some(text));
        } else {
            let _ = edits.finish();
        }
    }
}

/// Edits a project. The first line holds the edits as numbers: file, place, length and text. After each edit, an editor must see the same
/// findings as a fresh load, and names must be where they are reported.
pub fn typing(text: &str) {
    let (edits, text) = text.split_once('\n').unwrap_or_default();
    let mut texts = project(text);
    let folder = std::env::temp_dir().join("deskstate-fuzz-typing");
    if std::fs::create_dir_all(&folder).is_err() {
        return;
    }
    let mut workspace = Workspace::new(&folder);
    for (path, text) in &texts {
        workspace.open(path, text.clone());
    }
    let numbers: Vec<usize> = edits
        .split([' ', ','])
        .filter_map(|number| number.parse().ok())
        .collect();
    for step in numbers.chunks_exact(4).take(12) {
        let paths: Vec<String> = texts.keys().cloned().collect();
        let path = &paths[step[0] % paths.len()];
        let text = &texts[path];
        let boundary = |near: usize| {
            let near = near.min(text.len());
            (near..=text.len()).find(|at| text.is_char_boundary(*at))
        };
        let start = boundary(step[1] % (text.len() + 1)).unwrap_or(text.len());
        let end = boundary(start + step[2] % 40).unwrap_or(text.len());
        let mut after = text.clone();
        after.replace_range(start..end, TYPED[step[3] % TYPED.len()]);
        workspace.open(path, after.clone());
        texts.insert(path.clone(), after);
        let (_, told) = workspace.load(None);
        let (manifests, fresh) = load_with(&folder, None, texts.clone());
        assert_eq!(told, fresh);
        places_lie_in_their_files(&manifests, &told);
        texts
            .values()
            .for_each(|text| names_are_where_they_are_said_to_be(text));
    }
}

/// Texts that an edit can insert.
const TYPED: [&str; 10] = [
    "",
    "a",
    "\n",
    ": ",
    "- ",
    "{",
    "]",
    "\"",
    "\r\n  é😀: x\n",
    "---\n",
];

fn names_are_where_they_are_said_to_be(text: &str) {
    let (documents, is_whole) = Tree::read(text);
    for name in documents.iter().flat_map(NameUse::all) {
        assert!(text.get(name.place.clone()).is_some(), "{name:?}");
        let Ok(mut edits) = YamlEdits::new(text) else {
            assert!(!is_whole || documents.is_empty(), "{text}");
            return;
        };
        let Some(document) = edits.document_at(name.place.start) else {
            continue;
        };
        let renamed = name.written_as("fuzz_renamed");
        if edits.set_text(document, &name.path, &renamed).is_ok()
            && let Some(after) = edits.finish()
        {
            let (documents, _) = Tree::read(&after);
            let mut names = documents.iter().flat_map(NameUse::all);
            assert!(
                names.any(|one| one.key.name.as_written() == "fuzz_renamed"),
                "{after}"
            );
        }
    }
}

/// Returns the files of a project: either a single manifest, or the texts below lines such as `#! deskstate.yaml`, as in
/// `tests/manifests/`.
#[must_use]
pub fn project(text: &str) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::from([(PROJECT_FILE.to_owned(), PROJECT.to_owned())]);
    let mut path = MANIFESTS;
    let mut file = String::new();
    for line in text.split_inclusive('\n') {
        let Some(name) = line.strip_prefix("#! ").map(str::trim) else {
            file.push_str(line);
            continue;
        };
        put(&mut texts, path, &mut file);
        let known = PATHS.into_iter().find(|known| *known == name);
        path = known.unwrap_or(MANIFESTS);
    }
    put(&mut texts, path, &mut file);
    texts
}

fn put(texts: &mut BTreeMap<String, String>, path: &str, file: &mut String) {
    if !file.is_empty() {
        texts.insert(path.to_owned(), std::mem::take(file));
    }
}

fn places_lie_in_their_files(manifests: &Manifests, found: &[Diagnostic]) {
    for finding in found {
        for label in finding.primary.iter().chain(&finding.secondary) {
            let span = label.span;
            let text = manifests.sources.text(span.file);
            let inside = text.get(span.start as usize..span.end as usize);
            assert!(inside.is_some(), "{finding:?}");
            let _ = manifests.sources.line_column(span);
        }
    }
}

fn is_read_back(rendered: &str) {
    let texts = [(PROJECT_FILE, BARE_PROJECT), (MANIFESTS, rendered)];
    let texts = texts
        .into_iter()
        .map(|(path, text)| (path.to_owned(), text.to_owned()))
        .collect();
    let (again, found) = load_texts(texts, None);
    let error = found
        .iter()
        .find(|finding| finding.is_error() && finding.code != "no-manifests");
    assert!(error.is_none(), "{error:?}\n{rendered}");
    assert_eq!(render(&again), rendered);
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{edits, load, typing};

    fn kept(target: &str) -> impl Iterator<Item = Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        let files: Vec<_> = fs::read_dir(folder.join(target)).unwrap().collect();
        assert!(files.len() > 3, "the corpus of {target} is missing");
        files
            .into_iter()
            .map(|entry| fs::read(entry.unwrap().path()).unwrap())
    }

    #[test]
    fn what_fuzzing_kept_is_loaded_also_when_it_is_cut_short() {
        for bytes in kept("load") {
            for end in [bytes.len(), bytes.len() / 2, bytes.len() / 3] {
                load(&bytes[..end]);
            }
        }
    }

    #[test]
    fn what_fuzzing_kept_of_typing_is_loaded_as_a_fresh_project_is() {
        for bytes in kept("typing") {
            let text = String::from_utf8_lossy(&bytes);
            typing(&text);
            let (_, project) = text.split_once('\n').unwrap_or_default();
            typing(&format!(
                "1,70,0,8 0,200,9,2 1,9,30,0 1,40,0,9 1,0,0,5\n{project}"
            ));
        }
    }

    #[test]
    fn what_fuzzing_kept_is_edited_or_left_alone_also_when_it_is_cut_short() {
        for bytes in kept("edits") {
            for end in 0..bytes.len().min(2000) {
                edits(&String::from_utf8_lossy(&bytes[..end]));
            }
            edits(&String::from_utf8_lossy(&bytes));
        }
    }
}
