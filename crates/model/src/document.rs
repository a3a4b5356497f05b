//! The header of a document: what it declares, and the name of the resource.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::decoder::Decoder;
use crate::definition::pack_of;
use crate::diagnostic::Diagnostic;
use crate::kinds::{Kind, Resource, ResourceKey};
use crate::manifests::{Declared, State};
use crate::offer::Offer;
use crate::record::Value;
use crate::schema::API_VERSION;
use crate::shape::{self, Shape};
use crate::span::{Span, Spanned};
use crate::suggest::{abbreviated, nearest, one_of};
use crate::table::Field;
use crate::yaml::{Entry, Node, NodeValue};

/// A document of one of the kinds, as it is in its file.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) header: Header,
    pub(crate) node: Node,
}

/// What a document declares, and in which environments.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) key: ResourceKey,
    pub(crate) name_span: Span,
    /// The environments that the document applies to; `None` for all.
    pub(crate) environments: Option<Vec<String>>,
}

impl Header {
    /// Whether the document applies to an environment.
    pub(crate) fn is_in(&self, environment: Option<&str>) -> bool {
        match (&self.environments, environment) {
            (Some(names), Some(environment)) => names.iter().any(|name| name == environment),
            (None, _) | (_, None) => true,
        }
    }
}

/// Returns the word under `kind`, if there is one.
pub(crate) fn kind_word(node: &Node) -> Option<&str> {
    node.get("kind").and_then(Node::as_text)
}

