//! `adopt`: copies live values into the existing manifests. Cannot write to an environment.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use deskstate_dataverse::Reader;
use deskstate_files::Limit;
use deskstate_model::{
    DEFAULT_FOLDER, Diagnostic, Environment, Kind, Manifests, Project, ResourceKey, load,
    load_with, tables,
};
use deskstate_reconcile::adopt::{
    Adoption, FileChange, Into as Place, Request, adopt, given_profiles, left_without_profile,
};
use deskstate_reconcile::drift::plan_accepting;
use deskstate_reconcile::export::{Export, Selection};
use deskstate_reconcile::live::Live;
use deskstate_reconcile::plan::{Options as PlanOptions, Plan, SyncState};
use deskstate_reconcile::raise::Options;
use deskstate_reconcile::selection::{NothingChosen, Selector, select};
use deskstate_reconcile::{Desired, lower, plan};
use similar::{ChangeTag, TextDiff};

use super::choosing::{self, Choosing};
use super::exporting::{People, export_exactly, read_all, say_left_out};
use super::live::stop_on_interrupt;
use crate::door::{GOOD, WARN};
use crate::environment::{self, Access};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::kept::write_files;
use crate::output::count;
use crate::output::plain;
use crate::output::sides;
use crate::output::verdict::unplanned;
use crate::paths::{shown_path, with_slashes};
use crate::project::{Loaded, load_environment};
use crate::today;
use crate::ui::Ui;

/// Copies manual changes back into your manifests, preserving comments, order and quoting
///
/// In an environment with an overlay, values that the base holds are written to the overlay, and so are those of an overlay that other
/// environments share, if the last overlay is this environment's own. `Wrote` names the other environments of a file. An undeclared row that
/// you name becomes a new file. A variable stays in its file: an overlay gets the value, or adopt refuses. Differences that
/// rules under `ignore` accept are left out. Adopts only the selected resources, not their dependencies. It cannot tell manual changes from
/// commits that are not applied yet: if there are any, select resources.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The environment
    #[arg(long, short, value_name = "NAME")]
    env: String,
    /// Where to write values that the base holds, if the environment has an overlay
    #[arg(long, value_enum, default_value_t = Into::Overlay, value_name = "WHERE")]
    into: Into,
    /// Show the patch and write nothing; exit with 2 if there is one
    #[arg(long)]
    check: bool,
    /// How users are written
    #[arg(long, value_enum, default_value_t = People::Upn, value_name = "HOW")]
    users: People,
    #[command(flatten)]
    choosing: Choosing,
    #[command(flatten)]
    access: Access,
}

/// The target of adopted values: the base or the overlay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Into {
    /// For all environments.
    Base,
    /// For this environment.
    Overlay,
}

pub(crate) async fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let loaded = load_environment(global, &args.env, ui)?;
    let environment = loaded.environment()?;
    let (only, new) = chosen(&args.choosing, &loaded)?;
    let stop = stop_on_interrupt();
    environment::with(
        &loaded.root,
        environment,
        &args.access,
        &stop,
        async |opened| {
            let reader = Reader::open(&opened.connection)?;
            let what = (only, new);
            let worked_out = work_out(&reader, &loaded, what, args.into, args.users, ui).await?;
            let WorkedOut {
                adoption,
                plan,
                new,
            } = &worked_out;
            if !args.check {
                let files: Vec<(PathBuf, String)> = adoption
                    .files
                    .iter()
                    .map(|(path, change)| {
                        let path = loaded.root.join(path);
                        // A symbolic link is kept, and its target is changed.
                        let path = path.canonicalize().unwrap_or(path);
                        let text = as_it_will_be(&path, change)?;
                        Ok((path, text))
                    })
                    .collect::<Result<_, Error>>()?;
                write_files(&files)?;
            }
            if args.check {
                ui.print(patch(adoption, &loaded.root))?;
            }
            tell(adoption, plan, &loaded, ui);
            if !args.check {
                for path in adoption.files.keys() {
                    let others = sharing(path, &loaded);
                    let also = if others.is_empty() {
                        String::new()
                    } else {
                        format!(", also read for {}", plain(&others.join(", ")))
                    };
                    ui.verb(GOOD, "Wrote", format_args!("{}{also}", plain(path)));
                }
            }
            say_left_out(&new.left_out, ui);
            choosing::refuse_nothing(&new.not_found)?;
            if new.loses() {
                return Err(Error::failed("not every named resource could be written"));
            }
            end(adoption, plan, args)
        },
    )
    .await
}

