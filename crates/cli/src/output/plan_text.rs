//! A plan as text: symbol first, only what changes, danger in place, what to do next at the end.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use deskstate_model::SourceMap;
use deskstate_reconcile::plan::{Action, Change, Difference, FieldChange, Plan};
use deskstate_reconcile::reach::Reached;
use serde_json::Value as Json;
use similar::ChangeTag;
use unicode_width::UnicodeWidthStr;

use super::sides::{self, Texts, is_long, sides};
use super::verdict::{Verdict, sign, unplanned};
use super::{plain, shown};
use crate::suggest::suggest;
use crate::ui::{BAD, DIM, GOOD, STRONG, WARN};

/// Where the values of fields begin.
const VALUE_COLUMN: usize = 28;
/// Where the place of a declaration ends.
const PLACE_COLUMN: usize = 88;
/// Parts that could not be planned and that are listed.
const MOST_UNPLANNED: usize = 20;

/// Of more new resources, the fields are counted.
const MOST_CREATES: usize = 30;

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
        if self.folds_creates() {
            let page = ["--env", environment, "--format", "html"];
            let whole = match self.transactions {
                // Nobody plans a comparison of two environments.
                None => String::new(),
                Some(_) => format!(", or see all with {}", suggest("plan", &page)),
            };
            writeln!(
                out,
                "{DIM}Fields are not listed for more than {MOST_CREATES} new resources: select some{whole}{DIM:#}\n"
            )?;
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
                plain(&one.about()),
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
            format!("{}:{line}", plain(path))
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
        if change.action == Action::Create && self.folds_creates() {
            return writeln!(
                out,
                "    {DIM}{}{DIM:#}",
                count(change.fields.len(), "field")
            );
        }
        let mut previous = "";
        let alike = members_alike(&change.fields);
        for field in &change.fields {
            self.field(out, change.action, field, field.path == previous, &alike)?;
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

    /// Whether there are too many new resources to read the fields of each.
    fn folds_creates(&self) -> bool {
        let (create, ..) = self.plan.counts();
        create > MOST_CREATES
    }

    fn field(
        &self,
        out: &mut fmt::Formatter<'_>,
        action: Action,
        field: &FieldChange,
        repeated: bool,
        alike: &BTreeMap<&str, String>,
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
                let (before, after) = sides(before, after);
                write!(out, "{before} {DIM}→{DIM:#} {after}")?
            }
            Difference::Copy { column, after } => {
                write!(
                    out,
                    "{} {DIM}(the second copy in {column} says otherwise){DIM:#}",
                    shown(after)
                )?;
            }
            Difference::Added { member, note } => {
                write!(out, "{GOOD}+{GOOD:#} {}", named(member, alike))?;
                write_note(out, note.as_deref())?;
            }
            Difference::Removed { member, note } => {
                write!(out, "{BAD}−{BAD:#} {}", named(member, alike))?;
                write_note(out, note.as_deref())?;
            }
        }
        if self.explain_wire {
            write!(out, "   {DIM}{}{DIM:#}", field.wire)?;
        }
        writeln!(out)
    }
}

/// The members of sets that look like another one.
pub(crate) fn members_alike(fields: &[FieldChange]) -> BTreeMap<&str, String> {
    sides::alike(fields.iter().filter_map(|field| match &field.difference {
        Difference::Added { member, .. } | Difference::Removed { member, .. } => {
            Some(member.as_str())
        }
        Difference::Value { .. } | Difference::Copy { .. } => None,
    }))
}

/// The texts of each difference of a plan.
pub(crate) fn texts(plan: &Plan) -> impl Iterator<Item = Texts<'_>> {
    plan.changes.iter().flat_map(|change| {
        let mut members = Texts::default();
        let mut found = Vec::new();
        for field in &change.fields {
            match &field.difference {
                Difference::Value { before, after } => {
                    let mut texts = Texts::default();
                    texts.value(before);
                    texts.value(after);
                    found.push(texts);
                }
                Difference::Added { member, .. } | Difference::Removed { member, .. } => {
                    members.text(member);
                }
                Difference::Copy { .. } => {}
            }
        }
        found.push(members);
        found
    })
}

/// A member, told from those that look like it.
pub(crate) fn named(member: &str, alike: &BTreeMap<&str, String>) -> String {
    alike.get(member).cloned().unwrap_or_else(|| plain(member))
}

fn write_note(out: &mut fmt::Formatter<'_>, note: Option<&str>) -> fmt::Result {
    note.map_or(Ok(()), |note| {
        write!(out, "  {WARN}{}{WARN:#}", plain(note))
    })
}

/// A long text line by line, a mapping by its paths.
fn diff(out: &mut fmt::Formatter<'_>, before: &Json, after: &Json) -> fmt::Result {
    writeln!(out)?;
    for (tag, line) in sides::diff(before, after) {
        match tag {
            ChangeTag::Delete => writeln!(out, "      {BAD}−{BAD:#} {line}")?,
            ChangeTag::Insert => writeln!(out, "      {GOOD}+{GOOD:#} {line}")?,
            ChangeTag::Equal => writeln!(out, "        {DIM}{line}{DIM:#}")?,
        }
    }
    Ok(())
}

/// `1 request`, `2 requests`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}
