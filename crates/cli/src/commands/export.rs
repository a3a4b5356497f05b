//! `export`: writes live rows, or a solution file, as manifests that plan to no changes. Cannot write to an environment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use deskstate_dataverse::Reader;
use deskstate_model::{Kind, ResourceKey, fold, load};
use deskstate_reconcile::export::{
    Export, Selection, export, file_names, folder as folder_of, prefixes, write,
};
use deskstate_reconcile::extras::prefix;
use deskstate_reconcile::raise::Options;
use deskstate_reconcile::sanitize::sanitize;
use deskstate_reconcile::{Desired, solution};

use super::choosing::{self, Choosing};
use super::exporting::{Writing, counted, export_exactly, read_all, say_left_out, say_perhaps_own};
use super::live::stop_on_interrupt;
use crate::door::{DIM, GOOD, WARN};
use crate::environment::{self, Access};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::kept::write_one_of_many;
use crate::output::count;
use crate::output::plain;
use crate::paths::shown_path;
use crate::project::{self, Need, load_environment, load_project_file};
use crate::ui::Ui;

/// Writes live rows, or a solution file, as manifests that plan to no changes
///
/// Writes everything, or the selected resources and their dependencies. Without `--out`, prints the documents to stdout.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The environment
    #[arg(
        long,
        short,
        value_name = "NAME",
        required_unless_present = "solution",
        conflicts_with = "solution"
    )]
    env: Option<String>,
    /// Read an exported file instead: a solution or Configuration Migration data, zipped or unpacked. No environment is contacted
    #[arg(long, value_name = "ZIP|DIR")]
    solution: Option<PathBuf>,
    /// Exit with 1 if the exported tables have columns that deskstate does not manage, custom ones or newer ones of Microsoft's; with `--solution`, any column or text in another language that deskstate does not manage
    #[arg(long)]
    strict: bool,
    /// Include rows with this prefix; repeat it for several
    #[arg(long, value_name = "PREFIX")]
    prefix: Vec<String>,
    /// Only rows that belong neither to Microsoft nor to a managed solution; dependencies are included as `existing`
    #[arg(long)]
    unmanaged: bool,
    /// Rows of this kind; may be given several times
    #[arg(long, value_name = "KIND")]
    kind: Vec<Kind>,
    /// A folder for the files: one for each document, below a folder for each kind
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Overwrite existing files
    #[arg(long, requires = "out")]
    force: bool,
    /// Omit values that a new row has by default; omitted values are not watched for drift
    #[arg(long)]
    skip_defaults: bool,
    #[command(flatten)]
    writing: Writing,
    /// Replace principal names, addresses, hosts of URLs and ids, for sharing; read the result before you share it
    #[arg(long)]
    sanitize: bool,
    #[command(flatten)]
    choosing: Choosing,
    #[command(flatten)]
    access: Access,
}

pub(crate) async fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let mut selection = Selection {
        prefixes: args
            .prefix
            .iter()
            .map(|prefix| prefix.trim_end_matches('_').to_owned())
            .collect(),
        kinds: args.kind.iter().copied().collect(),
        unmanaged: args.unmanaged,
        what: args.choosing.selectors(),
        ..Selection::default()
    };
    let sets = args.writing.sets();
    let options = Options {
        users: args.writing.users(),
        sets: &sets,
        skip_defaults: args.skip_defaults,
        ..Options::default()
    };
    let (mut exported, whole, live) = match (&args.env, &args.solution) {
        (Some(name), _) => of_environment(args, name, global, &mut selection, options, ui).await?,
        // Without an environment, the command-line parser requires a file.
        (None, file) => {
            let file = file.as_deref().unwrap_or(Path::new(""));
            of_file(file, &selection, options, args.strict, global, ui)?
        }
    };
    if args.sanitize {
        sanitize(&mut exported);
    }
    let kept = match &args.out {
        Some(folder) => keep_declared(folder, &mut exported, global, ui)?,
        None => false,
    };
    match &args.out {
        _ if exported.documents.is_empty() => {}
        Some(folder) => write_files(folder, &exported, args.force, ui)?,
        None => {
            let documents: Vec<String> = exported.documents.iter().map(write).collect();
            ui.print(documents.join("---\n"))?;
        }
    }
    choosing::say_along(&exported.needed, ui);
    say_left_out(&exported.left_out, ui);
    say_perhaps_own(&exported, ui);
    args.writing.say_sets(&exported, ui);
    if args.skip_defaults {
        ui.note("what equals a default was left out, and is not watched for drift");
    }
    choosing::refuse_nothing(&exported.not_found)?;
    if !kept || !exported.documents.is_empty() {
        say_unmatched(args, &exported, &live, ui)?;
    }
    Ok(if whole {
        ExitCode::Done
    } else {
        ExitCode::Failed
    })
}

