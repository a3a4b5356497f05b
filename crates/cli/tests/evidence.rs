//! `docs/evidence.md` and the emulator name the same switches, and each assumption has a grade of the list.

use std::collections::BTreeSet;
use std::path::Path;

const GRADES: [&str; 4] = ["seen live", "documented", "typings only", "unknown"];

#[test]
fn every_switch_has_a_row_and_every_row_a_grade_and_switches_that_exist() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/evidence.md");
    let page = std::fs::read_to_string(path).unwrap();
    let sheet = serde_json::to_value(deskstate_emulator::Switches::default()).unwrap();
    let switches: BTreeSet<&str> = sheet
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut named = BTreeSet::new();
    let mut rows = 0;
    for line in page.lines().filter(|line| line.starts_with("| ")).skip(2) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [claim, grade, source, of] = cells[..] else {
            panic!("not four cells: {line}");
        };
        rows += 1;
        assert!(GRADES.contains(&grade), "{claim}: {grade}");
        // Only what nobody knows has no source.
        assert!(source != "–" || grade == "unknown", "{claim}: no source");
        named.extend(
            of.split(", ")
                .filter_map(|of| of.strip_prefix('`')?.strip_suffix('`')),
        );
    }
    assert!(rows > 30, "only {rows} rows were read");
    assert_eq!(named, switches, "left: the page, right: the emulator");
}
