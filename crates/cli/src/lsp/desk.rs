//! The projects of an editor, and which of its files belong to which.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use deskstate_model::PROJECT_FILE;
use lsp_types::{Diagnostic as Shown, Position, Uri};

use super::findings::by_file;
use super::paths::{below, file_of, real, root_of, roots_in, spelled_below, uri_of};
use super::place::Units;
use super::project::{Project, State};

/// All projects that the editor has shown.
#[derive(Default)]
pub(super) struct Desk {
    projects: BTreeMap<PathBuf, Project>,
    /// Open files, with the root of their project and their path below it.
    open: BTreeMap<String, (PathBuf, String)>,
    /// Texts of open files that belong to no project.
    loose: BTreeMap<String, String>,
    pub(super) units: Units,
    /// The findings that the client currently shows, by URI.
    shown: BTreeMap<String, Vec<Shown>>,
    /// Projects whose picture the client has, with the edition of the picture.
    pictured: BTreeMap<PathBuf, u64>,
}

/// A file of a project.
pub(super) struct Here<'d> {
    pub(super) project: &'d Project,
    pub(super) state: std::rc::Rc<State>,
    pub(super) path: String,
}

impl Here<'_> {
    pub(super) fn text(&self) -> &str {
        let text = self.project.workspace.text(&self.path);
        text.or_else(|| self.state.text(&self.path))
            .unwrap_or_default()
    }
}

impl Desk {
    /// Adds the projects of a folder that the editor opened.
    pub(super) fn add_folder(&mut self, uri: &Uri) {
        if let Some(folder) = file_of(uri) {
            for root in roots_in(&folder) {
                self.project(root);
            }
        }
    }

    /// Removes the projects in a folder that the editor closed, unless some of their files are open.
    pub(super) fn remove_folder(&mut self, uri: &Uri) {
        if let Some(folder) = file_of(uri) {
            let open = &self.open;
            self.projects.retain(|root, _| {
                !root.starts_with(&folder) || open.values().any(|(known, _)| known == root)
            });
        }
    }

    fn project(&mut self, root: PathBuf) -> &mut Project {
        self.projects
            .entry(root)
            .or_insert_with_key(|root| Project::new(root))
    }

    /// The root and the path of a file; `None` outside all projects.
    fn place(&self, uri: &Uri) -> Option<(PathBuf, String)> {
        if let Some(known) = self.open.get(uri.as_str()) {
            return Some(known.clone());
        }
        let file = file_of(uri)?;
        let is_project_file = file.file_name()? == PROJECT_FILE;
        // A project file may be open but not saved yet.
        let is_root = |folder: &&Path| {
            folder.join(PROJECT_FILE).is_file() || self.projects.contains_key(*folder)
        };
        let above = file.ancestors().skip(1).find(is_root);
        let root = above.or(file.parent().filter(|_| is_project_file))?;
        let root = root.to_path_buf();
        let path = below(&root, &file);
        let by_link = spelled_below(uri).filter(|(at, spelled)| {
            let real = path.as_deref().unwrap_or_default();
            *at == root && !spelled.eq_ignore_ascii_case(real)
        });
        // Behind a link of the project, the file is known by the path that leads through the link.
        let path = by_link.map(|(_, spelled)| spelled).or(path)?;
        Some((root, path))
    }

    /// Opens a file with a text.
    pub(super) fn open(&mut self, uri: &Uri, text: String) {
        let Some((root, path)) = self.place(uri) else {
            self.loose.insert(uri.as_str().to_owned(), text);
            return;
        };
        // Files on the disk are read without their byte order mark too.
        let text = text
            .strip_prefix('\u{feff}')
            .map(str::to_owned)
            .unwrap_or(text);
        self.open
            .insert(uri.as_str().to_owned(), (root.clone(), path.clone()));
        let project = self.project(root);
        if project.workspace.text(&path) != Some(&text) {
            project.workspace.open(&path, text);
            project.changed();
        }
        if path == PROJECT_FILE {
            self.place_loose_files();
        }
    }

    /// Opens the files that belonged to no project again, because they may belong to one now.
    fn place_loose_files(&mut self) {
        for (uri, text) in std::mem::take(&mut self.loose) {
            if let Ok(uri) = uri.parse() {
                self.open(&uri, text);
            }
        }
    }

    /// The text of an open file.
    pub(super) fn text(&self, uri: &Uri) -> Option<&str> {
        match self.open.get(uri.as_str()) {
            Some((root, path)) => self.projects.get(root)?.workspace.text(path),
            None => self.loose.get(uri.as_str()).map(String::as_str),
        }
    }

    pub(super) fn close(&mut self, uri: &Uri) {
        self.loose.remove(uri.as_str());
        if let Some((root, path)) = self.open.remove(uri.as_str()) {
            let project = self.project(root);
            project.workspace.close(&path);
            project.changed();
        }
    }

    /// Handles changes of files on the disk.
    pub(super) fn files_changed(&mut self, uris: impl Iterator<Item = Uri>) {
        for uri in uris {
            let Some(file) = file_of(&uri) else { continue };
            let root = root_of(&file);
            if let Some(root) = root {
                self.project(root);
            }
            for (root, project) in &mut self.projects {
                if real(&file).starts_with(root) {
                    project.workspace.forget_files();
                    project.changed();
                }
            }
        }
        self.place_loose_files();
    }

