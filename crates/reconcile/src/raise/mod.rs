//! Raises live rows to the terms of manifests: the inverse of lowering.
//!
//! A raised row has the same meaning as the live row. A value that a manifest cannot express is left out, with the reason.

mod defaults;
mod parts;
pub(crate) mod raising;
mod sets;
pub(crate) mod text;

use std::borrow::Cow;
use std::collections::BTreeSet;

use deskstate_model::{
    Field, Holds, Kind, Quirk, Referent, ResourceKey, State, Table, Written, id_in,
    lookup_read_name,
};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

pub use raising::{LeftOut, Loss, Options, SetForm, Sets, Users};
pub use text::refused;

use self::raising::Raising;
pub(crate) use self::raising::is_others;
use crate::kinds;
use crate::kinds::target_table;
use crate::live::{Access, Live, ObservedRow};
use crate::lookup::Match;
use crate::quirks::{scripts, session_type};
use crate::state::{Lookup, RowKey, fold};
use crate::value::show_live;

/// A live row in the form of a manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Raised {
    /// The key of its document.
    pub key: ResourceKey,
    /// The row.
    pub id: Uuid,
    /// `existing` if it comes from somebody else, or if no document could create it.
    pub state: State,
    /// Whether it comes from somebody else: Microsoft, or a managed solution.
    pub brought: bool,
    /// The fields in the order of the reference.
    pub spec: Map<String, Json>,
    /// The resources that it refers to.
    pub refers_to: BTreeSet<ResourceKey>,
    /// Rows that it contains as parts although their table belongs to a kind: fields of a single notification template.
    pub holds: BTreeSet<Uuid>,
    /// What a manifest cannot express.
    pub left_out: Vec<LeftOut>,
}

/// Raises one row of a kind.
pub fn raise(live: &Live, kind: Kind, row: &ObservedRow, options: Options<'_>) -> Raised {
    let name = live.label(kind.table(), row.id);
    let brought =
        is_others(kind.table(), &name, options.owned) || row.is_managed() || !row.is_customizable();
    let mut raising = Raising {
        live,
        options,
        kind,
        row,
        name: name.clone(),
        existing: !options.all_present && (!kind.definition().creatable || brought),
        brought,
        spec: Map::new(),
        refers_to: BTreeSet::new(),
        holds: BTreeSet::new(),
        left_out: Vec::new(),
    };
    if !options.all_present && kinds::is_protected(kind.table(), &row.row) {
        raising.existing = true;
        let open = kind.definition().protected_except;
        let others = match open {
            [] => "without values".to_owned(),
            words => format!("with `{}` at most", words.join("`, `")),
        };
        raising.remark(
            "",
            format!("written as `existing` {others}, since the definition of its kind protects it"),
        );
        raising.fields(|field| open.contains(&field.word));
        return raising.finish();
    }
    // The format of its sets depends on whether a document could create the row, which is known only once the columns are raised.
    raising.fields(|field| field.is_column());
    raising.complete();
    raising.fields(|field| !field.is_column());
    raising.finish()
}

/// A row that no document can express, or a kind whose rows may be hidden.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// Its kind; for a part, the kind of its parent.
    pub kind: Kind,
    /// The table of a part.
    pub part: Option<&'static str>,
    /// Its name; `None` for a row without a name, and if rows may be hidden.
    pub name: Option<String>,
    /// The row; `None` if rows may be hidden.
    pub id: Option<Uuid>,
    /// The reason.
    pub why: String,
}

impl Skipped {
    /// A label for people.
    pub fn label(&self) -> String {
        let Self { name, id, .. } = self;
        let noun = self.part.unwrap_or(self.kind.as_str());
        match (name, id) {
            (Some(name), Some(id)) => format!("{noun} {name} ({id})"),
            (Some(name), None) => format!("{noun} {name}"),
            (None, Some(id)) => format!("{noun} {id}"),
            (None, None) => noun.to_owned(),
        }
    }
}

