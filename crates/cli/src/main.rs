//! The `deskstate` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    deskstate::main(std::env::args_os())
}