/// Reports requested prefixes and kinds that do not exist. If something was requested and nothing matches, that is an error.
fn say_unmatched(
    args: &Args,
    exported: &Export,
    live: &BTreeMap<String, usize>,
    ui: &mut Ui,
) -> Result<(), Error> {
    let place = match (&args.env, &args.solution) {
        (Some(name), _) => format!("`{name}`"),
        (None, file) => format!("`{}`", shown_path(file.as_deref().unwrap_or(Path::new("")))),
    };
    let keys = || exported.documents.iter().map(|document| &document.key);
    let is_nothing = exported.documents.is_empty() && exported.left_out.is_empty();
    let prefixes = args.prefix.iter().filter(|wanted| {
        let wanted = fold(wanted.trim_end_matches('_'));
        !keys().any(|key| prefix(key.name.as_written()).as_ref() == Some(&wanted))
    });
    let kinds = args.kind.iter();
    let kinds = kinds.filter(|kind| !keys().any(|key| key.kind == **kind));
    let options: Vec<String> = prefixes
        .map(|prefix| format!("--prefix {}", plain(prefix)))
        .chain(kinds.map(|kind| format!("--kind {kind}")))
        .collect();
    if is_nothing && (!options.is_empty() || !args.choosing.is_everything()) {
        let mut wanted = options;
        if !args.choosing.is_everything() {
            wanted.push("the selection".to_owned());
        }
        return Err(Error::Failed {
            message: format!("nothing in {place} matches {}", wanted.join(", ")),
            hint: Some(if args.prefix.is_empty() || live.is_empty() {
                "check the spelling, or leave the options out to export everything".to_owned()
            } else {
                format!("{place} has the prefixes {}", counted(live))
            }),
        });
    }
    if is_nothing {
        ui.note(format_args!("{place} has nothing to export"));
    } else {
        if exported.documents.is_empty() {
            ui.note(format_args!(
                "{WARN}warning{WARN:#}: no document was written; the messages above say why"
            ));
        }
        let lacks_prefix = options.iter().any(|option| option.starts_with("--prefix"));
        for option in options {
            ui.note(format_args!(
                "{WARN}note{WARN:#}: nothing in {place} matches {option}"
            ));
        }
        if lacks_prefix && !live.is_empty() {
            ui.hint(format_args!("{place} has the prefixes {}", counted(live)));
        }
    }
    Ok(())
}

/// The export, whether it is complete, and the existing prefixes.
type Exported = (Export, bool, BTreeMap<String, usize>);

fn of_file(
    path: &Path,
    selection: &Selection,
    options: Options<'_>,
    strict: bool,
    global: &Global,
    ui: &mut Ui,
) -> Result<Exported, Error> {
    let package = solution::read(path).map_err(|error| Error::failed(error.to_string()))?;
    ui.verb(GOOD, "Read", plain(&package.form.to_string()));
    // A file can be read outside a project.
    let project = project::root(global).ok();
    let project = project.and_then(|root| load(&root, None).0.project);
    let owned = project.map_or_else(Vec::new, |project| project.folded_owned_names());
    let options = Options {
        owned: &owned,
        from_file: true,
        ..options
    };
    let mut exported = export(&package.live, selection, options);
    exported.leave_out_refused();
    exported.left_out.extend(package.left_out.clone());
    let referred: Vec<String> = package.told_referred(&exported).collect();
    let notes = referred.iter().chain(&package.notes);
    for note in notes.chain(&package.unmodelled) {
        ui.note(format_args!("{WARN}note{WARN:#}: {}", plain(note)));
    }
    let whole = !exported.loses() && (!strict || package.unmodelled.is_empty());
    Ok((exported, whole, prefixes(&package.live)))
}

