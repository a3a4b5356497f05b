//! The shape of unique names of rows that may have to be created.
//!
//! Microsoft writes the rule for profiles, session and tab templates, channel providers, scripts and their steps; for the other kinds it is
//! only likely, so there it is a warning.

use super::Context;
use crate::diagnostic::{Diagnostic, Severity};
use crate::kinds::{FieldItem, Kind, Resource};
use crate::manifests::State;
use crate::span::Span;

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for declared in context
        .resources
        .iter()
        .filter(|declared| declared.state == State::Present)
    {
        let severity = match declared.key.kind {
            Kind::AppProfile
            | Kind::SessionTemplate
            | Kind::ApplicationTab
            | Kind::ChannelProvider
            | Kind::AgentScript => Severity::Error,
            Kind::NotificationTemplate
            | Kind::NotificationField
            | Kind::ApplicationExtension
            | Kind::ProductivityPane
            | Kind::PaneTool
            | Kind::SmartAssist => Severity::Warning,
            Kind::CifProvider => continue,
        };
        one(
            declared.key.name.as_written(),
            declared.name_span,
            severity,
            diagnostics,
        );
        match &declared.spec {
            Resource::AgentScript(script) => {
                for step in script.steps.value().map_or(&[][..], |steps| &steps.0) {
                    if let Some(name) = &step.value.name {
                        one(&name.value, name.span, Severity::Error, diagnostics);
                    }
                }
            }
            Resource::NotificationTemplate(template) => {
                for item in template.fields.value().map_or(&[][..], |items| &items.0) {
                    if let FieldItem::Own(field) = &item.value
                        && let Some(name) = &field.name
                    {
                        one(&name.value, name.span, Severity::Warning, diagnostics);
                    }
                }
            }
            Resource::AppProfile(profile) => {
                for view in profile
                    .inbox_views
                    .value()
                    .map_or(&[][..], |views| &views.members)
                {
                    one(
                        &view.value.name.value,
                        view.value.name.span,
                        Severity::Warning,
                        diagnostics,
                    );
                }
            }
            _ => {}
        }
    }
}

fn one(name: &str, span: Span, severity: Severity, diagnostics: &mut Vec<Diagnostic>) {
    if name
        .get(..6)
        .is_some_and(|start| start.eq_ignore_ascii_case("msdyn_"))
    {
        diagnostics.push(
            Diagnostic::error("reserved-prefix", format!("`{name}` begins with Microsoft's prefix and cannot be created"))
                .at(span, "`msdyn_` is Microsoft's")
                .help("choose another prefix; for a row that is there already write `metadata.state: existing`"),
        );
        return;
    }
    let Some(problem) = problem(name) else { return };
    let diagnostic = Diagnostic::error("unique-name", format!("`{name}` has not the form of a unique name"))
        .at(span, problem)
        .help("write a prefix of 3 to 8 letters and digits, an underscore and a name: `contoso_callSession`");
    diagnostics.push(Diagnostic {
        severity,
        ..diagnostic
    });
}

/// `^[A-Za-z0-9]{3,8}_.+$`
fn problem(name: &str) -> Option<String> {
    let name = name.trim();
    let Some((prefix, rest)) = name.split_once('_') else {
        return Some("no prefix with an underscore".to_owned());
    };
    if let Some(other) = prefix
        .chars()
        .find(|character| !character.is_ascii_alphanumeric())
    {
        return Some(format!("`{other}` in the prefix"));
    }
    match prefix.len() {
        0..=2 => Some("the prefix is shorter than 3 characters".to_owned()),
        3..=8 if rest.is_empty() => Some("nothing after the underscore".to_owned()),
        3..=8 => None,
        _ => Some("the prefix is longer than 8 characters".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::problem;

    #[test]
    fn the_rule_of_the_form_is_followed() {
        for name in ["CTI_createSession", "contoso_a", "abc_a_b", "a1b2c3d4_x y"] {
            assert_eq!(problem(name), None, "{name}");
        }
        for name in [
            "",
            "createSession",
            "ab_x",
            "abcdefghi_x",
            "con-toso_x",
            "contoso_",
            "_x",
        ] {
            assert!(problem(name).is_some(), "{name}");
        }
    }
}
