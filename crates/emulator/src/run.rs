//! The command line: arguments, the ready line, signals.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::age::Age;
use crate::clock::Moment;
use crate::limits::Limits;
use crate::seed::Scale;
use crate::server::{Config, Emulator};
use crate::signin::SignIn;
use crate::switches;
use crate::tls::Tls;

/// Run a Dataverse Web API on this machine, for tests and demonstrations.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Address and port to listen on; port 0 takes a free one, any address other than loopback allows access from other machines
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = SocketAddr::from(([127, 0, 0, 1], 8700)))]
    pub listen: SocketAddr,
    /// Number of environments, each with its own rows and on the next port; prints the URL of each
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000), conflicts_with_all = ["state", "tls_ca_out"])]
    pub environments: u16,
    /// Additional host name of the emulator, next to `localhost` and addresses; repeatable
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,
    /// File for the state [default: memory only]
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Folder with additional table files
    #[arg(long, value_name = "DIR")]
    pub tables: Option<PathBuf>,
    /// Year of the environment, for its tables, columns and error messages
    #[arg(long, value_name = "YEAR", value_enum, default_value_t)]
    pub age: Age,
    /// Answer file of `doctor --probe` that sets the switches
    #[arg(long, value_name = "FILE")]
    pub answers: Option<PathBuf>,
    /// Fault script to start with
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// Enforce the documented service protection limits
    #[arg(long)]
    pub limits: bool,
    /// Number of additional agents
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed_agents: usize,
    /// Number of additional session templates
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed_sessions: usize,
    /// Whether callers must sign in
    #[arg(long, value_enum, default_value_t)]
    pub sign_in: SignIn,
    /// Directory of users who may sign in [default: the built-in one]
    #[arg(long, value_name = "FILE")]
    pub directory: Option<PathBuf>,
    /// Listen with TLS, using a new certificate
    #[arg(long)]
    pub tls: bool,
    /// Write the certificate that clients must trust to this file; implies --tls
    #[arg(long, value_name = "FILE")]
    pub tls_ca_out: Option<PathBuf>,
    /// Use a fixed time instead of the real clock
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    pub clock: Option<String>,
}

fn moment(text: &str) -> Result<String, String> {
    match Moment::parse(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("write a day or a moment: 2026-01-01 or 2026-01-01T12:00:00Z".to_owned()),
    }
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

fn report(error: &dyn std::error::Error) {
    let mut text = format!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    warn(&text);
}

#[expect(
    clippy::disallowed_macros,
    reason = "the emulator is a program of its own and depends on no other crate"
)]
fn warn(text: &str) {
    eprintln!("{}", on_one_line(text));
}

/// Escapes control characters, since a path or a reply may contain anything. This also keeps a line from starting with a command to the
/// build system.
fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line.replace("##", "# #")
}

#[expect(
    clippy::disallowed_macros,
    reason = "the line that says the emulator is ready is its result"
)]
async fn serve(args: Args) -> Result<(), Box<dyn std::error::Error>> {
    let switches = match &args.answers {
        Some(path) => switches::parse(&crate::files::read(path)?, args.age)?,
        None => args.age.switches(),
    };
    if let Some(warning) = exposure(&args) {
        warn(&format!("warning: {warning}"));
    }
    let mut config = Config {
        listen: args.listen,
        hosts: args.host,
        state: args.state,
        forgets: false,
        tables: args.tables,
        switches,
        limits: args.limits.then(Limits::default),
        faults: args.faults,
        publishers: Vec::new(),
        scale: Scale {
            agents: args.seed_agents,
            sessions: args.seed_sessions,
        },
        sign_in: args.sign_in,
        directory: args.directory,
        tls: match args.tls_ca_out {
            None if !args.tls => Tls::Off,
            authority_out => Tls::Generated { authority_out },
        },
        clock: args.clock,
    };
    let mut running = Vec::new();
    for number in 0..args.environments {
        let port = args.listen.port();
        if port != 0 {
            let next = port.checked_add(number);
            config
                .listen
                .set_port(next.ok_or("there is no port after 65535")?);
        }
        running.push(Emulator::start(config.clone()).await?);
    }
    // A reader of the URLs may stop this process immediately, so the handlers are installed first.
    let interruption = interruption()?;
    let urls: Vec<&str> = running.iter().map(Emulator::url).collect();
    println!("{}", urls.join("\n"));
    interruption.await?;
    for emulator in running {
        emulator.stop().await?;
    }
    Ok(())
}

/// A warning for users who allow access from other machines.
fn exposure(args: &Args) -> Option<String> {
    if args.listen.ip().is_loopback() {
        return None;
    }
    let who = match (args.sign_in, &args.directory) {
        (SignIn::Anonymous, _) => "is a system administrator of the emulator",
        (SignIn::Required, None) => "can sign in with secrets that are public",
        (SignIn::Required, Some(_)) => "can sign in as any user with a device code",
    };
    let seen = if args.tls || args.tls_ca_out.is_some() {
        ""
    } else {
        ", tokens and secrets travel unprotected"
    };
    Some(format!(
        "listening on {}: everybody who reaches this address {who}{seen}",
        args.listen
    ))
}

/// Listens for signals from now on, and resolves at the first one.
#[cfg(unix)]
fn interruption() -> std::io::Result<impl Future<Output = std::io::Result<()>>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    })
}

#[cfg(windows)]
fn interruption() -> std::io::Result<impl Future<Output = std::io::Result<()>>> {
    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown};
    let mut interrupt = ctrl_c()?;
    let mut halt = ctrl_break()?;
    let mut close = ctrl_close()?;
    let mut shutdown = ctrl_shutdown()?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = halt.recv() => {}
            _ = close.recv() => {}
            _ = shutdown.recv() => {}
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn warned(arguments: &str) -> String {
        let words = std::iter::once("emulator").chain(arguments.split_whitespace());
        let command = Command::try_parse_from(words).expect("arguments");
        exposure(&command.args).unwrap_or_default()
    }

    #[test]
    fn other_addresses_than_loopback_are_warned_of() {
        assert_eq!(warned(""), "");
        assert_eq!(warned("--listen [::1]:0"), "");
        let open = warned("--listen 0.0.0.0:0");
        assert!(
            open.contains("system administrator") && open.contains("unprotected"),
            "{open}"
        );
        let public = warned("--listen 192.0.2.1:0 --sign-in required --tls");
        assert!(public.contains("secrets that are public"), "{public}");
        assert!(!public.contains("unprotected"), "{public}");
        let own = warned("--listen 0.0.0.0:0 --sign-in required --directory d.yaml");
        assert!(own.contains("device code"), "{own}");
    }
}
