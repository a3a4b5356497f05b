//! Findings for programs. The format has separate types, so that it never changes by accident.

use deskstate_model::{Diagnostic, Label};
use serde::Serialize;

use super::places::Places;

/// The only version so far. Adding a field does not raise it; changing or removing one does.
const FORMAT_VERSION: u32 = 1;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    format_version: u32,
    valid: bool,
    errors: usize,
    warnings: usize,
    findings: Vec<Finding<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding<'a> {
    code: &'a str,
    severity: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
    /// Empty if the finding applies to every environment.
    environments: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Place<'a>>,
    related: Vec<Place<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Place<'a> {
    file: String,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    label: &'a str,
}

/// Renders the findings as JSON, indented by two spaces, with a trailing line break.
pub(crate) fn render(
    findings: &[Diagnostic],
    places: &Places<'_>,
) -> Result<String, serde_json::Error> {
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    let report = Report {
        format_version: FORMAT_VERSION,
        valid: errors == 0,
        errors,
        warnings: findings.len() - errors,
        findings: findings
            .iter()
            .map(|finding| one(finding, places))
            .collect(),
    };
    Ok(super::harmless_json(&serde_json::to_string_pretty(&report)?) + "\n")
}

fn one<'a>(finding: &'a Diagnostic, places: &Places<'_>) -> Finding<'a> {
    Finding {
        code: finding.code,
        severity: finding.severity.as_str(),
        message: &finding.message,
        help: finding.help.as_deref(),
        environments: &finding.environments,
        place: finding.primary.as_ref().map(|label| place(label, places)),
        related: finding
            .secondary
            .iter()
            .map(|label| place(label, places))
            .collect(),
    }
}

fn place<'a>(label: &'a Label, places: &Places<'_>) -> Place<'a> {
    let place = places.of(label.span);
    Place {
        file: place.file,
        line: place.line,
        column: place.column,
        end_line: place.end_line,
        end_column: place.end_column,
        label: &label.text,
    }
}

#[cfg(test)]
mod tests {
    use deskstate_model::{SourceMap, Span};

    use super::*;

    #[test]
    fn the_version_of_the_form_comes_first() {
        let mut sources = SourceMap::default();
        let file = sources.add("a.yaml", "kind: X\n");
        let finding = Diagnostic::error("unknown-kind", "`X` is no kind").at(
            Span {
                file,
                start: 6,
                end: 7,
            },
            "here",
        );
        let text = render(
            &[finding],
            &Places {
                sources: &sources,
                prefix: "",
            },
        )
        .unwrap();
        insta::assert_snapshot!(text, @r#"
        {
          "formatVersion": 1,
          "valid": false,
          "errors": 1,
          "warnings": 0,
          "findings": [
            {
              "code": "unknown-kind",
              "severity": "error",
              "message": "`X` is no kind",
              "environments": [],
              "place": {
                "file": "a.yaml",
                "line": 1,
                "column": 7,
                "endLine": 1,
                "endColumn": 8,
                "label": "here"
              },
              "related": []
            }
          ]
        }
        "#);
    }
}
