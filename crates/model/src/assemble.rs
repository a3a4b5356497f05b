//! The resources of one environment: base documents, overlays, variables, `defaults`, and the checks on the result.

mod from_files;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use self::from_files::{may_name_files, with_files};
use crate::checks;
use crate::contract::Contract;
use crate::contribution::{Contribution, contribute};
use crate::diagnostic::Diagnostic;
use crate::document::{self, Document, Header};
use crate::file_texts::FileTexts;
use crate::kinds::{AppProfile, Kind, Resource, ResourceKey};
use crate::manifests::{Declared, State};
use crate::overlay::{merged, remove};
use crate::project::Project;
use crate::read_project::variables;
use crate::record::Value;
use crate::schema::file_word;
use crate::span::{SourceMap, Span, Spanned};
use crate::table::{Field, Holds, Need, Written};
use crate::variables::{EnvironmentFacts, Origins, Substitution, Variables, has_variables};
use crate::yaml::{Node, NodeValue};

/// A base document.
pub(crate) struct Base {
    pub(crate) header: Header,
    body: Body,
}

enum Body {
    /// The same in every environment and already read completely, so the nodes of thousands of documents need not be in memory at the same
    /// time.
    Complete(Complete),
    /// As written in its file, because overlays, variables or its own files still change it.
    Written {
        node: Node,
        has_variables: bool,
        /// The result for environments in which only its files are added.
        plain: OnceLock<Complete>,
    },
}

impl Base {
    /// Reads a document as far as possible without an environment. `overlaid` names the resources that overlays change.
    pub(crate) fn new(
        document: Document,
        project: &Project,
        overlaid: &HashSet<&ResourceKey>,
    ) -> Self {
        let Document { header, node } = document;
        let has_variables = has_variables(&node);
        let stays = has_variables
            || overlaid.contains(&header.key)
            || may_name_files(header.key.kind, &node);
        let body = if stays {
            Body::Written {
                node,
                has_variables,
                plain: OnceLock::new(),
            }
        } else {
            Body::Complete(complete(project, &header, &node, &node, &[], Vec::new()))
        };
        Self { header, body }
    }

    /// The range of the complete document.
    pub(crate) fn span(&self) -> Span {
        match &self.body {
            Body::Complete(complete) => complete.declared.span,
            Body::Written { node, .. } => node.span,
        }
    }

    /// Number of findings so far.
    pub(crate) fn findings(&self) -> usize {
        match &self.body {
            Body::Complete(complete) => complete.diagnostics.len(),
            Body::Written { .. } => 0,
        }
    }

    /// Keeps only the first `count` findings.
    pub(crate) fn keep_findings(&mut self, count: usize) {
        if let Body::Complete(complete) = &mut self.body {
            complete.diagnostics.truncate(count);
            complete.diagnostics.shrink_to_fit();
        }
    }
}

/// Everything that is the same for all environments.
pub(crate) struct Assembly<'a> {
    project_node: &'a Node,
    project: &'a Project,
    documents: &'a [Base],
    /// Contributions of packages to rows that others may declare.
    contributions: BTreeMap<&'a ResourceKey, Vec<&'a Contribution>>,
    /// Overlay documents by folder and key.
    overlays: BTreeMap<&'a str, HashMap<&'a ResourceKey, &'a Document>>,
    unread: &'a HashSet<String>,
    contracts: &'a [Contract],
    /// The resources that exist in at least one environment.
    anywhere: HashSet<&'a ResourceKey>,
}

/// A complete document.
struct Complete {
    declared: Arc<Declared>,
    /// Fields that are present but could not be read.
    unread_fields: Vec<String>,
    diagnostics: Vec<Diagnostic>,
}

