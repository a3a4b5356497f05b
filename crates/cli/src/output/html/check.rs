//! The report of `check`, as a page.

use deskstate_reconcile::check::Keeping;

use super::markup::{Element, el};
use super::page::{Head, Section, page, prose, tiles};
use crate::output::check_report::{CheckReport, Fault, Piece, Rule};
use crate::output::count;

/// Renders the page.
pub(crate) fn check(report: &CheckReport) -> String {
    let requests = usize::try_from(report.requests).unwrap_or(usize::MAX);
    let head = Head {
        kicker: "Check",
        title: format!("{}: {}", report.environment, report.keeping().word()),
        facts: vec![
            report.address.clone(),
            report.counts(),
            format!("{} to read", count(requests, "request")),
            report.audit.clone(),
        ],
        summary: tiles(&[
            ("create", report.number(Keeping::Kept), "kept"),
            ("delete", report.number(Keeping::Broken), "broken"),
            ("unknown", report.number(Keeping::Unknown), "unknown"),
        ]),
    };
    let sections = [
        ("broken", "Broken", Keeping::Broken),
        ("unknown", "Unknown", Keeping::Unknown),
        ("kept", "Kept", Keeping::Kept),
    ];
    let sections = sections.into_iter().filter_map(|(id, title, keeping)| {
        let rules = report.with(keeping).map(rule);
        let number = report.number(keeping);
        (number > 0).then(|| Section {
            id,
            title: title.to_owned(),
            aside: Some(count(number, "rule")),
            body: el("ul").class("findings").children(rules).into(),
        })
    });
    let next = match report.keeping() {
        Keeping::Kept => "Nothing to do.",
        Keeping::Broken => "Set each value as the contract requires, and check again.",
        Keeping::Unknown => {
            "Give the caller read access to the whole organization, and check again."
        }
    };
    page(head, sections.collect(), next)
}

fn rule(rule: &Rule) -> Element {
    let class = match rule.keeping {
        Keeping::Kept => "note",
        Keeping::Broken | Keeping::Unknown => "error",
    };
    let title = el("p")
        .class("finding")
        .child(el("span").class("badge").text(rule.keeping.word()))
        .child(el("span").text(format!("{} ({})", rule.id(), rule.about)));
    let doubts = rule.doubts.iter().map(|doubt| {
        el("p")
            .class("help")
            .text(format!("Unknown: {}", doubt.words()))
    });
    el("li")
        .class(class)
        .child(title)
        .children(
            rule.remark()
                .map(|remark| el("p").class("help").text(remark)),
        )
        .children(
            rule.message
                .as_ref()
                .map(|message| el("p").class("help").children(prose(message))),
        )
        .children(rule.faults().map(|(one, breaks)| fault(one, breaks)))
        .children(
            rule.left_out()
                .map(|more| el("p").class("help").children(prose(&more))),
        )
        .children(doubts)
}

fn fault(fault: &Fault, breaks: Option<&str>) -> Element {
    let pieces = fault.pieces().into_iter().map(|piece| match piece {
        Piece::Ours(text) => el("span").text(text),
        Piece::Outside(text) => el("code").text(text),
    });
    let note = fault.note.as_ref();
    el("div")
        .child(el("p").class("help").children(pieces))
        .children(note.map(|note| el("p").class("help").children(prose(note))))
        .children(
            fault
                .writer()
                .map(|writer| el("p").class("help").text(writer)),
        )
        .children(breaks.map(|breaks| el("p").class("breaks").text(format!("breaks: {breaks}"))))
}
