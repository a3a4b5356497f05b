//! Drift as text: the differences, their classes and the evidence; a matrix if there are several environments.

use super::count;
use super::drift_report::{
    Looked, Outcome, Seen, audit, broken_rules, counts, members_alike, state, symbol, verdict,
    words,
};
use super::plain;
use super::verdict::sign;
use crate::door::Page;
use crate::door::{BAD, DIM, GOOD, STRONG, WARN};
use crate::suggest::suggest;

/// Number of undeclared rows listed by default.
const FIRST_EXTRAS: usize = 5;
/// The column in which values begin.
const VALUE_COLUMN: usize = 24;

/// Renders the report.
pub(crate) fn render(
    seen: &[Seen],
    revision: Option<&str>,
    matrix: bool,
    all_extras: bool,
    wire: bool,
) -> Page {
    let mut out = Page::new();
    let mut after_details = false;
    for one in seen {
        if after_details {
            out.blank();
        }
        after_details = matches!(one.outcome(), Outcome::Drift | Outcome::Incomplete);
        match &one.looked {
            Ok(looked) => write_one(&mut out, one, looked, revision, all_extras, wire),
            Err(why) => out.line(format_args!(
                "{BAD}{}{BAD:#} could not be read: {}",
                plain(&one.environment),
                plain(why)
            )),
        }
    }
    if matrix {
        write_matrix(&mut out, seen);
    }
    out
}

fn write_one(
    out: &mut Page,
    seen: &Seen,
    looked: &Looked,
    revision: Option<&str>,
    all_extras: bool,
    wire: bool,
) {
    let report = &looked.report;
    let name = plain(&seen.environment);
    let heading = match seen.outcome() {
        Outcome::InSync => None,
        Outcome::Drift if looked.selection => Some(format!("Drift of a selection of {name}")),
        Outcome::Drift => Some(format!("Drift of {name}")),
        Outcome::Incomplete | Outcome::Failed => {
            Some(format!("{name} could not be compared completely"))
        }
    };
    match heading {
        None if report.states().total() == 0 => {
            out.line(format_args!(
                "{name} {}",
                looked.verdict().without_changes()
            ));
        }
        None => {
            let (of, rest) = match looked.selection {
                true => ("the selected manifests", "; nothing else was compared"),
                false => ("the manifests", ""),
            };
            out.line(format_args!(
                "{GOOD}{name}{GOOD:#} matches {of} ({}){rest}",
                count(report.states().total(), "resource")
            ));
        }
        Some(heading) => {
            out.line(format_args!(
                "{STRONG}{heading}{STRONG:#} ({})",
                plain(&looked.address)
            ));
            let manifests = revision.map_or_else(String::new, |revision| {
                format!("manifests at {}: ", plain(revision))
            });
            out.line(format_args!(
                "{DIM}{manifests}{}; {}{DIM:#}",
                looked.verdict().counts("as declared"),
                audit(report)
            ));
        }
    }
    for unplanned in looked.unplanned() {
        let place = unplanned.place(&looked.sources).unwrap_or_default();
        out.blank();
        out.line(format_args!(
            "{BAD}{}{BAD:#} {STRONG}{}{STRONG:#}   {DIM}{place}{DIM:#}",
            sign(unplanned.obstacle.state),
            unplanned.about()
        ));
        out.line(format_args!("    {}", unplanned.words()));
    }
    for drifted in &report.drifted {
        let place = looked.place(drifted.declared_at).unwrap_or_default();
        let reach = looked
            .reach(&drifted.key)
            .map(|words| format!("   {}", plain(words)))
            .unwrap_or_default();
        let state = state(drifted);
        let state = if state.is_empty() {
            String::new()
        } else {
            format!(" {state}")
        };
        out.blank();
        out.line(format_args!(
            "{WARN}{}{WARN:#} {STRONG}{}{STRONG:#}{state}   {DIM}{place}{DIM:#}{reach}",
            symbol(drifted),
            plain(&drifted.key.to_string())
        ));
        let alike = members_alike(&drifted.differences);
        for difference in &drifted.differences {
            if !difference.path.is_empty() {
                let path = plain(&difference.path);
                let column = if wire {
                    format!("  {DIM}[{}]{DIM:#}", plain(&difference.wire))
                } else {
                    String::new()
                };
                let column_at = VALUE_COLUMN.max(difference.path.chars().count() + 2);
                out.line(format_args!(
                    "    {path:column_at$}{}{column}",
                    words(difference, &alike)
                ));
            }
            out.line(format_args!("        {DIM}{}{DIM:#}", verdict(difference)));
            for breaks in &difference.breaks {
                out.line(format_args!("        {BAD}{}{BAD:#}", plain(breaks)));
            }
        }
    }
    write_extras(out, &seen.environment, looked, all_extras);
    write_notes(out, looked);
}

