//! Values: the columns of a row as the Web API would return them.

use std::collections::BTreeSet;

use deskstate_dataverse::{Cell, Row};
use deskstate_model::{Field, Holds, Kind, Referent, lookup_read_name, tables};
use uuid::Uuid;

use super::super::gathered::{FileRow, Said};
use super::{Assembling, derived, flag, label};
use crate::kinds::{self, target_table};
use crate::quirks::parameters;
use crate::raise::{LeftOut, Loss};

/// Columns that are not settings of the desktop: columns of the platform, columns of imports, and second copies.
const SYSTEM: [&str; 24] = [
    "componentidunique",
    "componentstate",
    "createdby",
    "createdon",
    "createdonbehalfby",
    "importsequencenumber",
    "iscustomizable",
    "ismanaged",
    "modifiedby",
    "modifiedon",
    "modifiedonbehalfby",
    "msdyn_name",
    "msdyn_uniquename",
    "organizationid",
    "overriddencreatedon",
    "overwritetime",
    "owningbusinessunit",
    "owningteam",
    "owninguser",
    "solutionid",
    "statecode",
    "statuscode",
    "timezoneruleversionnumber",
    "utcconversiontimezonecode",
];

impl Assembling {
    /// Returns the columns of a row as the Web API would return them.
    pub(super) fn cells(&mut self, id: Uuid, row: &FileRow) -> Row {
        let table = row.table;
        let label = label(row);
        let mut cells: Vec<(String, Cell)> = vec![(table.key.to_owned(), Cell::from(id))];
        if let Some(column) = table.name
            && let Some(Said::Text(name, _)) = row.columns.get(column)
        {
            cells.push((column.to_owned(), Cell::from(name.clone())));
        }
        let locked = matches!(row.columns.get("iscustomizable"), Some(Said::Text(text, _)) if flag(text) == Some(false));
        let managed = matches!(row.columns.get("ismanaged"), Some(Said::Text(text, _)) if flag(text) == Some(true));
        if self.managed || managed {
            cells.push(("ismanaged".to_owned(), Cell::Flag(true)));
        }
        // A vendor sets it in the unmanaged source, too; it has an effect only in the managed solution.
        if locked && (self.managed || managed) {
            cells.push(("iscustomizable".to_owned(), Cell::Flag(false)));
        }
        let mut modelled: BTreeSet<&str> = BTreeSet::from([table.key]);
        for field in kinds::row_fields(table).filter(|field| field.is_column()) {
            modelled.insert(field.column);
            if let Some(mirror) = &field.mirror {
                modelled.insert(mirror.column);
            }
            if Some(field.column) == table.name {
                continue;
            }
            let mirrored = mirrored(field, row);
            let Some(said) = row.columns.get(field.column).or(mirrored.as_ref()) else {
                continue;
            };
            if let Said::Text(_, languages) = said
                && *languages > 1
            {
                *self.languages.entry(table.logical).or_default() += languages - 1;
            }
            let trimmed = self.without_blanks(field, said, &label);
            match self.cell(field, trimmed.as_ref().unwrap_or(said)) {
                Ok(Some(cell)) => cells.push((field.read_name().into_owned(), cell)),
                Ok(None) => {}
                Err(why) => self.leave_out(label.clone(), field.word, why),
            }
            if let Some(mirror) = &field.mirror
                && let Some(Said::Text(text, _)) = row.columns.get(mirror.column)
                && let Some(flag) = flag(text)
            {
                cells.push((mirror.column.to_owned(), Cell::Flag(flag)));
            }
        }
        let part = kinds::part_of(table);
        if let Some(part) = part {
            modelled.insert(part.parent_column);
            let status = tables::STATUS.column;
            if let Some(Said::Text(text, _)) = row.columns.get(status) {
                match text.trim().parse::<i64>() {
                    Ok(state) => cells.push((status.to_owned(), Cell::Int(state))),
                    Err(_) => self.leave_out(
                        label.clone(),
                        status,
                        format!("expected a whole number, found `{text}`"),
                    ),
                }
            }
            match row.columns.get(part.parent_column) {
                Some(said) => {
                    if let Some(parent) = self.lookup(Referent::Named(part.parent), said) {
                        if self.lacks(part.parent, parent) {
                            let noun = Kind::of_table(part.parent)
                                .map_or(part.parent.logical, |kind| kind.as_str());
                            self.leave_out(
                                label.clone(),
                                "",
                                format!(
                                    "the {noun} {parent} that it belongs to is not in the file"
                                ),
                            );
                        }
                        cells.push((lookup_read_name(part.parent_column), Cell::from(parent)));
                    } else {
                        self.leave_out(
                            label.clone(),
                            "",
                            format!(
                                "what it belongs to, in `{}`, has neither a name nor an id",
                                part.parent_column
                            ),
                        );
                    }
                }
                None => self.leave_out(
                    label.clone(),
                    "",
                    format!(
                        "it does not say what it belongs to: `{}` is missing",
                        part.parent_column
                    ),
                ),
            }
        }
        for column in row.columns.keys() {
            let is_owner = column == "ownerid";
            if !modelled.contains(column.as_str())
                && !SYSTEM.contains(&column.as_str())
                && !is_owner
            {
                *self
                    .unmodelled
                    .entry((table.logical, column.clone()))
                    .or_default() += 1;
            }
        }
        Row::from_cells(cells, None)
    }

