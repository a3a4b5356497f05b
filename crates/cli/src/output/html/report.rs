//! The pages: a plan, drift, and a preview of manifests only.

use std::collections::BTreeSet;

use deskstate_model::{Diagnostic, Manifests, ResourceKey};
use deskstate_reconcile::plan::{Action, Plan};

use super::changes::{
    Changes, cards, chips, findings, not_planned, tiles, toolbar, without_changes,
};
use super::desktop::{Screens, screens};
use super::markup::{Element, Markup, el};
use super::page::{Head, Section, page};
use crate::graph::{Embedding, Graph, graph, svg};
use crate::output::count;
use crate::output::plan_text::PlanText;
use crate::output::verdict::{Verdict, unplanned};
use crate::preview::Preview;
use crate::specs::Specs;

/// A plan, with the additional data for a page.
pub(crate) struct Report<'a> {
    /// The plan and its context, as shown on a terminal.
    pub(crate) shown: &'a PlanText<'a>,
    /// The manifests.
    pub(crate) manifests: &'a Manifests,
    /// The live resources.
    pub(crate) live: &'a Specs,
    /// Warnings, and everything that could not be planned.
    pub(crate) findings: &'a [Diagnostic],
    /// The next step.
    pub(crate) next: &'a str,
}

/// Renders the report.
pub(crate) fn report(report: &Report<'_>) -> String {
    let Report {
        shown,
        manifests,
        live,
        findings: found,
        next,
    } = report;
    let PlanText {
        plan,
        sources,
        environment,
        address,
        revision,
        transactions,
        title,
        explain_wire: _,
        reach,
    } = shown;
    let mut facts = vec![(*address).to_owned()];
    facts.extend(revision.map(|revision| format!("manifests at {revision}")));
    facts.push(count(plan.states().total(), "resource"));
    facts.push(format!(
        "{} to read",
        count(
            usize::try_from(plan.read_requests).unwrap_or(usize::MAX),
            "request"
        )
    ));
    if let Some(transactions) = transactions.filter(|_| !plan.is_empty()) {
        facts.push(format!("{} to write", count(transactions, "transaction")));
    }
    let mut sections = Vec::new();
    if !found.is_empty() {
        sections.push(Section {
            id: "findings",
            title: "Look at these first".to_owned(),
            aside: Some(count(found.len(), "finding")),
            body: findings(found, sources).into(),
        });
    }
    let not_compared = || unplanned(&plan.resources, &plan.elsewhere);
    if not_compared().next().is_some() {
        sections.push(Section {
            id: "unknown",
            title: "Not compared".to_owned(),
            aside: Some(Verdict::of_plan(plan).counts("in sync")),
            body: not_planned(not_compared(), sources).into(),
        });
    }
    let changes = Changes {
        plan,
        sources,
        reach,
    };
    let kinds = plan.changes.iter().map(|change| change.key.kind).collect();
    let body: Element = if plan.is_empty() {
        without_changes(environment, plan)
    } else {
        el("div")
            .attr("data-changes", "")
            .child(toolbar(chips(plan), &kinds))
            .child(cards(&changes))
    };
    sections.push(Section {
        id: "changes",
        title: "Changes".to_owned(),
        aside: (!plan.is_empty()).then(|| count(plan.changes.len(), "resource")),
        body: body.into(),
    });
    let picture = Picture::of(manifests, live, plan);
    sections.extend(picture.sections());
    let head = Head {
        kicker: title.words(),
        title: format!("{} for {environment}", title.words()),
        facts,
        summary: tiles(plan),
    };
    page(head, sections, next)
}

/// The data for the pictures of a page.
pub(crate) struct Picture {
    before: Preview,
    after: Preview,
    /// The names of the two states.
    names: (&'static str, &'static str),
    graph: Graph,
}

impl Picture {
    /// Draws declared resources and changes, rather than everything in an environment.
    pub(crate) fn of(manifests: &Manifests, live: &Specs, plan: &Plan) -> Self {
        let declared = Specs::declared(manifests);
        let keys = declared.iter().map(|(key, _)| key.clone());
        let about: BTreeSet<ResourceKey> = keys
            .chain(plan.changes.iter().map(|change| change.key.clone()))
            .collect();
        Self {
            before: Preview::of(live).about(&about),
            after: Preview::of(&live.carried_out(&declared, plan)).about(&about),
            names: ("Before", "After"),
            graph: graph(manifests, Some(plan)),
        }
    }

