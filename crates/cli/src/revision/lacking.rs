//! Files that the current commit has and the working tree has not: nobody deleted them, so what they declare is not undeclared.

use std::fs;
use std::path::{Path, PathBuf};

use deskstate_model::{Diagnostic, Project, is_yaml};

use super::SHORT;
use super::reach::{Link, may_read, resolved};
use crate::door::plain;
use crate::git::{Git, GitError};
use crate::paths::with_slashes;

/// What git says of the files of a project. It is the same for every environment, so a run asks once.
pub(crate) struct WorkingTree {
    lacking: Lacking,
    /// Why git does not say which files a sparse checkout leaves out.
    unknown: Option<String>,
}

impl WorkingTree {
    /// Looks at the repository around a project; `None` if nothing can be missing, as far as its folder tells.
    pub(crate) fn look(root: &Path, project: &Project) -> Option<Self> {
        let repository = Repository::around(root)?;
        let mut lacking = Lacking::default();
        let may_read = |links: &[Link], path: &str| may_read(project, None, links, path);
        let asked = lacking.ask(root, "", &may_read);
        let unknown = asked.err().and_then(|error| {
            lacking.submodules = repository.empty_submodules(root);
            // Most files that are left out are not even looked for without these settings.
            repository.is_sparse.then(|| error.to_string())
        });
        Some(Self { lacking, unknown })
    }
}

/// Reports submodules, files and links below the folders of a project that were not checked out.
pub(crate) fn not_checked_out(
    tree: &WorkingTree,
    project: &Project,
    environment: Option<&str>,
) -> Vec<Diagnostic> {
    let lacking = &tree.lacking;
    let unknown = tree.unknown.as_ref().map(|error| {
        Diagnostic::error(
            "unreadable-file",
            format!("git does not say which files of the commit are not checked out: {error}"),
        )
        .help("make git work in this folder (`git status`), or `git sparse-checkout disable`")
    });
    let links = &lacking.links;
    let mut found: Vec<Diagnostic> = unknown.into_iter().collect();
    let reads_below = |folder: &String| may_read(project, environment, links, folder);
    // A file is read under its own path, or through a link to one of its folders.
    let reads = |path: &String| {
        let through = |(place, leads_to): &Link| {
            let folder = resolved(place, leads_to)?;
            let below = path.strip_prefix(&folder)?.strip_prefix('/')?;
            Some(project.reads_file(environment, &format!("{place}/{below}")))
        };
        project.reads_file(environment, path)
            || links.iter().any(|link| through(link) == Some(true))
    };
    let mut report = |read: Vec<&String>, what: &str, help: &str| {
        let mut read = read.into_iter();
        if let Some(first) = read.next() {
            let more = match read.count() {
                0 => String::new(),
                more => format!(", and {more} more like it"),
            };
            let message = format!("`{}` {what}{more}", plain(first));
            found.push(Diagnostic::error("unreadable-file", message).help(help));
        }
    };
    report(
        lacking
            .submodules
            .iter()
            .filter(|folder| reads_below(folder))
            .collect(),
        "is a submodule that is not checked out, so its manifests are missing",
        "run `git submodule update --init --recursive`; in a pipeline, check the submodules out",
    );
    report(
        (lacking.files.iter().filter(|path| reads(path)))
            .chain(lacking.folders.iter().filter(|folder| reads_below(folder)))
            .collect(),
        "is not checked out, although the commit has it",
        "`git sparse-checkout disable` checks all files out",
    );
    let flat = lacking
        .flat
        .iter()
        .filter(|(path, is_folder)| match is_folder {
            true => reads_below(path),
            false => reads(path),
        });
    report(
        flat.map(|(path, _)| path).collect(),
        "is a link that git wrote as a file, so what it leads to is not read",
        "set `core.symlinks` to true (on Windows, in developer mode), and clone again",
    );
    found
}

/// Paths that git tracks, relative to the root of the project.
#[derive(Default)]
struct Lacking {
    submodules: Vec<String>,
    files: Vec<String>,
    /// Links to folders that are not there.
    folders: Vec<String>,
    /// Links that git wrote as files, and whether each leads to a folder.
    flat: Vec<(String, bool)>,
    /// Links, and what they lead to.
    links: Vec<Link>,
}

