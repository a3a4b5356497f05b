//! `demo`: the complete workflow on the embedded emulator. It only runs commands that a person would type.

use std::path::{Path, PathBuf};
use std::process::Command;

use deskstate_dataverse::{Connection, EnvironmentUrl, Filter, Query, Reader, SignIn};
use serde_json::json;
use uuid::Uuid;

use super::block_on;
use crate::door;
use crate::door::{DIM, GOOD, STRONG};
use crate::environment;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::paths::shown_path;
use crate::ui::Ui;

/// Runs the whole workflow on an embedded Dataverse: validate, plan, apply, a manual change, drift, apply
///
/// Works in a new folder, without an account or a network. Every step is a real command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Work in this folder, which must be new or empty, and keep it [default: a temporary one, removed at the end]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// The author of the manual changes, different from the identity that the commands use.
const EDITOR: &str = "dana@contoso.com";

/// The Tenfold example: the same files as `examples/tenfold`.
const EXAMPLE: &[(&str, &str)] = &[
    (
        "deskstate.yaml",
        include_str!("../../assets/tenfold/deskstate.yaml"),
    ),
    (
        "contracts/tenfold-cif-v2.yaml",
        include_str!("../../assets/tenfold/contracts/tenfold-cif-v2.yaml"),
    ),
    (
        "manifests/app-profile.yaml",
        include_str!("../../assets/tenfold/manifests/app-profile.yaml"),
    ),
    (
        "manifests/channel-provider.yaml",
        include_str!("../../assets/tenfold/manifests/channel-provider.yaml"),
    ),
    (
        "manifests/templates.yaml",
        include_str!("../../assets/tenfold/manifests/templates.yaml"),
    ),
    (
        "overlays/prod/app-profile.yaml",
        include_str!("../../assets/tenfold/overlays/prod/app-profile.yaml"),
    ),
];

pub(crate) fn run(args: &Args, ui: &mut Ui) -> Result<ExitCode, Error> {
    let folder = match &args.dir {
        Some(folder) => new_folder(folder)?,
        None => temporary_folder()?,
    };
    let told = tell(&folder, ui);
    if args.dir.is_none() {
        // If removal fails, the folder stays in the system's temporary folder, which does no harm.
        drop(std::fs::remove_dir_all(&folder));
    }
    told
}

fn tell(folder: &Path, ui: &mut Ui) -> Result<ExitCode, Error> {
    for (path, text) in EXAMPLE {
        let path = folder.join(path);
        let written = path
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&path, text));
        written.map_err(|source| Error::File {
            what: "could not write",
            path,
            source,
        })?;
    }
    ui.print(format_args!(
        "A telephony vendor's installation guide as files in git, on a Dataverse that runs inside this program.\n{DIM}{} files in {}{DIM:#}\n",
        EXAMPLE.len(),
        shown_path(folder),
    ))?;
    let mut story = Story {
        folder,
        ui,
        step: 0,
    };
    story.command(
        "Are the manifests valid? This contacts nobody.",
        &["validate"],
        0,
    )?;
    story.command(
        "What would change in the environment? This is read-only.",
        &["plan", "--env", "local"],
        0,
    )?;
    story.command(
        "Apply it: all or nothing, then read back.",
        &["apply", "--env", "local", "--yes"],
        0,
    )?;
    story.command("Again: nothing to do.", &["plan", "--env", "local"], 0)?;
    story.edit_by_hand()?;
    story.command("The nightly job finds it.", &["drift", "--env", "local"], 2)?;
    story.command("Put it back.", &["apply", "--env", "local", "--yes"], 0)?;
    story.command("In sync.", &["drift", "--env", "local"], 0)?;
    story.ui.print(format_args!(
        "\n{GOOD}Done.{GOOD:#} Start your own: deskstate init\n"
    ))?;
    Ok(ExitCode::Done)
}

struct Story<'a> {
    folder: &'a Path,
    ui: &'a mut Ui,
    step: usize,
}