/// Reads the header. Problems below the header are left for later, when the document is complete.
pub(crate) fn header(node: Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Document> {
    if !node.is_map() {
        diagnostics.push(
            Diagnostic::error(
                "not-a-manifest",
                "a document must be a mapping with `apiVersion`, `kind`, `metadata` and `spec`",
            )
            .at(first_line(&node), "no mapping")
            .help("`deskstate explain` shows the form of a manifest"),
        );
        return None;
    }
    let kind = kind_of(&node, diagnostics);
    check_version(&node, diagnostics);
    let name = name_of(&node, diagnostics);
    let (kind, (name, name_span)) = (kind?, name?);
    // Any value other than a list of names is reported later, in every environment, when the document is complete. So it counts in each.
    let environments = node
        .get("metadata")
        .and_then(|metadata| metadata.get("environments"))
        .map(Node::items)
        .filter(|items| !items.is_empty());
    let environments = environments.and_then(|items| {
        let names = items.iter().map(|item| item.as_text().map(str::to_owned));
        names.collect()
    });
    let header = Header {
        key: ResourceKey::new(kind, &name),
        name_span,
        environments,
    };
    Some(Document { header, node })
}

/// The keys at the top of a document.
const HEADER: [&str; 4] = ["apiVersion", "kind", "metadata", "spec"];

const NO_KIND: &str = "no kind is called `";

/// The message about an unknown kind.
pub(crate) fn no_kind(word: &str) -> String {
    format!("{NO_KIND}{word}`")
}

/// Returns the word that such a message is about; for a pattern, its kind.
pub(crate) fn no_kind_word(message: &str) -> Option<&str> {
    message.strip_prefix(NO_KIND)?.split(['`', '/']).next()
}

fn kind_of(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Kind> {
    let Some(entry) = node.entry("kind") else {
        diagnostics.push(misspelt(node, "kind").unwrap_or_else(|| {
            Diagnostic::error("not-a-manifest", "`kind` is missing")
                .at(first_line(node), "this document has no `kind`")
                .help(format!(
                    "add `kind:` with {}",
                    one_of(Kind::all().map(Kind::as_str))
                ))
        }));
        return None;
    };
    let word = entry.value.as_text().unwrap_or_default();
    if let Ok(kind) = Kind::from_str(word) {
        return Some(kind);
    }
    let diagnostic =
        Diagnostic::error("unknown-kind", no_kind(word)).at(entry.value.span, "unknown kind");
    diagnostics.push(match word {
        "Project" => diagnostic.help("the project file is `deskstate.yaml` at the root"),
        "Package" => diagnostic.help("a package is described by `deskstate-package.yaml` at the root of its folder"),
        "KindDefinition" => diagnostic.help("keep definitions outside the manifest folders and list them under `spec.kinds` of `deskstate.yaml`"),
        "Contract" => diagnostic.help("keep contracts outside the manifest folders and list them under `spec.contracts` of `deskstate.yaml`"),
        _ => with_known_kind(diagnostic, word),
    });
    None
}

/// Suggests the kind that a word probably means.
pub(crate) fn with_known_kind(diagnostic: Diagnostic, word: &str) -> Diagnostic {
    let words = || Kind::all().map(Kind::as_str);
    let near = Kind::called(word).map(Kind::as_str);
    let near = near.or_else(|| nearest(word, words()));
    match near.or_else(|| abbreviated(word, words())) {
        Some(near) => diagnostic.meant(near),
        None => diagnostic.help(match pack_of(word) {
            Some((pack, kind)) => format!(
                "the pack `{pack}` defines `{kind}`: add `packs: [{pack}]` to `spec` of `deskstate.yaml`"
            ),
            None => format!("write {}", one_of(words())),
        }),
    }
}

/// Reports a key of the header that is missing because it is written differently, such as `Kind`.
fn misspelt(node: &Node, word: &str) -> Option<Diagnostic> {
    let mut entries = node.entries().iter();
    let entry =
        entries.find(|entry| nearest(&entry.key, HEADER).is_some_and(|near| near == word))?;
    Some(
        Diagnostic::error(
            "unknown-field",
            format!("a document has no field `{}`", entry.key),
        )
        .at(entry.key_span, "unknown field")
        .meant(word),
    )
}

/// Returns the entry of `metadata` with the name of the row, if its key is the label of the admin center or is misspelt.
fn misnamed(node: &Node) -> Option<&Entry> {
    let metadata = node.get("metadata")?;
    let mut entries = metadata.entries().iter();
    let is_text = |entry: &&Entry| {
        let text = entry.value.as_text();
        text.is_some_and(|text| !text.trim().is_empty())
    };
    entries.find(|entry| is_text(entry) && shape::is_any_name(&entry.key))
}

/// Reports a missing or different version of the language. The editors' schemas use the same wording.
pub(crate) fn check_version(node: &Node, diagnostics: &mut Vec<Diagnostic>) {
    let version = node.get("apiVersion");
    if version.and_then(Node::as_text) == Some(API_VERSION) {
        return;
    }
    diagnostics.push(match version {
        None => misspelt(node, "apiVersion").unwrap_or_else(|| {
            Diagnostic::error("not-a-manifest", "`apiVersion` is missing")
                .at(first_line(node), "this document has no `apiVersion`")
                .help(format!("add `apiVersion: {API_VERSION}`"))
        }),
        Some(other) => Diagnostic::error(
            "not-a-manifest",
            format!("`apiVersion` must be `{API_VERSION}`"),
        )
        .at(other.span, "another version")
        .help(format!("write `apiVersion: {API_VERSION}`"))
        .offering(Offer::Whole(API_VERSION.to_owned())),
    });
}

fn name_of(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<(String, Span)> {
    let metadata = node.get("metadata");
    let name = metadata.and_then(|metadata| metadata.get("name"));
    if let Some((text, span)) = name.and_then(|name| Some((name.as_text()?, name.span)))
        && !text.trim().is_empty()
    {
        return Some((text.to_owned(), span));
    }
    // The document is read on with the name under another key, so that all of its findings appear at once.
    if let Some(entry) = misnamed(node).filter(|_| name.is_none()) {
        diagnostics.push(
            Diagnostic::error(
                "unknown-field",
                format!("`metadata` has no field `{}`", entry.key),
            )
            .at(entry.key_span, "unknown field")
            .meant("name"),
        );
        let text = entry.value.as_text().unwrap_or_default();
        return Some((text.to_owned(), entry.value.span));
    }
    if let Some(problem) = misspelt(node, "metadata").filter(|_| metadata.is_none()) {
        diagnostics.push(problem);
        return None;
    }
    let place = name
        .or(metadata)
        .map_or_else(|| first_line(node), |node| node.span);
    let diagnostic =
        match name {
            Some(_) => Diagnostic::error("not-a-manifest", "`metadata.name` must be text")
                .at(place, "no text"),
            None => Diagnostic::error("not-a-manifest", "`metadata.name` is missing")
                .at(place, "no name"),
        };
    let outside = node.get("name").and_then(|outside| outside.as_text());
    diagnostics.push(match outside.filter(|_| name.is_none()) {
        Some(outside) => diagnostic.help(format!(
            "move the name into `metadata`: `metadata: {{name: {outside}}}`"
        )),
        None => diagnostic.help("add the unique name: `metadata: {name: contoso_something}`"),
    });
    None
}

/// Returns the first key of a document, to represent the complete document.
pub(crate) fn first_line(node: &Node) -> Span {
    node.entries()
        .first()
        .map_or(node.span, |entry| entry.key_span)
}

/// Reads a complete document: header, labels, state and fields. Also returns the fields that are present but could not be read.
pub(crate) fn declared(
    header: &Header,
    node: &Node,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Declared, Vec<String>) {
    let mut found = Vec::new();
    let mut decoder = Decoder::new(&mut found);
    let metadata = node.get("metadata");
    let state = metadata.and_then(|metadata| metadata.get("state"));
    let state = state
        .and_then(|node| state_of(node, &mut decoder))
        .unwrap_or_default();
    let labels = metadata.and_then(|metadata| metadata.get("labels"));
    let labels = labels
        .map(|node| labels_of(node, &mut decoder))
        .unwrap_or_default();
    let slugs = metadata.and_then(|metadata| metadata.get("slugs"));
    let slugs = slugs.map_or(&[][..], Node::items).iter();
    let slugs = slugs
        .filter_map(|item| item.as_text().map(str::to_owned))
        .collect();
    if let Some(metadata) = metadata {
        check_metadata(header.key.kind, metadata, &mut decoder);
    }
    if !node
        .entries()
        .iter()
        .all(|entry| HEADER.contains(&&*entry.key))
    {
        decoder.reject();
    }
    let kind = header.key.kind;
    let spec = match node.get("spec") {
        Some(spec) if spec.is_map() => {
            let missing = |field: &Field| field.is_required() && spec.get(field.word).is_none();
            if state == State::Present && kind.fields().iter().any(missing) {
                decoder.reject();
            }
            Resource::decode(kind, spec, &mut decoder)
        }
        Some(_) => {
            decoder.reject();
            Resource::empty(kind)
        }
        None => {
            // A kind without required fields may be declared by name only.
            if state == State::Present && kind.needs_spec() {
                decoder.reject();
            }
            Resource::empty(kind)
        }
    };
    let rejected = decoder.is_rejected();
    if rejected && !shape::check(Shape::Document(kind), node, header.name_span, &mut found) {
        found.push(
            Diagnostic::error("wrong-type", "the document does not fit its schema")
                .at(header.name_span, "this document")
                .help(format!("compare it with `deskstate explain {kind}`")),
        );
    }
    // The header has been reported already.
    found.retain(|diagnostic| !(rejected && is_header(diagnostic, node)));
    diagnostics.append(&mut found);
    let unread_fields = unread_fields(&spec, node);
    let declared = Declared {
        key: header.key.clone(),
        state,
        labels,
        slugs,
        span: node.span,
        name_span: header.name_span,
        spec,
    };
    (declared, unread_fields)
}

/// Returns the paths of values that are present but could not be read. Values missing there must not be reported again.
fn unread_fields(spec: &Resource, node: &Node) -> Vec<String> {
    let entries = node.get("spec").map_or(&[][..], Node::entries);
    let all_read = spec.record().len() == entries.len();
    let mut unread = Vec::new();
    for Entry { key, value, .. } in entries {
        if all_read || spec.span_of(key).is_some() {
            unread_within(key, value, &mut unread);
        } else {
            unread.push(key.to_string());
        }
    }
    for (field, given) in spec.record().fields() {
        if let Some(Value::Parameters(parameters)) = given.value() {
            let written = node.get("spec").and_then(|spec| spec.get(field.word));
            let written = written.map_or(&[][..], Node::entries).iter();
            let lost = written.filter(|entry| parameters.get(&entry.key).is_none());
            unread.extend(lost.map(|entry| format!("{}.{}", field.word, entry.key)));
        }
    }
    unread
}

/// Collects the paths below a field where a variable has no value.
fn unread_within(path: &str, node: &Node, unread: &mut Vec<String>) {
    match &node.value {
        NodeValue::Unresolved(_) => unread.push(path.to_owned()),
        NodeValue::List(items) => items
            .iter()
            .for_each(|item| unread_within(path, item, unread)),
        NodeValue::Map(entries) => {
            for Entry { key, value, .. } in entries {
                unread_within(&format!("{path}.{key}"), value, unread);
            }
        }
        _ => {}
    }
}

/// Whether a finding is about `apiVersion`, `kind` or the key of the name.
fn is_header(diagnostic: &Diagnostic, node: &Node) -> bool {
    let place = diagnostic.primary.as_ref().map(|label| label.span);
    let named = node
        .get("metadata")
        .and_then(|metadata| metadata.get("name"));
    if let Some(entry) = misnamed(node).filter(|_| named.is_none())
        && place == Some(entry.key_span)
    {
        return true;
    }
    ["apiVersion", "kind"].iter().any(|word| {
        node.get(word)
            .is_some_and(|value| Some(value.span) == place)
    }) || (diagnostic.code == "missing-field" && diagnostic.message == "`apiVersion` is missing")
}

fn state_of(node: &Node, decoder: &mut Decoder<'_>) -> Option<State> {
    let states = [State::Present, State::Existing, State::Absent];
    decoder.fits(
        states
            .into_iter()
            .find(|state| node.as_text() == Some(state.as_str())),
    )
}

fn labels_of(node: &Node, decoder: &mut Decoder<'_>) -> BTreeMap<String, String> {
    if decoder.fits(node.is_map().then_some(())).is_none() {
        return BTreeMap::new();
    }
    let mut labels = BTreeMap::new();
    for entry in node.entries() {
        let name = Spanned::new(entry.key.to_string(), entry.key_span);
        if let Some(problem) = crate::name::name_problem("a label", &name) {
            decoder.report(problem);
        }
        if let Some(text) = decoder.text(&entry.value, None) {
            labels.insert(name.value, text.to_owned());
        }
    }
    labels
}

fn check_metadata(kind: Kind, metadata: &Node, decoder: &mut Decoder<'_>) {
    for entry in metadata.entries() {
        match &*entry.key {
            "name" => {
                let longest = u32::try_from(kind.max_name_length()).ok();
                decoder.text(&entry.value, longest);
            }
            "environments" => {
                let some = !entry.value.items().is_empty();
                decoder.fits((some && is_list_of_texts(&entry.value)).then_some(()));
            }
            "slugs" if kind.definition().supplies_slugs => {
                decoder.fits(is_list_of_texts(&entry.value).then_some(()));
            }
            "labels" | "state" => {}
            _ => decoder.reject(),
        }
    }
}

fn is_list_of_texts(node: &Node) -> bool {
    let is_text = |item: &Node| item.as_text().is_some_and(|text| !text.is_empty());
    matches!(&node.value, NodeValue::List(items) if items.iter().all(is_text))
}
