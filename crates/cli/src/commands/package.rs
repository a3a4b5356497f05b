//! `package`: packages of vendors. Builds them, and puts them into a project. Cannot write to an environment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use deskstate_model::{
    AppProfile, Diagnostic, LOCK_FILE, Lock, Locked, Manifests, PACKAGES_FOLDER, PROJECT_FILE,
    Package, PackageFiles, PackageItem, ParameterType, Severity, YamlEdits, checksums,
    has_credentials, lint_package, load, load_replacing, package_digest,
};
use deskstate_reconcile::lower;
use deskstate_reconcile::solution::{About, write};
use serde_json::{Map, Value, json};

use super::adopt::patch_of_file;
use super::judging::Judging;
use super::live::{compare, report, stop_on_interrupt};
use crate::door::{DIM, GOOD, Page, STRONG, WARN};
use crate::environment::{self, Access};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::output::plan_text::{PlanText, Title};
use crate::output::{count, plain};
use crate::package::install::install;
use crate::package::{archive, source};
use crate::paths::shown_path;
use crate::project::{self, Loaded};
use crate::suggest;
use crate::ui::Ui;

/// Builds packages of manifests for customers, and uses packages of vendors
///
/// A package is a folder with a file deskstate-package.yaml. A project keeps the files of its packages in the folder `packages`, so plans
/// need no network. No package command writes to an environment: `plan` and `apply` do that as usual.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Checks a package and writes it into one archive
    ///
    /// The same files give the same bytes. Files whose names begin with a dot and archives at the root of the package are left out.
    Build(BuildArgs),
    /// Reports what a customer would stumble over
    ///
    /// Exits with 3 if the package has errors.
    Lint(LintArgs),
    /// Writes the package as an unmanaged solution
    ///
    /// For customers who do not use deskstate. Lists everything that a solution cannot hold, such as users, owners and security roles.
    Solution(SolutionArgs),
    /// Adds a package to the project
    ///
    /// Copies the files into `packages/NAME`, and adds the package to deskstate.yaml and deskstate.lock. Shows the plan for every
    /// environment that can be reached.
    Add(AddArgs),
    /// Replaces a package by another version, or by the files that its source has now
    ///
    /// Shows the notes, the changes in the files and the plan for every environment that can be reached.
    Update(UpdateArgs),
    /// Removes a package from the project
    ///
    /// Its rows stay listed in deskstate.lock, so that the next apply to each environment deletes them. Refused while manifests use its rows
    /// or agents would lose a channel provider.
    Remove(RemoveArgs),
    /// Lists the packages of the project with their parameters
    List,
    /// Checks that the files of every package are those in deskstate.lock
    ///
    /// Reads no network. Exits with 3 if a file was changed.
    Verify,
}

#[derive(Debug, clap::Args)]
struct BuildArgs {
    /// The folder of the package
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
    /// The archive to write [default: NAME-VERSION.zip here]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct LintArgs {
    /// The folder of the package
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
}

#[derive(Debug, clap::Args)]
struct SolutionArgs {
    /// The folder of the package
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
    /// The archive to write [default: NAME-VERSION-solution.zip here]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A value for a parameter, such as `profile=contoso_agents`; commas separate the items of a list
    #[arg(long = "param", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
}

/// Where a package is from.
#[derive(Debug, clap::Args)]
struct From {
    /// SHA-256 of the archive at an https address
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
    /// Full hash of the commit in a git repository
    #[arg(long, value_name = "HASH", conflicts_with = "sha256")]
    commit: Option<String>,
    /// Folder of the package in a git repository
    #[arg(long, value_name = "DIR", requires = "commit")]
    path: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Showing {
    /// Do not plan for the environments
    #[arg(long)]
    no_plan: bool,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, clap::Args)]
