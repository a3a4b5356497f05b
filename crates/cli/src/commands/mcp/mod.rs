//! `mcp`: a server of the Model Context Protocol on the standard streams, for assistants. Nothing below this folder can write: its tools
//! get a [`Reader`](deskstate_dataverse::Reader) and no function that writes files. A test of the sources checks this.

mod answer;
mod asked;
mod audit;
mod declared;
mod desk;
mod live;
mod propose;
mod server;
mod tools;
mod wire;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use deskstate_dataverse::Stop;
use rmcp::ServiceExt as _;
use rmcp::service::ServerInitializeError;
use tokio::runtime::Builder;

use self::audit::Audit;
use self::desk::Desk;
use self::server::Server;
use self::wire::Wire;
use super::live::interrupted;
use crate::environment::Access;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::kept;
use crate::project;
use crate::ui::Ui;

/// Serves an assistant over the Model Context Protocol, on the standard streams. Read-only
///
/// Assistants can list, check, plan, compare and explain, and propose patches. No tool writes to an environment or a file.
/// An environment can be read only if the project file lists it under `assistants`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Append a line of JSON for every call to this file, instead of logging calls on stderr
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    #[command(flatten)]
    access: Access,
}

/// How long a call may take to notice that it must end.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn run(args: &Args, global: &Global, _: &mut Ui) -> Result<ExitCode, Error> {
    if args.access.records() {
        return Err(Error::Refused {
            message: "assistants read only, so nothing is recorded".to_owned(),
            hint: Some("leave out `--record`".to_owned()),
        });
    }
    let audit = match &args.log {
        None => Audit::traced(),
        Some(path) => Audit::to(Box::new(kept::open_log(path)?)),
    };
    let stop = Stop::new();
    let desk = Desk::new(project::root(global)?, args.access.clone(), stop.clone());
    let server = Server::new(desk, audit);
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let ended = runtime.block_on(async {
        tokio::select! {
            () = interrupted() => Ok(ExitCode::Done),
            served = serve(server) => served,
        }
    });
    // A call that is still running stops between two requests. It cannot leave anything half done.
    stop.stop();
    runtime.shutdown_timeout(PATIENCE);
    ended
}

/// Serves until the client closes the stream.
async fn serve(server: Server) -> Result<ExitCode, Error> {
    let (wire, written) = Wire::of_streams();
    let ended = match server.serve(wire).await {
        Ok(running) => match running.waiting().await {
            Ok(_) => Ok(ExitCode::Done),
            Err(error) => Err(Error::failed(format!("the server stopped: {error}"))),
        },
        Err(ServerInitializeError::ConnectionClosed(_)) => Ok(ExitCode::Done),
        Err(error) => Err(Error::Output(io::Error::other(error.to_string()))),
    };
    // The last answers are still being written.
    written.await;
    ended
}
