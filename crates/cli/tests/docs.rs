//! Runs every command in the documents, in order, and checks that the output is as shown.
//!
//! A block of the language `console` is a session: `$ ` begins a command, `> ` continues it, and everything else is the output (both
//! streams). A line `...` stands for any lines. The blocks of a file share one folder, and each continues where the previous one stopped.
//! `<!-- starts with: examples/tenfold -->` first copies an example into the folder. A shell block that cannot be run has a comment `<!--
//! not run: why -->` above it. `<!-- edit FILE: OLD => NEW -->` makes the edit that the text asks of the reader, and `<!-- made by hand:
//! URL -->` starts an environment that was made by hand, behind that address; `<!-- by hand: PROFILE gets AGENT -->` adds an agent to it.
//! `<!-- file FILE -->` saves the block below it. Commands must mean the same in bash and in PowerShell; no shell runs them here.
//! `UPDATE_DOCS=1 cargo test -p deskstate --test scenarios docs::` writes the current output into the documents.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::support;
use tempfile::TempDir;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// All documents: `README.md`, those in `docs/`, and those of the examples.
fn documents() -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md")];
    let mut folders = vec![root().join("docs"), root().join("examples")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The session of one document.
struct Session {
    folder: TempDir,
    here: PathBuf,
    code: i32,
    /// An environment that was made by hand, and its address in the document.
    made: Option<(support::Server, String)>,
}

impl Session {
    fn new(example: Option<&str>) -> Self {
        let folder = TempDir::new().unwrap();
        let here = folder.path().canonicalize().unwrap();
        if let Some(example) = example {
            support::copy(&root().join(example), &here);
        }
        Self {
            folder,
            here,
            code: 0,
            made: None,
        }
    }

    /// Makes a manual change in the environment.
    fn by_hand(&self, what: &str) -> Result<(), String> {
        let (server, _) = self.made.as_ref().ok_or("no environment was made")?;
        let (profile, agent) = what.split_once(" gets ").ok_or("`PROFILE gets AGENT`")?;
        support::by_hand::add_agent(server, profile, agent);
        Ok(())
    }

    /// Makes an edit that readers are asked to make. `\n` is a line feed.
    fn edit(&self, edit: &str) -> Result<(), String> {
        let parts = edit.split_once(": ").and_then(|(file, change)| {
            let (old, new) = change.split_once(" => ")?;
            Some((file, old.replace("\\n", "\n"), new.replace("\\n", "\n")))
        });
        let (file, old, new) =
            parts.ok_or_else(|| format!("`{edit}` is not `FILE: OLD => NEW`"))?;
        let path = self.here.join(file);
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{file}: {error}"))?;
        if text.matches(&old).count() != 1 {
            return Err(format!("{file} does not contain `{old}` once"));
        }
        std::fs::write(path, text.replace(&old, &new)).map_err(|error| format!("{file}: {error}"))
    }

    /// Saves a block as a file, as readers are asked to.
    fn save(&self, file: &str, text: &str) {
        let path = self.here.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Runs a command and returns its output. Fails if it does not mean the same in bash and in PowerShell.
    fn run(&mut self, command: &str) -> Result<String, String> {
        let elsewhere = ["|", "&", ";", "<", ">", "$", "`", "\\", "\n", ",", "\""];
        if command == "echo $?" {
            return Ok(format!("{}\n", self.code));
        }
        let (command, redirected) = match command.split_once(" > ") {
            Some((command, file)) => (command, Some(file)),
            None => (command, None),
        };
        if let Some(mark) = elsewhere.iter().find(|mark| command.contains(**mark)) {
            return Err(format!("`{mark}` has another meaning in PowerShell"));
        }
        let words = words(command);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["deskstate", arguments @ ..] => Ok(self.deskstate(arguments, redirected)),
            ["git", arguments @ ..] => {
                let done = support::git(&self.here, arguments);
                self.code = done.status.code().unwrap_or(-1);
                Ok(String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
            }
            ["cd", folder] => {
                self.here = self.place(folder);
                Ok(String::new())
            }
            ["cat", file] => Ok(std::fs::read_to_string(self.place(file)).unwrap()),
            ["ls", folder] => {
                let mut names: Vec<String> = std::fs::read_dir(self.place(folder))
                    .unwrap()
                    .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                    .filter(|name| !name.starts_with('.'))
                    .collect();
                names.sort();
                Ok(names.join("\n"))
            }
            ["rm", file] => {
                std::fs::remove_file(self.place(file)).unwrap();
                Ok(String::new())
            }
            ["rm", "-r", folder] => {
                std::fs::remove_dir_all(self.place(folder)).unwrap();
                Ok(String::new())
            }
            _ => Err(
                "not every shell has this command: use `<!-- edit -->` or `<!-- file -->`"
                    .to_owned(),
            ),
        }
    }

    /// An existing path in the session's folder.
    fn place(&self, relative: &str) -> PathBuf {
        let place = self.here.join(relative);
        let place = place
            .canonicalize()
            .unwrap_or_else(|_| panic!("no {relative}"));
        assert!(
            place.starts_with(self.folder.path().canonicalize().unwrap()),
            "{relative} is not in the session's folder"
        );
        place
    }

    /// Both streams in the order in which they were written, or only stderr if stdout is redirected to a file.
    fn deskstate(&mut self, arguments: &[&str], redirected: Option<&str>) -> String {
        let (mut said, stderr) = std::io::pipe().unwrap();
        let mut command = support::deskstate(&self.here);
        let arguments = arguments.iter().map(|argument| match &self.made {
            Some((server, address)) => argument.replace(address, &server.url),
            None => (*argument).to_owned(),
        });
        command.args(arguments).env("HOME", self.folder.path());
        match redirected {
            Some(file) => command.stdout(std::fs::File::create(self.here.join(file)).unwrap()),
            None => command.stdout(stderr.try_clone().unwrap()),
        };
        let mut child = command.stderr(stderr).spawn().unwrap();
        // The command holds our ends of the pipe. Unless it is dropped, reading would never end.
        drop(command);
        let mut text = Vec::new();
        said.read_to_end(&mut text).unwrap();
        self.code = child.wait().unwrap().code().unwrap_or(-1);
        let text = String::from_utf8_lossy(&text).into_owned();
        match &self.made {
            Some((server, address)) => text.replace(&server.url, address),
            None => text,
        }
    }
}

/// Splits a command at spaces. Single quotes keep a word together.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in command.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().unwrap().push(other),
        }
    }
    words
}

