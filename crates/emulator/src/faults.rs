//! Scripted faults: which faults occur, and for which requests.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::call::Call;
use crate::like::like;

/// A script: `{"formatVersion":1,"rules":[…],"random":{…}}`.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Script {
    pub(crate) format_version: u32,
    #[serde(default)]
    pub(crate) rules: Vec<Rule>,
    #[serde(default)]
    pub(crate) random: Option<Random>,
}

/// One fault and the requests that it affects.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Rule {
    #[serde(default)]
    when: When,
    fault: Fault,
}

/// The affected requests. All given conditions must hold; `nth`, `every` and `times` only count requests that meet the other conditions.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct When {
    /// Only the n-th request, starting at 1.
    nth: Option<u64>,
    /// Every n-th request.
    every: Option<u64>,
    /// Maximum number of affected requests.
    times: Option<u64>,
    method: Option<String>,
    /// A `LIKE` pattern over path and query (`%` matches any characters).
    path: Option<String>,
    /// Text that the body contains.
    body: Option<String>,
    /// Only requests that change rows (`true`), or only requests that do not (`false`).
    writes: Option<bool>,
    /// A `LIKE` pattern over path and query of one request, sent on its own or inside a `$batch`. Only that request fails.
    part: Option<String>,
}

/// The kinds of faults.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "kind",
    deny_unknown_fields
)]
pub(crate) enum Fault {
    /// A service protection limit: 429.
    Throttle {
        #[serde(default)]
        limit: Limit,
        #[serde(default = "one")]
        retry_after: u64,
    },
    /// A status with an HTML body, as gateways send it.
    Gateway {
        #[serde(default = "bad_gateway")]
        status: u16,
        retry_after: Option<u64>,
        /// Whether the request is executed before, as by a firewall that examines replies.
        #[serde(default)]
        after: bool,
    },
    /// The connection is dropped; the request is not executed.
    DropBefore,
    /// The connection is dropped after the request was executed.
    DropAfter,
    /// The request arrives twice, and the second answer is the reply.
    Twice,
    /// The connection is dropped; the request is executed later.
    LateCommit { delay_ms: u64 },
    /// The body of the reply is truncated.
    CutBody {
        #[serde(default)]
        bytes: usize,
    },
    /// The reply is delayed.
    Delay { delay_ms: u64 },
    /// The token has expired: 401.
    ExpiredToken,
    /// The request is rejected with a JSON error.
    Refuse {
        #[serde(default = "forbidden")]
        status: u16,
    },
    /// Another user changes a row just before the request is executed.
    ForeignEdit {
        set: String,
        id: Uuid,
        body: serde_json::Map<String, serde_json::Value>,
    },
}

/// The service protection limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Limit {
    #[default]
    Requests,
    Time,
    Concurrency,
}

impl Limit {
    /// Code and message of each limit (service protection API limits).
    pub(crate) fn error(self) -> (u32, &'static str) {
        match self {
            Limit::Requests => (
                0x8007_2322,
                "Number of requests exceeded the limit of 6000 over time window of 300 seconds.",
            ),
            Limit::Time => (
                0x8007_2321,
                "Combined execution time of incoming requests exceeded limit of 1,200,000 milliseconds over time window of 300 seconds. Decrease number of concurrent requests or reduce the duration of requests and try again later.",
            ),
            Limit::Concurrency => (
                0x8007_2326,
                "Number of concurrent requests exceeded the limit of 52.",
            ),
        }
    }
}

fn one() -> u64 {
    1
}

fn forbidden() -> u16 {
    403
}

fn bad_gateway() -> u16 {
    502
}

/// Random faults, reproducible by seed.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Random {
    seed: u64,
    /// Number of affected requests per thousand.
    per_mille: u64,
    faults: Vec<Fault>,
    /// Maximum number of random faults.
    times: Option<u64>,
}

/// Reads a script.
pub(crate) fn parse(text: &[u8]) -> Result<Script, String> {
    let script: Script = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if script.format_version != 1 {
        return Err(format!(
            "format version {} is unknown; this emulator reads 1",
            script.format_version
        ));
    }
    for rule in &script.rules {
        if rule.when.part.is_some() && !matches!(rule.fault, Fault::Refuse { .. }) {
            return Err("the condition `part` goes with the fault `refuse` only".to_owned());
        }
        if let Fault::Refuse { status } = rule.fault
            && !(400..600).contains(&status)
        {
            return Err(format!("{status} is no status of an error"));
        }
    }
    Ok(script)
}

/// The active script, and how often each rule has matched and triggered.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    script: Script,
    matched: Vec<u64>,
    struck: Vec<u64>,
    drawn: u64,
    random_struck: u64,
}

impl Faults {
    pub(crate) fn set(&self, script: Script) {
        let rules = script.rules.len();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State {
            script,
            matched: vec![0; rules],
            struck: vec![0; rules],
            drawn: 0,
            random_struck: 0,
        };
    }

    /// The current script.
    pub(crate) fn script(&self) -> Script {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .script
            .clone()
    }

