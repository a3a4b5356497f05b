//! The parsers of external input, in the form that fuzz targets call. Compiled for `cargo fuzz` and for the test that replays the saved
//! fuzzing inputs.

use url::Url;

use crate::auth::token_endpoint;
use crate::batch::{BatchReply, Item, decode, request_id, server_error};
use crate::budget::Room;
use crate::decode::{Layout, rows as decode_rows};
use crate::recording::{replayed, scrubbed};
use crate::row::Columns;
use crate::session::outcome_of_two;
use crate::{EnvironmentUrl, Outcome, reader};

/// Parses a reply to a batch; the first line is its content type. Asserts that a changeset of two operations is reported as committed only
/// if both are answered.
pub fn replies(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (first, body) = bytes.split_at(end.map_or(0, |end| end + 1));
    let content_type = String::from_utf8_lossy(first);
    let content_type = content_type.trim();
    if matches!(outcome_of_two(200, content_type, body), Outcome::Committed) {
        let answers = body.windows(5).filter(|five| five == b"HTTP/").count();
        assert!(answers >= 2, "{answers} answers for two operations");
    }
    let Ok(BatchReply::Items(items)) = decode(content_type, body, 1000) else {
        return;
    };
    let parts = items.iter().flat_map(|item| match item {
        Item::Single(part) => std::slice::from_ref(part),
        Item::Changeset(parts) => parts,
    });
    for part in parts {
        let _ = (part.header("Location"), part.is_success(), request_id(part));
        let _ = server_error(part.body);
        rows(part.body);
    }
}

/// Decodes the rows of a reply in every layout. Asserts that a next page is always requested from the same host, whatever the link
/// contains.
pub fn rows(bytes: &[u8]) {
    for layout in [
        Layout::Array("value"),
        Layout::Nested("members", "value"),
        Layout::Record,
    ] {
        let mut found = Vec::new();
        let page = decode_rows(
            bytes,
            layout,
            &["id"],
            &mut Columns::default(),
            &mut found,
            &Room::whole(),
        );
        if let Some(path) = page
            .ok()
            .and_then(|page| page.next)
            .as_deref()
            .and_then(reader::next_path)
        {
            assert!(path.starts_with("/api/data/v"), "{path}");
            let joined = contoso().join(&path).ok();
            assert_eq!(joined.as_ref().and_then(Url::host_str), Some(CONTOSO));
        }
    }
}

/// Parses the URL of an environment. Asserts that an accepted URL has a host, contains no credentials, and uses HTTPS unless it points to
/// this machine.
pub fn urls(text: &str) {
    let Ok(url) = text.parse::<EnvironmentUrl>() else {
        return;
    };
    assert!(!url.host().is_empty());
    let origin = url.origin();
    assert!(
        origin.starts_with("https://") || url.is_loopback(),
        "{origin}"
    );
    assert!(!origin.contains('@'), "{origin}");
    assert_eq!(
        origin
            .parse::<EnvironmentUrl>()
            .map(|again| again.origin())
            .ok(),
        Some(origin)
    );
}

/// Parses challenges, one per line. Asserts that a secret is sent only to an issuer of Microsoft's clouds, and only for a token of this
/// environment.
pub fn challenges(text: &str) {
    let headers: Vec<&str> = text.lines().collect();
    let Some((endpoint, resource)) = token_endpoint(&headers, &contoso()) else {
        return;
    };
    let host = |text: &str| {
        let url = Url::parse(text).ok()?;
        (url.scheme() == "https").then(|| url.host_str().unwrap_or_default().to_owned())
    };
    let issuer = host(&endpoint).unwrap_or_default();
    assert!(issuer.starts_with("login."), "{endpoint}");
    assert!(endpoint.ends_with("/oauth2/v2.0/token"), "{endpoint}");
    let of = host(&resource).unwrap_or_default();
    assert_eq!(of.replacen(".api.", ".", 1), CONTOSO, "{resource}");
}

/// Reads a recording and writes one. Asserts that JSON stays valid and that no mail address or token remains, whatever text precedes it.
pub fn recordings(text: &str) {
    const MAIL: &str = "ada.lovelace@example.org";
    const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEuZXhhbXBsZSJ9.c2lnbmVkIGJ5IG5vYm9keQ";
    replayed(text.as_bytes());
    let is_json = |text: &str| serde_json::from_str::<serde_json::Value>(text).is_ok();
    let scrubbed_text = scrubbed(text);
    assert!(
        !is_json(text) || is_json(&scrubbed_text),
        "{text}\n{scrubbed_text}"
    );
    let body = serde_json::json!({"name": format!("{text}\n{MAIL}\n{TOKEN}\n")}).to_string();
    let body = scrubbed(&body);
    assert!(is_json(&body), "{body}");
    assert!(!body.contains(MAIL) && !body.contains(TOKEN), "{body}");
}

const CONTOSO: &str = "contoso.crm.dynamics.com";

fn contoso() -> EnvironmentUrl {
    format!("https://{CONTOSO}")
        .parse()
        .expect("it is the URL of an environment")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Runs a target over its saved inputs. Files named with a word were written by hand and are also tested truncated and with bytes
    /// flipped, removed and repeated; files named by their digest were found by fuzzing.
    fn replay(target: &str, run: impl Fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/corpus")
            .join(target);
        let mut kept = 0;
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            kept += 1;
            run(&bytes);
            if path.file_name().unwrap().len() < 40 {
                run_nearly(&bytes, &run);
            }
        }
        assert!(kept > 3, "{target}: the corpus is not there");
    }

    fn run_nearly(bytes: &[u8], run: &impl Fn(&[u8])) {
        let step = (bytes.len() / 40).max(1);
        for at in (0..bytes.len()).step_by(step) {
            let (before, after) = bytes.split_at(at);
            run(before);
            for turned in [0, b'\r', b'\n', b'-', b'"', b'{', b':', 0xff] {
                run(&[before, &[turned], &after[1..]].concat());
            }
            run(&[before, &after[1..]].concat());
            run(&[before, after, after].concat());
        }
    }

    #[test]
    fn what_fuzzing_kept_of_replies_ends_in_an_answer_also_when_bytes_are_turned() {
        replay("replies", replies);
    }

    #[test]
    fn what_fuzzing_kept_of_rows_ends_in_an_answer_also_when_bytes_are_turned() {
        replay("rows", rows);
    }

    #[test]
    fn what_fuzzing_kept_of_urls_ends_in_an_answer_also_when_bytes_are_turned() {
        replay("urls", |bytes| urls(&String::from_utf8_lossy(bytes)));
    }

    #[test]
    fn what_fuzzing_kept_of_challenges_leads_no_secret_elsewhere_also_when_bytes_are_turned() {
        replay("challenges", |bytes| {
            challenges(&String::from_utf8_lossy(bytes));
        });
    }

    #[test]
    fn what_fuzzing_kept_of_recordings_keeps_no_person_also_when_bytes_are_turned() {
        replay("recordings", |bytes| {
            recordings(&String::from_utf8_lossy(bytes));
        });
    }
}
