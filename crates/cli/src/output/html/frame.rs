//! Draws one desktop or one toast.

use std::collections::BTreeMap;

use deskstate_model::ResourceKey;

use super::markup::{Element, Markup, el};
use crate::preview::{Desktop, Pane, PanelMode, Piece, Session, Tab, Toast, Words, sample};

/// Draws a desktop in one of its states. Parts that differ from the other state are marked.
pub(super) fn draw_desktop(
    desktop: &Desktop,
    other: Option<&Desktop>,
    state: &str,
    at: usize,
    focus: Option<&ResourceKey>,
) -> Element {
    let previous: BTreeMap<&ResourceKey, &Session> = other
        .into_iter()
        .flat_map(|other| &other.sessions)
        .map(|session| (&session.key, session))
        .collect();
    let compared = other.is_some();
    let first = desktop
        .sessions
        .iter()
        .position(|session| focus.is_some_and(|focus| shows(session, focus)))
        .or_else(|| {
            desktop
                .sessions
                .iter()
                .position(|session| compared && previous.get(&session.key) != Some(&session))
        })
        .or_else(|| {
            desktop
                .sessions
                .iter()
                .position(|session| session.entity.is_none() && session.known)
        })
        .unwrap_or(0);
    let rail = el("ol").class("rail").attr("aria-label", "Sessions").child(
        el("li").child(
            el("span")
                .class("session home")
                .child(icon(Icon::Home))
                .child(el("span").text("Home")),
        ),
    );
    let entries = desktop.sessions.iter().enumerate().map(|(index, session)| {
        let changed = compared && previous.get(&session.key) != Some(&session);
        el("li").child(
            el("button")
                .attr("type", "button")
                .class("session")
                .attr("data-open", index.to_string())
                .flag_value("aria-current", "true", index == first)
                .child(icon(if session.entity.is_some() {
                    Icon::Record
                } else {
                    Icon::Call
                }))
                .child(
                    el("span")
                        .class("session-title")
                        .child(words(&session.title)),
                )
                .children(changed.then(change_dot)),
        )
    });
    let rail = rail.children(entries);
    let mut body = el("div").class("frame-body").child(rail);
    let views = desktop.sessions.iter().enumerate().map(|(index, session)| {
        draw_session(
            desktop,
            session,
            index,
            previous.get(&session.key).copied(),
            compared,
        )
    });
    let mut stage = el("div").class("session-views").children(views);
    if desktop.sessions.is_empty() {
        stage = stage.child(
            el("p")
                .class("nothing")
                .text("No session template: the product’s own sessions open."),
        );
    }
    body = body.child(stage);
    if let Some(pane) = &desktop.pane {
        let changed = compared && other.and_then(|other| other.pane.as_ref()) != Some(pane);
        body = body.children(draw_pane(pane, changed));
    }
    el("div")
        .class("frame")
        .attr("role", "group")
        .attr("data-desktop", at.to_string())
        .attr("data-state", state)
        .child(
            el("div")
                .class("frame-bar")
                .child(icon(Icon::Apps))
                .child(
                    el("span")
                        .class("frame-app")
                        .text("Customer Service workspace"),
                )
                .child(el("span").class("frame-profile").text(&desktop.name)),
        )
        .child(body)
}

fn shows(session: &Session, key: &ResourceKey) -> bool {
    session.key == *key
        || session
            .tabs
            .iter()
            .any(|tab| tab.name.eq_ignore_ascii_case(key.name.as_written()))
}

fn draw_session(
    desktop: &Desktop,
    session: &Session,
    index: usize,
    previous: Option<&Session>,
    compared: bool,
) -> Element {
    let class = match session.panel {
        PanelMode::Docked => "docked",
        PanelMode::Minimized => "minimized",
        PanelMode::Hidden => "hidden-panel",
    };
    let panel_changed = compared && previous.map(|session| session.panel) != Some(session.panel);
    let old: BTreeMap<&str, &Tab> = previous
        .into_iter()
        .flat_map(|session| &session.tabs)
        .map(|tab| (tab.name.as_str(), tab))
        .collect();
    let tabs = session.tabs.iter().enumerate().map(|(at, tab)| {
        let changed = compared && old.get(tab.name.as_str()) != Some(&tab);
        el("li").child(
            el("button")
                .attr("type", "button")
                .class("tab")
                .attr("data-tab", at.to_string())
                .flag_value("aria-current", "true", at == 0)
                .child(el("span").class("tab-title").child(words(&tab.title)))
                .children(changed.then(change_dot))
                .children(tab.can_close.then(|| {
                    el("span")
                        .class("close")
                        .attr("aria-hidden", "true")
                        .text("×")
                })),
        )
    });
    let pages = session
        .tabs
        .iter()
        .enumerate()
        .map(|(at, tab)| draw_page(tab).attr("data-page", at.to_string()));
    let mut main = el("div").class("work").child(
        el("ol")
            .class("tabs")
            .attr("aria-label", "Tabs")
            .children(tabs),
    );
    main = main.children(pages);
    if !session.known {
        main =
            main.child(el("p").class("nothing").text(
                "This session template comes from another project or solution, so its tabs are unknown.",
            ));
    } else if session.tabs.is_empty() {
        main = main.child(el("p").class("nothing").text("No tab is declared."));
    }
    el("div")
        .class(&format!("session-view {class}"))
        .attr("role", "group")
        .attr("aria-label", format!("Session {}", session.name))
        .attr("data-view", index.to_string())
        .children(draw_panel(desktop, session, panel_changed))
        .child(main)
        .child(caption(session, panel_changed))
}

