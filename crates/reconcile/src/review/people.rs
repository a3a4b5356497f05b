//! Agents: who moves, who loses a channel, and how many are reached.

use super::{Allow, Case, Finding};
use crate::plan::{Action, Change, Difference, Operation};
use crate::quirks::loader::Loader;
use crate::state::fold;
use deskstate_model::{Explanation, FIRST_PARTY_CHANNEL, Relationship, tables};
use uuid::Uuid;

pub(crate) const LOADER_REMOVED: Explanation = Explanation::new(
    "loader-removed",
    "A plan removes the extension that loads CIF v2 widgets from a profile with channel providers, or `pp_loader` from one with a productivity pane.",
    "Without the first, widgets do not load, and agents cannot take calls. Every profile with a pane that the admin pages create has the second; no page says what happens without it.",
    "Add the extension to the set again. To remove it on purpose, use the `--allow loader=…` that the finding prints.",
);

pub(crate) const MANY_AGENTS: Explanation = Explanation::new(
    "many-agents",
    "The plan affects more than ten times `removals.maxAgents` agents.",
    "A mistake would affect many agents, and agents get changes when they next sign in or reload, in the middle of a shift.",
    "Apply it when few of them work, or select parts of it.",
);

pub(crate) const USER_MOVES: Explanation = Explanation::new(
    "user-moves",
    "A plan moves a user from another profile to this one.",
    "A user has one profile per app, so the agent's whole desktop changes.",
    "If this is not what you want, remove the user from one of the two sets.",
);

pub(super) fn check(case: &Case<'_>, found: &mut Vec<Finding>) {
    for (index, change) in case.plan.changes.iter().enumerate() {
        moves(index, change, found);
        channels(case, index, change, found);
    }
    many(case, found);
}

fn moves(index: usize, change: &Change, found: &mut Vec<Finding>) {
    for field in &change.fields {
        if let Difference::Added {
            member,
            note: Some(note),
        } = &field.difference
            && let Some(at) = note.find("moves from ")
        {
            let from = &note[at + "moves from ".len()..];
            found.push(
                Finding::new(
                    USER_MOVES.code,
                    Some(index),
                    format!("`{member}` leaves `{from}` (one profile per user)"),
                )
                .at(field.span),
            );
        }
    }
}

fn channels(case: &Case<'_>, index: usize, change: &Change, found: &mut Vec<Finding>) {
    // A profile that is deleted loses everything, as the plan says.
    if change.action == Action::Delete {
        return;
    }
    for operation in &change.operations {
        let Operation::Unlink {
            relationship,
            owner,
            member,
        } = operation
        else {
            continue;
        };
        let name = fold(&case.live.label(relationship.member, *member));
        let profile = case.live.label(relationship.owner, *owner);
        let subject = format!("AppProfile/{profile}");
        if *relationship == &tables::PROFILE_PROVIDERS && name == fold(FIRST_PARTY_CHANNEL) {
            found.push(
                Finding::new("first-party-channel", Some(index), format!("`{profile}` loses the first-party channel: no chat, no voice of Microsoft's own"))
                    .at(span_of(change, "allActiveChannels"))
                    .unless(Allow::new("channel", subject, 1)),
            );
        } else if *relationship == &tables::PROFILE_EXTENSIONS
            && let Some(loader) = Loader::named(&name)
            && loader.comes_with(case.live, linked_after(case, loader.with, *owner))
        {
            let (extension, loads) = (loader.extension, loader.loads);
            found.push(
                Finding::new(
                    LOADER_REMOVED.code,
                    Some(index),
                    format!("`{profile}` loses `{extension}`, without which {loads} not load"),
                )
                .at(span_of(change, "extensions"))
                .unless(Allow::new("loader", subject, 1)),
            );
        }
    }
}

fn span_of(change: &Change, word: &str) -> Option<deskstate_model::Span> {
    let field = change.fields.iter().find(|field| field.path == word);
    field.and_then(|field| field.span).or(change.declared_at)
}

/// The rows that a profile is linked to after the plan.
fn linked_after(
    case: &Case<'_>,
    by: &'static Relationship,
    profile: Uuid,
) -> impl Iterator<Item = Uuid> {
    let (mut linked, mut unlinked) = (Vec::new(), Vec::new());
    let changes = case.plan.changes.iter();
    for operation in changes.flat_map(|change| &change.operations) {
        match operation {
            Operation::Link {
                relationship,
                owner,
                member,
            } if *relationship == by && *owner == profile => linked.push(*member),
            Operation::Unlink {
                relationship,
                owner,
                member,
            } if *relationship == by && *owner == profile => unlinked.push(*member),
            _ => {}
        }
    }
    let live = case.live.links(by).members(profile);
    live.filter(move |member| !unlinked.contains(member))
        .chain(linked)
}

fn many(case: &Case<'_>, found: &mut Vec<Finding>) {
    let most = usize::try_from(case.rules.removals.max_agents)
        .unwrap_or(usize::MAX)
        .saturating_mul(10);
    let agents = case.reach.agents.map(|agents| (agents, "agents"));
    for (count, whom) in agents.into_iter().chain([(case.reach.members, "members")]) {
        if count <= most {
            continue;
        }
        let message = format!("the plan reaches {count} {whom} (more than {most})");
        found.push(Finding::new(MANY_AGENTS.code, None, message).help(
            "apply it when few of them work: agents get it when they next sign in or reload",
        ));
    }
}