/// The files that would be written, and the data they are derived from.
pub(super) struct WorkedOut {
    pub(super) adoption: Adoption,
    pub(super) plan: Plan,
    /// Rows that no manifest declares.
    pub(super) new: Export,
}

/// Reads the live environment and computes which files would change. Writes nothing.
pub(super) async fn work_out(
    reader: &Reader,
    loaded: &Loaded,
    (only, new): (Option<BTreeSet<ResourceKey>>, Vec<Selector>),
    into: Into,
    users: People,
    ui: &mut Ui,
) -> Result<WorkedOut, Error> {
    let environment = loaded.environment()?;
    let declared = lower(&loaded.manifests);
    let mut desired = declared.clone();
    let owned = loaded.owned_names();
    let writing = Options {
        users: users.into(),
        owned: &owned,
        project: Some(&declared),
        ..Options::default()
    };
    let (live, new) = read(reader, &desired, environment, new, writing, ui).await?;
    let mut options = PlanOptions {
        only,
        only_compares: true,
        adopts: true,
        ..PlanOptions::default()
    };
    let (rules, today) = (&loaded.manifests, today::utc());
    let ((plan, found), accepted) =
        plan_accepting(rules, &today, &mut desired, &live, &mut options);
    if !accepted.is_empty() {
        ui.note(format_args!(
            "{} not adopted: rules under `ignore` accept {}",
            count(accepted.len(), "difference"),
            if accepted.len() == 1 { "it" } else { "them" }
        ));
    }
    // No manifest can say that a user has two profiles, so nothing of it is adopted.
    let is_told =
        |finding: &Diagnostic| finding.is_error() || finding.code == "user-has-two-profiles";
    let errors: Vec<Diagnostic> = found.into_iter().filter(is_told).collect();
    if !errors.is_empty() {
        ui.findings(&errors, &loaded.manifests.sources);
    }
    let overlays = overlays_to_write(environment, loaded);
    let project = loaded.manifests.project.as_ref();
    let folder = project.and_then(Project::folder_for_new_files);
    let mut unfit = BTreeMap::new();
    let adoption = loop {
        let adoption = adopt(&Request {
            manifests: &loaded.manifests,
            desired: &desired,
            live: &live,
            plan: &plan,
            accepted: &accepted,
            new: &new,
            into: match into {
                Into::Base => Place::Base,
                Into::Overlay => Place::Overlay,
            },
            overlays: &overlays,
            reads: &|path| environment.overlay_reads(path),
            folder: folder.as_deref().unwrap_or(DEFAULT_FOLDER),
            options: writing,
            unfit: &unfit,
        });
        let Some(after) = keeps_valid(&adoption, loaded, &environment.name, ui)? else {
            break adoption;
        };
        let options = PlanOptions {
            only: options.only.clone(),
            only_compares: true,
            adopts: true,
            ..PlanOptions::default()
        };
        let different = differing(&adoption, &after, &live, options, &today);
        let why = "the manifests would still differ from the environment: edit it by hand";
        let mut found: BTreeMap<(ResourceKey, String), String> = different
            .into_iter()
            .map(|field| (field, why.to_owned()))
            .collect();
        found.extend(stranding(&adoption, &declared, &after, &live));
        if found.is_empty() {
            break adoption;
        }
        unfit.extend(found);
    };
    Ok(WorkedOut {
        adoption,
        plan,
        new,
    })
}

