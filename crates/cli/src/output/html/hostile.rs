//! No matter what live rows and manifests contain, the pages stay intact: text never becomes markup, and nothing controls a terminal.

use deskstate_model::{Diagnostic, Kind, Manifests, ResourceKey, SourceMap};
use deskstate_reconcile::drift::{self as found, Class, DriftState, Drifted, Shift};
use deskstate_reconcile::plan::{
    Action, Change, Difference, Elsewhere, FieldChange, Judged, Obstacle, Plan, Reason, SyncState,
};
use deskstate_reconcile::reach::Reached;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::desktop::{Screens, screens};
use super::{Report, drift, report};
use crate::graph::{Embedding, dot, mermaid, svg};
use crate::output::drift_report::{Looked, Seen, Way};
use crate::output::hostile::{checked, nowhere};
use crate::output::plan_text::{PlanText, Title};
use crate::preview::Preview;
use crate::specs::Specs;

/// Hostile texts in places where only a name belongs.
pub(crate) const CORPUS: &[&str] = &[
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</title></style></textarea><img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "<!--",
    "]]>",
    "&lt;b&gt;&amp;",
    "{{constructor.constructor('alert(1)')()}}",
    "\u{1b}[31mred\u{1b}[0m\u{1b}]8;;https://evil.example\u{7}",
    "\u{202e}gnirts\u{2066}\u{200f}",
    "a\u{0}b\u{8}c\r\nd\u{2028}e\u{85}f",
    "::error file=x::y",
    "a\nFORGED line",
    "##vso[task.setvariable variable=x]y",
    "@everyone `rm -rf` *b* [x](https://evil.example)",
    "{<img src=x onerror=alert(1)>}",
    "${\"><script>}",
];

fn change(text: &str, action: Action, difference: Difference) -> Change {
    Change {
        key: ResourceKey::new(Kind::SESSION_TEMPLATE, text),
        id: uuid::Uuid::nil(),
        action,
        reason: Reason::Declared,
        declared_at: None,
        fields: vec![FieldChange {
            path: text.to_owned(),
            difference,
            span: None,
            wire: text.to_owned(),
        }],
        operations: Vec::new(),
        left_to_server: vec!["description"],
        kept: Vec::new(),
    }
}

/// All fields that a page shows, each with the same hostile text.
fn specs(text: &str) -> Specs {
    let value = || Json::from(text);
    Specs::of_json(&[
        (
            Kind::APP_PROFILE,
            text,
            json!({"displayName": value(), "sessionTemplates": [text, "other"], "channelProviders": [text],
                "productivityPane": text, "users": [text], "allActiveChannels": true}),
        ),
        (
            Kind::SESSION_TEMPLATE,
            text,
            json!({"displayName": value(), "title": value(), "type": "Entity", "entity": value(),
                "additionalTabs": [text], "scripts": [text]}),
        ),
        (
            Kind::APPLICATION_TAB,
            text,
            json!({"displayName": value(), "title": value(), "pageType": value(), "parameters": {text: value(), "json": {text: text}}}),
        ),
        (
            Kind::CHANNEL_PROVIDER,
            text,
            json!({"label": value(), "channelUrl": format!("https://{text}/")}),
        ),
        (
            Kind::PRODUCTIVITY_PANE,
            text,
            json!({"tools": [{"tool": text, "displayName": text}]}),
        ),
        (
            Kind::NOTIFICATION_TEMPLATE,
            text,
            json!({"displayName": value(), "title": value(), "acceptButton": value(), "rejectButton": value(),
                "desktopNotifications": value(), "timeoutSeconds": 3, "fields": [{"header": text, "value": text}, {"shared": text}]}),
        ),
    ])
}

