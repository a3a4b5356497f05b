//! Values, entries and items that are inserted, removed or rewritten, each in the existing style.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::super::layout::{Content, Place, Style, dash_before};
use super::super::write::{entry_lines, flow, item_lines};
use super::Editor;
use crate::inert::is_inert;

impl Editor<'_> {
    pub(super) fn replace(&mut self, place: &Place, wanted: &Json, inside: bool) {
        match place.style {
            Style::Lines => self.replace_lines(place, wanted),
            Style::Block => self.replace_block(place, wanted),
            Style::Plain | Style::Single | Style::Double | Style::Flow | Style::Alias => {
                let text = match wanted {
                    Json::String(text) => quoted_like(place.style, text, inside),
                    other => flow(other, inside),
                };
                // An omitted value has no blank before it.
                let blank = if place.start == place.end { " " } else { "" };
                self.edit(place.start, place.end, format!("{blank}{text}"));
            }
        }
    }

    /// Replaces a list or mapping that spans its own lines, with text on the line of its key where possible.
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
        // A list may be indented like its key, a mapping may not.
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
                // A comment after the last line, or below it and deeper, would become part of a block's text, so it moves above the block.
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
                let value = flow(wanted, false);
                let colon = self.key_above(start);
                self.edit(colon, colon, format!(" {value}"));
                self.remove_lines(start, place.end);
            }
            None => self.edit(start, place.end, flow(wanted, false)),
        }
    }

    /// Rewrites a block scalar including its header, and keeps the comment in the line of the header. A text with several lines stays a block
    /// scalar.
    fn replace_block(&mut self, place: &Place, wanted: &Json) {
        let (header, comment) = self
            .header_before(place.start)
            .unwrap_or((place.start, String::new()));
        let text = match wanted {
            Json::String(text) if text.contains('\n') => {
                let lines = self.slice(self.line_start(place.start), self.text.len());
                let indent = lines.len() - lines.trim_start_matches(' ').len();
                let key_lines = entry_lines("k", wanted, indent.saturating_sub(2));
                let body = key_lines.trim_start().strip_prefix("k:");
                let body = body.unwrap_or_default().trim_start();
                let body = body.trim_end_matches('\n');
                // What is not inert is written in quotes, in one line.
                let (sign, rest) = body.split_at(body.find('\n').unwrap_or(body.len()));
                self.in_lines(&format!("{sign}{comment}{rest}"))
            }
            other => flow(other, false) + &comment,
        };
        self.edit(header, place.end, text);
    }

    /// Where the header of a block scalar begins, such as `|-`, and the comment behind it with the space before it. A comment can contain
    /// the signs of a header, too.
    fn header_before(&self, content: usize) -> Option<(usize, String)> {
        let mut end = content;
        loop {
            let start = self.text[..end].rfind('\n').map_or(0, |at| at + 1);
            let line = self.text[start..end].trim_end();
            for (at, _) in line.match_indices(['|', '>']) {
                let sign = line[at + 1..].trim_start_matches(|letter: char| {
                    letter.is_ascii_digit() || matches!(letter, '+' | '-')
                });
                let comment = sign.trim_start();
                let is_apart = sign.len() > comment.len() && comment.starts_with('#');
                if comment.is_empty() || is_apart {
                    let comment = if comment.is_empty() { "" } else { sign };
                    return Some((start + at, comment.to_owned()));
                }
            }
            end = start.checked_sub(1)?;
        }
    }

    /// Inserts an entry after another one, or into an empty mapping in brackets.
    pub(super) fn insert_entry(
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
                let entry = format!("{}: {}", flow(&Json::from(key), true), flow(value, true));
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

    pub(super) fn remove_entry(
        &mut self,
        mapping: &Place,
        entries: &[(Place, Place)],
        at: usize,
        gone: &BTreeSet<usize>,
    ) {
        let end_of = |at: usize| entries[at].1.end.max(entries[at].0.end);
        let (key, _) = &entries[at];
        if mapping.style == Style::Lines {
            let line = self.line_start(key.start);
            if self.slice(line, key.start).trim().is_empty() {
                self.remove_lines(key.start, end_of(at));
            } else if let Some(next) = (at..entries.len()).find(|later| !gone.contains(later)) {
                // The first entry of a list item follows its dash, and the next remaining entry takes its place.
                self.edit(key.start, entries[next].0.start, String::new());
            }
            return;
        }
        let spans: Vec<(usize, usize)> = (0..entries.len())
            .map(|at| (entries[at].0.start, end_of(at)))
            .collect();
        self.remove_in_brackets(&spans, at, gone);
    }

    /// Removes one of several comma-separated things, along with one comma. What is said about the others stays.
    fn remove_in_brackets(&mut self, spans: &[(usize, usize)], at: usize, gone: &BTreeSet<usize>) {
        let (start, end) = spans[at];
        let last_end = spans[spans.len() - 1].1;
        let kept_before = (0..at).rev().find(|before| !gone.contains(before));
        let is_trailing = (at..spans.len()).all(|later| gone.contains(&later));
        match kept_before {
            Some(before) if is_trailing => {
                let kept_end = spans[before].1;
                let is_first = before + 1 == at;
                if !self.slice(kept_end, last_end).contains('\n') {
                    // Everything after the last one that stays is removed at once.
                    if is_first {
                        self.edit(kept_end, last_end, String::new());
                    }
                    return;
                }
                if is_first
                    && self.comma_behind(last_end).is_none()
                    && let Some(comma) = self.comma_behind(kept_end)
                {
                    self.edit(comma, comma + 1, String::new());
                }
            }
            _ => {
                let next = spans.get(at + 1).map(|(next, _)| *next);
                let has_own_comments = |next: usize| {
                    let mut lines = self.slice(end, next).lines().skip(1);
                    lines.any(|line| line.trim_start().starts_with('#'))
                };
                if let Some(next) = next.filter(|next| !has_own_comments(*next)) {
                    self.edit(start, next, String::new());
                    return;
                }
            }
        }
        let comma = self.comma_behind(end);
        let behind = comma.map_or(end, |comma| comma + 1);
        let rest = self.slice(behind, self.line_end(behind)).trim_start();
        let is_alone = self.slice(self.line_start(start), start).trim().is_empty();
        if is_alone && (rest.is_empty() || rest.starts_with('#')) {
            self.remove_lines(start, behind);
            return;
        }
        self.edit(start, end, String::new());
        if let Some(comma) = comma {
            self.edit(comma, comma + 1, String::new());
        }
    }

    /// The place of the comma behind a value in brackets. Comments and line breaks can stand before it.
    fn comma_behind(&self, end: usize) -> Option<usize> {
        let mut at = end;
        loop {
            let rest = self.text.get(at..)?;
            let code = rest.trim_start();
            at += rest.len() - code.len();
            match code.as_bytes().first()? {
                b',' => return Some(at),
                b'#' => at = self.next_line(at),
                _ => return None,
            }
        }
    }

    pub(super) fn remove_item(
        &mut self,
        list: &Place,
        items: &[Place],
        at: usize,
        gone: &BTreeSet<usize>,
    ) {
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

    pub(super) fn insert_items(
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
        let written: Vec<String> = fresh.iter().map(|item| flow(item, true)).collect();
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

/// Writes a text in the existing quotes, if they can represent it.
fn quoted_like(style: Style, text: &str, inside: bool) -> String {
    let plain = is_inert(text) && !text.contains('\n');
    match style {
        Style::Single if plain => format!("'{}'", text.replace('\'', "''")),
        Style::Double if plain => {
            format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
        }
        _ => flow(&Json::from(text), inside),
    }
}
