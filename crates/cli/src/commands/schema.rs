//! `schema`: prints the JSON Schemas that editors check manifests against, and those of plan files and of drift.

use std::path::PathBuf;

use deskstate_model::json_schemas;
use deskstate_reconcile::plan_file;
use serde_json::Value;

use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::kept::write_file;
use crate::output::drift_json;
use crate::paths::shown_path;
use crate::ui::Ui;

/// Prints the JSON Schemas of manifests, plan files and drift, or writes them into a folder
///
/// Without a name, lists the names. `manifest` is the schema for manifests of all kinds.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// manifest, overlay, project, contract, plan, drift, or a kind
    name: Option<String>,
    /// Write all schemas into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "name")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, ui: &mut Ui) -> Result<ExitCode, Error> {
    let schemas = all();
    if let Some(folder) = &args.out {
        for (file, schema) in &schemas {
            write_file(&folder.join(file), &text(schema)?)?;
        }
        ui.note(format_args!(
            "{} schemas in {}",
            schemas.len(),
            shown_path(folder)
        ));
        return Ok(ExitCode::Done);
    }
    let names: Vec<&str> = schemas
        .iter()
        .map(|(file, _)| file.trim_end_matches(".json"))
        .collect();
    let Some(name) = &args.name else {
        ui.print(
            names
                .iter()
                .map(|name| format!("{name}\n"))
                .collect::<String>(),
        )?;
        return Ok(ExitCode::Done);
    };
    let found = schemas
        .iter()
        .find(|(file, _)| file.trim_end_matches(".json").eq_ignore_ascii_case(name));
    let (_, schema) = found.ok_or_else(|| Error::Failed {
        message: format!("there is no schema `{}`", crate::output::plain(name)),
        hint: Some(format!("there are: {}", names.join(", "))),
    })?;
    ui.print(text(schema)?)?;
    Ok(ExitCode::Done)
}

/// All schemas, each with its file name.
pub(super) fn all() -> Vec<(String, Value)> {
    let mut schemas = json_schemas();
    schemas.push(("plan.json".to_owned(), plan_file::schema()));
    schemas.push(("drift.json".to_owned(), drift_json::schema()));
    schemas
}

/// The text of a schema file.
pub(super) fn text(schema: &Value) -> Result<String, Error> {
    Ok(serde_json::to_string_pretty(schema).map_err(std::io::Error::from)? + "\n")
}