fn overlays(environment: &Environment) -> impl Iterator<Item = String> {
    let folders = environment.overlay.iter();
    folders.map(|folder| plain_folder(&folder.value.to_string_lossy()))
}

/// The folder as every file below it names it: `./o/dev/` and `o/dev/*.yaml` are `o/dev`.
fn plain_folder(written: &str) -> String {
    let parts = written.split(['/', '\\']);
    let parts = parts.filter(|part| !part.is_empty() && *part != ".");
    let parts: Vec<&str> = parts
        .take_while(|part| !part.contains(['*', '?']))
        .collect();
    parts.join("/")
}

fn other_environments(loaded: &Loaded) -> impl Iterator<Item = &Environment> {
    let all = loaded.manifests.project.iter();
    let all = all.flat_map(|project| project.environments.values());
    let own = loaded.environment().ok().map(|own| own.name.clone());
    all.filter(move |other| Some(&other.name) != own.as_ref())
}

/// The overlays to which values may go: those that no other environment has. If the last one is shared, it decides, so that there is no
/// choice.
fn overlays_to_write(environment: &Environment, loaded: &Loaded) -> Vec<String> {
    let is_shared = |folder: &String| {
        let own = place(&loaded.root, folder);
        let mut others = other_environments(loaded);
        others.any(|other| overlays(other).any(|one| place(&loaded.root, &one) == own))
    };
    let all: Vec<String> = overlays(environment).collect();
    if all.last().is_some_and(is_shared) {
        return all;
    }
    all.into_iter()
        .filter(|folder| !is_shared(folder))
        .collect()
}

/// The other environments that read a file, also through links.
fn sharing<'a>(path: &str, loaded: &'a Loaded) -> Vec<&'a str> {
    let file = place(&loaded.root, path);
    let is_in = |folder: &String| {
        Path::new(path).starts_with(folder) || leads_to(&place(&loaded.root, folder), &file)
    };
    let mut everywhere = other_environments(loaded).chain(loaded.environment());
    let is_base = !everywhere.any(|one| overlays(one).any(|folder| is_in(&folder)));
    other_environments(loaded)
        .filter(|other| is_base || overlays(other).any(|folder| is_in(&folder)))
        .map(|other| other.name.as_str())
        .collect()
}

/// Where a path of a project is, without links on the way.
fn place(root: &Path, path: &str) -> PathBuf {
    let place = root.join(path);
    place.canonicalize().unwrap_or(place)
}

/// Whether a file is in a folder, or links in the folder lead to it.
fn leads_to(folder: &Path, file: &Path) -> bool {
    let mut seen = BTreeSet::from([folder.to_owned()]);
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        if file.starts_with(&folder) {
            return true;
        }
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        for entry in entries {
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if !kind.is_symlink() && !kind.is_dir() {
                continue;
            }
            // What a link leads to can hold further links.
            if let Ok(next) = entry.path().canonicalize()
                && seen.insert(next.clone())
            {
                open.push(next);
            }
        }
    }
    false
}

/// Renders the changes as one patch that `git apply` accepts.
pub(super) fn patch(adoption: &Adoption, root: &Path) -> String {
    let mut text = String::new();
    for (path, change) in &adoption.files {
        let before = change.before.as_deref();
        let diff = TextDiff::from_lines(before.unwrap_or_default(), &change.after);
        for line in look_alikes(&diff) {
            text.push_str(&format!("# {line}\n"));
        }
        text.push_str(&patch_in(root, path, before, &change.after));
    }
    text
}

/// Renders the change of a file of a project as a patch. Git knows a file behind a link by its own path.
pub(super) fn patch_in(root: &Path, path: &str, before: Option<&str>, after: &str) -> String {
    let real = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    // A new file has no place of its own yet.
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let at = match before {
        Some(_) => place(root, path),
        None => place(root, folder).join(name),
    };
    let own = at.strip_prefix(&real).ok().map(with_slashes);
    patch_of_file(own.as_deref().unwrap_or(path), before, after)
}

