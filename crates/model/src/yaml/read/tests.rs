//! What is read, which places it gets, and what is rejected.

use super::*;

fn parse(text: &str) -> (Vec<Node>, Vec<Diagnostic>, SourceMap) {
    let mut sources = SourceMap::default();
    let file = sources.add("a.yaml", text);
    let mut diagnostics = Vec::new();
    let stream = read(&sources, file, &Budget::default(), &mut diagnostics);
    (stream.documents, diagnostics, sources)
}

fn codes(text: &str) -> Vec<&'static str> {
    parse(text)
        .1
        .iter()
        .map(|diagnostic| diagnostic.code)
        .collect()
}

#[test]
fn spans_are_bytes_and_fit_the_value() {
    let text = "ä: größe # note\nlist:\n  - 'x y'\n  - {a: 1}\nblock: |\n  text\nend: no\n";
    let (documents, diagnostics, sources) = parse(text);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let root = &documents[0];
    let slice = |key: &str| sources.slice(root.get(key).unwrap().span).to_owned();
    assert_eq!(slice("ä"), "größe");
    assert_eq!(slice("list"), "- 'x y'\n  - {a: 1}");
    assert_eq!(
        sources.slice(root.get("list").unwrap().items()[1].span),
        "{a: 1}"
    );
    assert_eq!(slice("block"), "text");
    assert_eq!(root.get("end").unwrap().as_text(), Some("no"));
    assert_eq!(sources.slice(root.entry("end").unwrap().key_span), "end");
}

#[test]
fn a_syntax_error_ends_its_document_only() {
    let (documents, diagnostics, _) = parse("a: 1\n---\nb: [1\nc: 2\n---\nd: 3\n");
    assert_eq!(documents.len(), 2);
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(diagnostics[0].code, "broken-yaml");
}

#[test]
fn a_forgotten_line_between_documents_is_one_finding() {
    let one = "apiVersion: v1\nkind: A\nmetadata: {name: x}\nspec: {a: 1}\n";
    let (documents, diagnostics, sources) = parse(&one.repeat(3));
    assert_eq!(documents.len(), 3);
    assert!(
        documents
            .iter()
            .all(|document| document.entries().len() == 4)
    );
    assert_eq!(sources.slice(documents[1].span), one.trim_end());
    let said: Vec<&str> = diagnostics.iter().map(|found| &*found.message).collect();
    assert_eq!(said, ["a second document begins here"; 2]);
    // A header with a line twice is one document.
    let (documents, diagnostics, _) = parse("kind: A\nkind: A\nmetadata: {name: x}\n");
    assert_eq!(documents.len(), 1);
    assert_eq!(diagnostics[0].message, "`kind` is written twice");
}

#[test]
fn empty_documents_are_skipped() {
    let (documents, diagnostics, _) = parse("---\n# nothing\n---\na: 1\n---\n");
    assert_eq!((documents.len(), diagnostics.len()), (1, 0));
}

#[test]
fn what_the_language_leaves_out_is_named() {
    assert_eq!(codes("a: &x 1\nb: *x\n"), Vec::<&str>::new());
    assert_eq!(codes("a: 1\na: 2\n"), ["duplicate-key"]);
    let many: String = (0..40).map(|n| format!("k{n}: {n}\n")).collect();
    assert_eq!(codes(&many), [""; 0]);
    for again in ["k0: x\n", "k15: x\n", "k39: x\n"] {
        assert_eq!(
            codes(&format!("{many}{again}new: 1\n{again}")),
            ["duplicate-key"; 2]
        );
    }
    assert_eq!(codes("a: &x {b: 1}\nc:\n  <<: *x\n"), ["merge-key"]);
    assert_eq!(codes("a: !!str 1\n"), ["yaml-tag"]);
    assert_eq!(codes("? [a]\n: 1\n"), ["yaml-key"]);
    assert_eq!(codes("a: .nan\n"), ["yaml-number"]);
    assert_eq!(codes("a: \"\\u0007\"\n"), ["yaml-text"]);
    assert_eq!(codes("a:\n\tb: 1\n"), ["broken-yaml"]);
    assert_eq!(codes("a: &x [*x]\n"), ["yaml-limits"]);
}

#[test]
fn an_alias_bomb_and_deep_nesting_stop_early() {
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        let before = format!("*a{},", level - 1).repeat(9);
        bomb.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    assert_eq!(codes(&bomb), ["yaml-limits"]);
    assert_eq!(
        codes(&format!("a: {}{}", "[".repeat(100), "]".repeat(100))),
        ["yaml-limits"]
    );
    assert_eq!(
        codes(&format!("a: {}", "[".repeat(100_000))),
        ["yaml-limits"]
    );
}

#[test]
fn keys_that_are_numbers_keep_their_spelling() {
    let (documents, ..) = parse("829050012: true\n1e3: x\n");
    let keys: Vec<&str> = documents[0]
        .entries()
        .iter()
        .map(|entry| &*entry.key)
        .collect();
    assert_eq!(keys, ["829050012", "1e3"]);
}

#[test]
fn crlf_line_ends_are_read_like_others() {
    let (documents, diagnostics, sources) =
        parse("a: 1\r\nb: two\r\n---\r\nc: |-\r\n  x\r\n  y\r\n");
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    assert_eq!(sources.slice(documents[0].get("b").unwrap().span), "two");
    assert_eq!(documents[1].get("c").unwrap().as_text(), Some("x\ny"));
}

#[test]
fn what_does_not_fit_is_said_once_for_a_file() {
    let mut sources = SourceMap::default();
    let text = "---\na: 1\n".repeat(5 * Budget::SHARE);
    let file = sources.add("many.yaml", &*text);
    let mut diagnostics = Vec::new();
    let stream = read(&sources, file, &Budget::of(Budget::SHARE), &mut diagnostics);
    let said: Vec<&str> = diagnostics.iter().map(|found| &*found.message).collect();
    assert_eq!(said, ["the project holds too many values to read"]);
    let unread = stream.unread.last().expect("the rest was not read");
    assert_eq!(unread.end as usize, text.len());
}

#[test]
fn an_alias_that_has_no_value_is_told_why() {
    let message = |text: &str| {
        let (_, diagnostics, _) = parse(text);
        let messages = diagnostics.into_iter().map(|finding| finding.message);
        messages.collect::<Vec<_>>()
    };
    assert_eq!(
        message("a: &a [*a]\n"),
        ["an alias inside the value that it repeats"]
    );
    assert_eq!(
        message("a: &a b\n---\nc: *a\n"),
        ["an alias to an anchor of an earlier document"]
    );
}
