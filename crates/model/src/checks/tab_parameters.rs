//! Parameters of application tabs, by page type.

use serde_json::{Map, Value, json};

use super::Context;
use crate::checks::too_long::TOO_LONG;
use crate::decoder::stored_length;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::kinds::{ApplicationTab, PageType};
use crate::manifests::{Declared, State};
use crate::parameters::{ParameterValue, Parameters};
use crate::set::LookedUp;
use crate::span::{Span, Spanned};
use crate::suggest::nearest;

pub(crate) const TAB_PARAMETERS: Explanation = Explanation::new(
    "tab-parameters",
    "A parameter has a value that the product does not document, or contradicts another one.",
    "See Microsoft's page on application tab templates. A view or form is looked up by name in its table, so the table must be known. An undocumented value is a warning, which `policy: {tab-parameters: allow}` turns off.",
    "Correct the parameter.",
);

pub(crate) const MISSING_PARAMETER: Explanation = Explanation::new(
    "missing-parameter",
    "A tab lacks a parameter without which a page of its type is empty.",
    "Microsoft's page on application tab templates calls it required. A widget or script that opens the tab itself (`createTab`) may supply it, and Microsoft's own guides and samples omit some.",
    "Add the parameter. If it is supplied when the tab opens, write `policy: {missing-parameter: allow}` in `deskstate.yaml`.",
);

pub(crate) const UNDOCUMENTED_PARAMETER: Explanation = Explanation::new(
    "undocumented-parameter",
    "Microsoft does not document this parameter for the page type of the tab.",
    "It may work, and deskstate sends it unchanged, but it may also be a typing error.",
    "Correct the name, or keep it if you know that it works.",
);

/// Maximum length of one value (`msdyn_value`) and of all values as JSON (`msdyn_templateparameters`), in characters.
const MAX_LENGTH: usize = 2048;

/// Returns the parameters of a page type. One of them has been observed but is not documented, so manifests do not own it like the others.
fn taken(page: PageType) -> Vec<&'static str> {
    let unexplained: &[&str] = match page {
        PageType::EntityList => &["viewType"],
        _ => &[],
    };
    [page.parameters(), unexplained].concat()
}

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for declared in context.resources {
        let Some(tab) = ApplicationTab::of(&declared.spec) else {
            continue;
        };
        let Some(page) = tab.page_type().spanned() else {
            continue;
        };
        required(context, declared, tab, page, diagnostics);
        if let Some(parameters) = tab.parameters().spanned() {
            known(parameters.value, page, diagnostics);
            mappings(parameters.value, page, diagnostics);
            together(parameters.value, diagnostics);
            lengths(parameters.value, parameters.span, diagnostics);
        }
    }
}

fn required(
    context: &Context<'_>,
    declared: &Declared,
    tab: ApplicationTab<'_>,
    page: Spanned<PageType>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if tab.parameters().is_absent() && declared.state != State::Present {
        return;
    }
    for name in page.value.needed_parameters() {
        if tab
            .parameters()
            .value()
            .is_none_or(|parameters| parameters.get(name).is_none())
            && !context.is_unread(declared, &format!("parameters.{name}"))
        {
            diagnostics.push(
                Diagnostic::warning(
                    MISSING_PARAMETER.code,
                    format!(
                        "a tab of page type {} is empty without the parameter `{name}`",
                        page.value.as_str()
                    ),
                )
                .at(
                    tab.parameters().span().unwrap_or(declared.name_span),
                    format!("no `{name}`"),
                )
                .also(page.span, "decides the parameters")
                .help(format!("add `{name}:` under `parameters`; if it is supplied when the tab opens, write `policy: {{{}: allow}}` in `deskstate.yaml`", MISSING_PARAMETER.code)),
            );
        }
    }
}

fn known(parameters: &Parameters, page: Spanned<PageType>, diagnostics: &mut Vec<Diagnostic>) {
    let names = taken(page.value);
    for (name, _) in parameters
        .0
        .iter()
        .filter(|(name, _)| !names.contains(&name.value.as_str()))
    {
        let diagnostic = Diagnostic::warning(
            UNDOCUMENTED_PARAMETER.code,
            format!(
                "Microsoft does not document the parameter `{}` for page type {}",
                name.value,
                page.value.as_str()
            ),
        )
        .at(name.span, "sent unchanged")
        .also(page.span, "decides the parameters");
        diagnostics.push(match nearest(&name.value, names.iter().copied()) {
            Some(near) => diagnostic.perhaps(&name.value, near),
            None if names.is_empty() => {
                diagnostic.help("tabs of this type are internal to Microsoft")
            }
            None => diagnostic.help(format!("documented are {}", names.join(", "))),
        });
    }
}

