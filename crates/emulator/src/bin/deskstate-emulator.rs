//! The emulator as a standalone command.

use std::process::ExitCode;

use clap::Parser;

/// A Dataverse Web API on this machine, for tests and demonstrations.
#[derive(Parser)]
#[command(version)]
struct Command {
    #[command(flatten)]
    args: deskstate_emulator::Args,
}

#[tokio::main]
async fn main() -> ExitCode {
    deskstate_emulator::run(Command::parse().args).await
}
