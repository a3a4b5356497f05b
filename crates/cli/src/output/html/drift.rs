//! Drift as a page: what differs, who did it and what it breaks; for many environments, a matrix of resources and environments.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{Kind, ResourceKey};
use deskstate_reconcile::drift::{Class, Difference, DriftState, Drifted, Shift};
use deskstate_reconcile::plan::{self, SyncState};

use super::changes::{
    Chip, FOLDED_FROM, Title, findings, folding, listed, not_planned, shortened, toolbar, value,
};
use super::markup::{Element, el};
use super::page::{Head, Section, page, prose, tiles};
use crate::output::count;
use crate::output::drift_next;
use crate::output::drift_report::{
    Looked, Outcome, Seen, audit, counts, members_alike, state, verdict, words,
};
use crate::output::plan_text::told_difference;
use crate::suggest::suggest;

/// Renders the page of one environment, or of many.
pub(crate) fn drift(seen: &[Seen], revision: Option<&str>) -> String {
    let alone = match seen {
        [one] => one.looked.as_ref().ok().map(|looked| (one, looked)),
        _ => None,
    };
    let mut sections = Vec::new();
    sections.extend(findings_section(seen));
    if alone.is_none() {
        sections.push(Section {
            id: "matrix",
            title: "Differences by environment".to_owned(),
            aside: Some(count(seen.len(), "environment")),
            body: matrix(seen).into(),
        });
    }
    sections.extend(not_compared_section(seen));
    sections.push(differences_section(seen));
    sections.extend(notes_section(seen));
    if let Some(picture) = alone.and_then(|(_, looked)| looked.picture.as_ref()) {
        sections.extend(picture.sections());
    }
    page(head(seen, alone, revision), sections, &next(alone))
}

fn head<'a>(seen: &[Seen], alone: Option<(&Seen, &Looked)>, revision: Option<&str>) -> Head<'a> {
    let revision = revision.map(|revision| format!("manifests at {revision}"));
    let Some((one, looked)) = alone else {
        let number = |wanted: Outcome| {
            let outcomes = seen.iter().map(Seen::outcome);
            outcomes.filter(|outcome| *outcome == wanted).count()
        };
        let results = [
            ("still", number(Outcome::InSync), "in sync"),
            ("update", number(Outcome::Drift), "with drift"),
            ("unknown", number(Outcome::Incomplete), "incomplete"),
            ("delete", number(Outcome::Failed), "not read"),
        ];
        let facts = std::iter::once(count(seen.len(), "environment"))
            .chain(revision)
            .collect();
        return Head {
            kicker: "Drift",
            title: "Drift of all environments".to_owned(),
            facts,
            summary: tiles(&results),
        };
    };
    let Looked {
        address,
        report,
        requests,
        ..
    } = looked;
    let mut facts = vec![address.clone()];
    facts.extend(revision);
    facts.push(looked.verdict().counts("as declared"));
    facts.push(audit(report));
    facts.push(format!(
        "{} to read",
        count(usize::try_from(*requests).unwrap_or(usize::MAX), "request")
    ));
    let colour = |class| match class {
        Class::EditedByHand => "delete",
        Class::NotApplied => "update",
        Class::ProductUpdate | Class::Unknown => "still",
    };
    let states = report.states();
    let mut numbers: Vec<_> = counts(report)
        .map(|(class, number)| (colour(class), number, class.words()))
        .into();
    numbers.push(("still", report.extras.len(), "not declared"));
    if states.unknown > 0 {
        numbers.push(("unknown", states.unknown, "not compared"));
    }
    Head {
        kicker: "Drift",
        title: match one.is_selection() {
            true => format!("Drift of a selection of {}", one.environment),
            false => format!("Drift of {}", one.environment),
        },
        facts,
        summary: tiles(&numbers),
    }
}

fn next(alone: Option<(&Seen, &Looked)>) -> String {
    match alone {
        None => format!(
            "For details, run {}.",
            suggest("drift", &["--env", "NAME", "--format", "html"])
        ),
        Some((one, looked)) => match looked.outcome() {
            Outcome::InSync => "Nothing to do.".to_owned(),
            Outcome::Drift => match drift_next::next(&one.environment, looked) {
                Some(next) => format!("{next}."),
                None => "Declare the rows, or delete them.".to_owned(),
            },
            Outcome::Incomplete | Outcome::Failed => format!(
                "Find out what cannot be read with {}.",
                suggest("doctor", &["--env", &one.environment])
            ),
        },
    }
}

