//! Planning without a network: declared resources against the same number of live ones. The goal is 100 ms for 10,000, with linear growth.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use deskstate_dataverse::{Cell, Etag, Row};
use deskstate_model::{Kind, Table, load_texts, tables};
use deskstate_reconcile::live::{Access, Facts, Found, Live, LiveLinks, LiveTable};
use deskstate_reconcile::plan::{Limits, Options, transactions};
use deskstate_reconcile::{Desired, lower, plan};
use uuid::Uuid;

/// Loads the documents as projects of at most ten thousand documents, the limit for one project.
fn declared(count: usize) -> Desired {
    const MOST: usize = 10_000;
    let mut desired = Desired::default();
    for first in (0..count).step_by(MOST) {
        let some = declared_from(first..count.min(first + MOST));
        desired.resources.extend(some.resources);
    }
    desired
}

fn declared_from(numbers: std::ops::Range<usize>) -> Desired {
    let count = numbers.len();
    let documents: String = numbers
        .map(|number| {
            format!(
                "---\napiVersion: deskstate/v1\nkind: NotificationField\nmetadata: {{name: contoso_field{number}}}\nspec:\n  displayName: Field {number}\n  header: Header {number}\n  value: '{{customer}}'\n  order: 1\n"
            )
        })
        .collect();
    let project = "apiVersion: deskstate/v1\nkind: Project\nmetadata: {name: desk}\nspec: {}\n";
    let texts = BTreeMap::from([
        ("deskstate.yaml".to_owned(), project.to_owned()),
        ("manifests/all.yaml".to_owned(), documents),
    ]);
    let (manifests, _) = load_texts(texts, None);
    assert_eq!(manifests.resources.len(), count, "every document is read");
    lower(&manifests)
}

/// The declared state, except for every tenth row.
fn live(count: usize) -> Live {
    let rows = (0..count).map(|number| {
        let header = if number % 10 == 0 {
            "Other".to_owned()
        } else {
            format!("Header {number}")
        };
        let cells: [(&str, Cell); 7] = [
            (
                tables::NOTIFICATION_FIELD.key,
                Uuid::from_u128(number as u128 + 1).into(),
            ),
            ("msdyn_uniquename", format!("contoso_field{number}").into()),
            ("msdyn_name", format!("Field {number}").into()),
            ("msdyn_title", header.into()),
            ("msdyn_value", "{customer}".into()),
            ("msdyn_order", Cell::Int(1)),
            ("statecode", Cell::Int(0)),
        ];
        Row::from_cells(cells, Etag::new(&format!("W/\"{number}\"")))
    });
    let mut rows: Vec<Row> = rows.collect();
    let all = Kind::all()
        .map(Kind::table)
        .chain(Kind::part_tables().map(|part| part.table));
    let tables: BTreeMap<&'static Table, LiveTable> = all
        .map(|table| {
            let own = if table == &tables::NOTIFICATION_FIELD {
                std::mem::take(&mut rows)
            } else {
                Vec::new()
            };
            let part = Kind::part_tables().find(|part| part.table == table);
            (table, LiveTable::index(table, part, own, Access::Whole))
        })
        .collect();
    let links = Kind::relationships()
        .map(|relationship| (relationship, LiveLinks::new(BTreeSet::new(), Access::Whole)))
        .collect();
    Live {
        tables,
        links,
        found: Found::default(),
        facts: Facts {
            base_language: Some(1033),
            caller_language: Some(1033),
            ..Facts::default()
        },
        mentions: BTreeMap::new(),
        mentions_unread: None,
        metadata: None,
        requests: 0,
    }
}

fn planning(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan");
    group.sample_size(10);
    for count in [1_000, 10_000, 100_000] {
        let (desired, live) = (declared(count), live(count));
        let options = Options {
            prune: BTreeSet::from(["contoso".to_owned()]),
            ..Options::default()
        };
        group.throughput(Throughput::Elements(count as u64));
        group.bench_with_input(BenchmarkId::from_parameter(count), &count, |bencher, _| {
            bencher.iter(|| {
                let (plan, found) = plan(black_box(&desired), black_box(&live), &options);
                assert!(found.is_empty() && plan.changes.len() == count / 10);
                transactions(
                    &plan,
                    Limits {
                        operations: 200,
                        server_adds_parts: true,
                        server_rewrites_parts: false,
                    },
                )
                .len()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, planning);
criterion_main!(benches);
