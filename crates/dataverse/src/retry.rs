//! Decides what may be retried, how often, and after which wait. Plain functions without a clock or network.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};

use crate::{Budget, Error, SignInError};

/// Whether a request may change data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The request changes nothing, however often it is sent.
    Read,
    /// The request changes data.
    Write,
}

/// The verdict on a reply or an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The reply is an answer to evaluate.
    Answer,
    /// Nothing was done. Retry after the wait that the server named, if any.
    Again(Option<Duration>),
    /// The token was rejected; nothing was done.
    SignInAgain,
    /// Nothing was done, and a retry would not help.
    Refused,
    /// It is unknown whether something was done.
    Unknown,
}

/// The verdict on a reply that is not multipart, based on its status. (A multipart reply is always an answer, whatever its outer status.)
///
/// `is_own` says whether the reply has the form of the service. Whatever else answers a write may have passed it on before: a firewall that
/// examines replies, or a gateway that counts requests.
pub(crate) fn judge_reply(
    kind: Kind,
    status: u16,
    is_own: bool,
    headers: &HeaderMap,
    now: SystemTime,
) -> Verdict {
    let wait = retry_after(headers, now);
    match (kind, status) {
        (_, 200..=299) => Verdict::Answer,
        (Kind::Read, 401) => Verdict::SignInAgain,
        // documented: the service says where to sign in
        (Kind::Write, 401) if is_own || headers.contains_key(WWW_AUTHENTICATE) => {
            Verdict::SignInAgain
        }
        (Kind::Write, _) if !is_own => Verdict::Unknown,
        // documented: service protection rejects requests before they start
        (_, 429) => Verdict::Again(wait),
        (_, 300..=399) => Verdict::Refused,
        (Kind::Read, 408 | 500 | 502 | 503 | 504) => Verdict::Again(wait),
        // a proxy gave up waiting, but the server may not have
        (Kind::Write, 408) => Verdict::Unknown,
        (_, 400..=499) => Verdict::Answer,
        // no source states that nothing was done after a 503 with `Retry-After`
        (Kind::Write, _) => Verdict::Unknown,
        (Kind::Read, _) => Verdict::Answer,
    }
}

/// The verdict on a request without a reply.
pub(crate) fn judge_error(kind: Kind, error: &Error) -> Verdict {
    match (kind, error) {
        (_, Error::Unreachable { .. }) => Verdict::Again(None),
        (_, Error::SignIn(SignInError::Busy { .. })) => Verdict::Again(None),
        (Kind::Read, Error::Lost { .. } | Error::TimedOut { .. }) => Verdict::Again(None),
        (Kind::Write, Error::Lost { .. } | Error::TimedOut { .. } | Error::OverBudget { .. }) => {
            Verdict::Unknown
        }
        _ => Verdict::Refused,
    }
}

/// The wait that the server names, as seconds or as a date.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    Some(until.duration_since(now).unwrap_or(Duration::ZERO))
}

/// The reason for a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// A fault that will pass. The server may name the wait.
    Fault(Option<Duration>),
    /// Another operation, such as the import of a solution. It takes minutes and is no failure, so only the time counts, not the attempts.
    Others,
}

/// Counts the attempts and the time of one trip.
#[derive(Debug)]
pub(crate) struct Attempts {
    budget: Budget,
    made: u32,
    delay: Duration,
}

impl Attempts {
    pub(crate) fn new(budget: Budget) -> Attempts {
        Attempts {
            budget,
            made: 1,
            delay: budget.first_delay,
        }
    }

    /// Whether there was an attempt before this one.
    pub(crate) fn is_repeated(&self) -> bool {
        self.made > 1
    }

    /// How long to wait before the next attempt; `None` if the budget does not allow one.
    ///
    /// `spent` is the time since the first attempt began. `jitter`, from 0 to 1, spreads out clients that failed together. A wait that the
    /// server named is never shortened.
    pub(crate) fn next_wait(
        &mut self,
        wait: Wait,
        spent: Duration,
        jitter: f64,
    ) -> Option<Duration> {
        let jittered = |time: Duration| time.mul_f64(0.5 + jitter / 2.0);
        let (time, counted) = match wait {
            Wait::Fault(Some(named)) => {
                let spread = self.budget.first_delay.mul_f64(jitter);
                (named.saturating_add(spread), 1)
            }
            Wait::Fault(None) => (jittered(self.delay), 1),
            Wait::Others => (jittered(self.budget.longest_delay), 0),
        };
        let exhausted = counted > 0 && self.made >= self.budget.attempts;
        // Service protection counts over five minutes, so it may name a wait of that length.
        let limit = match wait {
            Wait::Fault(Some(_)) => self.budget.time.max(self.budget.trip),
            Wait::Fault(None) | Wait::Others => self.budget.time,
        };
        if exhausted || spent.saturating_add(time) > limit {
            return None;
        }
        if wait == Wait::Fault(None) {
            self.delay = self.delay.saturating_mul(2).min(self.budget.longest_delay);
        }
        self.made += counted;
        Some(time)
    }
}