/// Drift with the same hostile text everywhere, of one environment that was read and one that was not.
pub(crate) fn seen(text: &str) -> Vec<Seen> {
    let difference = |shift| found::Difference {
        path: text.to_owned(),
        shift,
        class: Class::EditedByHand,
        evidence: text.to_owned(),
        who: Some(text.to_owned()),
        when: Some(text.to_owned()),
        breaks: vec![text.to_owned()],
        span: None,
        wire: text.to_owned(),
    };
    let differences = vec![
        difference(Shift::Value {
            declared: Json::from(text),
            live: json!({text: text}),
        }),
        difference(Shift::Gained {
            member: text.to_owned(),
        }),
        difference(Shift::Value {
            declared: json!([text]),
            live: json!(["tame"]),
        }),
    ];
    let key = ResourceKey::new(Kind::APP_PROFILE, text);
    let drifted = Drifted {
        key: key.clone(),
        id: uuid::Uuid::nil(),
        state: DriftState::Changed,
        declared_at: None,
        differences,
    };
    let looked = Looked {
        address: text.to_owned(),
        sources: SourceMap::default(),
        report: found::Report {
            resources: vec![unknown(text)],
            drifted: vec![drifted],
            elsewhere: elsewhere(text),
            ..found::Report::default()
        },
        findings: vec![Diagnostic::warning("hostile", text)],
        reaches: vec![(key, text.to_owned())],
        selection: false,
        way: Way::default(),
        requests: 1,
        picture: None,
    };
    vec![
        Seen {
            environment: text.to_owned(),
            looked: Ok(looked),
        },
        Seen {
            environment: text.to_owned(),
            looked: Err(text.to_owned()),
        },
    ]
}

/// A plan with every type of difference, each with the same hostile text.
pub(crate) fn plan(text: &str) -> Plan {
    let value = |text: &str| Json::from(text);
    let member = || text.to_owned();
    let changes = vec![
        change(
            text,
            Action::Create,
            Difference::Value {
                before: Json::Null,
                after: value(text),
            },
        ),
        change(
            text,
            Action::Update,
            Difference::Value {
                before: value(text),
                after: json!({text: [text, 1]}),
            },
        ),
        change(
            text,
            Action::Update,
            Difference::Value {
                before: json!(["tame"]),
                after: json!([text]),
            },
        ),
        change(
            text,
            Action::Update,
            Difference::Value {
                before: value("a\nb"),
                after: value(&format!("a\n{text}")),
            },
        ),
        change(
            text,
            Action::Update,
            Difference::Copy {
                column: "msdyn_type",
                after: value(text),
            },
        ),
        change(
            text,
            Action::Update,
            Difference::Added {
                member: member(),
                note: Some(member()),
            },
        ),
        change(
            text,
            Action::Delete,
            Difference::Removed {
                member: member(),
                note: Some(member()),
            },
        ),
    ];
    Plan {
        changes,
        resources: vec![unknown(text)],
        elsewhere: elsewhere(text),
        ..Plan::default()
    }
}

/// The same for things that are not declared resources.
fn elsewhere(text: &str) -> Vec<Elsewhere> {
    let obstacles = unknown(text).obstacles.into_iter();
    let elsewhere = obstacles.map(|obstacle| Elsewhere {
        about: text.to_owned(),
        obstacle,
    });
    elsewhere.collect()
}

/// A resource whose state is unknown.
fn unknown(text: &str) -> Judged {
    let obstacle = |state| Obstacle {
        path: text.to_owned(),
        state,
        code: "unreadable",
        reason: text.to_owned(),
        span: None,
    };
    let states = [SyncState::Different, SyncState::Unknown];
    let key = ResourceKey::new(Kind::APP_PROFILE, text);
    Judged::new(key, None, true, states.map(obstacle).into())
}

/// One report and one picture of each kind, each with the same hostile text.
fn pages(text: &str) -> Vec<String> {
    let plan = plan(text);
    let (sources, manifests, live) = (SourceMap::default(), Manifests::default(), specs(text));
    let shown = PlanText {
        plan: &plan,
        sources: &sources,
        environment: text,
        address: text,
        revision: Some(text),
        transactions: Some(1),
        title: Title::Plan,
        explain_wire: false,
        reach: &[Some(Reached {
            agents: text.to_owned(),
            how: text.to_owned(),
        })],
    };
    let findings = [Diagnostic::warning("hostile", format!("`{text}` and {text}")).help(text)];
    let page = report(&Report {
        shown: &shown,
        manifests: &manifests,
        live: &live,
        findings: &findings,
        next: text,
    });
    let (before, after) = (Preview::of(&live), Preview::of(&specs("other")));
    let drawn = screens(&Screens {
        before: Some(&before),
        after: &after,
        names: ("Before", "After"),
        focus: None,
    });
    let graph = crate::graph::tests::of(&live);
    vec![
        page,
        drift(&seen(text), Some(text)),
        super::check(&checked(text, nowhere())),
        super::guide::write(&crate::guide::tests::saying(text), &after),
        drawn.map(|markup| markup.to_string()).unwrap_or_default(),
        svg(&graph, Embedding::File).to_string(),
    ]
}

