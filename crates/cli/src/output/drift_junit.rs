//! Drift as test results: a suite for each environment, a case for each declared resource.

use std::fmt::Write;

use deskstate_model::{Diagnostic, Undeclared};
use deskstate_reconcile::drift::Drifted;
use deskstate_reconcile::plan::{Judged, SyncState};

use super::drift_report::{Looked, Seen, broken_rules, members_alike, state, verdict, words};
use super::plain;
use super::verdict::unplanned;

/// Renders the report as JUnit XML.
pub(crate) fn render(seen: &[Seen]) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"deskstate drift\">\n",
    );
    for one in seen {
        suite(one, &mut out);
    }
    out.push_str("</testsuites>\n");
    out
}

fn suite(seen: &Seen, out: &mut String) {
    let name = escaped(&seen.environment);
    // Servers follow a case by its class, so only the suite is another one.
    let of = match seen.is_selection() {
        true => " (selection)",
        false => "",
    };
    let looked = match &seen.looked {
        Ok(looked) => looked,
        Err(why) => {
            let _ = write!(
                out,
                "  <testsuite name=\"{name}\" tests=\"1\" failures=\"0\" errors=\"1\">\n    <testcase classname=\"{name}\" name=\"environment\">\n      <error message=\"{}\"/>\n    </testcase>\n  </testsuite>\n",
                escaped(why)
            );
            return;
        }
    };
    let report = &looked.report;
    let states = report.states();
    let fails = report.undeclared == Undeclared::Fail;
    let hidden = if fails { report.unlisted.len() } else { 0 };
    let elsewhere: Vec<_> = unplanned(&[], &report.elsewhere).collect();
    // A finding that a case already reports needs no separate case.
    let is_reported = |finding: &&Diagnostic| {
        let mut unplanned = looked.unplanned();
        unplanned
            .any(|one| one.obstacle.code == finding.code && one.obstacle.reason == finding.message)
    };
    let errors: Vec<_> = looked
        .findings
        .iter()
        .filter(|finding| finding.is_error() && !is_reported(finding))
        .collect();
    let _ = writeln!(
        out,
        "  <testsuite name=\"{name}{of}\" tests=\"{}\" failures=\"{}\" errors=\"{}\">",
        states.total() + report.extras.len() + hidden + elsewhere.len() + errors.len(),
        states.different + if fails { report.extras.len() } else { 0 },
        states.unknown + hidden + elsewhere.len() + errors.len()
    );
    for judged in &report.resources {
        let case = escaped(&judged.key.to_string());
        let drifted = report.drifted.iter().find(|one| one.key == judged.key);
        let (element, message) = match judged.state {
            SyncState::InSync => {
                let _ = writeln!(out, "    <testcase classname=\"{name}\" name=\"{case}\"/>");
                continue;
            }
            SyncState::Different => {
                let whole = drifted.map(state).filter(|whole| !whole.is_empty());
                ("failure", whole.unwrap_or("differs from the manifests"))
            }
            SyncState::Unknown => ("error", "could not be compared completely"),
        };
        let _ = write!(
            out,
            "    <testcase classname=\"{name}\" name=\"{case}\">\n      <{element} message=\"{message}\">{}</{element}>\n    </testcase>\n",
            escaped(&lines(judged, drifted).join("\n"))
        );
    }
    for row in &report.extras {
        if !fails {
            let _ = write!(
                out,
                "    <testcase classname=\"{name}\" name=\"{}\">\n      <skipped message=\"no manifest declares it\"/>\n    </testcase>\n",
                escaped(&row.extra.key.to_string())
            );
            continue;
        }
        let _ = write!(
            out,
            "    <testcase classname=\"{name}\" name=\"{}\">\n      <failure message=\"no manifest declares it\"/>\n    </testcase>\n",
            escaped(&row.extra.key.to_string())
        );
    }
    for (kind, why) in report.unlisted.iter().filter(|_| fails) {
        let _ = write!(
            out,
            "    <testcase classname=\"{name}\" name=\"undeclared rows of {kind}\">\n      <error message=\"{}\"/>\n    </testcase>\n",
            escaped(why)
        );
    }
    for one in elsewhere {
        let _ = write!(
            out,
            "    <testcase classname=\"{name}\" name=\"{}\">\n      <error message=\"{}\"/>\n    </testcase>\n",
            escaped(&one.about()),
            escaped(&one.words())
        );
    }
    for finding in errors {
        let _ = write!(
            out,
            "    <testcase classname=\"{name}\" name=\"{}\">\n      <error message=\"{}\"/>\n    </testcase>\n",
            finding.code,
            escaped(&finding.message)
        );
    }
    let told: Vec<String> = told(looked).collect();
    if !told.is_empty() {
        let _ = writeln!(
            out,
            "    <system-out>{}</system-out>",
            escaped(&told.join("\n"))
        );
    }
    out.push_str("  </testsuite>\n");
}

/// What no case fails for: broken rules of rows that are as declared, accepted differences, expired rules, and warnings.
fn told(looked: &Looked) -> impl Iterator<Item = String> {
    let broken = broken_rules(&looked.report);
    let broken = broken.map(|broken| format!("contract: {broken}"));
    let accepted = looked.report.ignored.iter().map(|ignored| {
        let about = format!("{} {}", ignored.key, ignored.path);
        format!(
            "{} accepted until {}: {}",
            about.trim_end(),
            ignored.until,
            ignored.reason
        )
    });
    let warnings = looked.findings.iter().filter(|finding| !finding.is_error());
    let warnings = warnings.map(|finding| format!("{}: {}", finding.code, finding.message));
    let expired = looked.report.expired.iter().map(|expired| {
        format!(
            "a rule of `ignore` for {} accepts nothing after {}: {}",
            expired.resources, expired.until, expired.reason
        )
    });
    broken.chain(accepted).chain(expired).chain(warnings)
}

/// The differences of a resource, and the parts that could not be compared.
fn lines(judged: &Judged, drifted: Option<&Drifted>) -> Vec<String> {
    let differences = drifted.map_or(&[][..], |drifted| &drifted.differences);
    let alike = members_alike(differences);
    let differences = differences.iter().map(|difference| {
        let mut line = format!(
            "{} {} [{}]",
            difference.path,
            words(difference, &alike),
            verdict(difference)
        );
        for breaks in &difference.breaks {
            line.push_str(&format!("\n  {breaks}"));
        }
        line.trim().to_owned()
    });
    let unplanned = unplanned(std::slice::from_ref(judged), &[]);
    differences
        .chain(unplanned.map(|one| one.words()))
        .collect()
}

/// Escapes text for XML 1.0: markup is escaped, and characters that XML does not allow or that are invisible become their numbers.
pub(super) fn escaped(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(plain).collect();
    let mut out = String::with_capacity(text.len());
    for character in lines.join("\n").chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}
