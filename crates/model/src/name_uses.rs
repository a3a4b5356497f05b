//! Finds the places where a file names resources: documents that declare or change them, fields that refer to them, contracts and the
//! project file.

use std::ops::Range;
use std::str::FromStr;

use crate::kinds::{Kind, ResourceKey, holds_script};
use crate::table::{Field, Holds};
use crate::yaml::{PathStep, Tree, TreeEntry, TreeValue};

/// A place that names a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameUse {
    /// The resource.
    pub key: ResourceKey,
    /// Byte range of the name in its file, including quotes.
    pub place: Range<usize>,
    /// Path to the place from the root of its document.
    pub path: Vec<PathStep>,
    /// Text before and after the name at this place, such as the kind in a pattern.
    pub around: (String, String),
    /// Whether the place is the `metadata.name` of a document, either of the base or of an overlay.
    pub is_header: bool,
}

impl NameUse {
    /// Returns the text for this place if the resource is renamed.
    #[must_use]
    pub fn written_as(&self, name: &str) -> String {
        let (before, behind) = &self.around;
        format!("{before}{name}{behind}")
    }

    /// Returns every place in a document that names a resource, except names that come from variables.
    #[must_use]
    pub fn all(document: &Tree) -> Vec<Self> {
        let mut found = Found {
            uses: Vec::new(),
            path: Vec::new(),
        };
        match document.get("kind").and_then(Tree::as_text) {
            Some("Project") => found.project(document),
            Some("Contract") => found.contract(document),
            Some(word) => {
                if let Ok(kind) = Kind::from_str(word) {
                    found.resource(kind, document);
                }
            }
            None => {}
        }
        found.uses
    }
}

impl Field {
    /// Returns the field that an item sets when it is written as only a name.
    #[must_use]
    pub fn bare(&self) -> Option<&'static Field> {
        match self.holds {
            Holds::Parts(part) => part.fields.iter().find(|field| part.is_bare(field)),
            _ => None,
        }
    }

    /// Returns the field of a value inside the `spec` of a document, by its path. Positions in lists, and `members` and `without` of sets,
    /// count as the field itself.
    #[must_use]
    pub fn at(fields: &'static [Field], path: &[PathStep]) -> Option<&'static Field> {
        let (first, rest) = path.split_first()?;
        let PathStep::Key(word) = first else {
            return None;
        };
        let mut field = fields.iter().find(|field| field.word == word)?;
        for (at, step) in rest.iter().enumerate() {
            match step {
                PathStep::Item(_) => {}
                PathStep::Key(word) => match field.items().find(|inner| inner.word == word) {
                    Some(inner) => field = inner,
                    None if at == 0 && ["members", "without"].contains(&word.as_str()) => {}
                    None => return None,
                },
                PathStep::InKey(_) => return None,
            }
        }
        Some(field)
    }
}

struct Found {
    uses: Vec<NameUse>,
    path: Vec<PathStep>,
}

impl Found {
    fn under(&mut self, entry: &TreeEntry, look: impl FnOnce(&mut Self, &Tree)) {
        self.path.push(PathStep::Key(entry.key.clone()));
        look(self, &entry.value);
        self.path.pop();
    }

    fn at<'t>(&mut self, tree: &'t Tree, key: &str, look: impl FnOnce(&mut Self, &'t Tree)) {
        if let Some(entry) = tree.entry(key) {
            self.path.push(PathStep::Key(key.to_owned()));
            look(self, &entry.value);
            self.path.pop();
        }
    }

    fn items(&mut self, list: &Tree, mut look: impl FnMut(&mut Self, &Tree)) {
        for (at, item) in list.items().iter().enumerate() {
            self.path.push(PathStep::Item(at));
            look(self, item);
            self.path.pop();
        }
    }

    fn name(&mut self, kind: Kind, value: &Tree) {
        let Some(name) = value.as_text() else { return };
        if name.contains("${{") || name.trim().is_empty() {
            return;
        }
        self.uses.push(NameUse {
            key: ResourceKey::new(kind, name),
            place: value.place.clone(),
            path: self.path.clone(),
            around: (String::new(), String::new()),
            is_header: false,
        });
    }

    fn resource(&mut self, kind: Kind, document: &Tree) {
        let before = self.uses.len();
        self.at(document, "metadata", |found, metadata| {
            found.at(metadata, "name", |found, name| found.name(kind, name));
        });
        self.uses[before..]
            .iter_mut()
            .for_each(|one| one.is_header = true);
        self.at(document, "spec", |found, spec| {
            found.fields(kind.fields(), spec);
        });
    }

