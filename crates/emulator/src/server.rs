//! Starts and stops the emulator in this process.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::serve::Listener;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::clock::Moment;
use crate::engine::Engine;
use crate::faults;
use crate::http_server;
use crate::limits::Limits;
use crate::line::{Guard, Line};
use crate::lock::Lock;
use crate::pages::Names;
use crate::seed::{self, Scale, SeedError};
use crate::signin::{Desk, Directory, DirectoryError, SignIn};
use crate::state_file::StateFile;
use crate::switches::Switches;
use crate::tables::{self, TablesError};
use crate::tls::{self, Tls, TlsError, TlsListener};

/// Configuration of an emulator.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address to listen on. Port 0 selects a free port. Loopback by default.
    pub listen: SocketAddr,
    /// Additional host names that clients may use, besides `localhost` and addresses.
    pub hosts: Vec<String>,
    /// The file that stores the state; `None` to keep the state only in memory.
    pub state: Option<PathBuf>,
    /// Reads the state file, but never writes, creates or locks it. Changes are lost at the end.
    pub forgets: bool,
    /// A folder with additional table files.
    pub tables: Option<PathBuf>,
    /// Answers to questions that the documentation leaves open.
    pub switches: Switches,
    /// Service protection limits; `None` for no limits.
    pub limits: Option<Limits>,
    /// A fault script that applies from the start.
    pub faults: Option<PathBuf>,
    /// Number of rows to generate in addition to the seed.
    pub scale: Scale,
    /// Prefixes for which a publisher is created, unless one exists.
    pub publishers: Vec<String>,
    /// Whether callers must sign in.
    pub sign_in: SignIn,
    /// The directory of users and applications that may sign in; the built-in one if `None`.
    pub directory: Option<PathBuf>,
    /// Whether connections use TLS.
    pub tls: Tls,
    /// A fixed time such as `2026-05-01T08:00:00Z`; the real time if it is absent or invalid.
    pub clock: Option<String>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            hosts: Vec::new(),
            state: None,
            forgets: false,
            tables: None,
            switches: Switches::default(),
            limits: None,
            faults: None,
            scale: Scale::default(),
            publishers: Vec::new(),
            sign_in: SignIn::default(),
            directory: None,
            tls: Tls::default(),
            clock: None,
        }
    }
}

/// The reason why an emulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The fault script is invalid.
    #[error("cannot use the fault script `{}`: {message}", .path.display())]
    Faults {
        /// The file.
        path: PathBuf,
        /// The reason.
        message: String,
    },
    /// A table file is invalid.
    #[error(transparent)]
    Tables(#[from] TablesError),
    /// The seed does not fit the tables.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// The directory is invalid.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// No signing keys could be created.
    #[error("the system gives no randomness to make keys of")]
    Keys,
    /// TLS could not be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The state file is unusable.
    #[error("cannot use the state file `{}`", .path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// The error of the file system or the parser.
        #[source]
        source: std::io::Error,
    },
    /// The address is unavailable.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
}

