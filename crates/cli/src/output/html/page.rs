//! The frame of every page: a head with the security policy, header, sections, footer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::markup::{Element, Markup, el};

const STYLE: &str = concat!(
    include_str!("page.css"),
    include_str!("desktop.css"),
    include_str!("print.css")
);
const SCRIPT: &str = include_str!("page.js");

/// A part of a page that links can jump to.
pub(super) struct Section {
    /// The target of links.
    pub(super) id: &'static str,
    /// Its heading, and its entry in the navigation.
    pub(super) title: String,
    /// A remark next to the heading.
    pub(super) aside: Option<String>,
    /// Its content.
    pub(super) body: Markup,
}

/// The head of a page.
pub(super) struct Head<'a> {
    /// The type of page, such as `Plan`.
    pub(super) kicker: &'a str,
    /// The subject.
    pub(super) title: String,
    /// Facts next to the title.
    pub(super) facts: Vec<String>,
    /// The result in numbers.
    pub(super) summary: Markup,
}

/// Assembles a page.
pub(super) fn page(head: Head<'_>, sections: Vec<Section>, footer: &str) -> String {
    let Head {
        kicker,
        title,
        facts,
        summary,
    } = head;
    let header = el("header").class("masthead").child(
        el("div")
            .class("wrap")
            .child(
                el("p")
                    .class("brand")
                    .child(mark())
                    .child(el("span").text("deskstate")),
            )
            .child(el("p").class("kicker").text(kicker))
            .child(el("h1").text(&title))
            .child(
                el("p")
                    .class("facts")
                    .children(facts.into_iter().map(|fact| el("span").text(fact))),
            )
            .child(summary),
    );
    let links = sections.iter().map(|section| {
        el("li").child(
            el("a")
                .attr("href", format!("#{}", section.id))
                .text(&section.title),
        )
    });
    let navigation = el("nav")
        .class("sections")
        .attr("aria-label", "Sections")
        .child(el("ul").class("wrap").children(links));
    let main = el("main")
        .attr("id", "main")
        .children(sections.into_iter().map(band));
    let body = el("body")
        .child(
            el("a")
                .class("skip")
                .attr("href", "#main")
                .text("Skip to the content"),
        )
        .child(header)
        .child(navigation)
        .child(main)
        .child(
            el("footer").child(
                el("div")
                    .class("wrap")
                    .child(el("p").children(prose(footer))),
            ),
        )
        .child(el("script").child(Markup::trusted(SCRIPT)));
    let html = el("html")
        .attr("lang", "en")
        .child(head_of(&format!("{title} – {kicker}")))
        .child(body);
    format!("<!doctype html>\n{}\n", Markup::from(html))
}

fn head_of(title: &str) -> Element {
    let meta =
        |name: &'static str, content: &str| el("meta").attr("name", name).attr("content", content);
    el("head")
        .child(el("meta").attr("charset", "utf-8"))
        .child(
            el("meta")
                .attr("http-equiv", "Content-Security-Policy")
                .attr("content", policy()),
        )
        .child(meta("viewport", "width=device-width, initial-scale=1"))
        .child(meta("color-scheme", "light dark"))
        .child(meta("referrer", "no-referrer"))
        .child(meta("robots", "noindex"))
        .child(el("title").text(title))
        .child(el("link").attr("rel", "icon").attr("href", "data:,"))
        .child(el("style").child(Markup::trusted(STYLE)))
}

/// The content security policy. Nothing is loaded, sent or embedded, and only the page's own style and script are allowed.
fn policy() -> String {
    let hash = |text: &str| {
        format!(
            "'sha256-{}'",
            STANDARD.encode(Sha256::digest(text.as_bytes()))
        )
    };
    format!(
        "default-src 'none'; style-src {}; script-src {}; img-src data:; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'",
        hash(STYLE),
        hash(SCRIPT),
    )
}

fn band(section: Section) -> Element {
    let Section {
        id,
        title,
        aside,
        body,
    } = section;
    let mut heading = el("div")
        .class("band-head")
        .child(el("h2").attr("id", format!("{id}-title")).text(title));
    if let Some(aside) = aside {
        heading = heading.child(el("p").class("aside").text(aside));
    }
    el("section")
        .class("band")
        .attr("id", id)
        .attr("aria-labelledby", format!("{id}-title"))
        .child(el("div").class("wrap").child(heading).child(body))
}

/// The logo next to the name: a desk seen from above.
fn mark() -> Element {
    let bar = |x: &str, y: &str, width: &str, height: &str, class: &str| {
        el("rect")
            .class(class)
            .attr("x", x)
            .attr("y", y)
            .attr("width", width)
            .attr("height", height)
            .attr("rx", "1.5")
    };
    el("svg")
        .class("mark")
        .attr("viewBox", "0 0 24 24")
        .attr("width", "22")
        .attr("height", "22")
        .attr("aria-hidden", "true")
        .child(bar("2", "3", "5", "18", "mark-side"))
        .child(bar("9", "3", "13", "11", "mark-page"))
        .child(bar("9", "16", "13", "5", "mark-base"))
}

/// The result in numbers: each with a colour, a number and a word.
pub(super) fn tiles(tiles: &[(&str, usize, &str)]) -> Markup {
    let tiles = tiles.iter().map(|(class, number, word)| {
        el("li")
            .class(&format!("tile {class}"))
            .child(el("strong").text(number.to_string()))
            .child(el("span").text(word))
    });
    el("ul")
        .class("tiles")
        .attr("aria-label", "Summary")
        .children(tiles)
        .into()
}

/// A sentence in which names are in backticks.
pub(super) fn prose(text: &str) -> Vec<Markup> {
    text.split('`')
        .enumerate()
        .filter(|(_, piece)| !piece.is_empty())
        .map(|(at, piece)| {
            if at % 2 == 1 {
                el("code").text(piece).into()
            } else {
                el("span").text(piece).into()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_fits_the_style_and_the_script_of_the_page() {
        let policy = policy();
        assert!(
            policy.starts_with("default-src 'none'; style-src 'sha256-"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
    }

    #[test]
    fn nothing_in_the_assets_could_end_its_element_or_load_anything() {
        for (name, text) in [("style", STYLE), ("script", SCRIPT)] {
            for forbidden in [
                "</",
                "<!--",
                "http:",
                "https:",
                "url(",
                "@import",
                "innerHTML",
                "fetch(",
                "eval(",
            ] {
                assert!(!text.contains(forbidden), "{name} contains {forbidden}");
            }
        }
    }

    #[test]
    fn names_in_backticks_are_code() {
        let html: String = prose("`lin` leaves `b`")
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(html, "<code>lin</code><span> leaves </span><code>b</code>");
    }
}
