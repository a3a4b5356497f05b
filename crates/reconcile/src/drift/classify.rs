//! Classifies differences and states the evidence.
//!
//! The revision that was last applied takes precedence: if the live environment still matches that revision, the manifests have changed
//! since. Auditing comes next: if the declared value was present before an edit, somebody changed it after it was applied. An edit of the
//! account that runs deskstate may be an apply of another revision. Then comes the writer, whom auditing knows for each column and link, and the row
//! only as a whole. Otherwise the class is unknown.

use std::collections::BTreeMap;

use deskstate_dataverse::{Cell, Row};
use deskstate_model::{Field, Kind, State, Table};
use uuid::Uuid;

use super::{Class, Difference, Input, Shift};
use crate::blame::{Audit, Nature, Recorded, What, Writer};
use crate::live::ObservedRow;
use crate::lookup::Match;
use crate::plan::{self, Action, Change, FieldChange, Operation, RowTarget};
use crate::state::{DeclaredResource, RowKey, fold};
use crate::value::{self, Resolved};

/// A class with its evidence.
pub(super) struct Verdict {
    pub(super) class: Class,
    pub(super) evidence: String,
    pub(super) who: Option<String>,
    pub(super) when: Option<String>,
}

impl Verdict {
    fn new(class: Class, evidence: impl Into<String>) -> Self {
        Self {
            class,
            evidence: evidence.into(),
            who: None,
            when: None,
        }
    }

    fn by(mut self, who: &Author, when: Option<&str>) -> Self {
        self.who = Some(who.writer.name.clone());
        self.when = when.map(str::to_owned);
        self
    }
}

/// Who wrote, and in whose name if that is another user.
struct Author {
    writer: Writer,
    in_the_name_of: Option<Writer>,
}

impl Author {
    fn of(input: &Input<'_>, recorded: &Recorded) -> Self {
        Self {
            writer: input.blame.writer(recorded.by),
            in_the_name_of: recorded.in_the_name_of.map(|id| input.blame.writer(id)),
        }
    }
}

/// Classifies one field of a resource that exists.
pub(super) fn field(input: &Input<'_>, change: &Change, field: &FieldChange) -> Verdict {
    let row = written_row(input, change, field);
    let read_name = read_name(change, field);
    let link = link_member(input, change, field);
    let newest = row.and_then(|row| match link {
        Some((relationship, member, _)) => input.blame.newest(row, |what| {
            matches!(what, What::Linked { relationship: of, members, .. }
                if of == relationship && members.contains(&member))
        }),
        None => input.blame.newest(row, |what| writes(what, &read_name)),
    });
    // Auditing lags, so its newest record may be older than what made the difference.
    let recorded = newest.filter(|recorded| match (&recorded.what, link) {
        (What::Linked { made, .. }, Some((_, _, wanted))) => *made == wanted,
        _ => made_live(input, field, row, &read_name, recorded),
    });
    let lags = newest.is_some() && recorded.is_none();
    if let Some(verdict) = by_revision(input, change, field) {
        return match recorded {
            Some(recorded) => verdict.by(&Author::of(input, recorded), Some(&recorded.at)),
            None => verdict,
        };
    }
    if let Some(recorded) = recorded {
        return match (&recorded.what, row) {
            // A link that was removed existed before, and one that was added did not.
            (What::Linked { made, .. }, _) => {
                let by = Author::of(input, recorded);
                let done = if *made { "added" } else { "removed" };
                // Nothing tells who was in a team when deskstate wrote the links of its members.
                if by.writer.is_caller && is_of_teams(input, change, field) {
                    let evidence = format!(
                        "auditing recorded that {} {done} it, the account that deskstate uses: the members of the team may have changed since",
                        described(&by)
                    );
                    return Verdict::new(Class::Unknown, evidence).by(&by, Some(&recorded.at));
                }
                Verdict {
                    evidence: format!(
                        "auditing recorded that {} {done} it{}",
                        described(&by),
                        own(input, &by.writer)
                    ),
                    ..after_declared(input, recorded, recorded)
                }
            }
            (_, Some(row)) => by_history(input, change, field, row, recorded),
            (_, None) => by_record(input, recorded, false),
        };
    }
    let is_link = field.wire.split_once('.').is_none();
    if let Some((part, is_there)) = part_row(change, field).filter(|_| is_link && link.is_none()) {
        return whole_part(input, part, is_there);
    }
    if is_link {
        let why = match lags {
            true => "the audit records of this row do not explain the link".to_owned(),
            false => no_record(input, row, "who made or removed a link"),
        };
        return Verdict::new(Class::Unknown, why);
    }
    let row =
        written_row(input, change, field).and_then(|id| input.live.row(wire_column(field).1?, id));
    by_last_writer(input, row, lags)
}

