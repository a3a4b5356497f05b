//! HTML that cannot be malformed: text and attributes are escaped when they are added, and nowhere else.

use std::fmt;

use crate::output::plain;

/// A finished piece of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Markup(String);

impl Markup {
    /// Our own markup, style or script, unescaped.
    pub(crate) fn trusted(own: &'static str) -> Self {
        Self(own.to_owned())
    }
}

impl fmt::Display for Markup {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// An element under construction.
#[derive(Debug, Clone)]
#[must_use = "an element shows nothing until it is put somewhere"]
pub(crate) struct Element {
    name: &'static str,
    open: String,
    inner: String,
}

/// Starts an element. The name is always ours, never text from outside.
pub(crate) fn el(name: &'static str) -> Element {
    Element {
        name,
        open: format!("<{name}"),
        inner: String::new(),
    }
}

impl Element {
    /// Adds an attribute. Only attributes with plain text values are ever set: no addresses, no styles, no handlers.
    pub(crate) fn attr(mut self, name: &'static str, value: impl AsRef<str>) -> Self {
        debug_assert!(
            !name.starts_with("on") && !matches!(name, "style" | "src"),
            "`{name}` would be code"
        );
        self.open.push(' ');
        self.open.push_str(name);
        self.open.push_str("=\"");
        escape(value.as_ref(), &mut self.open);
        self.open.push('"');
        self
    }

    pub(crate) fn class(self, value: &str) -> Self {
        self.attr("class", value)
    }

    /// Adds an attribute without a value, if the condition holds.
    pub(crate) fn flag(mut self, name: &'static str, on: bool) -> Self {
        if on {
            self.open.push(' ');
            self.open.push_str(name);
        }
        self
    }

    /// Adds an attribute with a value, if the condition holds.
    pub(crate) fn flag_value(self, name: &'static str, value: &str, on: bool) -> Self {
        if on { self.attr(name, value) } else { self }
    }

    /// Adds text of any origin.
    pub(crate) fn text(mut self, text: impl AsRef<str>) -> Self {
        escape(text.as_ref(), &mut self.inner);
        self
    }

    pub(crate) fn child(mut self, child: impl Into<Markup>) -> Self {
        self.inner.push_str(&child.into().0);
        self
    }

    pub(crate) fn children<C: Into<Markup>>(self, children: impl IntoIterator<Item = C>) -> Self {
        children.into_iter().fold(self, Self::child)
    }
}

/// Elements that have no end tag (HTML standard, void elements).
const VOID: &[&str] = &["br", "hr", "input", "link", "meta", "wbr"];

impl From<Element> for Markup {
    fn from(element: Element) -> Self {
        let Element { name, open, inner } = element;
        if VOID.contains(&name) {
            return Self(format!("{open}>"));
        }
        Self(format!("{open}>{inner}</{name}>"))
    }
}

/// Replaces characters that control a terminal or the reading direction by their numbers, and HTML's special characters by references.
fn escape(text: &str, out: &mut String) {
    for character in plain(text).chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        let markup: Markup = el("p")
            .attr("title", "\"><b>")
            .text("<script>&'\u{1b}\u{202e}")
            .into();
        assert_eq!(
            markup.to_string(),
            "<p title=\"&quot;&gt;&lt;b&gt;\">&lt;script&gt;&amp;&#39;\\u{1b}\\u{202e}</p>"
        );
    }

    #[test]
    fn an_element_without_content_model_has_no_end_tag() {
        let markup: Markup = el("input")
            .attr("type", "search")
            .flag("disabled", true)
            .flag("checked", false)
            .into();
        assert_eq!(markup.to_string(), "<input type=\"search\" disabled>");
    }
}
