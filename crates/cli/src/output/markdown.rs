//! A plan as one comment on a pull request: counts, dangers and agents are visible, the changes are folded, and the size is limited.

use std::collections::BTreeMap;

use deskstate_model::{Diagnostic, Severity};
use deskstate_reconcile::plan::{Action, Change, Difference, FieldChange, SyncState};
use deskstate_reconcile::reach::Reached;

use super::count;
use super::markdown_text::{code, cut, fence_of, length, opened_fence, prose};
use super::plan_text::{PlanText, members_alike, named, told};
use super::sides::{self, is_long, sides};
use super::verdict::{Verdict, unplanned};
use super::{plain, shown};
use crate::suggest::suggest;

/// Maximum length of a comment on GitHub.
pub(crate) const GITHUB_LIMIT: usize = 65_536;
/// Maximum length of a comment on Azure DevOps.
pub(crate) const AZURE_DEVOPS_LIMIT: usize = 150_000;

/// The limit of the host that the command runs on: Azure Pipelines has the higher one.
pub(crate) fn limit_of_environment(variable: impl Fn(&str) -> Option<String>) -> usize {
    if variable("TF_BUILD").is_some() {
        AZURE_DEVOPS_LIMIT
    } else {
        GITHUB_LIMIT
    }
}

/// Maximum number of visible findings, and of visible changes that reach agents.
const IN_THE_OPEN: usize = 20;
/// Maximum length of a finding, and of its help, in characters.
const FINDING_LENGTH: usize = 300;
/// Maximum length of the name and of the reach of a visible change, in characters.
const REACH_LENGTH: usize = 150;
/// Maximum length of a value in the diff, in characters.
const VALUE_LENGTH: usize = 2_000;
/// Space reserved for closing open elements.
const CLOSING_LENGTH: usize = 80;

/// A plan for a pull request.
pub(crate) struct PlanMarkdown<'a> {
    /// The plan and its context.
    pub(crate) shown: &'a PlanText<'a>,
    /// Everything that cannot be planned, and the findings of the review.
    pub(crate) findings: &'a [Diagnostic],
    /// Maximum length, as counted by [`length`].
    pub(crate) limit: usize,
    /// The URL of the complete report.
    pub(crate) report_url: Option<&'a str>,
}

/// The line that identifies the comment. No renderer shows it.
///
/// Only letters, digits, `-`, `_` and `.` of the environment's name are used, so nothing can end the HTML comment.
pub(crate) fn marker(environment: &str) -> String {
    hidden(&["plan", environment])
}

/// A line of these words that no renderer shows.
pub(crate) fn hidden(words: &[&str]) -> String {
    let inert = |word: &&str| -> String {
        let word: String = word
            .chars()
            .filter(|character| character.is_ascii_alphanumeric() || "-_.".contains(*character))
            .collect();
        word.replace("--", "-%2D")
    };
    let words: Vec<String> = words.iter().map(inert).collect();
    format!("<!-- deskstate:{} -->", words.join(":"))
}

