//! The two streams. Nothing else in the program writes to them.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this is the door"
)]

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::{self, Display};
use std::io::{self, Write};
use std::process::{Command, ExitStatus};

use anstream::stream::{AsLockedWrite, RawStream};
use anstream::{AutoStream, ColorChoice};

use super::escape::{colored, harmless_json, laid_out, plain, without_line_commands};
use super::page::Page;
use super::style::drawn_by_us;
use crate::output::wrap::wrap;

/// One of this process's streams.
pub(crate) struct Stream<S: RawStream> {
    to: AutoStream<S>,
    width: Option<usize>,
    is_terminal: bool,
}

/// Standard output.
pub(crate) fn out(choice: ColorChoice) -> Stream<io::Stdout> {
    let width = terminal_size::terminal_size_of(io::stdout());
    Stream::new(io::stdout(), choice, width)
}

/// Standard error.
pub(crate) fn error(choice: ColorChoice) -> Stream<io::Stderr> {
    let width = terminal_size::terminal_size_of(io::stderr());
    Stream::new(io::stderr(), choice, width)
}

impl<S: RawStream + AsLockedWrite> Stream<S> {
    fn new(
        to: S,
        choice: ColorChoice,
        terminal: Option<(terminal_size::Width, terminal_size::Height)>,
    ) -> Self {
        let to_terminal = to.is_terminal();
        Self {
            is_terminal: to_terminal,
            to: AutoStream::new(to, unforced(choice, to_terminal)),
            width: width_of(terminal),
        }
    }

    /// Writes lines for people, cut at the terminal's width.
    pub(crate) fn lines(&mut self, page: &Page) -> io::Result<()> {
        let mut text = colored(page.text_of_lines());
        if let Some(width) = self.width {
            text = wrap(&text, width);
        }
        self.to.write_all(without_line_commands(&text).as_bytes())
    }

    /// Writes a question that the user answers by typing.
    pub(crate) fn question(&mut self, question: &str) -> io::Result<()> {
        let text = without_line_commands(&colored(&plain(question)));
        self.to.write_all(text.as_bytes())?;
        self.to.flush()
    }

    /// Writes a document for a program, in a format whose renderer has already escaped everything unsafe.
    pub(crate) fn document(&mut self, text: &str) -> io::Result<()> {
        let text = without_line_commands(&colored(&laid_out(text)));
        self.to.write_all(text.as_bytes())
    }

    /// Writes build-log commands: each starts with our own command, followed by a line of harmless text.
    pub(crate) fn command(&mut self, command: &LogCommand) -> io::Result<()> {
        self.to
            .write_all(colored(&format!("{command}\n")).as_bytes())
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    /// The width at which lines are cut, if they are cut.
    pub(crate) fn width(&self) -> Option<usize> {
        self.width
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    pub(crate) fn has_color(&self) -> bool {
        self.to.current_choice() != ColorChoice::Never
    }
}

/// A command for the build host to execute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogCommand {
    /// The part that makes it a command.
    pub(crate) ours: &'static str,
    /// Its properties and message, escaped for the host.
    pub(crate) text: String,
}

impl Display for LogCommand {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}", self.ours, plain(&self.text))
    }
}

/// Writes a separate line to standard error, for code that has no [`Ui`](crate::ui::Ui).
pub(crate) fn aside(line: impl Display) {
    // If stderr cannot be written, there is no one left to tell.
    drop(error(ColorChoice::Never).lines(&Page::of(line)));
}

/// The destination of the libraries' log: each event is one line.
pub(crate) fn log() -> impl Write {
    struct Log;
    impl Write for Log {
        fn write(&mut self, event: &[u8]) -> io::Result<usize> {
            aside(String::from_utf8_lossy(event).trim_end());
            Ok(event.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    Log
}

/// Standard output for a protocol whose messages are JSON.
pub(crate) struct Protocol(io::Stdout);

/// Opens standard output for a protocol. Nothing else may write to it afterwards.
pub(crate) fn protocol() -> Protocol {
    Protocol(io::stdout())
}

impl Protocol {
    /// Sends a message as one line. Its texts are harmless wherever the stream is shown.
    pub(crate) fn message(&mut self, json: &str) -> io::Result<()> {
        let line = harmless_json(json);
        self.0.write_all(line.as_bytes())?;
        self.0.write_all(b"\n")?;
        self.0.flush()
    }

    /// Sends a message after a header with its length, as language servers do. Its texts are equally harmless.
    pub(crate) fn framed(&mut self, json: &str) -> io::Result<()> {
        let body = harmless_json(json);
        write!(self.0, "Content-Length: {}\r\n\r\n", body.len())?;
        self.0.write_all(body.as_bytes())?;
        self.0.flush()
    }
}

/// Prints help, the version, or an argument error, which may quote text from outside.
pub(crate) fn usage(found: &clap::Error) {
    let text = found.render();
    let uncolored = text.to_string();
    let shown = if laid_out(&uncolored) == uncolored {
        drawn_by_us(&text.ansi().to_string())
    } else {
        uncolored
    };
    // A pipe closed while help is printed is not an error.
    drop(if found.use_stderr() {
        error(ColorChoice::Auto).document(&shown)
    } else {
        out(ColorChoice::Auto).document(&shown)
    });
}

/// Prints panics through the door: a panic is our own defect, but may quote text from outside.
pub(crate) fn explain_panics() {
    std::panic::set_hook(Box::new(|panic| {
        aside(format_args!("internal error: {panic}"));
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            drop(error(ColorChoice::Never).document(&backtrace.to_string()));
        }
    }));
}

/// Runs this program on the same streams. It has the same door.
pub(crate) fn run_ourselves(command: &mut Command) -> io::Result<ExitStatus> {
    command.status()
}

/// The library takes any value of `CLICOLOR_FORCE` as a wish for colours; 0 is none.
fn unforced(choice: ColorChoice, to_terminal: bool) -> ColorChoice {
    let is_zero = std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| value == "0");
    match choice {
        ColorChoice::Auto if is_zero && !to_terminal => ColorChoice::Never,
        choice => choice,
    }
}

/// The width at which lines are cut: `COLUMNS`, otherwise the terminal's. Output to a file or a pipe is not cut.
fn width_of(terminal: Option<(terminal_size::Width, terminal_size::Height)>) -> Option<usize> {
    let said = std::env::var("COLUMNS").ok();
    said.and_then(|columns| columns.parse().ok())
        .filter(|columns| *columns > 0)
        .or_else(|| terminal.map(|(width, _)| usize::from(width.0)))
}