/// The names of the elements of a page. Fails on any tag that is not ours.
fn read(page: &str) -> Result<Vec<String>, String> {
    const OURS: &str = " a body button caption code dd del details div dl dt fieldset footer form g h1 h2 h3 head header html i input \
                        ins label legend li link main meta nav ol option p path progress rect script section select span strong style \
                        summary svg table tbody td text th thead title tr ul ";
    let (mut names, mut rest) = (Vec::new(), page);
    while let Some(open) = rest.find('<') {
        let end = rest[open..]
            .find('>')
            .ok_or_else(|| "a tag stays open".to_owned())?
            + open;
        let tag = &rest[open + 1..end];
        let name = tag
            .trim_start_matches('/')
            .split(' ')
            .next()
            .unwrap_or_default();
        if name != "!doctype" {
            if !OURS.contains(&format!(" {name} ")) {
                return Err(format!("<{tag}> is none of ours"));
            }
            for attribute in tag.split('"').step_by(2) {
                let attribute = attribute.trim().trim_end_matches('=');
                let handler = attribute
                    .split(' ')
                    .any(|word| word.starts_with("on") || word == "src" || word == "srcdoc");
                if handler {
                    return Err(format!("<{tag}> has a handler or loads something"));
                }
            }
            names.push(name.to_owned());
        }
        rest = &rest[end + 1..];
        if matches!(name, "script" | "style") && !tag.starts_with('/') {
            rest = &rest[rest
                .find("</")
                .ok_or_else(|| "a style or script stays open".to_owned())?..];
        }
    }
    Ok(names)
}

fn check(text: &str) -> Result<(), String> {
    let tame: Vec<_> = pages("tame")
        .iter()
        .map(|page| read(page))
        .collect::<Result<_, _>>()?;
    for (page, tame_names) in pages(text).iter().zip(tame) {
        let names = read(page)?;
        for name in ["script", "style", "link", "meta", "head", "body"] {
            let count = |names: &[String]| names.iter().filter(|found| *found == name).count();
            if count(&names) != count(&tame_names) {
                return Err(format!("the number of <{name}> depends on live text"));
            }
        }
        if let Some(found) = page
            .chars()
            .find(|found| (found.is_control() && *found != '\n') || is_steering(*found))
        {
            return Err(format!("the page holds {found:?}"));
        }
        let commands = page.lines().any(|line| line.trim_start().starts_with("::"))
            || page.contains("##[")
            || page.contains("##vso[");
        if commands {
            return Err("a build's log would execute the page".to_owned());
        }
    }
    Ok(())
}

pub(crate) fn is_steering(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[test]
fn no_text_of_the_corpus_becomes_markup() {
    for text in CORPUS {
        assert_eq!(check(text), Ok(()), "{text:?}");
    }
}

#[test]
fn the_reader_of_these_tests_finds_what_must_not_be() {
    for page in ["<img>", "<p onclick=\"x\">", "<a src=\"x\">", "<p"] {
        assert!(read(page).is_err(), "{page}");
    }
    assert!(read("<p title=\"on you\">x</p>").is_ok());
}

/// Writes a page for the browser tests, which check that nothing in it runs.
#[test]
fn the_corpus_as_one_page_for_a_browser() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/e2e");
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    let page = pages(&CORPUS.join(" ")).swap_remove(0);
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    std::fs::write(folder.join("hostile.html"), page).expect("the target folder can be written");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_at_all_becomes_markup(pieces in proptest::collection::vec(
        prop_oneof![any::<char>().prop_map(String::from), proptest::sample::select(CORPUS).prop_map(str::to_owned),
            "[<>&\"'{}$`\\\\\\x00-\\x1f]{1,4}"],
        0..6,
    )) {
        let text = pieces.concat();
        prop_assert_eq!(check(&text), Ok(()));
        let graph = crate::graph::tests::of(&specs(&text));
        for drawn in [mermaid(&graph), dot(&graph)] {
            prop_assert!(!drawn.chars().any(|found| (found.is_control() && found != '\n') || is_steering(found)), "{}", drawn);
        }
    }
}