/// Renders the change of one file as a patch. A file without a previous text is new.
pub(super) fn patch_of_file(path: &str, before: Option<&str>, after: &str) -> String {
    let old = match before {
        Some(_) => format!("a/{path}"),
        None => "/dev/null".to_owned(),
    };
    let diff = TextDiff::from_lines(before.unwrap_or_default(), after);
    let mut patch = diff.unified_diff();
    patch.header(&old, &format!("b/{path}")).to_string()
}

/// Lists changed lines that look alike, with the code points that differ. Tools that read a patch skip these lines.
fn look_alikes(diff: &TextDiff<'_, '_, str>) -> Vec<String> {
    let changed = || {
        let changes = diff.iter_all_changes();
        changes.filter(|change| change.tag() != ChangeTag::Equal)
    };
    let alike = sides::alike(changed().map(|change| change.value().trim_end_matches('\n')));
    if alike.is_empty() {
        return Vec::new();
    }
    let heading = "These lines look alike; the characters that differ are given as numbers:";
    let lines = changed().filter_map(|change| {
        let told = alike.get(change.value().trim_end_matches('\n'))?;
        Some(format!("{} {told}", change.tag()))
    });
    std::iter::once(heading.to_owned()).chain(lines).collect()
}

/// Reads all live rows, and exports the requested undeclared rows as documents that pass `validate` and plan to no changes.
async fn read(
    reader: &Reader,
    desired: &Desired,
    environment: &Environment,
    new: Vec<Selector>,
    writing: Options<'_>,
    ui: &mut Ui,
) -> Result<(Live, Export), Error> {
    let live = read_all(reader, desired, environment, ui).await?;
    if new.is_empty() {
        return Ok((live, Export::default()));
    }
    let selection = Selection {
        what: new,
        ..Selection::default()
    };
    let mut exported = export_exactly(reader, &live, &selection, writing).await?;
    let declared: BTreeSet<String> = desired.resources.keys().map(ToString::to_string).collect();
    exported
        .left_out
        .retain(|(resource, _)| !declared.contains(resource));
    Ok((live, exported))
}

/// Splits the selection into the declared resources to adopt (`None` for all) and the named rows that no manifest declares.
pub(super) fn chosen(
    choosing: &Choosing,
    loaded: &Loaded,
) -> Result<(Option<BTreeSet<ResourceKey>>, Vec<Selector>), Error> {
    if choosing.is_everything() {
        return Ok((None, Vec::new()));
    }
    let desired = lower(&loaded.manifests);
    let (selection, nothing) = select(&loaded.manifests, &desired, &choosing.selectors());
    let (new, nothing): (Vec<NothingChosen>, Vec<NothingChosen>) = nothing
        .into_iter()
        .partition(|nothing| nothing.selector.names_one());
    choosing::refuse_nothing(&nothing)?;
    let new = new.into_iter().map(|nothing| nothing.selector).collect();
    // Their dependencies stay as declared: adopting one resource does not adopt another.
    Ok((Some(selection.chosen), new))
}

/// The text of a file after its change, with its byte order mark. Fails if somebody changed the file since it was
/// read: reading an environment can take a while.
fn as_it_will_be(path: &Path, change: &FileChange) -> Result<String, Error> {
    const MARK: &str = "\u{feff}";
    let now = deskstate_files::read(path, Limit::MANIFEST).ok();
    let (mark, now) = match &now {
        Some(bytes) => match bytes.strip_prefix(MARK.as_bytes()) {
            Some(rest) => (MARK, Some(rest)),
            None => ("", Some(bytes.as_slice())),
        },
        None => ("", None),
    };
    if now != change.before.as_deref().map(str::as_bytes) {
        return Err(Error::Failed {
            message: format!(
                "{} was changed while the environment was read; nothing was written",
                shown_path(path)
            ),
            hint: Some("run the command again".to_owned()),
        });
    }
    Ok(format!("{mark}{}", change.after))
}

