//! Checks that the generated reference pages are current: the kinds from the doc comments of their types, the codes from their
//! explanations.
//!
//! `UPDATE_REFERENCE=1 cargo test -p deskstate-model --test manifests reference::` regenerates them.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use deskstate_model::{Field, Kind, Need};

fn assert_current(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name);
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == text,
        "docs/{name} is not current: run with UPDATE_REFERENCE=1"
    );
}

/// Returns the paragraphs of a doc comment, each on one line.
fn paragraphs(doc: &str) -> Vec<String> {
    doc.split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

fn field(info: &Field, depth: usize, text: &mut String) {
    let needed = match info.need {
        Need::Required => " (required)",
        Need::RequiredOrDefault => " (required here or in the project's `defaults`)",
        Need::Optional => "",
    };
    let indent = "  ".repeat(depth);
    let _ = writeln!(
        text,
        "{indent}- **`{}`**{needed}: {}",
        info.word,
        paragraphs(&info.doc()).join(" ")
    );
    if info.from_file {
        let _ = writeln!(
            text,
            "{indent}  Also as `{}File:` with a path relative to the manifest.",
            info.word
        );
    }
    for item in info.items() {
        field(item, depth + 1, text);
    }
}

/// Each kind has a page: the meaning, a picture if there is one, the document in `examples/every-kind`, and the fields.
#[test]
fn the_pages_of_kinds_are_current() {
    const MADE: &str = "<!-- Generated from crates/model/src/kinds and examples/every-kind: change them there. -->";
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut index = format!(
        "# Kinds\n\n{MADE}\n\nEach page has a complete example and every field. [The manifest language](README.md) explains documents, values and sets.\n\n| kind | meaning |\n| --- | --- |\n",
    );
    for kind in Kind::all() {
        let doc = paragraphs(&kind.doc());
        let _ = writeln!(index, "| [{kind}](kinds/{kind}.md) | {} |", doc[0]);
        let example = format!("examples/every-kind/manifests/{kind}.yaml");
        let picture = format!("pictures/kind-{kind}.png");
        let mut text = format!("# {kind}\n\n{MADE}\n\n{}\n", doc.join("\n\n").trim());
        if root.join("docs").join(&picture).exists() {
            let _ = write!(
                text,
                "\n![The agent's desktop with the example below](../../{picture})\n"
            );
        }
        let yaml = fs::read_to_string(root.join(&example)).unwrap();
        let _ = write!(
            text,
            "\n## Example\n\n`{example}`:\n\n```yaml\n{yaml}```\n\n## Fields\n\n"
        );
        for info in kind.fields() {
            field(info, 0, &mut text);
        }
        assert_current(&format!("manifests/kinds/{kind}.md"), &text);
    }
    assert_current("manifests/kinds.md", &index);
}

#[test]
fn the_glossary_has_every_kind_as_its_table_says() {
    const BEGIN: &str = "<!-- kinds: made from crates/model/src/kinds -->\n";
    const END: &str = "<!-- end of kinds -->";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/glossary.md");
    let page = fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let mut table =
        String::from("| term | kind | where people make it | table |\n| --- | --- | --- | --- |\n");
    for kind in Kind::all() {
        let doc = paragraphs(&kind.doc());
        let place = doc
            .iter()
            .find_map(|paragraph| paragraph.split_once(" Dataverse: `"));
        let (place, rest) = place.unwrap();
        let (name, _) = rest.split_once('`').unwrap();
        let _ = writeln!(
            table,
            "| {} | [{kind}](manifests/kinds/{kind}.md) | {} | `{name}` |",
            kind.title().to_lowercase().replace("cif v", "CIF v"),
            place
                .trim_start_matches("In the admin center: ")
                .trim_end_matches('.'),
        );
    }
    assert_current(
        "glossary.md",
        &format!("{before}{BEGIN}{table}{END}{after}"),
    );
}
