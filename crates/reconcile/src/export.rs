//! Exports live rows as manifests: selects the rows and distributes them over files. A plan of the exported manifests is empty.

pub(crate) mod settle;

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{
    Holds, Kind, OutDocument, ResourceKey, State, Table, escape_variables, fold, write_documents,
};
use serde_json::{Map, Value as Json};

use uuid::Uuid;

use crate::extras::prefix;
use crate::live::{Access, Live};
use crate::lower::Desired;
use crate::plan::declared_names;
use crate::raise::{LeftOut, Loss, Options, Raised, Skipped, is_others, raise_all};
use crate::selection::{NothingChosen, Selector};

/// The rows to export: everything, unless something is selected. Dependencies are included.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Prefixes of unique names, without the underscore.
    pub prefixes: BTreeSet<String>,
    /// Kinds.
    pub kinds: BTreeSet<Kind>,
    /// Excludes rows that came with Microsoft or a managed solution.
    pub unmanaged: bool,
    /// Selects what any of these selectors matches; everything if there are none.
    pub what: Vec<Selector>,
    /// Labels from the manifests, since live rows have none.
    pub labels: BTreeMap<ResourceKey, BTreeMap<String, String>>,
}

impl Selection {
    /// Whether a resource is selected. All given types of conditions must hold.
    pub fn takes(&self, key: &ResourceKey) -> bool {
        let by_prefix = self.prefixes.is_empty()
            || prefix(key.name.as_written())
                .is_some_and(|prefix| self.prefixes.iter().any(|wanted| fold(wanted) == prefix));
        by_prefix && self.takes_with_any_prefix(key)
    }

    /// Whether a resource would be selected if it had one of the prefixes.
    fn takes_with_any_prefix(&self, key: &ResourceKey) -> bool {
        let by_kind = self.kinds.is_empty() || self.kinds.contains(&key.kind);
        let chosen =
            self.what.is_empty() || self.what.iter().any(|selector| self.chooses(selector, key));
        by_kind && chosen
    }

    /// Whether a row that no document can express would be selected. A row without a name may be any row of its kind.
    fn is_about(&self, skipped: &Skipped, chosen: &BTreeSet<&ResourceKey>) -> bool {
        if let Some(name) = &skipped.name {
            return self.takes(&ResourceKey::new(skipped.kind, name));
        }
        let by_kind = self.kinds.is_empty() || self.kinds.contains(&skipped.kind);
        let by_choice = self.what.is_empty() || chosen.iter().any(|key| key.kind == skipped.kind);
        by_kind && by_choice
    }

    fn labels_of(&self, key: &ResourceKey) -> &BTreeMap<String, String> {
        const NONE: &BTreeMap<String, String> = &BTreeMap::new();
        self.labels.get(key).unwrap_or(NONE)
    }

    /// Whether a selector matches a row. The row has the labels of its manifest.
    pub fn chooses(&self, selector: &Selector, key: &ResourceKey) -> bool {
        selector.takes(key, self.labels_of(key))
    }

    /// The selectors that match none of these.
    fn nothing_among<'k>(
        &self,
        keys: impl Iterator<Item = &'k ResourceKey> + Clone,
    ) -> Vec<NothingChosen> {
        let nothing = self.what.iter().filter(|selector| {
            let mut keys = keys.clone();
            !keys.any(|key| self.chooses(selector, key))
        });
        nothing
            .map(|selector| {
                let known = keys.clone().map(|key| (key, self.labels_of(key)));
                NothingChosen::among(selector, known)
            })
            .collect()
    }
}

/// One document of an export.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Kind and name.
    pub key: ResourceKey,
    /// `existing` if it comes from somebody else.
    pub state: State,
    /// The fields, in manifest form.
    pub spec: Map<String, Json>,
}

/// The exported documents, and what was left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Export {
    /// By key.
    pub documents: Vec<Document>,
    /// Fields and rows that a manifest cannot express, with the resource.
    pub left_out: Vec<(String, LeftOut)>,
    /// Resources that were included because another one requires them, with the requiring resource.
    pub needed: Vec<(ResourceKey, ResourceKey)>,
    /// Selectors that match no row.
    pub not_found: Vec<NothingChosen>,
    /// Lowercase names that have Microsoft's prefix but belong to the project.
    pub owned: Vec<String>,
    /// Selected rows with Microsoft's prefix that no managed solution brought, so somebody else may have made them.
    pub perhaps_own: Vec<ResourceKey>,
    /// Whether the rows came from a file. If so, they stay `present` even if something is missing that a new row needs.
    pub from_file: bool,
}