struct AddArgs {
    /// A folder, an archive, an https address or a git repository
    #[arg(value_name = "FROM")]
    from: String,
    #[command(flatten)]
    source: From,
    /// A value for a parameter, such as `profile=contoso_agents`; commas separate the items of a list
    #[arg(long = "param", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    #[command(flatten)]
    showing: Showing,
}

#[derive(Debug, clap::Args)]
struct UpdateArgs {
    /// The package
    name: String,
    /// Another folder, archive, https address or git repository [default: that of deskstate.yaml]
    #[arg(value_name = "FROM")]
    from: Option<String>,
    #[command(flatten)]
    source: From,
    /// Show everything and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    showing: Showing,
}

#[derive(Debug, clap::Args)]
struct RemoveArgs {
    /// The package
    name: String,
    /// Remove it although agents lose a channel provider
    #[arg(long)]
    allow_provider_loss: bool,
    /// Show everything and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    showing: Showing,
}

pub(crate) async fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    match &args.what {
        What::Build(args) => build(args, ui),
        What::Lint(args) => {
            let files = source::folder(&args.folder)?;
            let (manifests, found) = lint_package(files, &Map::new());
            shown_findings(&found, &manifests, ui);
            refuse_errors(&found)?;
            let package = manifests.packages.first();
            ui.line(format_args!(
                "{GOOD}ok{GOOD:#}: {}, {}",
                package.map_or_else(String::new, named),
                count(manifests.resources.len(), "resource")
            ))?;
            Ok(ExitCode::Done)
        }
        What::Solution(args) => solution(args, ui),
        What::Add(args) => add(args, global, ui).await,
        What::Update(args) => update(args, global, ui).await,
        What::Remove(args) => remove(args, global, ui).await,
        What::List => list(global, ui),
        What::Verify => verify(global, ui),
    }
}

fn named(package: &Package) -> String {
    format!("{} {}", package.name.value, package.version.value)
}

fn shown_findings(found: &[Diagnostic], manifests: &Manifests, ui: &mut Ui) {
    if !found.is_empty() {
        ui.findings(found, &manifests.sources);
        ui.count_findings(found);
    }
}

fn refuse_errors(found: &[Diagnostic]) -> Result<(), Error> {
    match found.iter().any(Diagnostic::is_error) {
        true => Err(Error::InvalidManifests),
        false => Ok(()),
    }
}

fn build(args: &BuildArgs, ui: &mut Ui) -> Result<ExitCode, Error> {
    let files = source::folder(&args.folder)?;
    let (manifests, found) = lint_package(files.clone(), &Map::new());
    shown_findings(&found, &manifests, ui);
    refuse_errors(&found)?;
    let package = manifests.packages.first().ok_or(Error::InvalidManifests)?;
    let default = || format!("{}-{}.zip", package.name.value, package.version.value).into();
    let out = args.out.clone().unwrap_or_else(default);
    let bytes = archive::pack(&files)?;
    crate::kept::write_bytes(&out, &bytes)?;
    ui.verb(
        GOOD,
        "Wrote",
        format_args!("{} ({})", shown_path(&out), count(files.len() + 1, "file")),
    );
    ui.line(format_args!(
        "{}  {}",
        source::sha256(&bytes),
        shown_path(&out)
    ))?;
    Ok(ExitCode::Done)
}