    /// The text of a row without the blanks at its ends, if it has any. A manifest cannot contain them.
    fn without_blanks(&mut self, field: &Field, said: &Said, label: &str) -> Option<Said> {
        let Said::Text(text, languages) = said else {
            return None;
        };
        let is_text = matches!(field.holds, Holds::Text | Holds::Json | Holds::JsonOrText);
        if !is_text || text.trim() == text {
            return None;
        }
        self.remark_blanks(label.to_owned(), field.word);
        Some(Said::Text(text.trim().to_owned(), *languages))
    }

    fn remark_blanks(&mut self, resource: String, path: &str) {
        self.left_out.push((
            resource,
            LeftOut {
                path: path.to_owned(),
                why: "spaces and line breaks at its ends are left out".to_owned(),
                loss: Loss::None,
            },
        ));
    }

    fn cell(&mut self, field: &'static Field, said: &Said) -> Result<Option<Cell>, String> {
        if let Holds::Lookup { to, .. } = field.holds {
            return match self.lookup(to, said) {
                Some(id) if self.foreign.holds(target_table(to), id) => {
                    Err(self.foreign.told(target_table(to), id))
                }
                Some(id) => Ok(Some(Cell::from(id))),
                None => Err("it names nothing".to_owned()),
            };
        }
        let Said::Text(text, _) = said else {
            return match field.holds {
                // Owners differ by environment.
                Holds::Owner => Ok(None),
                _ => Err("expected a value, found another row".to_owned()),
            };
        };
        if let Some(table) = field.names {
            self.target(table, &[(String::new(), text.clone())]);
        }
        let bad = |what: &str| format!("expected {what}, found `{text}`");
        if text.is_empty() {
            return Ok(None);
        }
        Ok(Some(match field.holds {
            Holds::Text
            | Holds::Ids { .. }
            | Holds::UniqueName
            | Holds::Json
            | Holds::JsonOrText
            | Holds::ParametersCopy => Cell::from(text.clone()),
            Holds::Number
            | Holds::Position
            | Holds::Option
            | Holds::Choice(_)
            | Holds::OneOf(_)
            | Holds::Status(_) => {
                Cell::Int(text.trim().parse().map_err(|_| bad("a whole number"))?)
            }
            Holds::Flag | Holds::InvertedFlag | Holds::FlagChoice(_) => {
                Cell::Flag(flag(text).ok_or_else(|| bad("1 or 0"))?)
            }
            Holds::Owner
            | Holds::Set { .. }
            | Holds::Parts(_)
            | Holds::Lookup { .. }
            | Holds::BusinessUnit => {
                return Ok(None);
            }
        }))
    }

    /// A tab stores its parameters twice. If the file contains only the second copy, the rows are derived from it.
    pub(super) fn parameters_from_copies(&mut self) {
        let part = &tables::PARAMETERS;
        let parent = lookup_read_name(part.parent_column);
        let with_rows: BTreeSet<Uuid> = self
            .rows
            .get(part.table)
            .into_iter()
            .flatten()
            .filter_map(|row| row.uuid(&parent))
            .collect();
        let (mut made, mut lost, mut blanks) = (Vec::new(), Vec::new(), Vec::new());
        for tab in self.rows.get(part.parent).into_iter().flatten() {
            let Some(id) = tab
                .uuid(part.parent.key)
                .filter(|id| !with_rows.contains(id))
            else {
                continue;
            };
            let copy = parameters::second_copy(tab);
            for (name, why) in copy.lost {
                let path = match name.as_str() {
                    "" => "parameters".to_owned(),
                    name => format!("parameters.{name}"),
                };
                lost.push((id, path, why));
            }
            for (name, value) in copy.found {
                if value.trim() != value {
                    blanks.push((id, format!("parameters.{name}")));
                }
                let value = value.trim().to_owned();
                let key = derived(part.table, &format!("{id}/{name}"));
                let cells = [
                    (part.table.key.to_owned(), Cell::from(key)),
                    (parent.clone(), Cell::from(id)),
                    (kinds::parameter_name().column.to_owned(), Cell::from(name)),
                    (
                        kinds::parameter_value().column.to_owned(),
                        Cell::from(value),
                    ),
                ];
                made.push(Row::from_cells(cells, None));
            }
        }
        self.rows.entry(part.table).or_default().extend(made);
        for (tab, path) in blanks {
            self.remark_blanks(self.label_of(part.parent, tab), &path);
        }
        for (tab, path, why) in lost {
            self.leave_out(self.label_of(part.parent, tab), &path, why);
        }
    }
}

/// The value of a field by its second column, for files that have only that: older environments lack the first one.
fn mirrored(field: &Field, row: &FileRow) -> Option<Said> {
    let mirror = field.mirror.as_ref()?;
    let Some(Said::Text(text, _)) = row.columns.get(mirror.column) else {
        return None;
    };
    let second = flag(text)?;
    let (number, _) = mirror.flags.iter().find(|(_, flag)| *flag == second)?;
    Some(Said::Text(number.to_string(), 1))
}
