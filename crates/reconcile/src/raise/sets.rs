//! Links as sets of names.

use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::{Raising, Users};
use crate::field::{Field, Target};
use crate::kinds::{self, tables};
use crate::live::Access;
use crate::table::Relationship;

impl Raising<'_> {
    pub(super) fn set(
        &mut self,
        field: &'static Field,
        relationship: &'static Relationship,
        to: Target,
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
        if relationship == &tables::PROFILE_PROVIDERS {
            let first = self.live.find(&kinds::app_profile::first_party()).one();
            if field.word == "allActiveChannels" {
                let all = first.is_some_and(|first| members.contains(&first));
                return Ok((all || !self.options.from_file).then(|| json!(all)));
            }
            let others = members
                .into_iter()
                .filter(|id| Some(*id) != first)
                .collect();
            return self.members(field, to, others);
        }
        if relationship == &tables::PROFILE_PANE {
            return match members.as_slice() {
                [] => Ok(Some(Json::Null)),
                [pane] => self.reference(to, *pane).map(|name| Some(json!(name))),
                several => Err(format!("the profile has {} panes", several.len())),
            };
        }
        if relationship == &tables::NOTIFICATION_FIELDS {
            return self.notification_fields(members);
        }
        if matches!(to, Target::User) && self.options.users == Users::None {
            return Ok(None);
        }
        self.members(field, to, members)
    }

    /// The members by name; exact unless somebody is missing from it, or users are meant, whom nobody knows all for long.
    pub(super) fn members(
        &mut self,
        field: &'static Field,
        to: Target,
        members: Vec<Uuid>,
    ) -> Result<Option<Json>, String> {
        let mut names = Vec::new();
        let mut whole = self.options.exact_users || !matches!(to, Target::User);
        for id in members {
            match self.reference(to, id) {
                Ok(name) => names.push(name),
                Err(why) => {
                    whole = false;
                    self.leave_out_member(field.word, id, why);
                }
            }
        }
        names.sort_by_key(|name| (crate::state::fold(name), name.clone()));
        let without = self.without_loader(field, &names);
        Ok(self.written_set(names.into_iter().map(Json::from).collect(), whole, without))
    }

    /// A profile that has channel providers and not the loader extension must say so, or it would get the extension.
    fn without_loader(&self, field: &Field, extensions: &[String]) -> Option<&'static str> {
        let provided = |spec: &Json| match spec {
            Json::Array(members) => !members.is_empty(),
            Json::Object(set) => set
                .get("members")
                .and_then(Json::as_array)
                .is_some_and(|members| !members.is_empty()),
            _ => false,
        };
        let loader = crate::state::fold(tables::CIF_V2_LOADER);
        let lacks = field.word == "extensions"
            && !self.existing
            && self.spec.get("channelProviders").is_some_and(provided)
            && !extensions
                .iter()
                .any(|name| crate::state::fold(name) == loader);
        lacks.then_some(tables::CIF_V2_LOADER)
    }

    pub(super) fn written_set(
        &self,
        members: Vec<Json>,
        whole: bool,
        without: Option<&str>,
    ) -> Option<Json> {
        if self.options.as_read {
            return Some(json!(members));
        }
        if members.is_empty() && self.options.from_file {
            return None;
        }
        if whole && !self.existing && without.is_none() {
            return Some(json!(members));
        }
        if members.is_empty() && without.is_none() {
            return None;
        }
        let mut set = Map::new();
        set.insert("mode".to_owned(), json!("atLeast"));
        set.insert("members".to_owned(), json!(members));
        if let Some(without) = without {
            set.insert("without".to_owned(), json!([without]));
        }
        Some(Json::Object(set))
    }
}
