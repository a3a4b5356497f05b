//! The two sides of a difference. Different values always look different: types, quotes, blanks, and lookalike characters.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::inert::number;
use deskstate_reconcile::secret::masked;
use serde_json::Value as Json;
use similar::{ChangeTag, TextDiff};
use unicode_security::skeleton;
use unicode_width::UnicodeWidthStr;

use super::{harmless_json, plain, shown};

/// Longer texts, and texts with several lines, are shown as a diff.
const LONG_TEXT: usize = 60;
/// Number of characters of a long line that are shown before and after the changed part.
const AROUND: usize = 40;
/// Number of unchanged lines shown around a change.
const NEAR: usize = 3;

/// The suffix of a value that is masked on both sides.
const ANOTHER: &str = " (another value)";

/// Renders two values on one line each.
pub(crate) fn sides(before: &Json, after: &Json) -> (String, String) {
    let bare = (shown(before), shown(after));
    if before == after || !look_alike(&bare.0, &bare.1) {
        return around(bare);
    }
    let (old, new) = (masked(before), masked(after));
    if old == new {
        return (bare.0, bare.1 + ANOTHER);
    }
    match (&old, &new) {
        (Json::String(old), Json::String(new)) => apart(old, new),
        _ => {
            let typed = |value: &Json| match value {
                Json::Null => "(none)".to_owned(),
                other => plain(&other.to_string()),
            };
            let typed = (typed(&old), typed(&new));
            if look_alike(&typed.0, &typed.1) {
                apart(&old.to_string(), &new.to_string())
            } else {
                typed
            }
        }
    }
}

/// The members of a difference that look like another member, each in distinguishable form.
pub(crate) fn alike<'m>(members: impl IntoIterator<Item = &'m str>) -> BTreeMap<&'m str, String> {
    look_alikes(members.into_iter().collect())
        .into_iter()
        .map(|(member, other)| (member, apart(member, other).0))
        .collect()
}

/// Every text that looks like another one of these, together with that other one.
fn look_alikes(texts: BTreeSet<&str>) -> Vec<(&str, &str)> {
    if texts.len() < 2 {
        return Vec::new();
    }
    let mut by_look: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for text in texts {
        by_look.entry(look(&plain(text))).or_default().push(text);
    }
    let mut found = Vec::new();
    for group in by_look.values().filter(|group| group.len() > 1) {
        for (at, text) in group.iter().enumerate() {
            found.push((*text, group[usize::from(at == 0)]));
        }
    }
    found
}

/// The texts of one difference. Texts among them that look alike are made distinguishable.
#[derive(Debug, Default)]
pub(crate) struct Texts<'v>(BTreeSet<&'v str>);

impl<'v> Texts<'v> {
    /// Adds a text.
    pub(crate) fn text(&mut self, text: &'v str) {
        self.0.insert(text);
    }

    /// Adds every text and every name in a value.
    pub(crate) fn value(&mut self, value: &'v Json) {
        match value {
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
            Json::String(text) => self.text(text),
            Json::Array(items) => items.iter().for_each(|item| self.value(item)),
            Json::Object(members) => {
                for (name, value) in members {
                    self.text(name);
                    self.value(value);
                }
            }
        }
    }
}

/// Makes lookalike texts of a difference distinguishable in JSON: the characters that differ are written as `\u` escapes, which mean the
/// same.
pub(crate) fn told_apart_in_json<'v>(
    json: String,
    differences: impl IntoIterator<Item = Texts<'v>>,
) -> String {
    let alike = differences
        .into_iter()
        .flat_map(|texts| look_alikes(texts.0));
    let told: BTreeMap<&str, String> = alike
        .map(|(text, other)| (text, literal(text, other)))
        .collect();
    if told.is_empty() {
        return json;
    }
    let mut out = String::with_capacity(json.len());
    let mut rest = json.as_str();
    while let Some(start) = rest.find('"') {
        out.push_str(&rest[..start]);
        let (found, after) = rest[start..].split_at(end_of_literal(&rest[start..]));
        let text: Option<String> = serde_json::from_str(found).ok();
        let told = text.and_then(|text| told.get(text.as_str()));
        out.push_str(told.map_or(found, String::as_str));
        rest = after;
    }
    out + rest
}

/// The end of a JSON string that starts at its opening quote.
fn end_of_literal(json: &str) -> usize {
    let mut escaped = true;
    for (at, byte) in json.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    json.len()
}

