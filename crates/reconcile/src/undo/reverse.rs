//! Computes the changes that undo an apply.

mod links;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

use deskstate_dataverse::Row;
use deskstate_model::{
    Diagnostic, Explanation, Field, Kind, ResourceKey, Table, UniqueName, lookup_read_name, tables,
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{Recorded, SavedLink, UndoFile, name};
use crate::columns::{self};
use crate::live::{Access, Live};
use crate::plan::defined::unfit;
use crate::plan::{
    Action, Change, Difference, Elsewhere, FieldChange, Guard, Judged, Obstacle, Operation, Plan,
    Planned, Reason, RowTarget, Seen, SyncState, keep, sort_changes, unseen_undo,
};
use crate::state::fold;
use crate::value::show_live;

pub(crate) const UNDO_CHANGED: Explanation = Explanation::new(
    "undo-changed",
    "Somebody changed a row after the apply that you undo.",
    "Restoring it would overwrite that change.",
    "If a later apply changed the row, undo that one first: undo files go from the newest to the oldest. Otherwise look at it with `deskstate drift --env NAME`, and change it with manifests.",
);

/// What helps where a later apply, or somebody, deleted what the undo needs.
const UNDO_LATER_FIRST: &str = "if a later apply deleted it, undo that one first; otherwise, keep what there is, and change it with manifests";

pub(crate) const UNDO_ELSEWHERE: Explanation = Explanation::new(
    "undo-elsewhere",
    "The undo file belongs to another organization.",
    "It identifies rows by their ids, and contains their values there.",
    "Choose the right environment with `--env`, or the file that belongs to this one.",
);

pub(crate) const UNDO_LINK: Explanation = Explanation::new(
    "undo-link",
    "A link, a reference or a part cannot be restored, because a row that it needs was deleted after the apply.",
    "Everything else is restored.",
    "If you need the link, declare the missing row. Otherwise do nothing.",
);

/// Computes the changes that restore the state before the apply. Anything that is already in that state needs no change.
///
/// The diagnostics report rows that somebody has changed since, and values that cannot be restored. Such a change is left out.
#[tracing::instrument(level = "info", skip_all, name = "undo", fields(changes = file.changes.len()))]
pub fn plan(file: &UndoFile, live: &Live) -> Planned {
    reverse(file, live, BTreeSet::new())
}

/// Computes the rest of an undo that is being executed. Rows that its plan writes are restored whatever their current values, since this
/// undo may have changed them. If the environment rewrites the parts of such a row, the same applies to those parts, and they are deleted
/// if the apply created them.
pub fn rest(file: &UndoFile, plan: &Plan, live: &Live, server_rewrites_parts: bool) -> Planned {
    let operations = plan.changes.iter().flat_map(|change| &change.operations);
    let own = operations.filter_map(|operation| match operation {
        Operation::Create { row, .. } | Operation::Update { row, .. } => Some(row.id),
        Operation::Delete { .. } | Operation::Link { .. } | Operation::Unlink { .. } => None,
    });
    let mut own: BTreeSet<Uuid> = own.collect();
    if server_rewrites_parts {
        let parts = Kind::part_tables().filter(|part| part.server_adds);
        let rewritten: Vec<Uuid> = parts
            .flat_map(|part| {
                let rows = live.table(part.table);
                own.iter().flat_map(move |id| rows.children(part, *id))
            })
            .map(|row| row.id)
            .collect();
        own.extend(rewritten);
    }
    reverse(file, live, own)
}

fn reverse(file: &UndoFile, live: &Live, own: BTreeSet<Uuid>) -> Planned {
    let completed = completed(file);
    let file = &with_links_under_their_owners(file, live);
    let mut undoing = Undoing {
        completed,
        live,
        own,
        diagnostics: Vec::new(),
        going: going(file, live),
        linked: file
            .changes
            .iter()
            .flat_map(|change| &change.linked)
            .collect(),
        left: file
            .changes
            .iter()
            .flat_map(|change| &change.unlinked)
            .collect(),
        coming: file
            .changes
            .iter()
            .flat_map(|change| &change.deleted)
            .map(|row| (row.id, name(row)))
            .collect(),
        apps: apps(file),
    };
    if file.organization != live.facts.organization {
        undoing.diagnostics.push(Diagnostic::error(
            UNDO_ELSEWHERE.code,
            "the undo file belongs to another organization",
        ));
    }
    let mut changes = Vec::new();
    let mut resources = Vec::new();
    let mut elsewhere = Vec::new();
    for recorded in &file.changes {
        let said = undoing.diagnostics.len();
        let key = undoing.key(recorded);
        let change = key
            .as_ref()
            .and_then(|key| undoing.change(recorded, key.clone()));
        let obstacles: Vec<Obstacle> = undoing.diagnostics[said..].iter().map(obstacle).collect();
        match key {
            Some(key) => resources.push(Judged::new(key, None, change.is_some(), obstacles)),
            None => elsewhere.extend(obstacles.into_iter().map(|obstacle| Elsewhere {
                about: format!("{} {}", recorded.kind, recorded.name),
                obstacle,
            })),
        }
        changes.extend(change);
    }
    sort_changes(&mut changes);
    keep(&mut changes, live);
    let plan = Plan {
        organization: live.facts.organization,
        resources,
        elsewhere,
        changes,
        read_requests: live.requests,
    };
    (plan, undoing.diagnostics)
}

/// Links that the change of a profile removed from other profiles, and whose users it did not add.
fn completed(file: &UndoFile) -> BTreeSet<SavedLink> {
    let of_change = |change: &Recorded| {
        let is_completed = |link: &&SavedLink| {
            let mut added = change.linked.iter();
            link.relationship == tables::PROFILE_USERS.schema_name
                && link.owner != change.id
                && !added.any(|one| one.owner == change.id && one.member == link.member)
        };
        let links: Vec<SavedLink> = change
            .unlinked
            .iter()
            .filter(is_completed)
            .cloned()
            .collect();
        links
    };
    file.changes.iter().flat_map(of_change).collect()
}

/// A user who moves leaves another profile, and the file has that link under the profile that the user moved to. Here each link is under its own
/// profile, as people read it and as review counts the members that remain.
fn with_links_under_their_owners(file: &UndoFile, live: &Live) -> UndoFile {
    let mut file = file.clone();
    let restored: BTreeSet<Uuid> = file.changes.iter().map(|change| change.id).collect();
    let mut strayed: BTreeMap<Uuid, [Vec<SavedLink>; 2]> = BTreeMap::new();
    for recorded in &mut file.changes {
        let own = recorded.id;
        let strays = |link: &mut SavedLink| {
            link.relationship == tables::PROFILE_USERS.schema_name
                && link.owner != own
                && (restored.contains(&link.owner)
                    || live.row(&tables::PROFILE, link.owner).is_some())
        };
        let sides = [&mut recorded.linked, &mut recorded.unlinked];
        for (side, links) in sides.into_iter().enumerate() {
            for link in links.extract_if(.., strays) {
                strayed.entry(link.owner).or_default()[side].push(link);
            }
        }
    }
    for (owner, [linked, unlinked]) in strayed {
        let at = file.changes.iter().position(|change| change.id == owner);
        let at = at.unwrap_or_else(|| {
            file.changes.push(Recorded {
                kind: Kind::APP_PROFILE.as_str().to_owned(),
                name: live.label(&tables::PROFILE, owner),
                id: owner,
                ..Recorded::default()
            });
            file.changes.len() - 1
        });
        file.changes[at].linked.extend(linked);
        file.changes[at].unlinked.extend(unlinked);
    }
    file
}

/// The state that a finding implies: a row that cannot be seen is unknown; anything else differs from the state before the apply.
fn obstacle(diagnostic: &Diagnostic) -> Obstacle {
    let state = match diagnostic.code {
        "unreadable" => SyncState::Unknown,
        _ => SyncState::Different,
    };
    Obstacle::of(String::new(), state, diagnostic)
}

struct Undoing<'a> {
    live: &'a Live,
    /// Rows that this undo may have already written, or that the environment may have rewritten along with them.
    own: BTreeSet<Uuid>,
    diagnostics: Vec<Diagnostic>,
    /// Rows that this undo deletes.
    going: BTreeSet<Uuid>,
    /// Links that the apply made.
    linked: BTreeSet<&'a SavedLink>,
    /// Links that the apply removed.
    left: BTreeSet<&'a SavedLink>,
    /// Links that the apply removed to complete a move: the users had the other profile before.
    completed: BTreeSet<SavedLink>,
    /// Rows that the apply deleted and the undo restores, with their names.
    coming: BTreeMap<Uuid, String>,
    /// Apps of the profiles that the undo restores, or whose app it restores.
    apps: BTreeMap<Uuid, String>,
}

