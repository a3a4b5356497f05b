//! Copies live values back into the existing manifests. Drifted values are written where they are declared; everything else stays byte for
//! byte.

mod overlay;
mod wanted;

use std::collections::{BTreeMap, BTreeSet, btree_map};

use deskstate_model::{
    Field, FileId, Manifests, ResourceKey, Span, YamlEdits, escape_variables, fold, tables,
};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::drift::Ignored;
use crate::export::{Document, Export, free_name, write};
use crate::kinds;
use crate::live::Live;
use crate::lower::Desired;
use crate::plan::{Action, Change, FieldChange, Plan};
use crate::raise::{Options, Raised, raise};
use crate::writes::{arrivals, departures};

/// Destination of a value that is declared in the base, for an environment that has an overlay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Into {
    /// The overlay. Other environments keep their values.
    #[default]
    Overlay,
    /// The base, for all environments.
    Base,
}

/// The input of an adoption.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The manifests of the environment.
    pub manifests: &'a Manifests,
    /// The resources that they declare.
    pub desired: &'a Desired,
    /// The live environment, including the names of referenced rows.
    pub live: &'a Live,
    /// The plan that would revert what is adopted.
    pub plan: &'a Plan,
    /// Differences that rules accept. The plan lacks them.
    pub accepted: &'a [Ignored],
    /// Undeclared rows that become documents, together with their dependencies.
    pub new: &'a Export,
    /// Whether values go into the overlay or the base.
    pub into: Into,
    /// The environment's overlay folders, relative to the project, with `/`.
    pub overlays: &'a [String],
    /// Returns whether the environment would read a new file as a part of its overlays.
    pub reads: &'a dyn Fn(&str) -> bool,
    /// The folder for the documents of new rows, relative to the project.
    pub folder: &'a str,
    /// How people are referred to.
    pub options: Options<'a>,
    /// Fields that an earlier attempt showed not to be adoptable, and why.
    pub unfit: &'a BTreeMap<(ResourceKey, String), String>,
}

/// The result of an adoption. Nothing has been written to disk.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Adoption {
    /// Files by path, relative to the project.
    pub files: BTreeMap<String, FileChange>,
    /// Fields that were adopted.
    pub adopted: Vec<(ResourceKey, String)>,
    /// Fields that were not adopted.
    pub refused: Vec<Refusal>,
}

/// A file before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// The old text; `None` for a new file.
    pub before: Option<String>,
    /// The new text.
    pub after: String,
}

/// A field that was not adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The resource.
    pub key: ResourceKey,
    /// The field; empty for the complete resource.
    pub path: String,
    /// The reason, for people.
    pub why: String,
    /// The place that prevents the adoption.
    pub place: Option<Span>,
}

/// Computes the edits.
pub fn adopt(request: &Request<'_>) -> Adoption {
    let mut adopting = Adopting {
        request: *request,
        files: BTreeMap::new(),
        puts: BTreeMap::new(),
        overlay: BTreeMap::new(),
        result: Adoption::default(),
    };
    for change in &request.plan.changes {
        adopting.change(change);
    }
    adopting.extend_overlays();
    adopting.edit();
    adopting.new_rows();
    adopting.finish()
}

/// Users whom a plan takes out of their last profile.
pub fn left_without_profile(plan: &Plan, live: &Live) -> BTreeSet<Uuid> {
    let leave = departures(plan.changes.iter());
    let get = arrivals(plan.changes.iter());
    let get: BTreeSet<Uuid> = get.into_iter().map(|(user, _)| user).collect();
    let keeps = |user: Uuid| {
        let mut profiles = live.links(&tables::PROFILE_USERS).owners(user).iter();
        profiles.any(|profile| !leave.contains(&(user, *profile)))
    };
    let leavers = leave.iter().map(|(user, _)| *user);
    leavers
        .filter(|user| !get.contains(user) && !keeps(*user))
        .collect()
}

/// The profiles that get users in a plan, with the users.
pub fn given_profiles(plan: &Plan) -> BTreeMap<ResourceKey, BTreeSet<Uuid>> {
    let given = plan.changes.iter().map(|change| {
        let users = arrivals(std::iter::once(change)).into_iter();
        (change.key.clone(), users.map(|(user, _)| user).collect())
    });
    given.collect()
}

