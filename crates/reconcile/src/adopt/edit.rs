//! Edits of YAML text that change a value and leave every other byte as it is.

use deskstate_model::{Content, Place, Style, dash_before, entry_lines, item_lines, on_one_line};
use serde_json::{Map, Value as Json};

/// A range of bytes and what stands there afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Edit {
    start: usize,
    end: usize,
    text: String,
}

/// Why a value is not changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Where it stands.
    pub at: usize,
    /// Why, in words.
    pub why: &'static str,
}

/// Changes of one file, collected against its text as it is.
#[derive(Debug)]
pub struct Editor<'a> {
    text: &'a str,
    line_break: &'static str,
    edits: Vec<Edit>,
}

impl<'a> Editor<'a> {
    /// Edits a text.
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            line_break: if text.contains("\r\n") { "\r\n" } else { "\n" },
            edits: Vec::new(),
        }
    }

    /// The text with every edit made.
    pub fn finish(mut self) -> String {
        self.edits.sort_by_key(|edit| (edit.start, edit.end));
        let mut out = String::with_capacity(self.text.len());
        let mut at = 0;
        for edit in &self.edits {
            // Ranges never cross: an edit of a value is not made beside one of something inside it.
            out.push_str(self.text.get(at..edit.start.max(at)).unwrap_or_default());
            out.push_str(&edit.text);
            at = edit.end.max(at);
        }
        out.push_str(self.text.get(at..).unwrap_or_default());
        out
    }

    /// Makes a value another one, with as few changes as there are differences.
    ///
    /// # Errors
    /// If something that changes holds a variable or is shared by an alias. Nothing is changed then.
    pub fn set(&mut self, place: &Place, wanted: &Json) -> Result<(), Refused> {
        let before = self.edits.len();
        let result = self.change(place, wanted, place.in_brackets);
        if result.is_err() {
            self.edits.truncate(before);
        }
        result
    }

    /// Puts a new entry behind the last of a mapping.
    ///
    /// # Errors
    /// If the mapping is an alias or is shared by one.
    pub fn insert(&mut self, mapping: &Place, key: &str, value: &Json) -> Result<(), Refused> {
        if matches!(mapping.style, Style::Alias) || mapping.shared {
            return Err(shared(mapping));
        }
        let last = match &mapping.content {
            Content::Map(entries) => entries.last(),
            Content::List(_) | Content::Scalar(_) | Content::Alias(_) => None,
        };
        self.insert_entry(mapping, last, key, value);
        Ok(())
    }

    /// Takes an entry out of a mapping.
    ///
    /// # Errors
    /// If its value holds a variable or is shared by an alias.
    pub fn remove(&mut self, mapping: &Place, key: &str) -> Result<(), Refused> {
        let Content::Map(entries) = &mapping.content else {
            return Ok(());
        };
        let Some(at) = entries.iter().position(|(name, _)| name.key() == key) else {
            return Ok(());
        };
        self.free(&entries[at].1)?;
        if mapping.shared {
            return Err(shared(mapping));
        }
        if entries.len() == 1 {
            self.replace(mapping, &Json::Object(Map::new()), false);
        } else {
            self.remove_entry(mapping, entries, at, &[at]);
        }
        Ok(())
    }

    fn change(&mut self, place: &Place, wanted: &Json, inside: bool) -> Result<(), Refused> {
        if place.value() == *wanted {
            return Ok(());
        }
        if place.shared {
            return Err(shared(place));
        }
        let inside = inside || matches!(place.style, Style::Flow);
        match (&place.content, wanted) {
            (Content::Map(entries), Json::Object(object))
                if !object.is_empty() && !entries.is_empty() =>
            {
                self.change_map(place, entries, object, inside)
            }
            (Content::List(items), Json::Array(wanted))
                if !wanted.is_empty() && !items.is_empty() =>
            {
                self.change_list(place, items, wanted, inside)
            }
            _ => {
                self.free(place)?;
                self.replace(place, wanted, inside);
                Ok(())
            }
        }
    }

    fn change_map(
        &mut self,
        mapping: &Place,
        entries: &[(Place, Place)],
        wanted: &Map<String, Json>,
        inside: bool,
    ) -> Result<(), Refused> {
        let mut gone = Vec::new();
        for (at, (key, value)) in entries.iter().enumerate() {
            match wanted.get(&key.key()) {
                Some(wanted) => self.change(value, wanted, inside)?,
                None => {
                    self.free(value)?;
                    gone.push(at);
                }
            }
        }
        let Some(last_kept) = (0..entries.len()).rev().find(|at| !gone.contains(at)) else {
            // No line is left to hold on to.
            self.replace(mapping, &Json::Object(wanted.clone()), inside);
            return Ok(());
        };
        for at in &gone {
            self.remove_entry(mapping, entries, *at, &gone);
        }
        for (key, value) in wanted {
            if !entries.iter().any(|(known, _)| known.key() == *key) {
                self.insert_entry(mapping, Some(&entries[last_kept]), key, value);
            }
        }
        Ok(())
    }

    /// Nothing in it is a variable, an alias's target or secret to the project.
    fn free(&self, place: &Place) -> Result<(), Refused> {
        if place.shared {
            return Err(shared(place));
        }
        match &place.content {
            Content::Alias(_) => Ok(()),
            Content::Scalar(_) => {
                let text = self.slice(place.start, place.end);
                if holds_variable(text) {
                    return Err(Refused {
                        at: place.start,
                        why: "the value comes from a variable",
                    });
                }
                Ok(())
            }
            Content::List(items) => items.iter().try_for_each(|item| self.free(item)),
            Content::Map(entries) => entries.iter().try_for_each(|(_, value)| self.free(value)),
        }
    }

    /// Items that stay keep their lines; the others go, change in place or come.
    fn change_list(
        &mut self,
        list: &Place,
        items: &[Place],
        wanted: &[Json],
        inside: bool,
    ) -> Result<(), Refused> {
        let values: Vec<Json> = items.iter().map(Place::value).collect();
        let pairs = pair(&values, wanted);
        let mut last: Option<usize> = None;
        let mut fresh: Vec<Json> = Vec::new();
        let mut gone: Vec<usize> = Vec::new();
        let mut kept = 0;
        let mut insertions: Vec<(Option<usize>, Vec<Json>)> = Vec::new();
        for pairing in pairs {
            match pairing {
                Pairing::Both(at, to) => {
                    if !fresh.is_empty() {
                        insertions.push((last, std::mem::take(&mut fresh)));
                    }
                    self.change(&items[at], &wanted[to], inside)?;
                    kept += 1;
                    last = Some(at);
                }
                Pairing::Gone(at) => {
                    self.free(&items[at])?;
                    gone.push(at);
                }
                Pairing::New(to) => fresh.push(wanted[to].clone()),
            }
        }
        if !fresh.is_empty() {
            insertions.push((last, fresh));
        }
        if kept == 0 {
            // No line is left to hold on to.
            self.replace(list, &Json::Array(wanted.to_vec()), inside);
            return Ok(());
        }
        for at in &gone {
            self.remove_item(list, items, *at, &gone);
        }
        for (behind, fresh) in insertions {
            self.insert_items(list, items, behind, &fresh);
        }
        Ok(())
    }

    fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// First byte of the line of a byte.
    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |found| found + 1)
    }

    /// The line break behind a byte, or the end of the text.
    fn line_end(&self, at: usize) -> usize {
        let end = self.text[at..]
            .find('\n')
            .map_or(self.text.len(), |found| at + found);
        if self.text[..end].ends_with('\r') && end > at {
            end - 1
        } else {
            end
        }
    }

    /// The line break before the line of a byte; none for the first line.
    fn line_break_before(&self, at: usize) -> Option<usize> {
        let before = self.line_start(at).checked_sub(1)?;
        let carriage_return = self.text[..before].ends_with('\r');
        Some(if carriage_return { before - 1 } else { before })
    }

    /// The end of a line and of the comments below it that stand deeper than a column: a block put before them would take them in.
    fn behind_deeper_comments(&self, at: usize, column: usize) -> usize {
        let mut end = self.line_end(at);
        let mut seen = end;
        loop {
            let next = self.next_line(seen);
            let line = self.slice(next, self.line_end(next));
            let code = line.trim_start();
            if next == seen || !(code.is_empty() || code.starts_with('#')) {
                return end;
            }
            seen = next + line.len();
            if code.starts_with('#') && line.len() - code.len() > column {
                end = seen;
            }
            if next == self.text.len() {
                return end;
            }
        }
    }

    /// Takes whole lines away, with the line break before them: the one behind is where something new may come.
    fn remove_lines(&mut self, start: usize, end: usize) {
        match self.line_break_before(start) {
            Some(before) => self.edit(before, self.line_end(end), String::new()),
            None => self.edit(0, self.next_line(end), String::new()),
        }
    }

    /// The byte behind the line break of the line of a byte.
    fn next_line(&self, at: usize) -> usize {
        self.text[at..]
            .find('\n')
            .map_or(self.text.len(), |found| at + found + 1)
    }

    /// Blanks before a byte on its line count as its column; so does a dash before it.
    fn column(&self, at: usize) -> usize {
        self.slice(self.line_start(at), at).chars().count()
    }

    fn edit(&mut self, start: usize, end: usize, text: String) {
        self.edits.push(Edit { start, end, text });
    }

    fn in_lines(&self, text: &str) -> String {
        if self.line_break == "\n" {
            text.to_owned()
        } else {
            text.replace('\n', self.line_break)
        }
    }

    fn replace(&mut self, place: &Place, wanted: &Json, inside: bool) {
        match place.style {
            Style::Lines => self.replace_lines(place, wanted),
            Style::Block => self.replace_block(place, wanted),
            Style::Plain | Style::Single | Style::Double | Style::Flow | Style::Alias => {
                let text = match wanted {
                    Json::String(text) => quoted_like(place.style, text, inside),
                    other => on_one_line(other, inside),
                };
                // A value that was left out has no blank before it.
                let blank = if place.start == place.end { " " } else { "" };
                self.edit(place.start, place.end, format!("{blank}{text}"));
            }
        }
    }

    /// A list or mapping in lines of its own becomes something else: on the line of its key where it fits there.
    fn replace_lines(&mut self, place: &Place, wanted: &Json) {
        let dash = match &place.content {
            Content::List(items) => items
                .first()
                .and_then(|item| dash_before(self.text, item.start)),
            Content::Map(_) | Content::Scalar(_) | Content::Alias(_) => None,
        };
        let start = dash.unwrap_or(place.start);
        let own_line = self.slice(self.line_start(start), start).trim().is_empty();
        let column = self.column(start);
        // A list may stand as deep as its key, a mapping may not.
        let indent = match wanted {
            Json::Object(_) if own_line => {
                let key = self.line_start(self.key_above(start));
                let line = self.slice(key, self.line_end(key));
                let of_key = line.len() - line.trim_start_matches([' ', '-']).len();
                column.max(of_key + 2)
            }
            _ => column,
        };
        let deeper = " ".repeat(indent - column);
        let lines = match wanted {
            Json::Array(items) if !items.is_empty() => Some(item_lines(items, indent)),
            Json::Object(entries) if !entries.is_empty() => Some(
                entries
                    .iter()
                    .map(|(key, value)| entry_lines(key, value, indent))
                    .collect(),
            ),
            _ => None,
        };
        match lines {
            Some(lines) => {
                // A comment behind the last line, or deeper below it, would become text of a block; it stands above instead.
                let end = self.behind_deeper_comments(place.end, column);
                let behind = self.slice(place.end, end);
                let pad = " ".repeat(column);
                let mut text = String::new();
                if own_line {
                    for comment in behind.lines().map(str::trim) {
                        if !comment.is_empty() {
                            text.push_str(&format!("{comment}\n{pad}"));
                        }
                    }
                }
                text.push_str(&deeper);
                text.push_str(lines.trim_start().trim_end_matches('\n'));
                self.edit(start, end, self.in_lines(&text));
            }
            None if own_line => {
                let value = on_one_line(wanted, false);
                let colon = self.key_above(start);
                self.edit(colon, colon, format!(" {value}"));
                self.remove_lines(start, place.end);
            }
            None => self.edit(start, place.end, on_one_line(wanted, false)),
        }
    }

    /// The byte behind the key above: behind its colon, or the anchor there.
    fn key_above(&self, at: usize) -> usize {
        let mut start = self.line_start(at);
        while start > 0 {
            start = self.line_start(start - 1);
            let line = self.slice(start, self.line_end(start));
            let code = match line.find(" #") {
                _ if line.trim_start().starts_with('#') => "",
                Some(comment) => line[..comment].trim_end(),
                None => line.trim_end(),
            };
            if !code.trim().is_empty() {
                return start + code.len();
            }
        }
        start
    }

    /// A block scalar is given anew, header and all; a text of several lines stays one.
    fn replace_block(&mut self, place: &Place, wanted: &Json) {
        let header = self.text[..place.start]
            .rfind(['|', '>'])
            .unwrap_or(place.start);
        let text = match wanted {
            Json::String(text) if text.contains('\n') => {
                let lines = self.slice(self.line_start(place.start), self.text.len());
                let indent = lines.len() - lines.trim_start_matches(' ').len();
                let key_lines = entry_lines("k", wanted, indent.saturating_sub(2));
                let body = key_lines.trim_start().strip_prefix("k:");
                let body = body.unwrap_or_default().trim_start();
                self.in_lines(body.trim_end_matches('\n'))
            }
            other => on_one_line(other, false),
        };
        self.edit(header, place.end, text);
    }

    /// Puts an entry behind another one; into an empty mapping in brackets where there is none.
    fn insert_entry(
        &mut self,
        mapping: &Place,
        behind: Option<&(Place, Place)>,
        key: &str,
        value: &Json,
    ) {
        match (mapping.style, behind) {
            (Style::Lines, Some((last_key, last))) => {
                let first = match &mapping.content {
                    Content::Map(entries) => entries.first().map_or(last_key, |(first, _)| first),
                    Content::List(_) | Content::Scalar(_) | Content::Alias(_) => last_key,
                };
                let column = self.column(first.start);
                let lines = entry_lines(key, value, column);
                let at = self.behind_deeper_comments(last.end.max(last_key.end), column);
                let text = self.in_lines(&format!("\n{}", lines.trim_end_matches('\n')));
                self.edit(at, at, text);
            }
            (_, behind) => {
                let entry = format!(
                    "{}: {}",
                    on_one_line(&Json::from(key), true),
                    on_one_line(value, true)
                );
                match behind {
                    Some((last_key, last)) => {
                        let at = last.end.max(last_key.end);
                        self.edit(at, at, format!(", {entry}"));
                    }
                    None => {
                        let close = mapping.end.saturating_sub(1);
                        self.edit(close, close, entry);
                    }
                }
            }
        }
    }

    fn remove_entry(
        &mut self,
        mapping: &Place,
        entries: &[(Place, Place)],
        at: usize,
        gone: &[usize],
    ) {
        let end_of = |at: usize| entries[at].1.end.max(entries[at].0.end);
        let (key, _) = &entries[at];
        if mapping.style == Style::Lines {
            let line = self.line_start(key.start);
            if self.slice(line, key.start).trim().is_empty() {
                self.remove_lines(key.start, end_of(at));
            } else if let Some(next) = (at..entries.len()).find(|later| !gone.contains(later)) {
                // The first entry of a list item stands behind its dash, and the next that stays takes its place.
                self.edit(key.start, entries[next].0.start, String::new());
            }
            return;
        }
        let spans: Vec<(usize, usize)> = (0..entries.len())
            .map(|at| (entries[at].0.start, end_of(at)))
            .collect();
        self.remove_in_brackets(&spans, at, gone);
    }

    /// Takes one of several things between commas away, with one comma.
    fn remove_in_brackets(&mut self, spans: &[(usize, usize)], at: usize, gone: &[usize]) {
        let kept_before = (0..at).rev().find(|before| !gone.contains(before));
        let trailing = (at..spans.len()).all(|later| gone.contains(&later));
        match kept_before {
            // All behind the last one that stays goes at once.
            Some(before) if trailing => {
                if before + 1 == at {
                    self.edit(spans[before].1, spans[spans.len() - 1].1, String::new());
                }
            }
            _ => {
                if let Some((next, _)) = spans.get(at + 1) {
                    self.edit(spans[at].0, *next, String::new());
                }
            }
        }
    }

    fn remove_item(&mut self, list: &Place, items: &[Place], at: usize, gone: &[usize]) {
        let item = &items[at];
        if list.style == Style::Lines {
            let dash = dash_before(self.text, item.start).unwrap_or(item.start);
            let alone = self.slice(self.line_start(dash), dash).trim().is_empty();
            let end = if item.end > item.start {
                item.end
            } else {
                dash + 1
            };
            match items.get(at + 1) {
                _ if alone => self.remove_lines(dash, end),
                Some(next) => {
                    let next_dash = dash_before(self.text, next.start).unwrap_or(next.start);
                    self.edit(dash, next_dash, String::new());
                }
                None => {}
            }
            return;
        }
        let spans: Vec<(usize, usize)> = items.iter().map(|item| (item.start, item.end)).collect();
        self.remove_in_brackets(&spans, at, gone);
    }

    fn insert_items(
        &mut self,
        list: &Place,
        items: &[Place],
        behind: Option<usize>,
        fresh: &[Json],
    ) {
        if list.style == Style::Lines {
            let anchor = &items[behind.unwrap_or(0)];
            let dash = dash_before(self.text, anchor.start).unwrap_or(anchor.start);
            let indent = self.column(dash);
            let lines = item_lines(fresh, indent);
            if behind.is_some() {
                let at = self.behind_deeper_comments(anchor.end.max(dash + 1), indent);
                let text = self.in_lines(&format!("\n{}", lines.trim_end_matches('\n')));
                self.edit(at, at, text);
            } else if self.slice(self.line_start(dash), dash).trim().is_empty() {
                match self.line_break_before(dash) {
                    Some(at) => {
                        let text = self.in_lines(&format!("\n{}", lines.trim_end_matches('\n')));
                        self.edit(at, at, text);
                    }
                    None => self.edit(0, 0, self.in_lines(&lines)),
                }
            } else {
                let pad = " ".repeat(indent);
                let text = self.in_lines(lines.strip_prefix(pad.as_str()).unwrap_or(&lines));
                self.edit(dash, dash, format!("{text}{pad}"));
            }
            return;
        }
        let written: Vec<String> = fresh.iter().map(|item| on_one_line(item, true)).collect();
        match behind {
            Some(behind) => {
                let at = items[behind].end;
                self.edit(at, at, format!(", {}", written.join(", ")));
            }
            None => {
                let at = items[0].start;
                self.edit(at, at, format!("{}, ", written.join(", ")));
            }
        }
    }
}

