//! A guide as Markdown: names on the screen are bold, and all text from outside is in code spans or fences.

use std::fmt::{self, Write};

use super::markdown_text::{code, fence_of, prose};
use super::plain;
use crate::guide::{Block, Guide, LEGEND, Piece, Row, Sentence, Step, Value};

/// Maximum length of a text in a table, in characters.
const LONGEST: usize = 160;

/// Renders the guide.
pub(crate) fn render(guide: &Guide) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(guide, &mut out);
    out
}

fn write_all(guide: &Guide, out: &mut String) -> fmt::Result {
    writeln!(out, "# Set up {} by hand\n", code(&guide.project))?;
    for sentence in &guide.about {
        writeln!(out, "{}\n", words(sentence))?;
    }
    if !guide.before.is_empty() {
        writeln!(out, "## Before you begin\n")?;
        write_list(&guide.before, out)?;
    }
    writeln!(out, "## Steps\n")?;
    if guide.has_weights {
        writeln!(
            out,
            "The last column of each table says how much a value counts:\n"
        )?;
        writeln!(out, "| word | meaning |\n| --- | --- |")?;
        for (word, meaning) in LEGEND {
            writeln!(out, "| {word} | {meaning} |")?;
        }
        writeln!(out)?;
    }
    for (at, step) in guide.steps.iter().enumerate() {
        write_step(at + 1, step, guide.has_weights, out)?;
    }
    writeln!(out, "## Check the result\n")?;
    write_list(&guide.checks, out)
}

fn write_list(sentences: &[Sentence], out: &mut String) -> fmt::Result {
    for sentence in sentences {
        writeln!(out, "- {}", words(sentence))?;
    }
    writeln!(out)
}

fn write_step(number: usize, step: &Step, has_weights: bool, out: &mut String) -> fmt::Result {
    writeln!(out, "### {number}. {}\n", words(&step.title))?;
    let mut actions = 0;
    let mut below = Below::default();
    for block in &step.blocks {
        match block {
            Block::Do(sentence) => {
                actions += 1;
                writeln!(out, "{actions}. {}\n", words(sentence))?;
            }
            Block::Note(sentence) => writeln!(out, "Note: {}\n", words(sentence))?,
            Block::Boxes(rows) => write_table(rows, has_weights, &mut below, out)?,
        }
    }
    Ok(())
}

fn write_table(
    rows: &[Row],
    has_weights: bool,
    below: &mut Below,
    out: &mut String,
) -> fmt::Result {
    let heads: &[&str] = if has_weights {
        &["field", "value", "rule"]
    } else {
        &["field", "value"]
    };
    let line = "| --- ".repeat(heads.len());
    writeln!(out, "| {} |\n{line}|", heads.join(" | "))?;
    for row in rows {
        let label = below.cell(words(&row.label));
        let value = match &row.value {
            Value::Typed(text) => below.typed(text),
            Value::Said(sentence) => below.cell(words(sentence)),
        };
        write!(out, "| {label} | {value} |")?;
        if has_weights {
            write!(out, " {} |", below.cell(words(&row.weight.words())))?;
        }
        writeln!(out)?;
    }
    writeln!(out)?;
    for text in std::mem::take(&mut below.texts) {
        writeln!(out, "{text}\n")?;
    }
    Ok(())
}

/// Texts that do not fit into a table and are shown below it.
#[derive(Default)]
struct Below {
    number: usize,
    texts: Vec<String>,
}

impl Below {
    /// A cell. A pipe ends a cell even in a code span, and dialects disagree on how to escape it, so such a cell moves below.
    fn cell(&mut self, cell: String) -> String {
        if cell.contains('|') {
            self.put(|number| format!("Text {number}: {cell}"))
        } else {
            cell
        }
    }

    /// A text to type.
    fn typed(&mut self, text: &str) -> String {
        let lines: Vec<String> = text.lines().map(plain).collect();
        let fits = lines.len() < 2 && text.chars().count() <= LONGEST && !text.contains(['`', '|']);
        if fits {
            return code(text);
        }
        let fence = fence_of(&lines);
        let block = lines.join("\n");
        self.put(|number| format!("Text {number}:\n\n{fence}text\n{block}\n{fence}"))
    }

    fn put(&mut self, text: impl FnOnce(usize) -> String) -> String {
        self.number += 1;
        self.texts.push(text(self.number));
        format!("text {} below", self.number)
    }
}

fn words(sentence: &Sentence) -> String {
    let mut out = String::new();
    for piece in &sentence.0 {
        let piece = match piece {
            Piece::Ours(text) => text.clone(),
            Piece::Screen(name) => screen(name),
            Piece::Outside(text) => code(text),
            Piece::Prose(text) => prose(text),
        };
        if out.ends_with('`') && piece.starts_with('`') {
            // Two adjacent runs of backticks would become one.
            out.push(' ');
        }
        out.push_str(&piece);
    }
    out
}

/// A name on the screen. Kinds that a project defines have their own names.
fn screen(name: &str) -> String {
    let is_plain = |letter: char| {
        letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '\'' | '(' | ')' | '/' | ',')
    };
    if !name.trim().is_empty() && name.chars().all(is_plain) {
        format!("**{name}**")
    } else {
        code(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guide::tests::saying;
    use crate::output::html::hostile::CORPUS;
    use crate::output::markdown::tests::active_text;

    #[test]
    fn nothing_that_somebody_else_wrote_is_active() {
        let signs = [
            '@', '<', '>', '&', '#', '|', '$', '~', '\\', '!', '_', '^', '*',
        ];
        let count = |text: &str| {
            let active = active_text(&render(&saying(text)));
            assert!(!active.contains("://"), "{active}");
            signs.map(|sign| active.matches(sign).count())
        };
        let tame = count("ta.me");
        let long = "|x`".repeat(200);
        for text in CORPUS.iter().copied().chain(["a|b", "|", "`|`", &long]) {
            let number_of_texts = render(&saying(text)).matches("Text ").count();
            assert_eq!(count(text), tame, "{text:?} {number_of_texts}");
        }
    }

    #[test]
    fn a_pipe_never_stands_in_a_table() {
        let page = render(&saying("a|b"));
        let rows = page.lines().filter(|line| line.starts_with("| text"));
        assert_eq!(rows.clone().count(), 3);
        for line in rows {
            assert_eq!(line.matches('|').count(), 4, "{line}");
            assert!(!line.contains("a|b"), "{line}");
        }
        assert!(page.contains("```text\na|b\n```"), "{page}");
    }

    #[test]
    fn a_text_of_several_lines_stands_in_a_fence_line_by_line() {
        let page = render(&saying("first\nsecond\n```\nlast"));
        assert!(
            page.contains("````text\nfirst\nsecond\n```\nlast\n````"),
            "{page}"
        );
    }
}
