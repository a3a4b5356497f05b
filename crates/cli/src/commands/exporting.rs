//! Code shared by export, adopt and diff: reading live rows with all names, and exporting them so that a plan finds no changes.

use std::collections::{BTreeMap, BTreeSet};

use clap::ValueEnum;
use deskstate_dataverse::Reader;
use deskstate_model::{Environment, Field, Holds, Kind, Links, Referent, State, Written};
use deskstate_reconcile::export::{Export, Selection, export};
use deskstate_reconcile::live::Live;
use deskstate_reconcile::plan::Options as PlanOptions;
use deskstate_reconcile::raise::{LeftOut, Loss, Options, SetForm, Sets, Users};
use deskstate_reconcile::{Desired, Scope, lower, observe, observe_names, plan};

use super::live::read;
use crate::door::WARN;
use crate::error::Error;
use crate::output::plain;
use crate::ui::Ui;

/// How to write people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum People {
    /// Not at all.
    None,
    /// By user principal name.
    #[default]
    Upn,
    /// By Entra object id.
    Objectid,
}

impl From<People> for Users {
    fn from(people: People) -> Self {
        match people {
            People::None => Self::None,
            People::Upn => Self::PrincipalName,
            People::Objectid => Self::ObjectId,
        }
    }
}

/// How to write users and sets.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Writing {
    /// Write users by `upn` or `objectid`, and sets of users as `exact`, `atLeast` or `none`; may be given several times
    /// [default: upn, atLeast]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "HOW")]
    users: Vec<HowUsers>,
    /// Write all sets, or those of one field, as `exact` (other members are drift), `atLeast` (others are ignored) or `none`; may be
    /// given several times [default: exact, and atLeast for users]
    #[arg(long, value_delimiter = ',', value_name = "[FIELD=]MODE", value_parser = set_rule)]
    sets: Vec<SetRule>,
}

/// A value of `--users`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum HowUsers {
    /// By user principal name.
    Upn,
    /// By Entra object id.
    Objectid,
    /// Others are drift.
    Exact,
    /// Others are ignored.
    #[value(name = "atLeast", alias = "atleast")]
    AtLeast,
    /// Neither users nor owners that are users.
    None,
}

/// A rule of `--sets`.
type SetRule = (Sets, SetForm);

fn set_rule(text: &str) -> Result<SetRule, String> {
    let (sets, form) = match text.split_once('=') {
        Some((field, form)) => {
            let known: BTreeSet<&str> = Kind::all()
                .flat_map(|kind| kind.fields())
                .filter(|field| is_set(field))
                .map(|field| field.word)
                .collect();
            if !known.contains(field) {
                let known: Vec<&str> = known.into_iter().collect();
                return Err(format!("the fields with sets are {}", known.join(", ")));
            }
            (Sets::Field(field.to_owned()), form)
        }
        None => (Sets::All, text),
    };
    let form = match form {
        "exact" => SetForm::Exact,
        "atLeast" | "atleast" => SetForm::AtLeast,
        "none" => SetForm::None,
        _ => return Err("a set is written as exact, atLeast or none".to_owned()),
    };
    Ok((sets, form))
}

/// Whether a field has unordered members.
fn is_set(field: &Field) -> bool {
    match field.holds {
        Holds::Set { links, .. } => matches!(links, Links::All | Links::Except(_)),
        Holds::Parts(part) => matches!(part.written, Written::Set),
        _ => false,
    }
}

fn is_of_users(field: &Field) -> bool {
    matches!(
        field.holds,
        Holds::Set {
            to: Referent::User,
            ..
        }
    )
}

impl Writing {
    pub(super) fn is_given(&self) -> bool {
        !self.users.is_empty() || !self.sets.is_empty()
    }

    /// How to name users.
    pub(super) fn users(&self) -> Users {
        let mut users = Users::default();
        for how in &self.users {
            match how {
                HowUsers::Upn => users = Users::PrincipalName,
                HowUsers::Objectid => users = Users::ObjectId,
                HowUsers::None => return Users::None,
                HowUsers::Exact | HowUsers::AtLeast => {}
            }
        }
        users
    }

    /// The rules for sets, the most specific last.
    pub(super) fn sets(&self) -> Vec<SetRule> {
        let (of_fields, mut rules): (Vec<SetRule>, Vec<SetRule>) = self
            .sets
            .iter()
            .cloned()
            .partition(|(sets, _)| matches!(sets, Sets::Field(_)));
        rules.extend(self.users.iter().filter_map(|how| match how {
            HowUsers::Exact => Some((Sets::Users, SetForm::Exact)),
            HowUsers::AtLeast => Some((Sets::Users, SetForm::AtLeast)),
            HowUsers::None => Some((Sets::Users, SetForm::None)),
            HowUsers::Upn | HowUsers::Objectid => None,
        }));
        rules.extend(of_fields);
        rules
    }