    fn fields(&mut self, fields: &'static [Field], spec: &Tree) {
        for entry in spec.entries() {
            if let Some(field) = fields.iter().find(|field| field.word == entry.key) {
                self.under(entry, |found, value| found.value(field, value));
            }
        }
    }

    fn value(&mut self, field: &'static Field, value: &Tree) {
        if matches!(field.holds, Holds::Json | Holds::JsonOrText) {
            return self.scripts(value);
        }
        match &value.value {
            TreeValue::Null => {}
            TreeValue::Scalar(_) => {
                let field = field.bare().unwrap_or(field);
                if let Some(kind) = field.refers_to() {
                    self.name(kind, value);
                }
            }
            TreeValue::List(_) => self.items(value, |found, item| found.value(field, item)),
            TreeValue::Map(entries) => {
                for entry in entries {
                    let inner = field.items().find(|inner| inner.word == entry.key);
                    if let Some(inner) = inner {
                        self.under(entry, |found, value| found.value(inner, value));
                    } else if entry.key == "members" || entry.key == "without" {
                        self.under(entry, |found, value| found.value(field, value));
                    }
                }
            }
        }
    }

    /// Collects the scripts that an expression names.
    fn scripts(&mut self, value: &Tree) {
        for entry in value.entries() {
            self.under(entry, |found, value| {
                let is_script = holds_script(&entry.key) && value.entries().len() == 1;
                if is_script && value.get("name").is_some() {
                    found.at(value, "name", |found, name| {
                        found.name(Kind::AGENT_SCRIPT, name);
                    });
                } else {
                    found.scripts(value);
                }
            });
        }
        self.items(value, Self::scripts);
    }

    fn contract(&mut self, document: &Tree) {
        self.at(document, "spec", |found, spec| {
            found.at(spec, "rules", |found, rules| {
                found.items(rules, Self::rule);
            });
        });
    }

    fn rule(&mut self, rule: &Tree) {
        let subject = rule.get("resource");
        let word = subject.and_then(|subject| subject.get("kind")?.as_text());
        let Some(kind) = word.and_then(|word| Kind::from_str(word).ok()) else {
            return;
        };
        self.at(rule, "resource", |found, resource| {
            found.at(resource, "name", |found, name| found.name(kind, name));
        });
        for part in ["locked", "preferred", "contains"] {
            self.at(rule, part, |found, fields| {
                found.fields(kind.fields(), fields);
            });
        }
        self.at(rule, "breaksByValue", |found, values| {
            for entry in values.entries() {
                found.member(kind, entry);
            }
        });
    }

    /// A key such as `extensions[msdyn_CIFV2Loader]`.
    fn member(&mut self, kind: Kind, entry: &TreeEntry) {
        let inner = entry.key.strip_suffix(']');
        let Some((word, name)) = inner.and_then(|inner| inner.split_once('[')) else {
            return;
        };
        let field = kind.fields().iter().find(|field| field.word == word);
        if let Some(kind) = field.and_then(Field::refers_to) {
            let mut path = self.path.clone();
            path.push(PathStep::InKey(entry.key.clone()));
            self.uses.push(NameUse {
                key: ResourceKey::new(kind, name),
                place: entry.key_place.clone(),
                path,
                around: (format!("{word}["), "]".to_owned()),
                is_header: false,
            });
        }
    }

    fn project(&mut self, document: &Tree) {
        self.at(document, "spec", |found, spec| {
            found.at(spec, "protect", |found, protect| {
                found.items(protect, |found, item| {
                    let whole = item.as_text().and_then(|text| text.split_once('/'));
                    if let Some((kind, name)) = whole {
                        found.pattern(kind, name, item, format!("{kind}/"));
                    }
                });
            });
            for list in ["ignore", "accept"] {
                found.at(spec, list, |found, rules| {
                    found.items(rules, |found, rule| {
                        let kind = rule.get("kind").and_then(Tree::as_text);
                        if let Some(kind) = kind {
                            found.at(rule, "name", |found, name| {
                                let text = name.as_text().unwrap_or_default();
                                found.pattern(kind, text, name, String::new());
                            });
                        }
                    });
                });
            }
        });
    }

    /// A pattern that names one resource.
    fn pattern(&mut self, kind: &str, name: &str, value: &Tree, before: String) {
        let is_exact = !kind.contains(['*', '?']) && !name.contains(['*', '?']);
        if let Ok(kind) = Kind::from_str(kind)
            && is_exact
        {
            self.uses.push(NameUse {
                key: ResourceKey::new(kind, name),
                place: value.place.clone(),
                path: self.path.clone(),
                around: (before, String::new()),
                is_header: false,
            });
        }
    }
}
