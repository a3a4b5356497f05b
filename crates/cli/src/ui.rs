//! How things reach people: colour, streams and verbosity are settled once, here, and nothing else prints.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Effects, Style};
use deskstate_model::{Diagnostic, SourceMap};
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::{Color, Global};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::output::diagnostics;
use crate::output::wrap::wrap;

/// Done.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().effects(Effects::BOLD);
/// Worth a look.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().effects(Effects::BOLD);
/// A loss.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);
/// A hint.
pub(crate) const HINT: Style = AnsiColor::Cyan.on_default();
/// Beside the point.
pub(crate) const DIM: Style = Style::new().effects(Effects::DIMMED);
/// A heading.
pub(crate) const STRONG: Style = Style::new().effects(Effects::BOLD);

/// The streams of one run.
pub(crate) struct Ui {
    out: AutoStream<io::Stdout>,
    error: AutoStream<io::Stderr>,
    quiet: bool,
    verbose: u8,
    interactive: bool,
    colored_errors: bool,
    closed: bool,
    bar: Option<ProgressBar>,
    out_width: Option<usize>,
    error_width: Option<usize>,
}

impl Ui {
    pub(crate) fn new(global: &Global) -> Self {
        let choice = match global.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        let error = AutoStream::new(io::stderr(), choice);
        let colored_errors = error.current_choice() != ColorChoice::Never;
        Self {
            out: AutoStream::new(io::stdout(), choice),
            error,
            quiet: global.quiet,
            verbose: global.verbose,
            interactive: io::stdin().is_terminal() && io::stderr().is_terminal(),
            colored_errors,
            closed: false,
            bar: None,
            out_width: width_of(terminal_size::terminal_size_of(io::stdout())),
            error_width: width_of(terminal_size::terminal_size_of(io::stderr())),
        }
    }

    /// What the libraries trace goes to stderr: `-v` requests, `-vv` everything, `DESKSTATE_LOG` by filter.
    pub(crate) fn start_log(&self) {
        use tracing_subscriber::EnvFilter;
        let by_flag = match self.verbose {
            0 => "off",
            1 => "deskstate=info,deskstate_dataverse=debug,deskstate_reconcile=info",
            _ => {
                "deskstate=trace,deskstate_dataverse=trace,deskstate_reconcile=trace,deskstate_emulator=debug"
            }
        };
        let filter =
            EnvFilter::try_from_env("DESKSTATE_LOG").unwrap_or_else(|_| EnvFilter::new(by_flag));
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(io::stderr)
            .with_ansi(self.colored_errors);
        // A second run in one process keeps the first run's log.
        drop(subscriber.try_init());
    }

    /// A result for people, to stdout: its lines fit the terminal.
    pub(crate) fn page(&mut self, text: impl Display) -> Result<(), Error> {
        match self.out_width {
            Some(width) => self.print(wrap(&text.to_string(), width)),
            None => self.print(text),
        }
    }

    /// A result for programs, to stdout: as it is.
    pub(crate) fn print(&mut self, text: impl Display) -> Result<(), Error> {
        let text = text.to_string();
        match &self.bar {
            Some(bar) => bar.suspend(|| self.out.write_all(text.as_bytes()))?,
            None => self.out.write_all(text.as_bytes())?,
        }
        Ok(())
    }

