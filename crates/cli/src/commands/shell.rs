//! `completions` and `man`: describe the command line for shells and for `man`.

use std::path::PathBuf;

use clap::Command;
use clap_complete::Shell;

use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::ui::Ui;

/// Prints completions for a shell
///
/// For bash: `deskstate completions bash > /etc/bash_completion.d/deskstate`, or wherever your shell looks.
#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn completions(
    args: &CompletionsArgs,
    mut command: Command,
    ui: &mut Ui,
) -> Result<ExitCode, Error> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command, "deskstate", &mut text);
    ui.print(String::from_utf8_lossy(&text))?;
    Ok(ExitCode::Done)
}

/// Prints the manual page of deskstate or of one command, or writes all of them
#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// The command [default: deskstate itself]
    command: Option<String>,
    /// Write all pages into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    out: Option<PathBuf>,
}

pub(crate) fn man(args: &ManArgs, mut command: Command, ui: &mut Ui) -> Result<ExitCode, Error> {
    if let Some(folder) = &args.out {
        let file = |source| Error::File {
            what: "could not write",
            path: folder.clone(),
            source,
        };
        std::fs::create_dir_all(folder).map_err(file)?;
        clap_mangen::generate_to(command, folder).map_err(file)?;
        return Ok(ExitCode::Done);
    }
    command.build();
    let page = match &args.command {
        None => command,
        Some(name) => command
            .find_subcommand(name)
            .cloned()
            .ok_or_else(|| Error::Failed {
                message: format!("there is no command `{}`", crate::output::plain(name)),
                hint: Some("`deskstate help` lists them".to_owned()),
            })?,
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page).render(&mut text)?;
    ui.print(String::from_utf8_lossy(&text))?;
    Ok(ExitCode::Done)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound_in_every_command() {
        crate::args::Args::command().debug_assert();
    }
}
