//! The graph as a Mermaid flowchart, which GitHub, GitLab and Azure DevOps draw in Markdown.

use std::collections::BTreeSet;
use std::fmt::Write;

use deskstate_model::Kind;
use deskstate_reconcile::plan::Action;

use super::{Graph, Node, Standing};

/// Writes the flowchart.
pub(crate) fn mermaid(graph: &Graph) -> String {
    let mut out = String::from("flowchart LR\n");
    let kinds: BTreeSet<Kind> = graph.nodes.iter().map(|node| node.key.kind).collect();
    // Writing to a string cannot fail.
    for kind in kinds {
        _ = writeln!(out, "  subgraph {kind}s");
        for (at, node) in graph
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| node.key.kind == kind)
        {
            _ = writeln!(out, "    n{at}[\"{}\"]{}", label(node), class(node));
        }
        out.push_str("  end\n");
    }
    for edge in &graph.edges {
        _ = writeln!(out, "  n{} -->|{}| n{}", edge.from, edge.word, edge.to);
    }
    out.push_str("  classDef create stroke:#1a7f37,stroke-width:2px\n");
    out.push_str("  classDef update stroke:#9a6700,stroke-width:2px\n");
    out.push_str("  classDef delete stroke:#cf222e,stroke-width:2px,stroke-dasharray:6 3\n");
    out.push_str("  classDef elsewhere stroke-dasharray:3 3\n");
    out
}

fn label(node: &Node) -> String {
    let symbol = match node.mark {
        Some(Action::Create) => "+ ",
        Some(Action::Update) => "~ ",
        Some(Action::Delete) => "- ",
        None => "",
    };
    format!(
        "{symbol}{}",
        escaped(&crate::output::plain(node.key.name.as_written()))
    )
}

/// Escapes a label for Mermaid as `#` and the character's number, so that Markdown and HTML in it have no effect.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_alphanumeric() || matches!(character, ' ' | '_' | '-' | '.') {
            out.push(character);
        } else {
            _ = write!(out, "#{};", u32::from(character));
        }
    }
    out
}

fn class(node: &Node) -> &'static str {
    match (node.mark, node.standing) {
        (Some(Action::Create), _) => ":::create",
        (Some(Action::Update), _) => ":::update",
        (Some(Action::Delete), _) | (None, Standing::Absent) => ":::delete",
        (None, Standing::Existing | Standing::Elsewhere) => ":::elsewhere",
        (None, Standing::Declared) => "",
    }
}

#[cfg(test)]
mod tests {
    use deskstate_model::Kind;
    use serde_json::json;

    use super::super::tests::{contoso, of};
    use super::*;
    use crate::specs::Specs;

    #[test]
    fn a_flowchart_groups_by_kind_and_names_the_fields() {
        insta::assert_snapshot!(mermaid(&contoso()));
    }

    #[test]
    fn a_name_cannot_leave_its_label() {
        let name = "x_\"] --> evil[<img src=x onerror=alert(1)>\n%% `@everyone`\u{1b}";
        let drawn = mermaid(&of(&Specs::of_json(&[(
            Kind::CIF_PROVIDER,
            name,
            json!({}),
        )])));
        let node = drawn
            .lines()
            .find(|line| line.contains("n0["))
            .expect("the node is drawn");
        assert!(
            node.starts_with("    n0[\"x_#34;#93; --#62; evil#91;#60;img"),
            "{node}"
        );
        assert_eq!(
            drawn.lines().filter(|line| line.contains("evil")).count(),
            1
        );
        assert!(!drawn.contains(['<', '`', '@', '\u{1b}']));
    }
}
