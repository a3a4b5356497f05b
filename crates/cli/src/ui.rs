//! Output to people. Colour, streams and verbosity are decided once, here, and nothing else prints.

use std::fmt::Display;
use std::io::{self, BufRead as _, IsTerminal, Read as _};
use std::time::Duration;

use anstream::ColorChoice;
use deskstate_dataverse::Stop;
use deskstate_model::{Diagnostic, SourceMap};
use indicatif::{ProgressBar, ProgressStyle};

use crate::door::{self, BAD, HINT, LogCommand, Page, STRONG, Stream, Style, plain};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::{Color, Global};
use crate::output::diagnostics;

/// Maximum size of an answer to a question, in bytes.
const LONGEST_ANSWER: u64 = 1024;

/// The streams of one run.
pub(crate) struct Ui {
    out: Stream<io::Stdout>,
    error: Stream<io::Stderr>,
    quiet: bool,
    verbose: u8,
    bar: Option<ProgressBar>,
    /// Collected output, if it is for a program instead of the streams.
    told: Option<Told>,
}

/// The output that a command would have written to its streams.
#[derive(Default)]
pub(crate) struct Told {
    /// Findings, with the files they refer to.
    pub(crate) findings: Vec<(Vec<Diagnostic>, SourceMap)>,
    /// Everything else, line by line, without colours.
    pub(crate) lines: Vec<String>,
}

impl Told {
    fn hear(&mut self, page: &Page) {
        self.lines
            .extend(page.uncolored().lines().map(str::to_owned));
    }
}

impl Ui {
    pub(crate) fn new(global: &Global) -> Self {
        let choice = match global.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        Self {
            out: door::out(choice),
            error: door::error(choice),
            quiet: global.quiet,
            verbose: global.verbose,
            bar: None,
            told: None,
        }
    }

    /// Creates an instance that collects its output and writes nothing to the streams.
    pub(crate) fn listening() -> Self {
        Self {
            told: Some(Told::default()),
            ..Self::new(&Global::default())
        }
    }

    /// Takes the output collected so far.
    pub(crate) fn told(&mut self) -> Told {
        self.told.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Sends the libraries' log to stderr: `-v` logs requests, `-vv` everything, `DESKSTATE_LOG` is a filter.
    pub(crate) fn start_log(&self) {
        use tracing_subscriber::EnvFilter;
        let by_flag = match self.verbose {
            0 => "off",
            1 => "deskstate=info,deskstate_dataverse=debug,deskstate_reconcile=info",
            _ => {
                "deskstate=trace,deskstate_dataverse=trace,deskstate_reconcile=trace,deskstate_emulator=debug"
            }
        };
        let given = crate::setting::of("DESKSTATE_LOG");
        let given = given.and_then(|given| EnvFilter::try_new(given).ok());
        let mut filter = given.unwrap_or_else(|| EnvFilter::new(by_flag));
        // Calls of `mcp` are always recorded.
        if let Ok(audit) = "deskstate::audit=info".parse() {
            filter = filter.add_directive(audit);
        }
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(door::log)
            .with_ansi(false);
        // A second run in the same process keeps the log of the first.
        drop(subscriber.try_init());
    }

    /// Prints a line for people to stdout.
    pub(crate) fn line(&mut self, line: impl Display) -> Result<(), Error> {
        self.page(&Page::of(line))
    }

    /// Prints a result of several lines for people to stdout.
    pub(crate) fn page(&mut self, page: &Page) -> Result<(), Error> {
        if let Some(told) = &mut self.told {
            told.hear(page);
            return Ok(());
        }
        let out = &mut self.out;
        beside(self.bar.as_ref(), || out.lines(page))?;
        Ok(())
    }

    /// Prints a result for programs to stdout, with everything unsafe escaped by its renderer.
    pub(crate) fn print(&mut self, text: impl Display) -> Result<(), Error> {
        let text = text.to_string();
        if let Some(told) = &mut self.told {
            text.lines().for_each(|line| told.hear(&Page::of(line)));
            return Ok(());
        }
        let out = &mut self.out;
        beside(self.bar.as_ref(), || out.document(&text))?;
        Ok(())
    }

    /// Prints build-log commands to stdout.
    pub(crate) fn command_log(&mut self, commands: &[LogCommand]) -> Result<(), Error> {
        for command in commands.iter().filter(|_| self.told.is_none()) {
            self.out.command(command)?;
        }
        Ok(())
    }

    /// Flushes the output so far, before another program prints.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.out.flush()?;
        Ok(())
    }

    /// Prints a line that accompanies the result to stderr. `--quiet` suppresses it.
    pub(crate) fn note(&mut self, line: impl Display) {
        if !self.quiet {
            self.say(line);
        }
    }

    /// Prints findings with their source lines to stderr; with `--quiet`, errors only.
    pub(crate) fn findings(&mut self, found: &[Diagnostic], sources: &SourceMap) {
        if let Some(told) = &mut self.told {
            told.findings.push((found.to_vec(), sources.clone()));
            return;
        }
        let shown: Vec<Diagnostic> = found
            .iter()
            .filter(|finding| finding.is_error() || !self.quiet)
            .cloned()
            .collect();
        let page = diagnostics::render(&shown, sources, self.colored(), self.error.width());
        self.say_page(&page);
    }

    /// Prints the number of findings to stderr.
    pub(crate) fn count_findings(&mut self, found: &[Diagnostic]) {
        if self.told.is_some() {
            return;
        }
        self.say_page(&diagnostics::summary(found));
    }

    /// Prints a line to stderr at any verbosity. Line feeds in it are text from outside.
    pub(crate) fn say(&mut self, line: impl Display) {
        self.say_page(&Page::of(line));
    }