impl Request<'_> {
    fn is_overlay(&self, path: &str) -> bool {
        self.overlays.iter().any(|folder| is_below(path, folder))
    }
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder.trim_end_matches('/'))
        .is_some_and(|rest| rest.starts_with('/'))
}

/// A file to edit.
struct File<'a> {
    edits: YamlEdits<'a>,
    adopted: Vec<(ResourceKey, String)>,
}

/// One value to change: where it is written and, if it is owned key by key, which of its keys.
struct Unit<'a> {
    field: &'a FieldChange,
    parts: Vec<&'a str>,
}

/// A new value of a field, and where the difference is.
struct Put {
    key: ResourceKey,
    span: Span,
    value: Json,
}

struct Adopting<'a> {
    request: Request<'a>,
    files: BTreeMap<FileId, File<'a>>,
    /// New values of fields, by file, document and field.
    puts: BTreeMap<(FileId, usize, String), Put>,
    /// Fields that have to be added to the overlay.
    overlay: BTreeMap<ResourceKey, Map<String, Json>>,
    result: Adoption,
}

impl<'a> Adopting<'a> {
    fn refuse(
        &mut self,
        key: &ResourceKey,
        path: &str,
        why: impl std::convert::Into<String>,
        place: Option<Span>,
    ) {
        self.result.refused.push(Refusal {
            key: key.clone(),
            path: path.to_owned(),
            why: why.into(),
            place,
        });
    }

    fn change(&mut self, change: &Change) {
        let why = match change.action {
            Action::Update => None,
            Action::Create => Some("the row does not exist: delete its document, or apply it"),
            Action::Delete => {
                Some("the row exists although it is declared absent: change `state`, or apply it")
            }
        };
        if let Some(why) = why {
            self.refuse(&change.key, "", why, change.declared_at);
            return;
        }
        let Some(row) = self.request.live.row(change.key.kind.table(), change.id) else {
            return;
        };
        let options = Options {
            all_present: true,
            skip_defaults: false,
            ..self.request.options
        };
        let mut raised = raise(self.request.live, change.key.kind, row, options);
        let mut spec = Json::Object(std::mem::take(&mut raised.spec));
        escape_variables(&mut spec);
        if let Json::Object(spec) = spec {
            raised.spec = spec;
        }
        // Each value is changed once. A mapping that is owned key by key is changed once in each file that contains some of its keys.
        let mut units: BTreeMap<(&str, Option<FileId>), Unit<'_>> = BTreeMap::new();
        for field in &change.fields {
            let (word, part) = field.path.split_once('.').unwrap_or((&field.path, ""));
            let by_key = kinds::named(change.key.kind, word).is_some_and(wanted::is_by_key);
            let file = field.span.map(|span| span.file).filter(|_| by_key);
            units
                .entry((word, file))
                .or_insert(Unit {
                    field,
                    parts: Vec::new(),
                })
                .parts
                .push(part);
        }
        for ((word, _), Unit { field, parts }) in units {
            self.field(change, field, word, &parts, &raised);
        }
    }

