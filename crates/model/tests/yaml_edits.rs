//! YAML edits change the intended value and no other byte.

#![expect(
    clippy::expect_used,
    reason = "a broken text of a test is a failed test"
)]

use std::time::{Duration, Instant};

use deskstate_model::YamlEdits;
use serde_json::{Map, Value as Json, json};

fn edited(text: &str, key: &str, wanted: &Json) -> Result<String, &'static str> {
    let mut edits = YamlEdits::new(text).expect("YAML");
    edits
        .set(0, &[key], wanted)
        .map_err(|refused| refused.why)?;
    Ok(edits.finish().expect("exactly the value is changed"))
}

fn check(text: &str, key: &str, wanted: Json, expected: &str) {
    assert_eq!(
        edited(text, key, &wanted).as_deref(),
        Ok(expected),
        "{key} of\n{text}"
    );
}

/// The comment can contain the signs of a header.
#[test]
fn the_comment_behind_the_header_of_a_block_stays() {
    for comment in ["why", "keep a > b", "a | b |-"] {
        let text = |sign: &str, lines: &str| format!("a: {sign} # {comment}\n{lines}b: 1\n");
        let before = text("|-", "  one\n  two\n");
        check(
            &before,
            "a",
            json!("new\nline"),
            &text("|-", "  new\n  line\n"),
        );
        check(&before, "a", json!("single"), &text("single", ""));
        let folded = format!("\"x | y\": >- # {comment}\n  one\n  two\nb: 1\n");
        let expected = format!("\"x | y\": single # {comment}\nb: 1\n");
        check(&folded, "x | y", json!("single"), &expected);
    }
}

#[test]
fn scalars_keep_their_quotes_and_what_stands_beside_them() {
    check(
        "a: one # why\nb: 2\n",
        "a",
        json!("two"),
        "a: two # why\nb: 2\n",
    );
    check("a: 'one' # why\n", "a", json!("it's"), "a: 'it''s' # why\n");
    check(
        "a: \"one\"\n",
        "a",
        json!("say \"x\""),
        "a: \"say \\\"x\\\"\"\n",
    );
    check("a: one\n", "a", json!("{customer}"), "a: \"{customer}\"\n");
    check("a: one\n", "a", Json::Null, "a: null\n");
    check("a:\nb: 1\n", "a", json!("x"), "a: x\nb: 1\n");
    check(
        "a: &name one # why\nb: 1\n",
        "a",
        json!("two"),
        "a: &name two # why\nb: 1\n",
    );
    check(
        "x: &n one\na: *n # alias\n",
        "a",
        json!("two"),
        "x: &n one\na: two # alias\n",
    );
    check(
        "größe: ä # ü\na: 1\n",
        "größe",
        json!("ö"),
        "größe: ö # ü\na: 1\n",
    );
}

#[test]
fn block_scalars_stay_blocks_while_they_have_lines() {
    check(
        "a: |-\n  l1\n  l2\nb: 1\n",
        "a",
        json!("n1\nn2\nn3"),
        "a: |-\n  n1\n  n2\n  n3\nb: 1\n",
    );
    check(
        "a: >-\n  l1\n  l2\nb: 1\n",
        "a",
        json!("one"),
        "a: one\nb: 1\n",
    );
}

#[test]
fn lists_lose_and_gain_items_and_keep_the_others_with_their_comments() {
    let text = "a:\n  - x # first\n  # about y\n  - y\n  - z\nb: 1\n";
    check(
        text,
        "a",
        json!(["x", "z"]),
        "a:\n  - x # first\n  # about y\n  - z\nb: 1\n",
    );
    check(
        text,
        "a",
        json!(["x", "y", "z", "w"]),
        "a:\n  - x # first\n  # about y\n  - y\n  - z\n  - w\nb: 1\n",
    );
    check(
        text,
        "a",
        json!(["w", "x", "y", "z"]),
        "a:\n  - w\n  - x # first\n  # about y\n  - y\n  - z\nb: 1\n",
    );
    check(text, "a", json!([]), "a: []\nb: 1\n");
    check(
        "a: # note\n- x\n- y\nb: 1\n",
        "a",
        json!([]),
        "a: [] # note\nb: 1\n",
    );
    check(
        "a: [x, y, z] # why\n",
        "a",
        json!(["x", "z"]),
        "a: [x, z] # why\n",
    );
    check("a: [x, y, z]\n", "a", json!(["x"]), "a: [x]\n");
    check("a: [x, y, z]\n", "a", json!(["z"]), "a: [z]\n");
    check("a: [x, y, z]\n", "a", json!(["y", "w"]), "a: [y, w]\n");
    check(
        "a: [\n  x,\n  y,  # second\n]\n",
        "a",
        json!(["x", "y", "w"]),
        "a: [\n  x,\n  y, w,  # second\n]\n",
    );
    check("a: []\n", "a", json!(["x"]), "a: [x]\n");
}

