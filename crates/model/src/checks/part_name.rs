//! Unique names of parts: derived or given, each is there once.

use std::collections::{BTreeSet, HashMap};

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::kinds::{FieldItem, Resource};
use crate::manifests::{Declared, State};
use crate::name::fold;
use crate::part::{PartOf, unique_name_of_part};
use crate::span::{Span, Spanned};

pub(crate) const PART_NAME: Explanation = Explanation::new(
    "part-name",
    "Every part has a unique name of its own, given or derived.",
    "Derived names keep ASCII letters and digits, and a hash where others are lost, so two headings can come out alike.",
    "Give `name`.",
);

/// Names that stand in one table, and where.
type Names = HashMap<String, Span>;

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let mut fields = Names::new();
    let mut steps = Names::new();
    let mut views = Names::new();
    let is_there = |declared: &&std::sync::Arc<Declared>| declared.state != State::Absent;
    for declared in context.resources.iter().filter(is_there) {
        if let Resource::NotificationField(_) = &declared.spec {
            fields.insert(declared.key.name.folded().to_owned(), declared.name_span);
        }
    }
    for declared in context.resources.iter().filter(is_there) {
        let parent = declared.key.name.as_written();
        match &declared.spec {
            Resource::NotificationTemplate(template) => {
                for item in template.fields.value().map_or(&[][..], |items| &items.0) {
                    let FieldItem::Own(field) = &item.value else {
                        continue;
                    };
                    let derived = PartOf::NotificationField {
                        template: parent,
                        header: &field.header.value,
                    };
                    part(
                        &mut fields,
                        field.name.as_ref(),
                        derived,
                        &field.header,
                        diagnostics,
                    );
                }
            }
            Resource::AgentScript(script) => {
                for step in script.steps.value().map_or(&[][..], |steps| &steps.0) {
                    let step = &step.value;
                    let derived = PartOf::ScriptStep {
                        script: parent,
                        display_name: &step.display_name.value,
                    };
                    part(
                        &mut steps,
                        step.name.as_ref(),
                        derived,
                        &step.display_name,
                        diagnostics,
                    );
                }
            }
            Resource::AppProfile(profile) => {
                for view in profile
                    .inbox_views
                    .value()
                    .map_or(&[][..], |views| &views.members)
                {
                    take(
                        &mut views,
                        &view.value.name.value,
                        view.value.name.span,
                        diagnostics,
                    );
                }
                let mut mappings = Names::new();
                let mut seen = BTreeSet::new();
                for role in profile
                    .roles
                    .value()
                    .map_or(&[][..], |roles| &roles.members)
                {
                    let name = role.value.to_string();
                    if !seen.insert(fold(&name)) {
                        continue;
                    }
                    let derived = PartOf::RoleMapping {
                        profile: parent,
                        role: &name,
                    };
                    let given = role.value.mapping_name.as_ref();
                    let source = Spanned::new(name.clone(), role.span);
                    part(&mut mappings, given, derived, &source, diagnostics);
                }
            }
            Resource::ApplicationTab(tab) => {
                let mut parameters = Names::new();
                for (name, _) in tab
                    .parameters
                    .value()
                    .map_or(&[][..], |parameters| &parameters.0)
                {
                    let derived = PartOf::Parameter {
                        tab: parent,
                        parameter: &name.value,
                    };
                    derive(&mut parameters, derived, name.span, diagnostics);
                }
            }
            _ => {}
        }
    }
}

fn part(
    names: &mut Names,
    given: Option<&Spanned<String>>,
    derived: PartOf<'_>,
    source: &Spanned<String>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    match given {
        Some(given) => take(names, &given.value, given.span, diagnostics),
        None => derive(names, derived, source.span, diagnostics),
    }
}

fn derive(names: &mut Names, part: PartOf<'_>, span: Span, diagnostics: &mut Vec<Diagnostic>) {
    take(names, &unique_name_of_part(part), span, diagnostics);
}

fn take(names: &mut Names, name: &str, span: Span, diagnostics: &mut Vec<Diagnostic>) {
    if let Some(first) = names.insert(fold(name), span) {
        diagnostics.push(
            Diagnostic::error(PART_NAME.code, format!("two parts have the unique name `{name}`"))
                .at(span, "again")
                .also(first, "first here")
                .help("give one of the two another `name`; a notification field of several templates is a NotificationField of its own"),
        );
    }
}
