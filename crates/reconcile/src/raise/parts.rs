//! Raising what hangs on a row: steps, tools, roles, features, inbox views, notification fields.

use deskstate_model::{ChtFeature, CopilotFeature, FeatureNames, PartOf, unique_name_of_part};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::{Raising, refused};
use crate::field::{Field, Holds, PartIdentity, PartTable, Target, lookup_read_name};
use crate::kinds::{
    self, agent_script, app_profile, notification_field, productivity_pane, tables,
};
use crate::live::{Access, ObservedRow};
use crate::state::fold;

/// A notification shows at most so many fields.
const MOST_FIELDS: usize = 4;

impl<'a> Raising<'a> {
    pub(super) fn parts(
        &mut self,
        field: &'static Field,
        part: &'static PartTable,
    ) -> Result<Option<Json>, String> {
        let table = self.live.table(part.table);
        match &table.access {
            Access::Whole => {}
            Access::Absent => return Ok(None),
            Access::Partial(why) | Access::Refused(why) => return Err(why.clone()),
        }
        let mut rows: Vec<&'a ObservedRow> = table.children(part, self.row.id).collect();
        rows.sort_by_key(|row| row.id);
        match field.word {
            "parameters" => self.parameters(part, &rows),
            "steps" => self.steps(part, &rows),
            "tools" => self.tools(part, &rows),
            "roles" => self.roles(&rows),
            "copilotFeatures" => self.features(field.word, part, &rows, CopilotFeature::NAMES),
            "chtFeatures" => self.features(field.word, part, &rows, ChtFeature::NAMES),
            "inboxViews" => self.inbox_views(part, &rows),
            _ => Ok(None),
        }
    }

    /// Whether what is empty in live is written as null.
    fn says_nulls(&self) -> bool {
        !self.options.skip_defaults && !self.options.from_file
    }

    /// Text of a part's column; null where it has none.
    fn part_text(&self, row: &ObservedRow, column: &str) -> Result<Json, String> {
        match row.row.text(column).filter(|text| !text.is_empty()) {
            None => Ok(Json::Null),
            Some(text) => match refused(text) {
                Some(why) => Err(format!("`{column}`: {why}")),
                None => Ok(json!(crate::value::normal(text))),
            },
        }
    }