/// Everything that could not be compared, and warnings.
fn findings_section(seen: &[Seen]) -> Option<Section> {
    let looked = || seen.iter().filter_map(|seen| seen.looked.as_ref().ok());
    let unread: Vec<(&str, &str)> = seen
        .iter()
        .filter_map(|one| {
            Some((
                one.environment.as_str(),
                one.looked.as_ref().err()?.as_str(),
            ))
        })
        .collect();
    let number = looked().map(|looked| looked.findings.len()).sum::<usize>() + unread.len();
    let lists = by_environment(seen, |looked| {
        let found = &looked.findings;
        (!found.is_empty()).then(|| findings(found, &looked.sources))
    });
    (number > 0).then(|| Section {
        id: "findings",
        title: "Look at these first".to_owned(),
        aside: Some(count(number, "finding")),
        body: el("div")
            .class("cards")
            .children((!unread.is_empty()).then(|| not_read(&unread)))
            .children(lists)
            .into(),
    })
}

/// Renders a list for each environment, under the environment's name if there are several.
fn by_environment(seen: &[Seen], list: impl Fn(&Looked) -> Option<Element>) -> Vec<Element> {
    let mut lists = Vec::new();
    for one in seen {
        if let Some(list) = one.looked.as_ref().ok().and_then(&list) {
            let is_one_of_several = seen.len() > 1;
            lists.extend(is_one_of_several.then(|| el("h3").text(one.environment.as_str())));
            lists.push(list);
        }
    }
    lists
}

/// Environments that could not be read, and why.
fn not_read(unread: &[(&str, &str)]) -> Element {
    let items = unread.iter().map(|(environment, why)| {
        el("li")
            .class("error")
            .child(
                el("p")
                    .class("finding")
                    .child(el("span").class("badge").text("not read"))
                    .child(el("span").text(environment)),
            )
            .child(el("p").class("help").children(prose(why)))
    });
    el("ul").class("findings").children(items)
}

/// Everything that could not be compared, by environment.
fn not_compared_section(seen: &[Seen]) -> Option<Section> {
    let looked = || seen.iter().filter_map(|seen| seen.looked.as_ref().ok());
    let number: usize = looked().map(|looked| looked.unplanned().count()).sum();
    let lists = by_environment(seen, |looked| {
        looked.unplanned().next()?;
        Some(not_planned(looked.unplanned(), &looked.sources))
    });
    (number > 0).then(|| Section {
        id: "unknown",
        title: "Not compared".to_owned(),
        aside: None,
        body: el("div").class("cards").children(lists).into(),
    })
}

fn differences_section(seen: &[Seen]) -> Section {
    let several = seen.len() > 1;
    let found: Vec<(&Seen, &Looked, &Drifted)> = seen
        .iter()
        .filter_map(|one| one.looked.as_ref().ok().map(|looked| (one, looked)))
        .flat_map(|(one, looked)| {
            looked
                .report
                .drifted
                .iter()
                .map(move |drifted| (one, looked, drifted))
        })
        .collect();
    let kinds: BTreeSet<Kind> = found.iter().map(|(.., drifted)| drifted.key.kind).collect();
    let chips = [
        DriftState::Changed,
        DriftState::Missing,
        DriftState::Unwanted,
    ]
    .map(|state| {
        let (class, symbol, word) = look(state);
        let number = found
            .iter()
            .filter(|(.., drifted)| drifted.state == state)
            .count();
        Chip {
            class,
            symbol,
            text: format!("{word} {number}"),
        }
    });
    let cards = found.iter().map(|(one, looked, drifted)| {
        card(
            drifted,
            looked,
            several.then_some(one.environment.as_str()),
            found.len() < FOLDED_FROM,
        )
    });
    let complete = seen.iter().all(|one| one.outcome().is_complete());
    let looked = seen.iter().filter_map(|one| one.looked.as_ref().ok());
    let declared: usize = looked.map(|one| one.report.states().total()).sum();
    let body = if declared == 0 && found.is_empty() && complete {
        el("p")
            .class("uncertain")
            .text("Nothing was compared: the manifests declare nothing.")
    } else if found.is_empty() && complete {
        el("p")
            .class("calm")
            .text("Everything matches the manifests.")
    } else if found.is_empty() {
        el("p")
            .class("uncertain")
            .text("No differences were found, but not everything could be compared.")
    } else {
        el("div")
            .attr("data-changes", "")
            .child(toolbar(chips.into(), &kinds))
            .child(el("div").class("cards").children(cards))
    };
    Section {
        id: "changes",
        title: "Differences".to_owned(),
        aside: (!found.is_empty()).then(|| count(found.len(), "resource")),
        body: body.into(),
    }
}

/// Colour, symbol and word for what happened to a resource.
fn look(state: DriftState) -> (&'static str, &'static str, &'static str) {
    match state {
        DriftState::Changed => ("update", "~", "changed"),
        DriftState::Missing => ("delete", "−", "missing"),
        DriftState::Unwanted => ("create", "+", "unwanted"),
    }
}