/// Raises all rows of all kinds that have a unique name; the other rows are listed with the reason.
pub fn raise_all(live: &Live, options: Options<'_>) -> (Vec<Raised>, Vec<Skipped>) {
    let mut raised = Vec::new();
    let mut skipped = Vec::new();
    for kind in Kind::all() {
        let named = |row: &ObservedRow| {
            let name = crate::kinds::name_of(kind.table(), &row.row);
            name.filter(|name| !name.trim().is_empty())
                .map(Cow::into_owned)
        };
        for row in live.table(kind.table()).rows.values() {
            match nameable(live, kind, row) {
                Ok(()) => raised.push(raise(live, kind, row, options)),
                Err(why) => skipped.push(Skipped {
                    kind,
                    part: None,
                    name: named(row),
                    id: Some(row.id),
                    why,
                }),
            }
        }
        if let Access::Partial(why) | Access::Refused(why) = &live.table(kind.table()).access {
            skipped.push(Skipped {
                kind,
                part: None,
                name: None,
                id: None,
                why: format!("rows may be missing: {why}"),
            });
        }
    }
    // A file's own reader reports them, with their place in the file.
    if !options.from_file {
        skipped.extend(orphans(live));
    }
    raised.sort_by(|left, right| left.key.cmp(&right.key));
    skipped.sort();
    (raised, skipped)
}

/// Parts whose parent does not exist or cannot be read, so that no document can contain them.
fn orphans(live: &Live) -> impl Iterator<Item = Skipped> {
    Kind::part_tables().flat_map(move |part| {
        let column = lookup_read_name(part.parent_column);
        let kind = Kind::of_table(part.parent);
        let rows = live.table(part.table).rows.values();
        rows.filter_map(move |row| {
            let parent = row.row.uuid(&column);
            if parent.is_some_and(|id| live.row(part.parent, id).is_some()) {
                return None;
            }
            let why = match parent {
                Some(parent) => format!("it belongs to {parent}, which cannot be read"),
                None => "it has no parent".to_owned(),
            };
            Some(Skipped {
                kind: kind?,
                part: Some(part.table.logical),
                name: None,
                id: Some(row.id),
                why,
            })
        })
    })
}

/// Whether a document can identify the row; if not, why.
fn nameable(live: &Live, kind: Kind, row: &ObservedRow) -> Result<(), String> {
    let Some(name) = crate::kinds::name_of(kind.table(), &row.row) else {
        return Err("it has no unique name".to_owned());
    };
    if kind.values_of(&name).is_none() {
        return Err("a column that identifies it is empty".to_owned());
    }
    if name.trim().is_empty() {
        return Err("its unique name is empty".to_owned());
    }
    if let Some(why) = refused(name.trim()) {
        return Err(format!("its unique name cannot be written: {why}"));
    }
    match live.table(kind.table()).named(&crate::state::fold(&name)) {
        [_] => Ok(()),
        rows => Err(format!("{} rows have this unique name", rows.len())),
    }
}

