//! Turns definitions into tables, which live as long as the process, like the tables of the other kinds.

use std::collections::BTreeMap;

use super::{
    AgentsForm, AlsoForm, Constant, DefaultForm, FieldForm, Form, HoldsForm, PartForm, SetForm,
    error,
};
use crate::diagnostic::Diagnostic;
use crate::document::no_kind;
use crate::kinds::build::Options as _;
use crate::kinds::{Agents, Definition, Kind, RegisterError, Status};
use crate::set::SetMode;
use crate::span::Spanned;
use crate::suggest::nearest;
use crate::table::{
    Field, Fill, Holds, Links, NameOf, Names, Need, NewRow, PartIdentity, PartTable, Referent,
    Relationship, RowValue, RowValueIs, Table, Unlisted, Words, Written,
};

/// Minimum capacity of a name column, in characters.
const SHORTEST_NAME: u32 = 100;

/// Builds tables from definitions and registers them.
pub(super) fn build(forms: Vec<Form>, diagnostics: &mut Vec<Diagnostic>) {
    let forms = known(forms);
    let Some(levels) = levels(&forms, diagnostics) else {
        return;
    };
    let tables: BTreeMap<&str, &'static Table> = forms
        .iter()
        .map(|form| {
            (
                form.word.value.as_str(),
                table(form, levels[form.word.value.as_str()]),
            )
        })
        .collect();
    for form in &forms {
        if let Some(definition) = definition(form, &tables, diagnostics) {
            register(form, definition, diagnostics);
        }
    }
}

/// Returns the definitions that are not registered yet.
fn known(forms: Vec<Form>) -> Vec<Form> {
    let is_new = |form: &Form| {
        let kind = form.word.value.parse::<Kind>();
        !kind.is_ok_and(|kind| kind.definition().source == Some(form.digest.as_str()))
    };
    forms.into_iter().filter(is_new).collect()
}

fn register(form: &Form, definition: &'static Definition, diagnostics: &mut Vec<Diagnostic>) {
    let found = match Kind::register(definition) {
        Ok(_) => return,
        Err(RegisterError::Taken(word)) if word == definition.word => error(format!(
            "`{word}` already has another definition: a run can use only one for each kind"
        ))
        .help("run the command again for each version of the definition"),
        Err(RegisterError::Taken(word)) => error(format!(
            "the table `{}` is that of `{word}` already",
            form.table.value
        ))
        .help("a table has one kind: combine the fields in one definition"),
        Err(full @ RegisterError::Full) => error(full.to_string()).help("remove definitions"),
    };
    diagnostics.push(found.at(form.word.span, "not registered"));
}

/// Returns the level of each kind in the order of creation: after the kinds that its lookups point to.
fn levels<'f>(
    forms: &'f [Form],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<BTreeMap<&'f str, u8>> {
    let mut levels: BTreeMap<&str, u8> = BTreeMap::new();
    // A text that names a row does not need the row to exist, so a kind waits for it only where that creates no cycle.
    let mut with_texts = true;
    while levels.len() < forms.len() {
        let before = levels.len();
        for form in forms {
            if levels.contains_key(form.word.value.as_str()) {
                continue;
            }
            let mut level = 0;
            let mut waits = false;
            let texts = names(form).filter(|_| with_texts);
            for to in lookups(form).map(|(_, to)| to).chain(texts) {
                match (levels.get(to.value.as_str()), to.value.parse::<Kind>()) {
                    (Some(target), _) => level = level.max(*target),
                    (None, _) if forms.iter().any(|other| other.word.value == to.value) => {
                        waits = true
                    }
                    (None, Ok(kind)) => level = level.max(kind.table().level),
                    (None, Err(_)) => {}
                }
            }
            if !waits {
                levels.insert(&form.word.value, level.saturating_add(1));
            }
        }
        if levels.len() > before {
            with_texts = true;
        } else if with_texts {
            with_texts = false;
        } else {
            let circle = forms
                .iter()
                .filter(|form| !levels.contains_key(form.word.value.as_str()));
            for form in circle {
                let (place, to) =
                    lookups(form).find(|(_, to)| !levels.contains_key(to.value.as_str()))?;
                diagnostics.push(
                    error(format!(
                        "`{}` and `{}` need each other before they can be created",
                        form.word.value, to.value
                    ))
                    .at(place.span, "this lookup closes a circle")
                    .help("remove one of the lookups: rows are created one after the other"),
                );
            }
            return None;
        }
    }
    Some(levels)
}

/// Returns the kinds of the rows that the texts of a kind name.
fn names(form: &Form) -> impl Iterator<Item = &Spanned<String>> {
    form.fields.iter().filter_map(|field| field.names.as_ref())
}

