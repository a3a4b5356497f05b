//! A report of `deskstate doctor --report` as a test fixture.

use serde_json::{Map, Value};

/// Converts a report to a fixture. Refuses text that is not a report, or that contains anything a report never contains.
pub(crate) fn fixture(text: &str) -> Result<String, String> {
    let report: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    for key in report.keys() {
        if !["formatVersion", "about", "answers", "replies"].contains(&key.as_str()) {
            return Err(format!("a report has no `{key}`"));
        }
    }
    if report.get("formatVersion") != Some(&1.into()) {
        return Err("the format version is not 1".to_owned());
    }
    let answers = report.get("answers").cloned().unwrap_or_default();
    serde_json::from_value::<deskstate_emulator::Switches>(answers.clone())
        .map_err(|error| format!("the emulator does not know these answers: {error}"))?;
    let empty = Map::new();
    if answers.as_object().unwrap_or(&empty).is_empty() {
        return Err("it holds no answers".to_owned());
    }
    for part in ["about", "answers", "replies"] {
        let Some(value) = report.get(part) else {
            continue;
        };
        if let Some(foreign) = foreign(value) {
            return Err(format!(
                "`{foreign}` in `{part}` may name a host, a person or a row"
            ));
        }
    }
    let text = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
    Ok(text + "\n")
}

/// Finds a text that is not a word, number, code, version, or name of a table, column or option of the product.
fn foreign(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => (!is_known(text)).then_some(text),
        Value::Array(items) => items.iter().find_map(foreign),
        Value::Object(fields) => {
            let keys = fields.keys().map(String::as_str);
            keys.into_iter()
                .find(|key| !is_word(key))
                .or_else(|| fields.values().find_map(foreign))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric()) && text.len() <= 40
}

fn is_known(text: &str) -> bool {
    let is_name = |text: &str| {
        text.len() <= 100
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let version = text.split('.').count() == 3 && text.split('.').all(is_number);
    let (names, option) = match text.split_once('=') {
        Some((names, number)) => (names, is_number(number)),
        None => (text, true),
    };
    let column = match names.split_once('.') {
        Some((table, column)) => {
            (table.starts_with("msdyn_") || table == "systemuser") && is_name(column)
        }
        None => true,
    };
    let table = names.split('.').next().unwrap_or_default();
    is_word(text) || version || option && column && table.starts_with("msdyn_") && is_name(table)
}
