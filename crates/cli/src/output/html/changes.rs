//! The changes of a plan, each as a folding card.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{Diagnostic, Kind, ResourceKey, SourceMap, Span};
use deskstate_reconcile::plan::{Action, Change, Difference, FieldChange, Plan, Reason, SyncState};
use deskstate_reconcile::reach::Reached;
use similar::ChangeTag;

use super::markup::{Element, Markup, el};
use super::page::prose;
use crate::output::count;
use crate::output::plan_text::{members_alike, named, told};
use crate::output::shown;
use crate::output::sides::{self, is_long, sides};
use crate::output::verdict::{Unplanned, Verdict};

/// A list of changes with additional information.
pub(super) struct Changes<'a> {
    /// The plan.
    pub(super) plan: &'a Plan,
    /// The sources of the manifests.
    pub(super) sources: &'a SourceMap,
    /// Agents reached by each change.
    pub(super) reach: &'a [Option<Reached>],
}

/// The symbol and the word of an action.
pub(super) fn action_words(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Create => ("+", "create"),
        Action::Update => ("~", "update"),
        Action::Delete => ("−", "delete"),
    }
}

/// A filter in a list of cards.
pub(super) struct Chip {
    /// The class of the filtered cards.
    pub(super) class: &'static str,
    /// Its symbol.
    pub(super) symbol: &'static str,
    /// Its word and count.
    pub(super) text: String,
}

/// The filters of a plan, by action.
pub(super) fn chips(plan: &Plan) -> Vec<Chip> {
    let chip = |action| {
        let (symbol, class) = action_words(action);
        let number = plan
            .changes
            .iter()
            .filter(|change| change.action == action)
            .count();
        Chip {
            class,
            symbol,
            text: format!("{class} {number}"),
        }
    };
    vec![
        chip(Action::Create),
        chip(Action::Update),
        chip(Action::Delete),
    ]
}

/// Search and filters. They are hidden until the script, which they need, shows them.
pub(super) fn toolbar(chips: Vec<Chip>, kinds: &BTreeSet<Kind>) -> Element {
    let actions = chips.into_iter().map(|chip| {
        el("label")
            .class(&format!("chip {}", chip.class))
            .child(
                el("input")
                    .attr("type", "checkbox")
                    .attr("data-filter", "action")
                    .attr("value", chip.class)
                    .flag("checked", true),
            )
            .child(
                el("span")
                    .class("symbol")
                    .attr("aria-hidden", "true")
                    .text(chip.symbol),
            )
            .child(el("span").text(chip.text))
    });
    let options = std::iter::once(el("option").attr("value", "").text("All kinds")).chain(
        kinds.iter().map(|kind| {
            el("option")
                .attr("value", kind.as_str())
                .text(kind.as_str())
        }),
    );
    el("div")
        .class("toolbar")
        .attr("role", "search")
        .attr("aria-label", "Find resources")
        .flag("hidden", true)
        .child(
            el("label")
                .class("field grow")
                .child(el("span").class("label").text("Search"))
                .child(
                    el("input")
                        .attr("type", "search")
                        .attr("data-search", "")
                        .attr("placeholder", "Name, field or value")
                        .attr("autocomplete", "off")
                        .attr("spellcheck", "false"),
                ),
        )
        .child(
            el("label")
                .class("field")
                .child(el("span").class("label").text("Kind"))
                .child(el("select").attr("data-filter", "kind").children(options)),
        )
        .child(
            el("fieldset")
                .class("chips")
                .child(el("legend").class("label").text("Show"))
                .children(actions),
        )
        .child(
            el("div")
                .class("fold quiet")
                .child(
                    el("button")
                        .attr("type", "button")
                        .attr("data-fold", "open")
                        .text("Expand all"),
                )
                .child(
                    el("button")
                        .attr("type", "button")
                        .attr("data-fold", "close")
                        .text("Collapse all"),
                ),
        )
        .child(
            el("p")
                .class("found")
                .attr("role", "status")
                .attr("data-found", "")
                .text(""),
        )
}