#[test]
fn mappings_change_key_by_key() {
    let text = "a:\n  k: 1 # one\n  l: 2\nb: 1\n";
    check(
        text,
        "a",
        json!({"k": 1, "l": 3}),
        "a:\n  k: 1 # one\n  l: 3\nb: 1\n",
    );
    check(text, "a", json!({"l": 2}), "a:\n  l: 2\nb: 1\n");
    check(
        text,
        "a",
        json!({"k": 1, "l": 2, "m": [1]}),
        "a:\n  k: 1 # one\n  l: 2\n  m: [1]\nb: 1\n",
    );
    check(
        "a: {k: 1, l: 2}\n",
        "a",
        json!({"l": 2, "m": 3}),
        "a: {l: 2, m: 3}\n",
    );
    check("a: {k: 1, l: 2}\n", "a", json!({"k": 1}), "a: {k: 1}\n");
    check("a:\n  k: 1", "b", json!("x"), "a:\n  k: 1\nb: x");
}

#[test]
fn items_that_are_mappings_change_in_place() {
    let text = "a:\n  - name: x # first\n    v: 1\n    w: 2\n  - {name: y, v: 2}\n";
    check(
        text,
        "a",
        json!([{"name": "x", "v": 3, "w": 2}, {"name": "y", "v": 2, "w": null}]),
        "a:\n  - name: x # first\n    v: 3\n    w: 2\n  - {name: y, v: 2, w: null}\n",
    );
    check(
        text,
        "a",
        json!([{"name": "y", "v": 2}]),
        "a:\n  - {name: y, v: 2}\n",
    );
}

#[test]
fn crlf_files_stay_crlf_files() {
    check(
        "a: one\r\nb:\r\n  - x\r\n  - y\r\n",
        "a",
        json!("two"),
        "a: two\r\nb:\r\n  - x\r\n  - y\r\n",
    );
    check(
        "a: one\r\nb:\r\n  - x\r\n",
        "b",
        json!(["x", "z"]),
        "a: one\r\nb:\r\n  - x\r\n  - z\r\n",
    );
    check(
        "a: one # c\r\n",
        "b",
        json!({"k": [1]}),
        "a: one # c\r\nb:\r\n  k: [1]\r\n",
    );
}

#[test]
fn variables_and_shared_values_are_refused() {
    assert_eq!(
        edited("a: https://${{ vars.h }}/x\n", "a", &json!("y")),
        Err("the value comes from a variable")
    );
    assert_eq!(
        edited("a: [\"${{ vars.h }}\", x]\n", "a", &json!(["x"])),
        Err("the value comes from a variable")
    );
    assert_eq!(
        edited("a: &n one\nb: *n\n", "a", &json!("y")),
        Err("an alias repeats the same value elsewhere")
    );
    check("a: $${{ x }}\n", "a", json!("z"), "a: z\n");
    check(
        "a: [\"${{ vars.h }}\", x]\n",
        "a",
        json!(["${{ vars.h }}", "z"]),
        "a: [\"${{ vars.h }}\", z]\n",
    );
}

#[test]
fn what_looks_like_yaml_within_a_value_or_beside_it_leads_nobody_astray() {
    // The parser reports the end of a list in brackets after the comment that follows it.
    check(
        "a: [null]  # why\nb: 1\n",
        "a",
        json!([]),
        "a: []  # why\nb: 1\n",
    );
    // A dash in the header of a block is not a list item, and neither is one in a comment.
    check(
        "a:\n  - x\n  - |-\n    y\nb: 1\n",
        "a",
        json!(["x"]),
        "a:\n  - x\nb: 1\n",
    );
    check(
        "a:\n  - # one - two\n    x\n  - y\n",
        "a",
        json!(["y"]),
        "a:\n  - y\n",
    );
    // A list indented like its key whose first item begins with a bracket spans its own lines.
    check(
        "a:\n- [x] # one\n- y\nb: 1\n",
        "a",
        json!([["x"]]),
        "a:\n- [x] # one\nb: 1\n",
    );
    // A block with an anchor, and a block whose text looks like an anchor.
    check(
        "b: |-\n  z\na: &n |-\n  x\n  y\nc: 1\n",
        "a",
        json!("z"),
        "b: |-\n  z\na: &n z\nc: 1\n",
    );
    check(
        "a: |-\n  & x\n# c\nb: 1\n",
        "a",
        json!("z"),
        "a: z\n# c\nb: 1\n",
    );
    // A new block does not absorb a comment.
    check(
        "a:\n  k:\n    - 1\n    # deep\nb: 1\n",
        "a",
        json!({"k": [1], "l": "x\ny"}),
        "a:\n  k:\n    - 1\n    # deep\n  l: |-\n    x\n    y\nb: 1\n",
    );
    check(
        "a:\n\n  # c\n  - x\nb: 1\n",
        "a",
        json!("z"),
        "a: z\n\n  # c\nb: 1\n",
    );
}

