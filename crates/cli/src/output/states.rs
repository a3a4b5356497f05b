//! No format may ignore the third state: every renderer is tested with the same plans and reports, in all mixtures of states.

use deskstate_model::{Kind, Manifests, ResourceKey, SourceMap, Undeclared};
use deskstate_reconcile::drift::{self as found, Class, DriftState, Drifted, Shift};
use deskstate_reconcile::plan::{
    Action, Change, Difference, Elsewhere, FieldChange, Judged, Obstacle, Plan, Reason, SyncState,
};

use super::drift_report::{Looked, Outcome, Seen, Way};
use super::html::{self, Report};
use super::markdown::{GITHUB_LIMIT, PlanMarkdown};
use super::plan_text::{PlanText, Title};
use super::{drift_json, drift_junit, drift_markdown, drift_metrics, drift_text};
use crate::specs::Specs;

/// Sentences that must not appear while something is unknown.
const ALL_IS_WELL: [&str; 9] = [
    "matches the manifests",
    "no changes",
    "as in the manifests",
    "as declared",
    "nothing differs",
    "Nothing to do",
    "are equal",
    "\"status\": \"inSync\"",
    "state=\"as_declared\"",
];

const HIDDEN: &str = "the caller may not read it";

const RULE: &str = "contract `guide/profile`";

/// All combinations of states for three resources, with and without unknown undeclared rows.
fn mixtures() -> impl Iterator<Item = (Vec<SyncState>, bool)> {
    let states = SyncState::ALL;
    states.into_iter().flat_map(move |one| {
        states.into_iter().flat_map(move |two| {
            states.into_iter().flat_map(move |three| {
                [false, true].map(|elsewhere| (vec![one, two, three], elsewhere))
            })
        })
    })
}

fn key(number: usize) -> ResourceKey {
    ResourceKey::new(Kind::APPLICATION_TAB, &format!("contoso_tab{number}"))
}

fn hidden() -> Obstacle {
    Obstacle {
        path: "users".to_owned(),
        state: SyncState::Unknown,
        code: "unreadable",
        reason: HIDDEN.to_owned(),
        span: None,
    }
}

fn unknown_rule() -> Elsewhere {
    Elsewhere {
        about: RULE.to_owned(),
        obstacle: Obstacle {
            path: String::new(),
            ..hidden()
        },
    }
}

/// Resources in these states. Every second different one, and every second unknown one, has a change.
fn judged(states: &[SyncState]) -> Vec<Judged> {
    let judged = states.iter().enumerate().map(|(number, state)| {
        let obstacles = match state {
            SyncState::InSync | SyncState::Different => Vec::new(),
            SyncState::Unknown => vec![hidden()],
        };
        Judged::new(key(number), None, changes(number, *state), obstacles)
    });
    judged.collect()
}

fn changes(number: usize, state: SyncState) -> bool {
    match state {
        SyncState::InSync => false,
        SyncState::Different => true,
        SyncState::Unknown => number.is_multiple_of(2),
    }
}

fn plan(states: &[SyncState], elsewhere: bool) -> Plan {
    let changed = states.iter().enumerate();
    let changed = changed.filter(|(number, state)| changes(*number, **state));
    Plan {
        changes: changed
            .map(|(number, _)| Change {
                key: key(number),
                id: uuid::Uuid::nil(),
                action: Action::Update,
                reason: Reason::FieldsDiffer,
                declared_at: None,
                fields: vec![FieldChange {
                    path: "title".to_owned(),
                    difference: Difference::Value {
                        before: "a".into(),
                        after: "b".into(),
                    },
                    span: None,
                    wire: "x.y".to_owned(),
                }],
                operations: Vec::new(),
                left_to_server: Vec::new(),
                kept: Vec::new(),
            })
            .collect(),
        resources: judged(states),
        elsewhere: elsewhere.then(unknown_rule).into_iter().collect(),
        ..Plan::default()
    }
}

fn plan_in_every_format(plan: &Plan) -> Vec<(&'static str, String)> {
    let sources = SourceMap::default();
    let shown = PlanText {
        plan,
        sources: &sources,
        environment: "prod",
        address: "https://contoso.crm.dynamics.com",
        revision: None,
        transactions: Some(1),
        title: Title::Plan,
        explain_wire: false,
        reach: &[],
    };
    let comment = PlanMarkdown {
        shown: &shown,
        findings: &[],
        limit: GITHUB_LIMIT,
        report_url: None,
    };
    let page = html::report(&Report {
        shown: &shown,
        manifests: &Manifests::default(),
        live: &Specs::default(),
        findings: &[],
        next: "",
    });
    vec![
        ("text", shown.page().to_string()),
        ("Markdown", comment.render()),
        ("HTML", page),
    ]
}

