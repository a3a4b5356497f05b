//! `who`: shows which profile an agent gets and why. Cannot write: it has only a reader.

use deskstate_dataverse::Reader;
use deskstate_reconcile::lookup::Match;
use deskstate_reconcile::state::Lookup;
use deskstate_reconcile::who::{Basis, Candidate, Standing, Who};
use deskstate_reconcile::{Desired, Scope, held_roles, lower, who};
use uuid::Uuid;

use super::live::{read, stop_on_interrupt};
use crate::door::Page;
use crate::door::{DIM, GOOD, STRONG, WARN};
use crate::environment::{self, Access};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::output::format::WhoFormat;
use crate::output::who_json::{self, Agent};
use crate::output::{count, plain};
use crate::project::{Loaded, load_if_valid};
use crate::ui::Ui;

/// Shows which app profile an agent gets, why, and the resulting desktop. Read-only
///
/// Reads the live state of the environment. If the manifests are valid, it also shows the team of a direct assignment
/// (`fromTeams`). It lists everything that it could not read.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The agent: user principal name, e-mail address or Entra object id
    #[arg(value_name = "USER")]
    user: String,
    /// The environment
    #[arg(long, short, value_name = "NAME")]
    env: String,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t)]
    format: WhoFormat,
    #[command(flatten)]
    access: Access,
}

pub(crate) async fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let (loaded, errors) = load_if_valid(global, &args.env, ui)?;
    let environment = loaded.environment()?;
    if errors > 0 {
        ui.note(format_args!(
            "{WARN}note{WARN:#}: the manifests have {}, so no team is named as the source of an assignment",
            count(errors, "error")
        ));
    }
    let stop = stop_on_interrupt();
    environment::with(
        &loaded.root,
        environment,
        &args.access,
        &stop,
        async |opened| {
            let reader = Reader::open(&opened.connection)?;
            let found = look_up(&reader, &loaded, &args.user, ui).await?;
            let Found {
                answer,
                unfit,
                name,
                full_name,
                ..
            } = &found;
            if args.format == WhoFormat::Json {
                ui.print(found.as_json(&environment.name)?)?;
                return complete(answer);
            }
            let mut page = Page::new();
            page.line(format_args!(
                "{STRONG}{name}{STRONG:#} ({full_name}) in {}",
                environment.name
            ));
            if let Some(why) = unfit {
                page.line(format_args!(
                    "{WARN}is {why}{WARN:#}, so has no profile now"
                ));
            }
            show(answer, unfit.is_none(), &mut page);
            ui.page(&page)?;
            complete(answer)
        },
    )
    .await
}

/// An agent that was found.
pub(super) struct Found {
    id: Uuid,
    /// Why the agent cannot work, if so.
    unfit: Option<&'static str>,
    /// The sign-in name.
    name: String,
    full_name: String,
    /// The result.
    pub(super) answer: Who,
}

impl Found {
    /// Renders the result for programs.
    pub(super) fn as_json(&self, environment: &str) -> Result<String, Error> {
        let agent = Agent {
            id: self.id,
            name: &self.name,
            full_name: &self.full_name,
            unfit: self.unfit,
        };
        // Texts and numbers can always be represented in JSON.
        who_json::write(environment, &agent, &self.answer)
            .map_err(|_| Error::failed("the answer could not be written"))
    }
}

/// Reads everything that determines an agent's profile.
pub(super) async fn look_up(
    reader: &Reader,
    loaded: &Loaded,
    named: &str,
    ui: &mut Ui,
) -> Result<Found, Error> {
    let environment = loaded.environment()?;
    let desired = with_teams(loaded);
    let scope = Scope {
        names: true,
        organization: environment.organization_id,
        users: vec![named.to_owned()],
        ..Scope::default()
    };
    let live = read(reader, &desired, &scope, &environment.name, ui).await?;
    let (id, unfit) = match live.look_up(&Lookup::User(named.to_owned())) {
        Match::One(id) => (id, None),
        Match::Unfit(id, why) => (id, Some(why)),
        Match::None => return Err(unknown(named, "no user has this name there")),
        Match::Several(ids) => {
            let ids = ids.iter().map(ToString::to_string).collect::<Vec<_>>();
            let why = format!("several users have this name: {}", ids.join(", "));
            return Err(unknown(named, &why));
        }
        Match::Unknown(why) => return Err(unknown(named, &why)),
    };
    let held = held_roles(reader, id).await?;
    let answer = who(&live, id, &held, &desired);
    let user = live.found.users.get(&id);
    Ok(Found {
        id,
        unfit,
        name: user.map_or(named, |user| user.name.as_str()).to_owned(),
        full_name: user.map(|user| user.full_name.clone()).unwrap_or_default(),
        answer,
    })
}