impl PlanMarkdown<'_> {
    /// Renders the comment, which never exceeds the limit.
    pub(crate) fn render(&self) -> String {
        let mut text = self.head();
        self.unplanned(&mut text);
        self.findings(&mut text);
        self.agents(&mut text);
        self.changes(&mut text);
        text.push_str(&self.foot());
        text
    }

    fn head(&self) -> String {
        let PlanText {
            plan,
            environment,
            address,
            revision,
            ..
        } = self.shown;
        let (create, update, delete) = plan.counts();
        let title = self.shown.title.words();
        let mut text = format!("{}\n", marker(environment));
        let verdict = Verdict::of_plan(plan);
        let outcome = match (plan.is_empty(), verdict.state) {
            (true, SyncState::InSync) => "no changes".to_owned(),
            (true, SyncState::Different) => "**differs, and no change can be planned**".to_owned(),
            (true, SyncState::Unknown) => "**could not be compared completely**".to_owned(),
            (false, _) => {
                let unknown = match verdict.states.unknown {
                    0 => String::new(),
                    unknown => format!(", **{unknown}** unknown"),
                };
                format!(
                    "**{create}** to create, **{update}** to update, **{delete}** to delete{unknown}"
                )
            }
        };
        text.push_str(&format!(
            "### {title} for {}: {outcome}\n\n",
            code(environment)
        ));
        let at = revision.map_or_else(String::new, |revision| {
            format!(" · manifests at {}", code(revision))
        });
        text.push_str(&format!(
            "Environment: {}{at} · {}\n\n",
            code(address),
            verdict.counts("in sync")
        ));
        text
    }

    /// Everything that could not be planned.
    fn unplanned(&self, text: &mut String) {
        let all = || unplanned(&self.shown.plan.resources, &self.shown.plan.elsewhere);
        for one in all().take(IN_THE_OPEN) {
            text.push_str(&format!(
                "- {} {}\n",
                code(&cut(&plain(&one.about()), REACH_LENGTH)),
                prose(&cut(&plain(&one.words()), FINDING_LENGTH))
            ));
        }
        match all().count() {
            0 => {}
            1..=IN_THE_OPEN => text.push('\n'),
            number => text.push_str(&format!(
                "- and {}\n\n",
                count(number - IN_THE_OPEN, "more unknown part")
            )),
        }
    }

    /// Errors and warnings, the worst first.
    fn findings(&self, text: &mut String) {
        let mut findings: Vec<&Diagnostic> = self.findings.iter().collect();
        findings.sort_by_key(|finding| finding.severity);
        for finding in findings.iter().take(IN_THE_OPEN) {
            let severity = match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            let place = finding.primary.as_ref().map_or_else(String::new, |label| {
                let (line, _) = self.shown.sources.line_column(label.span);
                format!(
                    " ({})",
                    code(&format!(
                        "{}:{line}",
                        cut(
                            &plain(self.shown.sources.path(label.span.file)),
                            REACH_LENGTH
                        )
                    ))
                )
            });
            let text_of = |text: &str| prose(&cut(&plain(text), FINDING_LENGTH));
            let message = text_of(&finding.message);
            let help = finding.help.as_deref();
            let help = help.map_or_else(String::new, |help| format!("<br>{}", text_of(help)));
            text.push_str(&format!(
                "- **{severity}** {}: {message}{place}{help}\n",
                code(finding.code)
            ));
        }
        if findings.len() > IN_THE_OPEN {
            text.push_str(&format!(
                "- and {}\n",
                count(findings.len() - IN_THE_OPEN, "more finding")
            ));
        }
        if !findings.is_empty() {
            text.push('\n');
        }
    }

    /// Changes that reach agents, with those agents.
    fn agents(&self, text: &mut String) {
        let reached: Vec<(&Change, &Reached)> = self
            .shown
            .plan
            .changes
            .iter()
            .zip(self.shown.reach)
            .filter_map(|(change, reach)| Some((change, reach.as_ref()?)))
            .collect();
        for (change, reach) in reached.iter().take(IN_THE_OPEN) {
            text.push_str(&format!(
                "- {} {}\n",
                code(&cut(&plain(&change.key.to_string()), REACH_LENGTH)),
                prose(&cut(
                    &plain(&format!("{}, {}", reach.agents, reach.how)),
                    REACH_LENGTH
                ))
            ));
        }
        if reached.len() > IN_THE_OPEN {
            text.push_str(&format!(
                "- and {} that reach agents\n",
                count(reached.len() - IN_THE_OPEN, "more change")
            ));
        }
        if !reached.is_empty() {
            text.push('\n');
        }
    }

    /// The changes in a folded diff, as many as fit.
    fn changes(&self, text: &mut String) {
        let changes = &self.shown.plan.changes;
        if changes.is_empty() {
            return;
        }
        let mut blocks: Vec<Vec<String>> =
            changes.iter().map(|change| self.change(change)).collect();
        for block in blocks.iter_mut().rev().skip(1) {
            block.push(String::new());
        }
        let all: Vec<String> = blocks.iter().flatten().cloned().collect();
        let fence = fence_of(&all);
        text.push_str(&format!(
            "<details><summary>{}</summary>\n\n{fence}diff\n",
            count(changes.len(), "change")
        ));
        let around = length(text)
            + fence.len()
            + CLOSING_LENGTH
            + length(&self.notice(changes.len()))
            + length(&self.foot());
        let room = self.limit.saturating_sub(around);
        let (body, whole) = fill(&blocks, room);
        text.push_str(&body);
        text.push_str(&format!("{fence}\n\n</details>\n\n"));
        if whole < changes.len() {
            text.push_str(&self.notice(whole));
        }
    }

    /// States what is missing, and where to find it.
    fn notice(&self, whole: usize) -> String {
        let PlanText {
            plan, environment, ..
        } = self.shown;
        format!(
            "**Cut here:** {whole} of {} are shown in full, the rest did not fit into {} characters. {}\n\n",
            count(plan.changes.len(), "change"),
            self.limit,
            match self.report_url {
                Some(url) => format!("{THE_WHOLE}({}) is with the run.", link_target(url)),
                None => format!(
                    "{} shows all of it.",
                    suggest("plan", &["--env", &plain(environment).replace('`', "")])
                ),
            }
        )
    }

    fn foot(&self) -> String {
        if self.shown.plan.is_empty() {
            return String::new();
        }
        match self.report_url {
            Some(url) => format!(
                "{WHOLE_REPORT}({}). Agents get changes when they next sign in or reload.\n",
                link_target(url)
            ),
            None => "Agents get changes when they next sign in or reload.\n".to_owned(),
        }
    }

    /// One change as lines of a diff: `+` is added, `-` is removed, `!` marks a resource that stays.
    fn change(&self, change: &Change) -> Vec<String> {
        let symbol = match change.action {
            Action::Create => '+',
            Action::Update => '!',
            Action::Delete => '-',
        };
        let place = change.declared_at.map_or_else(String::new, |span| {
            let (line, _) = self.shown.sources.line_column(span);
            format!("    {}:{line}", plain(self.shown.sources.path(span.file)))
        });
        let mut block = vec![format!(
            "{symbol} {}{place}",
            plain(&change.key.to_string())
        )];
        let fields = told(&change.fields);
        let alike = members_alike(&fields);
        for field in &fields {
            field_lines(field, change.action, &alike, &mut block);
        }
        if !change.left_to_server.is_empty() {
            block.push(format!(
                "      left to the server: {}",
                change.left_to_server.join(", ")
            ));
        }
        block
    }
}