/// Fails the command if fields were refused; the other fields have been adopted.
fn end(adoption: &Adoption, plan: &Plan, args: &Args) -> Result<ExitCode, Error> {
    match unplanned(&plan.resources, &plan.elsewhere).count() {
        0 => {}
        number => {
            return Err(Error::failed(format!(
                "{} could not be compared, so nothing was adopted there",
                count(number, "part")
            )));
        }
    }
    if !adoption.refused.is_empty() {
        return Err(Error::failed(format!(
            "{} could not be adopted",
            count(adoption.refused.len(), "difference")
        )));
    }
    if args.check && !adoption.files.is_empty() {
        return Ok(ExitCode::Differences);
    }
    Ok(ExitCode::Done)
}

fn tell(adoption: &Adoption, plan: &Plan, loaded: &Loaded, ui: &mut Ui) {
    for one in unplanned(&plan.resources, &plan.elsewhere) {
        ui.say(format!(
            "{WARN}not compared{WARN:#}: {} {}",
            plain(&one.about()),
            plain(&one.words())
        ));
    }
    for (key, path) in &adoption.adopted {
        ui.verb(
            GOOD,
            "Adopted",
            format_args!("{}", plain(format!("{key} {path}").trim_end())),
        );
    }
    for refusal in &adoption.refused {
        let place = refusal
            .place
            .map(|span| {
                let (line, column) = loaded.manifests.sources.line_column(span);
                format!(
                    " ({}:{line}:{column})",
                    loaded.manifests.sources.path(span.file)
                )
            })
            .unwrap_or_default();
        let about = format!("{} {}", refusal.key, refusal.path);
        ui.say(format_args!(
            "{WARN}not adopted{WARN:#}: {}: {}{place}",
            plain(about.trim_end()),
            plain(&refusal.why)
        ));
    }
    if plan.state() == SyncState::InSync && adoption.adopted.is_empty() {
        ui.note("nothing differs");
    }
}

/// Adopted fields that differ from the environment with the new manifests, too. What rules accept does not count.
fn differing(
    adoption: &Adoption,
    after: &Manifests,
    live: &Live,
    mut options: PlanOptions,
    today: &str,
) -> BTreeSet<(ResourceKey, String)> {
    let mut desired = lower(after);
    let ((plan, _), _) = plan_accepting(after, today, &mut desired, live, &mut options);
    let fields = plan.changes.iter().flat_map(|change| {
        let words = change.fields.iter();
        words.map(|field| {
            let word = field.path.split('.').next().unwrap_or_default();
            (change.key.clone(), word.to_owned())
        })
    });
    // They are in order.
    fields
        .filter(|field| adoption.adopted.binary_search(field).is_ok())
        .collect()
}

/// Adopted users of profiles that would take an agent's last profile with the next apply: half of a move was adopted, and the other half
/// is not part of the run, or a rule of `ignore` leaves it alone.
fn stranding(
    adoption: &Adoption,
    before: &Desired,
    after: &Manifests,
    live: &Live,
) -> BTreeMap<(ResourceKey, String), String> {
    let is_of_users =
        |(key, word): &(ResourceKey, String)| key.kind == Kind::APP_PROFILE && word == "users";
    if !adoption.adopted.iter().any(is_of_users) {
        return BTreeMap::new();
    }
    let whole = |desired: &Desired| plan(desired, live, &PlanOptions::default()).0;
    let (before, after) = (whole(before), whole(&lower(after)));
    let known = left_without_profile(&before, live);
    let stranded: BTreeSet<_> = left_without_profile(&after, live)
        .difference(&known)
        .copied()
        .collect();
    let mut found = BTreeMap::new();
    for (key, users) in given_profiles(&before) {
        let field = (key, "users".to_owned());
        if let Some(user) = users.intersection(&stranded).next()
            && adoption.adopted.contains(&field)
        {
            let user = live.label(&tables::USER, *user);
            let why = format!(
                "`{user}` has another profile, which does not declare the user and whose users are not adopted: the next apply would leave the user without a profile"
            );
            found.insert(field, why);
        }
    }
    found
}