/// The resources that use the members of teams: nothing else in the manifests matters here.
fn with_teams(loaded: &Loaded) -> Desired {
    let mut desired = lower(&loaded.manifests);
    desired.resources.retain(|_, resource| {
        let mut sets = resource.sets.iter();
        sets.any(|set| !set.from_teams.is_empty())
    });
    desired
}

/// Fails if data is missing, because it could give the user another profile.
fn complete(answer: &Who) -> Result<ExitCode, Error> {
    if answer.unseen.is_empty() {
        return Ok(ExitCode::Done);
    }
    Err(Error::failed(
        "not everything that determines the profile could be read",
    ))
}

fn unknown(user: &str, why: &str) -> Error {
    Error::Failed {
        message: format!("`{}` cannot be looked up: {}", plain(user), plain(why)),
        hint: Some(
            "name the user by user principal name, e-mail address or Entra object id".to_owned(),
        ),
    }
}

/// Prints an answer. For a user who cannot work, it shows what would apply.
pub(crate) fn show(answer: &Who, works: bool, text: &mut Page) {
    match answer.candidates.split_first() {
        None if !answer.unseen.is_empty() => text.line("no profile was found, but not everything could be read"),
        None => text.line(format_args!("{} no profile by assignment or role: the custom default, else one of the product's own",
            if works { "gets" } else { "would get" })),
        Some((first, others)) => {
            let verb = |candidate: &Candidate| match (works, answer.standing(candidate)) {
                (_, Standing::BehindDirect | Standing::BehindRank) => "not  ",
                (_, Standing::Tied) => "perhaps",
                _ if !answer.unseen.is_empty() => "perhaps",
                (true, Standing::Gets) => "gets ",
                (false, Standing::Gets) => "would get",
            };
            text.line(format_args!("{} {GOOD}AppProfile {}{GOOD:#}  {}",
                verb(first),
                plain(&first.profile),
                reason(first)));
            for other in others {
                let app = plain(other.app.as_deref().unwrap_or("unknown"));
                let why = match answer.standing(other) {
                    Standing::Gets => format!("in the app {app}: a user has one profile in each app"),
                    Standing::BehindDirect => "a direct assignment wins".to_owned(),
                    Standing::BehindRank => "the lower rank wins".to_owned(),
                    Standing::Tied if other.basis.is_direct() => {
                        "is also assigned: a user has one profile in an app, so it is unknown which".to_owned()
                    }
                    Standing::Tied => "the rank is the same, so it is unknown which".to_owned(),
                };
                text.line(format_args!("{} AppProfile {}  {}; {DIM}{why}{DIM:#}",
                    verb(other),
                    plain(&other.profile),
                    reason(other)));
            }
        }
    }
    if !answer.desktop.is_empty() {
        let would = if works {
            ""
        } else {
            ", as soon as the account works"
        };
        text.blank();
        let mut winners = answer.candidates.iter();
        let several = winners.any(|one| one.app != answer.candidates[0].app);
        match answer.candidates.first().filter(|_| several) {
            Some(first) => text.line(format_args!("desktop of {}{would}", plain(&first.profile))),
            None => text.line(format_args!("desktop{would}")),
        }
        for (word, members) in &answer.desktop {
            let members = members
                .iter()
                .map(|member| plain(member))
                .collect::<Vec<_>>()
                .join(", ");
            text.line(format_args!("    {word:<22}  {members}"));
        }
    }
    if !answer.not_applied.is_empty() {
        text.blank();
        text.line("not applied");
        for what in &answer.not_applied {
            text.line(format_args!("    {}", plain(what)));
        }
    }
    if !answer.unseen.is_empty() {
        text.blank();
        text.line("not seen");
        for what in &answer.unseen {
            text.line(format_args!("    {}", plain(what)));
        }
    }
}

fn reason(candidate: &Candidate) -> String {
    let rank = candidate
        .rank
        .map_or_else(|| "no rank".to_owned(), |rank| format!("rank {rank}"));
    match &candidate.basis {
        Basis::Direct if candidate.teams.is_empty() => "assigned directly".to_owned(),
        Basis::Direct => {
            let plural = if candidate.teams.len() == 1 { "" } else { "s" };
            format!(
                "assigned directly, from the team{plural} {}",
                plain(&candidate.teams.join(", "))
            )
        }
        Basis::Role(role) => format!("by security role {} ({rank})", plain(role)),
    }
}
