//! The contracts of telephony vendors that a project names.

use super::Loader;
use crate::checks::duplicate_resource::DUPLICATE_RESOURCE;
use crate::contract::Contract;
use crate::diagnostic::Diagnostic;
use crate::files::Root;
use crate::project::Project;
use crate::read_contract::contract;
use crate::shape_codes::NOT_A_MANIFEST;
use crate::span::{FileId, Span};

impl Loader {
    pub(super) fn contracts(
        &mut self,
        files: &mut Root,
        project: &Project,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Vec<Contract> {
        let mut contracts: Vec<Contract> = Vec::new();
        for path in &project.contracts {
            let Some(file) = self.file(files, path, &path.value, diagnostics) else {
                continue;
            };
            self.contracts_of(file, None, &mut contracts, diagnostics);
        }
        for (at, path) in self.package_paths(|package| &package.contracts) {
            if let Some(file) = self.file(files, &path, &path.value, diagnostics) {
                self.contracts_of(file, Some(at), &mut contracts, diagnostics);
            }
        }
        contracts
    }

    /// Reads the contracts of a file, which may belong to a package.
    pub(super) fn contracts_of(
        &mut self,
        file: FileId,
        package: Option<usize>,
        contracts: &mut Vec<Contract>,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let before = diagnostics.len();
        let documents = self.parse(file, diagnostics);
        if documents.is_empty() && diagnostics.len() == before {
            let start = Span {
                file,
                start: 0,
                end: 0,
            };
            diagnostics.push(
                Diagnostic::error(NOT_A_MANIFEST.code, "a contract file contains no contract")
                    .at(start, "nothing is here")
                    .help("write a document of `kind: Contract`, or remove the file from `spec.contracts`"),
            );
        }
        for node in documents {
            let node = match package {
                Some(at) => self.filled(at, &node, diagnostics),
                None => node,
            };
            let Some(found) = contract(&node, diagnostics) else {
                continue;
            };
            match contracts
                .iter()
                .find(|first| first.name.value == found.name.value)
            {
                Some(first) => diagnostics.push(
                    Diagnostic::error(
                        DUPLICATE_RESOURCE.code,
                        format!("two contracts are called `{}`", found.name.value),
                    )
                    .at(found.name.span, "again")
                    .also(first.name.span, "first here")
                    .help("remove one of the two, or rename it"),
                ),
                None => contracts.push(found),
            }
        }
    }
}
