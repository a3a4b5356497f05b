//! Single rows: protected, owned by somebody else, or still in use.

use std::collections::BTreeSet;

use super::removals::is_switched_off;
use super::{Allow, Case, Finding, KindNameGlob};
use crate::kinds;
use crate::live::ObservedRow;
use crate::plan::{Action, Change, Operation};
use crate::raise::is_others;
use crate::referrers::Referrer;
use deskstate_model::{
    Explanation, Kind, ResourceKey, Table, UNIQUE_NAME, lookup_read_name, tables,
};

pub(crate) const MANAGED_LINK: Explanation = Explanation::new(
    "managed-link",
    "A plan would remove a link that belongs to a managed solution.",
    "The next update of the solution would restore the link.",
    "Keep the member in the set, or write the set with `mode: atLeast`.",
);

pub(crate) const MANAGED_ROW: Explanation = Explanation::new(
    "managed-row",
    "A plan would change or delete a row of Microsoft's, or of a managed solution.",
    "A change creates a layer over the solution that hides its later updates, or the next update of the product overwrites it.",
    "Change the row at its source, or omit the fields. To change it on purpose, use the `--allow managed=…` that the finding prints, or `--allow-managed` for every such row; no option lets deskstate delete a managed row.",
);

pub(crate) const NOT_CUSTOMIZABLE: Explanation = Explanation::new(
    "not-customizable",
    "The publisher of a row locked it.",
    "Its managed property forbids changes, and the server refuses them.",
    "Omit the fields, or declare the row with `metadata.state: existing`.",
);

pub(crate) const PROTECTED: Explanation = Explanation::new(
    "protected",
    "A plan would delete a resource that `protect` lists.",
    "The project file protects it, so that no mistake, no prune and no override of one run deletes it.",
    "Keep the resource. To delete it, first remove the pattern from `protect` in a separate change.",
);

pub(crate) const PROTECTED_ROW: Explanation = Explanation::new(
    "protected-row",
    "A plan would change or delete a row that the definition of its kind protects, such as the default queue of a channel.",
    "The product needs the row. Names of such rows can follow the language of the environment, so only the live row tells.",
    "Write `metadata.state: existing`, without `spec` or with the fields that the definition lists under `protectedExcept`. deskstate deletes no such row: keep it, or delete it by hand.",
);

pub(crate) const STILL_REFERENCED: Explanation = Explanation::new(
    "still-referenced",
    "The plan deletes a row that is still in use.",
    "Dataverse silently removes the links, or refuses the delete.",
    "Remove the reference first, in the manifests or in the environment.",
);

pub(crate) const WORKSTREAM_NAMES: Explanation = Explanation::new(
    "workstream-names",
    "A plan would delete or switch off a row that another row names in a text, such as the template of a workstream.",
    "Dataverse does not protect names in texts: calls would arrive without a session or a notification.",
    "Use another row there first. To delete it on purpose, use the `--allow reference=…` that the finding prints.",
);

pub(crate) const WORKSTREAMS_UNREAD: Explanation = Explanation::new(
    "workstreams-unread",
    "A plan would delete a template, but workstreams cannot be read.",
    "Workstreams store names of templates as text, so deskstate cannot tell whether one still uses the template.",
    "Get read access to workstreams, or use the `--allow reference=…` that the finding prints.",
);

pub(super) fn check(case: &Case<'_>, found: &mut Vec<Finding>) {
    for (index, change) in case.plan.changes.iter().enumerate() {
        protected(case, index, change, found);
        protected_row(case, index, change, found);
        if change.action == Action::Delete {
            references(case, index, change, found);
            workstreams(case, index, change, found);
        } else if is_switched_off(change) {
            workstreams(case, index, change, found);
        }
        managed(case, index, change, found);
    }
}

/// Uses the names of the live rows, whatever resource they are listed under.
fn protected(case: &Case<'_>, index: usize, change: &Change, found: &mut Vec<Finding>) {
    for operation in &change.operations {
        let Operation::Delete { row, .. } = operation else {
            continue;
        };
        let Some(kind) = Kind::of_table(row.table) else {
            continue;
        };
        let key = ResourceKey::new(kind, &case.live.label(row.table, row.id));
        let protects = |glob: &&KindNameGlob| glob.matches(&key);
        let Some(glob) = case.rules.protect.iter().find(protects) else {
            continue;
        };
        found.push(
            Finding::new(
                PROTECTED.code,
                Some(index),
                format!(
                    "{key} is protected by `{}/{}` and is never deleted",
                    glob.kind, glob.name
                ),
            )
            .at(change.declared_at)
            .help("to delete it, first remove the pattern from `protect` in a separate change"),
        );
    }
}