    fn field(
        &mut self,
        change: &Change,
        field: &FieldChange,
        word: &str,
        parts: &[&str],
        raised: &Raised,
    ) {
        let key = &change.key;
        let Some(span) = field.span else {
            self.refuse(key, word, "no manifest sets it", None);
            return;
        };
        let span = match self.items_at(key, word, span) {
            Ok(span) => span,
            Err(why) => {
                self.refuse(key, word, why, Some(span));
                return;
            }
        };
        let path = self.request.manifests.sources.path(span.file).to_owned();
        if path == deskstate_model::PROJECT_FILE {
            self.refuse(key, word, "it comes from the project file", Some(span));
            return;
        }
        if let Err(why) = self.open(span.file) {
            self.refuse(key, word, why, Some(span));
            return;
        }
        let Some((at, written)) = self.written(span, word) else {
            self.refuse(
                key,
                word,
                "it is in a separate file, which is not edited",
                Some(span),
            );
            return;
        };
        let Some(known) = kinds::named(key.kind, word) else {
            self.refuse(key, word, "the kind has no such field", Some(span));
            return;
        };
        if let Some(why) = self.request.unfit.get(&(key.clone(), word.to_owned())) {
            self.refuse(key, word, why, Some(span));
            return;
        }
        let is_of_word = |path: &str| path.split('.').next() == Some(word);
        let mut accepted = self.request.accepted.iter();
        let accepted = accepted.find(|accepted| accepted.key == *key && is_of_word(&accepted.path));
        if let Some(accepted) = accepted.filter(|_| !wanted::is_by_key(known)) {
            let why = format!(
                "a rule under `ignore` accepts `{}`, and the list can only be adopted as a whole: edit it by hand",
                accepted.path
            );
            self.refuse(key, word, why, Some(span));
            return;
        }
        let wanted = if wanted::is_by_key(known) {
            wanted::by_key(known, parts, &written, raised)
        } else {
            let Request {
                desired,
                live,
                options,
                ..
            } = self.request;
            wanted::whole(
                &wanted::Side {
                    desired,
                    live,
                    options,
                },
                change,
                known,
                &written,
                raised,
            )
        };
        let sayable = wanted.and_then(|wanted| wanted::sayable(known, wanted));
        let wanted = match sayable {
            Ok(wanted) => wanted,
            Err(why) => {
                self.refuse(key, word, why, Some(span));
                return;
            }
        };
        let aside = self.request.into == Into::Overlay
            && !self.request.overlays.is_empty()
            && !self.request.is_overlay(&path);
        let package = self.request.manifests.package_of(span);
        if wanted == written {
            // A member without a row may only be unreadable, so it is never removed.
            let why = "a row that it names does not exist; nothing else differs";
            self.refuse(key, word, why, Some(span));
        } else if let Some(package) = package.filter(|_| !aside) {
            let why = format!(
                "the package {package} declares it: an overlay of the environment can change it"
            );
            self.refuse(key, word, why, Some(span));
        } else if aside && names_files(known, &wanted) {
            let why = "it names a file by its path from the manifest: copy it into the overlay by hand, or use `--into base`";
            self.refuse(key, word, why, Some(span));
        } else if aside {
            self.put_aside(key, word, &written, wanted, span);
        } else {
            let put = Put {
                key: key.clone(),
                span,
                value: wanted,
            };
            self.puts.insert((span.file, at, word.to_owned()), put);
        }
    }