impl Story<'_> {
    fn heading(&mut self, text: &str) -> Result<(), Error> {
        self.step += 1;
        self.ui
            .print(format_args!("\n{STRONG}{}. {text}{STRONG:#}\n", self.step))
    }

    /// Runs this program, as a person would.
    fn command(&mut self, text: &str, arguments: &[&str], expected: i32) -> Result<(), Error> {
        self.heading(text)?;
        self.ui
            .print(format_args!("$ deskstate {}\n", arguments.join(" ")))?;
        self.ui.flush()?;
        let program = std::env::current_exe()?;
        let color = if self.ui.colored() { "always" } else { "never" };
        // The command prints its own output to the same streams.
        let mut command = Command::new(&program);
        command
            .current_dir(self.folder)
            .args(["--color", color])
            .args(arguments);
        let status = door::run_ourselves(&mut command);
        let status = status.map_err(|source| Error::File {
            what: "could not run",
            path: program,
            source,
        })?;
        match status.code() {
            Some(code) if code == expected => {
                if code != 0 {
                    self.ui
                        .print(format_args!("{DIM}(exit code {code}){DIM:#}\n"))?;
                }
                Ok(())
            }
            code => Err(Error::failed(format!(
                "`deskstate {}` ended with {code:?} instead of {expected}",
                arguments.join(" ")
            ))),
        }
    }

    fn edit_by_hand(&mut self) -> Result<(), Error> {
        self.heading("Meanwhile Dana edits three things by hand.")?;
        let state = self.folder.join(".deskstate").join("local.json");
        block_on(edit(&state))?;
        self.ui.print(
            "  session template CTI_createSession: communication panel mode is now Hidden\n  \
             notification template CTI_inboundCallNotification: the countdown is now 30 seconds\n  \
             app profile tenfold_appProfile: its description is gone\n",
        )
    }
}

/// Makes Dana's edits through the same Web API that the admin pages use.
async fn edit(state: &Path) -> Result<(), Error> {
    let emulator = environment::start(
        environment::Keeping::Saves(state.to_path_buf()),
        None,
        None,
        &[],
    )
    .await?;
    let done = edit_as_dana(emulator.url()).await;
    emulator.stop().await?;
    done
}

async fn edit_as_dana(address: &str) -> Result<(), Error> {
    let url: EnvironmentUrl = address.parse()?;
    let reader = Reader::open(&Connection::new(url, SignIn::Anonymous))?;
    let dana = id_of(&reader, "systemusers", "systemuserid", "domainname", EDITOR).await?;
    let edits = [
        (
            "msdyn_sessiontemplates",
            "msdyn_sessiontemplateid",
            "CTI_createSession",
            json!({"msdyn_panelstate": 162_450_001}),
        ),
        (
            "msdyn_notificationtemplates",
            "msdyn_notificationtemplateid",
            "CTI_inboundCallNotification",
            json!({"msdyn_timeout": 30}),
        ),
        (
            "msdyn_appconfigurations",
            "msdyn_appconfigurationid",
            "tenfold_appProfile",
            json!({"msdyn_description": null}),
        ),
    ];
    let failed = |why: String| Error::failed(format!("the edits failed: {why}"));
    // If the program has already installed another provider, that one works too.
    drop(rustls::crypto::ring::default_provider().install_default());
    let http = reqwest::Client::new();
    for (set, key, name, body) in edits {
        let id = id_of(&reader, set, key, "msdyn_uniquename", name).await?;
        http.patch(format!(
            "{}/api/data/v9.2/{set}({id})",
            address.trim_end_matches('/')
        ))
        .header("Emulator-User", dana.to_string())
        .header("If-Match", "*")
        .header("Content-Type", "application/json")
        .body(body.to_string())
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .map_err(|error| failed(error.to_string()))?;
    }
    Ok(())
}

/// Finds the ID of the only row whose column has this text.
async fn id_of(
    reader: &Reader,
    set: &str,
    key: &str,
    column: &str,
    text: &str,
) -> Result<Uuid, Error> {
    let query = Query::rows(set)
        .select([key])
        .filter(Filter::eq(column, text));
    let rows = reader.read(&[query]).await?.into_iter().flatten();
    rows.flat_map(|answer| answer.rows)
        .find_map(|row| row.uuid(key))
        .ok_or_else(|| Error::failed(format!("{text} is not there")))
}

/// Creates the requested folder. Existing files are never overwritten.
fn new_folder(folder: &Path) -> Result<PathBuf, Error> {
    let file = |source| Error::File {
        what: "could not use",
        path: folder.to_path_buf(),
        source,
    };
    std::fs::create_dir_all(folder).map_err(file)?;
    if std::fs::read_dir(folder).map_err(file)?.next().is_some() {
        return Err(Error::Refused {
            message: format!("{} is not empty", shown_path(folder)),
            hint: Some("name a new folder".to_owned()),
        });
    }
    std::path::absolute(folder).map_err(file)
}

fn temporary_folder() -> Result<PathBuf, Error> {
    let folder = std::env::temp_dir().join(format!("deskstate-demo-{}", std::process::id()));
    std::fs::create_dir(&folder).map_err(|source| Error::File {
        what: "could not make",
        path: folder.clone(),
        source,
    })?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_carries_the_example_as_it_stands_in_the_repository() {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/tenfold");
        if !examples.is_dir() {
            // A published crate has no examples folder next to it.
            return;
        }
        for (path, text) in EXAMPLE {
            let file = std::fs::read_to_string(examples.join(path)).unwrap_or_default();
            assert_eq!(
                file, *text,
                "{path}: copy examples/tenfold to crates/cli/assets/tenfold"
            );
        }
    }
}