fn shared(place: &Place) -> Refused {
    Refused {
        at: place.start,
        why: "an alias stands for the same value elsewhere",
    }
}

/// Whether a text refers to a variable; `$${{` does not.
fn holds_variable(text: &str) -> bool {
    text.match_indices("${{")
        .any(|(at, _)| !text[..at].ends_with('$'))
}

/// A text in the quotes that stood there, where they can hold it.
fn quoted_like(style: Style, text: &str, inside: bool) -> String {
    let plain = text
        .chars()
        .all(|character| !character.is_control() && character != '\u{feff}');
    match style {
        Style::Single if plain => format!("'{}'", text.replace('\'', "''")),
        Style::Double if plain => {
            format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
        }
        _ => on_one_line(&Json::from(text), inside),
    }
}

enum Pairing {
    Both(usize, usize),
    Gone(usize),
    New(usize),
}

/// What of a list stays, goes and comes: the longest common run of equal items stays, and mappings between two that stay are the
/// same item changed as long as one goes for one that comes.
fn pair(before: &[Json], after: &[Json]) -> Vec<Pairing> {
    let same = longest_common(before, after);
    let mut pairs = Vec::new();
    let (mut left, mut right) = (0, 0);
    for (at, to) in same.into_iter().chain([(before.len(), after.len())]) {
        while left < at || right < to {
            let both_maps = left < at && right < to && same_item(&before[left], &after[right]);
            if both_maps {
                pairs.push(Pairing::Both(left, right));
                left += 1;
                right += 1;
            } else if left < at {
                pairs.push(Pairing::Gone(left));
                left += 1;
            } else {
                pairs.push(Pairing::New(right));
                right += 1;
            }
        }
        if at < before.len() {
            pairs.push(Pairing::Both(at, to));
        }
        left = at + 1;
        right = to + 1;
    }
    pairs
}

