//! Service protection limits: the number of requests, the execution time and the concurrency of a user in a sliding window.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::error::ServiceError;
use crate::faults::Limit;

/// The limits. The defaults are the documented ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// Requests per user in the window.
    pub requests: usize,
    /// Execution time of the requests of one user in the window.
    pub execution_ms: u64,
    /// Concurrent requests per user. The limit is exceeded when this number is reached.
    pub concurrent: usize,
    /// Length of the sliding window.
    pub window_seconds: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            requests: 6_000,
            execution_ms: 1_200_000,
            concurrent: 52,
            window_seconds: 300,
        }
    }
}

#[derive(Debug, Default)]
struct Usage {
    /// The time when each request ended, and its duration.
    done: VecDeque<(Instant, Duration)>,
    running: usize,
}

#[derive(Debug, Default)]
struct State {
    limits: Option<Limits>,
    users: HashMap<String, Usage>,
}

/// Counts requests and rejects them. Disabled until limits are set.
#[derive(Debug, Default)]
pub(crate) struct Protection(Mutex<State>);

impl Protection {
    pub(crate) fn set(&self, limits: Option<Limits>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State {
            limits,
            users: HashMap::new(),
        };
    }

    pub(crate) fn limits(&self) -> Option<Limits> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).limits
    }

    /// Admits a request, or rejects it with the limit that was exceeded.
    pub(crate) fn begin(&self, user: &str) -> Result<(), ServiceError> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(limits) = state.limits else {
            return Ok(());
        };
        let usage = state.users.entry(user.to_owned()).or_default();
        let (now, window) = (Instant::now(), Duration::from_secs(limits.window_seconds));
        while usage
            .done
            .front()
            .is_some_and(|(at, _)| now.duration_since(*at) >= window)
        {
            usage.done.pop_front();
        }
        let spent: Duration = usage.done.iter().map(|(_, took)| *took).sum();
        let exceeded = if usage.running + 1 >= limits.concurrent {
            Some(Limit::Concurrency)
        } else if usage.done.len() + usage.running >= limits.requests {
            Some(Limit::Requests)
        } else if spent >= Duration::from_millis(limits.execution_ms) {
            Some(Limit::Time)
        } else {
            None
        };
        match exceeded {
            None => {
                usage.running += 1;
                Ok(())
            }
            Some(limit) => {
                let wait = usage
                    .done
                    .front()
                    .map_or(Duration::from_secs(1), |(at, _)| {
                        window.saturating_sub(now.duration_since(*at))
                    });
                Err(refusal(limit, wait.as_secs().max(1)))
            }
        }
    }

    /// The remaining requests of a user, and the remaining seconds of execution in the format of live environments, `1,200.00`.
    pub(crate) fn remaining(&self, user: &str) -> (usize, String) {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(limits) = state.limits else {
            // The values of a live environment for a user without any other activity.
            return (7_999, "1,200.00".to_owned());
        };
        let usage = state.users.get(user);
        let begun = usage.map_or(0, |usage| usage.done.len() + usage.running);
        let spent: Duration = usage.map_or(Duration::ZERO, |usage| {
            usage.done.iter().map(|(_, took)| *took).sum()
        });
        let left = Duration::from_millis(limits.execution_ms).saturating_sub(spent);
        let (whole, hundredths) = (left.as_secs(), left.subsec_millis() / 10);
        let thousands = match whole / 1_000 {
            0 => whole.to_string(),
            high => format!("{high},{:03}", whole % 1_000),
        };
        (
            limits.requests.saturating_sub(begun),
            format!("{thousands}.{hundredths:02}"),
        )
    }

    /// Records the end of an admitted request.
    pub(crate) fn end(&self, user: &str, took: Duration) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(usage) = state.users.get_mut(user) {
            usage.running = usage.running.saturating_sub(1);
            usage.done.push_back((Instant::now(), took));
        }
    }
}

/// The `429` error, with its code and the seconds to wait.
pub(crate) fn refusal(limit: Limit, seconds: u64) -> ServiceError {
    let (code, message) = limit.error();
    ServiceError {
        retry_after: Some(seconds),
        ..ServiceError::new(StatusCode::TOO_MANY_REQUESTS, code, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protection(limits: Limits) -> Protection {
        let protection = Protection::default();
        protection.set(Some(limits));
        protection
    }

    #[test]
    fn section_8_the_request_that_exceeds_the_window_is_refused_with_its_code() {
        let protection = protection(Limits {
            requests: 2,
            ..Limits::default()
        });
        for _ in 0..2 {
            protection.begin("a").expect("admitted");
            protection.end("a", Duration::ZERO);
        }
        let error = protection.begin("a").expect_err("refused");
        assert_eq!(
            (error.status.as_u16(), error.code_text().as_str()),
            (429, "0x80072322")
        );
        assert!(error.retry_after.is_some_and(|seconds| seconds > 200));
        protection.begin("b").expect("another user is admitted");
    }

    #[test]
    fn section_8_execution_time_and_concurrency_have_their_own_codes() {
        let time = protection(Limits {
            execution_ms: 10,
            ..Limits::default()
        });
        time.begin("a").expect("admitted");
        time.end("a", Duration::from_millis(11));
        assert_eq!(
            time.begin("a").expect_err("refused").code_text(),
            "0x80072321"
        );
        let together = protection(Limits {
            concurrent: 2,
            ..Limits::default()
        });
        together.begin("a").expect("admitted");
        assert_eq!(
            together.begin("a").expect_err("refused").code_text(),
            "0x80072326"
        );
    }
}
