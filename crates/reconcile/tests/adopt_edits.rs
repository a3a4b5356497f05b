//! Edits of YAML change the value that is meant and no other byte.

#![expect(
    clippy::expect_used,
    reason = "a broken text of a test is a failed test"
)]

use deskstate_model::layout;
use deskstate_reconcile::adopt::Editor;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

fn edited(text: &str, key: &str, wanted: &Json) -> Result<String, &'static str> {
    let documents = layout(text).expect("YAML");
    let mut editor = Editor::new(text);
    let root = documents.first().expect("a document");
    match root.get(key) {
        Some(place) => editor.set(place, wanted).map_err(|refused| refused.why)?,
        None => editor
            .insert(root, key, wanted)
            .map_err(|refused| refused.why)?,
    }
    Ok(editor.finish())
}

fn check(text: &str, key: &str, wanted: Json, expected: &str) {
    assert_eq!(
        edited(text, key, &wanted).as_deref(),
        Ok(expected),
        "{key} of\n{text}"
    );
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
        Err("an alias stands for the same value elsewhere")
    );
    check("a: $${{ x }}\n", "a", json!("z"), "a: z\n");
    check(
        "a: [\"${{ vars.h }}\", x]\n",
        "a",
        json!(["${{ vars.h }}", "z"]),
        "a: [\"${{ vars.h }}\", z]\n",
    );
}

fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (0_i64..100).prop_map(Json::from),
        "[a-z{}#:' \"-]{0,6}".prop_map(Json::from),
        "[a-z]{1,3}\n[a-z]{1,3}".prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::btree_map("[a-e]", inner, 0..4)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

/// Writes a value in a mixture of styles.
fn write(value: &Json, indent: usize, choices: &mut dyn FnMut() -> bool, out: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Json::Object(entries) if !entries.is_empty() && choices() => {
            for (key, value) in entries {
                let comment = if choices() {
                    format!("{pad}# about {key}\n")
                } else {
                    String::new()
                };
                out.push_str(&format!("\n{comment}{pad}{key}:"));
                write(value, indent + 2, choices, out);
            }
        }
        Json::Array(items) if !items.is_empty() && choices() => {
            for item in items {
                out.push_str(&format!("\n{pad}-"));
                let simple = !matches!(item, Json::Array(_) | Json::Object(_));
                let item_text = deskstate_model::on_one_line(item, true);
                out.push_str(&format!(
                    " {item_text}{}",
                    if simple && choices() { " # item" } else { "" }
                ));
            }
        }
        other => {
            out.push_str(&format!(
                " {}{}",
                deskstate_model::on_one_line(other, true),
                if choices() { " # note" } else { "" }
            ));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn after_an_edit_exactly_that_value_differs(
        values in prop::collection::vec(value(), 3),
        wanted in value(),
        which in 0_usize..3,
        bits in prop::collection::vec(any::<bool>(), 40),
        crlf in any::<bool>(),
    ) {
        let mut at = 0;
        let mut choices = || { at += 1; bits[at % bits.len()] };
        let mut text = String::from("# a file\nfirst: 1");
        for (number, value) in values.iter().enumerate() {
            text.push_str(&format!("\nk{number}:"));
            write(value, 2, &mut choices, &mut text);
        }
        text.push_str("\nlast: 2 # end\n");
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        let before = layout(&text).map_err(|why| TestCaseError::fail(format!("{why} in\n{text}")))?[0].value();
        let key = format!("k{which}");
        let after = edited(&text, &key, &wanted).expect("no variable and no alias");
        let mut expected = before;
        expected[&key] = wanted;
        let read = layout(&after).map(|documents| documents[0].value());
        prop_assert_eq!(read.as_ref(), Ok(&expected), "from\n{}\nto\n{}", text, after);
        let comments = |text: &str, key: &str| text.lines().filter(|line| line.starts_with(key)).count();
        prop_assert_eq!(comments(&text, "# a file"), comments(&after, "# a file"));
        prop_assert_eq!(after.contains("\r\n"), crlf);
    }
}
