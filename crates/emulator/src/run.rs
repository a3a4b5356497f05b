//! The command: arguments, the ready line, signals.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::limits::Limits;
use crate::seed::Scale;
use crate::server::{Config, Emulator};
use crate::switches::{self, Switches};

/// Run a Dataverse Web API on this machine, for tests and demonstrations.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Address and port to listen on; port 0 takes a free one, anything but loopback lets others in
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = SocketAddr::from(([127, 0, 0, 1], 8700)))]
    pub listen: SocketAddr,
    /// File that keeps the state; in memory only without it
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Folder with table files besides the built-in ones
    #[arg(long, value_name = "DIR")]
    pub tables: Option<PathBuf>,
    /// Answer sheet that sets the switches
    #[arg(long, value_name = "FILE")]
    pub answers: Option<PathBuf>,
    /// Enforce the documented service protection limits
    #[arg(long)]
    pub limits: bool,
    /// Generate so many agents besides the seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed_agents: usize,
    /// Generate so many session templates besides the seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed_sessions: usize,
    /// Fixed clock instead of the real one
    #[arg(long, value_name = "MOMENT")]
    pub clock: Option<String>,
}

/// Runs until Ctrl-C or SIGTERM; prints one line with the URL when ready.
pub async fn run(args: Args) -> ExitCode {
    match serve(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "the command's own messages")]
fn report(error: &dyn std::error::Error) {
    eprint!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        eprint!(": {cause}");
        source = cause.source();
    }
    eprintln!();
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the ready line is the command's result; the warning goes beside it"
)]
async fn serve(args: Args) -> Result<(), Box<dyn std::error::Error>> {
    let switches = match &args.answers {
        Some(path) => switches::parse(&std::fs::read(path)?)?,
        None => Switches::default(),
    };
    if !args.listen.ip().is_loopback() {
        eprintln!(
            "warning: listening on {}: everybody who reaches this address is a system administrator of the emulator",
            args.listen
        );
    }
    let emulator = Emulator::start(Config {
        listen: args.listen,
        state: args.state,
        tables: args.tables,
        switches,
        limits: args.limits.then(Limits::default),
        scale: Scale {
            agents: args.seed_agents,
            sessions: args.seed_sessions,
        },
        clock: args.clock,
    })
    .await?;
    println!("{}", emulator.url());
    interrupted().await?;
    emulator.stop().await?;
    Ok(())
}

#[cfg(unix)]
async fn interrupted() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn interrupted() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
