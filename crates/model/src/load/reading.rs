//! Reads the files of a project: texts, YAML and documents.

use std::collections::{BTreeMap, HashSet};

use super::Loader;
use super::environments::check_environments;
use super::listing::{self, Exceptions, list};
use crate::assemble::Base;
use crate::checks;
use crate::checks::duplicate_resource::DUPLICATE_RESOURCE;
use crate::diagnostic::Diagnostic;
use crate::document::{self, Document};
use crate::files::Root;
use crate::files::YAML_LIMITS;
use crate::kinds::ResourceKey;
use crate::name::fold;
use crate::parallel;
use crate::project::Project;
use crate::span::{FileId, Span, Spanned};
use crate::variables::refuse_outside_values;
use crate::yaml::{Budget, Node, Stream, read};

impl Loader {
    pub(super) fn manifest_files(
        &mut self,
        files: &mut Root,
        project: &Project,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Vec<FileId> {
        let exceptions = Exceptions::of(project, diagnostics).for_manifests(project, diagnostics);
        let found = list(
            files,
            &project.manifests,
            &exceptions,
            &mut self.sources,
            diagnostics,
        );
        found
            .iter()
            .filter_map(|(path, pattern)| self.file(files, pattern, path, diagnostics))
            .collect()
    }

    /// Reads the base documents of these files.
    pub(super) fn documents(
        &mut self,
        manifest_files: &[FileId],
        project: &Project,
        overlaid: &HashSet<&ResourceKey>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Vec<Base> {
        let before = self.budget.left();
        let mut reads = parallel::map(manifest_files, |file| {
            self.read_base(*file, project, overlaid)
        });
        if self.budget.is_used_up() {
            // Read again in order: which file exceeds the budget must not depend on thread timing.
            reads.clear();
            self.budget = Budget::of(before);
            let again = manifest_files
                .iter()
                .map(|file| self.read_base(*file, project, overlaid));
            reads.extend(again);
        }
        let mut documents = Vec::new();
        for read in reads {
            documents.extend(self.take(read, diagnostics));
        }
        documents
    }

    /// Returns the documents of every overlay folder that an environment names, by folder.
    pub(super) fn overlays(
        &mut self,
        files: &mut Root,
        project: &Project,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> BTreeMap<String, Vec<Document>> {
        let mut overlays = BTreeMap::new();
        // Problems with the patterns were reported along with the manifests.
        let exceptions = Exceptions::of(project, &mut Vec::new());
        for folder in project
            .environments
            .values()
            .flat_map(|environment| &environment.overlay)
        {
            let path = folder.value.to_string_lossy().into_owned();
            if overlays.contains_key(&path) {
                continue;
            }
            let pattern = Spanned::new(path.clone(), folder.span);
            let mut documents: Vec<Document> = Vec::new();
            let mut seen = BTreeMap::new();
            let found = list(
                files,
                std::slice::from_ref(&pattern),
                &exceptions,
                &mut self.sources,
                diagnostics,
            );
            for (file, _) in found {
                let Some(file) = self.file(files, &pattern, &file, diagnostics) else {
                    continue;
                };
                for node in self.parse(file, diagnostics) {
                    refuse_outside_values(&node, diagnostics);
                    let Some(document) = document::header(node, diagnostics) else {
                        continue;
                    };
                    let header = &document.header;
                    if let Some(first) = seen.insert(header.key.clone(), header.name_span) {
                        diagnostics.push(
                            Diagnostic::error(
                                DUPLICATE_RESOURCE.code,
                                format!("{} occurs twice in this overlay", header.key),
                            )
                            .at(header.name_span, "again")
                            .also(first, "first here")
                            .help("put both into one document"),
                        );
                        continue;
                    }
                    documents.push(document);
                }
            }
            overlays.insert(path, documents);
        }
        overlays
    }

    /// Reads a file. A file that cannot be read has an entry without text in the source map.
    pub(super) fn file(
        &mut self,
        files: &mut Root,
        named: &Spanned<String>,
        path: &str,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<FileId> {
        if path.contains('\\') && path == named.value {
            diagnostics.push(listing::backslash(named));
            return None;
        }
        match files.read(path) {
            Ok(text) => Some(self.sources.add(path, text)),
            Err(problem) => {
                let file = self.sources.add(path, "");
                diagnostics.push(
                    Diagnostic::error(
                        problem.code(),
                        format!("`{path}` cannot be read: {problem}"),
                    )
                    .at(start_of(file), "this file")
                    .also(named.span, "named here")
                    .help(problem.help()),
                );
                None
            }
        }
    }

    pub(super) fn parse(&mut self, file: FileId, diagnostics: &mut Vec<Diagnostic>) -> Vec<Node> {
        let read = self.read(file);
        self.take(read, diagnostics)
    }

    pub(super) fn read(&self, file: FileId) -> ReadFile<Node> {
        let mut diagnostics = Vec::new();
        let Stream { documents, unread } =
            read(&self.sources, file, &self.budget, &mut diagnostics);
        let secrets = documents
            .iter()
            .flat_map(|document| checks::secret::check(document, &self.sources, &mut diagnostics))
            .collect();
        ReadFile {
            documents,
            unread,
            secrets,
            diagnostics,
        }
    }

    fn read_base(
        &self,
        file: FileId,
        project: &Project,
        overlaid: &HashSet<&ResourceKey>,
    ) -> ReadFile<Base> {
        let ReadFile {
            documents: nodes,
            mut unread,
            secrets,
            mut diagnostics,
        } = self.read(file);
        let mut documents = Vec::with_capacity(nodes.len());
        for node in nodes {
            let place = node.span;
            let before = diagnostics.len();
            refuse_outside_values(&node, &mut diagnostics);
            let mut base = document::header(node, &mut diagnostics).map(|document| {
                check_environments(&document, project, &mut diagnostics);
                Base::new(document, project, overlaid)
            });
            if base.is_none() {
                unread.push(place);
            }
            let outside = diagnostics.len() - before;
            let found = outside + base.as_ref().map_or(0, Base::findings);
            let kept = self.budget.take_findings(found);
            if kept < found {
                diagnostics.truncate(before + kept);
                diagnostics.push(too_many_findings(place));
                if let Some(base) = &mut base {
                    base.keep_findings(kept.saturating_sub(outside));
                }
            }
            documents.extend(base);
            if kept < found {
                break;
            }
        }
        ReadFile {
            documents,
            unread,
            secrets,
            diagnostics,
        }
    }

    pub(super) fn take<D>(
        &mut self,
        read: ReadFile<D>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Vec<D> {
        for span in read.unread {
            let words = self.sources.slice(span).split(|character: char| {
                character.is_whitespace() || "{}[],\"'".contains(character)
            });
            self.unread
                .extend(words.filter(|word| word.contains('_')).map(fold));
        }
        self.secrets.extend(read.secrets);
        diagnostics.extend(read.diagnostics);
        read.documents
    }
}

fn too_many_findings(place: Span) -> Diagnostic {
    Diagnostic::error(
        YAML_LIMITS.code,
        "there are too many errors to read the rest of the project",
    )
    .at(place, "reading stopped here")
    .help("fix the listed errors, and validate again")
}

/// The result of reading a file.
pub(super) struct ReadFile<D> {
    documents: Vec<D>,
    unread: Vec<Span>,
    secrets: Vec<Span>,
    diagnostics: Vec<Diagnostic>,
}

pub(super) fn start_of(file: FileId) -> Span {
    Span {
        file,
        start: 0,
        end: 0,
    }
}
