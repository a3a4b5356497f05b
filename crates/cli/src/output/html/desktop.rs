//! The agent's screen on a page: desktops, sessions, tabs and toasts, before and after, with editable sample values.

use std::collections::BTreeMap;

use deskstate_model::ResourceKey;

use super::frame::{draw_desktop, draw_toast};
use super::markup::{Element, Markup, el};
use crate::preview::{Desktop, Preview, Toast, differences, sample, toast_differences};

/// Two drawings of the same screen. A page about manifests only has no drawing of the state before.
pub(super) struct Screens<'a> {
    /// The first state: live, or as declared.
    pub(super) before: Option<&'a Preview>,
    /// The second state: after an apply, or as changed by hand.
    pub(super) after: &'a Preview,
    /// The names of the two states.
    pub(super) names: (&'static str, &'static str),
    /// The resource that is shown first.
    pub(super) focus: Option<&'a ResourceKey>,
}

type Pair<'a, T> = (Option<&'a T>, Option<&'a T>);

/// Renders the section; `None` if there is nothing to draw.
pub(super) fn screens(screens: &Screens<'_>) -> Option<Markup> {
    let none = Preview::default();
    let before = screens.before.unwrap_or(&none);
    let desktops = paired(&before.desktops, &screens.after.desktops, |desktop| {
        desktop.profile.as_ref()
    });
    let toasts = paired(&before.toasts, &screens.after.toasts, |toast| {
        Some(&toast.key)
    });
    if desktops.is_empty() && toasts.is_empty() {
        return None;
    }
    let compares = screens.before.is_some();
    let slugs = Preview::slugs(screens.before.into_iter().chain([screens.after]));
    let mut section = el("div")
        .class("screens")
        .attr("data-screens", "")
        .child(controls(screens, &desktops, &toasts));
    if !slugs.is_empty() {
        section = section.child(samples(&slugs));
    }
    if compares {
        section = section.child(notices(&desktops, &toasts));
    }
    let mut scene = el("div").class("scene");
    for (at, (before, after)) in desktops.iter().enumerate() {
        let sides = [("before", before, after), ("after", after, before)];
        for (state, desktop, other) in sides {
            if let Some(desktop) = desktop {
                let label = label(screens, state, &desktop.name);
                let other = other.filter(|_| compares);
                scene = scene.child(
                    draw_desktop(desktop, other, state, at, screens.focus)
                        .attr("aria-label", label),
                );
            }
        }
    }
    let mut tray = el("div").class("tray");
    for (at, (before, after)) in toasts.iter().enumerate() {
        for (state, toast) in [("before", before), ("after", after)] {
            if let Some(toast) = toast {
                let label = label(screens, state, &toast.name);
                tray = tray.child(draw_toast(toast, state, at).attr("aria-label", label));
            }
        }
    }
    if !toasts.is_empty() {
        scene = scene.child(tray);
    }
    Some(
        section
            .child(scene)
            .child(
                el("p")
                    .class("said")
                    .attr("role", "status")
                    .attr("data-said", "")
                    .text(""),
            )
            .into(),
    )
}

fn label(screens: &Screens<'_>, state: &str, name: &str) -> String {
    match (screens.before, state) {
        (None, _) => name.to_owned(),
        (Some(_), "before") => format!("{}: {name}", screens.names.0),
        (Some(_), _) => format!("{}: {name}", screens.names.1),
    }
}

/// Pairs the two drawings of each object, sorted by key.
fn paired<'a, T>(
    before: &'a [T],
    after: &'a [T],
    key: impl Fn(&T) -> Option<&ResourceKey>,
) -> Vec<Pair<'a, T>> {
    let mut pairs: BTreeMap<Option<ResourceKey>, Pair<'a, T>> = BTreeMap::new();
    for thing in before {
        pairs.entry(key(thing).cloned()).or_default().0 = Some(thing);
    }
    for thing in after {
        pairs.entry(key(thing).cloned()).or_default().1 = Some(thing);
    }
    // Objects without a profile come last.
    let (none, mut named): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(key, _)| key.is_none());
    named.extend(none);
    named.into_iter().map(|(_, pair)| pair).collect()
}