/// The resources of one environment and their findings.
pub(crate) struct Assembled {
    pub(crate) resources: Vec<Arc<Declared>>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl<'a> Assembly<'a> {
    pub(crate) fn new(
        project_node: &'a Node,
        project: &'a Project,
        documents: &'a [Base],
        contributions: &'a [Contribution],
        overlays: &'a BTreeMap<String, Vec<Document>>,
        unread: &'a HashSet<String>,
        contracts: &'a [Contract],
    ) -> Self {
        let by_key = |documents: &'a Vec<Document>| {
            documents
                .iter()
                .map(|document| (&document.header.key, document))
                .collect()
        };
        let mut contributed: BTreeMap<&ResourceKey, Vec<&Contribution>> = BTreeMap::new();
        for one in contributions {
            let key = &one.document.header.key;
            contributed.entry(key).or_default().push(one);
        }
        Self {
            project_node,
            project,
            documents,
            contributions: contributed,
            overlays: overlays
                .iter()
                .map(|(folder, documents)| (folder.as_str(), by_key(documents)))
                .collect(),
            unread,
            contracts,
            anywhere: documents
                .iter()
                .map(|document| &document.header.key)
                .chain(contributions.iter().map(|one| &one.document.header.key))
                .collect(),
        }
    }
}

/// Assembles and checks the resources of an environment.
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
    let facts = facts_of(assembly, environment);
    let contracts: Vec<Contract> = assembly
        .contracts
        .iter()
        .map(|contract| contract.filled(&facts))
        .collect();
    let context = checks::Context {
        project: assembly.project,
        resources: &resources,
        contracts: &contracts,
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

fn facts_of(assembly: &Assembly<'_>, environment: Option<&str>) -> EnvironmentFacts {
    environment
        .and_then(|name| assembly.project.environments.get(name))
        .map(EnvironmentFacts::of)
        .unwrap_or_default()
}

/// The resources of one environment, before the checks across resources.
pub(crate) struct Gathered {
    pub(crate) resources: Vec<Arc<Declared>>,
    diagnostics: Vec<Diagnostic>,
    origins: Origins,
    unread_fields: HashMap<Span, Vec<String>>,
}

/// Assembles the resources of an environment without the checks across resources. Without an environment, the result is the base with the
/// project's own variables.
pub(crate) fn gather(
    assembly: &Assembly<'_>,
    environment: Option<&str>,
    texts: &mut FileTexts<'_>,
) -> Gathered {
    let mut diagnostics = Vec::new();
    let mut origins = Origins::new();
    let variables = variables(Some(assembly.project_node), environment);
    let facts = facts_of(assembly, environment);
    let overlays = environment_overlays(assembly, environment);
    let mut resources = Vec::with_capacity(assembly.documents.len());
    let mut unread_fields = HashMap::new();
    // Most projects have no contributions.
    let mut left = assembly.contributions.clone();
    for Base { header, body } in assembly
        .documents
        .iter()
        .filter(|document| document.header.is_in(environment))
    {
        let changed;
        let complete = match body {
            Body::Complete(complete) => complete,
            Body::Written {
                node,
                has_variables,
                plain,
            } => {
                let over: Vec<&Document> = overlays
                    .iter()
                    .filter_map(|overlay| overlay.get(&header.key).copied())
                    .collect();
                let others = left.remove(&header.key).unwrap_or_default();
                if over.is_empty() && !has_variables && others.is_empty() {
                    plain.get_or_init(|| {
                        finished(assembly, header, node, Cow::Borrowed(node), &[], texts)
                    })
                } else {
                    let of_environment = (&variables, &facts, texts.sources());
                    let (mut effective, unmanaged) =
                        effective(node, &over, of_environment, &mut origins, &mut diagnostics);
                    for other in others {
                        effective = with_contribution(
                            effective,
                            other,
                            of_environment,
                            &mut origins,
                            &mut diagnostics,
                        );
                    }
                    changed = finished(
                        assembly,
                        header,
                        node,
                        Cow::Owned(effective),
                        &unmanaged,
                        texts,
                    );
                    &changed
                }
            }
        };
        resources.push(Arc::clone(&complete.declared));
        diagnostics.extend(complete.diagnostics.iter().cloned());
        if !complete.unread_fields.is_empty() {
            unread_fields.insert(header.name_span, complete.unread_fields.clone());
        }
    }
    // Nobody else declares these resources here, so the first package does.
    for (key, contributions) in left {
        let Some((first, others)) = contributions.split_first() else {
            continue;
        };
        let over: Vec<&Document> = overlays
            .iter()
            .filter_map(|overlay| overlay.get(key).copied())
            .collect();
        let Document { header, node } = &first.document;
        let of_environment = (&variables, &facts, texts.sources());
        let (mut effective, unmanaged) =
            effective(node, &over, of_environment, &mut origins, &mut diagnostics);
        for other in others {
            effective = with_contribution(
                effective,
                other,
                of_environment,
                &mut origins,
                &mut diagnostics,
            );
        }
        let complete = finished(
            assembly,
            header,
            node,
            Cow::Owned(effective),
            &unmanaged,
            texts,
        );
        resources.push(complete.declared);
        diagnostics.extend(complete.diagnostics);
        if !complete.unread_fields.is_empty() {
            unread_fields.insert(header.name_span, complete.unread_fields);
        }
    }
    Gathered {
        resources,
        diagnostics,
        origins,
        unread_fields,
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

/// Returns the document with its overlays merged and its variables replaced, and the fields that it must leave alone.
fn effective(
    base: &Node,
    over: &[&Document],
    (variables, facts, sources): (&Variables<'_>, &EnvironmentFacts, &SourceMap),
    origins: &mut Origins,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Node, Vec<String>) {
    let mut node = base.clone();
    let mut unmanaged = Vec::new();
    for overlay in over {
        for path in checks::overlay::unmanaged_paths(overlay) {
            if let NodeValue::Map(entries) = &mut node.value
                && let Some(spec) = entries.iter_mut().find(|entry| &*entry.key == "spec")
            {
                remove(&mut spec.value, path);
                // A file of its own gives the same field.
                let mut fields = overlay.header.key.kind.fields().iter();
                if fields.any(|field| field.from_file && field.word == path) {
                    remove(&mut spec.value, &file_word(path));
                }
                if let Some((word, key)) = path.split_once('.') {
                    remove_feature(overlay.header.key.kind, &mut spec.value, word, key);
                }
            }
            unmanaged.push(path.to_owned());
        }
        replace_exclusive(&mut node, overlay);
        node = merged(&node, &checks::overlay::patch(overlay));
    }
    if has_variables(&node) {
        let filled = Substitution {
            variables,
            facts,
            origins,
            diagnostics,
        }
        .document(&node);
        checks::secret::check_filled(&node, &filled, origins, sources, diagnostics);
        node = filled;
    }
    (node, unmanaged)
}

/// Removes from the base what excludes a value of an overlay: its owner, since a user and a team do not merge, the file that gives a field or
/// the value that a file replaces, and features that the overlay calls by another name.
fn replace_exclusive(node: &mut Node, overlay: &Document) {
    let NodeValue::Map(entries) = &mut node.value else {
        return;
    };
    let Some(spec) = entries.iter_mut().find(|entry| &*entry.key == "spec") else {
        return;
    };
    let kind = overlay.header.key.kind;
    let over = overlay.node.get("spec").map_or(&[][..], Node::entries);
    let given = |word: &str| over.iter().find(|entry| &*entry.key == word);
    for field in kind.fields() {
        let file = file_word(field.word);
        match field.holds {
            Holds::Owner if given(field.word).is_some() => {
                remove(&mut spec.value, field.word);
            }
            Holds::Parts(_) => {
                let features = given(field.word).map(|entry| entry.value.entries());
                for feature in features.unwrap_or_default() {
                    remove_feature(kind, &mut spec.value, field.word, &feature.key);
                }
            }
            _ if !field.from_file => {}
            _ if given(&file).is_some() => {
                remove(&mut spec.value, field.word);
            }
            _ if given(field.word).is_some() => {
                remove(&mut spec.value, &file);
            }
            _ => {}
        }
    }
}

/// Removes a feature that is written by its number instead of its name, or by its name instead of its number.
fn remove_feature(kind: Kind, spec: &mut Node, word: &str, key: &str) {
    let field = kind.fields().iter().find(|field| field.word == word);
    let Some(Holds::Parts(part)) = field.map(|field| field.holds) else {
        return;
    };
    let Some(number) = part.feature_number(key) else {
        return;
    };
    if !matches!(part.written, Written::Features(_)) {
        return;
    }
    if let NodeValue::Map(entries) = &mut spec.value
        && let Some(features) = entries.iter_mut().find(|entry| &*entry.key == word)
        && let NodeValue::Map(features) = &mut features.value.value
    {
        features
            .retain(|other| *other.key == *key || part.feature_number(&other.key) != Some(number));
    }
}

/// Adds a package's contribution to a declaration.
fn with_contribution(
    declared: Node,
    other: &Contribution,
    (variables, facts, sources): (&Variables<'_>, &EnvironmentFacts, &SourceMap),
    origins: &mut Origins,
    diagnostics: &mut Vec<Diagnostic>,
) -> Node {
    let (node, _) = effective(
        &other.document.node,
        &[],
        (variables, facts, sources),
        origins,
        diagnostics,
    );
    contribute(&declared, other, &node, diagnostics)
}

/// Inserts the content of the files that a document names, then reads the result.
fn finished(
    assembly: &Assembly<'_>,
    header: &Header,
    written: &Node,
    node: Cow<'_, Node>,
    unmanaged: &[String],
    texts: &mut FileTexts<'_>,
) -> Complete {
    let mut diagnostics = Vec::new();
    let fields = header.key.kind.fields();
    let node = with_files(fields, node, texts, &mut diagnostics);
    complete(
        assembly.project,
        header,
        written,
        &node,
        unmanaged,
        diagnostics,
    )
}

/// Reads a complete document and fills in the project's `defaults`. `written` is the document as it is in its file.
fn complete(
    project: &Project,
    header: &Header,
    written: &Node,
    node: &Node,
    unmanaged: &[String],
    mut diagnostics: Vec<Diagnostic>,
) -> Complete {
    let (mut declared, unread_fields) = document::declared(header, node, &mut diagnostics);
    if declared.state == State::Absent {
        diagnostics.extend(absent_with_spec(written));
        declared.spec = Resource::empty(declared.key.kind);
    }
    if declared.state == State::Present {
        fill_defaults(&mut declared.spec, project, unmanaged);
        require_app(&declared, &unread_fields, &mut diagnostics);
    }
    Complete {
        declared: Arc::new(declared),
        unread_fields,
        diagnostics,
    }
}

/// Reports a document that both deletes the row and has a `spec`. An overlay may set `state: absent` for a base document.
fn absent_with_spec(written: &Node) -> Option<Diagnostic> {
    let state = written
        .get("metadata")
        .and_then(|metadata| metadata.get("state"))?;
    let spec = written
        .entry("spec")
        .filter(|_| state.as_text() == Some(State::Absent.as_str()))?;
    Some(
        Diagnostic::error(
            "absent-with-spec",
            "a document with `state: absent` has no `spec`",
        )
        .at(spec.key_span, "nothing to set on a row that is deleted")
        .also(state.span, "deleted if it exists")
        .help("remove `spec`"),
    )
}

/// Checks for `app`: it is required, but the project may supply it, which a schema cannot know.
fn require_app(declared: &Declared, unread_fields: &[String], diagnostics: &mut Vec<Diagnostic>) {
    let Some(profile) = AppProfile::of(&declared.spec) else {
        return;
    };
    if profile.app().is_absent() && !unread_fields.iter().any(|field| field == "app") {
        diagnostics.push(
            Diagnostic::error("missing-field", "`app` is missing")
                .at(declared.name_span, "the document needs `app`")
                .help("add `app:` here, or as `defaults.app` in `deskstate.yaml` for all profiles"),
        );
    }
}

fn fill_defaults(spec: &mut Resource, project: &Project, unmanaged: &[String]) {
    let is_free = |field: &Field| !unmanaged.iter().any(|path| path == field.word);
    if let Some(owner) = &project.defaults.owner {
        let value = owner.clone().map(Value::Owner);
        spec.fill(
            |field| matches!(field.holds, Holds::Owner) && is_free(field),
            value,
        );
    }
    // Microsoft's app is the only value that the project may supply.
    if let Some(app) = &project.defaults.app {
        let value: Spanned<Value> = app.clone().map(Value::Text);
        spec.fill(
            |field| field.need == Need::RequiredOrDefault && is_free(field),
            value,
        );
    }
}

/// Adds the place of the variable that supplied a value.
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