    /// The fault for a request, if any: that of the first rule that triggers, otherwise a random one. Requests inside a `$batch` are only
    /// affected by rules with `part`.
    pub(crate) fn decide(&self, call: &Call) -> Option<Fault> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let State {
            script,
            matched,
            struck,
            drawn,
            random_struck,
        } = &mut *state;
        for (at, rule) in script.rules.iter().enumerate() {
            if !rule.when.concerns(call) {
                continue;
            }
            matched[at] += 1;
            if rule.when.strikes(matched[at], struck[at]) {
                struck[at] += 1;
                return Some(rule.fault.clone());
            }
        }
        let random = script.random.as_ref().filter(|_| !call.in_batch)?;
        *drawn += 1;
        let number = scramble(random.seed.wrapping_add(*drawn));
        let spent = random.times.is_some_and(|times| *random_struck >= times);
        if spent || random.faults.is_empty() || number % 1_000 >= random.per_mille {
            return None;
        }
        *random_struck += 1;
        let choice = usize::try_from(number / 1_000).unwrap_or(0) % random.faults.len();
        Some(random.faults[choice].clone())
    }
}

impl When {
    fn concerns(&self, call: &Call) -> bool {
        let writes = || {
            let batch = call.path().trim_matches('/') == "$batch";
            if batch {
                contains(&call.body, b"changeset") || contains(&call.body, b"PATCH ")
            } else {
                call.method != http::Method::GET
            }
        };
        self.method
            .as_ref()
            .is_none_or(|method| call.method.as_str().eq_ignore_ascii_case(method))
            && self
                .path
                .as_ref()
                .is_none_or(|pattern| like(&call.target, pattern))
            && self
                .body
                .as_ref()
                .is_none_or(|text| contains(&call.body, text.as_bytes()))
            && self.writes.is_none_or(|wanted| writes() == wanted)
            && match &self.part {
                Some(pattern) => like(&call.target, pattern),
                None => !call.in_batch,
            }
    }

    fn strikes(&self, matched: u64, struck: u64) -> bool {
        self.nth.is_none_or(|nth| matched == nth)
            && self
                .every
                .is_none_or(|every| every > 0 && matched.is_multiple_of(every))
            && self.times.is_none_or(|times| struck < times)
    }
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}

/// SplitMix64: spreads consecutive numbers evenly.
fn scramble(number: u64) -> u64 {
    let mut number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: http::Method, target: &str) -> Call {
        Call {
            method,
            target: target.into(),
            headers: http::HeaderMap::new(),
            body: bytes::Bytes::new(),
            base: String::new(),
            in_batch: false,
            signed_in: None,
        }
    }

    #[test]
    fn a_rule_counts_only_the_requests_it_concerns() {
        let faults = Faults::default();
        let script = serde_json::from_str(
            r#"{"formatVersion":1,"rules":[{"when":{"nth":2,"method":"post"},"fault":{"kind":"dropAfter"}},{"when":{"path":"%role%","times":1},"fault":{"kind":"gateway","status":503}}]}"#,
        );
        faults.set(script.expect("a script"));
        let (get, post) = (call(http::Method::GET, "x"), call(http::Method::POST, "x"));
        assert_eq!(
            [&post, &get, &post, &post].map(|call| faults.decide(call)),
            [None, None, Some(Fault::DropAfter), None]
        );
        let roles = call(http::Method::GET, "roles?$select=name");
        assert!(faults.decide(&roles).is_some() && faults.decide(&roles).is_none());
    }

    #[test]
    fn a_rule_about_a_part_strikes_that_request_of_a_batch_and_no_other() {
        let faults = Faults::default();
        let script = br#"{"formatVersion":1,"rules":[{"when":{"part":"roles%"},"fault":{"kind":"refuse"}},{"fault":{"kind":"refuse","status":503}}]}"#;
        faults.set(parse(script).expect("a script"));
        let inside = |target| Call {
            in_batch: true,
            ..call(http::Method::GET, target)
        };
        assert_eq!(
            [inside("roles?$select=name"), inside("teams")].map(|call| faults.decide(&call)),
            [Some(Fault::Refuse { status: 403 }), None]
        );
        assert_eq!(
            faults.decide(&call(http::Method::GET, "teams")),
            Some(Fault::Refuse { status: 503 })
        );
        for wrong in [
            r#"{"formatVersion":1,"rules":[{"when":{"part":"%"},"fault":{"kind":"dropAfter"}}]}"#,
            r#"{"formatVersion":1,"rules":[{"fault":{"kind":"refuse","status":200}}]}"#,
        ] {
            assert!(parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_seed_draws_the_same_faults_again() {
        let draw = || {
            let faults = Faults::default();
            faults.set(serde_json::from_str(r#"{"formatVersion":1,"random":{"seed":7,"perMille":300,"faults":[{"kind":"dropBefore"},{"kind":"dropAfter"}]}}"#).expect("a script"));
            (0..100)
                .map(|_| faults.decide(&call(http::Method::GET, "x")))
                .collect::<Vec<_>>()
        };
        let struck = draw().iter().flatten().count();
        assert_eq!(draw(), draw());
        assert!((15..50).contains(&struck), "{struck}");
    }
}
