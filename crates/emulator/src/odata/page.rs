//! Paging cookies, in the shape that clients take apart (Web API: page results).

use uuid::Uuid;

use super::options::{decode_percent, encode};

/// Where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cookie {
    /// Number of the page to come, from 2.
    pub(crate) page: usize,
    pub(crate) last: Uuid,
    pub(crate) first: Uuid,
}

impl Cookie {
    /// The inner cookie: `<cookie page="1"><key last="{..}" first="{..}" /></cookie>`.
    pub(crate) fn inner(&self, key: &str) -> String {
        format!(
            "<cookie page=\"{}\"><{key} last=\"{{{}}}\" first=\"{{{}}}\" /></cookie>",
            self.page - 1,
            self.last.to_string().to_uppercase(),
            self.first.to_string().to_uppercase(),
        )
    }

    /// The outer cookie, whose `pagingcookie` is the inner one encoded twice.
    pub(crate) fn outer(&self, key: &str) -> String {
        let inner = encode(&encode(&self.inner(key)));
        format!(
            "<cookie pagenumber=\"{}\" pagingcookie=\"{inner}\" istracking=\"False\" />",
            self.page
        )
    }

    /// The value of `$skiptoken`, encoded for a URL.
    pub(crate) fn skiptoken(&self, key: &str) -> String {
        encode(&self.outer(key))
    }

    /// Reads a `$skiptoken` back, as it stands after decoding the query.
    pub(crate) fn parse(outer: &str) -> Option<Cookie> {
        let page = attribute(outer, "pagenumber")?.parse().ok()?;
        let inner = decode_percent(&decode_percent(attribute(outer, "pagingcookie")?));
        Cookie::parse_inner(&inner, page)
    }

    /// Reads an inner cookie, as fetchXml's `paging-cookie` carries it.
    pub(crate) fn parse_inner(inner: &str, page: usize) -> Option<Cookie> {
        let id = |name| Uuid::try_parse(attribute(inner, name)?.trim_matches(['{', '}'])).ok();
        (page >= 2).then_some(Cookie {
            page,
            last: id("last")?,
            first: id("first")?,
        })
    }
}

fn attribute<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let marker = format!("{name}=\"");
    let start = text.find(&marker)? + marker.len();
    let length = text[start..].find('"')?;
    Some(&text[start..start + length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_reads_back_and_has_the_documented_shape() {
        let cookie = Cookie {
            page: 2,
            last: Uuid::from_u128(10),
            first: Uuid::from_u128(1),
        };
        let token = cookie.skiptoken("cfg_queueid");
        assert!(
            token.starts_with("%3Ccookie%20pagenumber%3D%222%22%20pagingcookie%3D%22%25253Ccookie"),
            "{token}"
        );
        assert_eq!(Cookie::parse(&decode_percent(&token)), Some(cookie));
        assert_eq!(Cookie::parse("<cookie"), None);
    }
}
