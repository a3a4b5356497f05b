//! A pending change to the packages of a project: the files, the lock, the project file and the plans.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use deskstate_model::{
    Diagnostic, LOCK_FILE, Lock, Locked, Manifests, PACKAGES_FOLDER, PROJECT_FILE, Package,
    PackageFiles, Severity, YamlEdits, checksums, has_credentials, lint_package, load,
    load_replacing,
};
use serde_json::{Map, Value, json};

use super::shown_findings;
use super::{From, Showing};
use crate::commands::judging::Judging;
use crate::commands::live::{compare, report, stop_on_interrupt};
use crate::door::WARN;
use crate::error::Error;
use crate::output::plain;
use crate::output::plan_text::{PlanText, Title};
use crate::package::install::install;
use crate::package::source;
use crate::project::Loaded;
use crate::ui::Ui;
use crate::{environment, suggest};

/// The source of a package, in the form of `spec.packages`.
pub(super) fn source_of(written: &str, from: &From, root: &Path) -> Result<Value, Error> {
    let refused = |message: &str, hint: &str| Error::Refused {
        message: message.to_owned(),
        hint: Some(hint.to_owned()),
    };
    let no_sum = || {
        refused(
            "`--sha256` takes 64 hexadecimal digits",
            "take the checksum that the vendor publishes",
        )
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
            return Err(no_sum());
        }
        return Ok(json!({"https": written, "sha256": sum}));
    }
    if written.contains("://") {
        return Err(refused(
            "a package is read from a folder, an archive, an https address or a git repository",
            "use https with `--sha256`, or a git repository with `--commit`",
        ));
    }
    // The archive was downloaded before, and its checksum is compared now.
    if let Some(sum) = from.sha256.as_ref().map(|sum| sum.to_ascii_lowercase()) {
        if sum.len() != 64 || !is_hex(&sum) {
            return Err(no_sum());
        }
        source::is_archive(Path::new(written), &sum)?;
    }
    Ok(source::relative_to(root, Path::new(written))?.into())
}

pub(super) fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The changes that a command would make to a project.
pub(super) struct Change {
    pub(super) root: PathBuf,
    pub(super) name: String,
    /// The files of the package after the change; `None` if it is removed.
    pub(super) files: Option<PackageFiles>,
    /// Texts of the files outside the package, by path.
    pub(super) beside: BTreeMap<String, String>,
    /// The texts of these files before the change; `None` for one that does not exist.
    pub(super) before: BTreeMap<String, Option<String>>,
}

impl Change {
    /// All changed texts, in the form that the loader takes.
    pub(super) fn texts(&self) -> BTreeMap<String, String> {
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

    pub(super) fn folder(&self) -> String {
        format!("{PACKAGES_FOLDER}/{}", self.name)
    }

    pub(super) fn load(&self, environment: Option<&str>) -> (Manifests, Vec<Diagnostic>) {
        load_replacing(&self.root, environment, self.texts(), &self.folder())
    }

    /// Locks the package with its items, and refuses changes that would introduce new errors into the project.
    pub(super) fn settle(
        &mut self,
        before: &Manifests,
        locked: Option<Locked>,
        ui: &mut Ui,
    ) -> Result<Manifests, Error> {
        let lock = &before.lock;
        refuse_unread(lock)?;
        for path in [PROJECT_FILE, LOCK_FILE] {
            let mut files = before.sources.files();
            let file = files.find(|file| before.sources.path(*file) == path);
            let text = file.map(|file| before.sources.text(file).to_owned());
            self.before.insert(path.to_owned(), text);
        }
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

    pub(super) fn lock(&mut self, lock: &Lock, locked: Option<Locked>) {
        let mut lock = lock.clone();
        lock.put(&self.name, locked);
        self.beside.insert(LOCK_FILE.to_owned(), lock.to_yaml());
    }

    /// Writes everything, unless somebody changed the project meanwhile: a package can take a while to arrive.
    pub(super) fn write(&self) -> Result<(), Error> {
        for (path, before) in &self.before {
            let place = self.root.join(path);
            let now = deskstate_files::read_text(&place, deskstate_files::Limit::MANIFEST).ok();
            let now = now
                .as_deref()
                .map(|text| text.trim_start_matches('\u{feff}'));
            if now != before.as_deref() {
                return Err(Error::Failed {
                    message: format!("`{path}` was changed meanwhile; nothing was written"),
                    hint: Some("run the command again".to_owned()),
                });
            }
        }
        let beside: Vec<(PathBuf, String)> = self
            .beside
            .iter()
            .map(|(path, text)| {
                let path = self.root.join(path);
                // A symbolic link is kept, and its target is changed.
                (path.canonicalize().unwrap_or(path), text.clone())
            })
            .collect();
        install(&self.root, &self.name, self.files.as_ref(), &beside)
    }

    /// Shows the next plan of every environment.
    pub(super) async fn show_plans(&self, showing: &Showing, ui: &mut Ui) -> Result<(), Error> {
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
                &showing.access.of_environment(&environment.name),
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

/// Refuses to write a lock anew that could not be read: only the old one says what else is locked, and what was removed.
pub(super) fn refuse_unread(lock: &Lock) -> Result<(), Error> {
    if !lock.is_unread {
        return Ok(());
    }
    Err(Error::Refused {
        message: format!(
            "`{LOCK_FILE}` cannot be read, so it is unknown which packages and which removed rows it lists; nothing was written"
        ),
        hint: Some(format!(
            "{} shows why; after a merge, keep what both sides have",
            suggest::suggest("validate", &[])
        )),
    })
}

/// Reads the text of the project file.
pub(super) fn project_text(root: &Path) -> Result<String, Error> {
    crate::commands::live::read_file(&root.join(PROJECT_FILE), deskstate_files::Limit::MANIFEST)
}

/// Returns the text of the project file after an edit.
pub(super) fn edited(
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

/// Loads the package in these files. Fails if the package is invalid.
pub(super) fn described(files: &PackageFiles, ui: &mut Ui) -> Result<Package, Error> {
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
