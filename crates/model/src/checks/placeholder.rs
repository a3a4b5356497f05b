//! Placeholders that were copied from a guide and not filled in.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::inert::{is_hidden, is_joiner};
use crate::kinds::{ApplicationTab, ChannelProvider, CifProvider, PageType};
use crate::package::SAMPLE;
use crate::parameters::ParameterValue;
use crate::span::{Span, Spanned};

pub(crate) const PLACEHOLDER: Explanation = Explanation::new(
    "placeholder",
    "An address contains a placeholder, a space or an invisible character, or its host cannot be a host on the internet.",
    "Guides write `<your-domain>`, `{tenant}`, `[yourdomain]`, `YOUR_DOMAIN` or `%TENANT%` where your own value belongs; the widget or page would not load. A host consists of letters, digits, hyphens and dots, and only `localhost` has no dot. Web pages and chats add spaces and invisible characters to copied text.",
    "Write your own value in place of the placeholder. In an address, a space is `%20` and a percent sign is `%25`. If the address of an intranet has no dot, write `policy: {placeholder: allow}` in `deskstate.yaml`.",
);

/// What resolves braces in an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Braces {
    /// Nothing.
    Literal,
    /// The product, where they are slugs.
    Slugs,
}

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for declared in context.resources {
        if let Some(provider) = ChannelProvider::of(&declared.spec) {
            address(provider.channel_url().spanned(), diagnostics);
            domain(provider.trusted_domain().spanned(), diagnostics);
        } else if let Some(provider) = CifProvider::of(&declared.spec) {
            address(provider.channel_url().spanned(), diagnostics);
            domain(provider.trusted_domain().spanned(), diagnostics);
        } else if let Some(tab) = ApplicationTab::of(&declared.spec)
            && tab.page_type().value() == Some(PageType::ThirdPartyWebsite)
            && let Some(parameters) = tab.parameters().value()
            && let Some(url) = parameters.get("url")
            && let ParameterValue::Text(text) = &url.value
        {
            let problem = problem_of(text, Braces::Slugs);
            diagnostics.extend(problem.map(|problem| problem.at(url.span)));
        }
    }
}

fn address(text: Option<Spanned<&str>>, diagnostics: &mut Vec<Diagnostic>) {
    let problem = text.and_then(|text| Some((text.span, problem_of(text.value, Braces::Literal)?)));
    diagnostics.extend(problem.map(|(span, problem)| problem.at(span)));
}

/// Trusted domains may be hosts without a scheme. `https-needed` reports that.
fn domain(text: Option<Spanned<&str>>, diagnostics: &mut Vec<Diagnostic>) {
    let Some(Spanned { value: text, span }) = text else {
        return;
    };
    let several = text.split([',', ';']).map(str::trim);
    let mut several = several.filter(|one| !one.is_empty());
    let problem = several.find_map(|one| {
        let host = || host_problem(host_of(one).unwrap_or_else(|| authority(one)));
        problem_of(one, Braces::Literal).or_else(host)
    });
    diagnostics.extend(problem.map(|problem| problem.at(span)));
}

/// Why an address cannot work.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Problem {
    /// A space of some kind.
    Blank(char),
    /// A character that nobody sees.
    Hidden(char),
    /// A dash that looks like a hyphen.
    Dash(char),
    /// `&` as HTML and XML write it.
    Escaped,
    /// A piece that stands for the reader's own value.
    Placeholder(String),
    /// A percent sign that begins no escaped character.
    Percent,
    /// A character that no host contains.
    InHost(char),
    /// A host that is not on the internet.
    NoHost(String),
}

