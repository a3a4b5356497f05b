//! Opens an environment: a URL with sign-in, or the embedded emulator, which starts automatically.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use deskstate_dataverse::{
    Browser, Connection, EnvironmentUrl, Method, Prompt, Reader, SignIn, Stop,
};
use deskstate_emulator::{Age, Emulator, Switches};
use deskstate_files::Limit;
use deskstate_model::{Environment, Target};
use deskstate_reconcile::secret::masked_text;

use crate::answers::{self, Answers, TouchedParameters};
use crate::browser;
use crate::door::{self, plain};
use crate::error::Error;
use crate::kept;
use crate::paths::shown_path;
use crate::setting;

/// How to reach an environment, in addition to the project file.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Connection options")]
pub(crate) struct Access {
    /// How to sign in: client-secret, client-certificate, workload-identity, github-actions, azure-pipelines, managed-identity, browser,
    /// device-code, azure-cli [default: according to the AZURE_* variables, otherwise azure-cli; for an environment on this machine, none]
    #[arg(long, env = "DESKSTATE_SIGN_IN", value_name = "METHOD")]
    sign_in: Option<String>,
    /// A file with further certificate authorities to trust, PEM
    #[arg(long, env = "DESKSTATE_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Write each exchange to a file in this folder, tokens and identities scrubbed; with several environments, each has its own subfolder
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Answer requests from the exchanges that `--record` wrote to this folder, without a network; recordings replace people, so manifests that name them need the replacements
    #[arg(long, value_name = "DIR", conflicts_with = "record")]
    replay: Option<PathBuf>,
    /// Whether there is no user to ask.
    #[arg(skip)]
    is_unattended: bool,
}

impl Access {
    /// Whether exchanges are written to files.
    pub(crate) fn records(&self) -> bool {
        self.record.is_some()
    }

    /// The same for one of several environments, whose exchanges are in a folder of their own.
    pub(crate) fn of_environment(&self, name: &str) -> Self {
        let own = |folder: &Option<PathBuf>| folder.as_ref().map(|folder| folder.join(name));
        Self {
            record: own(&self.record),
            replay: own(&self.replay),
            ..self.clone()
        }
    }

    /// A copy for callers that must not write and have no user to ask: nothing is recorded, and no person signs in.
    fn unattended(&self) -> Self {
        Self {
            record: None,
            is_unattended: true,
            ..self.clone()
        }
    }

