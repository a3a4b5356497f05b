//! Findings as build-log commands. The build host shows them next to the lines of a pull request or in the list of the run.

use deskstate_model::{Diagnostic, Severity};

use super::places::Places;
use super::plain;
use crate::door::LogCommand;

/// Workflow commands of GitHub Actions: `::error file=…,line=…::message` (documented in Workflow commands for GitHub Actions).
pub(crate) fn github(findings: &[Diagnostic], places: &Places<'_>) -> Vec<LogCommand> {
    findings
        .iter()
        .map(|finding| github_line(finding, places))
        .collect()
}

fn github_line(finding: &Diagnostic, places: &Places<'_>) -> LogCommand {
    let ours = match finding.severity {
        Severity::Error => "::error ",
        Severity::Warning => "::warning ",
    };
    let mut properties = Vec::new();
    if let Some(label) = &finding.primary {
        let place = places.of(label.span);
        properties.push(("file", place.file));
        properties.push(("line", place.line.to_string()));
        properties.push(("col", place.column.to_string()));
        properties.push(("endLine", place.end_line.to_string()));
        properties.push(("endColumn", place.end_column.to_string()));
    }
    properties.push(("title", finding.code.to_owned()));
    let properties: Vec<String> = properties
        .into_iter()
        .map(|(name, value)| format!("{name}={}", github_property(&value)))
        .collect();
    LogCommand {
        ours,
        text: format!(
            "{}::{}",
            properties.join(","),
            github_data(&message(finding))
        ),
    }
}

fn github_data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn github_property(text: &str) -> String {
    github_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Logging commands of Azure Pipelines: `##vso[task.logissue type=error;sourcepath=…]message` (documented in Logging commands).
pub(crate) fn azure(findings: &[Diagnostic], places: &Places<'_>) -> Vec<LogCommand> {
    findings
        .iter()
        .map(|finding| azure_line(finding, places))
        .collect()
}

fn azure_line(finding: &Diagnostic, places: &Places<'_>) -> LogCommand {
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut properties = vec![("type", level.to_owned())];
    if let Some(label) = &finding.primary {
        let place = places.of(label.span);
        properties.push(("sourcepath", place.file));
        properties.push(("linenumber", place.line.to_string()));
        properties.push(("columnnumber", place.column.to_string()));
    }
    properties.push(("code", finding.code.to_owned()));
    let properties: Vec<String> = properties
        .into_iter()
        .map(|(name, value)| format!("{name}={}", azure_property(&value)))
        .collect();
    LogCommand {
        ours: "##vso[task.logissue ",
        text: format!("{}]{}", properties.join(";"), azure_data(&message(finding))),
    }
}

fn azure_data(text: &str) -> String {
    text.replace('%', "%AZP25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn azure_property(text: &str) -> String {
    azure_data(text).replace(';', "%3B").replace(']', "%5D")
}

/// Message, environments and remedy. The remedy is on a separate line.
fn message(finding: &Diagnostic) -> String {
    let mut text = plain(&finding.message);
    if !finding.environments.is_empty() {
        text.push_str(&format!(
            " (in {})",
            plain(&finding.environments.join(", "))
        ));
    }
    if let Some(help) = &finding.help {
        text.push_str(&format!("\nhelp: {}", plain(help)));
    }
    text
}

#[cfg(test)]
mod tests {
    use deskstate_model::{SourceMap, Span};

    use super::*;

    fn log(commands: &[LogCommand]) -> String {
        commands
            .iter()
            .map(|command| format!("{command}\n"))
            .collect()
    }

    fn finding(sources: &mut SourceMap) -> Diagnostic {
        let file = sources.add("manifests/a,b.yaml", "kind: X\nname: y\n");
        Diagnostic::error("unknown-kind", "100% wrong:\n##vso[task.setvariable]x")
            .at(
                Span {
                    file,
                    start: 6,
                    end: 7,
                },
                "here",
            )
            .help("write `Y`")
    }

    #[test]
    fn a_finding_stands_on_one_line_of_githubs_log() {
        let mut sources = SourceMap::default();
        let findings = [finding(&mut sources)];
        let places = Places {
            sources: &sources,
            prefix: "desk/",
        };
        assert_eq!(
            log(&github(&findings, &places)),
            "::error file=desk/manifests/a%2Cb.yaml,line=1,col=7,endLine=1,endColumn=8,title=unknown-kind::\
             100%25 wrong:⏎\\u{23}#vso[task.setvariable]x%0Ahelp: write `Y`\n"
        );
    }

    #[test]
    fn a_finding_stands_on_one_line_of_azures_log_and_holds_no_further_command() {
        let mut sources = SourceMap::default();
        let findings = [finding(&mut sources)];
        let places = Places {
            sources: &sources,
            prefix: "",
        };
        assert_eq!(
            log(&azure(&findings, &places)),
            "##vso[task.logissue type=error;sourcepath=manifests/a,b.yaml;linenumber=1;columnnumber=7;code=unknown-kind]\
             100%AZP25 wrong:⏎\\u{23}#vso[task.setvariable]x%0Ahelp: write `Y`\n"
        );
    }

    #[test]
    fn a_finding_without_a_place_has_none_in_the_log() {
        let sources = SourceMap::default();
        let places = Places {
            sources: &sources,
            prefix: "",
        };
        let findings = [Diagnostic::warning("no-project", "nothing here")];
        assert_eq!(
            log(&github(&findings, &places)),
            "::warning title=no-project::nothing here\n"
        );
    }
}
