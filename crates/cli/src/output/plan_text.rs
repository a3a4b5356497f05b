//! A plan as text: symbols first, only changes, dangers next to them, and the next step at the end.

use std::collections::BTreeMap;

use deskstate_model::SourceMap;
use deskstate_reconcile::plan::{
    Action, Change, Difference, FieldChange, Plan, SyncState, repeats,
};
use deskstate_reconcile::reach::Reached;
use deskstate_reconcile::secret::{masked_at, masked_pair};
use serde_json::Value as Json;
use similar::ChangeTag;
use unicode_width::UnicodeWidthStr;

use super::sides::{self, Texts, is_long, sides};
use super::verdict::{Verdict, sign, unplanned};
use super::{count, plain, shown};
use crate::door::Page;
use crate::door::{BAD, DIM, GOOD, STRONG, WARN};
use crate::suggest::suggest;

/// The column in which the values of fields begin.
const VALUE_COLUMN: usize = 28;
/// The column in which the location of a declaration ends.
const PLACE_COLUMN: usize = 88;
/// Maximum number of listed parts that could not be planned.
const MOST_UNPLANNED: usize = 20;

/// If there are more new resources, only their names are listed.
const MOST_CREATES: usize = 30;

/// A plan and its context.
pub(crate) struct PlanText<'a> {
    /// The plan.
    pub(crate) plan: &'a Plan,
    /// The sources of the manifests.
    pub(crate) sources: &'a SourceMap,
    /// Name of the environment.
    pub(crate) environment: &'a str,
    /// Its address.
    pub(crate) address: &'a str,
    /// The git revision of the manifests.
    pub(crate) revision: Option<&'a str>,
    /// Number of transactions of an apply; `None` if the plan cannot be applied.
    pub(crate) transactions: Option<usize>,
    /// The type of plan.
    pub(crate) title: Title,
    /// Whether to show tables and columns next to the words.
    pub(crate) explain_wire: bool,
    /// Agents reached by each change.
    pub(crate) reach: &'a [Option<Reached>],
}

/// Renders new resources of a kind: their number, then all their names.
fn folded(out: &mut Page, kind: &str, names: &[String]) {
    out.line(format_args!(
        "{GOOD}+{GOOD:#} {STRONG}{} {kind}{STRONG:#}",
        names.len()
    ));
    let mut line = String::new();
    for (index, name) in names.iter().enumerate() {
        let comma = if index + 1 < names.len() { "," } else { "" };
        if !line.is_empty() && 5 + line.width() + name.width() + comma.len() > PLACE_COLUMN {
            out.line(format_args!("    {line}"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(name);
        line.push_str(comma);
    }
    out.line(format_args!("    {line}"));
    out.blank();
}

/// The type of a plan, and so what it compares with the live environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Title {
    /// Manifests.
    Plan,
    /// Those that were selected.
    Selection,
    /// An undo file.
    Undo,
    /// Two environments, or an environment and a folder.
    Difference,
}

impl Title {
    /// The word for a heading.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Plan => "Plan",
            Self::Selection => "Plan of a selection",
            Self::Undo => "Undo",
            Self::Difference => "Difference",
        }
    }

    /// What is planned: everything, or a selection.
    pub(crate) fn of_plan(is_selection: bool) -> Self {
        if is_selection {
            Self::Selection
        } else {
            Self::Plan
        }
    }

    /// A line for an environment that needs no changes.
    fn without_changes(self, verdict: Verdict) -> String {
        match (self, verdict.state) {
            (Self::Undo, SyncState::InSync) => format!(
                "is as it was before that apply ({})",
                count(verdict.states.total(), "resource")
            ),
            (Self::Selection, SyncState::InSync) => format!(
                "matches the selected manifests ({}); nothing else was compared",
                count(verdict.states.total(), "resource")
            ),
            (Self::Undo | Self::Selection, SyncState::Different | SyncState::Unknown)
            | (Self::Plan | Self::Difference, _) => verdict.without_changes(),
        }
    }
}