fn field_lines(
    field: &FieldChange,
    action: Action,
    alike: &BTreeMap<&str, String>,
    block: &mut Vec<String>,
) {
    let word = plain(&field.path);
    let mut line = |symbol: char, value: &str| {
        block.push(format!("{symbol}     {word}: {}", cut(value, VALUE_LENGTH)))
    };
    match &field.difference {
        Difference::Value { after, .. } if action == Action::Create => line('+', &shown(after)),
        Difference::Value { before, after } if is_long(before) || is_long(after) => {
            block.push(format!("      {word}:"));
            for (tag, line) in sides::diff(before, after) {
                block.push(format!("{tag}       {}", cut(&line, VALUE_LENGTH)));
            }
        }
        Difference::Value { before, after } => {
            let (before, after) = sides(before, after);
            line('-', &before);
            line('+', &after);
        }
        Difference::Copy { column, after } => line(
            '!',
            &format!("{} (the second copy in {column} differs)", shown(after)),
        ),
        Difference::Added { member, note } => {
            line('+', &with_note(&named(member, alike), note.as_deref()))
        }
        Difference::Removed { member, note } => {
            line('-', &with_note(&named(member, alike), note.as_deref()))
        }
    }
}

fn with_note(member: &str, note: Option<&str>) -> String {
    note.map_or_else(
        || member.to_owned(),
        |note| format!("{member} ({})", plain(note)),
    )
}

/// As many lines as fit, and the number of complete blocks.
fn fill(blocks: &[Vec<String>], room: usize) -> (String, usize) {
    let mut body = String::new();
    let mut used = 0;
    for (whole, block) in blocks.iter().enumerate() {
        for line in block {
            used += length(line) + 1;
            if used > room {
                body.push_str("  … cut\n");
                return (body, whole);
            }
            body.push_str(line);
            body.push('\n');
        }
    }
    (body, blocks.len())
}

/// Shortens a comment made for a host with a higher limit: closes open elements, and adds a notice at the end.
pub(crate) fn fit(comment: &str, limit: usize) -> String {
    if length(comment) <= limit {
        return comment.to_owned();
    }
    let notice = match report_of(comment) {
        Some(url) => format!(
            "**Cut here:** the rest did not fit into {limit} characters. {THE_WHOLE}({url}) is with the run.\n"
        ),
        None => format!(
            "**Cut here:** the rest did not fit into {limit} characters. `deskstate plan --env NAME` shows all of it.\n"
        ),
    };
    let lines: Vec<String> = comment.lines().map(str::to_owned).collect();
    let fence = fence_of(&lines);
    let room = limit.saturating_sub(length(&notice) + fence.len() + CLOSING_LENGTH);
    let mut kept = String::new();
    let mut open: Option<String> = None;
    let mut folded = false;
    let mut used = 0;
    for line in lines {
        used += length(&line) + 1;
        if used > room {
            break;
        }
        match &open {
            Some(fence) if line == *fence => open = None,
            None if opened_fence(&line).is_some() => open = opened_fence(&line).map(str::to_owned),
            None if line.starts_with("<details>") => folded = true,
            None if line == "</details>" => folded = false,
            _ => {}
        }
        kept.push_str(&line);
        kept.push('\n');
    }
    if let Some(fence) = open {
        kept.push_str(&format!("{fence}\n\n"));
    }
    if folded {
        kept.push_str("</details>\n\n");
    }
    kept + &notice
}

/// Link texts of the complete report.
const THE_WHOLE: &str = "[The whole plan]";
const WHOLE_REPORT: &str = "[Whole report]";

/// The URL of the complete report in a comment.
fn report_of(comment: &str) -> Option<&str> {
    let mut lines = comment.lines().rev();
    lines.find_map(|line| {
        let is_own = line.starts_with("**Cut here:** ") || line.starts_with(WHOLE_REPORT);
        let rest = [THE_WHOLE, WHOLE_REPORT]
            .iter()
            .filter(|_| is_own)
            .find_map(|text| line.split_once(&format!("{text}(")));
        Some(rest?.1.split_once(')')?.0)
    })
}

/// Escapes a URL so that it cannot end the link that contains it.
fn link_target(url: &str) -> String {
    url.chars()
        .filter(|character| !character.is_control() && !character.is_whitespace())
        .map(|character| match character {
            '(' => "%28".to_owned(),
            ')' => "%29".to_owned(),
            '<' => "%3C".to_owned(),
            '>' => "%3E".to_owned(),
            '`' => "%60".to_owned(),
            other => other.to_string(),
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests;