impl Export {
    /// Whether a row, a link or a value was read but is missing from the documents. Values of Microsoft's rows do not count: a manifest
    /// refers to such a row and does not own its values.
    pub fn loses(&self) -> bool {
        let mut all = self.left_out.iter();
        all.any(|(_, left_out)| left_out.loss == Loss::Lost)
    }

    /// Rows that are in no document. With `values`, also links and values that are in none, including Microsoft's. They cannot be compared
    /// with another environment.
    pub fn not_comparable(&self, values: bool) -> impl Iterator<Item = &(String, LeftOut)> {
        self.left_out.iter().filter(move |(_, left_out)| {
            left_out.loss != Loss::None && (values || left_out.path.is_empty())
        })
    }

    /// Selected resources that this environment has and that are not declared in `there`.
    pub fn only_here(&self, there: &Desired, selection: &Selection) -> Vec<ResourceKey> {
        let declared = declared_names(there);
        self.undeclared(there, selection)
            .filter(|key| !declared.contains(&(key.kind.table(), key.name.folded())))
            .cloned()
            .collect()
    }

    /// Selected resources that are items of another resource in `there`, but not in this environment.
    pub fn apart(&self, there: &Desired, selection: &Selection) -> Vec<ResourceKey> {
        let declared = declared_names(there);
        self.undeclared(there, selection)
            .filter(|key| declared.contains(&(key.kind.table(), key.name.folded())))
            .cloned()
            .collect()
    }

    fn undeclared<'e>(
        &'e self,
        there: &Desired,
        selection: &Selection,
    ) -> impl Iterator<Item = &'e ResourceKey> {
        let keys = self.documents.iter().map(|document| &document.key);
        keys.filter(|key| !there.resources.contains_key(key) && selection.takes(key))
    }

    /// Columns of the exported kinds that the environment has but no kind models, and tables whose columns could not be read.
    pub fn unmodelled(&self, live: &Live) -> Vec<Unmodelled> {
        let kinds: BTreeSet<Kind> = self.documents.iter().map(|one| one.key.kind).collect();
        let tables = kinds.into_iter().flat_map(|kind| {
            let parts = kind.fields().iter().filter_map(|field| match field.holds {
                Holds::Parts(part) => Some(part.table),
                _ => None,
            });
            std::iter::once(kind.table()).chain(parts)
        });
        let tables: BTreeSet<&'static Table> = tables.collect();
        tables
            .into_iter()
            .filter(|table| live.table(table).access != Access::Absent)
            .filter_map(|table| match &live.table(table).unmodelled {
                None => Some(Unmodelled {
                    table: table.logical,
                    columns: None,
                }),
                Some(columns) if columns.is_empty() => None,
                Some(columns) => Some(Unmodelled {
                    table: table.logical,
                    columns: Some(columns.clone()),
                }),
            })
            .collect()
    }
}

/// Columns of a table that deskstate does not manage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmodelled {
    /// The table, by its logical name.
    pub table: &'static str,
    /// The columns; `None` if the columns of the table could not be read.
    pub columns: Option<BTreeSet<String>>,
}

impl std::fmt::Display for Unmodelled {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { table, columns } = self;
        let Some(columns) = columns else {
            return write!(formatter, "the columns of {table} could not be read");
        };
        let names: Vec<String> = columns.iter().map(|name| format!("`{name}`")).collect();
        let verb = if names.len() == 1 { "is" } else { "are" };
        let names = names.join(", ");
        write!(
            formatter,
            "{names} of {table} {verb} not managed by deskstate"
        )
    }
}

