//! Rows that only one side has, and the prefixes that decide whether they count.

use std::collections::BTreeSet;

use deskstate_model::{Kind, ResourceKey, fold};
use deskstate_reconcile::Desired;
use deskstate_reconcile::export::Selection;
use deskstate_reconcile::extras::{Extra, prefix, undeclared};
use deskstate_reconcile::kinds::MICROSOFT_PREFIX;
use deskstate_reconcile::live::Live;

use super::{Args, Compared};
use crate::error::Error;
use crate::output::{count, plain};
use crate::project::Loaded;
use crate::ui::Ui;

fn declared_prefixes(desired: &Desired) -> impl Iterator<Item = String> {
    let keys = desired.resources.keys();
    keys.filter_map(|key| prefix(key.name.as_written()))
        .filter(|prefix| prefix != MICROSOFT_PREFIX.trim_end_matches('_'))
}

/// Rows of an environment that a folder lacks: with the requested prefixes; otherwise those with the prefixes of the folder and of its project,
/// and of its kinds those whose names have no prefix and that a manifest could create. Says which others were not compared.
pub(super) fn lacking(
    args: &Args,
    folder: &Loaded,
    desired: &Desired,
    live: &Live,
    selection: &Selection,
    ui: &mut Ui,
) -> Vec<Extra> {
    let requested: BTreeSet<String> = prefixes(args).map(|prefix| fold(&prefix)).collect();
    let owned = folder.manifests.project.iter();
    let owned = owned.flat_map(|project| project.owns.iter().map(|prefix| fold(&prefix.value)));
    let declared: BTreeSet<String> = declared_prefixes(desired).chain(owned).collect();
    if requested.is_empty() {
        let own = MICROSOFT_PREFIX.trim_end_matches('_');
        let mut others = undeclared(desired, live, &|_, name| {
            prefix(name).is_some_and(|prefix| !declared.contains(&prefix) && prefix != own)
        });
        others.retain(|extra| selection.takes(&extra.key));
        let names: BTreeSet<String> = others
            .iter()
            .filter_map(|extra| prefix(extra.key.name.as_written()))
            .collect();
        let names: Vec<String> = names.into_iter().collect();
        if !others.is_empty() {
            ui.note(format_args!(
                "not compared: {} of the environment with other prefixes ({}); `--prefix` includes them",
                count(others.len(), "row"),
                plain(&names.join(", "))
            ));
        }
    }
    let kinds: BTreeSet<Kind> = desired.resources.keys().map(|key| key.kind).collect();
    let mut found = undeclared(desired, live, &|kind, name| match prefix(name) {
        Some(prefix) if !requested.is_empty() => requested.contains(&prefix),
        _ if !requested.is_empty() => false,
        Some(prefix) => declared.contains(&prefix),
        None => kinds.contains(&kind) && is_anybodys(kind, name),
    });
    found.retain(|extra| {
        selection.takes(&extra.key)
            && (!extra.locked || prefix(extra.key.name.as_written()).is_some())
    });
    found
}

/// Whether a row can be somebody's own: not one that the product brings, nor of a kind of which a manifest creates none.
fn is_anybodys(kind: Kind, name: &str) -> bool {
    let definition = kind.definition();
    !kind.brings(name) && definition.creatable && !definition.is_protected(name)
}

/// The requested prefixes, which can be written with the underscore after them.
pub(super) fn prefixes(args: &Args) -> impl Iterator<Item = String> {
    let prefixes = args.prefix.iter();
    prefixes.map(|prefix| prefix.trim_end_matches('_').to_owned())
}

/// Fails if a requested prefix has no row on either side: nothing was compared, so nothing is equal.
pub(super) fn refuse_empty(args: &Args, compared: &Compared) -> Result<(), Error> {
    let judged = compared.plan.resources.iter().map(|judged| &judged.key);
    let changed = compared.plan.changes.iter().map(|change| &change.key);
    let lost = compared.lost.iter().map(|(resource, _)| resource.as_str());
    let keys = || {
        judged
            .clone()
            .chain(changed.clone())
            .chain(&compared.only_from)
            .chain(&compared.apart)
    };
    for wanted in prefixes(args) {
        let folded = fold(&wanted);
        let has = |key: &ResourceKey| prefix(key.name.as_written()).as_ref() == Some(&folded);
        if !keys().any(has) && lost.clone().next().is_none() {
            let among = match args.choosing.is_everything() {
                true => "",
                false => " among what was selected",
            };
            return Err(Error::Failed {
                message: format!(
                    "neither {} nor {} has a row with the prefix `{}`{among}",
                    args.from,
                    args.to,
                    plain(&wanted)
                ),
                hint: Some(
                    "write the prefix as in the names, for example `contoso`, or select something else"
                        .to_owned(),
                ),
            });
        }
    }
    Ok(())
}
