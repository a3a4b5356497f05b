//! Raises links to sets of names.

use deskstate_model::{Field, Holds, Links, Quirk, Referent, Relationship, SetMode, Unlisted};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::raising::{Raising, SetForm, Users};
use crate::live::Access;
use crate::lower::lowering::target_key;
use crate::quirks::loader;

impl Raising<'_> {
    pub(super) fn set(
        &mut self,
        field: &'static Field,
        relationship: &'static Relationship,
        to: Referent,
        links_of: Links,
    ) -> Result<Option<Json>, String> {
        let links = self.live.links(relationship);
        if matches!(links.access, Access::Absent) {
            return Ok(None);
        }
        if !links.access.is_whole() {
            return Err("the links cannot be read as a whole".to_owned());
        }
        let members: Vec<Uuid> = links.members(self.row.id).collect();
        if self.options.from_file && members.is_empty() {
            return Ok(None);
        }
        let is_that = |name| self.live.find(&target_key(to, name)).one();
        let members = match links_of {
            Links::All => members,
            Links::Except(name) => {
                let other = is_that(name);
                members
                    .into_iter()
                    .filter(|id| Some(*id) != other)
                    .collect()
            }
            Links::Only(name) => {
                let linked = is_that(name).is_some_and(|id| members.contains(&id));
                return Ok((linked || !self.options.from_file).then(|| json!(linked)));
            }
            Links::One => {
                return match members.as_slice() {
                    [] => Ok(Some(Json::Null)),
                    [one] => self.reference(to, *one).map(|name| Some(json!(name))),
                    several => Err(format!(
                        "there are {} links where one is expected",
                        several.len()
                    )),
                };
            }
            Links::Items(items) => return self.shared_list(field, relationship, items, members),
        };
        if matches!(to, Referent::User) && self.options.users == Users::None {
            return Ok(None);
        }
        self.members(field, to, members)
    }

    /// The members by name. The set is exact unless a member is missing from it, or the options require otherwise.
    pub(super) fn members(
        &mut self,
        field: &'static Field,
        to: Referent,
        members: Vec<Uuid>,
    ) -> Result<Option<Json>, String> {
        let form = self
            .options
            .form_of(field.word, matches!(to, Referent::User));
        if form == SetForm::None {
            return Ok(None);
        }
        let mut names = Vec::new();
        let mut whole = form == SetForm::Exact;
        for id in members {
            match self.reference(to, id) {
                Ok(name) => names.push(name),
                Err(why) => {
                    whole = false;
                    self.leave_out_member(field.word, id, why);
                }
            }
        }
        if form == SetForm::Exact && !whole && !names.is_empty() {
            self.is_in_part(field.word);
        }
        names.sort_by_key(|name| (crate::state::fold(name), name.clone()));
        let has_loader = self.kind.definition().quirks.contains(&Quirk::Loaders);
        let without = if has_loader && !self.existing {
            loader::left_out(field, &names, self.live, self.row.id)
        } else {
            Vec::new()
        };
        let names = names.into_iter().map(Json::from).collect();
        Ok(self.written_set(field, names, whole, &without))
    }

    pub(super) fn written_set(
        &self,
        field: &Field,
        members: Vec<Json>,
        whole: bool,
        without: &[&str],
    ) -> Option<Json> {
        if self.options.as_read {
            return Some(json!(members));
        }
        if members.is_empty() && self.options.from_file {
            return None;
        }
        if whole && !self.existing && without.is_empty() {
            // Parts that are never deleted cannot be exact.
            let is_kept =
                matches!(field.holds, Holds::Parts(part) if part.unlisted == Unlisted::Leave);
            return Some(match field.list_means {
                SetMode::Exact => json!(members),
                SetMode::AtLeast if is_kept => json!(members),
                SetMode::AtLeast => json!({"mode": "exact", "members": members}),
            });
        }
        if members.is_empty() && without.is_empty() {
            return None;
        }
        let mut set = Map::new();
        set.insert("mode".to_owned(), json!("atLeast"));
        set.insert("members".to_owned(), json!(members));
        if !without.is_empty() {
            set.insert("without".to_owned(), json!(without));
        }
        Some(Json::Object(set))
    }
}
