//! The report of `check`, for people at a terminal.

use deskstate_reconcile::check::Keeping;

use super::check_report::{CheckReport, Fault, Rule};
use super::count;
use super::plain;
use crate::door::Page;
use crate::door::{BAD, DIM, GOOD, STRONG, Style, WARN};

/// Renders the report.
pub(crate) fn render(report: &CheckReport) -> Page {
    let mut out = Page::new();
    let requests = usize::try_from(report.requests).unwrap_or(usize::MAX);
    let address = if report.address == report.environment {
        String::new()
    } else {
        format!(" ({})", plain(&report.address))
    };
    out.line(format_args!(
        "{STRONG}Check of {}{STRONG:#}{address}, {} to read",
        plain(&report.environment),
        count(requests, "request")
    ));
    for rule in &report.rules {
        write_rule(rule, &mut out);
    }
    let style = style(report.keeping());
    out.blank();
    out.line(format_args!(
        "{style}{}{style:#}; {}",
        report.counts(),
        plain(&report.audit)
    ));
    out
}

fn write_rule(rule: &Rule, out: &mut Page) {
    let style = style(rule.keeping);
    out.blank();
    out.line(format_args!(
        "{style}{:>7}{style:#}  {}  {DIM}{}{DIM:#}",
        rule.keeping.word(),
        plain(&rule.id()),
        plain(&rule.about)
    ));
    if let Some(remark) = rule.remark() {
        out.line(format_args!("         {DIM}{remark}{DIM:#}"));
    }
    if let Some(message) = &rule.message {
        out.line(format_args!("         {}", plain(message)));
    }
    for (fault, breaks) in rule.faults() {
        write_fault(fault, breaks, out);
    }
    if let Some(more) = rule.left_out() {
        out.line(format_args!("         {more}"));
    }
    for doubt in &rule.doubts {
        out.line(format_args!(
            "         {BAD}?{BAD:#} {}",
            plain(&doubt.words())
        ));
    }
}

fn write_fault(fault: &Fault, breaks: Option<&str>, out: &mut Page) {
    let (sign, style) = if fault.preferred {
        ("!", WARN)
    } else {
        ("x", BAD)
    };
    out.line(format_args!(
        "         {style}{sign}{style:#} {}",
        plain(&fault.words())
    ));
    if let Some(note) = &fault.note {
        out.line(format_args!("           {}", plain(note)));
    }
    if let Some(writer) = fault.writer() {
        out.line(format_args!("           {DIM}{}{DIM:#}", plain(&writer)));
    }
    if let Some(breaks) = breaks {
        out.line(format_args!(
            "           {style}breaks: {}{style:#}",
            plain(breaks)
        ));
    }
}

fn style(keeping: Keeping) -> Style {
    match keeping {
        Keeping::Kept => GOOD,
        Keeping::Broken => WARN,
        Keeping::Unknown => BAD,
    }
}
