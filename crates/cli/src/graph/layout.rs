//! The positions of the nodes: one column for each step away from a profile, ordered so that few lines cross.

use std::collections::BTreeMap;

use deskstate_model::Kind;

use super::Graph;

/// How often the columns are sorted by their neighbours. More sweeps change hardly anything.
const SWEEPS: usize = 6;

/// The columns and rows of all nodes, in the order of the nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// Column and row of each node.
    pub(super) cells: Vec<(usize, usize)>,
    /// Number of nodes in each column.
    pub(super) lengths: Vec<usize>,
    /// Number of rows in the longest column.
    pub(super) rows: usize,
}

/// Places the nodes. The cost grows hardly more than linearly with nodes and edges.
pub(super) fn layout(graph: &Graph) -> Layout {
    let mut known = BTreeMap::new();
    let mut columns: Vec<Vec<usize>> = Vec::new();
    for (at, node) in graph.nodes.iter().enumerate() {
        let column = column_of(node.key.kind, &mut known);
        if columns.len() <= column {
            columns.resize(column + 1, Vec::new());
        }
        columns[column].push(at);
    }
    columns.retain(|column| !column.is_empty());
    let mut neighbours: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    for edge in &graph.edges {
        neighbours[edge.from].push(edge.to);
        neighbours[edge.to].push(edge.from);
    }
    let mut cells = vec![(0, 0); graph.nodes.len()];
    place(&columns, &mut cells);
    for sweep in 0..SWEEPS {
        let order: Vec<usize> = if sweep % 2 == 0 {
            (0..columns.len()).collect()
        } else {
            (0..columns.len()).rev().collect()
        };
        for column in order {
            // A node moves to the average row of its neighbours in other columns. A node without such neighbours stays.
            columns[column].sort_by_key(|&at| {
                average(&neighbours[at], &cells, column).unwrap_or(cells[at].1 * SCALE)
            });
            place_column(column, &columns[column], &mut cells);
        }
    }
    Layout {
        rows: columns.iter().map(Vec::len).max().unwrap_or(0),
        lengths: columns.iter().map(Vec::len).collect(),
        cells,
    }
}

/// Average rows are integers scaled by this factor, so that the order is the same on every machine.
const SCALE: usize = 1_024;

fn average(neighbours: &[usize], cells: &[(usize, usize)], column: usize) -> Option<usize> {
    let rows: Vec<usize> = neighbours
        .iter()
        .map(|&at| cells[at])
        .filter(|cell| cell.0 != column)
        .map(|cell| cell.1)
        .collect();
    (!rows.is_empty()).then(|| rows.iter().sum::<usize>() * SCALE / rows.len())
}

fn place(columns: &[Vec<usize>], cells: &mut [(usize, usize)]) {
    for (column, nodes) in columns.iter().enumerate() {
        place_column(column, nodes, cells);
    }
}

fn place_column(column: usize, nodes: &[usize], cells: &mut [(usize, usize)]) {
    for (row, &at) in nodes.iter().enumerate() {
        cells[at] = (column, row);
    }
}

/// The column of a kind: right of all kinds that refer to it, but for those that it refers to itself, also through others.
fn column_of(kind: Kind, known: &mut BTreeMap<Kind, Option<usize>>) -> usize {
    if let Some(column) = known.get(&kind) {
        // Nothing yet if the kinds form a circle.
        return column.unwrap_or(0);
    }
    known.insert(kind, None);
    let names = |other: Kind| {
        let fields = other.fields().iter();
        let mut inner = fields.flat_map(|field| std::iter::once(field).chain(field.items()));
        inner.any(|field| field.refers_to() == Some(kind))
    };
    let referring: Vec<Kind> = Kind::all()
        .filter(|other| *other != kind && names(*other) && known.get(other) != Some(&None))
        .collect();
    let columns = referring
        .into_iter()
        .map(|other| column_of(other, known) + 1);
    let column = columns.max().unwrap_or(0);
    known.insert(kind, Some(column));
    column
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use deskstate_model::Kind;
    use serde_json::json;

    use super::super::tests::{contoso, of};
    use super::*;
    use crate::specs::Specs;

    #[test]
    fn every_node_has_a_cell_of_its_own() {
        let graph = contoso();
        let layout = layout(&graph);
        let cells: BTreeSet<_> = layout.cells.iter().collect();
        assert_eq!(cells.len(), graph.nodes.len());
        assert!(
            layout
                .cells
                .iter()
                .all(|(column, row)| *column < layout.lengths.len() && *row < layout.rows)
        );
    }

    #[test]
    fn lines_that_need_not_cross_do_not() {
        let graph = of(&Specs::of_json(&[
            (
                Kind::APP_PROFILE,
                "contoso_a",
                json!({"sessionTemplates": ["contoso_y"]}),
            ),
            (
                Kind::APP_PROFILE,
                "contoso_b",
                json!({"sessionTemplates": ["contoso_x"]}),
            ),
            (
                Kind::SESSION_TEMPLATE,
                "contoso_x",
                json!({"anchorTab": "contoso_1"}),
            ),
            (
                Kind::SESSION_TEMPLATE,
                "contoso_y",
                json!({"anchorTab": "contoso_2"}),
            ),
        ]));
        let layout = layout(&graph);
        let crossing = graph.edges.iter().any(|left| {
            graph.edges.iter().any(|right| {
                let row = |at: usize| layout.cells[at].1;
                let same = layout.cells[left.from].0 == layout.cells[right.from].0;
                same && row(left.from) < row(right.from) && row(left.to) > row(right.to)
            })
        });
        assert!(!crossing, "{layout:?}");
    }

    #[test]
    fn nothing_at_all_can_be_laid_out() {
        assert_eq!(
            layout(&of(&Specs::default())),
            Layout {
                cells: vec![],
                lengths: vec![],
                rows: 0
            }
        );
    }
}
