//! The path of a request: segments and their keys.

use uuid::Uuid;

use super::options::{decode_percent, split_outside};
use crate::error::ServiceError;

/// One segment: a name, and the content of the parentheses after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) name: String,
    pub(crate) key: Option<String>,
}

impl Segment {
    /// The key as the id of a row.
    pub(crate) fn id(&self) -> Option<Uuid> {
        let key = self.key.as_deref()?.trim();
        Uuid::try_parse(key.trim_matches(['{', '}'])).ok()
    }

    /// The key as `name=value` pairs.
    pub(crate) fn pairs(&self) -> Vec<(String, String)> {
        let Some(key) = &self.key else {
            return Vec::new();
        };
        split_outside(key, ',')
            .into_iter()
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect()
    }
}

/// Splits a path into segments.
pub(crate) fn parse(path: &str) -> Vec<Segment> {
    split_outside(path.trim_matches('/'), '/')
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(|part| {
            let part = decode_percent(part);
            match part.find('(') {
                Some(open) if part.ends_with(')') => Segment {
                    name: part[..open].to_owned(),
                    key: Some(part[open + 1..part.len() - 1].to_owned()),
                },
                _ => Segment {
                    name: part,
                    key: None,
                },
            }
        })
        .collect()
}

/// The part of a URL after the root of the Web API. Accepts absolute URLs, absolute paths and relative paths.
pub(crate) fn relative(url: &str) -> &str {
    let path = match url.find("://") {
        Some(at) => url[at + 3..]
            .find('/')
            .map_or("", |slash| &url[at + 3 + slash..]),
        None => url,
    };
    let trimmed = path.trim_start_matches('/');
    let lower = trimmed.get(..9).unwrap_or_default();
    if lower.eq_ignore_ascii_case("api/data/") {
        let rest = &trimmed[9..];
        return rest
            .find(['/', '?'])
            .map_or("", |at| rest[at..].trim_start_matches('/'));
    }
    trimmed
}

/// The refusal of a URL whose version of the Web API is none.
pub(crate) fn unknown_version(url: &str) -> Option<ServiceError> {
    let at = url.to_ascii_lowercase().find("/api/data/")? + "/api/data/".len();
    let version = url[at..].split(['/', '?']).next()?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_known = version
        .strip_prefix(['v', 'V'])
        .and_then(|numbers| numbers.split_once('.'))
        .is_some_and(|(major, minor)| is_number(major) && is_number(minor));
    (!is_known).then(|| {
        ServiceError::query(format!(
            "Requested API Version '{version}' was not understood. Please provide in the format /api/data/v<Major>.<Minor>/ and v9.2 is the latest version."
        ))
    })
}

/// The set and key in an `@odata.id`, `@odata.bind` or `$id`.
pub(crate) fn reference(url: &str) -> Option<Segment> {
    let path = relative(url.trim());
    let path = path.split('?').next().unwrap_or_default();
    match parse(path).as_slice() {
        [segment] if segment.key.is_some() => Some(segment.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_urls_absolute_paths_and_relative_ones_name_the_same() {
        let wanted = "cfg_queues(1)";
        for url in [
            "https://org.crm.dynamics.com/api/data/v9.2/cfg_queues(1)",
            "/api/data/v9.0/cfg_queues(1)",
            "/cfg_queues(1)",
            "cfg_queues(1)",
        ] {
            assert_eq!(relative(url), wanted, "{url}");
        }
    }

    #[test]
    fn slashes_inside_keys_do_not_cut() {
        let segments = parse("webresourceset(name='contoso_/icons/phone.png')/x");
        assert_eq!(segments.len(), 2);
        assert_eq!(
            segments[0].pairs(),
            vec![("name".to_owned(), "'contoso_/icons/phone.png'".to_owned())]
        );
    }

    #[test]
    fn ids_may_be_upper_case() {
        let segments = parse("a(0C0F0000-0000-4000-8000-00000000000A)");
        assert!(segments[0].id().is_some());
    }
}
