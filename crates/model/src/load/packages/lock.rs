//! The lock file: what is installed, and whether its files are as they were installed.

use std::collections::{BTreeMap, BTreeSet};

use super::InUse;
use crate::diagnostic::Diagnostic;
use crate::files::{FileProblem, Root};
use crate::load::Loader;
use crate::load::reading::start_of;
use crate::package::{
    CHECKSUMS_FILE, LOCK_FILE, Lock, PACKAGE_CHANGED, PACKAGE_LOCK, PackageFiles, UsedPackage,
    checksums, digest_of, package_digest,
};
use crate::span::Span;

impl Loader {
    pub(super) fn read_lock(
        &mut self,
        files: &mut Root,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Lock {
        let text = match files.read(LOCK_FILE) {
            Ok(text) => text,
            // Every package is reported as not locked.
            Err(FileProblem::NotThere) => return Lock::default(),
            Err(problem) => {
                let file = self.sources.add(LOCK_FILE, "");
                diagnostics.push(
                    Diagnostic::error(
                        problem.code(),
                        format!("`{LOCK_FILE}` cannot be read: {problem}"),
                    )
                    .at(start_of(file), "this file")
                    .help(problem.help()),
                );
                return unread();
            }
        };
        let file = self.sources.add(LOCK_FILE, text);
        let found = diagnostics.len();
        let documents = self.parse(file, diagnostics);
        match documents.as_slice() {
            [node] => {
                let mut lock = Lock::of(node, diagnostics);
                lock.is_unread = diagnostics[found..].iter().any(Diagnostic::is_error);
                lock
            }
            _ => {
                diagnostics.push(
                    Diagnostic::error(
                        PACKAGE_LOCK.code,
                        format!("`{LOCK_FILE}` must contain one document"),
                    )
                    .at(start_of(file), "this file")
                    .help("restore it from git, and change it with `deskstate package` only"),
                );
                unread()
            }
        }
    }

    pub(super) fn check_lock(
        &mut self,
        in_use: &InUse,
        used: &UsedPackage,
        texts: &PackageFiles,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let name = &used.name.value;
        let update = format!("run `deskstate package update {name}`");
        let package = &in_use.package;
        if package.name.value != *name {
            diagnostics.push(
                Diagnostic::error(
                    PACKAGE_LOCK.code,
                    format!(
                        "the package in `{}` is called `{}`",
                        in_use.folder, package.name.value
                    ),
                )
                .at(used.name.span, "another name")
                .also(package.name.span, "its name")
                .help("use the name of the package under `spec.packages`"),
            );
            return;
        }
        let Some(locked) = self.lock.packages.get(name).cloned() else {
            if self.lock.is_unread {
                return;
            }
            diagnostics.push(
                Diagnostic::error(
                    PACKAGE_LOCK.code,
                    format!("package `{name}` is not in `{LOCK_FILE}`"),
                )
                .at(used.name.span, "used here")
                .help(update),
            );
            return;
        };
        let at_lock = self.lock.spans.get(name).copied().unwrap_or(used.name.span);
        if locked.from != used.from.value {
            diagnostics.push(
                Diagnostic::error(
                    PACKAGE_LOCK.code,
                    format!("package `{name}` is locked from another source"),
                )
                .at(used.from.span, "this source")
                .also(at_lock, "locked here")
                .help(&update),
            );
        }
        let listed = texts.get(CHECKSUMS_FILE);
        let is_listed = listed.is_none_or(|listed| *listed == checksums(texts));
        if locked.digest != package_digest(texts) || !is_listed {
            diagnostics.extend(self.changed(in_use, &locked.digest, texts, at_lock));
        } else if locked.version != package.version.value.to_string() {
            diagnostics.push(
                Diagnostic::error(
                    PACKAGE_LOCK.code,
                    format!("package `{name}` is locked with another version"),
                )
                .at(at_lock, "locked here")
                .also(package.version.span, "its version")
                .help(update),
            );
        }
    }

    /// Reports which files differ from the locked ones, as far as the package's checksum file shows it.
    pub(super) fn changed(
        &mut self,
        in_use: &InUse,
        digest: &str,
        texts: &PackageFiles,
        at_lock: Span,
    ) -> Vec<Diagnostic> {
        let name = &in_use.package.name.value;
        let found = |message: String| {
            Diagnostic::error(PACKAGE_CHANGED.code, message)
                .also(at_lock, "locked here")
                .help(format!(
                    "restore it with git, or with `deskstate package update {name}`; put your own values into parameters or an overlay"
                ))
        };
        let listed = texts
            .get(CHECKSUMS_FILE)
            .map(String::as_str)
            .unwrap_or_default();
        let now = checksums(texts);
        let lines = |text: &'_ str| -> BTreeMap<String, String> {
            text.lines()
                .filter_map(|line| line.split_once("  "))
                .map(|(sum, path)| (path.to_owned(), sum.to_owned()))
                .collect()
        };
        let (then, now) = (lines(listed), lines(&now));
        let is_right = digest_of(listed) == digest;
        let paths: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
        let differing = paths
            .into_iter()
            .filter(|path| is_right && then.get(*path) != now.get(*path));
        let mut all: Vec<Diagnostic> = differing
            .map(|path| {
                let shown = in_use.path(path);
                let what = match (then.contains_key(path), now.contains_key(path)) {
                    (true, false) => "is missing",
                    (false, true) => "does not belong to the package",
                    _ => "was changed",
                };
                let text = texts.get(path.as_str()).cloned().unwrap_or_default();
                let file = self.sources.add(&shown, text);
                found(format!("`{shown}` {what}")).at(start_of(file), "this file")
            })
            .collect();
        if all.is_empty() {
            all.push(
                found(format!(
                    "the files of package `{name}` are not those that are locked"
                ))
                .at(in_use.package.name.span, "in this package"),
            );
        }
        all
    }
}

/// A lock that exists and says nothing.
fn unread() -> Lock {
    Lock {
        is_unread: true,
        ..Lock::default()
    }
}
