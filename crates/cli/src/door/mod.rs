//! The only door for output. Everything that a command writes to a stream passes through here, and `clippy.toml` forbids every other way.
//!
//! Text from outside cannot control the program that reads the stream. Control characters and invisible characters are shown as their
//! numbers, such as `\u{1b}`, and build-log commands are broken in the same way. Our own colours pass because a [`Style`] writes a mark
//! that only this process knows, so text from outside cannot contain it.

mod escape;
mod page;
mod stream;
mod style;

pub(crate) use escape::{harmless_json, plain, visible};
pub(crate) use page::Page;
pub(crate) use stream::{
    LogCommand, Protocol, Stream, aside, error, explain_panics, log, out, protocol, run_ourselves,
    usage,
};
pub(crate) use style::{BAD, DIM, GOOD, HINT, STRONG, Style, WARN};
