//! Placeholders that were copied from a guide and not filled in.

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::kinds::{ApplicationTab, ChannelProvider, CifProvider, PageType};
use crate::parameters::ParameterValue;
use crate::span::Spanned;

pub(crate) const PLACEHOLDER: Explanation = Explanation::new(
    "placeholder",
    "An address contains `<`, `>` or a space.",
    "No address contains these characters. Guides write `<your-domain>` where your own value belongs; the widget or page would not load.",
    "Write your own value in place of the placeholder. In an address, a space is `%20`.",
);

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for declared in context.resources {
        if let Some(provider) = ChannelProvider::of(&declared.spec) {
            address(provider.channel_url().spanned(), diagnostics);
            address(provider.trusted_domain().spanned(), diagnostics);
        } else if let Some(provider) = CifProvider::of(&declared.spec) {
            address(provider.channel_url().spanned(), diagnostics);
            address(provider.trusted_domain().spanned(), diagnostics);
        } else if let Some(tab) = ApplicationTab::of(&declared.spec)
            && tab.page_type().value() == Some(PageType::ThirdPartyWebsite)
            && let Some(parameters) = tab.parameters().value()
            && let Some(url) = parameters.get("url")
            && let ParameterValue::Text(text) = &url.value
        {
            address(Some(Spanned::new(text, url.span)), diagnostics);
        }
    }
}

fn address(text: Option<Spanned<&str>>, diagnostics: &mut Vec<Diagnostic>) {
    let found = text.and_then(|text| Some((text.span, unusable(text.value)?)));
    let Some((span, sign)) = found else {
        return;
    };
    let what = match sign {
        '<' | '>' => format!("`{sign}`"),
        _ => "a space".to_owned(),
    };
    diagnostics.push(
        Diagnostic::warning(
            PLACEHOLDER.code,
            format!("the address contains {what}, which is not allowed there"),
        )
        .at(span, "a placeholder?")
        .help("write your own value in place of a placeholder such as `<your-domain>`"),
    );
}

/// The first character outside slugs and variables that no address contains.
fn unusable(text: &str) -> Option<char> {
    let mut depth = 0_usize;
    text.chars().find(|sign| {
        match sign {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && (matches!(sign, '<' | '>') || sign.is_whitespace())
    })
}