/// Renders the cards in apply order.
pub(super) fn cards(changes: &Changes<'_>) -> Element {
    let cards = changes
        .plan
        .changes
        .iter()
        .enumerate()
        .map(|(at, change)| card(changes, at, change));
    el("div").class("cards").children(cards)
}

/// The heading of a card.
pub(super) struct Title<'a> {
    /// Its class, which determines its colour and is used by the filters.
    pub(super) class: &'static str,
    /// Its symbol.
    pub(super) symbol: &'static str,
    /// What happened or will happen, in words.
    pub(super) verb: &'static str,
    /// The resource.
    pub(super) key: &'a ResourceKey,
    /// The environment, on a page of several environments.
    pub(super) environment: Option<&'a str>,
    /// The place of its declaration.
    pub(super) place: Option<String>,
    /// A summary on one line, shown while the card is folded.
    pub(super) gist: Option<String>,
    /// Whether it starts unfolded.
    pub(super) open: bool,
}

/// On a page with at least this many cards, all of them start folded.
pub(super) const FOLDED_FROM: usize = 30;

/// A card that folds.
pub(super) fn folding(title: Title<'_>, body: Element) -> Element {
    let Title {
        class,
        symbol,
        verb,
        key,
        environment,
        place,
        gist,
        open,
    } = title;
    let line = el("summary")
        .child(
            el("span")
                .class("symbol")
                .attr("aria-hidden", "true")
                .text(symbol),
        )
        .child(
            el("span")
                .class("what")
                .child(el("span").class("verb").text(verb))
                .child(el("span").class("kind").text(key.kind.as_str()))
                .child(el("strong").class("name").text(key.name.as_written())),
        )
        .children(environment.map(|environment| el("span").class("badge").text(environment)))
        .children(place.map(|place| el("span").class("place").text(place)))
        .children(gist.map(|gist| el("span").class("gist").text(gist)));
    el("details")
        .class(&format!("card {class}"))
        .attr("data-action", class)
        .attr("data-kind", key.kind.as_str())
        .flag("open", open)
        .child(line)
        .child(body)
}

fn card(changes: &Changes<'_>, at: usize, change: &Change) -> Element {
    let mut body = el("div").class("card-body");
    if let Some(reach) = changes.reach.get(at).and_then(Option::as_ref) {
        let agents = el("span").class("reach").text(&reach.agents);
        let how = el("span").class("muted").text(format!(" {}", reach.how));
        body = body.child(el("p").child(agents).child(how));
    }
    let why = match change.reason {
        Reason::Declared | Reason::FieldsDiffer => None,
        Reason::NotDeclared => Some("No manifest declares it, and its prefix is owned."),
        Reason::StateAbsent => Some("Declared absent."),
    };
    body = body.children(why.map(|why| el("p").class("muted").text(why)));
    if !change.fields.is_empty() {
        body = body.child(fields(change));
    }
    if !change.left_to_server.is_empty() {
        let left = format!("Left to the server: {}", change.left_to_server.join(", "));
        body = body.child(el("p").class("muted").text(left));
    }
    let (symbol, word) = action_words(change.action);
    let title = Title {
        class: word,
        symbol,
        verb: word,
        key: &change.key,
        environment: None,
        place: change.declared_at.map(|span| place(changes.sources, span)),
        gist: gist(change),
        open: changes.plan.changes.len() < FOLDED_FROM,
    };
    folding(title, body)
}

/// Maximum length of the summary of a card.
const GIST_LENGTH: usize = 120;