/// Reports mappings where text is expected. Only the values of a new record are a mapping; every other documented parameter is text.
fn mappings(parameters: &Parameters, page: Spanned<PageType>, diagnostics: &mut Vec<Diagnostic>) {
    let names = taken(page.value);
    for (name, value) in &parameters.0 {
        let takes_mapping = name.value == "data" && page.value == PageType::EntityRecord;
        let is_text = names.contains(&name.value.as_str()) && !takes_mapping;
        if is_text && matches!(value.value, ParameterValue::Json(_)) {
            diagnostics.push(
                Diagnostic::error(
                    TAB_PARAMETERS.code,
                    format!("`{}` takes text, not a mapping", name.value),
                )
                .at(value.span, "a mapping")
                .also(page.span, "decides the parameters")
                .help("write text; one that begins with a brace is quoted: \"{customer}\""),
            );
        }
    }
}

/// Checks which parameters belong together, for any page type.
fn together(parameters: &Parameters, diagnostics: &mut Vec<Diagnostic>) {
    if let (Some(id), Some(data)) = (parameters.get("entityId"), parameters.get("data")) {
        diagnostics.push(
            Diagnostic::warning(
                TAB_PARAMETERS.code,
                "`entityId` is for an existing record, `data` for a new one",
            )
            .at(data.span, "for a new record")
            .also(id.span, "for an existing record")
            .help("remove one of the two"),
        );
    }
    let slug_table = parameters
        .get("entityName")
        .filter(|table| matches!(&table.value, ParameterValue::Text(text) if text.contains('{')));
    for name in ["viewId", "formId"] {
        let (Some(value), Some(table)) = (parameters.get(name), slug_table) else {
            continue;
        };
        if matches!(
            &value.value,
            ParameterValue::LookedUp(LookedUp::Name { table: None, .. })
        ) {
            diagnostics.push(
                Diagnostic::error(
                    TAB_PARAMETERS.code,
                    format!("`{name}` cannot be looked up by name without a table"),
                )
                .at(value.span, "the table is not known")
                .also(table.span, "a slug is not a table")
                .help(format!(
                    "add the table: `{name}: {{name: ..., table: contact}}`"
                )),
            );
        }
    }
    for (name, words) in [
        ("validateRecord", &["true", "false"][..]),
        ("searchType", &["0", "1"][..]),
    ] {
        let Some(value) = parameters.get(name) else {
            continue;
        };
        let fits = matches!(&value.value, ParameterValue::Text(text) if words.contains(&text.as_str()) || text.contains('{'));
        if !fits {
            let help = if name == "searchType" {
                "write `Relevance` or `Categorized`"
            } else {
                "write `true` or `false`"
            };
            diagnostics.push(
                Diagnostic::warning(
                    TAB_PARAMETERS.code,
                    format!("`{name}` has a value that Microsoft does not document"),
                )
                .at(value.span, "unknown value")
                .help(help),
            );
        }
    }
}

fn lengths(parameters: &Parameters, span: Span, diagnostics: &mut Vec<Diagnostic>) {
    let mut all = Map::new();
    for (name, value) in &parameters.0 {
        let stored = match &value.value {
            ParameterValue::Text(text) => text.clone(),
            ParameterValue::Json(value) => value.to_string(),
            // Every id has 36 characters.
            ParameterValue::LookedUp(_) => "0".repeat(36),
        };
        let length = stored_length(&stored);
        if length > MAX_LENGTH {
            diagnostics.push(
                Diagnostic::error(
                    TOO_LONG.code,
                    format!(
                        "`{}` has {length} characters, at most {MAX_LENGTH} are allowed",
                        name.value
                    ),
                )
                .at(value.span, format!("{} too many", length - MAX_LENGTH))
                .help("shorten it"),
            );
            return;
        }
        all.insert(name.value.clone(), json!({"value": stored}));
    }
    let length = stored_length(&Value::Object(all).to_string());
    if length > MAX_LENGTH {
        diagnostics.push(
            Diagnostic::error(TOO_LONG.code, format!("the parameters together have {length} characters as JSON, at most {MAX_LENGTH} are allowed"))
                .at(span, format!("{} too many", length - MAX_LENGTH))
                .help("shorten the longest values"),
        );
    }
}
