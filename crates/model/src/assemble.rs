//! The resources of one environment: base documents, overlays, variables, `defaults`, and the checks on the result.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use crate::checks;
use crate::contract::Contract;
use crate::diagnostic::Diagnostic;
use crate::document::{self, Document};
use crate::field::FieldInfo;
use crate::file_texts::FileTexts;
use crate::given::Given;
use crate::kinds::{Resource, ResourceKey};
use crate::manifests::{Declared, State};
use crate::overlay::{merged, remove};
use crate::project::Project;
use crate::read_project::variables;
use crate::schema::file_word;
use crate::span::Span;
use crate::variables::{Origins, Substitution, Variables, has_variables};
use crate::yaml::{Entry, Node, NodeValue};

/// What all environments share.
pub(crate) struct Assembly<'a> {
    project_node: &'a Node,
    project: &'a Project,
    documents: &'a [Document],
    /// Overlay documents by folder and key.
    overlays: BTreeMap<&'a str, HashMap<&'a ResourceKey, &'a Document>>,
    unread: &'a HashSet<String>,
    contracts: &'a [Contract],
    /// The resources that some environment has.
    anywhere: HashSet<&'a ResourceKey>,
    /// Documents that are the same in every environment, read once.
    unchanged: Vec<OnceLock<Complete>>,
}

/// A complete document.
struct Complete {
    declared: Arc<Declared>,
    /// Fields that are written, but not understood.
    unread_fields: Vec<String>,
    diagnostics: Vec<Diagnostic>,
}

/// The resources of one environment and what is wrong with them.
pub(crate) struct Assembled {
    pub(crate) resources: Vec<Arc<Declared>>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl<'a> Assembly<'a> {
    pub(crate) fn new(
        project_node: &'a Node,
        project: &'a Project,
        documents: &'a [Document],
        overlays: &'a BTreeMap<String, Vec<Document>>,
        unread: &'a HashSet<String>,
        contracts: &'a [Contract],
    ) -> Self {
        let by_key = |documents: &'a Vec<Document>| {
            documents
                .iter()
                .map(|document| (&document.key, document))
                .collect()
        };
        Self {
            project_node,
            project,
            documents,
            overlays: overlays
                .iter()
                .map(|(folder, documents)| (folder.as_str(), by_key(documents)))
                .collect(),
            unread,
            contracts,
            anywhere: documents.iter().map(|document| &document.key).collect(),
            unchanged: documents.iter().map(|_| OnceLock::new()).collect(),
        }
    }
}

/// Puts together what an environment gets, and checks it.
pub(crate) fn assemble(
    assembly: &Assembly<'_>,
    environment: Option<&str>,
    texts: &mut FileTexts<'_>,
) -> Assembled {
    let Gathered {
        resources,
        mut diagnostics,
        origins,
        unread_fields,
    } = gather(assembly, environment, texts);
    let context = checks::Context {
        project: assembly.project,
        resources: &resources,
        contracts: assembly.contracts,
        unread: assembly.unread,
        unread_fields: &unread_fields,
        anywhere: &assembly.anywhere,
    };
    checks::run(&context, &mut diagnostics);
    for diagnostic in &mut diagnostics {
        add_origin(diagnostic, &origins);
    }
    Assembled {
        resources,
        diagnostics,
    }
}

/// The resources of one environment before they are checked together.
pub(crate) struct Gathered {
    pub(crate) resources: Vec<Arc<Declared>>,
    diagnostics: Vec<Diagnostic>,
    origins: Origins,
    unread_fields: HashMap<Span, Vec<String>>,
}

/// Puts together what an environment gets, without looking at how it fits together; without an environment, the base with the
/// project's own variables.
pub(crate) fn gather(
    assembly: &Assembly<'_>,
    environment: Option<&str>,
    texts: &mut FileTexts<'_>,
) -> Gathered {
    let mut diagnostics = Vec::new();
    let mut origins = Origins::new();
    let variables = variables(Some(assembly.project_node), environment);
    let overlays = environment_overlays(assembly, environment);
    let mut resources = Vec::with_capacity(assembly.documents.len());
    let mut unread_fields = HashMap::new();
    for (at, document) in assembly
        .documents
        .iter()
        .enumerate()
        .filter(|(_, document)| document.is_in(environment))
    {
        let over: Vec<&Document> = overlays
            .iter()
            .filter_map(|overlay| overlay.get(&document.key).copied())
            .collect();
        if over.is_empty() && !document.has_variables {
            let complete = assembly.unchanged[at].get_or_init(|| {
                complete(
                    assembly,
                    document,
                    Cow::Borrowed(&document.node),
                    &[],
                    texts,
                )
            });
            resources.push(Arc::clone(&complete.declared));
            diagnostics.extend(complete.diagnostics.iter().cloned());
            note_unread(&mut unread_fields, document, &complete.unread_fields);
            continue;
        }
        let (node, unmanaged) =
            effective(document, &over, &variables, &mut origins, &mut diagnostics);
        let complete = complete(assembly, document, Cow::Owned(node), &unmanaged, texts);
        note_unread(&mut unread_fields, document, &complete.unread_fields);
        resources.push(complete.declared);
        diagnostics.extend(complete.diagnostics);
    }
    Gathered {
        resources,
        diagnostics,
        origins,
        unread_fields,
    }
}