    /// Reports how sets without an explicit rule were written.
    pub(super) fn say_sets(&self, exported: &Export, ui: &mut Ui) {
        let rules = self.sets();
        let mut written = exported
            .documents
            .iter()
            .filter(|document| document.state == State::Present)
            .flat_map(|document| document.key.kind.fields())
            .filter(|field| is_set(field));
        let is_said = |field: &Field| {
            rules.iter().any(|(sets, _)| match sets {
                Sets::All => true,
                Sets::Users => is_of_users(field),
                Sets::Field(word) => word == field.word,
            })
        };
        let unsaid: BTreeSet<bool> = written
            .by_ref()
            .filter(|field| !is_said(field))
            .map(is_of_users)
            .collect();
        if unsaid.contains(&true) {
            ui.note("sets of users are written as `atLeast`: other users are not drift (`--users exact` makes them drift)");
        }
        if unsaid.contains(&false) {
            let which = if unsaid.len() > 1 {
                "all other sets"
            } else {
                "sets"
            };
            let mut left_out = exported.left_out.iter();
            let is_in_part =
                left_out.any(|(_, one)| one.loss != Loss::None && !one.path.is_empty());
            let but = if is_in_part {
                ", except those named in warnings"
            } else {
                ""
            };
            ui.note(format_args!("{which} are written as `exact`{but}: members that others add are drift (`--sets atLeast` ignores them)"));
        }
    }
}

/// Reads all rows, with the names of everything they refer to.
pub(super) async fn read_all(
    reader: &Reader,
    desired: &Desired,
    environment: &Environment,
    ui: &mut Ui,
) -> Result<Live, Error> {
    let scope = Scope {
        names: true,
        organization: environment.organization_id,
        ..Scope::default()
    };
    let mut live = read(reader, desired, &scope, &environment.name, ui).await?;
    observe_names(reader, &mut live).await?;
    Ok(live)
}

/// Exports, and omits everything that `validate` would refuse or that a plan of the export would still change.
pub(super) async fn export_exactly(
    reader: &Reader,
    live: &Live,
    selection: &Selection,
    options: Options<'_>,
) -> Result<Export, Error> {
    let mut exported = export(live, selection, options);
    loop {
        let manifests = exported.leave_out_refused();
        let desired = lower(&manifests);
        if desired.resources.is_empty() {
            return Ok(exported);
        }
        // The names in the documents are resolved as in a plan.
        let seen = observe(reader, &desired, &Scope::default()).await?;
        let planned = plan(&desired, &seen, &PlanOptions::default());
        if !exported.leave_out_changes(&manifests, &planned) {
            return Ok(exported);
        }
    }
}

/// Names rows that count as Microsoft's by their prefix alone. They are left out, or written without what makes them.
pub(super) fn say_perhaps_own(exported: &Export, ui: &mut Ui) {
    const SHOWN: usize = 10;
    let mut names: Vec<String> = exported
        .perhaps_own
        .iter()
        .map(|key| plain(&key.to_string()).to_string())
        .collect();
    if names.is_empty() {
        return;
    }
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    ui.note(format_args!(
        "{WARN}note{WARN:#}: Microsoft's prefix, but from no managed solution: {}{more}. They count as Microsoft's. If somebody here made them, list them under `owns.names` in deskstate.yaml and export again",
        names.join(", ")
    ));
}

/// Lists everything missing from the files, one by one, followed by remarks, each once.
pub(super) fn say_left_out(left_out: &[(String, LeftOut)], ui: &mut Ui) {
    let mut reasons: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for (resource, left_out) in left_out
        .iter()
        .filter(|(_, left_out)| left_out.loss != Loss::None)
    {
        let field = match left_out.path.as_str() {
            "" => String::new(),
            path => format!("`{}` left out: ", plain(path)),
        };
        // It decides the exit code, so it is told even with `--quiet`.
        ui.say(format_args!(
            "{WARN}warning{WARN:#}: {}: {field}{}",
            plain(resource),
            plain(&left_out.why)
        ));
    }
    for (resource, left_out) in left_out
        .iter()
        .filter(|(_, left_out)| left_out.loss == Loss::None)
    {
        let reason = (left_out.path.as_str(), left_out.why.as_str());
        reasons.entry(reason).or_default().insert(resource);
    }
    for ((path, why), resources) in reasons {
        let field = match path {
            "" => String::new(),
            path => format!("`{}`: ", plain(path)),
        };
        let more = match resources.len() {
            0 | 1 => String::new(),
            number => format!(" and {} more", number - 1),
        };
        let first = resources.first().copied().unwrap_or_default();
        ui.note(format_args!(
            "{WARN}note{WARN:#}: {}{more}: {field}{}",
            plain(first),
            plain(why)
        ));
    }
}

/// Lists prefixes with their number of rows, most frequent first.
pub(super) fn counted(prefixes: &BTreeMap<String, usize>) -> String {
    /// A longer list would not help to find the right one.
    const MOST: usize = 12;
    let mut all: Vec<(&String, &usize)> = prefixes.iter().collect();
    all.sort_by_key(|(prefix, rows)| (std::cmp::Reverse(**rows), *prefix));
    let mut shown: Vec<String> = all
        .iter()
        .take(MOST)
        .map(|(prefix, rows)| format!("{} ({rows})", plain(prefix)))
        .collect();
    if all.len() > MOST {
        shown.push(format!("{} more", all.len() - MOST));
    }
    shown.join(", ")
}