/// A random number from 0 to 1.
pub(crate) fn jitter() -> f64 {
    let [first, second, ..] = *uuid::Uuid::new_v4().as_bytes();
    f64::from(u16::from_be_bytes([first, second])) / f64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Exchange;
    use std::time::UNIX_EPOCH;

    fn verdict(kind: Kind, status: u16, retry_after: Option<&str>) -> Verdict {
        answered(kind, status, true, retry_after)
    }

    fn answered(kind: Kind, status: u16, is_own: bool, retry_after: Option<&str>) -> Verdict {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after.and_then(|value| value.parse().ok()) {
            headers.insert(RETRY_AFTER, value);
        }
        judge_reply(kind, status, is_own, &headers, UNIX_EPOCH)
    }

    #[test]
    fn what_something_in_between_answers_to_a_write_proves_nothing() {
        for status in [
            302, 303, 400, 401, 403, 404, 407, 409, 412, 413, 429, 499, 503,
        ] {
            let verdict = answered(Kind::Write, status, false, Some("7"));
            assert_eq!(verdict, Verdict::Unknown, "{status}");
        }
        assert_eq!(answered(Kind::Write, 200, false, None), Verdict::Answer);
        let signed_out = answered(Kind::Write, 401, true, None);
        assert_eq!(signed_out, Verdict::SignInAgain);
    }

    #[test]
    fn a_write_is_repeated_only_where_the_server_surely_did_nothing() {
        let again = Verdict::Again(Some(Duration::from_secs(7)));
        assert_eq!(verdict(Kind::Write, 429, Some("7")), again);
        assert_eq!(verdict(Kind::Write, 429, None), Verdict::Again(None));
        for status in [408, 500, 502, 503, 504, 520] {
            for wait in [None, Some("7")] {
                let verdict = verdict(Kind::Write, status, wait);
                assert_eq!(verdict, Verdict::Unknown, "{status} {wait:?}");
            }
        }
        for status in [200, 204, 400, 403, 404, 412, 413] {
            assert_eq!(
                verdict(Kind::Write, status, None),
                Verdict::Answer,
                "{status}"
            );
        }
    }

    #[test]
    fn a_read_is_repeated_wherever_that_may_help() {
        for status in [408, 429, 500, 502, 503, 504] {
            assert_eq!(
                verdict(Kind::Read, status, None),
                Verdict::Again(None),
                "{status}"
            );
        }
        for status in [400, 403, 404, 413, 501] {
            assert_eq!(
                verdict(Kind::Read, status, None),
                Verdict::Answer,
                "{status}"
            );
        }
    }

    #[test]
    fn redirects_are_never_followed() {
        for kind in [Kind::Read, Kind::Write] {
            for status in [301, 302, 307, 308] {
                assert_eq!(verdict(kind, status, None), Verdict::Refused);
            }
        }
    }

    #[test]
    fn a_lost_answer_is_asked_for_again_by_a_read_and_unknown_for_a_write() {
        let exchange = Exchange {
            method: "POST",
            path: "/x".to_owned(),
            client_request_id: uuid::Uuid::nil(),
        };
        let lost = Error::Lost {
            exchange: exchange.clone(),
            source: "reset".into(),
        };
        let unreachable = Error::Unreachable {
            host: "a.example".into(),
            exchange,
            source: "refused".into(),
        };
        assert_eq!(judge_error(Kind::Read, &lost), Verdict::Again(None));
        assert_eq!(judge_error(Kind::Write, &lost), Verdict::Unknown);
        assert_eq!(judge_error(Kind::Write, &unreachable), Verdict::Again(None));
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_as_a_date() {
        let wait = |text: &str| {
            let mut headers = HeaderMap::new();
            if let Ok(value) = text.parse() {
                headers.insert(RETRY_AFTER, value);
            }
            retry_after(&headers, UNIX_EPOCH + Duration::from_secs(784_111_770))
        };
        assert_eq!(wait("12"), Some(Duration::from_secs(12)));
        assert_eq!(
            wait("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Duration::from_secs(7))
        );
        assert_eq!(wait("Sun, 06 Nov 1983 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("soon"), None);
    }

    #[test]
    fn waits_double_up_to_the_longest_and_end_with_the_budget() {
        let budget = Budget {
            attempts: 5,
            time: Duration::from_secs(100),
            first_delay: Duration::from_secs(1),
            longest_delay: Duration::from_secs(3),
            ..Budget::default()
        };
        let mut attempts = Attempts::new(budget);
        let waits: Vec<_> = (0..6)
            .map(|_| {
                attempts
                    .next_wait(Wait::Fault(None), Duration::ZERO, 1.0)
                    .map(|wait| wait.as_secs())
            })
            .collect();
        assert_eq!(waits, [Some(1), Some(2), Some(3), Some(3), None, None]);
    }

    #[test]
    fn a_named_wait_is_kept_whole_and_refused_if_the_time_is_too_short() {
        let budget = Budget {
            time: Duration::from_secs(30),
            trip: Duration::from_secs(60),
            ..Budget::default()
        };
        let mut attempts = Attempts::new(budget);
        let named = Wait::Fault(Some(Duration::from_secs(40)));
        let wait = attempts.next_wait(named, Duration::ZERO, 0.0);
        assert_eq!(wait, Some(Duration::from_secs(40)));
        let late = Duration::from_secs(50);
        assert_eq!(attempts.next_wait(named, late, 0.0), None);
    }

    #[test]
    fn waiting_for_others_is_bounded_by_time_alone() {
        let budget = Budget::default();
        let mut attempts = Attempts::new(budget);
        let mut spent = Duration::ZERO;
        let mut waits = 0;
        while let Some(wait) = attempts.next_wait(Wait::Others, spent, 1.0) {
            spent += wait;
            waits += 1;
        }
        assert_eq!((waits, spent), (10, budget.time));
    }
}
