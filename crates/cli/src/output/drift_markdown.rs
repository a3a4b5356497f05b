//! Drift for a comment or an issue: counts are visible, details are folded, and all text from outside is in code spans.

use std::fmt::{self, Write};

use deskstate_model::ResourceKey;

use super::count;
use super::drift_report::{
    Looked, Outcome, Seen, audit, broken_rules, counts, members_alike, state, words,
};
use super::markdown_text::{code, length, prose};
use crate::suggest::suggest;

/// Enough to close open elements and to state that something is missing.
const ROOM_FOR_THE_CUT: usize = 200;

/// Renders the report in at most `limit` characters, with a hidden marker for finding the comment again. Lines that do not fit are left out
/// and counted.
pub(crate) fn render(seen: &[Seen], revision: Option<&str>, limit: usize) -> String {
    let mut out = String::from("<!-- deskstate:drift -->\n");
    // Writing to a string cannot fail.
    let _ = write_all(&mut out, seen, revision);
    fitted(out, limit, "drift")
}

/// Limits a text to `limit` characters: lines that do not fit are left out and counted.
pub(super) fn fitted(out: String, limit: usize, command: &str) -> String {
    if length(&out) <= limit {
        return out;
    }
    let room = limit.saturating_sub(ROOM_FOR_THE_CUT);
    let mut kept = String::new();
    let mut lines = out.split_inclusive('\n');
    let mut left = 0;
    for line in lines.by_ref() {
        if length(&kept) + length(line) > room {
            left = 1;
            break;
        }
        kept.push_str(line);
    }
    left += lines.count();
    // A name can contain the tags, but not at the start of a line.
    let starts = |tag: &str| kept.lines().filter(|line| line.starts_with(tag)).count();
    if starts("<details>") > starts("</details>") {
        kept.push_str("\n</details>\n");
    }
    kept.push_str(&format!(
        "\n{} more did not fit here; {} shows all.\n",
        count(left, "line"),
        suggest(command, &[])
    ));
    kept
}

fn write_all(out: &mut String, seen: &[Seen], revision: Option<&str>) -> fmt::Result {
    writeln!(out, "## Drift\n")?;
    if let Some(revision) = revision {
        writeln!(out, "Manifests at {}.\n", code(revision))?;
    }
    writeln!(
        out,
        "| environment | resources | edited by hand | not applied | product | cause unknown | undeclared | result |\n| --- | --- | --- | --- | --- | --- | --- | --- |"
    )?;
    for one in seen {
        let mut name = cell(&one.environment);
        if one.is_selection() {
            name.push_str(" (selection)");
        }
        match &one.looked {
            Err(_) => writeln!(out, "| {name} | | | | | | | **failed** |")?,
            Ok(looked) => {
                let report = &looked.report;
                let [(_, edited), (_, late), (_, product), (_, unknown)] = counts(report);
                let result = match one.outcome() {
                    Outcome::InSync => Outcome::InSync.words().to_owned(),
                    outcome => format!("**{}**", outcome.words()),
                };
                writeln!(
                    out,
                    "| {name} | {} | {edited} | {late} | {product} | {unknown} | {} | {result} |",
                    report.states().total(),
                    report.extras.len()
                )?;
            }
        }
    }
    for one in seen {
        match &one.looked {
            Ok(looked) => write_one(out, &one.environment, looked)?,
            Err(why) => writeln!(out, "\n### {}\n\n{}", code(&one.environment), prose(why))?,
        }
    }
    Ok(())
}

/// A code span that stays in its cell: a table row is split at its bars before code spans are parsed.
fn cell(text: &str) -> String {
    code(&text.replace('|', "¦"))
}