/// Exports the selected rows and the rows that they refer to. Microsoft's rows are included only if everything is exported or they are
/// selected, since manifests can refer to them without a document.
pub fn export(live: &Live, selection: &Selection, options: Options<'_>) -> Export {
    let (raised, skipped) = raise_all(live, options);
    let by_key: BTreeMap<&ResourceKey, &Raised> =
        raised.iter().map(|raised| (&raised.key, raised)).collect();
    let mut chosen: BTreeSet<&ResourceKey> = by_key
        .iter()
        .filter(|(key, raised)| selection.takes(key) && !(selection.unmanaged && raised.brought))
        .map(|(key, _)| *key)
        .collect();
    let nameless: Vec<ResourceKey> = skipped
        .iter()
        .filter_map(|skipped| Some(ResourceKey::new(skipped.kind, skipped.name.as_ref()?)))
        .collect();
    let mut needed = Vec::new();
    let mut open: Vec<&ResourceKey> = chosen.iter().copied().collect();
    while let Some(key) = open.pop() {
        let Some(raised) = by_key.get(key) else {
            continue;
        };
        for reference in &raised.refers_to {
            if let Some((key, _)) = by_key.get_key_value(reference)
                && !is_microsofts(key, options)
                && chosen.insert(key)
            {
                needed.push(((*key).clone(), raised.key.clone()));
                open.push(key);
            }
        }
    }
    let held: BTreeSet<_> = chosen
        .iter()
        .filter_map(|key| by_key.get(key))
        .flat_map(|raised| &raised.holds)
        .collect();
    needed.sort();
    let is_unmanaged = |raised: &&Raised| {
        let key = &raised.key;
        let row = live.row(key.kind.table(), raised.id);
        // A row of a file says it only if a managed solution brought it.
        let managed = row.and_then(|row| row.row.flag("ismanaged"));
        key.kind.table().component && managed.or(options.from_file.then_some(false)) == Some(false)
    };
    let perhaps_own = raised
        .iter()
        .filter(|raised| selection.takes(&raised.key) && is_microsofts(&raised.key, options))
        .filter(|raised| !raised.key.kind.brings(raised.key.name.as_written()))
        .filter(is_unmanaged)
        .map(|raised| raised.key.clone())
        .collect();
    let mut export = Export {
        perhaps_own,
        needed,
        not_found: selection.nothing_among(by_key.keys().copied().chain(&nameless)),
        owned: options.owned.to_vec(),
        from_file: options.from_file,
        ..Export::default()
    };
    let reported = skipped
        .iter()
        .filter(|skipped| selection.is_about(skipped, &chosen));
    export.left_out = reported
        .map(|skipped| {
            let left_out = LeftOut {
                path: String::new(),
                why: skipped.why.clone(),
                loss: Loss::Lost,
            };
            (skipped.label(), left_out)
        })
        .collect();
    // Rows that solutions brought are not asked for, but somebody can have added own rows to them.
    let brought = by_key
        .iter()
        .filter(|(key, _)| selection.takes_with_any_prefix(key) && !chosen.contains(*key));
    for (key, raised) in brought {
        let mut added = raised.refers_to.iter();
        let added = added.find(|own| chosen.contains(own) && !is_microsofts(own, options));
        if let Some(added) = added {
            let why =
                format!("{added} was added to it, and no document says so; export it by name");
            let left_out = LeftOut {
                path: String::new(),
                why,
                loss: Loss::Lost,
            };
            export.left_out.push((key.to_string(), left_out));
        }
    }
    for key in chosen {
        let Some(raised) = by_key.get(key).filter(|raised| !held.contains(&raised.id)) else {
            continue;
        };
        // A file may refer to the product's rows without containing them. Such a reference needs no document.
        if options.from_file
            && raised.spec.is_empty()
            && raised.left_out.is_empty()
            && is_microsofts(key, options)
        {
            continue;
        }
        let reasons = raised.left_out.iter();
        export
            .left_out
            .extend(reasons.map(|left_out| (raised.key.to_string(), left_out.clone())));
        let mut spec = Json::Object(raised.spec.clone());
        escape_variables(&mut spec);
        if let Json::Object(spec) = spec {
            export.documents.push(Document {
                key: raised.key.clone(),
                state: raised.state,
                spec,
            });
        }
    }
    export
}

/// The prefixes of the unique names in an environment, in lowercase, and the number of rows with each. Microsoft's are left out.
pub fn prefixes(live: &Live) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for kind in Kind::all() {
        let table = kind.table();
        for row in live.table(table).rows.values() {
            let name = crate::kinds::name_of(table, &row.row).unwrap_or_default();
            let own =
                prefix(&name).filter(|prefix| !prefix.is_empty() && !is_others(table, &name, &[]));
            if let Some(prefix) = own {
                *found.entry(prefix).or_default() += 1;
            }
        }
    }
    found
}

fn is_microsofts(key: &ResourceKey, options: Options<'_>) -> bool {
    is_others(key.kind.table(), key.name.folded(), options.owned)
}