    /// The place of the items of a field that has some, otherwise its own: an overlay can replace the items and keep the rest, such as the mode.
    fn items_at(
        &mut self,
        key: &ResourceKey,
        word: &str,
        span: Span,
    ) -> Result<Span, &'static str> {
        let Some(resource) = self.request.desired.resources.get(key) else {
            return Ok(span);
        };
        if kinds::named(key.kind, word).is_none_or(wanted::is_by_key) {
            return Ok(span);
        }
        let mut elsewhere: BTreeMap<FileId, Span> = BTreeMap::new();
        let mut is_here = false;
        for item in resource.items_of(word) {
            if item.file == span.file {
                is_here = true;
            } else if self.open(item.file).is_ok() {
                let edits = &self.files[&item.file].edits;
                let document = document_of(edits, key);
                if document.is_some() && document == edits.document_at(item.start as usize) {
                    elsewhere.entry(item.file).or_insert(item);
                }
            }
        }
        match elsewhere.into_values().collect::<Vec<_>>()[..] {
            [] => Ok(span),
            [item] if !is_here => Ok(item),
            _ => Err("its items are in several files: edit it by hand"),
        }
    }

    /// Parses a file on first use.
    fn open(&mut self, file: FileId) -> Result<(), String> {
        if let btree_map::Entry::Vacant(unread) = self.files.entry(file) {
            unread.insert(File {
                edits: YamlEdits::new(self.request.manifests.sources.text(file))?,
                adopted: Vec::new(),
            });
        }
        Ok(())
    }

    /// The document at a place, and its value for a field of `spec`; null if it has none.
    fn written(&self, span: Span, word: &str) -> Option<(usize, Json)> {
        let edits = &self.files.get(&span.file)?.edits;
        let at = edits.document_at(span.start as usize)?;
        let in_file = edits.get(at, &["spec", &format!("{word}File")]).is_some();
        (!in_file).then(|| (at, edits.get(at, &["spec", word]).unwrap_or_default()))
    }

    /// Edits the values in place.
    fn edit(&mut self) {
        for ((id, at, word), put) in std::mem::take(&mut self.puts) {
            let Some(file) = self.files.get_mut(&id) else {
                continue;
            };
            match file.edits.set(at, &["spec", &word], &put.value) {
                Ok(()) => file.adopted.push((put.key, word)),
                Err(refused) => {
                    let place = u32::try_from(refused.at).ok().map(|start| Span {
                        start,
                        end: start,
                        ..put.span
                    });
                    self.refuse(&put.key, &word, refused.why, place);
                }
            }
        }
    }

    fn new_file(&mut self, folder: &str, document: Document) {
        let below = |name: String| match folder.trim_end_matches('/') {
            "" => name,
            folder => format!("{folder}/{name}"),
        };
        let taken = |path: &str| {
            let sources = &self.request.manifests.sources;
            sources
                .files()
                .any(|file| sources.path(file).eq_ignore_ascii_case(path))
                || self
                    .result
                    .files
                    .keys()
                    .any(|known| known.eq_ignore_ascii_case(path))
        };
        let name = free_name(&document.key, &|name| taken(&below(name.to_owned())));
        let mut path = below(name.clone());
        if self.request.is_overlay(&path) && !(self.request.reads)(&path) {
            path = below(name.replace('/', "-"));
            if !(self.request.reads)(&path) {
                let why = format!("no pattern of `overlay` reads a new file in {folder}");
                self.refuse(&document.key, "", why, None);
                return;
            }
        }
        if taken(&path) {
            self.refuse(&document.key, "", format!("{path} already exists"), None);
            return;
        }
        let after = write(&document);
        self.result.files.insert(
            path,
            FileChange {
                before: None,
                after,
            },
        );
        self.result.adopted.push((document.key, String::new()));
    }

    /// Creates a document for each row that was named and that no document declares.
    fn new_rows(&mut self) {
        let desired = self.request.desired;
        for document in &self.request.new.documents {
            if desired.resources.contains_key(&document.key) {
                continue;
            }
            self.new_file(self.request.folder, document.clone());
        }
    }

    /// Reads every edited file again. Unless exactly the adopted places differ, nothing in the file is adopted.
    fn finish(mut self) -> Adoption {
        let sources = &self.request.manifests.sources;
        for (id, file) in std::mem::take(&mut self.files) {
            let before = sources.text(id);
            if file.adopted.is_empty() {
                continue;
            }
            if let Some(after) = file.edits.finish() {
                self.result.adopted.extend(file.adopted);
                self.result.files.insert(
                    sources.path(id).to_owned(),
                    FileChange {
                        before: Some(before.to_owned()),
                        after,
                    },
                );
            } else {
                let why = format!(
                    "{} is written in a way that cannot be edited exactly",
                    sources.path(id)
                );
                for (key, path) in file.adopted {
                    self.refuse(&key, &path, why.clone(), None);
                }
            }
        }
        self.result.adopted.sort();
        self.result
            .refused
            .sort_by(|left, right| (&left.key, &left.path).cmp(&(&right.key, &right.path)));
        self.result
    }
}

/// Whether items of a list take values from other files, such as `configurationFile`.
fn names_files(field: &'static Field, value: &Json) -> bool {
    let items = value.get("members").unwrap_or(value).as_array();
    items.into_iter().flatten().any(|item| {
        let mut fields = field.items();
        fields.any(|inner| item.get(format!("{}File", inner.word)).is_some())
    })
}

/// Finds the document of a resource among those of a file.
fn document_of(edits: &YamlEdits<'_>, key: &ResourceKey) -> Option<usize> {
    edits.documents().position(|document| {
        let name = document["metadata"]["name"].as_str();
        document["kind"].as_str() == Some(key.kind.as_str())
            && name.is_some_and(|name| fold(name) == key.name.folded())
    })
}