/// Draws the communication panel; `None` if it is hidden.
fn draw_panel(desktop: &Desktop, session: &Session, changed: bool) -> Option<Element> {
    if session.panel == PanelMode::Hidden {
        return None;
    }
    let head = el("p")
        .class("panel-head")
        .child(icon(Icon::Call))
        .child(el("span").text("Communication"))
        .children(changed.then(change_dot));
    let panel = el("div").class("panel").child(head);
    if session.panel == PanelMode::Minimized {
        return Some(panel);
    }
    let widgets = desktop.widgets.iter().map(|widget| {
        let mut card = el("div")
            .class("widget")
            .child(el("p").class("widget-label").text(&widget.label));
        if let Some(host) = &widget.host {
            card = card.child(el("p").class("host").text(host));
        }
        card.child(
            el("div")
                .class("bones")
                .attr("aria-hidden", "true")
                .children([el("i"), el("i"), el("i")]),
        )
    });
    let mut panel = panel.children(widgets);
    if desktop.all_active_channels == Some(true) {
        panel = panel.child(el("p").class("host").text("Microsoft’s channels are on"));
    }
    Some(panel)
}

/// Describes in words what the drawing cannot show.
fn caption(session: &Session, panel_changed: bool) -> Element {
    let fact = |name: &str, value: String| {
        el("div")
            .child(el("dt").text(name))
            .child(el("dd").text(value))
    };
    let mut facts = el("dl")
        .class("caption")
        .child(fact("Template", session.key.name.as_written().to_owned()));
    let assumed = |word: &str| session.assumed.contains(&word);
    let mut panel = session.panel.as_str().to_owned();
    if assumed("communicationPanelMode") {
        panel.push_str(" (assumed)");
    }
    if panel_changed {
        panel.push_str(" (changes)");
    }
    facts = facts.child(fact("Communication panel", panel));
    if let Some(entity) = &session.entity {
        facts = facts.child(fact("Opens for", entity.clone()));
    }
    if !session.scripts.is_empty() {
        facts = facts.child(fact("Scripts", session.scripts.join(", ")));
    }
    facts
}

fn draw_page(tab: &Tab) -> Element {
    let kind = match tab.page_type.as_deref() {
        Some("EntityRecord") => ("form", "Record"),
        Some("EntityList") => ("list", "List"),
        Some("Dashboard") => ("board", "Dashboard"),
        Some("Search") => ("list", "Search"),
        Some("ThirdPartyWebsite") => ("site", "Website"),
        Some("WebResource") => ("site", "Web resource"),
        Some("Custom") => ("form", "Custom page"),
        Some(_) => ("form", "Control"),
        None => ("form", "Declared elsewhere"),
    };
    let facts = tab.parameters.iter().map(|(name, value)| {
        el("div")
            .child(el("dt").text(name))
            .child(el("dd").child(words(value)))
    });
    let mut head = el("p")
        .class("page-head")
        .child(el("span").class("badge").text(kind.1));
    if tab.anchor {
        head = head.child(el("span").class("badge").text("Anchor tab"));
    }
    let bones = (0..if kind.0 == "board" { 4 } else { 6 }).map(|_| el("i"));
    el("div")
        .class("page")
        .child(head)
        .child(el("dl").class("parameters").children(facts))
        .child(
            el("div")
                .class(&format!("skeleton {}", kind.0))
                .attr("aria-hidden", "true")
                .children(bones),
        )
}

