//! Counts the requests to the emulator.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// Counters since the start or the last reset.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    http_requests: AtomicU64,
    request_bytes: AtomicU64,
    reply_bytes: AtomicU64,
    batch_parts: AtomicU64,
    reads: AtomicU64,
    refused: AtomicU64,
    faults: AtomicU64,
    writes: Mutex<BTreeMap<&'static str, u64>>,
}

/// The content of `/__emulator/stats`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shown {
    http_requests: u64,
    /// Size of the bodies as transmitted.
    request_bytes: u64,
    reply_bytes: u64,
    batch_parts: u64,
    reads: u64,
    refused: u64,
    faults: u64,
    /// Committed writes, by kind.
    writes: BTreeMap<&'static str, u64>,
}

impl Stats {
    pub(crate) fn count_request(&self) -> u64 {
        self.http_requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn count_request_bytes(&self, bytes: u64) {
        self.request_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn count_reply_bytes(&self, bytes: u64) {
        self.reply_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn count_parts(&self, parts: usize) {
        self.batch_parts
            .fetch_add(u64::try_from(parts).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn count_read(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_refusal(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_fault(&self) {
        self.faults.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_write(&self, kind: &'static str) {
        *self
            .writes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(kind)
            .or_default() += 1;
    }

    pub(crate) fn reset(&self) {
        for counter in [
            &self.http_requests,
            &self.request_bytes,
            &self.reply_bytes,
            &self.batch_parts,
            &self.reads,
            &self.refused,
            &self.faults,
        ] {
            counter.store(0, Ordering::Relaxed);
        }
        self.writes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    pub(crate) fn shown(&self) -> Shown {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Shown {
            http_requests: load(&self.http_requests),
            request_bytes: load(&self.request_bytes),
            reply_bytes: load(&self.reply_bytes),
            batch_parts: load(&self.batch_parts),
            reads: load(&self.reads),
            refused: load(&self.refused),
            faults: load(&self.faults),
            writes: self
                .writes
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }
}