impl PlanText<'_> {
    /// Renders the complete plan.
    pub(crate) fn page(&self) -> Page {
        let mut page = Page::new();
        let out = &mut page;
        if self.plan.is_empty() {
            self.nothing(out);
            self.unplanned(out);
            return page;
        }
        let Self {
            plan,
            environment,
            address,
            title,
            ..
        } = self;
        let verdict = Verdict::of_plan(plan);
        out.line(format_args!(
            "{STRONG}{} for {environment}{STRONG:#} ({address})",
            title.words()
        ));
        let requests = usize::try_from(plan.read_requests).unwrap_or(usize::MAX);
        let requests = count(requests, "request");
        match self.transactions {
            None => out.line(format_args!(
                "{DIM}{}; {requests} to read{DIM:#}",
                verdict.counts(match title {
                    Title::Difference => "alike",
                    Title::Plan | Title::Selection | Title::Undo => "in sync",
                })
            )),
            Some(transactions) => {
                let of = match (title, self.revision) {
                    (Title::Undo, _) => "undo file".to_owned(),
                    (_, None) => "manifests".to_owned(),
                    (_, Some(revision)) => format!("manifests at {revision}"),
                };
                let transactions = count(transactions, "transaction");
                out.line(format_args!(
                    "{DIM}{of}: {}; {requests} to read, {transactions} to write{DIM:#}",
                    verdict.counts("in sync")
                ));
            }
        }
        out.blank();
        let folds = self.folds_creates();
        let mut new: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (index, change) in plan.changes.iter().enumerate() {
            let reach = self.reach.get(index).and_then(Option::as_ref);
            if folds && change.action == Action::Create && reach.is_none() {
                let names = new.entry(change.key.kind.as_str()).or_default();
                names.push(plain(change.key.name.as_written()));
            } else {
                self.change(out, change, reach);
            }
        }
        for (kind, names) in new {
            folded(out, kind, &names);
        }
        if folds {
            let page = ["--env", environment, "--format", "html"];
            let whole = match self.transactions {
                // A comparison of two environments cannot be planned again.
                None => String::new(),
                Some(_) => format!(", or see all with {}", suggest("plan", &page)),
            };
            out.line(format_args!(
                "{DIM}Of more than {MOST_CREATES} new resources only names are listed: select some{whole}{DIM:#}"
            ));
            out.blank();
        }
        self.unplanned(out);
        out.line(format_args!("{STRONG}{}{STRONG:#}", self.total()));
        page
    }

    /// Everything that cannot be planned, and the number of changes: the output with `--quiet`.
    pub(crate) fn summary(&self) -> Page {
        let mut page = Page::new();
        if self.plan.is_empty() {
            self.nothing(&mut page);
        }
        self.unplanned(&mut page);
        if !self.plan.is_empty() {
            page.line(format_args!("{}: {}", self.environment, self.total()));
        }
        page
    }

    /// A line for a plan without changes.
    fn nothing(&self, out: &mut Page) {
        let verdict = Verdict::of_plan(self.plan);
        let style = verdict.style();
        out.line(format_args!(
            "{style}{}{style:#} {}",
            self.environment,
            self.title.without_changes(verdict)
        ));
    }

    /// `1 to create, 2 to update, 0 to delete`.
    fn total(&self) -> String {
        let (create, update, delete) = self.plan.counts();
        let unknown = match Verdict::of_plan(self.plan).states.unknown {
            0 => String::new(),
            unknown => format!(", {unknown} unknown"),
        };
        format!("{create} to create, {update} to update, {delete} to delete{unknown}")
    }
}

impl PlanText<'_> {
    /// Everything that could not be planned, each part on one line.
    fn unplanned(&self, out: &mut Page) {
        let all = unplanned(&self.plan.resources, &self.plan.elsewhere);
        for one in all.take(MOST_UNPLANNED) {
            let place = one.place(self.sources);
            let place = place.map_or_else(String::new, |place| format!("   {DIM}{place}{DIM:#}"));
            out.line(format_args!(
                "{BAD}{}{BAD:#} {STRONG}{}{STRONG:#}{place}",
                sign(one.obstacle.state),
                one.about()
            ));
            out.line(format_args!("    {}", one.words()));
        }
        let all = unplanned(&self.plan.resources, &self.plan.elsewhere).count();
        if let Some(more) = all.checked_sub(MOST_UNPLANNED + 1) {
            out.line(format_args!(
                "… and {} (`--format json` lists all)",
                count(more + 1, "more unknown part")
            ));
        }
    }

    fn change(&self, out: &mut Page, change: &Change, reach: Option<&Reached>) {
        let (symbol, style) = match change.action {
            Action::Create => ("+", GOOD),
            Action::Update => ("~", WARN),
            Action::Delete => ("-", BAD),
        };
        let key = plain(&change.key.to_string());
        let place = change.declared_at.map(|span| {
            let (line, _) = self.sources.line_column(span);
            format!("{}:{line}", plain(self.sources.path(span.file)))
        });
        let place = place.map_or_else(String::new, |place| {
            let gap = PLACE_COLUMN
                .saturating_sub(2 + key.width() + place.width())
                .max(2);
            format!("{:gap$}{DIM}{place}{DIM:#}", "")
        });
        let reached = reach.map_or_else(String::new, |reach| format!("   {}", reach.agents));
        out.line(format_args!(
            "{style}{symbol}{style:#} {STRONG}{key}{STRONG:#}{place}{reached}"
        ));
        let mut previous = "";
        let fields = told(&change.fields);
        let alike = members_alike(&fields);
        for field in &fields {
            self.field(out, change.action, field, field.path == previous, &alike);
            previous = &field.path;
        }
        if let Some(reach) = reach {
            out.line(format_args!("    {DIM}reached: {}{DIM:#}", reach.how));
        }
        if !change.left_to_server.is_empty() {
            out.line(format_args!(
                "    {DIM}left to the server: {}{DIM:#}",
                change.left_to_server.join(", ")
            ));
        }
        out.blank();
    }

    /// Whether there are too many new resources to show the fields of each.
    fn folds_creates(&self) -> bool {
        let (create, ..) = self.plan.counts();
        create > MOST_CREATES
    }

    fn field(
        &self,
        out: &mut Page,
        action: Action,
        field: &FieldChange,
        repeated: bool,
        alike: &BTreeMap<&str, String>,
    ) {
        let word = if repeated { "" } else { field.path.as_str() };
        if let Difference::Value { before, after } = &field.difference
            && action != Action::Create
            && (is_long(before) || is_long(after))
        {
            out.line(format_args!("    {word}"));
            return diff(out, before, after);
        }
        let gap = VALUE_COLUMN.saturating_sub(4 + word.width()).max(2);
        let what = match &field.difference {
            Difference::Value { after, .. } if action == Action::Create => shown(after),
            Difference::Value { before, after } => {
                let (before, after) = sides(before, after);
                format!("{before} {DIM}→{DIM:#} {after}")
            }
            Difference::Copy { column, after } => format!(
                "{} {DIM}(the second copy in {column} differs){DIM:#}",
                shown(after)
            ),
            Difference::Added { member, note } => format!(
                "{GOOD}+{GOOD:#} {}{}",
                named(member, alike),
                shown_note(note.as_deref())
            ),
            Difference::Removed { member, note } => format!(
                "{BAD}−{BAD:#} {}{}",
                named(member, alike),
                shown_note(note.as_deref())
            ),
        };
        let wire = if self.explain_wire {
            format!("   {DIM}{}{DIM:#}", field.wire)
        } else {
            String::new()
        };
        out.line(format_args!("    {word}{:gap$}{what}{wire}", ""));
    }
}

