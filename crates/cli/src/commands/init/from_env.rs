//! `init --from-env`: creates a project whose manifests describe an existing environment.
//!
//! Everything is first written to a folder next to the project's place, and read back from there. The project file moves last, so a run
//! that ends early leaves no project.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use deskstate_dataverse::Reader;
use deskstate_model::{PROJECT_FILE, State, Writes, load, yaml_scalar};
use deskstate_reconcile::export::{Export, Selection};
use deskstate_reconcile::extras::prefix;
use deskstate_reconcile::plan::{Options as PlanOptions, SyncState};
use deskstate_reconcile::probe::privileges_to_write;
use deskstate_reconcile::raise::Options;
use deskstate_reconcile::{Desired, Scope, lower, observe, plan};
use tempfile::TempDir;
use uuid::Uuid;

use super::{
    Args, IGNORED, NewFile, address, ci, ignore_own_folder, project_name, schemas, surroundings,
};
use crate::commands::doctor::{self, findings};
use crate::commands::export::write_documents;
use crate::commands::exporting::{
    counted, export_exactly, read_all, say_left_out, say_perhaps_own,
};
use crate::commands::live::stop_on_interrupt;
use crate::door::{DIM, GOOD};
use crate::environment;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::kept::write_one_of_many;
use crate::output::{count, plain};
use crate::paths::{shown_path, with_slashes};
use crate::suggest;
use crate::ui::Ui;

/// The folder of the manifests.
const MANIFESTS: &str = "manifests";
/// The name of the environment in the new project.
const ENVIRONMENT: &str = "prod";

pub(super) async fn run(
    args: &Args,
    folder: &Path,
    url: &str,
    ui: &mut Ui,
) -> Result<ExitCode, Error> {
    refuse_what_is_taken(folder)?;
    let origin = address(url, ui)?;
    let name = project_name(args, folder)?;
    let (_beside, draft) = draft_folder(folder)?;
    let project = |prefixes: &[&str], organization: Option<Uuid>| {
        let prefixes: Vec<String> = prefixes.iter().map(|one| format!("{one:?}")).collect();
        let organization = organization.map(|id| format!("      organizationId: {id}"));
        include_str!("../../../assets/init/from-env.yaml")
            .replace("{name}", &yaml_scalar(&name))
            .replace("{prefixes}", &format!("[{}]", prefixes.join(", ")))
            .replace("{url}", &origin)
            .replace(
                "{organization}\n",
                &organization.map_or_else(String::new, |line| line + "\n"),
            )
    };
    write_one_of_many(&draft.join(PROJECT_FILE), &project(&[], None))?;
    let (manifests, _) = deskstate_model::load_project(&draft);
    let environment = manifests
        .project
        .as_ref()
        .and_then(|project| project.environments.get(ENVIRONMENT))
        .ok_or(Error::InvalidManifests)?;
    let stop = stop_on_interrupt();
    let access = &args.access;
    environment::with(&draft, environment, access, &stop, async |opened| {
        let reader = Reader::open(&opened.connection)?;
        let live = read_all(&reader, &Desired::default(), environment, ui).await?;
        let privileges = privileges_to_write(&reader).await?;
        let found = findings::of_live(&live, None, privileges.as_ref(), Writes::All);
        let worst = doctor::say(ENVIRONMENT, &opened.address, &found, ui)?;
        let sets = args.writing.sets();
        let options = Options {
            users: args.writing.users(),
            sets: &sets,
            ..Options::default()
        };
        let selection = Selection {
            unmanaged: true,
            ..Selection::default()
        };
        let exported = export_exactly(&reader, &live, &selection, options).await?;
        let found = own_prefixes(&exported);
        say_found(&exported, &found, ui)?;
        let prefixes: Vec<&str> = found.keys().map(String::as_str).collect();
        write_one_of_many(
            &draft.join(PROJECT_FILE),
            &project(&prefixes, live.facts.organization),
        )?;
        for (path, text) in around(args, &name, &origin)? {
            write_one_of_many(&draft.join(path), &text)?;
        }
        write_documents(&draft.join(MANIFESTS), &exported)?;
        let is_empty = plan_is_empty(&draft, &reader).await?;
        put(&draft, folder, ui)?;
        say_left_out(&exported.left_out, ui);
        say_perhaps_own(&exported, ui);
        args.writing.say_sets(&exported, ui);
        ui.verb(
            GOOD,
            "Exported",
            format_args!(
                "{} to {}",
                count(exported.documents.len(), "document"),
                shown_path(&folder.join(MANIFESTS))
            ),
        );
        let is_whole = !exported.loses() && worst != findings::State::Bad;
        match (is_empty, is_whole) {
            (false, _) => ui.note("the environment changed meanwhile: a plan is not empty"),
            (true, true) => ui.note(format_args!(
                "a plan is empty: {ENVIRONMENT} matches the manifests"
            )),
            (true, false) => ui.note(format_args!(
                "a plan is empty, but not everything is in the manifests: see above"
            )),
        }
        let place = with_slashes(folder);
        let here = ["--env", ENVIRONMENT];
        let place = match &args.folder {
            Some(_) => [&here[..], &["--project", &place]].concat(),
            None => here.to_vec(),
        };
        ui.hint(suggest::line("plan", &place));
        Ok(if is_whole && is_empty {
            ExitCode::Done
        } else {
            ExitCode::Failed
        })
    })
    .await
}

