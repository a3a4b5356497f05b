//! `apply`: plans, shows, asks, carries out the plan it just made, and reads back what was written.

use std::collections::BTreeSet;
use std::time::Duration;

use deskstate_dataverse::Session;
use deskstate_reconcile::apply::{Event, Job, Settings};
use deskstate_reconcile::plan::{Action, Difference, Operation, Plan, Transaction};
use uuid::Uuid;

use super::live::{compare, count_transactions, max_changeset, report, stop_on_interrupt};
use crate::args::Global;
use crate::environment::{self, Access};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::output::plan_text::{PlanText, count};
use crate::output::{plain, shown};
use crate::project::load_environment;
use crate::revision;
use crate::ui::{BAD, GOOD, Ui};

/// Plans, shows the plan, asks, carries it out and reads it back
///
/// A transaction happens as a whole or not at all. What was interrupted is finished by running apply again.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The environment
    #[arg(long, short, value_name = "NAME")]
    env: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    access: Access,
}

pub(crate) async fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let loaded = load_environment(global, &args.env, ui)?;
    let environment = loaded.environment()?;
    let stop = stop_on_interrupt();
    let opened = environment::open(&loaded.root, environment, &args.access, &stop).await?;
    let session = Session::open(&opened.connection)?;
    let compared = compare(&loaded, environment, session.reader()).await?;
    if report(&loaded, &compared, ui) {
        opened.close().await?;
        return Err(Error::failed(
            "not everything can be carried out, so nothing was changed",
        ));
    }
    let plan = &compared.plan;
    let revision = revision::describe(&loaded.root);
    ui.print(PlanText {
        plan,
        sources: &loaded.manifests.sources,
        environment: &environment.name,
        address: &opened.address,
        revision: revision.as_deref(),
        transactions: count_transactions(plan, &loaded, &opened.answers),
        title: "Plan",
        explain_wire: false,
        reach: &[],
    })?;
    if plan.is_empty() {
        opened.close().await?;
        return Ok(ExitCode::Done);
    }
    if !args.yes && !agreed(&environment.name, ui)? {
        opened.close().await?;
        return Err(Error::Refused {
            message: "nothing was changed".to_owned(),
            hint: Some("`--yes` carries the plan out without asking".to_owned()),
        });
    }
    let settings = Settings {
        max_changeset: max_changeset(&loaded),
        server_adds_parts: opened.answers.tab_makes_parameters,
        solution: None,
        patience: Duration::from_secs(180),
    };
    let mut progress = Progress {
        plan,
        told: BTreeSet::new(),
        ui,
    };
    let applied = deskstate_reconcile::apply(
        &Job {
            plan,
            desired: &compared.desired,
            options: &compared.options,
            settings: &settings,
            scope: &compared.scope,
        },
        &session,
        &|| stop.is_stopped(),
        &mut |event| progress.show(&event),
    )
    .await;
    opened.close().await?;
    let applied = applied?;
    if !applied.mismatches.is_empty() {
        for (key, field) in &applied.mismatches {
            let (stored, wanted) = match &field.difference {
                Difference::Value { before, after } => (shown(before), shown(after)),
                Difference::Copy { after, .. } => ("something else".to_owned(), shown(after)),
                Difference::Added { member, .. } => ("not linked".to_owned(), plain(member)),
                Difference::Removed { member, .. } => ("still linked".to_owned(), plain(member)),
            };
            ui.say(&format!(
                "{BAD}error{BAD:#}: {key} {}: wrote {wanted}, the server stored {stored}\n",
                field.path
            ));
        }
        return Err(Error::failed(
            "the server did not store everything as it was written",
        ));
    }
    let rows = plan.changes.len();
    ui.verb(
        GOOD,
        "Verified",
        format_args!("{} read back as written", count(rows, "resource")),
    );
    ui.print(format_args!(
        "{} applied to {} in {}\nagents get this when they next sign in or reload\n",
        count(rows, "change"),
        environment.name,
        count(applied.transactions, "transaction"),
    ))?;
    Ok(ExitCode::Done)
}

fn agreed(environment: &str, ui: &mut Ui) -> Result<bool, Error> {
    if !ui.is_interactive() {
        return Ok(false);
    }
    ui.confirm(&format!("Carry this out in {environment}?"))
}

/// Tells of each resource once, when its first write was carried out.
struct Progress<'a, 'u> {
    plan: &'a Plan,
    told: BTreeSet<usize>,
    ui: &'u mut Ui,
}

impl Progress<'_, '_> {
    fn show(&mut self, event: &Event<'_>) {
        match event {
            Event::Sending {
                number,
                of,
                operations,
            } => {
                self.ui.verb(
                    GOOD,
                    "Sending",
                    format_args!(
                        "transaction {number} of {of}: {}",
                        count(*operations, "write")
                    ),
                );
            }
            Event::Committed { transaction } => self.committed(transaction),
            Event::Looking => self.ui.verb(
                GOOD,
                "Looking",
                "the reply was lost; reading the rows until it is clear what happened",
            ),
            Event::Verifying => {}
        }
    }

    fn committed(&mut self, transaction: &Transaction) {
        let rows: BTreeSet<Uuid> = transaction
            .operations
            .iter()
            .filter_map(|operation| Some(operation.row()?.id))
            .collect();
        let links: BTreeSet<(&str, Uuid, Uuid)> =
            transaction.operations.iter().filter_map(link).collect();
        for (index, change) in self.plan.changes.iter().enumerate() {
            let written = change.operations.iter().any(|operation| {
                operation.row().is_some_and(|row| rows.contains(&row.id))
                    || link(operation).is_some_and(|link| links.contains(&link))
            });
            if written && self.told.insert(index) {
                let (style, verb) = match change.action {
                    Action::Create => (GOOD, "Created"),
                    Action::Update => (GOOD, "Updated"),
                    Action::Delete => (BAD, "Deleted"),
                };
                self.ui.verb(style, verb, plain(&change.key.to_string()));
            }
        }
    }
}

fn link(operation: &Operation) -> Option<(&'static str, Uuid, Uuid)> {
    match operation {
        Operation::Link {
            relationship,
            owner,
            member,
        }
        | Operation::Unlink {
            relationship,
            owner,
            member,
        } => Some((relationship.schema_name, *owner, *member)),
        Operation::Create { .. } | Operation::Update { .. } | Operation::Delete { .. } => None,
    }
}