    /// Sends on what was printed so far, before another program prints.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.out.flush()?;
        Ok(())
    }

    /// Beside the result, to stderr; silenced by `--quiet`.
    pub(crate) fn note(&mut self, text: impl Display) {
        if !self.quiet {
            self.say(&format!("{text}\n"));
        }
    }

    /// Findings with the lines they are about, to stderr; with `--quiet` errors only.
    pub(crate) fn findings(&mut self, found: &[Diagnostic], sources: &SourceMap) {
        let shown: Vec<Diagnostic> = found
            .iter()
            .filter(|finding| finding.is_error() || !self.quiet)
            .cloned()
            .collect();
        let text = diagnostics::render(&shown, sources, self.colored_errors, self.error_width);
        self.say(&text);
    }

    /// How many findings there are, to stderr.
    pub(crate) fn count_findings(&mut self, found: &[Diagnostic]) {
        self.say(&diagnostics::summary(found, self.colored_errors));
    }

    /// To stderr, whatever the verbosity.
    pub(crate) fn say(&mut self, text: &str) {
        let wrapped = self.error_width.map(|width| wrap(text, width));
        let text = wrapped.as_deref().unwrap_or(text);
        // Nobody is left to tell that stderr cannot be written.
        match &self.bar {
            Some(bar) => bar.suspend(|| drop(self.error.write_all(text.as_bytes()))),
            None => drop(self.error.write_all(text.as_bytes())),
        }
    }

    /// A bar below what is said, on a terminal; elsewhere, and with `--quiet`, nothing.
    pub(crate) fn start_bar(&mut self, verb: &'static str, total: usize, of_what: &str) {
        let form = format!("[{{wide_bar}}] {{pos}}/{{len}} {of_what}, {{elapsed}}");
        self.start(ProgressBar::new(total as u64), verb, &form);
    }

    /// What is waited for, and how long already, on a terminal; elsewhere, and with `--quiet`, nothing.
    pub(crate) fn start_waiting(&mut self, verb: &'static str, what: &str) {
        let bar = ProgressBar::new_spinner().with_message(what.to_owned());
        self.start(bar, verb, "{wide_msg} {elapsed}");
    }

    fn start(&mut self, bar: ProgressBar, verb: &'static str, form: &str) {
        if self.quiet || !io::stderr().is_terminal() {
            return;
        }
        let verb_style = if self.colored_errors {
            "{prefix:>12.cyan.bold}"
        } else {
            "{prefix:>12}"
        };
        let style = ProgressStyle::with_template(&format!("{verb_style} {form}"))
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ");
        let bar = bar.with_style(style).with_prefix(verb);
        bar.enable_steady_tick(Duration::from_millis(250));
        self.bar = Some(bar);
    }

    /// What the bar stands for from here on.
    pub(crate) fn name_bar(&mut self, verb: &'static str) {
        if let Some(bar) = &self.bar {
            bar.set_prefix(verb);
        }
    }

    /// So much more of it is done.
    pub(crate) fn advance_bar(&mut self, by: usize) {
        if let Some(bar) = &self.bar {
            bar.inc(by as u64);
        }
    }

    /// Takes the bar away.
    pub(crate) fn end_bar(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// A verb, right-aligned as Cargo does, and what it was done to.
    pub(crate) fn verb(&mut self, style: Style, verb: &str, what: impl Display) {
        self.note(format_args!("{style}{verb:>12}{style:#} {what}"));
    }

    /// What to do next.
    pub(crate) fn hint(&mut self, text: impl Display) {
        self.note(format_args!("{HINT}next:{HINT:#} {text}"));
    }

    /// Whether stderr takes colour.
    pub(crate) fn colored(&self) -> bool {
        self.colored_errors
    }

    /// Whether somebody sits at a terminal and can be asked.
    pub(crate) fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// Asks for a yes. Anything else is a no.
    pub(crate) fn confirm(&mut self, question: &str) -> Result<bool, Error> {
        self.say(&format!("{question} Only `yes` is taken as a yes: "));
        self.error.flush()?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        Ok(answer.trim() == "yes")
    }

    /// The end of a command that failed: the chain of causes, and what to do next.
    pub(crate) fn failure(&mut self, error: &Error) {
        if error.is_closed_pipe() {
            self.closed = true;
            return;
        }
        if matches!(error, Error::InvalidManifests) {
            return;
        }
        self.say(&format!("{BAD}error{BAD:#}{STRONG}: {error}{STRONG:#}\n"));
        let mut shown = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(source) = cause {
            let text = source.to_string();
            if !shown.contains(&text) {
                self.say(&format!("  caused by: {}\n", crate::output::plain(&text)));
                shown.push_str(&text);
            }
            cause = source.source();
        }
        if let Some(hint) = error.hint() {
            self.say(&format!("  {HINT}help{HINT:#}: {hint}\n"));
        }
    }

    /// Flushes; a reader that went away is as good as one that read everything.
    pub(crate) fn finish(&mut self, code: ExitCode) -> ExitCode {
        match self.out.flush() {
            Ok(()) => code,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => code,
            Err(error) => {
                self.say(&format!(
                    "{BAD}error{BAD:#}: output could not be written: {error}\n"
                ));
                ExitCode::Failed
            }
        }
    }
}

/// The columns to fill: what `COLUMNS` says, else those of the terminal. What goes into a file or a pipe is not cut.
fn width_of(terminal: Option<(terminal_size::Width, terminal_size::Height)>) -> Option<usize> {
    let said = std::env::var("COLUMNS").ok();
    said.and_then(|columns| columns.parse().ok())
        .filter(|columns| *columns > 0)
        .or_else(|| terminal.map(|(width, _)| usize::from(width.0)))
}
