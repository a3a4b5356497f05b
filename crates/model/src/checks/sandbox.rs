//! Keywords of a widget's sandbox.

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::kinds::{ChannelProvider, CifProvider};
use crate::span::Spanned;
use crate::suggest::nearest;

pub(crate) const SANDBOX: Explanation = Explanation::new(
    "sandbox",
    "`sandboxConfiguration` contains a word that is not a sandbox keyword of HTML, or keywords without commas between them.",
    "Browsers ignore unknown keywords, so the widget would lack the permission.",
    "Correct the keyword, such as `allow-downloads`, and write commas between keywords.",
);

/// The keywords of the HTML standard, and one that it had earlier.
const KEYWORDS: &[&str] = &[
    "allow-downloads",
    "allow-downloads-without-user-activation",
    "allow-forms",
    "allow-modals",
    "allow-orientation-lock",
    "allow-pointer-lock",
    "allow-popups",
    "allow-popups-to-escape-sandbox",
    "allow-presentation",
    "allow-same-origin",
    "allow-scripts",
    "allow-storage-access-by-user-activation",
    "allow-top-navigation",
    "allow-top-navigation-by-user-activation",
    "allow-top-navigation-to-custom-protocols",
];

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for declared in context.resources {
        if let Some(provider) = ChannelProvider::of(&declared.spec) {
            keywords(provider.sandbox_configuration().spanned(), diagnostics);
        } else if let Some(provider) = CifProvider::of(&declared.spec) {
            keywords(provider.sandbox_configuration().spanned(), diagnostics);
        }
    }
}

fn keywords(text: Option<Spanned<&str>>, diagnostics: &mut Vec<Diagnostic>) {
    let Some(Spanned { value: text, span }) = text else {
        return;
    };
    // HTML separates keywords by blanks, and whether the product passes them on is not documented.
    let is_several = |entry: &str| {
        entry
            .trim()
            .contains(|sign: char| sign.is_whitespace() || sign == ';')
    };
    if text.split(',').any(is_several) {
        diagnostics.push(
            Diagnostic::warning(
                SANDBOX.code,
                "keywords of the sandbox have no comma between them",
            )
            .at(span, "Microsoft's page separates them by commas")
            .help("write `allow-popups,allow-downloads`"),
        );
    }
    let words = text.split(|sign: char| sign.is_whitespace() || ",;".contains(sign));
    let is_known = |word: &&str| {
        KEYWORDS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(word))
    };
    for word in words.filter(|word| !word.is_empty() && !is_known(word)) {
        let diagnostic = Diagnostic::warning(
            SANDBOX.code,
            format!("`{word}` is not a sandbox keyword of HTML"),
        )
        .at(span, "browsers ignore it");
        diagnostics.push(match nearest(word, KEYWORDS.iter().copied()) {
            Some(near) => diagnostic.perhaps(word, near),
            None => diagnostic.help(
                "correct it, or remove it; keywords begin with `allow-`, such as `allow-popups`",
            ),
        });
    }
}