/// Whether one mapping is the other one changed: what names an item is the same in both.
fn same_item(left: &Json, right: &Json) -> bool {
    /// Keys that name an item of a list.
    const NAMES: [&str; 6] = ["name", "tool", "shared", "header", "displayName", "role"];
    let (Json::Object(left), Json::Object(right)) = (left, right) else {
        return false;
    };
    NAMES
        .iter()
        .find(|name| left.contains_key(**name) && right.contains_key(**name))
        .is_some_and(|name| left.get(*name) == right.get(*name))
}

/// Longest common subsequence; lists of manifests are short.
fn longest_common(before: &[Json], after: &[Json]) -> Vec<(usize, usize)> {
    let mut table = vec![vec![0_usize; after.len() + 1]; before.len() + 1];
    for left in (0..before.len()).rev() {
        for right in (0..after.len()).rev() {
            table[left][right] = if before[left] == after[right] {
                table[left + 1][right + 1] + 1
            } else {
                table[left + 1][right].max(table[left][right + 1])
            };
        }
    }
    let (mut left, mut right) = (0, 0);
    let mut common = Vec::new();
    while left < before.len() && right < after.len() {
        if before[left] == after[right] {
            common.push((left, right));
            left += 1;
            right += 1;
        } else if table[left + 1][right] >= table[left][right + 1] {
            left += 1;
        } else {
            right += 1;
        }
    }
    common
}
