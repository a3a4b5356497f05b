//! Paging cookies, in the format that clients parse (Web API: page results).

use uuid::Uuid;

use super::options::{decode_percent, encode};

/// The start of the next page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cookie {
    /// Number of the next page, from 2.
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

    /// The cookie in answers to fetchXml: the outer cookie contains the inner one, encoded twice.
    pub(crate) fn outer(&self, key: &str) -> String {
        self.around(&encode_lower(&encode_lower(&self.inner(key))))
    }

    /// The value of `$skiptoken`: the outer cookie contains the inner one, encoded once. The result is encoded again for a URL, except for
    /// `=` and `/`.
    pub(crate) fn skiptoken(&self, key: &str) -> String {
        encode(&self.around(&encode_lower(&self.inner(key))))
            .replace("%3D", "=")
            .replace("%2F", "/")
    }

    fn around(&self, inner: &str) -> String {
        format!(
            "<cookie pagenumber=\"{}\" pagingcookie=\"{inner}\" istracking=\"False\" />",
            self.page
        )
    }

    /// Parses a `$skiptoken` after the query was decoded.
    pub(crate) fn parse(outer: &str) -> Option<Cookie> {
        let page = attribute(outer, "pagenumber")?.parse().ok()?;
        let inner = decode_percent(&decode_percent(attribute(outer, "pagingcookie")?));
        Cookie::parse_inner(&inner, page)
    }

    /// Parses an inner cookie, as in fetchXml's `paging-cookie` attribute.
    pub(crate) fn parse_inner(inner: &str, page: usize) -> Option<Cookie> {
        let id = |name| Uuid::try_parse(attribute(inner, name)?.trim_matches(['{', '}'])).ok();
        (page >= 2).then_some(Cookie {
            page,
            last: id("last")?,
            first: id("first")?,
        })
    }
}

/// Encodes like the platform, with lower-case hexadecimal digits.
fn encode_lower(text: &str) -> String {
    let encoded = encode(text);
    let mut lower = String::with_capacity(encoded.len());
    let mut digits = 0;
    for character in encoded.chars() {
        lower.push(if digits > 0 {
            character.to_ascii_lowercase()
        } else {
            character
        });
        digits = match character {
            '%' => 2,
            _ => digits.max(1) - 1,
        };
    }
    lower
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
        assert_eq!(
            token,
            "%3Ccookie%20pagenumber=%222%22%20pagingcookie=%22%253ccookie%2520page%253d%25221%2522%253e%253ccfg_queueid%2520last%253d%2522%257b00000000-0000-0000-0000-00000000000A%257d%2522%2520first%253d%2522%257b00000000-0000-0000-0000-000000000001%257d%2522%2520%252f%253e%253c%252fcookie%253e%22%20istracking=%22False%22%20/%3E"
        );
        assert_eq!(Cookie::parse(&decode_percent(&token)), Some(cookie));
        assert_eq!(Cookie::parse("<cookie"), None);
    }
}