fn solution(args: &SolutionArgs, ui: &mut Ui) -> Result<ExitCode, Error> {
    let files = source::folder(&args.folder)?;
    let package = described(&files, ui)?;
    let values = parameters(&package, &args.parameters)?;
    let is_given = |name: &str| values.contains_key(name);
    let without = package
        .parameters
        .iter()
        .find(|one| one.default_value().is_none() && !is_given(&one.name.value));
    if let Some(parameter) = without {
        return Err(Error::Failed {
            message: format!("the parameter `{}` has no value", parameter.name.value),
            hint: Some("add `--param NAME=VALUE`".to_owned()),
        });
    }
    let (manifests, found) = lint_package(files, &values);
    shown_findings(&found, &manifests, ui);
    refuse_errors(&found)?;
    let name = package.name.value.replace('-', "_");
    let version = &package.version.value;
    let prefix = package.owns.first();
    let about = About {
        name: &name,
        version: &format!("{}.{}.{}.0", version.major, version.minor, version.patch),
        prefix: prefix.map_or(&name, |prefix| &prefix.value),
    };
    let written = write(&lower(&manifests), about);
    let texts = written.files.iter();
    let bytes = archive::zipped(texts.map(|(path, text)| (path.as_str(), text.clone())))?;
    let default = || format!("{}-{version}-solution.zip", package.name.value).into();
    let out = args.out.clone().unwrap_or_else(default);
    crate::kept::write_bytes(&out, &bytes)?;
    ui.verb(GOOD, "Wrote", shown_path(&out));
    for (key, what) in &written.left_out {
        ui.line(format_args!(
            "{WARN}not in the solution{WARN:#}: {} {}",
            plain(key),
            plain(what)
        ))?;
    }
    Ok(ExitCode::Done)
}