/// Refuses a folder that already has a project or manifests, which would mix with the new ones.
fn refuse_what_is_taken(folder: &Path) -> Result<(), Error> {
    let refused = |message: String, hint: &str| {
        Err(Error::Refused {
            message,
            hint: Some(hint.to_owned()),
        })
    };
    if folder.join(PROJECT_FILE).exists() {
        return refused(
            format!("{} already has a {PROJECT_FILE}", shown_path(folder)),
            "choose another folder, or add the environment to that project and run `deskstate export --env NAME --unmanaged --out manifests` there",
        );
    }
    let is_taken =
        std::fs::read_dir(folder.join(MANIFESTS)).is_ok_and(|mut entries| entries.next().is_some());
    if is_taken {
        return refused(
            format!("{} is not empty", shown_path(&folder.join(MANIFESTS))),
            "choose another folder, or move its files away",
        );
    }
    Ok(())
}

/// Creates a temporary folder on the same disk as the project's place. It is removed when the run ends.
fn draft_folder(folder: &Path) -> Result<(TempDir, PathBuf), Error> {
    let absolute = std::path::absolute(folder)?;
    let mut near = absolute.ancestors();
    let near = near.find(|place| place.is_dir()).unwrap_or(&absolute);
    let could_not = |source| Error::File {
        what: "could not write in",
        path: near.to_path_buf(),
        source,
    };
    let beside = tempfile::Builder::new()
        .prefix(".deskstate-init-")
        .tempdir_in(near)
        .map_err(could_not)?;
    // Only its owner can access the temporary folder itself; the project does not need that restriction.
    let draft = beside.path().join("project");
    std::fs::create_dir_all(draft.join(MANIFESTS)).map_err(could_not)?;
    Ok((beside, draft))
}

/// The prefixes of the rows that the project declares, with the number of rows of each.
fn own_prefixes(exported: &Export) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for document in &exported.documents {
        let prefix = prefix(document.key.name.as_written()).filter(|prefix| {
            let is_prefix = prefix.bytes().all(|byte| byte.is_ascii_alphanumeric());
            is_prefix && !prefix.is_empty() && prefix != "msdyn"
        });
        if let (State::Present, Some(prefix)) = (document.state, prefix) {
            *found.entry(prefix).or_default() += 1;
        }
    }
    found
}

