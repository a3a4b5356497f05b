//! Random faults between client and emulator: for each seed the reported outcome must be what the state shows.
//!
//! `DESKSTATE_CAMPAIGN_SEEDS=10000` runs more of them; a seed that fails is named and fails again.

use std::net::SocketAddr;

use deskstate_dataverse::{Outcome, Query, Reader, Session};
use deskstate_emulator::{ChangesetFailure, Config, Emulator, Switches};
use uuid::Uuid;

use crate::dice::Dice;
use crate::environment::{TEMPLATES, connection, rows, stale_update, start, stored, three_writes};
use crate::proxy::Proxy;

const USUAL_SEEDS: u64 = 300;

fn seeds() -> u64 {
    std::env::var("DESKSTATE_CAMPAIGN_SEEDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(USUAL_SEEDS)
}

/// How environments were seen to refuse a changeset; the seeds take turns.
const SHAPES: [ChangesetFailure; 3] = [
    ChangesetFailure::Nested,
    ChangesetFailure::Bare,
    ChangesetFailure::Json,
];

/// An environment that refuses in one of the shapes.
struct Shaped {
    changeset_failure: ChangesetFailure,
    upstream: SocketAddr,
    looking: Reader,
    /// A row whose update with a wrong version must fail.
    existing: Uuid,
    emulator: Emulator,
}

impl Shaped {
    async fn new(changeset_failure: ChangesetFailure) -> Self {
        let emulator = start(Config {
            switches: Switches {
                changeset_failure,
                ..Switches::default()
            },
            ..Config::default()
        })
        .await;
        let upstream = emulator
            .url()
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .parse()
            .expect("an address");
        let looking = Reader::open(&connection(emulator.url())).expect("a reader opens");
        let existing = rows(
            &looking,
            Query::rows(TEMPLATES).select(["msdyn_uniquename"]).top(1),
        )
        .await;
        Self {
            changeset_failure,
            upstream,
            looking,
            existing: existing.rows[0]
                .uuid("msdyn_notificationtemplateid")
                .expect("the seed has a template"),
            emulator,
        }
    }
}

#[tokio::test]
async fn the_reported_outcome_is_what_the_state_shows() {
    let mut environments = Vec::new();
    for changeset_failure in SHAPES {
        environments.push(Shaped::new(changeset_failure).await);
    }
    let mut seen = [0u64; 4];
    let seeds = seeds();
    for seed in 0..seeds {
        let shaped = &environments[usize::try_from(seed).expect("small") % SHAPES.len()];
        let template = Uuid::from_u128(u128::from(seed) << 64 | 1);
        let field = Uuid::from_u128(u128::from(seed) << 64 | 2);
        let mut changeset = three_writes(template, field);
        let must_fail = Dice::new(seed ^ 0x5eed).roll(4) == 0;
        if must_fail {
            changeset.operations.push(stale_update(shaped.existing));
        }
        let proxy = Proxy::start(shaped.upstream, seed).await;
        let session = Session::open(&connection(&proxy.url())).expect("a session opens");
        let outcome = session.commit(&changeset).await;
        let stored = stored(&shaped.looking, template, field).await;
        let (kind, fits) = match &outcome {
            Outcome::Committed => (0, stored == 3 && !must_fail),
            Outcome::Refused { operation, .. } => {
                // only an answer with its Content-ID names the operation
                let named = (shaped.changeset_failure == ChangesetFailure::Nested).then_some(3);
                (1, stored == 0 && must_fail && *operation == named)
            }
            Outcome::NotAttempted { .. } => (2, stored == 0),
            Outcome::Unknown { .. } => (3, stored == 0 || stored == 3 && !must_fail),
        };
        assert!(
            fits,
            "seed {seed}: {stored} of 3 are stored, reported {outcome:?}"
        );
        seen[kind] += 1;
    }
    let [committed, refused, not_attempted, unknown] = seen;
    assert!(
        committed > seeds / 4 && refused > seeds / 20 && unknown > seeds / 10,
        "the schedule reaches every outcome: {seen:?}"
    );
    assert!(not_attempted < seeds / 10, "{seen:?}");
    for shaped in environments {
        shaped.emulator.stop().await.expect("it stops");
    }
}

#[tokio::test]
async fn reads_are_right_or_an_error_whatever_happens_on_the_way() {
    let emulator = start(Config::default()).await;
    let upstream = emulator
        .url()
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .parse()
        .expect("an address");
    let queries = [
        Query::rows(TEMPLATES).select(["msdyn_uniquename"]),
        Query::rows("msdyn_nothing"),
        Query::who_am_i(),
    ];
    let direct = Reader::open(&connection(emulator.url())).expect("a reader opens");
    let truth = direct.read(&queries).await.expect("nothing is in the way");
    let mut right = 0;
    for seed in 0..100 {
        let proxy = Proxy::start(upstream, seed).await;
        let reader = Reader::open(&connection(&proxy.url())).expect("a reader opens");
        let Ok(answers) = reader.read(&queries).await else {
            continue;
        };
        right += 1;
        for (answer, truth) in answers.iter().zip(&truth) {
            match (answer, truth) {
                (Ok(answer), Ok(truth)) => assert_eq!(answer, truth, "seed {seed}"),
                (Err(answer), Err(truth)) => assert_eq!(answer.status, truth.status, "seed {seed}"),
                _ => panic!("seed {seed}: {answer:?} for {truth:?}"),
            }
        }
    }
    assert!(
        right > 90,
        "four attempts are nearly always enough: {right}"
    );
    emulator.stop().await.expect("it stops");
}