fn write_one(out: &mut String, name: &str, looked: &Looked) -> fmt::Result {
    let report = &looked.report;
    let mut breaks: Vec<(&ResourceKey, &String)> = report
        .drifted
        .iter()
        .flat_map(|drifted| {
            let differences = drifted.differences.iter();
            differences
                .flat_map(|difference| &difference.breaks)
                .map(|breaks| (&drifted.key, breaks))
        })
        .collect();
    // A rule that is violated by two fields of a resource has only one consequence.
    breaks.dedup();
    let silent = match looked.outcome() {
        Outcome::InSync => {
            report.expired.is_empty()
                && report.ignored.is_empty()
                && broken_rules(report).next().is_none()
                && looked.findings.is_empty()
                && report.extras.is_empty()
                && report.unlisted.is_empty()
        }
        Outcome::Drift | Outcome::Incomplete | Outcome::Failed => false,
    };
    if silent {
        return Ok(());
    }
    writeln!(out, "\n### {}\n", code(name))?;
    for (key, breaks) in &breaks {
        writeln!(
            out,
            "- :warning: {} {}",
            code(&key.to_string()),
            prose(breaks)
        )?;
    }
    for broken in broken_rules(report) {
        writeln!(out, "- :warning: contract: {}", prose(&broken))?;
    }
    for ignored in &report.ignored {
        let path = if ignored.path.is_empty() {
            String::new()
        } else {
            format!(" {}", code(&ignored.path))
        };
        writeln!(
            out,
            "- {}{path} accepted until {}: {}",
            code(&ignored.key.to_string()),
            ignored.until,
            prose(&ignored.reason)
        )?;
    }
    for expired in &report.expired {
        writeln!(
            out,
            "- a rule of `ignore` for {} accepts nothing after {}: {}",
            code(&expired.resources),
            expired.until,
            prose(&expired.reason)
        )?;
    }
    for finding in &looked.findings {
        writeln!(out, "- **{}**: {}", finding.code, prose(&finding.message))?;
    }
    let unplanned: Vec<_> = looked.unplanned().collect();
    if !unplanned.is_empty() {
        writeln!(
            out,
            "\n**Not everything could be compared:** {}.\n",
            looked.verdict().counts("as declared")
        )?;
    }
    for one in &unplanned {
        writeln!(out, "- {} {}", code(&one.about()), prose(&one.words()))?;
    }
    for (kind, why) in &report.unlisted {
        writeln!(out, "- undeclared rows of {kind} may exist: {}", prose(why))?;
    }
    if !report.drifted.is_empty() {
        writeln!(
            out,
            "\n<details><summary>{} {}</summary>\n\n{}\n",
            count(report.drifted.len(), "resource"),
            if report.drifted.len() == 1 {
                "differs"
            } else {
                "differ"
            },
            prose(&audit(report))
        )?;
        for drifted in &report.drifted {
            let place = looked
                .place(drifted.declared_at)
                .map(|place| format!(" at {}", code(&place)))
                .unwrap_or_default();
            let reach = looked
                .reach(&drifted.key)
                .map(|words| format!(", {}", prose(words)))
                .unwrap_or_default();
            writeln!(
                out,
                "- {}{}{place}{reach}",
                code(&drifted.key.to_string()),
                match state(drifted) {
                    "" => String::new(),
                    words => format!(" {words}"),
                }
            )?;
            let alike = members_alike(&drifted.differences);
            for difference in &drifted.differences {
                let when = difference
                    .when
                    .as_deref()
                    .map(|when| format!(" ({})", code(when)))
                    .unwrap_or_default();
                let what = if difference.path.is_empty() {
                    String::new()
                } else {
                    format!(
                        "{}: {}; ",
                        code(&difference.path),
                        code(&words(difference, &alike))
                    )
                };
                writeln!(
                    out,
                    "  - {what}{}: {}{when}",
                    difference.class.words(),
                    prose(&difference.evidence)
                )?;
            }
        }
        writeln!(out, "\n</details>")?;
    }
    if !report.extras.is_empty() {
        writeln!(
            out,
            "\n<details><summary>{} that no manifest declares</summary>\n",
            count(report.extras.len(), "row")
        )?;
        for row in &report.extras {
            let when = row
                .when
                .as_deref()
                .map(|when| format!(" ({})", code(when)))
                .unwrap_or_default();
            let by = row
                .who
                .as_deref()
                .map(|who| format!(", written by {}{when}", code(who)))
                .unwrap_or_default();
            writeln!(out, "- {}{by}", code(&row.extra.key.to_string()))?;
        }
        writeln!(out, "\n</details>")?;
    }
    Ok(())
}