/// A text as JSON, with the characters that differ from another text as their numbers.
fn literal(text: &str, other: &str) -> String {
    let (start, end) = common(text, other);
    let last = text.chars().count() - end;
    let mut out = String::from("\"");
    for (at, character) in text.chars().enumerate() {
        if (start..last).contains(&at) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            let quoted = Json::from(character.to_string()).to_string();
            out.push_str(&quoted[1..quoted.len() - 1]);
        }
    }
    harmless_json(&(out + "\""))
}

/// The added and removed members, if two lists of names differ in more than their order; `None` for other values.
pub(crate) fn members(before: &Json, after: &Json) -> Option<Vec<(ChangeTag, String)>> {
    let (before, after) = (masked(before), masked(after));
    let names = |value: &Json| -> Option<Vec<String>> {
        match value {
            Json::Null => Some(Vec::new()),
            Json::Array(items) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect(),
            _ => None,
        }
    };
    let (old, new) = (names(&before)?, names(&after)?);
    let is_set = |names: &[String]| names.iter().collect::<BTreeSet<_>>().len() == names.len();
    let kept = |names: &[String], others: &[String]| -> Vec<String> {
        let kept = names.iter().filter(|name| others.contains(name));
        kept.cloned().collect()
    };
    if !is_set(&old) || !is_set(&new) || kept(&old, &new) != kept(&new, &old) {
        return None;
    }
    let only = |names: Vec<String>, others: &[String], tag| {
        let only = names.into_iter().filter(|name| !others.contains(name));
        only.map(|name| (tag, name)).collect::<Vec<_>>()
    };
    let mut changed = only(new.clone(), &old, ChangeTag::Insert);
    changed.extend(only(old, &new, ChangeTag::Delete));
    (!changed.is_empty()).then_some(changed)
}

