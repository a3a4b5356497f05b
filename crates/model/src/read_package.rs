//! Reads package descriptions, and reads and writes the lock.

use std::collections::{BTreeMap, BTreeSet};

use semver::{Version, VersionReq};
use serde_json::{Map, Value, json};

use crate::diagnostic::Diagnostic;
use crate::document::{check_version, first_line, kind_word};
use crate::package::{
    LOCK_FILE, Lock, Locked, PACKAGE_DOCUMENT, PACKAGE_FILE, PACKAGE_LOCK, PACKAGE_PARAMETER,
    Package, PackageItem, Parameter, ParameterType, is_package_name, no_package_name,
    wrong_parameter,
};
use crate::read_project::{owned_prefixes, texts};
use crate::schema::API_VERSION;
use crate::shape::{self, Shape};
use crate::shape_codes::UNKNOWN_KIND;
use crate::span::Spanned;
use crate::variables::{is_variable_name, names_variables};
use crate::yaml::{Node, entry_lines};

/// Kind of the lock file.
const LOCK_KIND: &str = "Lock";

/// Reads the description of a package; `None` if it cannot be used.
pub(crate) fn package(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Package> {
    let place = first_line(node);
    if kind_word(node) != Some("Package") {
        diagnostics.push(
            Diagnostic::error(
                UNKNOWN_KIND.code,
                format!("`{PACKAGE_FILE}` contains one document of `kind: Package`"),
            )
            .at(place, "another kind")
            .help("write `kind: Package`; `deskstate explain Package` lists the fields"),
        );
        return None;
    }
    if !shape::check(Shape::Package, node, place, diagnostics) {
        check_version(node, diagnostics);
    }
    let spec = node.get("spec")?;
    let name = spanned(node.get("metadata")?.get("name")?)?;
    if !is_package_name(&name.value) {
        diagnostics.push(no_package_name(&name));
        return None;
    }
    let version = spanned(spec.get("version")?)?;
    let version = parsed(
        &version,
        "write a semver version such as `1.2.0`",
        diagnostics,
    )?;
    let requires = spec.get("requires").and_then(|it| it.get("deskstate"));
    let requires = requires.and_then(spanned).and_then(|requires| {
        parsed::<VersionReq>(&requires, "write versions such as `>=0.1`", diagnostics)
    });
    let parameters = spec.get("parameters").map_or(&[][..], Node::entries).iter();
    let mut found = Vec::new();
    for entry in parameters {
        let name = Spanned::new(entry.key.to_string(), entry.key_span);
        found.extend(parameter(name, &entry.value, diagnostics));
    }
    let mut notes = BTreeMap::new();
    for entry in spec.get("notes").map_or(&[][..], Node::entries) {
        let version = Spanned::new(entry.key.to_string(), entry.key_span);
        let version = parsed::<Version>(
            &version,
            "quote a semver version such as `\"1.2.0\"`",
            diagnostics,
        );
        if let (Some(version), Some(note)) = (version, entry.value.as_text()) {
            notes.insert(version.value, note.trim_end().to_owned());
        }
    }
    let text = |word: &str| spec.get(word).and_then(Node::as_text).map(str::to_owned);
    Some(Package {
        name,
        version,
        vendor: text("vendor").unwrap_or_default(),
        license: text("license"),
        description: text("description"),
        requires,
        owns: owned_prefixes(spec, diagnostics),
        parameters: found,
        manifests: match spec.get("manifests") {
            Some(list) => texts(Some(list)),
            None => vec![Spanned::new("manifests".to_owned(), place)],
        },
        contracts: texts(spec.get("contracts")),
        kinds: texts(spec.get("kinds")),
        notes,
        span: node.span,
    })
}

fn parameter(
    name: Spanned<String>,
    node: &Node,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Parameter> {
    if !is_variable_name(&name.value) {
        diagnostics.push(
            Diagnostic::error(
                PACKAGE_PARAMETER.code,
                format!("`{}` cannot name a parameter", name.value),
            )
            .at(name.span, "not a parameter name")
            .help("begin with a letter, then use letters, digits and `_`"),
        );
        return None;
    }
    let holds = ParameterType::of(node.get("type")?.as_text()?)?;
    let default = node.get("default").cloned();
    if let Some(default) = &default {
        if names_variables(default) {
            diagnostics.push(
                Diagnostic::error(
                    PACKAGE_DOCUMENT.code,
                    "the default of a parameter cannot contain a variable of a project",
                )
                .at(default.span, "a variable")
                .help("write the value out, or leave the default out"),
            );
        } else if !holds.takes(default) {
            diagnostics.push(wrong_parameter(&name.value, holds, default.span));
        }
    }
    Some(Parameter {
        meaning: node
            .get("meaning")
            .and_then(Node::as_text)
            .unwrap_or_default()
            .to_owned(),
        name,
        holds,
        default,
    })
}

fn spanned(node: &Node) -> Option<Spanned<String>> {
    let text = match node.to_json() {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(Spanned::new(text, node.span))
}

fn parsed<T: std::str::FromStr<Err = semver::Error>>(
    text: &Spanned<String>,
    help: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Spanned<T>> {
    match text.value.trim().parse() {
        Ok(value) => Some(Spanned::new(value, text.span)),
        Err(error) => {
            diagnostics.push(
                Diagnostic::error(
                    PACKAGE_DOCUMENT.code,
                    format!("`{}` is not a version: {error}", text.value),
                )
                .at(text.span, "not a version")
                .help(help),
            );
            None
        }
    }
}

impl PackageItem {
    fn of(node: &Node) -> Option<Self> {
        let text = |word: &str| Some(node.get(word)?.as_text()?.to_owned());
        let member = match (text("field"), text("member")) {
            (Some(field), Some(member)) => Some((field, member)),
            (None, None) => None,
            _ => return None,
        };
        Some(Self {
            kind: text("kind")?,
            name: text("name")?,
            member,
        })
    }
}

impl Lock {
    /// Reads the lock file and reports what is wrong with it.
    pub(crate) fn of(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut lock = Self::default();
        if lock.take(node).is_none() {
            diagnostics.push(
                Diagnostic::error(
                    PACKAGE_LOCK.code,
                    format!("`{LOCK_FILE}` does not have the form that `deskstate package` writes"),
                )
                .at(first_line(node), "this file")
                .help("restore it from git, and change it with `deskstate package` only"),
            );
        }
        lock
    }

    fn take(&mut self, node: &Node) -> Option<()> {
        if kind_word(node) != Some(LOCK_KIND)
            || node.get("apiVersion").and_then(Node::as_text) != Some(API_VERSION)
        {
            return None;
        }
        for entry in node.get("packages").map_or(&[][..], Node::entries) {
            let text = |word: &str| Some(entry.value.get(word)?.as_text()?.to_owned());
            let brings = entry.value.get("brings").map_or(&[][..], Node::items);
            let locked = Locked {
                version: text("version")?,
                from: entry.value.get("from")?.to_json(),
                digest: text("digest")?,
                brings: brings.iter().map(PackageItem::of).collect::<Option<_>>()?,
            };
            self.packages.insert(entry.key.to_string(), locked);
            self.spans.insert(entry.key.to_string(), entry.key_span);
        }
        for entry in node.get("removed").map_or(&[][..], Node::entries) {
            let mut removed = BTreeSet::new();
            for item in entry.value.items() {
                let brought = PackageItem::of(item)?;
                self.places.insert(brought.clone(), item.span);
                removed.insert(brought);
            }
            self.removed.insert(entry.key.to_string(), removed);
        }
        Some(())
    }

    /// Returns the content of the lock file. The same lock always gives the same bytes.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let brought = |all: &BTreeSet<PackageItem>| -> Value {
            all.iter().map(PackageItem::to_json).collect()
        };
        let packages: Map<String, Value> = self
            .packages
            .iter()
            .map(|(name, locked)| {
                let mut entries = json!({
                    "version": locked.version, "from": locked.from, "digest": locked.digest,
                });
                if !locked.brings.is_empty() {
                    entries["brings"] = brought(&locked.brings);
                }
                (name.clone(), entries)
            })
            .collect();
        let removed: Map<String, Value> = self
            .removed
            .iter()
            .map(|(name, all)| (name.clone(), brought(all)))
            .collect();
        let mut text = format!(
            "# Written by `deskstate package`; edit nothing but `removed`, whose entries you may delete. Rows under `removed` are deleted unless a manifest declares them.\napiVersion: {API_VERSION}\nkind: {LOCK_KIND}\n"
        );
        for (key, entries) in [("packages", packages), ("removed", removed)] {
            if !entries.is_empty() {
                text.push_str(&entry_lines(key, &Value::Object(entries), 0));
            }
        }
        text
    }
}
