//! Icons that the product does not show.

use std::path::Path;

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::kinds::{DesktopNotifications, Resource};

pub(crate) const ICON: Explanation = Explanation::new(
    "icon",
    "A session icon is no GIF and holds no slugs; a desktop notification shows no SVG.",
    "Documented on Microsoft's pages on session and notification templates.",
    "Use a PNG.",
);

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for declared in context.resources {
        match &declared.spec {
            Resource::SessionTemplate(session) => {
                let Some(icon) = session.session_icon.spanned() else {
                    continue;
                };
                if has_extension(&icon.value.0, "gif") {
                    diagnostics.push(
                        Diagnostic::error(ICON.code, "a session icon cannot be a GIF")
                            .at(icon.span, "a GIF")
                            .help("use a PNG or SVG web resource"),
                    );
                } else if icon.value.0.contains('{') {
                    diagnostics.push(
                        Diagnostic::error(ICON.code, "a session icon cannot hold slugs")
                            .at(icon.span, "holds a brace")
                            .help("name one web resource"),
                    );
                }
            }
            Resource::NotificationTemplate(template) => {
                let (Some(icon), Some(desktop)) = (
                    template.icon.spanned(),
                    template.desktop_notifications.spanned(),
                ) else {
                    continue;
                };
                if has_extension(&icon.value, "svg") && desktop.value != DesktopNotifications::Never
                {
                    diagnostics.push(
                        Diagnostic::warning(
                            ICON.code,
                            "desktop notifications do not show SVG icons",
                        )
                        .at(icon.span, "an SVG")
                        .also(desktop.span, "desktop notifications are on")
                        .help("use a PNG"),
                    );
                }
            }
            _ => {}
        }
    }
}

fn has_extension(path: &str, wanted: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or(path);
    Path::new(path)
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
}