/// Whether lines match the expected ones; `...` stands for any number of lines.
fn fits(expected: &[&str], actual: &[&str]) -> bool {
    match expected.split_first() {
        None => actual.is_empty(),
        Some((&"...", rest)) => (0..=actual.len()).any(|skipped| fits(rest, &actual[skipped..])),
        Some((line, rest)) => {
            actual
                .first()
                .is_some_and(|first| first.trim_end() == line.trim_end())
                && fits(rest, &actual[1..])
        }
    }
}

/// Runs the sessions of a document. Returns the document with the current output, and the differences.
fn check(text: &str) -> (String, Vec<String>) {
    let example = text.lines().find_map(|line| {
        line.strip_prefix("<!-- starts with: ")?
            .strip_suffix(" -->")
    });
    let mut session = Session::new(example);
    session.made = text.lines().find_map(|line| {
        let address = line
            .strip_prefix("<!-- made by hand: ")?
            .strip_suffix(" -->")?;
        let server = support::Server::plain();
        support::by_hand::desk(&server);
        Some((server, address.to_owned()))
    });
    let mut written = String::new();
    let mut wrong = Vec::new();
    let mut lines = text.lines().peekable();
    let mut previous = "";
    while let Some(line) = lines.next() {
        writeln!(written, "{line}").unwrap();
        // The block ends at a fence like its opening one.
        let fence = &line[..line.bytes().take_while(|byte| *byte == b'`').count()];
        let language = Some(line[fence.len()..].trim())
            .filter(|language| fence.len() >= 3 && !language.is_empty());
        match language {
            Some("console") => {}
            Some(other) => {
                if matches!(other, "sh" | "bash" | "shell")
                    && !previous.starts_with("<!-- not run: ")
                {
                    wrong.push(format!("a block of `{other}` is neither run (`console`) nor says why not (`<!-- not run: why -->`)"));
                }
                let mut block = String::new();
                for line in lines.by_ref() {
                    writeln!(written, "{line}").unwrap();
                    if line == fence {
                        break;
                    }
                    writeln!(block, "{line}").unwrap();
                }
                let file = previous
                    .strip_prefix("<!-- file ")
                    .and_then(|line| line.strip_suffix(" -->"));
                if let Some(file) = file {
                    session.save(file, &block);
                }
                previous = "";
                continue;
            }
            None => {
                if line.trim_start() != line && line.trim_start().starts_with("```") {
                    wrong.push(format!("a block is indented, so nobody runs it: `{line}`"));
                }
                let edit = line
                    .strip_prefix("<!-- edit ")
                    .and_then(|line| line.strip_suffix(" -->"));
                if let Some(Err(problem)) = edit.map(|edit| session.edit(edit)) {
                    wrong.push(problem);
                }
                let by_hand = line
                    .strip_prefix("<!-- by hand: ")
                    .and_then(|line| line.strip_suffix(" -->"));
                if let Some(Err(problem)) = by_hand.map(|what| session.by_hand(what)) {
                    wrong.push(problem);
                }
                if !line.is_empty() {
                    previous = line;
                }
                continue;
            }
        }
        while let Some(line) = lines.next() {
            writeln!(written, "{line}").unwrap();
            if line == fence {
                break;
            }
            let Some(command) = line.strip_prefix("$ ") else {
                wrong.push(format!("`{line}` belongs to no command"));
                continue;
            };
            let mut command = command.to_owned();
            while let Some(more) = lines.next_if(|line| *line == ">" || line.starts_with("> ")) {
                writeln!(written, "{more}").unwrap();
                write!(command, "\n{}", more.strip_prefix("> ").unwrap_or_default()).unwrap();
            }
            let mut expected = Vec::new();
            while let Some(line) = lines.next_if(|line| *line != fence && !line.starts_with("$ ")) {
                expected.push(line);
            }
            let seen = session.run(&command).unwrap_or_else(|problem| {
                wrong.push(format!("$ {command}\n{problem}"));
                String::new()
            });
            let actual: Vec<&str> = seen.trim_end_matches('\n').lines().collect();
            let shown = if fits(&expected, &actual) {
                expected
            } else {
                wrong.push(format!(
                    "$ {command}\n--- the document says\n{}\n--- people see\n{}",
                    expected.join("\n"),
                    actual.join("\n")
                ));
                actual
            };
            for line in shown {
                writeln!(written, "{}", line.trim_end()).unwrap();
            }
        }
    }
    (written, wrong)
}