/// The text of a document, in the standard layout.
pub fn write(document: &Document) -> String {
    let Document { key, state, spec } = document;
    write_documents(&[OutDocument {
        comment: None,
        kind: key.kind,
        name: key.name.as_written().to_owned(),
        labels: BTreeMap::new(),
        state: *state,
        spec: spec.clone(),
    }])
}

/// The folder for the documents of a kind.
pub fn folder(kind: Kind) -> &'static str {
    kind.definition().folder
}

/// Returns a file name for each document, `<folder of the kind>/<name>.yaml`, relative to the folder of the manifests. No two names differ
/// only in case.
pub fn file_names<'a>(keys: impl IntoIterator<Item = &'a ResourceKey>) -> Vec<String> {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    keys.into_iter()
        .map(|key| {
            let name = free_name(key, &|name| taken.contains(&name.to_lowercase()));
            taken.insert(name.to_lowercase());
            name
        })
        .collect()
}

/// Returns a file name as [`file_names`] does, other than those that are taken.
pub(crate) fn free_name(key: &ResourceKey, taken: &dyn Fn(&str) -> bool) -> String {
    let stem = format!("{}/{}", folder(key.kind), file_stem(key.name.as_written()));
    let mut name = format!("{stem}.yaml");
    let mut number = 1_u32;
    while taken(&name) {
        number += 1;
        name = format!("{stem}-{number}.yaml");
    }
    name
}

/// Returns a name that every file system accepts.
fn file_stem(name: &str) -> String {
    /// Maximum length of a stem. With the extension, it stays below the limits of file systems.
    const LONGEST: usize = 120;
    let mut stem: String = name
        .trim()
        .chars()
        .map(|character| {
            let plain = character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
            if plain { character } else { '-' }
        })
        .take(LONGEST)
        .collect();
    // Otherwise, all names of a script that is not Latin would be alike, and get another number with each export.
    if !name.is_ascii() {
        let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, name.trim().as_bytes()).simple();
        stem = format!("{}-{}", stem.trim_matches('-'), &id.to_string()[..8]);
        stem = stem.trim_start_matches('-').to_owned();
    }
    while stem.ends_with('.') {
        stem.pop();
    }
    if stem.is_empty() || stem.starts_with('.') || deskstate_files::is_device(&stem) {
        stem.insert(0, '_');
    }
    stem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_after_documents_and_never_collide_on_any_system() {
        let keys = [
            ResourceKey::new(Kind::APPLICATION_TAB, "contoso_Tab"),
            ResourceKey::new(Kind::APPLICATION_TAB, "contoso_tab "),
            ResourceKey::new(Kind::CIF_PROVIDER, "Voxline / classic: ü"),
            ResourceKey::new(Kind::CIF_PROVIDER, "../../etc/passwd"),
            ResourceKey::new(Kind::CIF_PROVIDER, "NUL"),
            ResourceKey::new(Kind::CIF_PROVIDER, "lpt1"),
            ResourceKey::new(Kind::CIF_PROVIDER, "Con.tab"),
            ResourceKey::new(Kind::CIF_PROVIDER, "a:b\\c. "),
            ResourceKey::new(Kind::CIF_PROVIDER, "..."),
        ];
        assert_eq!(
            file_names(&keys),
            [
                "application-tabs/contoso_Tab.yaml",
                "application-tabs/contoso_tab-2.yaml",
                "cif-providers/Voxline---classic-95ab4773.yaml",
                "cif-providers/_..-..-etc-passwd.yaml",
                "cif-providers/_NUL.yaml",
                "cif-providers/_lpt1.yaml",
                "cif-providers/_Con.tab.yaml",
                "cif-providers/a-b-c.yaml",
                "cif-providers/_.yaml",
            ]
        );
    }

    #[test]
    fn a_selection_wants_every_condition_that_it_gives() {
        let key = ResourceKey::new(Kind::APPLICATION_TAB, "contoso_tab");
        let takes = |prefix: &str, kind: Kind| {
            Selection {
                prefixes: BTreeSet::from([prefix.to_owned()]),
                kinds: BTreeSet::from([kind]),
                ..Selection::default()
            }
            .takes(&key)
        };
        assert!(Selection::default().takes(&key));
        assert!(takes("Contoso", Kind::APPLICATION_TAB));
        assert!(
            !takes("con", Kind::APPLICATION_TAB),
            "a prefix is the whole part before the underscore"
        );
        assert!(!takes("contoso", Kind::SESSION_TEMPLATE));
    }
}
