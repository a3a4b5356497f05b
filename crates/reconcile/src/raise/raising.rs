//! A row that is being converted to a manifest, with notes about it.

use std::collections::BTreeSet;

use deskstate_model::{Holds, Kind, ResourceKey, Table};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::kinds;
use crate::live::{Live, ObservedRow};
use crate::lower::Desired;
use crate::state::fold;

/// How people are referred to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Users {
    /// Not at all: users, and owners that are users, are left out.
    None,
    /// By user principal name.
    #[default]
    PrincipalName,
    /// By Entra object id.
    ObjectId,
}

/// What a set in a manifest implies for members that it does not list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetForm {
    /// They are not wanted: a plan removes them.
    Exact,
    /// Nothing: a plan leaves them alone.
    AtLeast,
    /// The set is not in the manifest at all.
    None,
}

/// The sets to which a form applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sets {
    /// Every set.
    All,
    /// Sets of users.
    Users,
    /// Sets in fields with this name.
    Field(String),
}

/// How rows are raised.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'o> {
    /// How people are referred to.
    pub users: Users,
    /// Whether to leave out default values. What is left out is not checked for drift.
    pub skip_defaults: bool,
    /// Whether to use names as they were read, without verifying that they lead back to the same row.
    pub unchecked: bool,
    /// The form of sets. If several rules apply to a set, the last one counts. Without a rule, sets of users may have further members, and
    /// other sets may not.
    pub sets: &'o [(Sets, SetForm)],
    /// Whether every document is `present`, wherever the row comes from.
    pub all_present: bool,
    /// Whether the rows come from a file. Values that a row lacks are left to the environment, as are values that are specific to one
    /// environment.
    pub from_file: bool,
    /// Lowercase names that begin with Microsoft's prefix but belong to the project.
    pub owned: &'o [String],
    /// The manifests of the project. A row that has a document of its own there is no item of a list.
    pub project: Option<&'o Desired>,
    /// Whether to return values as they were read, even if a document could not contain them. For checking, not for writing.
    pub as_read: bool,
}

/// A value that was not raised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// The field, such as `title` or `parameters.url`; empty for the complete row.
    pub path: String,
    /// The reason, for people.
    pub why: String,
    /// Whether anything is missing from the manifests.
    pub loss: Loss,
}

/// What is missing from a manifest without this value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// Nothing: it is a remark.
    None,
    /// A value of one of Microsoft's rows. A manifest refers to such a row and does not own its values.
    Product,
    /// A row, a link or a value.
    Lost,
}

impl Loss {
    /// The loss if a manifest cannot express this path of a resource; an empty path means the complete row.
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

/// Whether a name is one of Microsoft's and not owned by a project.
pub(crate) fn is_others(table: &Table, name: &str, owned: &[String]) -> bool {
    kinds::is_microsofts(table, name) && !owned.contains(&fold(name))
}

/// A row that is being converted to a manifest.
pub(crate) struct Raising<'a> {
    pub(crate) live: &'a Live,
    pub(crate) options: Options<'a>,
    pub(crate) kind: Kind,
    pub(crate) row: &'a ObservedRow,
    pub(crate) name: String,
    pub(crate) existing: bool,
    /// Whether it comes from Microsoft or a managed solution.
    pub(crate) brought: bool,
    pub(crate) spec: Map<String, Json>,
    pub(crate) refers_to: BTreeSet<ResourceKey>,
    pub(crate) holds: BTreeSet<Uuid>,
    pub(crate) left_out: Vec<LeftOut>,
}

impl Options<'_> {
    /// The form of the set in a field.
    pub(super) fn form_of(&self, field: &str, of_users: bool) -> SetForm {
        let mut rules = self.sets.iter().rev();
        let rule = rules.find(|(sets, _)| match sets {
            Sets::All => true,
            Sets::Users => of_users,
            Sets::Field(word) => word == field,
        });
        match rule {
            Some((_, form)) => *form,
            // A complete list of users would soon be out of date.
            None if of_users => SetForm::AtLeast,
            None => SetForm::Exact,
        }
    }
}

impl Raising<'_> {
    /// Adds a remark about the row that is not a loss.
    pub(crate) fn remark(&mut self, path: impl Into<String>, why: impl Into<String>) {
        self.left_out.push(LeftOut {
            path: path.into(),
            why: why.into(),
            loss: Loss::None,
        });
    }

    /// Adds a warning about a value that is written.
    pub(crate) fn warn(&mut self, word: &str, why: String) {
        self.left_out.push(LeftOut {
            path: String::new(),
            why: format!("`{word}`: {why}"),
            loss: Loss::Lost,
        });
    }

    pub(crate) fn leave_out(&mut self, path: impl Into<String>, why: impl Into<String>) {
        let path = path.into();
        let loss = Loss::of(self.kind, &self.name, self.options.owned, &path);
        let why = why.into();
        self.left_out.push(LeftOut { path, why, loss });
    }

    /// Leaves out a link or a member of a set, and adds its id to the reason.
    pub(crate) fn leave_out_member(&mut self, path: impl Into<String>, id: Uuid, why: String) {
        let named = why.contains(&id.to_string());
        let why = if named { why } else { format!("{why} ({id})") };
        self.leave_out(path, why);
    }

    /// Tells that a set of which a member was left out is not exact.
    pub(crate) fn is_in_part(&mut self, word: &str) {
        if !(self.existing || self.options.as_read || self.options.from_file) {
            self.remark(
                word,
                "written as `atLeast`, because a member is left out: members that others add are not drift",
            );
        }
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
