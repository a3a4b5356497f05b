//! Each mistake is named where it is, with the right advice.

use crate::span::SourceMap;
use crate::yaml::Budget;

/// The first finding as `line:column message; help`.
fn found(text: &str) -> String {
    let mut sources = SourceMap::default();
    let file = sources.add("a.yaml", text);
    let mut diagnostics = Vec::new();
    super::super::read(&sources, file, &Budget::default(), &mut diagnostics);
    let Some(first) = diagnostics.first() else {
        return "nothing".to_owned();
    };
    let at = first.primary.as_ref().map_or(0, |label| label.span.start) as usize;
    let line = text[..at].matches('\n').count() + 1;
    let column = text[..at]
        .chars()
        .rev()
        .take_while(|sign| *sign != '\n')
        .count()
        + 1;
    format!(
        "{line}:{column} {}; {}",
        first.message,
        first.help.as_deref().unwrap_or("-")
    )
}

#[test]
fn everyday_mistakes() {
    let texts = [
        "spec:\n  ids: [a, b\n  x: {a: b}\n",
        "spec:\n  list:\n    - contoso_x\n    -contoso_y\n  o: [a]\n",
        "spec:\n  list:\n    - contoso_x\n    -contoso_y: 1\n  o: [a]\n",
        "spec:\n  list:\n    - contoso_x\n    contoso_y\n  o: [a]\n",
        "spec:\n  owns [x]\n  o: [a]\n",
        "spec:\n  o: [a]\n  owns\n  p: [a]\n",
        "spec:\n  o: [a]\n  owns\n",
        "spec:\n  canClose:true\n  o: [a]\n",
        "spec:\n  message: {FullName{Customer}}\n  language: 1033\n",
        "spec:\n  message: Hi, {FullName{Customer}}\n  o: {a {b}}\n",
        "spec:\n  o: [a]\n  canClose:true\n  # a note: x\n  title: [b]\n",
        "spec:\n  o: \"abc\n  p: [a]\n",
        "spec:\n  o: \"abc\n  p: [a]\n  q: \"x\"\n",
        "o: 'abc\np: 'x'\n",
        "spec:\n  o: 'it's so'\n",
        "spec:\n  o: \"a\" b\n",
        "spec:\n  o: a\n p: [a]\n",
        "spec:\n  o: a\n    p: [a]\n",
        "spec:\n  o: a: [b]\n",
        "spec:\n  o: {anchor.title} opened\n",
        "spec:\n  o: [a] b\n",
        "spec:\n  - {anchor.title} opened\n",
        "spec:\n  o: [a, b\n---\na: 1\n",
        "spec:\n  o: [\"a\" \"b\"]\n",
        "spec:\n  o: [a: b, {c]\n",
        "spec:\n  o: [${{ vars.x }}]\n",
        "spec:\n  o: a\n  p: }\n",
        "spec:\n\to: a\n",
        "spec:\n  p:\n \to: a\n",
        "spec:\n  o: @a\n",
        "spec:\n  o: %a\n",
        "spec:\n  o: `a\n",
        "spec:\n  o: *a\n",
        "spec:\n  o: !\n    a\n  p: !a<\n",
        "spec:\n  o: \"a\\q\"\n",
        "spec:\n  o: - a\n",
        "spec:\n  o: |a\n    b\n",
        "spec:\n  o: a # b\n    c\n",
        "spec:\n  o: [a, , b]\n",
        "spec:\n  o:\n    - a\n   - b\n",
        "spec:\n  o: a\n  - b\n",
        "  a: 1\nb: 2\n",
        "a: 1\r\nb 2\r\nc: 3\r\n",
    ];
    let all: Vec<String> = texts
        .iter()
        .map(|text| format!("{text:?}\n    {}", found(text)))
        .collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn blanks_of_web_pages_are_named_where_they_are() {
    for (text, place) in [
        (
            "spec:\n  o: a\n\u{a0} canClose: true\n  title: [b]\n",
            "3:1",
        ),
        (
            "spec:\n  o: a\n \u{a0}canClose: true\n  title: [b]\n",
            "3:2",
        ),
        (
            "spec:\n  o: a\n  canClose:\u{a0}true\n  title: [b]\n",
            "3:12",
        ),
        (
            "spec:\n  o: a\n  canClose:\u{a0}true\n\n  # note\n  title: [b]\n",
            "3:12",
        ),
        ("spec:\n  canClose:\u{a0}true\n", "2:12"),
        ("spec:\n  canClose\u{a0}: true\n", "2:11"),
        ("spec:\n  \u{a0}canClose: true\n", "2:3"),
        ("spec:\n  o:\n    -\u{a0}a\n    - b\n", "3:6"),
        ("spec:\n  o:\n    - \u{a0}a\n    - b\n", "3:7"),
        ("spec:\n  o: \u{a0}a\n", "2:6"),
    ] {
        let said = found(text);
        let wanted = format!(
            "{place} a non-breaking space is used, which YAML does not read as a space; it is often copied from a web page or a chat: replace it with a space, or remove it"
        );
        assert_eq!(said, wanted, "{text:?}");
    }
    assert!(found("a: [\n\u{3000}b: {\n").contains("U+3000"));
    for text in [
        "o: \"\u{a0}a\"\n",
        "o: a\u{a0}b\n",
        "o: 9:\u{a0}a b\n",
        "o: |\n  \u{a0}a\n",
        "#\u{a0}a\n",
    ] {
        assert_eq!(found(text), "nothing", "{text:?}");
    }
}

/// Every text of the parser in version 0.3.4.
#[test]
fn no_message_of_the_parser_reaches_people() {
    for said in [
        "found unprintable character",
        "a byte order mark must not appear inside a document",
        "invalid content after document end marker",
        "invalid indentation",
        "tabs disallowed within this context (block indentation)",
        "comment intercepting the multiline text",
        "expected whitespace",
        "while scanning a directive, did not find expected comment or line break",
        "while scanning a YAML directive, did not find expected digit or '.' character",
        "while scanning a directive, could not find expected directive name",
        "while scanning a directive, found unexpected non-alphabetical character",
        "while scanning a YAML directive, found extremely long version number",
        "while scanning a YAML directive, did not find expected version number",
        "while scanning TAG, did not find expected whitespace or line break",
        "while scanning a tag, did not find expected whitespace or line break",
        "while scanning a tag, did not find expected '!'",
        "while parsing a tag directive, did not find expected '!'",
        "invalid global tag character",
        "while scanning a verbatim tag, did not find the expected '>'",
        "while parsing a tag, did not find expected tag URI",
        "while parsing a tag, found an invalid escape sequence",
        "while scanning an anchor or alias, did not find expected alphabetic or numeric character",
        "misplaced bracket",
        "block sequence entries are not allowed in this context",
        "invalid indentation for anchor",
        "while scanning a block scalar, found an indentation indicator equal to 0",
        "while scanning a block scalar, did not find expected comment or line break",
        "a block scalar content cannot start with a tab",
        "wrongly indented line in block scalar",
        "while scanning a quoted scalar, found unexpected document indicator",
        "while scanning a quoted scalar, found unexpected end of stream",
        "invalid indentation in quoted scalar",
        "tab cannot be used as indentation",
        "while parsing a quoted scalar, found unknown escape character",
        "while parsing a quoted scalar, did not find expected hexadecimal number",
        "while parsing a quoted scalar, found invalid Unicode character escape code",
        "invalid indentation in flow construct",
        "plain scalar cannot start with '-' followed by ,[]{}",
        "while scanning a plain scalar, found a tab",
        "unexpected end of plain scalar",
        "mapping keys are not allowed in this context",
        "tabs disallowed in this context",
        "':' must be followed by a valid YAML whitespace",
        "unexpected eof",
        "did not find expected <document-start>",
        "duplicate version directive",
        "the TAG directive must only be given at most once per handle in the same document",
        "did not find expected <document start>",
        "missing explicit document end marker before directive",
        "while parsing node, found unknown anchor",
        "while parsing a node, did not find expected node content",
        "the handle wasn't declared",
    ] {
        assert!(!super::words(said).message.contains(said), "{said}");
    }
    let unknown = super::words("something new");
    assert_eq!(unknown.message, "the YAML cannot be read: something new");
}

#[test]
fn lines_of_other_programs() {
    let texts = [
        "<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> theirs\n",
        "a:\n  b: 1\n<<<<<<< HEAD\n  c: 1\n=======\n  c: 2\n>>>>>>> theirs\n",
        "```yaml\na: 1\n```\n",
        "{{- if .Values.x }}\na: 1\n{{- end }}\n",
        "{% for x in y %}\na: 1\n{% endfor %}\n",
        "a: 1\n—--\nb: 1\n",
        "a: 1\n–\nb: 1\n",
        "a:\n  • one\n  • two\n",
        "a:\n  – one\n",
        "a: 1\nb： 2\n",
    ];
    let said: Vec<String> = texts.iter().map(|text| found(text)).collect();
    insta::assert_snapshot!(said.join("\n"));
}