    /// The file of a URI, with the current state of its project.
    pub(super) fn here(&mut self, uri: &Uri) -> Option<Here<'_>> {
        let (root, path) = self.place(uri)?;
        let project = self.project(root);
        let state = project.state();
        Some(Here {
            project,
            state,
            path,
        })
    }

    /// Records that the client has the current picture of a file's project.
    pub(super) fn pictured(&mut self, uri: &Uri) {
        if let Some((root, _)) = self.place(uri)
            && let Some(project) = self.projects.get(&root)
        {
            self.pictured.insert(root, project.edition);
        }
    }

    /// Projects that changed after the client got their picture. Each is returned once.
    pub(super) fn outdated_pictures(&mut self) -> Vec<Uri> {
        let projects = &self.projects;
        let mut outdated = Vec::new();
        self.pictured.retain(|root, edition| {
            let is_current = projects
                .get(root)
                .is_some_and(|project| project.edition == *edition);
            if !is_current {
                outdated.extend(uri_of(root, ""));
            }
            is_current
        });
        outdated
    }

    /// The root of the project that a file belongs to.
    pub(super) fn root(&self, uri: &Uri) -> Option<Uri> {
        let (root, _) = self.place(uri)?;
        self.projects
            .contains_key(&root)
            .then(|| uri_of(&root, ""))?
    }

    /// All projects, with their current state.
    pub(super) fn all(&mut self) -> Vec<(&Project, std::rc::Rc<State>)> {
        self.projects
            .values_mut()
            .map(|project| {
                let state = project.state();
                (&*project, state)
            })
            .collect()
    }

    /// The findings that the client does not show yet, by URI: all findings of every file whose findings changed.
    pub(super) fn news(&mut self) -> Vec<(Uri, Vec<Shown>)> {
        let units = self.units;
        let is_stale = self.projects.values().any(Project::is_stale);
        if !is_stale && self.shown.is_empty() {
            return Vec::new();
        }
        let mut now: BTreeMap<String, Vec<Shown>> = BTreeMap::new();
        let mut addresses: BTreeMap<(PathBuf, String), String> = BTreeMap::new();
        for (uri, place) in &self.open {
            addresses.insert(place.clone(), uri.clone());
        }
        for (project, state) in self.all() {
            for (path, found) in by_file(project, &state, units) {
                // A client knows an open file by the URI that it sent.
                let place = (project.root().to_path_buf(), path);
                let uri = match addresses.get(&place) {
                    Some(uri) => Some(uri.clone()),
                    None => uri_of(&place.0, &place.1).map(|uri| uri.as_str().to_owned()),
                };
                if let Some(uri) = uri {
                    now.entry(uri).or_default().extend(found);
                }
            }
        }
        let gone = self.shown.keys().filter(|uri| !now.contains_key(*uri));
        let mut news: Vec<(String, Vec<Shown>)> =
            gone.map(|uri| (uri.clone(), Vec::new())).collect();
        let changed = now
            .iter()
            .filter(|(uri, found)| self.shown.get(*uri) != Some(*found));
        news.extend(changed.map(|(uri, found)| (uri.clone(), found.clone())));
        self.shown = now;
        news.into_iter()
            .filter_map(|(uri, found)| Some((uri.parse().ok()?, found)))
            .collect()
    }

    /// Converts a position in a text to a byte offset.
    pub(super) fn byte(&self, text: &str, position: Position) -> usize {
        self.units.byte(text, position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_open_join_a_project_that_comes_later() {
        let folder = tempfile::tempdir().unwrap();
        let root = real(folder.path());
        let mut desk = Desk::default();
        let manifest = uri_of(&root, "manifests/a.yaml").unwrap();
        desk.open(&manifest, "kind: Nothing\n".to_owned());
        assert!(desk.news().is_empty());
        assert_eq!(desk.text(&manifest), Some("kind: Nothing\n"));
        let project = "apiVersion: deskstate/v1\nkind: Project\nmetadata: {name: x}\nspec: {}\n";
        desk.open(&uri_of(&root, PROJECT_FILE).unwrap(), project.to_owned());
        let news = desk.news();
        let found = news.iter().find(|(uri, _)| *uri == manifest);
        assert!(
            found.is_some_and(|(_, found)| !found.is_empty()),
            "{news:?}"
        );
        desk.close(&manifest);
        let news = desk.news();
        let gone = news.iter().find(|(uri, _)| *uri == manifest);
        assert!(gone.is_some_and(|(_, found)| found.is_empty()), "{news:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_behind_a_link_of_the_project_is_the_one_that_the_project_reads() {
        let folder = tempfile::tempdir().unwrap();
        let root = real(folder.path());
        let write = |path: &str, text: &str| {
            std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            std::fs::write(root.join(path), text).unwrap();
        };
        write(
            PROJECT_FILE,
            "apiVersion: deskstate/v1\nkind: Project\nmetadata: {name: x}\nspec: {}\n",
        );
        let manifest = "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: contoso_t}\nspec: {displayName: T, title: T, pageType: Search, parameters: {searchText: x}}\n";
        write("common/t.yaml", manifest);
        write("manifests/readme.txt", "");
        std::os::unix::fs::symlink("../common", root.join("manifests/team")).unwrap();
        let mut desk = Desk::default();
        let uri = uri_of(&root, "manifests/team/t.yaml").unwrap();
        desk.open(&uri, manifest.replace("pageType", "pageTyp"));
        let news = desk.news();
        let found = news.iter().find(|(known, _)| *known == uri);
        assert!(
            found.is_some_and(|(_, found)| !found.is_empty()),
            "{news:?}"
        );
    }
}
