//! No matter what live rows and manifests contain, they cannot control a terminal, a log, a comment or a program.

use deskstate_model::{Diagnostic, SourceMap, Span};
use deskstate_reconcile::blame::{Audit, Blame};
use deskstate_reconcile::check::{Keeping, LastWrite as Written, Source};
use deskstate_reconcile::plan_file::{self, About, Divergence, FileFinding, LastWrite, Report};
use deskstate_reconcile::who::{Basis, Candidate, Who};
use proptest::prelude::*;
use uuid::Uuid;

use super::check_report::{Among, CheckReport, Doubt, Fault, Rule, Wanted};
use super::html::hostile::{CORPUS, is_steering, plan, seen};
use super::markdown::{GITHUB_LIMIT, tests::check_inactive};
use super::places::Places;
use super::plan_text::{PlanText, Title};
use super::*;
use crate::commands::doctor::findings::tests::nothing;
use crate::commands::{explain, who};
use crate::door::LogCommand;
use crate::door::Page;

/// Renders the same hostile text with every text renderer. Returns the name of each renderer and its output.
fn texts(text: &str) -> Vec<(&'static str, String)> {
    let mut sources = SourceMap::default();
    let file = sources.add("manifests/a.yaml".to_owned(), text);
    let at = Span {
        file,
        start: 0,
        end: 0,
    };
    let plan = plan(text);
    let shown = PlanText {
        plan: &plan,
        sources: &sources,
        environment: "prod",
        address: "https://contoso.crm.dynamics.com",
        revision: None,
        transactions: Some(1),
        title: Title::Plan,
        explain_wire: false,
        reach: &[],
    };
    let places = Places {
        sources: &sources,
        prefix: "",
    };
    let found = [Diagnostic::warning("slug", format!("`{text}` and {text}"))
        .at(at, text)
        .help(text)];
    let report = Report {
        findings: vec![FileFinding::of(&found[0], "warning", &sources)],
        ..Report::default()
    };
    let about = About {
        environment: "prod",
        revision: Some(text),
        sources: &sources,
        reach: None,
        report: &report,
    };
    let seen = seen(text);
    let mut answer = Page::new();
    who::show(&agent(text), true, &mut answer);
    let sarif = sarif::render(&found, &places).expect("a log is JSON");
    let json = diagnostics_json::render(&found, &places).expect("findings are JSON");
    let plan_json = harmless_json(&plan_file::write(&plan, &nothing(), &about));
    let drift_json = drift_json::render(&seen, Some(text));
    let checked = checked(text, at);
    let check_json = check_json::render(&checked, Some(&sources));
    let check_sarif = sarif::render(&checked.diagnostics(), &places).expect("a log is JSON");
    for made in [
        &sarif,
        &json,
        &plan_json,
        &drift_json,
        &check_json,
        &check_sarif,
    ] {
        assert!(
            serde_json::from_str::<serde_json::Value>(made).is_ok(),
            "{made}"
        );
    }
    vec![
        ("plan", shown.page().to_string()),
        (
            "findings",
            diagnostics::render(&found, &sources, false, None).to_string(),
        ),
        ("findings as json", json),
        ("findings as sarif", sarif),
        ("plan as json", plan_json),
        ("divergence", diverging(text)),
        (
            "drift",
            drift_text::render(&seen, Some(text), true, true, true).to_string(),
        ),
        (
            "drift as markdown",
            drift_markdown::render(&seen, Some(text), GITHUB_LIMIT),
        ),
        ("drift as json", drift_json),
        ("drift as junit", drift_junit::render(&seen)),
        ("drift as metrics", drift_metrics::render(&seen)),
        ("check", check_text::render(&checked).to_string()),
        (
            "check as markdown",
            check_markdown::render(&checked, GITHUB_LIMIT),
        ),
        ("check as json", check_json),
        ("check as sarif", check_sarif),
        ("check as junit", check_junit::render(&checked)),
        ("who", answer.to_string()),
        ("explain", explain::unknown(text).to_string()),
    ]
}