/// Fields in a form for people: lists of names member by member, and the copy of values only where these are in sync.
pub(crate) fn told(fields: &[FieldChange]) -> Vec<FieldChange> {
    let is_copy = |field: &FieldChange| matches!(field.difference, Difference::Copy { .. });
    let is_repetition = |copy: &FieldChange| {
        let values = fields.iter().filter(|field| !is_copy(field));
        is_copy(copy)
            && values
                .into_iter()
                .any(|field| repeats(&copy.path, &field.path))
    };
    let told = fields
        .iter()
        .filter(|field| !is_repetition(field))
        .flat_map(|field| {
            let differences = told_difference(&field.path, &field.difference);
            differences.into_iter().map(|difference| FieldChange {
                difference,
                ..field.clone()
            })
        });
    told.collect()
}

/// One difference in a form for people. A value whose path names a secret is masked.
pub(crate) fn told_difference(path: &str, difference: &Difference) -> Vec<Difference> {
    match difference {
        Difference::Value { before, after } => {
            if let Some((before, after)) = masked_pair(path, before, after) {
                return vec![Difference::Value { before, after }];
            }
        }
        Difference::Copy { column, after } => {
            let after = masked_at(path, after);
            return vec![Difference::Copy { column, after }];
        }
        Difference::Added { .. } | Difference::Removed { .. } => {}
    }
    let members = match difference {
        Difference::Value { before, after } => sides::members(before, after),
        Difference::Copy { .. } | Difference::Added { .. } | Difference::Removed { .. } => None,
    };
    let Some(members) = members else {
        return vec![difference.clone()];
    };
    let told = members.into_iter().map(|(tag, member)| match tag {
        ChangeTag::Delete => Difference::Removed { member, note: None },
        ChangeTag::Insert | ChangeTag::Equal => Difference::Added { member, note: None },
    });
    told.collect()
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

/// A member, in a form distinguishable from similar ones.
pub(crate) fn named(member: &str, alike: &BTreeMap<&str, String>) -> String {
    alike.get(member).cloned().unwrap_or_else(|| plain(member))
}

fn shown_note(note: Option<&str>) -> String {
    note.map_or_else(String::new, |note| {
        format!("  {WARN}{}{WARN:#}", plain(note))
    })
}

/// Renders the diff of a long text line by line, or of a mapping by its paths.
fn diff(out: &mut Page, before: &Json, after: &Json) {
    for (tag, line) in sides::diff(before, after) {
        match tag {
            ChangeTag::Delete => out.line(format_args!("      {BAD}−{BAD:#} {line}")),
            ChangeTag::Insert => out.line(format_args!("      {GOOD}+{GOOD:#} {line}")),
            ChangeTag::Equal => out.line(format_args!("        {DIM}{line}{DIM:#}")),
        }
    }
}
