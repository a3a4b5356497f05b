//! `kind`: lists the kinds of a project, drafts new ones, and checks whether definitions match an environment's tables. Cannot write to an
//! environment.

use std::path::PathBuf;

use clap::Subcommand;
use deskstate_dataverse::Reader;
use deskstate_model::{Kind, denied_table};
use deskstate_reconcile::kinds::tables_of;
use deskstate_reconcile::metadata::{TableMetadata, check, draft};
use deskstate_reconcile::{MetadataError, observe_metadata};

use super::live::stop_on_interrupt;
use crate::door::{BAD, DIM, GOOD, Page, STRONG};
use crate::environment::{self, Access};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::kept::write_file;
use crate::output::{count, plain};
use crate::paths::shown_path;
use crate::project::{Loaded, Need, check_definitions, load_project_file};
use crate::ui::Ui;

/// Lists kinds, drafts definitions for other tables, and compares definitions with an environment. Read-only
///
/// List definition files under `spec.kinds` in deskstate.yaml. Then declare resources of the kind like all others.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Lists every kind with its table
    List,
    /// Writes the definition of a kind from an environment's metadata, for you to complete
    ///
    /// The draft leaves open what identifies a row, because metadata does not state it, and a wrong choice would change the wrong row.
    Draft(DraftArgs),
    /// Compares the definitions of the project with an environment's metadata
    ///
    /// Exits with 1 if a definition differs.
    Check(CheckArgs),
}

#[derive(Debug, clap::Args)]
struct DraftArgs {
    /// Logical name of the table, such as msdyn_capacityprofile
    #[arg(value_name = "TABLE")]
    table: String,
    /// The environment
    #[arg(long, short, value_name = "NAME")]
    env: String,
    /// Write the draft to this new file [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, clap::Args)]
struct CheckArgs {
    /// The environment
    #[arg(long, short, value_name = "NAME")]
    env: String,
    #[command(flatten)]
    access: Access,
}

pub(crate) async fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    match &args.what {
        What::List => list(global, ui),
        What::Draft(args) => drafted(args, global, ui).await,
        What::Check(args) => checked(args, global, ui).await,
    }
}

fn list(global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    check_definitions(global, ui)?;
    let mut page = Page::new();
    let width = Kind::all()
        .map(|kind| kind.as_str().len())
        .max()
        .unwrap_or(0);
    for kind in Kind::all() {
        let definition = kind.definition();
        let from = if kind.is_built_in() {
            "comes with deskstate".to_owned()
        } else {
            format!(
                "version {} of a definition, {}",
                plain(definition.version),
                plain(definition.evidence)
            )
        };
        page.line(format_args!(
            "{STRONG}{:width$}{STRONG:#}  {}  {DIM}{from}{DIM:#}",
            kind.as_str(),
            definition.table.logical
        ));
    }
    ui.page(&page)?;
    Ok(ExitCode::Done)
}

async fn drafted(args: &DraftArgs, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let DraftArgs {
        table,
        env,
        out,
        access,
    } = args;
    if let Some(why) = denied_table(table) {
        return Err(Error::Refused {
            message: format!(
                "no kind can be defined for `{}`: it belongs to {why}",
                plain(table)
            ),
            hint: Some("`deskstate explain denied-table` explains why".to_owned()),
        });
    }
    if let Some(file) = out.as_ref().filter(|file| file.exists()) {
        return Err(Error::Refused {
            message: format!("{} already exists", shown_path(file)),
            hint: Some("choose another file with `--out`".to_owned()),
        });
    }
    let loaded = load_project_file(global, env, Need::Environment, ui)?;
    let found = read(&loaded, &[table], access).await?;
    let found = found.first().ok_or_else(|| Error::Failed {
        message: format!("{env} has no table `{}`", plain(table)),
        hint: Some(
            "write its logical name: all in lower case, with the publisher's prefix".to_owned(),
        ),
    })?;
    let text = draft(found);
    match out {
        None => ui.print(text)?,
        Some(file) => {
            write_file(file, &text)?;
            ui.verb(GOOD, "Wrote", shown_path(file));
        }
    }
    ui.hint(
        "state `identity`, read every line, and name the file under `spec.kinds` of deskstate.yaml",
    );
    Ok(ExitCode::Done)
}

async fn checked(args: &CheckArgs, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let defined = || Kind::all().filter(|kind| !kind.is_built_in());
    let tables: Vec<&str> = defined()
        .flat_map(tables_of)
        .map(|table| table.logical)
        .collect();
    // A definition with errors registers no kind, which must not look like a project without kinds.
    let loaded = load_project_file(global, &args.env, Need::Kinds, ui)?;
    let found = if tables.is_empty() {
        Vec::new()
    } else {
        read(&loaded, &tables, &args.access).await?
    };
    let mut differ = 0;
    let mut page = Page::new();
    for kind in defined() {
        let said = check(kind, &found);
        if said.is_empty() {
            page.line(format_args!(
                "{GOOD}ok{GOOD:#}  {kind} fits the table `{}` in {}",
                kind.table().logical,
                args.env
            ));
            continue;
        }
        differ += said.len();
        page.line(format_args!("{BAD}differs{BAD:#}  {kind}"));
        for one in said {
            match one.word.as_str() {
                "" => page.line(format_args!("    {}", plain(&one.text))),
                word => page.line(format_args!("    `{}`: {}", plain(word), plain(&one.text))),
            }
        }
    }
    ui.page(&page)?;
    if tables.is_empty() {
        ui.note("this project defines no kinds");
    }
    if differ == 0 {
        return Ok(ExitCode::Done);
    }
    ui.note(format_args!(
        "{} to correct in the definitions",
        count(differ, "difference")
    ));
    Ok(ExitCode::Failed)
}

async fn read(
    loaded: &Loaded,
    tables: &[&str],
    access: &Access,
) -> Result<Vec<TableMetadata>, Error> {
    let environment = loaded.environment()?;
    let stop = stop_on_interrupt();
    environment::with(&loaded.root, environment, access, &stop, async |opened| {
        let reader = Reader::open(&opened.connection)?;
        observe_metadata(&reader, tables, environment.organization_id)
            .await
            .map_err(|error| match error {
                MetadataError::Observe(error) => error.into(),
                refused @ MetadataError::Refused(_) => Error::Failed {
                    message: plain(&refused.to_string()),
                    hint: Some(
                        "reading metadata takes a security role such as Basic User".to_owned(),
                    ),
                },
            })
    })
    .await
}