/// A report with every way in which a rule can fail, in each of the three states.
pub(crate) fn checked(text: &str, span: Span) -> CheckReport {
    let own = || text.to_owned();
    let fault = |wanted| Fault {
        resource: Some(own()),
        field: own(),
        wanted,
        actual: text.into(),
        preferred: false,
        among: Among::Nearest,
        note: Some(own()),
        breaks: Some(own()),
        last_write: Some(Written {
            who: own(),
            when: Some(own()),
            source: Source::Auditing,
        }),
    };
    let rule = |keeping| Rule {
        contract: own(),
        rule: own(),
        about: own(),
        checked: 0,
        keeping,
        message: Some(own()),
        faults: [
            Wanted::Value(format!("{text}.").into()),
            Wanted::Form(own()),
            Wanted::SomeValue,
            Wanted::Member(own()),
            Wanted::ActiveMember(own()),
            Wanted::ToExist,
            Wanted::OneThatPasses,
        ]
        .map(fault)
        .into(),
        doubts: vec![Doubt {
            resource: Some(own()),
            field: own(),
            why: own(),
        }],
        span,
    };
    CheckReport {
        environment: own(),
        address: own(),
        requests: 1,
        audit: own(),
        rules: [Keeping::Kept, Keeping::Broken, Keeping::Unknown]
            .map(rule)
            .into(),
    }
}

fn agent(text: &str) -> Who {
    let candidate = |basis| Candidate {
        profile: text.to_owned(),
        id: Uuid::nil(),
        app: Some(text.to_owned()),
        rank: Some(1),
        basis,
        teams: vec![text.to_owned()],
    };
    Who {
        candidates: vec![
            candidate(Basis::Direct),
            candidate(Basis::Role(text.to_owned())),
        ],
        desktop: vec![("sessionTemplates", vec![text.to_owned()])],
        not_applied: vec![text.to_owned()],
        unseen: vec![text.to_owned()],
    }
}

fn diverging(text: &str) -> String {
    let sources = SourceMap::default();
    let about = About {
        environment: "prod",
        revision: None,
        sources: &sources,
        reach: None,
        report: &Report::default(),
    };
    let file = plan_file::read(&plan_file::write(&plan(text), &nothing(), &about))
        .expect("what is written can be read");
    let blame = Blame {
        audit: Audit::Off,
        ..Blame::default()
    };
    let last_write = Some(LastWrite {
        when: text.to_owned(),
        by: None,
    });
    file.changes
        .iter()
        .map(|change| {
            divergence::Divergent {
                divergence: &Divergence::New {
                    change: Box::new(change.clone()),
                    last_write: last_write.clone(),
                },
                plans: &[],
                blame: &blame,
            }
            .page()
            .to_string()
        })
        .chain([divergence::NotNeeded(&file.changes).page().to_string()])
        .collect()
}

/// Counts escape sequences. Our own colours must be the same, no matter what the text contains.
fn escapes(text: &str) -> usize {
    text.matches('\u{1b}').count()
}

fn check(text: &str) -> Result<(), String> {
    for ((name, out), (_, tame)) in texts(text).into_iter().zip(texts("tame")) {
        let steering = out.chars().find(|found| {
            (found.is_control() && !matches!(found, '\n' | '\u{1b}')) || is_steering(*found)
        });
        if let Some(found) = steering {
            return Err(format!("{name} holds {found:?}:\n{out}"));
        }
        // A long value, or one of several lines, is drawn as a diff, which has more lines and so more of our colours.
        let is_drawn = matches!(name, "plan");
        if !is_drawn && escapes(&out) != escapes(&tame) {
            return Err(format!("{name} is coloured by live text:\n{out}"));
        }
        let commanded = out.lines().any(|line| line.trim_start().starts_with("::"))
            || out.contains("##[")
            || out.contains("##vso[");
        if out
            .lines()
            .any(|line| line.trim_start().starts_with("FORGED"))
        {
            return Err(format!("{name} has a line of somebody else:\n{out}"));
        }
        if commanded {
            return Err(format!("a build's log would execute {name}:\n{out}"));
        }
    }
    Ok(())
}

/// Log commands are only ours: one for each finding.
fn check_annotations(text: &str) -> Result<(), String> {
    let mut sources = SourceMap::default();
    let file = sources.add(format!("manifests/{}.yaml", plain(text)), text);
    let at = Span {
        file,
        start: 0,
        end: 0,
    };
    let places = Places {
        sources: &sources,
        prefix: "",
    };
    let found = [Diagnostic::error("slug", text).at(at, text).help(text)];
    let log = |commands: &[LogCommand]| -> String {
        commands
            .iter()
            .map(|command| format!("{command}\n"))
            .collect()
    };
    let github = log(&annotations::github(&found, &places));
    let azure = log(&annotations::azure(&found, &places));
    for (host, out, command) in [("GitHub", github, "::error "), ("Azure", azure, "##vso[")] {
        let lines = out.lines().filter(|line| line.starts_with(command)).count();
        let steered = out
            .chars()
            .any(|found| (found.is_control() && found != '\n') || is_steering(found));
        if lines != 1 || out.lines().count() != 1 || steered || out.matches("##vso[").count() > 1 {
            return Err(format!("{host} receives more than we print:\n{out}"));
        }
    }
    Ok(())
}

