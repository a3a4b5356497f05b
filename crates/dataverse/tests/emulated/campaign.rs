//! Random faults between client and emulator. For each seed, the reported outcome must match the state.
//!
//! `DESKSTATE_CAMPAIGN_SEEDS=10000` runs more seeds. A failing seed is named, and fails again if it is repeated.

use std::net::SocketAddr;

use deskstate_dataverse::{Outcome, Query, Reader, Session};
use deskstate_emulator::{ChangesetFailure, Emulator, Switches};
use uuid::Uuid;

use crate::dice::Dice;
use crate::environment::{TEMPLATES, connection, rows, stale_update, start, stored, three_writes};
use crate::proxy::Proxy;
use crate::variants::{self, with};

const USUAL_SEEDS: u64 = 300;

fn seeds() -> u64 {
    std::env::var("DESKSTATE_CAMPAIGN_SEEDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(USUAL_SEEDS)
}

/// An environment and its switches.
struct Varied {
    switches: Switches,
    upstream: SocketAddr,
    looking: Reader,
    /// A row whose update with a wrong version has to fail.
    existing: Uuid,
    emulator: Emulator,
}

impl Varied {
    async fn new(switches: Switches) -> Self {
        let emulator = start(with(&switches)).await;
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
            switches,
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
    for switches in variants::environments() {
        environments.push(Varied::new(switches).await);
    }
    let mut seen = [0u64; 4];
    let seeds = seeds();
    for seed in 0..seeds {
        let varied = &environments[usize::try_from(seed).expect("small") % environments.len()];
        let template = Uuid::from_u128(u128::from(seed) << 64 | 1);
        let field = Uuid::from_u128(u128::from(seed) << 64 | 2);
        let mut changeset = three_writes(template, field);
        let must_fail = Dice::new(seed ^ 0x5eed).roll(4) == 0;
        if must_fail {
            changeset.operations.push(stale_update(varied.existing));
        }
        let proxy = Proxy::start(varied.upstream, seed).await;
        let session = Session::open(&connection(&proxy.url())).expect("a session opens");
        let outcome = session.commit(&changeset).await;
        let stored = stored(&varied.looking, template, field).await;
        let (kind, fits) = match &outcome {
            Outcome::Committed => (0, stored == 3 && !must_fail),
            Outcome::Refused { operation, .. } => {
                // only an answer with a Content-ID identifies the operation
                let nested = varied.switches.changeset_failure == ChangesetFailure::Nested;
                let named = nested.then_some(3);
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
    for varied in environments {
        varied.emulator.stop().await.expect("it stops");
    }
}

#[tokio::test]
async fn reads_are_right_or_an_error_whatever_happens_on_the_way() {
    for switches in variants::environments() {
        reads_are_right(&switches).await;
    }
}

async fn reads_are_right(switches: &Switches) {
    let emulator = start(with(switches)).await;
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
    for seed in 0..50 {
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
        right > 45,
        "four attempts are nearly always enough: {right}"
    );
    emulator.stop().await.expect("it stops");
}
