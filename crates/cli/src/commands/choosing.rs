//! Selects the resources of a command: one set of arguments with the same meaning everywhere.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{Manifests, ResourceKey};
use deskstate_reconcile::selection::{
    NothingChosen, Selection, Selector, UnknownSelector, of_words, select,
};
use deskstate_reconcile::{Desired, lower};

use crate::error::Error;
use crate::output::plain;
use crate::ui::Ui;

/// The resources that a command is about. Their dependencies are included.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Selection")]
pub(crate) struct Choosing {
    /// Select resources and their dependencies: KIND, KIND NAME, KIND/NAME, NAME or LABEL=VALUE; `*` and `?` are wildcards
    #[arg(value_name = "WHAT")]
    what: Vec<Selector>,
    /// Select by label, for example `-l team=voice`
    #[arg(long, short = 'l', value_name = "WHAT")]
    select: Vec<Selector>,
}

impl Choosing {
    /// Parses selectors as on a command line.
    pub(super) fn of_words(words: &[String]) -> Result<Self, Error> {
        let select = words.iter().map(|word| word.parse());
        let select = select.collect::<Result<_, UnknownSelector>>();
        Ok(Self {
            select: select.map_err(|error| Error::failed(plain(&error.to_string())))?,
            ..Self::default()
        })
    }

    /// Whether nothing was selected, so the command applies to everything.
    pub(super) fn is_everything(&self) -> bool {
        self.what.is_empty() && self.select.is_empty()
    }

    /// Whether a selector uses a label. Labels exist only in manifests.
    pub(super) fn uses_labels(&self) -> bool {
        let selectors = self.what.iter().chain(&self.select);
        selectors
            .into_iter()
            .any(|selector| matches!(selector, Selector::Label { .. }))
    }

    /// The selectors, as written.
    pub(super) fn selectors(&self) -> Vec<Selector> {
        of_words(&self.what)
            .into_iter()
            .chain(self.select.iter().cloned())
            .collect()
    }

    /// Selects from the manifests; `None` for everything. A selector that matches nothing is an error.
    pub(super) fn of(
        &self,
        manifests: &Manifests,
        desired: &Desired,
    ) -> Result<Option<Selection>, Error> {
        if self.is_everything() {
            return Ok(None);
        }
        let (selection, nothing) = select(manifests, desired, &self.selectors());
        refuse_nothing(&nothing)?;
        Ok(Some(selection))
    }

    /// The keys of the selected resources; `None` for everything. Reports which dependencies were included.
    pub(super) fn keys(
        &self,
        manifests: &Manifests,
        ui: &mut Ui,
    ) -> Result<Option<BTreeSet<ResourceKey>>, Error> {
        if self.is_everything() {
            return Ok(None);
        }
        let selection = self.of(manifests, &lower(manifests))?;
        Ok(selection.map(|selection| {
            say_along(&selection.needed, ui);
            selection.keys
        }))
    }

    /// The keys of the selected resources, where a selector may match nothing.
    pub(super) fn keys_of_some(&self, manifests: &Manifests) -> BTreeSet<ResourceKey> {
        select(manifests, &lower(manifests), &self.selectors())
            .0
            .keys
    }

    /// Reduces the manifests to the selected resources, and reports which dependencies were included.
    pub(super) fn narrow(&self, manifests: &mut Manifests, ui: &mut Ui) -> Result<(), Error> {
        if let Some(keys) = self.keys(manifests, ui)? {
            *manifests = manifests.only(&keys);
        }
        Ok(())
    }
}

/// Labels by resource.
pub(super) fn labels(manifests: &Manifests) -> BTreeMap<ResourceKey, BTreeMap<String, String>> {
    let resources = manifests.resources.iter();
    resources
        .map(|declared| (declared.key.clone(), declared.labels.clone()))
        .collect()
}

/// Fails if a selector matches nothing: that is a mistake, and an empty result would hide it.
pub(super) fn refuse_nothing(nothing: &[NothingChosen]) -> Result<(), Error> {
    nothing.first().map_or(Ok(()), |first| {
        Err(Error::Failed {
            message: plain(&first.to_string()),
            hint: Some(plain(&first.help)),
        })
    })
}

/// Describes which dependencies were included and why: the first few, and the number of others.
pub(super) fn along(needed: &[(ResourceKey, ResourceKey)]) -> Vec<String> {
    const SHOWN: usize = 10;
    let mut lines: Vec<String> = needed
        .iter()
        .take(SHOWN)
        .map(|(needed, by)| {
            let line = format!("Also included: {needed} (required by {by})");
            plain(&line)
        })
        .collect();
    if let Some(more) = needed.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        lines.push(format!(
            "Also included: {more} more, required by the selection"
        ));
    }
    lines
}

/// Reports which dependencies were included.
pub(super) fn say_along(needed: &[(ResourceKey, ResourceKey)], ui: &mut Ui) {
    for line in along(needed) {
        ui.note(line);
    }
}
