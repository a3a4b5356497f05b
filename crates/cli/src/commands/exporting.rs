//! What export, adopt and diff share: live rows with all names, and an export that was held against a plan.

use std::path::Path;

use clap::ValueEnum;
use deskstate_dataverse::Reader;
use deskstate_model::{Environment, Manifests, load};
use deskstate_reconcile::export::{Document, Export, Selection, export, file_names, write};
use deskstate_reconcile::live::Live;
use deskstate_reconcile::plan::Options as PlanOptions;
use deskstate_reconcile::raise::{Options, Users};
use deskstate_reconcile::{Desired, Scope, lower, observe, observe_names, plan};

use super::live::read;
use crate::error::Error;
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
        users: Vec::new(),
    };
    let mut live = read(reader, desired, &scope, &environment.name, ui).await?;
    observe_names(reader, &mut live).await?;
    Ok(live)
}

/// A project that holds nothing but documents, in a folder of its own.
pub(super) fn write_project(folder: &Path, documents: &[Document]) -> Result<(), Error> {
    const PROJECT: &str = "apiVersion: deskstate/v1\nkind: Project\nmetadata: {name: export}\nspec:\n  environments:\n    local: {emulator: {state: .deskstate/local.json}}\n";
    std::fs::write(folder.join(deskstate_model::PROJECT_FILE), PROJECT)?;
    std::fs::create_dir_all(folder.join("manifests"))?;
    for (name, document) in file_names(documents.iter().map(|document| &document.key))
        .iter()
        .zip(documents)
    {
        let path = folder.join("manifests").join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, write(document))?;
    }
    Ok(())
}

/// The manifests that documents make.
pub(super) fn manifests_of(documents: &[Document]) -> Result<Manifests, Error> {
    let folder = tempfile::tempdir()?;
    write_project(folder.path(), documents)?;
    Ok(load(folder.path(), Some("local")).0)
}

/// Exports, and takes out what a plan of the export would still change: an export plans to no changes.
pub(super) async fn export_exactly(
    reader: &Reader,
    live: &Live,
    selection: &Selection,
    options: Options,
) -> Result<Export, Error> {
    /// Taking a field out may show the next; more rounds than this would mean that something else is wrong.
    const ROUNDS: usize = 4;
    let mut exported = export(live, selection, options);
    for _ in 0..ROUNDS {
        if exported.documents.is_empty() {
            break;
        }
        let desired = lower(&manifests_of(&exported.documents)?);
        let seen = observe(reader, &desired, &Scope::default()).await?;
        let (plan, _) = plan(&desired, &seen, &PlanOptions::default());
        let mut changed = false;
        for change in &plan.changes {
            for field in &change.fields {
                let word = field.path.split('.').next().unwrap_or_default();
                changed |= exported.leave_out(&change.key, word, "a plan of it would not be empty");
            }
        }
        if !changed {
            break;
        }
    }
    Ok(exported)
}