/// Refuses changes that would introduce new errors into the project, and shows those errors. Returns the new manifests, if any.
fn keeps_valid(
    adoption: &Adoption,
    loaded: &Loaded,
    environment: &str,
    ui: &mut Ui,
) -> Result<Option<Manifests>, Error> {
    if adoption.files.is_empty() {
        return Ok(None);
    }
    let changed: BTreeMap<String, String> = adoption
        .files
        .iter()
        .map(|(path, change)| (path.clone(), change.after.clone()))
        .collect();
    let paths: Vec<String> = changed.keys().cloned().collect();
    let (after, found) = load_with(&loaded.root, Some(environment), changed.clone());
    let errors: Vec<Diagnostic> = found.into_iter().filter(Diagnostic::is_error).collect();
    let read: BTreeSet<&str> = after
        .sources
        .files()
        .map(|file| after.sources.path(file))
        .collect();
    if let Some(path) = paths.iter().find(|path| !read.contains(path.as_str())) {
        return Err(Error::Refused {
            message: format!(
                "no pattern under `manifests` reads {}, so nothing was written",
                plain(path)
            ),
            hint: Some("add a folder to `manifests` in deskstate.yaml".to_owned()),
        });
    }
    // Another environment that reads one of the files gets no new errors. Those that it has already do not count.
    let mut broken = errors;
    let mut sources = after.sources.clone();
    let mut other = None;
    let sharing = paths.iter().flat_map(|path| sharing(path, loaded));
    for name in sharing.collect::<BTreeSet<&str>>() {
        if !broken.is_empty() {
            break;
        }
        let (theirs, found) = load_with(&loaded.root, Some(name), changed.clone());
        let before = OnceCell::new();
        broken = found
            .into_iter()
            .filter(Diagnostic::is_error)
            .filter(|error| {
                let before = before.get_or_init(|| load(&loaded.root, Some(name)).1);
                let same = |known: &Diagnostic| {
                    (known.code, &known.message) == (error.code, &error.message)
                };
                !before.iter().any(same)
            })
            .collect();
        (sources, other) = (theirs.sources, Some(name));
    }
    if broken.is_empty() {
        return Ok(Some(after));
    }
    ui.findings(&broken, &sources);
    let place = other.map_or_else(String::new, |name| format!(" in {}", plain(name)));
    Err(Error::Refused {
        message: format!(
            "the project would be invalid{place} with these values, so nothing was written"
        ),
        hint: Some(
            "name the resources to adopt, or change the environment first; the lines shown are those that would be written"
                .to_owned(),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_somebody_changed_meanwhile_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        let change = |before: Option<&str>| FileChange {
            before: before.map(str::to_owned),
            after: "new".to_owned(),
        };
        assert_eq!(as_it_will_be(&path, &change(None)).unwrap(), "new");
        assert!(as_it_will_be(&path, &change(Some("old"))).is_err());
        std::fs::write(&path, "\u{feff}old").unwrap();
        let marked = as_it_will_be(&path, &change(Some("old"))).unwrap();
        assert_eq!(marked, "\u{feff}new");
        for before in [None, Some("older")] {
            let error = as_it_will_be(&path, &change(before)).unwrap_err();
            assert!(error.to_string().contains("was changed while"), "{error}");
        }
    }

    #[test]
    fn an_overlay_has_one_name_however_it_is_written() {
        for written in [
            "o/dev",
            "./o/dev",
            "o/dev/",
            "o\\dev",
            ".//o/./dev/*.yaml",
            "o/dev/**",
        ] {
            assert_eq!(plain_folder(written), "o/dev", "{written}");
        }
    }
}