/// Where a package is from, as `spec.packages` has it.
fn source_of(written: &str, from: &From, root: &Path) -> Result<Value, Error> {
    let refused = |message: &str, hint: &str| Error::Refused {
        message: message.to_owned(),
        hint: Some(hint.to_owned()),
    };
    if has_credentials(written) {
        return Err(refused(
            "the address of a package cannot contain a user or a password",
            "remove it, and let git or the system supply the credentials",
        ));
    }
    if let Some(commit) = &from.commit {
        let is_hash = matches!(commit.len(), 40 | 64) && is_hex(commit);
        if !is_hash {
            return Err(refused(
                "`--commit` takes the full hash of a commit",
                "a branch or a tag can move: `git ls-remote` shows the hash",
            ));
        }
        let git = if root.join(written).exists() || !Path::new(written).exists() {
            written.to_owned()
        } else {
            source::relative_to(root, Path::new(written))?
        };
        let mut value = json!({"git": git, "commit": commit});
        if let Some(path) = &from.path {
            value["path"] = path.as_str().into();
        }
        return Ok(value);
    }
    if written.starts_with("https://") {
        let Some(sum) = from.sha256.as_ref().map(|sum| sum.to_ascii_lowercase()) else {
            return Err(refused(
                "an archive at an https address needs `--sha256`",
                "take the checksum that the vendor publishes; for a git repository, give `--commit`",
            ));
        };
        if sum.len() != 64 || !is_hex(&sum) {
            return Err(refused(
                "`--sha256` takes 64 hexadecimal digits",
                "take the checksum that the vendor publishes",
            ));
        }
        return Ok(json!({"https": written, "sha256": sum}));
    }
    if written.contains("://") {
        return Err(refused(
            "a package is read from a folder, an archive, an https address or a git repository",
            "use https with `--sha256`, or a git repository with `--commit`",
        ));
    }
    Ok(source::relative_to(root, Path::new(written))?.into())
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What a command would make of a project.
struct Change {
    root: PathBuf,
    name: String,
    /// The files of the package afterwards.
    files: Option<PackageFiles>,
    /// Texts of the files beside it, by path.
    beside: BTreeMap<String, String>,
}

impl Change {
    /// Everything that differs, as the loader takes it.
    fn texts(&self) -> BTreeMap<String, String> {
        let mut texts = self.beside.clone();
        if let Some(files) = &self.files {
            let folder = self.folder();
            let all = files
                .iter()
                .map(|(path, text)| (format!("{folder}/{path}"), text.clone()));
            texts.extend(all);
            texts.insert(
                format!("{folder}/{}", deskstate_model::CHECKSUMS_FILE),
                checksums(files),
            );
        }
        texts
    }

    fn folder(&self) -> String {
        format!("{PACKAGES_FOLDER}/{}", self.name)
    }

    fn load(&self, environment: Option<&str>) -> (Manifests, Vec<Diagnostic>) {
        load_replacing(&self.root, environment, self.texts(), &self.folder())
    }

    /// Locks the package with what it brings, and refuses a project that would have errors which it does not have now.
    fn settle(
        &mut self,
        lock: &Lock,
        locked: Option<Locked>,
        ui: &mut Ui,
    ) -> Result<Manifests, Error> {
        let mut locked = locked;
        if locked.is_some() {
            self.lock(lock, locked.clone());
            let (manifests, _) = self.load(None);
            if let (Some(locked), Some(brings)) = (&mut locked, manifests.brings.get(&self.name)) {
                locked.brings.clone_from(brings);
            }
        }
        self.lock(lock, locked);
        let (manifests, found) = self.load(None);
        let (_, known) = load(&self.root, None);
        let is_known = |finding: &Diagnostic| {
            known
                .iter()
                .any(|one| one.code == finding.code && one.message == finding.message)
        };
        let errors: Vec<Diagnostic> = found
            .into_iter()
            .filter(|finding| finding.severity == Severity::Error && !is_known(finding))
            .collect();
        if errors.is_empty() {
            return Ok(manifests);
        }
        ui.findings(&errors, &manifests.sources);
        ui.count_findings(&errors);
        ui.say("nothing was written");
        Err(Error::InvalidManifests)
    }

    fn lock(&mut self, lock: &Lock, locked: Option<Locked>) {
        let mut lock = lock.clone();
        lock.put(&self.name, locked);
        self.beside.insert(LOCK_FILE.to_owned(), lock.to_yaml());
    }

    fn write(&self) -> Result<(), Error> {
        let beside: Vec<(PathBuf, String)> = self
            .beside
            .iter()
            .map(|(path, text)| {
                let path = self.root.join(path);
                // A linked file is changed where it is, and the link stays.
                (path.canonicalize().unwrap_or(path), text.clone())
            })
            .collect();
        install(&self.root, &self.name, self.files.as_ref(), &beside)
    }

    /// Shows what the next plan of every environment would be.
    async fn show_plans(&self, showing: &Showing, ui: &mut Ui) -> Result<(), Error> {
        let (manifests, _) = self.load(None);
        let Some(project) = manifests.project.filter(|_| !showing.no_plan) else {
            return Ok(());
        };
        let stop = stop_on_interrupt();
        for (name, environment) in &project.environments {
            let (manifests, found) = self.load(Some(name));
            if found.iter().any(Diagnostic::is_error) {
                ui.note(format_args!(
                    "{name}: its manifests are invalid, so there is no plan"
                ));
                continue;
            }
            let loaded = Loaded {
                root: self.root.clone(),
                manifests,
                warnings: Vec::new(),
            };
            let planned = environment::read(
                &self.root,
                environment,
                &showing.access,
                &stop,
                async |readable| {
                    let judging = Judging::default();
                    let compared =
                        compare(&loaded, environment, &readable.reader, &judging, None, ui).await?;
                    report(&loaded, &compared, ui);
                    let reach = compared.reach_in_words();
                    let text = PlanText {
                        plan: &compared.plan,
                        sources: &loaded.manifests.sources,
                        environment: name,
                        address: &readable.address,
                        revision: None,
                        transactions: None,
                        title: Title::Plan,
                        explain_wire: false,
                        reach: &reach,
                    };
                    ui.page(&text.page())
                },
            )
            .await;
            if let Err(error) = planned {
                ui.say(format_args!(
                    "{WARN}no plan for {name}{WARN:#}: {}; {} shows it",
                    plain(&error.to_string()),
                    suggest::suggest("plan", &["--env", name])
                ));
            }
        }
        Ok(())
    }
}

/// The text of the project file.
fn project_text(root: &Path) -> Result<String, Error> {
    super::live::read_file(&root.join(PROJECT_FILE), deskstate_files::Limit::MANIFEST)
}

/// The project file with another text.
fn edited(
    root: &Path,
    edit: impl FnOnce(&mut YamlEdits<'_>) -> Result<(), deskstate_model::EditRefused>,
) -> Result<String, Error> {
    let text = project_text(root)?;
    let failed = |why: &str| Error::Failed {
        message: format!("{PROJECT_FILE} could not be edited: {why}; nothing was written"),
        hint: Some(
            "edit `spec.packages` by hand, then run `deskstate package update NAME`".to_owned(),
        ),
    };
    let mut edits = YamlEdits::new(&text).map_err(|why| failed(&plain(&why)))?;
    edit(&mut edits).map_err(|refused| failed(refused.why))?;
    edits
        .finish()
        .ok_or_else(|| failed("its layout is unusual"))
}

/// A package in these files; what is wrong with it ends the command.
fn described(files: &PackageFiles, ui: &mut Ui) -> Result<Package, Error> {
    let (manifests, found) = lint_package(files.clone(), &Map::new());
    match manifests.packages.first() {
        Some(package) => Ok(package.clone()),
        None => {
            shown_findings(&found, &manifests, ui);
            ui.say("nothing was written");
            Err(Error::InvalidManifests)
        }
    }
}

async fn add(args: &AddArgs, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let root = project::root(global)?;
    let from = source_of(&args.from, &args.source, &root)?;
    let files = source::fetch(&from, &root).await?;
    let package = described(&files, ui)?;
    let name = package.name.value.clone();
    let (manifests, _) = load(&root, None);
    let used = manifests
        .project
        .iter()
        .flat_map(|project| &project.packages);
    if used.into_iter().any(|used| used.name.value == name) {
        return Err(Error::Refused {
            message: format!("the project already uses the package `{name}`"),
            hint: Some(format!(
                "{} replaces it by another version",
                suggest::suggest("package", &["update", &name, &args.from])
            )),
        });
    }
    let folder = root.join(PACKAGES_FOLDER).join(&name);
    if folder.symlink_metadata().is_ok() {
        return Err(Error::Refused {
            message: format!(
                "{} already exists; nothing was written",
                shown_path(&folder)
            ),
            hint: Some("rename or remove it: the files of the package go there".to_owned()),
        });
    }
    let mut entry = Map::new();
    entry.insert("from".to_owned(), from.clone());
    let parameters = parameters(&package, &args.parameters)?;
    if !parameters.is_empty() {
        entry.insert("parameters".to_owned(), Value::Object(parameters));
    }
    let text = edited(&root, |edits| {
        edits.set(0, &["spec", "packages", &name], &Value::Object(entry))
    })?;
    let mut change = Change {
        root,
        name: name.clone(),
        beside: BTreeMap::from([(PROJECT_FILE.to_owned(), text)]),
        files: Some(files.clone()),
    };
    let locked = locked(&package, from, &files);
    let after = change.settle(&manifests.lock, Some(locked), ui)?;
    change.write()?;
    ui.verb(GOOD, "Added", named(&package));
    describe(&package, &after, ui)?;
    change.show_plans(&args.showing, ui).await?;
    Ok(ExitCode::Done)
}

fn locked(package: &Package, from: Value, files: &PackageFiles) -> Locked {
    Locked {
        version: package.version.value.to_string(),
        from,
        digest: package_digest(files),
        brings: BTreeSet::new(),
    }
}

/// Who ships a package, and what it brings.
fn describe(package: &Package, after: &Manifests, ui: &mut Ui) -> Result<(), Error> {
    let mut page = Page::new();
    let license = package.license.as_deref().unwrap_or("no license");
    page.line(format_args!(
        "{STRONG}{}{STRONG:#} by {}, {}",
        plain(&named(package)),
        plain(&package.vendor),
        plain(license)
    ));
    if let Some(text) = &package.description {
        page.line(format_args!("{}", plain(text)));
    }
    let brings = after.brings.get(&package.name.value);
    for item in brings.into_iter().flatten() {
        page.line(format_args!("  {}", plain(&shown(item))));
    }
    ui.page(&page)
}

fn shown(item: &PackageItem) -> String {
    match &item.member {
        None => format!("{} {}", item.kind, item.name),
        Some((field, member)) => {
            format!("{member} in `{field}` of {} {}", item.kind, item.name)
        }
    }
}

/// The values of parameters on a command line, by the types that the package declares.
fn parameters(package: &Package, written: &[String]) -> Result<Map<String, Value>, Error> {
    let mut values = Map::new();
    for pair in written {
        let bad = |why: String| Error::Failed {
            message: format!("`--param {}`: {why}", plain(pair)),
            hint: Some("write `--param NAME=VALUE`".to_owned()),
        };
        let (name, text) = pair
            .split_once('=')
            .ok_or_else(|| bad("there is no `=`".to_owned()))?;
        let known = package.parameters.iter().find(|one| one.name.value == name);
        // One that nobody declares is reported with the project.
        let holds = known.map_or(ParameterType::Text, |one| one.holds);
        let value = match holds {
            _ if text.starts_with("${{") => Some(text.into()),
            ParameterType::Text => Some(text.into()),
            ParameterType::Number => text.parse::<i64>().ok().map(Value::from),
            ParameterType::Flag => text.parse::<bool>().ok().map(Value::from),
            ParameterType::List => Some(text.split(',').map(str::trim).collect()),
        };
        let value = value.ok_or_else(|| bad(format!("the parameter is a {}", holds.as_str())))?;
        values.insert(name.to_owned(), value);
    }
    Ok(values)
}

async fn update(args: &UpdateArgs, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let root = project::root(global)?;
    let (manifests, _) = load(&root, None);
    let used = in_use(&manifests, &args.name)?;
    let from = match &args.from {
        Some(written) => source_of(written, &args.source, &root)?,
        None => used.clone(),
    };
    let files = source::fetch(&from, &root).await?;
    let package = described(&files, ui)?;
    if package.name.value != args.name {
        return Err(Error::Refused {
            message: format!(
                "this is the package `{}`, not `{}`; nothing was written",
                plain(&package.name.value),
                plain(&args.name)
            ),
            hint: Some("name the source of the right package".to_owned()),
        });
    }
    let text = match from == used {
        true => project_text(&root)?,
        false => edited(&root, |edits| {
            edits.set(0, &["spec", "packages", &args.name, "from"], &from)
        })?,
    };
    let before = source::folder(&root.join(PACKAGES_FOLDER).join(&args.name)).unwrap_or_default();
    let mut change = Change {
        root,
        name: args.name.clone(),
        files: Some(files.clone()),
        beside: BTreeMap::from([(PROJECT_FILE.to_owned(), text)]),
    };
    let old = manifests
        .packages
        .iter()
        .find(|one| one.name.value == args.name);
    let locked = locked(&package, from, &files);
    change.settle(&manifests.lock, Some(locked), ui)?;
    versions(old, &package, ui)?;
    let paths: BTreeSet<&String> = before.keys().chain(files.keys()).collect();
    let folder = change.folder();
    let mut patch = String::new();
    for path in paths {
        let (old, new) = (before.get(path), files.get(path));
        if old != new {
            let new = new.map(String::as_str).unwrap_or_default();
            patch.push_str(&patch_of_file(
                &format!("{folder}/{path}"),
                old.map(String::as_str),
                new,
            ));
        }
    }
    ui.print(patch)?;
    if args.dry_run {
        ui.note("nothing was written");
    } else {
        change.write()?;
        ui.verb(GOOD, "Updated", named(&package));
    }
    change.show_plans(&args.showing, ui).await?;
    Ok(ExitCode::Done)
}

/// Says from which version to which, and the notes of all versions on the way.
fn versions(old: Option<&Package>, new: &Package, ui: &mut Ui) -> Result<(), Error> {
    let mut page = Page::new();
    let version = &new.version.value;
    let Some(old) = old else {
        return ui.line(format_args!("{}", plain(&named(new))));
    };
    let from = &old.version.value;
    let (word, range, of) = match from.cmp(version) {
        std::cmp::Ordering::Less => ("update", (from, version), new),
        std::cmp::Ordering::Equal => ("same version", (from, version), new),
        std::cmp::Ordering::Greater => ("downgrade", (version, from), old),
    };
    page.line(format_args!(
        "{STRONG}{}{STRONG:#}: {from} -> {version} ({word})",
        plain(&new.name.value)
    ));
    let notes = of
        .notes
        .iter()
        .filter(|(at, _)| **at > *range.0 && **at <= *range.1);
    for (at, note) in notes {
        let prefix = if word == "downgrade" { "without " } else { "" };
        page.line(format_args!("{DIM}{prefix}{at}{DIM:#}"));
        for line in note.lines() {
            page.line(format_args!("  {}", plain(line)));
        }
    }
    ui.page(&page)
}

fn in_use(manifests: &Manifests, name: &str) -> Result<Value, Error> {
    let project = manifests.project.as_ref().ok_or(Error::InvalidManifests)?;
    let used = project.packages.iter().find(|used| used.name.value == name);
    let names: Vec<&str> = project
        .packages
        .iter()
        .map(|used| used.name.value.as_str())
        .collect();
    used.map(|used| used.from.value.clone())
        .ok_or_else(|| Error::Failed {
            message: format!("the project does not use a package `{}`", plain(name)),
            hint: Some(match names.as_slice() {
                [] => "`deskstate package add` adds one".to_owned(),
                names => format!("it uses {}", names.join(", ")),
            }),
        })
}

async fn remove(args: &RemoveArgs, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let root = project::root(global)?;
    let (before, _) = load(&root, None);
    let is_locked = before.lock.packages.contains_key(&args.name);
    if !is_locked {
        in_use(&before, &args.name)?;
    }
    let text = edited(&root, |edits| {
        edits.remove(0, &["spec", "packages", &args.name])
    })?;
    let mut change = Change {
        root,
        name: args.name.clone(),
        files: None,
        beside: BTreeMap::from([(PROJECT_FILE.to_owned(), text)]),
    };
    change.settle(&before.lock, None, ui)?;
    refuse_loss(args, &change, ui)?;
    if args.dry_run {
        ui.note("nothing was written");
    } else {
        change.write()?;
        ui.verb(GOOD, "Removed", &args.name);
        kinds_that_go(&before, args, ui);
        ui.hint("the next apply to each environment deletes what the package brought");
    }
    change.show_plans(&args.showing, ui).await?;
    Ok(ExitCode::Done)
}

/// Says which rows stay because their kinds go with the package.
fn kinds_that_go(before: &Manifests, args: &RemoveArgs, ui: &mut Ui) {
    let package = before
        .packages
        .iter()
        .find(|one| one.name.value == args.name);
    if package.is_none_or(|package| !package.defines_kinds()) {
        return;
    }
    let brought = before.brings.get(&args.name).into_iter().flatten();
    let is_built_in = |item: &PackageItem| item.key().is_some_and(|key| key.kind.is_built_in());
    for item in brought.filter(|item| !is_built_in(item)) {
        ui.say(format_args!(
            "{WARN}not deleted{WARN:#}: {}, unless the project defines its kind",
            plain(&shown(item))
        ));
    }
}

/// Refuses to take a channel provider away from the agents of a profile.
fn refuse_loss(args: &RemoveArgs, change: &Change, ui: &mut Ui) -> Result<(), Error> {
    let (manifests, _) = load(&change.root, None);
    let project = manifests.project.as_ref();
    let names = project
        .iter()
        .flat_map(|project| project.environments.keys());
    let mut lost: BTreeSet<(String, String)> = BTreeSet::new();
    for environment in names.map(|name| Some(name.as_str())).chain([None]) {
        let before = providers(&load(&change.root, environment).0);
        let after = providers(&change.load(environment).0);
        lost.extend(before.difference(&after).cloned());
    }
    for (profile, provider) in &lost {
        ui.say(format_args!(
            "{WARN}agents of {} lose the channel provider {}{WARN:#}",
            plain(profile),
            plain(provider)
        ));
    }
    if lost.is_empty() || args.allow_provider_loss {
        return Ok(());
    }
    Err(Error::Refused {
        message: "agents would lose a channel provider; nothing was written".to_owned(),
        hint: Some(
            "give these profiles another provider first, or add `--allow-provider-loss`".to_owned(),
        ),
    })
}

/// The channel providers of every profile.
fn providers(manifests: &Manifests) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for declared in &manifests.resources {
        let Some(profile) = AppProfile::of(&declared.spec) else {
            continue;
        };
        let name = declared.key.name.as_written();
        if let Some(set) = profile.channel_providers().value() {
            let members = set.members().map(|member| member.value.to_string());
            found.extend(members.map(|member| (name.to_owned(), member)));
        }
    }
    found
}

fn list(global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let root = project::root(global)?;
    let (manifests, _) = load(&root, None);
    let project = manifests.project.as_ref().ok_or(Error::InvalidManifests)?;
    let mut page = Page::new();
    for used in &project.packages {
        let known = |one: &&Package| one.name.value == used.name.value;
        let from = match &used.from.value {
            Value::String(path) => path.clone(),
            other => other.to_string(),
        };
        let Some(package) = manifests.packages.iter().find(known) else {
            page.line(format_args!(
                "{STRONG}{}{STRONG:#}  {WARN}its files are missing{WARN:#}  {DIM}{}{DIM:#}",
                plain(&used.name.value),
                plain(&from)
            ));
            continue;
        };
        page.line(format_args!(
            "{STRONG}{}{STRONG:#} by {}  {DIM}{}{DIM:#}",
            plain(&named(package)),
            plain(&package.vendor),
            plain(&from)
        ));
        for parameter in &package.parameters {
            let given = used.value(&parameter.name.value);
            let value = match (given, parameter.default_value()) {
                (Some(value), _) => value.to_string(),
                (None, Some(value)) => format!("{value} (default)"),
                (None, None) => "no value".to_owned(),
            };
            page.line(format_args!(
                "  {} = {}  {DIM}{}: {}{DIM:#}",
                parameter.name.value,
                plain(&value),
                parameter.holds.as_str(),
                plain(&parameter.meaning)
            ));
        }
        for item in manifests.brings.get(&used.name.value).into_iter().flatten() {
            page.line(format_args!("  {}", plain(&shown(item))));
        }
    }
    for (name, items) in &manifests.lock.removed {
        page.line(format_args!(
            "{DIM}{}: {} no longer in the package, to be deleted{DIM:#}",
            plain(name),
            count(items.len(), "item")
        ));
    }
    ui.page(&page)?;
    if project.packages.is_empty() {
        ui.note("this project uses no packages");
    }
    Ok(ExitCode::Done)
}

fn verify(global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let root = project::root(global)?;
    let (manifests, found) = load(&root, None);
    let project = manifests.project.as_ref().ok_or(Error::InvalidManifests)?;
    // One that cannot be read has findings of any code.
    let all_read = manifests.packages.len() == project.packages.len();
    let is_about = |finding: &Diagnostic| !all_read || finding.code.starts_with("package-");
    let found: Vec<Diagnostic> = found.into_iter().filter(is_about).collect();
    shown_findings(&found, &manifests, ui);
    refuse_errors(&found)?;
    ui.line(format_args!(
        "{GOOD}unchanged{GOOD:#}: {}",
        count(project.packages.len(), "package")
    ))?;
    Ok(ExitCode::Done)
}
