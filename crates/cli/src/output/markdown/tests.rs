//! The comment as it is posted, hostile text in every place, and the size limit.

use deskstate_model::{Diagnostic, Kind, ResourceKey, SourceMap, Span, UniqueName};
use deskstate_reconcile::plan::{Action, Change, Difference, FieldChange, Judged, Plan, Reason};
use deskstate_reconcile::reach::Reached;
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::output::plan_text::Title;

fn change(
    kind: Kind,
    name: &str,
    action: Action,
    at: Option<Span>,
    fields: Vec<FieldChange>,
) -> Change {
    Change {
        key: ResourceKey {
            kind,
            name: UniqueName::new(name),
        },
        id: Uuid::nil(),
        action,
        reason: Reason::FieldsDiffer,
        declared_at: at,
        fields,
        operations: Vec::new(),
        left_to_server: Vec::new(),
        kept: Vec::new(),
    }
}

fn field(path: &str, difference: Difference) -> FieldChange {
    FieldChange {
        path: path.to_owned(),
        difference,
        span: None,
        wire: String::new(),
    }
}

fn value(path: &str, before: serde_json::Value, after: serde_json::Value) -> FieldChange {
    field(path, Difference::Value { before, after })
}

fn plan(changes: Vec<Change>) -> Plan {
    Plan {
        resources: (0..14)
            .map(|number| {
                let key = ResourceKey::new(Kind::APPLICATION_TAB, &format!("contoso_{number}"));
                Judged::new(key, None, !changes.is_empty() && number < 4, Vec::new())
            })
            .collect(),
        changes,
        ..Plan::default()
    }
}

fn reached(agents: &str, how: &str) -> Reached {
    Reached {
        agents: agents.to_owned(),
        how: how.to_owned(),
    }
}

fn text<'a>(plan: &'a Plan, sources: &'a SourceMap, reach: &'a [Option<Reached>]) -> PlanText<'a> {
    PlanText {
        plan,
        sources,
        environment: "prod",
        address: "https://contoso.crm.dynamics.com",
        revision: Some("4f2c9e1"),
        transactions: Some(1),
        title: Title::Plan,
        explain_wire: false,
        reach,
    }
}

#[test]
fn a_comment_shows_counts_dangers_and_agents_in_the_open_and_folds_the_rest() {
    let mut sources = SourceMap::default();
    let file = sources.add("manifests/sessions.yaml", "kind: SessionTemplate\n");
    let at = Span {
        file,
        start: 0,
        end: 4,
    };
    let plan = plan(vec![
        change(
            Kind::NOTIFICATION_TEMPLATE,
            "CTI_inboundCallNotification",
            Action::Create,
            Some(at),
            vec![value("title", json!(null), json!("{headerText}"))],
        ),
        change(
            Kind::SESSION_TEMPLATE,
            "CTI_createSession",
            Action::Update,
            Some(at),
            vec![
                value("communicationPanelMode", json!("Hidden"), json!("Docked")),
                field(
                    "additionalTabs",
                    Difference::Added {
                        member: "tenfold_history".to_owned(),
                        note: None,
                    },
                ),
                value("description", json!("one\ntwo\n"), json!("one\nthree\n")),
            ],
        ),
        change(
            Kind::APPLICATION_TAB,
            "tenfold_old",
            Action::Delete,
            None,
            Vec::new(),
        ),
    ]);
    let reach = [
        None,
        Some(reached(
            "reaches 42 agents",
            "assigned directly to tenfold_appProfile",
        )),
        None,
    ];
    let findings = [
        Diagnostic::warning(
            "user-moves",
            "`lin@contoso.com` leaves `contoso_backoffice` (one profile per user)",
        )
        .at(at, "here"),
        Diagnostic::error(
            "removal-threshold",
            "1 of 3 resources would be deleted, 20% is the limit",
        ),
    ];
    let shown = text(&plan, &sources, &reach);
    let comment = PlanMarkdown {
        shown: &shown,
        findings: &findings,
        limit: GITHUB_LIMIT,
        report_url: None,
    }
    .render();
    insta::assert_snapshot!(comment);
}