fn note_unread(
    unread_fields: &mut HashMap<Span, Vec<String>>,
    document: &Document,
    fields: &[String],
) {
    if !fields.is_empty() {
        unread_fields.insert(document.name_span, fields.to_vec());
    }
}

fn environment_overlays<'x, 'a>(
    assembly: &'x Assembly<'a>,
    environment: Option<&str>,
) -> Vec<&'x HashMap<&'a ResourceKey, &'a Document>> {
    let environment = environment.and_then(|name| assembly.project.environments.get(name));
    let folders = environment
        .map_or(&[][..], |environment| &environment.overlay)
        .iter();
    folders
        .filter_map(|folder| {
            assembly
                .overlays
                .get(folder.value.to_string_lossy().as_ref())
        })
        .collect()
}

/// The document with its overlays laid over it and its variables replaced, and the fields that it must leave alone.
fn effective(
    document: &Document,
    over: &[&Document],
    variables: &Variables<'_>,
    origins: &mut Origins,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Node, Vec<String>) {
    let mut node = document.node.clone();
    let mut unmanaged = Vec::new();
    for overlay in over {
        for path in checks::overlays::unmanaged_paths(overlay) {
            if let NodeValue::Map(entries) = &mut node.value
                && let Some(spec) = entries.iter_mut().find(|entry| &*entry.key == "spec")
            {
                remove(&mut spec.value, path);
            }
            unmanaged.push(path.to_owned());
        }
        node = merged(&node, &checks::overlays::patch(overlay));
    }
    if has_variables(&node) {
        node = Substitution {
            variables,
            origins,
            diagnostics,
        }
        .document(&node);
    }
    (node, unmanaged)
}

/// Reads a complete document and fills in the project's `defaults`.
fn complete(
    assembly: &Assembly<'_>,
    document: &Document,
    node: Cow<'_, Node>,
    unmanaged: &[String],
    texts: &mut FileTexts<'_>,
) -> Complete {
    let mut diagnostics = Vec::new();
    let node = with_files(
        document.key.kind.field_infos(),
        node,
        texts,
        &mut diagnostics,
    );
    let (mut declared, unread_fields) = document::declared(document, &node, &mut diagnostics);
    if declared.state == State::Absent {
        diagnostics.extend(absent_with_spec(document));
        declared.spec = Resource::empty(declared.key.kind);
    }
    if declared.state == State::Present {
        fill_defaults(&mut declared.spec, assembly.project, unmanaged);
        require_app(&declared, &unread_fields, &mut diagnostics);
    }
    Complete {
        declared: Arc::new(declared),
        unread_fields,
        diagnostics,
    }
}

/// A document that says in one place that the row is deleted and what it holds. An overlay may well say so of a base document.
fn absent_with_spec(document: &Document) -> Option<Diagnostic> {
    let state = document
        .node
        .get("metadata")
        .and_then(|metadata| metadata.get("state"))?;
    let spec = document
        .node
        .entry("spec")
        .filter(|_| state.as_text() == Some(State::Absent.as_str()))?;
    Some(
        Diagnostic::error(
            "absent-with-spec",
            "a document with `state: absent` has no `spec`",
        )
        .at(spec.key_span, "nothing to set on a row that is deleted")
        .also(state.span, "deleted if it is there")
        .help("remove `spec`"),
    )
}

/// `app` is required, but the project may give it, which no schema can know.
fn require_app(declared: &Declared, unread_fields: &[String], diagnostics: &mut Vec<Diagnostic>) {
    let Resource::AppProfile(profile) = &declared.spec else {
        return;
    };
    if profile.app.is_absent() && !unread_fields.iter().any(|field| field == "app") {
        diagnostics.push(
            Diagnostic::error("missing-field", "`app` is missing")
                .at(declared.name_span, "the document needs `app`")
                .help("add `app:` here, or as `defaults.app` in `deskstate.yaml` for all profiles"),
        );
    }
}