fn write_extras(out: &mut Page, environment: &str, looked: &Looked, all: bool) {
    let extras = &looked.report.extras;
    for (kind, why) in &looked.report.unlisted {
        out.blank();
        out.line(format_args!(
            "{WARN}?{WARN:#} undeclared rows of {kind} may exist: {}",
            plain(why)
        ));
    }
    if extras.is_empty() {
        return;
    }
    out.blank();
    out.line(format_args!(
        "{STRONG}{} under owned prefixes that no manifest declares{STRONG:#}",
        count(extras.len(), "row")
    ));
    let shown = if all { extras.len() } else { FIRST_EXTRAS };
    for row in extras.iter().take(shown) {
        let by = match (&row.who, &row.when) {
            (Some(who), Some(when)) => format!("written by {} ({})", plain(who), plain(when)),
            (Some(who), None) => format!("written by {}", plain(who)),
            _ => String::new(),
        };
        out.line(format_args!(
            "  + {}   {DIM}{by}{DIM:#}",
            plain(&row.extra.key.to_string())
        ));
    }
    if extras.len() > shown {
        out.line(format_args!(
            "  … and {} more (`--extras` lists them)",
            extras.len() - shown
        ));
    }
    out.line(format_args!(
        "  {DIM}{} writes one as a manifest, a rule under `ignore` accepts it{DIM:#}",
        suggest("export", &["--env", environment, "KIND", "NAME"])
    ));
}

fn write_notes(out: &mut Page, looked: &Looked) {
    let report = &looked.report;
    if !report.ignored.is_empty() {
        out.blank();
        out.line(format_args!(
            "{} accepted by rules under `ignore`:",
            count(report.ignored.len(), "difference")
        ));
        for ignored in &report.ignored {
            let path = if ignored.path.is_empty() {
                String::new()
            } else {
                format!(" {}", plain(&ignored.path))
            };
            out.line(format_args!(
                "  {}{path}   {DIM}until {}: {}{DIM:#}",
                plain(&ignored.key.to_string()),
                ignored.until,
                plain(&ignored.reason)
            ));
        }
    }
    for expired in &report.expired {
        let place = looked.place(Some(expired.span)).unwrap_or_default();
        out.line(format_args!(
            "{WARN}warning{WARN:#}: the rule for {} accepts nothing after {} ({place}): {}",
            plain(&expired.resources),
            expired.until,
            plain(&expired.reason)
        ));
    }
    for broken in broken_rules(report) {
        out.line(format_args!("{WARN}contract{WARN:#}: {}", plain(&broken)));
    }
}

fn write_matrix(out: &mut Page, seen: &[Seen]) {
    let width = seen
        .iter()
        .map(|seen| seen.environment.len())
        .max()
        .unwrap_or(0)
        .max("environment".len());
    out.blank();
    out.line(format_args!("{STRONG}{:width$}  resources  edited  not applied  product  cause unknown  undeclared  result{STRONG:#}",
        "environment"));
    for one in seen {
        let name = plain(&one.environment);
        match &one.looked {
            Err(_) => out.line(format_args!(
                "{name:width$}  {:>9}  {:>6}  {:>11}  {:>7}  {:>13}  {:>10}  {BAD}failed{BAD:#}",
                "-", "-", "-", "-", "-", "-"
            )),
            Ok(looked) => {
                let report = &looked.report;
                let [(_, edited), (_, late), (_, product), (_, unknown)] = counts(report);
                let numbers = format!(
                    "{name:width$}  {:>9}  {edited:>6}  {late:>11}  {product:>7}  {unknown:>13}  {:>10}  ",
                    report.states().total(),
                    report.extras.len()
                );
                let outcome = one.outcome();
                let style = match outcome {
                    Outcome::InSync => GOOD,
                    Outcome::Drift => WARN,
                    Outcome::Incomplete | Outcome::Failed => BAD,
                };
                out.line(format_args!("{numbers}{style}{}{style:#}", outcome.words()));
            }
        }
    }
    let number = |wanted: Outcome| seen.iter().filter(|one| one.outcome() == wanted).count();
    let incomplete = match number(Outcome::Incomplete) {
        0 => String::new(),
        incomplete => format!("{incomplete} incomplete, "),
    };
    out.line(format_args!(
        "{}: {} in sync, {} with drift, {incomplete}{} failed",
        count(seen.len(), "environment"),
        number(Outcome::InSync),
        number(Outcome::Drift),
        number(Outcome::Failed)
    ));
}
