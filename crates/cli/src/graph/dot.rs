//! The graph in DOT, for Graphviz.

use std::collections::BTreeSet;
use std::fmt::Write;

use deskstate_model::Kind;
use deskstate_reconcile::plan::Action;

use super::{Graph, Node, Standing};

/// Writes the graph.
pub(crate) fn dot(graph: &Graph) -> String {
    let mut out = String::from(
        "digraph deskstate {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n",
    );
    let kinds: BTreeSet<Kind> = graph.nodes.iter().map(|node| node.key.kind).collect();
    // Writing to a string cannot fail.
    for kind in kinds {
        _ = writeln!(out, "  subgraph cluster_{kind} {{\n    label=\"{kind}\";");
        for (at, node) in graph
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| node.key.kind == kind)
        {
            _ = writeln!(
                out,
                "    n{at} [label={}{}];",
                quoted(&label(node)),
                look(node)
            );
        }
        out.push_str("  }\n");
    }
    for edge in &graph.edges {
        _ = writeln!(
            out,
            "  n{} -> n{} [label={}];",
            edge.from,
            edge.to,
            quoted(edge.word)
        );
    }
    out.push_str("}\n");
    out
}

fn label(node: &Node) -> String {
    let name = crate::output::plain(node.key.name.as_written());
    match &node.note {
        Some(note) => format!("{name}\n{}", crate::output::plain(note)),
        None => name,
    }
}

fn look(node: &Node) -> &'static str {
    match (node.mark, node.standing) {
        (Some(Action::Create), _) => ", color=\"#1a7f37\", penwidth=2",
        (Some(Action::Update), _) => ", color=\"#9a6700\", penwidth=2",
        (Some(Action::Delete), _) | (None, Standing::Absent) => {
            ", color=\"#cf222e\", style=\"rounded,dashed\""
        }
        (None, Standing::Existing | Standing::Elsewhere) => ", style=\"rounded,dashed\"",
        (None, Standing::Declared) => "",
    }
}

/// A quoted string of DOT: quotation marks and backslashes escaped, a line break as `\n`.
fn quoted(text: &str) -> String {
    format!(
        "\"{}\"",
        text.replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n")
    )
}

#[cfg(test)]
mod tests {
    use deskstate_model::Kind;
    use serde_json::json;

    use super::super::tests::{contoso, of};
    use super::*;
    use crate::specs::Specs;

    #[test]
    fn a_digraph_groups_by_kind_and_names_the_fields() {
        insta::assert_snapshot!(dot(&contoso()));
    }

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        let drawn = dot(&of(&Specs::of_json(&[(
            Kind::CIF_PROVIDER,
            "a\\\"]; evil\u{7}",
            json!({}),
        )])));
        assert!(
            drawn.contains(r#"n0 [label="a\\\"]; evil\\u{7}"];"#),
            "{drawn}"
        );
    }
}
