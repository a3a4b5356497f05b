//! The graph as a picture.

use deskstate_reconcile::plan::Action;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::layout::{Layout, layout};
use super::{Graph, Node, Standing};
use crate::output::html::markup::{Element, Markup, el};

const NODE_WIDTH: usize = 248;
const NODE_HEIGHT: usize = 52;
const COLUMN: usize = 376;
const ROW: usize = 68;
const MARGIN: usize = 28;
/// Maximum number of letters of a name in a node.
const LETTERS: usize = 29;

/// The styles of a picture in its own file. A page supplies its own.
const STYLE: &str = include_str!("graph.css");

/// Where the picture is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Embedding {
    /// In its own file.
    File,
    /// In a page that styles it.
    Page,
}

/// Draws the graph.
pub(crate) fn svg(graph: &Graph, embedding: Embedding) -> Markup {
    let layout = layout(graph);
    let width = 2 * MARGIN
        + layout.lengths.len().saturating_sub(1) * COLUMN
        + NODE_WIDTH
        + loops(graph, &layout);
    let height = 2 * MARGIN + layout.rows.saturating_sub(1) * ROW + NODE_HEIGHT;
    let mut picture = el("svg")
        .class("graph")
        .attr("viewBox", format!("0 0 {width} {height}"))
        .attr("width", width.to_string())
        .attr("height", height.to_string())
        .attr("role", "img")
        .attr("aria-label", summary(graph));
    if embedding == Embedding::File {
        picture = picture
            .attr("xmlns", "http://www.w3.org/2000/svg")
            .child(el("style").child(Markup::trusted(STYLE)));
        picture = picture.child(
            el("rect")
                .class("sheet")
                .attr("width", "100%")
                .attr("height", "100%"),
        );
    }
    let edges = graph.edges.iter().map(|edge| {
        el("path")
            .class("edge")
            .attr("data-from", edge.from.to_string())
            .attr("data-to", edge.to.to_string())
            .attr("d", curve(&layout, edge.from, edge.to))
            .child(el("title").text(edge.word))
    });
    let nodes = graph
        .nodes
        .iter()
        .enumerate()
        .map(|(at, node)| draw(at, node, position(&layout, at)));
    picture
        .child(el("g").children(edges))
        .child(el("g").children(nodes))
        .into()
}

/// The width needed for lines that leave the last column on the right and return to it.
fn loops(graph: &Graph, layout: &Layout) -> usize {
    let back = graph
        .edges
        .iter()
        .any(|edge| layout.cells[edge.from].0 == layout.cells[edge.to].0);
    if back { 56 } else { 0 }
}

fn summary(graph: &Graph) -> String {
    let count = crate::output::count;
    format!(
        "{} and {} between them",
        count(graph.nodes.len(), "resource"),
        count(graph.edges.len(), "reference")
    )
}

/// The upper left corner of a node. A short column is centered next to a longer one, but never far down.
fn position(layout: &Layout, at: usize) -> (usize, usize) {
    let (column, row) = layout.cells[at];
    let lower = ((layout.rows - layout.lengths[column]) * ROW / 2).min(6 * ROW);
    (MARGIN + column * COLUMN, MARGIN + row * ROW + lower)
}

/// A line from the right side of a node to the left side of another. Within a column, it leaves on the right and returns.
fn curve(layout: &Layout, from: usize, to: usize) -> String {
    let middle = NODE_HEIGHT / 2;
    let ((x1, y1), (x2, y2)) = (position(layout, from), position(layout, to));
    let (x1, y1, y2) = (x1 + NODE_WIDTH, y1 + middle, y2 + middle);
    if layout.cells[from].0 == layout.cells[to].0 {
        let (y1, y2) = (y1 + 8, y2.saturating_sub(8));
        return format!("M{x1} {y1}C{} {y1} {} {y2} {x1} {y2}", x1 + 60, x1 + 60);
    }
    let bend = x1.abs_diff(x2) / 2;
    if x2 > x1 {
        format!("M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}", x1 + bend, x2 - bend)
    } else {
        let (start, end) = (x1 - NODE_WIDTH, x2 + NODE_WIDTH);
        let bend = start.abs_diff(end) / 2;
        format!(
            "M{start} {y1}C{} {y1} {} {y2} {end} {y2}",
            start.saturating_sub(bend),
            end + bend
        )
    }
}

