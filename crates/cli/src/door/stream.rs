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

/// One of the streams of this process.
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
        Self {
            is_terminal: to.is_terminal(),
            to: AutoStream::new(to, choice),
            width: width_of(terminal),
        }
    }

    /// Lines for people, cut where the terminal ends.
    pub(crate) fn lines(&mut self, page: &Page) -> io::Result<()> {
        let mut text = colored(page.text_of_lines());
        if let Some(width) = self.width {
            text = wrap(&text, width);
        }
        self.to.write_all(without_line_commands(&text).as_bytes())
    }

    /// A question, after which somebody types.
    pub(crate) fn question(&mut self, question: &str) -> io::Result<()> {
        let text = without_line_commands(&colored(&plain(question)));
        self.to.write_all(text.as_bytes())?;
        self.to.flush()
    }

    /// A document for a program: a format of its own, in which its renderer escaped what is not inert.
    pub(crate) fn document(&mut self, text: &str) -> io::Result<()> {
        let text = without_line_commands(&colored(&laid_out(text)));
        self.to.write_all(text.as_bytes())
    }

    /// Commands to the log of a build: each one ours at its start, and a line of harmless text after that.
    pub(crate) fn command(&mut self, command: &LogCommand) -> io::Result<()> {
        self.to
            .write_all(colored(&format!("{command}\n")).as_bytes())
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    /// The columns to fill, if what is written is to be cut.
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

/// A command that a build is to carry out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogCommand {
    /// What makes it a command.
    pub(crate) ours: &'static str,
    /// Its properties and its message, in the host's own escapes.
    pub(crate) text: String,
}

impl Display for LogCommand {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}", self.ours, plain(&self.text))
    }
}

/// A line next to everything else, to standard error, from code that has no [`Ui`](crate::ui::Ui).
pub(crate) fn aside(line: impl Display) {
    // Nobody is left to tell that stderr cannot be written.
    drop(error(ColorChoice::Never).lines(&Page::of(line)));
}

/// Where the libraries' log goes: each event is one line.
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

/// Standard output for a protocol. Nothing else may write there then.
pub(crate) fn protocol() -> Protocol {
    Protocol(io::stdout())
}

impl Protocol {
    /// Sends a message. Its texts are harmless wherever the stream is shown.
    pub(crate) fn message(&mut self, json: &str) -> io::Result<()> {
        let line = harmless_json(json);
        self.0.write_all(line.as_bytes())?;
        self.0.write_all(b"\n")?;
        self.0.flush()
    }

    /// Sends a message behind a header with its length, as language servers do. Its texts are as harmless.
    pub(crate) fn framed(&mut self, json: &str) -> io::Result<()> {
        let body = harmless_json(json);
        write!(self.0, "Content-Length: {}\r\n\r\n", body.len())?;
        self.0.write_all(body.as_bytes())?;
        self.0.flush()
    }
}

/// Prints help, the version, or what is wrong with the arguments, which somebody else may have written.
pub(crate) fn usage(found: &clap::Error) {
    let text = found.render();
    let uncolored = text.to_string();
    let shown = if laid_out(&uncolored) == uncolored {
        drawn_by_us(&text.ansi().to_string())
    } else {
        uncolored
    };
    // A closed pipe while help is printed is nobody's failure.
    drop(if found.use_stderr() {
        error(ColorChoice::Auto).document(&shown)
    } else {
        out(ColorChoice::Auto).document(&shown)
    });
}

/// A panic is our own mistake, but it may quote what somebody else wrote.
pub(crate) fn explain_panics() {
    std::panic::set_hook(Box::new(|panic| {
        aside(format_args!("internal error: {panic}"));
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            drop(error(ColorChoice::Never).document(&backtrace.to_string()));
        }
    }));
}

/// Runs this very program on the same streams: it has the same door.
pub(crate) fn run_ourselves(command: &mut Command) -> io::Result<ExitStatus> {
    command.status()
}

/// The columns to fill: what `COLUMNS` says, else those of the terminal. What goes into a file or a pipe is not cut.
fn width_of(terminal: Option<(terminal_size::Width, terminal_size::Height)>) -> Option<usize> {
    let said = std::env::var("COLUMNS").ok();
    said.and_then(|columns| columns.parse().ok())
        .filter(|columns| *columns > 0)
        .or_else(|| terminal.map(|(width, _)| usize::from(width.0)))
}
