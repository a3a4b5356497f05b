//! The parsers of external files, in the form that fuzz targets call. Compiled for `cargo fuzz` and for the test that replays the saved
//! fuzzing inputs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use deskstate_model::{Diagnostic, PROJECT_FILE, SourceMap, load_texts};

use crate::bounds::shape;
use crate::export::{Export, Selection, export};
use crate::live::{Access, Live, LiveLinks, LiveTable};
use crate::plan::{Limits, Options as PlanOptions, Plan, plan, transactions};
use crate::plan_file::{self, About, Comparison, MAX_DEPTH, Report};
use crate::raise::Options;
use crate::{lower, solution, undo};

/// An environment with a configured desktop.
static KNOWN: LazyLock<Live> = LazyLock::new(|| {
    let texts = files(include_str!("../fuzz/corpus/solution/desktop.txt"), SESSION);
    seen_whole(solution::of_texts(texts).expect("a solution"))
});
/// An empty environment.
pub(crate) static NOTHING: LazyLock<Live> = LazyLock::new(|| {
    let mut live = KNOWN.clone();
    for table in live.tables.values_mut() {
        *table = LiveTable::empty(Access::Whole);
    }
    for links in live.links.values_mut() {
        *links = LiveLinks::new(BTreeSet::new(), Access::Whole);
    }
    live
});

const PROJECT: &str = "apiVersion: deskstate/v1\nkind: Project\nmetadata: {name: fuzz}\nspec:\n  variables: {a: b, n: 1, l: [x]}\n  environments:\n    e: {emulator: {state: s.json}, overlay: overlays/e}\n";
/// Path of the first manifest if the text does not name one.
const MANIFESTS: &str = "manifests/case.yaml";
/// Path of the first file of a solution if the text does not name one.
const SESSION: &str = "msdyn_sessiontemplates/a/msdyn_sessiontemplate.xml";

/// Reads a plan file or an undo file. Asserts that a file that can be read can be compared or planned, and written again unchanged.
pub fn plan_files(text: &str) {
    let _ = plan_file::read(text);
    if let Some(file) = plan_file::sealed(text) {
        let written = serde_json::to_string_pretty(&file).unwrap_or_default();
        let fits = shape(&written).depth <= MAX_DEPTH;
        let read = plan_file::read(&written);
        assert!(!fits || read.is_ok_and(|read| read == file), "{written}");
        let _ = plan_file::compare(&[file], &Plan::default(), &KNOWN);
    }
    if let Ok(file) = undo::read(text) {
        let again = undo::read(&undo::write(&file));
        assert!(again.is_ok_and(|again| again == file), "{text}");
        let (plan, _) = undo::plan(&file, &KNOWN);
        is_sound(&plan, &SourceMap::default());
    }
}

/// Reads a solution: an archive, or its files as text, each below a line such as `#! msdyn_sessiontemplates/a/a.xml`. Asserts that its
/// export loads without errors, apart from what the file itself lacks, and can be planned.
pub fn solutions(bytes: &[u8]) {
    let read = if bytes.starts_with(b"PK") {
        solution::of_bytes(bytes)
    } else {
        solution::of_texts(files(&String::from_utf8_lossy(bytes), SESSION))
    };
    let Ok(live) = read else { return };
    let exported = settled(&live);
    let (manifests, found) = exported.manifests();
    let error = found
        .iter()
        .filter(|finding| !finding.is_about_lacking)
        .find(|finding| finding.is_error() && finding.code != "no-manifests");
    assert!(error.is_none(), "{error:?}");
    for live in [&live, &*KNOWN] {
        let (plan, _) = plan(&lower(&manifests), live, &PlanOptions::default());
        is_sound(&plan, &manifests.sources);
    }
}

/// Loads a project. Asserts that manifests without errors can be planned against an empty environment and against one with rows.
pub fn plans(bytes: &[u8]) {
    let mut texts = BTreeMap::from([(PROJECT_FILE.to_owned(), PROJECT.to_owned())]);
    texts.extend(files(&String::from_utf8_lossy(bytes), MANIFESTS));
    let (manifests, found) = load_texts(texts, Some("e"));
    if found.iter().any(Diagnostic::is_error) {
        return;
    }
    let desired = lower(&manifests);
    for live in [&*KNOWN, &*NOTHING] {
        let (plan, _) = plan(&desired, live, &PlanOptions::default());
        is_sound(&plan, &manifests.sources);
    }
}