    /// The same for drift, in order of time: the declared state, then the state it was changed to.
    pub(crate) fn of_drift(manifests: &Manifests, live: &Specs, plan: &Plan) -> Self {
        let planned = Self::of(manifests, live, plan);
        let mut graph = planned.graph;
        for node in &mut graph.nodes {
            node.mark = node.mark.map(|mark| match mark {
                Action::Create => Action::Delete,
                Action::Update => Action::Update,
                Action::Delete => Action::Create,
            });
        }
        Self {
            before: planned.after,
            after: planned.before,
            names: ("Declared", "Live"),
            graph,
        }
    }

    /// The section of the screen in two states, and that of the graph.
    pub(super) fn sections(&self) -> Vec<Section> {
        let drawn = Screens {
            before: Some(&self.before),
            after: &self.after,
            names: self.names,
            focus: None,
        };
        compared_section(&drawn)
            .into_iter()
            .chain(graph_section(&self.graph))
            .collect()
    }
}

/// The reason why manifests have no preview.
pub(crate) const NOTHING_TO_DRAW: &str =
    "no app profile, session template or notification template is declared";

/// Renders the preview of manifests, without an environment.
///
/// `focus` is the resource that the preview is about; the picture then only shows what is related to it. Returns `None` if there is nothing
/// to draw, unless the page is a file that something else expects.
pub(crate) fn preview(
    manifests: &Manifests,
    focus: Option<&ResourceKey>,
    is_for_people: bool,
) -> Option<String> {
    let project = manifests
        .project
        .as_ref()
        .map_or("deskstate", |project| project.name.value.as_str());
    let declared = Specs::declared(manifests);
    let mut drawn = Preview::of(&declared);
    if let Some(focus) = focus {
        drawn = drawn.about(&BTreeSet::from([focus.clone()]));
    }
    let screens = compared_section(&Screens {
        before: None,
        after: &drawn,
        names: ("Before", "After"),
        focus,
    });
    if screens.is_none() && (focus.is_some() || is_for_people) {
        return None;
    }
    let mut facts = Vec::new();
    facts.push(match &manifests.environment {
        Some(environment) => format!("as declared for {environment}"),
        None => "as declared, before overlays".to_owned(),
    });
    facts.push(count(
        drawn
            .desktops
            .iter()
            .filter(|desktop| desktop.profile.is_some())
            .count(),
        "profile",
    ));
    facts.push(count(drawn.toasts.len(), "notification"));
    let title = focus.map_or_else(|| project.to_owned(), ToString::to_string);
    let head = Head {
        kicker: "Desktop preview",
        title,
        facts,
        summary: Markup::default(),
    };
    let note = match screens {
        Some(_) => {
            "Drawn from the manifests alone; nothing was sent. Microsoft’s own look differs."
        }
        None => {
            "No app profile, session template or notification template is declared, so agents see nothing of this."
        }
    };
    let mut sections: Vec<Section> = screens.into_iter().collect();
    if focus.is_none() {
        sections.extend(graph_section(&graph(manifests, None)));
    }
    Some(page(head, sections, note))
}

/// The agents' screen in one state.
pub(super) fn desktop_section(drawn: &Preview) -> Option<Section> {
    compared_section(&Screens {
        before: None,
        after: drawn,
        names: ("Before", "After"),
        focus: None,
    })
}

fn compared_section(drawn: &Screens<'_>) -> Option<Section> {
    Some(Section {
        id: "desktop",
        title: "What agents see".to_owned(),
        aside: Some("a drawing from the declared values, not Microsoft’s own look".to_owned()),
        body: screens(drawn)?,
    })
}

fn graph_section(graph: &Graph) -> Option<Section> {
    if graph.nodes.is_empty() {
        return None;
    }
    let list = graph.nodes.iter().enumerate().map(|(at, node)| {
        let edges: Vec<String> = graph
            .edges
            .iter()
            .skip(graph.edges.partition_point(|edge| edge.from < at))
            .take_while(|edge| edge.from == at)
            .map(|edge| format!("{} {}", edge.word, graph.nodes[edge.to].key.name))
            .collect();
        let item = el("li").child(el("strong").text(node.key.to_string()));
        if edges.is_empty() {
            item
        } else {
            item.child(el("span").text(format!(": {}", edges.join(", "))))
        }
    });
    let picture = el("div")
        .class("graph-scroll")
        .attr("role", "region")
        .attr("aria-label", "Picture of the resources; scrolls sideways")
        .attr("tabindex", "0")
        .child(svg(graph, Embedding::Page));
    let text = el("details")
        .class("as-text")
        .child(el("summary").text("The same as text"))
        .child(el("ul").children(list));
    Some(Section {
        id: "graph",
        title: "Dependencies".to_owned(),
        aside: Some(format!(
            "{}, {}",
            count(graph.nodes.len(), "resource"),
            count(graph.edges.len(), "reference")
        )),
        body: el("div").child(picture).child(text).into(),
    })
}