/// Summarizes a change on one line: the difference itself if it is the only one, otherwise the fields.
fn gist(change: &Change) -> Option<String> {
    let fields = told(&change.fields);
    let paths = fields.iter().map(|field| field.path.as_str());
    let what = match (change.action, fields.as_slice()) {
        (_, []) => return None,
        (Action::Create, fields) => count(fields.len(), "field"),
        (_, [field]) => {
            let alike = members_alike(&fields);
            let what = match &field.difference {
                Difference::Value { before, after } => {
                    let (before, after) = sides(before, after);
                    format!("{before} → {after}")
                }
                Difference::Copy { after, .. } => shown(after),
                Difference::Added { member, .. } => format!("+ {}", named(member, &alike)),
                Difference::Removed { member, .. } => format!("− {}", named(member, &alike)),
            };
            format!("{}: {what}", field.path)
        }
        _ => listed(paths),
    };
    Some(shortened(&what))
}

/// Lists each field once, with a count if several members of a set change.
pub(super) fn listed<'p>(paths: impl Iterator<Item = &'p str>) -> String {
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for path in paths {
        match counted.last_mut() {
            Some((last, number)) if *last == path => *number += 1,
            _ => counted.push((path, 1)),
        }
    }
    let words = counted.into_iter().map(|(path, number)| match number {
        1 => path.to_owned(),
        number => format!("{path} ({number})"),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// Shortens a text to one line of a card.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(GIST_LENGTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn fields(change: &Change) -> Element {
    let mut rows = Vec::new();
    let fields = told(&change.fields);
    let alike = members_alike(&fields);
    let mut previous = "";
    for field in &fields {
        let word = if field.path == previous {
            ""
        } else {
            field.path.as_str()
        };
        rows.push(row(change.action, field, word, &alike));
        previous = &field.path;
    }
    let heads: &[&str] = if change.action == Action::Create {
        &["Field", "Value"]
    } else {
        &["Field", "Change"]
    };
    let head = el("tr").children(
        heads
            .iter()
            .map(|head| el("th").attr("scope", "col").text(head)),
    );
    el("table")
        .class("fields")
        .child(
            el("caption")
                .class("unseen")
                .text(format!("Fields of {}", change.key)),
        )
        .child(el("thead").class("unseen").child(head))
        .child(el("tbody").children(rows))
}

fn row(action: Action, field: &FieldChange, word: &str, alike: &BTreeMap<&str, String>) -> Element {
    let head = if word.is_empty() {
        el("th")
            .attr("scope", "row")
            .child(el("span").class("unseen").text(&field.path))
    } else {
        el("th").attr("scope", "row").text(word)
    };
    let creates = action == Action::Create;
    el("tr")
        .child(head)
        .child(
            el("td")
                .attr("title", &field.wire)
                .child(value(creates, &field.difference, alike)),
        )
}

/// Renders a difference. Of a new row, only the value is shown.
pub(super) fn value(
    creates: bool,
    difference: &Difference,
    alike: &BTreeMap<&str, String>,
) -> Markup {
    match difference {
        Difference::Value { after, .. } if creates && !is_long(after) => {
            el("span").class("new").text(shown(after)).into()
        }
        Difference::Value { before, after } if is_long(before) || is_long(after) => {
            long(&sides::diff(before, after))
        }
        Difference::Value { before, after } => {
            let (before, after) = sides(before, after);
            el("span")
                .class("pair")
                .child(el("del").text(before))
                .child(
                    el("span")
                        .class("arrow")
                        .attr("aria-hidden", "true")
                        .text("→"),
                )
                .child(el("span").class("unseen").text(" becomes "))
                .child(el("ins").text(after))
                .into()
        }
        Difference::Copy { column, after } => el("span")
            .child(el("span").class("new").text(shown(after)))
            .child(
                el("span")
                    .class("muted")
                    .text(format!(" (the second copy in {column} differs)")),
            )
            .into(),
        Difference::Added { member, note } => {
            member_row("+", "added", "ins", &named(member, alike), note.as_deref())
        }
        Difference::Removed { member, note } => member_row(
            "−",
            "removed",
            "del",
            &named(member, alike),
            note.as_deref(),
        ),
    }
}

fn member_row(
    symbol: &str,
    word: &str,
    name: &'static str,
    member: &str,
    note: Option<&str>,
) -> Markup {
    let mut row = el("span")
        .class("member")
        .child(
            el("span")
                .class("symbol")
                .attr("aria-hidden", "true")
                .text(symbol),
        )
        .child(el("span").class("unseen").text(format!("{word} ")))
        .child(el(name).text(member));
    if let Some(note) = note {
        row = row.child(el("span").class("warn").text(note));
    }
    row.into()
}

/// Renders a long text line by line, or a mapping by its paths.
fn long(lines: &[(ChangeTag, String)]) -> Markup {
    let rows = lines.iter().map(|(tag, line)| {
        let (symbol, class, word) = match tag {
            ChangeTag::Delete => ("−", "gone", "removed "),
            ChangeTag::Insert => ("+", "come", "added "),
            ChangeTag::Equal => (" ", "same", ""),
        };
        el("span")
            .class(class)
            .child(
                el("span")
                    .class("symbol")
                    .attr("aria-hidden", "true")
                    .text(symbol),
            )
            .child(el("span").class("unseen").text(word))
            .child(el("span").text(line))
    });
    el("div").class("diff").children(rows).into()
}

/// The location of a declaration, as `file:line`.
fn place(sources: &SourceMap, span: Span) -> String {
    let (line, _) = sources.line_column(span);
    format!("{}:{line}", sources.path(span.file))
}

/// Errors and dangers.
pub(super) fn findings(diagnostics: &[Diagnostic], sources: &SourceMap) -> Element {
    let items = diagnostics.iter().map(|diagnostic| {
        let mut item = el("li").class(diagnostic.severity.as_str()).child(
            el("p")
                .class("finding")
                .child(el("span").class("badge").text(format!(
                    "{}[{}]",
                    diagnostic.severity.as_str(),
                    diagnostic.code
                )))
                .children(prose(&diagnostic.message)),
        );
        if let Some(label) = &diagnostic.primary {
            item = item.child(el("p").class("place").text(place(sources, label.span)));
        }
        if let Some(help) = &diagnostic.help {
            item = item.child(el("p").class("help").children(prose(help)));
        }
        item
    });
    el("ul").class("findings").children(items)
}

/// `1 to create, 2 to update, 0 to delete`, as tiles.
pub(super) fn tiles(plan: &Plan) -> Markup {
    let (create, update, delete) = plan.counts();
    let states = plan.states();
    let tile = |class: &str, number: usize, word: &str| {
        el("li")
            .class(&format!("tile {class}"))
            .child(el("strong").text(number.to_string()))
            .child(el("span").text(word))
    };
    el("ul")
        .class("tiles")
        .attr("aria-label", "Summary")
        .child(tile("create", create, "to create"))
        .child(tile("update", update, "to update"))
        .child(tile("delete", delete, "to delete"))
        .child(tile("still", states.in_sync, "in sync"))
        .children((states.unknown > 0).then(|| tile("unknown", states.unknown, "unknown")))
        .into()
}

/// A line for a plan without changes.
pub(super) fn without_changes(environment: &str, plan: &Plan) -> Element {
    let verdict = Verdict::of_plan(plan);
    let class = match verdict.state {
        SyncState::InSync => "calm",
        SyncState::Different | SyncState::Unknown => "uncertain",
    };
    el("p")
        .class(class)
        .text(format!("{environment} {}", verdict.without_changes()))
}

/// Everything that could not be planned.
pub(super) fn not_planned<'a>(
    all: impl Iterator<Item = Unplanned<'a>>,
    sources: &SourceMap,
) -> Element {
    let items = all.map(|one| {
        let badge = match one.obstacle.state {
            SyncState::InSync | SyncState::Unknown => "unknown",
            SyncState::Different => "different",
        };
        let place = one.place(sources);
        el("li")
            .class("error")
            .child(
                el("p")
                    .class("finding")
                    .child(el("span").class("badge").text(badge))
                    .child(el("span").text(one.about())),
            )
            .children(place.map(|place| el("p").class("place").text(place)))
            .child(el("p").class("help").children(prose(&one.words())))
    });
    el("ul").class("findings").children(items)
}
