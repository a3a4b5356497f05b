//! Addresses that must begin with `https://`.

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::kinds::{ApplicationTab, ChannelProvider, CifProvider, PageType};
use crate::parameters::ParameterValue;
use crate::span::Spanned;

pub(crate) const HTTPS_NEEDED: Explanation = Explanation::new(
    "https-needed",
    "An address does not use https, or does not name a host.",
    "The product refuses other sites, and browsers do not show them in a frame. Plain http works only for an environment on this machine.",
    "Write the address with `https://`. Slugs may follow the host.",
);

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for declared in context.resources {
        if let Some(provider) = ChannelProvider::of(&declared.spec) {
            channel_url(provider.channel_url().spanned(), diagnostics);
            trusted_domain(provider.trusted_domain().spanned(), diagnostics);
            host_by_name(provider.channel_url().spanned(), false, diagnostics);
        } else if let Some(provider) = CifProvider::of(&declared.spec) {
            channel_url(provider.channel_url().spanned(), diagnostics);
            trusted_domain(provider.trusted_domain().spanned(), diagnostics);
            for url in [provider.channel_url(), provider.trusted_domain()] {
                host_by_name(url.spanned(), true, diagnostics);
            }
        } else if let Some(tab) = ApplicationTab::of(&declared.spec)
            && tab.page_type().value() == Some(PageType::ThirdPartyWebsite)
            && let Some(parameters) = tab.parameters().value()
            && let Some(url) = parameters.get("url")
        {
            if let ParameterValue::Text(text) = &url.value
                && is_https(text)
            {
                host_by_name(Some(Spanned::new(text, url.span)), false, diagnostics);
                continue;
            }
            diagnostics.push(
                Diagnostic::error(
                    HTTPS_NEEDED.code,
                    "the address of a third-party website must begin with `https://`",
                )
                .at(url.span, "another beginning")
                .help("write the scheme and the host literally; slugs may follow"),
            );
        }
    }
}

/// A frame needs the name of one host. The form of CIF v1 also checks it: `^((www\.)?[0-9a-zA-Z-_\.]+[a-zA-Z]{2,}$)`. The script that checks
/// messages of CIF v1 would know `*.contoso.com`.
fn host_by_name(
    url: Option<Spanned<&str>>,
    is_checked_by_form: bool,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let Some(url) = url else {
        return;
    };
    let rest = url
        .value
        .split_once("://")
        .map_or(url.value, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    let what = if host.contains('*') {
        match is_checked_by_form {
            true => "the form of this provider accepts no wildcards",
            false => "a wildcard is the name of no host",
        }
    } else if !is_checked_by_form {
        return;
    } else if host.parse::<std::net::Ipv4Addr>().is_ok() || rest.starts_with('[') {
        "the form of this provider accepts no IP addresses"
    } else {
        return;
    };
    diagnostics.push(
        Diagnostic::warning(HTTPS_NEEDED.code, what)
            .at(url.span, "not the name of a host")
            .help("write the full name of the host, such as `https://cti.contoso.com`"),
    );
}

fn is_https(text: &str) -> bool {
    let (Some(start), Some(rest)) = (text.get(..8), text.get(8..)) else {
        return false;
    };
    start.eq_ignore_ascii_case("https://")
        && !rest.is_empty()
        && !rest.starts_with(['/', '?', '#', ':'])
}

fn channel_url(url: Option<Spanned<&str>>, diagnostics: &mut Vec<Diagnostic>) {
    let Some(url) = url.filter(|url| !is_https(url.value)) else {
        return;
    };
    let plain = url
        .value
        .get(..7)
        .is_some_and(|start| start.eq_ignore_ascii_case("http://"));
    let diagnostic = if plain {
        Diagnostic::warning(
            HTTPS_NEEDED.code,
            "browsers do not show a page in a frame over plain http",
        )
    } else {
        Diagnostic::error(
            HTTPS_NEEDED.code,
            "`channelUrl` must be an address that begins with `https://`",
        )
    };
    diagnostics.push(
        diagnostic
            .at(url.span, "not https")
            .help("write `https://` and the host"),
    );
}

/// Guides also give only the host. Public copies of the product's script read the domain as an address with `new URL`, which throws without a
/// scheme, and then process no message.
fn trusted_domain(domain: Option<Spanned<&str>>, diagnostics: &mut Vec<Diagnostic>) {
    let several = |text: &str| {
        let parts = text.split([';', ',', ' ']);
        parts.filter(|part| !part.trim().is_empty()).count() > 1
    };
    if let Some(domain) = domain.filter(|domain| several(domain.value)) {
        diagnostics.push(
            Diagnostic::warning(
                HTTPS_NEEDED.code,
                "`trustedDomain` holds one domain, and this looks like several",
            )
            .at(domain.span, "compared as a whole")
            .help("write one domain; the product's script does not split the text"),
        );
        return;
    }
    if let Some(domain) = domain.filter(|domain| !is_https(domain.value)) {
        diagnostics.push(
            Diagnostic::warning(
                HTTPS_NEEDED.code,
                "`trustedDomain` is not an address that begins with `https://`",
            )
            .at(domain.span, "not https")
            .help("write `https://` and the domain, even if a guide omits it: without a scheme, the product's script cannot read it and processes no messages"),
        );
    }
}
