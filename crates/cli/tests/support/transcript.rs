//! Typed commands and their output, without the parts that differ from run to run.

use super::{Project, Run, Server, deskstate};

/// Commands with their output and exit codes.
pub(crate) struct Transcript<'a> {
    project: &'a Project,
    servers: &'a [(&'a str, &'a Server)],
    text: String,
}

impl<'a> Transcript<'a> {
    /// Starts a transcript of commands in a project. The servers are shown by these names.
    pub(crate) fn new(project: &'a Project, servers: &'a [(&'a str, &'a Server)]) -> Self {
        Self {
            project,
            servers,
            text: String::new(),
        }
    }

    /// Runs `deskstate` with these arguments, or shows a file with `cat`.
    pub(crate) fn typed(mut self, line: &str) -> Self {
        let words: Vec<&str> = line.split(' ').collect();
        let said = match words.split_first() {
            Some((&"cat", files)) => files.iter().map(|file| self.project.read(file)).collect(),
            Some((&"git", arguments)) => self.project.git(arguments),
            _ => {
                let mut command = deskstate(self.project.path());
                let run = Run::from(command.args(&words).output().unwrap());
                let code = run.code.unwrap();
                let ended = if code == 0 {
                    String::new()
                } else {
                    format!("(exit {code})\n")
                };
                format!("{}{}{ended}", run.out, run.err)
            }
        };
        let typed = match words.first() {
            Some(&"cat" | &"git") => line.to_owned(),
            _ => format!("deskstate {line}"),
        };
        self.text.push_str(&format!("$ {typed}\n{said}\n"));
        self
    }

    /// The transcript so far.
    pub(crate) fn text(self) -> String {
        let revision = self.project.git(&["rev-parse", "--short=7", "HEAD"]);
        let mut text = self.text.replace(revision.trim(), "REVISION");
        for (name, server) in self.servers {
            text = text.replace(&server.url, &format!("http://{name}"));
        }
        steady(&text, &[])
    }
}

/// A text without addresses, times, hashes and versions.
pub(crate) fn steady(text: &str, servers: &[&Server]) -> String {
    let mut text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    // Systems use different quotes.
    if cfg!(windows) {
        text = text.replace(r#""deskstate/{env}""#, "'deskstate/{env}'");
    }
    for server in servers {
        text = text.replace(&server.url, "http://SERVER");
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find(|letter: char| letter.is_ascii_hexdigit()) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let length = from
            .find(|letter: char| !letter.is_ascii_hexdigit())
            .unwrap_or(from.len());
        let time = from.get(..20).filter(|time| {
            let bytes = time.as_bytes();
            bytes[4] == b'-' && bytes[10] == b'T' && bytes[13] == b':' && bytes[19] == b'Z'
        });
        let (shown, taken) = match (time, length) {
            (Some(_), _) => ("TIME", 20),
            (None, 32..) => ("HASH", length),
            (None, _) => (&from[..length], length),
        };
        out.push_str(shown);
        rest = &from[taken..];
    }
    out + rest
}
