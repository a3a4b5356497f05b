//! A guide as a page, with a picture of the result of each step.

use std::collections::BTreeSet;

use deskstate_model::{Manifests, ResourceKey};

use super::frame::{draw_desktop, draw_toast};
use super::markup::{Element, Markup, el};
use super::page::{Head, Section, page, prose};
use super::report::desktop_section;
use crate::guide::{Block, Guide, LEGEND, Piece, Row, Sentence, Step, Value, Weight};
use crate::output::count;
use crate::preview::Preview;
use crate::specs::Specs;

/// Renders the page.
pub(crate) fn guide(guide: &Guide, manifests: &Manifests) -> String {
    let drawn = Preview::of(&Specs::declared(manifests));
    write(guide, &drawn)
}

pub(super) fn write(guide: &Guide, drawn: &Preview) -> String {
    let head = Head {
        kicker: "Guide",
        title: format!("Set up {} by hand", guide.project),
        facts: Vec::new(),
        summary: el("div")
            .class("lead")
            .children(guide.about.iter().map(|about| paragraph("p", about)))
            .into(),
    };
    let mut sections = Vec::new();
    if !guide.before.is_empty() {
        sections.push(Section {
            id: "before",
            title: "Before you begin".to_owned(),
            aside: None,
            body: list(&guide.before),
        });
    }
    let steps = guide
        .steps
        .iter()
        .map(|step| draw_step(step, guide.has_weights, drawn));
    let mut body = el("div");
    if guide.has_weights {
        body = body.child(legend());
    }
    sections.push(Section {
        id: "steps",
        title: "Steps".to_owned(),
        aside: Some(count(guide.steps.len(), "step")),
        body: body.child(el("ol").class("steps").children(steps)).into(),
    });
    sections.push(Section {
        id: "check",
        title: "Check the result".to_owned(),
        aside: None,
        body: list(&guide.checks),
    });
    sections.extend(desktop_section(drawn));
    page(
        head,
        sections,
        "Pictures are drawn from the declared values; Microsoft’s own look differs.",
    )
}

fn list(sentences: &[Sentence]) -> Markup {
    let items = sentences.iter().map(|sentence| paragraph("li", sentence));
    el("ul").class("points").children(items).into()
}

fn legend() -> Element {
    let rows = LEGEND.iter().map(|(word, meaning)| {
        el("div")
            .child(el("dt").text(word))
            .child(el("dd").text(meaning))
    });
    el("dl").class("legend").children(rows)
}

fn draw_step(step: &Step, has_weights: bool, drawn: &Preview) -> Element {
    let blocks = step.blocks.iter().map(|block| match block {
        Block::Do(sentence) => paragraph("p", sentence).class("action"),
        Block::Note(sentence) => paragraph("p", sentence).class("remark"),
        Block::Boxes(rows) => table(rows, has_weights),
    });
    let picture = step.makes.as_ref().and_then(|key| picture(key, drawn));
    el("li")
        .child(paragraph("h3", &step.title))
        .children(blocks)
        .children(picture)
}

fn table(rows: &[Row], has_weights: bool) -> Element {
    let heads = ["Box", "Value", "Rule"].into_iter();
    let heads = heads.take(if has_weights { 3 } else { 2 });
    let heads = heads.map(|head| el("th").attr("scope", "col").text(head));
    let lines = rows.iter().map(|row| {
        let value = match &row.value {
            Value::Typed(text) => el("td").children(typed(text)),
            Value::Said(sentence) => paragraph("td", sentence),
        };
        let mut line = el("tr")
            .child(paragraph("th", &row.label).attr("scope", "row"))
            .child(value);
        if has_weights {
            let fixed = matches!(row.weight, Weight::Fixed | Weight::FixedPart(_));
            let weight = paragraph("td", &row.weight.words());
            line = line.child(if fixed { weight.class("fixed") } else { weight });
        }
        line
    });
    el("div").class("boxes").child(
        el("table")
            .class("fields")
            .child(el("thead").child(el("tr").children(heads)))
            .child(el("tbody").children(lines)),
    )
}

/// A text to type, line by line.
fn typed(text: &str) -> Vec<Markup> {
    let lines: Vec<&str> = text.lines().collect();
    match lines.as_slice() {
        [] => vec![el("code").text(text).into()],
        [line] => vec![el("code").text(line).into()],
        lines => lines
            .iter()
            .map(|line| el("div").child(el("code").text(line)).into())
            .collect(),
    }
}

/// A template as agents see it.
fn picture(key: &ResourceKey, drawn: &Preview) -> Option<Element> {
    let about = drawn.clone().about(&BTreeSet::from([key.clone()]));
    let toast = about.toasts.iter().find(|toast| toast.key == *key);
    let drawing = match toast {
        Some(toast) => draw_toast(toast, "after", 0),
        None => {
            let mut desktops = about.desktops.into_iter();
            let mut desktop = desktops.find(|desktop| {
                let mut sessions = desktop.sessions.iter();
                sessions.any(|session| session.key == *key)
            })?;
            desktop.sessions.retain(|session| session.key == *key);
            draw_desktop(&desktop, None, "after", 0, Some(key))
        }
    };
    let caption = el("p").class("muted").text("What agents see:");
    Some(el("div").class("picture").child(caption).child(drawing))
}

fn paragraph(name: &'static str, sentence: &Sentence) -> Element {
    sentence
        .0
        .iter()
        .fold(el(name), |element, piece| match piece {
            Piece::Ours(text) => element.child(el("span").text(text)),
            Piece::Screen(name) => element.child(el("strong").text(name)),
            Piece::Outside(text) => element.child(el("code").text(text)),
            Piece::Prose(text) => element.children(prose(text)),
        })
}