fn say_found(
    exported: &Export,
    prefixes: &BTreeMap<String, usize>,
    ui: &mut Ui,
) -> Result<(), Error> {
    let (own, others): (Vec<_>, Vec<_>) = exported
        .documents
        .iter()
        .partition(|document| document.state == State::Present);
    ui.line(format_args!(
        "found {} to manage, and {} to refer to, as `existing`",
        count(own.len(), "row"),
        others.len()
    ))?;
    let without = own.len() - prefixes.values().sum::<usize>();
    if !prefixes.is_empty() {
        ui.line(format_args!("prefixes: {}", counted(prefixes)))?;
    }
    if without > 0 {
        ui.line(format_args!("without a prefix: {without}"))?;
    }
    Ok(())
}

/// The project's files other than the manifests.
fn around(args: &Args, name: &str, origin: &str) -> Result<Vec<NewFile>, Error> {
    let readme = include_str!("../../../assets/init/README.md")
        .replace("{name}", name)
        .replace("{url}", origin);
    let mut files = vec![
        ("README.md".to_owned(), readme),
        // Git does not keep empty folders, and an environment may have nothing to declare yet.
        (format!("{MANIFESTS}/.gitkeep"), String::new()),
    ];
    files.extend(surroundings());
    files.extend(schemas()?);
    if let Some(host) = args.ci {
        let stages = [ENVIRONMENT.to_owned()];
        files.extend(ci::files(host, &stages));
    }
    Ok(files)
}

/// Plans the project from the files that were written, and returns whether the plan is empty.
async fn plan_is_empty(draft: &Path, reader: &Reader) -> Result<bool, Error> {
    let (manifests, found) = load(draft, Some(ENVIRONMENT));
    if let Some(error) = found.iter().find(|finding| finding.is_error()) {
        return Err(Error::failed(format!(
            "the manifests of this environment are not valid, so nothing was written: {}",
            plain(&error.message)
        )));
    }
    let desired = lower(&manifests);
    let live = observe(reader, &desired, &Scope::default()).await?;
    let (plan, _) = plan(&desired, &live, &PlanOptions::default());
    Ok(plan.state() == SyncState::InSync)
}

/// Moves the draft to the project's place: as a unit, or file by file into an existing folder, the project file last.
fn put(draft: &Path, folder: &Path, ui: &mut Ui) -> Result<(), Error> {
    let could_not = |path: &Path| {
        let path = path.to_path_buf();
        move |source| Error::File {
            what: "could not write",
            path,
            source,
        }
    };
    if !folder.exists() {
        if let Some(parent) = folder.parent() {
            std::fs::create_dir_all(parent).map_err(could_not(parent))?;
        }
        std::fs::rename(draft, folder).map_err(could_not(folder))?;
        ui.verb(GOOD, "Created", shown_path(folder));
        return Ok(());
    }
    let mut moved = Vec::new();
    let done = files_of(draft).map_err(could_not(draft)).and_then(|files| {
        for file in files {
            let to = folder.join(&file);
            if to.exists() {
                if file == Path::new(IGNORED) && ignore_own_folder(&to, ui)? {
                    ui.verb(GOOD, "Extended", shown_path(&file));
                } else {
                    ui.verb(DIM, "Kept", shown_path(&file));
                }
                continue;
            }
            if let Some(parent) = to.parent() {
                std::fs::create_dir_all(parent).map_err(could_not(parent))?;
            }
            std::fs::rename(draft.join(&file), &to).map_err(could_not(&to))?;
            moved.push(to);
            if !file.starts_with(MANIFESTS) {
                ui.verb(GOOD, "Created", shown_path(&file));
            }
        }
        Ok(())
    });
    if done.is_err() {
        for file in moved {
            drop(std::fs::remove_file(file));
        }
    }
    done
}

/// All files below a folder, the project file last.
fn files_of(root: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(relative) = path.strip_prefix(root) {
                found.push(relative.to_path_buf());
            }
        }
    }
    found.sort_by_key(|path| (path == Path::new(PROJECT_FILE), path.clone()));
    Ok(found)
}
