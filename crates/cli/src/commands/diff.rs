//! `diff`: two environments beside each other. Cannot write to either.

use std::collections::BTreeSet;
use std::path::PathBuf;

use deskstate_dataverse::Reader;
use deskstate_model::State;
use deskstate_reconcile::export::{Document, Export, Selection, export};
use deskstate_reconcile::extras::extras;
use deskstate_reconcile::plan::{Action, Options as PlanOptions};
use deskstate_reconcile::raise::Options;
use deskstate_reconcile::{Desired, lower, plan};

use super::choosing::{self, Choosing};
use super::exporting::{People, manifests_of, read_all};
use super::live::{read, stop_on_interrupt};
use crate::args::Global;
use crate::environment::{self, Access};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::output::plain;
use crate::output::plan_text::{PlanText, count};
use crate::project::load_environment;
use crate::ui::{GOOD, Ui, WARN};

/// Shows what would make one environment like another. Cannot write to either
///
/// Exit codes: 0 alike, 2 different.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The environment that would change
    #[arg(long, value_name = "NAME")]
    from: String,
    /// The environment that it is compared with
    #[arg(long, value_name = "NAME")]
    to: String,
    /// Rows under this prefix; may be given several times
    #[arg(long, value_name = "PREFIX")]
    prefix: Vec<String>,
    /// Write what `--to` has differently as an overlay into this folder
    #[arg(long, value_name = "DIR")]
    as_overlay: Option<PathBuf>,
    /// How users are compared
    #[arg(long, value_enum, default_value_t = People::None, value_name = "HOW")]
    users: People,
    /// Show tables and columns beside the words of the manifest
    #[arg(long)]
    explain_wire: bool,
    #[command(flatten)]
    choosing: Choosing,
    #[command(flatten)]
    access: Access,
}

pub(crate) async fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let loaded = load_environment(global, &args.from, ui)?;
    let mut selection = Selection {
        prefixes: args.prefix.iter().cloned().collect(),
        what: args.choosing.selectors(),
        labels: choosing::labels(&loaded.manifests),
        ..Selection::default()
    };
    let exported = documents(args, &mut selection, global, ui).await?;
    let wanted = exported.documents;
    choosing::say_along(&exported.needed, ui);
    let manifests = manifests_of(&wanted)?;
    let desired = lower(&manifests);
    let environment = loaded.environment()?;
    let stop = stop_on_interrupt();
    let opened = environment::open(&loaded.root, environment, &args.access, &stop).await?;
    let reader = Reader::open(&opened.connection)?;
    let scope = deskstate_reconcile::Scope {
        organization: environment.organization_id,
        ..deskstate_reconcile::Scope::default()
    };
    let live = read(&reader, &desired, &scope, &environment.name, ui).await;
    let address = opened.address.clone();
    opened.close().await?;
    let live = live?;
    let (mut plan, findings) = plan(&desired, &live, &PlanOptions::default());
    let mut only_here = extras(&desired, &live, &prefixes(args, &live, &desired));
    only_here.retain(|extra| selection.takes(&extra.key));
    let mut nowhere = exported.not_found;
    nowhere.retain(|nothing| {
        let mut extras = only_here.iter();
        !extras.any(|extra| selection.chooses(&nothing.selector, &extra.key))
    });
    choosing::refuse_nothing(&nowhere)?;
    // What differs is meant, not where an export of the other environment was kept while comparing.
    for change in &mut plan.changes {
        change.declared_at = None;
        change.fields.iter_mut().for_each(|field| field.span = None);
    }
    ui.page(PlanText {
        plan: &plan,
        sources: &manifests.sources,
        environment: &format!("{} → {}", args.from, args.to),
        address: &address,
        revision: None,
        transactions: 0,
        title: "Difference",
        explain_wire: args.explain_wire,
        reach: &[],
    })?;
    for finding in &findings {
        ui.say(&format!(
            "{WARN}only in {}{WARN:#}: {}\n",
            args.to,
            plain(&finding.message)
        ));
    }
    for extra in &only_here {
        ui.page(format_args!(
            "only in {}: {}\n",
            args.from,
            plain(&extra.key.to_string())
        ))?;
    }
    if let Some(folder) = &args.as_overlay {
        let overlay: Vec<Document> = plan
            .changes
            .iter()
            .filter(|change| change.action == Action::Update)
            .filter_map(|change| overlay_document(&wanted, change))
            .collect();
        for (name, document) in
            deskstate_reconcile::export::file_names(overlay.iter().map(|document| &document.key))
                .iter()
                .zip(&overlay)
        {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            super::drift::write_whole(&path, &deskstate_reconcile::export::write(document))?;
        }
        ui.verb(
            GOOD,
            "Written",
            format_args!(
                "{} to {}",
                count(overlay.len(), "document"),
                folder.display()
            ),
        );
    }
    let alike = plan.is_empty() && findings.is_empty() && only_here.is_empty();
    Ok(if alike {
        ExitCode::Done
    } else {
        ExitCode::Differences
    })
}

/// Everything that `--to` has.
async fn documents(
    args: &Args,
    selection: &mut Selection,
    global: &Global,
    ui: &mut Ui,
) -> Result<Export, Error> {
    let loaded = load_environment(global, &args.to, ui)?;
    selection.labels.extend(choosing::labels(&loaded.manifests));
    let environment = loaded.environment()?;
    let stop = stop_on_interrupt();
    let opened = environment::open(&loaded.root, environment, &args.access, &stop).await?;
    let reader = Reader::open(&opened.connection)?;
    let live = read_all(&reader, &Desired::default(), environment, ui).await;
    opened.close().await?;
    let options = Options {
        users: args.users.into(),
        ..Options::default()
    };
    Ok(export(&live?, selection, options))
}

/// The prefixes under which a row of `--from` alone is a difference: those asked for, else all but Microsoft's.
fn prefixes(
    args: &Args,
    live: &deskstate_reconcile::live::Live,
    desired: &Desired,
) -> BTreeSet<String> {
    if !args.prefix.is_empty() {
        return args
            .prefix
            .iter()
            .map(|prefix| prefix.to_ascii_lowercase())
            .collect();
    }
    let own = deskstate_reconcile::kinds::all().iter().flat_map(|kind| {
        let rows = &live.table(kind.table).rows;
        rows.values()
            .filter_map(|row| deskstate_reconcile::extras::prefix(row.row.text(kind.table.name?)?))
    });
    let other = desired
        .resources
        .keys()
        .filter_map(|key| deskstate_reconcile::extras::prefix(key.name.as_written()));
    own.chain(other)
        .filter(|prefix| prefix != "msdyn")
        .collect()
}

/// The fields of a document that differ.
fn overlay_document(
    wanted: &[Document],
    change: &deskstate_reconcile::plan::Change,
) -> Option<Document> {
    let words: BTreeSet<&str> = change
        .fields
        .iter()
        .filter_map(|field| field.path.split('.').next())
        .collect();
    let document = wanted.iter().find(|document| document.key == change.key)?;
    let spec = document
        .spec
        .iter()
        .filter(|(word, _)| words.contains(word.as_str()))
        .map(|(word, value)| (word.clone(), value.clone()))
        .collect();
    Some(Document {
        key: document.key.clone(),
        state: State::Present,
        spec,
    })
}
