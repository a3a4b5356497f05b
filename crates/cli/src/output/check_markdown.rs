//! The report of `check` for a ticket or a comment. All text from outside is in code spans.

use std::fmt::{self, Write};

use deskstate_reconcile::check::Keeping;

use super::check_report::{CheckReport, Fault, Piece, Rule};
use super::drift_markdown::fitted;
use super::markdown_text::{code, prose};

/// Renders the report in at most `limit` characters. Lines that do not fit are left out and counted.
pub(crate) fn render(report: &CheckReport, limit: usize) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(report, &mut out);
    fitted(out, limit, "check")
}

fn write_all(report: &CheckReport, out: &mut String) -> fmt::Result {
    writeln!(
        out,
        "## Check: {}\n\n{}{}. {}.\n",
        report.keeping().word(),
        code(&report.environment),
        if report.address == report.environment {
            String::new()
        } else {
            format!(" at {}", code(&report.address))
        },
        report.counts()
    )?;
    for keeping in [Keeping::Broken, Keeping::Unknown, Keeping::Kept] {
        for rule in report.with(keeping) {
            write_rule(rule, out)?;
        }
    }
    writeln!(out, "\n{}.", prose(&report.audit))
}

fn write_rule(rule: &Rule, out: &mut String) -> fmt::Result {
    let word = match rule.keeping {
        Keeping::Kept => rule.keeping.word().to_owned(),
        Keeping::Broken | Keeping::Unknown => format!("**{}**", rule.keeping.word()),
    };
    writeln!(out, "- {word} {} ({})", code(&rule.id()), code(&rule.about))?;
    if let Some(remark) = rule.remark() {
        writeln!(out, "  - {remark}")?;
    }
    if let Some(message) = &rule.message {
        writeln!(out, "  - {}", prose(message))?;
    }
    for (fault, breaks) in rule.faults() {
        write_fault(fault, breaks, out)?;
    }
    if let Some(more) = rule.left_out() {
        writeln!(out, "  - {}", prose(&more))?;
    }
    for doubt in &rule.doubts {
        writeln!(out, "  - unknown: {}", prose(&doubt.words()))?;
    }
    Ok(())
}

fn write_fault(fault: &Fault, breaks: Option<&str>, out: &mut String) -> fmt::Result {
    write!(out, "  - ")?;
    for piece in fault.pieces() {
        match piece {
            Piece::Ours(text) => write!(out, "{text}")?,
            Piece::Outside(text) => write!(out, "{}", code(&text))?,
        }
    }
    match fault.writer() {
        Some(writer) => writeln!(out, "; {}", prose(&writer))?,
        None => writeln!(out)?,
    }
    if let Some(note) = &fault.note {
        writeln!(out, "    - {}", prose(note))?;
    }
    if let Some(breaks) = breaks {
        writeln!(out, "    - breaks: {}", prose(breaks))?;
    }
    Ok(())
}