    /// Prints several lines to stderr at any verbosity.
    pub(crate) fn say_page(&mut self, page: &Page) {
        if let Some(told) = &mut self.told {
            told.hear(page);
            return;
        }
        let error = &mut self.error;
        // If stderr cannot be written, there is no one left to tell.
        beside(self.bar.as_ref(), || drop(error.lines(page)));
    }

    /// Shows a bar below the output, on a terminal only and not with `--quiet`.
    pub(crate) fn start_bar(&mut self, verb: &'static str, total: usize, of_what: &str) {
        let form = format!("[{{wide_bar}}] {{pos}}/{{len}} {of_what}, {{elapsed}}");
        self.start(ProgressBar::new(total as u64), verb, &form);
    }

    /// Shows the name and duration of a wait, on a terminal only and not with `--quiet`.
    pub(crate) fn start_waiting(&mut self, verb: &'static str, what: &str) {
        let bar = ProgressBar::new_spinner().with_message(plain(what));
        self.start(bar, verb, "{wide_msg} {elapsed}");
    }

    fn start(&mut self, bar: ProgressBar, verb: &'static str, form: &str) {
        if self.quiet || self.told.is_some() || !self.error.is_terminal() {
            return;
        }
        let verb_style = if self.colored() {
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

    /// Changes the label of the bar.
    pub(crate) fn name_bar(&mut self, verb: &'static str) {
        if let Some(bar) = &self.bar {
            bar.set_prefix(verb);
        }
    }

    /// Advances the bar.
    pub(crate) fn advance_bar(&mut self, by: usize) {
        if let Some(bar) = &self.bar {
            bar.inc(by as u64);
        }
    }

    /// Removes the bar.
    pub(crate) fn end_bar(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Prints a right-aligned verb, as Cargo does, and its object.
    pub(crate) fn verb(&mut self, style: Style, verb: &str, what: impl Display) {
        self.note(format_args!("{style}{verb:>12}{style:#} {what}"));
    }

    /// Prints the next step.
    pub(crate) fn hint(&mut self, text: impl Display) {
        self.note(format_args!("{HINT}next:{HINT:#} {text}"));
    }

    /// Whether only results and errors are wanted.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether stderr supports colour.
    pub(crate) fn colored(&self) -> bool {
        self.error.has_color()
    }

    /// Whether there is a user at a terminal who can be asked.
    pub(crate) fn is_interactive(&self) -> bool {
        self.told.is_none() && io::stdin().is_terminal() && self.error.is_terminal()
    }

    /// Asks for confirmation. Any answer other than `yes` declines, and so does an interrupt.
    async fn confirm(&mut self, question: &str, stop: &Stop) -> Result<bool, Error> {
        let error = &mut self.error;
        beside(self.bar.as_ref(), || {
            error.question(&format!("{question} Type `yes` to continue: "))
        })?;
        let (tell, answer) = tokio::sync::oneshot::channel();
        // Nothing can interrupt the reading of a line, so the process may end while this thread still waits for it.
        std::thread::spawn(move || {
            let mut line = String::new();
            // The length is limited, because a line may never end.
            let mut input = io::stdin().lock().take(LONGEST_ANSWER);
            drop(tell.send(input.read_line(&mut line).map(|_| line)));
        });
        tokio::select! {
            answer = answer => match answer {
                Ok(line) => Ok(line?.trim() == "yes"),
                Err(_) => Ok(false),
            },
            () = stop.stopped() => {
                self.note("");
                Ok(false)
            }
        }
    }

    /// Asks for a confirmation, unless it was given with `--yes`.
    ///
    /// # Errors
    /// If nobody can be asked, or the answer is no.
    pub(crate) async fn agree(
        &mut self,
        yes: bool,
        command: &str,
        question: &str,
        stop: &Stop,
    ) -> Result<(), Error> {
        if yes {
            return Ok(());
        }
        if !self.is_interactive() {
            let stream = if io::stdin().is_terminal() {
                "standard error"
            } else {
                "standard input"
            };
            return Err(Error::Refused {
                message: format!("{command} needs a confirmation, and {stream} is not a terminal"),
                hint: Some("add `--yes`".to_owned()),
            });
        }
        if self.confirm(question, stop).await? {
            return Ok(());
        }
        Err(Error::Refused {
            message: "cancelled; nothing was changed".to_owned(),
            hint: None,
        })
    }

    /// Reports the error of a failed command: the chain of causes, and the next step.
    pub(crate) fn failure(&mut self, error: &Error) {
        if error.is_closed_pipe() || matches!(error, Error::InvalidManifests) {
            return;
        }
        let mut shown = error.to_string();
        self.say(format_args!("{BAD}error{BAD:#}{STRONG}: {shown}{STRONG:#}"));
        let mut cause = std::error::Error::source(error);
        while let Some(source) = cause {
            let text = source.to_string();
            if !shown.contains(&text) {
                self.say(format_args!("  caused by: {text}"));
                shown.push_str(&text);
            }
            cause = source.source();
        }
        for (word, line) in error.account() {
            self.say(format_args!("  {word}: {line}"));
        }
        if let Some(hint) = error.hint() {
            self.say(format_args!("  {HINT}help{HINT:#}: {hint}"));
        }
    }

    /// Flushes the output. If the reader has closed the pipe, that is not an error.
    pub(crate) fn finish(&mut self, code: ExitCode) -> ExitCode {
        match self.out.flush() {
            Ok(()) => code,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => code,
            Err(error) => {
                self.say(format_args!(
                    "{BAD}error{BAD:#}: output could not be written: {error}"
                ));
                ExitCode::Failed
            }
        }
    }
}

/// Writes while the bar, if any, is hidden.
fn beside<T>(bar: Option<&ProgressBar>, write: impl FnOnce() -> T) -> T {
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}