impl Raising<'_> {
    fn fields(&mut self, which: impl Fn(&Field) -> bool) {
        let lacking = &self.live.table(self.kind.table()).missing_columns;
        for field in self.kind.fields() {
            if !which(field) || lacking.contains(field.column) {
                continue;
            }
            if self.options.from_file {
                let is_empty = field.is_column() && self.row.row.get(&field.read_name()).is_null();
                if is_empty || self.is_elsewhere(field) {
                    continue;
                }
            }
            match self.field(field) {
                Ok(Some(value)) => {
                    self.spec.insert(field.word.to_owned(), value);
                }
                Ok(None) => {}
                Err(why) => self.leave_out(field.word, why),
            }
        }
    }

    /// Whether a value of a file is not transferred to another environment: it is Microsoft's, or belongs to another solution and its
    /// environment.
    fn is_elsewhere(&mut self, field: &Field) -> bool {
        if !self.existing || self.options.all_present {
            return false;
        }
        let owned = self.options.owned;
        if is_others(self.kind.table(), &self.name, owned) {
            // Links and roles of Microsoft's rows may be ours; the values of the row itself belong to the product.
            match field.holds {
                Holds::Parts(part) if !part.makes_up_row => return false,
                Holds::Parts(part) => {
                    let live = self.live.table(part.table);
                    let added = live
                        .children(part, self.row.id)
                        .map(|row| self.live.label(part.table, row.id))
                        .find(|name| !is_others(part.table, name, owned));
                    if let Some(name) = added {
                        let why = format!("{name} was added to a row of the product");
                        self.left_out.push(LeftOut {
                            path: field.word.to_owned(),
                            why,
                            loss: Loss::Lost,
                        });
                    }
                    return true;
                }
                Holds::Set { .. } => return false,
                _ => {}
            }
            self.remark(
                "",
                "written as `existing` without values, because they belong to the product",
            );
        } else if field.of_one_environment || matches!(field.holds, Holds::Owner) {
            self.remark(
                field.word,
                "a managed row may have another value in each environment",
            );
        } else {
            return false;
        }
        true
    }

    /// The value of a field; `None` if the manifest leaves it out.
    fn field(&mut self, field: &'static Field) -> Result<Option<Json>, String> {
        match field.holds {
            Holds::Set {
                relationship,
                to,
                links,
            } => self.set(field, relationship, to, links),
            Holds::Parts(part) => self.parts(field, part),
            Holds::Lookup { to, .. } => {
                let Some(id) = self.row.row.uuid(&field.read_name()) else {
                    return Ok(Some(Json::Null));
                };
                self.reference(to, id).map(|name| Some(json!(name)))
            }
            Holds::Owner => self.owner(field, self.row),
            Holds::Text if let Some(table) = field.names => self.name_in_text(field, table),
            Holds::Ids { to, always } => Ok(self.ids(field, to, always)),
            // Another field covers the same column.
            Holds::Text if self.is_said(field) => Ok(None),
            _ => column(self.live, field, self.row, self.options),
        }
    }

    /// The name of the target of a lookup or a link.
    fn reference(&mut self, to: Referent, id: Uuid) -> Result<String, String> {
        self.reference_of(to, id, None)
    }

    /// The name of the target of a lookup; that of a copy of a security role is written with its business unit.
    fn reference_of(
        &mut self,
        to: Referent,
        id: Uuid,
        unit: Option<&str>,
    ) -> Result<String, String> {
        let name = match self.live.found.roles.get(id) {
            Some(role) => role.name.clone(),
            None => self.live.label(target_table(to), id),
        };
        let named = name.clone();
        let lookup = match to {
            Referent::Named(table) => return self.named(table, id),
            Referent::User => return self.user(id),
            Referent::WebResource => Lookup::WebResource(named),
            Referent::Macro => Lookup::Macro(named),
            Referent::Row(table) => Lookup::Row { table, name: named },
            Referent::Role => Lookup::Role {
                name: named,
                business_unit: unit.map(str::to_owned),
            },
        };
        if !self.options.unchecked && self.live.look_up(&lookup) != Match::One(id) {
            return Err(match self.options.from_file && name == id.to_string() {
                true => format!("the file has no name for its {} {id}", lookup.noun()),
                false => format!("its {} {name} cannot be named", lookup.noun()),
            });
        }
        match refused(&name) {
            Some(why) => Err(format!("the name of its {}: {why}", lookup.noun())),
            None => Ok(name),
        }
    }

    /// The value of a text that is the name of another row.
    fn name_in_text(
        &mut self,
        field: &'static Field,
        table: &'static Table,
    ) -> Result<Option<Json>, String> {
        let written = column(self.live, field, self.row, self.options)?;
        let Some(name) = written.as_ref().and_then(Json::as_str) else {
            return Ok(written);
        };
        let noun = kinds::noun(table);
        let key = RowKey::Named {
            table,
            name: deskstate_model::UniqueName::new(name),
        };
        if self.live.find(&key).one().is_none() {
            return Err(format!("no {noun} is called `{name}`"));
        }
        if let Some(kind) = Kind::of_table(table) {
            self.refers_to.insert(ResourceKey::new(kind, name));
        }
        Ok(written)
    }

    /// The names of the ids in a text; `None` if the text contains anything else, or an id without a name that leads back to it. In that
    /// case, the column's other field has the value.
    fn ids(&mut self, field: &Field, to: Referent, always: &[&str]) -> Option<Json> {
        let text = self.row.row.text(field.column).unwrap_or_default();
        let ids = crate::value::ids_of(text)?;
        let mut names = Vec::with_capacity(ids.len());
        for id in ids {
            names.push(self.reference(to, id).ok()?);
        }
        let is_among = |name: &&str| names.iter().any(|known| fold(known) == fold(name));
        if !self.options.as_read && !always.iter().all(is_among) {
            return None;
        }
        names.retain(|name| !always.iter().any(|known| fold(known) == fold(name)));
        names.sort_by_key(|name| fold(name));
        Some(json!(names))
    }

    /// Whether another field of the same column was raised already.
    fn is_said(&self, field: &Field) -> bool {
        let mut fields = self.kind.fields().iter();
        fields.any(|other| {
            other.word != field.word
                && other.column == field.column
                && self.spec.contains_key(other.word)
        })
    }

    fn named(&mut self, table: &'static Table, id: Uuid) -> Result<String, String> {
        let noun = kinds::noun(table);
        let row = self
            .live
            .row(table, id)
            .ok_or_else(|| match self.options.from_file {
                true => format!("its {noun} {id} is not in the file"),
                false => format!("its {noun} {id} cannot be read"),
            })?;
        let name = kinds::name_of(table, &row.row).unwrap_or_default();
        let name = name.trim();
        if name.is_empty() || refused(name).is_some() {
            return Err(format!(
                "its {noun} {id} has no unique name that can be written"
            ));
        }
        let key = RowKey::Named {
            table,
            name: deskstate_model::UniqueName::new(name),
        };
        if self.live.find(&key) != Match::One(id) {
            return Err(format!(
                "several {noun} rows have the unique name {name}, {id} among them"
            ));
        }
        if let Some(kind) = Kind::of_table(table) {
            self.refers_to.insert(ResourceKey::new(kind, name));
        }
        Ok(name.to_owned())
    }

    fn user(&self, id: Uuid) -> Result<String, String> {
        let user = self
            .live
            .found
            .users
            .get(&id)
            .ok_or_else(|| match self.options.from_file {
                true => format!("the file has no name for the user {id}"),
                false => format!("user {id} cannot be read"),
            })?;
        let name = match self.options.users {
            Users::ObjectId => user.object_id.map(|id| id.to_string()),
            Users::PrincipalName | Users::None => Some(user.name.clone()),
        }
        .filter(|name| !name.is_empty())
        .ok_or_else(|| format!("user {id} has no such name"))?;
        if self.options.unchecked {
            return Ok(name);
        }
        match self.live.look_up(&Lookup::User(name.clone())) {
            Match::One(found) if found == id => Ok(name),
            Match::Unfit(_, why) => Err(format!("user {name} is {why}")),
            _ => Err(format!("several users are called {name}")),
        }
    }

    fn owner(&self, field: &Field, row: &ObservedRow) -> Result<Option<Json>, String> {
        let Some(id) = row.row.uuid(&field.read_name()) else {
            return Ok(None);
        };
        if self.live.found.users.contains_key(&id) {
            if self.options.users == Users::None {
                return Ok(None);
            }
            return self.user(id).map(|name| Some(json!({ "user": name })));
        }
        let Some(name) = self.live.found.labels.get(&id) else {
            return Err(format!("the owner {id} cannot be read"));
        };
        if !self.options.unchecked
            && self.live.look_up(&Lookup::Team(name.clone())) != Match::One(id)
        {
            return Err(format!("the owner, team {name}, cannot be named"));
        }
        Ok(Some(json!({ "team": name })))
    }

    /// Completes the columns: applies quirks, and checks the fields without which a document could not create the row.
    fn complete(&mut self) {
        if self
            .kind
            .definition()
            .quirks
            .contains(&Quirk::ScriptsByName)
        {
            scripts::raise(self);
        }
        if self.options.as_read {
            self.spec.retain(|_, value| !value.is_null());
            return;
        }
        for quirk in self.kind.definition().quirks {
            match quirk {
                Quirk::SessionType => session_type::raise(self),
                // Sets are raised later. They name the loader if a profile lacks it.
                Quirk::Loaders => {}
                // Done above, because rules are checked against names too.
                Quirk::ScriptsByName => {}
            }
        }
        if self.options.from_file && self.existing {
            return;
        }
        for info in self.kind.fields() {
            let lacks = self.spec.get(info.word).is_none_or(Json::is_null);
            let is_column = self
                .kind
                .fields()
                .iter()
                .any(|field| field.word == info.word && field.is_column());
            if (info.is_needed()) && is_column && lacks {
                self.spec.remove(info.word);
                self.becomes_existing(format!("`{}` has no value that can be written", info.word));
            }
        }
        // Null means "clear it", which is valid only for fields that may be empty.
        let infos = self.kind.fields();
        self.spec.retain(|word, value| {
            !value.is_null()
                || infos
                    .iter()
                    .any(|info| info.word == word && info.is_clearable())
        });
    }

    /// Adds remarks about ids in texts of a file. Names of rows may contain an id too, and that travels with the row.
    fn remark_ids(&mut self) {
        if !self.options.from_file {
            return;
        }
        for field in self.kind.fields() {
            let is_text = match field.holds {
                Holds::Text | Holds::Json | Holds::JsonOrText => field.names.is_none(),
                Holds::Parts(part) => matches!(part.written, Written::List),
                _ => false,
            };
            let value = self.spec.get(field.word).filter(|_| is_text);
            if let Some(id) = value.and_then(|value| id_in(&value.to_string())) {
                self.remark(
                    field.word,
                    format!(
                        "it contains the id {id}; check that it is the same in your environments"
                    ),
                );
            }
        }
    }

    fn finish(mut self) -> Raised {
        self.remark_ids();
        if self.options.skip_defaults {
            defaults::skip(self.kind, &mut self.spec);
        }
        let order = |word: &str| {
            self.kind
                .fields()
                .iter()
                .position(|field| field.word == word)
        };
        let mut entries: Vec<(String, Json)> = std::mem::take(&mut self.spec).into_iter().collect();
        entries.sort_by_key(|(word, _)| order(word));
        self.left_out.sort();
        self.left_out.dedup();
        Raised {
            key: ResourceKey::new(self.kind, self.name.trim()),
            id: self.row.id,
            state: if self.existing {
                State::Existing
            } else {
                State::Present
            },
            brought: self.brought,
            spec: entries.into_iter().collect(),
            refers_to: self.refers_to,
            holds: self.holds,
            left_out: self.left_out,
        }
    }
}

/// A plain column in the format of manifests.
fn column(
    live: &Live,
    field: &'static Field,
    row: &ObservedRow,
    options: Options<'_>,
) -> Result<Option<Json>, String> {
    let value = show_live(field, &row.row, live);
    let value = match (field.holds, value) {
        (_, value) if options.as_read => value,
        (Holds::Choice(options), Json::Number(number)) => {
            return Err(format!(
                "option {number} is none of {}",
                options
                    .iter()
                    .map(|choice| choice.word)
                    .collect::<Vec<_>>()
                    .join(", ")
            ));
        }
        (Holds::Json | Holds::JsonOrText, value @ (Json::Object(_) | Json::Array(_))) => {
            if text::is_plain_json(&value) && !(field.is_mapping_only() && value.is_array()) {
                value
            } else {
                // A text that YAML would not return unchanged stays as it is.
                json!(row.row.text(field.column).unwrap_or_default())
            }
        }
        (_, value) => value,
    };
    if let Json::String(text) = &value
        && !options.as_read
        && let Some(why) = refused(text)
    {
        return Err(why.to_owned());
    }
    Ok(Some(value))
}