#[test]
fn a_comment_without_changes_is_short() {
    let sources = SourceMap::default();
    let plan = plan(Vec::new());
    let shown = text(&plan, &sources, &[]);
    let comment = PlanMarkdown {
        shown: &shown,
        findings: &[],
        limit: GITHUB_LIMIT,
        report_url: None,
    }
    .render();
    insta::assert_snapshot!(comment, @r"
    <!-- deskstate:plan:prod -->
    ### Plan for `prod`: no changes

    Environment: `https://contoso.crm.dynamics.com` · manifests at `4f2c9e1` · 14 resources, 14 in sync
    ");
}

#[test]
fn a_comment_that_is_too_long_says_what_is_missing_and_where_it_is() {
    let sources = SourceMap::default();
    let many = (0..1000)
        .map(|number| {
            let fields = vec![value(
                "description",
                json!("x".repeat(100)),
                json!("y".repeat(100)),
            )];
            change(
                Kind::APPLICATION_TAB,
                &format!("contoso_tab{number}"),
                Action::Update,
                None,
                fields,
            )
        })
        .collect();
    let plan = plan(many);
    let shown = text(&plan, &sources, &[]);
    for limit in [GITHUB_LIMIT, AZURE_DEVOPS_LIMIT] {
        let comment = PlanMarkdown {
            shown: &shown,
            findings: &[],
            limit,
            report_url: Some("https://ci.example/run/1"),
        }
        .render();
        assert!(
            length(&comment) <= limit && length(&comment) > limit - 500,
            "{}",
            length(&comment)
        );
        assert!(comment.contains("of 1000 changes are shown in full"));
        assert!(comment.contains("[The whole plan](https://ci.example/run/1)"));
        assert_eq!(
            comment.matches("<details>").count(),
            comment.matches("</details>").count()
        );
        assert_eq!(comment.matches("```").count(), 2, "the block is closed");
    }
}

#[test]
fn a_comment_made_for_a_longer_limit_is_cut_and_closed() {
    let sources = SourceMap::default();
    let fields = vec![value(
        "description",
        json!("x".repeat(1000)),
        json!("y".repeat(1000)),
    )];
    let many = (0..100)
        .map(|number| {
            change(
                Kind::APPLICATION_TAB,
                &format!("contoso_tab{number}"),
                Action::Update,
                None,
                fields.clone(),
            )
        })
        .collect();
    let plan = plan(many);
    let shown = text(&plan, &sources, &[]);
    let long = PlanMarkdown {
        shown: &shown,
        findings: &[],
        limit: AZURE_DEVOPS_LIMIT,
        report_url: None,
    }
    .render();
    assert!(length(&long) > GITHUB_LIMIT);
    let short = fit(&long, GITHUB_LIMIT);
    assert!(
        length(&short) <= GITHUB_LIMIT && length(&short) > GITHUB_LIMIT - 3000,
        "{}",
        length(&short)
    );
    assert!(short.ends_with("```\n\n</details>\n\n**Cut here:** the rest did not fit into 65536 characters. `deskstate plan --env NAME` shows all of it.\n"));
    assert_eq!(fit(&short, GITHUB_LIMIT), short);
    let linked = PlanMarkdown {
        report_url: Some("https://ci.example/runs/1"),
        ..PlanMarkdown {
            shown: &shown,
            findings: &[],
            limit: AZURE_DEVOPS_LIMIT,
            report_url: None,
        }
    };
    let short = fit(&linked.render(), GITHUB_LIMIT);
    assert!(
        short.ends_with("[The whole plan](https://ci.example/runs/1) is with the run.\n"),
        "{short}"
    );
}

#[test]
fn a_marker_cannot_be_ended_by_the_name_of_an_environment() {
    assert_eq!(
        marker("a--><script>"),
        "<!-- deskstate:plan:a-%2Dscript -->"
    );
}

/// Texts that somebody might put into a live row to be active in a comment.
const HOSTILE: &[&str] = &[
    "@octocat",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</details>",
    "```\n# injected\n",
    "````",
    "~~~\nx",
    "[click](javascript:alert(1))",
    "![x](https://evil.example/x.png)",
    "\u{1b}[31mred\u{1b}[0m",
    "\u{202e}gpj.exe",
    "a\r\nb\u{0}c\u{7f}\u{85}",
    "<!-- deskstate:plan:prod -->",
    "`code` ` @x",
    "| a | b |",
    "&lt;b&gt; &#64;octocat",
    "https://evil.example/ www.evil.example a@b.example",
    "#1 GH-1 owner/repo#1 AB#1 !1",
    "##vso[task.setvariable variable=x]y",
    "::add-mask::x",
    "- [ ] task\n> quote\n# head\n***\n",
    "$\\sqrt{x}$",
    "\u{2028}\u{2029}\u{feff}",
];

/// The text that a renderer would interpret: everything outside code spans, fenced blocks and our own tags.
pub(crate) fn active_text(comment: &str) -> String {
    let mut active = String::new();
    let mut fence: Option<String> = None;
    for line in comment.lines() {
        if let Some(open) = &fence {
            if line.trim_end() == open {
                fence = None;
            }
            continue;
        }
        if let Some(opened) = opened_fence(line) {
            fence = Some(opened.to_owned());
            continue;
        }
        active.push_str(&without_code_spans(line));
        active.push('\n');
    }
    assert!(fence.is_none(), "a fence is left open:\n{comment}");
    active
}

/// CommonMark 0.31, section 6.1: a span ends at a run of backticks of the same length as the run that started it.
fn without_code_spans(line: &str) -> String {
    let characters: Vec<char> = line.chars().collect();
    let run_at = |at: usize| {
        characters[at..]
            .iter()
            .take_while(|character| **character == '`')
            .count()
    };
    let mut kept = String::new();
    let mut at = 0;
    while at < characters.len() {
        let open = run_at(at);
        if open == 0 {
            kept.push(characters[at]);
            at += 1;
            continue;
        }
        let mut end = at + open;
        while end < characters.len() && run_at(end) != open {
            end += run_at(end).max(1);
        }
        assert!(end < characters.len(), "a code span is left open: {line}");
        kept.push('·');
        at = end + open;
    }
    kept
}

fn check_harmless(hostile: &str, limit: usize) {
    let mut sources = SourceMap::default();
    let file = sources.add(format!("manifests/{hostile}.yaml"), hostile);
    let at = Span {
        file,
        start: 0,
        end: 0,
    };
    let note = Some(hostile.to_owned());
    let fields = vec![
        value(hostile, json!(hostile), json!({hostile: [hostile]})),
        value("title", json!(hostile), json!(hostile)),
        value(
            "long",
            json!(format!("{hostile}\n{hostile}\n")),
            json!(hostile.repeat(50)),
        ),
        field(
            "users",
            Difference::Added {
                member: hostile.to_owned(),
                note: note.clone(),
            },
        ),
        field(
            "users",
            Difference::Removed {
                member: hostile.to_owned(),
                note,
            },
        ),
        field(
            "type",
            Difference::Copy {
                column: "msdyn_type",
                after: json!(hostile),
            },
        ),
    ];
    let changes = [Action::Create, Action::Update, Action::Delete]
        .into_iter()
        .map(|action| {
            change(
                Kind::CIF_PROVIDER,
                hostile,
                action,
                Some(at),
                fields.clone(),
            )
        })
        .collect();
    let plan = plan(changes);
    let reach = vec![Some(reached(hostile, hostile)); 3];
    let findings = vec![Diagnostic::error("x", hostile).at(at, hostile); 30];
    let mut shown = text(&plan, &sources, &reach);
    shown.address = hostile;
    shown.revision = Some(hostile);
    let comment = PlanMarkdown {
        shown: &shown,
        findings: &findings,
        limit,
        report_url: Some("https://ci.example/1"),
    }
    .render();
    assert!(length(&comment) <= limit, "{} characters", length(&comment));
    assert!(
        comment
            .chars()
            .all(|character| character == '\n' || !character.is_control()),
        "a control character in\n{comment}"
    );
    assert!(!comment.chars().any(|character| matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')));
    assert!(!comment.contains("##vso["));
    let own = [
        "<!-- deskstate:plan:prod -->",
        "<details><summary>3 changes</summary>",
        "</details>",
        "https://ci.example/1",
        "### ",
    ];
    check_inactive(&comment, &own);
}

/// Checks that only our own words are active. Each may occur twice.
pub(crate) fn check_inactive(comment: &str, own: &[&str]) {
    let active = own.iter().fold(active_text(comment), |text, ours| {
        text.replacen(ours, "", 2)
    });
    // A line that begins with a tag is HTML as a whole, in which a code span is none.
    for line in comment.lines().filter(|line| line.starts_with('<')) {
        assert!(own.contains(&line), "text in a line of HTML:\n{line}");
    }
    for sign in ['@', '<', '>', '&', '#', '|', '$', '~', '\\', '!', '_', '^'] {
        assert!(!active.contains(sign), "`{sign}` is active in\n{active}");
    }
    assert!(
        !active.contains("://") && !active.contains("www."),
        "a link is active in\n{active}"
    );
}

#[test]
fn hostile_text_is_harmless_in_every_place() {
    for hostile in HOSTILE {
        check_harmless(hostile, GITHUB_LIMIT);
        check_harmless(&hostile.repeat(40), GITHUB_LIMIT);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_text_is_active_or_breaks_the_limit(
        pieces in proptest::collection::vec(prop_oneof![
            proptest::sample::select(HOSTILE).prop_map(str::to_owned),
            "\\PC{0,12}",
            any::<String>(),
        ], 0..8),
    ) {
        check_harmless(&pieces.concat(), GITHUB_LIMIT);
    }
}
