//! Drift as metrics, in the text format of Prometheus.

use std::fmt::Write;

use deskstate_reconcile::plan::States;

use super::drift_report::{Looked, Seen, counts};

/// Renders all metrics, each with its help and type once.
pub(crate) fn render(seen: &[Seen]) -> String {
    let mut out = String::new();
    metric(
        &mut out,
        "deskstate_drift_up",
        "Whether the environment could be compared completely.",
        |out, name| {
            for one in seen {
                line(
                    out,
                    name,
                    &[("environment", &one.environment)],
                    usize::from(one.outcome().is_complete()),
                );
            }
        },
    );
    let looked: Vec<_> = seen
        .iter()
        .filter_map(|one| Some((one.environment.as_str(), one.looked.as_ref().ok()?)))
        .collect();
    let complete = |looked: &Looked| looked.outcome().is_complete();
    metric(
        &mut out,
        "deskstate_drift_differences",
        "Differences between manifests and live state, by class.",
        |out, name| {
            for (environment, looked) in &looked {
                for (class, number) in counts(&looked.report) {
                    line(
                        out,
                        name,
                        &[("environment", environment), ("class", class.code())],
                        number,
                    );
                }
            }
        },
    );
    metric(
        &mut out,
        "deskstate_drift_resources",
        "Declared resources, by state.",
        |out, name| {
            for (environment, looked) in &looked {
                let States {
                    in_sync,
                    different,
                    unknown,
                } = looked.report.states();
                // An environment that was not fully compared gets no number that looks like good news.
                let as_declared = complete(looked).then_some(("as_declared", in_sync));
                let others = [("drifted", different), ("unknown", unknown)];
                for (state, number) in as_declared.into_iter().chain(others) {
                    line(
                        out,
                        name,
                        &[("environment", environment), ("state", state)],
                        number,
                    );
                }
            }
        },
    );
    metric(
        &mut out,
        "deskstate_drift_extras",
        "Live rows under owned prefixes that no manifest declares.",
        |out, name| {
            // If rows may be hidden, the number is unknown.
            let listed = looked
                .iter()
                .filter(|(_, looked)| looked.report.unlisted.is_empty());
            for (environment, looked) in listed {
                line(
                    out,
                    name,
                    &[("environment", environment)],
                    looked.report.extras.len(),
                );
            }
        },
    );
    metric(
        &mut out,
        "deskstate_drift_contracts_broken",
        "Contract rules that the environment breaks.",
        |out, name| {
            for (environment, looked) in &looked {
                let broken = looked
                    .report
                    .broken
                    .iter()
                    .filter(|broken| broken.finding.problem.is_error());
                line(out, name, &[("environment", environment)], broken.count());
            }
        },
    );
    metric(
        &mut out,
        "deskstate_drift_expired_rules",
        "Expired rules for accepted drift.",
        |out, name| {
            for (environment, looked) in &looked {
                line(
                    out,
                    name,
                    &[("environment", environment)],
                    looked.report.expired.len(),
                );
            }
        },
    );
    metric(
        &mut out,
        "deskstate_drift_requests",
        "HTTP requests sent to read the environment.",
        |out, name| {
            for (environment, looked) in &looked {
                let requests = usize::try_from(looked.requests).unwrap_or(usize::MAX);
                line(out, name, &[("environment", environment)], requests);
            }
        },
    );
    out
}

fn metric(out: &mut String, name: &str, help: &str, lines: impl Fn(&mut String, &str)) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
    lines(out, name);
}

fn line(out: &mut String, name: &str, labels: &[(&str, &str)], value: usize) {
    let labels: Vec<String> = labels
        .iter()
        .map(|(key, value)| {
            let value = super::plain(value)
                .replace('\\', "\\\\")
                .replace('"', "\\\"");
            format!("{key}=\"{value}\"")
        })
        .collect();
    let _ = writeln!(out, "{name}{{{}}} {value}", labels.join(","));
}