fn draw(at: usize, node: &Node, (x, y): (usize, usize)) -> Element {
    let mark = match (node.mark, node.standing) {
        (Some(Action::Create), _) => "create",
        (Some(Action::Update), _) => "update",
        (Some(Action::Delete), _) | (None, Standing::Absent) => "delete",
        (None, Standing::Existing | Standing::Elsewhere) => "elsewhere",
        (None, Standing::Declared) => "declared",
    };
    let symbol = match node.mark {
        Some(Action::Create) => "+",
        Some(Action::Update) => "~",
        Some(Action::Delete) => "−",
        None => "",
    };
    let name = node.key.name.as_written();
    let over = match &node.note {
        Some(note) => format!("{} · {note}", node.key.kind.definition().title),
        None => node.key.kind.definition().title.to_owned(),
    };
    let text = |class: &str, x: usize, y: usize, text: String| {
        el("text")
            .class(class)
            .attr("x", x.to_string())
            .attr("y", y.to_string())
            .text(text)
    };
    el("g")
        .class(&format!("node {mark}"))
        .attr("data-node", at.to_string())
        .child(el("title").text(format!("{} {name}", node.key.kind)))
        .child(
            el("rect")
                .attr("x", x.to_string())
                .attr("y", y.to_string())
                .attr("width", NODE_WIDTH.to_string())
                .attr("height", NODE_HEIGHT.to_string())
                .attr("rx", "9"),
        )
        .child(text("kind", x + 14, y + 20, shortened(&over, LETTERS + 6)))
        .child(text("name", x + 14, y + 39, shortened(name, LETTERS)))
        .child(text(
            "symbol",
            x + NODE_WIDTH - 22,
            y + 22,
            symbol.to_owned(),
        ))
}

/// Cuts a text that would not fit its box.
fn shortened(text: &str, letters: usize) -> String {
    let text = crate::output::plain(text);
    if text.width() <= letters {
        return text;
    }
    let mut width = 1;
    let kept: String = text
        .chars()
        .take_while(|character| {
            width += character.width().unwrap_or(0);
            width <= letters
        })
        .collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{contoso, of};
    use deskstate_model::Kind;

    use super::*;
    use crate::specs::Specs;

    #[test]
    fn a_file_of_its_own_brings_its_look() {
        let drawn = svg(&contoso(), Embedding::File).to_string();
        assert!(drawn.starts_with("<svg class=\"graph\""), "{drawn}");
        assert!(
            drawn.contains("xmlns=\"http://www.w3.org/2000/svg\"")
                && drawn.contains("prefers-color-scheme")
        );
    }

    #[test]
    fn a_picture_is_the_same_whenever_it_is_drawn() {
        insta::assert_snapshot!(
            svg(&contoso(), Embedding::Page)
                .to_string()
                .replace('>', ">\n")
        );
    }

    #[test]
    fn a_long_name_is_cut_and_stands_whole_in_the_title() {
        let name = format!("contoso_{}", "日".repeat(40));
        let drawn = svg(
            &of(&Specs::of_json(&[(Kind::PANE_TOOL, &name, json!({}))])),
            Embedding::Page,
        )
        .to_string();
        assert!(drawn.contains(&format!("<title>PaneTool {name}</title>")));
        assert!(
            drawn.contains(&format!("contoso_{}…</text>", "日".repeat(10))),
            "{drawn}"
        );
    }

    #[test]
    fn a_name_cannot_leave_its_element() {
        let name = "x_</text><script>alert(1)</script>";
        let drawn = svg(
            &of(&Specs::of_json(&[(Kind::CIF_PROVIDER, name, json!({}))])),
            Embedding::File,
        )
        .to_string();
        assert!(!drawn.contains("<script"), "{drawn}");
    }
}
