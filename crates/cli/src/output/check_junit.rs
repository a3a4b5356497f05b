//! The report of `check` as test results: a suite for each contract, a case for each rule.

use std::fmt::Write;

use deskstate_reconcile::check::Keeping;

use super::check_report::{CheckReport, Rule};
use super::drift_junit::escaped;

/// Renders the report as JUnit XML.
pub(crate) fn render(report: &CheckReport) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"deskstate check\">\n",
    );
    for suite in report
        .rules
        .chunk_by(|left, right| left.contract == right.contract)
    {
        let number = |wanted| suite.iter().filter(|rule| rule.keeping == wanted).count();
        let name = escaped(&suite[0].contract);
        let _ = writeln!(
            out,
            "  <testsuite name=\"{name}\" hostname=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\">",
            escaped(&report.environment),
            suite.len(),
            number(Keeping::Broken),
            number(Keeping::Unknown)
        );
        for rule in suite {
            case(rule, &name, &mut out);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn case(rule: &Rule, suite: &str, out: &mut String) {
    let name = escaped(&rule.rule);
    let faults = rule.faults.iter().map(|fault| {
        let breaks = fault.breaks.as_ref();
        let breaks = breaks.map(|breaks| format!("breaks: {breaks}"));
        let lines = [Some(fault.words()), breaks, fault.writer()];
        lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
    });
    let doubts = rule
        .doubts
        .iter()
        .map(|doubt| format!("unknown: {}", doubt.words()));
    let text = escaped(&faults.chain(doubts).collect::<Vec<_>>().join("\n"));
    let (element, message) = match rule.keeping {
        Keeping::Kept if text.is_empty() => {
            let _ = writeln!(out, "    <testcase classname=\"{suite}\" name=\"{name}\"/>");
            return;
        }
        // A differing preferred value is not a failure.
        Keeping::Kept => {
            let _ = write!(
                out,
                "    <testcase classname=\"{suite}\" name=\"{name}\">\n      <system-out>{text}</system-out>\n    </testcase>\n"
            );
            return;
        }
        Keeping::Broken => ("failure", "the environment breaks the rule"),
        Keeping::Unknown => ("error", "the rule could not be judged"),
    };
    let _ = write!(
        out,
        "    <testcase classname=\"{suite}\" name=\"{name}\">\n      <{element} message=\"{message}\">{text}</{element}>\n    </testcase>\n"
    );
}
