//! A row on its way to a manifest, and what is said of it on the way.

use std::collections::BTreeSet;

use deskstate_model::{Holds, Kind, ResourceKey, Table};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::kinds;
use crate::live::{Live, ObservedRow};
use crate::state::fold;

/// How people are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Users {
    /// Not at all: neither users nor owners that are users.
    None,
    /// By user principal name.
    #[default]
    PrincipalName,
    /// By Entra object id.
    ObjectId,
}

/// What a set in a manifest says about members that it does not list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetForm {
    /// There are none: a plan removes others.
    Exact,
    /// Nothing: a plan leaves others alone.
    AtLeast,
    /// The set is not in the manifest at all.
    None,
}

/// Which sets are written in a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sets {
    /// Every set.
    All,
    /// Those whose members are users.
    Users,
    /// Those of fields with this name.
    Field(String),
}

/// How rows are raised.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'o> {
    /// How people are written.
    pub users: Users,
    /// Leaves out what a new row has anyway. What is left out is not watched for drift.
    pub skip_defaults: bool,
    /// Takes names as they were read, without making sure that they lead back to the same row.
    pub unchecked: bool,
    /// How sets are written, the last rule for a set first. Without one, others may be added to a set of users and to no other set.
    pub sets: &'o [(Sets, SetForm)],
    /// Every document is `present`, whoever brought the row.
    pub all_present: bool,
    /// The rows are those of a file: what one does not say is left to the environment, and so is what belongs to one environment.
    pub from_file: bool,
    /// Folded names that begin with Microsoft's prefix and belong to the project all the same.
    pub owned: &'o [String],
    /// Gives values as they were read, whether or not a document could hold them: for judging, not for writing.
    pub as_read: bool,
}

/// A value that is not raised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// The field, such as `title` or `parameters.url`; empty for the whole row.
    pub path: String,
    /// Why, in words.
    pub why: String,
    /// Whether anything is missing from the manifests.
    pub loss: Loss,
}

/// What a manifest that leaves something out is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// Nothing: a remark.
    None,
    /// A value that makes up a row of Microsoft's. A manifest refers to such a row and does not own its values.
    Product,
    /// A row, a link or a value.
    Lost,
}

impl Loss {
    /// What is lost if a manifest cannot express this path of a resource; an empty path is the whole row.
    pub(crate) fn of(kind: Kind, name: &str, owned: &[String], path: &str) -> Self {
        let word = path.split('.').next().unwrap_or_default();
        let mut fields = kind.fields().iter();
        let makes_up_the_row = fields.any(|field| {
            let is_value = match field.holds {
                Holds::Parts(part) => part.makes_up_row,
                _ => field.is_column(),
            };
            field.word == word && is_value
        });
        if makes_up_the_row && is_others(kind.table(), name, owned) {
            Self::Product
        } else {
            Self::Lost
        }
    }
}

/// Whether a name is one of Microsoft's that no project owns.
pub(crate) fn is_others(table: &Table, name: &str, owned: &[String]) -> bool {
    kinds::is_microsofts(table, name) && !owned.contains(&fold(name))
}

/// A row on its way to a manifest.
pub(crate) struct Raising<'a> {
    pub(crate) live: &'a Live,
    pub(crate) options: Options<'a>,
    pub(crate) kind: Kind,
    pub(crate) row: &'a ObservedRow,
    pub(crate) name: String,
    pub(crate) existing: bool,
    /// Microsoft's, or a solution's.
    pub(crate) brought: bool,
    pub(crate) spec: Map<String, Json>,
    pub(crate) refers_to: BTreeSet<ResourceKey>,
    pub(crate) holds: BTreeSet<Uuid>,
    pub(crate) left_out: Vec<LeftOut>,
}

impl Options<'_> {
    /// How the set of a field is written.
    pub(super) fn form_of(&self, field: &str, of_users: bool) -> SetForm {
        let mut rules = self.sets.iter().rev();
        let rule = rules.find(|(sets, _)| match sets {
            Sets::All => true,
            Sets::Users => of_users,
            Sets::Field(word) => word == field,
        });
        match rule {
            Some((_, form)) => *form,
            // Nobody knows all users for long.
            None if of_users => SetForm::AtLeast,
            None => SetForm::Exact,
        }
    }
}

impl Raising<'_> {
    /// Says something of the row that is no loss.
    pub(crate) fn remark(&mut self, path: impl Into<String>, why: impl Into<String>) {
        self.left_out.push(LeftOut {
            path: path.into(),
            why: why.into(),
            loss: Loss::None,
        });
    }

    pub(crate) fn leave_out(&mut self, path: impl Into<String>, why: impl Into<String>) {
        let path = path.into();
        let loss = Loss::of(self.kind, &self.name, self.options.owned, &path);
        let why = why.into();
        self.left_out.push(LeftOut { path, why, loss });
    }

    /// Leaves out a link or a part of a set, which is named by its id too.
    pub(crate) fn leave_out_member(&mut self, path: impl Into<String>, id: Uuid, why: String) {
        let named = why.contains(&id.to_string());
        let why = if named { why } else { format!("{why} ({id})") };
        self.leave_out(path, why);
    }

    pub(crate) fn becomes_existing(&mut self, why: String) {
        if self.options.from_file {
            self.remark("", format!("incomplete, as it is in the file: {why}"));
        } else if !self.existing && !self.options.all_present {
            self.existing = true;
            self.remark("", format!("written as `existing`: {why}"));
        }
    }
}
