//! Addresses that must begin with `https://`.

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::kinds::{PageType, ParameterValue, Resource};
use crate::span::Spanned;

pub(crate) const HTTPS_NEEDED: Explanation = Explanation::new(
    "https-needed",
    "Third-party sites, trusted domains, channel URLs and environments are reached over https.",
    "The product refuses other sites, and browsers do not show them in a frame. Plain http is for an environment on this machine alone.",
    "Write the address with `https://`. Slugs may stand behind the host.",
);

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for declared in context.resources {
        match &declared.spec {
            Resource::ChannelProvider(provider) => {
                channel_url(provider.channel_url.spanned(), diagnostics);
                trusted_domain(provider.trusted_domain.spanned(), diagnostics);
            }
            Resource::CifProvider(provider) => {
                channel_url(provider.channel_url.spanned(), diagnostics);
                trusted_domain(provider.trusted_domain.spanned(), diagnostics);
            }
            Resource::ApplicationTab(tab) => {
                if tab.page_type.value() != Some(&PageType::ThirdPartyWebsite) {
                    continue;
                }
                let Some(url) = tab
                    .parameters
                    .value()
                    .and_then(|parameters| parameters.get("url"))
                else {
                    continue;
                };
                if !matches!(&url.value, ParameterValue::Text(text) if is_https(text)) {
                    diagnostics.push(
                        Diagnostic::error(
                            HTTPS_NEEDED.code,
                            "the address of a third-party website must begin with `https://`",
                        )
                        .at(url.span, "another beginning")
                        .help("write the scheme and the host out; slugs may follow"),
                    );
                }
            }
            _ => {}
        }
    }
}

fn is_https(text: &str) -> bool {
    text.get(..8)
        .is_some_and(|start| start.eq_ignore_ascii_case("https://"))
        && text.len() > 8
}

fn channel_url(url: Option<&Spanned<String>>, diagnostics: &mut Vec<Diagnostic>) {
    let Some(url) = url.filter(|url| !is_https(&url.value)) else {
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

fn trusted_domain(domain: Option<&Spanned<String>>, diagnostics: &mut Vec<Diagnostic>) {
    if let Some(domain) = domain.filter(|domain| !is_https(&domain.value)) {
        diagnostics.push(
            Diagnostic::error(
                HTTPS_NEEDED.code,
                "`trustedDomain` must begin with `https://`",
            )
            .at(domain.span, "not https")
            .help("write `https://` and the domain"),
        );
    }
}