fn card(drifted: &Drifted, looked: &Looked, environment: Option<&str>, open: bool) -> Element {
    let (class, symbol, verb) = look(drifted.state);
    let mut body = el("div").class("card-body");
    let whole = state(drifted);
    if !whole.is_empty() {
        body = body.child(el("p").text(format!("It {whole}.")));
    }
    if let Some(reach) = looked.reach(&drifted.key) {
        body = body.child(el("p").child(el("span").class("reach").text(reach)));
    }
    let alike = members_alike(&drifted.differences);
    let rows = drifted
        .differences
        .iter()
        .map(|difference| row(difference, &alike));
    body = body.child(
        el("table")
            .class("fields")
            .child(
                el("caption")
                    .class("unseen")
                    .text(format!("Differences of {}", drifted.key)),
            )
            .child(el("tbody").children(rows)),
    );
    let place = looked.place(drifted.declared_at);
    folding(
        Title {
            class,
            symbol,
            verb,
            key: &drifted.key,
            environment,
            place,
            gist: gist(drifted, &alike),
            open,
        },
        body,
    )
}

/// Summarizes the differences on one line: the difference itself if it is the only one, otherwise the fields.
fn gist(drifted: &Drifted, alike: &BTreeMap<&str, String>) -> Option<String> {
    let classes: BTreeSet<Class> = drifted.differences.iter().map(|one| one.class).collect();
    let classes: Vec<&str> = classes.into_iter().map(Class::words).collect();
    let classes = classes.join(", ");
    let what = match drifted.differences.as_slice() {
        [] => return None,
        [one] if one.path.is_empty() => format!("{}; ", state(drifted)),
        [one] => format!("{}: {}; ", one.path, words(one, alike)),
        several => format!("{}; ", listed(several.iter().map(|one| one.path.as_str()))),
    };
    Some(shortened(&(what + &classes)))
}

/// The declared value, the live value, and the evidence.
fn row(difference: &Difference, alike: &BTreeMap<&str, String>) -> Element {
    let path = if difference.path.is_empty() {
        "the row"
    } else {
        &difference.path
    };
    let mut cell = el("td").attr("title", &difference.wire);
    let shift = seen_as_change(&difference.shift);
    let shown = shift
        .iter()
        .flat_map(|shift| told_difference(&difference.path, shift));
    cell = cell.children(shown.map(|shown| value(false, &shown, alike)));
    let breaks = difference
        .breaks
        .iter()
        .map(|breaks| el("p").class("breaks").text(breaks));
    cell = cell
        .child(el("p").class("verdict").text(verdict(difference)))
        .children(breaks);
    el("tr")
        .child(el("th").attr("scope", "row").text(path))
        .child(cell)
}

/// Converts drift to a change in order of time: the declared value, then the value it was changed to.
fn seen_as_change(shift: &Shift) -> Option<plan::Difference> {
    Some(match shift {
        Shift::Value { declared, live } => plan::Difference::Value {
            before: declared.clone(),
            after: live.clone(),
        },
        Shift::Copy { column, declared } => plan::Difference::Copy {
            column,
            after: declared.clone(),
        },
        Shift::Lost { member } => plan::Difference::Removed {
            member: member.clone(),
            note: None,
        },
        Shift::Gained { member } => plan::Difference::Added {
            member: member.clone(),
            note: None,
        },
        Shift::Row => return None,
    })
}

/// Contracts that the live environment breaks, undeclared rows, accepted differences and expired acceptances.
fn notes_section(seen: &[Seen]) -> Option<Section> {
    let mut items = Vec::new();
    for one in seen {
        let Ok(looked) = &one.looked else { continue };
        let report = &looked.report;
        let mut note = |badge: &str, text: String| {
            items.push(
                el("li")
                    .child(el("span").class("badge").text(badge))
                    .child(el("span").class("badge").text(&one.environment))
                    .child(el("span").text(text)),
            );
        };
        for broken in &report.broken {
            let key = broken
                .key
                .as_ref()
                .map_or_else(|| "the environment".to_owned(), ToString::to_string);
            note("contract", format!("{key}: {}", broken.words()));
        }
        for (kind, why) in &report.unlisted {
            note(
                "unknown",
                format!("undeclared rows of {kind} may exist: {why}"),
            );
        }
        for row in &report.extras {
            let who = row
                .who
                .as_ref()
                .map(|who| format!(", written by {who}"))
                .unwrap_or_default();
            let when = row
                .when
                .as_ref()
                .map(|when| format!(" ({when})"))
                .unwrap_or_default();
            note("not declared", format!("{}{who}{when}", row.extra.key));
        }
        for ignored in &report.ignored {
            note(
                "accepted",
                format!(
                    "{} {} until {}: {}",
                    ignored.key, ignored.path, ignored.until, ignored.reason
                ),
            );
        }
        for expired in &report.expired {
            note(
                "expired",
                format!(
                    "{} accepted until {}: {}",
                    expired.resources, expired.until, expired.reason
                ),
            );
        }
    }
    let number = items.len();
    (number > 0).then(|| Section {
        id: "notes",
        title: "Other findings".to_owned(),
        aside: Some(count(number, "note")),
        body: el("ul").class("notes").children(items).into(),
    })
}