fn lookups(form: &Form) -> impl Iterator<Item = (&Spanned<String>, &Spanned<String>)> {
    // Parts are created after all rows, so their lookups cause no cycles.
    form.fields.iter().filter_map(|field| match &field.holds {
        HoldsForm::Lookup { to, .. } => Some((&field.word, to)),
        _ => None,
    })
}

fn table(form: &Form, level: u8) -> &'static Table {
    Box::leak(Box::new(Table {
        logical: leak(&form.table.value),
        set: leak(&form.set),
        key: leak(&form.key),
        name: Some(leak(&form.name.value)),
        label: leak(&form.label),
        shown: None,
        component: form.component,
        level,
    }))
}

type Tables<'f> = BTreeMap<&'f str, &'static Table>;

fn definition(
    form: &Form,
    tables: &Tables<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<&'static Definition> {
    let own = tables[form.word.value.as_str()];
    let before = diagnostics.len();
    let mut fields: Vec<Field> = form
        .fields
        .iter()
        .filter_map(|given| field(given, tables, diagnostics))
        .collect();
    fields.extend(
        form.sets
            .iter()
            .filter_map(|given| set(given, own, tables, diagnostics)),
    );
    fields.extend(
        form.parts
            .iter()
            .filter_map(|given| part(given, form.creatable, own, tables, diagnostics)),
    );
    let agents = agents(form, &fields, diagnostics);
    if diagnostics.len() > before {
        return None;
    }
    let name: &'static Field = Box::leak(Box::new(Field {
        meaning: "The name that identifies a row.",
        max_length: form.name_length,
        ..Field::new("name", leak(&form.name.value), Holds::Text)
    }));
    Some(Box::leak(Box::new(Definition {
        word: leak(&form.word.value),
        title: leak(&form.title),
        meaning: leak(&form.meaning),
        folder: folder(&form.word.value).leak(),
        table: own,
        name,
        names: Names::Free,
        fields: fields.leak(),
        also: form.also.iter().map(also).collect::<Vec<_>>().leak(),
        rows: form.rows.iter().map(row_value).collect::<Vec<_>>().leak(),
        protected_rows: form
            .protected_rows
            .iter()
            .map(row_value)
            .collect::<Vec<_>>()
            .leak(),
        protected: form
            .protected
            .iter()
            .map(|name| leak(name))
            .collect::<Vec<_>>()
            .leak(),
        protected_except: form
            .protected_except
            .iter()
            .map(|word| leak(word))
            .collect::<Vec<_>>()
            .leak(),
        server_sets: form
            .server_sets
            .iter()
            .map(|column| leak(column))
            .collect::<Vec<_>>()
            .leak(),
        creatable: form.creatable,
        deletable: form.deletable,
        undo_deletes: form.undo_deletes.unwrap_or(form.deletable),
        agents,
        version: leak(&form.version),
        evidence: leak(&form.evidence),
        source: Some(leak(&form.digest)),
        ..Definition::NOTHING
    })))
}

/// Returns the agents that a change affects, found through fields that lead to people.
fn agents(form: &Form, fields: &[Field], diagnostics: &mut Vec<Diagnostic>) -> Agents {
    let Some(AgentsForm {
        through,
        others,
        otherwise,
    }) = &form.agents
    else {
        return Definition::NOTHING.agents;
    };
    let mut words = Vec::new();
    for word in through {
        let leads = fields.iter().any(|field| {
            field.word == word.value
                && match field.holds {
                    Holds::Set { to, .. } | Holds::Lookup { to, .. } => {
                        matches!(to, Referent::Named(_) | Referent::User)
                    }
                    _ => field.names.is_some(),
                }
        });
        match leads {
            true => words.push(leak(&word.value)),
            false => diagnostics.push(
                error(format!("`{}` does not lead to agents", word.value))
                    .at(word.span, "no set or lookup")
                    .help(
                        "write the word of a set of users, or of a field that names rows of a kind",
                    ),
            ),
        }
    }
    Agents {
        through: words.leak(),
        others: leak(others),
        otherwise: leak(otherwise),
    }
}

/// `CapacityProfile` uses the folder `capacity-profiles`.
fn folder(word: &str) -> String {
    let mut folder = String::new();
    for character in word.chars() {
        if character.is_ascii_uppercase() && !folder.is_empty() {
            folder.push('-');
        }
        folder.push(character.to_ascii_lowercase());
    }
    match folder.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o']) => format!("{stem}ies"),
        _ if folder.ends_with('s') => folder,
        _ => folder + "s",
    }
}