/// Whether the members of teams belong to a set.
fn is_of_teams(input: &Input<'_>, change: &Change, field: &FieldChange) -> bool {
    let resource = input.desired.resources.get(&change.key);
    let mut sets = resource.into_iter().flat_map(|resource| &resource.sets);
    sets.any(|set| set.field.word == field.path && !set.from_teams.is_empty())
}

/// The row of a part that a change makes or deletes, and whether it is there.
fn part_row(change: &Change, field: &FieldChange) -> Option<(RowTarget, bool)> {
    let (member, is_there) = match &field.difference {
        plan::Difference::Added { member, .. } => (member, false),
        plan::Difference::Removed { member, .. } => (member, true),
        plan::Difference::Value { .. } | plan::Difference::Copy { .. } => return None,
    };
    let rows = change
        .operations
        .iter()
        .filter_map(|operation| match operation {
            Operation::Create { row, .. } if !is_there => Some(row),
            Operation::Delete { row, .. } if is_there => Some(row),
            _ => None,
        });
    let rows: Vec<&RowTarget> = rows
        .filter(|row| row.table.logical == field.wire && row.id != change.id)
        .collect();
    let named = |row: &&&RowTarget| fold(&row.label) == fold(member);
    let row = match rows.as_slice() {
        [row] => Some(row),
        rows => rows.iter().find(named),
    };
    row.map(|row| ((*row).clone(), is_there))
}

/// Classifies a part that is missing, or that nobody declares.
fn whole_part(input: &Input<'_>, part: RowTarget, is_there: bool) -> Verdict {
    let newest = |which: fn(&What) -> bool| input.blame.newest(part.id, which);
    if is_there {
        let made = newest(|what| matches!(what, What::Created(_) | What::Wrote(_)));
        return match made {
            Some(recorded) => by_record(input, recorded, false),
            None => by_last_writer(input, input.live.row(part.table, part.id), false),
        };
    }
    match newest(|what| matches!(what, What::Deleted | What::Created(_))) {
        Some(deleted) if deleted.what == What::Deleted => deletion(input, deleted),
        _ => Verdict::new(
            Class::Unknown,
            "it was never applied, or somebody deleted it",
        ),
    }
}

/// Classifies what a recorded deletion took away.
fn deletion(input: &Input<'_>, deleted: &Recorded) -> Verdict {
    let by = Author::of(input, deleted);
    Verdict {
        evidence: format!(
            "auditing recorded the deletion by {}{}",
            described(&by),
            own(input, &by.writer)
        ),
        ..after_declared(input, deleted, deleted)
    }
}

