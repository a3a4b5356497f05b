//! The names of the output formats.

use clap::ValueEnum;

/// The output format of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum PlanFormat {
    /// For people at a terminal.
    #[default]
    Text,
    /// A comment on a pull request: counts and dangers are visible, the rest is folded.
    Markdown,
    /// For programs; the same as what `--out` saves.
    Json,
    /// A self-contained page: changes, the agent's screen before and after, the graph.
    Html,
}

/// The output format of the answer about one agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum WhoFormat {
    /// For people at a terminal.
    #[default]
    Text,
    /// For programs; `formatVersion` names the version of the format.
    Json,
}

/// The output format of the findings of `validate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FindingsFormat {
    /// For people, with the lines that the findings are about.
    Text,
    /// For programs; `formatVersion` names the version of the format.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Workflow commands that GitHub shows next to the lines of a pull request.
    Github,
    /// Logging commands that Azure Pipelines lists with the run.
    Azure,
}

impl FindingsFormat {
    /// The format that fits the environment of the command: the build's own on GitHub Actions and Azure Pipelines, text elsewhere.
    pub(crate) fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let is_set =
            |name: &str| variable(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if is_set("GITHUB_ACTIONS") {
            Self::Github
        } else if is_set("TF_BUILD") {
            Self::Azure
        } else {
            Self::Text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_gets_the_form_that_it_understands() {
        let with = |name: &'static str, value: &'static str| {
            FindingsFormat::of_environment(move |asked| (asked == name).then(|| value.to_owned()))
        };
        assert_eq!(with("GITHUB_ACTIONS", "true"), FindingsFormat::Github);
        assert_eq!(with("TF_BUILD", "True"), FindingsFormat::Azure);
        assert_eq!(with("CI", "true"), FindingsFormat::Text);
    }
}