fn also((column, form): &(Spanned<String>, AlsoForm)) -> Field {
    let column = leak(&column.value);
    let holds = match form {
        AlsoForm::Number => Holds::Option,
        AlsoForm::Choice(options) => Holds::Choice(options.clone().leak()),
        AlsoForm::Text => Holds::Text,
    };
    Field {
        is_written: false,
        ..Field::new(column, column, holds)
    }
}

fn row_value((column, value): &(Spanned<String>, Constant)) -> RowValue {
    let (holds, is) = match value {
        Constant::Text(text) => (Holds::Text, RowValueIs::Text(leak(text))),
        Constant::Number(number) => (Holds::Option, RowValueIs::Number(*number)),
        Constant::Flag(flag) => (Holds::Flag, RowValueIs::Flag(*flag)),
    };
    let column = leak(&column.value);
    let field = Field {
        is_written: false,
        ..Field::new(column, column, holds)
    };
    RowValue {
        field: Box::leak(Box::new(field)),
        is,
    }
}

fn field(
    form: &FieldForm,
    tables: &Tables<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Field> {
    let column = leak(&form.column.value);
    let holds = match &form.holds {
        HoldsForm::Text => Holds::Text,
        HoldsForm::Number => Holds::Number,
        HoldsForm::Flag => Holds::Flag,
        HoldsForm::Choice(options) => Holds::Choice(options.clone().leak()),
        HoldsForm::Lookup { to, navigation } => Holds::Lookup {
            navigation: leak(navigation),
            to: referent(to, tables, diagnostics)?,
        },
        HoldsForm::Row {
            table,
            set,
            key,
            name,
            navigation,
        } => {
            let logical = table.value.as_str();
            let of_kind = tables.values().any(|own| own.logical == logical)
                || Kind::all().any(|kind| kind.table().logical == logical);
            if of_kind {
                diagnostics.push(
                    error(format!("a kind is defined for the table `{logical}`"))
                        .at(table.span, "its rows are resources")
                        .help("write the word of the kind"),
                );
                return None;
            }
            Holds::Lookup {
                navigation: leak(navigation),
                to: Referent::Row(Box::leak(Box::new(Table::platform(
                    leak(logical),
                    leak(set),
                    leak(key),
                    leak(name),
                )))),
            }
        }
        HoldsForm::Json => Holds::Json,
        HoldsForm::Status => Holds::Status(Status::OPTIONS),
        HoldsForm::Owner => Holds::Owner,
    };
    let status = matches!(form.holds, HoldsForm::Status);
    Some(Field {
        meaning: leak(&form.meaning),
        need: if form.required {
            Need::Required
        } else {
            Need::Optional
        },
        max_length: form.max_length,
        range: form.range,
        create_only: form.create_only,
        expanded: form.expanded,
        localizable: form.localizable,
        names: match &form.names {
            None => None,
            Some(to) => match referent(to, tables, diagnostics)? {
                Referent::Named(table) => Some(table),
                _ => {
                    diagnostics.push(
                        error("a text holds names of rows of a kind".to_owned())
                            .at(to.span, "no kind")
                            .help("write the word of a kind"),
                    );
                    return None;
                }
            },
        },
        new_row: match &form.default {
            Some(DefaultForm::Flag(flag)) => Some(NewRow::Flag(*flag)),
            Some(DefaultForm::Word(word)) => Some(NewRow::Word(leak(&word.value))),
            None => status.then_some(NewRow::Word("Active")),
        },
        words: Words {
            is: status,
            ..Field::new("", "", Holds::Text).words
        },
        ..Field::new(leak(&form.word.value), column, holds)
    })
}

fn set(
    form: &SetForm,
    own: &'static Table,
    tables: &Tables<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Field> {
    let to = referent(&form.to, tables, diagnostics)?;
    let member = match to {
        Referent::Named(table) => table,
        _ => &crate::table::USER,
    };
    let relationship: &'static Relationship = Box::leak(Box::new(Relationship {
        schema_name: leak(&form.relationship.value),
        intersect_set: leak(&form.intersect_set),
        owner: own,
        owner_column: form.own_column.as_deref().map_or(own.key, leak),
        member,
        member_column: form.member_column.as_deref().map_or(member.key, leak),
        component: false,
    }));
    if relationship.owner_column == relationship.member_column {
        diagnostics.push(
            error(format!(
                "both sides of `{}` have one column",
                relationship.schema_name
            ))
            .at(form.word.span, "which is which?")
            .help("add `ownColumn` and `memberColumn`"),
        );
        return None;
    }
    Some(Field {
        meaning: leak(&form.meaning),
        list_means: SetMode::AtLeast,
        ..Field::new(
            leak(&form.word.value),
            relationship.schema_name,
            Holds::Set {
                relationship,
                to,
                links: Links::All,
            },
        )
    })
}