/// A remark about the account that runs deskstate, unless the revision that was last applied shows that the edit came later.
fn own(input: &Input<'_>, writer: &Writer) -> &'static str {
    match (writer.nature, writer.is_caller, &input.applied) {
        (Nature::Person, true, None) => {
            ", the account that deskstate uses: a manual edit or an apply"
        }
        _ => "",
    }
}

/// Whether a record explains the live value of a column. Auditing cuts long texts, and marks them with three dots.
fn made_live(
    input: &Input<'_>,
    field: &FieldChange,
    row: Option<Uuid>,
    read_name: &str,
    recorded: &Recorded,
) -> bool {
    let live = row.and_then(|row| input.live.row(wire_column(field).1?, row));
    let (Some(after), Some(live)) = (recorded.after.get(read_name), live) else {
        return true;
    };
    let live = live.row.get(read_name);
    match (after, live) {
        (Cell::Text(after), Cell::Text(live)) => {
            let cut = after.strip_suffix("...").or(after.strip_suffix('…'));
            let same_id = || Some(Uuid::parse_str(after).ok()? == Uuid::parse_str(live).ok()?);
            after == live
                || cut.is_some_and(|start| live.starts_with(start))
                || same_id() == Some(true)
        }
        (Cell::Text(text), Cell::Null) | (Cell::Null, Cell::Text(text)) => text.is_empty(),
        (Cell::Null, _) | (_, Cell::Null) => after == live,
        // Values of different types cannot be compared, so the record stands.
        (after, live) => {
            after == live || std::mem::discriminant(after) != std::mem::discriminant(live)
        }
    }
}

/// Classifies a row that is missing or should not exist.
pub(super) fn whole_row(input: &Input<'_>, change: &Change) -> Difference {
    let mut verdict = match change.action {
        Action::Create => missing(input, change),
        Action::Update | Action::Delete => unwanted(input, change),
    };
    if verdict.evidence.is_empty() {
        verdict.evidence = "nothing tells".to_owned();
    }
    Difference {
        path: String::new(),
        shift: Shift::Row,
        class: verdict.class,
        evidence: verdict.evidence,
        who: verdict.who,
        when: verdict.when,
        breaks: Vec::new(),
        span: change.declared_at,
        wire: change.key.kind.table().logical.to_owned(),
    }
}

fn missing(input: &Input<'_>, change: &Change) -> Verdict {
    let newest = input.blame.newest(change.id, |what| {
        matches!(what, What::Deleted | What::Created(_))
    });
    if let Some(deleted) = newest.filter(|newest| newest.what == What::Deleted) {
        return deletion(input, deleted);
    }
    match &input.applied {
        Some(applied) if !applied.desired.resources.contains_key(&change.key) => Verdict::new(
            Class::NotApplied,
            format!("{} does not declare it", applied.revision),
        ),
        Some(applied) if applied.desired.resources[&change.key].state == State::Absent => {
            Verdict::new(
                Class::NotApplied,
                format!("{} declares it absent", applied.revision),
            )
        }
        Some(applied) => Verdict::new(
            Class::EditedByHand,
            format!(
                "{} declares it, so it was there and was deleted",
                applied.revision
            ),
        ),
        None => Verdict::new(
            Class::Unknown,
            "it was never applied, or somebody deleted it; pass `--at REF` to find out",
        ),
    }
}

fn unwanted(input: &Input<'_>, change: &Change) -> Verdict {
    if let Some(applied) = &input.applied {
        let was_absent = !applied
            .plan
            .changes
            .iter()
            .all(|other| other.key != change.key || other.action != Action::Delete);
        if !was_absent {
            return Verdict::new(
                Class::NotApplied,
                format!("{} does not declare it absent", applied.revision),
            );
        }
        return Verdict::new(
            Class::EditedByHand,
            format!(
                "{} declares it absent too, so it came back",
                applied.revision
            ),
        );
    }
    Verdict::new(
        Class::Unknown,
        "it was never removed, or it came back; pass `--at REF` to find out",
    )
}

/// Classifies a field by the last applied revision.
fn by_revision(input: &Input<'_>, change: &Change, field: &FieldChange) -> Option<Verdict> {
    let applied = input.applied.as_ref()?;
    let Some(resource) = applied.desired.resources.get(&change.key) else {
        return Some(Verdict::new(
            Class::NotApplied,
            format!("{} does not declare this resource", applied.revision),
        ));
    };
    let differs = applied
        .plan
        .changes
        .iter()
        .filter(|other| other.key == change.key)
        .flat_map(|other| &other.fields)
        .any(|other| same_place(other, field));
    // What could not be compared with the revision shows nothing.
    let word = field.path.split('.').next().unwrap_or(&field.path);
    let unclear = applied
        .plan
        .resources
        .iter()
        .filter(|judged| judged.key == change.key)
        .flat_map(|judged| &judged.obstacles)
        .any(|obstacle| obstacle.path.is_empty() || obstacle.path.split('.').next() == Some(word));
    if differs || unclear {
        return None;
    }
    let why = if declares(resource, &field.path) {
        format!("live is as {} says", applied.revision)
    } else {
        format!("{} says nothing about this field", applied.revision)
    };
    Some(Verdict::new(Class::NotApplied, why))
}

/// Whether both are about the same field or, for a set, the same member on the same side.
fn same_place(left: &FieldChange, right: &FieldChange) -> bool {
    use plan::Difference as D;
    left.path == right.path
        && match (&left.difference, &right.difference) {
            (D::Added { member: left, .. }, D::Added { member: right, .. })
            | (D::Removed { member: left, .. }, D::Removed { member: right, .. }) => {
                fold(left) == fold(right)
            }
            (D::Added { .. } | D::Removed { .. }, _) | (_, D::Added { .. } | D::Removed { .. }) => {
                false
            }
            _ => true,
        }
}

fn declares(resource: &DeclaredResource, path: &str) -> bool {
    let word = path.split('.').next().unwrap_or(path);
    resource
        .row
        .columns
        .iter()
        .any(|column| column.field.word == word)
        || resource.sets.iter().any(|set| set.field.word == word)
        || resource
            .part_lists
            .iter()
            .any(|list| list.field.word == word)
}

/// Whether a recorded change wrote a column.
fn writes(what: &What, read_name: &str) -> bool {
    match what {
        What::Wrote(before) => before.contains_key(read_name),
        What::Created(columns) => columns.contains(read_name),
        What::Linked { .. } | What::Deleted => false,
    }
}

/// Looks for an edit before which the declared value was present, newest first.
fn by_history(
    input: &Input<'_>,
    change: &Change,
    field: &FieldChange,
    row: Uuid,
    newest: &Recorded,
) -> Verdict {
    let Some((definition, declared)) = declared_value(input, change, field) else {
        return by_record(input, newest, false);
    };
    let read_name = definition.read_name();
    let mut columns = vec![&*read_name];
    columns.extend(definition.mirror.as_ref().map(|mirror| mirror.column));
    let live = wire_column(field)
        .1
        .and_then(|table| input.live.row(table, row));
    let mut cells: BTreeMap<&str, Cell> = columns
        .iter()
        .map(|column| {
            let cell = live.map_or(Cell::Null, |live| live.row.get(column).clone());
            (*column, cell)
        })
        .collect();
    for recorded in input.blame.history.get(&row).into_iter().flatten() {
        let What::Wrote(before) = &recorded.what else {
            continue;
        };
        let mut touched = false;
        for (column, cell) in &mut cells {
            if let Some(old) = before.get(*column) {
                *cell = old.clone();
                touched = true;
            }
        }
        let was = Row::from_cells(cells.iter().map(|(name, cell)| (*name, cell.clone())), None);
        if touched && value::holds(definition, &declared, &was) {
            return after_declared(input, recorded, newest);
        }
    }
    by_record(input, newest, true)
}

/// Applies of a build and updates of the product both come from applications.
const ANY_APPLICATION: &str = ": an apply, another program or a product update";

/// Classifies a field that had the declared value until `edit`. The newest edit may be a different one.
fn after_declared(input: &Input<'_>, edit: &Recorded, newest: &Recorded) -> Verdict {
    let (first, last) = (Author::of(input, edit), Author::of(input, newest));
    let class = match last.writer.nature {
        // A later revision may have been applied since, by the same person.
        Nature::Person if !own(input, &last.writer).is_empty() => Class::Unknown,
        Nature::Person => Class::EditedByHand,
        Nature::Platform => Class::ProductUpdate,
        // An earlier revision may have been applied since, also by another application than the caller.
        Nature::Application | Nature::Unknown => Class::Unknown,
    };
    let since = if edit == newest {
        String::new()
    } else {
        format!(", and {} changed it since", described(&last))
    };
    let evidence = format!(
        "the declared value was there until {} changed it{since}{}",
        described(&first),
        own(input, &last.writer)
    );
    Verdict::new(class, evidence).by(&last, Some(&newest.at))
}

/// Classifies by the writer that auditing recorded. `never_declared` states that none of the recorded edits replaced the declared value.
fn by_record(input: &Input<'_>, recorded: &Recorded, never_declared: bool) -> Verdict {
    let author = Author::of(input, recorded);
    let (class, note) = match (author.writer.nature, author.writer.is_caller) {
        (Nature::Person, false) => (Class::EditedByHand, ""),
        (Nature::Person, true) => (
            Class::Unknown,
            ", the account that deskstate uses: a manual edit or an apply",
        ),
        (Nature::Application, true) if never_declared => (
            Class::NotApplied,
            ", the identity that deskstate uses, and no record has the declared value",
        ),
        (Nature::Application, true) => (Class::Unknown, ", the identity that deskstate uses"),
        (Nature::Application, false) => (Class::Unknown, ANY_APPLICATION),
        (Nature::Platform, _) => (Class::ProductUpdate, ""),
        (Nature::Unknown, _) => (Class::Unknown, ""),
    };
    let evidence = format!("the audit log shows {}{note}", described(&author));
    Verdict::new(class, evidence).by(&author, Some(&recorded.at))
}

fn by_last_writer(input: &Input<'_>, row: Option<&ObservedRow>, lags: bool) -> Verdict {
    let Some(row) = row else {
        return Verdict::new(
            Class::Unknown,
            "the row that would hold it was never made, or is gone",
        );
    };
    let Some((writer, in_the_name_of)) = input.blame.last_writer(row) else {
        return Verdict::new(
            Class::Unknown,
            no_record(input, Some(row.id), "the last writer"),
        );
    };
    let author = Author {
        writer,
        in_the_name_of,
    };
    let writer = &author.writer;
    if row.is_managed() && writer.nature == Nature::Unknown {
        return Verdict::new(
            Class::ProductUpdate,
            "the row came with a managed solution, and its last writer is unknown",
        )
        .by(&author, row.modified_on());
    }
    let (class, note) = match (writer.nature, writer.is_caller) {
        (Nature::Person, false) => (Class::EditedByHand, ", though maybe of another field"),
        (Nature::Person, true) => (
            Class::Unknown,
            ", the account that deskstate uses: a manual edit or an apply",
        ),
        (Nature::Application, true) => (
            Class::NotApplied,
            ", the identity that deskstate uses, though maybe of another field",
        ),
        (Nature::Application, false) if row.is_managed() => (Class::ProductUpdate, ""),
        (Nature::Application, false) => (Class::Unknown, ANY_APPLICATION),
        (Nature::Platform, _) => (Class::ProductUpdate, ""),
        (Nature::Unknown, _) => (Class::Unknown, ""),
    };
    let evidence = format!(
        "{} last wrote the row{note}{}",
        described(&author),
        if lags {
            "; auditing has not recorded it yet"
        } else {
            audit_note(input, row.id)
        }
    );
    Verdict::new(class, evidence).by(&author, row.modified_on())
}

/// Describes an author for people.
fn described(author: &Author) -> String {
    let writer = &author.writer;
    let own = match writer.nature {
        Nature::Platform => format!("the platform ({})", writer.name),
        Nature::Application => format!("the application user {}", writer.name),
        Nature::Person => writer.name.clone(),
        Nature::Unknown => format!("an unreadable user ({})", writer.id),
    };
    match &author.in_the_name_of {
        Some(other) => format!("{own} (in the name of {})", other.name),
        None => own,
    }
}

fn audit_note(input: &Input<'_>, row: Uuid) -> &'static str {
    match input.blame.audit {
        Audit::On if input.blame.hidden.contains(&row) => {
            "; audit records of this row cannot be read"
        }
        Audit::On => "; auditing has no record of the column",
        Audit::Off => "; auditing is off",
        Audit::Refused(_) => "; audit records cannot be read",
    }
}

fn no_record(input: &Input<'_>, row: Option<Uuid>, what: &str) -> String {
    let is_hidden = row.is_some_and(|row| input.blame.hidden.contains(&row));
    match &input.blame.audit {
        Audit::On if is_hidden => {
            format!("audit records of this row cannot be read, and nothing else shows {what}")
        }
        Audit::On => format!("auditing has no record of {what}"),
        Audit::Off => format!("auditing is off, and nothing else shows {what}"),
        Audit::Refused(_) => format!("audit records cannot be read, and nothing else shows {what}"),
    }
}

/// Column and table of a change. For a relationship, its name without a table.
fn wire_column(field: &FieldChange) -> (&str, Option<&'static Table>) {
    match field.wire.split_once('.') {
        Some((table, column)) => (column, table_named(table)),
        None => (field.wire.as_str(), None),
    }
}

/// The name under which the column of a change is read.
fn read_name(change: &Change, field: &FieldChange) -> String {
    let (column, table) = wire_column(field);
    let mut fields: Vec<&'static Field> = change.key.kind.fields().iter().collect();
    if let Some(part) = Kind::part_tables().find(|part| Some(part.table) == table) {
        fields = part.fields.iter().collect();
    }
    let definition = fields.into_iter().find(|field| field.column == column);
    definition.map_or_else(|| column.to_owned(), |field| field.read_name().into_owned())
}

/// The field of a change and its declared value, if earlier values can be compared with it. Copies are excluded, since they repeat the
/// values of parts.
fn declared_value(
    input: &Input<'_>,
    change: &Change,
    field: &FieldChange,
) -> Option<(&'static Field, Resolved)> {
    let resource = input.desired.resources.get(&change.key)?;
    let rows = std::iter::once(&resource.row).chain(&resource.parts);
    let mut columns = rows.flat_map(|row| row.columns.iter().map(move |column| (row, column)));
    let (_, column) =
        columns.find(|(row, column)| plan::path(&row.path, column.field) == field.path)?;
    if plan::is_copy(column.field) {
        return None;
    }
    let find = &mut |key: &RowKey| match input.live.find(key) {
        Match::One(id) => Some(("", id)),
        _ => None,
    };
    let resolved = value::resolve(&column.value, find).ok()?;
    Some((column.field, resolved))
}

fn table_named(logical: &str) -> Option<&'static Table> {
    Kind::all()
        .map(|kind| kind.table())
        .chain(Kind::part_tables().map(|part| part.table))
        .find(|table| table.logical == logical)
}

/// The row whose history includes the field: the part's row for a column of a part, otherwise the resource's own row.
fn written_row(input: &Input<'_>, change: &Change, field: &FieldChange) -> Option<Uuid> {
    let own = change.key.kind.table();
    let table = wire_column(field).1.unwrap_or(own);
    if table == own {
        return Some(change.id);
    }
    let resource = input.desired.resources.get(&change.key)?;
    let part = resource.parts.iter().find(|part| {
        part.key.table() == Some(table)
            && (field.path == part.path
                || field
                    .path
                    .strip_prefix(part.path.as_str())
                    .is_some_and(|rest| rest.starts_with('.')))
    })?;
    match input.live.find(&part.key) {
        Match::One(id) => Some(id),
        _ => None,
    }
}

/// The relationship, the member, and whether the drift is that the link was added.
fn link_member<'a>(
    input: &Input<'_>,
    change: &'a Change,
    field: &FieldChange,
) -> Option<(&'a str, Uuid, bool)> {
    change.operations.iter().find_map(|operation| {
        // A link that the plan adds was removed, and vice versa.
        let (relationship, member, made) = match operation {
            Operation::Link {
                relationship,
                member,
                ..
            } => (relationship, *member, false),
            Operation::Unlink {
                relationship,
                owner,
                member,
            } if *owner == change.id => (relationship, *member, true),
            _ => return None,
        };
        let named = match &field.difference {
            plan::Difference::Added { member: name, .. } if !made => name,
            plan::Difference::Removed { member: name, .. } if made => name,
            plan::Difference::Value { .. } if relationship.schema_name == field.wire => {
                return Some((relationship.schema_name, member, made));
            }
            _ => return None,
        };
        let label = input.live.label(relationship.member, member);
        (relationship.schema_name == field.wire && fold(&label) == fold(named)).then_some((
            relationship.schema_name,
            member,
            made,
        ))
    })
}