/// Exports a solution in the same way as the command.
fn settled(live: &Live) -> Export {
    let options = Options {
        from_file: true,
        ..Options::default()
    };
    let mut exported = export(live, &Selection::default(), options);
    exported.leave_out_refused();
    exported
}

/// Marks tables that the solution does not mention as empty, not as absent.
fn seen_whole(mut live: Live) -> Live {
    for table in live.tables.values_mut() {
        table.access = Access::Whole;
    }
    for links in live.links.values_mut() {
        links.access = Access::Whole;
    }
    live
}

/// Splits a text into files at the lines that name them.
fn files(text: &str, first: &str) -> Vec<(String, String)> {
    let mut files = vec![(first.to_owned(), String::new())];
    for line in text.split_inclusive('\n') {
        match (line.strip_prefix("#! "), files.last_mut()) {
            (Some(name), _) => files.push((name.trim().to_owned(), String::new())),
            (None, Some((_, text))) => text.push_str(line),
            (None, None) => {}
        }
    }
    files.retain(|(_, text)| !text.is_empty());
    files
}

/// Asserts that the transactions contain every operation of a plan exactly once, and that the plan file can be read back unchanged.
fn is_sound(plan: &Plan, sources: &SourceMap) {
    let operations: usize = plan
        .changes
        .iter()
        .map(|change| change.operations.len())
        .sum();
    for (most, server_adds_parts) in [(1000, false), (2, true)] {
        let limits = Limits {
            operations: most,
            server_adds_parts,
            server_rewrites_parts: false,
        };
        let ordered: usize = transactions(plan, limits)
            .iter()
            .map(|transaction| transaction.operations.len())
            .sum();
        assert_eq!(ordered, operations);
    }
    let about = About {
        environment: "e",
        revision: None,
        sources,
        reach: None,
        report: &Report::default(),
    };
    let written = plan_file::write(plan, &NOTHING, &about);
    let read = plan_file::read(&written);
    assert!(
        shape(&written).depth > MAX_DEPTH
            || read.is_ok_and(
                |read| plan_file::compare(&[read], plan, &NOTHING) == Comparison::default()
            ),
        "{written}"
    );
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{plan_files, plans, solutions};

    /// Runs a target over its saved inputs. Files named with a word were written by hand and, if short, are also tested truncated and with
    /// bytes flipped and removed; files named by their digest were found by fuzzing.
    fn replay(target: &str, run: impl Fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/corpus")
            .join(target);
        let mut kept = 0;
        for entry in fs::read_dir(folder).expect("the corpus is there") {
            let path = entry.expect("listed").path();
            let bytes = fs::read(&path).expect("read");
            kept += 1;
            run(&bytes);
            let by_hand = path.file_name().is_some_and(|name| name.len() < 40);
            if by_hand && bytes.len() < 2000 {
                run_nearly(&bytes, &run);
            }
        }
        assert!(kept > 3, "{target}: too little is kept");
    }

    fn run_nearly(bytes: &[u8], run: &impl Fn(&[u8])) {
        let step = (bytes.len() / 12).max(1);
        for at in (0..bytes.len()).step_by(step) {
            let (before, after) = bytes.split_at(at);
            run(before);
            for turned in [0, b'"', b'<', b'{', 0xff] {
                run(&[before, &[turned], &after[1..]].concat());
            }
            run(&[before, &after[1..]].concat());
        }
    }

    fn replay_text(target: &str, run: impl Fn(&str)) {
        replay(target, |bytes| run(&String::from_utf8_lossy(bytes)));
    }

    #[test]
    fn plan_files_and_undo_files_are_read_or_refused_with_a_reason() {
        replay_text("plan_file", plan_files);
    }

    #[test]
    fn solutions_are_read_or_refused_with_a_reason_and_what_was_read_can_be_exported() {
        replay("solution", solutions);
    }

    #[test]
    fn projects_without_an_error_are_planned() {
        replay("plans", plans);
    }
}
