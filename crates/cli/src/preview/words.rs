//! Texts that contain slugs, and sample values for the slugs.

use deskstate_model::spaced;

/// A text that may contain slugs. Agents see it after the product has filled them in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Words(pub(crate) Vec<Piece>);

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Literal text.
    Plain(String),
    /// A slug to fill in, by the name between its braces.
    Slug(String),
}

impl Words {
    /// Finds the slugs of a text: `{name}` and `${name}`. Nested braces (`{$odata...}`) are counted.
    ///
    /// Documented in automation dictionary keys. Text without a closing brace, or that cannot be a name, is literal.
    pub(crate) fn parse(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let (before, from) = rest.split_at(open);
            match closing(from).map(|close| (&from[1..close], &from[close + 1..])) {
                Some((name, after)) if is_name(name) => {
                    plain.push_str(before.strip_suffix('$').unwrap_or(before));
                    if !plain.is_empty() {
                        pieces.push(Piece::Plain(std::mem::take(&mut plain)));
                    }
                    pieces.push(Piece::Slug(name.trim().to_owned()));
                    rest = after;
                }
                _ => {
                    plain.push_str(before);
                    plain.push('{');
                    rest = &from[1..];
                }
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Plain(plain));
        }
        Self(pieces)
    }

    /// The names of the slugs, in the order of the text.
    pub(crate) fn slugs(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Slug(name) => Some(name.as_str()),
            Piece::Plain(_) => None,
        })
    }

    /// The text with braces, as in the manifest.
    pub(crate) fn written(&self) -> String {
        self.0
            .iter()
            .map(|piece| match piece {
                Piece::Plain(text) => text.clone(),
                Piece::Slug(name) => format!("{{{name}}}"),
            })
            .collect()
    }
}

/// Maximum length of a slug, in bytes. It prevents unclosed braces from making parsing quadratic.
const LONGEST: usize = 2_048;

/// The position of the brace that closes the first one.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    for (at, byte) in text.bytes().enumerate().take(LONGEST) {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

fn is_name(text: &str) -> bool {
    let text = text.trim();
    let query = text.starts_with('$');
    !text.is_empty()
        && !text.contains(['\n', '\r'])
        && (query || !text.contains(['"', '{', '}', ':', ',']))
}

/// A sample value for a slug. Undocumented names are described in words.
pub(crate) fn sample(slug: &str) -> String {
    const KNOWN: &[(&str, &str)] = &[
        ("customer", "Ada Lovelace"),
        ("customername", "Ada Lovelace"),
        ("callername", "Ada Lovelace"),
        ("visitorname", "Ada Lovelace"),
        ("number", "+1 206 555 0100"),
        ("phonenumber", "+1 206 555 0100"),
        ("headertext", "Incoming call"),
        ("queuename", "Orders and returns"),
        ("queueid", "Orders and returns"),
        ("priority", "High"),
        ("caseid", "CAS-01043"),
        ("casetitle", "Espresso machine leaks"),
        ("visitorlanguage", "en-US"),
        ("visitordevice", "Desktop"),
        ("searchq", "espresso machine"),
        ("channel", "Voice"),
        ("anchor.title", "Espresso machine leaks"),
        ("anchor.ticketnumber", "CAS-01043"),
        ("anchor.fullname", "Ada Lovelace"),
        ("anchor.name", "Contoso Coffee"),
        ("anchor.entityname", "incident"),
        ("customerentityname", "contact"),
        ("entityroutinglogicalname", "incident"),
    ];
    let bare = slug.trim_start_matches('$');
    let folded = bare.to_ascii_lowercase();
    if let Some((_, value)) = KNOWN.iter().find(|(name, _)| *name == folded) {
        return (*value).to_owned();
    }
    if folded.ends_with("id") || folded.ends_with("_value") {
        return "3f2a9c10".to_owned();
    }
    let last = bare
        .split(".?")
        .next()
        .unwrap_or(bare)
        .rsplit('.')
        .next()
        .unwrap_or(bare);
    spaced(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[Piece]) {
        assert_eq!(Words::parse(text).0, expected, "{text}");
    }

    fn plain(text: &str) -> Piece {
        Piece::Plain(text.to_owned())
    }

    fn slug(name: &str) -> Piece {
        Piece::Slug(name.to_owned())
    }

    #[test]
    fn slugs_are_found_in_every_documented_form() {
        // From the page on automation dictionary keys: template slugs, anchor, macro slugs, OData, reconnect.
        check("{customer}", &[slug("customer")]);
        check(
            "Call from {customer}!",
            &[plain("Call from "), slug("customer"), plain("!")],
        );
        check(
            "${customerName}, hi",
            &[slug("customerName"), plain(", hi")],
        );
        check(
            "{$odata.account.name.?$filter=accountid eq '{customerRecordId}'}",
            &[slug(
                "$odata.account.name.?$filter=accountid eq '{customerRecordId}'",
            )],
        );
    }

    #[test]
    fn what_no_slug_can_be_stays_text() {
        for text in ["", "{}", "{open", "a } b", "{\"json\": 1}", "{\n}"] {
            let expected = if text.is_empty() {
                Vec::new()
            } else {
                vec![plain(text)]
            };
            check(text, &expected);
        }
    }

    #[test]
    fn a_text_of_open_braces_is_read_in_a_moment() {
        let text = "{".repeat(200_000);
        assert_eq!(Words::parse(&text).written(), text);
    }

    #[test]
    fn a_sample_says_what_an_unknown_slug_is() {
        assert_eq!(sample("customer"), "Ada Lovelace");
        assert_eq!(sample("orderNumber"), "Order number");
        assert_eq!(sample("customerRecordId"), "3f2a9c10");
        assert_eq!(
            sample("$odata.account.primary_phone.?$filter=x"),
            "Primary phone"
        );
    }
}
