//! A plan as text: symbol first, only what changes, danger in place, what to do next at the end.

use std::fmt::{self, Display};

use deskstate_model::SourceMap;
use deskstate_reconcile::plan::{Action, Change, Difference, FieldChange, Plan};
use deskstate_reconcile::reach::Reached;
use deskstate_reconcile::secret::masked;
use serde_json::Value as Json;
use unicode_width::UnicodeWidthStr;

use super::verdict::{Verdict, sign, unplanned};
use super::{plain, shown};
use crate::ui::{BAD, DIM, GOOD, STRONG, WARN};

/// Where the values of fields begin.
const VALUE_COLUMN: usize = 28;
/// Where the place of a declaration ends.
const PLACE_COLUMN: usize = 88;
/// Parts that could not be planned and that are listed.
const MOST_UNPLANNED: usize = 20;
/// Longer texts, and texts of several lines, are shown as a diff.
const LONG_TEXT: usize = 60;

/// A plan and what stands around it.
pub(crate) struct PlanText<'a> {
    /// The plan.
    pub(crate) plan: &'a Plan,
    /// Where the manifests are.
    pub(crate) sources: &'a SourceMap,
    /// Name of the environment.
    pub(crate) environment: &'a str,
    /// Its address.
    pub(crate) address: &'a str,
    /// The git revision of the manifests.
    pub(crate) revision: Option<&'a str>,
    /// Transactions that applying would take; none for what nobody would apply.
    pub(crate) transactions: Option<usize>,
    /// `Plan` or `Difference`.
    pub(crate) title: &'a str,
    /// Tables and columns beside the words.
    pub(crate) explain_wire: bool,
    /// Agents reached by each change.
    pub(crate) reach: &'a [Option<Reached>],
}

impl Display for PlanText<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            plan,
            environment,
            address,
            title,
            ..
        } = self;
        let verdict = Verdict::of_plan(plan);
        if plan.is_empty() {
            let style = verdict.style();
            writeln!(
                out,
                "{style}{environment}{style:#} {}",
                verdict.without_changes()
            )?;
            return self.unplanned(out);
        }
        writeln!(
            out,
            "{STRONG}{title} for {environment}{STRONG:#} ({address})"
        )?;
        let requests = usize::try_from(plan.read_requests).unwrap_or(usize::MAX);
        let requests = count(requests, "request");
        match self.transactions {
            None => writeln!(
                out,
                "{DIM}{}; {requests} to read{DIM:#}\n",
                verdict.counts("alike")
            )?,
            Some(transactions) => {
                let at = self.revision.map_or_else(
                    || "manifests".to_owned(),
                    |revision| format!("manifests at {revision}"),
                );
                let transactions = count(transactions, "transaction");
                writeln!(
                    out,
                    "{DIM}{at}: {}; {requests} to read, {transactions} to write{DIM:#}\n",
                    verdict.counts("in sync")
                )?;
            }
        }
        for (index, change) in plan.changes.iter().enumerate() {
            self.change(out, change, self.reach.get(index).and_then(Option::as_ref))?;
        }
        self.unplanned(out)?;
        let (create, update, delete) = plan.counts();
        let unknown = match verdict.states.unknown {
            0 => String::new(),
            unknown => format!(", {unknown} unknown"),
        };
        writeln!(
            out,
            "{STRONG}{create} to create, {update} to update, {delete} to delete{unknown}{STRONG:#}"
        )
    }
}

