//! What `check` found, for people at a terminal.

use std::fmt::{self, Write};

use deskstate_reconcile::check::Keeping;

use super::check_report::{CheckReport, Fault, Rule};
use super::plain;
use super::plan_text::count;
use crate::ui::{BAD, DIM, GOOD, STRONG, Style, WARN};

/// The whole report.
pub(crate) fn render(report: &CheckReport) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(report, &mut out);
    out
}

fn write_all(report: &CheckReport, out: &mut String) -> fmt::Result {
    let requests = usize::try_from(report.requests).unwrap_or(usize::MAX);
    writeln!(
        out,
        "{STRONG}Check of {}{STRONG:#} ({}), {} to read",
        plain(&report.environment),
        plain(&report.address),
        count(requests, "request")
    )?;
    for rule in &report.rules {
        write_rule(rule, out)?;
    }
    let style = style(report.keeping());
    writeln!(
        out,
        "\n{style}{}{style:#}; {}",
        report.counts(),
        plain(&report.audit)
    )
}

fn write_rule(rule: &Rule, out: &mut String) -> fmt::Result {
    let style = style(rule.keeping);
    writeln!(
        out,
        "\n{style}{:>7}{style:#}  {}  {DIM}{}{DIM:#}",
        rule.keeping.word(),
        plain(&rule.id()),
        plain(&rule.about)
    )?;
    if let Some(remark) = rule.remark() {
        writeln!(out, "         {DIM}{remark}{DIM:#}")?;
    }
    if let Some(message) = &rule.message {
        writeln!(out, "         {}", plain(message))?;
    }
    for (fault, breaks) in rule.faults() {
        write_fault(fault, breaks, out)?;
    }
    if let Some(more) = rule.left_out() {
        writeln!(out, "         {more}")?;
    }
    for doubt in &rule.doubts {
        writeln!(out, "         {BAD}?{BAD:#} {}", plain(&doubt.words()))?;
    }
    Ok(())
}

fn write_fault(fault: &Fault, breaks: Option<&str>, out: &mut String) -> fmt::Result {
    let (sign, style) = if fault.preferred {
        ("!", WARN)
    } else {
        ("x", BAD)
    };
    writeln!(
        out,
        "         {style}{sign}{style:#} {}",
        plain(&fault.words())
    )?;
    if let Some(note) = &fault.note {
        writeln!(out, "           {}", plain(note))?;
    }
    if let Some(writer) = fault.writer() {
        writeln!(out, "           {DIM}{}{DIM:#}", plain(&writer))?;
    }
    if let Some(breaks) = breaks {
        writeln!(out, "           {style}breaks: {}{style:#}", plain(breaks))?;
    }
    Ok(())
}

fn style(keeping: Keeping) -> Style {
    match keeping {
        Keeping::Kept => GOOD,
        Keeping::Broken => WARN,
        Keeping::Unknown => BAD,
    }
}
