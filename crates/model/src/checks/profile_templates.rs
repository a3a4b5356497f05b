//! Session templates of a profile: one of type Entity per entity, and Generic ones only where a contract requires them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Context, Index};
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::kinds::{
    AppProfile, Kind, ResourceKey, SessionTemplate, SessionType, is_generic_of_product,
};
use crate::manifests::State;
use crate::span::Span;

pub(crate) const GENERIC_TEMPLATE: Explanation = Explanation::new(
    "generic-template",
    "A profile has a session template of type Generic.",
    "Microsoft's pages attach Generic templates to workstreams, and Entity templates to profiles. Some vendors' guides attach Generic ones to profiles anyway.",
    "Use an Entity template. If a vendor's guide requires a Generic one, add a contract with `contains: {sessionTemplates: [...]}`; this turns the warning off.",
);

pub(crate) const ONE_TEMPLATE_PER_ENTITY: Explanation = Explanation::new(
    "one-template-per-entity",
    "A profile has two Entity session templates for the same entity.",
    "The product could not know which one opens a record, according to Microsoft's page on the app profile manager.",
    "Remove one of the two.",
);

pub(super) fn check(context: &Context<'_>, index: &Index<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let demanded = demanded_by_contracts(context);
    for declared in context
        .resources
        .iter()
        .filter(|declared| declared.state != State::Absent)
    {
        let Some(profile) = AppProfile::of(&declared.spec) else {
            continue;
        };
        let Some(templates) = profile.session_templates().value() else {
            continue;
        };
        let mut entities: BTreeMap<String, (&str, Span)> = BTreeMap::new();
        for name in templates.members() {
            let key = ResourceKey {
                kind: Kind::SESSION_TEMPLATE,
                name: name.value.name().clone(),
            };
            let template = index.find(&key);
            let template = template.and_then(|target| SessionTemplate::of(&target.spec));
            let declared = template.and_then(|template| template.r#type().value());
            // No document has to declare Microsoft's own templates.
            let of_product =
                || is_generic_of_product(name.value.as_str()).then_some(SessionType::Generic);
            match declared.or_else(of_product) {
                Some(SessionType::Generic) if !demanded.contains(name.value.name().folded()) => diagnostics.push(
                    Diagnostic::warning(GENERIC_TEMPLATE.code, format!("`{}` is Generic, and profiles take Entity templates", name.value))
                        .at(name.span, "a Generic template on a profile")
                        .help("Generic templates belong to workstreams; if a vendor's guide requires it here, add a contract that does"),
                ),
                Some(SessionType::Entity) => {
                    let entity = template.and_then(|template| template.entity().value());
                    let Some(entity) = entity else { continue };
                    let here = (name.value.as_str(), name.span);
                    if let Some((first, place)) = entities.insert(entity.to_ascii_lowercase(), here).filter(|first| *first != here) {
                        diagnostics.push(
                            Diagnostic::error(
                                ONE_TEMPLATE_PER_ENTITY.code,
                                format!("`{first}` and `{}` are both for the entity `{entity}`", name.value),
                            )
                            .at(name.span, "the second one for this entity")
                            .also(place, "the first one")
                            .help("a profile has one Entity template per entity: remove one of the two"),
                        );
                    }
                }
                _ => {}
            }
        }
    }
}

/// Returns the templates that a contract requires on a profile.
fn demanded_by_contracts<'a>(context: &Context<'a>) -> BTreeSet<&'a str> {
    let rules = context
        .contracts
        .iter()
        .flat_map(|contract| &contract.rules);
    rules
        .filter(|rule| rule.resource.kind == Kind::APP_PROFILE)
        .filter_map(|rule| rule.contains.get("sessionTemplates"))
        .flatten()
        .map(|name| name.value.name().folded())
        .collect()
}