/// Drift becomes a comment or an issue, where a mention would notify somebody.
fn check_drift_markdown(text: &str) {
    let made = drift_markdown::render(&seen(text), Some(text), GITHUB_LIMIT);
    let own = [
        "<!-- deskstate:drift -->",
        "## Drift",
        "### ",
        "<details><summary>1 resource differs</summary>",
        "</details>",
    ];
    // A table row is split into cells before their contents are parsed.
    let without_table: String = made
        .lines()
        .filter(|line| !line.starts_with("| environment") && !line.starts_with("| ---"))
        .map(|line| match line.strip_prefix('|') {
            Some(cells) => cells
                .split('|')
                .map(|cell| format!("{}\n", cell.trim()))
                .collect(),
            None => format!("{line}\n"),
        })
        .collect();
    check_inactive(&without_table, &own);
}

/// The result of a check becomes a ticket or a comment.
fn check_checked_markdown(text: &str) {
    let made = check_markdown::render(&checked(text, nowhere()), GITHUB_LIMIT);
    check_inactive(&made, &["## Check: ", "**broken**", "**unknown**"]);
}

pub(crate) fn nowhere() -> Span {
    Span {
        file: SourceMap::default().add("vendor.yaml", ""),
        start: 0,
        end: 0,
    }
}

#[test]
fn no_text_of_the_corpus_steers_an_output() {
    for text in CORPUS {
        assert_eq!(check(text), Ok(()), "{text:?}");
        assert_eq!(check_annotations(text), Ok(()), "{text:?}");
        check_drift_markdown(text);
        check_checked_markdown(text);
    }
}

#[test]
fn json_that_was_made_harmless_means_the_same() {
    let text = "a\u{7f}\u{202e}\u{e0001}##vso[x]\u{1b}é漢";
    let json = serde_json::json!({text: text}).to_string();
    let safe = harmless_json(&json);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&safe).expect("JSON"),
        serde_json::json!({text: text})
    );
    assert!(safe.contains("é漢") && !safe.contains("##vso["), "{safe}");
}

#[test]
fn of_very_many_new_resources_all_names_are_listed() {
    let shown = |creates: usize| {
        let mut plan = plan("tame");
        let change = plan.changes[0].clone();
        plan.changes = std::iter::repeat_n(change, creates).collect();
        for change in &mut plan.changes {
            change.action = deskstate_reconcile::plan::Action::Create;
        }
        PlanText {
            plan: &plan,
            sources: &SourceMap::default(),
            environment: "prod",
            address: "",
            revision: None,
            transactions: Some(1),
            title: Title::Plan,
            explain_wire: false,
            reach: &[],
        }
        .page()
        .to_string()
    };
    let (few, many) = (shown(30), shown(200));
    let name = plan("tame").changes[0].key.name.as_written().to_owned();
    assert!(few.contains("left to the server"));
    assert!(!many.contains("left to the server"));
    assert_eq!(many.matches(&format!("{name},")).count(), 199);
    assert!(many.lines().count() < 200 + 40, "{many}");
    assert!(many.contains("200 to create"));
}

#[test]
fn drift_that_is_too_long_for_an_issue_is_cut_and_says_so() {
    let many: Vec<_> = std::iter::repeat_with(|| seen("tame"))
        .take(400)
        .flatten()
        .collect();
    let made = drift_markdown::render(&many, None, GITHUB_LIMIT);
    assert!(made.chars().count() <= GITHUB_LIMIT, "{}", made.len());
    assert!(made.ends_with(" more did not fit here; `deskstate drift` shows all.\n"));
    assert_eq!(
        made.matches("<details>").count(),
        made.matches("</details>").count()
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_at_all_steers_an_output(pieces in proptest::collection::vec(
        prop_oneof![any::<String>(), proptest::sample::select(CORPUS).prop_map(str::to_owned)],
        0..5,
    )) {
        // Names are never empty.
        let text = format!("x{}", pieces.concat());
        prop_assert_eq!(check(&text), Ok(()));
        prop_assert_eq!(check_annotations(&text), Ok(()));
        check_drift_markdown(&text);
        check_checked_markdown(&text);
    }
}
