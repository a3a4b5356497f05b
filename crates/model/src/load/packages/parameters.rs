//! Values that a project gives the parameters of its packages.

use std::collections::BTreeMap;

use super::InUse;
use crate::checks::secret::check_filled;
use crate::diagnostic::{Diagnostic, Label};
use crate::load::Loader;
use crate::package::{PACKAGE_PARAMETER, Package, Parameter, UsedPackage, wrong_parameter};
use crate::suggest::{nearest, one_of};
use crate::variables::ParameterValues;
use crate::yaml::Node;

impl Loader {
    /// Replaces the parameters in one document of a package.
    pub(in crate::load) fn filled(
        &mut self,
        at: usize,
        node: &Node,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Node {
        let InUse {
            package, values, ..
        } = &self.packages[at];
        let used = self.used_parameters.entry(at).or_default();
        let filled = ParameterValues {
            declared: &package.parameters,
            values,
            origins: &mut self.parameter_origins,
            used,
            diagnostics,
        }
        .fill(node);
        let origins = &self.parameter_origins;
        check_filled(node, &filled, origins, &self.sources, diagnostics);
        filled
    }

    /// Adds the place of the parameter that supplied a value.
    pub(in crate::load) fn add_parameters(&self, diagnostics: &mut [Diagnostic]) {
        for diagnostic in diagnostics {
            let place = diagnostic.primary.as_ref().map(|label| label.span);
            if let Some((name, span)) = place.and_then(|place| self.parameter_origins.get(&place))
                && !diagnostic.secondary.iter().any(|label| label.span == *span)
            {
                diagnostic.secondary.push(Label {
                    span: *span,
                    text: format!("parameter `{name}` gives this value"),
                });
            }
        }
    }

    /// Reports parameters of a package that none of its documents uses.
    pub(in crate::load) fn unused_parameters(&self, at: usize) -> Vec<Parameter> {
        let used = self.used_parameters.get(&at);
        let parameters = self.packages[at].package.parameters.iter();
        parameters
            .filter(|one| !used.is_some_and(|used| used.contains(&one.name.value)))
            .cloned()
            .collect()
    }
}

/// Returns the values of a package's parameters. Reports missing, unknown and wrongly typed values.
pub(super) fn values(
    package: &Package,
    used: Option<&UsedPackage>,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Node> {
    let mut values = BTreeMap::new();
    let given = used.map_or(&[][..], |used| &used.parameters);
    for parameter in &package.parameters {
        let name = &parameter.name.value;
        let value = given.iter().find(|(given, _)| given.value == *name);
        if let Some((_, value)) = value {
            if parameter.holds.takes(value) {
                values.insert(name.clone(), value.clone());
            } else {
                diagnostics.push(
                    wrong_parameter(name, parameter.holds, value.span)
                        .also(parameter.name.span, "declared here"),
                );
            }
        } else if let Some(default) = &parameter.default {
            values.insert(name.clone(), default.clone());
        } else if let Some(used) = used {
            diagnostics.push(
                Diagnostic::error(
                    PACKAGE_PARAMETER.code,
                    format!(
                        "package `{}` needs the parameter `{name}`",
                        package.name.value
                    ),
                )
                .at(used.name.span, "used here")
                .also(parameter.name.span, &parameter.meaning)
                .help(format!("add `{name}` under `parameters` of this package")),
            );
        } else {
            let span = parameter.name.span;
            let sample = Node::of_json(&parameter.holds.sample(), span);
            values.insert(name.clone(), sample);
        }
    }
    for (name, _) in given {
        let names = || package.parameters.iter().map(|one| one.name.value.as_str());
        if names().any(|known| known == name.value) {
            continue;
        }
        let found = Diagnostic::error(
            PACKAGE_PARAMETER.code,
            format!(
                "package `{}` has no parameter `{}`",
                package.name.value, name.value
            ),
        )
        .at(name.span, "unknown parameter");
        diagnostics.push(match nearest(&name.value, names()) {
            Some(near) => found.help(format!("did you mean `{near}`?")),
            None if names().next().is_none() => found.help("remove it"),
            None => found.help(format!("it has {}", one_of(names()))),
        });
    }
    values
}
