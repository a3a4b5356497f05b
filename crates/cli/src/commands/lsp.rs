//! `lsp`: a language server on the standard streams, for editors.

use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::lsp;

/// Serves an editor over the Language Server Protocol, on the standard streams. Read-only
///
/// Editors start it automatically: https://github.com/deskstate/deskstate/blob/main/docs/editors.md has the settings.
/// It shows the findings of `validate` while you type, and offers completion, explanations, search and rename. It contacts no environment.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Accepted for editors that pass it: the standard streams are always used
    #[arg(long, hide = true)]
    stdio: bool,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    // The standard streams are the only transport.
    let _ = args.stdio;
    if lsp::serve().map_err(Error::Output)? {
        Ok(ExitCode::Done)
    } else {
        Err(Error::failed("the editor sent `exit` without `shutdown`"))
    }
}
