//! What export, adopt and diff share: live rows with all names, and an export that was held against a plan.

use std::collections::{BTreeMap, BTreeSet};

use clap::ValueEnum;
use deskstate_dataverse::Reader;
use deskstate_model::Environment;
use deskstate_reconcile::export::{Export, Selection, export};
use deskstate_reconcile::live::Live;
use deskstate_reconcile::plan::Options as PlanOptions;
use deskstate_reconcile::raise::{LeftOut, Loss, Options, Users};
use deskstate_reconcile::{Desired, Scope, lower, observe, observe_names, plan};

use super::live::read;
use crate::door::WARN;
use crate::error::Error;
use crate::output::plain;
use crate::ui::Ui;

/// How people are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum People {
    /// Not at all.
    None,
    /// By user principal name.
    #[default]
    Upn,
    /// By Entra object id.
    Objectid,
}

impl From<People> for Users {
    fn from(people: People) -> Self {
        match people {
            People::None => Self::None,
            People::Upn => Self::PrincipalName,
            People::Objectid => Self::ObjectId,
        }
    }
}

/// Reads everything, with the names of all that rows point to.
pub(super) async fn read_all(
    reader: &Reader,
    desired: &Desired,
    environment: &Environment,
    ui: &mut Ui,
) -> Result<Live, Error> {
    let scope = Scope {
        names: true,
        organization: environment.organization_id,
        ..Scope::default()
    };
    let mut live = read(reader, desired, &scope, &environment.name, ui).await?;
    observe_names(reader, &mut live).await?;
    Ok(live)
}

/// Exports, and leaves out what `validate` would refuse and what a plan of the export would still change.
pub(super) async fn export_exactly(
    reader: &Reader,
    live: &Live,
    selection: &Selection,
    options: Options<'_>,
) -> Result<Export, Error> {
    let mut exported = export(live, selection, options);
    loop {
        let manifests = exported.leave_out_refused();
        let desired = lower(&manifests);
        if desired.resources.is_empty() {
            return Ok(exported);
        }
        // What the names in the documents lead to is looked up as a plan would.
        let seen = observe(reader, &desired, &Scope::default()).await?;
        let planned = plan(&desired, &seen, &PlanOptions::default());
        if !exported.leave_out_changes(&manifests, &planned) {
            return Ok(exported);
        }
    }
}

/// What is not in the files, one by one; then remarks, each once.
pub(super) fn say_left_out(left_out: &[(String, LeftOut)], ui: &mut Ui) {
    let mut reasons: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for (resource, left_out) in left_out
        .iter()
        .filter(|(_, left_out)| left_out.loss != Loss::None)
    {
        let field = match left_out.path.as_str() {
            "" => String::new(),
            path => format!("`{}` left out: ", plain(path)),
        };
        ui.note(format_args!(
            "{WARN}warning{WARN:#}: {}: {field}{}",
            plain(resource),
            plain(&left_out.why)
        ));
    }
    for (resource, left_out) in left_out
        .iter()
        .filter(|(_, left_out)| left_out.loss == Loss::None)
    {
        let reason = (left_out.path.as_str(), left_out.why.as_str());
        reasons.entry(reason).or_default().insert(resource);
    }
    for ((path, why), resources) in reasons {
        let field = match path {
            "" => String::new(),
            path => format!("`{}`: ", plain(path)),
        };
        let more = match resources.len() {
            0 | 1 => String::new(),
            number => format!(" and {} more", number - 1),
        };
        let first = resources.first().copied().unwrap_or_default();
        ui.note(format_args!(
            "{WARN}note{WARN:#}: {}{more}: {field}{}",
            plain(first),
            plain(why)
        ));
    }
}