/// Rows that definitions protect. Names were checked with the manifests; the live row can be protected by its values.
fn protected_row(case: &Case<'_>, index: usize, change: &Change, found: &mut Vec<Finding>) {
    let kind = change.key.kind;
    let is_protected = |table: &'static Table, id| {
        let live = case.live.row(table, id);
        live.is_some_and(|live| kinds::is_protected(table, &live.row))
    };
    let mut report = |key: &ResourceKey, does: &str| {
        let open = key.kind.definition().protected_except;
        let message = format!("{key} is protected by the definition of its kind, and {does}");
        let finding = Finding::new(PROTECTED_ROW.code, Some(index), message);
        found.push(finding.at(change.declared_at).help(match open {
            [] => "write `metadata.state: existing` and no `spec`".to_owned(),
            words => format!(
                "write `metadata.state: existing`, and in `spec` at most `{}`",
                words.join("`, `")
            ),
        }));
    };
    for operation in &change.operations {
        if let Operation::Delete { row, .. } = operation
            && let Some(kind) = Kind::of_table(row.table)
            && is_protected(row.table, row.id)
        {
            let key = ResourceKey::new(kind, &case.live.label(row.table, row.id));
            report(&key, "would be deleted");
        }
    }
    if change.action == Action::Update && is_protected(kind.table(), change.id) {
        let open = kind.definition().protected_except;
        let paths = change.fields.iter().map(|field| field.path.as_str());
        let words: BTreeSet<&str> = paths
            .map(|path| path.split_once('.').map_or(path, |(word, _)| word))
            .filter(|word| !open.contains(word))
            .collect();
        if !words.is_empty() {
            let words: Vec<&str> = words.into_iter().collect();
            report(
                &change.key,
                &format!("`{}` would change", words.join("`, `")),
            );
        }
    }
}

/// The finding about a row that its publisher locked.
fn locked(what: &str, index: usize) -> Finding {
    let message = format!("the publisher does not allow changes of {what}");
    Finding::new(NOT_CUSTOMIZABLE.code, Some(index), message)
        .help("nothing lets this pass: omit the field, or ask the publisher to unlock the row")
}

fn managed(case: &Case<'_>, index: usize, change: &Change, found: &mut Vec<Finding>) {
    for operation in &change.operations {
        match operation {
            Operation::Update { row, .. } | Operation::Delete { row, .. } => {
                let Some(live) = case.live.row(row.table, row.id) else {
                    continue;
                };
                let deletes = matches!(operation, Operation::Delete { .. });
                let what = format!("{} `{}`", row.table.logical, row.label);
                if !live.is_customizable() {
                    found.push(locked(&what, index).at(change.declared_at));
                } else if (deletes && live.may_be_managed(row.table))
                    || (is_foreign(case, row.table, live) && !case.rules.allow_managed)
                {
                    let finding = foreign(&what, live.may_be_managed(row.table), deletes, index);
                    let finding = if deletes && live.may_be_managed(row.table) {
                        finding.always()
                    } else if deletes {
                        finding
                    } else {
                        finding.unless(Allow::new("managed", subject(change), 1))
                    };
                    found.push(finding.at(change.declared_at));
                }
            }
            // A new parameter changes what a tab of somebody else opens.
            Operation::Create {
                row,
                attaches_to: Some(parent),
                ..
            } if kinds::part_of(row.table).is_some_and(|part| part.server_adds) => {
                let table = kinds::part_of(row.table).map_or(row.table, |part| part.parent);
                let Some(live) = case.live.row(table, *parent) else {
                    continue;
                };
                let what = format!("{} `{}`", table.logical, case.live.label(table, *parent));
                if !live.is_customizable() {
                    found.push(locked(&what, index).at(change.declared_at));
                } else if is_foreign(case, table, live) && !case.rules.allow_managed {
                    let allow = Allow::new("managed", subject(change), 1);
                    let finding = foreign(&what, live.may_be_managed(table), false, index);
                    found.push(finding.unless(allow).at(change.declared_at));
                }
            }
            // Links are reviewed independently of their rows. A link between two managed rows came with their solution.
            Operation::Unlink {
                relationship,
                owner,
                member,
            } if relationship.component => {
                let is_managed = |table, id| {
                    case.live
                        .row(table, id)
                        .is_some_and(ObservedRow::is_managed)
                };
                if is_managed(relationship.owner, *owner)
                    && is_managed(relationship.member, *member)
                {
                    let message = format!(
                        "the link of `{}` to `{}` came with a managed solution and is never removed",
                        case.live.label(relationship.owner, *owner),
                        case.live.label(relationship.member, *member)
                    );
                    found.push(
                        Finding::new(MANAGED_LINK.code, Some(index), message)
                            .at(change.declared_at),
                    );
                }
            }
            Operation::Create { .. } | Operation::Link { .. } | Operation::Unlink { .. } => {}
        }
    }
}

