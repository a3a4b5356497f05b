//! Links: which rows they are between, and why one cannot be taken over.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{Holds, Kind, Links, Relationship, tables};
use uuid::Uuid;

use super::super::gathered::{FileLink, Unknown, all_tables, as_id};
use super::{Assembling, count};
use crate::kinds;

/// The pairs of owner and member by relationship.
pub(super) type Pairs = BTreeMap<&'static Relationship, BTreeSet<(Uuid, Uuid)>>;

impl Assembling {
    pub(super) fn pairs(&mut self, links: &[FileLink]) -> Pairs {
        let mut pairs = Pairs::new();
        for link in links {
            let owner = self.target(link.relationship.owner, &link.owner);
            let member = match link.relationship.member {
                member if member == &tables::USER => user_id(&link.member),
                member => self.target(member, &link.member),
            };
            match (owner, member) {
                (Some(owner), _) if self.foreign.holds(link.relationship.owner, owner) => {
                    self.foreign.count_link(link.relationship);
                }
                (Some(owner), Some(member))
                    if self.foreign.holds(link.relationship.member, member) =>
                {
                    let why = self.foreign.told(link.relationship.member, member);
                    self.leave_out_link(link.relationship, owner, why);
                }
                (Some(owner), member) if self.lacks(link.relationship.owner, owner) => {
                    self.leave_out_ownerless(link, owner, member);
                }
                (Some(owner), Some(member)) => {
                    pairs
                        .entry(link.relationship)
                        .or_default()
                        .insert((owner, member));
                }
                _ => self.leave_out(
                    format!("link of {}", link.relationship.schema_name),
                    "",
                    format!(
                        "{} - {}: one of them has neither a name nor an id",
                        told(&link.owner),
                        told(&link.member)
                    ),
                ),
            }
        }
        pairs
    }

    pub(super) fn unknown_links(&mut self, unknown: BTreeMap<String, Unknown>) {
        for (element, unknown) in unknown {
            let ends: Vec<&str> = unknown.ends.iter().map(String::as_str).collect();
            let between = if ends.is_empty() {
                String::new()
            } else {
                format!(" ({})", ends.join(", "))
            };
            let links = count(unknown.number, "link");
            let why = format!("{links} not understood{between}");
            if ends.len() > 1 && !ends.iter().any(|end| is_of_desktop(end)) {
                self.notes.push(format!(
                    "{element}: {links} between tables that deskstate does not manage{between}"
                ));
            } else {
                self.leave_out(element, "", why);
            }
        }
    }

    /// Reports a link whose owner, in whose manifest it would be, is not in the file.
    fn leave_out_ownerless(&mut self, link: &FileLink, owner: Uuid, member: Option<Uuid>) {
        let noun = kinds::noun(link.relationship.owner);
        let member = match member {
            Some(member) => self.label_of(link.relationship.member, member),
            None => told(&link.member),
        };
        let why = format!("the {noun} is not in the file; it is linked to {member}");
        self.leave_out_link(link.relationship, owner, why);
    }

    /// Reports a link as missing from its owner.
    fn leave_out_link(&mut self, relationship: &'static Relationship, owner: Uuid, why: String) {
        let resource = self.label_of(relationship.owner, owner);
        self.leave_out(resource, word_of(relationship), why);
    }
}

/// The field for the links of a relationship, and not the one for a single link of it.
fn word_of(relationship: &'static Relationship) -> &'static str {
    let fields = Kind::of_table(relationship.owner).map_or(&[][..], Kind::fields);
    let field = fields.iter().find(|field| match field.holds {
        Holds::Set {
            relationship: own,
            links,
            ..
        } => own == relationship && !matches!(links, Links::Only(_)),
        _ => false,
    });
    field.map_or(relationship.schema_name, |field| field.word)
}

fn told(target: &[(String, String)]) -> String {
    let columns: Vec<String> = target
        .iter()
        .map(|(column, value)| format!("{column} `{value}`"))
        .collect();
    columns.join(", ")
}

/// Whether a column refers to a table of the desktop.
fn is_of_desktop(column: &str) -> bool {
    all_tables().any(|table| table.key.eq_ignore_ascii_case(column))
}

fn user_id(target: &[(String, String)]) -> Option<Uuid> {
    target.iter().find_map(|(_, value)| as_id(value))
}