fn fill_defaults(spec: &mut Resource, project: &Project, unmanaged: &[String]) {
    let free = |word: &str| !unmanaged.iter().any(|path| path == word);
    if let (Some(owner), Some(field)) = (&project.defaults.owner, spec.owner_mut())
        && field.is_absent()
        && free("owner")
    {
        *field = Given::Value(owner.clone());
    }
    if let (Some(app), Resource::AppProfile(profile)) = (&project.defaults.app, spec)
        && profile.app.is_absent()
        && free("app")
    {
        profile.app = Given::Value(app.clone());
    }
}

/// Puts the content of files in the place of `<field>File`, in `spec` and in the items of its lists.
fn with_files<'n>(
    fields: &[FieldInfo],
    node: Cow<'n, Node>,
    texts: &mut FileTexts<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Cow<'n, Node> {
    let may_name_files = |field: &&FieldInfo| {
        field.rule.from_file || field.items.iter().any(|item| item.rule.from_file)
    };
    let relevant: Vec<&FieldInfo> = fields.iter().filter(may_name_files).collect();
    let names_files = node.get("spec").is_some_and(|spec| {
        relevant.iter().any(|field| {
            spec.get(&file_word(field.word)).is_some() || spec.get(field.word).is_some()
        })
    });
    if relevant.is_empty() || !names_files {
        return node;
    }
    let mut node = node.into_owned();
    if let NodeValue::Map(entries) = &mut node.value
        && let Some(spec) = entries.iter_mut().find(|entry| &*entry.key == "spec")
    {
        for field in relevant {
            if field.rule.from_file {
                take_file(&mut spec.value, field, texts, diagnostics);
            }
            let nested: Vec<&FieldInfo> = field
                .items
                .iter()
                .filter(|item| item.rule.from_file)
                .collect();
            if let NodeValue::Map(entries) = &mut spec.value.value
                && let Some(list) = entries.iter_mut().find(|entry| &*entry.key == field.word)
            {
                each_item(&mut list.value, &mut |item| {
                    for field in &nested {
                        take_file(item, field, texts, diagnostics);
                    }
                });
            }
        }
    }
    Cow::Owned(node)
}

/// The items of a list, or of the `members` of a set.
fn each_item(node: &mut Node, change: &mut dyn FnMut(&mut Node)) {
    match &mut node.value {
        NodeValue::List(items) => items.iter_mut().for_each(change),
        NodeValue::Map(entries) => {
            for entry in entries
                .iter_mut()
                .filter(|entry| &*entry.key == "members" || &*entry.key == "without")
            {
                if let NodeValue::List(items) = &mut entry.value.value {
                    items.iter_mut().for_each(&mut *change);
                }
            }
        }
        _ => {}
    }
}

fn take_file(
    node: &mut Node,
    field: &FieldInfo,
    texts: &mut FileTexts<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let word = file_word(field.word);
    let NodeValue::Map(entries) = &mut node.value else {
        return;
    };
    let Some(at) = entries.iter().position(|entry| *entry.key == *word) else {
        return;
    };
    let Some(path) = entries[at].value.as_text().map(str::to_owned) else {
        return;
    };
    if let Some(other) = entries.iter().find(|entry| &*entry.key == field.word) {
        diagnostics.push(
            Diagnostic::error(
                "one-of",
                format!("`{}` and `{word}` stand side by side", field.word),
            )
            .at(entries[at].key_span, "one of the two")
            .also(other.key_span, "the other")
            .help("keep one of the two"),
        );
        entries.remove(at);
        return;
    }
    let span = entries[at].value.span;
    let content = texts.content(&texts.beside(span, &path));
    if let Ok(content) = &content {
        checks::secrets::check_content(content, span, diagnostics);
    }
    let value = match content {
        Ok(content) => match &*content {
            serde_json::Value::String(text) => NodeValue::Text(text.as_str().into()),
            value => NodeValue::Opaque(Box::new(value.clone())),
        },
        Err(problem) => {
            diagnostics.push(
                Diagnostic::error(
                    problem.code(),
                    format!("`{path}` cannot be read: {problem}"),
                )
                .at(span, "named here")
                .help(problem.help()),
            );
            NodeValue::Unresolved(path.into())
        }
    };
    let key_span = entries[at].key_span;
    entries[at] = Entry {
        key: field.word.into(),
        key_span,
        value: Node { value, span },
    };
}

/// Says where a value comes from that a variable brought.
fn add_origin(diagnostic: &mut Diagnostic, origins: &Origins) {
    let place: Option<Span> = diagnostic.primary.as_ref().map(|label| label.span);
    if let Some((name, origin)) = place.and_then(|place| origins.get(&place))
        && !diagnostic
            .secondary
            .iter()
            .any(|label| label.span == *origin)
    {
        let text = format!("variable `{name}` gives this value");
        diagnostic.secondary.push(crate::diagnostic::Label {
            span: *origin,
            text,
        });
    }
}