/// Whether a value is shown as lines.
pub(crate) fn is_long(value: &Json) -> bool {
    match value {
        Json::String(text) => text.width() > LONG_TEXT || text.contains('\n'),
        Json::Object(_) | Json::Array(_) => true,
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

/// The lines of two long values: a text line by line, a mapping by its paths. Equal lines far from any change are only counted.
pub(crate) fn diff(before: &Json, after: &Json) -> Vec<(ChangeTag, String)> {
    let (old, new) = (lines(before), lines(after));
    let diff = TextDiff::from_lines(&old, &new);
    let changed = diff.iter_all_changes();
    let changed = changed.filter(|change| change.tag() != ChangeTag::Equal);
    let told = alike(changed.map(|change| without_end(change.value())));
    let mut out = Vec::new();
    let mut seen = 0;
    for group in diff.grouped_ops(NEAR) {
        let start = group.first().map_or(seen, |op| op.old_range().start);
        skip(start - seen, &mut out);
        for op in &group {
            let mut gone = Vec::new();
            let mut come = Vec::new();
            for change in diff.iter_changes(op) {
                let line = without_end(change.value());
                match change.tag() {
                    ChangeTag::Equal => out.push((ChangeTag::Equal, plain(line))),
                    ChangeTag::Delete => gone.push(line),
                    ChangeTag::Insert => come.push(line),
                }
            }
            pair_up(&gone, &come, &told, &mut out);
            seen = op.old_range().end;
        }
    }
    if out.is_empty() {
        let (old, new) = sides(before, after);
        return vec![(ChangeTag::Delete, old), (ChangeTag::Insert, new)];
    }
    skip(old.lines().count().saturating_sub(seen), &mut out);
    out
}

fn skip(alike: usize, out: &mut Vec<(ChangeTag, String)>) {
    if alike > 0 {
        let plural = if alike == 1 { "" } else { "s" };
        out.push((
            ChangeTag::Equal,
            format!("… {alike} unchanged line{plural}"),
        ));
    }
}

/// Pairs removed lines with the lines that replace them. Lines that look like another line of the difference are shown as in `told`.
fn pair_up(
    gone: &[&str],
    come: &[&str],
    told: &BTreeMap<&str, String>,
    out: &mut Vec<(ChangeTag, String)>,
) {
    let shown = |line: &&str| told.get(line).cloned().unwrap_or_else(|| plain(line));
    let mut olds: Vec<String> = gone.iter().map(shown).collect();
    let mut news: Vec<String> = come.iter().map(shown).collect();
    let pairs = gone.iter().zip(come).zip(olds.iter_mut().zip(&mut news));
    for ((old, new), (shown_old, shown_new)) in pairs {
        if !told.contains_key(old) && !told.contains_key(new) {
            let both = (std::mem::take(shown_old), std::mem::take(shown_new));
            (*shown_old, *shown_new) = around(both);
        }
    }
    out.extend(olds.into_iter().map(|line| (ChangeTag::Delete, line)));
    out.extend(news.into_iter().map(|line| (ChangeTag::Insert, line)));
}

/// A line without its trailing line feed.
fn without_end(line: &str) -> &str {
    line.strip_suffix('\n').unwrap_or(line)
}

/// Two lines, cut to the differing part and some context if both are long.
fn around((old, new): (String, String)) -> (String, String) {
    if old.width().min(new.width()) <= 3 * AROUND {
        return (old, new);
    }
    let (start, end) = common(&old, &new);
    let cut = |text: &str| {
        let characters: Vec<char> = text.chars().collect();
        let from = start.saturating_sub(AROUND);
        let to = (characters.len() - end + AROUND).min(characters.len());
        let mut shown: String = characters[from..to].iter().collect();
        if from > 0 {
            shown.insert(0, '…');
        }
        if to < characters.len() {
            shown.push('…');
        }
        shown
    };
    (cut(&old), cut(&new))
}

/// Number of characters that two texts share at the start and at the end.
fn common(left: &str, right: &str) -> (usize, usize) {
    let start = left
        .chars()
        .zip(right.chars())
        .take_while(|(left, right)| left == right)
        .count();
    let most = left.chars().count().min(right.chars().count()) - start;
    let end = left
        .chars()
        .rev()
        .zip(right.chars().rev())
        .take(most)
        .take_while(|(left, right)| left == right)
        .count();
    (start, end)
}

/// Two texts that look alike, in quotes, with the differing characters as numbers.
fn apart(left: &str, right: &str) -> (String, String) {
    let (start, end) = common(left, right);
    let numbered = |text: &str| {
        let last = text.chars().count() - end;
        let shown: String = text
            .chars()
            .enumerate()
            .map(|(at, character)| {
                if (start..last).contains(&at) {
                    number(character)
                } else {
                    plain(&character.to_string())
                }
            })
            .collect();
        // An escaped character may complete a command that began before it.
        format!("\"{}\"", plain(&shown))
    };
    (numbered(left), numbered(right))
}

fn look_alike(left: &str, right: &str) -> bool {
    left == right || look(left) == look(right)
}

/// How a text looks to a quick reader on a page that joins blanks.
fn look(text: &str) -> String {
    let seen = skeleton(text).filter(|character| {
        !matches!(character, '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}')
    });
    let seen: String = seen.collect();
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The lines of a text, or the paths of a mapping.
fn lines(value: &Json) -> String {
    match masked(value) {
        Json::Null => String::new(),
        Json::String(text) => format!("{text}\n"),
        other => {
            let mut paths = Vec::new();
            collect_paths("", &other, &mut paths);
            paths.iter().map(|path| format!("{path}\n")).collect()
        }
    }
}

/// Collects one line for each leaf, such as `queues[0]: service`, so that an inner change shows its path.
fn collect_paths(prefix: &str, value: &Json, paths: &mut Vec<String>) {
    match value {
        Json::Object(members) if !members.is_empty() => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            for name in names {
                let step = step(name);
                let path = if prefix.is_empty() {
                    step
                } else {
                    format!("{prefix}.{step}")
                };
                collect_paths(&path, &members[name.as_str()], paths);
            }
        }
        Json::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                collect_paths(&format!("{prefix}[{index}]"), item, paths);
            }
        }
        leaf if prefix.is_empty() => paths.push(leaf.to_string()),
        leaf => paths.push(format!("{prefix}: {}", typed(leaf))),
    }
}

/// A name in a path, in quotes if it would otherwise be read as several.
fn step(name: &str) -> String {
    let simple = |character: char| character.is_alphanumeric() || "_-$@/".contains(character);
    if !name.is_empty() && name.chars().all(simple) {
        name.to_owned()
    } else {
        Json::from(name).to_string()
    }
}