#[test]
fn what_the_documents_show_is_what_people_see() {
    let mut wrong = Vec::new();
    let mut commands = 0;
    for path in documents() {
        let text = std::fs::read_to_string(&path).unwrap();
        commands += text.lines().filter(|line| line.starts_with("$ ")).count();
        let (written, found) = check(&text);
        if std::env::var_os("UPDATE_DOCS").is_some() && written != text {
            std::fs::write(&path, written).unwrap();
        }
        wrong.extend(
            found
                .into_iter()
                .map(|what| format!("{}\n{what}", path.display())),
        );
    }
    assert!(
        wrong.is_empty(),
        "{}\n\nUPDATE_DOCS=1 cargo test -p deskstate --test scenarios docs::",
        wrong.join("\n\n")
    );
    assert!(commands > 20, "only {commands} commands were found");
}

/// The anchors of a document. mdBook and GitHub derive them from headings in the same way.
fn anchors(text: &str) -> Vec<String> {
    let mut fence = None;
    let mut found: Vec<String> = Vec::new();
    for line in text.lines() {
        let ticks = line.bytes().take_while(|byte| *byte == b'`').count();
        if ticks >= 3 {
            fence = match fence {
                Some(open) if open == ticks => None,
                open => open.or(Some(ticks)),
            };
        }
        let Some(heading) = line.strip_prefix('#').filter(|_| fence.is_none()) else {
            continue;
        };
        let anchor: String = heading
            .trim_start_matches('#')
            .trim()
            .to_lowercase()
            .chars()
            .filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'))
            .map(|letter| if letter == ' ' { '-' } else { letter })
            .collect();
        let again = found
            .iter()
            .filter(|known| {
                known.trim_end_matches(|digit: char| digit.is_ascii_digit() || digit == '-')
                    == anchor
            })
            .count();
        found.push(if again == 0 {
            anchor
        } else {
            format!("{anchor}-{again}")
        });
    }
    found
}

