//! Drift as a test report: a suite for each environment, a case for each declared resource.

use std::fmt::Write;

use super::drift_report::{Seen, state, verdict, words};
use super::plain;

/// The whole report as JUnit XML.
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
    let failures = report.drifted.len() + report.extras.len();
    let tests = looked.resources.len() + report.extras.len();
    let errors: Vec<_> = looked
        .findings
        .iter()
        .filter(|finding| finding.is_error())
        .collect();
    let _ = writeln!(
        out,
        "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failures}\" errors=\"{}\">",
        tests + errors.len(),
        errors.len()
    );
    for key in &looked.resources {
        let case = escaped(&key.to_string());
        match report.drifted.iter().find(|drifted| drifted.key == *key) {
            None => {
                let _ = writeln!(out, "    <testcase classname=\"{name}\" name=\"{case}\"/>");
            }
            Some(drifted) => {
                let lines: Vec<String> = drifted
                    .differences
                    .iter()
                    .map(|difference| {
                        let mut line = format!(
                            "{} {} [{}]",
                            difference.path,
                            words(difference),
                            verdict(difference)
                        );
                        for breaks in &difference.breaks {
                            line.push_str(&format!("\n  {breaks}"));
                        }
                        line.trim().to_owned()
                    })
                    .collect();
                let message = match state(drifted) {
                    "" => "differs from the manifests",
                    other => other,
                };
                let _ = write!(
                    out,
                    "    <testcase classname=\"{name}\" name=\"{case}\">\n      <failure message=\"{message}\">{}</failure>\n    </testcase>\n",
                    escaped(&lines.join("\n"))
                );
            }
        }
    }
    for row in &report.extras {
        let _ = write!(
            out,
            "    <testcase classname=\"{name}\" name=\"{}\">\n      <failure message=\"no manifest declares it\"/>\n    </testcase>\n",
            escaped(&row.extra.key.to_string())
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
    out.push_str("  </testsuite>\n");
}

/// Text for XML 1.0: markup escaped, and what XML cannot hold or people cannot see shown as its number.
fn escaped(text: &str) -> String {
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