impl Problem {
    fn at(&self, span: Span) -> Diagnostic {
        const OWN_VALUE: &str =
            "write your own value in place of a placeholder such as `<your-domain>`";
        let code = |sign: char| format!("U+{:04X}", u32::from(sign));
        let (message, label, help) = match self {
            Self::Blank(sign) => {
                let what = match sign {
                    ' ' => "a space".to_owned(),
                    '\u{a0}' => "a non-breaking space, U+00A0".to_owned(),
                    '\n' | '\r' => "a line break".to_owned(),
                    other => format!("a space character, {}", code(*other)),
                };
                (
                    format!("the address contains {what}, which is not allowed there"),
                    "a space within the address".to_owned(),
                    "remove it, or write `%20`".to_owned(),
                )
            }
            Self::Hidden(sign) => (
                format!("the address contains the invisible character {}", code(*sign)),
                "an invisible character".to_owned(),
                "it is often copied from a web page or a chat: type the address again".to_owned(),
            ),
            Self::Dash(sign) => (
                format!("the address contains `{sign}` ({}), which is not a hyphen", code(*sign)),
                "looks like a hyphen".to_owned(),
                "it is often copied from a document: type `-`".to_owned(),
            ),
            Self::Escaped => (
                "the address contains `&amp;`, which is `&` in HTML and XML".to_owned(),
                "stays as it is".to_owned(),
                "write `&`".to_owned(),
            ),
            Self::Placeholder(piece) => (
                match piece.as_str() {
                    "<" | ">" | "…" => {
                        format!("the address contains `{piece}`, which is not allowed there")
                    }
                    word => format!("the address contains `{word}`"),
                },
                "a placeholder?".to_owned(),
                OWN_VALUE.to_owned(),
            ),
            Self::Percent => (
                "the address contains `%` without two hexadecimal digits after it".to_owned(),
                "a placeholder?".to_owned(),
                "write your own value in place of a placeholder such as `%TENANT%`; the percent sign itself is `%25`".to_owned(),
            ),
            Self::InHost(sign) => (
                format!("the host of the address contains `{sign}`, which is not allowed there"),
                "a placeholder?".to_owned(),
                OWN_VALUE.to_owned(),
            ),
            Self::NoHost(host) => (
                match host.as_str() {
                    "" => "the address has no host".to_owned(),
                    host => format!("`{host}` cannot be a host on the internet"),
                },
                "a placeholder?".to_owned(),
                "write the host completely, such as `voice.contoso.com`".to_owned(),
            ),
        };
        Diagnostic::warning(PLACEHOLDER.code, message)
            .at(span, label)
            .help(help)
    }
}

fn problem_of(text: &str, braces: Braces) -> Option<Problem> {
    // `text-blanks` reports spaces at the ends.
    let text = without_variables(text.trim());
    let text = text.as_ref();
    let visible = without_slugs(text);
    let mut signs = visible.chars();
    let sign = signs.find_map(|sign| match sign {
        '<' | '>' | '…' => Some(Problem::Placeholder(sign.to_string())),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => {
            Some(Problem::Dash(sign))
        }
        _ if sign.is_whitespace() => Some(Problem::Blank(sign)),
        _ if is_hidden(sign) || is_joiner(sign) => Some(Problem::Hidden(sign)),
        _ => None,
    });
    let (host, rest) = match braces {
        Braces::Literal => (host_of(text), text),
        Braces::Slugs => (host_of(&visible), visible.as_str()),
    };
    sign.or_else(|| host.and_then(host_problem))
        .or_else(|| word(rest))
        .or_else(|| has_bad_percent(rest).then_some(Problem::Percent))
        .or_else(|| text.contains("&amp;").then_some(Problem::Escaped))
}

/// Writes a letter for each variable that only an environment resolves, and for those that `$${{` keeps as text on purpose.
fn without_variables(text: &str) -> Cow<'_, str> {
    if !text.contains("${{") {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(start) = rest.find("${{")
        && let Some(length) = rest[start..].find("}}")
    {
        out.push_str(&rest[..start]);
        out.push('x');
        rest = &rest[start + length + 2..];
    }
    Cow::Owned(out + rest)
}

/// Writes a letter for each slug, which the product replaces.
fn without_slugs(text: &str) -> String {
    let mut depth = 0_usize;
    let shown = |sign: char| match sign {
        '{' => {
            depth += 1;
            (depth == 1).then_some('x')
        }
        '}' if depth > 0 => {
            depth -= 1;
            None
        }
        _ => (depth == 0).then_some(sign),
    };
    text.chars().filter_map(shown).collect()
}