fn seen(states: &[SyncState], elsewhere: bool) -> Seen {
    let drifted = states.iter().enumerate();
    let drifted = drifted.filter(|(number, state)| changes(*number, **state));
    let report = found::Report {
        resources: judged(states),
        drifted: drifted
            .map(|(number, _)| Drifted {
                key: key(number),
                id: uuid::Uuid::nil(),
                state: DriftState::Changed,
                declared_at: None,
                differences: vec![found::Difference {
                    path: "title".to_owned(),
                    shift: Shift::Value {
                        declared: "b".into(),
                        live: "a".into(),
                    },
                    class: Class::EditedByHand,
                    evidence: "ada".to_owned(),
                    who: None,
                    when: None,
                    breaks: Vec::new(),
                    span: None,
                    wire: "x.y".to_owned(),
                }],
            })
            .collect(),
        unlisted: elsewhere
            .then(|| (Kind::PANE_TOOL, HIDDEN.to_owned()))
            .into_iter()
            .collect(),
        undeclared: Undeclared::Fail,
        ..found::Report::default()
    };
    Seen {
        environment: "prod".to_owned(),
        looked: Ok(Looked {
            address: "https://contoso.crm.dynamics.com".to_owned(),
            sources: SourceMap::default(),
            report,
            findings: Vec::new(),
            reaches: Vec::new(),
            selection: false,
            way: Way::default(),
            requests: 1,
            picture: None,
        }),
    }
}

fn drift_in_every_format(seen: &[Seen]) -> Vec<(&'static str, String)> {
    let matrix = seen.len() > 1;
    vec![
        (
            "text",
            drift_text::render(seen, None, matrix, false, false).to_string(),
        ),
        ("Markdown", drift_markdown::render(seen, None, GITHUB_LIMIT)),
        ("JSON", drift_json::render(seen, None)),
        ("JUnit", drift_junit::render(seen)),
        ("metrics", drift_metrics::render(seen)),
        ("HTML", html::drift(seen, None)),
    ]
}

/// A page without its own styles and scripts.
fn words(text: &str) -> &str {
    text.split_once("<body").map_or(text, |(_, body)| body)
}

fn says_so(format: &str, text: &str, what: &str) {
    let text = words(text);
    for sentence in ALL_IS_WELL {
        assert!(
            !text.contains(sentence),
            "{what} as {format}: `{sentence}` in\n{text}"
        );
    }
    let reports = if format == "metrics" {
        text.contains("deskstate_drift_up{environment=\"prod\"} 0")
    } else {
        text.contains(HIDDEN)
    };
    assert!(reports, "{what} as {format} does not say why:\n{text}");
}

#[test]
fn no_format_says_that_all_is_well_while_something_is_unknown() {
    for (states, elsewhere) in mixtures() {
        let what = format!("{states:?} {elsewhere}");
        let unknown = elsewhere || states.contains(&SyncState::Unknown);
        let planned = plan(&states, elsewhere);
        assert_eq!(planned.state() == SyncState::Unknown, unknown, "{what}");
        let looked = seen(&states, elsewhere);
        assert_eq!(looked.outcome() == Outcome::Incomplete, unknown, "{what}");
        if !unknown {
            continue;
        }
        for (format, text) in plan_in_every_format(&planned) {
            says_so(format, &text, &what);
        }
        for (format, text) in drift_in_every_format(&[looked]) {
            says_so(format, &text, &what);
        }
    }
    for (states, _) in mixtures() {
        let what = format!("{states:?} and a rule");
        let mut looked = seen(&states, false);
        if let Ok(looked) = &mut looked.looked {
            looked.report.elsewhere = vec![unknown_rule()];
        }
        assert_eq!(looked.outcome(), Outcome::Incomplete, "{what}");
        for (format, text) in drift_in_every_format(&[looked]) {
            says_so(format, &text, &what);
            assert!(
                format == "metrics" || text.contains("guide/profile"),
                "{what} as {format}:\n{text}"
            );
        }
    }
}

#[test]
fn where_everything_is_known_and_alike_every_format_says_so() {
    let states = [SyncState::InSync; 3];
    for ((format, text), wanted) in plan_in_every_format(&plan(&states, false)).iter().zip([
        "matches the manifests",
        "no changes",
        "matches the manifests",
    ]) {
        assert!(text.contains(wanted), "{format}: {text}");
    }
    let wanted = [
        "matches the manifests",
        "| in sync |",
        "\"status\": \"inSync\"",
        "failures=\"0\" errors=\"0\"",
        "state=\"as_declared\"} 3",
        "Nothing to do",
    ];
    for ((format, text), wanted) in drift_in_every_format(&[seen(&states, false)])
        .iter()
        .zip(wanted)
    {
        assert!(text.contains(wanted), "{format}: {text}");
    }
}