#[test]
fn every_link_between_documents_leads_to_a_file_and_a_heading_of_it() {
    let mut wrong = Vec::new();
    for path in documents() {
        let text = std::fs::read_to_string(&path).unwrap();
        for (start, _) in text.match_indices("](") {
            let link = text[start + 2..].split(')').next().unwrap_or_default();
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                path.clone()
            } else {
                path.parent().unwrap().join(file)
            };
            // The book contains only these pages.
            let in_book = path.starts_with(root().join("docs"));
            let stays = !in_book
                || target
                    .canonicalize()
                    .is_ok_and(|at| at.starts_with(root().join("docs")));
            let leads = target.exists()
                && stays
                && (anchor.is_empty()
                    || anchors(&std::fs::read_to_string(&target).unwrap())
                        .iter()
                        .any(|known| known == anchor));
            if !leads {
                wrong.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn anchors_are_those_of_headings_outside_of_blocks() {
    let text = "# A b: `c`!\n```sh\n# no heading\n```\n## A b\n## A b\n";
    assert_eq!(anchors(text), ["a-b-c", "a-b", "a-b-1"]);
}

#[test]
fn the_table_of_contents_names_every_page() {
    let docs = root().join("docs");
    let summary = std::fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    for path in documents().iter().filter(|path| path.starts_with(&docs)) {
        let page = path
            .strip_prefix(&docs)
            .unwrap()
            .to_string_lossy()
            .replace('\\', "/");
        assert!(
            page == "SUMMARY.md" || summary.contains(&format!("({page})")),
            "SUMMARY.md does not name {page}"
        );
    }
}

#[test]
fn what_only_one_shell_understands_is_refused() {
    let mut session = Session::new(None);
    for command in [
        "sed -i s/a/b/ a.yaml",
        "cat > a.yaml <<'END'\na\nEND",
        "deskstate --version && rm a",
        "export A=1",
        "deskstate explain $KIND",
    ] {
        assert!(session.run(command).is_err(), "{command}");
    }
    assert!(
        session
            .run("deskstate --version")
            .unwrap()
            .starts_with("deskstate ")
    );
    assert_eq!(
        words("deskstate plan -C 'my desk'"),
        ["deskstate", "plan", "-C", "my desk"]
    );
}

#[test]
fn dots_stand_for_any_lines() {
    assert!(fits(&["a", "...", "c"], &["a", "b", "b", "c"]));
    assert!(fits(&["..."], &[]));
    assert!(!fits(&["a", "...", "c"], &["a", "b"]));
    assert!(!fits(&["a"], &["a", "b"]));
}