async fn of_environment(
    args: &Args,
    name: &str,
    global: &Global,
    selection: &mut Selection,
    options: Options<'_>,
    ui: &mut Ui,
) -> Result<Exported, Error> {
    // Labels come from the manifests; everything else is read from the environment.
    let by_label = args.choosing.uses_labels();
    let loaded = if by_label {
        load_environment(global, name, ui)?
    } else {
        load_project_file(global, name, Need::ProjectFile, ui)?
    };
    selection.labels = choosing::labels(&loaded.manifests);
    let environment = loaded.environment()?;
    let stop = stop_on_interrupt();
    environment::with(&loaded.root, environment, &args.access, &stop, async |opened| {
    let reader = Reader::open(&opened.connection)?;
    let owned = loaded.owned_names();
    let options = Options {
        owned: &owned,
        ..options
    };
    let live = read_all(&reader, &Desired::default(), environment, ui).await?;
    if !live.facts.reads_base_language() {
        ui.note(format_args!(
            "{WARN}warning{WARN:#}: the caller does not read the organization's base language; texts are in the caller's"
        ));
    }
    let exported = export_exactly(&reader, &live, selection, options).await?;
    let unmodelled = exported.unmodelled(&live);
    for columns in &unmodelled {
        ui.note(format_args!(
            "{WARN}note{WARN:#}: {}",
            plain(&columns.to_string())
        ));
    }
    let whole = !exported.loses() && (!args.strict || unmodelled.is_empty());
    Ok((exported, whole, prefixes(&live)))
    })
    .await
}

/// Leaves out what the project declares already, if the folder is one of its folders of manifests: it would be declared twice, or its file
/// would be overwritten although somebody selected something else. Returns whether it left out anything.
fn keep_declared(
    folder: &Path,
    exported: &mut Export,
    global: &Global,
    ui: &mut Ui,
) -> Result<bool, Error> {
    let Ok(root) = project::root(global) else {
        return Ok(false);
    };
    let (Some(root_path), Some(out)) = (real(&root), real(folder)) else {
        return Ok(false);
    };
    let Ok(below) = out.strip_prefix(&root_path) else {
        return Ok(false);
    };
    let (manifests, _) = load(&root, None);
    let Some(project) = &manifests.project else {
        return Ok(false);
    };
    let starts: Vec<&str> = project
        .manifests
        .iter()
        .map(|pattern| {
            let whole = pattern.value.as_str();
            let start = whole.split(['*', '?', '[', '{']).next().unwrap_or("");
            let start = match start == whole {
                true => start,
                false => start.rsplit_once('/').map_or("", |(folders, _)| folders),
            };
            match start.trim_start_matches("./") {
                "." => "",
                start => start,
            }
        })
        .collect();
    let declared: BTreeMap<&ResourceKey, &Path> = manifests
        .resources
        .iter()
        .map(|one| {
            let file = manifests.sources.path(one.name_span.file);
            (&one.key, Path::new(file))
        })
        .collect();
    let names = file_names(exported.documents.iter().map(|document| &document.key));
    let mut kept = Vec::new();
    let mut own = names.iter();
    let needed: BTreeSet<&ResourceKey> = exported.needed.iter().map(|(key, _)| key).collect();
    exported.documents.retain(|document| {
        let own = own.next().map(|name| below.join(name)).unwrap_or_default();
        let is_loaded = starts.iter().any(|start| own.starts_with(start));
        match declared.get(&document.key) {
            Some(file) if is_loaded && (own != **file || needed.contains(&document.key)) => {
                kept.push((document.key.clone(), file.display().to_string()));
                false
            }
            _ => true,
        }
    });
    let mut by_file: BTreeMap<&Path, Vec<&ResourceKey>> = BTreeMap::new();
    for (key, file) in &declared {
        by_file.entry(file).or_default().push(key);
    }
    let names = file_names(exported.documents.iter().map(|document| &document.key));
    for (name, document) in names.iter().zip(&exported.documents) {
        let own = below.join(name);
        let mut others = by_file.get(own.as_path()).into_iter().flatten();
        if let Some(other) = others.find(|key| **key != &document.key) {
            return Err(Error::Refused {
                message: plain(&format!(
                    "{} declares {other}, and would be overwritten with {}; nothing was written",
                    own.display(),
                    document.key
                )),
                hint: Some("choose another `--out`".to_owned()),
            });
        }
    }
    let gone: BTreeSet<&ResourceKey> = kept.iter().map(|(key, _)| key).collect();
    exported.needed.retain(|(key, _)| !gone.contains(key));
    if let Some((first, file)) = kept.first() {
        ui.verb(
            DIM,
            "Kept",
            format_args!(
                "{} declared already, such as {}",
                match kept.len() {
                    1 => "1 document that is".to_owned(),
                    several => format!("{several} documents that are"),
                },
                plain(&format!("{first} in {file}"))
            ),
        );
    }
    Ok(!kept.is_empty())
}

