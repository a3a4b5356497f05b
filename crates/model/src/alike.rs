//! Values that are equal for the product although they are written differently.

use serde_json::Value as Json;
use uuid::Uuid;

/// Whether texts are equal, except for the case of ids.
#[must_use]
pub fn same_but_ids(left: &str, right: &str) -> bool {
    left == right
        || (left.eq_ignore_ascii_case(right) && {
            let mut differ = left.bytes().zip(right.bytes()).enumerate();
            let mut within = 0;
            differ.all(|(at, (one, other))| {
                if one == other || at < within {
                    return true;
                }
                let id = id_around(left, at);
                within = id.unwrap_or(0);
                id.is_some()
            })
        })
}

/// The end of the id that contains a byte; `None` if the byte is not part of an id.
fn id_around(text: &str, at: usize) -> Option<usize> {
    const LENGTH: usize = 36;
    let starts = at.saturating_sub(LENGTH - 1)..=at;
    starts.into_iter().find_map(|start| {
        let id = text.get(start..start + LENGTH)?;
        let is_id = id.as_bytes()[8] == b'-' && Uuid::try_parse(id).is_ok();
        is_id.then_some(start + LENGTH)
    })
}

/// Compares JSON values: the order of keys does not matter, and `1` equals `1.0`.
#[must_use]
pub fn same_json(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Object(left), Json::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, value)| right.get(key).is_some_and(|other| same_json(value, other)))
        }
        (Json::Array(left), Json::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| same_json(left, right))
        }
        // As floats, two large whole numbers can be equal that are not.
        (Json::Number(left), Json::Number(right)) if is_whole(left) && is_whole(right) => {
            left == right
        }
        (Json::Number(left), Json::Number(right)) => {
            left == right
                || matches!((left.as_f64(), right.as_f64()), (Some(left), Some(right)) if left == right)
        }
        (Json::String(left), Json::String(right)) => same_but_ids(left, right),
        _ => left == right,
    }
}

fn is_whole(number: &serde_json::Number) -> bool {
    number.is_i64() || number.is_u64()
}