fn apps(file: &UndoFile) -> BTreeMap<Uuid, String> {
    let column = crate::kinds::profile("app").column;
    let rows = file.changes.iter().flat_map(|change| {
        let deleted = change.deleted.iter();
        let deleted = deleted.map(|row| (&row.table, row.id, &row.columns));
        let updated = change.updated.iter();
        deleted.chain(updated.map(|row| (&row.table, row.id, &row.before)))
    });
    let profiles = rows.filter(|(table, ..)| *table == tables::PROFILE.logical);
    let apps = profiles.filter_map(|(_, id, columns)| {
        let app = columns.get(column)?.as_str()?;
        Some((id, fold(app)))
    });
    apps.collect()
}

/// Rows that the apply created and that exist.
fn going(file: &UndoFile, live: &Live) -> BTreeSet<Uuid> {
    let created = file.changes.iter().flat_map(|change| &change.created);
    created
        .filter(|row| {
            columns::table(&row.table).is_some_and(|table| live.row(table, row.id).is_some())
        })
        .map(|row| row.id)
        .collect()
}

impl Undoing<'_> {
    fn key(&mut self, recorded: &Recorded) -> Option<ResourceKey> {
        let Ok(kind) = recorded.kind.parse::<Kind>() else {
            self.diagnostics.push(Diagnostic::error(
                UNDO_CHANGED.code,
                format!("the undo file names the kind `{}`, which this version of deskstate does not know", recorded.kind),
            ));
            return None;
        };
        Some(ResourceKey::new(kind, &recorded.name))
    }

    fn change(&mut self, recorded: &Recorded, key: ResourceKey) -> Option<Change> {
        let kind = key.kind;
        if let Some(diagnostic) = unfit(kind, self.live) {
            self.diagnostics.push(diagnostic);
            return None;
        }
        if let Some((table, why)) = self.unseen(recorded) {
            self.diagnostics
                .push(unseen_undo(&key.to_string(), table, &why));
            return None;
        }
        if let Some(what) = self.stranger(recorded, kind) {
            self.diagnostics.push(
                Diagnostic::error(
                    UNDO_CHANGED.code,
                    format!(
                        "{what} is listed under {kind} `{}` in the undo file, but is not part of it",
                        recorded.name
                    ),
                )
                .help("take the file from the run that made it"),
            );
            return None;
        }
        let mut change = Change {
            key,
            id: recorded.id,
            action: Action::Update,
            reason: Reason::FieldsDiffer,
            declared_at: None,
            fields: Vec::new(),
            operations: Vec::new(),
            left_to_server: Vec::new(),
            kept: Vec::new(),
        };
        for row in &recorded.deleted {
            self.restore(row, &mut change);
        }
        for update in &recorded.updated {
            self.put_back(update, &mut change);
        }
        if kind == Kind::APP_PROFILE {
            self.second_by_app(recorded.id);
        }
        for row in &recorded.created {
            self.remove(row, &mut change);
        }
        for link in &recorded.linked {
            self.unlink(link, &mut change);
        }
        for link in &recorded.unlinked {
            self.link(link, &mut change);
        }
        (!change.operations.is_empty()).then_some(change)
    }

    /// A table with a row or a link that cannot be seen but may exist, and why.
    fn unseen(&self, recorded: &Recorded) -> Option<(&'static Table, String)> {
        let why = |access: &Access| match access {
            Access::Whole | Access::Absent => None,
            Access::Partial(why) | Access::Refused(why) => Some(why.clone()),
        };
        let rows = recorded.created.iter().chain(&recorded.deleted);
        let rows = rows.map(|row| (&row.table, row.id));
        let updated = recorded.updated.iter().map(|row| (&row.table, row.id));
        let mut hidden_rows = rows.chain(updated).filter_map(|(logical, id)| {
            let table = columns::table(logical)?;
            let hidden = self.live.row(table, id).is_none();
            Some((
                table,
                why(&self.live.table(table).access).filter(|_| hidden)?,
            ))
        });
        let links = recorded.linked.iter().chain(&recorded.unlinked);
        let mut hidden_links = links.filter_map(|link| {
            let relationship = columns::relationship(&link.relationship)?;
            let access = &self.live.links(relationship).access;
            Some((relationship.owner, why(access)?))
        });
        hidden_rows.next().or_else(|| hidden_links.next())
    }

    /// A row that belongs to another resource than the one it is listed under, since people read the name of a change.
    fn stranger(&self, recorded: &Recorded, kind: Kind) -> Option<String> {
        let own = kind.table();
        let values = kind.values_of(&recorded.name);
        let name = values
            .as_ref()
            .map_or(recorded.name.as_str(), |values| values[0]);
        let named = |text: &str| UniqueName::new(text) == UniqueName::new(name);
        let rows = recorded.created.iter().chain(&recorded.deleted);
        let rows = rows.map(|row| (&row.table, row.id, Some(&row.columns)));
        let updates = recorded.updated.iter();
        let updates = updates.map(|update| (&update.table, update.id, None));
        for (logical, id, saved) in rows.chain(updates) {
            let table = columns::table(logical)?;
            let live = self.live.row(table, id).map(|row| &row.row);
            let saved = |column: &str| saved.and_then(|columns| columns.get(column));
            let is_own = if id == recorded.id {
                table == own
                    && table.name.is_none_or(|name| {
                        live.and_then(|row| row.text(name)).is_none_or(named)
                            && saved(name).and_then(Json::as_str).is_none_or(named)
                    })
            } else if own == &tables::NOTIFICATION && table == &tables::NOTIFICATION_FIELD {
                // Lines that the template declares itself.
                true
            } else {
                Kind::part_tables().any(|part| {
                    let parent = |id: Uuid| id == recorded.id;
                    let read = lookup_read_name(part.parent_column);
                    part.table == table
                        && part.parent == own
                        && live.and_then(|row| row.uuid(&read)).is_none_or(parent)
                        && saved(part.parent_navigation)
                            .and_then(|value| value.get("id")?.as_str()?.parse().ok())
                            .is_none_or(parent)
                })
            };
            if !is_own {
                return Some(format!("{logical} `{}`", self.live.label(table, id)));
            }
        }
        None
    }

    /// The name of a row. A row that is restored already has the name that it will have afterwards.
    fn label(&self, table: &Table, id: Uuid) -> String {
        let coming = self.coming.get(&id).cloned();
        coming.unwrap_or_else(|| self.live.label(table, id))
    }

    fn show(&self, field: &Field, row: &Row) -> Json {
        let coming = row
            .uuid(&field.read_name())
            .and_then(|id| self.coming.get(&id));
        coming.map_or_else(|| show_live(field, row, self.live), |name| json!(name))
    }

    fn guard(&self, table: &'static Table, id: Uuid) -> Guard {
        let live = self.live.table(table);
        match live.rows.get(&id) {
            Some(row) => Guard::of(live, row),
            None => Guard::Look(Seen {
                etag: None,
                modified_on: None,
            }),
        }
    }

    fn changed(&mut self, table: &Table, label: &str) {
        self.diagnostics.push(
            Diagnostic::error(
                UNDO_CHANGED.code,
                format!("{} `{label}` was changed since the apply", table.logical),
            )
            .help("if a later apply changed it, undo that one first; otherwise, look at it with `deskstate drift --env NAME`"),
        );
    }
}

fn target(table: &'static Table, id: Uuid, label: &str) -> RowTarget {
    RowTarget {
        table,
        id,
        label: label.to_owned(),
    }
}

/// The change of a part that is added or removed, under the field of its list.
fn member(change: &Change, table: &Table, label: &str, comes: bool) -> FieldChange {
    let word = change
        .key
        .kind
        .fields()
        .iter()
        .find_map(|field| match field.holds {
            deskstate_model::Holds::Parts(part) if part.table == table => Some(field.word),
            deskstate_model::Holds::Set { relationship, .. } if relationship.member == table => {
                Some(field.word)
            }
            _ => None,
        });
    let (member, note) = (label.to_owned(), None);
    FieldChange {
        path: word.unwrap_or(table.logical).to_owned(),
        difference: if comes {
            Difference::Added { member, note }
        } else {
            Difference::Removed { member, note }
        },
        span: None,
        wire: table.logical.to_owned(),
    }
}