/// The folder without links and dots, whether or not it exists.
fn real(folder: &Path) -> Option<PathBuf> {
    let whole = std::path::absolute(folder).ok()?;
    let there = whole.ancestors().find(|ancestor| ancestor.exists())?;
    let rest = whole.strip_prefix(there).ok()?;
    Some(there.canonicalize().ok()?.join(rest))
}

/// Writes each document to its own file below a folder.
pub(super) fn write_documents(folder: &Path, exported: &Export) -> Result<(), Error> {
    let names = file_names(exported.documents.iter().map(|document| &document.key));
    for (name, document) in names.iter().zip(&exported.documents) {
        write_one_of_many(&folder.join(name), &write(document))?;
    }
    Ok(())
}

fn write_files(folder: &Path, exported: &Export, force: bool, ui: &mut Ui) -> Result<(), Error> {
    let names = file_names(exported.documents.iter().map(|document| &document.key));
    let taken: Vec<&String> = names
        .iter()
        .filter(|name| !force && folder.join(name).exists())
        .collect();
    if let Some(first) = taken.first() {
        return Err(Error::Refused {
            message: format!(
                "{} of the files already {}, such as {first}; nothing was written",
                taken.len(),
                if taken.len() == 1 { "exists" } else { "exist" }
            ),
            hint: Some("use `--force` to overwrite, or choose another `--out`".to_owned()),
        });
    }
    write_documents(folder, exported)?;
    ui.verb(
        GOOD,
        "Exported",
        format_args!(
            "{} to {}",
            count(exported.documents.len(), "document"),
            shown_path(folder)
        ),
    );
    say_others(folder, &names, ui);
    Ok(())
}

/// Names the files of an earlier export that this one did not write: the rows in them may be gone, and a plan would create them again.
fn say_others(folder: &Path, written: &[String], ui: &mut Ui) {
    let mut others = BTreeSet::new();
    for of_kind in Kind::all().map(folder_of) {
        let entries = std::fs::read_dir(folder.join(of_kind))
            .into_iter()
            .flatten();
        for entry in entries.flatten() {
            let name = format!("{of_kind}/{}", entry.file_name().to_string_lossy());
            let is_manifest = name.ends_with(".yaml") || name.ends_with(".yml");
            if is_manifest && !written.contains(&name) {
                others.insert(name);
            }
        }
    }
    if let Some(first) = others.first() {
        ui.note(format_args!(
            "{} in {} not written by this export, such as {}; delete what no longer exists in the environment, or a plan creates it again",
            if others.len() == 1 { "1 file is".to_owned() } else { format!("{} files are", others.len()) },
            shown_path(folder),
            plain(first),
        ));
    }
}