fn matrix(seen: &[Seen]) -> Element {
    let mut drifted: Vec<BTreeMap<&ResourceKey, &Drifted>> = Vec::new();
    let mut declared: Vec<BTreeMap<&ResourceKey, SyncState>> = Vec::new();
    for one in seen {
        let looked = one.looked.as_ref().ok();
        let differing = looked.into_iter().flat_map(|looked| &looked.report.drifted);
        drifted.push(differing.map(|drifted| (&drifted.key, drifted)).collect());
        declared.push(
            looked
                .into_iter()
                .flat_map(|looked| &looked.report.resources)
                .map(|judged| (&judged.key, judged.state))
                .collect(),
        );
    }
    let keys: BTreeSet<&ResourceKey> = drifted
        .iter()
        .flat_map(BTreeMap::keys)
        .chain(declared.iter().flat_map(BTreeMap::keys))
        .copied()
        .collect();
    let heads = seen.iter().map(|one| {
        let head = el("th")
            .attr("scope", "col")
            .child(el("span").class("env").text(&one.environment));
        match &one.looked {
            Ok(looked) => head.child(el("span").class("host").text(&looked.address)),
            Err(_) => head.child(el("span").class("warn").text("not read")),
        }
    });
    let rows = keys.into_iter().map(|key| {
        let same = declared.iter().all(|states| {
            states
                .get(key)
                .is_none_or(|state| *state == SyncState::InSync)
        });
        let cells = seen.iter().enumerate().map(|(at, one)| match &one.looked {
            Ok(_) => cell(
                drifted[at].get(key).copied(),
                declared[at].get(key).copied(),
            ),
            Err(_) => el("td").class("unknown").child(el("span").text("not read")),
        });
        el("tr")
            .flag_value("data-same", "true", same)
            .child(
                el("th")
                    .attr("scope", "row")
                    .child(el("span").class("kind").text(key.kind.as_str()))
                    .child(el("span").class("name").text(key.name.as_written())),
            )
            .children(cells)
    });
    let head = el("tr")
        .child(el("th").attr("scope", "col").text("Resource"))
        .children(heads);
    let table = el("table")
        .class("matrix")
        .child(
            el("caption")
                .class("unseen")
                .text("Resources by environment"),
        )
        .child(el("thead").child(head))
        .child(el("tbody").children(rows));
    let only = el("label")
        .class("chip only")
        .flag("hidden", true)
        .child(el("input").attr("type", "checkbox").attr("data-only", ""))
        .child(el("span").text("Only what differs somewhere"));
    let scroll = el("div")
        .class("matrix-scroll")
        .attr("role", "region")
        .attr("aria-label", "Resources by environment; scrolls sideways")
        .attr("tabindex", "0")
        .child(table);
    el("div").child(only).child(scroll)
}

fn cell(drifted: Option<&Drifted>, declared: Option<SyncState>) -> Element {
    let hidden = |text: &str| el("span").class("unseen").text(text);
    let sign = |text: &str| el("span").attr("aria-hidden", "true").text(text);
    match (declared, drifted) {
        (Some(SyncState::Unknown), _) => el("td")
            .class("unknown")
            .child(sign("?"))
            .child(el("span").text("not compared")),
        (_, Some(drifted)) => {
            let (class, symbol, word) = look(drifted.state);
            let text = match drifted.state {
                DriftState::Changed => count(drifted.differences.len(), "difference"),
                DriftState::Missing | DriftState::Unwanted => word.to_owned(),
            };
            el("td")
                .class(class)
                .child(
                    el("span")
                        .class("symbol")
                        .attr("aria-hidden", "true")
                        .text(symbol),
                )
                .child(el("span").text(text))
        }
        (Some(SyncState::Different), None) => el("td")
            .class("unknown")
            .child(sign("!"))
            .child(el("span").text("different")),
        (Some(SyncState::InSync), None) => el("td")
            .class("same")
            .child(sign("✓"))
            .child(hidden("in sync")),
        (None, None) => el("td")
            .class("none")
            .child(sign("·"))
            .child(hidden("not declared")),
    }
}