/// The reason why an emulator did not stop cleanly.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// The state could not be saved.
    #[error("cannot save the state")]
    Save(#[source] std::io::Error),
    /// The server failed.
    #[error("the server failed")]
    Serve(#[source] std::io::Error),
    /// The server's task failed.
    #[error("the server's task failed")]
    Task(#[source] tokio::task::JoinError),
}

/// A running emulator. Dropping it stops it without waiting for completion.
#[derive(Debug)]
pub struct Emulator {
    url: String,
    authority: Option<String>,
    engine: Arc<Engine>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<std::io::Result<()>>,
    /// Released after the state is saved.
    _lock: Option<Lock>,
}

impl Emulator {
    /// Starts an emulator and waits until it listens.
    ///
    /// # Errors
    /// If a table file, the state file or the address cannot be used.
    pub async fn start(config: Config) -> Result<Emulator, StartError> {
        let schema = tables::schema(config.tables.as_deref())?;
        let fresh = seed::store(&schema, config.scale)?;
        let kept = config.state.as_ref().filter(|_| !config.forgets);
        let lock = match kept {
            Some(path) => Some(
                Lock::wait_for(path)
                    .await
                    .map_err(|source| StartError::State {
                        path: path.clone(),
                        source,
                    })?,
            ),
            None => None,
        };
        let (state_file, mut store) = match &config.state {
            Some(path) if config.forgets => {
                let seeded = fresh.clone();
                let store = StateFile::peek(path, || seeded, &schema).map_err(|source| {
                    StartError::State {
                        path: path.clone(),
                        source,
                    }
                })?;
                (None, store)
            }
            Some(path) => {
                let seeded = fresh.clone();
                let (file, store) =
                    StateFile::open(path, || seeded, &schema).map_err(|source| {
                        StartError::State {
                            path: path.clone(),
                            source,
                        }
                    })?;
                (Some(file), store)
            }
            None => (None, fresh.clone()),
        };
        seed::publishers(&mut store, &config.publishers)?;
        let clock = config.clock.as_deref().and_then(Moment::parse);
        let engine = Arc::new(Engine::new(
            store,
            fresh,
            config.switches,
            state_file,
            clock,
        ));
        engine.protection.set(config.limits);
        if let Some(path) = &config.faults {
            let failed = |message| StartError::Faults {
                path: path.clone(),
                message,
            };
            let text = crate::files::read(path).map_err(|error| failed(error.to_string()))?;
            engine.faults.set(faults::parse(&text).map_err(failed)?);
        }
        let secure = config.tls != Tls::Off;
        let directory = Directory::load(config.directory.as_deref())?;
        let desk = Desk::new(Arc::clone(&engine), config.sign_in, directory, secure)
            .map_err(|_| StartError::Keys)?;
        let names_of_certificate = config.hosts.clone();
        let names = Names::new(config.listen.ip(), config.hosts);
        let router = http_server::router(Arc::clone(&engine), Arc::new(desk), names);
        let failed = |source| StartError::Listen {
            address: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stop, stopped) = oneshot::channel();
        let (url, authority, task) = match &config.tls {
            Tls::Off => {
                let task = tokio::spawn(serve(listener, router, stopped));
                (format!("http://{address}"), None, task)
            }
            Tls::Generated { authority_out } => {
                let served = tls::generate(config.listen.ip(), &names_of_certificate)?;
                if let Some(path) = authority_out {
                    tls::write_authority(path, &served.authority)?;
                }
                let listener = TlsListener::new(listener, served.certificates).map_err(failed)?;
                let task = tokio::spawn(serve(listener, router, stopped));
                (format!("https://{address}"), Some(served.authority), task)
            }
        };
        Ok(Emulator {
            url,
            authority,
            engine,
            stop: Some(stop),
            task,
            _lock: lock,
        })
    }

    /// The certificate (PEM) of the authority that clients must trust, if TLS is used.
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// The URL for clients, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops after pending requests are finished, and saves the state.
    ///
    /// # Errors
    /// If the server failed, or the state could not be saved.
    pub async fn stop(mut self) -> Result<(), StopError> {
        if let Some(stop) = self.stop.take() {
            // If the server has already ended, nobody receives this.
            let _ = stop.send(());
        }
        let drained = tokio::time::timeout(std::time::Duration::from_secs(5), &mut self.task).await;
        match drained {
            Ok(result) => result.map_err(StopError::Task)?.map_err(StopError::Serve)?,
            // A client that keeps its connection open does not delay stopping.
            Err(_) => self.task.abort(),
        }
        let engine = Arc::clone(&self.engine);
        tokio::task::spawn_blocking(move || engine.save())
            .await
            .map_err(StopError::Task)?
            .map_err(StopError::Save)
    }
}

/// Serves until told to stop.
async fn serve<L: Listener<Addr = SocketAddr>>(
    listener: L,
    router: Router,
    stopped: oneshot::Receiver<()>,
) -> std::io::Result<()> {
    let service = router.into_make_service_with_connect_info::<Line>();
    axum::serve(Guard(listener), service)
        .with_graceful_shutdown(async {
            // A dropped sender has the same effect as a message: stop.
            let _ = stopped.await;
        })
        .await
}
