//! Findings as SARIF 2.1.0 for code scanning (OASIS standard; GitHub documents the parts it uses in SARIF support for code scanning).

use std::collections::BTreeMap;

use deskstate_model::{Diagnostic, Label, Severity};
use serde_json::{Value, json};

use super::places::Places;

/// The schema that the log refers to.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Renders the log of one run, with a trailing line break.
pub(crate) fn render(
    findings: &[Diagnostic],
    places: &Places<'_>,
) -> Result<String, serde_json::Error> {
    let mut rules: BTreeMap<&str, Severity> = BTreeMap::new();
    for finding in findings {
        let severity = rules.entry(finding.code).or_insert(finding.severity);
        *severity = (*severity).min(finding.severity);
    }
    let index: BTreeMap<&str, usize> = rules
        .keys()
        .enumerate()
        .map(|(index, code)| (*code, index))
        .collect();
    let rules: Vec<Value> = rules
        .iter()
        .map(|(code, severity)| rule(code, *severity))
        .collect();
    let results: Vec<Value> = findings
        .iter()
        .map(|finding| result(finding, index[finding.code], places))
        .collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "deskstate",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_HOMEPAGE"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    Ok(super::harmless_json(&serde_json::to_string_pretty(&log)?) + "\n")
}

fn rule(code: &str, severity: Severity) -> Value {
    let mut rule = json!({
        "id": code,
        "shortDescription": {"text": code.replace('-', " ")},
        "defaultConfiguration": {"level": severity.as_str()},
    });
    if let Some(known) = crate::explanations::of_code(code) {
        let text = known.text();
        rule["fullDescription"] = json!({"text": known.rule});
        rule["help"] = json!({"text": text, "markdown": text});
    }
    rule
}

fn result(finding: &Diagnostic, rule: usize, places: &Places<'_>) -> Value {
    let mut text = super::plain(&finding.message);
    if !finding.environments.is_empty() {
        text.push_str(&format!(
            " (in {})",
            super::plain(&finding.environments.join(", "))
        ));
    }
    if let Some(help) = &finding.help {
        text.push_str(&format!(". Help: {}", super::plain(help)));
    }
    let mut result = json!({
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": finding.severity.as_str(),
        "message": {"text": text},
        // Code scanning only shows results with a location. A missing project file is reported at the root.
        "locations": [finding.primary.as_ref().map_or_else(
            || json!({"physicalLocation": {"artifactLocation": artifact(&format!("{}deskstate.yaml", places.prefix))}}),
            |label| location(label, places),
        )],
    });
    let related: Vec<Value> = finding
        .secondary
        .iter()
        .enumerate()
        .map(|(id, label)| related(id, label, places))
        .collect();
    if !related.is_empty() {
        result["relatedLocations"] = related.into();
    }
    result
}

fn related(id: usize, label: &Label, places: &Places<'_>) -> Value {
    let mut location = location(label, places);
    location["id"] = id.into();
    location["message"] = json!({"text": super::plain(&label.text)});
    location
}

fn location(label: &Label, places: &Places<'_>) -> Value {
    let place = places.of(label.span);
    json!({"physicalLocation": {
        "artifactLocation": artifact(&place.file),
        "region": {
            "startLine": place.line,
            "startColumn": place.column,
            "endLine": place.end_line,
            "endColumn": place.end_column,
        },
    }})
}

/// The path of a file in the repository, as a URI.
fn artifact(path: &str) -> Value {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    json!({"uri": uri, "uriBaseId": "%SRCROOT%"})
}

#[cfg(test)]
mod tests {
    use deskstate_model::{SourceMap, Span};

    use super::*;

    /// The published schema, `sarif-schema-2.1.0.json` of OASIS (errata 01), as included in the crate `serde-sarif`.
    const PUBLISHED: &str = include_str!("../../tests/fixtures/sarif-2.1.0.json");

    fn log() -> Value {
        let mut sources = SourceMap::default();
        let file = sources.add("manifests/größe a.yaml", "kind: X\nname: y\n");
        let findings = [
            Diagnostic::error("unknown-kind", "`X` is no kind")
                .at(
                    Span {
                        file,
                        start: 6,
                        end: 7,
                    },
                    "here",
                )
                .also(
                    Span {
                        file,
                        start: 8,
                        end: 12,
                    },
                    "the document",
                )
                .help("write `Y`"),
            Diagnostic::warning("unknown-prefix", "no publisher has `x`"),
        ];
        serde_json::from_str(
            &render(
                &findings,
                &Places {
                    sources: &sources,
                    prefix: "desk/",
                },
            )
            .unwrap(),
        )
        .unwrap()
    }

    #[test]
    fn a_log_fits_the_published_schema() {
        let mut schema: Value = serde_json::from_str(PUBLISHED).unwrap();
        // The published pattern for languages has a stray `]`, which is invalid in the regular expressions of JSON Schema.
        for definition in ["run", "toolComponent"] {
            let language = schema["definitions"][definition]["properties"]["language"]
                .as_object_mut()
                .unwrap();
            language.remove("pattern").unwrap();
        }
        let validator = jsonschema::validator_for(&schema).unwrap();
        let log = log();
        let errors: Vec<String> = validator
            .iter_errors(&log)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
        let mut wrong = log;
        wrong["runs"][0]["results"][0]["level"] = "fatal".into();
        assert!(
            !validator.is_valid(&wrong),
            "the schema must be able to refuse something"
        );
    }

    #[test]
    fn a_result_names_its_rule_and_its_file_in_the_repository() {
        let log = log();
        let result = &log["runs"][0]["results"][0];
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(
            log["runs"][0]["tool"]["driver"]["rules"][index]["id"],
            result["ruleId"]
        );
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(
            place["artifactLocation"]["uri"],
            "desk/manifests/gr%C3%B6%C3%9Fe%20a.yaml"
        );
        assert_eq!(
            place["region"],
            json!({"startLine": 1, "startColumn": 7, "endLine": 1, "endColumn": 8})
        );
    }
}