fn part(
    form: &PartForm,
    creatable: bool,
    own: &'static Table,
    tables: &Tables<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Field> {
    let logical = form.table.value.as_str();
    let is_taken = tables.values().any(|table| table.logical == logical)
        || Kind::all().any(|kind| kind.table().logical == logical)
        || Kind::part_tables().any(|part| part.table.logical == logical);
    if is_taken {
        diagnostics.push(
            error(format!(
                "the table `{logical}` is that of a kind or of other parts already"
            ))
            .at(form.table.span, "taken")
            .help("a table has one kind: combine the fields in one definition"),
        );
        return None;
    }
    let is_identity = |given: &FieldForm| given.word.value == form.identity.value;
    let before = diagnostics.len();
    let fields: Vec<Field> = form
        .fields
        .iter()
        .filter_map(|given| {
            let made = field(given, tables, diagnostics)?;
            Some(match is_identity(given) {
                // The field identifies the part.
                true => Field {
                    need: Need::Required,
                    never_null: true,
                    ..made
                },
                false => made,
            })
        })
        .collect();
    let identity = form.fields.iter().find(|given| is_identity(given))?;
    let column = leak(&identity.column.value);
    let mut fields = fields;
    let is_label = |field: &Field| field.column == form.label;
    if !fields.iter().any(is_label) && form.label != form.parent.value && form.label != form.key {
        // Without a name, people would see unnamed rows.
        fields.push(Field {
            is_written: false,
            meaning: "The name of a new row.",
            max_length: Some(SHORTEST_NAME),
            fill: Fill::Key {
                behind_parent: false,
            },
            ..Field::new(leak(&form.label), leak(&form.label), Holds::Text)
        });
    }
    let levels = fields.iter().filter_map(|field| match field.holds {
        Holds::Lookup {
            to: Referent::Named(table),
            ..
        } => Some(table.level),
        _ => None,
    });
    let level = levels.chain([own.level]).max().unwrap_or_default();
    if diagnostics.len() > before {
        return None;
    }
    let table: &'static Table = Box::leak(Box::new(Table {
        logical: leak(&form.table.value),
        set: leak(&form.set),
        key: leak(&form.key),
        name: None,
        label: leak(&form.label),
        shown: None,
        component: form.component,
        level: level.saturating_add(1),
    }));
    let part: &'static PartTable = Box::leak(Box::new(PartTable {
        table,
        parent_column: leak(&form.parent.value),
        parent_navigation: leak(&form.navigation),
        parent: own,
        identity: match identity.holds {
            HoldsForm::Number => PartIdentity::Number(column),
            HoldsForm::Lookup { .. } | HoldsForm::Row { .. } => PartIdentity::Lookup(column),
            _ => PartIdentity::Text(column),
        },
        written: Written::Set,
        fields: fields.leak(),
        name: NameOf::Given,
        unlisted: match form.deletable {
            true => Unlisted::Delete,
            false => Unlisted::Leave,
        },
        server_adds: false,
        goes_with_parent: form.deleted_with_row,
        supplies_slugs: form.supplies_slugs,
        makes_up_row: true,
        names: Names::Free,
    }));
    Some(Field {
        meaning: leak(&form.meaning),
        // Parts of rows that somebody else manages may belong to somebody else, too.
        list_means: match form.deletable && creatable {
            true => SetMode::Exact,
            false => SetMode::AtLeast,
        },
        ..Field::new(leak(&form.word.value), table.logical, Holds::Parts(part))
    })
}

fn referent(
    to: &Spanned<String>,
    tables: &Tables<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Referent> {
    if to.value == "User" {
        return Some(Referent::User);
    }
    let defined = tables.get(to.value.as_str()).copied();
    let known = || to.value.parse::<Kind>().ok().map(Kind::table);
    if let Some(table) = defined.or_else(known) {
        return Some(Referent::Named(table));
    }
    let mut words: Vec<String> = tables.keys().map(|word| (*word).to_owned()).collect();
    words.extend(Kind::all().map(|kind| kind.as_str().to_owned()));
    words.push("User".to_owned());
    let found = error(no_kind(&to.value)).at(to.span, "unknown kind");
    diagnostics.push(match nearest(&to.value, words.iter().map(String::as_str)) {
        Some(near) => found.perhaps(&to.value, near),
        None => found
            .help("name a kind, `User`, or a kind that another definition of the project defines"),
    });
    None
}

fn leak(text: &str) -> &'static str {
    String::leak(text.to_owned())
}