/// The host of an address with a scheme, with its port.
fn host_of(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    ["http", "https"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
        .then(|| authority(rest))
}

fn authority(rest: &str) -> &str {
    let whole = rest.split(['/', '?', '#', '\\']).next().unwrap_or(rest);
    whole.rsplit_once('@').map_or(whole, |(_, host)| host)
}

fn host_problem(host: &str) -> Option<Problem> {
    if let Some(inside) = host.strip_prefix('[')
        && let Some((number, _)) = inside.split_once(']')
        && number.parse::<Ipv6Addr>().is_ok()
    {
        return None;
    }
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = match host.rsplit_once(':') {
        Some((name, port)) if is_port(port) => name,
        _ => host,
    };
    // Trusted domains may begin with `*`.
    let fits =
        |sign: char| !sign.is_ascii() || sign.is_ascii_alphanumeric() || "-.*".contains(sign);
    if let Some(sign) = name.chars().find(|sign| !fits(*sign)) {
        return Some(Problem::InHost(sign));
    }
    let labels: Vec<&str> = name.strip_suffix('.').unwrap_or(name).split('.').collect();
    let has_no_dot = |name: &str| name.eq_ignore_ascii_case("localhost") || name == SAMPLE;
    let is_whole =
        labels.iter().all(|label| !label.is_empty()) && (labels.len() > 1 || has_no_dot(name));
    if !is_whole {
        return Some(Problem::NoHost(host.to_owned()));
    }
    let mut labels = labels.into_iter();
    let yours = labels.find(|label| is_yours(label))?;
    Some(Problem::Placeholder(yours.to_owned()))
}

/// Whether this is `your-domain`, `xxxx` or the like.
fn is_yours(label: &str) -> bool {
    const OWN: [&str; 12] = [
        "domain",
        "org",
        "organization",
        "organisation",
        "tenant",
        "company",
        "environment",
        "instance",
        "server",
        "host",
        "site",
        "subdomain",
    ];
    let label = label.to_ascii_lowercase();
    if label.len() > 2 && label.bytes().all(|byte| byte == b'x') {
        return true;
    }
    label
        .strip_prefix("your")
        .map(|rest| rest.trim_start_matches('-'))
        .is_some_and(|rest| {
            OWN.iter().any(|own| {
                rest.strip_suffix("name")
                    .unwrap_or(rest)
                    .trim_end_matches('-')
                    == *own
            })
        })
}

/// Finds a word that guides write in place of a value: `YOUR_KEY`, `__KEY__`, `${key}`, `{{key}}` or an ellipsis.
fn word(text: &str) -> Option<Problem> {
    let is_part = |sign: char| sign.is_ascii_alphanumeric() || sign == '_';
    let is_capital = |word: &str| {
        word.bytes().any(|byte| byte.is_ascii_uppercase())
            && !word.bytes().any(|byte| byte.is_ascii_lowercase())
    };
    let stands_for = |word: &&str| {
        let dunder = word.starts_with("__") && word.ends_with("__") && word.len() > 4;
        is_capital(word) && (word.starts_with("YOUR_") || dunder)
    };
    let mut words = text.split(|sign: char| !is_part(sign));
    let ellipsis = || {
        let mut pieces = text.split(['/', '?', '&', '=', '#']);
        pieces.find(|piece| *piece == "...")
    };
    let template = || {
        let start = ["${", "{{"]
            .iter()
            .filter_map(|sign| text.find(sign))
            .min()?;
        let end = text[start..].find('}')? + start;
        let end = if text[end..].starts_with("}}") {
            end + 2
        } else {
            end + 1
        };
        text.get(start..end)
    };
    let found = words.find(stands_for).or_else(ellipsis).or_else(template)?;
    Some(Problem::Placeholder(found.to_owned()))
}

fn has_bad_percent(text: &str) -> bool {
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let bytes = text.as_bytes();
    let mut signs = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    signs.any(|(at, _)| !(is_digit(bytes.get(at + 1)) && is_digit(bytes.get(at + 2))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::SourceMap;

    fn placeholder(piece: &str) -> Option<Problem> {
        Some(Problem::Placeholder(piece.to_owned()))
    }

    #[test]
    fn what_guides_print_in_place_of_a_value_is_found() {
        let of = |text: &str| problem_of(text, Braces::Literal);
        for (text, sign) in [
            ("https://{tenant}.vendor.com/cif", '{'),
            ("https://[yourdomain].vendor.com", '['),
            ("https://YOUR_DOMAIN.vendor.com", '_'),
            ("https://$ORG/a", '$'),
            ("https://__HOST__/a", '_'),
            ("https://%HOST%/a", '%'),
            ("https://voice.vendor.com:{port}/a", ':'),
            ("https://(domain).vendor.com", '('),
        ] {
            assert_eq!(of(text), Some(Problem::InHost(sign)), "{text}");
        }
        for host in ["EnvironmentURL", "...", "", "voice..vendor.com"] {
            let text = format!("https://{host}/WebResources/a");
            assert_eq!(of(&text), Some(Problem::NoHost(host.to_owned())));
        }
        assert_eq!(
            of("https://#{host}#/a"),
            Some(Problem::NoHost(String::new()))
        );
        for (text, piece) in [
            ("https://<your-domain>.vendor.com", "<"),
            ("https://x.vendor.com/…", "…"),
            ("https://x.vendor.com/...", "..."),
            ("https://x.vendor.com/?a=...&b=1", "..."),
            ("https://yourdomain.vendor.com", "yourdomain"),
            ("https://xxxx.vendor.com", "xxxx"),
            ("https://Your-Org.crm.dynamics.com/x", "Your-Org"),
            ("https://your-domain-name.vendor.com", "your-domain-name"),
            ("https://x.vendor.com/?key=YOUR_API_KEY", "YOUR_API_KEY"),
            ("https://x.vendor.com/__TENANT__/a", "__TENANT__"),
            ("https://x.vendor.com/?tenant=${tenantId}", "${tenantId}"),
            ("https://x.vendor.com/{{tenant}}/a", "{{tenant}}"),
        ] {
            assert_eq!(of(text), placeholder(piece), "{text}");
        }
        assert_eq!(
            of("https://x.vendor.com/?id=%TENANT%"),
            Some(Problem::Percent)
        );
        assert_eq!(of("https://x.vendor.com/?a= b"), Some(Problem::Blank(' ')));
        assert_eq!(
            of("https://voice\u{2011}eu.example"),
            Some(Problem::Dash('\u{2011}'))
        );
        assert_eq!(of("https://voice–eu.example/"), Some(Problem::Dash('–')));
        assert_eq!(
            of("https://x.vendor.com/?a=1&amp;b=2"),
            Some(Problem::Escaped)
        );
        assert_eq!(
            of("https://x.vendor.com/\u{a0}b"),
            Some(Problem::Blank('\u{a0}'))
        );
        for hidden in ['\u{200b}', '\u{200d}', '\u{feff}', '\u{ad}', '\u{2060}'] {
            for text in [
                format!("https://x.vendor.com/{hidden}"),
                format!("https://x{hidden}.vendor.com/"),
            ] {
                assert_eq!(of(&text), Some(Problem::Hidden(hidden)), "{text:?}");
            }
        }
    }

    #[test]
    fn addresses_that_exist_are_no_placeholders() {
        for text in [
            "https://x.vendor.com",
            "HTTPS://X.Vendor.com:443/#/a?b=c%20d",
            "https://localhost:5001/",
            "https://10.0.0.5/",
            "https://[::1]:8080/",
            "https://*.vendor.com",
            "https://user@x.vendor.com./",
            "https://münchen.example/ü",
            "https://example.com/my_page/{id}?q={\"a\":1}&from=a...b",
            "https://xn--mnchen-3ya.example/?a=[1]&b=$x&c=__init__",
            "https://x.vendor.com/?ucilib=https://org.crm.dynamics.com/webresources/Widget/msdyn_ciLibrary.js",
            " https://x.vendor.com ",
            "https://yourtelco.com/your_page",
            "https://cti.example/?org=${{ environment.organizationId }}&b=1",
            "https://${{ environment.organizationId }}.vendor.com",
            "https://sample/dial",
        ] {
            assert_eq!(problem_of(text, Braces::Literal), None, "{text}");
        }
        for text in [
            "https://a.example/{customer}",
            "https://a.example/?q={$odata.account.name.?$filter=accountid eq '{anchor.id}'}",
            "https://{region}.vendor.com/",
        ] {
            assert_eq!(problem_of(text, Braces::Slugs), None, "{text}");
        }
        let mut found = Vec::new();
        let file = SourceMap::default().add("", "");
        let (start, end) = (0, 0);
        let span = Span { file, start, end };
        for text in [
            "vendor.com",
            "*.vendor.com",
            "https://a.example, https://b.example;c.example",
        ] {
            domain(Some(Spanned::new(text, span)), &mut found);
        }
        assert_eq!(found, []);
        for text in [
            "<name>.vendor.com",
            "https://a.example,https://{b}.example",
            "{host}.vendor.com",
        ] {
            domain(Some(Spanned::new(text, span)), &mut found);
        }
        assert_eq!(found.len(), 3);
    }
}
