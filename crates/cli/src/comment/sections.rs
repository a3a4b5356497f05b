//! The text of a comment: the plan of one environment, or one section per environment.

use crate::output::markdown::{fit, hidden};
use crate::output::markdown_text::{code, length};

/// The section of one environment.
pub(crate) struct Section<'a> {
    /// The environment's name.
    pub(crate) environment: &'a str,
    /// Its plan as Markdown; `None` if it could not be made.
    pub(crate) plan: Option<String>,
}

impl Section<'_> {
    /// The text without the marker.
    fn text(&self) -> String {
        match &self.plan {
            Some(plan) => plan
                .split_once('\n')
                .map_or("", |(_, text)| text)
                .to_owned(),
            None => format!(
                "### No plan for {}\n\nThe job that should have made it failed or was cancelled. See the run for the reason.\n",
                code(self.environment)
            ),
        }
    }
}

/// Renders a comment of limited size. Sections shorter than their share leave the rest to the others. The key tells the comments of several
/// projects apart.
pub(crate) fn body(sections: &[Section<'_>], key: Option<&str>, limit: usize) -> String {
    let mut words = match sections {
        [only] => vec!["plan", only.environment],
        _ => vec!["plans"],
    };
    words.extend(key);
    let mut text = hidden(&words) + "\n";
    let texts: Vec<String> = sections.iter().map(Section::text).collect();
    let mut lengths: Vec<usize> = texts.iter().map(|text| length(text)).collect();
    lengths.sort_unstable();
    // The sections are separated by one line.
    let mut room = limit.saturating_sub(length(&text) + texts.len().saturating_sub(1));
    let mut share = room;
    for (at, length) in lengths.iter().enumerate() {
        share = room / (texts.len() - at);
        if *length > share {
            break;
        }
        room -= length;
    }
    let cut: Vec<String> = texts.iter().map(|text| fit(text, share)).collect();
    text.push_str(&cut.join("\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_share_the_room_and_stay_within_the_limit() {
        let names = ["dev", "test", "prod"].map(str::to_owned);
        let plan = |lines: usize| {
            Some(format!(
                "<!-- m -->\n### Plan\n\n<details><summary>x</summary>\n\n```diff\n{}```\n\n</details>\n",
                "+ a line of the plan\n".repeat(lines)
            ))
        };
        let [short, long] = [3, 2_000].map(plan);
        let sections: Vec<Section<'_>> = names
            .iter()
            .zip([short, long, None])
            .map(|(environment, plan)| Section { environment, plan })
            .collect();
        let text = body(&sections, None, 20_000);
        assert!(length(&text) <= 20_000, "{}", length(&text));
        assert!(length(&text) > 19_000, "{}", length(&text));
        assert!(
            text.starts_with("<!-- deskstate:plans -->\n### Plan\n"),
            "{text}"
        );
        assert_eq!(
            text.matches("<details>").count(),
            text.matches("</details>").count()
        );
        assert_eq!(text.matches("**Cut here:**").count(), 1);
        assert!(text.contains("\n### No plan for `prod`\n"), "{text}");
        assert_eq!(text.matches("deskstate:plan").count(), 1, "{text}");
    }

    #[test]
    fn a_comment_on_one_environment_is_its_plan() {
        let plan = "<!-- deskstate:plan:prod -->\n### Plan\n";
        let section = Section {
            environment: "prod",
            plan: Some(plan.to_owned()),
        };
        assert_eq!(body(&[section], None, 60_000), plan);
    }
}
