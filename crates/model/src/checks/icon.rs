//! Icons that the product does not display.

use std::path::Path;

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::kinds::{DesktopNotifications, NotificationTemplate, SessionTemplate};
use crate::offer::Offer;
use crate::yaml::yaml_scalar;

pub(crate) const ICON: Explanation = Explanation::new(
    "icon",
    "A session icon is a GIF or contains slugs, a desktop notification has an SVG icon, or the path of an icon contains backslashes.",
    "Microsoft's pages on session and notification templates exclude GIF, slugs and SVG. A path of the web has slashes, so a web resource is not found under one with backslashes.",
    "Use a PNG, and write its path with slashes: `/webresources/contoso_phone.png`.",
);

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for declared in context.resources {
        let session = SessionTemplate::of(&declared.spec);
        if let Some(icon) = session.and_then(|session| session.session_icon().spanned()) {
            if has_extension(icon.value, "gif") {
                diagnostics.push(
                    Diagnostic::error(ICON.code, "a session icon cannot be a GIF")
                        .at(icon.span, "a GIF")
                        .help("use a PNG or SVG web resource"),
                );
            } else if icon.value.contains('{') {
                diagnostics.push(
                    Diagnostic::error(ICON.code, "a session icon cannot hold slugs")
                        .at(icon.span, "holds a brace")
                        .help("name one web resource"),
                );
            }
        }
        let Some(template) = NotificationTemplate::of(&declared.spec) else {
            continue;
        };
        if let Some(icon) = template.icon().spanned()
            && icon.value.contains('\\')
        {
            let path = icon.value.replace('\\', "/");
            diagnostics.push(
                Diagnostic::warning(ICON.code, "the path of an icon contains backslashes")
                    .at(icon.span, "not found like this")
                    .help(format!("write `{path}`"))
                    .offering(Offer::Whole(yaml_scalar(&path))),
            );
        }
        let desktop = template.desktop_notifications().spanned();
        if let (Some(icon), Some(desktop)) = (template.icon().spanned(), desktop)
            && has_extension(icon.value, "svg")
            && desktop.value != DesktopNotifications::Never
        {
            diagnostics.push(
                Diagnostic::warning(ICON.code, "desktop notifications do not show SVG icons")
                    .at(icon.span, "an SVG")
                    .also(desktop.span, "desktop notifications are on")
                    .help("use a PNG"),
            );
        }
    }
}

fn has_extension(path: &str, wanted: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or(path);
    Path::new(path)
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
}