impl PlanText<'_> {
    /// What could not be planned, each on a line.
    fn unplanned(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = unplanned(&self.plan.resources, &self.plan.elsewhere);
        for one in all.take(MOST_UNPLANNED) {
            let place = one.place(self.sources);
            let place = place.map_or_else(String::new, |place| format!("   {DIM}{place}{DIM:#}"));
            writeln!(
                out,
                "{BAD}{}{BAD:#} {STRONG}{}{STRONG:#}{place}\n    {}",
                sign(one.obstacle.state),
                plain(&one.resource()),
                plain(&one.words())
            )?;
        }
        match unplanned(&self.plan.resources, &self.plan.elsewhere).count() {
            ..=MOST_UNPLANNED => Ok(()),
            number => writeln!(
                out,
                "… and {} (`--format json` lists all)",
                count(number - MOST_UNPLANNED, "more unknown part")
            ),
        }
    }

    fn change(
        &self,
        out: &mut fmt::Formatter<'_>,
        change: &Change,
        reach: Option<&Reached>,
    ) -> fmt::Result {
        let (symbol, style) = match change.action {
            Action::Create => ("+", GOOD),
            Action::Update => ("~", WARN),
            Action::Delete => ("-", BAD),
        };
        let head = format!("{symbol} {}", change.key);
        let place = change.declared_at.map(|span| {
            let (line, _) = self.sources.line_column(span);
            let path = self.sources.path(span.file);
            format!("{path}:{line}")
        });
        write!(
            out,
            "{style}{symbol}{style:#} {STRONG}{}{STRONG:#}",
            plain(&change.key.to_string())
        )?;
        if let Some(place) = place {
            let gap = PLACE_COLUMN
                .saturating_sub(head.width() + place.width())
                .max(2);
            write!(out, "{:gap$}{DIM}{place}{DIM:#}", "")?;
        }
        if let Some(reach) = reach {
            write!(out, "   {}", reach.agents)?;
        }
        writeln!(out)?;
        let mut previous = "";
        for field in &change.fields {
            self.field(out, change.action, field, field.path == previous)?;
            previous = &field.path;
        }
        if let Some(reach) = reach {
            writeln!(out, "    {DIM}reached: {}{DIM:#}", plain(&reach.how))?;
        }
        if !change.left_to_server.is_empty() {
            writeln!(
                out,
                "    {DIM}left to the server: {}{DIM:#}",
                change.left_to_server.join(", ")
            )?;
        }
        writeln!(out)
    }

    fn field(
        &self,
        out: &mut fmt::Formatter<'_>,
        action: Action,
        field: &FieldChange,
        repeated: bool,
    ) -> fmt::Result {
        let word = if repeated { "" } else { field.path.as_str() };
        let gap = VALUE_COLUMN.saturating_sub(4 + word.width()).max(2);
        write!(out, "    {}", plain(word))?;
        if let Difference::Value { before, after } = &field.difference
            && action != Action::Create
            && (is_long(before) || is_long(after))
        {
            return diff(out, before, after);
        }
        write!(out, "{:gap$}", "")?;
        match &field.difference {
            Difference::Value { after, .. } if action == Action::Create => {
                write!(out, "{}", shown(after))?
            }
            Difference::Value { before, after } => {
                write!(out, "{} {DIM}→{DIM:#} {}", shown(before), shown(after))?
            }
            Difference::Copy { column, after } => {
                write!(
                    out,
                    "{} {DIM}(the second copy in {column} says otherwise){DIM:#}",
                    shown(after)
                )?;
            }
            Difference::Added { member, note } => {
                write!(out, "{GOOD}+{GOOD:#} {}", plain(member))?;
                write_note(out, note.as_deref())?;
            }
            Difference::Removed { member, note } => {
                write!(out, "{BAD}−{BAD:#} {}", plain(member))?;
                write_note(out, note.as_deref())?;
            }
        }
        if self.explain_wire {
            write!(out, "   {DIM}{}{DIM:#}", field.wire)?;
        }
        writeln!(out)
    }
}

fn write_note(out: &mut fmt::Formatter<'_>, note: Option<&str>) -> fmt::Result {
    note.map_or(Ok(()), |note| {
        write!(out, "  {WARN}{}{WARN:#}", plain(note))
    })
}

pub(super) fn is_long(value: &Json) -> bool {
    match value {
        Json::String(text) => text.width() > LONG_TEXT || text.contains('\n'),
        Json::Object(_) | Json::Array(_) => true,
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

/// A long text line by line, a mapping by its paths.
fn diff(out: &mut fmt::Formatter<'_>, before: &Json, after: &Json) -> fmt::Result {
    writeln!(out)?;
    let (old, new) = (lines(before), lines(after));
    let diff = similar::TextDiff::from_lines(&old, &new);
    for change in diff.iter_all_changes() {
        let line = plain(change.value().trim_end_matches('\n'));
        match change.tag() {
            similar::ChangeTag::Delete => writeln!(out, "      {BAD}−{BAD:#} {line}")?,
            similar::ChangeTag::Insert => writeln!(out, "      {GOOD}+{GOOD:#} {line}")?,
            similar::ChangeTag::Equal => writeln!(out, "        {DIM}{line}{DIM:#}")?,
        }
    }
    Ok(())
}

/// A text, or the paths of a mapping, line by line.
pub(super) fn lines(value: &Json) -> String {
    match masked(value) {
        Json::Null => String::new(),
        Json::String(text) => format!("{text}\n"),
        other => {
            let mut paths = Vec::new();
            collect_paths("", &other, &mut paths);
            paths.iter().map(|path| format!("{path}\n")).collect()
        }
    }
}

/// `queues[0]: service`, one line for each leaf, so that a change inside shows as its path.
fn collect_paths(prefix: &str, value: &Json, paths: &mut Vec<String>) {
    match value {
        Json::Object(members) if !members.is_empty() => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            for name in names {
                let path = if prefix.is_empty() {
                    name.clone()
                } else {
                    format!("{prefix}.{name}")
                };
                collect_paths(&path, &members[name.as_str()], paths);
            }
        }
        Json::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                collect_paths(&format!("{prefix}[{index}]"), item, paths);
            }
        }
        leaf => paths.push(format!("{prefix}: {}", shown(leaf))),
    }
}

/// `1 request`, `2 requests`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}