#[test]
fn what_is_not_inert_is_written_with_escapes_whatever_the_quotes_were() {
    let cases = [
        ("a: 'one'\n", "x\u{202e}y", "a: \"x\\u202Ey\"\n"),
        ("a: \"one\"\n", "##vso[x]", "a: \"\\u0023#vso[x]\"\n"),
        ("a: one\n", "\u{e0001}", "a: \"\\U000E0001\"\n"),
        ("a: |-\n  one\n  two\n", "b\n::x::y", "a: \"b\\n::x::y\"\n"),
        ("a:\n  - '1'\n", "##[x]", "a: \"\\u0023#[x]\"\n"),
    ];
    for (text, wanted, expected) in cases {
        check(text, "a", json!(wanted), expected);
    }
}

#[test]
fn ten_thousand_items_or_entries_take_no_longer_than_reading_them() {
    let user = |number: usize| format!("u{number}@contoso.com");
    let written = |numbers: &[usize]| -> String {
        let lines = numbers
            .iter()
            .map(|number| format!("  - {}\n", user(*number)));
        lines.collect()
    };
    let before: Vec<usize> = (0..10_000).collect();
    let after: Vec<usize> = (1..10_001).filter(|number| number % 3 != 0).collect();
    let wanted = after.iter().map(|number| user(*number)).collect();
    let started = Instant::now();
    check(
        &format!("a: # all\n{}b: 1\n", written(&before)),
        "a",
        wanted,
        &format!("a: # all\n{}b: 1\n", written(&after)),
    );
    let entries: String = before
        .iter()
        .map(|number| format!("  k{number}: 1\n"))
        .collect();
    let wanted: Map<String, Json> = after
        .iter()
        .map(|number| (format!("k{number}"), json!(2)))
        .collect();
    let text = edited(&format!("a:\n{entries}b: 1\n"), "a", &Json::Object(wanted));
    assert_eq!(text.expect("edited").lines().count(), after.len() + 2);
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_value_is_told_as_yaml_means_it_and_broken_text_is_refused() {
    let text = "a: &x 'one' # ä\nb: *x\nlist:\n- 1\n- {k: \"v\"}\nempty:\nblock: |-\n  l1\n  l2\n---\nsecond\n";
    let edits = YamlEdits::new(text).expect("YAML");
    assert_eq!(
        edits.get(0, &[]),
        Some(
            json!({"a": "one", "b": "one", "list": [1, {"k": "v"}], "empty": null, "block": "l1\nl2"})
        )
    );
    assert_eq!(edits.get(0, &["b"]), Some(json!("one")));
    assert_eq!(edits.get(0, &["b", "c"]), None);
    assert_eq!(edits.get(2, &[]), None);
    assert_eq!(edits.document_at(text.len() - 3), Some(1));
    assert!(YamlEdits::new("a: [1").is_err());
}

#[test]
fn keys_that_are_missing_come_with_everything_below_them() {
    let mut edits = YamlEdits::new("a: 1 # one\n").expect("YAML");
    let done = edits.set(0, &["b", "c", "d"], &json!([1]));
    assert_eq!(done, Ok(()));
    assert_eq!(
        edits.finish().as_deref(),
        Some("a: 1 # one\nb:\n  c:\n    d: [1]\n")
    );
}

/// A comment behind a comma is about the value before it.
#[test]
fn what_is_removed_from_brackets_takes_no_comment_of_another_item_along() {
    let lines = |lines: &[&str]| format!("a: [\n{}]\nb: 1\n", lines.concat());
    let both = lines(&["  x, # why x\n", "  y  # why y\n"]);
    check(&both, "a", json!(["x"]), &lines(&["  x # why x\n"]));
    check(&both, "a", json!(["y"]), &lines(&["  y  # why y\n"]));
    let apart = lines(&[
        "  x,\n",
        "  # about y\n",
        "  y,\n",
        "  # about z\n",
        "  z,\n",
    ]);
    check(
        &apart,
        "a",
        json!(["y", "z"]),
        &lines(&["  # about y\n", "  y,\n", "  # about z\n", "  z,\n"]),
    );
    check(
        &apart,
        "a",
        json!(["x", "z"]),
        &lines(&["  x,\n", "  # about y\n", "  # about z\n", "  z,\n"]),
    );
    check(
        &apart,
        "a",
        json!(["x"]),
        &lines(&["  x,\n", "  # about y\n", "  # about z\n"]),
    );
    let map = "a: {\n  k: 1, # one\n  # two\n  l: 2,  # also two\n  m: 3 # three\n}\n";
    check(
        map,
        "a",
        json!({"k": 1}),
        "a: {\n  k: 1 # one\n  # two\n}\n",
    );
    check(
        map,
        "a",
        json!({"l": 2, "m": 3}),
        "a: {\n  # two\n  l: 2,  # also two\n  m: 3 # three\n}\n",
    );
    check(
        "a: [x, # why x\n  y]\n",
        "a",
        json!(["x"]),
        "a: [x # why x\n  ]\n",
    );
    check("a: [x, y, z]\n", "a", json!(["x"]), "a: [x]\n");
    check("a: [x, y, z]\n", "a", json!(["x", "z"]), "a: [x, z]\n");
}