/// Whether a row belongs to somebody else. A part belongs to whom its parent belongs to, whatever its name: the product begins the names
/// of the tools of every pane with the name of the tool.
fn is_foreign(case: &Case<'_>, table: &'static Table, row: &ObservedRow) -> bool {
    let parent = Kind::part_tables()
        .find(|part| part.table == table)
        .and_then(|part| {
            let id = row.row.uuid(&lookup_read_name(part.parent_column))?;
            Some((part.parent, case.live.row(part.parent, id)?))
        });
    let is_managed = row.may_be_managed(table);
    let (table, named) = parent.unwrap_or((table, row));
    is_managed
        || named
            .row
            .text(UNIQUE_NAME.column)
            .is_some_and(|name| is_others(table, name, &case.rules.owned_names))
}

fn foreign(what: &str, managed: bool, deletes: bool, index: usize) -> Finding {
    let whose = if managed {
        "came with a managed solution"
    } else {
        "is Microsoft's own"
    };
    let message = if deletes {
        format!("{what} {whose} and would be deleted")
    } else {
        format!("{what} {whose} and would be changed")
    };
    let help = match (managed, deletes) {
        (true, false) => {
            "the change would be an Active layer on top of the solution and hide its later updates, until \
             Solution layers > Remove active customizations in the maker portal drops it"
        }
        (true, true) => "a managed row goes by uninstalling its solution",
        (false, false) => "an update of the product may bring the old state back",
        (false, true) => {
            "`--allow-managed` lets it pass; an update of the product may bring the old state back"
        }
    };
    Finding::new(MANAGED_ROW.code, Some(index), message).help(help)
}

/// Rows that stay and refer to a deleted row: by links and lookups, and by its name in a text.
fn references(case: &Case<'_>, index: usize, change: &Change, found: &mut Vec<Finding>) {
    let (by_text, others): (Vec<&Referrer>, Vec<&Referrer>) = case
        .referrers
        .to(change.id)
        .iter()
        .partition(|referrer| referrer.by_text);
    let [by_text, others] = [by_text, others].map(|referrers| {
        let names = referrers
            .iter()
            .map(|referrer| referrer.describe(case.live));
        names.collect::<Vec<String>>()
    });
    if !others.is_empty() {
        let message = format!(
            "{} is deleted and still used by {}",
            change.key,
            listed(&others)
        );
        found
            .push(Finding::new(STILL_REFERENCED.code, Some(index), message).at(change.declared_at));
    }
    if !by_text.is_empty() {
        found.push(named_by_text(index, change, &by_text));
    }
}

/// The resource of a change, as overrides name it.
fn subject(change: &Change) -> String {
    format!("{}/{}", change.key.kind, change.key.name.as_written())
}

fn named_by_text(index: usize, change: &Change, names: &[String]) -> Finding {
    let allow = Allow::new("reference", subject(change), 1);
    let what = match change.action {
        Action::Delete => "deleted",
        Action::Create | Action::Update => "switched off",
    };
    let message = format!(
        "{} is {what}, and by its name it is still used by {}",
        change.key,
        listed(names)
    );
    Finding::new(WORKSTREAM_NAMES.code, Some(index), message)
        .at(change.declared_at)
        .help("name another resource there first; Dataverse does not protect the name")
        .unless(allow)
}

fn workstreams(case: &Case<'_>, index: usize, change: &Change, found: &mut Vec<Finding>) {
    let table = change.key.kind.table();
    if table != &tables::SESSION && table != &tables::NOTIFICATION {
        return;
    }
    let allow = Allow::new("reference", subject(change), 1);
    if let Some(why) = &case.live.mentions_unread {
        found.push(
            Finding::new(
                WORKSTREAMS_UNREAD.code,
                Some(index),
                format!(
                    "it is unknown whether a workstream names {}: {why}",
                    change.key
                ),
            )
            .at(change.declared_at)
            .help("let the caller read workstreams")
            .unless(allow),
        );
        return;
    }
    let names: Vec<String> = case
        .live
        .mentions_of(table, change.key.name.folded())
        .map(|mention| format!("workstream `{}` ({})", mention.workstream, mention.column))
        .collect();
    if !names.is_empty() {
        found.push(named_by_text(index, change, &names));
    }
}

/// The first few names, and the number of further ones.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 5;
    match names.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} and {more} more", names[..SHOWN].join(", ")),
        _ => names.join(", "),
    }
}