    /// Rows in the order of a number that rises; an order that nobody can tell cannot be written as a list.
    fn in_order<'r>(
        &self,
        rows: &[&'r ObservedRow],
        column: &str,
    ) -> Result<Vec<&'r ObservedRow>, String> {
        let mut numbered: Vec<(Option<i64>, &ObservedRow)> =
            rows.iter().map(|row| (row.row.int(column), *row)).collect();
        numbered.sort_by_key(|(number, row)| (*number, row.id));
        let told = numbered.iter().all(|(number, _)| number.is_some())
            && numbered.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if told {
            Ok(numbered.into_iter().map(|(_, row)| row).collect())
        } else {
            Err("their order cannot be told: numbers are missing or given twice".to_owned())
        }
    }

    /// Rows in the order of their numbers, for a list that is numbered from 1 when it is applied.
    fn numbered_anew<'r>(
        &mut self,
        word: &str,
        rows: &[&'r ObservedRow],
        column: &str,
    ) -> Result<Vec<&'r ObservedRow>, String> {
        let ordered = self.in_order(rows, column)?;
        let from_one = (1_i64..)
            .zip(&ordered)
            .all(|(position, row)| row.row.int(column) == Some(position));
        if self.options.from_file && !from_one {
            self.remark(word, "they keep their order and are numbered from 1");
        }
        Ok(ordered)
    }

    fn steps(
        &mut self,
        part: &'static PartTable,
        rows: &[&ObservedRow],
    ) -> Result<Option<Json>, String> {
        let column = |word| kinds::field(agent_script::STEP_FIELDS, word).column;
        let mut steps = Vec::new();
        for row in self.numbered_anew("steps", rows, column("order"))? {
            let name = self.part_name(part, row)?;
            let Json::String(display_name) = self.part_text(row, column("displayName"))? else {
                return Err(format!("the step {name} has no display name"));
            };
            let mut step = Map::new();
            step.insert("displayName".to_owned(), json!(display_name));
            let derived = unique_name_of_part(PartOf::ScriptStep {
                script: &self.name,
                display_name: &display_name,
            });
            if derived != name {
                step.insert("name".to_owned(), json!(name));
            }
            let description = self.part_text(row, column("description"))?;
            if !description.is_null() || self.says_nulls() {
                step.insert("description".to_owned(), description);
            }
            let text = self.part_text(row, column("text"))?;
            let of = |word: &str| {
                row.row
                    .uuid(&kinds::field(agent_script::STEP_FIELDS, word).read_name())
            };
            let action = kinds::field(agent_script::STEP_FIELDS, "action");
            let Holds::Choice(actions) = action.holds else {
                return Ok(None);
            };
            let number = row.row.int(action.column);
            let word = actions
                .iter()
                .find(|(_, value)| Some(*value) == number)
                .map(|(word, _)| *word);
            let (key, value) = match (word, text, of("macro"), of("script")) {
                (Some("Text"), Json::String(text), None, None) => ("text", json!(text)),
                (Some("Macro"), Json::Null, Some(id), None) => {
                    ("macro", json!(self.reference(Target::Macro, id)?))
                }
                (Some("Script"), Json::Null, None, Some(id)) => {
                    ("script", json!(self.named(&tables::SCRIPT, id)?))
                }
                _ => {
                    return Err(format!(
                        "the step {name} does not say which of text, macro and script it is"
                    ));
                }
            };
            step.insert(key.to_owned(), value);
            steps.push(Json::Object(step));
        }
        Ok(Some(Json::Array(steps)))
    }

    /// The unique name of a part that is found by it.
    fn part_name(&self, part: &PartTable, row: &ObservedRow) -> Result<String, String> {
        let name = row
            .row
            .text(kinds::UNIQUE_NAME.column)
            .filter(|name| refused(name).is_none())
            .ok_or_else(|| {
                format!(
                    "{} {} has no unique name that can be written",
                    part.table.logical,
                    self.live.label(part.table, row.id)
                )
            })?;
        match self.live.table(part.table).named(&fold(name)) {
            [_] => Ok(name.to_owned()),
            _ => Err(format!(
                "several rows of {} are called {name}",
                part.table.logical
            )),
        }
    }

    fn tools(
        &mut self,
        part: &'static PartTable,
        rows: &[&ObservedRow],
    ) -> Result<Option<Json>, String> {
        let column = |word| kinds::field(productivity_pane::ENTRY_FIELDS, word).column;
        let PartIdentity::Lookup(tool_column) = part.identity else {
            return Ok(None);
        };
        let on: Vec<&ObservedRow> = rows
            .iter()
            .filter(|row| row.row.flag(column("enabled")) == Some(true))
            .copied()
            .collect();
        let mut tools = Vec::new();
        for row in self.numbered_anew("tools", &on, column("order"))? {
            let id = row
                .row
                .uuid(&lookup_read_name(tool_column))
                .ok_or_else(|| {
                    format!(
                        "entry {} names no tool",
                        self.live.label(part.table, row.id)
                    )
                })?;
            let tool = self.named(&tables::TOOL, id)?;
            if self
                .live
                .table(part.table)
                .parts_of(self.row.id, &id.to_string())
                .len()
                != 1
            {
                return Err(format!("the tool {tool} is there twice"));
            }
            let mut entry = Map::new();
            entry.insert("tool".to_owned(), json!(tool));
            for word in ["displayName", "tooltip", "iconPath"] {
                if self
                    .live
                    .table(part.table)
                    .missing_columns
                    .contains(column(word))
                {
                    continue;
                }
                let value = self.part_text(row, column(word))?;
                if !value.is_null() || (word != "displayName" && self.says_nulls()) {
                    entry.insert(word.to_owned(), value);
                }
            }
            tools.push(Json::Object(entry));
        }
        if tools.is_empty() && (self.existing || self.options.from_file) {
            return Ok(None);
        }
        Ok(Some(Json::Array(tools)))
    }

    fn roles(&mut self, rows: &[&ObservedRow]) -> Result<Option<Json>, String> {
        let mut names = Vec::new();
        let mut whole = true;
        for row in rows {
            let Some(role) = row.row.uuid(&app_profile::MAPPED_ROLE.read_name()) else {
                whole = false;
                let mapping = self.live.label(&tables::ROLE_MAPPING, row.id);
                let why = format!("mapping {mapping} names no role");
                self.leave_out_member("roles", row.id, why);
                continue;
            };
            match self.reference(Target::Role, self.live.role_root(role)) {
                Ok(name) if names.contains(&name) => {
                    return Err(format!("the role {name} is mapped twice"));
                }
                Ok(name) => names.push(name),
                Err(why) => {
                    whole = false;
                    self.leave_out_member("roles", role, why);
                }
            }
        }
        names.sort_by_key(|name| (fold(name), name.clone()));
        Ok(self.written_set(names.into_iter().map(Json::from).collect(), whole, None))
    }

    fn features(
        &mut self,
        word: &'static str,
        part: &'static PartTable,
        rows: &[&ObservedRow],
        names: &[(&str, i64)],
    ) -> Result<Option<Json>, String> {
        let PartIdentity::Number(column) = part.identity else {
            return Ok(None);
        };
        let mut features: Vec<(i64, bool)> = Vec::new();
        for row in rows {
            let flag = &part.fields[0];
            // An empty flag is no answer of its own: the product reads it in one of two ways.
            let on = row.row.flag(flag.column).or(flag.null_reads_as);
            let (Some(number), Some(on)) = (row.row.int(column), on) else {
                let why = "the row of a feature has no number or no value".to_owned();
                self.leave_out_member(word, row.id, why);
                continue;
            };
            if self
                .live
                .table(part.table)
                .parts_of(self.row.id, &number.to_string())
                .len()
                > 1
            {
                let name = app_profile::feature_name(names, number);
                let why = "it is there twice".to_owned();
                self.leave_out_member(format!("{word}.{name}"), row.id, why);
                continue;
            }
            features.push((number, on));
        }
        features.sort_unstable();
        let written: Map<String, Json> = features
            .into_iter()
            .map(|(number, on)| (app_profile::feature_name(names, number), json!(on)))
            .collect();
        // Features are owned one by one, so none says nothing.
        Ok((!written.is_empty()).then_some(Json::Object(written)))
    }

    fn inbox_views(
        &mut self,
        part: &'static PartTable,
        rows: &[&ObservedRow],
    ) -> Result<Option<Json>, String> {
        let mut views = Vec::new();
        let mut whole = true;
        for row in rows {
            match self.inbox_view(part, row) {
                Ok(view) => views.push(view),
                Err(why) => {
                    whole = false;
                    self.leave_out_member("inboxViews", row.id, why);
                }
            }
        }
        views.sort_by_key(|(name, _)| fold(name));
        let views = views.into_iter().map(|(_, view)| view).collect();
        Ok(self.written_set(views, whole, None))
    }

    fn inbox_view(
        &self,
        part: &'static PartTable,
        row: &ObservedRow,
    ) -> Result<(String, Json), String> {
        let name = self.part_name(part, row)?;
        let mut view = Map::new();
        view.insert("name".to_owned(), json!(name));
        for field in part.fields {
            if self
                .live
                .table(part.table)
                .missing_columns
                .contains(field.column)
            {
                continue;
            }
            let value = super::column(self.live, field, row, self.options)
                .map_err(|why| format!("the view {name}: `{}`: {why}", field.word))?
                .unwrap_or(Json::Null);
            if value.is_null() && field.required {
                return Err(format!("the view {name} has no `{}`", field.word));
            }
            let clears = matches!(field.holds, Holds::Json) && self.says_nulls();
            if !value.is_null() || clears {
                view.insert(field.word.to_owned(), value);
            }
        }
        Ok((name, Json::Object(view)))
    }

    pub(super) fn notification_fields(
        &mut self,
        members: Vec<Uuid>,
    ) -> Result<Option<Json>, String> {
        let table = &tables::NOTIFICATION_FIELD;
        let rows: Result<Vec<&'a ObservedRow>, String> = members
            .iter()
            .map(|id| {
                let row = self.live.row(table, *id);
                row.ok_or_else(|| format!("its field {id} cannot be read"))
            })
            .collect();
        let rows = rows?;
        if rows.len() > MOST_FIELDS {
            return Err(format!(
                "{} fields are more than a manifest takes",
                rows.len()
            ));
        }
        let order = kinds::field(notification_field::FIELDS, "order").column;
        let unordered = rows.iter().all(|row| row.row.int(order).is_none());
        let rows = if self.options.from_file && unordered && rows.len() > 1 {
            self.remark(
                "fields",
                "the file gives no order of the fields; they are in the order of their names",
            );
            let mut rows = rows;
            rows.sort_by_key(|row| fold(&self.live.label(table, row.id)));
            rows
        } else if self.options.from_file && unordered {
            rows
        } else {
            self.in_order(&rows, order)?
        };
        let mut items = Vec::new();
        for (index, row) in rows.into_iter().enumerate() {
            let position = i64::try_from(index + 1).unwrap_or(i64::MAX);
            match self.own_field(row, position) {
                Some(item) => {
                    self.holds.insert(row.id);
                    items.push(item);
                }
                None => items.push(json!({ "shared": self.named(table, row.id)? })),
            }
        }
        if items.is_empty() && (self.existing || self.options.from_file) {
            return Ok(None);
        }
        Ok(Some(Json::Array(items)))
    }

    /// A field that only this template has, and that its item can say all of.
    fn own_field(&self, row: &ObservedRow, position: i64) -> Option<Json> {
        let table = &tables::NOTIFICATION_FIELD;
        let column = |word| kinds::field(notification_field::FIELDS, word).column;
        let name = self.live.label(table, row.id);
        let owners = self.live.links(&tables::NOTIFICATION_FIELDS).owners(row.id);
        let alone = owners == [self.row.id]
            && !self.existing
            && !row.is_managed()
            && row.is_customizable()
            && !fold(&name).starts_with(kinds::MICROSOFT_PREFIX)
            && row.row.int("statecode").unwrap_or(0) == 0
            && self.live.table(table).named(&fold(&name)).len() == 1
            && refused(&name).is_none();
        if !alone {
            return None;
        }
        let Ok(Json::String(header)) = self.part_text(row, column("header")) else {
            return None;
        };
        let mut item = Map::new();
        item.insert("header".to_owned(), json!(header));
        let value = self.part_text(row, column("value")).ok()?;
        if !value.is_null() || self.says_nulls() {
            item.insert("value".to_owned(), value);
        }
        let order = row.row.int(column("order"));
        if order.is_none() && !self.options.from_file {
            return None;
        }
        if let Some(order) = order.filter(|order| *order != position) {
            item.insert("order".to_owned(), json!(order));
        }
        let derived = unique_name_of_part(PartOf::NotificationField {
            template: &self.name,
            header: &header,
        });
        if derived != name {
            item.insert("name".to_owned(), json!(name));
        }
        match self.part_text(row, column("displayName")).ok()? {
            Json::String(display) if display != header => {
                item.insert("displayName".to_owned(), json!(display));
            }
            _ => {}
        }
        Some(Json::Object(item))
    }
}