fn draw_pane(pane: &Pane, changed: bool) -> Option<Element> {
    let expanded = pane.expanded?;
    let tools = pane.tools.iter().map(|(_, label)| {
        el("li")
            .child(icon(Icon::Tool))
            .child(el("span").class("tool-label").text(label))
    });
    let class = if expanded { "pane" } else { "pane collapsed" };
    let head = el("p")
        .class("panel-head")
        .child(el("span").text("Productivity"))
        .children(changed.then(change_dot));
    Some(
        el("div")
            .class(class)
            .child(head)
            .child(el("ul").children(tools)),
    )
}

/// Draws a toast in one of its states.
pub(super) fn draw_toast(toast: &Toast, state: &str, at: usize) -> Element {
    let fields = toast.fields.iter().map(|(header, value)| {
        el("div")
            .child(el("dt").text(header))
            .child(el("dd").child(words(value)))
    });
    let seconds = toast.timeout_seconds.to_string();
    let mut buttons = el("div").class("toast-buttons").child(
        el("button")
            .attr("type", "button")
            .class("accept")
            .attr("data-answer", "accept")
            .text(&toast.accept),
    );
    if let Some(reject) = &toast.reject {
        buttons = buttons.child(
            el("button")
                .attr("type", "button")
                .class("reject")
                .attr("data-answer", "reject")
                .text(reject),
        );
    }
    let mut countdown = el("p").class("countdown").attr("role", "timer");
    if toast.shows_timeout {
        countdown = countdown
            .child(el("span").text("Disappears in "))
            .child(el("strong").attr("data-left", "").text(&seconds))
            .child(el("span").text(" s"));
    } else {
        countdown = countdown
            .child(el("span").text("Countdown not shown ("))
            .child(el("strong").attr("data-left", "").text(&seconds))
            .child(el("span").text(" s)"));
    }
    let notes: Vec<String> = [
        toast
            .auto_assign
            .then(|| "Assigned before anybody answers.".to_owned()),
        Some(format!("Desktop notification: {}.", toast.desktop)),
        (!toast.assumed.is_empty()).then(|| format!("Assumed: {}.", toast.assumed.join(", "))),
    ]
    .into_iter()
    .flatten()
    .collect();
    el("div")
        .class(if toast.dark {
            "toast dark"
        } else {
            "toast light"
        })
        .attr("role", "group")
        .attr("data-toast", at.to_string())
        .attr("data-state", state)
        .attr("data-seconds", &seconds)
        .child(
            el("div")
                .class("toast-card")
                .child(
                    el("p")
                        .class("toast-title")
                        .child(icon(Icon::Call))
                        .child(el("span").child(words(&toast.title))),
                )
                .child(el("dl").class("toast-fields").children(fields))
                .child(countdown)
                .child(
                    el("progress")
                        .attr("max", &seconds)
                        .attr("value", &seconds)
                        .attr("aria-hidden", "true"),
                )
                .child(buttons),
        )
        .child(el("p").class("toast-note").text(notes.join(" ")))
}

fn words(words: &Words) -> Markup {
    let pieces = words.0.iter().map(|piece| match piece {
        Piece::Plain(text) => el("span").text(text),
        Piece::Slug(name) => el("span")
            .class("slug")
            .attr("data-slug", name)
            .attr("title", format!("{{{name}}}"))
            .text(sample(name)),
    });
    el("span").class("words").children(pieces).into()
}

fn change_dot() -> Element {
    el("span")
        .class("dot")
        .child(el("span").class("unseen").text(" changes"))
}

/// A small drawing next to a word. It adds no information to the word.
#[derive(Debug, Clone, Copy)]
enum Icon {
    Apps,
    Home,
    Call,
    Record,
    Tool,
}

fn icon(icon: Icon) -> Element {
    let path = match icon {
        Icon::Apps => {
            "M5 5h.01M12 5h.01M19 5h.01M5 12h.01M12 12h.01M19 12h.01M5 19h.01M12 19h.01M19 19h.01"
        }
        Icon::Home => "M4 11 12 4l8 7M6 9.5V20h12V9.5",
        Icon::Call => {
            "M7 4 4.5 6.2C4.5 13.5 10.5 19.5 17.8 19.5L20 17l-3.5-3-2.5 1.5C11.5 14.5 9.5 12.5 8.5 10L10 7.5z"
        }
        Icon::Record => "M6 3.5h8l4 4V20.5H6zM14 3.5v4h4M9 12h6M9 15.5h6",
        Icon::Tool => "M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4",
    };
    el("svg")
        .class(if matches!(icon, Icon::Apps) {
            "icon apps"
        } else {
            "icon"
        })
        .attr("viewBox", "0 0 24 24")
        .attr("aria-hidden", "true")
        .child(el("path").attr("d", path))
}
