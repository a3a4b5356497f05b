//! The readers of bytes that come from outside, as fuzz targets call them. Compiled for `cargo fuzz` and for the test that replays what
//! fuzzing kept.

use crate::batch::{BatchReply, Item, decode, request_id, server_error};
use crate::decode::{Layout, rows as decode_rows};
use crate::row::Columns;
use crate::{EnvironmentUrl, reader};

/// A reply to a batch. The first line is its content type.
pub fn replies(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (first, body) = bytes.split_at(end.map_or(0, |end| end + 1));
    let content_type = String::from_utf8_lossy(first);
    let Ok(BatchReply::Items(items)) = decode(content_type.trim(), body, 1000) else {
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

/// Rows in a reply, wherever they may stand in it. The next page is asked for by path alone, whatever the link says.
pub fn rows(bytes: &[u8]) {
    for layout in [
        Layout::Array("value"),
        Layout::Nested("members", "value"),
        Layout::Record,
    ] {
        let mut found = Vec::new();
        let page = decode_rows(bytes, layout, &mut Columns::default(), &mut found);
        if let Some(path) = page
            .ok()
            .and_then(|page| page.next)
            .as_deref()
            .and_then(reader::next_path)
        {
            assert!(path.starts_with('/') && !path.starts_with("//"), "{path}");
        }
    }
}

/// The URL of an environment: what is taken has a host, no sign-in data, and is https or on this machine.
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Runs a target over what was kept for it: as it stands, cut short anywhere, with bytes turned, left out and repeated.
    fn replay(target: &str, run: impl Fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/corpus")
            .join(target);
        let mut kept = 0;
        for entry in fs::read_dir(folder).unwrap() {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            kept += 1;
            run(&bytes);
            let step = (bytes.len() / 400).max(1);
            for at in (0..bytes.len()).step_by(step) {
                run(&bytes[..at]);
                for turned in [0, b'\r', b'\n', b'-', b'"', b'{', b':', 0xff] {
                    let mut other = bytes.clone();
                    other[at] = turned;
                    run(&other);
                }
                let (before, after) = bytes.split_at(at);
                run(&[before, &after[1..]].concat());
                run(&[before, after, after].concat());
            }
        }
        assert!(kept > 3, "{target}: the corpus is not there");
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
}