    /// Determines the sign-in. On loopback, nobody signs in unless a method was requested: an emulator without sign-in has no issuer to
    /// contact.
    fn sign_in(
        &self,
        loopback: bool,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<SignIn, Error> {
        let method = match &self.sign_in {
            Some(name) => name.parse().map_err(deskstate_dataverse::Error::from)?,
            None => match Method::found(variable) {
                Method::AzureCli if is_terminal() && !self.is_unattended => {
                    Method::of_a_person(variable)
                }
                found => found,
            },
        };
        if self.is_unattended && method.needs_person() {
            return Err(Error::Refused {
                message: format!(
                    "the sign-in method {method} needs a person, and nobody can be asked here"
                ),
                hint: Some(
                    "sign in with `az login` before the assistant starts, or give it an identity of its own (AZURE_CLIENT_ID and the variables of its method)"
                        .to_owned(),
                ),
            });
        }
        if self.sign_in.is_none() && method == Method::AzureCli && loopback {
            return Ok(SignIn::Anonymous);
        }
        let prompt = Prompt::new(|code| {
            let minutes = code.holds.as_secs() / 60;
            door::aside(format_args!(
                "sign in at {} with the code {} (valid for {minutes} minutes)",
                code.page, code.code
            ));
        });
        Ok(
            SignIn::from_variables(method, variable, prompt, page_of_issuer()?)
                .map_err(deskstate_dataverse::Error::from)?,
        )
    }

    fn apply_to(&self, mut connection: Connection, stop: &Stop) -> Result<Connection, Error> {
        if let Some(path) = &self.ca_file {
            let pem =
                deskstate_files::read(path, Limit::CREDENTIAL).map_err(|problem| Error::File {
                    what: "could not read",
                    path: path.clone(),
                    source: problem.into(),
                })?;
            connection = connection.extra_roots(pem);
        }
        if crate::proxy::is_none() {
            connection = connection.ignore_proxies();
        }
        if let Some(folder) = &self.record {
            connection = connection.record_to(folder, masked_text);
        }
        if let Some(folder) = &self.replay {
            connection = connection.replay_from(folder);
        }
        if let Some(host) = setting::of("AZURE_AUTHORITY_HOST") {
            connection = connection.authority_host(host);
        }
        Ok(connection.stop_on(stop.clone()).on_wait(|waiting| {
            // Shorter waits end before anybody notices.
            if waiting.time >= Duration::from_secs(2) {
                door::aside(format_args!(
                    "     waiting {} s: {}",
                    waiting.time.as_secs(),
                    waiting.cause
                ));
            }
        }))
    }
}

/// Whether a person at a terminal can sign in.
fn is_terminal() -> bool {
    std::io::stdin().is_terminal() && door::error(anstream::ColorChoice::Never).is_terminal()
}

/// Opens the sign-in page if a person is present, and prints its address in any case.
fn page_of_issuer() -> Result<Browser, Error> {
    let number = |name: &str| match setting::of(name) {
        Some(text) => match text.parse::<u16>() {
            Ok(number) if number > 0 => Ok(Some(number)),
            _ => Err(Error::failed(format!(
                "`{name}` is not a number from 1 to 65535: `{}`",
                plain(&text)
            ))),
        },
        None => Ok(None),
    };
    let mut browser = Browser::new(|page| {
        if is_terminal() && browser::open(page) {
            door::aside(format_args!(
                "sign in with your browser; if it does not open, open {page}"
            ));
        } else {
            door::aside(format_args!(
                "sign in with a browser on this machine: open {page}"
            ));
        }
    });
    if let Some(port) = number("DESKSTATE_SIGN_IN_PORT")? {
        browser = browser.port(port);
    }
    if let Some(seconds) = number("DESKSTATE_SIGN_IN_WAIT")? {
        browser = browser.wait(Duration::from_secs(seconds.into()));
    }
    Ok(browser)
}

/// An open environment.
pub(crate) struct Opened {
    /// The connection to it.
    pub(crate) connection: Connection,
    /// Its address, for people.
    pub(crate) address: String,
    /// Its known behavior.
    pub(crate) answers: Answers,
}

/// An environment that can be read, but not changed.
pub(crate) struct Readable {
    /// Its reader.
    pub(crate) reader: Reader,
    /// Its address, for people.
    pub(crate) address: String,
    /// Its known behavior.
    pub(crate) answers: Answers,
}

impl Readable {
    fn of(opened: Opened) -> Result<Self, Error> {
        Ok(Self {
            reader: Reader::open(&opened.connection)?,
            address: opened.address,
            answers: opened.answers,
        })
    }
}

/// Opens an environment of the project for work that must not write, and closes it, no matter how the work ends.
///
/// Nothing is recorded, nobody is asked to sign in, and an embedded emulator works on a copy of its state, which is discarded.
pub(crate) async fn read<T>(
    root: &Path,
    environment: &Environment,
    access: &Access,
    stop: &Stop,
    work: impl AsyncFnOnce(Readable) -> Result<T, Error>,
) -> Result<T, Error> {
    let access = &access.unattended();
    match &environment.target {
        Target::Url(url) => {
            let opened = open_url(&url.value, access, stop)?;
            let answers = answers::read(root, &environment.name)?;
            work(Readable::of(Opened { answers, ..opened })?).await
        }
        Target::Emulator {
            state,
            age,
            tables,
            publishers,
        } => {
            let tables = tables.as_ref().map(|tables| root.join(tables));
            let state = Keeping::Forgets(kept::path(root, state)?);
            let emulator = start(state, *age, tables, publishers).await?;
            let done = work_in(&emulator, *age, access, stop, async |opened| {
                work(Readable::of(opened)?).await
            })
            .await;
            let stopped = emulator.stop().await;
            let value = done?;
            stopped?;
            Ok(value)
        }
    }
}

/// Opens an environment of the project, runs the work, and closes the environment, no matter how the work ends. An embedded emulator then
/// saves its state.
pub(crate) async fn with<T>(
    root: &Path,
    environment: &Environment,
    access: &Access,
    stop: &Stop,
    work: impl AsyncFnOnce(Opened) -> Result<T, Error>,
) -> Result<T, Error> {
    let (state, age, tables, publishers) = match &environment.target {
        Target::Url(url) => {
            let opened = open_url(&url.value, access, stop)?;
            let answers = answers::read(root, &environment.name)?;
            return work(Opened { answers, ..opened }).await;
        }
        Target::Emulator {
            state,
            age,
            tables,
            publishers,
        } => {
            let tables = tables.as_ref().map(|tables| root.join(tables));
            (kept::path(root, state)?, *age, tables, publishers)
        }
    };
    kept::make_folder_of(&state).map_err(|source| Error::File {
        what: "could not write",
        path: state.clone(),
        source,
    })?;
    let emulator = start(Keeping::Saves(state), age, tables, publishers).await?;
    let done = work_in(&emulator, age, access, stop, work).await;
    let stopped = emulator.stop().await;
    let value = done?;
    stopped?;
    Ok(value)
}

async fn work_in<T>(
    emulator: &Emulator,
    age: Option<i64>,
    access: &Access,
    stop: &Stop,
    work: impl AsyncFnOnce(Opened) -> Result<T, Error>,
) -> Result<T, Error> {
    let url: EnvironmentUrl = emulator.url().parse()?;
    work(Opened {
        connection: access.apply_to(Connection::new(url, SignIn::Anonymous), stop)?,
        address: match age {
            Some(year) => format!("embedded emulator of {year}"),
            None => "embedded emulator".to_owned(),
        },
        answers: Answers {
            tab_makes_parameters: Some(false),
            if_match_in_changesets: Some(true),
            tab_write_touches_parameters: Some(TouchedParameters::Nothing),
            prefix_needs_publisher: Some(true),
            ..Answers::default()
        },
    })
    .await
}

/// Opens an environment that is not part of a project. Nothing is sent yet.
pub(crate) fn open_url(url: &str, access: &Access, stop: &Stop) -> Result<Opened, Error> {
    let url: EnvironmentUrl = url.parse()?;
    let address = url.origin();
    if !url.is_loopback() {
        crate::proxy::check()?;
    }
    let sign_in = access.sign_in(url.is_loopback(), &setting::of)?;
    Ok(Opened {
        connection: access.apply_to(Connection::new(url, sign_in), stop)?,
        address,
        answers: Answers::default(),
    })
}

/// The state file of an embedded emulator, and whether changes are saved.
pub(crate) enum Keeping {
    /// Changes are saved in the file.
    Saves(PathBuf),
    /// The file is read and never written.
    Forgets(PathBuf),
}

/// Starts the embedded emulator on a state file. It behaves like an environment of the given year or the newest, has the tables of a folder
/// in addition to its own and a publisher for each of these prefixes, and gives the lenient answers that the local environment is known
/// for.
pub(crate) async fn start(
    state: Keeping,
    year: Option<i64>,
    tables: Option<PathBuf>,
    publishers: &[String],
) -> Result<Emulator, Error> {
    let age = year.map_or(Ok(Age::default()), |year| {
        let known = Age::ALL.iter().find(|age| i64::from(age.year()) == year);
        known
            .copied()
            .ok_or_else(|| Error::failed(format!("the emulator knows no environment of {year}")))
    })?;
    let (state, forgets) = match state {
        Keeping::Saves(path) => (path, false),
        Keeping::Forgets(path) => (path, true),
    };
    let shown = shown_path(&state);
    let config = deskstate_emulator::Config {
        state: Some(state),
        forgets,
        tables,
        publishers: publishers.to_vec(),
        switches: Switches {
            tab_makes_parameters: false,
            ..age.switches()
        },
        ..deskstate_emulator::Config::default()
    };
    let mut starting = std::pin::pin!(Emulator::start(config));
    tokio::select! {
        started = &mut starting => return Ok(started?),
        () = tokio::time::sleep(Duration::from_secs(2)) => door::aside(format_args!(
            "     waiting for another process that uses {shown}, such as an emulator"
        )),
    }
    Ok(starting.await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_azure_cli_is_the_last_resort_except_on_this_machine() {
        let sign_in = |sign_in: Option<&str>, loopback| {
            let access = Access {
                sign_in: sign_in.map(str::to_owned),
                ..Access::default()
            };
            access.sign_in(loopback, &|_| None).expect("a method")
        };
        assert_eq!(sign_in(None, false).name(), "azure-cli");
        assert_eq!(sign_in(None, true).name(), "none");
        assert_eq!(sign_in(Some("azure-cli"), true).name(), "azure-cli");
    }
}
