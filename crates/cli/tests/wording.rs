//! Phrases that must not appear any more in documents, messages, help and comments.

use std::path::{Path, PathBuf};

/// Each is matched ignoring case, line breaks, comment marks and backticks. `…` stands for a few words.
const GONE: [&str; 36] = [
    "it has no means to write",
    "what differs from the manifests, who did it, on what evidence, what it breaks",
    "takes what was changed by hand into the YAML; comments, order and quotes stay",
    "looks at what stands between an environment and a plan",
    "edits the comment that stands",
    "shows what would make one environment like another",
    "of a selection only what is chosen is adopted, not what that needs",
    "the same, as in -l team=voice",
    "let pass what review refused, as it printed it",
    "of all environments the I-th of N parts",
    "say more on stderr; twice for everything",
    "only yes is taken as a yes",
    " comes along, since … needs it",
    " chooses nothing",
    "nothing is called `{",
    "left out, it is neither compared nor changed",
    "was there: its manifests are as they were",
    "--force writes over them, another --out leaves them alone",
    "where what differs",
    "how it hangs together",
    "the product documents no slug",
    "a channel provider may pass it, or a question before the conversation",
    "sessions of records hide the communication panel",
    "the revision that was last applied would tell",
    "links are not seen whole: none is added or taken away",
    "from where on deletes and unlinks need the printed override",
    "such as 20%, which it is where left out",
    "a row is deleted when nothing that stays refers to it",
    "the server takes every write of a transaction, or none",
    "a slip is dear then",
    "GUIDs stand in no manifest",
    "nothing is sent a second time in the hope that it will do",
    "the worst that a forged one can do is to be refused",
    "what cannot be said so is left out",
    "what a process has run that is killed is not counted",
    "has not the form of a unique name",
];

/// The files of this repository that people may read.
fn read_by_people(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            let is_left_out = name.starts_with('.')
                || ["target", "node_modules", "corpus", "fixtures", "snapshots"]
                    .contains(&name.as_str());
            if !is_left_out {
                read_by_people(&path, found);
            }
        } else if name != "wording.rs"
            && ["md", "rs", "json", "yaml", "yml", "toml", "sh", "ps1"]
                .iter()
                .any(|ending| name.ends_with(&format!(".{ending}")))
        {
            found.push(path);
        }
    }
}

/// A text in lower case without backticks, comment marks and line breaks.
fn flat(text: &str) -> String {
    let kept = text.lines().map(|line| {
        line.trim_start_matches([' ', '\t', '/', '!', '#', '>', '*'])
            .trim_end_matches([' ', '\t', '\\'])
    });
    kept.collect::<Vec<_>>()
        .join(" ")
        .replace('`', "")
        .to_lowercase()
}

fn holds(text: &str, phrase: &str) -> bool {
    let phrase = phrase.replace('`', "").to_lowercase();
    match phrase.split_once('…') {
        None => text.contains(&phrase),
        Some((first, second)) => text.match_indices(first).any(|(at, _)| {
            let rest: String = text[at + first.len()..].chars().take(100).collect();
            rest.contains(second)
        }),
    }
}

#[test]
fn no_phrase_of_a_translation_is_left() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for part in ["docs", "crates", "examples", "ci", "schemas", "deploy"] {
        read_by_people(&root.join(part), &mut files);
    }
    for page in [
        "README",
        "ARCHITECTURE",
        "CONTRIBUTING",
        "SECURITY",
        "CHANGELOG",
    ] {
        files.push(root.join(format!("{page}.md")));
    }
    assert!(files.len() > 500);
    let mut left = Vec::new();
    for file in files {
        let text = flat(&std::fs::read_to_string(&file).unwrap());
        for phrase in GONE.iter().filter(|phrase| holds(&text, phrase)) {
            left.push(format!("{}: {phrase}", file.display()));
        }
    }
    assert!(left.is_empty(), "{}", left.join("\n"));
    assert!(holds(
        &flat("/// x\n/// Tab a comes\n/// along, since `b` needs it"),
        " comes along, since … needs it"
    ));
}