fn controls(
    screens: &Screens<'_>,
    desktops: &[Pair<'_, Desktop>],
    toasts: &[Pair<'_, Toast>],
) -> Element {
    let mut controls = el("div")
        .class("toolbar")
        .attr("role", "group")
        .attr("aria-label", "What is shown")
        .flag("hidden", true);
    if !desktops.is_empty() {
        let options = options(screens, desktops, |desktop| {
            (desktop.profile.as_ref(), &desktop.name)
        });
        controls = controls.child(choice("Profile", "desktop", options));
    }
    if !toasts.is_empty() {
        let mut options = options(screens, toasts, |toast| (Some(&toast.key), &toast.name));
        options.push(el("option").attr("value", "none").text("None"));
        controls = controls.child(choice("Notification", "toast", options));
    }
    if screens.before.is_some() {
        let radio = |value: &str, name: &str, on: bool| {
            el("label")
                .child(
                    el("input")
                        .attr("type", "radio")
                        .attr("name", "state")
                        .attr("value", value)
                        .attr("data-pick", "state")
                        .flag("checked", on),
                )
                .child(el("span").text(name))
        };
        controls = controls.child(
            el("fieldset")
                .class("segments")
                .child(el("legend").class("label").text("State"))
                .child(radio("before", screens.names.0, false))
                .child(radio("after", screens.names.1, true)),
        );
    }
    if !toasts.is_empty() {
        let button = |action: &str, text: &str| {
            el("button")
                .attr("type", "button")
                .attr("data-count", action)
                .text(text)
        };
        controls = controls.child(
            el("div")
                .class("fold")
                .child(button("again", "Ring again"))
                .child(button("pause", "Pause countdown")),
        );
    }
    controls
}

/// One option for each object. The focus of the page comes first, or otherwise the objects that change.
fn options<T: PartialEq>(
    screens: &Screens<'_>,
    pairs: &[Pair<'_, T>],
    named: impl Fn(&T) -> (Option<&ResourceKey>, &String),
) -> Vec<Element> {
    let changes = |(before, after): &Pair<'_, T>| screens.before.is_some() && before != after;
    let is_focus = |(before, after): &Pair<'_, T>| {
        let key = after.or(*before).and_then(|thing| named(thing).0);
        key.is_some() && key == screens.focus
    };
    let first = pairs
        .iter()
        .position(is_focus)
        .or_else(|| pairs.iter().position(changes));
    let option = |(at, pair): (usize, &Pair<'_, T>)| {
        let (_, name) = named(pair.1.or(pair.0)?);
        let note = if changes(pair) { " (changes)" } else { "" };
        Some(
            el("option")
                .attr("value", at.to_string())
                .flag("selected", first == Some(at))
                .text(format!("{name}{note}")),
        )
    };
    pairs.iter().enumerate().filter_map(option).collect()
}

fn choice(name: &str, what: &'static str, options: impl IntoIterator<Item = Element>) -> Element {
    el("label")
        .class("field")
        .child(el("span").class("label").text(name))
        .child(el("select").attr("data-pick", what).children(options))
}

/// One input for each slug. Typed values appear everywhere immediately.
fn samples(slugs: &[&str]) -> Element {
    let inputs = slugs.iter().map(|slug| {
        el("label")
            .class("field")
            .child(
                el("span")
                    .class("label slug-name")
                    .text(format!("{{{slug}}}")),
            )
            .child(
                el("input")
                    .attr("type", "text")
                    .attr("data-sample", slug)
                    .attr("value", sample(slug))
                    .attr("autocomplete", "off")
                    .attr("spellcheck", "false"),
            )
    });
    el("details")
        .class("samples")
        .flag("open", slugs.len() <= 6)
        .child(el("summary").text(format!(
            "Sample values for {}",
            crate::output::count(slugs.len(), "slug")
        )))
        .child(el("div").class("sample-grid").children(inputs))
}

/// Describes in sentences what an agent will notice.
fn notices(desktops: &[Pair<'_, Desktop>], toasts: &[Pair<'_, Toast>]) -> Element {
    let list = |attribute: &'static str, at: usize, what: &str, notes: Vec<String>| {
        let mut group = el("div")
            .class("notice")
            .attr(attribute, at.to_string())
            .child(el("h3").text(what));
        if notes.is_empty() {
            group = group.child(
                el("p")
                    .class("muted")
                    .text("Nothing that is drawn here changes."),
            );
        } else {
            group =
                group.child(el("ul").children(notes.into_iter().map(|note| el("li").text(note))));
        }
        group
    };
    let of_desktops = desktops
        .iter()
        .enumerate()
        .filter_map(|(at, (before, after))| {
            let name = &after.or(*before)?.name;
            Some(list(
                "data-desktop",
                at,
                &format!("On the desktop of {name}"),
                differences(*before, *after),
            ))
        });
    let of_toasts = toasts
        .iter()
        .enumerate()
        .filter_map(|(at, (before, after))| {
            let name = &after.or(*before)?.name;
            Some(list(
                "data-toast",
                at,
                &format!("In the notification {name}"),
                toast_differences(*before, *after),
            ))
        });
    el("div")
        .class("notices")
        .children(of_desktops)
        .children(of_toasts)
}