impl Lacking {
    /// Asks git in a folder, and in the submodules below it that may be read.
    fn ask(
        &mut self,
        folder: &Path,
        below: &str,
        may_read: &dyn Fn(&[Link], &str) -> bool,
    ) -> Result<(), GitError> {
        let git = Git::new(folder, SHORT)?;
        let listed = git.run(&["ls-files", "-v", "--stage", "-z", "--", "."])?;
        let listed = String::from_utf8_lossy(&listed);
        let entries: Vec<(&str, &str, &str)> = listed
            .split('\0')
            .filter_map(|entry| {
                let (meta, path) = entry.split_once('\t')?;
                let mut meta = meta.split(' ');
                Some((meta.next()?, meta.next()?, path))
            })
            .collect();
        let (mut inner, mut flat) = (Vec::new(), Vec::new());
        for (tag, mode, path) in &entries {
            let place = folder.join(path);
            let whole = format!("{below}{path}");
            let there = fs::symlink_metadata(&place).ok();
            match (*mode, there) {
                ("160000", _) if is_empty(&place) => self.submodules.push(whole),
                ("160000", _) => inner.push((place, whole)),
                ("120000", Some(there)) if there.is_file() => flat.push((place, *path)),
                ("120000", Some(_)) => {
                    let leads_to = fs::read_link(&place).unwrap_or_default();
                    let leads_to = leads_to.to_string_lossy().replace('\\', "/");
                    self.links.push((whole, leads_to));
                }
                (_, None) if !tag.eq_ignore_ascii_case("s") => {}
                (_, None) if is_yaml(path) => self.files.push(whole),
                ("120000", None) => {
                    let text = git.run(&["cat-file", "blob", &format!(":./{path}")])?;
                    let text = String::from_utf8_lossy(&text);
                    if leads_to_folder(&entries, path, &text) {
                        self.folders.push(whole);
                    }
                }
                _ => {}
            }
        }
        // Somebody may have replaced a link by a file.
        let writes_files = || {
            let asked = git.line(&["config", "--get", "core.symlinks"]);
            asked.is_ok_and(|answer| answer.eq_ignore_ascii_case("false"))
        };
        if !flat.is_empty() && writes_files() {
            for (place, path) in flat {
                let text = deskstate_files::start(&place, 4096);
                let text = String::from_utf8_lossy(&text);
                let is_folder = leads_to_folder(&entries, path, text.trim_end());
                self.flat.push((format!("{below}{path}"), is_folder));
            }
        }
        for (place, path) in inner {
            if place.join(".git").exists() && may_read(&self.links, &path) {
                self.ask(&place, &format!("{path}/"), may_read)?;
            }
        }
        Ok(())
    }
}

/// Whether a link leads to a folder of the repository.
fn leads_to_folder(entries: &[(&str, &str, &str)], place: &str, leads_to: &str) -> bool {
    let below = resolved(place, leads_to).map(|wanted| format!("{wanted}/"));
    below.is_some_and(|below| entries.iter().any(|(_, _, path)| path.starts_with(&below)))
}

/// A repository whose working tree may lack files, as far as a look at its folder tells: most have neither submodules nor settings that
/// leave files out, and need no git.
struct Repository {
    /// Its folder.
    top: PathBuf,
    is_sparse: bool,
}

impl Repository {
    fn around(root: &Path) -> Option<Self> {
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        let top = root
            .ancestors()
            .find(|folder| folder.join(".git").exists())?;
        let own = top.join(".git");
        // A worktree or a submodule has its settings elsewhere.
        let read = |name: &str| {
            let text = deskstate_files::start(own.join(name), 64 * 1024);
            String::from_utf8_lossy(&text).to_ascii_lowercase()
        };
        let config = read("config") + &read("config.worktree");
        let config: String = config.split_whitespace().collect();
        let is_sparse = config.contains("sparsecheckout=true");
        let may_lack = is_sparse
            || own.is_file()
            || top.join(".gitmodules").exists()
            || config.contains("symlinks=false");
        may_lack.then(|| Self {
            top: top.to_owned(),
            is_sparse,
        })
    }

    /// The submodules below a folder that have no files, as `.gitmodules` lists them.
    fn empty_submodules(&self, root: &Path) -> Vec<String> {
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        let text = deskstate_files::start(self.top.join(".gitmodules"), 64 * 1024);
        let text = String::from_utf8_lossy(&text);
        let paths = text.lines().filter_map(|line| {
            let (key, path) = line.split_once('=')?;
            (key.trim() == "path").then(|| self.top.join(path.trim().trim_matches('"')))
        });
        let empty = paths.filter(|place| is_empty(place));
        empty
            .filter_map(|place| Some(with_slashes(place.strip_prefix(&root).ok()?)))
            .collect()
    }
}

/// Whether a folder is missing, or has nothing in it but the link to its repository.
fn is_empty(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else {
        return true;
    };
    let mut files = entries
        .flatten()
        .filter(|entry| entry.file_name() != ".git");
    files.next().is_none()
}