/// A leaf. A text is in quotes if it would otherwise be read as another type.
fn typed(leaf: &Json) -> String {
    match leaf {
        Json::Null => "(none)".to_owned(),
        Json::String(text)
            if text.is_empty()
                || text == "(none)"
                || text.trim() != text
                || text.contains(['\n', '\r'])
                || serde_json::from_str::<Json>(text).is_ok() =>
        {
            leaf.to_string()
        }
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_looks_different() {
        let cases = [
            (json!("1"), json!(1), "\"1\"", "1"),
            (json!(true), json!("true"), "true", "\"true\""),
            (json!(null), json!("(none)"), "(none)", "\"(none)\""),
            (json!("a"), json!("a "), "\"a\"", "\"a\\u{20}\""),
            (
                json!("a b"),
                json!("a\u{a0}b"),
                "\"a\\u{20}b\"",
                "\"a\\u{a0}b\"",
            ),
            (
                json!("\u{e9}"),
                json!("e\u{301}"),
                "\"\\u{e9}\"",
                "\"\\u{65}\\u{301}\"",
            ),
            (
                json!("test"),
                json!("t\u{435}st"),
                "\"t\\u{65}st\"",
                "\"t\\u{435}st\"",
            ),
            (
                json!("\u{1b}"),
                json!("\\u{1b}"),
                "\"\\u{1b}\"",
                "\"\\u{5c}\\u{75}\\u{7b}\\u{31}\\u{62}\\u{7d}\"",
            ),
            (json!("old"), json!("new"), "old", "new"),
        ];
        for (before, after, old, new) in cases {
            assert_eq!(sides(&before, &after), (old.to_owned(), new.to_owned()));
        }
        let (old, new) = sides(&json!("password=abc"), &json!("password=def"));
        assert_eq!(format!("{old}{ANOTHER}"), new);
    }

    #[test]
    fn a_mapping_that_differs_has_a_line_that_differs() {
        let shown = |before: Json, after: Json| -> Vec<String> {
            let lines = diff(&before, &after).into_iter();
            lines.map(|(tag, line)| format!("{tag}{line}")).collect()
        };
        assert_eq!(
            shown(json!({"a": "1"}), json!({"a": 1})),
            ["-a: \"1\"", "+a: 1"]
        );
        assert_eq!(
            shown(json!({"a.b": 2}), json!({"a": {"b": 2}})),
            ["-\"a.b\": 2", "+a.b: 2"]
        );
        assert_eq!(shown(json!({}), json!("{}")), ["-{}", "+\"{}\""]);
        assert_eq!(
            shown(
                json!({"password": "a", "b": 1}),
                json!({"password": "c", "b": 1})
            )
            .len(),
            2
        );
    }

    #[test]
    fn lines_that_look_alike_are_told_apart_wherever_they_are() {
        let lines = diff(&json!("\n\nl"), &json!("\r\n\nI"));
        let all: Vec<&str> = lines.iter().map(|(_, line)| line.as_str()).collect();
        assert!(all.contains(&"\"\\u{6c}\""), "{all:?}");
        assert!(all.contains(&"\"\\u{49}\""), "{all:?}");
    }

    #[test]
    fn of_long_texts_the_change_is_shown_and_the_rest_is_counted() {
        let words = |word: &str| json!(format!("{}{word}{}", "x ".repeat(700), " y".repeat(700)));
        let lines = diff(&words("old"), &words("new"));
        assert!(lines.iter().all(|(_, line)| line.len() < 120), "{lines:?}");
        assert!(lines[0].1.contains("old") && lines[1].1.contains("new"));
        let many = |line: &str| json!(format!("{}{line}\n{}", "a\n".repeat(50), "b\n".repeat(50)));
        let lines = diff(&many("old"), &many("new"));
        assert_eq!(lines.len(), 2 + 2 * NEAR + 2, "{lines:?}");
        assert_eq!(lines[0].1, "… 47 unchanged lines");
    }

    #[test]
    fn members_that_look_alike_are_told_apart() {
        let told = alike(["ada@contoso.com", "\u{430}da@contoso.com", "kim"]);
        assert_eq!(told["\u{430}da@contoso.com"], "\"\\u{430}da@contoso.com\"");
        assert_eq!(told.len(), 2);
    }

    #[test]
    fn lists_of_names_show_the_members_that_come_and_go() {
        let shown = |before: Json, after: Json| -> Option<Vec<String>> {
            let members = members(&before, &after)?.into_iter();
            Some(members.map(|(tag, name)| format!("{tag}{name}")).collect())
        };
        assert_eq!(
            shown(json!(["a", "b"]), json!(["b", "c"])).unwrap(),
            ["+c", "-a"]
        );
        assert_eq!(shown(json!(null), json!(["a"])).unwrap(), ["+a"]);
        for (before, after) in [
            (json!(["a", "b"]), json!(["b", "a"])),
            (json!(["a"]), json!(["a", "a"])),
            (json!([1]), json!(["1"])),
            (json!(null), json!([])),
            (json!("a"), json!(["a"])),
        ] {
            assert_eq!(shown(before, after), None);
        }
    }

    fn texts() -> impl Strategy<Value = (String, String)> {
        let piece = prop::sample::select(
            &[
                ("e", "\u{435}"),
                ("\u{e9}", "e\u{301}"),
                (" ", "\u{a0}"),
                (" ", "  "),
                ("", " "),
                ("", "\u{200b}"),
                ("", "\u{200d}"),
                ("l", "I"),
                ("O", "0"),
                ("rn", "m"),
                ("\n", "\r\n"),
                ("\u{1b}", "\\u{1b}"),
                ("\n", "⏎"),
                ("\"", "”"),
                ("-", "‐"),
                ("1", "\"1\""),
                ("", "\n"),
                ("a", "b"),
                ("\u{202e}", ""),
                ("##[", "\\u{23}#["),
                ("漢", "漢"),
                ("x", "x"),
                ("…", "..."),
            ][..],
        );
        prop::collection::vec((piece, any::<bool>()), 1..5).prop_map(|pieces| {
            let side = |flip: bool| -> String {
                let pick = |((left, right), choice): &((&str, &str), bool)| {
                    if flip && *choice {
                        (*right).to_owned()
                    } else {
                        (*left).to_owned()
                    }
                };
                pieces.iter().map(pick).collect()
            };
            (side(false), side(true))
        })
    }

    fn value(text: String, form: u8) -> Json {
        match form % 6 {
            0 => Json::from(text),
            1 => serde_json::from_str(&text).unwrap_or(Json::Null),
            2 => json!({"a": text}),
            3 => json!([text]),
            4 => json!({text: 1}),
            _ => Json::from(format!("{}{text}", "long ".repeat(20))),
        }
    }

    /// The JSON of a difference, line by line.
    fn json_lines(before: &Json, after: &Json) -> Vec<String> {
        let mut texts = Texts::default();
        texts.value(before);
        texts.value(after);
        let text = harmless_json(&format!("{}\n{}", before, after));
        let told = told_apart_in_json(text, [texts]);
        told.lines().map(str::to_owned).collect()
    }

    #[test]
    fn json_gives_the_code_points_of_texts_that_look_alike() {
        let lines = json_lines(&json!("test"), &json!("t\u{435}st"));
        assert_eq!(lines, ["\"t\\u0065st\"", "\"t\\u0435st\""]);
        let lines = json_lines(&json!({"a\"b": "\u{e9}"}), &json!({"a\"b": "e\u{301}"}));
        assert_eq!(
            lines,
            [
                "{\"a\\\"b\":\"\\u00e9\"}",
                "{\"a\\\"b\":\"\\u0065\\u0301\"}"
            ]
        );
        let lines = json_lines(&json!("old"), &json!(["new \u{e9}"]));
        assert_eq!(lines, ["\"old\"", "[\"new \u{e9}\"]"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn any_two_values_that_differ_look_different((left, right) in texts(), forms in any::<(u8, u8)>()) {
            let same_form = value(right.clone(), forms.0);
            for (before, after) in [
                (value(left.clone(), forms.0), same_form),
                (value(left, forms.0), value(right, forms.1)),
            ] {
                if before == after {
                    continue;
                }
                let written = json_lines(&before, &after);
                prop_assert!(!look_alike(&written[0], &written[1]), "{written:?}");
                for (line, value) in written.iter().zip([&before, &after]) {
                    let read: Json = serde_json::from_str(line).unwrap();
                    prop_assert_eq!(&read, value);
                }
                let (old, new) = sides(&before, &after);
                prop_assert!(!look_alike(&old, &new), "{old} {new}");
                let lines = diff(&before, &after);
                let side = |wanted: ChangeTag| -> Vec<&String> {
                    lines.iter().filter(|(tag, _)| *tag == wanted).map(|(_, line)| line).collect()
                };
                let (gone, come) = (side(ChangeTag::Delete), side(ChangeTag::Insert));
                prop_assert!(!gone.is_empty() || !come.is_empty(), "{before} {after}");
                // The same line may be removed in one place and added in another.
                for (old, new) in gone.iter().zip(&come) {
                    prop_assert!(old == new || !look_alike(old, new), "{old} {new}");
                }
                let whole = |not: ChangeTag| -> Vec<String> {
                    lines.iter().filter(|(tag, _)| *tag != not).map(|(_, line)| look(line)).collect()
                };
                prop_assert!(whole(ChangeTag::Insert) != whole(ChangeTag::Delete), "{lines:?}");
            }
        }
    }
}
