//! Why a field could not be read in full, or cannot have the value that a rule requires.

use std::collections::BTreeMap;

use deskstate_model::{Field, Finding, Holds, Kind, Problem, Referent, Written, fulfils};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::live::{Access, Live};

/// What could not be read about rows of one kind.
pub(super) struct Unread<'a> {
    kind: Kind,
    live: &'a Live,
}

impl<'a> Unread<'a> {
    pub(super) fn new(kind: Kind, live: &'a Live) -> Self {
        Self { kind, live }
    }

    /// Why it is unknown which text a field has: it exists once per language.
    pub(super) fn other_language(&self, word: &str) -> Option<String> {
        let field = field(self.kind, word)?;
        (field.localizable && !self.live.facts.reads_base_language()).then(|| {
            "texts are read in the caller's language, which is not known to be the environment's base language".to_owned()
        })
    }

    /// Why a field could not be read for any row.
    pub(super) fn of_field(&self, word: &str) -> Option<String> {
        match access(self.live, field(self.kind, word)?)? {
            Access::Whole | Access::Absent => None,
            Access::Partial(why) | Access::Refused(why) => Some(why.clone()),
        }
    }

    /// Why the names in a field of one row could not be read.
    pub(super) fn of_row(&self, word: &str, left_out: &BTreeMap<String, String>) -> Option<String> {
        match field(self.kind, word)?.holds {
            Holds::Set { .. } | Holds::Parts(_) | Holds::Lookup { .. } | Holds::Owner => {
                left_out.get(word).cloned()
            }
            // The value of a column was read even if a manifest could not express it.
            _ => None,
        }
    }

    /// The reason, if the environment has no place for the field, so that it cannot have the value.
    pub(super) fn lacking(&self, word: &str) -> Option<String> {
        let field = field(self.kind, word)?;
        let columns = &self.live.table(self.kind.table()).missing_columns;
        let lacks = columns.contains(field.column)
            || access(self.live, field).is_some_and(|access| *access == Access::Absent);
        lacks.then(|| "this environment has no column or table for it".to_owned())
    }
}

/// Access to the links or parts that a field consists of.
fn access<'a>(live: &'a Live, field: &Field) -> Option<&'a Access> {
    match field.holds {
        Holds::Set { relationship, .. } => Some(&live.links(relationship).access),
        Holds::Parts(part) => Some(&live.table(part.table).access),
        _ => None,
    }
}

fn field(kind: Kind, word: &str) -> Option<&'static Field> {
    let fields = kind.fields();
    fields.iter().find(|field| field.word == word)
}

/// Whether a field consists of names that are read only on request.
pub(super) fn holds_names(kind: Kind, word: &str) -> bool {
    field(kind, word).is_some_and(|field| match field.holds {
        Holds::Owner | Holds::Parts(_) => true,
        Holds::Lookup { to, .. } | Holds::Set { to, .. } | Holds::Ids { to, .. } => {
            !matches!(to, Referent::Named(_))
        }
        _ => false,
    })
}

/// Why a value is no evidence for a rule: it is an id where the rule has a name, or the rule is about the way a set is written.
pub(super) fn incomparable(kind: Kind, finding: &Finding) -> Option<&'static str> {
    let word = finding.path.first()?;
    if is_form_of_manifest(kind, finding) {
        return Some("an environment has the members of a set, not how a manifest writes it");
    }
    if !holds_names(kind, word) {
        return None;
    }
    if lacks_owners(kind, finding) {
        return Some("the owners of its items were not read");
    }
    let is_id = |value: &Json| value.as_str().is_some_and(is_guid);
    let text = |text: &Option<String>| text.as_deref().is_some_and(is_guid);
    let is_nameless = match &finding.problem {
        Problem::NotLocked { expected, actual } => {
            actual.as_ref().is_some_and(is_id) && !is_id(expected)
        }
        Problem::NotPreferred { expected, actual } => is_id(actual) && !is_id(expected),
        Problem::NoMatch { actual, .. } => text(actual),
        Problem::Missing
        | Problem::NonePasses { .. }
        | Problem::NotSet
        | Problem::NotContained { .. }
        | Problem::SwitchedOff { .. } => false,
    };
    is_nameless.then_some("the name of the row that it points to could not be read")
}

/// Whether a rule gives owners of items, and the items that were read have none.
fn lacks_owners(kind: Kind, finding: &Finding) -> bool {
    let holds = finding.path.first().and_then(|word| field(kind, word));
    let Some(Holds::Parts(part)) = holds.map(|field| field.holds) else {
        return false;
    };
    let Problem::NotLocked {
        expected,
        actual: Some(actual),
    } = &finding.problem
    else {
        return false;
    };
    let mut owners = part.fields.iter();
    let Some(owner) = owners.find(|field| matches!(field.holds, Holds::Owner)) else {
        return false;
    };
    let (Some(key), Some(items)) = (&finding.key, actual.as_array()) else {
        return false;
    };
    let is_lacking = items.iter().any(|item| item.get(owner.word).is_none());
    let mut rest = expected.clone();
    for item in rest.as_array_mut().into_iter().flatten() {
        if let Some(item) = item.as_object_mut() {
            item.shift_remove(owner.word);
        }
    }
    // If anything else differs, the rule is broken whoever the owners are.
    is_lacking && rest != *expected && fulfils(key, &finding.path, actual, &rest)
}

fn is_guid(text: &str) -> bool {
    Uuid::try_parse(text).is_ok()
}

/// Whether a rule is about the way a manifest writes a set.
pub(super) fn is_form_of_manifest(kind: Kind, finding: &Finding) -> bool {
    let Some((word, rest)) = finding.path.split_first() else {
        return false;
    };
    let is_set = |field: &Field| match field.holds {
        Holds::Set { .. } => true,
        Holds::Parts(part) => matches!(part.written, Written::Set),
        _ => false,
    };
    !rest.is_empty() && field(kind, word).is_some_and(is_set)
}
